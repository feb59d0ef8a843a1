//! What can go wrong in a crawl.

use crate::{config::PatternError, store::StoreError};

/// Why a crawl ended without a run.
#[derive(Debug, thiserror::Error)]
pub enum CrawlError {
    /// The store could not be read or written, or another crawl holds its lock.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A `[[names]]` rule cannot be used.
    #[error(transparent)]
    Names(#[from] PatternError),
    /// The search index could not be written.
    #[error("the search index could not be written: {0}")]
    Index(String),
    /// No source could be read, and nothing was known of any.
    #[error("no source could be read: {0}")]
    NothingRead(String),
    /// The work was cut off.
    #[error("the crawl was cut off: {0}")]
    Incomplete(String),
}
