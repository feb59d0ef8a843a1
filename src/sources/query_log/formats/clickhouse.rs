//! ClickHouse: `system.query_log` (operations/system-tables/query_log).

use super::{super::record::Record, Read};
use crate::model::{LogEntry, LogSkip};

/// One row. Starts are left out, as is what another server did for a query that it was asked.
pub(super) fn read_query<'r>(record: &Record<'r>) -> Read<'r> {
    let kind = record.text("type").unwrap_or_default();
    let failed = kind.starts_with("Exception") || matches!(&*kind, "3" | "4");
    if !failed && !matches!(&*kind, "QueryFinish" | "2") {
        return Err(LogSkip::NotAQuery);
    }
    if record.text("is_initial_query").is_some_and(|initial| matches!(&*initial, "0" | "false")) {
        return Err(LogSkip::NotAQuery);
    }
    Ok(LogEntry {
        id: record.first_text(&["initial_query_id", "query_id"]),
        text: record.text("query").ok_or(LogSkip::NoText)?,
        at: record.time("event_time"),
        milliseconds: record.number("query_duration_ms"),
        user: record.first_text(&["initial_user", "user"]),
        session: record.text("session_id"),
        schema: record.text("current_database"),
        failed,
        bytes: record.number("read_bytes"),
        tool: record.first_text(&["http_user_agent", "client_name"]),
        tag: record.text("log_comment"),
        ..LogEntry::default()
    })
}
