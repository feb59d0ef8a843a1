//! `/conflicts`: metrics that share a name and not a meaning, or a meaning and not a name; one of them side
//! by side, and what can be decided about it.

use askama::Template;
use axum::{
    extract::{Path, State},
    response::{IntoResponse, Redirect, Response},
};

use crate::{
    catalog::{
        ChosenCalculation, ConflictAnswer, ConflictBoard, ConflictClass, ConflictFacet, ConflictMember, ConflictSummary,
        ConflictVerdict, NewMetricNote, Others, SqlPiece,
    },
    web::{
        Site,
        error::PageError,
        extract::{Chrome, Query, Visit},
        filters, urls,
    },
};

/// Groups that the page shows.
const AT_ONCE: usize = 200;

#[derive(Template)]
#[template(path = "pages/conflicts.html")]
struct ConflictsPage<'a> {
    chrome: Chrome,
    board: &'a ConflictBoard,
    verdict: ConflictVerdict,
    facet: String,
    words: String,
    shown: Vec<&'a ConflictSummary>,
    all: usize,
}

impl ConflictsPage<'_> {
    /// The page for another verdict.
    fn link(&self, verdict: &ConflictVerdict) -> String {
        urls::with_query("/conflicts", [("verdict", verdict.word().to_owned())])
    }

    fn is_chosen(&self, verdict: &ConflictVerdict) -> bool {
        self.verdict == *verdict
    }

    /// Whether the groups shown differ in something.
    fn compares(&self) -> bool {
        self.verdict == ConflictVerdict::Different
    }

    /// The facets in which shown groups may differ.
    fn facets(&self) -> Vec<&'static str> {
        let mut words: Vec<ConflictFacet> = self.board.groups.iter().flat_map(|group| group.facets.iter().copied()).collect();
        words.sort();
        words.dedup();
        words.into_iter().map(ConflictFacet::word).collect()
    }
}

#[derive(Template)]
#[template(path = "pages/conflict.html")]
struct ConflictPage {
    chrome: Chrome,
    answer: ConflictAnswer,
    may_edit: bool,
}

impl ConflictPage {
    fn url(&self) -> String {
        urls::conflict(&self.answer.summary.id)
    }

    /// What to call a class: A, B, …
    fn letter<N: filters::Count>(&self, at: N) -> String {
        let at = at.value();
        let letter = char::from_u32('A' as u32 + (at % 26) as u32).unwrap_or('?');
        if at < 26 { letter.to_string() } else { format!("{letter}{}", at / 26) }
    }

    /// The name that stands in a form for a replacement.
    fn replacement(&self) -> String {
        let first = self.answer.classes.first().and_then(|class| class.variants.first()?.first());
        first.map_or_else(String::new, ConflictMember::called)
    }

    /// The calculation that stands for a class.
    fn first_of<'c>(&self, class: &'c ConflictClass) -> Option<&'c ConflictMember> {
        class.variants.first()?.first()
    }

    /// Whether a class has more than one calculation.
    fn has_several(&self, class: &ConflictClass) -> bool {
        class.variants.iter().map(Vec::len).sum::<usize>() > 1
    }

    /// Whether the SQL of a class stands open: that of the first few does.
    fn opens<N: filters::Count>(&self, at: N) -> bool {
        at.value() < 4
    }

    /// Whether all calculations are the same but for their data.
    fn is_only_other_data(&self) -> bool {
        self.answer.summary.verdict == ConflictVerdict::OtherData
    }

    /// Whether pieces hold anything that is marked.
    fn is_marked(&self, pieces: &[SqlPiece]) -> bool {
        pieces.iter().any(|piece| piece.differs)
    }
}

