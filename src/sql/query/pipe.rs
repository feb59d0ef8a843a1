//! Pipe syntax (BigQuery, "Work with the pipe query syntax").

use super::set_operation::all_origins;
use crate::model::{RowEdgeKind, ScopeKind, Span};
use crate::sql::{
    engine::{Engine, QueryResult, ScopeIndex},
    names::Sym,
    scope::{Input, InputColumns, Scope},
    value::{Columns, Item},
};
use sqlparser::ast::{self, Expr};
use std::rc::Rc;

/// A name that stays in sight along a pipe, its columns, and the scope that yields them.
pub(crate) type Range = (Sym, Rc<Columns>, Option<ScopeIndex>);

impl Engine<'_> {
    // Pipe syntax (BigQuery: "Work with the pipe query syntax").

    /// `FROM a JOIN b …` at the head of a pipe: its rows, and what is in sight by name.
    pub(crate) fn piped_from(&mut self, select: &ast::Select, parent: Option<&Scope>) -> (QueryResult, Vec<Range>) {
        let record = self.open_scope(ScopeKind::Select, crate::sql::spans::span_of(select));
        let mut scope = Scope::new(record, parent);
        for from in &select.from {
            self.table_with_joins(&mut scope, from, parent);
        }
        for view in &select.lateral_views {
            self.lateral_view(&mut scope, view);
        }
        let span = crate::sql::spans::span_of(select);
        let items = self.star(&scope, span);
        let ranges = self.ranges(&scope);
        (self.finish(&mut scope, items), ranges)
    }

    /// The inputs of a scope that later operators may name.
    fn ranges(&mut self, scope: &Scope) -> Vec<Range> {
        let mut ranges = Vec::new();
        for input in scope.inputs.iter().filter(|input| input.alias != Sym::NONE) {
            let whole = Input { merged_away: Default::default(), ..input.clone() };
            let items = whole.star(self, Span::default()).into_iter().map(|(item, _)| item).collect();
            ranges.push((input.alias, Rc::new(Columns::new(items)), input.scope));
        }
        ranges
    }

    pub(crate) fn pipe(
        &mut self,
        (mut result, mut ranges): (QueryResult, Vec<Range>),
        operators: &[ast::PipeOperator],
        parent: Option<&Scope>,
        span: sqlparser::tokenizer::Span,
    ) -> QueryResult {
        let span = self.bytes(span);
        let mut alias = Sym::NONE;
        for operator in operators {
            if let ast::PipeOperator::As { alias: name } = operator {
                alias = self.key(name);
                ranges.clear();
                continue;
            }
            result = self.pipe_step(result, operator, (alias, &mut ranges), parent, span);
            if matches!(operator, ast::PipeOperator::Join(_)) {
                alias = Sym::NONE;
            }
        }
        result
    }

    fn pipe_step(
        &mut self,
        from: QueryResult,
        operator: &ast::PipeOperator,
        (alias, ranges): (Sym, &mut Vec<Range>),
        parent: Option<&Scope>,
        span: Span,
    ) -> QueryResult {
        let record = self.open_scope(ScopeKind::Select, span);
        let mut scope = Scope::new(record, parent);
        self.add_result(&mut scope, &from, alias, span);
        let first = scope.inputs[0].record;
        for (alias, columns, yields) in ranges.iter() {
            scope.inputs.push(Input {
                alias: *alias,
                path: Default::default(),
                relation: InputColumns::Derived(Rc::clone(columns)),
                element: None,
                open_element: false,
                record: first,
                merged_away: Default::default(),
                hidden: true,
                by_alias_only: true,
                scope: *yields,
            });
        }
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
                *ranges = self.ranges(&scope);
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
        if !matches!(
            operator,
            ast::PipeOperator::Where { .. }
                | ast::PipeOperator::Extend { .. }
                | ast::PipeOperator::Join(_)
                | ast::PipeOperator::OrderBy { .. }
                | ast::PipeOperator::Limit { .. }
                | ast::PipeOperator::TableSample { .. }
                | ast::PipeOperator::Set { .. }
                | ast::PipeOperator::Drop { .. }
                | ast::PipeOperator::Rename { .. }
        ) {
            ranges.clear();
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
}
