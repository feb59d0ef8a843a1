//! Writing a run: the catalog as it is to stand is compared with what stands, and only differences
//! are written, as intervals closed and opened.

use std::collections::{BTreeMap, HashMap};

use rayon::prelude::*;
use sqlx::{Row, SqliteConnection};
use xxhash_rust::xxh3::xxh3_128;

use super::{
    AssetState, CatalogState, DocumentState, RunSource, Store, StoreError,
    analyses::{insert_rows, intern_assets},
    pack,
    runs::to_json,
    texts::{intern_digests, intern_texts},
};
use crate::model::RunNumber;

/// How many changed documents or assets are written in one transaction, so that no other writer waits long.
const BATCH: usize = 1_000;

/// What writing a run changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Files that are new, changed or gone.
    pub documents: u64,
    /// SQL documents among them.
    pub sql_documents: u64,
    /// Assets that are new, changed or gone.
    pub assets: u64,
}

impl Store {
    /// Writes `state` as the whole catalog of the unpublished `run`.
    pub async fn write_state(&self, run: RunNumber, state: &CatalogState) -> Result<Written, StoreError> {
        let mut written = Written::default();
        let sources = self.write_sources(run, &state.sources).await?;
        let documents = self.write_documents(run, state, &sources, &mut written).await?;
        self.write_assets(run, state, &documents, &mut written).await?;
        Ok(written)
    }

    /// Records what the unpublished `run` read, where it changes nothing else.
    pub async fn write_run_sources(&self, run: RunNumber, sources: Vec<RunSource>) -> Result<(), StoreError> {
        self.write_sources(run, &sources).await.map(|_| ())
    }

    /// Records what was read; the sources' numbers come back.
    async fn write_sources(&self, run: RunNumber, sources: &[RunSource]) -> Result<Vec<i64>, StoreError> {
        let mut transaction = self.crawl.begin_with("BEGIN IMMEDIATE").await?;
        let mut numbers = Vec::with_capacity(sources.len());
        for (ordinal, source) in sources.iter().enumerate() {
            sqlx::query("INSERT INTO source (name) VALUES (?1) ON CONFLICT DO NOTHING")
                .bind(&source.name)
                .execute(&mut *transaction)
                .await?;
            let number: i64 = sqlx::query_scalar("SELECT id FROM source WHERE name = ?1")
                .bind(&source.name)
                .fetch_one(&mut *transaction)
                .await?;
            sqlx::query(
                "INSERT INTO run_source
                 (run, ordinal, source, location, commit_id, commit_time, permalink, outcome, fingerprint)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            )
            .bind(run.0)
            .bind(ordinal as i64)
            .bind(number)
            .bind(&source.location)
            .bind(&source.commit)
            .bind(source.commit_time)
            .bind(&source.permalink)
            .bind(&source.outcome)
            .bind(&source.fingerprint)
            .execute(&mut *transaction)
            .await?;
            numbers.push(number);
        }
        transaction.commit().await?;
        Ok(numbers)
    }

    /// Writes files that differ; the numbers of all come back, in the order of `state`.
    async fn write_documents(
        &self,
        run: RunNumber,
        state: &CatalogState,
        sources: &[i64],
        written: &mut Written,
    ) -> Result<Vec<i64>, StoreError> {
        let standing = self.standing_documents().await?;
        let digests: Vec<[u8; 16]> = state.documents.par_iter().map(digest_document).collect::<Result<_, _>>()?;
        let numbers = self.number_documents(state, sources, &standing).await?;
        let mut changed = Vec::new();
        let mut seen: HashMap<i64, ()> = HashMap::with_capacity(numbers.len());
        for (at, number) in numbers.iter().enumerate() {
            seen.insert(*number, ());
            let same = standing.versions.get(number).is_some_and(|(digest, _)| *digest == digests[at]);
            if !same {
                changed.push(at);
                written.sql_documents += u64::from(state.documents[at].text.is_some());
            }
        }
        let mut gone: Vec<i64> = Vec::new();
        for (number, (_, is_sql)) in &standing.versions {
            if !seen.contains_key(number) {
                gone.push(*number);
                written.sql_documents += u64::from(*is_sql);
            }
        }
        gone.sort_unstable();
        written.documents += (changed.len() + gone.len()) as u64;
        for some in gone.chunks(BATCH) {
            let mut transaction = self.crawl.begin_with("BEGIN IMMEDIATE").await?;
            close(&mut transaction, run, CLOSE_DOCUMENTS, some).await?;
            transaction.commit().await?;
        }
        for some in changed.chunks(BATCH) {
            let mut transaction = self.crawl.begin_with("BEGIN IMMEDIATE").await?;
            let closing: Vec<i64> = some.iter().map(|at| numbers[*at]).collect();
            close(&mut transaction, run, CLOSE_DOCUMENTS, &closing).await?;
            open_documents(&mut transaction, run, state, some, &numbers, &digests).await?;
            transaction.commit().await?;
        }
        Ok(numbers)
    }

