//! Walks over small graphs that were followed by hand, and properties over generated ones.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use proptest::prelude::*;
use wellspring::{
    graph::{
        Direction, EdgeKinds, EvidenceRef, GraphInput, GraphView, InputAsset, InputAssetEdge, InputColumn, InputColumnEdge,
        InputRowEdge, Layout, LayoutOptions, NeighbourhoodQuery, PortChoice, Reach, Snapshot, Start, Trace, TraceQuery, layout,
        render_csv, render_mermaid,
    },
    model::{AssetId, AssetKind, AssetRole, ColumnEdgeKind, ColumnId, EdgeState, RowEdgeKind, RunNumber},
};

/// A graph written down by names: columns as `asset.path`, the asset being the part before the first dot.
#[derive(Default)]
struct Sketch {
    input: GraphInput,
    assets: BTreeMap<String, AssetId>,
    columns: BTreeMap<String, ColumnId>,
}

impl Sketch {
    fn asset(&mut self, name: &str) -> AssetId {
        if let Some(id) = self.assets.get(name) {
            return *id;
        }
        let id = AssetId(self.assets.len() as u32 + 1);
        self.assets.insert(name.to_owned(), id);
        self.input.assets.push(InputAsset {
            id,
            namespace: "bigquery".into(),
            name: name.into(),
            kind: AssetKind::Table,
            role: AssetRole::Model,
            deprecated: false,
            columns: 0,
        });
        id
    }

    fn column(&mut self, name: &str) -> ColumnId {
        let (asset, path) = name.split_once('.').unwrap();
        let asset = self.asset(asset);
        let next = ColumnId(self.columns.len() as u32 + 1);
        if let Some(id) = self.columns.get(name) {
            return *id;
        }
        self.columns.insert(name.to_owned(), next);
        self.input.columns.push(InputColumn { id: next, asset, path: path.into() });
        next
    }

    fn edge(&mut self, from: &str, kind: ColumnEdgeKind, to: &str) -> &mut Self {
        self.edge_at(from, kind, to, EdgeState::Declared, 1)
    }

    fn edge_at(&mut self, from: &str, kind: ColumnEdgeKind, to: &str, state: EdgeState, line: u32) -> &mut Self {
        let (from, to) = (self.column(from), self.column(to));
        self.input.column_edges.push(InputColumnEdge { to, from, kind, state, evidence: EvidenceRef { placement: 0, line } });
        self
    }

    fn row(&mut self, from: &str, kind: RowEdgeKind, to: &str) -> &mut Self {
        let (from, to) = (self.column(from), self.asset(to));
        self.input.row_edges.push(InputRowEdge { to, from, kind, evidence: EvidenceRef::default() });
        self
    }

    fn reads(&mut self, from: &str, to: &str) -> &mut Self {
        let (from, to) = (self.asset(from), self.asset(to));
        self.input.asset_edges.push(InputAssetEdge { to, from, state: EdgeState::Declared, evidence: EvidenceRef::default() });
        self
    }

    fn build(&self) -> Snapshot {
        Snapshot::build(GraphInput { run: RunNumber(3), ..self.input.clone() })
    }
}

const COPY: ColumnEdgeKind = ColumnEdgeKind::Identity;
const MAKE: ColumnEdgeKind = ColumnEdgeKind::Transformation;
const SUM: ColumnEdgeKind = ColumnEdgeKind::Aggregation;
const TEST: ColumnEdgeKind = ColumnEdgeKind::Conditional;

fn name_of(snapshot: &Snapshot, asset: AssetId) -> String {
    snapshot.asset(asset).unwrap().name.to_string()
}

/// `depth asset.path kinds`, one line per column.
fn lines(snapshot: &Snapshot, trace: &Trace) -> Vec<String> {
    let line = |column: &wellspring::graph::TracedColumn| {
        let kinds = column.kinds.words().join("+");
        let (asset, path) = (name_of(snapshot, column.asset), snapshot.traced_path(column));
        format!("{} {asset}.{path} {kinds}", column.depth).trim_end().to_owned()
    };
    trace.columns.iter().map(line).collect()
}

fn trace_of(sketch: &Sketch, start: &str, direction: Direction) -> Vec<String> {
    let snapshot = sketch.build();
    let (asset, path) = start.split_once('.').unwrap();
    let start = Start::Path(sketch.assets[asset], path.to_owned());
    lines(&snapshot, &snapshot.trace(&TraceQuery::new(start, direction)).unwrap())
}

