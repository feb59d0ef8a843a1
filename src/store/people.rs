//! What people state.

use sqlx::{Row, sqlite::SqliteRow};

use super::{PersonStatement, Store, StoreError, runs::to_json};
use crate::model::{AssetId, RunNumber};

/// What came of statements that were made on the ground of others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Appended {
    /// Their numbers, in order.
    All(Vec<i64>),
    /// None was kept: somebody else stated something of the same field in between. Which ones, by place.
    Overtaken(Vec<usize>),
}

/// A statement to be kept, and what its author knew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewStatement {
    /// The statement; its number and batch are given by the store.
    pub statement: PersonStatement,
    /// The number of the newest statement of the same field that its author saw, 0 for none; `None`
    /// where it does not matter.
    pub seen: Option<i64>,
}

impl Store {
    /// Appends what a person states, all or nothing; numbers come back. Durable when this returns.
    pub async fn append_statements(&self, new: &[NewStatement]) -> Result<Appended, StoreError> {
        let mut transaction = self.people.begin_with("BEGIN IMMEDIATE").await?;
        let mut overtaken = Vec::new();
        for (at, NewStatement { statement, seen }) in new.iter().enumerate() {
            let Some(seen) = seen else { continue };
            let newest: i64 = sqlx::query_scalar(
                "SELECT coalesce(max(id), 0) FROM statement_of_person
                 WHERE namespace = ?1 AND key = ?2 AND column_path = ?3 AND field = ?4",
            )
            .bind(&statement.namespace)
            .bind(&statement.key)
            .bind(&statement.column)
            .bind(&statement.field)
            .fetch_one(&mut *transaction)
            .await?;
            // Under a former name of the asset more may have been seen than stands under this one.
            if newest > *seen {
                overtaken.push(at);
            }
        }
        if !overtaken.is_empty() {
            return Ok(Appended::Overtaken(overtaken));
        }
        let mut ids: Vec<i64> = Vec::with_capacity(new.len());
        let last: i64 =
            sqlx::query_scalar("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'statement_of_person'")
                .fetch_one(&mut *transaction)
                .await?;
        let batch = (new.len() > 1).then_some(last + 1);
        for NewStatement { statement, .. } in new {
            let value = statement.value.as_ref().map(to_json).transpose()?;
            let id = sqlx::query_scalar(
                "INSERT INTO statement_of_person
                     (namespace, key, column_path, field, value, withdraws, person, at, undoes, batch)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) RETURNING id",
            )
            .bind(&statement.namespace)
            .bind(&statement.key)
            .bind(&statement.column)
            .bind(&statement.field)
            .bind(value)
            .bind(statement.withdraws)
            .bind(&statement.person)
            .bind(statement.at)
            .bind(statement.undoes)
            .bind(batch)
            .fetch_one(&mut *transaction)
            .await?;
            ids.push(id);
        }
        transaction.commit().await?;
        Ok(Appended::All(ids))
    }

    /// What people stated, oldest first: of everything, or of one (namespace, key).
    pub async fn person_statements(&self, of: Option<(&str, &str)>) -> Result<Vec<PersonStatement>, StoreError> {
        let (namespace, key) = of.unzip();
        let rows = sqlx::query(
            "SELECT id, namespace, key, column_path, field, value, withdraws, person, at, undoes, batch
             FROM statement_of_person WHERE ?1 IS NULL OR (namespace = ?1 AND key = ?2) ORDER BY id",
        )
        .bind(namespace)
        .bind(key)
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(statement_row).collect()
    }

    /// The newest `limit` statements numbered below `before`, newest first.
    pub async fn newest_statements(&self, before: i64, limit: u32) -> Result<Vec<PersonStatement>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, namespace, key, column_path, field, value, withdraws, person, at, undoes, batch
             FROM statement_of_person WHERE id < ?1 ORDER BY id DESC LIMIT ?2",
        )
        .bind(before)
        .bind(limit)
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(statement_row).collect()
    }

    /// Statements numbered above `after`, oldest first, `limit` of them.
    pub async fn statements_after(&self, after: i64, limit: u32) -> Result<Vec<PersonStatement>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, namespace, key, column_path, field, value, withdraws, person, at, undoes, batch
             FROM statement_of_person WHERE id > ?1 ORDER BY id LIMIT ?2",
        )
        .bind(after)
        .bind(limit)
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(statement_row).collect()
    }

    /// The number of the newest statement; 0 before the first.
    pub async fn latest_statement(&self) -> Result<i64, StoreError> {
        Ok(sqlx::query_scalar("SELECT coalesce(max(id), 0) FROM statement_of_person").fetch_one(&self.readers).await?)
    }

    /// Assets that something was stated of since statement `after`, sorted.
    pub async fn assets_stated_after(&self, after: i64) -> Result<Vec<AssetId>, StoreError> {
        let rows: Vec<(u32,)> = sqlx::query_as(
            "SELECT DISTINCT asset.id FROM statement_of_person AS stated
             JOIN asset ON asset.namespace = stated.namespace AND asset.key = stated.key
             WHERE stated.id > ?1 ORDER BY 1",
        )
        .bind(after)
        .fetch_all(&self.readers)
        .await?;
        Ok(rows.into_iter().map(|(id,)| AssetId(id)).collect())
    }

    /// The run that readers saw at a time (seconds since 1970 UTC); the first that is kept where that
    /// was before it.
    pub async fn run_at(&self, time: i64) -> Result<Option<RunNumber>, StoreError> {
        let number: Option<u32> = sqlx::query_scalar(
            "SELECT coalesce(max(number) FILTER (WHERE ended_at <= ?1), min(number)) FROM run WHERE state = 'published'",
        )
        .bind(time)
        .fetch_one(&self.readers)
        .await?;
        Ok(number.map(RunNumber))
    }

    /// The first run that is kept in which files said something of `kind` of an asset.
    pub async fn first_run_with_fact(&self, asset: AssetId, kind: &str) -> Result<Option<RunNumber>, StoreError> {
        let number: Option<u32> = sqlx::query_scalar("SELECT min(valid_from) FROM asset_fact WHERE asset = ?1 AND kind = ?2")
            .bind(asset.0)
            .bind(kind)
            .fetch_one(&self.readers)
            .await?;
        Ok(number.map(RunNumber))
    }

    /// How many other assets read an asset in a run.
    pub async fn count_readers(&self, run: RunNumber, asset: AssetId) -> Result<u64, StoreError> {
        let count: i64 = sqlx::query_scalar(
            "SELECT count(DISTINCT to_asset) FROM asset_edge
             WHERE from_asset = ?2 AND to_asset <> ?2 AND EXISTS (
                 SELECT 1 FROM placement WHERE placement.analysis = asset_edge.analysis
                     AND valid_from <= ?1 AND (valid_to IS NULL OR ?1 < valid_to))",
        )
        .bind(run.0)
        .bind(asset.0)
        .fetch_one(&self.readers)
        .await?;
        Ok(count.unsigned_abs())
    }
}

fn statement_row(row: &SqliteRow) -> Result<PersonStatement, StoreError> {
    let value: Option<&str> = row.try_get(5)?;
    let value = value.map(serde_json::from_str).transpose().map_err(|error| StoreError::Damaged(error.to_string()))?;
    Ok(PersonStatement {
        id: row.try_get(0)?,
        namespace: row.try_get(1)?,
        key: row.try_get(2)?,
        column: row.try_get(3)?,
        field: row.try_get(4)?,
        value,
        withdraws: row.try_get(6)?,
        person: row.try_get(7)?,
        at: row.try_get(8)?,
        undoes: row.try_get(9)?,
        batch: row.try_get(10)?,
    })
}
