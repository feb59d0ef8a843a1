//! Normal forms of values: what is written differently and means the same is built the same.
//! Operands are put in order when they are printed.

use super::term::{Aggregate, Term, Word, apply};

/// Operators whose operands may be grouped and ordered at will.
pub(super) fn is_commutative(name: &str) -> bool {
    matches!(name, "and" | "or" | "+" | "*" | "=" | "<>" | "is not distinct from" | "is distinct from" | "&" | "|")
}

/// Whether every evaluation may yield something else.
pub(super) fn is_random(term: &Term) -> bool {
    const RANDOM: &[&str] = &["rand", "random", "uuid", "newid", "generate_uuid", "gen_random_uuid", "uuid_string", "nextval"];
    term.any(&mut |term| matches!(term, Term::Apply(name, _) if RANDOM.contains(&&**name)))
}

/// A field of a struct: of one that is built here, the value of that name.
pub(super) fn field(of: Term, name: Word) -> Term {
    if let Term::Apply(kind, fields) = &of
        && &**kind == "struct"
    {
        let named = |it: &&Term| matches!(it, Term::Apply(own, _) if own.strip_prefix("as ") == Some(&*name));
        let mut found = fields.iter().filter(named);
        if let (Some(Term::Apply(_, value)), None) = (found.next(), found.next())
            && let [value] = value.as_slice()
        {
            return value.clone();
        }
    }
    apply("field", vec![of, Term::Constant(name)])
}

/// `left op right` for an operator that chains: `and`, `or`, `+`, `*`, `||`.
pub(super) fn chain(name: &str, operands: Vec<Term>) -> Term {
    let mut flat = Vec::with_capacity(operands.len());
    for operand in operands {
        match operand {
            Term::Apply(own, inner) if &*own == name => flat.extend(inner),
            other => flat.push(other),
        }
    }
    match name {
        "and" | "or" => logical(name, flat),
        "+" | "*" => arithmetic(name, flat),
        _ => apply(name, flat),
    }
}

fn logical(name: &str, operands: Vec<Term>) -> Term {
    let (neutral, decisive) = if name == "and" { ("true", "false") } else { ("false", "true") };
    if operands.iter().any(|operand| operand.is_constant(decisive)) {
        return Term::constant(decisive);
    }
    let mut kept: Vec<Term> = Vec::new();
    for operand in operands {
        if !operand.is_constant(neutral) && (is_random(&operand) || !kept.contains(&operand)) {
            kept.push(operand);
        }
    }
    match kept.len() {
        0 => Term::constant(neutral),
        1 => kept.remove(0),
        _ => apply(name, kept),
    }
}

/// Whole numbers are computed; everything else may be rounded, so that it stays as written.
fn arithmetic(name: &str, operands: Vec<Term>) -> Term {
    let mut number: Option<i64> = None;
    let mut kept = Vec::with_capacity(operands.len());
    for operand in operands {
        let own = whole(&operand);
        let folded = match (number, own) {
            (None, own) => own,
            (Some(number), Some(own)) if name == "+" => number.checked_add(own),
            (Some(number), Some(own)) => number.checked_mul(own),
            (Some(_), None) => None,
        };
        match (own, folded) {
            (Some(_), Some(_)) => number = folded,
            _ => kept.push(operand),
        }
    }
    // What is times one, or plus nought, is what it is.
    let neutral = if name == "+" { 0 } else { 1 };
    let number = number.filter(|number| *number != neutral || kept.is_empty());
    kept.extend(number.map(|number| Term::constant(&number.to_string())));
    match kept.len() {
        1 => kept.remove(0),
        _ => apply(name, kept),
    }
}

fn whole(term: &Term) -> Option<i64> {
    match term {
        Term::Constant(text) => text.parse().ok(),
        _ => None,
    }
}

/// `-term`.
pub(super) fn negative(term: Term) -> Term {
    match term {
        Term::Constant(text) if text.starts_with(|first: char| first.is_ascii_digit()) => Term::constant(&format!("-{text}")),
        Term::Constant(text) if text.starts_with('-') => Term::constant(&text[1..]),
        Term::Apply(name, mut inner) if &*name == "neg" && inner.len() == 1 => inner.remove(0),
        Term::Apply(name, inner) if &*name == "+" => chain("+", inner.into_iter().map(negative).collect()),
        other => apply("neg", vec![other]),
    }
}

