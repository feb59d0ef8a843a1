//! Rows as values: row constructors, their elements by position, generators, whole rows of subqueries.

use std::rc::Rc;

use super::{argument_expr, arguments_of, function_key};
use crate::model::{ColumnEdgeKind, Dialect, Span};
use crate::sql::{
    engine::Engine,
    names::Sym,
    query::item_origins,
    scope::{Scope, struct_of},
    spans::span_of,
    statement::constant,
    value::{Column, Columns, Item, Lineage, Value},
};
use ColumnEdgeKind::{Conditional, Transformation};
use sqlparser::ast::{self, Expr};

impl Engine<'_> {
    /// `(a, b)`: a struct whose fields are told by their places.
    pub(crate) fn row_value(&mut self, parts: &[Expr], scope: &Scope) -> Value {
        let mut items = Vec::with_capacity(parts.len());
        for part in parts {
            let name = self.implied_name(part).unwrap_or(Sym::NONE);
            let value = self.stepped(Transformation, |engine| engine.value(part, scope));
            items.push(Item::Column(Column { name, value, span: span_of(part) }));
        }
        struct_of(items)
    }

    /// `row(a, b)[2]`, and what of the chain is left.
    pub(crate) fn row_element<'e>(
        &mut self,
        root: &Expr,
        chain: &'e [ast::AccessExpr],
        scope: &Scope,
    ) -> Option<(Value, &'e [ast::AccessExpr])> {
        let (ast::AccessExpr::Subscript(ast::Subscript::Index { index: Expr::Value(at) }), rest) = chain.split_first()? else {
            return None;
        };
        let is_row = match root {
            Expr::Tuple(_) => true,
            Expr::Function(function) => matches!(function_key(&function.name).as_str(), "row" | "tuple"),
            _ => false,
        };
        if !is_row {
            return None;
        }
        let value = self.value(root, scope);
        let element = value.fields.as_ref().and_then(|fields| fields.at_position(&at.value.to_string()));
        // Never evaluated again by the caller: calls nest.
        Some(match element {
            Some(element) => (element, rest),
            None => (value, chain),
        })
    }

    /// The fields of a struct after a cast: a row's fields are called as the type says.
    pub(crate) fn cast_fields(&mut self, value: &Value, data_type: &ast::DataType) -> Option<Rc<Columns>> {
        let fields = value.fields.as_ref()?;
        let named: Vec<Sym> = match data_type {
            ast::DataType::Struct(typed, _) => {
                typed.iter().filter_map(|field| field.field_name.as_ref()).map(|name| self.sym(name)).collect()
            }
            // `ROW(a BIGINT, b VARCHAR)` is kept as its words.
            ast::DataType::Custom(name, words) if function_key(name) == "row" && words.len() == 2 * fields.items.len() => {
                words.iter().step_by(2).map(|word| self.names.intern(word.trim_matches('"'))).collect()
            }
            _ => Vec::new(),
        };
        let fields = fields.through(Transformation);
        Some(Rc::new(if named.len() == fields.items.len() { fields.renamed(&named) } else { fields }))
    }

    /// All columns of a subquery's rows as one value.
    pub(crate) fn every_column(&mut self, query: &ast::Query, scope: &Scope) -> Value {
        let result = self.subquery(query, scope);
        self.link(scope.record, result.scope);
        self.use_all(Some(result.scope));
        let mut lineage = Lineage::new();
        for item in &result.columns.items {
            lineage.extend(item_origins(item));
        }
        Value::of(lineage)
    }

    /// What each of `count` columns of a generator is made of: `stack(2, 'p', x, 'q', y)` deals its
    /// values out in rows, `inline(structs)` shows fields, `posexplode(list)` places and elements.
    pub(crate) fn generated(&mut self, generator: &Expr, count: usize, scope: &Scope) -> Option<Vec<Value>> {
        let Expr::Function(function) = generator else { return None };
        let arguments: Vec<&Expr> = arguments_of(function).into_iter().filter_map(argument_expr).collect();
        let (first, rest) = arguments.split_first()?;
        match function_key(&function.name).as_str() {
            "stack" if count > 0 => {
                let mut values = vec![Value::default(); count];
                for (at, argument) in rest.iter().enumerate() {
                    let value = self.value(argument, scope);
                    values[at % count].merge(value, &self.names);
                }
                Some(values)
            }
            "inline" | "inline_outer" => {
                let value = self.value(first, scope);
                let fields = value.fields.as_ref()?;
                let columns: Vec<Value> = fields.columns().map(|column| column.value.clone()).collect();
                (columns.len() == count).then_some(columns)
            }
            "posexplode" | "posexplode_outer" if count == 2 => {
                let value = self.value(first, scope);
                Some(vec![Value { fields: None, ..value.through(Transformation) }, value])
            }
            _ => None,
        }
    }

    /// `struct_extract(row, 2)`, `tupleElement(row, 'name')`.
    pub(crate) fn extracted(&mut self, name: &str, function: &ast::Function, scope: &Scope) -> Option<Value> {
        if !matches!(name, "struct_extract" | "struct_extract_at" | "tupleelement") {
            return None;
        }
        let arguments: Vec<&Expr> = arguments_of(function).into_iter().filter_map(argument_expr).collect();
        let [row, which] = arguments.as_slice() else { return None };
        let Expr::Value(which) = which else { return None };
        let value = self.value(row, scope);
        let key = which.value.clone().into_string().map(|text| self.names.key_of(&text));
        let found = value.fields.as_ref().and_then(|fields| match key {
            Some(key) => fields.find(key, &self.names).map(|column| column.value.clone()),
            None => fields.at_position(&which.value.to_string()),
        });
        // Never evaluated again by the caller: calls nest.
        Some(found.unwrap_or_else(|| Value { fields: None, ..value.through(Transformation) }))
    }

    /// ClickHouse's `dictGet('dictionary', 'attribute', key)`: a value of the dictionary, which the key
    /// chooses.
    pub(crate) fn dictionary_value(&mut self, name: &str, function: &ast::Function, scope: &Scope) -> Option<Value> {
        if self.dialect != Dialect::ClickHouse || !name.starts_with("dictget") || name.starts_with("dictgethierarchy") {
            return None;
        }
        let arguments: Vec<&Expr> = arguments_of(function).into_iter().filter_map(argument_expr).collect();
        let [dictionary, attributes, keys @ ..] = arguments.as_slice() else { return None };
        let dictionary = constant(dictionary).or_else(|| crate::sql::statement::identifier_argument(dictionary))?;
        let relation = self.relation(&crate::model::RelationName::from_dotted(&dictionary));
        self.read(relation);
        let mut value = match attributes {
            Expr::Tuple(attributes) => {
                let mut items = Vec::new();
                for attribute in attributes {
                    let name = self.names.intern(&constant(attribute)?);
                    let value = Value::base(relation, name, false);
                    items.push(Item::Column(Column { name, value, span: span_of(attribute) }));
                }
                struct_of(items)
            }
            attribute => {
                let name = self.names.intern(&constant(attribute)?);
                Value::base(relation, name, false)
            }
        };
        let (key, defaults) = keys.split_first()?;
        self.collect(key, scope, Conditional, &mut value.lineage);
        crate::sql::value::normalize(&mut value.lineage);
        if name.ends_with("ordefault") {
            for default in defaults {
                self.collect(default, scope, Transformation, &mut value.lineage);
            }
            crate::sql::value::normalize(&mut value.lineage);
        }
        Some(value)
    }

    /// DuckDB's `f(*COLUMNS(…))`: every chosen column is an argument.
    pub(crate) fn unpacked_columns(&mut self, function: &ast::Function, scope: &Scope) -> Value {
        let mut call = function.clone();
        call.name = ast::ObjectName(vec![ast::ObjectNamePart::Identifier(ast::Ident::new("columns"))]);
        let mut chosen = Vec::new();
        self.expanded_columns(&Expr::Function(call), scope, &mut chosen);
        let mut lineage = Lineage::new();
        for (item, recorded) in &chosen {
            lineage.extend(item_origins(item));
            self.trail.extend(recorded.reads.iter().copied());
        }
        Value::of(lineage)
    }

    /// Spark's `GROUP BY window(time, '1 hour')` brings a struct `window` into sight.
    pub(crate) fn time_window(&mut self, select: &ast::Select, scope: &Scope) -> Option<Item> {
        if !matches!(self.dialect, Dialect::Spark | Dialect::Databricks) {
            return None;
        }
        let ast::GroupByExpr::Expressions(keys, _) = &select.group_by else { return None };
        let called = keys.iter().find_map(|key| match key {
            Expr::Function(function) => {
                matches!(function_key(&function.name).as_str(), "window" | "session_window").then_some(function)
            }
            _ => None,
        })?;
        let trail = std::mem::take(&mut self.trail);
        let value = self.function(called, scope);
        self.trail = trail;
        let name = self.names.intern(&function_key(&called.name));
        Some(Item::Column(Column { name, value, span: Span::default() }))
    }
}

