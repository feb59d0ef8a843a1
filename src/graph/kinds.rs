//! Small vocabulary of the walks: directions and sets of edge kinds.

use serde::Serialize;

use crate::model::{ColumnEdgeKind, RowEdgeKind};

/// Up or down the flow of data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Towards the sources.
    #[default]
    Upstream,
    /// Towards the users.
    Downstream,
}

/// A set of column-edge and row-edge kinds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EdgeKinds(u16);

impl EdgeKinds {
    /// No kind.
    pub const NONE: EdgeKinds = EdgeKinds(0);
    /// IDENTITY, TRANSFORMATION and AGGREGATION.
    pub const DIRECT: EdgeKinds = EdgeKinds(0b111);
    /// What a trace follows: DIRECT, CONDITIONAL and WINDOW.
    pub const COLUMN: EdgeKinds = EdgeKinds(0b1_1111);
    /// FILTER, JOIN, GROUP_BY and SORT.
    pub const ROW: EdgeKinds = EdgeKinds(0b1111 << 5);
    /// Every kind.
    pub const ALL: EdgeKinds = EdgeKinds(0b1_1111_1111);

    /// The set with `kind` added.
    #[must_use]
    pub fn with(self, kind: ColumnEdgeKind) -> Self {
        EdgeKinds(self.0 | column_bit(kind))
    }

    /// The set with `kind` added.
    #[must_use]
    pub fn with_row(self, kind: RowEdgeKind) -> Self {
        EdgeKinds(self.0 | row_bit(kind))
    }

    /// What is in either set.
    #[must_use]
    pub fn union(self, other: EdgeKinds) -> Self {
        EdgeKinds(self.0 | other.0)
    }

    /// What is in both sets.
    #[must_use]
    pub fn intersection(self, other: EdgeKinds) -> Self {
        EdgeKinds(self.0 & other.0)
    }

    /// What is in this set and not in `other`.
    #[must_use]
    pub fn difference(self, other: EdgeKinds) -> Self {
        EdgeKinds(self.0 & !other.0)
    }

    /// Whether `kind` is in the set.
    pub fn has(self, kind: ColumnEdgeKind) -> bool {
        self.0 & column_bit(kind) != 0
    }

    /// Whether `kind` is in the set.
    pub fn has_row(self, kind: RowEdgeKind) -> bool {
        self.0 & row_bit(kind) != 0
    }

    /// Whether nothing is in the set.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Column-edge kinds in the set, in the model's order.
    pub fn columns(self) -> impl Iterator<Item = ColumnEdgeKind> {
        ColumnEdgeKind::ALL.into_iter().filter(move |kind| self.has(*kind))
    }

    /// Row-edge kinds in the set, in the model's order.
    pub fn rows(self) -> impl Iterator<Item = RowEdgeKind> {
        RowEdgeKind::ALL.into_iter().filter(move |kind| self.has_row(*kind))
    }

    /// The words of the kinds in the set, column kinds first, in the model's order.
    pub fn words(self) -> Vec<&'static str> {
        self.columns().map(ColumnEdgeKind::word).chain(self.rows().map(RowEdgeKind::word)).collect()
    }

    /// The set of the kinds that `words` name; the first unknown word as the error.
    pub fn from_words<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<EdgeKinds, &'a str> {
        let mut kinds = EdgeKinds::NONE;
        for word in words {
            kinds = match (ColumnEdgeKind::from_word(word), RowEdgeKind::from_word(word)) {
                (Some(kind), _) => kinds.with(kind),
                (None, Some(kind)) => kinds.with_row(kind),
                (None, None) => return Err(word),
            };
        }
        Ok(kinds)
    }

    /// The kind that best tells what reaches the target: the strongest direct kind, else the first
    /// indirect one; `None` where no column kind is in the set.
    pub fn strongest(self) -> Option<ColumnEdgeKind> {
        self.intersection(EdgeKinds::DIRECT).columns().last().or_else(|| self.columns().next())
    }
}

impl Default for EdgeKinds {
    fn default() -> Self {
        EdgeKinds::COLUMN
    }
}

impl std::fmt::Debug for EdgeKinds {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_list().entries(self.words()).finish()
    }
}

impl Serialize for EdgeKinds {
    fn serialize<S: serde::Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        self.words().serialize(out)
    }
}

fn column_bit(kind: ColumnEdgeKind) -> u16 {
    1 << kind as u16
}

fn row_bit(kind: RowEdgeKind) -> u16 {
    1 << (kind as u16 + 5)
}
