//! The index in its folder: opening, writing, and the view of one commit.

use std::path::Path;

use super::{SearchAnswer, SearchDocument, SearchError, SearchHit, SearchQuery};
use crate::model::{AssetId, RunNumber};

/// An open index. Cheap to clone.
#[derive(Clone, Debug)]
pub struct SearchIndex {}

/// The index as it was committed under one run. Cheap to clone; later commits do not change it.
#[derive(Clone, Debug)]
pub struct SearchView {
    run: Option<RunNumber>,
}

/// The one writer of an index. Nothing is visible before [`IndexWriter::commit`].
#[derive(Debug)]
pub struct IndexWriter {}

impl SearchIndex {
    /// Opens the index in `folder`, creating it where missing. One of another layout is emptied: its
    /// run is then `None`.
    ///
    /// # Errors
    /// When the folder cannot be used, or its files are damaged: delete the folder and open again.
    pub fn open(_folder: &Path) -> Result<SearchIndex, SearchError> {
        Ok(SearchIndex {})
    }

    /// The newest commit.
    ///
    /// # Errors
    /// When the files cannot be read.
    pub fn view(&self) -> Result<SearchView, SearchError> {
        Ok(SearchView { run: None })
    }

    /// The writer; one at a time among all processes.
    ///
    /// # Errors
    /// [`SearchError::Locked`] while another writer is open.
    pub fn writer(&self) -> Result<IndexWriter, SearchError> {
        Ok(IndexWriter {})
    }
}

impl IndexWriter {
    /// Puts an asset and its columns in, in place of what was known of it.
    ///
    /// # Errors
    /// When the index cannot be written.
    pub fn put(&mut self, _document: &SearchDocument) -> Result<(), SearchError> {
        Ok(())
    }

    /// Takes an asset and its columns out.
    ///
    /// # Errors
    /// When the index cannot be written.
    pub fn remove(&mut self, _asset: AssetId) -> Result<(), SearchError> {
        Ok(())
    }

    /// Takes everything out.
    ///
    /// # Errors
    /// When the index cannot be written.
    pub fn clear(&mut self) -> Result<(), SearchError> {
        Ok(())
    }

    /// Makes everything visible as the state of `run`.
    ///
    /// # Errors
    /// When the index cannot be written; then the last commit still stands.
    pub fn commit(&mut self, _run: RunNumber) -> Result<(), SearchError> {
        Ok(())
    }
}

impl SearchView {
    /// The run it is of; `None` for an empty index.
    pub fn run(&self) -> Option<RunNumber> {
        self.run
    }

    /// The hits of a query.
    ///
    /// # Errors
    /// When the files cannot be read. No query is an error.
    pub fn search(&self, _query: &SearchQuery) -> Result<SearchAnswer, SearchError> {
        Ok(SearchAnswer::default())
    }

    /// At most `most` names that what is typed so far leads to, best first.
    ///
    /// # Errors
    /// When the files cannot be read.
    pub fn suggest(&self, _text: &str, _most: usize) -> Result<Vec<SearchHit>, SearchError> {
        Ok(Vec::new())
    }
}
