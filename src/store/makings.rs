//! What makes many assets, without what only their pages show.

use std::{collections::HashMap, sync::Arc};

use rayon::prelude::*;
use sqlx::{Row, sqlite::SqliteRow};

use super::{
    AssetDetail, AssetRow, Definition, FileHistory, InferredColumns, PlacementRow, Store, StoreError,
    analyses::{StoredDetail, own_targets},
    assets::{SELECT_DECLARED, SELECT_INFERRED, Sheet},
    pack,
    runs::to_json,
};
use crate::model::{Analysis, AssetId, DeclaredColumn, DocumentId, RunNumber};

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

    /// Declared and inferred columns of `assets`; those that have none are left out.
    pub async fn load_known_columns(
        &self,
        run: RunNumber,
        assets: &[AssetId],
    ) -> Result<HashMap<AssetId, KnownColumns>, StoreError> {
        let mut known: HashMap<AssetId, KnownColumns> = HashMap::with_capacity(assets.len());
        for chunk in assets.chunks(TOGETHER) {
            let ids = to_json(chunk)?;
            let rows = sqlx::query(SELECT_INFERRED).bind(run.0).bind(&ids).fetch_all(&self.readers).await?;
            for row in &rows {
                known.entry(AssetId(row.try_get(0)?)).or_default().inferred = pack::unpack_json(row.try_get(1)?)?;
            }
            let rows = sqlx::query(SELECT_DECLARED).bind(run.0).bind(&ids).fetch_all(&self.readers).await?;
            for row in &rows {
                let columns: Vec<DeclaredColumn> = pack::unpack_json(row.try_get(3)?)?;
                let declared = &mut known.entry(AssetId(row.try_get(0)?)).or_default().declared;
                declared.extend(columns.into_iter().map(|column| column.name));
            }
        }
        Ok(known)
    }

    /// When the files of every asset changed last, seconds since 1970 UTC: those that make it, declare its columns or
    /// state facts of it. Assets whose files have no history are left out.
    pub async fn changes_of_files(&self, run: RunNumber) -> Result<HashMap<AssetId, i64>, StoreError> {
        let rows: Vec<(u32, i64)> = sqlx::query_as(
            "WITH changed AS (SELECT document, changed_at FROM document_version
                 WHERE changed_at IS NOT NULL AND valid_from <= ?1 AND (valid_to IS NULL OR ?1 < valid_to))
             SELECT asset, MAX(changed_at) FROM (
                 SELECT asset, changed_at FROM asset_fact JOIN changed ON changed.document = asset_fact.document
                 WHERE valid_from <= ?1 AND (valid_to IS NULL OR ?1 < valid_to)
                 UNION ALL
                 SELECT asset, changed_at FROM declared_schema JOIN changed ON changed.document = declared_schema.document
                 WHERE valid_from <= ?1 AND (valid_to IS NULL OR ?1 < valid_to)
                 UNION ALL
                 SELECT analysis_asset.asset, changed_at FROM placement
                 JOIN analysis_asset ON analysis_asset.analysis = placement.analysis
                 JOIN changed ON changed.document = placement.document
                 JOIN document ON document.id = placement.document
                 JOIN source ON source.id = document.source AND NOT source.is_log
                 WHERE placement.valid_from <= ?1 AND (placement.valid_to IS NULL OR ?1 < placement.valid_to))
             GROUP BY asset",
        )
        .bind(run.0)
        .fetch_all(&self.readers)
        .await?;
        Ok(rows.into_iter().map(|(asset, at)| (AssetId(asset), at)).collect())
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

/// Which columns an asset has, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KnownColumns {
    /// Names that schema files declare, file by file.
    pub declared: Vec<String>,
    /// What its SQL puts out.
    pub inferred: Option<InferredColumns>,
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
