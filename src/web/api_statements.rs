//! The JSON API for what people state: asking, stating, taking back, many at once, the whole as YAML.

use axum::{
    Json,
    body::Bytes,
    extract::{Path, State},
    http::header,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Site, error::PageError, extract::Visit};
use crate::{
    catalog::{BulkEdit, BulkMode, Edit, FieldChange, HistoryEntry, ImportAnswer, OnConflict, Remark, Undoing},
    model::{StatedField, StatedValue},
};

/// Statements that one answer holds.
const STATEMENTS: u32 = 200;

type Answer = Result<Response, PageError>;

/// What is stated of a field.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FieldBody {
    /// The value, as `fields` of an asset's `governed` shows it; null states that there is none.
    value: Option<serde_json::Value>,
    /// The column; left out for the asset itself.
    #[serde(default)]
    column: String,
    /// The number of the newest statement of the field that you know, 0 for none: refused with 409 where
    /// there is a newer one. Left out, yours holds in any case.
    seen: Option<i64>,
}

/// The same of many assets.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BulkBody {
    /// The assets.
    assets: Vec<NamedAsset>,
    /// `owners`, `deprecation`, `certification`, `description`, `tags`, `tier` or `wrong`.
    field: String,
    /// The value; null states that there is none.
    value: Option<serde_json::Value>,
    /// Owners and tags: whether those that are there stay.
    #[serde(default)]
    add: bool,
}

/// An asset by its name.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NamedAsset {
    /// The warehouse or tool.
    namespace: String,
    /// The name.
    name: String,
}

/// A remark.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RemarkBody {
    /// What is wrong or unclear.
    text: String,
    /// The column; left out for the asset itself.
    #[serde(default)]
    column: String,
}

/// The numbers of what was kept.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Kept {
    /// Statements, in order; none for a field that said so already.
    statements: Vec<i64>,
}

/// What people stated of an asset, newest first.
#[utoipa::path(get, path = "/api/v1/assets/{namespace}/{name}/statements", tag = "governance",
    responses((status = 200, description = "Statements with what held before and after", body = Vec<HistoryEntry>)))]
pub(super) async fn list_of_asset(Path((namespace, name)): Path<(String, String)>, visit: Visit) -> Answer {
    Ok(Json(visit.view.asset_statements(&namespace, &name).await?).into_response())
}

/// State a field of an asset or of a column.
#[utoipa::path(put, path = "/api/v1/assets/{namespace}/{name}/statements/{field}", tag = "governance", request_body = FieldBody,
    responses((status = 200, description = "Kept", body = Kept), (status = 400, description = "The value does not fit"),
        (status = 403, description = "Neither an editor's nor an owner's token of the scope write"),
        (status = 409, description = "Somebody stated something newer than `seen`")))]
pub(super) async fn set_field(
    State(site): State<Site>,
    Path((namespace, name, field)): Path<(String, String, String)>,
    visit: Visit,
    body: Bytes,
) -> Answer {
    let field = named_field(&field)?;
    let FieldBody { value, column, seen } = read_json(&body)?;
    let change = FieldChange::Set(StatedValue::from_json(field, value).map_err(PageError::BadRequest)?);
    let statements = site.catalog.state(visit.actor()?, vec![Edit { namespace, name, column, change, seen }]).await?;
    Ok(Json(Kept { statements }).into_response())
}

/// Withdraw what is stated of a field, so that what files say holds again.
#[utoipa::path(delete, path = "/api/v1/assets/{namespace}/{name}/statements/{field}", tag = "governance",
    params(("column" = Option<String>, Query, description = "The column; left out for the asset itself")),
    responses((status = 200, description = "Withdrawn", body = Kept)))]
pub(super) async fn withdraw_field(
    State(site): State<Site>,
    Path((namespace, name, field)): Path<(String, String, String)>,
    visit: Visit,
) -> Answer {
    let change = FieldChange::Withdraw(named_field(&field)?);
    let column = visit.query.get("column").unwrap_or("").to_owned();
    let statements = site.catalog.state(visit.actor()?, vec![Edit { namespace, name, column, change, seen: None }]).await?;
    Ok(Json(Kept { statements }).into_response())
}

/// What people stated of everything, newest first.
#[utoipa::path(get, path = "/api/v1/statements", tag = "governance",
    params(("before" = Option<i64>, Query, description = "Only statements numbered below")),
    responses((status = 200, description = "At most 200 statements", body = Vec<HistoryEntry>)))]
pub(super) async fn list(visit: Visit) -> Answer {
    let before = visit.query.get("before").map(str::parse).transpose();
    let before = before.map_err(|_| PageError::BadRequest("`before` is the number of a statement.".to_owned()))?;
    Ok(Json(visit.view.statements(before, STATEMENTS).await?).into_response())
}

