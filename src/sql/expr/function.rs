//! Calls: aggregates, windows, choosing functions, SQL routines inlined.

use crate::model::{ColumnEdgeKind, RowEdgeKind, Span};
use crate::sql::{
    engine::{Engine, Routine, RoutineBody},
    functions,
    names::Sym,
    scope::{Input, InputColumns, Scope},
    value::{Column, Columns, Item, Lineage, Value},
};
use ColumnEdgeKind::{Aggregation, Conditional, Transformation, Window};
use sqlparser::ast::{self, Expr};
use std::rc::Rc;

impl Engine<'_> {
    pub(crate) fn function(&mut self, function: &ast::Function, scope: &Scope) -> Value {
        let name = function_key(&function.name);
        if let ast::FunctionArguments::Subquery(query) = &function.args {
            return self.scalar(query, scope);
        }
        if let Some(value) = self.inline_function(function, scope) {
            return value;
        }
        if name == "values"
            && let Some(value) = self.inserted_value(function, scope)
        {
            return value;
        }
        if matches!(name.as_str(), "named_struct" | "struct_pack" | "object_construct" | "object_construct_keep_null")
            && let Some(value) = self.built_struct(&name, function, scope)
        {
            return value;
        }
        if let Some(value) = self.xml_method(function, scope) {
            return value;
        }
        if matches!(name.as_str(), "row" | "tuple")
            && let Some(parts) =
                arguments_of(function).into_iter().map(|argument| argument_expr(argument).cloned()).collect::<Option<Vec<_>>>()
            && !parts.is_empty()
        {
            return self.row_value(&parts, scope);
        }
        if name == "*columns" {
            return self.unpacked_columns(function, scope);
        }
        if let Some(value) = self.extracted(&name, function, scope).or_else(|| self.dictionary_value(&name, function, scope)) {
            return value;
        }
        let aggregate = functions::is_aggregate(&name) || self.is_user_aggregate(&name);
        let kind = if aggregate { Aggregation } else { Transformation };
        let mut all = Value::default();
        let arguments = arguments_of(function);
        let tested = if aggregate { functions::tested_aggregate_argument(&name, arguments.len()) } else { None };
        for (at, argument) in arguments.iter().enumerate() {
            let test = tested == Some(at) || functions::is_test(&name, at, arguments.len());
            let value = self.argument(&name, at, argument, scope, if test { Conditional } else { kind });
            if test || !functions::keeps_fields(&name) {
                all.lineage.extend(value.lineage);
            } else {
                all.merge(value, &self.names);
            }
        }
        self.function_clauses(function, kind, scope, &mut all.lineage);
        crate::sql::value::normalize(&mut all.lineage);
        all
    }

    /// `named_struct('p', x, 'q', y)` and `struct_pack(p := x)`: a struct of those fields, where all
    /// their names are constant.
    fn built_struct(&mut self, name: &str, function: &ast::Function, scope: &Scope) -> Option<Value> {
        let arguments = arguments_of(function);
        let mut fields: Vec<(Sym, &Expr)> = Vec::new();
        if name == "struct_pack" {
            for argument in &arguments {
                let ast::FunctionArg::Named { name, .. } = argument else { return None };
                fields.push((self.sym(name), argument_expr(argument)?));
            }
        } else if let [ast::FunctionArg::Unnamed(row)] = arguments.as_slice() {
            return self.built_from_row(row, scope);
        } else {
            for pair in arguments.chunks(2) {
                let [key, value] = pair else { return None };
                let key = crate::sql::statement::constant(argument_expr(key)?)?;
                fields.push((self.names.intern(&key), argument_expr(value)?));
            }
        }
        let items = fields.into_iter().map(|(name, expr)| {
            let value = self.stepped(Transformation, |engine| engine.value(expr, scope));
            Item::Column(Column { name, value, span: Span::default() })
        });
        let items: Vec<Item> = items.collect();
        (!items.is_empty()).then(|| crate::sql::scope::struct_of(items))
    }

    /// `object_construct(*)`, `struct(t.*)`: a struct of every column.
    fn built_from_row(&mut self, row: &ast::FunctionArgExpr, scope: &Scope) -> Option<Value> {
        let value = match row {
            ast::FunctionArgExpr::Wildcard | ast::FunctionArgExpr::WildcardWithOptions(_) => {
                let star = self.star(scope, Span::default());
                let star = match row {
                    ast::FunctionArgExpr::WildcardWithOptions(options) => self.star_options(star, options, scope),
                    _ => star,
                };
                self.trail.extend(star.iter().flat_map(|(_, recorded)| recorded.reads.iter().copied()));
                crate::sql::scope::struct_of(star.into_iter().map(|(item, _)| item).collect())
            }
            ast::FunctionArgExpr::QualifiedWildcard(table) => self.row_of(table, scope),
            ast::FunctionArgExpr::Expr(_) => return None,
        };
        Some(value)
    }

    /// SQL Server's `x.value('@id', 'int')` and `x.query('/a')`: computed from the XML column x.
    fn xml_method(&mut self, function: &ast::Function, scope: &Scope) -> Option<Value> {
        if self.dialect != crate::model::Dialect::MsSql {
            return None;
        }
        let idents: Vec<ast::Ident> = function.name.0.iter().filter_map(|part| part.as_ident().cloned()).collect();
        let (method, column) = idents.split_last()?;
        let known = ["value", "query", "exist"].iter().any(|name| method.value.eq_ignore_ascii_case(name));
        if !known || column.is_empty() {
            return None;
        }
        let value = self.stepped(Transformation, |engine| engine.resolve_compound(column, scope));
        Some(Value { fields: None, ..value.through(Transformation) })
    }

    /// MySQL's `VALUES(column)`: what the row that could not be inserted has there.
    fn inserted_value(&mut self, function: &ast::Function, scope: &Scope) -> Option<Value> {
        let [argument] = arguments_of(function)[..] else { return None };
        let Expr::Identifier(column) = argument_expr(argument)? else { return None };
        let new_row = scope.inputs.iter().find(|input| input.hidden)?;
        let name = self.sym(column);
        self.column_of(new_row, name)
    }

    pub(crate) fn argument(
        &mut self,
        name: &str,
        at: usize,
        argument: &ast::FunctionArg,
        scope: &Scope,
        kind: ColumnEdgeKind,
    ) -> Value {
        let inner = match argument {
            ast::FunctionArg::Named { arg, .. } | ast::FunctionArg::ExprNamed { arg, .. } | ast::FunctionArg::Unnamed(arg) => arg,
        };
        match inner {
            ast::FunctionArgExpr::Expr(Expr::Identifier(_)) if name == "xmlelement" && at == 0 => Value::default(),
            ast::FunctionArgExpr::Expr(Expr::Identifier(word))
                if word.quote_style.is_none()
                    && functions::is_date_part(self.dialect, name, at, &word.value.to_ascii_lowercase()) =>
            {
                Value::default()
            }
            ast::FunctionArgExpr::Expr(Expr::Function(week))
                if function_key(&week.name) == "week" && functions::is_date_part(self.dialect, name, at, "week") =>
            {
                Value::default()
            }
            ast::FunctionArgExpr::Expr(expr) => {
                let value = self.stepped(kind, |engine| engine.value(expr, scope));
                let fields = if kind == Transformation { value.fields.clone() } else { None };
                let through = value.through(kind);
                Value { fields: fields.or(through.fields), lineage: through.lineage }
            }
            ast::FunctionArgExpr::QualifiedWildcard(table) if name != "count" => {
                let value = self.row_of(table, scope);
                value.through(kind)
            }
            ast::FunctionArgExpr::Wildcard | ast::FunctionArgExpr::WildcardWithOptions(_) if name != "count" => {
                let mut all = Value::default();
                for input in scope.inputs.iter().filter(|input| !input.hidden) {
                    let row = input.row(self, Span::default());
                    all.lineage.extend(row.lineage);
                }
                all.through(kind)
            }
            ast::FunctionArgExpr::QualifiedWildcard(_)
            | ast::FunctionArgExpr::Wildcard
            | ast::FunctionArgExpr::WildcardWithOptions(_) => Value::default(),
        }
    }

    /// FILTER, WITHIN GROUP, an aggregate's own ORDER BY, OVER.
    fn function_clauses(&mut self, function: &ast::Function, kind: ColumnEdgeKind, scope: &Scope, out: &mut Lineage) {
        if let Some(filter) = &function.filter {
            self.collect(filter, scope, Conditional, out);
        }
        // `percentile_cont(0.5) WITHIN GROUP (ORDER BY x)` computes from x; `listagg(x) WITHIN GROUP
        // (ORDER BY y)` only lists in its order.
        let orders_only = !out.is_empty();
        for order in &function.within_group {
            if orders_only {
                self.decide(&order.expr, scope, RowEdgeKind::Sort);
            } else {
                self.collect(&order.expr, scope, kind, out);
            }
        }
        if let ast::FunctionArguments::List(list) = &function.args {
            for clause in &list.clauses {
                match clause {
                    ast::FunctionArgumentClause::OrderBy(orders) => {
                        for order in orders {
                            self.decide(&order.expr, scope, RowEdgeKind::Sort);
                        }
                    }
                    ast::FunctionArgumentClause::Having(bound) => self.decide(&bound.1, scope, RowEdgeKind::Sort),
                    ast::FunctionArgumentClause::Where(filter) => self.collect(filter, scope, Conditional, out),
                    ast::FunctionArgumentClause::Limit(_)
                    | ast::FunctionArgumentClause::IgnoreOrRespectNulls(_)
                    | ast::FunctionArgumentClause::OnOverflow(_)
                    | ast::FunctionArgumentClause::Separator(_)
                    | ast::FunctionArgumentClause::JsonNullClause(_)
                    | ast::FunctionArgumentClause::JsonReturningClause(_) => {}
                }
            }
        }
        if let Some(over) = &function.over {
            self.window(over, scope, out);
        }
    }

    pub(crate) fn window(&mut self, window: &ast::WindowType, scope: &Scope, out: &mut Lineage) {
        match window {
            ast::WindowType::WindowSpec(spec) => self.window_spec(spec, scope, out, 0),
            ast::WindowType::NamedWindow(name) => self.named_window(name, scope, out, 0),
        }
    }

    fn window_spec(&mut self, spec: &ast::WindowSpec, scope: &Scope, out: &mut Lineage, depth: u32) {
        if let Some(name) = &spec.window_name {
            self.named_window(name, scope, out, depth);
        }
        self.collect_all(&spec.partition_by, scope, Window, out);
        self.collect_all(spec.order_by.iter().map(|order| &order.expr), scope, Window, out);
    }

    pub(crate) fn named_window(&mut self, name: &ast::Ident, scope: &Scope, out: &mut Lineage, depth: u32) {
        let key = self.key(name);
        let mut around = Some(scope);
        while let Some(current) = around {
            if let Some((_, window)) = current.windows.iter().find(|(window, _)| *window == key) {
                match window {
                    ast::NamedWindowExpr::WindowSpec(spec) => self.window_spec(spec, scope, out, depth),
                    ast::NamedWindowExpr::NamedWindow(other) if depth < 16 => {
                        self.named_window(other, scope, out, depth + 1);
                    }
                    ast::NamedWindowExpr::NamedWindow(_) => {}
                }
                return;
            }
            around = current.parent;
        }
    }

    /// A call of a SQL function whose body is known: the body's value with the arguments in place.
    fn inline_function(&mut self, function: &ast::Function, scope: &Scope) -> Option<Value> {
        if function.over.is_some() || !self.may_inline() {
            return None;
        }
        let routine = self.find_routine(&function.name)?;
        let mut items = Vec::with_capacity(routine.parameters.len());
        for (at, argument) in arguments_of(function).into_iter().enumerate() {
            let value = match argument_expr(argument) {
                Some(expr) => self.value(expr, scope),
                None => Value::default(),
            };
            let name = match argument {
                ast::FunctionArg::Named { name, .. } => self.sym(name),
                _ => routine.parameters.get(at).copied().unwrap_or(Sym::NONE),
            };
            items.push(Item::Column(Column { name, value, span: Span::default() }));
        }
        self.inside_routine(function, |engine| match &routine.body {
            RoutineBody::Expression(body) => {
                let mut inner = Scope::new(scope.record, None);
                inner.inputs.push(parameter_input(items));
                Some(engine.value(body, &inner))
            }
            RoutineBody::Query(body) => {
                let mut inner = Scope::new(scope.record, None);
                inner.inputs.push(parameter_input(items));
                Some(engine.scalar(body, &inner))
            }
            RoutineBody::Opaque => None,
        })
    }

    /// Runs `walk` inside the body of a routine: places point to the call, reads are recorded once.
    pub(crate) fn inside_routine<T>(&mut self, function: &ast::Function, walk: impl FnOnce(&mut Self) -> T) -> T {
        let call = self.bytes(sqlparser::ast::Spanned::span(function));
        let span = self.span_override.replace(call);
        let ctes = std::mem::take(&mut self.ctes);
        let trail = self.trail.clone();
        self.inline_depth += 1;
        let result = walk(self);
        self.inline_depth -= 1;
        self.trail = trail;
        self.ctes = ctes;
        self.span_override = span;
        result
    }

    /// The routine of that name, from the script or the catalog; the call is noted.
    pub(crate) fn find_routine(&mut self, name: &ast::ObjectName) -> Option<Rc<Routine>> {
        let key = function_key(name);
        if let Some(found) = self.routines.get(&key) {
            let routine = found.clone();
            if key.contains('.') || routine.is_some() {
                self.note_call(name, &key);
            }
            return routine;
        }
        let called = self.relation_name(name);
        let routine = self.lookups.routine(&called).map(|known| {
            let parameters = known.parameters.iter().map(|parameter| self.names.intern(parameter)).collect();
            let body = match &known.body {
                Some(body) => crate::sql::script::parse_routine_body(body, known.is_table, self.dialect),
                None => RoutineBody::Opaque,
            };
            Rc::new(Routine { parameters, body, is_aggregate: known.is_aggregate })
        });
        if key.contains('.') || routine.is_some() {
            self.note_call(name, &key);
        }
        self.routines.insert(key, routine.clone());
        routine
    }

    /// Calls of routines that are not built in.
    fn note_call(&mut self, name: &ast::ObjectName, key: &str) {
        const BUILT_IN: &[&str] = &[
            "safe.",
            "net.",
            "keys.",
            "hll_count.",
            "kll_quantiles.",
            "aead.",
            "ml.",
            "ai.",
            "d3a_count.",
            "sys.",
            "pg_catalog.",
        ];
        if BUILT_IN.iter().any(|prefix| key.starts_with(prefix)) || !self.called.insert(key.to_owned()) {
            return;
        }
        let called = self.relation_name(name);
        self.calls.push(called);
    }

    fn is_user_aggregate(&self, key: &str) -> bool {
        matches!(self.routines.get(key), Some(Some(routine)) if routine.is_aggregate)
    }
}

