//! The verdict on calculations of one name.

use std::collections::BTreeMap;

use super::{
    Class, Group, Known, Verdict,
    compare::{Facet, GrainMatters, compare},
    essence::Form,
    names::is_generic,
    suggest::{Suggestion, suggest},
};
use crate::insight::conflicts::Standing;

/// Judges the calculations called `key`; `None` where fewer than two are left when those that only add up
/// others are taken out.
pub(super) fn judge_group(known: &Known<'_>, key: &str, members: &[usize]) -> Option<Group> {
    let (rolled_up, members): (Vec<usize>, Vec<usize>) = members.iter().partition(|at| known.only_adds_up(**at, members));
    if members.len() < 2 {
        return None;
    }
    let mut shapes: BTreeMap<Result<u128, usize>, Vec<usize>> = BTreeMap::new();
    for at in &members {
        // What has no form is a class of its own.
        let shape = known.form(*at).map_or(Err(*at), |form| Ok(form.shape));
        shapes.entry(shape).or_default().push(*at);
    }
    let suggested = known.suggest(&members)?;
    let mut shapes: Vec<Vec<usize>> = shapes.into_values().collect();
    shapes.sort_by_key(|shape| (!shape.contains(&suggested.calculation), std::cmp::Reverse(shape.len()), shape.first().copied()));
    let reference = suggested.calculation;
    let group = Members { key, members: &members, reference };
    let classes: Vec<Class> = shapes.iter().map(|shape| known.judge_class(&group, shape)).collect();
    let verdict = group_verdict(&classes);
    let print = known.print_of(&classes);
    Some(Group { key: key.to_owned(), verdict, classes, rolled_up, suggested, print })
}

/// A group of calculations that are the same under several names.
pub(super) fn judge_renamed(known: &Known<'_>, print: u128, members: &[usize]) -> Option<Group> {
    let suggested = known.suggest(members)?;
    let key = known.calculations.get(suggested.calculation)?.keys.first()?.clone();
    let class = Class { verdict: Verdict::Renamed, differences: Vec::new(), variants: vec![members.to_vec()] };
    Some(Group { key, verdict: Verdict::Renamed, classes: vec![class], rolled_up: Vec::new(), suggested, print })
}

fn group_verdict(classes: &[Class]) -> Verdict {
    if let [only] = classes {
        return if only.variants.len() > 1 { Verdict::OtherData } else { Verdict::Identical };
    }
    classes.iter().skip(1).map(|class| class.verdict).min().unwrap_or(Verdict::Identical)
}

/// The calculations of a name.
struct Members<'a> {
    key: &'a str,
    members: &'a [usize],
    /// The one that the others are compared with.
    reference: usize,
}

