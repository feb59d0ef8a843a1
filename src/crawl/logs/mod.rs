//! Query logs in a crawl: files are read and counted, shapes become documents, use becomes summaries.
//!
//! Reading comes before the run and is written as it goes, each batch with the place in its file, so
//! that every entry counts once however often a crawl is cut off. What the counts mean for assets is
//! part of the run: shapes are analysed like any document.

mod aside;
mod attempts;
mod collect;
mod digest;
mod pieces;
mod reading;
mod seen;
mod sessions;
mod trial;
mod usage;

use std::{cell::RefCell, collections::BTreeMap, path::Path};

use serde::Serialize;

pub use trial::LogTrial;
pub(super) use usage::write_usage;

use self::{
    aside::Aside,
    collect::{Collector, Memory},
    reading::{Sink, Work},
    trial::Trial,
};
use super::{
    CrawlError, CrawlEvent, CrawlPhase, CrawlProgress,
    input::{ENGINE, ReadSource},
    progress::run_blocking,
};
use crate::{
    config::{Config, LogConfig, SourceConfig, WarehouseConfig},
    model::{Dialect, Document, DocumentRole, LogFormat, NativeEdge, NativeSeen, Reading, RelationName},
    sources::query_log::AskerRules,
    store::{LogFileState, Store},
};

/// What reading a log came to.
#[derive(Clone, Debug, Default, Serialize)]
pub struct LogReport {
    /// Every file that was looked at, in order.
    pub files: Vec<LogFileState>,
    /// Unpacked bytes that were read now.
    pub bytes: u64,
    /// Queries that were counted now.
    pub entries: u64,
    /// Files that could not be read, and why.
    pub failed: Vec<(String, String)>,
}

/// Reads what is new in every log of `config`. A log that cannot be read fails nothing: it is reported.
pub(super) async fn read_logs(
    config: &Config,
    store: &Store,
    progress: &dyn CrawlProgress,
) -> Result<Vec<(String, LogReport)>, CrawlError> {
    let mut reports = Vec::with_capacity(config.logs.len());
    if !config.logs.is_empty() {
        progress.report(CrawlEvent::Phase(CrawlPhase::Reading));
    }
    for (at, log) in config.logs.iter().enumerate() {
        progress.report(CrawlEvent::Source { name: &log.name, at: at + 1, of: config.logs.len() });
        reports.push((log.name.clone(), read_log(config, store, log, progress).await?));
    }
    Ok(reports)
}

/// Reads what is new in one log into `store`.
pub(super) async fn read_log(
    config: &Config,
    store: &Store,
    log: &LogConfig,
    progress: &dyn CrawlProgress,
) -> Result<LogReport, CrawlError> {
    let source = store.log_source(&log.name).await?;
    let memory = Memory {
        shapes: store.shape_keys(source).await?,
        askers: store.askers().await?,
        counters: store.log_counters(source).await?,
        newest_day: store.log_days(Some(source)).await?.last().map(|day| day.day),
    };
    let mut fresh = [0u8; 32];
    getrandom::fill(&mut fresh).map_err(|error| CrawlError::Incomplete(format!("no random bytes: {error}")))?;
    let secret = store.log_secret(&fresh).await?;
    let files = store.log_files(source).await?;
    let mut aside = Aside::default();
    store.log_sessions(source).await?.into_iter().for_each(|(session, tool)| aside.note_session(session, &tool));
    let (config, log, store) = (config.clone(), log.clone(), store.clone());
    let runtime = tokio::runtime::Handle::current();
    let whole = store.clone();
    let report = run_blocking(progress, move |relay| {
        let people = read_people(log.people.as_deref());
        let rules = AskerRules { service_accounts: log.service_accounts.clone(), people };
        let sink = Sink::Store { store: &store, source, runtime };
        let work = Work { config: &config, log: &log, sink, rules, secret, known: files, has_history: false };
        work.run(Collector::new(memory), aside, relay)
    })
    .await?;
    whole.add_pending().await?;
    Ok(report)
}

/// Reads a log and stores nothing: what is understood of it.
pub async fn try_log(config: &Config, log: &LogConfig, progress: &dyn CrawlProgress) -> Result<LogTrial, CrawlError> {
    let (config, log) = (config.clone(), log.clone());
    run_blocking(progress, move |relay| {
        let rules = AskerRules { service_accounts: log.service_accounts.clone(), people: read_people(log.people.as_deref()) };
        let trial = RefCell::new(Trial::default());
        let sink = Sink::Trial(&trial);
        let (secret, known) = (Vec::new(), Vec::new());
        let work = Work { config: &config, log: &log, sink, rules, secret, known, has_history: false };
        let report = work.run(Collector::new(Memory::default()), Aside::default(), relay)?;
        Ok(trial.into_inner().finish(report))
    })
    .await
}

