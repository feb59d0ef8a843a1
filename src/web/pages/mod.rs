//! A file a page: its template, what the template asks, its handler.

pub(super) mod account;
pub(super) mod asset;
pub(super) mod bulk;
pub(super) mod column;
pub(super) mod crawl;
pub(super) mod deprecations;
pub(super) mod diagnostics;
mod drawing;
pub(super) mod edit;
pub(super) mod explain;
pub(super) mod go;
pub(super) mod help;
pub(super) mod history;
pub(super) mod home;
pub(super) mod impact;
pub(super) mod lineage;
pub(super) mod mine;
pub(super) mod owners;
pub(super) mod people;
pub(super) mod query;
pub(super) mod search;
pub(super) mod sign_in;
pub(super) mod sql;
pub(super) mod statements;
pub(super) mod theme;
mod tree;
