//! Keeps the search index at the published run: what stands in the store, put where it is found.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use super::{
    CatalogError, Result, Stated, StatedAsset, parse_governance,
    plain_text::{first_line, plain_text},
};
use crate::{
    model::{AssetId, FactKind, RunNumber, StatedValue},
    search::{IndexWriter, SearchColumn, SearchDocument, SearchError, SearchIndex},
    store::{AssetRow, SearchRow, Store},
};

/// Assets that are loaded and indexed together: bounds memory, not the result.
const ASSETS_TOGETHER: usize = 500;
/// How often, and after how long, a writer that somebody holds is asked for again.
const WRITER_ASKED: u32 = 40;
const WRITER_AGAIN: Duration = Duration::from_millis(50);

/// The folder of the index in a data folder.
fn index_folder(data: &Path) -> PathBuf {
    data.join("index")
}

/// Opens the index of a data folder. One that is damaged is emptied; it is only a cache.
///
/// # Errors
/// When the folder cannot be written.
pub(super) async fn open_index(data: &Path) -> Result<SearchIndex> {
    let folder = index_folder(data);
    let opened = tokio::task::spawn_blocking(move || match SearchIndex::open(&folder) {
        Ok(index) => Ok(index),
        Err(cause) => {
            tracing::warn!(%cause, "the search index is emptied");
            empty(&folder)
        }
    });
    opened.await.map_err(|cause| broken(&cause))?.map_err(|cause| broken(&cause))
}

/// Removes everything in the folder of an index.
fn empty(folder: &Path) -> std::result::Result<SearchIndex, SearchError> {
    if folder.exists() {
        let failed = |cause: std::io::Error| SearchError::Open { path: folder.to_owned(), reason: cause.to_string() };
        std::fs::remove_dir_all(folder).map_err(failed)?;
    }
    SearchIndex::open(folder)
}

/// Brings the index of a data folder to `run`, from run `since` where it stands there. An index that
/// cannot be brought on, for what a killed writer left in it, is emptied and built anew: it is only a cache.
///
/// # Errors
/// When the store cannot be read, or the index is held by another process or cannot be written at all.
pub async fn bring_index(store: &Store, since: Option<RunNumber>, run: RunNumber) -> Result<()> {
    let index = open_index(store.folder()).await?;
    let at = index.view().map_err(|cause| broken(&cause))?.run();
    let brought = match since.filter(|since| at == Some(*since)) {
        Some(since) => update_index(store, &index, since, run).await,
        None => rebuild_index(store, &index, run).await,
    };
    match brought {
        Err(CatalogError::Broken { cause, .. }) if !is_held(&cause) => renew(store, index, run, &cause).await.map(drop),
        other => other,
    }
}

/// Opens the index of a data folder, repaired where it is not of `run`.
///
/// # Errors
/// When the store cannot be read, or the index cannot be written even from nothing.
pub(super) async fn open_repaired(store: &Store, run: Option<RunNumber>) -> Result<SearchIndex> {
    let index = open_index(store.folder()).await?;
    let Some(run) = run else { return Ok(index) };
    match repair_index(store, &index, run).await {
        Err(CatalogError::Broken { cause, .. }) => renew(store, index, run, &cause).await,
        other => other.map(|()| index),
    }
}

/// Puts an index from nothing in the place of one that cannot be written.
async fn renew(store: &Store, index: SearchIndex, run: RunNumber, cause: &str) -> Result<SearchIndex> {
    tracing::warn!(cause, "the search index is emptied and built anew");
    drop(index);
    let folder = index_folder(store.folder());
    let emptied = tokio::task::spawn_blocking(move || empty(&folder));
    let index = emptied.await.map_err(|cause| broken(&cause))?.map_err(|cause| broken(&cause))?;
    rebuild_index(store, &index, run).await?;
    Ok(index)
}

/// Whether an index could not be written because somebody else writes it.
fn is_held(cause: &str) -> bool {
    cause.contains("being written by another process")
}

/// Rebuilds the index where it is not of `run`. While another process writes it, it is left alone.
pub(super) async fn repair_index(store: &Store, index: &SearchIndex, run: RunNumber) -> Result<()> {
    let found = index.view().map_err(|cause| broken(&cause))?.run();
    if found == Some(run) {
        return Ok(());
    }
    tracing::info!(?found, run = run.0, "the search index is rebuilt");
    match rebuild_index(store, index, run).await {
        Err(CatalogError::Broken { cause, .. }) if is_held(&cause) => {
            tracing::warn!(cause, "the search index is left as it is");
            Ok(())
        }
        other => other,
    }
}

