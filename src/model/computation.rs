//! What one output column computes, freed of everything that only says how it was written.

use std::{collections::BTreeSet, fmt};

use serde::{Deserialize, Serialize};

/// What a column is: an expression over rows. Two computations with the same
/// [`fingerprint`](Computation::fingerprint) yield the same value from the same data.
///
/// Texts are in a normal form of their own, for comparing and for reading; they are no SQL of any
/// dialect. A relation that is read twice is called `name#1` and `name#2`; `q1` is a subquery that
/// could not be merged into the query around it, `{…}@q1` a value computed there, and `^` marks what
/// comes from the query around a correlated one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Computation {
    /// The value.
    pub expression: String,
    /// Aggregates in the value, sorted.
    pub aggregates: Vec<Aggregate>,
    /// Window functions in the value, sorted.
    pub windows: Vec<String>,
    /// Real relations that are read, each as often as it is read, sorted.
    pub sources: Vec<String>,
    /// How the sources are put together; inner joins are commas, their conditions are filters.
    pub joins: String,
    /// Conditions that every row meets, sorted.
    pub filters: Vec<String>,
    /// The keys of the groups that the value is computed for, sorted; empty for one group of all
    /// rows, `None` where there is no grouping.
    pub grain: Option<Vec<String>>,
    /// Conditions that every group meets, sorted.
    pub having: Vec<String>,
    /// ORDER BY with LIMIT; "" where every row counts.
    pub limit: String,
    /// Subqueries that `joins` names, in order.
    pub subqueries: Vec<String>,
}

/// One aggregate of a value.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Aggregate {
    /// The call with its DISTINCT, without its filter.
    pub call: String,
    /// The conditions under which a row takes part, sorted.
    pub filters: Vec<String>,
}

/// One thing in which two computations differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Difference {
    /// What kind of thing: `source`, `join`, `filter`, `grain`, `having`, `limit`, `subquery`,
    /// `aggregate`, `window`, `constant` or `expression`.
    pub part: &'static str,
    /// What the one has that the other has not; "" for nothing.
    pub left: String,
    /// What the other has instead.
    pub right: String,
}

impl Computation {
    /// A hash of everything that it is, the same in every process and on every machine.
    pub fn fingerprint(&self) -> u128 {
        xxhash_rust::xxh3::xxh3_128(self.to_string().as_bytes())
    }

    /// What tells `self` from `other`, the most telling first; empty where the fingerprints agree.
    pub fn differences(&self, other: &Computation) -> Vec<Difference> {
        let mut found = Vec::new();
        let mut compare = |part, left: String, right: String| {
            if left != right {
                found.push(Difference { part, left, right });
            }
        };
        let (left, right) = only(&self.sources, &other.sources);
        compare("source", left.join(", "), right.join(", "));
        if self.sources == other.sources {
            compare("join", self.joins.clone(), other.joins.clone());
        }
        let (mut left, mut right) = only(&self.filters, &other.filters);
        let conditions = |aggregates: &[Aggregate], others: &[Aggregate], side: &mut Vec<String>| {
            for aggregate in aggregates.iter().filter(|aggregate| !others.contains(aggregate)) {
                if let Some(twin) = others.iter().find(|twin| twin.call == aggregate.call) {
                    side.extend(only(&aggregate.filters, &twin.filters).0);
                }
            }
        };
        conditions(&self.aggregates, &other.aggregates, &mut left);
        conditions(&other.aggregates, &self.aggregates, &mut right);
        compare("filter", left.join(" and "), right.join(" and "));
        compare("grain", grain_in_words(self.grain.as_deref()), grain_in_words(other.grain.as_deref()));
        let (left, right) = only(&self.having, &other.having);
        compare("having", left.join(" and "), right.join(" and "));
        compare("limit", self.limit.clone(), other.limit.clone());
        let (left, right) = only(&self.subqueries, &other.subqueries);
        compare("subquery", left.join("; "), right.join("; "));
        let calls = |aggregates: &[Aggregate]| aggregates.iter().map(|one| one.call.clone()).collect::<Vec<_>>();
        let (left, right) = only(&calls(&self.aggregates), &calls(&other.aggregates));
        compare("aggregate", left.join(", "), right.join(", "));
        let (left, right) = only(&self.windows, &other.windows);
        compare("window", left.join(", "), right.join(", "));
        let same_parts = self.aggregates == other.aggregates && self.windows == other.windows;
        if self.expression != other.expression && (same_parts || found.is_empty()) {
            let ((left_shape, left_constants), (right_shape, right_constants)) =
                (without_constants(&self.expression), without_constants(&other.expression));
            found.push(match left_shape == right_shape {
                true => {
                    let (left, right) = only(&left_constants, &right_constants);
                    Difference { part: "constant", left: left.join(", "), right: right.join(", ") }
                }
                false => Difference { part: "expression", left: self.expression.clone(), right: other.expression.clone() },
            });
        }
        found
    }
}

