//! Scripts and analyses: recalled by what they were made of, written once, never changed.

use std::collections::{BTreeMap, HashMap};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sqlx::{Row, SqliteConnection};

use super::{
    AnalysisId, NewAnalysis, RecalledAnalysis, RecalledScript, StandingAnalyses, Store, StoreError,
    pack::{self, PackedColumnEdge, PackedEdges, PackedRowEdge},
    runs::to_json,
    texts::intern_texts,
};
use crate::model::{Analysis, AssetId, AssetKey};

/// How many rows travel in one statement.
const ROWS: usize = 5_000;
/// How many analyses are written in one transaction.
const ANALYSES: usize = 400;

/// The lineage of a document with the assets that it speaks of.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct StoredDetail {
    pub(crate) analysis: Analysis,
    /// For every relation, its asset's number.
    pub(crate) bound: Vec<Option<u32>>,
    /// For every target, its asset's number.
    pub(crate) targets: Vec<Option<u32>>,
}

/// Of the `targets` of an analysis those that are `asset`: which hold, and which another document's take the
/// place of.
pub(super) fn own_targets(analysis: &Analysis, targets: &[Option<u32>], asset: AssetId) -> (Vec<u32>, Vec<u32>) {
    let own = (0u32..).zip(targets).filter(|(_, target)| **target == Some(asset.0)).map(|(at, _)| at);
    own.partition(|at| analysis.targets.get(*at as usize).is_none_or(|target| !target.superseded))
}

impl Store {
    /// What is remembered of the scripts of these keys.
    pub async fn recall_scripts(&self, keys: &[String]) -> Result<HashMap<String, RecalledScript>, StoreError> {
        let mut scripts: HashMap<String, RecalledScript> = HashMap::with_capacity(keys.len());
        for some in keys.chunks(ROWS) {
            let some = to_json(some)?;
            let names = sqlx::query(
                "SELECT script.key, text.form, text.body FROM json_each(?1) AS wanted
                 JOIN script ON script.key = wanted.value JOIN text ON text.id = script.names",
            )
            .bind(&some)
            .fetch_all(&self.readers);
            let analyses = sqlx::query(
                "SELECT script.key, analysis.id, analysis.lookups, analysis.results FROM json_each(?1) AS wanted
                 JOIN script ON script.key = wanted.value JOIN analysis ON analysis.script = script.id",
            )
            .bind(&some)
            .fetch_all(&self.readers);
            let (names, analyses) = tokio::try_join!(names, analyses)?;
            for row in names {
                let names = pack::unpack_text(row.try_get(1)?, row.try_get(2)?)?;
                scripts.insert(row.try_get(0)?, RecalledScript { names, analyses: Vec::new() });
            }
            let recalled: Vec<(String, RecalledAnalysis)> =
                analyses.par_iter().map(|row| Ok((row.try_get(0)?, recalled(row)?))).collect::<Result<_, StoreError>>()?;
            for (key, analysis) in recalled {
                if let Some(script) = scripts.get_mut(&key) {
                    script.analyses.push(analysis);
                }
            }
        }
        // Sorted here: the database would carry what they hold through its sorter.
        for script in scripts.values_mut() {
            script.analyses.sort_unstable_by_key(|analysis| analysis.id);
        }
        Ok(scripts)
    }

    /// What is remembered of the analyses of these numbers.
    pub async fn recall_analyses(&self, ids: &[AnalysisId]) -> Result<Vec<RecalledAnalysis>, StoreError> {
        let ids: Vec<i64> = ids.iter().map(|id| id.0).collect();
        let rows = sqlx::query(
            "SELECT '', id, lookups, results FROM analysis WHERE id IN (SELECT value FROM json_each(?1)) ORDER BY id",
        )
        .bind(to_json(&ids)?)
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(recalled).collect()
    }

    /// The analyses that stand in the newest run, by source and path.
    pub async fn standing_analyses(&self) -> Result<HashMap<(String, String), StandingAnalyses>, StoreError> {
        let rows = sqlx::query(
            "SELECT source.name, document.path, placement.stale, placement.analysis FROM placement
             JOIN document ON document.id = placement.document JOIN source ON source.id = document.source
             WHERE placement.valid_to IS NULL",
        )
        .fetch_all(&self.readers)
        .await?;
        let mut standing: HashMap<(String, String), StandingAnalyses> = HashMap::with_capacity(rows.len());
        for row in rows {
            let entry = standing.entry((row.try_get(0)?, row.try_get(1)?)).or_default();
            let analysis = Some(AnalysisId(row.try_get(3)?));
            match row.try_get::<i64, _>(2)? {
                0 => entry.analysis = analysis,
                _ => entry.stale = analysis,
            }
        }
        Ok(standing)
    }

