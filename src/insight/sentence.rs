//! Sentences about expressions: what a reader needs before reading the SQL. What a sentence says of
//! rows is only what stands in the very scope that computes the value.

use std::collections::BTreeSet;

use super::{
    call::{is_literal, one_condition, split_top, strip_parentheses, whole_call, without_comments},
    explain::{Making, MakingRule, RuleStage},
    template_text::{branch_at, without_tags},
};
use crate::model::{Analysis, RelationId, RowEdgeKind, Span, Step};

/// Longest piece of SQL that a sentence quotes, in characters.
const LONGEST_QUOTE: usize = 150;
/// Names that a sentence lists before it counts the rest.
const MOST_NAMES: usize = 4;

/// What `making` does, in one sentence or two, and when it is done where a template chooses.
pub(super) fn tell(making: &Making, text: &str, analysis: &Analysis) -> String {
    let said = tell_always(making, text, analysis);
    match branch_of(making, text, analysis) {
        Some((condition, true)) => format!("{said} Only if `{condition}`."),
        Some((condition, false)) => format!("{said} Unless `{condition}`."),
        None => said,
    }
}

/// The condition of the template under which the statement, or the expression in it, is there, and
/// whether it must hold.
fn branch_of(making: &Making, text: &str, analysis: &Analysis) -> Option<(String, bool)> {
    if !text.contains("{%") {
        return None;
    }
    let statement = analysis.statements.get(making.statement as usize)?.span.start;
    let expressions = making.links.iter().map(|link| link.span.start);
    // A condition may stand in a choice as a whole, or end in one.
    let conditions = making.rules.iter().flat_map(|rule| [rule.span.start, rule.span.end.saturating_sub(1).max(rule.span.start)]);
    let mut places = [statement].into_iter().chain(expressions).chain(conditions);
    let branch = places.find_map(|at| branch_at(text, at as usize))?;
    Some((quote(&branch.condition).trim_matches('`').to_owned(), branch.holds))
}

fn tell_always(making: &Making, text: &str, analysis: &Analysis) -> String {
    let outside: Vec<String> =
        rules(making, RowEdgeKind::Filter, RuleStage::After).map(|rule| quote(rule.span.of(text))).collect();
    let after = match outside.as_slice() {
        [] => String::new(),
        conditions => format!(" Of the results, only rows with {} stay.", list_some(conditions)),
    };
    if making.branches.is_empty() {
        return format!("{}.{after}", tell_links(making, text, analysis));
    }
    let operation = operation_word(making, text);
    let count = making.branches.len();
    let computed = making.links.iter().any(|link| link.step != Step::Copies);
    match (computed, making.has_plain_branches()) {
        (true, _) => {
            format!(
                "{}. It works on the rows of {count} queries put together ({operation}).{after}",
                tell_links(making, text, analysis)
            )
        }
        (false, true) => {
            format!(
                "Puts the rows of {count} queries together ({operation}), each taking the value over from {}.{after}",
                inputs(making, analysis)
            )
        }
        (false, false) => {
            format!("Puts the rows of {count} queries together ({operation}); each makes the value in its own way.{after}")
        }
    }
}

fn tell_links(making: &Making, text: &str, analysis: &Analysis) -> String {
    if let Some(said) = choice(making, analysis) {
        return said;
    }
    let Some(link) = making.links.first() else {
        return "Its SQL gives it no expression".to_owned();
    };
    let expression = strip_parentheses(link.span.of(text));
    let what = match link.step {
        Step::Copies => copy(making, analysis),
        Step::Constant => constant(expression),
        Step::CountsRows | Step::Aggregates => aggregate(expression, making, analysis),
        Step::Windows => window(expression),
        Step::Transforms => transform(expression, making),
    };
    let inner = inner_aggregate(making, text);
    format!("{what}{inner}{}{}", filters(making, text), groups(making, text, analysis))
}

