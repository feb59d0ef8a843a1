//! Digested blocks, counted: by shape, day and asker, each query once.
//!
//! In: blocks in the order of the file. Out: batches, each with where reading stands after it. What is
//! held is one batch, the keys of shapes, the numbers of queries of the days at hand, and open sessions.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rustc_hash::{FxBuildHasher, FxHashMap};

use super::{
    attempts::Attempts,
    digest::{Digested, DigestedShape, Query, Stated, shape_key},
    seen::{FetchSeen, SeenDays},
    sessions::{Place, Ran, SessionPart, SessionScript, Sessions},
};
use crate::{
    model::{Asker, LogSkip, NativeEdge, NativeSeen},
    store::{LogBatch, LogRef, NewObservation, NewShape, ObservationCounts, Skipped},
};

/// Counts that are held before they are written.
const HELD: usize = 60_000;
/// Queries between two writings at most, so that a cut-off crawl loses little.
const QUERIES: u64 = 2_000_000;
/// How many lines of a reason are named.
const NAMED_LINES: usize = 5;

/// A shape that the log has.
struct Known {
    reference: LogRef,
    succeeded: bool,
    dialect: &'static str,
    place: (Option<String>, Option<String>),
}

/// What is stored of a log, as far as counting needs it.
#[derive(Default)]
pub(super) struct Memory {
    pub(super) shapes: Vec<(u128, i64, bool)>,
    pub(super) askers: Vec<(Asker, i64)>,
    pub(super) counters: HashMap<String, (u64, u64)>,
    pub(super) newest_day: Option<i64>,
}

/// Counts.
pub(super) struct Collector {
    shapes: Vec<Known>,
    by_key: FxHashMap<u128, u32>,
    askers: Vec<(Asker, LogRef)>,
    by_asker: HashMap<Asker, u32>,
    /// Askers that differ only in what they asked for are one person in one attempt.
    people: HashMap<String, u32>,
    person_of: Vec<Option<u32>>,
    observations: FxHashMap<(u32, i64, u32), ObservationCounts>,
    batch: LogBatch,
    succeeded: BTreeSet<u32>,
    days: BTreeMap<i64, (u64, u64)>,
    native: BTreeMap<NativeEdge, NativeSeen>,
    seen: SeenDays,
    counters: HashMap<String, (u64, u64)>,
    changed_counters: BTreeSet<String>,
    sessions: Sessions,
    attempts: Attempts,
    /// Session → hash of the text that it ran last.
    last_texts: FxHashMap<u64, u64>,
    queries: u64,
}

impl Collector {
    pub(super) fn new(memory: Memory) -> Collector {
        let mut collector = Collector {
            shapes: Vec::with_capacity(memory.shapes.len()),
            by_key: FxHashMap::with_capacity_and_hasher(memory.shapes.len(), FxBuildHasher),
            askers: Vec::new(),
            by_asker: HashMap::new(),
            people: HashMap::new(),
            person_of: Vec::new(),
            observations: FxHashMap::default(),
            batch: LogBatch::default(),
            succeeded: BTreeSet::new(),
            days: BTreeMap::new(),
            native: BTreeMap::new(),
            seen: SeenDays::new(memory.newest_day),
            counters: memory.counters,
            changed_counters: BTreeSet::new(),
            sessions: Sessions::default(),
            attempts: Attempts::default(),
            last_texts: FxHashMap::default(),
            queries: 0,
        };
        for (key, id, succeeded) in memory.shapes {
            collector.by_key.insert(key, collector.shapes.len() as u32);
            let reference = LogRef::Known(id);
            collector.shapes.push(Known { reference, succeeded, dialect: "", place: (None, None) });
        }
        for (asker, id) in memory.askers {
            collector.add_asker(asker, LogRef::Known(id));
        }
        collector
    }

    /// Starts a file.
    pub(super) fn start_file(&mut self, file: crate::store::LogFileState) {
        self.batch.file = file;
        self.last_texts.clear();
    }

    /// The file that is read.
    pub(super) fn file(&mut self) -> &mut crate::store::LogFileState {
        &mut self.batch.file
    }

    /// Counts what a block holds.
    pub(super) fn take(&mut self, digested: Digested, fetch_seen: &FetchSeen<'_>) {
        for (line, skip) in &digested.skips {
            self.skip(*line, *skip);
        }
        let shapes: Vec<u32> = digested.shapes.iter().map(|shape| self.number_shape(&shape.shape)).collect();
        let askers: Vec<u32> = digested.askers.into_iter().map(|asker| self.number_asker(asker)).collect();
        for query in &digested.queries {
            let (Some(shape), Some(asker)) = (shapes.get(query.shape as usize), askers.get(query.asker as usize)) else {
                continue;
            };
            let Some(own) = digested.shapes.get(query.shape as usize) else { continue };
            self.count(query, own, *shape, *asker, fetch_seen);
        }
        self.batch.sessions.extend(digested.sessions.into_iter().map(|(id, tool, at)| (id, tool, at.div_euclid(86_400))));
        for stated in digested.native {
            self.take_stated(stated, fetch_seen);
        }
    }

