//! The store: one SQLite database, the only truth.
//!
//! Rows come in under the number of an unpublished run and become visible together when the run is
//! published. Every read names a run and sees only what held in it. What people state lives in its own
//! append-only tables, untouched by runs. All SQL against our own database is in this module; none of
//! it is ever built from text.

mod error;
mod rows;

use std::{io::Write, path::Path};

pub use error::StoreError;
pub use rows::*;

use crate::model::{AssetId, RunNumber};

/// The open store. Cheap to clone; clones share one writer and one pool of readers.
#[derive(Clone, Debug)]
pub struct Store {}

impl Store {
    /// Opens the store in `dir`, creating the folder and the database where missing, brings the
    /// schema up to date (after a backup of the older one) and deletes what a crash left unpublished.
    pub async fn open(_dir: &Path) -> Result<Store, StoreError> {
        Ok(Store {})
    }

    /// The newest published run; `None` before the first.
    pub async fn latest_run(&self) -> Result<Option<RunNumber>, StoreError> {
        Ok(None)
    }

    /// The newest `limit` runs, newest first, failed ones and the one being written among them.
    pub async fn runs(&self, _limit: u32) -> Result<Vec<RunRow>, StoreError> {
        Ok(Vec::new())
    }

    /// Every asset of `run`, sorted by number.
    pub async fn load_assets(&self, _run: RunNumber) -> Result<Vec<AssetRow>, StoreError> {
        Ok(Vec::new())
    }

    /// Everything that a graph of `run` is built from.
    pub async fn load_graph(&self, _run: RunNumber) -> Result<GraphRows, StoreError> {
        Ok(GraphRows::default())
    }

    /// What is put into the search index: of every asset of `run`, or of those among `only`.
    pub async fn load_search_rows(&self, _run: RunNumber, _only: Option<&[AssetId]>) -> Result<Vec<SearchRow>, StoreError> {
        Ok(Vec::new())
    }

    /// Assets whose search row may differ between two runs, sorted; those gone in `run` among them.
    pub async fn changed_assets(&self, _since: RunNumber, _run: RunNumber) -> Result<Vec<AssetId>, StoreError> {
        Ok(Vec::new())
    }

    /// The number of the asset called `key` in `namespace`, following aliases; gone ones too.
    pub async fn find_asset(&self, _run: RunNumber, _namespace: &str, _key: &str) -> Result<Option<AssetId>, StoreError> {
        Ok(None)
    }

    /// Everything stored of one asset, or `None` where no run up to `run` knew it.
    pub async fn show_asset(&self, _run: RunNumber, _asset: AssetId) -> Result<Option<AssetDetail>, StoreError> {
        Ok(None)
    }

    /// Every fact of one kind (the word of its serialised form: `owner`, `deprecated`, `tag`, …), by asset.
    pub async fn facts_of_kind(&self, _run: RunNumber, _kind: &str) -> Result<Vec<(AssetId, FactRow)>, StoreError> {
        Ok(Vec::new())
    }

    /// Every diagnostic of `run`, sorted.
    pub async fn diagnostics(&self, _run: RunNumber) -> Result<Vec<DiagnosticRow>, StoreError> {
        Ok(Vec::new())
    }

    /// Writes the whole catalog of `run`, sorted, one JSON object per line.
    pub async fn export(&self, _run: RunNumber, _out: &mut (dyn Write + Send)) -> Result<(), StoreError> {
        Ok(())
    }

    /// Appends what a person states; its number comes back. Durable when this returns.
    pub async fn state_of_person(&self, _statement: &PersonStatement) -> Result<i64, StoreError> {
        Ok(0)
    }

    /// What people stated, oldest first: of everything, or of one (namespace, key).
    pub async fn person_statements(&self, _of: Option<(&str, &str)>) -> Result<Vec<PersonStatement>, StoreError> {
        Ok(Vec::new())
    }

    /// Records searches, in one batch.
    pub async fn record_searches(&self, _events: &[SearchEvent]) -> Result<(), StoreError> {
        Ok(())
    }

    /// Copies the whole database to `to` while it is in use.
    pub async fn back_up(&self, _to: &Path) -> Result<(), StoreError> {
        Ok(())
    }

    /// Puts the backup `from` in the place of the database in `dir`, which nobody may have open.
    /// The former database is kept beside it, with the extension `.before-restore`.
    pub async fn restore(_dir: &Path, _from: &Path) -> Result<(), StoreError> {
        Ok(())
    }

    /// The version of the database's schema.
    pub async fn schema_version(&self) -> Result<i64, StoreError> {
        Ok(0)
    }
}
