//! What a handler takes out of a request: the visit, and the pairs of its query.

use std::{convert::Infallible, ops::RangeInclusive, sync::Arc};

use askama::Template;
use axum::{
    extract::{FromRequestParts, Request},
    http::{HeaderMap, Uri, header, request::Parts},
    response::{Html, IntoResponse, Response},
};

use super::{
    Site,
    access::{Visitor, warns_of_http},
    error::PageError,
};
use crate::{
    catalog::{AssetRef, CrawlStatus, View},
    config::PublicUrl,
    model::{Actor, Role, Scope, StatedField},
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
    /// Who asks.
    pub(super) visitor: Visitor,
    /// Whether the browser says that a page of ours led here.
    pub(super) from_us: bool,
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
    /// Who reads the page.
    pub(crate) reader: Reader,
    /// Whether people sign in here.
    pub(crate) signs_in: bool,
    /// Whether passwords go over plain http.
    pub(crate) warns_of_http: bool,
}

impl Chrome {
    /// Whether the page belongs to the entry `start` of the navigation.
    pub(crate) fn is_under(&self, start: &str) -> bool {
        self.address.starts_with(start)
    }

    /// Whether the bar of a running crawl is shown.
    pub(crate) fn shows_progress(&self) -> bool {
        self.progress.running && self.shows_catalog()
    }

    /// Whether the way into the catalog is shown: to everybody who may go it.
    pub(crate) fn shows_catalog(&self) -> bool {
        !self.reader.name.is_empty()
    }

    /// (word, title) of what can be stated of many assets at once.
    pub(crate) fn bulk_fields(&self) -> Vec<(&'static str, &'static str)> {
        StatedField::ALL.map(|field| (field.word(), super::fields::say_field(field))).to_vec()
    }

    /// The pairs of the address, as a watched search holds them.
    pub(crate) fn search_pairs(&self) -> &str {
        self.address.split_once('?').map_or("", |(_, pairs)| pairs)
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
        Ok(Visit::new(&parts.uri, &parts.headers, site, parts.extensions.get::<Visitor>().cloned().unwrap_or_default()))
    }
}

impl Visit {
    /// The visit that a request tells of.
    pub(super) fn of_request(request: &Request, site: &Site) -> Visit {
        let visitor = request.extensions().get::<Visitor>().cloned().unwrap_or_default();
        Visit::new(request.uri(), request.headers(), site, visitor)
    }

    fn new(uri: &Uri, headers: &HeaderMap, site: &Site, visitor: Visitor) -> Visit {
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
            reader: Reader::new(&visitor),
            signs_in: site.access.needs_sign_in(),
            warns_of_http: warns_of_http(site, &visitor),
        };
        Visit {
            view,
            query,
            target: text("hx-target").filter(|_| is_fragment).map(str::to_owned),
            chrome,
            public: site.public.clone(),
            visitor,
            from_us: came_from_us(headers, site),
        }
    }

    /// Who asks.
    ///
    /// # Errors
    /// [`PageError::Unauthorized`] where nobody known does.
    pub(super) fn actor(&self) -> Result<&Actor, PageError> {
        self.visitor.actor()
    }

    /// Whether the reader may state things of the asset.
    pub(super) fn may_state(&self, asset: &AssetRef) -> bool {
        let actor = self.visitor.actor.as_ref();
        actor.is_some_and(|actor| self.view.may_state(actor, &asset.namespace, &asset.name))
    }
}

/// Who reads a page, as the layout shows them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reader {
    /// Their name; "" where nobody is signed in.
    pub(crate) name: String,
    /// Whether they may change every asset.
    pub(crate) may_edit: bool,
    /// Whether they manage people.
    pub(crate) is_admin: bool,
    /// Whether they signed in here, so that they can sign out.
    pub(crate) has_session: bool,
}

impl Reader {
    fn new(visitor: &Visitor) -> Reader {
        let Some(actor) = &visitor.actor else { return Reader::default() };
        Reader {
            name: actor.name.clone(),
            may_edit: actor.may(Role::Editor, Scope::Write),
            is_admin: actor.may(Role::Admin, Scope::Admin),
            has_session: visitor.has_session(),
        }
    }
}

/// Whether a page of ours led to a request: as browsers say, or as its referrer says where they do not.
fn came_from_us(headers: &HeaderMap, site: &Site) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return site == "same-origin";
    }
    let Some((scheme, rest)) = text("referer").and_then(|url| url.split_once("://")) else { return false };
    let host = rest.split('/').next().unwrap_or(rest);
    text("host") == Some(host) || site.public.as_ref().is_some_and(|public| public.origin() == format!("{scheme}://{host}"))
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
    /// Most pairs that are looked at of a form that names many things.
    const MOST_IN_LISTS: usize = 4_000;

    /// The pairs of a form's body or an address's query.
    pub(super) fn parse(text: &str) -> Query {
        Query::parse_up_to(text, Self::MOST)
    }

    /// The pairs of a form that names many things.
    pub(super) fn parse_many(text: &str) -> Query {
        Query::parse_up_to(text, Self::MOST_IN_LISTS)
    }

    fn parse_up_to(text: &str, most: usize) -> Query {
        let pairs = text.split('&').filter(|pair| !pair.is_empty()).take(most);
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

    /// The number at `key`; `otherwise` where there is none.
    ///
    /// # Errors
    /// [`PageError::BadRequest`] where it is no whole number within `range`.
    pub(super) fn number(&self, key: &str, otherwise: u32, range: RangeInclusive<u32>) -> Result<u32, PageError> {
        let Some(text) = self.filled(key) else { return Ok(otherwise) };
        let number = text.parse().ok().filter(|number| range.contains(number));
        number.ok_or_else(|| {
            let said: String = text.chars().take(20).collect();
            PageError::BadRequest(format!("`{key}` is a number from {} to {}, not `{said}`.", range.start(), range.end()))
        })
    }
}

/// Undoes percent-encoding and `+`; bytes that are not UTF-8 are replaced.
pub(super) fn decode(text: &str) -> String {
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

    #[test]
    fn a_number_out_of_its_range_is_refused_with_the_range() {
        let query = Query::parse("depth=10000&limit=-1&up=3&page=");
        assert_eq!(query.number("up", 1, 0..=50).ok(), Some(3));
        assert_eq!(query.number("page", 1, 1..=9).ok(), Some(1));
        for (key, range) in [("depth", 0..=50), ("limit", 1..=200)] {
            assert!(matches!(query.number(key, 1, range), Err(PageError::BadRequest(said)) if said.contains(key)));
        }
    }
}
