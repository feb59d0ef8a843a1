//! The demo company's query log: 90 days, made here from a seed, and the stories that must be found
//! in it.
//!
//! `WELLSPRING_WRITE_DEMO_LOG=1 cargo test --test it demo_log` writes `fixtures/demo/logs/jobs.jsonl.zst`.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use wellspring::{
    catalog::{Catalog, StalenessRules, Verdict},
    config::Config,
    crawl::{Silent, crawl},
    model::EdgeState,
};

/// The first day, seconds since 1970 UTC: 2026-08-25.
const FIRST: i64 = 1_787_616_000;
const DAYS: i64 = 90;
const SEED: u64 = 20_261_122;

/// Kept fresh for nobody.
const REFRESHED_FOR_NOBODY: &str = "growth_reporting.search_quality";
/// Read once a quarter, by one director.
const READ_ONCE: &str = "finance_reporting.board_pack";
const DEPRECATED: &str = "legacy.churn_daily_v1";
const SHADOW: &str = "scratch.vip_accounts";

struct Generator {
    state: u64,
    jobs: u64,
    /// (time, JSON), to be sorted.
    lines: Vec<(i64, String)>,
}

/// Who asks, and through what.
struct Sender<'a> {
    user: &'a str,
    labels: &'a [(&'a str, String)],
    comment: String,
}

impl Generator {
    fn random(&mut self, below: u64) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state >> 11) % below
    }

    fn run(&mut self, at: i64, sender: &Sender<'_>, sql: &str, failed: bool) {
        self.jobs += 1;
        let seconds = 1 + self.random(30) as i64;
        let bytes = (1 + self.random(4_000)) << 20;
        let labels: Vec<_> = sender.labels.iter().map(|(key, value)| serde_json::json!({"key": key, "value": value})).collect();
        let error = if failed { serde_json::json!({"reason": "invalidQuery"}) } else { serde_json::Value::Null };
        let line = serde_json::json!({
            "job_id": format!("job_{:06}", self.jobs), "job_type": "QUERY", "state": "DONE", "project_id": "tidemark",
            "user_email": sender.user, "creation_time": time(at), "start_time": time(at), "end_time": time(at + seconds),
            "query": format!("{}{sql}", sender.comment), "total_bytes_processed": if failed { 0 } else { bytes }.to_string(),
            "error_result": error, "labels": labels,
        });
        self.lines.push((at, line.to_string()));
    }

    fn person(&mut self, day: i64, person: &str, sql: &str, failed: bool) -> i64 {
        let at = FIRST + day * 86_400 + 8 * 3_600 + self.random(9 * 3_600) as i64;
        let user = format!("{person}@tidemark.example.com");
        self.run(at, &Sender { user: &user, labels: &[], comment: String::new() }, sql, failed);
        at
    }

    fn dashboard(&mut self, day: i64, number: u64, user: u64, sql: &str) {
        let at = FIRST + day * 86_400 + 8 * 3_600 + self.random(9 * 3_600) as i64;
        let comment = format!("-- Metabase:: userID: {user} queryType: MBQL queryHash: 5f dashboardID: {number}\n");
        self.run(at, &Sender { user: "metabase@tidemark.iam.gserviceaccount.com", labels: &[], comment }, sql, false);
    }

    fn schedule(&mut self, day: i64, dag: &str, task: &str, sql: &str) {
        let at = FIRST + day * 86_400 + 3 * 3_600 + self.random(3_600) as i64;
        let labels = [("airflow-dag", dag.to_owned()), ("airflow-task", task.to_owned())];
        let user = "airflow@tidemark.iam.gserviceaccount.com";
        self.run(at, &Sender { user, labels: &labels, comment: String::new() }, sql, false);
    }
}

fn time(at: i64) -> String {
    jiff::Timestamp::from_second(at).unwrap().strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

fn demo() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/demo")
}

fn log_file() -> PathBuf {
    demo().join("logs/jobs.jsonl.zst")
}

