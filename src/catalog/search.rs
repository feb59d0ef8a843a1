//! Searching, and suggesting while typing.

use std::sync::Arc;

use serde::Serialize;

use super::{AssetRef, CatalogError, Direction, ImpliedMetric, Replacement, Result, Selection, View};
use crate::search::{SearchHit, SearchQuery as IndexQuery, Why};

pub use crate::search::{Facet, FacetFilter};

/// Use from which on a hit is called much used: assets that read it, and what logs count.
const MUCH_USED: u32 = 10;

/// A search as a URL holds it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SearchQuery {
    /// The words.
    pub text: String,
    /// Facet values that must, or must not, hold.
    pub filters: Vec<FacetFilter>,
    /// The page, from 0.
    pub page: usize,
    /// Hits a page; 0 means [`SearchQuery::PER_PAGE`].
    pub per_page: usize,
}

impl SearchQuery {
    /// Hits a page where the query names no other number.
    pub const PER_PAGE: usize = 20;
    /// The most hits a page.
    pub const MOST_PER_PAGE: usize = 200;
}

/// A result page.
#[derive(Clone, Debug, Default, PartialEq, Serialize, utoipa::ToSchema)]
pub struct SearchAnswer {
    /// Hits in all.
    pub total: u64,
    /// The hits of this page, best first.
    pub hits: Vec<Hit>,
    /// Facets with the counts of their values, most first.
    pub facets: Vec<FacetCounts>,
    /// Whether no hit has every word, so that hits with any of them are shown.
    pub relaxed: bool,
    /// Other spellings that would find something, best first.
    pub did_you_mean: Vec<String>,
    /// Metrics that the query names; only on the first page.
    pub metrics: Vec<ImpliedMetric>,
    /// What the query selects, in words, where it is a selector (`+orders`, `orders+2`).
    pub selected: Option<String>,
}

/// One hit.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Hit {
    /// The asset.
    pub asset: AssetRef,
    /// The column, where a column is the hit.
    pub column: Option<String>,
    /// Parts of the shown name that match: byte ranges of `asset.name` or, for a column, of its name.
    pub name_marks: Vec<(usize, usize)>,
    /// The friendly name, where it has one.
    pub friendly_name: Option<String>,
    /// Owners' names.
    pub owners: Vec<String>,
    /// One line of meaning as plain text; "" where nobody said.
    pub summary: String,
    /// Parts of `summary` that match: byte ranges.
    pub summary_marks: Vec<(usize, usize)>,
    /// What to use instead, where it is deprecated.
    pub replacement: Option<Replacement>,
    /// How many assets read it.
    pub readers: u64,
    /// How many people asked for it in the last 30 days that query logs cover.
    pub people: u32,
    /// Why it matched, readable: `exact name`, `name`, `column churn_rate`, `description`, …
    pub why: String,
    /// Every reason of the rank, most weighty first, in full.
    pub reasons: Vec<String>,
    /// The rank's score.
    pub score: f32,
}

/// The values of one facet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct FacetCounts {
    /// Which facet.
    pub facet: Facet,
    /// (value, hits), most first.
    pub values: Vec<(String, u64)>,
}

/// One line under the search box.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Suggestion {
    /// The asset.
    pub asset: AssetRef,
    /// The column, where a column is suggested.
    pub column: Option<String>,
    /// Parts of the shown name that match: byte ranges.
    pub marks: Vec<(usize, usize)>,
}

