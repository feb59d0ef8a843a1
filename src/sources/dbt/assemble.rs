//! From the texts of projects to nodes, sources, documents and facts.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::LazyLock,
};

use rayon::prelude::*;
use regex::Regex;
use serde_json::Value;

use super::{
    docs::{Blocks, read_blocks},
    layout::Part,
    lightdash,
    metric::{define_metrics, metric_name},
    properties::{NodeEntry, Properties, TableEntry, declare, read_properties},
    semantic::Metric,
};
use crate::{
    model::{
        DEFINED_TWICE, DbtMacros, DbtNode, DbtProject, DbtResource, DbtSource, DeclaredColumn, Diagnostic, Dialect, Document,
        DocumentRole, Fact, FactKind, Span, Subject, part_path,
    },
    sources::{
        Request,
        compose::Composer,
        definitions::{Definitions, Setting},
        files::Text,
        reading::{combine_key, explain_yaml},
        yaml::read_yaml,
    },
};

/// A project and its files.
pub(super) struct ProjectFiles {
    pub(super) project: DbtProject,
    /// (path, what it is), sorted by path.
    pub(super) parts: Vec<(String, Part)>,
}

/// Everything that the texts of the projects say.
pub(super) struct Assembled {
    pub(super) projects: Vec<DbtProject>,
    pub(super) documents: Vec<Document>,
    pub(super) facts: Vec<Fact>,
    pub(super) diagnostics: Vec<(String, u32, Diagnostic)>,
}

/// Puts the projects together.
pub(super) fn assemble(
    projects: Vec<ProjectFiles>,
    texts: &HashMap<String, Text>,
    dialect: Dialect,
    request: &Request<'_>,
) -> Assembled {
    let docs = read_docs(&projects, texts);
    let paths: BTreeSet<String> = projects
        .iter()
        .flat_map(|files| &files.parts)
        .filter(|(_, part)| *part == Part::Properties)
        .map(|(path, _)| path.clone())
        .collect();
    let mut diagnostics = Vec::new();
    let mut properties: HashMap<&str, Properties> = HashMap::new();
    let read: Vec<_> = paths
        .par_iter()
        .filter_map(|path| {
            let text = &texts.get(path.as_str())?.text;
            let root = read_yaml(text, &request.config.limits).map_err(|error| explain_yaml(&error, text));
            Some((path.as_str(), root.map(|root| root.map(|root| read_properties(&root, path, &docs)).unwrap_or_default())))
        })
        .collect();
    for (path, read) in read {
        match read {
            Ok(said) => {
                properties.insert(path, said);
            }
            Err((line, diagnostic)) => diagnostics.push((path.to_owned(), line, diagnostic)),
        }
    }
    let defaults = (None, None);
    let setting = Setting::of(request, dialect, &defaults);
    let mut assembly = Assembly {
        texts,
        setting: &setting,
        properties: &properties,
        stated: HashSet::new(),
        whole: Assembled { projects: Vec::new(), documents: Vec::new(), facts: Vec::new(), diagnostics },
    };
    for files in projects {
        assembly.add_project(files);
    }
    assembly.whole
}

fn read_docs(projects: &[ProjectFiles], texts: &HashMap<String, Text>) -> Blocks {
    let mut blocks = Blocks::new();
    for (path, _) in projects.iter().flat_map(|files| &files.parts).filter(|(_, part)| *part == Part::Docs) {
        if let Some(text) = texts.get(path) {
            read_blocks(&text.text, &mut blocks);
        }
    }
    blocks
}

struct Assembly<'a> {
    texts: &'a HashMap<String, Text>,
    setting: &'a Setting<'a>,
    properties: &'a HashMap<&'a str, Properties>,
    /// Files whose documents or facts were stated, by the first project that holds them.
    stated: HashSet<String>,
    whole: Assembled,
}

