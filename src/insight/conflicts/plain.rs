//! A calculation without what makes no difference worth telling: the NULL that is made nought, the
//! subquery that a sum is handed through, the day from which a table is read.

use super::ratio::{closing, top_level, undressed, whole_call, without_conditions};
use crate::model::{Aggregate, Computation};

/// The computation as its differences are told: conditions that every aggregate has anyway left out, and
/// aggregates in their plain form.
pub(super) fn plain(computation: &Computation) -> Computation {
    let mut plain = computation.clone();
    plain.aggregates = plain.aggregates.iter().map(plain_aggregate).collect();
    plain.aggregates.sort();
    plain.aggregates.dedup();
    plain
}

/// Leaves out the conditions on rows that every aggregate has by itself: they change no value.
pub(super) fn drop_repeated_filters(computation: &mut Computation) {
    let Computation { aggregates, filters, expression, .. } = computation;
    if !aggregates.is_empty() && !expression.contains("}@q") {
        filters.retain(|filter| !aggregates.iter().all(|aggregate| aggregate.filters.contains(filter)));
    }
}

/// Makes conditions that every aggregate has conditions of the rows, where one group of all rows is aggregated:
/// `count(*) filter (a and b)` and `count(*) filter (b)` of the rows with `a` are the same.
pub(super) fn hoist_filters(computation: &mut Computation) {
    let Computation { aggregates, filters, expression, grain, having, limit, windows, .. } = computation;
    let one_group = grain.as_ref().is_some_and(Vec::is_empty) && having.is_empty() && limit.is_empty() && windows.is_empty();
    let [first, others @ ..] = aggregates.as_slice() else { return };
    if !one_group || expression.contains("}@q") {
        return;
    }
    let of_all = |filter: &&String| others.iter().all(|other| other.filters.contains(filter));
    let common: Vec<String> = first.filters.iter().filter(of_all).cloned().collect();
    if common.is_empty() {
        return;
    }
    let mut value = expression.clone();
    let mut kept = aggregates.clone();
    for (aggregate, kept) in aggregates.iter().zip(&mut kept) {
        kept.filters.retain(|filter| !common.contains(filter));
        let written = with_filter(aggregate);
        if !value.contains(&written) {
            return;
        }
        value = value.replace(&written, &with_filter(kept));
    }
    kept.sort();
    filters.extend(common);
    filters.sort();
    filters.dedup();
    (*expression, *aggregates) = (value, kept);
}

/// An aggregate as it stands in a value.
fn with_filter(aggregate: &Aggregate) -> String {
    match aggregate.filters.is_empty() {
        true => aggregate.call.clone(),
        false => format!("{} filter ({})", aggregate.call, aggregate.filters.join(" and ")),
    }
}

/// A value as formulas are compared: an aggregate in its plain form, without conditions, what is divided and what
/// divides each by itself, wherever it is computed.
pub(super) fn formula(value: &str) -> String {
    let value = undressed(value);
    if let Some(aggregate) = aggregate_of(value) {
        return unplaced(&plain_aggregate(&aggregate).call);
    }
    match top_level(value, " / ") {
        Some(at) => format!("{} / {}", formula(&value[..at]), formula(&value[at + 3..])),
        None => unplaced(&without_conditions(value)),
    }
}

/// A text without the marks of the subqueries that its values are computed in, and without the numbers of what is
/// unnested: what agrees is computed alike, somewhere.
pub(super) fn unplaced(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut before = ' ';
    while let Some(letter) = rest.chars().next() {
        let mut length = letter.len_utf8();
        match letter {
            '{' | '^' => {}
            '}' if rest.starts_with("}@q") => length = 3 + digits(&rest[3..]),
            'e' if !is_of_word(before) && digits(&rest[1..]) > 0 && rest[1 + digits(&rest[1..])..].starts_with('.') => {
                length = 1 + digits(&rest[1..]);
                out.push('e');
            }
            other => out.push(other),
        }
        before = letter;
        rest = &rest[length..];
    }
    out
}

fn is_of_word(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '_' | '.' | '⟧')
}

/// How many digits a text begins with.
fn digits(text: &str) -> usize {
    text.len() - text.trim_start_matches(|letter: char| letter.is_ascii_digit()).len()
}

