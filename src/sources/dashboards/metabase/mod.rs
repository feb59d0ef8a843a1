//! Metabase: answers of its API saved as JSON, and the YAML of its serialization.
//!
//! In: files that hold cards, dashboards, collections and databases with their tables. Out: of every
//! question a chart, of every model a view, of every metric a metric, of every dashboard a dashboard
//! whose columns are its cards. Native SQL keeps its text, with tags and optional parts resolved;
//! MBQL, of version 4 and 5, becomes the SELECT that it means. Cards on cards stay cards on cards.

mod mbql;
mod native;

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    model::{Diagnostic, Dialect, DocumentRole, FactKind, RelationName, Span, UNKNOWN_DEFINITION},
    sources::{
        compose::Composer,
        dashboards::{Placed, Tile, define_dashboard, read_tree, say, shown_name},
        definitions::{Definition, DefinitionFile, Definitions, Setting},
        yaml::Node,
    },
};

/// Whether a JSON or YAML text looks like Metabase's.
pub(in crate::sources) fn holds(text: &str) -> bool {
    let has = |word: &str| text.contains(word);
    has("dataset_query") && (has("database_id") || has("serdes/meta"))
        || has("dashcards") && (has("card_id") || has("serdes/meta"))
        || has("\"engine\"") && has("\"tables\"") && has("\"fields\"") && has("database_type")
        || has("\"engine\"") && has("metadata_sync_schedule")
        || has("authority_level") && has("\"is_personal\"")
        || has("serdes/meta") && (has("model: Collection") || has("model: Database") || has("model: NativeQuerySnippet"))
}

/// Reads every card and dashboard of `files`.
pub(in crate::sources) fn read_exports(files: &[DefinitionFile], setting: &Setting<'_>) -> Definitions {
    let mut definitions = Definitions::default();
    let mut export = Export::new(setting);
    for file in files {
        if let Some(root) = read_tree(file, setting, &mut definitions) {
            export.gather(&file.path, &root);
        }
    }
    export.define(&mut definitions);
    definitions
}

/// A table of a database.
struct Table {
    /// Quoted parts: schema and name.
    schema: String,
    name: String,
}

/// A database: its name and engine.
#[derive(Clone, Default)]
struct Database {
    name: String,
    engine: String,
}

/// Everything that the files hold, by id; ids are numbers of the API or the serialization's words.
struct Export<'a> {
    setting: &'a Setting<'a>,
    cards: BTreeMap<String, Placed<'a>>,
    dashboards: BTreeMap<String, Placed<'a>>,
    databases: BTreeMap<String, Database>,
    tables: BTreeMap<String, Table>,
    /// Field → (table, name).
    fields: BTreeMap<String, (String, String)>,
    /// Collection → (name, parent).
    collections: BTreeMap<String, (String, String)>,
    snippets: BTreeMap<String, String>,
}

impl<'a> Export<'a> {
    fn new(setting: &'a Setting<'a>) -> Self {
        Export {
            setting,
            cards: BTreeMap::new(),
            dashboards: BTreeMap::new(),
            databases: BTreeMap::new(),
            tables: BTreeMap::new(),
            fields: BTreeMap::new(),
            collections: BTreeMap::new(),
            snippets: BTreeMap::new(),
        }
    }

    fn gather(&mut self, path: &'a str, root: &Arc<Node>) {
        let list = match root.get("data").map(Node::items) {
            Some(data) if !data.is_empty() => data,
            _ => root.items(),
        };
        if list.is_empty() {
            return self.gather_one(path, root);
        }
        for node in list {
            self.gather_one(path, node);
        }
    }

    fn gather_one(&mut self, path: &'a str, node: &Arc<Node>) {
        let word = |key: &str| node.get(key).and_then(Node::text).unwrap_or_default().to_owned();
        let is_serialized = node.get("serdes/meta").is_some();
        let id = if is_serialized { word("entity_id") } else { word("id") };
        if node.get("dataset_query").is_some() {
            self.cards.entry(id).or_insert_with(|| Placed { path, node: node.clone() });
        } else if node.get("dashcards").or(node.get("ordered_cards")).is_some() {
            // Cards of a dashboard come along whole.
            for dashcard in node.get("dashcards").or(node.get("ordered_cards")).map(Node::items).unwrap_or_default() {
                let Some(card) = dashcard.child("card").filter(|card| card.get("dataset_query").is_some()) else {
                    continue;
                };
                let own = card.get("id").and_then(Node::text).unwrap_or_default().to_owned();
                if !own.is_empty() {
                    self.cards.entry(own).or_insert_with(|| Placed { path, node: card.clone() });
                }
            }
            self.dashboards.entry(id).or_insert_with(|| Placed { path, node: node.clone() });
        } else if node.get("engine").is_some() {
            let database = Database { name: word("name"), engine: word("engine") };
            let id = if is_serialized { word("name") } else { id };
            self.databases.insert(id, database);
            for table in node.get("tables").map(Node::items).unwrap_or_default() {
                self.gather_table(table);
            }
        } else if node.get("location").is_some() || node.get("effective_ancestors").is_some() || node.get("parent_id").is_some() {
            self.collections.insert(id, (word("name"), word("parent_id")));
        } else if is_serialized && node.get("content").is_some() {
            self.snippets.insert(word("name"), word("content"));
        } else if node.get("db_id").is_some() || node.get("fields").is_some() {
            self.gather_table(node);
        }
    }

