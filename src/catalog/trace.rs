//! Traces through columns.

use std::sync::Arc;

use serde::Serialize;

use super::{AssetRef, CatalogError, ColumnRef, Direction, Result, View};
use crate::{
    graph::{EdgeKinds, Start, TraceQuery as GraphTrace},
    model::{AssetId, ColumnEdgeKind, EdgeState},
};

/// A trace to run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TraceQuery {
    /// The asset's namespace.
    pub namespace: String,
    /// The asset's name.
    pub name: String,
    /// The column; `None` for every column of the asset.
    pub column: Option<String>,
    /// Which way.
    pub direction: Direction,
    /// How many edges far at most; `None` without limit.
    pub depth: Option<u32>,
    /// Edge kinds that are followed; empty for all.
    pub kinds: Vec<ColumnEdgeKind>,
    /// Columns at most; 0 means [`TraceQuery::MOST`].
    pub most: usize,
}

impl TraceQuery {
    /// Columns at most where the query names no other number.
    pub const MOST: usize = 20_000;
}

/// The columns that a trace reached.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct TraceAnswer {
    /// Where it started.
    pub asset: AssetRef,
    /// The column it started at; `None` for the whole asset.
    pub column: Option<String>,
    /// Which way.
    pub direction: Direction,
    /// Columns reached, nearest first, the start (depth 0) among them.
    pub columns: Vec<TracedColumn>,
    /// The edges between them: `from` and `to` are indexes into `columns`, in the direction of the
    /// data.
    pub edges: Vec<TracedEdge>,
    /// Assets reached only as a whole (columns unknown), nearest first.
    pub assets: Vec<(AssetRef, u32)>,
    /// Whether the limit cut it off.
    pub cut: bool,
}

/// One column that a trace reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct TracedColumn {
    /// The column.
    pub column: ColumnRef,
    /// Edges from the start on the shortest path.
    pub depth: u32,
    /// The kind of the path from it to the start (or from the start to it): AGGREGATION beats
    /// TRANSFORMATION beats IDENTITY; `None` for the start.
    pub kind: Option<ColumnEdgeKind>,
    /// Whether the trace ends here because nothing is known beyond.
    pub is_end: bool,
    /// Columns that decide which rows of its asset exist: how many.
    pub row_edges: u64,
}

/// One edge of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, utoipa::ToSchema)]
pub struct TracedEdge {
    /// The source, an index into [`TraceAnswer::columns`].
    pub from: usize,
    /// The target, an index into [`TraceAnswer::columns`].
    pub to: usize,
    /// How the source takes part.
    pub kind: ColumnEdgeKind,
    /// What holds it up.
    pub state: EdgeState,
}

impl View {
    /// Follows columns upstream or downstream: DIRECT, CONDITIONAL and WINDOW edges.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`] where there is no such asset or column.
    pub async fn trace(&self, query: &TraceQuery) -> Result<TraceAnswer> {
        let asset = self.demand(&query.namespace, &query.name)?;
        let (id, pointer) = (asset.id, self.point_at(asset));
        let column = self.demand_column(asset, query.column.as_deref()).await?;
        let asked = GraphTrace {
            start: start(id, column.as_deref()),
            direction: query.direction,
            depth: query.depth,
            kinds: if query.kinds.is_empty() {
                EdgeKinds::COLUMN
            } else {
                query.kinds.iter().fold(EdgeKinds::NONE, |kinds, kind| kinds.with(*kind))
            },
            most: if query.most == 0 { TraceQuery::MOST } else { query.most },
        };
        let graph = Arc::clone(&self.graph);
        let found = tokio::task::spawn_blocking(move || graph.trace(&asked)).await;
        let found = found.map_err(|cause| CatalogError::broken("tracing", cause))?.unwrap_or_default();
        let unknown = AssetRef { name: String::new(), ..pointer.clone() };
        let columns = found
            .columns
            .iter()
            .map(|traced| {
                let path = self.graph.column(traced.column).map_or("", |(_, path)| path);
                TracedColumn {
                    column: ColumnRef {
                        asset: self.point(traced.asset).unwrap_or_else(|| unknown.clone()),
                        column: join_path(path, traced.suffix.as_deref()),
                    },
                    depth: traced.depth,
                    kind: traced.kind(),
                    is_end: traced.is_end,
                    row_edges: u64::from(traced.row_edges),
                }
            })
            .collect();
        Ok(TraceAnswer {
            asset: pointer,
            column,
            direction: query.direction,
            columns,
            edges: found
                .edges
                .iter()
                .map(|edge| TracedEdge { from: edge.from as usize, to: edge.to as usize, kind: edge.kind, state: edge.state })
                .collect(),
            assets: found.assets.into_iter().filter_map(|(asset, depth)| Some((self.point(asset)?, depth))).collect(),
            cut: found.cut,
        })
    }

    /// The column as declared, or the error that says there is none; `None` where none is asked for.
    pub(super) async fn demand_column(&self, asset: &crate::store::AssetRow, column: Option<&str>) -> Result<Option<String>> {
        let Some(column) = column else { return Ok(None) };
        match self.find_column(asset, column).await? {
            Some(found) => Ok(Some(found)),
            None => Err(CatalogError::not_found(&asset.namespace, &format!("{}.{column}", asset.name))),
        }
    }
}

pub(super) fn start(asset: AssetId, column: Option<&str>) -> Start {
    match column {
        Some(column) => Start::Path(asset, column.to_owned()),
        None => Start::Asset(asset),
    }
}

/// `items` and `sku` → `items.sku`; a star gives way to what was asked of it.
fn join_path(path: &str, suffix: Option<&str>) -> String {
    match suffix {
        None | Some("") => path.to_owned(),
        Some(suffix) if path == "*" => suffix.to_owned(),
        Some(suffix) => format!("{path}.{suffix}"),
    }
}
