//! What a calculation is, freed of what only says how it is loaded, and of what its sources are called.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::model::{Aggregate, Computation};

use super::{
    names::time_unit,
    plain::{drop_repeated_filters, hoist_filters, is_span, without_days},
    ratio::bare_value,
    unions::in_order,
};

/// Around the number of a source whose name does not matter.
pub(super) const OPEN: char = '⟦';
pub(super) const CLOSE: char = '⟧';

/// A computation as it is compared: made once, and the same for every group that it stands in.
#[derive(Clone, Debug)]
pub struct Form {
    computation: Arc<Computation>,
    /// Of everything that counts: what agrees yields the same values.
    pub(super) print: u128,
    /// Of everything but which data is read and, where parts add up to the whole, what one value is for.
    pub(super) shape: u128,
    /// Whether parts add up to the whole.
    pub(super) adds_up: bool,
    /// Whether it only adds up, or picks among, values that are there: `sum(dau)` of a finer table.
    pub(super) rolls_up: bool,
    /// Whether it says more than how many rows a table has.
    pub(super) says_something: bool,
}

impl Form {
    /// The form of a computation.
    pub fn new(computation: Arc<Computation>) -> Form {
        let essential = essential(&computation);
        let mut plainest = essential.clone();
        hoist_filters(&mut plainest);
        let mut nameless = with_names(&plainest, &by_appearance(&plainest));
        nameless.filters.retain(|filter| !is_span(filter));
        nameless.filters.iter_mut().for_each(|filter| *filter = without_days(filter));
        nameless.subqueries.iter_mut().for_each(|subquery| *subquery = without_days(subquery));
        nameless.sources.clear();
        let unit = essential.grain.as_deref().map(grain_unit).unwrap_or_default();
        nameless.grain = None;
        let adds_up = adds_up(&essential);
        let nameless = nameless.to_string();
        let shape = if adds_up { nameless } else { format!("{nameless}\nby {unit}") };
        Form {
            print: plainest.fingerprint(),
            shape: xxhash_rust::xxh3::xxh3_128(shape.as_bytes()),
            adds_up,
            rolls_up: rolls_up(&essential),
            says_something: says_something(&essential),
            computation,
        }
    }

    /// What it is the form of.
    pub fn computation(&self) -> &Computation {
        &self.computation
    }

    /// Whether the other computes exactly the same.
    pub fn computes_as(&self, other: &Form) -> bool {
        self.computation == other.computation
    }

    /// Relations that it reads, sorted.
    pub(super) fn sources(&self) -> &[String] {
        &self.computation.sources
    }

    /// The computation without conditions that only say which part of the data a run loads.
    pub(super) fn essential(&self) -> Computation {
        essential(&self.computation)
    }
}

fn essential(computation: &Computation) -> Computation {
    let mut essential = computation.clone();
    essential.filters.retain(|filter| !is_load_filter(filter));
    drop_repeated_filters(&mut essential);
    essential
}

/// Whether a computation says more than how many rows a table has.
fn says_something(computation: &Computation) -> bool {
    let counts_rows = matches!(computation.aggregates.as_slice(), [only] if only.call == "count(*)" && only.filters.is_empty());
    let counts_all = counts_rows && computation.filters.is_empty();
    !computation.sources.is_empty() && !computation.aggregates.is_empty() && !counts_all
}

/// Whether a value is taken over, added up or picked from one column, of all rows that a join leaves.
fn rolls_up(it: &Computation) -> bool {
    let rest = it.having.is_empty() && it.limit.is_empty() && it.windows.is_empty();
    let value = it.expression.replace(['{', '^'], "");
    rest && it.filters.iter().all(|filter| joins(filter))
        && it.subqueries.iter().all(|subquery| keeps_all_rows(subquery))
        && !value.contains(" filter (")
        && is_taken_over(&value)
}

/// A column inside of any number of `sum`, `min`, `max`, `any_value`.
fn is_taken_over(value: &str) -> bool {
    let mut value = bare_value(value);
    loop {
        value = match value.rsplit_once("}@q") {
            Some((inner, number)) if number.chars().all(|letter| letter.is_ascii_digit()) => inner,
            _ => value,
        };
        let inner = ["sum(", "min(", "max(", "any_value("].iter().find_map(|call| value.strip_prefix(call)?.strip_suffix(')'));
        match inner {
            Some(inner) => value = bare_value(inner),
            None => break,
        }
    }
    !value.is_empty()
        && !value.contains(|letter: char| letter.is_whitespace() || matches!(letter, '(' | ')' | '\''))
        && !value.starts_with(|letter: char| letter.is_ascii_digit())
}

/// Whether a condition only puts rows of two relations together.
fn joins(condition: &str) -> bool {
    let is_column = |side: &str| {
        side.contains('.') && !side.contains(|letter: char| letter.is_whitespace() || letter == '\'' || letter == '?')
    };
    is_load_filter(condition)
        || is_horizon(condition)
        || condition.split_once(" = ").is_some_and(|(left, right)| is_column(left) && is_column(right))
}

