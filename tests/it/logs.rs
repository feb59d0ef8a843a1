//! Query logs in a crawl: what is observed beside what is declared, who uses what, and that no
//! literal ever reaches the disk.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use wellspring::{
    config::{Config, LogConfig, SourceConfig, WarehouseConfig, default_service_accounts},
    crawl::{Silent, Unlisted, crawl, crawl_listed},
    model::{AssetId, ColumnEdgeKind, Dialect, EdgeState, KeepUsers},
    store::{Store, UsageSummary},
};

/// A repository, logs and a store, in a folder of their own.
pub(crate) struct Company {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) config: Config,
}

impl Company {
    pub(crate) fn new(files: &[(&str, &str)]) -> Company {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = folder.path().join("repo").join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        std::fs::create_dir_all(folder.path().join("repo")).unwrap();
        std::fs::create_dir_all(folder.path().join("logs")).unwrap();
        let source = SourceConfig {
            name: "repo".into(),
            path: Some(folder.path().join("repo")),
            warehouse: Some("dw".into()),
            ..SourceConfig::default()
        };
        let log = LogConfig {
            name: "log".into(),
            path: folder.path().join("logs"),
            service_accounts: default_service_accounts(),
            ..LogConfig::default()
        };
        let warehouse =
            WarehouseConfig { name: "dw".into(), dialect: Dialect::Postgres, database: Some("shop".into()), schema: None };
        let config = Config { sources: vec![source], logs: vec![log], warehouses: vec![warehouse], ..Config::default() };
        Company { folder, config }
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn log(&self, name: &str, entries: &[Entry]) {
        let text: String = entries.iter().map(Entry::line).collect();
        std::fs::write(self.folder.path().join("logs").join(name), text).unwrap();
    }

    pub(crate) async fn crawl(&self) -> Store {
        let store = Store::open(&self.data()).await.unwrap();
        let report = crawl(&self.config, &store, &Silent).await.unwrap();
        assert_eq!(report.failed, []);
        store
    }
}

/// One entry of a log of no vendor.
#[derive(Clone)]
struct Entry {
    query: String,
    at: &'static str,
    user: &'static str,
    session: &'static str,
    failed: bool,
    id: u32,
}

fn ran(query: &str, at: &'static str, user: &'static str) -> Entry {
    Entry { query: query.to_owned(), at, user, session: "", failed: false, id: 0 }
}

impl Entry {
    fn line(&self) -> String {
        let id = if self.id == 0 { String::new() } else { self.id.to_string() };
        let entry = serde_json::json!({
            "query": self.query, "timestamp": self.at, "user": self.user, "session_id": self.session, "id": id,
            "status": if self.failed { "error" } else { "ok" }, "bytes": 100, "duration_ms": 10,
        });
        format!("{entry}\n")
    }

    fn in_session(self, session: &'static str) -> Entry {
        Entry { session, ..self }
    }

