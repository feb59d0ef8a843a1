//! What a warehouse itself states of where columns come from: evidence of its own, beside what files
//! declare and what logged queries show.

use std::{fmt::Write, sync::Arc};

use axum::{Router, body::Body, http::Request};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt;
use wellspring::{
    catalog::{Catalog, ColumnEvidence, CrawlControl, EvidencedRead},
    config::Config,
    crawl::{Silent, crawl},
    model::{ColumnEdgeKind, EdgeState, NativeSeen},
    web::{self, Access, Site},
};

/// A repository and a log of one warehouse.
struct Company {
    folder: TempDir,
    catalog: Arc<Catalog>,
}

impl Company {
    async fn new(dialect: &str, files: &[(&str, &str)], log: &[Value]) -> Company {
        let folder = tempfile::tempdir().unwrap();
        let config = format!(
            "[[warehouse]]\nname = \"dw\"\ndialect = \"{dialect}\"\ndatabase = \"shop\"\n\n\
             [[source]]\nname = \"repo\"\npath = \"repo\"\nwarehouse = \"dw\"\n\n\
             [[log]]\nname = \"log\"\npath = \"logs\"\nwarehouse = \"dw\"\n"
        );
        std::fs::write(folder.path().join("wellspring.toml"), config).unwrap();
        std::fs::create_dir_all(folder.path().join("repo")).unwrap();
        for (path, text) in files {
            std::fs::write(folder.path().join("repo").join(path), text).unwrap();
        }
        let catalog = Arc::new(Catalog::open(&folder.path().join("data")).await.unwrap());
        let company = Company { folder, catalog };
        company.add("a.jsonl", log).await;
        company
    }

    /// Adds a file to the log and crawls.
    async fn add(&self, name: &str, log: &[Value]) {
        let mut text = String::new();
        log.iter().for_each(|entry| writeln!(text, "{entry}").unwrap());
        std::fs::create_dir_all(self.folder.path().join("logs")).unwrap();
        std::fs::write(self.folder.path().join("logs").join(name), text).unwrap();
        let config = Config::load(&self.folder.path().join("wellspring.toml")).unwrap();
        let report = crawl(&config, self.catalog.store(), &Silent).await.unwrap();
        assert_eq!(report.failed, []);
        self.catalog.refresh().await.unwrap();
    }

    async fn column(&self, asset: &str, column: &str) -> Vec<ColumnEvidence> {
        self.catalog.view().show_column("dw", asset, column).await.unwrap().evidence
    }

    /// `to <- from` with how many files, queries and stated runs, of every state that is asked for.
    async fn reads(&self, state: EdgeState) -> Vec<String> {
        let reads = self.catalog.view().evidence(Some(state)).await.unwrap().reads;
        let say = |read: EvidencedRead| {
            let native = read.native.map_or(0, |native| native.runs);
            format!("{} <- {}: {} {} {native}", read.to.name, read.from.name, read.places.len(), read.queries)
        };
        reads.into_iter().map(say).collect()
    }

    async fn get(&self, path: &str) -> String {
        let site = Site {
            catalog: self.catalog.clone(),
            crawl: Arc::new(CrawlControl::default()),
            public: None,
            access: Arc::new(Access::local("ana")),
        };
        let router: Router = web::router(site);
        let response = router.oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
        String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
    }
}

fn table(name: &str, column: &str) -> Value {
    json!({"objectDomain": "Table", "objectId": 1, "objectName": name, "columnName": column})
}

/// A row of ACCESS_HISTORY: <https://docs.snowflake.com/en/sql-reference/account-usage/access_history>.
/// `moved`: (column written, column read), both of the tables given.
fn accessed(id: &str, at: &str, to: &str, from: &str, moved: &[(&str, &str)]) -> Value {
    let column = |(to_column, from_column): &(&str, &str)| json!({"columnId": 9, "columnName": to_column, "baseSources": [table(from, from_column)], "directSources": [table(from, from_column)]});
    json!({
        "QUERY_ID": id, "QUERY_START_TIME": at, "USER_NAME": "ETL",
        "DIRECT_OBJECTS_ACCESSED": [{"objectDomain": "Table", "objectId": 1, "objectName": from, "columns": []}],
        "BASE_OBJECTS_ACCESSED": [{"objectDomain": "Table", "objectId": 1, "objectName": from, "columns": []}],
        "OBJECTS_MODIFIED": [{"objectDomain": "Table", "objectId": 2, "objectName": to, "columns": moved.iter().map(column).collect::<Vec<_>>()}],
    })
}

const TOTALS: (&str, &str) =
    ("totals.sql", "create table shop.mart.totals as select day, sum(amount) as total from shop.raw.orders group by day;");

