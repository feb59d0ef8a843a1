//! `/`: the search box, what needs attention, how far the catalog can be trusted.

use askama::Template;
use axum::response::Response;

use crate::{
    catalog::Home,
    web::{
        error::PageError,
        extract::{Chrome, Visit},
        filters,
    },
};

#[derive(Template)]
#[template(path = "pages/home.html")]
struct HomePage {
    chrome: Chrome,
    home: Home,
}

impl HomePage {
    fn parsed(&self) -> String {
        percent(self.home.coverage.parsed_percent())
    }

    fn resolved(&self) -> String {
        percent(self.home.coverage.resolved_percent())
    }
}

/// Shows the first page.
pub(crate) async fn show_home(visit: Visit) -> Result<Response, PageError> {
    let home = visit.view.home().await?;
    visit.answer(&HomePage { chrome: visit.chrome.clone(), home })
}

/// `97.3 %`; never rounded up to 100.
fn percent(value: f64) -> String {
    if value >= 100.0 { "100 %".to_owned() } else { format!("{:.1} %", (value * 10.0).floor() / 10.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearly_all_is_not_all() {
        assert_eq!(percent(99.99), "99.9 %");
        assert_eq!(percent(100.0), "100 %");
    }
}
