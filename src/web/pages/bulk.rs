//! `/bulk`: the same statement of many assets, chosen in a list.

use askama::Template;
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};

use super::{edit::FieldForm, search::read_whole_query};
use crate::{
    catalog::{AssetRef, BulkEdit, BulkMode, CatalogError, FieldChange, Overtaken, SearchQuery},
    model::{OwnerKind, StatedField, StatedValue, Tier},
    web::{
        Site,
        error::PageError,
        extract::{Chrome, Query, Visit},
        fields::read_change,
        filters, urls,
    },
};

/// Assets that a change takes from all results of a search.
const MOST_RESULTS: usize = 2_000;

#[derive(Template)]
#[template(path = "pages/bulk.html")]
struct BulkPage {
    chrome: Chrome,
    form: FieldForm,
    assets: Vec<AssetRef>,
    error: Option<String>,
    overtaken: Vec<Overtaken>,
}

impl BulkPage {
    /// Whether what is there can stay.
    fn can_add(&self) -> bool {
        matches!(self.form.field, StatedField::Owners | StatedField::Tags)
    }
}

/// Shows the form of one field for the chosen assets: `asset=` of each, or `all=` results of a search.
pub(crate) async fn show_form(visit: Visit, body: String) -> Result<Response, PageError> {
    let pairs = Query::parse_many(&body);
    let (form, assets) = (read_form(&visit, &pairs)?, chosen(&visit, &pairs).await?);
    if assets.is_empty() {
        return Err(PageError::BadRequest("Choose something in the list first: tick the boxes beside the names.".to_owned()));
    }
    visit.answer(&BulkPage { chrome: visit.chrome.clone(), form, assets, error: None, overtaken: Vec::new() })
}

/// Keeps what the form says of all of them, or of none.
pub(crate) async fn apply(State(site): State<Site>, visit: Visit, body: String) -> Result<Response, PageError> {
    let pairs = Query::parse_many(&body);
    let (mut form, assets) = (read_form(&visit, &pairs)?, chosen(&visit, &pairs).await?);
    let again = |status: StatusCode, form: FieldForm, error: Option<String>, overtaken: Vec<Overtaken>| {
        let assets = assets.clone();
        let mut response = visit.answer(&BulkPage { chrome: visit.chrome.clone(), form, assets, error, overtaken })?;
        *response.status_mut() = status;
        Ok(response)
    };
    let change = match read_change(form.field, &pairs) {
        Ok(change) => change,
        Err(reason) => return again(StatusCode::UNPROCESSABLE_ENTITY, form, Some(reason), Vec::new()),
    };
    if let FieldChange::Set(value) = &change {
        form.value = value.clone();
    }
    let bulk = BulkEdit {
        assets: assets.iter().map(|asset| (asset.namespace.clone(), asset.name.clone())).collect(),
        change,
        mode: if pairs.get("mode") == Some("replace") { BulkMode::Replace } else { BulkMode::Add },
        seen: Some(form.seen),
    };
    match site.catalog.state_of_many(visit.actor()?, bulk).await {
        Ok(_) => Ok(Redirect::to(&form.back).into_response()),
        Err(CatalogError::BadQuestion(reason)) => again(StatusCode::UNPROCESSABLE_ENTITY, form, Some(reason), Vec::new()),
        Err(CatalogError::Overtaken(overtaken)) => {
            form.seen = site.catalog.view().newest_statement();
            again(StatusCode::CONFLICT, form, None, overtaken)
        }
        Err(other) => Err(other.into()),
    }
}

fn read_form(visit: &Visit, pairs: &Query) -> Result<FieldForm, PageError> {
    let word = pairs.get("field").unwrap_or("");
    let field = StatedField::from_word(word).ok_or_else(|| PageError::BadRequest("Choose what to change.".to_owned()))?;
    let value = match field {
        StatedField::Owners => StatedValue::Owners(Vec::new()),
        other => StatedValue::from_json(other, None).map_err(PageError::BadRequest)?,
    };
    Ok(FieldForm {
        field,
        column: String::new(),
        action: "/bulk/apply".to_owned(),
        back: urls::local(pairs.get("back").unwrap_or("/statements")).to_owned(),
        seen: pairs.get("seen").and_then(|seen| seen.parse().ok()).unwrap_or_else(|| visit.view.newest_statement()),
        value,
        is_stated: true,
        is_filled: true,
    })
}

/// The assets that a form names, each once.
async fn chosen(visit: &Visit, pairs: &Query) -> Result<Vec<AssetRef>, PageError> {
    let mut assets: Vec<AssetRef> = Vec::new();
    if let Some(search) = pairs.filled("all") {
        assets.extend(results(visit, search).await?);
    }
    for named in pairs.all("asset") {
        let (namespace, name) = urls::read_named_asset(named).ok_or_else(|| PageError::NotFound(named.to_owned()))?;
        let asset = visit.view.asset_ref(&namespace, &name)?;
        if !assets.contains(&asset) {
            assets.push(asset);
        }
    }
    Ok(assets)
}

/// Every asset among the results of a search, as its address holds it.
async fn results(visit: &Visit, search: &str) -> Result<Vec<AssetRef>, PageError> {
    let query = read_whole_query(&Query::parse(search.trim_start_matches(|letter| letter != '?').trim_start_matches('?')));
    let mut assets: Vec<AssetRef> = Vec::new();
    for page in 0..MOST_RESULTS / SearchQuery::MOST_PER_PAGE {
        let query = SearchQuery { page, per_page: SearchQuery::MOST_PER_PAGE, ..query.clone() };
        let answer = visit.view.search(&query).await?;
        let is_last = answer.hits.len() < SearchQuery::MOST_PER_PAGE;
        for hit in answer.hits.into_iter().filter(|hit| hit.column.is_none()) {
            if !assets.contains(&hit.asset) {
                assets.push(hit.asset);
            }
        }
        if is_last {
            return Ok(assets);
        }
    }
    Err(PageError::BadRequest(format!("Narrow the search down first: more than {MOST_RESULTS} results.")))
}
