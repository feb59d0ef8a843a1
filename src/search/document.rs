//! What is put into the index.

use crate::model::{AssetId, AssetKind};

/// An asset with everything that it can be found by. Its top-level columns become hits of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchDocument {
    /// The asset.
    pub asset: AssetId,
    /// The warehouse or tool it lives in.
    pub namespace: String,
    /// The full name as first declared; dots separate its parts.
    pub name: String,
    /// What it is.
    pub kind: AssetKind,
    /// Other full names it is known by.
    pub aliases: Vec<String>,
    /// The friendly name, if it has one.
    pub friendly_name: Option<String>,
    /// Synonyms and names of metrics that it defines.
    pub synonyms: Vec<String>,
    /// What it means, as plain text; "" where nobody said.
    pub description: String,
    /// Owners' names.
    pub owners: Vec<String>,
    /// Tags and labels.
    pub tags: Vec<String>,
    /// Names of the sources that define or describe it.
    pub sources: Vec<String>,
    /// Columns, nested fields as dotted paths, in order.
    pub columns: Vec<SearchColumn>,
    /// The environment that it belongs to; `None` for prod.
    pub environment: Option<String>,
    /// Whether it should no longer be used.
    pub deprecated: bool,
    /// What to use instead, as shown.
    pub replacement: Option<String>,
    /// How much it is used: assets that read it, or people in 30 days.
    pub usage: u32,
    /// Whether somebody certified it.
    pub certified: bool,
    /// Seconds since 1970 UTC of its last change.
    pub changed_at: Option<i64>,
}

/// A column of a [`SearchDocument`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SearchColumn {
    /// Its path.
    pub path: String,
    /// What it means, as plain text; "" where nobody said.
    pub description: String,
}
