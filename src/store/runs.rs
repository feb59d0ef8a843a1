//! Runs: begun, published, given up; and the lock that lets one crawl at a time write.

use std::{
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use sqlx::Row;

use super::{RunCounts, RunRow, RunSource, RunState, Store, StoreError};
use crate::model::RunNumber;

/// A lock whose heartbeat is older than this (seconds) belongs to nobody.
const DEAD_AFTER: i64 = 20;

/// The right to write runs. Keep it alive with [`Store::beat`]; give it back with [`Store::unlock_crawl`].
#[derive(Debug)]
pub struct CrawlLock {
    token: String,
}

impl Store {
    /// The newest published run; `None` before the first.
    pub async fn latest_run(&self) -> Result<Option<RunNumber>, StoreError> {
        let number: Option<i64> =
            sqlx::query_scalar("SELECT max(number) FROM run WHERE state = 'published'").fetch_one(&self.readers).await?;
        Ok(number.map(|number| RunNumber(number as u32)))
    }

    /// The newest `limit` runs, newest first, failed ones and the one being written among them.
    pub async fn runs(&self, limit: u32) -> Result<Vec<RunRow>, StoreError> {
        let rows =
            sqlx::query("SELECT number, state, started_at, ended_at, error, counts FROM run ORDER BY number DESC LIMIT ?1")
                .bind(limit)
                .fetch_all(&self.readers)
                .await?;
        let mut runs = Vec::with_capacity(rows.len());
        for row in rows {
            let number: i64 = row.try_get(0)?;
            let state: &str = row.try_get(1)?;
            let counts: &str = row.try_get(5)?;
            runs.push(RunRow {
                number: RunNumber(number as u32),
                state: RunState::from_word(state).ok_or_else(|| StoreError::Damaged(format!("run state {state}")))?,
                started_at: row.try_get(2)?,
                ended_at: row.try_get(3)?,
                error: row.try_get(4)?,
                counts: serde_json::from_str(counts).map_err(|error| StoreError::Damaged(error.to_string()))?,
                sources: self.run_sources(RunNumber(number as u32)).await?,
            });
        }
        Ok(runs)
    }

    /// What `run` read, in the order of the configuration.
    pub async fn run_sources(&self, run: RunNumber) -> Result<Vec<RunSource>, StoreError> {
        let rows = sqlx::query(
            "SELECT source.name, location, commit_id, commit_time, outcome, permalink, fingerprint
             FROM run_source JOIN source ON source.id = run_source.source WHERE run = ?1 ORDER BY ordinal",
        )
        .bind(run.0)
        .fetch_all(&self.readers)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(RunSource {
                    name: row.try_get(0)?,
                    location: row.try_get(1)?,
                    commit: row.try_get(2)?,
                    commit_time: row.try_get(3)?,
                    outcome: row.try_get(4)?,
                    permalink: row.try_get(5)?,
                    fingerprint: row.try_get(6)?,
                })
            })
            .collect()
    }

    /// Takes the lock, or says who holds it. A holder that died loses it.
    pub async fn lock_crawl(&self) -> Result<CrawlLock, StoreError> {
        static TAKEN: AtomicU64 = AtomicU64::new(0);
        let token = format!("{}-{}", process_token(), TAKEN.fetch_add(1, Ordering::Relaxed));
        let mut transaction = self.crawl.begin_with("BEGIN IMMEDIATE").await?;
        let holder: Option<(i64, String, i64)> =
            sqlx::query_as("SELECT pid, process, heartbeat FROM crawl_lock").fetch_optional(&mut *transaction).await?;
        if let Some((pid, process, heartbeat)) = holder
            && is_alive(pid, &process, heartbeat)
        {
            return Err(StoreError::Locked { pid: pid as u32, seconds: now() - heartbeat });
        }
        sqlx::query("INSERT OR REPLACE INTO crawl_lock (id, pid, process, heartbeat) VALUES (1, ?1, ?2, ?3)")
            .bind(std::process::id())
            .bind(&token)
            .bind(now())
            .execute(&mut *transaction)
            .await?;
        delete_unpublished_rows(&mut transaction, None).await?;
        transaction.commit().await?;
        Ok(CrawlLock { token })
    }

    /// Says that the holder of `lock` lives. Call it every few seconds.
    pub async fn beat(&self, lock: &CrawlLock) -> Result<(), StoreError> {
        sqlx::query("UPDATE crawl_lock SET heartbeat = ?1 WHERE process = ?2")
            .bind(now())
            .bind(&lock.token)
            .execute(&self.people)
            .await?;
        Ok(())
    }

    /// Gives the lock back.
    pub async fn unlock_crawl(&self, lock: CrawlLock) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM crawl_lock WHERE process = ?1").bind(&lock.token).execute(&self.crawl).await?;
        Ok(())
    }

    /// Begins a run that no reader sees.
    pub async fn begin_run(&self, _lock: &CrawlLock) -> Result<RunNumber, StoreError> {
        let counts = to_json(&RunCounts::default())?;
        let number: i64 = sqlx::query_scalar(
            "INSERT INTO run (number, state, started_at, counts)
             SELECT coalesce(max(number), 0) + 1, 'writing', ?1, ?2 FROM run RETURNING number",
        )
        .bind(now())
        .bind(counts)
        .fetch_one(&self.crawl)
        .await?;
        Ok(RunNumber(number as u32))
    }

    /// Makes all rows of `run` visible, at once.
    pub async fn publish_run(&self, run: RunNumber, counts: &RunCounts) -> Result<(), StoreError> {
        let done =
            sqlx::query("UPDATE run SET state = 'published', ended_at = ?2, counts = ?3 WHERE number = ?1 AND state = 'writing'")
                .bind(run.0)
                .bind(now())
                .bind(to_json(counts)?)
                .execute(&self.crawl)
                .await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::NoSuchRun(run.0));
        }
        Ok(())
    }

    /// Gives `run` up: its rows go, a note of why it failed stays.
    pub async fn fail_run(&self, run: RunNumber, error: &str) -> Result<(), StoreError> {
        let mut transaction = self.crawl.begin_with("BEGIN IMMEDIATE").await?;
        delete_unpublished_rows(&mut transaction, Some(error)).await?;
        transaction.commit().await?;
        tracing::warn!(run = run.0, error, "a crawl run was given up");
        Ok(())
    }

    /// Deletes the rows of runs that were never published, unless their crawl is still alive.
    pub async fn delete_unpublished(&self) -> Result<(), StoreError> {
        let mut transaction = self.crawl.begin_with("BEGIN IMMEDIATE").await?;
        let holder: Option<(i64, String, i64)> =
            sqlx::query_as("SELECT pid, process, heartbeat FROM crawl_lock").fetch_optional(&mut *transaction).await?;
        match holder {
            Some((pid, process, heartbeat)) if is_alive(pid, &process, heartbeat) => return Ok(()),
            Some(_) => {
                sqlx::query("DELETE FROM crawl_lock").execute(&mut *transaction).await?;
            }
            None => {}
        }
        delete_unpublished_rows(&mut transaction, None).await?;
        transaction.commit().await?;
        Ok(())
    }
}

