//! `/mine`, `/watch`, `/remarks`: what one owns and watches, and what readers remark.

use askama::Template;
use axum::{
    extract::{Path, State},
    response::{IntoResponse, Redirect, Response},
};

use crate::{
    catalog::{Mine, Watched},
    web::{
        Site,
        error::PageError,
        extract::{Chrome, Query, Visit},
        filters, urls,
    },
};

/// Assets that one page shows.
const ASSETS_AT_ONCE: usize = 300;

#[derive(Template)]
#[template(path = "pages/mine.html")]
struct MinePage {
    chrome: Chrome,
    mine: Mine,
    also: Vec<String>,
}

impl MinePage {
    fn shown(&self) -> usize {
        ASSETS_AT_ONCE.min(self.mine.assets.len())
    }

    fn watched_url(&self, watched: &Watched) -> String {
        match watched {
            Watched::Asset { namespace, name } => urls::named_asset(namespace, name),
            Watched::Owner { name } => urls::owner(name),
            Watched::Search { query } => format!("/search?{query}"),
        }
    }

    fn watched_title(&self, watched: &Watched) -> String {
        match watched {
            Watched::Asset { name, .. } | Watched::Owner { name } => name.clone(),
            Watched::Search { query } => {
                let pairs = Query::parse(query);
                pairs.0.iter().map(|(key, value)| format!("{key}: {value}")).collect::<Vec<_>>().join(", ")
            }
        }
    }

    fn watched_subject(&self, watched: &Watched) -> String {
        subject_of(watched)
    }
}

/// Shows what the reader owns, what is remarked of it, and what they watch.
pub(crate) async fn show_mine(visit: Visit) -> Result<Response, PageError> {
    let actor = visit.actor()?;
    let mine = visit.view.mine(actor).await?;
    visit.answer(&MinePage { chrome: visit.chrome.clone(), mine, also: actor.also.clone() })
}

/// Begins or ends watching, as the form says.
pub(crate) async fn set_watch(State(site): State<Site>, visit: Visit, body: String) -> Result<Response, PageError> {
    let form = Query::parse(&body);
    let watched = read_watched(form.get("kind").unwrap_or(""), form.get("subject").unwrap_or(""))?;
    match form.get("what") {
        Some("end") => site.catalog.unwatch(visit.actor()?, &watched).await?,
        _ => site.catalog.watch(visit.actor()?, &watched).await?,
    }
    Ok(Redirect::to(urls::local(form.get("back").unwrap_or("/mine"))).into_response())
}

/// Keeps a remark on an asset or on one of its columns.
pub(crate) async fn add_remark(
    State(site): State<Site>,
    Path((namespace, name)): Path<(String, String)>,
    visit: Visit,
    body: String,
) -> Result<Response, PageError> {
    let form = Query::parse(&body);
    let (column, text) = (form.get("column").unwrap_or(""), form.get("text").unwrap_or(""));
    site.catalog.remark(visit.actor()?, (&namespace, &name), column, text).await?;
    Ok(Redirect::to(&format!("{}/history#remarks", urls::named_asset(&namespace, &name))).into_response())
}

/// Answers a remark.
pub(crate) async fn answer_remark(
    State(site): State<Site>,
    Path(number): Path<i64>,
    visit: Visit,
    body: String,
) -> Result<Response, PageError> {
    let form = Query::parse(&body);
    site.catalog.answer_remark(visit.actor()?, number, form.get("answer").unwrap_or("")).await?;
    Ok(Redirect::to(urls::local(form.get("back").unwrap_or("/mine"))).into_response())
}

/// What a form means by (kind, subject).
pub(crate) fn read_watched(kind: &str, subject: &str) -> Result<Watched, PageError> {
    let odd = || PageError::BadRequest("That cannot be watched.".to_owned());
    if subject.is_empty() {
        return Err(odd());
    }
    match kind {
        "asset" => {
            let (namespace, name) = urls::read_named_asset(subject).ok_or_else(odd)?;
            Ok(Watched::Asset { namespace, name })
        }
        "owner" => Ok(Watched::Owner { name: subject.to_owned() }),
        "search" => Ok(Watched::Search { query: subject.to_owned() }),
        _ => Err(odd()),
    }
}

/// What a form calls it.
fn subject_of(watched: &Watched) -> String {
    match watched {
        Watched::Asset { namespace, name } => format!("{}/{}", urls::encode(namespace), urls::encode(name)),
        Watched::Owner { name } => name.clone(),
        Watched::Search { query } => query.clone(),
    }
}
