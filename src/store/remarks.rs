//! Remarks of readers, what people watch, and how far webhooks were told.

use sqlx::{Row, sqlite::SqliteRow};

use super::{Store, StoreError};

/// "This is wrong or unclear", and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemarkRow {
    /// Its number; 0 before it is stored.
    pub id: i64,
    /// The namespace of what it is about.
    pub namespace: String,
    /// The key of what it is about.
    pub key: String,
    /// The column; "" for the asset itself.
    pub column: String,
    /// What is wrong or unclear.
    pub text: String,
    /// Who says so.
    pub person: String,
    /// When, seconds since 1970 UTC.
    pub at: i64,
    /// (answer, who, when); `None` while it is open.
    pub answer: Option<(String, String, i64)>,
}

/// Something that a person watches.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WatchRow {
    /// `asset`, `owner` or `search`.
    pub kind: String,
    /// JSON [namespace, key]; an owner's name; a search as its address holds it.
    pub subject: String,
}

impl Store {
    /// Keeps a remark; its number comes back.
    pub async fn add_remark(&self, remark: &RemarkRow) -> Result<i64, StoreError> {
        let id = sqlx::query_scalar(
            "INSERT INTO remark (namespace, key, column_path, text, person, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6) RETURNING id",
        )
        .bind(&remark.namespace)
        .bind(&remark.key)
        .bind(&remark.column)
        .bind(&remark.text)
        .bind(&remark.person)
        .bind(remark.at)
        .fetch_one(&self.people)
        .await?;
        Ok(id)
    }

    /// Answers an open remark; says whether it was open.
    pub async fn answer_remark(&self, id: i64, answer: &str, person: &str, at: i64) -> Result<bool, StoreError> {
        let answered =
            sqlx::query("UPDATE remark SET answer = ?2, answered_by = ?3, answered_at = ?4 WHERE id = ?1 AND answer IS NULL")
                .bind(id)
                .bind(answer)
                .bind(person)
                .bind(at)
                .execute(&self.people)
                .await?;
        Ok(answered.rows_affected() == 1)
    }

    /// Remarks numbered above `after`, oldest first: of everything, or of one (namespace, key).
    pub async fn remarks(&self, after: i64, of: Option<(&str, &str)>) -> Result<Vec<RemarkRow>, StoreError> {
        let (namespace, key) = of.unzip();
        let rows = sqlx::query(
            "SELECT id, namespace, key, column_path, text, person, at, answer, answered_by, answered_at FROM remark
             WHERE id > ?1 AND (?2 IS NULL OR (namespace = ?2 AND key = ?3)) ORDER BY id",
        )
        .bind(after)
        .bind(namespace)
        .bind(key)
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(remark_row).collect()
    }

    /// Begins watching.
    pub async fn add_watch(&self, person: &str, watch: &WatchRow, at: i64) -> Result<(), StoreError> {
        sqlx::query("INSERT INTO watch (person, kind, subject, at) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING")
            .bind(person)
            .bind(&watch.kind)
            .bind(&watch.subject)
            .bind(at)
            .execute(&self.people)
            .await?;
        Ok(())
    }

    /// Ends watching.
    pub async fn remove_watch(&self, person: &str, watch: &WatchRow) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM watch WHERE person = ?1 AND kind = ?2 AND subject = ?3")
            .bind(person)
            .bind(&watch.kind)
            .bind(&watch.subject)
            .execute(&self.people)
            .await?;
        Ok(())
    }

    /// What a person watches, sorted.
    pub async fn watches(&self, person: &str) -> Result<Vec<WatchRow>, StoreError> {
        let rows = sqlx::query("SELECT kind, subject FROM watch WHERE person = ?1 ORDER BY kind, subject")
            .bind(person)
            .fetch_all(&self.people)
            .await?;
        rows.iter().map(|row| Ok(WatchRow { kind: row.try_get(0)?, subject: row.try_get(1)? })).collect()
    }

    /// The last (statement, remark) that a webhook was told; `None` where it is new.
    pub async fn told(&self, hook: &str) -> Result<Option<(i64, i64)>, StoreError> {
        let row: Option<(i64, i64)> =
            sqlx::query_as("SELECT statement, remark FROM told WHERE hook = ?1").bind(hook).fetch_optional(&self.readers).await?;
        Ok(row)
    }

    /// Notes what a webhook was told last.
    pub async fn note_told(&self, hook: &str, statement: i64, remark: i64) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO told (hook, statement, remark) VALUES (?1, ?2, ?3)
             ON CONFLICT (hook) DO UPDATE SET statement = excluded.statement, remark = excluded.remark",
        )
        .bind(hook)
        .bind(statement)
        .bind(remark)
        .execute(&self.people)
        .await?;
        Ok(())
    }
}

fn remark_row(row: &SqliteRow) -> Result<RemarkRow, StoreError> {
    let answer: Option<String> = row.try_get(7)?;
    Ok(RemarkRow {
        id: row.try_get(0)?,
        namespace: row.try_get(1)?,
        key: row.try_get(2)?,
        column: row.try_get(3)?,
        text: row.try_get(4)?,
        person: row.try_get(5)?,
        at: row.try_get(6)?,
        answer: match answer {
            Some(answer) => Some((answer, row.try_get(8)?, row.try_get(9)?)),
            None => None,
        },
    })
}
