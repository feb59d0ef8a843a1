//! What each vendor's records say, a file a vendor.

mod bigquery;
mod clickhouse;
mod databricks;
mod generic;
mod postgres;
mod redshift;
mod snowflake;
mod trino;

use std::borrow::Cow;

pub(super) use generic::GENERIC_TEXT;
pub(super) use postgres::csv_names as postgres_csv_names;

use self::generic::Columns;
use super::{LogRequest, record::Record};
use crate::model::{EntryKind, LogEntry, LogFormat, LogSkip, NativeEdge};

/// What is read of a record.
type Read<'r> = Result<LogEntry<'r>, LogSkip>;

/// Reads records of one format.
pub(super) struct Reader {
    format: LogFormat,
    columns: Columns,
}

impl Reader {
    pub(super) fn new(format: LogFormat, request: &LogRequest) -> Reader {
        Reader { format, columns: Columns::new(&request.columns) }
    }

    /// Hands what a record says to `each`.
    pub(super) fn read(&self, record: &Record<'_>, each: &mut dyn FnMut(Read<'_>)) {
        let read = match self.format {
            LogFormat::BigqueryJobs => bigquery::read_job(record),
            LogFormat::BigqueryAudit => bigquery::read_audit(record),
            LogFormat::Snowflake => snowflake::read_query(record),
            LogFormat::SnowflakeAccess => snowflake::read_access(record),
            LogFormat::SnowflakeSessions => snowflake::read_session(record),
            LogFormat::Redshift => redshift::read_query(record),
            LogFormat::RedshiftText => redshift::read_piece(record),
            LogFormat::PostgresCsv | LogFormat::PostgresJson => postgres::read_message(record),
            LogFormat::PostgresStatements => postgres::read_statement(record),
            LogFormat::Databricks => databricks::read_query(record),
            LogFormat::Trino => trino::read_event(record),
            LogFormat::Clickhouse => clickhouse::read_query(record),
            LogFormat::Generic => generic::read_query(record, &self.columns),
        };
        each(read.and_then(check));
    }
}

/// What every entry must have.
fn check(entry: LogEntry<'_>) -> Read<'_> {
    match entry.kind {
        EntryKind::Session => return Ok(entry),
        // A piece may be all blanks; STL_QUERYTEXT has no times.
        EntryKind::Piece { .. } if entry.at.is_none() => return Ok(entry),
        EntryKind::Query if !has_words(&entry.text) && entry.native.is_empty() => return Err(LogSkip::NoText),
        EntryKind::Piece { .. } | EntryKind::Query => {}
    }
    // Times before 1990 or after 2100 are broken clocks.
    match entry.at {
        Some(at) if (631_152_000..4_102_444_800).contains(&at) => Ok(entry),
        None if entry.counter.is_some() => Ok(entry),
        _ => Err(LogSkip::NoTime),
    }
}

/// Whether a text can be a query: a number in its place is none.
fn has_words(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_alphabetic() || !byte.is_ascii())
}

/// Milliseconds between two times of a record.
fn milliseconds_between(record: &Record<'_>, start: &str, end: &str) -> Option<u64> {
    let (start, end) = (record.milliseconds(start)?, record.milliseconds(end)?);
    u64::try_from(end - start).ok()
}

/// What a warehouse states, each edge once: columns, and for each table those that it is made from. What a
/// table says of itself is left out.
fn stated(mut edges: Vec<NativeEdge>) -> Vec<NativeEdge> {
    edges.extend(edges.clone().into_iter().map(|edge| NativeEdge::of_tables(edge.to, edge.from)));
    edges.retain(|edge| edge.to != edge.from);
    edges.sort_unstable();
    edges.dedup();
    edges
}

/// Whether a text says yes.
fn is_true(text: Option<Cow<'_, str>>) -> bool {
    text.is_some_and(|text| text.eq_ignore_ascii_case("true") || *text == *"1" || *text == *"t")
}
