//! Which decisions need which numbers, and where the map has gaps.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{
    AssetRef, Catalog, CatalogError, Direction, NameAnswer, Place, Result, StatedBy, View,
    checks::{bounded, check_may_edit},
    state::now,
};
use crate::{
    model::{Actor, AssetId, AssetKind, Decision, Question, decision_key},
    store::{AssetRow, StatedDecisionRow},
};

/// Longest note of a decision, in characters.
const LONGEST_NOTE: usize = 10_000;
/// Longest title, question or name, in characters.
const LONGEST_LINE: usize = 500;
/// Questions of one decision, and answers of one question.
const MOST: usize = 200;

/// The map.
#[derive(Clone, Debug, Default, PartialEq, Serialize, utoipa::ToSchema)]
pub struct DecisionMap {
    /// Decisions, by title.
    pub decisions: Vec<DecisionAnswer>,
    /// Questions that nothing in the catalog answers: (key of the decision, question).
    pub unanswered: Vec<(String, String)>,
    /// Dashboards and declared metrics that serve no question, the most used first.
    pub unasked: Vec<(AssetRef, u32)>,
}

/// A decision, its references looked up.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct DecisionAnswer {
    /// What its address ends in.
    pub key: String,
    /// What is decided.
    pub title: String,
    /// Who decides.
    pub owner: Option<String>,
    /// How often, as written; "" where nothing is said.
    pub every: String,
    /// What it is about, in Markdown.
    pub note: String,
    /// What it asks.
    pub questions: Vec<QuestionAnswer>,
    /// The file that says so.
    pub place: Option<Place>,
    /// Who edited it here last.
    pub edited_by: Option<StatedBy>,
    /// The number of the newest edit, 0 for none: what the author of the next has to have seen.
    pub number: i64,
    /// Whether a file says something else than what was edited here.
    pub differs_from_file: bool,
}

/// A question, what answers it looked up.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct QuestionAnswer {
    /// The question.
    pub text: String,
    /// What answers it.
    pub answers: Vec<Answering>,
}

impl QuestionAnswer {
    /// Whether something that exists answers it.
    pub fn is_answered(&self) -> bool {
        self.answers.iter().any(|answer| answer.asset.is_some())
    }
}

/// Something that answers a question.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Answering {
    /// As written.
    pub text: String,
    /// What it means; `None` where there is no such thing, or several.
    pub asset: Option<AssetRef>,
    /// The column that is meant.
    pub column: Option<String>,
    /// The columns that it is made of in the end, at most a handful.
    pub made_of: Vec<super::ColumnRef>,
    /// Where it is written.
    pub place: Option<Place>,
}

/// An edit of a decision.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DecisionEdit {
    /// The key; "" for a new one.
    pub key: String,
    /// What it becomes; `None`: what files say, or nothing.
    pub body: Option<Decision>,
    /// The number of the newest edit that its author saw, 0 for none.
    pub seen: i64,
}

/// A decision as it holds.
struct Held {
    decision: Decision,
    /// Source, path and line of the file that has it.
    file: Option<(String, String, u32)>,
    /// What somebody edited.
    row: Option<StatedDecisionRow>,
    differs_from_file: bool,
}

