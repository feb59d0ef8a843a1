//! The state of analysing one script: names, relations, scopes, what was asked of the catalog.

use std::{rc::Rc, sync::Arc};

use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::SmallVec;
use sqlparser::ast;

use super::{
    Lookups,
    names::{Names, Sym},
    value::{Columns, Lineage, RelationIndex, Value},
};
use crate::model::{
    Code, ColumnEdgeKind, Diagnostic, Dialect, Ident, KnownRelation, RelationName, RowEdgeKind, ScopeKind, Span, Step,
};

/// Index into [`Engine::scopes`].
pub(crate) type ScopeIndex = u32;

/// Deepest inlining of routines in routines.
const MAX_INLINE_DEPTH: u32 = 12;

/// Everything that is known while one script is analysed.
pub(crate) struct Engine<'a> {
    pub(crate) text: &'a str,
    pub(crate) dialect: Dialect,
    pub(crate) lookups: &'a dyn Lookups,
    pub(crate) names: Names,
    /// Relations named so far, as first written.
    pub(crate) relations: Vec<RelationName>,
    relation_keys: FxHashMap<String, RelationIndex>,
    shapes: Vec<Option<Rc<Shape>>>,
    /// Scopes of the current statement.
    pub(crate) scopes: Vec<ScopeRecord>,
    /// CTEs in sight, innermost last.
    pub(crate) ctes: Vec<Cte>,
    /// Script variables and their values.
    pub(crate) variables: FxHashMap<Sym, Value>,
    /// Texts that variables hold all through the script so far; `None` where that is not known.
    pub(crate) texts: FxHashMap<Sym, Option<String>>,
    /// Routines by key, as the script or the catalog knows them; `None` where neither does.
    pub(crate) routines: FxHashMap<String, Option<Rc<Routine>>>,
    /// Keys of routines that the current statement calls.
    pub(crate) called: FxHashSet<String>,
    pub(crate) inline_depth: u32,
    /// Columns read by the output expression that is being evaluated.
    pub(crate) trail: Vec<Read>,
    /// The scope whose output is being evaluated, and the subqueries in that output.
    pub(crate) output_links: Option<(ScopeIndex, Vec<ScopeIndex>)>,
    /// Relations that the current statement reads.
    pub(crate) sources: Vec<RelationIndex>,
    /// Routines that the current statement calls.
    pub(crate) calls: Vec<RelationName>,
    pub(crate) diagnostics: Vec<Diagnostic>,
    reported: FxHashSet<(&'static str, Span)>,
    /// Database and schema set by USE.
    pub(crate) session: (Option<String>, Option<String>),
    /// Writing statements that stood in the place of queries of the current statement.
    pub(crate) nested: Vec<super::statement::Outcome>,
    /// Spans point here while a routine's body is inlined: into the call.
    pub(crate) span_override: Option<Span>,
}

/// The columns of a real relation.
#[derive(Debug, Default)]
pub(crate) struct Shape {
    /// Top-level columns in order.
    pub(crate) columns: Vec<Sym>,
    /// Whether there are no others.
    pub(crate) complete: bool,
    /// Positions by key.
    pub(crate) index: FxHashMap<Sym, u32>,
    /// What the catalog said, for nested fields.
    pub(crate) known: Option<Arc<KnownRelation>>,
}

/// One SELECT, set operation or computed relation, as it is being read.
#[derive(Clone, Debug)]
pub(crate) struct ScopeRecord {
    pub(crate) kind: ScopeKind,
    pub(crate) name: Sym,
    pub(crate) span: Span,
    pub(crate) inputs: Vec<RecordedInput>,
    pub(crate) clauses: Vec<(RowEdgeKind, &'static str, Span)>,
    pub(crate) columns: Vec<RecordedColumn>,
    /// Base columns that decide its rows.
    pub(crate) rows: Vec<(RelationIndex, Sym, RowEdgeKind, Span)>,
    /// Scopes that decide its rows too: inputs, subqueries.
    pub(crate) children: SmallVec<[ScopeIndex; 4]>,
    /// Subqueries that stand in an output column, by the column's key: they matter where it is used.
    pub(crate) column_links: Vec<(Sym, ScopeIndex)>,
    /// Keys of its columns that something uses.
    pub(crate) used: FxHashSet<Sym>,
    /// Something uses all of them.
    pub(crate) all_used: bool,
}

/// An input of a scope.
#[derive(Clone, Debug)]
pub(crate) struct RecordedInput {
    pub(crate) alias: Sym,
    pub(crate) from: RecordedFrom,
    pub(crate) span: Span,
}

/// What an input is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum RecordedFrom {
    Relation(RelationIndex),
    Scope(ScopeIndex),
}

