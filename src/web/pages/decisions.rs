//! `/decisions`: which decisions need which numbers, the gaps, and editing one.

use askama::Template;
use axum::{
    extract::{Path, State},
    response::{IntoResponse, Redirect, Response},
};

use crate::{
    catalog::{CatalogError, DecisionAnswer, DecisionEdit, DecisionMap},
    model::{Decision, Question},
    web::{
        Site,
        error::PageError,
        extract::{Chrome, Query, Visit},
        filters, urls,
    },
};

/// Between a question and what answers it, in the form.
const ARROW: &str = "<-";

#[derive(Template)]
#[template(path = "pages/decisions.html")]
struct DecisionsPage {
    chrome: Chrome,
    map: DecisionMap,
    may_edit: bool,
}

#[derive(Template)]
#[template(path = "pages/decision_edit.html")]
struct DecisionEditPage {
    chrome: Chrome,
    form: DecisionForm,
    error: Option<String>,
}

/// The inputs of a decision.
#[derive(Clone, Debug, Default)]
struct DecisionForm {
    key: String,
    title: String,
    owner: String,
    every: String,
    note: String,
    questions: String,
    seen: i64,
    is_edited: bool,
}

impl DecisionsPage {
    fn edit_url(&self, key: &str) -> String {
        format!("/decisions/{}/edit", urls::encode(key))
    }
}

impl DecisionEditPage {
    fn action(&self) -> String {
        if self.form.key.is_empty() {
            "/decisions/new".to_owned()
        } else {
            format!("/decisions/{}/edit", urls::encode(&self.form.key))
        }
    }
}

impl DecisionForm {
    fn of(answer: &DecisionAnswer) -> DecisionForm {
        let line = |question: &crate::catalog::QuestionAnswer| {
            let answers: Vec<&str> = question.answers.iter().map(|answer| answer.text.as_str()).collect();
            if answers.is_empty() { question.text.clone() } else { format!("{} {ARROW} {}", question.text, answers.join(", ")) }
        };
        DecisionForm {
            key: answer.key.clone(),
            title: answer.title.clone(),
            owner: answer.owner.clone().unwrap_or_default(),
            every: answer.every.clone(),
            note: answer.note.clone(),
            questions: answer.questions.iter().map(line).collect::<Vec<_>>().join("\n"),
            seen: answer.number,
            is_edited: answer.edited_by.is_some(),
        }
    }

    fn read(key: String, form: &Query) -> DecisionForm {
        let text = |name: &str| form.get(name).unwrap_or("").to_owned();
        DecisionForm {
            key,
            title: text("title"),
            owner: text("owner"),
            every: text("every"),
            note: text("note"),
            questions: text("questions"),
            seen: form.get("seen").and_then(|seen| seen.parse().ok()).unwrap_or(0),
            is_edited: false,
        }
    }

    fn decision(&self) -> Decision {
        let question = |line: &str| {
            let (text, answers) = line.split_once(ARROW).unwrap_or((line, ""));
            let answers = answers.split(',').map(str::trim).filter(|answer| !answer.is_empty());
            Question { text: text.trim().to_owned(), answers: answers.map(|answer| (answer.to_owned(), 0)).collect(), line: 0 }
        };
        Decision {
            key: self.key.clone(),
            title: self.title.clone(),
            owner: self.owner.clone(),
            every: self.every.clone(),
            note: self.note.clone(),
            questions: self.questions.lines().filter(|line| !line.trim().is_empty()).map(question).collect(),
            line: 0,
        }
    }
}

/// Shows the map and its gaps.
pub(crate) async fn show_decisions(visit: Visit) -> Result<Response, PageError> {
    let map = visit.view.decisions().await?;
    visit.answer(&DecisionsPage { chrome: visit.chrome.clone(), map, may_edit: visit.chrome.reader.may_edit })
}

/// Shows the form of a new decision.
pub(crate) async fn show_new(visit: Visit) -> Result<Response, PageError> {
    visit.answer(&DecisionEditPage { chrome: visit.chrome.clone(), form: DecisionForm::default(), error: None })
}

/// Shows the form of one decision.
pub(crate) async fn show_form(Path(key): Path<String>, visit: Visit) -> Result<Response, PageError> {
    let form = DecisionForm::of(&visit.view.decision(&key).await?);
    visit.answer(&DecisionEditPage { chrome: visit.chrome.clone(), form, error: None })
}

/// Keeps a new decision.
pub(crate) async fn add(State(site): State<Site>, visit: Visit, body: String) -> Result<Response, PageError> {
    save(&site, &visit, String::new(), &Query::parse(&body)).await
}

/// Keeps what the form says of a decision; with `withdraw`, what files say holds again.
pub(crate) async fn edit(
    State(site): State<Site>,
    Path(key): Path<String>,
    visit: Visit,
    body: String,
) -> Result<Response, PageError> {
    save(&site, &visit, key, &Query::parse(&body)).await
}

async fn save(site: &Site, visit: &Visit, key: String, pairs: &Query) -> Result<Response, PageError> {
    let form = DecisionForm::read(key.clone(), pairs);
    let body = pairs.get("withdraw").is_none().then(|| form.decision());
    match site.catalog.edit_decision(visit.actor()?, DecisionEdit { key, body, seen: form.seen }).await {
        Ok(key) => Ok(Redirect::to(&format!("/decisions#{}", urls::encode(&key))).into_response()),
        Err(CatalogError::BadQuestion(reason)) => {
            let page = DecisionEditPage { chrome: visit.chrome.clone(), form, error: Some(reason) };
            let mut response = visit.answer(&page)?;
            *response.status_mut() = axum::http::StatusCode::UNPROCESSABLE_ENTITY;
            Ok(response)
        }
        Err(other) => Err(other.into()),
    }
}
