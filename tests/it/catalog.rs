//! The open catalog over a small crawled folder: every question, once.

use std::{fs, path::Path};

use tempfile::TempDir;
use wellspring::{
    catalog::{
        Catalog, CatalogError, Direction, GraphQuery, ImpactQuery, ImpactSeverity, NameAnswer, NoLineage, SearchQuery,
        TraceQuery, View,
    },
    config::Config,
    crawl::{Silent, crawl},
    model::ColumnEdgeKind,
};

/// A small shop in the layout of `metadata.yaml` beside queries: two teams calculate `churn_rate`.
const FILES: &[(&str, &str)] = &[
    (
        "sql/shop/raw/events/schema.yaml",
        "fields:\n- name: user_id\n  type: STRING\n  description: Who did it.\n- name: cancelled\n  type: BOOLEAN\n- name: at\n  type: TIMESTAMP\n",
    ),
    (
        "sql/shop/raw/events/metadata.yaml",
        "friendly_name: Events\ndescription: Everything that happened.\nowners:\n- platform@shop.example\n",
    ),
    (
        "sql/shop/staging/users/view.sql",
        "CREATE OR REPLACE VIEW\n  `shop.staging.users`\nAS\nSELECT\n  user_id,\n  cancelled,\n  DATE_TRUNC(DATE(at), MONTH) AS month\nFROM\n  `shop.raw.events`\nWHERE\n  user_id <> ''\n",
    ),
    (
        "sql/shop/marts/churn/query.sql",
        "SELECT\n  month,\n  COUNT(DISTINCT user_id) AS users,\n  SAFE_DIVIDE(COUNTIF(cancelled), COUNT(DISTINCT user_id)) AS churn_rate\nFROM\n  `shop.staging.users`\nGROUP BY\n  month\n",
    ),
    (
        "sql/shop/marts/churn/metadata.yaml",
        "friendly_name: Churn\ndescription: |-\n  Churn of subscribers by month.\nowners:\n- growth@shop.example\nlabels:\n  incremental: true\n",
    ),
    (
        "sql/shop/finance/churn/query.sql",
        "SELECT\n  month,\n  SUM(IF(cancelled, 1, 0)) / SUM(1) AS churn_rate\nFROM\n  `shop.staging.users`\nGROUP BY\n  month\n",
    ),
    (
        "sql/shop/finance/churn/metadata.yaml",
        "friendly_name: Account churn\nowners:\n- finance@shop.example\ndeprecated: true\ndescription: Deprecated, use shop.marts.churn instead.\n",
    ),
    (
        "sql/shop/reporting/board/query.sql",
        "SELECT\n  m.month,\n  m.churn_rate,\n  f.churn_rate AS finance_churn_rate\nFROM\n  `shop.marts.churn` AS m\nJOIN\n  `shop.finance.churn` AS f\nUSING\n  (month)\n",
    ),
    ("sql/shop/reporting/broken/query.sql", "SELECT month FROM (SELECT\n"),
    ("sql/shop/reporting/broken/metadata.yaml", "friendly_name: Broken\nowners:\n- growth@shop.example\n"),
];

pub(crate) struct Shop {
    _folder: TempDir,
    pub(crate) catalog: Catalog,
    pub(crate) config: Config,
}

impl Shop {
    pub(crate) fn sources(&self) -> &Path {
        self.config.sources[0].path.as_deref().unwrap()
    }
}

