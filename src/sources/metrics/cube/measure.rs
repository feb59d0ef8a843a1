//! A measure as a SELECT of one value, the metric.

use super::{Cube, Member, Model, say_facts, weave::Weave};
use crate::{
    model::{DocumentRole, FactKind, MetricShape},
    sources::{compose::Composer, dashboards::quote, definitions::Definitions, metrics::function_around, yaml::Node},
};

/// Defines a measure that `cube` has.
pub(super) fn define_measure(model: &Model<'_>, cube: &Cube<'_>, member: Member<'_>, definitions: &mut Definitions) {
    let (node, line) = (member.node, member.node.line);
    let kind = node.word("type").unwrap_or("number");
    let function = function_of(kind);
    let filters: Vec<&Node> =
        node.get("filters").map(Node::items).unwrap_or_default().iter().filter_map(|filter| filter.get("sql")).collect();
    let mut weave = Weave::new(model, cube);
    weave.path = member.path;
    let mut sql = Composer::default();
    sql.put("SELECT\n  ", line);
    if let Some((before, _)) = function {
        sql.put(before, line);
    }
    for (at, filter) in filters.iter().enumerate() {
        sql.put(if at == 0 { "CASE WHEN (" } else { " AND (" }, line);
        weave.put_sql(filter, &mut sql);
        sql.put(")", line);
    }
    if !filters.is_empty() {
        sql.put(" THEN ", line);
    }
    match node.get("sql").filter(|_| node.word("sql").is_some()) {
        Some(expression) => weave.put_sql(expression, &mut sql),
        None if !filters.is_empty() => {
            sql.put("1", line);
        }
        None => {
            sql.put(if kind == "count" { "*" } else { "NULL" }, line);
        }
    }
    if !filters.is_empty() {
        sql.put(" END", line);
    }
    if let Some((_, after)) = function {
        sql.put(after, line);
    }
    sql.put(&format!(" AS {}", quote(weave.dialect, member.name)), line);
    // What is computed of measures alone reads no table.
    let is_of_measures = function.is_none() && weave.reads_measures_alone() && !has_words(node.word("sql").unwrap_or_default());
    match is_of_measures {
        true => weave.put_stand_ins(&mut sql),
        false => weave.put_from(&mut sql),
    }
    let name = format!("{}.{}", cube.name, member.name);
    let target = model.asset(name.as_str());
    say_facts(node, (&target, member.path), definitions);
    let shape = MetricShape {
        measure: kind.to_owned(),
        expression: node.word("sql").unwrap_or_default().to_owned(),
        filters: filters.iter().filter_map(|filter| Some(filter.text()?.trim().to_owned())).collect(),
        window: node.get("rolling_window").map(describe_window).unwrap_or_default(),
        ..MetricShape::default()
    };
    definitions.say(&target, FactKind::Metric { shape }, member.path, line);
    let part = format!("measure.{name}");
    weave.finish((&part, DocumentRole::Metric, target, Some(name)), sql, definitions);
}

/// What stands around the SQL of a measure, by its type.
fn function_of(kind: &str) -> Option<(&'static str, &'static str)> {
    Some(match kind {
        "count_distinct_approx" => ("APPROX_COUNT_DISTINCT(", ")"),
        "avg" => ("AVG(", ")"),
        "runningTotal" => ("SUM(", ") OVER ()"),
        _ => return function_around(kind),
    })
}

/// Whether SQL has words of lower case outside of braces and quotes that are no functions: they may be columns.
fn has_words(sql: &str) -> bool {
    let mut rest = sql;
    while let Some(start) = rest.find(|letter: char| letter.is_ascii_lowercase() || matches!(letter, '{' | '\'' | '"')) {
        let inside = &rest[start..];
        let (closing, opened) = match inside.as_bytes().first() {
            Some(b'{') => ('}', true),
            Some(b'\'') => ('\'', true),
            Some(b'"') => ('"', true),
            _ => (' ', false),
        };
        let end = match opened {
            true => inside[1..].find(closing).map_or(inside.len(), |at| at + 2),
            false => inside.find(|letter: char| !(letter.is_alphanumeric() || letter == '_')).unwrap_or(inside.len()),
        };
        if !opened && !inside[end..].trim_start().starts_with('(') {
            return true;
        }
        rest = &inside[end..];
    }
    false
}

/// `trailing 7 day, offset end`.
fn describe_window(window: &Node) -> String {
    let parts = window.entries().filter_map(|(_, key, value)| Some(format!("{key} {}", value.text()?)));
    parts.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::has_words;

    #[test]
    fn what_may_be_a_column_is_told_from_measures_and_functions() {
        for (sql, expected) in [
            ("{revenue} / NULLIF({count}, 0)", false),
            ("round(1.0 * {a} / nullif({orders.b}, 0), 2)", false),
            ("{revenue} || 'eur'", false),
            ("SUM(amount) / {count}", true),
            ("amount", true),
        ] {
            assert_eq!(has_words(sql), expected, "{sql}");
        }
    }
}