impl<'a> Assembly<'a> {
    fn add_project(&mut self, files: ProjectFiles) {
        let ProjectFiles { mut project, parts } = files;
        let described: Vec<(&str, &'a Properties)> = parts
            .iter()
            .filter(|(_, part)| *part == Part::Properties)
            .filter_map(|(path, _)| Some((path.as_str(), self.properties.get(path.as_str())?)))
            .collect();
        let entries = Entries::new(&described);
        for (path, part) in &parts {
            match part {
                Part::Macros => {
                    if let Some(text) = self.texts.get(path) {
                        project.macros.push(DbtMacros { path: path.clone(), text: text.text.clone() });
                    }
                }
                Part::Node(resource, folders) => self.add_file(&mut project, *resource, folders, path, &entries),
                Part::Properties | Part::Docs => {}
            }
        }
        self.add_snapshots_without_sql(&mut project, &described);
        self.note_duplicates(&project);
        self.state_nodes(&mut project, &described);
        let mut own = Vec::new();
        for (path, said) in &described {
            let is_first = self.stated.insert((*path).to_owned());
            for table in &said.tables {
                self.add_table(&mut project, table, path, is_first);
            }
            if is_first {
                own.push((*path, *said));
            }
        }
        self.add_definitions(&mut project, &own);
        self.whole.projects.push(project);
    }

    /// The nodes of one file, and its document.
    fn add_file(
        &mut self,
        project: &mut DbtProject,
        resource: DbtResource,
        folders: &[String],
        path: &str,
        entries: &Entries<'_>,
    ) {
        let Some(text) = self.texts.get(path) else { return };
        let file = path.rsplit('/').next().unwrap_or(path);
        let (stem, ending) = file.rsplit_once('.').unwrap_or((file, ""));
        let names = match resource {
            DbtResource::Snapshot => find_snapshots(&text.text),
            _ => vec![stem.to_owned()],
        };
        for name in names {
            let entry = entries.find(resource, &name);
            let node = DbtNode {
                resource,
                name: entry.map_or_else(|| name.clone(), |(_, entry)| entry.name.clone()),
                version: entry
                    .and_then(|(_, entry)| entry.version.as_ref())
                    .map(|(version, _, latest)| (version.clone(), *latest)),
                path: path.to_owned(),
                folders: folders.to_vec(),
                properties: entry.map(|(_, entry)| entry.config.clone()).unwrap_or_default(),
                described: entry.map(|(path, _)| path.to_owned()),
                columns: entry.map(|(_, entry)| entry.columns.clone()).unwrap_or_default(),
            };
            project.nodes.push(node);
        }
        if ending.eq_ignore_ascii_case("sql") && self.stated.insert(path.to_owned()) {
            self.whole.documents.push(Document {
                path: path.to_owned(),
                blob: text.blob.clone(),
                text: text.text.clone(),
                role: match resource {
                    DbtResource::Test => DocumentRole::Check,
                    DbtResource::Analysis => DocumentRole::Sql,
                    DbtResource::Model | DbtResource::Seed | DbtResource::Snapshot => DocumentRole::Query,
                },
                target: None,
                defaults: (None, None),
                dialect: self.setting.dialect,
                templated: true,
                variables: Vec::new(),
                composed: None,
            });
        }
    }

    /// Exposures and metrics, as documents that are rendered like the project's files.
    fn add_definitions(&mut self, project: &mut DbtProject, own: &[(&str, &Properties)]) {
        let mut definitions = Definitions::default();
        let name_of = |name: &str| metric_name(self.setting, &project.name, name);
        for (path, said) in own {
            for exposure in &said.exposures {
                exposure.define(path, &project.name, &name_of, self.setting, &mut definitions);
            }
        }
        let models = own.iter().flat_map(|(_, said)| &said.semantics.models).collect();
        let metrics: Vec<&Metric> = own.iter().flat_map(|(_, said)| &said.semantics.metrics).collect();
        define_metrics(&project.name, models, &metrics, self.setting, &mut definitions);
        let described: Vec<_> = own.iter().flat_map(|(path, said)| said.models.iter().map(|model| (*path, model))).collect();
        lightdash::define_metrics(&described, self.setting, &mut definitions);
        project.definitions = definitions.documents.iter().map(|document| document.path.clone()).collect();
        self.whole.documents.append(&mut definitions.documents);
        self.whole.facts.append(&mut definitions.facts);
        self.whole.diagnostics.append(&mut definitions.diagnostics);
    }

    /// Two models of one name: a reference means the first.
    fn note_duplicates(&mut self, project: &DbtProject) {
        let mut first: HashMap<(DbtResource, &str, Option<&str>), &str> = HashMap::new();
        for node in &project.nodes {
            let version = node.version.as_ref().map(|(version, _)| version.as_str());
            let known = first.entry((node.resource, &node.name, version)).or_insert(&node.path);
            if *known != node.path && matches!(node.resource, DbtResource::Model | DbtResource::Seed | DbtResource::Snapshot) {
                let message = format!("the {} `{}` is defined by `{known}` already", node.resource.word(), node.name);
                self.whole.diagnostics.push((node.path.clone(), 1, Diagnostic::new(&DEFINED_TWICE, message, Span::default())));
            }
        }
    }

    /// The facts of a project's nodes.
    fn state_nodes(&mut self, project: &mut DbtProject, described: &[(&str, &Properties)]) {
        let groups: HashMap<&str, &str> =
            described.iter().flat_map(|(_, said)| &said.groups).map(|(name, owner)| (name.as_str(), owner.as_str())).collect();
        let entries = Entries::new(described);
        let mut stated = HashSet::new();
        for node in &mut project.nodes {
            let entry = entries.find_node(node);
            let id = node.id(&project.name);
            if !stated.insert(id.clone()) {
                continue;
            }
            let mut say = |line: u32, what: FactKind, path: &str| {
                self.whole.facts.push(Fact { about: Subject::Node(id.clone()), what, path: path.to_owned(), line });
            };
            if node.resource == DbtResource::Seed
                && let Some(text) = self.texts.get(&node.path)
            {
                let columns = read_header(&text.text, node.properties.get("column_types"));
                say(1, FactKind::Columns { columns, whole: true }, &node.path);
            }
            let Some((path, entry)) = entry else { continue };
            for (line, fact) in &entry.facts {
                say(*line, fact.clone(), path);
            }
            let group = node.properties.get("group").and_then(Value::as_str);
            if let Some(owner) = group.and_then(|group| groups.get(group)) {
                say(entry.line, FactKind::Owner { name: (*owner).to_owned() }, path);
            }
            let opaque = !node.path.ends_with(".sql") && node.resource == DbtResource::Model;
            if !entry.columns.is_empty() {
                let whole = entry.is_contract || opaque;
                say(entry.line, FactKind::Columns { columns: declare(&entry.columns), whole }, path);
            }
        }
    }

    /// Snapshots that a property file defines alone: each with the SQL that dbt would run for it.
    fn add_snapshots_without_sql(&mut self, project: &mut DbtProject, described: &[(&str, &Properties)]) {
        for (path, said) in described {
            for entry in said.nodes.iter().filter(|entry| entry.resource == DbtResource::Snapshot) {
                let Some((line, relation)) = &entry.keeps_relation else { continue };
                if project.nodes.iter().any(|node| node.resource == entry.resource && node.name == entry.name) {
                    continue;
                }
                let part = part_path(path, &format!("snapshots.{}", entry.name));
                let mut sql = Composer::default();
                let query = format!("select * from {{{{ {relation} }}}}");
                sql.put(&format!("{{% snapshot {} %}}\n{query}\n{{% endsnapshot %}}", entry.name), *line);
                let (text, composed) = sql.finish();
                if self.stated.insert(part.clone()) {
                    self.whole.documents.push(Document {
                        path: part.clone(),
                        blob: combine_key("", &[&text]),
                        text,
                        role: DocumentRole::Script,
                        target: None,
                        defaults: self.setting.defaults.clone(),
                        dialect: self.setting.dialect,
                        templated: true,
                        variables: Vec::new(),
                        composed: Some(Box::new(composed)),
                    });
                }
                project.nodes.push(DbtNode {
                    resource: entry.resource,
                    name: entry.name.clone(),
                    path: part,
                    properties: entry.config.clone(),
                    described: Some((*path).to_owned()),
                    columns: entry.columns.clone(),
                    ..DbtNode::default()
                });
            }
        }
    }

    fn add_table(&mut self, project: &mut DbtProject, entry: &TableEntry, path: &str, is_first: bool) {
        let source = DbtSource {
            source: entry.source.clone(),
            table: entry.table.clone(),
            database: entry.database.clone(),
            schema: entry.schema.clone(),
            identifier: entry.identifier.clone(),
            columns: entry.columns.clone(),
        };
        let id = source.id(&project.name);
        if is_first {
            let mut facts = entry.facts.clone();
            if !entry.columns.is_empty() {
                let line = entry.columns.first().map_or(0, |column| column.line);
                facts.push((line, FactKind::Columns { columns: declare(&entry.columns), whole: true }));
            }
            let facts = facts.into_iter().map(|(line, what)| Fact {
                about: Subject::Node(id.clone()),
                what,
                path: path.to_owned(),
                line,
            });
            self.whole.facts.extend(facts);
        }
        project.sources.push(source);
    }
}

/// The entries of a project's property files.
struct Entries<'a> {
    /// (resource, file without ending or name) → file and entry; the first wins.
    by_file: HashMap<(DbtResource, String), (&'a str, &'a NodeEntry)>,
}

