//! What a crawl tells while it works.

use crate::model::RunNumber;

/// Hears how far a crawl is. Called often, from several threads: be quick and never block.
pub trait CrawlProgress: Send + Sync {
    /// Something went on.
    fn report(&self, event: CrawlEvent<'_>);
}

/// One step of a crawl.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrawlEvent<'a> {
    /// A source is being read.
    Source {
        /// The source's name.
        name: &'a str,
        /// Its place among `of`, counted from 1.
        at: usize,
        /// How many there are.
        of: usize,
    },
    /// A phase began.
    Phase(CrawlPhase),
    /// Files or commits read of the source at hand.
    Read {
        /// How many so far.
        done: u64,
        /// How many there are; 0 while unknown.
        of: u64,
    },
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
    Published(RunNumber),
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

impl CrawlPhase {
    /// The word shown to people.
    pub fn word(self) -> &'static str {
        match self {
            CrawlPhase::Reading => "reading",
            CrawlPhase::Parsing => "parsing",
            CrawlPhase::Analysing => "analysing",
            CrawlPhase::Writing => "writing",
            CrawlPhase::Indexing => "indexing",
        }
    }
}

/// Tells nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl CrawlProgress for Silent {
    fn report(&self, _: CrawlEvent<'_>) {}
}

/// Carries what another thread tells to somebody who need not outlive the crawl.
#[derive(Clone, Debug)]
pub(super) struct Relay(pub(super) tokio::sync::mpsc::UnboundedSender<CrawlEvent<'static>>);

impl CrawlProgress for Relay {
    fn report(&self, event: CrawlEvent<'_>) {
        let event = match event {
            // Told before the thread starts.
            CrawlEvent::Source { .. } => return,
            CrawlEvent::Phase(phase) => CrawlEvent::Phase(phase),
            CrawlEvent::Read { done, of } => CrawlEvent::Read { done, of },
            CrawlEvent::Documents { done, of, statements, bytes } => CrawlEvent::Documents { done, of, statements, bytes },
            CrawlEvent::Published(run) => CrawlEvent::Published(run),
        };
        if self.0.send(event).is_err() {
            tracing::trace!("nobody hears the crawl any more");
        }
    }
}

/// Runs `work` off the async workers; what it tells reaches `progress` while it runs.
pub(super) async fn run_blocking<T: Send + 'static>(
    progress: &dyn CrawlProgress,
    work: impl FnOnce(&Relay) -> Result<T, super::CrawlError> + Send + 'static,
) -> Result<T, super::CrawlError> {
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    let relay = Relay(sender);
    let done = tokio::task::spawn_blocking(move || work(&relay));
    while let Some(event) = receiver.recv().await {
        progress.report(event);
    }
    done.await.map_err(|error| super::CrawlError::Incomplete(error.to_string()))?
}
