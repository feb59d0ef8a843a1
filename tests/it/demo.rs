//! The demo company of `fixtures/demo/`: what its README promises is there to find.

use std::{
    collections::BTreeSet,
    path::Path,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use wellspring::{
    catalog::{AssetAnswer, Catalog, Direction, SearchQuery, TraceQuery, View},
    config::Config,
    crawl::{self, CrawlReport, Silent},
    model::{AssetRole, DocumentRole, Fact, FactKind, Reading, RelationName, Subject},
    sources::{self, At, NoProgress, Request},
};

/// The three teams' calculations of churn.
const CHURNS: [&str; 3] = [
    "tidemark.finance_reporting.churn_accounts",
    "tidemark.growth_reporting.churn_monthly",
    "tidemark.support_reporting.churn_by_contact",
];

#[test]
fn searching_churn_shows_the_three_calculations_first() {
    let crawled = crawled();
    let query = SearchQuery { text: "churn".to_owned(), ..SearchQuery::default() };
    let answer = crawled.ask(crawled.view().search(&query));
    let mut first: Vec<&str> = Vec::new();
    for hit in &answer.hits {
        if !first.contains(&hit.asset.name.as_str()) && first.len() < CHURNS.len() {
            first.push(&hit.asset.name);
        }
    }
    first.sort_unstable();
    assert_eq!(first, CHURNS);
    let old = answer.hits.iter().find(|hit| hit.asset.name == "tidemark.legacy.churn_daily_v1").unwrap();
    assert!(old.asset.deprecated);
    let replacement = old.replacement.as_ref().and_then(|replacement| replacement.asset.as_ref()).unwrap();
    assert_eq!(replacement.name, "tidemark.growth_reporting.churn_monthly");
}

#[test]
fn every_exact_name_is_found_first() {
    let crawled = crawled();
    let names = crawled.names();
    assert!(names.len() > 50, "{names:?}");
    for name in names {
        let query = SearchQuery { text: name.clone(), ..SearchQuery::default() };
        let answer = crawled.ask(crawled.view().search(&query));
        assert_eq!(answer.hits.first().map(|hit| hit.asset.name.as_str()), Some(name.as_str()));
    }
}

#[test]
fn every_churn_rate_traces_back_to_the_billing_events() {
    let crawled = crawled();
    for churn in CHURNS.into_iter().chain(["tidemark.growth_reporting.executive_summary"]) {
        let query = TraceQuery {
            namespace: "bigquery".to_owned(),
            name: churn.to_owned(),
            column: Some("churn_rate".to_owned()),
            direction: Direction::Upstream,
            ..TraceQuery::default()
        };
        let answer = crawled.ask(crawled.view().trace(&query));
        let roots: BTreeSet<&str> = answer.columns.iter().map(|traced| traced.column.asset.name.as_str()).collect();
        assert!(roots.contains("tidemark.raw.billing_events"), "{churn} reaches only {roots:?}");
        assert!(!answer.cut);
    }
}

#[test]
fn every_statement_parses_and_every_column_resolves() {
    let crawled = crawled();
    let counts = crawled.ask(crawled.view().diagnostic_counts());
    let expected = ["unknown-relation", "dependency-cycle", "mended-syntax", "unsupported-statement"];
    let unexpected: Vec<String> = counts
        .iter()
        .filter(|count| !expected.contains(&count.code.as_str()))
        .map(|count| crawled.describe(&count.code))
        .collect();
    assert!(unexpected.is_empty(), "{}", unexpected.join("\n"));
}

#[test]
fn every_reporting_table_has_all_its_columns() {
    let crawled = crawled();
    let reports: Vec<String> = crawled.names().into_iter().filter(|name| name.contains("_reporting.")).collect();
    assert!(reports.len() >= 30, "{reports:?}");
    for report in reports {
        let asset = crawled.show(&report);
        assert!(asset.columns_complete, "{report}");
        assert!(!asset.columns.is_empty(), "{report}");
        for column in &asset.columns {
            assert!(column.inferred, "{report}.{} is declared, and its SQL does not yield it", column.name);
        }
        assert!(!asset.upstream.is_empty(), "{report}");
    }
}

#[test]
fn a_second_crawl_changes_nothing() {
    let crawled = Crawled::new();
    let before = crawled.export();
    let again = crawled.crawl();
    assert!(again.unchanged);
    crawled.ask(crawled.catalog.refresh());
    assert_eq!(crawled.export(), before);
}

#[test]
fn two_cold_crawls_export_the_same_bytes() {
    assert_eq!(Crawled::new().export(), crawled().export());
}

#[test]
fn a_live_report_still_reads_the_deprecated_table() {
    let crawled = crawled();
    let old = crawled.show("tidemark.legacy.churn_daily_v1");
    let readers: Vec<&str> = old.downstream.iter().map(|reader| reader.asset.name.as_str()).collect();
    assert_eq!(readers, ["Churn a day (old) (2)", "tidemark.growth_reporting.executive_summary"]);
    assert_eq!(old.deprecation.and_then(|deprecation| deprecation.date).as_deref(), Some("2026-12-31"));
}

#[test]
fn the_table_that_nobody_owns_is_read_by_many() {
    let crawled = crawled();
    let status = crawled.show("tidemark.core.account_status_daily");
    assert_eq!(status.owners, Vec::new());
    assert!(status.downstream.len() >= 8, "{:?}", status.downstream);
}

#[test]
fn a_chain_of_stars_shows_every_column_and_inherits_its_meaning() {
    let crawled = crawled();
    let web = crawled.show("tidemark.growth.sessions_web");
    let names: Vec<&str> = web.columns.iter().map(|column| column.name.as_str()).collect();
    for expected in ["event_id", "search", "device_family", "signup_channel", "referrer"] {
        assert!(names.contains(&expected), "{names:?}");
    }
    for excepted in ["received_at", "context", "items"] {
        assert!(!names.contains(&excepted), "{names:?}");
    }
    let locale = web.columns.iter().find(|column| column.name == "session_id").unwrap();
    let meaning = locale.description.as_ref().unwrap();
    assert!(meaning.text.starts_with("Groups the events of one visit"), "{}", meaning.text);
    assert_eq!(meaning.inherited_from.as_ref().unwrap().asset.name, "tidemark.raw.app_events");
}

#[test]
fn temporary_tables_are_composed_away() {
    let crawled = crawled();
    assert!(crawled.names().iter().all(|name| !name.contains("month_revenue") && !name.contains("month_content")));
    let close = crawled.show("tidemark.finance.monthly_close");
    let upstream: Vec<&str> = close.upstream.iter().map(|source| source.asset.name.as_str()).collect();
    for expected in
        ["tidemark.finance.revenue_recognised_daily", "tidemark.finance.content_costs_daily", "tidemark.core.fct_refunds"]
    {
        assert!(upstream.contains(&expected), "{upstream:?}");
    }
}

#[test]
fn a_table_that_nothing_defines_is_external() {
    let crawled = crawled();
    assert_eq!(crawled.show("chartwell-share.weekly.title_chart").asset.role, AssetRole::External);
    assert_eq!(crawled.show("tidemark.raw.billing_events").asset.role, AssetRole::Source);
}

#[test]
fn every_file_of_the_demo_is_read_without_a_complaint() {
    for (name, reading) in read_sources() {
        assert_eq!(reading.diagnostics, Vec::new(), "{name}");
        let least = if name == "dashboards" { 7 } else { 20 };
        assert!(reading.documents.len() >= least, "{name} has {} documents", reading.documents.len());
    }
}

#[test]
fn the_old_churn_table_is_deprecated_with_a_date_and_a_replacement() {
    let facts = facts_about("growth", "tidemark.legacy.churn_daily_v1");
    let found = facts.iter().find_map(|fact| match &fact.what {
        FactKind::Deprecated { date, replacement, .. } => Some((date.as_deref(), replacement.as_deref())),
        _ => None,
    });
    assert_eq!(found, Some((Some("2026-12-31"), Some("growth_reporting.churn_monthly"))));
}

#[test]
fn the_most_read_core_table_has_neither_owner_nor_reviewer() {
    assert_eq!(people("platform", "tidemark.core.account_status_daily"), Vec::<String>::new());
    let owned = people("platform", "tidemark.core.dim_account");
    assert_eq!(owned, ["owner data-platform@tidemark.example", "reviewer @tidemark/data-platform"]);
}

#[test]
fn support_takes_its_owners_from_codeowners() {
    let readings = read_sources();
    let (_, support) = readings.iter().find(|(name, _)| name == "support").unwrap();
    let report = Subject::Document("reports/churn_by_contact.sql".to_owned());
    let named: Vec<String> = support.facts.iter().filter(|fact| fact.about == report).filter_map(person).collect();
    assert_eq!(named, ["owner @tidemark/support-insights", "owner @tidemark/support-leads"]);
}

#[test]
fn checks_and_generated_files_are_known_as_such() {
    let facts = facts_about("finance", "tidemark.finance_reporting.board_pack");
    let documents = read_sources().into_iter().flat_map(|(_, reading)| reading.documents).collect::<Vec<_>>();
    let checks = documents.iter().filter(|document| document.role == DocumentRole::Check).count();
    assert_eq!(checks, documents.iter().filter(|document| document.path.ends_with("/checks.sql")).count());
    let generated = facts.iter().any(|fact| matches!(&fact.what, FactKind::Generated { by } if by.contains("render_board_pack")));
    assert!(generated, "board_pack is not known as generated");
}

/// The demo in a folder of its own, as `wellspring demo` unpacks it: inside this repository each
/// source would be a folder of it, and CODEOWNERS files count only at the top of a repository.
fn unpack_demo() -> tempfile::TempDir {
    let unpacked = tempfile::tempdir().unwrap();
    copy_folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/demo"), unpacked.path());
    unpacked
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn read_sources() -> Vec<(String, Reading)> {
    let unpacked = unpack_demo();
    let config = Config::load(&unpacked.path().join("wellspring.toml")).unwrap();
    let read = |source| {
        let request = Request {
            config: &config,
            source,
            at: At::Tip,
            data: unpacked.path(),
            known: &sources::NOTHING_KNOWN,
            history_since: None,
        };
        (source.name.clone(), sources::read(&request, &NoProgress).unwrap())
    };
    config.sources.iter().map(read).collect()
}

/// What `source` says of the relation `name`, or of the documents that define it by their path.
fn facts_about(source: &str, name: &str) -> Vec<Fact> {
    let (_, reading) = read_sources().into_iter().find(|(found, _)| found == source).unwrap();
    let relation = RelationName::from_dotted(name);
    let paths: Vec<&str> = reading
        .documents
        .iter()
        .filter(|document| document.target.as_ref() == Some(&relation))
        .map(|document| &*document.path)
        .collect();
    let is_about = |fact: &&Fact| match &fact.about {
        Subject::Asset(asset) => *asset == relation,
        Subject::Document(path) => paths.contains(&path.as_str()),
        Subject::Node(_) => false,
    };
    reading.facts.iter().filter(is_about).cloned().collect()
}

fn people(source: &str, name: &str) -> Vec<String> {
    let mut named: Vec<String> = facts_about(source, name).iter().filter_map(person).collect();
    named.sort();
    named.dedup();
    named
}

fn person(fact: &Fact) -> Option<String> {
    match &fact.what {
        FactKind::Owner { name } => Some(format!("owner {name}")),
        FactKind::Reviewer { name } => Some(format!("reviewer {name}")),
        _ => None,
    }
}

/// The demo, unpacked and crawled once for all tests that only ask; gone with the last of them.
fn crawled() -> Arc<Crawled> {
    static SHARED: Mutex<Weak<Crawled>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    shared.upgrade().unwrap_or_else(|| {
        let crawled = Arc::new(Crawled::new());
        *shared = Arc::downgrade(&crawled);
        crawled
    })
}

struct Crawled {
    runtime: tokio::runtime::Runtime,
    catalog: Catalog,
    config: Config,
    /// Holds the sources and the catalog; removed last.
    _folder: tempfile::TempDir,
}

impl Crawled {
    fn new() -> Crawled {
        let folder = unpack_demo();
        let config = Config::load(&folder.path().join("wellspring.toml")).unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let catalog = runtime.block_on(Catalog::open(&folder.path().join("data"))).unwrap();
        let crawled = Crawled { runtime, catalog, config, _folder: folder };
        let report = crawled.crawl();
        assert_eq!(report.failed, Vec::new());
        crawled.ask(crawled.catalog.refresh());
        crawled
    }

    fn crawl(&self) -> CrawlReport {
        self.runtime.block_on(crawl::crawl(&self.config, self.catalog.store(), &Silent)).unwrap()
    }

    fn view(&self) -> Arc<View> {
        self.catalog.view()
    }

    fn ask<T, E: std::fmt::Debug>(&self, answer: impl Future<Output = Result<T, E>>) -> T {
        self.runtime.block_on(answer).unwrap()
    }

    fn show(&self, name: &str) -> AssetAnswer {
        self.ask(self.view().show_asset("bigquery", name))
    }

    /// Every occurrence of `code`, a line each.
    fn describe(&self, code: &str) -> String {
        let answer = self.ask(self.view().diagnostics_of(code, 0, 50));
        answer.occurrences.iter().map(|found| format!("{code}: {} {found:?}", found.message)).collect::<Vec<_>>().join("\n")
    }

    /// Names of all assets, sorted.
    fn names(&self) -> Vec<String> {
        let store = self.catalog.store();
        let run = self.ask(store.latest_run()).unwrap();
        self.ask(store.load_assets(run))
            .into_iter()
            .map(|row| row.name.to_string())
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect()
    }

    fn export(&self) -> String {
        let mut bytes = Vec::new();
        self.ask(self.view().export(&mut bytes));
        String::from_utf8(bytes).unwrap()
    }
}
