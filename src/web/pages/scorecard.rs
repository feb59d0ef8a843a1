//! `/scorecard`: the figures by which a data platform is judged, each with its definition and the list
//! behind it.

use askama::Template;
use axum::response::Response;

use crate::{
    catalog::{Scorecard, Share, iso_day},
    web::{
        error::PageError,
        extract::{Chrome, Visit},
        filters,
    },
};

#[derive(Template)]
#[template(path = "pages/scorecard.html")]
struct ScorecardPage<'a> {
    chrome: Chrome,
    card: &'a Scorecard,
}

impl ScorecardPage<'_> {
    /// A week's bar: place, top, height in a chart of 40 units.
    fn weeks(&self) -> Vec<(u64, u64, u64, String)> {
        let bar = |(at, (start, share)): (u64, &(i64, Share))| {
            let height = share.per_mille().unwrap_or(0) * 40 / 1_000;
            let date = iso_day(*start);
            let title = format!("week from {date}: {} of {} attempts", share.percent(), share.of);
            (at * 14, 40 - height, height, title)
        };
        (0u64..).zip(&self.card.reliability_weeks).map(bar).collect()
    }
}

/// Shows the scorecard.
pub(crate) async fn show_scorecard(visit: Visit) -> Result<Response, PageError> {
    let card = visit.view.scorecard().await?;
    visit.answer(&ScorecardPage { chrome: visit.chrome.clone(), card: &card })
}
