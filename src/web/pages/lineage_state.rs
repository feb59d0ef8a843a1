//! What an address says of a lineage graph, and the addresses of the same graph changed.

use std::collections::BTreeSet;

use crate::{
    catalog::{AssetGroup, AssetRef, ColumnsShown, GraphQuery, Shown},
    web::{error::PageError, extract::Query, urls},
};

/// Steps that one may ask for; as many mean all.
pub(super) const ALL_STEPS: u32 = 50;
/// Columns up to which an asset's columns are drawn unasked.
const FEW_COLUMNS: usize = 16;
/// Nodes expanded by hand, at most.
const MOST_EXPANDED: usize = 60;

/// Assets left out by name, at most.
const MOST_PUT_ASIDE: usize = 60;
/// Nodes that are drawn for those who ask for more.
pub(super) const MANY_NODES: usize = 1_000;

/// Edges that can be left out: the word in an address, and what it says.
pub(super) const HIDEABLE_EDGES: [(&str, &str); 3] =
    [("IDENTITY", "copied"), ("TRANSFORMATION", "transformed"), ("AGGREGATION", "aggregated")];

/// What an address says of the graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct GraphState {
    pub(super) up: u32,
    pub(super) down: u32,
    pub(super) columns: Option<ColumnsShown>,
    pub(super) conditions: bool,
    pub(super) shape: &'static str,
    pub(super) column: Option<String>,
    pub(super) sort: &'static str,
    /// Edges that are left out, of [`HIDEABLE_EDGES`].
    pub(super) hidden_edges: BTreeSet<&'static str>,
    /// Assets that are left out, by group.
    pub(super) hidden_groups: BTreeSet<AssetGroup>,
    /// Assets that are left out, by name.
    pub(super) put_aside: BTreeSet<String>,
    /// The node whose choices are open.
    pub(super) at: Option<String>,
    /// Whether up to [`MANY_NODES`] are drawn.
    pub(super) many: bool,
    expanded: BTreeSet<(String, String, u32)>,
}

impl GraphState {
    /// The state that an address holds.
    ///
    /// # Errors
    /// [`PageError::BadRequest`] where a number of steps is none.
    pub(super) fn read(query: &Query) -> Result<GraphState, PageError> {
        let expanded = query.all("expand").filter_map(read_expansion).take(MOST_EXPANDED).collect();
        Ok(GraphState {
            up: query.number("up", 1, 0..=ALL_STEPS)?,
            down: query.number("down", 1, 0..=ALL_STEPS)?,
            columns: query.get("columns").and_then(columns_of_word),
            conditions: query.get("conditions") == Some("1"),
            shape: one_of(query.get("show"), &["graph", "table", "list"]),
            column: query.filled("column").map(str::to_owned),
            sort: one_of(query.get("sort"), &["steps", "from", "to", "how", "evidence"]),
            hidden_edges: query
                .all("hide")
                .filter_map(|word| HIDEABLE_EDGES.iter().find(|(one, _)| *one == word))
                .map(|(one, _)| *one)
                .collect(),
            hidden_groups: query.all("hide").filter_map(AssetGroup::from_word).collect(),
            put_aside: query.all("without").filter(|name| !name.is_empty()).take(MOST_PUT_ASIDE).map(str::to_owned).collect(),
            at: query.filled("at").map(str::to_owned),
            many: query.get("nodes") == Some("many"),
            expanded,
        })
    }

    /// The pairs that hold this state; what is as it is unasked is left out.
    pub(super) fn pairs(&self) -> Vec<(&'static str, String)> {
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
        pairs.extend(self.hidden_edges.iter().map(|word| ("hide", (*word).to_owned())));
        pairs.extend(self.hidden_groups.iter().map(|group| ("hide", group.word().to_owned())));
        pairs.extend(self.put_aside.iter().map(|name| ("without", name.clone())));
        for (name, way, steps) in &self.expanded {
            pairs.push(("expand", format!("{way}.{steps}.{name}")));
        }
        if self.many {
            pairs.push(("nodes", "many".to_owned()));
        }
        pairs.extend(self.at.iter().map(|name| ("at", name.clone())));
        pairs
    }

    /// The pairs of everything but `key`, for a form that sets `key`.
    pub(super) fn others(&self, key: &str) -> Vec<(&'static str, String)> {
        self.pairs().into_iter().filter(|(name, _)| *name != key).collect()
    }

    /// The columns that are drawn: as asked, else as suits the asset.
    pub(super) fn columns_shown(&self, columns_of_focus: usize) -> ColumnsShown {
        match (self.columns, &self.column) {
            (Some(columns), _) => columns,
            (None, Some(_)) => ColumnsShown::OnPath,
            (None, None) if columns_of_focus <= FEW_COLUMNS => ColumnsShown::All,
            (None, None) => ColumnsShown::None,
        }
    }

    /// How many steps a node was expanded by hand, `up` or `down`.
    pub(super) fn steps_of(&self, asset: &AssetRef, way: &str) -> u32 {
        let name = called(asset);
        self.expanded.iter().find(|(one, other, _)| *one == name && other == way).map_or(0, |(_, _, steps)| *steps)
    }