impl<'a> Entries<'a> {
    fn new(described: &[(&'a str, &'a Properties)]) -> Entries<'a> {
        let mut by_file = HashMap::new();
        for (path, entry) in described.iter().flat_map(|(path, said)| said.nodes.iter().map(|entry| (*path, entry))) {
            let files = match &entry.version {
                None => vec![entry.name.clone()],
                Some((_, Some(file), _)) => vec![file.clone()],
                Some((version, None, true)) => vec![format!("{}_v{version}", entry.name), entry.name.clone()],
                Some((version, None, false)) => vec![format!("{}_v{version}", entry.name)],
            };
            for file in files {
                by_file.entry((entry.resource, file)).or_insert((path, entry));
            }
        }
        Entries { by_file }
    }

    fn find(&self, resource: DbtResource, file: &str) -> Option<(&'a str, &'a NodeEntry)> {
        self.by_file.get(&(resource, file.to_owned())).copied()
    }

    fn find_node(&self, node: &DbtNode) -> Option<(&'a str, &'a NodeEntry)> {
        let file = node.path.rsplit('/').next().unwrap_or(&node.path);
        let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
        match node.resource {
            DbtResource::Snapshot => self.find(node.resource, &node.name),
            _ => self.find(node.resource, stem),
        }
    }
}

/// The names of the snapshots in a file.
fn find_snapshots(text: &str) -> Vec<String> {
    static TAG: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\{%[-+]?\s*snapshot\s+([A-Za-z_]\w*)\s*[-+]?%\}").ok());
    let Some(tag) = TAG.as_ref() else { return Vec::new() };
    tag.captures_iter(text).filter_map(|found| Some(found.get(1)?.as_str().to_owned())).collect()
}

/// The columns of a seed, by its first line.
fn read_header(text: &str, types: Option<&Value>) -> Vec<DeclaredColumn> {
    let first = text.lines().next().unwrap_or_default();
    let delimiter = [b',', b';', b'\t', b'|'].into_iter().find(|byte| first.as_bytes().contains(byte)).unwrap_or(b',');
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(text.as_bytes());
    let mut record = csv::StringRecord::new();
    if !reader.read_record(&mut record).unwrap_or(false) {
        return Vec::new();
    }
    let declare = |name: &str| {
        let name = name.trim().to_owned();
        let data_type = types.and_then(|types| types.get(&name)).and_then(Value::as_str).unwrap_or_default().to_owned();
        DeclaredColumn { name, data_type, description: None }
    };
    record.iter().filter(|name| !name.trim().is_empty()).map(declare).collect()
}
