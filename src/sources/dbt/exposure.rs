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
    kind: Kind,
    pub(super) name: String,
    /// What it reads, as calls: `ref('orders')`, `source('shop', 'orders')`, `metric('revenue')`.
    pub(super) reads: Vec<(u32, String)>,
    pub(super) said: Said,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
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
        let word = |key: &str| entry.entry(key).and_then(|(line, value)| Some((line, value.text()?.trim().to_owned())));
        let Some((_, name)) = word("name") else { continue };
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
        let reads = entry.get("depends_on").map(Node::items).unwrap_or_default();
        let reads = reads.iter().filter_map(|read| Some((read.line, read.text()?.trim().to_owned()))).collect();
        exposures.push(Exposure { kind: Kind::Exposure, name, reads, said });
    }
    for entry in root.get("saved_queries").map(Node::items).unwrap_or_default() {
        let Some(name) = entry.get("name").and_then(Node::text) else { continue };
        let metrics = entry.get("query_params").and_then(|params| params.get("metrics")).map(Node::items).unwrap_or_default();
        let reads = metrics.iter().filter_map(|metric| Some((metric.line, format!("metric('{}')", metric.text()?.trim()))));
        let (reads, said) = (reads.collect(), read_about(entry, docs));
        exposures.push(Exposure { kind: Kind::SavedQuery, name: name.to_owned(), reads, said });
    }
    exposures
}

/// The literals that `function` is called with, but for those with a name: `ref('shop', 'orders', v=2)`
/// has `shop` and `orders`.
fn arguments(call: &str, function: &str) -> Option<Vec<String>> {
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
        for (at, (line, call)) in (1u32..).zip(&self.reads) {
            let alias = format!("exposed_{at}");
            let last = |function: &str| arguments(call, function).and_then(|mut arguments| arguments.pop());
            let metric = last("metric");
            let read = metric.clone().or_else(|| last("ref")).or_else(|| last("source")).unwrap_or_else(|| call.clone());
            match metric {
                Some(metric) => {
                    let stand_in = format!("metric_{at}");
                    from.push((*line, format!("{stand_in} AS {alias}")));
                    stand_ins.push((stand_in, metric_name(&metric)));
                }
                None => from.push((*line, format!("{{{{ {call} }}}} AS {alias}"))),
            }
            sql.put(if at == 1 { "SELECT\n  " } else { ",\n  " }, *line);
            sql.put(&format!("{alias} AS {}", quote(setting.dialect, &read)), *line);
        }
        for (at, (line, item)) in from.iter().enumerate() {
            sql.put(if at == 0 { "\nFROM\n  " } else { ",\n  " }, *line).put(item, *line);
        }
        let part = format!("{section}.{}", self.name);
        definitions
            .define(Definition { path, part: &part, role, target, name: Some(self.name.clone()), sql, stand_ins }, setting);
    }
}
