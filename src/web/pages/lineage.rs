//! `/assets/…/lineage`: the neighbourhood as a drawing, a table or a nested list, and as files.

use askama::Template;
use axum::{extract::Path, response::Response};

use super::{
    asset::AssetHead,
    column_pick::ColumnPick,
    drawing::{Drawing, draw, mermaid},
    lineage_state::{ALL_STEPS, Addresses, GraphState, HIDEABLE_EDGES, MANY_NODES},
    node_panel::NodePanel,
    tree::{self, Way},
};
use crate::{
    catalog::{AssetGroup, AssetRef, ColumnsShown, LineageGraph},
    model::{AssetRole, EdgeState},
    web::{
        csv,
        error::PageError,
        extract::{Chrome, Visit},
        filters,
        markup::Markup,
        urls,
    },
};

pub(super) struct Choice {
    url: String,
    label: String,
    on: bool,
}

/// A group of assets that can be left out.
struct GroupChoice {
    url: String,
    label: String,
    title: &'static str,
    /// How many of what is drawn; 0 where it is left out.
    number: u64,
    on: bool,
}

/// An asset that is left out by name.
struct PutAside {
    asset: AssetRef,
    back: String,
}

struct EdgeRow {
    from: AssetRef,
    from_column: Option<String>,
    to: AssetRef,
    to_column: Option<String>,
    how: String,
    state: EdgeState,
    distance: u32,
}

#[derive(Template)]
#[template(path = "pages/lineage.html", blocks = ["lineage"])]
struct LineagePage<'a> {
    chrome: Chrome,
    head: &'a AssetHead,
    state: GraphState,
    columns_shown: ColumnsShown,
    drawing: Drawing,
    rows: Vec<EdgeRow>,
    upstream_tree: Markup,
    downstream_tree: Markup,
    conditions: Choice,
    without_column: String,
    left_out: u64,
    /// The same with more nodes, where some are left out and may be drawn.
    with_more: Option<String>,
    hidden: (u64, u64),
    groups: Vec<GroupChoice>,
    put_aside: Vec<PutAside>,
    panel: Option<NodePanel>,
}

#[derive(Template)]
#[template(path = "lineage_download.svg", escape = "html")]
struct LineageSvg {
    drawing: Drawing,
}

impl LineagePage<'_> {
    fn addresses(&self) -> Addresses<'_> {
        Addresses { focus: &self.head.answer.asset, state: &self.state }
    }

    fn depths(&self, way: &str) -> Vec<Choice> {
        let now = if way == "up" { self.state.up } else { self.state.down };
        let mut steps = vec![0, 1, 2, 3, 5, ALL_STEPS];
        if !steps.contains(&now) {
            steps.push(now);
            steps.sort_unstable();
        }
        let choice = |step: u32| Choice {
            url: self.addresses().changed(|state| if way == "up" { state.up = step } else { state.down = step }),
            label: if step == ALL_STEPS { "all".to_owned() } else { step.to_string() },
            on: step == now,
        };
        steps.into_iter().map(choice).collect()
    }

    fn column_choices(&self) -> Vec<Choice> {
        let choices = [(ColumnsShown::None, "none"), (ColumnsShown::OnPath, "on the path"), (ColumnsShown::All, "all")];
        let offered = choices.into_iter().filter(|(columns, _)| *columns != ColumnsShown::OnPath || self.state.column.is_some());
        let choice = |(columns, label): (ColumnsShown, &str)| Choice {
            url: self.addresses().changed(|state| state.columns = Some(columns)),
            label: label.to_owned(),
            on: columns == self.columns_shown,
        };
        offered.map(choice).collect()
    }

    /// Edges that can be left out, each with the view that leaves them out or takes them back.
    fn hideable_edges(&self) -> Vec<Choice> {
        let choice = |(word, label): (&'static str, &str)| Choice {
            url: self.addresses().changed(|state| {
                if !state.hidden_edges.remove(word) {
                    state.hidden_edges.insert(word);
                }
            }),
            label: label.to_owned(),
            on: self.state.hidden_edges.contains(word),
        };
        HIDEABLE_EDGES.into_iter().map(choice).collect()
    }

    /// How many kinds of things are left out on purpose.
    fn hidden_by_choice(&self) -> usize {
        self.state.hidden_edges.len() + self.state.hidden_groups.len() + self.put_aside.len()
    }

    fn shapes(&self) -> Vec<Choice> {
        let choice = |(shape, label): (&'static str, &str)| Choice {
            url: self.addresses().changed(|state| state.shape = shape),
            label: label.to_owned(),
            on: shape == self.state.shape,
        };
        [("graph", "Graph"), ("table", "Table"), ("list", "List")].into_iter().map(choice).collect()
    }

    fn sort_heads(&self) -> Vec<Choice> {
        let heads = [("from", "From"), ("to", "To"), ("how", "How"), ("evidence", "Evidence"), ("steps", "Steps away")];
        let choice = |(sort, label): (&'static str, &str)| Choice {
            url: self.addresses().changed(|state| state.sort = sort),
            label: label.to_owned(),
            on: sort == self.state.sort,
        };
        heads.into_iter().map(choice).collect()
    }

    /// Columns that can be followed; the chosen one is among them even if it is not declared.
    fn column_pick(&self) -> ColumnPick<'_> {
        ColumnPick::new(self.head.column_names(), self.state.column.as_deref())
    }

    fn shown(&self) -> String {
        let assets = filters::counted(self.drawing.nodes.len() as u64, "asset");
        match self.hidden {
            (0, 0) => format!("{assets} shown; nothing is hidden next to them."),
            (up, down) => format!("{assets} shown; next to them {up} upstream and {down} downstream are not."),
        }
    }

    fn download(&self, kind: &str) -> String {
        let pairs = self.state.others("show");
        urls::with_query(&format!("{}/lineage.{kind}", self.head.url), pairs)
    }
}

