//! What names mean inside one SELECT; [`resolve`] looks them up.

mod resolve;

use std::rc::Rc;

use smallvec::SmallVec;
use sqlparser::ast;

use super::{
    engine::{Engine, Read, ScopeIndex, Shape},
    names::Sym,
    value::{Column, Columns, Item, Lineage, OpenStar, Origin, RelationIndex, StarOrigin, UNKNOWN, Value},
};
use crate::model::{ColumnEdgeKind, Dialect, Span};

/// The names in sight inside one SELECT.
pub(crate) struct Scope<'s> {
    /// Its record.
    pub(crate) record: ScopeIndex,
    /// What FROM brings, in order.
    pub(crate) inputs: Vec<Input>,
    /// Columns merged by USING and NATURAL, in order.
    pub(crate) merged: Vec<Column>,
    /// Names of the SELECT list that may be used by others in this scope.
    pub(crate) aliases: Vec<Alias>,
    /// Expressions of the SELECT list that may be used before they are reached (ClickHouse).
    pub(crate) pending: Vec<(Sym, &'s ast::Expr)>,
    /// Set while a SELECT list is read whose items do not see each other.
    pub(crate) aliases_hidden: std::cell::Cell<bool>,
    /// Whether an alias is preferred to a column of the same name.
    pub(crate) aliases_win: bool,
    /// Named windows.
    pub(crate) windows: Vec<(Sym, &'s ast::NamedWindowExpr)>,
    /// The scope around a correlated subquery.
    pub(crate) parent: Option<&'s Scope<'s>>,
}

/// A name of the SELECT list.
pub(crate) struct Alias {
    pub(crate) key: Sym,
    pub(crate) value: Value,
    pub(crate) reads: Vec<Read>,
    pub(crate) links: Vec<ScopeIndex>,
}

/// One thing that FROM brings.
#[derive(Clone)]
pub(crate) struct Input {
    /// The key of the alias; of the last part where there is none.
    pub(crate) alias: Sym,
    /// Keys of a table's full name, for `schema.table.column`; empty for others.
    pub(crate) path: SmallVec<[Sym; 3]>,
    /// Its columns.
    pub(crate) relation: InputColumns,
    /// The value that the alias itself stands for (UNNEST's element).
    pub(crate) element: Option<Value>,
    /// The element may be a struct whose fields are not known.
    pub(crate) open_element: bool,
    /// How reads of it are recorded: index of a recorded input and a prefix of the column's path.
    pub(crate) record: (u32, Sym),
    /// Keys of columns merged away by USING: no part of a star.
    pub(crate) merged_away: SmallVec<[Sym; 2]>,
    /// SEMI and ANTI joins: visible to ON, no part of the result.
    pub(crate) hidden: bool,
    /// Found by its alias alone: what pipe syntax joined before.
    pub(crate) by_alias_only: bool,
    /// The scope that yields its columns, where it is one.
    pub(crate) scope: Option<ScopeIndex>,
}

/// The columns of an input.
#[derive(Clone)]
pub(crate) enum InputColumns {
    /// A real relation.
    Base { relation: RelationIndex, shape: Rc<Shape> },
    /// A subquery, CTE or computed relation.
    Derived(Rc<Columns>),
}

/// What looking a name up in one input found.
enum Found {
    /// The column is there.
    Yes(Value),
    /// The input's columns are not all known: it may be there.
    Maybe(Value),
    /// It is not there.
    No,
}

impl<'s> Scope<'s> {
    /// A scope without inputs.
    pub(crate) fn new(record: ScopeIndex, parent: Option<&'s Scope<'s>>) -> Self {
        Scope {
            record,
            inputs: Vec::new(),
            merged: Vec::new(),
            aliases: Vec::new(),
            pending: Vec::new(),
            aliases_hidden: std::cell::Cell::new(false),
            aliases_win: false,
            windows: Vec::new(),
            parent,
        }
    }
}

impl Input {
    /// Every column, in order, as `SELECT *` sees them.
    pub(crate) fn star(&self, engine: &mut Engine, span: Span) -> Vec<(Item, Option<Read>)> {
        let mut items = Vec::new();
        match &self.relation {
            InputColumns::Base { relation, shape } => {
                for name in &shape.columns {
                    let key = engine.names.key(*name);
                    if !self.merged_away.contains(&key) {
                        let column = Column { name: *name, value: Value::base(*relation, *name, false), span };
                        items.push((Item::Column(column), Some(self.read(engine, *name))));
                    }
                }
                if !shape.complete {
                    let known = shape.index.keys().copied().chain(self.merged_away.iter().copied());
                    let star = OpenStar {
                        from: SmallVec::from_slice(&[StarOrigin { relation: *relation, prefix: Sym::NONE }]),
                        except: known.collect(),
                        kind: ColumnEdgeKind::Identity,
                        made_of: Lineage::new(),
                        span,
                    };
                    items.push((Item::Star(star), Some(self.read(engine, Sym::STAR))));
                }
            }
            InputColumns::Derived(columns) => {
                engine.use_all(self.scope);
                for item in &columns.items {
                    match item {
                        Item::Column(column) => {
                            if !self.merged_away.contains(&engine.names.key(column.name)) {
                                items.push((Item::Column(column.clone()), Some(self.read(engine, column.name))));
                            }
                        }
                        Item::Star(star) => {
                            let mut star = star.clone();
                            if !self.merged_away.is_empty() {
                                star.except = star.except.iter().chain(&self.merged_away).copied().collect();
                            }
                            items.push((Item::Star(star), Some(self.read(engine, Sym::STAR))));
                        }
                    }
                }
            }
        }
        items
    }

    /// The whole row as one value, its columns as fields.
    pub(crate) fn row(&self, engine: &mut Engine, span: Span) -> Value {
        let whole = Input { merged_away: SmallVec::new(), ..self.clone() };
        let items: Vec<Item> = whole.star(engine, span).into_iter().map(|(item, _)| item).collect();
        struct_of(items)
    }

    fn read(&self, engine: &mut Engine, column: Sym) -> Read {
        Read { input: self.record.0, column: engine.names.join(self.record.1, column), kind: ColumnEdgeKind::Identity }
    }

    /// The column at a 1-based position, with its name; `written` where only the position is known.
    fn at_position(&self, at: usize, written: Sym, engine: &mut Engine) -> Option<(Value, Sym)> {
        let at = at.checked_sub(1)?;
        match &self.relation {
            InputColumns::Base { relation, shape } => {
                let known = shape.columns.get(at).filter(|_| shape.complete).copied();
                let stage = engine
                    .relations
                    .get(*relation as usize)
                    .is_some_and(|name| name.parts.first().is_some_and(|part| part.text.starts_with('@')));
                let column = known.or_else(|| (!shape.complete).then_some(written))?;
                Some((Value::base(*relation, column, known.is_none() && !stage), column))
            }
            InputColumns::Derived(columns) => {
                engine.use_all(self.scope);
                let before_stars = columns.items.iter().take(at + 1).all(|item| matches!(item, Item::Column(_)));
                match columns.items.get(at).filter(|_| before_stars)? {
                    Item::Column(column) => Some((column.value.clone(), column.name)),
                    Item::Star(_) => None,
                }
            }
        }
    }

    fn find(&self, name: Sym, key: Sym, engine: &mut Engine) -> Found {
        if engine.dialect == Dialect::Snowflake
            && let Some(at) = engine.names.text(key).strip_prefix('$').and_then(|digits| digits.parse::<usize>().ok())
            && let Some((value, _)) = self.at_position(at, name, engine)
        {
            return Found::Yes(value);
        }
        match &self.relation {
            InputColumns::Base { relation, shape } => match shape.index.get(&key) {
                Some(at) => Found::Yes(Value::base(*relation, shape.columns[*at as usize], false)),
                None if !shape.complete => Found::Maybe(Value::base(*relation, name, false)),
                None if is_pseudo_column(engine.names.text(key), engine.dialect) => {
                    Found::Yes(Value::base(*relation, name, false))
                }
                None => Found::No,
            },
            InputColumns::Derived(columns) => {
                if let Some(column) = columns.find(key, &engine.names) {
                    engine.use_column(self.scope, key);
                    return Found::Yes(column.value.clone());
                }
                let mut candidates: Vec<Value> =
                    columns.stars().filter_map(|star| star.column(name, key, &mut engine.names)).collect();
                match candidates.len() {
                    0 => Found::No,
                    1 => Found::Maybe(candidates.remove(0)),
                    _ => Found::Maybe(unknown(name)),
                }
            }
        }
    }
}

/// A struct of these columns.
pub(crate) fn struct_of(items: Vec<Item>) -> Value {
    let mut lineage = super::value::Lineage::new();
    for item in &items {
        match item {
            Item::Column(column) => lineage.extend(
                column
                    .value
                    .lineage
                    .iter()
                    .map(|origin| Origin { kind: origin.kind.then(ColumnEdgeKind::Transformation), ..*origin }),
            ),
            Item::Star(star) => lineage.extend(star.origins().map(|origin| Origin {
                kind: origin.kind.then(ColumnEdgeKind::Transformation),
                guessed: false,
                ..origin
            })),
        }
    }
    Value { fields: Some(Rc::new(Columns::new(items))), ..Value::of(lineage) }
}

fn unknown(name: Sym) -> Value {
    Value::base(UNKNOWN, name, true)
}

/// Columns that every table of a dialect has and no schema lists.
fn is_pseudo_column(key: &str, dialect: Dialect) -> bool {
    match dialect {
        Dialect::BigQuery => {
            matches!(
                key,
                "_table_suffix" | "_partitiontime" | "_partitiondate" | "_file_name" | "_change_type" | "_change_timestamp"
            )
        }
        Dialect::Snowflake => key.starts_with("metadata$"),
        Dialect::Oracle | Dialect::Sqlite => key == "rowid",
        Dialect::Postgres | Dialect::Redshift => matches!(key, "ctid" | "xmin" | "xmax" | "tableoid"),
        Dialect::Databricks | Dialect::Spark | Dialect::Hive => key == "_metadata" || key == "input__file__name",
        Dialect::Trino => key.starts_with('$'),
        Dialect::ClickHouse => matches!(key, "_table" | "_part" | "_file" | "_path"),
        Dialect::DuckDb => matches!(key, "rowid" | "filename"),
        Dialect::Ansi | Dialect::Generic | Dialect::MySql | Dialect::MsSql | Dialect::Teradata | Dialect::Vertica => false,
    }
}
