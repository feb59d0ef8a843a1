//! Documents to analyses, level by level: remembered where every answer is still the same.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

use super::{
    CrawlError, CrawlEvent, CrawlProgress,
    bind::Place,
    input::{DocumentInput, SourceInput},
    lower::{Lowering, Results},
    order::Levels,
    scripts::{KnownScript, Parsed, Reader},
    variants,
    world::{Question, Recorder, World, hash_of},
};
use crate::store::{AnalysisId, NewAnalysis, RecalledAnalysis};

/// How often the documents of a cycle are analysed at most.
const PASSES: usize = 5;

/// A document in its source.
pub(super) struct Placed<'a> {
    pub(super) source: &'a SourceInput,
    pub(super) document: &'a DocumentInput,
    pub(super) reader: &'a Reader,
    pub(super) key: &'a str,
}

impl<'a> Placed<'a> {
    pub(super) fn place(&self) -> Place<'a> {
        Place::of_document(self.source, self.document)
    }

    /// Everything beside text and answers that decides what an analysis yields.
    fn setting(&self, bare_select: bool) -> u64 {
        let document = self.document;
        let path = bare_select.then_some((&document.path, &self.source.config.name));
        let name = document.composed.as_ref().and_then(|composed| composed.name.as_deref());
        let what = (self.place().settings(), document.role, &document.target, name, path);
        // A value that cannot be written equals no other: the document is analysed anew.
        hash_of(&serde_json::to_string(&what).unwrap_or_else(|error| error.to_string()))
    }
}

/// Where a document's analysis is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    /// It was stored before.
    Known(AnalysisId),
    /// It was sent to be written, under this number.
    Sent(usize),
}

/// What became of a document.
#[derive(Clone, Debug)]
pub(super) struct Outcome {
    pub(super) kept: Kept,
    pub(super) results: Arc<Results>,
    answers: u128,
}

/// Look-ups as they are remembered.
#[derive(Serialize, Deserialize)]
struct Answers {
    setting: u64,
    asked: Vec<(Question, u64)>,
}

/// Everything that analysing needs.
pub(super) struct Analyzer<'a> {
    pub(super) documents: Vec<Placed<'a>>,
    pub(super) scripts: Vec<KnownScript>,
    pub(super) recalled: HashMap<String, Vec<RecalledAnalysis>>,
    pub(super) world: World,
    /// Fetches a text that the store holds.
    pub(super) fetch: &'a (dyn Fn(u128) -> Result<String, CrawlError> + Sync),
    /// Takes analyses to be written: (number, analysis).
    pub(super) send: &'a (dyn Fn(usize, NewAnalysis) -> Result<(), CrawlError> + Sync),
    pub(super) progress: &'a dyn CrawlProgress,
}

/// What analysing yields.
pub(super) struct Analysed {
    /// For every document.
    pub(super) outcomes: Vec<Outcome>,
    /// Documents of cycles, sorted.
    pub(super) cyclic: Vec<u32>,
    /// How many were analysed anew.
    pub(super) fresh: u64,
    pub(super) world: World,
}

struct Counters {
    sent: AtomicUsize,
    done: AtomicUsize,
    statements: AtomicU64,
    bytes: AtomicU64,
}

