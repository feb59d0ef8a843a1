//! Property files: what is said of models, seeds, snapshots, sources and groups beside the SQL.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{
    docs::{Blocks, fill_in},
    exposure::{Exposure, read_exposures},
    semantic::{Semantics, read_semantics},
    tests::read_tests,
    to_json, to_map,
};
use crate::{
    model::{DbtColumn, DbtResource, DeclaredColumn, FactKind},
    sources::{deprecation, yaml::Node},
};

/// What an entry says of itself: (1-based line, what).
pub(super) type Said = Vec<(u32, FactKind)>;

/// What one property file says.
#[derive(Default)]
pub(super) struct Properties {
    /// Entries of models, seeds and snapshots.
    pub(super) nodes: Vec<NodeEntry>,
    /// Tables of sources.
    pub(super) tables: Vec<TableEntry>,
    /// Groups: name, owner.
    pub(super) groups: Vec<(String, String)>,
    /// Dashboards, notebooks and the like.
    pub(super) exposures: Vec<Exposure>,
    /// Semantic models and metrics.
    pub(super) semantics: Semantics,
    /// The entries of models, whose `meta` other tools read.
    pub(super) models: Vec<Arc<Node>>,
}

/// The entry of a model, seed or snapshot, or of one of its versions.
pub(super) struct NodeEntry {
    pub(super) resource: DbtResource,
    pub(super) name: String,
    /// The version, its file without ending where it is said, and whether it is the newest.
    pub(super) version: Option<(String, Option<String>, bool)>,
    pub(super) line: u32,
    pub(super) config: Map<String, Value>,
    pub(super) columns: Vec<DbtColumn>,
    pub(super) facts: Vec<(u32, FactKind)>,
    /// The columns are what the warehouse holds, not only what is described.
    pub(super) is_contract: bool,
    /// It is a snapshot without SQL, which keeps a relation.
    pub(super) keeps_relation: Option<(u32, String)>,
}

/// A table of a source.
pub(super) struct TableEntry {
    pub(super) source: String,
    pub(super) table: String,
    pub(super) database: Option<String>,
    pub(super) schema: String,
    pub(super) identifier: Option<String>,
    pub(super) columns: Vec<DbtColumn>,
    pub(super) facts: Vec<(u32, FactKind)>,
}

/// Reads the property file `root` at `path`; `docs` are the blocks that descriptions may point to.
pub(super) fn read_properties(root: &Node, path: &str, docs: &Blocks) -> Properties {
    let mut properties = Properties {
        exposures: read_exposures(root, docs),
        semantics: read_semantics(root, path, docs),
        models: root.get("models").map(Node::items).unwrap_or_default().to_vec(),
        ..Properties::default()
    };
    let sections = [("models", DbtResource::Model), ("seeds", DbtResource::Seed), ("snapshots", DbtResource::Snapshot)];
    for (section, resource) in sections {
        for entry in root.get(section).map(Node::items).unwrap_or_default() {
            read_node(entry, resource, docs, &mut properties.nodes);
        }
    }
    for source in root.get("sources").map(Node::items).unwrap_or_default() {
        read_source(source, docs, &mut properties.tables);
    }
    for group in root.get("groups").map(Node::items).unwrap_or_default() {
        let owner = group.get("owner").and_then(read_owner);
        if let (Some(name), Some(owner)) = (group.get("name").and_then(Node::text), owner) {
            properties.groups.push((name.to_owned(), owner));
        }
    }
    properties
}

/// An owner: a word, or a mapping with an address or a name.
pub(super) fn read_owner(owner: &Node) -> Option<String> {
    let word = |key: &str| owner.get(key).and_then(Node::text).map(str::trim).filter(|word| !word.is_empty());
    let said = owner.text().map(str::trim).filter(|word| !word.is_empty());
    said.or_else(|| word("email")).or_else(|| word("name")).map(|name| name.trim_start_matches('@').to_owned())
}

