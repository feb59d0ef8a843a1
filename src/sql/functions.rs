//! What the engine must know of built-in functions.

use crate::model::Dialect;

/// Names of aggregates, sorted.
const AGGREGATES: &[&str] = &[
    "any",
    "any_value",
    "anyheavy",
    "anylast",
    "approx_count_distinct",
    "approx_distinct",
    "approx_median",
    "approx_most_frequent",
    "approx_percentile",
    "approx_quantile",
    "approx_quantiles",
    "approx_set",
    "approx_top_count",
    "approx_top_k",
    "approx_top_sum",
    "approxcountdistinct",
    "approximate_jaccard_index",
    "approximate_similarity",
    "arbitrary",
    "arg_max",
    "arg_min",
    "argmax",
    "argmin",
    "array_agg",
    "array_agg_distinct",
    "array_cat_agg",
    "array_concat_agg",
    "array_union_agg",
    "array_unique_agg",
    "arrayagg",
    "avg",
    "avgif",
    "avgweighted",
    "bit_and",
    "bit_or",
    "bit_xor",
    "bitand_agg",
    "bitmap_construct_agg",
    "bitmap_or_agg",
    "bitor_agg",
    "bitstring_agg",
    "bitwise_and_agg",
    "bitwise_or_agg",
    "bitwise_xor_agg",
    "bool_and",
    "bool_or",
    "booland_agg",
    "boolor_agg",
    "checksum",
    "checksum_agg",
    "collect",
    "collect_list",
    "collect_set",
    "corr",
    "count",
    "count_big",
    "count_distinct",
    "count_if",
    "count_min_sketch",
    "countif",
    "covar_pop",
    "covar_samp",
    "deltasum",
    "deltasumtimestamp",
    "entropy",
    "every",
    "favg",
    "first",
    "fsum",
    "geometric_mean",
    "group_concat",
    "groupadd",
    "grouparray",
    "grouparrayinsertat",
    "grouparraylast",
    "grouparraymovingsum",
    "grouparraysample",
    "grouparraysorted",
    "groupbitand",
    "groupbitmap",
    "groupbitor",
    "groupbitxor",
    "groupuniqarray",
    "hash_agg",
    "histogram",
    "hll",
    "hll_accumulate",
    "hll_combine",
    "hll_count.extract",
    "hll_count.init",
    "hll_count.merge",
    "hll_count.merge_partial",
    "hll_sketch_agg",
    "json_agg",
    "json_arrayagg",
    "json_group_array",
    "json_group_object",
    "json_group_structure",
    "json_object_agg",
    "json_objectagg",
    "jsonb_agg",
    "jsonb_group_array",
    "jsonb_group_object",
    "jsonb_object_agg",
    "kurtosis",
    "last",
    "list",
    "list_agg",
    "listagg",
    "logical_and",
    "logical_or",
    "mad",
    "map_agg",
    "map_union",
    "max",
    "max_by",
    "maxmap",
    "mean",
    "median",
    "medianexact",
    "min",
    "min_by",
    "minhash",
    "minmap",
    "mode",
    "multimap_agg",
    "numeric_histogram",
    "object_agg",
    "percentile",
    "percentile_approx",
    "percentile_cont",
    "percentile_disc",
    "product",
    "qdigest_agg",
    "quantile",
    "quantiledeterministic",
    "quantileexact",
    "quantiles",
    "quantilesexact",
    "quantiletdigest",
    "quantiletiming",
    "range_agg",
    "reduce_agg",
    "regr_avgx",
    "regr_avgy",
    "regr_count",
    "regr_intercept",
    "regr_r2",
    "regr_slope",
    "regr_sxx",
    "regr_sxy",
    "regr_syy",
    "set_agg",
    "simplelinearregression",
    "singlevalueornull",
    "skewness",
    "some",
    "st_centroid_agg",
    "st_extent_agg",
    "st_union_agg",
    "stats_mode",
    "std",
    "stddev",
    "stddev_pop",
    "stddev_samp",
    "stdev",
    "stdevp",
    "string_agg",
    "sum",
    "sumdistinct",
    "sumif",
    "sumkahan",
    "summap",
    "sumwithoverflow",
    "tdigest_agg",
    "theta_sketch_agg",
    "topk",
    "topkweighted",
    "total",
    "try_avg",
    "try_sum",
    "uniq",
    "uniqcombined",
    "uniqcombined64",
    "uniqexact",
    "uniqhll12",
    "uniqthetasketch",
    "var",
    "var_pop",
    "var_samp",
    "variance",
    "varp",
    "wm_concat",
    "xmlagg",
];

