//! Reading one expression's text: the call that it is, its arguments, a CASE that only filters.
//!
//! In: SQL of one expression. Out: pieces of the same text. What is not certain is `None`.

/// A call that is the whole of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Call<'a> {
    /// The last part of the function's name, in lower case.
    pub(super) function: String,
    /// Whether its argument is DISTINCT.
    pub(super) distinct: bool,
    /// Its arguments, DISTINCT left out.
    pub(super) arguments: Vec<&'a str>,
}

/// The call that `expression` is from its start to its end, parentheses around it aside.
pub(super) fn whole_call(expression: &str) -> Option<Call<'_>> {
    let expression = strip_parentheses(expression);
    let name_end = expression.find(|letter: char| !(letter.is_alphanumeric() || matches!(letter, '_' | '.' | '`' | '-')))?;
    let (name, rest) = expression.split_at(name_end);
    let last: String = name.rsplit('.').next()?.chars().filter(|letter| *letter != '`').collect();
    if last.is_empty() || !last.starts_with(|letter: char| letter.is_alphabetic() || letter == '_') {
        return None;
    }
    let rest = rest.trim_start();
    let inside = rest.strip_prefix('(')?;
    let close = closing(inside)?;
    if !inside.get(close + 1..)?.trim().is_empty() {
        return None;
    }
    let inside = inside.get(..close)?.trim();
    let distinct = starts_with_word(inside, "distinct");
    let inside = if distinct { inside.get(8..)?.trim_start() } else { inside };
    let arguments = if inside.is_empty() { Vec::new() } else { split_top(inside, ',') };
    Some(Call { function: last.to_ascii_lowercase(), distinct, arguments })
}

/// `IF(c, x, NULL)`, `CASE WHEN c THEN x [ELSE NULL | 0] END`: (c, x, what stands for the other rows).
pub(super) fn one_condition(expression: &str) -> Option<(&str, &str, Option<&str>)> {
    let expression = strip_parentheses(expression);
    if let Some(call) = whole_call(expression) {
        return match (call.function.as_str(), call.arguments.as_slice()) {
            ("if" | "iff" | "iif", [condition, value, other]) => Some((condition, value, Some(other))),
            _ => None,
        };
    }
    let inner = strip_word(expression, "case")?;
    let inner = strip_last_word(inner, "end")?;
    let inner = strip_word(inner, "when")?;
    let then = find_word(inner, "then")?;
    let (condition, rest) = (inner.get(..then)?.trim(), inner.get(then + 4..)?.trim());
    if find_word(condition, "when").is_some() || find_word(rest, "when").is_some() {
        return None;
    }
    match find_word(rest, "else") {
        Some(at) => Some((condition, rest.get(..at)?.trim(), Some(rest.get(at + 4..)?.trim()))),
        None => Some((condition, rest, None)),
    }
}

/// Whether the expression is a literal: a number, a text, NULL, TRUE, a dated text.
pub(super) fn is_literal(expression: &str) -> bool {
    let text = strip_parentheses(expression);
    let lower = text.to_ascii_lowercase();
    let quoted =
        |text: &str| text.len() > 1 && text.starts_with(['\'', '"']) && text.ends_with(['\'', '"']) && !text.contains("||");
    let dated = ["date", "timestamp", "datetime", "time"].iter().find_map(|word| strip_word(text, word));
    lower.trim_start_matches(['-', '+']).trim().parse::<f64>().is_ok_and(f64::is_finite)
        || matches!(lower.as_str(), "null" | "true" | "false")
        || quoted(text)
        || dated.is_some_and(quoted)
}

/// The text without blanks and parentheses that go around the whole of it.
pub(super) fn strip_parentheses(text: &str) -> &str {
    let mut text = text.trim();
    while let Some(inside) = text.strip_prefix('(') {
        match closing(inside) {
            Some(close) if close + 1 == inside.len() => text = inside.get(..close).unwrap_or("").trim(),
            _ => break,
        }
    }
    text
}

/// The text without comments outside quotes.
pub(super) fn without_comments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut quote: Option<char> = None;
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let comment = match quote {
            Some(_) => None,
            None if rest.starts_with("--") => Some("\n"),
            None if rest.starts_with("/*") => Some("*/"),
            None => None,
        };
        if let Some(end) = comment {
            out.push(' ');
            rest = rest.find(end).and_then(|at| rest.get(at + end.len()..)).unwrap_or("");
            continue;
        }
        match quote {
            Some(mark) if mark == letter => quote = None,
            Some(_) => {}
            None if matches!(letter, '\'' | '"' | '`') => quote = Some(letter),
            None => {}
        }
        out.push(letter);
        rest = rest.get(letter.len_utf8()..).unwrap_or("");
    }
    out
}

/// Where the parenthesis is closed that was opened before `text`.
fn closing(text: &str) -> Option<usize> {
    let mut open = 0_usize;
    top_letters(text).find_map(|(at, letter, _)| match letter {
        '(' => {
            open += 1;
            None
        }
        ')' if open == 0 => Some(at),
        ')' => {
            open -= 1;
            None
        }
        _ => None,
    })
}

