//! Pure readings of stored rows: sentences, findings, conflicts.
//!
//! In: plain data of `model`. Out: plain data. Never reads a file, a clock or the store.

mod call;
pub mod conflicts;
mod drift;
pub mod explain;
pub mod findings;
mod join_word;
mod sentence;
pub mod staleness;
mod template_text;

pub use drift::{SchemaDrift, find_drift};
