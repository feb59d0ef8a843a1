//! A part of the graph that is to be shown: assets as nodes, columns as ports.

use std::{collections::BTreeSet, sync::Arc};

use serde::Serialize;

use super::{Direction, EdgeKinds};
use crate::model::{AssetId, AssetKind, AssetRole, ColumnId, EdgeState};

/// What to show around an asset.
#[derive(Clone, Debug)]
pub struct NeighbourhoodQuery {
    /// The asset in the middle.
    pub focus: AssetId,
    /// The column path in the middle, if one is focused.
    pub focus_column: Option<String>,
    /// Edges up from the focus.
    pub up: u32,
    /// Edges down from the focus.
    pub down: u32,
    /// Nodes expanded by hand: from where, which way, how many edges.
    pub expanded: Vec<(AssetId, Direction, u32)>,
    /// Assets that are not to be shown, nor passed.
    pub hidden: BTreeSet<AssetId>,
    /// Which columns become ports.
    pub columns: PortChoice,
    /// Kinds of edges that are drawn between columns, and (row kinds) from columns to assets.
    /// Assets with any edge between them are always connected.
    pub kinds: EdgeKinds,
    /// Kinds that are hidden: assets between which values flow by these alone are not connected.
    pub without: EdgeKinds,
    /// Nodes at most.
    pub most_nodes: usize,
    /// Ports of a node at most.
    pub most_ports: usize,
}

impl NeighbourhoodQuery {
    /// Whether assets with edges of `kinds` between them are connected: values still flow, or never did.
    pub(super) fn connects(&self, kinds: EdgeKinds) -> bool {
        let direct = kinds.intersection(EdgeKinds::DIRECT);
        direct.is_empty() || !direct.difference(self.without).is_empty()
    }

    /// Whether a neighbour over edges of `kinds` is left out on purpose.
    pub(super) fn passes_over(&self, neighbour: AssetId, kinds: EdgeKinds) -> bool {
        self.hidden.contains(&neighbour) || !self.connects(kinds)
    }

    /// One edge up and down around `focus`, at most 300 nodes of at most 40 ports.
    pub fn around(focus: AssetId) -> Self {
        NeighbourhoodQuery {
            focus,
            focus_column: None,
            up: 1,
            down: 1,
            expanded: Vec::new(),
            hidden: BTreeSet::new(),
            columns: PortChoice::OnPath,
            kinds: EdgeKinds::DIRECT,
            without: EdgeKinds::NONE,
            most_nodes: 300,
            most_ports: 40,
        }
    }
}

/// Which columns become ports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PortChoice {
    /// None: edges run between assets.
    None,
    /// Those on a path through the focused column (without one, none).
    #[default]
    OnPath,
    /// All that an edge between shown assets touches.
    All,
}

/// Assets and edges to be shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct GraphView {
    /// The index of the focus in `nodes`.
    pub focus: usize,
    /// Assets, by layer, then name.
    pub nodes: Vec<ViewNode>,
    /// Edges, sorted by their ends.
    pub edges: Vec<ViewEdge>,
    /// Assets within reach that the limit left out.
    pub left_out: u64,
}

/// An asset to be shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ViewNode {
    /// The asset.
    pub asset: AssetId,
    /// The warehouse or tool it lives in.
    pub namespace: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// What it is.
    pub kind: AssetKind,
    /// The part it plays.
    pub role: AssetRole,
    /// Whether it should no longer be used.
    pub deprecated: bool,
    /// Edges from the focus: negative upstream, 0 the focus.
    pub distance: i32,
    /// Columns shown, in the order of the ports.
    pub ports: Vec<ViewPort>,
    /// Columns it has that are not shown.
    pub more_columns: u64,
    /// Upstream neighbours that are not left out on purpose: (shown, in all).
    pub upstream: (u64, u64),
    /// Downstream neighbours that are not left out on purpose: (shown, in all).
    pub downstream: (u64, u64),
}

/// A column to be shown.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ViewPort {
    /// Its path.
    pub path: String,
    /// Its number; `None` where only a struct or star above it has one.
    pub column: Option<ColumnId>,
    /// Whether it lies on a path through the focused column.
    pub on_path: bool,
}

/// An edge to be shown.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ViewEdge {
    /// The upstream node, an index into [`GraphView::nodes`].
    pub from: usize,
    /// Its port, an index into [`ViewNode::ports`]; `None` for the asset as a whole.
    pub from_port: Option<usize>,
    /// The downstream node.
    pub to: usize,
    /// Its port; `None` for the asset as a whole.
    pub to_port: Option<usize>,
    /// The kinds between these ends; empty where only the assets are known.
    pub kinds: EdgeKinds,
    /// What holds it up, the best of them.
    pub state: EdgeState,
    /// Whether it lies on a path through the focused column.
    pub on_path: bool,
}
