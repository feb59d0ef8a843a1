//! The integration tests, one module a capability. Each is declared `#[cfg(test)]
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
mod store;
#[cfg(test)]
mod template;