    async fn standing_documents(&self) -> Result<StandingDocuments, StoreError> {
        let mut standing = StandingDocuments::default();
        let rows = sqlx::query(
            "SELECT document.id, source, path, digest, text IS NOT NULL FROM document
             LEFT JOIN document_version AS version ON version.document = document.id AND version.valid_to IS NULL",
        )
        .fetch_all(&self.crawl)
        .await?;
        for row in rows {
            let number: i64 = row.try_get(0)?;
            standing.numbers.insert((row.try_get(1)?, row.try_get(2)?), number);
            if let Some(digest) = row.try_get::<Option<&[u8]>, _>(3)? {
                standing.versions.insert(number, (digest_of(digest)?, row.try_get(4)?));
            }
        }
        Ok(standing)
    }

    async fn number_documents(
        &self,
        state: &CatalogState,
        sources: &[i64],
        standing: &StandingDocuments,
    ) -> Result<Vec<i64>, StoreError> {
        let mut next = standing.numbers.values().max().copied().unwrap_or(0) + 1;
        let mut fresh = Vec::new();
        let mut numbers = Vec::with_capacity(state.documents.len());
        for document in &state.documents {
            let source = sources
                .get(document.source as usize)
                .copied()
                .ok_or_else(|| StoreError::Damaged("a document names no source".into()))?;
            let known = standing.numbers.get(&(source, document.path.to_string()));
            numbers.push(known.copied().unwrap_or_else(|| {
                fresh.push((next, source, &document.path));
                next += 1;
                next - 1
            }));
        }
        let mut transaction = self.crawl.begin_with("BEGIN IMMEDIATE").await?;
        let insert = "INSERT INTO document (id, source, path) SELECT value->>0, value->>1, value->>2 FROM json_each(?1)";
        insert_rows(&mut transaction, insert, &fresh).await?;
        transaction.commit().await?;
        Ok(numbers)
    }

    async fn write_assets(
        &self,
        run: RunNumber,
        state: &CatalogState,
        documents: &[i64],
        written: &mut Written,
    ) -> Result<(), StoreError> {
        let digests: Vec<AssetDigests> =
            state.assets.par_iter().map(|asset| digest_asset(asset, documents)).collect::<Result<_, _>>()?;
        let standing = self.standing_assets().await?;
        let mut transaction = self.crawl.begin_with("BEGIN IMMEDIATE").await?;
        let numbers = intern_assets(&mut transaction, state.assets.iter().map(|asset| &asset.key)).await?;
        transaction.commit().await?;
        let mut changed = Vec::new();
        let mut seen: HashMap<i64, ()> = HashMap::with_capacity(numbers.len());
        for (at, asset) in state.assets.iter().enumerate() {
            let number = numbers.get(&asset.key).copied().map(i64::from).unwrap_or_default();
            seen.insert(number, ());
            if standing.get(&number) != Some(&digests[at]) {
                changed.push(ChangedAsset { at, number, before: standing.get(&number) });
            }
        }
        let mut gone: Vec<i64> = standing.keys().filter(|number| !seen.contains_key(number)).copied().collect();
        gone.sort_unstable();
        written.assets += (changed.len() + gone.len()) as u64;
        for some in gone.chunks(BATCH) {
            let mut transaction = self.crawl.begin_with("BEGIN IMMEDIATE").await?;
            for part in [CLOSE_STATES, CLOSE_FACTS, CLOSE_DECLARED, CLOSE_INFERRED] {
                close(&mut transaction, run, part, some).await?;
            }
            transaction.commit().await?;
        }
        for some in changed.chunks(BATCH) {
            let mut transaction = self.crawl.begin_with("BEGIN IMMEDIATE").await?;
            open_assets(&mut transaction, run, state, documents, some, &digests).await?;
            transaction.commit().await?;
        }
        Ok(())
    }

