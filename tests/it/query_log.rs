//! Query logs: every vendor's shape is read, who asked is told, and what is broken costs nothing else.

use std::path::{Path, PathBuf};

use wellspring::{
    config::default_service_accounts,
    model::{Asker, Dialect, LogEntry, LogFormat, LogSkip},
    sources::query_log::{AskerRules, LogFile, LogPlace, LogRequest, find_asker, find_log_files},
    sql::fingerprint,
};

/// An entry, as far as tests look at it.
#[derive(Clone, Debug, Default, PartialEq)]
struct Read {
    text: String,
    at: Option<i64>,
    ms: Option<u64>,
    bytes: Option<u64>,
    user: String,
    session: String,
    place: (String, String),
    failed: bool,
    destination: String,
    asker: Asker,
    native: usize,
}

#[derive(Debug, Default)]
struct Whole {
    format: Option<LogFormat>,
    entries: Vec<Read>,
    skips: Vec<(u64, LogSkip)>,
    place: LogPlace,
}

impl Whole {
    fn texts(&self) -> Vec<&str> {
        self.entries.iter().map(|entry| entry.text.as_str()).collect()
    }

    fn skipped(&self, skip: LogSkip) -> usize {
        self.skips.iter().filter(|(_, why)| *why == skip).count()
    }
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/logs").join(name)
}

fn take(entry: &LogEntry<'_>, format: LogFormat) -> Read {
    let text = |value: &Option<std::borrow::Cow<'_, str>>| value.as_deref().unwrap_or_default().to_owned();
    let shape = fingerprint(&entry.text, entry.dialect.or(format.dialect()).unwrap_or(Dialect::Generic));
    let comments = shape.comments.iter().map(|span| &entry.text[span.start as usize..span.end as usize]);
    let people = [("metabase:7".to_owned(), "cleo@example.com".to_owned())];
    let rules = AskerRules { service_accounts: default_service_accounts(), people: people.into() };
    Read {
        text: entry.text.trim().to_owned(),
        at: entry.at,
        ms: entry.milliseconds,
        bytes: entry.bytes,
        user: text(&entry.user),
        session: text(&entry.session),
        place: (text(&entry.database), text(&entry.schema)),
        failed: entry.failed,
        destination: entry.destination.clone().unwrap_or_default(),
        asker: find_asker(entry, comments, &rules),
        native: entry.native.len(),
    }
}

fn read_from(path: &Path, request: &LogRequest, places: &[LogPlace]) -> Whole {
    let mut file = LogFile::open(path, request, places).unwrap();
    let format = file.format();
    let mut whole = Whole { format: Some(format), place: file.place(), ..Whole::default() };
    while let Some(block) = file.next_block().unwrap() {
        whole.place = block.place();
        block.read(&mut |line, entry| match entry {
            Ok(entry) => whole.entries.push(take(&entry, format)),
            Err(skip) => whole.skips.push((line, skip)),
        });
    }
    whole
}

fn read(name: &str) -> Whole {
    read_from(&fixture(name), &LogRequest::default(), &[])
}

fn person(name: &str) -> Asker {
    Asker { person: Some(name.to_owned()), ..Asker::default() }
}

/// <https://cloud.google.com/bigquery/docs/information-schema-jobs>
#[test]
fn bigquery_jobs_are_read_without_the_children_of_scripts() {
    let whole = read("bigquery_jobs.jsonl");
    assert_eq!(whole.format, Some(LogFormat::BigqueryJobs));
    assert_eq!(whole.entries.len(), 5);
    assert_eq!(whole.skipped(LogSkip::NotAQuery), 2, "a child and a load");
    let first = &whole.entries[0];
    assert_eq!((first.at, first.ms, first.bytes), (Some(1_795_161_605), Some(5_000), Some(1_048_576)));
    assert_eq!(first.place.0, "shop");
    assert_eq!(first.destination, "", "the text names it");
    let airflow = Asker {
        via: Some("etl@shop.iam.gserviceaccount.com".into()),
        tool: Some("airflow".into()),
        object: Some("dag:nightly/orders".into()),
        scheduled: true,
        ..Asker::default()
    };
    assert_eq!(first.asker, airflow);
    assert_eq!(whole.entries[1].asker, person("analyst@example.com"));
    assert_eq!(whole.entries[1].destination, "", "results that nobody named");
    assert!(whole.entries[2].failed);
    assert!(whole.entries[3].text.starts_with("CREATE TEMP TABLE"));
    assert_eq!(whole.entries[4].destination, "shop.mart.daily", "a partition's day is no part of the name");
    assert!(whole.entries[4].asker.scheduled);
}

