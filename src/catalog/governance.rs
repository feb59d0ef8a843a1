//! Who owns what, and what should no longer be used.

use std::{cmp::Reverse, collections::BTreeMap};

use serde::Serialize;

use super::{AssetRef, CatalogError, Deprecation, Direction, NamedOwner, Place, Result, View};
use crate::{
    model::{AssetId, AssetRole},
    store::AssetRow,
};

/// Every owner.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct OwnersAnswer {
    /// Owners, most assets first.
    pub owners: Vec<OwnerCounts>,
    /// Assets built here that nobody owns.
    pub unowned: u64,
}

/// One owner in the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct OwnerCounts {
    /// The name, as written.
    pub name: String,
    /// Assets owned.
    pub assets: u64,
    /// Deprecated ones among them.
    pub deprecated: u64,
    /// Undescribed ones among them.
    pub undescribed: u64,
}

/// What one owner owns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OwnerAnswer {
    /// The name, as written; "" for what nobody owns.
    pub name: String,
    /// The assets, the most read first.
    pub assets: Vec<OwnedAsset>,
}

/// One asset of an owner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OwnedAsset {
    /// The asset.
    pub asset: AssetRef,
    /// How we know.
    pub owner: Option<NamedOwner>,
    /// One line of meaning; "" where nobody said.
    pub summary: String,
    /// How many assets read it.
    pub readers: u64,
}

/// Something deprecated, and who still reads it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct DeprecatedAsset {
    /// The asset.
    pub asset: AssetRef,
    /// What was said.
    pub deprecation: Deprecation,
    /// Owners' names.
    pub owners: Vec<String>,
    /// Assets that read it, live ones first.
    pub readers: Vec<DeprecatedReader>,
}

/// An asset that still reads something deprecated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct DeprecatedReader {
    /// The reader.
    pub asset: AssetRef,
    /// Owners' names.
    pub owners: Vec<String>,
    /// The evidence: where it reads it.
    pub places: Vec<Place>,
}

impl View {
    /// Every owner with what they own, counted.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn owners(&self) -> Result<OwnersAnswer> {
        let mut owners: BTreeMap<String, OwnerCounts> = BTreeMap::new();
        let mut unowned = 0;
        for asset in &self.assets {
            let facts = self.facts.of(asset.id);
            if facts.owners.is_empty() {
                unowned += u64::from(is_built(asset));
            }
            for name in facts.owner_names() {
                let counts = owners.entry(name.to_lowercase()).or_insert_with(|| OwnerCounts {
                    name,
                    assets: 0,
                    deprecated: 0,
                    undescribed: 0,
                });
                counts.assets += 1;
                counts.deprecated += u64::from(facts.deprecated.is_some());
                counts.undescribed += u64::from(facts.summary.is_empty());
            }
        }
        let mut owners: Vec<OwnerCounts> = owners.into_values().collect();
        owners.sort_by_key(|owner| (Reverse(owner.assets), owner.name.to_lowercase()));
        Ok(OwnersAnswer { owners, unowned })
    }

    /// The assets of the owner called `name`, in any case; "" asks for what nobody owns.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`] where nobody of that name owns anything.
    pub async fn owner(&self, name: &str) -> Result<OwnerAnswer> {
        let wanted = name.to_lowercase();
        let mut shown = None;
        let mut assets: Vec<OwnedAsset> = Vec::new();
        for asset in &self.assets {
            let facts = self.facts.of(asset.id);
            let mut owners = self.named_owners(&facts.owners).into_iter();
            let owner = if wanted.is_empty() { None } else { owners.find(|owner| owner.name.to_lowercase() == wanted) };
            let is_wanted = if wanted.is_empty() { facts.owners.is_empty() && is_built(asset) } else { owner.is_some() };
            if is_wanted {
                shown = shown.or_else(|| owner.as_ref().map(|owner| owner.name.clone()));
                assets.push(OwnedAsset {
                    asset: self.point_at(asset),
                    owner,
                    summary: facts.summary.clone(),
                    readers: self.readers(asset.id),
                });
            }
        }
        if assets.is_empty() && !wanted.is_empty() {
            return Err(CatalogError::not_found("owners", name));
        }
        assets.sort_by(|one, other| (Reverse(one.readers), &one.asset).cmp(&(Reverse(other.readers), &other.asset)));
        Ok(OwnerAnswer { name: shown.unwrap_or_default(), assets })
    }

    /// Everything deprecated, the most read first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn deprecations(&self) -> Result<Vec<DeprecatedAsset>> {
        let mut deprecated: Vec<DeprecatedAsset> = Vec::new();
        for asset in &self.assets {
            let facts = self.facts.of(asset.id);
            let Some(deprecation) = facts.deprecated.as_ref().map(|fact| self.deprecation(asset.id, fact)) else { continue };
            deprecated.push(DeprecatedAsset {
                asset: self.point_at(asset),
                deprecation,
                owners: facts.owner_names(),
                readers: self.readers_with_evidence(asset.id),
            });
        }
        deprecated.sort_by(|one, other| {
            let live = |entry: &DeprecatedAsset| entry.readers.iter().filter(|reader| !reader.asset.deprecated).count();
            (Reverse(live(one)), &one.asset).cmp(&(Reverse(live(other)), &other.asset))
        });
        Ok(deprecated)
    }

    /// How many assets read one.
    pub(super) fn readers(&self, asset: AssetId) -> u64 {
        self.graph.degree(asset, Direction::Downstream) as u64
    }

    fn readers_with_evidence(&self, asset: AssetId) -> Vec<DeprecatedReader> {
        let mut readers: Vec<DeprecatedReader> = self
            .graph
            .neighbours(asset, Direction::Downstream)
            .into_iter()
            .filter_map(|reader| {
                let evidence = self.graph.asset_evidence(asset, reader).iter();
                let mut places: Vec<Place> = evidence.filter_map(|evidence| self.place_of_evidence(*evidence)).collect();
                places.sort();
                places.dedup();
                Some(DeprecatedReader { asset: self.point(reader)?, owners: self.facts.of(reader).owner_names(), places })
            })
            .collect();
        readers.sort_by(|one, other| (one.asset.deprecated, &one.asset).cmp(&(other.asset.deprecated, &other.asset)));
        readers
    }
}

/// Whether the catalog holds what makes it, so that somebody here should own it.
pub(super) fn is_built(asset: &AssetRow) -> bool {
    match asset.role {
        AssetRole::Model | AssetRole::Seed | AssetRole::Snapshot => true,
        AssetRole::Source | AssetRole::External => false,
    }
}
