//! Reading sources: the newest state of each, or former ones.

use std::collections::{BTreeMap, HashMap};

use super::{
    CrawlError, CrawlEvent, CrawlPhase, CrawlProgress,
    input::{ENGINE, ReadSource},
    progress::{Relay, run_blocking},
};
use crate::{
    config::{Config, SourceConfig, WarehouseConfig, without_credentials},
    model::Reading,
    sources::{self, At, SourceError},
    store::{KEPT, NOT_READ, RunSource, RunState, Store},
};

/// Sources that could not be read: (name, why).
type Failed = Vec<(String, String)>;

/// Runs among which the one that last read a source is looked for.
const RUNS_LOOKED_AT: u32 = 1_000;

/// Days of the former states that a first crawl reads, oldest first.
pub(super) fn past_days(config: &Config) -> Vec<u32> {
    let mut days = config.crawl.history_days.clone();
    days.sort_unstable_by(|one, other| other.cmp(one));
    days.dedup();
    days
}

/// The states of all sources that have one of `days` ago; none where no source has one.
pub(super) async fn read_past(
    config: &Config,
    store: &Store,
    days: u32,
    progress: &dyn CrawlProgress,
) -> Result<Vec<ReadSource>, CrawlError> {
    let mut readings = Vec::new();
    for (at, source) in config.sources.iter().enumerate() {
        progress.report(CrawlEvent::Source { name: &source.name, at: at + 1, of: config.sources.len() });
        match read_one(config, store, source, At::DaysBefore(days), progress).await? {
            Ok(reading) if reading.commit.is_some() => readings.push(with_setting(config, source, reading)),
            Ok(_) => {}
            Err(error) => tracing::info!(source = source.name, days, %error, "no former state"),
        }
    }
    Ok(readings)
}

/// The newest state of every source. Of one that cannot be read, what is remembered stands in.
pub(super) async fn read_tips(
    config: &Config,
    store: &Store,
    progress: &dyn CrawlProgress,
) -> Result<(Vec<ReadSource>, Failed), CrawlError> {
    let (mut readings, mut failed) = (Vec::new(), Failed::new());
    progress.report(CrawlEvent::Phase(CrawlPhase::Reading));
    for (at, source) in config.sources.iter().enumerate() {
        progress.report(CrawlEvent::Source { name: &source.name, at: at + 1, of: config.sources.len() });
        match read_one(config, store, source, At::Tip, progress).await? {
            Ok(reading) => readings.push(with_setting(config, source, reading)),
            Err(error) => {
                tracing::warn!(source = source.name, %error, "a source could not be read");
                failed.push((source.name.clone(), error.to_string()));
                if let Some(mut read) = remembered(config, store, &source.name).await? {
                    read.failure = Some(format!("{NOT_READ}, {}: {error}", kept_from(store, &source.name).await?));
                    readings.push(read);
                }
            }
        }
    }
    if readings.is_empty() && !failed.is_empty() {
        let reasons: Vec<String> = failed.iter().map(|(name, why)| format!("{name}: {why}")).collect();
        return Err(CrawlError::NothingRead(reasons.join("; ")));
    }
    Ok((readings, failed))
}

/// A source as it was read, under its name.
pub(super) type KeptLog = (String, SourceConfig, WarehouseConfig);

/// Parts former sources into logs, as they were read, and others.
pub(super) async fn part_logs(store: &Store, names: &[String]) -> Result<(Vec<KeptLog>, Vec<String>), CrawlError> {
    let (mut logs, mut others) = (Vec::new(), Vec::new());
    for name in names {
        let known = if store.is_log(name).await? { store.source_settings(name).await? } else { None };
        match known {
            Some(known) => {
                let damaged = |error: serde_json::Error| CrawlError::Incomplete(format!("how {name} was read: {error}"));
                let (source, warehouse) = serde_json::from_str(&known).map_err(damaged)?;
                logs.push((name.clone(), source, warehouse));
            }
            None => others.push(name.clone()),
        }
    }
    Ok((logs, others))
}

/// The sources of the newest run that `config` does not list, in its order.
pub(super) async fn former_sources(config: &Config, store: &Store) -> Result<Vec<String>, CrawlError> {
    let Some(run) = store.latest_run().await? else { return Ok(Vec::new()) };
    let names = store.run_sources(run).await?.into_iter().map(|source| source.name);
    let listed = |name: &String| {
        config.sources.iter().any(|source| source.name == *name) || config.logs.iter().any(|log| log.name == *name)
    };
    Ok(names.filter(|name| !listed(name)).collect())
}

/// What is remembered of sources that are not configured any more.
pub(super) async fn keep_sources(config: &Config, store: &Store, names: &[String]) -> Result<Vec<ReadSource>, CrawlError> {
    let mut kept = Vec::with_capacity(names.len());
    for name in names {
        match remembered(config, store, name).await? {
            Some(mut read) => {
                read.failure = Some(format!("{KEPT}, {}; `wellspring crawl --prune` ends it", kept_from(store, name).await?));
                kept.push(read);
            }
            None => tracing::warn!(source = name, "nothing is remembered of a former source: it ends"),
        }
    }
    Ok(kept)
}

