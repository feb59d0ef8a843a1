//! What is said of assets, kept in memory for lists: owners, deprecations, friendly names, meanings.

use rustc_hash::FxHashMap;

use super::{Deprecation, NamedOwner, Place, Replacement, View, plain_text::first_line};
use crate::{
    model::{AssetId, FactKind, RunNumber},
    store::{FactRow, Store, StoreError},
};

/// What lists show of one asset.
#[derive(Debug, Default)]
pub(super) struct AssetFacts {
    /// Owners, best evidence first, each once.
    pub(super) owners: Vec<FactRow>,
    /// The first fact that says so.
    pub(super) deprecated: Option<FactRow>,
    /// Its friendly name.
    pub(super) friendly_name: Option<String>,
    /// One line of meaning as plain text; "" where nobody said.
    pub(super) summary: String,
}

/// What lists show of every asset.
#[derive(Debug, Default)]
pub(super) struct Facts {
    by_asset: FxHashMap<AssetId, AssetFacts>,
    nothing: AssetFacts,
}

impl Facts {
    pub(super) async fn load(store: &Store, run: RunNumber) -> Result<Facts, StoreError> {
        let mut facts = Facts::default();
        for kind in ["owner", "deprecated", "friendly_name", "description"] {
            for (asset, fact) in store.facts_of_kind(run, kind).await? {
                facts.by_asset.entry(asset).or_default().take(fact);
            }
        }
        for asset in facts.by_asset.values_mut() {
            sort_owners(&mut asset.owners);
        }
        Ok(facts)
    }

    pub(super) fn of(&self, asset: AssetId) -> &AssetFacts {
        self.by_asset.get(&asset).unwrap_or(&self.nothing)
    }
}

impl AssetFacts {
    /// Owners' names.
    pub(super) fn owner_names(&self) -> Vec<String> {
        self.owners.iter().filter_map(owner_name).map(str::to_owned).collect()
    }

    fn take(&mut self, fact: FactRow) {
        match &fact.what {
            FactKind::Owner { .. } => self.owners.push(fact),
            FactKind::Deprecated { .. } => {
                self.deprecated.get_or_insert(fact);
            }
            FactKind::FriendlyName { name } => {
                self.friendly_name.get_or_insert_with(|| name.clone());
            }
            FactKind::Description { text } if self.summary.is_empty() => self.summary = first_line(text),
            FactKind::Description { .. }
            | FactKind::Reviewer { .. }
            | FactKind::Label { .. }
            | FactKind::Tag { .. }
            | FactKind::Schedule { .. }
            | FactKind::Columns { .. }
            | FactKind::ColumnDescription { .. }
            | FactKind::Generated { .. } => {}
        }
    }
}

impl View {
    /// Owners as named, each with its origin.
    pub(super) fn named_owners(&self, facts: &[FactRow]) -> Vec<NamedOwner> {
        let mut owners: Vec<FactRow> = facts.iter().filter(|fact| matches!(fact.what, FactKind::Owner { .. })).cloned().collect();
        sort_owners(&mut owners);
        owners
            .iter()
            .filter_map(|fact| {
                Some(NamedOwner {
                    name: owner_name(fact)?.to_owned(),
                    origin: origin(fact),
                    place: Some(self.place_of_fact(fact)),
                })
            })
            .collect()
    }

    /// What a deprecation says, with the asset that its replacement names.
    pub(super) fn deprecation(&self, fact: &FactRow) -> Option<Deprecation> {
        let FactKind::Deprecated { note, date, replacement } = &fact.what else { return None };
        Some(Deprecation {
            note: note.clone(),
            date: date.clone(),
            replacement: replacement.as_deref().map(|text| self.replacement(text)),
            origin: origin(fact),
            place: Some(self.place_of_fact(fact)),
        })
    }

    fn replacement(&self, text: &str) -> Replacement {
        Replacement { text: text.to_owned(), asset: self.only_asset_called(text).map(|asset| self.point_at(asset)) }
    }

    /// Where a fact was read: at the commit that the run read.
    pub(super) fn place_of_fact(&self, fact: &FactRow) -> Place {
        self.place(&fact.source, &fact.path, fact.line, None)
    }
}

/// How we know: the file's name.
pub(super) fn origin(fact: &FactRow) -> String {
    file_name(&fact.path).to_owned()
}

pub(super) fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn owner_name(fact: &FactRow) -> Option<&str> {
    match &fact.what {
        FactKind::Owner { name } => Some(name),
        _ => None,
    }
}

/// Files beside the SQL before CODEOWNERS; each name once.
fn sort_owners(owners: &mut Vec<FactRow>) {
    owners.sort_by_cached_key(|fact| {
        (file_name(&fact.path) == "CODEOWNERS", fact.source.clone(), fact.path.clone(), fact.line, origin(fact))
    });
    let mut seen: Vec<String> = Vec::new();
    owners.retain(|fact| {
        let Some(name) = owner_name(fact).map(str::to_lowercase) else { return false };
        let is_new = !seen.contains(&name);
        if is_new {
            seen.push(name);
        }
        is_new
    });
}
