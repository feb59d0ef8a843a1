//! The edges' curves: from port to port, straight through the layers that they pass.

use std::fmt::Write;

use super::{EdgeCurve, LayoutOptions, NodeBox, order::Layers};
use crate::graph::GraphView;

/// One curve per edge of the view.
pub(super) fn draw_curves(
    view: &GraphView,
    nodes: &[NodeBox],
    layers: &Layers,
    tops: &[f32],
    lefts: &[f32],
    options: &LayoutOptions,
) -> Vec<EdgeCurve> {
    let widths = layer_widths(nodes, lefts, options);
    let curve = |edge: &crate::graph::ViewEdge| {
        let (Some(from), Some(to)) = (nodes.get(edge.from), nodes.get(edge.to)) else { return EdgeCurve::default() };
        if from.layer == to.layer {
            return EdgeCurve::default();
        }
        let backward = from.layer > to.layer;
        let (left, right) = if backward { (edge.to, edge.from) } else { (edge.from, edge.to) };
        let passes = layers.ways.get(&(left, right)).map_or(&[][..], Vec::as_slice);
        let mut stops: Vec<(f32, f32)> = Vec::with_capacity(passes.len() * 2 + 2);
        let start = (from, port_height(from, edge.from_port, options));
        let end = (to, port_height(to, edge.to_port, options));
        let ((first, leaves), (last, enters)) = if backward { (end, start) } else { (start, end) };
        stops.push((first.x + first.width, leaves));
        for pass in passes {
            let layer = layers.items[*pass].layer;
            let height = tops[*pass] + options.margin;
            stops.push((lefts[layer], height));
            stops.push((lefts[layer] + widths[layer], height));
        }
        stops.push((last.x, enters));
        if backward {
            stops.reverse();
        }
        EdgeCurve { path: write_path(&stops), backward }
    };
    view.edges.iter().map(curve).collect()
}

fn port_height(node: &NodeBox, port: Option<usize>, options: &LayoutOptions) -> f32 {
    port.and_then(|port| node.ports.get(port).copied()).unwrap_or(node.y + options.head / 2.0)
}

fn layer_widths(nodes: &[NodeBox], lefts: &[f32], options: &LayoutOptions) -> Vec<f32> {
    let mut widths = vec![options.narrowest; lefts.len()];
    for node in nodes {
        let width = &mut widths[node.layer as usize];
        *width = width.max(node.width);
    }
    widths
}

/// A curve through stops that come in pairs: curved between layers, straight inside a layer.
fn write_path(stops: &[(f32, f32)]) -> String {
    let mut path = String::with_capacity(stops.len() * 24);
    let mut last: Option<(f32, f32)> = None;
    for (at, (x, y)) in stops.iter().enumerate() {
        let (x, y) = (x.round(), (y * 2.0).round() / 2.0);
        let written = match last {
            None => write!(path, "M{x},{y}"),
            Some(_) if at % 2 == 0 => write!(path, " H{x}"),
            Some((from_x, from_y)) => {
                let middle = ((from_x + x) / 2.0).round();
                write!(path, " C{middle},{from_y} {middle},{y} {x},{y}")
            }
        };
        debug_assert!(written.is_ok(), "writing to a String cannot fail");
        last = Some((x, y));
    }
    path
}
