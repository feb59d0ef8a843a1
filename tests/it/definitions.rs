//! Dashboards and metrics: every format's fixture, as it stands in the catalog.

use std::{collections::BTreeSet, fmt::Write, path::Path};

use wellspring::{
    config::{Config, SourceConfig},
    crawl::{Silent, crawl},
    model::{AssetId, ColumnId, Dialect, FactKind, RunNumber, file_of},
    store::Store,
};

/// Crawls a folder, as a source called `shop`.
pub(super) async fn crawl_folder(folder: &Path, data: &Path) -> (Store, RunNumber) {
    let source = SourceConfig {
        name: "shop".into(),
        path: Some(folder.to_owned()),
        dialect: Some(Dialect::BigQuery),
        ..SourceConfig::default()
    };
    let config = Config { sources: vec![source], ..Config::default() };
    let store = Store::open(data).await.unwrap();
    let run = crawl(&config, &store, &Silent).await.unwrap().run;
    (store, run)
}

/// Everything outside of warehouses that the catalog holds of `fixtures/definitions/FORMAT`, in lines
/// that a person can check: assets, what is said of them, edges with their places, diagnostics.
async fn describe(format: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/definitions").join(format);
    let data = tempfile::tempdir().unwrap();
    let (store, run) = crawl_folder(&folder, data.path()).await;
    let graph = store.load_graph(run).await.unwrap();
    let asset = |id: AssetId| graph.assets.iter().find(|asset| asset.id == id).unwrap();
    let column = |id: ColumnId| {
        let column = graph.columns.iter().find(|column| column.id == id).unwrap();
        format!("{}.{}", asset(column.asset).name, column.name)
    };
    let mut out = String::new();
    let mut assets: Vec<_> = graph.assets.iter().filter(|asset| asset.namespace.contains("://")).collect();
    assets.sort_by_key(|asset| (&asset.namespace, &asset.key));
    for row in assets {
        let detail = store.show_asset(run, row.id).await.unwrap().unwrap();
        writeln!(out, "{} {} {} ({})", row.kind.word(), row.namespace, row.name, row.key).unwrap();
        for fact in &detail.facts {
            let what = serde_json::to_string(&fact.what).unwrap();
            let hidden = matches!(fact.what, FactKind::Columns { .. });
            assert!(!hidden, "columns of an asset outside of warehouses come from its SQL");
            writeln!(out, "  {what} {}:{}", fact.path, fact.line).unwrap();
        }
        let mut edges = BTreeSet::new();
        let place = |at: u32, line: u32| format!("{}:{line}", file_of(&graph.placements[at as usize].path));
        for edge in graph.column_edges.iter().filter(|edge| graph.columns.iter().any(|it| it.id == edge.to && it.asset == row.id))
        {
            let state = if edge.state.word() == "guessed" { " guessed" } else { "" };
            edges.insert(format!(
                "{} <- {} {}{state} {}",
                column(edge.to),
                column(edge.from),
                edge.kind.word(),
                place(edge.placement, edge.line)
            ));
        }
        for edge in graph.row_edges.iter().filter(|edge| edge.to == row.id) {
            edges.insert(format!("<- {} {} {}", column(edge.from), edge.kind.word(), place(edge.placement, edge.line)));
        }
        for edge in graph.asset_edges.iter().filter(|edge| edge.to == row.id) {
            edges.insert(format!("<- {}", asset(edge.from).name));
        }
        edges.iter().for_each(|edge| writeln!(out, "    {edge}").unwrap());
    }
    for row in store.diagnostics(run).await.unwrap() {
        writeln!(out, "{} {}:{} {}", row.code, file_of(&row.path), row.line, row.message).unwrap();
    }
    out
}

#[tokio::test(flavor = "multi_thread")]
async fn metric_toml_becomes_metrics_over_the_columns_of_their_data_sources() {
    insta::assert_snapshot!(describe("metric_toml").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn lookml_becomes_views_metrics_charts_and_dashboards() {
    insta::assert_snapshot!(describe("lookml").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn metabase_becomes_charts_models_metrics_and_dashboards() {
    insta::assert_snapshot!(describe("metabase").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn grafana_becomes_charts_and_dashboards() {
    insta::assert_snapshot!(describe("grafana").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn dbt_metrics_and_exposures_become_metrics_and_dashboards() {
    insta::assert_snapshot!(describe("dbt").await);
}
