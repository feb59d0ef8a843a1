//! What people search for, and what they open of what was found.

use std::collections::BTreeMap;

use serde::Serialize;
use sqlx::Row;

use super::{Store, StoreError, analyses::insert_rows, logs::number, runs::to_json, usage::reading};
use crate::model::{AssetId, RunNumber};

/// A search that somebody made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchEvent {
    /// A random number above 0, which links of its results carry.
    pub id: i64,
    /// When, seconds since 1970 UTC.
    pub at: i64,
    /// Name or pseudonym; "" where nobody is kept.
    pub person: String,
    /// The words as typed.
    pub query: String,
    /// How many hits it had.
    pub hits: u32,
    /// Whether nothing had every word.
    pub relaxed: bool,
}

/// Something opened from the results of a search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenedHit {
    /// The search's number.
    pub search: i64,
    /// Who opened it, as the search names its person; of anybody else it is not kept.
    pub person: String,
    /// The asset's namespace.
    pub namespace: String,
    /// The asset's key.
    pub key: String,
    /// The column; "" for the asset itself.
    pub column: String,
    /// When, seconds since 1970 UTC.
    pub at: i64,
}

/// What is searched for, over some days.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct SearchTerm {
    /// The words as they were typed last.
    pub query: String,
    /// How often.
    pub searches: u64,
    /// By how many people that are told apart.
    pub people: u64,
    /// After how many of them something was opened.
    pub opened: u64,
    /// Hits of the last of them.
    pub hits: u32,
    /// Whether nothing had every word, the last time.
    pub relaxed: bool,
    /// The last, seconds since 1970 UTC.
    pub last_at: i64,
}

/// What a search led to: somebody opened an asset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenedAfterSearch {
    /// The search's number.
    pub search: i64,
    /// When it was made, seconds since 1970 UTC.
    pub at: i64,
    /// Who made it.
    pub person: String,
    /// The words.
    pub query: String,
    /// The asset.
    pub asset: AssetId,
}

/// Queries of one shape by one person on one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct QuerySpan {
    /// The first, seconds since 1970 UTC.
    pub first_at: i64,
    /// The last.
    pub last_at: i64,
    /// Whether any of them failed.
    pub has_errors: bool,
}

