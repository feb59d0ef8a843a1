//! What makes many assets, without what only their pages show.

use std::sync::Arc;

use sqlx::Row;

use super::{
    AssetDetail, AssetRow, Definition, FileHistory, PlacementRow, Store, StoreError, analyses::StoredDetail, assets::Sheet, pack,
};
use crate::model::{AssetId, RunNumber};

/// Assets whose sheets are loaded together.
const TOGETHER: usize = 500;

impl Store {
    /// Columns and definitions of `assets`, in order; those that are not among `rows` are left out. Of a
    /// definition, text, lineage and placement are loaded; history, diagnostics and addresses are not, nor
    /// what people stated. `rows` are all assets of the run, sorted by number.
    pub async fn load_makings(
        &self,
        run: RunNumber,
        assets: &[AssetId],
        rows: &[AssetRow],
    ) -> Result<Vec<AssetDetail>, StoreError> {
        let mut makings = Vec::with_capacity(assets.len());
        for chunk in assets.chunks(TOGETHER) {
            let mut sheets = self.load_sheets(run, chunk).await?;
            for asset in chunk {
                let (Some(row), Some(sheet)) = (row_of(rows, *asset), sheets.remove(asset)) else { continue };
                let mut definitions = Vec::with_capacity(sheet.writers.len());
                for placement in &sheet.writers {
                    definitions.extend(self.load_making(run, *asset, placement, rows).await?);
                }
                makings.push(detail(row, sheet, definitions, run));
            }
        }
        Ok(makings)
    }

    /// Declared and inferred columns of one asset; `None` where it is not among `rows`.
    pub async fn load_columns_of(
        &self,
        run: RunNumber,
        asset: AssetId,
        rows: &[AssetRow],
    ) -> Result<Option<AssetDetail>, StoreError> {
        let sheet = self.load_sheets(run, &[asset]).await?.remove(&asset);
        Ok(row_of(rows, asset).zip(sheet).map(|(row, sheet)| detail(row, sheet, Vec::new(), run)))
    }

    async fn load_making(
        &self,
        run: RunNumber,
        asset: AssetId,
        placement: &PlacementRow,
        rows: &[AssetRow],
    ) -> Result<Option<Definition>, StoreError> {
        let row = sqlx::query(
            "SELECT analysis.detail, text.form, text.body FROM placement
             JOIN analysis ON analysis.id = placement.analysis
             JOIN document_version AS version ON version.document = placement.document
                 AND version.valid_from <= ?1 AND (version.valid_to IS NULL OR ?1 < version.valid_to)
             JOIN text ON text.id = version.text
             WHERE placement.document = ?2 AND placement.stale = ?3
                 AND placement.valid_from <= ?1 AND (placement.valid_to IS NULL OR ?1 < placement.valid_to)",
        )
        .bind(run.0)
        .bind(placement.document.0)
        .bind(placement.stale)
        .fetch_optional(&self.readers)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let stored: StoredDetail = pack::unpack_json(row.try_get(0)?)?;
        let own = (0u32..).zip(&stored.targets).filter(|(_, target)| **target == Some(asset.0)).map(|(at, _)| at);
        let is_superseded = |at: &u32| stored.analysis.targets.get(*at as usize).is_some_and(|target| target.superseded);
        let (superseded, targets): (Vec<u32>, Vec<u32>) = own.partition(is_superseded);
        let FileHistory { last_change, contributors } = FileHistory::default();
        Ok(Some(Definition {
            placement: placement.clone(),
            text: Arc::from(pack::unpack_text(row.try_get(1)?, row.try_get(2)?)?),
            targets,
            superseded,
            bound: stored.bound.iter().map(|id| id.and_then(|id| row_of(rows, AssetId(id))).cloned()).collect(),
            analysis: Arc::new(stored.analysis),
            diagnostics: Vec::new(),
            last_change,
            contributors,
            versions: Vec::new(),
            permalink: None,
        }))
    }
}

fn row_of(rows: &[AssetRow], asset: AssetId) -> Option<&AssetRow> {
    rows.binary_search_by_key(&asset, |row| row.id).ok().and_then(|at| rows.get(at))
}

fn detail(row: &AssetRow, sheet: Sheet, definitions: Vec<Definition>, run: RunNumber) -> AssetDetail {
    AssetDetail {
        asset: row.clone(),
        first_run: run,
        gone_since: None,
        aliases: sheet.aliases,
        facts: sheet.facts,
        declared: sheet.declared,
        inferred: sheet.inferred,
        definitions,
        checked_by: sheet.checkers,
        columns: Vec::new(),
        stated: Vec::new(),
    }
}
