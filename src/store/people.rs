//! What people state, and what they search for.

use sqlx::Row;

use super::{PersonStatement, SearchEvent, Store, StoreError, analyses::insert_rows, runs::to_json};

impl Store {
    /// Appends what a person states; its number comes back. Durable when this returns.
    pub async fn state_of_person(&self, statement: &PersonStatement) -> Result<i64, StoreError> {
        let value = statement.value.as_ref().map(to_json).transpose()?;
        let id = sqlx::query_scalar(
            "INSERT INTO statement_of_person (namespace, key, column_path, field, value, person, at, undoes)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) RETURNING id",
        )
        .bind(&statement.namespace)
        .bind(&statement.key)
        .bind(&statement.column)
        .bind(&statement.field)
        .bind(value)
        .bind(&statement.person)
        .bind(statement.at)
        .bind(statement.undoes)
        .fetch_one(&self.people)
        .await?;
        Ok(id)
    }

    /// What people stated, oldest first: of everything, or of one (namespace, key).
    pub async fn person_statements(&self, of: Option<(&str, &str)>) -> Result<Vec<PersonStatement>, StoreError> {
        let (namespace, key) = of.unzip();
        let rows = sqlx::query(
            "SELECT id, namespace, key, column_path, field, value, person, at, undoes FROM statement_of_person
             WHERE ?1 IS NULL OR (namespace = ?1 AND key = ?2) ORDER BY id",
        )
        .bind(namespace)
        .bind(key)
        .fetch_all(&self.readers)
        .await?;
        rows.iter()
            .map(|row| {
                let value: Option<&str> = row.try_get(5)?;
                let value =
                    value.map(serde_json::from_str).transpose().map_err(|error| StoreError::Damaged(error.to_string()))?;
                Ok(PersonStatement {
                    id: row.try_get(0)?,
                    namespace: row.try_get(1)?,
                    key: row.try_get(2)?,
                    column: row.try_get(3)?,
                    field: row.try_get(4)?,
                    value,
                    person: row.try_get(6)?,
                    at: row.try_get(7)?,
                    undoes: row.try_get(8)?,
                })
            })
            .collect()
    }

    /// Records searches, in one batch.
    pub async fn record_searches(&self, events: &[SearchEvent]) -> Result<(), StoreError> {
        let rows = events
            .iter()
            .map(|event| {
                let opened = event.opened.as_ref().map(to_json).transpose()?;
                Ok((event.at, &event.query, event.hits, opened))
            })
            .collect::<Result<Vec<_>, StoreError>>()?;
        let mut transaction = self.people.begin_with("BEGIN IMMEDIATE").await?;
        let insert = "INSERT INTO search_event (at, query, hits, opened)
            SELECT value->>0, value->>1, value->>2, value->>3 FROM json_each(?1)";
        insert_rows(&mut transaction, insert, &rows).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// The newest `limit` searches, newest first.
    pub async fn searches(&self, limit: u32) -> Result<Vec<SearchEvent>, StoreError> {
        let rows = sqlx::query("SELECT at, query, hits, opened FROM search_event ORDER BY at DESC, id DESC LIMIT ?1")
            .bind(limit)
            .fetch_all(&self.readers)
            .await?;
        rows.iter()
            .map(|row| {
                let opened: Option<&str> = row.try_get(3)?;
                let opened =
                    opened.map(serde_json::from_str).transpose().map_err(|error| StoreError::Damaged(error.to_string()))?;
                Ok(SearchEvent { at: row.try_get(0)?, query: row.try_get(1)?, hits: row.try_get(2)?, opened })
            })
            .collect()
    }
}
