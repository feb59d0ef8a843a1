//! PIVOT, UNPIVOT and MATCH_RECOGNIZE.

use std::rc::Rc;

use smallvec::SmallVec;

use crate::model::{ColumnEdgeKind, Dialect, RowEdgeKind, Span, Step, UNEXPANDED_STAR};
use crate::sql::{
    engine::Engine,
    expr::{argument_expr, arguments_of},
    names::Sym,
    query::{Recorded, item_origins},
    scope::Scope,
    spans::span_of,
    value::{Column, Item, Lineage, OpenStar, Value},
};
use ColumnEdgeKind::{Conditional, Window};
use sqlparser::ast::{self, Expr, TableFactor};

impl Engine<'_> {
    /// After PIVOT without an alias the table's own alias still names the columns.
    pub(crate) fn keep_alias(&mut self, scope: &mut Scope, table: &TableFactor, aliased: bool) {
        if aliased {
            return;
        }
        let alias = match table {
            TableFactor::Table { alias: Some(alias), .. } | TableFactor::Derived { alias: Some(alias), .. } => Some(&alias.name),
            TableFactor::Table { name, .. } => name.0.last().and_then(|part| part.as_ident()),
            _ => None,
        };
        if let Some(alias) = alias {
            let key = self.key(alias);
            if let Some(input) = scope.inputs.last_mut() {
                input.alias = key;
            }
        }
    }

    /// PIVOT: `agg(CASE WHEN key = … THEN v END)` for every listed value.
    pub(crate) fn pivot(
        &mut self,
        inner: &mut Scope,
        aggregates: &[ast::ExprWithAlias],
        keys: &[Expr],
        source: &ast::PivotValueSource,
        span: Span,
    ) -> Vec<(Item, Recorded)> {
        let mut tests = Lineage::new();
        let mut used: Vec<Sym> = Vec::new();
        for key in keys {
            self.collect(key, inner, Conditional, &mut tests);
            used.extend(self.implied_name(key).map(|name| self.names.key(name)));
        }
        let mut produced = Vec::new();
        for aggregate in aggregates {
            used_columns(&aggregate.expr, &mut |ident| used.push(self.names.key_of(&ident.value)));
            let name = match &aggregate.alias {
                Some(alias) => self.sym(alias),
                None => Sym::NONE,
            };
            let (item, recorded) = self.computed_output(&aggregate.expr, name, inner);
            if let Item::Column(column) = item {
                let span = self.place_of_aggregate(&aggregate.expr, column.span, span);
                produced.push((name, Column { span, ..column }, recorded));
            }
        }
        let mut items = self.star(inner, span);
        items.retain(|(item, _)| !matches!(item, Item::Column(column) if used.contains(&self.names.key(column.name))));
        self.close_stars(&mut items, &used);
        for (item, _) in &items {
            let lineage = item_origins(item);
            self.decide_rows(inner.record, RowEdgeKind::GroupBy, span, &lineage);
        }
        let Some(values) = self.pivot_values(source) else {
            let mut made_of: Lineage = produced.iter().flat_map(|(_, column, _)| column.value.lineage.iter().copied()).collect();
            made_of.extend(tests);
            crate::sql::value::normalize(&mut made_of);
            let reads = produced.iter().flat_map(|(_, _, recorded)| recorded.reads.iter().copied()).collect();
            let kind = ColumnEdgeKind::Aggregation;
            let star = OpenStar { from: SmallVec::new(), except: Rc::from([]), kind, made_of, span };
            items.push((Item::Star(star), Recorded { step: Step::Aggregates, reads, links: Vec::new() }));
            self.report(&UNEXPANDED_STAR, || "which columns PIVOT makes is known when it runs".to_owned(), span);
            return items;
        };
        for value in &values {
            for (name, aggregate, recorded) in &produced {
                let shown = match (*name, produced.len()) {
                    (Sym::NONE, _) => value.clone(),
                    (name, _) if self.dialect == Dialect::BigQuery => format!("{}_{value}", self.names.text(name)),
                    (_, 1) if !matches!(self.dialect, Dialect::DuckDb | Dialect::Oracle) => value.clone(),
                    (name, _) => format!("{value}_{}", self.names.text(name)),
                };
                let mut all = aggregate.value.lineage.clone();
                all.extend(tests.iter().copied());
                let column = Column { name: self.names.intern(&shown), value: Value::of(all), span: aggregate.span };
                items.push((Item::Column(column), recorded.clone()));
            }
        }
        items
    }

    /// Where an aggregate of PIVOT stands, of which sqlparser keeps no more than the place `inside` of its arguments.
    fn place_of_aggregate(&self, aggregate: &Expr, inside: Span, factor: Span) -> Span {
        let Expr::Function(function) = aggregate else { return inside };
        if !span_of(&function.name).is_empty() {
            return inside;
        }
        let mut depth = 0_u32;
        let before = self.text.get(..inside.start as usize).unwrap_or("");
        let open = before.char_indices().rev().find(|(_, letter)| match letter {
            '(' if depth == 0 => true,
            '(' => {
                depth -= 1;
                false
            }
            ')' => {
                depth += 1;
                false
            }
            _ => false,
        });
        let Some((open, _)) = open.filter(|_| !inside.is_empty()) else { return factor };
        let name = before[..open].trim_end();
        let rest = name.trim_end_matches(|letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '.' | '`'));
        Span::new(rest.len(), inside.end as usize)
    }

    /// What PIVOT's columns are called after; `None` where only the data tell.
    fn pivot_values(&mut self, source: &ast::PivotValueSource) -> Option<Vec<String>> {
        match source {
            ast::PivotValueSource::List(values) => Some(
                values
                    .iter()
                    .map(|value| match (&value.alias, &value.expr) {
                        (Some(alias), _) => alias.value.clone(),
                        (None, Expr::Value(literal)) => match (self.dialect, literal.value.clone().into_string()) {
                            (Dialect::Snowflake, Some(text)) => format!("'{text}'"),
                            (_, Some(text)) => text,
                            (_, None) => literal.value.to_string(),
                        },
                        (None, Expr::Identifier(ident)) => ident.value.clone(),
                        (None, other) => other.to_string(),
                    })
                    .collect(),
            ),
            ast::PivotValueSource::Any(_) | ast::PivotValueSource::Subquery(_) => None,
        }
    }

    /// UNPIVOT: the value column is made of all listed ones, the name column of none.
    pub(crate) fn unpivot(
        &mut self,
        inner: &mut Scope,
        value: &Expr,
        name: &ast::Ident,
        columns: &[&Expr],
        span: Span,
    ) -> Vec<(Item, Recorded)> {
        let mut gone = Vec::new();
        let targets: Vec<&ast::Ident> = match value {
            Expr::Identifier(ident) => vec![ident],
            Expr::Tuple(parts) => {
                parts.iter().filter_map(|part| if let Expr::Identifier(ident) = part { Some(ident) } else { None }).collect()
            }
            Expr::Nested(inner) => match inner.as_ref() {
                Expr::Identifier(ident) => vec![ident],
                _ => Vec::new(),
            },
            _ => Vec::new(),
        };
        let mut values = vec![Value::default(); targets.len()];
        self.trail.clear();
        for column in columns {
            let parts: Vec<&Expr> = match column {
                Expr::Tuple(parts) => parts.iter().collect(),
                Expr::Nested(inner) => vec![inner.as_ref()],
                other => vec![*other],
            };
            let mut chosen = Vec::new();
            if let [part] = parts.as_slice()
                && self.expanded_columns(part, inner, &mut chosen)
            {
                for (item, _) in chosen {
                    if let (Item::Column(column), Some(value)) = (item, values.first_mut()) {
                        gone.push(self.names.key(column.name));
                        value.merge(column.value, &self.names);
                    }
                }
                continue;
            }
            for (at, part) in parts.into_iter().enumerate() {
                gone.extend(self.implied_name(part).map(|name| self.names.key(name)));
                let read = self.value(part, inner);
                if let Some(value) = values.get_mut(at) {
                    value.merge(read, &self.names);
                }
            }
        }
        let reads = std::mem::take(&mut self.trail);
        let mut items = self.star(inner, span);
        items.retain(|(item, _)| !matches!(item, Item::Column(column) if gone.contains(&self.names.key(column.name))));
        self.close_stars(&mut items, &gone);
        let name = Column { name: self.sym(name), value: Value::default(), span };
        let name = (Item::Column(name), Recorded { step: Step::Constant, reads: Vec::new(), links: Vec::new() });
        let value_first = self.dialect == Dialect::BigQuery;
        if !value_first {
            items.push(name.clone());
        }
        for (target, value) in targets.iter().zip(values) {
            let column = Column { name: self.sym(target), value, span };
            items.push((Item::Column(column), Recorded { step: Step::Copies, reads: reads.clone(), links: Vec::new() }));
        }
        if value_first {
            items.push(name);
        }
        items
    }

    pub(crate) fn match_recognize(&mut self, inner: &mut Scope, clauses: &Matching, span: Span) -> Vec<(Item, Recorded)> {
        let Matching { partition_by, order_by, measures, symbols, named, all_rows } = *clauses;
        let mut windows = Lineage::new();
        for expr in partition_by.iter().chain(order_by.iter().map(|order| &order.expr)) {
            self.collect(expr, inner, Window, &mut windows);
        }
        let mut items = if all_rows { self.star(inner, span) } else { Vec::new() };
        if !all_rows {
            for expr in partition_by {
                if let Some(name) = self.implied_name(expr) {
                    items.push(self.computed_output(expr, name, inner));
                }
            }
        }
        let bare: Vec<ast::Ident> = symbols.iter().map(|symbol| symbol.symbol.clone()).chain(named.iter().cloned()).collect();
        for symbol in &bare {
            let key = self.key(symbol);
            let base = inner.inputs.first().cloned();
            if let Some(mut input) = base {
                input.alias = key;
                input.hidden = true;
                inner.inputs.push(input);
            }
        }
        for symbol in symbols {
            let definition = unqualified(&symbol.definition, &bare);
            let plain =
                Scope { inputs: inner.inputs.iter().take(1).cloned().collect(), ..Scope::new(inner.record, inner.parent) };
            self.decide(&definition, &plain, RowEdgeKind::Filter);
        }
        for measure in measures {
            let name = self.sym(&measure.alias);
            let expr = unqualified(&measure.expr, &bare);
            let plain =
                Scope { inputs: inner.inputs.iter().take(1).cloned().collect(), ..Scope::new(inner.record, inner.parent) };
            let (mut item, recorded) = self.computed_output(&expr, name, &plain);
            if let Item::Column(column) = &mut item {
                column.value.lineage.extend(windows.iter().copied());
                crate::sql::value::normalize(&mut column.value.lineage);
            }
            items.push((item, recorded));
        }
        items
    }
}

