//! The open catalog: one view of one published run, swapped when a newer one is there.

use std::{
    collections::BTreeMap,
    ops::Deref,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock, PoisonError, RwLock},
};

use rustc_hash::{FxHashMap, FxHashSet};
use tokio::sync::OnceCell;

use super::{
    AssetRef, CatalogError, Finding, Home, Place, Result, Stated, StatedAsset,
    calculations::RunCalculation,
    conflicts::KnownGroups,
    facts::Facts,
    indexing,
    known_details::KnownDetails,
    metrics::{CalculatedColumns, CalculatedName},
    names::NameIndex,
    search_log::SearchLog,
    usage,
};
use crate::{
    config::SearchConfig,
    graph::{
        Direction, EvidenceRef, GraphInput, InputAsset, InputAssetEdge, InputColumn, InputColumnEdge, InputRowEdge, Snapshot,
    },
    model::{AssetId, Dialect, EdgeState, RunNumber, file_of},
    search::{SearchIndex, SearchView, Synonyms},
    store::{AssetRow, GraphRows, LogDay, PlacementRow, RunRow, Store, UsageSummary},
};

/// The open catalog. Share it in an `Arc`; take a [`View`] per request.
#[derive(Debug)]
pub struct Catalog {
    data: PathBuf,
    store: Store,
    index: SearchIndex,
    view: RwLock<Arc<View>>,
    refreshing: tokio::sync::Mutex<()>,
    synonyms: Arc<Synonyms>,
    pub(super) searches: SearchLog,
}

/// One published run, and what people state by now: every answer of one view is of both.
#[derive(Debug)]
pub struct View {
    run_view: Arc<RunView>,
    pub(super) search: SearchView,
    pub(super) facts: Facts,
    pub(super) stated: Arc<Stated>,
    /// What is wrong for now, by what it reaches.
    pub(super) reached_by_wrong: FxHashMap<AssetId, Vec<AssetId>>,
    /// The first page, once it was asked for.
    pub(super) home: OnceCell<Home>,
    /// Calculations that were asked for.
    pub(super) metrics: CalculatedColumns,
    /// Metrics by name and by meaning, once they were asked for.
    pub(super) groups: OnceCell<Arc<KnownGroups>>,
    /// What needs a decision, once it was asked for.
    pub(super) findings: OnceCell<Arc<Vec<Finding>>>,
    /// What is stored of assets that were asked for lately.
    pub(super) details: KnownDetails,
}

