//! Deciding what becomes of what an audit reviews, closing it, and what follows from a decision.

use std::collections::BTreeMap;

use super::{
    CampaignAnswer, CampaignItem, Catalog, CatalogError, Decided, Edit, FieldChange, Result, checks::check_may_edit, state::now,
};
use crate::{
    model::{Actor, StatedDeprecation, StatedValue},
    store::{EventRow, VerdictRow},
};

/// Longest note or answer, in characters.
const LONGEST_TEXT: usize = 5_000;
/// Statements that are made together at most.
const TOGETHER: usize = 2_000;

/// A decision of one or many items.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewVerdict {
    /// The items, each with the number of the newest verdict that its author saw, 0 for none.
    pub items: Vec<(i64, i64)>,
    /// What becomes of them; `None` opens them again.
    pub decided: Option<Decided>,
    /// Why.
    pub note: String,
    /// Answers to the questions, by key.
    pub answers: BTreeMap<String, String>,
    /// Of a merge, the name of what takes their place.
    pub into: String,
}

impl Catalog {
    /// Keeps a decision of some items of a campaign, all or none. What is archived or merged is deprecated, as
    /// if somebody had stated it on its page; what is gone is only noted.
    ///
    /// # Errors
    /// [`CatalogError::Forbidden`] for whoever is neither reviewer nor editor, or may not deprecate;
    /// [`CatalogError::BadQuestion`] where the campaign is closed, a merge names nothing, or somebody else decided
    /// in between.
    pub async fn decide(&self, actor: &Actor, number: i64, new: NewVerdict) -> Result<()> {
        let view = self.view();
        let campaign = view.campaign(number).await?;
        if !view.may_decide(actor, &campaign.summary) {
            return Err(CatalogError::Forbidden(format!(
                "{} is neither reviewer of “{}” nor editor.",
                actor.name, campaign.summary.title
            )));
        }
        if campaign.summary.closed.is_some() {
            return Err(CatalogError::BadQuestion("This audit is closed; open it again to change a decision.".to_owned()));
        }
        let into = new.into.trim().to_owned();
        if new.decided == Some(Decided::Merge) && into.is_empty() {
            return Err(CatalogError::BadQuestion("a merge needs the name of what takes its place".to_owned()));
        }
        let long = |text: &str| text.chars().count() > LONGEST_TEXT;
        if long(&new.note) || new.answers.values().any(|answer| long(answer)) {
            return Err(CatalogError::BadQuestion(format!("a note or answer is longer than {LONGEST_TEXT} characters")));
        }
        let items = chosen_items(&campaign, &new.items)?;
        let edits = match new.decided {
            Some(Decided::Archive | Decided::Merge) => deprecations(&campaign, &items, &new.note, &into),
            Some(Decided::Keep | Decided::Fix) | None => Vec::new(),
        };
        if !edits.is_empty() {
            // Reviewers decide; what follows for everybody takes an editor, as on the page of an asset.
            check_may_edit(actor)?;
        }
        self.keep_verdicts(actor, number, &new, &into).await?;
        for some in edits.chunks(TOGETHER) {
            self.state(actor, some.to_vec()).await?;
        }
        Ok(())
    }

    async fn keep_verdicts(&self, actor: &Actor, number: i64, new: &NewVerdict, into: &str) -> Result<()> {
        let answers = new.answers.iter().filter(|(_, answer)| !answer.trim().is_empty()).collect::<BTreeMap<_, _>>();
        let answers = serde_json::to_string(&answers).map_err(|cause| CatalogError::broken("keeping answers", cause))?;
        let rows: Vec<(VerdictRow, i64)> = new
            .items
            .iter()
            .map(|(ordinal, seen)| {
                let verdict = VerdictRow {
                    id: 0,
                    ordinal: *ordinal,
                    verdict: new.decided.map_or("reopen", Decided::word).to_owned(),
                    note: new.note.trim().to_owned(),
                    answers: answers.clone(),
                    into: into.to_owned(),
                    person: actor.name.clone(),
                    at: now(),
                };
                (verdict, *seen)
            })
            .collect();
        let overtaken = self.store().add_verdicts(number, &rows).await?;
        if overtaken.is_empty() {
            return Ok(());
        }
        let campaign = self.view().campaign(number).await?;
        let said = overtaken.iter().take(3).filter_map(|ordinal| {
            let item = campaign.items.iter().find(|item| item.ordinal == *ordinal)?;
            let newest = item.history.last()?;
            let what = newest.decided.map_or("opened it again", Decided::word);
            Some(format!("{} of {} ({what})", newest.by.person, item.evidence.name))
        });
        let said: Vec<String> = said.collect();
        Err(CatalogError::BadQuestion(format!(
            "Somebody else decided since you looked: {}. Nothing was kept; look again.",
            said.join(", ")
        )))
    }

    /// Closes a campaign, or opens it again.
    ///
    /// # Errors
    /// [`CatalogError::Forbidden`] for whoever may not edit, [`CatalogError::NotFound`] where there is none of that
    /// number.
    pub async fn close_campaign(&self, actor: &Actor, number: i64, closing: Closing, note: &str) -> Result<()> {
        check_may_edit(actor)?;
        self.view().campaign(number).await?;
        let what = match closing {
            Closing::Close => "closed",
            Closing::Reopen => "reopened",
        };
        let note: String = note.trim().chars().take(LONGEST_TEXT).collect();
        let event = EventRow { what: what.to_owned(), note, person: actor.name.clone(), at: now() };
        Ok(self.store().add_campaign_event(number, &event).await?)
    }
}

/// What happens to a campaign as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closing {
    /// Nothing is decided in it any more.
    Close,
    /// It goes on.
    Reopen,
}

fn chosen_items<'c>(campaign: &'c CampaignAnswer, chosen: &[(i64, i64)]) -> Result<Vec<&'c CampaignItem>> {
    if chosen.is_empty() {
        return Err(CatalogError::BadQuestion("choose what is decided first".to_owned()));
    }
    let by_ordinal: BTreeMap<i64, &CampaignItem> = campaign.items.iter().map(|item| (item.ordinal, item)).collect();
    chosen
        .iter()
        .map(|(ordinal, _)| {
            let found = by_ordinal.get(ordinal).copied();
            found.ok_or_else(|| CatalogError::not_found(&format!("audit {}", campaign.summary.number), &ordinal.to_string()))
        })
        .collect()
}

/// What is stated of items that are archived or merged; of those that are gone nothing.
fn deprecations(campaign: &CampaignAnswer, items: &[&CampaignItem], note: &str, into: &str) -> Vec<Edit> {
    let why = format!("Decided in the audit “{}”", campaign.summary.title);
    let note = if note.trim().is_empty() { format!("{why}.") } else { format!("{why}: {}", note.trim()) };
    let deprecation = StatedDeprecation {
        note,
        replacement: Some(into.to_owned()).filter(|into| !into.is_empty()),
        ..StatedDeprecation::default()
    };
    let present = items.iter().filter_map(|item| item.asset.as_ref());
    present
        .map(|asset| Edit {
            namespace: asset.namespace.clone(),
            name: asset.name.clone(),
            column: String::new(),
            change: FieldChange::Set(StatedValue::Deprecation(Some(deprecation.clone()))),
            seen: None,
        })
        .collect()
}
