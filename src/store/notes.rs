//! What people say of metrics that share a name.

use sqlx::{Row, sqlite::SqliteRow};

use super::{Store, StoreError};

/// A note on metrics of one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricNoteRow {
    /// Its number; 0 before it is stored.
    pub id: i64,
    /// The id of the group of metrics.
    pub metric: String,
    /// `intended` or `rename`.
    pub kind: String,
    /// Of a rename, JSON [namespace, key, column]; else "".
    pub subject: String,
    /// Why.
    pub text: String,
    /// Of a rename, the other name; else "".
    pub proposal: String,
    /// What the group calculated when it was said, hexadecimal.
    pub print: String,
    /// The note that it takes back.
    pub takes_back: Option<i64>,
    /// Who says so.
    pub person: String,
    /// When, seconds since 1970 UTC.
    pub at: i64,
}

impl Store {
    /// Keeps a note; its number comes back. Durable when this returns.
    pub async fn add_metric_note(&self, note: &MetricNoteRow) -> Result<i64, StoreError> {
        let id = sqlx::query_scalar(
            "INSERT INTO metric_note (metric, kind, subject, text, proposal, print, takes_back, person, at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) RETURNING id",
        )
        .bind(&note.metric)
        .bind(&note.kind)
        .bind(&note.subject)
        .bind(&note.text)
        .bind(&note.proposal)
        .bind(&note.print)
        .bind(note.takes_back)
        .bind(&note.person)
        .bind(note.at)
        .fetch_one(&self.people)
        .await?;
        Ok(id)
    }

    /// Notes that hold, oldest first: of every group, or of one.
    pub async fn metric_notes(&self, metric: Option<&str>) -> Result<Vec<MetricNoteRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, metric, kind, subject, text, proposal, print, takes_back, person, at FROM metric_note AS note
             WHERE (?1 IS NULL OR metric = ?1) AND takes_back IS NULL
                 AND NOT EXISTS (SELECT 1 FROM metric_note AS other WHERE other.takes_back = note.id)
             ORDER BY id",
        )
        .bind(metric)
        .fetch_all(&self.people)
        .await?;
        rows.iter().map(note_row).collect()
    }
}

fn note_row(row: &SqliteRow) -> Result<MetricNoteRow, StoreError> {
    Ok(MetricNoteRow {
        id: row.try_get(0)?,
        metric: row.try_get(1)?,
        kind: row.try_get(2)?,
        subject: row.try_get(3)?,
        text: row.try_get(4)?,
        proposal: row.try_get(5)?,
        print: row.try_get(6)?,
        takes_back: row.try_get(7)?,
        person: row.try_get(8)?,
        at: row.try_get(9)?,
    })
}
