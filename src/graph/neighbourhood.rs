//! Choosing what is shown around an asset: nodes first, then ports, then edges.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use rustc_hash::FxHashMap;

use super::{
    Direction, EdgeKinds, GraphView, NeighbourhoodQuery, PortChoice, Snapshot, Start, TraceQuery, ViewEdge, ViewNode, ViewPort,
    edges::{tag_kind, tag_row_kind, tag_state},
};
use crate::model::{ColumnId, EdgeState};

impl Snapshot {
    /// The part of the graph around an asset. `None` where the focus is unknown.
    ///
    /// The nearest assets are shown, those on a path of the focused column first; edges of an asset
    /// with itself are not.
    pub fn neighbourhood(&self, query: &NeighbourhoodQuery) -> Option<GraphView> {
        let focus = self.assets.index(query.focus)?;
        let on_path = OnPath::find(self, query);
        let (nodes, left_out) = self.choose_nodes(focus, query, &on_path);
        let mut drawing = Drawing::new(self, query, nodes);
        drawing.choose_ports(&on_path);
        drawing.draw_path_edges(&on_path);
        if query.columns == PortChoice::All {
            drawing.draw_column_edges();
        }
        drawing.draw_row_edges();
        drawing.connect_assets();
        Some(drawing.finish(focus, left_out))
    }

    /// The assets to show with their distances, sorted by distance and name; and how many are left out.
    fn choose_nodes(&self, focus: u32, query: &NeighbourhoodQuery, on_path: &OnPath) -> (Vec<(u32, i32)>, u64) {
        let mut distances: FxHashMap<u32, i32> = FxHashMap::default();
        distances.insert(focus, 0);
        self.reach(focus, Direction::Upstream, query.up, query, &mut distances);
        self.reach(focus, Direction::Downstream, query.down, query, &mut distances);
        let mut open: Vec<_> = query.expanded.iter().collect();
        loop {
            let before = open.len();
            open.retain(|(asset, direction, depth)| match self.assets.index(*asset).filter(|at| distances.contains_key(at)) {
                Some(asset) => {
                    self.reach(asset, *direction, *depth, query, &mut distances);
                    false
                }
                None => true,
            });
            if open.len() == before {
                break;
            }
        }
        let name = |at: u32| self.assets.all().get(at as usize).map(|asset| (asset.deprecated, &asset.name, &asset.namespace));
        let mut nodes: Vec<(u32, i32)> = distances.into_iter().collect();
        nodes.sort_by(|(a, x), (b, y)| {
            let weight = |at: u32, distance: i32| (!on_path.assets.contains(&at), distance.unsigned_abs(), distance > 0);
            (*a != focus, weight(*a, *x)).cmp(&(*b != focus, weight(*b, *y))).then_with(|| name(*a).cmp(&name(*b))).then(a.cmp(b))
        });
        let left_out = nodes.len().saturating_sub(query.most_nodes.max(1)) as u64;
        nodes.truncate(query.most_nodes.max(1));
        nodes.sort_by(|(a, x), (b, y)| {
            let names = |at: u32| self.assets.all().get(at as usize).map(|asset| (&asset.name, &asset.namespace));
            x.cmp(y).then_with(|| names(*a).cmp(&names(*b))).then(a.cmp(b))
        });
        (nodes, left_out)
    }

    /// Adds what is within `depth` of an asset that has a distance; a smaller distance stays.
    fn reach(
        &self,
        from: u32,
        direction: Direction,
        depth: u32,
        query: &NeighbourhoodQuery,
        distances: &mut FxHashMap<u32, i32>,
    ) {
        let step = match direction {
            Direction::Upstream => -1,
            Direction::Downstream => 1,
        };
        let base = distances.get(&from).copied().unwrap_or(0);
        let mut seen: BTreeSet<u32> = BTreeSet::from([from]);
        let mut queue = VecDeque::from([(from, 0u32)]);
        while let Some((asset, far)) = queue.pop_front() {
            if far >= depth {
                continue;
            }
            for pair in self.assets.next_to(asset, direction) {
                if query.passes_over(self.assets.id(pair.other), pair.kinds) || !seen.insert(pair.other) {
                    continue;
                }
                let distance = base + step * (far as i32 + 1);
                let known = distances.entry(pair.other).or_insert(distance);
                if distance.abs() < known.abs() {
                    *known = distance;
                }
                queue.push_back((pair.other, far + 1));
            }
        }
    }
}

/// A column to be shown: asset and path.
type PortKey = (u32, String);

/// What lies on the paths through the focused column.
#[derive(Default)]
struct OnPath {
    assets: BTreeSet<u32>,
    ports: BTreeMap<PortKey, Option<ColumnId>>,
    edges: Vec<(PortKey, PortKey, EdgeKinds, EdgeState)>,
}