    /// Writes analyses, and scripts, assets and columns that are new with them. Numbers come back in order.
    pub async fn write_analyses(&self, analyses: &[NewAnalysis]) -> Result<Vec<AnalysisId>, StoreError> {
        let mut ids = Vec::with_capacity(analyses.len());
        for some in analyses.chunks(ANALYSES) {
            let mut transaction = self.crawl.begin_with("BEGIN IMMEDIATE").await?;
            let scripts = intern_scripts(&mut transaction, some).await?;
            let assets = intern_assets(&mut transaction, some.iter().flat_map(|new| &new.assets)).await?;
            let columns = intern_columns(&mut transaction, some, &assets).await?;
            let numbered = number_analyses(some, &assets, &columns)?;
            ids.extend(insert_analyses(&mut transaction, some, &scripts, numbered).await?);
            transaction.commit().await?;
        }
        Ok(ids)
    }
}

fn recalled(row: &sqlx::sqlite::SqliteRow) -> Result<RecalledAnalysis, StoreError> {
    let unpack = |packed: &[u8]| pack::unzip_text(packed);
    Ok(RecalledAnalysis { id: AnalysisId(row.try_get(1)?), lookups: unpack(row.try_get(2)?)?, results: unpack(row.try_get(3)?)? })
}

async fn intern_scripts(connection: &mut SqliteConnection, analyses: &[NewAnalysis]) -> Result<HashMap<String, i64>, StoreError> {
    let names: Vec<&str> = analyses.iter().map(|new| new.names.as_str()).collect();
    let names = intern_texts(connection, &names).await?;
    let rows: BTreeMap<&str, i64> = analyses.iter().map(|new| new.script.as_str()).zip(names).collect();
    let rows: Vec<_> = rows.into_iter().collect();
    sqlx::query(
        "INSERT INTO script (key, names) SELECT value->>0, value->>1 FROM json_each(?1) WHERE true
         ON CONFLICT (key) DO NOTHING",
    )
    .bind(to_json(&rows)?)
    .execute(&mut *connection)
    .await?;
    let keys: Vec<&str> = rows.iter().map(|(key, _)| *key).collect();
    let rows: Vec<(String, i64)> = sqlx::query_as("SELECT key, id FROM script WHERE key IN (SELECT value FROM json_each(?1))")
        .bind(to_json(&keys)?)
        .fetch_all(&mut *connection)
        .await?;
    Ok(rows.into_iter().collect())
}

/// The numbers of assets, given where they have none yet.
pub(super) async fn intern_assets<'a>(
    connection: &mut SqliteConnection,
    keys: impl Iterator<Item = &'a AssetKey>,
) -> Result<HashMap<AssetKey, u32>, StoreError> {
    let mut wanted: Vec<&AssetKey> = keys.collect();
    wanted.sort_unstable();
    wanted.dedup();
    let mut numbers = HashMap::with_capacity(wanted.len());
    for some in wanted.chunks(ROWS) {
        let rows: Vec<(&str, &str)> = some.iter().map(|key| (key.namespace.as_str(), key.key.as_str())).collect();
        let json = to_json(&rows)?;
        sqlx::query(
            "INSERT INTO asset (namespace, key) SELECT value->>0, value->>1 FROM json_each(?1) WHERE true
             ON CONFLICT (namespace, key) DO NOTHING",
        )
        .bind(&json)
        .execute(&mut *connection)
        .await?;
        let ids: Vec<(i64, i64)> = sqlx::query_as(
            "SELECT wanted.key, asset.id FROM json_each(?1) AS wanted
             JOIN asset ON asset.namespace = wanted.value->>0 AND asset.key = wanted.value->>1",
        )
        .bind(&json)
        .fetch_all(&mut *connection)
        .await?;
        numbers.extend(ids.into_iter().map(|(at, id)| (some[at as usize].clone(), id as u32)));
    }
    Ok(numbers)
}

type Columns<'a> = HashMap<(u32, &'a str), u32>;