/// The letters of `text` outside quotes and comments: (place, letter, parentheses and CASEs open).
pub(super) fn top_letters(text: &str) -> impl Iterator<Item = (usize, char, usize)> {
    let mut quote: Option<char> = None;
    let mut comment: Option<&str> = None;
    let mut depth = 0_usize;
    let mut skip_to = 0;
    text.char_indices().filter_map(move |(at, letter)| {
        if at < skip_to {
            return None;
        }
        let rest = text.get(at..).unwrap_or("");
        if let Some(end) = comment {
            if rest.starts_with(end) {
                (comment, skip_to) = (None, at + end.len());
            }
            return None;
        }
        match (quote, letter) {
            (Some(mark), _) => {
                if mark == letter {
                    quote = None;
                }
                return None;
            }
            (None, '\'' | '"' | '`') => {
                quote = Some(letter);
                return None;
            }
            (None, _) if rest.starts_with("--") => {
                comment = Some("\n");
                return None;
            }
            (None, _) if rest.starts_with("/*") => {
                comment = Some("*/");
                return None;
            }
            (None, _) => {}
        }
        match letter {
            '(' | '[' => depth += 1,
            ')' | ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        Some((at, letter, depth))
    })
}

pub(super) fn split_top(text: &str, separator: char) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut from = 0;
    for (at, letter, depth) in top_letters(text) {
        if letter == separator && depth == 0 {
            parts.push(text.get(from..at).unwrap_or("").trim());
            from = at + separator.len_utf8();
        }
    }
    parts.push(text.get(from..).unwrap_or("").trim());
    parts
}

/// Where `word` stands in `text` outside parentheses, quotes and inner CASEs.
fn find_word(text: &str, word: &str) -> Option<usize> {
    let mut cases = 0_i32;
    let mut before = ' ';
    for (at, letter, depth) in top_letters(text) {
        let is_start = !is_word_letter(before) && is_word_letter(letter);
        before = letter;
        if !is_start || depth > 0 {
            continue;
        }
        let rest = text.get(at..)?;
        if cases == 0 && starts_with_word(rest, word) {
            return Some(at);
        }
        if starts_with_word(rest, "case") {
            cases += 1;
        } else if starts_with_word(rest, "end") {
            cases -= 1;
        }
    }
    None
}

fn strip_word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    starts_with_word(text, word).then(|| text.get(word.len()..).unwrap_or("").trim())
}

fn strip_last_word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let text = text.trim_end();
    let at = text.len().checked_sub(word.len())?;
    let (front, last) = (text.get(..at)?, text.get(at..)?);
    (last.eq_ignore_ascii_case(word) && !front.ends_with(is_word_letter)).then(|| front.trim())
}

fn starts_with_word(text: &str, word: &str) -> bool {
    text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
        && !text.get(word.len()..).unwrap_or("").starts_with(is_word_letter)
}

fn is_word_letter(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_go_and_what_looks_like_one_in_quotes_stays() {
        assert_eq!(without_comments("a = 1 -- why\n AND b = '--x' /* c */ AND d"), "a = 1   AND b = '--x'   AND d");
        assert_eq!(without_comments("a -- to the end"), "a  ");
    }

    #[test]
    fn a_call_is_one_from_start_to_end_only() {
        let call = whole_call("COUNT( DISTINCT (x), ')' )").unwrap();
        assert_eq!((call.function.as_str(), call.distinct, call.arguments), ("count", true, vec!["(x)", "')'"]));
        assert_eq!(whole_call("`p`.udf.Mode_Last(a)").unwrap().function, "mode_last");
        assert_eq!(whole_call("sum(a) - sum(b)"), None);
        assert_eq!(whole_call("(sum(a))").unwrap().function, "sum");
        assert_eq!(whole_call("amount"), None);
    }

    #[test]
    fn a_case_with_one_condition_is_a_filter() {
        assert_eq!(
            one_condition("CASE WHEN a BETWEEN 1 AND 2 THEN id ELSE NULL END"),
            Some(("a BETWEEN 1 AND 2", "id", Some("NULL")))
        );
        assert_eq!(one_condition("(case when a then b end)"), Some(("a", "b", None)));
        assert_eq!(one_condition("IF(a > (1), b, 0)"), Some(("a > (1)", "b", Some("0"))));
        assert_eq!(one_condition("case when a then b when c then d end"), None);
        assert_eq!(one_condition("case x when 1 then b end"), None);
        assert_eq!(one_condition("case when a then case when b then c end end"), Some(("a", "case when b then c end", None)));
    }

    #[test]
    fn a_literal_is_always_the_same() {
        for literal in ["1", "-2.5", "'a b'", "NULL", "DATE '2024-01-01'", "(true)"] {
            assert!(is_literal(literal), "{literal}");
        }
        for other in ["CURRENT_DATE", "@submission_date", "'a' || b", "x", "current_timestamp()"] {
            assert!(!is_literal(other), "{other}");
        }
    }
}
