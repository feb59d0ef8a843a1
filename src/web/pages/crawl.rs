//! `/runs`, `/progress`, `/crawl`, `/healthz`: what was crawled, what is being crawled, crawl again.

use askama::Template;
use axum::{
    Json,
    body::Bytes,
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode},
    response::{IntoResponse, Redirect, Response},
};
use serde_json::json;

use crate::{
    catalog::{DiagnosticCount, RunSummary, WebhookOutcome, WebhookProof},
    web::{
        Site,
        error::PageError,
        extract::{Chrome, Visit},
        filters,
    },
};

/// Runs that one page shows.
const RUNS_AT_ONCE: usize = 50;
/// The longest body of a webhook, in bytes.
pub(crate) const MOST_WEBHOOK_BYTES: usize = 8 << 20;

#[derive(Template)]
#[template(path = "pages/runs.html")]
struct RunsPage {
    chrome: Chrome,
    runs: Vec<RunSummary>,
    diagnostics: Vec<DiagnosticCount>,
}

impl RunsPage {
    fn took(&self, run: &RunSummary) -> String {
        if let Some((_, milliseconds)) = run.counts.iter().find(|(word, _)| word == "milliseconds") {
            return format!("{:.1} s", *milliseconds as f64 / 1000.0);
        }
        match run.ended.map(|ended| ended.saturating_sub(run.started).max(0)) {
            None => "not finished".to_owned(),
            Some(0) => "under 1 s".to_owned(),
            Some(seconds) if seconds < 120 => format!("{seconds} s"),
            Some(seconds) => format!("{} min", seconds / 60),
        }
    }

    /// What a run counted, in words.
    fn figures(&self, run: &RunSummary) -> Vec<(String, u64)> {
        let counts = run.counts.iter().filter(|(word, _)| word != "milliseconds");
        counts.map(|(word, number)| (word.replace('_', " "), *number)).collect()
    }

    fn all_diagnostics(&self) -> u64 {
        self.diagnostics.iter().map(|entry| entry.count).sum()
    }
}

#[derive(Template)]
#[template(path = "pages/progress.html")]
struct ProgressPage {
    chrome: Chrome,
}

#[derive(Template)]
#[template(path = "partials/progress.html")]
struct ProgressBar {
    chrome: Chrome,
}

/// Shows the runs and what they could not know.
pub(crate) async fn show_runs(visit: Visit) -> Result<Response, PageError> {
    let runs = visit.view.runs(RUNS_AT_ONCE).await?;
    let diagnostics = visit.view.diagnostic_counts().await?;
    visit.answer(&RunsPage { chrome: visit.chrome.clone(), runs, diagnostics })
}

/// Shows the running crawl: a page, or the bar at the top of every page.
pub(crate) async fn show_progress(visit: Visit) -> Result<Response, PageError> {
    if !visit.wants("progress") {
        return visit.answer(&ProgressPage { chrome: visit.chrome.clone() });
    }
    let mut response = visit.answer(&ProgressBar { chrome: visit.chrome.clone() })?;
    // A page that had nothing to show is shown again once there is something: a run, or why there is none.
    if visit.query.get("run") == Some("0") && (visit.chrome.run > 0 || !visit.chrome.progress.running) {
        response.headers_mut().insert(HeaderName::from_static("hx-refresh"), HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// Asks for a crawl.
pub(crate) async fn request_crawl(State(site): State<Site>) -> Result<Redirect, PageError> {
    site.crawl.request();
    Ok(Redirect::to("/runs"))
}

/// Asks for a crawl where a forge's webhook is signed with the configured secret.
pub(crate) async fn request_crawl_by_webhook(
    State(site): State<Site>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, PageError> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let signature = ["x-hub-signature-256", "x-hub-signature"].iter().find_map(|name| text(name));
    let proof = signature.map(WebhookProof::Signature).or(text("x-gitlab-token").map(WebhookProof::Token));
    match site.crawl.request_by_webhook(proof, &body) {
        WebhookOutcome::Asked => Ok((StatusCode::ACCEPTED, Json(json!({ "crawl": "asked for" }))).into_response()),
        WebhookOutcome::Refused => Err(PageError::Forbidden("The call is not signed with the webhook's secret.".to_owned())),
        WebhookOutcome::NotConfigured => Err(PageError::NotFound("webhook".to_owned())),
    }
}

/// Says that the server answers, and of which run.
pub(crate) async fn show_health(visit: Visit) -> Response {
    Json(json!({ "status": "ok", "run": visit.chrome.run, "crawling": visit.chrome.progress.running })).into_response()
}
