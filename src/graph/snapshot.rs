//! The graph of one run, immutable, in compact arrays both ways.

use std::sync::Arc;

use super::{
    Direction, EdgeIndex, EdgeKinds, EvidenceRef,
    assets::{AssetPair, AssetTable},
    columns::ColumnTable,
    edges::{EdgeTable, tag_kind, tag_row_kind, tag_state},
};
use crate::model::{AssetId, AssetKind, AssetRole, ColumnEdgeKind, ColumnId, EdgeState, RowEdgeKind, RunNumber};

/// The graph of one run.
#[derive(Debug, Default)]
pub struct Snapshot {
    pub(super) run: RunNumber,
    pub(super) assets: AssetTable,
    pub(super) columns: ColumnTable,
    pub(super) column_edges: EdgeTable,
    pub(super) row_edges: EdgeTable,
    pub(super) dropped: usize,
}

/// An asset of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotAsset {
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
    /// How many columns it has in all.
    pub columns: u32,
}

/// A column edge of a snapshot with everything that is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotEdge<'a> {
    /// The column read.
    pub from: ColumnId,
    /// The column written.
    pub to: ColumnId,
    /// How the source takes part.
    pub kind: ColumnEdgeKind,
    /// What its evidence amounts to, taken together.
    pub state: EdgeState,
    /// Where it was learned, sorted.
    pub evidence: &'a [EvidenceRef],
}

/// A row edge of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotRowEdge<'a> {
    /// The column read.
    pub from: ColumnId,
    /// The asset whose rows are decided.
    pub to: AssetId,
    /// How it decides.
    pub kind: RowEdgeKind,
    /// Where it was learned, sorted.
    pub evidence: &'a [EvidenceRef],
}

/// How big a snapshot is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SnapshotSize {
    /// Assets.
    pub assets: usize,
    /// Columns.
    pub columns: usize,
    /// Column edges, each once however much evidence it has.
    pub column_edges: usize,
    /// Row edges.
    pub row_edges: usize,
    /// Edges and columns of the input that named something unknown.
    pub dropped: usize,
    /// Bytes held.
    pub bytes: usize,
}

impl Snapshot {
    /// The run it is of.
    pub fn run(&self) -> RunNumber {
        self.run
    }

    /// How big it is.
    pub fn size(&self) -> SnapshotSize {
        SnapshotSize {
            assets: self.assets.len(),
            columns: self.columns.len(),
            column_edges: self.column_edges.len(),
            row_edges: self.row_edges.len(),
            dropped: self.dropped,
            bytes: self.assets.bytes() + self.columns.bytes() + self.column_edges.bytes() + self.row_edges.bytes(),
        }
    }

    /// The asset of that number.
    pub fn asset(&self, asset: AssetId) -> Option<&SnapshotAsset> {
        self.assets.all().get(self.assets.index(asset)? as usize)
    }

    /// Every asset, sorted by number.
    pub fn assets(&self) -> &[SnapshotAsset] {
        self.assets.all()
    }

    /// A column's asset and path.
    pub fn column(&self, column: ColumnId) -> Option<(AssetId, &str)> {
        let at = self.columns.index(column.0)?;
        Some((self.assets.id(self.columns.asset(at)), self.columns.path(at)))
    }

    /// The column of that path, compared without regard to ASCII case.
    pub fn find_column(&self, asset: AssetId, path: &str) -> Option<ColumnId> {
        let at = self.columns.find(self.assets.index(asset)?, path)?;
        Some(ColumnId(self.columns.id(at)))
    }

    /// The numbered columns of an asset with their paths, parents before their fields.
    pub fn columns_of(&self, asset: AssetId) -> Vec<(ColumnId, &str)> {
        let Some(asset) = self.assets.index(asset) else { return Vec::new() };
        self.columns.of_asset(asset).map(|at| (ColumnId(self.columns.id(at)), self.columns.path(at))).collect()
    }

    /// Column edges into (upstream) or out of (downstream) one column, not those of structs around it.
    pub fn column_edges(&self, column: ColumnId, direction: Direction) -> Vec<EdgeIndex> {
        let Some(column) = self.columns.index(column.0) else { return Vec::new() };
        match direction {
            Direction::Upstream => self.column_edges.edges_into(column).map(|edge| EdgeIndex(edge.0)).collect(),
            Direction::Downstream => self.column_edges.edges_out_of(column).map(|edge| EdgeIndex(edge.0)).collect(),
        }
    }

    /// A column edge; `None` for an edge of another snapshot.
    pub fn edge(&self, edge: EdgeIndex) -> Option<SnapshotEdge<'_>> {
        let (to, from, tag) = self.column_edges.get(edge.0)?;
        Some(SnapshotEdge {
            from: ColumnId(self.columns.id(from)),
            to: ColumnId(self.columns.id(to)),
            kind: tag_kind(tag),
            state: tag_state(tag),
            evidence: self.column_edges.evidence(edge.0),
        })
    }

    /// Row edges that decide which rows of an asset exist, sorted.
    pub fn row_edges_into(&self, asset: AssetId) -> Vec<SnapshotRowEdge<'_>> {
        let Some(asset) = self.assets.index(asset) else { return Vec::new() };
        self.row_edges.edges_into(asset).map(|(edge, from, tag)| self.show_row_edge(edge, from, asset, tag)).collect()
    }

    /// Row edges that a column makes, sorted.
    pub fn row_edges_from(&self, column: ColumnId) -> Vec<SnapshotRowEdge<'_>> {
        let Some(column) = self.columns.index(column.0) else { return Vec::new() };
        self.row_edges.edges_out_of(column).map(|(edge, to, tag)| self.show_row_edge(edge, column, to, tag)).collect()
    }

    fn show_row_edge(&self, edge: u32, from: u32, to: u32, tag: u8) -> SnapshotRowEdge<'_> {
        SnapshotRowEdge {
            from: ColumnId(self.columns.id(from)),
            to: self.assets.id(to),
            kind: tag_row_kind(tag),
            evidence: self.row_edges.evidence(edge),
        }
    }

    /// Assets next to `asset` by any kind of edge, sorted by number, itself left out.
    pub fn neighbours(&self, asset: AssetId, direction: Direction) -> Vec<AssetId> {
        let Some(asset) = self.assets.index(asset) else { return Vec::new() };
        self.assets.next_to(asset, direction).map(|pair| self.assets.id(pair.other)).collect()
    }

    /// How many assets are next to `asset`, itself left out.
    pub fn degree(&self, asset: AssetId, direction: Direction) -> usize {
        self.assets.index(asset).map_or(0, |asset| self.assets.next_to(asset, direction).count())
    }

    /// All kinds of edges from one asset to another, and the best state; `None` without an edge.
    pub fn edges_between(&self, from: AssetId, to: AssetId) -> Option<(EdgeKinds, EdgeState)> {
        self.find_pair(from, to).map(|pair| (pair.kinds, pair.state))
    }

    /// Evidence that one asset reads another, as far as it was given with asset edges; sorted.
    pub fn asset_evidence(&self, from: AssetId, to: AssetId) -> &[EvidenceRef] {
        let Some((from, to)) = self.assets.index(from).zip(self.assets.index(to)) else { return &[] };
        self.assets.evidence(from, to)
    }

    fn find_pair(&self, from: AssetId, to: AssetId) -> Option<AssetPair> {
        let (from, to) = (self.assets.index(from)?, self.assets.index(to)?);
        self.assets.find(from, to)
    }
}
