//! Searching indexes of 10,000, 100,000 and 1,000,000 documents side by side.
//!
//! `cargo bench --bench search` prints a table: time and size of the index, and quantiles of whole
//! answers (20 hits with reasons and all facets) to a mix of queries.

#![expect(clippy::expect_used, reason = "a benchmark that cannot run stops")]

use std::{
    hint::black_box,
    path::Path,
    time::{Duration, Instant},
};

use criterion::{Criterion, criterion_group, criterion_main};
use wellspring::{
    model::{AssetId, AssetKind, RunNumber},
    search::{SearchColumn, SearchDocument, SearchIndex, SearchQuery, SearchView},
};

const COLUMNS_OF_ASSET: u32 = 9;

/// Syllables of which a vocabulary of 8,000 words is made; low numbers are drawn far more often.
const SYLLABLES: [&str; 20] = [
    "chu", "rn", "act", "ive", "use", "day", "mon", "rev", "sub", "scr", "eve", "nt", "cl", "ick", "pay", "or", "der", "geo",
    "met", "ric",
];

struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u32) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % u64::from(below.max(1))) as u32
    }

    /// A word by Zipf's law, roughly: the word of rank r about as often as 1/r.
    fn word(&mut self) -> String {
        let spread = f64::from(self.roll(1_000_000)) / 1_000_000.0;
        let rank = (8_000f64.powf(spread)) as u32;
        word(rank)
    }
}

fn word(rank: u32) -> String {
    let (a, b, c) = (rank % 20, rank / 20 % 20, rank / 400 % 20);
    format!("{}{}{}", SYLLABLES[a as usize], SYLLABLES[b as usize], SYLLABLES[c as usize])
}

fn make_document(at: u32, dice: &mut Dice) -> SearchDocument {
    let name = format!("project.{}.{}_{}_{}_v{}", word(at % 40), dice.word(), dice.word(), at, at % 3 + 1);
    let text: Vec<String> = (0..12).map(|_| dice.word()).collect();
    SearchDocument {
        asset: AssetId(at),
        namespace: "bigquery".to_owned(),
        name,
        kind: if at.is_multiple_of(5) { AssetKind::View } else { AssetKind::Table },
        aliases: Vec::new(),
        friendly_name: at.is_multiple_of(3).then(|| format!("{} {}", dice.word(), dice.word())),
        synonyms: Vec::new(),
        description: text.join(" "),
        owners: if at.is_multiple_of(4) { Vec::new() } else { vec![format!("team-{}", dice.roll(60))] },
        tags: vec![format!("tag{}", dice.roll(30))],
        sources: vec![format!("repo{}", at % 3)],
        columns: (0..COLUMNS_OF_ASSET)
            .map(|column| SearchColumn {
                path: format!("{}_{}_{column}", dice.word(), dice.word()),
                description: if column % 3 == 0 { format!("{} of {}", dice.word(), dice.word()) } else { String::new() },
            })
            .collect(),
        environment: None,
        deprecated: at.is_multiple_of(11),
        replacement: None,
        usage: dice.roll(400),
        certified: at.is_multiple_of(17),
        changed_at: Some(1_700_000_000 + i64::from(at)),
    }
}

fn fill(folder: &Path, documents: u32) -> SearchView {
    let index = SearchIndex::open(folder).expect("an index in an empty folder");
    let mut writer = index.writer().expect("the only writer");
    let mut dice = Dice(5);
    for at in 0..documents / (COLUMNS_OF_ASSET + 1) {
        writer.add(&make_document(at, &mut dice)).expect("room on the disk");
    }
    writer.commit(RunNumber(1)).expect("room on the disk");
    index.view().expect("what was just written")
}

fn make_queries() -> Vec<String> {
    let mut dice = Dice(23);
    let mut queries = Vec::new();
    for at in 0..200u32 {
        let (one, two) = (dice.word(), dice.word());
        queries.push(match at % 8 {
            0 => one,
            1 => format!("{one} {two}"),
            2 => format!("{one} {}", &two[..two.len().min(4)]),
            3 => format!("{one} owner:team-{}", at % 60),
            4 => format!("{two} kind:table -deprecated:yes"),
            5 => format!("{one}x {two}"),
            6 => format!("project.{}.{one}_{two}", word(at % 40)),
            _ => one[..one.len().min(3)].to_owned(),
        });
    }
    queries
}

fn size_of_folder(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.metadata().ok()).map(|entry| entry.len()).sum()
}

fn bench(criterion: &mut Criterion) {
    println!("documents | indexed in | bytes | p50 | p90 | p99 | slowest query");
    for documents in [10_000, 100_000, 1_000_000] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let start = Instant::now();
        let view = fill(folder.path(), documents);
        let filled = start.elapsed();
        let queries = make_queries();
        let mut times: Vec<(Duration, &String)> = Vec::new();
        for round in 0..3 {
            for query in &queries {
                let start = Instant::now();
                black_box(view.search(&SearchQuery::new(query.as_str())).expect("an answer"));
                if round > 0 {
                    times.push((start.elapsed(), query));
                }
            }
        }
        times.sort_unstable();
        let quantile = |of: usize| times[(times.len() * of / 100).min(times.len() - 1)].0;
        println!(
            "{} | {filled:.1?} | {} MB | {:.1?} | {:.1?} | {:.1?} | {:?}",
            view.size(),
            size_of_folder(folder.path()) / 1_000_000,
            quantile(50),
            quantile(90),
            quantile(99),
            times.iter().rev().take(6).collect::<Vec<_>>(),
        );
        if documents == 100_000 {
            criterion.bench_function("search one word, 100,000 documents", |bencher| {
                bencher.iter(|| black_box(view.search(&SearchQuery::new(word(40)))));
            });
            criterion.bench_function("suggest three letters, 100,000 documents", |bencher| {
                bencher.iter(|| black_box(view.suggest("chu", 8)));
            });
        }
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10).warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(2));
    targets = bench
}
criterion_main!(benches);
