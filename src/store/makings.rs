//! What makes many assets, without what only their pages show.

use std::{collections::HashMap, sync::Arc};

use rayon::prelude::*;
use sqlx::{Row, sqlite::SqliteRow};

use super::{
    AssetDetail, AssetRow, Definition, FileHistory, PlacementRow, Store, StoreError,
    analyses::{StoredDetail, own_targets},
    assets::Sheet,
    pack,
    runs::to_json,
};
use crate::model::{Analysis, AssetId, DocumentId, RunNumber};

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
            let placements: Vec<&PlacementRow> = sheets.values().flat_map(|sheet| &sheet.writers).collect();
            let made = self.load_made(run, &placements).await?;
            for asset in chunk {
                let (Some(row), Some(sheet)) = (row_of(rows, *asset), sheets.remove(asset)) else { continue };
                let of = |placement: &PlacementRow| Some((placement.clone(), made.get(&(placement.document, placement.stale))?));
                let definitions = sheet.writers.iter().filter_map(of);
                let definitions = definitions.map(|(placement, made)| making(*asset, placement, made, rows)).collect();
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

    /// Text and lineage of every placement, in one question.
    async fn load_made(
        &self,
        run: RunNumber,
        placements: &[&PlacementRow],
    ) -> Result<HashMap<(DocumentId, bool), Made>, StoreError> {
        let documents: Vec<DocumentId> = placements.iter().map(|placement| placement.document).collect();
        let found = sqlx::query(
            "SELECT placement.document, placement.stale, analysis.detail, text.form, text.body FROM placement
             JOIN analysis ON analysis.id = placement.analysis
             JOIN document_version AS version ON version.document = placement.document
                 AND version.valid_from <= ?1 AND (version.valid_to IS NULL OR ?1 < version.valid_to)
             JOIN text ON text.id = version.text
             WHERE placement.document IN (SELECT value FROM json_each(?2))
                 AND placement.valid_from <= ?1 AND (placement.valid_to IS NULL OR ?1 < placement.valid_to)",
        )
        .bind(run.0)
        .bind(to_json(&documents)?)
        .fetch_all(&self.readers)
        .await?;
        let unpack = |row: &SqliteRow| {
            let StoredDetail { analysis, bound, targets } = pack::unpack_json(row.try_get(2)?)?;
            let text = Arc::from(pack::unpack_text(row.try_get(3)?, row.try_get(4)?)?);
            let place = (DocumentId(row.try_get(0)?), row.try_get(1)?);
            Ok((place, Made { analysis: Arc::new(analysis), bound, targets, text }))
        };
        found.par_iter().map(unpack).collect()
    }
}

/// What a document makes: its lineage and its text.
struct Made {
    analysis: Arc<Analysis>,
    /// Numbers of the assets that its relations are, and of those that its targets are.
    bound: Vec<Option<u32>>,
    targets: Vec<Option<u32>>,
    text: Arc<str>,
}

fn making(asset: AssetId, placement: PlacementRow, made: &Made, rows: &[AssetRow]) -> Definition {
    let (targets, superseded) = own_targets(&made.analysis, &made.targets, asset);
    let FileHistory { last_change, contributors } = FileHistory::default();
    Definition {
        placement,
        text: Arc::clone(&made.text),
        targets,
        superseded,
        bound: made.bound.iter().map(|id| id.and_then(|id| row_of(rows, AssetId(id))).cloned()).collect(),
        analysis: Arc::clone(&made.analysis),
        diagnostics: Vec::new(),
        last_change,
        contributors,
        versions: Vec::new(),
        permalink: None,
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
