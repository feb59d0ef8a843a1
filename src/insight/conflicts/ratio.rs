//! The outermost division of a value, and the texts around it.

/// A value that one thing divides by another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ratio {
    /// What is divided.
    pub(super) numerator: String,
    /// What divides it.
    pub(super) denominator: String,
}

/// The division that a value is, behind rounding, scaling and what stands in for NULL; `None` where it is none.
pub(super) fn split_ratio(value: &str) -> Option<Ratio> {
    let value = bare_value(value);
    let at = top_level(value, " / ")?;
    let (numerator, denominator) = (&value[..at], &value[at + 3..]);
    Some(Ratio { numerator: bare_value(numerator).to_owned(), denominator: bare_value(denominator).to_owned() })
}

/// Factors that make a value a percentage.
const HUNDRED: [&str; 2] = ["100", "100.0"];

/// A value without what only dresses it: see [`undressed`]; and without a factor of hundred.
pub(super) fn bare_value(value: &str) -> &str {
    let mut bare = undressed(value);
    while let Some(inner) = HUNDRED.iter().chain(&["1.0"]).find_map(|factor| without_factor(bare, factor)) {
        bare = undressed(inner);
    }
    bare
}

/// Whether a value is a hundred times its [`bare_value`].
pub(super) fn is_hundredfold(value: &str) -> bool {
    let mut bare = undressed(value);
    while let Some(inner) = without_factor(bare, "1.0") {
        bare = undressed(inner);
    }
    HUNDRED.iter().any(|factor| without_factor(bare, factor).is_some())
}

/// A value without brackets, rounding, what stands in for NULL, the type it is given, and the subquery that it is
/// taken over from.
pub(super) fn undressed(value: &str) -> &str {
    let mut bare = value.trim();
    loop {
        let inner = in_brackets(bare)
            .or_else(|| first_argument(bare, "round"))
            .or_else(|| first_argument(bare, "coalesce"))
            .or_else(|| first_argument(bare, "nullif"))
            .or_else(|| cast_of(bare))
            .or_else(|| taken_over(bare));
        match inner {
            Some(inner) if inner.len() < bare.len() => bare = inner.trim(),
            _ => return bare,
        }
    }
}

/// The value in a subquery that a value is.
fn taken_over(text: &str) -> Option<&str> {
    let end = closing_brace(text)?;
    let number = text[end + 1..].strip_prefix("@q")?;
    number.chars().all(|letter| letter.is_ascii_digit()).then_some(&text[1..end])
}

/// The place of the brace that closes the one that a text begins with.
pub(super) fn closing_brace(text: &str) -> Option<usize> {
    let (mut depth, mut quoted) = (0_u32, false);
    for (at, letter) in text.char_indices() {
        match letter {
            '\'' => quoted = !quoted,
            _ if quoted => {}
            '{' => depth += 1,
            '}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return Some(at);
                }
            }
            _ if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

fn in_brackets(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('(')?.strip_suffix(')')?;
    (closing(text, 0)? == text.len() - 1).then_some(inner)
}

/// The first argument of a call of `function` whose others are constants.
fn first_argument<'t>(text: &'t str, function: &str) -> Option<&'t str> {
    let arguments = whole_call(text, function)?;
    let first = top_level(arguments, ", ").map_or(arguments, |at| &arguments[..at]);
    let others = &arguments[first.len()..];
    let constants =
        others.trim_start_matches(", ").chars().all(|letter| letter.is_ascii_digit() || matches!(letter, '.' | '-' | ',' | ' '));
    constants.then_some(first)
}

fn cast_of(text: &str) -> Option<&str> {
    let arguments = whole_call(text, "cast")?;
    Some(&arguments[..top_level(arguments, ", ")?])
}