/// An output column of a scope.
#[derive(Clone, Debug)]
pub(crate) struct RecordedColumn {
    pub(crate) name: Sym,
    pub(crate) span: Span,
    pub(crate) step: Step,
    pub(crate) inputs: Vec<Read>,
}

/// A column that an expression reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Read {
    /// Index of the input; `u32::MAX` where it is not known or of an outer scope.
    pub(crate) input: u32,
    pub(crate) column: Sym,
    pub(crate) kind: ColumnEdgeKind,
}

/// A CTE in sight.
#[derive(Clone)]
pub(crate) struct Cte {
    pub(crate) key: Sym,
    pub(crate) result: QueryResult,
}

/// What a query yields.
#[derive(Clone, Debug)]
pub(crate) struct QueryResult {
    pub(crate) columns: Rc<Columns>,
    pub(crate) scope: ScopeIndex,
    /// `SELECT AS STRUCT`: as a scalar it is a struct of its columns.
    pub(crate) as_struct: bool,
}

/// A routine with a SQL body.
#[derive(Debug)]
pub(crate) struct Routine {
    pub(crate) parameters: Vec<Sym>,
    pub(crate) body: RoutineBody,
    pub(crate) is_aggregate: bool,
}

/// The body of a routine.
#[derive(Debug)]
pub(crate) enum RoutineBody {
    Expression(Box<ast::Expr>),
    Query(Box<ast::Query>),
    Opaque,
}

impl<'a> Engine<'a> {
    /// An engine for `text` that has read nothing yet.
    pub(crate) fn new(text: &'a str, dialect: Dialect, lookups: &'a dyn Lookups) -> Self {
        Engine {
            text,
            dialect,
            lookups,
            names: Names::new(dialect == Dialect::ClickHouse),
            relations: Vec::new(),
            relation_keys: FxHashMap::default(),
            shapes: Vec::new(),
            scopes: Vec::new(),
            ctes: Vec::new(),
            variables: FxHashMap::default(),
            texts: FxHashMap::default(),
            routines: FxHashMap::default(),
            called: FxHashSet::default(),
            inline_depth: 0,
            trail: Vec::new(),
            output_links: None,
            sources: Vec::new(),
            calls: Vec::new(),
            diagnostics: Vec::new(),
            reported: FxHashSet::default(),
            session: (None, None),
            nested: Vec::new(),
            span_override: None,
        }
    }

    /// Says something once per place.
    pub(crate) fn report(&mut self, code: &'static Code, message: impl FnOnce() -> String, span: Span) {
        if self.reported.insert((code.code, span)) {
            self.diagnostics.push(Diagnostic::new(code, message(), span));
        }
    }

    /// The bytes of a parsed node.
    pub(crate) fn bytes(&self, span: sqlparser::tokenizer::Span) -> Span {
        match self.span_override {
            Some(span) => span,
            None => super::spans::bytes(span),
        }
    }

    /// The symbol of an identifier.
    pub(crate) fn sym(&mut self, ident: &ast::Ident) -> Sym {
        self.names.intern(&ident.value)
    }

    /// The key of an identifier.
    pub(crate) fn key(&mut self, ident: &ast::Ident) -> Sym {
        let sym = self.names.intern(&ident.value);
        self.names.key(sym)
    }

    /// The name of a relation or routine as written; a backticked `a.b.c` is three parts.
    pub(crate) fn relation_name(&self, name: &ast::ObjectName) -> RelationName {
        let mut parts = Vec::with_capacity(name.0.len());
        for part in &name.0 {
            match part {
                ast::ObjectNamePart::Identifier(ident) => self.push_parts(ident, &mut parts),
                ast::ObjectNamePart::Function(function) => match function.args.iter().find_map(identifier_text) {
                    Some(name) => parts.extend(name.split('.').map(Ident::bare)),
                    None => return RelationName { parts: Vec::new() },
                },
            }
        }
        self.file_path(&mut parts);
        self.pipeline_schema(&mut parts);
        RelationName { parts }
    }

    /// In a Databricks pipeline `live.t` is the table t that the pipeline defines.
    fn pipeline_schema(&self, parts: &mut Vec<Ident>) {
        if parts.len() == 2 && self.dialect == Dialect::Databricks && parts[0].text.eq_ignore_ascii_case("live") {
            parts.remove(0);
        }
    }

