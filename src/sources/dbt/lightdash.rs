//! Lightdash's metrics, which stand in the `meta` of a dbt project's models and columns.
//!
//! In: the entries of models. Out: of every metric a SELECT over the model, rendered like the project's
//! files. Dimensions that a metric names are put in, metrics are read from their own assets.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::{
    model::{Diagnostic, DocumentRole, FactKind, MetricShape, RelationName, Span, UNKNOWN_DEFINITION},
    sources::{
        compose::Composer,
        dashboards::{identifier, literal, quote, say},
        definitions::{Definition, Definitions, Setting},
        metrics::function_around,
        yaml::Node,
    },
};

/// Dimensions that are put into each other at most.
const DEEPEST: usize = 12;
/// What Lightdash puts behind the name of a date for its intervals.
const INTERVALS: [&str; 9] = ["_raw", "_second", "_minute", "_hour", "_day", "_week", "_month", "_quarter", "_year"];

/// The entry of a model in a property file.
#[derive(Clone, Copy)]
struct Model<'a> {
    path: &'a str,
    name: &'a str,
    node: &'a Node,
}

/// A metric: its line, name, entry, and the column that it stands at.
struct Metric<'a> {
    line: u32,
    name: &'a str,
    node: &'a Node,
    column: Option<&'a str>,
}

/// Defines the metrics of `models`: the file and the entry of each.
pub(super) fn define_metrics(models: &[(&str, &Arc<Node>)], setting: &Setting<'_>, definitions: &mut Definitions) {
    let mut known: BTreeMap<&str, Model<'_>> = BTreeMap::new();
    for (path, node) in models {
        if let Some(name) = node.word("name") {
            known.entry(name).or_insert(Model { path, name, node });
        }
    }
    for model in known.values() {
        for metric in model.metrics() {
            Weave::new(&known, *model, setting).define(&metric, definitions);
        }
    }
}

/// Every `meta` of an entry: its own and that of its configuration.
fn metas(node: &Node) -> impl Iterator<Item = &Node> {
    [node.get("meta"), node.get("config").and_then(|config| config.get("meta"))].into_iter().flatten()
}

impl<'a> Model<'a> {
    fn columns(&self) -> impl Iterator<Item = (&'a str, &'a Arc<Node>)> + use<'a> {
        let columns = self.node.get("columns").map(Node::items).unwrap_or_default();
        columns.iter().filter_map(|column| Some((column.word("name")?, column)))
    }

    fn metrics(&self) -> Vec<Metric<'a>> {
        let mut metrics: Vec<Metric<'a>> = Vec::new();
        let of_model = metas(self.node).map(|meta| (None, meta));
        let of_columns = self.columns().flat_map(|(name, column)| metas(column).map(move |meta| (Some(name), meta)));
        for (column, meta) in of_model.chain(of_columns) {
            for (line, name, node) in meta.get("metrics").into_iter().flat_map(Node::entries) {
                if node.word("type").is_some() && metrics.iter().all(|known| known.name != name) {
                    metrics.push(Metric { line, name, node, column });
                }
            }
        }
        metrics
    }

    /// The SQL of a dimension, where it has one of its own; `None` where there is no such dimension.
    fn dimension(&self, name: &str) -> Option<Option<&'a str>> {
        for (column, node) in self.columns() {
            if column.eq_ignore_ascii_case(name) {
                return Some(metas(node).find_map(|meta| meta.get("dimension")?.word("sql")));
            }
            let additional = metas(node).find_map(|meta| meta.get("additional_dimensions")?.get(name));
            if let Some(sql) = additional.and_then(|dimension| dimension.word("sql")) {
                return Some(Some(sql));
            }
        }
        None
    }

    /// The name that an alias of a date means, without its interval.
    fn of_interval(&self, name: &str) -> Option<Option<&'a str>> {
        let plain = INTERVALS.iter().find_map(|interval| name.strip_suffix(interval))?;
        self.dimension(plain).map(|sql| sql.or_else(|| self.columns().map(|(column, _)| column).find(|column| *column == plain)))
    }

    /// The condition on which this model joins another.
    fn join(&self, other: &str) -> Option<&'a str> {
        let joins = metas(self.node).filter_map(|meta| meta.get("joins")).flat_map(Node::items);
        joins.filter(|join| join.word("join") == Some(other)).find_map(|join| join.word("sql_on"))
    }
}

/// One metric on its way to SQL.
struct Weave<'a> {
    known: &'a BTreeMap<&'a str, Model<'a>>,
    model: Model<'a>,
    setting: &'a Setting<'a>,
    stand_ins: BTreeMap<String, RelationName>,
    joined: BTreeSet<String>,
    reads_rows: bool,
    open: Vec<String>,
    missing: Vec<String>,
}

