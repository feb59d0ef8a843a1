//! The engine beside sqlparser's own parse of the same text, in one process and one run.
//!
//! `WELLSPRING_CORPUS=folder[:dialect] cargo bench --bench engine`: reads every `.sql` file below the
//! folder (without one, the demo company's), and prints seconds and ratios, single-threaded, and the speed of fingerprints; then the
//! same text once, four and sixteen times, which shows that cost per statement does not grow.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use sqlparser::{dialect::BigQueryDialect, parser::Parser};
use wellspring::{
    model::Dialect,
    sql::{NoLookups, Options, Script, fingerprint},
};

const ROUNDS: usize = 5;

fn main() {
    let setting =
        std::env::var("WELLSPRING_CORPUS").unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/demo").into());
    let (folder, dialect) = match setting.rsplit_once(':') {
        Some((folder, word)) => (folder.to_owned(), word.parse().unwrap_or(Dialect::BigQuery)),
        None => (setting, Dialect::BigQuery),
    };
    let mut files = Vec::new();
    collect(Path::new(&folder), &mut files);
    files.sort();
    let texts: Vec<String> =
        files.iter().filter_map(|path| fs::read_to_string(path).ok()).filter(|text| !text.contains("{%")).collect();
    let bytes: usize = texts.iter().map(String::len).sum();
    println!("{} files, {:.2} MB, {dialect}", texts.len(), bytes as f64 / 1e6);

    let quick = Options { dialect, derivations: false, ..Options::default() };
    let full = Options { dialect, ..Options::default() };
    let alone = best(|| texts.iter().map(|text| parse_alone(text)).sum::<usize>());
    let parse = best(|| texts.iter().map(|text| usize::from(!Script::parse(text, &quick).is_empty())).sum());
    let lineage = best(|| texts.iter().map(|text| Script::parse(text, &quick).analyze(&NoLookups).statements.len()).sum());
    let derived = best(|| texts.iter().map(|text| Script::parse(text, &full).analyze(&NoLookups).statements.len()).sum());
    println!("sqlparser alone        {:>8.3} s   1.00", alone.as_secs_f64());
    for (name, time) in [("our parse", parse), ("with lineage", lineage), ("with derivations", derived)] {
        println!("{name:<22} {:>8.3} s   {:.2}", time.as_secs_f64(), time.as_secs_f64() / alone.as_secs_f64());
    }
    let shapes = best(|| texts.iter().map(|text| fingerprint(text, dialect).shape.len()).sum());
    println!("fingerprints           {:>8.3} s   {:.0} MB/s", shapes.as_secs_f64(), bytes as f64 / 1e6 / shapes.as_secs_f64());
    println!("\none script of n × the text: seconds per n");
    let some: Vec<&String> = texts.iter().take(60).collect();
    for times in [1, 4, 16] {
        let mut script = String::new();
        for _ in 0..times {
            for text in &some {
                script.push_str(text);
                script.push_str("\n;\n");
            }
        }
        let options = Options { max_bytes: usize::MAX, ..quick.clone() };
        let time = best(|| Script::parse(&script, &options).analyze(&NoLookups).statements.len());
        println!("{times:>3} ×  {:.4}", time.as_secs_f64() / f64::from(times));
    }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "sql") {
            files.push(path);
        }
    }
}

/// sqlparser on the same text: what it parses until its first error.
fn parse_alone(text: &str) -> usize {
    Parser::parse_sql(&BigQueryDialect {}, text).map_or(0, |statements| statements.len())
}

fn best(mut work: impl FnMut() -> usize) -> Duration {
    (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            std::hint::black_box(work());
            start.elapsed()
        })
        .min()
        .unwrap_or_default()
}
