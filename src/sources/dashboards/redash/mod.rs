//! Redash: answers of its API saved as JSON.
//!
//! In: files that hold queries, dashboards with their widgets, and data sources, one or lists of them.
//! Out: of every query a chart, of every dashboard a dashboard whose columns are what its widgets show.
//! Queries keep their text, with parameters resolved; queries on the results of others stay so.

mod parameters;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, LazyLock},
};

use regex::Regex;

use self::parameters::Parameters;
use crate::{
    model::{
        Diagnostic, Dialect, DocumentRole, FactKind, INVALID_DEFINITION, RelationName, Span, UNKNOWN_DEFINITION,
        UNSUPPORTED_DEFINITION,
    },
    sources::{
        compose::Composer,
        dashboards::{Placed, Tile, define_dashboard, read_trees, say, say_draft, shown_name},
        definitions::{Definition, DefinitionFile, Definitions, Setting},
        yaml::Node,
    },
};

/// Names that visualizations have where nobody chose one.
const UNNAMED: [&str; 4] = ["", "table", "chart", "new visualization"];

/// Results of other queries, as the data source of query results calls them.
static RESULTS: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?i)\b((?:cached_|param_)?query_(\d+))(?:_\{[^}]*\})?").ok());

/// Whether a JSON text looks like an answer of Redash's.
pub(in crate::sources) fn holds(text: &str) -> bool {
    let has = |word: &str| text.contains(word);
    has("\"query_hash\"") && has("\"data_source_id\"") && has("\"is_archived\"")
        || has("\"dashboard_filters_enabled\"") && has("\"widgets\"")
        || has("\"pause_reason\"") && has("\"syntax\"")
}

/// Reads every query and dashboard of `files`; of several of one identity the first.
pub(in crate::sources) fn read_exports(files: &[DefinitionFile], setting: &Setting<'_>) -> Definitions {
    let mut definitions = Definitions::default();
    let mut export = Export::new(setting);
    for (path, root) in read_trees(files, setting, &mut definitions) {
        export.gather(path, &root, &mut definitions);
    }
    export.define(&mut definitions);
    definitions
}

/// A data source: what it is called and in what its queries are written.
struct DataSource {
    name: String,
    kind: String,
    syntax: String,
}

/// Everything that the files hold, by id.
struct Export<'a> {
    setting: &'a Setting<'a>,
    sources: BTreeMap<String, DataSource>,
    queries: BTreeMap<String, Placed<'a>>,
    /// Queries that come along with the widgets of a dashboard.
    shown: BTreeMap<String, Placed<'a>>,
    dashboards: BTreeMap<String, Placed<'a>>,
}

impl<'a> Export<'a> {
    fn new(setting: &'a Setting<'a>) -> Self {
        let (sources, queries) = (BTreeMap::new(), BTreeMap::new());
        Export { setting, sources, queries, shown: BTreeMap::new(), dashboards: BTreeMap::new() }
    }

    fn gather(&mut self, path: &'a str, root: &Arc<Node>, definitions: &mut Definitions) {
        let list = match root.get("results").map(Node::items) {
            Some(results) if !results.is_empty() => results,
            _ => root.items(),
        };
        for node in if list.is_empty() { std::slice::from_ref(root) } else { list } {
            self.gather_one(path, node, definitions);
        }
    }

    fn gather_one(&mut self, path: &'a str, node: &Arc<Node>, definitions: &mut Definitions) {
        let Some(id) = node.word("id").map(str::to_owned) else { return };
        let is_query = is_query(node);
        if !is_query && node.get("widgets").is_none() {
            if let (Some(name), Some(kind)) = (node.word("name"), node.word("type")) {
                let syntax = node.word("syntax").unwrap_or("sql").to_owned();
                self.sources.insert(id, DataSource { name: name.to_owned(), kind: kind.to_owned(), syntax });
            }
            return;
        }
        for widget in widgets_of(node) {
            let query = widget.get("visualization").and_then(|shown| shown.child("query"));
            if let Some((query, own)) = query.and_then(|query| Some((query, query.word("id")?)))
                && is_query_text(query)
            {
                self.shown.entry(own.to_owned()).or_insert_with(|| Placed { path, node: query.clone() });
            }
        }
        let kept = if is_query { &mut self.queries } else { &mut self.dashboards };
        let is_whole = |node: &Node| is_query || node.get("widgets").is_some_and(|widgets| !widgets.items().is_empty());
        match kept.get(&id) {
            // Lists of dashboards leave out the widgets.
            Some(first) if is_whole(node) && !is_whole(&first.node) => {
                kept.insert(id, Placed { path, node: node.clone() });
            }
            Some(first) if is_query && first.path != path || is_whole(node) && !is_query => {
                let what = if is_query { "query" } else { "dashboard" };
                let message = format!("the {what} {id} stands in {} too, which is read", first.path);
                definitions.note(path, node.line, Diagnostic::new(&INVALID_DEFINITION, message, Span::default()));
            }
            Some(_) => {}
            None => {
                kept.insert(id, Placed { path, node: node.clone() });
            }
        }
    }