/// <https://cloud.google.com/bigquery/docs/reference/auditlogs>
#[test]
fn bigquery_audit_entries_are_read_in_both_shapes() {
    let whole = read("bigquery_audit.jsonl");
    assert_eq!(whole.format, Some(LogFormat::BigqueryAudit));
    assert_eq!(whole.texts(), ["SELECT id FROM orders WHERE note = 'secret'", "SELECT id FROM raw.orders"]);
    assert_eq!(whole.entries[0].place, ("shop".to_owned(), "raw".to_owned()));
    assert_eq!((whole.entries[0].failed, whole.entries[0].ms), (false, Some(2_000)));
    assert_eq!(whole.entries[1].destination, "shop.mart.ids");
    assert_eq!(whole.entries[1].asker.object.as_deref(), Some("dag:ids/load"));
    assert_eq!(whole.skipped(LogSkip::NotAQuery), 1);
}

/// <https://docs.snowflake.com/en/sql-reference/account-usage/query_history>
#[test]
fn snowflake_history_is_read_with_texts_over_several_lines() {
    let whole = read("snowflake_query_history.csv");
    assert_eq!(whole.format, Some(LogFormat::Snowflake));
    assert_eq!(whole.entries.len(), 4);
    assert_eq!(whole.entries[0].at, Some(1_795_165_201));
    assert_eq!((whole.entries[0].session.as_str(), whole.entries[2].session.as_str()), ("77", "77"));
    assert_eq!(whole.entries[2].asker.tool.as_deref(), Some("dbt"));
    assert_eq!(whole.entries[2].asker.object.as_deref(), Some("model.shop.totals"));
    let tableau = &whole.entries[3];
    assert!(tableau.failed);
    assert_eq!((tableau.asker.tool.as_deref(), tableau.asker.object.as_deref()), (Some("tableau"), Some("dashboard:d-1")));
    assert_eq!((tableau.asker.person.as_deref(), tableau.asker.via.as_deref()), (Some("tableau:u-9"), Some("TABLEAU_SVC")));
}

/// <https://docs.snowflake.com/en/sql-reference/account-usage/access_history>
#[test]
fn snowflake_access_history_states_column_lineage() {
    let whole = read("snowflake_access_history.jsonl");
    assert_eq!(whole.format, Some(LogFormat::SnowflakeAccess));
    assert_eq!(whole.entries.iter().map(|entry| entry.native).collect::<Vec<_>>(), [2], "a column, and its table");
}

/// <https://www.postgresql.org/docs/current/runtime-config-logging.html>
#[test]
fn postgres_csvlog_and_jsonlog_are_read() {
    let whole = read("postgres_26.csv");
    assert_eq!(whole.format, Some(LogFormat::PostgresCsv));
    let texts = [
        "select total from mart.totals where day = '2026-11-19'",
        "insert into raw.orders (id, amount)\nvalues ($1, $2)",
        "select totl from mart.totals",
        "select totl from mart.totals",
    ];
    assert_eq!(whole.texts(), texts);
    assert_eq!(whole.entries[1].ms, Some(3));
    assert_eq!(whole.entries.iter().map(|entry| entry.failed).collect::<Vec<_>>(), [false, false, false, true]);
    assert_eq!(whole.entries[0].asker, Asker { tool: Some("psql".into()), ..person("ana") });
    assert_eq!(whole.skipped(LogSkip::NotAQuery), 2, "a duration without a text, and a checkpoint");
    assert_eq!(read("postgres_23.csv").texts(), ["select total from mart.totals"]);
    let json = read("postgres_jsonlog.json");
    assert_eq!(json.format, Some(LogFormat::PostgresJson));
    assert_eq!(json.texts(), ["select total from mart.totals", "select totl from mart.totals"]);
    assert_eq!((json.entries[0].failed, json.entries[1].failed), (false, true));
}