impl Analyzer<'_> {
    /// Analyses every document after what it reads.
    pub(super) fn run(mut self, levels: &Levels) -> Result<Analysed, CrawlError> {
        let parsed: Vec<Mutex<Option<Parsed>>> = self.scripts.iter_mut().map(|script| Mutex::new(script.parsed.take())).collect();
        let counters = Counters {
            sent: AtomicUsize::new(0),
            done: AtomicUsize::new(0),
            statements: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
        };
        let mut outcomes: Vec<Option<Outcome>> = vec![None; self.documents.len()];
        let mut cyclic = Vec::new();
        self.world.learn_declared();
        for level in &levels.levels {
            let (alone, cycles): (Vec<_>, Vec<_>) = level.iter().partition(|group| group.len() == 1);
            let alone: Vec<u32> = alone.into_iter().flatten().copied().collect();
            self.run_group(&alone, AfterUse::Drop, &parsed, &counters, &mut outcomes)?;
            self.learn(&alone, &outcomes);
            for group in cycles {
                cyclic.extend(group);
                self.run_cycle(group, &parsed, &counters, &mut outcomes)?;
            }
        }
        cyclic.sort_unstable();
        let missing = || CrawlError::Incomplete("a document was not analysed".into());
        Ok(Analysed {
            outcomes: outcomes.into_iter().collect::<Option<_>>().ok_or_else(missing)?,
            cyclic,
            fresh: counters.sent.into_inner() as u64,
            world: self.world,
        })
    }

    /// Analyses the documents of a cycle until nothing changes any more.
    fn run_cycle(
        &mut self,
        group: &[u32],
        parsed: &[Mutex<Option<Parsed>>],
        counters: &Counters,
        outcomes: &mut [Option<Outcome>],
    ) -> Result<(), CrawlError> {
        let mut before: Option<Vec<u128>> = None;
        for _ in 0..PASSES {
            self.run_group(group, AfterUse::Keep, parsed, counters, outcomes)?;
            self.learn(group, outcomes);
            let now =
                group.iter().filter_map(|at| outcomes[*at as usize].as_ref()).map(|outcome| outcome.answers).collect::<Vec<_>>();
            if before.as_ref() == Some(&now) {
                break;
            }
            before = Some(now);
        }
        group.par_iter().for_each(|at| drop_parsed(&parsed[*at as usize]));
        Ok(())
    }

    fn run_group(
        &self,
        group: &[u32],
        after_use: AfterUse,
        parsed: &[Mutex<Option<Parsed>>],
        counters: &Counters,
        outcomes: &mut [Option<Outcome>],
    ) -> Result<(), CrawlError> {
        let analyze = |at: &u32| {
            let outcome = self.analyze(*at as usize, &parsed[*at as usize], counters);
            if after_use == AfterUse::Drop {
                drop_parsed(&parsed[*at as usize]);
            }
            outcome
        };
        let analysed: Vec<Outcome> = group.par_iter().with_max_len(4).map(analyze).collect::<Result<_, _>>()?;
        for (at, outcome) in group.iter().zip(analysed) {
            outcomes[*at as usize] = Some(outcome);
        }
        Ok(())
    }

    /// Learns the columns of what a group of documents writes.
    fn learn(&mut self, group: &[u32], outcomes: &[Option<Outcome>]) {
        let results = group.iter().filter_map(|at| outcomes[*at as usize].as_ref()).map(|outcome| &outcome.results);
        let written: BTreeSet<_> = results.flat_map(|results| &results.targets).map(|target| target.asset.clone()).collect();
        for key in written {
            let writers = self.world.writers.get(&key).into_iter().flatten();
            let mut results: Vec<Arc<Results>> =
                writers.filter_map(|at| outcomes[*at as usize].as_ref()).map(|outcome| outcome.results.clone()).collect();
            if results.is_empty() {
                let own = group.iter().filter_map(|at| outcomes[*at as usize].as_ref());
                results = own.map(|outcome| outcome.results.clone()).collect();
            }
            self.world.learn(&key, &results);
        }
    }

    fn analyze(&self, at: usize, parsed: &Mutex<Option<Parsed>>, counters: &Counters) -> Result<Outcome, CrawlError> {
        let placed = &self.documents[at];
        let setting = placed.setting(self.scripts[at].names.bare_select);
        let outcome = match self.recall(at, setting)? {
            Some(outcome) => outcome,
            None => self.analyze_anew(at, setting, parsed, counters)?,
        };
        let done = counters.done.fetch_add(1, Ordering::Relaxed) + 1;
        let count = u64::from(self.scripts[at].names.statements.0);
        let statements = counters.statements.fetch_add(count, Ordering::Relaxed) + count;
        let bytes = counters.bytes.fetch_add(placed.document.bytes, Ordering::Relaxed) + placed.document.bytes;
        if done.is_multiple_of(32) || done == self.documents.len() {
            let of = self.documents.len().max(done);
            self.progress.report(CrawlEvent::Documents { done, of, statements, bytes });
        }
        Ok(outcome)
    }

    /// An earlier analysis whose every answer is still the same.
    fn recall(&self, at: usize, setting: u64) -> Result<Option<Outcome>, CrawlError> {
        let placed = &self.documents[at];
        for earlier in self.recalled.get(placed.key).into_iter().flatten().rev() {
            let answers: Answers = from_json(&earlier.lookups)?;
            let same = |(question, hash): &(Question, u64)| self.world.answer(placed.place(), at as u32, question) == *hash;
            if answers.setting == setting && answers.asked.iter().all(same) {
                return Ok(Some(Outcome {
                    kept: Kept::Known(earlier.id),
                    results: Arc::new(from_json(&earlier.results)?),
                    answers: digest_answers(&answers),
                }));
            }
        }
        Ok(None)
    }

    fn analyze_anew(
        &self,
        at: usize,
        setting: u64,
        parsed: &Mutex<Option<Parsed>>,
        counters: &Counters,
    ) -> Result<Outcome, CrawlError> {
        let placed = &self.documents[at];
        let text = match &placed.document.text {
            Some(text) => text.clone(),
            None => Arc::from((self.fetch)(placed.document.digest)?),
        };
        let mut parsed = parsed.lock().unwrap_or_else(PoisonError::into_inner);
        let recorder = Recorder::new(&self.world, placed.place(), at as u32);
        let with_columns = placed.document.dbt.as_ref().filter(|file| !file.rendered.asked.is_empty()).map(|file| {
            let rendered = file.render_with_columns(&text, &recorder);
            placed.reader.parse_rendered(placed.document, rendered)
        });
        let parsed = match &with_columns {
            Some(parsed) => parsed,
            None => parsed.get_or_insert_with(|| placed.reader.parse(placed.document, &text)),
        };
        let variants = parsed.variants.iter();
        let mut detail = match &parsed.native {
            Some(native) => native.clone(),
            None => variants::merge(variants.map(|(script, offsets)| (script.analyze(&recorder), offsets.as_ref())).collect()),
        };
        detail.diagnostics.extend(parsed.diagnostics.iter().cloned());
        detail.lines = placed.document.composed.as_ref().map(|composed| composed.lines.clone()).unwrap_or_default();
        let (mut new, results) = Lowering::new(placed.source, placed.document, &recorder, &text).lower(detail);
        let answers = Answers { setting, asked: recorder.into_answers() };
        new.script = placed.key.to_owned();
        new.names = to_json(&*self.scripts[at].names)?;
        new.answers = digest_answers(&answers);
        new.lookups = to_json(&answers)?;
        new.results = to_json(&results)?;
        let digest = new.answers;
        let number = counters.sent.fetch_add(1, Ordering::Relaxed);
        (self.send)(number, new)?;
        Ok(Outcome { kept: Kept::Sent(number), results: Arc::new(results), answers: digest })
    }
}

/// What becomes of a parsed text once it is analysed: trees are many times larger than their text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum AfterUse {
    /// It is analysed once.
    Drop,
    /// It is part of a cycle, and analysed again.
    Keep,
}

fn drop_parsed(parsed: &Mutex<Option<Parsed>>) {
    parsed.lock().unwrap_or_else(PoisonError::into_inner).take();
}

fn digest_answers(answers: &Answers) -> u128 {
    let json = serde_json::to_vec(answers).unwrap_or_else(|error| error.to_string().into_bytes());
    xxh3_128(&json)
}

pub(super) fn to_json<T: Serialize>(value: &T) -> Result<String, CrawlError> {
    serde_json::to_string(value).map_err(|error| CrawlError::Incomplete(error.to_string()))
}

pub(super) fn from_json<'de, T: Deserialize<'de>>(json: &'de str) -> Result<T, CrawlError> {
    serde_json::from_str(json).map_err(|error| CrawlError::Incomplete(error.to_string()))
}
