//! `/coverage`: how many transformations answer the five questions that every one owes.

use askama::Template;
use axum::response::Response;

use crate::{
    catalog::{CoverageAnswer, CoverageRow},
    web::{
        error::PageError,
        extract::{Chrome, Visit},
        filters, urls,
    },
};

/// Rows of one table.
const AT_ONCE: usize = 40;

#[derive(Template)]
#[template(path = "pages/coverage.html")]
struct CoveragePage {
    chrome: Chrome,
    answer: CoverageAnswer,
    by: String,
}

impl CoveragePage {
    fn rows(&self) -> Vec<&CoverageRow> {
        let chosen = self.answer.by.iter().find(|(what, _)| *what == self.by);
        chosen.map(|(_, rows)| rows.iter().take(AT_ONCE).collect()).unwrap_or_default()
    }

    fn link(&self, what: &str) -> String {
        urls::with_query("/coverage", [("by", what.to_owned())])
    }

    fn is_chosen(&self, what: &str) -> bool {
        self.by == what
    }

    /// How a share is coloured.
    fn tone<N: filters::Count>(&self, percent: N) -> &'static str {
        match percent.value() {
            80.. => "good",
            40..80 => "warn",
            _ => "bad",
        }
    }
}

/// Shows coverage by source, or by what `by=` says.
pub(crate) async fn show_coverage(visit: Visit) -> Result<Response, PageError> {
    let answer = visit.view.five_answers().await?;
    let by = visit.query.filled("by").unwrap_or("source").to_owned();
    visit.answer(&CoveragePage { chrome: visit.chrome.clone(), answer, by })
}
