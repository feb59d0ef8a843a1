//! `export --jsonl`: the whole catalog of one run, sorted, one JSON object per line (PROTOCOL).

use std::{collections::HashMap, io::Write, sync::Arc};

use serde::Serialize;
use sqlx::Row;
use tokio::sync::mpsc;

use super::{
    AssetEdgeRow, AssetRow, DeclaredSchema, FactRow, GraphRows, InferredColumns, PlacementRow, Store, StoreError, assets::Sheet,
};
use crate::model::{AssetId, ColumnEdgeKind, ColumnId, EdgeState, FactKind, RowEdgeKind, RunNumber};

/// How many assets' sheets are loaded at a time.
const SHEETS: usize = 500;
/// How many bytes of lines travel at a time.
const CHUNK: usize = 256 << 10;

impl Store {
    /// Writes the whole catalog of `run`, sorted, one JSON object per line.
    pub async fn export(&self, run: RunNumber, out: &mut (dyn Write + Send)) -> Result<(), StoreError> {
        let graph = self.load_graph(run).await?;
        self.export_assets(run, &graph, out).await?;
        let (sender, mut receiver) = mpsc::channel(4);
        let edges = tokio::task::spawn_blocking(move || write_edges(&graph, sender));
        while let Some(lines) = receiver.recv().await {
            out.write_all(&lines).map_err(StoreError::Output)?;
        }
        edges.await.map_err(|error| StoreError::CutOff(error.to_string()))??;
        for row in self.diagnostics(run).await? {
            let line = Line::Diagnostic {
                code: &row.code,
                severity: row.severity.word(),
                path: &row.path,
                line: row.line,
                message: &row.message,
            };
            write_line(out, &line)?;
        }
        Ok(())
    }

    async fn export_assets(&self, run: RunNumber, graph: &GraphRows, out: &mut (dyn Write + Send)) -> Result<(), StoreError> {
        let stale = self.stale_assets(run).await?;
        let mut assets: Vec<&AssetRow> = graph.assets.iter().collect();
        assets.sort_unstable_by_key(|asset| identity(asset));
        for some in assets.chunks(SHEETS) {
            let ids: Vec<AssetId> = some.iter().map(|asset| asset.id).collect();
            let sheets = self.load_sheets(run, &ids).await?;
            for asset in some {
                if let Some(sheet) = sheets.get(&asset.id) {
                    write_line(out, &asset_line(asset, sheet, stale.binary_search(&asset.id).is_ok()))?;
                }
            }
        }
        Ok(())
    }

    /// Assets that only stale lineage speaks of, sorted.
    async fn stale_assets(&self, run: RunNumber) -> Result<Vec<AssetId>, StoreError> {
        let rows = sqlx::query(
            "SELECT asset FROM asset_state WHERE stale AND valid_from <= ?1 AND (valid_to IS NULL OR ?1 < valid_to)
             ORDER BY asset",
        )
        .bind(run.0)
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(|row| Ok(AssetId(row.try_get(0)?))).collect()
    }
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Line<'a> {
    Asset {
        namespace: &'a str,
        name: &'a str,
        kind: &'static str,
        role: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        environment: Option<&'a str>,
        #[serde(skip_serializing_if = "<[String]>::is_empty")]
        aliases: &'a [String],
        documents: Vec<&'a str>,
        owners: Vec<Owner<'a>>,
        deprecated: Option<Deprecated<'a>>,
        description: Option<&'a str>,
        declared_columns: Vec<Declared<'a>>,
        inferred_columns: Option<&'a [String]>,
        inferred_complete: bool,
        #[serde(skip_serializing_if = "is_false")]
        stale: bool,
    },
    ColumnEdge {
        from: Column<'a>,
        to: Column<'a>,
        kind: &'static str,
        state: &'static str,
        evidence: Vec<Evidence<'a>>,
    },
    RowEdge {
        from: Column<'a>,
        to: Asset<'a>,
        kind: &'static str,
        evidence: Vec<Evidence<'a>>,
    },
    AssetEdge {
        from: Asset<'a>,
        to: Asset<'a>,
        evidence: Vec<Evidence<'a>>,
    },
    RoutineEdge {
        from: Asset<'a>,
        to: Asset<'a>,
    },
    Diagnostic {
        code: &'a str,
        severity: &'static str,
        path: &'a str,
        line: u32,
        message: &'a str,
    },
}

#[derive(Serialize)]
struct Owner<'a> {
    name: &'a str,
    from: &'a str,
}

#[derive(Serialize)]
struct Deprecated<'a> {
    note: &'a str,
    replacement: Option<&'a str>,
    date: Option<&'a str>,
    from: &'a str,
}

#[derive(Serialize)]
struct Declared<'a> {
    name: &'a str,
    #[serde(rename = "type")]
    data_type: &'a str,
    description: Option<&'a str>,
}

#[derive(Clone, Copy, Serialize)]
struct Asset<'a> {
    namespace: &'a str,
    name: &'a str,
}

#[derive(Clone, Copy, Serialize)]
struct Column<'a> {
    namespace: &'a str,
    name: &'a str,
    column: &'a str,
}

