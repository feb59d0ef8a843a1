//! People who may sign in, their sessions and their tokens. Secrets come in and stay as hashes.

use serde::Serialize;
use sqlx::{Row, sqlite::SqliteRow};

use super::{Store, StoreError, runs::to_json};
use crate::model::{Role, Scope};

/// Somebody who may sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonRow {
    /// The name they sign in with, in lower case.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// The hash of their password; `None` where a proxy signs them in.
    pub password: Option<String>,
    /// Names of owners that they stand for.
    pub also: Vec<String>,
    /// Since when they are known, seconds since 1970 UTC.
    pub created_at: i64,
    /// Since when they may not sign in any more.
    pub disabled_at: Option<i64>,
}

/// Somebody's key for programs, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Token {
    /// Its number.
    pub id: i64,
    /// Whose it is.
    pub person: String,
    /// What it is for.
    pub label: String,
    /// How far it reaches, within the role of its owner.
    pub scope: Scope,
    /// When it was made, seconds since 1970 UTC.
    pub created_at: i64,
    /// When it ends.
    pub expires_at: i64,
    /// When it was last used, within some minutes.
    pub used_at: Option<i64>,
    /// When it was taken back.
    pub revoked_at: Option<i64>,
}

impl Token {
    /// Whether it opens anything at that time (seconds since 1970 UTC).
    pub fn is_live(&self, now: &i64) -> bool {
        self.revoked_at.is_none() && self.expires_at > *now
    }
}

/// A session as it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionTimes {
    /// When it was last seen, within some minutes; seconds since 1970 UTC.
    pub seen_at: i64,
    /// When it ends.
    pub expires_at: i64,
}

impl Store {
    /// Adds a person; says whether the name was free.
    pub async fn add_person(&self, person: &PersonRow) -> Result<bool, StoreError> {
        let added = sqlx::query(
            "INSERT INTO person (name, role, password, also, created_at, disabled_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (name) DO NOTHING",
        )
        .bind(&person.name)
        .bind(person.role.word())
        .bind(&person.password)
        .bind(to_json(&person.also)?)
        .bind(person.created_at)
        .bind(person.disabled_at)
        .execute(&self.people)
        .await?;
        Ok(added.rows_affected() == 1)
    }

    /// Puts `person` in the place of the one of that name, and ends their sessions where asked;
    /// says whether there was one.
    pub async fn change_person(&self, person: &PersonRow, ends: Sessions) -> Result<bool, StoreError> {
        let mut transaction = self.people.begin_with("BEGIN IMMEDIATE").await?;
        let changed = sqlx::query("UPDATE person SET role = ?2, password = ?3, also = ?4, disabled_at = ?5 WHERE name = ?1")
            .bind(&person.name)
            .bind(person.role.word())
            .bind(&person.password)
            .bind(to_json(&person.also)?)
            .bind(person.disabled_at)
            .execute(&mut *transaction)
            .await?;
        if ends == Sessions::End {
            sqlx::query("DELETE FROM session WHERE person = ?1").bind(&person.name).execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        Ok(changed.rows_affected() == 1)
    }

    /// Everybody, by name.
    pub async fn people(&self) -> Result<Vec<PersonRow>, StoreError> {
        let rows = sqlx::query("SELECT name, role, password, also, created_at, disabled_at FROM person ORDER BY name")
            .fetch_all(&self.readers)
            .await?;
        rows.iter().map(|row| person_row(row, 0)).collect()
    }

    /// The person of that name.
    pub async fn person(&self, name: &str) -> Result<Option<PersonRow>, StoreError> {
        let row = sqlx::query("SELECT name, role, password, also, created_at, disabled_at FROM person WHERE name = ?1")
            .bind(name)
            .fetch_optional(&self.people)
            .await?;
        row.as_ref().map(|row| person_row(row, 0)).transpose()
    }

    /// Begins a session; those that ended by now are forgotten.
    pub async fn begin_session(&self, digest: &[u8], person: &str, now: i64, expires_at: i64) -> Result<(), StoreError> {
        let mut transaction = self.people.begin_with("BEGIN IMMEDIATE").await?;
        sqlx::query("DELETE FROM session WHERE expires_at <= ?1").bind(now).execute(&mut *transaction).await?;
        sqlx::query("INSERT INTO session (digest, person, created_at, seen_at, expires_at) VALUES (?1, ?2, ?3, ?3, ?4)")
            .bind(digest)
            .bind(person)
            .bind(now)
            .bind(expires_at)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Whose session it is.
    pub async fn session(&self, digest: &[u8]) -> Result<Option<(PersonRow, SessionTimes)>, StoreError> {
        let row = sqlx::query(
            "SELECT seen_at, expires_at, name, role, password, also, person.created_at, disabled_at
             FROM session JOIN person ON person.name = session.person WHERE digest = ?1",
        )
        .bind(digest)
        .fetch_optional(&self.readers)
        .await?;
        row.map(|row| Ok((person_row(&row, 2)?, SessionTimes { seen_at: row.try_get(0)?, expires_at: row.try_get(1)? })))
            .transpose()
    }

    /// Notes that a session was used.
    pub async fn touch_session(&self, digest: &[u8], now: i64) -> Result<(), StoreError> {
        sqlx::query("UPDATE session SET seen_at = ?2 WHERE digest = ?1").bind(digest).bind(now).execute(&self.people).await?;
        Ok(())
    }

    /// Ends a session.
    pub async fn end_session(&self, digest: &[u8]) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM session WHERE digest = ?1").bind(digest).execute(&self.people).await?;
        Ok(())
    }

    /// Ends every session of a person.
    pub async fn end_sessions(&self, person: &str) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM session WHERE person = ?1").bind(person).execute(&self.people).await?;
        Ok(())
    }

