//! Audits: what is reviewed, how far it is, who decided what.
//!
//! In: the store's rows. Out: campaigns with their items. What a campaign reviews, and its evidence, is frozen
//! when it begins; what is known now stands beside it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{AssetRef, CatalogError, Result, StatedBy, View, checks::iso_day, state::now};
use crate::{
    model::{Actor, Role, Scope},
    store::{CampaignRow, EventRow, ItemRow, VerdictRow},
};

/// What was known of an item when its campaign began.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema, Deserialize)]
#[serde(default)]
pub struct ItemEvidence {
    /// The name then.
    pub name: String,
    /// The kind's word then.
    pub kind: String,
    /// What it was called for people; "" where it had no other name.
    pub label: String,
    /// What it meant; "" where nobody said.
    pub meaning: String,
    /// Owners' names.
    pub owners: Vec<String>,
    /// People who asked for it in the last 90 days that logs covered.
    pub people: u32,
    /// Whether no log of its warehouse was read, so that nobody knows who asks for it.
    pub no_log: bool,
    /// The last query of a person, seconds since 1970 UTC.
    pub last_person: Option<i64>,
    /// Assets that read it.
    pub readers: u64,
    /// Assets that it reads.
    pub reads: u64,
    /// When its files changed last, seconds since 1970 UTC.
    pub changed_at: Option<i64>,
    /// That it was deprecated, in a line; "" where it was not.
    pub deprecated: String,
    /// What was found of it: (code, sentence).
    pub findings: Vec<(String, String)>,
    /// Metrics of one name among which it calculates otherwise: (id, name).
    pub conflicts: Vec<(String, String)>,
    /// Questions of decisions that it answers.
    pub questions: Vec<String>,
    /// In a follow-up: why it is reviewed again.
    pub because: Vec<String>,
}

/// The questions that every item is asked: the word that answers are kept under, and the question.
pub const QUARTERLY_QUESTIONS: [(&str, &str); 5] = [
    ("relevant", "Is it still relevant?"),
    ("correct", "Is the calculation still correct?"),
    ("read", "Is it read as intended?"),
    ("answers", "What does it answer?"),
    ("misses", "What does it miss?"),
];

/// A question that every item is asked, with what is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct QuarterlyQuestion {
    /// The word that answers are kept under.
    pub key: &'static str,
    /// The question.
    pub text: &'static str,
    /// What was known, a sentence each.
    pub evidence: Vec<String>,
}

impl ItemEvidence {
    /// Why it is looked at: what was found of it, and of which metrics it is one of several calculations.
    pub fn reasons(&self) -> Vec<String> {
        self.findings.iter().map(|(_, sentence)| sentence.clone()).chain(self.competing()).collect()
    }

    fn competing(&self) -> Vec<String> {
        self.conflicts.iter().map(|(_, name)| format!("`{name}` is calculated otherwise elsewhere")).collect()
    }

    /// The questions that every item is asked, with what was known.
    pub fn questions(&self) -> Vec<QuarterlyQuestion> {
        let people = match (self.people, self.last_person) {
            _ if self.no_log => "no query log was read, so nobody knows who asks for it".to_owned(),
            (0, None) => "no query of a person was seen".to_owned(),
            (0, Some(last)) => format!("nobody asked for it in 90 days; the last person did on {}", iso_day(last)),
            (1, _) => "one person asked for it in 90 days".to_owned(),
            (people, _) => format!("{people} people asked for it in 90 days"),
        };
        let readers = match self.readers {
            0 => "nothing in the catalog reads it".to_owned(),
            1 => "one asset reads it".to_owned(),
            readers => format!("{readers} assets read it"),
        };
        let found = |codes: &[&str]| -> Vec<Option<String>> {
            self.findings.iter().filter(|(code, _)| codes.contains(&code.as_str())).map(|(_, said)| Some(said.clone())).collect()
        };
        let mut correct = vec![self.changed_at.map(|at| format!("its code changed last on {}", iso_day(at)))];
        correct.extend(found(&["broken-reference", "drifted-schema", "tier-skipped", "observed-only", "deprecated-in-use"]));
        let mut read = vec![Some(match self.meaning.is_empty() {
            true => "nobody says what it is".to_owned(),
            false => format!("it is described as “{}”", self.meaning),
        })];
        read.extend(self.competing().into_iter().map(Some));
        let answers = match self.questions.is_empty() {
            true => vec![Some("no decision asks for it".to_owned())],
            false => self.questions.iter().map(|question| Some(format!("“{question}”"))).collect(),
        };
        let owner = if self.owners.is_empty() { Some("nobody owns it".to_owned()) } else { None };
        // In the order of the questions.
        let evidence = [vec![Some(people), Some(readers), owner], correct, read, answers, Vec::new()];
        let question = |((key, text), evidence): ((&'static str, &'static str), Vec<Option<String>>)| QuarterlyQuestion {
            key,
            text,
            evidence: evidence.into_iter().flatten().collect(),
        };
        QUARTERLY_QUESTIONS.into_iter().zip(evidence).map(question).collect()
    }
}

