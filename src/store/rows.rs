//! What the store hands out: plain rows of one run.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::{
    Analysis, AssetId, AssetKind, AssetRole, Change, ColumnEdgeKind, ColumnId, Contributor, DeclaredColumn, DocumentId,
    EdgeState, EvidenceKind, FactKind, RowEdgeKind, RunNumber, Severity, Span,
};

/// One asset as it stands in a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssetRow {
    /// Its number.
    pub id: AssetId,
    /// The warehouse or tool it lives in (`bigquery`, `snowflake://account`, …).
    pub namespace: Arc<str>,
    /// The name folded by its dialect: with the namespace, its identity.
    pub key: Arc<str>,
    /// The name as first declared.
    pub name: Arc<str>,
    /// What it is.
    pub kind: AssetKind,
    /// The part it plays.
    pub role: AssetRole,
    /// The environment that `[[names]]` rules give its name; `None` for prod.
    pub environment: Option<Arc<str>>,
}

/// One numbered column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnRow {
    /// Its number.
    pub id: ColumnId,
    /// The asset it belongs to.
    pub asset: AssetId,
    /// Its name with struct path (`items.sku`), as first seen; `*` for a star that is not expanded.
    pub name: Arc<str>,
}

/// Everything that a graph of one run is built from.
///
/// Column edges repeat when several documents hold them up; `placement` tells them apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GraphRows {
    /// The run they belong to.
    pub run: RunNumber,
    /// Assets of the run, sorted by number.
    pub assets: Vec<AssetRow>,
    /// Columns of these assets that take part in an edge or are put out by SQL, sorted by number.
    pub columns: Vec<ColumnRow>,
    /// Column → column, sorted by (to, from, kind, placement).
    pub column_edges: Vec<ColumnEdgeRow>,
    /// Column → asset, sorted by (to, from, kind, placement).
    pub row_edges: Vec<RowEdgeRow>,
    /// Asset → asset, sorted by (to, from, placement).
    pub asset_edges: Vec<AssetEdgeRow>,
    /// Caller → routine, sorted.
    pub routine_edges: Vec<RoutineEdgeRow>,
    /// What the edges' `placement` indexes.
    pub placements: Vec<PlacementRow>,
}

/// A column edge held up by one placement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ColumnEdgeRow {
    /// The column written.
    pub to: ColumnId,
    /// The column read.
    pub from: ColumnId,
    /// How it takes part.
    pub kind: ColumnEdgeKind,
    /// What the evidence amounts to.
    pub state: EdgeState,
    /// Index into [`GraphRows::placements`].
    pub placement: u32,
    /// The 1-based line of the expression in the placement's document.
    pub line: u32,
}

/// A row edge held up by one placement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RowEdgeRow {
    /// The asset whose rows are decided.
    pub to: AssetId,
    /// The column read.
    pub from: ColumnId,
    /// How it decides.
    pub kind: RowEdgeKind,
    /// Index into [`GraphRows::placements`].
    pub placement: u32,
    /// The 1-based line of the clause in the placement's document.
    pub line: u32,
}

/// A read → write pair held up by one placement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AssetEdgeRow {
    /// The asset written.
    pub to: AssetId,
    /// The asset read.
    pub from: AssetId,
    /// Index into [`GraphRows::placements`].
    pub placement: u32,
    /// The 1-based line of the first statement that does it.
    pub line: u32,
}

/// A caller and the routine that it calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RoutineEdgeRow {
    /// The asset whose SQL calls.
    pub caller: AssetId,
    /// The routine called.
    pub routine: AssetId,
}

/// Where an analysis holds: a document of a source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlacementRow {
    /// The document.
    pub document: DocumentId,
    /// The source's name.
    pub source: Arc<str>,
    /// The path inside the source.
    pub path: Arc<str>,
    /// The commit that last touched it; `None` without history.
    pub commit: Option<Arc<str>>,
    /// The file no longer parses; its last good edges are kept.
    pub stale: bool,
    /// What kind of evidence it is.
    #[serde(default, skip_serializing_if = "EvidenceKind::is_parsed")]
    pub kind: EvidenceKind,
}

