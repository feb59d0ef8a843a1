//! What people search for and open: noted in memory, kept in batches, told to those who look after the
//! catalog.
//!
//! A search is told apart by a random number, its ticket, which the links of its results carry. What is
//! opened counts only where the same person brings the ticket back.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use serde::Serialize;

use super::{Catalog, CatalogError, Result, View};
use crate::{
    config::SearchConfig,
    model::KeepUsers,
    store::{OpenedHit, SearchEvent, SearchTerm, Store},
};

/// Days that searches are kept for.
const KEPT_DAYS: i64 = 400;
/// Seconds in which the same search of the same person is the same one: turning a page, coming back.
const SAME_SEARCH: i64 = 30 * 60;
/// Searches that wait to be kept, at most; further ones are not noted.
const MOST_WAITING: usize = 10_000;
/// Searches that are known again, at most.
const MOST_RECENT: usize = 10_000;
/// Letters of a search that are kept.
const LONGEST_QUERY: usize = 300;
/// Days that pages tell of.
pub const SEARCH_DAYS: i64 = 28;
const DAY: i64 = 86_400;

/// Searches that were noted and not kept yet.
#[derive(Debug)]
pub(super) struct SearchLog {
    is_on: bool,
    users: KeepUsers,
    secret: Vec<u8>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    searches: Vec<SearchEvent>,
    opened: Vec<OpenedHit>,
    /// (person, words) → (ticket, when).
    recent: HashMap<(String, String), (i64, i64)>,
}

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SearchOutcome {
    /// Hits in all.
    pub hits: u64,
    /// Whether nothing had every word.
    pub relaxed: bool,
}

/// What people search for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct SearchHabits {
    /// Days that the answer is over.
    pub days: i64,
    /// Searches in all.
    pub searches: u64,
    /// Those without any hit.
    pub without_hit: u64,
    /// Those after which something was opened.
    pub opened: u64,
    /// Words that found nothing, or nothing that has all of them; what most people looked for first.
    pub missing: Vec<SearchTerm>,
    /// Words that most people looked for.
    pub often: Vec<SearchTerm>,
}

impl SearchLog {
    /// As `config` says.
    pub(super) async fn open(store: &Store, config: &SearchConfig) -> Result<SearchLog> {
        let secret = match config.users {
            KeepUsers::Hash => {
                let mut fresh = [0; 32];
                getrandom::fill(&mut fresh).map_err(|cause| CatalogError::broken("making a secret", cause))?;
                store.log_secret(&fresh).await?
            }
            KeepUsers::Keep | KeepUsers::Drop => Vec::new(),
        };
        Ok(SearchLog { is_on: config.record, users: config.users, secret, state: Mutex::default() })
    }

    fn person(&self, name: &str) -> String {
        self.users.name(name, &self.secret).map(|name| name.trim().to_lowercase()).unwrap_or_default()
    }

    fn note(&self, name: &str, query: &str, outcome: SearchOutcome, at: i64) -> Option<i64> {
        let query: String = query.trim().chars().take(LONGEST_QUERY).collect();
        if !self.is_on || query.is_empty() {
            return None;
        }
        let person = self.person(name);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let known = (person, query.to_lowercase());
        if let Some((ticket, _)) = state.recent.get(&known).filter(|(_, then)| at - then < SAME_SEARCH) {
            return Some(*ticket);
        }
        if state.searches.len() >= MOST_WAITING {
            return None;
        }
        let ticket = new_ticket()?;
        if state.recent.len() >= MOST_RECENT {
            state.recent.retain(|_, (_, then)| at - *then < SAME_SEARCH);
        }
        if state.recent.len() < MOST_RECENT {
            state.recent.insert(known.clone(), (ticket, at));
        }
        let hits = u32::try_from(outcome.hits).unwrap_or(u32::MAX);
        state.searches.push(SearchEvent { id: ticket, at, person: known.0, query, hits, relaxed: outcome.relaxed });
        Some(ticket)
    }

    fn note_opened(&self, name: &str, hit: OpenedHit) {
        if !self.is_on {
            return;
        }
        let person = self.person(name);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.opened.len() < MOST_WAITING {
            state.opened.push(OpenedHit { person, ..hit });
        }
    }

    /// What waits, taken out.
    fn take(&self) -> (Vec<SearchEvent>, Vec<OpenedHit>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        (std::mem::take(&mut state.searches), std::mem::take(&mut state.opened))
    }
}

/// A random number above 0; `None` where the system gives no random bytes.
fn new_ticket() -> Option<i64> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).ok()?;
    Some(i64::from_ne_bytes(bytes) & i64::MAX | 1)
}

impl Catalog {
    /// Notes that the person called `name` searched for `query`; the links of its results carry what comes
    /// back. `None` where searches are not recorded.
    pub fn note_search(&self, name: &str, query: &str, outcome: SearchOutcome, at: i64) -> Option<String> {
        self.searches.note(name, query, outcome, at).map(|ticket| format!("{ticket:x}"))
    }

    /// Notes that the person called `name` opened an asset, or a column of it, with the ticket of a search.
    /// A ticket of somebody else's, or one that is none, counts for nothing.
    pub fn note_opened(&self, name: &str, ticket: &str, asset: (&str, &str), column: Option<&str>, at: i64) {
        let Ok(search) = i64::from_str_radix(ticket, 16) else { return };
        let view = self.view();
        let Ok(row) = view.demand(asset.0, asset.1) else { return };
        let hit = OpenedHit {
            search,
            person: String::new(),
            namespace: row.namespace.to_string(),
            key: row.key.to_string(),
            column: column.unwrap_or_default().to_owned(),
            at,
        };
        self.searches.note_opened(name, hit);
    }

    /// Keeps the searches that were noted since the last call.
    ///
    /// # Errors
    /// When the store cannot be written; what was noted is lost.
    pub async fn keep_searches(&self, now: i64) -> Result<()> {
        let (searches, opened) = self.searches.take();
        if searches.is_empty() && opened.is_empty() {
            return Ok(());
        }
        Ok(self.store().keep_searches(&searches, &opened, now - KEPT_DAYS * DAY).await?)
    }
}

impl View {
    /// What people searched for in the last [`SEARCH_DAYS`] days before `now` (seconds since 1970 UTC).
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn search_habits(&self, now: i64, most: u32) -> Result<SearchHabits> {
        let from = now - SEARCH_DAYS * DAY;
        let (searches, without_hit, opened) = self.store.count_searches(from).await?;
        Ok(SearchHabits {
            days: SEARCH_DAYS,
            searches,
            without_hit,
            opened,
            missing: self.store.search_terms(from, true, most).await?,
            often: self.store.search_terms(from, false, most).await?,
        })
    }
}
