#[cfg(test)]
mod browser;
#[cfg(test)]
mod cli;
#[cfg(test)]
mod crawl;
#[cfg(test)]
mod demo;
#[cfg(test)]
mod graph;
#[cfg(test)]
mod licences;
#[cfg(test)]
mod lineage;
#[cfg(test)]
mod search;
mod little_company;
#[cfg(test)]
mod store;
#[cfg(test)]
mod template;
#[cfg(test)]
mod web;
mod config;
#[cfg(test)]
mod sources;
