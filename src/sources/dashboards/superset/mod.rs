//! Superset: an export, as it is unzipped or as the archive that it comes in.
//!
//! In: YAML files of databases, datasets, charts and dashboards. Out: of every dataset a view, of each of
//! its metrics a metric, of every chart a chart over the columns and metrics that it asks for, of every
//! dashboard a dashboard whose columns are its charts and whose rows its native filters decide.

mod chart;
mod dataset;
mod form;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use self::{chart::Chart, dataset::Dataset};
use crate::{
    config::Limits,
    model::{Diagnostic, Dialect, FactKind, Folding, INVALID_DEFINITION, RelationName, Span, UNKNOWN_DEFINITION},
    sources::{
        dashboards::{Filter, Placed, Tile, define_dashboard, quote, read_trees, say, say_draft, shown_name},
        definitions::{DefinitionFile, Definitions, Setting},
        json_tree::read_json,
        yaml::{Node, Value},
    },
};

/// Letters of an id that stand behind a title.
const SHORT: usize = 8;

/// Whether a YAML text looks like a file of an export.
pub(in crate::sources) fn holds(text: &str) -> bool {
    let has = |key: &str| text.starts_with(key) || text.contains(&format!("\n{key}"));
    has("slice_name:") && has("viz_type:")
        || has("dashboard_title:") && (has("position:") || has("metadata:"))
        || has("table_name:") && has("database_uuid:")
        || has("database_name:") && has("sqlalchemy_uri:")
}

/// Reads every dataset, chart and dashboard of `files`; of several of one identity the first.
pub(in crate::sources) fn read_exports(files: &[DefinitionFile], setting: &Setting<'_>) -> Definitions {
    let mut definitions = Definitions::default();
    let mut export = Export::new(setting);
    for (path, root) in read_trees(files, setting, &mut definitions) {
        export.gather(path, &root, &mut definitions);
    }
    export.define(&mut definitions);
    definitions
}

/// Everything that the files hold, by its uuid.
struct Export<'a> {
    setting: &'a Setting<'a>,
    databases: BTreeMap<String, Database>,
    datasets: BTreeMap<String, Placed<'a>>,
    charts: BTreeMap<String, Placed<'a>>,
    dashboards: BTreeMap<String, Placed<'a>>,
    /// The numbers that dashboards call charts by, which addresses are made of.
    numbers: BTreeMap<String, String>,
}

/// A database: its name and what its address says of its dialect.
struct Database {
    name: String,
    dialect: Option<Dialect>,
}

impl<'a> Export<'a> {
    fn new(setting: &'a Setting<'a>) -> Self {
        Export {
            setting,
            databases: BTreeMap::new(),
            datasets: BTreeMap::new(),
            charts: BTreeMap::new(),
            dashboards: BTreeMap::new(),
            numbers: BTreeMap::new(),
        }
    }

    fn gather(&mut self, path: &'a str, root: &Arc<Node>, definitions: &mut Definitions) {
        let Some(uuid) = root.word("uuid").map(str::to_owned) else {
            let message = "the file has no `uuid`, by which other files refer to it";
            return definitions.note(path, root.line, Diagnostic::new(&INVALID_DEFINITION, message, Span::default()));
        };
        if root.get("sqlalchemy_uri").is_some() {
            let name = root.word("database_name").unwrap_or_default().to_owned();
            let dialect = root.word("sqlalchemy_uri").and_then(dialect_of);
            self.databases.insert(uuid, Database { name, dialect });
            return;
        }
        let kept = if root.get("dashboard_title").is_some() {
            for (_, position) in chart_positions(root) {
                self.numbers.extend(position.word("uuid").zip(position.word("chartId")).map(owned));
            }
            &mut self.dashboards
        } else if root.get("slice_name").is_some() {
            &mut self.charts
        } else {
            &mut self.datasets
        };
        match kept.get(&uuid) {
            Some(first) => {
                let message = format!("{uuid} stands in {} too, which is read", first.path);
                definitions.note(path, root.line, Diagnostic::new(&INVALID_DEFINITION, message, Span::default()));
            }
            None => {
                kept.insert(uuid, Placed { path, node: root.clone() });
            }
        }
    }

