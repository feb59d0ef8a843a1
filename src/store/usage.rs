//! Who uses what: observations of logged queries, joined with what the queries read and write.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sqlx::Row;

use super::{
    ObservationCounts, Store, StoreError, UsageSummary,
    analyses::insert_rows,
    graph_rows::{Shared, asset_row},
    logs::{asker, number},
    pack,
    rows::AssetRow,
    runs::to_json,
};
use crate::model::{Asker, AssetId, RunNumber};

/// A shape and an asset that it reads or writes, as a run sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LoggedRead {
    /// The shape's number.
    pub shape: i64,
    /// The asset.
    pub asset: AssetId,
    /// It writes it.
    pub writes: bool,
}

/// Runs of a shape on a day by an asker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UseRow {
    /// The shape's number.
    pub shape: i64,
    /// Days since 1970 UTC.
    pub day: i64,
    /// The asker's number.
    pub asker: i64,
    /// What was counted.
    pub counts: ObservationCounts,
}

/// How an asset was used over some days.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AssetUse {
    /// (day, scheduled, runs, errors), by day.
    pub days: Vec<(i64, bool, u64, u64)>,
    /// Who asked: (asker, runs, errors, last), most runs first.
    pub askers: Vec<(Asker, u64, u64, i64)>,
    /// Queries: most runs first.
    pub queries: Vec<QueryUse>,
    /// Column key → runs by people, runs by schedules, bits of what is done with it.
    pub columns: BTreeMap<String, (u64, u64, u8)>,
    /// Assets that are read in the same queries: (asset, runs).
    pub together: Vec<(AssetRow, u64)>,
    /// Who wrote it: (asker, runs, errors, last), last first.
    pub writers: Vec<(Asker, u64, u64, i64)>,
}

/// How one query was used.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema, Deserialize)]
pub struct QueryUse {
    /// The text without literals.
    pub text: String,
    /// How often it ran.
    pub runs: u64,
    /// How often it failed.
    pub errors: u64,
    /// Distinct people.
    pub people: u64,
    /// The last, seconds since 1970 UTC.
    pub last_at: i64,
    /// Only schedules ran it.
    pub scheduled: bool,
}

impl Store {
    /// Which shapes read and write which assets in `run`, sorted by shape.
    pub async fn logged_reads(&self, run: RunNumber) -> Result<Vec<LoggedRead>, StoreError> {
        let rows = sqlx::query(SELECT_LOGGED_READS).bind(run.0).fetch_all(&self.readers).await?;
        let read = |row: &sqlx::sqlite::SqliteRow| {
            Ok(LoggedRead { shape: row.try_get(0)?, asset: AssetId(row.try_get(1)?), writes: row.try_get(2)? })
        };
        let mut reads: Vec<LoggedRead> = rows.iter().map(read).collect::<Result<_, StoreError>>()?;
        reads.sort_unstable();
        reads.dedup();
        Ok(reads)
    }

