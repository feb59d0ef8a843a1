//! In what two computations differ, in sentences about the first.
//!
//! Sources that take the same part in both are called alike before anything is compared, so that a
//! condition on another table of the same shape is no difference of its own.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{
    align::{Aligned, align},
    essence::Essence,
    names::time_unit,
    ratio::{Ratio, bare_value, split_ratio, without_conditions},
    say::{Called, join, quote, quote_all, say_call, show},
};
use crate::model::{Aggregate, Computation};

/// A side of a calculation in which two can differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Facet {
    /// Which rows count.
    Filter,
    /// What is divided by.
    Denominator,
    /// What is divided.
    Numerator,
    /// How values of many rows become one.
    Aggregate,
    /// The span of time that a value covers.
    Window,
    /// What one value is for.
    Grain,
    /// Which data is read.
    Source,
    /// How what is read is put together.
    Join,
    /// Anything else of the formula.
    Formula,
}

impl Facet {
    /// The word in output and on pages.
    pub fn word(self) -> &'static str {
        match self {
            Facet::Filter => "filter",
            Facet::Denominator => "denominator",
            Facet::Numerator => "numerator",
            Facet::Aggregate => "aggregate",
            Facet::Window => "window",
            Facet::Grain => "grain",
            Facet::Source => "source",
            Facet::Join => "join",
            Facet::Formula => "formula",
        }
    }
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct SaidDifference {
    /// In what.
    pub facet: Facet,
    /// In words, about the one: `counts distinct `id`, where the other counts rows`.
    pub sentence: String,
}

/// Whether what one value is for is compared: a metric that is declared takes any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GrainMatters {
    Yes,
    No,
}

/// What tells `this` from `other`, the most telling first.
pub(super) fn compare(this: &Essence, other: &Essence, grain: GrainMatters) -> Vec<SaidDifference> {
    let (this_shape, other_shape) = (&this.shape, &other.shape);
    let Aligned { this, other, this_called, other_called, only_this, only_other } = align(&this.computation, &other.computation);
    let mut found = Found { this_called, other_called, said: Vec::new() };
    found.compare_filters(&this, &other);
    let ratios = (split_ratio(&this.expression), split_ratio(&other.expression));
    let explained = match &ratios {
        (Some(one), Some(another)) => found.compare_ratios(one, another),
        (Some(one), None) => found.say_divides(&one.denominator),
        (None, Some(another)) => found.say_does_not_divide(&another.denominator),
        (None, None) => false,
    };
    if !explained {
        found.compare_aggregates(&this, &other);
    }
    found.compare_windows(&this, &other);
    if grain == GrainMatters::Yes {
        found.compare_grain(&this, &other);
    }
    found.compare_sources(&only_this, &only_other);
    // Where the data differs, so does how it is put together; that is told where nothing else is.
    let only_data = found.said.iter().all(|said| matches!(said.facet, Facet::Source | Facet::Grain));
    if only_this.is_empty() && only_other.is_empty() || only_data && this_shape != other_shape {
        found.compare_joins(&this, &other);
    }
    let has_formula =
        found.said.iter().any(|said| !matches!(said.facet, Facet::Source | Facet::Grain | Facet::Filter | Facet::Join));
    if !has_formula && without_conditions(&this.expression) != without_conditions(&other.expression) {
        found.compare_formulas(&this.expression, &other.expression);
    }
    found.said.sort();
    found.said.dedup();
    found.said
}

struct Found {
    this_called: Called,
    other_called: Called,
    said: Vec<SaidDifference>,
}

impl Found {
    fn say(&mut self, facet: Facet, sentence: String) {
        self.said.push(SaidDifference { facet, sentence });
    }

    fn compare_filters(&mut self, this: &Computation, other: &Computation) {
        let (mut left, mut right) = only(&this.filters, &other.filters);
        self.say_filters(&mut left, &mut right, "keeps only rows where", "keeps those where");
        let (mut left, mut right) = only(&this.having, &other.having);
        self.say_filters(&mut left, &mut right, "keeps only groups where", "keeps those where");
        for (call, mine, theirs) in conditions_of_twins(&this.aggregates, &other.aggregates) {
            let (mut left, mut right) = only(&mine, &theirs);
            let counts = say_call(&call, &self.this_called);
            if left.is_empty() && !right.is_empty() {
                let theirs = quote_all(&right, &self.other_called);
                self.say(Facet::Filter, format!("{counts}, of all rows, where the other does so only where {theirs}"));
            } else {
                self.say_filters(&mut left, &mut right, &format!("{counts}, only of rows where"), "does so where");
            }
        }
        if this.limit != other.limit {
            let sentence = match (this.limit.is_empty(), other.limit.is_empty()) {
                (false, true) => format!("keeps only {}, where the other keeps all", quote(&this.limit, &self.this_called)),
                (true, _) => format!("keeps all rows, where the other keeps only {}", quote(&other.limit, &self.other_called)),
                (false, false) => format!(
                    "keeps only {}, where the other keeps {}",
                    quote(&this.limit, &self.this_called),
                    quote(&other.limit, &self.other_called)
                ),
            };
            self.say(Facet::Filter, sentence);
        }
    }

