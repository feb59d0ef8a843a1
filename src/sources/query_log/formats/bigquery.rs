//! BigQuery: `INFORMATION_SCHEMA.JOBS` (docs/information-schema-jobs) and the audit log
//! (docs/reference/auditlogs), old (`jobCompletedEvent`) and new (`jobChange`).

use std::borrow::Cow;

use serde_json::Value;

use super::{super::record::Record, Read, milliseconds_between};
use crate::model::{LogEntry, LogSkip, NativeEdge};

/// One job. Of the children of a script only what is stated of their tables is taken: their parent has the
/// whole text, and their bytes.
pub(super) fn read_job<'r>(record: &Record<'r>) -> Read<'r> {
    if record.text("job_type").is_some_and(|kind| !kind.eq_ignore_ascii_case("QUERY")) {
        return Err(LogSkip::NotAQuery);
    }
    if record.text("state").is_some_and(|state| !state.eq_ignore_ascii_case("DONE")) {
        return Err(LogSkip::NotAQuery);
    }
    let failed = record.value("error_result").is_some_and(|error| has_reason(&error));
    let at = record.time("end_time").or_else(|| record.time("start_time")).or_else(|| record.time("creation_time"));
    let destination = record.value("destination_table").and_then(|table| table_name(&table));
    let native = match failed {
        true => Vec::new(),
        false => read_tables(destination.as_deref(), record.value("referenced_tables").as_ref()),
    };
    if record.text("parent_job_id").is_some() {
        return read_child(record.text("job_id"), at, native);
    }
    let text = record.text("query").ok_or(LogSkip::NoText)?;
    let session = record.child("session_info").and_then(|session| session.text("session_id"));
    Ok(LogEntry {
        id: record.text("job_id"),
        text,
        at,
        milliseconds: milliseconds_between(record, "start_time", "end_time"),
        user: record.text("user_email"),
        session,
        database: record.text("project_id"),
        failed,
        bytes: record.number("total_bytes_processed"),
        labels: record.value("labels").map(|labels| read_labels(&labels)).unwrap_or_default(),
        destination: destination.filter(|_| is_select(record.text("statement_type"))),
        native,
        ..LogEntry::default()
    })
}

fn is_select(kind: Option<Cow<'_, str>>) -> bool {
    kind.is_some_and(|kind| kind.eq_ignore_ascii_case("SELECT"))
}

/// The statement of a script.
fn read_child<'r>(id: Option<Cow<'r, str>>, at: Option<i64>, native: Vec<NativeEdge>) -> Read<'r> {
    match native.is_empty() {
        true => Err(LogSkip::NotAQuery),
        false => Ok(LogEntry { id, at, native, ..LogEntry::default() }),
    }
}

/// From which tables a job says that it wrote its destination; they lie below views.
fn read_tables(destination: Option<&str>, referenced: Option<&Value>) -> Vec<NativeEdge> {
    let Some(to) = destination else { return Vec::new() };
    let tables = referenced.and_then(Value::as_array).into_iter().flatten();
    let names = tables.filter_map(|table| match table {
        Value::String(path) => table_path(path),
        table => table_name(table),
    });
    super::stated(names.map(|from| NativeEdge::of_tables(to, from)).collect())
}

fn has_reason(error: &Value) -> bool {
    match error {
        Value::Object(members) => members.values().any(|value| value.as_str().is_some_and(|text| !text.is_empty())),
        Value::String(text) => !text.is_empty(),
        _ => false,
    }
}

/// `[{"key": …, "value": …}]`, or an object.
fn read_labels(labels: &Value) -> Vec<(String, String)> {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    match labels {
        Value::Array(list) => list
            .iter()
            .filter_map(|label| Some((text(label.get("key"))?, text(label.get("value")).unwrap_or_default())))
            .collect(),
        Value::Object(members) => members.iter().filter_map(|(key, value)| Some((key.clone(), text(Some(value))?))).collect(),
        _ => Vec::new(),
    }
}

/// The dotted name of a table reference; results that nobody named have none.
fn table_name(table: &Value) -> Option<String> {
    let part = |names: &[&str]| names.iter().find_map(|name| table.get(name)?.as_str()).map(str::to_owned);
    let (project, dataset, name) =
        (part(&["project_id", "projectId"])?, part(&["dataset_id", "datasetId"])?, part(&["table_id", "tableId"])?);
    let anonymous = dataset.starts_with('_') || name.starts_with("anon");
    // The day of a partition is no part of the table's name.
    let name = name.split('$').next().unwrap_or(&name);
    (!anonymous && !name.is_empty()).then(|| format!("{project}.{dataset}.{name}"))
}

/// One entry of the audit log.
pub(super) fn read_audit<'r>(record: &Record<'r>) -> Read<'r> {
    let payload = record.child("protoPayload").or_else(|| record.child("protopayload_auditlog")).ok_or(LogSkip::NotAQuery)?;
    let user = payload.child("authenticationInfo").and_then(|who| who.text("principalEmail"));
    let agent = payload.child("requestMetadata").and_then(|request| request.text("callerSuppliedUserAgent"));
    let at = record.time("timestamp");
    if let Some(job) = payload.descend(&["serviceData", "jobCompletedEvent", "job"]) {
        return read_old_job(&job, user, agent, at);
    }
    let metadata = payload.child("metadata").or_else(|| payload.child("metadataJson")).ok_or(LogSkip::NotAQuery)?;
    let job = metadata.descend(&["jobChange", "job"]).ok_or(LogSkip::NotAQuery)?;
    read_new_job(&job, user, agent, at)
}

