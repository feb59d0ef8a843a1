//! Redshift: `SYS_QUERY_HISTORY` (dg/SYS_QUERY_HISTORY.html) and `STL_QUERY` (dg/r_STL_QUERY.html).

use super::{super::record::Record, Read, milliseconds_between};
use crate::model::{LogEntry, LogSkip};

/// `SYS_QUERY_HISTORY` holds the first 4,000 characters of a text, `STL_QUERY` as many.
const CUT_AT: usize = 4_000;

/// One row of either.
pub(super) fn read_query<'r>(record: &Record<'r>) -> Read<'r> {
    let text = record.first_text(&["query_text", "querytxt", "text"]).ok_or(LogSkip::NoText)?;
    let text = text.trim().to_owned();
    let status = record.text("status");
    let failed = status.is_some_and(|status| matches!(status.trim(), "failed" | "canceled"))
        || super::is_true(record.text("aborted"))
        || record.text("error_message").is_some_and(|message| !message.trim().is_empty());
    let time = |names: [&str; 2]| names.into_iter().find_map(|name| record.time(name));
    let milliseconds = match record.number("elapsed_time") {
        // Microseconds.
        Some(elapsed) => Some(elapsed / 1_000),
        None => milliseconds_between(record, "starttime", "endtime")
            .or_else(|| milliseconds_between(record, "start_time", "end_time")),
    };
    Ok(LogEntry {
        id: record.first_text(&["query_id", "query"]),
        at: time(["end_time", "endtime"]).or_else(|| time(["start_time", "starttime"])),
        milliseconds,
        user: record
            .first_text(&["user_name", "usename", "username", "user_id", "userid"])
            .map(|user| user.trim().to_owned().into()),
        session: record.first_text(&["session_id", "pid"]),
        database: record.first_text(&["database_name", "database"]).map(|name| name.trim().to_owned().into()),
        failed,
        tag: record.first_text(&["query_label", "label"]).filter(|label| label.trim() != "default"),
        cut: text.chars().count() >= CUT_AT,
        text: text.into(),
        ..LogEntry::default()
    })
}
