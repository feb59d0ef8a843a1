//! What one output column computes, freed of everything that only says how it was written.

use std::fmt;

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

impl Computation {
    /// A hash of everything that it is, the same in every process and on every machine.
    pub fn fingerprint(&self) -> u128 {
        xxhash_rust::xxh3::xxh3_128(self.to_string().as_bytes())
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
