//! `/owners`, `/owners/by-name/{name}`, `/owners/none`: who owns what, and what nobody owns.

use askama::Template;
use axum::{extract::Path, response::Response};

use crate::{
    catalog::{OwnedAsset, OwnerAnswer, OwnersAnswer},
    web::{
        error::PageError,
        extract::{Chrome, Visit},
        filters,
    },
};

/// Assets that one page shows.
const ASSETS_AT_ONCE: usize = 500;

#[derive(Template)]
#[template(path = "pages/owners.html")]
struct OwnersPage {
    chrome: Chrome,
    answer: OwnersAnswer,
}

#[derive(Template)]
#[template(path = "pages/owner.html")]
struct OwnerPage<'a> {
    chrome: Chrome,
    answer: &'a OwnerAnswer,
    shown: &'a [OwnedAsset],
}

/// Shows every owner.
pub(crate) async fn show_owners(visit: Visit) -> Result<Response, PageError> {
    let answer = visit.view.owners().await?;
    visit.answer(&OwnersPage { chrome: visit.chrome.clone(), answer })
}

/// Shows what one owner owns.
pub(crate) async fn show_owner(Path(name): Path<String>, visit: Visit) -> Result<Response, PageError> {
    show(&visit, &name).await
}

/// Shows what nobody owns.
pub(crate) async fn show_unowned(visit: Visit) -> Result<Response, PageError> {
    show(&visit, "").await
}

async fn show(visit: &Visit, name: &str) -> Result<Response, PageError> {
    let answer = visit.view.owner(name).await?;
    let shown = answer.assets.get(..ASSETS_AT_ONCE).unwrap_or(&answer.assets);
    visit.answer(&OwnerPage { chrome: visit.chrome.clone(), answer: &answer, shown })
}
