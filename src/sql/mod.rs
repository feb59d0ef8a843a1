//! Pure SQL lineage: text, dialect and look-ups in; reads, writes, edges, derivations and diagnostics out.
//!
//! Never fails (a partial result and diagnostics instead), never does IO, never sees tokio, sqlx or
//! the file system. sqlparser's types never leave this module.

mod canonical;
mod compose;
mod deep;
mod derive;
mod describe;
mod dialect;
mod engine;
mod expr;
mod fingerprint;
mod from;
mod functions;
mod highlight;
mod lexer;
mod mend;
mod names;
mod parse;
mod query;
mod scope;
mod script;
mod spans;
pub(crate) mod split;
mod statement;
mod tokens;
mod value;

pub use fingerprint::{Fingerprint, fill_shape, fingerprint};
pub use highlight::{TokenClass, highlight};

use std::sync::Arc;

use crate::model::{Analysis, Computation, Dialect, KnownRelation, KnownRoutine, RelationName};

/// What the engine asks about names it does not define itself.
pub trait Lookups {
    /// The columns of `name` (as written, completed by USE), or `None` where it is not known.
    fn relation(&self, name: &RelationName) -> Option<Arc<KnownRelation>>;
    /// The routine called `name`, or `None` where it is not known.
    fn routine(&self, name: &RelationName) -> Option<Arc<KnownRoutine>>;
    /// One name for all the ways in which `name` may be written; computations call it so. `None`
    /// keeps the written one.
    fn canonical_name(&self, _name: &RelationName) -> Option<String> {
        None
    }
}

/// Knows nothing.
pub struct NoLookups;

impl Lookups for NoLookups {
    fn relation(&self, _: &RelationName) -> Option<Arc<KnownRelation>> {
        None
    }
    fn routine(&self, _: &RelationName) -> Option<Arc<KnownRoutine>> {
        None
    }
}

/// How a text is to be read.
#[derive(Clone, Debug)]
pub struct Options {
    /// The dialect it is written in.
    pub dialect: Dialect,
    /// Longest text that is parsed, in bytes; a longer one yields `limit-exceeded`.
    pub max_bytes: usize,
    /// Deepest nesting that is parsed.
    pub max_depth: usize,
    /// Whether analyses hold derivations.
    pub derivations: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options { dialect: Dialect::Generic, max_bytes: 8 << 20, max_depth: 2_000, derivations: true }
    }
}

/// A text that is parsed, ready to be analysed (again and again, under different look-ups).
pub struct Script {
    text: String,
    options: Options,
    parsed: Vec<parse::Parsed>,
}

/// What a script names, found without resolving anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct References {
    /// Relations read, CTEs and the script's own temporary tables left out.
    pub reads: Vec<RelationName>,
    /// Relations written or created.
    pub writes: Vec<RelationName>,
    /// Relations among `writes` that it creates with a query.
    pub defines: Vec<RelationName>,
    /// Routines called.
    pub calls: Vec<RelationName>,
    /// Routines defined, with what is known of them.
    pub routines: Vec<(RelationName, KnownRoutine)>,
    /// Statements in the text, and how many of them could not be parsed.
    pub statements: (u32, u32),
    /// Whether the text has a bare SELECT.
    pub bare_select: bool,
}

impl Script {
    /// Splits and parses `text`.
    pub fn parse(text: &str, options: &Options) -> Script {
        Script { text: text.to_owned(), options: options.clone(), parsed: parse::parse(text, options) }
    }

    /// Whether there is no statement in it.
    pub fn is_empty(&self) -> bool {
        self.parsed.is_empty()
    }

    /// Bytes of the text.
    pub fn bytes(&self) -> usize {
        self.text.len()
    }

    /// What the script names.
    pub fn references(&self) -> References {
        let options = Options { derivations: false, ..self.options.clone() };
        script::run(&self.text, &self.parsed, &options, &NoLookups).references
    }

    /// The lineage of the script, given what `lookups` know.
    pub fn analyze(&self, lookups: &dyn Lookups) -> Analysis {
        script::run(&self.text, &self.parsed, &self.options, lookups).analysis
    }

    /// What one output column computes, in a form that does not depend on how it is written;
    /// `target` is `None` for the columns of a bare SELECT.
    ///
    /// `None` where more than one statement fills the target, where it has no such column, and where
    /// the query is too large or has what no normal form is known for.
    pub fn computation(&self, target: Option<&RelationName>, column: &str, lookups: &dyn Lookups) -> Option<Computation> {
        self.computations(target, &[column], lookups).pop().flatten()
    }

    /// What each of `columns` computes, as [`Script::computation`] says it, in their order: the statements are
    /// read once.
    pub fn computations(
        &self,
        target: Option<&RelationName>,
        columns: &[&str],
        lookups: &dyn Lookups,
    ) -> Vec<Option<Computation>> {
        canonical::compute(&self.parsed, &self.options, lookups, target, columns)
    }
}