    async fn standing_assets(&self) -> Result<HashMap<i64, AssetDigests>, StoreError> {
        let rows = sqlx::query(
            "SELECT asset, name, kind, role, stale, environment, facts_digest, declared_digest, inferred_digest
             FROM asset_state WHERE valid_to IS NULL",
        )
        .fetch_all(&self.crawl)
        .await?;
        rows.iter()
            .map(|row| {
                let digests = AssetDigests {
                    words: (row.try_get(1)?, row.try_get(2)?, row.try_get(3)?, row.try_get(4)?, row.try_get(5)?),
                    facts: digest_of(row.try_get(6)?)?,
                    declared: digest_of(row.try_get(7)?)?,
                    inferred: digest_of(row.try_get(8)?)?,
                };
                Ok((row.try_get(0)?, digests))
            })
            .collect()
    }
}

#[derive(Default)]
struct StandingDocuments {
    numbers: HashMap<(i64, String), i64>,
    /// Digest, and whether it is SQL.
    versions: HashMap<i64, ([u8; 16], bool)>,
}

/// An asset's state in parts that are written apart.
#[derive(PartialEq, Eq)]
struct AssetDigests {
    /// Name, kind, role, stale, environment ("" for prod).
    words: (String, String, String, bool, String),
    facts: [u8; 16],
    declared: [u8; 16],
    inferred: [u8; 16],
}

struct ChangedAsset<'a> {
    at: usize,
    number: i64,
    before: Option<&'a AssetDigests>,
}

const CLOSE_DOCUMENTS: &[&str] = &[
    "UPDATE document_version SET valid_to = ?1 WHERE valid_to IS NULL AND document IN (SELECT value FROM json_each(?2))",
    "UPDATE placement SET valid_to = ?1 WHERE valid_to IS NULL AND document IN (SELECT value FROM json_each(?2))",
    "UPDATE diagnostic SET valid_to = ?1 WHERE valid_to IS NULL AND document IN (SELECT value FROM json_each(?2))",
];
const CLOSE_STATES: &[&str] =
    &["UPDATE asset_state SET valid_to = ?1 WHERE valid_to IS NULL AND asset IN (SELECT value FROM json_each(?2))"];
const CLOSE_FACTS: &[&str] = &[
    "UPDATE asset_fact SET valid_to = ?1 WHERE valid_to IS NULL AND asset IN (SELECT value FROM json_each(?2))",
    "UPDATE asset_alias SET valid_to = ?1 WHERE valid_to IS NULL AND asset IN (SELECT value FROM json_each(?2))",
];
const CLOSE_DECLARED: &[&str] =
    &["UPDATE declared_schema SET valid_to = ?1 WHERE valid_to IS NULL AND asset IN (SELECT value FROM json_each(?2))"];
const CLOSE_INFERRED: &[&str] =
    &["UPDATE inferred_columns SET valid_to = ?1 WHERE valid_to IS NULL AND asset IN (SELECT value FROM json_each(?2))"];

