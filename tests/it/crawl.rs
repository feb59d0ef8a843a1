//! Crawls of small hand-made repositories: what they leave.

use std::{collections::BTreeMap, path::Path};

use wellspring::{
    config::{Config, NameRule, SourceConfig},
    crawl::{Silent, Unlisted, crawl, crawl_listed, crawl_readings},
    model::{Commit, DocumentRole, RelationName},
    store::{CatalogState, Retention, RunState, Store},
};

use crate::small_repository::{config, crawl_files, export, files, read, summary};

#[tokio::test]
async fn a_star_sees_the_columns_of_what_another_file_makes() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).await.unwrap();
    let files = files(&[
        ("a.sql", "create view c as select * from b where y > 1"),
        ("b.sql", "create table b as select id, x + 1 as y from raw.events"),
        ("raw.events.schema", "id x"),
    ]);
    crawl_files(&store, &config(), &files).await;
    insta::assert_snapshot!(summary(&store).await.join("\n"));
}

#[tokio::test]
async fn a_partial_name_is_completed_by_a_unique_suffix_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).await.unwrap();
    let mut config = config();
    config.sources[0].schema = None;
    let files = files(&[
        ("a.sql", "create table mart.orders as select 1 as id"),
        ("b.sql", "create view mart.v as select id from orders"),
    ]);
    crawl_files(&store, &config, &files).await;
    let summary = summary(&store).await;
    assert!(summary.contains(&"mart.orders.id -> mart.v.id IDENTITY".to_owned()), "{summary:#?}");
    assert!(summary.contains(&"name-by-suffix b.sql:0".to_owned()), "{summary:#?}");
}

#[tokio::test]
async fn a_file_that_the_layout_gives_a_target_makes_an_asset_even_where_it_does_not_parse() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).await.unwrap();
    let mut reading = read(&files(&[("t/query.sql", "select select from ((")]), &BTreeMap::new());
    reading.documents[0].target = Some(RelationName::from_dotted("main.t"));
    reading.documents[0].role = DocumentRole::Query;
    crawl_readings(&config(), &store, &Silent, vec![reading]).await.unwrap();
    let summary = summary(&store).await;
    assert!(summary.contains(&"source table main.t declares 0 infers None".to_owned()), "{summary:#?}");
    assert!(summary.contains(&"syntax-error t/query.sql:1".to_owned()), "{summary:#?}");
    let run = store.latest_run().await.unwrap().unwrap();
    let id = store.find_asset(run, "duckdb", "main.t").await.unwrap().unwrap();
    let detail = store.show_asset(run, id).await.unwrap().unwrap();
    assert_eq!(detail.definitions.len(), 1, "its page shows the file and its error");
    assert!(!detail.definitions[0].diagnostics.is_empty());
}

/// Two sources of one file each, the second listed after the first.
async fn crawl_two(store: &Store, rules: Vec<NameRule>, first: &str, second: &str) -> Vec<String> {
    let mut config = config();
    config.sources.push(SourceConfig { name: "other".into(), ..config.sources[0].clone() });
    config.names = rules;
    let readings = [first, second].map(|text| read(&files(&[("a.sql", text)]), &BTreeMap::new()));
    crawl_readings(&config, store, &Silent, readings.to_vec()).await.unwrap();
    summary(store).await
}

