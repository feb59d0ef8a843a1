//! `/search`: results with facets; the same address yields suggestions while somebody types.

use askama::Template;
use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
};

use super::{
    facets::{ChosenFilter, FacetGroup, FacetValue, SHOWN_VALUES, ValueState, read_value, write_value},
    opened::{FROM, TYPED},
    query::address as query_address,
};

use crate::{
    catalog::{Facet, FacetFilter, SearchAnswer, SearchOutcome, SearchQuery, Suggestion, is_query},
    model::AssetRole,
    web::{
        Site,
        error::PageError,
        extract::{Chrome, Query, Visit},
        filters, urls,
    },
};

/// Suggestions at most.
const SUGGESTIONS: usize = 8;

#[derive(Template)]
#[template(path = "pages/search.html")]
struct SearchPage {
    chrome: Chrome,
    text: String,
    answer: SearchAnswer,
    facets: Vec<FacetGroup>,
    chosen: Vec<ChosenFilter>,
    without_filters: String,
    /// Whether every hit says why it stands where it stands.
    explains: bool,
    /// The same page with or without these reasons.
    why_url: String,
    page: usize,
    pages: usize,
    previous: Option<String>,
    next: Option<String>,
    /// The query of links to what was found, by which the catalog learns what is opened; "" for none.
    from: String,
}

#[derive(Template)]
#[template(path = "partials/suggestions.html")]
struct SuggestionList {
    text: String,
    suggestions: Vec<Suggestion>,
    /// The page that answers the text, where it is SQL.
    query_url: Option<String>,
    /// The query of links to what is suggested.
    from: String,
}

impl SearchPage {
    /// Whether the words ask for what should no longer be used, rather than for something of that name.
    fn asks_for_deprecated(&self) -> bool {
        self.text
            .split_whitespace()
            .any(|word| matches!(word.to_lowercase().as_str(), "deprecated" | "deprecation" | "deprecations"))
    }
}

/// Shows what matches, or suggests while somebody types.
pub(crate) async fn show_search(State(site): State<Site>, visit: Visit) -> Result<Response, PageError> {
    let query = SearchQuery { per_page: SearchQuery::PER_PAGE, ..read_query(&visit.query)? };
    let query_url = (is_query(&query.text) && visit.query.get("as") != Some("words")).then(|| query_address(&query.text));
    if visit.wants("suggestions") {
        let suggestions = match query.text.is_empty() || query_url.is_some() {
            true => Vec::new(),
            false => visit.view.suggest(&query.text, SUGGESTIONS).await?,
        };
        let from = urls::with_query("", [(TYPED, query.text.clone())]);
        return visit.answer(&SuggestionList { text: query.text, suggestions, query_url, from });
    }
    if let Some(url) = query_url {
        return Ok(Redirect::to(&url).into_response());
    }
    let answer = visit.view.search(&query).await?;
    let pages = usize::try_from(answer.total).unwrap_or(usize::MAX).div_ceil(SearchQuery::PER_PAGE).max(1);
    let turn = |page: usize| address(&query, &query.filters, page);
    // A selector names what it wants: nothing can be missing from it but the asset.
    let is_words = answer.selected.is_none();
    let outcome = SearchOutcome { hits: answer.total + answer.metrics.len() as u64, relaxed: answer.relaxed };
    let ticket = visit
        .visitor
        .actor
        .as_ref()
        .filter(|_| is_words && query.filters.is_empty())
        .and_then(|actor| site.catalog.note_search(&actor.name, &query.text, outcome, visit.chrome.now));
    let mut chrome = visit.chrome.clone();
    chrome.search.clone_from(&query.text);
    let explains = visit.query.get("why") == Some("1");
    let here = turn(query.page);
    let why_url = match (explains, here.contains('?')) {
        (true, _) => here,
        (false, true) => format!("{here}&why=1"),
        (false, false) => format!("{here}?why=1"),
    };
    visit.answer(&SearchPage {
        explains,
        why_url,
        chrome,
        facets: facet_groups(&query, &answer),
        chosen: chosen_filters(&query),
        without_filters: address(&query, &[], 0),
        page: query.page,
        pages,
        previous: (query.page > 0).then(|| turn(query.page - 1)),
        next: (query.page + 1 < pages).then(|| turn(query.page + 1)),
        text: query.text,
        from: ticket.map(|ticket| urls::with_query("", [(FROM, ticket)])).unwrap_or_default(),
        answer,
    })
}

/// The page of a search that an address holds.
///
/// # Errors
/// [`PageError::BadRequest`] where its page or the number of hits is none.
pub(crate) fn read_query(pairs: &Query) -> Result<SearchQuery, PageError> {
    Ok(SearchQuery {
        page: pairs.number("page", 1, 1..=10_000)? as usize - 1,
        per_page: pairs.number("limit", SearchQuery::PER_PAGE as u32, 1..=SearchQuery::MOST_PER_PAGE as u32)? as usize,
        ..read_whole_query(pairs)
    })
}

