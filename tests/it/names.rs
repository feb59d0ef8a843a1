//! Names that mean an asset beside its own: partial ones, folded ones, former ones, wildcards.

use std::collections::BTreeMap;

use wellspring::{
    catalog::Catalog,
    config::{Config, NameRule},
    crawl::{Silent, crawl_readings},
    model::{Dialect, RunNumber},
    store::{NewStatement, PersonStatement, Retention, Store},
};

use crate::small_repository::{Files, config, crawl_files, export, files, read, summary};

/// Like [`config`] without a default schema: partial names stay partial.
fn bare_config() -> Config {
    let mut config = config();
    config.sources[0].schema = None;
    config
}

fn rule(pattern: &str, replacement: Option<&str>, environment: Option<&str>) -> NameRule {
    NameRule {
        pattern: pattern.into(),
        warehouse: None,
        replacement: replacement.map(str::to_owned),
        environment: environment.map(str::to_owned),
        ignore: false,
    }
}

async fn state(store: &Store, key: &str) {
    let statement = PersonStatement {
        id: 0,
        namespace: "duckdb".into(),
        key: key.into(),
        column: String::new(),
        field: "description".into(),
        value: Some(serde_json::json!("what we sold")),
        withdraws: false,
        person: "analyst@example.com".into(),
        at: 1,
        undoes: None,
        batch: None,
    };
    store.append_statements(&[NewStatement { statement, seen: None }]).await.unwrap();
}

/// (name, other names, number of statements) of the asset that `key` means.
async fn meant(store: &Store, run: RunNumber, key: &str) -> Option<(String, Vec<String>, usize)> {
    let id = store.find_asset(run, "duckdb", key).await.unwrap()?;
    let detail = store.show_asset(run, id).await.unwrap()?;
    Some((detail.asset.name.to_string(), detail.aliases, detail.stated.len()))
}

#[tokio::test]
async fn a_partial_name_that_can_be_completed_takes_along_what_people_stated_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).await.unwrap();
    let mut state_of = files(&[("v.sql", "create view mart.v as select id from orders")]);
    let first = crawl_files(&store, &bare_config(), &state_of).await.run;
    assert_eq!(meant(&store, first, "orders").await, Some(("orders".into(), vec![], 0)));
    state(&store, "orders").await;

    state_of.insert("o.sql".into(), "create table shop.orders as select 1 as id".into());
    let second = crawl_files(&store, &bare_config(), &state_of).await.run;
    for key in ["orders", "shop.orders"] {
        assert_eq!(meant(&store, second, key).await, Some(("shop.orders".into(), vec!["orders".into()], 1)), "{key}");
    }
    // Nobody writes it short any more: what was stated stays where it went, and so does the link.
    state_of.insert("v.sql".into(), "create view mart.v as select id from shop.orders".into());
    let third = crawl_files(&store, &bare_config(), &state_of).await.run;
    for key in ["orders", "shop.orders"] {
        assert_eq!(meant(&store, third, key).await, Some(("shop.orders".into(), vec![], 1)), "{key}");
    }
    let led: Vec<_> = store.alias_keys(third).await.unwrap().into_iter().map(|(one, other)| (one.key, other.key)).collect();
    assert_eq!(led, [("orders".to_owned(), "shop.orders".to_owned())]);
    let catalog = Catalog::open(folder.path()).await.unwrap();
    let answer = catalog.view().show_asset("duckdb", "shop.orders").await.unwrap();
    assert_eq!(answer.descriptions.first().map(|described| described.text.as_str()), Some("what we sold"));
    drop(catalog);
    // As of the first run it is still what it was.
    assert_eq!(meant(&store, first, "orders").await, Some(("orders".into(), vec![], 1)));
    // A table that comes to be called so takes its name back.
    state_of.insert("own.sql".into(), "create table orders as select 2 as id".into());
    let fourth = crawl_files(&store, &bare_config(), &state_of).await.run;
    assert_eq!(meant(&store, fourth, "orders").await, Some(("orders".into(), vec![], 1)));
    assert_eq!(meant(&store, fourth, "shop.orders").await, Some(("shop.orders".into(), vec![], 0)));
}

#[tokio::test]
async fn a_name_that_means_several_assets_is_an_alias_of_none() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).await.unwrap();
    let state_of = files(&[
        ("a.sql", "create table one.t as select 1 as x; create table two.t as select 1 as x"),
        ("b.sql", "use one; create view one.v as select x from t"),
        ("c.sql", "use two; create view two.v as select x from t"),
    ]);
    let run = crawl_files(&store, &bare_config(), &state_of).await.run;
    assert_eq!(store.alias_keys(run).await.unwrap().len(), 0);
}