#[tokio::test]
async fn of_two_creates_the_source_listed_first_wins_and_the_other_stays_as_evidence() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).await.unwrap();
    let (one, other) = ("create view v as select x from one", "create table v as select y, z from other where k");
    for (first, second, edge) in [
        (one, other, "main.one.x -> main.v.x IDENTITY"),
        (other, one, "main.other.y -> main.v.y IDENTITY"),
        (one, other, "main.one.x -> main.v.x IDENTITY"),
    ] {
        let summary = crawl_two(&store, Vec::new(), first, second).await;
        let into_v: Vec<&String> = summary.iter().filter(|line| line.contains("-> main.v.") && !line.contains(".z ")).collect();
        assert_eq!(into_v, [edge], "{summary:#?}");
        let notes = summary.iter().filter(|line| line.starts_with("defined-twice")).count();
        assert_eq!(notes, 1, "{summary:#?}");
        let run = store.latest_run().await.unwrap().unwrap();
        let id = store.find_asset(run, "duckdb", "main.v").await.unwrap().unwrap();
        let detail = store.show_asset(run, id).await.unwrap().unwrap();
        let held = detail.definitions.iter().map(|it| (&*it.placement.source, it.targets.len(), it.superseded.len()));
        assert_eq!(held.collect::<Vec<_>>(), [("other", 0, 1), ("repo", 1, 0)]);
        assert!(!detail.definitions[0].analysis.targets[0].columns.is_empty(), "its derivation is still there");
        assert_eq!(detail.inferred.unwrap().columns.len(), if first == one { 1 } else { 2 });
    }
}

#[tokio::test]
async fn inserts_and_declarations_add_up_and_copies_for_other_environments_give_way() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).await.unwrap();
    let insert = |from: &str| format!("create table if not exists t (x int);\ninsert into t select x from {from}");
    let summary = crawl_two(&store, Vec::new(), &insert("a"), &insert("b")).await;
    for from in ["a", "b"] {
        assert!(summary.contains(&format!("main.{from}.x -> main.t.x IDENTITY")), "{summary:#?}");
    }
    assert!(!summary.iter().any(|line| line.starts_with("defined-twice")), "{summary:#?}");

    let dev = NameRule {
        pattern: "dev.{table}".into(),
        warehouse: None,
        replacement: Some("main.{table}".into()),
        environment: Some("dev".into()),
        ignore: false,
    };
    let (copy, real) = ("create table dev.t as select x from dev.draft", "create table main.t as select x from main.raw");
    let summary = crawl_two(&store, vec![dev.clone()], copy, real).await;
    assert!(summary.contains(&"main.raw.x -> main.t.x IDENTITY".to_owned()), "{summary:#?}");
    assert!(!summary.iter().any(|line| line.contains("main.draft.x ->") || line.starts_with("defined-twice")), "{summary:#?}");
    let summary = crawl_two(&store, vec![dev], copy, "select 1").await;
    assert!(summary.contains(&"main.draft.x -> main.t.x IDENTITY".to_owned()), "{summary:#?}");
}

#[tokio::test]
async fn a_cycle_ends_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).await.unwrap();
    let files = files(&[
        ("a.sql", "insert into a select * from b"),
        ("b.sql", "insert into b select * from a"),
        ("c.sql", "insert into a select x from raw"),
    ]);
    crawl_files(&store, &config(), &files).await;
    let summary = summary(&store).await;
    assert!(summary.contains(&"dependency-cycle a.sql:0".to_owned()), "{summary:#?}");
    assert!(summary.contains(&"main.a.x -> main.b.x IDENTITY".to_owned()), "{summary:#?}");
}

#[tokio::test]
async fn a_crawl_of_the_same_files_analyses_nothing_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).await.unwrap();
    let files = files(&[("a.sql", "create table a as select 1 as x"), ("b.sql", "create view b as select * from a")]);
    let first = crawl_files(&store, &config(), &files).await;
    let before = export(&store).await;
    let second = crawl_files(&store, &config(), &files).await;
    assert!(!first.unchanged && second.unchanged);
    assert_eq!((first.counts.analysed, second.counts.analysed), (2, 0));
    assert_eq!(before, export(&store).await);
    assert_eq!(store.changed_assets(first.run, second.run).await.unwrap(), []);
}