/// Take a statement back: what held before it holds again.
#[utoipa::path(post, path = "/api/v1/statements/{number}/undo", tag = "governance",
    params(("together" = Option<bool>, Query, description = "Also those that were made together with it")),
    responses((status = 200, description = "How many were taken back"), (status = 409, description = "Something newer holds")))]
pub(super) async fn undo(State(site): State<Site>, Path(number): Path<i64>, visit: Visit) -> Answer {
    let all = if visit.query.get("together").is_some_and(|value| value != "false") { Undoing::Together } else { Undoing::One };
    let undone = site.catalog.undo(visit.actor()?, number, all).await?;
    Ok(Json(serde_json::json!({ "undone": undone })).into_response())
}

/// State the same of many assets, all or nothing.
#[utoipa::path(post, path = "/api/v1/bulk", tag = "governance", request_body = BulkBody,
    responses((status = 200, description = "Kept", body = Kept)))]
pub(super) async fn state_of_many(State(site): State<Site>, visit: Visit, body: Bytes) -> Answer {
    let body: BulkBody = read_json(&body)?;
    let field = named_field(&body.field)?;
    let bulk = BulkEdit {
        assets: body.assets.into_iter().map(|asset| (asset.namespace, asset.name)).collect(),
        change: FieldChange::Set(StatedValue::from_json(field, body.value).map_err(PageError::BadRequest)?),
        mode: if body.add { BulkMode::Add } else { BulkMode::Replace },
        seen: None,
    };
    let statements = site.catalog.state_of_many(visit.actor()?, bulk).await?;
    Ok(Json(Kept { statements }).into_response())
}

/// Everything that people state, as YAML.
#[utoipa::path(get, path = "/api/v1/governance", tag = "governance",
    responses((status = 200, description = "The file; the same statements give the same bytes", content_type = "application/yaml", body = String)))]
pub(super) async fn export(visit: Visit) -> Answer {
    let yaml = visit.view.export_governance()?;
    Ok(([(header::CONTENT_TYPE, "application/yaml; charset=utf-8")], yaml).into_response())
}

/// State what a YAML file says, all or nothing.
#[utoipa::path(post, path = "/api/v1/governance", tag = "governance",
    params(("on_conflict" = Option<String>, Query, description = "Where the file and people differ: `refuse` (default), `keep`, `overwrite`, or `tell` to change nothing")),
    request_body(content = String, content_type = "application/yaml"),
    responses((status = 200, description = "What was, or would be, changed", body = ImportAnswer),
        (status = 400, description = "The file does not fit: each reason with its line")))]
pub(super) async fn import(State(site): State<Site>, visit: Visit, body: String) -> Answer {
    let word = visit.query.get("on_conflict").unwrap_or("refuse");
    let on_conflict = OnConflict::from_word(word)
        .ok_or_else(|| PageError::BadRequest("`on_conflict` is refuse, keep, overwrite or tell.".to_owned()))?;
    Ok(Json(site.catalog.import_governance(visit.actor()?, &body, on_conflict).await?).into_response())
}

/// Remarks on an asset, newest first.
#[utoipa::path(get, path = "/api/v1/assets/{namespace}/{name}/remarks", tag = "governance",
    responses((status = 200, description = "Remarks and what came of them", body = Vec<Remark>)))]
pub(super) async fn list_remarks(Path((namespace, name)): Path<(String, String)>, visit: Visit) -> Answer {
    Ok(Json(visit.view.remarks_on(&namespace, &name).await?).into_response())
}

/// Say that something is wrong or unclear; it lands with the owner.
#[utoipa::path(post, path = "/api/v1/assets/{namespace}/{name}/remarks", tag = "governance", request_body = RemarkBody,
    responses((status = 200, description = "The remark's number")))]
pub(super) async fn add_remark(
    State(site): State<Site>,
    Path((namespace, name)): Path<(String, String)>,
    visit: Visit,
    body: Bytes,
) -> Answer {
    let RemarkBody { text, column } = read_json(&body)?;
    let number = site.catalog.remark(visit.actor()?, (&namespace, &name), &column, &text).await?;
    Ok(Json(serde_json::json!({ "remark": number })).into_response())
}

fn named_field(word: &str) -> Result<StatedField, PageError> {
    let words = StatedField::ALL.map(StatedField::word).join(", ");
    StatedField::from_word(word).ok_or_else(|| PageError::BadRequest(format!("A field is one of {words}.")))
}

pub(super) fn read_json<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, PageError> {
    serde_json::from_slice(body).map_err(|cause| PageError::BadRequest(format!("The body does not fit: {cause}.")))
}