/// <https://www.postgresql.org/docs/current/pgstatstatements.html>
#[test]
fn pg_stat_statements_is_read() {
    let whole = read("pg_stat_statements.csv");
    assert_eq!(whole.format, Some(LogFormat::PostgresStatements));
    assert_eq!(whole.entries.len(), 2);
    assert_eq!((whole.entries[0].at, whole.entries[0].ms, whole.entries[0].user.as_str()), (None, Some(420), "ana"));
}

/// <https://docs.aws.amazon.com/redshift/latest/dg/SYS_QUERY_HISTORY.html>
#[test]
fn redshift_history_is_read() {
    let whole = read("redshift_sys_query_history.csv");
    assert_eq!(whole.format, Some(LogFormat::Redshift));
    assert_eq!(whole.entries.len(), 2);
    let redash = &whole.entries[0];
    assert_eq!((redash.ms, redash.asker.object.as_deref()), (Some(2_000), Some("query:42")));
    assert_eq!((redash.asker.person.as_deref(), redash.asker.scheduled), (Some("ana@example.com"), true));
    assert!(whole.entries[1].failed);
}

/// <https://docs.databricks.com/aws/en/admin/system-tables/query-history>
#[test]
fn databricks_history_is_read() {
    let whole = read("databricks_query_history.jsonl");
    assert_eq!(whole.format, Some(LogFormat::Databricks));
    assert_eq!(whole.entries[0].asker.object.as_deref(), Some("dashboard:dash-1"));
    assert_eq!((whole.entries[0].ms, whole.entries[0].bytes, whole.entries[0].failed), (Some(321), Some(777), false));
    assert_eq!((whole.entries[1].asker.object.as_deref(), whole.entries[1].failed), (Some("job:12"), true));
    assert!(whole.entries[1].asker.scheduled);
}

/// <https://trino.io/docs/current/admin/event-listeners-http.html>
#[test]
fn trino_events_are_read_with_the_lineage_that_they_state() {
    let whole = read("trino_events.jsonl");
    assert_eq!(whole.format, Some(LogFormat::Trino));
    assert_eq!(whole.entries.iter().map(|entry| (entry.native, entry.failed)).collect::<Vec<_>>(), [(2, false), (0, true)]);
    assert_eq!((whole.entries[0].ms, whole.entries[0].place.0.as_str()), (Some(1_500), "lake"));
    assert!(whole.entries[0].asker.scheduled);
    assert_eq!(whole.entries[1].asker.tool.as_deref(), Some("Superset"));
}

/// <https://clickhouse.com/docs/operations/system-tables/query_log>
#[test]
fn clickhouse_log_is_read_without_starts_and_shards() {
    let whole = read("clickhouse_query_log.jsonl");
    assert_eq!(whole.format, Some(LogFormat::Clickhouse));
    assert_eq!(whole.texts(), ["SELECT total FROM mart.totals", "SELECT totl FROM mart.totals"]);
    let metabase = &whole.entries[0].asker;
    assert_eq!((metabase.tool.as_deref(), metabase.object.as_deref()), (Some("metabase"), Some("card:5")));
    assert_eq!(metabase.person.as_deref(), Some("cleo@example.com"), "the map of people knows number 7");
    assert!(whole.entries[1].failed);
}

