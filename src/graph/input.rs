//! What a snapshot is built from.

use std::sync::Arc;

use crate::model::{AssetId, AssetKind, AssetRole, ColumnEdgeKind, ColumnId, EdgeState, RowEdgeKind, RunNumber};

/// Everything that a [`super::Snapshot`] is built from, in any order.
///
/// An edge that names an unknown asset or column is left out and counted. The same edge may come
/// several times, once per evidence.
#[derive(Clone, Debug, Default)]
pub struct GraphInput {
    /// The run.
    pub run: RunNumber,
    /// Assets.
    pub assets: Vec<InputAsset>,
    /// Columns of these assets.
    pub columns: Vec<InputColumn>,
    /// Column → column.
    pub column_edges: Vec<InputColumnEdge>,
    /// Column → asset.
    pub row_edges: Vec<InputRowEdge>,
    /// Asset → asset; those that follow from column and row edges need not be listed.
    pub asset_edges: Vec<InputAssetEdge>,
}

/// An asset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputAsset {
    /// Its number.
    pub id: AssetId,
    /// The warehouse or tool it lives in.
    pub namespace: Arc<str>,
    /// The name as first declared.
    pub name: Arc<str>,
    /// What it is.
    pub kind: AssetKind,
    /// The part it plays.
    pub role: AssetRole,
    /// Whether it should no longer be used.
    pub deprecated: bool,
    /// How many columns it has that an edge names; 0 where unknown.
    pub columns: u32,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputColumn {
    /// Its number.
    pub id: ColumnId,
    /// The asset that has it.
    pub asset: AssetId,
    /// Its name with struct path (`items.sku`); `*` for a star that is not expanded.
    pub path: Arc<str>,
}

/// Where an edge was learned: opaque numbers of the caller, handed back as they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EvidenceRef {
    /// The placement.
    pub placement: u32,
    /// The 1-based line; 0 where unknown.
    pub line: u32,
}

/// A column edge, once per evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct InputColumnEdge {
    /// The column written.
    pub to: ColumnId,
    /// The column read.
    pub from: ColumnId,
    /// How it takes part.
    pub kind: ColumnEdgeKind,
    /// What its evidence amounts to.
    pub state: EdgeState,
    /// Where it was learned.
    pub evidence: EvidenceRef,
}

/// A row edge, once per evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct InputRowEdge {
    /// The asset whose rows are decided.
    pub to: AssetId,
    /// The column read.
    pub from: ColumnId,
    /// How it decides.
    pub kind: RowEdgeKind,
    /// Where it was learned.
    pub evidence: EvidenceRef,
}

/// A read → write pair, once per evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct InputAssetEdge {
    /// The asset written.
    pub to: AssetId,
    /// The asset read.
    pub from: AssetId,
    /// What its evidence amounts to.
    pub state: EdgeState,
    /// Where it was learned.
    pub evidence: EvidenceRef,
}
