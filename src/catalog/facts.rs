//! What is said of assets, kept in memory for lists: by files, and before them by people.

use std::{collections::BTreeMap, sync::Arc};

use rustc_hash::FxHashMap;

use super::{Deprecation, Described, NamedOwner, Place, Replacement, StatedAsset, StatedBy, View, plain_text::first_line};
use crate::{
    model::{AssetId, Certification, FactKind, OwnerKind, RunNumber, StatedDeprecation, StatedField, StatedValue, Tier, Wrong},
    store::{AssetRow, FactRow, Store, StoreError},
};

/// What lists show of one asset.
#[derive(Clone, Debug, Default)]
pub(super) struct AssetFacts {
    /// Owners, best evidence first, each once.
    pub(super) owners: Vec<OwnerFact>,
    /// That it should no longer be used.
    pub(super) deprecated: Option<DeprecationFact>,
    /// Its friendly name.
    pub(super) friendly_name: Option<String>,
    /// One line of meaning as plain text; "" where nobody said.
    pub(super) summary: String,
    /// That somebody vouches for it.
    pub(super) certification: Option<(Certification, StatedBy)>,
    /// The tier that somebody set.
    pub(super) tier: Option<Tier>,
    /// That what it holds is wrong for now.
    pub(super) wrong: Option<(Wrong, StatedBy)>,
}

/// An owner, and who says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OwnerFact {
    /// As written.
    pub(super) name: String,
    /// What it answers for, where that is said.
    pub(super) kind: Option<OwnerKind>,
    /// Who says so.
    pub(super) said: Said,
}

/// A deprecation, and who says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DeprecationFact {
    /// What is said.
    pub(super) what: StatedDeprecation,
    /// Who says so.
    pub(super) said: Said,
}

/// Who says something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// A file of a source.
    InFile {
        /// The source's name.
        source: Arc<str>,
        /// The file.
        path: Arc<str>,
        /// The 1-based line; 0 where the whole file says so.
        line: u32,
    },
    /// A person.
    By(StatedBy),
}

/// What lists show of every asset.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    in_files: Arc<FxHashMap<AssetId, AssetFacts>>,
    stated: FxHashMap<AssetId, AssetFacts>,
    nothing: AssetFacts,
}

impl Facts {
    pub(super) async fn load(store: &Store, run: RunNumber) -> Result<Facts, StoreError> {
        let mut by_asset: FxHashMap<AssetId, AssetFacts> = FxHashMap::default();
        for kind in ["owner", "deprecated", "friendly_name", "description"] {
            for (asset, fact) in store.facts_of_kind(run, kind).await? {
                by_asset.entry(asset).or_default().take(&fact);
            }
        }
        for asset in by_asset.values_mut() {
            sort_owners(&mut asset.owners);
        }
        Ok(Facts { in_files: Arc::new(by_asset), ..Facts::default() })
    }

    /// The same files with what people state of some assets, in place of what they stated before.
    pub(super) fn with_statements<'a>(&self, stated: impl IntoIterator<Item = (AssetId, &'a StatedAsset)>) -> Facts {
        let mut facts = Facts { in_files: self.in_files.clone(), ..Facts::default() };
        for (asset, statements) in stated {
            let mut one = facts.in_files(asset).clone();
            one.state(statements);
            facts.stated.insert(asset, one);
        }
        facts
    }

    /// What is said of an asset: by people, else by files.
    pub(super) fn of(&self, asset: AssetId) -> &AssetFacts {
        self.stated.get(&asset).unwrap_or_else(|| self.in_files(asset))
    }

    /// What files say of an asset.
    fn in_files(&self, asset: AssetId) -> &AssetFacts {
        self.in_files.get(&asset).unwrap_or(&self.nothing)
    }

    /// Assets of which people state that they are wrong for now, sorted.
    pub(super) fn wrong(&self) -> Vec<AssetId> {
        let mut wrong: Vec<AssetId> =
            self.stated.iter().filter(|(_, facts)| facts.wrong.is_some()).map(|(asset, _)| *asset).collect();
        wrong.sort();
        wrong
    }
}

impl AssetFacts {
    /// What files say, fact by fact.
    pub(super) fn gather<'a>(facts: impl IntoIterator<Item = &'a FactRow>) -> AssetFacts {
        let mut gathered = AssetFacts::default();
        for fact in facts {
            gathered.take(fact);
        }
        sort_owners(&mut gathered.owners);
        gathered
    }

    /// Owners' names, each once.
    pub(super) fn owner_names(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for owner in &self.owners {
            if !names.contains(&owner.name) {
                names.push(owner.name.clone());
            }
        }
        names
    }

    /// Puts what people state in the place of what files say.
    pub(super) fn state(&mut self, statements: &StatedAsset) {
        for (_, field) in statements.fields().filter(|(column, _)| column.is_empty()) {
            let by = || field.by.clone();
            match &field.value {
                StatedValue::Owners(owners) => {
                    let named = owners.iter();
                    let fact = |name: &str, kind| OwnerFact { name: name.to_owned(), kind: Some(kind), said: Said::By(by()) };
                    self.owners = named.map(|owner| fact(&owner.name, owner.kind)).collect();
                }
                StatedValue::Deprecation(value) => {
                    self.deprecated = value.clone().map(|what| DeprecationFact { what, said: Said::By(by()) });
                }
                StatedValue::Certification(value) => self.certification = value.clone().map(|value| (value, by())),
                StatedValue::Description(text) => self.summary = first_line(text),
                StatedValue::Tier(tier) => self.tier = *tier,
                StatedValue::Wrong(value) => self.wrong = value.clone().map(|value| (value, by())),
                StatedValue::Tags(_) => {}
            }
        }
    }

    fn take(&mut self, fact: &FactRow) {
        match &fact.what {
            FactKind::Owner { name } => self.owners.push(OwnerFact { name: name.clone(), kind: None, said: Said::in_file(fact) }),
            FactKind::Deprecated { note, date, replacement } => {
                let what = StatedDeprecation {
                    note: note.clone(),
                    date: date.clone(),
                    replacement: replacement.clone(),
                    columns: BTreeMap::new(),
                };
                self.deprecated.get_or_insert_with(|| DeprecationFact { what, said: Said::in_file(fact) });
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
            | FactKind::Generated { .. }
            | FactKind::Dbt { .. }
            | FactKind::Check { .. }
            | FactKind::Freshness { .. }
            | FactKind::Link { .. }
            | FactKind::Folder { .. }
            | FactKind::Archived
            | FactKind::LastViewed { .. }
            | FactKind::Metric { .. } => {}
        }
    }
}

