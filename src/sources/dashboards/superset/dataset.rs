//! A dataset as the view that it is, and its metrics.

use std::sync::Arc;

use super::{Export, dotted, extra_of, label, say_facts, short};
use crate::{
    model::{DocumentRole, FactKind, MetricShape, RelationName},
    sources::{
        compose::Composer,
        dashboards::{Placed, quote, say, shown_name},
        definitions::{Connection, Definition, Definitions},
        deprecation,
        yaml::Node,
    },
};

/// What a dataset is called in the SQL of its metrics and charts.
pub(super) const STAND_IN: &str = "superset_dataset";

/// One dataset.
pub(super) struct Dataset<'a> {
    export: &'a Export<'a>,
    uuid: &'a str,
    path: &'a str,
    node: &'a Arc<Node>,
    pub(super) connection: Connection,
    pub(super) target: RelationName,
}

impl<'a> Dataset<'a> {
    pub(super) fn new(export: &'a Export<'a>, uuid: &'a str, placed: &'a Placed<'_>) -> Self {
        let database = placed.node.word("database_uuid").and_then(|uuid| export.databases.get(uuid));
        // An export without its databases tells by the folder which one it is.
        let folder = placed.path.rsplit('/').nth(1).unwrap_or_default();
        let (name, dialect) = database.map_or((folder, None), |database| (database.name.as_str(), database.dialect));
        let connection = export.setting.connect(name, dialect);
        let target = export.name_of("dataset", uuid);
        Dataset { export, uuid, path: placed.path, node: &placed.node, connection, target }
    }

