//! The pages in a real browser: Debian's chromium and chromedriver, started here on free ports.
//!
//! Skipped with a printed word where chromedriver is missing, unless `WELLSPRING_REQUIRE_BROWSER=1`.
//! With `WELLSPRING_SHOTS=DIR`, pictures of the pages are kept there.

use std::{
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use serde_json::json;
use tempfile::TempDir;
use thirtyfour::{BrowserLogEntry, ChromeCapabilities, ChromiumLikeCapabilities, LoggingPrefsLogLevel, prelude::*};
use tokio::{net::TcpListener, sync::oneshot, time::sleep};
use wellspring::{
    catalog::{Catalog, CrawlControl},
    web::{self, Access, Site},
};

use super::little_company;

mod accessibility;
mod hostile;
mod journeys;

const MART: &str = "/assets/bigquery/shop.marts.subscription_churn_monthly";

/// A served company and a browser that looks at it.
struct Reader {
    driver: WebDriver,
    base: String,
    catalog: Arc<Catalog>,
    crawl: Arc<CrawlControl>,
    _stop: oneshot::Sender<()>,
    _driver_process: DriverProcess,
    data: TempDir,
    _profile: TempDir,
}

struct DriverProcess(Child);

impl Drop for DriverProcess {
    fn drop(&mut self) {
        let killed = self.0.kill().and_then(|()| self.0.wait());
        if let Err(cause) = killed {
            eprintln!("chromedriver did not end: {cause}");
        }
    }
}

/// How wide the reader's window is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Width {
    Desk,
    Lap,
    Pocket,
    /// As wide as a desk, and no page's script runs.
    DeskWithoutScripts,
}

/// A reader of the little company; `None`, with a printed word, where there is no chromedriver.
async fn reader(width: Width) -> Option<Reader> {
    let data = TempDir::new().unwrap();
    little_company::write(data.path()).await;
    reader_of(data, width).await
}

