//! How much every asset is used, from what was counted and from what queries read and write.
//!
//! Days are counted back from the last one that the logs cover, not from today: nobody is said to have
//! stopped asking only because the log ends.

use std::collections::{BTreeMap, HashMap};

use super::super::CrawlError;
use crate::{
    model::{Asker, AssetId, RunNumber},
    store::{LoggedRead, Store, UsageSummary, UseRow},
};

/// Days that are looked back over.
const SHORT: i64 = 30;
const LONG: i64 = 90;
/// Observations that are fetched at once.
const ROWS: u32 = 20_000;
/// People that are named.
const PEOPLE: usize = 20;

/// Writes how much assets are used as the unpublished `run` finds it.
pub(in super::super) async fn write_usage(store: &Store, run: RunNumber) -> Result<(), CrawlError> {
    let days = store.log_days(None).await?;
    let mut summaries = BTreeMap::new();
    if let Some(last) = days.last().map(|day| day.day) {
        let reads = store.logged_reads(run).await?;
        let askers: HashMap<i64, Asker> = store.askers().await?.into_iter().map(|(asker, id)| (id, asker)).collect();
        let mut tally = Tally { reads, askers, last, drafts: HashMap::new() };
        let mut after = (i64::MIN, i64::MIN, i64::MIN);
        loop {
            let rows = store.observations_after(after, i64::MIN, ROWS).await?;
            let Some(end) = rows.last() else { break };
            after = (end.shape, end.day, end.asker);
            rows.iter().for_each(|row| tally.add(row));
        }
        summaries = tally.drafts.into_iter().map(|(asset, draft)| (asset, draft.finish())).collect();
    }
    Ok(store.write_usage(run, &summaries).await?)
}

struct Tally {
    /// Sorted by shape.
    reads: Vec<LoggedRead>,
    askers: HashMap<i64, Asker>,
    /// The last day covered.
    last: i64,
    drafts: HashMap<AssetId, Draft>,
}

#[derive(Default)]
struct Draft {
    summary: UsageSummary,
    days: BTreeMap<i64, u64>,
    /// Person → queries in 30 and in 90 days.
    people: HashMap<String, (u64, u64)>,
}

impl Tally {
    fn add(&mut self, row: &UseRow) {
        let start = self.reads.partition_point(|read| read.shape < row.shape);
        let Some(asker) = self.askers.get(&row.asker) else { return };
        let age = self.last - row.day;
        for read in self.reads[start..].iter().take_while(|read| read.shape == row.shape) {
            let draft = self.drafts.entry(read.asset).or_default();
            match read.writes {
                true => draft.add_write(row, age),
                false => draft.add_read(row, age, asker),
            }
        }
    }
}

impl Draft {
    fn add_write(&mut self, row: &UseRow, age: i64) {
        let succeeded = row.counts.runs.saturating_sub(row.counts.errors);
        if succeeded == 0 {
            return;
        }
        let summary = &mut self.summary;
        summary.last_write = summary.last_write.max(Some(row.counts.last_at));
        if age < LONG {
            summary.writes_90 += succeeded;
            summary.write_bytes_90 += row.counts.bytes;
            summary.write_ms_90 += row.counts.milliseconds;
        }
    }

    fn add_read(&mut self, row: &UseRow, age: i64, asker: &Asker) {
        let (summary, counts) = (&mut self.summary, &row.counts);
        if age < SHORT {
            summary.errors_30 += counts.errors;
        }
        if counts.runs <= counts.errors && counts.runs > 0 {
            return;
        }
        let runs = counts.runs.saturating_sub(counts.errors);
        if asker.scheduled {
            summary.last_scheduled = summary.last_scheduled.max(Some(counts.last_at));
            if age < SHORT {
                summary.scheduled_30 += runs;
            }
            if age < LONG {
                summary.scheduled_bytes_90 += counts.bytes;
                summary.scheduled_ms_90 += counts.milliseconds;
            }
            return;
        }
        summary.last_human = summary.last_human.max(Some(counts.last_at));
        if age < SHORT {
            summary.interactive_30 += runs;
        }
        if age < LONG {
            *self.days.entry(age).or_default() += runs;
            if let Some(person) = &asker.person {
                let known = self.people.entry(person.clone()).or_default();
                known.0 += if age < SHORT { runs } else { 0 };
                known.1 += runs;
            }
        }
    }

    fn finish(self) -> UsageSummary {
        let mut summary = self.summary;
        summary.people_30 = self.people.values().filter(|(short, _)| *short > 0).count() as u32;
        summary.people_90 = self.people.len() as u32;
        let oldest = self.days.keys().last().copied().unwrap_or(-1);
        summary.days =
            (0..=oldest).map(|age| self.days.get(&age).map_or(0, |runs| u32::try_from(*runs).unwrap_or(u32::MAX))).collect();
        summary.people = self.people.into_iter().map(|(person, (_, runs))| (person, runs)).collect();
        summary.people.sort_unstable_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
        summary.people.truncate(PEOPLE);
        summary
    }
}