/// What becomes of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Decided {
    /// It stays.
    Keep,
    /// It stays, and something is to be mended.
    Fix,
    /// Another takes its place.
    Merge,
    /// It goes.
    Archive,
}

impl Decided {
    /// Every one.
    pub const ALL: [Decided; 4] = [Decided::Keep, Decided::Fix, Decided::Merge, Decided::Archive];

    /// The word used in addresses, in the store and in output.
    pub fn word(self) -> &'static str {
        match self {
            Decided::Keep => "keep",
            Decided::Fix => "fix",
            Decided::Merge => "merge",
            Decided::Archive => "archive",
        }
    }

    /// The one that `word` names.
    pub fn from_word(word: &str) -> Option<Decided> {
        Self::ALL.into_iter().find(|decided| decided.word() == word)
    }
}

/// What somebody decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct ItemVerdict {
    /// Its number: what the next author has to have seen.
    pub number: i64,
    /// What; `None` where it was opened again.
    pub decided: Option<Decided>,
    /// Why.
    pub note: String,
    /// Answers to the questions, by key.
    pub answers: BTreeMap<String, String>,
    /// Of a merge, what takes its place; else "".
    pub into: String,
    /// Who, and when.
    pub by: StatedBy,
}

/// Something under review.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct CampaignItem {
    /// Its number in the campaign, from 1.
    pub ordinal: i64,
    /// The asset as it is now; `None` where it is gone.
    pub asset: Option<AssetRef>,
    /// The namespace.
    pub namespace: String,
    /// What was known when the campaign began.
    pub evidence: ItemEvidence,
    /// What was decided, oldest first.
    pub history: Vec<ItemVerdict>,
}

impl CampaignItem {
    /// What holds; `None` while it is open.
    pub fn decided(&self) -> Option<(Decided, &ItemVerdict)> {
        let newest = self.history.last()?;
        Some((newest.decided?, newest))
    }

    /// The number of the newest verdict, 0 for none.
    pub fn seen(&self) -> i64 {
        self.history.last().map_or(0, |newest| newest.number)
    }
}

/// A campaign in a list.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct CampaignSummary {
    /// Its number.
    pub number: i64,
    /// What it is called.
    pub title: String,
    /// What was asked for, as an address holds it.
    pub scope: String,
    /// Who reviews.
    pub reviewers: Vec<String>,
    /// By when (ISO date).
    pub due: String,
    /// The campaign before it.
    pub follows: Option<i64>,
    /// Who began it, and when.
    pub begun: StatedBy,
    /// Items in all.
    pub items: u64,
    /// Items of which something is decided.
    pub decided: u64,
    /// How many have each verdict.
    pub verdicts: Vec<(Decided, u64)>,
    /// (who, how many they decided), most first.
    pub by_reviewer: Vec<(String, u64)>,
    /// Days until it is due; negative when it is late.
    pub days_left: i64,
    /// Who closed it, and when.
    pub closed: Option<StatedBy>,
}

impl CampaignSummary {
    /// How much is decided, in percent.
    pub fn percent(&self) -> u64 {
        (self.decided * 100).checked_div(self.items).unwrap_or(100)
    }

    /// Whether it is open and its day is gone.
    pub fn is_late(&self) -> bool {
        self.closed.is_none() && self.days_left < 0
    }
}

/// A campaign with everything it reviews.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct CampaignAnswer {
    /// It in a list.
    #[serde(flatten)]
    pub summary: CampaignSummary,
    /// The run that its scope is frozen at.
    pub run: u32,
    /// The newest statement then.
    pub statements: i64,
    /// What it reviews.
    pub items: Vec<CampaignItem>,
}

