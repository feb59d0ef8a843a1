//! Queries: CTEs, set operations, SELECT, and what they yield.

mod clauses;
mod pipe;
mod set_operation;
mod star;
mod with;

pub(crate) use star::like;

use super::{
    engine::{Engine, QueryResult, Read, RecordedColumn, ScopeIndex},
    names::Sym,
    scope::{Alias, Scope},
    spans::span_of,
    value::{Column, Columns, Item, Lineage},
};
use crate::model::{Dialect, ScopeKind, Span, Step};
use sqlparser::ast::{self, Expr, SelectItem, SetExpr, Spanned};
use std::rc::Rc;
/// What an ORDER BY may decide.
#[derive(Clone, Copy)]
pub(crate) struct Ordering<'q> {
    pub(crate) exprs: &'q [ast::OrderByExpr],
    /// Whether LIMIT, TOP or FETCH cuts rows off.
    pub(crate) cuts: bool,
}
impl Engine<'_> {
    /// Reads a query; `parent` is the scope around a correlated one.
    pub(crate) fn query(&mut self, query: &ast::Query, parent: Option<&Scope>) -> QueryResult {
        stacker::maybe_grow(128 << 10, 4 << 20, || self.query_here(query, parent))
    }

    fn query_here(&mut self, query: &ast::Query, parent: Option<&Scope>) -> QueryResult {
        let ctes = self.ctes.len();
        if let Some(with) = &query.with {
            self.with(with, parent);
        }
        let cuts = query.limit_clause.is_some() || query.fetch.is_some();
        let exprs = match &query.order_by {
            Some(ast::OrderBy { kind: ast::OrderByKind::Expressions(exprs), .. }) => exprs.as_slice(),
            _ => &[],
        };
        let by_all = matches!(&query.order_by, Some(ast::OrderBy { kind: ast::OrderByKind::All(_), .. }));
        let (mut result, ranges) = match query.body.as_ref() {
            SetExpr::Select(select) if !query.pipe_operators.is_empty() && select.projection.is_empty() => {
                self.piped_from(select, parent)
            }
            body => (self.set_expr(body, parent, Ordering { exprs, cuts }), Vec::new()),
        };
        if by_all && cuts {
            for item in Rc::clone(&result.columns).items.iter() {
                let lineage = item_origins(item);
                self.decide_rows(result.scope, crate::model::RowEdgeKind::Sort, Span::default(), &lineage);
            }
        }
        if !query.pipe_operators.is_empty() {
            result = self.pipe((result, ranges), &query.pipe_operators, parent, query.span());
        }
        self.ctes.truncate(ctes);
        result
    }

    /// The result with its columns renamed by position, in its record too.
    pub(crate) fn rename_result(&mut self, result: QueryResult, names: &[Sym]) -> QueryResult {
        let former: Vec<Sym> = self.scope(result.scope).columns.iter().map(|column| column.name).collect();
        let keys: Vec<(Sym, Sym)> =
            former.iter().zip(names).map(|(old, new)| (self.names.key(*old), self.names.key(*new))).collect();
        let record = self.scope(result.scope);
        for (column, name) in record.columns.iter_mut().zip(names) {
            column.name = *name;
        }
        // What uses a column knows its new name alone.
        let links = std::mem::take(&mut record.column_links);
        for (key, link) in links {
            let renamed = keys.iter().filter(|(old, _)| *old == key).map(|(_, new)| *new);
            let before = record.column_links.len();
            record.column_links.extend(renamed.map(|new| (new, link)));
            if record.column_links.len() == before {
                record.column_links.push((key, link));
            }
        }
        QueryResult { columns: Rc::new(result.columns.renamed(names)), ..result }
    }

    pub(crate) fn set_expr(&mut self, body: &SetExpr, parent: Option<&Scope>, order: Ordering) -> QueryResult {
        match body {
            SetExpr::Select(select) => self.select(select, parent, order),
            SetExpr::Query(query) => {
                let result = self.query(query, parent);
                self.order_result(&result, order);
                result
            }
            SetExpr::SetOperation { .. } => {
                let result = self.set_operation(body, parent);
                self.order_result(&result, order);
                result
            }
            SetExpr::Values(values) => self.values(values, parent),
            SetExpr::Table(table) => self.table_command(table),
            SetExpr::Insert(statement) | SetExpr::Update(statement) | SetExpr::Delete(statement) | SetExpr::Merge(statement) => {
                self.nested_statement(statement)
            }
        }
    }

    pub(crate) fn values(&mut self, values: &ast::Values, parent: Option<&Scope>) -> QueryResult {
        let span = span_of(values);
        let record = self.open_scope(ScopeKind::Values, span);
        let scope = Scope::new(record, parent);
        let mut items: Vec<Item> = Vec::new();
        for row in values.rows.iter().take(10_000) {
            for (at, expr) in row.content.iter().enumerate() {
                let value = self.value(expr, &scope);
                match items.get_mut(at) {
                    Some(Item::Column(column)) => column.value.merge(value, &self.names),
                    _ => {
                        let name = self.names.intern(&values_column(self.dialect, at));
                        items.push(Item::Column(Column { name, value, span: span_of(expr) }));
                    }
                }
            }
        }
        self.trail.clear();
        self.record_items(record, &items);
        QueryResult { columns: Rc::new(Columns::new(items)), scope: record, as_struct: false }
    }

    fn record_items(&mut self, record: ScopeIndex, items: &[Item]) {
        let columns = items
            .iter()
            .map(|item| match item {
                Item::Column(column) => RecordedColumn {
                    name: column.name,
                    span: column.span,
                    step: if column.value.lineage.is_empty() { Step::Constant } else { Step::Transforms },
                    inputs: Vec::new(),
                },
                Item::Star(star) => RecordedColumn { name: Sym::STAR, span: star.span, step: Step::Copies, inputs: Vec::new() },
            })
            .collect();
        self.scope(record).columns = columns;
    }

    /// `TABLE t` as a query.
    fn table_command(&mut self, table: &ast::Table) -> QueryResult {
        let parts = [table.schema_name.as_deref(), table.table_name.as_deref()];
        let dotted: Vec<&str> = parts.into_iter().flatten().collect();
        let name = ast::ObjectName(dotted.iter().map(|part| ast::ObjectNamePart::Identifier(ast::Ident::new(*part))).collect());
        let record = self.open_scope(ScopeKind::Select, Span::default());
        let mut scope = Scope::new(record, None);
        self.add_table(&mut scope, &name, None, Span::default());
        let items = self.star(&scope, Span::default());
        self.finish(&mut scope, items)
    }

    pub(crate) fn select(&mut self, select: &ast::Select, parent: Option<&Scope>, order: Ordering) -> QueryResult {
        let record = self.open_scope(ScopeKind::Select, span_of(select));
        let mut scope = Scope::new(record, parent);
        scope.aliases_win = self.dialect == Dialect::ClickHouse;
        for from in &select.from {
            self.table_with_joins(&mut scope, from, parent);
        }
        for view in &select.lateral_views {
            self.lateral_view(&mut scope, view);
        }
        for window in &select.named_window {
            let key = self.key(&window.0);
            scope.windows.push((key, &window.1));
        }
        if scope.aliases_win {
            for item in &select.projection {
                if let SelectItem::ExprWithAlias { expr, alias } = item {
                    let key = self.key(alias);
                    scope.pending.push((key, expr));
                }
            }
        }
        if let Some(window) = self.time_window(select, &scope) {
            scope.inputs.push(super::expr::parameter_input(vec![window]));
        }
        let items = self.projection(select, &mut scope);
        scope.pending.clear();
        self.clauses(select, &mut scope, &items, order);
        let as_struct =
            matches!(select.value_table_mode, Some(ast::ValueTableMode::AsStruct | ast::ValueTableMode::DistinctAsStruct));
        let mut items = items;
        if let Some(exclude) = &select.exclude {
            let excluded = self.excluded(exclude);
            items.retain(|item| !excluded.contains(&self.names.key(item_name(&item.0))));
        }
        if matches!(select.value_table_mode, Some(ast::ValueTableMode::AsValue | ast::ValueTableMode::DistinctAsValue)) {
            items = self.value_table(items);
        }
        let result = self.finish(&mut scope, items);
        QueryResult { as_struct, ..result }
    }

    pub(crate) fn finish(&mut self, scope: &mut Scope, items: Vec<(Item, Recorded)>) -> QueryResult {
        let mut columns = Vec::with_capacity(items.len());
        let mut recorded = Vec::with_capacity(items.len());
        for (item, record) in items {
            if !record.links.is_empty() {
                let key = self.names.key(item_name(&item));
                self.scope(scope.record).column_links.extend(record.links.iter().map(|link| (key, *link)));
            }
            let span = match &item {
                Item::Column(column) => column.span,
                Item::Star(star) => star.span,
            };
            recorded.push(RecordedColumn { name: item_name(&item), span, step: record.step, inputs: record.reads });
            columns.push(item);
        }
        self.scope(scope.record).columns = recorded;
        QueryResult { columns: Rc::new(Columns::new(columns)), scope: scope.record, as_struct: false }
    }

    pub(crate) fn projection<'q>(&mut self, select: &'q ast::Select, scope: &mut Scope<'q>) -> Vec<(Item, Recorded)> {
        let mut items = Vec::with_capacity(select.projection.len());
        if select.projection.is_empty() && matches!(select.flavor, ast::SelectFlavor::FromFirstNoSelect) {
            return self.star(scope, span_of(select));
        }
        self.select_items(&select.projection, scope, &mut items);
        items
    }

    /// Evaluates select items from left to right; earlier aliases are in sight of later ones.
    pub(crate) fn select_items<'q>(
        &mut self,
        projection: &'q [SelectItem],
        scope: &mut Scope<'q>,
        items: &mut Vec<(Item, Recorded)>,
    ) {
        for item in projection {
            match item {
                SelectItem::UnnamedExpr(Expr::Wildcard(_)) => items.extend(self.star(scope, span_of(item))),
                SelectItem::UnnamedExpr(expr) => {
                    if !self.expanded_columns(expr, scope, items) {
                        let name = match self.implied_name(expr) {
                            Some(name) => name,
                            None => self.text_name(expr),
                        };
                        items.push(self.output(expr, name, scope));
                    }
                }
                SelectItem::ExprWithAlias { expr, alias } => {
                    let before = items.len();
                    if self.expanded_columns(expr, scope, items) {
                        self.name_expanded(&alias.value, &mut items[before..]);
                        continue;
                    }
                    let name = self.sym(alias);
                    let output = self.output(expr, name, scope);
                    self.add_alias(scope, &output);
                    items.push(output);
                }
                SelectItem::ExprWithAliases { expr, aliases } => {
                    let made = self.generated(expr, aliases.len(), scope);
                    for (at, alias) in aliases.iter().enumerate() {
                        let name = self.sym(alias);
                        let mut output = self.output(expr, name, scope);
                        if let Item::Column(column) = &mut output.0
                            && let Some(value) = made.as_ref().and_then(|made| made.get(at))
                        {
                            column.value = value.clone();
                        }
                        items.push(output);
                    }
                }
                SelectItem::Wildcard(options) => {
                    let star = self.star(scope, self.bytes(options.wildcard_token.0.span));
                    items.extend(self.star_options(star, options, scope));
                }
                SelectItem::QualifiedWildcard(kind, options) => {
                    let star = self.qualified_star(kind, scope, self.bytes(options.wildcard_token.0.span));
                    items.extend(self.star_options(star, options, scope));
                }
            }
        }
    }

    /// What COLUMNS yields under an alias, in which `\\0` stands for the column's own name.
    fn name_expanded(&mut self, alias: &str, items: &mut [(Item, Recorded)]) {
        for (item, _) in items {
            if let Item::Column(column) = item {
                let name = alias.replace("\\0", self.names.text(column.name));
                column.name = self.names.intern(&name);
            }
        }
    }

    fn add_alias(&mut self, scope: &mut Scope, output: &(Item, Recorded)) {
        if let (Item::Column(column), recorded) = output {
            let key = self.names.key(column.name);
            let reads = recorded.reads.clone();
            scope.aliases.retain(|alias| alias.key != key);
            let links = recorded.links.clone();
            scope.aliases.push(Alias { key, value: column.value.clone(), reads, links });
        }
    }

    pub(crate) fn output(&mut self, expr: &Expr, name: Sym, scope: &Scope) -> (Item, Recorded) {
        self.trail.clear();
        scope.aliases_hidden.set(!self.lateral_aliases());
        let outer = self.output_links.replace((scope.record, Vec::new()));
        let value = self.value(expr, scope);
        let links = std::mem::replace(&mut self.output_links, outer).map(|(_, links)| links).unwrap_or_default();
        scope.aliases_hidden.set(false);
        let mut reads = std::mem::take(&mut self.trail);
        dedup_reads(&mut reads);
        let step = match self.step_of(expr, &value) {
            // Of a column further in that reads none itself.
            Step::Constant if !reads.is_empty() => match expr {
                Expr::Identifier(_) | Expr::CompoundIdentifier(_) => Step::Copies,
                _ => Step::Transforms,
            },
            step => step,
        };
        let span = match self.span_override {
            Some(span) => span,
            None => super::spans::place_of_expr(self.text, expr),
        };
        (Item::Column(Column { name, value, span }), Recorded { step, reads, links })
    }

    /// Whether the SELECT list sees aliases to its left.
    fn lateral_aliases(&self) -> bool {
        match self.dialect {
            Dialect::Snowflake
            | Dialect::Redshift
            | Dialect::Databricks
            | Dialect::Spark
            | Dialect::DuckDb
            | Dialect::ClickHouse
            | Dialect::Teradata
            | Dialect::Generic
            | Dialect::Vertica
            | Dialect::BigQuery => true,
            Dialect::Ansi
            | Dialect::Postgres
            | Dialect::MySql
            | Dialect::MsSql
            | Dialect::Oracle
            | Dialect::Hive
            | Dialect::Trino
            | Dialect::Sqlite => false,
        }
    }

    /// The subqueries in outputs that no scope keeps decide the rows of `record`.
    pub(crate) fn link_outputs(&mut self, record: ScopeIndex, outputs: &[(Item, Recorded)]) {
        for link in outputs.iter().flat_map(|(_, recorded)| &recorded.links) {
            self.link(record, *link);
        }
    }

    /// The name of an expression that has none: its text.
    pub(crate) fn text_name(&mut self, expr: &Expr) -> Sym {
        let text = super::spans::span_of(expr).of(self.text);
        let written = if text.is_empty() || self.span_override.is_some() {
            expr.to_string()
        } else {
            super::spans::closed(self.text, super::spans::span_of(expr)).to_owned()
        };
        self.names.intern(written.trim())
    }

    /// Closes a computed scope (PIVOT and its like) over `items`.
    pub(crate) fn finish_computed(&mut self, scope: &mut Scope, items: Vec<(Item, Recorded)>) -> QueryResult {
        self.finish(scope, items)
    }

    /// An output of `expr`, for the makers of computed relations.
    pub(crate) fn computed_output(&mut self, expr: &Expr, name: Sym, scope: &Scope) -> (Item, Recorded) {
        self.output(expr, name, scope)
    }
}
/// How an output came about, for the derivation.
#[derive(Clone, Debug)]
pub(crate) struct Recorded {
    pub(crate) step: Step,
    pub(crate) reads: Vec<Read>,
    /// Subqueries that stand in it.
    pub(crate) links: Vec<ScopeIndex>,
}
/// The name of a column; `*` for a star.
pub(crate) fn item_name(item: &Item) -> Sym {
    match item {
        Item::Column(column) => column.name,
        Item::Star(_) => Sym::STAR,
    }
}
/// Everything that takes part in an item.
pub(crate) fn item_origins(item: &Item) -> Lineage {
    match item {
        Item::Column(column) => column.value.lineage.clone(),
        Item::Star(star) => star.origins().collect(),
    }
}
fn dedup_reads(reads: &mut Vec<Read>) {
    if reads.len() < 2 {
        return;
    }
    let mut seen = rustc_hash::FxHashSet::default();
    reads.retain(|read| seen.insert((read.input, read.column, read.kind)));
}
fn values_column(dialect: Dialect, at: usize) -> String {
    match dialect {
        Dialect::Trino | Dialect::DuckDb => format!("col{at}"),
        Dialect::Spark | Dialect::Databricks | Dialect::Hive => format!("col{}", at + 1),
        Dialect::MySql => format!("column_{at}"),
        _ => format!("column{}", at + 1),
    }
}
