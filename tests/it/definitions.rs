//! Dashboards and metrics: every format's fixture, as it stands in the catalog.

use std::{collections::BTreeSet, fmt::Write as _, io::Write as _, path::Path};

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
    let is_outside = |namespace: &str| namespace.contains("://");
    describe_folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/definitions").join(format), is_outside).await
}

/// The assets of a folder in the namespaces that `is_shown` chooses.
async fn describe_folder(folder: &Path, is_shown: impl Fn(&str) -> bool) -> String {
    let data = tempfile::tempdir().unwrap();
    let (store, run) = crawl_folder(folder, data.path()).await;
    let graph = store.load_graph(run).await.unwrap();
    let asset = |id: AssetId| graph.assets.iter().find(|asset| asset.id == id).unwrap();
    let column = |id: ColumnId| {
        let column = graph.columns.iter().find(|column| column.id == id).unwrap();
        format!("{}.{}", asset(column.asset).name, column.name)
    };
    let mut out = String::new();
    let mut assets: Vec<_> = graph.assets.iter().filter(|asset| is_shown(&asset.namespace)).collect();
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

/// In the shape of an export: <https://superset.apache.org/docs/configuration/importing-exporting-datasources>,
/// `superset/commands/{dataset,chart,dashboard}/export.py`.
#[tokio::test(flavor = "multi_thread")]
async fn superset_becomes_datasets_metrics_charts_and_dashboards() {
    insta::assert_snapshot!(describe("superset").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_says_what_the_folder_says_that_it_was_made_of() {
    let definitions = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/definitions/superset");
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(definitions.join("tables.sql"), folder.path().join("tables.sql")).unwrap();
    let mut archive = zip::ZipWriter::new(std::fs::File::create(folder.path().join("export")).unwrap());
    for entry in ignore::Walk::new(definitions.join("export")).map(Result::unwrap).filter(|entry| entry.path().is_file()) {
        let inside = entry.path().strip_prefix(definitions.join("export")).unwrap();
        archive.start_file(inside.to_str().unwrap(), zip::write::SimpleFileOptions::default()).unwrap();
        archive.write_all(&std::fs::read(entry.path()).unwrap()).unwrap();
    }
    archive.finish().unwrap();
    // The archive is called like the folder, so that only its ending tells their places apart.
    std::fs::rename(folder.path().join("export"), folder.path().join("export.zip")).unwrap();
    std::fs::write(folder.path().join("other.zip"), "this is no archive").unwrap();
    let told = describe_folder(folder.path(), |namespace| namespace.contains("://")).await;
    let broken: Vec<&str> = told.lines().filter(|line| line.contains("other.zip")).collect();
    assert!(broken.len() == 1 && broken[0].starts_with("invalid-definition"), "{broken:?}");
    let told: Vec<&str> = told.lines().filter(|line| !line.contains("other.zip")).collect();
    assert_eq!(told.join("\n").replace("export.zip/", "export/"), describe("superset").await.trim_end());
}

/// In the shape of `redash/serializers` and of `/api/data_sources`; queries on results as
/// <https://redash.io/help/user-guide/querying/query-results-data-source> says.
#[tokio::test(flavor = "multi_thread")]
async fn redash_becomes_charts_and_dashboards() {
    insta::assert_snapshot!(describe("redash").await);
}

/// In the words of <https://cube.dev/docs/product/data-modeling/reference/cube> and its neighbours.
#[tokio::test(flavor = "multi_thread")]
async fn cube_becomes_views_and_metrics() {
    insta::assert_snapshot!(describe("cube").await);
}

/// In the words of <https://docs.lightdash.com/references/metrics>.
#[tokio::test(flavor = "multi_thread")]
async fn lightdash_becomes_metrics_over_models() {
    insta::assert_snapshot!(describe("lightdash").await);
}

/// In the shape of <https://docs.evidence.dev/core-concepts/queries/> and `evidence-dev/template`.
#[tokio::test(flavor = "multi_thread")]
async fn evidence_becomes_views_charts_and_dashboards() {
    insta::assert_snapshot!(describe("evidence").await);
}

/// In the words of <https://sqlmesh.readthedocs.io/en/stable/concepts/metrics/definition/> and of its models' overview.
#[tokio::test(flavor = "multi_thread")]
async fn sqlmesh_becomes_models_and_metrics() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/definitions/sqlmesh");
    insta::assert_snapshot!(describe_folder(&folder, |_| true).await);
}

/// In the shape that Tableau Desktop saves: <https://help.tableau.com/current/pro/desktop/en-us/environ_filesandfolders.htm>.
#[tokio::test(flavor = "multi_thread")]
async fn tableau_becomes_views_metrics_charts_and_dashboards() {
    insta::assert_snapshot!(describe("tableau").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn dbt_metrics_and_exposures_become_metrics_and_dashboards() {
    insta::assert_snapshot!(describe("dbt").await);
}
