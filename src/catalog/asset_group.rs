//! Groups of assets that a drawing, a list or a search can leave out.

use std::collections::BTreeSet;

use serde::Serialize;

use super::View;
use crate::{
    model::{AssetId, AssetKind, AssetRole},
    store::AssetRow,
};

/// Parts of names that people give to what is not meant to stay.
const SCRATCH_WORDS: [&str; 10] =
    ["tmp", "temp", "temporary", "test", "tests", "scratch", "sandbox", "backup", "bak", "deleteme"];

/// A group of assets by use, by name or by kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AssetGroup {
    /// Deprecated.
    Deprecated,
    /// Asked for by nobody, neither person nor schedule, in the days that the logs of its warehouse
    /// cover; none where no log was read.
    Unused,
    /// In another environment than prod.
    NotProd,
    /// Called like something that is not meant to stay: a part of the name is `tmp`, `test`, `backup`, ….
    Scratch,
    /// Only ever read: nothing in the catalog defines it.
    External,
    /// Of one kind.
    Kind(AssetKind),
}

impl AssetGroup {
    /// Every group, in the order in which they are offered.
    pub fn all() -> impl Iterator<Item = AssetGroup> {
        let by_use = [AssetGroup::Deprecated, AssetGroup::Unused, AssetGroup::NotProd, AssetGroup::Scratch, AssetGroup::External];
        by_use.into_iter().chain(AssetKind::ALL.into_iter().map(AssetGroup::Kind))
    }

    /// The word in addresses.
    pub fn word(self) -> &'static str {
        match self {
            AssetGroup::Deprecated => "deprecated",
            AssetGroup::Unused => "unused",
            AssetGroup::NotProd => "not-prod",
            AssetGroup::Scratch => "scratch",
            AssetGroup::External => "external",
            AssetGroup::Kind(kind) => kind.word(),
        }
    }

    /// The group that `word` names.
    pub fn from_word(word: &str) -> Option<AssetGroup> {
        AssetGroup::all().find(|group| group.word() == word)
    }
}

impl View {
    /// The groups that an asset belongs to.
    pub(super) fn asset_groups_of(&self, asset: &AssetRow) -> BTreeSet<AssetGroup> {
        AssetGroup::all().filter(|group| self.belongs_to(asset, *group)).collect()
    }

    /// The assets of any of `groups`.
    pub(super) fn assets_of_groups(&self, groups: &BTreeSet<AssetGroup>) -> BTreeSet<AssetId> {
        if groups.is_empty() {
            return BTreeSet::new();
        }
        let belongs = |asset: &&AssetRow| groups.iter().any(|group| self.belongs_to(asset, *group));
        self.assets.iter().filter(belongs).map(|asset| asset.id).collect()
    }

    fn belongs_to(&self, asset: &AssetRow, group: AssetGroup) -> bool {
        match group {
            AssetGroup::Deprecated => self.facts.of(asset.id).deprecated.is_some(),
            AssetGroup::Unused => self.is_unused(asset),
            AssetGroup::NotProd => asset.environment.is_some(),
            AssetGroup::Scratch => is_scratch(&asset.name),
            AssetGroup::External => asset.role == AssetRole::External,
            AssetGroup::Kind(kind) => asset.kind == kind,
        }
    }

    fn is_unused(&self, asset: &AssetRow) -> bool {
        if !self.coverage.contains_key(&*asset.namespace) {
            return false;
        }
        self.usage.get(&asset.id).is_none_or(|usage| usage.last_human.is_none() && usage.last_scheduled.is_none())
    }
}

/// Whether a part of `name` says that it is not meant to stay.
fn is_scratch(name: &str) -> bool {
    name.split(|c: char| !c.is_alphanumeric()).any(|part| SCRATCH_WORDS.iter().any(|word| part.eq_ignore_ascii_case(word)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_lead_back_to_their_groups() {
        for group in AssetGroup::all() {
            assert_eq!(AssetGroup::from_word(group.word()), Some(group));
        }
        assert_eq!(AssetGroup::from_word("nothing"), None);
    }

    #[test]
    fn a_part_of_a_name_tells_what_is_not_meant_to_stay() {
        assert!(is_scratch("proj.tmp.orders"));
        assert!(is_scratch("mart.orders_backup"));
        assert!(is_scratch("mart.TEST_orders"));
        assert!(!is_scratch("mart.latest_contest_attempts"));
    }
}
