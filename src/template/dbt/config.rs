//! What is settled of every node before anything is rendered: its settings and its place.

use std::{collections::BTreeSet, sync::Arc};

use minijinja::{
    Value,
    machinery::{Token, tokenize},
    syntax::SyntaxConfig,
};
use rayon::prelude::*;
use serde_json::{Map, Value as Json};

use super::{
    entries,
    functions::target_of,
    library::Library,
    relation::Relation,
    run::Run,
    values::{dict, from_json, list, show, to_json},
};
use crate::{
    model::{DbtNode, DbtProject, DbtResource, RelationName},
    template::rewrite::{Tags, rewrite},
};

/// The settings of a node.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NodeConfig {
    /// Everything that is set, later settings over earlier ones.
    pub settings: Map<String, Json>,
    /// `table`, `view`, `incremental`, `ephemeral`, `seed`, `snapshot`, or a project's own word.
    pub materialized: String,
    /// False where it is turned off.
    pub enabled: bool,
    /// Tags, in order.
    pub tags: Vec<String>,
}

/// A node that is settled.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Placed {
    /// Its settings.
    pub config: NodeConfig,
    /// The relation that it builds, without parts that nothing names.
    pub relation: RelationName,
}

/// Settles every node of a project.
pub(super) fn place_nodes(library: &Library, texts: &(dyn Fn(&str) -> Option<Arc<str>> + Sync)) -> Vec<Placed> {
    let inner = &library.inner;
    let Some(project) = inner.shared.projects.get(inner.project) else { return Vec::new() };
    (0..project.nodes.len())
        .into_par_iter()
        .map(|at| {
            let Some(node) = project.nodes.get(at) else { return Placed::default() };
            place_node(library, at, project, node, texts(&node.path).as_deref())
        })
        .collect()
}

fn place_node(library: &Library, at: usize, project: &DbtProject, node: &DbtNode, text: Option<&str>) -> Placed {
    let run = Run::of_settings(library.inner.clone(), Some((library.inner.project, at)));
    let mut settings = Map::new();
    for holder in project_settings(library, project) {
        merge_tree(&mut settings, holder, node, &project.name);
    }
    merge(&mut settings, &node.properties);
    let settings = match to_json(&run.settle(&Json::Object(settings)), 0) {
        Json::Object(settings) => settings,
        _ => Map::new(),
    };
    let mut settings = settings;
    if let Some(text) = text.filter(|text| text.contains("config(")) {
        let own = read_config(&run, text);
        merge(&mut settings, &own);
    }
    let word = |key: &str| settings.get(key).and_then(Json::as_str).map(str::to_owned);
    let materialized = match node.resource {
        DbtResource::Model => word("materialized").unwrap_or_else(|| "view".to_owned()),
        resource => resource.word().to_owned(),
    };
    let enabled = settings.get("enabled").is_none_or(|enabled| match enabled {
        Json::Bool(enabled) => *enabled,
        Json::String(text) => !text.trim().eq_ignore_ascii_case("false"),
        _ => true,
    });
    let tags = match settings.get("tags") {
        Some(Json::Array(tags)) => tags.iter().filter_map(Json::as_str).map(str::to_owned).collect(),
        Some(Json::String(tag)) => vec![tag.clone()],
        _ => Vec::new(),
    };
    let relation = name_relation(&run, project, node, &settings);
    Placed { config: NodeConfig { settings, materialized, enabled, tags }, relation }
}

/// The settings that reach a project: its own, then those of the projects that use it.
fn project_settings<'a>(library: &'a Library, project: &'a DbtProject) -> Vec<&'a Json> {
    let users = library.inner.shared.projects.iter().filter(|other| other.uses.contains(&project.root));
    std::iter::once(&project.settings).chain(users.map(|user| &user.settings)).collect()
}

/// Settings along the node's folders.
fn merge_tree(settings: &mut Map<String, Json>, whole: &Json, node: &DbtNode, project: &str) {
    let section = node.resource.section();
    let old = (node.resource == DbtResource::Test).then_some("tests");
    for section in [Some(section), old].into_iter().flatten() {
        let Some(mut level) = whole.get(section) else { continue };
        let path = std::iter::once(project).chain(node.folders.iter().map(String::as_str)).chain([node.name.as_str()]);
        let mut path = path.peekable();
        loop {
            let next = path.next();
            let own: Map<String, Json> = entries(Some(level))
                .filter(|(key, value)| key.starts_with('+') || (!value.is_object() && Some(key.as_str()) != next))
                .map(|(key, value)| (key.trim_start_matches('+').to_owned(), value.clone()))
                .collect();
            merge(settings, &own);
            match next.and_then(|part| level.get(part)) {
                Some(inner) => level = inner,
                None => break,
            }
        }
    }
}

