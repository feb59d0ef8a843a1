//! A laid-out graph with everything that its drawing says: classes, labels, addresses.

use std::collections::BTreeSet;

use super::lineage_state::{Addresses, called};
use crate::{
    catalog::{AssetRef, GraphEdge, GraphNode, LineageGraph},
    model::EdgeState,
    web::{filters, icons, markup::Markup, urls},
};

/// Width of one letter of a title or a column's name, in CSS pixels.
const LETTER: f32 = 7.23;
/// Width of one letter of the caption above a node, in CSS pixels.
const CAPTION_LETTER: f32 = 6.4;
/// Room that a button which expands takes above a node, in CSS pixels.
const BUTTON: f32 = 40.0;

/// Room that the button of a node's choices takes in its head, in CSS pixels.
const CHOICES: f32 = 18.0;

/// A drawing, ready for the template.
pub(super) struct Drawing {
    pub(super) width: f32,
    pub(super) height: f32,
    pub(super) tracing: bool,
    pub(super) nodes: Vec<DrawnNode>,
    pub(super) edges: Vec<DrawnEdge>,
}

pub(super) struct DrawnNode {
    pub(super) asset: AssetRef,
    pub(super) id: String,
    pub(super) class: String,
    pub(super) owners: String,
    /// This view with the node's choices open, or closed where they are.
    pub(super) choices_url: String,
    pub(super) caption: String,
    pub(super) caption_x: f32,
    pub(super) title: String,
    pub(super) icon: Markup,
    pub(super) url: String,
    pub(super) x: f32,
    pub(super) y: f32,
    pub(super) width: f32,
    pub(super) height: f32,
    pub(super) columns: Vec<DrawnColumn>,
    pub(super) more: String,
    pub(super) more_url: Option<String>,
    pub(super) buttons: Vec<ExpandButton>,
}

pub(super) struct DrawnColumn {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) label: String,
    pub(super) class: &'static str,
    pub(super) url: String,
    pub(super) y: f32,
}

pub(super) struct ExpandButton {
    pub(super) way: &'static str,
    pub(super) url: String,
    pub(super) title: String,
    pub(super) label: String,
    pub(super) width: f32,
    pub(super) x: f32,
}

pub(super) struct DrawnEdge {
    pub(super) class: String,
    pub(super) path: String,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) title: String,
}

/// Draws `graph`; with a `column` of the focus, its path is lit.
pub(super) fn draw(graph: &LineageGraph, addresses: &Addresses<'_>, column: Option<&str>) -> Drawing {
    let tracing = column.is_some() && graph.edges.iter().any(|edge| edge.on_path);
    let lit = lit_nodes(graph);
    let nodes = graph.nodes.iter().enumerate().map(|(at, node)| {
        let is_focus = at == graph.focus;
        let mut drawn = draw_node(at, node, addresses);
        let is_open = addresses.state.at.as_deref() == Some(called(&node.asset).as_str());
        let marks = [
            ("focus", is_focus),
            ("dep", node.asset.deprecated),
            ("lit", tracing && (is_focus || lit.contains(&at))),
            ("at", is_open),
        ];
        drawn.class = marks.into_iter().filter(|(_, on)| *on).map(|(word, _)| format!(" {word}")).collect();
        for (index, one) in node.columns.iter().enumerate() {
            let chosen = is_focus && column == Some(one.name.as_str());
            drawn.columns.push(DrawnColumn {
                id: port(at, Some(index)),
                label: filters::middle(&one.name, letters(node.width - 20.0, LETTER)),
                class: class_of_column(chosen, tracing && one.on_path),
                url: addresses.of_column(&node.asset, &one.name),
                y: one.y,
                name: one.name.clone(),
            });
        }
        drawn
    });
    Drawing {
        width: graph.width.ceil(),
        height: graph.height.ceil(),
        tracing,
        nodes: nodes.collect(),
        edges: graph.edges.iter().map(|edge| draw_edge(graph, edge, tracing)).collect(),
    }
}

