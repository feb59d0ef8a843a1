//! A dbt project of which only `manifest.json` is there: what dbt compiled, with names and facts.
//!
//! In: manifests of the versions 1 to 12, in any folder. Out: a document for every model and snapshot
//! (its compiled SQL, or where it was only parsed its own text with the references put in), exposures,
//! metrics, and what is said of all of them. Sizes are bounded by what an artifact may have.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::LazyLock,
};

use regex::Regex;
use serde::Deserialize;
use serde_json::Value;

use super::{
    artifacts::{Artifact, Artifacts, find_artifacts, parse},
    docs::Blocks,
    exposure::{Exposure, Read, arguments, read_exposure, read_saved_query},
    from_json,
    metric::{define_metrics, metric_name},
    properties::{Said, declare, read_columns, read_owner, read_said, read_tags},
    read::Found,
    semantic::{Metric, Semantics, read_semantics},
};
use crate::{
    model::{Composed, Dialect, Document, DocumentRole, Fact, FactKind, Ident, RelationName, Subject, part_path},
    sources::{
        Request,
        definitions::{Definitions, Setting},
        files::Files,
        guess,
        reading::combine_key,
    },
};

/// What the key of a manifest's file says beside its bytes, so that its dialect is known unread.
const MARK: &str = "dbt manifest for";

#[derive(Deserialize)]
struct Manifest {
    metadata: Metadata,
    #[serde(default)]
    nodes: BTreeMap<String, Item>,
    #[serde(default)]
    sources: BTreeMap<String, Item>,
    #[serde(default)]
    exposures: BTreeMap<String, Value>,
    #[serde(default)]
    metrics: BTreeMap<String, Value>,
    #[serde(default)]
    semantic_models: BTreeMap<String, Value>,
    #[serde(default)]
    saved_queries: BTreeMap<String, Value>,
    #[serde(default)]
    groups: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
struct Metadata {
    dbt_schema_version: String,
    adapter_type: Option<String>,
    project_name: Option<String>,
}

/// A node or a source, as far as it is needed.
#[derive(Deserialize)]
struct Item {
    resource_type: String,
    name: String,
    package_name: String,
    original_file_path: Option<String>,
    database: Option<String>,
    schema: Option<String>,
    alias: Option<String>,
    identifier: Option<String>,
    source_name: Option<String>,
    #[serde(alias = "compiled_sql")]
    compiled_code: Option<String>,
    #[serde(alias = "raw_sql")]
    raw_code: Option<String>,
    #[serde(default)]
    config: Value,
    #[serde(default)]
    columns: BTreeMap<String, Value>,
    #[serde(default)]
    depends_on: Value,
    /// Whatever else is said: description, meta, tags, owner, …
    #[serde(default)]
    description: Value,
    #[serde(default)]
    meta: Value,
    #[serde(default)]
    tags: Value,
    #[serde(default)]
    deprecation_date: Value,
    #[serde(default)]
    test_metadata: Value,
    column_name: Option<String>,
    attached_node: Option<String>,
    group: Option<String>,
    loader: Option<String>,
}

impl Item {
    fn is_built(&self) -> bool {
        matches!(self.resource_type.as_str(), "model" | "snapshot" | "seed")
    }

    fn materialized(&self) -> &str {
        self.config.get("materialized").and_then(Value::as_str).unwrap_or_default()
    }

