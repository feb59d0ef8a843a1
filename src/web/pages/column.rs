//! `/assets/…/columns/{column}`: what a column means, what it is made of, who uses it.

use askama::Template;
use axum::{
    extract::{Path, State},
    response::Response,
};

use super::{
    asset::{Decider, gather_deciders},
    opened::note_opened,
};
use crate::{
    catalog::ColumnAnswer,
    model::EdgeState,
    web::{
        Site,
        error::PageError,
        extract::{Chrome, Visit},
        filters, urls,
    },
};

#[derive(Template)]
#[template(path = "pages/column.html")]
struct ColumnPage {
    chrome: Chrome,
    column: ColumnAnswer,
    asset_url: String,
    url: String,
    deciders: Vec<Decider>,
    may_state: bool,
}

/// Shows one column.
pub(crate) async fn show_column(
    Path((namespace, name, column)): Path<(String, String, String)>,
    State(site): State<Site>,
    visit: Visit,
) -> Result<Response, PageError> {
    let column = visit.view.show_column(&namespace, &name, &column).await?;
    note_opened(&site, &visit, &column.asset, Some(&column.column));
    let page = ColumnPage {
        chrome: visit.chrome.clone(),
        asset_url: urls::asset(&column.asset),
        url: urls::column(&column.asset, &column.column),
        deciders: gather_deciders(&column.row_edges),
        may_state: visit.may_state(&column.asset),
        column,
    };
    visit.answer(&page)
}
