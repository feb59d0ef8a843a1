//! Pieces of SQL that metrics are written with, in the warehouse's dialect.

use std::collections::HashMap;

use super::semantic::Measure;
use crate::model::Dialect;

/// A name without what SQL would want quotes for.
pub(super) fn plain_name(name: &str) -> String {
    let mut out: String = name.chars().map(|letter| if letter.is_alphanumeric() { letter } else { '_' }).collect();
    if out.starts_with(|letter: char| letter.is_ascii_digit()) {
        out.insert(0, '_');
    }
    out
}

/// The aggregate that a measure is, of `value`.
pub(super) fn aggregate(dialect: Dialect, measure: &Measure, value: &str) -> String {
    match measure.aggregation.as_str() {
        "count" => format!("COUNT({value})"),
        "count_distinct" => format!("COUNT(DISTINCT {value})"),
        "average" | "avg" => format!("AVG({value})"),
        "min" => format!("MIN({value})"),
        "max" => format!("MAX({value})"),
        "median" => percentile(dialect, value, "0.5"),
        "percentile" => percentile(dialect, value, measure.percentile.as_deref().unwrap_or("0.5")),
        "sum_boolean" => format!("SUM(CASE WHEN {value} THEN 1 ELSE 0 END)"),
        _ => format!("SUM({value})"),
    }
}

fn percentile(dialect: Dialect, value: &str, share: &str) -> String {
    match dialect {
        Dialect::BigQuery => {
            let part = share.parse::<f64>().map_or(50.0, |share| share * 100.0);
            format!("APPROX_QUANTILES({value}, 100)[OFFSET({part:.0})]")
        }
        _ => format!("PERCENTILE_CONT({share}) WITHIN GROUP (ORDER BY {value})"),
    }
}

/// The aggregate so far, over a window or since the begin of a period.
pub(super) fn over_time(aggregate: &str, time: Option<&str>, window: &str, to_date: &str, dialect: Dialect) -> String {
    let Some(time) = time else { return aggregate.to_owned() };
    let partition =
        if to_date.is_empty() { String::new() } else { format!("PARTITION BY {} ", truncated(time, to_date, dialect)) };
    let frame = match window.split_once(' ') {
        Some((count, unit)) => {
            format!(" RANGE BETWEEN INTERVAL '{count}' {} PRECEDING AND CURRENT ROW", unit.trim_end_matches('s').to_uppercase())
        }
        None => String::new(),
    };
    format!("{aggregate} OVER ({partition}ORDER BY {time}{frame})")
}

/// The begin of the `grain` that `column` lies in.
pub(super) fn truncated(column: &str, grain: &str, dialect: Dialect) -> String {
    match (grain, dialect) {
        ("", _) => column.to_owned(),
        (_, Dialect::BigQuery) => format!("DATE_TRUNC({column}, {})", grain.to_uppercase()),
        _ => format!("DATE_TRUNC('{grain}', {column})"),
    }
}

/// `text` with names of metrics replaced by their columns, outside of quotes and behind no dot.
pub(super) fn with_names(text: &str, columns: &HashMap<&str, String>) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    let mut rest = text;
    let mut before = ' ';
    while let Some(first) = rest.chars().next() {
        let length = if first == '\'' {
            rest[1..].find('\'').map_or(rest.len(), |end| end + 2)
        } else if first.is_alphabetic() || first == '_' {
            rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(rest.len())
        } else {
            first.len_utf8()
        };
        let (word, behind) = rest.split_at(length);
        match columns.get(word).filter(|_| before != '.') {
            Some(column) => out.push_str(column),
            None => out.push_str(word),
        }
        before = word.chars().next_back().unwrap_or(' ');
        rest = behind;
    }
    out
}
