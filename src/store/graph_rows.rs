//! What a graph is built from: assets, columns and edges of one run.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use rayon::prelude::*;
use sqlx::{Row, sqlite::SqliteRow};

use super::{
    AssetEdgeRow, AssetRow, ColumnEdgeRow, ColumnRow, GraphRows, PlacementRow, RoutineEdgeRow, RowEdgeRow, Store, StoreError,
    native_rows::{NamedColumn, join_native},
    pack::{self, PackedEdges},
};
use crate::model::{AssetId, AssetKind, AssetRole, ColumnId, DocumentId, EdgeState, EvidenceKind, RunNumber};

impl Store {
    /// Every asset of `run`, sorted by number.
    pub async fn load_assets(&self, run: RunNumber) -> Result<Vec<AssetRow>, StoreError> {
        self.assets_among(run, None).await
    }

    /// Assets of `run`, sorted by number: all, or those in a JSON list.
    pub(super) async fn assets_among(&self, run: RunNumber, only: Option<&str>) -> Result<Vec<AssetRow>, StoreError> {
        let statement = if only.is_some() {
            "SELECT asset.id, namespace, key, name, kind, role, environment FROM asset_state
             JOIN asset ON asset.id = asset_state.asset
             WHERE asset IN (SELECT value FROM json_each(?2))
                 AND valid_from <= ?1 AND (valid_to IS NULL OR ?1 < valid_to) ORDER BY asset.id"
        } else {
            "SELECT asset.id, namespace, key, name, kind, role, environment FROM asset_state
             JOIN asset ON asset.id = asset_state.asset
             WHERE ?2 IS NULL AND valid_from <= ?1 AND (valid_to IS NULL OR ?1 < valid_to) ORDER BY asset.id"
        };
        let rows = sqlx::query(statement).bind(run.0).bind(only).fetch_all(&self.readers).await?;
        let mut namespaces = Shared::default();
        rows.iter().map(|row| asset_row(row, &mut namespaces)).collect()
    }

    /// Everything that a graph of `run` is built from.
    pub async fn load_graph(&self, run: RunNumber) -> Result<GraphRows, StoreError> {
        let assets = self.load_assets(run).await?;
        let (placements, packed) = self.load_placements(run).await?;
        let analyses = placement_of_analyses(&packed);
        let asset_edges = self.load_asset_edges(run, &analyses).await?;
        let routine_edges = self.load_routine_edges(run).await?;
        let shown = self.load_shown(run).await?;
        let columns = sqlx::query("SELECT id, asset, key FROM column_ ORDER BY id").fetch_all(&self.readers).await?;
        let build = move || {
            let mut graph = GraphRows { run, assets, asset_edges, routine_edges, placements, ..GraphRows::default() };
            unpack_all(&mut graph, packed)?;
            if graph.placements.iter().any(|placement| placement.kind == EvidenceKind::Native) {
                let named = columns.iter().map(named_column).collect::<Result<Vec<_>, StoreError>>()?;
                join_native(&mut graph, &named);
            }
            sort_edges(&mut graph);
            graph.columns = used_columns(&graph, &columns, &shown)?;
            Ok(graph)
        };
        tokio::task::spawn_blocking(build).await.map_err(|error| StoreError::CutOff(error.to_string()))?
    }

    /// Placements of `run`, and of each its analysis with its packed edges.
    async fn load_placements(&self, run: RunNumber) -> Result<(Vec<PlacementRow>, Vec<PackedAnalysis>), StoreError> {
        let rows = sqlx::query(
            "SELECT document.id, source.name, document.path, version.commit_id, placement.stale,
                 CASE WHEN version.role = 'native' THEN 2 ELSE source.is_log END, placement.analysis, analysis.edges
             FROM placement
             JOIN analysis ON analysis.id = placement.analysis
             JOIN document ON document.id = placement.document
             JOIN source ON source.id = document.source
             LEFT JOIN document_version AS version ON version.document = document.id
                 AND version.valid_from <= ?1 AND (version.valid_to IS NULL OR ?1 < version.valid_to)
             WHERE placement.valid_from <= ?1 AND (placement.valid_to IS NULL OR ?1 < placement.valid_to)
             ORDER BY source.name, document.path, placement.ordinal",
        )
        .bind(run.0)
        .fetch_all(&self.readers)
        .await?;
        let mut sources = Shared::default();
        let mut placements = Vec::with_capacity(rows.len());
        let mut packed = Vec::with_capacity(rows.len());
        for row in &rows {
            placements.push(placement_row(row, &mut sources)?);
            packed.push(PackedAnalysis { analysis: row.try_get(6)?, edges: row.try_get(7)? });
        }
        Ok((placements, packed))
    }