/// Reopens what unpublished runs closed and deletes what they opened. Scripts, analyses, assets and
/// columns stay: they are keyed by their content, and nothing of a run refers to them any more.
async fn delete_unpublished_rows(connection: &mut sqlx::SqliteConnection, error: Option<&str>) -> Result<(), StoreError> {
    let writing: Vec<i64> =
        sqlx::query_scalar("SELECT number FROM run WHERE state = 'writing'").fetch_all(&mut *connection).await?;
    for run in writing {
        for (delete, reopen) in UNDO {
            sqlx::query(*delete).bind(run).execute(&mut *connection).await?;
            sqlx::query(*reopen).bind(run).execute(&mut *connection).await?;
        }
        sqlx::query("DELETE FROM run_source WHERE run = ?1").bind(run).execute(&mut *connection).await?;
        sqlx::query("UPDATE run SET state = 'failed', ended_at = ?2, error = ?3 WHERE number = ?1")
            .bind(run)
            .bind(now())
            .bind(error.unwrap_or("the crawl was cut off"))
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// For every interval table: delete what a run opened, reopen what it closed.
const UNDO: &[(&str, &str)] = &[
    ("DELETE FROM document_version WHERE valid_from = ?1", "UPDATE document_version SET valid_to = NULL WHERE valid_to = ?1"),
    ("DELETE FROM asset_state WHERE valid_from = ?1", "UPDATE asset_state SET valid_to = NULL WHERE valid_to = ?1"),
    ("DELETE FROM asset_alias WHERE valid_from = ?1", "UPDATE asset_alias SET valid_to = NULL WHERE valid_to = ?1"),
    ("DELETE FROM asset_fact WHERE valid_from = ?1", "UPDATE asset_fact SET valid_to = NULL WHERE valid_to = ?1"),
    ("DELETE FROM declared_schema WHERE valid_from = ?1", "UPDATE declared_schema SET valid_to = NULL WHERE valid_to = ?1"),
    ("DELETE FROM inferred_columns WHERE valid_from = ?1", "UPDATE inferred_columns SET valid_to = NULL WHERE valid_to = ?1"),
    ("DELETE FROM placement WHERE valid_from = ?1", "UPDATE placement SET valid_to = NULL WHERE valid_to = ?1"),
    ("DELETE FROM diagnostic WHERE valid_from = ?1", "UPDATE diagnostic SET valid_to = NULL WHERE valid_to = ?1"),
    ("DELETE FROM decision_file WHERE valid_from = ?1", "UPDATE decision_file SET valid_to = NULL WHERE valid_to = ?1"),
    ("DELETE FROM asset_usage WHERE valid_from = ?1", "UPDATE asset_usage SET valid_to = NULL WHERE valid_to = ?1"),
];

/// Whether the process that holds a lock still works.
fn is_alive(pid: i64, token: &str, heartbeat: i64) -> bool {
    if now() - heartbeat > DEAD_AFTER {
        return false;
    }
    if pid == i64::from(std::process::id()) {
        return token.starts_with(process_token());
    }
    let processes = std::path::Path::new("/proc");
    !processes.join("self").exists() || processes.join(pid.to_string()).exists()
}

/// Tells this process from an earlier one of the same number.
fn process_token() -> &'static str {
    static TOKEN: OnceLock<String> = OnceLock::new();
    TOKEN.get_or_init(|| {
        let started = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
        format!("{}-{started:x}", std::process::id())
    })
}

/// Seconds since 1970 UTC.
pub(crate) fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64)
}

pub(crate) fn to_json<T: serde::Serialize + ?Sized>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Damaged(error.to_string()))
}
