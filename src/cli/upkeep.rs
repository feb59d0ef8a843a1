//! `wellspring reindex`, `backup`, `restore` and `doctor`.

use std::{
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use clap::Args;
use serde::Serialize;

use super::{
    Outcome,
    paint::{Tone, paint},
    place::{Place, wait_for},
    text::write_json,
};
use crate::catalog::Catalog;

/// Rebuild the search index from the store
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  wellspring reindex\n\nExit codes: 0 rebuilt · 2 failure")]
pub(super) struct Reindex {
    #[command(flatten)]
    place: Place,
}

impl Reindex {
    pub(super) fn run(self) -> anyhow::Result<Outcome> {
        wait_for(async {
            let catalog = self.place.open().await?;
            catalog.reindex().await?;
            eprintln!("The search index is at run {}.", catalog.view().run());
            Ok(Outcome::Done)
        })
    }
}

/// Copy the database to a file, while it is in use
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  wellspring backup catalog.backup\n\nExit codes: 0 copied · 2 failure")]
pub(super) struct Backup {
    /// The file to write; it must not be there yet
    #[arg(value_name = "FILE")]
    to: PathBuf,
    #[command(flatten)]
    place: Place,
}

impl Backup {
    pub(super) fn run(self) -> anyhow::Result<Outcome> {
        if self.to.exists() {
            bail!("{} is there already", self.to.display());
        }
        wait_for(async {
            let catalog = self.place.open().await?;
            catalog.back_up(&self.to).await?;
            eprintln!("Copied run {} to {}.", catalog.view().run(), self.to.display());
            Ok(Outcome::Done)
        })
    }
}

/// Put a backup in the place of the database; stop the server first
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  wellspring restore catalog.backup\n\nThe former database is kept beside the restored one.\n\nExit codes: 0 restored · 2 failure"
)]
pub(super) struct Restore {
    /// A file that `wellspring backup` wrote
    #[arg(value_name = "FILE")]
    from: PathBuf,
    #[command(flatten)]
    place: Place,
}

impl Restore {
    pub(super) fn run(self) -> anyhow::Result<Outcome> {
        let folder = self.place.folder()?;
        wait_for(async {
            Catalog::restore(&folder, &self.from).await?;
            let catalog = Catalog::open(&folder).await?;
            catalog.reindex().await?;
            eprintln!("Restored run {} into {}.", catalog.view().run(), folder.display());
            Ok(Outcome::Done)
        })
    }
}

/// Check the data folder, the database, the index and the configuration
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  wellspring doctor\n\nExit codes: 0 all is well · 1 something is not, with what to do · 2 failure"
)]
pub(super) struct Doctor {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

/// One thing that was checked.
#[derive(Debug, Serialize)]
struct Check {
    what: &'static str,
    is_well: bool,
    found: String,
    /// What to do; "" where all is well.
    remedy: String,
}

impl Doctor {
    pub(super) fn run(self) -> anyhow::Result<Outcome> {
        let checks = wait_for(self.checks())?;
        let mut out = BufWriter::new(io::stdout().lock());
        if self.json {
            write_json(&mut out, &checks)?;
        } else {
            show(&mut out, &checks)?;
        }
        out.flush()?;
        Ok(if checks.iter().all(|check| check.is_well) { Outcome::Done } else { Outcome::Nothing })
    }

    async fn checks(&self) -> anyhow::Result<Vec<Check>> {
        let mut checks = Vec::new();
        let config = match self.place.config(&[], None) {
            Ok(config) => {
                let found = config.file.as_ref().map_or_else(|| "no file".to_owned(), |file| file.display().to_string());
                checks.push(well("configuration", format!("{found}, {} sources", config.sources.len())));
                config
            }
            Err(cause) => {
                let remedy = "Mend the file, or name the data folder with --data.";
                checks.push(ill("configuration", format!("{cause:#}"), remedy));
                return Ok(checks);
            }
        };
        for source in &config.sources {
            checks.push(check_source(source));
        }
        let folder = config.data.context("no data folder is known; name it with --data")?;
        checks.push(check_folder(&folder));
        if !folder.is_dir() {
            return Ok(checks);
        }
        match Catalog::open(&folder).await {
            Ok(catalog) => checks.extend(check_catalog(&catalog).await?),
            Err(cause) => {
                checks.push(ill(
                    "database",
                    cause.to_string(),
                    "Restore a backup with `wellspring restore FILE`, or delete the folder and crawl again.",
                ));
            }
        }
        Ok(checks)
    }
}

fn check_source(source: &crate::config::SourceConfig) -> Check {
    match &source.path {
        Some(path) if !path.exists() => {
            ill("source", format!("{}: {} is not there", source.name, path.display()), "Correct its `path` in wellspring.toml.")
        }
        _ => well("source", format!("{}: {}", source.name, source.place())),
    }
}

fn check_folder(folder: &Path) -> Check {
    if !folder.is_dir() {
        return ill("data folder", format!("{} is not there", folder.display()), "Crawl something: `wellspring crawl PATH`.");
    }
    match tempfile_in(folder) {
        Ok(()) => well("data folder", folder.display().to_string()),
        Err(cause) => {
            ill("data folder", format!("{}: {cause}", folder.display()), "Make it writable for this user, and the disk not full.")
        }
    }
}

fn tempfile_in(folder: &Path) -> io::Result<()> {
    let probe = folder.join(format!(".doctor-{}", std::process::id()));
    std::fs::write(&probe, b"writable")?;
    std::fs::remove_file(&probe)
}

async fn check_catalog(catalog: &Catalog) -> anyhow::Result<Vec<Check>> {
    let mut checks = vec![well("schema", format!("version {}", catalog.schema_version().await?))];
    let (index, store) = catalog.index_state().await?;
    checks.push(match store {
        Some(run) => well("published run", run.0.to_string()),
        None => ill("published run", "none yet".to_owned(), "Crawl something: `wellspring crawl PATH`."),
    });
    checks.push(if index == store {
        well("search index", index.map_or_else(|| "empty".to_owned(), |run| format!("at run {}", run.0)))
    } else {
        let found = index.map_or_else(|| "empty".to_owned(), |run| format!("at run {}", run.0));
        ill("search index", found, "Rebuild it: `wellspring reindex`.")
    });
    let view = catalog.view();
    if let Some(last) = view.runs(1).await?.first()
        && last.state == "failed"
    {
        checks.push(ill("last crawl", last.error.clone().unwrap_or_default(), "See `wellspring runs`, mend it, crawl again."));
    }
    Ok(checks)
}

fn well(what: &'static str, found: String) -> Check {
    Check { what, is_well: true, found, remedy: String::new() }
}

fn ill(what: &'static str, found: String, remedy: &str) -> Check {
    Check { what, is_well: false, found, remedy: remedy.to_owned() }
}

fn show(out: &mut impl Write, checks: &[Check]) -> io::Result<()> {
    for check in checks {
        let (tone, word) = if check.is_well { (Tone::Name, "ok  ") } else { (Tone::Bad, "look") };
        writeln!(out, "{}  {:14} {}", paint(tone, word), check.what, check.found)?;
        if !check.remedy.is_empty() {
            writeln!(out, "{:21}{}", "", paint(Tone::Warn, &check.remedy))?;
        }
    }
    Ok(())
}