/// Shows the board: `verdict=`, `facet=`, and words of the name in `q=`.
pub(crate) async fn show_conflicts(visit: Visit) -> Result<Response, PageError> {
    let board = visit.view.conflicts().await?;
    let verdict = visit.query.filled("verdict").and_then(ConflictVerdict::from_word).unwrap_or(ConflictVerdict::Different);
    let facet = visit.query.filled("facet").unwrap_or("").to_owned();
    let words = visit.query.filled("q").unwrap_or("").to_lowercase();
    let fits = |group: &&ConflictSummary| {
        let has_facet = facet.is_empty() || group.facets.iter().any(|own| own.word() == facet);
        let has_words = words.split_whitespace().all(|word| group.name.to_lowercase().contains(word) || group.id.contains(word));
        group.verdict == verdict && has_facet && has_words
    };
    let fitting: Vec<&ConflictSummary> = board.groups.iter().filter(fits).collect();
    let all = fitting.len();
    let shown = fitting.into_iter().take(AT_ONCE).collect();
    visit.answer(&ConflictsPage { chrome: visit.chrome.clone(), board: &board, verdict, facet, words, shown, all })
}

/// Shows one group.
pub(crate) async fn show_conflict(Path(id): Path<String>, visit: Visit) -> Result<Response, PageError> {
    let answer = visit.view.conflict(&id).await?;
    visit.answer(&ConflictPage { chrome: visit.chrome.clone(), answer, may_edit: visit.chrome.reader.may_edit })
}

/// Endorses a calculation; with `others`, the others that differ are deprecated.
pub(crate) async fn endorse(
    State(site): State<Site>,
    Path(id): Path<String>,
    visit: Visit,
    body: String,
) -> Result<Response, PageError> {
    let form = Query::parse(&body);
    let others = if form.filled("others").is_some() { Others::AreDeprecated } else { Others::Stay };
    let chosen = read_chosen(&id, &form)?;
    site.catalog.endorse_calculation(visit.actor()?, &chosen, form.get("note").unwrap_or(""), others).await?;
    Ok(Redirect::to(&urls::conflict(&id)).into_response())
}

/// Deprecates a calculation.
pub(crate) async fn deprecate(
    State(site): State<Site>,
    Path(id): Path<String>,
    visit: Visit,
    body: String,
) -> Result<Response, PageError> {
    let form = Query::parse(&body);
    let chosen = read_chosen(&id, &form)?;
    let (note, replacement) = (form.get("note").unwrap_or(""), form.get("replacement").unwrap_or(""));
    site.catalog.deprecate_calculation(visit.actor()?, &chosen, note, replacement).await?;
    Ok(Redirect::to(&urls::conflict(&id)).into_response())
}

/// Notes that the difference is meant, or, with `proposal`, that one should be called otherwise.
pub(crate) async fn add_note(
    State(site): State<Site>,
    Path(id): Path<String>,
    visit: Visit,
    body: String,
) -> Result<Response, PageError> {
    let form = Query::parse(&body);
    let rename = match form.filled("proposal") {
        Some(proposal) => {
            let chosen = read_chosen(&id, &form)?;
            Some((chosen.namespace, chosen.name, chosen.column, proposal.to_owned()))
        }
        None => None,
    };
    let new = NewMetricNote {
        metric: id.clone(),
        text: form.get("note").unwrap_or("").to_owned(),
        rename,
        seen: form.filled("print").map(str::to_owned),
    };
    site.catalog.note_metric(visit.actor()?, new).await?;
    Ok(Redirect::to(&urls::conflict(&id)).into_response())
}

/// Takes a note back.
pub(crate) async fn take_back_note(
    State(site): State<Site>,
    Path((id, number)): Path<(String, i64)>,
    visit: Visit,
) -> Result<Response, PageError> {
    site.catalog.take_back_note(visit.actor()?, &id, number).await?;
    Ok(Redirect::to(&urls::conflict(&id)).into_response())
}

/// The calculation that a form names: its asset as forms name assets, and its column.
fn read_chosen(id: &str, form: &Query) -> Result<ChosenCalculation, PageError> {
    let named = form.get("asset").and_then(urls::read_named_asset);
    let (namespace, name) = named.ok_or_else(|| PageError::BadRequest("Choose one of the calculations first.".to_owned()))?;
    Ok(ChosenCalculation { metric: id.to_owned(), namespace, name, column: form.get("column").unwrap_or("").to_owned() })
}