impl View {
    /// One page of what matches `query`.
    ///
    /// # Errors
    /// When the index or the store cannot be read.
    pub async fn search(&self, query: &SearchQuery) -> Result<SearchAnswer> {
        let limit = match query.per_page {
            0 => SearchQuery::PER_PAGE,
            wanted => wanted.min(SearchQuery::MOST_PER_PAGE),
        };
        if let Some(selection) = Selection::read(&query.text).filter(|_| query.filters.is_empty()) {
            return self.select(&selection, query.page, limit).await;
        }
        let asked = IndexQuery {
            text: query.text.clone(),
            filters: query.filters.clone(),
            offset: query.page.saturating_mul(limit),
            limit,
            now: None,
            synonyms: Arc::clone(&self.synonyms),
        };
        let index = self.search.clone();
        let found = tokio::task::spawn_blocking(move || index.search(&asked));
        let found = found.await.map_err(broken)?.map_err(broken)?;
        let is_first_page = query.page == 0 && !query.text.trim().is_empty();
        let metrics = if is_first_page { self.implied_metrics(&query.text).await? } else { Vec::new() };
        Ok(SearchAnswer {
            total: found.total,
            hits: found.hits.into_iter().filter_map(|hit| self.hit(hit)).collect(),
            facets: found.facets.into_iter().map(|facet| FacetCounts { facet: facet.facet, values: facet.values }).collect(),
            relaxed: found.relaxed,
            did_you_mean: found.did_you_mean,
            metrics,
            selected: None,
        })
    }

    /// At most `most` names that start with or contain `text`, best first.
    ///
    /// # Errors
    /// When the index or the store cannot be read.
    pub async fn suggest(&self, text: &str, most: usize) -> Result<Vec<Suggestion>> {
        let (index, text) = (self.search.clone(), text.to_owned());
        let found = tokio::task::spawn_blocking(move || index.suggest(&text, most));
        let found = found.await.map_err(broken)?.map_err(broken)?;
        Ok(found
            .into_iter()
            .filter_map(|hit| {
                let (asset, column) = (self.point(hit.found.asset)?, hit.found.column);
                Some(Suggestion { asset, column, marks: hit.name_marks })
            })
            .collect())
    }

    fn hit(&self, hit: SearchHit) -> Option<Hit> {
        let asset = self.point(hit.found.asset)?;
        let facts = self.facts.of(hit.found.asset);
        let deprecation = facts.deprecated.as_ref().map(|fact| self.deprecation(hit.found.asset, fact));
        Some(Hit {
            asset,
            reasons: hit.why.iter().map(Why::words).collect(),
            why: hit.why.iter().filter_map(say_why).collect::<Vec<_>>().join(" · "),
            column: hit.found.column,
            name_marks: hit.name_marks,
            friendly_name: hit.found.friendly_name,
            owners: hit.found.owners,
            summary: hit.found.summary,
            summary_marks: hit.summary_marks,
            replacement: deprecation.and_then(|deprecation| deprecation.replacement),
            readers: self.graph.degree(hit.found.asset, Direction::Downstream) as u64,
            people: self.usage_summary(hit.found.asset).people_30,
            score: hit.score,
        })
    }
}

/// A reason in a word or two; nothing for a use that is hardly one.
fn say_why(why: &Why) -> Option<String> {
    Some(match why {
        Why::ExactName => "exact name".to_owned(),
        Why::ExactLastParts => "exact end of the name".to_owned(),
        Why::ButForVersion => "name but for its version".to_owned(),
        Why::NameStarts => "name starts with it".to_owned(),
        Why::NameHas(_) => "name".to_owned(),
        Why::CalledAlso(words) => format!("also called {}", words.join(", ")),
        Why::Columns(columns) if columns.len() > 3 => format!("{} columns", columns.len()),
        Why::Columns(columns) => format!("column {}", columns.join(", ")),
        Why::DescriptionHas(_) => "description".to_owned(),
        Why::TagOrOwnerHas(words) => format!("tag or owner {}", words.join(", ")),
        Why::Spelling(words) => {
            let taken: Vec<String> = words.iter().map(|(typed, found)| format!("{typed} taken for {found}")).collect();
            taken.join(", ")
        }
        Why::Used(count) if *count < MUCH_USED => return None,
        Why::Used(_) => "much used".to_owned(),
        Why::Certified => "certified".to_owned(),
        Why::Deprecated => "deprecated".to_owned(),
        Why::BesideProd(environment) => format!("in {environment}"),
    })
}

fn broken(cause: impl std::fmt::Display) -> CatalogError {
    CatalogError::broken("the search index", cause)
}
