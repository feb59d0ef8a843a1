//! The open catalog: one view of one published run, swapped when a newer one is there.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock, PoisonError, RwLock},
};

use tokio::sync::OnceCell;

use super::{AssetRef, CatalogError, Home, Place, Result, facts::Facts, indexing, metrics::CalculatedName, names::NameIndex};
use crate::{
    graph::{EvidenceRef, GraphInput, InputAsset, InputAssetEdge, InputColumn, InputColumnEdge, InputRowEdge, Snapshot},
    model::{AssetId, RunNumber},
    search::{SearchIndex, SearchView},
    store::{AssetRow, GraphRows, PlacementRow, RunRow, Store},
};

/// The open catalog. Share it in an `Arc`; take a [`View`] per request.
#[derive(Debug)]
pub struct Catalog {
    data: PathBuf,
    store: Store,
    index: SearchIndex,
    view: RwLock<Arc<View>>,
    refreshing: tokio::sync::Mutex<()>,
}

/// One published run: every answer of one view is of that run.
#[derive(Debug)]
pub struct View {
    pub(super) run: RunNumber,
    pub(super) store: Store,
    pub(super) search: SearchView,
    pub(super) graph: Arc<Snapshot>,
    /// Sorted by number.
    pub(super) assets: Vec<AssetRow>,
    pub(super) names: NameIndex,
    pub(super) facts: Facts,
    pub(super) placements: Vec<PlacementRow>,
    /// The run itself; `None` before the first.
    pub(super) row: Option<RunRow>,
    /// The first page, once it was asked for.
    pub(super) home: OnceCell<Home>,
    /// Columns that may be metrics, once they were asked for.
    pub(super) calculated: OnceLock<Vec<CalculatedName>>,
}

/// Opens the store of a data folder alone, for what needs no view of it: a crawl.
///
/// # Errors
/// When the folder or the database cannot be opened.
pub async fn open_store(data: &Path) -> Result<Store> {
    Ok(Store::open(data).await?)
}

impl Catalog {
    /// Opens the catalog in the folder `data`; an empty one where nothing was crawled yet. An index
    /// that is not of the published run is rebuilt.
    ///
    /// # Errors
    /// When the store or the index cannot be opened.
    pub async fn open(data: &Path) -> Result<Catalog> {
        let store = Store::open(data).await?;
        let index = indexing::open_index(data).await?;
        if let Some(run) = store.latest_run().await? {
            indexing::repair_index(&store, &index, run).await?;
        }
        let view = View::load(&store, &index).await?;
        Ok(Catalog {
            data: data.to_owned(),
            store,
            index,
            view: RwLock::new(Arc::new(view)),
            refreshing: tokio::sync::Mutex::new(()),
        })
    }

    /// The folder that holds the store and its caches.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// The store, for the crawl that runs in the same process.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The newest view. Answers that belong together come from one view.
    pub fn view(&self) -> Arc<View> {
        self.view.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes up a newly published run, if there is one; says whether there was.
    ///
    /// # Errors
    /// When the store cannot be read; the old view stays.
    pub async fn refresh(&self) -> Result<bool> {
        let _alone = self.refreshing.lock().await;
        let latest = self.store.latest_run().await?.unwrap_or_default();
        if latest == self.view().run {
            return Ok(false);
        }
        indexing::repair_index(&self.store, &self.index, latest).await?;
        let view = View::load(&self.store, &self.index).await?;
        *self.view.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(view);
        Ok(true)
    }

    /// Rebuilds the search index and the graph from the store.
    ///
    /// # Errors
    /// When the store cannot be read or the index not written.
    pub async fn reindex(&self) -> Result<()> {
        let _alone = self.refreshing.lock().await;
        if let Some(run) = self.store.latest_run().await? {
            indexing::rebuild_index(&self.store, &self.index, run).await?;
        }
        let view = View::load(&self.store, &self.index).await?;
        *self.view.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(view);
        Ok(())
    }

    /// Copies the whole database to `to` while it is in use.
    ///
    /// # Errors
    /// When the copy cannot be written.
    pub async fn back_up(&self, to: &Path) -> Result<()> {
        Ok(self.store.back_up(to).await?)
    }

    /// Puts the backup `from` in the place of the database in `data`, which nobody may have open.
    ///
    /// # Errors
    /// When `from` is no backup, or the database is in use.
    pub async fn restore(data: &Path, from: &Path) -> Result<()> {
        Ok(Store::restore(data, from).await?)
    }

    /// The version of the database's schema.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn schema_version(&self) -> Result<i64> {
        Ok(self.store.schema_version().await?)
    }

    /// The run that the index is of, and the published one.
    ///
    /// # Errors
    /// When the store or the index cannot be read.
    pub async fn index_state(&self) -> Result<(Option<RunNumber>, Option<RunNumber>)> {
        let view = self.index.view().map_err(|cause| CatalogError::broken("the search index", cause))?;
        Ok((view.run(), self.store.latest_run().await?))
    }
}