/// Shows the lineage of an asset, or the part of the page that changed.
pub(crate) async fn show_lineage(Path((namespace, name)): Path<(String, String)>, visit: Visit) -> Result<Response, PageError> {
    let state = GraphState::read(&visit.query)?;
    let head = AssetHead::load(&visit, &namespace, &name, "lineage").await?;
    let asset = &head.answer.asset;
    let graph = visit.view.lineage_graph(&state.question(asset, head.answer.columns.len())).await?;
    let addresses = Addresses { focus: asset, state: &state };
    let is_tree = state.shape == "list";
    let with_more = (graph.left_out > 0 && !state.many).then(|| addresses.changed(|state| state.many = true));
    let page = LineagePage {
        chrome: visit.chrome.clone(),
        columns_shown: state.columns_shown(head.answer.columns.len()),
        drawing: draw(&graph, &addresses, state.column.as_deref()),
        rows: if state.shape == "table" { edge_rows(&graph, state.sort) } else { Vec::new() },
        upstream_tree: if is_tree { tree::grow(&graph, Way::Upstream) } else { Markup::default() },
        downstream_tree: if is_tree { tree::grow(&graph, Way::Downstream) } else { Markup::default() },
        conditions: Choice {
            url: addresses.changed(|state| state.conditions = !state.conditions),
            label: String::new(),
            on: state.conditions,
        },
        without_column: addresses.changed(|state| {
            state.column = None;
            state.columns = state.columns.filter(|columns| *columns != ColumnsShown::OnPath);
        }),
        left_out: graph.left_out,
        with_more,
        hidden: hidden(&graph),
        groups: group_choices(&graph, &addresses),
        put_aside: graph.put_aside.iter().map(|asset| PutAside { asset: asset.clone(), back: addresses.with(asset) }).collect(),
        panel: NodePanel::find(&graph, &addresses, &state).filter(|_| state.shape == "graph"),
        head: &head,
        state: state.clone(),
    };
    if visit.wants("lineage") { visit.answer(&page.as_lineage()) } else { visit.answer(&page) }
}

/// The drawing as a file of its own.
pub(crate) async fn download_svg(Path((namespace, name)): Path<(String, String)>, visit: Visit) -> Result<Response, PageError> {
    let (state, focus, graph) = load_graph(&visit, &namespace, &name).await?;
    let drawing = draw(&graph, &Addresses { focus: &focus, state: &state }, state.column.as_deref());
    let svg = LineageSvg { drawing }.render().map_err(|cause| PageError::broken("drawing a graph", &cause))?;
    let style = format!("<style>{}</style>", crate::web::statics::text("graph.css"));
    let whole = match svg.trim_start().split_once('>') {
        Some((open, rest)) => format!("{open}>{style}{rest}"),
        None => svg,
    };
    Ok(csv::download(&format!("lineage-{}.svg", focus.name), "image/svg+xml", whole))
}

/// The edges as CSV.
pub(crate) async fn download_csv(Path((namespace, name)): Path<(String, String)>, visit: Visit) -> Result<Response, PageError> {
    let (state, focus, graph) = load_graph(&visit, &namespace, &name).await?;
    let head = ["from_namespace", "from", "from_column", "to_namespace", "to", "to_column", "kinds", "evidence", "steps"];
    let rows = edge_rows(&graph, state.sort).into_iter().map(|row| {
        vec![
            row.from.namespace,
            row.from.name,
            row.from_column.unwrap_or_default(),
            row.to.namespace,
            row.to.name,
            row.to_column.unwrap_or_default(),
            row.how,
            row.state.word().to_owned(),
            row.distance.to_string(),
        ]
    });
    Ok(csv::attachment(&format!("lineage-{}.csv", focus.name), &head, rows))
}