impl View {
    /// Every decision with what answers its questions, and the gaps.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn decisions(&self) -> Result<DecisionMap> {
        let mut map = DecisionMap::default();
        for held in self.held_decisions().await? {
            map.decisions.push(self.answer_decision(held).await?);
        }
        map.decisions.sort_by(|one, other| (one.title.to_lowercase(), &one.key).cmp(&(other.title.to_lowercase(), &other.key)));
        for decision in &map.decisions {
            let open = decision.questions.iter().filter(|question| !question.is_answered());
            map.unanswered.extend(open.map(|question| (decision.key.clone(), question.text.clone())));
        }
        map.unasked = self.unasked(&map);
        Ok(map)
    }

    /// One decision.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`] where there is none of that key.
    pub async fn decision(&self, key: &str) -> Result<DecisionAnswer> {
        let held = self.held_decisions().await?.into_iter().find(|held| held.decision.key == key);
        self.answer_decision(held.ok_or_else(|| CatalogError::not_found("decisions", key))?).await
    }

    /// Every decision as it holds, its references not looked up: an edit before the file.
    async fn held_decisions(&self) -> Result<Vec<Held>> {
        let mut stated: BTreeMap<String, StatedDecisionRow> =
            self.store.stated_decisions().await?.into_iter().map(|row| (row.key.clone(), row)).collect();
        let mut held = Vec::new();
        let mut known: BTreeSet<String> = BTreeSet::new();
        for (source, file) in self.store.decision_files(self.run).await? {
            for decision in file.decisions.into_iter().filter(|decision| known.insert(decision.key.clone())) {
                let row = stated.remove(&decision.key);
                let edited = row.as_ref().and_then(|row| row.body.clone());
                let differs_from_file = edited.as_ref().is_some_and(|edited| !says_the_same(edited, &decision));
                let file = Some((source.clone(), file.path.to_string(), decision.line));
                held.push(Held { decision: edited.unwrap_or(decision), file, row, differs_from_file });
            }
        }
        for row in stated.into_values().filter(|row| !known.contains(&row.key)) {
            if let Some(decision) = row.body.clone() {
                held.push(Held { decision, file: None, row: Some(row), differs_from_file: false });
            }
        }
        Ok(held)
    }

    /// Questions that an asset answers: (key and title of the decision, question).
    pub(super) async fn questions_of(&self, asset: &AssetRef) -> Result<Vec<(String, String, String)>> {
        let mut found = Vec::new();
        for decision in self.decisions().await?.decisions {
            for question in &decision.questions {
                if question.answers.iter().any(|answer| answer.asset.as_ref() == Some(asset)) {
                    found.push((decision.key.clone(), decision.title.clone(), question.text.clone()));
                }
            }
        }
        Ok(found)
    }

    async fn answer_decision(&self, held: Held) -> Result<DecisionAnswer> {
        let Held { decision, file, row, differs_from_file } = held;
        let place = |line: u32| file.as_ref().map(|(source, path, _)| self.place(&source.as_str().into(), path, line, None));
        let mut questions = Vec::with_capacity(decision.questions.len());
        for question in decision.questions {
            let mut answers = Vec::with_capacity(question.answers.len());
            for (text, line) in question.answers {
                let at = if line > 0 { place(line) } else { None };
                answers.push(self.look_up(text, at).await?);
            }
            questions.push(QuestionAnswer { text: question.text, answers });
        }
        let edited = row.as_ref().filter(|row| row.body.is_some());
        Ok(DecisionAnswer {
            key: decision.key,
            title: decision.title,
            owner: Some(decision.owner).filter(|owner| !owner.is_empty()),
            every: decision.every,
            note: decision.note,
            questions,
            place: file.as_ref().and_then(|(.., line)| place(*line)),
            edited_by: edited.map(|row| StatedBy { person: row.person.clone(), at: row.at }),
            number: row.as_ref().map_or(0, |row| row.id),
            differs_from_file,
        })
    }

    /// What a reference means: an asset or a column by its name, or a dashboard or metric by what it is called.
    async fn look_up(&self, text: String, place: Option<Place>) -> Result<Answering> {
        let (asset, column) = match self.resolve_name(&text).await? {
            NameAnswer::Exact { asset, column } | NameAnswer::Unique { asset, column } => (Some(asset), column),
            _ => match self.called_for_people(&text).as_slice() {
                [only] => (Some(self.point_at(only)), None),
                _ => (None, None),
            },
        };
        let made_of = asset.as_ref().map(|asset| self.made_of(asset, column.as_deref())).unwrap_or_default();
        Ok(Answering { text, asset, column, made_of, place })
    }

    /// The dashboards, charts and metrics that are called so for people.
    pub(super) fn called_for_people(&self, text: &str) -> Vec<&AssetRow> {
        let is_called = |asset: &&AssetRow| {
            let facts = self.facts.of(asset.id);
            matches!(asset.kind, AssetKind::Dashboard | AssetKind::Chart | AssetKind::Metric)
                && (facts.friendly_name.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(text))
                    || asset.name.eq_ignore_ascii_case(text))
        };
        self.assets.iter().filter(is_called).collect()
    }

    /// Columns where the values of a column, or of a metric, begin; at most a handful.
    fn made_of(&self, asset: &AssetRef, column: Option<&str>) -> Vec<super::ColumnRef> {
        let Some(row) = self.find(&asset.namespace, &asset.name) else { return Vec::new() };
        let columns = self.graph.columns_of(row.id);
        let chosen = columns.into_iter().filter(|(_, path)| column.is_none_or(|column| path.eq_ignore_ascii_case(column)));
        let mut found: BTreeSet<super::ColumnRef> = BTreeSet::new();
        if column.is_some() || row.kind == AssetKind::Metric {
            for (column, _) in chosen {
                for root in self.root_columns(column) {
                    let Some((asset, path)) = self.graph.column(root) else { continue };
                    found.extend(self.point(asset).map(|asset| super::ColumnRef { asset, column: path.to_owned() }));
                }
            }
        }
        found.into_iter().take(6).collect()
    }

    /// Dashboards and declared metrics that no question names, nor anything that a question names is made of.
    fn unasked(&self, map: &DecisionMap) -> Vec<(AssetRef, u32)> {
        if map.decisions.is_empty() {
            return Vec::new();
        }
        let answers = map.decisions.iter().flat_map(|decision| &decision.questions).flat_map(|question| &question.answers);
        let mut serving: BTreeSet<AssetId> = answers
            .filter_map(|answer| answer.asset.as_ref())
            .filter_map(|asset| self.find(&asset.namespace, &asset.name))
            .map(|row| row.id)
            .collect();
        let mut waiting: Vec<AssetId> = serving.iter().copied().collect();
        while let Some(at) = waiting.pop() {
            for source in self.graph.neighbours(at, Direction::Upstream) {
                if serving.insert(source) {
                    waiting.push(source);
                }
            }
        }
        let of_tool = self.assets.iter().filter(|asset| matches!(asset.kind, AssetKind::Dashboard | AssetKind::Metric));
        let mut unasked: Vec<(AssetRef, u32)> = of_tool
            .filter(|asset| !serving.contains(&asset.id) && self.facts.of(asset.id).deprecated.is_none())
            .map(|asset| (self.point_at(asset), self.usage.get(&asset.id).map_or(0, |usage| usage.people_90)))
            .collect();
        unasked.sort_by(|one, other| (std::cmp::Reverse(one.1), &one.0).cmp(&(std::cmp::Reverse(other.1), &other.0)));
        unasked
    }
}

