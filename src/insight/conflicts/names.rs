//! Names of metrics: one key for every way of writing one, and which say nothing by themselves.

/// Longest name that is looked at, in characters.
const LONGEST: usize = 200;

/// Words that name a kind of number and no number: `count`, `total`, `rate`.
const GENERIC: &[&str] = &[
    "all",
    "amount",
    "amt",
    "average",
    "avg",
    "avgs",
    "change",
    "cnt",
    "count",
    "counts",
    "cumulative",
    "date",
    "day",
    "days",
    "delta",
    "difference",
    "distinct",
    "duration",
    "first",
    "frequency",
    "hours",
    "id",
    "ids",
    "index",
    "items",
    "last",
    "length",
    "level",
    "max",
    "maximum",
    "mean",
    "measure",
    "median",
    "metric",
    "min",
    "minimum",
    "minutes",
    "ms",
    "n",
    "num",
    "number",
    "of",
    "pct",
    "per",
    "percent",
    "percentage",
    "percentile",
    "position",
    "quantity",
    "rank",
    "rate",
    "ratio",
    "records",
    "result",
    "row",
    "rows",
    "sample",
    "score",
    "seconds",
    "share",
    "size",
    "stddev",
    "sum",
    "time",
    "times",
    "total",
    "totals",
    "unique",
    "val",
    "value",
    "values",
    "variance",
    "version",
    "weight",
];

/// One key for a name however it is written: `Daily Active Users`, `dailyActiveUsers` and
/// `daily_active_users` are one. "" where it has no letters.
pub fn name_key(name: &str) -> String {
    let mut words = String::new();
    let mut before = ' ';
    for letter in name.chars().take(LONGEST) {
        let starts = letter.is_uppercase() && (before.is_lowercase() || before.is_ascii_digit());
        match letter {
            '%' => words.push_str(" percent "),
            _ if letter.is_alphanumeric() => {
                if starts {
                    words.push(' ');
                }
                words.extend(letter.to_lowercase());
            }
            _ => words.push(' '),
        }
        before = letter;
    }
    let key = words.split_whitespace().collect::<Vec<_>>().join("_");
    if key.chars().any(char::is_alphabetic) { key } else { String::new() }
}

/// Whether a key says only what kind of number it is: two of them need have nothing in common.
pub fn is_generic(key: &str) -> bool {
    // `p95` and `q001` are percentiles, a number by itself is one of several.
    let is_number = |word: &str| word.chars().all(|letter| letter.is_ascii_digit());
    let is_percentile = |word: &str| word.strip_prefix(['p', 'q']).is_some_and(|rest| !rest.is_empty() && is_number(rest));
    key.split('_').all(|word| GENERIC.contains(&word) || is_number(word) || is_percentile(word))
}

/// The span of time that a text names, as one word; "" for none.
pub(super) fn time_unit(text: &str) -> &'static str {
    const UNITS: [(&str, &[&str]); 6] = [
        ("year", &["year", "yearly", "annual"]),
        ("quarter", &["quarter", "quarterly"]),
        ("month", &["month", "monthly"]),
        ("week", &["week", "weekly", "isoweek"]),
        ("hour", &["hour", "hourly"]),
        ("day", &["day", "date", "daily"]),
    ];
    let mut words = text.split(|letter: char| !letter.is_alphanumeric()).flat_map(|part| part.split('_')).map(str::to_lowercase);
    let mut found: Option<usize> = None;
    for word in words.by_ref() {
        let place = UNITS.iter().position(|(_, spellings)| spellings.contains(&word.as_str()));
        // The coarsest that is named: a month of a date is a month.
        found = match (found, place) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
    }
    found.map_or("", |at| UNITS[at].0)
}

#[cfg(test)]
mod tests {
    use super::{is_generic, name_key, time_unit};

    #[test]
    fn a_name_has_one_key_however_it_is_written() {
        for name in ["Daily Active Users", "dailyActiveUsers", "daily_active_users", "daily-active users", " DAILY_ACTIVE_USERS "]
        {
            assert_eq!(name_key(name), "daily_active_users", "{name}");
        }
        assert_eq!(name_key("Churn %"), "churn_percent");
        assert_eq!(name_key("MAU28"), "mau28");
        assert_eq!((name_key("–"), name_key("42")), (String::new(), String::new()));
    }

    #[test]
    fn a_generic_name_is_told_from_one_that_means_something() {
        assert!(is_generic("count") && is_generic("total_count") && is_generic("avg_duration_ms") && is_generic("value_2"));
        assert!(is_generic("p95") && is_generic("q001") && is_generic("percent_change") && !is_generic("q") && !is_generic("pv"));
        assert!(!is_generic("churn_rate") && !is_generic("order_count") && !is_generic("retained"));
    }

    #[test]
    fn the_coarsest_time_that_a_key_names_counts() {
        assert_eq!(time_unit("date_trunc(month, submission_date)"), "month");
        assert_eq!((time_unit("submission_date"), time_unit("country"), time_unit("iso_week")), ("day", "", "week"));
        assert_eq!(time_unit("monthly_date"), "month");
    }
}