    /// Spark's `parquet.`path`` names a file, read in that format.
    fn file_path(&self, parts: &mut Vec<Ident>) {
        const FORMATS: &[&str] = &["parquet", "json", "csv", "orc", "avro", "delta", "text", "binaryfile"];
        if let [format, path] = parts.as_slice()
            && matches!(self.dialect, Dialect::Spark | Dialect::Databricks)
            && path.text.contains('/')
            && FORMATS.contains(&format.text.to_ascii_lowercase().as_str())
        {
            parts.remove(0);
        }
    }

    fn push_parts(&self, ident: &ast::Ident, parts: &mut Vec<Ident>) {
        let quoted = ident.quote_style.is_some();
        let splits = quoted
            && ident.value.contains('.')
            && matches!(self.dialect, Dialect::BigQuery | Dialect::Databricks | Dialect::Spark | Dialect::Generic)
            && !ident.value.contains('/');
        if splits {
            parts.extend(ident.value.split('.').map(|part| Ident::quoted(part.trim())));
        } else {
            parts.push(Ident { text: ident.value.as_str().into(), quoted });
        }
    }

    /// The relation of that name, entered as first written.
    pub(crate) fn relation(&mut self, name: &RelationName) -> RelationIndex {
        if name.parts.is_empty() {
            return super::value::UNKNOWN;
        }
        let completed = match (&self.session.0, &self.session.1) {
            (None, None) => None,
            (Some(database), None) if name.parts.len() == 1 => Some(name.completed(None, Some(database))),
            (database, schema) => Some(name.completed(database.as_deref(), schema.as_deref())),
        };
        let name = completed.as_ref().unwrap_or(name);
        let key = name.key(self.dialect);
        if let Some(known) = self.relation_keys.get(&key) {
            return *known;
        }
        let index = self.relations.len() as RelationIndex;
        self.relations.push(name.clone());
        self.shapes.push(None);
        self.relation_keys.insert(key, index);
        index
    }

    /// The relation of that name, if the script has named it.
    pub(crate) fn find_relation(&self, name: &RelationName) -> Option<RelationIndex> {
        self.relation_keys.get(&name.key(self.dialect)).copied()
    }

    /// Notes that the current statement reads `relation`.
    pub(crate) fn read(&mut self, relation: RelationIndex) {
        let dual = matches!(self.dialect, Dialect::Oracle | Dialect::MySql)
            && self
                .relations
                .get(relation as usize)
                .is_some_and(|name| name.parts.len() == 1 && name.last().eq_ignore_ascii_case("dual"));
        if relation != super::value::UNKNOWN && !dual && !self.sources.contains(&relation) {
            self.sources.push(relation);
        }
    }

    /// The relations that the current statement reads, but for those that only a CTE reads which
    /// nothing uses.
    pub(crate) fn reached_sources(&self, roots: &[ScopeIndex]) -> Vec<RelationIndex> {
        let mut reached = vec![false; self.scopes.len()];
        let mut todo: Vec<ScopeIndex> = roots.to_vec();
        while let Some(scope) = todo.pop() {
            if let Some(flag) = reached.get_mut(scope as usize)
                && !std::mem::replace(flag, true)
            {
                let record = &self.scopes[scope as usize];
                todo.extend(&record.children);
                todo.extend(record.column_links.iter().map(|(_, link)| *link));
                todo.extend(record.inputs.iter().filter_map(|input| match input.from {
                    RecordedFrom::Scope(scope) => Some(scope),
                    RecordedFrom::Relation(_) => None,
                }));
            }
        }
        let mut somewhere = FxHashSet::default();
        let mut within_reach = FxHashSet::default();
        for (record, reached) in self.scopes.iter().zip(&reached) {
            for input in &record.inputs {
                if let RecordedFrom::Relation(relation) = input.from {
                    somewhere.insert(relation);
                    if *reached {
                        within_reach.insert(relation);
                    }
                }
            }
        }
        self.sources.iter().copied().filter(|source| !somewhere.contains(source) || within_reach.contains(source)).collect()
    }

