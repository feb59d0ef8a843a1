//! Snowflake: `QUERY_HISTORY` (sql-reference/account-usage/query_history) and `ACCESS_HISTORY`
//! (sql-reference/account-usage/access_history).

use serde_json::Value;

use super::{super::record::Record, Read, milliseconds_between};
use crate::model::{LogEntry, LogSkip, NativeEdge};

/// Texts longer than this are cut off by the vendor, in characters.
const CUT_AT: usize = 100_000;

/// One row of `QUERY_HISTORY`.
pub(super) fn read_query<'r>(record: &Record<'r>) -> Read<'r> {
    let text = record.text("query_text").ok_or(LogSkip::NoText)?;
    // What it could not read at all is hidden by the vendor.
    if *text == *"<redacted>" {
        return Err(LogSkip::NoText);
    }
    let status = record.text("execution_status");
    if status.as_ref().is_some_and(|status| status.eq_ignore_ascii_case("running")) {
        return Err(LogSkip::NotAQuery);
    }
    Ok(LogEntry {
        id: record.text("query_id"),
        at: record.time("end_time").or_else(|| record.time("start_time")),
        milliseconds: record.number("total_elapsed_time").or_else(|| milliseconds_between(record, "start_time", "end_time")),
        user: record.text("user_name"),
        session: record.text("session_id"),
        database: record.text("database_name"),
        schema: record.text("schema_name"),
        failed: status.is_some_and(|status| !status.to_ascii_lowercase().starts_with("success")),
        bytes: record.number("bytes_scanned"),
        tool: record.text("client_application_id"),
        tag: record.text("query_tag"),
        cut: text.len() >= CUT_AT && text.chars().count() >= CUT_AT,
        text,
        ..LogEntry::default()
    })
}

/// One row of `ACCESS_HISTORY`: no text, but the columns that the warehouse saw move.
pub(super) fn read_access<'r>(record: &Record<'r>) -> Read<'r> {
    let modified = record.value("objects_modified").ok_or(LogSkip::NotAQuery)?;
    let mut native = Vec::new();
    for object in modified.as_array().into_iter().flatten() {
        let Some(to) = name_of(object, "objectName") else { continue };
        for column in object.get("columns").and_then(Value::as_array).into_iter().flatten() {
            let Some(to_column) = name_of(column, "columnName") else { continue };
            for source in column.get("directSources").and_then(Value::as_array).into_iter().flatten() {
                if let (Some(from), Some(from_column)) = (name_of(source, "objectName"), name_of(source, "columnName")) {
                    native.push(NativeEdge { to: to.clone(), to_column: to_column.clone(), from, from_column });
                }
            }
        }
    }
    if native.is_empty() {
        return Err(LogSkip::NotAQuery);
    }
    native.sort_unstable();
    native.dedup();
    Ok(LogEntry {
        id: record.text("query_id"),
        at: record.time("query_start_time"),
        user: record.text("user_name"),
        native,
        ..LogEntry::default()
    })
}

fn name_of(value: &Value, key: &str) -> Option<String> {
    value.get(key)?.as_str().map(str::to_owned)
}