fn read_node(entry: &Node, resource: DbtResource, docs: &Blocks, nodes: &mut Vec<NodeEntry>) {
    let Some(name) = entry.get("name").and_then(Node::text) else { return };
    let mut config = entry.get("config").map(to_map).unwrap_or_default();
    for key in ["group", "access", "meta", "tags", "docs", "deprecation_date"] {
        if let Some(value) = entry.get(key)
            && !config.contains_key(key)
        {
            config.insert(key.to_owned(), to_json(value));
        }
    }
    let (columns, mut facts) = read_columns(entry, docs);
    let mut own = read_said(entry, docs);
    own.append(&mut read_tests(entry, ""));
    own.append(&mut facts);
    let enforced = |contract: &Value| contract.get("enforced").is_some_and(|enforced| enforced == &Value::Bool(true));
    let node = NodeEntry {
        resource,
        name: name.to_owned(),
        version: None,
        line: entry.line,
        is_contract: config.get("contract").is_some_and(enforced),
        config,
        columns,
        facts: own,
        keeps_relation: entry.get("relation").and_then(|relation| Some((relation.line, relation.text()?.trim().to_owned()))),
    };
    let versions = entry.get("versions").map(Node::items).unwrap_or_default();
    if versions.is_empty() {
        nodes.push(node);
        return;
    }
    let number = |version: &Node| version.get("v").and_then(Node::text).map(str::to_owned);
    let latest = entry.get("latest_version").and_then(Node::text).map(str::to_owned);
    let newest = || {
        versions.iter().filter_map(|version| number(version)).max_by_key(|version| (version.parse::<i64>().ok(), version.clone()))
    };
    let latest = latest.or_else(newest);
    for version in versions {
        let Some(number) = number(version) else { continue };
        let file = version.get("defined_in").and_then(Node::text).map(str::to_owned);
        let is_latest = latest.as_deref() == Some(number.as_str());
        nodes.push(node.for_version(version, (number, file, is_latest), docs));
    }
}

impl NodeEntry {
    /// The entry of one version: what the version says goes before what the model says.
    fn for_version(&self, version: &Node, number: (String, Option<String>, bool), docs: &Blocks) -> NodeEntry {
        let mut config = self.config.clone();
        config.extend(version.get("config").map(to_map).unwrap_or_default());
        if let Some(alias) = version.get("alias") {
            config.insert("alias".to_owned(), to_json(alias));
        }
        let own = read_said(version, docs);
        let described = own.iter().any(|(_, fact)| matches!(fact, FactKind::Description { .. }));
        let inherited = self.facts.iter().filter(|(_, fact)| !described || !matches!(fact, FactKind::Description { .. }));
        let mut facts: Vec<_> = own.iter().chain(inherited).cloned().collect();
        let (columns, mut said) = match version.get("columns") {
            Some(_) => read_columns(version, docs),
            None => (Vec::new(), Vec::new()),
        };
        facts.append(&mut said);
        // `include: all` is the default, so that a list of columns adds to the model's.
        let mut all = self.columns.clone();
        all.extend(columns.into_iter().filter(|column| self.columns.iter().all(|known| known.name != column.name)));
        NodeEntry {
            resource: self.resource,
            name: self.name.clone(),
            version: Some(number),
            line: version.line,
            config,
            columns: all,
            facts,
            is_contract: self.is_contract,
            keeps_relation: None,
        }
    }
}

/// What an entry says of itself: description, owner, deprecation.
pub(super) fn read_said(entry: &Node, docs: &Blocks) -> Vec<(u32, FactKind)> {
    let mut facts = Vec::new();
    if let Some((line, text)) = read_description(entry, docs) {
        facts.push((line, FactKind::Description { text }));
    }
    let config = entry.get("config");
    let meta = [entry.get("meta"), config.and_then(|config| config.get("meta"))];
    for (line, owner) in meta.into_iter().flatten().flat_map(read_owners) {
        facts.push((line, FactKind::Owner { name: owner }));
    }
    let date = entry.entry("deprecation_date").or_else(|| config.and_then(|config| config.entry("deprecation_date")));
    if let Some((line, Some(date))) = date.map(|(line, date)| (line, date.text())) {
        let note = facts.iter().find_map(|(_, fact)| match fact {
            FactKind::Description { text } => deprecation::find_note(text),
            _ => None,
        });
        let note = note.unwrap_or_default();
        let replacement = deprecation::find_replacement(&note);
        let date = Some(date.split(['T', ' ']).next().unwrap_or(date).to_owned());
        facts.push((line, FactKind::Deprecated { note, date, replacement }));
    }
    facts
}

/// What an entry says of itself that is no relation: besides, its label and tags.
pub(super) fn read_about(entry: &Node, docs: &Blocks) -> Said {
    let mut said = read_said(entry, docs);
    if let Some((line, Some(label))) = entry.entry("label").map(|(line, label)| (line, label.text())) {
        said.push((line, FactKind::FriendlyName { name: label.trim().to_owned() }));
    }
    said.extend(read_tags(entry));
    said
}

/// `owner`, `owners`, `data_owner` and the like of a `meta`.
fn read_owners(meta: &Node) -> Vec<(u32, String)> {
    let mut owners = Vec::new();
    for key in ["owner", "owners", "data_owner", "model_owner", "team"] {
        let Some((line, value)) = meta.entry(key) else { continue };
        match value.items() {
            [] => owners.extend(read_owner(value).map(|name| (line, name))),
            items => owners.extend(items.iter().filter_map(|item| Some((item.line, read_owner(item)?)))),
        }
    }
    owners
}

fn read_description(entry: &Node, docs: &Blocks) -> Option<(u32, String)> {
    let (line, text) = entry.entry("description")?;
    let text = fill_in(text.text()?, docs);
    (!text.is_empty()).then_some((line, text))
}

