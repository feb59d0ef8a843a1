//! In what two computations differ, in sentences about the first.
//!
//! Sources that take the same part in both are called alike before anything is compared, so that a
//! condition on another table of the same shape is no difference of its own.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{
    align::{Aligned, align},
    essence::{Form, grain_unit},
    names::time_unit,
    plain::{formula, hoist_filters, is_span, plain, puts_together, unplaced, without_days},
    ratio::{Ratio, bare_value, is_hundredfold, split_ratio, undressed},
    say::{Called, join, quote, quote_all, say_call, shorten, shorten_both, show},
};
use crate::model::{Aggregate, Computation};

/// A side of a calculation in which two can differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = MetricFacet)]
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
    /// Which days, written out, the data is of.
    Span,
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
            Facet::Span => "days",
            Facet::Source => "source",
            Facet::Join => "join",
            Facet::Formula => "formula",
        }
    }

    /// Whether it is which data is read, not what is made of it.
    pub(super) fn is_of_data(self) -> bool {
        matches!(self, Facet::Source | Facet::Span)
    }
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, utoipa::ToSchema)]
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

impl Form {
    /// What tells it from `other`, the most telling first; for calculations that nobody declared.
    pub fn differences(&self, other: &Form) -> Vec<SaidDifference> {
        compare(self, other, if self.adds_up { GrainMatters::No } else { GrainMatters::Yes })
    }
}

/// What tells `this` from `other`, the most telling first.
pub(super) fn compare(this: &Form, other: &Form, grain: GrainMatters) -> Vec<SaidDifference> {
    let (one, another) = (this.essential(), other.essential());
    let (mut hoisted, mut other_hoisted) = (one.clone(), another.clone());
    hoist_filters(&mut hoisted);
    hoist_filters(&mut other_hoisted);
    // Where a condition stands is no difference; where others are, they are told as they are written.
    if (&hoisted, &other_hoisted) != (&one, &another) {
        let said = compare_essences((this, &hoisted), (other, &other_hoisted), grain);
        if said.iter().all(|said| said.facet.is_of_data()) {
            return said;
        }
    }
    compare_essences((this, &one), (other, &another), grain)
}

fn compare_essences(
    (this, one): (&Form, &Computation),
    (other, another): (&Form, &Computation),
    grain: GrainMatters,
) -> Vec<SaidDifference> {
    let (this_shape, other_shape) = (this.shape, other.shape);
    let (this_rolls_up, other_rolls_up) = (this.rolls_up, other.rolls_up);
    let Aligned { this, other, this_called, other_called, only_this, only_other } = align(one, another);
    let (this, other) = (plain(&this), plain(&other));
    let mut found = Found { this_called, other_called, said: Vec::new() };
    // Of what is added up, conditions may hold where it is made.
    let all = |it: &Computation| it.sources.iter().collect::<BTreeSet<_>>().len();
    let others = only_this.len() == all(&this) && only_other.len() == all(&other);
    let made_before = MadeBefore { this: others && this_rolls_up, other: others && other_rolls_up };
    found.compare_filters(&this, &other, &made_before);
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
    let only_data = found.said.iter().all(|said| said.facet.is_of_data() || said.facet == Facet::Grain);
    if only_this.is_empty() && only_other.is_empty() || only_data && this_shape != other_shape {
        found.compare_joins(&this, &other);
    }
    let is_formula = |facet: Facet| !facet.is_of_data() && !matches!(facet, Facet::Grain | Facet::Filter | Facet::Join);
    let has_formula = found.said.iter().any(|said| is_formula(said.facet));
    if !has_formula && formula(&this.expression) != formula(&other.expression) {
        found.compare_formulas(&this.expression, &other.expression);
    }
    found.said.sort();
    found.said.dedup();
    found.said
}

/// Whether a calculation adds up values of a table that the other does not read.
struct MadeBefore {
    this: bool,
    other: bool,
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

