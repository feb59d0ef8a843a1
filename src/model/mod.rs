//! The words of Wellspring: names, assets, edges, derivations, diagnostics, documents and facts.
//!
//! Plain data. No module here reads a file, a clock, the network or the environment, and none
//! knows how SQL is parsed, how rows are stored or how a page looks.

mod analysis;
mod asset;
mod computation;
mod dbt;
mod decision;
mod derivation;
mod diagnostic;
mod dialect;
mod document;
mod edge;
mod id;
mod log;
mod name;
mod native;
mod person;
mod span;
mod stated;

pub use analysis::*;
pub use asset::*;
pub use computation::*;
pub use dbt::*;
pub use decision::*;
pub use derivation::*;
pub use diagnostic::*;
pub use dialect::*;
pub use document::*;
pub use edge::*;
pub use id::*;
pub use log::*;
pub use name::*;
pub use native::*;
pub use person::*;
pub use span::*;
pub use stated::*;
