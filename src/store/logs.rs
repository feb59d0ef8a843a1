//! Query logs: what was read of them, counted by shape, day and asker.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;
use sqlx::{Row, SqliteConnection};

use super::{
    LogBatch, LogDay, LogFileState, LogRef, NewShape, ShapeRow, Skipped, Store, StoreError,
    analyses::insert_rows,
    pack,
    pending::write_pending,
    runs::{now, to_json},
    texts::intern_texts,
};
use crate::model::{Asker, LogFormat, LogSkip, RunNumber};

/// Numbers that a batch's new shapes and askers got, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Numbered {
    /// Of its shapes.
    pub shapes: Vec<i64>,
    /// Of its askers.
    pub askers: Vec<i64>,
    /// Of its file.
    pub file: i64,
}

impl Store {
    /// The number of the log called `name`, which is made where it is missing.
    pub async fn log_source(&self, name: &str) -> Result<i64, StoreError> {
        sqlx::query("INSERT INTO source (name, is_log) VALUES (?1, 1) ON CONFLICT (name) DO UPDATE SET is_log = 1")
            .bind(name)
            .execute(&self.crawl)
            .await?;
        Ok(sqlx::query_scalar("SELECT id FROM source WHERE name = ?1").bind(name).fetch_one(&self.crawl).await?)
    }

    /// Whether `name` is a log that something was read of.
    pub async fn is_log(&self, name: &str) -> Result<bool, StoreError> {
        let found: Option<i64> = sqlx::query_scalar("SELECT id FROM source WHERE name = ?1 AND is_log")
            .bind(name)
            .fetch_optional(&self.readers)
            .await?;
        Ok(found.is_some())
    }

