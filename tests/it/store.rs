//! The store: what is written comes back, only published rows are seen, nothing that people state is lost.

use std::{path::Path, sync::Arc};

use wellspring::{
    model::{
        Analysis, AssetKey, AssetKind, AssetRole, ColumnEdgeKind, DeclaredColumn, FactKind, RelationName, RowEdgeKind, RunNumber,
        TargetLineage,
    },
    store::{
        AnalysisId, Appended, AssetState, CatalogState, DocumentState, DocumentText, InferredColumns, NewAnalysis, NewColumnEdge,
        NewRowEdge, NewStatement, OpenedHit, PersonStatement, RunCounts, RunSource, RunState, SearchEvent, Store, StoreError,
    },
};

fn key(name: &str) -> AssetKey {
    AssetKey { namespace: "duckdb".into(), key: name.into() }
}

/// An analysis that makes `b.y` of `a.x`.
fn analysis(script: &str) -> NewAnalysis {
    NewAnalysis {
        script: script.into(),
        names: "{}".into(),
        answers: 7,
        lookups: "[]".into(),
        results: "{}".into(),
        assets: vec![key("a"), key("b")],
        bound: vec![Some(0), Some(1)],
        targets: vec![Some(1)],
        writes: vec![1],
        reads: Vec::new(),
        checks: vec![],
        columns: vec![NewColumnEdge {
            to: (1, "y".into()),
            from: (0, "x".into()),
            kind: ColumnEdgeKind::Aggregation,
            guessed: false,
            line: 3,
        }],
        rows: vec![NewRowEdge { to: 1, from: (0, "k".into()), kind: RowEdgeKind::Filter, line: 4 }],
        asset_edges: vec![(1, 0, 1)],
        routine_edges: vec![],
        diagnostics: vec![],
        detail: Analysis {
            relations: vec![RelationName::from_dotted("a"), RelationName::from_dotted("b")],
            targets: vec![TargetLineage {
                relation: Some(1),
                kind: Some(AssetKind::Table),
                statements: vec![],
                sources: vec![0],
                columns: vec![],
                rows: vec![],
                outputs: vec![],
                outputs_complete: true,
                outputs_vary: false,
                declared: vec![],
                calls: vec![],
                remarks: Vec::new(),
                superseded: false,
            }],
            ..Analysis::default()
        },
    }
}

fn asset(name: &str, role: AssetRole) -> AssetState {
    AssetState {
        key: key(name),
        name: name.into(),
        kind: AssetKind::Table,
        role,
        environment: None,
        stale: false,
        aliases: vec![format!("old.{name}")],
        facts: vec![(FactKind::Owner { name: format!("{name}@example.org") }, 0, 2)],
        declared: vec![],
        inferred: None,
        shown: Default::default(),
    }
}

fn state(analysis: Option<AnalysisId>) -> CatalogState {
    let text = "create table b as\nselect\nsum(x) as Y\nfrom a where k = 1";
    let mut b = asset("b", AssetRole::Model);
    b.inferred = Some(InferredColumns { columns: vec!["Y".into()], complete: true, whole: true });
    b.shown = [("y".to_owned(), "Y".to_owned())].into();
    b.declared = vec![(0, Arc::from([DeclaredColumn { name: "Y".into(), data_type: "int".into(), description: None }]))];
    CatalogState {
        sources: vec![RunSource {
            name: "repo".into(),
            location: "/repo".into(),
            commit: None,
            commit_time: None,
            outcome: "read".into(),
            permalink: None,
            fingerprint: "f".into(),
        }],
        documents: vec![DocumentState {
            source: 0,
            path: "b.sql".into(),
            blob: "blob".into(),
            text: Some(DocumentText { digest: xxhash_rust::xxh3::xxh3_128(text.as_bytes()), text: Some(text.into()) }),
            role: "sql",
            history: None,
            analysis,
            stale: None,
            diagnostics: vec![],
        }],
        assets: vec![asset("a", AssetRole::External), b],
    }
}

async fn publish(store: &Store, state: &CatalogState) -> RunNumber {
    let lock = store.lock_crawl().await.unwrap();
    let run = store.begin_run(&lock).await.unwrap();
    store.write_state(run, state).await.unwrap();
    store.publish_run(run, &RunCounts::default()).await.unwrap();
    store.unlock_crawl(lock).await.unwrap();
    run
}

async fn one_run(folder: &Path) -> (Store, RunNumber) {
    let store = Store::open(folder).await.unwrap();
    let ids = store.write_analyses(&[analysis("s")]).await.unwrap();
    let run = publish(&store, &state(Some(ids[0]))).await;
    (store, run)
}