/// Whether a condition only says from which day on a table is read: a day compared with a constant.
fn is_horizon(condition: &str) -> bool {
    let sides = condition.split_once(" >= ").or_else(|| condition.split_once(" > "));
    sides.is_some_and(|(column, day)| {
        time_unit(column) == "day" && !column.contains(' ') && day.starts_with('\'') && day.ends_with('\'')
            || time_unit(column) == "day" && day.starts_with("cast('") && !day.contains('.')
    })
}

/// Whether a subquery leaves no row out but by joining.
fn keeps_all_rows(subquery: &str) -> bool {
    let ends = [" per ", " having ", " with q"];
    let conditions = subquery
        .split(" where ")
        .skip(1)
        .map(|rest| ends.iter().filter_map(|end| rest.split(end).next()).min_by_key(|piece| piece.len()).unwrap_or(rest));
    !subquery.contains(" having ") && conditions.flat_map(|list| list.split(" and ")).all(|one| joins(one.trim_end_matches(')')))
}

fn adds_up(it: &Computation) -> bool {
    let adds = |aggregate: &Aggregate| {
        let function = aggregate.call.split('(').next().unwrap_or("");
        !aggregate.call.contains("(distinct ") && matches!(function, "sum" | "count" | "min" | "max")
    };
    let [only] = it.aggregates.as_slice() else { return false };
    adds(only) && it.windows.is_empty() && bare_value(&it.expression).starts_with(&only.call)
}

/// The finest unit of time among the keys of a grain, which decides how often there is a value; "" for none.
pub(super) fn grain_unit(keys: &[String]) -> String {
    const FINEST_FIRST: [&str; 6] = ["hour", "day", "week", "month", "quarter", "year"];
    let units: BTreeSet<&str> = keys.iter().map(|key| time_unit(key)).collect();
    FINEST_FIRST.into_iter().find(|unit| units.contains(unit)).unwrap_or("").to_owned()
}

/// Whether a condition only says which part of the data one run loads: a column that is a parameter.
fn is_load_filter(filter: &str) -> bool {
    let sides = filter.split_once(" = ");
    sides.is_some_and(|(left, right)| [left, right].iter().any(|side| side.starts_with("?.@") && !side.contains(['(', ' '])))
}

/// Names for the sources of a computation by where they first appear.
fn by_appearance(computation: &Computation) -> BTreeMap<String, String> {
    let text = computation.to_string();
    let places = computation.sources.iter().collect::<BTreeSet<_>>().into_iter();
    let mut places: Vec<(usize, &String)> =
        places.map(|source| (find_name(&text, source).unwrap_or(text.len()), source)).collect();
    places.sort();
    places.into_iter().enumerate().map(|(at, (_, source))| (source.clone(), format!("{OPEN}{at}{CLOSE}"))).collect()
}

/// The computation with other names for its sources; what was in order is put in order again.
pub(super) fn with_names(computation: &Computation, names: &BTreeMap<String, String>) -> Computation {
    let rename = |text: &String| in_order(&rename(text.as_str(), names));
    let all = |texts: &[String]| {
        let mut texts: Vec<String> = texts.iter().map(rename).collect();
        texts.sort();
        texts
    };
    let mut aggregates: Vec<Aggregate> = computation
        .aggregates
        .iter()
        .map(|aggregate| Aggregate { call: rename(&aggregate.call), filters: all(&aggregate.filters) })
        .collect();
    aggregates.sort();
    Computation {
        expression: rename(&computation.expression),
        aggregates,
        windows: all(&computation.windows),
        sources: all(&computation.sources),
        joins: rename(&computation.joins),
        filters: all(&computation.filters),
        grain: computation.grain.as_deref().map(all),
        having: all(&computation.having),
        limit: rename(&computation.limit),
        subqueries: computation.subqueries.iter().map(rename).collect(),
    }
}

fn rename(text: &str, names: &BTreeMap<String, String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut inside = false;
    while let Some(letter) = rest.chars().next() {
        let found = if inside { None } else { name_at(rest, names.keys().map(String::as_str)) };
        match found.and_then(|name| Some((name, names.get(name)?))) {
            Some((name, other)) => {
                out.push_str(other);
                rest = &rest[name.len()..];
                inside = true;
            }
            None => {
                out.push(letter);
                inside = is_of_name(letter);
                rest = &rest[letter.len_utf8()..];
            }
        }
    }
    out
}

/// The longest of `names` that `text` starts with, as a whole.
fn name_at<'n>(text: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let ends = |name: &str| !text[name.len()..].starts_with(|next: char| is_of_name(next) && next != '.' || next == '-');
    names.filter(|name| text.starts_with(name) && ends(name)).max_by_key(|name| name.len())
}

/// Where `name` stands in `text` as a whole.
fn find_name(text: &str, name: &str) -> Option<usize> {
    let mut places = text.match_indices(name).map(|(at, _)| at);
    places.find(|at| !text[..*at].ends_with(is_of_name) && name_at(&text[*at..], std::iter::once(name)).is_some())
}

fn is_of_name(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '_' | '.' | '$')
}
