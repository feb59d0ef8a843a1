//! What dbt wrote down of its runs: columns of sources (`catalog.json`), how tests ended
//! (`run_results.json` with `manifest.json`), and how fresh sources were (`sources.json`).
//!
//! Read as a stream: what is not needed is skipped, never kept. Compiled SQL is not read: the project's
//! own files say the same, with their places.

use std::{
    collections::{BTreeMap, HashMap},
    io::{BufReader, Read},
    path::PathBuf,
};

use serde::Deserialize;
use xxhash_rust::xxh3::Xxh3;

use crate::{
    model::{DeclaredColumn, Diagnostic, Fact, FactKind, INVALID_METADATA, LIMIT_EXCEEDED, Span, Subject},
    sources::files::{Bytes, Entry, Files, Place},
};

/// Largest artifact that is read, in bytes.
const MAX_BYTES: u64 = 512 << 20;
/// The newest version of `manifest.json` that is known.
const NEWEST_MANIFEST: u32 = 12;
/// The names of artifacts.
const NAMES: [&str; 4] = ["catalog.json", "manifest.json", "run_results.json", "sources.json"];

/// An artifact that is there.
pub(super) struct Artifact {
    pub(super) path: String,
    bytes: Bytes,
}

/// What the artifacts say.
#[derive(Default)]
pub(super) struct Artifacts {
    /// Columns by dbt's id, with the artifact's path.
    columns: BTreeMap<String, (String, Vec<DeclaredColumn>)>,
    /// Tests by their id.
    tests: HashMap<String, Test>,
    /// Status of tests by their id.
    statuses: BTreeMap<String, (String, String)>,
    /// Freshness of sources by their id: status, newest row.
    fresh: BTreeMap<String, (String, String)>,
    pub(super) diagnostics: Vec<(String, u32, Diagnostic)>,
}

struct Test {
    /// The id of what is tested.
    about: String,
    name: String,
    column: String,
}

/// The artifacts of the project in `root`: in `target/`, listed or not, else anywhere in the project.
pub(super) fn find_artifacts(root: &str, files: &Files) -> Vec<Artifact> {
    let mut found = Vec::new();
    for name in NAMES {
        let built = format!("{root}target/{name}");
        if let Place::Disk(folder) = &files.place
            && files.find(&built).is_none()
        {
            let path: PathBuf = folder.join(&built);
            if let Ok(about) = std::fs::symlink_metadata(&path)
                && about.is_file()
            {
                found.push(Artifact { path: built, bytes: Bytes::Disk(path, about.len()) });
                continue;
            }
        }
        let is_named = |entry: &&Entry| entry.path.rsplit('/').next() == Some(name) && entry.path.starts_with(root);
        let listed = files.entries.iter().filter(is_named).min_by_key(|entry| (entry.path.matches('/').count(), &entry.path));
        if let Some(entry) = files.find(&built).or(listed) {
            found.push(Artifact { path: entry.path.clone(), bytes: entry.bytes.clone() });
        }
    }
    found
}

impl Artifact {
    /// A key of its bytes.
    pub(super) fn key(&self) -> String {
        match &self.bytes {
            Bytes::Blob(id) => id.to_string(),
            Bytes::Packed(bytes) => format!("{:032x}", xxhash_rust::xxh3::xxh3_128(bytes)),
            Bytes::Disk(path, _) => {
                let mut hash = Xxh3::new();
                let mut part = vec![0u8; 1 << 16];
                if let Ok(mut file) = std::fs::File::open(path) {
                    while let Ok(length) = file.read(&mut part) {
                        if length == 0 {
                            break;
                        }
                        hash.update(part.get(..length).unwrap_or_default());
                    }
                }
                format!("{:032x}", hash.digest128())
            }
        }
    }
}

#[derive(Deserialize)]
struct Catalog {
    #[serde(default)]
    nodes: BTreeMap<String, Table>,
    #[serde(default)]
    sources: BTreeMap<String, Table>,
}

#[derive(Deserialize)]
struct Table {
    #[serde(default)]
    columns: BTreeMap<String, Column>,
}

#[derive(Deserialize)]
struct Column {
    #[serde(rename = "type")]
    data_type: Option<String>,
    index: Option<i64>,
    comment: Option<String>,
}

