//! A file a page: its template, what the template asks, its handler.

pub(super) mod asset;
pub(super) mod column;
pub(super) mod crawl;
pub(super) mod deprecations;
pub(super) mod diagnostics;
mod drawing;
pub(super) mod evidence;
pub(super) mod explain;
pub(super) mod go;
pub(super) mod help;
pub(super) mod history;
pub(super) mod home;
pub(super) mod impact;
pub(super) mod lineage;
pub(super) mod owners;
pub(super) mod query;
pub(super) mod scorecard;
pub(super) mod search;
pub(super) mod sql;
pub(super) mod staleness;
pub(super) mod theme;
mod tree;
pub(super) mod usage;