    /// Whether enough is held to be written.
    pub(super) fn is_full(&self) -> bool {
        self.observations.len() >= HELD
            || self.queries >= QUERIES
            || self.batch.shapes.len() >= HELD / 4
            || self.native.len() >= HELD
            || self.batch.sessions.len() >= HELD
    }

    /// Ends every open session: of a file that ends.
    pub(super) fn end_sessions(&mut self) {
        let scripts = self.sessions.end();
        self.count_scripts(scripts);
    }

    /// Everything that is held, to be written together; [`Collector::written`] must follow.
    pub(super) fn take_batch(&mut self) -> LogBatch {
        let scripts = self.sessions.take_done();
        self.count_scripts(scripts);
        let file = self.batch.file.clone();
        let mut batch = std::mem::replace(&mut self.batch, LogBatch { file, ..LogBatch::default() });
        let mut counts: Vec<_> = self.observations.drain().collect();
        counts.sort_unstable_by_key(|(key, _)| *key);
        let reference = |shape: u32| self.shapes.get(shape as usize).map(|known| known.reference);
        batch.observations = counts
            .into_iter()
            .filter_map(|((shape, day, asker), counts)| {
                let asker = self.askers.get(asker as usize)?.1;
                Some(NewObservation { shape: reference(shape)?, day, asker, counts })
            })
            .collect();
        batch.succeeded = std::mem::take(&mut self.succeeded).into_iter().filter_map(reference).collect();
        batch.days = std::mem::take(&mut self.days).into_iter().map(|(day, (entries, errors))| (day, entries, errors)).collect();
        batch.native = std::mem::take(&mut self.native).into_iter().collect();
        batch.forget_seen_before = self.seen.first_kept();
        batch.seen = self.seen.take_changed();
        let changed = std::mem::take(&mut self.changed_counters).into_iter();
        batch.counters = changed.filter_map(|key| self.counters.get(&key).map(|(runs, ms)| (key.clone(), *runs, *ms))).collect();
        self.queries = 0;
        batch
    }

    /// A batch was written: its shapes, askers and file have numbers.
    pub(super) fn written(&mut self, numbers: &crate::store::Numbered) {
        let number = |reference: &mut LogRef, fresh: &[i64]| {
            if let LogRef::New(at) = reference
                && let Some(id) = fresh.get(*at as usize)
            {
                *reference = LogRef::Known(*id);
            }
        };
        for shape in &mut self.shapes {
            number(&mut shape.reference, &numbers.shapes);
        }
        for (_, reference) in &mut self.askers {
            number(reference, &numbers.askers);
        }
        self.batch.file.id = Some(numbers.file);
    }

    /// Notes an entry that was left out.
    pub(super) fn skip(&mut self, line: u64, skip: LogSkip) {
        let skipped: &mut Skipped = self.batch.file.skipped.entry(skip).or_default();
        skipped.count += 1;
        if skipped.lines.len() < NAMED_LINES {
            skipped.lines.push(line);
        }
    }

    fn take_stated(&mut self, stated: Stated, fetch_seen: &FetchSeen<'_>) {
        let day = stated.at.div_euclid(86_400);
        if stated.id != 0 && !self.seen.is_new(day, stated.id, fetch_seen) {
            if stated.alone {
                self.skip(stated.line, LogSkip::Duplicate);
            }
            return;
        }
        self.seen.note_day(day);
        let seen = NativeSeen { runs: 1, first_at: stated.at, last_at: stated.at };
        for edge in stated.edges {
            self.native.entry(edge).and_modify(|known| *known = known.and(seen)).or_insert(seen);
        }
    }

    fn count(&mut self, query: &Query, own: &DigestedShape, shape: u32, asker: u32, fetch_seen: &FetchSeen<'_>) {
        let day = query.at.div_euclid(86_400);
        if query.id != 0 && !self.seen.is_new(day, query.id, fetch_seen) {
            return self.skip(query.line, LogSkip::Duplicate);
        }
        let (mut runs, mut milliseconds) = (query.runs, query.milliseconds);
        if let Some(key) = &query.counter {
            (runs, milliseconds) = self.advance(key, runs, milliseconds);
            if runs == 0 {
                return;
            }
        }
        let reports_again = query.repeats && self.last_texts.get(&query.session) == Some(&query.text);
        if reports_again {
            runs = 0;
        } else if query.session != 0 {
            if self.last_texts.len() > 100_000 {
                self.last_texts.clear();
            }
            self.last_texts.insert(query.session, query.text);
        }
        self.seen.note_day(day);
        self.queries += 1;
        self.batch.file.entries += u64::from(!reports_again);
        let of_day = self.days.entry(day).or_default();
        of_day.0 += runs;
        of_day.1 += u64::from(query.failed);
        let mut counts = ObservationCounts {
            runs,
            errors: u64::from(query.failed),
            bytes: query.bytes,
            milliseconds,
            first_at: query.at,
            last_at: query.at,
            ..ObservationCounts::default()
        };
        if let Some(person) = self.person_of.get(asker as usize).copied().flatten() {
            let (attempts, first_tries) = self.attempts.count(person, own.family, query.at, query.failed);
            (counts.attempts, counts.first_tries) = (attempts.min(runs.max(1)), first_tries);
            if reports_again {
                // What was taken for a success before was none.
                self.take_back(shape, day, asker);
                counts.attempts = 0;
            }
        }
        if query.session != 0 && !query.failed && self.is_stitched(query, own, shape, asker) {
            return;
        }
        if !query.failed {
            self.note_success(shape);
        }
        self.observations.entry((shape, day, asker)).or_default().add(&counts);
    }