fn churn() -> Sketch {
    let mut sketch = Sketch::default();
    sketch
        .edge("events.user", COPY, "subs.user")
        .edge("events.at", MAKE, "subs.day")
        .edge("subs.user", SUM, "churn.lost")
        .edge("subs.day", TEST, "churn.lost")
        .edge("churn.lost", COPY, "board.lost")
        .row("accounts.internal", RowEdgeKind::Filter, "churn")
        .row("subs.day", RowEdgeKind::GroupBy, "churn");
    sketch
}

#[test]
fn trace_reaches_each_source_once_with_depth_and_kind_of_the_path() {
    let found = trace_of(&churn(), "board.lost", Direction::Upstream);
    assert_eq!(
        found,
        [
            "0 board.lost",
            "1 churn.lost IDENTITY",
            "2 subs.day CONDITIONAL",
            "2 subs.user AGGREGATION",
            "3 events.at CONDITIONAL",
            "3 events.user AGGREGATION",
        ]
    );
}

#[test]
fn trace_downstream_mirrors_upstream() {
    let found = trace_of(&churn(), "events.at", Direction::Downstream);
    assert_eq!(found, ["0 events.at", "1 subs.day TRANSFORMATION", "2 churn.lost CONDITIONAL", "3 board.lost CONDITIONAL"]);
}

#[test]
fn trace_obeys_depth_kinds_and_limit() {
    let sketch = churn();
    let snapshot = sketch.build();
    let start = Start::Column(sketch.columns["board.lost"]);
    let all = TraceQuery::new(start, Direction::Upstream);

    let near = snapshot.trace(&TraceQuery { depth: Some(1), ..all.clone() }).unwrap();
    assert_eq!(lines(&snapshot, &near), ["0 board.lost", "1 churn.lost IDENTITY"]);
    assert!(!near.columns[1].is_end, "more lies beyond the depth");
    assert!(!near.cut);

    let direct = snapshot.trace(&TraceQuery { kinds: EdgeKinds::DIRECT, ..all.clone() }).unwrap();
    assert!(lines(&snapshot, &direct).iter().all(|line| !line.contains("CONDITIONAL")));
    assert_eq!(direct.columns.len(), 4);

    let cut = snapshot.trace(&TraceQuery { most: 3, ..all }).unwrap();
    assert!(cut.cut);
    assert_eq!(cut.columns.len(), 3);
    assert_eq!(cut.columns[1].row_edges, 2, "churn's rows hang on two columns");
}

#[test]
fn several_paths_give_every_kind_and_a_cycle_ends() {
    let mut sketch = Sketch::default();
    sketch.edge("a.x", COPY, "b.x").edge("a.x", SUM, "b.x").edge("b.x", COPY, "c.x").edge("c.x", MAKE, "b.x");
    let found = trace_of(&sketch, "c.x", Direction::Upstream);
    assert_eq!(
        found,
        ["0 c.x", "1 b.x IDENTITY", "2 a.x IDENTITY+AGGREGATION"],
        "the way back through c.x starts again and adds nothing"
    );
    let sizes: Vec<usize> = sketch.build().cycles().iter().map(Vec::len).collect();
    assert_eq!(sizes, [2]);
}

#[test]
fn copied_struct_carries_its_fields() {
    let mut sketch = Sketch::default();
    sketch.edge("raw.items", COPY, "orders.items").edge("orders.items.sku", MAKE, "mart.sku");
    assert_eq!(
        trace_of(&sketch, "mart.sku", Direction::Upstream),
        ["0 mart.sku", "1 orders.items.sku TRANSFORMATION", "2 raw.items.sku TRANSFORMATION"]
    );
    assert_eq!(
        trace_of(&sketch, "raw.items.sku", Direction::Downstream),
        ["0 raw.items.sku", "1 orders.items.sku IDENTITY", "2 mart.sku TRANSFORMATION"]
    );
    assert_eq!(
        trace_of(&sketch, "raw.items.price", Direction::Downstream),
        ["0 raw.items.price", "1 orders.items.price IDENTITY"],
        "another field of the struct does not reach the sku"
    );
    assert_eq!(
        trace_of(&sketch, "raw.items", Direction::Downstream),
        ["0 raw.items", "1 orders.items IDENTITY", "2 mart.sku TRANSFORMATION"],
        "a struct has the edges of its fields"
    );
}