/// The assets of `graph` and how they are connected, as a Mermaid flowchart.
pub(super) fn mermaid(graph: &LineageGraph) -> String {
    let mut out = String::from("flowchart LR\n");
    for (at, node) in graph.nodes.iter().enumerate() {
        let name: String = node.asset.name.chars().filter(|c| !c.is_control()).collect();
        out.push_str(&format!("  n{at}[\"{}\"]\n", name.replace('&', "#amp;").replace('"', "#quot;").replace('<', "#lt;")));
    }
    let mut pairs: BTreeSet<(usize, usize)> = BTreeSet::new();
    pairs.extend(graph.edges.iter().map(|edge| (edge.from, edge.to)));
    for (from, to) in pairs {
        let kinds = graph.edges.iter().filter(|edge| (edge.from, edge.to) == (from, to));
        let class = filters::kind_class(kinds.flat_map(|edge| edge.kinds.iter().map(String::as_str)));
        let arrow = if class == "indirect" { "-.->" } else { "-->" };
        let label = if class == "asset" { String::new() } else { format!("|{class}|") };
        out.push_str(&format!("  n{from} {arrow}{label} n{to}\n"));
    }
    out
}

fn draw_node(at: usize, node: &GraphNode, addresses: &Addresses<'_>) -> DrawnNode {
    let (path, last) = node.asset.split_name();
    let mut buttons = Vec::new();
    for (way, shown) in [("up", node.upstream), ("down", node.downstream)] {
        buttons.extend(expand_button(node, way, shown, addresses));
    }
    let kind = filters::kind_in_words(node.asset.kind);
    let schema = path.trim_end_matches('.').rsplit('.').next().unwrap_or("");
    let has = |way: &str| buttons.iter().any(|button: &ExpandButton| button.way == way);
    let (left, right) = (if has("up") { BUTTON + 4.0 } else { 2.0 }, if has("down") { BUTTON } else { 0.0 });
    let place = match (&node.asset.environment, schema) {
        (Some(environment), "") => environment.clone(),
        (Some(environment), schema) => format!("{environment} · {schema}"),
        (None, schema) => schema.to_owned(),
    };
    let whole = if place.is_empty() { kind.clone() } else { format!("{kind} · {place}") };
    let room = letters(node.width - left - right, CAPTION_LETTER);
    let caption =
        if whole.chars().count() <= room { whole } else { filters::middle(if place.is_empty() { &kind } else { &place }, room) };
    DrawnNode {
        id: format!("n{at}"),
        class: String::new(),
        owners: node.owners.join(", "),
        choices_url: addresses.with_choices(&node.asset),
        caption,
        caption_x: node.x + left,
        title: filters::middle(last, letters(node.width - 29.0 - CHOICES, LETTER)),
        icon: Markup::trusted(icons::shapes(icons::of_kind(node.asset.kind)).to_owned()),
        url: urls::asset(&node.asset),
        x: node.x,
        y: node.y,
        width: node.width,
        height: node.height,
        columns: Vec::with_capacity(node.columns.len()),
        more: match (node.more_columns, node.columns.is_empty()) {
            (number, true) => filters::counted(number, "linked column"),
            (number, false) => format!("+ {}", filters::counted(number, "column")),
        },
        more_url: (node.more_columns > 0).then(|| addresses.of_more_columns(&node.asset)),
        buttons,
        asset: node.asset.clone(),
    }
}

