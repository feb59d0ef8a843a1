//! `/audits`: campaigns, what each reviews, deciding, the report.

use askama::Template;
use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};

use super::{findings::asked_findings, search::read_whole_query};
use crate::{
    catalog::{
        AuditScope, CampaignAnswer, CampaignItem, CampaignSummary, CatalogError, Closing, Decided, FindingCode, FindingQuery,
        ItemVerdict, NewCampaign, NewVerdict, QUARTERLY_QUESTIONS, ScopePreview,
    },
    web::{
        Site, csv,
        error::PageError,
        extract::{Chrome, Query, Visit},
        filters, urls,
    },
};

/// Items that one page shows.
const AT_ONCE: usize = 100;
/// Items of a scope that are shown before it is begun.
const PREVIEWED: usize = 50;

#[derive(Template)]
#[template(path = "pages/audits.html")]
struct AuditsPage {
    chrome: Chrome,
    waiting: Vec<CampaignSummary>,
    campaigns: Vec<CampaignSummary>,
    may_edit: bool,
}

#[derive(Template)]
#[template(path = "pages/audit_new.html")]
struct NewAuditPage {
    chrome: Chrome,
    scope: String,
    scope_words: String,
    title: String,
    reviewers: String,
    due: String,
    preview: ScopePreview,
    error: Option<String>,
}

#[derive(Template)]
#[template(path = "pages/audit.html")]
struct AuditPage {
    chrome: Chrome,
    answer: CampaignAnswer,
    show: String,
    page: usize,
    fitting: usize,
    may_decide: bool,
    may_edit: bool,
    error: Option<String>,
}

#[derive(Template)]
#[template(path = "pages/audit_item.html")]
struct AuditItemPage {
    chrome: Chrome,
    campaign: CampaignSummary,
    item: CampaignItem,
    next: Option<i64>,
    may_decide: bool,
    error: Option<String>,
}

#[derive(Template)]
#[template(path = "pages/audit_report.html")]
struct ReportPage {
    chrome: Chrome,
    answer: CampaignAnswer,
}

impl NewAuditPage {
    fn shown(&self) -> usize {
        self.preview.items.len().min(PREVIEWED)
    }
}

impl AuditPage {
    fn url(&self) -> String {
        audit_url(self.answer.summary.number)
    }

    fn shown(&self) -> Vec<&CampaignItem> {
        let fitting = self.answer.items.iter().filter(|item| fits(&self.show, item));
        fitting.skip(self.page * AT_ONCE).take(AT_ONCE).collect()
    }

    fn link(&self, show: &str) -> String {
        urls::with_query(&self.url(), (!show.is_empty()).then(|| ("show", show.to_owned())))
    }

    fn is_shown(&self, show: &str) -> bool {
        self.show == show
    }

    fn open(&self) -> u64 {
        self.answer.summary.items - self.answer.summary.decided
    }

    fn page_link(&self, page: usize) -> String {
        let show = (!self.show.is_empty()).then(|| ("show", self.show.clone()));
        urls::with_query(&self.url(), show.into_iter().chain([("page", (page + 1).to_string())]))
    }

    fn pages(&self) -> usize {
        self.fitting.div_ceil(AT_ONCE)
    }

    fn item_url(&self, item: &CampaignItem) -> String {
        format!("{}/items/{}", self.url(), item.ordinal)
    }

    fn tone(&self, decided: &Decided) -> &'static str {
        tone(*decided)
    }
}

impl AuditItemPage {
    fn url(&self) -> String {
        format!("{}/items/{}", audit_url(self.campaign.number), self.item.ordinal)
    }

    fn campaign_url(&self) -> String {
        audit_url(self.campaign.number)
    }

    /// What was answered last to a question.
    fn answered(&self, key: &str) -> String {
        self.item.history.last().and_then(|verdict| verdict.answers.get(key)).cloned().unwrap_or_default()
    }

    fn is_decided(&self, decided: &Decided) -> bool {
        self.item.decided().is_some_and(|(held, _)| held == *decided)
    }

    /// What the last verdict merges it into.
    fn last_into(&self) -> &str {
        self.item.history.last().map_or("", |verdict| &verdict.into)
    }