    /// The log told of a query before it told of its failure.
    fn take_back(&mut self, shape: u32, day: i64, asker: u32) {
        if let Some(counts) = self.observations.get_mut(&(shape, day, asker)) {
            counts.first_tries = counts.first_tries.saturating_sub(1);
        }
    }

    fn note_success(&mut self, shape: u32) {
        if let Some(known) = self.shapes.get_mut(shape as usize)
            && !known.succeeded
        {
            known.succeeded = true;
            self.succeeded.insert(shape);
        }
    }

    fn is_stitched(&mut self, query: &Query, own: &DigestedShape, shape: u32, asker: u32) -> bool {
        let ran = Ran {
            shape,
            text: &own.shape.text,
            part: &own.part,
            asker,
            at: query.at,
            milliseconds: query.milliseconds,
            bytes: query.bytes,
        };
        if let Some(known) = self.shapes.get_mut(shape as usize)
            && own.part != SessionPart::default()
        {
            known.dialect = own.shape.dialect;
            known.place = (own.shape.database.clone(), own.shape.schema.clone());
        }
        let place = self.sessions.run(query.session, &ran);
        let done = self.sessions.take_done();
        if !done.is_empty() {
            self.count_scripts(done);
        }
        place == Place::Stitched
    }

    /// Scripts of sessions are shapes like others.
    fn count_scripts(&mut self, scripts: Vec<SessionScript>) {
        for script in scripts {
            let Some(like) = self.shapes.get(script.like as usize) else { continue };
            let (dialect, (database, schema)) = (like.dialect, like.place.clone());
            let text = script.text;
            let key = shape_key(&text, dialect, &[&database, &schema, &None]);
            let new = NewShape { key, text, dialect, database, schema, destination: None, session: true };
            let shape = self.number_shape(&new);
            self.note_success(shape);
            for staged in &script.staged {
                let reference = self.shapes.get(*staged as usize).map(|known| known.reference);
                self.batch.staged.extend(reference.filter(|it| !self.batch.staged.contains(it)));
            }
            let counts = ObservationCounts {
                runs: 1,
                bytes: script.bytes,
                milliseconds: script.milliseconds,
                first_at: script.at,
                last_at: script.at,
                ..ObservationCounts::default()
            };
            self.observations.entry((shape, script.at.div_euclid(86_400), script.asker)).or_default().add(&counts);
        }
    }

    /// How far a counter went since it was read last; it starts anew where it went back.
    fn advance(&mut self, key: &str, runs: u64, milliseconds: u64) -> (u64, u64) {
        let last = self.counters.insert(key.to_owned(), (runs, milliseconds)).unwrap_or((0, 0));
        self.changed_counters.insert(key.to_owned());
        match runs >= last.0 {
            true => (runs - last.0, milliseconds.saturating_sub(last.1)),
            false => (runs, milliseconds),
        }
    }

    fn number_shape(&mut self, shape: &NewShape) -> u32 {
        if let Some(known) = self.by_key.get(&shape.key) {
            return *known;
        }
        let at = self.shapes.len() as u32;
        self.by_key.insert(shape.key, at);
        let reference = LogRef::New(self.batch.shapes.len() as u32);
        let place = (None, None);
        self.shapes.push(Known { reference, succeeded: false, dialect: shape.dialect, place });
        self.batch.shapes.push(shape.clone());
        at
    }

    fn number_asker(&mut self, asker: Asker) -> u32 {
        if let Some(known) = self.by_asker.get(&asker) {
            return *known;
        }
        let reference = LogRef::New(self.batch.askers.len() as u32);
        self.batch.askers.push(asker.clone());
        self.add_asker(asker, reference)
    }

    fn add_asker(&mut self, asker: Asker, reference: LogRef) -> u32 {
        let at = self.askers.len() as u32;
        let next = self.people.len() as u32;
        let person = asker.person.as_ref().filter(|_| !asker.scheduled);
        self.person_of.push(person.map(|person| *self.people.entry(person.clone()).or_insert(next)));
        self.by_asker.insert(asker.clone(), at);
        self.askers.push((asker, reference));
        at
    }
}
