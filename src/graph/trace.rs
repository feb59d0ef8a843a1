//! Following column edges from a start, breadth first.

use rustc_hash::FxHashMap;

use super::{
    Direction, EdgeIndex, EdgeKinds, Snapshot, Start, Trace, TraceQuery, TracedColumn, TracedEdge,
    edges::{tag_kind, tag_state},
    step::{Met, Step, Walker},
};
use crate::model::{AssetId, ColumnEdgeKind, ColumnId};

impl Snapshot {
    /// Follows column edges. `None` where the start is unknown.
    pub fn trace(&self, query: &TraceQuery) -> Option<Trace> {
        let mut walker = Walker::new(self, query.direction, query.kinds);
        let found = Search::run(&mut walker, query)?;
        let kinds = found.spread_kinds(query.direction);
        let (order, rank) = found.order(&walker);
        let columns: Vec<TracedColumn> =
            order.iter().map(|at| self.show_traced(&walker, &found, *at as usize, kinds[*at as usize])).collect();
        let edges = found.show_edges(query.direction, &order, &rank);
        let assets = self.whole_assets(query, &columns);
        Some(Trace { columns, edges, assets, cut: found.cut })
    }

    fn show_traced(&self, walker: &Walker<'_>, found: &Search, at: usize, kinds: EdgeKinds) -> TracedColumn {
        let place = found.met.places()[at];
        let asset = self.columns.asset(place.column);
        TracedColumn {
            asset: self.assets.id(asset),
            column: ColumnId(self.columns.id(place.column)),
            suffix: walker.suffix(place.suffix).cloned(),
            depth: found.depths[at],
            kinds,
            is_end: found.ends[at],
            row_edges: self.row_edges.count_into(asset),
        }
    }

    /// The path of a traced column, the fields below its number included.
    pub fn traced_path(&self, column: &TracedColumn) -> String {
        let path = self.column(column.column).map_or("", |(_, path)| path);
        super::step::join(path, column.suffix.as_deref().unwrap_or(""))
    }

    /// Assets beyond the columns: those with no column edge to an asset of the trace.
    fn whole_assets(&self, query: &TraceQuery, columns: &[TracedColumn]) -> Vec<(AssetId, u32)> {
        let mut depths: FxHashMap<u32, u32> = FxHashMap::default();
        let mut level: Vec<(u32, u32)> = Vec::new();
        let start = match query.start {
            Start::Asset(asset) => self.assets.index(asset),
            Start::Column(_) | Start::Path(..) => None,
        };
        for (asset, depth) in start
            .map(|asset| (asset, 0))
            .into_iter()
            .chain(columns.iter().filter_map(|column| Some((self.assets.index(column.asset)?, column.depth))))
        {
            if let std::collections::hash_map::Entry::Vacant(entry) = depths.entry(asset) {
                entry.insert(depth);
                level.push((asset, depth));
            }
        }
        let mut whole = Vec::new();
        let known = if start.is_some() { EdgeKinds::COLUMN } else { EdgeKinds::ALL };
        let mut at = 0;
        let seeds = level.len();
        while at < level.len() {
            let (asset, depth) = level[at];
            at += 1;
            if query.depth.is_some_and(|most| depth >= most) || (at > seeds && start.is_none()) {
                continue;
            }
            for pair in self.assets.next_to(asset, query.direction) {
                let is_unknown = at > seeds || pair.kinds.intersection(known).is_empty();
                if is_unknown && !depths.contains_key(&pair.other) {
                    depths.insert(pair.other, depth + 1);
                    level.push((pair.other, depth + 1));
                    whole.push((self.assets.id(pair.other), depth + 1));
                }
            }
        }
        whole.sort_unstable_by_key(|(asset, depth)| (*depth, *asset));
        whole
    }
}

/// One edge met by a search, seen from the place that it was met from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hop {
    pub(super) far: u32,
    pub(super) edge: u32,
    pub(super) tag: u8,
}

/// A finished breadth-first search: places in the order of meeting, and the edges between them.
pub(super) struct Search {
    pub(super) met: Met,
    pub(super) depths: Vec<u32>,
    pub(super) starts: usize,
    pub(super) ends: Vec<bool>,
    pub(super) hops: Vec<Hop>,
    rows: Vec<u32>,
    pub(super) cut: bool,
}

impl Search {
    /// Runs the search. `None` where the start is unknown.
    pub(super) fn run(walker: &mut Walker<'_>, query: &TraceQuery) -> Option<Search> {
        let met = Met::new(walker.snapshot.columns.len());
        let (depths, ends, hops, rows) = (Vec::new(), Vec::new(), Vec::new(), vec![0]);
        let mut search = Search { met, depths, starts: 0, ends, hops, rows, cut: false };
        for place in walker.start(&query.start)? {
            match search.met.meet(place, query.most) {
                Some((_, true)) => search.depths.push(0),
                Some((_, false)) => {}
                None => search.cut = true,
            }
        }
        search.starts = search.depths.len();
        let mut steps: Vec<Step> = Vec::new();
        let mut at = 0;
        while at < search.depths.len() {
            let may_grow = query.depth.is_none_or(|most| search.depths[at] < most);
            steps.clear();
            walker.steps(search.met.places()[at], &mut steps);
            search.ends.push(steps.is_empty());
            search.take(at, &steps, may_grow.then_some(query.most));
            search.rows.push(search.hops.len() as u32);
            at += 1;
        }
        Some(search)
    }

