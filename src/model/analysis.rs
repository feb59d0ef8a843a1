//! What reading one SQL text yields.

use serde::{Deserialize, Serialize};

use super::{AssetKind, ColumnEdgeKind, Derivation, Diagnostic, LineIndex, RelationName, RowEdgeKind, Span};

/// Index into [`Analysis::relations`].
pub type RelationId = u32;

/// The lineage of one script.
///
/// `statements` hold what each statement does by itself; `targets` hold what the script does as a
/// whole, with temporary tables composed away.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Analysis {
    /// Every relation named in the script, as first written.
    pub relations: Vec<RelationName>,
    /// One entry per statement, in order; statements that could not be parsed among them.
    pub statements: Vec<StatementLineage>,
    /// What the script leaves behind, one entry per relation or routine written, in order of first write.
    pub targets: Vec<TargetLineage>,
    /// What could not be known.
    pub diagnostics: Vec<Diagnostic>,
    /// Where the text was composed from pieces of a file: for every line of the text, the 1-based
    /// line of the file. Set by the crawl.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<u32>,
}

impl Analysis {
    /// Finds lines of the file by bytes of the text.
    pub fn line_index(&self, text: &str) -> LineIndex {
        LineIndex::new(text).with_origins(&self.lines)
    }
}

/// What one statement does.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StatementLineage {
    /// The statement, bytes in the text.
    pub span: Span,
    /// What it is: `select`, `create table`, `insert`, `merge`, … ; `unparsed` where it could not be read.
    pub verb: String,
    /// Relations read, sorted by first appearance.
    pub sources: Vec<RelationId>,
    /// Relations written.
    pub targets: Vec<RelationId>,
    /// Column edges; the target's relation is `None` for the result of a bare SELECT.
    pub columns: Vec<ColumnEdge>,
    /// Columns that decide which rows of the targets exist.
    pub rows: Vec<RowEdge>,
    /// Relations dropped.
    pub drops: Vec<RelationId>,
    /// Relations whose former content is gone (CREATE OR REPLACE, CTAS, TRUNCATE, INSERT OVERWRITE).
    pub replaces: Vec<RelationId>,
    /// Relations renamed or swapped: (old, new).
    pub renames: Vec<(RelationId, RelationId)>,
    /// Routines called.
    pub calls: Vec<RelationName>,
    /// Names of the result's columns, in order.
    pub outputs: Vec<OutputColumn>,
    /// False while a star among `outputs` is not expanded.
    pub outputs_complete: bool,
    /// How each output is computed.
    pub derivation: Derivation,
}

/// A column edge of one statement.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ColumnEdge {
    /// The relation read; `None` where it cannot be known.
    pub from: Option<RelationId>,
    /// Its column with struct path (`items.sku`); `*` for a star that cannot be expanded.
    pub from_column: String,
    /// The relation written; `None` for the result of a bare SELECT.
    pub to: Option<RelationId>,
    /// Its column; `*` for a star that cannot be expanded.
    pub to_column: String,
    /// How the source takes part.
    pub kind: ColumnEdgeKind,
    /// Rests on a guess.
    pub guessed: bool,
    /// The expression that makes the edge, bytes in the text.
    pub span: Span,
}

/// A column that decides which rows exist.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RowEdge {
    /// The relation read; `None` where it cannot be known.
    pub from: Option<RelationId>,
    /// Its column.
    pub from_column: String,
    /// How it decides.
    pub kind: RowEdgeKind,
    /// The clause, bytes in the text.
    pub span: Span,
}

/// A column of a statement's result or of a relation.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct OutputColumn {
    /// The name; the expression's text where it has none; `*` for a star that cannot be expanded.
    pub name: String,
    /// The expression, bytes in the text.
    pub span: Span,
}

