//! The ledger of what is stale: every table with the last time anybody asked for it, and a verdict.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Serialize;

use super::{AssetRef, Direction, LogReach, Result, View, governance::is_built};
use crate::{
    insight::staleness::{Judged, StalenessRules, UseEvidence, Verdict, judge_use},
    model::{AssetId, AssetKind, AssetRole},
    store::AssetRow,
};

/// The ledger.
#[derive(Clone, Debug, Default, Serialize, utoipa::ToSchema)]
pub struct Ledger {
    /// Days that were looked back over, from the last one covered.
    pub days: u32,
    /// How many percent of them must be covered before something is called unused.
    pub required: u32,
    /// How far the logs reach, by warehouse.
    pub coverage: Vec<(String, LogReach)>,
    /// How many assets each verdict has.
    pub counts: Vec<(Verdict, u64)>,
    /// Assets, what needs a decision first.
    pub entries: Vec<LedgerEntry>,
}

/// One asset of the ledger.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct LedgerEntry {
    /// The asset.
    pub asset: AssetRef,
    /// Owners' names.
    pub owners: Vec<String>,
    /// The verdict with its reasons.
    #[serde(flatten)]
    pub judged: Judged,
    /// The last query of a person, seconds since 1970 UTC.
    pub last_human: Option<i64>,
    /// The last scheduled query that read it.
    pub last_scheduled: Option<i64>,
    /// The last statement that wrote it.
    pub last_write: Option<i64>,
    /// People who asked for it in the last 90 days covered.
    pub people: u32,
    /// Assets that read it.
    pub readers: u32,
    /// How often it was written in the last 90 days covered.
    pub writes: u64,
    /// Bytes that were read to write it in the last 90 days covered.
    pub write_bytes: u64,
    /// Milliseconds spent writing it in the last 90 days covered.
    pub write_ms: u64,
}

impl View {
    /// Every table and dashboard with a verdict.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn ledger(&self, rules: StalenessRules) -> Result<Ledger> {
        let seen = self.store.people_last_seen().await?;
        let used = self.asked_for(rules);
        let feeding = self.feeding(&used);
        let mut entries: Vec<LedgerEntry> = Vec::new();
        for asset in self.assets.iter().filter(|asset| is_judged(asset)) {
            entries.push(self.judge(asset, rules, &used, &feeding, &seen));
        }
        entries.sort_by(|one, other| {
            let cost = |entry: &LedgerEntry| std::cmp::Reverse((entry.write_bytes, entry.write_ms));
            (one.judged.verdict, cost(one), &one.asset).cmp(&(other.judged.verdict, cost(other), &other.asset))
        });
        let mut counts: BTreeMap<Verdict, u64> = BTreeMap::new();
        for entry in &entries {
            *counts.entry(entry.judged.verdict).or_default() += 1;
        }
        Ok(Ledger {
            days: rules.days,
            required: rules.coverage,
            coverage: self.coverage.iter().map(|(warehouse, days)| (warehouse.clone(), LogReach::of(days))).collect(),
            counts: Verdict::ALL.into_iter().map(|verdict| (verdict, counts.get(&verdict).copied().unwrap_or(0))).collect(),
            entries,
        })
    }

    /// Assets that people asked for in the days asked for.
    fn asked_for(&self, rules: StalenessRules) -> HashSet<AssetId> {
        let mut asked = HashSet::new();
        for asset in &self.assets {
            let last = self.coverage.get(&*asset.namespace).and_then(|days| days.last()).map(|day| day.day);
            let human = self.usage.get(&asset.id).and_then(|usage| usage.last_human);
            if let (Some(last), Some(human)) = (last, human)
                && human >= (last + 1 - i64::from(rules.days)) * 86_400
            {
                asked.insert(asset.id);
            }
        }
        asked
    }

    /// Everything upstream of `used`, itself left out where nothing used reads it.
    fn feeding(&self, used: &HashSet<AssetId>) -> HashSet<AssetId> {
        let mut feeding = HashSet::new();
        let mut open: Vec<AssetId> = used.iter().copied().collect();
        while let Some(asset) = open.pop() {
            for source in self.graph.neighbours(asset, Direction::Upstream) {
                if feeding.insert(source) {
                    open.push(source);
                }
            }
        }
        feeding
    }

    fn judge(
        &self,
        asset: &AssetRow,
        rules: StalenessRules,
        used: &HashSet<AssetId>,
        feeding: &HashSet<AssetId>,
        seen: &HashMap<String, i64>,
    ) -> LedgerEntry {
        let usage = self.usage_summary(asset.id);
        let facts = self.facts.of(asset.id);
        let days = self.coverage.get(&*asset.namespace).map_or(&[][..], Vec::as_slice);
        let last_day = days.last().map(|day| day.day);
        let from = last_day.map(|last| last + 1 - i64::from(rules.days));
        let readers = self.graph.neighbours(asset.id, Direction::Downstream);
        let used_readers = readers.iter().filter(|reader| used.contains(reader) || feeding.contains(reader)).count();
        let owners = facts.owner_names();
        let is_quiet = |owner: &&String| {
            let last = seen.iter().find(|(person, _)| person.eq_ignore_ascii_case(owner)).map(|(_, last)| *last);
            from.zip(last).is_some_and(|(from, last)| last < from * 86_400)
        };
        let deprecated = |source: &AssetId| self.facts.of(*source).deprecated.is_some();
        let evidence = UseEvidence {
            covered_days: from.map_or(0, |from| days.iter().filter(|day| day.day >= from).count() as u32),
            last_day,
            has_people: !seen.is_empty(),
            last_human: usage.last_human,
            last_scheduled: usage.last_scheduled,
            last_write: usage.last_write,
            people: usage.people_90,
            readers: readers.len() as u32,
            used_readers: used_readers as u32,
            deprecated: facts.deprecated.is_some(),
            deprecated_upstream: self
                .graph
                .neighbours(asset.id, Direction::Upstream)
                .into_iter()
                .filter(deprecated)
                .filter_map(|source| self.asset(source).map(|row| row.name.to_string()))
                .collect(),
            owned: !owners.is_empty(),
            quiet_owners: owners.iter().filter(is_quiet).cloned().collect(),
        };
        LedgerEntry {
            asset: self.point_at(asset),
            judged: judge_use(&evidence, rules),
            owners,
            last_human: usage.last_human,
            last_scheduled: usage.last_scheduled,
            last_write: usage.last_write,
            people: usage.people_90,
            readers: readers.len() as u32,
            writes: usage.writes_90,
            write_bytes: usage.write_bytes_90,
            write_ms: usage.write_ms_90,
        }
    }
}

/// Whether it is something that can be given up: what the catalog builds, or a log saw written.
fn is_judged(asset: &AssetRow) -> bool {
    let holds_rows = matches!(
        asset.kind,
        AssetKind::Table | AssetKind::View | AssetKind::MaterializedView | AssetKind::Dashboard | AssetKind::Chart
    );
    holds_rows && (is_built(asset) || asset.role == AssetRole::Source)
}
