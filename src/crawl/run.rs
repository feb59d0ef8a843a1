//! One run, from readings to publication.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Instant,
};

use tokio::sync::mpsc;

use super::{
    CrawlError, CrawlEvent, CrawlPhase, CrawlProgress, CrawlReport,
    analyze::{Analysed, Analyzer, Kept, Placed, from_json},
    assemble::{Parts, assemble},
    bind::Place,
    dbt,
    input::{InputFactKind, ReadSource, SourceInput, script_key, template_settings},
    logs::write_usage,
    lower::Results,
    order::{Levels, order},
    progress::{Relay, run_blocking},
    read::remember_settings,
    scripts::{KnownScript, Names, Reader, parse_all},
    world::{World, kind_of_role},
};
use crate::{
    catalog,
    config::{Config, NameRules, SourceConfig, WarehouseConfig},
    model::{
        AssetKey, AssetKind, DecisionFile, Diagnostic, DocumentRole, GovernanceFile, INVALID_METADATA, RunNumber, Span, Subject,
    },
    store::{
        AnalysisId, CatalogState, CrawlLock, NewAnalysis, RecalledAnalysis, RecalledScript, RememberedFile, RunCounts, Store,
    },
};

/// How many analyses wait to be written at most.
const WAITING: usize = 64;
/// How many analyses are written together.
const TOGETHER: usize = 200;

/// Writes readings as a run and publishes it.
pub(super) async fn publish(
    config: &Config,
    store: &Store,
    lock: &CrawlLock,
    progress: &dyn CrawlProgress,
    readings: Vec<ReadSource>,
) -> Result<CrawlReport, CrawlError> {
    let started = Instant::now();
    let previous = store.latest_run().await?;
    let run = store.begin_run(lock).await?;
    let written = match unchanged(store, previous, &readings).await? {
        Some(counts) => repeat(store, run, &readings, counts).await.map(|counts| (counts, true)),
        None => write(config, store, progress, run, readings).await.map(|counts| (counts, false)),
    };
    let indexed = match written {
        Ok(done) => {
            progress.report(CrawlEvent::Phase(CrawlPhase::Indexing));
            write_index(store, previous, run).await.map(|()| done)
        }
        Err(error) => Err(error),
    };
    match indexed {
        Ok((mut counts, unchanged)) => {
            counts.milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
            store.publish_run(run, &counts).await?;
            progress.report(CrawlEvent::Published(run));
            Ok(CrawlReport { run, published: vec![run], unchanged, counts, failed: Vec::new() })
        }
        Err(error) => {
            store.fail_run(run, &error.to_string()).await?;
            Err(error)
        }
    }
}

/// What the last run counted, where these readings say nothing that it did not.
async fn unchanged(store: &Store, previous: Option<RunNumber>, readings: &[ReadSource]) -> Result<Option<RunCounts>, CrawlError> {
    let Some(previous) = previous else { return Ok(None) };
    let last = store.run_sources(previous).await?;
    let same = last.len() == readings.len() && readings.iter().zip(&last).all(|(read, last)| !read.differs_from(last));
    if !same {
        return Ok(None);
    }
    let runs = store.runs(16).await?;
    Ok(runs.into_iter().find(|row| row.number == previous).map(|row| row.counts))
}

/// A run in which nothing changed.
async fn repeat(store: &Store, run: RunNumber, readings: &[ReadSource], counts: RunCounts) -> Result<RunCounts, CrawlError> {
    let sources = readings.iter().map(|read| read.run_source("unchanged")).collect();
    store.write_run_sources(run, sources).await?;
    Ok(RunCounts { changed_documents: 0, analysed: 0, ..counts })
}

/// The index is committed for the run before the run is visible.
async fn write_index(store: &Store, previous: Option<RunNumber>, run: RunNumber) -> Result<(), CrawlError> {
    catalog::bring_index(store, previous, run).await.map_err(|error| CrawlError::Index(error.to_string()))
}

