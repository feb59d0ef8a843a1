//! Old runs thin out: every run of the last days, then one a day, then one a week, then none.
//!
//! A run that goes takes along only what no run that stays sees. Every step derives from the runs
//! that are left, so that one which is cut off is finished by the next.

use std::collections::BTreeSet;

use super::{CrawlLock, Store, StoreError, runs::to_json};

const DAY: i64 = 86_400;
/// The newest published runs always stay: a server may still read one of them.
const NEWEST: usize = 10;
/// So many runs go together, so that a crawl that changes nothing stays cheap.
const TOGETHER: usize = 24;

/// For how long runs are kept, in days back from now. A run's day is that of the newest commit that
/// it read, or of its crawl where a source has no commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Every run.
    pub all_days: u32,
    /// The last run of each day.
    pub daily_days: u32,
    /// The last run of each week.
    pub weekly_days: u32,
}

/// A run, as far as it decides whether it stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct DatedRun {
    number: i64,
    published: bool,
    /// Seconds since 1970 UTC.
    date: i64,
}

impl Store {
    /// Drops the runs that `keep` does not keep at `now` (seconds since 1970 UTC), and everything that
    /// only they saw; says how many. Few at a time are left for later.
    ///
    /// Assets that only they saw are forgotten, but for what people stated of them.
    pub async fn thin_runs(&self, _lock: &CrawlLock, keep: Retention, now: i64) -> Result<u64, StoreError> {
        let runs: Vec<(i64, bool, i64)> = sqlx::query_as(SELECT_RUNS).fetch_all(&self.crawl).await?;
        let runs: Vec<DatedRun> =
            runs.into_iter().map(|(number, published, date)| DatedRun { number, published, date }).collect();
        let gone = choose_gone(&runs, keep, now);
        if gone.len() < TOGETHER {
            return Ok(0);
        }
        sqlx::query("DELETE FROM run WHERE number IN (SELECT value FROM json_each(?1))")
            .bind(to_json(&gone)?)
            .execute(&self.crawl)
            .await?;
        for statement in CLOSE_UP.iter().chain(CLOSE_UP_ALIASES).chain(SWEEP) {
            sqlx::query(*statement).execute(&self.crawl).await?;
        }
        tracing::info!(runs = gone.len(), "old runs thinned out");
        Ok(gone.len() as u64)
    }
}

/// Numbers of the runs that go, sorted.
fn choose_gone(runs: &[DatedRun], keep: Retention, now: i64) -> Vec<i64> {
    let mut newest_first: Vec<&DatedRun> = runs.iter().collect();
    newest_first.sort_unstable_by_key(|run| std::cmp::Reverse(run.number));
    let newest = newest_first.first().map(|run| run.number);
    let (mut published, mut buckets) = (0, BTreeSet::new());
    let mut stays = |run: &DatedRun| {
        let days = (now - run.date).max(0) / DAY;
        let within = |limit: u32| days < i64::from(limit);
        if !run.published {
            return Some(run.number) == newest || within(keep.all_days);
        }
        published += 1;
        // A run of a day is the run of its week too: the newest of both is the same.
        let first_of_day = buckets.insert((DAY, run.date.div_euclid(DAY)));
        let first_of_week = buckets.insert((7 * DAY, run.date.div_euclid(7 * DAY)));
        published <= NEWEST
            || within(keep.all_days)
            || within(keep.daily_days) && first_of_day
            || within(keep.weekly_days) && first_of_week
    };
    let mut gone: Vec<i64> = newest_first.into_iter().filter(|run| !stays(run)).map(|run| run.number).collect();
    gone.sort_unstable();
    gone
}

const SELECT_RUNS: &str = "SELECT number, state = 'published' AS published,
        coalesce((SELECT CASE WHEN count(*) = count(commit_time) THEN max(commit_time) END
            FROM run_source WHERE run = run.number), started_at) AS date
    FROM run WHERE state <> 'writing'";