#[derive(Serialize)]
struct Evidence<'a> {
    how: &'static str,
    path: &'a str,
    line: u32,
    commit: Option<&'a str>,
    #[serde(skip_serializing_if = "is_false")]
    stale: bool,
}

fn is_false(value: &bool) -> bool {
    !*value
}

fn identity(asset: &AssetRow) -> (Arc<str>, Arc<str>) {
    (asset.namespace.clone(), asset.key.clone())
}

fn asset_line<'a>(asset: &'a AssetRow, sheet: &'a Sheet, stale: bool) -> Line<'a> {
    let mut documents: Vec<&str> =
        sheet.writers.iter().filter(|placement| stale || !placement.stale).map(|placement| &*placement.path).collect();
    documents.sort_unstable();
    documents.dedup();
    let inferred: Option<&InferredColumns> = sheet.inferred.as_ref();
    Line::Asset {
        namespace: &asset.namespace,
        name: &asset.name,
        kind: asset.kind.word(),
        role: asset.role.word(),
        environment: asset.environment.as_deref(),
        aliases: &sheet.aliases,
        documents,
        owners: sheet.facts.iter().filter_map(owner).collect(),
        deprecated: sheet.facts.iter().find_map(deprecated),
        description: sheet.facts.iter().find_map(description),
        declared_columns: sheet.declared.first().map(declared).unwrap_or_default(),
        inferred_columns: inferred.map(|inferred| inferred.columns.as_slice()),
        inferred_complete: inferred.is_some_and(|inferred| inferred.complete),
        stale,
    }
}

fn owner(fact: &FactRow) -> Option<Owner<'_>> {
    match &fact.what {
        FactKind::Owner { name } => Some(Owner { name, from: &fact.path }),
        _ => None,
    }
}

fn deprecated(fact: &FactRow) -> Option<Deprecated<'_>> {
    match &fact.what {
        FactKind::Deprecated { note, date, replacement } => {
            Some(Deprecated { note, replacement: replacement.as_deref(), date: date.as_deref(), from: &fact.path })
        }
        _ => None,
    }
}

fn description(fact: &FactRow) -> Option<&str> {
    match &fact.what {
        FactKind::Description { text } => Some(text),
        _ => None,
    }
}

fn declared(schema: &DeclaredSchema) -> Vec<Declared<'_>> {
    let columns = schema.columns.iter();
    columns
        .map(|column| Declared { name: &column.name, data_type: &column.data_type, description: column.description.as_deref() })
        .collect()
}

