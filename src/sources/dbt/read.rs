//! Finds the projects of a source and reads them: all of them, or nothing where no file changed.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use rayon::prelude::*;

use super::{
    artifacts::{Artifact, Artifacts, find_artifacts},
    assemble::{Assembled, ProjectFiles, assemble},
    layout::{Folders, Part, installed_below, is_foreign, join},
    profile, to_json,
};
use crate::{
    config::Limits,
    model::{DbtProject, DbtTarget, Diagnostic, Dialect, Document, Fact, LineIndex},
    sources::{
        Request,
        files::{Entry, Files, Reader, Text},
        guess,
        reading::{combine_key, explain_yaml},
        yaml::{Node, read_yaml},
    },
};

/// Files that one thread reads with one handle.
const CHUNK: usize = 64;

/// What was read of the projects of a source.
#[derive(Default)]
pub(in crate::sources) struct Found {
    /// Folders of projects, each with a slash at its end; "" for the whole source.
    pub(in crate::sources) roots: Vec<String>,
    pub(in crate::sources) projects: Vec<DbtProject>,
    pub(in crate::sources) documents: Vec<Document>,
    pub(in crate::sources) facts: Vec<Fact>,
    pub(in crate::sources) diagnostics: Vec<(String, u32, Diagnostic)>,
    /// Every file read, with its key.
    pub(in crate::sources) files: BTreeMap<String, String>,
    pub(in crate::sources) unchanged: BTreeSet<String>,
    pub(in crate::sources) bytes: u64,
    /// The dialect, and a sentence that says why.
    pub(in crate::sources) dialect: (Dialect, String),
}

impl Found {
    /// Whether something is read from the file at `path`.
    pub(in crate::sources) fn reads(&self, path: &str) -> bool {
        self.files.contains_key(path)
    }

    /// Whether the file at `path` is a project's, or lies in one.
    pub(in crate::sources) fn holds(&self, path: &str) -> bool {
        self.files.contains_key(path) || self.roots.iter().any(|root| path.starts_with(root.as_str()))
    }
}

/// A project on its way: its settings, and which files are what to it.
struct Draft<'a> {
    project: DbtProject,
    folders: Folders,
    parts: Vec<(&'a Entry, Part)>,
}

/// Reads the projects among the `wanted` files; `None` where there is none. `settings` is what else
/// decides how files are read.
pub(in crate::sources) fn read_projects(
    request: &Request<'_>,
    files: &Files,
    wanted: &(dyn Fn(&str) -> bool + Sync),
    settings: &dyn Fn(Dialect) -> String,
) -> Option<Found> {
    let mut reading = Reading { request, files, found: Found::default(), limits: &request.config.limits };
    let mut drafts = reading.find_drafts(wanted)?;
    reading.read_targets(&mut drafts);
    reading.link_projects(&mut drafts);
    let mut chosen: BTreeMap<&str, &Entry> = BTreeMap::new();
    for draft in &mut drafts {
        let parts = files.entries.iter().filter(|entry| wanted(&entry.path));
        draft.parts = parts.filter_map(|entry| Some((entry, draft.folders.classify(&entry.path)?))).collect();
        chosen.extend(draft.parts.iter().map(|(entry, _)| (entry.path.as_str(), *entry)));
    }
    reading.found.roots = drafts.iter().map(|draft| draft.project.root.clone()).collect();
    reading.found.dialect = reading.choose_dialect(&drafts);
    let settings = settings(reading.found.dialect.0);
    let artifacts: Vec<Artifact> = drafts.iter().flat_map(|draft| find_artifacts(&draft.project.root, files)).collect();
    for artifact in &artifacts {
        reading.found.files.insert(artifact.path.clone(), combine_key(&settings, &[&artifact.key()]));
    }
    // Where no file changed, that is all there is to say.
    let Some(texts) = reading.read_texts(&settings, &chosen, &drafts) else { return Some(reading.found) };
    let dialect = reading.found.dialect.0;
    let projects = drafts.into_iter().map(|draft| ProjectFiles {
        project: draft.project,
        parts: draft.parts.into_iter().map(|(entry, part)| (entry.path.clone(), part)).collect(),
    });
    let Assembled { projects, documents, facts, diagnostics } = assemble(projects.collect(), &texts, dialect, request);
    let mut artifacts = Artifacts::read(&artifacts, files);
    let mut found = reading.found;
    found.diagnostics.append(&mut artifacts.diagnostics);
    let mut facts = facts;
    artifacts.complete(&mut facts);
    found.projects = projects;
    found.documents = documents;
    found.facts = facts;
    found.diagnostics.extend(diagnostics);
    Some(found)
}

struct Reading<'a> {
    request: &'a Request<'a>,
    files: &'a Files,
    limits: &'a Limits,
    found: Found,
}

