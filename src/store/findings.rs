//! When findings were first seen, which of them are snoozed, and which file makes which asset.

use sqlx::Row;

use super::{Store, StoreError, runs::to_json};
use crate::model::{AssetId, RunNumber};

/// A finding by what identifies it, and when it was first seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenFinding {
    /// Its code.
    pub code: String,
    /// JSON [namespace, key, what].
    pub subject: String,
    /// When the first run that found it read its sources, seconds since 1970 UTC.
    pub first_at: i64,
    /// That run.
    pub first_run: RunNumber,
}

/// That somebody wants to hear of a finding later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnoozeRow {
    /// Its code.
    pub code: String,
    /// Its subject.
    pub subject: String,
    /// The first day on which it is heard again (ISO date); `None`: it is to be heard now.
    pub until: Option<String>,
    /// Why.
    pub reason: String,
    /// Who says so.
    pub person: String,
    /// When, seconds since 1970 UTC.
    pub at: i64,
}

impl Store {
    /// Notes that `run`, of the moment `at`, found exactly `found` (code, subject). What it did not find any
    /// more is forgotten; nothing happens where a newer run was noted.
    pub async fn note_findings(&self, run: RunNumber, at: i64, found: &[(String, String)]) -> Result<(), StoreError> {
        let mut transaction = self.people.begin_with("BEGIN IMMEDIATE").await?;
        let newest: Option<u32> = sqlx::query_scalar("SELECT max(last_run) FROM finding").fetch_one(&mut *transaction).await?;
        if newest.is_some_and(|newest| newest > run.0) {
            return Ok(());
        }
        let found = to_json(&found)?;
        sqlx::query(
            "INSERT INTO finding (code, subject, first_run, first_at, last_run)
             SELECT value ->> 0, value ->> 1, ?2, ?3, ?2 FROM json_each(?1) WHERE true
             ON CONFLICT (code, subject) DO UPDATE SET last_run = excluded.last_run",
        )
        .bind(&found)
        .bind(run.0)
        .bind(at)
        .execute(&mut *transaction)
        .await?;
        sqlx::query("DELETE FROM finding WHERE (code, subject) NOT IN (SELECT value ->> 0, value ->> 1 FROM json_each(?1))")
            .bind(&found)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Findings that were noted.
    pub async fn seen_findings(&self) -> Result<Vec<SeenFinding>, StoreError> {
        let rows = sqlx::query("SELECT code, subject, first_at, first_run FROM finding ORDER BY code, subject")
            .fetch_all(&self.people)
            .await?;
        rows.iter()
            .map(|row| {
                Ok(SeenFinding {
                    code: row.try_get(0)?,
                    subject: row.try_get(1)?,
                    first_at: row.try_get(2)?,
                    first_run: RunNumber(row.try_get(3)?),
                })
            })
            .collect()
    }

    /// Keeps snoozes, all or none.
    pub async fn add_snoozes(&self, snoozes: &[SnoozeRow]) -> Result<(), StoreError> {
        let mut transaction = self.people.begin_with("BEGIN IMMEDIATE").await?;
        for snooze in snoozes {
            sqlx::query("INSERT INTO snooze (code, subject, until, reason, person, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")
                .bind(&snooze.code)
                .bind(&snooze.subject)
                .bind(&snooze.until)
                .bind(&snooze.reason)
                .bind(&snooze.person)
                .bind(snooze.at)
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// The newest snooze of every finding that has one.
    pub async fn snoozes(&self) -> Result<Vec<SnoozeRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT code, subject, until, reason, person, at FROM snooze
             WHERE id IN (SELECT max(id) FROM snooze GROUP BY code, subject) ORDER BY code, subject",
        )
        .fetch_all(&self.people)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(SnoozeRow {
                    code: row.try_get(0)?,
                    subject: row.try_get(1)?,
                    until: row.try_get(2)?,
                    reason: row.try_get(3)?,
                    person: row.try_get(4)?,
                    at: row.try_get(5)?,
                })
            })
            .collect()
    }

    /// (source, path, asset) of every file that defines or declares an asset in `run`, sorted.
    pub async fn files_of_assets(&self, run: RunNumber) -> Result<Vec<(String, String, AssetId)>, StoreError> {
        let rows = sqlx::query(
            "SELECT DISTINCT source.name, document.path, analysis_asset.asset FROM placement
             JOIN analysis_asset ON analysis_asset.analysis = placement.analysis AND analysis_asset.how = 'writes'
             JOIN document ON document.id = placement.document JOIN source ON source.id = document.source
             WHERE placement.valid_from <= ?1 AND (placement.valid_to IS NULL OR ?1 < placement.valid_to) AND NOT source.is_log
             UNION
             SELECT source.name, document.path, declared_schema.asset FROM declared_schema
             JOIN document ON document.id = declared_schema.document JOIN source ON source.id = document.source
             WHERE declared_schema.valid_from <= ?1 AND (declared_schema.valid_to IS NULL OR ?1 < declared_schema.valid_to)
             ORDER BY 1, 2, 3",
        )
        .bind(run.0)
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?, AssetId(row.try_get(2)?)))).collect()
    }
}
