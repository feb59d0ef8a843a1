//! What several answers share: pointers at assets and columns, places in files, changes.

use std::collections::BTreeMap;

use serde::Serialize;

use super::StatedBy;
use crate::model::{AssetKind, AssetRole, LineIndex, OwnerKind, Severity, Span, file_of};

pub use crate::graph::Direction;

/// A pointer at an asset, enough to show and to link it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, utoipa::ToSchema)]
pub struct AssetRef {
    /// The warehouse or tool: `bigquery`, `snowflake://account`, …
    pub namespace: String,
    /// The name as first declared; unique in its namespace, what [`super::View`]'s questions take.
    pub name: String,
    /// What it is.
    pub kind: AssetKind,
    /// The part it plays.
    pub role: AssetRole,
    /// Whether it should no longer be used.
    pub deprecated: bool,
    /// The environment that `[[names]]` rules give it; `None` for prod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
}

impl AssetRef {
    /// The name split before its last part: (`project.dataset.`, `table`).
    pub fn split_name(&self) -> (&str, &str) {
        match self.name.rfind('.') {
            Some(dot) => self.name.split_at(dot + 1),
            None => ("", &self.name),
        }
    }
}

/// A pointer at a column.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, utoipa::ToSchema)]
pub struct ColumnRef {
    /// The asset that has it.
    pub asset: AssetRef,
    /// Its name with struct path (`items.sku`); `*` for a star that could not be expanded.
    pub column: String,
}

/// A line of a file at a commit.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, utoipa::ToSchema)]
pub struct Place {
    /// The source's name in the configuration.
    pub source: String,
    /// The path inside the source.
    pub path: String,
    /// The 1-based line; 0 where the whole file is meant.
    pub line: u32,
    /// The commit that last touched the file; `None` without history.
    pub commit: Option<String>,
    /// The address of the line on the forge, if one is known.
    pub permalink: Option<String>,
}

impl Place {
    /// `path:line`, or the path alone where no line is known.
    pub fn label(&self) -> String {
        let path = file_of(&self.path);
        match self.line {
            0 => path.to_owned(),
            line => format!("{path}:{line}"),
        }
    }
}

/// The last change of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct LastChange {
    /// The full hexadecimal commit id.
    pub commit: String,
    /// Who made it.
    pub author: String,
    /// When, seconds since 1970 UTC.
    pub time: i64,
    /// The first line of the message; "" where it was not kept.
    pub summary: String,
}

/// Somebody named as owner or reviewer, and how we know.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, utoipa::ToSchema)]
pub struct NamedOwner {
    /// A person's address or a team's name, as written.
    pub name: String,
    /// What it answers for, where that is said.
    pub kind: Option<OwnerKind>,
    /// How we know, in a word or two: `metadata.yaml`, `CODEOWNERS`, or who stated it.
    pub origin: String,
    /// Where it was read.
    pub place: Option<Place>,
    /// Who stated it, where a person did.
    pub by: Option<StatedBy>,
}

/// Somebody who changed the files behind an asset: who to ask, never an owner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct WhoToAsk {
    /// The author's name.
    pub name: String,
    /// The author's address.
    pub email: String,
    /// Commits that touched the asset's files.
    pub commits: u32,
    /// The newest of them, seconds since 1970 UTC.
    pub last: i64,
}

/// That something should no longer be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Deprecation {
    /// Why, in Markdown; "" where nothing is said.
    pub note: String,
    /// When it goes away (ISO date), if anybody said.
    pub date: Option<String>,
    /// What to use instead: where a file says so, a proposal harvested from the note.
    pub replacement: Option<Replacement>,
    /// Columns that are called otherwise in the replacement: old → new.
    pub columns: BTreeMap<String, String>,
    /// How we know: `metadata.yaml`, or who stated it.
    pub origin: String,
    /// Where it was read.
    pub place: Option<Place>,
    /// Who stated it, where a person did.
    pub by: Option<StatedBy>,
}

/// What to use instead of something deprecated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Replacement {
    /// As written in the note.
    pub text: String,
    /// The asset that it names, where the catalog has exactly one.
    pub asset: Option<AssetRef>,
}

/// A text that somebody wrote, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Described {
    /// Markdown.
    pub text: String,
    /// How we know: `metadata.yaml`, `schema.yaml`, or who stated it.
    pub origin: String,
    /// Where it was read.
    pub place: Option<Place>,
    /// Who stated it, where a person did.
    pub by: Option<StatedBy>,
    /// The column it is inherited from along copying edges; `None` where it is the thing's own.
    pub inherited_from: Option<ColumnRef>,
}

/// One diagnostic at its place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, utoipa::ToSchema)]
pub struct PlacedDiagnostic {
    /// How much it matters.
    pub severity: Severity,
    /// The stable code: its page is reached by it.
    pub code: String,
    /// What is wrong here, in a sentence.
    pub message: String,
    /// Where.
    pub place: Place,
}

/// A piece of SQL with a marked part.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Excerpt {
    /// Whole lines of the text.
    pub text: String,
    /// The 1-based line in the file at which `text` starts.
    pub first_line: u32,
    /// The marked part: byte offsets in `text` (start, end).
    pub marked: (usize, usize),
}

impl Excerpt {
    /// Lines at most.
    pub const MOST_LINES: usize = 24;

    /// The lines before, inside and after the marked part.
    pub fn parts(&self) -> (&str, &str, &str) {
        let (start, end) = self.marked;
        (
            self.text.get(..start).unwrap_or(""),
            self.text.get(start..end).unwrap_or(&self.text),
            self.text.get(end..).unwrap_or(""),
        )
    }

    /// The whole lines around `span` of `text`, whose `index` is known, at most [`Excerpt::MOST_LINES`] of them.
    pub(super) fn around(text: &str, index: &LineIndex, span: Span) -> Excerpt {
        let bound = |at: u32| (0..=(at as usize).min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let (start, end) = (bound(span.start), bound(span.end.max(span.start)));
        let from = text.get(..start).and_then(|before| before.rfind('\n')).map_or(0, |at| at + 1);
        let mut to = text.get(end..).and_then(|after| after.find('\n')).map_or(text.len(), |at| end + at);
        let lines = text.get(from..to).unwrap_or("");
        if let Some((cut, _)) = lines.match_indices('\n').nth(Excerpt::MOST_LINES - 1) {
            to = from + cut;
        }
        Excerpt {
            text: text.get(from..to).unwrap_or("").to_owned(),
            first_line: index.line(u32::try_from(from).unwrap_or(u32::MAX)),
            marked: (start - from, end.min(to) - from),
        }
    }
}
