//! Building, tracing and laying out graphs of 10,000, 100,000 and 1,000,000 columns side by side.
//!
//! `cargo bench --bench graph` prints a table with sizes, quantiles and nanoseconds an edge, then
//! criterion's own figures.

use std::{hint::black_box, time::Duration, time::Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use wellspring::{
    graph::{
        Direction, EvidenceRef, GraphInput, GraphView, InputAsset, InputAssetEdge, InputColumn, InputColumnEdge, LayoutOptions,
        NeighbourhoodQuery, PortChoice, Snapshot, Start, TraceQuery, layout,
    },
    model::{AssetId, AssetKind, AssetRole, ColumnEdgeKind, ColumnId, EdgeState, RunNumber},
};

const COLUMNS_OF_ASSET: u32 = 20;
const EDGES_OF_COLUMN: u32 = 5;
/// Assets that a quarter of all others read.
const HUBS: u32 = 4;

/// A small generator of numbers, so that every run sees the same graph.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u32) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % u64::from(below.max(1))) as u32
    }
}

fn name_asset(at: u32) -> InputAsset {
    InputAsset {
        id: AssetId(at + 1),
        namespace: "bigquery".into(),
        name: format!("project.dataset_{}.table_{at}", at % 50).into(),
        kind: AssetKind::Table,
        role: AssetRole::Model,
        deprecated: false,
        columns: COLUMNS_OF_ASSET,
    }
}

/// A catalog of `columns` columns: assets in eight layers, each reading three assets of earlier layers,
/// each column five columns of them.
fn make_catalog(columns: u32) -> GraphInput {
    let assets = columns / COLUMNS_OF_ASSET;
    let layer = (assets / 8).max(1);
    let mut dice = Dice(7);
    let mut input = GraphInput { run: RunNumber(1), ..GraphInput::default() };
    for at in 0..assets {
        input.assets.push(name_asset(at));
        for column in 0..COLUMNS_OF_ASSET {
            let id = ColumnId(at * COLUMNS_OF_ASSET + column + 1);
            input.columns.push(InputColumn { id, asset: AssetId(at + 1), path: format!("column_{column}").into() });
        }
        let floor = at / layer * layer;
        if floor == 0 {
            continue;
        }
        // A few tables are read by everybody, as in real catalogs.
        let popular = if dice.roll(4) == 0 { dice.roll(HUBS) } else { dice.roll(floor) };
        let sources = [popular, dice.roll(floor), dice.roll(floor)];
        for column in 0..COLUMNS_OF_ASSET {
            for edge in 0..EDGES_OF_COLUMN {
                let source = sources[(edge % 3) as usize];
                input.column_edges.push(InputColumnEdge {
                    to: ColumnId(at * COLUMNS_OF_ASSET + column + 1),
                    from: ColumnId(source * COLUMNS_OF_ASSET + dice.roll(COLUMNS_OF_ASSET) + 1),
                    kind: ColumnEdgeKind::ALL[dice.roll(5) as usize],
                    state: EdgeState::Declared,
                    evidence: EvidenceRef { placement: at, line: column + 1 },
                });
            }
        }
    }
    input
}

fn show_quantile(mut times: Vec<Duration>, of: usize) -> Duration {
    times.sort_unstable();
    times.get((times.len() * of / 100).min(times.len().saturating_sub(1))).copied().unwrap_or_default()
}