#[tokio::test]
async fn an_earlier_run_can_still_be_read_after_a_change() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).await.unwrap();
    let mut state = files(&[("a.sql", "create table a as select x from raw"), ("b.sql", "create view b as select * from a")]);
    let first = crawl_files(&store, &config(), &state).await;
    state.insert("a.sql".into(), "create table a as select x, y from raw".into());
    let second = crawl_files(&store, &config(), &state).await;
    let names = async |run| {
        let graph = store.load_graph(run).await.unwrap();
        graph.columns.iter().map(|column| column.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(names(first.run).await, ["x", "x", "x"]);
    assert_eq!(names(second.run).await.len(), 6);
    let id = store.find_asset(second.run, "duckdb", "main.b").await.unwrap().unwrap();
    let detail = store.show_asset(second.run, id).await.unwrap().unwrap();
    assert_eq!(detail.inferred.unwrap().columns, ["x", "y"]);
    assert_eq!(&*detail.definitions[0].text, "create view b as select * from a");
    let earlier = store.show_asset(first.run, id).await.unwrap().unwrap();
    assert_eq!(earlier.inferred.unwrap().columns, ["x"]);
}

#[tokio::test]
async fn a_file_that_no_longer_parses_keeps_its_last_good_edges_marked_stale() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).await.unwrap();
    let mut state = files(&[("a.sql", "create table a as select x from raw")]);
    crawl_files(&store, &config(), &state).await;
    state.insert("a.sql".into(), "create table a as select x from from from (".into());
    crawl_files(&store, &config(), &state).await;
    let lines = export(&store).await;
    let edge = lines.iter().find(|line| line.contains("\"column_edge\"")).unwrap();
    assert!(edge.contains("\"stale\":true"), "{edge}");
    state.insert("a.sql".into(), "create table a as select x from raw".into());
    crawl_files(&store, &config(), &state).await;
    assert!(!export(&store).await.iter().any(|line| line.contains("stale")));
}

#[tokio::test]
async fn a_vanished_asset_still_has_a_page_that_says_since_when() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).await.unwrap();
    let mut state = files(&[("a.sql", "create table a as select 1 as x"), ("b.sql", "create table b as select 2 as y")]);
    crawl_files(&store, &config(), &state).await;
    state.remove("b.sql");
    let report = crawl_files(&store, &config(), &state).await;
    let id = store.find_asset(report.run, "duckdb", "main.b").await.unwrap().unwrap();
    let detail = store.show_asset(report.run, id).await.unwrap().unwrap();
    assert_eq!((detail.gone_since, detail.definitions.len()), (Some(report.run), 1));
}

#[tokio::test]
async fn a_commit_that_touches_no_file_writes_no_rows() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).await.unwrap();
    let state = files(&[("a.sql", "create table a as select 1 as x")]);
    let mut first = read(&state, &BTreeMap::new());
    first.commit = Some(Commit { id: "1".repeat(40), time: 1 });
    let first = crawl_readings(&config(), &store, &Silent, vec![first]).await.unwrap();
    let mut second = read(&state, &BTreeMap::new());
    second.commit = Some(Commit { id: "2".repeat(40), time: 2 });
    let second = crawl_readings(&config(), &store, &Silent, vec![second]).await.unwrap();
    assert_eq!(second.counts.changed_documents, 0);
    assert_eq!(store.changed_assets(first.run, second.run).await.unwrap(), []);
}

#[tokio::test]
async fn more_documents_than_wait_to_be_written_are_all_written() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).await.unwrap();
    let many = (0..600).map(|at| (format!("{at}.sql"), format!("create table t{at} as select x, {at} as y from raw")));
    let report = crawl_files(&store, &config(), &many.collect()).await;
    assert_eq!((report.counts.analysed, report.counts.column_edges), (600, 600));
}

