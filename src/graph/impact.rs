//! Everything downstream of a start, through columns, rows and whole assets.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Direction, EdgeKinds, Impact, ImpactedAsset, Reach, Snapshot, Start,
    edges::{tag_kind, tag_row_kind},
    step::{Met, Place, Step, Walker, join},
};

impl Snapshot {
    /// All that depends on `start`, row edges and asset edges included, of at most `most` columns.
    /// `None` where the start is unknown.
    ///
    /// A row edge reaches every column of its asset. Where only assets are known to depend on each
    /// other, that is followed from assets that are reached as a whole.
    pub fn impact(&self, start: &Start, most: usize) -> Option<Impact> {
        let mut spread = Spread::new(self, most);
        let start_asset = spread.seed(start)?;
        spread.run();
        let reaches = spread.find_reaches();
        Some(spread.gather(start_asset, &reaches))
    }
}

/// A node of the spread: a place in a column, or an asset as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Node {
    Column(u32),
    Asset(u32),
}

struct Link {
    far: u32,
    reach: Reach,
    kinds: EdgeKinds,
}

/// The nodes reached, in the order of meeting, and the links between them.
struct Spread<'a> {
    walker: Walker<'a>,
    met: Met,
    most: usize,
    nodes: Vec<Node>,
    column_nodes: Vec<u32>,
    asset_nodes: Vec<u32>,
    depths: Vec<u32>,
    links: Vec<Link>,
    rows: Vec<u32>,
    seeds: usize,
    cut: bool,
}

impl<'a> Spread<'a> {
    fn new(snapshot: &'a Snapshot, most: usize) -> Self {
        Spread {
            walker: Walker::new(snapshot, Direction::Downstream, EdgeKinds::COLUMN),
            met: Met::new(snapshot.columns.len()),
            most,
            nodes: Vec::new(),
            column_nodes: Vec::new(),
            asset_nodes: vec![u32::MAX; snapshot.assets.len()],
            depths: Vec::new(),
            links: Vec::new(),
            rows: vec![0],
            seeds: 0,
            cut: false,
        }
    }

    fn seed(&mut self, start: &Start) -> Option<Option<u32>> {
        let snapshot = self.walker.snapshot;
        let mut start_asset = None;
        if let Start::Asset(asset) = start {
            let asset = snapshot.assets.index(*asset)?;
            self.meet_asset(asset, 0);
            start_asset = Some(asset);
        }
        for place in self.walker.start(start)? {
            self.meet_column(place, 0);
            start_asset = Some(snapshot.columns.asset(place.column));
        }
        self.seeds = self.nodes.len();
        Some(start_asset)
    }

    fn run(&mut self) {
        let mut steps = Vec::new();
        let mut at = 0;
        while at < self.nodes.len() {
            match self.nodes[at] {
                Node::Column(met) => self.leave_column(self.met.places()[met as usize], self.depths[at], &mut steps),
                Node::Asset(asset) => self.leave_asset(asset, self.depths[at]),
            }
            self.rows.push(self.links.len() as u32);
            at += 1;
        }
    }

    fn leave_column(&mut self, place: Place, depth: u32, steps: &mut Vec<Step>) {
        steps.clear();
        self.walker.steps(place, steps);
        for step in steps.iter() {
            let kind = tag_kind(step.tag);
            let reach = if kind.is_direct() { Reach::Values } else { Reach::Choice };
            if let Some(far) = self.meet_column(step.next, depth + 1) {
                self.links.push(Link { far, reach, kinds: EdgeKinds::NONE.with(kind) });
            }
        }
        for column in self.overlapping(place) {
            for (_, asset, tag) in self.walker.snapshot.row_edges.edges_out_of(column) {
                let far = self.meet_asset(asset, depth + 1);
                self.links.push(Link { far, reach: Reach::Rows, kinds: EdgeKinds::NONE.with_row(tag_row_kind(tag)) });
            }
        }
    }

    /// The columns whose row edges concern a place: itself, structs above, fields below, the star.
    fn overlapping(&self, place: Place) -> Vec<u32> {
        let columns = &self.walker.snapshot.columns;
        let mut all = vec![place.column];
        if place.suffix == 0 {
            all.extend(columns.fields(place.column));
        }
        let mut above = columns.parent(place.column);
        while above != super::columns::NONE {
            all.push(above);
            above = columns.parent(above);
        }
        let star = columns.star(columns.asset(place.column));
        if star != super::columns::NONE && star != place.column {
            all.push(star);
        }
        all
    }

    fn leave_asset(&mut self, asset: u32, depth: u32) {
        let snapshot = self.walker.snapshot;
        for column in snapshot.columns.of_asset(asset) {
            if let Some(far) = self.meet_column(Place::whole(column), depth) {
                self.links.push(Link { far, reach: Reach::Values, kinds: EdgeKinds::NONE });
            }
        }
        for pair in snapshot.assets.next_to(asset, Direction::Downstream) {
            if pair.kinds.is_empty() {
                let far = self.meet_asset(pair.other, depth + 1);
                self.links.push(Link { far, reach: Reach::Unknown, kinds: EdgeKinds::NONE });
            }
        }
    }

