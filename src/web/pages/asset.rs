//! `/assets/{namespace}/{name}` and its `/columns`: what it is, how it is made, who owns and reads it.

use askama::Template;
use axum::{
    extract::{Path, State},
    response::Response,
};

use super::opened::note_opened;

use crate::{
    catalog::{
        AssetAnswer, AssetColumn, ColumnDrift, ColumnLink, ColumnRef, Described, LastChange, NoLineage, Place, PlacedDiagnostic,
        RowDecider, StatedBy, ToolSheet,
    },
    model::{AssetKind, AssetRole, EdgeState, Severity, StatedField},
    web::{
        Site,
        error::PageError,
        extract::{Chrome, Visit},
        filters, urls,
    },
};

/// Columns that the overview shows.
const COLUMNS_ON_OVERVIEW: usize = 12;
/// Columns that the columns page shows unasked.
const COLUMNS_AT_ONCE: usize = 500;

/// What the head of every page of an asset shows.
pub(crate) struct AssetHead {
    pub(crate) answer: AssetAnswer,
    pub(crate) tab: &'static str,
    pub(crate) url: String,
    /// Whether the reader may state things of it.
    pub(crate) may_state: bool,
}

impl AssetHead {
    /// Asks for everything about the asset.
    pub(crate) async fn load(visit: &Visit, namespace: &str, name: &str, tab: &'static str) -> Result<AssetHead, PageError> {
        let answer = visit.view.show_asset(namespace, name).await?;
        Ok(AssetHead { url: urls::asset(&answer.asset), may_state: visit.may_state(&answer.asset), answer, tab })
    }

    /// The tool that owns it: the scheme of its namespace.
    pub(crate) fn tool(&self) -> &str {
        self.answer.asset.namespace.split("://").next().unwrap_or_default()
    }

    /// The last part of the name.
    pub(crate) fn last(&self) -> &str {
        self.answer.asset.split_name().1
    }

    /// The parts of the name before the last, each with the search that finds what is under it.
    pub(crate) fn path(&self) -> Vec<(String, String)> {
        let (path, _) = self.answer.asset.split_name();
        let mut parts = Vec::new();
        let mut so_far = String::new();
        for part in path.split('.').filter(|part| !part.is_empty()) {
            if !so_far.is_empty() {
                so_far.push('.');
            }
            so_far.push_str(part);
            parts.push((part.to_owned(), so_far.clone()));
        }
        parts
    }

    /// The newest change of any file behind it.
    pub(crate) fn last_change(&self) -> Option<&LastChange> {
        self.answer.documents.iter().filter_map(|document| document.last_change.as_ref()).max_by_key(|change| change.time)
    }

    /// How many diagnostics are errors.
    pub(crate) fn errors(&self) -> usize {
        self.answer.diagnostics.iter().filter(|one| one.severity == Severity::Error).count()
    }

    /// Whether some file behind it does not parse any more.
    pub(crate) fn is_stale(&self) -> bool {
        self.answer.documents.iter().any(|document| document.stale)
    }

    /// The diagnostic that says why there is no lineage.
    pub(crate) fn reason<'a>(&self, why: &'a NoLineage) -> Option<&'a PlacedDiagnostic> {
        match why {
            NoLineage::NotParsed { diagnostic } | NoLineage::DynamicSql { diagnostic } => Some(diagnostic),
            NoLineage::NotConnected | NoLineage::Root | NoLineage::ReadsNothing => None,
        }
    }

    /// Who states that it is deprecated, or that it is not, and when.
    pub(crate) fn deprecation_stated_by(&self) -> Option<&StatedBy> {
        self.answer.governed.statement("", StatedField::Deprecation)?.by.as_ref()
    }

    /// Names of its columns, for choosing one.
    pub(crate) fn column_names(&self) -> Vec<&str> {
        self.answer.columns.iter().map(|column| column.name.as_str()).collect()
    }
}

/// A column as the table of columns shows it.
pub(crate) struct ColumnRow<'a> {
    name: &'a str,
    depth: usize,
    url: String,
    data_type: &'a str,
    declared: bool,
    drift: Option<ColumnDrift>,
    description: Option<&'a Described>,
    sources: &'a [ColumnLink],
    uses: u64,
}

