//! `/evidence`: lineage that is only observed (where shadow pipelines hide), only declared (where dead
//! code hides), both, or guessed.

use askama::Template;
use axum::response::Response;

use crate::{
    catalog::{EvidenceAnswer, EvidencedRead},
    model::EdgeState,
    web::{
        error::PageError,
        extract::{Chrome, Visit},
        filters,
    },
};

/// Rows that the page shows.
const ROWS_AT_ONCE: usize = 300;

#[derive(Template)]
#[template(path = "pages/evidence.html")]
struct EvidencePage<'a> {
    chrome: Chrome,
    answer: &'a EvidenceAnswer,
    state: EdgeState,
    shown: &'a [EvidencedRead],
}

impl EvidencePage<'_> {
    /// A state as people read it.
    fn label(&self, state: &EdgeState) -> &'static str {
        match state {
            EdgeState::Confirmed => "declared and observed",
            EdgeState::Declared => "declared only",
            EdgeState::Observed => "observed only",
            EdgeState::Guessed => "guessed",
        }
    }

    /// What a state means.
    fn meaning(&self) -> &'static str {
        match self.state {
            EdgeState::Observed => {
                "A log saw it happen, or the warehouse states that it did, and no file says so: a pipeline that nobody keeps in a repository."
            }
            EdgeState::Declared => {
                "A file says so, and no log saw it happen: code that no longer runs, or runs where no log is read."
            }
            EdgeState::Confirmed => "A file says so, and a log saw it happen, or the warehouse states that it did.",
            EdgeState::Guessed => {
                "It rests on a star that is not expanded, SQL that is built at run time, or an ambiguous column."
            }
        }
    }
}

/// Shows reads by what holds them up.
pub(crate) async fn show_evidence(visit: Visit) -> Result<Response, PageError> {
    let state = visit.query.filled("state").and_then(EdgeState::from_word).unwrap_or(EdgeState::Observed);
    let answer = visit.view.evidence(Some(state)).await?;
    let shown = answer.reads.get(..ROWS_AT_ONCE).unwrap_or(&answer.reads);
    visit.answer(&EvidencePage { chrome: visit.chrome.clone(), answer: &answer, state, shown })
}