/// What is put into the search index for one asset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchRow {
    /// The asset.
    pub asset: AssetRow,
    /// Sources that define or describe it, sorted.
    pub sources: Vec<Arc<str>>,
    /// Paths of the documents that define it, sorted.
    pub paths: Vec<Arc<str>>,
    /// Other names it is known by, sorted.
    pub aliases: Vec<String>,
    /// Everything said of it, in order of rank, then path and line.
    pub facts: Vec<FactRow>,
    /// Its columns: declared ones (in order, nested as paths), else the inferred ones.
    pub columns: Vec<DeclaredColumn>,
    /// How many assets read it.
    pub readers: u32,
    /// How many assets it reads.
    pub reads: u32,
    /// How much people use it, by query logs: see [`super::UsageSummary::popularity`].
    pub popularity: u32,
    /// Seconds since 1970 UTC of the last change of a file that defines or describes it.
    pub changed_at: Option<i64>,
}

/// Something a file says of an asset, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FactRow {
    /// What it says. Declared columns are not among them: see [`DeclaredSchema`].
    pub what: FactKind,
    /// The source's name.
    pub source: Arc<str>,
    /// The file that says so.
    pub path: Arc<str>,
    /// The 1-based line; 0 where the whole file says so.
    pub line: u32,
}

/// Everything stored of one asset in one run.
#[derive(Clone, Debug, PartialEq)]
pub struct AssetDetail {
    /// The asset. When it is gone, as it last was.
    pub asset: AssetRow,
    /// The first run that knew it.
    pub first_run: RunNumber,
    /// The run since which nothing speaks of it any more.
    pub gone_since: Option<RunNumber>,
    /// Other names it is known by, sorted.
    pub aliases: Vec<String>,
    /// What files say of it: those beside the SQL first, then its DDL; each sorted by path and line.
    pub facts: Vec<FactRow>,
    /// Its columns as declared by each file that does, sorted by path.
    pub declared: Vec<DeclaredSchema>,
    /// The columns that its own SQL puts out; `None` where no SQL does.
    pub inferred: Option<InferredColumns>,
    /// The documents that define it or write into it, sorted by path.
    pub definitions: Vec<Definition>,
    /// Documents that check it (tests), sorted by path.
    pub checked_by: Vec<PlacementRow>,
    /// Numbers of its columns, sorted by number.
    pub columns: Vec<ColumnRow>,
    /// What people stated of it, oldest first.
    pub stated: Vec<PersonStatement>,
}

/// Columns declared by one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeclaredSchema {
    /// The source's name.
    pub source: Arc<str>,
    /// The file.
    pub path: Arc<str>,
    /// In order, nested fields as dotted paths after their parent.
    pub columns: Vec<DeclaredColumn>,
}

/// Columns that an asset's own SQL gives it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct InferredColumns {
    /// In order, as written.
    pub columns: Vec<String>,
    /// False while a star among them is not expanded.
    pub complete: bool,
    /// Whether a query makes the whole asset, so that it has no other columns: a view, CREATE … AS, a
    /// query that the layout gives the table to; not INSERT, MERGE and UPDATE.
    #[serde(default)]
    pub whole: bool,
}

/// A document that defines an asset or writes into it.
#[derive(Clone, Debug, PartialEq)]
pub struct Definition {
    /// Where it stands.
    pub placement: PlacementRow,
    /// The text of the file.
    pub text: Arc<str>,
    /// The lineage of the whole document. Every span is in bytes of `text`.
    pub analysis: Arc<Analysis>,
    /// The assets that [`Analysis::relations`] are bound to, index by index; `None` for temporary ones.
    pub bound: Vec<Option<AssetRow>>,
    /// The entries of [`Analysis::targets`] that are this asset, without what is superseded.
    pub targets: Vec<u32>,
    /// Those in place of which another document's CREATE holds.
    pub superseded: Vec<u32>,
    /// What could not be known in this document.
    pub diagnostics: Vec<DiagnosticRow>,
    /// The last change of the file, if history is known.
    pub last_change: Option<Change>,
    /// Who changed the file, most commits first.
    pub contributors: Vec<Contributor>,
    /// The file's versions that runs have seen, newest first.
    pub versions: Vec<DocumentVersion>,
    /// The file at its commit on the forge, with `{line}` left to be replaced.
    pub permalink: Option<String>,
}

