//! Why a question has no answer.

use crate::store::StoreError;

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// There is no such thing.
    #[error("no `{name}` in {namespace}")]
    NotFound {
        /// Where it was looked for.
        namespace: String,
        /// What was looked for.
        name: String,
    },
    /// The question itself is wrong.
    #[error("{0}")]
    BadQuestion(String),
    /// The store could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The index, a file or a thread gave way.
    #[error("{context}: {cause}")]
    Broken {
        /// What was being done.
        context: &'static str,
        /// What went wrong.
        cause: String,
    },
}

/// A question's answer.
pub type Result<T> = std::result::Result<T, CatalogError>;

impl CatalogError {
    /// No `name` in `namespace`.
    pub fn not_found(namespace: &str, name: &str) -> Self {
        CatalogError::NotFound { namespace: namespace.to_owned(), name: name.to_owned() }
    }

    /// What was being done when something gave way.
    pub(super) fn broken(context: &'static str, cause: impl std::fmt::Display) -> Self {
        CatalogError::Broken { context, cause: cause.to_string() }
    }
}
