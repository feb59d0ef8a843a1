//! Every address, in one table.

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware::from_fn_with_state,
    routing::{get, post},
};

use super::{
    Site, api, error,
    pages::{
        asset, column, crawl, deprecations, diagnostics, explain, go, help, history, home, impact, lineage, owners, query,
        search, sql, theme,
    },
    statics,
};

/// The addresses of pages, files and the JSON API.
#[rustfmt::skip]
pub(super) fn table(site: &Site) -> Router<Site> {
    Router::new()
        // Finding
        .route("/", get(home::show_home))
        .route("/search", get(search::show_search))
        .route("/go", get(go::go_to_name))
        .route("/query", get(query::show_query))
        // One asset
        .route("/assets/{namespace}/{name}", get(asset::show_asset))
        .route("/assets/{namespace}/{name}/columns", get(asset::show_columns))
        .route("/assets/{namespace}/{name}/columns/{column}", get(column::show_column))
        .route("/assets/{namespace}/{name}/columns/{column}/explain", get(explain::show_explanation))
        .route("/assets/{namespace}/{name}/columns/{column}/explain.md", get(explain::show_explanation_as_markdown))
        .route("/assets/{namespace}/{name}/lineage", get(lineage::show_lineage))
        .route("/assets/{namespace}/{name}/lineage.svg", get(lineage::download_svg))
        .route("/assets/{namespace}/{name}/lineage.csv", get(lineage::download_csv))
        .route("/assets/{namespace}/{name}/lineage.mmd", get(lineage::download_mermaid))
        .route("/assets/{namespace}/{name}/impact", get(impact::show_impact))
        .route("/assets/{namespace}/{name}/impact.csv", get(impact::download_impact))
        .route("/assets/{namespace}/{name}/sql", get(sql::show_sql))
        .route("/assets/{namespace}/{name}/history", get(history::show_history))
        // The same by any name: ?name=
        .route("/lineage", get(go::go_to_lineage))
        .route("/impact", get(go::go_to_impact))
        .route("/explain", get(go::go_to_explanation))
        // People and promises
        .route("/owners", get(owners::show_owners))
        .route("/owners/none", get(owners::show_unowned))
        .route("/owners/by-name/{name}", get(owners::show_owner))
        .route("/deprecations", get(deprecations::show_deprecations))
        // The catalog itself
        .route("/runs", get(crawl::show_runs))
        .route("/progress", get(crawl::show_progress))
        .route("/crawl", post(crawl::request_crawl))
        .route("/hooks/crawl", post(crawl::request_crawl_by_webhook).layer(DefaultBodyLimit::max(crawl::MOST_WEBHOOK_BYTES)))
        .route("/diagnostics", get(diagnostics::show_codes))
        .route("/diagnostics/{code}", get(diagnostics::show_code))
        .route("/healthz", get(crawl::show_health))
        .route("/help", get(help::show_help))
        .route("/theme", post(theme::set_theme))
        .route("/static/{sum}/{name}", get(statics::show_static))
        // For programs
        .route("/api/v1/search", get(api::search))
        .route("/api/v1/resolve", get(api::resolve))
        .route("/api/v1/query", get(api::query))
        .route("/api/v1/assets/{namespace}/{name}", get(api::show_asset))
        .route("/api/v1/assets/{namespace}/{name}/columns/{column}", get(api::show_column))
        .route("/api/v1/assets/{namespace}/{name}/columns/{column}/explain", get(api::explain))
        .route("/api/v1/assets/{namespace}/{name}/trace", get(api::trace))
        .route("/api/v1/assets/{namespace}/{name}/impact", get(api::impact))
        .route("/api/v1/owners", get(api::owners))
        .route("/api/v1/deprecations", get(api::deprecations))
        .route("/api/v1/runs", get(api::runs))
        .route("/api/v1/diagnostics", get(api::diagnostics))
        .fallback(error::show_nothing)
        .layer(from_fn_with_state(site.clone(), error::show_errors))
}
