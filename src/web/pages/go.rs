//! `/go?name=…` and its kin: from any name to the page that is meant, for bookmarks and bots.

use axum::response::{IntoResponse, Redirect, Response};

use crate::{
    catalog::{AssetRef, NameAnswer, is_query},
    web::{error::PageError, extract::Visit, pages::query, urls},
};

/// Leads to the page of what `name` means; to a search where it may mean several things.
pub(crate) async fn go_to_name(visit: Visit) -> Result<Response, PageError> {
    go(&visit, page_of).await
}

/// Leads to the lineage of what `name` means.
pub(crate) async fn go_to_lineage(visit: Visit) -> Result<Response, PageError> {
    go(&visit, |asset, column| {
        let pairs = column.map(|column| ("column", column.to_owned()));
        urls::with_query(&format!("{}/lineage", urls::asset(asset)), pairs)
    })
    .await
}

/// Leads to the impact of what `name` means.
pub(crate) async fn go_to_impact(visit: Visit) -> Result<Response, PageError> {
    go(&visit, |asset, column| {
        let pairs = column.map(|column| ("column", column.to_owned()));
        urls::with_query(&format!("{}/impact", urls::asset(asset)), pairs)
    })
    .await
}

/// Leads to the story of the column that `name` means.
pub(crate) async fn go_to_explanation(visit: Visit) -> Result<Response, PageError> {
    go(&visit, |asset, column| match column {
        Some(column) => format!("{}/explain", urls::column(asset, column)),
        None => format!("{}/columns", urls::asset(asset)),
    })
    .await
}

async fn go(visit: &Visit, target: impl Fn(&AssetRef, Option<&str>) -> String) -> Result<Response, PageError> {
    let name = visit.query.filled("name").map(str::trim).filter(|name| !name.is_empty());
    let Some(name) = name else {
        return Err(PageError::BadRequest("Say what to go to: /go?name=dataset.table".to_owned()));
    };
    if is_query(name) {
        return Ok(Redirect::to(&query::address(name)).into_response());
    }
    let answer = visit.view.resolve_name(name).await?;
    if let Some((asset, column)) = answer.single() {
        return Ok(Redirect::to(&target(asset, column)).into_response());
    }
    match answer {
        NameAnswer::Candidates { fits: true, .. } => {
            Ok(Redirect::to(&urls::with_query("/search", [("q", name.to_owned())])).into_response())
        }
        _ => Err(PageError::NotFound(name.to_owned())),
    }
}

fn page_of(asset: &AssetRef, column: Option<&str>) -> String {
    match column {
        Some(column) => urls::column(asset, column),
        None => urls::asset(asset),
    }
}
