//! Descriptions in DDL: every dialect's way to say what a table and a column mean.

use std::path::Path;

use wellspring::{
    config::Config,
    crawl::{Silent, crawl},
    model::{Dialect, FactKind},
    sql::{NoLookups, Options, Script},
    store::Store,
};

/// `relation.column: text`, the columns declared by DDL among them, in order.
fn described(dialect: Dialect, text: &str) -> Vec<String> {
    let analysis = Script::parse(text, &Options { dialect, ..Options::default() }).analyze(&NoLookups);
    let mut said = Vec::new();
    for target in &analysis.targets {
        let relation = target.relation.map(|at| analysis.relations[at as usize].to_string()).unwrap_or_default();
        for remark in &target.remarks {
            let literal = remark.span.of(text);
            assert!(
                literal.contains(remark.text.split(' ').next_back().unwrap()),
                "{literal} is not the place of {}",
                remark.text
            );
            said.push(format!("{relation}.{}: {}", remark.column, remark.text));
        }
    }
    said
}

#[test]
fn every_dialects_clauses_are_read() {
    let cases: &[(Dialect, &str, &[&str])] = &[
        (
            Dialect::BigQuery,
            "CREATE OR REPLACE TABLE `my-project.d.t` (a INT64 OPTIONS (description='first'), s ARRAY<STRUCT<x INT64 OPTIONS(description = 'inner')>>)\nPARTITION BY DATE(ts) OPTIONS (expiration = 3, description = \"\"\"one row\nper order\"\"\") AS SELECT 1 AS a",
            &["my-project.d.t.a: first", "my-project.d.t.: one row\nper order"],
        ),
        (
            Dialect::BigQuery,
            "CREATE VIEW d.v (a OPTIONS (description = 'first'), b) OPTIONS (description = 'it\\'s a view') AS SELECT 1, 'COMMENT'",
            &["d.v.a: first", "d.v.: it's a view"],
        ),
        (
            Dialect::BigQuery,
            "ALTER TABLE d.t SET OPTIONS (description = 'whole'); ALTER TABLE d.t ALTER COLUMN a SET OPTIONS (description = 'part')",
            &["d.t.: whole", "d.t.a: part"],
        ),
        (
            Dialect::Snowflake,
            "create or replace transient table t (a number(10, 2) comment 'first', b varchar) comment = 'whole' as select 1, 2;\ncreate secure view v (x comment 'ex') comment = $$a view$$ as select a from t;\ncomment if exists on column t.b is 'second'",
            &["t.a: first", "t.: whole", "t.b: second", "v.x: ex", "v.: a view"],
        ),
        (
            Dialect::Postgres,
            "COMMENT ON TABLE public.t IS 'it''s whole'; COMMENT ON COLUMN public.t.a IS 'first'; COMMENT ON MATERIALIZED VIEW m IS 'kept'; COMMENT ON TABLE public.t IS NULL; COMMENT ON FUNCTION f(int) IS 'no'",
            &["public.t.: it's whole", "public.t.a: first", "m.: kept"],
        ),
        (
            Dialect::MySql,
            "CREATE TABLE t (a INT NOT NULL COMMENT 'first', KEY k (a) COMMENT 'no') ENGINE=InnoDB COMMENT='whole'; ALTER TABLE t MODIFY COLUMN a INT COMMENT 'changed', CHANGE b c INT COMMENT 'renamed'",
            &["t.a: first", "t.: whole", "t.a: changed", "t.c: renamed"],
        ),
        (
            Dialect::Databricks,
            "CREATE TABLE c.s.t (a STRUCT<x: INT COMMENT 'inner'> COMMENT 'first') USING delta COMMENT 'whole' TBLPROPERTIES ('k' = 'v'); ALTER TABLE c.s.t ALTER COLUMN b COMMENT 'second'",
            &["c.s.t.a: first", "c.s.t.: whole", "c.s.t.b: second"],
        ),
        (
            Dialect::Hive,
            "CREATE EXTERNAL TABLE t (a INT COMMENT 'first') COMMENT 'whole' STORED AS PARQUET; ALTER TABLE t SET TBLPROPERTIES ('comment' = 'anew')",
            &["t.a: first", "t.: whole", "t.: anew"],
        ),
        (
            Dialect::Trino,
            "CREATE TABLE h.s.t (a bigint COMMENT 'first') COMMENT 'whole' WITH (format = 'ORC'); COMMENT ON VIEW h.s.v IS 'a view'",
            &["h.s.t.a: first", "h.s.t.: whole", "h.s.v.: a view"],
        ),
        (
            Dialect::ClickHouse,
            "CREATE TABLE t (a UInt64 COMMENT 'first') ENGINE = MergeTree ORDER BY a COMMENT 'whole'; ALTER TABLE t COMMENT COLUMN a 'changed'; ALTER TABLE t MODIFY COMMENT 'anew'",
            &["t.a: first", "t.: whole", "t.a: changed", "t.: anew"],
        ),
        (Dialect::DuckDb, "create temp table s (a int); comment on table s is 'gone'; select comment from s", &[]),
    ];
    for (dialect, text, expected) in cases {
        assert_eq!(described(*dialect, text), *expected, "{dialect}: {text}");
    }
}

async fn crawl_folder(folder: &Path, data: &Path) -> Store {
    let config = Config::for_paths(&[folder.display().to_string()], None).unwrap();
    let store = Store::open(data).await.unwrap();
    crawl(&config, &store, &Silent).await.unwrap();
    store
}

#[tokio::test]
async fn what_ddl_says_is_stated_with_its_file_and_line_and_is_searched_and_placeholders_are_not() {
    let (folder, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let write = |path: &str, text: &str| std::fs::write(folder.path().join(path), text).unwrap();
    let first = "create table m.t as select 1 as a, 2 as b;\n\ncomment on column m.t.B is 'the second';\n";
    write("a.sql", &format!("{first}comment on column m.t.a is 'TODO: add description';\n"));
    write("notes.sql", "-- notes\ncomment on table m.t is 'One row per order.';\n");
    write("v.sql", "create view m.v as select b from m.t");
    let store = crawl_folder(folder.path(), data.path()).await;
    let run = store.latest_run().await.unwrap().unwrap();
    let id = store.load_assets(run).await.unwrap().into_iter().find(|asset| &*asset.key == "m.t").unwrap().id;
    let detail = store.show_asset(run, id).await.unwrap().unwrap();
    let facts: Vec<_> = detail.facts.iter().map(|fact| (&*fact.path, fact.line, fact.what.clone())).collect();
    assert_eq!(
        facts,
        [
            ("a.sql", 3, FactKind::ColumnDescription { column: "B".into(), text: "the second".into() }),
            ("notes.sql", 2, FactKind::Description { text: "One row per order.".into() }),
        ]
    );
    let row = store.load_search_rows(run, Some(&[id])).await.unwrap().remove(0);
    let columns: Vec<_> = row.columns.iter().map(|column| (column.name.as_str(), column.description.as_deref())).collect();
    assert_eq!(columns, [("a", None), ("b", Some("the second"))]);
}
