//! Traces through columns, and the impact of a change.

use serde::Serialize;

use super::{AssetRef, CatalogError, ColumnRef, Direction, Result, View};
use crate::model::{ColumnEdgeKind, EdgeState};

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
#[derive(Clone, Debug, PartialEq, Serialize)]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
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

/// What depends on an asset or a column.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ImpactAnswer {
    /// Of what.
    pub asset: AssetRef,
    /// The column; `None` for the whole asset.
    pub column: Option<String>,
    /// What depends on it, worst first.
    pub affected: Vec<Affected>,
    /// Owners of what depends on it with how many assets of theirs do, most first.
    pub owners: Vec<(String, u64)>,
    /// Whether the limit cut it off.
    pub cut: bool,
}

/// One asset that depends on another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Affected {
    /// The asset.
    pub asset: AssetRef,
    /// How bad.
    pub severity: ImpactSeverity,
    /// How it depends on it: the kinds of the last edges, sorted (`AGGREGATION`, `FILTER`, …).
    pub kinds: Vec<String>,
    /// Its columns that are affected, sorted; empty where its rows or the whole of it are.
    pub columns: Vec<String>,
    /// Edges between them on the shortest path.
    pub depth: u32,
    /// Owners' names.
    pub owners: Vec<String>,
}

/// How bad it is when a source changes or goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ImpactSeverity {
    /// People look at it: a dashboard, chart or metric.
    Seen,
    /// It breaks: it names the column or table itself.
    Breaks,
    /// Its values change: it is reached through others.
    Changes,
}

impl ImpactSeverity {
    /// The word used in output.
    pub fn word(self) -> &'static str {
        match self {
            ImpactSeverity::Seen => "seen",
            ImpactSeverity::Breaks => "breaks",
            ImpactSeverity::Changes => "changes",
        }
    }
}

impl View {
    /// Follows columns upstream or downstream: DIRECT, CONDITIONAL and WINDOW edges.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`] where there is no such asset or column.
    pub async fn trace(&self, query: &TraceQuery) -> Result<TraceAnswer> {
        Err(CatalogError::not_found(&query.namespace, &query.name))
    }

    /// All that depends on an asset, or on one column of it, row edges included.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`] where there is no such asset or column.
    pub async fn impact(&self, namespace: &str, name: &str, _column: Option<&str>) -> Result<ImpactAnswer> {
        Err(CatalogError::not_found(namespace, name))
    }
}