/// A reader of the catalog in `data`.
async fn reader_of(data: TempDir, width: Width) -> Option<Reader> {
    let Some((process, port)) = start_driver() else {
        assert_ne!(std::env::var("WELLSPRING_REQUIRE_BROWSER").as_deref(), Ok("1"), "chromedriver is missing");
        eprintln!("SKIPPED: chromedriver is missing (apt-get install chromium chromium-driver)");
        return None;
    };
    let catalog = Arc::new(Catalog::open(data.path()).await.unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let (stop, stopped) = oneshot::channel::<()>();
    let crawl = Arc::new(CrawlControl::default());
    let site = Site { catalog: catalog.clone(), crawl: crawl.clone(), public: None, access: Arc::new(Access::local("ana")) };
    tokio::spawn(web::serve(listener, site, async {
        stopped.await.ok();
    }));
    let profile = TempDir::new().unwrap();
    let driver = WebDriver::new(format!("http://127.0.0.1:{port}"), capabilities(width, &profile)).await.unwrap();
    Some(Reader { driver, base, catalog, crawl, _stop: stop, _driver_process: process, data, _profile: profile })
}

fn capabilities(width: Width, profile: &TempDir) -> ChromeCapabilities {
    let mut wanted = ChromeCapabilities::new();
    for argument in [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
    ] {
        wanted.add_arg(argument).unwrap();
    }
    let window = if width == Width::Lap { "1024,800" } else { "1440,1000" };
    wanted.add_arg(&format!("--window-size={window}")).unwrap();
    wanted.add_arg(&format!("--user-data-dir={}", profile.path().display())).unwrap();
    wanted.set_browser_log_level(LoggingPrefsLogLevel::All).unwrap();
    if width == Width::DeskWithoutScripts {
        wanted.add_arg("--blink-settings=scriptEnabled=false").unwrap();
    }
    if width == Width::Pocket {
        let metrics = json!({ "deviceMetrics": { "width": 390, "height": 844, "pixelRatio": 1.0, "touch": true } });
        wanted.add_experimental_option("mobileEmulation", metrics).unwrap();
    }
    wanted
}

fn start_driver() -> Option<(DriverProcess, u16)> {
    let mut child = Command::new("chromedriver").arg("--port=0").stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok()?;
    let output = child.stdout.take()?;
    let process = DriverProcess(child);
    let mut lines = BufReader::new(output).lines().map_while(Result::ok);
    let port =
        lines.find_map(|line| line.split("on port ").nth(1)?.trim_end_matches('.').parse().ok().filter(|port| *port > 0))?;
    Some((process, port))
}

impl Reader {
    async fn open(&self, path: &str) {
        self.driver.goto(format!("{}{path}", self.base)).await.unwrap();
    }

    /// The value of a JavaScript expression.
    async fn value(&self, expression: &str) -> serde_json::Value {
        self.driver.execute(format!("return {expression}"), Vec::new()).await.unwrap().json().clone()
    }

    /// Waits until an expression is true.
    async fn until(&self, expression: &str) {
        for _ in 0..100 {
            if self.value(&format!("!!({expression})")).await == json!(true) {
                return;
            }
            sleep(Duration::from_millis(50)).await;
        }
        panic!("never true: {expression} at {}", self.driver.current_url().await.unwrap());
    }

    async fn press(&self, keys: impl Into<thirtyfour::TypingData>) {
        self.driver.active_element().await.unwrap().send_keys(keys).await.unwrap();
    }

    async fn keep_picture(&self, name: &str) {
        if let Ok(folder) = std::env::var("WELLSPRING_SHOTS") {
            self.driver.screenshot(&PathBuf::from(folder).join(format!("{name}.png"))).await.unwrap();
        }
    }

    /// Nothing went wrong in the console and nothing was asked of another host.
    async fn check_quiet(&self) {
        let log: Vec<BrowserLogEntry> = self.driver.browser_log().await.unwrap();
        let bad: Vec<&BrowserLogEntry> = log.iter().filter(|entry| entry.level == "SEVERE" || entry.level == "WARNING").collect();
        assert!(bad.is_empty(), "{bad:?}");
        let others = self
            .value("performance.getEntriesByType('resource').map(e => e.name).filter(n => !n.startsWith(location.origin))")
            .await;
        assert_eq!(others, json!([]));
    }

    /// Whatever can be used has a name for those who do not see it, and no id stands twice.
    async fn check_names(&self, path: &str) {
        let nameless = "[...document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea, summary, img, svg, [role=region], nav, aside, dialog')].filter(e => { \
            const labels = e.labels ? [...e.labels].map(l => l.textContent).join('') : ''; \
            const by = (e.getAttribute('aria-labelledby') || '').split(' ').map(id => document.getElementById(id)?.textContent || '').join(''); \
            const text = ['INPUT', 'SELECT', 'TEXTAREA', 'svg', 'IMG', 'NAV', 'ASIDE', 'DIALOG'].includes(e.tagName) || e.matches('[role=region]') ? '' : e.textContent; \
            return !e.closest('[aria-hidden=true]') && !(e.tagName === 'svg' && e.closest('a, button, svg svg')) \
                && !((e.getAttribute('aria-label') || '') + labels + by + text + (e.getAttribute('alt') || '')).trim() \
        }).map(e => e.outerHTML.slice(0, 120))";
        assert_eq!(self.value(nameless).await, json!([]), "{path}: things without a name");
        let twice = "[...document.querySelectorAll('[id]')].map(e => e.id).filter((id, at, all) => id && all.indexOf(id) !== at)";
        assert_eq!(self.value(twice).await, json!([]), "{path}: ids that stand twice");
    }

    /// Nothing is wider than the window.
    async fn check_width(&self, path: &str) {
        let wider = self.value("document.documentElement.scrollWidth - document.documentElement.clientWidth").await;
        assert!(wider.as_i64().unwrap() <= 0, "{path} is {wider} px wider than the window");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn from_a_word_to_a_lit_path_and_back_by_keyboard() {
    let Some(reader) = reader(Width::Desk).await else { return };
    reader.open("/owners").await;
    reader.press("/").await;
    reader.until("document.activeElement.matches('[data-find]')").await;
    reader.press("churn").await;
    reader.until("document.querySelectorAll('#suggestions [role=option]').length > 1").await;
    reader.keep_picture("suggestions").await;
    reader.press(Key::Enter).await;
    reader.until("location.pathname === '/search' && document.querySelector('.metric-card')").await;
    reader.open(MART).await;
    reader.press("l").await;
    reader.until("location.pathname.endsWith('/lineage') && document.querySelector('svg.lineage')").await;
    let before = reader.value("[scrollX, scrollY]").await;
    let columns = "[...document.querySelectorAll('.node.focus .col')].find(c => c.dataset.column === 'churn_rate')";
    reader
        .driver
        .execute(format!("{columns}.dispatchEvent(new MouseEvent('click', {{bubbles: true, cancelable: true}}))"), Vec::new())
        .await
        .unwrap();
    reader.until("document.querySelector('svg.lineage.tracing') && document.querySelectorAll('.edge.lit').length > 0").await;
    reader.until("location.search.includes('column=churn_rate')").await;
    reader.keep_picture("lit").await;
    assert_eq!(reader.value("[scrollX, scrollY]").await, before, "the page never moves by itself");
    reader.press(Key::Escape).await;
    reader.until("!document.querySelector('svg.lineage.tracing') && !location.search.includes('column=')").await;
    reader.press("]").await;
    reader.until("document.querySelector('#lineage').dataset.up === '2' && location.search.includes('up=2')").await;
    reader.check_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_of_several_lines_is_pasted_into_the_search_box() {
    let Some(reader) = reader(Width::Desk).await else { return };
    reader.open("/").await;
    let paste = "const data = new DataTransfer(); \
        data.setData('text', 'select month, -- of the bill\\n churn_rate\\nfrom shop.marts.subscription_churn_monthly'); \
        document.querySelector('[data-find]').dispatchEvent(new ClipboardEvent('paste', {clipboardData: data, cancelable: true}))";
    reader.driver.execute(paste, Vec::new()).await.unwrap();
    reader.until("location.pathname === '/query' && document.querySelectorAll('.query-source a.name').length === 2").await;
    reader.check_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_page_shows_the_first_crawl_and_then_by_itself_what_it_found() {
    let Some(reader) = reader_of(TempDir::new().unwrap(), Width::Desk).await else { return };
    reader.crawl.update(|status| {
        (status.running, status.phase, status.done, status.total) = (true, "parsing".to_owned(), 1, 4);
    });
    reader.open("/").await;
    reader.until("document.querySelector('#progress progress').value === 25").await;
    reader.until("document.querySelector('main').textContent.includes('The first crawl is running')").await;
    reader.crawl.update(|status| status.done = 3);
    reader.until("document.querySelector('#progress progress').value === 75").await;
    reader.keep_picture("first-crawl").await;
    little_company::write(reader.data.path()).await;
    assert!(reader.catalog.refresh().await.unwrap());
    reader.until("document.querySelector('main .flow')").await;
    reader.crawl.update(|status| status.running = false);
    reader.until("!document.querySelector('#progress progress')").await;
    reader.check_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_crawl_that_fails_says_why_by_itself() {
    let Some(reader) = reader_of(TempDir::new().unwrap(), Width::Desk).await else { return };
    reader.crawl.update(|status| status.running = true);
    reader.open("/").await;
    reader.until("document.querySelector('#progress progress')").await;
    reader.crawl.update(|status| (status.running, status.error) = (false, Some("the remote hung up".to_owned())));
    reader.until("document.querySelector('main').textContent.includes('the remote hung up')").await;
    reader.check_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_help_and_colours_answer_to_keys() {
    let Some(reader) = reader(Width::Desk).await else { return };
    reader.open("/search?q=churn").await;
    reader.press("j").await;
    reader.until("document.querySelector('[data-item][data-current]')").await;
    reader.press("?").await;
    reader.until("document.querySelector('#keys').open").await;
    reader.press(Key::Escape).await;
    reader.until("!document.querySelector('#keys').open").await;
    reader.press("gd").await;
    reader.until("location.pathname === '/deprecations'").await;
    let light = reader.value("getComputedStyle(document.body).backgroundColor").await;
    reader.driver.find(By::Css(".top > .nav .to-dark")).await.unwrap().click().await.unwrap();
    let dark = reader.value("getComputedStyle(document.body).backgroundColor").await;
    assert_ne!(light, dark);
    reader.open("/runs").await;
    assert_eq!(reader.value("document.documentElement.dataset.theme").await, json!("dark"), "the choice is kept");
    reader.check_quiet().await;
}

impl Reader {
    async fn click(&self, css: &str) {
        let found = self.driver.find(By::Css(css)).await;
        found.unwrap_or_else(|cause| panic!("{css}: {cause}")).click().await.unwrap();
    }

    /// The address that the reader is at, without the host; waits until it holds `part`.
    async fn arrive(&self, part: &str) {
        for _ in 0..100 {
            if self.driver.current_url().await.unwrap().as_str().contains(part) {
                return;
            }
            sleep(Duration::from_millis(50)).await;
        }
        panic!("never arrived at {part}, but at {}", self.driver.current_url().await.unwrap());
    }

    async fn has(&self, css: &str) -> bool {
        !self.driver.find_all(By::Css(css)).await.unwrap().is_empty()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_scripts_every_way_still_leads_on() {
    let Some(reader) = reader(Width::DeskWithoutScripts).await else { return };
    reader.open("/").await;
    let search = reader.driver.find(By::Css("main input[name=q]")).await.unwrap();
    search.send_keys("churn rate").await.unwrap();
    search.send_keys(Key::Enter).await.unwrap();
    reader.arrive("/search?q=churn").await;
    assert!(reader.has(".metric-card").await);
    reader.click(".facet a").await;
    reader.arrive("kind=").await;
    reader.open(MART).await;
    for tab in ["columns", "lineage", "impact", "sql", "history"] {
        reader.click(&format!(".tabs a[href$='/{tab}']")).await;
        reader.arrive(&format!("/{tab}")).await;
    }
    reader.open(&format!("{MART}/columns?filter=churn")).await;
    assert!(reader.has("#columns tbody tr").await && !reader.has("#columns a[href$='/columns/country']").await);
    reader.open(&format!("{MART}/lineage")).await;
    reader.click(".lineage .expand").await;
    reader.arrive("expand=").await;
    reader.click(".group[aria-label='Steps upstream'] a:last-child").await;
    reader.arrive("up=50").await;
    reader.click("#lineage .drop > summary").await;
    reader.click("#lineage .drop-box a").await;
    reader.arrive("hide=IDENTITY").await;
    reader.click(".lineage .node:not(.focus) .choices").await;
    reader.arrive("at=").await;
    reader.click(".node-panel .btns a").await;
    reader.arrive("without=").await;
    assert!(reader.has("#lineage .drop-box .person a").await, "what is hidden can be brought back");
    reader.click("#lineage select option[value=churn_rate]").await;
    reader.click("#lineage form [data-needless]").await;
    reader.arrive("column=churn_rate").await;
    assert!(reader.has("svg.lineage.tracing .edge.lit").await, "the server lights the path");
    reader.open("/query").await;
    let sql = reader.driver.find(By::Css("#sql")).await.unwrap();
    sql.send_keys("select churn_rate -- which?\nfrom shop.marts.subscription_churn_monthly").await.unwrap();
    reader.click(".query-form button").await;
    reader.arrive("/query?sql=").await;
    assert!(reader.has(".query-source a.name").await);
    reader.open("/owners").await;
    reader.click(".top > .nav .to-dark").await;
    reader.arrive("/owners").await;
    assert!(reader.has("html[data-theme=dark]").await);
}

/// Every page of the little company: (name, address).
fn pages() -> Vec<(&'static str, String)> {
    vec![
        ("home", "/".to_owned()),
        ("search", "/search?q=churn".to_owned()),
        ("asset", MART.to_owned()),
        ("columns", format!("{MART}/columns")),
        ("graph", format!("{MART}/lineage?up=3&down=2&columns=all")),
        ("graph-path", format!("{MART}/lineage?column=churn_rate&up=3&conditions=1")),
        ("graph-table", format!("{MART}/lineage?show=table&columns=all")),
        ("graph-list", format!("{MART}/lineage?show=list&up=3")),
        ("impact", format!("{MART}/impact")),
        ("sql", format!("{MART}/sql")),
        ("history", format!("{MART}/history")),
        ("column", format!("{MART}/columns/churn_rate")),
        ("explain", format!("{MART}/columns/churn_rate/explain")),
        ("owners", "/owners".to_owned()),
        ("owner", "/owners/by-name/growth-analytics".to_owned()),
        ("deprecations", "/deprecations".to_owned()),
        ("runs", "/runs".to_owned()),
        ("code", "/diagnostics/ambiguous-column".to_owned()),
        ("progress", "/progress".to_owned()),
        ("help", "/help".to_owned()),
        ("query", "/query?sql=select+*+from+shop.marts.subscription_churn_monthly+join+elsewhere.x+using+(month)".to_owned()),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_fits_a_pocket_and_a_desk() {
    let pages = pages();
    for (width, word) in [(Width::Desk, "1440"), (Width::Lap, "1024"), (Width::Pocket, "390")] {
        let Some(reader) = reader(width).await else { return };
        for (name, path) in &pages {
            reader.open(path).await;
            reader.check_width(path).await;
            reader.check_names(path).await;
            reader.keep_picture(&format!("{name}-{word}-light")).await;
            reader.driver.execute("document.documentElement.dataset.theme = 'dark'", Vec::new()).await.unwrap();
            reader.keep_picture(&format!("{name}-{word}-dark")).await;
        }
        reader.check_quiet().await;
    }
}