#[test]
fn a_log_of_no_vendor_is_read_and_what_is_broken_in_it_is_counted() {
    let whole = read("generic.jsonl");
    assert_eq!(whole.format, Some(LogFormat::Generic));
    assert_eq!(whole.entries.len(), 2);
    let metabase = &whole.entries[0].asker;
    assert_eq!((metabase.object.as_deref(), metabase.via.as_deref()), (Some("dashboard:12"), Some("metabase_app")));
    assert!(whole.entries[1].failed);
    let skips = [(3, LogSkip::Broken), (4, LogSkip::NoTime), (5, LogSkip::NoText), (6, LogSkip::Broken), (7, LogSkip::Truncated)];
    assert_eq!(whole.skips, skips);
    let columns = [("query", "sql_string"), ("timestamp", "ran_at"), ("user", "who"), ("status", "outcome")];
    let columns = columns.map(|(field, column)| (field.to_owned(), column.to_owned())).into();
    let mapped = read_from(&fixture("generic_mapped.csv"), &LogRequest { columns, format: None }, &[]);
    assert_eq!(mapped.texts(), ["select total\nfrom mart.totals", "select totl from mart.totals"]);
    assert_eq!(mapped.entries.iter().map(|entry| entry.failed).collect::<Vec<_>>(), [false, true]);
}

#[test]
fn tags_of_every_tool_say_who_asked_and_what_for() {
    let entry = |text: &'static str| LogEntry { text: text.into(), user: Some("svc_bi".into()), ..LogEntry::default() };
    let asker = |text: &'static str| take(&entry(text), LogFormat::Generic).asker;
    let told = |text: &'static str| {
        let asker = asker(text);
        let part = |part: Option<String>| part.unwrap_or_default();
        (part(asker.person), part(asker.tool), part(asker.object), asker.scheduled)
    };
    let is =
        |person: &str, tool: &str, object: &str, scheduled| (person.to_owned(), tool.to_owned(), object.to_owned(), scheduled);
    assert_eq!(
        told(r#"/* {"node_id": "model.shop.orders", "app": "dbt", "dbt_version": "1.9"} */ select 1"#),
        is("", "dbt", "model.shop.orders", true)
    );
    assert_eq!(
        told("-- Looker Query Context '{\"user_id\":6,\"history_slug\":\"x1\",\"instance_slug\":\"y\"}'\nselect 1"),
        is("looker:6", "looker", "", false)
    );
    assert_eq!(
        told(
            "select 1 -- Hex query metadata: {\"context\":\"SCHEDULED_RUN\",\"project_id\":\"p1\",\"user_email\":\"ana@example.com\"}"
        ),
        is("ana@example.com", "hex", "project:p1", true)
    );
    assert_eq!(
        told(
            "select 1\n--{\"user\":\"ana\",\"email\":\"ana@example.com\",\"url\":\"https://bi.example.com/r/1?x=secret\",\"scheduled\":false}"
        ),
        is("ana@example.com", "mode", "https://bi.example.com/r/1", false)
    );
    assert_eq!(
        told("select 1\n-- Sigma Σ {\"request-id\":\"r\",\"email\":\"ana@example.com\"}"),
        is("ana@example.com", "sigma", "", false)
    );
    assert_eq!(
        told("-- superset: {\"user\":\"ana\",\"dashboard_id\":3,\"slice_id\":9}\nselect 1"),
        is("ana", "superset", "dashboard:3", false)
    );
    assert_eq!(told("select 1 -- a comment that says nothing"), is("", "", "", true));
    assert_eq!(asker("select 1").via.as_deref(), Some("svc_bi"));
}