/// Tables and views of the repositories: dataset.table → its query, "" where it is a view or a template.
fn tables() -> BTreeMap<String, String> {
    let mut tables = BTreeMap::new();
    for team in ["platform", "growth", "finance"] {
        let datasets = demo().join(team).join("sql/tidemark");
        for dataset in list(&datasets) {
            for table in list(&dataset) {
                let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
                let dotted = format!("{}.{}", name(&dataset), name(&table));
                let query = std::fs::read_to_string(table.join("query.sql"))
                    .ok()
                    .filter(|text| !text.contains("{%") && !text.contains("{{"));
                let is_table = table.join("query.sql").exists() || table.join("view.sql").exists();
                if is_table && name(&dataset) != "udf" {
                    tables.insert(dotted, query.unwrap_or_default());
                }
            }
        }
    }
    for view in list(&demo().join("support/reports")) {
        tables.insert(format!("support_reporting.{}", view.file_stem().unwrap().to_string_lossy()), String::new());
    }
    // Ends of their own: nothing in the repositories reads them, people do.
    for table in ["csat_daily", "ticket_history"] {
        tables.insert(format!("support.{table}"), String::new());
    }
    tables
}

fn list(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// Everything that happened in 90 days.
fn generate() -> String {
    let mut out = Generator { state: SEED, jobs: 0, lines: Vec::new() };
    let people = [
        "growth-analyst",
        "growth-lead",
        "content-analyst",
        "finance-analyst",
        "support-analyst",
        "data-engineer",
        "product-manager",
    ];
    let tables = tables();
    for day in 0..DAYS {
        for (table, query) in tables.iter().filter(|(table, query)| !query.is_empty() && table.as_str() != DEPRECATED) {
            let dataset = table.split('.').next().unwrap_or_default();
            out.schedule(
                day,
                &format!("daily_{dataset}"),
                table,
                &format!("CREATE OR REPLACE TABLE tidemark.{table} AS\n{query}"),
            );
        }
        for use_ in ["search_quality_mail", "search_quality_sheet", "search_quality_cache"] {
            let sql = format!(
                "SELECT * FROM tidemark.{REFRESHED_FOR_NOBODY} WHERE week = DATE '{}'",
                &time(FIRST + day * 86_400)[..10]
            );
            out.schedule(day, use_, "extract", &sql);
        }
        for (number, (table, _)) in tables.iter().enumerate() {
            let quiet = [REFRESHED_FOR_NOBODY, READ_ONCE, DEPRECATED].contains(&table.as_str());
            let popular = table.contains("churn")
                || table.contains("mrr_monthly")
                || table.contains("executive")
                || table.contains("dim_account");
            let chance = if popular { 1 } else { 7 + number as u64 % 5 };
            if quiet || out.random(chance) != 0 {
                continue;
            }
            let person = people[out.random(people.len() as u64) as usize];
            match out.random(3) {
                0 => out.person(day, person, &format!("SELECT * FROM tidemark.{table} LIMIT {}", 10 + out.state % 90), false),
                1 => out.person(day, person, &format!("SELECT COUNT(*) FROM tidemark.{table}"), false),
                _ => {
                    let user = 1 + out.random(6);
                    out.dashboard(day, number as u64 % 9 + 1, user, &format!("SELECT * FROM tidemark.{table}"));
                    0
                }
            };
        }
        tell_stories(&mut out, day);
    }
    out.lines.sort();
    out.lines.into_iter().map(|(_, line)| line + "\n").collect()
}

fn tell_stories(out: &mut Generator, day: i64) {
    if day == 37 {
        let sql = format!("SELECT month, mrr, churn_rate FROM tidemark.{READ_ONCE} ORDER BY month DESC LIMIT 3");
        out.person(day, "finance-director", &sql, false);
    }
    if day % 7 == 1 {
        let sql = format!(
            "CREATE OR REPLACE TABLE tidemark.{SHADOW} AS SELECT a.account_id, a.country FROM tidemark.core.dim_account AS a WHERE a.country = 'NL'"
        );
        let at = FIRST + day * 86_400 + 5 * 3_600;
        let labels = [("data_source_id", "scheduled_query".to_owned())];
        out.run(at, &Sender { user: "growth-lead@tidemark.example.com", labels: &labels, comment: String::new() }, &sql, false);
        out.person(day, "growth-lead", &format!("SELECT account_id FROM tidemark.{SHADOW}"), false);
    }
    if day % 9 == 2 {
        let person = if day % 2 == 0 { "content-analyst" } else { "product-manager" };
        let at = out.person(day, person, "SELECT title_name FROM tidemark.core.dim_title WHERE genre = 'drama'", true);
        let user = format!("{person}@tidemark.example.com");
        let sender = || Sender { user: &user, labels: &[], comment: String::new() };
        out.run(at + 60, &sender(), "SELECT title_name FROM tidemark.core.dim_title WHERE genre = 'comedy'", true);
        out.run(at + 180, &sender(), "SELECT title FROM tidemark.core.dim_title WHERE genre = 'drama'", false);
    }
    if day % 11 == 4 {
        let person = if day % 2 == 0 { "growth-lead" } else { "ceo-office" };
        out.person(day, person, &format!("SELECT churn_rate FROM tidemark.{DEPRECATED} LIMIT 30"), false);
    }
}

#[test]
fn the_log_in_the_fixtures_is_what_the_seed_makes() {
    let made = generate();
    if std::env::var_os("WELLSPRING_WRITE_DEMO_LOG").is_some() {
        let mut packed = zstd::stream::write::Encoder::new(std::fs::File::create(log_file()).unwrap(), 19).unwrap();
        packed.long_distance_matching(true).unwrap();
        std::io::Write::write_all(&mut packed, made.as_bytes()).unwrap();
        packed.finish().unwrap();
    }
    let stored = zstd::decode_all(std::fs::File::open(log_file()).unwrap()).unwrap();
    assert!(stored == made.as_bytes(), "the log differs from what the seed makes; see the top of this file");
}

#[test]
fn the_stories_are_found_and_nothing_else_is_accused() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config { data: Some(folder.path().to_owned()), ..Config::load(&demo().join("wellspring.toml")).unwrap() };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let catalog = runtime.block_on(Catalog::open(folder.path())).unwrap();
    let report = runtime.block_on(crawl(&config, catalog.store(), &Silent)).unwrap();
    assert_eq!(report.failed, []);
    runtime.block_on(catalog.refresh()).unwrap();
    let view = catalog.view();
    let ledger = runtime.block_on(view.ledger(StalenessRules::default())).unwrap();
    let of = |verdict: Verdict| -> Vec<&str> {
        // Of charts and dashboards no log was read.
        let of_warehouse = ledger.entries.iter().filter(|entry| entry.asset.namespace == "bigquery");
        let entries = of_warehouse.filter(|entry| entry.judged.verdict == verdict);
        entries.map(|entry| entry.asset.name.strip_prefix("tidemark.").unwrap_or(&entry.asset.name)).collect()
    };
    assert_eq!(of(Verdict::OnlyRefreshed), [REFRESHED_FOR_NOBODY]);
    assert_eq!(of(Verdict::DeprecatedButUsed), [DEPRECATED]);
    assert_eq!((of(Verdict::Unused), of(Verdict::Orphaned), of(Verdict::Unknown)), (vec![], vec![], vec![]));
    let elsewhere = ledger.entries.iter().filter(|entry| entry.asset.namespace != "bigquery");
    assert!(elsewhere.clone().count() == 5 && elsewhere.clone().all(|entry| entry.judged.verdict == Verdict::Unknown));
    let entry = |name: &str| ledger.entries.iter().find(|entry| entry.asset.name.ends_with(name)).unwrap();
    assert_eq!((entry(READ_ONCE).judged.verdict, entry(READ_ONCE).people), (Verdict::InUse, 1));
    assert!(entry(DEPRECATED).people == 2, "its two last users");
    let usage = runtime.block_on(view.show_usage("bigquery", &format!("tidemark.{REFRESHED_FOR_NOBODY}"))).unwrap();
    let schedules = usage.tools.iter().filter(|tool| tool.scheduled && tool.object.starts_with("dag:search_quality_")).count();
    assert_eq!((schedules, usage.people.len()), (3, 0));
    let observed = runtime.block_on(view.evidence(Some(EdgeState::Observed))).unwrap();
    let shadows: Vec<(&str, &str)> = observed.reads.iter().map(|read| (read.to.name.as_str(), read.from.name.as_str())).collect();
    assert_eq!(shadows, [("tidemark.scratch.vip_accounts", "tidemark.core.dim_account")]);
    let card = runtime.block_on(view.scorecard()).unwrap();
    assert_eq!(card.failing[0].query.text, "select title_name from tidemark . core . dim_title where genre = ?");
    assert_eq!(card.failing[0].people.len(), 2);
}
