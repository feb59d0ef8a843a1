//! In which parts two computations differ: what the pairs of `canonical` are held against.

use std::collections::BTreeSet;

use wellspring::model::{Aggregate, Computation};

/// One thing in which two computations differ: what kind of thing (`source`, `join`, `filter`, `grain`, `having`,
/// `limit`, `subquery`, `aggregate`, `window`, `constant` or `expression`), what the one has that the other has
/// not, and what the other has.
pub(crate) type Difference = (&'static str, String, String);

/// What tells `one` from `other`, the most telling first; empty where the fingerprints agree.
pub(crate) fn differences(one: &Computation, other: &Computation) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut compare = |part, left: String, right: String| {
        if left != right {
            found.push((part, left, right));
        }
    };
    let (left, right) = only(&one.sources, &other.sources);
    compare("source", left.join(", "), right.join(", "));
    if one.sources == other.sources {
        compare("join", one.joins.clone(), other.joins.clone());
    }
    let (mut left, mut right) = only(&one.filters, &other.filters);
    let conditions = |aggregates: &[Aggregate], others: &[Aggregate], side: &mut Vec<String>| {
        for aggregate in aggregates.iter().filter(|aggregate| !others.contains(aggregate)) {
            if let Some(twin) = others.iter().find(|twin| twin.call == aggregate.call) {
                side.extend(only(&aggregate.filters, &twin.filters).0);
            }
        }
    };
    conditions(&one.aggregates, &other.aggregates, &mut left);
    conditions(&other.aggregates, &one.aggregates, &mut right);
    compare("filter", left.join(" and "), right.join(" and "));
    compare("grain", format!("{:?}", one.grain), format!("{:?}", other.grain));
    let (left, right) = only(&one.having, &other.having);
    compare("having", left.join(" and "), right.join(" and "));
    compare("limit", one.limit.clone(), other.limit.clone());
    let (left, right) = only(&one.subqueries, &other.subqueries);
    compare("subquery", left.join("; "), right.join("; "));
    let calls = |aggregates: &[Aggregate]| aggregates.iter().map(|call| call.call.clone()).collect::<Vec<_>>();
    let (left, right) = only(&calls(&one.aggregates), &calls(&other.aggregates));
    compare("aggregate", left.join(", "), right.join(", "));
    let (left, right) = only(&one.windows, &other.windows);
    compare("window", left.join(", "), right.join(", "));
    let same_parts = one.aggregates == other.aggregates && one.windows == other.windows;
    if one.expression != other.expression && (same_parts || found.is_empty()) {
        let ((left_shape, left_constants), (right_shape, right_constants)) =
            (without_constants(&one.expression), without_constants(&other.expression));
        found.push(match left_shape == right_shape {
            true => {
                let (left, right) = only(&left_constants, &right_constants);
                ("constant", left.join(", "), right.join(", "))
            }
            false => ("expression", one.expression.clone(), other.expression.clone()),
        });
    }
    found
}

/// What only the one list has, and only the other; both in order.
fn only(left: &[String], right: &[String]) -> (Vec<String>, Vec<String>) {
    let missing = |from: &[String], other: &[String]| {
        let mut rest: Vec<&String> = other.iter().collect();
        let mut missing = Vec::new();
        for one in from {
            match rest.iter().position(|candidate| *candidate == one) {
                Some(at) => drop(rest.swap_remove(at)),
                None => missing.push(one.clone()),
            }
        }
        missing
    };
    (missing(left, right), missing(right, left))
}

/// `text` with a mark for every constant, and the constants.
fn without_constants(text: &str) -> (String, Vec<String>) {
    let (mut shape, mut constants) = (String::new(), BTreeSet::new());
    let mut rest = text;
    let mut inside_name = false;
    while let Some(letter) = rest.chars().next() {
        let digits = letter.is_ascii_digit() && !inside_name;
        let length = match letter {
            '\'' => text_length(rest),
            _ if digits => rest.find(|next: char| !(next.is_alphanumeric() || next == '.')).unwrap_or(rest.len()),
            _ => 0,
        };
        if length > 0 {
            constants.insert(rest[..length].to_owned());
            shape.push('?');
            rest = &rest[length..];
            inside_name = false;
        } else {
            shape.push(letter);
            inside_name = letter.is_alphanumeric() || matches!(letter, '_' | '#' | '@');
            rest = &rest[letter.len_utf8()..];
        }
    }
    (shape, constants.into_iter().collect())
}

/// The bytes of the quoted text that `rest` begins with; a doubled quote stands for itself.
fn text_length(rest: &str) -> usize {
    let mut at = 1;
    while let Some(found) = rest.get(at..).and_then(|rest| rest.find('\'')) {
        at += found + 1;
        if !rest[at..].starts_with('\'') {
            return at;
        }
        at += 1;
    }
    rest.len()
}
