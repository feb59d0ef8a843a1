//! Metrics that share a name and not a meaning, or a meaning and not a name.
//!
//! In: calculations with the names they go by. Out: groups of one name, in each group classes that
//! calculate the same, in what every class differs from the first in sentences, and which to keep.
//! Deterministic; what cannot be compared is never called a conflict.

mod align;
mod compare;
mod essence;
mod group;
mod mark;
mod names;
mod plain;
mod ratio;
mod say;
mod suggest;
mod unions;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use rayon::prelude::*;
use serde::Serialize;

use self::group::judge_group;

pub use compare::{Facet, SaidDifference};
pub use essence::Form;
pub use mark::{Piece, mark_difference};
pub use names::{is_generic, name_key};
pub use suggest::{Standing, Suggestion};

/// Calculations of one name that are compared; of more the first.
const MOST_OF_ONE_NAME: usize = 1_000;

/// One calculation of a metric. Others refer to it by its place in the list.
#[derive(Clone, Debug, Default)]
pub struct Calculation {
    /// Keys of its own name and of its labels: see [`name_key`]. The first is its own.
    pub keys: Vec<String>,
    /// What it computes; `None` where that has no normal form.
    pub form: Option<Arc<Form>>,
    /// What it is made of in the end, as numbers of assets, sorted.
    pub roots: Vec<u32>,
    /// Calculations that its value is made of.
    pub takes_up: Vec<usize>,
    /// What is known of it beside that.
    pub standing: Standing,
}

/// How calculations of one group stand to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = MetricVerdict)]
pub enum Verdict {
    /// One name, different calculations.
    Different,
    /// Several names, one calculation.
    Renamed,
    /// One name, one calculation, over different data or for other keys.
    OtherData,
    /// Some have no normal form: nobody can say.
    NotCompared,
    /// One name that says little, over data that has nothing in common.
    Unrelated,
    /// One adds up, or picks among, the values of the other.
    RollsUp,
    /// One name, one calculation, the same data.
    Identical,
}

impl Verdict {
    /// Every verdict, what needs a decision first.
    pub const ALL: [Verdict; 7] = [
        Verdict::Different,
        Verdict::Renamed,
        Verdict::OtherData,
        Verdict::NotCompared,
        Verdict::Unrelated,
        Verdict::RollsUp,
        Verdict::Identical,
    ];

    /// The word used in addresses and output.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Different => "different",
            Verdict::Renamed => "renamed",
            Verdict::OtherData => "other-data",
            Verdict::NotCompared => "not-compared",
            Verdict::Unrelated => "unrelated",
            Verdict::RollsUp => "rolls-up",
            Verdict::Identical => "identical",
        }
    }

    /// The verdict that `word` names.
    pub fn from_word(word: &str) -> Option<Verdict> {
        Self::ALL.into_iter().find(|verdict| verdict.word() == word)
    }

    /// The verdict as people read it.
    pub fn label(self) -> &'static str {
        match self {
            Verdict::Different => "different calculations",
            Verdict::Renamed => "same calculation, other names",
            Verdict::OtherData => "same calculation, other data",
            Verdict::NotCompared => "cannot be compared",
            Verdict::Unrelated => "unrelated",
            Verdict::RollsUp => "added up from another",
            Verdict::Identical => "identical",
        }
    }

    /// By what rule it is given.
    pub fn why(self) -> &'static str {
        match self {
            Verdict::Different => {
                "Both have a normal form, freed of layout, aliases, subqueries and the order of conditions, and the forms differ in more than the names of their tables."
            }
            Verdict::Renamed => "The normal forms are the same, letter by letter, and the names are not.",
            Verdict::OtherData => {
                "The normal forms are the same but for the tables they read, the days that are written out, what stands in for no value, or keys that the values are split by."
            }
            Verdict::NotCompared => {
                "At least one has SQL for which no normal form is known, or the two calculate alike from data that is put together otherwise; nothing is claimed."
            }
            Verdict::Unrelated => {
                "The name says only what kind of number it is, and what the numbers are made of in the end has no table in common."
            }
            Verdict::RollsUp => "Its value is the sum, or the smallest or largest, of values that the other computes.",
            Verdict::Identical => "The normal forms are the same, letter by letter.",
        }
    }
}