    fn last_note(&self) -> String {
        self.item.history.last().map(|verdict| verdict.note.clone()).unwrap_or_default()
    }

    fn tone(&self, decided: &Decided) -> &'static str {
        tone(*decided)
    }
}

impl ReportPage {
    fn url(&self) -> String {
        audit_url(self.answer.summary.number)
    }

    /// Items of a verdict.
    fn decided(&self, decided: &Decided) -> Vec<&CampaignItem> {
        let is_so = |item: &&CampaignItem| item.decided().is_some_and(|(own, _)| own == *decided);
        self.answer.items.iter().filter(is_so).collect()
    }

    fn open(&self) -> Vec<&CampaignItem> {
        self.answer.items.iter().filter(|item| item.decided().is_none()).collect()
    }

    /// What was answered, each with its question.
    fn answers<'a>(&self, item: &CampaignItem, verdict: &'a ItemVerdict) -> Vec<(&'static str, &'a str)> {
        let questions = item.evidence.questions().into_iter();
        questions.filter_map(|question| Some((question.text, verdict.answers.get(question.key)?.as_str()))).collect()
    }

    /// Undecided items that the page lists; the CSV has all.
    fn first_open(&self) -> Vec<&CampaignItem> {
        self.answer.items.iter().filter(|item| item.decided().is_none()).take(2 * AT_ONCE).collect()
    }
}

fn tone(decided: Decided) -> &'static str {
    match decided {
        Decided::Keep => "good",
        Decided::Fix => "warn",
        Decided::Merge => "accent",
        Decided::Archive => "still",
    }
}

fn fits(show: &str, item: &CampaignItem) -> bool {
    match (show, item.decided()) {
        ("", _) => true,
        ("open", decided) => decided.is_none(),
        ("gone", _) => item.asset.is_none(),
        (word, Some((decided, _))) => decided.word() == word,
        (_, None) => false,
    }
}

fn audit_url(number: i64) -> String {
    format!("/audits/{number}")
}

/// The scope that the pairs of an address hold: `follow=` a campaign, `code=` of findings or `code=all` with
/// their `owner=` and, for those as well, `snoozed=`; else a search by words or facets; everything with a finding where there is nothing of them.
fn read_scope(pairs: &Query) -> Result<AuditScope, CatalogError> {
    if let Some(number) = pairs.filled("follow") {
        let number = number.parse().map_err(|_| CatalogError::BadQuestion(format!("`{number}` is no audit's number")));
        return number.map(AuditScope::ChangedSince);
    }
    match pairs.filled("code") {
        Some(word) => {
            if word != "all" && FindingCode::from_word(word).is_none() {
                return Err(CatalogError::BadQuestion(format!("no finding is called `{word}`")));
            }
            Ok(AuditScope::Findings(asked_findings(pairs)))
        }
        None => {
            let query = read_whole_query(pairs);
            let asks = !query.text.trim().is_empty() || !query.filters.is_empty();
            Ok(if asks { AuditScope::Search(query) } else { AuditScope::Findings(FindingQuery::default()) })
        }
    }
}

fn scope_of_text(text: &str) -> Option<AuditScope> {
    read_scope(&Query::parse(text)).ok()
}

fn scope_in_words(scope: &AuditScope) -> String {
    match scope {
        AuditScope::Findings(query) => {
            let what = match query.codes.as_slice() {
                [] => "everything with a finding".to_owned(),
                codes => format!("findings: {}", codes.iter().map(|code| code.title()).collect::<Vec<_>>().join(", ")),
            };
            let owned = if query.owner.is_empty() { String::new() } else { format!(", owned by {}", query.owner) };
            what + &owned + if query.snoozed { ", snoozed ones too" } else { "" }
        }
        AuditScope::Search(query) if query.text.is_empty() => "a search by its filters".to_owned(),
        AuditScope::Search(query) => format!("the search “{}”", query.text),
        AuditScope::ChangedSince(number) => format!("what changed since audit {number}"),
    }
}

