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
    Ok(LogEntry {
        id: metadata.text("queryId"),
        text,
        at: record.time("endTime").or_else(|| record.time("createTime")),
        milliseconds: wall,
        user: context.first_text(&["user", "principal"]),
        database: context.text("catalog"),
        schema: context.text("schema"),
        failed: record.value("failureInfo").is_some_and(|failure| failure.is_object())
            || metadata.text("queryState").is_some_and(|state| state.eq_ignore_ascii_case("FAILED")),
        bytes: record.child("statistics").and_then(|it| it.number("physicalInputBytes")),
        tool: context.text("source"),
        labels,
        native: record
            .child("ioMetadata")
            .and_then(|it| it.value("output"))
            .map(|output| read_output(&output))
            .unwrap_or_default(),
        ..LogEntry::default()
    })
}

/// The columns that the event says were written, and from which.
fn read_output(output: &Value) -> Vec<NativeEdge> {
    let name = |value: &Value, keys: [&str; 3]| -> Option<String> {
        let parts: Option<Vec<&str>> = keys.iter().map(|key| value.get(key)?.as_str()).collect();
        parts.map(|parts| parts.join("."))
    };
    let Some(to) = name(output, ["catalogName", "schema", "table"]) else { return Vec::new() };
    let mut native = Vec::new();
    for column in output.get("columns").and_then(Value::as_array).into_iter().flatten() {
        let Some(to_column) = column.get("columnName").and_then(Value::as_str) else { continue };
        for source in column.get("sourceColumns").and_then(Value::as_array).into_iter().flatten() {
            if let (Some(from), Some(from_column)) =
                (name(source, ["catalog", "schema", "table"]), source.get("columnName").and_then(Value::as_str))
            {
                let (to_column, from_column) = (to_column.to_owned(), from_column.to_owned());
                native.push(NativeEdge { to: to.clone(), to_column, from, from_column });
            }
        }
    }
    native.sort_unstable();
    native.dedup();
    native
}