/// Puts every asset of `run` into the index, in place of what it held.
///
/// # Errors
/// When the store cannot be read, or the index is held by another process or cannot be written.
pub(super) async fn rebuild_index(store: &Store, index: &SearchIndex, run: RunNumber) -> Result<()> {
    let assets: Vec<AssetId> = store.load_assets(run).await?.iter().map(|asset| asset.id).collect();
    write_index(store, index, run, IndexChange { assets, from_nothing: true }).await
}

/// Brings an index from run `since` to `run`: only what changed is written.
///
/// # Errors
/// When the store cannot be read, or the index is held by another process or cannot be written.
async fn update_index(store: &Store, index: &SearchIndex, since: RunNumber, run: RunNumber) -> Result<()> {
    let known = index.view().map_err(|cause| broken(&cause))?.statements();
    let mut assets = store.changed_assets(since, run).await?;
    assets.extend(store.assets_stated_after(known).await?);
    assets.extend(newly_governed(store, since, run).await?);
    assets.sort();
    assets.dedup();
    write_index(store, index, run, IndexChange { assets, from_nothing: false }).await
}

/// The assets of which files of governance state something in `since` or in `run`, where the files differ.
async fn newly_governed(store: &Store, since: RunNumber, run: RunNumber) -> Result<Vec<AssetId>> {
    let (before, now) = (store.governance_files(since).await?, store.governance_files(run).await?);
    if before == now {
        return Ok(Vec::new());
    }
    let fields = before.iter().chain(&now).filter_map(|row| parse_governance(&row.file.text).ok()).flatten();
    let named: BTreeSet<(String, String)> = fields.map(|field| (field.namespace, field.name.to_lowercase())).collect();
    let assets = store.load_assets(run).await?;
    let is_named = |asset: &&AssetRow| named.contains(&(asset.namespace.to_string(), asset.name.to_lowercase()));
    Ok(assets.iter().filter(is_named).map(|asset| asset.id).collect())
}

/// Brings an index of `run` up to what people stated; says whether it was written. While somebody else
/// writes it, it is left for the next time.
pub(super) async fn index_statements_if_free(store: &Store, index: &SearchIndex, run: RunNumber) -> Result<bool> {
    match index_statements(store, index, run).await {
        Err(CatalogError::Broken { cause, .. }) if is_held(&cause) => {
            tracing::info!(cause, "searching does not know the newest statements yet");
            Ok(false)
        }
        other => other,
    }
}

async fn index_statements(store: &Store, index: &SearchIndex, run: RunNumber) -> Result<bool> {
    let view = index.view().map_err(|cause| broken(&cause))?;
    // An index of another run is brought up by whoever publishes or takes up that run.
    if view.run() != Some(run) || view.statements() >= store.latest_statement().await? {
        return Ok(false);
    }
    let assets = store.assets_stated_after(view.statements()).await?;
    write_index(store, index, run, IndexChange { assets, from_nothing: false }).await?;
    Ok(true)
}

struct IndexChange {
    assets: Vec<AssetId>,
    from_nothing: bool,
}

async fn write_index(store: &Store, index: &SearchIndex, run: RunNumber, change: IndexChange) -> Result<()> {
    let stated = Arc::new(Stated::load(store, run).await?);
    let mut writer = wait_for_writer(index).await?;
    writer.note_statements(stated.newest());
    if change.from_nothing {
        writer.clear().map_err(|cause| broken(&cause))?;
    }
    for together in change.assets.chunks(ASSETS_TOGETHER) {
        let rows = store.load_search_rows(run, Some(together)).await?;
        let (together, stated) = (together.to_vec(), stated.clone());
        let written = tokio::task::spawn_blocking(move || put_rows(writer, &together, &rows, &stated));
        writer = written.await.map_err(|cause| broken(&cause))?.map_err(|cause| broken(&cause))?;
    }
    let committed = tokio::task::spawn_blocking(move || writer.commit(run));
    committed.await.map_err(|cause| broken(&cause))?.map_err(|cause| broken(&cause))
}

/// The writer, as soon as whoever holds it (a statement holds it for moments) lets go of it.
async fn wait_for_writer(index: &SearchIndex) -> Result<IndexWriter> {
    for _ in 0..WRITER_ASKED {
        match index.writer() {
            Err(SearchError::Locked { .. }) => tokio::time::sleep(WRITER_AGAIN).await,
            other => return other.map_err(|cause| broken(&cause)),
        }
    }
    index.writer().map_err(|cause| broken(&cause))
}

