//! FROM: what tables, joins, subqueries, UNNEST, PIVOT and table functions bring into scope.

mod join;
mod pivot;
mod table_function;
mod unnest;

use super::{
    engine::{Engine, QueryResult, RecordedFrom, RecordedInput},
    expr::{argument_expr, function_key},
    names::Sym,
    scope::{Input, InputColumns, Scope},
    spans::span_of,
    value::{Column, Columns, Item, RelationIndex, Value},
};
use crate::model::{ColumnEdgeKind, Dialect, ScopeKind, Span};
use ColumnEdgeKind::Transformation;
use smallvec::SmallVec;
use sqlparser::ast::{self, Expr, TableFactor};
use std::rc::Rc;
impl Engine<'_> {
    /// One item of FROM with its joins.
    pub(crate) fn table_with_joins<'q>(
        &mut self,
        scope: &mut Scope<'q>,
        from: &ast::TableWithJoins,
        parent: Option<&'q Scope<'q>>,
    ) {
        self.factor(scope, &from.relation, parent);
        for join in &from.joins {
            self.join(scope, join, parent);
        }
    }

    pub(crate) fn factor<'q>(&mut self, scope: &mut Scope<'q>, factor: &TableFactor, parent: Option<&'q Scope<'q>>) {
        match factor {
            TableFactor::Table { name, alias, args: Some(args), .. } if function_key(name) == "identifier" => {
                let constant = args.args.first().and_then(argument_expr).and_then(super::statement::identifier_argument);
                let idents = constant.iter().flat_map(|name| name.split('.')).map(ast::Ident::new);
                let named = ast::ObjectName(idents.map(ast::ObjectNamePart::Identifier).collect());
                self.add_table(scope, &named, alias.as_ref(), span_of(factor));
            }
            // A Snowflake stage with its format.
            TableFactor::Table { name, alias, args: Some(_), .. }
                if name.0.first().and_then(|part| part.as_ident()).is_some_and(|first| first.value.starts_with('@')) =>
            {
                self.add_table(scope, name, alias.as_ref(), span_of(factor));
            }
            TableFactor::Table { name, alias, args: Some(args), with_ordinality, .. } => {
                self.table_function(scope, name, &args.args, alias.as_ref(), *with_ordinality, span_of(factor));
            }
            TableFactor::Table { name, alias, with_ordinality: _, .. } => {
                if !self.array_path(scope, name, alias.as_ref(), span_of(factor)) {
                    self.add_table(scope, name, alias.as_ref(), span_of(factor));
                }
            }
            TableFactor::Derived { lateral, subquery, alias, .. } => {
                let trail = std::mem::take(&mut self.trail);
                let inside = *lateral || matches!(self.dialect, Dialect::MsSql | Dialect::Oracle | Dialect::Generic);
                let result = if inside { self.query(subquery, Some(scope)) } else { self.query(subquery, parent) };
                self.trail = trail;
                self.add_query(scope, result, alias.as_ref(), span_of(factor));
            }
            TableFactor::TableFunction { expr, alias } => self.table_expression(scope, expr, alias.as_ref(), span_of(factor)),
            TableFactor::Function { name, args, alias, with_ordinality, .. } => {
                self.table_function(scope, name, args, alias.as_ref(), *with_ordinality, span_of(factor));
            }
            TableFactor::UNNEST { alias, array_exprs, with_offset, with_offset_alias, with_ordinality } => {
                let arrays: Vec<&Expr> = array_exprs.iter().collect();
                let offset = (*with_offset).then(|| with_offset_alias.as_ref().map_or("offset", |ident| ident.value.as_str()));
                let offset = offset.or(with_ordinality.then_some("ordinality"));
                self.unnest(scope, &arrays, alias.as_ref(), offset, span_of(factor));
            }
            TableFactor::JsonTable { json_expr, columns, alias, .. } => {
                let mut names = Vec::new();
                table_function::json_columns(columns, &mut names);
                self.value_table_input(scope, json_expr, &names, alias.as_ref(), span_of(factor));
            }
            TableFactor::OpenJsonTable { json_expr, columns, alias, .. } => {
                let names: Vec<&ast::Ident> = columns.iter().map(|column| &column.name).collect();
                self.value_table_input(scope, json_expr, &names, alias.as_ref(), span_of(factor));
            }
            TableFactor::XmlTable { row_expression, passing, columns, alias, .. } => {
                let names: Vec<&ast::Ident> = columns.iter().map(|column| &column.name).collect();
                let source = passing.arguments.first().map_or(row_expression, |argument| &argument.expr);
                self.value_table_input(scope, source, &names, alias.as_ref(), span_of(factor));
            }
            TableFactor::NestedJoin { table_with_joins, alias } => {
                if alias.is_some() {
                    let record = self.open_scope(ScopeKind::Select, span_of(factor));
                    let mut inner = Scope::new(record, parent);
                    self.table_with_joins(&mut inner, table_with_joins, parent);
                    let items = self.star(&inner, span_of(factor));
                    let result = self.finish_computed(&mut inner, items);
                    self.add_query(scope, result, alias.as_ref(), span_of(factor));
                } else {
                    self.table_with_joins(scope, table_with_joins, parent);
                }
            }
            TableFactor::Pivot { table, aggregate_functions, value_column, value_source, alias, .. } => {
                let span = span_of(factor);
                let mut inner = self.computed_over(table, parent, span);
                let items = self.pivot(&mut inner, aggregate_functions, value_column, value_source, span);
                let result = self.finish_computed(&mut inner, items);
                self.add_query(scope, result, alias.as_ref(), span);
                self.keep_alias(scope, table, alias.is_some());
            }
            TableFactor::Unpivot { table, value, name, columns, alias, .. } => {
                let span = span_of(factor);
                let mut inner = self.computed_over(table, parent, span);
                let columns: Vec<&Expr> = columns.iter().map(|column| &column.expr).collect();
                let items = self.unpivot(&mut inner, value, name, &columns, span);
                let result = self.finish_computed(&mut inner, items);
                self.add_query(scope, result, alias.as_ref(), span);
                self.keep_alias(scope, table, alias.is_some());
            }
            TableFactor::UnpivotExpr { expression, value_alias, attribute_alias } => {
                let value = self.value(expression, scope);
                self.trail.clear();
                let span = span_of(factor);
                let name = self.sym(value_alias);
                let mut items = vec![Item::Column(Column { name, value: value.through(Transformation), span })];
                if let Some(attribute) = attribute_alias {
                    let name = self.sym(attribute);
                    items.push(Item::Column(Column { name, value: value.through(Transformation), span }));
                }
                self.add_computed(scope, items, None, span);
            }
            TableFactor::MatchRecognize {
                table,
                partition_by,
                order_by,
                measures,
                rows_per_match,
                pattern,
                symbols,
                alias,
                ..
            } => {
                let span = span_of(factor);
                let mut inner = self.computed_over(table, parent, span);
                let all_rows = matches!(rows_per_match, Some(ast::RowsPerMatch::AllRows(_)));
                let named = pivot::pattern_symbols(pattern);
                let clauses = pivot::Matching { partition_by, order_by, measures, symbols, named: &named, all_rows };
                let items = self.match_recognize(&mut inner, &clauses, span);
                let result = self.finish_computed(&mut inner, items);
                self.add_query(scope, result, alias.as_ref(), span);
            }
            TableFactor::SemanticView { name, dimensions, metrics, facts, alias, .. } => {
                let relation = self.relation_name(name);
                let relation = self.relation(&relation);
                self.read(relation);
                let mut items = Vec::new();
                for expr in dimensions.iter().chain(metrics).chain(facts) {
                    if let Some(name) = self.implied_name(expr) {
                        let value = Value::base(relation, name, false);
                        items.push(Item::Column(Column { name, value, span: span_of(expr) }));
                    }
                }
                self.add_computed(scope, items, alias.as_ref(), span_of(factor));
            }
        }
    }

    fn computed_over<'q>(&mut self, table: &TableFactor, parent: Option<&'q Scope<'q>>, span: Span) -> Scope<'q> {
        let record = self.open_scope(ScopeKind::Computed, span);
        let mut inner = Scope::new(record, parent);
        self.factor(&mut inner, table, parent);
        inner
    }

    /// A real table, or a CTE of that name.
    pub(crate) fn add_table(&mut self, scope: &mut Scope, name: &ast::ObjectName, alias: Option<&ast::TableAlias>, span: Span) {
        let written = self.relation_name(name);
        if let [only] = written.parts.as_slice() {
            let key = self.names.key_of(&only.text);
            if let Some(cte) = self.find_cte(key) {
                let result = cte.result.clone();
                let shown = self.names.intern(&only.text);
                self.add_named(scope, result, alias, shown, span);
                return;
            }
            if let Some(value) = self.variables.get(&key)
                && value.fields.is_some()
            {
                let items = value.fields.as_ref().map(|fields| fields.items.clone()).unwrap_or_default();
                self.add_computed(scope, items, alias, span);
                return;
            }
        }
        let relation = self.relation(&written);
        self.add_relation(scope, relation, name, alias, span);
    }

    /// A real relation as an input, whatever CTEs are called.
    pub(crate) fn add_relation(
        &mut self,
        scope: &mut Scope,
        relation: RelationIndex,
        name: &ast::ObjectName,
        alias: Option<&ast::TableAlias>,
        span: Span,
    ) {
        let written = self.relation_name(name);
        self.read(relation);
        let shape = self.shape(relation);
        let mut path: SmallVec<[Sym; 3]> = SmallVec::new();
        if alias.is_none() {
            for part in &written.parts {
                path.push(self.names.key_of(&part.text));
            }
        }
        let last = self.names.intern(written.last());
        let shown = match alias {
            Some(alias) => self.sym(&alias.name),
            None => last,
        };
        let index = self.scope(scope.record).inputs.len() as u32;
        self.scope(scope.record).inputs.push(RecordedInput { alias: shown, from: RecordedFrom::Relation(relation), span });
        let mut columns = InputColumns::Base { relation, shape };
        if let Some(alias) = alias
            && !alias.columns.is_empty()
        {
            columns = InputColumns::Derived(Rc::new(self.rename_base(&columns, &alias.columns, span)));
        }
        scope.inputs.push(Input {
            alias: self.names.key(shown),
            path,
            relation: columns,
            element: None,
            open_element: false,
            record: (index, Sym::NONE),
            merged_away: SmallVec::new(),
            hidden: false,
            by_alias_only: false,
            scope: None,
        });
    }

    /// A row of a real relation as a value.
    pub(crate) fn row_of_relation(&mut self, relation: RelationIndex) -> Value {
        let record = self.open_scope(ScopeKind::Computed, Span::default());
        let mut scope = Scope::new(record, None);
        let sources = self.sources.clone();
        let name = ast::ObjectName(Vec::new());
        self.add_relation(&mut scope, relation, &name, None, Span::default());
        self.sources = sources;
        let row = scope.inputs.first().map(|input| input.row(self, Span::default()));
        self.scopes.truncate(record as usize);
        row.unwrap_or_default()
    }

    fn rename_base(&mut self, columns: &InputColumns, names: &[ast::TableAliasColumnDef], span: Span) -> Columns {
        let input = Input {
            alias: Sym::NONE,
            path: SmallVec::new(),
            relation: columns.clone(),
            element: None,
            open_element: false,
            record: (u32::MAX, Sym::NONE),
            merged_away: SmallVec::new(),
            hidden: false,
            by_alias_only: false,
            scope: None,
        };
        let items = input.star(self, span).into_iter().map(|(item, _)| item).collect();
        let names: Vec<Sym> = names.iter().map(|column| self.sym(&column.name)).collect();
        Columns::new(items).renamed(&names)
    }

    /// A subquery's result under its alias.
    pub(crate) fn add_query(&mut self, scope: &mut Scope, result: QueryResult, alias: Option<&ast::TableAlias>, span: Span) {
        self.add_named(scope, result, alias, Sym::NONE, span);
    }

    fn add_named(&mut self, scope: &mut Scope, result: QueryResult, alias: Option<&ast::TableAlias>, name: Sym, span: Span) {
        let mut result = result;
        let mut shown = name;
        if let Some(alias) = alias {
            shown = self.sym(&alias.name);
            if !alias.columns.is_empty() {
                let names: Vec<Sym> = alias.columns.iter().map(|column| self.sym(&column.name)).collect();
                self.use_all(Some(result.scope));
                result = QueryResult { columns: Rc::new(result.columns.renamed(&names)), ..result };
            }
        }
        self.add_result(scope, &result, shown, span);
    }

    /// A result as an input called `alias`.
    pub(crate) fn add_result(&mut self, scope: &mut Scope, result: &QueryResult, alias: Sym, span: Span) {
        self.link(scope.record, result.scope);
        let index = self.record_input(scope.record, alias, result.scope, span);
        scope.inputs.push(Input {
            alias: self.names.key(alias),
            path: SmallVec::new(),
            relation: InputColumns::Derived(Rc::clone(&result.columns)),
            element: None,
            open_element: false,
            record: (index, Sym::NONE),
            merged_away: SmallVec::new(),
            hidden: false,
            by_alias_only: false,
            scope: Some(result.scope),
        });
    }

    /// A relation computed from values in scope, as an input.
    pub(crate) fn add_computed(&mut self, scope: &mut Scope, items: Vec<Item>, alias: Option<&ast::TableAlias>, span: Span) {
        let columns = Columns::new(items);
        let (shown, columns) = match alias {
            Some(alias) => {
                let names: Vec<Sym> = alias.columns.iter().map(|column| self.sym(&column.name)).collect();
                let columns = if names.is_empty() { columns } else { columns.renamed(&names) };
                (self.sym(&alias.name), columns)
            }
            None => (Sym::NONE, columns),
        };
        scope.inputs.push(Input {
            alias: self.names.key(shown),
            path: SmallVec::new(),
            relation: InputColumns::Derived(Rc::new(columns)),
            element: None,
            open_element: false,
            record: self.via(scope, span, shown),
            merged_away: SmallVec::new(),
            hidden: false,
            by_alias_only: false,
            scope: None,
        });
    }

    /// How reads of a relation that is computed from one column are recorded: as reads of that column.
    pub(crate) fn via(&mut self, scope: &Scope, span: Span, alias: Sym) -> (u32, Sym) {
        let trail = std::mem::take(&mut self.trail);
        if let Some(read) = trail.first()
            && read.input != u32::MAX
        {
            return (read.input, read.column);
        }
        let computed = self.open_scope(ScopeKind::Computed, span);
        (self.record_input(scope.record, alias, computed, span), Sym::NONE)
    }
}