impl<'a> Weave<'a> {
    fn new(known: &'a BTreeMap<&'a str, Model<'a>>, model: Model<'a>, setting: &'a Setting<'a>) -> Self {
        let (stand_ins, joined) = (BTreeMap::new(), BTreeSet::new());
        Weave { known, model, setting, stand_ins, joined, reads_rows: false, open: Vec::new(), missing: Vec::new() }
    }

    fn asset(&self, model: &str, metric: &str) -> RelationName {
        RelationName::outside(self.setting.namespace("lightdash"), format!("{model}.{metric}"))
    }

    fn define(mut self, metric: &Metric<'a>, definitions: &mut Definitions) {
        let (model, line, path) = (self.model, metric.line, self.model.path);
        let kind = metric.node.word("type").unwrap_or("number");
        let function = function_of(kind);
        let filters = filters_of(metric.node);
        let mut sql = Composer::default();
        sql.put("SELECT\n  ", line).put(function.map_or("", |(before, _)| before), line);
        let conditions: Vec<String> = filters.iter().map(|(name, values)| self.condition(name, values)).collect();
        let is_filtered = function.is_some() && !conditions.is_empty();
        if is_filtered {
            sql.put(&format!("CASE WHEN {} THEN ", conditions.join(" AND ")), line);
        }
        match metric.node.get("sql").filter(|_| metric.node.word("sql").is_some()) {
            Some(node) => {
                let text = self.expand(node.text().unwrap_or_default(), model);
                sql.copy_as(node, &text);
            }
            None => {
                let text = metric.column.map_or("NULL".to_owned(), |column| self.field(column, model));
                sql.put(&text, line);
            }
        }
        sql.put(if is_filtered { " END" } else { "" }, line).put(function.map_or("", |(_, after)| after), line);
        sql.put(&format!(" AS {}", quote(self.setting.dialect, metric.name)), line);
        self.put_from(&mut sql, line);
        let target = self.asset(model.name, metric.name);
        say(metric.node, "label", |name| FactKind::FriendlyName { name }, (&target, path), definitions);
        say(metric.node, "description", |text| FactKind::Description { text }, (&target, path), definitions);
        if let Some(spotlight) = metric.node.get("spotlight") {
            say(spotlight, "owner", |name| FactKind::Owner { name }, (&target, path), definitions);
        }
        let groups: Vec<&str> =
            metric.node.get("groups").map(Node::items).unwrap_or_default().iter().filter_map(|group| group.text()).collect();
        if !groups.is_empty() {
            definitions.say(&target, FactKind::Folder { path: groups.join(" / ") }, path, line);
        }
        let shape = MetricShape {
            measure: kind.to_owned(),
            expression: metric.node.word("sql").or(metric.column).unwrap_or_default().to_owned(),
            filters: filters.iter().map(|(name, values)| format!("{name}: {}", values.join(", "))).collect(),
            ..MetricShape::default()
        };
        definitions.say(&target, FactKind::Metric { shape }, path, line);
        for message in self.missing {
            definitions.note(path, line, Diagnostic::new(&UNKNOWN_DEFINITION, message, Span::default()));
        }
        let name = format!("{}.{}", model.name, metric.name);
        let part = format!("lightdash.{name}");
        let (role, stand_ins) = (DocumentRole::Metric, self.stand_ins.into_iter().collect());
        definitions.define(Definition { path, part: &part, role, target, name: Some(name), sql, stand_ins }, self.setting);
    }

    fn put_from(&mut self, sql: &mut Composer, line: u32) {
        let metrics: Vec<String> = self.stand_ins.keys().cloned().collect();
        let reads_metrics_alone = !metrics.is_empty() && !self.reads_rows && self.joined.is_empty();
        let mut lead = "\nFROM ";
        if !reads_metrics_alone {
            sql.put(&format!("{lead}{{{{ ref('{}') }}}} AS {}", self.model.name, identifier(self.model.name)), line);
            lead = "\nCROSS JOIN ";
            let mut done = BTreeSet::from([self.model.name.to_owned()]);
            // Conditions of joins may name further models.
            while let Some(next) = self.joined.iter().find(|name| !done.contains(*name)).cloned() {
                done.insert(next.clone());
                let condition = self.model.join(&next).map_or("TRUE".to_owned(), |on| self.expand(on, self.model));
                sql.put(&format!("\nLEFT JOIN {{{{ ref('{next}') }}}} AS {} ON {condition}", identifier(&next)), line);
            }
        }
        for metric in metrics {
            sql.put(&format!("{lead}{metric}"), line);
            lead = "\nCROSS JOIN ";
        }
    }