    /// Conditions that only one has; of pairs that differ in constants alone each is told beside its twin.
    fn say_filters(&mut self, left: &mut Vec<String>, right: &mut Vec<String>, keeps: &str, other_keeps: &str) {
        let mut at = 0;
        while let Some(one) = left.get(at).cloned() {
            let Some(twin) = right.iter().position(|other| without_constants(other) == without_constants(&one)) else {
                at += 1;
                continue;
            };
            let other = right.remove(twin);
            left.remove(at);
            let facet = if time_unit(&one).is_empty() { Facet::Filter } else { Facet::Window };
            let (one, other) = (quote(&one, &self.this_called), quote(&other, &self.other_called));
            self.say(facet, format!("{keeps} {one}, where the other {other_keeps} {other}"));
        }
        let (mine, theirs) = (quote_all(left, &self.this_called), quote_all(right, &self.other_called));
        let sentence = match (left.is_empty(), right.is_empty()) {
            (true, true) => return,
            (false, true) => format!("{keeps} {mine}; the other does not ask for that"),
            (true, false) => format!("takes rows that the other leaves out: the other {other_keeps} {theirs}"),
            (false, false) => format!("{keeps} {mine}, where the other {other_keeps} {theirs}"),
        };
        self.say(Facet::Filter, sentence);
    }

    fn compare_ratios(&mut self, this: &Ratio, other: &Ratio) -> bool {
        let same = |one: &str, another: &str| without_conditions(one) == without_conditions(another);
        let (above, below) = (same(&this.numerator, &other.numerator), same(&this.denominator, &other.denominator));
        if !below {
            let (one, another) = (quote(&this.denominator, &self.this_called), quote(&other.denominator, &self.other_called));
            self.say(Facet::Denominator, format!("divides by {one}, where the other divides by {another}"));
        }
        if !above {
            let (one, another) = (quote(&this.numerator, &self.this_called), quote(&other.numerator, &self.other_called));
            self.say(Facet::Numerator, format!("divides {one}, where the other divides {another}"));
        }
        true
    }

    fn say_divides(&mut self, denominator: &str) -> bool {
        let sentence = format!("divides by {}, where the other does not divide", quote(denominator, &self.this_called));
        self.say(Facet::Denominator, sentence);
        false
    }

    fn say_does_not_divide(&mut self, denominator: &str) -> bool {
        let sentence = format!("does not divide, where the other divides by {}", quote(denominator, &self.other_called));
        self.say(Facet::Denominator, sentence);
        false
    }

    fn compare_aggregates(&mut self, this: &Computation, other: &Computation) {
        let calls = |it: &Computation| {
            let mut calls: Vec<String> = it.aggregates.iter().map(|aggregate| aggregate.call.clone()).collect();
            calls.dedup();
            calls
        };
        let (left, right) = only(&calls(this), &calls(other));
        if left.is_empty() && right.is_empty() {
            return;
        }
        let said =
            |calls: &[String], called: &Called| join(&calls.iter().map(|call| say_call(call, called)).collect::<Vec<_>>(), "and");
        let facet = if functions(&left) == functions(&right) { Facet::Formula } else { Facet::Aggregate };
        let (mine, theirs) = (said(&left, &self.this_called), said(&right, &self.other_called));
        let sentence = match (left.is_empty(), right.is_empty()) {
            (false, false) => format!("{mine}, where the other {theirs}"),
            (false, true) if other.aggregates.is_empty() => {
                format!("{mine}, where the other {}", row_by_row(other, &self.other_called))
            }
            (true, _) if this.aggregates.is_empty() => {
                format!("{}, where the other {theirs}", row_by_row(this, &self.this_called))
            }
            (false, true) => format!("{mine} too, which the other does not"),
            (true, _) => format!("lacks a part of the other, which {theirs} too"),
        };
        self.say(facet, sentence);
    }

    fn compare_windows(&mut self, this: &Computation, other: &Computation) {
        let (left, right) = only(&this.windows, &other.windows);
        let (mine, theirs) = (quote_all(&left, &self.this_called), quote_all(&right, &self.other_called));
        let sentence = match (left.is_empty(), right.is_empty()) {
            (true, true) => return,
            (false, false) => format!("looks over {mine}, where the other looks over {theirs}"),
            (false, true) => format!("looks over {mine}, where the other looks at no other rows"),
            (true, false) => format!("looks at no other rows, where the other looks over {theirs}"),
        };
        self.say(Facet::Window, sentence);
    }

