//! What a crawl hands in of a query log, and what comes back of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::{Asker, LogFormat, LogSkip, NativeEdge, NativeSeen};

/// The number of a shape, an asker or a source of a log: stored, or new with a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogRef {
    /// Stored under this number.
    Known(i64),
    /// The one at this place of the batch's list.
    New(u32),
}

/// Some entries of a log, counted, with where reading of its file stands after them: written together
/// or not at all, so that every entry counts once.
#[derive(Clone, Debug, Default)]
pub struct LogBatch {
    /// Shapes that are not stored yet.
    pub shapes: Vec<NewShape>,
    /// Askers that are not stored yet.
    pub askers: Vec<Asker>,
    /// What was seen, added to what is stored.
    pub observations: Vec<NewObservation>,
    /// Shapes that ran without an error for the first time.
    pub succeeded: Vec<LogRef>,
    /// Shapes whose result was renamed.
    pub staged: Vec<LogRef>,
    /// (day, entries, errors).
    pub days: Vec<(i64, u64, u64)>,
    /// All numbers of queries of a day that are known, sorted; they replace what is stored.
    pub seen: Vec<(i64, Vec<u64>)>,
    /// Days before this one are forgotten among the numbers.
    pub forget_seen_before: i64,
    /// (key, runs, milliseconds) as they stand now.
    pub counters: Vec<(String, u64, u64)>,
    /// What the warehouse states, added to what is stored.
    pub native: Vec<(NativeEdge, NativeSeen)>,
    /// (session, its client, the day on which it began).
    pub sessions: Vec<(u64, String, i64)>,
    /// The file that was read.
    pub file: LogFileState,
}

/// A new shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewShape {
    /// Tells it from others.
    pub key: u128,
    /// The text without literals.
    pub text: String,
    /// The dialect's name.
    pub dialect: &'static str,
    /// Database of names that have none.
    pub database: Option<String>,
    /// Schema of names that have none.
    pub schema: Option<String>,
    /// The table that a bare SELECT filled, dotted.
    pub destination: Option<String>,
    /// It is the statements of a session that belong together.
    pub session: bool,
}

/// Runs of one shape on one day by one asker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewObservation {
    /// What ran.
    pub shape: LogRef,
    /// Days since 1970 UTC.
    pub day: i64,
    /// Who asked.
    pub asker: LogRef,
    /// The counts.
    pub counts: ObservationCounts,
}

/// What is counted of runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservationCounts {
    /// How often it ran.
    pub runs: u64,
    /// How often it failed.
    pub errors: u64,
    /// Runs that were no repetition of a failed one.
    pub attempts: u64,
    /// Attempts that succeeded.
    pub first_tries: u64,
    /// Bytes that were read for it.
    pub bytes: u64,
    /// How long it took in all, in milliseconds.
    pub milliseconds: u64,
    /// The first, seconds since 1970 UTC.
    pub first_at: i64,
    /// The last, seconds since 1970 UTC.
    pub last_at: i64,
}

impl ObservationCounts {
    /// Adds what another says.
    pub fn add(&mut self, other: &ObservationCounts) {
        self.first_at = if self.runs + self.errors == 0 { other.first_at } else { self.first_at.min(other.first_at) };
        self.last_at = self.last_at.max(other.last_at);
        self.runs += other.runs;
        self.errors += other.errors;
        self.attempts += other.attempts;
        self.first_tries += other.first_tries;
        self.bytes += other.bytes;
        self.milliseconds += other.milliseconds;
    }
}

/// A file of a log as it stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LogFileState {
    /// Its number, where it is stored.
    pub id: Option<i64>,
    /// Where it was seen last.
    pub path: String,
    /// Its format.
    pub format: Option<LogFormat>,
    /// How many of its first bytes `head` is over.
    pub head_bytes: u64,
    /// Hash of its first bytes.
    pub head: u64,
    /// Unpacked bytes that were read.
    pub read_bytes: u64,
    /// Hash of the bytes before that place.
    pub tail: u64,
    /// Queries that were counted.
    pub entries: u64,
    /// What was left out: how often, and the first lines.
    pub skipped: BTreeMap<LogSkip, Skipped>,
    /// Why reading stopped before its end.
    pub failure: Option<String>,
    /// When it was read last, seconds since 1970 UTC.
    pub read_at: i64,
}

/// Entries that were left out for one reason.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// How many.
    pub count: u64,
    /// 1-based lines of the first of them, counted from where that reading began.
    pub lines: Vec<u64>,
}

/// A shape as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShapeRow {
    /// Its number.
    pub id: i64,
    /// Tells it from others.
    pub key: u128,
    /// The text without literals.
    pub text: String,
    /// The dialect's name.
    pub dialect: String,
    /// Database of names that have none.
    pub database: Option<String>,
    /// Schema of names that have none.
    pub schema: Option<String>,
    /// The table that a bare SELECT filled, dotted.
    pub destination: Option<String>,
    /// It ran without an error at least once.
    pub succeeded: bool,
}

/// How much of a day the logs cover.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogDay {
    /// Days since 1970 UTC.
    pub day: i64,
    /// Entries of that day.
    pub entries: u64,
    /// Those that failed.
    pub errors: u64,
}

/// How much an asset was used, as of the last day that the logs cover.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageSummary {
    /// Queries by people in the last 30 days.
    pub interactive_30: u64,
    /// Scheduled queries in the last 30 days.
    pub scheduled_30: u64,
    /// Distinct people in the last 30 days.
    pub people_30: u32,
    /// Distinct people in the last 90 days.
    pub people_90: u32,
    /// Queries that failed in the last 30 days.
    pub errors_30: u64,
    /// Bytes read by scheduled queries in the last 90 days.
    pub scheduled_bytes_90: u64,
    /// Milliseconds of scheduled queries in the last 90 days.
    pub scheduled_ms_90: u64,
    /// Bytes read to write it in the last 90 days.
    pub write_bytes_90: u64,
    /// Milliseconds spent writing it in the last 90 days.
    pub write_ms_90: u64,
    /// How often it was written in the last 90 days.
    pub writes_90: u64,
    /// The last query of a person, seconds since 1970 UTC.
    pub last_human: Option<i64>,
    /// The last scheduled query that read it.
    pub last_scheduled: Option<i64>,
    /// The last statement that wrote it.
    pub last_write: Option<i64>,
    /// Queries of people, by day back from the last covered one, the newest first, without trailing zeros.
    pub days: Vec<u32>,
    /// The people of the last 90 days, most queries first, at most 20.
    pub people: Vec<(String, u64)>,
}

impl UsageSummary {
    /// How popular it is: what ranks equals in a search. People weigh more than queries, and a
    /// schedule hardly counts.
    pub fn popularity(&self) -> u32 {
        let queries = (self.interactive_30 as f64).ln_1p() * 4.0 + (self.scheduled_30 as f64).ln_1p();
        self.people_30.saturating_mul(10).saturating_add(queries as u32)
    }
}
