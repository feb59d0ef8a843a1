//! What a crawl works on: sources as read now, completed by what is remembered of unchanged files.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use super::{dbt::DbtFile, placeholder::is_placeholder};
use crate::{
    config::{SourceConfig, WarehouseConfig},
    model::{
        Composed, Contributor, DbtProject, DeclaredColumn, Diagnostic, Dialect, Document, DocumentRole, Fact, FactKind, Reading,
        RelationName, Subject, file_of,
    },
    store::{FileHistory, RememberedFile, RunSource, StoreError},
};

/// Changes whenever the engine, templates or this room would make something else of the same text.
pub(super) const ENGINE: &str = concat!(env!("CARGO_PKG_VERSION"), "/17");

/// One source, complete.
#[derive(Clone, Debug)]
pub(super) struct SourceInput {
    pub(super) config: SourceConfig,
    pub(super) warehouse: WarehouseConfig,
    pub(super) run_source: RunSource,
    /// Sorted by path.
    pub(super) documents: Vec<DocumentInput>,
    pub(super) facts: Vec<InputFact>,
    /// (path, line, what), sorted.
    pub(super) diagnostics: Vec<(String, u32, Diagnostic)>,
    pub(super) histories: HashMap<String, FileHistory>,
    /// Keys of the files that something was read from.
    pub(super) files: BTreeMap<String, String>,
    /// dbt projects, by root.
    pub(super) projects: Vec<DbtProject>,
    /// Names that mean the same relation: (as it is referred to, as it is built).
    pub(super) same: Vec<(RelationName, RelationName)>,
}

/// A fact whose declared columns are shared: there are half a million of them in one repository.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct InputFact {
    pub(super) about: Subject,
    pub(super) what: InputFactKind,
    pub(super) path: Arc<str>,
    pub(super) line: u32,
}

/// What a fact says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum InputFactKind {
    /// All that it has.
    Columns(Arc<[DeclaredColumn]>),
    /// Some that it has.
    Described(Arc<[DeclaredColumn]>),
    Other(FactKind),
}

impl From<Fact> for InputFact {
    fn from(fact: Fact) -> InputFact {
        let what = match fact.what {
            FactKind::Columns { mut columns, whole } => {
                for column in &mut columns {
                    column.description.take_if(|text| is_placeholder(text));
                }
                let columns = Arc::from(columns);
                if whole { InputFactKind::Columns(columns) } else { InputFactKind::Described(columns) }
            }
            other => InputFactKind::Other(other),
        };
        InputFact { about: fact.about, what, path: Arc::from(fact.path), line: fact.line }
    }
}

/// One SQL document; its text is left out where the store holds it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct DocumentInput {
    pub(super) path: Arc<str>,
    pub(super) blob: String,
    #[serde(with = "hex_digest")]
    pub(super) digest: u128,
    #[serde(skip)]
    pub(super) text: Option<Arc<str>>,
    pub(super) bytes: u64,
    pub(super) role: DocumentRole,
    pub(super) target: Option<RelationName>,
    pub(super) defaults: (Option<String>, Option<String>),
    pub(super) dialect: Dialect,
    pub(super) templated: bool,
    pub(super) variables: Vec<(String, String)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) composed: Option<Box<Composed>>,
    /// What dbt makes of it.
    #[serde(skip)]
    pub(super) dbt: Option<Arc<DbtFile>>,
}

/// What is remembered of one file.
#[derive(Debug, Default, Serialize, Deserialize)]
struct FileContent {
    documents: Vec<DocumentInput>,
    facts: Vec<InputFact>,
    diagnostics: Vec<(u32, Diagnostic)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    projects: Vec<DbtProject>,
}