#[tokio::test]
async fn what_the_warehouse_states_confirms_what_files_declare_and_shows_what_none_does() {
    let day = |day: u32| format!("2026-11-{day} 01:00:00.000 +0000");
    let totals = [("TOTAL", "AMOUNT"), ("DAY", "DAY")];
    let log = [
        accessed("q1", &day(18), "SHOP.MART.TOTALS", "SHOP.RAW.ORDERS", &totals),
        accessed("q2", &day(20), "SHOP.MART.TOTALS", "SHOP.RAW.ORDERS", &totals),
        accessed("q3", &day(19), "SHOP.SCRATCH.VIP", "SHOP.RAW.ORDERS", &[("SPENT", "AMOUNT")]),
        accessed("q4", &day(19), "SHOP.RAW.ORDERS", "SHOP.RAW.ORDERS", &[("AMOUNT", "AMOUNT")]),
    ];
    let company = Company::new("snowflake", &[TOTALS], &log).await;
    assert_eq!(company.reads(EdgeState::Confirmed).await, ["shop.mart.totals <- shop.raw.orders: 1 0 2"]);
    assert_eq!(company.reads(EdgeState::Observed).await, ["SHOP.SCRATCH.VIP <- shop.raw.orders: 0 0 1"]);
    assert_eq!(company.reads(EdgeState::Declared).await, [""; 0]);

    let total = company.column("shop.mart.totals", "total").await;
    assert_eq!(total.len(), 1, "how is what SQL says, and there is no second edge beside it: {total:?}");
    assert_eq!((total[0].kind, total[0].state), (ColumnEdgeKind::Aggregation, EdgeState::Confirmed));
    assert_eq!(total[0].native, Some(NativeSeen { runs: 2, first_at: 1_794_963_600, last_at: 1_795_136_400 }));
    let spent = company.column("SHOP.SCRATCH.VIP", "spent").await;
    assert_eq!((spent.len(), spent[0].state, spent[0].queries), (1, EdgeState::Observed, 0));
    assert!(spent[0].is_only_native());

    // An export that overlaps counts nothing twice; what is new is added.
    company.add("b.jsonl", &[log[1].clone(), accessed("q5", &day(21), "SHOP.MART.TOTALS", "SHOP.RAW.ORDERS", &totals)]).await;
    assert_eq!(company.column("shop.mart.totals", "total").await[0].native.map(|native| native.runs), Some(3));
    assert_eq!(company.reads(EdgeState::Confirmed).await, ["shop.mart.totals <- shop.raw.orders: 1 0 3"]);
}

#[tokio::test]
async fn stated_lineage_stands_on_the_pages_in_the_api_and_in_the_export() {
    let at = "2026-11-20 01:00:00.000 +0000";
    let log = [
        accessed("q1", at, "SHOP.MART.TOTALS", "SHOP.RAW.ORDERS", &[("TOTAL", "AMOUNT")]),
        accessed("q2", at, "SHOP.SCRATCH.VIP", "SHOP.RAW.ORDERS", &[("SPENT", "AMOUNT")]),
    ];
    let company = Company::new("snowflake", &[TOTALS], &log).await;
    let page = company.get("/evidence?state=observed").await;
    assert!(page.contains("SCRATCH.VIP") && page.contains("1 run"), "{page}");
    let column = company.get("/assets/dw/shop.mart.totals/columns/total").await;
    assert!(column.contains("said in 1 file, stated by the warehouse of 1 run (2026-11-20 to 2026-11-20)"), "{column}");
    let alone = company.get("/assets/dw/SHOP.SCRATCH.VIP/columns/spent").await;
    assert!(alone.contains("no file says so, stated by the warehouse") && alone.contains("how is not stated"), "{alone}");
    assert!(alone.contains("the warehouse alone states where it comes from"), "{alone}");
    let api: Value = serde_json::from_str(&company.get("/api/v1/evidence?state=confirmed").await).unwrap();
    assert_eq!(api.pointer("/reads/0/native/runs"), Some(&json!(1)));
    let mut export = Vec::new();
    let run = company.catalog.store().latest_run().await.unwrap().unwrap();
    company.catalog.store().export(run, &mut export).await.unwrap();
    let lines: Vec<Value> = String::from_utf8(export).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let state = |to: &str| {
        let edge = |line: &&Value| line["type"] == "column_edge" && line["to"]["column"] == to;
        let edge = lines.iter().find(edge).unwrap();
        let how = edge["evidence"].as_array().unwrap().iter().map(|it| it["how"].as_str().unwrap().to_owned());
        (edge["state"].as_str().unwrap().to_owned(), how.collect::<Vec<_>>())
    };
    assert_eq!(state("total"), ("confirmed".to_owned(), vec!["native".to_owned(), "parsed".to_owned()]));
    assert_eq!(state("day"), ("declared".to_owned(), vec!["parsed".to_owned()]));
    let asset = company.get("/assets/dw/SHOP.SCRATCH.VIP").await;
    assert!(asset.contains("shop.raw.orders"), "{asset}");
}

