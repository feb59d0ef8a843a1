//! `/statements`: what people stated, newest first, and taking it back.

use askama::Template;
use axum::{
    extract::{Path, State},
    http::header,
    response::{IntoResponse, Redirect, Response},
};

use crate::{
    catalog::{HistoryEntry, Undoing},
    web::{
        Site,
        error::PageError,
        extract::{Chrome, Query, Visit},
        filters, urls,
    },
};

/// Statements that one page shows.
const AT_ONCE: u32 = 100;

#[derive(Template)]
#[template(path = "pages/statements.html")]
struct StatementsPage {
    chrome: Chrome,
    entries: Vec<HistoryEntry>,
    older: Option<i64>,
    shows_asset: bool,
    may_undo: bool,
}

/// Shows the newest statements, or those before `?before=`.
pub(crate) async fn show_statements(visit: Visit) -> Result<Response, PageError> {
    let before = visit.query.get("before").map(str::parse).transpose();
    let before = before.map_err(|_| PageError::BadRequest("`before` is the number of a statement.".to_owned()))?;
    let entries = visit.view.statements(before, AT_ONCE).await?;
    let older = entries.last().map(|entry| entry.number).filter(|_| entries.len() == AT_ONCE as usize);
    let may_undo = visit.chrome.reader.may_edit;
    visit.answer(&StatementsPage { chrome: visit.chrome.clone(), entries, older, shows_asset: true, may_undo })
}

/// Takes a statement back, with those that were made together with it where the form says `together`.
pub(crate) async fn undo(
    State(site): State<Site>,
    Path(number): Path<i64>,
    visit: Visit,
    body: String,
) -> Result<Response, PageError> {
    let form = Query::parse(&body);
    let all = if form.get("together").is_some() { Undoing::Together } else { Undoing::One };
    site.catalog.undo(visit.actor()?, number, all).await?;
    Ok(Redirect::to(urls::local(form.get("back").unwrap_or("/statements"))).into_response())
}

/// Everything that people state, as one YAML file.
pub(crate) async fn download_yaml(visit: Visit) -> Result<Response, PageError> {
    let yaml = visit.view.export_governance()?;
    Ok(([(header::CONTENT_TYPE, "application/yaml; charset=utf-8")], yaml).into_response())
}
