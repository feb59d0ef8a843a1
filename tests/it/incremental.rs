//! Whatever was crawled before, a crawl leaves what a single cold one would.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use proptest::prelude::*;
use wellspring::{
    config::{Config, NameRule},
    crawl::{Silent, crawl_readings},
    store::Store,
};

use crate::small_repository::{Files, config, crawl_files, export, read};

/// One edit of a repository of at most six files.
#[derive(Clone, Debug)]
enum Edit {
    Write(usize, usize, usize),
    Break(usize),
    Rename(usize, usize),
    Delete(usize),
    Declare(usize, usize),
    Undeclare(usize),
    Rule(bool),
}

const TABLES: [&str; 5] = ["t0", "t1", "t2", "t3", "t4"];

/// A text that makes table `table` out of `from`.
fn text(table: usize, from: usize, shape: usize) -> String {
    let (table, from) = (TABLES[table % 5], TABLES[from % 5]);
    match shape % 8 {
        0 => format!("create or replace table {table} as select * from {from}"),
        1 => format!("create view {table} as select x, y + 1 as z from {from} where k = 1"),
        2 => format!("insert into {table} select a.x, b.Y from {from} a join raw b on a.k = b.k"),
        3 => format!("create table {table} (x int, y int, \"Z\" text)"),
        4 => format!("select x from {from}"),
        5 => format!("create temp table s as select * from {from};\ncreate table {table} as select * from s"),
        6 => format!("create view {table} as select {from}.*, 1 as one from {from}"),
        _ => format!("create table {table} as select 1 as x, 2 as Y, 3 as k"),
    }
}

fn apply(files: &mut Files, config: &mut Config, edit: &Edit) {
    let name = |at: usize| format!("f{}.sql", at % 6);
    match edit {
        Edit::Write(file, from, shape) => {
            files.insert(name(*file), text(*file, *from, *shape));
        }
        Edit::Break(file) => {
            if let Some(text) = files.get_mut(&name(*file)) {
                *text = "create table t as select select from ((".into();
            }
        }
        Edit::Rename(from, to) => {
            if let Some(text) = files.remove(&name(*from)) {
                files.insert(name(*to), text);
            }
        }
        Edit::Delete(file) => {
            files.remove(&name(*file));
        }
        Edit::Declare(table, columns) => {
            let columns = ["x", "x y", "x Y k"][columns % 3];
            files.insert(format!("{}.schema", TABLES[table % 5]), columns.into());
        }
        Edit::Undeclare(table) => {
            files.remove(&format!("{}.schema", TABLES[table % 5]));
        }
        Edit::Rule(on) => {
            let rule = NameRule {
                pattern: "main.t4".into(),
                warehouse: None,
                replacement: Some("main.t3".into()),
                environment: Some("dev".into()),
                ignore: false,
            };
            config.names = if *on { vec![rule] } else { Vec::new() };
        }
    }
}

fn edits() -> impl Strategy<Value = Edit> {
    let file = 0usize..6;
    prop_oneof![
        6 => (file.clone(), 0usize..5, 0usize..8).prop_map(|(file, from, shape)| Edit::Write(file, from, shape)),
        1 => file.clone().prop_map(Edit::Break),
        1 => (file.clone(), file.clone()).prop_map(|(from, to)| Edit::Rename(from, to)),
        1 => file.clone().prop_map(Edit::Delete),
        2 => (0usize..5, 0usize..3).prop_map(|(table, columns)| Edit::Declare(table, columns)),
        1 => (0usize..5).prop_map(Edit::Undeclare),
        1 => any::<bool>().prop_map(Edit::Rule),
    ]
}

/// Crawls after every few edits, telling the crawl which files it knows.
async fn crawl_edits(folder: &Path, edits: &[Vec<Edit>]) -> (Files, Config, Vec<String>) {
    let store = Store::open(folder).await.unwrap();
    let (mut files, mut config) = (Files::new(), config());
    let (mut known, mut rules) = (BTreeMap::new(), config.names.clone());
    for together in edits {
        together.iter().for_each(|edit| apply(&mut files, &mut config, edit));
        if config.names != rules {
            known.clear();
            rules.clone_from(&config.names);
        }
        let reading = read(&files, &known);
        known.clone_from(&reading.files);
        crawl_readings(&config, &store, &Silent, vec![reading]).await.unwrap();
    }
    let lines = export(&store).await;
    store.close().await;
    (files, config, lines)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, max_shrink_iters: 400, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_of_crawls_ends_like_a_single_one(
        edits in prop::collection::vec(prop::collection::vec(edits(), 1..4), 1..6),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (often, once) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
            let (files, config, lines) = crawl_edits(often.path(), &edits).await;
            let incremental: BTreeSet<String> =
                lines.into_iter().filter(|line| !line.contains("\"stale\":true")).collect();
            let store = Store::open(once.path()).await.unwrap();
            crawl_files(&store, &config, &files).await;
            let cold: BTreeSet<String> = export(&store).await.into_iter().collect();
            store.close().await;
            let more: Vec<_> = incremental.difference(&cold).collect();
            let less: Vec<_> = cold.difference(&incremental).collect();
            prop_assert!(more.is_empty() && less.is_empty(), "{files:#?}\nonly incremental {more:#?}\nonly cold {less:#?}");
            Ok(())
        })?;
    }
}
