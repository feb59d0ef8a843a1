//! Redshift: `SYS_QUERY_HISTORY` (dg/SYS_QUERY_HISTORY.html) and `STL_QUERY` (dg/r_STL_QUERY.html), and the
//! texts that come in pieces: `STL_QUERYTEXT` (dg/r_STL_QUERYTEXT.html), `SVL_STATEMENTTEXT`
//! (dg/r_SVL_STATEMENTTEXT.html) and `SYS_QUERY_TEXT` (dg/SYS_QUERY_TEXT.html).

use std::borrow::Cow;

use super::{super::record::Record, Read, milliseconds_between};
use crate::model::{EntryKind, LogEntry, LogSkip};

/// `SYS_QUERY_HISTORY` holds the first 4,000 characters of a text, `STL_QUERY` as many.
const CUT_AT: usize = 4_000;
/// Bytes of a piece: of the STL and SVL tables, and of `SYS_QUERY_TEXT`.
const PIECE: usize = 200;
const LONG_PIECE: usize = 4_000;

/// One row of a history.
pub(super) fn read_query<'r>(record: &Record<'r>) -> Read<'r> {
    let text = record.first_text(&["query_text", "querytxt", "text"]).ok_or(LogSkip::NoText)?;
    let cut = is_cut(&text);
    let text = text.trim().to_owned();
    let status = record.text("status");
    let failed = status.is_some_and(|status| matches!(status.trim(), "failed" | "canceled"))
        || super::is_true(record.text("aborted"))
        || record.text("error_message").is_some_and(|message| !message.trim().is_empty());
    let milliseconds = match record.number("elapsed_time") {
        // Microseconds.
        Some(elapsed) => Some(elapsed / 1_000),
        None => milliseconds_between(record, "starttime", "endtime")
            .or_else(|| milliseconds_between(record, "start_time", "end_time")),
    };
    Ok(LogEntry {
        id: record.first_text(&["query_id", "query"]),
        at: end_or_start(record),
        milliseconds,
        user: user(record),
        session: record.first_text(&["session_id", "pid"]),
        database: record.first_text(&["database_name", "database"]).map(trimmed),
        failed,
        tag: label(record),
        pieces: if cut { [query_key(record), statement_key(record)].into_iter().flatten().collect() } else { Vec::new() },
        cut,
        text: text.into(),
        ..LogEntry::default()
    })
}

/// One piece of a text.
pub(super) fn read_piece<'r>(record: &Record<'r>) -> Read<'r> {
    let key = query_key(record).or_else(|| statement_key(record)).ok_or(LogSkip::Broken)?;
    let sequence = record.number("sequence").and_then(|number| u32::try_from(number).ok()).ok_or(LogSkip::Broken)?;
    // Commands beside queries stand in no history.
    let of_query = record.text("type").is_none_or(|kind| kind.trim().eq_ignore_ascii_case("QUERY"));
    let width = if record.text("query_id").is_some() { LONG_PIECE } else { PIECE };
    Ok(LogEntry {
        id: Some(record.first_text(&["query_id", "query"]).unwrap_or_else(|| Cow::Owned(key.clone()))),
        text: record.text("text").unwrap_or_default(),
        at: end_or_start(record),
        milliseconds: milliseconds_between(record, "starttime", "endtime"),
        user: user(record),
        session: record.first_text(&["session_id", "pid"]).map(trimmed),
        tag: label(record),
        kind: EntryKind::Piece { key, sequence, width, told_elsewhere: of_query },
        ..LogEntry::default()
    })
}

/// Whether a text fills its column: columns may be filled up with blanks, and a text may be cut at some.
fn is_cut(text: &str) -> bool {
    let characters = |text: &str| text.chars().count();
    text.len() >= CUT_AT && characters(text) >= CUT_AT && characters(text.trim_end()) + PIECE >= CUT_AT
}

/// The number of a query, where it has one.
fn query_key(record: &Record<'_>) -> Option<String> {
    record.first_text(&["query_id", "query"]).map(|number| format!("query {}", number.trim()))
}

/// What tells a statement from others where its query has no number: transaction, process and start.
fn statement_key(record: &Record<'_>) -> Option<String> {
    let part = |name| record.text(name).map(|part| part.trim().to_owned());
    Some(format!("statement {} {} {}", part("xid")?, part("pid")?, record.milliseconds("starttime")?))
}

fn end_or_start(record: &Record<'_>) -> Option<i64> {
    ["end_time", "endtime", "start_time", "starttime"].into_iter().find_map(|name| record.time(name))
}

fn user<'r>(record: &Record<'r>) -> Option<Cow<'r, str>> {
    record.first_text(&["user_name", "usename", "username", "user_id", "userid"]).map(trimmed)
}

fn label<'r>(record: &Record<'r>) -> Option<Cow<'r, str>> {
    record.first_text(&["query_label", "label"]).map(trimmed).filter(|label| !label.is_empty() && *label != *"default")
}

/// Columns of a fixed width are filled up with blanks.
fn trimmed(text: Cow<'_, str>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
        Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
    }
}
