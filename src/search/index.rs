//! The index in its folder: opening, writing, and the view of one commit.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use tantivy::{
    Index, IndexReader, ReloadPolicy, Searcher, TantivyDocument, TantivyError, Term,
    directory::{MmapDirectory, error::LockError},
    index::SegmentMeta,
    merge_policy::NoMergePolicy,
};

use super::{
    SearchDocument, SearchError,
    schema::{Fields, build_schema, build_tokenizers},
    tokens::WordStemmer,
    write::make_documents,
};
use crate::model::{AssetId, RunNumber};

/// Memory of the writer, bytes.
const WRITER_MEMORY: usize = 60_000_000;
/// Threads of the writer.
const WRITER_THREADS: usize = 2;
/// Threads that search one query, a segment each.
const SEARCH_THREADS: usize = 2;
/// Segments beyond which a commit merges.
const MOST_SEGMENTS: usize = 8;
/// Segments that such a merge leaves alone.
const LARGEST_KEPT: usize = 3;

/// An open index. Cheap to clone.
#[derive(Clone)]
pub struct SearchIndex {
    folder: Arc<PathBuf>,
    index: Index,
    reader: IndexReader,
    fields: Fields,
}

/// The index as it was committed under one run. Cheap to clone; later commits do not change it.
#[derive(Clone)]
pub struct SearchView {
    pub(super) searcher: Searcher,
    pub(super) fields: Fields,
    run: Option<RunNumber>,
    statements: i64,
}

/// The one writer of an index. Nothing is visible before [`IndexWriter::commit`].
pub struct IndexWriter {
    writer: tantivy::IndexWriter,
    fields: Fields,
    stemmer: WordStemmer,
    statements: i64,
}

impl SearchIndex {
    /// Opens the index in `folder`, creating it where missing. One of another layout is emptied: its
    /// run is then `None`.
    ///
    /// # Errors
    /// When the folder cannot be used, or its files are damaged: [`SearchIndex::recreate`] it then.
    pub fn open(folder: &Path) -> Result<SearchIndex, SearchError> {
        std::fs::create_dir_all(folder).map_err(|error| cannot_open(folder, &error))?;
        let (schema, fields) = build_schema();
        let directory = MmapDirectory::open(folder).map_err(|error| cannot_open(folder, &error))?;
        let index = match Index::open_or_create(directory, schema) {
            Ok(index) => index,
            Err(TantivyError::SchemaError(_) | TantivyError::IncompatibleIndex(_)) => return Self::recreate(folder),
            Err(error) => return Err(cannot_open(folder, &error)),
        };
        Self::with_index(folder, index, fields)
    }

    /// Deletes what is in `folder`, if it is an index, and creates an empty one.
    ///
    /// # Errors
    /// When the folder cannot be used, or holds something else.
    pub fn recreate(folder: &Path) -> Result<SearchIndex, SearchError> {
        if folder.exists() {
            let is_empty = std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none());
            if !is_empty && !folder.join("meta.json").exists() {
                return Err(cannot_open(folder, &"it holds something that is not a search index"));
            }
            std::fs::remove_dir_all(folder).map_err(|error| cannot_open(folder, &error))?;
        }
        std::fs::create_dir_all(folder).map_err(|error| cannot_open(folder, &error))?;
        let (schema, fields) = build_schema();
        let index = Index::create_in_dir(folder, schema).map_err(|error| cannot_open(folder, &error))?;
        Self::with_index(folder, index, fields)
    }

    fn with_index(folder: &Path, mut index: Index, fields: Fields) -> Result<SearchIndex, SearchError> {
        index.set_tokenizers(build_tokenizers());
        index.set_multithread_executor(SEARCH_THREADS).map_err(|error| cannot_open(folder, &error))?;
        let reader = index
            .reader_builder()
            .reload_policy(ReloadPolicy::Manual)
            .try_into()
            .map_err(|error: TantivyError| cannot_open(folder, &error))?;
        Ok(SearchIndex { folder: Arc::new(folder.to_owned()), index, reader, fields })
    }

    /// The newest commit.
    ///
    /// # Errors
    /// When the files cannot be read.
    pub fn view(&self) -> Result<SearchView, SearchError> {
        // Another process may commit between the two reads: the run must be that of the files.
        for _ in 0..5 {
            let before = self.committed_state()?;
            self.reader.reload().map_err(damaged)?;
            let searcher = self.reader.searcher();
            let state = self.committed_state()?;
            if before == state {
                return Ok(SearchView { searcher, fields: self.fields, run: state.0, statements: state.1 });
            }
        }
        Err(SearchError::Damaged("it keeps changing while it is opened".to_owned()))
    }

    /// The run and the newest statement that the last commit holds: `run`, or `run:statement`.
    fn committed_state(&self) -> Result<(Option<RunNumber>, i64), SearchError> {
        let payload = self.index.load_metas().map_err(damaged)?.payload.unwrap_or_default();
        let (run, statements) = payload.split_once(':').unwrap_or((&payload, ""));
        Ok((run.parse().ok().map(RunNumber), statements.parse().unwrap_or(0)))
    }

    /// The writer; one at a time among all processes.
    ///
    /// # Errors
    /// [`SearchError::Locked`] while another writer is open.
    pub fn writer(&self) -> Result<IndexWriter, SearchError> {
        let writer: tantivy::IndexWriter =
            self.index.writer_with_num_threads(WRITER_THREADS, WRITER_MEMORY).map_err(|error| match error {
                TantivyError::LockFailure(LockError::LockBusy, _) => SearchError::Locked { path: self.folder.as_ref().clone() },
                error => cannot_open(&self.folder, &error),
            })?;
        // Merging is done by the commit that calls for it: a background merge would be lost with the
        // writer, which lives for one commit.
        writer.set_merge_policy(Box::new(NoMergePolicy));
        Ok(IndexWriter { writer, fields: self.fields, stemmer: WordStemmer::new(), statements: 0 })
    }
}

