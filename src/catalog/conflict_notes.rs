//! What people say of metrics that share a name: a difference that is meant, a better name.

use serde::Serialize;

use super::{
    Catalog, CatalogError, ColumnRef, Result, StatedBy, View,
    checks::{bounded, check_may_edit},
    state::now,
};
use crate::{model::Actor, store::MetricNoteRow};

/// Longest note, in characters.
const LONGEST_NOTE: usize = 5_000;
/// Longest name, in characters.
const LONGEST_NAME: usize = 200;

/// A note on a group of metrics.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct MetricNote {
    /// Its number.
    pub number: i64,
    /// What it says.
    #[serde(flatten)]
    pub what: NoteKind,
    /// Why.
    pub text: String,
    /// Who, and when.
    pub by: StatedBy,
    /// What the group calculated when it was said, hexadecimal.
    pub print: String,
}

/// What a note says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum NoteKind {
    /// The calculations are meant to differ.
    Intended,
    /// One should be called otherwise.
    Rename {
        /// Which.
        subject: Option<ColumnRef>,
        /// How.
        proposal: String,
    },
}

impl MetricNote {
    /// Whether it says that the difference is meant.
    pub fn is_intended(&self) -> bool {
        self.what == NoteKind::Intended
    }

    /// The name that it proposes, and for what.
    pub fn rename(&self) -> Option<(&str, Option<&ColumnRef>)> {
        match &self.what {
            NoteKind::Intended => None,
            NoteKind::Rename { subject, proposal } => Some((proposal, subject.as_ref())),
        }
    }
}

/// A note to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMetricNote {
    /// The id of the group.
    pub metric: String,
    /// Why.
    pub text: String,
    /// A rename: (namespace, name, column, other name); `None` for a difference that is meant.
    pub rename: Option<(String, String, String, String)>,
    /// What the group calculated when its author looked, hexadecimal; `None` where it does not matter.
    pub seen: Option<String>,
}

impl Catalog {
    /// Keeps a note on a group of metrics; its number comes back.
    ///
    /// # Errors
    /// [`CatalogError::Forbidden`] for whoever may not edit, [`CatalogError::NotFound`] where there is no such
    /// group, [`CatalogError::BadQuestion`] where the note is empty, or the calculations changed meanwhile.
    pub async fn note_metric(&self, actor: &Actor, new: NewMetricNote) -> Result<i64> {
        check_may_edit(actor)?;
        let view = self.view();
        let group = view.members_of(&new.metric).await?;
        if new.seen.is_some_and(|seen| seen != group.print) {
            return Err(CatalogError::BadQuestion(
                "What these metrics calculate has changed since you looked. Look again before you say that it is meant."
                    .to_owned(),
            ));
        }
        let text = bounded("the note", &new.text, LONGEST_NOTE)?;
        let (kind, subject, proposal) = match new.rename {
            None => ("intended", String::new(), String::new()),
            Some((namespace, name, column, proposal)) => {
                let asset = view.asset_to_state(&namespace, &name).await?;
                if group.find(&namespace, &name, &column).is_none() {
                    return Err(CatalogError::not_found(&new.metric, &format!("{name}.{column}")));
                }
                let subject = serde_json::json!([*asset.namespace, *asset.key, column]).to_string();
                ("rename", subject, bounded("the name", &proposal, LONGEST_NAME)?)
            }
        };
        let row = MetricNoteRow {
            id: 0,
            metric: new.metric,
            kind: kind.to_owned(),
            subject,
            text,
            proposal,
            print: group.print,
            takes_back: None,
            person: actor.name.clone(),
            at: now(),
        };
        let number = self.store().add_metric_note(&row).await?;
        self.find_anew().await;
        Ok(number)
    }

    /// Takes a note back.
    ///
    /// # Errors
    /// [`CatalogError::Forbidden`] for whoever may not edit, [`CatalogError::NotFound`] where none of that number holds.
    pub async fn take_back_note(&self, actor: &Actor, metric: &str, number: i64) -> Result<()> {
        check_may_edit(actor)?;
        let notes = self.store().metric_notes(Some(metric)).await?;
        let note = notes.into_iter().find(|note| note.id == number);
        let note = note.ok_or_else(|| CatalogError::not_found("notes", &number.to_string()))?;
        let row = MetricNoteRow { takes_back: Some(number), person: actor.name.clone(), at: now(), ..note };
        self.store().add_metric_note(&row).await?;
        self.find_anew().await;
        Ok(())
    }
}

impl View {
    /// Notes in words.
    pub(super) fn tell_notes<'a>(&self, rows: impl Iterator<Item = &'a MetricNoteRow>) -> Vec<MetricNote> {
        let told = |row: &MetricNoteRow| MetricNote {
            number: row.id,
            what: match row.kind.as_str() {
                "rename" => NoteKind::Rename { subject: self.noted_column(&row.subject), proposal: row.proposal.clone() },
                _ => NoteKind::Intended,
            },
            text: row.text.clone(),
            by: StatedBy { person: row.person.clone(), at: row.at },
            print: row.print.clone(),
        };
        rows.map(told).collect()
    }

    fn noted_column(&self, subject: &str) -> Option<ColumnRef> {
        let (namespace, key, column): (String, String, String) = serde_json::from_str(subject).ok()?;
        Some(ColumnRef { asset: self.point_at(self.asset_with_key(&namespace, &key)?), column })
    }
}