    /// Takes in the steps from one place; `most` is `None` where no new place may be met.
    fn take(&mut self, at: usize, steps: &[Step], most: Option<usize>) {
        let depth = self.depths[at] + 1;
        for step in steps {
            match self.met.meet(step.next, most.unwrap_or(0)) {
                Some((far, is_new)) => {
                    if is_new {
                        self.depths.push(depth);
                    }
                    self.hops.push(Hop { far, edge: step.edge, tag: step.tag });
                }
                None => self.cut |= most.is_some(),
            }
        }
    }

    /// The edges between places by rank, sorted.
    fn show_edges(&self, direction: Direction, order: &[u32], rank: &[u32]) -> Vec<TracedEdge> {
        let show = |near: usize, hop: &Hop| {
            let (near, far) = (rank[near], rank[hop.far as usize]);
            let (from, to) = match direction {
                Direction::Upstream => (far, near),
                Direction::Downstream => (near, far),
            };
            TracedEdge { from, to, kind: tag_kind(hop.tag), state: tag_state(hop.tag), edge: EdgeIndex(hop.edge) }
        };
        let in_order = order.iter().flat_map(|near| self.hops_of(*near as usize).iter().map(|hop| (*near as usize, hop)));
        let mut edges: Vec<TracedEdge> = match direction {
            Direction::Downstream => in_order.map(|(near, hop)| show(near, hop)).collect(),
            Direction::Upstream => {
                // Into the row of each source, so that only short rows are left to be sorted.
                let mut next = vec![0u32; order.len() + 1];
                for hop in &self.hops {
                    next[rank[hop.far as usize] as usize + 1] += 1;
                }
                for at in 1..next.len() {
                    next[at] += next[at - 1];
                }
                let nothing = EdgeIndex(u32::MAX);
                let (kind, state) = (ColumnEdgeKind::Identity, crate::model::EdgeState::Guessed);
                let mut edges = vec![TracedEdge { from: 0, to: 0, kind, state, edge: nothing }; self.hops.len()];
                for (near, hop) in in_order {
                    let edge = show(near, hop);
                    let slot = &mut next[edge.from as usize];
                    edges[*slot as usize] = edge;
                    *slot += 1;
                }
                edges
            }
        };
        for row in edges.chunk_by_mut(|a, b| a.from == b.from) {
            row.sort_unstable();
        }
        edges.dedup();
        edges
    }

    fn hops_of(&self, at: usize) -> &[Hop] {
        match (self.rows.get(at), self.rows.get(at + 1)) {
            (Some(start), Some(end)) => &self.hops[*start as usize..*end as usize],
            _ => &[],
        }
    }

    /// The kinds of all paths from the start to each place; paths do not pass the start again.
    fn spread_kinds(&self, direction: Direction) -> Vec<EdgeKinds> {
        let after = kinds_after(direction);
        let count = self.depths.len();
        let mut kinds = vec![0u8; count];
        let mut spread = vec![0u8; count];
        let mut queued = vec![false; count];
        let mut queue: std::collections::VecDeque<u32> = (0..self.starts as u32).collect();
        while let Some(at) = queue.pop_front() {
            let at = at as usize;
            queued[at] = false;
            let is_start = at < self.starts;
            let fresh = kinds[at] & !spread[at];
            spread[at] |= fresh;
            for hop in self.hops_of(at) {
                let far = hop.far as usize;
                let kind = tag_kind(hop.tag) as usize;
                let add = if is_start { 1 << kind } else { after[kind][fresh as usize] };
                if far >= self.starts && kinds[far] | add != kinds[far] {
                    kinds[far] |= add;
                    if !queued[far] {
                        queued[far] = true;
                        queue.push_back(hop.far);
                    }
                }
            }
        }
        kinds.into_iter().map(kinds_of_bits).collect()
    }

    /// Places by depth, asset, path and suffix; and the rank of each.
    fn order(&self, walker: &Walker<'_>) -> (Vec<u32>, Vec<u32>) {
        let mut order: Vec<u32> = (0..self.depths.len() as u32).collect();
        let places = self.met.places();
        order.sort_unstable_by(|a, b| {
            let (p, q) = (places[*a as usize], places[*b as usize]);
            let depths = self.depths[*a as usize].cmp(&self.depths[*b as usize]);
            depths.then(p.column.cmp(&q.column)).then_with(|| walker.suffix(p.suffix).cmp(&walker.suffix(q.suffix)))
        });
        let mut rank = vec![0; order.len()];
        for (at, place) in order.iter().enumerate() {
            rank[*place as usize] = at as u32;
        }
        (order, rank)
    }
}

/// For each kind of a next edge and each set of kinds so far: the kinds after it.
fn kinds_after(direction: Direction) -> [[u8; 32]; 5] {
    let mut table = [[0u8; 32]; 5];
    for (row, next) in table.iter_mut().zip(ColumnEdgeKind::ALL) {
        for (bits, cell) in row.iter_mut().enumerate() {
            for so_far in kinds_of_bits(bits as u8).columns() {
                let path = match direction {
                    Direction::Upstream => next.then(so_far),
                    Direction::Downstream => so_far.then(next),
                };
                *cell |= 1 << path as u8;
            }
        }
    }
    table
}

fn kinds_of_bits(bits: u8) -> EdgeKinds {
    let kinds = ColumnEdgeKind::ALL.into_iter().filter(|kind| bits & (1 << *kind as u8) != 0);
    kinds.fold(EdgeKinds::NONE, EdgeKinds::with)
}