/// What a script leaves behind in one relation, or one routine that it defines.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TargetLineage {
    /// The relation; `None` for the result of a bare SELECT, which the layout may name.
    pub relation: Option<RelationId>,
    /// What it is made to be; `None` where the script only writes into it.
    pub kind: Option<AssetKind>,
    /// The statements that write it (indexes into [`Analysis::statements`]).
    pub statements: Vec<u32>,
    /// Real relations read on the way, temporary ones composed away.
    pub sources: Vec<RelationId>,
    /// Column edges from real relations into this one (`to` equals `relation`).
    pub columns: Vec<ColumnEdge>,
    /// Row edges from real relations.
    pub rows: Vec<RowEdge>,
    /// Columns that the SQL gives it, in order; empty where it only declares or copies nothing.
    pub outputs: Vec<OutputColumn>,
    /// False while a star among `outputs` is not expanded.
    pub outputs_complete: bool,
    /// Whether the renderings of a template put out different columns; `outputs` holds those of all. Set
    /// by the crawl.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub outputs_vary: bool,
    /// Columns declared by DDL, with types; nested fields are not flattened here.
    pub declared: Vec<DeclaredColumn>,
    /// Routines called on the way.
    pub calls: Vec<RelationName>,
    /// What its DDL says of it and of its columns, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<Remark>,
    /// Another document's CREATE holds in place of this one, which moves nothing: set by the crawl.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub superseded: bool,
}

impl TargetLineage {
    /// A target that nothing is known of yet.
    pub fn new(relation: Option<RelationId>) -> TargetLineage {
        TargetLineage {
            relation,
            kind: None,
            statements: Vec::new(),
            sources: Vec::new(),
            columns: Vec::new(),
            rows: Vec::new(),
            outputs: Vec::new(),
            outputs_complete: true,
            outputs_vary: false,
            declared: Vec::new(),
            calls: Vec::new(),
            remarks: Vec::new(),
            superseded: false,
        }
    }
}

impl StatementLineage {
    /// Whether it creates a relation with a query: CREATE … AS, SELECT INTO.
    pub fn creates_with_query(&self) -> bool {
        let creates = self.verb.starts_with("create ") || self.verb == "select into";
        creates && !self.replaces.is_empty() && !self.outputs.is_empty()
    }
}

impl TargetLineage {
    /// Whether the script creates it with a query, rather than declaring it or writing into it;
    /// `statement` finds the script's statements by their index.
    pub fn is_defined<'s>(&self, statement: impl Fn(u32) -> Option<&'s StatementLineage>) -> bool {
        let created = self.kind.is_some_and(|kind| kind != AssetKind::Routine);
        created && self.statements.iter().filter_map(|at| statement(*at)).any(StatementLineage::creates_with_query)
    }
}

/// A description in DDL.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Remark {
    /// The column that it describes; "" for the relation.
    pub column: String,
    /// What it says.
    pub text: String,
    /// The literal, bytes in the text.
    pub span: Span,
}

/// A column declared by DDL, a schema file or an artifact.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DeclaredColumn {
    /// The name; nested fields as a dotted path.
    pub name: String,
    /// The type as written; "" where unknown.
    pub data_type: String,
    /// What it means, if anybody said.
    pub description: Option<String>,
}

/// What the catalog knows of a relation when SQL that reads it is analysed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct KnownRelation {
    /// Top-level columns in order, as first declared.
    pub columns: Vec<String>,
    /// False where there may be more.
    pub complete: bool,
    /// Nested fields that are known, as dotted paths below the columns (`items.sku`).
    pub nested: Vec<String>,
    /// Wildcard tables, external names: the relation is known by another name.
    pub aliases: Vec<String>,
}

/// What the catalog knows of a routine.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct KnownRoutine {
    /// Parameter names, in order.
    pub parameters: Vec<String>,
    /// The SQL body: an expression or a query; `None` for other languages.
    pub body: Option<String>,
    /// Whether the body is a query that yields a relation.
    pub is_table: bool,
    /// Whether it aggregates.
    pub is_aggregate: bool,
}
