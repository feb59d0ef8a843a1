//! Expressions to terms.

use sqlparser::ast::{self, BinaryOperator as B, Expr, UnaryOperator as U, Value};

use super::{
    names::{self, Scope, fields},
    normal::{case, chain, compare, divide, negative, not},
    term::{Formed, NoForm, Term, Word, apply},
    translate::{Translator, implied_name},
};
use crate::model::Dialect;

impl Translator<'_> {
    /// The term of `expr`, or [`NoForm`] for what no normal form is known for.
    pub(super) fn term(&mut self, expr: &Expr, scope: &Scope) -> Formed<Term> {
        self.descend(|this| this.term_here(expr, scope))
    }

    pub(super) fn terms<'e>(&mut self, exprs: impl IntoIterator<Item = &'e Expr>, scope: &Scope) -> Formed<Vec<Term>> {
        exprs.into_iter().map(|expr| self.term(expr, scope)).collect()
    }

    fn term_here(&mut self, expr: &Expr, scope: &Scope) -> Formed<Term> {
        let dialect = self.dialect;
        Ok(match expr {
            Expr::Nested(inner) => self.term(inner, scope)?,
            Expr::Identifier(ident) => {
                let name = names::column(ident, dialect);
                scope.find(&name).unwrap_or_else(|| unresolved(ident, name))
            }
            Expr::CompoundIdentifier(idents) => {
                let parts: Vec<Word> = idents.iter().map(|ident| names::column(ident, dialect)).collect();
                scope.find_path(&parts).unwrap_or_else(|| Term::Name(parts.join(".").into()))
            }
            Expr::CompoundFieldAccess { root, access_chain } => self.access(root, access_chain, scope)?,
            Expr::Value(value) => literal(&value.value)?,
            Expr::TypedString(typed) => {
                apply("cast", vec![literal(&typed.value.value)?, Term::constant(&data_type(&typed.data_type, dialect))])
            }
            Expr::BinaryOp { .. } => self.operators(expr, scope)?,
            Expr::UnaryOp { op, expr } => {
                let inner = self.term(expr, scope)?;
                match op {
                    U::Not | U::BangNot => not(inner),
                    U::Minus => negative(inner),
                    U::Plus => inner,
                    other => apply(&other.to_string(), vec![inner]),
                }
            }
            Expr::IsNull(inner) => self.unary("is null", inner, scope)?,
            Expr::IsNotNull(inner) => self.unary("is not null", inner, scope)?,
            Expr::IsTrue(inner) => self.unary("is true", inner, scope)?,
            Expr::IsNotTrue(inner) => self.unary("is not true", inner, scope)?,
            Expr::IsFalse(inner) => self.unary("is false", inner, scope)?,
            Expr::IsNotFalse(inner) => self.unary("is not false", inner, scope)?,
            Expr::IsUnknown(inner) => self.unary("is null", inner, scope)?,
            Expr::IsNotUnknown(inner) => self.unary("is not null", inner, scope)?,
            Expr::IsDistinctFrom(left, right) => compare("is distinct from", self.term(left, scope)?, self.term(right, scope)?),
            Expr::IsNotDistinctFrom(left, right) => {
                compare("is not distinct from", self.term(left, scope)?, self.term(right, scope)?)
            }
            Expr::InList { expr, list, negated } => {
                let value = self.term(expr, scope)?;
                let items = self.terms(list, scope)?;
                self.spend(items.len())?;
                negate(*negated, any_of(&value, items))
            }
            Expr::InSubquery { expr, subquery, negated } => {
                let value = self.term(expr, scope)?;
                let rows = self.query(subquery, Some(scope))?;
                negate(*negated, Term::Query("in".into(), vec![value], Box::new(rows)))
            }
            Expr::InUnnest { expr, array_expr, negated } => {
                negate(*negated, apply("in array", vec![self.term(expr, scope)?, self.term(array_expr, scope)?]))
            }
            Expr::Exists { subquery, negated } => {
                let rows = self.query(subquery, Some(scope))?;
                negate(*negated, Term::Query("exists".into(), Vec::new(), Box::new(rows)))
            }
            Expr::Subquery(query) => {
                let rows = self.query(query, Some(scope))?;
                Term::Query("value".into(), Vec::new(), Box::new(rows))
            }
            Expr::Between { expr, negated, low, high } => {
                let value = self.term(expr, scope)?;
                let low = compare("<=", self.term(low, scope)?, value.clone());
                let high = compare("<=", value, self.term(high, scope)?);
                negate(*negated, chain("and", vec![low, high]))
            }
            Expr::Like { negated, any: false, expr, pattern, escape_char } => {
                self.pattern("like", *negated, [Some(expr), Some(pattern), escape_char.as_deref()], scope)?
            }
            Expr::ILike { negated, any: false, expr, pattern, escape_char } => {
                self.pattern("ilike", *negated, [Some(expr), Some(pattern), escape_char.as_deref()], scope)?
            }
            Expr::SimilarTo { negated, expr, pattern, escape_char } => {
                self.pattern("similar to", *negated, [Some(expr), Some(pattern), escape_char.as_deref()], scope)?
            }
            Expr::RLike { negated, expr, pattern, .. } => {
                self.pattern("rlike", *negated, [Some(expr), Some(pattern), None], scope)?
            }
            Expr::Case { operand, conditions, else_result, .. } => {
                self.case(operand.as_deref(), conditions, else_result.as_deref(), scope)?
            }
            Expr::Cast { kind, expr, data_type: to, format: None } => {
                let name = match kind {
                    ast::CastKind::Cast | ast::CastKind::DoubleColon => "cast",
                    ast::CastKind::TryCast | ast::CastKind::SafeCast => "try_cast",
                };
                apply(name, vec![self.term(expr, scope)?, Term::constant(&data_type(to, dialect))])
            }
            Expr::Convert { is_try, expr, data_type: Some(to), charset: None, styles, .. } if styles.is_empty() => {
                let name = if *is_try { "try_cast" } else { "cast" };
                apply(name, vec![self.term(expr, scope)?, Term::constant(&data_type(to, dialect))])
            }
            Expr::AtTimeZone { timestamp, time_zone } => {
                apply("at time zone", vec![self.term(timestamp, scope)?, self.term(time_zone, scope)?])
            }
            Expr::Extract { field, expr, .. } => {
                apply("extract", vec![Term::constant(&field.to_string().to_lowercase()), self.term(expr, scope)?])
            }
            Expr::Ceil { expr, field: ast::CeilFloorKind::DateTimeField(ast::DateTimeField::NoDateTime) } => {
                self.unary("ceil", expr, scope)?
            }
            Expr::Floor { expr, field: ast::CeilFloorKind::DateTimeField(ast::DateTimeField::NoDateTime) } => {
                self.unary("floor", expr, scope)?
            }
            Expr::Substring { expr, substring_from, substring_for, .. } => {
                let from = substring_from.as_deref().ok_or(NoForm)?;
                apply(
                    "substring",
                    self.terms([Some(expr.as_ref()), Some(from), substring_for.as_deref()].into_iter().flatten(), scope)?,
                )
            }
            Expr::Trim { trim_where: None, trim_what: None, expr, trim_characters: None } => self.unary("trim", expr, scope)?,
            Expr::Position { expr, r#in } => apply("position", vec![self.term(expr, scope)?, self.term(r#in, scope)?]),
            Expr::Collate { expr, collation } => {
                apply("collate", vec![self.term(expr, scope)?, Term::constant(&collation.to_string())])
            }
            Expr::Interval(interval) => self.interval(interval, scope)?,
            Expr::Tuple(values) => apply("row", self.terms(values, scope)?),
            Expr::Struct { values, fields } => self.structure(values, fields, scope)?,
            Expr::Array(array) => apply("array", self.terms(&array.elem, scope)?),
            Expr::Function(function) => self.function(function, scope)?,
            _ => return Err(NoForm),
        })
    }

    fn unary(&mut self, name: &str, inner: &Expr, scope: &Scope) -> Formed<Term> {
        Ok(apply(name, vec![self.term(inner, scope)?]))
    }

    /// A struct that is built here: its fields in their order, each under its name where it has one.
    fn structure(&mut self, values: &[Expr], declared: &[ast::StructField], scope: &Scope) -> Formed<Term> {
        let mut fields = Vec::with_capacity(values.len());
        for (at, value) in values.iter().enumerate() {
            let (value, alias) = match value {
                Expr::Named { expr, name } => (&**expr, Some(names::column(name, self.dialect))),
                other => (other, implied_name(other, self.dialect)),
            };
            let declared = declared.get(at).and_then(|field| field.field_name.as_ref());
            let name = declared.map(|name| names::column(name, self.dialect)).or(alias);
            let term = self.term(value, scope)?;
            fields.push(match name {
                Some(name) => apply(&format!("as {name}"), vec![term]),
                None => term,
            });
        }
        Ok(apply("struct", fields))
    }

    fn pattern(&mut self, name: &str, negated: bool, parts: [Option<&Expr>; 3], scope: &Scope) -> Formed<Term> {
        let terms = self.terms(parts.into_iter().flatten(), scope)?;
        Ok(negate(negated, apply(name, terms)))
    }

    fn case(
        &mut self,
        operand: Option<&Expr>,
        conditions: &[ast::CaseWhen],
        otherwise: Option<&Expr>,
        scope: &Scope,
    ) -> Formed<Term> {
        let operand = operand.map(|operand| self.term(operand, scope)).transpose()?;
        let mut whens = Vec::with_capacity(conditions.len());
        for when in conditions {
            let condition = self.term(&when.condition, scope)?;
            let condition = match &operand {
                Some(operand) => compare("=", operand.clone(), condition),
                None => condition,
            };
            whens.push((condition, self.term(&when.result, scope)?));
        }
        let otherwise = otherwise.map(|otherwise| self.term(otherwise, scope)).transpose()?;
        Ok(case(whens, otherwise))
    }

    /// A chain of operators; what leans to the left is walked in a loop, since such chains are long.
    fn operators(&mut self, expr: &Expr, scope: &Scope) -> Formed<Term> {
        let mut pending = Vec::new();
        let mut leftmost = expr;
        loop {
            match leftmost {
                Expr::BinaryOp { left, op, right } => {
                    pending.push((op, right.as_ref()));
                    leftmost = left;
                }
                Expr::Nested(inner) if matches!(inner.as_ref(), Expr::BinaryOp { .. }) => leftmost = inner,
                _ => break,
            }
        }
        let mut result = self.term(leftmost, scope)?;
        let mut height = 0;
        while let Some((op, right)) = pending.pop() {
            // A run of one chaining operator stays flat; everything else adds a level.
            let word = chaining(op);
            let mut operands = vec![result];
            operands.push(self.term(right, scope)?);
            while let (Some(word), Some((next, right))) = (word, pending.last())
                && chaining(next) == Some(word)
                && **next == *op
            {
                operands.push(self.term(right, scope)?);
                pending.pop();
            }
            height += 1;
            self.check_height(height)?;
            result = match word {
                Some(word) => self.chained(word, operands),
                None => {
                    let right = operands.pop().ok_or(NoForm)?;
                    let left = operands.pop().ok_or(NoForm)?;
                    operator(op, left, right)
                }
            };
        }
        Ok(result)
    }

    fn chained(&self, word: &str, operands: Vec<Term>) -> Term {
        let joins_text = word == "+" && operands.iter().any(is_text);
        let may_be_text = self.dialect == Dialect::MsSql && word == "+" && !operands.iter().any(is_number);
        if joins_text || may_be_text { chain("plus in order", operands) } else { chain(word, operands) }
    }

    fn access(&mut self, root: &Expr, steps: &[ast::AccessExpr], scope: &Scope) -> Formed<Term> {
        let mut value = self.term(root, scope)?;
        for step in steps {
            value = match step {
                ast::AccessExpr::Dot(Expr::Identifier(field)) => fields(value, &[names::column(field, self.dialect)]),
                ast::AccessExpr::Subscript(ast::Subscript::Index { index }) => {
                    apply("element", vec![value, self.term(index, scope)?])
                }
                _ => return Err(NoForm),
            };
        }
        Ok(value)
    }

    fn interval(&mut self, interval: &ast::Interval, scope: &Scope) -> Formed<Term> {
        if interval.last_field.is_some() || interval.leading_precision.is_some() {
            return Err(NoForm);
        }
        let value = self.term(&interval.value, scope)?;
        let unit = interval.leading_field.as_ref().map(|unit| unit.to_string().to_lowercase());
        let (text, unit) = match (&value, unit) {
            (Term::Constant(text), Some(unit)) => (text.trim_matches('\'').to_lowercase(), unit),
            (Term::Constant(text), None) => {
                let text = text.trim_matches('\'').to_lowercase();
                let (count, unit) = text.split_once(' ').ok_or(NoForm)?;
                (count.to_owned(), unit.trim().to_owned())
            }
            (_, Some(unit)) => return Ok(apply("interval", vec![value, Term::constant(unit.trim_end_matches('s'))])),
            (_, None) => return Err(NoForm),
        };
        Ok(apply("interval", vec![Term::constant(&text), Term::constant(unit.trim_end_matches('s'))]))
    }
}