/// Shows every campaign, and those that wait for the reader.
pub(crate) async fn show_audits(visit: Visit) -> Result<Response, PageError> {
    let waiting = match &visit.visitor.actor {
        Some(actor) => visit.view.reminders(actor).await?,
        None => Vec::new(),
    };
    let campaigns = visit.view.campaigns().await?;
    visit.answer(&AuditsPage { chrome: visit.chrome.clone(), waiting, campaigns, may_edit: visit.chrome.reader.may_edit })
}

/// Shows the form of a new audit, with what it would review.
pub(crate) async fn show_new(visit: Visit) -> Result<Response, PageError> {
    let scope = read_scope(&visit.query)?;
    let text = visit.chrome.address.split_once('?').map_or("", |(_, pairs)| pairs).to_owned();
    let page = new_page(&visit, &scope, text, None).await?;
    visit.answer(&page)
}

async fn new_page(visit: &Visit, scope: &AuditScope, text: String, error: Option<String>) -> Result<NewAuditPage, PageError> {
    let preview = visit.view.preview_scope(scope, &scope_of_text).await?;
    let former = match scope {
        AuditScope::ChangedSince(number) => Some(visit.view.campaign(*number).await?.summary),
        AuditScope::Findings(_) | AuditScope::Search(_) => None,
    };
    let reviewers = match &former {
        Some(former) => former.reviewers.join(", "),
        None => visit.chrome.reader.name.clone(),
    };
    let title = former.map_or_else(String::new, |former| format!("{}, follow-up", former.title));
    Ok(NewAuditPage {
        chrome: visit.chrome.clone(),
        scope_words: scope_in_words(scope),
        scope: text,
        title,
        reviewers,
        due: String::new(),
        preview,
        error,
    })
}

/// Begins an audit.
pub(crate) async fn begin(State(site): State<Site>, visit: Visit, body: String) -> Result<Response, PageError> {
    let form = Query::parse(&body);
    let text = form.get("scope").unwrap_or("").to_owned();
    let scope = read_scope(&Query::parse(&text))?;
    let new = NewCampaign {
        title: form.get("title").unwrap_or("").to_owned(),
        scope: scope.clone(),
        scope_text: text.clone(),
        reviewers: form.get("reviewers").unwrap_or("").split([',', '\n']).map(str::to_owned).collect(),
        due: form.get("due").unwrap_or("").to_owned(),
    };
    let (title, reviewers, due) = (new.title.clone(), new.reviewers.join(","), new.due.clone());
    match site.catalog.begin_campaign(visit.actor()?, new, &scope_of_text).await {
        Ok(number) => Ok(Redirect::to(&audit_url(number)).into_response()),
        Err(CatalogError::BadQuestion(reason)) => {
            let page = new_page(&visit, &scope, text, Some(reason)).await?;
            let mut response = visit.answer(&NewAuditPage { title, reviewers, due, ..page })?;
            *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
            Ok(response)
        }
        Err(other) => Err(other.into()),
    }
}

/// Shows a campaign: `show=` open, gone, keep, fix, merge or archive.
pub(crate) async fn show_audit(Path(number): Path<i64>, visit: Visit) -> Result<Response, PageError> {
    let page = audit_page(&visit, number, None).await?;
    visit.answer(&page)
}

async fn audit_page(visit: &Visit, number: i64, error: Option<String>) -> Result<AuditPage, PageError> {
    let answer = visit.view.campaign(number).await?;
    let show = visit.query.filled("show").unwrap_or("").to_owned();
    let fitting = answer.items.iter().filter(|item| fits(&show, item)).count();
    let may_decide = visit.visitor.actor.as_ref().is_some_and(|actor| visit.view.may_decide(actor, &answer.summary));
    Ok(AuditPage {
        chrome: visit.chrome.clone(),
        may_decide: may_decide && answer.summary.closed.is_none(),
        may_edit: visit.chrome.reader.may_edit,
        page: visit.query.number("page", 1, 1..=10_000)? as usize - 1,
        answer,
        show,
        fitting,
        error,
    })
}

