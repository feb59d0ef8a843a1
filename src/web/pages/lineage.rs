//! `/assets/…/lineage`: the neighbourhood as a drawing, a table or a nested list, and as files.

use std::collections::BTreeSet;

use askama::Template;
use axum::{extract::Path, response::Response};

use super::{
    asset::AssetHead,
    drawing::{Drawing, draw, mermaid},
    tree::{self, Way},
};
use crate::{
    catalog::{AssetRef, ColumnsShown, GraphQuery, LineageGraph, Shown},
    model::{AssetRole, EdgeState},
    web::{
        csv,
        error::PageError,
        extract::{Chrome, Query, Visit},
        filters,
        markup::Markup,
        urls,
    },
};

/// Steps that one may ask for; as many mean all.
const ALL_STEPS: u32 = 50;
/// Columns up to which an asset's columns are drawn unasked.
const FEW_COLUMNS: usize = 16;
/// Nodes expanded by hand, at most.
const MOST_EXPANDED: usize = 60;

/// What can be left out: the word in an address, and what it says.
const HIDEABLE: [(&str, &str); 4] =
    [("IDENTITY", "copied"), ("TRANSFORMATION", "transformed"), ("AGGREGATION", "aggregated"), (DEPRECATED, "deprecated")];
/// The word that leaves out deprecated assets.
const DEPRECATED: &str = "deprecated";

/// What an address says of the graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct GraphState {
    up: u32,
    down: u32,
    columns: Option<ColumnsShown>,
    conditions: bool,
    shape: &'static str,
    column: Option<String>,
    sort: &'static str,
    /// What is left out, of [`HIDEABLE`].
    hidden: BTreeSet<&'static str>,
    expanded: BTreeSet<(String, String, u32)>,
}

impl GraphState {
    fn read(query: &Query) -> GraphState {
        let expanded = query.all("expand").filter_map(read_expansion).take(MOST_EXPANDED).collect();
        GraphState {
            up: query.number("up", 1, ALL_STEPS),
            down: query.number("down", 1, ALL_STEPS),
            columns: query.get("columns").and_then(columns_of_word),
            conditions: query.get("conditions") == Some("1"),
            shape: one_of(query.get("show"), &["graph", "table", "list"]),
            column: query.filled("column").map(str::to_owned),
            sort: one_of(query.get("sort"), &["steps", "from", "to", "how", "evidence"]),
            hidden: query
                .all("hide")
                .filter_map(|word| HIDEABLE.iter().find(|(one, _)| *one == word))
                .map(|(one, _)| *one)
                .collect(),
            expanded,
        }
    }

    /// The pairs that hold this state; what is as it is unasked is left out.
    fn pairs(&self) -> Vec<(&'static str, String)> {
        let mut pairs = Vec::new();
        if let Some(column) = &self.column {
            pairs.push(("column", column.clone()));
        }
        if self.up != 1 {
            pairs.push(("up", self.up.to_string()));
        }
        if self.down != 1 {
            pairs.push(("down", self.down.to_string()));
        }
        if let Some(columns) = self.columns {
            pairs.push(("columns", word_of_columns(columns).to_owned()));
        }
        if self.conditions {
            pairs.push(("conditions", "1".to_owned()));
        }
        if self.shape != "graph" {
            pairs.push(("show", self.shape.to_owned()));
        }
        if self.sort != "steps" {
            pairs.push(("sort", self.sort.to_owned()));
        }
        pairs.extend(self.hidden.iter().map(|word| ("hide", (*word).to_owned())));
        for (name, way, steps) in &self.expanded {
            pairs.push(("expand", format!("{way}.{steps}.{name}")));
        }
        pairs
    }

    /// The pairs of everything but `key`, for a form that sets `key`.
    fn others(&self, key: &str) -> Vec<(&'static str, String)> {
        self.pairs().into_iter().filter(|(name, _)| *name != key).collect()
    }

    fn is_column(&self, name: &str) -> bool {
        self.column.as_deref() == Some(name)
    }

    /// The columns that are drawn: as asked, else as suits the asset.
    fn columns_shown(&self, columns_of_focus: usize) -> ColumnsShown {
        match (self.columns, &self.column) {
            (Some(columns), _) => columns,
            (None, Some(_)) => ColumnsShown::OnPath,
            (None, None) if columns_of_focus <= FEW_COLUMNS => ColumnsShown::All,
            (None, None) => ColumnsShown::None,
        }
    }

    fn question(&self, asset: &AssetRef, columns_of_focus: usize) -> GraphQuery {
        GraphQuery {
            namespace: asset.namespace.clone(),
            name: asset.name.clone(),
            column: self.column.clone(),
            up: self.up,
            down: self.down,
            columns: self.columns_shown(columns_of_focus),
            indirect: if self.conditions { Shown::Shown } else { Shown::Hidden },
            kinds: BTreeSet::new(),
            without: self.hidden.iter().filter(|word| **word != DEPRECATED).map(|word| (*word).to_owned()).collect(),
            without_deprecated: self.hidden.contains(DEPRECATED),
            expanded: self.expanded.clone(),
            most_nodes: GraphQuery::MOST_NODES,
        }
    }
}

/// Addresses that a drawing needs.
pub(super) struct Addresses<'a> {
    focus: &'a AssetRef,
    state: &'a GraphState,
}

