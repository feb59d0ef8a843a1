//! The integration tests, one module a capability. Each is declared `#[cfg(test)]`, so that
//! clippy.toml's leave to unwrap in tests reaches their helper functions as well.

#[cfg(test)]
mod access;
#[cfg(test)]
mod api;
#[cfg(test)]
mod api_schema;
#[cfg(test)]
mod audit;
#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod browser;
#[cfg(test)]
mod canonical;
#[cfg(test)]
mod catalog;
#[cfg(test)]
mod choices;
#[cfg(test)]
mod cli;
#[cfg(test)]
mod config;
#[cfg(test)]
mod conflicts;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod crawl;
#[cfg(test)]
mod dbt;
#[cfg(test)]
mod definitions;
#[cfg(test)]
mod demo;
#[cfg(test)]
mod demo_log;
#[cfg(test)]
mod descriptions;
mod differences;
#[cfg(test)]
mod drift;
#[cfg(test)]
mod edit;
#[cfg(test)]
mod explain;
#[cfg(test)]
mod fingerprint;
#[cfg(test)]
mod git_server;
#[cfg(test)]
mod governance;
#[cfg(test)]
mod governance_file;
#[cfg(test)]
mod graph;
#[cfg(test)]
mod incremental;
#[cfg(test)]
mod licences;
#[cfg(test)]
mod lineage;
#[cfg(test)]
mod little_company;
#[cfg(test)]
mod log_aside;
#[cfg(test)]
mod log_damage;
#[cfg(test)]
mod log_parquet;
#[cfg(test)]
mod logs;
#[cfg(test)]
mod names;
#[cfg(test)]
mod native_lineage;
#[cfg(test)]
mod pages;
#[cfg(test)]
mod parse;
#[cfg(test)]
mod postgres;
#[cfg(test)]
mod public_address;
#[cfg(test)]
mod query_log;
#[cfg(test)]
mod random_company;
#[cfg(test)]
mod remotes;
#[cfg(test)]
mod search;
#[cfg(test)]
mod small_repository;
#[cfg(test)]
mod soundness;
#[cfg(test)]
mod sources;
#[cfg(test)]
mod store;
#[cfg(test)]
mod template;
#[cfg(test)]
mod web;
#[cfg(test)]
mod webhook;
