//! The only map from errors to status codes, and the pages that say what went wrong.

use askama::Template;
use axum::{
    Json,
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    middleware::Next,
    response::{Html, IntoResponse, Response},
};
use serde_json::json;

use super::{
    Site,
    extract::{Chrome, Visit},
    filters,
};
use crate::catalog::{CatalogError, Nearest};

/// Why a page cannot be shown.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum PageError {
    /// There is no such thing.
    #[error("There is no {0} here.")]
    NotFound(String),
    /// The request makes no sense.
    #[error("{0}")]
    BadRequest(String),
    /// Nobody known asks.
    #[error("This needs somebody who is signed in.")]
    Unauthorized,
    /// It was asked for too often.
    #[error("{0}")]
    TooMany(String),
    /// Whoever asks may not.
    #[error("{0}")]
    Forbidden(String),
    /// Somebody else was faster.
    #[error("{0}")]
    Conflict(String),
    /// Something broke; the reason is in the log alone.
    #[error("Something broke while this page was made. The server's log says what.")]
    Broken,
}

impl PageError {
    /// Logs `cause` and hides it.
    pub(super) fn broken(context: &str, cause: &dyn std::error::Error) -> Self {
        tracing::error!(%cause, "{context}");
        PageError::Broken
    }

    fn status(&self) -> StatusCode {
        match self {
            PageError::NotFound(_) => StatusCode::NOT_FOUND,
            PageError::BadRequest(_) => StatusCode::BAD_REQUEST,
            PageError::Unauthorized => StatusCode::UNAUTHORIZED,
            PageError::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
            PageError::Forbidden(_) => StatusCode::FORBIDDEN,
            PageError::Conflict(_) => StatusCode::CONFLICT,
            PageError::Broken => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl From<CatalogError> for PageError {
    fn from(error: CatalogError) -> Self {
        match error {
            CatalogError::NotFound { name, .. } => PageError::NotFound(name),
            CatalogError::BadQuestion(what) => PageError::BadRequest(what),
            bad @ CatalogError::BadFile(_) => PageError::BadRequest(bad.to_string()),
            CatalogError::Forbidden(why) => PageError::Forbidden(why),
            overtaken @ CatalogError::Overtaken(_) => PageError::Conflict(overtaken.to_string()),
            other => PageError::broken("answering a page", &other),
        }
    }
}

/// Carries the error outwards: [`show_errors`] knows the visit and writes the page.
impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Turns the errors of handlers into pages, or into JSON below `/api/`.
pub(super) async fn show_errors(State(site): State<Site>, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let visit = Visit::of_request(&request, &site);
    let mut response = next.run(request).await;
    let error = match response.extensions_mut().remove::<PageError>() {
        Some(error) => error,
        None if response.status() == StatusCode::METHOD_NOT_ALLOWED => return response,
        None => return response,
    };
    let near = match &error {
        PageError::NotFound(name) => visit.view.nearest_names(name).await.unwrap_or_default(),
        _ => Nearest::default(),
    };
    if path.starts_with("/api/") || path.starts_with("/feeds/") {
        let mut said = json!({ "error": error.to_string() });
        let names: Vec<&str> = match near.columns.is_empty() {
            true => near.assets.iter().map(|asset| asset.name.as_str()).collect(),
            false => near.columns.iter().map(String::as_str).collect(),
        };
        if !names.is_empty() {
            said["nearest"] = json!(names);
        }
        let mut response = (error.status(), Json(said)).into_response();
        if error.status() == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        return response;
    }
    let page = ErrorPage { chrome: visit.chrome, status: error.status(), message: error.to_string(), asked: asked(&error), near };
    match page.render() {
        Ok(html) => (error.status(), Html(html)).into_response(),
        Err(_) => (error.status(), error.to_string()).into_response(),
    }
}

/// Answers every address that no page has.
pub(super) async fn show_nothing() -> PageError {
    PageError::NotFound("page".to_owned())
}

fn asked(error: &PageError) -> String {
    match error {
        PageError::NotFound(name) if name != "page" => name.clone(),
        _ => String::new(),
    }
}

#[derive(Template)]
#[template(path = "pages/error.html")]
struct ErrorPage {
    chrome: Chrome,
    status: StatusCode,
    message: String,
    asked: String,
    near: Nearest,
}

impl ErrorPage {
    fn heading(&self) -> &'static str {
        match self.status {
            StatusCode::NOT_FOUND => "Nothing of that name",
            StatusCode::BAD_REQUEST => "That question makes no sense here",
            StatusCode::FORBIDDEN => "Not allowed",
            StatusCode::UNAUTHORIZED => "Sign in first",
            StatusCode::TOO_MANY_REQUESTS => "Too often",
            StatusCode::CONFLICT => "Somebody was faster",
            _ => "Something broke",
        }
    }
}
