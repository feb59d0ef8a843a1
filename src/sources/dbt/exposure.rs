//! Exposures, which are dashboards, notebooks and applications outside of the project that read its
//! models, and saved queries over its metrics.

use super::{
    docs::Blocks,
    properties::{Said, read_about, read_owner},
};
use crate::{
    model::{DocumentRole, FactKind, RelationName},
    sources::{
        compose::Composer,
        dashboards::quote,
        definitions::{Definition, Definitions, Setting},
        yaml::Node,
    },
};

/// An exposure or a saved query.
#[derive(Clone, Debug)]
pub(super) struct Exposure {
    pub(super) kind: Kind,
    pub(super) name: String,
    /// What it reads, with 1-based lines.
    pub(super) reads: Vec<(u32, Read)>,
    pub(super) said: Said,
}

/// Something that an exposure reads.
#[derive(Clone, Debug)]
pub(super) enum Read {
    /// A metric, by its name.
    Metric(String),
    /// A relation: how it stands in FROM, and what it is called.
    Relation { sql: String, name: String },
}

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Exposure,
    SavedQuery,
}

impl Kind {
    /// dbt's word, the section of a property file, and what it is to the catalog.
    fn words(self) -> (&'static str, &'static str, DocumentRole) {
        match self {
            Kind::Exposure => ("exposure", "exposures", DocumentRole::Dashboard),
            Kind::SavedQuery => ("saved_query", "saved_queries", DocumentRole::Chart),
        }
    }
}

/// The exposures and saved queries of a property file.
pub(super) fn read_exposures(root: &Node, docs: &Blocks) -> Vec<Exposure> {
    let mut exposures = Vec::new();
    for entry in root.get("exposures").map(Node::items).unwrap_or_default() {
        let reads = entry.get("depends_on").map(Node::items).unwrap_or_default();
        let reads = reads.iter().filter_map(|read| Some((read.line, read_of_call(read.text()?.trim()))));
        exposures.extend(read_exposure(entry, reads.collect(), docs));
    }
    for entry in root.get("saved_queries").map(Node::items).unwrap_or_default() {
        exposures.extend(read_saved_query(entry, docs));
    }
    exposures
}

/// One exposure, which reads `reads`.
pub(super) fn read_exposure(entry: &Node, reads: Vec<(u32, Read)>, docs: &Blocks) -> Option<Exposure> {
    let word = |key: &str| entry.entry(key).and_then(|(line, value)| Some((line, value.text()?.trim().to_owned())));
    let (_, name) = word("name")?;
    let mut said = read_about(entry, docs);
    if let Some((line, owner)) = entry.entry("owner")
        && let Some(name) = read_owner(owner)
    {
        said.push((line, FactKind::Owner { name }));
    }
    if let Some((line, url)) = word("url").filter(|(_, url)| url.starts_with("http://") || url.starts_with("https://")) {
        said.push((line, FactKind::Link { url }));
    }
    for key in ["type", "maturity"] {
        said.extend(word(key).map(|(line, value)| (line, FactKind::Label { key: key.to_owned(), value })));
    }
    Some(Exposure { kind: Kind::Exposure, name, reads, said })
}

/// One saved query.
pub(super) fn read_saved_query(entry: &Node, docs: &Blocks) -> Option<Exposure> {
    let name = entry.get("name").and_then(Node::text)?;
    let metrics = entry.get("query_params").and_then(|params| params.get("metrics")).map(Node::items).unwrap_or_default();
    let reads = metrics.iter().filter_map(|metric| Some((metric.line, Read::Metric(metric.text()?.trim().to_owned()))));
    let (reads, said) = (reads.collect(), read_about(entry, docs));
    Some(Exposure { kind: Kind::SavedQuery, name: name.to_owned(), reads, said })
}

/// What `ref('orders')`, `source('shop', 'orders')` or `metric('revenue')` means.
fn read_of_call(call: &str) -> Read {
    let last = |function: &str| arguments(call, function).and_then(|mut arguments| arguments.pop());
    if let Some(metric) = last("metric") {
        return Read::Metric(metric);
    }
    let name = last("ref").or_else(|| last("source")).unwrap_or_else(|| call.to_owned());
    Read::Relation { sql: format!("{{{{ {call} }}}}"), name }
}

/// The literals that `function` is called with, but for those with a name: `ref('shop', 'orders', v=2)`
/// has `shop` and `orders`.
pub(super) fn arguments(call: &str, function: &str) -> Option<Vec<String>> {
    let inner = call.trim().strip_prefix(function)?.trim_start().strip_prefix('(')?.trim_end().strip_suffix(')')?;
    let literal = |part: &str| part.trim().trim_matches(['\'', '"']).to_owned();
    Some(inner.split(',').filter(|part| !part.contains('=')).map(literal).collect())
}

impl Exposure {
    /// Its document and facts: a column for everything that it reads, made of all columns of that.
    pub(super) fn define(
        &self,
        path: &str,
        project: &str,
        metric_name: &dyn Fn(&str) -> RelationName,
        setting: &Setting<'_>,
        definitions: &mut Definitions,
    ) {
        let (word, section, role) = self.kind.words();
        let target = RelationName::outside(setting.namespace("dbt"), format!("{word}.{project}.{}", self.name));
        for (line, fact) in &self.said {
            definitions.say(&target, fact.clone(), path, *line);
        }
        let (mut sql, mut from, mut stand_ins) = (Composer::default(), Vec::new(), Vec::new());
        for (at, (line, read)) in (1u32..).zip(&self.reads) {
            let alias = format!("exposed_{at}");
            let name = match read {
                Read::Metric(metric) => {
                    let stand_in = format!("metric_{at}");
                    from.push((*line, format!("{stand_in} AS {alias}")));
                    stand_ins.push((stand_in, metric_name(metric)));
                    metric
                }
                Read::Relation { sql, name } => {
                    from.push((*line, format!("{sql} AS {alias}")));
                    name
                }
            };
            sql.put(if at == 1 { "SELECT\n  " } else { ",\n  " }, *line);
            sql.put(&format!("{alias} AS {}", quote(setting.dialect, name)), *line);
        }
        for (at, (line, item)) in from.iter().enumerate() {
            sql.put(if at == 0 { "\nFROM\n  " } else { ",\n  " }, *line).put(item, *line);
        }
        let part = format!("{section}.{}", self.name);
        definitions
            .define(Definition { path, part: &part, role, target, name: Some(self.name.clone()), sql, stand_ins }, setting);
    }
}