/// Puts `more` over `settings`; tags and meta add up.
fn merge(settings: &mut Map<String, Json>, more: &Map<String, Json>) {
    for (key, value) in more {
        let key = match key.as_str() {
            "post-hook" | "pre-hook" => key.replace('-', "_"),
            _ => key.clone(),
        };
        match (key.as_str(), settings.get_mut(&key), value) {
            ("tags", Some(known), value) => {
                let mut all = as_list(known);
                all.extend(as_list(value));
                *known = Json::Array(all);
            }
            ("meta", Some(Json::Object(known)), Json::Object(value)) => known.extend(value.clone()),
            _ => {
                settings.insert(key, value.clone());
            }
        }
    }
}

fn as_list(value: &Json) -> Vec<Json> {
    match value {
        Json::Array(items) => items.clone(),
        Json::Null => Vec::new(),
        other => vec![other.clone()],
    }
}

/// What the `config(…)` calls of a text set. Where one needs what stands before it, all of it is rendered.
fn read_config(run: &Arc<Run>, text: &str) -> Map<String, Json> {
    let environment = &run.inner.environment;
    let mut alone = true;
    for tag in config_tags(text) {
        let Ok(rewritten) = rewrite(tag, &BTreeSet::new(), Tags::Dbt) else { continue };
        let scope = run.scope_calling(rewritten.called.clone());
        alone &= environment.render_named_str("config", &rewritten.text, scope).is_ok();
    }
    if !alone || text.contains("{% set") || text.contains("{%- set") {
        run.met().config.clear();
        if let Ok(rewritten) = rewrite(text, &BTreeSet::new(), Tags::Dbt) {
            let scope = run.scope_calling(rewritten.called.clone());
            // As far as it comes: what was set until then holds.
            environment.render_named_str("config", &rewritten.text, scope).ok();
        }
    }
    std::mem::take(&mut run.met().config)
}

/// The tags `{{ config(…) }}` of a text.
fn config_tags(text: &str) -> Vec<&str> {
    let Ok(syntax) = SyntaxConfig::builder().keep_trailing_newline(true).build() else { return Vec::new() };
    let mut tags = Vec::new();
    let mut open: Option<(usize, bool, bool)> = None;
    for token in tokenize(text, false, syntax) {
        let Ok((token, span)) = token else { break };
        match token {
            Token::VariableStart => open = Some((span.start_offset as usize, true, false)),
            Token::Ident(name) => {
                if let Some((_, first, is_config)) = &mut open {
                    *is_config |= *first && name == "config";
                    *first = false;
                }
            }
            Token::VariableEnd => {
                if let Some((start, _, true)) = open.take() {
                    tags.extend(text.get(start..span.end_offset as usize));
                }
            }
            _ => {}
        }
    }
    tags
}

/// The relation that a node builds, by the project's rules for schema, alias and database.
fn name_relation(run: &Arc<Run>, project: &DbtProject, node: &DbtNode, settings: &Map<String, Json>) -> RelationName {
    let given = |key: &str| match settings.get(key) {
        Some(Json::String(text)) if !text.trim().is_empty() => Value::from(text.trim()),
        _ => Value::from(()),
    };
    let described = node_value(run, project, node, settings);
    let call = |name: &str, custom: Value| -> Option<String> {
        let value = run.call_named(name, &[custom, described.clone()])?;
        let text = show(&value).trim().to_owned();
        (!value.is_none() && !text.is_empty() && text != "None").then_some(text)
    };
    let (database, schema) = target_of(run);
    let is_old_snapshot = node.resource == DbtResource::Snapshot && settings.contains_key("target_schema");
    let (database, schema) = if is_old_snapshot {
        let word = |key: &str| settings.get(key).and_then(Json::as_str).map(str::to_owned);
        (word("target_database").or(database), word("target_schema"))
    } else {
        let custom = if settings.contains_key("database") { given("database") } else { given("project") };
        (call("generate_database_name", custom).or(database), call("generate_schema_name", given("schema")).or(schema))
    };
    let alias = call("generate_alias_name", given("alias")).unwrap_or_else(|| node.name.clone());
    Relation::new(database, schema, alias, run.inner.shared.dialect).name()
}

