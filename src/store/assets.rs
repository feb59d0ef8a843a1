//! Assets in one run: found by name, shown with everything stored of them.

use std::{collections::HashMap, sync::Arc};

use sqlx::Row;

use super::{
    AssetDetail, AssetRow, ColumnRow, DeclaredSchema, Definition, DocumentVersion, FactRow, FileHistory, InferredColumns,
    PlacementRow, Store, StoreError,
    analyses::{StoredDetail, own_targets},
    graph_rows::{Shared, asset_row, placement_row},
    pack,
    runs::to_json,
};
use crate::model::{AssetId, ColumnId, EvidenceKind, RunNumber, file_of};

/// What is said of an asset, apart from its lineage.
#[derive(Debug, Default)]
pub(super) struct Sheet {
    pub(super) aliases: Vec<String>,
    pub(super) facts: Vec<FactRow>,
    pub(super) declared: Vec<DeclaredSchema>,
    pub(super) inferred: Option<InferredColumns>,
    pub(super) writers: Vec<PlacementRow>,
    pub(super) checkers: Vec<PlacementRow>,
    pub(super) changed_at: Option<i64>,
}

impl Store {
    /// The number of the asset called `key` in `namespace`, following aliases, former ones
    /// too; gone ones too.
    pub async fn find_asset(&self, run: RunNumber, namespace: &str, key: &str) -> Result<Option<AssetId>, StoreError> {
        let id: Option<i64> = sqlx::query_scalar(
            "SELECT id FROM (
                 SELECT asset.id, 0 AS rank, 0 AS newest FROM asset JOIN asset_state ON asset_state.asset = asset.id
                 WHERE namespace = ?2 AND key = ?3 AND valid_from <= ?1
                     AND (valid_to IS NULL OR ?1 < valid_to)
                 UNION ALL
                 SELECT asset.id, CASE WHEN valid_to IS NULL OR ?1 < valid_to THEN 1 ELSE 2 END, valid_from
                 FROM asset_alias JOIN asset ON asset.id = asset_alias.asset
                 WHERE namespace = ?2 AND alias = ?3 AND valid_from <= ?1
                 UNION ALL
                 SELECT asset.id, 3, 0 FROM asset JOIN asset_state ON asset_state.asset = asset.id
                 WHERE namespace = ?2 AND key = ?3 AND valid_from <= ?1
             ) ORDER BY rank, newest DESC, id LIMIT 1",
        )
        .bind(run.0)
        .bind(namespace)
        .bind(key)
        .fetch_optional(&self.readers)
        .await?;
        Ok(id.map(|id| AssetId(id as u32)))
    }

    /// Everything stored of one asset, or `None` where no run up to `run` knew it.
    pub async fn show_asset(&self, run: RunNumber, asset: AssetId) -> Result<Option<AssetDetail>, StoreError> {
        let rows = sqlx::query(
            "SELECT asset.id, namespace, key, name, kind, role, environment, valid_from, valid_to FROM asset_state
             JOIN asset ON asset.id = asset_state.asset WHERE asset = ?2 AND valid_from <= ?1 ORDER BY valid_from",
        )
        .bind(run.0)
        .bind(asset.0)
        .fetch_all(&self.readers)
        .await?;
        let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return Ok(None) };
        let row = asset_row(last, &mut Shared::default())?;
        let ended: Option<u32> = last.try_get(8)?;
        let gone_since = ended.filter(|ended| *ended <= run.0).map(RunNumber);
        // What is gone is shown as it last was.
        let seen_at = gone_since.map_or(run, |gone| RunNumber(gone.0 - 1));
        let mut sheets = self.load_sheets(seen_at, &[asset]).await?;
        let sheet = sheets.remove(&asset).unwrap_or_default();
        let mut definitions = Vec::with_capacity(sheet.writers.len());
        for placement in &sheet.writers {
            definitions.extend(self.load_definition(seen_at, asset, placement).await?);
        }
        let mut stated = Vec::new();
        for key in self.keys_of(run, asset).await? {
            stated.extend(self.person_statements(Some((&key.namespace, &key.key))).await?);
        }
        stated.sort_by_key(|statement| statement.id);
        Ok(Some(AssetDetail {
            stated,
            columns: self.load_columns(asset).await?,
            asset: row,
            first_run: RunNumber(first.try_get(7)?),
            gone_since,
            aliases: sheet.aliases,
            facts: sheet.facts,
            declared: sheet.declared,
            inferred: sheet.inferred,
            definitions,
            checked_by: sheet.checkers,
        }))
    }

    /// Every fact of one kind (the word of its serialised form: `owner`, `deprecated`, `tag`, …), by asset.
    pub async fn facts_of_kind(&self, run: RunNumber, kind: &str) -> Result<Vec<(AssetId, FactRow)>, StoreError> {
        let rows = sqlx::query(
            "SELECT asset, value, source.name, document.path, line FROM asset_fact
             JOIN document ON document.id = asset_fact.document JOIN source ON source.id = document.source
             WHERE kind = ?2 AND valid_from <= ?1 AND (valid_to IS NULL OR ?1 < valid_to) ORDER BY asset, ordinal",
        )
        .bind(run.0)
        .bind(kind)
        .fetch_all(&self.readers)
        .await?;
        let mut shared = Shared::default();
        rows.iter().map(|row| Ok((AssetId(row.try_get(0)?), fact_row(row, &mut shared)?))).collect()
    }

    /// The texts of documents as `run` sees them, in no order: of files whose path is `path`.
    pub async fn document_text(&self, run: RunNumber, source: &str, path: &str) -> Result<Option<String>, StoreError> {
        let row = sqlx::query(
            "SELECT text.form, text.body FROM document
             JOIN source ON source.id = document.source
             JOIN document_version AS version ON version.document = document.id
             JOIN text ON text.id = version.text
             WHERE source.name = ?2 AND document.path = ?3
                 AND valid_from <= ?1 AND (valid_to IS NULL OR ?1 < valid_to)",
        )
        .bind(run.0)
        .bind(source)
        .bind(path)
        .fetch_optional(&self.readers)
        .await?;
        row.map(|row| pack::unpack_text(row.try_get(0)?, row.try_get(1)?)).transpose()
    }

    /// What is said of each of `assets` in `run`.
    pub(super) async fn load_sheets(&self, run: RunNumber, assets: &[AssetId]) -> Result<HashMap<AssetId, Sheet>, StoreError> {
        let ids = to_json(assets)?;
        let mut shared = Shared::default();
        let mut sheets: HashMap<AssetId, Sheet> = assets.iter().map(|id| (*id, Sheet::default())).collect();
        let rows = sqlx::query(SELECT_FACTS).bind(run.0).bind(&ids).fetch_all(&self.readers).await?;
        for row in &rows {
            let sheet = sheets.entry(AssetId(row.try_get(0)?)).or_default();
            sheet.facts.push(fact_row(row, &mut shared)?);
            sheet.changed_at = sheet.changed_at.max(row.try_get(5)?);
        }
        let rows = sqlx::query(SELECT_ALIASES).bind(run.0).bind(&ids).fetch_all(&self.readers).await?;
        for row in &rows {
            sheets.entry(AssetId(row.try_get(0)?)).or_default().aliases.push(row.try_get(1)?);
        }
        let rows = sqlx::query(SELECT_INFERRED).bind(run.0).bind(&ids).fetch_all(&self.readers).await?;
        for row in &rows {
            sheets.entry(AssetId(row.try_get(0)?)).or_default().inferred = pack::unpack_json(row.try_get(1)?)?;
        }
        let rows = sqlx::query(SELECT_DECLARED).bind(run.0).bind(&ids).fetch_all(&self.readers).await?;
        for row in &rows {
            let sheet = sheets.entry(AssetId(row.try_get(0)?)).or_default();
            sheet.declared.push(DeclaredSchema {
                source: shared.get(row.try_get(1)?),
                path: Arc::from(row.try_get::<&str, _>(2)?),
                columns: pack::unpack_json(row.try_get(3)?)?,
            });
            sheet.changed_at = sheet.changed_at.max(row.try_get(4)?);
        }
        let mut observed: HashMap<AssetId, Vec<PlacementRow>> = HashMap::new();
        let rows = sqlx::query(SELECT_PLACEMENTS).bind(run.0).bind(&ids).fetch_all(&self.readers).await?;
        for row in &rows {
            let sheet = sheets.entry(AssetId(row.try_get(6)?)).or_default();
            let placement = placement_row(row, &mut shared)?;
            if placement.kind.is_parsed() {
                sheet.changed_at = sheet.changed_at.max(row.try_get(8)?);
            }
            match row.try_get::<&str, _>(7)? {
                // What a warehouse states has no SQL, and so defines nothing.
                "writes" if placement.kind == EvidenceKind::Native => {}
                // Where files define it, what a log saw written is evidence, no definition.
                "writes" if placement.kind == EvidenceKind::Observed => {
                    observed.entry(AssetId(row.try_get(6)?)).or_default().push(placement)
                }
                "writes" => sheet.writers.push(placement),
                _ => sheet.checkers.push(placement),
            }
        }
        for (asset, placements) in observed {
            let sheet = sheets.entry(asset).or_default();
            if sheet.writers.is_empty() {
                sheet.writers = placements.into_iter().take(OBSERVED_WRITERS).collect();
            }
        }
        Ok(sheets)
    }

    async fn load_columns(&self, asset: AssetId) -> Result<Vec<ColumnRow>, StoreError> {
        let rows = sqlx::query("SELECT id, key FROM column_ WHERE asset = ?1 ORDER BY id")
            .bind(asset.0)
            .fetch_all(&self.readers)
            .await?;
        rows.iter()
            .map(|row| Ok(ColumnRow { id: ColumnId(row.try_get(0)?), asset, name: Arc::from(row.try_get::<&str, _>(1)?) }))
            .collect()
    }

    async fn load_definition(
        &self,
        run: RunNumber,
        asset: AssetId,
        placement: &PlacementRow,
    ) -> Result<Option<Definition>, StoreError> {
        let row = sqlx::query(
            "SELECT analysis.detail, text.form, text.body, history.form, history.body FROM placement
             JOIN analysis ON analysis.id = placement.analysis
             JOIN document_version AS version ON version.document = placement.document
                 AND version.valid_from <= ?1 AND (version.valid_to IS NULL OR ?1 < version.valid_to)
             JOIN text ON text.id = version.text
             LEFT JOIN text AS history ON history.id = version.history
             WHERE placement.document = ?2 AND placement.stale = ?3
                 AND placement.valid_from <= ?1 AND (placement.valid_to IS NULL OR ?1 < placement.valid_to)",
        )
        .bind(run.0)
        .bind(placement.document.0)
        .bind(placement.stale)
        .fetch_optional(&self.readers)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let detail: StoredDetail = pack::unpack_json(row.try_get(0)?)?;
        let history = history(row.try_get(3)?, row.try_get(4)?)?;
        let (targets, superseded) = own_targets(&detail.analysis, &detail.targets, asset);
        Ok(Some(Definition {
            placement: placement.clone(),
            text: Arc::from(pack::unpack_text(row.try_get(1)?, row.try_get(2)?)?),
            targets,
            superseded,
            bound: self.bound_assets(run, &detail.bound).await?,
            analysis: Arc::new(detail.analysis),
            diagnostics: self.diagnostics_of(run, Some(placement.document)).await?,
            last_change: history.last_change,
            contributors: history.contributors,
            versions: self.document_versions(run, placement).await?,
            permalink: self.permalink(run, placement).await?,
        }))
    }

    async fn bound_assets(&self, run: RunNumber, bound: &[Option<u32>]) -> Result<Vec<Option<AssetRow>>, StoreError> {
        let ids: Vec<u32> = bound.iter().flatten().copied().collect();
        let rows = sqlx::query(
            "SELECT asset.id, namespace, key, name, kind, role, environment FROM asset_state JOIN asset ON asset.id = asset_state.asset
             WHERE asset IN (SELECT value FROM json_each(?2)) AND valid_from <= ?1 AND (valid_to IS NULL OR ?1 < valid_to)",
        )
        .bind(run.0)
        .bind(to_json(&ids)?)
        .fetch_all(&self.readers)
        .await?;
        let mut namespaces = Shared::default();
        let rows: HashMap<u32, AssetRow> =
            rows.iter().map(|row| asset_row(row, &mut namespaces).map(|asset| (asset.id.0, asset))).collect::<Result<_, _>>()?;
        Ok(bound.iter().map(|id| id.and_then(|id| rows.get(&id).cloned())).collect())
    }

    /// Versions of a file up to `run`, newest first; neighbours of one blob are one version.
    async fn document_versions(&self, run: RunNumber, placement: &PlacementRow) -> Result<Vec<DocumentVersion>, StoreError> {
        let rows = sqlx::query(
            "SELECT blob, valid_from, valid_to, form, body FROM document_version
             LEFT JOIN text ON text.id = history
             WHERE document = ?2 AND valid_from <= ?1 ORDER BY valid_from DESC",
        )
        .bind(run.0)
        .bind(placement.document.0)
        .fetch_all(&self.readers)
        .await?;
        let mut versions: Vec<DocumentVersion> = Vec::with_capacity(rows.len());
        for row in &rows {
            let (blob, first): (String, u32) = (row.try_get(0)?, row.try_get(1)?);
            let ended: Option<u32> = row.try_get(2)?;
            match versions.last_mut() {
                Some(newer) if newer.blob == blob && ended == Some(newer.first_run.0) => {
                    newer.first_run = RunNumber(first);
                }
                _ => versions.push(DocumentVersion {
                    blob,
                    last_change: history(row.try_get(3)?, row.try_get(4)?)?.last_change,
                    first_run: RunNumber(first),
                    last_run: ended.filter(|ended| *ended <= run.0).map(|ended| RunNumber(ended - 1)),
                }),
            }
        }
        Ok(versions)
    }

    /// The file at its commit on the forge, with `{line}` left.
    async fn permalink(&self, run: RunNumber, placement: &PlacementRow) -> Result<Option<String>, StoreError> {
        let sources = self.run_sources(run).await?;
        let source = sources.into_iter().find(|source| *source.name == *placement.source);
        Ok(source.and_then(|source| {
            let commit = source.commit.or_else(|| placement.commit.as_deref().map(str::to_owned))?;
            Some(source.permalink?.replace("{commit}", &commit).replace("{path}", file_of(&placement.path)))
        }))
    }
}