/// Decides the chosen items (`item=ordinal:seen` of each).
pub(crate) async fn decide(
    State(site): State<Site>,
    Path(number): Path<i64>,
    visit: Visit,
    body: String,
) -> Result<Response, PageError> {
    let form = Query::parse_many(&body);
    match site.catalog.decide(visit.actor()?, number, read_verdict(&form)?).await {
        Ok(()) => Ok(Redirect::to(urls::local(form.get("back").unwrap_or("/audits"))).into_response()),
        Err(CatalogError::BadQuestion(reason)) => {
            let mut response = visit.answer(&audit_page(&visit, number, Some(reason)).await?)?;
            *response.status_mut() = StatusCode::CONFLICT;
            Ok(response)
        }
        Err(other) => Err(other.into()),
    }
}

fn read_verdict(form: &Query) -> Result<NewVerdict, PageError> {
    let mut items = Vec::new();
    for chosen in form.all("item") {
        let (ordinal, seen) = chosen.split_once(':').unwrap_or((chosen, "0"));
        let (Ok(ordinal), Ok(seen)) = (ordinal.parse(), seen.parse()) else {
            return Err(PageError::BadRequest(format!("`{chosen}` is no item.")));
        };
        items.push((ordinal, seen));
    }
    let word = form.get("decided").unwrap_or("");
    let decided = match word {
        "reopen" => None,
        word => Some(Decided::from_word(word).ok_or_else(|| PageError::BadRequest("Choose what becomes of them.".to_owned()))?),
    };
    let answers = QUARTERLY_QUESTIONS
        .into_iter()
        .filter_map(|(key, _)| Some((key.to_owned(), form.filled(&format!("answer-{key}"))?.to_owned())));
    Ok(NewVerdict {
        items,
        decided,
        note: form.get("note").unwrap_or("").to_owned(),
        answers: answers.collect(),
        into: form.get("into").unwrap_or("").to_owned(),
    })
}

/// Shows one item with its evidence and the questions.
pub(crate) async fn show_item(Path((number, ordinal)): Path<(i64, i64)>, visit: Visit) -> Result<Response, PageError> {
    let page = item_page(&visit, number, ordinal, None).await?;
    visit.answer(&page)
}

async fn item_page(visit: &Visit, number: i64, ordinal: i64, error: Option<String>) -> Result<AuditItemPage, PageError> {
    let answer = visit.view.campaign(number).await?;
    let next = answer.items.iter().filter(|item| item.decided().is_none() && item.ordinal != ordinal);
    let next = next.map(|item| (item.ordinal < ordinal, item.ordinal)).min().map(|(_, ordinal)| ordinal);
    let may_decide = visit.visitor.actor.as_ref().is_some_and(|actor| visit.view.may_decide(actor, &answer.summary));
    let item = answer.items.into_iter().find(|item| item.ordinal == ordinal);
    Ok(AuditItemPage {
        chrome: visit.chrome.clone(),
        may_decide: may_decide && answer.summary.closed.is_none(),
        campaign: answer.summary,
        item: item.ok_or_else(|| PageError::NotFound(format!("item {ordinal}")))?,
        next,
        error,
    })
}

/// Decides one item, with answers to the questions; leads on to the next open one.
pub(crate) async fn decide_item(
    State(site): State<Site>,
    Path((number, ordinal)): Path<(i64, i64)>,
    visit: Visit,
    body: String,
) -> Result<Response, PageError> {
    let form = Query::parse_many(&body);
    let seen = form.get("seen").and_then(|seen| seen.parse().ok()).unwrap_or(0);
    let verdict = NewVerdict { items: vec![(ordinal, seen)], ..read_verdict(&form)? };
    match site.catalog.decide(visit.actor()?, number, verdict).await {
        Ok(()) => {
            let back = match form.filled("next").and_then(|next| next.parse::<i64>().ok()) {
                Some(next) => format!("{}/items/{next}", audit_url(number)),
                None => audit_url(number),
            };
            Ok(Redirect::to(&back).into_response())
        }
        Err(CatalogError::BadQuestion(reason)) => {
            let mut response = visit.answer(&item_page(&visit, number, ordinal, Some(reason)).await?)?;
            *response.status_mut() = StatusCode::CONFLICT;
            Ok(response)
        }
        Err(other) => Err(other.into()),
    }
}