/// A word that no input can have: a constant function without brackets, a variable.
fn unresolved(ident: &ast::Ident, name: Word) -> Term {
    const NILADIC: &[&str] = &["current_date", "current_timestamp", "current_time", "localtimestamp", "sysdate", "current_user"];
    if ident.quote_style.is_none() && NILADIC.contains(&name.to_lowercase().as_str()) {
        return apply(&name.to_lowercase(), Vec::new());
    }
    Term::Name(name)
}

fn negate(negated: bool, term: Term) -> Term {
    if negated { not(term) } else { term }
}

/// `value IN (items)`.
fn any_of(value: &Term, items: Vec<Term>) -> Term {
    chain("or", items.into_iter().map(|item| compare("=", value.clone(), item)).collect())
}

fn chaining(op: &B) -> Option<&'static str> {
    match op {
        B::And => Some("and"),
        B::Or => Some("or"),
        B::Plus => Some("+"),
        B::Multiply => Some("*"),
        B::StringConcat => Some("||"),
        _ => None,
    }
}

fn operator(op: &B, left: Term, right: Term) -> Term {
    match op {
        B::Minus => chain("+", vec![left, negative(right)]),
        B::Eq => compare("=", left, right),
        B::NotEq => compare("<>", left, right),
        B::Lt => compare("<", left, right),
        B::LtEq => compare("<=", left, right),
        B::Gt => compare(">", left, right),
        B::GtEq => compare(">=", left, right),
        B::Spaceship => compare("is not distinct from", left, right),
        B::Divide => divide(left, right),
        B::BitwiseAnd => apply("&", vec![left, right]),
        B::BitwiseOr => apply("|", vec![left, right]),
        other => apply(&other.to_string().to_lowercase(), vec![left, right]),
    }
}