    fn query(&self, id: &str) -> Option<&Placed<'a>> {
        self.queries.get(id).or_else(|| self.shown.get(id))
    }

    /// The asset that the thing of this kind and id is.
    fn name_of(&self, kind: &str, id: &str) -> RelationName {
        RelationName::outside(self.setting.namespace("redash"), format!("{kind}/{id}"))
    }

    fn define(&self, definitions: &mut Definitions) {
        let ids: BTreeSet<&String> = self.queries.keys().chain(self.shown.keys()).collect();
        for id in ids {
            if let Some(placed) = self.query(id) {
                self.define_query(id, placed, definitions);
            }
        }
        for (id, placed) in &self.dashboards {
            self.define_dashboard(id, placed, definitions);
        }
    }

    fn define_query(&self, id: &str, placed: &Placed<'_>, definitions: &mut Definitions) {
        let (path, node) = (placed.path, &placed.node);
        let source = node.word("data_source_id").and_then(|id| self.sources.get(id));
        let (called, kind) = source.map_or(("", ""), |source| (&source.name, &source.kind));
        let connection = self.setting.connect(called, dialect_of(kind));
        let (mut sql, mut stand_ins) = (Composer::default(), Vec::new());
        if let Some((line, text)) = node.entry("query").and_then(|(line, text)| Some((line, text.text()?))) {
            let parameters = node.get("options").and_then(|options| options.get("parameters"));
            let text = Parameters::of(parameters.map(Node::items).unwrap_or_default()).resolve(text);
            match source.filter(|source| source.syntax != "sql") {
                Some(source) => {
                    let message = format!("the query is not in SQL but in the language of {}", source.kind);
                    definitions.note(path, line, Diagnostic::new(&UNSUPPORTED_DEFINITION, message, Span::default()));
                }
                None if kind == "results" || source.is_none() => {
                    let (text, read) = self.name_results(&text, source.is_some());
                    for (name, other) in read {
                        if self.query(&other).is_none() {
                            let message = format!("the query {other} is read, which no file of the export holds");
                            definitions.note(path, line, Diagnostic::new(&UNKNOWN_DEFINITION, message, Span::default()));
                        }
                        stand_ins.push((name, self.name_of("query", &other)));
                    }
                    sql.put(text.trim(), line);
                }
                None => {
                    sql.put(text.trim(), line);
                }
            }
        }
        let target = self.name_of("query", id);
        self.say_facts(node, &target, path, &format!("queries/{id}"), definitions);
        if let Some(every) = node.get("schedule").and_then(|schedule| schedule.word("interval")) {
            let text = format!("every {every} s");
            definitions.say(&target, FactKind::Schedule { text }, path, node.line);
        }
        let name = node.word("name").map(|name| shown_name(name, id));
        let part = format!("query.{id}");
        definitions
            .define_in(Definition { path, part: &part, role: DocumentRole::Chart, target, name, sql, stand_ins }, &connection);
    }

    /// Text in which results of other queries are names alone, and those names with the ids of the queries.
    /// Where it is not `certain` that the query reads results, only those count that the export holds.
    fn name_results(&self, text: &str, certain: bool) -> (String, BTreeMap<String, String>) {
        let mut read = BTreeMap::new();
        let Some(results) = RESULTS.as_ref() else { return (text.to_owned(), read) };
        let named = results.replace_all(text, |found: &regex::Captures<'_>| {
            let part = |at: usize| found.get(at).map(|part| part.as_str().to_owned()).unwrap_or_default();
            if !certain && self.query(&part(2)).is_none() {
                return part(0);
            }
            read.insert(part(1), part(2));
            part(1)
        });
        (named.into_owned(), read)
    }

    fn define_dashboard(&self, id: &str, placed: &Placed<'_>, definitions: &mut Definitions) {
        let (path, node) = (placed.path, &placed.node);
        let mut tiles: Vec<Tile> = Vec::new();
        for widget in widgets_of(node) {
            let Some(shown) = widget.get("visualization") else { continue };
            let Some(query) = shown.get("query").and_then(|query| query.word("id")) else { continue };
            let Some(known) = self.query(query) else {
                let message = format!("the dashboard shows the query {query}, which no file of the export holds");
                definitions.note(path, shown.line, Diagnostic::new(&UNKNOWN_DEFINITION, message, Span::default()));
                continue;
            };
            let of_query = known.node.word("name").unwrap_or(query);
            let own = shown.word("name").unwrap_or_default();
            let mut title = match UNNAMED.contains(&own.to_lowercase().as_str()) {
                true => of_query.to_owned(),
                false => format!("{own} - {of_query}"),
            };
            if tiles.iter().any(|tile| tile.title.eq_ignore_ascii_case(&title)) {
                title = format!("{title} ({})", shown.word("id").unwrap_or(query));
            }
            tiles.push(Tile { title, line: shown.line, chart: self.name_of("query", query), columns: columns_of(shown) });
        }
        let target = self.name_of("dashboard", id);
        let address = format!("dashboards/{id}-{}", node.word("slug").unwrap_or_default());
        self.say_facts(node, &target, path, address.trim_end_matches('-'), definitions);
        let name = node.word("name").map(|name| shown_name(name, id));
        let part = format!("dashboard.{id}");
        define_dashboard((path, &part, node.line), target, name, &tiles, &[], self.setting, definitions);
    }

    /// What a query or dashboard says of itself; `address` is where it is shown below the tool's own.
    fn say_facts(&self, node: &Node, target: &RelationName, path: &str, address: &str, definitions: &mut Definitions) {
        let about = (target, path);
        say(node, "name", |name| FactKind::FriendlyName { name }, about, definitions);
        say(node, "description", |text| FactKind::Description { text }, about, definitions);
        if let Some(user) = node.get("user") {
            let key = if user.word("email").is_some() { "email" } else { "name" };
            say(user, key, |name| FactKind::Owner { name }, about, definitions);
        }
        for tag in node.get("tags").map(Node::items).unwrap_or_default() {
            if let Some(name) = tag.text() {
                definitions.say(target, FactKind::Tag { name: name.to_owned() }, path, tag.line);
            }
        }
        if node.get("is_archived").and_then(Node::truth) == Some(true) {
            definitions.say(target, FactKind::Archived, path, node.entry("is_archived").map_or(node.line, |(line, _)| line));
        }
        if node.get("is_draft").and_then(Node::truth) == Some(true) {
            say_draft(node, "is_draft", about, definitions);
        }
        if let Some(base) = self.setting.link() {
            definitions.say(target, FactKind::Link { url: format!("{base}/{address}") }, path, node.line);
        }
    }
}