/// The numbers of the columns that `analyses` name, given where they have none yet.
async fn intern_columns<'a>(
    connection: &mut SqliteConnection,
    analyses: &'a [NewAnalysis],
    assets: &HashMap<AssetKey, u32>,
) -> Result<Columns<'a>, StoreError> {
    let mut wanted: Vec<(u32, &'a str)> = Vec::new();
    for new in analyses {
        let asset = |at: u32| new.assets.get(at as usize).and_then(|key| assets.get(key)).copied();
        let ends = new.columns.iter().flat_map(|edge| [&edge.to, &edge.from]).chain(new.rows.iter().map(|edge| &edge.from));
        wanted.extend(ends.filter_map(|(at, key)| Some((asset(*at)?, &**key))));
    }
    wanted.sort_unstable();
    wanted.dedup();
    let mut numbers = HashMap::with_capacity(wanted.len());
    for some in wanted.chunks(ROWS) {
        let json = to_json(some)?;
        sqlx::query(
            "INSERT INTO column_ (asset, key) SELECT value->>0, value->>1 FROM json_each(?1) WHERE true
             ON CONFLICT (asset, key) DO NOTHING",
        )
        .bind(&json)
        .execute(&mut *connection)
        .await?;
        let ids: Vec<(i64, i64)> = sqlx::query_as(
            "SELECT wanted.key, column_.id FROM json_each(?1) AS wanted
             JOIN column_ ON column_.asset = wanted.value->>0 AND column_.key = wanted.value->>1",
        )
        .bind(&json)
        .fetch_all(&mut *connection)
        .await?;
        numbers.extend(ids.into_iter().map(|(at, id)| (some[at as usize], id as u32)));
    }
    Ok(numbers)
}

/// An analysis ready to be inserted.
struct Numbered {
    lookups: Vec<u8>,
    results: Vec<u8>,
    edges: Vec<u8>,
    detail: Vec<u8>,
    assets: Vec<u32>,
}

fn number_analyses(
    analyses: &[NewAnalysis],
    assets: &HashMap<AssetKey, u32>,
    columns: &Columns<'_>,
) -> Result<Vec<Numbered>, StoreError> {
    analyses.par_iter().map(|new| number_analysis(new, assets, columns)).collect()
}

fn number_analysis(new: &NewAnalysis, assets: &HashMap<AssetKey, u32>, columns: &Columns<'_>) -> Result<Numbered, StoreError> {
    let missing = || StoreError::Damaged("an edge of an analysis names no asset of it".into());
    let numbers: Vec<u32> =
        new.assets.iter().map(|key| assets.get(key).copied().ok_or_else(missing)).collect::<Result<_, _>>()?;
    let asset = |at: u32| numbers.get(at as usize).copied().ok_or_else(missing);
    let column = |(at, key): &(u32, Box<str>)| -> Result<u32, StoreError> {
        columns.get(&(asset(*at)?, &**key)).copied().ok_or_else(missing)
    };
    let mut edges = PackedEdges::default();
    for edge in &new.columns {
        edges.columns.push(PackedColumnEdge {
            to: column(&edge.to)?,
            from: column(&edge.from)?,
            kind: edge.kind,
            guessed: edge.guessed,
            line: edge.line,
        });
    }
    for edge in &new.rows {
        let (to_asset, from) = (asset(edge.to)?, column(&edge.from)?);
        edges.rows.push(PackedRowEdge { to_asset, from, kind: edge.kind, line: edge.line });
    }
    edges.columns.sort_unstable();
    edges.rows.sort_unstable();
    let numbers_of =
        |list: &[Option<u32>]| list.iter().map(|at| at.map(asset).transpose()).collect::<Result<Vec<_>, StoreError>>();
    let detail = BorrowedDetail { analysis: &new.detail, bound: numbers_of(&new.bound)?, targets: numbers_of(&new.targets)? };
    Ok(Numbered {
        lookups: pack::zip_text(&new.lookups)?,
        results: pack::zip_text(&new.results)?,
        edges: pack::pack_edges(&edges)?,
        detail: pack::pack_json(&detail)?,
        assets: numbers,
    })
}

/// [`StoredDetail`], borrowed.
#[derive(Serialize)]
struct BorrowedDetail<'a> {
    analysis: &'a Analysis,
    bound: Vec<Option<u32>>,
    targets: Vec<Option<u32>>,
}