/// The assets and how they are connected as a Mermaid flowchart.
pub(crate) async fn download_mermaid(
    Path((namespace, name)): Path<(String, String)>,
    visit: Visit,
) -> Result<Response, PageError> {
    let (_, focus, graph) = load_graph(&visit, &namespace, &name).await?;
    Ok(csv::download(&format!("lineage-{}.mmd", focus.name), "text/plain; charset=utf-8", mermaid(&graph)))
}

async fn load_graph(visit: &Visit, namespace: &str, name: &str) -> Result<(GraphState, AssetRef, LineageGraph), PageError> {
    let state = GraphState::read(&visit.query)?;
    let answer = visit.view.show_asset(namespace, name).await?;
    let graph = visit.view.lineage_graph(&state.question(&answer.asset, answer.columns.len())).await?;
    Ok((state, answer.asset, graph))
}

/// The groups that are drawn or left out; what all of it is cannot be left out.
fn group_choices(graph: &LineageGraph, addresses: &Addresses<'_>) -> Vec<GroupChoice> {
    let drawn = graph.nodes.len() as u64;
    let number = |group: AssetGroup| graph.groups.iter().find(|(one, _)| *one == group).map_or(0, |(_, number)| *number);
    let is_offered = |group: &AssetGroup| addresses.state.hidden_groups.contains(group) || (1..drawn).contains(&number(*group));
    let choice = |group: AssetGroup| GroupChoice {
        url: addresses.changed(|state| {
            if !state.hidden_groups.remove(&group) {
                state.hidden_groups.insert(group);
            }
        }),
        label: match group {
            AssetGroup::Deprecated => "deprecated".to_owned(),
            AssetGroup::Unused => "unused".to_owned(),
            AssetGroup::NotProd => "other environments".to_owned(),
            AssetGroup::Scratch => "temporary and tests".to_owned(),
            AssetGroup::External => "external".to_owned(),
            AssetGroup::Kind(kind) => format!("{}s", filters::kind_in_words(kind)),
        },
        title: match group {
            AssetGroup::Deprecated => "What should no longer be used",
            AssetGroup::Unused => "What the query log never saw anybody ask for",
            AssetGroup::NotProd => "What a [[names]] rule gives another environment than prod",
            AssetGroup::Scratch => "What has tmp, temp, test, scratch, sandbox or backup as a part of its name",
            AssetGroup::External => "What is only ever read, and nothing here defines",
            AssetGroup::Kind(_) => "Everything of this kind",
        },
        number: number(group),
        on: addresses.state.hidden_groups.contains(&group),
    };
    AssetGroup::all().filter(is_offered).map(choice).collect()
}

fn edge_rows(graph: &LineageGraph, sort: &str) -> Vec<EdgeRow> {
    let mut rows: Vec<EdgeRow> = graph
        .edges
        .iter()
        .filter_map(|edge| {
            let (from, to) = (graph.nodes.get(edge.from)?, graph.nodes.get(edge.to)?);
            let column = |node: &crate::catalog::GraphNode, at: Option<usize>| Some(node.columns.get(at?)?.name.clone());
            Some(EdgeRow {
                from: from.asset.clone(),
                from_column: column(from, edge.from_column),
                to: to.asset.clone(),
                to_column: column(to, edge.to_column),
                how: filters::kinds_in_words(&edge.kinds),
                state: edge.state,
                distance: from.layer.unsigned_abs().max(to.layer.unsigned_abs()),
            })
        })
        .collect();
    rows.sort_by(|one, other| {
        let ends = |row: &EdgeRow| (row.from.name.clone(), row.from_column.clone(), row.to.name.clone(), row.to_column.clone());
        let first = match sort {
            "from" => std::cmp::Ordering::Equal,
            "to" => (&one.to.name, &one.to_column).cmp(&(&other.to.name, &other.to_column)),
            "how" => one.how.cmp(&other.how),
            "evidence" => one.state.cmp(&other.state),
            _ => one.distance.cmp(&other.distance),
        };
        first.then_with(|| ends(one).cmp(&ends(other)))
    });
    rows
}

/// Neighbours of what is drawn that are not drawn: (upstream, downstream).
fn hidden(graph: &LineageGraph) -> (u64, u64) {
    graph.nodes.iter().fold((0, 0), |(up, down), node| {
        (up + node.upstream.1.saturating_sub(node.upstream.0), down + node.downstream.1.saturating_sub(node.downstream.0))
    })
}
