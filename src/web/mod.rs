//! The pages and the JSON API: renderings of the catalog's answers.
//!
//! In: HTTP requests. Out: whole pages, fragments of the same pages for htmx, JSON, CSV, SVG. Holds
//! no logic of its own: what a page says, `catalog` has said. Every page works without JavaScript,
//! keeps its whole state in its address and asks no other host for anything.

mod api;
mod below_path;
mod csv;
mod error;
mod extract;
mod filters;
mod headers;
mod hosts;
mod icons;
mod markup;
mod pages;
mod prose;
mod routes;
mod sql_text;
mod statics;
mod urls;

use std::{future::Future, sync::Arc};

use axum::{Router, middleware::from_fn_with_state};
use tokio::net::TcpListener;

use crate::{
    catalog::{Catalog, CrawlControl},
    config::PublicUrl,
};

/// What every page needs.
#[derive(Clone, Debug)]
pub struct Site {
    /// The open catalog.
    pub catalog: Arc<Catalog>,
    /// The crawler that runs beside the server.
    pub crawl: Arc<CrawlControl>,
    /// The address under which people reach it, where that is configured.
    pub public: Option<Arc<PublicUrl>>,
}

/// Every address, ready to be served or tested.
pub fn router(site: Site) -> Router {
    let public = site.public.clone();
    let pages = routes::table(&site).with_state(site);
    let placed = match public.as_ref().map(|public| public.path()).filter(|path| !path.is_empty()) {
        Some(path) => below_path::serve_below(path, pages),
        None => pages,
    };
    headers::dress(placed.layer(from_fn_with_state(public, hosts::check_host)))
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