/// The columns of an entry, and what is said of them.
pub(super) fn read_columns(entry: &Node, docs: &Blocks) -> (Vec<DbtColumn>, Vec<(u32, FactKind)>) {
    let (mut columns, mut facts) = (Vec::new(), Vec::new());
    for column in entry.get("columns").map(Node::items).unwrap_or_default() {
        let Some(name) = column.get("name").and_then(Node::text) else { continue };
        let name = name.trim().trim_matches(['"', '`']).to_owned();
        let data_type = column.get("data_type").and_then(Node::text).unwrap_or_default().to_owned();
        if let Some((line, text)) = read_description(column, docs) {
            facts.push((line, FactKind::ColumnDescription { column: name.clone(), text }));
        }
        facts.append(&mut read_tests(column, &name));
        columns.push(DbtColumn { name, data_type, line: column.line });
    }
    (columns, facts)
}

/// Columns as a declaration.
pub(super) fn declare(columns: &[DbtColumn]) -> Vec<DeclaredColumn> {
    let declare =
        |column: &DbtColumn| DeclaredColumn { name: column.name.clone(), data_type: column.data_type.clone(), description: None };
    columns.iter().map(declare).collect()
}

fn read_source(source: &Node, docs: &Blocks, tables: &mut Vec<TableEntry>) {
    let Some(name) = source.get("name").and_then(Node::text) else { return };
    let word = |node: &Node, key: &str| {
        let own = node.get(key).and_then(Node::text);
        own.or_else(|| node.get("config")?.get(key)?.text()).map(|word| word.trim().to_owned())
    };
    let outer = (word(source, "database").or_else(|| word(source, "project")), word(source, "schema"));
    let schema = outer.1.or_else(|| word(source, "dataset")).unwrap_or_else(|| name.to_owned());
    let inherited = read_said(source, docs);
    for table in source.get("tables").map(Node::items).unwrap_or_default() {
        let Some(table_name) = table.get("name").and_then(Node::text) else { continue };
        let (columns, mut facts) = read_columns(table, docs);
        let mut own = read_said(table, docs);
        let has_owner = own.iter().any(|(_, fact)| matches!(fact, FactKind::Owner { .. }));
        own.extend(inherited.iter().filter(|(_, fact)| !has_owner && matches!(fact, FactKind::Owner { .. })).cloned());
        own.append(&mut read_tests(table, ""));
        own.extend(read_freshness(table, source));
        own.extend(read_tags(source).chain(read_tags(table)));
        own.append(&mut facts);
        tables.push(TableEntry {
            source: name.to_owned(),
            table: table_name.to_owned(),
            database: outer.0.clone(),
            schema: schema.clone(),
            identifier: word(table, "identifier"),
            columns,
            facts: own,
        });
    }
}

pub(super) fn read_tags(entry: &Node) -> impl Iterator<Item = (u32, FactKind)> {
    let lists = [entry.get("tags"), entry.get("config").and_then(|config| config.get("tags"))];
    let tags = lists.into_iter().flatten().flat_map(|list| match list.text() {
        Some(tag) => vec![(list.line, tag.to_owned())],
        None => list.items().iter().filter_map(|tag| Some((tag.line, tag.text()?.to_owned()))).collect(),
    });
    tags.map(|(line, name)| (line, FactKind::Tag { name })).collect::<Vec<_>>().into_iter()
}

/// The freshness that is asked of a table, its own before its source's; `freshness: null` asks none.
fn read_freshness(table: &Node, source: &Node) -> Option<(u32, FactKind)> {
    let own = |node: &'_ Node, key: &str| -> Option<(u32, String)> {
        let (line, value) = node.entry(key).or_else(|| node.get("config")?.entry(key))?;
        Some((line, describe_freshness(value)))
    };
    let (line, expected) = own(table, "freshness").or_else(|| own(source, "freshness"))?;
    let field = ["loaded_at_field", "loaded_at_query"].iter().find_map(|key| {
        let field = |node: &Node| node.get(key).and_then(Node::text).map(str::to_owned);
        field(table).or_else(|| field(source))
    });
    let by = field.map(|field| format!(" by {field}")).unwrap_or_default();
    let fact = |expected: String| FactKind::Freshness { expected, status: String::new(), newest: String::new() };
    (!expected.is_empty()).then(|| (line, fact(format!("{expected}{by}"))))
}

fn describe_freshness(value: &Node) -> String {
    let part = |key: &str, word: &str| {
        let limit = value.get(key)?;
        let count = limit.get("count").and_then(Node::text)?;
        let period = limit.get("period").and_then(Node::text)?;
        let plural = if count == "1" { "" } else { "s" };
        Some(format!("{word} after {count} {period}{plural}"))
    };
    [part("warn_after", "warns"), part("error_after", "fails")].into_iter().flatten().collect::<Vec<_>>().join(", ")
}
