//! Other keys of assets: partial names that are completed now, names that a rule folds, former names.
//!
//! What people state hangs on a key and is never moved; it follows these rows to the asset that the
//! key means now. A row that ended still leads there, as long as no asset of the run has the key.

use std::collections::{BTreeMap, BTreeSet};

use super::{Store, StoreError};
use crate::model::{AssetId, AssetKey, RunNumber};

/// How often a name may have been given to another asset.
const MOST_STEPS: usize = 16;

impl Store {
    /// Every key that means an asset of `run` and is none of its own, with that asset's key.
    pub async fn alias_keys(&self, run: RunNumber) -> Result<BTreeMap<AssetKey, AssetKey>, StoreError> {
        let rows: Vec<(String, String, String)> = sqlx::query_as(SELECT_NEWEST).bind(run.0).fetch_all(&self.readers).await?;
        let steps: BTreeMap<AssetKey, AssetKey> = rows
            .into_iter()
            .map(|(namespace, alias, key)| (AssetKey { namespace: namespace.clone(), key: alias }, AssetKey { namespace, key }))
            .collect();
        let follow = |alias: &AssetKey| {
            let mut at = steps.get(alias)?;
            for _ in 0..MOST_STEPS {
                match steps.get(at) {
                    Some(next) => at = next,
                    None => return Some(at.clone()),
                }
            }
            None
        };
        Ok(steps.keys().filter_map(|alias| Some((alias.clone(), follow(alias)?))).collect())
    }

    /// The keys under which people may have spoken of an asset: its own, then those that mean it now.
    pub(super) async fn keys_of(&self, run: RunNumber, asset: AssetId) -> Result<Vec<AssetKey>, StoreError> {
        let own: Option<(String, String)> =
            sqlx::query_as("SELECT namespace, key FROM asset WHERE id = ?1").bind(asset.0).fetch_optional(&self.readers).await?;
        let Some((namespace, key)) = own else { return Ok(Vec::new()) };
        let mut keys = vec![AssetKey { namespace, key }];
        let mut seen: BTreeSet<AssetKey> = keys.iter().cloned().collect();
        let mut at = 0;
        while let Some(key) = keys.get(at).cloned().filter(|_| at < MOST_STEPS) {
            let aliases: Vec<String> = sqlx::query_scalar(SELECT_LEADING_TO)
                .bind(run.0)
                .bind(&key.namespace)
                .bind(&key.key)
                .fetch_all(&self.readers)
                .await?;
            let found = aliases.into_iter().map(|alias| AssetKey { namespace: key.namespace.clone(), key: alias });
            keys.extend(found.filter(|key| seen.insert(key.clone())));
            at += 1;
        }
        Ok(keys)
    }
}

/// Of every alias that is no key of an asset of the run, the asset that it meant last.
const SELECT_NEWEST: &str = "SELECT newest.namespace, newest.alias, newest.key FROM (
        SELECT asset.namespace, alias, asset.key, row_number() OVER (
            PARTITION BY asset.namespace, alias ORDER BY valid_to IS NULL DESC, valid_from DESC, asset.id) AS rank
        FROM asset_alias JOIN asset ON asset.id = asset_alias.asset WHERE valid_from <= ?1) AS newest
    WHERE rank = 1 AND NOT EXISTS (
        SELECT 1 FROM asset AS other JOIN asset_state AS state ON state.asset = other.id
        WHERE other.namespace = newest.namespace AND other.key = newest.alias
            AND state.valid_from <= ?1 AND (state.valid_to IS NULL OR ?1 < state.valid_to))
    ORDER BY 1, 2";
/// The aliases whose newest row leads to one asset, and that are no key of an asset of the run.
const SELECT_LEADING_TO: &str = "SELECT DISTINCT mine.alias FROM asset_alias AS mine JOIN asset ON asset.id = mine.asset
    WHERE asset.namespace = ?2 AND asset.key = ?3 AND mine.valid_from <= ?1
        AND NOT EXISTS (
            SELECT 1 FROM asset AS other JOIN asset_state AS state ON state.asset = other.id
            WHERE other.namespace = ?2 AND other.key = mine.alias
                AND state.valid_from <= ?1 AND (state.valid_to IS NULL OR ?1 < state.valid_to))
        AND NOT EXISTS (
            SELECT 1 FROM asset_alias AS newer JOIN asset AS holder ON holder.id = newer.asset
            WHERE newer.alias = mine.alias AND holder.namespace = ?2 AND newer.asset <> mine.asset
                AND newer.valid_from <= ?1
                AND (newer.valid_to IS NULL, newer.valid_from, -newer.asset)
                    > (mine.valid_to IS NULL, mine.valid_from, -mine.asset))
    ORDER BY mine.alias";
