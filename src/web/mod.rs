//! The pages and the JSON API: renderings of the catalog's answers.
//!
//! In: HTTP requests. Out: whole pages, fragments of the same pages for htmx, JSON, CSV, SVG. Holds
//! no logic of its own: what a page says, `catalog` has said. Every page works without JavaScript,
//! keeps its whole state in its address and asks no other host for anything.

mod access;
mod api;
mod api_audit;
mod api_statements;
mod attempts;
mod below_path;
mod csv;
mod error;
mod extract;
mod feeds;
mod fields;
mod filters;
mod headers;
mod hosts;
mod icons;
mod markup;
mod openapi;
mod pages;
mod prose;
mod routes;
mod sql_text;
mod statics;
mod urls;

pub use access::{Access, local_name};
pub use routes::addresses;

use std::{future::Future, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use axum::{Router, middleware::from_fn_with_state};
use axum_server::tls_rustls::RustlsConfig;
use tokio::net::TcpListener;

use crate::{
    catalog::{Catalog, CrawlControl},
    config::PublicUrl,
};

/// How long open connections are waited for when the server stops.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);

/// What every page needs.
#[derive(Clone, Debug)]
pub struct Site {
    /// The open catalog.
    pub catalog: Arc<Catalog>,
    /// The crawler that runs beside the server.
    pub crawl: Arc<CrawlControl>,
    /// The address under which people reach it, where that is configured.
    pub public: Option<Arc<PublicUrl>>,
    /// How people come in.
    pub access: Arc<Access>,
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
    let service = router(site).into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service).with_graceful_shutdown(shutdown).await
}

/// Serves `site` over https with the certificate chain and the key in PEM files, as [`serve`] does.
///
/// # Errors
/// When the files cannot be read or do not fit together, or the listener fails.
pub async fn serve_tls(
    listener: TcpListener,
    site: Site,
    files: TlsFiles,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let config = RustlsConfig::from_pem_file(&files.cert, &files.key).await?;
    let handle = axum_server::Handle::new();
    let stopping = handle.clone();
    tokio::spawn(async move {
        shutdown.await;
        stopping.graceful_shutdown(Some(CLOSE_WITHIN));
    });
    let service = router(site).into_make_service_with_connect_info::<SocketAddr>();
    axum_server::from_tcp_rustls(listener.into_std()?, config)?.handle(handle).serve(service).await
}

/// What https needs, in PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate chain.
    pub cert: PathBuf,
    /// The private key.
    pub key: PathBuf,
}
