//! `/help`: keys, what can be pasted, what edges mean, the addresses for programs.

use askama::Template;
use axum::response::Response;

use crate::web::{
    error::PageError,
    extract::{Chrome, Visit},
    filters,
};

#[derive(Template)]
#[template(path = "pages/help.html")]
struct HelpPage {
    chrome: Chrome,
}

/// Shows the help.
pub(crate) async fn show_help(visit: Visit) -> Result<Response, PageError> {
    visit.answer(&HelpPage { chrome: visit.chrome.clone() })
}
