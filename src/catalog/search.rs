//! Searching, suggesting while typing, and the card of metrics that a query names.

use serde::Serialize;

use super::{AssetRef, Place, Replacement, Result, View};

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

/// One facet value chosen or excluded.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct FacetFilter {
    /// Which facet.
    pub facet: Facet,
    /// The value.
    pub value: String,
    /// Whether hits must not have it.
    pub negated: bool,
}

/// What hits can be narrowed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Facet {
    /// Asset kinds, and `column`.
    Kind,
    /// The source that defines it.
    Source,
    /// The owner; "" for none.
    Owner,
    /// A tag.
    Tag,
    /// `yes` or `no`.
    Deprecated,
    /// `yes` or `no`.
    Described,
}

impl Facet {
    /// Every facet, in the order that pages show.
    pub const ALL: [Facet; 6] = [Facet::Kind, Facet::Owner, Facet::Source, Facet::Tag, Facet::Deprecated, Facet::Described];

    /// The word used in URLs.
    pub fn word(self) -> &'static str {
        match self {
            Facet::Kind => "kind",
            Facet::Source => "source",
            Facet::Owner => "owner",
            Facet::Tag => "tag",
            Facet::Deprecated => "deprecated",
            Facet::Described => "described",
        }
    }

    /// The facet that `word` names.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|facet| facet.word() == word)
    }
}

/// A result page.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
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
}

/// One hit.
#[derive(Clone, Debug, PartialEq, Serialize)]
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
    /// Why it matched, readable: `exact name`, `name`, `column churn_rate`, `description`, …
    pub why: String,
    /// The rank's score.
    pub score: f32,
}

/// The values of one facet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
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

/// Columns of one name that are calculated by aggregating: a metric that nobody declared.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ImpliedMetric {
    /// The column's name.
    pub name: String,
    /// Every calculation, the most read first.
    pub definitions: Vec<MetricDefinition>,
}

/// One calculation of a metric.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MetricDefinition {
    /// The asset that has it.
    pub asset: AssetRef,
    /// The column that holds it.
    pub column: String,
    /// Owners' names.
    pub owners: Vec<String>,
    /// What it means, own or inherited, as plain text; "" where nobody said.
    pub meaning: String,
    /// The expression that computes it.
    pub expression: String,
    /// Where the expression stands.
    pub place: Option<Place>,
    /// How many assets read it.
    pub readers: u64,
}

impl View {
    /// One page of what matches `query`.
    ///
    /// # Errors
    /// When the index or the store cannot be read.
    pub async fn search(&self, _query: &SearchQuery) -> Result<SearchAnswer> {
        Ok(SearchAnswer::default())
    }

    /// At most `most` names that start with or contain `text`, best first.
    ///
    /// # Errors
    /// When the index or the store cannot be read.
    pub async fn suggest(&self, _text: &str, _most: usize) -> Result<Vec<Suggestion>> {
        Ok(Vec::new())
    }

    /// The metrics that `text` names: columns calculated by aggregating whose name has every word.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn implied_metrics(&self, _text: &str) -> Result<Vec<ImpliedMetric>> {
        Ok(Vec::new())
    }
}
