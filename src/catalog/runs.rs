//! Crawl runs and what they could not read or know.

use std::{cmp::Reverse, collections::BTreeMap, io::Write};

use serde::Serialize;

use super::{CatalogError, PlacedDiagnostic, Result, View};
use crate::{
    model::{Code, RunNumber, Severity, find_code},
    store::{NOT_READ, RunCounts, RunRow, Store},
};

/// One crawl run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, utoipa::ToSchema)]
pub struct RunSummary {
    /// Its number.
    pub run: u64,
    /// `writing`, `published` or `failed`.
    pub state: String,
    /// When it started, seconds since 1970 UTC.
    pub started: i64,
    /// When it ended, seconds since 1970 UTC.
    pub ended: Option<i64>,
    /// The sources it read.
    pub sources: Vec<RunSource>,
    /// Counts by word: documents, statements, parsed, changed, …, sorted by word.
    pub counts: Vec<(String, u64)>,
    /// Why it failed, where it did.
    pub error: Option<String>,
}

/// One source in a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, utoipa::ToSchema)]
pub struct RunSource {
    /// The source's name.
    pub source: String,
    /// Where it is read from.
    pub location: String,
    /// The commit that was read.
    pub commit: Option<String>,
    /// Its committer time, seconds since 1970 UTC.
    pub commit_time: Option<i64>,
    /// `read`, `unchanged`, or why what was known of it was kept.
    pub outcome: String,
}

impl RunSource {
    /// Whether it could not be read.
    pub fn failed(&self) -> bool {
        self.outcome.starts_with(NOT_READ)
    }
}

/// How often a code occurs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct DiagnosticCount {
    /// The stable code.
    pub code: String,
    /// How much it matters.
    pub severity: Severity,
    /// What happened, in a line.
    pub title: String,
    /// How often.
    pub count: u64,
}

/// Everything about one code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CodeAnswer {
    /// The stable code.
    pub code: String,
    /// How much it matters.
    pub severity: Severity,
    /// What happened, in a line.
    pub title: String,
    /// Why it happens.
    pub cause: String,
    /// What the reader can do.
    pub remedy: String,
    /// Occurrences in all.
    pub total: u64,
    /// Occurrences, by path and line, at most as many as were asked for.
    pub occurrences: Vec<PlacedDiagnostic>,
}

impl View {
    /// Runs, newest first, at most `most`; failed ones and the one being written among them.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn runs(&self, most: usize) -> Result<Vec<RunSummary>> {
        let rows = self.store.runs(u32::try_from(most).unwrap_or(u32::MAX)).await?;
        Ok(rows.iter().map(run_summary).collect())
    }

    /// How often each code occurs in this run: errors first, then by count.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn diagnostic_counts(&self) -> Result<Vec<DiagnosticCount>> {
        let mut counts: BTreeMap<(Severity, String), u64> = BTreeMap::new();
        for row in self.store.diagnostics(self.run).await? {
            *counts.entry((row.severity, row.code)).or_default() += 1;
        }
        let mut counts: Vec<DiagnosticCount> = counts
            .into_iter()
            .map(|((severity, code), count)| {
                let title = find_code(&code).map_or_else(|| code.clone(), |entry| entry.title.to_owned());
                DiagnosticCount { code, severity, title, count }
            })
            .collect();
        counts.sort_by_key(|entry| (entry.severity, Reverse(entry.count), entry.code.clone()));
        Ok(counts)
    }

    /// The page of `code` with at most `most` occurrences, skipping `skip`.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`] where there is no such code.
    pub async fn diagnostics_of(&self, code: &str, skip: usize, most: usize) -> Result<CodeAnswer> {
        let entry: &Code = find_code(code).ok_or_else(|| CatalogError::not_found("diagnostics", code))?;
        let mut rows = self.store.diagnostics(self.run).await?;
        rows.retain(|row| row.code == code);
        rows.sort();
        Ok(CodeAnswer {
            code: entry.code.to_owned(),
            severity: entry.severity,
            title: entry.title.to_owned(),
            cause: entry.cause.to_owned(),
            remedy: entry.remedy.to_owned(),
            total: rows.len() as u64,
            occurrences: rows.iter().skip(skip).take(most).map(|row| self.placed(row)).collect(),
        })
    }

    /// The whole catalog of this run, sorted, one JSON object per line.
    ///
    /// # Errors
    /// When the store cannot be read or `out` not written.
    pub async fn export(&self, out: &mut (dyn Write + Send)) -> Result<()> {
        Ok(self.store.export(self.run, out).await?)
    }
}

/// The run of that number; `None` where it is not among the newest.
///
/// # Errors
/// When the store cannot be read.
pub async fn find_run(store: &Store, run: RunNumber) -> Result<Option<RunSummary>> {
    let rows = store.runs(20).await?;
    Ok(rows.iter().find(|row| row.number == run).map(run_summary))
}

/// A run as answers carry it.
pub(super) fn run_summary(row: &RunRow) -> RunSummary {
    RunSummary {
        run: u64::from(row.number.0),
        state: row.state.word().to_owned(),
        started: row.started_at,
        ended: row.ended_at,
        sources: row
            .sources
            .iter()
            .map(|source| RunSource {
                source: source.name.clone(),
                location: source.location.clone(),
                commit: source.commit.clone(),
                commit_time: source.commit_time,
                outcome: source.outcome.clone(),
            })
            .collect(),
        counts: count_words(&row.counts),
        error: row.error.clone(),
    }
}

/// Every counter under its word, in the order of the words.
fn count_words(counts: &RunCounts) -> Vec<(String, u64)> {
    let Ok(serde_json::Value::Object(counts)) = serde_json::to_value(counts) else { return Vec::new() };
    let mut words: Vec<(String, u64)> = counts.into_iter().filter_map(|(word, count)| Some((word, count.as_u64()?))).collect();
    words.sort();
    words
}
