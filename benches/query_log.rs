//! How fast a query log is read: entries and megabytes a second, peak memory, growth of the database.
//!
//! `cargo bench --bench query_log -- [QUERIES SHAPES]…` (1,000,000 10,000 unless told) writes a log of no
//! vendor, 600 bytes an entry, into a temporary folder and crawls it. Memory is the process's
//! high-water mark.

use std::{
    io::{BufWriter, Write},
    path::Path,
    time::Instant,
};

use wellspring::{
    config::{Config, LogConfig, default_service_accounts},
    crawl::{CrawlEvent, CrawlPhase, CrawlProgress, Silent, crawl, try_log},
    model::Dialect,
    store::Store,
};

/// Remembers when reading ended.
struct Phases(Instant, std::sync::Mutex<Option<f64>>);

impl CrawlProgress for Phases {
    fn report(&self, event: CrawlEvent<'_>) {
        if let CrawlEvent::Phase(CrawlPhase::Parsing) = event {
            self.1.lock().unwrap_or_else(std::sync::PoisonError::into_inner).get_or_insert(self.0.elapsed().as_secs_f64());
        }
    }
}

fn high_water_mark() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or("VmHWM: unknown");
    line.split_once(':').map_or("unknown", |(_, size)| size.trim()).to_owned()
}

/// Four of five queries are scheduled, by one account each; the rest are asked by 200 people.
fn write_log(path: &Path, queries: u64, shapes: u64) -> std::io::Result<u64> {
    let mut out = BufWriter::with_capacity(1 << 20, std::fs::File::create(path)?);
    let (mut state, mut bytes) = (0x9e37_79b9_7f4a_7c15_u64, 0u64);
    let mut random = |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) % below
    };
    for number in 0..queries {
        let shape = random(shapes);
        let at = 1_787_616_000 + number * 7_776_000 / queries;
        let user = if shape % 5 != 0 {
            format!("svc_{}", shape % 40)
        } else {
            format!("person{}@example.com", (shape * 7 + random(3)) % 200)
        };
        let line = format!(
            concat!(
                r#"{{"query":"SELECT a.id, a.name, SUM(b.amount) AS amount_{shape}, COUNT(DISTINCT b.customer_id) AS customers "#,
                r#"FROM shop.mart_{table}.orders AS a INNER JOIN shop.mart_{table}.payments AS b ON a.id = b.order_id "#,
                r#"WHERE a.day >= '2026-{month:02}-{day:02}' AND b.state IN ('paid', 'open', 'late') AND a.region_{column} = {number} "#,
                r#"AND b.kind <> 'refund' GROUP BY a.id, a.name HAVING SUM(b.amount) > {floor} ORDER BY amount_{shape} DESC LIMIT 100","#,
                r#""timestamp":{at},"user":"{user}","duration_ms":{ms},"status":"success","id":"q{number}","tool":"bench"}}"#,
                "\n"
            ),
            shape = shape,
            table = shape % 300,
            month = 1 + random(12),
            day = 1 + random(28),
            column = shape % 17,
            number = number,
            floor = random(10_000),
            at = at,
            user = user,
            ms = random(20_000)
        );
        bytes += line.len() as u64;
        out.write_all(line.as_bytes())?;
    }
    out.flush()?;
    Ok(bytes)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut numbers = std::env::args().skip(1).filter_map(|word| word.parse::<u64>().ok());
    let (queries, shapes) = (numbers.next().unwrap_or(1_000_000), numbers.next().unwrap_or(10_000));
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("log.jsonl");
    let bytes = write_log(&path, queries, shapes)?;
    println!("{queries} queries of {shapes} shapes, {:.0} MB, {} bytes an entry", bytes as f64 / 1e6, bytes / queries.max(1));
    let log = LogConfig {
        name: "log".into(),
        path,
        dialect: Some(Dialect::Postgres),
        service_accounts: default_service_accounts(),
        ..LogConfig::default()
    };
    let config = Config { logs: vec![log.clone()], ..Config::default() };
    let rate = |seconds: f64| {
        format!("{seconds:.2} s, {:.0} entries/s, {:.0} MB/s", queries as f64 / seconds, bytes as f64 / 1e6 / seconds)
    };
    let start = Instant::now();
    let trial = try_log(&config, &log, &Silent).await?;
    println!(
        "understood, not stored: {}, {} shapes, {} at most",
        rate(start.elapsed().as_secs_f64()),
        trial.shapes,
        high_water_mark()
    );
    let store = Store::open(&folder.path().join("data")).await?;
    let phases = Phases(Instant::now(), std::sync::Mutex::default());
    let report = crawl(&config, &store, &phases).await?;
    let read = phases.1.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner).unwrap_or(0.0);
    println!("read and stored: {}, {} at most", rate(read), high_water_mark());
    println!(
        "whole crawl: {:.2} s, {} assets, {} at most",
        phases.0.elapsed().as_secs_f64(),
        report.counts.assets,
        high_water_mark()
    );
    store.close().await;
    let size: u64 = std::fs::metadata(folder.path().join("data/wellspring.db"))?.len();
    println!("database: {:.1} MiB", size as f64 / f64::from(1 << 20));
    Ok(())
}
