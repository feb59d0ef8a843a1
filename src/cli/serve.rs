//! `wellspring serve`: binds at once, crawls in the background, takes up new runs, stops gracefully.

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::Context;
use clap::Args;
use tokio::{net::TcpListener, sync::watch};

use super::{
    Outcome,
    crawl::{crawl_sources, prepare_folder},
    notify::tell_webhook,
    place::Place,
};
use crate::{
    catalog::{Catalog, CrawlControl, WebhookSecret},
    config::Config,
    crawl::Unlisted,
    web,
};

/// How often the store is asked for a newly published run.
const LOOK_EVERY: Duration = Duration::from_millis(1_000);
/// How long requests under way may take once the server is told to stop.
const STOP_WITHIN: Duration = Duration::from_secs(5);

/// Serve the catalog: crawl in the background, show it in a browser
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Serve {
    /// Folders, work trees, bare git directories or remote addresses [default: what wellspring.toml
    /// says, else the existing data]
    #[arg(value_name = "PATH|URL")]
    paths: Vec<String>,
    /// Branch, tag or commit to read
    #[arg(long = "ref", value_name = "REF", requires = "paths")]
    reference: Option<String>,
    /// Address to listen on [default: 127.0.0.1:7171]
    #[arg(long, value_name = "ADDRESS")]
    addr: Option<SocketAddr>,
    /// Address under which people reach it, perhaps with a path: for links, and as a name to answer to
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
    /// Certificate chain in PEM, for https without a proxy
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The private key that belongs to it, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Serve plain http elsewhere than on loopback; every page warns of it
    #[arg(long)]
    insecure_http: bool,
    /// Serve what is there; crawl only on request
    #[arg(long)]
    no_crawl: bool,
    #[command(flatten)]
    place: Place,
}

const EXAMPLES: &str = "Examples:
  wellspring serve ~/work/analytics
  wellspring serve --addr 127.0.0.1:8080 https://git.example.com/data/warehouse.git
  wellspring serve                       # the sources of ./wellspring.toml
  wellspring serve --addr 0.0.0.0:443 --tls-cert chain.pem --tls-key key.pem   # people sign in

Stops on Ctrl-C or SIGTERM once the requests under way are answered.

Exit codes: 0 stopped · 2 failure";

impl Serve {
    pub(super) fn run(self) -> anyhow::Result<Outcome> {
        let mut config = self.place.config(&self.paths, self.reference.as_deref())?;
        if let Some(addr) = self.addr {
            config.addr = addr;
        }
        if self.base_url.is_some() {
            config.base_url.clone_from(&self.base_url);
        }
        if self.tls_cert.is_some() {
            config.access.tls_cert = self.tls_cert;
            config.access.tls_key = self.tls_key;
        }
        config.access.insecure_http |= self.insecure_http;
        config.check_access()?;
        let folder = prepare_folder(&config)?;
        let crawl_at_start = if self.no_crawl { AtStart::Wait } else { AtStart::Crawl };
        serve(Served { config, folder, crawl_at_start })
    }
}

/// What is served.
pub(super) struct Served {
    pub(super) config: Config,
    pub(super) folder: PathBuf,
    pub(super) crawl_at_start: AtStart,
}

/// Whether the server crawls when it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AtStart {
    /// Crawls.
    Crawl,
    /// Waits until somebody asks, or the schedule does.
    Wait,
}

/// Serves until told to stop.
pub(super) fn serve(served: Served) -> anyhow::Result<Outcome> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("starting up")?;
    let ended = runtime.block_on(serve_until_stopped(served));
    // A crawl under way is given up; the next start deletes what it left.
    runtime.shutdown_timeout(Duration::from_secs(1));
    ended.map(|()| Outcome::Done)
}

