//! The JSON API: the catalog's answers as they are, for reading.

use axum::{
    Json,
    extract::Path,
    response::{IntoResponse, Response},
};

use super::{
    error::PageError,
    extract::Visit,
    pages::{impact::read_impact, query::read_dialect, search::read_query, searches::ROWS, staleness::read_rules},
};
use crate::{
    catalog::{
        AssetAnswer, AssetColumn, ColumnAnswer, DeprecatedAsset, DiagnosticCount, Direction, EvidenceAnswer, Explanation,
        ImpactAnswer, Ledger, NameAnswer, OwnersAnswer, QueryAnswer, RunSummary, Scorecard, SearchAnswer, SearchHabits,
        TraceAnswer, TraceQuery, UsageAnswer,
    },
    model::EdgeState,
};

/// Most steps of a trace that one may ask for; left out, there is no limit.
const DEEPEST: u32 = 1_000;
/// Most runs that are told.
const RUNS: usize = 200;

type Answer = Result<Response, PageError>;

/// What matches.
#[utoipa::path(get, path = "/api/v1/search", tag = "find",
    params(("q" = Option<String>, Query, description = "The words, in the grammar of the search box"), ("kind" = Option<String>, Query, description = "A facet: kind, owner, source, tag, deprecated, …; `-value` leaves out; may stand several times"), ("page" = Option<u32>, Query, description = "From 1"), ("limit" = Option<u32>, Query, description = "Hits a page, 1 to 200; left out, 20")),
    responses((status = 200, description = "A page of hits with facets and, on the first, metrics of that name", body = SearchAnswer), (status = 401, description = "No token, or one that opens nothing")))]
pub(super) async fn search(visit: Visit) -> Answer {
    let query = read_query(&visit.query)?;
    Ok(Json(visit.view.search(&query).await?).into_response())
}

/// Everything about an asset.
#[utoipa::path(get, path = "/api/v1/assets/{namespace}/{name}", tag = "assets",
    responses((status = 200, description = "Everything about the asset; `governed` is what people state", body = AssetAnswer), (status = 401, description = "No token, or one that opens nothing")))]
pub(super) async fn show_asset(Path((namespace, name)): Path<(String, String)>, visit: Visit) -> Answer {
    Ok(Json(visit.view.show_asset(&namespace, &name).await?).into_response())
}

/// Everything about a column.
#[utoipa::path(get, path = "/api/v1/assets/{namespace}/{name}/columns/{column}", tag = "assets",
    responses((status = 200, description = "Everything about the column", body = ColumnAnswer), (status = 401, description = "No token, or one that opens nothing")))]
pub(super) async fn show_column(Path((namespace, name, column)): Path<(String, String, String)>, visit: Visit) -> Answer {
    Ok(Json(visit.view.show_column(&namespace, &name, &column).await?).into_response())
}

/// Where a column comes from.
#[utoipa::path(get, path = "/api/v1/assets/{namespace}/{name}/columns/{column}/explain", tag = "lineage",
    responses((status = 200, description = "The way of the number back to the raw data, a step per statement", body = Explanation), (status = 401, description = "No token, or one that opens nothing")))]
pub(super) async fn explain(Path((namespace, name, column)): Path<(String, String, String)>, visit: Visit) -> Answer {
    Ok(Json(visit.view.explain(&namespace, &name, &column).await?).into_response())
}

/// Every column upstream, or downstream.
#[utoipa::path(get, path = "/api/v1/assets/{namespace}/{name}/trace", tag = "lineage",
    params(("column" = Option<String>, Query, description = "One column; left out, all"), ("down" = Option<bool>, Query, description = "Downstream instead of upstream"), ("depth" = Option<u32>, Query, description = "Steps at most, 0 to 1,000; left out, all"), ("limit" = Option<u32>, Query, description = "Columns at most, 1 to 20,000; left out, 20,000")),
    responses((status = 200, description = "Every column on the way", body = TraceAnswer), (status = 401, description = "No token, or one that opens nothing")))]
pub(super) async fn trace(Path((namespace, name)): Path<(String, String)>, visit: Visit) -> Answer {
    let query = TraceQuery {
        namespace,
        name,
        column: visit.query.filled("column").map(str::to_owned),
        direction: if visit.query.get("down").is_some() { Direction::Downstream } else { Direction::Upstream },
        depth: match visit.query.filled("depth") {
            Some(_) => Some(visit.query.number("depth", 1, 0..=DEEPEST)?),
            None => None,
        },
        kinds: Vec::new(),
        most: visit.query.number("limit", TraceQuery::MOST as u32, 1..=TraceQuery::MOST as u32)? as usize,
    };
    Ok(Json(visit.view.trace(&query).await?).into_response())
}

/// All that depends on an asset or a column.
#[utoipa::path(get, path = "/api/v1/assets/{namespace}/{name}/impact", tag = "lineage",
    params(("column" = Option<String>, Query, description = "One column; left out, the whole asset")),
    responses((status = 200, description = "All that depends on it, by severity", body = ImpactAnswer), (status = 401, description = "No token, or one that opens nothing")))]
pub(super) async fn impact(Path((namespace, name)): Path<(String, String)>, visit: Visit) -> Answer {
    Ok(Json(visit.view.impact(&read_impact(&namespace, &name, &visit.query)).await?).into_response())
}

