//! Queries: CTEs, set operations, SELECT, and what they yield.

use std::rc::Rc;

use smallvec::SmallVec;
use sqlparser::ast::{self, Expr, SelectItem, SetExpr, Spanned};

use super::{
    engine::{Cte, Engine, QueryResult, Read, RecordedColumn, ScopeIndex},
    names::Sym,
    scope::{Alias, Scope},
    spans::span_of,
    value::{Column, Columns, Item, Lineage, OpenStar, Origin, Value},
};
use crate::model::{ColumnEdgeKind, Dialect, RowEdgeKind, ScopeKind, Span, Step, UNEXPANDED_STAR};

/// Rounds after which a recursive CTE's lineage is taken as it is.
const MAX_RECURSION_ROUNDS: usize = 6;

/// What an ORDER BY may decide.
#[derive(Clone, Copy)]
struct Ordering<'q> {
    exprs: &'q [ast::OrderByExpr],
    /// Whether LIMIT, TOP or FETCH cuts rows off.
    cuts: bool,
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
        let mut result = self.set_expr(&query.body, parent, Ordering { exprs, cuts });
        if !query.pipe_operators.is_empty() {
            result = self.pipe(result, &query.pipe_operators, parent, query.span());
        }
        self.ctes.truncate(ctes);
        result
    }

    fn with(&mut self, with: &ast::With, parent: Option<&Scope>) {
        let implicit = matches!(self.dialect, Dialect::MsSql | Dialect::Oracle | Dialect::Teradata);
        for cte in &with.cte_tables {
            let key = self.key(&cte.alias.name);
            let recursive = (with.recursive || implicit) && matches!(*cte.query.body, SetExpr::SetOperation { .. });
            let mut result = if recursive { self.recursive_cte(cte, key, parent) } else { self.query(&cte.query, parent) };
            if !cte.alias.columns.is_empty() && !recursive {
                result = self.rename_columns(result, &cte.alias.columns);
            }
            let name = self.sym(&cte.alias.name);
            let record = self.scope(result.scope);
            if record.name == Sym::NONE {
                record.name = name;
            }
            self.ctes.push(Cte { key, result });
        }
    }

    /// A CTE that may read itself: its first branch gives the columns, then lineage is followed
    /// round and round until nothing is added.
    fn recursive_cte(&mut self, cte: &ast::Cte, key: Sym, parent: Option<&Scope>) -> QueryResult {
        let mut anchor = cte.query.body.as_ref();
        while let SetExpr::SetOperation { left, .. } = anchor {
            anchor = left;
        }
        let ctes = self.ctes.len();
        if let Some(with) = &cte.query.with {
            self.with(with, parent);
        }
        let mut result = self.set_expr(anchor, parent, Ordering { exprs: &[], cuts: false });
        self.ctes.truncate(ctes);
        result = self.rename_columns(result, &cte.alias.columns);
        for _ in 0..MAX_RECURSION_ROUNDS {
            let scopes = self.scopes.len();
            self.ctes.push(Cte { key, result: result.clone() });
            let next = self.query(&cte.query, parent);
            self.ctes.truncate(ctes);
            let next = self.rename_columns(next, &cte.alias.columns);
            let settled = same_lineage(&next.columns, &result.columns);
            if settled || scopes > 100_000 {
                return next;
            }
            result = next;
        }
        result
    }

    fn rename_columns(&mut self, result: QueryResult, names: &[ast::TableAliasColumnDef]) -> QueryResult {
        if names.is_empty() {
            return result;
        }
        let names: Vec<Sym> = names.iter().map(|column| self.sym(&column.name)).collect();
        self.rename_result(result, &names)
    }

    /// The result with its columns renamed by position, in its record too.
    pub(crate) fn rename_result(&mut self, result: QueryResult, names: &[Sym]) -> QueryResult {
        for (column, name) in self.scope(result.scope).columns.iter_mut().zip(names) {
            column.name = *name;
        }
        QueryResult { columns: Rc::new(result.columns.renamed(names)), ..result }
    }

    fn set_expr(&mut self, body: &SetExpr, parent: Option<&Scope>, order: Ordering) -> QueryResult {
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

    /// A chain of UNION, EXCEPT and INTERSECT. The chain is walked in a loop: it is deep to the left.
    fn set_operation(&mut self, body: &SetExpr, parent: Option<&Scope>) -> QueryResult {
        let mut branches = Vec::new();
        let mut first = body;
        while let SetExpr::SetOperation { left, op, set_quantifier, right } = first {
            branches.push((op, set_quantifier, right.as_ref()));
            first = left;
        }
        branches.reverse();
        let scope = self.open_scope(ScopeKind::SetOperation, span_of(body));
        let none = Ordering { exprs: &[], cuts: false };
        let first = stacker::maybe_grow(128 << 10, 4 << 20, || self.set_expr(first, parent, none));
        self.add_branch(scope, &first);
        let mut columns = Columns::new(first.columns.items.clone());
        for (op, quantifier, right) in branches {
            let right = stacker::maybe_grow(128 << 10, 4 << 20, || self.set_expr(right, parent, none));
            self.add_branch(scope, &right);
            let by_name = matches!(
                quantifier,
                ast::SetQuantifier::ByName | ast::SetQuantifier::AllByName | ast::SetQuantifier::DistinctByName
            );
            match op {
                ast::SetOperator::Union if by_name => columns = columns.merge_by_name(&right.columns, &self.names),
                ast::SetOperator::Union => self.unite(&mut columns, &right.columns),
                ast::SetOperator::Except | ast::SetOperator::Minus | ast::SetOperator::Intersect => {
                    let lineage = all_origins(&right.columns);
                    let span = self.scopes[right.scope as usize].span;
                    self.decide_rows(scope, RowEdgeKind::Filter, span, &lineage);
                }
            }
            let distinct = matches!(quantifier, ast::SetQuantifier::Distinct | ast::SetQuantifier::DistinctByName)
                || (matches!(quantifier, ast::SetQuantifier::None | ast::SetQuantifier::ByName)
                    && matches!(op, ast::SetOperator::Union)
                    && self.dialect != Dialect::ClickHouse);
            if distinct {
                let lineage = all_origins(&columns);
                let span = self.scopes[scope as usize].span;
                self.decide_rows(scope, RowEdgeKind::GroupBy, span, &lineage);
            }
        }
        self.record_set_columns(scope, &columns);
        QueryResult { columns: Rc::new(columns), scope, as_struct: first.as_struct }
    }

    fn add_branch(&mut self, scope: ScopeIndex, branch: &QueryResult) {
        let span = self.scopes[branch.scope as usize].span;
        self.record_input(scope, Sym::NONE, branch.scope, span);
        self.link(scope, branch.scope);
    }

    fn record_set_columns(&mut self, scope: ScopeIndex, columns: &Columns) {
        let branches: Vec<(u32, ScopeIndex)> = self.scopes[scope as usize]
            .inputs
            .iter()
            .enumerate()
            .filter_map(|(at, input)| match input.from {
                super::engine::RecordedFrom::Scope(branch) => Some((at as u32, branch)),
                super::engine::RecordedFrom::Relation(_) => None,
            })
            .collect();
        let span = self.scopes[scope as usize].span;
        let mut recorded = Vec::with_capacity(columns.items.len());
        for (at, item) in columns.items.iter().enumerate() {
            let name = item_name(item);
            let inputs = branches
                .iter()
                .take(64)
                .filter_map(|(input, branch)| {
                    let column = self.scopes[*branch as usize].columns.get(at)?.name;
                    Some(Read { input: *input, column, kind: ColumnEdgeKind::Identity })
                })
                .collect();
            recorded.push(RecordedColumn { name, span, step: Step::Copies, inputs });
        }
        self.scope(scope).columns = recorded;
    }

    /// UNION by position.
    fn unite(&mut self, left: &mut Columns, right: &Columns) {
        if left.is_complete() && right.is_complete() {
            let mut items = std::mem::take(&mut left.items);
            for (mine, theirs) in items.iter_mut().zip(&right.items) {
                if let (Item::Column(mine), Item::Column(theirs)) = (mine, theirs) {
                    mine.value.merge(theirs.value.clone(), &self.names);
                }
            }
            *left = Columns::new(items);
            return;
        }
        let aligned = left.items.len() == right.items.len()
            && left.items.iter().zip(&right.items).all(|(mine, theirs)| {
                matches!((mine, theirs), (Item::Column(_), Item::Column(_)) | (Item::Star(_), Item::Star(_)))
            });
        let mut items = std::mem::take(&mut left.items);
        if aligned {
            for (mine, theirs) in items.iter_mut().zip(&right.items) {
                match (mine, theirs) {
                    (Item::Column(mine), Item::Column(theirs)) => mine.value.merge(theirs.value.clone(), &self.names),
                    (Item::Star(mine), Item::Star(theirs)) => unite_stars(mine, theirs),
                    _ => {}
                }
            }
        } else {
            self.unite_unaligned(&mut items, right);
        }
        *left = Columns::new(items);
    }

    /// One side has a star whose columns are not known: positions are lost, so columns are matched
    /// by name where both sides have one, and through the star as a guess where not.
    fn unite_unaligned(&mut self, items: &mut Vec<Item>, right: &Columns) {
        for item in items.iter_mut() {
            match item {
                Item::Column(mine) => {
                    let key = self.names.key(mine.name);
                    if let Some(theirs) = right.find(key, &self.names) {
                        let value = theirs.value.clone();
                        mine.value.merge(value, &self.names);
                    } else {
                        let origins = right.stars().flat_map(|star| star.from.iter().map(|from| (from, star.kind)));
                        mine.value.lineage.extend(origins.map(|(from, kind)| Origin {
                            relation: from.relation,
                            column: Sym::STAR,
                            kind,
                            guessed: true,
                        }));
                    }
                }
                Item::Star(mine) => {
                    for theirs in right.stars() {
                        unite_stars(mine, theirs);
                    }
                }
            }
        }
        let has_star = items.iter().any(|item| matches!(item, Item::Star(_)));
        if has_star {
            let known: Vec<Sym> = items.iter().map(item_name).map(|name| self.names.key(name)).collect();
            for theirs in right.columns() {
                if !known.contains(&self.names.key(theirs.name)) {
                    items.push(Item::Column(theirs.clone()));
                }
            }
        }
    }

    fn values(&mut self, values: &ast::Values, parent: Option<&Scope>) -> QueryResult {
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

    fn select(&mut self, select: &ast::Select, parent: Option<&Scope>, order: Ordering) -> QueryResult {
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

    /// `SELECT AS VALUE struct`: the struct's fields are the columns.
    fn value_table(&mut self, items: Vec<(Item, Recorded)>) -> Vec<(Item, Recorded)> {
        let [(Item::Column(column), recorded)] = items.as_slice() else { return items };
        let fields = self.fields(&column.value, column.span);
        if fields.iter().all(|item| matches!(item, Item::Star(_))) {
            return items;
        }
        fields.into_iter().map(|item| (item, recorded.clone())).collect()
    }

    fn finish(&mut self, scope: &mut Scope, items: Vec<(Item, Recorded)>) -> QueryResult {
        let mut columns = Vec::with_capacity(items.len());
        let mut recorded = Vec::with_capacity(items.len());
        for (item, record) in items {
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

    fn projection<'q>(&mut self, select: &'q ast::Select, scope: &mut Scope<'q>) -> Vec<(Item, Recorded)> {
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
                    let name = self.sym(alias);
                    let output = self.output(expr, name, scope);
                    self.add_alias(scope, &output);
                    items.push(output);
                }
                SelectItem::ExprWithAliases { expr, aliases } => {
                    for alias in aliases {
                        let name = self.sym(alias);
                        let output = self.output(expr, name, scope);
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

    fn add_alias(&mut self, scope: &mut Scope, output: &(Item, Recorded)) {
        if let (Item::Column(column), recorded) = output {
            let key = self.names.key(column.name);
            let reads = recorded.reads.clone();
            scope.aliases.retain(|alias| alias.key != key);
            scope.aliases.push(Alias { key, value: column.value.clone(), reads });
        }
    }

    fn output(&mut self, expr: &Expr, name: Sym, scope: &Scope) -> (Item, Recorded) {
        self.trail.clear();
        let value = if self.lateral_aliases() { self.value(expr, scope) } else { self.value_without_aliases(expr, scope) };
        let step = self.step_of(expr, &value);
        let mut reads = std::mem::take(&mut self.trail);
        dedup_reads(&mut reads);
        let span = match self.span_override {
            Some(span) => span,
            None => super::spans::span_of(expr),
        };
        (Item::Column(Column { name, value, span }), Recorded { step, reads })
    }

    fn value_without_aliases(&mut self, expr: &Expr, scope: &Scope) -> Value {
        if scope.aliases.is_empty() {
            return self.value(expr, scope);
        }
        let bare = Scope {
            record: scope.record,
            inputs: scope.inputs.clone(),
            merged: scope.merged.clone(),
            aliases: Vec::new(),
            pending: Vec::new(),
            aliases_win: false,
            windows: scope.windows.clone(),
            parent: scope.parent,
        };
        self.value(expr, &bare)
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

    /// The name of an expression that has none: its text.
    fn text_name(&mut self, expr: &Expr) -> Sym {
        let text = super::spans::span_of(expr).of(self.text);
        let written = if text.is_empty() || self.span_override.is_some() { expr.to_string() } else { text.to_owned() };
        self.names.intern(written.trim())
    }

    /// DuckDB's `COLUMNS(…)`: one output per column that matches.
    fn expanded_columns(&mut self, expr: &Expr, scope: &Scope, items: &mut Vec<(Item, Recorded)>) -> bool {
        if self.dialect != Dialect::DuckDb {
            return false;
        }
        let Some(call) = find_columns_call(expr) else { return false };
        let star = self.star(scope, span_of(expr));
        let star = match call.first() {
            Some(ast::FunctionArg::Unnamed(ast::FunctionArgExpr::WildcardWithOptions(options))) => {
                self.star_options(star, options, scope)
            }
            Some(ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Wildcard)) => star,
            _ => return false,
        };
        let kind = if super::expr::aggregates(expr) { ColumnEdgeKind::Aggregation } else { ColumnEdgeKind::Transformation };
        let kind = if matches!(expr, Expr::Function(function) if super::expr::function_key(&function.name) == "columns") {
            ColumnEdgeKind::Identity
        } else {
            kind
        };
        items.extend(star.into_iter().map(|(item, recorded)| match item {
            Item::Column(column) => (Item::Column(Column { value: column.value.through(kind), ..column }), recorded),
            Item::Star(star) => (Item::Star(OpenStar { kind: star.kind.then(kind), ..star }), recorded),
        }));
        true
    }

    /// Every column in sight, as `*` means it: merged ones first, then the rest in order.
    pub(crate) fn star(&mut self, scope: &Scope, span: Span) -> Vec<(Item, Recorded)> {
        let mut items = Vec::new();
        for column in &scope.merged {
            let column = Column { span, ..column.clone() };
            items.push((Item::Column(column), Recorded { step: Step::Copies, reads: Vec::new() }));
        }
        for input in scope.inputs.iter().filter(|input| !input.hidden) {
            items.extend(
                input
                    .star(self, span)
                    .into_iter()
                    .map(|(item, read)| (item, Recorded { step: Step::Copies, reads: read.into_iter().collect() })),
            );
        }
        for (item, _) in &mut items {
            match item {
                Item::Column(column) => column.span = span,
                Item::Star(star) => star.span = span,
            }
        }
        self.report_open_stars(&items);
        items
    }

    fn report_open_stars(&mut self, items: &[(Item, Recorded)]) {
        for (item, _) in items {
            if let Item::Star(star) = item {
                let relations: Vec<String> = star
                    .from
                    .iter()
                    .filter_map(|origin| self.relations.get(origin.relation as usize))
                    .map(ToString::to_string)
                    .collect();
                self.report(&UNEXPANDED_STAR, || format!("the columns of {} are not known", relations.join(", ")), star.span);
            }
        }
    }

    /// `t.*`, `struct_column.*`, `(expression).*`.
    fn qualified_star(
        &mut self,
        kind: &ast::SelectItemQualifiedWildcardKind,
        scope: &Scope,
        span: Span,
    ) -> Vec<(Item, Recorded)> {
        self.trail.clear();
        let value = match kind {
            ast::SelectItemQualifiedWildcardKind::ObjectName(name) => {
                if let Some(items) = self.input_star(name, scope, span) {
                    return items;
                }
                let idents: Vec<ast::Ident> = name.0.iter().filter_map(|part| part.as_ident().cloned()).collect();
                self.resolve_compound(&idents, scope)
            }
            ast::SelectItemQualifiedWildcardKind::Expr(expr) => self.value(expr, scope),
        };
        let reads = std::mem::take(&mut self.trail);
        let fields = self.fields(&value, span);
        let items: Vec<(Item, Recorded)> =
            fields.into_iter().map(|item| (item, Recorded { step: Step::Copies, reads: reads.clone() })).collect();
        self.report_open_stars(&items);
        items
    }

    fn input_star(&mut self, name: &ast::ObjectName, scope: &Scope, span: Span) -> Option<Vec<(Item, Recorded)>> {
        let relation = self.relation_name(name);
        let mut keys: SmallVec<[Sym; 3]> = SmallVec::new();
        for part in &relation.parts {
            keys.push(self.names.key_of(&part.text));
        }
        let mut around = Some(scope);
        while let Some(current) = around {
            let found = current.inputs.iter().rfind(|input| {
                (keys.len() == 1 && input.alias == keys[0])
                    || (input.path.len() >= keys.len() && input.path[input.path.len() - keys.len()..] == keys[..])
            });
            if let Some(input) = found {
                let mut whole = input.clone();
                whole.merged_away.clear();
                let items: Vec<(Item, Recorded)> = whole
                    .star(self, span)
                    .into_iter()
                    .map(|(mut item, read)| {
                        match &mut item {
                            Item::Column(column) => column.span = span,
                            Item::Star(star) => star.span = span,
                        }
                        (item, Recorded { step: Step::Copies, reads: read.into_iter().collect() })
                    })
                    .collect();
                self.report_open_stars(&items);
                return Some(items);
            }
            around = current.parent;
        }
        None
    }

    /// EXCEPT / EXCLUDE, REPLACE, RENAME, ILIKE.
    fn star_options(
        &mut self,
        star: Vec<(Item, Recorded)>,
        options: &ast::WildcardAdditionalOptions,
        scope: &Scope,
    ) -> Vec<(Item, Recorded)> {
        let mut gone: Vec<Sym> = Vec::new();
        if let Some(except) = &options.opt_except {
            gone.push(self.key(&except.first_element));
            gone.extend(except.additional_elements.iter().map(|ident| self.names.key_of(&ident.value)));
        }
        if let Some(exclude) = &options.opt_exclude {
            gone.extend(self.excluded(exclude));
        }
        let mut items = star;
        if !gone.is_empty() {
            items.retain(|(item, _)| !matches!(item, Item::Column(column) if gone.contains(&self.names.key(column.name))));
            self.close_stars(&mut items, &gone);
        }
        if let Some(ilike) = &options.opt_ilike {
            let pattern = ilike.pattern.to_lowercase();
            items.retain(|(item, _)| {
                !matches!(item, Item::Column(column) if !like(&self.names.text(column.name).to_lowercase(), &pattern))
            });
        }
        if let Some(replace) = &options.opt_replace {
            for element in &replace.items {
                let name = self.sym(&element.column_name);
                let output = self.output(&element.expr, name, scope);
                self.replace_item(&mut items, name, output);
            }
        }
        if let Some(rename) = &options.opt_rename {
            let pairs = match rename {
                ast::RenameSelectItem::Single(pair) => std::slice::from_ref(pair),
                ast::RenameSelectItem::Multiple(pairs) => pairs.as_slice(),
            };
            for pair in pairs {
                self.rename_item(&mut items, pair);
            }
        }
        items
    }

    fn excluded(&mut self, exclude: &ast::ExcludeSelectItem) -> Vec<Sym> {
        let names = match exclude {
            ast::ExcludeSelectItem::Single(name) => std::slice::from_ref(name),
            ast::ExcludeSelectItem::Multiple(names) => names.as_slice(),
        };
        names
            .iter()
            .filter_map(|name| name.0.last().and_then(|part| part.as_ident()))
            .map(|ident| self.names.key_of(&ident.value))
            .collect()
    }

    pub(crate) fn close_stars(&mut self, items: &mut [(Item, Recorded)], gone: &[Sym]) {
        for (item, _) in items {
            if let Item::Star(star) = item {
                star.except = star.except.iter().chain(gone).copied().collect();
            }
        }
    }

    fn replace_item(&mut self, items: &mut Vec<(Item, Recorded)>, name: Sym, output: (Item, Recorded)) {
        let key = self.names.key(name);
        let place = items.iter().position(|(item, _)| matches!(item, Item::Column(column) if self.names.key(column.name) == key));
        match place {
            Some(at) => {
                let kept = item_name(&items[at].0);
                items[at] = output;
                if let Item::Column(column) = &mut items[at].0 {
                    column.name = kept;
                }
            }
            None => {
                self.close_stars(items, &[key]);
                items.push(output);
            }
        }
    }

    fn rename_item(&mut self, items: &mut Vec<(Item, Recorded)>, pair: &ast::IdentWithAlias) {
        let from = self.key(&pair.ident);
        let to = self.sym(&pair.alias);
        for (item, _) in items.iter_mut() {
            if let Item::Column(column) = item
                && self.names.key(column.name) == from
            {
                column.name = to;
                return;
            }
        }
        let name = self.sym(&pair.ident);
        let renamed = items.iter().find_map(|(item, recorded)| match item {
            Item::Star(star) => Some((star.column(name, from, &mut self.names)?, star.span, recorded.clone())),
            Item::Column(_) => None,
        });
        if let Some((value, span, recorded)) = renamed {
            self.close_stars(items, &[from]);
            items.push((Item::Column(Column { name: to, value, span }), recorded));
        }
    }

    /// WHERE, GROUP BY, HAVING, QUALIFY, DISTINCT, ORDER BY with LIMIT: what decides rows.
    fn clauses<'q>(&mut self, select: &'q ast::Select, scope: &mut Scope<'q>, items: &[(Item, Recorded)], order: Ordering) {
        let where_sees_aliases = matches!(
            self.dialect,
            Dialect::Snowflake
                | Dialect::ClickHouse
                | Dialect::Redshift
                | Dialect::Databricks
                | Dialect::Teradata
                | Dialect::DuckDb
        );
        let aliases = if where_sees_aliases { Vec::new() } else { std::mem::take(&mut scope.aliases) };
        for (word, filter) in [("where", &select.selection), ("prewhere", &select.prewhere)] {
            if let Some(filter) = filter {
                self.clause(filter, scope, RowEdgeKind::Filter, word);
            }
        }
        for connect in &select.connect_by {
            match connect {
                ast::ConnectByKind::ConnectBy { relationships, .. } => {
                    for relationship in relationships {
                        self.clause(relationship, scope, RowEdgeKind::Filter, "connect by");
                    }
                }
                ast::ConnectByKind::StartWith { condition, .. } => {
                    self.clause(condition, scope, RowEdgeKind::Filter, "start with");
                }
            }
        }
        if !where_sees_aliases {
            scope.aliases = aliases;
        }
        self.group_by(&select.group_by, scope, items);
        for (word, filter) in [("having", &select.having), ("qualify", &select.qualify)] {
            if let Some(filter) = filter {
                self.clause(filter, scope, RowEdgeKind::Filter, word);
            }
        }
        match &select.distinct {
            Some(ast::Distinct::Distinct) => {
                let span = self.bytes(select.select_token.0.span);
                self.group_by_all(scope, items, "distinct", span, |_| true);
            }
            Some(ast::Distinct::On(exprs)) => {
                for expr in exprs {
                    self.clause(expr, scope, RowEdgeKind::GroupBy, "distinct on");
                }
            }
            Some(ast::Distinct::All) | None => {}
        }
        let keeps_first = matches!(select.distinct, Some(ast::Distinct::On(_)));
        if order.cuts || select.top.is_some() || keeps_first {
            let mut seen = scope.aliases.iter().map(|alias| alias.key).collect::<Vec<_>>();
            for expr in order.exprs.iter().map(|order| &order.expr).chain(select.sort_by.iter().map(|order| &order.expr)) {
                self.by_output(expr, scope, items, RowEdgeKind::Sort, "order by", &mut seen);
            }
        }
    }

    fn clause(&mut self, expr: &Expr, scope: &Scope, kind: RowEdgeKind, word: &'static str) {
        let span = self.bytes(expr.span());
        self.scope(scope.record).clauses.push((kind, word, span));
        self.decide(expr, scope, kind);
    }

    /// A key that may be an output's position or name.
    fn by_output(
        &mut self,
        expr: &Expr,
        scope: &Scope,
        items: &[(Item, Recorded)],
        kind: RowEdgeKind,
        word: &'static str,
        _seen: &mut Vec<Sym>,
    ) {
        let span = self.bytes(expr.span());
        let output = match expr {
            Expr::Value(value) => ordinal(&value.value).and_then(|at| items.get(at)).map(|(item, _)| item),
            Expr::Identifier(ident) => {
                let key = self.key(ident);
                let named = items.iter().map(|(item, _)| item).find(|item| self.names.key(item_name(item)) == key);
                let column_first = kind == RowEdgeKind::GroupBy
                    && scope.inputs.iter().any(|input| {
                        let name = self.names.intern(&ident.value);
                        self.surely_has(input, name)
                    });
                if column_first { None } else { named }
            }
            _ => None,
        };
        match output {
            Some(Item::Column(column)) => {
                let lineage = column.value.lineage.clone();
                self.scope(scope.record).clauses.push((kind, word, span));
                self.decide_rows(scope.record, kind, span, &lineage);
            }
            _ => self.clause(expr, scope, kind, word),
        }
    }

    fn group_by(&mut self, group_by: &ast::GroupByExpr, scope: &Scope, items: &[(Item, Recorded)]) {
        match group_by {
            ast::GroupByExpr::All(_) => {
                let span = span_of(group_by);
                self.group_by_all(scope, items, "group by", span, |step| !matches!(step, Step::Aggregates | Step::CountsRows));
            }
            ast::GroupByExpr::Expressions(exprs, modifiers) => {
                let mut todo: Vec<&Expr> = exprs.iter().rev().collect();
                for modifier in modifiers {
                    if let ast::GroupByWithModifier::GroupingSets(sets) = modifier {
                        todo.push(sets);
                    }
                }
                let mut seen = Vec::new();
                while let Some(expr) = todo.pop() {
                    match expr {
                        Expr::Rollup(sets) | Expr::Cube(sets) | Expr::GroupingSets(sets) => {
                            todo.extend(sets.iter().flatten().rev())
                        }
                        Expr::Tuple(parts) => todo.extend(parts.iter().rev()),
                        Expr::Identifier(ident)
                            if ident.quote_style.is_none() && ident.value.eq_ignore_ascii_case("all") && exprs.len() == 1 =>
                        {
                            let span = span_of(expr);
                            self.group_by_all(scope, items, "group by", span, |step| {
                                !matches!(step, Step::Aggregates | Step::CountsRows)
                            });
                        }
                        _ => self.by_output(expr, scope, items, RowEdgeKind::GroupBy, "group by", &mut seen),
                    }
                }
            }
        }
    }

    fn group_by_all(
        &mut self,
        scope: &Scope,
        items: &[(Item, Recorded)],
        word: &'static str,
        span: Span,
        keep: impl Fn(Step) -> bool,
    ) {
        self.scope(scope.record).clauses.push((RowEdgeKind::GroupBy, word, span));
        for (item, recorded) in items {
            if keep(recorded.step) {
                let lineage = item_origins(item);
                self.decide_rows(scope.record, RowEdgeKind::GroupBy, span, &lineage);
            }
        }
    }

    /// ORDER BY of a set operation: its keys are outputs.
    fn order_result(&mut self, result: &QueryResult, order: Ordering) {
        if !order.cuts {
            return;
        }
        for expr in order.exprs {
            let item = match &expr.expr {
                Expr::Value(value) => ordinal(&value.value).and_then(|at| result.columns.items.get(at)),
                Expr::Identifier(ident) => {
                    let key = self.key(ident);
                    result.columns.items.iter().find(|item| self.names.key(item_name(item)) == key)
                }
                _ => None,
            };
            if let Some(item) = item {
                let lineage = item_origins(item);
                let span = self.bytes(expr.expr.span());
                self.decide_rows(result.scope, RowEdgeKind::Sort, span, &lineage);
            }
        }
    }

    // Pipe syntax (BigQuery: "Work with the pipe query syntax").

    fn pipe(
        &mut self,
        mut result: QueryResult,
        operators: &[ast::PipeOperator],
        parent: Option<&Scope>,
        span: sqlparser::tokenizer::Span,
    ) -> QueryResult {
        let span = self.bytes(span);
        let mut alias = Sym::NONE;
        for operator in operators {
            if let ast::PipeOperator::As { alias: name } = operator {
                alias = self.key(name);
                continue;
            }
            result = self.pipe_step(result, operator, alias, parent, span);
        }
        result
    }

    fn pipe_step(
        &mut self,
        from: QueryResult,
        operator: &ast::PipeOperator,
        alias: Sym,
        parent: Option<&Scope>,
        span: Span,
    ) -> QueryResult {
        let record = self.open_scope(ScopeKind::Select, span);
        let mut scope = Scope::new(record, parent);
        self.add_result(&mut scope, &from, alias, span);
        let mut items = Vec::new();
        match operator {
            ast::PipeOperator::Where { expr } => {
                self.clause(expr, &scope, RowEdgeKind::Filter, "where");
                items = self.star(&scope, span);
            }
            ast::PipeOperator::Select { exprs } => self.select_items(exprs, &mut scope, &mut items),
            ast::PipeOperator::Extend { exprs } => {
                items = self.star(&scope, span);
                self.select_items(exprs, &mut scope, &mut items);
            }
            ast::PipeOperator::Set { assignments } => {
                items = self.star(&scope, span);
                for assignment in assignments {
                    if let ast::AssignmentTarget::ColumnName(name) = &assignment.target
                        && let Some(ident) = name.0.last().and_then(|part| part.as_ident())
                    {
                        let name = self.sym(ident);
                        let output = self.output(&assignment.value, name, &scope);
                        self.replace_item(&mut items, name, output);
                    }
                }
            }
            ast::PipeOperator::Drop { columns } => {
                items = self.star(&scope, span);
                let gone: Vec<Sym> = columns.iter().map(|ident| self.names.key_of(&ident.value)).collect();
                items.retain(|(item, _)| !matches!(item, Item::Column(column) if gone.contains(&self.names.key(column.name))));
                self.close_stars(&mut items, &gone);
            }
            ast::PipeOperator::Rename { mappings } => {
                items = self.star(&scope, span);
                for pair in mappings {
                    self.rename_item(&mut items, pair);
                }
            }
            ast::PipeOperator::Aggregate { full_table_exprs, group_by_expr } => {
                for (keys, group) in [(group_by_expr, true), (full_table_exprs, false)] {
                    for key in keys {
                        let name = match &key.expr.alias {
                            Some(alias) => self.sym(alias),
                            None => match self.implied_name(&key.expr.expr) {
                                Some(name) => name,
                                None => self.text_name(&key.expr.expr),
                            },
                        };
                        let output = self.output(&key.expr.expr, name, &scope);
                        if group {
                            self.clause(&key.expr.expr, &scope, RowEdgeKind::GroupBy, "group by");
                        }
                        items.push(output);
                    }
                }
            }
            ast::PipeOperator::Join(join) => {
                self.join(&mut scope, join, parent);
                items = self.star(&scope, span);
            }
            ast::PipeOperator::OrderBy { exprs } => {
                for order in exprs {
                    self.decide(&order.expr, &scope, RowEdgeKind::Sort);
                }
                items = self.star(&scope, span);
            }
            ast::PipeOperator::Union { queries, .. } => {
                return self.pipe_set(from, queries, parent, span, true);
            }
            ast::PipeOperator::Intersect { queries, .. } | ast::PipeOperator::Except { queries, .. } => {
                return self.pipe_set(from, queries, parent, span, false);
            }
            ast::PipeOperator::Pivot { aggregate_functions, value_column, value_source, .. } => {
                let columns: Vec<Expr> = value_column.iter().map(|ident| Expr::Identifier(ident.clone())).collect();
                items = self.pivot(&mut scope, aggregate_functions, &columns, value_source, span);
            }
            ast::PipeOperator::Unpivot { value_column, name_column, unpivot_columns, .. } => {
                let columns: Vec<Expr> = unpivot_columns.iter().map(|ident| Expr::Identifier(ident.clone())).collect();
                let value = Expr::Identifier(value_column.clone());
                items = self.unpivot(&mut scope, &value, name_column, &columns.iter().collect::<Vec<_>>(), span);
            }
            ast::PipeOperator::Call { .. }
            | ast::PipeOperator::Limit { .. }
            | ast::PipeOperator::TableSample { .. }
            | ast::PipeOperator::As { .. } => items = self.star(&scope, span),
        }
        self.finish(&mut scope, items)
    }

    fn pipe_set(
        &mut self,
        from: QueryResult,
        queries: &[ast::Query],
        parent: Option<&Scope>,
        span: Span,
        union: bool,
    ) -> QueryResult {
        let record = self.open_scope(ScopeKind::SetOperation, span);
        self.add_branch(record, &from);
        let mut columns = Columns::new(from.columns.items.clone());
        for query in queries {
            let right = self.query(query, parent);
            self.add_branch(record, &right);
            if union {
                self.unite(&mut columns, &right.columns);
            } else {
                let lineage = all_origins(&right.columns);
                self.decide_rows(record, RowEdgeKind::Filter, span, &lineage);
            }
        }
        self.record_set_columns(record, &columns);
        QueryResult { columns: Rc::new(columns), scope: record, as_struct: false }
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
        Item::Star(star) => star
            .from
            .iter()
            .map(|from| Origin { relation: from.relation, column: Sym::STAR, kind: star.kind, guessed: true })
            .collect(),
    }
}

fn all_origins(columns: &Columns) -> Lineage {
    columns.items.iter().flat_map(item_origins).collect()
}

fn unite_stars(mine: &mut OpenStar, theirs: &OpenStar) {
    for from in &theirs.from {
        if !mine.from.contains(from) {
            mine.from.push(*from);
        }
    }
    mine.except = mine.except.iter().filter(|key| theirs.except.contains(key)).copied().collect();
    mine.kind = mine.kind.max(theirs.kind);
}

fn same_lineage(left: &Columns, right: &Columns) -> bool {
    left.items.len() == right.items.len()
        && left.items.iter().zip(&right.items).all(|(left, right)| match (left, right) {
            (Item::Column(left), Item::Column(right)) => left.value == right.value,
            (Item::Star(left), Item::Star(right)) => left.from == right.from,
            _ => false,
        })
}

fn dedup_reads(reads: &mut Vec<Read>) {
    if reads.len() < 2 {
        return;
    }
    let mut seen = rustc_hash::FxHashSet::default();
    reads.retain(|read| seen.insert((read.input, read.column, read.kind)));
}

fn ordinal(value: &ast::Value) -> Option<usize> {
    match value {
        ast::Value::Number(number, _) => number.to_string().parse::<usize>().ok()?.checked_sub(1),
        _ => None,
    }
}

fn values_column(dialect: Dialect, at: usize) -> String {
    match dialect {
        Dialect::Trino | Dialect::DuckDb => format!("col{at}"),
        Dialect::Spark | Dialect::Databricks | Dialect::Hive => format!("col{}", at + 1),
        Dialect::MySql => format!("column_{at}"),
        _ => format!("column{}", at + 1),
    }
}

fn find_columns_call(expr: &Expr) -> Option<&[ast::FunctionArg]> {
    match expr {
        Expr::Function(function) => {
            let ast::FunctionArguments::List(list) = &function.args else { return None };
            if super::expr::function_key(&function.name) == "columns" {
                return Some(&list.args);
            }
            list.args.iter().filter_map(super::expr::argument_expr).find_map(find_columns_call)
        }
        Expr::Cast { expr, .. } | Expr::Nested(expr) => find_columns_call(expr),
        Expr::BinaryOp { left, right, .. } => find_columns_call(left).or_else(|| find_columns_call(right)),
        _ => None,
    }
}

/// SQL's LIKE with `%` and `_`.
fn like(text: &str, pattern: &str) -> bool {
    let (text, pattern): (Vec<char>, Vec<char>) = (text.chars().collect(), pattern.chars().collect());
    let mut reached = vec![false; text.len() + 1];
    reached[0] = true;
    for symbol in pattern {
        if symbol == '%' {
            let mut any = false;
            for place in &mut reached {
                any |= *place;
                *place = any;
            }
        } else {
            for at in (1..=text.len()).rev() {
                reached[at] = reached[at - 1] && (symbol == '_' || text[at - 1] == symbol);
            }
            reached[0] = false;
        }
    }
    reached[text.len()]
}
