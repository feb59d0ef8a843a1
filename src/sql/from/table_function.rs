//! Functions in FROM.

use crate::model::{ColumnEdgeKind, ScopeKind, Span};
use std::rc::Rc;

use smallvec::SmallVec;

use crate::sql::{
    engine::{Engine, RoutineBody},
    expr::{argument_expr, arguments_of, function_key, parameter_input},
    functions,
    names::Sym,
    query::item_origins,
    scope::Scope,
    value::{Column, Columns, Item, Lineage, OpenStar, Value},
};
use ColumnEdgeKind::Transformation;
use sqlparser::ast::{self, Expr};

impl Engine<'_> {
    /// `f(…)` in FROM.
    pub(crate) fn table_function(
        &mut self,
        scope: &mut Scope,
        name: &ast::ObjectName,
        args: &[ast::FunctionArg],
        alias: Option<&ast::TableAlias>,
        ordinality: bool,
        span: Span,
    ) {
        let key = function_key(name);
        if self.inline_table_function(scope, name, args, alias, span) {
            return;
        }
        let exprs: Vec<&Expr> = args.iter().filter_map(argument_expr).collect();
        match key.as_str() {
            "table" | "lateral" | "lateral_flatten" => {
                if let Some(expr) = exprs.first() {
                    self.table_expression(scope, expr, alias, span);
                }
            }
            "flatten" | "splitn" => self.flatten(scope, args, alias, span),
            _ if functions::unnests(&key) => {
                let arrays: Vec<&Expr> = exprs.into_iter().take(if key == "unnest" { usize::MAX } else { 1 }).collect();
                self.unnest(scope, &arrays, alias, ordinality.then_some("ordinality"), span);
            }
            _ => self.opaque_function(scope, &exprs, alias, span),
        }
    }

    /// A table function whose rows are computed from its arguments in an unknown way.
    fn opaque_function(&mut self, scope: &mut Scope, exprs: &[&Expr], alias: Option<&ast::TableAlias>, span: Span) {
        self.trail.clear();
        let mut lineage = Lineage::new();
        for expr in exprs {
            match expr {
                Expr::Subquery(query) => {
                    let result = self.query(query, Some(scope));
                    self.link(scope.record, result.scope);
                    let items: Vec<Item> = result.columns.items.clone();
                    for item in &items {
                        lineage.extend(item_origins(item));
                    }
                    let mut through = Columns::new(items).through(Transformation).items;
                    through.push(unknown_columns(span));
                    self.add_computed(scope, through, alias, span);
                    return;
                }
                _ => self.collect(expr, scope, Transformation, &mut lineage),
            }
        }
        let value = Value::of(lineage);
        let columns = alias.map_or(&[][..], |alias| alias.columns.as_slice());
        let items = if columns.is_empty() {
            vec![unknown_columns(span)]
        } else {
            let names: Vec<Sym> = columns.iter().map(|column| self.sym(&column.name)).collect();
            names.into_iter().map(|name| Item::Column(Column { name, value: value.clone(), span })).collect()
        };
        let bare = alias.map(|alias| ast::TableAlias { columns: Vec::new(), ..alias.clone() });
        self.add_computed(scope, items, bare.as_ref(), span);
        if let Some(input) = scope.inputs.last_mut() {
            input.element = Some(value);
            input.open_element = true;
        }
    }

    pub(crate) fn table_expression(&mut self, scope: &mut Scope, expr: &Expr, alias: Option<&ast::TableAlias>, span: Span) {
        match expr {
            Expr::Function(function) => {
                let args: Vec<ast::FunctionArg> = arguments_of(function).into_iter().cloned().collect();
                self.table_function(scope, &function.name, &args, alias, false, span);
            }
            Expr::Nested(inner) => self.table_expression(scope, inner, alias, span),
            Expr::Subquery(query) => {
                let result = self.query(query, Some(scope));
                self.add_query(scope, result, alias, span);
            }
            _ => self.unnest(scope, &[expr], alias, None, span),
        }
    }

    /// A call of a SQL table function whose body is known.
    fn inline_table_function(
        &mut self,
        scope: &mut Scope,
        name: &ast::ObjectName,
        args: &[ast::FunctionArg],
        alias: Option<&ast::TableAlias>,
        span: Span,
    ) -> bool {
        if !self.may_inline() {
            return false;
        }
        let Some(routine) = self.find_routine(name) else { return false };
        let RoutineBody::Query(body) = &routine.body else { return false };
        let mut items = Vec::new();
        for (at, argument) in args.iter().enumerate() {
            let value = argument_expr(argument).map(|expr| self.value(expr, scope)).unwrap_or_default();
            let name = routine.parameters.get(at).copied().unwrap_or(Sym::NONE);
            items.push(Item::Column(Column { name, value, span }));
        }
        let ctes = std::mem::take(&mut self.ctes);
        let outer = self.span_override.replace(span);
        self.inline_depth += 1;
        let record = self.open_scope(ScopeKind::Computed, span);
        let mut parameters = Scope::new(record, None);
        parameters.inputs.push(parameter_input(items));
        let result = self.query(body, Some(&parameters));
        self.inline_depth -= 1;
        self.span_override = outer;
        self.ctes = ctes;
        self.add_query(scope, result, alias, span);
        true
    }

    /// Columns listed over one JSON or XML value.
    pub(crate) fn value_table_input(
        &mut self,
        scope: &mut Scope,
        source: &Expr,
        names: &[&ast::Ident],
        alias: Option<&ast::TableAlias>,
        span: Span,
    ) {
        self.trail.clear();
        let value = self.value(source, scope).through(Transformation);
        let value = Value { fields: None, ..value };
        let mut items: Vec<Item> = Vec::new();
        for ident in names {
            items.push(Item::Column(Column { name: self.sym(ident), value: value.clone(), span }));
        }
        if items.is_empty() {
            for name in ["key", "value", "type"] {
                items.push(Item::Column(Column { name: self.names.intern(name), value: value.clone(), span }));
            }
        }
        self.add_computed(scope, items, alias, span);
    }
}

pub(crate) fn json_columns<'q>(columns: &'q [ast::JsonTableColumn], names: &mut Vec<&'q ast::Ident>) {
    for column in columns {
        match column {
            ast::JsonTableColumn::Named(named) => names.push(&named.name),
            ast::JsonTableColumn::ForOrdinality(name) => names.push(name),
            ast::JsonTableColumn::Nested(nested) => json_columns(&nested.columns, names),
        }
    }
}

/// Columns that only running the function could tell.
fn unknown_columns(span: Span) -> Item {
    Item::Star(OpenStar { from: SmallVec::new(), except: Rc::from([]), kind: ColumnEdgeKind::Transformation, span })
}