impl OnPath {
    fn find(snapshot: &Snapshot, query: &NeighbourhoodQuery) -> OnPath {
        let mut on_path = OnPath::default();
        let Some(path) = query.focus_column.clone() else { return on_path };
        if let Some(focus) = snapshot.assets.index(query.focus) {
            on_path.ports.insert((focus, path.clone()), None);
            on_path.assets.insert(focus);
        }
        let start = Start::Path(query.focus, path);
        let kinds = query.kinds.intersection(EdgeKinds::COLUMN);
        for direction in [Direction::Upstream, Direction::Downstream] {
            let trace = TraceQuery { kinds, ..TraceQuery::new(start.clone(), direction) };
            let Some(trace) = snapshot.trace(&trace) else { continue };
            let keys: Vec<Option<PortKey>> = trace
                .columns
                .iter()
                .map(|column| Some((snapshot.assets.index(column.asset)?, snapshot.traced_path(column))))
                .collect();
            for (column, key) in trace.columns.iter().zip(&keys) {
                let Some(key) = key else { continue };
                on_path.assets.insert(key.0);
                on_path.ports.insert(key.clone(), column.suffix.is_none().then_some(column.column));
            }
            for edge in &trace.edges {
                if let (Some(Some(from)), Some(Some(to))) = (keys.get(edge.from as usize), keys.get(edge.to as usize)) {
                    on_path.edges.push((from.clone(), to.clone(), EdgeKinds::NONE.with(edge.kind), edge.state));
                }
            }
        }
        on_path
    }
}

/// An end of an edge: a node and its port.
type End = (usize, Option<usize>);

/// A view being put together.
struct Drawing<'a> {
    snapshot: &'a Snapshot,
    query: &'a NeighbourhoodQuery,
    nodes: Vec<(u32, i32)>,
    places: FxHashMap<u32, usize>,
    ports: Vec<Vec<ViewPort>>,
    port_places: FxHashMap<PortKey, usize>,
    edges: BTreeMap<(End, End), (EdgeKinds, EdgeState, bool)>,
}

impl<'a> Drawing<'a> {
    fn new(snapshot: &'a Snapshot, query: &'a NeighbourhoodQuery, nodes: Vec<(u32, i32)>) -> Self {
        let places = nodes.iter().enumerate().map(|(at, (asset, _))| (*asset, at)).collect();
        let ports = vec![Vec::new(); nodes.len()];
        Drawing { snapshot, query, nodes, places, ports, port_places: FxHashMap::default(), edges: BTreeMap::new() }
    }

    fn choose_ports(&mut self, on_path: &OnPath) {
        if self.query.columns == PortChoice::None {
            return;
        }
        for ((asset, path), column) in &on_path.ports {
            if let Some(node) = self.places.get(asset) {
                self.ports[*node].push(ViewPort { path: path.clone(), column: *column, on_path: true });
            }
        }
        if self.query.columns == PortChoice::All {
            for node in 0..self.nodes.len() {
                self.add_touched_ports(node);
            }
        }
        for (node, ports) in self.ports.iter_mut().enumerate() {
            ports.sort_by(|a, b| (!a.on_path, &a.path).cmp(&(!b.on_path, &b.path)));
            ports.truncate(self.query.most_ports);
            let asset = self.nodes[node].0;
            ports.sort_by_key(|port| (self.snapshot.columns.find(asset, &port.path).unwrap_or(u32::MAX), port.path.clone()));
            for (at, port) in ports.iter().enumerate() {
                self.port_places.insert((asset, port.path.clone()), at);
            }
        }
    }

    /// Adds the columns of a node that an edge to another shown node touches.
    fn add_touched_ports(&mut self, node: usize) {
        let snapshot = self.snapshot;
        let asset = self.nodes[node].0;
        let known: BTreeSet<String> = self.ports[node].iter().map(|port| port.path.clone()).collect();
        for column in snapshot.columns.of_asset(asset) {
            let is_shown = |other: u32, tag: u8| {
                let far = snapshot.columns.asset(other);
                far != asset && self.query.kinds.has(tag_kind(tag)) && self.places.contains_key(&far)
            };
            let touched = snapshot.column_edges.edges_into(column).any(|(_, from, tag)| is_shown(from, tag))
                || snapshot.column_edges.edges_out_of(column).any(|(_, to, tag)| is_shown(to, tag));
            let path = snapshot.columns.path(column);
            if touched && !known.contains(path) {
                let port =
                    ViewPort { path: path.to_owned(), column: Some(ColumnId(snapshot.columns.id(column))), on_path: false };
                self.ports[node].push(port);
            }
        }
    }

