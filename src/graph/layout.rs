//! Places for a view's nodes, ports and edges: a layered drawing, left is upstream.

use serde::Serialize;

use super::GraphView;

/// Lengths of a drawing, in CSS pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LayoutOptions {
    /// Height of a node's head, above its ports.
    pub head: f32,
    /// Height of one port.
    pub port: f32,
    /// Room under the last port.
    pub foot: f32,
    /// Narrowest node.
    pub narrowest: f32,
    /// Widest node.
    pub widest: f32,
    /// Width of one letter of a name, for the width of nodes.
    pub letter: f32,
    /// Least room between layers.
    pub layer_gap: f32,
    /// Room between nodes of one layer (labels above nodes stand in it).
    pub node_gap: f32,
    /// Room around everything.
    pub margin: f32,
}

impl Default for LayoutOptions {
    fn default() -> Self {
        LayoutOptions {
            head: 30.0,
            port: 24.0,
            foot: 24.0,
            narrowest: 130.0,
            widest: 260.0,
            letter: 7.2,
            layer_gap: 80.0,
            node_gap: 34.0,
            margin: 20.0,
        }
    }
}

/// A drawing of a view: what stands where. Indexes are those of the view.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Layout {
    /// Width of the whole.
    pub width: f32,
    /// Height of the whole.
    pub height: f32,
    /// One box per node.
    pub nodes: Vec<NodeBox>,
    /// One curve per edge.
    pub edges: Vec<EdgeCurve>,
}

/// Where a node stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct NodeBox {
    /// Its layer, counted from the left.
    pub layer: u32,
    /// Left side.
    pub x: f32,
    /// Top side.
    pub y: f32,
    /// Width.
    pub width: f32,
    /// Height.
    pub height: f32,
    /// The middle of each port, from the drawing's top.
    pub ports: Vec<f32>,
}

/// How an edge runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct EdgeCurve {
    /// The curve as an SVG path's `d`.
    pub path: String,
    /// Whether it runs from right to left, as edges of a cycle do.
    pub backward: bool,
}

/// Places everything of `view`. Deterministic.
pub fn layout(_view: &GraphView, _options: &LayoutOptions) -> Layout {
    Layout::default()
}
