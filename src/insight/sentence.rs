//! Sentences about expressions: what a reader needs before reading the SQL.

use super::explain::{Making, MakingRule};
use crate::model::{Analysis, RelationId, RowEdgeKind, Step};

/// Longest piece of SQL that a sentence quotes, in characters.
const LONGEST_QUOTE: usize = 90;
/// Names that a sentence lists before it counts the rest.
const MOST_NAMES: usize = 4;

/// What `making` does, in one sentence.
pub(super) fn tell(making: &Making, text: &str, analysis: &Analysis) -> String {
    let Some(link) = making.links.first() else {
        return "Its SQL gives it no expression.".to_owned();
    };
    let expression = quote(link.span.of(text));
    let what = match link.step {
        Step::Copies => format!("Copies {}", inputs(making, analysis)),
        Step::Constant => format!("Is always {expression}"),
        Step::CountsRows => format!("Counts rows{}", of_counted(making, analysis)),
        Step::Aggregates => aggregate(&expression, link.span.of(text), making, analysis),
        Step::Windows => format!("Computes {expression} over neighbouring rows"),
        Step::Transforms => transform(&expression, link.span.of(text), making),
    };
    let inner = inner_aggregate(making, text);
    format!("{what}{inner}{}{}.", filters(making, text), groups(making, text))
}

/// `sum(x)` → "Sums x": the verb of a well-known aggregate.
fn aggregate(quoted: &str, expression: &str, making: &Making, analysis: &Analysis) -> String {
    let (function, distinct) = leading_call(expression);
    if divides(expression) {
        return format!("Divides aggregates: {quoted}");
    }
    let of = inputs(making, analysis);
    let verb = match function.as_str() {
        "sum" => "Sums",
        "avg" | "mean" => "Averages",
        "min" => "Takes the smallest",
        "max" => "Takes the largest",
        "count" | "approx_count_distinct" | "countif" | "count_if" if making.inputs.is_empty() => "Counts rows of",
        "count" if distinct => "Counts distinct",
        "approx_count_distinct" => "Counts distinct (approximately)",
        "countif" | "count_if" => return format!("Counts rows where the condition in {quoted} holds"),
        "count" => "Counts rows with",
        "any_value" | "first" | "last" | "arbitrary" => "Takes one value of",
        "array_agg" | "string_agg" | "listagg" | "group_concat" | "collect_list" => "Collects",
        _ => return format!("Aggregates: {quoted}"),
    };
    format!("{verb} {of}")
}

fn transform(quoted: &str, expression: &str, making: &Making) -> String {
    let (function, _) = leading_call(expression);
    let trimmed = expression.trim_start().to_ascii_lowercase();
    let verb = match function.as_str() {
        "safe_divide" | "div0" | "divide" => "Divides",
        "coalesce" | "ifnull" | "nvl" => "Takes the first that is not null",
        "cast" | "safe_cast" | "try_cast" | "convert" => "Converts",
        "concat" => "Joins texts",
        "if" | "iff" | "iif" | "decode" => "Chooses",
        "date_trunc" | "datetime_trunc" | "timestamp_trunc" => "Rounds down a date",
        _ if trimmed.starts_with("case") => "Chooses",
        _ if divides(expression) => "Divides",
        _ => "Computes",
    };
    let aggregated = if verb == "Divides" && making.aggregates() { " aggregates" } else { "" };
    format!("{verb}{aggregated}: {quoted}")
}

/// The aggregate further in, where the outermost expression only computes with its result.
fn inner_aggregate(making: &Making, text: &str) -> String {
    let Some(first) = making.links.first() else { return String::new() };
    if matches!(first.step, Step::Aggregates | Step::CountsRows) {
        return String::new();
    }
    let inner: Vec<String> = making
        .links
        .iter()
        .skip(1)
        .filter(|link| matches!(link.step, Step::Aggregates | Step::CountsRows))
        .take(MOST_NAMES)
        .map(|link| format!("{} = {}", link.column, quote(link.span.of(text))))
        .collect();
    if inner.is_empty() { String::new() } else { format!(", with {}", inner.join(" and ")) }
}

fn filters(making: &Making, text: &str) -> String {
    let conditions: Vec<String> =
        outer_rules(making, RowEdgeKind::Filter).take(2).map(|rule| quote(rule.span.of(text))).collect();
    let more = outer_rules(making, RowEdgeKind::Filter).count().saturating_sub(conditions.len());
    match (conditions.is_empty(), more) {
        (true, _) => String::new(),
        (false, 0) => format!(", where {}", conditions.join(" and ")),
        (false, more) => format!(", where {} and {more} more", conditions.join(" and ")),
    }
}

fn groups(making: &Making, text: &str) -> String {
    if !making.aggregates() {
        return String::new();
    }
    let keys: Vec<String> = outer_rules(making, RowEdgeKind::GroupBy)
        .filter(|rule| rule.word.eq_ignore_ascii_case("group by"))
        .take(MOST_NAMES)
        .map(|rule| quote(rule.span.of(text)))
        .collect();
    if keys.is_empty() { String::new() } else { format!(", per {}", list(&keys)) }
}

/// `a`, `b` and `c`.
fn list(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [only] => only.clone(),
        [front @ .., last] => format!("{} and {last}", front.join(", ")),
    }
}