async fn export(store: &Store, run: RunNumber) -> String {
    let mut out = Vec::new();
    store.export(run, &mut out).await.unwrap();
    String::from_utf8(out).unwrap()
}

#[tokio::test]
async fn what_a_run_writes_is_exported_as_the_protocol_says() {
    let folder = tempfile::tempdir().unwrap();
    let (store, run) = one_run(folder.path()).await;
    insta::assert_snapshot!(export(&store, run).await);
}

#[tokio::test]
async fn an_asset_is_shown_with_its_text_and_lineage_and_found_by_its_alias() {
    let folder = tempfile::tempdir().unwrap();
    let (store, run) = one_run(folder.path()).await;
    let id = store.find_asset(run, "duckdb", "old.b").await.unwrap().unwrap();
    assert_eq!(store.find_asset(run, "duckdb", "b").await.unwrap(), Some(id));
    assert_eq!(store.find_asset(run, "duckdb", "c").await.unwrap(), None);
    let detail = store.show_asset(run, id).await.unwrap().unwrap();
    let definition = &detail.definitions[0];
    assert_eq!((&*definition.placement.path, definition.targets.as_slice()), ("b.sql", [0].as_slice()));
    assert!(definition.text.starts_with("create table b"));
    let bound: Vec<_> = definition.bound.iter().flatten().map(|asset| &*asset.key).collect();
    assert_eq!(bound, ["a", "b"]);
    assert_eq!(detail.declared[0].columns[0].data_type, "int");
    assert_eq!(store.facts_of_kind(run, "owner").await.unwrap().len(), 2);
    let rows = store.load_search_rows(run, None).await.unwrap();
    assert_eq!(rows, {
        let ids: Vec<_> = rows.iter().map(|row| row.asset.id).collect();
        store.load_search_rows(run, Some(&ids)).await.unwrap()
    });
    assert_eq!(rows.iter().map(|row| (row.readers, row.reads)).collect::<Vec<_>>(), [(1, 0), (0, 1)]);
}

#[tokio::test]
async fn an_unpublished_run_is_not_seen_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let (store, run) = one_run(folder.path()).await;
    let before = export(&store, run).await;
    let lock = store.lock_crawl().await.unwrap();
    let next = store.begin_run(&lock).await.unwrap();
    let mut changed = state(None);
    changed.assets.remove(1);
    changed.assets[0].name = "A".into();
    store.write_state(next, &changed).await.unwrap();
    assert_eq!((store.latest_run().await.unwrap(), export(&store, run).await), (Some(run), before.clone()));
    store.fail_run(next, "for the test").await.unwrap();
    store.unlock_crawl(lock).await.unwrap();
    assert_eq!(export(&store, run).await, before);
    assert_eq!(store.runs(1).await.unwrap()[0].state, RunState::Failed);
    let again = publish(&store, &changed).await;
    assert_ne!(export(&store, again).await, before);
    assert_eq!(export(&store, run).await, before);
}

#[tokio::test]
async fn writing_the_same_state_again_changes_no_row() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = one_run(folder.path()).await;
    let ids = store.write_analyses(&[analysis("s")]).await.unwrap();
    let lock = store.lock_crawl().await.unwrap();
    let run = store.begin_run(&lock).await.unwrap();
    let written = store.write_state(run, &state(Some(ids[0]))).await.unwrap();
    assert_eq!((written.documents, written.assets), (0, 0));
}

#[tokio::test]
async fn only_one_crawl_holds_the_lock() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).await.unwrap();
    let lock = store.lock_crawl().await.unwrap();
    let other = Store::open(folder.path()).await.unwrap();
    assert!(matches!(other.lock_crawl().await, Err(StoreError::Locked { .. })));
    store.unlock_crawl(lock).await.unwrap();
    assert!(other.lock_crawl().await.is_ok());
}