    fn compare_filters(&mut self, this: &Computation, other: &Computation, made_before: &MadeBefore) {
        let (left, right) = only(&this.filters, &other.filters);
        let apart = |filters: Vec<String>| {
            let (spans, filters): (Vec<_>, Vec<_>) = filters.into_iter().partition(|filter| is_span(filter));
            let filters: Vec<String> = filters.into_iter().filter(|filter| !puts_together(filter)).collect();
            (spans, filters)
        };
        let ((mut my_days, mut left), (mut their_days, mut right)) = (apart(left), apart(right));
        // Conditions that only days tell apart, in subqueries too, are of days.
        left.retain(|one| {
            let twin = right.iter().position(|other| without_days(other) == without_days(one));
            let Some(at) = twin else { return true };
            my_days.push(one.clone());
            their_days.push(right.remove(at));
            false
        });
        if made_before.this && left.is_empty() && !right.is_empty() || made_before.other && right.is_empty() && !left.is_empty() {
            let conditions = quote_all(&left, &self.this_called) + &quote_all(&right, &self.other_called);
            let sentence = format!("only one of the two asks for {conditions}, which values that are added up may meet already");
            self.say(Facet::Join, sentence);
            (left, right) = (Vec::new(), Vec::new());
        }
        self.say_filters(&mut left, &mut right, "keeps only rows where", "keeps those where");
        self.say_spans(&my_days, &their_days);
        let (mut left, mut right) = only(&this.having, &other.having);
        self.say_filters(&mut left, &mut right, "keeps only groups where", "keeps those where");
        for (call, mine, theirs) in conditions_of_twins(&this.aggregates, &other.aggregates) {
            let (mut left, mut right) = only(&mine, &theirs);
            let counts = say_call(&call, &self.this_called);
            if left.is_empty() && !right.is_empty() {
                let theirs = quote_all(&right, &self.other_called);
                self.say(
                    Facet::Filter,
                    format!("{counts}, of rows too that the other leaves out: it does so only where {theirs}"),
                );
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

    /// A piece of each, quoted so that the difference is seen.
    fn quote_both(&self, this: &str, other: &str) -> (String, String) {
        shorten_both(&show(this, &self.this_called), &show(other, &self.other_called))
    }

    fn say_spans(&mut self, mine: &[String], theirs: &[String]) {
        let (one, another) = (quote_all(mine, &self.this_called), quote_all(theirs, &self.other_called));
        let sentence = match (mine.is_empty(), theirs.is_empty()) {
            (true, true) => return,
            (false, true) => format!("is of days where {one}, where the other is of all"),
            (true, false) => format!("is of all days, where the other is of those where {another}"),
            (false, false) => format!("is of days where {one}, where the other is of those where {another}"),
        };
        self.say(Facet::Span, sentence);
    }

    /// Conditions that only one has; of pairs that differ in constants alone each is told beside its twin.
    fn say_filters(&mut self, left: &mut Vec<String>, right: &mut Vec<String>, keeps: &str, other_keeps: &str) {
        self.drop_alike(left, right);
        let mut at = 0;
        while let Some(one) = left.get(at).cloned() {
            let Some(twin) = right.iter().position(|other| without_constants(other) == without_constants(&one)) else {
                at += 1;
                continue;
            };
            let other = right.remove(twin);
            left.remove(at);
            let facet = if time_unit(&one).is_empty() { Facet::Filter } else { Facet::Window };
            let (one, other) = self.quote_both(&one, &other);
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

    /// Leaves out what reads alike on both sides: it is told by where it comes from, as a difference of the data.
    fn drop_alike(&self, left: &mut Vec<String>, right: &mut Vec<String>) {
        left.retain(|one| {
            let (bare, shown) = (unplaced(one), show(one, &self.this_called));
            let alike = |other: &String| unplaced(other) == bare || show(other, &self.other_called) == shown;
            let twin = right.iter().position(alike);
            twin.map(|at| right.remove(at)).is_none()
        });
    }

    fn compare_ratios(&mut self, this: &Ratio, other: &Ratio) -> bool {
        let same = |one: &str, another: &str| formula(one) == formula(another);
        let (above, below) = (same(&this.numerator, &other.numerator), same(&this.denominator, &other.denominator));
        if !below {
            let (one, another) = self.quote_both(&this.denominator, &other.denominator);
            self.say(Facet::Denominator, format!("divides by {one}, where the other divides by {another}"));
        }
        if !above {
            let (one, another) = self.quote_both(&this.numerator, &other.numerator);
            self.say(Facet::Numerator, format!("divides {one}, where the other divides {another}"));
        }
        true
    }

    fn say_divides(&mut self, denominator: &str) -> bool {
        let sentence = format!("divides by {}, where the other does not divide", quote(denominator, &self.this_called));
        self.say(facet_of_divisor(denominator), sentence);
        false
    }

    fn say_does_not_divide(&mut self, denominator: &str) -> bool {
        let sentence = format!("does not divide, where the other divides by {}", quote(denominator, &self.other_called));
        self.say(facet_of_divisor(denominator), sentence);
        false
    }

    fn compare_aggregates(&mut self, this: &Computation, other: &Computation) {
        let calls = |it: &Computation| {
            let mut calls: Vec<String> = it.aggregates.iter().map(|aggregate| aggregate.call.clone()).collect();
            calls.dedup();
            calls
        };
        let (mut left, mut right) = only(&calls(this), &calls(other));
        self.drop_alike(&mut left, &mut right);
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
        let (mut left, mut right) = only(&this.windows, &other.windows);
        self.drop_alike(&mut left, &mut right);
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
        // What only takes a value over has the grain of where that is made.
        let (Some(mine), Some(theirs)) = (&this.grain, &other.grain) else { return };
        let (one, another) = (grain_unit(mine), grain_unit(theirs));
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
        let put_together = |it: &Computation, called: &Called| {
            let conditions = it.filters.iter().filter(|filter| puts_together(filter)).map(|filter| show(filter, called));
            let joins = [show(&it.joins, called)].into_iter().filter(|joins| !joins.is_empty());
            joins.chain(conditions).collect::<Vec<_>>().join(" where ")
        };
        let (one, another) = (put_together(this, &self.this_called), put_together(other, &self.other_called));
        if this.joins != other.joins && one != another {
            let only_table = |text: String| if text.is_empty() { "one table as it is".to_owned() } else { shorten(&text) };
            self.say(facet, format!("puts together {}, where the other takes {}", only_table(one), only_table(another)));
        }
        let all = |it: &Computation| it.subqueries.iter().map(|subquery| without_days(subquery)).collect::<Vec<_>>();
        let (mut left, mut right) = only(&all(this), &all(other));
        self.drop_alike(&mut left, &mut right);
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
        let scaled_alone = formula(bare_value(this)) == formula(bare_value(other));
        if scaled_alone && is_hundredfold(this) != is_hundredfold(other) {
            let sentence = match is_hundredfold(this) {
                true => "multiplies by 100, where the other does not",
                false => "does not multiply by 100, as the other does",
            };
            self.say(Facet::Formula, sentence.to_owned());
            return;
        }
        let (one, another) = (show(this, &self.this_called), show(other, &self.other_called));
        // What reads alike differs in where it is computed, which is told as a difference of the data.
        if unplaced(undressed(this)) != unplaced(undressed(other))
            && show(undressed(this), &self.this_called) != show(undressed(other), &self.other_called)
        {
            let (one, another) = shorten_both(&one, &another);
            self.say(Facet::Formula, format!("computes {one}, where the other computes {another}"));
        }
    }
}

/// What dividing by something is a matter of: by a number it only converts a unit.
fn facet_of_divisor(denominator: &str) -> Facet {
    match denominator.parse::<f64>() {
        Ok(_) => Facet::Formula,
        Err(_) => Facet::Denominator,
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
