//! From any text that somebody pastes to the asset that is meant.

use serde::Serialize;

use super::{AssetRef, Result, View};

/// What a pasted name means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "match")]
pub enum NameAnswer {
    /// The name is an asset's, or an asset's with one of its columns.
    Exact {
        /// The asset.
        asset: AssetRef,
        /// The column behind the asset's name.
        column: Option<String>,
    },
    /// The name is partial or written otherwise, and only one asset fits.
    Unique {
        /// The asset.
        asset: AssetRef,
        /// The column behind the asset's name.
        column: Option<String>,
    },
    /// Several assets fit, or none does and these are near: best first.
    Candidates {
        /// Whether the name fits them; false where they are merely spelled alike.
        fits: bool,
        /// The assets, best first; empty where nothing is near.
        assets: Vec<AssetRef>,
    },
}

impl NameAnswer {
    /// The asset and column, where there is exactly one.
    pub fn single(&self) -> Option<(&AssetRef, Option<&str>)> {
        match self {
            NameAnswer::Exact { asset, column } | NameAnswer::Unique { asset, column } => Some((asset, column.as_deref())),
            NameAnswer::Candidates { .. } => None,
        }
    }
}

impl View {
    /// What `text` names: quoted or not, partial, `project:dataset.table`, any case, with or without
    /// a namespace (`namespace/name`) or a column behind it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn resolve_name(&self, _text: &str) -> Result<NameAnswer> {
        Ok(NameAnswer::Candidates { fits: false, assets: Vec::new() })
    }
}