#[tokio::test]
async fn what_people_state_is_kept_and_can_be_taken_back_only_by_another_statement() {
    let folder = tempfile::tempdir().unwrap();
    let (store, run) = one_run(folder.path()).await;
    let mut statement = PersonStatement {
        id: 0,
        namespace: "duckdb".into(),
        key: "b".into(),
        column: String::new(),
        field: "description".into(),
        value: Some("all of them".into()),
        withdraws: false,
        person: "bo".into(),
        at: 5,
        undoes: None,
        batch: None,
    };
    let new = |statement: &PersonStatement, seen| NewStatement { statement: statement.clone(), seen };
    assert_eq!(store.append_statements(&[new(&statement, Some(0))]).await.unwrap(), Appended::All(vec![1]));
    assert_eq!(store.append_statements(&[new(&statement, Some(0))]).await.unwrap(), Appended::Overtaken(vec![0]));
    statement.id = 1;
    let id = store.find_asset(run, "duckdb", "b").await.unwrap().unwrap();
    assert_eq!(store.show_asset(run, id).await.unwrap().unwrap().stated, [statement.clone()]);
    assert_eq!(store.person_statements(None).await.unwrap(), [statement.clone()]);
    assert_eq!((store.latest_statement().await.unwrap(), store.assets_stated_after(0).await.unwrap()), (1, vec![id]));
    let two = [new(&statement, None), new(&statement, Some(1))];
    assert_eq!(store.append_statements(&two).await.unwrap(), Appended::All(vec![2, 3]));
    let batches: Vec<_> = store.statements_after(1, 9).await.unwrap().iter().map(|one| one.batch).collect();
    assert_eq!(batches, [Some(2), Some(2)]);
    let search = |id: i64, query: &str, hits: u32| SearchEvent {
        id,
        at: 9,
        person: "ana".into(),
        query: query.into(),
        hits,
        relaxed: false,
    };
    let opened = |search: i64, person: &str| OpenedHit {
        search,
        person: person.into(),
        namespace: "duckdb".into(),
        key: "b".into(),
        column: String::new(),
        at: 10,
    };
    let searches = [search(1, "Churn ", 3), search(2, "churn", 2), search(3, "lost", 0)];
    store.keep_searches(&searches, &[opened(1, "ana"), opened(2, "bo"), opened(7, "ana")], 0).await.unwrap();
    assert_eq!(store.count_searches(0).await.unwrap(), (3, 1, 1), "of another person's search nothing is opened");
    let terms = store.search_terms(0, false, 9).await.unwrap();
    assert_eq!(terms.iter().map(|term| (term.searches, term.people, term.opened)).collect::<Vec<_>>(), [(2, 1, 1), (1, 1, 0)]);
    assert_eq!(store.search_terms(0, true, 9).await.unwrap()[0].query, "lost");
    store.keep_searches(&[], &[], 10).await.unwrap();
    assert_eq!(store.count_searches(0).await.unwrap(), (0, 0, 0), "what is old is forgotten");
}

#[tokio::test]
async fn a_backup_restores_to_the_same_export() {
    let folder = tempfile::tempdir().unwrap();
    let (store, run) = one_run(&folder.path().join("data")).await;
    let before = export(&store, run).await;
    let backup = folder.path().join("backup.db");
    store.back_up(&backup).await.unwrap();
    publish(&store, &CatalogState::default()).await;
    store.close().await;
    Store::restore(&folder.path().join("data"), &backup).await.unwrap();
    let store = Store::open(&folder.path().join("data")).await.unwrap();
    assert_eq!((store.latest_run().await.unwrap(), export(&store, run).await), (Some(run), before));
    assert_eq!(store.schema_version().await.unwrap(), newest_migration());
}

/// The number of the newest file in `migrations/`.
fn newest_migration() -> i64 {
    let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations")).unwrap();
    let numbers = files.map(|file| file.unwrap().file_name().to_str().unwrap()[..4].parse().unwrap());
    numbers.max().unwrap()
}

#[tokio::test]
async fn an_older_database_is_backed_up_and_brought_up_to_date() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wellspring.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let first = sqlx::migrate::Migration::new(
        1,
        "catalog".into(),
        sqlx::migrate::MigrationType::Simple,
        sqlx::SqlSafeStr::into_sql_str(include_str!("../../migrations/0001_catalog.sql")),
        false,
    );
    let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
    sqlx::migrate::Migrator::with_migrations(vec![first]).run(&pool).await.unwrap();
    sqlx::query("INSERT INTO source (name) VALUES ('kept')").execute(&pool).await.unwrap();
    pool.close().await;
    let store = Store::open(folder.path()).await.unwrap();
    assert_eq!(store.schema_version().await.unwrap(), newest_migration());
    store.close().await;
    let backup = format!("sqlite:{}", folder.path().join("wellspring.schema-1.backup").display());
    let backup = sqlx::SqlitePool::connect(&backup).await.unwrap();
    let kept: String = sqlx::query_scalar("SELECT name FROM source").fetch_one(&backup).await.unwrap();
    assert_eq!(kept, "kept");
}

#[tokio::test]
async fn a_file_that_is_no_catalog_is_not_restored() {
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("other.db");
    std::fs::write(&other, "").unwrap();
    assert!(Store::restore(&folder.path().join("data"), &other).await.is_err());
}
