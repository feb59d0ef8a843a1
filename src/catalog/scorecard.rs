//! The scorecard of a data platform: how fresh, how reliable, how much by people themselves.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{AssetRef, LogReach, Result, TimeToInsight, View, governance::is_built};
use crate::store::QueryUse;

/// Days that figures are over.
pub const SCORE_DAYS: i64 = 28;
/// Weeks of a trend.
const WEEKS: i64 = 12;
/// Rows of each list.
const LISTED: usize = 20;

/// The figures.
#[derive(Clone, Debug, Default, Serialize, utoipa::ToSchema)]
pub struct Scorecard {
    /// How far the logs reach, by warehouse.
    pub coverage: Vec<(String, LogReach)>,
    /// Attempts of people, and those that succeeded at first try.
    pub reliability: Share,
    /// The same by week, oldest first: (start of the week in seconds since 1970 UTC, share).
    pub reliability_weeks: Vec<(i64, Share)>,
    /// Queries that fail most.
    pub failing: Vec<FailingQuery>,
    /// Tables with a rhythm, and those whose last write is no later than it asks for.
    pub freshness: Share,
    /// Tables that are late, the latest first.
    pub late: Vec<LateTable>,
    /// Queries of people in the period, and those that no dashboard or other made object asked for.
    pub self_service: Share,
    /// How soon searches led to queries on what was found.
    pub insight: TimeToInsight,
}

/// A part of a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Share {
    /// The part.
    pub part: u64,
    /// The whole.
    pub of: u64,
}

impl Share {
    /// In tenths of a percent; `None` of nothing.
    pub fn per_mille(self) -> Option<u64> {
        (self.of > 0).then(|| self.part * 1_000 / self.of)
    }

    /// As people read it: `97.3 %`.
    pub fn percent(self) -> String {
        self.per_mille().map_or_else(|| "–".to_owned(), |share| format!("{}.{} %", share / 10, share % 10))
    }
}

/// A query that fails.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct FailingQuery {
    /// The query, without literals.
    #[serde(flatten)]
    pub query: QueryUse,
    /// Who tried.
    pub people: Vec<String>,
}

/// A table whose last write is later than its rhythm asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct LateTable {
    /// The table.
    pub asset: AssetRef,
    /// The last statement that wrote it, seconds since 1970 UTC.
    pub last_write: i64,
    /// How often it is written, in hours: the period over the number of writes.
    pub every_hours: u64,
    /// How many hours ago that was when the log ended.
    pub hours_ago: u64,
    /// Owners' names.
    pub owners: Vec<String>,
}

impl View {
    /// The figures by which a data platform is judged, over the last days that logs cover.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn scorecard(&self) -> Result<Scorecard> {
        let mut card = Scorecard {
            coverage: self.coverage.iter().map(|(warehouse, days)| (warehouse.clone(), LogReach::of(days))).collect(),
            ..Scorecard::default()
        };
        let Some(last) = self.coverage.values().filter_map(|days| days.last()).map(|day| day.day).max() else {
            return Ok(card);
        };
        let from = last + 1 - SCORE_DAYS;
        let mut weeks: BTreeMap<i64, Share> = BTreeMap::new();
        for (day, attempts, first_tries) in self.store.attempts_by_day(last + 1 - 7 * WEEKS).await? {
            if day >= from {
                card.reliability.of += attempts;
                card.reliability.part += first_tries;
            }
            let week = weeks.entry((day - last - 1).div_euclid(7)).or_default();
            week.of += attempts;
            week.part += first_tries;
        }
        card.reliability_weeks = weeks.into_iter().map(|(week, share)| ((last + 1 + week * 7) * 86_400, share)).collect();
        let failing = self.store.failing_queries(from, LISTED as u32).await?;
        card.failing = failing.into_iter().map(|(query, people)| FailingQuery { query, people }).collect();
        let (own, all) = self.store.self_service(from).await?;
        card.self_service = Share { part: own, of: all };
        card.insight = self.time_to_insight(from * 86_400).await?;
        self.score_freshness(&mut card);
        Ok(card)
    }

    /// A table that was written at least three times has a rhythm; it is late when more than twice that
    /// has passed since its last write.
    fn score_freshness(&self, card: &mut Scorecard) {
        for asset in self.assets.iter().filter(|asset| is_built(asset)) {
            let usage = self.usage_summary(asset.id);
            let coverage = self.log_reach(&asset.namespace);
            let (Some(last_write), Some(last)) = (usage.last_write, coverage.last) else { continue };
            if usage.writes_90 < 3 || coverage.days == 0 {
                continue;
            }
            let every_hours = (u64::from(coverage.days) * 24).div_ceil(usage.writes_90);
            let hours_ago = u64::try_from(last + 86_400 - last_write).unwrap_or(0) / 3_600;
            card.freshness.of += 1;
            if hours_ago <= every_hours * 2 + 24 {
                card.freshness.part += 1;
                continue;
            }
            let owners = self.facts.of(asset.id).owner_names();
            card.late.push(LateTable { asset: self.point_at(asset), last_write, every_hours, hours_ago, owners });
        }
        card.late.sort_by(|one, other| other.hours_ago.cmp(&one.hours_ago).then_with(|| one.asset.cmp(&other.asset)));
        card.late.truncate(LISTED);
    }
}
