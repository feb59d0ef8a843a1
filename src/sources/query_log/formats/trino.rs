//! Trino: `QueryCompletedEvent`s as the HTTP and Kafka event listeners write them
//! (admin/event-listeners-http).

use serde_json::Value;

use super::{super::record::Record, Read};
use crate::model::{LogEntry, LogSkip, NativeEdge};

/// One event.
pub(super) fn read_event<'r>(record: &Record<'r>) -> Read<'r> {
    let metadata = record.child("metadata").ok_or(LogSkip::Broken)?;
    let context = record.child("context").ok_or(LogSkip::Broken)?;
    let text = metadata.text("query").ok_or(LogSkip::NoText)?;
    let wall = record.child("statistics").and_then(|it| it.fraction("wallTime")).map(|seconds| (seconds * 1_000.0) as u64);
    let mut labels = Vec::new();
    for tag in context.value("clientTags").as_ref().and_then(Value::as_array).into_iter().flatten() {
        labels.extend(tag.as_str().map(|tag| ("trino-client-tag".to_owned(), tag.to_owned())));
    }
    let failed = record.value("failureInfo").is_some_and(|failure| failure.is_object())
        || metadata.text("queryState").is_some_and(|state| state.eq_ignore_ascii_case("FAILED"));
    Ok(LogEntry {
        id: metadata.text("queryId"),
        text,
        at: record.time("endTime").or_else(|| record.time("createTime")),
        milliseconds: wall,
        user: context.first_text(&["user", "principal"]),
        database: context.text("catalog"),
        schema: context.text("schema"),
        failed,
        bytes: record.child("statistics").and_then(|it| it.number("physicalInputBytes")),
        tool: context.text("source"),
        labels,
        native: match failed {
            true => Vec::new(),
            false => record.value("ioMetadata").map(|io| read_io(&io)).unwrap_or_default(),
        },
        ..LogEntry::default()
    })
}

/// What the event says was written, and from which columns and tables. Inputs lie below views.
fn read_io(io: &Value) -> Vec<NativeEdge> {
    let name = |value: &Value, keys: [&str; 3]| -> Option<String> {
        let parts: Option<Vec<&str>> = keys.iter().map(|key| value.get(key)?.as_str()).collect();
        parts.map(|parts| parts.join("."))
    };
    let list = |list: Option<&Value>| list.and_then(Value::as_array).cloned().unwrap_or_default();
    let output = io.get("output").unwrap_or(&Value::Null);
    let Some(to) = name(output, ["catalogName", "schema", "table"]) else { return Vec::new() };
    let inputs = list(io.get("inputs"));
    let inputs = inputs.iter().filter_map(|input| name(input, ["catalogName", "schema", "table"]));
    let mut edges: Vec<NativeEdge> = inputs.map(|from| NativeEdge::of_tables(to.clone(), from)).collect();
    for column in list(output.get("columns")) {
        let Some(to_column) = column.get("columnName").and_then(Value::as_str) else { continue };
        for source in list(column.get("sourceColumns")) {
            if let (Some(from), Some(from_column)) =
                (name(&source, ["catalog", "schema", "table"]), source.get("columnName").and_then(Value::as_str))
            {
                let (to_column, from_column) = (to_column.to_owned(), from_column.to_owned());
                edges.push(NativeEdge { to: to.clone(), to_column, from, from_column });
            }
        }
    }
    super::stated(edges)
}
