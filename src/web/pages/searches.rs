//! `/searches`: what people search for, and what they do not find.

use askama::Template;
use axum::response::Response;

use crate::{
    catalog::SearchHabits,
    web::{
        error::PageError,
        extract::{Chrome, Visit},
        filters,
    },
};

/// Rows of each list.
pub(crate) const ROWS: u32 = 100;

#[derive(Template)]
#[template(path = "pages/searches.html")]
struct SearchesPage {
    chrome: Chrome,
    habits: SearchHabits,
}

impl SearchesPage {
    /// The part of all searches, in percent.
    fn percent(&self, part: &u64) -> u64 {
        (*part * 100).checked_div(self.habits.searches).unwrap_or(0)
    }
}

/// Shows what people search for.
pub(crate) async fn show_searches(visit: Visit) -> Result<Response, PageError> {
    let habits = visit.view.search_habits(visit.chrome.now, ROWS).await?;
    visit.answer(&SearchesPage { chrome: visit.chrome.clone(), habits })
}