mod hex_digest {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(digest: &u128, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_str(&format!("{digest:x}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<u128, D::Error> {
        let text = String::deserialize(input)?;
        u128::from_str_radix(&text, 16).map_err(D::Error::custom)
    }
}

impl DocumentInput {
    fn new(document: Document) -> DocumentInput {
        DocumentInput {
            path: Arc::from(document.path),
            blob: document.blob,
            digest: xxh3_128(document.text.as_bytes()),
            bytes: document.text.len() as u64,
            text: Some(Arc::from(document.text)),
            role: document.role,
            target: document.target,
            defaults: document.defaults,
            dialect: document.dialect,
            templated: document.templated,
            variables: document.variables,
            composed: document.composed,
            dbt: None,
        }
    }
}

/// A source as it was read, not yet completed.
#[derive(Debug)]
pub(super) struct ReadSource {
    pub(super) config: SourceConfig,
    pub(super) warehouse: WarehouseConfig,
    pub(super) reading: Reading,
    /// A hash of everything beside the files that decides what is read from them.
    pub(super) settings: String,
    pub(super) fingerprint: String,
    /// Why what is remembered stands in for it: the outcome of the source.
    pub(super) failure: Option<String>,
}

impl ReadSource {
    pub(super) fn new(config: SourceConfig, warehouse: WarehouseConfig, reading: Reading, settings: String) -> Self {
        let loose_facts: Vec<&Fact> = reading.facts.iter().filter(|fact| !reading.files.contains_key(&fact.path)).collect();
        let loose_diagnostics: Vec<_> =
            reading.diagnostics.iter().filter(|(path, ..)| !reading.files.contains_key(path)).collect();
        let what = (ENGINE, &settings, &reading.files, loose_facts, loose_diagnostics, &reading.permalink);
        // A value that cannot be written is never equal to another: the source counts as changed.
        let json = serde_json::to_vec(&what).unwrap_or_else(|error| error.to_string().into_bytes());
        let fingerprint = format!("{:032x}", xxh3_128(&json));
        ReadSource { config, warehouse, reading, settings, fingerprint, failure: None }
    }

    /// A log, whose documents are shapes of queries; `fingerprint` changes with every entry.
    pub(super) fn of_log(config: SourceConfig, warehouse: WarehouseConfig, reading: Reading, fingerprint: String) -> Self {
        ReadSource { config, warehouse, reading, settings: String::new(), fingerprint, failure: None }
    }

    /// Whether this reading says anything that the run `last` did not.
    pub(super) fn differs_from(&self, last: &RunSource) -> bool {
        let commit = self.reading.commit.as_ref().map(|commit| &commit.id);
        let same_history = commit == last.commit.as_ref()
            || (self.reading.history_since.is_some()
                && self.reading.last_changes.keys().all(|path| !self.reading.files.contains_key(path)));
        last.name != self.config.name || last.fingerprint != self.fingerprint || !same_history
    }

    pub(super) fn run_source(&self, outcome: &str) -> RunSource {
        RunSource {
            name: self.config.name.clone(),
            location: self.config.place(),
            commit: self.reading.commit.as_ref().map(|commit| commit.id.clone()),
            commit_time: self.reading.commit.as_ref().map(|commit| commit.time),
            outcome: self.failure.clone().unwrap_or_else(|| outcome.to_owned()),
            permalink: self.reading.permalink.clone(),
            fingerprint: self.fingerprint.clone(),
        }
    }

    /// Puts back what was left out because it was known, and says what to remember of the rest.
    pub(super) fn complete(
        self,
        remembered: Vec<RememberedFile>,
        past: HashMap<String, FileHistory>,
    ) -> Result<(SourceInput, Vec<RememberedFile>), StoreError> {
        let run_source = self.run_source("read");
        let ReadSource { config, warehouse, mut reading, settings, .. } = self;
        let histories = histories(&reading, past);
        let (mut contents, loose) = sort_out(&mut reading);
        for document in reading.documents {
            let document = DocumentInput::new(document);
            contents.entry(file_of(&document.path).to_owned()).or_default().documents.push(document);
        }
        for project in std::mem::take(&mut reading.projects) {
            contents.entry(project.path.clone()).or_default().projects.push(project);
        }
        let remember = |(path, content): (&String, &FileContent)| {
            let key = reading.files.get(path).filter(|_| !reading.unchanged.contains(path))?;
            let content = serde_json::to_string(content).map_err(|error| StoreError::Damaged(error.to_string()));
            let key = format!("{settings}:{key}");
            Some(content.and_then(|content| RememberedFile::new(path.clone(), key, &content)))
        };
        let fresh: Vec<RememberedFile> = contents.par_iter().filter_map(remember).collect::<Result<_, _>>()?;
        let mut input = SourceInput {
            config,
            warehouse,
            run_source,
            documents: Vec::new(),
            facts: loose.0,
            diagnostics: loose.1,
            histories,
            files: reading.files,
            projects: Vec::new(),
            same: Vec::new(),
        };
        let unchanged = &reading.unchanged;
        contents.extend(recalled(remembered.into_iter().filter(|file| unchanged.contains(&file.path)).collect())?);
        for (path, content) in contents {
            input.documents.extend(content.documents);
            input.facts.extend(content.facts);
            input.projects.extend(content.projects);
            let placed = content.diagnostics.into_iter().map(|(line, diagnostic)| (path.clone(), line, diagnostic));
            input.diagnostics.extend(placed);
        }
        input.documents.sort_by(|one, other| one.path.cmp(&other.path));
        input.facts.sort_by(|one, other| (&one.path, one.line).cmp(&(&other.path, other.line)));
        input.projects.sort_by(|one, other| one.root.cmp(&other.root));
        input.diagnostics.sort();
        input.diagnostics.dedup();
        Ok((input, fresh))
    }
}

type Loose = (Vec<InputFact>, Vec<(String, u32, Diagnostic)>);

/// Facts and diagnostics by file, and those of files that are never remembered.
fn sort_out(reading: &mut Reading) -> (BTreeMap<String, FileContent>, Loose) {
    let mut contents: BTreeMap<String, FileContent> = BTreeMap::new();
    for path in reading.files.keys().filter(|path| !reading.unchanged.contains(*path)) {
        contents.insert(path.clone(), FileContent::default());
    }
    let mut loose = Loose::default();
    for fact in std::mem::take(&mut reading.facts) {
        match contents.get_mut(&fact.path) {
            Some(content) => content.facts.push(fact.into()),
            None if reading.files.contains_key(&fact.path) => {}
            None => loose.0.push(fact.into()),
        }
    }
    for (path, line, diagnostic) in std::mem::take(&mut reading.diagnostics) {
        match contents.get_mut(&path) {
            Some(content) => content.diagnostics.push((line, diagnostic)),
            None if reading.files.contains_key(&path) => {}
            None => loose.1.push((path, line, diagnostic)),
        }
    }
    (contents, loose)
}

fn recalled(files: Vec<RememberedFile>) -> Result<Vec<(String, FileContent)>, StoreError> {
    files
        .into_par_iter()
        .map(|file| {
            let content: FileContent =
                serde_json::from_str(&file.content()?).map_err(|error| StoreError::Damaged(error.to_string()))?;
            Ok((file.path, content))
        })
        .collect()
}

/// The past of every file: what was known, and what the reading adds.
fn histories(reading: &Reading, past: HashMap<String, FileHistory>) -> HashMap<String, FileHistory> {
    let mut histories = if reading.history_since.is_some() { past } else { HashMap::new() };
    histories.retain(|path, _| reading.files.contains_key(path));
    for (path, change) in &reading.last_changes {
        histories.entry(path.clone()).or_default().last_change = Some(change.clone());
    }
    for new in &reading.contributors {
        let known = &mut histories.entry(new.path.clone()).or_default().contributors;
        match known.iter_mut().find(|known| known.email == new.email && known.author == new.author) {
            Some(known) if reading.history_since.is_some() => {
                known.commits += new.commits;
                known.last = known.last.max(new.last);
            }
            _ => known.push(new.clone()),
        }
    }
    let order = |one: &Contributor, other: &Contributor| {
        (other.commits, other.last).cmp(&(one.commits, one.last)).then_with(|| one.author.cmp(&other.author))
    };
    for history in histories.values_mut() {
        history.contributors.sort_by(order);
    }
    histories
}

/// The key of a text under the settings that decide how it is parsed.
pub(super) fn script_key(document: &DocumentInput, settings: u64) -> String {
    if let Some(file) = &document.dbt {
        return file.key(document);
    }
    let mut what = format!("{ENGINE}\n{:x}\n{}", document.digest, document.dialect);
    if document.templated {
        what.push_str(&format!("\n{settings}\n{:?}", document.variables));
    }
    if let Some(composed) = &document.composed {
        what.push_str(&format!("\n{:?}", composed.lines));
    }
    format!("{:032x}", xxh3_128(what.as_bytes()))
}

/// A hash of what templates of this source know.
pub(super) fn template_settings(config: &SourceConfig) -> u64 {
    let json = serde_json::to_vec(&config.variables).unwrap_or_else(|error| error.to_string().into_bytes());
    xxh3_64(&json)
}
