//! What a crawl hands in: the whole catalog as it is to stand in a run, and new analyses.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{InferredColumns, RunSource, StoreError, pack};
use crate::model::{
    Analysis, AssetKey, AssetKind, AssetRole, Change, ColumnEdgeKind, Contributor, DeclaredColumn, FactKind, RowEdgeKind, Span,
};

/// The number of a stored analysis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AnalysisId(pub i64);

/// The whole catalog as it is to stand in one run. Only what differs from the run before is written.
#[derive(Clone, Debug, Default)]
pub struct CatalogState {
    /// What was read, in the order of the configuration.
    pub sources: Vec<RunSource>,
    /// Every file, sorted by (source, path).
    pub documents: Vec<DocumentState>,
    /// Every asset, sorted by key.
    pub assets: Vec<AssetState>,
}

/// A file as it stands in a run.
#[derive(Clone, Debug)]
pub struct DocumentState {
    /// Index into [`CatalogState::sources`].
    pub source: u32,
    /// The path inside the source.
    pub path: Arc<str>,
    /// Hash of the bytes; "" for files only named by facts.
    pub blob: String,
    /// The text; `None` for files that are not SQL.
    pub text: Option<DocumentText>,
    /// What it is, as a word.
    pub role: &'static str,
    /// What is known of its past.
    pub history: Option<FileHistory>,
    /// Its lineage.
    pub analysis: Option<AnalysisId>,
    /// Its last good lineage, where it no longer parses.
    pub stale: Option<AnalysisId>,
    /// Diagnostics that no analysis owns.
    pub diagnostics: Vec<PlacedDiagnostic>,
}

/// The text of a file.
#[derive(Clone, Debug)]
pub struct DocumentText {
    /// xxh3-128 of its bytes.
    pub digest: u128,
    /// The text; `None` where the store is known to hold it.
    pub text: Option<Arc<str>>,
}

/// What was read from a file, as the crawl remembers it: packed, because all files of a source
/// are held at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RememberedFile {
    /// The path inside the source.
    pub path: String,
    /// Changes whenever the file would be read otherwise.
    pub key: String,
    pub(super) packed: Vec<u8>,
}

impl RememberedFile {
    /// Packs what was read.
    ///
    /// # Errors
    /// When it cannot be packed.
    pub fn new(path: String, key: String, content: &str) -> Result<RememberedFile, StoreError> {
        Ok(RememberedFile { path, key, packed: pack::zip_text(content)? })
    }

    /// What was read.
    ///
    /// # Errors
    /// When what is stored is damaged.
    pub fn content(&self) -> Result<String, StoreError> {
        pack::unzip_text(&self.packed)
    }
}

/// What is known of a file's past.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileHistory {
    /// Its last change.
    pub last_change: Option<Change>,
    /// Who changed it, most commits first.
    pub contributors: Vec<Contributor>,
}

/// A diagnostic in a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PlacedDiagnostic {
    /// The 1-based line; 0 where the whole file is meant.
    pub line: u32,
    /// A code of [`crate::model::CODES`].
    pub code: String,
    /// What is wrong.
    pub message: String,
    /// Bytes of the file.
    pub span: Span,
}

/// An asset as it stands in a run.
#[derive(Clone, Debug)]
pub struct AssetState {
    /// Its identity.
    pub key: AssetKey,
    /// Its name as first declared.
    pub name: String,
    /// What it is.
    pub kind: AssetKind,
    /// The part it plays.
    pub role: AssetRole,
    /// The environment that `[[names]]` rules give its name; `None` for prod.
    pub environment: Option<String>,
    /// Only stale lineage speaks of it.
    pub stale: bool,
    /// Other keys in its namespace that mean it, sorted.
    pub aliases: Vec<String>,
    /// What files say of it: (what, index into [`CatalogState::documents`], line).
    pub facts: Vec<(FactKind, u32, u32)>,
    /// Columns declared by files: (index into [`CatalogState::documents`], columns).
    pub declared: Vec<(u32, Arc<[DeclaredColumn]>)>,
    /// Columns its own SQL gives it.
    pub inferred: Option<InferredColumns>,
    /// Shown names of columns whose name is not their key.
    pub shown: BTreeMap<String, String>,
}

/// A new analysis.
#[derive(Clone, Debug)]
pub struct NewAnalysis {
    /// The script's key.
    pub script: String,
    /// What the script names, as the crawl remembers it.
    pub names: String,
    /// A hash over every look-up and its answer.
    pub answers: u128,
    /// The look-ups with the hashes of their answers, as the crawl remembers them.
    pub lookups: String,
    /// What it does to assets, as the crawl remembers it.
    pub results: String,
    /// Assets that the following fields index.
    pub assets: Vec<AssetKey>,
    /// For every relation of `detail`, its asset.
    pub bound: Vec<Option<u32>>,
    /// For every target of `detail`, its asset.
    pub targets: Vec<Option<u32>>,
    /// Assets it writes or defines.
    pub writes: Vec<u32>,
    /// Assets it only checks.
    pub checks: Vec<u32>,
    /// What a logged query reads: assets, and bits by column key
    /// (1 value, 2 filter, 4 join, 8 group, 16 sort).
    pub reads: Vec<(u32, BTreeMap<String, u8>)>,
    /// Column edges.
    pub columns: Vec<NewColumnEdge>,
    /// Row edges.
    pub rows: Vec<NewRowEdge>,
    /// (written, read, line).
    pub asset_edges: Vec<(u32, u32, u32)>,
    /// (caller, routine).
    pub routine_edges: Vec<(u32, u32)>,
    /// What could not be known.
    pub diagnostics: Vec<PlacedDiagnostic>,
    /// The whole lineage, spans in bytes of the file.
    pub detail: Analysis,
}

/// A column edge in indexes of [`NewAnalysis::assets`] and column keys.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NewColumnEdge {
    /// The asset and the key of the column written.
    pub to: (u32, Box<str>),
    /// The asset and the key of the column read.
    pub from: (u32, Box<str>),
    /// How it takes part.
    pub kind: ColumnEdgeKind,
    /// Rests on a guess.
    pub guessed: bool,
    /// The 1-based line of the expression.
    pub line: u32,
}

/// A row edge in indexes of [`NewAnalysis::assets`] and column keys.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NewRowEdge {
    /// The asset whose rows are decided.
    pub to: u32,
    /// The asset and the key of the column read.
    pub from: (u32, Box<str>),
    /// How it decides.
    pub kind: RowEdgeKind,
    /// The 1-based line of the clause.
    pub line: u32,
}

/// What the store remembers of a script.
#[derive(Clone, Debug, Default)]
pub struct RecalledScript {
    /// What it names.
    pub names: String,
    /// Its analyses, oldest first.
    pub analyses: Vec<RecalledAnalysis>,
}

/// What the store remembers of an analysis.
#[derive(Clone, Debug)]
pub struct RecalledAnalysis {
    /// Its number.
    pub id: AnalysisId,
    /// Its look-ups with the hashes of their answers.
    pub lookups: String,
    /// What it does to assets.
    pub results: String,
}

/// A document's analyses in the newest run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StandingAnalyses {
    /// What the file holds.
    pub analysis: Option<AnalysisId>,
    /// The last good lineage of a file that no longer parses.
    pub stale: Option<AnalysisId>,
}