/// The clauses of MATCH_RECOGNIZE.
#[derive(Clone, Copy)]
pub(crate) struct Matching<'q> {
    pub(crate) partition_by: &'q [Expr],
    pub(crate) order_by: &'q [ast::OrderByExpr],
    pub(crate) measures: &'q [ast::Measure],
    pub(crate) symbols: &'q [ast::SymbolDefinition],
    /// Symbols that only the pattern names.
    pub(crate) named: &'q [ast::Ident],
    pub(crate) all_rows: bool,
}

/// The symbols that a pattern names.
pub(crate) fn pattern_symbols(pattern: &ast::MatchRecognizePattern) -> Vec<ast::Ident> {
    use ast::MatchRecognizePattern as Pattern;
    let mut named = Vec::new();
    let mut todo = vec![pattern];
    while let Some(pattern) = todo.pop() {
        let symbols = match pattern {
            Pattern::Symbol(symbol) | Pattern::Exclude(symbol) => std::slice::from_ref(symbol),
            Pattern::Permute(symbols) => symbols.as_slice(),
            Pattern::Concat(inner) | Pattern::Alternation(inner) => {
                todo.extend(inner);
                continue;
            }
            Pattern::Group(inner) | Pattern::Repetition(inner, _) => {
                todo.push(inner);
                continue;
            }
        };
        named.extend(symbols.iter().filter_map(|symbol| match symbol {
            ast::MatchRecognizeSymbol::Named(ident) => Some(ident.clone()),
            _ => None,
        }));
    }
    named
}

