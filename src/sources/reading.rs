//! Turns the files of one state into a reading: documents, facts and diagnostics, in parallel.

use std::{
    collections::HashMap,
    sync::{
        Arc, LazyLock, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use rayon::prelude::*;
use regex::Regex;
use xxhash_rust::xxh3::Xxh3;

use super::{
    Progress, Request, Step,
    archive::is_archive,
    dashboards::evidence,
    dbt,
    decisions::{may_decide, read_decisions},
    definitions::{Setting, read_definitions},
    files::{Entry, Files, Reader},
    folder_dialects::FolderDialects,
    format::may_define,
    governance::{may_govern, read_governance},
    guess::choose_dialect,
    layout::{Classifier, FileKind, SqlFile},
    metadata::read_metadata,
    schema::{Library, read_schema},
    sqlmesh::{self, SqlmeshFile},
    yaml::{Node, YamlError, read_yaml},
};
use crate::{
    config::{Layout, Limits, Pattern},
    model::{
        Composed, Diagnostic, Dialect, Document, FILES_LEFT_OUT, Fact, FactKind, INVALID_METADATA, LIMIT_EXCEEDED, LineIndex,
        Reading, RelationName, Span, Subject,
    },
};

/// Changes whenever the same bytes would be read differently, so that everything is read again.
const READER_VERSION: &str = "12";
/// Stands for the blob of an included file that is not there.
const ABSENT: &str = "absent";
/// Files that one thread reads with one handle.
const CHUNK: usize = 64;

/// Reads the documents and facts of `files` into `reading`.
pub(super) fn read_files(request: &Request<'_>, files: &Files, progress: &dyn Progress, reading: &mut Reading) {
    let paths = files.entries.iter().map(|entry| entry.path.as_str());
    let source = request.source;
    let targets = source.target.iter().filter_map(|target| Pattern::of_paths(target).ok()).collect();
    let classifier = Classifier::detect(paths.clone(), source.layout, targets);
    let (include, exclude) = (compile_globs(&source.include), compile_globs(&source.exclude));
    let wanted = |path: &str| (source.include.is_empty() || include.is_match(path)) && !exclude.is_match(path);
    let found = match classifier.layout {
        Layout::Dbt => dbt::read_projects(request, files, &wanted, &|dialect| describe_settings(request, Layout::Dbt, dialect)),
        Layout::Plain => {
            dbt::read_manifests(request, files, &wanted, &|dialect| describe_settings(request, Layout::Plain, dialect))
        }
        Layout::BigqueryEtl => None,
    };
    let in_project = |path: &str| found.as_ref().is_some_and(|found| found.holds(path));
    let pages = evidence::find_roots(paths);
    let chosen: Vec<(&Entry, FileKind)> = files
        .entries
        .iter()
        .filter(|entry| wanted(&entry.path) && !in_project(&entry.path) && !evidence::is_part(&entry.path, &pages))
        .filter_map(|entry| Some((entry, classifier.classify(&entry.path)?)))
        .collect();
    let is_left_over = |entry: &&Entry| {
        let path = &entry.path;
        let is_other = classifier.classify(path).is_none() && may_define(path) && !may_decide(path) && !may_govern(path);
        // Beside a project's own files there may stand what other tools read.
        let is_read = found.as_ref().is_some_and(|found| found.reads(path));
        wanted(path) && !is_read && (is_other || evidence::is_part(path, &pages))
    };
    let candidates: Vec<&Entry> = files.entries.iter().filter(is_left_over).collect();
    let is_set = source.dialect.is_some() || source.warehouse.is_some();
    let by_folder = match classifier.layout {
        Layout::Plain if !is_set => FolderDialects::find(sql_files(&chosen).map(|entry| entry.path.as_str())),
        _ => FolderDialects::default(),
    };
    let (dialect, dialect_note) = match &found {
        Some(found) => found.dialect.clone(),
        None => choose_dialect(request.config, source, &classifier, files, &chosen, &candidates, &by_folder),
    };
    reading.dialect = dialect;
    reading.notes = [Some(classifier.note.clone()), Some(dialect_note), by_folder.sentence()].into_iter().flatten().collect();
    for (path, diagnostic) in &files.diagnostics {
        if classifier.classify(path).is_some() || is_archive(path) || !path.contains('.') {
            reading.diagnostics.push((path.clone(), 0, diagnostic.clone()));
        }
    }
    let left_out =
        files.entries.iter().map(|entry| entry.path.as_str()).filter(|path| wanted(path) && classifier.leaves_out(path));
    reading.diagnostics.extend(describe_left_out(&classifier, left_out.collect()));
    let context = Context::new(request, files, &classifier, dialect, by_folder);
    let (done, total) = (AtomicU64::new(0), chosen.len() as u64);
    progress.report(Step::Files, 0, total);
    let outcomes: Vec<Outcome> = chosen
        .par_chunks(CHUNK)
        .flat_map_iter(|chunk| {
            let reader = files.place.reader();
            let outcomes: Vec<Outcome> = chunk.iter().map(|(entry, kind)| context.read_file(&reader, entry, kind)).collect();
            let before = done.fetch_add(chunk.len() as u64, Ordering::Relaxed);
            progress.report(Step::Files, before + chunk.len() as u64, total);
            outcomes
        })
        .collect();
    for outcome in outcomes {
        outcome.add_to(reading);
    }
    let setting = Setting::of(request, dialect, &context.defaults);
    read_definitions(request, files, &candidates, &context.settings, &setting, reading);
    read_decisions(request, files, &wanted, &context.settings, reading);
    read_governance(request, files, &wanted, &context.settings, reading);
    if let Some(found) = found {
        add_projects(found, reading);
    }
}

/// The files that are `wanted`, with their texts: few, so that none is ever skipped as known. `settings` decide
/// with a file's bytes what is read from it.
pub(super) fn read_whole(
    request: &Request<'_>,
    files: &Files,
    wanted: &dyn Fn(&str) -> bool,
    settings: [&str; 2],
    reading: &mut Reading,
) -> Vec<(String, String)> {
    let reader = files.place.reader();
    let mut read = Vec::new();
    for entry in files.entries.iter().filter(|entry| wanted(&entry.path)) {
        match reader.read(entry, &request.config.limits) {
            Ok(text) => {
                reading.files.insert(entry.path.clone(), combine_key(settings[0], &[settings[1], &text.blob]));
                reading.bytes += text.text.len() as u64;
                read.push((entry.path.clone(), text.text));
            }
            Err(diagnostic) => reading.diagnostics.push((entry.path.clone(), 0, diagnostic)),
        }
    }
    read
}

fn add_projects(found: dbt::Found, reading: &mut Reading) {
    reading.bytes += found.bytes;
    reading.projects = found.projects;
    reading.documents.extend(found.documents);
    reading.facts.extend(found.facts);
    reading.diagnostics.extend(found.diagnostics);
    reading.files.extend(found.files);
    reading.unchanged.extend(found.unchanged);
    reading.documents.sort_by(|left, right| left.path.cmp(&right.path));
}

/// The files that hold SQL.
pub(super) fn sql_files<'a>(chosen: &'a [(&'a Entry, FileKind)]) -> impl Iterator<Item = &'a Entry> {
    chosen.iter().filter(|(_, kind)| matches!(kind, FileKind::Sql(_))).map(|(entry, _)| *entry)
}

/// Paths that are named when files are left out.
const NAMED: usize = 3;

/// One diagnostic, at the layout's folder, for all SQL files that the layout leaves out.
fn describe_left_out(classifier: &Classifier, mut paths: Vec<&str>) -> Option<(String, u32, Diagnostic)> {
    paths.sort_unstable();
    let first = paths.first()?;
    let mut folders: Vec<&str> = paths.iter().map(|path| path.split('/').next().unwrap_or(first)).collect();
    folders.dedup();
    let more = if folders.len() > NAMED { ", …" } else { "" };
    let named = folders.iter().take(NAMED).map(|folder| format!("`{folder}`")).collect::<Vec<_>>().join(", ");
    let message = format!(
        "{} SQL files outside of `{}` are not read, because they look like templates, tests or parts of programs: in {named}{more}",
        paths.len(),
        classifier.folder()
    );
    Some((classifier.folder(), 0, Diagnostic::new(&FILES_LEFT_OUT, message, Span::default())))
}

/// A key of `parts` under the settings of a source.
pub(super) fn combine_key(settings: &str, parts: &[&str]) -> String {
    let mut hash = Xxh3::new();
    hash.update(settings.as_bytes());
    for part in parts {
        hash.update(b"\0");
        hash.update(part.as_bytes());
    }
    format!("{:032x}", hash.digest128())
}

/// What decides, beside a file's bytes, how it is read.
pub(super) fn describe_settings(request: &Request<'_>, layout: Layout, dialect: Dialect) -> String {
    let (source, config) = (request.source, request.config);
    let described = format!("{READER_VERSION} {layout:?} {dialect} {source:?} {:?} {:?}", config.warehouses, config.limits);
    combine_key(&described, &[])
}

/// What came of one file.
struct Outcome {
    path: String,
    key: String,
    unchanged: bool,
    documents: Vec<Document>,
    facts: Vec<Fact>,
    diagnostics: Vec<(u32, Diagnostic)>,
    bytes: u64,
}

impl Outcome {
    fn add_to(self, reading: &mut Reading) {
        reading.bytes += self.bytes;
        reading.documents.extend(self.documents);
        reading.facts.extend(self.facts);
        let path = &self.path;
        reading.diagnostics.extend(self.diagnostics.into_iter().map(|(line, diagnostic)| (path.clone(), line, diagnostic)));
        if self.unchanged {
            reading.unchanged.insert(self.path.clone());
        }
        reading.files.insert(self.path, self.key);
    }
}

struct Context<'a> {
    request: &'a Request<'a>,
    files: &'a Files,
    classifier: &'a Classifier,
    dialect: Dialect,
    by_folder: FolderDialects,
    settings: String,
    defaults: (Option<String>, Option<String>),
    /// YAML files that schemas included, so that each is read once.
    included: Mutex<HashMap<String, Option<Included>>>,
}

impl<'a> Context<'a> {
    fn new(
        request: &'a Request<'a>,
        files: &'a Files,
        classifier: &'a Classifier,
        dialect: Dialect,
        by_folder: FolderDialects,
    ) -> Context<'a> {
        let warehouse = request.config.warehouse_of(request.source, dialect);
        let settings = describe_settings(request, classifier.layout, dialect);
        let settings = match by_folder.sentence() {
            Some(sentence) => combine_key(&settings, &[&sentence]),
            None => settings,
        };
        let defaults = (warehouse.database, warehouse.schema);
        Context { request, files, classifier, dialect, by_folder, settings, defaults, included: Mutex::default() }
    }

    fn limits(&self) -> &Limits {
        &self.request.config.limits
    }

    fn is_known(&self, path: &str, key: &str) -> bool {
        self.request.known.get(path).is_some_and(|known| known == key)
    }

    fn read_file(&self, reader: &Reader, entry: &Entry, kind: &FileKind) -> Outcome {
        let path = &entry.path;
        let mut outcome = Outcome {
            path: path.clone(),
            key: String::new(),
            unchanged: false,
            documents: Vec::new(),
            facts: Vec::new(),
            diagnostics: Vec::new(),
            bytes: 0,
        };
        if let Some(blob) = entry.blob() {
            outcome.key = combine_key(&self.settings, &[&blob]);
            outcome.unchanged = self.is_known(path, &outcome.key);
            if !outcome.unchanged
                && let Some(key) = self.find_included_key(path, &outcome.key)
            {
                outcome.key = key;
                outcome.unchanged = true;
            }
            if outcome.unchanged {
                return outcome;
            }
        }
        let text = match reader.read(entry, self.limits()) {
            Ok(text) => text,
            Err(diagnostic) => {
                outcome.key = format!("unread {}", entry.blob().unwrap_or_default());
                outcome.diagnostics.push((0, diagnostic));
                return outcome;
            }
        };
        outcome.key = combine_key(&self.settings, &[&text.blob]);
        outcome.unchanged = self.is_known(path, &outcome.key);
        if outcome.unchanged {
            return outcome;
        }
        outcome.bytes = text.text.len() as u64;
        let lossy = text.diagnostic.map(|diagnostic| (LineIndex::new(&text.text).line(diagnostic.span.start), diagnostic));
        outcome.diagnostics.extend(lossy);
        match kind {
            FileKind::Sql(file) => {
                outcome.facts.extend(find_generator(&text.text, path));
                match sqlmesh::read_file(&text.text, path, file, &Setting::of(self.request, self.dialect, &self.defaults)) {
                    Some(read) => self.take_sqlmesh(read, text.blob, &mut outcome),
                    None => outcome.documents.push(self.make_document(file, path, text.text, text.blob)),
                }
            }
            FileKind::Metadata(relation) => match read_yaml(&text.text, self.limits()) {
                Ok(root) => outcome.facts = root.map(|root| read_metadata(&root, relation, path)).unwrap_or_default(),
                Err(error) => outcome.diagnostics.push(explain_yaml(&error, &text.text)),
            },
            FileKind::Schema(relation) => match read_yaml(&text.text, self.limits()) {
                Ok(Some(root)) => self.take_schema(reader, &root, relation, &text.blob, &mut outcome),
                Ok(None) => {}
                Err(error) => outcome.diagnostics.push(explain_yaml(&error, &text.text)),
            },
        }
        outcome
    }

    /// The known key of a file that includes others, where it begins with `own` and every file that
    /// it names is as it was; found without reading any of them.
    fn find_included_key(&self, path: &str, own: &str) -> Option<String> {
        let known = self.request.known.get(path)?;
        let mut lines = known.strip_prefix(own)?.strip_prefix('\n')?.split('\n');
        while let Some(included) = lines.next() {
            let now = self.files.find(included).map_or_else(|| Some(ABSENT.to_owned()), Entry::blob)?;
            if lines.next()? != now {
                return None;
            }
        }
        Some(known.to_owned())
    }

    fn make_document(&self, file: &SqlFile, path: &str, text: String, blob: String) -> Document {
        let own = self.by_folder.of(path).filter(|own| *own != self.dialect);
        let warehouse = own.map(|dialect| self.request.config.warehouse_of(self.request.source, dialect));
        let (database, schema) = match &warehouse {
            Some(warehouse) => (&warehouse.database, &warehouse.schema),
            None => (&self.defaults.0, &self.defaults.1),
        };
        let target = file.target.as_ref().map(|target| target.completed(database.as_deref(), schema.as_deref()));
        let defaults = (file.defaults.0.clone().or_else(|| database.clone()), file.defaults.1.clone().or_else(|| schema.clone()));
        let templated = looks_templated(&text);
        let variables = if templated { file.variables.clone() } else { Vec::new() };
        let composed = warehouse.map(|warehouse| Box::new(Composed { warehouse: Some(warehouse.name), ..Composed::default() }));
        Document {
            path: path.to_owned(),
            blob,
            text,
            role: file.role,
            target,
            defaults,
            dialect: own.unwrap_or(self.dialect),
            templated,
            variables,
            composed,
        }
    }

    /// The metrics of a file of SQLMesh's, and the rest of its SQL where there is any.
    fn take_sqlmesh(&self, read: SqlmeshFile, blob: String, outcome: &mut Outcome) {
        let SqlmeshFile { text, file, dialect, definitions } = read;
        if !text.trim().is_empty() {
            let document = self.make_document(&file, &outcome.path, text, blob);
            outcome.documents.push(Document { dialect: dialect.unwrap_or(document.dialect), ..document });
        }
        outcome.documents.extend(definitions.documents);
        outcome.facts.extend(definitions.facts);
        outcome.diagnostics.extend(definitions.diagnostics.into_iter().map(|(_, line, what)| (line, what)));
    }

    fn take_schema(&self, reader: &Reader, root: &Node, relation: &RelationName, blob: &str, outcome: &mut Outcome) {
        let library = FileLibrary { context: self, reader };
        let schema = read_schema(root, &library);
        if !schema.included.is_empty() {
            let mut key = combine_key(&self.settings, &[blob]);
            for path in &schema.included {
                let blob = library.read(path).map_or_else(|| ABSENT.to_owned(), |(_, blob)| blob);
                key.push_str(&format!("\n{path}\n{blob}"));
            }
            outcome.key = key;
            outcome.unchanged = self.is_known(&outcome.path, &outcome.key);
            if outcome.unchanged {
                return;
            }
        }
        let path = outcome.path.clone();
        match schema.columns {
            Some(columns) if columns.is_empty() => {}
            Some(columns) => {
                let about = Subject::Asset(relation.clone());
                outcome.facts.push(Fact { about, what: FactKind::Columns { columns, whole: true }, path, line: schema.line });
            }
            None => {
                let wanted: Vec<&str> = schema.missing.iter().map(|(_, wanted)| wanted.as_str()).collect();
                let why = if wanted.is_empty() {
                    "the list of fields is too long or is no list".to_owned()
                } else {
                    format!("the fields cannot be known whole: it includes {}, which is not in the source", wanted.join(", "))
                };
                let line = schema.missing.first().map_or(schema.line, |(line, _)| *line);
                outcome.diagnostics.push((line, Diagnostic::new(&INVALID_METADATA, why, Span::default())));
            }
        }
    }
}

/// A YAML file that schemas include, and its blob id.
type Included = (Arc<Node>, String);

/// Opens the YAML files that a schema includes.
struct FileLibrary<'a> {
    context: &'a Context<'a>,
    reader: &'a Reader,
}

impl FileLibrary<'_> {
    fn read(&self, path: &str) -> Option<Included> {
        let included = || self.context.included.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = included().get(path) {
            return found.clone();
        }
        let load = || {
            let entry = self.context.files.find(path)?;
            let text = self.reader.read(entry, self.context.limits()).ok()?;
            let root = read_yaml(&text.text, self.context.limits()).ok()??;
            Some((root, text.blob))
        };
        let found = load();
        included().insert(path.to_owned(), found.clone());
        found
    }
}

