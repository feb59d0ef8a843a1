//! `/assets/…/columns/{column}/explain`: the way of a number back to where it comes from.

use askama::Template;
use axum::{
    extract::{Path, State},
    http::header,
    response::{IntoResponse, Response},
};

use super::opened::note_opened;
use crate::{
    catalog::{ExplainBranch, ExplainStep, Explanation},
    web::{
        Site,
        error::PageError,
        extract::{Chrome, Visit},
        filters, urls,
    },
};

#[derive(Template)]
#[template(path = "pages/explain.html")]
struct ExplainPage {
    chrome: Chrome,
    story: Explanation,
    asset_url: String,
    url: String,
}

impl ExplainPage {
    /// Whether `step` is used by the step before it alone, so that nothing need be said.
    fn follows(&self, step: &ExplainStep) -> bool {
        step.used_by.as_slice() == [step.number.saturating_sub(1)]
    }

    /// The queries that make a step's column together, and other statements that write it.
    fn branches<'s>(&self, step: &'s ExplainStep) -> Vec<(&'static str, &'s [ExplainBranch])> {
        let both = [("query", step.branches.as_slice()), ("also written", step.others.as_slice())];
        both.into_iter().filter(|(_, branches)| !branches.is_empty()).collect()
    }

    /// The newest change of any file on the way.
    fn last_changed(&self) -> Option<i64> {
        self.story.steps.iter().filter_map(|step| step.last_change.as_ref()).map(|change| change.time).max()
    }
}

/// Tells where a column comes from.
pub(crate) async fn show_explanation(
    Path((namespace, name, column)): Path<(String, String, String)>,
    State(site): State<Site>,
    visit: Visit,
) -> Result<Response, PageError> {
    let story = visit.view.explain(&namespace, &name, &column).await?;
    note_opened(&site, &visit, &story.asset, Some(&story.column));
    let (asset_url, url) = (urls::asset(&story.asset), urls::column(&story.asset, &story.column));
    visit.answer(&ExplainPage { chrome: visit.chrome.clone(), story, asset_url, url })
}

/// The same story as Markdown.
pub(crate) async fn show_explanation_as_markdown(
    Path((namespace, name, column)): Path<(String, String, String)>,
    visit: Visit,
) -> Result<Response, PageError> {
    let story = visit.view.explain(&namespace, &name, &column).await?;
    Ok(([(header::CONTENT_TYPE, "text/markdown; charset=utf-8")], story.to_markdown()).into_response())
}