/// A comparison; what is greater stands right.
pub(super) fn compare(name: &str, left: Term, right: Term) -> Term {
    let folded = match (whole(&left), whole(&right)) {
        (Some(left), Some(right)) => match name {
            "=" => Some(left == right),
            "<>" => Some(left != right),
            "<" => Some(left < right),
            "<=" => Some(left <= right),
            ">" => Some(left > right),
            ">=" => Some(left >= right),
            _ => None,
        },
        _ => None,
    };
    match (folded, name) {
        (Some(holds), _) => Term::constant(if holds { "true" } else { "false" }),
        (None, ">") => apply("<", vec![right, left]),
        (None, ">=") => apply("<=", vec![right, left]),
        _ => apply(name, vec![left, right]),
    }
}

/// `NOT term`, pushed down as far as three-valued logic allows.
pub(super) fn not(term: Term) -> Term {
    const OPPOSITES: &[(&str, &str)] = &[
        ("=", "<>"),
        ("is null", "is not null"),
        ("is not distinct from", "is distinct from"),
        ("is true", "is not true"),
        ("is false", "is not false"),
    ];
    match term {
        Term::Constant(text) if &*text == "true" => Term::constant("false"),
        Term::Constant(text) if &*text == "false" => Term::constant("true"),
        Term::Apply(name, mut inner) => {
            let opposite = OPPOSITES
                .iter()
                .find_map(|(one, other)| (*one == &*name).then_some(*other).or_else(|| (*other == &*name).then_some(*one)));
            match (&*name, opposite) {
                (_, Some(opposite)) => apply(opposite, inner),
                ("not", _) => inner.remove(0),
                ("and", _) => chain("or", inner.into_iter().map(not).collect()),
                ("or", _) => chain("and", inner.into_iter().map(not).collect()),
                ("<", _) if inner.len() == 2 => apply("<=", vec![inner.remove(1), inner.remove(0)]),
                ("<=", _) if inner.len() == 2 => apply("<", vec![inner.remove(1), inner.remove(0)]),
                _ => apply("not", vec![Term::Apply(name, inner)]),
            }
        }
        other => apply("not", vec![other]),
    }
}

/// CASE: pairs of condition and result, then what else.
pub(super) fn case(whens: Vec<(Term, Term)>, otherwise: Option<Term>) -> Term {
    let otherwise = otherwise.unwrap_or_else(|| Term::constant("null"));
    if let [(condition, result)] = whens.as_slice()
        && let Some(same) = as_null_function(condition, result, &otherwise)
    {
        return same;
    }
    let mut arguments: Vec<Term> = Vec::with_capacity(whens.len() * 2 + 1);
    for (condition, result) in whens {
        if condition.is_constant("false") {
            continue;
        }
        arguments.extend([condition, result]);
    }
    if arguments.is_empty() {
        return otherwise;
    }
    arguments.push(otherwise);
    apply("case", arguments)
}

/// COALESCE, NULLIF or a safe division that is written as CASE.
fn as_null_function(condition: &Term, result: &Term, otherwise: &Term) -> Option<Term> {
    let Term::Apply(test, tested) = condition else { return None };
    match (&**test, tested.as_slice()) {
        ("is not null", [value]) if value == result => Some(coalesce(vec![result.clone(), otherwise.clone()])),
        ("is null", [value]) if value == otherwise => Some(coalesce(vec![otherwise.clone(), result.clone()])),
        ("=", [left, right]) if result.is_constant("null") => null_if(left, right, otherwise),
        ("<>", [left, right]) if otherwise.is_constant("null") => null_if(left, right, result),
        _ => None,
    }
}

/// `value` unless `left = right`, where that is NULLIF or a division by it.
fn null_if(left: &Term, right: &Term, value: &Term) -> Option<Term> {
    let (tested, other) = if matches!(left, Term::Constant(_)) { (right, left) } else { (left, right) };
    if value == tested {
        return Some(apply("nullif", vec![tested.clone(), other.clone()]));
    }
    let Term::Apply(name, operands) = value else { return None };
    match (&**name, operands.as_slice()) {
        ("/", [above, below]) if below == tested && other.is_constant("0") => Some(safe_divide(above.clone(), below.clone())),
        _ => None,
    }
}

/// `above / below`; a whole factor that is divided out again is none.
pub(super) fn divide(above: Term, below: Term) -> Term {
    let Some(divisor) = whole(&below).filter(|divisor| *divisor != 0) else { return apply("/", vec![above, below]) };
    match above {
        above if divisor == 1 => above,
        Term::Apply(name, mut factors) if &*name == "*" => match factors.iter().position(|factor| whole(factor) == Some(divisor))
        {
            Some(at) => {
                factors.remove(at);
                chain("*", factors)
            }
            None => apply("/", vec![Term::Apply(name, factors), below]),
        },
        above => apply("/", vec![above, below]),
    }
}