/// What macros are told of a node.
fn node_value(run: &Arc<Run>, project: &DbtProject, node: &DbtNode, settings: &Map<String, Json>) -> Value {
    let text = |value: &str| Value::from(value);
    let fqn = std::iter::once(project.name.as_str())
        .chain(node.folders.iter().map(String::as_str))
        .chain([node.name.as_str()])
        .map(Value::from)
        .collect();
    let inside = node.path.strip_prefix(&project.root).unwrap_or(&node.path);
    let (database, schema) = target_of(run);
    let tags = settings.get("tags").map(as_list).unwrap_or_default();
    let version = node.version.as_ref().map_or_else(
        || Value::from(()),
        |(version, _)| match version.parse::<i64>() {
            Ok(number) => Value::from(number),
            Err(_) => Value::from(version.as_str()),
        },
    );
    let column = |column: &crate::model::DbtColumn| {
        let entry = [("name", column.name.as_str()), ("data_type", column.data_type.as_str()), ("description", "")];
        (Value::from(column.name.as_str()), dict(entry.map(|(key, value)| (Value::from(key), Value::from(value)))))
    };
    let entries = [
        ("name", text(&node.name)),
        ("resource_type", text(node.resource.word())),
        ("package_name", text(&project.name)),
        ("unique_id", Value::from(node.id(&project.name))),
        ("path", text(inside.split_once('/').map_or(inside, |(_, inside)| inside))),
        ("original_file_path", text(inside)),
        ("fqn", list(fqn)),
        ("version", version),
        ("database", Value::from(database)),
        ("schema", Value::from(schema)),
        ("alias", settings.get("alias").and_then(Json::as_str).map_or_else(|| text(&node.name), text)),
        ("description", text("")),
        ("raw_code", text("")),
        ("language", text("sql")),
        ("tags", list(tags.iter().map(from_json).collect())),
        ("meta", settings.get("meta").map_or_else(|| dict(Vec::new()), from_json)),
        ("config", from_json(&Json::Object(settings.clone()))),
        ("columns", dict(node.columns.iter().map(column))),
        ("refs", list(Vec::new())),
        ("sources", list(Vec::new())),
    ];
    dict(entries.map(|(key, value)| (Value::from(key), value)))
}

/// `model`: the node that is rendered, with its place.
pub(super) fn describe_node(run: &Arc<Run>, (project, node): (usize, usize)) -> Value {
    let shared = run.inner.shared.clone();
    let Some(known) = shared.projects.get(project) else { return Value::UNDEFINED };
    let Some(described) = known.nodes.get(node) else { return Value::UNDEFINED };
    let placed = shared.placed.get(project).and_then(|placed| placed.get(node));
    let mut settings = placed.map(|placed| placed.config.settings.clone()).unwrap_or_default();
    if let Some(placed) = placed {
        settings.insert("materialized".to_owned(), Json::from(placed.config.materialized.as_str()));
    }
    let value = node_value(run, known, described, &settings);
    if let Some(placed) = placed {
        let parts = placed.relation.parts.iter().rev().map(|part| Value::from(&*part.text));
        let named = ["alias", "schema", "database"].into_iter().zip(parts);
        let whole = super::values::entries_of(&value).unwrap_or_default();
        return dict(whole.into_iter().chain(named.map(|(key, value)| (Value::from(key), value))));
    }
    value
}

/// `graph`: every node of the projects in reach.
pub(super) fn describe_graph(run: &Arc<Run>) -> Value {
    let inner = run.inner.clone();
    let make = || {
        let shared = &inner.shared;
        let (mut nodes, mut sources) = (Vec::new(), Vec::new());
        for at in shared.search_order(inner.project) {
            let Some(project) = shared.projects.get(at) else { continue };
            for (number, node) in project.nodes.iter().enumerate() {
                nodes.push((Value::from(node.id(&project.name)), describe_node(run, (at, number))));
            }
            for source in &project.sources {
                let words = [("name", &source.table), ("source_name", &source.source), ("schema", &source.schema)];
                let words = words.map(|(key, value)| (Value::from(key), Value::from(value.as_str())));
                let more = [
                    (Value::from("resource_type"), Value::from("source")),
                    (Value::from("package_name"), Value::from(project.name.as_str())),
                ];
                sources.push((Value::from(source.id(&project.name)), dict(words.into_iter().chain(more))));
            }
        }
        let empty = || dict(Vec::new());
        let parts = [
            ("nodes", keyed(nodes)),
            ("sources", keyed(sources)),
            ("exposures", empty()),
            ("metrics", empty()),
            ("groups", empty()),
        ];
        dict(parts.map(|(key, value)| (Value::from(key), value)))
    };
    inner.graph.get_or_init(make).clone()
}

/// A mapping of many entries whose keys differ.
fn keyed(entries: Vec<(Value, Value)>) -> Value {
    entries.into_iter().collect::<Value>()
}
