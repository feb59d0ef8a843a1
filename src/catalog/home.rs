//! The first page: what there is, what needs attention, how far the catalog can be trusted.

use std::{cmp::Reverse, collections::BTreeMap};

use serde::Serialize;

use super::{AssetRef, Direction, LogReach, Result, RunSummary, View, governance::is_built, runs::run_summary};
use crate::model::{AssetKind, EdgeState};

/// Entries of each list.
const MOST_SHOWN: usize = 8;

/// The first page.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Home {
    /// Assets by kind word, most first.
    pub kinds: Vec<(String, u64)>,
    /// Assets in all.
    pub assets: u64,
    /// Columns in all.
    pub columns: u64,
    /// Column edges in all.
    pub edges: u64,
    /// The assets that most others read, most first.
    pub most_read: Vec<(AssetRef, u64)>,
    /// Deprecated and still read: the asset and how many assets read it, most first.
    pub deprecated_in_use: Vec<(AssetRef, u64)>,
    /// Without an owner and read by several: the asset and how many assets read it, most first.
    pub unowned_popular: Vec<(AssetRef, u64)>,
    /// Metrics of one name that are calculated in several ways, and in how many: those of the board of conflicts,
    /// what needs a decision first; until it is made, output columns of one name, most definitions first.
    pub competing_metrics: Vec<(String, u64)>,
    /// Changed last, newest first: the asset and when (seconds since 1970 UTC).
    pub changed: Vec<(AssetRef, i64)>,
    /// The published run; `None` before the first.
    pub run: Option<RunSummary>,
    /// How far the catalog can be trusted.
    pub coverage: Coverage,
}

/// How much of what was read was understood.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Coverage {
    /// Statements read.
    pub statements: u64,
    /// Those that were parsed.
    pub statements_parsed: u64,
    /// Columns that SQL makes out of others.
    pub columns: u64,
    /// Those whose sources are known without a guess.
    pub columns_resolved: u64,
    /// Days of query log covered.
    pub log_days: u64,
}

impl Coverage {
    /// Statements parsed, in percent; 100 where there are none.
    pub fn parsed_percent(&self) -> f64 {
        percent(self.statements_parsed, self.statements)
    }

    /// Columns resolved, in percent; 100 where there are none.
    pub fn resolved_percent(&self) -> f64 {
        percent(self.columns_resolved, self.columns)
    }
}

impl View {
    /// The first page.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn home(&self) -> Result<Home> {
        let mut home = self.home.get_or_try_init(|| self.build_home()).await?.clone();
        if let Some(competing) = self.open_conflicts(MOST_SHOWN).await? {
            home.competing_metrics = competing;
        }
        Ok(home)
    }

    async fn build_home(&self) -> Result<Home> {
        let size = self.graph.size();
        let mut deprecated: Vec<(AssetRef, u64)> = Vec::new();
        let mut unowned: Vec<(AssetRef, u64)> = Vec::new();
        let mut read: Vec<(AssetRef, u64)> = Vec::new();
        let mut kinds: BTreeMap<&'static str, u64> = BTreeMap::new();
        for asset in &self.assets {
            *kinds.entry(asset.kind.word()).or_default() += 1;
            let readers = self.readers(asset.id);
            if readers == 0 || asset.kind == AssetKind::Routine {
                continue;
            }
            let facts = self.facts.of(asset.id);
            let pointer = self.point_at(asset);
            if facts.deprecated.is_some() {
                deprecated.push((pointer.clone(), readers));
            }
            if facts.owners.is_empty() && is_built(asset) && readers > 1 {
                unowned.push((pointer.clone(), readers));
            }
            read.push((pointer, readers));
        }
        let mut kinds: Vec<(String, u64)> = kinds.into_iter().map(|(kind, count)| (kind.to_owned(), count)).collect();
        kinds.sort_by_key(|(kind, count)| (Reverse(*count), kind.clone()));
        Ok(Home {
            kinds,
            assets: self.assets.len() as u64,
            columns: self.row.as_ref().map_or(size.columns as u64, |row| row.counts.columns),
            edges: size.column_edges as u64,
            most_read: most(read),
            deprecated_in_use: most(deprecated),
            unowned_popular: most(unowned),
            competing_metrics: self.competing_names(MOST_SHOWN).await?,
            changed: self.last_changed().await?,
            run: self.row.as_ref().map(run_summary),
            coverage: self.coverage(),
        })
    }

    /// Assets whose files changed last, newest first.
    async fn last_changed(&self) -> Result<Vec<(AssetRef, i64)>> {
        let rows = self.store.load_search_rows(self.run, None).await?;
        let mut changed: Vec<(i64, AssetRef)> =
            rows.iter().filter_map(|row| Some((row.changed_at?, self.point(row.asset.id)?))).collect();
        changed.sort_by(|one, other| (Reverse(one.0), &one.1).cmp(&(Reverse(other.0), &other.1)));
        changed.truncate(MOST_SHOWN);
        Ok(changed.into_iter().map(|(time, asset)| (asset, time)).collect())
    }

    fn coverage(&self) -> Coverage {
        let log_days = self.coverage.values().map(|days| LogReach::of(days).days).max().unwrap_or(0);
        let mut coverage = Coverage { log_days: log_days.into(), ..Coverage::default() };
        if let Some(row) = &self.row {
            coverage.statements = row.counts.statements;
            coverage.statements_parsed = row.counts.statements.saturating_sub(row.counts.unparsed);
        }
        for asset in &self.assets {
            for (column, _) in self.graph.columns_of(asset.id) {
                let mut edges = self.graph.column_edges(column, Direction::Upstream).into_iter();
                let states: Vec<_> = edges.by_ref().filter_map(|edge| Some(self.graph.edge(edge)?.state)).collect();
                if !states.is_empty() {
                    coverage.columns += 1;
                    coverage.columns_resolved += u64::from(!states.contains(&EdgeState::Guessed));
                }
            }
        }
        coverage
    }
}

/// The most read, of one kind of attention.
fn most(mut assets: Vec<(AssetRef, u64)>) -> Vec<(AssetRef, u64)> {
    assets.sort_by(|one, other| (Reverse(one.1), &one.0).cmp(&(Reverse(other.1), &other.0)));
    assets.truncate(MOST_SHOWN);
    assets
}

fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 100.0 } else { part as f64 * 100.0 / whole as f64 }
}