/// The aggregate that a value is; `None` where it is more than one call.
fn aggregate_of(value: &str) -> Option<Aggregate> {
    const NAMES: [&str; 5] = ["sum", "count", "min", "max", "avg"];
    let open = value.find('(').filter(|open| NAMES.contains(&&value[..*open]))?;
    let end = open + closing(&value[open..], 0)?;
    let call = value[..=end].to_owned();
    let filters = match value[end + 1..].strip_prefix(" filter (") {
        Some(rest) => conjuncts(rest.strip_suffix(')').filter(|_| closing(&value[end + 9..], 0) == Some(rest.len()))?),
        None if value.len() == end + 1 => Vec::new(),
        None => return None,
    };
    Some(Aggregate { call, filters })
}

/// An aggregate without what a sum makes nothing of: NULLs made nought, nought where a condition does not
/// hold, sums of sums.
fn plain_aggregate(aggregate: &Aggregate) -> Aggregate {
    let mut plain = aggregate.clone();
    while let Some(inner) = handed_through(&plain.call) {
        plain.filters.extend(inner.filters);
        plain.call = inner.call;
    }
    while let Some(argument) = whole_call(&plain.call, "sum") {
        let bare = undressed(argument);
        if let Some((condition, value)) = case_or_nought(bare) {
            plain.filters.extend(conjuncts(condition));
            plain.call = format!("sum({value})");
        } else if bare.len() < argument.len() {
            plain.call = format!("sum({bare})");
        } else {
            let known = format!("{bare} is not null");
            plain.filters.retain(|filter| *filter != known);
            break;
        }
    }
    plain.filters.sort();
    plain.filters.dedup();
    plain
}

/// The aggregate of a subquery whose values another adds up, or picks among, in the same way.
fn handed_through(call: &str) -> Option<Aggregate> {
    let passes = |outer: &str, inner: &[&str]| {
        let aggregate = aggregate_of(undressed(whole_call(call, outer)?))?;
        let name = aggregate.call.split('(').next()?;
        (inner.contains(&name) && !aggregate.call.contains("(distinct ")).then_some(aggregate)
    };
    passes("sum", &["sum", "count"]).or_else(|| passes("min", &["min"])).or_else(|| passes("max", &["max"]))
}

/// Condition and value of `case(condition, value, 0)`.
fn case_or_nought(value: &str) -> Option<(&str, &str)> {
    let parts = whole_call(value, "case")?;
    let first = top_level(parts, ", ")?;
    let (condition, rest) = (&parts[..first], &parts[first + 2..]);
    let second = top_level(rest, ", ")?;
    matches!(&rest[second + 2..], "0" | "0.0").then_some((condition, &rest[..second]))
}

/// The conditions that AND joins, without the brackets around each.
fn conjuncts(condition: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = condition;
    if top_level(condition, " or ").is_some() {
        return vec![condition.to_owned()];
    }
    while let Some(at) = top_level(rest, " and ") {
        found.push(&rest[..at]);
        rest = &rest[at + 5..];
    }
    found.push(rest);
    let bare = |one: &str| match one.strip_prefix('(').and_then(|inner| inner.strip_suffix(')')) {
        Some(inner) if closing(one, 0) == Some(one.len() - 1) && top_level(inner, " or ").is_none() => inner.to_owned(),
        _ => one.to_owned(),
    };
    found.into_iter().map(bare).collect()
}

/// Whether a condition only says which days a calculation covers: something compared with days that are written
/// out.
pub(super) fn is_span(condition: &str) -> bool {
    let sides = [" <= ", " >= ", " < ", " > ", " = "]
        .iter()
        .find_map(|word| top_level(condition, word).map(|at| (&condition[..at], &condition[at + word.len()..])));
    sides.is_some_and(|(left, right)| is_day(left) != is_day(right)) && top_level(condition, " or ").is_none()
}

/// Whether a value is a day that is written out, calculated with or not.
fn is_day(value: &str) -> bool {
    let (mut has_day, mut outside) = (false, String::new());
    for (at, piece) in value.split('\'').enumerate() {
        match at % 2 {
            0 => outside.push_str(piece),
            _ => has_day |= starts_with_day(piece),
        }
    }
    has_day && !outside.contains(['.', '@', '⟦'])
}

fn starts_with_day(text: &str) -> bool {
    let pattern = |(at, letter): (usize, char)| if matches!(at, 4 | 7) { letter == '-' } else { letter.is_ascii_digit() };
    text.len() >= 10 && text.chars().take(10).enumerate().all(pattern)
}

