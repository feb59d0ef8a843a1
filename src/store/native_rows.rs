//! What warehouses state of where tables and columns come from: as rows, and joined with what SQL says.

use std::collections::{BTreeSet, HashMap, HashSet};

use sqlx::Row;

use super::{AssetEdgeRow, ColumnEdgeRow, GraphRows, Store, StoreError, logs::number, pack, runs::to_json};
use crate::model::{
    AssetId, AssetKind, ColumnEdgeKind, ColumnId, DocumentId, EdgeState, EvidenceKind, NativeEdge, NativeSeen, RunNumber,
};

impl Store {
    /// What a log's warehouse states, by what is written.
    pub async fn native_edges(&self, source: i64) -> Result<Vec<(NativeEdge, NativeSeen)>, StoreError> {
        let rows = sqlx::query(
            "SELECT to_table, to_column, from_table, from_column, runs, first_at, last_at FROM native_edge WHERE source = ?1
             ORDER BY to_table, to_column, from_table, from_column",
        )
        .bind(source)
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(native_row).collect()
    }

    /// What the log called `source` states of the table `to`.
    pub async fn native_edges_into(&self, source: &str, to: &str) -> Result<HashMap<NativeEdge, NativeSeen>, StoreError> {
        let rows = sqlx::query(
            "SELECT to_table, to_column, from_table, from_column, runs, first_at, last_at FROM native_edge
             JOIN source ON source.id = native_edge.source WHERE source.name = ?1 AND to_table = ?2",
        )
        .bind(source)
        .bind(to)
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(native_row).collect()
    }

    /// What warehouses state of whole tables: (log, edge).
    pub async fn native_table_edges(&self) -> Result<HashMap<(String, NativeEdge), NativeSeen>, StoreError> {
        let rows = sqlx::query(
            "SELECT to_table, to_column, from_table, from_column, runs, first_at, last_at, source.name FROM native_edge
             JOIN source ON source.id = native_edge.source WHERE to_column = '' AND from_column = ''",
        )
        .fetch_all(&self.readers)
        .await?;
        rows.iter()
            .map(|row| {
                let (edge, seen) = native_row(row)?;
                Ok(((row.try_get(7)?, edge), seen))
            })
            .collect()
    }

    /// The texts of some documents as `run` sees them.
    pub async fn texts_of(&self, run: RunNumber, documents: &[DocumentId]) -> Result<HashMap<DocumentId, String>, StoreError> {
        let ids: Vec<u32> = documents.iter().map(|document| document.0).collect();
        let rows = sqlx::query(
            "SELECT version.document, form, body FROM document_version AS version JOIN text ON text.id = version.text
             WHERE version.document IN (SELECT value FROM json_each(?2))
                 AND valid_from <= ?1 AND (valid_to IS NULL OR ?1 < valid_to)",
        )
        .bind(run.0)
        .bind(to_json(&ids)?)
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(|row| Ok((DocumentId(row.try_get(0)?), pack::unpack_text(row.try_get(1)?, row.try_get(2)?)?))).collect()
    }
}

fn native_row(row: &sqlx::sqlite::SqliteRow) -> Result<(NativeEdge, NativeSeen), StoreError> {
    let edge =
        NativeEdge { to: row.try_get(0)?, to_column: row.try_get(1)?, from: row.try_get(2)?, from_column: row.try_get(3)? };
    Ok((edge, NativeSeen { runs: number(row, 4)?, first_at: row.try_get(5)?, last_at: row.try_get(6)? }))
}

/// A column with its key.
pub(super) struct NamedColumn<'r> {
    pub(super) id: ColumnId,
    pub(super) asset: AssetId,
    pub(super) key: &'r str,
}