    fn gather_table(&mut self, table: &Node) {
        let word = |node: &Node, key: &str| node.get(key).and_then(Node::text).unwrap_or_default().to_owned();
        let id = word(table, "id");
        for field in table.get("fields").map(Node::items).unwrap_or_default() {
            self.fields.insert(word(field, "id"), (id.clone(), word(field, "name")));
        }
        self.tables.insert(id, Table { schema: word(table, "schema"), name: word(table, "name") });
    }

    fn define(&self, definitions: &mut Definitions) {
        for (id, card) in &self.cards {
            Card { export: self, id, path: card.path, node: &card.node }.define(definitions);
        }
        for (id, dashboard) in &self.dashboards {
            self.define_dashboard(id, dashboard, definitions);
        }
    }

    fn card_name(&self, id: &str) -> RelationName {
        RelationName::outside(self.setting.namespace("metabase"), format!("card/{id}"))
    }

    fn define_dashboard(&self, id: &str, dashboard: &Placed<'_>, definitions: &mut Definitions) {
        let node = &dashboard.node;
        let target = RelationName::outside(self.setting.namespace("metabase"), format!("dashboard/{id}"));
        let mut tiles: Vec<Tile> = Vec::new();
        for dashcard in node.get("dashcards").or(node.get("ordered_cards")).map(Node::items).unwrap_or_default() {
            let mut shown: Vec<(u32, &str)> =
                dashcard.entry("card_id").and_then(|(line, id)| Some((line, id.text()?))).into_iter().collect();
            for more in dashcard.get("series").map(Node::items).unwrap_or_default() {
                let id = more.get("card_id").or(more.get("id")).and_then(Node::text);
                shown.extend(id.map(|id| (more.line, id)));
            }
            for (line, card) in shown {
                let Some(placed) = self.cards.get(card) else {
                    let message = format!("the dashboard shows the card {card}, which no file of the export holds");
                    definitions.note(dashboard.path, line, Diagnostic::new(&UNKNOWN_DEFINITION, message, Span::default()));
                    continue;
                };
                let mut title = placed.node.get("name").and_then(Node::text).unwrap_or(card).to_owned();
                if tiles.iter().any(|tile| tile.title.eq_ignore_ascii_case(&title)) {
                    title = format!("{title} ({card})");
                }
                if tiles.iter().all(|tile| tile.chart != self.card_name(card)) {
                    tiles.push(Tile { title, line, chart: self.card_name(card), columns: self.columns_of(card, 0) });
                }
            }
        }
        self.say_facts(id, "dashboard", dashboard, &target, definitions);
        let name = node.word("name").map(|name| shown_name(name, id));
        let part = format!("dashboard.{id}");
        define_dashboard((dashboard.path, &part, node.line), target, name, &tiles, &[], self.setting, definitions);
    }

    /// The columns of a card, where its result's metadata or its query tell; none where they do not.
    fn columns_of(&self, id: &str, depth: u32) -> Vec<String> {
        let Some(card) = self.cards.get(id) else { return Vec::new() };
        let names = |node: &Node| -> Vec<String> {
            node.items().iter().filter_map(|column| column.get("name").and_then(Node::text)).map(str::to_owned).collect()
        };
        let known = card.node.get("result_metadata").map(names).unwrap_or_default();
        if !known.is_empty() || depth > 10 {
            return known;
        }
        mbql::columns_of(self, &card.node, depth + 1)
    }

    fn say_facts(&self, id: &str, kind: &str, placed: &Placed<'_>, target: &RelationName, definitions: &mut Definitions) {
        let (node, path) = (&placed.node, placed.path);
        let word = |key: &str| {
            let found = node.entry(key).and_then(|(line, value)| Some((line, value.text()?.trim().to_owned())));
            found.filter(|(_, text)| !text.is_empty())
        };
        say(node, "name", |name| FactKind::FriendlyName { name }, (target, path), definitions);
        say(node, "description", |text| FactKind::Description { text }, (target, path), definitions);
        if let Some((line, collection)) = word("collection_id") {
            let folder = self.folder_of(&collection);
            if !folder.is_empty() {
                definitions.say(target, FactKind::Folder { path: folder }, path, line);
            }
        }
        if node.get("archived").and_then(Node::truth) == Some(true) {
            definitions.say(target, FactKind::Archived, path, node.entry("archived").map_or(node.line, |(line, _)| line));
        }
        let viewed = word("last_used_at").or_else(|| word("last_viewed_at"));
        let views = word("view_count").and_then(|(_, count)| count.parse().ok());
        if let Some((line, at)) = viewed {
            let date = at.get(..10).unwrap_or(&at).to_owned();
            definitions.say(target, FactKind::LastViewed { date, views }, path, line);
        }
        if let Some(base) = self.setting.link() {
            definitions.say(target, FactKind::Link { url: format!("{base}/{kind}/{id}") }, path, node.line);
        }
    }