    fn define(&self, definitions: &mut Definitions) {
        let datasets: BTreeMap<&str, Dataset<'_>> =
            self.datasets.iter().map(|(uuid, placed)| (uuid.as_str(), Dataset::new(self, uuid, placed))).collect();
        for dataset in datasets.values() {
            dataset.define(definitions);
        }
        let mut columns: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for (uuid, placed) in &self.charts {
            let wanted = placed.node.word("dataset_uuid");
            let dataset = wanted.and_then(|wanted| datasets.get(wanted));
            if let (Some(wanted), None) = (wanted, dataset) {
                let line = placed.node.entry("dataset_uuid").map_or(0, |(line, _)| line);
                let message = format!("the chart shows the dataset {wanted}, which no file of the export holds");
                definitions.note(placed.path, line, Diagnostic::new(&UNKNOWN_DEFINITION, message, Span::default()));
            }
            let chart = Chart { export: self, uuid, path: placed.path, node: &placed.node, dataset };
            columns.insert(uuid, chart.define(definitions));
        }
        for (uuid, placed) in &self.dashboards {
            self.define_dashboard(uuid, placed, &columns, &datasets, definitions);
        }
    }

    /// The asset that the thing of this kind and uuid is.
    fn name_of(&self, kind: &str, uuid: &str) -> RelationName {
        RelationName::outside(self.setting.namespace("superset"), format!("{kind}/{uuid}"))
    }

    fn define_dashboard(
        &self,
        uuid: &str,
        placed: &Placed<'_>,
        columns: &BTreeMap<&str, Vec<String>>,
        datasets: &BTreeMap<&str, Dataset<'_>>,
        definitions: &mut Definitions,
    ) {
        let (path, node) = (placed.path, &placed.node);
        let mut tiles: Vec<Tile> = Vec::new();
        for (line, meta) in chart_positions(node) {
            let name = meta.word("sliceNameOverride").or_else(|| meta.word("sliceName"));
            let chart = meta.word("uuid").unwrap_or_default();
            let Some(own) = columns.get(chart) else {
                let shown = name.unwrap_or(chart);
                let message = format!("the dashboard shows the chart `{shown}`, which no file of the export holds");
                definitions.note(path, line, Diagnostic::new(&UNKNOWN_DEFINITION, message, Span::default()));
                continue;
            };
            let target = self.name_of("chart", chart);
            if tiles.iter().any(|tile| tile.chart == target) {
                continue;
            }
            let mut title = name.unwrap_or(chart).to_owned();
            if tiles.iter().any(|tile| tile.title.eq_ignore_ascii_case(&title)) {
                title = format!("{title} ({})", short(chart));
            }
            tiles.push(Tile { title, line, chart: target, columns: own.clone() });
        }
        let filters = self.filters_of(placed, datasets, definitions);
        let target = self.name_of("dashboard", uuid);
        say(node, "dashboard_title", |name| FactKind::FriendlyName { name }, (&target, path), definitions);
        say_facts(node, &target, path, definitions);
        if node.get("published").and_then(Node::truth) == Some(false) {
            say_draft(node, "published", (&target, path), definitions);
        }
        if let Some(base) = self.setting.link() {
            let url = format!("{base}/superset/dashboard/{}/", node.word("slug").unwrap_or(uuid));
            definitions.say(&target, FactKind::Link { url }, path, node.line);
        }
        let name = node.word("dashboard_title").map(|title| shown_name(title, short(uuid)));
        let part = format!("dashboard.{uuid}");
        define_dashboard((path, &part, node.line), target, name, &tiles, &filters, self.setting, definitions);
    }

    /// The columns that a dashboard's native filters choose among.
    fn filters_of(
        &self,
        placed: &Placed<'_>,
        datasets: &BTreeMap<&str, Dataset<'_>>,
        definitions: &mut Definitions,
    ) -> Vec<Filter> {
        let mut filters: Vec<Filter> = Vec::new();
        let configured = placed.node.get("metadata").and_then(|metadata| metadata.get("native_filter_configuration"));
        for native in configured.map(Node::items).unwrap_or_default() {
            for target in native.get("targets").map(Node::items).unwrap_or_default() {
                let column = target.get("column").and_then(|column| column.word("name"));
                let (Some(column), Some(uuid)) = (column, target.word("datasetUuid")) else { continue };
                match datasets.get(uuid).filter(|dataset| dataset.has_column(column)) {
                    Some(dataset) => {
                        let (asset, column) = (dataset.target.clone(), label(dataset.connection.dialect, column));
                        if filters.iter().all(|known| (&known.asset, &known.column) != (&asset, &column)) {
                            filters.push(Filter { line: target.line, asset, column });
                        }
                    }
                    None => {
                        let message = format!("the dashboard filters by `{column}` of the dataset {uuid}, which is not there");
                        let diagnostic = Diagnostic::new(&UNKNOWN_DEFINITION, message, Span::default());
                        definitions.note(placed.path, target.line, diagnostic);
                    }
                }
            }
        }
        filters
    }
}