#[test]
fn struct_built_of_fields_is_traced_field_by_field() {
    let mut sketch = Sketch::default();
    sketch.edge("a.x", COPY, "b.s.p").edge("a.y", COPY, "b.s.q").edge("b.s", COPY, "c.s").edge("c.s.p", COPY, "d.p");
    assert_eq!(
        trace_of(&sketch, "d.p", Direction::Upstream),
        ["0 d.p", "1 c.s.p IDENTITY", "2 b.s.p IDENTITY", "3 a.x IDENTITY"]
    );
    assert_eq!(trace_of(&sketch, "c.s", Direction::Upstream), ["0 c.s", "1 b.s IDENTITY", "2 a.x IDENTITY", "2 a.y IDENTITY"]);
}

#[test]
fn computing_with_a_struct_concerns_the_whole_of_it() {
    let mut sketch = Sketch::default();
    sketch.edge("a.s", MAKE, "b.json").edge("b.json.p", COPY, "c.p");
    assert_eq!(trace_of(&sketch, "c.p", Direction::Upstream), ["0 c.p", "1 b.json.p IDENTITY", "2 a.s TRANSFORMATION"]);
}

#[test]
fn struct_copied_in_a_circle_ends() {
    let mut sketch = Sketch::default();
    sketch.edge("t.a.b", COPY, "t.a").edge("t.a.c", COPY, "t.a");
    let snapshot = sketch.build();
    let start = Start::Path(sketch.assets["t"], "a.x".to_owned());
    let query = TraceQuery { most: 5_000, ..TraceQuery::new(start, Direction::Upstream) };
    let found = snapshot.trace(&query).unwrap();
    assert!(found.columns.len() <= 5_000);
}

#[test]
fn unexpanded_star_passes_columns_that_nothing_else_builds() {
    let mut sketch = Sketch::default();
    sketch.edge("src.*", COPY, "t.*").edge("src.at", MAKE, "t.day").edge("t.x", COPY, "u.x").edge("t.day", COPY, "u.day");
    assert_eq!(trace_of(&sketch, "u.x", Direction::Upstream), ["0 u.x", "1 t.x IDENTITY", "2 src.x IDENTITY"]);
    assert_eq!(
        trace_of(&sketch, "u.day", Direction::Upstream),
        ["0 u.day", "1 t.day IDENTITY", "2 src.at TRANSFORMATION"],
        "t.day is built by name: the star is not asked"
    );
    assert_eq!(trace_of(&sketch, "src.x", Direction::Downstream), ["0 src.x", "1 t.x IDENTITY", "2 u.x IDENTITY"]);
    assert_eq!(
        trace_of(&sketch, "src.day", Direction::Downstream),
        ["0 src.day"],
        "what the star would pass under that name is built otherwise"
    );
}

#[test]
fn column_names_are_found_without_regard_to_case() {
    let mut sketch = Sketch::default();
    sketch.edge("raw.Items", COPY, "t.items").edge("t.ITEMS.sku", COPY, "u.sku");
    assert_eq!(
        trace_of(&sketch, "u.sku", Direction::Upstream),
        ["0 u.sku", "1 t.ITEMS.sku IDENTITY", "2 raw.Items.sku IDENTITY"]
    );
    let snapshot = sketch.build();
    assert_eq!(snapshot.find_column(sketch.assets["raw"], "iTEMS"), Some(sketch.columns["raw.Items"]));
}

#[test]
fn same_edge_from_two_places_is_one_edge_with_joined_evidence() {
    let mut sketch = Sketch::default();
    sketch.edge_at("a.x", COPY, "b.x", EdgeState::Declared, 9).edge_at("a.x", COPY, "b.x", EdgeState::Observed, 4).edge_at(
        "a.x",
        COPY,
        "b.x",
        EdgeState::Observed,
        4,
    );
    let snapshot = sketch.build();
    assert_eq!(snapshot.size().column_edges, 1);
    let edges = snapshot.column_edges(sketch.columns["b.x"], Direction::Upstream);
    let edge = snapshot.edge(edges[0]).unwrap();
    assert_eq!(edge.state, EdgeState::Confirmed);
    assert_eq!(edge.evidence.iter().map(|evidence| evidence.line).collect::<Vec<_>>(), [4, 9]);
    assert_eq!((edge.from, edge.to), (sketch.columns["a.x"], sketch.columns["b.x"]));
}