/// One state of a document over a span of runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentVersion {
    /// Hash of the file's bytes; the git blob id where there is one.
    pub blob: String,
    /// The last change at that state, if history is known.
    pub last_change: Option<Change>,
    /// The first run that saw it.
    pub first_run: RunNumber,
    /// The last run that saw it; `None` while it stands.
    pub last_run: Option<RunNumber>,
}

/// A diagnostic with its place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DiagnosticRow {
    /// The source's name.
    pub source: Arc<str>,
    /// The file.
    pub path: Arc<str>,
    /// The 1-based line; 0 where the whole file is meant.
    pub line: u32,
    /// A code of [`crate::model::CODES`].
    pub code: String,
    /// How much it matters.
    pub severity: Severity,
    /// What is wrong, in a sentence.
    pub message: String,
    /// Bytes of the file; empty where the whole file is meant.
    pub span: Span,
}

/// How a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// Being written; no reader sees it.
    Writing,
    /// Complete and visible.
    Published,
    /// Given up; its rows are gone.
    Failed,
}

impl RunState {
    /// The word used in the store and in output.
    pub fn word(self) -> &'static str {
        match self {
            RunState::Writing => "writing",
            RunState::Published => "published",
            RunState::Failed => "failed",
        }
    }

    /// The state that `word` names.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Writing, Self::Published, Self::Failed].into_iter().find(|state| state.word() == word)
    }
}

/// One crawl run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRow {
    /// Its number.
    pub number: RunNumber,
    /// How it stands.
    pub state: RunState,
    /// When it began, seconds since 1970 UTC.
    pub started_at: i64,
    /// When it ended, seconds since 1970 UTC.
    pub ended_at: Option<i64>,
    /// Why it failed.
    pub error: Option<String>,
    /// What it counted.
    pub counts: RunCounts,
    /// What it read, in the order of the configuration.
    pub sources: Vec<RunSource>,
}

/// What one run counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema, Deserialize)]
#[serde(default)]
pub struct RunCounts {
    /// SQL documents.
    pub documents: u64,
    /// Documents that are new, changed or gone since the run before.
    pub changed_documents: u64,
    /// Statements in them.
    pub statements: u64,
    /// Statements that could not be parsed.
    pub unparsed: u64,
    /// Documents that were analysed anew, not taken from an earlier run.
    pub analysed: u64,
    /// Assets.
    pub assets: u64,
    /// Columns: declared ones, and inferred ones of assets that declare none.
    pub columns: u64,
    /// Column edges.
    pub column_edges: u64,
    /// Column edges that rest on a guess.
    pub guessed_edges: u64,
    /// Diagnostics.
    pub diagnostics: u64,
    /// Milliseconds from start to publication.
    pub milliseconds: u64,
}

/// How the outcome of a source begins that could not be read.
pub const NOT_READ: &str = "not read";
/// How the outcome of a source begins that is not configured any more.
pub const KEPT: &str = "not configured";

/// What a run read of one source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunSource {
    /// The source's name.
    pub name: String,
    /// Where it is read from.
    pub location: String,
    /// The commit that was read.
    pub commit: Option<String>,
    /// Its committer time, seconds since 1970 UTC.
    pub commit_time: Option<i64>,
    /// `read`, `unchanged`, or why what was known of it was kept: [`NOT_READ`] or [`KEPT`], and more.
    pub outcome: String,
    /// Turns a path, line and commit into an address on the forge (`{commit}`, `{path}`, `{line}`).
    pub permalink: Option<String>,
    /// Sources with equal fingerprints read alike.
    pub fingerprint: String,
}

/// Something a person stated of an asset or of one of its columns. Never changed, never deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonStatement {
    /// Its number; 0 before it is stored.
    pub id: i64,
    /// The namespace of what it speaks of.
    pub namespace: String,
    /// The key of what it speaks of.
    pub key: String,
    /// The column path; "" for the asset itself.
    pub column: String,
    /// The word of a [`crate::model::StatedField`].
    pub field: String,
    /// What is stated, as the field's own JSON; `None` to state that there is none.
    pub value: Option<serde_json::Value>,
    /// Whether nothing is stated of the field any more, so that what files say holds again.
    pub withdraws: bool,
    /// Who said so.
    pub person: String,
    /// When, seconds since 1970 UTC.
    pub at: i64,
    /// The statement that this one takes back.
    pub undoes: Option<i64>,
    /// The first of the statements that were made together with it; `None` for one made alone.
    pub batch: Option<i64>,
}