#[test]
fn a_file_that_grew_was_packed_or_renamed_goes_on_where_it_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.jsonl");
    let line = |number: u32| format!("{{\"query\":\"select {number}\",\"timestamp\":\"2026-11-20\",\"user\":\"ana\"}}\n");
    std::fs::write(&path, (0..50).map(line).collect::<String>()).unwrap();
    let first = read_from(&path, &LogRequest::default(), &[]);
    assert_eq!(first.entries.len(), 50);
    assert_eq!(read_from(&path, &LogRequest::default(), &[first.place]).entries.len(), 0);
    let grown: String = (0..60).map(line).collect();
    std::fs::write(&path, &grown).unwrap();
    let second = read_from(&path, &LogRequest::default(), &[first.place]);
    assert_eq!(second.texts(), (50..60).map(|number| format!("select {number}")).collect::<Vec<_>>());
    for (name, bytes) in [("b.jsonl.gz", gzip(grown.as_bytes())), ("c.jsonl.zst", zstd::encode_all(grown.as_bytes(), 3).unwrap())]
    {
        let packed = folder.path().join(name);
        std::fs::write(&packed, bytes).unwrap();
        assert_eq!(read_from(&packed, &LogRequest::default(), &[first.place]).entries.len(), 10, "{name}");
        assert_eq!(read_from(&packed, &LogRequest::default(), &[]).entries.len(), 60, "{name}");
    }
    let other: String = (0..60).map(|number| line(number + 7)).collect();
    std::fs::write(&path, other).unwrap();
    assert_eq!(read_from(&path, &LogRequest::default(), &[first.place]).entries.len(), 60, "another file under the old name");
    assert_eq!(find_log_files(folder.path()).unwrap().len(), 3);
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

#[test]
fn lists_of_objects_and_a_quote_that_is_never_closed_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("list.json");
    let object =
        |number: u32| format!("  {{\n    \"query\": \"select '{{' || {number}\",\n    \"timestamp\": \"2026-11-20\"\n  }}");
    std::fs::write(&path, format!("[\n{}\n]\n", (0..5).map(object).collect::<Vec<_>>().join(",\n"))).unwrap();
    let whole = read_from(&path, &LogRequest::default(), &[]);
    assert_eq!((whole.entries.len(), whole.skips.len()), (5, 0));
    let path = folder.path().join("quote.csv");
    let mut rows = "query,timestamp\n".to_owned();
    for number in 0..40 {
        let quote = if number == 20 { "\"" } else { "" };
        rows.push_str(&format!("{quote}select {number},2026-11-20\n"));
    }
    std::fs::write(&path, rows).unwrap();
    let whole = read_from(&path, &LogRequest::default(), &[]);
    assert_eq!((whole.entries.len(), whole.skipped(LogSkip::Broken)), (39, 1), "{:?}", whole.skips);
    let path = folder.path().join("long.jsonl");
    let long = "x".repeat(17 << 20);
    let entry = |text: &str| format!("{{\"query\":\"select '{text}'\",\"timestamp\":\"2026-11-20\"}}\n");
    std::fs::write(&path, [entry("a"), entry(&long), entry("b"), entry(&"y".repeat(1 << 20))].concat()).unwrap();
    let whole = read_from(&path, &LogRequest::default(), &[]);
    assert_eq!((whole.entries.len(), whole.skipped(LogSkip::TooLong)), (3, 1), "{:?}", whole.skips);
}

#[test]
fn what_unpacks_to_far_more_than_a_log_does_is_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bomb.jsonl.zst");
    let mut packed = zstd::stream::write::Encoder::new(std::fs::File::create(&path).unwrap(), 1).unwrap();
    use std::io::Write;
    packed.write_all(b"{\"query\":\"select 1\",\"timestamp\":\"2026-11-20\"}\n").unwrap();
    let blank = vec![b' '; 1 << 22];
    for _ in 0..80 {
        packed.write_all(&blank).unwrap();
    }
    packed.finish().unwrap();
    let mut file = LogFile::open(&path, &LogRequest::default(), &[]).unwrap();
    let error = loop {
        match file.next_block() {
            Ok(Some(_)) => {}
            Ok(None) => panic!("it was read to its end"),
            Err(error) => break error.to_string(),
        }
    };
    assert!(error.contains("far more"), "{error}");
}
