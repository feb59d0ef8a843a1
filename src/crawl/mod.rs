//! The crawl: reads sources, orders definitions, binds names, decides what changed, and writes and
//! publishes one run.
//!
//! In: a configuration and a store. Out: a published run, its search index committed before it is
//! visible. A crawl computes the whole catalog as it is to stand; what the store remembers only saves
//! work where every answer is still the same, so that any sequence of crawls ends like a single one.
//! A cut-off crawl leaves the last run as it was.

mod analyze;
mod assemble;
mod bind;
mod dbt;
mod error;
mod input;
mod logs;
mod lower;
mod native;
mod order;
mod placeholder;
mod progress;
mod read;
mod run;
mod scripts;
mod variants;
mod world;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub use error::CrawlError;
pub use logs::{LogReport, LogTrial, try_log};
pub use progress::{CrawlEvent, CrawlPhase, CrawlProgress, Silent};

use crate::{
    config::Config,
    model::{Reading, RunNumber},
    store::{CrawlLock, Retention, RunCounts, Store},
};

/// How often the holder of the lock says that it lives.
const HEARTBEAT: Duration = Duration::from_secs(4);

/// What a crawl did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrawlReport {
    /// The run that is visible now.
    pub run: RunNumber,
    /// Every run that was published, oldest first: former states, then the newest.
    pub published: Vec<RunNumber>,
    /// Nothing had changed since the run before.
    pub unchanged: bool,
    /// What the newest run counted.
    pub counts: RunCounts,
    /// Sources that could not be read, and why; what was known of them stays.
    pub failed: Vec<(String, String)>,
}

/// What becomes of sources that an earlier run read and the configuration does not list any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unlisted {
    /// They stand as they were.
    Keep,
    /// What only they hold up closes.
    Close,
}

/// Crawls every source of `config` into `store`; sources that it does not list any more are kept.
///
/// # Errors
/// As [`crawl_listed`].
pub async fn crawl(config: &Config, store: &Store, progress: &dyn CrawlProgress) -> Result<CrawlReport, CrawlError> {
    crawl_listed(config, store, Unlisted::Keep, progress).await
}

/// Crawls every source of `config` into `store`.
///
/// The first crawl of git sources crawls their former states first (`[crawl] history_days`).
///
/// # Errors
/// When another crawl runs, or the store cannot be written. A source that cannot be read is none:
/// it is reported, and what was known of it stays.
pub async fn crawl_listed(
    config: &Config,
    store: &Store,
    unlisted: Unlisted,
    progress: &dyn CrawlProgress,
) -> Result<CrawlReport, CrawlError> {
    let lock = store.lock_crawl().await?;
    let done = tokio::select! {
        done = crawl_locked(config, store, &lock, unlisted, progress) => done,
        error = beat(store, &lock) => Err(error),
    };
    store.unlock_crawl(lock).await?;
    done
}

/// Crawls readings that were made elsewhere, one for each source of `config`, in its order.
///
/// # Errors
/// When another crawl runs, or the store cannot be written.
pub async fn crawl_readings(
    config: &Config,
    store: &Store,
    progress: &dyn CrawlProgress,
    readings: Vec<Reading>,
) -> Result<CrawlReport, CrawlError> {
    let lock = store.lock_crawl().await?;
    let readings = read::with_settings(config, readings);
    let done = tokio::select! {
        done = run::publish(config, store, &lock, progress, readings) => done,
        error = beat(store, &lock) => Err(error),
    };
    store.unlock_crawl(lock).await?;
    done
}

async fn crawl_locked(
    config: &Config,
    store: &Store,
    lock: &CrawlLock,
    unlisted: Unlisted,
    progress: &dyn CrawlProgress,
) -> Result<CrawlReport, CrawlError> {
    let mut published = Vec::new();
    if store.latest_run().await?.is_none() {
        for days in read::past_days(config) {
            let readings = read::read_past(config, store, days, progress).await?;
            if !readings.is_empty() {
                let report = run::publish(config, store, lock, progress, readings).await?;
                published.push(report.run);
            }
        }
    }
    let log_reports = logs::read_logs(config, store, progress).await?;
    let (mut readings, mut failed) = read::read_tips(config, store, progress).await?;
    for (log, report) in log_reports {
        failed.extend(report.failed.into_iter().map(|(file, why)| (format!("{log}: {file}"), why)));
    }
    let former = read::former_sources(config, store).await?;
    let mut kept_logs = Vec::new();
    if unlisted == Unlisted::Keep {
        let (logs, sources) = read::part_logs(store, &former).await?;
        readings.extend(read::keep_sources(config, store, &sources).await?);
        kept_logs = logs;
    }
    // After all files: what files say comes first.
    readings.extend(logs::log_readings(config, store, &kept_logs).await?);
    let mut report = run::publish(config, store, lock, progress, readings).await?;
    if unlisted == Unlisted::Close {
        for name in &former {
            store.forget_source(name).await?;
        }
    }
    thin_runs(config, store, lock).await?;
    published.push(report.run);
    report.published = published;
    report.failed = failed;
    Ok(report)
}

/// Old runs go, as `[crawl]` says.
async fn thin_runs(config: &Config, store: &Store, lock: &CrawlLock) -> Result<(), CrawlError> {
    let crawl = &config.crawl;
    let keep =
        Retention { all_days: crawl.keep_all_days, daily_days: crawl.keep_daily_days, weekly_days: crawl.keep_weekly_days };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64);
    store.thin_runs(lock, keep, now).await?;
    Ok(())
}

/// Says that the holder of `lock` lives, until its work is done.
async fn beat(store: &Store, lock: &CrawlLock) -> CrawlError {
    loop {
        tokio::time::sleep(HEARTBEAT).await;
        if let Err(error) = store.beat(lock).await {
            tracing::warn!(%error, "the crawl's heartbeat could not be written");
        }
    }
}
