//! What an asset is.

use serde::{Deserialize, Serialize};

/// What kind of thing an asset is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, utoipa::ToSchema, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the words are the field's own")]
pub enum AssetKind {
    Table,
    View,
    MaterializedView,
    File,
    Routine,
    Dashboard,
    Chart,
    Metric,
    Query,
}

impl AssetKind {
    /// Every kind, in declaration order.
    pub const ALL: [AssetKind; 9] = [
        AssetKind::Table,
        AssetKind::View,
        AssetKind::MaterializedView,
        AssetKind::File,
        AssetKind::Routine,
        AssetKind::Dashboard,
        AssetKind::Chart,
        AssetKind::Metric,
        AssetKind::Query,
    ];

    /// The word used in the store, URLs and output.
    pub fn word(self) -> &'static str {
        match self {
            AssetKind::Table => "table",
            AssetKind::View => "view",
            AssetKind::MaterializedView => "materialized_view",
            AssetKind::File => "file",
            AssetKind::Routine => "routine",
            AssetKind::Dashboard => "dashboard",
            AssetKind::Chart => "chart",
            AssetKind::Metric => "metric",
            AssetKind::Query => "query",
        }
    }

    /// The kind that `word` names.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

/// The part an asset plays, beside its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, utoipa::ToSchema, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AssetRole {
    /// Built by SQL that the catalog holds.
    Model,
    /// Loaded from a file kept beside the code.
    Seed,
    /// Declared (schema, metadata), filled by something the catalog does not hold.
    Source,
    /// History kept of another table.
    Snapshot,
    /// Only ever read: nothing in the catalog defines or declares it.
    External,
}

impl AssetRole {
    /// The word used in the store and in output.
    pub fn word(self) -> &'static str {
        match self {
            AssetRole::Model => "model",
            AssetRole::Seed => "seed",
            AssetRole::Source => "source",
            AssetRole::Snapshot => "snapshot",
            AssetRole::External => "external",
        }
    }

    /// The role that `word` names.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Model, Self::Seed, Self::Source, Self::Snapshot, Self::External].into_iter().find(|role| role.word() == word)
    }
}
