//! Definitions of metrics.

pub(super) mod cube;
pub(super) mod metric_toml;

/// What stands around the SQL of a measure of a type that every tool calls alike.
pub(super) fn function_around(kind: &str) -> Option<(&'static str, &'static str)> {
    Some(match kind {
        "count" => ("COUNT(", ")"),
        "count_distinct" => ("COUNT(DISTINCT ", ")"),
        "sum" => ("SUM(", ")"),
        "min" => ("MIN(", ")"),
        "max" => ("MAX(", ")"),
        "running_total" => ("SUM(", ") OVER ()"),
        _ => return None,
    })
}
