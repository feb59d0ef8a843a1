//! Why a question has no answer.

use serde::Serialize;

use super::StatedBy;
use crate::{model::StatedField, store::StoreError};

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
    /// Whoever asks may not.
    #[error("{0}")]
    Forbidden(String),
    /// Somebody else stated something of the same fields in between.
    #[error("{}", overtaken_in_words(.0))]
    Overtaken(Vec<Overtaken>),
    /// A file does not fit; nothing of it was taken over. (1-based line, what is wrong); 0 for the whole.
    #[error("{}", reasons_in_words(.0))]
    BadFile(Vec<(u64, String)>),
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

/// A field that somebody else stated something of in between.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Overtaken {
    /// The asset.
    pub asset: String,
    /// The column; "" for the asset itself.
    pub column: String,
    /// Which field.
    pub field: StatedField,
    /// What they stated, in a line.
    pub said: String,
    /// Who, and when; `None` where they only took something back.
    pub by: Option<StatedBy>,
    /// The number of their statement: what the next author has to have seen.
    pub number: i64,
}

fn overtaken_in_words(overtaken: &[Overtaken]) -> String {
    let one = |one: &Overtaken| {
        let who = one.by.as_ref().map_or("somebody", |by| by.person.as_str());
        format!("{who} changed {} of {} in the meantime: {}", one.field.word(), one.asset, one.said)
    };
    overtaken.iter().map(one).collect::<Vec<_>>().join("; ")
}

fn reasons_in_words(reasons: &[(u64, String)]) -> String {
    reasons.iter().map(|(line, reason)| format!("line {line}: {reason}")).collect::<Vec<_>>().join("\n")
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