/// The statements that close up one interval table: rows that no run sees go, and the others begin
/// and end at runs that are left.
macro_rules! close_up {
    ($($table:literal),*) => {
        &[$(
            concat!(
                "DELETE FROM ", $table, " WHERE NOT EXISTS (SELECT 1 FROM run WHERE state = 'published'
                 AND number >= valid_from AND (valid_to IS NULL OR number < valid_to))"
            ),
            concat!(
                "UPDATE ", $table, " SET
                 valid_from = (SELECT min(number) FROM run WHERE state = 'published' AND number >= valid_from),
                 valid_to = (SELECT min(number) FROM run WHERE state = 'published' AND number >= valid_to)
                 WHERE valid_from NOT IN (SELECT number FROM run) OR valid_to NOT IN (SELECT number FROM run)"
            ),
        )*]
    };
}

const CLOSE_UP: &[&str] = close_up!(
    "document_version",
    "placement",
    "diagnostic",
    "asset_state",
    "asset_fact",
    "declared_schema",
    "inferred_columns",
    "asset_usage"
);

/// Aliases close up likewise, but the newest row of each stays: what people stated under a former
/// name follows it.
const CLOSE_UP_ALIASES: &[&str] = &[
    "DELETE FROM asset_alias WHERE NOT EXISTS (SELECT 1 FROM run WHERE state = 'published'
             AND number >= valid_from AND (valid_to IS NULL OR number < valid_to))
         AND EXISTS (SELECT 1 FROM asset_alias AS newer WHERE newer.asset = asset_alias.asset
             AND newer.alias = asset_alias.alias AND newer.valid_from > asset_alias.valid_from)",
    "UPDATE asset_alias SET
         valid_from = (SELECT min(number) FROM run WHERE state = 'published' AND number >= valid_from),
         valid_to = (SELECT min(number) FROM run WHERE state = 'published' AND number >= valid_to)
         WHERE valid_from NOT IN (SELECT number FROM run) OR valid_to NOT IN (SELECT number FROM run)",
];

/// What nothing refers to any more; SQLite uses the room again.
const SWEEP: &[&str] = &[
    "DELETE FROM analysis_diagnostic WHERE analysis NOT IN (SELECT analysis FROM placement)",
    "DELETE FROM analysis_asset WHERE analysis NOT IN (SELECT analysis FROM placement)",
    "DELETE FROM asset_edge WHERE analysis NOT IN (SELECT analysis FROM placement)",
    "DELETE FROM routine_edge WHERE analysis NOT IN (SELECT analysis FROM placement)",
    "DELETE FROM analysis_read WHERE analysis NOT IN (SELECT analysis FROM placement)",
    "DELETE FROM analysis WHERE id NOT IN (SELECT analysis FROM placement)",
    "DELETE FROM script WHERE id NOT IN (SELECT script FROM analysis)",
    "DELETE FROM text WHERE id NOT IN (
        SELECT text FROM document_version WHERE text IS NOT NULL
        UNION SELECT history FROM document_version WHERE history IS NOT NULL
        UNION SELECT names FROM script
        UNION SELECT text FROM query_shape)",
];

#[cfg(test)]
mod tests {
    use super::*;

    const KEEP: Retention = Retention { all_days: 2, daily_days: 10, weekly_days: 30 };
    const NOW: i64 = 1_000 * DAY;

    #[test]
    fn every_new_run_stays_then_one_a_day_then_one_a_week_then_none() {
        // Four runs a day over sixty days, the newest last.
        let runs: Vec<DatedRun> =
            (0..240).map(|at| DatedRun { number: at + 1, published: true, date: NOW - (239 - at) * DAY / 4 - 1 }).collect();
        let gone = choose_gone(&runs, KEEP, NOW);
        let days_of_kept = |from: i64, to: i64| {
            let kept = runs.iter().filter(|run| !gone.contains(&run.number));
            kept.map(|run| (NOW - run.date) / DAY).filter(|day| (from..to).contains(day)).count()
        };
        // The newest ten are two days and a half.
        assert_eq!((days_of_kept(0, 2), days_of_kept(3, 10)), (8, 7));
        assert!((2..=4).contains(&days_of_kept(10, 30)), "{}", days_of_kept(10, 30));
        assert_eq!(days_of_kept(30, 60), 0);
    }

    #[test]
    fn the_newest_runs_and_the_newest_number_always_stay() {
        let old = |number, published| DatedRun { number, published, date: 0 };
        let runs: Vec<DatedRun> = (1..=30).map(|number| old(number, number < 29)).collect();
        let gone = choose_gone(&runs, KEEP, NOW);
        assert_eq!(gone, (1..=18).chain([29]).collect::<Vec<_>>());
    }
}