impl fmt::Display for Computation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}\nfrom {}", self.expression, self.joins)?;
        for (at, subquery) in self.subqueries.iter().enumerate() {
            write!(out, "\nwith q{} = {subquery}", at + 1)?;
        }
        if !self.filters.is_empty() {
            write!(out, "\nwhere {}", self.filters.join("\n  and "))?;
        }
        if self.grain.is_some() {
            write!(out, "\nper {}", grain_in_words(self.grain.as_deref()))?;
        }
        if !self.having.is_empty() {
            write!(out, "\nhaving {}", self.having.join("\n  and "))?;
        }
        if !self.limit.is_empty() {
            write!(out, "\n{}", self.limit)?;
        }
        Ok(())
    }
}

fn grain_in_words(grain: Option<&[String]>) -> String {
    match grain {
        None => "row".to_owned(),
        Some([]) => "all rows".to_owned(),
        Some(keys) => keys.join(", "),
    }
}

/// What only the one list has, and only the other; both in order.
fn only(left: &[String], right: &[String]) -> (Vec<String>, Vec<String>) {
    let missing = |from: &[String], other: &[String]| {
        let mut rest: Vec<&String> = other.iter().collect();
        let mut missing = Vec::new();
        for one in from {
            match rest.iter().position(|candidate| *candidate == one) {
                Some(at) => drop(rest.swap_remove(at)),
                None => missing.push(one.clone()),
            }
        }
        missing
    };
    (missing(left, right), missing(right, left))
}

/// `text` with a mark for every constant, and the constants.
fn without_constants(text: &str) -> (String, Vec<String>) {
    let (mut shape, mut constants) = (String::new(), BTreeSet::new());
    let mut rest = text;
    let mut inside_name = false;
    while let Some(letter) = rest.chars().next() {
        let digits = letter.is_ascii_digit() && !inside_name;
        let length = match letter {
            '\'' => text_length(rest),
            _ if digits => rest.find(|next: char| !(next.is_alphanumeric() || next == '.')).unwrap_or(rest.len()),
            _ => 0,
        };
        if length > 0 {
            constants.insert(rest[..length].to_owned());
            shape.push('?');
            rest = &rest[length..];
            inside_name = false;
        } else {
            shape.push(letter);
            inside_name = letter.is_alphanumeric() || matches!(letter, '_' | '#' | '@');
            rest = &rest[letter.len_utf8()..];
        }
    }
    (shape, constants.into_iter().collect())
}

/// The bytes of the quoted text that `rest` begins with; a doubled quote stands for itself.
fn text_length(rest: &str) -> usize {
    let mut at = 1;
    while let Some(found) = rest.get(at..).and_then(|rest| rest.find('\'')) {
        at += found + 1;
        if !rest[at..].starts_with('\'') {
            return at;
        }
        at += 1;
    }
    rest.len()
}