/// Assets and columns of a graph, ranked by name.
struct Names<'a> {
    assets: HashMap<AssetId, (usize, Asset<'a>)>,
    columns: HashMap<ColumnId, (usize, Column<'a>)>,
}

impl<'a> Names<'a> {
    fn new(graph: &'a GraphRows) -> Names<'a> {
        let mut sorted: Vec<&AssetRow> = graph.assets.iter().collect();
        sorted.sort_unstable_by_key(|asset| identity(asset));
        let named = |asset: &'a AssetRow| Asset { namespace: &asset.namespace, name: &asset.name };
        let assets: HashMap<AssetId, (usize, Asset<'a>)> =
            sorted.into_iter().enumerate().map(|(rank, asset)| (asset.id, (rank, named(asset)))).collect();
        let mut columns: Vec<_> = graph
            .columns
            .iter()
            .filter_map(|column| {
                let (rank, Asset { namespace, name }) = *assets.get(&column.asset)?;
                Some((rank, Column { namespace, name, column: &column.name }, column.id))
            })
            .collect();
        columns.sort_unstable_by_key(|(rank, column, id)| (*rank, column.column, *id));
        let columns = columns.into_iter().enumerate().map(|(rank, (_, column, id))| (id, (rank, column))).collect();
        Names { assets, columns }
    }
}

fn write_edges(graph: &GraphRows, sender: mpsc::Sender<Vec<u8>>) -> Result<(), StoreError> {
    let names = Names::new(graph);
    let mut lines = Lines { buffer: Vec::with_capacity(CHUNK + 4096), sender };
    write_column_edges(graph, &names, &mut lines)?;
    write_row_edges(graph, &names, &mut lines)?;
    write_asset_edges(graph, &names, &mut lines)?;
    let mut calls: Vec<_> = graph
        .routine_edges
        .iter()
        .filter_map(|edge| Some((names.assets.get(&edge.caller)?, names.assets.get(&edge.routine)?)))
        .collect();
    calls.sort_unstable_by_key(|(from, to)| (from.0, to.0));
    for (from, to) in calls {
        lines.write(&Line::RoutineEdge { from: from.1, to: to.1 })?;
    }
    lines.flush()
}

fn write_column_edges(graph: &GraphRows, names: &Names<'_>, lines: &mut Lines) -> Result<(), StoreError> {
    let mut edges: Vec<((usize, usize, ColumnEdgeKind), usize)> = Vec::with_capacity(graph.column_edges.len());
    for (at, edge) in graph.column_edges.iter().enumerate() {
        if let (Some((from, _)), Some((to, _))) = (names.columns.get(&edge.from), names.columns.get(&edge.to)) {
            edges.push(((*from, *to, edge.kind), at));
        }
    }
    edges.sort_unstable();
    for group in edges.chunk_by(|one, other| one.0 == other.0) {
        let rows: Vec<_> = group.iter().map(|(_, at)| &graph.column_edges[*at]).collect();
        let (kept, evidence) = evidence(graph, rows.iter().map(|edge| (edge.placement, edge.line)));
        let states = kept.iter().map(|at| rows[*at].state);
        let state = states.reduce(EdgeState::and).unwrap_or(EdgeState::Guessed);
        if let (Some((_, from)), Some((_, to))) = (names.columns.get(&rows[0].from), names.columns.get(&rows[0].to)) {
            let kind = rows[0].kind.word();
            lines.write(&Line::ColumnEdge { from: *from, to: *to, kind, state: state.word(), evidence })?;
        }
    }
    Ok(())
}

fn write_row_edges(graph: &GraphRows, names: &Names<'_>, lines: &mut Lines) -> Result<(), StoreError> {
    let mut edges: Vec<((usize, usize, RowEdgeKind), usize)> = Vec::with_capacity(graph.row_edges.len());
    for (at, edge) in graph.row_edges.iter().enumerate() {
        if let (Some((from, _)), Some((to, _))) = (names.columns.get(&edge.from), names.assets.get(&edge.to)) {
            edges.push(((*from, *to, edge.kind), at));
        }
    }
    edges.sort_unstable();
    for group in edges.chunk_by(|one, other| one.0 == other.0) {
        let rows: Vec<_> = group.iter().map(|(_, at)| &graph.row_edges[*at]).collect();
        let (_, evidence) = evidence(graph, rows.iter().map(|edge| (edge.placement, edge.line)));
        if let (Some((_, from)), Some((_, to))) = (names.columns.get(&rows[0].from), names.assets.get(&rows[0].to)) {
            lines.write(&Line::RowEdge { from: *from, to: *to, kind: rows[0].kind.word(), evidence })?;
        }
    }
    Ok(())
}

fn write_asset_edges(graph: &GraphRows, names: &Names<'_>, lines: &mut Lines) -> Result<(), StoreError> {
    let mut edges: Vec<((usize, usize), &AssetEdgeRow)> = Vec::with_capacity(graph.asset_edges.len());
    for edge in &graph.asset_edges {
        if let (Some((from, _)), Some((to, _))) = (names.assets.get(&edge.from), names.assets.get(&edge.to)) {
            edges.push(((*from, *to), edge));
        }
    }
    edges.sort_unstable();
    for group in edges.chunk_by(|one, other| one.0 == other.0) {
        let (_, evidence) = evidence(graph, group.iter().map(|(_, edge)| (edge.placement, edge.line)));
        let edge = group[0].1;
        if let (Some((_, from)), Some((_, to))) = (names.assets.get(&edge.from), names.assets.get(&edge.to)) {
            lines.write(&Line::AssetEdge { from: *from, to: *to, evidence })?;
        }
    }
    Ok(())
}

/// The evidence of one edge, sorted, and which of `places` it is made of: stale places count only
/// where nothing else holds the edge up.
fn evidence(graph: &GraphRows, places: impl Iterator<Item = (u32, u32)>) -> (Vec<usize>, Vec<Evidence<'_>>) {
    let places: Vec<(usize, &PlacementRow, u32)> = places
        .enumerate()
        .filter_map(|(at, (placement, line))| Some((at, graph.placements.get(placement as usize)?, line)))
        .collect();
    let only_stale = places.iter().all(|(_, placement, _)| placement.stale);
    let mut kept: Vec<_> = places.into_iter().filter(|(_, placement, _)| only_stale || !placement.stale).collect();
    kept.sort_unstable_by_key(|(_, placement, line)| (&placement.path, *line, &placement.source));
    let indexes = kept.iter().map(|(at, ..)| *at).collect();
    let evidence = kept
        .into_iter()
        .map(|(_, placement, line)| Evidence {
            how: placement.kind.word(),
            path: &placement.path,
            line,
            commit: placement.commit.as_deref(),
            stale: placement.stale,
        })
        .collect();
    (indexes, evidence)
}

/// Lines on their way to another thread.
struct Lines {
    buffer: Vec<u8>,
    sender: mpsc::Sender<Vec<u8>>,
}

impl Lines {
    fn write(&mut self, line: &Line<'_>) -> Result<(), StoreError> {
        write_line(&mut self.buffer, line)?;
        if self.buffer.len() >= CHUNK { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        let lines = std::mem::replace(&mut self.buffer, Vec::with_capacity(CHUNK + 4096));
        self.sender.blocking_send(lines).map_err(|_| StoreError::CutOff("the output was closed".into()))
    }
}

fn write_line(out: &mut (impl Write + ?Sized), line: &Line<'_>) -> Result<(), StoreError> {
    serde_json::to_writer(&mut *out, line).map_err(|error| StoreError::Output(error.into()))?;
    out.write_all(b"\n").map_err(StoreError::Output)
}
