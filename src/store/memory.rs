//! What was read from files, remembered for the next crawl.

use std::collections::HashMap;

use sqlx::Row;

use super::{FileHistory, RememberedFile, Store, StoreError, pack, runs::to_json};

/// How many files are written in one transaction.
const BATCH: usize = 1_000;

impl Store {
    /// The keys under which files of `source` are remembered, by path.
    pub async fn remembered_keys(&self, source: &str) -> Result<HashMap<String, String>, StoreError> {
        let rows: Vec<(String, String)> = sqlx::query_as(
            "SELECT path, key FROM source_file JOIN source ON source.id = source_file.source WHERE source.name = ?1",
        )
        .bind(source)
        .fetch_all(&self.readers)
        .await?;
        Ok(rows.into_iter().collect())
    }

    /// What is remembered of every file of `source`, sorted by path.
    pub async fn remembered_files(&self, source: &str) -> Result<Vec<RememberedFile>, StoreError> {
        let rows = sqlx::query(
            "SELECT path, key, content FROM source_file JOIN source ON source.id = source_file.source
             WHERE source.name = ?1 ORDER BY path",
        )
        .bind(source)
        .fetch_all(&self.readers)
        .await?;
        rows.iter()
            .map(|row| Ok(RememberedFile { path: row.try_get(0)?, key: row.try_get(1)?, packed: row.try_get(2)? }))
            .collect()
    }

    /// Remembers `files` of `source` in place of what was remembered of them, and forgets `gone`.
    pub async fn remember_files(&self, source: &str, files: &[RememberedFile], gone: &[String]) -> Result<(), StoreError> {
        sqlx::query("INSERT INTO source (name) VALUES (?1) ON CONFLICT DO NOTHING").bind(source).execute(&self.crawl).await?;
        let number: i64 = sqlx::query_scalar("SELECT id FROM source WHERE name = ?1").bind(source).fetch_one(&self.crawl).await?;
        for some in gone.chunks(BATCH) {
            sqlx::query("DELETE FROM source_file WHERE source = ?1 AND path IN (SELECT value FROM json_each(?2))")
                .bind(number)
                .bind(to_json(some)?)
                .execute(&self.crawl)
                .await?;
        }
        for some in files.chunks(BATCH) {
            let mut transaction = self.crawl.begin_with("BEGIN IMMEDIATE").await?;
            for file in some {
                sqlx::query("INSERT OR REPLACE INTO source_file (source, path, key, content) VALUES (?1, ?2, ?3, ?4)")
                    .bind(number)
                    .bind(&file.path)
                    .bind(&file.key)
                    .bind(&file.packed)
                    .execute(&mut *transaction)
                    .await?;
            }
            transaction.commit().await?;
        }
        Ok(())
    }

    /// Forgets every file of `source`, and how it was read.
    pub async fn forget_source(&self, source: &str) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM source_file WHERE source = (SELECT id FROM source WHERE name = ?1)")
            .bind(source)
            .execute(&self.crawl)
            .await?;
        sqlx::query("UPDATE source SET settings = NULL WHERE name = ?1").bind(source).execute(&self.crawl).await?;
        Ok(())
    }

    /// Remembers how a source is read, as the crawl writes it down.
    pub async fn remember_settings(&self, source: &str, settings: &str) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO source (name, settings) VALUES (?1, ?2)
             ON CONFLICT (name) DO UPDATE SET settings = excluded.settings",
        )
        .bind(source)
        .bind(settings)
        .execute(&self.crawl)
        .await?;
        Ok(())
    }

    /// How a source was read last; `None` where that is not known.
    pub async fn source_settings(&self, source: &str) -> Result<Option<String>, StoreError> {
        let found: Option<Option<String>> =
            sqlx::query_scalar("SELECT settings FROM source WHERE name = ?1").bind(source).fetch_optional(&self.readers).await?;
        Ok(found.flatten())
    }

    /// The pasts of files of `source` as they stand, by path.
    pub async fn file_histories(&self, source: &str) -> Result<HashMap<String, FileHistory>, StoreError> {
        let rows = sqlx::query(
            "SELECT document.path, text.form, text.body FROM document_version AS version
             JOIN document ON document.id = version.document JOIN source ON source.id = document.source
             JOIN text ON text.id = version.history WHERE version.valid_to IS NULL AND source.name = ?1",
        )
        .bind(source)
        .fetch_all(&self.readers)
        .await?;
        rows.iter()
            .map(|row| {
                let json = pack::unpack_text(row.try_get(1)?, row.try_get(2)?)?;
                let history = serde_json::from_str(&json).map_err(|error| StoreError::Damaged(error.to_string()))?;
                Ok((row.try_get(0)?, history))
            })
            .collect()
    }

    /// Texts by their digests; those not stored are left out.
    pub async fn texts(&self, digests: &[u128]) -> Result<HashMap<u128, String>, StoreError> {
        let mut texts = HashMap::with_capacity(digests.len());
        for some in digests.chunks(BATCH) {
            let wanted: Vec<String> = some.iter().map(|digest| format!("{digest:032x}")).collect();
            let rows =
                sqlx::query("SELECT digest, form, body FROM text WHERE digest IN (SELECT unhex(value) FROM json_each(?1))")
                    .bind(to_json(&wanted)?)
                    .fetch_all(&self.readers)
                    .await?;
            for row in rows {
                let digest: [u8; 16] = row
                    .try_get::<&[u8], _>(0)?
                    .try_into()
                    .map_err(|_| StoreError::Damaged("a text's digest has another length".into()))?;
                texts.insert(u128::from_be_bytes(digest), pack::unpack_text(row.try_get(1)?, row.try_get(2)?)?);
            }
        }
        Ok(texts)
    }
}