    fn compare_grain(&mut self, this: &Computation, other: &Computation) {
        let unit = |it: &Computation| it.grain.as_deref().map(super::essence::grain_unit).unwrap_or_default();
        let (one, another) = (unit(this), unit(other));
        if one == another {
            return;
        }
        let per = |unit: &str| if unit.is_empty() { "over all time".to_owned() } else { format!("per {unit}") };
        self.say(Facet::Grain, format!("has one value {}, where the other has one {}", per(&one), per(&another)));
    }

    fn compare_sources(&mut self, mine: &[String], theirs: &[String]) {
        let named = |names: &[String]| join(&names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>(), "and");
        let sentence = match (mine.is_empty(), theirs.is_empty()) {
            (true, true) => return,
            (false, false) => format!("reads {}, where the other reads {}", named(mine), named(theirs)),
            (false, true) => format!("also reads {}", named(mine)),
            (true, false) => format!("does not read {}, as the other does", named(theirs)),
        };
        self.say(Facet::Source, sentence);
    }

    fn compare_joins(&mut self, this: &Computation, other: &Computation) {
        let facet = Facet::Join;
        if this.joins != other.joins {
            let (one, another) = (quote(&this.joins, &self.this_called), quote(&other.joins, &self.other_called));
            self.say(facet, format!("puts together {one}, where the other puts together {another}"));
        }
        let (left, right) = only(&this.subqueries, &other.subqueries);
        if !left.is_empty() || !right.is_empty() {
            let way = |pieces: &[String], called: &Called| match pieces.is_empty() {
                true => "no such step".to_owned(),
                false => quote_all(pieces, called),
            };
            let (one, another) = (way(&left, &self.this_called), way(&right, &self.other_called));
            self.say(facet, format!("goes by way of {one}, where the other has {another}"));
        }
    }

    fn compare_formulas(&mut self, this: &str, other: &str) {
        let (one, another) = (show(bare_value(this), &self.this_called), show(bare_value(other), &self.other_called));
        let sentence = match one == another {
            true => "rounds, scales or fills in for nothing otherwise than the other".to_owned(),
            false => format!(
                "computes {}, where the other computes {}",
                quote(this, &self.this_called),
                quote(other, &self.other_called)
            ),
        };
        self.say(Facet::Formula, sentence);
    }
}

/// What a value that aggregates nothing itself does: it takes over what a subquery computed, or computes from
/// single rows.
fn row_by_row(it: &Computation, called: &Called) -> String {
    match it.expression.contains("}@q") {
        true => format!("takes over {}", quote(&it.expression, called)),
        false => format!("computes {} row by row", quote(&it.expression, called)),
    }
}

/// Aggregates that both have with other conditions: the call, and the conditions of each.
fn conditions_of_twins(this: &[Aggregate], other: &[Aggregate]) -> Vec<(String, Vec<String>, Vec<String>)> {
    let mut twins = Vec::new();
    let mut taken: Vec<bool> = other.iter().map(|aggregate| this.contains(aggregate)).collect();
    for aggregate in this.iter().filter(|aggregate| !other.contains(aggregate)) {
        let twin = other.iter().enumerate().find(|(at, twin)| !taken[*at] && twin.call == aggregate.call);
        if let Some((at, twin)) = twin {
            taken[at] = true;
            twins.push((aggregate.call.clone(), aggregate.filters.clone(), twin.filters.clone()));
        }
    }
    twins
}

fn functions(calls: &[String]) -> BTreeMap<String, usize> {
    let mut functions = BTreeMap::new();
    for call in calls {
        let distinct = if call.contains("(distinct ") { " distinct" } else { "" };
        *functions.entry(format!("{}{distinct}", call.split('(').next().unwrap_or(""))).or_default() += 1;
    }
    functions
}

/// What only the one has, and only the other; both in order.
fn only(left: &[String], right: &[String]) -> (Vec<String>, Vec<String>) {
    let missing = |from: &[String], other: &[String]| from.iter().filter(|one| !other.contains(one)).cloned().collect::<Vec<_>>();
    (missing(left, right), missing(right, left))
}

/// A text with a mark for every number and quoted text.
fn without_constants(text: &str) -> String {
    let mut shape = String::new();
    let mut letters = text.chars().peekable();
    let mut inside = false;
    while let Some(letter) = letters.next() {
        match letter {
            '\'' => {
                while letters.next().is_some_and(|letter| letter != '\'') {}
                shape.push('?');
                inside = false;
            }
            digit if digit.is_ascii_digit() && !inside => {
                while letters.peek().is_some_and(|next| next.is_ascii_digit() || *next == '.') {
                    letters.next();
                }
                shape.push('?');
            }
            other => {
                inside = other.is_alphanumeric() || matches!(other, '_' | '⟦');
                shape.push(other);
            }
        }
    }
    shape
}
