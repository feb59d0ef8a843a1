//! `/diagnostics` and a page per code: what happened, why, what to do, and where.

use askama::Template;
use axum::{extract::Path, response::Response};

use crate::{
    catalog::CodeAnswer,
    model::{CODES, Code},
    web::{
        error::PageError,
        extract::{Chrome, Visit},
        filters, urls,
    },
};

/// Places that one page shows.
const PLACES_AT_ONCE: usize = 200;

#[derive(Template)]
#[template(path = "pages/diagnostics.html")]
struct CodesPage {
    chrome: Chrome,
    codes: &'static [&'static Code],
}

#[derive(Template)]
#[template(path = "pages/diagnostic.html")]
struct CodePage {
    chrome: Chrome,
    answer: CodeAnswer,
    page: usize,
    previous: Option<String>,
    next: Option<String>,
}

/// Shows every code there is.
pub(crate) async fn show_codes(visit: Visit) -> Result<Response, PageError> {
    visit.answer(&CodesPage { chrome: visit.chrome.clone(), codes: CODES })
}

/// Shows one code and where it occurs.
pub(crate) async fn show_code(Path(code): Path<String>, visit: Visit) -> Result<Response, PageError> {
    let page = visit.query.number("page", 1, 1..=100_000)? as usize - 1;
    let answer = visit.view.diagnostics_of(&code, page * PLACES_AT_ONCE, PLACES_AT_ONCE).await?;
    let turn = |page: usize| urls::with_query(&urls::diagnostic(&code), [("page", (page + 1).to_string())]);
    let is_more = answer.total > ((page + 1) * PLACES_AT_ONCE) as u64;
    visit.answer(&CodePage {
        chrome: visit.chrome.clone(),
        answer,
        page,
        previous: (page > 0).then(|| turn(page - 1)),
        next: is_more.then(|| turn(page + 1)),
    })
}