/// A value that is one of several: what UNPIVOT makes rows of, or either side of a join that computes it.
fn choice(making: &Making, analysis: &Analysis) -> Option<String> {
    let first = making.choices.first().filter(|_| !making.through_star)?;
    if making.choices.iter().any(|name| !name.eq_ignore_ascii_case(first)) {
        let names: Vec<String> = making.choices.iter().map(|name| format!("`{name}`")).collect();
        return Some(format!("Turns columns into rows: is the value of {} in a row each (UNPIVOT)", list_with(&names, "or")));
    }
    let computed = making.links.iter().any(|link| link.step != Step::Copies);
    computed.then(|| format!("Takes `{first}` over from whichever side of a join has the row: from {}", inputs(making, analysis)))
}

fn copy(making: &Making, analysis: &Analysis) -> String {
    if making.through_star {
        let one_of = if making.inputs.len() > 1 { "one of " } else { "" };
        return format!("Comes through `*` from {one_of}{}, whose columns are not declared here", inputs(making, analysis));
    }
    match making.inputs.iter().filter(|input| input.kind.is_direct()).count() {
        // `IF(a.id IS NULL, b, a).*`: rows as a whole, of which only what chooses is known.
        0 if !making.inputs.is_empty() => format!("Is taken over from a row that {} decides", choosers(making, analysis)),
        0 => "Copies a column whose origin is not known".to_owned(),
        1 => format!("Copies {}", inputs(making, analysis)),
        // One side of a join with USING may lack the row.
        _ => format!("Copies one of {}, whichever the row has", inputs(making, analysis)),
    }
}

