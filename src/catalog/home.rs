//! The first page: what there is, what needs attention, how far the catalog can be trusted.

use serde::Serialize;

use super::{AssetRef, Result, RunSummary, View};

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
    /// Output columns of one name calculated in several ways, most definitions first.
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
    /// Output columns of assets built by SQL.
    pub columns: u64,
    /// Those whose direct sources are known (or that have none).
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
    pub async fn home(&self) -> Result<Home> {
        Ok(Home::default())
    }
}

fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 100.0 } else { part as f64 * 100.0 / whole as f64 }
}
