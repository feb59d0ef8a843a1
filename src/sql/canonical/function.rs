//! Calls to terms: aggregates, window functions, functions with several names, routines of our own.

use sqlparser::ast::{self, Expr};

use super::{
    expression::data_type,
    names::{self, Scope},
    normal::{aggregate, case, chain, coalesce, conjuncts, safe_divide},
    term::{Aggregate, Formed, NoForm, Term, Window, Word, apply},
    translate::{RoutineForm, Translator},
};
use crate::{
    model::RelationName,
    sql::{
        expr::function_key,
        functions::{is_aggregate, is_date_part},
    },
};

impl Translator<'_> {
    pub(super) fn function(&mut self, function: &ast::Function, scope: &Scope) -> Formed<Term> {
        let no_parameters = matches!(function.parameters, ast::FunctionArguments::None);
        if !no_parameters || !function.within_group.is_empty() || function.null_treatment.is_some() {
            return Err(NoForm);
        }
        let key = function_key(&function.name);
        let safe = function.name.0.len() > 1
            && function
                .name
                .0
                .first()
                .and_then(|part| part.as_ident())
                .is_some_and(|first| first.value.eq_ignore_ascii_case("safe"));
        if safe {
            return Err(NoForm);
        }
        if let Some(inlined) = self.routine(function, &key, scope)? {
            return Ok(inlined);
        }
        let (distinct, mut order) = (is_distinct(function), Vec::new());
        let mut filters: Vec<Term> = match &function.filter {
            Some(filter) => conjuncts(self.term(filter, scope)?),
            None => Vec::new(),
        };
        if let ast::FunctionArguments::List(list) = &function.args {
            for clause in &list.clauses {
                match clause {
                    ast::FunctionArgumentClause::OrderBy(exprs) => order = self.order_terms(exprs, scope)?,
                    ast::FunctionArgumentClause::Where(condition) => filters.extend(conjuncts(self.term(condition, scope)?)),
                    _ => return Err(NoForm),
                }
            }
        }
        let arguments = self.arguments(function, &key, scope)?;
        let (name, mut arguments) = rename(&key, arguments);
        let is_aggregate = is_aggregate(&key) || key.strip_suffix("if").is_some_and(is_conditional);
        if !is_aggregate {
            let value = plain(&name, arguments, self)?;
            return self.over(value, function.over.as_ref(), scope);
        }
        let mut name: Word = name.as_str().into();
        let conditional = name.strip_suffix("if").filter(|base| is_conditional(base)).map(Word::from);
        if let Some(base) = conditional {
            filters.extend(conjuncts(arguments.pop().ok_or(NoForm)?));
            name = base;
        }
        let distinct = distinct || &*name == "count_distinct";
        if &*name == "count_distinct" {
            name = "count".into();
        }
        let value = aggregate(Aggregate { name, distinct, arguments, filters, order });
        self.over(value, function.over.as_ref(), scope)
    }

    fn arguments(&mut self, function: &ast::Function, key: &str, scope: &Scope) -> Formed<Vec<Term>> {
        let list = match &function.args {
            ast::FunctionArguments::None => return Ok(Vec::new()),
            ast::FunctionArguments::Subquery(query) => {
                let rows = self.query(query, Some(scope))?;
                return Ok(vec![Term::Query("array".into(), Vec::new(), Box::new(rows))]);
            }
            ast::FunctionArguments::List(list) => list,
        };
        let mut arguments = Vec::with_capacity(list.args.len());
        for (at, argument) in list.args.iter().enumerate() {
            match argument {
                ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(expr)) => match expr {
                    Expr::Identifier(word) if is_date_part(self.dialect, key, at, &word.value.to_lowercase()) => {
                        arguments.push(Term::constant(&word.value.to_lowercase()));
                    }
                    expr => arguments.push(self.term(expr, scope)?),
                },
                ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Wildcard) if key.starts_with("count") && list.args.len() == 1 => {
                }
                _ => return Err(NoForm),
            }
        }
        Ok(arguments)
    }

    fn over(&mut self, function: Term, over: Option<&ast::WindowType>, scope: &Scope) -> Formed<Term> {
        let Some(over) = over else { return Ok(function) };
        let spec = match over {
            ast::WindowType::WindowSpec(spec) => spec.clone(),
            ast::WindowType::NamedWindow(name) => self.named_window(name, scope)?,
        };
        let base = match &spec.window_name {
            Some(name) => Some(self.named_window(name, scope)?),
            None => None,
        };
        let partition = if spec.partition_by.is_empty() {
            base.as_ref().map_or(&[][..], |base| &base.partition_by)
        } else {
            &spec.partition_by
        };
        let order = if spec.order_by.is_empty() { base.as_ref().map_or(&[][..], |base| &base.order_by) } else { &spec.order_by };
        let frame = spec.window_frame.as_ref().or(base.as_ref().and_then(|base| base.window_frame.as_ref()));
        let mut partition = self.terms(partition, scope)?;
        partition.dedup();
        let order = self.order_terms(order, scope)?;
        let frame = frame_of(frame, order.is_empty())?;
        Ok(Term::Window(Box::new(Window { function, partition, order, frame: frame.into() })))
    }

    fn named_window(&mut self, name: &ast::Ident, scope: &Scope) -> Formed<ast::WindowSpec> {
        let mut key = names::column(name, self.dialect);
        for _ in 0..8 {
            match scope.windows.iter().find(|(own, _)| *own == key) {
                Some((_, ast::NamedWindowExpr::WindowSpec(spec))) => return Ok(spec.clone()),
                Some((_, ast::NamedWindowExpr::NamedWindow(other))) => key = names::column(other, self.dialect),
                None => break,
            }
        }
        Err(NoForm)
    }

    /// Terms of ORDER BY: which way and where NULLs go belong to each.
    pub(super) fn order_terms(&mut self, exprs: &[ast::OrderByExpr], scope: &Scope) -> Formed<Vec<Term>> {
        let mut terms = Vec::with_capacity(exprs.len());
        for expr in exprs {
            terms.push(ordered(self.term(&expr.expr, scope)?, &expr.options)?);
        }
        Ok(terms)
    }

    /// The body of a SQL routine with the arguments in place.
    fn routine(&mut self, function: &ast::Function, key: &str, scope: &Scope) -> Formed<Option<Term>> {
        let name = RelationName::from_dotted(key);
        let Some(routine) = self.find_routine(key, &name) else { return Ok(None) };
        let RoutineForm::Expression(parameters, body) = routine.as_ref() else { return Err(NoForm) };
        let arguments = self.arguments(function, key, scope)?;
        if arguments.len() != parameters.len() || function.over.is_some() || function.filter.is_some() {
            return Err(NoForm);
        }
        let inside = Scope { parameters: parameters.iter().cloned().zip(arguments).collect(), ..Scope::default() };
        self.term(body, &inside).map(Some)
    }
}

