//! Query logs in a crawl: files are read and counted, shapes become documents, use becomes summaries.
//!
//! Reading comes before the run and is written as it goes, each batch with the place in its file, so
//! that every entry counts once however often a crawl is cut off. What the counts mean for assets is
//! part of the run: shapes are analysed like any document.

mod attempts;
mod collect;
mod digest;
mod sessions;
mod trial;
mod usage;

use std::{
    cell::RefCell,
    collections::BTreeMap,
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use rayon::prelude::*;
use serde::Serialize;

pub use trial::LogTrial;
pub(super) use usage::write_usage;

use self::{
    collect::{Collector, Memory},
    digest::{Digested, Digester},
    trial::Trial,
};
use super::{
    CrawlError, CrawlEvent, CrawlPhase, CrawlProgress,
    input::{ENGINE, ReadSource},
    progress::{Relay, run_blocking},
};
use crate::{
    config::{Config, LogConfig, SourceConfig, WarehouseConfig},
    model::{Dialect, Document, DocumentRole, LogFormat, Reading, RelationName},
    sources::{
        postgres::read_statements,
        query_log::{AskerRules, LogBlock, LogFile, LogPlace, LogRequest, find_log_files},
    },
    store::{LogBatch, LogFileState, Numbered, Store},
};

/// Blocks that are digested at once.
const TOGETHER: usize = 4;

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
    let (config, log, store) = (config.clone(), log.clone(), store.clone());
    let runtime = tokio::runtime::Handle::current();
    run_blocking(progress, move |relay| {
        let people = read_people(log.people.as_deref());
        let rules = AskerRules { service_accounts: log.service_accounts.clone(), people };
        let sink = Sink::Store { store: &store, source, runtime };
        Work { config: &config, log: &log, sink, rules, secret, known: files }.run(Collector::new(memory), relay)
    })
    .await
}

