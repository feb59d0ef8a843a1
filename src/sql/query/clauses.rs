//! The clauses that decide rows: WHERE, GROUP BY, HAVING, QUALIFY, DISTINCT, ORDER BY with LIMIT.

use super::{Ordering, Recorded, item_name, item_origins};
use crate::model::{Dialect, RowEdgeKind, Span, Step};
use crate::sql::{engine::Engine, names::Sym, scope::Scope, spans::span_of, value::Item};
use sqlparser::ast::{self, Expr, Spanned};

impl Engine<'_> {
    /// WHERE, GROUP BY, HAVING, QUALIFY, DISTINCT, ORDER BY with LIMIT: what decides rows.
    pub(crate) fn clauses<'q>(
        &mut self,
        select: &'q ast::Select,
        scope: &mut Scope<'q>,
        items: &[(Item, Recorded)],
        order: Ordering,
    ) {
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

    pub(crate) fn clause(&mut self, expr: &Expr, scope: &Scope, kind: RowEdgeKind, word: &'static str) {
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
            Expr::Value(value) => ordinal(&value.value).and_then(|at| items.get(at)),
            Expr::Identifier(ident) => {
                let key = self.key(ident);
                let named = items.iter().find(|(item, _)| self.names.key(item_name(item)) == key);
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
            Some((Item::Column(column), recorded)) => {
                let lineage = column.value.lineage.clone();
                for link in &recorded.links {
                    self.link(scope.record, *link);
                }
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
                for link in &recorded.links {
                    self.link(scope.record, *link);
                }
                let lineage = item_origins(item);
                self.decide_rows(scope.record, RowEdgeKind::GroupBy, span, &lineage);
            }
        }
    }
}

pub(crate) fn ordinal(value: &ast::Value) -> Option<usize> {
    match value {
        ast::Value::Number(number, _) => number.to_string().parse::<usize>().ok()?.checked_sub(1),
        _ => None,
    }
}