/// Logged statements that stand for the definition of an asset that no file defines.
const OBSERVED_WRITERS: usize = 20;

const SELECT_FACTS: &str = "SELECT asset, value, source.name, document.path, line, version.changed_at FROM asset_fact
    JOIN document ON document.id = asset_fact.document JOIN source ON source.id = document.source
    LEFT JOIN document_version AS version ON version.document = document.id
        AND version.valid_from <= ?1 AND (version.valid_to IS NULL OR ?1 < version.valid_to)
    WHERE asset IN (SELECT value FROM json_each(?2))
        AND asset_fact.valid_from <= ?1 AND (asset_fact.valid_to IS NULL OR ?1 < asset_fact.valid_to)
    ORDER BY asset, ordinal";
const SELECT_ALIASES: &str = "SELECT asset, alias FROM asset_alias
    WHERE asset IN (SELECT value FROM json_each(?2)) AND valid_from <= ?1 AND (valid_to IS NULL OR ?1 < valid_to)
    ORDER BY asset, alias";
pub(super) const SELECT_INFERRED: &str = "SELECT asset, columns FROM inferred_columns
    WHERE asset IN (SELECT value FROM json_each(?2)) AND valid_from <= ?1 AND (valid_to IS NULL OR ?1 < valid_to)";
pub(super) const SELECT_DECLARED: &str =
    "SELECT asset, source.name, document.path, columns, version.changed_at FROM declared_schema
    JOIN document ON document.id = declared_schema.document JOIN source ON source.id = document.source
    LEFT JOIN document_version AS version ON version.document = document.id
        AND version.valid_from <= ?1 AND (version.valid_to IS NULL OR ?1 < version.valid_to)
    WHERE asset IN (SELECT value FROM json_each(?2))
        AND declared_schema.valid_from <= ?1 AND (declared_schema.valid_to IS NULL OR ?1 < declared_schema.valid_to)
    ORDER BY asset, source.name, document.path";
