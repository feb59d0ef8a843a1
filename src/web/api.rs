//! The JSON API: the catalog's answers as they are, for reading.

use axum::{
    Json,
    extract::Path,
    response::{IntoResponse, Response},
};

use super::{
    error::PageError,
    extract::Visit,
    pages::{query::read_dialect, search::read_query, staleness::read_rules},
};
use crate::{
    catalog::{Direction, TraceQuery},
    model::EdgeState,
};

/// (address, what it answers), for the help page.
pub(super) static ADDRESSES: &[(&str, &str)] = &[
    ("/api/v1/search?q=…&kind=…", "what matches, with facets; -value leaves out"),
    ("/api/v1/assets/{namespace}/{name}", "everything about an asset"),
    ("/api/v1/assets/{namespace}/{name}/columns/{column}", "everything about a column"),
    ("/api/v1/assets/{namespace}/{name}/columns/{column}/explain", "where it comes from, step by step"),
    ("/api/v1/assets/{namespace}/{name}/trace?column=…&down&depth=…", "every column upstream, or downstream"),
    ("/api/v1/assets/{namespace}/{name}/impact?column=…", "all that depends on it"),
    ("/api/v1/resolve?name=…", "what a name means"),
    ("/api/v1/query?sql=…&dialect=…", "what a query reads and writes, column by column"),
    ("/api/v1/owners", "every owner"),
    ("/api/v1/deprecations", "what should no longer be used, and who still reads it"),
    ("/api/v1/assets/{namespace}/{name}/usage", "who uses it and how, from query logs"),
    ("/api/v1/staleness?days=90&coverage=80", "a verdict on every table: who still asks for it"),
    ("/api/v1/evidence?state=observed", "lineage by what holds it up: observed, declared, confirmed, guessed"),
    ("/api/v1/scorecard", "reliability, freshness and self-service, with the lists behind them"),
    ("/api/v1/runs", "crawl runs"),
    ("/api/v1/diagnostics", "what could not be known, counted by code"),
];

/// Most runs that are told.
const RUNS: usize = 200;

type Answer = Result<Response, PageError>;

/// What matches.
pub(super) async fn search(visit: Visit) -> Answer {
    let query = read_query(&visit.query);
    Ok(Json(visit.view.search(&query).await?).into_response())
}

/// Everything about an asset.
pub(super) async fn show_asset(Path((namespace, name)): Path<(String, String)>, visit: Visit) -> Answer {
    Ok(Json(visit.view.show_asset(&namespace, &name).await?).into_response())
}

/// Everything about a column.
pub(super) async fn show_column(Path((namespace, name, column)): Path<(String, String, String)>, visit: Visit) -> Answer {
    Ok(Json(visit.view.show_column(&namespace, &name, &column).await?).into_response())
}

/// Where a column comes from.
pub(super) async fn explain(Path((namespace, name, column)): Path<(String, String, String)>, visit: Visit) -> Answer {
    Ok(Json(visit.view.explain(&namespace, &name, &column).await?).into_response())
}

/// Every column upstream, or downstream.
pub(super) async fn trace(Path((namespace, name)): Path<(String, String)>, visit: Visit) -> Answer {
    let query = TraceQuery {
        namespace,
        name,
        column: visit.query.filled("column").map(str::to_owned),
        direction: if visit.query.get("down").is_some() { Direction::Downstream } else { Direction::Upstream },
        depth: visit.query.get("depth").and_then(|depth| depth.parse().ok()),
        kinds: Vec::new(),
        most: 0,
    };
    Ok(Json(visit.view.trace(&query).await?).into_response())
}

/// All that depends on an asset or a column.
pub(super) async fn impact(Path((namespace, name)): Path<(String, String)>, visit: Visit) -> Answer {
    Ok(Json(visit.view.impact(&namespace, &name, visit.query.filled("column")).await?).into_response())
}

/// What a name means.
pub(super) async fn resolve(visit: Visit) -> Answer {
    Ok(Json(visit.view.resolve_name(visit.query.get("name").unwrap_or("")).await?).into_response())
}

/// What a query reads and writes.
pub(super) async fn query(visit: Visit) -> Answer {
    let sql = visit.query.get("sql").unwrap_or("");
    Ok(Json(visit.view.read_query(sql, read_dialect(&visit.query)?).await?).into_response())
}

/// Every owner.
pub(super) async fn owners(visit: Visit) -> Answer {
    Ok(Json(visit.view.owners().await?).into_response())
}

/// What should no longer be used.
pub(super) async fn deprecations(visit: Visit) -> Answer {
    Ok(Json(visit.view.deprecations().await?).into_response())
}

/// Who uses an asset and how.
pub(super) async fn show_usage(Path((namespace, name)): Path<(String, String)>, visit: Visit) -> Answer {
    Ok(Json(visit.view.show_usage(&namespace, &name).await?).into_response())
}

/// A verdict on every table.
pub(super) async fn staleness(visit: Visit) -> Answer {
    Ok(Json(visit.view.ledger(read_rules(&visit.query)).await?).into_response())
}

/// Lineage by what holds it up.
pub(super) async fn evidence(visit: Visit) -> Answer {
    let state = visit.query.filled("state").and_then(EdgeState::from_word);
    Ok(Json(visit.view.evidence(state).await?).into_response())
}

/// The figures by which a data platform is judged.
pub(super) async fn scorecard(visit: Visit) -> Answer {
    Ok(Json(visit.view.scorecard().await?).into_response())
}

/// Crawl runs, newest first.
pub(super) async fn runs(visit: Visit) -> Answer {
    Ok(Json(visit.view.runs(RUNS).await?).into_response())
}

/// What could not be known, counted by code.
pub(super) async fn diagnostics(visit: Visit) -> Answer {
    Ok(Json(visit.view.diagnostic_counts().await?).into_response())
}
