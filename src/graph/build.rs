//! From the caller's arrays to a snapshot.

use super::{
    EdgeKinds, GraphInput, InputAssetEdge, InputColumnEdge, InputRowEdge, Snapshot, SnapshotAsset,
    assets::{AssetTable, PairSet, StatedEdge},
    columns::ColumnTable,
    edges::{EdgeTable, Merge, RawEdge, pack},
};
use crate::model::{AssetId, ColumnId};

impl Snapshot {
    /// Builds the snapshot.
    pub fn build(input: GraphInput) -> Snapshot {
        let assets = AssetTable::new(input.assets.into_iter().map(SnapshotAsset::from).collect());
        let given = input.columns.len();
        let columns: Vec<_> = input
            .columns
            .into_iter()
            .filter_map(|column| Some((assets.index(column.asset)?, column.path, column.id.0)))
            .collect();
        let homeless = given - columns.len();
        let (columns, too_many) = ColumnTable::build(columns, assets.len());
        let mut builder = Builder { assets, columns, pairs: PairSet::default(), dropped: homeless + too_many };
        let column_edges = builder.take_column_edges(input.column_edges);
        let row_edges = builder.take_row_edges(input.row_edges);
        let asset_edges = builder.take_asset_edges(input.asset_edges);
        let Builder { mut assets, columns, pairs, dropped } = builder;
        assets.connect(pairs, asset_edges);
        let column_edges = EdgeTable::build(column_edges, columns.len(), columns.len(), Merge::Columns);
        let row_edges = EdgeTable::build(row_edges, assets.len(), columns.len(), Merge::Rows);
        Snapshot { run: input.run, assets, columns, column_edges, row_edges, dropped }
    }
}

impl From<super::InputAsset> for SnapshotAsset {
    fn from(asset: super::InputAsset) -> Self {
        let super::InputAsset { id, namespace, name, kind, role, deprecated, columns } = asset;
        SnapshotAsset { id, namespace, name, kind, role, deprecated, columns }
    }
}

struct Builder {
    assets: AssetTable,
    columns: ColumnTable,
    pairs: PairSet,
    dropped: usize,
}

impl Builder {
    fn take_column_edges(&mut self, edges: Vec<InputColumnEdge>) -> Vec<RawEdge> {
        let mut raw = Vec::with_capacity(edges.len());
        for edge in edges {
            let Some((to, from)) = self.column(edge.to).zip(self.column(edge.from)) else { continue };
            let (reader, source) = (self.columns.asset(to), self.columns.asset(from));
            self.pairs.add(source, reader, EdgeKinds::NONE.with(edge.kind), Some(edge.state));
            raw.push((to, from, pack(edge.kind, edge.state), edge.evidence));
        }
        raw
    }

    fn take_row_edges(&mut self, edges: Vec<InputRowEdge>) -> Vec<RawEdge> {
        let mut raw = Vec::with_capacity(edges.len());
        for edge in edges {
            let Some((to, from)) = self.asset(edge.to).zip(self.column(edge.from)) else { continue };
            self.pairs.add(self.columns.asset(from), to, EdgeKinds::NONE.with_row(edge.kind), None);
            raw.push((to, from, edge.kind as u8, edge.evidence));
        }
        raw
    }

    fn take_asset_edges(&mut self, edges: Vec<InputAssetEdge>) -> Vec<StatedEdge> {
        let mut known = Vec::with_capacity(edges.len());
        for edge in edges {
            let Some((to, from)) = self.asset(edge.to).zip(self.asset(edge.from)) else { continue };
            known.push((to, from, edge.state, edge.evidence));
        }
        known
    }

    fn column(&mut self, id: ColumnId) -> Option<u32> {
        let column = self.columns.index(id.0);
        self.dropped += usize::from(column.is_none());
        column
    }

    fn asset(&mut self, id: AssetId) -> Option<u32> {
        let asset = self.assets.index(id);
        self.dropped += usize::from(asset.is_none());
        asset
    }
}
