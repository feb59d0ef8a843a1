//! The files of a log, read one after the other: blocks are digested together and counted in their order.

use std::{
    cell::RefCell,
    path::{Path, PathBuf},
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use rayon::prelude::*;

use super::{
    LogReport,
    aside::Aside,
    collect::Collector,
    digest::{Digested, Digester},
    log_dialect,
    pieces::{Assembled, Pieces},
    trial::Trial,
};
use crate::{
    config::{Config, LogConfig},
    crawl::{CrawlError, CrawlEvent, CrawlProgress, progress::Relay},
    model::{LogFormat, LogSkip},
    sources::{
        postgres::read_statements,
        query_log::{AskerRules, LogBlock, LogFile, LogPlace, LogRequest, find_log_files},
    },
    store::{LogBatch, LogFileState, Numbered, Store},
};

/// Blocks that are digested at once.
const TOGETHER: usize = 4;

/// Where batches go.
pub(super) enum Sink<'a> {
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

pub(super) struct Work<'a> {
    pub(super) config: &'a Config,
    pub(super) log: &'a LogConfig,
    pub(super) sink: Sink<'a>,
    pub(super) rules: AskerRules,
    pub(super) secret: Vec<u8>,
    pub(super) known: Vec<LogFileState>,
    /// A file of it is a history of queries, whose texts may stand in others.
    pub(super) has_history: bool,
}

/// What reading goes into.
struct Progress<'r> {
    collector: Collector,
    report: LogReport,
    relay: &'r Relay,
    aside: Arc<Aside>,
    pieces: Pieces,
}