/// From which run a source is kept: the newest that read it.
async fn kept_from(store: &Store, name: &str) -> Result<String, CrawlError> {
    let read =
        |source: &RunSource| source.name == name && !source.outcome.starts_with(NOT_READ) && !source.outcome.starts_with(KEPT);
    let runs = store.runs(RUNS_LOOKED_AT).await?;
    let found = runs.iter().find(|run| run.state == RunState::Published && run.sources.iter().any(read));
    Ok(found.map_or_else(|| "kept from an early run".to_owned(), |run| format!("kept from run {}", run.number.0)))
}

/// Remembers how a source is read, for when it no longer can be.
pub(super) async fn remember_settings(
    store: &Store,
    source: &SourceConfig,
    warehouse: &WarehouseConfig,
) -> Result<(), CrawlError> {
    let source = SourceConfig { url: source.url.as_deref().map(without_credentials), ..source.clone() };
    let json = serde_json::to_string(&(&source, warehouse)).map_err(|error| CrawlError::Incomplete(error.to_string()))?;
    Ok(store.remember_settings(&source.name, &json).await?)
}

/// Readings of the sources of `config`, in order, made elsewhere.
pub(super) fn with_settings(config: &Config, readings: Vec<Reading>) -> Vec<ReadSource> {
    config.sources.iter().zip(readings).map(|(source, reading)| with_setting(config, source, reading)).collect()
}

fn with_setting(config: &Config, source: &SourceConfig, reading: Reading) -> ReadSource {
    let warehouse = config.warehouse_of(source, reading.dialect);
    ReadSource::new(source.clone(), warehouse, reading, settings(config, source))
}

/// A hash of everything beside a file that decides what is read from it.
fn settings(config: &Config, source: &SourceConfig) -> String {
    // How it is reached decides nothing of what is read.
    let source = SourceConfig { token_env: None, user: None, ca_file: None, ..source.clone() };
    let what = (ENGINE, source, config.limits, &config.names, &config.warehouses);
    let json = serde_json::to_vec(&what).unwrap_or_else(|error| error.to_string().into_bytes());
    format!("{:016x}", xxhash_rust::xxh3::xxh3_64(&json))
}

async fn read_one(
    config: &Config,
    store: &Store,
    source: &SourceConfig,
    at: At,
    progress: &dyn CrawlProgress,
) -> Result<Result<Reading, SourceError>, CrawlError> {
    let settings = settings(config, source);
    let keys = store.remembered_keys(&source.name).await?;
    let history_since = match (&at, keys.is_empty()) {
        (At::Tip, false) => last_source(store, &source.name).await?.and_then(|last| last.commit),
        _ => None,
    };
    let (config, source, data) = (config.clone(), source.clone(), store.folder().to_owned());
    run_blocking(progress, move |relay| {
        let known = known_under(&settings, keys);
        let request = sources::Request { config: &config, source: &source, at, data: &data, known: &known, history_since };
        Ok(sources::read(&request, &ReadProgress(relay)))
    })
    .await
}

/// The remembered keys of files that were read under these settings, as sources know them.
fn known_under(settings: &str, keys: HashMap<String, String>) -> BTreeMap<String, String> {
    let bare = |key: &str| Some(key.strip_prefix(settings)?.strip_prefix(':')?.to_owned());
    keys.into_iter().filter_map(|(path, key)| Some((path, bare(&key)?))).collect()
}

async fn last_source(store: &Store, source: &str) -> Result<Option<RunSource>, CrawlError> {
    let Some(run) = store.latest_run().await? else { return Ok(None) };
    let sources = store.run_sources(run).await?;
    Ok(sources.into_iter().find(|entry| entry.name == source))
}

/// A reading in which every remembered file is unchanged, in the warehouse that it was read for;
/// `None` where nothing is remembered.
async fn remembered(config: &Config, store: &Store, name: &str) -> Result<Option<ReadSource>, CrawlError> {
    let keys = store.remembered_keys(name).await?;
    let Some(known) = store.source_settings(name).await? else { return Ok(None) };
    if keys.is_empty() {
        return Ok(None);
    }
    let damaged = |error: serde_json::Error| CrawlError::Incomplete(format!("how {name} was read: {error}"));
    let (source, warehouse): (SourceConfig, WarehouseConfig) = serde_json::from_str(&known).map_err(damaged)?;
    let bare = |key: &str| key.split_once(':').map_or(key, |(_, key)| key).to_owned();
    let last = last_source(store, name).await?;
    let commit = last.as_ref().and_then(|last| last.commit.clone());
    let time = last.as_ref().and_then(|last| last.commit_time).unwrap_or_default();
    let reading = Reading {
        unchanged: keys.keys().cloned().collect(),
        files: keys.iter().map(|(path, key)| (path.clone(), bare(key))).collect(),
        history_since: Some(commit.clone().unwrap_or_default()),
        commit: commit.map(|id| crate::model::Commit { id, time }),
        permalink: last.and_then(|last| last.permalink),
        dialect: warehouse.dialect,
        ..Reading::default()
    };
    let settings = settings(config, &source);
    Ok(Some(ReadSource::new(source, warehouse, reading, settings)))
}

struct ReadProgress<'a>(&'a Relay);

impl sources::Progress for ReadProgress<'_> {
    fn report(&self, _: sources::Step, done: u64, total: u64) {
        self.0.report(CrawlEvent::Read { done, of: total });
    }
}
