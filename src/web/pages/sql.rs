//! `/assets/…/sql`: the files that define an asset, in colours, with what could not be known in place.

use askama::Template;
use axum::{extract::Path, response::Response};

use super::asset::AssetHead;
use crate::{
    catalog::{AssetDocument, PlacedDiagnostic},
    model::{AssetRole, Dialect, Severity},
    web::{
        error::PageError,
        extract::{Chrome, Visit},
        filters,
        markup::Markup,
        sql_text,
    },
};

/// Files that one page shows.
const MOST_FILES: usize = 8;
/// Lines that one page shows of all files together.
const MOST_LINES: usize = 4_000;

#[derive(Template)]
#[template(path = "pages/asset_sql.html")]
struct SqlPage<'a> {
    chrome: Chrome,
    head: &'a AssetHead,
    sources: Vec<SourceText<'a>>,
    left_out: usize,
}

struct SourceText<'a> {
    document: &'a AssetDocument,
    path: &'a str,
    anchor: String,
    lines: Vec<Line<'a>>,
    hidden: usize,
}

struct Line<'a> {
    number: usize,
    html: Markup,
    problems: Vec<&'a PlacedDiagnostic>,
}

impl Line<'_> {
    fn is_bad(&self) -> bool {
        self.problems.iter().any(|problem| problem.severity == Severity::Error)
    }
}

impl<'a> SourceText<'a> {
    fn new(head: &'a AssetHead, at: usize, document: &'a AssetDocument, most: usize) -> Self {
        let path = document.place.path.as_str();
        let problems: Vec<&PlacedDiagnostic> = head
            .answer
            .diagnostics
            .iter()
            .filter(|one| one.place.path == path && one.place.source == document.place.source)
            .collect();
        let coloured = sql_text::lines(&document.text, dialect_of(&head.answer.asset.namespace), most);
        let lines: Vec<Line<'a>> = coloured
            .into_iter()
            .enumerate()
            .map(|(index, html)| {
                let number = index + 1;
                let here = problems.iter().filter(|one| one.place.line as usize == number).copied().collect();
                Line { number, html, problems: here }
            })
            .collect();
        let hidden = document.text.lines().count().saturating_sub(lines.len());
        let anchor = if at == 0 { String::new() } else { format!("f{}-", at + 1) };
        SourceText { document, path, anchor, lines, hidden }
    }

    /// The address of the file at its commit on the forge.
    fn permalink(&self) -> Option<&str> {
        self.document.place.permalink.as_deref().filter(|link| link.starts_with("https://") || link.starts_with("http://"))
    }
}

/// Shows the SQL of an asset.
pub(crate) async fn show_sql(Path((namespace, name)): Path<(String, String)>, visit: Visit) -> Result<Response, PageError> {
    let head = AssetHead::load(&visit, &namespace, &name, "sql").await?;
    let mut sources = Vec::new();
    let mut lines_left = MOST_LINES;
    for (at, document) in head.answer.documents.iter().take(MOST_FILES).enumerate() {
        let source = SourceText::new(&head, at, document, lines_left);
        lines_left = lines_left.saturating_sub(source.lines.len());
        sources.push(source);
    }
    let left_out = head.answer.documents.len().saturating_sub(sources.len());
    visit.answer(&SqlPage { chrome: visit.chrome.clone(), sources, left_out, head: &head })
}

/// The dialect that a warehouse called after its product speaks.
fn dialect_of(namespace: &str) -> Dialect {
    namespace.split(':').next().and_then(|product| product.parse().ok()).unwrap_or_default()
}
