//! `wellspring demo`: the bundled company, unpacked, crawled and served.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use clap::Args;
use rust_embed::RustEmbed;

use super::{
    Outcome,
    crawl::prepare_folder,
    serve::{AtStart, Served, serve},
};
use crate::config::{Config, FILE_NAME, user_data_home};

/// The repositories of the demo company.
#[derive(RustEmbed)]
#[folder = "fixtures/demo"]
struct Company;

/// The folder in the data folder that the company is unpacked into.
const COMPANY_FOLDER: &str = "company";

/// Serve a bundled example company: its repositories are unpacked and crawled
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Demo {
    /// Folder of the demo's data [default: wellspring/demo in the user's data folder]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Address to listen on [default: 127.0.0.1:7171]
    #[arg(long, value_name = "ADDRESS")]
    addr: Option<SocketAddr>,
}

const EXAMPLES: &str = "Examples:
  wellspring demo
  wellspring demo --data /tmp/demo --addr 127.0.0.1:8080

Then search for `churn`: three teams calculate it in three ways.

Exit codes: 0 stopped · 2 failure";

impl Demo {
    pub(super) fn run(self) -> anyhow::Result<Outcome> {
        let data = match &self.data {
            Some(data) => std::path::absolute(data).with_context(|| format!("{}", data.display()))?,
            None => user_data_home().context("there is no home folder: name one with --data")?.join("wellspring").join("demo"),
        };
        let company = data.join(COMPANY_FOLDER);
        unpack(&company)?;
        let mut config = Config::load(&company.join(FILE_NAME))?;
        config.data = Some(data);
        if let Some(addr) = self.addr {
            config.addr = addr;
        }
        let folder = prepare_folder(&config)?;
        serve(Served { config, folder, crawl_at_start: AtStart::Crawl })
    }
}

/// Writes the bundled files; those of an older version that are bundled no more are taken away.
fn unpack(folder: &Path) -> anyhow::Result<()> {
    let marker = folder.join(".wellspring-demo");
    if folder.exists() && !marker.exists() {
        bail!("{} is there and was not made by this command; choose another folder with --data", folder.display());
    }
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("{}", folder.display()))?;
    }
    fs::create_dir_all(folder).with_context(|| format!("{}", folder.display()))?;
    fs::write(&marker, "Unpacked by `wellspring demo`; replaced at its next start.\n")?;
    for path in Company::iter() {
        let Some(file) = Company::get(&path) else { continue };
        let target = folder.join(&*path);
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent).with_context(|| format!("{}", parent.display()))?;
        }
        fs::write(&target, file.data).with_context(|| format!("{}", target.display()))?;
    }
    Ok(())
}
