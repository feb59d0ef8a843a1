//! Which source of one computation takes the part of which of the other.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    essence::{CLOSE, OPEN, with_names},
    say::{Called, short},
};
use crate::model::Computation;

/// Two computations whose sources are called alike.
pub(super) struct Aligned {
    pub(super) this: Computation,
    pub(super) other: Computation,
    /// What the numbers of sources stand for in sentences.
    pub(super) this_called: Called,
    pub(super) other_called: Called,
    /// Sources that only one of them reads, in full.
    pub(super) only_this: Vec<String>,
    pub(super) only_other: Vec<String>,
}

/// Calls the sources of both by numbers: those of one name alike, then those of one short name, then the
/// only ones left.
pub(super) fn align(this: &Computation, other: &Computation) -> Aligned {
    let names = |it: &Computation| it.sources.iter().cloned().collect::<BTreeSet<String>>();
    let (mine, theirs) = (names(this), names(other));
    let (mut left, mut right) = (BTreeMap::new(), BTreeMap::new());
    let mut next = 0;
    let mut pair = |one: Option<&String>,
                    another: Option<&String>,
                    left: &mut BTreeMap<String, usize>,
                    right: &mut BTreeMap<String, usize>| {
        left.extend(one.map(|one| (one.clone(), next)));
        right.extend(another.map(|another| (another.clone(), next)));
        next += 1;
    };
    for name in mine.intersection(&theirs) {
        pair(Some(name), Some(name), &mut left, &mut right);
    }
    let only_this: Vec<String> = mine.difference(&theirs).cloned().collect();
    let only_other: Vec<String> = theirs.difference(&mine).cloned().collect();
    for one in &only_this {
        let twin = only_other.iter().find(|another| !right.contains_key(*another) && stem(another) == stem(one));
        if let Some(twin) = twin {
            pair(Some(one), Some(twin), &mut left, &mut right);
        }
    }
    // Then those whose names have most words in common.
    let mut alike: Vec<(usize, &String, &String)> = Vec::new();
    for one in only_this.iter().filter(|one| !left.contains_key(*one)) {
        let others = only_other.iter().filter(|another| !right.contains_key(*another));
        alike.extend(others.map(|another| (words_in_common(one, another), one, another)).filter(|(common, ..)| *common > 0));
    }
    alike.sort_by(|one, other| (std::cmp::Reverse(one.0), one.1, one.2).cmp(&(std::cmp::Reverse(other.0), other.1, other.2)));
    for (_, one, another) in alike {
        if !left.contains_key(one) && !right.contains_key(another) {
            pair(Some(one), Some(another), &mut left, &mut right);
        }
    }
    let rest: Vec<&String> = only_this.iter().filter(|one| !left.contains_key(*one)).collect();
    let others: Vec<&String> = only_other.iter().filter(|one| !right.contains_key(*one)).collect();
    match (rest.as_slice(), others.as_slice()) {
        ([one], [another]) => pair(Some(one), Some(another), &mut left, &mut right),
        _ => {
            rest.iter().for_each(|one| pair(Some(one), None, &mut left, &mut right));
            others.iter().for_each(|another| pair(None, Some(another), &mut left, &mut right));
        }
    }
    Aligned {
        this: with_names(this, &marked(&left)),
        other: with_names(other, &marked(&right)),
        this_called: called(&left),
        other_called: called(&right),
        only_this,
        only_other,
    }
}

fn marked(numbers: &BTreeMap<String, usize>) -> BTreeMap<String, String> {
    numbers.iter().map(|(name, number)| (name.clone(), format!("{OPEN}{number}{CLOSE}"))).collect()
}

/// The only source needs no name before its columns.
fn called(numbers: &BTreeMap<String, usize>) -> Called {
    let only = numbers.len() == 1;
    numbers.iter().map(|(name, number)| (*number, if only { String::new() } else { short(name).to_owned() })).collect()
}

/// Percent of the words of two short names that both have; 0 where that is less than half.
fn words_in_common(one: &str, another: &str) -> usize {
    let words = |name| stem(name).split('_').filter(|word| !word.is_empty()).collect::<BTreeSet<&str>>();
    let (mine, theirs): (BTreeSet<&str>, BTreeSet<&str>) = (words(one), words(another));
    let percent = 100 * mine.intersection(&theirs).count() / mine.union(&theirs).count().max(1);
    if percent < 50 { 0 } else { percent }
}

/// The short name without a version.
fn stem(name: &str) -> &str {
    let short = short(name);
    match short.rsplit_once("_v") {
        Some((stem, version)) if !version.is_empty() && version.chars().all(|letter| letter.is_ascii_digit()) => stem,
        _ => short,
    }
}
