//! `wellspring crawl`, and the crawl that `serve` and `demo` run.

use std::{
    fs,
    io::{self, Write},
    path::PathBuf,
    sync::Arc,
};

use anyhow::Context;
use clap::Args;

use super::{
    Outcome,
    place::{Place, remember_folder, wait_for},
    progress::ShownProgress,
    text::{grouped, write_json},
};
use crate::{
    catalog::{CrawlControl, RunSource, RunSummary, Store, find_run, open_store},
    config::Config,
    crawl::{self, CrawlReport, Unlisted},
};

/// Read the sources and publish what they say as a new run
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Crawl {
    /// Folders, work trees, bare git directories or remote addresses [default: what wellspring.toml says]
    #[arg(value_name = "PATH|URL")]
    paths: Vec<String>,
    /// Branch, tag or commit to read
    #[arg(long = "ref", value_name = "REF", requires = "paths")]
    reference: Option<String>,
    /// Close what only sources hold up that are not configured any more; without it they stay as they were
    #[arg(long)]
    prune: bool,
    /// Print the run as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

const EXAMPLES: &str = "Examples:
  wellspring crawl ~/work/analytics
  wellspring crawl --ref main https://git.example.com/data/warehouse.git
  wellspring crawl                       # the sources of ./wellspring.toml
  wellspring crawl --prune               # and close what former sources left

A server on the same data folder takes the new run up within 2 seconds.

Exit codes: 0 published · 1 published, but a source could not be read · 2 failure";

impl Crawl {
    pub(super) fn run(self) -> anyhow::Result<Outcome> {
        let config = self.place.config(&self.paths, self.reference.as_deref())?;
        if config.sources.is_empty() && config.logs.is_empty() {
            anyhow::bail!("nothing to crawl: name a folder or a repository, or write a wellspring.toml (`wellspring init`)");
        }
        let folder = prepare_folder(&config)?;
        let summary = wait_for(async {
            // No view: a crawl asks nothing of the graph, and loading one takes longer than finding nothing changed.
            let store = open_store(&folder).await?;
            let run = crawl_sources(&config, &store, if self.prune { Unlisted::Close } else { Unlisted::Keep }, None).await?.run;
            find_run(&store, run).await?.context("the run was published, and is gone")
        })?;
        let mut out = io::stdout().lock();
        if self.json {
            write_json(&mut out, &summary)?;
        } else {
            writeln!(out, "{}", say_run(&summary))?;
        }
        Ok(if summary.sources.iter().any(RunSource::failed) { Outcome::Nothing } else { Outcome::Done })
    }
}

/// Makes the data folder and remembers it.
pub(super) fn prepare_folder(config: &Config) -> anyhow::Result<PathBuf> {
    let folder = config.data.clone().context("no data folder is known; name it with --data")?;
    fs::create_dir_all(&folder).with_context(|| format!("{}", folder.display()))?;
    remember_folder(&folder);
    Ok(folder)
}

/// Crawls once, with a bar on the terminal.
pub(super) async fn crawl_sources(
    config: &Config,
    store: &Store,
    unlisted: Unlisted,
    control: Option<Arc<CrawlControl>>,
) -> anyhow::Result<CrawlReport> {
    let progress = ShownProgress::new(control);
    let crawled = crawl::crawl_listed(config, store, unlisted, &progress).await;
    progress.finish();
    Ok(crawled?)
}

/// One line about a run.
pub(super) fn say_run(run: &RunSummary) -> String {
    let count = |word: &str| run.counts.iter().find(|(name, _)| name == word).map_or(0, |(_, count)| *count);
    let kept = run.sources.iter().filter(|source| !matches!(source.outcome.as_str(), "read" | "unchanged"));
    let kept: Vec<String> = kept.map(|source| format!("\n{}: {}", source.source, source.outcome)).collect();
    format!(
        "Run {}: {} documents, {} statements ({} not parsed), {} assets, {} columns, {} column edges, in {:.1} s.{}",
        run.run,
        grouped(count("documents")),
        grouped(count("statements")),
        grouped(count("unparsed")),
        grouped(count("assets")),
        grouped(count("columns")),
        grouped(count("column_edges")),
        count("milliseconds") as f64 / 1000.0,
        kept.concat()
    )
}
