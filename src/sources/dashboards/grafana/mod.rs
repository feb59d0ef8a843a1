//! Grafana: dashboards as its API, its export and its provisioning files hold them.
//!
//! In: JSON files with panels. Out: of every SQL query of a panel a chart, of every dashboard a dashboard
//! whose columns are its charts. Queries keep their text, with macros and variables resolved. Queries in
//! other languages (PromQL, Loki's, …) are left out.

mod macros;

use std::{collections::BTreeMap, sync::Arc};

use self::macros::Variables;
use crate::{
    model::{Diagnostic, Dialect, DocumentRole, FactKind, INVALID_DEFINITION, RelationName, Span, UNKNOWN_DEFINITION},
    sources::{
        compose::Composer,
        dashboards::{Tile, define_dashboard, read_tree, say, shown_name},
        definitions::{Definition, DefinitionFile, Definitions, Setting},
        yaml::Node,
    },
};

/// Rows of panels inside of each other.
const DEEPEST: u32 = 5;
/// The data source of panels that show what another panel asks for.
const OTHER_PANEL: &str = "-- Dashboard --";

/// Whether a JSON text looks like a dashboard of Grafana's.
pub(in crate::sources) fn holds(text: &str) -> bool {
    let has = |word: &str| text.contains(word);
    has("\"panels\"") && has("\"schemaVersion\"") && (has("\"templating\"") || has("\"targets\"") || has("\"timepicker\""))
        || has("\"dashboard.grafana.app/")
}

/// Reads every dashboard of `files`; of several of one identity the first.
pub(in crate::sources) fn read_dashboards(files: &[DefinitionFile], setting: &Setting<'_>) -> Definitions {
    let mut definitions = Definitions::default();
    let mut known: BTreeMap<String, &str> = BTreeMap::new();
    for file in files {
        let Some(root) = read_tree(file, setting, &mut definitions) else { continue };
        for dashboard in Dashboard::all_in(&root, file, setting) {
            if dashboard.node.get("elements").is_some() {
                let message = "the dashboard is of Grafana's schema v2, which is not read; export it as classic JSON";
                let diagnostic = Diagnostic::new(&INVALID_DEFINITION, message.to_owned(), Span::default());
                definitions.note(&file.path, dashboard.node.line, diagnostic);
                continue;
            }
            match known.get(&dashboard.id) {
                Some(first) => {
                    let message = format!("the dashboard {} stands in {first} too, which is read", dashboard.id);
                    let diagnostic = Diagnostic::new(&INVALID_DEFINITION, message, Span::default());
                    definitions.note(&file.path, dashboard.node.line, diagnostic);
                }
                None => {
                    known.insert(dashboard.id.clone(), &file.path);
                    dashboard.define(&mut definitions);
                }
            }
        }
    }
    definitions
}

/// A dashboard in its file.
struct Dashboard<'a> {
    path: &'a str,
    id: String,
    node: Arc<Node>,
    /// The folder that it stands in; "" where that is not told.
    folder: String,
    variables: Variables,
    setting: &'a Setting<'a>,
}

/// A panel that asks for something in SQL.
struct Panel {
    /// Its number on the dashboard.
    id: String,
    title: String,
    node: Arc<Node>,
}

/// A query of a panel.
struct Chart {
    target: RelationName,
    title: String,
    line: u32,
}