/// Joins stated edges with those of SQL; `columns` are sorted by number.
///
/// A warehouse states that a column comes from another, not how: its edge takes the kinds that SQL gives
/// it, and is a TRANSFORMATION where SQL says nothing. What SQL had to guess is settled by it, and a star
/// that SQL left open is opened. Warehouses look through views: what only says so is left out.
pub(super) fn join_native(graph: &mut GraphRows, columns: &[NamedColumn<'_>]) {
    let kinds_of: Vec<EvidenceKind> = graph.placements.iter().map(|placement| placement.kind).collect();
    let kind_of = |at: u32| kinds_of.get(at as usize).copied().unwrap_or_default();
    let views: HashSet<AssetId> =
        graph.assets.iter().filter(|asset| asset.kind == AssetKind::View).map(|asset| asset.id).collect();
    let column = |id: ColumnId| columns.binary_search_by_key(&id, |column| column.id).ok().map(|at| &columns[at]);
    let in_view = |id: &ColumnId| column(*id).is_some_and(|column| views.contains(&column.asset));

    let (native, mut said): (Vec<_>, Vec<_>) =
        std::mem::take(&mut graph.column_edges).into_iter().partition(|edge| kind_of(edge.placement) == EvidenceKind::Native);
    let mut kinds: HashMap<(ColumnId, ColumnId), BTreeSet<ColumnEdgeKind>> =
        native.iter().map(|edge| ((edge.to, edge.from), BTreeSet::new())).collect();
    let mut stars: HashMap<(AssetId, AssetId), Vec<ColumnEdgeRow>> = HashMap::new();
    for edge in &mut said {
        if let Some(kinds) = kinds.get_mut(&(edge.to, edge.from)) {
            kinds.insert(edge.kind);
            if edge.state == EdgeState::Guessed {
                edge.state = kind_of(edge.placement).state();
            }
        }
        if let (Some(to), Some(from)) = (column(edge.to), column(edge.from))
            && (to.key, from.key) == ("*", "*")
        {
            stars.entry((to.asset, from.asset)).or_default().push(*edge);
        }
    }
    for (pair, kinds) in kinds.iter_mut().filter(|(_, kinds)| kinds.is_empty()) {
        let (Some(to), Some(from)) = (column(pair.0), column(pair.1)) else { continue };
        for star in stars.get(&(to.asset, from.asset)).into_iter().flatten().filter(|_| to.key == from.key) {
            kinds.insert(star.kind);
            said.push(ColumnEdgeRow { to: pair.0, from: pair.1, state: kind_of(star.placement).state(), ..*star });
        }
    }
    let alone: HashSet<_> = kinds.iter().filter(|(_, kinds)| kinds.is_empty()).map(|(pair, _)| *pair).collect();
    let through = through_views(&alone, said.iter().map(|edge| (edge.to, edge.from)), in_view);
    let mut between: HashSet<(AssetId, AssetId)> = HashSet::new();
    for edge in native.into_iter().filter(|edge| !through.contains(&(edge.to, edge.from))) {
        between.extend(column(edge.to).zip(column(edge.from)).map(|(to, from)| (to.asset, from.asset)));
        let known = &kinds[&(edge.to, edge.from)];
        let mut taken: Vec<ColumnEdgeKind> = known.iter().copied().filter(|kind| kind.is_direct()).collect();
        if taken.is_empty() {
            taken.extend(known);
        }
        if taken.is_empty() {
            taken.push(ColumnEdgeKind::Transformation);
        }
        said.extend(taken.into_iter().map(|kind| ColumnEdgeRow { kind, ..edge }));
    }
    graph.column_edges = said;
    join_native_tables(graph, &between, |edge| kind_of(edge.placement) == EvidenceKind::Native, &views);
}

/// Leaves out stated edges between tables that only look through views.
fn join_native_tables(
    graph: &mut GraphRows,
    between: &HashSet<(AssetId, AssetId)>,
    is_native: impl Fn(&AssetEdgeRow) -> bool,
    views: &HashSet<AssetId>,
) {
    let said = || graph.asset_edges.iter().filter(|edge| !is_native(edge)).map(|edge| (edge.to, edge.from));
    let mut alone: HashSet<_> =
        graph.asset_edges.iter().filter(|edge| is_native(edge)).map(|edge| (edge.to, edge.from)).collect();
    for pair in said().chain(between.iter().copied()) {
        alone.remove(&pair);
    }
    let through = through_views(&alone, said(), |asset| views.contains(asset));
    graph.asset_edges.retain(|edge| !through.contains(&(edge.to, edge.from)));
}

/// Those of `pairs` (to, from) between which a way of `edges` leads through nothing but views.
fn through_views<N: Copy + Eq + std::hash::Hash>(
    pairs: &HashSet<(N, N)>,
    edges: impl Iterator<Item = (N, N)>,
    is_view: impl Fn(&N) -> bool,
) -> HashSet<(N, N)> {
    if pairs.is_empty() {
        return HashSet::new();
    }
    let ends: HashSet<N> = pairs.iter().map(|(to, _)| *to).collect();
    let mut up: HashMap<N, Vec<N>> = HashMap::new();
    for (to, from) in edges.filter(|(to, _)| ends.contains(to) || is_view(to)) {
        up.entry(to).or_default().push(from);
    }
    let leads = |to: N, from: N| {
        let (mut seen, mut open) = (HashSet::from([to]), vec![to]);
        while let Some(at) = open.pop() {
            for next in up.get(&at).into_iter().flatten() {
                if *next == from {
                    return true;
                }
                if is_view(next) && seen.insert(*next) {
                    open.push(*next);
                }
            }
        }
        false
    };
    pairs.iter().copied().filter(|(to, from)| leads(*to, *from)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::AssetRole;
    use crate::store::{AssetRow, PlacementRow};

    const FILE: u32 = 0;
    const NATIVE: u32 = 1;

    fn graph(kinds: &[AssetKind]) -> GraphRows {
        let asset = |(at, kind): (usize, &AssetKind)| AssetRow {
            id: AssetId(at as u32),
            namespace: "dw".into(),
            name: "t".into(),
            key: "t".into(),
            kind: *kind,
            role: AssetRole::Model,
            environment: None,
        };
        let placement = |kind| PlacementRow {
            document: DocumentId(0),
            source: "s".into(),
            path: "p".into(),
            commit: None,
            stale: false,
            kind,
        };
        GraphRows {
            assets: kinds.iter().enumerate().map(asset).collect(),
            placements: vec![placement(EvidenceKind::Parsed), placement(EvidenceKind::Native)],
            ..GraphRows::default()
        }
    }

    fn edge(to: u32, from: u32, placement: u32, kind: ColumnEdgeKind, state: EdgeState) -> ColumnEdgeRow {
        ColumnEdgeRow { to: ColumnId(to), from: ColumnId(from), kind, state, placement, line: 1 }
    }

    /// A column an asset, of the same number.
    fn columns(count: u32) -> Vec<NamedColumn<'static>> {
        (0..count).map(|at| NamedColumn { id: ColumnId(at), asset: AssetId(at), key: "a" }).collect()
    }

    #[test]
    fn a_guess_is_settled_and_kinds_are_those_of_sql() {
        use ColumnEdgeKind::{Aggregation, Conditional, Transformation};
        let mut rows = graph(&[AssetKind::Table; 3]);
        rows.column_edges = vec![
            edge(0, 1, FILE, Aggregation, EdgeState::Guessed),
            edge(0, 1, FILE, Conditional, EdgeState::Declared),
            edge(0, 2, FILE, Conditional, EdgeState::Guessed),
            edge(0, 1, NATIVE, Transformation, EdgeState::Observed),
        ];
        join_native(&mut rows, &columns(3));
        let expected = [
            edge(0, 1, FILE, Aggregation, EdgeState::Declared),
            edge(0, 1, FILE, Conditional, EdgeState::Declared),
            edge(0, 2, FILE, Conditional, EdgeState::Guessed),
            edge(0, 1, NATIVE, Aggregation, EdgeState::Observed),
        ];
        assert_eq!(rows.column_edges, expected);
    }

    #[test]
    fn what_only_looks_through_views_is_left_out() {
        use ColumnEdgeKind::{Identity, Transformation};
        for (middle, kept) in [(AssetKind::View, 2), (AssetKind::Table, 3)] {
            let mut rows = graph(&[AssetKind::Table, middle, AssetKind::Table]);
            rows.column_edges = vec![
                edge(0, 1, FILE, Identity, EdgeState::Declared),
                edge(1, 2, FILE, Identity, EdgeState::Declared),
                edge(0, 2, NATIVE, Transformation, EdgeState::Observed),
            ];
            let table = |to, from, placement| AssetEdgeRow { to: AssetId(to), from: AssetId(from), placement, line: 1 };
            rows.asset_edges = vec![table(0, 1, FILE), table(1, 2, FILE), table(0, 2, NATIVE)];
            join_native(&mut rows, &columns(3));
            assert_eq!((rows.column_edges.len(), rows.asset_edges.len()), (kept, kept), "{middle:?}");
        }
    }
}