impl<'a> Reading<'a> {
    /// Every `dbt_project.yml` that is a project's, or an installed package's.
    fn find_drafts(&mut self, wanted: &dyn Fn(&str) -> bool) -> Option<Vec<Draft<'a>>> {
        let is_settings = |path: &str| path.ends_with("dbt_project.yml") || path.ends_with("dbt_project.yaml");
        let own = |path: &str| installed_below(path).is_some() || !is_foreign(path);
        let entries: Vec<&Entry> = self
            .files
            .entries
            .iter()
            .filter(|entry| is_settings(&entry.path) && wanted(&entry.path) && own(&entry.path))
            .filter(|entry| matches!(entry.path.rsplit('/').next(), Some("dbt_project.yml" | "dbt_project.yaml")))
            .collect();
        let reader = self.files.place.reader();
        let mut drafts = Vec::new();
        for entry in entries {
            let root = entry.path.rsplit_once('/').map(|(folder, _)| format!("{folder}/")).unwrap_or_default();
            let settings = self.read_settings(&reader, entry);
            let settings = settings.map(|node| to_json(&node)).unwrap_or_default();
            let folder = root.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
            let named = settings.get("name").and_then(serde_json::Value::as_str).map(str::to_owned);
            let name = named.unwrap_or_else(|| if folder.is_empty() { "project".to_owned() } else { folder.to_owned() });
            let folders = Folders::new(&root, &settings);
            let project = DbtProject { name, root, path: entry.path.clone(), settings, ..DbtProject::default() };
            drafts.push(Draft { project, folders, parts: Vec::new() });
        }
        (!drafts.is_empty()).then_some(drafts)
    }

    /// A YAML file that decides how a project is read; what is wrong with it is a diagnostic.
    fn read_settings(&mut self, reader: &Reader, entry: &Entry) -> Option<Arc<Node>> {
        match reader.read(entry, self.limits) {
            Ok(text) => match read_yaml(&text.text, self.limits) {
                Ok(root) => root,
                Err(error) => {
                    let (line, diagnostic) = explain_yaml(&error, &text.text);
                    self.found.diagnostics.push((entry.path.clone(), line, diagnostic));
                    None
                }
            },
            Err(diagnostic) => {
                self.found.diagnostics.push((entry.path.clone(), 0, diagnostic));
                None
            }
        }
    }

    /// The target of every project, by the nearest profiles that name its profile.
    fn read_targets(&mut self, drafts: &mut [Draft<'_>]) {
        let reader = self.files.place.reader();
        let named = |entry: &&Entry| entry.path.rsplit('/').next() == Some("profiles.yml");
        let paths: Vec<&str> = self.files.entries.iter().filter(named).map(|entry| entry.path.as_str()).collect();
        let mut parsed: HashMap<String, Option<Arc<Node>>> = HashMap::new();
        for draft in drafts.iter_mut() {
            let profile = draft.project.settings.get("profile").and_then(serde_json::Value::as_str);
            let profile = profile.unwrap_or("default").to_owned();
            draft.project.target = DbtTarget { profile: profile.clone(), name: "prod".to_owned(), ..DbtTarget::default() };
            for place in profile::candidates(&draft.project.root, &paths) {
                let Some(entry) = self.files.find(&place) else { continue };
                if !parsed.contains_key(&place) {
                    let read = self.read_settings(&reader, entry);
                    parsed.insert(place.clone(), read);
                }
                let node = parsed.get(&place).and_then(Option::as_ref);
                if let Some(target) = node.and_then(|root| profile::read_target(root, &profile)) {
                    draft.project.target = target;
                    break;
                }
            }
        }
        for (place, node) in parsed {
            let Some(entry) = self.files.find(&place) else { continue };
            let blob = reader.read(entry, self.limits).map(|text| text.blob).unwrap_or_default();
            self.found.files.insert(place, format!("{blob} {}", node.is_some()));
        }
    }

    /// Which projects use which: local packages, projects of one mesh, installed packages.
    fn link_projects(&mut self, drafts: &mut [Draft<'_>]) {
        let reader = self.files.place.reader();
        let roots: Vec<(String, String)> =
            drafts.iter().map(|draft| (draft.project.root.clone(), draft.project.name.clone())).collect();
        for draft in drafts.iter_mut() {
            let root = draft.project.root.clone();
            let mut uses: Vec<String> = Vec::new();
            for file in ["packages.yml", "dependencies.yml"] {
                let Some(entry) = self.files.find(&format!("{root}{file}")) else { continue };
                let Some(node) = self.read_settings(&reader, entry) else { continue };
                let blob = reader.read(entry, self.limits).map(|text| text.blob).unwrap_or_default();
                self.found.files.insert(entry.path.clone(), blob);
                for package in node.get("packages").map(Node::items).unwrap_or_default() {
                    let Some(local) = package.get("local").and_then(Node::text) else { continue };
                    let folder = join(&root, local).map(|folder| if folder.is_empty() { folder } else { format!("{folder}/") });
                    uses.extend(folder.filter(|folder| roots.iter().any(|(known, _)| known == folder)));
                }
                for project in node.get("projects").map(Node::items).unwrap_or_default() {
                    let name = project.get("name").and_then(Node::text);
                    uses.extend(roots.iter().filter(|(_, known)| Some(known.as_str()) == name).map(|(root, _)| root.clone()));
                }
            }
            let installed =
                roots.iter().filter(|(other, _)| installed_below(&format!("{other}dbt_project.yml")) == Some(root.as_str()));
            uses.extend(installed.map(|(root, _)| root.clone()));
            uses.retain(|used| *used != root);
            uses.dedup();
            draft.project.uses = uses;
        }
        // What is installed is built for the project that it was installed into.
        let targets: HashMap<String, DbtTarget> = drafts
            .iter()
            .flat_map(|draft| draft.project.uses.iter().map(|used| (used.clone(), draft.project.target.clone())))
            .collect();
        for draft in drafts.iter_mut().filter(|draft| draft.project.target.adapter.is_empty()) {
            if let Some(target) = targets.get(&draft.project.root) {
                draft.project.target = target.clone();
            }
        }
    }

    /// The dialect that is set, the warehouse's, the adapter's, or a guess.
    fn choose_dialect(&self, drafts: &[Draft<'_>]) -> (Dialect, String) {
        let (config, source) = (self.request.config, self.request.source);
        if let Some(set) = guess::set_dialect(config, source) {
            return set;
        }
        for draft in drafts {
            let adapter = &draft.project.target.adapter;
            if let Ok(dialect) = adapter.parse::<Dialect>() {
                return (dialect, format!("The dialect is {dialect}: the profile {} says so.", draft.project.target.profile));
            }
        }
        let models: Vec<&Entry> = drafts
            .iter()
            .flat_map(|draft| &draft.parts)
            .filter(|(entry, part)| matches!(part, Part::Node(..)) && entry.path.ends_with(".sql"))
            .map(|(entry, _)| *entry)
            .collect();
        let step = models.len().div_ceil(guess::SAMPLE.0).max(1);
        let reader = self.files.place.reader();
        let texts: Vec<String> =
            models.iter().step_by(step).filter_map(|entry| reader.read(entry, self.limits).ok()).map(|text| text.text).collect();
        guess::guess_dialect(texts.iter().map(String::as_str))
    }

    /// Reads every chosen file; `None` where all of them are as they were, so that none is needed.
    fn read_texts(
        &mut self,
        settings: &str,
        chosen: &BTreeMap<&str, &Entry>,
        drafts: &[Draft<'_>],
    ) -> Option<HashMap<String, Text>> {
        let entries: Vec<&Entry> = chosen.values().copied().collect();
        let blobs: Vec<Option<String>> = entries.iter().map(|entry| entry.blob()).collect();
        let mut texts = HashMap::new();
        if blobs.iter().any(Option::is_none) {
            texts = self.read_all(&entries);
        }
        let mut whole: Vec<String> = self.found.files.iter().map(|(path, blob)| format!("{path} {blob}")).collect();
        for (entry, blob) in entries.iter().zip(&blobs) {
            let blob = blob.clone().or_else(|| texts.get(&entry.path).map(|text| text.blob.clone()));
            let blob = blob.unwrap_or_else(|| "unread".to_owned());
            whole.push(format!("{} {blob}", entry.path));
            self.found.files.insert(entry.path.clone(), combine_key(settings, &[&blob]));
        }
        let reader = self.files.place.reader();
        for draft in drafts {
            let path = &draft.project.path;
            let blob = self.files.find(path).and_then(|entry| reader.read(entry, self.limits).ok()).map(|text| text.blob);
            whole.push(format!("{path} {}", blob.unwrap_or_default()));
        }
        // What is read of one file of a project depends on every other.
        let whole: Vec<&str> = whole.iter().map(String::as_str).collect();
        let key = combine_key(settings, &whole);
        for draft in drafts {
            self.found.files.insert(draft.project.path.clone(), key.clone());
        }
        let known = self.request.known;
        if self.found.files.iter().all(|(path, key)| known.get(path) == Some(key)) {
            self.found.unchanged = self.found.files.keys().cloned().collect();
            self.found.diagnostics.clear();
            return None;
        }
        if texts.is_empty() {
            texts = self.read_all(&entries);
        }
        self.found.bytes = texts.values().map(|text| text.text.len() as u64).sum();
        Some(texts)
    }

    fn read_all(&mut self, entries: &[&Entry]) -> HashMap<String, Text> {
        let read: Vec<(String, Result<Text, Diagnostic>)> = entries
            .par_chunks(CHUNK)
            .flat_map_iter(|chunk| {
                let reader = self.files.place.reader();
                chunk.iter().map(|entry| (entry.path.clone(), reader.read(entry, self.limits))).collect::<Vec<_>>()
            })
            .collect();
        let mut texts = HashMap::with_capacity(read.len());
        for (path, text) in read {
            match text {
                Ok(mut text) => {
                    if let Some(diagnostic) = text.diagnostic.take() {
                        let line = LineIndex::new(&text.text).line(diagnostic.span.start);
                        self.found.diagnostics.push((path.clone(), line, diagnostic));
                    }
                    texts.insert(path, text);
                }
                Err(diagnostic) => self.found.diagnostics.push((path, 0, diagnostic)),
            }
        }
        texts
    }
}
