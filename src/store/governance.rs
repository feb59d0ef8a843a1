//! Files of governance, as runs read them.

use sqlx::Row;

use super::{Store, StoreError, source_files::FileTable};
use crate::model::{GovernanceFile, RunNumber};

/// A file of governance, whose it is, and since when it says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GovernanceRow {
    /// The source's name.
    pub source: String,
    /// The file.
    pub file: GovernanceFile,
    /// When the run that first read this text began, seconds since 1970 UTC.
    pub since: i64,
}

const FILES: FileTable = FileTable {
    standing: "SELECT path, content FROM governance_file WHERE source = ?1 AND valid_to IS NULL",
    close: "UPDATE governance_file SET valid_to = ?3 WHERE source = ?1 AND path = ?2 AND valid_to IS NULL",
    open: "INSERT INTO governance_file (source, path, content, valid_from) VALUES (?1, ?2, ?3, ?4)",
};

impl Store {
    /// Writes the files of governance of `source` as the unpublished `run` reads them; only what changed.
    pub async fn write_governance(&self, run: RunNumber, source: &str, files: &[GovernanceFile]) -> Result<(), StoreError> {
        self.write_files(&FILES, run, source, files.iter().map(|file| (file.path.as_str(), file))).await
    }

    /// Every file of governance in `run`, sorted by source and path; those of sources that it did not read stand
    /// as they were read last.
    pub async fn governance_files(&self, run: RunNumber) -> Result<Vec<GovernanceRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT source.name, content, run.started_at FROM governance_file
             JOIN source ON source.id = governance_file.source
             JOIN run_source ON run_source.run = ?1 AND run_source.source = source.id
             LEFT JOIN run ON run.number = valid_from
             WHERE valid_from <= ?1 AND (valid_to IS NULL OR ?1 < valid_to) ORDER BY source.name, path",
        )
        .bind(run.0)
        .fetch_all(&self.readers)
        .await?;
        rows.iter()
            .map(|row| {
                let file = serde_json::from_str(row.try_get(1)?).map_err(|error| StoreError::Damaged(error.to_string()))?;
                let since: Option<i64> = row.try_get(2)?;
                Ok(GovernanceRow { source: row.try_get(0)?, file, since: since.unwrap_or_default() })
            })
            .collect()
    }
}
