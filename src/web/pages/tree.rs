//! A graph as nested lists, for the keyboard and for screen readers.

use std::collections::BTreeSet;

use crate::{
    catalog::LineageGraph,
    web::{
        filters::{self, connected},
        icons,
        markup::Markup,
    },
};

/// Deepest nesting that is shown.
const DEEPEST: usize = 24;
/// Most entries that are shown.
const MOST: usize = 2_000;

/// Which way a tree grows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Upstream,
    Downstream,
}

/// What is reached from the focus, each asset opened once.
pub(super) fn grow(graph: &LineageGraph, way: Way) -> Markup {
    let mut tree = Tree { graph, way, opened: BTreeSet::new(), entries: 0, html: String::new() };
    tree.opened.insert(graph.focus);
    if tree.next(graph.focus).is_empty() {
        return Markup::trusted("<p class=\"soft\">Nothing within these steps.</p>".to_owned());
    }
    tree.push_list(graph.focus, 0);
    Markup::trusted(tree.html)
}

struct Tree<'a> {
    graph: &'a LineageGraph,
    way: Way,
    opened: BTreeSet<usize>,
    entries: usize,
    html: String,
}

impl Tree<'_> {
    /// The nodes next to `node` with the kinds of the edges between, sorted by name.
    fn next(&self, node: usize) -> Vec<(usize, BTreeSet<String>)> {
        let mut next: Vec<(usize, BTreeSet<String>)> = Vec::new();
        for edge in &self.graph.edges {
            let (from, to) = if self.way == Way::Upstream { (edge.to, edge.from) } else { (edge.from, edge.to) };
            if from != node || to == node {
                continue;
            }
            let at = match next.iter().position(|(known, _)| *known == to) {
                Some(at) => at,
                None => {
                    next.push((to, BTreeSet::new()));
                    next.len() - 1
                }
            };
            if let Some((_, kinds)) = next.get_mut(at) {
                kinds.extend(edge.kinds.iter().cloned());
            }
        }
        next.sort_by(|one, other| self.name(one.0).cmp(&self.name(other.0)));
        next
    }

    fn name(&self, node: usize) -> Option<&str> {
        self.graph.nodes.get(node).map(|node| node.asset.name.as_str())
    }

    fn push_list(&mut self, node: usize, depth: usize) {
        self.html.push_str(if depth == 0 { "<ul class=\"tree\">" } else { "<ul>" });
        for (next, kinds) in self.next(node) {
            let Some(drawn) = self.graph.nodes.get(next) else { continue };
            self.entries += 1;
            if self.entries > MOST {
                break;
            }
            let kinds: Vec<String> = kinds.into_iter().collect();
            let line = format!(
                "<li data-item>{} {} <span class=\"faint small\">{}</span>",
                icons::icon(icons::of_kind(drawn.asset.kind)),
                connected(&drawn.asset),
                filters::kinds_in_words(&kinds)
            );
            self.html.push_str(&line);
            if !self.opened.insert(next) {
                if !self.next(next).is_empty() {
                    self.html.push_str(" <span class=\"faint small\">(opened elsewhere)</span>");
                }
            } else if depth + 1 < DEEPEST && !self.next(next).is_empty() {
                self.push_list(next, depth + 1);
            }
            self.html.push_str("</li>");
        }
        self.html.push_str("</ul>");
    }
}