#[tokio::test]
async fn a_folder_is_crawled_again_and_again_reading_only_what_changed() {
    let (folder, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let write = |path: &str, text: &str| std::fs::write(folder.path().join(path), text).unwrap();
    write("a.sql", "create table a as select x, k from raw");
    write("b.sql", "create view b as select * from a where k = 1");
    let mut config = config();
    config.sources[0].path = Some(folder.path().to_owned());
    let store = Store::open(data.path()).await.unwrap();
    let cold = crawl(&config, &store, &Silent).await.unwrap();
    assert_eq!((cold.counts.documents, cold.counts.analysed, cold.unchanged), (2, 2, false));
    let again = crawl(&config, &store, &Silent).await.unwrap();
    assert_eq!((again.counts.documents, again.counts.analysed, again.unchanged), (2, 0, true));
    write("b.sql", "create view b as select x from a where k = 1");
    let changed = crawl(&config, &store, &Silent).await.unwrap();
    assert_eq!((changed.counts.changed_documents, changed.counts.analysed), (1, 1));
    assert!(summary(&store).await.contains(&"main.a.x -> main.b.x IDENTITY".to_owned()));
    std::fs::remove_dir_all(folder.path()).unwrap();
    let kept = crawl(&config, &store, &Silent).await.unwrap();
    assert_eq!((kept.failed.len(), kept.counts.documents), (1, 2));
}

#[tokio::test]
async fn a_source_ends_only_when_it_is_pruned_and_not_while_it_cannot_be_read() {
    let (folder, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let source = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir(&path).unwrap();
        std::fs::write(path.join("a.sql"), text).unwrap();
        SourceConfig { name: name.into(), path: Some(path), ..SourceConfig::default() }
    };
    // The dialect of the second is guessed: without its files it could not be.
    let config = Config {
        sources: vec![
            source("one", "create table main.a as select x from main.raw"),
            source("two", "create table w.b as select safe_cast(x as int64) as y from `p.d.c`"),
        ],
        ..Config::default()
    };
    let store = Store::open(data.path()).await.unwrap();
    let first = crawl(&config, &store, &Silent).await.unwrap();
    let before = summary(&store).await;
    assert!(before.iter().any(|line| line.contains(" w.b ")), "{before:?}");
    let outcome = async |at: usize| {
        let run = store.latest_run().await.unwrap().unwrap();
        store.run_sources(run).await.unwrap()[at].outcome.clone()
    };

    let moved = folder.path().join("moved");
    std::fs::rename(folder.path().join("two"), &moved).unwrap();
    for _ in 0..2 {
        let unread = crawl(&config, &store, &Silent).await.unwrap();
        assert_eq!((unread.failed.len(), summary(&store).await), (1, before.clone()));
        let said = outcome(1).await;
        assert!(said.starts_with(&format!("not read, kept from run {}: ", first.run.0)), "{said}");
    }
    std::fs::rename(&moved, folder.path().join("two")).unwrap();
    let last = crawl(&config, &store, &Silent).await.unwrap();

    let without = Config { sources: vec![config.sources[0].clone()], ..config.clone() };
    for _ in 0..2 {
        let kept = crawl(&without, &store, &Silent).await.unwrap();
        assert_eq!((kept.failed.len(), summary(&store).await), (0, before.clone()));
        let said = outcome(1).await;
        assert!(said.starts_with(&format!("not configured, kept from run {};", last.run.0)), "{said}");
    }
    crawl_listed(&without, &store, Unlisted::Close, &Silent).await.unwrap();
    let cold_data = tempfile::tempdir().unwrap();
    let cold = Store::open(cold_data.path()).await.unwrap();
    crawl(&without, &cold, &Silent).await.unwrap();
    assert_eq!(export(&store).await, export(&cold).await);
    assert!(store.remembered_keys("two").await.unwrap().is_empty());
    crawl(&without, &store, &Silent).await.unwrap();
    assert_eq!(export(&store).await, export(&cold).await, "what was pruned does not come back");
}

#[tokio::test]
async fn runs_thin_out_and_those_that_stay_read_as_before() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).await.unwrap();
    let day = |at: usize| 86_400 * (20_000 + at as i64);
    let mut runs = Vec::new();
    // Three crawls a day for twenty days, each with a change; `gone.sql` is there on the third day alone.
    for at in 0..60 {
        let mut state = files(&[("a.sql", &format!("create table a as select x{at}, y from raw"))]);
        state.insert("b.sql".into(), format!("create view b as select y as y{} from a", at / 9));
        if (6..9).contains(&at) {
            state.insert("gone.sql".into(), "create table gone as select y from a".into());
        }
        let mut reading = read(&state, &BTreeMap::new());
        reading.commit = Some(Commit { id: format!("{at:040}"), time: day(at / 3) + at as i64 });
        let run = crawl_readings(&config(), &store, &Silent, vec![reading]).await.unwrap().run;
        let mut lines = Vec::new();
        store.export(run, &mut lines).await.unwrap();
        runs.push((run, lines));
    }
    let keep = Retention { all_days: 1, daily_days: 30, weekly_days: 60 };
    let lock = store.lock_crawl().await.unwrap();
    let dropped = store.thin_runs(&lock, keep, day(20)).await.unwrap();
    assert_eq!(store.thin_runs(&lock, keep, day(20)).await.unwrap(), 0, "nothing is left to do");
    store.unlock_crawl(lock).await.unwrap();
    let left: Vec<_> = store.runs(100).await.unwrap().into_iter().map(|run| run.number).collect();
    // The newest ten, and one of each day before them.
    assert_eq!((left.len(), dropped), (10 + 16, 34));
    for (run, lines) in runs.iter().filter(|(run, _)| left.contains(run)) {
        let mut now = Vec::new();
        store.export(*run, &mut now).await.unwrap();
        assert_eq!(String::from_utf8(now).unwrap(), String::from_utf8(lines.clone()).unwrap(), "run {}", run.0);
    }
    let newest = runs.last().unwrap().0;
    let id = store.find_asset(newest, "duckdb", "main.gone").await.unwrap().unwrap();
    let detail = store.show_asset(newest, id).await.unwrap().unwrap();
    let gone_since = detail.gone_since.unwrap();
    assert!(left.contains(&gone_since) && left.contains(&detail.first_run), "its dates are those of runs that are left");
    let again = crawl_files(&store, &config(), &files(&[("a.sql", "create table a as select x0, y from raw")])).await;
    assert_eq!(again.counts.analysed, 1, "what only dropped runs held is analysed anew");
}

