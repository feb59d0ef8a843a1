//! What people state, as it stands now: the newest statement of each field, by asset.
//!
//! In: the append-only statements. Out: the value in force of each field, who stated it and when.
//! Never holds what files say; [`super::View`] puts the two together.

use std::{collections::BTreeMap, sync::Arc};

use rustc_hash::FxHashMap;
use serde::Serialize;

use super::Result;
use crate::{
    model::{AssetKey, RunNumber, StatedField, StatedValue},
    store::{PersonStatement, Store},
};

/// What people state of everything.
#[derive(Clone, Debug, Default)]
pub struct Stated {
    newest: i64,
    by_asset: FxHashMap<(String, String), StatedAsset>,
    /// Keys that mean another asset in the run: what was stated under them is stated of it.
    aliases: Arc<BTreeMap<AssetKey, AssetKey>>,
}

/// What people state of one asset and its columns.
#[derive(Clone, Debug, Default)]
pub struct StatedAsset {
    fields: BTreeMap<(String, StatedField), FieldState>,
}

#[derive(Clone, Debug, Default)]
struct FieldState {
    /// The column as written.
    column: String,
    /// The newest statement of the field, whatever it says.
    newest: i64,
    in_force: Option<InForce>,
}

/// A statement that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InForce {
    /// What is stated.
    pub value: StatedValue,
    /// Who stated it, and when.
    pub by: StatedBy,
}

/// Who stated something, and when.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, utoipa::ToSchema)]
pub struct StatedBy {
    /// Who.
    pub person: String,
    /// When, seconds since 1970 UTC.
    pub at: i64,
}

impl Stated {
    /// Everything that people state in `store`, of the assets that are meant in `run`.
    pub(super) async fn load(store: &Store, run: RunNumber) -> Result<Stated> {
        let mut stated = Stated { aliases: Arc::new(store.alias_keys(run).await?), ..Stated::default() };
        stated.take(store.person_statements(None).await?);
        Ok(stated)
    }

    /// Takes further statements up, oldest first. What this version cannot read is left out, and logged.
    pub(super) fn take(&mut self, statements: Vec<PersonStatement>) {
        for statement in statements {
            self.newest = self.newest.max(statement.id);
            let Some(field) = StatedField::from_word(&statement.field) else {
                tracing::warn!(id = statement.id, field = statement.field, "a statement of an unknown field");
                continue;
            };
            let in_force = match (statement.withdraws, StatedValue::from_json(field, statement.value)) {
                (true, _) => None,
                (false, Ok(value)) => Some(InForce { value, by: StatedBy { person: statement.person, at: statement.at } }),
                (false, Err(cause)) => {
                    tracing::warn!(id = statement.id, cause, "a statement that cannot be read");
                    continue;
                }
            };
            let meant = self.meant(statement.namespace, statement.key);
            let asset = self.by_asset.entry(meant).or_default();
            let place = (statement.column.to_lowercase(), field);
            asset.fields.insert(place, FieldState { column: statement.column, newest: statement.id, in_force });
        }
    }

    /// The number of the newest statement; 0 before the first.
    pub fn newest(&self) -> i64 {
        self.newest
    }

    /// What is stated of the asset with that key, where anything ever was.
    pub fn of(&self, namespace: &str, key: &str) -> Option<&StatedAsset> {
        if self.by_asset.is_empty() {
            return None;
        }
        self.by_asset.get(&self.meant(namespace.to_owned(), key.to_owned()))
    }

    /// The asset that a key means.
    fn meant(&self, namespace: String, key: String) -> (String, String) {
        let key = AssetKey { namespace, key };
        let AssetKey { namespace, key } = self.aliases.get(&key).cloned().unwrap_or(key);
        (namespace, key)
    }

    /// (namespace, key) of everything that something was ever stated of, sorted.
    pub(super) fn subjects(&self) -> Vec<(&str, &str)> {
        let mut subjects: Vec<(&str, &str)> =
            self.by_asset.keys().map(|(namespace, key)| (namespace.as_str(), key.as_str())).collect();
        subjects.sort_unstable();
        subjects
    }

    /// Whether nothing was ever stated.
    pub(super) fn is_empty(&self) -> bool {
        self.by_asset.is_empty()
    }
}

impl StatedAsset {
    /// What holds of a field; `None` where nothing is stated of it.
    pub fn get(&self, column: &str, field: StatedField) -> Option<&InForce> {
        self.fields.get(&(column.to_lowercase(), field))?.in_force.as_ref()
    }

    /// The newest statement of a field, withdrawals included; 0 where there is none.
    pub fn newest(&self, column: &str, field: StatedField) -> i64 {
        self.fields.get(&(column.to_lowercase(), field)).map_or(0, |state| state.newest)
    }

    /// (column, field, newest statement) of every field that something was ever stated of, sorted.
    pub(super) fn numbers(&self) -> impl Iterator<Item = (&str, StatedField, i64)> {
        self.fields.iter().map(|((_, field), state)| (state.column.as_str(), *field, state.newest))
    }

    /// (column, what holds) of every field of which something does; the asset's own first.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &InForce)> {
        self.fields.values().filter_map(|state| Some((state.column.as_str(), state.in_force.as_ref()?)))
    }
}