impl Work<'_> {
    /// Reads what is new in every file.
    pub(super) fn run(mut self, collector: Collector, aside: Aside, relay: &Relay) -> Result<LogReport, CrawlError> {
        let report = LogReport::default();
        let mut to = Progress { collector, report, relay, aside: Arc::new(aside), pieces: Pieces::default() };
        if self.log.url.is_some() {
            self.read_database(&mut to)?;
            return Ok(to.report);
        }
        let files = match find_log_files(&self.log.path) {
            Ok(files) => files,
            Err(error) => {
                to.report.failed.push((self.log.path.display().to_string(), error.to_string()));
                return Ok(to.report);
            }
        };
        for path in self.put_in_order(files) {
            self.read_file(&path, &mut to)?;
        }
        Ok(to.report)
    }

    /// Files that say more of queries come before those that tell of these.
    fn put_in_order(&mut self, files: Vec<PathBuf>) -> Vec<PathBuf> {
        if files.len() < 2 {
            return files;
        }
        let request = self.request();
        let format_of = |path: &PathBuf| LogFile::open(path, &request, &[]).ok().map(|file| file.format());
        let formats: Vec<Option<LogFormat>> = files.iter().map(format_of).collect();
        self.has_history = formats.contains(&Some(LogFormat::Redshift));
        let (aside, others): (Vec<_>, Vec<_>) =
            files.into_iter().zip(formats).partition(|(_, format)| format.is_some_and(LogFormat::is_aside));
        aside.into_iter().chain(others).map(|(path, _)| path).collect()
    }

    fn request(&self) -> LogRequest {
        LogRequest { format: self.log.format, columns: self.log.columns.clone() }
    }

    fn read_file(&self, path: &Path, to: &mut Progress<'_>) -> Result<(), CrawlError> {
        let places: Vec<LogPlace> = self.known.iter().map(place_of).collect();
        match LogFile::open(path, &self.request(), &places) {
            Ok(file) => self.read_open(file, path, to),
            Err(error) => {
                to.report.failed.push((path.display().to_string(), error.to_string()));
                Ok(())
            }
        }
    }

    /// Reads what a database counts of its statements: never by way of a file, for literals may be in it.
    fn read_database(&self, to: &mut Progress<'_>) -> Result<(), CrawlError> {
        let source = self.log.as_source();
        let (place, found) = (source.place(), read_statements(&source));
        let opened = found.map_err(|error| error.to_string()).and_then(|rows| match rows {
            Some(rows) => Ok(LogFile::of_lines(Path::new(&place), LogFormat::PostgresStatements, rows)),
            None => Err("it does not count its statements: the extension pg_stat_statements is not there".to_owned()),
        });
        match opened {
            Ok(file) => self.read_open(file, Path::new(&place), to),
            Err(why) => {
                tracing::warn!(log = self.log.name, why, "the use of a database is not known");
                to.report.failed.push((place, why));
                Ok(())
            }
        }
    }

    fn read_open(&self, mut file: LogFile, path: &Path, to: &mut Progress<'_>) -> Result<(), CrawlError> {
        let before = file.resumed_from().and_then(|place| self.known.iter().find(|known| place_of(known) == place));
        let mut state = before.cloned().unwrap_or_default();
        state.path =
            path.strip_prefix(&self.log.path).ok().filter(|rest| *rest != Path::new("")).unwrap_or(path).display().to_string();
        state.format = Some(file.format());
        state.failure = None;
        let start = file.place();
        (state.head_bytes, state.head) = (start.head_bytes, start.head);
        let counted_before = state.entries;
        to.collector.start_file(state);
        let digester = self.digester(path, file.format(), &to.aside);
        let mut changed = false;
        loop {
            let mut blocks: Vec<LogBlock> = Vec::with_capacity(TOGETHER);
            while blocks.len() < TOGETHER {
                match file.next_block() {
                    Ok(Some(block)) => blocks.push(block),
                    Ok(None) => break,
                    Err(error) => {
                        let why = error.to_string();
                        to.report.failed.push((path.display().to_string(), why.clone()));
                        to.collector.file().failure = Some(why);
                        break;
                    }
                }
            }
            if blocks.is_empty() {
                break;
            }
            changed = true;
            self.take(&blocks, start, &digester, to);
            if to.collector.is_full() {
                // Of a text that is not whole yet every piece is read again, should this be the last batch.
                let whole = self.go_back_to(to.pieces.safe_place(), &mut to.collector);
                self.write(&mut to.collector)?;
                self.go_back_to(whole, &mut to.collector);
            }
            if to.collector.file().failure.is_some() {
                break;
            }
        }
        let done = to.pieces.end();
        self.take_assembled(done, &digester, to);
        to.collector.end_sessions();
        if changed {
            self.write(&mut to.collector)?;
        }
        to.report.entries += to.collector.file().entries - counted_before;
        to.report.files.push(to.collector.file().clone());
        Ok(())
    }

    /// Lets reading stand at `place`; where it stood comes back.
    fn go_back_to(&self, place: Option<LogPlace>, collector: &mut Collector) -> Option<LogPlace> {
        let file = collector.file();
        let stood = place_of(file);
        (file.read_bytes, file.tail) = place.map(|place| (place.offset, place.tail))?;
        Some(stood)
    }

    fn take(&self, blocks: &[LogBlock], start: LogPlace, digester: &Digester, to: &mut Progress<'_>) {
        let digested: Vec<Digested> = blocks.par_iter().with_max_len(1).map(|block| digester.digest(block)).collect();
        for (block, mut digested) in blocks.iter().zip(digested) {
            let file = to.collector.file();
            let before = if file.read_bytes == 0 { start } else { place_of(file) };
            let pieces = std::mem::take(&mut digested.pieces);
            let aside = &mut to.aside;
            for (session, tool, _) in &digested.sessions {
                Arc::make_mut(aside).note_session(*session, tool);
            }
            to.collector.take(digested, &|day| self.sink.seen_ids(day));
            if !pieces.is_empty() {
                let done = to.pieces.take(pieces, before);
                self.take_assembled(done, digester, to);
            }
            let (place, file) = (block.place(), to.collector.file());
            (file.read_bytes, file.tail) = (place.offset, place.tail);
            to.report.bytes += block.bytes();
        }
        to.relay.report(CrawlEvent::Read { done: to.report.bytes, of: 0 });
    }

    /// Whole texts say more of queries that a history tells of, or are queries of their own.
    fn take_assembled(&self, done: Vec<Result<Assembled, (u64, LogSkip)>>, digester: &Digester, to: &mut Progress<'_>) {
        let mut alone = Vec::new();
        for text in done {
            match text {
                Ok(text) if self.has_history && text.whole.told_elsewhere => {
                    Arc::make_mut(&mut to.aside).note_text(text.whole.key, text.whole.text);
                }
                Ok(text) => alone.push(text),
                Err((line, skip)) => to.collector.skip(line, skip),
            }
        }
        if !alone.is_empty() {
            to.collector.take(digester.digest_assembled(alone), &|day| self.sink.seen_ids(day));
        }
    }

    fn write(&self, collector: &mut Collector) -> Result<(), CrawlError> {
        let numbers = self.sink.write(collector.take_batch())?;
        collector.written(&numbers);
        Ok(())
    }

    fn digester(&self, path: &Path, format: LogFormat, aside: &Arc<Aside>) -> Digester {
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
            // A file that says more of queries of others needs nothing of what is known.
            aside: if format.is_aside() { Arc::default() } else { aside.clone() },
        }
    }
}

fn place_of(file: &LogFileState) -> LogPlace {
    LogPlace { head_bytes: file.head_bytes, head: file.head, offset: file.read_bytes, tail: file.tail }
}
