//! The format of a log, told from its first bytes.

use std::{borrow::Cow, sync::Arc};

use super::{LogRequest, blocks::Framing, formats, json, time};
use crate::model::LogFormat;

/// A format that was found.
pub(super) struct Found {
    pub(super) format: LogFormat,
    pub(super) framing: Framing,
    /// The first line only names the columns.
    pub(super) header: bool,
}

impl Found {
    pub(super) fn empty(request: &LogRequest) -> Found {
        Found { format: request.format.unwrap_or(LogFormat::Generic), framing: Framing::Lines, header: false }
    }
}

/// Tells framing and format of a file that begins with `head`.
pub(super) fn detect(head: &[u8], request: &LogRequest) -> Option<Found> {
    let text = String::from_utf8_lossy(head);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    match text.as_bytes().first()? {
        b'{' => {
            let lines = text.lines().filter(|line| !line.trim().is_empty()).take(20);
            let whole = lines.clone().find(|line| json::members(line).is_some());
            let (framing, object) = match whole {
                Some(line) => (Framing::Lines, line),
                None if text.lines().next().is_some_and(|line| line.trim() == "{") => (Framing::Objects, first_object(text)?),
                None => (Framing::Lines, text.lines().next()?),
            };
            let format = request.format.or_else(|| by_object(object, request))?;
            Some(Found { format, framing, header: false })
        }
        b'[' => {
            let format = request.format.or_else(|| by_object(first_object(text)?, request))?;
            Some(Found { format, framing: Framing::Objects, header: false })
        }
        _ => detect_rows(text, request),
    }
}

fn detect_rows(text: &str, request: &LogRequest) -> Option<Found> {
    let mut rows = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    let mut first = csv::StringRecord::new();
    rows.read_record(&mut first).ok()?;
    let cells: Vec<String> = first.iter().map(|cell| cell.trim().to_owned()).collect();
    if let Some(names) = formats::postgres_csv_names(cells.len())
        && time::read_time(&cells[0]).is_some()
    {
        let framing = Framing::Rows(Arc::new(names.iter().map(|name| (*name).to_owned()).collect()));
        return Some(Found { format: request.format.unwrap_or(LogFormat::PostgresCsv), framing, header: false });
    }
    let is_name = |cell: &String| !cell.is_empty() && cell.len() < 128 && !cell.contains(['\n', '=']);
    if !cells.iter().all(is_name) {
        return None;
    }
    let format = request.format.or_else(|| by_names(&cells, request))?;
    Some(Found { format, framing: Framing::Rows(Arc::new(cells)), header: true })
}

fn first_object(text: &str) -> Option<&str> {
    let start = text.find('{')?;
    let end = text[start..].char_indices().filter(|(_, letter)| *letter == '}');
    end.map(|(at, _)| &text[start..=start + at]).take(10_000).find(|object| json::members(object).is_some())
}

fn by_object(object: &str, request: &LogRequest) -> Option<LogFormat> {
    // A first record that is longer than what is looked at is told by the fields that it begins with.
    let names: Vec<String> = json::keys(object).into_iter().map(Cow::into_owned).collect();
    by_names(&names, request)
}

/// The format whose fields are called so.
pub(super) fn by_names(names: &[String], request: &LogRequest) -> Option<LogFormat> {
    let has = |name: &str| names.iter().any(|known| known.eq_ignore_ascii_case(name));
    let all = |wanted: &[&str]| wanted.iter().all(|name| has(name));
    let any = |wanted: &[&str]| wanted.iter().any(|name| has(name));
    if !request.columns.is_empty() {
        return Some(LogFormat::Generic);
    }
    let found = if any(&["protoPayload", "protopayload_auditlog"]) {
        LogFormat::BigqueryAudit
    } else if has("job_id") && any(&["creation_time", "statement_type", "referenced_tables", "total_bytes_processed"]) {
        LogFormat::BigqueryJobs
    } else if has("query_id") && any(&["objects_modified", "base_objects_accessed", "direct_objects_accessed"]) {
        LogFormat::SnowflakeAccess
    } else if has("session_id") && any(&["login_event_id", "authentication_method"]) {
        LogFormat::SnowflakeSessions
    } else if all(&["sequence", "text"]) && any(&["query", "query_id", "xid", "transaction_id"]) {
        LogFormat::RedshiftText
    } else if all(&["statement_id", "statement_text"]) {
        LogFormat::Databricks
    } else if all(&["metadata", "context"]) && any(&["ioMetadata", "statistics", "createTime", "endTime"]) {
        LogFormat::Trino
    } else if all(&["query", "event_time"]) && any(&["normalized_query_hash", "query_duration_ms", "query_kind"]) {
        LogFormat::Clickhouse
    } else if all(&["queryid", "query", "calls"]) {
        LogFormat::PostgresStatements
    } else if all(&["timestamp", "message", "error_severity"]) {
        LogFormat::PostgresJson
    } else if any(&["querytxt", "redshift_version", "query_label"]) || all(&["query_text", "compute_type"]) {
        LogFormat::Redshift
    } else if all(&["query_text", "execution_status"]) {
        LogFormat::Snowflake
    } else if any(formats::GENERIC_TEXT) {
        LogFormat::Generic
    } else {
        return None;
    };
    Some(found)
}
