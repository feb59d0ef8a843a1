//! What can go wrong with an index.

use std::path::PathBuf;

/// Why the index cannot be used. All but a held lock are mended by rebuilding it.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// The folder cannot be read or written.
    #[error("the search index in {path} cannot be opened: {reason}", path = path.display())]
    Open {
        /// The folder.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// Another process is writing it.
    #[error("the search index in {path} is being written by another process", path = path.display())]
    Locked {
        /// The folder.
        path: PathBuf,
    },
    /// Its files are damaged.
    #[error("the search index is damaged: {0}")]
    Damaged(String),
    /// It cannot be written.
    #[error("the search index cannot be written: {0}")]
    Write(String),
}