/// `above / NULLIF(below, 0)`.
pub(super) fn safe_divide(above: Term, below: Term) -> Term {
    apply("/", vec![above, apply("nullif", vec![below, Term::constant("0")])])
}

/// COALESCE; nested ones are one, and NULL adds nothing.
pub(super) fn coalesce(mut arguments: Vec<Term>) -> Term {
    arguments.retain(|argument| !argument.is_constant("null"));
    match arguments.len() {
        0 => Term::constant("null"),
        1 => arguments.remove(0),
        _ => chain("coalesce", arguments),
    }
}

/// An aggregate in its normal form: a CASE around its argument is a filter, and counting rows that
/// meet a condition is COUNT(*) with a filter, however it is spelled.
///
/// `SUM(CASE WHEN c THEN 1 ELSE 0 END)` is taken for such a count: they differ only where there is
/// no row at all and no GROUP BY. Without the ELSE it is NULL in every group without a match, and
/// therefore something else.
pub(super) fn aggregate(mut aggregate: Aggregate) -> Term {
    const NULL_BLIND: &[&str] = &[
        "count",
        "sum",
        "avg",
        "min",
        "max",
        "stddev_samp",
        "stddev_pop",
        "var_samp",
        "var_pop",
        "median",
        "approx_count_distinct",
        "any_value",
        "bool_and",
        "bool_or",
    ];
    if &*aggregate.name == "sum"
        && !aggregate.distinct
        && let [Term::Apply(name, parts)] = aggregate.arguments.as_slice()
        && &**name == "case"
        && let [condition, one, zero] = parts.as_slice()
        && one.is_constant("1")
        && zero.is_constant("0")
    {
        aggregate.filters.extend(conjuncts(condition.clone()));
        aggregate.name = "count".into();
        aggregate.arguments.clear();
    }
    let null_blind = NULL_BLIND.contains(&&*aggregate.name);
    while null_blind
        && let [Term::Apply(name, parts)] = aggregate.arguments.as_slice()
        && &**name == "case"
        && let [condition, result, otherwise] = parts.as_slice()
        && otherwise.is_constant("null")
    {
        let (condition, result) = (condition.clone(), result.clone());
        aggregate.filters.extend(conjuncts(condition));
        aggregate.arguments = vec![result];
    }
    if null_blind {
        nulls_to_filters(&mut aggregate);
    }
    let counts_rows = &*aggregate.name == "count"
        && !aggregate.distinct
        && matches!(aggregate.arguments.as_slice(), [Term::Constant(text)] if &**text != "null");
    if counts_rows {
        aggregate.arguments.clear();
    }
    if matches!(&*aggregate.name, "min" | "max" | "bool_and" | "bool_or") {
        aggregate.distinct = false;
    }
    aggregate.filters = conjuncts(chain("and", std::mem::take(&mut aggregate.filters)));
    Term::Aggregate(Box::new(aggregate))
}

/// For an aggregate that leaves NULLs out: NULLIF and safe division are filters, and a filter that
/// only leaves NULLs out is none.
fn nulls_to_filters(aggregate: &mut Aggregate) {
    let taken = |term: &Term| match term {
        Term::Apply(name, parts) if &**name == "nullif" => match parts.as_slice() {
            [value, Term::Constant(other)] if &**other != "null" => Some((value.clone(), Term::Constant(other.clone()))),
            _ => None,
        },
        _ => None,
    };
    let made = match aggregate.arguments.as_slice() {
        [Term::Apply(name, parts)] if &**name == "/" => match parts.as_slice() {
            [above, below] => taken(below).map(|(value, other)| (apply("/", vec![above.clone(), value.clone()]), value, other)),
            _ => None,
        },
        [argument] => taken(argument).map(|(value, other)| (value.clone(), value, other)),
        _ => None,
    };
    if let Some((argument, value, other)) = made {
        aggregate.arguments = vec![argument];
        aggregate.filters.push(compare("<>", value, other));
    }
    if let [argument] = aggregate.arguments.as_slice() {
        let known = apply("is not null", vec![argument.clone()]);
        aggregate.filters.retain(|filter| *filter != known);
    }
}

/// The conditions that AND joins.
pub(super) fn conjuncts(condition: Term) -> Vec<Term> {
    match condition {
        Term::Apply(name, parts) if &*name == "and" => parts,
        Term::Constant(text) if &*text == "true" => Vec::new(),
        other => vec![other],
    }
}
