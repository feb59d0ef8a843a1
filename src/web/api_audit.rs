//! The JSON API for metrics that conflict, for findings, decisions and audits.

use axum::{
    Json,
    body::Bytes,
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Site, api_statements::read_json, error::PageError, extract::Visit};
use crate::catalog::{
    CampaignAnswer, CampaignSummary, ConflictAnswer, ConflictBoard, CoverageAnswer, DecisionMap, Finding, NewMetricNote,
};

type Answer = Result<Response, PageError>;

/// A note on metrics of one name.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MetricNoteBody {
    /// Why they are meant to differ.
    text: String,
    /// `print` of the answer that its author saw: refused where the calculations changed since.
    seen: Option<String>,
}

/// A note that is kept.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KeptNote {
    /// Its number.
    note: i64,
}

/// Metrics that share a name and not a meaning, or a meaning and not a name.
#[utoipa::path(get, path = "/api/v1/conflicts", tag = "audit",
    responses((status = 200, description = "Every group with its verdict and the first difference", body = ConflictBoard), (status = 401, description = "No token, or one that opens nothing")))]
pub(super) async fn conflicts(visit: Visit) -> Answer {
    Ok(Json(visit.view.conflicts().await?).into_response())
}

/// One group, with every calculation and what differs.
#[utoipa::path(get, path = "/api/v1/conflicts/{id}", tag = "audit",
    responses((status = 200, description = "Classes, differences in sentences, SQL with marks, suggestion and notes", body = ConflictAnswer), (status = 404, description = "No such group")))]
pub(super) async fn conflict(Path(id): Path<String>, visit: Visit) -> Answer {
    Ok(Json(visit.view.conflict(&id).await?).into_response())
}

/// Says that the difference is meant.
#[utoipa::path(post, path = "/api/v1/conflicts/{id}/notes", tag = "audit", request_body = MetricNoteBody,
    responses((status = 200, description = "The number of the note", body = KeptNote), (status = 404, description = "No such group"), (status = 422, description = "The calculations changed since")))]
pub(super) async fn note_conflict(State(site): State<Site>, Path(id): Path<String>, visit: Visit, body: Bytes) -> Answer {
    let body: MetricNoteBody = read_json(&body)?;
    let new = NewMetricNote { metric: id, text: body.text, rename: None, seen: body.seen };
    let number = site.catalog.note_metric(visit.actor()?, new).await?;
    Ok(Json(KeptNote { note: number }).into_response())
}

/// What needs a decision.
#[utoipa::path(get, path = "/api/v1/findings", tag = "audit",
    responses((status = 200, description = "Findings with evidence and when each was first seen, snoozed ones too", body = Vec<Finding>), (status = 401, description = "No token, or one that opens nothing")))]
pub(super) async fn findings(visit: Visit) -> Answer {
    Ok(Json(visit.view.findings().await?).into_response())
}

/// How many transformations give the five answers.
#[utoipa::path(get, path = "/api/v1/coverage", tag = "audit",
    responses((status = 200, description = "Coverage by source, folder, owner and tier, and what nobody describes", body = CoverageAnswer), (status = 401, description = "No token, or one that opens nothing")))]
pub(super) async fn coverage(visit: Visit) -> Answer {
    Ok(Json(visit.view.five_answers().await?).into_response())
}

/// Decisions, their questions and what answers them.
#[utoipa::path(get, path = "/api/v1/decisions", tag = "audit",
    responses((status = 200, description = "The map from decisions to columns, and its gaps", body = DecisionMap), (status = 401, description = "No token, or one that opens nothing")))]
pub(super) async fn decisions(visit: Visit) -> Answer {
    Ok(Json(visit.view.decisions().await?).into_response())
}

/// Audits, newest first.
#[utoipa::path(get, path = "/api/v1/audits", tag = "audit",
    responses((status = 200, description = "Campaigns with their progress", body = Vec<CampaignSummary>), (status = 401, description = "No token, or one that opens nothing")))]
pub(super) async fn audits(visit: Visit) -> Answer {
    Ok(Json(visit.view.campaigns().await?).into_response())
}

/// One audit: what it reviews, with the frozen evidence, and who decided what.
#[utoipa::path(get, path = "/api/v1/audits/{number}", tag = "audit",
    responses((status = 200, description = "Items with evidence and verdicts", body = CampaignAnswer), (status = 404, description = "No such audit")))]
pub(super) async fn audit(Path(number): Path<i64>, visit: Visit) -> Answer {
    Ok(Json(visit.view.campaign(number).await?).into_response())
}
