//! The integration tests, one module a capability. Each is declared `#[cfg(test)]`, so that
//! clippy.toml's leave to unwrap in tests reaches their helper functions as well.

#[cfg(test)]
mod cli;
#[cfg(test)]
mod demo;
#[cfg(test)]
mod graph;
#[cfg(test)]
mod licences;
#[cfg(test)]
mod parse;
#[cfg(test)]
mod template;
