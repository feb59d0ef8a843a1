//! The neighbourhood of an asset, laid out: what the graph page draws and its table and list show.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{AssetRef, CatalogError, Result, View};
use crate::model::EdgeState;

/// A graph to draw, as a URL holds it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GraphQuery {
    /// The asset's namespace.
    pub namespace: String,
    /// The asset's name.
    pub name: String,
    /// The focused column, if any.
    pub column: Option<String>,
    /// Edges up from the focus.
    pub up: u32,
    /// Edges down from the focus.
    pub down: u32,
    /// Which columns are drawn.
    pub columns: ColumnsShown,
    /// Whether INDIRECT edges are drawn (CONDITIONAL, WINDOW and row edges).
    pub indirect: Shown,
    /// Edge kinds to draw, by word; empty for all that `indirect` allows.
    pub kinds: BTreeSet<String>,
    /// Nodes expanded by hand: (`namespace/name`, direction word `up` or `down`, edges further).
    pub expanded: BTreeSet<(String, String, u32)>,
    /// Nodes drawn at most; 0 means [`GraphQuery::MOST_NODES`].
    pub most_nodes: usize,
}

impl GraphQuery {
    /// Nodes drawn at most where the query names no other number.
    pub const MOST_NODES: usize = 300;
}

/// Which columns of the nodes are drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnsShown {
    /// None: edges run between assets.
    None,
    /// Those on a path through the focused column (or, without one, none).
    #[default]
    OnPath,
    /// All that an edge touches.
    All,
}

/// Whether something is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Shown {
    /// Left out.
    #[default]
    Hidden,
    /// Drawn.
    Shown,
}

/// A graph with places: all lengths are CSS pixels, the origin is top left, left is upstream.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct LineageGraph {
    /// The whole drawing's width.
    pub width: f32,
    /// The whole drawing's height.
    pub height: f32,
    /// Nodes, by layer from the left, then from the top.
    pub nodes: Vec<GraphNode>,
    /// Edges, sorted by their ends.
    pub edges: Vec<GraphEdge>,
    /// The index of the focus in `nodes`.
    pub focus: usize,
    /// Nodes that the limit left out.
    pub left_out: u64,
}

/// One asset drawn.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GraphNode {
    /// The asset.
    pub asset: AssetRef,
    /// Owners' names.
    pub owners: Vec<String>,
    /// Edges from the focus: negative upstream, 0 the focus.
    pub layer: i32,
    /// Left side.
    pub x: f32,
    /// Top side.
    pub y: f32,
    /// Width.
    pub width: f32,
    /// Height.
    pub height: f32,
    /// Columns drawn in it, from the top.
    pub columns: Vec<GraphColumn>,
    /// Columns it has that are not drawn.
    pub more_columns: u64,
    /// Upstream neighbours: (drawn, in all).
    pub upstream: (u64, u64),
    /// Downstream neighbours: (drawn, in all).
    pub downstream: (u64, u64),
}

/// One column drawn in a node.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GraphColumn {
    /// Its name.
    pub name: String,
    /// The height of its ports, from the drawing's top.
    pub y: f32,
    /// Whether it lies on a path through the focused column.
    pub on_path: bool,
}

/// One edge drawn.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GraphEdge {
    /// The upstream node, an index into [`LineageGraph::nodes`].
    pub from: usize,
    /// Its column, an index into [`GraphNode::columns`]; `None` for the node as a whole.
    pub from_column: Option<usize>,
    /// The downstream node.
    pub to: usize,
    /// Its column; `None` for the node as a whole.
    pub to_column: Option<usize>,
    /// The kinds between these ends, sorted: `IDENTITY`, …, `FILTER`, …; empty where only the assets
    /// are known.
    pub kinds: Vec<String>,
    /// What holds it up, the best of them.
    pub state: EdgeState,
    /// Whether it lies on a path through the focused column.
    pub on_path: bool,
    /// The curve as an SVG path's `d`.
    pub path: String,
}

impl View {
    /// The neighbourhood that `query` describes, laid out.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`] where there is no such asset or column.
    pub async fn lineage_graph(&self, query: &GraphQuery) -> Result<LineageGraph> {
        Err(CatalogError::not_found(&query.namespace, &query.name))
    }
}
