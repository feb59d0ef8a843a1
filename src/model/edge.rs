//! Kinds and states of lineage edges, in the words of OpenLineage's column-lineage facet (1-2-0).

use serde::{Deserialize, Serialize};

/// How a source column takes part in a target column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, utoipa::ToSchema, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ColumnEdgeKind {
    /// The value is copied, perhaps under another name.
    Identity,
    /// The value is computed from the source, row by row.
    Transformation,
    /// The value passed through an aggregate.
    Aggregation,
    /// The source decides which value is taken (CASE, IF, an aggregate's FILTER).
    Conditional,
    /// The source partitions or orders a window that computes the value.
    Window,
}

impl ColumnEdgeKind {
    /// Every kind, in declaration order.
    pub const ALL: [ColumnEdgeKind; 5] =
        [Self::Identity, Self::Transformation, Self::Aggregation, Self::Conditional, Self::Window];

    /// The word used in the store and in output.
    pub fn word(self) -> &'static str {
        match self {
            Self::Identity => "IDENTITY",
            Self::Transformation => "TRANSFORMATION",
            Self::Aggregation => "AGGREGATION",
            Self::Conditional => "CONDITIONAL",
            Self::Window => "WINDOW",
        }
    }

    /// The kind that `word` names.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// Whether the source's value reaches the target.
    pub fn is_direct(self) -> bool {
        matches!(self, Self::Identity | Self::Transformation | Self::Aggregation)
    }

    /// The kind of a path: this edge, then `next` nearer to the target.
    ///
    /// Among direct kinds AGGREGATION beats TRANSFORMATION beats IDENTITY; an indirect step makes
    /// the path indirect, the one nearest to the source deciding.
    pub fn then(self, next: ColumnEdgeKind) -> ColumnEdgeKind {
        match (self.is_direct(), next.is_direct()) {
            (true, true) => self.max(next),
            (false, _) => self,
            (true, false) => next,
        }
    }
}

/// How a source column decides which rows of a target exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RowEdgeKind {
    /// WHERE, HAVING, QUALIFY.
    Filter,
    /// ON and USING keys.
    Join,
    /// GROUP BY, DISTINCT.
    GroupBy,
    /// ORDER BY where it decides the result.
    Sort,
}

impl RowEdgeKind {
    /// Every kind, in declaration order.
    pub const ALL: [RowEdgeKind; 4] = [Self::Filter, Self::Join, Self::GroupBy, Self::Sort];

    /// The word used in the store and in output.
    pub fn word(self) -> &'static str {
        match self {
            Self::Filter => "FILTER",
            Self::Join => "JOIN",
            Self::GroupBy => "GROUP_BY",
            Self::Sort => "SORT",
        }
    }

    /// The kind that `word` names.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

/// What the evidence of an edge amounts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, utoipa::ToSchema, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EdgeState {
    /// Declared in code and observed in a log.
    Confirmed,
    /// Declared in code, a manifest or an event, not observed.
    Declared,
    /// Seen in a log only.
    Observed,
    /// Rests on a guess: an unexpanded star, dynamic SQL, an ambiguous column.
    Guessed,
}

impl EdgeState {
    /// The word used in output.
    pub fn word(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Declared => "declared",
            Self::Observed => "observed",
            Self::Guessed => "guessed",
        }
    }

    /// What two pieces of evidence amount to together.
    pub fn and(self, other: EdgeState) -> EdgeState {
        match (self, other) {
            (Self::Declared, Self::Observed) | (Self::Observed, Self::Declared) => Self::Confirmed,
            _ => self.min(other),
        }
    }

    /// The state that `word` names.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Confirmed, Self::Declared, Self::Observed, Self::Guessed].into_iter().find(|state| state.word() == word)
    }
}

/// What kind of evidence a document is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, utoipa::ToSchema, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EvidenceKind {
    /// A file says so.
    #[default]
    Parsed,
    /// A query of a log did so.
    Observed,
    /// The warehouse itself states that a query did so.
    Native,
}

impl EvidenceKind {
    /// The word used in output.
    pub fn word(self) -> &'static str {
        match self {
            Self::Parsed => "parsed",
            Self::Observed => "observed",
            Self::Native => "native",
        }
    }

    /// Whether a file says so.
    pub fn is_parsed(&self) -> bool {
        *self == Self::Parsed
    }

    /// The state of an edge that nothing else holds up.
    pub fn state(self) -> EdgeState {
        match self {
            Self::Parsed => EdgeState::Declared,
            Self::Observed | Self::Native => EdgeState::Observed,
        }
    }
}
