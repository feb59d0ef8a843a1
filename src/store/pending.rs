//! Observations on their way: written in the order in which they are counted, added by shape once a log is
//! read.
//!
//! A log tells of its shapes in no order. Added as they come, the counts of every batch would touch the pages
//! of nearly all shapes again; in parts of neighbouring shapes each page is written once a crawl.

use std::collections::BTreeMap;

use sqlx::{Row, SqliteConnection};

use super::{ObservationCounts, Store, StoreError, analyses::insert_rows, pack};

/// Shapes of a part, as a power of two.
const PART: u32 = 9;

/// (shape, day, asker).
pub(super) type ObservationKey = (i64, i64, i64);

/// Keeps the observations of a batch; a key comes once.
pub(super) async fn write_pending(
    connection: &mut SqliteConnection,
    mut observations: Vec<(ObservationKey, ObservationCounts)>,
) -> Result<(), StoreError> {
    observations.sort_unstable_by_key(|(key, _)| *key);
    let part = |observation: &(ObservationKey, ObservationCounts)| observation.0.0 >> PART;
    for some in observations.chunk_by(|one, other| part(one) == part(other)) {
        let rows: Vec<_> = some.iter().map(|(key, counts)| (key, as_row(counts))).collect();
        sqlx::query("INSERT INTO log_pending (part, rows) VALUES (?1, ?2)")
            .bind(some.first().map(part))
            .bind(pack::pack_json(&rows)?)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

impl Store {
    /// Adds the observations that wait, a part after the other, each whole or not at all.
    pub async fn add_pending(&self) -> Result<(), StoreError> {
        let parts: Vec<i64> =
            sqlx::query_scalar("SELECT DISTINCT part FROM log_pending ORDER BY part").fetch_all(&self.readers).await?;
        for part in parts {
            let mut transaction = self.crawl.begin_with("BEGIN IMMEDIATE").await?;
            let kept =
                sqlx::query("SELECT rows FROM log_pending WHERE part = ?1").bind(part).fetch_all(&mut *transaction).await?;
            let mut sums: BTreeMap<ObservationKey, ObservationCounts> = BTreeMap::new();
            for row in &kept {
                let rows: Vec<(ObservationKey, CountsRow)> = pack::unpack_json(row.try_get(0)?)?;
                for (key, counts) in rows {
                    sums.entry(key).or_default().add(&as_counts(counts));
                }
            }
            let rows: Vec<_> = sums.iter().map(|(key, counts)| (key, as_row(counts))).collect();
            insert_rows(&mut transaction, ADD_OBSERVATIONS, &rows).await?;
            sqlx::query("DELETE FROM log_pending WHERE part = ?1").bind(part).execute(&mut *transaction).await?;
            transaction.commit().await?;
        }
        Ok(())
    }
}

/// Runs, errors, attempts, first tries, bytes, milliseconds, first and last.
type CountsRow = (u64, u64, u64, u64, u64, u64, i64, i64);

fn as_row(it: &ObservationCounts) -> CountsRow {
    (it.runs, it.errors, it.attempts, it.first_tries, it.bytes, it.milliseconds, it.first_at, it.last_at)
}

fn as_counts((runs, errors, attempts, first_tries, bytes, milliseconds, first_at, last_at): CountsRow) -> ObservationCounts {
    ObservationCounts { runs, errors, attempts, first_tries, bytes, milliseconds, first_at, last_at }
}

const ADD_OBSERVATIONS: &str = "INSERT INTO observation
        (shape, day, asker, runs, errors, attempts, first_tries, bytes, milliseconds, first_at, last_at)
    SELECT value->0->>0, value->0->>1, value->0->>2, value->1->>0, value->1->>1, value->1->>2, value->1->>3, value->1->>4,
        value->1->>5, value->1->>6, value->1->>7
    FROM json_each(?1) WHERE true
    ON CONFLICT (shape, day, asker) DO UPDATE SET runs = runs + excluded.runs, errors = errors + excluded.errors,
        attempts = attempts + excluded.attempts, first_tries = first_tries + excluded.first_tries,
        bytes = bytes + excluded.bytes, milliseconds = milliseconds + excluded.milliseconds,
        first_at = min(first_at, excluded.first_at), last_at = max(last_at, excluded.last_at)";