    fn relation(&self) -> RelationName {
        let last = self.alias.as_ref().or(self.identifier.as_ref()).unwrap_or(&self.name);
        let parts = [self.database.as_deref(), self.schema.as_deref(), Some(last.as_str())];
        let parts = parts.into_iter().flatten().filter(|part| !part.is_empty());
        RelationName { parts: parts.map(Ident::bare).collect() }
    }
}

/// Reads the manifests among the `wanted` files of a source without a project; `None` where there is none.
pub(in crate::sources) fn read_manifests(
    request: &Request<'_>,
    files: &Files,
    wanted: &(dyn Fn(&str) -> bool + Sync),
    settings: &dyn Fn(Dialect) -> String,
) -> Option<Found> {
    let is_manifest = |path: &str| path.rsplit('/').next() == Some("manifest.json");
    let mut found = Found::default();
    for entry in files.entries.iter().filter(|entry| is_manifest(&entry.path) && wanted(&entry.path)) {
        let folder = entry.path.strip_suffix("manifest.json").unwrap_or_default();
        let beside = |artifact: &Artifact| artifact.path.strip_prefix(folder).is_some_and(|name| !name.contains('/'));
        let artifacts: Vec<Artifact> = find_artifacts(folder, files).into_iter().filter(beside).collect();
        let keys: Vec<String> = artifacts.iter().map(Artifact::key).collect();
        let whole = combine_key("", &keys.iter().map(String::as_str).collect::<Vec<_>>());
        let known =
            request.known.get(&entry.path).and_then(|known| known.split_once('\n')?.1.strip_prefix(MARK)?.trim().parse().ok());
        if let Some(dialect) = known
            && request.known.get(&entry.path) == Some(&key_of(&settings(dialect), &whole, dialect))
        {
            for artifact in &artifacts {
                let key = request.known.get(&artifact.path).cloned().unwrap_or_default();
                found.files.insert(artifact.path.clone(), key);
                found.unchanged.insert(artifact.path.clone());
            }
            found.dialect = (dialect, say_dialect(dialect, &entry.path));
            continue;
        }
        let Some(own) = artifacts.iter().find(|artifact| artifact.path == entry.path) else { continue };
        let Ok(manifest) = parse::<Manifest>(own, files) else { continue };
        if !manifest.metadata.dbt_schema_version.contains("/manifest/") {
            continue;
        }
        let adapter = manifest.metadata.adapter_type.as_deref().and_then(|adapter| adapter.parse().ok());
        let of_manifest = || {
            let dialect = adapter.unwrap_or(Dialect::Generic);
            (dialect, say_dialect(dialect, &entry.path))
        };
        found.dialect = guess::set_dialect(request.config, request.source).unwrap_or_else(of_manifest);
        let dialect = found.dialect.0;
        for artifact in &artifacts {
            found.files.insert(artifact.path.clone(), key_of(&settings(dialect), &whole, dialect));
        }
        let beside: Vec<Artifact> = artifacts.into_iter().filter(|artifact| artifact.path != entry.path).collect();
        let mut results = Artifacts::read(&beside, files);
        results.check_version(&manifest.metadata.dbt_schema_version, &entry.path);
        found.diagnostics.append(&mut results.diagnostics);
        let defaults = (None, None);
        let setting = Setting::of(request, dialect, &defaults);
        Reader::new(&entry.path, &manifest, &setting).read(results, &mut found);
    }
    (!found.files.is_empty()).then_some(found)
}

fn key_of(settings: &str, whole: &str, dialect: Dialect) -> String {
    format!("{}\n{MARK} {dialect}", combine_key(settings, &[whole]))
}

fn say_dialect(dialect: Dialect, path: &str) -> String {
    format!("The dialect is {dialect}, as {path} says; a dbt project is read from it.")
}

struct Reader<'a> {
    path: &'a str,
    manifest: &'a Manifest,
    setting: &'a Setting<'a>,
    docs: Blocks,
    project: String,
    /// What every node and source builds or is.
    relations: HashMap<&'a str, RelationName>,
}

