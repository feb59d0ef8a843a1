//! `/findings`: what needs a decision, by code and severity; snoozing, and the way into an audit.

use std::collections::BTreeMap;

use askama::Template;
use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
};

use crate::{
    catalog::{Finding, FindingCode, FindingKey, FindingQuery},
    web::{
        Site, csv,
        error::PageError,
        extract::{Chrome, Query, Visit},
        filters, urls,
    },
};

/// Findings that the page shows; the CSV has all.
const AT_ONCE: usize = 300;

#[derive(Template)]
#[template(path = "pages/findings.html")]
struct FindingsPage<'a> {
    chrome: Chrome,
    counts: Vec<(FindingCode, u64)>,
    all: usize,
    asked: FindingQuery,
    shown: Vec<&'a Finding>,
    fitting: usize,
    may_edit: bool,
}

impl FindingsPage<'_> {
    fn code(&self) -> Option<&FindingCode> {
        self.asked.codes.first()
    }

    fn link(&self, code: &FindingCode) -> String {
        address("/findings", Some(*code), &self.asked)
    }

    fn is_chosen(&self, code: &FindingCode) -> bool {
        self.code() == Some(code)
    }

    fn everything(&self) -> String {
        address("/findings", None, &self.asked)
    }

    fn csv(&self) -> String {
        address("/findings.csv", self.code().copied(), &self.asked)
    }

    /// The form of a new audit of what is shown.
    fn audit(&self) -> String {
        let code = self.code().map_or("all", |code| code.word());
        urls::with_query("/audits/new", [("code", code.to_owned())].into_iter().chain(others(&self.asked)))
    }

    /// The page that shows snoozed ones, or hides them.
    fn toggle(&self) -> String {
        let asked = FindingQuery { snoozed: !self.asked.snoozed, ..self.asked.clone() };
        address("/findings", self.code().copied(), &asked)
    }

    /// What a form calls a finding.
    fn form_key(&self, finding: &Finding) -> String {
        form_key(finding)
    }
}

fn form_key(finding: &Finding) -> String {
    format!("{} {}", finding.code.word(), finding.subject)
}

fn address(path: &str, code: Option<FindingCode>, asked: &FindingQuery) -> String {
    urls::with_query(path, code.map(|code| ("code", code.word().to_owned())).into_iter().chain(others(asked)))
}

/// What an address asks for beside the code.
fn others(asked: &FindingQuery) -> impl Iterator<Item = (&'static str, String)> {
    let owner = (!asked.owner.is_empty()).then(|| ("owner", asked.owner.clone()));
    owner.into_iter().chain(asked.snoozed.then(|| ("snoozed", "1".to_owned())))
}

/// The findings that the pairs of an address ask for: `code=`, `owner=`, and `snoozed=` for those as well.
pub(super) fn asked_findings(pairs: &Query) -> FindingQuery {
    FindingQuery {
        codes: pairs.filled("code").and_then(FindingCode::from_word).into_iter().collect(),
        owner: pairs.filled("owner").unwrap_or("").to_owned(),
        snoozed: pairs.filled("snoozed").is_some(),
    }
}

/// Shows what needs a decision.
pub(crate) async fn show_findings(visit: Visit) -> Result<Response, PageError> {
    let findings = visit.view.findings().await?;
    let asked = asked_findings(&visit.query);
    let mut counts: BTreeMap<FindingCode, u64> = BTreeMap::new();
    for finding in findings.iter().filter(|finding| asked.fits_others(finding)) {
        *counts.entry(finding.code).or_default() += 1;
    }
    let fitting: Vec<&Finding> = findings.iter().filter(|finding| asked.fits(finding)).collect();
    visit.answer(&FindingsPage {
        chrome: visit.chrome.clone(),
        all: counts.values().sum::<u64>() as usize,
        counts: counts.into_iter().collect(),
        fitting: fitting.len(),
        shown: fitting.into_iter().take(AT_ONCE).collect(),
        asked,
        may_edit: visit.chrome.reader.may_edit,
    })
}

/// Everything that fits, as CSV.
pub(crate) async fn download_findings(visit: Visit) -> Result<Response, PageError> {
    let findings = visit.view.findings().await?;
    let asked = asked_findings(&visit.query);
    let head =
        ["code", "severity", "namespace", "asset", "finding", "evidence", "owners", "people", "first_seen", "snoozed_until"];
    let rows = findings.into_iter().filter(move |finding| asked.fits(finding)).map(|finding| {
        let (namespace, name) = finding.asset.map(|asset| (asset.namespace, asset.name)).unwrap_or_default();
        vec![
            finding.code.word().to_owned(),
            finding.severity.word().to_owned(),
            namespace,
            finding.metric.unwrap_or(name),
            finding.sentence,
            finding.evidence.join("; "),
            finding.owners.join(" "),
            finding.people.to_string(),
            finding.first_seen.to_string(),
            finding.snoozed.map(|snooze| snooze.until).unwrap_or_default(),
        ]
    });
    Ok(csv::attachment("findings.csv", &head, rows))
}

/// Snoozes the chosen findings (`finding=` of each) until a day, or wakes them where none is given.
pub(crate) async fn snooze(State(site): State<Site>, visit: Visit, body: String) -> Result<Response, PageError> {
    let form = Query::parse_many(&body);
    let mut keys = Vec::new();
    for named in form.all("finding") {
        let (code, subject) = named.split_once(' ').unwrap_or((named, ""));
        let code =
            FindingCode::from_word(code).ok_or_else(|| PageError::BadRequest(format!("`{code}` is no code of findings.")))?;
        keys.push(FindingKey { code, subject: subject.to_owned() });
    }
    if keys.is_empty() {
        return Err(PageError::BadRequest("Choose a finding first: tick the boxes in front of them.".to_owned()));
    }
    let (until, reason) = (form.get("until").unwrap_or(""), form.get("reason").unwrap_or(""));
    site.catalog.snooze(visit.actor()?, &keys, until, reason).await?;
    Ok(Redirect::to(urls::local(form.get("back").unwrap_or("/findings"))).into_response())
}
