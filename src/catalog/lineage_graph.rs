//! The neighbourhood of an asset, laid out: what the graph page draws and its table and list show.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde::Serialize;

use super::{AssetGroup, AssetRef, CatalogError, Direction, Result, View};
use crate::{
    graph::{EdgeKinds, GraphView, Layout, LayoutOptions, NeighbourhoodQuery, PortChoice, layout, render_csv, render_mermaid},
    model::{AssetId, EdgeState},
};

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
    /// Edge kinds that are left out, by word: assets between which values flow by these alone are
    /// not connected.
    pub without: BTreeSet<String>,
    /// Groups of assets that are left out, and not passed.
    pub without_groups: BTreeSet<AssetGroup>,
    /// Assets that are left out, and not passed, as `namespace/name`.
    pub without_assets: BTreeSet<String>,
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
    /// Groups that could be left out, or are: how many of the drawn nodes, the focus apart, belong to each.
    pub groups: Vec<(AssetGroup, u64)>,
    /// What is left out by name.
    pub put_aside: Vec<AssetRef>,
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
    /// Upstream neighbours that are not left out on purpose: (drawn, in all).
    pub upstream: (u64, u64),
    /// Downstream neighbours that are not left out on purpose: (drawn, in all).
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
        let asked = self.neighbourhood_query(query).await?;
        let graph = Arc::clone(&self.graph);
        let drawn = tokio::task::spawn_blocking(move || {
            let view = graph.neighbourhood(&asked)?;
            let placed = layout(&view, &LayoutOptions::default());
            Some((view, placed))
        });
        let drawn = drawn.await.map_err(|cause| CatalogError::broken("drawing the graph", cause))?;
        let (view, placed) = drawn.ok_or_else(|| CatalogError::not_found(&query.namespace, &query.name))?;
        let mut drawing = self.join_drawing(view, placed);
        drawing.put_aside = query.without_assets.iter().filter_map(|name| self.point(self.named_asset(name)?)).collect();
        Ok(drawing)
    }

    /// The same neighbourhood as a Mermaid flowchart.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`] where there is no such asset or column.
    pub async fn lineage_mermaid(&self, query: &GraphQuery) -> Result<String> {
        Ok(render_mermaid(&self.neighbourhood(query).await?))
    }

    /// The edges of the same neighbourhood as CSV.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`] where there is no such asset or column.
    pub async fn lineage_csv(&self, query: &GraphQuery) -> Result<String> {
        Ok(render_csv(&self.neighbourhood(query).await?))
    }

    async fn neighbourhood(&self, query: &GraphQuery) -> Result<GraphView> {
        let asked = self.neighbourhood_query(query).await?;
        let graph = Arc::clone(&self.graph);
        let found = tokio::task::spawn_blocking(move || graph.neighbourhood(&asked)).await;
        let found = found.map_err(|cause| CatalogError::broken("walking the graph", cause))?;
        found.ok_or_else(|| CatalogError::not_found(&query.namespace, &query.name))
    }

    async fn neighbourhood_query(&self, query: &GraphQuery) -> Result<NeighbourhoodQuery> {
        let focus = self.demand(&query.namespace, &query.name)?;
        let focus_column = self.demand_column(focus, query.column.as_deref()).await?;
        let allowed = match query.indirect {
            Shown::Hidden => EdgeKinds::DIRECT,
            Shown::Shown => EdgeKinds::ALL,
        };
        let kinds = if query.kinds.is_empty() {
            allowed
        } else {
            EdgeKinds::from_words(query.kinds.iter().map(String::as_str))
                .map_err(|word| CatalogError::BadQuestion(format!("`{word}` is no kind of edge")))?
        };
        let without = EdgeKinds::from_words(query.without.iter().map(String::as_str))
            .map_err(|word| CatalogError::BadQuestion(format!("`{word}` is no kind of edge")))?;
        let mut hidden = self.assets_of_groups(&query.without_groups);
        hidden.extend(query.without_assets.iter().filter_map(|name| self.named_asset(name)));
        hidden.remove(&focus.id);
        Ok(NeighbourhoodQuery {
            focus_column,
            without,
            hidden,
            up: query.up,
            down: query.down,
            expanded: query.expanded.iter().filter_map(|(asset, way, edges)| self.expansion(asset, way, *edges)).collect(),
            columns: match query.columns {
                ColumnsShown::None => PortChoice::None,
                ColumnsShown::OnPath => PortChoice::OnPath,
                ColumnsShown::All => PortChoice::All,
            },
            kinds: kinds.difference(without),
            most_nodes: if query.most_nodes == 0 { GraphQuery::MOST_NODES } else { query.most_nodes },
            ..NeighbourhoodQuery::around(focus.id)
        })
    }

    fn expansion(&self, asset: &str, way: &str, edges: u32) -> Option<(AssetId, Direction, u32)> {
        let direction = match way {
            "up" => Direction::Upstream,
            "down" => Direction::Downstream,
            _ => return None,
        };
        Some((self.named_asset(asset)?, direction, edges))
    }

    /// The asset that an address calls `namespace/name`.
    fn named_asset(&self, called: &str) -> Option<AssetId> {
        let is_called = |row: &&crate::store::AssetRow| {
            called.strip_prefix(&*row.namespace).and_then(|rest| rest.strip_prefix('/')).is_some_and(|name| name == &*row.name)
        };
        self.assets.iter().find(is_called).map(|row| row.id)
    }

    fn join_drawing(&self, view: GraphView, placed: Layout) -> LineageGraph {
        let groups = self.count_groups(&view);
        let mut boxes: BTreeMap<usize, _> = placed.nodes.into_iter().enumerate().collect();
        let mut curves: BTreeMap<usize, _> = placed.edges.into_iter().enumerate().collect();
        let nodes = view.nodes.into_iter().enumerate().map(|(at, node)| {
            let place = boxes.remove(&at).unwrap_or_default();
            GraphNode {
                asset: AssetRef {
                    namespace: node.namespace.to_string(),
                    name: node.name.to_string(),
                    kind: node.kind,
                    role: node.role,
                    deprecated: node.deprecated,
                    environment: self.asset(node.asset).and_then(|row| row.environment.as_deref()).map(str::to_owned),
                },
                owners: self.facts.of(node.asset).owner_names(),
                layer: node.distance,
                x: place.x,
                y: place.y,
                width: place.width,
                height: place.height,
                columns: node
                    .ports
                    .into_iter()
                    .enumerate()
                    .map(|(port, column)| GraphColumn {
                        name: column.path,
                        y: place.ports.get(port).copied().unwrap_or(place.y),
                        on_path: column.on_path,
                    })
                    .collect(),
                more_columns: node.more_columns,
                upstream: node.upstream,
                downstream: node.downstream,
            }
        });
        let nodes = nodes.collect();
        let edges = view.edges.into_iter().enumerate().map(|(at, edge)| GraphEdge {
            from: edge.from,
            from_column: edge.from_port,
            to: edge.to,
            to_column: edge.to_port,
            kinds: edge.kinds.words().into_iter().map(str::to_owned).collect(),
            state: edge.state,
            on_path: edge.on_path,
            path: curves.remove(&at).unwrap_or_default().path,
        });
        LineageGraph {
            edges: edges.collect(),
            width: placed.width,
            height: placed.height,
            nodes,
            focus: view.focus,
            left_out: view.left_out,
            groups,
            put_aside: Vec::new(),
        }
    }

    /// How many nodes, the focus apart, belong to each group.
    fn count_groups(&self, view: &GraphView) -> Vec<(AssetGroup, u64)> {
        let mut counts: BTreeMap<AssetGroup, u64> = BTreeMap::new();
        for (at, node) in view.nodes.iter().enumerate() {
            let Some(asset) = self.asset(node.asset).filter(|_| at != view.focus) else { continue };
            for group in self.asset_groups_of(asset) {
                *counts.entry(group).or_default() += 1;
            }
        }
        counts.into_iter().collect()
    }
}
