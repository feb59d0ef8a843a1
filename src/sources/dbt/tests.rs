//! Tests of a property file: what is checked of a model, a source or one of their columns.

use super::to_json;
use crate::{
    model::FactKind,
    sources::yaml::{Node, Value},
};

/// Longest rendering of what a test is given, in bytes.
const MAX_GIVEN: usize = 300;

/// The tests listed under `tests` or `data_tests` of `entry`, each with its line.
pub(super) fn read_tests(entry: &Node, column: &str) -> Vec<(u32, FactKind)> {
    let lists = ["data_tests", "tests"].iter().filter_map(|key| entry.get(key));
    lists.flat_map(Node::items).filter_map(|test| read_test(test, column)).collect()
}

fn read_test(test: &Node, column: &str) -> Option<(u32, FactKind)> {
    let (name, given) = match &test.value {
        Value::Scalar { .. } => (test.text()?.to_owned(), String::new()),
        Value::List(_) => return None,
        Value::Map(_) => {
            let named = test.get("test_name").and_then(Node::text);
            let (_, key, value) = test.entries().find(|(_, key, _)| *key != "name" || named.is_some())?;
            match named {
                Some(name) => (name.to_owned(), describe(test)),
                None => (key.to_owned(), describe(value)),
            }
        }
    };
    let status = String::new();
    Some((test.line, FactKind::Check { name, column: column.to_owned(), given, status }))
}

/// The arguments of a test on one line, without its configuration.
fn describe(arguments: &Node) -> String {
    const SETTINGS: [&str; 7] = ["config", "name", "description", "severity", "where", "test_name", "tags"];
    let inner = arguments.get("arguments").unwrap_or(arguments);
    let mut parts = Vec::new();
    for (_, key, value) in inner.entries().filter(|(_, key, _)| !SETTINGS.contains(key)) {
        let value = to_json(value);
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        parts.push(format!("{key}: {}", text.split_whitespace().collect::<Vec<_>>().join(" ")));
    }
    let mut given = parts.join(", ");
    if given.len() > MAX_GIVEN {
        let end = (0..=MAX_GIVEN).rev().find(|end| given.is_char_boundary(*end)).unwrap_or(0);
        given.truncate(end);
        given.push('…');
    }
    given
}