#[derive(Deserialize)]
struct Manifest {
    #[serde(default)]
    metadata: Metadata,
    #[serde(default)]
    nodes: BTreeMap<String, Node>,
}

#[derive(Default, Deserialize)]
struct Metadata {
    #[serde(default)]
    dbt_schema_version: Option<String>,
}

#[derive(Deserialize)]
struct Node {
    #[serde(default)]
    resource_type: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    column_name: Option<String>,
    #[serde(default)]
    attached_node: Option<String>,
    #[serde(default)]
    test_metadata: Option<TestMetadata>,
    #[serde(default)]
    depends_on: Option<DependsOn>,
}

#[derive(Deserialize)]
struct TestMetadata {
    #[serde(default)]
    name: Option<String>,
}

#[derive(Deserialize)]
struct DependsOn {
    #[serde(default)]
    nodes: Vec<String>,
}

#[derive(Deserialize)]
struct Results {
    #[serde(default)]
    results: Vec<Outcome>,
}

#[derive(Deserialize)]
struct Outcome {
    unique_id: Option<String>,
    status: Option<serde_json::Value>,
    #[serde(default)]
    max_loaded_at: Option<String>,
}

impl Artifacts {
    /// Reads every artifact; what cannot be read is a diagnostic.
    pub(super) fn read(found: &[Artifact], files: &Files) -> Artifacts {
        let mut artifacts = Artifacts::default();
        for artifact in found {
            let read = match artifact.path.rsplit('/').next() {
                Some("catalog.json") => parse(artifact, files).map(|catalog| artifacts.take_catalog(catalog, &artifact.path)),
                Some("manifest.json") => parse(artifact, files).map(|manifest| artifacts.take_manifest(manifest, &artifact.path)),
                Some("run_results.json") => parse(artifact, files).map(|results| artifacts.take_results(results, &artifact.path)),
                _ => parse(artifact, files).map(|results| artifacts.take_freshness(results)),
            };
            if let Err((line, diagnostic)) = read {
                artifacts.diagnostics.push((artifact.path.clone(), line, diagnostic));
            }
        }
        artifacts
    }

    fn take_catalog(&mut self, catalog: Catalog, path: &str) {
        // Of what the project builds its SQL says the columns, and says it newer.
        let built = catalog.nodes.into_iter().filter(|(id, _)| id.starts_with("seed."));
        for (id, table) in catalog.sources.into_iter().chain(built) {
            let mut columns: Vec<(i64, DeclaredColumn)> = table
                .columns
                .into_iter()
                .map(|(name, column)| {
                    let data_type = column.data_type.unwrap_or_default();
                    let description = column.comment.filter(|comment| !comment.is_empty());
                    (column.index.unwrap_or(i64::MAX), DeclaredColumn { name, data_type, description })
                })
                .collect();
            columns.sort_by(|one, other| (one.0, &one.1.name).cmp(&(other.0, &other.1.name)));
            if !columns.is_empty() {
                self.columns.insert(id, (path.to_owned(), columns.into_iter().map(|(_, column)| column).collect()));
            }
        }
    }

    fn take_manifest(&mut self, manifest: Manifest, path: &str) {
        self.check_version(&manifest.metadata.dbt_schema_version.unwrap_or_default(), path);
        for (id, node) in manifest.nodes.into_iter().filter(|(_, node)| node.resource_type.as_deref() == Some("test")) {
            let about = node.attached_node.or_else(|| node.depends_on.and_then(|on| on.nodes.into_iter().next()));
            let name = node.test_metadata.and_then(|test| test.name).or(node.name);
            if let (Some(about), Some(name)) = (about, name) {
                self.know_test(&id, &about, &name, &node.column_name.unwrap_or_default());
            }
        }
    }

    /// What the test of this id tests: a node's id and a column, "" for the whole.
    pub(super) fn know_test(&mut self, id: &str, about: &str, name: &str, column: &str) {
        let test = Test { about: about.to_owned(), name: name.to_owned(), column: column.to_owned() };
        self.tests.insert(id.to_owned(), test);
    }

