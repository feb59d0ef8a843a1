//! The search index: a cache of one run, deletable, rebuilt at any time.
//!
//! [`SearchDocument`]s come in through an [`IndexWriter`], committed under the number of a run; a
//! [`SearchView`] of that run answers queries with ranked hits, facets and the reasons of each rank.
//! tantivy's types never leave this room. Everything here blocks: call it off the async workers.

mod answer;
mod ask;
mod collect;
mod document;
mod error;
mod index;
mod parse;
mod plan;
mod query;
mod reason;
mod schema;
mod spelling;
mod synonyms;
mod tokens;
mod write;

pub use answer::*;
pub use document::*;
pub use error::*;
pub use index::{IndexWriter, SearchIndex, SearchView};
pub use query::*;
pub use synonyms::Synonyms;
