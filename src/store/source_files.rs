//! Files of sources that are kept as they are, run by run.

use std::collections::BTreeMap;

use serde::Serialize;
use sqlx::Row;

use super::{Store, StoreError, runs::to_json};
use crate::model::RunNumber;

/// The statements for one table of such files.
pub(super) struct FileTable {
    /// Path and content of what stands of a source.
    pub(super) standing: &'static str,
    /// Ends what stands of a source under a path with a run.
    pub(super) close: &'static str,
    /// Opens a content of a source under a path with a run.
    pub(super) open: &'static str,
}

impl Store {
    /// Writes the files of `source`, path and content, as the unpublished `run` reads them; only what changed.
    pub(super) async fn write_files<'f, F: Serialize + 'f>(
        &self,
        table: &FileTable,
        run: RunNumber,
        source: &str,
        files: impl Iterator<Item = (&'f str, &'f F)>,
    ) -> Result<(), StoreError> {
        let now: BTreeMap<&str, String> =
            files.map(|(path, content)| Ok((path, to_json(content)?))).collect::<Result<_, StoreError>>()?;
        let mut transaction = self.crawl.begin_with("BEGIN IMMEDIATE").await?;
        let id: Option<i64> =
            sqlx::query_scalar("SELECT id FROM source WHERE name = ?1").bind(source).fetch_optional(&mut *transaction).await?;
        let Some(id) = id else { return Ok(()) };
        let rows = sqlx::query(table.standing).bind(id).fetch_all(&mut *transaction).await?;
        let mut standing: BTreeMap<String, String> = BTreeMap::new();
        for row in &rows {
            standing.insert(row.try_get(0)?, row.try_get(1)?);
        }
        for (path, content) in &standing {
            if now.get(path.as_str()) != Some(content) {
                sqlx::query(table.close).bind(id).bind(path).bind(run.0).execute(&mut *transaction).await?;
            }
        }
        for (path, content) in &now {
            if standing.get(*path) != Some(content) {
                sqlx::query(table.open).bind(id).bind(*path).bind(content).bind(run.0).execute(&mut *transaction).await?;
            }
        }
        transaction.commit().await?;
        Ok(())
    }
}
