//! dbt projects, joined: names settled, files rendered, facts addressed.
//!
//! A project is settled and rendered anew whenever anything is analysed; what is saved is the parsing and
//! analysing of every file whose rendering is what it was.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt,
    sync::Arc,
    time::Duration,
};

use rayon::prelude::*;
use serde_json::Value as Json;
use xxhash_rust::xxh3::Xxh3;

use super::{
    CrawlError,
    input::{DocumentInput, ENGINE, InputFact, InputFactKind, SourceInput},
    world::Recorder,
};
use crate::{
    config::Limits,
    model::{DbtNode, DbtProject, DbtResource, DocumentRole, FactKind, RelationName, Subject},
    sql::Lookups,
    template::{self, Columns, DbtProjects, DbtRendered, Placed},
};

/// Longest time that one file is rendered.
const MAX_RENDER: Duration = Duration::from_millis(1_500);
/// How often a file is rendered to learn which columns it asks for.
const MAX_ROUNDS: usize = 4;

/// A file of a project, rendered as far as that needs no columns.
pub(super) struct DbtFile {
    projects: Arc<DbtProjects>,
    project: usize,
    /// `None` for a definition.
    node: Option<usize>,
    /// Of all projects of the source.
    digest: u128,
    pub(super) rendered: DbtRendered,
}

impl fmt::Debug for DbtFile {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "dbt node {:?} of project {}", self.node, self.project)
    }
}

impl DbtFile {
    /// Changes whenever anything else would be analysed.
    pub(super) fn key(&self, document: &DocumentInput) -> String {
        let mut hash = Xxh3::new();
        hash.update(ENGINE.as_bytes());
        hash.update(document.dialect.name().as_bytes());
        for variant in &self.rendered.rendered.variants {
            hash.update(&(variant.text.len() as u64).to_le_bytes());
            hash.update(variant.text.as_bytes());
            for (rendered, start, end, literal) in variant.offsets.parts() {
                let numbers = [rendered, start, end, u32::from(literal)];
                numbers.iter().for_each(|number| hash.update(&number.to_le_bytes()));
            }
        }
        for diagnostic in &self.rendered.rendered.diagnostics {
            hash.update(diagnostic.message.as_bytes());
            hash.update(&diagnostic.span.start.to_le_bytes());
        }
        if !self.rendered.asked.is_empty() {
            hash.update(&self.digest.to_le_bytes());
            hash.update(&document.digest.to_le_bytes());
        }
        format!("{:032x}", hash.digest128())
    }

    /// The rendering in which every relation's columns are known that can be.
    pub(super) fn render_with_columns(&self, text: &str, recorder: &Recorder<'_>) -> template::Rendered {
        let mut columns = Columns::new();
        let mut asked = self.rendered.asked.clone();
        let mut rendered = self.rendered.rendered.clone();
        for _ in 0..MAX_ROUNDS {
            let new: Vec<RelationName> = asked.into_iter().filter(|name| !columns.contains_key(name)).collect();
            if new.is_empty() {
                break;
            }
            for name in new {
                let known = recorder.relation(&name).filter(|known| known.complete && !known.columns.is_empty());
                let names = known.map(|known| known.columns.iter().map(|name| (name.clone(), String::new())).collect());
                columns.insert(name, names);
            }
            let again = self.projects.render(self.project, self.node, text, &columns);
            rendered = again.rendered;
            asked = again.asked;
        }
        rendered
    }
}

