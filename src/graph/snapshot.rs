//! The graph of one run, immutable, in compact arrays both ways.

use std::sync::Arc;

use super::{
    Direction, EdgeIndex, EdgeKinds, EvidenceRef, GraphInput, GraphView, Impact, NeighbourhoodQuery, Path, Start, Trace,
    TraceQuery,
};
use crate::model::{AssetId, AssetKind, AssetRole, ColumnEdgeKind, ColumnId, EdgeState, RowEdgeKind, RunNumber};

/// The graph of one run.
#[derive(Debug, Default)]
pub struct Snapshot {
    run: RunNumber,
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
    /// Builds the snapshot.
    pub fn build(input: GraphInput) -> Snapshot {
        Snapshot { run: input.run }
    }

    /// The run it is of.
    pub fn run(&self) -> RunNumber {
        self.run
    }

    /// How big it is.
    pub fn size(&self) -> SnapshotSize {
        SnapshotSize::default()
    }

    /// The asset of that number.
    pub fn asset(&self, _asset: AssetId) -> Option<&SnapshotAsset> {
        None
    }

    /// Every asset, sorted by number.
    pub fn assets(&self) -> &[SnapshotAsset] {
        &[]
    }

    /// A column's asset and path.
    pub fn column(&self, _column: ColumnId) -> Option<(AssetId, &str)> {
        None
    }

    /// The column of that path, compared without regard to ASCII case.
    pub fn find_column(&self, _asset: AssetId, _path: &str) -> Option<ColumnId> {
        None
    }

    /// The numbered columns of an asset with their paths, parents before their fields.
    pub fn columns_of(&self, _asset: AssetId) -> Vec<(ColumnId, &str)> {
        Vec::new()
    }

    /// Column edges into (upstream) or out of (downstream) one column, not those of structs around it.
    pub fn column_edges(&self, _column: ColumnId, _direction: Direction) -> Vec<EdgeIndex> {
        Vec::new()
    }

    /// A column edge; `None` for an edge of another snapshot.
    pub fn edge(&self, _edge: EdgeIndex) -> Option<SnapshotEdge<'_>> {
        None
    }

    /// Row edges that decide which rows of an asset exist, sorted.
    pub fn row_edges_into(&self, _asset: AssetId) -> Vec<SnapshotRowEdge<'_>> {
        Vec::new()
    }

    /// Row edges that a column makes, sorted.
    pub fn row_edges_from(&self, _column: ColumnId) -> Vec<SnapshotRowEdge<'_>> {
        Vec::new()
    }

    /// Assets next to `asset` by any kind of edge, sorted by number, itself left out.
    pub fn neighbours(&self, _asset: AssetId, _direction: Direction) -> Vec<AssetId> {
        Vec::new()
    }

    /// How many assets are next to `asset`, itself left out.
    pub fn degree(&self, _asset: AssetId, _direction: Direction) -> usize {
        0
    }

    /// All kinds of edges from one asset to another, and the best state; `None` without an edge.
    pub fn edges_between(&self, _from: AssetId, _to: AssetId) -> Option<(EdgeKinds, EdgeState)> {
        None
    }

    /// Evidence that one asset reads another, sorted.
    pub fn asset_evidence(&self, _from: AssetId, _to: AssetId) -> &[EvidenceRef] {
        &[]
    }

    /// Groups of assets that feed each other, each sorted, sorted; single assets are not listed.
    pub fn cycles(&self) -> Vec<Vec<AssetId>> {
        Vec::new()
    }

    /// Follows column edges. `None` where the start is unknown.
    pub fn trace(&self, _query: &TraceQuery) -> Option<Trace> {
        None
    }

    /// All that depends on `start`, row edges and asset edges included, of at most `most` columns.
    /// `None` where the start is unknown.
    pub fn impact(&self, _start: &Start, _most: usize) -> Option<Impact> {
        None
    }

    /// At most `most` paths from one place to another, shortest first. Empty where there is none, or an
    /// end is unknown.
    pub fn paths(&self, _from: &Start, _to: &Start, _most: usize) -> Vec<Path> {
        Vec::new()
    }

    /// The part of the graph around an asset. `None` where the focus is unknown.
    pub fn neighbourhood(&self, _query: &NeighbourhoodQuery) -> Option<GraphView> {
        None
    }
}
