//! The open catalog: every question, once, with plain answers for pages, JSON and the terminal.
//!
//! In: a data folder. Out: a [`View`] of one published run and typed answers that are sorted the
//! same way every time. Never parses a repository, never renders HTML, never writes what a crawl
//! writes.

mod asset;
mod asset_columns;
mod column;
mod crawl_control;
mod drift;
mod error;
mod explain;
mod facts;
mod governance;
mod governed;
mod highlight;
mod home;
mod indexing;
mod lineage_graph;
mod metrics;
mod names;
mod open;
mod pasted_query;
mod plain_text;
mod resolve;
mod runs;
mod search;
mod state;
mod stated;
mod text_lineage;
mod trace;
mod webhook;
mod words;

pub use crate::store::Store;
pub use asset::*;
pub use column::*;
pub use crawl_control::*;
pub use drift::*;
pub use error::*;
pub use explain::*;
pub use governance::*;
pub use governed::*;
pub use highlight::*;
pub use home::*;
pub use indexing::{open_index, rebuild_index, search_document, update_index};
pub use lineage_graph::*;
pub use metrics::*;
pub use open::*;
pub use pasted_query::*;
pub use plain_text::first_line;
pub use resolve::*;
pub use runs::*;
pub use search::*;
pub use state::*;
pub use stated::*;
pub use text_lineage::*;
pub use trace::*;
pub use webhook::*;
pub use words::*;