    async fn load_asset_edges(
        &self,
        run: RunNumber,
        placements: &HashMap<i64, Vec<u32>>,
    ) -> Result<Vec<AssetEdgeRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT analysis, to_asset, from_asset, line FROM asset_edge WHERE analysis IN (
                 SELECT analysis FROM placement WHERE valid_from <= ?1 AND (valid_to IS NULL OR ?1 < valid_to))",
        )
        .bind(run.0)
        .fetch_all(&self.readers)
        .await?;
        let mut edges = Vec::with_capacity(rows.len());
        for row in &rows {
            let (to, from, line) = (AssetId(row.try_get(1)?), AssetId(row.try_get(2)?), row.try_get(3)?);
            let analysis: i64 = row.try_get(0)?;
            for placement in placements.get(&analysis).into_iter().flatten() {
                edges.push(AssetEdgeRow { to, from, placement: *placement, line });
            }
        }
        edges.sort_unstable();
        Ok(edges)
    }

    async fn load_routine_edges(&self, run: RunNumber) -> Result<Vec<RoutineEdgeRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT DISTINCT caller, routine FROM routine_edge WHERE analysis IN (
                 SELECT analysis FROM placement WHERE valid_from <= ?1 AND (valid_to IS NULL OR ?1 < valid_to))
             ORDER BY caller, routine",
        )
        .bind(run.0)
        .fetch_all(&self.readers)
        .await?;
        rows.iter()
            .map(|row| Ok(RoutineEdgeRow { caller: AssetId(row.try_get(0)?), routine: AssetId(row.try_get(1)?) }))
            .collect()
    }

    /// Shown names of columns that are not their keys, by asset.
    async fn load_shown(&self, run: RunNumber) -> Result<HashMap<u32, Vec<u8>>, StoreError> {
        let rows = sqlx::query(
            "SELECT asset, shown FROM inferred_columns
             WHERE valid_from <= ?1 AND (valid_to IS NULL OR ?1 < valid_to)",
        )
        .bind(run.0)
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
    }
}

struct PackedAnalysis {
    analysis: i64,
    edges: Vec<u8>,
}

/// Texts that many rows share.
#[derive(Default)]
pub(super) struct Shared(HashMap<String, Arc<str>>);

impl Shared {
    pub(super) fn get(&mut self, text: &str) -> Arc<str> {
        if let Some(shared) = self.0.get(text) {
            return shared.clone();
        }
        let shared: Arc<str> = Arc::from(text);
        self.0.insert(text.to_owned(), shared.clone());
        shared
    }
}

/// Reads (id, namespace, key, name, kind, role, environment).
pub(super) fn asset_row(row: &SqliteRow, namespaces: &mut Shared) -> Result<AssetRow, StoreError> {
    let (kind, role): (&str, &str) = (row.try_get(4)?, row.try_get(5)?);
    let key: Arc<str> = Arc::from(row.try_get::<&str, _>(2)?);
    let (name, environment): (&str, &str) = (row.try_get(3)?, row.try_get(6)?);
    Ok(AssetRow {
        id: AssetId(row.try_get(0)?),
        namespace: namespaces.get(row.try_get(1)?),
        name: if *key == *name { key.clone() } else { Arc::from(name) },
        key,
        kind: AssetKind::from_word(kind).ok_or_else(|| StoreError::Damaged(format!("asset kind {kind}")))?,
        role: AssetRole::from_word(role).ok_or_else(|| StoreError::Damaged(format!("asset role {role}")))?,
        environment: (!environment.is_empty()).then(|| namespaces.get(environment)),
    })
}

fn named_column(row: &SqliteRow) -> Result<NamedColumn<'_>, StoreError> {
    Ok(NamedColumn { id: ColumnId(row.try_get(0)?), asset: AssetId(row.try_get(1)?), key: row.try_get(2)? })
}