impl View {
    /// Every campaign, newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn campaigns(&self) -> Result<Vec<CampaignSummary>> {
        let events = self.store.campaign_events().await?;
        let mut all = Vec::new();
        for (row, items) in self.store.campaigns().await? {
            let verdicts = self.store.campaign_verdicts(row.id).await?;
            all.push(summarise(row, items as u64, &verdicts, &events));
        }
        Ok(all)
    }

    /// Campaigns that wait for `actor`: open ones that name them, with something undecided; due first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn reminders(&self, actor: &Actor) -> Result<Vec<CampaignSummary>> {
        let mut waiting = self.campaigns().await?;
        waiting.retain(|one| {
            let is_named = one.reviewers.iter().any(|name| actor.is_called(name));
            is_named && one.closed.is_none() && one.decided < one.items
        });
        waiting.sort_by(|one, other| (&one.due, one.number).cmp(&(&other.due, other.number)));
        Ok(waiting)
    }

    /// One campaign.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`] where there is none of that number.
    pub async fn campaign(&self, number: i64) -> Result<CampaignAnswer> {
        let found = self.store.campaigns().await?.into_iter().find(|(row, _)| row.id == number);
        let (row, _) = found.ok_or_else(|| CatalogError::not_found("audits", &number.to_string()))?;
        let items = self.store.campaign_items(number).await?;
        let verdicts = self.store.campaign_verdicts(number).await?;
        let events = self.store.campaign_events().await?;
        let mut histories: BTreeMap<i64, Vec<ItemVerdict>> = BTreeMap::new();
        for verdict in &verdicts {
            histories.entry(verdict.ordinal).or_default().push(tell_verdict(verdict));
        }
        let (run, statements, count) = (row.run, row.statements, items.len() as u64);
        let told = items.into_iter().map(|item| self.tell_item(&item, histories.remove(&item.ordinal).unwrap_or_default()));
        let items = told.collect();
        Ok(CampaignAnswer { summary: summarise(row, count, &verdicts, &events), run, statements, items })
    }

    /// Whether `actor` may decide in a campaign: its reviewers, and editors.
    pub fn may_decide(&self, actor: &Actor, campaign: &CampaignSummary) -> bool {
        let is_reviewer = campaign.reviewers.iter().any(|name| actor.is_called(name));
        actor.scope >= Scope::Write && (actor.role >= Role::Editor || is_reviewer)
    }

    fn tell_item(&self, item: &ItemRow, history: Vec<ItemVerdict>) -> CampaignItem {
        let row = self.asset_with_key(&item.namespace, &item.key);
        CampaignItem {
            ordinal: item.ordinal,
            asset: row.map(|row| self.point_at(row)),
            namespace: item.namespace.clone(),
            evidence: serde_json::from_str(&item.evidence).unwrap_or_default(),
            history,
        }
    }
}

fn tell_verdict(row: &VerdictRow) -> ItemVerdict {
    ItemVerdict {
        number: row.id,
        decided: Decided::from_word(&row.verdict),
        note: row.note.clone(),
        answers: serde_json::from_str(&row.answers).unwrap_or_default(),
        into: row.into.clone(),
        by: StatedBy { person: row.person.clone(), at: row.at },
    }
}

fn summarise(row: CampaignRow, items: u64, verdicts: &[VerdictRow], events: &[(i64, EventRow)]) -> CampaignSummary {
    let mut newest: BTreeMap<i64, &VerdictRow> = BTreeMap::new();
    for verdict in verdicts {
        newest.insert(verdict.ordinal, verdict);
    }
    let mut counts: BTreeMap<Decided, u64> = BTreeMap::new();
    let mut people: BTreeMap<&str, u64> = BTreeMap::new();
    for (decided, verdict) in newest.values().filter_map(|verdict| Some((Decided::from_word(&verdict.verdict)?, verdict))) {
        *counts.entry(decided).or_default() += 1;
        *people.entry(&verdict.person).or_default() += 1;
    }
    let mut by_reviewer: Vec<(String, u64)> = people.into_iter().map(|(name, count)| (name.to_owned(), count)).collect();
    by_reviewer.sort_by(|one, other| (std::cmp::Reverse(one.1), &one.0).cmp(&(std::cmp::Reverse(other.1), &other.0)));
    let last = events.iter().rev().find(|(campaign, _)| *campaign == row.id).map(|(_, event)| event);
    CampaignSummary {
        number: row.id,
        items,
        decided: counts.values().sum(),
        verdicts: Decided::ALL.into_iter().map(|decided| (decided, counts.get(&decided).copied().unwrap_or(0))).collect(),
        by_reviewer,
        days_left: days_until(&row.due),
        closed: last.filter(|event| event.what == "closed").map(|event| StatedBy { person: event.person.clone(), at: event.at }),
        begun: StatedBy { person: row.person, at: row.at },
        title: row.title,
        scope: row.scope,
        reviewers: row.reviewers,
        due: row.due,
        follows: row.follows,
    }
}

/// Days from today to an ISO date.
fn days_until(day: &str) -> i64 {
    let (Ok(day), Ok(today)) = (day.parse::<jiff::civil::Date>(), iso_day(now()).parse::<jiff::civil::Date>()) else { return 0 };
    today.until(day).map_or(0, |span| i64::from(span.get_days()))
}
