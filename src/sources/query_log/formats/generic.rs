//! Logs of no vendor: `query`, `timestamp`, `user` and the like, under these names or mapped ones.

use std::collections::BTreeMap;

use super::{super::record::Record, Read};
use crate::model::{Dialect, LogEntry, LogSkip};

/// Names that a query's text goes by.
pub(in super::super) const GENERIC_TEXT: &[&str] = &["query", "sql", "query_text", "statement", "sql_text", "text"];
const TIME: &[&str] = &["timestamp", "time", "ts", "end_time", "start_time", "created_at", "date", "@timestamp"];
const USER: &[&str] = &["user", "user_name", "username", "user_email", "email"];
const SESSION: &[&str] = &["session_id", "session"];
const DATABASE: &[&str] = &["database", "database_name", "db", "catalog"];
const SCHEMA: &[&str] = &["schema", "schema_name", "dataset"];
const DURATION: &[&str] = &["duration_ms", "elapsed_ms", "milliseconds"];
const STATUS: &[&str] = &["status", "state", "execution_status"];
const ERROR: &[&str] = &["error", "error_message", "error_code", "exception"];
const TOOL: &[&str] = &["tool", "application", "application_name", "client", "client_application"];
const ID: &[&str] = &["id", "query_id", "job_id"];
const BYTES: &[&str] = &["bytes", "bytes_scanned", "total_bytes_processed"];

/// Fields that can be mapped, with the names that each goes by.
const FIELDS: [(&str, &[&str]); 13] = [
    ("query", GENERIC_TEXT),
    ("timestamp", TIME),
    ("user", USER),
    ("session_id", SESSION),
    ("database", DATABASE),
    ("schema", SCHEMA),
    ("duration_ms", DURATION),
    ("status", STATUS),
    ("error", ERROR),
    ("tool", TOOL),
    ("id", ID),
    ("bytes", BYTES),
    ("dialect", &["dialect"]),
];

/// The names that fields go by.
pub(super) struct Columns(BTreeMap<String, String>);

impl Columns {
    pub(super) fn new(mapped: &BTreeMap<String, String>) -> Columns {
        Columns(mapped.clone())
    }

    fn text<'r>(&self, record: &Record<'r>, field: &str) -> Option<std::borrow::Cow<'r, str>> {
        if let Some(name) = self.0.get(field) {
            return record.text(name);
        }
        record.first_text(FIELDS.iter().find(|(known, _)| *known == field)?.1)
    }
}

/// Words with which a log says that all went well.
const WELL: &[&str] = &["success", "succeeded", "ok", "done", "finished", "completed", "complete", "success_with_info"];

/// One record.
pub(super) fn read_query<'r>(record: &Record<'r>, columns: &Columns) -> Read<'r> {
    let text = columns.text(record, "query").ok_or(LogSkip::NoText)?;
    let status = columns.text(record, "status");
    let failed_status = status.is_some_and(|status| !WELL.iter().any(|well| status.eq_ignore_ascii_case(well)));
    let error = columns.text(record, "error").is_some_and(|error| *error != *"0" && *error != *"false");
    let number = |field| columns.text(record, field).and_then(|text| text.parse::<f64>().ok()).map(|value| value.max(0.0) as u64);
    Ok(LogEntry {
        id: columns.text(record, "id"),
        text,
        at: columns.text(record, "timestamp").and_then(|text| super::super::time::read_time(&text)),
        milliseconds: number("duration_ms"),
        user: columns.text(record, "user"),
        session: columns.text(record, "session_id"),
        database: columns.text(record, "database"),
        schema: columns.text(record, "schema"),
        dialect: columns.text(record, "dialect").and_then(|name| name.parse::<Dialect>().ok()),
        failed: failed_status || error,
        bytes: number("bytes"),
        tool: columns.text(record, "tool"),
        ..LogEntry::default()
    })
}