    pub(super) fn question(&self, asset: &AssetRef, columns_of_focus: usize) -> GraphQuery {
        GraphQuery {
            namespace: asset.namespace.clone(),
            name: asset.name.clone(),
            column: self.column.clone(),
            up: self.up,
            down: self.down,
            columns: self.columns_shown(columns_of_focus),
            indirect: if self.conditions { Shown::Shown } else { Shown::Hidden },
            kinds: BTreeSet::new(),
            without: self.hidden_edges.iter().map(|word| (*word).to_owned()).collect(),
            without_groups: self.hidden_groups.clone(),
            without_assets: self.put_aside.clone(),
            expanded: self.expanded.clone(),
            most_nodes: if self.many { MANY_NODES } else { GraphQuery::MOST_NODES },
        }
    }
}

/// Addresses that a drawing needs.
pub(super) struct Addresses<'a> {
    pub(super) focus: &'a AssetRef,
    pub(super) state: &'a GraphState,
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
        state.at = None;
        if asset != self.focus {
            state.expanded.clear();
            state.put_aside.remove(&called(asset));
        }
        urls::with_query(&format!("{}/lineage", urls::asset(asset)), state.pairs())
    }

    /// Where the columns are that this view does not draw: this view with all of them, or their list.
    pub(super) fn of_more_columns(&self, asset: &AssetRef) -> String {
        match self.state.columns {
            Some(ColumnsShown::All) => format!("{}/columns", urls::asset(asset)),
            _ => self.changed(|state| state.columns = Some(ColumnsShown::All)),
        }
    }

    /// This view with `asset` expanded by so many `steps` (0: not by hand), `up` or `down`.
    pub(super) fn expanded(&self, asset: &AssetRef, way: &str, steps: u32) -> String {
        let name = called(asset);
        self.changed(|state| {
            state.expanded.retain(|(one, other, _)| *one != name || other != way);
            if steps > 0 {
                state.expanded.insert((name, way.to_owned(), steps.min(ALL_STEPS)));
            }
        })
    }

    /// This view with the choices of `asset` open, or closed where they are.
    pub(super) fn with_choices(&self, asset: &AssetRef) -> String {
        let name = called(asset);
        self.changed(|state| state.at = Some(name).filter(|name| state.at.as_ref() != Some(name)))
    }

    /// This view without `asset`.
    pub(super) fn without(&self, asset: &AssetRef) -> String {
        let name = called(asset);
        self.changed(|state| {
            state.at = None;
            state.put_aside.insert(name);
        })
    }

    /// This view with `asset`, which was put aside.
    pub(super) fn with(&self, asset: &AssetRef) -> String {
        let name = called(asset);
        self.changed(|state| {
            state.put_aside.remove(&name);
        })
    }
}

/// What an address calls an asset of a graph.
pub(super) fn called(asset: &AssetRef) -> String {
    format!("{}/{}", asset.namespace, asset.name)
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
            ("hide", "view"),
            ("without", "bigquery/mart.odd"),
            ("expand", "up.2.postgres://h:1/mart.orders"),
            ("nodes", "many"),
            ("at", "bigquery/mart.users"),
        ];
        let query = Query(pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect());
        let state = GraphState::read(&query).unwrap();
        let back: Vec<(String, String)> = state.pairs().into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        assert_eq!(back, query.0);
        assert_eq!(GraphState::read(&Query::default()).unwrap().pairs(), []);
    }

    #[test]
    fn a_node_is_expanded_by_as_many_steps_as_asked() {
        let asset = crate::web::pages::drawing::tests::asset("mart.orders");
        let once = GraphState::read(&Query(vec![("expand".to_owned(), "up.1.bigquery/mart.orders".to_owned())])).unwrap();
        let addresses = Addresses { focus: &asset, state: &once };
        assert_eq!(once.steps_of(&asset, "up"), 1);
        assert_eq!(
            addresses.expanded(&asset, "up", 3),
            "/assets/bigquery/mart.orders/lineage?expand=up.3.bigquery%2Fmart.orders"
        );
        assert_eq!(addresses.expanded(&asset, "up", 0), "/assets/bigquery/mart.orders/lineage");
    }

    #[test]
    fn what_is_put_aside_comes_back() {
        let (focus, odd) =
            (crate::web::pages::drawing::tests::asset("mart.orders"), crate::web::pages::drawing::tests::asset("mart.odd"));
        let state = GraphState::read(&Query::default()).unwrap();
        let url = Addresses { focus: &focus, state: &state }.without(&odd);
        assert_eq!(url, "/assets/bigquery/mart.orders/lineage?without=bigquery%2Fmart.odd");
        let state = GraphState::read(&Query(vec![("without".to_owned(), "bigquery/mart.odd".to_owned())])).unwrap();
        assert_eq!(Addresses { focus: &focus, state: &state }.with(&odd), "/assets/bigquery/mart.orders/lineage");
    }
}
