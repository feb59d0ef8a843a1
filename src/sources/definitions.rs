//! Definitions of dashboards and metrics, told by what stands in the files, whatever their layout.
//!
//! In: the files that the layout leaves to others. Out: composed documents and facts. The files of
//! one format are read together, because they refer to each other; when one of them changes, all are
//! read anew, and what did not change in them is analysed as before. Never interprets SQL.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering},
};

use rayon::prelude::*;

use super::{
    compose::Composer,
    files::{Entry, Files, Reader},
    metrics,
    reading::combine_key,
};
use crate::{
    config::Limits,
    model::{Composed, Diagnostic, Dialect, Document, DocumentRole, Fact, FactKind, Reading, RelationName, Subject, part_path},
};

/// Files that one thread reads with one handle.
const CHUNK: usize = 64;

/// A format of definitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Format {
    /// TOML with `[metrics.NAME]` and `[data_sources.NAME]`.
    MetricToml,
}

impl Format {
    const ALL: [Format; 1] = [Format::MetricToml];

    /// The word that keys are made with.
    fn word(self) -> &'static str {
        match self {
            Format::MetricToml => "metric-toml",
        }
    }

    /// Whether the name of a file alone says that it is of this format.
    fn is_certain(self, _path: &str) -> bool {
        match self {
            Format::MetricToml => false,
        }
    }

    /// The format that a file's text is of.
    fn of(path: &str, text: &str) -> Option<Format> {
        match ending(path) {
            "toml" if metrics::metric_toml::holds(text) => Some(Format::MetricToml),
            _ => None,
        }
    }

    fn read(self, files: &[DefinitionFile], setting: &Setting<'_>) -> Definitions {
        match self {
            Format::MetricToml => metrics::metric_toml::read_metrics(files, setting),
        }
    }
}

/// Whether a file of this name may hold definitions.
pub(super) fn may_define(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let is_machine_made =
        matches!(name, "Cargo.toml" | "pyproject.toml" | "package.json" | "package-lock.json" | "tsconfig.json");
    matches!(ending(path), "toml") && !is_machine_made
}

fn ending(path: &str) -> &str {
    path.rsplit_once('.').map_or("", |(_, ending)| ending)
}

/// A file of a format, read whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DefinitionFile {
    /// The path inside the source.
    pub(super) path: String,
    /// Its text.
    pub(super) text: String,
}

/// What is true of all definitions of a source.
#[derive(Clone, Debug)]
pub(super) struct Setting<'a> {
    /// What the source is called.
    pub(super) source: &'a str,
    /// The dialect of its SQL.
    pub(super) dialect: Dialect,
    /// Database and schema of partial names.
    pub(super) defaults: &'a (Option<String>, Option<String>),
    /// Bounds on broken input.
    pub(super) limits: &'a Limits,
}

/// What the files of one format define.
#[derive(Debug, Default)]
pub(super) struct Definitions {
    pub(super) documents: Vec<Document>,
    pub(super) facts: Vec<Fact>,
    /// (path, line, what).
    pub(super) diagnostics: Vec<(String, u32, Diagnostic)>,
}

/// One definition on its way: what it is, and the SQL that was composed of it.
#[derive(Debug)]
pub(super) struct Definition<'a> {
    /// The file.
    pub(super) path: &'a str,
    /// What it is called inside of the file.
    pub(super) part: &'a str,
    /// What it is.
    pub(super) role: DocumentRole,
    /// The asset that it defines.
    pub(super) target: RelationName,
    /// What the asset is called, where not by its key.
    pub(super) name: Option<String>,
    /// The SQL.
    pub(super) sql: Composer,
    /// Names in the SQL that stand for assets outside of the warehouse.
    pub(super) stand_ins: Vec<(String, RelationName)>,
}

impl Definitions {
    /// Adds a document.
    pub(super) fn define(&mut self, definition: Definition<'_>, setting: &Setting<'_>) {
        let (text, composed) = definition.sql.finish();
        let composed = Composed { name: definition.name, stand_ins: definition.stand_ins, ..composed };
        let templated = text.contains("{{") || text.contains("{%");
        self.documents.push(Document {
            path: part_path(definition.path, definition.part),
            blob: combine_key("", &[&text]),
            text,
            role: definition.role,
            target: Some(definition.target),
            defaults: setting.defaults.clone(),
            dialect: setting.dialect,
            templated,
            variables: Vec::new(),
            composed: Some(Box::new(composed)),
        });
    }

    /// Adds a fact.
    pub(super) fn say(&mut self, about: &RelationName, what: FactKind, path: &str, line: u32) {
        self.facts.push(Fact { about: Subject::Asset(about.clone()), what, path: path.to_owned(), line });
    }

    /// Adds a diagnostic.
    pub(super) fn note(&mut self, path: &str, line: u32, diagnostic: Diagnostic) {
        self.diagnostics.push((path.to_owned(), line, diagnostic));
    }
}