    /// The columns of `relation`, as the script or the catalog knows them.
    pub(crate) fn shape(&mut self, relation: RelationIndex) -> Rc<Shape> {
        if let Some(Some(shape)) = self.shapes.get(relation as usize) {
            return Rc::clone(shape);
        }
        let known = self.relations.get(relation as usize).and_then(|name| self.lookups.relation(name));
        let shape = Rc::new(match known {
            Some(known) => {
                let columns: Vec<Sym> = known.columns.iter().map(|column| self.names.intern(column)).collect();
                Shape { known: Some(Arc::clone(&known)), ..self.shape_of(columns, known.complete) }
            }
            None => Shape::default(),
        });
        if let Some(slot) = self.shapes.get_mut(relation as usize) {
            *slot = Some(Rc::clone(&shape));
        }
        shape
    }

    /// Remembers the columns that the script gave `relation`.
    pub(crate) fn set_shape(&mut self, relation: RelationIndex, columns: Vec<Sym>, complete: bool) {
        let shape = Rc::new(self.shape_of(columns, complete));
        if let Some(slot) = self.shapes.get_mut(relation as usize) {
            *slot = Some(shape);
        }
    }

    /// Forgets what the script said of `relation`.
    pub(crate) fn clear_shape(&mut self, relation: RelationIndex) {
        if let Some(slot) = self.shapes.get_mut(relation as usize) {
            *slot = None;
        }
    }

    /// Copies the columns of `from` to `to`, as a rename or LIKE does.
    pub(crate) fn copy_shape(&mut self, from: RelationIndex, to: RelationIndex) {
        let shape = self.shape(from);
        if let Some(slot) = self.shapes.get_mut(to as usize) {
            *slot = Some(shape);
        }
    }

    fn shape_of(&mut self, columns: Vec<Sym>, complete: bool) -> Shape {
        let mut index = FxHashMap::default();
        for (at, column) in columns.iter().enumerate() {
            index.entry(self.names.key(*column)).or_insert(at as u32);
        }
        Shape { columns, complete, index, known: None }
    }

    /// The CTE in sight under `key`.
    pub(crate) fn find_cte(&self, key: Sym) -> Option<&Cte> {
        self.ctes.iter().rev().find(|cte| cte.key == key)
    }

    /// A new scope of the current statement.
    pub(crate) fn open_scope(&mut self, kind: ScopeKind, span: Span) -> ScopeIndex {
        self.scopes.push(ScopeRecord {
            kind,
            name: Sym::NONE,
            span,
            inputs: Vec::new(),
            clauses: Vec::new(),
            columns: Vec::new(),
            rows: Vec::new(),
            children: SmallVec::new(),
            column_links: Vec::new(),
            used: FxHashSet::default(),
            all_used: false,
        });
        (self.scopes.len() - 1) as ScopeIndex
    }

    /// The record of a scope.
    pub(crate) fn scope(&mut self, scope: ScopeIndex) -> &mut ScopeRecord {
        &mut self.scopes[scope as usize]
    }

    /// Notes that `child` decides the rows of `scope` too.
    pub(crate) fn link(&mut self, scope: ScopeIndex, child: ScopeIndex) {
        if let Some((collecting, links)) = &mut self.output_links
            && *collecting == scope
        {
            links.push(child);
            return;
        }
        let children = &mut self.scope(scope).children;
        if !children.contains(&child) {
            children.push(child);
        }
    }

    /// Notes that a column of `scope` is used.
    pub(crate) fn use_column(&mut self, scope: Option<ScopeIndex>, key: Sym) {
        if let Some(record) = scope.and_then(|scope| self.scopes.get_mut(scope as usize))
            && !record.all_used
        {
            record.used.insert(key);
        }
    }

    /// Notes that all columns of `scope` are used.
    pub(crate) fn use_all(&mut self, scope: Option<ScopeIndex>) {
        if let Some(record) = scope.and_then(|scope| self.scopes.get_mut(scope as usize)) {
            record.all_used = true;
        }
    }

    /// Notes that `lineage` decides which rows of `scope` exist.
    pub(crate) fn decide_rows(&mut self, scope: ScopeIndex, kind: RowEdgeKind, span: Span, lineage: &Lineage) {
        let rows = &mut self.scopes[scope as usize].rows;
        rows.extend(lineage.iter().map(|origin| (origin.relation, origin.column, kind, span)));
    }

    /// Enters a routine's body unless that goes too deep.
    pub(crate) fn may_inline(&self) -> bool {
        self.inline_depth < MAX_INLINE_DEPTH
    }
}

/// The name that `IDENTIFIER('a.b')` stands for, where it is constant.
fn identifier_text(arg: &ast::FunctionArg) -> Option<String> {
    super::expr::argument_expr(arg).and_then(super::statement::identifier_argument)
}