fn read_old_job<'r>(job: &Record<'r>, user: Option<Cow<'r, str>>, agent: Option<Cow<'r, str>>, at: Option<i64>) -> Read<'r> {
    let query = job.descend(&["jobConfiguration", "query"]).ok_or(LogSkip::NotAQuery)?;
    let statistics = job.child("jobStatistics");
    let name = job.child("jobName");
    let default = query.child("defaultDataset");
    let project = |part: &Option<Record<'r>>| part.as_ref().and_then(|part| part.text("projectId"));
    let failed = job.child("jobStatus").and_then(|status| status.value("error")).is_some_and(|error| has_code(&error));
    let destination = query.value("destinationTable").and_then(|table| table_name(&table));
    let referenced = statistics.as_ref().filter(|_| !failed).and_then(|it| it.value("referencedTables"));
    Ok(LogEntry {
        id: name.as_ref().and_then(|name| name.text("jobId")),
        text: query.text("query").ok_or(LogSkip::NoText)?,
        at: statistics.as_ref().and_then(|it| it.time("endTime").or_else(|| it.time("startTime"))).or(at),
        milliseconds: statistics.as_ref().and_then(|it| milliseconds_between(it, "startTime", "endTime")),
        user,
        database: project(&default).or_else(|| project(&name)),
        schema: default.as_ref().and_then(|default| default.text("datasetId")),
        failed,
        bytes: statistics.as_ref().and_then(|it| it.number("totalProcessedBytes")),
        tool: agent,
        labels: job.child("jobConfiguration").and_then(|it| it.value("labels")).map(|it| read_labels(&it)).unwrap_or_default(),
        native: read_tables(destination.as_deref(), referenced.as_ref()),
        destination: destination.filter(|_| is_select(query.text("statementType"))),
        ..LogEntry::default()
    })
}

fn has_code(error: &Value) -> bool {
    error.get("code").is_some_and(|code| code.as_i64().is_some_and(|code| code != 0)) || has_reason(error)
}

fn read_new_job<'r>(job: &Record<'r>, user: Option<Cow<'r, str>>, agent: Option<Cow<'r, str>>, at: Option<i64>) -> Read<'r> {
    let config = job.child("jobConfig").ok_or(LogSkip::NotAQuery)?;
    let query = config.child("queryConfig").ok_or(LogSkip::NotAQuery)?;
    let statistics = job.child("jobStats");
    // `projects/P/jobs/J`, `projects/P/datasets/D`, `projects/P/datasets/D/tables/T`.
    let part = |path: &str, at: usize| path.split('/').nth(at).map(|part| Cow::Owned(part.to_owned()));
    let name = job.text("jobName");
    let default = query.text("defaultDataset");
    let status = job.child("jobStatus");
    let of_query = statistics.as_ref().and_then(|it| it.child("queryStats"));
    let failed = status.and_then(|status| status.value("errorResult")).is_some_and(|error| has_code(&error));
    let destination = query.text("destinationTable").and_then(|path| table_path(&path));
    let referenced = of_query.as_ref().filter(|_| !failed).and_then(|it| it.value("referencedTables"));
    let native = read_tables(destination.as_deref(), referenced.as_ref());
    let id = name.as_ref().and_then(|name| part(name, 3));
    let at = statistics.as_ref().and_then(|it| it.time("endTime").or_else(|| it.time("startTime"))).or(at);
    if statistics.as_ref().is_some_and(|it| it.text("parentJobName").is_some()) {
        return read_child(id, at, native);
    }
    Ok(LogEntry {
        id,
        text: query.text("query").ok_or(LogSkip::NoText)?,
        at,
        milliseconds: statistics.as_ref().and_then(|it| milliseconds_between(it, "startTime", "endTime")),
        user,
        database: default.as_ref().or(name.as_ref()).and_then(|path| part(path, 1)),
        schema: default.as_ref().and_then(|path| part(path, 3)),
        failed,
        bytes: of_query.and_then(|it| it.number("totalProcessedBytes")),
        tool: agent,
        labels: config.value("labels").map(|labels| read_labels(&labels)).unwrap_or_default(),
        destination: destination.filter(|_| is_select(query.text("statementType"))),
        native,
        ..LogEntry::default()
    })
}

/// `projects/P/datasets/D/tables/T` as a dotted name.
fn table_path(path: &str) -> Option<String> {
    let mut parts = path.split('/').skip(1).step_by(2);
    let (project, dataset, table) = (parts.next()?, parts.next()?, parts.next()?);
    let table = table.split('$').next().unwrap_or(table);
    (!dataset.starts_with('_') && !table.starts_with("anon")).then(|| format!("{project}.{dataset}.{table}"))
}