impl Said {
    pub(super) fn in_file(fact: &FactRow) -> Said {
        Said::InFile { source: fact.source.clone(), path: fact.path.clone(), line: fact.line }
    }

    /// How we know: the file's name, or who stated it.
    pub(super) fn origin(&self) -> String {
        match self {
            Said::InFile { path, .. } => file_name(path).to_owned(),
            Said::By(by) => by.person.clone(),
        }
    }

    /// Who stated it, where a person did.
    pub(super) fn by(&self) -> Option<StatedBy> {
        match self {
            Said::InFile { .. } => None,
            Said::By(by) => Some(by.clone()),
        }
    }
}

impl View {
    /// Owners as named, each with its origin.
    pub(super) fn named_owners(&self, owners: &[OwnerFact]) -> Vec<NamedOwner> {
        let named = |owner: &OwnerFact| NamedOwner {
            name: owner.name.clone(),
            kind: owner.kind,
            origin: owner.said.origin(),
            place: self.place_said(&owner.said),
            by: owner.said.by(),
        };
        owners.iter().map(named).collect()
    }

    /// What a deprecation of `asset` says, with the asset that its replacement names.
    pub(super) fn deprecation(&self, asset: AssetId, fact: &DeprecationFact) -> Deprecation {
        Deprecation {
            note: fact.what.note.clone(),
            date: fact.what.date.clone(),
            replacement: fact.what.replacement.as_deref().map(|text| self.replacement(asset, text)),
            columns: fact.what.columns.clone(),
            origin: fact.said.origin(),
            place: self.place_said(&fact.said),
            by: fact.said.by(),
        }
    }

    /// What a replacement of `asset` means: an asset by its name, or a dashboard, chart or metric by what it is
    /// called; of several the one that stands beside it.
    pub(super) fn replacement(&self, asset: AssetId, text: &str) -> Replacement {
        let named = self.only_asset_called(text).map(|found| self.point_at(found));
        let meant = named.or_else(|| match self.called_for_people(text).as_slice() {
            [only] => Some(self.point_at(only)),
            several => {
                let own = self.asset(asset)?;
                let folder = |row: &AssetRow| row.name.rsplit_once('.').map(|(folder, _)| folder.to_owned());
                let mut beside =
                    several.iter().filter(|row| row.namespace == own.namespace && row.id != own.id && folder(row) == folder(own));
                beside.next().filter(|_| beside.next().is_none()).map(|row| self.point_at(row))
            }
        });
        Replacement { text: text.to_owned(), asset: meant }
    }

    /// Where something is said, where a file says it.
    fn place_said(&self, said: &Said) -> Option<Place> {
        match said {
            Said::InFile { source, path, line } => Some(self.place(source, path, *line, None)),
            Said::By(_) => None,
        }
    }

    /// Where a fact was read: at the commit that the run read.
    pub(super) fn place_of_fact(&self, fact: &FactRow) -> Place {
        self.place(&fact.source, &fact.path, fact.line, None)
    }
}

/// What people state that an asset (column "") or a column means: `Some(None)` where they state that
/// nothing files say holds; `None` where they state nothing.
pub(super) fn stated_meaning(stated: &StatedAsset, column: &str) -> Option<Option<Described>> {
    let field = stated.get(column, StatedField::Description)?;
    let StatedValue::Description(text) = &field.value else { return None };
    let (origin, by) = (field.by.person.clone(), Some(field.by.clone()));
    let described = Described { text: text.clone(), origin, place: None, by, inherited_from: None };
    Some(Some(described).filter(|described| !described.text.is_empty()))
}

/// How we know: the file's name.
pub(super) fn origin(fact: &FactRow) -> String {
    file_name(&fact.path).to_owned()
}

pub(super) fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Files beside the SQL before CODEOWNERS; each name once.
fn sort_owners(owners: &mut Vec<OwnerFact>) {
    owners.sort_by_cached_key(|owner| match &owner.said {
        Said::By(by) => (false, None, by.person.clone(), 0),
        Said::InFile { source, path, line } => (file_name(path) == "CODEOWNERS", Some(source.clone()), path.to_string(), *line),
    });
    let mut seen: Vec<String> = Vec::new();
    owners.retain(|owner| {
        let name = owner.name.to_lowercase();
        let is_new = !seen.contains(&name);
        if is_new {
            seen.push(name);
        }
        is_new
    });
}