/// A file that may hold definitions, as far as it was looked at.
struct Candidate<'a> {
    entry: &'a Entry,
    /// Its key as a file that holds none.
    own: String,
    blob: String,
    text: Option<String>,
    format: Option<Format>,
}

/// Reads the definitions among `candidates` into `reading`; `settings` decide with a file's bytes what
/// is read from it.
pub(super) fn read_definitions(
    files: &Files,
    candidates: &[&Entry],
    settings: &str,
    known: &BTreeMap<String, String>,
    setting: &Setting<'_>,
    reading: &mut Reading,
) {
    let bytes = AtomicU64::new(0);
    let looked_at: Vec<Result<Candidate<'_>, (&Entry, Diagnostic)>> = candidates
        .par_chunks(CHUNK)
        .flat_map_iter(|chunk| {
            let reader = files.place.reader();
            let looked_at = chunk.iter().copied().map(|entry| {
                let candidate = look_at(entry, &reader, settings, known, setting.limits, &bytes);
                candidate.map_err(|why| (entry, why))
            });
            looked_at.collect::<Vec<_>>()
        })
        .collect();
    let mut of_format: BTreeMap<Format, Vec<Candidate<'_>>> = BTreeMap::new();
    for outcome in looked_at {
        match outcome {
            Ok(candidate) => match candidate.format {
                Some(format) => of_format.entry(format).or_default().push(candidate),
                None => {
                    let path = candidate.entry.path.clone();
                    if known.get(&path) == Some(&candidate.own) {
                        reading.unchanged.insert(path.clone());
                    }
                    reading.files.insert(path, candidate.own);
                }
            },
            Err((entry, why)) => {
                if Format::ALL.iter().any(|format| format.is_certain(&entry.path)) {
                    reading.files.insert(entry.path.clone(), format!("unread {}", entry.blob().unwrap_or_default()));
                    reading.diagnostics.push((entry.path.clone(), 0, why));
                }
            }
        }
    }
    for (format, candidates) in of_format {
        read_format(format, candidates, files, known, setting, reading, &bytes);
    }
    reading.bytes += bytes.into_inner();
}

fn look_at<'a>(
    entry: &'a Entry,
    reader: &Reader,
    settings: &str,
    known: &BTreeMap<String, String>,
    limits: &Limits,
    bytes: &AtomicU64,
) -> Result<Candidate<'a>, Diagnostic> {
    let (blob, text) = match entry.blob() {
        Some(blob) => (blob, None),
        None => {
            let read = reader.read(entry, limits)?;
            (read.blob, Some(read.text))
        }
    };
    let own = combine_key(settings, &[&blob]);
    let known = known.get(&entry.path);
    if known == Some(&own) {
        return Ok(Candidate { entry, own, blob, text, format: None });
    }
    let named = known.and_then(|known| known.strip_prefix(&own)?.strip_prefix('\n')?.split_once(' '));
    if let Some((word, _)) = named
        && let Some(format) = Format::ALL.into_iter().find(|format| format.word() == word)
    {
        return Ok(Candidate { entry, own, blob, text, format: Some(format) });
    }
    let text = match text {
        Some(text) => text,
        None => reader.read(entry, limits)?.text,
    };
    bytes.fetch_add(text.len() as u64, Ordering::Relaxed);
    let format = Format::of(&entry.path, &text);
    Ok(Candidate { entry, own, blob, text: format.is_some().then_some(text), format })
}

/// Reads all files of one format, or leaves them out where none of them changed.
fn read_format(
    format: Format,
    candidates: Vec<Candidate<'_>>,
    files: &Files,
    known: &BTreeMap<String, String>,
    setting: &Setting<'_>,
    reading: &mut Reading,
    bytes: &AtomicU64,
) {
    let parts: Vec<&str> = candidates.iter().flat_map(|it| [it.entry.path.as_str(), it.blob.as_str()]).collect();
    let digest = combine_key(format.word(), &parts);
    let key = |candidate: &Candidate<'_>| format!("{}\n{} {digest}", candidate.own, format.word());
    let is_known = candidates.iter().all(|candidate| known.get(&candidate.entry.path) == Some(&key(candidate)));
    for candidate in &candidates {
        reading.files.insert(candidate.entry.path.clone(), key(candidate));
        if is_known {
            reading.unchanged.insert(candidate.entry.path.clone());
        }
    }
    if is_known {
        return;
    }
    let reader = files.place.reader();
    let mut texts = Vec::with_capacity(candidates.len());
    for candidate in candidates {
        let path = candidate.entry.path.clone();
        match candidate.text.map_or_else(|| reader.read(candidate.entry, setting.limits).map(|read| read.text), Ok) {
            Ok(text) => texts.push(DefinitionFile { path, text }),
            Err(why) => reading.diagnostics.push((path, 0, why)),
        }
    }
    bytes.fetch_add(texts.iter().map(|file| file.text.len() as u64).sum(), Ordering::Relaxed);
    let definitions = format.read(&texts, setting);
    reading.documents.extend(definitions.documents);
    reading.facts.extend(definitions.facts);
    reading.diagnostics.extend(definitions.diagnostics);
}
