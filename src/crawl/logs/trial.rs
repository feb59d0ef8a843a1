//! Trying a log out: what is understood of it, with nothing stored.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::Serialize;

use super::LogReport;
use crate::{
    model::{Asker, NativeEdge},
    store::{LogBatch, LogRef, Numbered},
};

/// Queries that are named.
const QUERIES: usize = 10;
/// Askers that are named.
const ASKERS: usize = 10;

/// What is understood of a log.
#[derive(Clone, Debug, Default, Serialize)]
pub struct LogTrial {
    /// What was read and left out.
    pub report: LogReport,
    /// Different queries, without their literals.
    pub shapes: u64,
    /// Scripts that sessions amount to.
    pub sessions: u64,
    /// By day (days since 1970 UTC): queries, and those that failed.
    pub days: BTreeMap<i64, (u64, u64)>,
    /// Who asked most: (asker, queries).
    pub askers: Vec<(Asker, u64)>,
    /// Distinct people.
    pub people: u64,
    /// What was asked most: (text, runs, errors).
    pub queries: Vec<(String, u64, u64)>,
    /// Edges that the warehouse itself states.
    pub native_edges: u64,
}

/// Adds up batches.
#[derive(Default)]
pub(super) struct Trial {
    texts: Vec<String>,
    askers: Vec<Asker>,
    by_shape: HashMap<i64, (u64, u64)>,
    by_asker: HashMap<i64, u64>,
    days: BTreeMap<i64, (u64, u64)>,
    sessions: u64,
    native: BTreeSet<NativeEdge>,
}

impl Trial {
    /// Takes a batch in place of a store.
    pub(super) fn take(&mut self, batch: LogBatch) -> Numbered {
        let (first_shape, first_asker) = (self.texts.len() as i64, self.askers.len() as i64);
        self.sessions += batch.shapes.iter().filter(|shape| shape.session).count() as u64;
        self.native.extend(batch.native.iter().map(|(edge, _)| edge.clone()));
        let numbers = Numbered {
            shapes: (first_shape..).take(batch.shapes.len()).collect(),
            askers: (first_asker..).take(batch.askers.len()).collect(),
            file: 0,
        };
        self.texts.extend(batch.shapes.into_iter().map(|shape| shape.text));
        self.askers.extend(batch.askers);
        let number = |reference: LogRef, first: i64| match reference {
            LogRef::Known(id) => id,
            LogRef::New(at) => first + i64::from(at),
        };
        for seen in &batch.observations {
            let shape = self.by_shape.entry(number(seen.shape, first_shape)).or_default();
            shape.0 += seen.counts.runs;
            shape.1 += seen.counts.errors;
            *self.by_asker.entry(number(seen.asker, first_asker)).or_default() += seen.counts.runs;
        }
        for (day, entries, errors) in batch.days {
            let known = self.days.entry(day).or_default();
            *known = (known.0 + entries, known.1 + errors);
        }
        numbers
    }

    pub(super) fn finish(self, report: LogReport) -> LogTrial {
        let mut queries: Vec<_> = self.by_shape.into_iter().collect();
        queries.sort_unstable_by(|one, other| other.1.cmp(&one.1).then(one.0.cmp(&other.0)));
        let named = queries.into_iter().take(QUERIES);
        let queries =
            named.filter_map(|(id, (runs, errors))| Some((self.texts.get(id as usize)?.clone(), runs, errors))).collect();
        let mut askers: Vec<_> = self.by_asker.into_iter().collect();
        askers.sort_unstable_by(|one, other| other.1.cmp(&one.1).then(one.0.cmp(&other.0)));
        let mut people: Vec<&str> = self.askers.iter().filter_map(|asker| asker.person.as_deref()).collect();
        people.sort_unstable();
        people.dedup();
        LogTrial {
            people: people.len() as u64,
            shapes: self.texts.len() as u64,
            sessions: self.sessions,
            days: self.days,
            askers: askers
                .into_iter()
                .take(ASKERS)
                .filter_map(|(id, runs)| Some((self.askers.get(id as usize)?.clone(), runs)))
                .collect(),
            queries,
            native_edges: self.native.len() as u64,
            report,
        }
    }
}