/// Calculations that share a name, or a meaning under several names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Group {
    /// The key of the name; of a meaning under several names, that of the first.
    pub key: String,
    /// What it comes to: the worst of its classes.
    pub verdict: Verdict,
    /// Calculations that are the same in all but their data, the one to keep first.
    pub classes: Vec<Class>,
    /// Calculations that only add up others of the group.
    pub rolled_up: Vec<usize>,
    /// Which to keep.
    pub suggested: Suggestion,
    /// Changes whenever what any of them calculates does.
    pub print: u128,
}

/// Calculations that are the same in all but their data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Class {
    /// How it stands to the first class of its group.
    pub verdict: Verdict,
    /// In what it differs from the first class, most telling first.
    pub differences: Vec<SaidDifference>,
    /// Calculations that are the same in everything stand together.
    pub variants: Vec<Vec<usize>>,
}

impl Class {
    /// Every calculation of it.
    pub fn members(&self) -> impl Iterator<Item = usize> + '_ {
        self.variants.iter().flatten().copied()
    }
}

/// Groups of `calculations`: by name and label, then meanings under several names. What needs a decision
/// first, then by name.
pub fn find_groups(calculations: &[Calculation]) -> Vec<Group> {
    let known = Known { calculations };
    let mut groups: Vec<Group> =
        by_name(calculations).into_par_iter().filter_map(|(key, members)| judge_group(&known, key, &members)).collect();
    groups.extend(known.renamed());
    groups.sort_by(|one, other| {
        (one.verdict, &one.key, &one.classes.len()).cmp(&(other.verdict, &other.key, &other.classes.len()))
    });
    groups
}

/// The calculations that there are.
struct Known<'a> {
    calculations: &'a [Calculation],
}

/// Calculations by every name they go by; a name whose calculations all go by another one too is left out.
fn by_name(calculations: &[Calculation]) -> Vec<(&str, Vec<usize>)> {
    let mut by_key: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, calculation) in calculations.iter().enumerate() {
        let keys: BTreeSet<&str> = calculation.keys.iter().map(String::as_str).filter(|key| !key.is_empty()).collect();
        for key in keys {
            let members = by_key.entry(key).or_default();
            if members.len() < MOST_OF_ONE_NAME {
                members.push(at);
            }
        }
    }
    by_key.retain(|_, members| members.len() > 1);
    let mut groups: Vec<(&str, Vec<usize>)> = by_key.into_iter().collect();
    let own_names = |(key, members): &(&str, Vec<usize>)| {
        members.iter().filter(|at| calculations[**at].keys.first().is_some_and(|own| own == key)).count()
    };
    // Of equal groups the name that most call their own stays.
    groups.sort_by_key(|group| (std::cmp::Reverse(group.1.len()), std::cmp::Reverse(own_names(group)), group.0));
    let mut kept: Vec<(&str, Vec<usize>)> = Vec::new();
    let mut of_member: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (key, members) in groups {
        let holders = members.first().and_then(|first| of_member.get(first)).into_iter().flatten();
        let is_inside = |holder: &usize| members.iter().all(|member| kept[*holder].1.binary_search(member).is_ok());
        if holders.copied().collect::<Vec<_>>().iter().any(is_inside) {
            continue;
        }
        for member in &members {
            of_member.entry(*member).or_default().push(kept.len());
        }
        kept.push((key, members));
    }
    kept.sort();
    kept
}

impl Known<'_> {
    fn form(&self, at: usize) -> Option<&Form> {
        self.calculations.get(at)?.form.as_deref()
    }

    /// Meanings under several names: where a metric is declared among them, and it is more than counting rows.
    fn renamed(&self) -> Vec<Group> {
        let mut by_print: BTreeMap<u128, Vec<usize>> = BTreeMap::new();
        for (at, calculation) in self.calculations.iter().enumerate() {
            if let Some(form) = calculation.form.as_ref().filter(|form| form.says_something) {
                by_print.entry(form.print).or_default().push(at);
            }
        }
        by_print.retain(|_, members| {
            let keys: BTreeSet<&String> = members.iter().filter_map(|at| self.calculations[*at].keys.first()).collect();
            keys.len() > 1 && members.iter().any(|at| self.calculations[*at].standing.declared)
        });
        by_print.into_iter().filter_map(|(print, members)| group::judge_renamed(self, print, &members)).collect()
    }
}