/// Functions that compute one value out of many rows. Names are lower case.
pub(crate) fn is_aggregate(name: &str) -> bool {
    if AGGREGATES.binary_search(&name).is_ok() {
        return true;
    }
    // ClickHouse combinators: sumIf, uniqExactMerge, avgState …
    ["if", "merge", "state", "array", "ornull", "ordefault", "mergestate"].iter().any(|combinator| {
        name.strip_suffix(combinator)
            .is_some_and(|base| base.len() > 2 && base != "array" && AGGREGATES.binary_search(&base).is_ok())
    })
}

/// The argument (by position) of an aggregate that only tests.
pub(crate) fn tested_aggregate_argument(name: &str, arguments: usize) -> Option<usize> {
    match name {
        "countif" | "count_if" => Some(0),
        _ if name.ends_with("if") && is_aggregate(name) && arguments > 0 => Some(arguments - 1),
        _ => None,
    }
}

/// How the arguments of a function that chooses take part: whether argument `at` of `count` only tests.
pub(crate) fn is_test(name: &str, at: usize, count: usize) -> bool {
    match name {
        "if" | "iff" | "iif" | "nvl2" | "choose" => at == 0,
        "decode" => at == 0 || (at % 2 == 1 && at + 1 < count),
        "multiif" => at.is_multiple_of(2) && at + 1 < count,
        _ => false,
    }
}

/// Functions whose result is one of their arguments, so that struct fields live on.
pub(crate) fn keeps_fields(name: &str) -> bool {
    matches!(
        name,
        "if" | "iff"
            | "iif"
            | "coalesce"
            | "ifnull"
            | "nvl"
            | "nullif"
            | "any_value"
            | "array"
            | "array_construct"
            | "list_value"
            | "array_agg"
            | "array_concat"
            | "array_concat_agg"
            | "array_reverse"
            | "array_slice"
            | "array_first"
            | "array_last"
            | "first_value"
            | "last_value"
            | "nth_value"
            | "lag"
            | "lead"
            | "collect_list"
            | "list"
            | "max_by"
            | "min_by"
            | "arg_max"
            | "arg_min"
            | "argmax"
            | "argmin"
            | "first"
            | "last"
            | "safe_offset"
            | "element_at"
            | "unnest"
            | "explode"
            | "explode_outer"
            | "posexplode"
            | "inline"
            | "flatten"
            | "max"
            | "min"
    )
}

/// Whether argument `at` of a date function is the name of a date part, not a column.
pub(crate) fn is_date_part(dialect: Dialect, function: &str, at: usize, word: &str) -> bool {
    let position = match function {
        "date_trunc" | "timestamp_trunc" | "datetime_trunc" | "time_trunc" if dialect == Dialect::BigQuery => at == 1,
        "date_diff" | "datetime_diff" | "timestamp_diff" | "time_diff" if dialect == Dialect::BigQuery => at == 2,
        "date_trunc" | "datetrunc" | "date_diff" | "date_part" | "datepart" | "datename" | "date_bucket" => at == 0,
        "dateadd" | "datediff" | "datediff_big" | "timeadd" | "timediff" if dialect != Dialect::MySql => at == 0,
        "date_add" | "date_sub" | "timestampadd" | "timestampdiff" => at == 0,
        "last_day" | "trunc" => at == 1,
        _ => false,
    };
    position && is_date_part_word(word)
}