impl<'a> Dashboard<'a> {
    /// The dashboards of a file: one by itself, as an answer of the API or a resource, or several in a list.
    fn all_in(root: &Arc<Node>, file: &'a DefinitionFile, setting: &'a Setting<'a>) -> Vec<Dashboard<'a>> {
        let items = root.get("items").map(Node::items).unwrap_or_default();
        let list = if items.is_empty() { root.items() } else { items };
        let one = [root.clone()];
        let nodes = if list.is_empty() { &one[..] } else { list };
        nodes.iter().filter_map(|node| Dashboard::new(node, nodes.len(), file, setting)).collect()
    }

    fn new(node: &Arc<Node>, of: usize, file: &'a DefinitionFile, setting: &'a Setting<'a>) -> Option<Dashboard<'a>> {
        let meta = node.get("meta").and_then(|meta| word(meta, "folderTitle"));
        let resource = node.get("metadata").and_then(|metadata| word(metadata, "name"));
        let inner = node.child("dashboard").or_else(|| node.child("spec")).unwrap_or(node).clone();
        if inner.get("panels").is_none() && inner.get("elements").is_none() && inner.get("rows").is_none() {
            return None;
        }
        let name = file.path.rsplit('/').next().unwrap_or(&file.path);
        let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
        let by_file = || (of == 1).then(|| stem.to_owned());
        let id = word(&inner, "uid").or(resource).or_else(by_file)?;
        let variables = Variables::of(&inner);
        Some(Dashboard { path: &file.path, id, node: inner, folder: meta.unwrap_or_default(), variables, setting })
    }

    fn define(&self, definitions: &mut Definitions) {
        let mut panels = Vec::new();
        self.gather(&self.node, &mut panels, 0, definitions);
        let mut charts: BTreeMap<String, Vec<Chart>> = BTreeMap::new();
        let mut order: Vec<&Panel> = Vec::new();
        for panel in &panels {
            let own = self.define_panel(panel, definitions);
            if !own.is_empty() {
                charts.insert(panel.id.clone(), own);
            }
            order.push(panel);
        }
        let mut tiles: Vec<Tile> = Vec::new();
        for panel in order {
            let shown: Vec<(&str, u32)> = match self.shows_others(panel) {
                Some(others) => others,
                None => vec![(&panel.id, panel.node.line)],
            };
            for (id, line) in shown {
                let Some(own) = charts.get(id) else {
                    if id != panel.id && panels.iter().all(|other| other.id != id) {
                        let message = format!("the panel {} shows the panel {id}, which the dashboard has not", panel.id);
                        definitions.note(self.path, line, Diagnostic::new(&UNKNOWN_DEFINITION, message, Span::default()));
                    }
                    continue;
                };
                for chart in own {
                    if tiles.iter().any(|tile| tile.chart == chart.target) {
                        continue;
                    }
                    let mut title = chart.title.clone();
                    if tiles.iter().any(|tile| tile.title.eq_ignore_ascii_case(&title)) {
                        title = format!("{title} ({id})");
                    }
                    tiles.push(Tile { title, line: chart.line, chart: chart.target.clone(), columns: Vec::new() });
                }
            }
        }
        let target = RelationName::outside(self.setting.namespace("grafana"), format!("dashboard/{}", self.id));
        self.say_facts(&self.node, &target, String::new(), definitions);
        let title = word(&self.node, "title").unwrap_or_else(|| self.id.clone());
        let part = format!("dashboard.{}", self.id);
        let place = (self.path, part.as_str(), self.node.line);
        define_dashboard(place, target, Some(shown_name(&title, &self.id)), &tiles, &[], self.setting, definitions);
    }

    /// Every panel, those of rows and of the old `rows` too.
    fn gather(&self, node: &Arc<Node>, panels: &mut Vec<Panel>, depth: u32, definitions: &mut Definitions) {
        let rows = node.get("rows").map(Node::items).unwrap_or_default();
        for inside in rows.iter().filter(|_| depth < DEEPEST) {
            self.gather(inside, panels, depth + 1, definitions);
        }
        for panel in node.get("panels").map(Node::items).unwrap_or_default() {
            if panel.get("panels").is_some() && depth < DEEPEST {
                self.gather(panel, panels, depth + 1, definitions);
            }
            let id = word(panel, "id").unwrap_or_else(|| format!("at-{}", panels.len() + 1));
            let node = match panel.get("libraryPanel") {
                Some(library) if panel.get("targets").is_none() => {
                    let uid = word(library, "uid").unwrap_or_default();
                    let held = self.node.get("__elements").and_then(|all| all.get(&uid)).and_then(|one| one.child("model"));
                    held.cloned().unwrap_or_else(|| {
                        let name = word(library, "name").unwrap_or(uid);
                        let message = format!("the panel is the library panel {name}, which the file does not hold");
                        definitions.note(self.path, panel.line, Diagnostic::new(&UNKNOWN_DEFINITION, message, Span::default()));
                        panel.clone()
                    })
                }
                _ => panel.clone(),
            };
            let title = word(panel, "title").or_else(|| word(&node, "title")).unwrap_or_else(|| format!("Panel {id}"));
            panels.push(Panel { id, title, node });
        }
    }

    /// The panels whose results a panel shows, where it asks for nothing itself.
    fn shows_others<'p>(&self, panel: &'p Panel) -> Option<Vec<(&'p str, u32)>> {
        let source = self.data_source(&panel.node).map(|(name, _)| name).unwrap_or_default();
        let targets = panel.node.get("targets").map(Node::items).unwrap_or_default();
        (source == OTHER_PANEL).then(|| {
            let others = targets.iter().filter_map(|target| target.entry("panelId"));
            others.filter_map(|(line, id)| Some((id.text()?, line))).collect()
        })
    }

    fn define_panel(&self, panel: &Panel, definitions: &mut Definitions) -> Vec<Chart> {
        let targets = panel.node.get("targets").map(Node::items).unwrap_or_default();
        let in_sql: Vec<&Arc<Node>> = targets.iter().filter(|target| sql_of(target).is_some()).collect();
        let mut charts: Vec<Chart> = Vec::new();
        for target in &in_sql {
            let Some((line, sql)) = sql_of(target) else { continue };
            let letter = word(target, "refId").unwrap_or_else(|| format!("{}", charts.len() + 1));
            let (key, title) = match in_sql.len() {
                1 => (panel.id.clone(), panel.title.clone()),
                _ => (format!("{}/{letter}", panel.id), format!("{} {letter}", panel.title)),
            };
            let (source, stated) = self.data_source(target).or_else(|| self.data_source(&panel.node)).unwrap_or_default();
            let connection = self.setting.connect(&source, stated);
            let mut composed = Composer::default();
            composed.put(&macros::resolve(sql, &self.variables, connection.dialect), line);
            let name = RelationName::outside(self.setting.namespace("grafana"), format!("dashboard/{}/panel/{key}", self.id));
            if charts.iter().any(|chart| chart.target == name) {
                let message = format!("the panel {} asks for {letter} twice; the first is read", panel.id);
                definitions.note(self.path, line, Diagnostic::new(&INVALID_DEFINITION, message, Span::default()));
                continue;
            }
            self.say_facts(&panel.node, &name, format!("?viewPanel={}", panel.id), definitions);
            let definition = Definition {
                path: self.path,
                part: &format!("dashboard.{}.panel.{key}", self.id),
                role: DocumentRole::Chart,
                target: name.clone(),
                name: Some(shown_name(&title, &format!("{}/{key}", self.id))),
                sql: composed,
                stand_ins: Vec::new(),
            };
            definitions.define_in(definition, &connection);
            charts.push(Chart { target: name, title, line: target.line });
        }
        charts
    }

    /// Name and dialect of the data source of a panel or a query.
    fn data_source(&self, node: &Node) -> Option<(String, Option<Dialect>)> {
        let source = node.get("datasource")?;
        let (name, kind) = match source.text() {
            Some(name) => (name.to_owned(), None),
            None => (word(source, "uid").unwrap_or_default(), word(source, "type")),
        };
        // An export for others names its data sources as inputs, a dashboard may choose one by a variable.
        let input = name.strip_prefix("${").and_then(|name| name.strip_suffix('}')).or_else(|| name.strip_prefix('$'));
        let inputs = self.node.get("__inputs").map(Node::items).unwrap_or_default();
        let stated = input.and_then(|input| {
            let of_input = inputs.iter().find(|one| word(one, "name").as_deref() == Some(input));
            of_input.and_then(|one| word(one, "pluginId")).or_else(|| self.variables.plugin(input))
        });
        let dialect = kind.or(stated).as_deref().and_then(dialect_of).or_else(|| dialect_of(&name));
        (!name.is_empty() || dialect.is_some()).then_some((name, dialect))
    }

    /// What the dashboard, or one of its panels, says of itself; `panel` is what its address ends in.
    fn say_facts(&self, node: &Node, target: &RelationName, panel: String, definitions: &mut Definitions) {
        say(node, "title", |name| FactKind::FriendlyName { name }, (target, self.path), definitions);
        say(node, "description", |text| FactKind::Description { text }, (target, self.path), definitions);
        if !self.folder.is_empty() {
            definitions.say(target, FactKind::Folder { path: self.folder.clone() }, self.path, node.line);
        }
        if let Some(base) = self.setting.link() {
            let url = format!("{base}/d/{}{panel}", self.id);
            definitions.say(target, FactKind::Link { url }, self.path, node.line);
        }
    }
}

/// The SQL of a query with its line; `None` where it is in another language, or asks for nothing.
fn sql_of(target: &Node) -> Option<(u32, &str)> {
    let (line, sql) = target.entry("rawSql").or_else(|| target.entry("rawSQL"))?;
    Some((line, sql.text()?)).filter(|(_, sql)| !sql.trim().is_empty())
}

/// A text, or a number, of an object; `None` for nothing.
fn word(node: &Node, key: &str) -> Option<String> {
    node.get(key).and_then(Node::text).map(str::to_owned).filter(|text| !text.is_empty())
}

/// The dialect of a data source's plugin, by its id.
fn dialect_of(plugin: &str) -> Option<Dialect> {
    Some(match plugin {
        "mysql" | "grafana-mysql-datasource" => Dialect::MySql,
        "postgres" | "postgresql" | "grafana-postgresql-datasource" => Dialect::Postgres,
        "mssql" | "grafana-mssql-datasource" | "grafana-azuresqldatabase-datasource" => Dialect::MsSql,
        "grafana-bigquery-datasource" | "doitintl-bigquery-datasource" => Dialect::BigQuery,
        "grafana-snowflake-datasource" | "michelin-snowflake-datasource" => Dialect::Snowflake,
        "grafana-redshift-datasource" => Dialect::Redshift,
        "grafana-athena-datasource" | "trino-datasource" => Dialect::Trino,
        "grafana-databricks-datasource" | "mullerpeter-databricks-datasource" => Dialect::Databricks,
        "grafana-clickhouse-datasource" | "vertamedia-clickhouse-datasource" => Dialect::ClickHouse,
        "grafana-oracle-datasource" => Dialect::Oracle,
        "frser-sqlite-datasource" => Dialect::Sqlite,
        _ => return None,
    })
}