    fn meet_column(&mut self, place: Place, depth: u32) -> Option<u32> {
        let Some((met, is_new)) = self.met.meet(place, self.most) else {
            self.cut = true;
            return None;
        };
        if is_new {
            self.column_nodes.push(self.nodes.len() as u32);
            self.nodes.push(Node::Column(met));
            self.depths.push(depth);
        }
        self.column_nodes.get(met as usize).copied()
    }

    /// Meets an asset as a whole, and with it, at the same depth, its columns.
    fn meet_asset(&mut self, asset: u32, depth: u32) -> u32 {
        let known = self.asset_nodes[asset as usize];
        if known != u32::MAX {
            return known;
        }
        let node = self.nodes.len() as u32;
        self.asset_nodes[asset as usize] = node;
        self.nodes.push(Node::Asset(asset));
        self.depths.push(depth);
        for column in self.walker.snapshot.columns.of_asset(asset) {
            self.meet_column(Place::whole(column), depth);
        }
        node
    }

    /// The best reach of each node: every link on a path can only worsen it.
    fn find_reaches(&self) -> Vec<Option<Reach>> {
        const ORDER: [Reach; 4] = [Reach::Values, Reach::Choice, Reach::Rows, Reach::Unknown];
        let mut reaches: Vec<Option<Reach>> = vec![None; self.nodes.len()];
        let mut waiting: [Vec<u32>; 4] = Default::default();
        waiting[0].extend(0..self.seeds as u32);
        for (at, reach) in ORDER.into_iter().enumerate() {
            while let Some(node) = waiting[at].pop() {
                let node = node as usize;
                if reaches[node].is_some() {
                    continue;
                }
                reaches[node] = Some(reach);
                for link in &self.links[self.rows[node] as usize..self.rows[node + 1] as usize] {
                    if reaches[link.far as usize].is_none() {
                        waiting[link.reach.max(reach) as usize].push(link.far);
                    }
                }
            }
        }
        reaches
    }

    fn gather(&self, start_asset: Option<u32>, reaches: &[Option<Reach>]) -> Impact {
        let snapshot = self.walker.snapshot;
        let mut found: BTreeMap<u32, ImpactedAsset> = BTreeMap::new();
        for ((node, depth), reach) in self.nodes.iter().zip(&self.depths).zip(reaches) {
            let asset = self.asset_of(*node);
            let Some(reach) = reach.filter(|_| Some(asset) != start_asset) else { continue };
            let entry = found.entry(asset).or_insert_with(|| ImpactedAsset {
                asset: snapshot.assets.id(asset),
                reach,
                depth: *depth,
                kinds: EdgeKinds::NONE,
                columns: Vec::new(),
                rows: false,
            });
            entry.reach = entry.reach.min(reach);
            entry.depth = entry.depth.min(*depth);
        }
        let mut by_edge: BTreeMap<u32, BTreeSet<String>> = BTreeMap::new();
        for link in &self.links {
            let node = self.nodes[link.far as usize];
            let asset = self.asset_of(node);
            let Some(entry) = found.get_mut(&asset) else { continue };
            entry.kinds = entry.kinds.union(link.kinds);
            match node {
                Node::Asset(_) => entry.rows |= link.reach == Reach::Rows,
                Node::Column(met) if !link.kinds.is_empty() => {
                    by_edge.entry(asset).or_default().insert(self.path_of(met));
                }
                Node::Column(_) => {}
            }
        }
        for (asset, columns) in by_edge {
            if let Some(entry) = found.get_mut(&asset) {
                entry.columns = columns.into_iter().collect();
            }
        }
        let mut assets: Vec<(u32, ImpactedAsset)> = found.into_iter().collect();
        assets.sort_by(|(a, left), (b, right)| {
            let names = |at: &u32| snapshot.assets.all().get(*at as usize).map(|asset| (&asset.namespace, &asset.name));
            (left.reach, left.depth).cmp(&(right.reach, right.depth)).then_with(|| names(a).cmp(&names(b)))
        });
        Impact { assets: assets.into_iter().map(|(_, asset)| asset).collect(), cut: self.cut }
    }

    fn asset_of(&self, node: Node) -> u32 {
        match node {
            Node::Asset(asset) => asset,
            Node::Column(met) => self.walker.snapshot.columns.asset(self.met.places()[met as usize].column),
        }
    }

    fn path_of(&self, met: u32) -> String {
        let place = self.met.places()[met as usize];
        let suffix = self.walker.suffix(place.suffix).map_or("", |suffix| suffix);
        join(self.walker.snapshot.columns.path(place.column), suffix)
    }
}