/// What stands between the brackets, where the text is one call of `function`.
pub(super) fn whole_call<'t>(text: &'t str, function: &str) -> Option<&'t str> {
    let rest = text.strip_prefix(function)?;
    let inner = rest.strip_prefix('(')?.strip_suffix(')')?;
    (closing(text, function.len())? == text.len() - 1).then_some(inner)
}

fn without_factor<'t>(text: &'t str, factor: &str) -> Option<&'t str> {
    let at = top_level(text, " * ")?;
    let (left, right) = (&text[..at], &text[at + 3..]);
    if right == factor {
        return Some(left);
    }
    (left == factor && top_level(right, " * ").is_none()).then_some(right)
}

/// The place of the first `mark` outside of brackets and quotes.
pub(super) fn top_level(text: &str, mark: &str) -> Option<usize> {
    at_top_level(text, mark).next()
}

/// The place of the last `mark` outside of brackets and quotes.
pub(super) fn last_at_top_level(text: &str, mark: &str) -> Option<usize> {
    at_top_level(text, mark).last()
}

/// The places of `mark` outside of brackets and quotes.
pub(super) fn at_top_level(text: &str, mark: &str) -> impl Iterator<Item = usize> {
    let (mut depth, mut quoted) = (0_u32, false);
    text.char_indices().filter_map(move |(at, letter)| {
        match letter {
            '\'' => quoted = !quoted,
            _ if quoted => {}
            '(' | '{' | '[' => depth += 1,
            ')' | '}' | ']' => depth = depth.saturating_sub(1),
            _ => return (depth == 0 && text[at..].starts_with(mark)).then_some(at),
        }
        None
    })
}

/// The place of the bracket that closes the one at `open`.
pub(super) fn closing(text: &str, open: usize) -> Option<usize> {
    let (mut depth, mut quoted) = (0_u32, false);
    for (at, letter) in text.char_indices().skip_while(|(at, _)| *at < open) {
        match letter {
            '\'' => quoted = !quoted,
            _ if quoted => {}
            '(' => depth += 1,
            ')' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

/// A value without the conditions of its aggregates: `count(*) filter (a = 1) / count(*)` → `count(*) / count(*)`.
pub(super) fn without_conditions(value: &str) -> String {
    const MARK: &str = " filter (";
    let (mut out, mut rest) = (String::new(), value);
    while let Some(at) = rest.find(MARK) {
        let open = at + MARK.len() - 1;
        let Some(end) = closing(&rest[open..], 0) else { break };
        out.push_str(&rest[..at]);
        rest = &rest[open + end + 1..];
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::{Ratio, bare_value, split_ratio, without_conditions};

    #[test]
    fn the_outermost_division_is_found_behind_what_dresses_it() {
        let ratio = |above: &str, below: &str| Some(Ratio { numerator: above.to_owned(), denominator: below.to_owned() });
        let found = split_ratio("count(*) filter (t.left) / nullif(count(distinct t.id), 0)");
        assert_eq!(found, ratio("count(*) filter (t.left)", "count(distinct t.id)"));
        assert_eq!(split_ratio("round(coalesce((sum(t.a) / sum(t.b)) * 100, 0), 2)"), ratio("sum(t.a)", "sum(t.b)"));
        assert_eq!(split_ratio("sum(t.a / t.b)"), None);
        assert_eq!(split_ratio("concat(t.a, ' / ', t.b)"), None);
    }

    #[test]
    fn only_what_dresses_a_value_is_taken_off() {
        assert_eq!(bare_value("coalesce(sum(t.a), 0)"), "sum(t.a)");
        assert_eq!(bare_value("coalesce(sum(t.a), sum(t.b))"), "coalesce(sum(t.a), sum(t.b))");
        assert_eq!(bare_value("(t.a) + (t.b)"), "(t.a) + (t.b)");
    }

    #[test]
    fn conditions_of_aggregates_can_be_left_out() {
        assert_eq!(without_conditions("count(*) filter (f(a) = ')') / sum(x) filter (b)"), "count(*) / sum(x)");
    }
}