    fn items(&self, key: &str) -> &'a [Arc<Node>] {
        self.node.get(key).map(Node::items).unwrap_or_default()
    }

    /// The columns that a chart may ask for; of several of one name the last, which is the calculated one.
    fn columns(&self) -> Vec<&'a Arc<Node>> {
        let all = self.items("columns");
        let name = |node: &'a Arc<Node>| node.word("column_name").map(|name| label(self.connection.dialect, name));
        let is_last = |at: usize, node: &'a Arc<Node>| all[at + 1..].iter().all(|other| name(other) != name(node));
        let named = all.iter().enumerate().filter(|(at, node)| name(node).is_some() && is_last(*at, node));
        named.map(|(_, node)| node).filter(|node| node.get("is_active").and_then(Node::truth) != Some(false)).collect()
    }

    /// The column of that name.
    pub(super) fn column(&self, name: &str) -> Option<&'a Arc<Node>> {
        self.columns().into_iter().find(|node| node.word("column_name") == Some(name))
    }

    /// Whether a chart may ask for a column: one that is listed, or any where none is.
    pub(super) fn has_column(&self, name: &str) -> bool {
        self.column(name).is_some() || self.items("columns").is_empty()
    }

    /// Whether a metric of that name is defined.
    pub(super) fn has_metric(&self, name: &str) -> bool {
        self.items("metrics").iter().any(|node| node.word("metric_name") == Some(name))
    }

    /// The asset that a metric is.
    pub(super) fn metric(&self, name: &str) -> RelationName {
        self.export.name_of("dataset", &format!("{}/metric/{name}", self.uuid))
    }

    pub(super) fn define(&self, definitions: &mut Definitions) {
        let dialect = self.connection.dialect;
        let table = self.node.word("table_name").unwrap_or(self.uuid);
        let mut sql = Composer::default();
        for (at, column) in self.columns().into_iter().enumerate() {
            let name = column.word("column_name").unwrap_or_default();
            let own = quote(dialect, &label(dialect, name));
            sql.put(if at == 0 { "SELECT\n  " } else { ",\n  " }, column.line);
            match column.child("expression").filter(|_| column.word("expression").is_some()) {
                Some(expression) => sql.put("(", column.line).copy_scalar(expression).put(&format!(") AS {own}"), column.line),
                None if name.contains('.') => sql.put(&format!("{} AS {own}", dotted(dialect, name)), column.line),
                None => sql.put(&own, column.line),
            };
            let described = column.word("description").map(str::to_owned);
            if let Some(text) = described {
                let what = FactKind::ColumnDescription { column: label(dialect, name), text };
                definitions.say(&self.target, what, self.path, column.line);
            }
        }
        if sql.is_empty() {
            sql.put("SELECT *", self.node.line);
        }
        match self.node.child("sql").filter(|_| self.node.word("sql").is_some()) {
            // A template may end in a comment, so what closes it stands in a line of its own.
            Some(query) => {
                sql.put("\nFROM (\n", query.line).copy_as(query, &with_lists(query)).put("\n) AS virtual_table", query.line)
            }
            None => {
                let line = self.node.entry("table_name").map_or(self.node.line, |(line, _)| line);
                sql.put(&format!("\nFROM {}", self.table(table)), line)
            }
        };
        self.say_about(definitions);
        let part = format!("dataset.{}", self.uuid);
        let definition = Definition {
            path: self.path,
            part: &part,
            role: DocumentRole::View,
            target: self.target.clone(),
            name: Some(shown_name(table, short(self.uuid))),
            sql,
            stand_ins: Vec::new(),
        };
        definitions.define_in(definition, &self.connection);
        let mut known: Vec<&str> = Vec::new();
        for metric in self.items("metrics") {
            if let Some(name) = metric.word("metric_name").filter(|name| !known.contains(name)) {
                known.push(name);
                self.define_metric(name, table, metric, definitions);
            }
        }
    }

    /// The table of a dataset that is one: catalog, schema and name as far as they are given.
    fn table(&self, table: &str) -> String {
        let dialect = self.connection.dialect;
        let outer: Vec<&str> = ["catalog", "schema"].iter().filter_map(|key| self.node.word(key)).collect();
        if outer.is_empty() {
            return dotted(dialect, table);
        }
        let outer = outer.into_iter().map(|part| dotted(dialect, part));
        outer.chain([quote(dialect, &label(dialect, table))]).collect::<Vec<_>>().join(".")
    }

    fn say_about(&self, definitions: &mut Definitions) {
        let (target, path) = (&self.target, self.path);
        say(self.node, "table_name", |name| FactKind::FriendlyName { name }, (target, path), definitions);
        say_facts(self.node, target, path, definitions);
        self.say_extra(self.node, target, definitions);
    }

    /// What `extra` says of a dataset or metric: who vouches for it, what to beware of.
    fn say_extra(&self, node: &Node, target: &RelationName, definitions: &mut Definitions) {
        let Some(extra) = extra_of(node, self.export.setting.limits) else { return };
        let line = node.entry("extra").map_or(node.line, |(line, _)| line);
        let certified = |key: &str| extra.get("certification").and_then(|certification| certification.word(key));
        for (key, value) in [("certified by", certified("certified_by")), ("certification", certified("details"))] {
            if let Some(value) = value {
                definitions.say(target, FactKind::Label { key: key.to_owned(), value: value.to_owned() }, self.path, line);
            }
        }
        if let Some(warning) = extra.word("warning_markdown") {
            self.say_warning(warning, target, line, definitions);
        }
    }

    fn say_warning(&self, warning: &str, target: &RelationName, line: u32, definitions: &mut Definitions) {
        let what = match deprecation::announces(warning) {
            true => {
                let replacement = deprecation::find_replacement(warning);
                FactKind::Deprecated { note: warning.to_owned(), date: None, replacement }
            }
            false => FactKind::Label { key: "warning".to_owned(), value: warning.to_owned() },
        };
        definitions.say(target, what, self.path, line);
    }

    fn define_metric(&self, name: &str, table: &str, node: &Arc<Node>, definitions: &mut Definitions) {
        let dialect = self.connection.dialect;
        let target = self.metric(name);
        let mut sql = Composer::default();
        if let Some(expression) = node.child("expression").filter(|_| node.word("expression").is_some()) {
            sql.put("SELECT\n  ", node.line).copy_scalar(expression);
            sql.put(&format!(" AS {}\nFROM {STAND_IN}", quote(dialect, &label(dialect, name))), node.line);
        }
        say(node, "verbose_name", |name| FactKind::FriendlyName { name }, (&target, self.path), definitions);
        say_facts(node, &target, self.path, definitions);
        self.say_extra(node, &target, definitions);
        if let Some((line, warning)) = node.entry("warning_text").and_then(|(line, text)| Some((line, text.text()?))) {
            self.say_warning(warning, &target, line, definitions);
        }
        let shape = MetricShape {
            measure: node.word("metric_type").unwrap_or_default().to_owned(),
            expression: node.word("expression").unwrap_or_default().to_owned(),
            time_column: self.node.word("main_dttm_col").unwrap_or_default().to_owned(),
            ..MetricShape::default()
        };
        definitions.say(&target, FactKind::Metric { shape }, self.path, node.line);
        let part = format!("dataset.{}.metric.{name}", self.uuid);
        let definition = Definition {
            path: self.path,
            part: &part,
            role: DocumentRole::Metric,
            target,
            name: Some(format!("{}.{}", table.replace('.', "_"), name.replace('.', " "))),
            sql,
            stand_ins: vec![(STAND_IN.to_owned(), self.target.clone())],
        };
        definitions.define_in(definition, &self.connection);
    }
}

/// The text of a query; where its template puts a list of what a reader chose, there is one of nothing.
fn with_lists(query: &Node) -> String {
    let mut out = String::new();
    let mut rest = query.text().unwrap_or_default();
    while let Some(start) = rest.find("{{") {
        let Some(end) = rest[start..].find("}}").map(|at| start + at + 2) else { break };
        let (before, tag) = (&rest[..start], &rest[start..end]);
        out.push_str(before);
        match tag.contains("where_in") {
            true => out.push_str(&format!("(NULL){}", "\n".repeat(tag.matches('\n').count()))),
            false => out.push_str(tag),
        }
        rest = &rest[end..];
    }
    out + rest
}
