//! Computations: texts that compute the same have one fingerprint, others have not, and what tells
//! them apart has a name.

use std::{fmt::Write as _, fs, path::Path};

use proptest::prelude::*;
use serde::Deserialize;
use wellspring::{
    model::{Computation, Dialect},
    sql::{NoLookups, Options, Script},
};

use super::differences::differences;

#[derive(Deserialize)]
struct Pairs {
    pair: Vec<Pair>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pair {
    name: String,
    dialect: Dialect,
    right_dialect: Option<Dialect>,
    same: bool,
    /// The first difference.
    part: Option<String>,
    left: String,
    right: String,
}

fn computation(sql: &str, dialect: Dialect) -> Option<Computation> {
    Script::parse(sql, &Options { dialect, ..Options::default() }).computation(None, "m", &NoLookups)
}

#[test]
fn pairs_are_told_apart_exactly_where_they_differ() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/sql/canonical/pairs.toml");
    let pairs: Pairs = toml::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    assert!(pairs.pair.len() >= 140);
    let mut report = String::new();
    for pair in &pairs.pair {
        let left = computation(&pair.left, pair.dialect);
        let right = computation(&pair.right, pair.right_dialect.unwrap_or(pair.dialect));
        let (Some(left), Some(right)) = (&left, &right) else {
            writeln!(report, "{}: no form\n{left:?}\n{right:?}\n", pair.name).unwrap();
            continue;
        };
        let differences = differences(left, right);
        let same = left.fingerprint() == right.fingerprint();
        let part = pair.part.as_deref().is_none_or(|part| differences.first().is_some_and(|first| first.0 == part));
        if same != pair.same || differences.is_empty() != same || !part {
            writeln!(report, "{}:\n{left}\n--\n{right}\n{differences:?}\n", pair.name).unwrap();
        }
    }
    assert!(report.is_empty(), "{report}");
}

#[test]
fn tall_and_endless_texts_end_in_nothing_and_never_abort() {
    let on_a_small_stack = |text: String| {
        let run = move || computation(&text, Dialect::BigQuery);
        std::thread::Builder::new().stack_size(1 << 20).spawn(run).unwrap().join().unwrap()
    };
    let doubling: String = (1..40).map(|at| format!(", c{at} as (select a.x + b.x as x from c{0} a, c{0} b)", at - 1)).collect();
    let sums: String = (1..60).map(|at| format!(", c{at} as (select x + x / 2 as x from c{})", at - 1)).collect();
    for text in [
        format!("select {}a{} m from t", "(".repeat(1_500), ")".repeat(1_500)),
        format!("select {}a{} m from t", "f(".repeat(1_500), ")".repeat(1_500)),
        format!("select {}a m from t", "a / ".repeat(20_000)),
        format!("with c0 as (select x from t){doubling} select sum(x) m from c39"),
        format!("with c0 as (select x from t){sums} select sum(x) m from c59"),
        format!("select sum(a) m from t where x in ({}1)", "1, ".repeat(200_000)),
    ] {
        assert_eq!(on_a_small_stack(text), None);
    }
    let long = format!("select {}a m from t where {}true", "a + ".repeat(5_000), "x = 1 and ".repeat(5_000));
    let computed = on_a_small_stack(long).unwrap();
    assert_eq!(computed.filters, ["t.x = 1"]);
}