    /// Observations from `day` on, some at a time, by shape: those after `(shape, day, asker)`.
    pub async fn observations_after(&self, after: (i64, i64, i64), from_day: i64, limit: u32) -> Result<Vec<UseRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT shape, day, asker, runs, errors, attempts, first_tries, bytes, milliseconds, first_at, last_at
             FROM observation WHERE (shape, day, asker) > (?1, ?2, ?3) AND day >= ?4
             ORDER BY shape, day, asker LIMIT ?5",
        )
        .bind(after.0)
        .bind(after.1)
        .bind(after.2)
        .bind(from_day)
        .bind(limit)
        .fetch_all(&self.readers)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(UseRow { shape: row.try_get(0)?, day: row.try_get(1)?, asker: row.try_get(2)?, counts: counts(row, 3)? })
            })
            .collect()
    }

    /// Writes how much assets were used as the unpublished `run` finds it; only what changed.
    pub async fn write_usage(&self, run: RunNumber, summaries: &BTreeMap<AssetId, UsageSummary>) -> Result<(), StoreError> {
        let mut transaction = self.crawl.begin_with("BEGIN IMMEDIATE").await?;
        let rows =
            sqlx::query("SELECT asset, summary FROM asset_usage WHERE valid_to IS NULL").fetch_all(&mut *transaction).await?;
        let mut standing: BTreeMap<AssetId, String> = BTreeMap::new();
        for row in &rows {
            standing.insert(AssetId(row.try_get(0)?), row.try_get(1)?);
        }
        let (mut closed, mut opened): (Vec<u32>, Vec<(u32, u32, String)>) = (Vec::new(), Vec::new());
        for (asset, summary) in summaries {
            let json = to_json(summary)?;
            match standing.remove(asset) {
                Some(known) if known == json => {}
                known => {
                    closed.extend(known.map(|_| asset.0));
                    opened.push((asset.0, run.0, json));
                }
            }
        }
        closed.extend(standing.into_keys().map(|asset| asset.0));
        sqlx::query("UPDATE asset_usage SET valid_to = ?1 WHERE valid_to IS NULL AND asset IN (SELECT value FROM json_each(?2))")
            .bind(run.0)
            .bind(to_json(&closed)?)
            .execute(&mut *transaction)
            .await?;
        insert_rows(
            &mut transaction,
            "INSERT INTO asset_usage (asset, valid_from, summary) SELECT value->>0, value->>1, value->>2 FROM json_each(?1)",
            &opened,
        )
        .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// How much assets were used, as `run` found it.
    pub async fn usage_summaries(&self, run: RunNumber) -> Result<BTreeMap<AssetId, UsageSummary>, StoreError> {
        let rows =
            sqlx::query("SELECT asset, summary FROM asset_usage WHERE valid_from <= ?1 AND (valid_to IS NULL OR ?1 < valid_to)")
                .bind(run.0)
                .fetch_all(&self.readers)
                .await?;
        rows.iter().map(|row| Ok((AssetId(row.try_get(0)?), read_summary(row.try_get(1)?)?))).collect()
    }

    /// How `asset` was used in queries that `run` sees, from `day` on.
    pub async fn asset_use(&self, run: RunNumber, asset: AssetId, from_day: i64) -> Result<AssetUse, StoreError> {
        let mut found = AssetUse::default();
        let fetch =
            |statement: &'static str| sqlx::query(statement).bind(run.0).bind(asset.0).bind(from_day).fetch_all(&self.readers);
        for row in &fetch(USE_BY_DAY).await? {
            found.days.push((row.try_get(0)?, row.try_get(1)?, number(row, 2)?, number(row, 3)?));
        }
        for row in &fetch(USE_BY_ASKER).await? {
            found.askers.push((asker(row, 0)?, number(row, 5)?, number(row, 6)?, row.try_get(7)?));
        }
        for row in &fetch(USE_BY_WRITER).await? {
            found.writers.push((asker(row, 0)?, number(row, 5)?, number(row, 6)?, row.try_get(7)?));
        }
        for row in &fetch(USE_BY_SHAPE).await? {
            let text = pack::unpack_text(row.try_get(0)?, row.try_get(1)?)?;
            found.queries.push(QueryUse {
                text,
                runs: number(row, 2)?,
                errors: number(row, 3)?,
                people: number(row, 4)?,
                last_at: row.try_get(5)?,
                scheduled: row.try_get(6)?,
            });
        }
        for row in &fetch(USE_OF_COLUMNS).await? {
            let entry = found.columns.entry(row.try_get(0)?).or_insert((0, 0, 0));
            entry.0 += number(row, 2)?;
            entry.1 += number(row, 3)?;
            entry.2 |= row.try_get::<i64, _>(1)? as u8;
        }
        let mut shared = Shared::default();
        for row in &fetch(USE_TOGETHER).await? {
            found.together.push((asset_row(row, &mut shared)?, number(row, 7)?));
        }
        Ok(found)
    }

    /// Queries that people had to repeat, as `run` sees them, most failures first: text, counts.
    pub async fn failing_queries(&self, from_day: i64, limit: u32) -> Result<Vec<(QueryUse, Vec<String>)>, StoreError> {
        let rows = sqlx::query(FAILING).bind(from_day).bind(limit).fetch_all(&self.readers).await?;
        rows.iter()
            .map(|row| {
                let text = pack::unpack_text(row.try_get(0)?, row.try_get(1)?)?;
                let mut people: Vec<String> =
                    serde_json::from_str(row.try_get(6)?).map_err(|error| StoreError::Damaged(error.to_string()))?;
                people.sort_unstable();
                let query = QueryUse {
                    text,
                    runs: number(row, 2)?,
                    errors: number(row, 3)?,
                    people: number(row, 4)?,
                    last_at: row.try_get(5)?,
                    scheduled: false,
                };
                Ok((query, people))
            })
            .collect()
    }

    /// Successful queries of people from `day` on: those that they wrote themselves, and all.
    pub async fn self_service(&self, from_day: i64) -> Result<(u64, u64), StoreError> {
        let row = sqlx::query(
            "SELECT coalesce(sum(CASE WHEN object = '' THEN runs - errors ELSE 0 END), 0), coalesce(sum(runs - errors), 0)
             FROM observation JOIN asker ON asker.id = observation.asker WHERE day >= ?1 AND NOT scheduled AND person <> ''",
        )
        .bind(from_day)
        .fetch_one(&self.readers)
        .await?;
        Ok((number(&row, 0)?, number(&row, 1)?))
    }

    /// By day: attempts of people, and those that succeeded at first try.
    pub async fn attempts_by_day(&self, from_day: i64) -> Result<Vec<(i64, u64, u64)>, StoreError> {
        let rows = sqlx::query(
            "SELECT day, sum(attempts), sum(first_tries) FROM observation JOIN asker ON asker.id = observation.asker
             WHERE day >= ?1 AND NOT scheduled AND person <> '' GROUP BY day ORDER BY day",
        )
        .bind(from_day)
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, number(row, 1)?, number(row, 2)?))).collect()
    }
}

fn counts(row: &sqlx::sqlite::SqliteRow, at: usize) -> Result<ObservationCounts, StoreError> {
    Ok(ObservationCounts {
        runs: number(row, at)?,
        errors: number(row, at + 1)?,
        attempts: number(row, at + 2)?,
        first_tries: number(row, at + 3)?,
        bytes: number(row, at + 4)?,
        milliseconds: number(row, at + 5)?,
        first_at: row.try_get(at + 6)?,
        last_at: row.try_get(at + 7)?,
    })
}