    fn failed(self) -> Entry {
        Entry { failed: true, ..self }
    }
}

/// The edges of the newest run: `to.column <- from.column KIND state`, sorted.
pub(crate) async fn edges(store: &Store) -> Vec<String> {
    let graph = store.load_graph(store.latest_run().await.unwrap().unwrap()).await.unwrap();
    let assets: BTreeMap<AssetId, String> = graph.assets.iter().map(|asset| (asset.id, asset.name.to_string())).collect();
    let columns: BTreeMap<_, String> =
        graph.columns.iter().map(|column| (column.id, format!("{}.{}", assets[&column.asset], column.name))).collect();
    let mut states: BTreeMap<(String, ColumnEdgeKind), Vec<EdgeState>> = BTreeMap::new();
    for edge in &graph.column_edges {
        let name = format!("{} <- {}", columns[&edge.to], columns[&edge.from]);
        states.entry((name, edge.kind)).or_default().push(edge.state);
    }
    let say = |((name, kind), mut states): ((String, ColumnEdgeKind), Vec<EdgeState>)| {
        states.sort_unstable();
        states.dedup();
        let words: Vec<&str> = states.iter().map(|state| state.word()).collect();
        format!("{name} {} {}", kind.word(), words.join("+"))
    };
    states.into_iter().map(say).collect()
}

async fn usage(store: &Store) -> BTreeMap<String, UsageSummary> {
    let run = store.latest_run().await.unwrap().unwrap();
    let names: BTreeMap<AssetId, String> =
        store.load_assets(run).await.unwrap().into_iter().map(|asset| (asset.id, asset.name.to_string())).collect();
    store.usage_summaries(run).await.unwrap().into_iter().map(|(id, summary)| (names[&id].clone(), summary)).collect()
}

const ORDERS: (&str, &str) = ("orders.sql", "CREATE TABLE shop.mart.orders AS SELECT id, amount FROM shop.raw.orders;");
const UNUSED: (&str, &str) = ("unused.sql", "CREATE TABLE shop.mart.unused AS SELECT id FROM shop.raw.orders;");

#[tokio::test]
async fn what_is_declared_and_what_is_observed_are_told_apart() {
    let company = Company::new(&[ORDERS, UNUSED]);
    company.log(
        "a.jsonl",
        &[
            ran("create table mart.orders as select id, amount from raw.orders", "2026-11-20T01:00:00Z", "etl_prod"),
            ran("insert into mart.shadow (total) select sum(amount) from mart.orders", "2026-11-20T02:00:00Z", "etl_prod"),
            ran("insert into mart.never select id from raw.orders", "2026-11-20T03:00:00Z", "ana").failed(),
            ran("select nothing from not_there", "2026-11-20T03:00:00Z", "ana").failed(),
        ],
    );
    let store = company.crawl().await;
    let expected = [
        "shop.mart.orders.amount <- shop.raw.orders.amount IDENTITY declared+observed",
        "shop.mart.orders.id <- shop.raw.orders.id IDENTITY declared+observed",
        "shop.mart.shadow.total <- shop.mart.orders.amount AGGREGATION observed",
        "shop.mart.unused.id <- shop.raw.orders.id IDENTITY declared",
    ];
    assert_eq!(edges(&store).await, expected);
    let assets = store.load_assets(store.latest_run().await.unwrap().unwrap()).await.unwrap();
    let names: Vec<&str> = assets.iter().map(|asset| &*asset.name).collect();
    assert!(!names.iter().any(|name| name.contains("never") || name.contains("not_there")), "{names:?}");
    assert!(!assets.iter().any(|asset| asset.namespace.starts_with("query://")), "questions are no assets");
}

#[tokio::test]
async fn temporary_tables_and_renames_are_followed_through_their_sessions() {
    let company = Company::new(&[]);
    let at = "2026-11-20T01:00:00Z";
    company.log(
        "a.jsonl",
        &[
            ran("create temp table paid as select id, amount from raw.orders where state = 'paid'", at, "etl").in_session("one"),
            ran("create temp table paid as select id, tip from raw.tips", at, "etl").in_session("two"),
            ran("insert into mart.totals (total) select sum(amount) from paid", at, "etl").in_session("one"),
            ran("insert into mart.tips (total) select sum(tip) from paid", at, "etl").in_session("two"),
            ran("create table mart.days_new as select day from raw.calendar", at, "etl").in_session("three"),
            ran("alter table mart.days_new rename to days", at, "etl").in_session("three"),
        ],
    );
    let store = company.crawl().await;
    let expected = [
        "shop.mart.days.day <- shop.raw.calendar.day IDENTITY observed",
        "shop.mart.tips.total <- shop.raw.tips.tip AGGREGATION observed",
        "shop.mart.totals.total <- shop.raw.orders.amount AGGREGATION observed",
    ];
    assert_eq!(edges(&store).await, expected);
}

#[tokio::test]
async fn use_is_counted_by_people_schedules_and_columns() {
    let company = Company::new(&[ORDERS]);
    company.log(
        "a.jsonl",
        &[
            ran("select amount from mart.orders where id = 7", "2026-11-20T01:00:00Z", "ana"),
            ran("select amount from mart.orders where id = 8", "2026-11-19T01:00:00Z", "ana"),
            ran("select amount from mart.orders where id = 9", "2026-09-30T01:00:00Z", "bo"),
            ran("select id from mart.orders", "2026-11-18T01:00:00Z", "airflow"),
            ran("select amnt from mart.orders", "2026-11-20T01:00:00Z", "cleo").failed(),
            ran("select amount, id from mart.orders", "2026-11-20T01:01:00Z", "cleo"),
            ran("select r.id from mart.orders as o join raw.orders as r on r.id = o.id", "2026-11-20T03:00:00Z", "airflow"),
        ],
    );
    let store = company.crawl().await;
    let orders = usage(&store).await["shop.mart.orders"].clone();
    assert_eq!((orders.interactive_30, orders.scheduled_30, orders.people_30, orders.people_90), (3, 2, 2, 3));
    assert_eq!((orders.errors_30, orders.last_human, orders.last_scheduled), (1, Some(1_795_136_460), Some(1_795_143_600)));
    assert_eq!(orders.people, [("ana".to_owned(), 2), ("bo".to_owned(), 1), ("cleo".to_owned(), 1)]);
    assert!(orders.popularity() > 20);
    let run = store.latest_run().await.unwrap().unwrap();
    let asset = store.find_asset(run, "dw", "shop.mart.orders").await.unwrap().unwrap();
    let used = store.asset_use(run, asset, 0).await.unwrap();
    assert_eq!(used.columns["amount"], (4, 0, 1));
    assert_eq!((used.columns["id"].0, used.columns["id"].1), (4, 2), "{:?}", used.columns);
    let together: Vec<(&str, u64)> = used.together.iter().map(|(asset, runs)| (&*asset.name, *runs)).collect();
    assert_eq!(together, [("shop.raw.orders", 1)]);
    let failing = store.failing_queries(0, 5).await.unwrap();
    assert_eq!((failing.len(), failing[0].1.as_slice()), (1, ["cleo".to_owned()].as_slice()));
    assert_eq!(used.queries[0].text, "select amount from mart . orders where id = ?");
    assert_eq!((used.queries[0].runs, used.queries[0].people), (3, 2));
    let attempts = store.attempts_by_day(0).await.unwrap();
    assert_eq!(attempts.last(), Some(&(20_777, 2, 1)), "cleo's second query repeats the one that failed");
}

#[tokio::test]
async fn what_was_read_is_never_counted_twice() {
    let company = Company::new(&[ORDERS]);
    let entry = |id| Entry { id, ..ran("select amount from mart.orders", "2026-11-20T01:00:00Z", "ana") };
    company.log("a.jsonl", &[entry(1), entry(2), entry(2)]);
    let store = company.crawl().await;
    assert_eq!(usage(&store).await["shop.mart.orders"].interactive_30, 2);
    store.close().await;
    let store = company.crawl().await;
    assert_eq!(usage(&store).await["shop.mart.orders"].interactive_30, 2, "nothing new");
    store.close().await;
    // Grown, renamed, and an export that overlaps.
    std::fs::remove_file(company.folder.path().join("logs/a.jsonl")).unwrap();
    company.log("a-1.jsonl", &[entry(1), entry(2), entry(2), entry(3)]);
    company.log("b.jsonl", &[entry(3), entry(4)]);
    let store = company.crawl().await;
    assert_eq!(usage(&store).await["shop.mart.orders"].interactive_30, 4);
}

#[tokio::test]
async fn reading_in_parts_ends_like_reading_at_once() {
    let all: Vec<Entry> = (0..40)
        .map(|at| {
            let query = match at % 4 {
                0 => "select amount from mart.orders where id = 1".to_owned(),
                1 => format!("insert into mart.t{} (a) select amount from mart.orders", at % 3),
                2 => "select nothing from mart.orders".to_owned(),
                _ => "select id from raw.orders".to_owned(),
            };
            let day = ["2026-11-18T01:00:00Z", "2026-11-19T01:00:00Z", "2026-11-20T01:00:00Z"][at % 3];
            Entry { failed: at % 4 == 2, ..ran(&query, day, ["ana", "bo", "etl"][at % 3]) }
        })
        .collect();
    let parts = Company::new(&[ORDERS]);
    for until in [13, 27, 40] {
        parts.log("a.jsonl", &all[..until]);
        parts.crawl().await.close().await;
    }
    let whole = Company::new(&[ORDERS]);
    whole.log("a.jsonl", &all);
    let (parts, whole) = (parts.crawl().await, whole.crawl().await);
    assert_eq!(usage(&parts).await, usage(&whole).await);
    assert_eq!(edges(&parts).await, edges(&whole).await);
}

#[tokio::test]
async fn a_log_that_is_no_longer_configured_stays_until_it_is_pruned() {
    let mut company = Company::new(&[ORDERS]);
    company.log("a.jsonl", &[ran("insert into mart.shadow (a) select amount from mart.orders", "2026-11-20T01:00:00Z", "etl")]);
    let store = company.crawl().await;
    let shadow = "shop.mart.shadow.a <- shop.mart.orders.amount IDENTITY observed".to_owned();
    assert!(edges(&store).await.contains(&shadow));
    company.config.logs.clear();
    crawl(&company.config, &store, &Silent).await.unwrap();
    assert!(edges(&store).await.contains(&shadow));
    crawl_listed(&company.config, &store, Unlisted::Close, &Silent).await.unwrap();
    assert!(!edges(&store).await.contains(&shadow));
}

/// Plants literals in every place of a log and looks for them in every file that a crawl leaves.
#[tokio::test]
async fn no_literal_of_a_log_reaches_the_disk() {
    let mut company = Company::new(&[ORDERS]);
    company.config.logs[0].users = KeepUsers::Hash;
    let at = "2026-11-20T01:00:00Z";
    company.log(
        "a.jsonl",
        &[
            ran("select amount from mart.orders where name = 'canary-one' -- canary-two", at, "canary-person"),
            ran("/* canary-three */ insert into mart.x (a) values ('canary-four'), (E'canary-five')", at, "canary-person"),
            ran("select $$canary-six$$, 'canary-seven' from mart.orders limit 990017", at, "canary-person").failed(),
            ran("select 'canary-eight from mart.orders", at, "canary-person"),
            ran("create temp table canary_table as select 'canary-nine' as a", at, "etl").in_session("canary-session"),
        ],
    );
    std::fs::write(company.folder.path().join("logs/broken.jsonl"), "{\"query\":\"select 'canary-ten\n{\"query\":1}\n").unwrap();
    let store = company.crawl().await;
    let found = find_in_files(&company.data(), &["canary-", "990017"]);
    assert_eq!(found, Vec::<String>::new());
    store.close().await;
    assert_eq!(find_in_files(&company.data(), &["canary-", "990017"]), Vec::<String>::new());
    // The search can fail: what may stand there is found.
    assert!(!find_in_files(&company.data(), &["person-"]).is_empty());
}

fn find_in_files(folder: &Path, words: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(find_in_files(&path, words));
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        for word in words {
            if memchr::memmem::find(&bytes, word.as_bytes()).is_some() {
                found.push(format!("{word} in {}", path.display()));
            }
        }
    }
    found
}
