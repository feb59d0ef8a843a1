//! Questions to a snapshot and the shapes of their answers.

use std::sync::Arc;

use serde::Serialize;

use super::{Direction, EdgeKinds};
use crate::model::{AssetId, ColumnEdgeKind, ColumnId, EdgeState};

/// Where a walk starts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Start {
    /// All columns of an asset, and the asset itself.
    Asset(AssetId),
    /// One numbered column.
    Column(ColumnId),
    /// A column by its path, numbered or not: what flows through a struct above it, a field below it
    /// or a star of its asset counts.
    Path(AssetId, String),
}

/// A trace to run.
#[derive(Clone, Debug)]
pub struct TraceQuery {
    /// Where it starts.
    pub start: Start,
    /// Which way.
    pub direction: Direction,
    /// Edges far at most; `None` without limit.
    pub depth: Option<u32>,
    /// Column-edge kinds that are followed.
    pub kinds: EdgeKinds,
    /// Columns at most, the start among them.
    pub most: usize,
}

impl TraceQuery {
    /// A trace without limits of depth or kind, of at most 20,000 columns.
    pub fn new(start: Start, direction: Direction) -> Self {
        TraceQuery { start, direction, depth: None, kinds: EdgeKinds::COLUMN, most: 20_000 }
    }
}

/// What a trace reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// Columns, nearest first, the start (depth 0) among them; within a depth by asset and path.
    pub columns: Vec<TracedColumn>,
    /// The edges between them, in the direction of the data, sorted.
    pub edges: Vec<TracedEdge>,
    /// Assets that are reached only as a whole, because no column edge is known between them and
    /// what they feed or read, with their depth; nearest first.
    pub assets: Vec<(AssetId, u32)>,
    /// Whether the limit of columns cut it off.
    pub cut: bool,
}

/// A column that a trace reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TracedColumn {
    /// Its asset.
    pub asset: AssetId,
    /// Its number; with a `suffix`, that of the struct or star through which it is reached.
    pub column: ColumnId,
    /// The fields below `column` that are meant, `None` for the whole of it.
    pub suffix: Option<Arc<str>>,
    /// Edges from the start on the shortest path.
    pub depth: u32,
    /// The kinds of all paths between it and the start, [`ColumnEdgeKind::then`] along each; empty
    /// for the start.
    pub kinds: EdgeKinds,
    /// Whether no followed edge leads further.
    pub is_end: bool,
    /// How many row edges decide which rows of its asset exist.
    pub row_edges: u32,
}

impl TracedColumn {
    /// The one kind that best tells the path: see [`EdgeKinds::strongest`].
    pub fn kind(&self) -> Option<ColumnEdgeKind> {
        self.kinds.strongest()
    }
}

/// An edge of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TracedEdge {
    /// The source, an index into [`Trace::columns`].
    pub from: u32,
    /// The target, an index into [`Trace::columns`].
    pub to: u32,
    /// How the source takes part.
    pub kind: ColumnEdgeKind,
    /// What holds it up.
    pub state: EdgeState,
    /// The edge in the snapshot, for its evidence.
    pub edge: EdgeIndex,
}

/// A column edge of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EdgeIndex(pub(super) u32);

/// What depends on something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Impact {
    /// Assets that depend on it, by reach, depth, namespace and name. The start is not among them.
    pub assets: Vec<ImpactedAsset>,
    /// Whether the limit of columns cut it off.
    pub cut: bool,
}

/// An asset that depends on the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImpactedAsset {
    /// The asset.
    pub asset: AssetId,
    /// How it is reached, by the worst of all paths.
    pub reach: Reach,
    /// Edges from the start on the shortest path.
    pub depth: u32,
    /// The kinds of the last edges into it; empty where only the assets are known to depend.
    pub kinds: EdgeKinds,
    /// The columns that are reached by column edges, as paths, sorted.
    pub columns: Vec<String>,
    /// Whether its rows as a whole are decided by what is reached.
    pub rows: bool,
}

/// How something is reached from the start of an impact, worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// Its values are made from it: DIRECT edges all the way.
    Values,
    /// It decides which value is taken somewhere on the way: CONDITIONAL or WINDOW.
    Choice,
    /// It decides which rows exist somewhere on the way: FILTER, JOIN, GROUP_BY, SORT.
    Rows,
    /// Only the assets are known to depend on each other somewhere on the way.
    Unknown,
}

impl Reach {
    /// The word used in output.
    pub fn word(self) -> &'static str {
        match self {
            Reach::Values => "values",
            Reach::Choice => "choice",
            Reach::Rows => "rows",
            Reach::Unknown => "unknown",
        }
    }
}

/// A path between two columns, source first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// Its columns.
    pub columns: Vec<TracedColumn>,
    /// The edges between them, one fewer: kind, state and index in the snapshot.
    pub edges: Vec<(ColumnEdgeKind, EdgeState, EdgeIndex)>,
    /// The kind of the whole.
    pub kind: Option<ColumnEdgeKind>,
}