    /// The files that were read of a log, by path.
    pub async fn log_files(&self, source: i64) -> Result<Vec<LogFileState>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, path, format, head_bytes, head, read_bytes, tail, entries, skipped, failure, read_at
             FROM log_file WHERE source = ?1 ORDER BY path, id",
        )
        .bind(source)
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(log_file).collect()
    }

    /// Keys of a log's shapes, with their numbers and whether they succeeded.
    pub async fn shape_keys(&self, source: i64) -> Result<Vec<(u128, i64, bool)>, StoreError> {
        let rows = sqlx::query("SELECT key, id, succeeded FROM query_shape WHERE source = ?1")
            .bind(source)
            .fetch_all(&self.readers)
            .await?;
        rows.iter().map(|row| Ok((key_of(row.try_get(0)?)?, row.try_get(1)?, row.try_get(2)?))).collect()
    }

    /// A log's shapes whose text is a definition or a question of its own, by key.
    pub async fn shapes(&self, source: i64) -> Result<Vec<ShapeRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT query_shape.id, key, form, body, dialect, database_, schema_, destination, succeeded
             FROM query_shape JOIN text ON text.id = query_shape.text
             WHERE source = ?1 AND NOT staged ORDER BY key",
        )
        .bind(source)
        .fetch_all(&self.readers)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(ShapeRow {
                    id: row.try_get(0)?,
                    key: key_of(row.try_get(1)?)?,
                    text: pack::unpack_text(row.try_get(2)?, row.try_get(3)?)?,
                    dialect: row.try_get(4)?,
                    database: row.try_get(5)?,
                    schema: row.try_get(6)?,
                    destination: row.try_get(7)?,
                    succeeded: row.try_get(8)?,
                })
            })
            .collect()
    }

    /// Every asker with its number.
    pub async fn askers(&self) -> Result<Vec<(Asker, i64)>, StoreError> {
        let rows = sqlx::query("SELECT person, via, tool, object, scheduled, id FROM asker").fetch_all(&self.readers).await?;
        rows.iter().map(|row| Ok((asker(row, 0)?, row.try_get(5)?))).collect()
    }

    /// The numbers of queries of one day that were counted.
    pub async fn seen_ids(&self, source: i64, day: i64) -> Result<Vec<u64>, StoreError> {
        let ids: Option<Vec<u8>> = sqlx::query_scalar("SELECT ids FROM log_seen WHERE source = ?1 AND day = ?2")
            .bind(source)
            .bind(day)
            .fetch_optional(&self.readers)
            .await?;
        let bytes = ids.unwrap_or_default();
        Ok(bytes.chunks_exact(8).map(|some| some.iter().fold(0, |id, byte| id << 8 | u64::from(*byte))).collect())
    }

    /// The clients of a log's sessions.
    pub async fn log_sessions(&self, source: i64) -> Result<Vec<(u64, String)>, StoreError> {
        let rows =
            sqlx::query("SELECT session, tool FROM log_session WHERE source = ?1").bind(source).fetch_all(&self.readers).await?;
        rows.iter().map(|row| Ok((row.try_get::<i64, _>(0)? as u64, row.try_get(1)?))).collect()
    }

    /// Counters of a log as they stood last: key → (runs, milliseconds).
    pub async fn log_counters(&self, source: i64) -> Result<HashMap<String, (u64, u64)>, StoreError> {
        let rows = sqlx::query("SELECT key, runs, milliseconds FROM log_counter WHERE source = ?1")
            .bind(source)
            .fetch_all(&self.readers)
            .await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, (number(row, 1)?, number(row, 2)?)))).collect()
    }

    /// The key that names of people are hashed with; made from `fresh` where there is none.
    pub async fn log_secret(&self, fresh: &[u8]) -> Result<Vec<u8>, StoreError> {
        sqlx::query("INSERT INTO log_secret (id, secret) VALUES (1, ?1) ON CONFLICT DO NOTHING")
            .bind(fresh)
            .execute(&self.people)
            .await?;
        Ok(sqlx::query_scalar("SELECT secret FROM log_secret WHERE id = 1").fetch_one(&self.people).await?)
    }

    /// Writes a batch whole or not at all; what it observed is seen once [`Store::add_pending`] has added it.
    pub async fn write_log_batch(&self, source: i64, batch: &LogBatch) -> Result<Numbered, StoreError> {
        let mut transaction = self.crawl.begin_with("BEGIN IMMEDIATE").await?;
        let shapes = insert_shapes(&mut transaction, source, &batch.shapes).await?;
        let askers = insert_askers(&mut transaction, &batch.askers).await?;
        let shape = |shape: LogRef| resolve(shape, &shapes);
        let observations: Vec<_> = batch
            .observations
            .iter()
            .map(|seen| Ok(((shape(seen.shape)?, seen.day, resolve(seen.asker, &askers)?), seen.counts)))
            .collect::<Result<_, StoreError>>()?;
        write_pending(&mut transaction, observations).await?;
        for (statement, refs) in [(SET_SUCCEEDED, &batch.succeeded), (SET_STAGED, &batch.staged)] {
            let ids: Vec<i64> = refs.iter().map(|it| shape(*it)).collect::<Result<_, _>>()?;
            sqlx::query(statement).bind(to_json(&ids)?).execute(&mut *transaction).await?;
        }
        let days: Vec<_> = batch.days.iter().map(|(day, entries, errors)| (source, day, entries, errors)).collect();
        insert_rows(&mut transaction, ADD_DAYS, &days).await?;
        let counters: Vec<_> = batch.counters.iter().map(|(key, runs, ms)| (source, key, runs, ms)).collect();
        insert_rows(&mut transaction, SET_COUNTERS, &counters).await?;
        let native: Vec<_> = batch
            .native
            .iter()
            .map(|(edge, seen)| {
                ((source, &edge.to, &edge.to_column, &edge.from, &edge.from_column), seen.runs, seen.first_at, seen.last_at)
            })
            .collect();
        insert_rows(&mut transaction, ADD_NATIVE, &native).await?;
        write_seen(&mut transaction, source, batch).await?;
        write_sessions(&mut transaction, source, batch).await?;
        let file = write_file(&mut transaction, source, &batch.file).await?;
        transaction.commit().await?;
        Ok(Numbered { shapes, askers, file })
    }

    /// The days that logs cover, in order: of one log, or of all. A few entries that a clock set wrong wrote long
    /// after all others cover nothing: everything would seem to be out of use by then.
    pub async fn log_days(&self, source: Option<i64>) -> Result<Vec<LogDay>, StoreError> {
        let rows = sqlx::query(
            "SELECT day, sum(entries), sum(errors) FROM log_day WHERE ?1 IS NULL OR source = ?1 GROUP BY day ORDER BY day",
        )
        .bind(source)
        .fetch_all(&self.readers)
        .await?;
        let day = |row: &sqlx::sqlite::SqliteRow| {
            Ok(LogDay { day: row.try_get(0)?, entries: number(row, 1)?, errors: number(row, 2)? })
        };
        let mut days: Vec<LogDay> = rows.iter().map(day).collect::<Result<_, StoreError>>()?;
        drop_clock_jumps(&mut days);
        Ok(days)
    }

    /// The logs that `run` read: (source, name, how it was read as JSON).
    pub async fn logs_of(&self, run: RunNumber) -> Result<Vec<(i64, String, String)>, StoreError> {
        let rows = sqlx::query(
            "SELECT source.id, source.name, coalesce(source.settings, 'null') FROM run_source
             JOIN source ON source.id = run_source.source WHERE run = ?1 AND source.is_log ORDER BY run_source.ordinal",
        )
        .bind(run.0)
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))).collect()
    }

    /// When every person asked last, in any log: seconds since 1970 UTC; and whether it was no schedule.
    pub async fn people_last_seen(&self) -> Result<HashMap<String, i64>, StoreError> {
        let rows = sqlx::query(
            "SELECT person, max(last_at) FROM observation JOIN asker ON asker.id = observation.asker
             WHERE person <> '' AND NOT scheduled GROUP BY person",
        )
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
    }
}

