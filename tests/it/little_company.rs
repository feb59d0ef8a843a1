//! A small catalog written by hand through the store: pages are tested on it without a crawler.

use std::{collections::BTreeMap, path::Path};

use wellspring::{
    model::{
        Analysis, AssetKey, AssetKind, AssetRole, Change, ColumnEdge, ColumnEdgeKind, ColumnInput, Contributor, DeclaredColumn,
        Derivation, DerivedColumn, DerivedScope, FactKind, InputFrom, LineIndex, OutputColumn, RelationName, RowClause, RowEdge,
        RowEdgeKind, ScopeInput, ScopeKind, Span, StatementLineage, Step, TargetLineage,
    },
    store::{
        AssetState, CatalogState, DocumentState, DocumentText, FileHistory, InferredColumns, NewAnalysis, NewColumnEdge,
        NewRowEdge, PlacedDiagnostic, RunCounts, RunSource, Store,
    },
};

/// The warehouse that everything lives in.
pub(crate) const WAREHOUSE: &str = "bigquery";

/// Seconds since 1970 UTC at which the last change was made.
const CHANGED: i64 = 1_795_000_000;

struct Model {
    name: &'static str,
    kind: AssetKind,
    path: &'static str,
    sql: &'static str,
    reads: &'static [&'static str],
    columns: &'static [Column],
    rows: &'static [(&'static str, RowEdgeKind, &'static str, usize, &'static str)],
}

