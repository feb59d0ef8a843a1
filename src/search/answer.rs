//! What the index answers.

use serde::{Deserialize, Serialize};

use super::Facet;
use crate::model::AssetId;

/// Hits, best first, with what surrounds them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SearchAnswer {
    /// Hits in all.
    pub total: u64,
    /// The hits asked for.
    pub hits: Vec<SearchHit>,
    /// Per facet the values that hits have, most first, then by name; at most 50 a facet. The filters
    /// of a facet do not narrow its own counts.
    pub facets: Vec<FacetCounts>,
    /// No hit has every word: hits with any of them are shown.
    pub relaxed: bool,
    /// Words that nothing has, with the spellings that were searched for instead.
    pub corrected: Vec<(String, Vec<String>)>,
    /// The whole query in other spellings that find something, best first.
    pub did_you_mean: Vec<String>,
}

/// One hit.
#[derive(Clone, Debug, PartialEq)]
pub struct SearchHit {
    /// What is stored of it.
    pub found: Found,
    /// Parts of the name ([`Found::shown_name`]) that match: byte ranges, sorted, apart.
    pub name_marks: Vec<(usize, usize)>,
    /// Parts of the summary that match: byte ranges, sorted, apart.
    pub summary_marks: Vec<(usize, usize)>,
    /// Why it stands where it stands, most weighty first.
    pub why: Vec<Why>,
    /// What it is ranked by.
    pub score: f32,
}

/// What the index knows of a hit without the store.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// The asset, or the asset that has the column.
    pub asset: AssetId,
    /// The column, where a column is the hit.
    pub column: Option<String>,
    /// The word of its kind; `column` for a column.
    pub kind: String,
    /// The warehouse or tool it lives in.
    pub namespace: String,
    /// The asset's full name.
    pub name: String,
    /// The friendly name.
    pub friendly_name: Option<String>,
    /// The beginning of the description, at most 300 letters.
    pub summary: String,
    /// Owners' names.
    pub owners: Vec<String>,
    /// The environment that it belongs to; `None` for prod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// Whether it should no longer be used.
    pub deprecated: bool,
    /// What to use instead.
    pub replacement: Option<String>,
    /// How much it is used.
    pub usage: u32,
    /// Whether somebody certified it.
    pub certified: bool,
}

impl Found {
    /// The name in which marks are placed: the column's path, else the asset's full name.
    pub fn shown_name(&self) -> &str {
        self.column.as_deref().unwrap_or(&self.name)
    }
}

/// One reason of a rank.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The query is its full name.
    ExactName,
    /// The query is the last part, or the last parts, of its name.
    ExactLastParts,
    /// The query is the last part of its name but for the version's number.
    ButForVersion,
    /// Its name, or its last part, starts with the query.
    NameStarts,
    /// Its name has these words of the query.
    NameHas(Vec<String>),
    /// A metric, synonym, alias or friendly name has these words of the query.
    CalledAlso(Vec<String>),
    /// These columns of it match.
    Columns(Vec<String>),
    /// Its description has these words of the query.
    DescriptionHas(Vec<String>),
    /// A tag or an owner has these words of the query.
    TagOrOwnerHas(Vec<String>),
    /// These words of the query were taken for others: (as typed, as found).
    Spelling(Vec<(String, String)>),
    /// It is used this much.
    Used(u32),
    /// Somebody certified it.
    Certified,
    /// It is deprecated and sinks.
    Deprecated,
    /// It belongs to this environment, which is not prod, and sinks.
    BesideProd(String),
}

/// The values of one facet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FacetCounts {
    /// Which facet.
    pub facet: Facet,
    /// (value, hits).
    pub values: Vec<(String, u64)>,
}