/// Days without an entry behind which a few entries are taken for those of a wrong clock.
const JUMP: i64 = 30;
/// Of how many entries those few are one.
const FEW: u64 = 1_000;

fn drop_clock_jumps(days: &mut Vec<LogDay>) {
    let all: u64 = days.iter().map(|day| day.entries).sum();
    while let [.., before, last] = days.as_slice()
        && last.day - before.day > JUMP
        && last.entries * FEW < all
    {
        days.pop();
    }
}

const SET_SUCCEEDED: &str = "UPDATE query_shape SET succeeded = 1 WHERE id IN (SELECT value FROM json_each(?1))";
const SET_STAGED: &str = "UPDATE query_shape SET staged = 1 WHERE id IN (SELECT value FROM json_each(?1))";
const ADD_DAYS: &str = "INSERT INTO log_day (source, day, entries, errors)
    SELECT value->>0, value->>1, value->>2, value->>3 FROM json_each(?1) WHERE true
    ON CONFLICT (source, day) DO UPDATE SET entries = entries + excluded.entries, errors = errors + excluded.errors";
const SET_COUNTERS: &str = "INSERT INTO log_counter (source, key, runs, milliseconds)
    SELECT value->>0, value->>1, value->>2, value->>3 FROM json_each(?1) WHERE true
    ON CONFLICT (source, key) DO UPDATE SET runs = excluded.runs, milliseconds = excluded.milliseconds";
const SET_SESSIONS: &str = "INSERT INTO log_session (source, session, tool, day)
    SELECT value->>0, value->>1, value->>2, value->>3 FROM json_each(?1) WHERE true
    ON CONFLICT (source, session) DO UPDATE SET tool = excluded.tool, day = excluded.day";
const ADD_NATIVE: &str = "INSERT INTO native_edge
        (source, to_table, to_column, from_table, from_column, runs, first_at, last_at)
    SELECT value->0->>0, value->0->>1, value->0->>2, value->0->>3, value->0->>4, value->>1, value->>2, value->>3
    FROM json_each(?1) WHERE true
    ON CONFLICT DO UPDATE SET runs = runs + excluded.runs, first_at = min(first_at, excluded.first_at),
        last_at = max(last_at, excluded.last_at)";

