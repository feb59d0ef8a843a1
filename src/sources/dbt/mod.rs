//! dbt projects: `dbt_project.yml` and what stands beside it.
//!
//! In: the files of one state. Out: for every project its settings, names and macros, a document for
//! every SQL file, and the facts of its property files. Nothing is rendered here, so that names that
//! depend on Jinja are left as they are written. Never reads a warehouse or runs dbt.

mod aggregates;
mod artifacts;
mod assemble;
mod docs;
mod exposure;
mod layout;
mod lexicon;
mod lightdash;
mod manifest;
mod metric;
mod metric_sql;
mod profile;
mod properties;
mod read;
mod semantic;
mod tests;

pub(super) use manifest::read_manifests;
pub(super) use read::{Found, read_projects};

use std::sync::Arc;

use serde_json::{Map, Value};

use super::yaml::{self, Node};

/// A YAML value as JSON.
fn to_json(node: &Node) -> Value {
    match &node.value {
        yaml::Value::Scalar { text, plain } => scalar_to_json(text, *plain),
        yaml::Value::List(items) => Value::Array(items.iter().map(|item| to_json(item)).collect()),
        yaml::Value::Map(_) => Value::Object(to_map(node)),
    }
}

/// The entries of a mapping as JSON.
fn to_map(node: &Node) -> Map<String, Value> {
    node.entries().map(|(_, key, value)| (key.to_owned(), to_json(value))).collect()
}

/// JSON as a YAML value, all of it in line 1; entries that are null are left out, as if nothing were said.
fn from_json(json: &Value) -> Node {
    match json {
        Value::Null => Node::scalar(1, "null", true),
        Value::Bool(truth) => Node::scalar(1, &truth.to_string(), true),
        Value::Number(number) => Node::scalar(1, &number.to_string(), true),
        Value::String(text) => Node::scalar(1, text, false),
        Value::Array(items) => Node::list(1, items.iter().map(|item| Arc::new(from_json(item))).collect()),
        Value::Object(entries) => {
            let entry = |(key, value): (&String, &Value)| (Arc::new(Node::scalar(1, key, false)), Arc::new(from_json(value)));
            Node::map(1, entries.iter().filter(|(_, value)| !value.is_null()).map(entry).collect())
        }
    }
}

fn scalar_to_json(text: &str, plain: bool) -> Value {
    if !plain {
        return Value::String(text.to_owned());
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" | "yes" | "Yes" | "on" => return Value::Bool(true),
        "false" | "False" | "FALSE" | "no" | "No" | "off" => return Value::Bool(false),
        _ => {}
    }
    if let Ok(whole) = text.parse::<i64>() {
        return Value::from(whole);
    }
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && text.bytes().any(|byte| byte.is_ascii_digit()) => Value::from(number),
        _ => Value::String(text.to_owned()),
    }
}