fn outer_rules(making: &Making, kind: RowEdgeKind) -> impl Iterator<Item = &MakingRule> {
    let outer_known = making.rules.iter().any(|rule| rule.is_outer && rule.kind == kind);
    making.rules.iter().filter(move |rule| rule.kind == kind && (rule.is_outer || !outer_known))
}

fn inputs(making: &Making, analysis: &Analysis) -> String {
    let mut names: Vec<String> = Vec::new();
    for input in making.inputs.iter().filter(|input| input.kind.is_direct()) {
        let name = match input.relation {
            Some(relation) => format!("`{}.{}`", last_part(analysis, relation), input.column),
            None => format!("`{}`", input.column),
        };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    match names.len() {
        0 => "the rows".to_owned(),
        count if count > MOST_NAMES => {
            format!("{} and {} more", names[..MOST_NAMES].join(", "), count - MOST_NAMES)
        }
        _ => list(&names),
    }
}

fn of_counted(making: &Making, analysis: &Analysis) -> String {
    let names: Vec<String> =
        making.counted.iter().take(MOST_NAMES).map(|relation| format!("`{}`", last_part(analysis, *relation))).collect();
    if names.is_empty() { String::new() } else { format!(" of {}", list(&names)) }
}

fn last_part(analysis: &Analysis, relation: RelationId) -> &str {
    analysis.relations.get(relation as usize).map_or("", |name| name.last())
}

/// The function that an expression is a call of, in lower case, and whether its argument is DISTINCT.
fn leading_call(expression: &str) -> (String, bool) {
    let expression = expression.trim_start();
    let end = expression.find(|letter: char| !(letter.is_alphanumeric() || letter == '_')).unwrap_or(expression.len());
    let (name, rest) = expression.split_at(end);
    match rest.trim_start().strip_prefix('(') {
        Some(arguments) => {
            let distinct = arguments.trim_start().get(..8).is_some_and(|word| word.eq_ignore_ascii_case("distinct"));
            (name.to_ascii_lowercase(), distinct)
        }
        None => (String::new(), false),
    }
}

/// Functions that measure: their results are numbers about many rows.
const MEASURES: [&str; 22] = [
    "sum",
    "sumif",
    "sum_if",
    "count",
    "countif",
    "count_if",
    "count_distinct",
    "avg",
    "mean",
    "median",
    "approx_count_distinct",
    "approx_percentile",
    "approx_quantiles",
    "percentile_cont",
    "percentile_disc",
    "quantile",
    "stddev",
    "stddev_pop",
    "stddev_samp",
    "variance",
    "corr",
    "uniq",
];

/// Whether the expression measures many rows (`sum`, `count`, a quotient) rather than picking one value
/// of them (`max(locale)`, `any_value`).
pub(super) fn measures(expression: &str) -> bool {
    let mut word = String::new();
    for letter in expression.chars() {
        if letter.is_alphanumeric() || letter == '_' {
            word.push(letter.to_ascii_lowercase());
            continue;
        }
        if letter == '(' && (MEASURES.contains(&word.as_str()) || word.starts_with("hll") || word.starts_with("uniq")) {
            return true;
        }
        if !letter.is_whitespace() {
            word.clear();
        }
    }
    divides(expression)
}

/// Whether the expression is a quotient: `/` outside quotes and comments, or a dividing function.
pub(super) fn divides(expression: &str) -> bool {
    let (function, _) = leading_call(expression);
    if matches!(function.as_str(), "safe_divide" | "div0" | "divide" | "ieee_divide" | "div") {
        return true;
    }
    let mut quote = None;
    let mut letters = expression.chars().peekable();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (Some(open), _) if open == letter => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"' | '`') => quote = Some(letter),
            (None, '/') if letters.peek() == Some(&'*') => return false,
            (None, '/') => return true,
            (None, _) => {}
        }
    }
    false
}

/// SQL in backticks on one line, shortened.
fn quote(sql: &str) -> String {
    let mut line = String::new();
    for word in sql.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        if line.chars().count() > LONGEST_QUOTE {
            line = line.chars().take(LONGEST_QUOTE - 1).collect();
            line.push('…');
            break;
        }
    }
    format!("`{line}`")
}

#[cfg(test)]
mod tests {
    use super::{divides, leading_call, measures, quote};

    #[test]
    fn a_call_is_told_from_a_name() {
        assert_eq!(leading_call("COUNT( distinct x)"), ("count".to_owned(), true));
        assert_eq!(leading_call("sum (x) + 1"), ("sum".to_owned(), false));
        assert_eq!(leading_call("amount"), (String::new(), false));
    }

    #[test]
    fn a_slash_in_a_text_divides_nothing() {
        assert!(divides("sum(a) / count(*)"));
        assert!(divides("SAFE_DIVIDE(a, b)"));
        assert!(!divides("concat(a, '/', b)"));
    }

    #[test]
    fn picking_a_value_measures_nothing() {
        assert!(measures("COUNT (DISTINCT client_id)") && measures("coalesce(sum(x), 0)") && measures("a / b"));
        assert!(!measures("MAX(locale)") && !measures("ANY_VALUE(app_version)") && !measures("mode_last(ARRAY_AGG(country))"));
    }

    #[test]
    fn long_sql_is_shortened_on_one_line() {
        assert_eq!(quote("a\n  +  b"), "`a + b`");
        assert!(quote(&"x ".repeat(200)).ends_with("…`"));
    }
}
