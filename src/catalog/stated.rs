//! What people state, as it stands now: the newest statement of each field, by asset.
//!
//! In: the append-only statements. Out: the value in force of each field, who stated it and when.
//! Never holds what files say; [`super::View`] puts the two together.

use std::{collections::BTreeMap, sync::Arc};

use rustc_hash::FxHashMap;
use serde::Serialize;

use super::{Result, parse_governance};
use crate::{
    model::{AssetKey, RunNumber, StatedField, StatedValue},
    store::{AssetRow, GovernanceRow, PersonStatement, Store},
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
    /// What people state.
    of_people: Option<InForce>,
    /// What a file of governance in a repository states.
    of_file: Option<InForce>,
}

impl FieldState {
    /// People count before files.
    fn in_force(&self) -> Option<&InForce> {
        self.of_people.as_ref().or(self.of_file.as_ref())
    }
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
    /// Everything that people state in `store` and in files of governance, of the assets that are meant in `run`.
    pub(super) async fn load(store: &Store, run: RunNumber) -> Result<Stated> {
        let mut stated = Stated { aliases: Arc::new(store.alias_keys(run).await?), ..Stated::default() };
        let files = store.governance_files(run).await?;
        if !files.is_empty() {
            stated.take_files(files, &store.load_assets(run).await?);
        }
        stated.take(store.person_statements(None).await?);
        Ok(stated)
    }

    /// Takes up what files of governance state; of a field that several state, the first counts.
    fn take_files(&mut self, files: Vec<GovernanceRow>, assets: &[AssetRow]) {
        let named = assets.iter().map(|asset| ((&*asset.namespace, asset.name.to_lowercase()), &*asset.key));
        let keys: FxHashMap<(&str, String), &str> = named.collect();
        for GovernanceRow { source, file, since } in files {
            let by = StatedBy { person: format!("{} in {source}", file.path), at: since };
            for field in parse_governance(&file.text).unwrap_or_default() {
                let key = keys.get(&(field.namespace.as_str(), field.name.to_lowercase()));
                let key = key.map_or_else(|| field.name.clone(), |key| (*key).to_owned());
                let meant = self.meant(field.namespace, key);
                let place = (field.column.to_lowercase(), field.value.field());
                let state = self.by_asset.entry(meant).or_default().fields.entry(place).or_default();
                state.column = field.column;
                state.of_file.get_or_insert_with(|| InForce { value: field.value, by: by.clone() });
            }
        }
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
            let state = asset.fields.entry(place).or_default();
            state.column = statement.column;
            state.newest = statement.id;
            state.of_people = in_force;
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
        self.fields.get(&(column.to_lowercase(), field))?.in_force()
    }

    /// What people state of a field; `None` where they state nothing.
    pub(super) fn get_of_people(&self, column: &str, field: StatedField) -> Option<&InForce> {
        self.fields.get(&(column.to_lowercase(), field))?.of_people.as_ref()
    }

    /// (column, field, what a file of governance states, what people state otherwise) of every field on which the
    /// two differ.
    pub(super) fn disputed(&self) -> impl Iterator<Item = (&str, StatedField, &InForce, &InForce)> {
        self.fields.iter().filter_map(|((_, field), state)| match (&state.of_file, &state.of_people) {
            (Some(file), Some(people)) if file.value != people.value => Some((state.column.as_str(), *field, file, people)),
            _ => None,
        })
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
        self.fields.values().filter_map(|state| Some((state.column.as_str(), state.in_force()?)))
    }

    /// The same of what people state alone.
    pub(super) fn fields_of_people(&self) -> impl Iterator<Item = (&str, &InForce)> {
        self.fields.values().filter_map(|state| Some((state.column.as_str(), state.of_people.as_ref()?)))
    }
}