/// Writes everything that `readings` say under the unpublished `run`.
async fn write(
    config: &Config,
    store: &Store,
    progress: &dyn CrawlProgress,
    run: RunNumber,
    readings: Vec<ReadSource>,
) -> Result<RunCounts, CrawlError> {
    let decisions = decisions_of(&readings);
    let mut readings = readings;
    let governance = governance_of(&mut readings);
    let (sources, memories) = complete(store, progress, readings).await?;
    let sources = prepare_projects(config, store, progress, sources).await?;
    let rules = config.name_rules()?;
    let readers: Vec<Reader> =
        sources.iter().map(|source| Reader { limits: config.limits, variables: source.config.variables.clone() }).collect();
    let keys: Vec<Vec<String>> = sources
        .iter()
        .map(|source| {
            let settings = template_settings(&source.config);
            source.documents.iter().map(|document| script_key(document, settings)).collect()
        })
        .collect();
    let mut recalled = store.recall_scripts(&keys.concat()).await?;
    let remembered = remembered_names(&mut recalled)?;
    let recalled: HashMap<String, Vec<RecalledAnalysis>> =
        recalled.into_iter().map(|(key, script)| (key, script.analyses)).collect();

    let (sender, receiver) = mpsc::channel(WAITING);
    let writing = tokio::spawn(write_analyses(store.clone(), receiver));
    let fetching = Fetching { store: store.clone(), runtime: tokio::runtime::Handle::current() };
    let work = Work { sources, readers, keys, remembered, recalled, rules, fetching, sender };
    // A pool of its own: its threads wait for the writer, which packs rows on the common pool.
    let pool = rayon::ThreadPoolBuilder::new()
        .thread_name(|at| format!("analyse-{at}"))
        .build()
        .map_err(|error| CrawlError::Incomplete(error.to_string()))?;
    let done = run_blocking(progress, move |relay| pool.install(|| work.run(relay))).await;
    let numbers = writing.await.map_err(|error| CrawlError::Incomplete(error.to_string()))?;
    // Why writing failed says more than that the work could not go on.
    let numbers = numbers?;
    let (sources, analysed, statements) = done?;

    progress.report(CrawlEvent::Phase(CrawlPhase::Writing));
    let (state, mut counts) = put_together(store, progress, sources, analysed, numbers).await?;
    (counts.statements, counts.unparsed) = statements;
    counts.changed_documents = store.write_state(run, &state).await?.sql_documents;
    write_usage(store, run).await?;
    for (source, files) in &decisions {
        store.write_decisions(run, source, files).await?;
    }
    for (source, files) in &governance {
        store.write_governance(run, source, files).await?;
    }
    tokio::task::spawn_blocking(move || drop(state));
    // Only now: a file that is remembered is not read again, so its text must be stored.
    for memory in memories {
        memory.write(store).await?;
    }
    Ok(counts)
}

/// Settles and renders the dbt projects of the sources.
async fn prepare_projects(
    config: &Config,
    store: &Store,
    progress: &dyn CrawlProgress,
    sources: Vec<SourceInput>,
) -> Result<Vec<SourceInput>, CrawlError> {
    let mut prepared = Vec::with_capacity(sources.len());
    for mut source in sources {
        if source.projects.is_empty() {
            prepared.push(source);
            continue;
        }
        let missing = source.documents.iter().filter(|document| document.text.is_none());
        let missing: Vec<u128> = missing.map(|document| document.digest).collect();
        let texts = if missing.is_empty() { HashMap::new() } else { store.texts(&missing).await? };
        let limits = config.limits;
        let done = run_blocking(progress, move |_| {
            dbt::prepare(&mut source, &limits, texts)?;
            Ok(source)
        });
        prepared.push(done.await?);
    }
    Ok(prepared)
}

/// The files of decisions of every source that was read; those of others stand as they were.
fn decisions_of(readings: &[ReadSource]) -> Vec<(String, Vec<DecisionFile>)> {
    let read = readings.iter().filter(|read| read.failure.is_none());
    read.map(|read| (read.config.name.clone(), read.reading.decisions.clone())).collect()
}

/// The files of governance that can be read, of every source that was read; of the others stands at which line
/// they cannot.
fn governance_of(readings: &mut [ReadSource]) -> Vec<(String, Vec<GovernanceFile>)> {
    let read = readings.iter_mut().filter(|read| read.failure.is_none());
    read.map(|read| {
        let ReadSource { config, reading, .. } = read;
        let mut good = Vec::new();
        for file in &reading.governance {
            match catalog::parse_governance(&file.text) {
                Ok(_) => good.push(file.clone()),
                Err(reasons) => reading.diagnostics.extend(reasons.into_iter().map(|(line, reason)| {
                    let line = u32::try_from(line).unwrap_or_default();
                    (file.path.clone(), line, Diagnostic::new(&INVALID_METADATA, reason, Span::default()))
                })),
            }
        }
        (config.name.clone(), good)
    })
    .collect()
}