    /// Remarks on a manifest of a version that is not known.
    pub(super) fn check_version(&mut self, version: &str, path: &str) {
        let number = version.rsplit_once("/v").and_then(|(_, rest)| rest.trim_end_matches(".json").parse::<u32>().ok());
        if !number.is_some_and(|number| (1..=NEWEST_MANIFEST).contains(&number)) {
            let message =
                format!("the manifest says that it is `{version}`, which is not known; it is read as far as it is alike");
            self.diagnostics.push((path.to_owned(), 1, Diagnostic::new(&INVALID_METADATA, message, Span::default())));
        }
    }

    fn take_results(&mut self, results: Results, path: &str) {
        for outcome in results.results {
            // Before version 4 a test's status is how many rows failed, or a word.
            let status = match outcome.status {
                Some(serde_json::Value::String(word)) => word.to_ascii_lowercase(),
                Some(serde_json::Value::Number(number)) if number.as_i64() == Some(0) => "pass".to_owned(),
                Some(serde_json::Value::Number(_)) => "fail".to_owned(),
                _ => continue,
            };
            if let Some(id) = outcome.unique_id.filter(|id| id.starts_with("test.")) {
                self.statuses.insert(id, (status, path.to_owned()));
            }
        }
    }

    fn take_freshness(&mut self, results: Results) {
        for outcome in results.results {
            let status = outcome.status.as_ref().and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
            if let Some(id) = outcome.unique_id {
                self.fresh.insert(id, (status, outcome.max_loaded_at.unwrap_or_default()));
            }
        }
    }

    /// Puts what the artifacts say into `facts`: columns instead of those of property files, and how the
    /// last run ended.
    pub(super) fn complete(self, facts: &mut Vec<Fact>) {
        facts.retain(|fact| match (&fact.about, &fact.what) {
            (Subject::Node(id), FactKind::Columns { whole: true, .. }) => !self.columns.contains_key(id),
            _ => true,
        });
        for (id, (path, columns)) in self.columns {
            facts.push(Fact { about: Subject::Node(id), what: FactKind::Columns { columns, whole: true }, path, line: 0 });
        }
        let mut ended: HashMap<(&str, &str, String), &str> = HashMap::new();
        for (id, (status, _)) in &self.statuses {
            if let Some(test) = self.tests.get(id) {
                ended.insert((&test.about, &test.name, test.column.to_lowercase()), status);
            }
        }
        for fact in facts.iter_mut() {
            let Subject::Node(id) = &fact.about else { continue };
            match &mut fact.what {
                FactKind::Check { name, column, status, .. } => {
                    let bare = name.rsplit('.').next().unwrap_or(name);
                    if let Some(word) = ended.get(&(id.as_str(), bare, column.to_lowercase())) {
                        *status = (*word).to_owned();
                    }
                }
                FactKind::Freshness { status, newest, .. } => {
                    if let Some((word, at)) = self.fresh.get(id) {
                        status.clone_from(word);
                        newest.clone_from(at);
                    }
                }
                _ => {}
            }
        }
    }
}

pub(super) fn parse<T: for<'de> Deserialize<'de>>(artifact: &Artifact, files: &Files) -> Result<T, (u32, Diagnostic)> {
    let invalid = |error: serde_json::Error| {
        let line = u32::try_from(error.line()).unwrap_or(u32::MAX);
        (line, Diagnostic::new(&INVALID_METADATA, format!("the artifact cannot be read: {error}"), Span::default()))
    };
    let refuse = |why: String| (0, Diagnostic::new(&LIMIT_EXCEEDED, why, Span::default()));
    match &artifact.bytes {
        Bytes::Disk(path, length) => {
            if *length > MAX_BYTES {
                return Err(refuse(format!("the artifact has {length} bytes, more than the {MAX_BYTES} allowed")));
            }
            let file = std::fs::File::open(path).map_err(|error| refuse(format!("the artifact cannot be read: {error}")))?;
            serde_json::from_reader(BufReader::with_capacity(1 << 16, file.take(MAX_BYTES))).map_err(invalid)
        }
        Bytes::Blob(_) | Bytes::Packed(_) => {
            let entry = Entry { path: artifact.path.clone(), bytes: artifact.bytes.clone() };
            let bytes = files.place.reader().read_bytes(&entry, MAX_BYTES).map_err(|diagnostic| (0, diagnostic))?;
            serde_json::from_slice(&bytes).map_err(invalid)
        }
    }
}