fn is_text(term: &Term) -> bool {
    matches!(term, Term::Constant(text) if text.starts_with('\''))
}

/// Whether a term is surely a number, so that `+` adds.
fn is_number(term: &Term) -> bool {
    match term {
        Term::Constant(text) => text.starts_with(|first: char| first.is_ascii_digit() || first == '-'),
        Term::Apply(name, _) => matches!(&**name, "*" | "/" | "neg" | "%"),
        Term::Aggregate(aggregate) => matches!(&*aggregate.name, "count" | "sum" | "avg"),
        _ => false,
    }
}

/// A literal in its normal form.
pub(super) fn literal(value: &Value) -> Formed<Term> {
    let quoted = |text: &str| Term::constant(&format!("'{}'", text.replace('\'', "''")));
    Ok(match value {
        Value::Number(text, _) => Term::constant(&number(text)),
        Value::Boolean(value) => Term::constant(if *value { "true" } else { "false" }),
        Value::Null => Term::constant("null"),
        Value::SingleQuotedString(text)
        | Value::DoubleQuotedString(text)
        | Value::TripleSingleQuotedString(text)
        | Value::TripleDoubleQuotedString(text)
        | Value::EscapedStringLiteral(text)
        | Value::NationalStringLiteral(text)
        | Value::SingleQuotedRawStringLiteral(text)
        | Value::DoubleQuotedRawStringLiteral(text)
        | Value::TripleSingleQuotedRawStringLiteral(text)
        | Value::TripleDoubleQuotedRawStringLiteral(text) => quoted(text),
        Value::DollarQuotedString(text) => quoted(&text.value),
        Value::Placeholder(text) => Term::Name(text.as_str().into()),
        other => Term::constant(&other.to_string()),
    })
}

