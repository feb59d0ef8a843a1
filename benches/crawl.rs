//! How long a crawl takes: cold, unchanged, and its export.
//!
//! `cargo bench --bench crawl -- GIT_DIR [REF] [--no-history] [--include=GLOB …]` prints a line each; without a
//! repository it says so and ends. Memory is the process's high-water mark.

use std::{path::PathBuf, time::Instant};

use wellspring::{
    config::{Config, SourceConfig},
    crawl::{CrawlEvent, CrawlProgress, crawl},
    store::Store,
};

/// Prints when phases begin.
struct Phases(Instant);

impl CrawlProgress for Phases {
    fn report(&self, event: CrawlEvent<'_>) {
        if let CrawlEvent::Phase(phase) = event {
            println!("  {:>7.2} s {}", self.0.elapsed().as_secs_f64(), phase.word());
        }
    }
}

fn high_water_mark() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or("VmHWM: unknown");
    line.split_once(':').map_or("unknown", |(_, size)| size.trim()).to_owned()
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let mut places = words.iter().filter(|word| !word.starts_with("--"));
    let Some(path) = places.next() else {
        println!("nothing to crawl: cargo bench --bench crawl -- GIT_DIR [REF] [--no-history]");
        return Ok(());
    };
    let source = SourceConfig {
        name: "repository".into(),
        path: Some(PathBuf::from(path)),
        reference: places.next().cloned(),
        ..SourceConfig::default()
    };
    let mut source = source;
    source.include = words.iter().filter_map(|word| word.strip_prefix("--include=")).map(str::to_owned).collect();
    let mut config = Config { sources: vec![source], ..Config::default() };
    if words.iter().any(|word| word == "--no-history") {
        config.crawl.history_days.clear();
        config.crawl.history_commits = 0;
    }
    let folder = tempfile::tempdir()?;
    for round in ["cold", "unchanged"] {
        let store = Store::open(folder.path()).await?;
        let start = Instant::now();
        let report = crawl(&config, &store, &Phases(start)).await?;
        println!("{round}: {:.2} s, {} at most, {report:?}", start.elapsed().as_secs_f64(), high_water_mark());
        if round == "cold" {
            let start = Instant::now();
            let mut out = Vec::new();
            store.export(report.run, &mut out).await?;
            println!("export: {:.2} s, {} bytes", start.elapsed().as_secs_f64(), out.len());
            if let Some(target) = std::env::var_os("WELLSPRING_BENCH_EXPORT") {
                std::fs::write(target, &out)?;
            }
            let start = Instant::now();
            let graph = store.load_graph(report.run).await?;
            println!("load graph: {:.2} s, {} column edges", start.elapsed().as_secs_f64(), graph.column_edges.len());
        }
        store.close().await;
    }
    let size: u64 = std::fs::metadata(folder.path().join("wellspring.db"))?.len();
    println!("database: {:.1} MiB", size as f64 / f64::from(1 << 20));
    Ok(())
}