impl Library for FileLibrary<'_> {
    fn open(&self, path: &str) -> Option<Arc<Node>> {
        self.read(path).map(|(root, _)| root)
    }

    fn schema_path(&self, table: &str) -> String {
        self.context.classifier.schema_path(table)
    }
}

/// Globs as people write them: without a slash at any depth, and a folder's name for all in it.
fn compile_globs(patterns: &[String]) -> GlobSet {
    let mut builder = GlobSetBuilder::new();
    for pattern in patterns {
        let trimmed = pattern.trim_end_matches('/');
        let rooted = match trimmed.strip_prefix('/').or_else(|| trimmed.strip_prefix("./")) {
            Some(rooted) => rooted.to_owned(),
            None if trimmed.contains('/') => trimmed.to_owned(),
            None => format!("**/{trimmed}"),
        };
        for glob in [rooted.clone(), format!("{rooted}/**")] {
            if let Ok(glob) = GlobBuilder::new(&glob).literal_separator(true).build() {
                builder.add(glob);
            }
        }
    }
    builder.build().unwrap_or_else(|_| GlobSet::empty())
}

/// The same cheap test as the template room's: `{{`, `{%` or `{#`.
fn looks_templated(text: &str) -> bool {
    let bytes = text.as_bytes();
    memchr::memchr_iter(b'{', bytes).any(|at| matches!(bytes.get(at + 1), Some(b'{' | b'%' | b'#')))
}