/// Closes a campaign, or with `reopen` opens it again.
pub(crate) async fn close(
    State(site): State<Site>,
    Path(number): Path<i64>,
    visit: Visit,
    body: String,
) -> Result<Response, PageError> {
    let form = Query::parse(&body);
    let closing = if form.get("reopen").is_some() { Closing::Reopen } else { Closing::Close };
    site.catalog.close_campaign(visit.actor()?, number, closing, form.get("note").unwrap_or("")).await?;
    Ok(Redirect::to(&audit_url(number)).into_response())
}

/// Shows the report: what was decided, by whom, on what evidence.
pub(crate) async fn show_report(Path(number): Path<i64>, visit: Visit) -> Result<Response, PageError> {
    let answer = visit.view.campaign(number).await?;
    visit.answer(&ReportPage { chrome: visit.chrome.clone(), answer })
}

/// The report as CSV, a row an item.
pub(crate) async fn download_report(Path(number): Path<i64>, visit: Visit) -> Result<Response, PageError> {
    let answer = visit.view.campaign(number).await?;
    let before = ["number", "namespace", "asset", "kind", "decided", "note", "into", "by", "at", "times_decided"];
    let questions = QUARTERLY_QUESTIONS.map(|(key, _)| key);
    let after = ["owners", "people", "readers", "findings", "gone"];
    let head = [&before[..], &questions, &after].concat();
    let rows = answer.items.into_iter().map(|item| {
        let newest = item.history.last().cloned();
        let held = |key: &str| newest.as_ref().and_then(|verdict| verdict.answers.get(key)).cloned().unwrap_or_default();
        let answers = QUARTERLY_QUESTIONS.map(|(key, _)| held(key));
        let decided = item.decided().map(|(decided, _)| decided.word().to_owned()).unwrap_or_else(|| "open".to_owned());
        let (note, into, by, at) =
            newest.map(|verdict| (verdict.note, verdict.into, verdict.by.person, verdict.by.at.to_string())).unwrap_or_default();
        let mut row = vec![
            item.ordinal.to_string(),
            item.namespace,
            item.evidence.name.clone(),
            item.evidence.kind.clone(),
            decided,
            note,
            into,
            by,
            at,
            item.history.len().to_string(),
        ];
        row.extend(answers);
        row.extend([
            item.evidence.owners.join(" "),
            item.evidence.people.to_string(),
            item.evidence.readers.to_string(),
            item.evidence.findings.iter().map(|(code, _)| code.as_str()).collect::<Vec<_>>().join(" "),
            if item.asset.is_none() { "gone".to_owned() } else { String::new() },
        ]);
        row
    });
    Ok(csv::attachment(&format!("audit-{number}.csv"), &head, rows))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_what_is_audited_and_nothing_is_guessed() {
        let scope = |text: &str| read_scope(&Query::parse(text));
        let all = FindingQuery::default();
        let conflicts = FindingQuery { codes: vec![FindingCode::MetricConflict], ..all.clone() };
        let of_rita = FindingQuery { owner: "rita".to_owned(), snoozed: true, ..all.clone() };
        assert_eq!(scope("").unwrap(), AuditScope::Findings(all.clone()));
        assert_eq!(scope("code=all").unwrap(), AuditScope::Findings(all));
        assert_eq!(scope("code=metric-conflict").unwrap(), AuditScope::Findings(conflicts));
        assert_eq!(scope("code=all&owner=rita&snoozed=1").unwrap(), AuditScope::Findings(of_rita));
        assert_eq!(scope("follow=7").unwrap(), AuditScope::ChangedSince(7));
        for text in ["q=churn", "kind=dashboard", "owner=rita", "source=growth", "deprecated=yes"] {
            assert!(matches!(scope(text).unwrap(), AuditScope::Search(_)), "{text}");
        }
        for text in ["code=metric-conflcit", "follow=the-last"] {
            assert!(matches!(scope(text), Err(CatalogError::BadQuestion(_))), "{text}");
        }
    }
}
