//! Time to insight: from a search here to that person's first successful query on what they opened.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{AssetRef, Result, View};
use crate::{
    model::{AssetId, KeepUsers},
    store::{OpenedAfterSearch, QuerySpan},
};

/// Seconds after a search in which a query counts as what it led to.
const WITHIN: i64 = 86_400;
/// Rows of the list behind the number.
const LISTED: usize = 20;

/// How soon searches led to queries.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct TimeToInsight {
    /// Searches of known people after which something was opened that a log can see.
    pub searches: u64,
    /// Those that the same person followed by a successful query on it within a day.
    pub led_to_query: u64,
    /// The median of the minutes between them.
    pub median_minutes: Option<u64>,
    /// The newest of them, the newest first.
    pub newest: Vec<Insight>,
}

/// A search that led to a query.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Insight {
    /// The words.
    pub query: String,
    /// What was opened and asked for.
    pub asset: AssetRef,
    /// When the search was made, seconds since 1970 UTC.
    pub at: i64,
    /// Minutes until the query.
    pub minutes: u64,
}

impl View {
    /// How soon searches since `from` (seconds since 1970 UTC) led to queries, as far as logs reach.
    pub(super) async fn time_to_insight(&self, from: i64) -> Result<TimeToInsight> {
        let opened = self.store.opened_after_searches(from).await?;
        let is_seen = |it: &OpenedAfterSearch| {
            let Some(asset) = self.asset(it.asset) else { return false };
            self.log_reach(&asset.namespace).last.is_some_and(|last| it.at < last + 86_400)
        };
        let opened: Vec<OpenedAfterSearch> = opened.into_iter().filter(is_seen).collect();
        let assets: BTreeSet<AssetId> = opened.iter().map(|it| it.asset).collect();
        let assets: Vec<AssetId> = assets.into_iter().collect();
        let by_name = self.store.query_spans(self.run, &assets, from.div_euclid(86_400)).await?;
        let secret = self.store.known_log_secret().await?.unwrap_or_default();
        // Either the log or the catalog may keep pseudonyms: both of a name lead to it.
        let mut spans: BTreeMap<(AssetId, String), Vec<QuerySpan>> = BTreeMap::new();
        for ((asset, name), of_person) in by_name {
            let hashed = KeepUsers::Hash.name(&name, &secret).unwrap_or_default();
            spans.entry((asset, hashed)).or_default().extend(&of_person);
            spans.entry((asset, name)).or_default().extend(of_person);
        }
        let mut found: Vec<(i64, u64, Insight)> = Vec::new();
        let mut searches: BTreeSet<i64> = BTreeSet::new();
        for it in &opened {
            searches.insert(it.search);
            let hashed = KeepUsers::Hash.name(&it.person, &secret).unwrap_or_default();
            let of_person = [it.person.to_lowercase(), hashed].into_iter().filter_map(|name| spans.get(&(it.asset, name)));
            let first = of_person.flatten().filter_map(|span| first_after(it.at, *span)).min();
            let Some(seconds) = first.map(|at| at - it.at).filter(|seconds| *seconds <= WITHIN) else { continue };
            let Some(asset) = self.point(it.asset) else { continue };
            let minutes = seconds.unsigned_abs().div_ceil(60);
            found.push((it.search, minutes, Insight { query: it.query.clone(), asset, at: it.at, minutes }));
        }
        // A search that opened several things counts once, by the first query.
        found.sort_by(|one, other| (one.0, one.1).cmp(&(other.0, other.1)).then_with(|| one.2.asset.cmp(&other.2.asset)));
        found.dedup_by_key(|it| it.0);
        let mut minutes: Vec<u64> = found.iter().map(|it| it.1).collect();
        minutes.sort_unstable();
        let mut newest: Vec<Insight> = found.into_iter().map(|it| it.2).collect();
        newest.sort_by(|one, other| other.at.cmp(&one.at).then_with(|| one.query.cmp(&other.query)));
        newest.truncate(LISTED);
        Ok(TimeToInsight {
            searches: searches.len() as u64,
            led_to_query: minutes.len() as u64,
            median_minutes: minutes.get(minutes.len() / 2).copied(),
            newest,
        })
    }
}

/// The first query of a span after `at` that is known to have succeeded. Of a day's queries of one shape
/// only the first and the last are known by time: where the search stands between them, the last is taken,
/// and where some failed too.
fn first_after(at: i64, span: QuerySpan) -> Option<i64> {
    match span.first_at >= at && !span.has_errors {
        true => Some(span.first_at),
        false => (span.last_at >= at).then_some(span.last_at),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_query_after_a_search_is_taken_as_far_as_it_is_known() {
        let span = |has_errors| QuerySpan { first_at: 100, last_at: 500, has_errors };
        assert_eq!(first_after(50, span(false)), Some(100));
        assert_eq!(first_after(50, span(true)), Some(500));
        assert_eq!(first_after(200, span(false)), Some(500));
        assert_eq!(first_after(600, span(false)), None);
    }
}