/// Whether a test only of the name of a star's column holds, where that can be told.
pub(crate) fn name_passes(test: &Expr, parameter: &str, name: &str) -> Option<bool> {
    let is_name = |expr: &Expr| matches!(expr, Expr::Identifier(ident) if ident.value.eq_ignore_ascii_case(parameter));
    let matches = |pattern: &str, whole: bool, negated: bool| {
        let pattern = if whole { format!("^(?:{pattern})$") } else { pattern.to_owned() };
        let pattern = regex::RegexBuilder::new(&pattern).size_limit(1 << 18).build().ok()?;
        Some(pattern.is_match(name) != negated)
    };
    match test {
        Expr::Nested(inner) => name_passes(inner, parameter, name),
        Expr::UnaryOp { op: ast::UnaryOperator::Not, expr } => name_passes(expr, parameter, name).map(|passes| !passes),
        Expr::BinaryOp { left, op: ast::BinaryOperator::And, right } => {
            Some(name_passes(left, parameter, name)? && name_passes(right, parameter, name)?)
        }
        Expr::BinaryOp { left, op: ast::BinaryOperator::Or, right } => {
            Some(name_passes(left, parameter, name)? || name_passes(right, parameter, name)?)
        }
        Expr::BinaryOp { left, op, right } if is_name(left) => {
            let other = constant(right)?;
            match op {
                ast::BinaryOperator::Eq => Some(name.eq_ignore_ascii_case(&other)),
                ast::BinaryOperator::NotEq => Some(!name.eq_ignore_ascii_case(&other)),
                ast::BinaryOperator::PGRegexMatch => matches(&other, true, false),
                ast::BinaryOperator::PGRegexNotMatch => matches(&other, true, true),
                ast::BinaryOperator::Custom(word) if word.eq_ignore_ascii_case("glob") => matches(&glob(&other), true, false),
                _ => None,
            }
        }
        Expr::Like { negated, expr, pattern, .. } if is_name(expr) => {
            Some(crate::sql::query::like(name, &constant(pattern)?) != *negated)
        }
        Expr::ILike { negated, expr, pattern, .. } if is_name(expr) => {
            Some(crate::sql::query::like(&name.to_lowercase(), &constant(pattern)?.to_lowercase()) != *negated)
        }
        Expr::SimilarTo { negated, expr, pattern, .. } if is_name(expr) => matches(&constant(pattern)?, true, *negated),
        Expr::InList { expr, list, negated } if is_name(expr) => {
            let listed: Option<Vec<String>> = list.iter().map(constant).collect();
            Some(listed?.iter().any(|other| name.eq_ignore_ascii_case(other)) != *negated)
        }
        Expr::Function(function) => {
            let arguments: Vec<&Expr> = arguments_of(function).into_iter().filter_map(argument_expr).collect();
            let [subject, other] = arguments.as_slice() else { return None };
            if !is_name(subject) {
                return None;
            }
            let other = constant(other)?;
            match function_key(&function.name).as_str() {
                "starts_with" | "prefix" => Some(name.starts_with(&other)),
                "ends_with" | "suffix" => Some(name.ends_with(&other)),
                "contains" => Some(name.contains(&other)),
                "regexp_matches" => matches(&other, false, false),
                "regexp_full_match" => matches(&other, true, false),
                _ => None,
            }
        }
        _ => None,
    }
}

/// A shell pattern as a regular expression.
fn glob(pattern: &str) -> String {
    pattern
        .chars()
        .map(|letter| match letter {
            '*' => ".*".to_owned(),
            '?' => ".".to_owned(),
            '[' | ']' | '-' => letter.to_string(),
            other => regex::escape(&other.to_string()),
        })
        .collect()
}
