//! Crawl runs and what they could not read or know.

use serde::Serialize;

use super::{PlacedDiagnostic, Result, View};
use crate::model::{Severity, find_code};

/// One crawl run.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
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
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct RunSource {
    /// The source's name.
    pub source: String,
    /// The commit that was read.
    pub commit: Option<String>,
    /// Its committer time, seconds since 1970 UTC.
    pub commit_time: Option<i64>,
    /// `read`, `unchanged` or `failed`.
    pub outcome: String,
    /// Why it failed, where it did.
    pub error: Option<String>,
}

/// How often a code occurs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
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
    /// Runs, newest first, at most `most`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn runs(&self, _most: usize) -> Result<Vec<RunSummary>> {
        Ok(Vec::new())
    }

    /// How often each code occurs in this run: errors first, then by count.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn diagnostic_counts(&self) -> Result<Vec<DiagnosticCount>> {
        Ok(Vec::new())
    }

    /// The page of `code` with at most `most` occurrences, skipping `skip`.
    ///
    /// # Errors
    /// [`super::CatalogError::NotFound`] where there is no such code.
    pub async fn diagnostics_of(&self, code: &str, _skip: usize, _most: usize) -> Result<CodeAnswer> {
        let entry = find_code(code).ok_or_else(|| super::CatalogError::not_found("diagnostic", code))?;
        Ok(CodeAnswer {
            code: entry.code.to_owned(),
            severity: entry.severity,
            title: entry.title.to_owned(),
            cause: entry.cause.to_owned(),
            remedy: entry.remedy.to_owned(),
            total: 0,
            occurrences: Vec::new(),
        })
    }
}