pub(crate) async fn open_shop() -> Shop {
    let folder = TempDir::new().unwrap();
    let repository = folder.path().join("shop");
    for (path, text) in FILES {
        let file = repository.join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
    let mut config = Config::for_paths(&[repository.to_string_lossy().into_owned()], None).unwrap();
    config.data = Some(folder.path().join("data"));
    let catalog = Catalog::open(config.data.as_deref().unwrap()).await.unwrap();
    crawl(&config, catalog.store(), &Silent).await.unwrap();
    assert!(catalog.refresh().await.unwrap());
    Shop { _folder: folder, catalog, config }
}

async fn names(view: &View, text: &str) -> Vec<String> {
    match view.resolve_name(text).await.unwrap() {
        NameAnswer::Exact { asset, column } => {
            vec![format!("exact {} {}", asset.name, column.unwrap_or_default()).trim().to_owned()]
        }
        NameAnswer::Unique { asset, column } => {
            vec![format!("unique {} {}", asset.name, column.unwrap_or_default()).trim().to_owned()]
        }
        NameAnswer::Candidates { assets, .. } => assets.into_iter().map(|asset| asset.name).collect(),
    }
}

fn trace(column: &str, direction: Direction) -> TraceQuery {
    TraceQuery {
        namespace: "bigquery".to_owned(),
        name: "shop.reporting.board".to_owned(),
        column: Some(column.to_owned()),
        direction,
        ..TraceQuery::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_catalog_answers_without_a_run() {
    let folder = TempDir::new().unwrap();
    let catalog = Catalog::open(folder.path()).await.unwrap();
    let view = catalog.view();
    assert_eq!(view.run(), 0);
    assert_eq!(view.home().await.unwrap().assets, 0);
    assert_eq!(view.search(&SearchQuery { text: "x".to_owned(), ..SearchQuery::default() }).await.unwrap().total, 0);
    assert!(matches!(view.show_asset("bigquery", "x").await, Err(CatalogError::NotFound { .. })));
    assert!(!catalog.refresh().await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_in_any_form_finds_its_asset() {
    let shop = open_shop().await;
    let view = shop.catalog.view();
    assert_eq!(names(&view, "shop.marts.churn").await, ["exact shop.marts.churn"]);
    assert_eq!(names(&view, "`shop`.`marts`.`churn`").await, ["exact shop.marts.churn"]);
    assert_eq!(names(&view, "shop:marts.churn").await, ["exact shop.marts.churn"]);
    assert_eq!(names(&view, "bigquery/SHOP.marts.churn").await, ["exact shop.marts.churn"]);
    assert_eq!(names(&view, "board").await, ["unique shop.reporting.board"]);
    assert_eq!(names(&view, "marts.churn.CHURN_RATE").await, ["unique shop.marts.churn churn_rate"]);
    assert_eq!(names(&view, "churn").await, ["shop.marts.churn", "shop.finance.churn"]);
    assert_eq!(names(&view, "shop.reporting.bord").await, ["shop.reporting.board"]);
    assert!(names(&view, "zzzz").await.is_empty());
    assert!(names(&view, "").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_asset_shows_who_owns_it_what_it_means_and_where_it_comes_from() {
    let shop = open_shop().await;
    let view = shop.catalog.view();
    let churn = view.show_asset("bigquery", "shop.marts.churn").await.unwrap();
    assert_eq!(churn.friendly_name.as_deref(), Some("Churn"));
    let owners: Vec<_> = churn.owners.iter().map(|owner| (owner.name.as_str(), owner.origin.as_str())).collect();
    assert_eq!(owners, [("growth@shop.example", "metadata.yaml")]);
    assert!(churn.descriptions.iter().any(|described| described.text.contains("subscribers by month")));
    let columns: Vec<_> = churn.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(columns, ["month", "users", "churn_rate"]);
    let users = &churn.columns[1];
    let sources: Vec<_> = users
        .sources
        .iter()
        .map(|link| format!("{}.{} {}", link.column.asset.name, link.column.column, link.kind.word()))
        .collect();
    assert_eq!(sources, ["shop.staging.users.user_id AGGREGATION"]);
    assert_eq!(churn.upstream.iter().map(|other| other.asset.name.as_str()).collect::<Vec<_>>(), ["shop.staging.users"]);
    assert_eq!(churn.downstream.iter().map(|other| other.asset.name.as_str()).collect::<Vec<_>>(), ["shop.reporting.board"]);
    let deciders: Vec<_> = churn.row_edges.iter().map(|row| (row.column.column.as_str(), row.kind.as_str())).collect();
    assert!(deciders.contains(&("month", "GROUP_BY")), "{deciders:?}");
    assert_eq!(churn.documents[0].place.path, "sql/shop/marts/churn/query.sql");
    assert!(churn.documents[0].text.contains("SAFE_DIVIDE"));
    assert_eq!(churn.no_lineage, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copied_column_inherits_its_meaning() {
    let shop = open_shop().await;
    let users = shop.catalog.view().show_asset("bigquery", "shop.staging.users").await.unwrap();
    let user_id = users.columns.iter().find(|column| column.name == "user_id").unwrap();
    let described = user_id.description.as_ref().unwrap();
    assert_eq!(described.text, "Who did it.");
    assert_eq!(described.inherited_from.as_ref().unwrap().asset.name, "shop.raw.events");
    let month = users.columns.iter().find(|column| column.name == "month").unwrap();
    assert_eq!(month.description, None, "a computed column means something else");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_asset_without_lineage_says_why() {
    let shop = open_shop().await;
    let view = shop.catalog.view();
    let events = view.show_asset("bigquery", "shop.raw.events").await.unwrap();
    assert_eq!(events.no_lineage, Some(NoLineage::Root));
    let broken = view.show_asset("bigquery", "shop.reporting.broken").await.unwrap();
    assert!(
        matches!(&broken.no_lineage, Some(NoLineage::NotParsed { diagnostic }) if diagnostic.code == "syntax-error"),
        "{broken:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_column_shows_the_expression_that_computes_it() {
    let shop = open_shop().await;
    let answer = shop.catalog.view().show_column("bigquery", "shop.marts.churn", "CHURN_RATE").await.unwrap();
    assert_eq!(answer.column, "churn_rate");
    let expression = &answer.expressions[0];
    assert!(expression.expression.starts_with("SAFE_DIVIDE("), "{expression:?}");
    assert_eq!(expression.place.line, 4);
    assert!(expression.sentence.starts_with("Divides aggregates"), "{}", expression.sentence);
    assert!(expression.sentence.ends_with("per `month`."), "{}", expression.sentence);
    assert_eq!(answer.dependants[0].column.asset.name, "shop.reporting.board");
    let missing = shop.catalog.view().show_column("bigquery", "shop.marts.churn", "nothing").await;
    assert!(matches!(missing, Err(CatalogError::NotFound { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_reaches_the_raw_events() {
    let shop = open_shop().await;
    let answer = shop.catalog.view().trace(&trace("churn_rate", Direction::Upstream)).await.unwrap();
    let reached: Vec<_> = answer
        .columns
        .iter()
        .map(|column| format!("{} {}.{}", column.depth, column.column.asset.name, column.column.column))
        .collect();
    assert_eq!(reached[0], "0 shop.reporting.board.churn_rate");
    assert!(reached.contains(&"1 shop.marts.churn.churn_rate".to_owned()), "{reached:?}");
    assert!(reached.contains(&"3 shop.raw.events.user_id".to_owned()), "{reached:?}");
    let user =
        answer.columns.iter().find(|column| column.column.asset.name == "shop.raw.events" && column.column.column == "user_id");
    assert_eq!(user.unwrap().kind, Some(ColumnEdgeKind::Aggregation));
    let near = TraceQuery { depth: Some(1), ..trace("churn_rate", Direction::Upstream) };
    assert!(shop.catalog.view().trace(&near).await.unwrap().columns.iter().all(|column| column.depth <= 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_impact_of_a_raw_column_names_everybody_who_depends_on_it() {
    let shop = open_shop().await;
    let asked = ImpactQuery {
        namespace: "bigquery".to_owned(),
        name: "shop.raw.events".to_owned(),
        column: Some("cancelled".to_owned()),
        filters: Vec::new(),
    };
    let answer = shop.catalog.view().impact(&asked).await.unwrap();
    let hits: Vec<_> = answer.affected.iter().map(|hit| (hit.asset.name.as_str(), hit.severity)).collect();
    assert!(hits.contains(&("shop.staging.users", ImpactSeverity::Breaks)), "{hits:?}");
    assert!(hits.contains(&("shop.reporting.board", ImpactSeverity::Changes)), "{hits:?}");
    assert!(answer.owners.iter().any(|(owner, _)| owner == "growth@shop.example"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_explanation_goes_from_the_number_to_the_raw_events() {
    let shop = open_shop().await;
    let answer = shop.catalog.view().explain("bigquery", "shop.reporting.board", "churn_rate").await.unwrap();
    let steps: Vec<_> = answer.steps.iter().map(|step| step.column.asset.name.as_str()).collect();
    assert_eq!(steps[0], "shop.reporting.board");
    assert_eq!(steps[1], "shop.marts.churn");
    assert!(answer.steps[1].sentence.starts_with("Divides aggregates"), "{}", answer.steps[1].sentence);
    assert_eq!(answer.steps[1].used_by, [1]);
    let rules: Vec<_> = answer.steps.iter().flat_map(|step| &step.rules).map(|rule| rule.text.as_str()).collect();
    assert!(rules.contains(&"user_id <> ''"), "{rules:?}");
    assert!(rules.iter().any(|rule| rule.contains("month")), "{rules:?}");
    assert!(answer.roots.iter().any(|root| root.asset.name == "shop.raw.events"), "{:?}", answer.roots);
    assert!(answer.to_markdown().contains("SAFE_DIVIDE"));
}

#[tokio::test(flavor = "multi_thread")]
async fn searching_a_metric_pins_its_calculations() {
    let shop = open_shop().await;
    let answer = shop.catalog.view().search(&SearchQuery { text: "churn".to_owned(), ..SearchQuery::default() }).await.unwrap();
    let metric = &answer.metrics[0];
    assert_eq!(metric.name, "churn_rate");
    let definitions: Vec<_> = metric.definitions.iter().map(|definition| definition.asset.name.as_str()).collect();
    assert_eq!(definitions, ["shop.marts.churn", "shop.finance.churn"], "the board only copies; what is deprecated sinks");
    assert_eq!(metric.definitions[0].expression, "SAFE_DIVIDE(COUNTIF(cancelled), COUNT(DISTINCT user_id))");
    assert!(answer.hits.iter().any(|hit| hit.asset.name == "shop.marts.churn"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_exact_name_is_found_first() {
    let shop = open_shop().await;
    let view = shop.catalog.view();
    for name in ["shop.raw.events", "shop.staging.users", "shop.marts.churn", "shop.finance.churn", "shop.reporting.board"] {
        let answer = view.search(&SearchQuery { text: name.to_owned(), ..SearchQuery::default() }).await.unwrap();
        assert_eq!(answer.hits[0].asset.name, name);
    }
    let suggested = view.suggest("boa", 5).await.unwrap();
    assert_eq!(suggested[0].asset.name, "shop.reporting.board");
}

#[tokio::test(flavor = "multi_thread")]
async fn deprecations_name_who_still_reads_them_and_where() {
    let shop = open_shop().await;
    let deprecated = shop.catalog.view().deprecations().await.unwrap();
    assert_eq!(deprecated.len(), 1);
    assert_eq!(deprecated[0].asset.name, "shop.finance.churn");
    let replacement = deprecated[0].deprecation.replacement.as_ref().unwrap();
    assert_eq!(replacement.asset.as_ref().unwrap().name, "shop.marts.churn");
    let reader = &deprecated[0].readers[0];
    assert_eq!(reader.asset.name, "shop.reporting.board");
    assert_eq!(reader.places[0].path, "sql/shop/reporting/board/query.sql");
}

#[tokio::test(flavor = "multi_thread")]
async fn owners_are_counted_and_what_nobody_owns_is_listed() {
    let shop = open_shop().await;
    let view = shop.catalog.view();
    let owners = view.owners().await.unwrap();
    let names: Vec<_> = owners.owners.iter().map(|owner| owner.name.as_str()).collect();
    assert_eq!(names, ["growth@shop.example", "finance@shop.example", "platform@shop.example"]);
    let unowned = view.owner("").await.unwrap();
    assert_eq!(unowned.assets.len() as u64, owners.unowned);
    assert!(unowned.assets.iter().any(|owned| owned.asset.name == "shop.reporting.board"));
    let growth = view.owner("Growth@shop.example").await.unwrap();
    assert_eq!(growth.assets[0].asset.name, "shop.marts.churn", "the most read first");
    assert!(matches!(view.owner("nobody@x").await, Err(CatalogError::NotFound { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_graph_around_an_asset_has_places_for_everything() {
    let shop = open_shop().await;
    let query = GraphQuery {
        namespace: "bigquery".to_owned(),
        name: "shop.marts.churn".to_owned(),
        column: Some("churn_rate".to_owned()),
        up: 1,
        down: 1,
        ..GraphQuery::default()
    };
    let graph = shop.catalog.view().lineage_graph(&query).await.unwrap();
    let names: Vec<_> = graph.nodes.iter().map(|node| node.asset.name.as_str()).collect();
    assert_eq!(names, ["shop.staging.users", "shop.marts.churn", "shop.reporting.board"]);
    assert_eq!(graph.nodes[graph.focus].asset.name, "shop.marts.churn");
    assert!(graph.nodes.iter().all(|node| node.width > 0.0 && node.x + node.width <= graph.width));
    assert!(graph.edges.iter().all(|edge| !edge.path.is_empty()));
    assert!(graph.nodes[0].columns.iter().any(|column| column.name == "user_id" && column.on_path));
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_and_diagnostics_are_told() {
    let shop = open_shop().await;
    let view = shop.catalog.view();
    let runs = view.runs(10).await.unwrap();
    assert_eq!(runs[0].run, u64::from(view.run()));
    assert_eq!(runs[0].state, "published");
    let counts = view.diagnostic_counts().await.unwrap();
    assert!(counts.iter().any(|entry| entry.code == "syntax-error" && entry.count == 1), "{counts:?}");
    let page = view.diagnostics_of("syntax-error", 0, 10).await.unwrap();
    assert_eq!(page.occurrences[0].place.path, "sql/shop/reporting/broken/query.sql");
    assert!(!page.remedy.is_empty());
    assert!(matches!(view.diagnostics_of("no-such-code", 0, 1).await, Err(CatalogError::NotFound { .. })));
    let home = view.home().await.unwrap();
    assert!(home.coverage.statements > home.coverage.statements_parsed);
    assert_eq!(home.competing_metrics, [("churn_rate".to_owned(), 2)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_view_stays_as_it_was_when_a_new_run_is_taken_up() {
    let shop = open_shop().await;
    let before = shop.catalog.view();
    fs::write(shop.sources().join("sql/shop/reporting/broken/query.sql"), "SELECT month FROM `shop.marts.churn`\n").unwrap();
    crawl(&shop.config, shop.catalog.store(), &Silent).await.unwrap();
    assert!(shop.catalog.refresh().await.unwrap());
    assert!(!shop.catalog.refresh().await.unwrap());
    let after = shop.catalog.view();
    assert!(before.run() < after.run());
    assert!(before.show_asset("bigquery", "shop.reporting.broken").await.unwrap().upstream.is_empty());
    let mended = after.show_asset("bigquery", "shop.reporting.broken").await.unwrap();
    assert_eq!(mended.upstream[0].asset.name, "shop.marts.churn");
}