impl Catalog {
    /// Keeps an edit of a decision; its key comes back.
    ///
    /// # Errors
    /// [`CatalogError::Forbidden`] for whoever may not edit, [`CatalogError::BadQuestion`] where it does not fit or
    /// somebody else was faster.
    pub async fn edit_decision(&self, actor: &Actor, edit: DecisionEdit) -> Result<String> {
        check_may_edit(actor)?;
        let body = edit.body.map(check_decision).transpose()?;
        let titled = || body.as_ref().map(|body| decision_key(&body.title)).unwrap_or_default();
        let key = if edit.key.is_empty() { titled() } else { edit.key };
        if key.is_empty() {
            return Err(CatalogError::BadQuestion("the title needs a letter or a digit".to_owned()));
        }
        let body = body.map(|body| Decision { key: key.clone(), ..body });
        match self.store().state_decision(&key, body.as_ref(), &actor.name, now(), edit.seen).await? {
            Some(_) => {
                self.find_anew().await;
                Ok(key)
            }
            None => Err(CatalogError::BadQuestion(
                "Somebody else edited this decision since you opened it. Open it again; your text was not kept.".to_owned(),
            )),
        }
    }
}

fn check_decision(body: Decision) -> Result<Decision> {
    if body.questions.len() > MOST || body.questions.iter().any(|question| question.answers.len() > MOST) {
        return Err(CatalogError::BadQuestion(format!("more than {MOST} questions, or answers to one")));
    }
    let line = |what: &str, text: &str| bounded(what, text, LONGEST_LINE);
    let mut questions = Vec::with_capacity(body.questions.len());
    for question in body.questions {
        let answers = question.answers.iter().map(|(text, _)| Ok((line("a name", text)?, 0))).collect::<Result<_>>()?;
        questions.push(Question { text: line("the question", &question.text)?, answers, line: 0 });
    }
    let note = if body.note.trim().is_empty() { String::new() } else { bounded("the note", &body.note, LONGEST_NOTE)? };
    Ok(Decision {
        title: line("what is decided", &body.title)?,
        owner: body.owner.trim().chars().take(LONGEST_LINE).collect(),
        every: body.every.trim().chars().take(LONGEST_LINE).collect(),
        note,
        questions,
        line: 0,
        key: body.key,
    })
}

fn says_the_same(one: &Decision, other: &Decision) -> bool {
    let bare = |decision: &Decision| Decision {
        line: 0,
        questions: decision
            .questions
            .iter()
            .map(|question| Question {
                line: 0,
                answers: question.answers.iter().map(|(text, _)| (text.clone(), 0)).collect(),
                text: question.text.clone(),
            })
            .collect(),
        ..decision.clone()
    };
    bare(one) == bare(other)
}
