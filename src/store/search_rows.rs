//! What is put into the search index.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use sqlx::Row;

use super::{AssetRow, FactRow, InferredColumns, SearchRow, Store, StoreError, UsageSummary, assets::Sheet, runs::to_json};
use crate::model::{AssetId, DeclaredColumn, FactKind, RunNumber};

/// How many assets' sheets are loaded at a time.
const SHEETS: usize = 1_000;

impl Store {
    /// What is put into the search index: of every asset of `run`, or of those among `only`.
    pub async fn load_search_rows(&self, run: RunNumber, only: Option<&[AssetId]>) -> Result<Vec<SearchRow>, StoreError> {
        let only = only.map(to_json).transpose()?;
        let assets = self.assets_among(run, only.as_deref()).await?;
        let neighbours = self.count_neighbours(run, only.as_deref()).await?;
        let usage = self.usage_summaries(run).await?;
        let mut rows = Vec::with_capacity(assets.len());
        for some in assets.chunks(SHEETS) {
            let ids: Vec<AssetId> = some.iter().map(|asset| asset.id).collect();
            let mut sheets = self.load_sheets(run, &ids).await?;
            rows.extend(some.iter().map(|asset| {
                let sheet = sheets.remove(&asset.id).unwrap_or_default();
                let (readers, reads) = neighbours.get(&asset.id).copied().unwrap_or_default();
                let popularity = usage.get(&asset.id).map_or(0, UsageSummary::popularity);
                SearchRow { popularity, ..search_row(asset.clone(), sheet, readers, reads) }
            }));
        }
        Ok(rows)
    }

    /// Assets whose search row may differ between two runs, sorted; those gone in `run` among them.
    pub async fn changed_assets(&self, since: RunNumber, run: RunNumber) -> Result<Vec<AssetId>, StoreError> {
        let rows: Vec<(u32,)> = sqlx::query_as(
            "SELECT asset FROM asset_state WHERE (valid_from > ?1 AND valid_from <= ?2) OR (valid_to > ?1 AND valid_to <= ?2)
             UNION
             SELECT from_asset FROM asset_edge WHERE analysis IN (
                 SELECT analysis FROM placement
                 WHERE (valid_from > ?1 AND valid_from <= ?2) OR (valid_to > ?1 AND valid_to <= ?2))
             UNION
             SELECT asset FROM analysis_asset WHERE analysis IN (
                 SELECT analysis FROM placement
                 WHERE (valid_from > ?1 AND valid_from <= ?2) OR (valid_to > ?1 AND valid_to <= ?2))
             UNION
             SELECT asset FROM asset_usage WHERE (valid_from > ?1 AND valid_from <= ?2) OR (valid_to > ?1 AND valid_to <= ?2)
             ORDER BY 1",
        )
        .bind(since.0)
        .bind(run.0)
        .fetch_all(&self.readers)
        .await?;
        Ok(rows.into_iter().map(|(id,)| AssetId(id)).collect())
    }

    /// How many other assets read each asset, and how many it reads: of all assets, or those listed.
    async fn count_neighbours(&self, run: RunNumber, only: Option<&str>) -> Result<HashMap<AssetId, (u32, u32)>, StoreError> {
        let statement = if only.is_some() { SELECT_NEIGHBOURS } else { SELECT_ALL_NEIGHBOURS };
        let rows = sqlx::query(statement).bind(run.0).bind(only).fetch_all(&self.readers).await?;
        let mut counts: HashMap<AssetId, (u32, u32)> = HashMap::new();
        for row in &rows {
            counts.entry(AssetId(row.try_get(1)?)).or_default().0 += 1;
            counts.entry(AssetId(row.try_get(0)?)).or_default().1 += 1;
        }
        Ok(counts)
    }
}

const SELECT_ALL_NEIGHBOURS: &str = "SELECT DISTINCT to_asset, from_asset FROM asset_edge
    WHERE ?2 IS NULL AND to_asset <> from_asset AND analysis IN (
        SELECT analysis FROM placement WHERE valid_from <= ?1 AND (valid_to IS NULL OR ?1 < valid_to))";
const SELECT_NEIGHBOURS: &str = "SELECT to_asset, from_asset FROM (
        SELECT analysis, to_asset, from_asset FROM asset_edge WHERE to_asset IN (SELECT value FROM json_each(?2))
        UNION SELECT analysis, to_asset, from_asset FROM asset_edge
        WHERE from_asset IN (SELECT value FROM json_each(?2)))
        AS near
    WHERE to_asset <> from_asset AND EXISTS (
        SELECT 1 FROM placement WHERE placement.analysis = near.analysis
            AND valid_from <= ?1 AND (valid_to IS NULL OR ?1 < valid_to))
    GROUP BY to_asset, from_asset";

fn search_row(asset: AssetRow, sheet: Sheet, readers: u32, reads: u32) -> SearchRow {
    let places = sheet.writers.iter().map(|placement| (&placement.source, &placement.path));
    let sources: BTreeSet<Arc<str>> = places
        .clone()
        .map(|(source, _)| source)
        .chain(sheet.facts.iter().map(|fact| &fact.source))
        .chain(sheet.declared.iter().map(|schema| &schema.source))
        .cloned()
        .collect();
    let paths: BTreeSet<Arc<str>> = places.map(|(_, path)| path.clone()).collect();
    let mut columns = match sheet.declared.into_iter().next() {
        Some(schema) => schema.columns,
        None => inferred_as_declared(sheet.inferred),
    };
    describe_columns(&mut columns, &sheet.facts);
    SearchRow {
        asset,
        sources: sources.into_iter().collect(),
        paths: paths.into_iter().collect(),
        aliases: sheet.aliases,
        facts: sheet.facts,
        columns,
        readers,
        reads,
        popularity: 0,
        changed_at: sheet.changed_at,
    }
}

/// Gives columns that have no description the one that is stated apart from their declaration.
fn describe_columns(columns: &mut Vec<DeclaredColumn>, facts: &[FactRow]) {
    for fact in facts {
        let FactKind::ColumnDescription { column: name, text } = &fact.what else { continue };
        match columns.iter_mut().find(|column| column.name.eq_ignore_ascii_case(name)) {
            Some(column) => {
                column.description.get_or_insert_with(|| text.clone());
            }
            None => {
                columns.push(DeclaredColumn { name: name.clone(), description: Some(text.clone()), ..DeclaredColumn::default() });
            }
        }
    }
}

fn inferred_as_declared(inferred: Option<InferredColumns>) -> Vec<DeclaredColumn> {
    let names = inferred.map(|inferred| inferred.columns).unwrap_or_default();
    let named = names.into_iter().filter(|name| name != "*");
    named.map(|name| DeclaredColumn { name, ..DeclaredColumn::default() }).collect()
}