pub(super) fn read_summary(json: &str) -> Result<UsageSummary, StoreError> {
    serde_json::from_str(json).map_err(|error| StoreError::Damaged(error.to_string()))
}

const SELECT_LOGGED_READS: &str = "SELECT query_shape.id, touched.asset, touched.writes FROM placement
    JOIN document ON document.id = placement.document
    JOIN query_shape ON query_shape.source = document.source AND query_shape.key = unhex(document.path)
    JOIN (SELECT asset, analysis, 0 AS writes FROM analysis_read
        UNION ALL SELECT asset, analysis, 1 FROM analysis_asset WHERE how = 'writes') AS touched
        ON touched.analysis = placement.analysis
    WHERE placement.valid_from <= ?1 AND (placement.valid_to IS NULL OR ?1 < placement.valid_to)";

/// Shapes that read asset ?2 in run ?1.
macro_rules! reading {
    ($select:literal, $end:literal) => {
        concat!(
            $select,
            " FROM analysis_read AS mine
            JOIN placement ON placement.analysis = mine.analysis
                AND placement.valid_from <= ?1 AND (placement.valid_to IS NULL OR ?1 < placement.valid_to)
            JOIN document ON document.id = placement.document
            JOIN query_shape ON query_shape.source = document.source AND query_shape.key = unhex(document.path)
            JOIN observation ON observation.shape = query_shape.id AND observation.day >= ?3
            JOIN asker ON asker.id = observation.asker ",
            $end
        )
    };
}

pub(super) use reading;

const USE_BY_DAY: &str = reading!(
    "SELECT day, scheduled, sum(runs), sum(errors)",
    "WHERE mine.asset = ?2 GROUP BY day, scheduled ORDER BY day, scheduled"
);
const USE_BY_ASKER: &str = reading!(
    "SELECT person, via, tool, object, scheduled, sum(runs), sum(errors), max(last_at)",
    "WHERE mine.asset = ?2 GROUP BY asker.id ORDER BY sum(runs) DESC, asker.id LIMIT 500"
);
const USE_BY_SHAPE: &str = reading!(
    "SELECT text.form, text.body, sum(runs), sum(errors), count(DISTINCT nullif(person, '')), max(last_at), min(scheduled)",
    "JOIN text ON text.id = query_shape.text WHERE mine.asset = ?2
     GROUP BY query_shape.id ORDER BY min(scheduled), count(DISTINCT nullif(person, '')) DESC, sum(runs) DESC, query_shape.id LIMIT 12"
);
const USE_OF_COLUMNS: &str = reading!(
    "SELECT read_column.key, read_column.value, sum(CASE WHEN scheduled THEN 0 ELSE runs END),
         sum(CASE WHEN scheduled THEN runs ELSE 0 END)",
    "JOIN json_each(mine.columns) AS read_column WHERE mine.asset = ?2 GROUP BY read_column.key, read_column.value"
);
const USE_TOGETHER: &str = reading!(
    "SELECT asset.id, namespace, asset.key, asset_state.name, asset_state.kind, role, environment, sum(runs)",
    "JOIN analysis_read AS other ON other.analysis = mine.analysis AND other.asset <> mine.asset
     JOIN asset ON asset.id = other.asset
     JOIN asset_state ON asset_state.asset = other.asset
         AND asset_state.valid_from <= ?1 AND (asset_state.valid_to IS NULL OR ?1 < asset_state.valid_to)
     WHERE mine.asset = ?2 GROUP BY asset.id ORDER BY sum(runs) DESC, asset.id LIMIT 12"
);
const USE_BY_WRITER: &str = "SELECT person, via, tool, object, scheduled, sum(runs), sum(errors), max(last_at)
    FROM analysis_asset AS mine
    JOIN placement ON placement.analysis = mine.analysis
        AND placement.valid_from <= ?1 AND (placement.valid_to IS NULL OR ?1 < placement.valid_to)
    JOIN document ON document.id = placement.document
    JOIN query_shape ON query_shape.source = document.source AND query_shape.key = unhex(document.path)
    JOIN observation ON observation.shape = query_shape.id AND observation.day >= ?3
    JOIN asker ON asker.id = observation.asker
    WHERE mine.asset = ?2 AND mine.how = 'writes' GROUP BY asker.id ORDER BY max(last_at) DESC, asker.id LIMIT 50";
const FAILING: &str = "SELECT text.form, text.body, sum(runs), sum(errors), count(DISTINCT person), max(last_at),
        json_group_array(DISTINCT person) FROM observation
    JOIN asker ON asker.id = observation.asker JOIN query_shape ON query_shape.id = observation.shape
    JOIN text ON text.id = query_shape.text
    WHERE day >= ?1 AND NOT scheduled AND person <> '' GROUP BY query_shape.id HAVING sum(errors) > 0
    ORDER BY sum(errors) DESC, query_shape.id LIMIT ?2";