#[test]
fn edges_of_unknown_things_are_left_out_and_counted() {
    let mut sketch = churn();
    let known = sketch.column("events.user");
    let edge = InputColumnEdge {
        to: ColumnId(9_999),
        from: known,
        kind: COPY,
        state: EdgeState::Declared,
        evidence: EvidenceRef::default(),
    };
    sketch.input.column_edges.push(edge);
    assert_eq!(sketch.build().size().dropped, 1);
    assert!(sketch.build().trace(&TraceQuery::new(Start::Column(ColumnId(9_999)), Direction::Upstream)).is_none());
}

#[test]
fn impact_follows_rows_and_says_how_it_reaches() {
    let sketch = churn();
    let snapshot = sketch.build();
    let impact = snapshot.impact(&Start::Column(sketch.columns["accounts.internal"]), 1_000).unwrap();
    let shown: Vec<(String, Reach, u32, bool, Vec<&str>)> = impact
        .assets
        .iter()
        .map(|found| (name_of(&snapshot, found.asset), found.reach, found.depth, found.rows, found.kinds.words()))
        .collect();
    assert_eq!(
        shown,
        [
            ("churn".to_owned(), Reach::Rows, 1, true, vec!["FILTER"]),
            ("board".to_owned(), Reach::Rows, 2, false, vec!["IDENTITY"]),
        ]
    );
    let impact = snapshot.impact(&Start::Column(sketch.columns["events.at"]), 1_000).unwrap();
    let reaches: Vec<(String, Reach)> =
        impact.assets.iter().map(|found| (name_of(&snapshot, found.asset), found.reach)).collect();
    assert_eq!(
        reaches,
        [("subs".to_owned(), Reach::Values), ("churn".to_owned(), Reach::Choice), ("board".to_owned(), Reach::Choice),]
    );
    assert_eq!(impact.assets[1].columns, ["lost"]);
}

#[test]
fn whole_assets_are_named_where_columns_are_unknown() {
    let mut sketch = churn();
    sketch.reads("dump", "events").reads("board", "mail").reads("mail", "archive");
    let snapshot = sketch.build();
    let up = snapshot.trace(&TraceQuery::new(Start::Asset(sketch.assets["subs"]), Direction::Upstream)).unwrap();
    let whole: Vec<(String, u32)> = up.assets.iter().map(|(asset, depth)| (name_of(&snapshot, *asset), *depth)).collect();
    assert_eq!(whole, [("dump".to_owned(), 2)]);
    let impact = snapshot.impact(&Start::Asset(sketch.assets["board"]), 1_000).unwrap();
    let reached: Vec<(String, Reach, u32)> =
        impact.assets.iter().map(|found| (name_of(&snapshot, found.asset), found.reach, found.depth)).collect();
    assert_eq!(reached, [("mail".to_owned(), Reach::Unknown, 1), ("archive".to_owned(), Reach::Unknown, 2)]);
}

#[test]
fn paths_come_shortest_first() {
    let mut sketch = Sketch::default();
    sketch
        .edge("a.x", COPY, "b.x")
        .edge("b.x", SUM, "d.x")
        .edge("a.x", COPY, "c.x")
        .edge("c.x", COPY, "c2.x")
        .edge("c2.x", MAKE, "d.x")
        .edge("d.x", COPY, "a.x");
    let snapshot = sketch.build();
    let (from, to) = (Start::Column(sketch.columns["a.x"]), Start::Column(sketch.columns["d.x"]));
    let shown: Vec<String> = snapshot
        .paths(&from, &to, 10)
        .iter()
        .map(|path| {
            let names: Vec<String> = path.columns.iter().map(|column| name_of(&snapshot, column.asset)).collect();
            format!("{} {}", names.join(">"), path.kind.unwrap().word())
        })
        .collect();
    assert_eq!(shown, ["a>b>d AGGREGATION", "a>c>c2>d TRANSFORMATION"]);
    assert_eq!(snapshot.paths(&from, &to, 1).len(), 1);
    assert!(snapshot.paths(&Start::Column(sketch.columns["d.x"]), &Start::Asset(AssetId(77)), 5).is_empty());
}