/// The part of a view that only another run changes. A view is asked for it as if it were its own.
#[derive(Debug)]
pub struct RunView {
    pub(super) run: RunNumber,
    pub(super) store: Store,
    pub(super) graph: Arc<Snapshot>,
    /// Sorted by number.
    pub(super) assets: Vec<AssetRow>,
    pub(super) names: NameIndex,
    pub(super) placements: Vec<PlacementRow>,
    /// The run itself; `None` before the first.
    pub(super) row: Option<RunRow>,
    /// How much assets are used, by number.
    pub(super) usage: BTreeMap<AssetId, UsageSummary>,
    /// Days that logs cover, by the warehouse that they are of.
    pub(super) coverage: BTreeMap<String, Vec<LogDay>>,
    /// Columns that may be metrics, once they were asked for.
    pub(super) calculated: OnceLock<Vec<CalculatedName>>,
    /// What may be metrics, once it was asked for.
    pub(super) calculations: OnceCell<Arc<Vec<RunCalculation>>>,
    /// The dialect of the warehouse that has the most assets, once it was asked for.
    pub(super) main_dialect: OnceLock<Dialect>,
    /// Words that mean the same to search.
    pub(super) synonyms: Arc<Synonyms>,
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
        Self::open_as_configured(data, &SearchConfig::default()).await
    }

    /// Opens the catalog in the folder `data`, to search it as `search` says.
    ///
    /// # Errors
    /// When the store or the index cannot be opened.
    pub async fn open_as_configured(data: &Path, search: &SearchConfig) -> Result<Catalog> {
        let synonyms = Arc::new(Synonyms::new(&search.synonyms));
        let store = Store::open(data).await?;
        let index = indexing::open_repaired(&store, store.latest_run().await?).await?;
        if let Some(run) = store.latest_run().await? {
            indexing::index_statements_if_free(&store, &index, run).await?;
        }
        let view = View::load(&store, &index, &synonyms).await?;
        let searches = SearchLog::open(&store, search).await?;
        Ok(Catalog {
            data: data.to_owned(),
            store,
            index,
            view: RwLock::new(Arc::new(view)),
            refreshing: tokio::sync::Mutex::new(()),
            synonyms,
            searches,
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

    /// Takes up a newly published run and what people stated since, if there is any; says whether there
    /// was.
    ///
    /// # Errors
    /// When the store cannot be read; the old view stays.
    pub async fn refresh(&self) -> Result<bool> {
        let _alone = self.refreshing.lock().await;
        let latest = self.store.latest_run().await?.unwrap_or_default();
        if latest == self.view().run {
            return self.take_up_statements().await;
        }
        indexing::repair_index(&self.store, &self.index, latest).await?;
        let view = View::load(&self.store, &self.index, &self.synonyms).await?;
        self.put(view);
        Ok(true)
    }

    /// Takes up what people stated, as [`Catalog::refresh`] does; the caller holds `refreshing`. An index
    /// that is being written by somebody else is brought up at the next call.
    async fn take_up_statements(&self) -> Result<bool> {
        let view = self.view();
        let newest = self.store.latest_statement().await?;
        let stated = if newest == view.stated.newest() {
            view.stated.clone()
        } else {
            let mut stated = Stated::clone(&view.stated);
            stated.take(self.store.statements_after(view.stated.newest(), u32::MAX).await?);
            Arc::new(stated)
        };
        let indexed = indexing::index_statements_if_free(&self.store, &self.index, view.run).await?;
        let search = self.index.view().map_err(|cause| CatalogError::broken("the search index", cause))?;
        // An index of a newer run belongs to the view of that run.
        let is_same_run = search.run() == view.search.run();
        if newest == view.stated.newest() && !indexed && (!is_same_run || search.statements() == view.search.statements()) {
            return Ok(false);
        }
        let search = if is_same_run { search } else { view.search.clone() };
        self.put(view.restate(search, stated));
        Ok(true)
    }

    /// Takes up what people stated.
    pub(super) async fn refresh_statements(&self) -> Result<()> {
        let _alone = self.refreshing.lock().await;
        self.take_up_statements().await.map(|_| ())
    }

    /// Lets what was found be found anew: something that it rests on, and that is no statement, was written.
    pub(super) async fn find_anew(&self) {
        let _alone = self.refreshing.lock().await;
        let view = self.view();
        self.put(view.restate(view.search.clone(), view.stated.clone()));
    }

    fn put(&self, view: View) {
        *self.view.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(view);
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
        let view = View::load(&self.store, &self.index, &self.synonyms).await?;
        self.put(view);
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

impl Deref for View {
    type Target = RunView;

    fn deref(&self) -> &RunView {
        &self.run_view
    }
}

impl View {
    async fn load(store: &Store, index: &SearchIndex, synonyms: &Arc<Synonyms>) -> Result<View> {
        let run = store.latest_run().await?.unwrap_or_default();
        let search = index.view().map_err(|cause| CatalogError::broken("the search index", cause))?;
        let stated = Arc::new(Stated::load(store, run).await?);
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
        let run_view = RunView {
            run,
            store: store.clone(),
            graph: Arc::new(graph),
            assets,
            names,
            placements,
            row,
            usage: store.usage_summaries(run).await?,
            coverage: usage::load_coverage(store, run).await?,
            calculated: OnceLock::new(),
            main_dialect: OnceLock::new(),
            calculations: OnceCell::new(),
            synonyms: Arc::clone(synonyms),
        };
        Ok(View::state(Arc::new(run_view), search, facts, stated))
    }

    /// The view of a run under what people state.
    fn state(run_view: Arc<RunView>, search: SearchView, facts: Facts, stated: Arc<Stated>) -> View {
        let facts = facts.with_statements(run_view.stated_assets(&stated));
        let reached_by_wrong = reach_downstream(&run_view.graph, &facts.wrong());
        View {
            run_view,
            search,
            facts,
            stated,
            reached_by_wrong,
            home: OnceCell::new(),
            metrics: CalculatedColumns::default(),
            groups: OnceCell::new(),
            findings: OnceCell::new(),
            details: KnownDetails::default(),
        }
    }

    /// The same run under newer statements and a newer index of it.
    pub(super) fn restate(&self, search: SearchView, stated: Arc<Stated>) -> View {
        View::state(self.run_view.clone(), search, self.facts.clone(), stated)
    }

    /// The run that the view is of; 0 before the first was published.
    pub fn run(&self) -> u32 {
        self.run.0
    }

    /// The number of the newest statement that the view knows; 0 before the first.
    pub fn newest_statement(&self) -> i64 {
        self.stated.newest()
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
            environment: asset.environment.as_deref().map(str::to_owned),
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
                    .replace("{path}", &path_in_url(file_of(path)))
                    .replace("{line}", &line.max(1).to_string())
            }),
        }
    }
}

impl RunView {
    /// The assets of the run that something is stated of.
    fn stated_assets<'a>(&self, stated: &'a Stated) -> Vec<(AssetId, &'a StatedAsset)> {
        if stated.is_empty() {
            return Vec::new();
        }
        let found = |asset: &AssetRow| Some((asset.id, stated.of(&asset.namespace, &asset.key)?));
        self.assets.iter().filter_map(found).collect()
    }
}

/// Everything downstream of some assets, each with those among them that reach it.
fn reach_downstream(graph: &Snapshot, from: &[AssetId]) -> FxHashMap<AssetId, Vec<AssetId>> {
    let mut reached: FxHashMap<AssetId, Vec<AssetId>> = FxHashMap::default();
    for start in from {
        let mut seen: FxHashSet<AssetId> = FxHashSet::from_iter([*start]);
        let mut waiting = vec![*start];
        while let Some(asset) = waiting.pop() {
            for reader in graph.neighbours(asset, Direction::Downstream) {
                if seen.insert(reader) {
                    reached.entry(reader).or_default().push(*start);
                    waiting.push(reader);
                }
            }
        }
    }
    reached
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
    let state_of = |at: u32| rows.placements.get(at as usize).map_or(EdgeState::Declared, |placement| placement.kind.state());
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
            .map(|row| InputAssetEdge {
                to: row.to,
                from: row.from,
                state: state_of(row.placement),
                evidence: evidence(row.placement, row.line),
            })
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
