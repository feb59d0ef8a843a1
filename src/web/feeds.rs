//! `/feeds/…`: what is new of one's own assets, of what one watches, of one asset, owner or search, as
//! Atom (RFC 4287).

use askama::Template;
use axum::{
    extract::{Path, State},
    http::header,
    response::{IntoResponse, Response},
};

use super::{
    Site,
    error::PageError,
    extract::{Query, Visit},
    pages::search::read_whole_query,
    urls,
};
use crate::catalog::{News, SearchQuery, Watched};

#[derive(Template)]
#[template(path = "feed.xml")]
struct Feed {
    title: String,
    /// The address under which people reach the catalog, without a slash at its end.
    base: String,
    /// The feed's own address below it.
    address: String,
    updated: String,
    entries: Vec<Entry>,
}

struct Entry {
    id: String,
    title: String,
    text: String,
    url: String,
    person: String,
    updated: String,
}

/// What is new of what the reader owns.
pub(super) async fn show_mine(State(site): State<Site>, visit: Visit) -> Result<Response, PageError> {
    let actor = visit.actor()?;
    let news = visit.view.news_of_mine(actor).await?;
    answer(&site, &visit, format!("Assets of {}", actor.name), news)
}

/// What is new of what the reader watches.
pub(super) async fn show_watched(State(site): State<Site>, visit: Visit) -> Result<Response, PageError> {
    let actor = visit.actor()?;
    let watched = visit.view.watched_by(actor).await?;
    let news = visit.view.news_of_watched(&watched, search).await?;
    answer(&site, &visit, format!("Watched by {}", actor.name), news)
}

/// What is new of one asset.
pub(super) async fn show_asset(
    State(site): State<Site>,
    Path((namespace, name)): Path<(String, String)>,
    visit: Visit,
) -> Result<Response, PageError> {
    let asset = visit.view.asset_ref(&namespace, &name)?;
    let watched = [Watched::Asset { namespace: asset.namespace, name: asset.name }];
    let news = visit.view.news_of_watched(&watched, search).await?;
    answer(&site, &visit, name, news)
}

/// What is new of what an owner owns.
pub(super) async fn show_owner(State(site): State<Site>, Path(name): Path<String>, visit: Visit) -> Result<Response, PageError> {
    let news = visit.view.news_of_watched(&[Watched::Owner { name: name.clone() }], search).await?;
    answer(&site, &visit, format!("Assets of {name}"), news)
}

/// What is new of what a search finds.
pub(super) async fn show_search(State(site): State<Site>, visit: Visit) -> Result<Response, PageError> {
    let pairs = visit.query.0.iter().filter(|(key, _)| key != "token");
    let query = urls::with_query("", pairs.map(|(key, value)| (key.as_str(), value.clone())));
    let query = query.trim_start_matches('?').to_owned();
    let news = visit.view.news_of_watched(&[Watched::Search { query: query.clone() }], search).await?;
    answer(&site, &visit, format!("Found by {}", visit.query.get("q").unwrap_or(&query)), news)
}

fn search(query: &str) -> SearchQuery {
    read_whole_query(&Query::parse(query))
}

fn answer(site: &Site, visit: &Visit, title: String, news: Vec<News>) -> Result<Response, PageError> {
    let base = site.public.as_ref().map_or_else(String::new, |public| public.as_str().to_owned());
    // Without a configured address a reader resolves these against the feed's own.
    let entry = |one: News| Entry {
        id: format!("urn:wellspring:{}:{}", urls::encode(&one.namespace), one.id),
        url: format!("{base}{}", urls::named_asset(&one.namespace, &one.name)),
        title: plain(&one.title),
        text: plain(&one.text),
        person: plain(if one.person.is_empty() { "a file" } else { &one.person }),
        updated: stamp(one.at),
    };
    let updated = news.first().map_or_else(|| stamp(0), |one| stamp(one.at));
    let address = visit.chrome.address.split('?').next().unwrap_or("/").to_owned();
    let feed = Feed { title: plain(&title), address, updated, entries: news.into_iter().map(entry).collect(), base };
    let body = feed.render().map_err(|cause| PageError::broken("writing a feed", &cause))?;
    Ok(([(header::CONTENT_TYPE, "application/atom+xml; charset=utf-8")], body).into_response())
}

/// Without the characters that XML cannot hold.
fn plain(text: &str) -> String {
    text.chars()
        .filter(|letter| !letter.is_control() || matches!(letter, '\n' | '\t'))
        .filter(|letter| !matches!(letter, '\u{fffe}' | '\u{ffff}'))
        .collect()
}

fn stamp(at: i64) -> String {
    jiff::Timestamp::from_second(at).unwrap_or_default().to_string()
}