fn resolve(reference: LogRef, fresh: &[i64]) -> Result<i64, StoreError> {
    match reference {
        LogRef::Known(id) => Ok(id),
        LogRef::New(at) => {
            fresh.get(at as usize).copied().ok_or_else(|| StoreError::Damaged("a log batch names what it does not hold".into()))
        }
    }
}

async fn insert_shapes(connection: &mut SqliteConnection, source: i64, shapes: &[NewShape]) -> Result<Vec<i64>, StoreError> {
    if shapes.is_empty() {
        return Ok(Vec::new());
    }
    let texts: Vec<&str> = shapes.iter().map(|shape| shape.text.as_str()).collect();
    let texts = intern_texts(connection, &texts).await?;
    let first: i64 = sqlx::query_scalar("SELECT coalesce(max(id), 0) + 1 FROM query_shape").fetch_one(&mut *connection).await?;
    #[derive(Serialize)]
    struct ShapeJson<'a>(i64, i64, String, i64, &'a str, (&'a Option<String>, &'a Option<String>, &'a Option<String>), &'a str);
    let rows: Vec<_> = shapes
        .iter()
        .zip(texts)
        .zip(first..)
        .map(|((shape, text), id)| {
            let kind = if shape.session { "session" } else { "statement" };
            let names = (&shape.database, &shape.schema, &shape.destination);
            ShapeJson(id, source, format!("{:032x}", shape.key), text, shape.dialect, names, kind)
        })
        .collect();
    insert_rows(
        connection,
        "INSERT INTO query_shape (id, source, key, text, dialect, database_, schema_, destination, kind, succeeded, staged)
         SELECT value->>0, value->>1, unhex(value->>2), value->>3, value->>4, value->5->>0, value->5->>1, value->5->>2,
             value->>6, 0, 0
         FROM json_each(?1)",
        &rows,
    )
    .await?;
    Ok((first..).take(shapes.len()).collect())
}

async fn insert_askers(connection: &mut SqliteConnection, askers: &[Asker]) -> Result<Vec<i64>, StoreError> {
    let mut ids = Vec::with_capacity(askers.len());
    for asker in askers {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let id: i64 = sqlx::query_scalar(
            "INSERT INTO asker (person, via, tool, object, scheduled) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (person, via, tool, object, scheduled) DO UPDATE SET person = excluded.person RETURNING id",
        )
        .bind(text(&asker.person))
        .bind(text(&asker.via))
        .bind(text(&asker.tool))
        .bind(text(&asker.object))
        .bind(asker.scheduled)
        .fetch_one(&mut *connection)
        .await?;
        ids.push(id);
    }
    Ok(ids)
}

async fn write_seen(connection: &mut SqliteConnection, source: i64, batch: &LogBatch) -> Result<(), StoreError> {
    for (day, ids) in &batch.seen {
        let bytes: Vec<u8> = ids.iter().flat_map(|id| id.to_be_bytes()).collect();
        sqlx::query(
            "INSERT INTO log_seen (source, day, ids) VALUES (?1, ?2, ?3)
             ON CONFLICT (source, day) DO UPDATE SET ids = excluded.ids",
        )
        .bind(source)
        .bind(day)
        .bind(bytes)
        .execute(&mut *connection)
        .await?;
    }
    sqlx::query("DELETE FROM log_seen WHERE source = ?1 AND day < ?2")
        .bind(source)
        .bind(batch.forget_seen_before)
        .execute(&mut *connection)
        .await?;
    Ok(())
}

async fn write_sessions(connection: &mut SqliteConnection, source: i64, batch: &LogBatch) -> Result<(), StoreError> {
    let sessions: Vec<_> = batch.sessions.iter().map(|(id, tool, day)| (source, *id as i64, tool, *day)).collect();
    insert_rows(&mut *connection, SET_SESSIONS, &sessions).await?;
    sqlx::query("DELETE FROM log_session WHERE source = ?1 AND day < ?2")
        .bind(source)
        .bind(batch.forget_seen_before)
        .execute(&mut *connection)
        .await?;
    Ok(())
}

