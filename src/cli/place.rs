//! Which catalog a command speaks of: `--data`, `--config`, `WELLSPRING_DATA`, `wellspring.toml` here,
//! or the folder that was used last.

use std::{
    env, fs,
    future::Future,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, bail};
use clap::Args;

use crate::{
    catalog::{AssetRef, Catalog, NameAnswer, View},
    config::{Config, FILE_NAME, user_data_home},
};

/// The catalog that a command speaks of.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct Place {
    /// Folder of the catalog's data [default: WELLSPRING_DATA, else beside wellspring.toml, else the one used last]
    #[arg(long, value_name = "DIR", global = true)]
    pub(super) data: Option<PathBuf>,
    /// Configuration [default: wellspring.toml in this folder]
    #[arg(long, value_name = "FILE", global = true)]
    pub(super) config: Option<PathBuf>,
}

impl Place {
    /// The configuration: of the paths, where some are given, else of a file, else an empty one. The
    /// data folder is set in it.
    pub(super) fn config(&self, paths: &[String], reference: Option<&str>) -> anyhow::Result<Config> {
        let mut config = match (paths.is_empty(), self.file()) {
            (false, _) => Config::for_paths(paths, reference)?,
            (true, Some(file)) => Config::load(&file)?,
            (true, None) => Config::default(),
        };
        if let Some(data) = self.data.clone().or_else(data_of_environment) {
            config.data = Some(std::path::absolute(&data).with_context(|| format!("{}", data.display()))?);
        }
        if config.data.is_none() && config.sources.is_empty() && config.file.is_none() {
            config.data = last_used();
        }
        if config.data.is_none() {
            if config.sources.is_empty() && config.file.is_none() {
                bail!("no catalog yet: `wellspring serve PATH` makes one, or name its folder with --data");
            }
            config.data = Some(config.data_folder(user_data_home().as_deref())?);
        } else {
            // Says so where the folder would lie inside something crawled.
            config.data_folder(None)?;
        }
        Ok(config)
    }

    /// The data folder.
    pub(super) fn folder(&self) -> anyhow::Result<PathBuf> {
        self.config(&[], None)?.data.context("no data folder is known; name it with --data")
    }

    /// Opens the catalog, which must have been crawled.
    pub(super) async fn open(&self) -> anyhow::Result<Catalog> {
        let config = self.config(&[], None)?;
        let folder = config.data.context("no data folder is known; name it with --data")?;
        if !folder.is_dir() {
            bail!("there is no catalog in {}: crawl something first (`wellspring crawl PATH`)", folder.display());
        }
        let catalog = Catalog::open_as_configured(&folder, &config.search).await?;
        if catalog.view().run() == 0 {
            bail!("nothing was crawled into {} yet: `wellspring crawl PATH`", folder.display());
        }
        Ok(catalog)
    }

    /// The newest view of the catalog.
    pub(super) async fn view(&self) -> anyhow::Result<Arc<View>> {
        Ok(self.open().await?.view())
    }

    fn file(&self) -> Option<PathBuf> {
        self.config.clone().or_else(|| Some(PathBuf::from(FILE_NAME)).filter(|file| file.is_file()))
    }
}

/// Runs what a command does on both cores.
pub(super) fn wait_for<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("starting up")?;
    runtime.block_on(work)
}

/// The asset, and the column behind it, that `text` names; `None` after candidates were printed.
pub(super) async fn name_asset(view: &View, text: &str) -> anyhow::Result<Option<(AssetRef, Option<String>)>> {
    let answer = view.resolve_name(text).await?;
    if let Some((asset, column)) = answer.single() {
        return Ok(Some((asset.clone(), column.map(str::to_owned))));
    }
    let NameAnswer::Candidates { fits, assets } = answer else { return Ok(None) };
    match (fits, assets.is_empty()) {
        (_, true) => eprintln!("nothing is called `{text}`"),
        (true, false) => eprintln!("`{text}` could be any of"),
        (false, false) => eprintln!("nothing is called `{text}`; similar are"),
    }
    for asset in assets {
        eprintln!("  {}", asset.name);
    }
    Ok(None)
}

/// Remembers the folder for commands that name none.
pub(super) fn remember_folder(folder: &Path) {
    let Some(file) = last_used_file() else { return };
    let written = file.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&file, folder.display().to_string()));
    if let Err(cause) = written {
        tracing::debug!(%cause, "the data folder could not be remembered");
    }
}

fn last_used() -> Option<PathBuf> {
    let text = fs::read_to_string(last_used_file()?).ok()?;
    Some(PathBuf::from(text.trim())).filter(|folder| folder.is_dir())
}

fn last_used_file() -> Option<PathBuf> {
    Some(user_data_home()?.join("wellspring").join("last-used"))
}

fn data_of_environment() -> Option<PathBuf> {
    env::var_os("WELLSPRING_DATA").filter(|folder| !folder.is_empty()).map(PathBuf::from)
}