/// Reads a log and stores nothing: what is understood of it.
pub async fn try_log(config: &Config, log: &LogConfig, progress: &dyn CrawlProgress) -> Result<LogTrial, CrawlError> {
    let (config, log) = (config.clone(), log.clone());
    run_blocking(progress, move |relay| {
        let rules = AskerRules { service_accounts: log.service_accounts.clone(), people: read_people(log.people.as_deref()) };
        let trial = RefCell::new(Trial::default());
        let sink = Sink::Trial(&trial);
        let work = Work { config: &config, log: &log, sink, rules, secret: Vec::new(), known: Vec::new() };
        let report = work.run(Collector::new(Memory::default()), relay)?;
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

/// Where batches go.
enum Sink<'a> {
    Store { store: &'a Store, source: i64, runtime: tokio::runtime::Handle },
    Trial(&'a RefCell<Trial>),
}

impl Sink<'_> {
    fn write(&self, batch: LogBatch) -> Result<Numbered, CrawlError> {
        match self {
            Sink::Store { store, source, runtime } => Ok(runtime.block_on(store.write_log_batch(*source, &batch))?),
            Sink::Trial(trial) => Ok(trial.borrow_mut().take(batch)),
        }
    }

    /// The numbers of queries of a day that were counted before.
    fn seen_ids(&self, day: i64) -> Vec<u64> {
        let Sink::Store { store, source, runtime } = self else { return Vec::new() };
        runtime.block_on(store.seen_ids(*source, day)).unwrap_or_else(|error| {
            tracing::warn!(%error, "the numbers of queries that were read before could not be fetched");
            Vec::new()
        })
    }
}

struct Work<'a> {
    config: &'a Config,
    log: &'a LogConfig,
    sink: Sink<'a>,
    rules: AskerRules,
    secret: Vec<u8>,
    known: Vec<LogFileState>,
}

impl Work<'_> {
    fn run(&self, mut collector: Collector, relay: &Relay) -> Result<LogReport, CrawlError> {
        let mut report = LogReport::default();
        if self.log.url.is_some() {
            self.read_database(&mut collector, &mut report, relay)?;
            return Ok(report);
        }
        let files = match find_log_files(&self.log.path) {
            Ok(files) => files,
            Err(error) => {
                report.failed.push((self.log.path.display().to_string(), error.to_string()));
                return Ok(report);
            }
        };
        for path in files {
            self.read_file(&path, &mut collector, &mut report, relay)?;
        }
        Ok(report)
    }

    fn read_file(&self, path: &Path, collector: &mut Collector, report: &mut LogReport, relay: &Relay) -> Result<(), CrawlError> {
        let request = LogRequest { format: self.log.format, columns: self.log.columns.clone() };
        let places: Vec<LogPlace> = self.known.iter().map(place_of).collect();
        match LogFile::open(path, &request, &places) {
            Ok(file) => self.read_open(file, path, collector, report, relay),
            Err(error) => {
                report.failed.push((path.display().to_string(), error.to_string()));
                Ok(())
            }
        }
    }

    /// Reads what a database counts of its statements: never by way of a file, for literals may be in it.
    fn read_database(&self, collector: &mut Collector, report: &mut LogReport, relay: &Relay) -> Result<(), CrawlError> {
        let source = self.log.as_source();
        let (place, found) = (source.place(), read_statements(&source));
        let opened = found.map_err(|error| error.to_string()).and_then(|rows| match rows {
            Some(rows) => Ok(LogFile::of_lines(Path::new(&place), LogFormat::PostgresStatements, rows)),
            None => Err("it does not count its statements: the extension pg_stat_statements is not there".to_owned()),
        });
        match opened {
            Ok(file) => self.read_open(file, Path::new(&place), collector, report, relay),
            Err(why) => {
                tracing::warn!(log = self.log.name, why, "the use of a database is not known");
                report.failed.push((place, why));
                Ok(())
            }
        }
    }

    fn read_open(
        &self,
        mut file: LogFile,
        path: &Path,
        collector: &mut Collector,
        report: &mut LogReport,
        relay: &Relay,
    ) -> Result<(), CrawlError> {
        let before = file.resumed_from().and_then(|place| self.known.iter().find(|known| place_of(known) == place));
        let mut state = before.cloned().unwrap_or_default();
        state.path =
            path.strip_prefix(&self.log.path).ok().filter(|rest| *rest != Path::new("")).unwrap_or(path).display().to_string();
        state.format = Some(file.format());
        state.failure = None;
        let start = file.place();
        (state.head_bytes, state.head) = (start.head_bytes, start.head);
        let counted_before = state.entries;
        collector.start_file(state);
        let digester = self.digester(path, file.format());
        let mut changed = false;
        loop {
            let mut blocks: Vec<LogBlock> = Vec::with_capacity(TOGETHER);
            while blocks.len() < TOGETHER {
                match file.next_block() {
                    Ok(Some(block)) => blocks.push(block),
                    Ok(None) => break,
                    Err(error) => {
                        let why = error.to_string();
                        report.failed.push((path.display().to_string(), why.clone()));
                        collector.file().failure = Some(why);
                        break;
                    }
                }
            }
            if blocks.is_empty() {
                break;
            }
            changed = true;
            self.take(&blocks, &digester, collector, report, relay);
            if collector.is_full() {
                self.write(collector)?;
            }
            if collector.file().failure.is_some() {
                break;
            }
        }
        collector.end_sessions();
        if changed {
            self.write(collector)?;
        }
        report.entries += collector.file().entries - counted_before;
        report.files.push(collector.file().clone());
        Ok(())
    }

    fn take(&self, blocks: &[LogBlock], digester: &Digester, collector: &mut Collector, report: &mut LogReport, relay: &Relay) {
        let digested: Vec<Digested> = blocks.par_iter().with_max_len(1).map(|block| digester.digest(block)).collect();
        let fetch = |day| self.sink.seen_ids(day);
        for (block, digested) in blocks.iter().zip(digested) {
            collector.take(digested, &fetch);
            let (place, file) = (block.place(), collector.file());
            (file.read_bytes, file.tail) = (place.offset, place.tail);
            report.bytes += block.bytes();
        }
        relay.report(CrawlEvent::Read { done: report.bytes, of: 0 });
    }

    fn write(&self, collector: &mut Collector) -> Result<(), CrawlError> {
        let numbers = self.sink.write(collector.take_batch())?;
        collector.written(&numbers);
        Ok(())
    }

    fn digester(&self, path: &Path, format: LogFormat) -> Digester {
        let dialect = log_dialect(self.config, self.log, Some(format));
        let modified = std::fs::metadata(path).and_then(|data| data.modified()).unwrap_or_else(|_| SystemTime::now());
        Digester {
            dialect,
            database: self.log.database.clone(),
            schema: self.log.schema.clone(),
            users: self.log.users,
            secret: self.secret.clone(),
            rules: self.rules.clone(),
            file_time: modified.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64),
        }
    }
}

fn place_of(file: &LogFileState) -> LogPlace {
    LogPlace { head_bytes: file.head_bytes, head: file.head, offset: file.read_bytes, tail: file.tail }
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
    let what = format!("{ENGINE} {config:?} {warehouse:?} {} {entries} {:?}", shapes.len(), days.last());
    let fingerprint = format!("{:032x}", xxhash_rust::xxh3::xxh3_128(what.as_bytes()));
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
        .collect();
    let reading = Reading { documents, dialect: warehouse.dialect, ..Reading::default() };
    Ok(ReadSource::of_log(config, warehouse, reading, fingerprint))
}
