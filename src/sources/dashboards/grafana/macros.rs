//! Macros and variables in queries: `$__timeFilter(col)`, `$name`, `${name:format}`, `[[name]]`.
//!
//! What a reader chooses is not known: a variable that may have several values, or one with blanks, is the
//! quoted name of the variable; one that has a single plain value is that value, as it was saved.

use std::collections::BTreeMap;

use crate::{
    model::Dialect,
    sources::{dashboards::quote, yaml::Node},
};

/// Where a query's time begins and ends, as far as nobody chose one.
const TIME: &str = "'1970-01-01T00:00:00Z'";

/// The variables of a dashboard.
#[derive(Default)]
pub(super) struct Variables {
    /// Plain values by name; of variables that may have several, none.
    values: BTreeMap<String, Option<String>>,
    /// Of variables that choose a data source, its plugin.
    plugins: BTreeMap<String, String>,
}

impl Variables {
    /// The variables of `dashboard`.
    pub(super) fn of(dashboard: &Node) -> Variables {
        let mut variables = Variables::default();
        let list = dashboard.get("templating").and_then(|templating| templating.get("list"));
        for node in list.map(Node::items).unwrap_or_default() {
            let word = |key: &str| node.get(key).and_then(Node::text);
            let Some(name) = word("name") else { continue };
            if word("type") == Some("datasource") {
                variables.plugins.extend(word("query").map(|plugin| (name.to_owned(), plugin.to_owned())));
            }
            let is_set = |key: &str| node.get(key).and_then(Node::truth) == Some(true);
            let current = node.get("current").and_then(|current| current.get("value")).and_then(Node::text);
            let value = current.or_else(|| word("query").filter(|_| word("type") == Some("constant")));
            let is_plain = |value: &&str| {
                !value.is_empty() && value.chars().all(|letter| letter.is_alphanumeric() || matches!(letter, '_' | '.' | '-'))
            };
            let value = value.filter(|_| !is_set("multi") && !is_set("includeAll")).filter(is_plain);
            variables.values.insert(name.to_owned(), value.map(str::to_owned));
        }
        variables
    }

    /// The plugin of the data source that a variable chooses.
    pub(super) fn plugin(&self, name: &str) -> Option<String> {
        self.plugins.get(name).cloned()
    }

    /// What stands for a variable inside of quotes.
    fn inside(&self, name: &str) -> String {
        let value = self.values.get(name).cloned().flatten();
        value.unwrap_or_else(|| name.chars().filter(|letter| letter.is_alphanumeric() || *letter == '_').collect())
    }

    /// What stands for a variable by itself.
    fn bare(&self, name: &str) -> String {
        match self.values.get(name) {
            Some(Some(value)) => value.clone(),
            _ => format!("'{}'", self.inside(name)),
        }
    }
}

/// The text of a query with its macros and variables resolved.
pub(super) fn resolve(sql: &str, variables: &Variables, dialect: Dialect) -> String {
    let mut out = String::with_capacity(sql.len());
    let mut rest = sql;
    let mut quoted: Option<char> = None;
    while let Some(letter) = rest.chars().next() {
        let mut length = letter.len_utf8();
        let found = match (letter, quoted) {
            ('-', None) if rest.starts_with("--") => {
                length = rest.find('\n').unwrap_or(rest.len());
                None
            }
            ('/', None) if rest.starts_with("/*") => {
                length = rest.find("*/").map_or(rest.len(), |end| end + 2);
                None
            }
            ('$', _) => read_dollar(rest, variables, dialect, quoted.is_some()),
            ('[', _) if rest.starts_with("[[") => read_brackets(rest, variables, quoted.is_some()),
            ('\'' | '"' | '`', None) => {
                quoted = Some(letter);
                None
            }
            (_, Some(open)) if letter == open => {
                quoted = None;
                None
            }
            _ => None,
        };
        let (text, length) = found.unwrap_or_else(|| (rest[..length].to_owned(), length));
        out.push_str(&text);
        rest = &rest[length..];
    }
    out
}

/// A variable or macro that `rest` begins with: what stands for it, and how long it is.
fn read_dollar(rest: &str, variables: &Variables, dialect: Dialect, is_quoted: bool) -> Option<(String, usize)> {
    let value = |name: &str| if is_quoted { variables.inside(name) } else { variables.bare(name) };
    if let Some(inner) = rest.strip_prefix("${") {
        let end = inner.find('}')?;
        let (name, format) = inner[..end].split_once(':').unwrap_or((&inner[..end], ""));
        // Formats that quote for themselves quote a plain value too.
        let quotes = matches!(format, "sqlstring" | "singlequote" | "doublequote") && !is_quoted;
        let text = if quotes { format!("'{}'", variables.inside(name)) } else { value(name) };
        return Some((text, end + 3));
    }
    let name_length = rest[1..].find(|letter: char| !(letter.is_alphanumeric() || letter == '_')).unwrap_or(rest.len() - 1);
    let name = &rest[1..=name_length];
    let end = 1 + name_length;
    if !name.starts_with(|letter: char| letter.is_alphabetic() || letter == '_') || rest[end..].starts_with('$') {
        return None;
    }
    match name.strip_prefix("__") {
        Some(name) => {
            let arguments = arguments_of(&rest[end..]);
            let length = end + arguments.map_or(0, |inner| inner.len() + 2);
            let inner = arguments.map(|inner| resolve(inner, variables, dialect)).unwrap_or_default();
            Some((expand(name, &inner, arguments.is_some(), dialect, is_quoted), length))
        }
        None => Some((value(name), end)),
    }
}