/// A KPI, as parts that are written in many ways.
#[derive(Clone, Debug, PartialEq)]
struct Kpi {
    aggregate: usize,
    distinct: bool,
    column: usize,
    condition: Option<Condition>,
    filters: Vec<Condition>,
    keys: Vec<usize>,
    table: usize,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Condition {
    column: usize,
    operator: usize,
    constant: u8,
}

const COLUMNS: [&str; 4] = ["amount", "status", "region", "paid_at"];
const OPERATORS: [(&str, &str, &str); 6] =
    [("=", "=", "<>"), ("<>", "<>", "="), ("<", ">", ">="), ("<=", ">=", ">"), (">", "<", "<="), (">=", "<=", "<")];

impl Condition {
    fn write(&self, prefix: &str, style: &mut Style) -> String {
        let (operator, flipped, opposite) = OPERATORS[self.operator];
        let column = style.case(&format!("{prefix}{}", COLUMNS[self.column]));
        let constant = self.constant;
        match style.pick(4) {
            0 => format!("{column} {operator} {constant}"),
            1 => format!("({constant} {flipped} {column})"),
            2 => format!("not ({column} {opposite} {constant})"),
            _ if operator == "=" => format!("{column} in ({constant}, {constant})"),
            _ => format!("(({column}) {operator} {constant})"),
        }
    }
}

/// Decides how things are written.
struct Style(Vec<u8>);

impl Style {
    fn pick(&mut self, of: u8) -> u8 {
        self.0.pop().unwrap_or(0) % of
    }

    fn case(&mut self, text: &str) -> String {
        if self.pick(2) == 0 { text.to_owned() } else { text.to_uppercase() }
    }

    fn shuffled(&mut self, mut items: Vec<String>) -> Vec<String> {
        for at in 1..items.len() {
            let other = self.pick(at as u8 + 1) as usize;
            items.swap(at, other);
        }
        items
    }
}

impl Kpi {
    fn write(&self, mut style: Style) -> String {
        let style = &mut style;
        let table = ["orders", "shop.sales"][self.table];
        let (alias, prefix) = if style.pick(2) == 0 { ("", "") } else { (" o", "o.") };
        let column = format!("{prefix}{}", COLUMNS[self.column]);
        let aggregate = ["sum", "avg", "max", "count"][self.aggregate];
        let distinct = if self.distinct { "distinct " } else { "" };
        let value = match &self.condition {
            None => style.case(&format!("{aggregate}({distinct}{column})")),
            Some(condition) => {
                let condition = condition.write(prefix, style);
                match style.pick(3) {
                    0 => format!("{aggregate}({distinct}case when {condition} then {column} end)"),
                    1 => format!("{aggregate}({distinct}case when {condition} then {column} else null end)"),
                    _ => format!("{aggregate}({distinct}{column}) filter (where {condition})"),
                }
            }
        };
        let inside = style.pick(3);
        let wrapped = style.pick(2) == 0;
        let (inner, outer): (Vec<_>, Vec<_>) =
            self.filters.iter().partition(|_| inside == 1 || (inside == 2 && style.pick(2) == 0));
        let conditions = |list: Vec<&Condition>, prefix: &str, style: &mut Style| {
            let list: Vec<String> = list.into_iter().map(|condition| condition.write(prefix, style)).collect();
            let list = style.shuffled(list);
            if list.is_empty() { String::new() } else { format!(" where {}", list.join("\n and ")) }
        };
        let mut keys: Vec<String> = self.keys.iter().map(|key| format!("{prefix}{}", COLUMNS[*key])).collect();
        keys = style.shuffled(keys);
        let by_place = style.pick(2) == 0;
        let selected: String = keys.iter().map(|key| format!("{key}, ")).collect();
        let places: Vec<String> = (1..=keys.len()).map(|place| place.to_string()).collect();
        let group = match (keys.is_empty(), by_place) {
            (true, _) => String::new(),
            (false, true) => format!(" group by {}", places.join(", ")),
            (false, false) => format!(" group by {}", keys.join(", ")),
        };
        if inner.is_empty() && wrapped {
            let outer = conditions(outer, prefix, style);
            return format!("select {selected}{value} as m -- it's a note\nfrom {table}{alias}{outer}{group} order by 1");
        }
        let inner = conditions(inner, "", style);
        let source = format!("select {} from {table}{inner}", style.shuffled(COLUMNS.map(str::to_owned).to_vec()).join(", "));
        let outer = conditions(outer, prefix, style);
        match style.pick(2) {
            0 => format!("with c as ({source}) select {selected}{value} m from c{alias}{outer}{group}"),
            _ => {
                format!("select {selected}{value} m from ({source}){}{outer}{group}", if alias.is_empty() { " d" } else { alias })
            }
        }
    }

