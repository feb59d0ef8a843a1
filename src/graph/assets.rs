//! The assets of a snapshot and which of them read which, by whatever kind of edge.

use rustc_hash::FxHashMap;

use super::{
    Direction, EdgeKinds, EvidenceRef, SnapshotAsset,
    edges::{EdgeTable, Merge},
    ids::IdTable,
};
use crate::model::{AssetId, EdgeState};

/// Assets by index, in the order of their numbers.
#[derive(Debug, Default)]
pub(super) struct AssetTable {
    all: Vec<SnapshotAsset>,
    by_id: IdTable,
    readers: Neighbours,
    sources: Neighbours,
    stated: EdgeTable,
}

/// Two assets with an edge between them, seen from one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AssetPair {
    /// The other one.
    pub(super) other: u32,
    /// Every kind of edge between them; empty where only the assets are known.
    pub(super) kinds: EdgeKinds,
    /// The best state of the edges.
    pub(super) state: EdgeState,
}

/// What is gathered of (from, to) while edges are read.
#[derive(Debug, Default)]
pub(super) struct PairSet {
    pairs: FxHashMap<(u32, u32), (EdgeKinds, Option<EdgeState>)>,
}

impl PairSet {
    /// Adds an edge from one asset to another; row edges have no state of their own.
    pub(super) fn add(&mut self, from: u32, to: u32, kinds: EdgeKinds, state: Option<EdgeState>) {
        let pair = self.pairs.entry((from, to)).or_insert((EdgeKinds::NONE, None));
        pair.0 = pair.0.union(kinds);
        pair.1 = match (pair.1, state) {
            (Some(a), Some(b)) => Some(a.and(b)),
            (a, b) => a.or(b),
        };
    }
}

/// An edge given between assets: (to, from, state, evidence).
pub(super) type StatedEdge = (u32, u32, EdgeState, EvidenceRef);

#[derive(Debug, Default)]
struct Neighbours {
    rows: Vec<u32>,
    pairs: Vec<AssetPair>,
}

impl Neighbours {
    fn build(assets: usize, mut pairs: Vec<(u32, AssetPair)>) -> Self {
        pairs.sort_unstable_by_key(|(asset, pair)| (*asset, pair.other));
        let mut rows = vec![0u32; assets + 1];
        for (asset, _) in &pairs {
            rows[*asset as usize + 1] += 1;
        }
        for at in 1..rows.len() {
            rows[at] += rows[at - 1];
        }
        Neighbours { rows, pairs: pairs.into_iter().map(|(_, pair)| pair).collect() }
    }

    fn of(&self, asset: u32) -> &[AssetPair] {
        let at = asset as usize;
        match (self.rows.get(at), self.rows.get(at + 1)) {
            (Some(start), Some(end)) => &self.pairs[*start as usize..*end as usize],
            _ => &[],
        }
    }
}

impl AssetTable {
    /// The table of `all`, sorted by number here, without any edge yet.
    pub(super) fn new(mut all: Vec<SnapshotAsset>) -> Self {
        all.sort_by_key(|asset| asset.id);
        all.dedup_by_key(|asset| asset.id);
        let ids: Vec<u32> = all.iter().map(|asset| asset.id.0).collect();
        AssetTable { by_id: IdTable::new(&ids), all, ..AssetTable::default() }
    }

    /// Adds the edges: those gathered from columns and rows, and those given between assets.
    pub(super) fn connect(&mut self, mut gathered: PairSet, stated: Vec<StatedEdge>) {
        let mut states = PairSet::default();
        for (to, from, state, _) in &stated {
            gathered.add(*from, *to, EdgeKinds::NONE, None);
            states.add(*from, *to, EdgeKinds::NONE, Some(*state));
        }
        let raw = stated.into_iter().map(|(to, from, _, evidence)| (to, from, 0, evidence)).collect();
        self.stated = EdgeTable::build(raw, self.len(), self.len(), Merge::Assets);
        let (mut readers, mut sources) = (Vec::new(), Vec::new());
        for ((from, to), (kinds, state)) in gathered.pairs {
            // Columns say more than the tables alone; rows have no state.
            let of_tables = || states.pairs.get(&(from, to)).and_then(|(_, state)| *state);
            let state = state.or_else(of_tables).unwrap_or(EdgeState::Declared);
            readers.push((from, AssetPair { other: to, kinds, state }));
            sources.push((to, AssetPair { other: from, kinds, state }));
        }
        self.readers = Neighbours::build(self.len(), readers);
        self.sources = Neighbours::build(self.len(), sources);
    }

    /// How many assets there are.
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// Every asset.
    pub(super) fn all(&self) -> &[SnapshotAsset] {
        &self.all
    }

    /// The index of a store's number.
    pub(super) fn index(&self, asset: AssetId) -> Option<u32> {
        self.by_id.get(asset.0)
    }

    /// The store's number of an asset.
    pub(super) fn id(&self, asset: u32) -> AssetId {
        self.all[asset as usize].id
    }

    /// Assets next to one, sorted, itself left out.
    pub(super) fn next_to(&self, asset: u32, direction: Direction) -> impl Iterator<Item = AssetPair> + '_ {
        let pairs = match direction {
            Direction::Upstream => self.sources.of(asset),
            Direction::Downstream => self.readers.of(asset),
        };
        pairs.iter().copied().filter(move |pair| pair.other != asset)
    }

    /// The edge from one asset to another.
    pub(super) fn find(&self, from: u32, to: u32) -> Option<AssetPair> {
        let pairs = self.readers.of(from);
        let at = pairs.binary_search_by_key(&to, |pair| pair.other).ok()?;
        pairs.get(at).copied()
    }

    /// The evidence given with the edge between two assets.
    pub(super) fn evidence(&self, from: u32, to: u32) -> &[EvidenceRef] {
        let edge = self.stated.edges_into(to).find(|edge| edge.1 == from);
        edge.map_or(&[], |edge| self.stated.evidence(edge.0))
    }

    /// Bytes held, without the names.
    pub(super) fn bytes(&self) -> usize {
        let pairs = self.readers.pairs.capacity() + self.sources.capacity();
        self.all.capacity() * size_of::<SnapshotAsset>()
            + pairs * size_of::<AssetPair>()
            + (self.readers.rows.len() + self.sources.rows.len()) * 4
            + self.by_id.bytes()
            + self.stated.bytes()
    }
}

impl Neighbours {
    fn capacity(&self) -> usize {
        self.pairs.capacity()
    }
}