impl Known<'_> {
    fn suggest(&self, members: &[usize]) -> Option<Suggestion> {
        // What cannot be compared is no measure for the others.
        let has_form = members.iter().any(|at| self.form(*at).is_some());
        let comparable = members.iter().filter(|at| !has_form || self.form(**at).is_some());
        let candidates: Vec<(usize, &Standing)> = comparable.map(|at| (*at, &self.calculations[*at].standing)).collect();
        suggest(&candidates)
    }

    /// Whether a column only adds up others of the group.
    fn only_adds_up(&self, at: usize, members: &[usize]) -> bool {
        let calculation = &self.calculations[at];
        !calculation.standing.declared && self.rolls_up(at) && calculation.takes_up.iter().any(|other| members.contains(other))
    }

    fn rolls_up(&self, at: usize) -> bool {
        self.form(at).is_some_and(|form| form.rolls_up)
    }

    fn judge_class(&self, group: &Members<'_>, shape: &[usize]) -> Class {
        let reference = group.reference;
        let mut variants: BTreeMap<u128, Vec<usize>> = BTreeMap::new();
        for (number, at) in (0_u128..).zip(shape) {
            variants.entry(self.form(*at).map_or(number, |form| form.print)).or_default().push(*at);
        }
        let mut variants: Vec<Vec<usize>> = variants.into_values().collect();
        variants.sort_by_key(|variant| (!variant.contains(&reference), variant.first().copied()));
        if shape.contains(&reference) {
            let verdict = if variants.len() > 1 { Verdict::OtherData } else { Verdict::Identical };
            return Class { verdict, differences: Vec::new(), variants };
        }
        let nearest = self.nearest(reference, shape).unwrap_or(reference);
        let (this_at, other_at) = (self.base(nearest, group.members), self.base(reference, group.members));
        if this_at == other_at {
            return Class { verdict: Verdict::RollsUp, differences: Vec::new(), variants };
        }
        let (Some(other), Some(this)) = (self.form(other_at), self.form(this_at)) else {
            return Class { verdict: Verdict::NotCompared, differences: Vec::new(), variants };
        };
        let mut differences = compare(this, other, self.grain_matters(this_at, other_at, this));
        let through = Through { this: this_at != nearest, other: other_at != reference };
        differences.iter_mut().for_each(|said| said.sentence = through.say(&said.sentence));
        let all_of = |is_one: &dyn Fn(Facet) -> bool| differences.iter().all(|said| is_one(said.facet));
        let verdict = match () {
            () if this.shape == other.shape => Verdict::RollsUp,
            () if is_generic(group.key) && self.are_disjoint(reference, shape) => Verdict::Unrelated,
            () if all_of(&Facet::is_of_data) => Verdict::OtherData,
            // The value is calculated alike; whether it matters how the data is put together nobody can say.
            () if all_of(&|facet| facet.is_of_data() || facet == Facet::Join) => Verdict::NotCompared,
            () => Verdict::Different,
        };
        Class { verdict, differences, variants }
    }

    /// What a calculation only adds up, where that is one of `members`; else itself.
    fn base(&self, at: usize, members: &[usize]) -> usize {
        if !self.rolls_up(at) {
            return at;
        }
        let sources = self.calculations[at].takes_up.iter().copied().filter(|other| *other != at && members.contains(other));
        // Of several on the way, the one that calculates.
        sources.min_by_key(|other| (self.rolls_up(*other) || self.form(*other).is_none(), *other)).unwrap_or(at)
    }

    /// The one of `shape` that reads what the reference reads, else the first.
    fn nearest(&self, reference: usize, shape: &[usize]) -> Option<usize> {
        let sources = |at: usize| self.form(at).map(Form::sources);
        let same = shape.iter().find(|at| sources(**at) == sources(reference));
        same.or(shape.first()).copied()
    }

    fn grain_matters(&self, this: usize, other: usize, form: &Form) -> GrainMatters {
        let declared = self.calculations[this].standing.declared || self.calculations[other].standing.declared;
        if declared || form.adds_up { GrainMatters::No } else { GrainMatters::Yes }
    }

    fn are_disjoint(&self, reference: usize, shape: &[usize]) -> bool {
        let roots = &self.calculations[reference].roots;
        shape.iter().all(|at| !self.calculations[*at].roots.iter().any(|root| roots.contains(root)))
    }

    fn print_of(&self, classes: &[Class]) -> u128 {
        let mut prints: Vec<u128> =
            classes.iter().flat_map(Class::members).map(|at| self.form(at).map_or(0, |form| form.print)).collect();
        prints.sort_unstable();
        let bytes: Vec<u8> = prints.iter().flat_map(|print| print.to_le_bytes()).collect();
        xxhash_rust::xxh3::xxh3_128(&bytes)
    }
}

/// Whether what is compared is what the calculations of a group add up, and not they themselves.
struct Through {
    this: bool,
    other: bool,
}

impl Through {
    /// A sentence about what is compared as one about the calculation of the group.
    fn say(&self, sentence: &str) -> String {
        let told = if self.other { sentence.replace("the other", "what the other adds up") } else { sentence.to_owned() };
        if self.this { format!("adds up what {told}") } else { told }
    }
}
