//! Parameters in queries: `{{ name }}`, `{{ range.start }}`, sections.
//!
//! What a reader chooses is not known: a parameter is its saved value where that is plain, else its
//! quoted name. Sections keep what is inside of them.

use std::{collections::BTreeMap, sync::Arc};

use crate::sources::{
    dashboards::placeholders::fill_in,
    yaml::{Node, Value},
};

/// The parameters of a query, by name.
#[derive(Default)]
pub(super) struct Parameters {
    /// What stands for one outside of quotes and inside of them.
    values: BTreeMap<String, (String, String)>,
}

impl Parameters {
    /// Those that a query's options list.
    pub(super) fn of(list: &[Arc<Node>]) -> Parameters {
        let mut parameters = Parameters::default();
        for node in list {
            let (Some(name), Some(value)) = (node.word("name"), node.get("value")) else { continue };
            let mut insert = |name: &str, text: &str| {
                if is_plain(text) {
                    parameters.values.insert(name.to_owned(), (text.to_owned(), text.to_owned()));
                }
            };
            match &value.value {
                Value::Scalar { .. } => insert(name, value.text().unwrap_or_default()),
                // Spans of time.
                Value::Map(_) => {
                    for (_, end, text) in value.entries() {
                        insert(&format!("{name}.{end}"), text.text().unwrap_or_default());
                    }
                }
                Value::List(items) => {
                    let texts: Vec<&str> = items.iter().filter_map(|item| item.text()).filter(|text| is_plain(text)).collect();
                    let around =
                        |key: &str| node.get("multiValuesOptions").and_then(|options| options.word(key)).unwrap_or_default();
                    let (before, after) = (around("prefix"), around("suffix"));
                    let joined = texts.iter().map(|text| format!("{before}{text}{after}")).collect::<Vec<_>>().join(", ");
                    if let (Some(first), true) = (texts.first(), before == after && matches!(before, "" | "'" | "\"")) {
                        parameters.values.insert(name.to_owned(), (joined, (*first).to_owned()));
                    }
                }
            }
        }
        parameters
    }

    /// The text of a query with its parameters resolved; every line stays a line.
    pub(super) fn resolve(&self, sql: &str) -> String {
        let plain = sql.replace("{{{", "{{").replace("}}}", "}}");
        fill_in(&plain, ("{{", "}}"), &mut |name, is_quoted| self.value_of(name.trim_start_matches('&').trim(), is_quoted))
    }

    fn value_of(&self, name: &str, is_quoted: bool) -> String {
        if name.starts_with(['#', '^', '/', '!']) {
            return String::new();
        }
        let plain = || name.chars().map(|letter| if letter.is_alphanumeric() { letter } else { '_' }).collect::<String>();
        match (self.values.get(name), is_quoted) {
            (Some((_, inside)), true) => inside.clone(),
            (Some((outside, _)), false) => outside.clone(),
            (None, true) => plain(),
            (None, false) => format!("'{}'", plain()),
        }
    }
}

/// Whether a value can stand in SQL as it is.
fn is_plain(value: &str) -> bool {
    !value.is_empty() && value.chars().all(|letter| letter.is_alphanumeric() || matches!(letter, '_' | '.' | '-'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::Limits, sources::json_tree::read_json};

    #[test]
    fn parameters_are_their_plain_value_or_their_quoted_name() {
        let list = r#"[
            {"name": "days", "type": "number", "value": 30},
            {"name": "table", "type": "enum", "value": "shop.orders"},
            {"name": "who", "type": "text", "value": "a b"},
            {"name": "states", "type": "enum", "value": ["paid", "open"],
             "multiValuesOptions": {"prefix": "'", "suffix": "'", "separator": ","}},
            {"name": "span", "type": "date-range", "value": {"start": "2025-01-01", "end": "2025-02-01"}},
            {"name": "when", "type": "date-range", "value": "d_last_7_days"}
        ]"#;
        let parameters = Parameters::of(read_json(list, &Limits::default()).unwrap().items());
        for (sql, expected) in [
            ("FROM {{ table }} WHERE d < {{days}}", "FROM shop.orders WHERE d < 30"),
            ("WHERE who = '{{ who }}' OR who = {{ who }}", "WHERE who = 'who' OR who = 'who'"),
            ("WHERE s IN ({{ states }}) OR s = '{{states}}'", "WHERE s IN ('paid', 'open') OR s = 'paid'"),
            ("d > '{{ span.start }}' AND d < '{{ when.end }}'", "d > '2025-01-01' AND d < 'when_end'"),
            ("{{#days}}a{{/days}} {{{table}}} -- don't {{ x }}\n, '{{ x\n}}'", "a shop.orders -- don't  x }}\n, 'x\n'"),
            ("{{ never closed", "{{ never closed"),
        ] {
            assert_eq!(parameters.resolve(sql), expected, "{sql}");
        }
    }
}
