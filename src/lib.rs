//! Wellspring: a self-hosted column-lineage and metadata catalog.
//!
//! *Sources read, sql understands, crawl writes, catalog answers, web and cli show.*
//!
//! ```text
//!  git · folder · artifacts            query logs            dashboards · metrics
//!           │                               │                         │
//!       sources    read, never interpret SQL: Documents and Facts
//!           │
//!       template   Jinja → SQL with an offset map back to the file
//!           ▼
//!         sql      pure: text + dialect + look-ups → edges, derivations, diagnostics
//!           ▼
//!       crawl      orders definitions, binds names, decides what changed, publishes one run
//!           ▼
//!       store      SQLite: the only truth      graph · search   caches of one run
//!           ▼
//!       insight    pure: rows → findings, conflicts, sentences
//!           ▼
//!       catalog    the open catalog: every question and every change, once
//!           ▼
//!       web · cli  the same answers as pages and in a terminal
//! ```

pub mod catalog;
pub mod cli;
pub mod config;
pub mod crawl;
pub mod graph;
pub mod insight;
pub mod model;
pub mod search;
pub mod sources;
pub mod sql;
pub mod store;
pub mod template;
pub mod web;
