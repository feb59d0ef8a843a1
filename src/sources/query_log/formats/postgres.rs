//! PostgreSQL: csvlog, jsonlog (runtime-config-logging.html) and `pg_stat_statements`
//! (pgstatstatements.html).
//!
//! The SQL of a log line stands in its message, behind how it came: `statement: …`, `execute NAME: …`,
//! perhaps behind `duration: … ms`. An error's line has the text that failed in a field of its own.

use std::borrow::Cow;

use super::{super::record::Record, Read};
use crate::model::{LogEntry, LogSkip};

/// Columns of the csvlog, which has no header: 23 up to version 12, 24 with 13, 26 since 14.
const CSV_NAMES: [&str; 26] = [
    "log_time",
    "user_name",
    "database_name",
    "process_id",
    "connection_from",
    "session_id",
    "session_line_num",
    "command_tag",
    "session_start_time",
    "virtual_transaction_id",
    "transaction_id",
    "error_severity",
    "sql_state_code",
    "message",
    "detail",
    "hint",
    "internal_query",
    "internal_query_pos",
    "context",
    "query",
    "query_pos",
    "location",
    "application_name",
    "backend_type",
    "leader_pid",
    "query_id",
];

/// The columns of a csvlog of so many.
pub(in super::super) fn csv_names(count: usize) -> Option<&'static [&'static str]> {
    matches!(count, 23 | 24 | 26).then(|| &CSV_NAMES[..count])
}

/// One line of csvlog or jsonlog, whose fields differ in their names alone.
pub(super) fn read_message<'r>(record: &Record<'r>) -> Read<'r> {
    let failed = record.text("error_severity").is_some_and(|severity| matches!(&*severity, "ERROR" | "FATAL" | "PANIC"));
    let message = record.text("message").unwrap_or_default();
    let (text, milliseconds) = if failed {
        (record.first_text(&["query", "statement"]).ok_or(LogSkip::NotAQuery)?, None)
    } else {
        let (text, milliseconds) = read_sql(&message).ok_or(LogSkip::NotAQuery)?;
        (take_end(&message, text), milliseconds)
    };
    let session = record.text("session_id");
    let line = record.first_text(&["session_line_num", "line_num"]);
    let id = session.as_ref().zip(line).map(|(session, line)| Cow::Owned(format!("{session}/{line}")));
    Ok(LogEntry {
        id,
        text,
        at: record.time("log_time").or_else(|| record.time("timestamp")),
        milliseconds,
        user: record.first_text(&["user_name", "user"]),
        session,
        database: record.first_text(&["database_name", "dbname"]),
        failed,
        repeats: failed,
        tool: record.text("application_name"),
        ..LogEntry::default()
    })
}

/// The end of `message` that `text` is, borrowed from where the message is.
fn take_end<'r>(message: &Cow<'r, str>, text: &str) -> Cow<'r, str> {
    let start = message.len() - text.len();
    match message {
        Cow::Borrowed(message) => Cow::Borrowed(&message[start..]),
        Cow::Owned(message) => Cow::Owned(message[start..].to_owned()),
    }
}

/// The SQL in a message, which is its end, and how long it took.
fn read_sql(message: &str) -> Option<(&str, Option<u64>)> {
    let (mut rest, mut milliseconds) = (message, None);
    if let Some(after) = rest.strip_prefix("duration: ") {
        let (number, after) = after.split_once(" ms")?;
        milliseconds = number.trim().parse::<f64>().ok().map(|value| value.max(0.0) as u64);
        rest = after.trim_start();
    }
    if let Some(text) = rest.strip_prefix("statement: ") {
        return Some((text, milliseconds));
    }
    let after = rest.strip_prefix("execute ")?;
    // `execute fetch from NAME` repeats what `execute NAME` said.
    if after.starts_with("fetch from ") {
        return None;
    }
    after.split_once(": ").map(|(_, text)| (text, milliseconds))
}

/// One row of `pg_stat_statements`: a text that counts up, without times.
pub(super) fn read_statement<'r>(record: &Record<'r>) -> Read<'r> {
    let text = record.text("query").ok_or(LogSkip::NoText)?;
    let calls = record.number("calls").ok_or(LogSkip::Broken)?;
    let part = |name| record.text(name).unwrap_or_default();
    let total = record.fraction("total_exec_time").or_else(|| record.fraction("total_time"));
    Ok(LogEntry {
        counter: Some(format!("{}:{}:{}", part("queryid"), part("userid"), part("dbid"))),
        text,
        at: record.time("captured_at").or_else(|| record.time("timestamp")),
        milliseconds: total.map(|value| value.max(0.0) as u64),
        user: record.first_text(&["usename", "rolname", "user_name", "username"]),
        database: record.first_text(&["datname", "database_name", "database"]),
        runs: calls,
        ..LogEntry::default()
    })
}
