//! Places for a view's nodes, ports and edges: a layered drawing, left is upstream.

mod curves;
mod layers;
mod order;
mod place;

use serde::Serialize;

use self::{curves::draw_curves, layers::assign_layers, order::Layers, place::place_nodes};
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
    /// Room that marks take beside the name in a node's head.
    pub head_marks: f32,
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
            widest: 300.0,
            head_marks: 52.0,
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

/// Places everything of `view`. Deterministic; edges that name no node of the view get an empty curve.
///
/// Layers come from the longest path, cycles being cut at edges against the distance from the focus;
/// the order inside a layer from median sweeps that look at ports; heights from the least squares of
/// the edges' bends under the least distances.
pub fn layout(view: &GraphView, options: &LayoutOptions) -> Layout {
    let pairs = find_pairs(view);
    let ranked = assign_layers(view, &pairs);
    let sizes: Vec<(f32, f32)> = view.nodes.iter().map(|node| measure_node(node, options)).collect();
    let links = find_links(view, &sizes, &ranked, options);
    let mut layers = Layers::build(&ranked, &links, &sizes);
    layers.untangle();
    let tops = place_nodes(&layers, options);
    let lefts = place_layers(view, &ranked, &sizes, options);
    let nodes: Vec<NodeBox> = view
        .nodes
        .iter()
        .enumerate()
        .map(|(at, node)| {
            let (width, height) = sizes[at];
            let y = tops[at] + options.margin;
            let ports = (0..node.ports.len()).map(|port| y + port_offset(Some(port), options)).collect();
            NodeBox { layer: ranked[at] as u32, x: lefts[ranked[at]], y, width, height, ports }
        })
        .collect();
    let edges = draw_curves(view, &nodes, &layers, &tops, &lefts, options);
    let right = nodes.iter().map(|node| node.x + node.width).fold(0.0, f32::max);
    let lowest = tops.iter().copied().fold(0.0, f32::max) + options.margin;
    let bottom = nodes.iter().map(|node| node.y + node.height).fold(lowest, f32::max);
    Layout { width: right + options.margin, height: bottom + options.margin, nodes, edges }
}

/// A link to be ordered and placed: from a node to one in a later layer, with the heights inside the
/// nodes at which it leaves and enters.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Link {
    left: usize,
    right: usize,
    leaves: f32,
    enters: f32,
}

/// Distinct (from, to) of the view's edges, sorted, without those from a node to itself.
fn find_pairs(view: &GraphView) -> Vec<(usize, usize)> {
    let count = view.nodes.len();
    let mut pairs: Vec<(usize, usize)> = view
        .edges
        .iter()
        .filter(|edge| edge.from < count && edge.to < count && edge.from != edge.to)
        .map(|edge| (edge.from, edge.to))
        .collect();
    pairs.sort_unstable();
    pairs.dedup();
    pairs
}

/// One link per edge where the layers are next to each other, one per pair of nodes where they are not
/// (its edges then share one way), from the layer further left.
fn find_links(view: &GraphView, sizes: &[(f32, f32)], ranked: &[usize], options: &LayoutOptions) -> Vec<Link> {
    let mut links: Vec<Link> = Vec::with_capacity(view.edges.len());
    for edge in &view.edges {
        let (Some(from), Some(to)) = (ranked.get(edge.from), ranked.get(edge.to)) else { continue };
        if from == to {
            continue;
        }
        let leaves = port_offset(edge.from_port, options).min(sizes[edge.from].1);
        let enters = port_offset(edge.to_port, options).min(sizes[edge.to].1);
        links.push(if from < to {
            Link { left: edge.from, right: edge.to, leaves, enters }
        } else {
            Link { left: edge.to, right: edge.from, leaves: enters, enters: leaves }
        });
    }
    links.sort_by(|a, b| {
        (a.left, a.right).cmp(&(b.left, b.right)).then(a.leaves.total_cmp(&b.leaves)).then(a.enters.total_cmp(&b.enters))
    });
    links
}

/// Width and height of a node.
fn measure_node(node: &super::ViewNode, options: &LayoutOptions) -> (f32, f32) {
    let (_, last_part) = node.name.rsplit_once('.').unwrap_or(("", &node.name));
    let long = |text: &str| text.chars().count() as f32 * options.letter;
    let ports = node.ports.iter().map(|port| long(&port.path) + 24.0).fold(0.0, f32::max);
    let width = ports.max(long(last_part) + options.head_marks);
    let width = width.clamp(options.narrowest, options.widest.max(options.narrowest));
    let foot = if node.more_columns > 0 { options.foot } else { 0.0 };
    (width.round(), options.head + node.ports.len() as f32 * options.port + foot)
}

/// The height inside a node at which edges of a port, or of its head, end.
fn port_offset(port: Option<usize>, options: &LayoutOptions) -> f32 {
    match port {
        Some(port) => options.head + (port as f32 + 0.5) * options.port,
        None => options.head / 2.0,
    }
}

/// The left side of each layer; layers with many edges between them stand further apart.
fn place_layers(view: &GraphView, ranked: &[usize], sizes: &[(f32, f32)], options: &LayoutOptions) -> Vec<f32> {
    let count = ranked.iter().copied().max().map_or(0, |last| last + 1);
    let mut widths = vec![options.narrowest; count];
    for (layer, (width, _)) in ranked.iter().zip(sizes) {
        widths[*layer] = widths[*layer].max(*width);
    }
    let mut crowds = vec![0u32; count];
    for edge in &view.edges {
        if let (Some(from), Some(to)) = (ranked.get(edge.from), ranked.get(edge.to)) {
            for crowd in &mut crowds[*from.min(to)..*from.max(to)] {
                *crowd += 1;
            }
        }
    }
    let mut left = options.margin;
    let mut lefts = Vec::with_capacity(count);
    for (width, crowd) in widths.iter().zip(crowds) {
        lefts.push(left);
        left += width + options.layer_gap + (crowd as f32).sqrt().min(20.0) * 6.0;
    }
    lefts
}