    /// The KPI with one part changed.
    fn changed(&self, part: u8) -> Kpi {
        let mut other = self.clone();
        match part % 7 {
            0 => other.aggregate = (self.aggregate + 1) % 4,
            1 => other.column = (self.column + 1) % 4,
            2 => other.table = 1 - self.table,
            3 => match other.keys.pop() {
                Some(_) => {}
                None => other.keys.push(2),
            },
            4 => match other.filters.first_mut() {
                Some(filter) => filter.constant = filter.constant.wrapping_add(100),
                None => other.filters.push(Condition { column: 1, operator: 2, constant: 7 }),
            },
            5 => match other.filters.last_mut() {
                Some(filter) => filter.operator = (filter.operator + 1) % 6,
                None => other.filters.push(Condition { column: 3, operator: 0, constant: 7 }),
            },
            _ => match other.condition.take() {
                Some(_) => {}
                None => other.condition = Some(Condition { column: 1, operator: 0, constant: 9 }),
            },
        }
        // MAX of distinct values is MAX; a change of the aggregate shows all the same.
        other
    }
}

fn condition() -> impl Strategy<Value = Condition> {
    (0..4usize, 0..6usize, 0..20u8).prop_map(|(column, operator, constant)| Condition { column, operator, constant })
}

fn kpi() -> impl Strategy<Value = Kpi> {
    let filters = proptest::collection::btree_set(condition(), 0..4).prop_map(|set| set.into_iter().collect());
    let keys = proptest::sample::subsequence(vec![1usize, 2, 3], 0..3);
    (0..4usize, any::<bool>(), 0..4usize, proptest::option::of(condition()), filters, keys, 0..2usize).prop_map(
        |(aggregate, distinct, column, condition, filters, keys, table)| Kpi {
            aggregate,
            distinct,
            column,
            condition,
            filters,
            keys,
            table,
        },
    )
}

/// The conditions as a set, since a changed one may become another that is there.
fn filters_of(kpi: &Kpi) -> Vec<Condition> {
    let mut filters = kpi.filters.clone();
    filters.sort();
    filters.dedup();
    filters
}

proptest! {
    #[test]
    fn writing_a_computation_otherwise_changes_nothing(
        kpi in kpi(),
        one in proptest::collection::vec(any::<u8>(), 60),
        other in proptest::collection::vec(any::<u8>(), 60),
    ) {
        let (left, right) = (kpi.write(Style(one)), kpi.write(Style(other)));
        let computed = |sql: &str| computation(sql, Dialect::Postgres);
        let (left_computed, right_computed) = (computed(&left), computed(&right));
        prop_assert!(left_computed.is_some(), "{left}");
        prop_assert_eq!(left_computed, right_computed, "{}\n{}", left, right);
    }

    #[test]
    fn changing_a_computation_changes_its_fingerprint(
        kpi in kpi(),
        part in any::<u8>(),
        one in proptest::collection::vec(any::<u8>(), 60),
        other in proptest::collection::vec(any::<u8>(), 60),
    ) {
        let changed = kpi.changed(part);
        let same_filters = filters_of(&kpi) == filters_of(&changed);
        prop_assume!(!same_filters || Kpi { filters: Vec::new(), ..kpi.clone() } != Kpi { filters: Vec::new(), ..changed.clone() });
        let left = computation(&kpi.write(Style(one)), Dialect::Postgres).unwrap();
        let right = computation(&changed.write(Style(other)), Dialect::Postgres).unwrap();
        prop_assert_ne!(left.fingerprint(), right.fingerprint());
        prop_assert!(!differences(&left, &right).is_empty());
    }

    #[test]
    fn any_text_is_survived(text in "(select|from|where|with|as|\\(|\\)|,|m|t|a|1|'x'|join|on|=|group by|sum| |union all|over|case when|then|end){0,40}") {
        computation(&text, Dialect::Generic);
    }
}
