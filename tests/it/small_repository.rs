//! A small hand-made repository for tests of the crawl, and what a crawl of it left, in short.

use std::collections::BTreeMap;

use wellspring::{
    config::{Config, SourceConfig},
    crawl::{CrawlReport, Silent, crawl_readings},
    model::{DeclaredColumn, Dialect, Document, DocumentRole, Fact, FactKind, Reading, RelationName, Subject},
    store::Store,
};

/// A repository: SQL files, and columns declared by `.schema` files.
pub(crate) type Files = BTreeMap<String, String>;

pub(crate) fn config() -> Config {
    let source = SourceConfig {
        name: "repo".into(),
        path: Some("/nowhere".into()),
        dialect: Some(Dialect::DuckDb),
        schema: Some("main".into()),
        ..SourceConfig::default()
    };
    Config { sources: vec![source], ..Config::default() }
}

/// Reads `files` as a source would, leaving out what was `known` (path → blob).
pub(crate) fn read(files: &Files, known: &BTreeMap<String, String>) -> Reading {
    let mut reading = Reading { dialect: Dialect::DuckDb, ..Reading::default() };
    for (path, text) in files {
        let blob = format!("{:x}", text.len()) + text.replace(['\n', ' '], "").as_str();
        reading.files.insert(path.clone(), blob.clone());
        if known.get(path) == Some(&blob) {
            reading.unchanged.insert(path.clone());
        } else if let Some(table) = path.strip_suffix(".schema") {
            let columns = text.split_whitespace().map(|name| DeclaredColumn { name: name.into(), ..Default::default() });
            reading.facts.push(Fact {
                about: Subject::Asset(RelationName::from_dotted(table)),
                what: FactKind::Columns { columns: columns.collect(), whole: true },
                path: path.clone(),
                line: 1,
            });
        } else {
            reading.documents.push(Document {
                path: path.clone(),
                blob,
                text: text.clone(),
                role: DocumentRole::Sql,
                target: None,
                defaults: (None, None),
                dialect: Dialect::DuckDb,
                templated: false,
                variables: Vec::new(),
                composed: None,
            });
        }
    }
    reading
}

pub(crate) fn files(pairs: &[(&str, &str)]) -> Files {
    pairs.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
}

pub(crate) async fn crawl_files(store: &Store, config: &Config, files: &Files) -> CrawlReport {
    crawl_readings(config, store, &Silent, vec![read(files, &BTreeMap::new())]).await.unwrap()
}

pub(crate) async fn export(store: &Store) -> Vec<String> {
    let run = store.latest_run().await.unwrap().unwrap();
    let mut out = Vec::new();
    store.export(run, &mut out).await.unwrap();
    String::from_utf8(out).unwrap().lines().map(str::to_owned).collect()
}

/// Edges and assets in short: `main.a.x -> main.b.y IDENTITY`.
pub(crate) async fn summary(store: &Store) -> Vec<String> {
    let place = |value: &serde_json::Value| match value.get("column") {
        Some(column) => format!("{}.{}", value["name"].as_str().unwrap(), column.as_str().unwrap()),
        None => value["name"].as_str().unwrap().to_owned(),
    };
    let lines = export(store).await;
    lines
        .iter()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .map(|row| match row["type"].as_str().unwrap() {
            "asset" => {
                let columns = |field: &str| row[field].as_array().map(|columns| columns.len());
                let word = |field: &str| row[field].as_str().unwrap();
                let stale = if row.get("stale").is_some() { " stale" } else { "" };
                format!(
                    "{} {} {} declares {} infers {:?}{stale}",
                    word("role"),
                    word("kind"),
                    word("name"),
                    columns("declared_columns").unwrap(),
                    columns("inferred_columns")
                )
            }
            "diagnostic" => format!("{} {}:{}", row["code"].as_str().unwrap(), row["path"].as_str().unwrap(), row["line"]),
            "asset_edge" | "routine_edge" => format!("{} => {}", place(&row["from"]), place(&row["to"])),
            _ => format!("{} -> {} {}", place(&row["from"]), place(&row["to"]), row["kind"].as_str().unwrap()),
        })
        .collect()
}
