//! Reads repositories and folders: documents, facts and history out, never interpreting SQL.
//!
//! In: a [`Request`]. Out: a [`model::Reading`](crate::model::Reading), sorted, where everything
//! that could not be read is a diagnostic and the rest is there. Runs no hook, filter or submodule,
//! writes nothing but clones below the data folder, and blocks: keep it off async workers.

mod archive;
mod codeowners;
mod compose;
mod dashboards;
mod dbt;
mod decisions;
mod definitions;
mod deprecation;
mod fetch;
mod files;
mod folder;
mod folder_dialects;
mod format;
mod git;
mod governance;
mod guess;
mod history;
mod json_tree;
mod layout;
mod metadata;
mod metrics;
mod permalink;
pub mod postgres;
pub mod query_log;
mod reading;
mod review;
mod schema;
mod sqlmesh;
mod state;
mod toml_tree;
mod yaml;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use crate::{
    config::{Config, SourceConfig, is_database},
    model::{Commit, Reading},
};

/// Objects kept while walking: neighbouring commits share nearly all their trees.
const HISTORY_CACHE_BYTES: usize = 64 << 20;

/// What is to be read.
pub struct Request<'a> {
    /// Limits and warehouses.
    pub config: &'a Config,
    /// The source.
    pub source: &'a SourceConfig,
    /// Which of its states.
    pub at: At,
    /// The data folder; clones of remotes live below it.
    pub data: &'a Path,
    /// The files that were read before, as [`Reading::files`]: where a key is the same still, the file's
    /// documents, facts and diagnostics are left out and its path stands in [`Reading::unchanged`].
    pub known: &'a BTreeMap<String, String>,
    /// A commit up to which history is known: if the state read descends from it, only newer
    /// commits are walked and [`Reading::history_since`] names it.
    pub history_since: Option<String>,
}

/// Which state of a source is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum At {
    /// The newest; of a work tree, the files on disk.
    Tip,
    /// The newest commit that is at least so many days older than the tip.
    DaysBefore(u32),
    /// This commit (full hexadecimal id).
    Commit(String),
}

/// Hears how far reading is.
pub trait Progress: Sync {
    /// `done` of `total` things of this step are done; `total` is 0 while unknown.
    fn report(&self, step: Step, done: u64, total: u64);
}

/// A step of reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Cloning or fetching a remote.
    Fetch,
    /// Reading files.
    Files,
    /// Walking over commits.
    History,
}

/// Tells nobody.
pub struct NoProgress;

impl Progress for NoProgress {
    fn report(&self, _: Step, _: u64, _: u64) {}
}

/// Knows no file: everything is read.
pub static NOTHING_KNOWN: BTreeMap<String, String> = BTreeMap::new();

/// Why nothing of a source could be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// There is nothing at the path.
    #[error("{0} does not exist or is not a folder")]
    Missing(PathBuf),
    /// The folder is there and cannot be listed, or the data folder cannot be written.
    #[error("cannot read {path}: {cause}")]
    Unreadable {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// The repository is broken.
    #[error("cannot read the repository {place}: {message}")]
    Repository {
        /// Where it is.
        place: String,
        /// What is wrong.
        message: String,
    },
    /// The ref names nothing.
    #[error("{place} has no branch, tag or commit `{reference}`")]
    UnknownReference {
        /// Where it is.
        place: String,
        /// As asked for.
        reference: String,
    },
    /// No state of the repository is that old.
    #[error("{place} has no commit {days} days older than its newest")]
    NoStateThatOld {
        /// Where it is.
        place: String,
        /// As asked for.
        days: u32,
    },
    /// The address is of a kind that is never fetched.
    #[error("`{0}` is not fetched: only https, http, ssh and git addresses are")]
    RefusedAddress(String),
    /// The remote could not be cloned or fetched.
    #[error("cannot fetch {url}: {message}")]
    Fetch {
        /// The address, without a password.
        url: String,
        /// What went wrong.
        message: String,
    },
}

/// Reads one state of one source.
pub fn read(request: &Request<'_>, progress: &dyn Progress) -> Result<Reading, SourceError> {
    if request.source.url.as_deref().is_some_and(is_database) {
        return postgres::read(request, progress);
    }
    let mut state = state::open_state(request, progress)?;
    archive::list_archives(&mut state.files, &request.config.limits);
    let mut reading = Reading { commit: state.commit.clone(), ..Reading::default() };
    reading::read_files(request, &state.files, progress, &mut reading);
    review::read_reviewers(request, &state, &mut reading);
    if let (Some(opened), Some(commit)) = (&state.opened, &state.commit) {
        read_history(request, opened, commit, progress, &mut reading);
    }
    let prefix = state.opened.as_ref().map_or("", |opened| opened.prefix.as_str());
    let inferred = || permalink::infer_permalink(state.remote.as_deref()?, prefix);
    reading.permalink = request.source.permalink.clone().or_else(inferred);
    reading.facts.sort_by(|left, right| (&left.path, left.line).cmp(&(&right.path, right.line)));
    reading.diagnostics.sort();
    Ok(reading)
}

fn read_history(request: &Request<'_>, opened: &git::Opened, commit: &Commit, progress: &dyn Progress, reading: &mut Reading) {
    let parse = |id: &str| gix::ObjectId::from_hex(id.as_bytes()).ok();
    let Some(tip) = parse(&commit.id) else { return };
    let mut repository = opened.repository.to_thread_local();
    repository.object_cache_size_if_unset(HISTORY_CACHE_BYTES);
    let paths: Vec<&str> = reading.files.keys().map(String::as_str).collect();
    let walk = history::Walk {
        tip,
        since: request.history_since.as_deref().and_then(parse),
        max_commits: request.config.crawl.history_commits,
        prefix: &opened.prefix,
        paths: &paths,
        bots: &request.source.bots,
    };
    let found = history::walk_history(&repository, &walk, progress);
    reading.last_changes = found.last_changes;
    reading.contributors = found.contributors;
    reading.history_since = found.since;
}