/// The first page of the search that an address holds.
pub(crate) fn read_whole_query(pairs: &Query) -> SearchQuery {
    let mut filters = Vec::new();
    for (key, value) in &pairs.0 {
        let Some(facet) = Facet::from_word(key) else { continue };
        let (negated, value) = read_value(value);
        filters.push(FacetFilter { facet, value: value.to_owned(), negated });
    }
    filters.sort();
    filters.dedup();
    SearchQuery { text: pairs.get("q").unwrap_or("").trim().to_owned(), filters, page: 0, per_page: SearchQuery::PER_PAGE }
}

fn address(query: &SearchQuery, filters: &[FacetFilter], page: usize) -> String {
    let mut pairs = Vec::new();
    if !query.text.is_empty() {
        pairs.push(("q", query.text.clone()));
    }
    if is_query(&query.text) {
        pairs.push(("as", "words".to_owned()));
    }
    for filter in filters {
        pairs.push((filter.facet.word(), write_value(filter.negated, &filter.value)));
    }
    if page > 0 {
        pairs.push(("page", (page + 1).to_string()));
    }
    urls::with_query("/search", pairs)
}

fn facet_groups(query: &SearchQuery, answer: &SearchAnswer) -> Vec<FacetGroup> {
    let mut groups = Vec::new();
    for counts in &answer.facets {
        // Where everything is prod there is nothing to choose.
        let is_filtered = query.filters.iter().any(|filter| filter.facet == counts.facet);
        if counts.facet == Facet::Environment && counts.values.len() < 2 && !is_filtered {
            continue;
        }
        let values = counts.values.iter().map(|(value, number)| facet_value(query, counts.facet, value, *number)).collect();
        groups.push(FacetGroup { title: title(counts.facet), shown: SHOWN_VALUES, values });
    }
    groups
}

fn facet_value(query: &SearchQuery, facet: Facet, value: &str, number: u64) -> FacetValue {
    let current = query.filters.iter().find(|filter| filter.facet == facet && filter.value == value);
    let others: Vec<FacetFilter> =
        query.filters.iter().filter(|filter| filter.facet != facet || filter.value != value).cloned().collect();
    let with = |negated: bool| {
        let mut filters = others.clone();
        filters.push(FacetFilter { facet, value: value.to_owned(), negated });
        filters.sort();
        address(query, &filters, 0)
    };
    FacetValue {
        label: label(facet, value),
        number,
        state: match current {
            None => ValueState::Free,
            Some(filter) if filter.negated => ValueState::Excluded,
            Some(_) => ValueState::Chosen,
        },
        toggle: if current.is_some() { address(query, &others, 0) } else { with(false) },
        exclude: with(true),
    }
}

fn chosen_filters(query: &SearchQuery) -> Vec<ChosenFilter> {
    let without = |gone: &FacetFilter| -> Vec<FacetFilter> { query.filters.iter().filter(|one| *one != gone).cloned().collect() };
    let chosen = query.filters.iter().map(|filter| ChosenFilter {
        title: title(filter.facet),
        label: label(filter.facet, &filter.value),
        negated: filter.negated,
        removed: address(query, &without(filter), 0),
    });
    chosen.collect()
}

fn title(facet: Facet) -> &'static str {
    match facet {
        Facet::Kind => "Kind",
        Facet::Owner => "Owner",
        Facet::Source => "Source",
        Facet::Tag => "Tag",
        Facet::Deprecated => "Deprecated",
        Facet::Described => "Has a description",
        Facet::Environment => "Environment",
    }
}

fn label(facet: Facet, value: &str) -> String {
    match (facet, value) {
        (Facet::Owner, "") => "no owner".to_owned(),
        (_, "") => "none".to_owned(),
        (Facet::Kind, kind) => kind.replace('_', " "),
        (_, value) => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(pairs: &[(&str, &str)]) -> SearchQuery {
        read_query(&Query(pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect())).unwrap()
    }

    #[test]
    fn an_address_holds_the_whole_search_and_is_read_back_the_same() {
        let search =
            query(&[("q", "churn rate"), ("kind", "table"), ("kind", "-view"), ("owner", ""), ("tag", "+-odd"), ("page", "3")]);
        let url = address(&search, &search.filters, search.page);
        assert_eq!(url, "/search?q=churn%20rate&kind=table&kind=-view&owner=&tag=%2B-odd&page=3");
        assert_eq!(search.filters.last().map(|filter| filter.value.as_str()), Some("-odd"));
    }

    #[test]
    fn choosing_a_value_again_takes_it_back() {
        let search = query(&[("kind", "table")]);
        let value = facet_value(&search, Facet::Kind, "table", 3);
        assert!(value.is_chosen());
        assert_eq!(value.toggle, "/search");
        assert_eq!(value.exclude, "/search?kind=-table");
    }
}
