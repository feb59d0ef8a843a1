//! `/assets/…/impact`: all that depends on an asset or a column, whom to tell, and all of it as CSV.

use askama::Template;
use axum::{extract::Path, response::Response};

use super::asset::AssetHead;
use crate::{
    catalog::{Affected, ImpactAnswer, ImpactSeverity},
    model::AssetRole,
    web::{
        csv,
        error::PageError,
        extract::{Chrome, Visit},
        filters, urls,
    },
};

/// Rows that the page shows; the CSV has all.
const ROWS_AT_ONCE: usize = 500;

#[derive(Template)]
#[template(path = "pages/impact.html")]
struct ImpactPage<'a> {
    chrome: Chrome,
    head: &'a AssetHead,
    answer: &'a ImpactAnswer,
    column: Option<String>,
    shown: &'a [Affected],
    csv_url: String,
    message: String,
}

impl ImpactPage<'_> {
    /// How many are affected how badly, the worst first.
    fn severities(&self) -> Vec<(&'static str, usize)> {
        let kinds = [
            (ImpactSeverity::Seen, "that people see"),
            (ImpactSeverity::Breaks, "would break"),
            (ImpactSeverity::Changes, "would change their values"),
        ];
        let count = |severity| self.answer.affected.iter().filter(|row| row.severity == severity).count();
        kinds.into_iter().map(|(severity, word)| (word, count(severity))).filter(|(_, number)| *number > 0).collect()
    }
}

/// Shows what depends on an asset or on one column of it.
pub(crate) async fn show_impact(Path((namespace, name)): Path<(String, String)>, visit: Visit) -> Result<Response, PageError> {
    let column = visit.query.filled("column").map(str::to_owned);
    let head = AssetHead::load(&visit, &namespace, &name, "impact").await?;
    let answer = visit.view.impact(&namespace, &name, column.as_deref()).await?;
    let pairs = column.iter().map(|column| ("column", column.clone()));
    let page = ImpactPage {
        chrome: visit.chrome.clone(),
        csv_url: urls::with_query(&format!("{}/impact.csv", head.url), pairs),
        message: message_to_owners(&answer, public_link(&visit, &head.url, column.as_deref())),
        shown: answer.affected.get(..ROWS_AT_ONCE).unwrap_or(&answer.affected),
        head: &head,
        answer: &answer,
        column,
    };
    visit.answer(&page)
}

/// Everything that depends on it as CSV.
pub(crate) async fn download_impact(
    Path((namespace, name)): Path<(String, String)>,
    visit: Visit,
) -> Result<Response, PageError> {
    let answer = visit.view.impact(&namespace, &name, visit.query.filled("column")).await?;
    let head = ["severity", "kind", "namespace", "asset", "columns", "how", "owners", "steps", "deprecated"];
    let file = format!("impact-{}.csv", answer.asset.name);
    Ok(csv::attachment(&file, &head, answer.affected.into_iter().map(csv_row)))
}

fn csv_row(row: Affected) -> Vec<String> {
    vec![
        row.severity.word().to_owned(),
        row.asset.kind.word().to_owned(),
        row.asset.namespace,
        row.asset.name,
        row.columns.join(" "),
        row.kinds.join(" "),
        row.owners.join(" "),
        row.depth.to_string(),
        if row.asset.deprecated { "yes" } else { "no" }.to_owned(),
    ]
}

/// A text to send to those who own what depends on it.
fn message_to_owners(answer: &ImpactAnswer, link: Option<String>) -> String {
    const MOST: usize = 30;
    let what = match &answer.column {
        Some(column) => format!("{}.{column}", answer.asset.name),
        None => answer.asset.name.clone(),
    };
    let mut text = format!("We plan to change {what}. These of yours depend on it:\n");
    for row in answer.affected.iter().take(MOST) {
        let owners = if row.owners.is_empty() { "no owner".to_owned() } else { row.owners.join(", ") };
        text.push_str(&format!("- {} ({}; {owners})\n", row.asset.name, filters::kind_in_words(row.asset.kind)));
    }
    if answer.affected.len() > MOST {
        text.push_str(&format!("- and {} more\n", answer.affected.len() - MOST));
    }
    if let Some(link) = link {
        text.push_str(&format!("All of it: {link}\n"));
    }
    text
}

/// The page's address as others reach it; `None` where that is not configured.
fn public_link(visit: &Visit, asset_url: &str, column: Option<&str>) -> Option<String> {
    let pairs = column.map(|column| ("column", column.to_owned()));
    Some(urls::with_query(&format!("{}{asset_url}/impact", visit.public.as_ref()?.as_str()), pairs))
}
