//! Databricks: `system.query.history` (admin/system-tables/query-history).

use super::{super::record::Record, Read, milliseconds_between};
use crate::model::{LogEntry, LogSkip};

/// One row.
pub(super) fn read_query<'r>(record: &Record<'r>) -> Read<'r> {
    let status = record.text("execution_status");
    let source = record.child("query_source");
    let mut labels = Vec::new();
    if let Some(source) = &source {
        for key in
            ["job_info", "dashboard_id", "legacy_dashboard_id", "notebook_id", "alert_id", "genie_space_id", "pipeline_info"]
        {
            let nested = source.child(key).and_then(|nested| nested.first_text(&["job_id", "pipeline_id"]));
            if let Some(value) = source.text(key).or(nested) {
                labels.push((format!("databricks-{key}"), value.into_owned()));
            }
        }
    }
    let tags = record.value("query_tags");
    for (key, value) in tags.as_ref().and_then(|tags| tags.as_object()).into_iter().flatten() {
        labels.extend(value.as_str().map(|value| (key.clone(), value.to_owned())));
    }
    Ok(LogEntry {
        id: record.text("statement_id"),
        text: record.text("statement_text").ok_or(LogSkip::NoText)?,
        at: record.time("end_time").or_else(|| record.time("start_time")),
        milliseconds: record.number("total_duration_ms").or_else(|| milliseconds_between(record, "start_time", "end_time")),
        user: record.first_text(&["executed_by", "executed_as"]),
        session: record.text("session_id"),
        failed: status.is_some_and(|status| !status.eq_ignore_ascii_case("FINISHED")),
        bytes: record.number("read_bytes"),
        tool: record.text("client_application"),
        labels,
        ..LogEntry::default()
    })
}