async fn write_file(connection: &mut SqliteConnection, source: i64, file: &LogFileState) -> Result<i64, StoreError> {
    let skipped: BTreeMap<&str, &Skipped> = file.skipped.iter().map(|(why, what)| (why.word(), what)).collect();
    Ok(sqlx::query_scalar(
        "INSERT INTO log_file (id, source, path, format, head_bytes, head, read_bytes, tail, entries, skipped, failure, read_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
         ON CONFLICT (id) DO UPDATE SET path = excluded.path, format = excluded.format, head_bytes = excluded.head_bytes,
             head = excluded.head, read_bytes = excluded.read_bytes, tail = excluded.tail, entries = excluded.entries,
             skipped = excluded.skipped, failure = excluded.failure, read_at = excluded.read_at
         RETURNING id",
    )
    .bind(file.id)
    .bind(source)
    .bind(&file.path)
    .bind(file.format.map_or("", LogFormat::word))
    .bind(file.head_bytes as i64)
    .bind(file.head.to_be_bytes().to_vec())
    .bind(file.read_bytes as i64)
    .bind(file.tail.to_be_bytes().to_vec())
    .bind(file.entries as i64)
    .bind(to_json(&skipped)?)
    .bind(&file.failure)
    .bind(now())
    .fetch_one(&mut *connection)
    .await?)
}

fn log_file(row: &sqlx::sqlite::SqliteRow) -> Result<LogFileState, StoreError> {
    let format: &str = row.try_get(2)?;
    let skipped: HashMap<String, Skipped> =
        serde_json::from_str(row.try_get(8)?).map_err(|error| StoreError::Damaged(error.to_string()))?;
    let reason = |word: &str| LogSkip::ALL.into_iter().find(|skip| skip.word() == word);
    Ok(LogFileState {
        id: row.try_get(0)?,
        path: row.try_get(1)?,
        format: LogFormat::from_word(format),
        head_bytes: number(row, 3)?,
        head: hash_of(row.try_get(4)?)?,
        read_bytes: number(row, 5)?,
        tail: hash_of(row.try_get(6)?)?,
        entries: number(row, 7)?,
        skipped: skipped.into_iter().filter_map(|(word, what)| Some((reason(&word)?, what))).collect(),
        failure: row.try_get(9)?,
        read_at: row.try_get(10)?,
    })
}

/// Reads (person, via, tool, object, scheduled) from column `at` on.
pub(super) fn asker(row: &sqlx::sqlite::SqliteRow, at: usize) -> Result<Asker, StoreError> {
    let text = |at: usize| -> Result<Option<String>, StoreError> {
        let text: &str = row.try_get(at)?;
        Ok((!text.is_empty()).then(|| text.to_owned()))
    };
    Ok(Asker {
        person: text(at)?,
        via: text(at + 1)?,
        tool: text(at + 2)?,
        object: text(at + 3)?,
        scheduled: row.try_get(at + 4)?,
    })
}

/// A count, which is never negative.
pub(super) fn number(row: &sqlx::sqlite::SqliteRow, at: usize) -> Result<u64, StoreError> {
    Ok(row.try_get::<i64, _>(at)?.max(0) as u64)
}

fn key_of(bytes: &[u8]) -> Result<u128, StoreError> {
    let bytes: [u8; 16] = bytes.try_into().map_err(|_| StoreError::Damaged("a shape's key has another length".into()))?;
    Ok(u128::from_be_bytes(bytes))
}

fn hash_of(bytes: &[u8]) -> Result<u64, StoreError> {
    let bytes: [u8; 8] = bytes.try_into().map_err(|_| StoreError::Damaged("a hash has another length".into()))?;
    Ok(u64::from_be_bytes(bytes))
}