#[tokio::test]
async fn a_star_that_sql_leaves_open_is_opened_by_what_the_warehouse_states() {
    let files = [("copy.sql", "create table shop.mart.copy as select * from shop.raw.orders;")];
    let at = "2026-11-20 01:00:00.000 +0000";
    let log = [accessed("q1", at, "SHOP.MART.COPY", "SHOP.RAW.ORDERS", &[("ID", "ID")])];
    let company = Company::new("snowflake", &files, &log).await;
    let id = company.column("shop.mart.copy", "id").await;
    let id: Vec<_> = id.iter().map(|it| (it.column.column.as_str(), it.kind, it.state, it.places.len())).collect();
    assert_eq!(id, [("id", ColumnEdgeKind::Identity, EdgeState::Confirmed, 1)]);
}

/// A job: <https://cloud.google.com/bigquery/docs/information-schema-jobs>.
fn job(id: &str, more: Value) -> Value {
    let mut job = json!({
        "job_id": id, "job_type": "QUERY", "state": "DONE", "project_id": "shop", "user_email": "etl@shop.iam.gserviceaccount.com",
        "creation_time": "2026-11-20 08:00:00 UTC", "end_time": "2026-11-20 08:00:05 UTC",
    });
    job.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    job
}

fn reference(dataset: &str, table: &str) -> Value {
    json!({"project_id": "shop", "dataset_id": dataset, "table_id": table})
}

#[tokio::test]
async fn tables_below_a_view_that_is_read_are_no_lineage_of_their_own() {
    let files = [
        ("paid.sql", "create view shop.mart.paid as select id, amount from shop.raw.orders;"),
        ("sums.sql", "create table shop.mart.sums as select sum(amount) as total from shop.mart.paid;"),
    ];
    let wrote = |id: &str, dataset: &str, table: &str, read: Value, more: Value| {
        let mut known = json!({"destination_table": reference(dataset, table), "referenced_tables": read});
        known.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        job(id, known)
    };
    let log = [
        // The text reads the view; BigQuery states what lies below.
        wrote(
            "j1",
            "mart",
            "sums",
            json!([reference("raw", "orders")]),
            json!({"query": "select 1", "statement_type": "SELECT"}),
        ),
        // A statement of a script whose text is built at run time.
        wrote("j2", "mart", "dynamic", json!([reference("raw", "rates")]), json!({"query": "x", "parent_job_id": "j0"})),
        // Results that nobody named, and a query that failed.
        wrote("j3", "_f00", "anon1", json!([reference("raw", "orders")]), json!({"query": "select 1"})),
        wrote(
            "j4",
            "mart",
            "never",
            json!([reference("raw", "orders")]),
            json!({"query": "x", "error_result": {"reason": "stopped"}}),
        ),
    ];
    let company = Company::new("bigquery", &files, &log).await;
    assert_eq!(company.reads(EdgeState::Observed).await, ["shop.mart.dynamic <- shop.raw.rates: 0 0 1"]);
    let declared = ["shop.mart.paid <- shop.raw.orders: 1 0 0", "shop.mart.sums <- shop.mart.paid: 1 0 0"];
    assert_eq!(company.reads(EdgeState::Declared).await, declared);
}

/// <https://trino.io/docs/current/admin/event-listeners-http.html>
#[tokio::test]
async fn what_a_trino_event_states_confirms_its_own_query_and_nothing_where_it_failed() {
    let event = |id: &str, table: &str, failed: bool| {
        json!({
            "metadata": {"queryId": id, "query": format!("insert into shop.mart.{table} select sum(amount) as total from shop.raw.orders"),
                "queryState": if failed { "FAILED" } else { "FINISHED" }},
            "context": {"user": "etl", "catalog": "shop", "schema": "mart"}, "statistics": {"wallTime": 1.5},
            "ioMetadata": {
                "inputs": [{"catalogName": "shop", "schema": "raw", "table": "orders", "columns": ["amount"]}],
                "output": {"catalogName": "shop", "schema": "mart", "table": table, "columns": [{"columnName": "total",
                    "columnType": "bigint", "sourceColumns": [{"catalog": "shop", "schema": "raw", "table": "orders", "columnName": "amount"}]}]},
            },
            "createTime": "2026-11-20T10:00:00.000Z", "endTime": "2026-11-20T10:00:01.600Z",
        })
    };
    let company = Company::new("trino", &[], &[event("t1", "totals", false), event("t2", "failed", true)]).await;
    assert_eq!(company.reads(EdgeState::Observed).await, ["shop.mart.totals <- shop.raw.orders: 0 1 1"]);
    let total = company.column("shop.mart.totals", "total").await;
    assert_eq!((total.len(), total[0].kind, total[0].queries), (1, ColumnEdgeKind::Aggregation, 1), "{total:?}");
}
