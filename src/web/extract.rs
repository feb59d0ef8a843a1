//! What a handler takes out of a request: the visit, and the pairs of its query.

use std::{convert::Infallible, sync::Arc};

use askama::Template;
use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, Uri, header, request::Parts},
    response::{Html, IntoResponse, Response},
};

use super::{Site, error::PageError};
use crate::{
    catalog::{CrawlStatus, View},
    config::PublicUrl,
};

/// One request for a page.
#[derive(Clone, Debug)]
pub(super) struct Visit {
    /// The run that every answer of this visit is of.
    pub(super) view: Arc<View>,
    /// The pairs of the query, in order.
    pub(super) query: Query,
    /// The id of the element that htmx wants filled; `None` for a whole page.
    pub(super) target: Option<String>,
    /// What the layout shows.
    pub(super) chrome: Chrome,
    /// What people put in front of an address to reach it from elsewhere, where that is configured.
    pub(super) public: Option<Arc<PublicUrl>>,
}

/// What the layout of every page shows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chrome {
    /// `light`, `dark`, or "" for what the reader's system prefers.
    pub(crate) theme: &'static str,
    /// The address asked for, with its query.
    pub(crate) address: String,
    /// The words in the search box.
    pub(crate) search: String,
    /// The published run; 0 before the first.
    pub(crate) run: u64,
    /// Where the crawl stands.
    pub(crate) progress: CrawlStatus,
    /// Seconds since 1970 UTC.
    pub(crate) now: i64,
}

impl Chrome {
    /// Whether the page belongs to the entry `start` of the navigation.
    pub(crate) fn is_under(&self, start: &str) -> bool {
        self.address.starts_with(start)
    }

    /// Whether the bar of a running crawl is shown.
    pub(crate) fn shows_progress(&self) -> bool {
        self.progress.running
    }

    /// The address of a static file.
    pub(crate) fn file(&self, name: &str) -> &'static str {
        super::statics::url(name)
    }

    /// How far the crawl's phase is, in percent; `None` where that is not known.
    pub(crate) fn percent(&self) -> Option<u64> {
        let progress = &self.progress;
        (progress.total > 0).then(|| (progress.done.min(progress.total) * 100) / progress.total)
    }
}

impl Visit {
    /// Renders `page` as the answer.
    pub(super) fn answer(&self, page: &impl Template) -> Result<Response, PageError> {
        Ok(Html(page.render().map_err(|cause| PageError::broken("rendering a page", &cause))?).into_response())
    }

    /// Whether htmx asks for the part of the page with this id.
    pub(super) fn wants(&self, id: &str) -> bool {
        self.target.as_deref() == Some(id)
    }
}

impl FromRequestParts<Site> for Visit {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Infallible> {
        Ok(Visit::new(&parts.uri, &parts.headers, site))
    }
}

impl Visit {
    /// The visit that a request's address and headers tell of.
    pub(super) fn new(uri: &Uri, headers: &HeaderMap, site: &Site) -> Visit {
        let view = site.catalog.view();
        let query = Query::parse(uri.query().unwrap_or(""));
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let is_fragment = text("hx-request") == Some("true") && text("hx-history-restore-request") != Some("true");
        let chrome = Chrome {
            theme: theme_of(headers),
            address: uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string),
            search: String::new(),
            run: u64::from(view.run()),
            progress: site.crawl.status(),
            now: jiff::Timestamp::now().as_second(),
        };
        Visit {
            view,
            query,
            target: text("hx-target").filter(|_| is_fragment).map(str::to_owned),
            chrome,
            public: site.public.clone(),
        }
    }
}

fn theme_of(headers: &HeaderMap) -> &'static str {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let theme = cookies.flat_map(|line| line.split(';')).find_map(|pair| pair.trim().strip_prefix("theme="));
    match theme {
        Some("dark") => "dark",
        Some("light") => "light",
        _ => "",
    }
}

/// The pairs of a query, in order; a key may stand several times.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Query(pub(super) Vec<(String, String)>);

impl Query {
    /// Most pairs that are looked at.
    const MOST: usize = 200;

    fn parse(text: &str) -> Query {
        let pairs = text.split('&').filter(|pair| !pair.is_empty()).take(Self::MOST);
        Query(
            pairs
                .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
                .map(|(key, value)| (decode(key), decode(value)))
                .collect(),
        )
    }

    /// The first value of `key`.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// The first value of `key` that is not empty.
    pub(super) fn filled(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(name, value)| name == key && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// Every value of `key`.
    pub(super) fn all<'q>(&'q self, key: &'q str) -> impl Iterator<Item = &'q str> {
        self.0.iter().filter(move |(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// The number at `key`, at most `most`; `otherwise` where there is none.
    pub(super) fn number(&self, key: &str, otherwise: u32, most: u32) -> u32 {
        self.get(key).and_then(|value| value.parse().ok()).unwrap_or(otherwise).min(most)
    }
}

/// Undoes percent-encoding and `+`; bytes that are not UTF-8 are replaced.
fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let hex = text.get(at + 1..at + 3).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match (byte, hex) {
            (b'%', Some(value)) => {
                out.push(value);
                at += 3;
                continue;
            }
            (b'+', _) => out.push(b' '),
            (other, _) => out.push(other),
        }
        at += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_keeps_repeated_keys_in_order_and_decodes_them() {
        let query = Query::parse("q=churn+rate&kind=table&kind=-view&x=%C3%A9%zz&flag");
        assert_eq!(query.get("q"), Some("churn rate"));
        assert_eq!(query.all("kind").collect::<Vec<_>>(), ["table", "-view"]);
        assert_eq!(query.get("x"), Some("é%zz"));
        assert_eq!(query.get("flag"), Some(""));
        assert_eq!(query.filled("flag"), None);
    }
}
