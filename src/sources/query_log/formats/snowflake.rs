//! Snowflake: `QUERY_HISTORY`, `ACCESS_HISTORY` and `SESSIONS` (sql-reference/account-usage/query_history,
//! …/access_history, …/sessions).

use std::borrow::Cow;

use serde_json::Value;

use super::{super::record::Record, Read, milliseconds_between};
use crate::model::{EntryKind, LogEntry, LogSkip, NativeEdge};

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

/// One row of `SESSIONS`: which client the session's queries come from. A program that connects through a
/// driver of the vendor's names itself in the client's environment.
pub(super) fn read_session<'r>(record: &Record<'r>) -> Read<'r> {
    let environment = record.value("client_environment");
    let program = environment.as_ref().and_then(|environment| text(environment, "APPLICATION"));
    Ok(LogEntry {
        kind: EntryKind::Session,
        session: Some(record.text("session_id").ok_or(LogSkip::Broken)?),
        tool: Some(match program {
            Some(program) => Cow::Owned(program.to_owned()),
            None => record.text("client_application_id").ok_or(LogSkip::NotAQuery)?,
        }),
        at: record.time("created_on"),
        ..LogEntry::default()
    })
}

/// One row of `ACCESS_HISTORY`: no text, but what the warehouse saw move.
///
/// A column comes from its `directSources`, which are what the statement names; `baseSources`, which lie
/// below views, speak only where there are none. What a statement names at all (`DIRECT_OBJECTS_ACCESSED`)
/// decides what it writes, as a whole.
pub(super) fn read_access<'r>(record: &Record<'r>) -> Read<'r> {
    let modified = record.value("objects_modified").ok_or(LogSkip::NotAQuery)?;
    let accessed = record.value("direct_objects_accessed").unwrap_or_default();
    let mut edges = Vec::new();
    for object in objects(Some(&modified)) {
        let Some(to) = table_name(object) else { continue };
        edges.extend(objects(Some(&accessed)).filter_map(table_name).map(|from| NativeEdge::of_tables(to, from)));
        for column in objects(object.get("columns")) {
            let Some(to_column) = text(column, "columnName") else { continue };
            let direct = objects(column.get("directSources"))
                .chain(objects(column.get("baseSources")).filter(|_| objects(column.get("directSources")).next().is_none()));
            edges.extend(direct.filter_map(|source| {
                let (from, from_column) = (table_name(source)?, text(source, "columnName").unwrap_or_default());
                // Of a table without columns only the table is known.
                let to_column = if from_column.is_empty() { "" } else { to_column };
                let [to, to_column, from, from_column] = [to, to_column, from, from_column].map(str::to_owned);
                Some(NativeEdge { to, to_column, from, from_column })
            }));
        }
    }
    let native = super::stated(edges);
    if native.is_empty() {
        return Err(LogSkip::NotAQuery);
    }
    Ok(LogEntry {
        id: record.text("query_id"),
        at: record.time("query_start_time"),
        user: record.text("user_name"),
        native,
        ..LogEntry::default()
    })
}

fn objects(list: Option<&Value>) -> impl Iterator<Item = &Value> {
    list.and_then(Value::as_array).into_iter().flatten()
}

fn text<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
    value.get(key)?.as_str()
}

/// The name of what holds rows: a table of any kind, a view, a stream.
fn table_name(object: &Value) -> Option<&str> {
    let domain = text(object, "objectDomain").unwrap_or("Table").to_ascii_lowercase();
    let holds_rows = ["table", "view", "stream"].iter().any(|word| domain.contains(word));
    text(object, "objectName").filter(|name| holds_rows && !name.is_empty())
}