/// A text with one mark for every day that is written out in it.
pub(super) fn without_days(text: &str) -> String {
    let mut pieces: Vec<&str> = text.split('\'').collect();
    for piece in pieces.iter_mut().skip(1).step_by(2).filter(|piece| starts_with_day(piece)) {
        *piece = "day";
    }
    pieces.join("'")
}

/// Whether a condition only puts rows of two things together: a value of the one is a value of the other.
pub(super) fn puts_together(condition: &str) -> bool {
    let Some(at) = top_level(condition, " = ").filter(|_| top_level(condition, " or ").is_none()) else { return false };
    let (left, right) = (mentioned(&condition[..at]), mentioned(&condition[at + 3..]));
    !left.is_empty() && !right.is_empty() && left.iter().all(|one| !right.contains(one))
}

/// Marks of the sources and subqueries that a value reads.
fn mentioned(value: &str) -> Vec<&str> {
    // A value of a subquery is the subquery's, whatever that reads.
    if let Some((_, number)) = value.rsplit_once("}@q").filter(|_| value.starts_with('{')) {
        return vec![&number[..digits(number)]];
    }
    value.match_indices('⟦').map(|(at, mark)| &value[at..at + mark.len() + digits(&value[at + mark.len()..])]).collect()
}

#[cfg(test)]
mod tests {
    use super::{formula, is_span, plain_aggregate, puts_together, without_days};
    use crate::model::Aggregate;

    #[test]
    fn a_sum_is_the_same_however_nothing_is_made_nought() {
        for call in [
            "sum(t.x)",
            "sum(coalesce(t.x, 0))",
            "sum(case(t.x is not null, coalesce(cast(t.x, int), 0), 0))",
            "sum({sum(t.x)}@q2)",
            "sum({coalesce(sum({sum(coalesce(t.x, 0))}@q1), 0)}@q2)",
        ] {
            assert_eq!(formula(call), "sum(t.x)", "{call}");
        }
        assert_eq!(formula("{coalesce(count(*) filter (t.a = 1), 0)}@q1"), "count(*)");
        assert_eq!(formula("sum({count(distinct t.x)}@q1)"), "sum(count(distinct t.x))");
        assert_eq!(formula("sum(t.x) / nullif(coalesce(sum(t.y) filter (t.z), 0), 0)"), "sum(t.x) / sum(t.y)");
        assert_eq!(formula("count(distinct {field(⟦1⟧.a, b)}@q12)"), formula("count(distinct field(⟦1⟧.a, b))"));
        assert_eq!((formula("max(e1.key)"), formula("max(t.e1.key)")), ("max(e.key)".to_owned(), "max(t.e1.key)".to_owned()));
    }

    #[test]
    fn what_a_sum_leaves_out_is_its_condition() {
        let plain = plain_aggregate(&Aggregate { call: "sum(case((t.a = 1) and (t.b), t.x, 0))".to_owned(), filters: vec![] });
        assert_eq!(plain, Aggregate { call: "sum(t.x)".to_owned(), filters: vec!["t.a = 1".to_owned(), "t.b".to_owned()] });
    }

    #[test]
    fn days_that_are_written_out_are_told_from_windows() {
        assert!(is_span("cast(t.submission_timestamp, date) >= '2021-03-23'"));
        assert!(is_span("date_sub('2025-12-10', interval(1, day)) <= t.submission_date"));
        assert!(!is_span("date_sub(?.@d, interval(28, day)) < t.day") && !is_span("t.plan = 'paid'"));
        assert!(!is_span("'2021-01-01' <= '2022-01-01'"));
        assert_eq!(without_days("from t where t.day >= '2021-01-01' and t.a = 'b'"), "from t where t.day >= 'day' and t.a = 'b'");
    }

    #[test]
    fn conditions_that_join_are_told_from_those_that_choose() {
        assert!(puts_together("⟦0⟧.id = ⟦1⟧.id") && puts_together("{⟦0⟧.id}@q1 = {⟦0⟧.id}@q2"));
        assert!(!puts_together("⟦0⟧.a = ⟦0⟧.b") && !puts_together("⟦0⟧.a = 'b'") && !puts_together("{⟦0⟧.a}@q1 = 1"));
    }
}