/// Whether an aggregate stands in `expr` itself (not in a subquery).
pub(crate) fn aggregates(expr: &Expr) -> bool {
    let mut todo = vec![expr];
    let mut seen = 0;
    while let Some(expr) = todo.pop() {
        seen += 1;
        if seen > 20_000 {
            return false;
        }
        match expr {
            Expr::Function(function) => {
                if function.over.is_none() && functions::is_aggregate(&function_key(&function.name)) {
                    return true;
                }
                todo.extend(arguments_of(function).into_iter().filter_map(argument_expr));
            }
            Expr::BinaryOp { left, right, .. } => todo.extend([left.as_ref(), right]),
            Expr::Nested(inner)
            | Expr::Cast { expr: inner, .. }
            | Expr::UnaryOp { expr: inner, .. }
            | Expr::IsNull(inner)
            | Expr::IsNotNull(inner)
            | Expr::Extract { expr: inner, .. }
            | Expr::Ceil { expr: inner, .. }
            | Expr::Floor { expr: inner, .. } => todo.push(inner),
            Expr::Case { operand, conditions, else_result, .. } => {
                todo.extend(operand.as_deref());
                todo.extend(conditions.iter().flat_map(|when| [&when.condition, &when.result]));
                todo.extend(else_result.as_deref());
            }
            Expr::Between { expr, low, high, .. } => todo.extend([expr.as_ref(), low, high]),
            Expr::CompoundFieldAccess { root, .. } => todo.push(root),
            Expr::Struct { values, .. } | Expr::Tuple(values) => todo.extend(values),
            Expr::Named { expr, .. } => todo.push(expr),
            _ => {}
        }
    }
    false
}