/// The button that shows more neighbours; `None` where all are drawn.
fn expand_button(
    node: &GraphNode,
    way: &'static str,
    (drawn, all): (u64, u64),
    addresses: &Addresses<'_>,
) -> Option<ExpandButton> {
    let hidden = all.saturating_sub(drawn);
    if hidden == 0 {
        return None;
    }
    let number = hidden.min(999);
    let (label, where_to) = match way {
        "up" => (format!("‹ +{number}"), "upstream"),
        _ => (format!("+{number} ›"), "downstream"),
    };
    let width = label.chars().count() as f32 * 6.6 + 10.0;
    Some(ExpandButton {
        way,
        url: addresses.expanded(&node.asset, way, addresses.state.steps_of(&node.asset, way) + 1),
        title: format!("{drawn} of {all} {where_to} shown: a step further"),
        label,
        x: if way == "up" { node.x } else { node.x + node.width - width },
        width,
    })
}

fn draw_edge(graph: &LineageGraph, edge: &GraphEdge, tracing: bool) -> DrawnEdge {
    let kind = filters::kind_class(edge.kinds.iter().map(String::as_str));
    let mut class = kind.to_owned();
    if edge.state == EdgeState::Guessed {
        class.push_str(" guessed");
    }
    if tracing && edge.on_path {
        class.push_str(" lit");
    }
    let words = match edge.kinds.is_empty() {
        true => "reads".to_owned(),
        false => filters::kinds_in_words(&edge.kinds),
    };
    let title = format!(
        "{} → {}\n{words} · {}",
        end_name(graph, edge.from, edge.from_column),
        end_name(graph, edge.to, edge.to_column),
        edge.state.word()
    );
    DrawnEdge {
        class,
        path: edge.path.clone(),
        from: port(edge.from, edge.from_column),
        to: port(edge.to, edge.to_column),
        title,
    }
}

fn end_name(graph: &LineageGraph, node: usize, column: Option<usize>) -> String {
    let Some(node) = graph.nodes.get(node) else { return String::new() };
    match column.and_then(|at| node.columns.get(at)) {
        Some(column) => format!("{}.{}", node.asset.split_name().1, column.name),
        None => node.asset.split_name().1.to_owned(),
    }
}

/// Nodes with an edge or column on the path.
fn lit_nodes(graph: &LineageGraph) -> BTreeSet<usize> {
    let ends = graph.edges.iter().filter(|edge| edge.on_path).flat_map(|edge| [edge.from, edge.to]);
    let with_column = graph.nodes.iter().enumerate().filter(|(_, node)| node.columns.iter().any(|column| column.on_path));
    ends.chain(with_column.map(|(at, _)| at)).collect()
}

fn class_of_column(chosen: bool, lit: bool) -> &'static str {
    match (chosen, lit) {
        (true, true) => " chosen lit",
        (true, false) => " chosen",
        (false, true) => " lit",
        (false, false) => "",
    }
}

fn port(node: usize, column: Option<usize>) -> String {
    match column {
        Some(column) => format!("n{node}c{column}"),
        None => format!("n{node}"),
    }
}

fn letters(room: f32, letter: f32) -> usize {
    ((room / letter) as usize).max(6)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::model::{AssetKind, AssetRole};

    pub(in crate::web::pages) fn asset(name: &str) -> AssetRef {
        AssetRef {
            namespace: "bigquery".to_owned(),
            name: name.to_owned(),
            kind: AssetKind::Table,
            role: AssetRole::Model,
            deprecated: false,
            environment: None,
        }
    }

    #[test]
    fn mermaid_names_cannot_break_out_of_their_quotes() {
        let node = GraphNode {
            asset: asset("a\"]; click n0 \"javascript:x\nb"),
            owners: Vec::new(),
            layer: 0,
            x: 0.0,
            y: 0.0,
            width: 100.0,
            height: 50.0,
            columns: Vec::new(),
            more_columns: 0,
            upstream: (0, 0),
            downstream: (0, 0),
        };
        let graph = LineageGraph { nodes: vec![node], ..LineageGraph::default() };
        assert_eq!(mermaid(&graph), "flowchart LR\n  n0[\"a#quot;]; click n0 #quot;javascript:xb\"]\n");
    }
}
