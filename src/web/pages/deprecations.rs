//! `/deprecations`: what should no longer be used, and who still does.

use askama::Template;
use axum::response::Response;

use crate::{
    catalog::DeprecatedAsset,
    web::{
        error::PageError,
        extract::{Chrome, Visit},
        filters,
    },
};

/// Assets that one page shows.
const ASSETS_AT_ONCE: usize = 200;

#[derive(Template)]
#[template(path = "pages/deprecations.html")]
struct DeprecationsPage<'a> {
    chrome: Chrome,
    items: &'a [DeprecatedAsset],
    shown: &'a [DeprecatedAsset],
}

impl DeprecationsPage<'_> {
    /// How many are read by something that is not deprecated itself.
    fn still_read(&self) -> usize {
        self.items.iter().filter(|item| item.readers.iter().any(|reader| !reader.asset.deprecated)).count()
    }
}

/// Shows everything deprecated.
pub(crate) async fn show_deprecations(visit: Visit) -> Result<Response, PageError> {
    let items = visit.view.deprecations().await?;
    let shown = items.get(..ASSETS_AT_ONCE).unwrap_or(&items);
    visit.answer(&DeprecationsPage { chrome: visit.chrome.clone(), items: &items, shown })
}