async fn serve_until_stopped(served: Served) -> anyhow::Result<()> {
    let Served { mut config, folder, crawl_at_start } = served;
    let listener = TcpListener::bind(config.addr).await.with_context(|| format!("cannot listen on {}", config.addr))?;
    config.addr = listener.local_addr()?;
    let catalog = Arc::new(Catalog::open_as_configured(&folder, &config.search).await?);
    let control = Arc::new(CrawlControl::with_webhook(webhook_secret(&config)?));
    let (stop, stopped) = watch::channel(false);
    println!("Wellspring is at {}", config.public_url());
    eprintln!("Data in {}. Ctrl-C stops.", folder.display());

    let public = config.public_address()?.map(Arc::new);
    let access = Arc::new(web::Access::new(&config));
    if config.needs_sign_in() && catalog.people().await?.is_empty() && config.access.user_header.is_none() {
        eprintln!("Nobody can sign in yet: `wellspring user add NAME --role admin` makes the first account.");
    }
    let site = web::Site { catalog: catalog.clone(), crawl: control.clone(), public, access };
    let until = when_stopped(stopped.clone());
    let mut server = match (config.access.tls_cert.clone(), config.access.tls_key.clone()) {
        (Some(cert), Some(key)) => tokio::spawn(web::serve_tls(listener, site, web::TlsFiles { cert, key }, until)),
        _ => tokio::spawn(web::serve(listener, site, until)),
    };
    tokio::spawn(take_up_runs(catalog.clone(), stopped.clone()));
    if config.notify.webhook.is_some() {
        tokio::spawn(tell_webhook(config.notify.clone(), catalog.clone(), stopped.clone()));
    }
    if crawl_at_start == AtStart::Crawl && !config.sources.is_empty() {
        control.request();
    }
    let catalog_to_close = catalog.clone();
    tokio::spawn(crawl_when_asked(config, catalog, control, stopped));

    tokio::select! {
        ended = &mut server => return Ok(ended.context("the server broke off")??),
        asked = asked_to_stop() => asked?,
    }
    eprintln!("Stopping.");
    stop.send_replace(true);
    let ended = tokio::time::timeout(STOP_WITHIN, server).await;
    keep_searches(&catalog_to_close).await;
    match ended {
        Ok(ended) => Ok(ended.context("the server broke off")??),
        Err(_) => Ok(()),
    }
}

/// Keeps what people searched for since the last call.
async fn keep_searches(catalog: &Catalog) {
    if let Err(cause) = catalog.keep_searches(now()).await {
        tracing::warn!(%cause, "what people searched for could not be kept");
    }
}

/// The secret of the webhook, where one is configured.
fn webhook_secret(config: &Config) -> anyhow::Result<Option<WebhookSecret>> {
    let Some(variable) = &config.crawl.webhook_secret_env else { return Ok(None) };
    let secret = std::env::var(variable).ok().as_deref().and_then(WebhookSecret::new);
    let missing = || format!("the environment variable {variable}, which webhook_secret_env names, is not set");
    secret.with_context(missing).map(Some)
}

/// Notices runs that another process published.
async fn take_up_runs(catalog: Arc<Catalog>, stopped: watch::Receiver<bool>) {
    while !*stopped.borrow() {
        tokio::time::sleep(LOOK_EVERY).await;
        keep_searches(&catalog).await;
        match catalog.refresh().await {
            // The first page counts the whole catalog: that is done before somebody waits for it.
            Ok(true) => drop(catalog.view().home().await),
            Ok(false) => {}
            Err(cause) => tracing::warn!(%cause, "a new run could not be taken up"),
        }
        if let Err(cause) = catalog.view().prepare().await {
            tracing::warn!(%cause, "findings could not be made");
        }
    }
}

/// Crawls whenever somebody asks or the schedule does, one crawl at a time.
async fn crawl_when_asked(config: Config, catalog: Arc<Catalog>, control: Arc<CrawlControl>, mut stopped: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = control.requested() => {}
            () = sleep_or_wait(config.crawl.every) => {}
            _ = stopped.changed() => return,
        }
        control.update(|status| {
            status.running = true;
            status.error = None;
            status.started = Some(now());
        });
        let crawled = tokio::select! {
            crawled = crawl_sources(&config, catalog.store(), Unlisted::Keep, Some(control.clone())) => crawled,
            _ = stopped.changed() => return,
        };
        if let Err(cause) = catalog.refresh().await {
            tracing::warn!(%cause, "the new run could not be taken up");
        }
        if let Err(cause) = &crawled {
            tracing::error!(cause = format!("{cause:#}"), "the crawl failed");
        }
        control.update(|status| {
            status.running = false;
            status.ended = Some(now());
            status.error = crawled.err().map(|cause| format!("{cause:#}"));
        });
    }
}

async fn sleep_or_wait(time: Option<Duration>) {
    match time {
        Some(time) => tokio::time::sleep(time).await,
        None => std::future::pending().await,
    }
}

async fn when_stopped(mut stopped: watch::Receiver<bool>) {
    // The sender lives as long as the process serves; its end means the same.
    stopped.wait_for(|stop| *stop).await.ok();
}

/// Ctrl-C or SIGTERM.
async fn asked_to_stop() -> anyhow::Result<()> {
    #[cfg(unix)]
    {
        let mut terminated = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        tokio::select! {
            asked = tokio::signal::ctrl_c() => asked?,
            _ = terminated.recv() => {}
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await?;
    Ok(())
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}
