//! How each output column of a statement is computed: the chain of scopes with the place of every
//! expression and of every clause that decides rows. "Explain this number" reads it.

use serde::{Deserialize, Serialize};

use super::{RowEdgeKind, Span};

/// The scopes of one statement. Scope 0 is the outermost query; an empty list means that the
/// statement has no query.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Derivation {
    /// Every scope, outermost first; [`DerivedColumn`] and [`ScopeInput`] refer to them by index.
    pub scopes: Vec<DerivedScope>,
}

/// One SELECT, set operation or virtual relation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DerivedScope {
    /// What the scope is.
    pub kind: ScopeKind,
    /// The CTE's name or the subquery's alias; "" where it has none.
    pub name: String,
    /// The whole scope, bytes in the statement's text.
    pub span: Span,
    /// What it reads, in order of the FROM clause; branches for a set operation.
    pub inputs: Vec<ScopeInput>,
    /// The clauses that decide which rows exist.
    pub clauses: Vec<RowClause>,
    /// Output columns in order.
    pub columns: Vec<DerivedColumn>,
}

/// What a scope is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScopeKind {
    /// A SELECT.
    Select,
    /// UNION, INTERSECT or EXCEPT of its inputs.
    SetOperation,
    /// UNNEST, FLATTEN, a table function, PIVOT: a relation computed from its inputs.
    Computed,
    /// VALUES, or a query without FROM.
    Values,
}

/// One thing that a scope reads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScopeInput {
    /// The alias it is called by in this scope.
    pub alias: String,
    /// What it is.
    pub from: InputFrom,
    /// Where it stands.
    pub span: Span,
}

/// What a scope's input is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InputFrom {
    /// A real relation: an index into [`super::Analysis::relations`].
    Relation(u32),
    /// Another scope of this derivation: a CTE, a subquery, a branch.
    Scope(u32),
    /// A relation that an earlier statement of the script made and that is gone since:
    /// (statement index, scope index).
    Earlier(u32, u32),
}

/// A clause that decides which rows exist.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RowClause {
    /// What it does.
    pub kind: RowEdgeKind,
    /// The word in the text: `where`, `having`, `qualify`, `on`, `using`, `group by`, `distinct`, `limit`.
    pub word: String,
    /// The condition or the keys, without the keyword.
    pub span: Span,
}

/// One output column of a scope.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DerivedColumn {
    /// The name it has outside.
    pub name: String,
    /// The expression, bytes in the statement's text; the star for expanded ones.
    pub span: Span,
    /// What happens to the value.
    pub step: Step,
    /// What it is computed from, in order of appearance.
    pub inputs: Vec<ColumnInput>,
}

/// What a column's expression does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Copies one column.
    Copies,
    /// Computes row by row.
    Transforms,
    /// Computes over groups of rows.
    Aggregates,
    /// Computes over a window.
    Windows,
    /// Counts rows: `count(*)`.
    CountsRows,
    /// Has no source column: a literal, `current_date`.
    Constant,
}

/// One column that an expression reads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ColumnInput {
    /// Index into the scope's `inputs`; `None` where the input is not known or is of an outer scope.
    pub input: Option<u32>,
    /// The column's name there, with its struct path (`items.sku`).
    pub column: String,
    /// How it takes part.
    pub kind: super::ColumnEdgeKind,
}