    /// The end that stands for a column: its port, else its asset's node.
    fn end(&self, asset: u32, path: &str) -> Option<End> {
        let node = *self.places.get(&asset)?;
        Some((node, self.port_places.get(&(asset, path.to_owned())).copied()))
    }

    fn add(&mut self, from: End, to: End, kinds: EdgeKinds, state: EdgeState, on_path: bool) {
        if from.0 == to.0 {
            return;
        }
        let edge = self.edges.entry((from, to)).or_insert((kinds, state, on_path));
        *edge = (edge.0.union(kinds), edge.1.min(state), edge.2 || on_path);
    }

    fn draw_path_edges(&mut self, on_path: &OnPath) {
        if self.query.columns == PortChoice::None {
            return;
        }
        for ((from, from_path), (to, to_path), kinds, state) in &on_path.edges {
            if let Some((from, to)) = self.end(*from, from_path).zip(self.end(*to, to_path)) {
                self.add(from, to, *kinds, *state, true);
            }
        }
    }

    fn draw_column_edges(&mut self) {
        let snapshot = self.snapshot;
        for at in 0..self.nodes.len() {
            let asset = self.nodes[at].0;
            for column in snapshot.columns.of_asset(asset) {
                for (_, source, tag) in snapshot.column_edges.edges_into(column) {
                    if !self.query.kinds.has(tag_kind(tag)) {
                        continue;
                    }
                    let from = self.end(snapshot.columns.asset(source), snapshot.columns.path(source));
                    if let Some((from, to)) = from.zip(self.end(asset, snapshot.columns.path(column))) {
                        self.add(from, to, EdgeKinds::NONE.with(tag_kind(tag)), tag_state(tag), false);
                    }
                }
            }
        }
    }

    fn draw_row_edges(&mut self) {
        let snapshot = self.snapshot;
        for at in 0..self.nodes.len() {
            for (_, source, tag) in snapshot.row_edges.edges_into(self.nodes[at].0) {
                if !self.query.kinds.has_row(tag_row_kind(tag)) {
                    continue;
                }
                if let Some(from) = self.end(snapshot.columns.asset(source), snapshot.columns.path(source)) {
                    self.add(from, (at, None), EdgeKinds::NONE.with_row(tag_row_kind(tag)), EdgeState::Declared, false);
                }
            }
        }
    }

    /// Connects shown assets that read each other and have no edge drawn yet.
    fn connect_assets(&mut self) {
        let drawn: BTreeSet<(usize, usize)> = self.edges.keys().map(|(from, to)| (from.0, to.0)).collect();
        for at in 0..self.nodes.len() {
            for pair in self.snapshot.assets.next_to(self.nodes[at].0, Direction::Upstream) {
                let shown = self.places.get(&pair.other).copied().filter(|_| self.query.connects(pair.kinds));
                if let Some(from) = shown.filter(|from| !drawn.contains(&(*from, at))) {
                    self.add((from, None), (at, None), pair.kinds.difference(self.query.without), pair.state, false);
                }
            }
        }
    }

    fn finish(self, focus: u32, left_out: u64) -> GraphView {
        let shown = |asset: u32, direction: Direction| {
            let mut counts = (0, 0);
            for pair in self.snapshot.assets.next_to(asset, direction) {
                if self.query.passes_over(self.snapshot.assets.id(pair.other), pair.kinds) {
                    continue;
                }
                counts.1 += 1;
                counts.0 += u64::from(self.places.contains_key(&pair.other));
            }
            counts
        };
        let mut nodes = Vec::with_capacity(self.nodes.len());
        for ((at, distance), ports) in self.nodes.iter().zip(self.ports) {
            let Some(asset) = self.snapshot.assets.all().get(*at as usize) else { continue };
            // Readers may name fields and columns that the asset itself does not list.
            let known = match u64::from(asset.columns) {
                0 => self.snapshot.columns.of_asset(*at).len() as u64,
                listed => listed,
            };
            nodes.push(ViewNode {
                asset: asset.id,
                namespace: asset.namespace.clone(),
                name: asset.name.clone(),
                kind: asset.kind,
                role: asset.role,
                deprecated: asset.deprecated,
                distance: *distance,
                more_columns: known.saturating_sub(ports.len() as u64),
                ports,
                upstream: shown(*at, Direction::Upstream),
                downstream: shown(*at, Direction::Downstream),
            });
        }
        let edges = self.edges.into_iter().map(|((from, to), (kinds, state, on_path))| ViewEdge {
            from: from.0,
            from_port: from.1,
            to: to.0,
            to_port: to.1,
            kinds,
            state,
            on_path,
        });
        GraphView { focus: self.places.get(&focus).copied().unwrap_or(0), nodes, edges: edges.collect(), left_out }
    }
}