/// `[[name]]`, as old dashboards write it; of nothing else.
fn read_brackets(rest: &str, variables: &Variables, is_quoted: bool) -> Option<(String, usize)> {
    let end = rest.find("]]")?;
    let (name, _) = rest[2..end].split_once(':').unwrap_or((&rest[2..end], ""));
    let is_known = variables.values.contains_key(name);
    is_known.then(|| (if is_quoted { variables.inside(name) } else { variables.bare(name) }, end + 2))
}

/// What stands between the brackets that `rest` begins with.
fn arguments_of(rest: &str) -> Option<&str> {
    let (mut depth, mut quoted) = (0_u32, None);
    for (at, letter) in rest.char_indices() {
        match (letter, quoted) {
            (_, Some(open)) if letter == open => quoted = None,
            (_, Some(_)) => {}
            ('\'' | '"' | '`', None) => quoted = Some(letter),
            ('(', None) => depth += 1,
            (')', None) => {
                depth -= 1;
                if depth == 0 {
                    return Some(&rest[1..at]);
                }
            }
            _ if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

/// What a macro means: see "Macros" of Grafana's SQL data sources.
fn expand(name: &str, inner: &str, is_call: bool, dialect: Dialect, is_quoted: bool) -> String {
    let first = top_level_comma(inner).map_or(inner, |at| &inner[..at]).trim();
    let named = |value: String| format!("{value} AS {}", quote(dialect, "time"));
    match name {
        "timeFilter" | "unixEpochFilter" | "unixEpochNanoFilter" | "timeFilter_ms" | "dateFilter" | "dateTimeFilter"
            if is_call =>
        {
            format!("({first} IS NOT NULL)")
        }
        "timeFrom" | "timeTo" | "fromTime" | "toTime" | "rawTimeFrom" | "rawTimeTo" => TIME.to_owned(),
        "time" if is_call => named(first.to_owned()),
        "timeEpoch" | "unixEpoch" if is_call => named(format!("unix_epoch({first})")),
        "timeGroup" | "unixEpochGroup" | "timeInterval" | "dateBin" if is_call => format!("time_group({first})"),
        "timeGroupAlias" | "unixEpochGroupAlias" if is_call => named(format!("time_group({first})")),
        "unixEpochFrom" | "unixEpochTo" | "unixEpochNanoFrom" | "unixEpochNanoTo" | "from" | "to" | "interval_ms"
        | "interval_s" => "0".to_owned(),
        "interval" if is_quoted => "1h".to_owned(),
        "interval" => "'1h'".to_owned(),
        _ if is_quoted => name.to_owned(),
        _ => "NULL".to_owned(),
    }
}

fn top_level_comma(text: &str) -> Option<usize> {
    let mut depth = 0_u32;
    text.char_indices().find_map(|(at, letter)| {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        (letter == ',' && depth == 0).then_some(at)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::Limits, sources::json_tree::read_json};

    fn resolved(sql: &str) -> String {
        let dashboard = read_json(
            r#"{"templating": {"list": [
                {"name": "project", "multi": true, "current": {"value": ["all"]}, "type": "query"},
                {"name": "step", "current": {"value": "WEEKDAY"}, "type": "custom"},
                {"name": "report", "current": {"value": "2023"}, "type": "query"},
                {"name": "team", "current": {"value": "Team of two"}, "type": "query"},
                {"name": "source", "query": "mysql", "type": "datasource"}
            ]}}"#,
            &Limits::default(),
        );
        let variables = Variables::of(&dashboard.unwrap());
        assert_eq!(variables.plugin("source").as_deref(), Some("mysql"));
        resolve(sql, &variables, Dialect::MySql)
    }

    #[test]
    fn macros_become_what_they_mean_for_rows_and_columns() {
        for (sql, expected) in [
            ("where $__timeFilter(max(t.at))", "where (max(t.at) IS NOT NULL)"),
            (
                "where at >= $__timeFrom() and at < $__timeTo()",
                "where at >= '1970-01-01T00:00:00Z' and at < '1970-01-01T00:00:00Z'",
            ),
            ("select $__timeGroupAlias(f(a, b), '5m', 0), 1", "select time_group(f(a, b)) AS `time`, 1"),
            ("select $__time(at)", "select at AS `time`"),
            ("group by $__timeGroup(at, $__interval)", "group by time_group(at)"),
            ("at > $__from / 1000", "at > 0 / 1000"),
        ] {
            assert_eq!(resolved(sql), expected, "{sql}");
        }
    }

    #[test]
    fn variables_are_their_plain_value_or_their_quoted_name() {
        for (sql, expected) in [
            ("name in (${project})", "name in ('project')"),
            ("name in (${project:sqlstring})", "name in ('project')"),
            ("-$step(date(at))", "-WEEKDAY(date(at))"),
            ("'$report' = '2023' and year = $report", "'2023' = '2023' and year = 2023"),
            ("a = '${team}' and b = $team", "a = 'team' and b = 'team'"),
            ("a in ([[project]]) and b[[1]]", "a in ('project') and b[[1]]"),
            ("a = $nobody", "a = 'nobody'"),
        ] {
            assert_eq!(resolved(sql), expected, "{sql}");
        }
    }

    #[test]
    fn what_is_no_variable_stays() {
        for sql in
            ["-- it costs $project\nselect 1", "/* $project */ select 1", "select $1, '$', $$ body $$", "select $__timeFilter(a"]
        {
            let expected = sql.replace("$__timeFilter(a", "NULL(a");
            assert_eq!(resolved(sql), expected, "{sql}");
        }
    }
}