impl View {
    async fn load(store: &Store, index: &SearchIndex) -> Result<View> {
        let run = store.latest_run().await?.unwrap_or_default();
        let search = index.view().map_err(|cause| CatalogError::broken("the search index", cause))?;
        let (assets, facts, rows) = if run == RunNumber::default() {
            (Vec::new(), Facts::default(), GraphRows::default())
        } else {
            (store.load_assets(run).await?, Facts::load(store, run).await?, store.load_graph(run).await?)
        };
        let row = store.runs(50).await?.into_iter().find(|row| row.number == run);
        let deprecated: Vec<bool> = assets.iter().map(|asset| facts.of(asset.id).deprecated.is_some()).collect();
        let built = tokio::task::spawn_blocking(move || {
            let names = NameIndex::new(&assets);
            let (input, placements) = graph_input(run, &assets, &deprecated, rows);
            (Snapshot::build(input), names, assets, placements)
        });
        let (graph, names, assets, placements) =
            built.await.map_err(|cause| CatalogError::broken("building the graph", cause))?;
        Ok(View {
            run,
            store: store.clone(),
            search,
            graph: Arc::new(graph),
            assets,
            names,
            facts,
            placements,
            row,
            home: OnceCell::new(),
            calculated: OnceLock::new(),
        })
    }

    /// The run that the view is of; 0 before the first was published.
    pub fn run(&self) -> u32 {
        self.run.0
    }

    /// The row of an asset of this run.
    pub(super) fn asset(&self, id: AssetId) -> Option<&AssetRow> {
        self.assets.binary_search_by_key(&id, |asset| asset.id).ok().and_then(|at| self.assets.get(at))
    }

    /// A pointer at an asset.
    pub(super) fn point_at(&self, asset: &AssetRow) -> AssetRef {
        AssetRef {
            namespace: asset.namespace.to_string(),
            name: asset.name.to_string(),
            kind: asset.kind,
            role: asset.role,
            deprecated: self.facts.of(asset.id).deprecated.is_some(),
        }
    }

    /// A pointer at the asset of that number; `None` where this run has none.
    pub(super) fn point(&self, id: AssetId) -> Option<AssetRef> {
        self.asset(id).map(|asset| self.point_at(asset))
    }

    /// The place of an edge's evidence.
    pub(super) fn place_of_evidence(&self, evidence: EvidenceRef) -> Option<Place> {
        let placement = self.placements.get(evidence.placement as usize)?;
        Some(self.place_in(placement, evidence.line))
    }

    /// A line of a placed document.
    pub(super) fn place_in(&self, placement: &PlacementRow, line: u32) -> Place {
        self.place(&placement.source, &placement.path, line, placement.commit.as_deref())
    }

    /// A line of a file: at the commit that last touched it, or where that is not known the one that
    /// the run read.
    pub(super) fn place(&self, source: &Arc<str>, path: &str, line: u32, commit: Option<&str>) -> Place {
        let read = self.row.as_ref().and_then(|row| row.sources.iter().find(|row| row.name == **source));
        let commit = commit.or(read.and_then(|row| row.commit.as_deref()));
        let template = read.and_then(|row| row.permalink.as_deref());
        Place {
            source: source.to_string(),
            path: path.to_owned(),
            line,
            commit: commit.map(str::to_owned),
            permalink: template.zip(commit).map(|(template, commit)| {
                template
                    .replace("{commit}", commit)
                    .replace("{path}", &path_in_url(path))
                    .replace("{line}", &line.max(1).to_string())
            }),
        }
    }
}

/// A path in an address: what has a meaning there is escaped (RFC 3986, section 2).
fn path_in_url(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' | b'=' | b'+' | b'@' => {
                out.push(byte as char)
            }
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

/// The store's rows as the graph takes them.
fn graph_input(run: RunNumber, assets: &[AssetRow], deprecated: &[bool], rows: GraphRows) -> (GraphInput, Vec<PlacementRow>) {
    let mut columns_of: BTreeMap<AssetId, u32> = BTreeMap::new();
    for column in &rows.columns {
        *columns_of.entry(column.asset).or_default() += 1;
    }
    let evidence = |placement, line| EvidenceRef { placement, line };
    let input = GraphInput {
        run,
        assets: assets
            .iter()
            .zip(deprecated)
            .map(|(asset, deprecated)| InputAsset {
                id: asset.id,
                namespace: asset.namespace.clone(),
                name: asset.name.clone(),
                kind: asset.kind,
                role: asset.role,
                deprecated: *deprecated,
                columns: columns_of.get(&asset.id).copied().unwrap_or(0),
            })
            .collect(),
        columns: rows.columns.into_iter().map(|row| InputColumn { id: row.id, asset: row.asset, path: row.name }).collect(),
        column_edges: rows
            .column_edges
            .into_iter()
            .map(|row| InputColumnEdge {
                to: row.to,
                from: row.from,
                kind: row.kind,
                state: row.state,
                evidence: evidence(row.placement, row.line),
            })
            .collect(),
        row_edges: rows
            .row_edges
            .into_iter()
            .map(|row| InputRowEdge { to: row.to, from: row.from, kind: row.kind, evidence: evidence(row.placement, row.line) })
            .collect(),
        asset_edges: rows
            .asset_edges
            .into_iter()
            .map(|row| InputAssetEdge { to: row.to, from: row.from, evidence: evidence(row.placement, row.line) })
            .collect(),
    };
    (input, rows.placements)
}

#[cfg(test)]
mod tests {
    use super::path_in_url;

    #[test]
    fn a_path_is_escaped_in_an_address() {
        assert_eq!(path_in_url("sql/a b/ü#.sql"), "sql/a%20b/%C3%BC%23.sql");
    }
}
