//! Paths between two places, shortest first.

use super::{Direction, EdgeIndex, EdgeKinds, Path, Snapshot, Start, Trace, TraceQuery};
use crate::model::{ColumnEdgeKind, EdgeState};

/// Columns that are searched for paths.
const MOST_COLUMNS: usize = 200_000;
/// Steps taken in looking for paths.
const MOST_STEPS: usize = 500_000;

impl Snapshot {
    /// At most `most` paths from one place to another, shortest first. Empty where there is none, or an
    /// end is unknown. A place inside a struct is met by paths to the struct and to its fields.
    pub fn paths(&self, from: &Start, to: &Start, most: usize) -> Vec<Path> {
        let down = |start: &Start| TraceQuery { most: MOST_COLUMNS, ..TraceQuery::new(start.clone(), Direction::Downstream) };
        let Some(trace) = self.trace(&down(from)) else { return Vec::new() };
        let targets = self.find_targets(&trace, to);
        let mut finder = Finder::new(&trace, &targets);
        finder.find(most);
        finder.found
    }

    fn find_targets(&self, trace: &Trace, to: &Start) -> Vec<bool> {
        let wanted = match to {
            Start::Asset(asset) => Some((*asset, None)),
            Start::Column(column) => self.column(*column).map(|(asset, path)| (asset, Some(path.to_owned()))),
            Start::Path(asset, path) => Some((*asset, Some(path.clone()))),
        };
        let Some((asset, path)) = wanted else { return vec![false; trace.columns.len()] };
        let meets = |column: &super::TracedColumn| {
            column.asset == asset
                && path.as_deref().is_none_or(|path| {
                    let here = self.traced_path(column);
                    here.eq_ignore_ascii_case(path)
                        || super::columns::is_field_of(&here, path)
                        || super::columns::is_field_of(path, &here)
                })
        };
        trace.columns.iter().map(meets).collect()
    }
}

/// Lists simple paths of growing length within a trace.
struct Finder<'a> {
    trace: &'a Trace,
    targets: &'a [bool],
    rows: Vec<u32>,
    distances: Vec<u32>,
    found: Vec<Path>,
    steps: usize,
}

impl<'a> Finder<'a> {
    fn new(trace: &'a Trace, targets: &'a [bool]) -> Self {
        let count = trace.columns.len();
        let rows = (0..=count as u32).map(|at| trace.edges.partition_point(|edge| edge.from < at) as u32).collect();
        let distances = measure_distances(trace, targets);
        Finder { trace, targets, rows, distances, found: Vec::new(), steps: 0 }
    }

    fn find(&mut self, most: usize) {
        let starts: Vec<u32> =
            (0..self.trace.columns.len() as u32).filter(|at| self.trace.columns[*at as usize].depth == 0).collect();
        let Some(shortest) = starts.iter().map(|at| self.distances[*at as usize]).min().filter(|at| *at != u32::MAX) else {
            return;
        };
        let longest = self.trace.columns.len() as u32;
        let mut length = shortest.max(1);
        let mut idle = 0;
        while length <= longest && self.found.len() < most && self.steps < MOST_STEPS && idle < 64 {
            let before = self.found.len();
            for start in &starts {
                self.find_of_length(*start, length, most);
            }
            idle = if self.found.len() == before { idle + 1 } else { 0 };
            length += 1;
        }
    }

    /// Lists the simple paths of exactly `length` edges from `start`, depth first, in order.
    fn find_of_length(&mut self, start: u32, length: u32, most: usize) {
        let mut nodes = vec![start];
        let mut edges: Vec<u32> = Vec::new();
        let mut cursors = vec![self.rows[start as usize]];
        while let (Some(node), Some(cursor)) = (nodes.last().copied(), cursors.last_mut()) {
            if self.found.len() >= most || self.steps >= MOST_STEPS {
                return;
            }
            let at = *cursor;
            if at >= self.rows[node as usize + 1] {
                nodes.pop();
                cursors.pop();
                edges.pop();
                continue;
            }
            *cursor += 1;
            self.steps += 1;
            let far = self.trace.edges[at as usize].to;
            let left = length - edges.len() as u32 - 1;
            if self.distances[far as usize] > left || nodes.contains(&far) {
                continue;
            }
            if left == 0 {
                if self.targets[far as usize] {
                    edges.push(at);
                    self.keep(&edges);
                    edges.pop();
                }
                continue;
            }
            nodes.push(far);
            edges.push(at);
            cursors.push(self.rows[far as usize]);
        }
    }

    fn keep(&mut self, edges: &[u32]) {
        let edges: Vec<_> = edges.iter().filter_map(|at| self.trace.edges.get(*at as usize)).collect();
        let Some(first) = edges.first() else { return };
        let nodes = std::iter::once(first.from).chain(edges.iter().map(|edge| edge.to));
        let columns = nodes.filter_map(|at| self.trace.columns.get(at as usize).cloned()).collect();
        let kind = edges.iter().map(|edge| edge.kind).reduce(ColumnEdgeKind::then);
        let edges: Vec<(ColumnEdgeKind, EdgeState, EdgeIndex)> =
            edges.iter().map(|edge| (edge.kind, edge.state, edge.edge)).collect();
        let mut path = Path { columns, edges, kind };
        for (at, column) in path.columns.iter_mut().enumerate() {
            column.depth = at as u32;
            let so_far = path.edges.iter().take(at).map(|edge| edge.0).reduce(ColumnEdgeKind::then);
            column.kinds = so_far.map_or(EdgeKinds::NONE, |kind| EdgeKinds::NONE.with(kind));
        }
        self.found.push(path);
    }
}

/// Edges from each column to the nearest target; `u32::MAX` where none is reached.
fn measure_distances(trace: &Trace, targets: &[bool]) -> Vec<u32> {
    let count = trace.columns.len();
    let mut incoming: Vec<(u32, u32)> = trace.edges.iter().map(|edge| (edge.to, edge.from)).collect();
    incoming.sort_unstable();
    let mut distances = vec![u32::MAX; count];
    let mut queue: std::collections::VecDeque<u32> = (0..count as u32).filter(|at| targets[*at as usize]).collect();
    for at in &queue {
        distances[*at as usize] = 0;
    }
    while let Some(at) = queue.pop_front() {
        let first = incoming.partition_point(|edge| edge.0 < at);
        for (_, from) in incoming[first..].iter().take_while(|edge| edge.0 == at) {
            if distances[*from as usize] == u32::MAX {
                distances[*from as usize] = distances[at as usize] + 1;
                queue.push_back(*from);
            }
        }
    }
    distances
}