impl Addresses<'_> {
    /// This view, changed.
    pub(super) fn changed(&self, change: impl FnOnce(&mut GraphState)) -> String {
        let mut state = self.state.clone();
        change(&mut state);
        urls::with_query(&format!("{}/lineage", urls::asset(self.focus)), state.pairs())
    }

    /// The view of the column of `asset`.
    pub(super) fn of_column(&self, asset: &AssetRef, column: &str) -> String {
        let mut state = self.state.clone();
        state.column = Some(column.to_owned());
        state.columns = state.columns.filter(|columns| *columns != ColumnsShown::None);
        if asset != self.focus {
            state.expanded.clear();
        }
        urls::with_query(&format!("{}/lineage", urls::asset(asset)), state.pairs())
    }

    /// This view with all columns.
    pub(super) fn with_all_columns(&self) -> String {
        self.changed(|state| state.columns = Some(ColumnsShown::All))
    }

    /// This view with `asset` expanded a step further, `up` or `down`.
    pub(super) fn expanded(&self, asset: &AssetRef, way: &str) -> String {
        let name = format!("{}/{}", asset.namespace, asset.name);
        self.changed(|state| {
            let known = state.expanded.iter().find(|(one, other, _)| *one == name && other == way).cloned();
            let steps = known.as_ref().map_or(1, |(_, _, steps)| steps + 1);
            if let Some(known) = known {
                state.expanded.remove(&known);
            }
            state.expanded.insert((name, way.to_owned(), steps));
        })
    }
}

pub(super) struct Choice {
    url: String,
    label: String,
    on: bool,
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
    hidden: (u64, u64),
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

    /// What can be left out, each with the view that leaves it out or takes it back.
    fn hideable(&self) -> Vec<Choice> {
        let choice = |(word, label): (&'static str, &str)| Choice {
            url: self.addresses().changed(|state| {
                if !state.hidden.remove(word) {
                    state.hidden.insert(word);
                }
            }),
            label: label.to_owned(),
            on: self.state.hidden.contains(word),
        };
        HIDEABLE.into_iter().map(choice).collect()
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
    fn column_names(&self) -> Vec<&str> {
        let mut names = self.head.column_names();
        if let Some(column) = self.state.column.as_deref().filter(|column| !names.contains(column)) {
            names.push(column);
        }
        names
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
    let state = GraphState::read(&visit.query);
    let head = AssetHead::load(&visit, &namespace, &name, "lineage").await?;
    let asset = &head.answer.asset;
    let graph = visit.view.lineage_graph(&state.question(asset, head.answer.columns.len())).await?;
    let addresses = Addresses { focus: asset, state: &state };
    let is_tree = state.shape == "list";
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
        hidden: hidden(&graph),
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
    let state = GraphState::read(&visit.query);
    let answer = visit.view.show_asset(namespace, name).await?;
    let graph = visit.view.lineage_graph(&state.question(&answer.asset, answer.columns.len())).await?;
    Ok((state, answer.asset, graph))
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

/// Reads `up.2.namespace/name`.
fn read_expansion(text: &str) -> Option<(String, String, u32)> {
    let (way, rest) = text.split_once('.')?;
    let (steps, name) = rest.split_once('.')?;
    let way = ["up", "down"].into_iter().find(|known| *known == way)?;
    Some((name.to_owned(), way.to_owned(), steps.parse::<u32>().ok()?.min(ALL_STEPS)))
}

fn columns_of_word(word: &str) -> Option<ColumnsShown> {
    [ColumnsShown::None, ColumnsShown::OnPath, ColumnsShown::All].into_iter().find(|columns| word_of_columns(*columns) == word)
}

fn word_of_columns(columns: ColumnsShown) -> &'static str {
    match columns {
        ColumnsShown::None => "none",
        ColumnsShown::OnPath => "path",
        ColumnsShown::All => "all",
    }
}

/// `value` where it is one of `known`, else the first of them.
fn one_of(value: Option<&str>, known: &[&'static str]) -> &'static str {
    known.iter().find(|one| Some(**one) == value).or(known.first()).copied().unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_is_its_address_and_back() {
        let pairs = [
            ("column", "churn rate"),
            ("up", "3"),
            ("down", "0"),
            ("columns", "all"),
            ("conditions", "1"),
            ("show", "table"),
            ("sort", "to"),
            ("hide", "IDENTITY"),
            ("hide", "deprecated"),
            ("expand", "up.2.postgres://h:1/mart.orders"),
        ];
        let query = Query(pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect());
        let state = GraphState::read(&query);
        let back: Vec<(String, String)> = state.pairs().into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        assert_eq!(back, query.0);
        assert_eq!(GraphState::read(&Query::default()).pairs(), []);
    }

    #[test]
    fn expanding_again_goes_a_step_further() {
        let asset = crate::web::pages::drawing::tests::asset("mart.orders");
        let once = GraphState::read(&Query(vec![("expand".to_owned(), "up.1.bigquery/mart.orders".to_owned())]));
        let url = Addresses { focus: &asset, state: &once }.expanded(&asset, "up");
        assert_eq!(url, "/assets/bigquery/mart.orders/lineage?expand=up.2.bigquery%2Fmart.orders");
    }
}