impl Store {
    /// Keeps searches and what was opened of them, in one batch; forgets what is older than `forget_before`.
    pub async fn keep_searches(
        &self,
        searches: &[SearchEvent],
        opened: &[OpenedHit],
        forget_before: i64,
    ) -> Result<(), StoreError> {
        let mut transaction = self.people.begin_with("BEGIN IMMEDIATE").await?;
        let rows: Vec<_> = searches
            .iter()
            .map(|it| (it.id, it.at, &it.person, &it.query, fold(&it.query), it.hits, u8::from(it.relaxed)))
            .collect();
        let insert = "INSERT INTO search_event (id, at, person, query, folded, hits, relaxed)
            SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6 FROM json_each(?1)
            WHERE true ON CONFLICT DO NOTHING";
        insert_rows(&mut transaction, insert, &rows).await?;
        let rows: Vec<_> = opened.iter().map(|it| (it.search, &it.namespace, &it.key, &it.column, it.at, &it.person)).collect();
        let insert = "INSERT INTO search_opened (search, namespace, key, column_path, at)
            SELECT search_event.id, value->>1, value->>2, value->>3, value->>4
            FROM json_each(?1) JOIN search_event ON search_event.id = value->>0 AND search_event.person = value->>5
            WHERE value->>4 >= search_event.at ON CONFLICT DO NOTHING";
        insert_rows(&mut transaction, insert, &rows).await?;
        sqlx::query("DELETE FROM search_event WHERE at < ?1").bind(forget_before).execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// What was searched for since `from` (seconds since 1970 UTC): all, or what found nothing or not every
    /// word; the most people first, then the most often.
    pub async fn search_terms(&self, from: i64, only_without_hit: bool, limit: u32) -> Result<Vec<SearchTerm>, StoreError> {
        let rows = sqlx::query(SEARCH_TERMS).bind(from).bind(only_without_hit).bind(limit).fetch_all(&self.readers).await?;
        rows.iter()
            .map(|row| {
                Ok(SearchTerm {
                    query: row.try_get(0)?,
                    searches: number(row, 1)?,
                    people: number(row, 2)?,
                    opened: number(row, 3)?,
                    hits: row.try_get(4)?,
                    relaxed: row.try_get(5)?,
                    last_at: row.try_get(6)?,
                })
            })
            .collect()
    }

    /// Searches since `from`, those without any hit, and those after which something was opened.
    pub async fn count_searches(&self, from: i64) -> Result<(u64, u64, u64), StoreError> {
        let row = sqlx::query(
            "SELECT count(*), coalesce(sum(hits = 0), 0),
                 coalesce(sum(EXISTS (SELECT 1 FROM search_opened WHERE search = search_event.id)), 0)
             FROM search_event WHERE at >= ?1",
        )
        .bind(from)
        .fetch_one(&self.readers)
        .await?;
        Ok((number(&row, 0)?, number(&row, 1)?, number(&row, 2)?))
    }

    /// What known people opened after searches since `from`, oldest first.
    pub async fn opened_after_searches(&self, from: i64) -> Result<Vec<OpenedAfterSearch>, StoreError> {
        let rows = sqlx::query(
            "SELECT DISTINCT search_event.id, search_event.at, person, query, asset.id FROM search_event
             JOIN search_opened ON search_opened.search = search_event.id
             JOIN asset ON asset.namespace = search_opened.namespace AND asset.key = search_opened.key
             WHERE search_event.at >= ?1 AND person <> '' ORDER BY search_event.at, search_event.id, asset.id",
        )
        .bind(from)
        .fetch_all(&self.readers)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(OpenedAfterSearch {
                    search: row.try_get(0)?,
                    at: row.try_get(1)?,
                    person: row.try_get(2)?,
                    query: row.try_get(3)?,
                    asset: AssetId(row.try_get(4)?),
                })
            })
            .collect()
    }

    /// When people asked for `assets` successfully, as `run` sees their queries, from `day` on: by (asset,
    /// person in lower case), in order.
    pub async fn query_spans(
        &self,
        run: RunNumber,
        assets: &[AssetId],
        from_day: i64,
    ) -> Result<BTreeMap<(AssetId, String), Vec<QuerySpan>>, StoreError> {
        let rows = sqlx::query(QUERY_SPANS).bind(run.0).bind(to_json(assets)?).bind(from_day).fetch_all(&self.readers).await?;
        let mut spans: BTreeMap<(AssetId, String), Vec<QuerySpan>> = BTreeMap::new();
        for row in &rows {
            let person: &str = row.try_get(1)?;
            let span = QuerySpan { first_at: row.try_get(2)?, last_at: row.try_get(3)?, has_errors: row.try_get(4)? };
            spans.entry((AssetId(row.try_get(0)?), person.trim().to_lowercase())).or_default().push(span);
        }
        spans.values_mut().for_each(|of_person| of_person.sort_unstable());
        Ok(spans)
    }

    /// The key that names of people are hashed with, where a log or a search made one.
    pub async fn known_log_secret(&self) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(sqlx::query_scalar("SELECT secret FROM log_secret WHERE id = 1").fetch_optional(&self.readers).await?)
    }
}

/// In lower case, with single spaces.
fn fold(query: &str) -> String {
    query.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ")
}

// Bare columns beside max(at) are those of the row that has it.
const SEARCH_TERMS: &str = "SELECT query, count(*), count(DISTINCT nullif(person, '')),
        sum(EXISTS (SELECT 1 FROM search_opened WHERE search = search_event.id)), hits, relaxed, max(at) AS last_at
    FROM search_event WHERE at >= ?1 GROUP BY folded HAVING NOT ?2 OR hits = 0 OR relaxed
    ORDER BY 3 DESC, 2 DESC, last_at DESC, query LIMIT ?3";
const QUERY_SPANS: &str = reading!(
    "SELECT mine.asset, person, first_at, last_at, errors > 0",
    "WHERE mine.asset IN (SELECT value FROM json_each(?2)) AND NOT scheduled AND person <> '' AND runs > errors"
);
