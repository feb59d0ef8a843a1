//! Texts, each stored once.

use std::collections::HashMap;

use rayon::prelude::*;
use sqlx::{Row, SqliteConnection};
use xxhash_rust::xxh3::xxh3_128;

use super::{StoreError, analyses::insert_rows, pack, runs::to_json};

/// How many digests are looked up in one statement.
const ROWS: usize = 5_000;

/// The numbers of `texts`, in order; those not stored yet are.
pub(super) async fn intern_texts(connection: &mut SqliteConnection, texts: &[&str]) -> Result<Vec<i64>, StoreError> {
    let digested: Vec<_> = texts.par_iter().map(|text| (xxh3_128(text.as_bytes()), Some(*text))).collect();
    intern_digests(connection, &digested).await
}

/// The numbers of texts given by their digests, in order; those not stored yet are. A text may only be
/// left out where it is stored.
pub(super) async fn intern_digests(
    connection: &mut SqliteConnection,
    texts: &[(u128, Option<&str>)],
) -> Result<Vec<i64>, StoreError> {
    let digests: Vec<u128> = texts.iter().map(|(digest, _)| *digest).collect();
    let mut numbers = known_texts(connection, &digests).await?;
    let unknown = texts.iter().filter(|(digest, _)| !numbers.contains_key(digest));
    let mut fresh: Vec<(u128, &str)> = unknown.filter_map(|(digest, text)| Some((*digest, (*text)?))).collect();
    fresh.sort_unstable_by_key(|(digest, _)| *digest);
    fresh.dedup_by_key(|(digest, _)| *digest);
    let first: i64 = sqlx::query_scalar("SELECT coalesce(max(id), 0) + 1 FROM text").fetch_one(&mut *connection).await?;
    let packed: Vec<(i64, Vec<u8>)> = fresh.par_iter().map(|(_, text)| pack::pack_text(text)).collect();
    let mut short = Vec::new();
    for (at, ((digest, text), (form, body))) in fresh.iter().zip(packed).enumerate() {
        let id = first + at as i64;
        numbers.insert(*digest, id);
        if form == 0 {
            short.push((id, format!("{digest:032x}"), *text));
            continue;
        }
        sqlx::query("INSERT INTO text (id, digest, form, body) VALUES (?1, ?2, ?3, ?4)")
            .bind(id)
            .bind(digest.to_be_bytes().to_vec())
            .bind(form)
            .bind(body)
            .execute(&mut *connection)
            .await?;
    }
    insert_rows(
        connection,
        "INSERT INTO text (id, digest, form, body)
         SELECT value->>0, unhex(value->>1), 0, CAST(value->>2 AS BLOB) FROM json_each(?1)",
        &short,
    )
    .await?;
    let missing = || StoreError::Damaged("a text that should be stored is not".into());
    digests.iter().map(|digest| numbers.get(digest).copied().ok_or_else(missing)).collect()
}

async fn known_texts(connection: &mut SqliteConnection, digests: &[u128]) -> Result<HashMap<u128, i64>, StoreError> {
    let mut numbers = HashMap::with_capacity(digests.len());
    for some in digests.chunks(ROWS) {
        let wanted: Vec<String> = some.iter().map(|digest| format!("{digest:032x}")).collect();
        let rows = sqlx::query("SELECT digest, id FROM text WHERE digest IN (SELECT unhex(value) FROM json_each(?1))")
            .bind(to_json(&wanted)?)
            .fetch_all(&mut *connection)
            .await?;
        for row in rows {
            let digest: [u8; 16] = row
                .try_get::<&[u8], _>(0)?
                .try_into()
                .map_err(|_| StoreError::Damaged("a text's digest has another length".into()))?;
            numbers.insert(u128::from_be_bytes(digest), row.try_get(1)?);
        }
    }
    Ok(numbers)
}