    /// A condition on a dimension, as far as lineage asks.
    fn condition(&mut self, name: &str, values: &[String]) -> String {
        let field = match name.split_once('.').and_then(|(other, name)| Some((self.known.get(other).copied()?, name))) {
            Some((other, name)) => self.field(name, other),
            None => self.field(name, self.model),
        };
        let values: Vec<String> = values.iter().map(|value| literal(value)).collect();
        format!("{field} IN ({})", values.join(", "))
    }

    /// Text with everything in `${…}` put in; every line stays a line.
    fn expand(&mut self, text: &str, model: Model<'a>) -> String {
        let (mut out, mut rest) = (String::with_capacity(text.len()), text);
        while let Some(start) = rest.find("${") {
            let Some(end) = rest[start..].find('}').map(|at| start + at) else { break };
            out.push_str(&rest[..start]);
            out.push_str(&self.reference(rest[start + 2..end].trim(), model).replace('\n', " "));
            rest = &rest[end + 1..];
        }
        out + rest
    }

    fn reference(&mut self, named: &str, model: Model<'a>) -> String {
        match named.split_once('.') {
            // What a reader chooses, or is.
            Some(("lightdash" | "ld", _)) => "NULL".to_owned(),
            Some((other, field)) if other == model.name => self.field(field, model),
            Some((other, field)) => match self.known.get(other).copied() {
                Some(other) => self.field(field, other),
                None => {
                    self.missing.push(format!("`${{{named}}}` is named, but the project describes no model `{other}`"));
                    "NULL".to_owned()
                }
            },
            None if named == "TABLE" => self.alias(model),
            None => self.field(named, model),
        }
    }

    /// How the rows of a model are called.
    fn alias(&mut self, model: Model<'a>) -> String {
        match model.name == self.model.name {
            true => self.reads_rows = true,
            false => {
                self.joined.insert(model.name.to_owned());
            }
        }
        identifier(model.name)
    }

    /// A dimension or metric of a model.
    fn field(&mut self, name: &str, model: Model<'a>) -> String {
        match model.dimension(name).or_else(|| model.of_interval(name)) {
            Some(Some(sql)) if self.open.len() < DEEPEST && !self.open.iter().any(|open| open == name) => {
                self.open.push(name.to_owned());
                let text = match sql.contains("${") || !is_name(sql) {
                    true => format!("({})", self.expand(sql, model).replace('\n', " ")),
                    false => format!("{}.{}", self.alias(model), quote(self.setting.dialect, sql)),
                };
                self.open.pop();
                text
            }
            Some(_) => format!("{}.{}", self.alias(model), quote(self.setting.dialect, name)),
            None if model.metrics().iter().any(|metric| metric.name == name) => {
                let stand_in = identifier(&format!("metric_{}_{name}", model.name));
                let asset = self.asset(model.name, name);
                self.stand_ins.insert(stand_in.clone(), asset);
                format!("{stand_in}.{}", quote(self.setting.dialect, name))
            }
            None => {
                self.missing.push(format!("`{name}` is named, which is no column and no metric of the model `{}`", model.name));
                "NULL".to_owned()
            }
        }
    }
}

fn is_name(sql: &str) -> bool {
    sql.chars().all(|letter| letter.is_alphanumeric() || letter == '_')
}

/// `filters: [{ status: paid }, { size: [large, huge] }]`.
fn filters_of(metric: &Node) -> Vec<(String, Vec<String>)> {
    let items = metric.get("filters").map(Node::items).unwrap_or_default();
    let entries = items.iter().flat_map(|item| item.entries());
    let values = |node: &Node| match node.text() {
        Some(text) => vec![text.to_owned()],
        None => node.items().iter().filter_map(|item| item.text()).map(str::to_owned).collect(),
    };
    entries.map(|(_, name, node)| (name.to_owned(), values(node))).collect()
}

/// The functions that Lightdash writes around the SQL of a metric, by its type.
fn function_of(kind: &str) -> Option<(&'static str, &'static str)> {
    Some(match kind {
        "sum_distinct" => ("SUM(", ")"),
        "average" | "average_distinct" => ("AVG(", ")"),
        "median" => ("MEDIAN(", ")"),
        "percentile" => ("PERCENTILE_CONT(", ", 0.5)"),
        "percent_of_previous" | "percent_of_total" => ("lightdash_percent(", ")"),
        _ => return function_around(kind),
    })
}