/// Reads (document, source, path, commit, stale, kind: 0 a file, 1 a query, 2 what a warehouse states).
pub(super) fn placement_row(row: &SqliteRow, sources: &mut Shared) -> Result<PlacementRow, StoreError> {
    Ok(PlacementRow {
        document: DocumentId(row.try_get(0)?),
        source: sources.get(row.try_get(1)?),
        path: Arc::from(row.try_get::<&str, _>(2)?),
        commit: row.try_get::<Option<&str>, _>(3)?.map(Arc::from),
        stale: row.try_get(4)?,
        kind: match row.try_get::<i64, _>(5)? {
            0 => EvidenceKind::Parsed,
            1 => EvidenceKind::Observed,
            _ => EvidenceKind::Native,
        },
    })
}

fn placement_of_analyses(packed: &[PackedAnalysis]) -> HashMap<i64, Vec<u32>> {
    let mut placements: HashMap<i64, Vec<u32>> = HashMap::with_capacity(packed.len());
    for (at, placed) in packed.iter().enumerate() {
        placements.entry(placed.analysis).or_default().push(at as u32);
    }
    placements
}

fn unpack_all(graph: &mut GraphRows, packed: Vec<PackedAnalysis>) -> Result<(), StoreError> {
    let unpacked: Vec<PackedEdges> =
        packed.into_par_iter().map(|placed| pack::unpack_edges(&placed.edges)).collect::<Result<_, _>>()?;
    graph.column_edges.reserve_exact(unpacked.iter().map(|edges| edges.columns.len()).sum());
    graph.row_edges.reserve_exact(unpacked.iter().map(|edges| edges.rows.len()).sum());
    for (placement, edges) in (0u32..).zip(unpacked) {
        let kind = graph.placements.get(placement as usize).map_or(EvidenceKind::Parsed, |placement| placement.kind);
        graph.column_edges.extend(edges.columns.into_iter().map(|edge| ColumnEdgeRow {
            to: ColumnId(edge.to),
            from: ColumnId(edge.from),
            kind: edge.kind,
            state: if edge.guessed { EdgeState::Guessed } else { kind.state() },
            placement,
            line: edge.line,
        }));
        graph.row_edges.extend(edges.rows.into_iter().map(|edge| RowEdgeRow {
            to: AssetId(edge.to_asset),
            from: ColumnId(edge.from),
            kind: edge.kind,
            placement,
            line: edge.line,
        }));
    }
    Ok(())
}

fn sort_edges(graph: &mut GraphRows) {
    let column_order = |edge: &ColumnEdgeRow| (edge.to, edge.from, edge.kind, edge.placement, edge.line, edge.state);
    graph.column_edges.par_sort_unstable_by_key(column_order);
    let row_order = |edge: &RowEdgeRow| (edge.to, edge.from, edge.kind, edge.placement, edge.line);
    graph.row_edges.par_sort_unstable_by_key(row_order);
}

/// The columns that edges name, with their shown names.
fn used_columns(graph: &GraphRows, columns: &[SqliteRow], shown: &HashMap<u32, Vec<u8>>) -> Result<Vec<ColumnRow>, StoreError> {
    let mut used: Vec<ColumnId> = graph.column_edges.iter().flat_map(|edge| [edge.to, edge.from]).collect();
    used.extend(graph.row_edges.iter().map(|edge| edge.from));
    used.par_sort_unstable();
    used.dedup();
    let mut names: HashMap<u32, BTreeMap<String, String>> = HashMap::new();
    let mut found = Vec::with_capacity(used.len());
    for row in columns {
        let id = ColumnId(row.try_get(0)?);
        if used.binary_search(&id).is_err() {
            continue;
        }
        let (asset, key): (u32, &str) = (row.try_get(1)?, row.try_get(2)?);
        let name = match (names.get(&asset), shown.get(&asset)) {
            (Some(names), _) => names.get(key).map_or(key, String::as_str),
            (None, Some(packed)) => {
                let names = names.entry(asset).or_insert(pack::unpack_json(packed)?);
                names.get(key).map_or(key, String::as_str)
            }
            (None, None) => key,
        };
        found.push(ColumnRow { id, asset: AssetId(asset), name: Arc::from(name) });
    }
    Ok(found)
}