impl IndexWriter {
    /// Puts an asset and its columns in, in place of what was known of it.
    ///
    /// # Errors
    /// When the index cannot be written.
    pub fn put(&mut self, document: &SearchDocument) -> Result<(), SearchError> {
        self.remove(document.asset)?;
        self.add(document)
    }

    /// Puts an asset in that is not there yet: spares looking for it. For filling an empty index.
    ///
    /// # Errors
    /// When the index cannot be written.
    pub fn add(&mut self, document: &SearchDocument) -> Result<(), SearchError> {
        let documents: Vec<TantivyDocument> = make_documents(&self.fields, &mut self.stemmer, document)?;
        for document in documents {
            self.writer.add_document(document).map_err(cannot_write)?;
        }
        Ok(())
    }

    /// Takes an asset and its columns out.
    ///
    /// # Errors
    /// When the index cannot be written.
    pub fn remove(&mut self, asset: AssetId) -> Result<(), SearchError> {
        self.writer.delete_term(Term::from_field_u64(self.fields.asset, u64::from(asset.0)));
        Ok(())
    }

    /// Takes everything out.
    ///
    /// # Errors
    /// When the index cannot be written.
    pub fn clear(&mut self) -> Result<(), SearchError> {
        self.writer.delete_all_documents().map(|_| ()).map_err(cannot_write)
    }

    /// Notes the number of the newest statement of people that the documents hold.
    pub fn note_statements(&mut self, newest: i64) {
        self.statements = newest;
    }

    /// Makes everything visible as the state of `run`, and merges small files of the index when there
    /// are many, so that searching stays fast.
    ///
    /// # Errors
    /// When the index cannot be written; then the last commit still stands.
    pub fn commit(&mut self, run: RunNumber) -> Result<(), SearchError> {
        let mut commit = self.writer.prepare_commit().map_err(cannot_write)?;
        commit.set_payload(&format!("{}:{}", run.0, self.statements));
        commit.commit().map_err(cannot_write)?;
        self.merge_segments()
    }

    /// Merges all but the largest segments when there are many, and those mostly deleted.
    fn merge_segments(&mut self) -> Result<(), SearchError> {
        let mut segments = self.writer.index().searchable_segment_metas().map_err(cannot_write)?;
        segments.sort_by_key(|segment| std::cmp::Reverse(segment.num_docs()));
        let kept = if segments.len() > MOST_SEGMENTS { LARGEST_KEPT } else { segments.len() };
        let worn = |segment: &SegmentMeta| segment.num_deleted_docs() > segment.num_docs() / 2;
        let merged: Vec<_> = segments
            .iter()
            .enumerate()
            .filter(|(at, segment)| *at >= kept || worn(segment))
            .map(|(_, segment)| segment.id())
            .collect();
        if !merged.is_empty() {
            self.writer.merge(&merged).wait().map_err(cannot_write)?;
        }
        Ok(())
    }
}

impl SearchView {
    /// The run it is of; `None` for an empty index.
    pub fn run(&self) -> Option<RunNumber> {
        self.run
    }

    /// The number of the newest statement of people that it holds; 0 for none.
    pub fn statements(&self) -> i64 {
        self.statements
    }

    /// How many assets and columns it holds.
    pub fn size(&self) -> u64 {
        self.searcher.num_docs()
    }
}

fn cannot_open(folder: &Path, reason: &dyn fmt::Display) -> SearchError {
    SearchError::Open { path: folder.to_owned(), reason: reason.to_string() }
}

pub(super) fn damaged(error: impl fmt::Display) -> SearchError {
    SearchError::Damaged(error.to_string())
}

fn cannot_write(error: TantivyError) -> SearchError {
    SearchError::Write(error.to_string())
}

impl fmt::Debug for SearchIndex {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("SearchIndex").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl fmt::Debug for SearchView {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("SearchView").field("run", &self.run).field("size", &self.size()).finish_non_exhaustive()
    }
}

impl fmt::Debug for IndexWriter {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("IndexWriter").finish_non_exhaustive()
    }
}
