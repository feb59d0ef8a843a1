//! Declared columns that are not those that the SQL writes.

use wellspring::{
    catalog::{Catalog, ColumnDrift},
    store::Store,
};

use crate::small_repository::{config, crawl_files, files, summary};

/// What is said of drift after a crawl of `pairs`: (file, message).
async fn drift(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).await.unwrap();
    let report = crawl_files(&store, &config(), &files(pairs)).await;
    let rows = store.diagnostics(report.run).await.unwrap();
    let rows = rows.into_iter().filter(|row| row.code == "schema-drift");
    rows.map(|row| (row.path.to_string(), row.message)).collect()
}

#[tokio::test]
async fn a_schema_file_that_says_otherwise_than_the_sql_is_told_at_the_file() {
    let found = drift(&[
        ("t.sql", "create table t as select id, at as created_date from raw"),
        ("t.schema", "ID created_at"),
        ("fine.sql", "create view fine as select id, at from raw"),
        ("fine.schema", "at id"),
    ])
    .await;
    let said = "the schema of `main.t` declares `created_at`, which the SQL does not write, and \
                does not declare `created_date`, which the SQL writes";
    assert_eq!(found, [("t.schema".to_owned(), said.to_owned())]);
}

#[tokio::test]
async fn what_is_not_whole_is_not_compared() {
    let found = drift(&[
        // A star over what nothing declares may hold anything.
        ("star.sql", "create table star as select *, 1 as one from raw"),
        ("star.schema", "id one"),
        // Rows are added to columns that others fill.
        ("some.sql", "insert into some (id) select id from raw"),
        ("some.schema", "id loaded_at"),
        ("merged.sql", "merge into merged t using raw r on t.id = r.id when matched then update set x = r.x"),
        ("merged.schema", "id x y"),
        // It does not parse.
        ("broken.sql", "create table broken as select select from ("),
        ("broken.schema", "id"),
    ])
    .await;
    assert_eq!(found, []);
}

#[tokio::test]
async fn the_asset_tells_which_columns_differ() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).await.unwrap();
    let files = files(&[("t.sql", "create view t as select id, at as created_date from raw"), ("t.schema", "id created_at")]);
    crawl_files(&store, &config(), &files).await;
    assert!(summary(&store).await.contains(&"schema-drift t.schema:0".to_owned()));
    store.close().await;
    let catalog = Catalog::open(folder.path()).await.unwrap();
    let answer = catalog.view().show_asset("duckdb", "main.t").await.unwrap();
    let columns: Vec<_> = answer.columns.iter().map(|column| (column.name.as_str(), column.drift)).collect();
    let expected = [("id", None), ("created_at", Some(ColumnDrift::Unwritten)), ("created_date", Some(ColumnDrift::Undeclared))];
    assert_eq!(columns, expected);
    let told = answer.diagnostics.iter().filter(|one| one.code == "schema-drift" && one.place.path == "t.schema").count();
    assert_eq!(told, 1);
}