async fn insert_analyses(
    connection: &mut SqliteConnection,
    analyses: &[NewAnalysis],
    scripts: &HashMap<String, i64>,
    numbered: Vec<Numbered>,
) -> Result<Vec<AnalysisId>, StoreError> {
    let mut ids = Vec::with_capacity(analyses.len());
    let (mut hows, mut edges, mut calls, mut diagnostics) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut reads = Vec::new();
    for (new, row) in analyses.iter().zip(numbered) {
        let answers = new.answers.to_be_bytes().to_vec();
        let script = scripts.get(&new.script).copied().unwrap_or_default();
        let inserted: Option<i64> = sqlx::query_scalar(
            "INSERT INTO analysis (script, answers, lookups, results, edges, detail) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (script, answers) DO NOTHING RETURNING id",
        )
        .bind(script)
        .bind(&answers)
        .bind(row.lookups)
        .bind(row.results)
        .bind(row.edges)
        .bind(row.detail)
        .fetch_optional(&mut *connection)
        .await?;
        let Some(id) = inserted else {
            let known: i64 = sqlx::query_scalar("SELECT id FROM analysis WHERE script = ?1 AND answers = ?2")
                .bind(script)
                .bind(&answers)
                .fetch_one(&mut *connection)
                .await?;
            ids.push(AnalysisId(known));
            continue;
        };
        ids.push(AnalysisId(id));
        let asset = |at: u32| row.assets.get(at as usize).copied();
        hows.extend(new.writes.iter().map(|at| (asset(*at), id, "writes")));
        hows.extend(new.checks.iter().map(|at| (asset(*at), id, "checks")));
        for (at, columns) in &new.reads {
            reads.push((asset(*at), id, to_json(columns)?));
        }
        edges.extend(new.asset_edges.iter().map(|(to, from, line)| (id, asset(*to), asset(*from), *line)));
        calls.extend(new.routine_edges.iter().map(|(caller, routine)| (id, asset(*caller), asset(*routine))));
        for (ordinal, diagnostic) in new.diagnostics.iter().enumerate() {
            let span = diagnostic.span;
            let place = (id, ordinal, &diagnostic.code, diagnostic.line);
            diagnostics.push((place, span.start, span.end, &diagnostic.message));
        }
    }
    insert_rows(connection, INSERT_HOWS, &hows).await?;
    insert_rows(connection, INSERT_READS, &reads).await?;
    insert_rows(connection, INSERT_EDGES, &edges).await?;
    insert_rows(connection, INSERT_CALLS, &calls).await?;
    insert_rows(connection, INSERT_DIAGNOSTICS, &diagnostics).await?;
    Ok(ids)
}

const INSERT_HOWS: &str = "INSERT INTO analysis_asset (asset, analysis, how)
    SELECT value->>0, value->>1, value->>2 FROM json_each(?1) WHERE true ON CONFLICT DO NOTHING";
const INSERT_READS: &str = "INSERT INTO analysis_read (asset, analysis, columns)
    SELECT value->>0, value->>1, value->>2 FROM json_each(?1) WHERE true ON CONFLICT DO NOTHING";
const INSERT_EDGES: &str = "INSERT INTO asset_edge (analysis, to_asset, from_asset, line)
    SELECT value->>0, value->>1, value->>2, value->>3 FROM json_each(?1) WHERE true ON CONFLICT DO NOTHING";
const INSERT_CALLS: &str = "INSERT INTO routine_edge (analysis, caller, routine)
    SELECT value->>0, value->>1, value->>2 FROM json_each(?1) WHERE true ON CONFLICT DO NOTHING";
const INSERT_DIAGNOSTICS: &str = "INSERT INTO analysis_diagnostic (analysis, ordinal, code, line, span_start, span_end, message)
    SELECT value->0->>0, value->0->>1, value->0->>2, value->0->>3, value->>1, value->>2, value->>3
    FROM json_each(?1)";

/// Sends `rows` as JSON arrays into one statement, some thousands at a time.
pub(super) async fn insert_rows<T: Serialize>(
    connection: &mut SqliteConnection,
    statement: &'static str,
    rows: &[T],
) -> Result<(), StoreError> {
    for some in rows.chunks(ROWS) {
        sqlx::query(statement).bind(to_json(some)?).execute(&mut *connection).await?;
    }
    Ok(())
}