/// Whether an object is a query, and not one of its results.
fn is_query(node: &Node) -> bool {
    is_query_text(node) && node.get("data").is_none()
}

fn is_query_text(node: &Node) -> bool {
    node.get("query").and_then(Node::text).is_some() && node.get("data_source_id").is_some()
}

/// The widgets of a dashboard in the order of its layout: from top to bottom, then from left to right.
fn widgets_of(dashboard: &Node) -> Vec<&Arc<Node>> {
    let mut widgets: Vec<&Arc<Node>> = dashboard.get("widgets").map(Node::items).unwrap_or_default().iter().collect();
    widgets.sort_by_key(|widget| {
        let position = widget.get("options").and_then(|options| options.get("position"));
        let number = |key: &str| position.and_then(|position| position.word(key)?.parse::<u32>().ok()).unwrap_or(u32::MAX);
        (number("row"), number("col"))
    });
    widgets
}

/// The columns that a visualization shows; none where it shows all of them, or does not tell.
fn columns_of(visualization: &Node) -> Vec<String> {
    let Some(options) = visualization.get("options") else { return Vec::new() };
    let mapped = options.get("columnMapping").into_iter().flat_map(Node::entries);
    let mapped =
        mapped.filter(|(_, _, role)| role.text().is_some_and(|role| role != "unused")).map(|(_, name, _)| name.to_owned());
    let counted = ["counterColName", "targetColName"].iter().filter_map(|key| options.word(key)).map(str::to_owned);
    mapped.chain(counted).collect()
}

/// The dialect of a data source's type.
fn dialect_of(kind: &str) -> Option<Dialect> {
    Some(match kind {
        "bigquery" | "bigquery_gce" => Dialect::BigQuery,
        "snowflake" => Dialect::Snowflake,
        "redshift" | "redshift_iam" => Dialect::Redshift,
        "pg" | "cockroach" => Dialect::Postgres,
        "mysql" | "rds_mysql" | "memsql" => Dialect::MySql,
        "mssql" | "mssql_odbc" => Dialect::MsSql,
        "oracle" => Dialect::Oracle,
        "sqlite" | "results" => Dialect::Sqlite,
        "hive" | "hive_http" | "impala" => Dialect::Hive,
        "databricks" | "databricks_internal" => Dialect::Databricks,
        "presto" | "trino" | "athena" => Dialect::Trino,
        "clickhouse" => Dialect::ClickHouse,
        "duckdb" => Dialect::DuckDb,
        "vertica" => Dialect::Vertica,
        _ => return None,
    })
}
