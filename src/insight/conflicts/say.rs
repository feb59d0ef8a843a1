//! Pieces of a normal form as people read them.

use std::collections::BTreeMap;

use super::{
    essence::{CLOSE, OPEN},
    ratio::{closing, last_at_top_level},
};

/// Longest piece that a sentence quotes, in characters.
const LONGEST_PIECE: usize = 140;

/// What sources are called in sentences: by number of a source, its short name; "" where it is the only one.
pub(super) type Called = BTreeMap<usize, String>;

/// A piece in backticks, on one line, shortened.
pub(super) fn quote(piece: &str, called: &Called) -> String {
    shorten(&show(piece, called))
}

/// A text in backticks, shortened.
pub(super) fn shorten(shown: &str) -> String {
    match shown.chars().count() > LONGEST_PIECE {
        true => format!("`{}…`", shown.chars().take(LONGEST_PIECE).collect::<String>()),
        false => format!("`{shown}`"),
    }
}

/// Two texts in backticks: where both are cut before they differ, from shortly before that.
pub(super) fn shorten_both(one: &str, another: &str) -> (String, String) {
    /// Characters before the difference.
    const BEFORE: usize = 40;
    let same = one.chars().zip(another.chars()).take_while(|(left, right)| left == right).count();
    if same < LONGEST_PIECE - BEFORE / 2 {
        return (shorten(one), shorten(another));
    }
    let from = |text: &str| {
        let rest: String = text.chars().skip(same - BEFORE).collect();
        shorten(&format!("…{rest}"))
    };
    (from(one), from(another))
}

/// Pieces that all hold.
pub(super) fn quote_all(pieces: &[String], called: &Called) -> String {
    join(&pieces.iter().map(|piece| quote(piece, called)).collect::<Vec<_>>(), "and")
}

/// A list in words; of more than four the first three.
pub(super) fn join(pieces: &[String], word: &str) -> String {
    match pieces {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] if pieces.len() <= 4 => format!("{} {word} {last}", first.join(", ")),
        _ => format!("{} {word} {} more", pieces[..3].join(", "), pieces.len() - 3),
    }
}

/// A piece without what only the normal form needs: prefixes of the only source, marks of subqueries.
pub(super) fn show(piece: &str, called: &Called) -> String {
    let mut out = String::with_capacity(piece.len());
    let mut rest = piece;
    while let Some(letter) = rest.chars().next() {
        let mut skip = letter.len_utf8();
        match letter {
            OPEN => {
                let end = rest.find(CLOSE).unwrap_or(rest.len() - CLOSE.len_utf8());
                let number: usize = rest[OPEN.len_utf8()..end].parse().unwrap_or(usize::MAX);
                let name = called.get(&number).map_or("", String::as_str);
                let after = end + CLOSE.len_utf8();
                skip = after;
                out.push_str(name);
                if name.is_empty() && rest[after..].starts_with('.') {
                    skip += 1;
                }
            }
            '{' | '^' => {}
            '}' => {
                let mark = rest[1..]
                    .strip_prefix("@q")
                    .map(|more| more.len() - more.trim_start_matches(|digit: char| digit.is_ascii_digit()).len());
                skip += mark.map_or(0, |digits| 2 + digits);
            }
            '?' if rest.starts_with("?.") => skip = 2,
            other => out.push(other),
        }
        rest = rest.get(skip..).unwrap_or("");
    }
    with_paths(&out)
}

/// Fields as paths: `field(field(metrics, counter), tabs)` → `metrics.counter.tabs`.
fn with_paths(text: &str) -> String {
    const FIELD: &str = "field(";
    let starts_call = |at: &usize| {
        let before = &text[..*at];
        let is_word = before.ends_with(|letter: char| letter.is_alphanumeric() || letter == '_');
        !is_word && before.matches('\'').count().is_multiple_of(2)
    };
    let Some(at) = text.match_indices(FIELD).map(|(at, _)| at).find(starts_call) else { return text.to_owned() };
    let (before, call) = text.split_at(at);
    let parts = closing(call, FIELD.len() - 1).and_then(|end| {
        let arguments = &call[FIELD.len()..end];
        let comma = last_at_top_level(arguments, ", ")?;
        Some((&arguments[..comma], &arguments[comma + 2..], &call[end + 1..]))
    });
    match parts {
        Some((base, name, after)) => format!("{before}{}.{name}{}", with_paths(base), with_paths(after)),
        None => text.to_owned(),
    }
}

/// The last part of a dotted name.
pub(super) fn short(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

/// What an aggregate does, as a verb: `counts distinct `id``.
pub(super) fn say_call(call: &str, called: &Called) -> String {
    let Some((function, rest)) = call.split_once('(') else { return format!("computes {}", quote(call, called)) };
    let argument = rest.strip_suffix(')').unwrap_or(rest);
    let (distinct, argument) = match argument.strip_prefix("distinct ") {
        Some(argument) => (true, argument),
        None => (false, argument),
    };
    let of = quote(argument, called);
    match (function, distinct) {
        ("count", false) if argument == "*" => "counts rows".to_owned(),
        ("count", false) => format!("counts rows that have {of}"),
        ("count", true) => format!("counts distinct {of}"),
        ("sum", false) => format!("sums {of}"),
        ("avg", false) => format!("averages {of}"),
        ("min", _) => format!("takes the smallest {of}"),
        ("max", _) => format!("takes the largest {of}"),
        ("any_value", _) => format!("takes any {of}"),
        ("approx_count_distinct", _) => format!("estimates how many distinct {of} there are"),
        _ => format!("computes {}", quote(call, called)),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{join, quote, say_call, shorten_both};

    #[test]
    fn sentences_show_columns_and_not_how_they_were_compared() {
        let one = BTreeMap::from([(0, String::new())]);
        assert_eq!(quote("⟦0⟧.plan = 'paid'", &one), "`plan = 'paid'`");
        assert_eq!(quote("{sum(⟦0⟧.amount)}@q12 / ^⟦0⟧.n", &one), "`sum(amount) / n`");
        assert_eq!(
            quote("lower(field(field(⟦0⟧.meta, isp), name)) = 'field(a, b)'", &one),
            "`lower(meta.isp.name) = 'field(a, b)'`"
        );
        let two = BTreeMap::from([(0, "orders".to_owned()), (1, "accounts".to_owned())]);
        assert_eq!(quote("⟦0⟧.id = ⟦1⟧.id", &two), "`orders.id = accounts.id`");
    }

    #[test]
    fn of_long_texts_that_begin_alike_what_differs_is_shown() {
        let long = "a".repeat(200);
        let (one, other) = shorten_both(&format!("{long} = 1"), &format!("{long} = 2"));
        assert!(one.ends_with("a = 1`") && other.ends_with("a = 2`") && one.starts_with("`…a"), "{one} {other}");
        assert_eq!(shorten_both("x", "y"), ("`x`".to_owned(), "`y`".to_owned()));
    }

    #[test]
    fn aggregates_are_verbs() {
        let one = BTreeMap::from([(0, String::new())]);
        assert_eq!(say_call("count(distinct ⟦0⟧.id)", &one), "counts distinct `id`");
        assert_eq!((say_call("count(*)", &one), say_call("avg(⟦0⟧.dau)", &one)), ("counts rows".into(), "averages `dau`".into()));
    }

    #[test]
    fn long_lists_are_counted() {
        let names: Vec<String> = ["a", "b", "c", "d", "e"].map(str::to_owned).to_vec();
        assert_eq!((join(&names[..2], "and"), join(&names, "and")), ("a and b".to_owned(), "a, b, c and 2 more".to_owned()));
    }
}