/// The columns that decide a value without being it.
fn choosers(making: &Making, analysis: &Analysis) -> String {
    let mut names: Vec<String> = Vec::new();
    for input in &making.inputs {
        let relation = input.relation.map(|relation| format!("{}.", last_part(analysis, relation))).unwrap_or_default();
        let name = format!("`{relation}{}`", input.column);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    list_some(&names)
}

fn constant(expression: &str) -> String {
    let quoted = quote(expression);
    if is_literal(expression) {
        return format!("Is always {quoted}");
    }
    match expression.starts_with(['@', ':', '$']) {
        true => format!("Is the parameter {quoted}, given when it runs"),
        false => format!("Is {quoted}, which reads no column"),
    }
}

/// `sum(x)` → "Sums x": the verb of a well-known aggregate, where the call is the whole expression.
fn aggregate(expression: &str, making: &Making, analysis: &Analysis) -> String {
    let quoted = quote(expression);
    if let Some((call, key)) = pivoted(expression) {
        return format!("{}, of the rows whose {} this column stands for (PIVOT)", aggregate(call, making, analysis), quote(key));
    }
    let Some(call) = whole_call(expression) else {
        let verb = if divides(expression) { "Divides aggregates" } else { "Computes with aggregates" };
        return format!("{verb}: {quoted}");
    };
    let only = match call.arguments.as_slice() {
        [only] => strip_parentheses(only),
        [] => "",
        _ if divides(expression) => return format!("Divides aggregates: {quoted}"),
        _ => return format!("Computes with aggregates: {quoted}"),
    };
    match (call.function.as_str(), call.distinct, only) {
        ("count", false, "" | "*" | "1") => return format!("Counts rows{}", of_counted(making, analysis)),
        ("countif" | "count_if", _, condition) => return format!("Counts the rows with {}", quote(condition)),
        ("logical_or" | "bool_or", ..) => return format!("Is true where {} is true in any row", quote(only)),
        ("logical_and" | "bool_and" | "every", ..) => return format!("Is true where {} is true in every row", quote(only)),
        _ => {}
    }
    let verb = match (call.function.as_str(), call.distinct) {
        ("sum", false) => "Sums",
        ("sum", true) => "Sums the distinct values of",
        ("avg" | "mean", false) => "Averages",
        ("min", _) => "Takes the smallest",
        ("max", _) => "Takes the largest",
        ("count", true) => "Counts the distinct values of",
        ("approx_count_distinct", _) => "Counts (approximately) the distinct values of",
        ("count", false) => "Counts the rows that have a value in",
        ("any_value" | "arbitrary", _) => "Takes any one value of",
        ("array_agg" | "string_agg" | "listagg" | "group_concat" | "collect_list" | "collect_set" | "array_concat_agg", _) => {
            "Collects"
        }
        ("stddev" | "stddev_samp" | "stddev_pop", _) => "Takes the standard deviation of",
        _ => return format!("Computes with aggregates: {quoted}"),
    };
    conditional(&call.function, verb, only)
}

/// `sum(x) FOR key IN (…)`, as PIVOT writes it: the aggregate and the key.
fn pivoted(expression: &str) -> Option<(&str, &str)> {
    let words = |wanted: &str| {
        let mut depth = 0_i32;
        let mut starts = expression.char_indices().filter(|(_, letter)| {
            depth += i32::from(*letter == '(') - i32::from(*letter == ')');
            depth == 0 && letter.is_whitespace()
        });
        starts.find_map(|(at, _)| {
            let rest = expression[at..].trim_start();
            let word = rest.get(..wanted.len())?;
            let ends = rest[wanted.len()..].starts_with(|letter: char| letter.is_whitespace() || letter == '(');
            (ends && word.eq_ignore_ascii_case(wanted)).then_some((at, expression.len() - rest.len() + wanted.len()))
        })
    };
    let ((before, behind), (until, _)) = (words("for")?, words("in")?);
    Some((expression.get(..before)?.trim(), expression.get(behind..until)?.trim()))
}

/// "Sums `x` of the rows with `c`" where the argument only leaves rows out.
fn conditional(function: &str, verb: &str, argument: &str) -> String {
    let Some((condition, value, other)) = one_condition(argument) else { return format!("{verb} {}", quote(argument)) };
    let other = other.map(strip_parentheses);
    let is_null = other.is_none_or(|other| other.eq_ignore_ascii_case("null"));
    match (function, strip_parentheses(value), other, is_null) {
        ("sum", "1", Some("0"), _) | ("sum" | "count", "1", _, true) => format!("Counts the rows with {}", quote(condition)),
        ("sum", value, Some("0"), _) => format!("{verb} {} of the rows with {}", quote(value), quote(condition)),
        (_, value, _, true) => format!("{verb} {} of the rows with {}", quote(value), quote(condition)),
        _ => format!("{verb} {}", quote(argument)),
    }
}

fn window(expression: &str) -> String {
    let quoted = quote(expression);
    let start = expression.split('(').next().unwrap_or("").trim().to_ascii_lowercase();
    match start.as_str() {
        "row_number" => format!("Numbers the rows: {quoted}"),
        "rank" | "dense_rank" | "percent_rank" | "ntile" | "cume_dist" => format!("Ranks the rows: {quoted}"),
        "lag" => format!("Takes a value of an earlier row: {quoted}"),
        "lead" => format!("Takes a value of a later row: {quoted}"),
        "first_value" => format!("Takes the first value of the window: {quoted}"),
        "last_value" => format!("Takes the last value of the window: {quoted}"),
        _ => format!("Computes {quoted} for each row, over a window of rows"),
    }
}

fn transform(expression: &str, making: &Making) -> String {
    let quoted = quote(expression);
    let function = whole_call(expression).map(|call| call.function).unwrap_or_default();
    let verb = match function.as_str() {
        "safe_divide" | "div0" | "divide" | "ieee_divide" => "Divides",
        "coalesce" | "ifnull" | "nvl" => "Takes the first that is not null",
        "cast" | "safe_cast" | "try_cast" | "convert" => "Converts",
        "concat" => "Joins texts",
        "if" | "iff" | "iif" | "decode" => "Chooses",
        "date_trunc" | "datetime_trunc" | "timestamp_trunc" => "Rounds a date down",
        _ if expression.get(..4).is_some_and(|word| word.eq_ignore_ascii_case("case")) && one_case(expression) => "Chooses",
        _ if divides(expression) && !is_call(expression) => "Divides",
        _ => "Computes",
    };
    let aggregated = if verb == "Divides" && making.aggregates() { " aggregates" } else { "" };
    format!("{verb}{aggregated}: {quoted}")
}

fn is_call(expression: &str) -> bool {
    whole_call(expression).is_some()
}

/// Whether a text that starts with CASE also ends with END.
fn one_case(expression: &str) -> bool {
    let end = expression.trim_end();
    end.len() > 7 && end.get(end.len() - 3..).is_some_and(|word| word.eq_ignore_ascii_case("end"))
}

/// The aggregate further in, where the outermost expression only computes with its result.
fn inner_aggregate(making: &Making, text: &str) -> String {
    let Some(first) = making.links.first() else { return String::new() };
    if matches!(first.step, Step::Aggregates | Step::CountsRows) {
        return String::new();
    }
    let mut inner: Vec<String> = making
        .links
        .iter()
        .skip(1)
        .filter(|link| matches!(link.step, Step::Aggregates | Step::CountsRows))
        .map(|link| format!("`{}` = {}", link.column, quote(link.span.of(text))))
        .collect();
    let mut seen = BTreeSet::new();
    inner.retain(|said| seen.insert(said.clone()));
    if inner.is_empty() { String::new() } else { format!(", with {}", list_some(&inner)) }
}

/// The conditions of the scope that computes the value.
fn filters(making: &Making, text: &str) -> String {
    let of_words = |wanted: &dyn Fn(&str) -> bool| -> Vec<String> {
        rules(making, RowEdgeKind::Filter, RuleStage::Here)
            .filter(|rule| wanted(&rule.word.to_ascii_lowercase()))
            .map(|rule| quote(rule.span.of(text)))
            .collect()
    };
    let mut said = String::new();
    let (rows, groups) = (of_words(&|word| word != "having" && word != "qualify"), of_words(&|word| word == "having"));
    let kept = of_words(&|word| word == "qualify");
    if !rows.is_empty() {
        said.push_str(&format!(", where {}", list_some(&rows)));
    }
    if !groups.is_empty() {
        said.push_str(&format!(", for groups with {}", list_some(&groups)));
    }
    if !kept.is_empty() {
        said.push_str(&format!("; of the results only rows with {} stay", list_some(&kept)));
    }
    said
}

fn groups(making: &Making, text: &str, analysis: &Analysis) -> String {
    let is_aggregate = making.links.first().is_some_and(|link| matches!(link.step, Step::Aggregates | Step::CountsRows));
    if !is_aggregate {
        return String::new();
    }
    let keys: Vec<String> = rules(making, RowEdgeKind::GroupBy, RuleStage::Here)
        .filter(|rule| rule.word.eq_ignore_ascii_case("group by"))
        .flat_map(|rule| split_top(rule.span.of(text), ',').into_iter().map(|key| group_key(rule, key, analysis)))
        .collect();
    if keys.is_empty() { String::new() } else { format!(", per {}", list_some(&keys)) }
}

/// A key of a GROUP BY; a number stands for the output column at that place.
fn group_key(rule: &MakingRule, key: &str, analysis: &Analysis) -> String {
    let at = key.trim().parse::<usize>().ok().and_then(|number| number.checked_sub(1));
    let scope =
        |(statement, scope): (u32, u32)| analysis.statements.get(statement as usize)?.derivation.scopes.get(scope as usize);
    let column = at.and_then(|at| scope(rule.scope)?.columns.get(at));
    column.map_or_else(|| quote(key), |column| format!("`{}`", column.name))
}

/// What puts the branches together, by the words between them.
fn operation_word(making: &Making, text: &str) -> String {
    let mut words: Vec<&str> = Vec::new();
    for pair in making.branches.windows(2) {
        let [one, other] = pair else { continue };
        let between = Span { start: one.span.end, end: other.span.start.max(one.span.end) };
        let between = between.of(text).to_ascii_uppercase();
        let word = ["INTERSECT", "EXCEPT", "MINUS", "UNION ALL", "UNION DISTINCT", "UNION"];
        let flat = between.split_whitespace().collect::<Vec<_>>().join(" ");
        let word = word.into_iter().find(|word| flat.contains(word)).unwrap_or("UNION");
        if !words.contains(&word) {
            words.push(word);
        }
    }
    words.join(", ")
}

/// At most a few of `words`, the rest counted.
fn list_some(words: &[String]) -> String {
    list_with(words, "and")
}

/// As [`list_some`], with another word than "and" before the last.
fn list_with(words: &[String], joined: &str) -> String {
    match words.len() {
        count if count > MOST_NAMES => {
            format!("{} {joined} {} more", words[..MOST_NAMES - 1].join(", "), count - MOST_NAMES + 1)
        }
        _ => listed(words, joined),
    }
}

fn listed(words: &[String], joined: &str) -> String {
    match words {
        [] => String::new(),
        [only] => only.clone(),
        [front @ .., last] => format!("{} {joined} {last}", front.join(", ")),
    }
}

fn rules(making: &Making, kind: RowEdgeKind, stage: RuleStage) -> impl Iterator<Item = &MakingRule> {
    making.rules.iter().filter(move |rule| rule.kind == kind && rule.stage == stage)
}

fn inputs(making: &Making, analysis: &Analysis) -> String {
    let mut names: Vec<String> = Vec::new();
    let direct = || making.inputs.iter().filter(|input| input.kind.is_direct());
    let relations: BTreeSet<RelationId> = direct().filter_map(|input| input.relation).collect();
    for input in direct() {
        let name = match input.relation {
            Some(relation) => format!("`{}.{}`", telling_name(analysis, relation, &relations), input.column),
            None => format!("`{}`", input.column),
        };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    if names.is_empty() { "the rows".to_owned() } else { list_some(&names) }
}

fn of_counted(making: &Making, analysis: &Analysis) -> String {
    let all: BTreeSet<RelationId> = making.counted.iter().copied().collect();
    let names: Vec<String> =
        making.counted.iter().map(|relation| format!("`{}`", telling_name(analysis, *relation, &all))).collect();
    if names.is_empty() { String::new() } else { format!(" of {}", list_some(&names)) }
}

/// The last part of a relation's name, and the part before it where another of `relations` ends alike.
fn telling_name(analysis: &Analysis, relation: RelationId, relations: &BTreeSet<RelationId>) -> String {
    let last = last_part(analysis, relation);
    let alike = relations.iter().any(|other| *other != relation && last_part(analysis, *other).eq_ignore_ascii_case(last));
    let parts = analysis.relations.get(relation as usize).map_or(&[][..], |name| &name.parts);
    let told = if alike { &parts[parts.len().saturating_sub(2)..] } else { &parts[parts.len().saturating_sub(1)..] };
    told.iter().map(|part| &*part.text).collect::<Vec<_>>().join(".")
}

fn last_part(analysis: &Analysis, relation: RelationId) -> &str {
    analysis.relations.get(relation as usize).map_or("", |name| name.last())
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
    let function = whole_call(expression).map(|call| call.function).unwrap_or_default();
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

/// SQL on one line, without template tags, comments and the quotes around names.
pub(super) fn one_line(sql: &str) -> String {
    let plain = without_comments(&without_tags(sql)).replace('`', "");
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// SQL in backticks on one line, shortened.
fn quote(sql: &str) -> String {
    let mut line = String::new();
    for word in one_line(sql).split_whitespace() {
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
    use super::{aggregate, constant, divides, measures, quote, window};
    use crate::{insight::explain::Making, model::Analysis};

    fn say(expression: &str) -> String {
        aggregate(expression, &Making::default(), &Analysis::default())
    }

    #[test]
    fn an_aggregate_is_said_by_what_it_is_of() {
        assert_eq!(say("SUM(price * amount)"), "Sums `price * amount`");
        assert_eq!(say("sum(a) - sum(b)"), "Computes with aggregates: `sum(a) - sum(b)`");
        assert_eq!(
            say("COUNT(DISTINCT (CASE WHEN d = 1 THEN id ELSE NULL END))"),
            "Counts the distinct values of `id` of the rows with `d = 1`"
        );
        assert_eq!(
            say("COUNT(CASE WHEN a THEN id ELSE 0 END)"),
            "Counts the rows that have a value in `CASE WHEN a THEN id ELSE 0 END`"
        );
        assert_eq!(say("sum(if(a, 1, 0))"), "Counts the rows with `a`");
        assert_eq!(say("sum(if(a, x, 0))"), "Sums `x` of the rows with `a`");
        assert_eq!(say("countif(a)"), "Counts the rows with `a`");
        assert_eq!(say("count(*)"), "Counts rows");
    }

    #[test]
    fn only_a_literal_is_always_the_same() {
        assert_eq!(constant("'x'"), "Is always `'x'`");
        assert_eq!(constant("@day"), "Is the parameter `@day`, given when it runs");
        assert_eq!(constant("CURRENT_DATE"), "Is `CURRENT_DATE`, which reads no column");
        assert_eq!(window("LAG(x) OVER (w)"), "Takes a value of an earlier row: `LAG(x) OVER (w)`");
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