#[tokio::test]
async fn what_was_stated_follows_from_name_to_name_and_outlives_the_runs() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).await.unwrap();
    let mut state_of = files(&[("v.sql", "create view mart.v as select id from orders")]);
    crawl_files(&store, &bare_config(), &state_of).await;
    state(&store, "orders").await;
    state_of.insert("o.sql".into(), "create table shop.orders as select 1 as id".into());
    crawl_files(&store, &bare_config(), &state_of).await;
    // The table is renamed, and a rule folds its former name.
    let mut config = bare_config();
    config.names = vec![rule("shop.orders", Some("sales.orders"), None)];
    for at in 0..40 {
        state_of.insert("more.sql".into(), format!("create view mart.w as select id as id{at} from sales.orders"));
        crawl_files(&store, &config, &state_of).await;
    }
    let run = store.latest_run().await.unwrap().unwrap();
    let found = meant(&store, run, "sales.orders").await.unwrap();
    assert_eq!((found.0.as_str(), found.2), ("sales.orders", 1));
    let lock = store.lock_crawl().await.unwrap();
    let keep = Retention { all_days: 0, daily_days: 0, weekly_days: 0 };
    assert!(store.thin_runs(&lock, keep, i64::from(u32::MAX) * 2).await.unwrap() > 20);
    store.unlock_crawl(lock).await.unwrap();
    assert_eq!(meant(&store, run, "sales.orders").await.unwrap(), found);
}

#[tokio::test]
async fn an_environment_is_told_apart_where_no_rule_folds_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).await.unwrap();
    let mut config = bare_config();
    config.names = vec![rule("dev_*.**", None, Some("dev")), rule("copy.{t}", Some("main.{t}"), Some("dev"))];
    let state_of = files(&[
        ("a.sql", "create table main.t as select 1 as x"),
        ("b.sql", "create table dev_one.t as select 2 as x"),
        ("c.sql", "create view main.v as select x from copy.t"),
    ]);
    let run = crawl_files(&store, &config, &state_of).await.run;
    let rows = store.load_assets(run).await.unwrap();
    let mut found: Vec<_> = rows.iter().map(|row| (&*row.name, row.environment.as_deref())).collect();
    found.sort_unstable();
    assert_eq!(found, [("dev_one.t", Some("dev")), ("main.t", None), ("main.v", None)]);
    assert!(export(&store).await.iter().any(|line| line.contains("\"environment\":\"dev\"") && line.contains("dev_one.t")));
    config.names.clear();
    let run = crawl_files(&store, &config, &state_of).await.run;
    assert!(store.load_assets(run).await.unwrap().iter().all(|row| row.environment.is_none()));
}

#[tokio::test]
async fn a_wildcard_table_is_made_of_the_tables_that_it_covers() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).await.unwrap();
    let crawl = async |state_of: &Files| {
        let mut reading = read(state_of, &BTreeMap::new());
        reading.dialect = Dialect::BigQuery;
        reading.documents.iter_mut().for_each(|document| document.dialect = Dialect::BigQuery);
        crawl_readings(&bare_config(), &store, &Silent, vec![reading]).await.unwrap();
    };
    let mut state_of = files(&[
        ("a.sql", "create table p.d.events_2023 as select id, old from p.raw.r"),
        ("b.sql", "create table p.d.events_2024 as select id, item from p.raw.r"),
        ("c.sql", "create view p.d.v as select id, item.sku from `p.d.events_*` where _TABLE_SUFFIX > '2023' and k = 1"),
    ]);
    crawl(&state_of).await;
    let edges = |lines: Vec<String>| lines.into_iter().filter(|line| line.contains("events_*")).collect::<Vec<_>>();
    insta::assert_snapshot!(edges(summary(&store).await).join("\n"));
    // A table that comes to be covered is linked, though the file that reads it did not change.
    state_of.insert("d.sql".into(), "create table p.d.events_2025 as select id from p.raw.r".into());
    crawl(&state_of).await;
    let now = edges(summary(&store).await);
    assert!(now.contains(&"p.d.events_2025.id -> p.d.events_*.id IDENTITY".to_owned()), "{now:#?}");
    assert!(!now.iter().any(|line| line.starts_with("unknown-relation")), "{now:#?}");
}