    /// The names of a collection and of those around it.
    fn folder_of(&self, collection: &str) -> String {
        let mut names = Vec::new();
        let mut next = collection.to_owned();
        while let Some((name, parent)) = self.collections.get(&next) {
            if names.len() > 20 || name.is_empty() {
                break;
            }
            names.push(name.clone());
            next.clone_from(parent);
        }
        names.reverse();
        names.join(" / ")
    }
}

/// One question, model or metric.
struct Card<'a> {
    export: &'a Export<'a>,
    id: &'a str,
    path: &'a str,
    node: &'a Arc<Node>,
}

impl Card<'_> {
    fn define(&self, definitions: &mut Definitions) {
        let Some((line, query)) = self.node.entry("dataset_query") else { return };
        let kind = self.node.get("type").and_then(Node::text).unwrap_or("question");
        let is_model = kind == "model" || self.node.get("dataset").and_then(Node::truth) == Some(true);
        let role = match kind {
            "metric" => DocumentRole::Metric,
            _ if is_model => DocumentRole::View,
            _ => DocumentRole::Chart,
        };
        let database = query.get("database").or(self.node.get("database_id")).and_then(Node::text).unwrap_or_default();
        let database = self.export.databases.get(database).cloned().unwrap_or_else(|| {
            let name = if database.parse::<i64>().is_ok() { String::new() } else { database.to_owned() };
            Database { name, engine: String::new() }
        });
        let connection = self.export.setting.connect(&database.name, dialect_of(&database.engine));
        let target = self.export.card_name(self.id);
        let mut query =
            Query { export: self.export, dialect: connection.dialect, line, stand_ins: BTreeMap::new(), notes: Vec::new() };
        let sql: Composer = query.compose(self.node.get("dataset_query").unwrap_or(self.node));
        for (line, diagnostic) in std::mem::take(&mut query.notes) {
            definitions.note(self.path, line, diagnostic);
        }
        let placed = Placed { path: self.path, node: self.node.clone() };
        let word = if role == DocumentRole::View { "model" } else { "question" };
        self.export.say_facts(self.id, word, &placed, &target, definitions);
        if role == DocumentRole::Metric {
            let shape = crate::model::MetricShape { measure: "metric".to_owned(), ..Default::default() };
            definitions.say(&target, FactKind::Metric { shape }, self.path, line);
        }
        let part = format!("card.{}", self.id);
        let definition = Definition {
            path: self.path,
            part: &part,
            role,
            target,
            name: self.node.word("name").map(|name| shown_name(name, self.id)),
            sql,
            stand_ins: query.stand_ins.into_iter().collect(),
        };
        definitions.define_in(definition, &connection);
    }
}

/// A query on its way to SQL.
struct Query<'a> {
    export: &'a Export<'a>,
    dialect: Dialect,
    line: u32,
    stand_ins: BTreeMap<String, RelationName>,
    notes: Vec<(u32, Diagnostic)>,
}

impl Query<'_> {
    /// The SQL of a `dataset_query`, native or MBQL, of version 4 or 5.
    fn compose(&mut self, query: &Node) -> Composer {
        if let Some(native) = query.get("native") {
            return self.compose_native(native);
        }
        let stages = query.get("stages").map(Node::items).unwrap_or_default();
        if let [stage] = stages
            && stage.get("native").is_some()
        {
            return self.compose_native(stage);
        }
        let mut sql = Composer::default();
        let text = match query.get("query") {
            Some(inner) => self.select(inner, 0),
            None => self.select_stages(stages, 0),
        };
        sql.put(&text, self.line);
        sql
    }

    /// The name in SQL of another card.
    fn card(&mut self, id: &str, line: u32) -> String {
        if !self.export.cards.contains_key(id) {
            let message = format!("the card {id} is read, which no file of the export holds");
            self.notes.push((line, Diagnostic::new(&UNKNOWN_DEFINITION, message, Span::default())));
        }
        let plain: String = id.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '_' }).collect();
        let name = format!("card_{plain}");
        self.stand_ins.insert(name.clone(), self.export.card_name(id));
        name
    }
}

/// The dialect of Metabase's engine.
fn dialect_of(engine: &str) -> Option<Dialect> {
    Some(match engine {
        "bigquery-cloud-sdk" | "bigquery" => Dialect::BigQuery,
        "snowflake" => Dialect::Snowflake,
        "redshift" => Dialect::Redshift,
        "postgres" | "cockroachdb" => Dialect::Postgres,
        "mysql" | "mariadb" => Dialect::MySql,
        "sqlserver" => Dialect::MsSql,
        "oracle" => Dialect::Oracle,
        "sqlite" => Dialect::Sqlite,
        "hive-like" | "sparksql" => Dialect::Spark,
        "databricks" => Dialect::Databricks,
        "presto-jdbc" | "starburst" | "athena" | "trino" => Dialect::Trino,
        "clickhouse" => Dialect::ClickHouse,
        "vertica" => Dialect::Vertica,
        "duckdb" => Dialect::DuckDb,
        _ => return None,
    })
}