/// (name, type, expression, step, (index of the relation read, its column, kind)…, meaning)
type Column = (&'static str, &'static str, &'static str, Step, &'static [(usize, &'static str, ColumnEdgeKind)], &'static str);

use ColumnEdgeKind::{Aggregation, Conditional, Identity, Transformation};

const MODELS: &[Model] = &[
    Model {
        name: "shop.staging.subscriptions",
        kind: AssetKind::View,
        path: "staging/subscriptions.sql",
        sql: "-- One row per subscription, the newest state of it.\nselect\n  event.subscriber_id,\n  event.country,\n  event.is_trial,\n  timestamp_trunc(event.started_at, day) as started_on,\n  case when event.state = 'cancelled' then event.at end as cancelled_at\nfrom shop.raw.billing_events as event\nwhere event.is_test is not true\nqualify row_number() over (partition by event.subscription_id order by event.at desc) = 1\n",
        reads: &["shop.raw.billing_events"],
        columns: &[
            ("subscriber_id", "STRING", "event.subscriber_id", Step::Copies, &[(0, "subscriber_id", Identity)], ""),
            (
                "country",
                "STRING",
                "event.country",
                Step::Copies,
                &[(0, "country", Identity)],
                "ISO 3166 code of the card's country.",
            ),
            ("is_trial", "BOOL", "event.is_trial", Step::Copies, &[(0, "is_trial", Identity)], ""),
            (
                "started_on",
                "DATE",
                "timestamp_trunc(event.started_at, day)",
                Step::Transforms,
                &[(0, "started_at", Transformation)],
                "",
            ),
            (
                "cancelled_at",
                "TIMESTAMP",
                "case when event.state = 'cancelled' then event.at end",
                Step::Transforms,
                &[(0, "at", Transformation), (0, "state", Conditional)],
                "",
            ),
        ],
        rows: &[
            ("where", RowEdgeKind::Filter, "event.is_test is not true", 0, "is_test"),
            (
                "qualify",
                RowEdgeKind::Filter,
                "row_number() over (partition by event.subscription_id order by event.at desc) = 1",
                0,
                "subscription_id",
            ),
        ],
    },
    Model {
        name: "shop.marts.subscription_churn_monthly",
        kind: AssetKind::Table,
        path: "marts/subscription_churn_monthly.sql",
        sql: "select\n  month,\n  country,\n  count(distinct s.subscriber_id) as subscribers_at_start,\n  countif(s.cancelled_at is not null) as cancelled,\n  safe_divide(countif(s.cancelled_at is not null), count(distinct s.subscriber_id)) as churn_rate\nfrom shop.staging.subscriptions as s\njoin shop.staging.calendar as c on s.started_on <= c.month\nwhere not s.is_trial\ngroup by month, country\n",
        reads: &["shop.staging.subscriptions", "shop.staging.calendar"],
        columns: &[
            ("month", "DATE", "month", Step::Copies, &[(1, "month", Identity)], "First day of the month."),
            ("country", "STRING", "country", Step::Copies, &[(0, "country", Identity)], ""),
            (
                "subscribers_at_start",
                "INT64",
                "count(distinct s.subscriber_id)",
                Step::Aggregates,
                &[(0, "subscriber_id", Aggregation)],
                "Paying subscribers on the first of the month.",
            ),
            (
                "cancelled",
                "INT64",
                "countif(s.cancelled_at is not null)",
                Step::Aggregates,
                &[(0, "cancelled_at", Aggregation)],
                "",
            ),
            (
                "churn_rate",
                "FLOAT64",
                "safe_divide(countif(s.cancelled_at is not null), count(distinct s.subscriber_id))",
                Step::Aggregates,
                &[(0, "cancelled_at", Aggregation), (0, "subscriber_id", Aggregation)],
                "Share of subscribers active at the start of a month who cancelled by its end. **Trials do not count.**",
            ),
        ],
        rows: &[
            ("on", RowEdgeKind::Join, "s.started_on <= c.month", 0, "started_on"),
            ("where", RowEdgeKind::Filter, "not s.is_trial", 0, "is_trial"),
            ("group by", RowEdgeKind::GroupBy, "month, country", 0, "country"),
        ],
    },
    Model {
        name: "shop.finance.account_churn",
        kind: AssetKind::Table,
        path: "finance/account_churn.sql",
        sql: "select\n  country,\n  countif(cancelled_at is not null) / count(*) as churn_rate\nfrom shop.staging.subscriptions\ngroup by country\n",
        reads: &["shop.staging.subscriptions"],
        columns: &[
            ("country", "STRING", "country", Step::Copies, &[(0, "country", Identity)], ""),
            (
                "churn_rate",
                "FLOAT64",
                "countif(cancelled_at is not null) / count(*)",
                Step::Aggregates,
                &[(0, "cancelled_at", Aggregation)],
                "Cancellations over accounts, trials included.",
            ),
        ],
        rows: &[("group by", RowEdgeKind::GroupBy, "country", 0, "country")],
    },
    Model {
        name: "shop.reporting.board_pack_with_a_name_that_is_really_much_longer_than_anybody_should_ever_give_to_a_table",
        kind: AssetKind::Table,
        path: "reporting/board_pack.sql",
        sql: "select m.month, m.churn_rate as churn, old.churn_rate as churn_before\nfrom shop.marts.subscription_churn_monthly as m\nleft join shop.legacy.churn_daily_v1 as old using (month)\n",
        reads: &["shop.marts.subscription_churn_monthly", "shop.legacy.churn_daily_v1"],
        columns: &[
            ("month", "DATE", "m.month", Step::Copies, &[(0, "month", Identity)], ""),
            ("churn", "FLOAT64", "m.churn_rate", Step::Copies, &[(0, "churn_rate", Identity)], ""),
            ("churn_before", "FLOAT64", "old.churn_rate", Step::Copies, &[(1, "churn_rate", Identity)], ""),
        ],
        rows: &[("using", RowEdgeKind::Join, "month", 0, "month")],
    },
];

/// Writes the company into the folder `data` and publishes it as one run.
pub(crate) async fn write(data: &Path) {
    let store = Store::open(data).await.unwrap();
    let lock = store.lock_crawl().await.unwrap();
    let run = store.begin_run(&lock).await.unwrap();
    let analyses: Vec<NewAnalysis> = MODELS.iter().map(analyse).collect();
    let numbers = store.write_analyses(&analyses).await.unwrap();
    let mut documents: Vec<DocumentState> = MODELS.iter().map(document).collect();
    for (document, number) in documents.iter_mut().zip(numbers) {
        document.analysis = Some(number);
    }
    let mut metadata = document(&MODELS[0]);
    metadata.path = "metadata.yaml".into();
    metadata.text = None;
    metadata.role = "metadata";
    documents.push(metadata);
    documents.sort_by(|one, other| one.path.cmp(&other.path));
    let place = |path: &str| documents.iter().position(|one| &*one.path == path).unwrap() as u32;
    let mut assets: Vec<AssetState> =
        MODELS.iter().map(|model| asset(model, place(model.path), place("metadata.yaml"))).collect();
    assets.extend(others(place("metadata.yaml")));
    assets.sort_by(|one, other| one.key.cmp(&other.key));
    let state = CatalogState { sources: vec![source()], documents, assets };
    store.write_state(run, &state).await.unwrap();
    let counts = RunCounts {
        documents: 4,
        changed_documents: 4,
        statements: 4,
        analysed: 4,
        assets: 8,
        columns: 30,
        column_edges: 15,
        diagnostics: 1,
        milliseconds: 1_234,
        ..RunCounts::default()
    };
    store.publish_run(run, &counts).await.unwrap();
    store.unlock_crawl(lock).await.unwrap();
    store.close().await;
}

fn source() -> RunSource {
    RunSource {
        name: "warehouse".to_owned(),
        location: "/srv/warehouse".to_owned(),
        commit: Some("9f2c1ab0d3e4f5a6b7c8d9e0f1a2b3c4d5e6f708".to_owned()),
        commit_time: Some(CHANGED),
        outcome: "read".to_owned(),
        permalink: Some("https://forge.example/shop/warehouse/blob/{commit}/{path}#L{line}".to_owned()),
        fingerprint: "1".to_owned(),
    }
}

fn key(name: &str) -> AssetKey {
    AssetKey { namespace: WAREHOUSE.to_owned(), key: name.to_owned() }
}

fn span(text: &str, part: &str) -> Span {
    let start = text.find(part).unwrap_or_else(|| panic!("{part} in {text}"));
    Span::new(start, start + part.len())
}

fn document(model: &Model) -> DocumentState {
    DocumentState {
        source: 0,
        path: model.path.into(),
        blob: format!("{:032x}", digest(model.sql)),
        text: Some(DocumentText { digest: digest(model.sql), text: Some(model.sql.into()) }),
        role: "query",
        history: Some(FileHistory {
            last_change: Some(Change {
                commit: "9f2c1ab0d3e4f5a6b7c8d9e0f1a2b3c4d5e6f708".to_owned(),
                author: "Growth Engineer".to_owned(),
                email: "growth-engineer@shop.example".to_owned(),
                time: CHANGED,
                summary: "Trials no longer count".to_owned(),
            }),
            contributors: vec![Contributor {
                path: model.path.to_owned(),
                author: "Growth Engineer".to_owned(),
                email: "growth-engineer@shop.example".to_owned(),
                commits: 4,
                last: CHANGED,
            }],
        }),
        analysis: None,
        stale: None,
        diagnostics: match model.path {
            "finance/account_churn.sql" => vec![PlacedDiagnostic {
                line: 3,
                code: "ambiguous-column".to_owned(),
                message: "`cancelled_at` could come from several relations.".to_owned(),
                span: span(model.sql, "cancelled_at"),
            }],
            _ => Vec::new(),
        },
    }
}

/// Tells texts apart; any hash does.
fn digest(text: &str) -> u128 {
    text.bytes().fold(7, |sum: u128, byte| sum.wrapping_mul(1_099_511_628_211).wrapping_add(u128::from(byte)))
}

fn asset(model: &Model, document: u32, metadata: u32) -> AssetState {
    let columns: Vec<DeclaredColumn> = model
        .columns
        .iter()
        .map(|(name, data_type, _, _, _, meaning)| DeclaredColumn {
            name: (*name).to_owned(),
            data_type: (*data_type).to_owned(),
            description: (!meaning.is_empty()).then(|| (*meaning).to_owned()),
        })
        .collect();
    let mut facts = Vec::new();
    if model.path.starts_with("marts") {
        facts.push((FactKind::Owner { name: "growth-analytics".to_owned() }, metadata, 3));
        facts.push((FactKind::Tag { name: "certified".to_owned() }, metadata, 4));
        facts.push((FactKind::Schedule { text: "daily at 04:00".to_owned() }, metadata, 5));
        let text = "One row per country and month: subscribers at start, cancellations, `churn_rate`.\n\nUse it for **the** churn rate; <script>alert('x')</script>see the [guide](https://docs.example/churn).".to_owned();
        facts.push((FactKind::Description { text }, metadata, 6));
    }
    if model.path.starts_with("finance") {
        facts.push((FactKind::Owner { name: "finance-data".to_owned() }, metadata, 9));
        facts.push((FactKind::Description { text: "Account-level cancellations for the board pack.".to_owned() }, metadata, 10));
    }
    AssetState {
        key: key(model.name),
        name: model.name.to_owned(),
        kind: model.kind,
        role: AssetRole::Model,
        environment: None,
        stale: false,
        aliases: Vec::new(),
        facts,
        declared: vec![(document, columns.into())],
        inferred: Some(InferredColumns {
            columns: model.columns.iter().map(|column| column.0.to_owned()).collect(),
            complete: true,
            whole: true,
        }),
        shown: BTreeMap::new(),
    }
}

fn others(metadata: u32) -> Vec<AssetState> {
    let plain = |name: &str, role: AssetRole, columns: &[&str]| AssetState {
        key: key(name),
        name: name.to_owned(),
        kind: AssetKind::Table,
        role,
        environment: None,
        stale: false,
        aliases: Vec::new(),
        facts: Vec::new(),
        declared: vec![(
            metadata,
            columns.iter().map(|name| DeclaredColumn { name: (*name).to_owned(), ..DeclaredColumn::default() }).collect(),
        )],
        inferred: None,
        shown: BTreeMap::new(),
    };
    let raw = ["subscriber_id", "subscription_id", "country", "is_trial", "is_test", "started_at", "at", "state"];
    let mut legacy = plain("shop.legacy.churn_daily_v1", AssetRole::Source, &["month", "churn_rate"]);
    legacy.facts.push((
        FactKind::Deprecated {
            note: "Counts trials. Use `shop.marts.subscription_churn_monthly` instead.".to_owned(),
            date: Some("2026-12-31".to_owned()),
            replacement: Some("shop.marts.subscription_churn_monthly".to_owned()),
        },
        metadata,
        12,
    ));
    vec![
        plain("shop.raw.billing_events", AssetRole::Source, &raw),
        plain("shop.staging.calendar", AssetRole::Source, &["month"]),
        legacy,
    ]
}

fn analyse(model: &Model) -> NewAnalysis {
    let lines = LineIndex::new(model.sql);
    let line = |span: Span| lines.line(span.start);
    let target = model.reads.len() as u32;
    let mut assets: Vec<AssetKey> = model.reads.iter().map(|name| key(name)).collect();
    assets.push(key(model.name));
    let mut edges = Vec::new();
    let mut stored = Vec::new();
    for (name, _, expression, _, sources, _) in model.columns {
        let span = span(model.sql, expression);
        for (read, column, kind) in *sources {
            edges.push(ColumnEdge {
                from: Some(*read as u32),
                from_column: (*column).to_owned(),
                to: None,
                to_column: (*name).to_owned(),
                kind: *kind,
                guessed: false,
                span,
            });
            stored.push(NewColumnEdge {
                to: (target, (*name).into()),
                from: (*read as u32, (*column).into()),
                kind: *kind,
                guessed: false,
                line: line(span),
            });
        }
    }
    let rows: Vec<RowEdge> = model
        .rows
        .iter()
        .map(|(_, kind, clause, read, column)| RowEdge {
            from: Some(*read as u32),
            from_column: (*column).to_owned(),
            kind: *kind,
            span: span(model.sql, clause),
        })
        .collect();
    let outputs: Vec<OutputColumn> =
        model.columns.iter().map(|column| OutputColumn { name: column.0.to_owned(), span: span(model.sql, column.2) }).collect();
    let stored_rows: Vec<NewRowEdge> = model
        .rows
        .iter()
        .zip(&rows)
        .map(|((_, kind, _, read, column), edge)| NewRowEdge {
            to: target,
            from: (*read as u32, (*column).into()),
            kind: *kind,
            line: line(edge.span),
        })
        .collect();
    let whole = Span::new(0, model.sql.len());
    let sources: Vec<u32> = (0..target).collect();
    let detail = Analysis {
        relations: model.reads.iter().map(|name| RelationName::from_dotted(name)).collect(),
        statements: vec![StatementLineage {
            span: whole,
            verb: "select".to_owned(),
            sources: sources.clone(),
            columns: edges.clone(),
            rows: rows.clone(),
            outputs: outputs.clone(),
            outputs_complete: true,
            derivation: derivation(model, whole),
            ..StatementLineage::default()
        }],
        targets: vec![TargetLineage {
            relation: None,
            kind: None,
            statements: vec![0],
            sources,
            columns: edges,
            rows,
            outputs,
            outputs_complete: true,
            outputs_vary: false,
            declared: Vec::new(),
            calls: Vec::new(),
            remarks: Vec::new(),
            superseded: false,
        }],
        diagnostics: Vec::new(),
        lines: Vec::new(),
    };
    NewAnalysis {
        script: model.name.to_owned(),
        names: String::new(),
        answers: digest(model.name),
        lookups: String::new(),
        results: String::new(),
        bound: (0..target).map(Some).collect(),
        targets: vec![Some(target)],
        writes: vec![target],
        reads: Vec::new(),
        checks: Vec::new(),
        columns: stored,
        rows: stored_rows,
        asset_edges: (0..target).map(|read| (target, read, 1)).collect(),
        routine_edges: Vec::new(),
        diagnostics: Vec::new(),
        assets,
        detail,
    }
}

fn derivation(model: &Model, whole: Span) -> Derivation {
    let inputs = model
        .reads
        .iter()
        .enumerate()
        .map(|(at, name)| ScopeInput {
            alias: name.rsplit('.').next().unwrap_or(name).to_owned(),
            from: InputFrom::Relation(at as u32),
            span: span(model.sql, name),
        })
        .collect();
    let columns = model.columns.iter().map(|(name, _, expression, step, sources, _)| DerivedColumn {
        name: (*name).to_owned(),
        span: span(model.sql, expression),
        step: *step,
        inputs: sources
            .iter()
            .map(|(read, column, kind)| ColumnInput { input: Some(*read as u32), column: (*column).to_owned(), kind: *kind })
            .collect(),
    });
    let clauses = model.rows.iter().map(|(word, kind, clause, _, _)| RowClause {
        kind: *kind,
        word: (*word).to_owned(),
        span: span(model.sql, clause),
    });
    Derivation {
        scopes: vec![DerivedScope {
            kind: ScopeKind::Select,
            name: String::new(),
            span: whole,
            inputs,
            clauses: clauses.collect(),
            columns: columns.collect(),
        }],
    }
}