/// What is to be remembered of one source.
struct Memory {
    config: SourceConfig,
    warehouse: WarehouseConfig,
    /// The source was read, not only remembered.
    was_read: bool,
    fresh: Vec<RememberedFile>,
    /// Paths that are to be forgotten.
    gone: Vec<String>,
}

impl Memory {
    async fn write(self, store: &Store) -> Result<(), CrawlError> {
        if self.was_read {
            remember_settings(store, &self.config, &self.warehouse).await?;
        }
        Ok(store.remember_files(&self.config.name, &self.fresh, &self.gone).await?)
    }
}

/// Completes readings with what is remembered, and says what of them is to be remembered.
async fn complete(
    store: &Store,
    progress: &dyn CrawlProgress,
    readings: Vec<ReadSource>,
) -> Result<(Vec<SourceInput>, Vec<Memory>), CrawlError> {
    let (mut sources, mut memories) = (Vec::with_capacity(readings.len()), Vec::with_capacity(readings.len()));
    for read in readings {
        let name = read.config.name.clone();
        let remembered = async {
            match read.reading.unchanged.is_empty() {
                true => Ok(Vec::new()),
                false => store.remembered_files(&name).await,
            }
        };
        let past = async {
            match read.reading.history_since {
                Some(_) => store.file_histories(&name).await,
                None => Ok(HashMap::new()),
            }
        };
        let (remembered, past) = tokio::try_join!(remembered, past)?;
        let was_read = read.failure.is_none();
        let known = store.remembered_keys(&name).await?;
        let (source, fresh) = run_blocking(progress, move |_| Ok(read.complete(remembered, past)?)).await?;
        let mut gone: Vec<String> = known.into_keys().filter(|path| !source.files.contains_key(path)).collect();
        gone.sort_unstable();
        let (config, warehouse) = (source.config.clone(), source.warehouse.clone());
        memories.push(Memory { config, warehouse, was_read, fresh, gone });
        sources.push(source);
    }
    Ok((sources, memories))
}

fn remembered_names(recalled: &mut HashMap<String, RecalledScript>) -> Result<HashMap<String, Names>, CrawlError> {
    recalled.iter_mut().map(|(key, script)| Ok((key.clone(), from_json(&std::mem::take(&mut script.names))?))).collect()
}

/// Fetches texts from threads that are not async.
struct Fetching {
    store: Store,
    runtime: tokio::runtime::Handle,
}

impl Fetching {
    fn fetch(&self, digest: u128) -> Result<String, CrawlError> {
        let mut texts = self.runtime.block_on(self.store.texts(&[digest]))?;
        texts.remove(&digest).ok_or_else(|| CrawlError::Incomplete("a text that should be stored is not".into()))
    }
}

/// Everything that is done off the async workers.
struct Work {
    sources: Vec<SourceInput>,
    readers: Vec<Reader>,
    keys: Vec<Vec<String>>,
    remembered: HashMap<String, Names>,
    recalled: HashMap<String, Vec<RecalledAnalysis>>,
    rules: NameRules,
    fetching: Fetching,
    sender: mpsc::Sender<(usize, NewAnalysis)>,
}

/// The sources, what became of their documents, statements and how many of them could not be parsed.
type Worked = (Vec<SourceInput>, Analysed, (u64, u64));

impl Work {
    /// Parses and analyses.
    fn run(self, relay: &Relay) -> Result<Worked, CrawlError> {
        let Work { sources, readers, keys, remembered, recalled, rules, fetching, sender } = self;
        relay.report(CrawlEvent::Phase(CrawlPhase::Parsing));
        let mut documents = Vec::new();
        for ((source, reader), keys) in sources.iter().zip(&readers).zip(&keys) {
            let own = source.documents.iter().zip(keys);
            documents.extend(own.map(|(document, key)| Placed { source, document, reader, key }));
        }
        let texts: Vec<_> = documents.iter().map(|it| (it.document, it.reader, it.key)).collect();
        let scripts = parse_all(&texts, remembered, relay);
        let of_files = scripts.iter().zip(&documents).filter(|(_, placed)| !placed.document.role.is_logged());
        let statements = of_files.fold((0, 0), |sum, (script, _)| {
            let (all, unparsed) = script.names.statements;
            (sum.0 + u64::from(all), sum.1 + u64::from(unparsed))
        });
        let mut world = World::new(rules);
        learn_names(&mut world, &sources, &documents, &scripts);
        learn_logged_names(&mut world, &documents, &scripts);
        let levels = plan(&world, &documents, &scripts);
        relay.report(CrawlEvent::Phase(CrawlPhase::Analysing));
        let fetch = |digest| fetching.fetch(digest);
        let send = |number, analysis| {
            let sent = sender.blocking_send((number, analysis));
            sent.map_err(|_| CrawlError::Incomplete("analyses could not be written".into()))
        };
        let analyzer = Analyzer { documents, scripts, recalled, world, fetch: &fetch, send: &send, progress: relay };
        let analysed = analyzer.run(&levels)?;
        Ok((sources, analysed, statements))
    }
}