/// The child of the next test: writes half a run, says so and waits to be killed.
#[tokio::test]
async fn child_that_is_killed_while_it_writes() {
    let Some(data) = std::env::var_os("WELLSPRING_TEST_KILLED_IN") else { return };
    let store = Store::open(Path::new(&data)).await.unwrap();
    let lock = store.lock_crawl().await.unwrap();
    let run = store.begin_run(&lock).await.unwrap();
    store.write_state(run, &CatalogState::default()).await.unwrap();
    std::fs::write(Path::new(&data).join("half-written"), "").unwrap();
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn a_crawl_that_is_killed_leaves_the_run_before_it() {
    let data = tempfile::tempdir().unwrap();
    let store = Store::open(data.path()).await.unwrap();
    let state = files(&[("a.sql", "create table a as select 1 as x")]);
    let report = crawl_files(&store, &config(), &state).await;
    let before = export(&store).await;
    store.close().await;
    let mut child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["crawl::child_that_is_killed_while_it_writes", "--exact"])
        .env("WELLSPRING_TEST_KILLED_IN", data.path())
        .spawn()
        .unwrap();
    for _ in 0..600 {
        if data.path().join("half-written").exists() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert!(data.path().join("half-written").exists());
    child.kill().unwrap();
    child.wait().unwrap();
    let store = Store::open(data.path()).await.unwrap();
    assert_eq!((store.latest_run().await.unwrap(), export(&store).await), (Some(report.run), before.clone()));
    let runs = store.runs(9).await.unwrap();
    assert_eq!(runs.iter().map(|run| run.state).collect::<Vec<_>>(), [RunState::Failed, RunState::Published]);
    crawl_files(&store, &config(), &state).await;
    assert_eq!(export(&store).await, before);
}