impl<'a> Reader<'a> {
    fn new(path: &'a str, manifest: &'a Manifest, setting: &'a Setting<'a>) -> Reader<'a> {
        let items = manifest.nodes.iter().filter(|(_, item)| item.is_built()).chain(&manifest.sources);
        let relations = items.map(|(id, item)| (id.as_str(), item.relation())).collect();
        let first = manifest.nodes.values().map(|item| item.package_name.clone()).next();
        let project = manifest.metadata.project_name.clone().or(first).unwrap_or_else(|| "project".to_owned());
        Reader { path, manifest, setting, docs: Blocks::new(), project, relations }
    }

    fn read(&self, mut results: Artifacts, found: &mut Found) {
        let mut facts = Vec::new();
        for (id, item) in &self.manifest.nodes {
            if item.is_built() {
                self.say(id, item, &mut facts);
                found.documents.extend(self.document(id, item));
            } else if item.resource_type == "test" {
                self.say_test(id, item, &mut results, &mut facts);
            }
        }
        for (id, item) in &self.manifest.sources {
            self.say(id, item, &mut facts);
        }
        results.complete(&mut facts);
        for mut fact in facts {
            if let Subject::Node(id) = &fact.about
                && let Some(relation) = self.relations.get(id.as_str())
            {
                fact.about = Subject::Asset(relation.clone());
                found.facts.push(fact);
            }
        }
        let mut definitions = Definitions::default();
        self.define(&mut definitions);
        found.documents.append(&mut definitions.documents);
        found.facts.append(&mut definitions.facts);
        found.diagnostics.append(&mut definitions.diagnostics);
    }

    /// What an item says of itself, addressed to its id.
    fn say(&self, id: &str, item: &Item, facts: &mut Vec<Fact>) {
        let entry = from_json(&serde_json::json!({
            "description": item.description, "meta": item.meta, "tags": item.tags, "config": item.config,
            "deprecation_date": item.deprecation_date, "columns": item.columns.values().collect::<Vec<_>>(),
        }));
        let mut said: Said = read_said(&entry, &self.docs);
        said.dedup();
        // dbt repeats tags of the configuration beside it.
        let mut seen = HashSet::new();
        said.extend(read_tags(&entry).filter(|(_, tag)| matches!(tag, FactKind::Tag { name } if seen.insert(name.clone()))));
        let (columns, mut of_columns) = read_columns(&entry, &self.docs);
        said.append(&mut of_columns);
        let is_contract = item.config.get("contract").and_then(|contract| contract.get("enforced")) == Some(&Value::Bool(true));
        if !columns.is_empty() {
            let whole = matches!(item.resource_type.as_str(), "source" | "seed") || is_contract || self.is_opaque(item);
            said.push((1, FactKind::Columns { columns: declare(&columns), whole }));
        }
        let group = item.group.as_ref().and_then(|group| {
            self.manifest.groups.values().find(|known| known.get("name").and_then(Value::as_str) == Some(group))
        });
        if let Some(name) = group.and_then(|group| read_owner(from_json(group).get("owner")?)) {
            said.push((1, FactKind::Owner { name }));
        }
        if let Some(name) = item.loader.as_ref().filter(|loader| !loader.is_empty()) {
            said.push((1, FactKind::Label { key: "loader".to_owned(), value: name.clone() }));
        }
        let set = [
            ("resource_type", Some(item.resource_type.as_str())),
            ("materialized", Some(item.materialized())),
            ("access", item.config.get("access").and_then(Value::as_str)),
            ("group", item.group.as_deref()),
        ];
        for (key, value) in set {
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                said.push((1, FactKind::Label { key: key.to_owned(), value: value.to_owned() }));
            }
        }
        said.push((
            1,
            FactKind::Dbt {
                resource: item.resource_type.clone(),
                id: id.to_owned(),
                materialized: item.materialized().to_owned(),
                path: item.original_file_path.clone().unwrap_or_default(),
            },
        ));
        facts.extend(said.into_iter().map(|(line, what)| self.fact(Subject::Node(id.to_owned()), what, line)));
    }

    fn fact(&self, about: Subject, what: FactKind, line: u32) -> Fact {
        Fact { about, what, path: self.path.to_owned(), line }
    }

    /// A model in another language than SQL.
    fn is_opaque(&self, item: &Item) -> bool {
        item.original_file_path.as_ref().is_some_and(|path| path.ends_with(".py"))
    }

    /// A test, as a check of what it tests; how it ended is known by its id.
    fn say_test(&self, id: &str, item: &Item, results: &mut Artifacts, facts: &mut Vec<Fact>) {
        let about = item.attached_node.clone().or_else(|| depended(item).next().map(str::to_owned));
        let Some(about) = about else { return };
        let text = |key: &str| item.test_metadata.get(key).and_then(Value::as_str);
        let name = match (text("namespace"), text("name")) {
            (Some(namespace), Some(name)) => format!("{namespace}.{name}"),
            (None, Some(name)) => name.to_owned(),
            _ => item.name.clone(),
        };
        let column = item.column_name.clone().unwrap_or_default();
        results.know_test(id, &about, text("name").unwrap_or(&item.name), &column);
        let given = item.test_metadata.get("kwargs").and_then(Value::as_object);
        let given = given.into_iter().flatten().filter(|(key, _)| !matches!(key.as_str(), "model" | "column_name"));
        let given: Vec<String> = given.map(|(key, value)| format!("{key}: {value}")).collect();
        let what = FactKind::Check { name, column, given: given.join(", "), status: String::new() };
        facts.push(self.fact(Subject::Node(about), what, 1));
    }

    /// The SQL of a model or snapshot.
    fn document(&self, id: &str, item: &Item) -> Option<Document> {
        let compiled = item.compiled_code.as_ref().filter(|text| !text.trim().is_empty());
        if item.resource_type == "seed" || self.is_opaque(item) || (item.materialized() == "ephemeral" && compiled.is_some()) {
            return None;
        }
        let text = match compiled {
            Some(text) => text.clone(),
            None => self.with_references(item.raw_code.as_ref()?, item),
        };
        let text = text.trim_end().trim_end_matches(';').to_owned();
        let lines = vec![1; text.lines().count().max(1)];
        Some(Document {
            path: part_path(self.path, id),
            blob: combine_key("", &[&text]),
            role: match item.materialized() {
                "view" | "ephemeral" => DocumentRole::View,
                _ => DocumentRole::Query,
            },
            target: Some(item.relation()),
            defaults: (item.database.clone(), item.schema.clone()),
            dialect: self.setting.dialect,
            templated: ["{{", "{%", "{#"].iter().any(|tag| text.contains(tag)),
            variables: Vec::new(),
            composed: Some(Box::new(Composed { lines, ..Composed::default() })),
            text,
        })
    }

    /// Text that dbt did not compile, with relations where it names models and sources.
    fn with_references(&self, text: &str, item: &Item) -> String {
        static CONFIG: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"(?s)\{\{-?\s*config\s*\(.*?\)\s*-?\}\}").ok());
        static CALL: LazyLock<Option<Regex>> =
            LazyLock::new(|| Regex::new(r"\{\{-?\s*((ref|source)\s*\([^{}]*\))\s*-?\}\}").ok());
        static BLOCK: LazyLock<Option<Regex>> =
            LazyLock::new(|| Regex::new(r"\{%-?\s*(?:snapshot\s+\w+|endsnapshot)\s*-?%\}").ok());
        let (Some(config), Some(call), Some(block)) = (CONFIG.as_ref(), CALL.as_ref(), BLOCK.as_ref()) else {
            return text.to_owned();
        };
        let text = config.replace_all(text, "");
        let text = block.replace_all(&text, "");
        let named = call.replace_all(&text, |found: &regex::Captures<'_>| {
            let part = |at: usize| found.get(at).map_or("", |part| part.as_str());
            let relation = arguments(part(1), part(2)).and_then(|names| self.referred(&names, part(2), item));
            relation.map_or_else(|| part(0).to_owned(), |relation| self.quoted(relation))
        });
        named.into_owned()
    }

    /// What `ref` or `source` with these `names` means to `item`.
    fn referred(&self, names: &[String], function: &str, item: &Item) -> Option<&RelationName> {
        let is_meant = |id: &&str| {
            let known = self.manifest.nodes.get(*id).or_else(|| self.manifest.sources.get(*id));
            known.is_some_and(|known| match (function, names) {
                ("source", [source, table]) => known.source_name.as_ref() == Some(source) && known.name == *table,
                ("ref", [package, name]) => known.package_name == *package && known.name == *name,
                ("ref", [name]) => known.resource_type != "source" && known.name == *name,
                _ => false,
            })
        };
        depended(item).find(is_meant).and_then(|id| self.relations.get(id))
    }

    /// A relation as it stands in SQL: in quotes where its parts need them.
    fn quoted(&self, relation: &RelationName) -> String {
        let is_word = |text: &str| text.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
        let parts = relation.parts.iter().map(|part| match is_word(&part.text) {
            true => part.text.to_string(),
            false => crate::sources::dashboards::quote(self.setting.dialect, &part.text),
        });
        parts.collect::<Vec<_>>().join(".")
    }

    /// Exposures, saved queries and metrics.
    fn define(&self, definitions: &mut Definitions) {
        let name_of = |name: &str| metric_name(self.setting, &self.project, name);
        let mut exposures: Vec<Exposure> = Vec::new();
        for entry in self.manifest.exposures.values() {
            let ids = entry.get("depends_on").and_then(|on| on.get("nodes")).and_then(Value::as_array);
            let reads = ids.into_iter().flatten().filter_map(Value::as_str).filter_map(|id| Some((1, self.read_of(id)?)));
            exposures.extend(read_exposure(&from_json(entry), reads.collect(), &self.docs));
        }
        exposures
            .extend(self.manifest.saved_queries.values().filter_map(|entry| read_saved_query(&from_json(entry), &self.docs)));
        for exposure in exposures {
            exposure.define(self.path, &self.project, &name_of, self.setting, definitions);
        }
        let list = |entries: &BTreeMap<String, Value>| entries.values().cloned().collect::<Vec<_>>();
        let root = serde_json::json!({
            "semantic_models": list(&self.manifest.semantic_models), "metrics": list(&self.manifest.metrics),
        });
        let Semantics { mut models, metrics } = read_semantics(&from_json(&root), self.path, &self.docs);
        for model in &mut models {
            let entry = self
                .manifest
                .semantic_models
                .values()
                .find(|entry| entry.get("name").and_then(Value::as_str) == Some(&model.name));
            let ids = entry.and_then(|entry| entry.get("depends_on")?.get("nodes")?.as_array());
            let relation = ids.into_iter().flatten().filter_map(Value::as_str).find_map(|id| self.relations.get(id));
            if let Some(relation) = relation {
                model.model = self.quoted(relation);
            }
        }
        // A measure that becomes a metric is listed as that metric, too.
        let mut metrics: Vec<&Metric> = metrics.iter().collect();
        metrics.sort_by(|one, other| one.name.cmp(&other.name));
        metrics.dedup_by(|one, other| one.name == other.name);
        define_metrics(&self.project, models.iter().collect(), &metrics, self.setting, definitions);
    }

    fn read_of(&self, id: &str) -> Option<Read> {
        if let Some(metric) = id.strip_prefix("metric.") {
            return Some(Read::Metric(metric.rsplit('.').next().unwrap_or(metric).to_owned()));
        }
        let relation = self.relations.get(id)?;
        let item = self.manifest.nodes.get(id).or_else(|| self.manifest.sources.get(id))?;
        Some(Read::Relation { sql: self.quoted(relation), name: item.name.clone() })
    }
}

/// The ids that an item depends on.
fn depended(item: &Item) -> impl Iterator<Item = &str> {
    item.depends_on.get("nodes").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}