/// A routine's parameters as an input: columns that belong to no relation.
pub(crate) fn parameter_input(items: Vec<Item>) -> Input {
    Input {
        alias: Sym::NONE,
        path: Default::default(),
        relation: InputColumns::Derived(Rc::new(Columns::new(items))),
        element: None,
        open_element: false,
        record: (u32::MAX, Sym::NONE),
        merged_away: Default::default(),
        hidden: true,
        by_alias_only: false,
        scope: None,
    }
}

/// A function's name in lower case, parts joined with dots.
pub(crate) fn function_key(name: &ast::ObjectName) -> String {
    let mut key = String::new();
    for part in &name.0 {
        if let Some(ident) = part.as_ident() {
            if !key.is_empty() {
                key.push('.');
            }
            if ident.value.is_ascii() {
                let start = key.len();
                key.push_str(&ident.value);
                key[start..].make_ascii_lowercase();
            } else {
                key.extend(ident.value.chars().flat_map(char::to_lowercase));
            }
        }
    }
    match key.strip_prefix("safe.") {
        Some(bare) => bare.to_owned(),
        None => key,
    }
}

/// The arguments of a call; parameters first where a function has both (ClickHouse).
pub(crate) fn arguments_of(function: &ast::Function) -> Vec<&ast::FunctionArg> {
    match &function.args {
        ast::FunctionArguments::List(list) => list.args.iter().collect(),
        ast::FunctionArguments::None | ast::FunctionArguments::Subquery(_) => Vec::new(),
    }
}

/// The expression of an argument.
pub(crate) fn argument_expr(argument: &ast::FunctionArg) -> Option<&Expr> {
    let inner = match argument {
        ast::FunctionArg::Named { arg, .. } | ast::FunctionArg::ExprNamed { arg, .. } | ast::FunctionArg::Unnamed(arg) => arg,
    };
    match inner {
        ast::FunctionArgExpr::Expr(expr) => Some(expr),
        ast::FunctionArgExpr::QualifiedWildcard(_)
        | ast::FunctionArgExpr::Wildcard
        | ast::FunctionArgExpr::WildcardWithOptions(_) => None,
    }
}
