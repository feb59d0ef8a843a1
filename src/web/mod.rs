//! The pages and the JSON API: renderings of the catalog's answers.
//!
//! In: HTTP requests. Out: whole pages, fragments of the same pages for htmx, JSON, CSV, SVG. Holds
//! no logic of its own: what a page says, `catalog` has said. Every page works without JavaScript,
//! keeps its whole state in its address and asks no other host for anything.

mod api;
mod csv;
mod error;
mod extract;
mod filters;
mod headers;
mod icons;
mod markup;
mod pages;
mod prose;
mod routes;
mod sql_text;
mod statics;
mod urls;

use std::{future::Future, sync::Arc};

use axum::Router;
use tokio::net::TcpListener;

use crate::catalog::{Catalog, CrawlControl};

/// What every page needs.
#[derive(Clone, Debug)]
pub struct Site {
    /// The open catalog.
    pub catalog: Arc<Catalog>,
    /// The crawler that runs beside the server.
    pub crawl: Arc<CrawlControl>,
}

/// Every address, ready to be served or tested.
pub fn router(site: Site) -> Router {
    headers::dress(routes::table(&site)).with_state(site)
}

/// Serves `site` on `listener` until `shutdown` resolves; requests that are under way are finished.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    listener: TcpListener,
    site: Site,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    axum::serve(listener, router(site)).with_graceful_shutdown(shutdown).await
}