#[test]
fn neighbourhood_counts_what_is_hidden_and_shows_the_focused_path() {
    let mut sketch = churn();
    sketch.edge("other.x", COPY, "churn.extra").edge("churn.extra", COPY, "report.extra");
    let snapshot = sketch.build();
    let focus = sketch.assets["churn"];
    let query = NeighbourhoodQuery {
        focus_column: Some("lost".to_owned()),
        kinds: EdgeKinds::COLUMN,
        most_nodes: 4,
        ..NeighbourhoodQuery::around(focus)
    };
    let view = snapshot.neighbourhood(&query).unwrap();
    let names: Vec<&str> = view.nodes.iter().map(|node| node.name.as_ref()).collect();
    assert_eq!(names, ["accounts", "subs", "churn", "board"], "those on the path of churn.lost come first");
    assert_eq!(view.left_out, 2);
    let node = &view.nodes[view.focus];
    assert_eq!((node.upstream, node.downstream), ((2, 3), (1, 2)));
    assert_eq!(node.ports.iter().map(|port| port.path.as_str()).collect::<Vec<_>>(), ["lost"]);
    assert_eq!(node.more_columns, 1);
    let edges: Vec<String> = view
        .edges
        .iter()
        .map(|edge| format!("{}>{} {:?}", view.nodes[edge.from].name, view.nodes[edge.to].name, edge.kinds))
        .collect();
    assert_eq!(
        edges,
        [
            r#"accounts>churn ["FILTER"]"#,
            r#"subs>churn ["CONDITIONAL"]"#,
            r#"subs>churn ["AGGREGATION"]"#,
            r#"churn>board ["IDENTITY"]"#
        ]
    );
}

#[test]
fn neighbourhood_expands_by_hand_and_leaves_out_hidden_assets() {
    let sketch = churn();
    let snapshot = sketch.build();
    let query = NeighbourhoodQuery {
        expanded: vec![(sketch.assets["subs"], Direction::Upstream, 1)],
        hidden: BTreeSet::from([sketch.assets["accounts"]]),
        columns: PortChoice::None,
        ..NeighbourhoodQuery::around(sketch.assets["churn"])
    };
    let view = snapshot.neighbourhood(&query).unwrap();
    let names: Vec<(&str, i32)> = view.nodes.iter().map(|node| (node.name.as_ref(), node.distance)).collect();
    assert_eq!(names, [("events", -2), ("subs", -1), ("churn", 0), ("board", 1)]);
    assert!(view.edges.iter().all(|edge| edge.from_port.is_none() && edge.to_port.is_none()));
}

