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
    NoProgress, Request,
    compose::Composer,
    dashboards::{self, lookml::ImportedFile},
    files::{Entry, Files, Reader},
    format::Format,
    reading::combine_key,
    state,
};
use crate::{
    config::{Config, Limits, SourceConfig, host_of},
    model::{Composed, Diagnostic, Dialect, Document, DocumentRole, Fact, FactKind, Reading, RelationName, Subject, part_path},
};

/// Files that one thread reads with one handle.
const CHUNK: usize = 64;

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
    /// The whole configuration.
    pub(super) config: &'a Config,
    /// How the source is configured.
    pub(super) configured: &'a SourceConfig,
    /// What the source is called.
    pub(super) source: &'a str,
    /// The dialect of its SQL.
    pub(super) dialect: Dialect,
    /// Database and schema of partial names.
    pub(super) defaults: &'a (Option<String>, Option<String>),
    /// Bounds on broken input.
    pub(super) limits: &'a Limits,
}

/// What a tool's connection leads to.
#[derive(Clone, Debug)]
pub(super) struct Connection {
    /// The dialect of its SQL.
    pub(super) dialect: Dialect,
    /// The warehouse, where it is not the source's.
    warehouse: Option<String>,
    defaults: (Option<String>, Option<String>),
}

impl<'a> Setting<'a> {
    /// What is true of the source that `request` asks for.
    pub(super) fn of(request: &Request<'a>, dialect: Dialect, defaults: &'a (Option<String>, Option<String>)) -> Setting<'a> {
        let (config, configured) = (request.config, request.source);
        Setting { config, configured, source: &configured.name, dialect, defaults, limits: &config.limits }
    }

    /// The namespace of a tool's assets.
    pub(super) fn namespace(&self, tool: &str) -> String {
        let authority = |link: &str| Some(link.split_once("://")?.1.split('/').next()?.to_owned());
        let host = self.configured.link.as_deref().and_then(authority).map(|authority| host_of(&authority));
        format!("{tool}://{}", host.unwrap_or_else(|| self.source.to_owned()))
    }

    /// The tool's address without a slash at its end.
    pub(super) fn link(&self) -> Option<&str> {
        self.configured.link.as_deref().map(|link| link.trim_end_matches('/'))
    }

    /// A connection to what is asked in this dialect, whatever the source's is.
    pub(super) fn connect_in(&self, dialect: Dialect) -> Connection {
        Connection { dialect, warehouse: None, defaults: (None, None) }
    }

    /// What the connection called `name` leads to; `stated` is the dialect that the tool says it has.
    pub(super) fn connect(&self, name: &str, stated: Option<Dialect>) -> Connection {
        let called = self.configured.connections.get(name).map_or(name, String::as_str);
        if let Some(warehouse) = self.config.warehouse_called(called) {
            return Connection {
                dialect: warehouse.dialect,
                warehouse: Some(warehouse.name.clone()),
                defaults: (warehouse.database.clone(), warehouse.schema.clone()),
            };
        }
        let is_set = self.configured.warehouse.is_some() || self.configured.dialect.is_some();
        match stated.filter(|stated| !is_set && *stated != self.dialect) {
            Some(dialect) => {
                let warehouse = self.config.warehouse_of(self.configured, dialect);
                Connection { dialect, warehouse: Some(warehouse.name), defaults: (warehouse.database, warehouse.schema) }
            }
            None => Connection { dialect: self.dialect, warehouse: None, defaults: self.defaults.clone() },
        }
    }
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
    /// Adds a document whose names belong to the source's warehouse.
    pub(super) fn define(&mut self, definition: Definition<'_>, setting: &Setting<'_>) {
        let connection = Connection { dialect: setting.dialect, warehouse: None, defaults: setting.defaults.clone() };
        self.define_in(definition, &connection);
    }

    /// Adds a document whose names belong to what a connection leads to.
    pub(super) fn define_in(&mut self, definition: Definition<'_>, connection: &Connection) {
        let (text, composed) = definition.sql.finish();
        let (name, stand_ins, warehouse) = (definition.name, definition.stand_ins, connection.warehouse.clone());
        let composed = Composed { name, stand_ins, warehouse, ..composed };
        let templated = text.contains("{{") || text.contains("{%");
        self.documents.push(Document {
            path: part_path(definition.path, definition.part),
            blob: combine_key("", &[&text]),
            text,
            role: definition.role,
            target: Some(definition.target),
            defaults: connection.defaults.clone(),
            dialect: connection.dialect,
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
    request: &Request<'_>,
    files: &Files,
    candidates: &[&Entry],
    settings: &str,
    setting: &Setting<'_>,
    reading: &mut Reading,
) {
    let known = request.known;
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
        Gathered { request, files, format, candidates, setting }.read(reading, &bytes);
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

/// All files of one format.
struct Gathered<'a> {
    request: &'a Request<'a>,
    files: &'a Files,
    format: Format,
    candidates: Vec<Candidate<'a>>,
    setting: &'a Setting<'a>,
}

impl Gathered<'_> {
    /// Reads them, or leaves them out where none of them changed.
    fn read(self, reading: &mut Reading, bytes: &AtomicU64) {
        let (format, limits, known) = (self.format, self.setting.limits, self.request.known);
        let reader = self.files.place.reader();
        let imports = self.open_imports(&reader);
        let own = self.candidates.iter().flat_map(|it| [it.entry.path.as_str(), it.blob.as_str()]);
        let imported = imports.iter().flat_map(|import| [import.project.as_str(), import.digest.as_str()]);
        let parts: Vec<&str> = own.chain(imported).collect();
        let digest = combine_key(format.word(), &parts);
        let key = |candidate: &Candidate<'_>| format!("{}\n{} {digest}", candidate.own, format.word());
        let is_known = self.candidates.iter().all(|candidate| known.get(&candidate.entry.path) == Some(&key(candidate)));
        for candidate in &self.candidates {
            reading.files.insert(candidate.entry.path.clone(), key(candidate));
            if is_known {
                reading.unchanged.insert(candidate.entry.path.clone());
            }
        }
        if is_known {
            return;
        }
        let mut texts = Vec::with_capacity(self.candidates.len());
        for candidate in self.candidates {
            let path = candidate.entry.path.clone();
            match candidate.text.map_or_else(|| reader.read(candidate.entry, limits).map(|read| read.text), Ok) {
                Ok(text) => texts.push(DefinitionFile { path, text }),
                Err(why) => reading.diagnostics.push((path, 0, why)),
            }
        }
        bytes.fetch_add(texts.iter().map(|file| file.text.len() as u64).sum(), Ordering::Relaxed);
        let imported: Vec<ImportedFile> = imports.iter().flat_map(|import| import.read(limits)).collect();
        let definitions = format.read(&texts, &imported, self.setting);
        reading.documents.extend(definitions.documents);
        reading.facts.extend(definitions.facts);
        reading.diagnostics.extend(definitions.diagnostics);
    }

    /// The projects that a LookML manifest imports, where a configured source is called like them.
    fn open_imports(&self, reader: &Reader) -> Vec<Import> {
        let manifests =
            self.candidates.iter().filter(|it| self.format == Format::LookMl && it.entry.path.ends_with("manifest.lkml"));
        let texts = manifests.filter_map(|it| reader.read(it.entry, self.setting.limits).ok());
        let mut names: Vec<String> = texts.flat_map(|read| dashboards::lookml::imported_projects(&read.text)).collect();
        names.sort_unstable();
        names.dedup();
        names.into_iter().filter(|name| name != self.setting.source).filter_map(|name| self.open_import(name)).collect()
    }

    fn open_import(&self, project: String) -> Option<Import> {
        let config = self.request.config;
        let source = config.sources.iter().find(|source| source.name == project)?;
        let request = Request { source, at: self.request.at.clone(), history_since: None, ..*self.request };
        let mut files = state::open_state(&request, &NoProgress).ok()?.files;
        files.entries.retain(|entry| dashboards::lookml::is_lookml(&entry.path));
        let reader = files.place.reader();
        let blob = |entry: &Entry| entry.blob().or_else(|| reader.read(entry, self.setting.limits).ok().map(|read| read.blob));
        let parts: Vec<String> =
            files.entries.iter().flat_map(|entry| [entry.path.clone(), blob(entry).unwrap_or_default()]).collect();
        let digest = combine_key("", &parts.iter().map(String::as_str).collect::<Vec<_>>());
        Some(Import { project, files, digest })
    }
}

/// A project whose files another one uses.
struct Import {
    project: String,
    files: Files,
    digest: String,
}

impl Import {
    fn read(&self, limits: &Limits) -> Vec<ImportedFile> {
        let read = |entry: &Entry, reader: &Reader| {
            let file = DefinitionFile { path: entry.path.clone(), text: reader.read(entry, limits).ok()?.text };
            Some(ImportedFile { project: self.project.clone(), file })
        };
        let chunks = self.files.entries.par_chunks(CHUNK);
        chunks
            .flat_map_iter(|chunk| {
                let reader = self.files.place.reader();
                chunk.iter().filter_map(|entry| read(entry, &reader)).collect::<Vec<_>>()
            })
            .collect()
    }
}