impl<'a> ColumnRow<'a> {
    fn new(head: &'a AssetHead, column: &'a AssetColumn) -> Self {
        ColumnRow {
            name: &column.name,
            depth: column.depth,
            url: urls::column(&head.answer.asset, &column.name),
            data_type: &column.data_type,
            declared: column.declared,
            drift: column.drift,
            description: column.description.as_ref(),
            sources: &column.sources,
            uses: column.uses,
        }
    }

    /// The step of its indentation, at most 4.
    fn indent(&self) -> usize {
        self.depth.min(4)
    }

    /// The last part of a nested field's path, the whole name of a column.
    fn label(&self) -> &str {
        if self.depth == 0 { self.name } else { self.name.rsplit('.').next().unwrap_or(self.name) }
    }
}

/// Columns that decide rows in the same clause.
pub(crate) struct Decider {
    pub(crate) word: &'static str,
    pub(crate) clause: String,
    pub(crate) columns: Vec<ColumnRef>,
    pub(crate) place: Option<Place>,
}

/// `edges` gathered by clause, in order.
pub(crate) fn gather_deciders(edges: &[RowDecider]) -> Vec<Decider> {
    let mut deciders: Vec<Decider> = Vec::new();
    for edge in edges {
        let word = filters::kind_in_a_word(&edge.kind);
        let known = deciders.iter_mut().find(|one| one.word == word && one.clause == edge.clause && one.place == edge.place);
        match known {
            Some(decider) => decider.columns.push(edge.column.clone()),
            None => deciders.push(Decider {
                word,
                clause: edge.clause.clone(),
                columns: vec![edge.column.clone()],
                place: edge.place.clone(),
            }),
        }
    }
    deciders
}

#[derive(Template)]
#[template(path = "pages/asset.html")]
struct AssetPage<'a> {
    chrome: Chrome,
    head: &'a AssetHead,
    columns: Vec<ColumnRow<'a>>,
    deciders: Vec<Decider>,
    sheet: Option<ToolSheet>,
}

#[derive(Template)]
#[template(path = "pages/asset_columns.html", blocks = ["columns"])]
struct ColumnsPage<'a> {
    chrome: Chrome,
    head: &'a AssetHead,
    columns: Vec<ColumnRow<'a>>,
    filter: String,
    more: usize,
}

/// Shows the overview of an asset.
pub(crate) async fn show_asset(
    Path((namespace, name)): Path<(String, String)>,
    State(site): State<Site>,
    visit: Visit,
) -> Result<Response, PageError> {
    let head = AssetHead::load(&visit, &namespace, &name, "overview").await?;
    note_opened(&site, &visit, &head.answer.asset, None);
    let top = head.answer.columns.iter().filter(|column| column.depth == 0).take(COLUMNS_ON_OVERVIEW);
    let page = AssetPage {
        chrome: visit.chrome.clone(),
        columns: top.map(|column| ColumnRow::new(&head, column)).collect(),
        deciders: gather_deciders(&head.answer.row_edges),
        sheet: visit.view.tool_sheet(&head.answer).await?,
        head: &head,
    };
    visit.answer(&page)
}

/// Shows the columns of an asset, or those that a filter leaves.
pub(crate) async fn show_columns(Path((namespace, name)): Path<(String, String)>, visit: Visit) -> Result<Response, PageError> {
    let head = AssetHead::load(&visit, &namespace, &name, "columns").await?;
    let filter = visit.query.get("filter").unwrap_or("").trim().to_owned();
    let wanted = filter.to_lowercase();
    let most = if visit.query.get("all").is_some() { usize::MAX } else { COLUMNS_AT_ONCE };
    let fitting: Vec<&AssetColumn> = head.answer.columns.iter().filter(|column| holds(column, &wanted)).collect();
    let page = ColumnsPage {
        chrome: visit.chrome.clone(),
        columns: fitting.iter().take(most).map(|column| ColumnRow::new(&head, column)).collect(),
        more: fitting.len().saturating_sub(most),
        filter,
        head: &head,
    };
    if visit.wants("columns") { visit.answer(&page.as_columns()) } else { visit.answer(&page) }
}

fn holds(column: &AssetColumn, wanted: &str) -> bool {
    let described = || column.description.as_ref().is_some_and(|text| text.text.to_lowercase().contains(wanted));
    wanted.is_empty() || column.name.to_lowercase().contains(wanted) || described()
}