/// `.5`, `5.` and `5.00` are `0.5` and `5.0`; a point is kept, since it decides how to divide.
fn number(text: &str) -> String {
    let text = text.replace('_', "").to_ascii_lowercase();
    match text.split_once('.') {
        Some((whole, part)) if part.bytes().all(|byte| byte.is_ascii_digit()) => {
            let (whole, part) = (whole.trim_start_matches('0'), part.trim_end_matches('0'));
            format!("{}.{}", if whole.is_empty() { "0" } else { whole }, if part.is_empty() { "0" } else { part })
        }
        _ => text,
    }
}

/// A type's name, the same for all spellings of one type. Widths of whole numbers are left out: they
/// decide which values are an error, not which value comes out.
pub(super) fn data_type(data_type: &ast::DataType, dialect: Dialect) -> String {
    let text = data_type.to_string().to_lowercase();
    let same = match text.as_str() {
        "int" | "integer" | "int4" | "int8" | "int64" | "int32" | "bigint" | "long" => "int",
        "text" | "string" | "varchar" | "character varying" | "char varying" | "nvarchar" => "text",
        "float64" | "double" | "double precision" | "float8" => "double",
        "float" if matches!(dialect, Dialect::Postgres | Dialect::Snowflake | Dialect::Redshift) => "double",
        "real" | "float4" | "float32" => "real",
        "bool" | "boolean" => "bool",
        "dec" | "numeric" | "decimal" => "numeric",
        "timestamptz" | "timestamp with time zone" => "timestamptz",
        "timestamp" | "timestamp without time zone" => "timestamp",
        other => return other.replacen("decimal(", "numeric(", 1),
    };
    same.to_owned()
}