fn owned((key, value): (&str, &str)) -> (String, String) {
    (key.to_owned(), value.to_owned())
}

/// The beginning of an id, which tells it from others on a page.
fn short(uuid: &str) -> &str {
    uuid.get(..SHORT).unwrap_or(uuid)
}

/// The `meta` of every chart of a dashboard with its line, in the order of the layout; what the layout
/// does not reach comes last.
fn chart_positions(dashboard: &Node) -> Vec<(u32, &Node)> {
    let Some(position) = dashboard.get("position") else { return Vec::new() };
    let mut order: Vec<&str> = Vec::new();
    let mut seen = BTreeSet::new();
    let mut waiting = vec!["ROOT_ID"];
    while let Some(id) = waiting.pop() {
        if seen.insert(id) {
            order.push(id);
            let children = position.get(id).and_then(|node| node.get("children")).map(Node::items).unwrap_or_default();
            waiting.extend(children.iter().rev().filter_map(|child| child.text()));
        }
    }
    order.extend(position.entries().map(|(_, id, _)| id).filter(|id| !seen.contains(id)));
    let nodes = order.into_iter().filter_map(|id| position.get(id));
    let charts = nodes.filter(|node| node.word("type") == Some("CHART"));
    charts.filter_map(|node| Some((node.line, node.get("meta")?))).collect()
}

/// What datasets, metrics, charts and dashboards say of themselves in the same words.
fn say_facts(node: &Node, target: &RelationName, path: &str, definitions: &mut Definitions) {
    let about = (target, path);
    say(node, "description", |text| FactKind::Description { text }, about, definitions);
    for (key, shown) in [("certified_by", "certified by"), ("certification_details", "certification")] {
        say(node, key, |value| FactKind::Label { key: shown.to_owned(), value }, about, definitions);
    }
    for tag in node.get("tags").map(Node::items).unwrap_or_default() {
        if let Some(name) = tag.text().or_else(|| tag.word("name")) {
            definitions.say(target, FactKind::Tag { name: name.to_owned() }, path, tag.line);
        }
    }
    for owner in node.get("owners").map(Node::items).unwrap_or_default() {
        if let Some(name) = owner.text().or_else(|| owner.word("email")).or_else(|| owner.word("username")) {
            definitions.say(target, FactKind::Owner { name: name.to_owned() }, path, owner.line);
        }
    }
}

/// What `extra` says: a mapping, or one in JSON.
fn extra_of(node: &Node, limits: &Limits) -> Option<Arc<Node>> {
    let extra = node.child("extra")?;
    match extra.text() {
        Some(json) => read_json(json, limits).ok(),
        None => matches!(extra.value, Value::Map(_)).then(|| extra.clone()),
    }
}

/// What a column is called in the result of a query.
fn label(dialect: Dialect, name: &str) -> String {
    let flat = name.replace('.', "__");
    // SQLAlchemy writes names of lower case without quotes, so that such warehouses fold them.
    let folds = dialect.column_folding() == Folding::UnquotedUpper && !flat.chars().any(char::is_uppercase);
    if folds { flat.to_uppercase() } else { flat }
}

/// A name of the warehouse in its dialect's quotes; dots separate its parts.
fn dotted(dialect: Dialect, name: &str) -> String {
    name.split('.').map(|part| quote(dialect, &label(dialect, part))).collect::<Vec<_>>().join(".")
}

/// The dialect that an address of SQLAlchemy's names before its driver.
fn dialect_of(uri: &str) -> Option<Dialect> {
    let (scheme, _) = uri.split_once(':')?;
    Some(match scheme.split('+').next().unwrap_or(scheme) {
        "bigquery" => Dialect::BigQuery,
        "snowflake" => Dialect::Snowflake,
        "redshift" => Dialect::Redshift,
        "postgresql" | "postgres" | "cockroachdb" => Dialect::Postgres,
        "mysql" | "mariadb" | "starrocks" | "doris" => Dialect::MySql,
        "mssql" => Dialect::MsSql,
        "oracle" => Dialect::Oracle,
        "sqlite" | "shillelagh" | "gsheets" => Dialect::Sqlite,
        "hive" | "impala" => Dialect::Hive,
        "sparksql" => Dialect::Spark,
        "databricks" => Dialect::Databricks,
        "presto" | "trino" | "awsathena" => Dialect::Trino,
        "clickhouse" | "clickhousedb" => Dialect::ClickHouse,
        "duckdb" | "motherduck" => Dialect::DuckDb,
        "teradatasql" | "teradata" => Dialect::Teradata,
        "vertica" => Dialect::Vertica,
        _ => return None,
    })
}
