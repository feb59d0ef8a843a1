//! The crawl: orders definitions, binds names, decides what changed, writes and publishes one run.

/// What a crawl tells while it works. Called often: implementations are cheap and never block.
pub trait CrawlProgress: Send + Sync {
    /// Something went on.
    fn report(&self, event: CrawlEvent<'_>);
}

/// One step of a crawl.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrawlEvent<'a> {
    /// A source is being read: its name, its place among `of`, counted from 1.
    Source {
        /// The source's name.
        name: &'a str,
        /// Its place.
        at: usize,
        /// How many there are.
        of: usize,
    },
    /// A phase began.
    Phase(CrawlPhase),
    /// Documents done in the running phase.
    Documents {
        /// How many so far.
        done: usize,
        /// How many there are.
        of: usize,
        /// Statements in those done.
        statements: u64,
        /// Bytes of those done.
        bytes: u64,
    },
    /// A run is visible.
    Published(crate::model::RunNumber),
}

/// What a crawl is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CrawlPhase {
    /// Reading files and history.
    Reading,
    /// Rendering templates and parsing.
    Parsing,
    /// Following columns.
    Analysing,
    /// Writing rows.
    Writing,
    /// Writing the search index.
    Indexing,
}

/// Tells nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl CrawlProgress for Silent {
    fn report(&self, _: CrawlEvent<'_>) {}
}