/// Settles and renders the projects of `source`; `texts` holds the files whose text it does not hold.
pub(super) fn prepare(source: &mut SourceInput, limits: &Limits, texts: HashMap<u128, String>) -> Result<(), CrawlError> {
    if source.projects.is_empty() {
        return Ok(());
    }
    let digest = digest_of(&source.projects);
    let by_path: HashMap<Arc<str>, Arc<str>> = source
        .documents
        .iter()
        .filter_map(|document| {
            let text = document.text.clone().or_else(|| texts.get(&document.digest).map(|text| Arc::from(text.as_str())))?;
            Some((document.path.clone(), text))
        })
        .collect();
    let mut variables = source.config.variables.clone();
    for (name, value) in [("__target_database", &source.warehouse.database), ("__target_schema", &source.warehouse.schema)] {
        if let Some(value) = value {
            variables.insert(name.to_owned(), Json::from(value.as_str()));
        }
    }
    let settings = template::Settings {
        variables,
        max_steps: limits.max_template_steps,
        max_time: Duration::from_millis(limits.max_document_ms).min(MAX_RENDER),
        max_depth: 100,
        ..template::Settings::default()
    };
    let projects = source.projects.clone();
    let projects =
        Arc::new(DbtProjects::new(projects, source.warehouse.dialect, settings, &|path: &str| by_path.get(path).cloned()));
    let nodes = first_nodes(&projects);
    let definitions = first_definitions(&projects);
    let superseded = place_documents(source, &projects, &nodes);
    source.documents.retain(|document| !superseded.contains(&document.path));
    source.documents.par_iter_mut().for_each(|document| {
        let node = nodes.get(&*document.path).map(|(project, node)| (*project, Some(*node)));
        let definition = || definitions.get(&*document.path).map(|project| (*project, None));
        let Some((project, node)) = node.or_else(definition) else { return };
        let Some(text) = by_path.get(&document.path) else { return };
        let rendered = projects.render(project, node, text, &Columns::new());
        document.dbt = Some(Arc::new(DbtFile { projects: projects.clone(), project, node, digest, rendered }));
    });
    address_facts(source, &projects);
    source.same = find_same(&projects);
    Ok(())
}

fn digest_of(projects: &[DbtProject]) -> u128 {
    let json = serde_json::to_vec(projects).unwrap_or_else(|error| error.to_string().into_bytes());
    xxhash_rust::xxh3::xxh3_128(&json)
}

/// The node of every file; of a file that several projects share, the first project's.
fn first_nodes(projects: &DbtProjects) -> HashMap<String, (usize, usize)> {
    let mut nodes = HashMap::new();
    for (at, project) in projects.projects().iter().enumerate() {
        for (number, node) in project.nodes.iter().enumerate() {
            nodes.entry(node.path.clone()).or_insert((at, number));
        }
    }
    nodes
}

/// The project of every definition.
fn first_definitions(projects: &DbtProjects) -> HashMap<String, usize> {
    let mut definitions = HashMap::new();
    for (at, project) in projects.projects().iter().enumerate() {
        for path in &project.definitions {
            definitions.entry(path.clone()).or_insert(at);
        }
    }
    definitions
}

/// Gives every file its target; back come files that are turned off and that others stand in for.
fn place_documents(
    source: &mut SourceInput,
    projects: &DbtProjects,
    nodes: &HashMap<String, (usize, usize)>,
) -> HashSet<Arc<str>> {
    let placed = |(project, node): (usize, usize)| projects.placed(project).get(node);
    let built: HashSet<&RelationName> = nodes
        .values()
        .filter_map(|at| placed(*at))
        .filter(|placed| placed.config.enabled)
        .map(|placed| &placed.relation)
        .collect();
    let mut superseded = HashSet::new();
    for document in &mut source.documents {
        let Some(at) = nodes.get(&*document.path).copied() else { continue };
        let (Some(placed), Some(node)) = (placed(at), projects.projects().get(at.0).and_then(|project| project.nodes.get(at.1)))
        else {
            continue;
        };
        if !placed.config.enabled && (built.contains(&placed.relation) || node.resource == DbtResource::Test) {
            superseded.insert(document.path.clone());
        }
        match node.resource {
            DbtResource::Model | DbtResource::Seed => {
                document.target = Some(placed.relation.clone());
                document.role = match placed.config.materialized.as_str() {
                    "view" | "ephemeral" => DocumentRole::View,
                    _ => DocumentRole::Query,
                };
            }
            // A snapshot's rendering names its own target.
            DbtResource::Snapshot => document.role = DocumentRole::Script,
            DbtResource::Test => document.role = DocumentRole::Check,
            DbtResource::Analysis => {}
        }
    }
    superseded
}