/// Ends the open rows of these documents or assets before `run`.
async fn close(
    connection: &mut SqliteConnection,
    run: RunNumber,
    statements: &[&'static str],
    numbers: &[i64],
) -> Result<(), StoreError> {
    let json = to_json(numbers)?;
    for statement in statements {
        sqlx::query(*statement).bind(run.0).bind(&json).execute(&mut *connection).await?;
    }
    Ok(())
}

/// Opens versions, placements and diagnostics of the documents `changed`.
async fn open_documents(
    connection: &mut SqliteConnection,
    run: RunNumber,
    state: &CatalogState,
    changed: &[usize],
    numbers: &[i64],
    digests: &[[u8; 16]],
) -> Result<(), StoreError> {
    let documents = || changed.iter().map(|at| &state.documents[*at]);
    let texts: Vec<(u128, Option<&str>)> =
        documents().filter_map(|document| document.text.as_ref()).map(|text| (text.digest, text.text.as_deref())).collect();
    let mut texts = intern_digests(connection, &texts).await?.into_iter();
    let histories = documents()
        .map(|document| document.history.as_ref().map(to_json).transpose())
        .collect::<Result<Vec<Option<String>>, _>>()?;
    let present: Vec<&str> = histories.iter().flatten().map(String::as_str).collect();
    let mut history_numbers = intern_texts(connection, &present).await?.into_iter();
    let (mut versions, mut placements, mut diagnostics) = (Vec::new(), Vec::new(), Vec::new());
    for ((at, document), history) in changed.iter().zip(documents()).zip(&histories) {
        let number = numbers[*at];
        let text = document.text.as_ref().and_then(|_| texts.next());
        let history = history.as_ref().and_then(|_| history_numbers.next());
        let digest = hex(&digests[*at]);
        let last = document.history.as_ref().and_then(|history| history.last_change.as_ref());
        let last = (last.map(|change| &change.commit), last.map(|change| change.time));
        versions.push(((number, digest, &document.blob, text, document.role), history, last, run));
        placements.extend(document.analysis.map(|analysis| (number, 0, analysis.0, 0, run)));
        placements.extend(document.stale.map(|analysis| (number, 1, analysis.0, 1, run)));
        for (ordinal, diagnostic) in document.diagnostics.iter().enumerate() {
            let place = (number, ordinal, &diagnostic.code, diagnostic.line);
            diagnostics.push((place, diagnostic.span.start, diagnostic.span.end, &diagnostic.message, run));
        }
    }
    insert_rows(connection, OPEN_VERSIONS, &versions).await?;
    insert_rows(connection, OPEN_PLACEMENTS, &placements).await?;
    insert_rows(connection, OPEN_DIAGNOSTICS, &diagnostics).await
}

const OPEN_VERSIONS: &str =
    "INSERT INTO document_version (document, digest, blob, text, role, history, commit_id, changed_at, valid_from)
    SELECT value->0->>0, unhex(value->0->>1), value->0->>2, value->0->>3, value->0->>4,
        value->>1, value->2->>0, value->2->>1, value->>3 FROM json_each(?1)";
const OPEN_PLACEMENTS: &str = "INSERT INTO placement (document, ordinal, analysis, stale, valid_from)
    SELECT value->>0, value->>1, value->>2, value->>3, value->>4 FROM json_each(?1)";
const OPEN_DIAGNOSTICS: &str = "INSERT INTO diagnostic (document, ordinal, code, line, span_start, span_end, message, valid_from)
    SELECT value->0->>0, value->0->>1, value->0->>2, value->0->>3, value->>1, value->>2, value->>3, value->>4
    FROM json_each(?1)";

/// Closes and opens the parts of the assets `changed` that differ.
async fn open_assets(
    connection: &mut SqliteConnection,
    run: RunNumber,
    state: &CatalogState,
    documents: &[i64],
    changed: &[ChangedAsset<'_>],
    digests: &[AssetDigests],
) -> Result<(), StoreError> {
    let differing = |part: fn(&AssetDigests) -> &[u8; 16]| {
        let differs =
            move |change: &&ChangedAsset<'_>| change.before.is_none_or(|before| part(before) != part(&digests[change.at]));
        changed.iter().filter(differs).collect::<Vec<_>>()
    };
    let numbers = |changes: &[&ChangedAsset<'_>]| changes.iter().map(|change| change.number).collect::<Vec<_>>();

    close(connection, run, CLOSE_STATES, &changed.iter().map(|change| change.number).collect::<Vec<_>>()).await?;
    let mut states = Vec::with_capacity(changed.len());
    for change in changed {
        let AssetDigests { words: (name, kind, role, stale, environment), facts, declared, inferred } = &digests[change.at];
        let words = (change.number, name, kind, role, u8::from(*stale), environment);
        states.push((words, hex(facts), hex(declared), hex(inferred), run));
    }
    insert_rows(connection, OPEN_STATES, &states).await?;

    let facts = differing(|digests| &digests.facts);
    close(connection, run, CLOSE_FACTS, &numbers(&facts)).await?;
    let (mut fact_rows, mut alias_rows) = (Vec::new(), Vec::new());
    for change in &facts {
        let asset = &state.assets[change.at];
        alias_rows.extend(asset.aliases.iter().map(|alias| (change.number, alias, run)));
        for (ordinal, (what, document, line)) in asset.facts.iter().enumerate() {
            let value = serde_json::to_value(what).map_err(|error| StoreError::Damaged(error.to_string()))?;
            let kind = value.get("kind").and_then(|kind| kind.as_str()).unwrap_or_default().to_owned();
            let document = number_of(documents, *document)?;
            fact_rows.push((change.number, ordinal, kind, value.to_string(), document, *line, run));
        }
    }
    insert_rows(connection, OPEN_ALIASES, &alias_rows).await?;
    insert_rows(connection, OPEN_FACTS, &fact_rows).await?;

    let inferred = differing(|digests| &digests.inferred);
    close(connection, run, CLOSE_INFERRED, &numbers(&inferred)).await?;
    for change in &inferred {
        let asset = &state.assets[change.at];
        if asset.inferred.is_none() && asset.shown.is_empty() {
            continue;
        }
        sqlx::query("INSERT INTO inferred_columns (asset, columns, shown, valid_from) VALUES (?1, ?2, ?3, ?4)")
            .bind(change.number)
            .bind(pack::pack_json(&asset.inferred)?)
            .bind(pack::pack_json(&asset.shown)?)
            .bind(run.0)
            .execute(&mut *connection)
            .await?;
    }

    let declared = differing(|digests| &digests.declared);
    close(connection, run, CLOSE_DECLARED, &numbers(&declared)).await?;
    open_declared(connection, run, state, documents, &declared).await
}

const OPEN_STATES: &str = "INSERT INTO asset_state
    (asset, name, kind, role, stale, environment, facts_digest, declared_digest, inferred_digest, valid_from)
    SELECT value->0->>0, value->0->>1, value->0->>2, value->0->>3, value->0->>4, value->0->>5,
        unhex(value->>1), unhex(value->>2), unhex(value->>3), value->>4 FROM json_each(?1)";
const OPEN_ALIASES: &str =
    "INSERT INTO asset_alias (asset, alias, valid_from) SELECT value->>0, value->>1, value->>2 FROM json_each(?1)";
const OPEN_FACTS: &str = "INSERT INTO asset_fact (asset, ordinal, kind, value, document, line, valid_from)
    SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6 FROM json_each(?1)";

async fn open_declared(
    connection: &mut SqliteConnection,
    run: RunNumber,
    state: &CatalogState,
    documents: &[i64],
    changed: &[&ChangedAsset<'_>],
) -> Result<(), StoreError> {
    let schemas: Vec<_> = changed
        .iter()
        .flat_map(|change| state.assets[change.at].declared.iter().map(|(document, columns)| (change.number, *document, columns)))
        .collect();
    let packed: Vec<Vec<u8>> = schemas.par_iter().map(|(_, _, columns)| pack::pack_json(columns)).collect::<Result<_, _>>()?;
    for ((asset, document, _), columns) in schemas.into_iter().zip(packed) {
        sqlx::query("INSERT INTO declared_schema (asset, document, columns, valid_from) VALUES (?1, ?2, ?3, ?4)")
            .bind(asset)
            .bind(number_of(documents, document)?)
            .bind(columns)
            .bind(run.0)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

fn number_of(documents: &[i64], at: u32) -> Result<i64, StoreError> {
    documents.get(at as usize).copied().ok_or_else(|| StoreError::Damaged("a fact names no document".into()))
}

fn digest_document(document: &DocumentState) -> Result<[u8; 16], StoreError> {
    let text = document.text.as_ref().map(|text| text.digest);
    let json = to_json(&(
        (&document.blob, text.map(|digest| format!("{digest:032x}")), document.role, &document.history),
        (document.analysis.map(|id| id.0), document.stale.map(|id| id.0)),
        &document.diagnostics,
    ))?;
    Ok(xxh3_128(json.as_bytes()).to_be_bytes())
}

fn digest_asset(asset: &AssetState, documents: &[i64]) -> Result<AssetDigests, StoreError> {
    let facts: Vec<_> = asset
        .facts
        .iter()
        .map(|(what, document, line)| Ok((what, number_of(documents, *document)?, line)))
        .collect::<Result<_, StoreError>>()?;
    let facts = to_json(&(facts, &asset.aliases))?;
    let inferred = to_json(&(&asset.inferred, &asset.shown))?;
    let mut declared: BTreeMap<i64, u64> = BTreeMap::new();
    for (document, columns) in &asset.declared {
        declared.insert(number_of(documents, *document)?, hash(columns));
    }
    let declared = to_json(&declared.into_iter().collect::<Vec<_>>())?;
    Ok(AssetDigests {
        words: (
            asset.name.clone(),
            asset.kind.word().into(),
            asset.role.word().into(),
            asset.stale,
            asset.environment.clone().unwrap_or_default(),
        ),
        facts: xxh3_128(facts.as_bytes()).to_be_bytes(),
        declared: xxh3_128(declared.as_bytes()).to_be_bytes(),
        inferred: xxh3_128(inferred.as_bytes()).to_be_bytes(),
    })
}

fn hash<T: std::hash::Hash + ?Sized>(value: &T) -> u64 {
    let mut hasher = xxhash_rust::xxh3::Xxh3::new();
    value.hash(&mut hasher);
    hasher.digest()
}

fn hex(digest: &[u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(*digest))
}

fn digest_of(bytes: &[u8]) -> Result<[u8; 16], StoreError> {
    bytes.try_into().map_err(|_| StoreError::Damaged("a digest has another length".into()))
}