/// People behind what tools call them; what cannot be read names nobody.
fn read_people(path: Option<&Path>) -> BTreeMap<String, String> {
    let Some(path) = path else { return BTreeMap::new() };
    let read = std::fs::read_to_string(path).map_err(|error| error.to_string());
    match read.and_then(|text| serde_json::from_str(&text).map_err(|error| error.to_string())) {
        Ok(people) => people,
        Err(error) => {
            tracing::warn!(path = %path.display(), error, "the file of people could not be read");
            BTreeMap::new()
        }
    }
}

/// The dialect of a log: as set, its warehouse's, the format's, that of the only warehouse, else any.
fn log_dialect(config: &Config, log: &LogConfig, format: Option<LogFormat>) -> Dialect {
    let warehouse = log.warehouse.as_ref().and_then(|name| config.warehouse_called(name));
    let only = match config.warehouses.as_slice() {
        [only] => Some(only.dialect),
        _ => None,
    };
    let of_sources = config.sources.iter().find_map(|source| source.dialect);
    log.dialect
        .or_else(|| warehouse.map(|warehouse| warehouse.dialect))
        .or_else(|| format.and_then(LogFormat::dialect))
        .or(only)
        .or(of_sources)
        .unwrap_or(Dialect::Generic)
}

/// The logs of `config` as sources whose documents are the shapes of their queries, and logs that an
/// earlier crawl read and that are kept.
pub(super) async fn log_readings(
    config: &Config,
    store: &Store,
    kept: &[(String, SourceConfig, WarehouseConfig)],
) -> Result<Vec<ReadSource>, CrawlError> {
    let mut readings = Vec::new();
    for log in &config.logs {
        let source = store.log_source(&log.name).await?;
        let format = store.log_files(source).await?.into_iter().find_map(|file| file.format);
        let warehouse = config.warehouse_of_log(log, log_dialect(config, log, format));
        readings.push(log_reading(store, source, log.as_source(), warehouse).await?);
    }
    for (name, source, warehouse) in kept {
        readings.push(log_reading(store, store.log_source(name).await?, source.clone(), warehouse.clone()).await?);
    }
    Ok(readings)
}

async fn log_reading(
    store: &Store,
    source: i64,
    config: SourceConfig,
    warehouse: WarehouseConfig,
) -> Result<ReadSource, CrawlError> {
    let shapes = store.shapes(source).await?;
    let days = store.log_days(Some(source)).await?;
    let entries: u64 = days.iter().map(|day| day.entries).sum();
    let native = store.native_edges(source).await?;
    let what = format!("{ENGINE} {config:?} {warehouse:?} {} {} {entries} {:?}", shapes.len(), native.len(), days.last());
    let fingerprint = format!("{:032x}", xxhash_rust::xxh3::xxh3_128(what.as_bytes()));
    let stated = native.chunk_by(|one, other| one.0.to == other.0.to).filter_map(|edges| stated_document(edges, &warehouse));
    let documents = shapes
        .into_iter()
        .map(|shape| Document {
            path: format!("{:032x}", shape.key),
            blob: format!("{:032x}", shape.key),
            role: if shape.succeeded { DocumentRole::Logged } else { DocumentRole::Failed },
            target: shape.destination.as_deref().map(RelationName::from_dotted),
            defaults: (shape.database, shape.schema),
            dialect: shape.dialect.parse().unwrap_or(warehouse.dialect),
            text: shape.text,
            templated: false,
            composed: None,
            variables: Vec::new(),
        })
        .chain(stated)
        .collect();
    let reading = Reading { documents, dialect: warehouse.dialect, ..Reading::default() };
    Ok(ReadSource::of_log(config, warehouse, reading, fingerprint))
}

/// What a warehouse states of one table.
fn stated_document(edges: &[(NativeEdge, NativeSeen)], warehouse: &WarehouseConfig) -> Option<Document> {
    let text: String = edges.iter().map(|(edge, _)| edge.line() + "\n").collect();
    Some(Document {
        path: edges.first()?.0.path(),
        blob: format!("{:032x}", xxhash_rust::xxh3::xxh3_128(text.as_bytes())),
        role: DocumentRole::Native,
        target: None,
        defaults: (None, None),
        dialect: warehouse.dialect,
        text,
        templated: false,
        composed: None,
        variables: Vec::new(),
    })
}