/// A diagnostic for YAML that cannot be read, and its 1-based line.
pub(super) fn explain_yaml(error: &YamlError, text: &str) -> (u32, Diagnostic) {
    let index = LineIndex::new(text);
    let span = Span { start: index.start(error.line), end: index.start(error.line + 1) };
    let code = if error.limit { &LIMIT_EXCEEDED } else { &INVALID_METADATA };
    (error.line, Diagnostic::new(code, format!("the YAML cannot be read: {}", error.message), span))
}

/// Lines from the top in which a generator may name itself.
const HEADER_LINES: usize = 20;

/// A comment like `-- Generated via ./bqetl generate stable_views` at the top of a file.
pub(super) fn find_generator(text: &str, path: &str) -> Option<Fact> {
    static SAYS: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r"(?i)^\s*(?:--|/\*|\*|#|//).*(?:\bgenerated\s+(?:via|by|from|with|using)\b|@generated\b)[:\s]*(.*)$").ok()
    });
    let says = SAYS.as_ref()?;
    let mut lines = text.lines().enumerate().take(HEADER_LINES);
    while let Some((number, line)) = lines.next() {
        let Some(found) = says.captures(line) else { continue };
        let tidy = |text: &str| {
            let text = text.trim().trim_end_matches("*/").trim_end().trim_end_matches('.');
            text.replace('`', "").trim().to_owned()
        };
        let mut by = tidy(found.get(1).map_or("", |rest| rest.as_str()));
        if by.is_empty() {
            by = lines.next().map(|(_, next)| tidy(next.trim_start_matches(['-', '*', '#', '/', ' ']))).unwrap_or_default();
        }
        let what = FactKind::Generated { by };
        return Some(Fact { about: Subject::Document(path.to_owned()), what, path: path.to_owned(), line: number as u32 + 1 });
    }
    None
}
