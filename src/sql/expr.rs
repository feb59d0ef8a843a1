//! Expressions: which columns take part in a value, and how.

use std::rc::Rc;

use sqlparser::ast::{self, Expr};

use super::{
    engine::{Engine, QueryResult, Read, Routine, RoutineBody, ScopeIndex},
    functions,
    names::Sym,
    scope::{Input, InputColumns, Scope, struct_of},
    spans::span_of,
    value::{Column, Columns, Item, Lineage, Origin, Value},
};
use crate::model::{ColumnEdgeKind, RowEdgeKind, Span, Step};

use ColumnEdgeKind::{Aggregation, Conditional, Identity, Transformation, Window};

impl Engine<'_> {
    /// The value of an expression.
    pub(crate) fn value(&mut self, expr: &Expr, scope: &Scope) -> Value {
        stacker::maybe_grow(96 << 10, 2 << 20, || self.value_here(expr, scope))
    }

    fn value_here(&mut self, expr: &Expr, scope: &Scope) -> Value {
        match expr {
            Expr::Identifier(ident) => self.resolve_column(ident, scope),
            Expr::CompoundIdentifier(idents) => self.resolve_compound(idents, scope),
            Expr::Nested(inner) | Expr::OuterJoin(inner) | Expr::Prior(inner) | Expr::Named { expr: inner, .. } => {
                self.value(inner, scope)
            }
            Expr::Collate { expr: inner, .. } => self.value(inner, scope),
            Expr::CompoundFieldAccess { root, access_chain } => self.access(root, access_chain, scope),
            Expr::JsonAccess { value, path } => self.json_access(value, path, scope),
            Expr::Struct { values, fields } => self.structure(values, fields, scope),
            Expr::Dictionary(entries) => {
                let items = entries
                    .iter()
                    .map(|entry| {
                        let name = self.sym(&entry.key);
                        let span = span_of(entry.value.as_ref());
                        Item::Column(Column { name, value: self.value(&entry.value, scope), span })
                    })
                    .collect();
                struct_of(items)
            }
            Expr::Subquery(query) => self.scalar(query, scope),
            Expr::Array(array) => {
                let mut all = Value::default();
                for element in &array.elem {
                    let element = self.value(element, scope);
                    all.merge(element, &self.names);
                }
                let fields = all.fields.take();
                Value { fields, ..all.through(Transformation) }
            }
            Expr::Cast { expr: inner, .. } => {
                let value = self.stepped(Transformation, |engine| engine.value(inner, scope));
                Value { fields: value.fields.clone(), ..value.through(Transformation) }
            }
            Expr::Function(function) => self.function(function, scope),
            Expr::Case { operand, conditions, else_result, .. } => {
                self.case(operand.as_deref(), conditions, else_result.as_deref(), scope)
            }
            Expr::Wildcard(_) => Value::default(),
            Expr::QualifiedWildcard(name, _) => self.row_of(name, scope),
            _ => {
                let mut lineage = Lineage::new();
                self.collect_parts(expr, scope, Transformation, &mut lineage);
                Value::of(lineage)
            }
        }
    }

    /// Adds the origins of `expr` to `out`, as they take part through a step of `kind`.
    pub(crate) fn collect(&mut self, expr: &Expr, scope: &Scope, kind: ColumnEdgeKind, out: &mut Lineage) {
        match expr {
            Expr::Value(_) | Expr::TypedString(_) | Expr::Wildcard(_) => {}
            _ => {
                let value = self.stepped(kind, |engine| engine.value(expr, scope));
                out.extend(value.lineage.iter().map(|origin| Origin { kind: origin.kind.then(kind), ..*origin }));
            }
        }
    }

    fn collect_all<'e>(
        &mut self,
        exprs: impl IntoIterator<Item = &'e Expr>,
        scope: &Scope,
        kind: ColumnEdgeKind,
        out: &mut Lineage,
    ) {
        for expr in exprs {
            self.collect(expr, scope, kind, out);
        }
    }

    /// Runs `walk`; what it reads is recorded as read through a step of `kind`.
    fn stepped<T>(&mut self, kind: ColumnEdgeKind, walk: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.trail.len();
        let result = walk(self);
        for read in &mut self.trail[before..] {
            read.kind = read.kind.then(kind);
        }
        result
    }

    /// The parts of an expression whose value is computed from all of them.
    fn collect_parts(&mut self, expr: &Expr, scope: &Scope, kind: ColumnEdgeKind, out: &mut Lineage) {
        match expr {
            Expr::BinaryOp { .. } => self.collect_chain(expr, scope, kind, out),
            Expr::IsFalse(inner)
            | Expr::IsNotFalse(inner)
            | Expr::IsTrue(inner)
            | Expr::IsNotTrue(inner)
            | Expr::IsNull(inner)
            | Expr::IsNotNull(inner)
            | Expr::IsUnknown(inner)
            | Expr::IsNotUnknown(inner)
            | Expr::UnaryOp { expr: inner, .. }
            | Expr::Extract { expr: inner, .. }
            | Expr::Ceil { expr: inner, .. }
            | Expr::Floor { expr: inner, .. }
            | Expr::Prefixed { value: inner, .. }
            | Expr::IsJson { expr: inner, .. }
            | Expr::IsNormalized { expr: inner, .. } => self.collect(inner, scope, kind, out),
            Expr::IsDistinctFrom(left, right)
            | Expr::IsNotDistinctFrom(left, right)
            | Expr::Position { expr: left, r#in: right }
            | Expr::AtTimeZone { timestamp: left, time_zone: right }
            | Expr::AnyOp { left, right, .. }
            | Expr::AllOp { left, right, .. } => self.collect_all([left.as_ref(), right], scope, kind, out),
            Expr::Like { expr: left, pattern, .. }
            | Expr::ILike { expr: left, pattern, .. }
            | Expr::SimilarTo { expr: left, pattern, .. }
            | Expr::RLike { expr: left, pattern, .. } => self.collect_all([left.as_ref(), pattern], scope, kind, out),
            Expr::InList { expr: left, list, .. } => {
                self.collect(left, scope, kind, out);
                self.collect_all(list, scope, kind, out);
            }
            Expr::InSubquery { expr: left, subquery, .. } => {
                self.collect(left, scope, kind, out);
                let value = self.scalar(subquery, scope);
                out.extend(value.through(kind).lineage);
            }
            Expr::InUnnest { expr: left, array_expr, .. } => {
                self.collect_all([left.as_ref(), array_expr], scope, kind, out);
            }
            Expr::Between { expr: value, low, high, .. } => {
                self.collect_all([value.as_ref(), low, high], scope, kind, out);
            }
            Expr::Convert { expr: inner, styles, .. } => {
                self.collect(inner, scope, kind, out);
                self.collect_all(styles, scope, kind, out);
            }
            Expr::Substring { expr: inner, substring_from, substring_for, .. } => {
                let parts = [Some(inner), substring_from.as_ref(), substring_for.as_ref()];
                self.collect_all(parts.into_iter().flatten().map(Box::as_ref), scope, kind, out);
            }
            Expr::Trim { expr: inner, trim_what, trim_characters, .. } => {
                self.collect(inner, scope, kind, out);
                self.collect_all(trim_what.as_deref(), scope, kind, out);
                self.collect_all(trim_characters.iter().flatten(), scope, kind, out);
            }
            Expr::Overlay { expr: inner, overlay_what, overlay_from, overlay_for } => {
                self.collect_all([inner.as_ref(), overlay_what, overlay_from], scope, kind, out);
                self.collect_all(overlay_for.as_deref(), scope, kind, out);
            }
            Expr::Exists { subquery, .. } => {
                let result = self.subquery(subquery, scope);
                self.link(scope.record, result.scope);
            }
            Expr::GroupingSets(sets) | Expr::Cube(sets) | Expr::Rollup(sets) => {
                self.collect_all(sets.iter().flatten(), scope, kind, out);
            }
            Expr::Tuple(values) => self.collect_all(values, scope, kind, out),
            Expr::Map(map) => {
                for entry in &map.entries {
                    self.collect_all([entry.key.as_ref(), &entry.value], scope, kind, out);
                }
            }
            Expr::Interval(interval) => self.collect(&interval.value, scope, kind, out),
            Expr::MatchAgainst { columns, .. } => {
                for column in columns {
                    let idents: Vec<ast::Ident> = column.0.iter().filter_map(|part| part.as_ident().cloned()).collect();
                    let value = self.resolve_compound(&idents, scope);
                    out.extend(value.through(kind).lineage);
                }
            }
            Expr::Lambda(lambda) => self.lambda(lambda, scope, kind, out),
            Expr::MemberOf(member) => self.collect_all([member.value.as_ref(), &member.array], scope, kind, out),
            Expr::Value(_) | Expr::TypedString(_) | Expr::Wildcard(_) => {}
            Expr::Identifier(_)
            | Expr::CompoundIdentifier(_)
            | Expr::CompoundFieldAccess { .. }
            | Expr::JsonAccess { .. }
            | Expr::Collate { .. }
            | Expr::Nested(_)
            | Expr::Function(_)
            | Expr::Case { .. }
            | Expr::Cast { .. }
            | Expr::Subquery(_)
            | Expr::Struct { .. }
            | Expr::Named { .. }
            | Expr::Dictionary(_)
            | Expr::Array(_)
            | Expr::QualifiedWildcard(..)
            | Expr::OuterJoin(_)
            | Expr::Prior(_) => self.collect(expr, scope, kind, out),
        }
    }

    /// `a + b + c + …`: a flat chain is a deep tree to the left, so it is walked in a loop.
    fn collect_chain(&mut self, expr: &Expr, scope: &Scope, kind: ColumnEdgeKind, out: &mut Lineage) {
        let mut rights = Vec::new();
        let mut left = expr;
        while let Expr::BinaryOp { left: next, right, .. } = left {
            rights.push(right.as_ref());
            left = next;
        }
        self.collect(left, scope, kind, out);
        for (at, right) in rights.into_iter().rev().enumerate() {
            self.collect(right, scope, kind, out);
            if at % 1024 == 1023 {
                super::value::normalize(out);
            }
        }
    }

    fn lambda(&mut self, lambda: &ast::LambdaFunction, scope: &Scope, kind: ColumnEdgeKind, out: &mut Lineage) {
        let parameters: Vec<Sym> = match &lambda.params {
            ast::OneOrManyWithParens::One(one) => vec![self.sym(&one.name)],
            ast::OneOrManyWithParens::Many(many) => many.iter().map(|parameter| self.sym(&parameter.name)).collect(),
        };
        let items =
            parameters.into_iter().map(|name| Item::Column(Column { name, value: Value::default(), span: Span::default() }));
        let mut inner = Scope::new(scope.record, Some(scope));
        inner.inputs.push(parameter_input(items.collect()));
        self.collect(&lambda.body, &inner, kind, out);
    }

    fn access(&mut self, root: &Expr, chain: &[ast::AccessExpr], scope: &Scope) -> Value {
        let before = self.trail.len();
        let mut value = self.value(root, scope);
        for access in chain {
            match access {
                ast::AccessExpr::Dot(Expr::Identifier(field)) => {
                    value = self.path(value, std::slice::from_ref(field), before);
                }
                ast::AccessExpr::Dot(other) => {
                    let mut lineage = value.through(Transformation).lineage;
                    self.collect(other, scope, Transformation, &mut lineage);
                    value = Value::of(lineage);
                }
                ast::AccessExpr::Subscript(ast::Subscript::Index { index }) => {
                    value = self.element(value, index, scope);
                }
                ast::AccessExpr::Subscript(ast::Subscript::Slice { lower_bound, upper_bound, stride }) => {
                    let mut lineage = value.lineage.clone();
                    let bounds = [lower_bound, upper_bound, stride];
                    self.collect_all(bounds.into_iter().flatten(), scope, Transformation, &mut lineage);
                    value = Value { fields: value.fields, ..Value::of(lineage) };
                }
            }
        }
        value
    }

    /// `array[index]`, `map['key']`: an element is a value of the column itself.
    fn element(&mut self, value: Value, index: &Expr, scope: &Scope) -> Value {
        let inner = match index {
            Expr::Function(function) if is_array_index(&function.name) => match &function.args {
                ast::FunctionArguments::List(list) => list.args.first().and_then(argument_expr),
                _ => None,
            },
            other => Some(other),
        };
        let mut chosen = Lineage::new();
        if let Some(inner) = inner {
            self.collect(inner, scope, Transformation, &mut chosen);
        }
        let mut result = value.through(Transformation);
        result.fields = value.fields;
        result.lineage.extend(chosen);
        super::value::normalize(&mut result.lineage);
        result
    }

    fn json_access(&mut self, value: &Expr, path: &ast::JsonPath, scope: &Scope) -> Value {
        let before = self.trail.len();
        let mut current = self.value(value, scope);
        for element in &path.path {
            match element {
                ast::JsonPathElem::Dot { key, .. } => {
                    let field = self.names.intern(key);
                    current = self.field(&current, field);
                    for at in before..self.trail.len() {
                        self.trail[at].column = self.names.join(self.trail[at].column, field);
                    }
                }
                ast::JsonPathElem::Bracket { key } | ast::JsonPathElem::ColonBracket { key } => {
                    let mut lineage = Lineage::new();
                    self.collect(key, scope, Transformation, &mut lineage);
                    current.lineage.extend(lineage);
                }
            }
        }
        for read in &mut self.trail[before..] {
            read.kind = read.kind.then(Transformation);
        }
        Value { fields: None, ..current.through(Transformation) }
    }

    fn structure(&mut self, values: &[Expr], fields: &[ast::StructField], scope: &Scope) -> Value {
        let mut items = Vec::with_capacity(values.len());
        for (at, expr) in values.iter().enumerate() {
            let (name, inner) = match expr {
                Expr::Named { expr, name } => (self.sym(name), expr.as_ref()),
                other => {
                    let named = fields.get(at).and_then(|field| field.field_name.as_ref());
                    let name = match named {
                        Some(name) => self.sym(name),
                        None => self.implied_name(other).unwrap_or(Sym::NONE),
                    };
                    (name, other)
                }
            };
            let value = self.value(inner, scope);
            items.push(Item::Column(Column { name, value, span: span_of(inner) }));
        }
        struct_of(items)
    }

    /// The name that an expression has without an alias, if it has one.
    pub(crate) fn implied_name(&mut self, expr: &Expr) -> Option<Sym> {
        match expr {
            Expr::Identifier(ident) => Some(self.sym(ident)),
            Expr::CompoundIdentifier(idents) => idents.last().map(|ident| self.sym(ident)),
            Expr::CompoundFieldAccess { access_chain, .. } => match access_chain.last() {
                Some(ast::AccessExpr::Dot(Expr::Identifier(ident))) => Some(self.sym(ident)),
                _ => None,
            },
            Expr::JsonAccess { path, .. } => match path.path.last() {
                Some(ast::JsonPathElem::Dot { key, .. }) => Some(self.names.intern(key)),
                _ => None,
            },
            Expr::Nested(inner) | Expr::OuterJoin(inner) | Expr::Prior(inner) => self.implied_name(inner),
            Expr::Named { name, .. } => Some(self.sym(name)),
            _ => None,
        }
    }

    fn case(&mut self, operand: Option<&Expr>, conditions: &[ast::CaseWhen], else_result: Option<&Expr>, scope: &Scope) -> Value {
        let mut tests = Lineage::new();
        self.collect_all(operand, scope, Conditional, &mut tests);
        let mut all = Value::default();
        for when in conditions {
            self.collect(&when.condition, scope, Conditional, &mut tests);
            let result = self.stepped(Transformation, |engine| engine.value(&when.result, scope));
            all.merge(Value { fields: result.fields.clone(), ..result.through(Transformation) }, &self.names);
        }
        if let Some(result) = else_result {
            let result = self.stepped(Transformation, |engine| engine.value(result, scope));
            all.merge(Value { fields: result.fields.clone(), ..result.through(Transformation) }, &self.names);
        }
        all.lineage.extend(tests);
        super::value::normalize(&mut all.lineage);
        all
    }

    /// A subquery inside an expression of `scope`.
    pub(crate) fn subquery(&mut self, query: &ast::Query, scope: &Scope) -> QueryResult {
        let trail = std::mem::take(&mut self.trail);
        let result = self.query(query, Some(scope));
        self.trail = trail;
        result
    }

    /// The value of a scalar subquery; of an array subquery, the value of its elements.
    pub(crate) fn scalar(&mut self, query: &ast::Query, scope: &Scope) -> Value {
        let result = self.subquery(query, scope);
        self.link(scope.record, result.scope);
        let value = if result.as_struct {
            struct_of(result.columns.items.clone())
        } else {
            match result.columns.items.first() {
                Some(Item::Column(column)) => column.value.clone(),
                Some(Item::Star(_)) => struct_of(result.columns.items.clone()),
                None => Value::default(),
            }
        };
        let name = match result.columns.items.first() {
            Some(Item::Column(column)) => column.name,
            _ => Sym::STAR,
        };
        let input = self.record_input(scope.record, Sym::NONE, result.scope, span_of(query));
        self.trail.push(Read { input, column: name, kind: Identity });
        value
    }

    /// Records another scope as an input of `scope`, once.
    pub(crate) fn record_input(&mut self, scope: ScopeIndex, alias: Sym, from: ScopeIndex, span: Span) -> u32 {
        let inputs = &mut self.scope(scope).inputs;
        inputs.push(super::engine::RecordedInput { alias, from: super::engine::RecordedFrom::Scope(from), span });
        (inputs.len() - 1) as u32
    }

    fn row_of(&mut self, name: &ast::ObjectName, scope: &Scope) -> Value {
        let idents: Vec<ast::Ident> = name.0.iter().filter_map(|part| part.as_ident().cloned()).collect();
        self.resolve_compound(&idents, scope)
    }

    fn function(&mut self, function: &ast::Function, scope: &Scope) -> Value {
        let name = function_key(&function.name);
        if let ast::FunctionArguments::Subquery(query) = &function.args {
            return self.scalar(query, scope);
        }
        if let Some(value) = self.inline_function(function, scope) {
            return value;
        }
        let aggregate = functions::is_aggregate(&name) || self.is_user_aggregate(&function.name);
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
        super::value::normalize(&mut all.lineage);
        all
    }

    fn argument(&mut self, name: &str, at: usize, argument: &ast::FunctionArg, scope: &Scope, kind: ColumnEdgeKind) -> Value {
        let inner = match argument {
            ast::FunctionArg::Named { arg, .. } | ast::FunctionArg::ExprNamed { arg, .. } | ast::FunctionArg::Unnamed(arg) => arg,
        };
        match inner {
            ast::FunctionArgExpr::Expr(Expr::Identifier(word))
                if word.quote_style.is_none() && functions::is_date_part(name, at, &word.value.to_ascii_lowercase()) =>
            {
                Value::default()
            }
            ast::FunctionArgExpr::Expr(Expr::Function(week))
                if functions::is_date_part(name, at, &function_key(&week.name)) && week.over.is_none() =>
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
        for order in &function.within_group {
            self.collect(&order.expr, scope, kind, out);
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

    fn window(&mut self, window: &ast::WindowType, scope: &Scope, out: &mut Lineage) {
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

    fn named_window(&mut self, name: &ast::Ident, scope: &Scope, out: &mut Lineage, depth: u32) {
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

    /// Notes that an expression decides which rows of `scope` exist.
    pub(crate) fn decide(&mut self, expr: &Expr, scope: &Scope, kind: RowEdgeKind) {
        let trail = std::mem::take(&mut self.trail);
        let mut lineage = Lineage::new();
        self.collect(expr, scope, Transformation, &mut lineage);
        self.trail = trail;
        super::value::normalize(&mut lineage);
        let span = self.bytes(sqlparser::ast::Spanned::span(expr));
        self.decide_rows(scope.record, kind, span, &lineage);
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
        let called = self.relation_name(name);
        let key = called.key(self.dialect).to_lowercase();
        if let Some(routine) = self.routines.get(&key) {
            let routine = Rc::clone(routine);
            self.note_call(called);
            return Some(routine);
        }
        let known = self.lookups.routine(&called)?;
        let parameters = known.parameters.iter().map(|parameter| self.names.intern(parameter)).collect();
        let body = match &known.body {
            Some(body) => super::script::parse_routine_body(body, known.is_table, self.dialect),
            None => RoutineBody::Opaque,
        };
        let routine = Rc::new(Routine { parameters, body, is_aggregate: known.is_aggregate });
        self.routines.insert(key, Rc::clone(&routine));
        self.note_call(called);
        Some(routine)
    }

    fn note_call(&mut self, called: crate::model::RelationName) {
        if !self.calls.contains(&called) {
            self.calls.push(called);
        }
    }

    fn is_user_aggregate(&self, name: &ast::ObjectName) -> bool {
        let key = self.relation_name(name).key(self.dialect).to_lowercase();
        self.routines.get(&key).is_some_and(|routine| routine.is_aggregate)
    }

    /// What an output expression does, given what it reads.
    pub(crate) fn step_of(&self, expr: &Expr, value: &Value) -> Step {
        let kinds = value.lineage.iter().map(|origin| origin.kind);
        match expr {
            Expr::Function(function) if function.over.is_some() => Step::Windows,
            Expr::Function(function) if function_key(&function.name) == "count" && value.lineage.is_empty() => Step::CountsRows,
            _ if aggregates(expr) => Step::Aggregates,
            _ if value.lineage.is_empty() => Step::Constant,
            Expr::Identifier(_) | Expr::CompoundIdentifier(_) => Step::Copies,
            Expr::Nested(inner) => self.step_of(inner, value),
            Expr::CompoundFieldAccess { .. } if kinds.clone().all(|kind| kind == Identity) => Step::Copies,
            _ => Step::Transforms,
        }
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
        record: (u32::MAX, Sym::NONE),
        merged_away: Default::default(),
        hidden: true,
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
            key.extend(ident.value.chars().flat_map(char::to_lowercase));
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

fn is_array_index(name: &ast::ObjectName) -> bool {
    matches!(function_key(name).as_str(), "offset" | "ordinal" | "safe_offset" | "safe_ordinal")
}