const SELECT_PLACEMENTS: &str = "SELECT document.id, source.name, document.path, version.commit_id, placement.stale,
        CASE WHEN version.role = 'native' THEN 2 ELSE source.is_log END, analysis_asset.asset, analysis_asset.how, version.changed_at
    FROM analysis_asset
    JOIN placement ON placement.analysis = analysis_asset.analysis
    JOIN document ON document.id = placement.document JOIN source ON source.id = document.source
    LEFT JOIN document_version AS version ON version.document = document.id
        AND version.valid_from <= ?1 AND (version.valid_to IS NULL OR ?1 < version.valid_to)
    WHERE analysis_asset.asset IN (SELECT value FROM json_each(?2))
        AND placement.valid_from <= ?1 AND (placement.valid_to IS NULL OR ?1 < placement.valid_to)
    ORDER BY analysis_asset.asset, source.name, document.path, placement.ordinal";

/// Reads (_, value, source, path, line).
fn fact_row(row: &sqlx::sqlite::SqliteRow, shared: &mut Shared) -> Result<FactRow, StoreError> {
    Ok(FactRow {
        what: serde_json::from_str(row.try_get(1)?).map_err(|error| StoreError::Damaged(error.to_string()))?,
        source: shared.get(row.try_get(2)?),
        path: shared.get(row.try_get(3)?),
        line: row.try_get(4)?,
    })
}

fn history(form: Option<i64>, body: Option<Vec<u8>>) -> Result<FileHistory, StoreError> {
    match (form, body) {
        (Some(form), Some(body)) => {
            serde_json::from_str(&pack::unpack_text(form, body)?).map_err(|error| StoreError::Damaged(error.to_string()))
        }
        _ => Ok(FileHistory::default()),
    }
}