/// The columns of an asset, with their types, meanings and sources.
#[utoipa::path(get, path = "/api/v1/assets/{namespace}/{name}/columns", tag = "assets",
    responses((status = 200, description = "Columns in order", body = Vec<AssetColumn>)))]
pub(super) async fn show_columns(Path((namespace, name)): Path<(String, String)>, visit: Visit) -> Answer {
    Ok(Json(visit.view.show_asset(&namespace, &name).await?.columns).into_response())
}

/// What a name means.
#[utoipa::path(get, path = "/api/v1/resolve", tag = "find",
    params(("name" = String, Query, description = "A name in any form: quoted, partial, `project:dataset.table`")),
    responses((status = 200, description = "The asset that is meant, or candidates", body = NameAnswer), (status = 401, description = "No token, or one that opens nothing")))]
pub(super) async fn resolve(visit: Visit) -> Answer {
    Ok(Json(visit.view.resolve_name(visit.query.get("name").unwrap_or("")).await?).into_response())
}

/// What a query reads and writes.
#[utoipa::path(get, path = "/api/v1/query", tag = "lineage",
    params(("sql" = String, Query, description = "The text"), ("dialect" = Option<String>, Query, description = "`bigquery`, `snowflake`, …; left out, guessed")),
    responses((status = 200, description = "What the query reads and writes, column by column", body = QueryAnswer), (status = 401, description = "No token, or one that opens nothing")))]
pub(super) async fn query(visit: Visit) -> Answer {
    let sql = visit.query.get("sql").unwrap_or("");
    Ok(Json(visit.view.read_query(sql, read_dialect(&visit.query)?).await?).into_response())
}

/// Every owner.
#[utoipa::path(get, path = "/api/v1/owners", tag = "governance",
    responses((status = 200, description = "Every owner with counts", body = OwnersAnswer), (status = 401, description = "No token, or one that opens nothing")))]
pub(super) async fn owners(visit: Visit) -> Answer {
    Ok(Json(visit.view.owners().await?).into_response())
}

/// What should no longer be used.
#[utoipa::path(get, path = "/api/v1/deprecations", tag = "governance",
    responses((status = 200, description = "What should no longer be used, and who still reads it", body = Vec<DeprecatedAsset>), (status = 401, description = "No token, or one that opens nothing")))]
pub(super) async fn deprecations(visit: Visit) -> Answer {
    Ok(Json(visit.view.deprecations().await?).into_response())
}

/// Who uses an asset and how.
#[utoipa::path(get, path = "/api/v1/assets/{namespace}/{name}/usage", tag = "use",
    responses((status = 200, description = "Who uses an asset and how, from query logs", body = UsageAnswer), (status = 401, description = "No token, or one that opens nothing")))]
pub(super) async fn show_usage(Path((namespace, name)): Path<(String, String)>, visit: Visit) -> Answer {
    Ok(Json(visit.view.show_usage(&namespace, &name).await?).into_response())
}

/// A verdict on every table.
#[utoipa::path(get, path = "/api/v1/staleness", tag = "use",
    responses((status = 200, description = "A verdict on every table: who still asks for it", body = Ledger), (status = 401, description = "No token, or one that opens nothing")))]
pub(super) async fn staleness(visit: Visit) -> Answer {
    Ok(Json(visit.view.ledger(read_rules(&visit.query)?).await?).into_response())
}

/// Lineage by what holds it up.
#[utoipa::path(get, path = "/api/v1/evidence", tag = "use",
    responses((status = 200, description = "Lineage by what holds it up", body = EvidenceAnswer), (status = 401, description = "No token, or one that opens nothing")))]
pub(super) async fn evidence(visit: Visit) -> Answer {
    let state = visit.query.filled("state").and_then(EdgeState::from_word);
    Ok(Json(visit.view.evidence(state).await?).into_response())
}

/// The figures by which a data platform is judged.
#[utoipa::path(get, path = "/api/v1/scorecard", tag = "use",
    responses((status = 200, description = "Reliability, freshness and self-service, with the lists behind them", body = Scorecard), (status = 401, description = "No token, or one that opens nothing")))]
pub(super) async fn scorecard(visit: Visit) -> Answer {
    Ok(Json(visit.view.scorecard().await?).into_response())
}

/// What people search for.
#[utoipa::path(get, path = "/api/v1/searches", tag = "use",
    responses((status = 200, description = "What people search for, what they do not find, and how often something was opened", body = SearchHabits), (status = 401, description = "No token, or one that opens nothing")))]
pub(super) async fn searches(visit: Visit) -> Answer {
    Ok(Json(visit.view.search_habits(visit.chrome.now, ROWS).await?).into_response())
}

/// Crawl runs, newest first.
#[utoipa::path(get, path = "/api/v1/runs", tag = "catalog",
    responses((status = 200, description = "Crawl runs, newest first", body = Vec<RunSummary>), (status = 401, description = "No token, or one that opens nothing")))]
pub(super) async fn runs(visit: Visit) -> Answer {
    Ok(Json(visit.view.runs(RUNS).await?).into_response())
}

/// What could not be known, counted by code.
#[utoipa::path(get, path = "/api/v1/diagnostics", tag = "catalog",
    responses((status = 200, description = "What could not be known, counted by code", body = Vec<DiagnosticCount>), (status = 401, description = "No token, or one that opens nothing")))]
pub(super) async fn diagnostics(visit: Visit) -> Answer {
    Ok(Json(visit.view.diagnostic_counts().await?).into_response())
}
