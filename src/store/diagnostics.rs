//! Diagnostics of a run, of analyses and of files.

use std::sync::Arc;

use sqlx::Row;

use super::{DiagnosticRow, Store, StoreError};
use crate::model::{DocumentId, RunNumber, Severity, Span, find_code};

impl Store {
    /// Every diagnostic of `run`, sorted.
    pub async fn diagnostics(&self, run: RunNumber) -> Result<Vec<DiagnosticRow>, StoreError> {
        self.diagnostics_of(run, None).await
    }

    /// The diagnostics of one document, or of all, sorted.
    pub(super) async fn diagnostics_of(
        &self,
        run: RunNumber,
        document: Option<DocumentId>,
    ) -> Result<Vec<DiagnosticRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT source.name, document.path, found.line, found.code, found.message, found.span_start, found.span_end
             FROM (
                 SELECT document, line, code, message, span_start, span_end FROM diagnostic
                 WHERE valid_from <= ?1 AND (valid_to IS NULL OR ?1 < valid_to) AND (?2 IS NULL OR document = ?2)
                 UNION ALL
                 SELECT placement.document, line, code, message, span_start, span_end FROM placement
                 JOIN analysis_diagnostic AS own ON own.analysis = placement.analysis
                 WHERE valid_from <= ?1 AND (valid_to IS NULL OR ?1 < valid_to) AND NOT stale
                     AND (?2 IS NULL OR document = ?2)
             ) AS found
             JOIN document ON document.id = found.document JOIN source ON source.id = document.source",
        )
        .bind(run.0)
        .bind(document.map(|document| document.0))
        .fetch_all(&self.readers)
        .await?;
        let mut found = rows
            .iter()
            .map(|row| {
                let code: String = row.try_get(3)?;
                Ok(DiagnosticRow {
                    source: Arc::from(row.try_get::<&str, _>(0)?),
                    path: Arc::from(row.try_get::<&str, _>(1)?),
                    line: row.try_get(2)?,
                    severity: find_code(&code).map_or(Severity::Warning, |code| code.severity),
                    code,
                    message: row.try_get(4)?,
                    span: Span { start: row.try_get(5)?, end: row.try_get(6)? },
                })
            })
            .collect::<Result<Vec<_>, StoreError>>()?;
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }
}