/// A term with the way it is sorted.
pub(super) fn ordered(term: Term, options: &ast::OrderByOptions) -> Formed<Term> {
    let way = match &options.sort {
        None | Some(ast::OrderBySort::Asc) => "asc",
        Some(ast::OrderBySort::Desc) => "desc",
        Some(_) => return Err(NoForm),
    };
    Ok(match options.nulls_first {
        None => apply(way, vec![term]),
        Some(true) => apply(&format!("{way} nulls first"), vec![term]),
        Some(false) => apply(&format!("{way} nulls last"), vec![term]),
    })
}

fn is_distinct(function: &ast::Function) -> bool {
    matches!(&function.args, ast::FunctionArguments::List(list) if matches!(list.duplicate_treatment, Some(ast::DuplicateTreatment::Distinct)))
}

/// ClickHouse's `sumIf(x, c)` and its like.
fn is_conditional(base: &str) -> bool {
    matches!(base, "count" | "sum" | "avg" | "min" | "max")
}

/// One name for functions that have several, with the arguments in the order that it has them.
fn rename(name: &str, mut arguments: Vec<Term>) -> (String, Vec<Term>) {
    let same = match name {
        "nvl" | "ifnull" if arguments.len() == 2 => "coalesce",
        "count_if" => "countif",
        "count_big" => "count",
        "mean" => "avg",
        "lcase" => "lower",
        "ucase" => "upper",
        "len" => "length",
        "substr" => "substring",
        "ceiling" => "ceil",
        "pow" => "power",
        "stddev" | "stdev" => "stddev_samp",
        "variance" | "var" => "var_samp",
        "every" | "booland_agg" | "logical_and" => "bool_and",
        "some" | "boolor_agg" | "logical_or" => "bool_or",
        "if" | "iif" | "iff" => "if",
        "try_divide" => "safe_divide",
        "date_part" | "datepart" => "extract",
        other => other,
    };
    if matches!(same, "date_trunc" | "extract") && arguments.len() == 2 {
        let is_part = |term: &Term| matches!(term, Term::Constant(text) if !text.starts_with('\''));
        if is_part(&arguments[1]) && !is_part(&arguments[0]) {
            arguments.swap(0, 1);
        }
        if let Term::Constant(part) = &arguments[0] {
            arguments[0] = Term::constant(&part.trim_matches('\'').to_lowercase());
        }
    }
    (same.to_owned(), arguments)
}

/// A call of a function that is no aggregate.
fn plain(name: &str, mut arguments: Vec<Term>, translator: &Translator) -> Formed<Term> {
    const PARTS: &[&str] = &["year", "quarter", "month", "day", "hour", "minute", "second"];
    Ok(match (name, arguments.len()) {
        ("coalesce", _) => coalesce(arguments),
        ("if", 2 | 3) => {
            let otherwise = (arguments.len() == 3).then(|| arguments.pop()).flatten();
            let (result, condition) = (arguments.pop().ok_or(NoForm)?, arguments.pop().ok_or(NoForm)?);
            case(vec![(condition, result)], otherwise)
        }
        ("safe_divide", 2) => {
            let (below, above) = (arguments.pop().ok_or(NoForm)?, arguments.pop().ok_or(NoForm)?);
            safe_divide(above, below)
        }
        ("date", 1) => {
            arguments.push(Term::constant(&data_type(&ast::DataType::Date, translator.dialect)));
            apply("cast", arguments)
        }
        ("and" | "or" | "||", _) => chain(name, arguments),
        (part, 1) if PARTS.contains(&part) => {
            arguments.insert(0, Term::constant(part));
            apply("extract", arguments)
        }
        _ => apply(name, arguments),
    })
}

/// The frame of a window, spelled out.
fn frame_of(frame: Option<&ast::WindowFrame>, unordered: bool) -> Formed<String> {
    let Some(frame) = frame else {
        return Ok(if unordered { String::new() } else { "range unbounded preceding to current row".to_owned() });
    };
    let bound = |bound: &ast::WindowFrameBound| bound.to_string().to_lowercase();
    let start = bound(&frame.start_bound);
    let end = frame.end_bound.as_ref().map_or_else(|| "current row".to_owned(), bound);
    if unordered && start == "unbounded preceding" && end == "unbounded following" {
        return Ok(String::new());
    }
    Ok(format!("{} {start} to {end}", frame.units.to_string().to_lowercase()))
}