    /// Keeps a token's hash; its number comes back.
    pub async fn add_token(&self, digest: &[u8], token: &Token) -> Result<i64, StoreError> {
        let id = sqlx::query_scalar(
            "INSERT INTO token (digest, person, label, scope, created_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             RETURNING id",
        )
        .bind(digest)
        .bind(&token.person)
        .bind(&token.label)
        .bind(token.scope.word())
        .bind(token.created_at)
        .bind(token.expires_at)
        .fetch_one(&self.people)
        .await?;
        Ok(id)
    }

    /// Tokens, newest first: of everybody, or of one.
    pub async fn tokens(&self, person: Option<&str>) -> Result<Vec<Token>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, person, label, scope, token.created_at, expires_at, used_at, revoked_at FROM token
             WHERE ?1 IS NULL OR person = ?1 ORDER BY id DESC",
        )
        .bind(person)
        .fetch_all(&self.people)
        .await?;
        rows.iter().map(token_row).collect()
    }

    /// Whose token it is.
    pub async fn token(&self, digest: &[u8]) -> Result<Option<(Token, PersonRow)>, StoreError> {
        let row = sqlx::query(
            "SELECT id, person, label, scope, token.created_at, expires_at, used_at, revoked_at,
                 name, role, password, also, person.created_at, disabled_at
             FROM token JOIN person ON person.name = token.person WHERE digest = ?1",
        )
        .bind(digest)
        .fetch_optional(&self.readers)
        .await?;
        row.map(|row| Ok((token_row(&row)?, person_row(&row, 8)?))).transpose()
    }

    /// Notes that a token was used.
    pub async fn touch_token(&self, id: i64, now: i64) -> Result<(), StoreError> {
        sqlx::query("UPDATE token SET used_at = ?2 WHERE id = ?1").bind(id).bind(now).execute(&self.people).await?;
        Ok(())
    }

    /// Takes a token back: of anybody, or only where it is `person`'s. Says whether there was one.
    pub async fn revoke_token(&self, id: i64, person: Option<&str>, now: i64) -> Result<bool, StoreError> {
        let revoked =
            sqlx::query("UPDATE token SET revoked_at = ?3 WHERE id = ?1 AND (?2 IS NULL OR person = ?2) AND revoked_at IS NULL")
                .bind(id)
                .bind(person)
                .bind(now)
                .execute(&self.people)
                .await?;
        Ok(revoked.rows_affected() == 1)
    }
}

/// What becomes of somebody's sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sessions {
    /// They go on.
    Keep,
    /// They end.
    End,
}

fn person_row(row: &SqliteRow, from: usize) -> Result<PersonRow, StoreError> {
    let role: &str = row.try_get(from + 1)?;
    let also: &str = row.try_get(from + 3)?;
    Ok(PersonRow {
        name: row.try_get(from)?,
        role: Role::from_word(role).ok_or_else(|| StoreError::Damaged(format!("role {role}")))?,
        password: row.try_get(from + 2)?,
        also: serde_json::from_str(also).map_err(|error| StoreError::Damaged(error.to_string()))?,
        created_at: row.try_get(from + 4)?,
        disabled_at: row.try_get(from + 5)?,
    })
}

fn token_row(row: &SqliteRow) -> Result<Token, StoreError> {
    let scope: &str = row.try_get(3)?;
    Ok(Token {
        id: row.try_get(0)?,
        person: row.try_get(1)?,
        label: row.try_get(2)?,
        scope: Scope::from_word(scope).ok_or_else(|| StoreError::Damaged(format!("scope {scope}")))?,
        created_at: row.try_get(4)?,
        expires_at: row.try_get(5)?,
        used_at: row.try_get(6)?,
        revoked_at: row.try_get(7)?,
    })
}
