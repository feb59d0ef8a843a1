//! petgraph's view of the assets, and the cycles among them.

use std::collections::HashSet;

use petgraph::visit::{
    GraphBase, GraphRef, IntoNeighbors, IntoNeighborsDirected, IntoNodeIdentifiers, NodeCount, NodeIndexable, Visitable,
};
use rustc_hash::FxBuildHasher;

use super::{Direction, Snapshot};
use crate::model::AssetId;

impl Snapshot {
    /// Groups of assets that feed each other, each sorted, sorted; an asset that reads only itself is
    /// no group.
    pub fn cycles(&self) -> Vec<Vec<AssetId>> {
        let mut groups: Vec<Vec<AssetId>> = petgraph::algo::kosaraju_scc(AssetGraph(self))
            .into_iter()
            .filter(|group| group.len() > 1)
            .map(|group| group.into_iter().map(|asset| self.assets.id(asset)).collect())
            .collect();
        for group in &mut groups {
            group.sort_unstable();
        }
        groups.sort_unstable();
        groups
    }
}

/// The assets of a snapshot as nodes, in the direction of the data.
#[derive(Clone, Copy)]
struct AssetGraph<'a>(&'a Snapshot);

impl GraphBase for AssetGraph<'_> {
    type EdgeId = (u32, u32);
    type NodeId = u32;
}

impl GraphRef for AssetGraph<'_> {}

impl<'a> IntoNeighbors for AssetGraph<'a> {
    type Neighbors = Box<dyn Iterator<Item = u32> + 'a>;

    fn neighbors(self, node: u32) -> Self::Neighbors {
        self.neighbors_directed(node, petgraph::Direction::Outgoing)
    }
}

impl<'a> IntoNeighborsDirected for AssetGraph<'a> {
    type NeighborsDirected = Box<dyn Iterator<Item = u32> + 'a>;

    fn neighbors_directed(self, node: u32, direction: petgraph::Direction) -> Self::NeighborsDirected {
        let direction = match direction {
            petgraph::Direction::Outgoing => Direction::Downstream,
            petgraph::Direction::Incoming => Direction::Upstream,
        };
        Box::new(self.0.assets.next_to(node, direction).map(|pair| pair.other))
    }
}

impl IntoNodeIdentifiers for AssetGraph<'_> {
    type NodeIdentifiers = std::ops::Range<u32>;

    fn node_identifiers(self) -> Self::NodeIdentifiers {
        0..self.0.assets.len() as u32
    }
}

impl NodeCount for AssetGraph<'_> {
    fn node_count(&self) -> usize {
        self.0.assets.len()
    }
}

impl NodeIndexable for AssetGraph<'_> {
    fn node_bound(&self) -> usize {
        self.0.assets.len()
    }

    fn to_index(&self, node: u32) -> usize {
        node as usize
    }

    fn from_index(&self, index: usize) -> u32 {
        index as u32
    }
}

impl Visitable for AssetGraph<'_> {
    type Map = HashSet<u32, FxBuildHasher>;

    fn visit_map(&self) -> Self::Map {
        HashSet::default()
    }

    fn reset_map(&self, map: &mut Self::Map) {
        map.clear();
    }
}
