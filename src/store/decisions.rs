//! Decisions: as files say, run by run, and as people edited them.

use sqlx::Row;

use super::{Store, StoreError, runs::to_json, source_files::FileTable};
use crate::model::{Decision, DecisionFile, RunNumber};

/// A decision that somebody edited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatedDecisionRow {
    /// Its number.
    pub id: i64,
    /// Its key.
    pub key: String,
    /// What it is from then on; `None`: what files say.
    pub body: Option<Decision>,
    /// Who.
    pub person: String,
    /// When, seconds since 1970 UTC.
    pub at: i64,
}

const FILES: FileTable = FileTable {
    standing: "SELECT path, content FROM decision_file WHERE source = ?1 AND valid_to IS NULL",
    close: "UPDATE decision_file SET valid_to = ?3 WHERE source = ?1 AND path = ?2 AND valid_to IS NULL",
    open: "INSERT INTO decision_file (source, path, content, valid_from) VALUES (?1, ?2, ?3, ?4)",
};

impl Store {
    /// Writes the files of decisions of `source` as the unpublished `run` reads them; only what changed.
    pub async fn write_decisions(&self, run: RunNumber, source: &str, files: &[DecisionFile]) -> Result<(), StoreError> {
        self.write_files(&FILES, run, source, files.iter().map(|file| (file.path.as_str(), file))).await
    }

    /// (source, file) of every file of decisions in `run`, sorted; those of sources that it did not read stand
    /// as they were read last.
    pub async fn decision_files(&self, run: RunNumber) -> Result<Vec<(String, DecisionFile)>, StoreError> {
        let rows = sqlx::query(
            "SELECT source.name, content FROM decision_file JOIN source ON source.id = decision_file.source
             JOIN run_source ON run_source.run = ?1 AND run_source.source = source.id
             WHERE valid_from <= ?1 AND (valid_to IS NULL OR ?1 < valid_to) ORDER BY source.name, path",
        )
        .bind(run.0)
        .fetch_all(&self.readers)
        .await?;
        rows.iter()
            .map(|row| {
                let file = serde_json::from_str(row.try_get(1)?).map_err(|error| StoreError::Damaged(error.to_string()))?;
                Ok((row.try_get(0)?, file))
            })
            .collect()
    }

    /// Keeps an edit of a decision; its number comes back. `None` where a newer edit than `seen` is there.
    pub async fn state_decision(
        &self,
        key: &str,
        body: Option<&Decision>,
        person: &str,
        at: i64,
        seen: i64,
    ) -> Result<Option<i64>, StoreError> {
        let mut transaction = self.people.begin_with("BEGIN IMMEDIATE").await?;
        let newest: i64 = sqlx::query_scalar("SELECT coalesce(max(id), 0) FROM stated_decision WHERE key = ?1")
            .bind(key)
            .fetch_one(&mut *transaction)
            .await?;
        if newest > seen {
            return Ok(None);
        }
        let id = sqlx::query_scalar("INSERT INTO stated_decision (key, body, person, at) VALUES (?1, ?2, ?3, ?4) RETURNING id")
            .bind(key)
            .bind(body.map(to_json).transpose()?)
            .bind(person)
            .bind(at)
            .fetch_one(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(Some(id))
    }

    /// The newest edit of every decision that has one, by key.
    pub async fn stated_decisions(&self) -> Result<Vec<StatedDecisionRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, key, body, person, at FROM stated_decision
             WHERE id IN (SELECT max(id) FROM stated_decision GROUP BY key) ORDER BY key",
        )
        .fetch_all(&self.people)
        .await?;
        rows.iter()
            .map(|row| {
                let body: Option<String> = row.try_get(2)?;
                let body = body.map(|text| serde_json::from_str(&text)).transpose();
                Ok(StatedDecisionRow {
                    id: row.try_get(0)?,
                    key: row.try_get(1)?,
                    body: body.map_err(|error| StoreError::Damaged(error.to_string()))?,
                    person: row.try_get(3)?,
                    at: row.try_get(4)?,
                })
            })
            .collect()
    }
}