/// Puts `rows` in and takes those of `assets` out that have no row any more.
fn put_rows(
    mut writer: IndexWriter,
    assets: &[AssetId],
    rows: &[SearchRow],
    stated: &Stated,
) -> std::result::Result<IndexWriter, SearchError> {
    let mut there: Vec<AssetId> = rows.iter().map(|row| row.asset.id).collect();
    there.sort();
    for gone in assets.iter().filter(|asset| there.binary_search(asset).is_err()) {
        writer.remove(*gone)?;
    }
    for row in rows {
        writer.put(&search_document(row, stated.of(&row.asset.namespace, &row.asset.key)))?;
    }
    Ok(writer)
}

/// What the index holds of one asset, given what people stated of it.
pub fn search_document(row: &SearchRow, stated: Option<&StatedAsset>) -> SearchDocument {
    let mut document = SearchDocument {
        asset: row.asset.id,
        namespace: row.asset.namespace.to_string(),
        name: row.asset.name.to_string(),
        kind: row.asset.kind,
        aliases: row.aliases.clone(),
        friendly_name: None,
        synonyms: Vec::new(),
        description: String::new(),
        owners: Vec::new(),
        tags: Vec::new(),
        sources: row.sources.iter().map(ToString::to_string).collect(),
        columns: row
            .columns
            .iter()
            .map(|column| SearchColumn {
                path: column.name.clone(),
                description: column.description.as_deref().map(first_line).unwrap_or_default(),
            })
            .collect(),
        environment: row.asset.environment.as_deref().map(str::to_owned),
        deprecated: false,
        replacement: None,
        usage: row.readers.saturating_add(row.popularity),
        certified: false,
        changed_at: row.changed_at,
    };
    for fact in &row.facts {
        take_fact(&mut document, &fact.what);
    }
    for (column, field) in stated.into_iter().flat_map(StatedAsset::fields) {
        take_statement(&mut document, column, &field.value);
    }
    document
}

/// A statement counts before what files say.
fn take_statement(document: &mut SearchDocument, column: &str, value: &StatedValue) {
    match value {
        StatedValue::Description(text) if column.is_empty() => document.description = plain_text(text),
        StatedValue::Description(text) => {
            let described = document.columns.iter_mut().find(|known| known.path.eq_ignore_ascii_case(column));
            if let Some(described) = described {
                described.description = first_line(text);
            }
        }
        StatedValue::Owners(owners) => {
            document.owners.clear();
            for owner in owners {
                add_once(&mut document.owners, owner.name.clone());
            }
        }
        StatedValue::Deprecation(deprecation) => {
            document.deprecated = deprecation.is_some();
            document.replacement = deprecation.as_ref().and_then(|value| value.replacement.clone());
        }
        StatedValue::Certification(certification) => document.certified = certification.is_some(),
        StatedValue::Tags(tags) => tags.iter().for_each(|tag| add_once(&mut document.tags, tag.clone())),
        StatedValue::Tier(tier) => {
            document.tags.retain(|tag| !tag.starts_with("tier:"));
            if let Some(tier) = tier {
                document.tags.push(format!("tier:{}", tier.word()));
            }
        }
        StatedValue::Wrong(_) => {}
    }
}

fn take_fact(document: &mut SearchDocument, fact: &FactKind) {
    match fact {
        FactKind::FriendlyName { name } => {
            document.friendly_name.get_or_insert_with(|| name.clone());
        }
        FactKind::Description { text } => {
            if !document.description.is_empty() {
                document.description.push('\n');
            }
            document.description.push_str(&plain_text(text));
        }
        FactKind::Owner { name } => add_once(&mut document.owners, name.clone()),
        FactKind::Tag { name } => add_once(&mut document.tags, name.clone()),
        FactKind::Folder { path } => add_once(&mut document.tags, path.clone()),
        FactKind::Label { key, value } if value.is_empty() => add_once(&mut document.tags, key.clone()),
        FactKind::Label { key, value } => add_once(&mut document.tags, format!("{key}:{value}")),
        FactKind::Deprecated { replacement, .. } => {
            document.deprecated = true;
            if document.replacement.is_none() {
                document.replacement.clone_from(replacement);
            }
        }
        FactKind::Reviewer { .. }
        | FactKind::Schedule { .. }
        | FactKind::Columns { .. }
        | FactKind::ColumnDescription { .. }
        | FactKind::Generated { .. }
        | FactKind::Dbt { .. }
        | FactKind::Check { .. }
        | FactKind::Freshness { .. }
        | FactKind::Link { .. }
        | FactKind::Archived
        | FactKind::LastViewed { .. }
        | FactKind::Metric { .. } => {}
    }
}

fn add_once(list: &mut Vec<String>, value: String) {
    if !list.contains(&value) {
        list.push(value);
    }
}

fn broken(cause: &dyn std::fmt::Display) -> CatalogError {
    CatalogError::broken("the search index", cause)
}