/// Drops pattern symbols from `down.price`, so that it names a column of the table.
pub(crate) fn unqualified(expr: &Expr, symbols: &[ast::Ident]) -> Expr {
    let mut copy = expr.clone();
    let mut todo = vec![&mut copy];
    while let Some(expr) = todo.pop() {
        match expr {
            Expr::CompoundIdentifier(idents) if idents.len() == 2 && is_symbol(&idents[0], symbols) => {
                *expr = Expr::Identifier(idents[1].clone());
            }
            Expr::BinaryOp { left, right, .. } => todo.extend([left.as_mut(), right.as_mut()]),
            Expr::Nested(inner) | Expr::UnaryOp { expr: inner, .. } | Expr::Cast { expr: inner, .. } => todo.push(inner),
            Expr::Function(function) => {
                if let ast::FunctionArguments::List(list) = &mut function.args {
                    for argument in &mut list.args {
                        if let ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(inner)) = argument {
                            todo.push(inner);
                        }
                    }
                }
            }
            _ => {}
        }
    }
    copy
}

fn is_symbol(ident: &ast::Ident, symbols: &[ast::Ident]) -> bool {
    symbols.iter().any(|symbol| symbol.value.eq_ignore_ascii_case(&ident.value))
}

/// Calls `found` for every column that an aggregate's arguments name.
fn used_columns(expr: &Expr, found: &mut dyn FnMut(&ast::Ident)) {
    let mut todo = vec![expr];
    while let Some(expr) = todo.pop() {
        match expr {
            Expr::Identifier(ident) => found(ident),
            Expr::CompoundIdentifier(idents) => {
                if let Some(last) = idents.last() {
                    found(last);
                }
            }
            Expr::Function(function) => todo.extend(arguments_of(function).into_iter().filter_map(argument_expr)),
            Expr::BinaryOp { left, right, .. } => todo.extend([left.as_ref(), right]),
            Expr::Nested(inner) | Expr::Cast { expr: inner, .. } | Expr::UnaryOp { expr: inner, .. } => todo.push(inner),
            Expr::Case { operand, conditions, else_result, .. } => {
                todo.extend(operand.as_deref());
                todo.extend(conditions.iter().flat_map(|when| [&when.condition, &when.result]));
                todo.extend(else_result.as_deref());
            }
            _ => {}
        }
    }
}
