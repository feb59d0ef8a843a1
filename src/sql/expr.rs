//! Expressions: which columns take part in a value, and how.

mod function;
mod rows;

pub(crate) use function::{aggregates, argument_expr, arguments_of, function_key, parameter_input};
pub(crate) use rows::name_passes;

use super::{
    engine::{Engine, QueryResult, Read, ScopeIndex},
    names::Sym,
    scope::{Scope, struct_of},
    spans::span_of,
    value::{Column, Item, Lineage, Origin, Value},
};
use crate::model::{ColumnEdgeKind, RowEdgeKind, Span, Step};
use ColumnEdgeKind::{Conditional, Identity, Transformation};
use sqlparser::ast::{self, Expr};
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
            Expr::Cast { expr: inner, data_type, .. } => {
                let value = self.stepped(Transformation, |engine| engine.value(inner, scope));
                let fields = self.cast_fields(&value, data_type);
                Value { fields, ..value.through(Transformation) }
            }
            Expr::Tuple(parts) => self.row_value(parts, scope),
            Expr::Function(function) => self.function(function, scope),
            Expr::Case { operand, conditions, else_result, .. } => {
                self.case(operand.as_deref(), conditions, else_result.as_deref(), scope)
            }
            Expr::Value(ast::ValueWithSpan { value: ast::Value::Placeholder(name), .. }) => self.placeholder(name, scope),
            Expr::BinaryOp { left, op: ast::BinaryOperator::Assignment, right } => {
                let value = self.value(right, scope);
                if let Expr::Identifier(variable) = left.as_ref() {
                    let key = self.key(variable);
                    self.set_variable(key, value.clone());
                }
                value
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
            Expr::TypedString(_) | Expr::Wildcard(_) => {}
            Expr::Value(literal) if !matches!(literal.value, ast::Value::Placeholder(_)) => {}
            _ => {
                let value = self.stepped(kind, |engine| engine.value(expr, scope));
                out.extend(value.lineage.iter().map(|origin| Origin { kind: origin.kind.then(kind), ..*origin }));
            }
        }
    }

    pub(crate) fn collect_all<'e>(
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
    pub(crate) fn stepped<T>(&mut self, kind: ColumnEdgeKind, walk: impl FnOnce(&mut Self) -> T) -> T {
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
                let value = match left.as_ref() {
                    Expr::Tuple(_) => self.every_column(subquery, scope),
                    _ => self.scalar(subquery, scope),
                };
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
        let (mut value, chain) = match qualified_call(root, chain) {
            Some((call, rest)) => (self.function(&call, scope), rest),
            None => match self.row_element(root, chain, scope) {
                Some(found) => found,
                None => (self.value(root, scope), chain),
            },
        };
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
    pub(crate) fn element(&mut self, value: Value, index: &Expr, scope: &Scope) -> Value {
        let inner = match index {
            Expr::Function(function) if is_array_index(&function.name) => match &function.args {
                ast::FunctionArguments::List(list) => list.args.first().and_then(argument_expr),
                _ => None,
            },
            other => Some(other),
        };
        if let (Some(fields), Some(Expr::Value(literal))) = (&value.fields, inner)
            && let Some(name) = literal.value.clone().into_string()
        {
            let key = self.names.key_of(&name);
            if let Some(column) = fields.find(key, &self.names) {
                return column.value.clone();
            }
        }
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

    pub(crate) fn case(
        &mut self,
        operand: Option<&Expr>,
        conditions: &[ast::CaseWhen],
        else_result: Option<&Expr>,
        scope: &Scope,
    ) -> Value {
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
        self.use_all(Some(result.scope));
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

    pub(crate) fn row_of(&mut self, name: &ast::ObjectName, scope: &Scope) -> Value {
        let idents: Vec<ast::Ident> = name.0.iter().filter_map(|part| part.as_ident().cloned()).collect();
        self.resolve_compound(&idents, scope)
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
fn is_array_index(name: &ast::ObjectName) -> bool {
    matches!(function_key(name).as_str(), "offset" | "ordinal" | "safe_offset" | "safe_ordinal")
}

/// `project.dataset.routine(…).field` comes as a path; the call in it, and what follows.
fn qualified_call<'e>(root: &Expr, chain: &'e [ast::AccessExpr]) -> Option<(ast::Function, &'e [ast::AccessExpr])> {
    let mut parts: Vec<ast::Ident> = match root {
        Expr::Identifier(ident) => vec![ident.clone()],
        Expr::CompoundIdentifier(idents) => idents.clone(),
        _ => return None,
    };
    for (at, access) in chain.iter().enumerate() {
        match access {
            ast::AccessExpr::Dot(Expr::Identifier(ident)) => parts.push(ident.clone()),
            ast::AccessExpr::Dot(Expr::Function(function)) => {
                let mut call = function.clone();
                let outer = parts.into_iter().map(ast::ObjectNamePart::Identifier);
                call.name = ast::ObjectName(outer.chain(function.name.0.iter().cloned()).collect());
                return Some((call, &chain[at + 1..]));
            }
            ast::AccessExpr::Dot(_) | ast::AccessExpr::Subscript(_) => return None,
        }
    }
    None
}