/// Facts about nodes become facts about the relations that they build; what is set adds some.
fn address_facts(source: &mut SourceInput, projects: &DbtProjects) {
    let mut names: HashMap<String, RelationName> = HashMap::new();
    let mut owned: HashSet<&str> = HashSet::new();
    for fact in &source.facts {
        if let (Subject::Node(id), InputFactKind::Other(FactKind::Owner { .. })) = (&fact.about, &fact.what) {
            owned.insert(id);
        }
    }
    let mut facts = Vec::new();
    for (at, project) in projects.projects().iter().enumerate() {
        for (node, placed) in project.nodes.iter().zip(projects.placed(at)) {
            if matches!(node.resource, DbtResource::Test | DbtResource::Analysis) {
                continue;
            }
            let id = node.id(&project.name);
            if names.insert(id.clone(), placed.relation.clone()).is_none() {
                let has_owner = owned.contains(id.as_str());
                facts.extend(state_settings(node, placed, &id, has_owner));
            }
        }
        for (number, known) in project.sources.iter().enumerate() {
            if let Some(relation) = projects.source_relation(at, number) {
                names.insert(known.id(&project.name), relation);
            }
        }
    }
    source.facts.extend(facts);
    for fact in &mut source.facts {
        if let Subject::Node(id) = &fact.about
            && let Some(name) = names.get(id)
        {
            fact.about = Subject::Asset(name.clone());
        }
    }
    source.facts.sort_by(|one, other| (&one.path, one.line).cmp(&(&other.path, other.line)));
}

/// What the settings of a node say of its asset.
fn state_settings(node: &DbtNode, placed: &Placed, id: &str, has_owner: bool) -> Vec<InputFact> {
    let mut facts = Vec::new();
    let mut say = |what: FactKind| {
        let about = Subject::Node(id.to_owned());
        facts.push(InputFact { about, what: InputFactKind::Other(what), path: Arc::from(node.path.as_str()), line: 1 });
    };
    say(FactKind::Dbt {
        resource: node.resource.word().to_owned(),
        id: id.to_owned(),
        materialized: placed.config.materialized.clone(),
        path: node.path.clone(),
    });
    let mut tags: Vec<String> = placed.config.tags.clone();
    if !placed.config.enabled {
        tags.push("disabled".to_owned());
    }
    let mut seen = HashSet::new();
    for name in tags.into_iter().filter(|tag| seen.insert(tag.clone())) {
        say(FactKind::Tag { name });
    }
    for (key, value) in [("resource_type", node.resource.word()), ("materialized", placed.config.materialized.as_str())] {
        say(FactKind::Label { key: key.to_owned(), value: value.to_owned() });
    }
    for key in ["access", "group"] {
        if let Some(value) = placed.config.settings.get(key).and_then(Json::as_str) {
            say(FactKind::Label { key: key.to_owned(), value: value.to_owned() });
        }
    }
    let meta = placed.config.settings.get("meta");
    let owner = ["owner", "data_owner", "model_owner"].iter().find_map(|key| meta?.get(key)?.as_str());
    if let Some(owner) = owner.filter(|owner| !has_owner && !owner.trim().is_empty()) {
        say(FactKind::Owner { name: owner.trim().trim_start_matches('@').to_owned() });
    }
    facts
}

/// Sources that are models of the same repository under another database: (source, model).
fn find_same(projects: &DbtProjects) -> Vec<(RelationName, RelationName)> {
    let inner = |name: &RelationName| -> Option<String> {
        let parts = name.parts.len().checked_sub(2).and_then(|from| name.parts.get(from..))?;
        Some(parts.iter().map(|part| part.text.to_lowercase()).collect::<Vec<_>>().join("."))
    };
    let mut built: BTreeMap<String, Vec<&RelationName>> = BTreeMap::new();
    for at in 0..projects.projects().len() {
        for placed in projects.placed(at) {
            if let Some(inner) = inner(&placed.relation) {
                let known = built.entry(inner).or_default();
                if !known.contains(&&placed.relation) {
                    known.push(&placed.relation);
                }
            }
        }
    }
    let mut same = Vec::new();
    for (at, project) in projects.projects().iter().enumerate() {
        for number in 0..project.sources.len() {
            let Some(relation) = projects.source_relation(at, number) else { continue };
            let models = inner(&relation).and_then(|inner| built.get(&inner));
            if let Some([only]) = models.map(Vec::as_slice)
                && **only != relation
            {
                same.push((relation, (*only).clone()));
            }
        }
    }
    same.sort();
    same.dedup();
    same
}