fn report_catalogs() {
    println!("columns | edges | build | bytes | traces ≤20,000 columns: p50 p99 | beyond: ns an edge (median)");
    for columns in [10_000, 100_000, 1_000_000] {
        let input = make_catalog(columns);
        let edges = input.column_edges.len();
        let start = Instant::now();
        let snapshot = Snapshot::build(input);
        let built = start.elapsed();
        let mut dice = Dice(11);
        let (mut small, mut large) = (Vec::new(), Vec::new());
        for round in 0..300 {
            let is_hub = round % 3 == 0;
            let column = ColumnId(dice.roll(if is_hub { HUBS * COLUMNS_OF_ASSET } else { columns }) + 1);
            let direction = if round % 2 == 0 { Direction::Upstream } else { Direction::Downstream };
            let query = TraceQuery { most: usize::MAX, ..TraceQuery::new(Start::Column(column), direction) };
            let start = Instant::now();
            let Some(trace) = snapshot.trace(&query) else { continue };
            let took = start.elapsed();
            match trace.columns.len() {
                0..=20_000 => small.push(took),
                _ => large.push(Duration::from_nanos(took.as_nanos() as u64 / trace.edges.len().max(1) as u64)),
            }
            if large.len() >= 40 {
                break;
            }
        }
        println!(
            "{columns} | {edges} | {built:.0?} | {} MB | {:.1?} {:.1?} ({}) | {} ns ({})",
            snapshot.size().bytes / 1_000_000,
            show_quantile(small.clone(), 50),
            show_quantile(small.clone(), 99),
            small.len(),
            show_quantile(large.clone(), 50).as_nanos(),
            large.len(),
        );
    }
}

/// A view of `nodes` nodes around the middle of a graph, with about `edges` edges between columns.
fn make_view(nodes: u32, edges: u32) -> GraphView {
    let mut dice = Dice(3);
    let mut input = GraphInput::default();
    for at in 0..nodes {
        input.assets.push(name_asset(at));
        for column in 0..COLUMNS_OF_ASSET {
            let id = ColumnId(at * COLUMNS_OF_ASSET + column + 1);
            input.columns.push(InputColumn { id, asset: AssetId(at + 1), path: format!("column_{column}").into() });
        }
        if at > 0 {
            let from = AssetId(dice.roll(at.min(12)) + at.saturating_sub(12) + 1);
            input.asset_edges.push(InputAssetEdge {
                to: AssetId(at + 1),
                from,
                state: EdgeState::Declared,
                evidence: EvidenceRef::default(),
            });
        }
    }
    for _ in 0..edges {
        let to = dice.roll(nodes - 1) + 1;
        let from = to - 1 - dice.roll(to.min(30));
        input.column_edges.push(InputColumnEdge {
            to: ColumnId(to * COLUMNS_OF_ASSET + dice.roll(8) + 1),
            from: ColumnId(from * COLUMNS_OF_ASSET + dice.roll(8) + 1),
            kind: ColumnEdgeKind::Identity,
            state: EdgeState::Declared,
            evidence: EvidenceRef::default(),
        });
    }
    let query =
        NeighbourhoodQuery { up: 100, down: 100, columns: PortChoice::All, ..NeighbourhoodQuery::around(AssetId(nodes / 2 + 1)) };
    Snapshot::build(input).neighbourhood(&query).unwrap_or_default()
}

fn bench(criterion: &mut Criterion) {
    report_catalogs();
    for (nodes, edges) in [(10, 30), (100, 500), (300, 2_000)] {
        let view = make_view(nodes, edges);
        let name = format!("layout {} nodes {} edges", view.nodes.len(), view.edges.len());
        criterion.bench_function(&name, |bencher| bencher.iter(|| black_box(layout(&view, &LayoutOptions::default()))));
    }
    let snapshot = Snapshot::build(make_catalog(100_000));
    let query = TraceQuery::new(Start::Column(ColumnId(99_000)), Direction::Upstream);
    criterion.bench_function("trace upstream, 100,000 columns", |bencher| bencher.iter(|| black_box(snapshot.trace(&query))));
    let focus = NeighbourhoodQuery { up: 2, down: 2, columns: PortChoice::All, ..NeighbourhoodQuery::around(AssetId(2_500)) };
    criterion.bench_function("neighbourhood two around", |bencher| bencher.iter(|| black_box(snapshot.neighbourhood(&focus))));
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10).warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(2));
    targets = bench
}
criterion_main!(benches);
