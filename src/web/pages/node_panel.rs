//! The choices of one node of a lineage graph: expand it, put it aside, go there.

use super::lineage_state::{ALL_STEPS, Addresses, GraphState, called};
use crate::{
    catalog::{AssetRef, GraphNode, LineageGraph},
    web::urls,
};

/// The node whose choices are open.
pub(super) struct NodePanel {
    pub(super) asset: AssetRef,
    pub(super) owners: Vec<String>,
    /// Upstream and downstream.
    pub(super) sides: Vec<Side>,
    /// The graph without it; `None` for the focus, which stays.
    pub(super) without: Option<String>,
    /// The graph around it; `None` for the focus.
    pub(super) around: Option<String>,
    pub(super) close: String,
}

/// One side of a node.
pub(super) struct Side {
    pub(super) name: &'static str,
    pub(super) drawn: u64,
    pub(super) all: u64,
    pub(super) steps: Vec<Step>,
}

/// One way to expand a node.
pub(super) struct Step {
    pub(super) label: &'static str,
    pub(super) title: String,
    pub(super) url: String,
    pub(super) on: bool,
}

impl NodePanel {
    /// The choices of the node that `state` has open, where `graph` draws it.
    pub(super) fn find(graph: &LineageGraph, addresses: &Addresses<'_>, state: &GraphState) -> Option<NodePanel> {
        let open = state.at.as_ref()?;
        let (at, node) = graph.nodes.iter().enumerate().find(|(_, node)| called(&node.asset) == *open)?;
        let is_focus = at == graph.focus;
        let sides = [("up", "Upstream", node.upstream), ("down", "Downstream", node.downstream)];
        Some(NodePanel {
            asset: node.asset.clone(),
            owners: node.owners.clone(),
            sides: sides.into_iter().map(|(way, name, counts)| side(node, addresses, way, name, counts)).collect(),
            without: (!is_focus).then(|| addresses.without(&node.asset)),
            around: (!is_focus).then(|| format!("{}/lineage", urls::asset(&node.asset))),
            close: addresses.with_choices(&node.asset),
        })
    }
}

fn side(node: &GraphNode, addresses: &Addresses<'_>, way: &str, name: &'static str, (drawn, all): (u64, u64)) -> Side {
    let now = addresses.state.steps_of(&node.asset, way);
    let step = |(steps, label): (u32, &'static str)| Step {
        label,
        title: match steps {
            1 => "Show everything one step away".to_owned(),
            ALL_STEPS => "Show everything, however far".to_owned(),
            _ => format!("Show everything up to {steps} steps away"),
        },
        // Choosing what is chosen takes it back.
        url: addresses.expanded(&node.asset, way, if steps == now { 0 } else { steps }),
        on: steps == now,
    };
    Side { name, drawn, all, steps: [(1, "1"), (2, "2"), (3, "3"), (ALL_STEPS, "all")].into_iter().map(step).collect() }
}
