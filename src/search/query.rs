//! What is asked of the index.

use std::sync::Arc;

use serde::Serialize;

use super::Synonyms;

/// A search: words as typed, facets chosen, the hits wanted.
///
/// The words may hold `"phrases"`, `-not`, and the filters `owner:` `kind:` `tag:` `column:`
/// `deprecated:` `described:` `source:` `environment:` (negated by a leading `-`). A whole name in any spelling
/// (quoted, backticked, `project:dataset.table`) puts that asset first.
#[derive(Clone, Debug, Default)]
pub struct SearchQuery {
    /// The words.
    pub text: String,
    /// Facet values that must, or must not, hold; several positive values of one facet mean any.
    pub filters: Vec<FacetFilter>,
    /// Hits to pass over.
    pub offset: usize,
    /// Hits wanted; at most [`SearchQuery::MOST`] count.
    pub limit: usize,
    /// The time now, seconds since 1970 UTC, by which fresh things win ties; `None` to leave it out.
    pub now: Option<i64>,
    /// Words that mean the same.
    pub synonyms: Arc<Synonyms>,
}

impl SearchQuery {
    /// The most hits in one answer.
    pub const MOST: usize = 1_000;
    /// Letters of the text that count; the rest is cut off.
    pub const LONGEST: usize = 1_000;
    /// Words of the text that count; the rest is left out.
    pub const MOST_WORDS: usize = 24;

    /// The first 20 hits for `text`.
    pub fn new(text: impl Into<String>) -> Self {
        SearchQuery { text: text.into(), limit: 20, ..SearchQuery::default() }
    }
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Facet {
    /// Words of asset kinds, and `column`.
    Kind,
    /// The owner; "" for none.
    Owner,
    /// The source.
    Source,
    /// A tag.
    Tag,
    /// `yes` or `no`.
    Deprecated,
    /// Whether it has a description: `yes` or `no`.
    Described,
    /// The environment: `prod`, or what rules for names say.
    Environment,
}

impl Facet {
    /// Every facet, in the order that pages show.
    pub const ALL: [Facet; 7] =
        [Facet::Kind, Facet::Owner, Facet::Source, Facet::Tag, Facet::Deprecated, Facet::Described, Facet::Environment];

    /// The word used in URLs and in the box.
    pub fn word(self) -> &'static str {
        match self {
            Facet::Kind => "kind",
            Facet::Owner => "owner",
            Facet::Source => "source",
            Facet::Tag => "tag",
            Facet::Deprecated => "deprecated",
            Facet::Described => "described",
            Facet::Environment => "environment",
        }
    }

    /// The facet that `word` names.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|facet| facet.word() == word)
    }
}
