//! Where the values of columns begin, and which columns they pass on the way.

use std::collections::BTreeSet;

use rustc_hash::{FxHashMap, FxHashSet};

use super::{Direction, View, calculations::RunCalculation};
use crate::model::{AssetId, AssetKind, ColumnEdgeKind, ColumnId};

/// Columns upstream of one that are looked at.
const FARTHEST: usize = 5_000;
/// Views that only hand on what they read, one behind the other.
const MOST_VIEWS: usize = 10;

/// Tables that nothing in the catalog makes → the only one that is made and has their schema and name in another
/// database: a share, a mirror or a project of views, whose definition stands in no file.
type Mirrors = FxHashMap<AssetId, AssetId>;

impl View {
    /// The asset that views which only hand on every row and column of one other lead to.
    pub(super) fn behind_copies(&self, asset: AssetId) -> AssetId {
        let mut at = asset;
        for _ in 0..MOST_VIEWS {
            match self.copied_by(at) {
                Some(source) => at = source,
                None => break,
            }
        }
        at
    }

    /// The only asset that a view reads, where it hands on its columns under their names, every row.
    fn copied_by(&self, asset: AssetId) -> Option<AssetId> {
        let row = self.asset(asset).filter(|row| row.kind == AssetKind::View)?;
        let upstream = self.graph.neighbours(row.id, Direction::Upstream);
        let [source] = upstream.as_slice() else { return None };
        if !self.graph.row_edges_into(asset).is_empty() {
            return None;
        }
        let columns = self.graph.columns_of(asset);
        let copies = |(column, path): &(ColumnId, &str)| {
            let edges = self.graph.column_edges(*column, Direction::Upstream);
            let [edge] = edges.as_slice() else { return false };
            let Some(edge) = self.graph.edge(*edge) else { return false };
            let same =
                self.graph.column(edge.from).is_some_and(|(from, name)| from == *source && name.eq_ignore_ascii_case(path));
            same && edge.kind == ColumnEdgeKind::Identity
        };
        (!columns.is_empty() && columns.iter().all(copies)).then_some(*source)
    }

    /// What each calculation is made of in the end, and which others it takes up on the way.
    pub(super) fn trace_calculations(&self, calculations: &mut [RunCalculation]) {
        let places: FxHashMap<ColumnId, usize> =
            calculations.iter().enumerate().map(|(at, calculation)| (calculation.column, at)).collect();
        let mirrors = self.find_mirrors();
        for calculation in calculations.iter_mut() {
            let (roots, passed) = self.trace_values(calculation.asset, calculation.column, &mirrors);
            calculation.roots = roots;
            calculation.takes_up = passed.iter().filter_map(|column| places.get(column).copied()).collect();
            calculation.takes_up.sort_unstable();
        }
    }

    /// Assets where the values of a column begin, sorted, and the columns on the way.
    fn trace_values(&self, asset: AssetId, column: ColumnId, mirrors: &Mirrors) -> (Vec<u32>, Vec<ColumnId>) {
        let (columns, passed) = self.walk_values(column, mirrors);
        let mut roots: BTreeSet<u32> =
            columns.into_iter().filter_map(|root| self.graph.column(root)).map(|(asset, _)| asset.0).collect();
        if roots.is_empty() {
            // What only counts rows is made of the tables it counts.
            roots
                .extend(self.graph.neighbours(asset, Direction::Upstream).into_iter().map(|source| self.behind_copies(source).0));
        }
        (roots.into_iter().collect(), passed)
    }

    /// Columns where the values of a column begin; of a count of what meets a condition, those that decide it.
    /// None where it has no source.
    pub(super) fn root_columns(&self, column: ColumnId) -> Vec<ColumnId> {
        let none = Mirrors::default();
        let direct = self.walk_values(column, &none).0;
        if direct.is_empty() { self.walk(column, &none, |_| true).0 } else { direct }
    }

    /// Columns where the values of a column begin, and all on the way to them.
    fn walk_values(&self, column: ColumnId, mirrors: &Mirrors) -> (Vec<ColumnId>, Vec<ColumnId>) {
        let direct = [ColumnEdgeKind::Identity, ColumnEdgeKind::Transformation, ColumnEdgeKind::Aggregation];
        self.walk(column, mirrors, |kind| direct.contains(&kind))
    }

    /// Where the edges `followed` upstream of a column end, and all columns on the way.
    fn walk(
        &self,
        column: ColumnId,
        mirrors: &Mirrors,
        followed: impl Fn(ColumnEdgeKind) -> bool,
    ) -> (Vec<ColumnId>, Vec<ColumnId>) {
        let (mut seen, mut roots) = (FxHashSet::from_iter([column]), Vec::new());
        let (mut waiting, mut passed) = (vec![column], Vec::new());
        while let Some(at) = waiting.pop() {
            let edges = self.graph.column_edges(at, Direction::Upstream).into_iter().filter_map(|edge| self.graph.edge(edge));
            let mut from: Vec<ColumnId> = edges.filter(|edge| followed(edge.kind)).map(|edge| edge.from).collect();
            if from.is_empty() {
                from.extend(self.mirrored(at, mirrors));
            }
            if from.is_empty() && at != column {
                roots.push(at);
            }
            for source in from {
                if seen.len() < FARTHEST && seen.insert(source) {
                    waiting.push(source);
                    passed.push(source);
                }
            }
        }
        (roots, passed)
    }

    /// What nothing makes, with what it probably shows. It says whose values a calculation takes up, and
    /// makes no edge: nothing is claimed of what it shows.
    fn find_mirrors(&self) -> Mirrors {
        let is_table = |kind: AssetKind| matches!(kind, AssetKind::Table | AssetKind::View);
        let is_made = |asset: AssetId| !self.graph.neighbours(asset, Direction::Upstream).is_empty();
        let (mut made, mut others) = (FxHashMap::<(&str, &str), Option<AssetId>>::default(), Vec::new());
        for row in self.assets.iter().filter(|row| is_table(row.kind)) {
            let Some((database, rest)) = row.key.split_once('.').filter(|(_, rest)| rest.contains('.')) else { continue };
            match is_made(row.id) {
                true => {
                    made.entry((&*row.namespace, rest)).and_modify(|only| *only = None).or_insert(Some(row.id));
                }
                false if !database.is_empty() => others.push((row.id, (&*row.namespace, rest))),
                false => {}
            }
        }
        others.into_iter().filter_map(|(asset, name)| Some((asset, (*made.get(&name)?)?))).collect()
    }

    /// The column that a column of a mirror shows.
    fn mirrored(&self, column: ColumnId, mirrors: &Mirrors) -> Option<ColumnId> {
        let (asset, path) = self.graph.column(column)?;
        self.graph.find_column(*mirrors.get(&asset)?, path)
    }
}