fn is_date_part_word(word: &str) -> bool {
    let word = word.strip_suffix('s').unwrap_or(word);
    matches!(
        word,
        "year"
            | "yyyy"
            | "yy"
            | "y"
            | "quarter"
            | "qtr"
            | "qq"
            | "q"
            | "month"
            | "mon"
            | "mm"
            | "m"
            | "week"
            | "wk"
            | "ww"
            | "w"
            | "isoweek"
            | "isoyear"
            | "day"
            | "dd"
            | "d"
            | "dy"
            | "dayofyear"
            | "dayofweek"
            | "dw"
            | "weekday"
            | "hour"
            | "hh"
            | "h"
            | "minute"
            | "mi"
            | "n"
            | "min"
            | "second"
            | ""
            | "sec"
            | "millisecond"
            | "m_"
            | "microsecond"
            | "mcs"
            | "nanosecond"
            | "decade"
            | "century"
            | "millennium"
            | "epoch"
            | "epoch_second"
            | "date"
            | "time"
    )
}

/// Table functions whose first argument is the path of the files that they read.
pub(crate) fn reads_files(name: &str) -> bool {
    matches!(
        name,
        "read_csv"
            | "read_csv_auto"
            | "read_parquet"
            | "parquet_scan"
            | "read_json"
            | "read_json_auto"
            | "read_json_objects"
            | "read_ndjson"
            | "read_ndjson_auto"
            | "read_text"
            | "read_blob"
            | "read_xlsx"
            | "delta_scan"
            | "iceberg_scan"
            | "read_files"
            | "cloud_files"
            | "openrowset"
            | "s3"
            | "s3cluster"
            | "gcs"
            | "url"
            | "file"
            | "hdfs"
            | "azureblobstorage"
            | "deltalake"
            | "iceberg"
    )
}

/// The columns of table functions that always have the same.
pub(crate) fn named_columns(name: &str, dialect: Dialect) -> Option<&'static [&'static str]> {
    use Dialect as D;
    Some(match (name, dialect) {
        ("string_split", D::MsSql) => &["value", "ordinal"],
        ("openjson", _) => &["key", "value", "type"],
        ("split_to_table" | "strtok_split_to_table", D::Snowflake) => &["seq", "index", "value"],
        ("json_each" | "json_tree" | "jsonb_each" | "jsonb_tree", D::Sqlite | D::DuckDb) => {
            &["key", "value", "type", "atom", "id", "parent", "fullkey", "path"]
        }
        ("json_each" | "jsonb_each" | "json_each_text" | "jsonb_each_text", _) => &["key", "value"],
        _ => return None,
    })
}

/// Functions that read a whole row given a table's alias are not special: an alias resolves to its row.
/// Functions that make relations out of a value: the value's elements.
pub(crate) fn unnests(name: &str) -> bool {
    matches!(
        name,
        "unnest"
            | "explode"
            | "explode_outer"
            | "posexplode"
            | "posexplode_outer"
            | "inline"
            | "inline_outer"
            | "flatten"
            | "json_array_elements"
            | "jsonb_array_elements"
            | "json_array_elements_text"
            | "jsonb_array_elements_text"
            | "json_tuple"
            | "stack"
            | "regexp_split_to_table"
            | "arrayjoin"
            | "generator"
            | "unnest_tokens"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn combinators_of_aggregates_are_aggregates() {
        assert!(is_aggregate("sumif") && is_aggregate("uniqexactmerge") && is_aggregate("count"));
        assert!(!is_aggregate("if") && !is_aggregate("concat") && !is_aggregate("max_length"));
    }

    #[test]
    fn tests_of_choosing_functions_are_told_from_results() {
        let decode: Vec<bool> = (0..6).map(|at| is_test("decode", at, 6)).collect();
        assert_eq!(decode, [true, true, false, true, false, false]);
        assert!(is_test("if", 0, 3) && !is_test("if", 1, 3) && !is_test("coalesce", 0, 2));
    }

    #[test]
    fn aggregates_are_sorted_for_the_binary_search() {
        assert!(super::AGGREGATES.is_sorted());
    }

    #[test]
    fn date_parts_are_words_only_where_a_part_is_expected() {
        assert!(
            is_date_part(Dialect::BigQuery, "date_trunc", 1, "month") && is_date_part(Dialect::Snowflake, "datediff", 0, "days")
        );
        assert!(!is_date_part(Dialect::BigQuery, "date_trunc", 0, "day") && !is_date_part(Dialect::MySql, "datediff", 0, "day"));
        assert!(!is_date_part(Dialect::BigQuery, "concat", 0, "day"));
    }
}