/// Makes every defined and declared name known.
fn learn_names(world: &mut World, sources: &[SourceInput], documents: &[Placed<'_>], scripts: &[KnownScript]) {
    for source in sources {
        for (referred, built) in &source.same {
            world.universe.take_for_same(Place::of_source(source), referred, built);
        }
    }
    let mut definers: HashMap<AssetKey, Vec<(bool, u32)>> = HashMap::new();
    for (at, (placed, script)) in (0u32..).zip(documents.iter().zip(scripts)) {
        if placed.document.role == DocumentRole::Check || placed.document.role.is_logged() {
            continue;
        }
        let place = placed.place();
        let mut written: Vec<_> = script.names.writes.iter().filter_map(|name| world.universe.define(place, name)).collect();
        if let Some(target) = &placed.document.target
            && let Some(bound) = world.universe.define(place, target)
        {
            let kind = kind_of_role(placed.document.role);
            world.kinds.entry(bound.key.clone()).or_insert(kind);
            if kind != AssetKind::Table && kind != AssetKind::Routine && script.names.bare_select {
                definers.entry(bound.key.clone()).or_default().push((bound.copy, at));
            }
            written.push(bound);
        }
        for (name, routine) in &script.names.routines {
            if let Some(bound) = world.universe.define(place, name) {
                world.define_routine(bound.key.clone(), routine);
                written.push(bound);
            }
        }
        for bound in script.names.defines.iter().filter_map(|name| world.universe.define(place, name)) {
            definers.entry(bound.key).or_default().push((bound.copy, at));
        }
        for bound in written {
            let writers = world.writers.entry(bound.key).or_default();
            if writers.last() != Some(&at) {
                writers.push(at);
            }
        }
    }
    world.choose_definers(definers);
    let paths: HashMap<(*const SourceInput, &str), &Placed<'_>> =
        documents.iter().map(|placed| ((std::ptr::from_ref(placed.source), &*placed.document.path), placed)).collect();
    for source in sources {
        let place = Place::of_source(source);
        for fact in &source.facts {
            let bound = match &fact.about {
                Subject::Asset(name) => world.universe.define(place, name),
                Subject::Document(path) => paths
                    .get(&(std::ptr::from_ref(source), path.as_str()))
                    .and_then(|placed| Some((placed.place(), placed.document.target.as_ref()?)))
                    .and_then(|(place, target)| world.universe.bind(place, target)),
                Subject::Node(_) => None,
            };
            if let (Some(bound), InputFactKind::Columns(columns)) = (bound, &fact.what) {
                world.declared.entry(bound.key).or_insert_with(|| columns.clone());
            }
        }
    }
}

/// Makes known what logs saw written and no file defines; it takes the place of nothing that files say.
fn learn_logged_names(world: &mut World, documents: &[Placed<'_>], scripts: &[KnownScript]) {
    for (at, (placed, script)) in (0u32..).zip(documents.iter().zip(scripts)) {
        if !matches!(placed.document.role, DocumentRole::Logged | DocumentRole::Native) {
            continue;
        }
        let place = placed.place();
        for name in script.names.writes.iter().chain(&placed.document.target) {
            let known = world.universe.bind(place, name).filter(|bound| bound.known);
            let Some(bound) = known.or_else(|| world.universe.define(place, name)) else { continue };
            let writers = world.writers.entry(bound.key).or_default();
            if writers.last() != Some(&at) {
                writers.push(at);
            }
        }
    }
}

/// Documents after what they read: writers of relations read, definitions of routines called.
fn plan(world: &World, documents: &[Placed<'_>], scripts: &[KnownScript]) -> Levels {
    let mut covered: BTreeMap<(String, String), Vec<u32>> = BTreeMap::new();
    let mut depends_on = Vec::with_capacity(documents.len());
    for (at, (placed, script)) in (0u32..).zip(documents.iter().zip(scripts)) {
        let place = placed.place();
        let mut needed = Vec::new();
        for name in script.names.reads.iter().chain(&script.names.calls) {
            let Some(bound) = world.universe.bind(place, name) else { continue };
            needed.extend(world.writers.get(&bound.key).into_iter().flatten().copied());
            if let Some(prefix) = bound.key.key.strip_suffix('*') {
                let namespace = bound.key.namespace.clone();
                let writers = covered.entry((namespace.clone(), prefix.to_owned())).or_insert_with(|| {
                    let keys = world.universe.covered(&namespace, prefix).into_iter();
                    let keys = keys.map(|key| AssetKey { namespace: namespace.clone(), key });
                    keys.filter_map(|key| world.writers.get(&key)).flatten().copied().collect()
                });
                needed.extend(writers.iter().copied());
            }
        }
        needed.sort_unstable();
        needed.dedup();
        needed.retain(|other| *other != at);
        depends_on.push(needed);
    }
    order(&depends_on)
}

/// Writes analyses as they come; their numbers come back, by the numbers they were sent under.
async fn write_analyses(
    store: Store,
    mut receiver: mpsc::Receiver<(usize, NewAnalysis)>,
) -> Result<HashMap<usize, AnalysisId>, CrawlError> {
    let mut numbers = HashMap::new();
    let mut together = Vec::with_capacity(TOGETHER);
    while receiver.recv_many(&mut together, TOGETHER).await > 0 {
        let (sent, analyses): (Vec<usize>, Vec<NewAnalysis>) = together.drain(..).unzip();
        let ids = store.write_analyses(&analyses).await?;
        numbers.extend(sent.into_iter().zip(ids));
    }
    Ok(numbers)
}

/// The whole catalog, with the last good lineage of files that no longer parse.
async fn put_together(
    store: &Store,
    progress: &dyn CrawlProgress,
    sources: Vec<SourceInput>,
    analysed: Analysed,
    numbers: HashMap<usize, AnalysisId>,
) -> Result<(CatalogState, RunCounts), CrawlError> {
    let missing = || CrawlError::Incomplete("an analysis was not written".into());
    let number = |kept: Kept| match kept {
        Kept::Known(id) => Some(id),
        Kept::Sent(sent) => numbers.get(&sent).copied(),
    };
    let analyses: Vec<AnalysisId> =
        analysed.outcomes.iter().map(|outcome| number(outcome.kept).ok_or_else(missing)).collect::<Result<_, _>>()?;
    let stale = find_stale(store, &sources, &analysed).await?;
    run_blocking(progress, move |_| {
        let parts = Parts { sources: &sources, analysed: &analysed, analyses, stale };
        Ok(assemble(&parts))
    })
    .await
}

/// The last good lineage of every document that no longer parses.
async fn find_stale(
    store: &Store,
    sources: &[SourceInput],
    analysed: &Analysed,
) -> Result<HashMap<usize, (AnalysisId, Arc<Results>)>, CrawlError> {
    let documents = sources.iter().flat_map(|source| source.documents.iter().map(move |document| (source, document)));
    let broken: Vec<_> = documents
        .enumerate()
        .filter(|(at, (_, document))| analysed.outcomes[*at].results.broken && !document.role.is_logged())
        .map(|(at, (source, document))| (at, (source.config.name.clone(), document.path.to_string())))
        .collect();
    if broken.is_empty() {
        return Ok(HashMap::new());
    }
    let standing = store.standing_analyses().await?;
    let mut candidates: HashMap<AnalysisId, Vec<usize>> = HashMap::new();
    for (at, place) in broken {
        if let Some(last) = standing.get(&place)
            && let Some(id) = last.stale.or(last.analysis)
        {
            candidates.entry(id).or_default().push(at);
        }
    }
    let mut ids: Vec<AnalysisId> = candidates.keys().copied().collect();
    ids.sort_unstable();
    let mut stale = HashMap::new();
    for recalled in store.recall_analyses(&ids).await? {
        let results: Results = from_json(&recalled.results)?;
        if results.broken || results.targets.is_empty() {
            continue;
        }
        let results = Arc::new(results);
        for at in candidates.get(&recalled.id).into_iter().flatten() {
            stale.insert(*at, (recalled.id, results.clone()));
        }
    }
    Ok(stale)
}
