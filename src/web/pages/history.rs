//! `/assets/…/history`: what people stated of an asset, the last change of each file behind it, and
//! who to ask.

use askama::Template;
use axum::{extract::Path, response::Response};

use super::asset::AssetHead;
use crate::{
    catalog::{AssetDocument, HistoryEntry, LastChange, Remark},
    model::AssetRole,
    web::{
        error::PageError,
        extract::{Chrome, Visit},
        filters,
    },
};

#[derive(Template)]
#[template(path = "pages/asset_history.html")]
struct HistoryPage<'a> {
    chrome: Chrome,
    head: &'a AssetHead,
    changes: Vec<(&'a AssetDocument, &'a LastChange)>,
    entries: Vec<HistoryEntry>,
    remarks: Vec<Remark>,
    shows_asset: bool,
    may_undo: bool,
}

/// Shows who changed an asset's files.
pub(crate) async fn show_history(Path((namespace, name)): Path<(String, String)>, visit: Visit) -> Result<Response, PageError> {
    let head = AssetHead::load(&visit, &namespace, &name, "history").await?;
    let documents = head.answer.documents.iter();
    let mut changes: Vec<_> = documents.filter_map(|document| Some((document, document.last_change.as_ref()?))).collect();
    changes.sort_by(|one, other| other.1.time.cmp(&one.1.time).then_with(|| one.0.place.cmp(&other.0.place)));
    let entries = visit.view.asset_statements(&namespace, &name).await?;
    let remarks = visit.view.remarks_on(&namespace, &name).await?;
    let may_undo = head.may_state;
    visit.answer(&HistoryPage {
        chrome: visit.chrome.clone(),
        changes,
        entries,
        remarks,
        shows_asset: false,
        may_undo,
        head: &head,
    })
}