#[test]
fn view_reads_as_mermaid_and_csv() {
    let mut sketch = churn();
    sketch.reads("=cmd\"x", "churn");
    let snapshot = sketch.build();
    let query = NeighbourhoodQuery { columns: PortChoice::All, ..NeighbourhoodQuery::around(sketch.assets["churn"]) };
    let view = snapshot.neighbourhood(&query).unwrap();
    insta::assert_snapshot!(render_mermaid(&view), @r###"
    flowchart LR
      n0["=cmd#34;x"]
      n1["accounts"]
      n2["subs"]
      n3["churn"]
      n4["board"]
      n0 --> n3
      n1 -.-> n3
      n2 --> n3
      n3 --> n4
      style n3 stroke-width:3px
    "###);
    insta::assert_snapshot!(render_csv(&view), @r###"
    from_namespace,from,from_column,to_namespace,to,to_column,kinds,state
    bigquery,"'=cmd""x",,bigquery,churn,,,declared
    bigquery,accounts,,bigquery,churn,,FILTER,declared
    bigquery,subs,user,bigquery,churn,lost,AGGREGATION,declared
    bigquery,churn,lost,bigquery,board,lost,IDENTITY,declared
    "###);
}

// ---------------------------------------------------------------------------------------------------
// Properties

/// Column paths with nesting, as generated names: `t3.a.b`.
fn arb_edges() -> impl Strategy<Value = Vec<(String, ColumnEdgeKind, String)>> {
    let path = prop_oneof![Just("a"), Just("b"), Just("a.p"), Just("a.q"), Just("a.p.z"), Just("c")];
    let column = (0..6u8, path).prop_map(|(asset, path)| format!("t{asset}.{path}"));
    let kind = prop::sample::select(ColumnEdgeKind::ALL.to_vec());
    let edge = (column.clone(), kind, column).prop_filter("a struct copied into itself grows for ever", |(from, _, to)| {
        // Data flows from lower to higher tables: the naive search below keeps whole paths as strings.
        from[..2] < to[..2]
    });
    prop::collection::vec(edge, 1..24)
}

fn overlaps(a: &str, b: &str) -> bool {
    a == b
        || a.strip_prefix(b).is_some_and(|rest| rest.starts_with('.'))
        || b.strip_prefix(a).is_some_and(|rest| rest.starts_with('.'))
}

/// The same question answered naively over names: column → (depth, kinds of all paths).
fn naive_trace(
    edges: &[(String, ColumnEdgeKind, String)],
    start: &str,
    direction: Direction,
) -> BTreeMap<String, (u32, BTreeSet<ColumnEdgeKind>)> {
    let mut found: BTreeMap<String, (u32, BTreeSet<ColumnEdgeKind>)> = BTreeMap::new();
    found.insert(start.to_owned(), (0, BTreeSet::new()));
    let mut seen = BTreeSet::new();
    let mut queue = VecDeque::from([(start.to_owned(), 0, None)]);
    while let Some((here, depth, so_far)) = queue.pop_front() {
        for (from, kind, to) in edges {
            let (near, far) = if direction == Direction::Upstream { (to, from) } else { (from, to) };
            if !overlaps(near, &here) {
                continue;
            }
            let next = match here.strip_prefix(near.as_str()) {
                Some(rest) if *kind == COPY => format!("{far}{rest}"),
                _ => far.clone(),
            };
            let path = match (so_far, direction) {
                (None, _) => *kind,
                (Some(so_far), Direction::Upstream) => kind.then(so_far),
                (Some(so_far), Direction::Downstream) => ColumnEdgeKind::then(so_far, *kind),
            };
            let entry = found.entry(next.clone()).or_insert((depth + 1, BTreeSet::new()));
            entry.0 = entry.0.min(depth + 1);
            entry.1.insert(path);
            if seen.insert((next.clone(), path)) {
                queue.push_back((next, depth + 1, Some(path)));
            }
        }
    }
    found
}

fn check_trace(edges: &[(String, ColumnEdgeKind, String)], direction: Direction) -> Result<(), TestCaseError> {
    let mut sketch = Sketch::default();
    for (from, kind, to) in edges {
        sketch.edge(from, *kind, to);
    }
    let snapshot = sketch.build();
    for start in sketch.columns.keys() {
        let (asset, path) = start.split_once('.').unwrap();
        let query = TraceQuery::new(Start::Path(sketch.assets[asset], path.to_owned()), direction);
        let trace = snapshot.trace(&query).unwrap();
        let found: BTreeMap<String, (u32, BTreeSet<ColumnEdgeKind>)> = trace
            .columns
            .iter()
            .map(|column| {
                let name = format!("{}.{}", name_of(&snapshot, column.asset), snapshot.traced_path(column));
                (name, (column.depth, column.kinds.columns().collect()))
            })
            .collect();
        prop_assert_eq!(found.len(), trace.columns.len(), "a column is listed once");
        prop_assert_eq!(&found, &naive_trace(edges, start, direction));
        prop_assert!(trace.columns.windows(2).all(|pair| pair[0].depth <= pair[1].depth));
    }
    Ok(())
}

/// A view of `nodes` nodes with ports and edges between them at random, cycles included.
fn arb_view() -> impl Strategy<Value = GraphView> {
    let edge = (0..40usize, 0..5usize, 0..40usize, 0..5usize);
    (1..40usize, prop::collection::vec(0..5usize, 40), prop::collection::vec(edge, 0..120)).prop_map(|(count, ports, edges)| {
        let mut sketch = Sketch::default();
        for (at, ports) in ports.iter().enumerate().take(count) {
            sketch.asset(&format!("t{at}"));
            for port in 0..*ports {
                sketch.column(&format!("t{at}.c{port}"));
            }
        }
        for (from, from_port, to, to_port) in edges {
            let (from, to) = (from % count, to % count);
            if from_port < ports[from] && to_port < ports[to] {
                sketch.edge(&format!("t{from}.c{from_port}"), COPY, &format!("t{to}.c{to_port}"));
            } else {
                sketch.reads(&format!("t{from}"), &format!("t{to}"));
            }
        }
        let query =
            NeighbourhoodQuery { up: 20, down: 20, columns: PortChoice::All, ..NeighbourhoodQuery::around(sketch.assets["t0"]) };
        sketch.build().neighbourhood(&query).unwrap()
    })
}

fn check_layout(view: &GraphView, drawn: &Layout) -> Result<(), TestCaseError> {
    prop_assert_eq!(drawn.nodes.len(), view.nodes.len());
    prop_assert_eq!(drawn.edges.len(), view.edges.len());
    for (at, node) in drawn.nodes.iter().enumerate() {
        prop_assert!(node.x >= 0.0 && node.y >= 0.0, "inside the drawing");
        prop_assert!(node.x + node.width <= drawn.width && node.y + node.height <= drawn.height);
        prop_assert_eq!(node.ports.len(), view.nodes[at].ports.len());
        prop_assert!(node.ports.iter().all(|port| *port > node.y && *port < node.y + node.height), "ports in the box");
        for other in &drawn.nodes[at + 1..] {
            let apart = node.x + node.width <= other.x
                || other.x + other.width <= node.x
                || node.y + node.height <= other.y
                || other.y + other.height <= node.y;
            prop_assert!(apart, "{node:?} overlaps {other:?}");
        }
    }
    for (edge, curve) in view.edges.iter().zip(&drawn.edges) {
        let (from, to) = (&drawn.nodes[edge.from], &drawn.nodes[edge.to]);
        prop_assert!(curve.path.starts_with('M'), "every edge is drawn: {edge:?}");
        prop_assert_eq!(curve.backward, from.layer > to.layer);
        prop_assert_ne!(from.layer, to.layer);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn trace_equals_naive_search(edges in arb_edges()) {
        check_trace(&edges, Direction::Upstream)?;
        check_trace(&edges, Direction::Downstream)?;
    }

    #[test]
    fn order_of_the_input_changes_nothing(edges in arb_edges(), seed in any::<u64>()) {
        let mut sketch = Sketch::default();
        for (from, kind, to) in &edges {
            sketch.edge(from, *kind, to);
        }
        let mut shuffled = sketch.input.clone();
        let turn = seed as usize % shuffled.column_edges.len();
        shuffled.column_edges.rotate_left(turn);
        shuffled.columns.reverse();
        shuffled.assets.reverse();
        let (one, two) = (sketch.build(), Snapshot::build(GraphInput { run: RunNumber(3), ..shuffled }));
        for column in sketch.columns.values() {
            let query = TraceQuery::new(Start::Column(*column), Direction::Downstream);
            prop_assert_eq!(one.trace(&query), two.trace(&query));
            prop_assert_eq!(one.impact(&query.start, 1_000), two.impact(&query.start, 1_000));
        }
    }

    #[test]
    fn layout_never_overlaps_and_keeps_ports_in_their_boxes(view in arb_view()) {
        let drawn = layout(&view, &LayoutOptions::default());
        check_layout(&view, &drawn)?;
        prop_assert_eq!(&drawn, &layout(&view, &LayoutOptions::default()));
    }
}

#[test]
fn layout_of_nothing_and_of_one_node_stands() {
    assert!(layout(&GraphView::default(), &LayoutOptions::default()).nodes.is_empty());
    let mut sketch = Sketch::default();
    let asset = sketch.asset("alone");
    let view = sketch.build().neighbourhood(&NeighbourhoodQuery::around(asset)).unwrap();
    let drawn = layout(&view, &LayoutOptions::default());
    assert_eq!(drawn.nodes.len(), 1);
    assert_eq!(drawn.nodes[0].x, LayoutOptions::default().margin);
}

#[test]
fn layout_puts_sources_left_and_uncrosses_two_parallel_chains() {
    let mut sketch = Sketch::default();
    sketch.edge("a.x", COPY, "m.x").edge("b.x", COPY, "n.x").edge("m.x", COPY, "z.x").edge("n.x", COPY, "z.y");
    let snapshot = sketch.build();
    let query = NeighbourhoodQuery { up: 3, columns: PortChoice::All, ..NeighbourhoodQuery::around(sketch.assets["z"]) };
    let view = snapshot.neighbourhood(&query).unwrap();
    let drawn = layout(&view, &LayoutOptions::default());
    let place = |name: &str| {
        let at = view.nodes.iter().position(|node| node.name.as_ref() == name).unwrap();
        (drawn.nodes[at].x, drawn.nodes[at].y)
    };
    assert!(place("a").0 < place("m").0 && place("m").0 < place("z").0);
    assert_eq!(place("a").1 < place("b").1, place("m").1 < place("n").1, "the chains do not cross");
}
