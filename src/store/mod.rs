//! The store: one SQLite database, the only truth.
//!
//! Rows come in under the number of an unpublished run and become visible together when the run is
//! published. Every read names a run and sees only what held in it. What people state lives in its own
//! append-only tables, untouched by runs. All SQL against our own database is in this module; none of
//! it is ever built from text.

mod accounts;
mod aliases;
mod analyses;
mod assets;
mod campaigns;
mod decisions;
mod diagnostics;
mod error;
mod export;
mod findings;
mod governance;
mod graph_rows;
mod log_rows;
mod logs;
mod makings;
mod memory;
mod native_rows;
mod notes;
mod open;
mod pack;
mod pending;
mod people;
mod remarks;
mod rows;
mod runs;
mod search_rows;
mod searches;
mod source_files;
mod state;
mod texts;
mod thin;
mod usage;
mod write_state;

use std::{path::Path, sync::Arc};

pub use accounts::{PersonRow, SessionTimes, Sessions, Token};
pub use campaigns::{CampaignRow, EventRow, ItemRow, VerdictRow};
pub use decisions::StatedDecisionRow;
pub use error::StoreError;
pub use findings::{SeenFinding, SnoozeRow};
pub use governance::GovernanceRow;
pub use log_rows::*;
pub use logs::Numbered;
pub use makings::KnownColumns;
pub use notes::MetricNoteRow;
pub use people::{Appended, NewStatement};
pub use remarks::{RemarkRow, WatchRow};
pub use rows::*;
pub use runs::CrawlLock;
pub use searches::{OpenedAfterSearch, OpenedHit, QuerySpan, SearchEvent, SearchTerm};
pub use state::*;
pub use thin::Retention;
pub use usage::{AssetUse, LoggedRead, QueryUse, UseRow};
pub use write_state::Written;

/// The open store. Cheap to clone; clones share its connections.
#[derive(Clone, Debug)]
pub struct Store {
    /// Writes runs; may lose its last transactions, never more, when the machine loses power.
    crawl: sqlx::SqlitePool,
    /// Writes what people state; durable at once.
    people: sqlx::SqlitePool,
    readers: sqlx::SqlitePool,
    path: Arc<Path>,
}
