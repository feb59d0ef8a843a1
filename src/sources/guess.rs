//! Guesses the dialect of SQL texts by what only one dialect writes.

use std::sync::LazyLock;

use regex::Regex;

use super::{
    files::{Entry, Files},
    folder_dialects::FolderDialects,
    layout::{Classifier, FileKind},
    reading::sql_files,
};
use crate::{
    config::{Config, Layout, SourceConfig},
    model::Dialect,
};

/// A dialect, what of it is looked for, and how much one occurrence says.
struct Sign {
    dialect: Dialect,
    what: &'static str,
    pattern: &'static str,
    weight: u32,
}

const fn sign(dialect: Dialect, what: &'static str, pattern: &'static str, weight: u32) -> Sign {
    Sign { dialect, what, pattern, weight }
}

const SIGNS: &[Sign] = &[
    sign(Dialect::BigQuery, "dotted names in backticks", r"`[\w-]+(\.[\w*-]+)+`", 3),
    sign(Dialect::BigQuery, "STRUCT<…> or ARRAY<STRUCT", r"(?i)\b(array|struct)\s*<", 2),
    sign(Dialect::BigQuery, "SAFE_ functions", r"(?i)\bsafe(_cast|_divide|_offset|\.)", 3),
    sign(Dialect::BigQuery, "SELECT * EXCEPT", r"(?i)\*\s+except\s*\(", 2),
    sign(Dialect::BigQuery, "INT64 or FLOAT64", r"(?i)\b(int64|float64)\b", 3),
    sign(Dialect::Snowflake, "LATERAL FLATTEN", r"(?i)\b(lateral|table)\s*\(?\s*flatten\s*\(", 5),
    sign(Dialect::Snowflake, "paths into VARIANT", r"(?i)\b\w+:[a-z_]\w*(\.\w+)*::", 4),
    sign(
        Dialect::Snowflake,
        "IFF, ZEROIFNULL, OBJECT_CONSTRUCT",
        r"(?i)\b(iff|zeroifnull|object_construct|try_to_\w+|to_variant)\s*\(",
        3,
    ),
    sign(
        Dialect::Snowflake,
        "VARIANT, NUMBER or TIMESTAMP_NTZ",
        r"(?i)\b(variant|timestamp_(ntz|ltz|tz)|number\s*\(\s*\d+\s*,)",
        3,
    ),
    sign(
        Dialect::Snowflake,
        "stages and warehouses",
        r"(?i)\b(use\s+warehouse|create\s+(or\s+replace\s+)?(stage|stream|task|file\s+format))\b",
        5,
    ),
    sign(Dialect::Postgres, "LANGUAGE plpgsql", r"(?i)\blanguage\s+'?plpgsql", 6),
    sign(
        Dialect::Postgres,
        "JSONB, SERIAL or dollar quotes",
        r"(?i)\b(jsonb|bigserial|serial|timestamptz|bytea)\b|\$(body|function)?\$",
        2,
    ),
    sign(
        Dialect::Postgres,
        "ON CONFLICT, DISTINCT ON, RETURNING",
        r"(?i)\b(on\s+conflict|distinct\s+on|generate_series|to_tsvector)\b",
        3,
    ),
    sign(Dialect::Redshift, "DISTKEY, SORTKEY or DISTSTYLE", r"(?i)\b(distkey|sortkey|diststyle|unload\s*\()", 6),
    sign(Dialect::MySql, "ENGINE= or AUTO_INCREMENT", r"(?i)\b(engine\s*=\s*\w+db|auto_increment|on\s+duplicate\s+key)\b", 5),
    sign(
        Dialect::MsSql,
        "names in brackets or GO",
        r"(?im)\[dbo\]|\bdbo\.|\bnvarchar\b|^\s*go\s*$|\bselect\s+top\s+\d|\bidentity\s*\(\s*1",
        4,
    ),
    sign(Dialect::Oracle, "VARCHAR2, NVL or ROWNUM", r"(?i)\b(varchar2|rownum|sysdate|from\s+dual)\b", 4),
    sign(Dialect::Spark, "USING PARQUET or DELTA", r"(?i)\b(using\s+(parquet|delta|iceberg)|lateral\s+view|tblproperties)\b", 4),
    sign(
        Dialect::Hive,
        "STORED AS",
        r"(?i)\b(stored\s+as\s+\w+|row\s+format\s+(serde|delimited)|insert\s+overwrite\s+table)\b",
        4,
    ),
    sign(Dialect::Databricks, "OPTIMIZE … ZORDER, LIVE tables", r"(?i)\b(zorder\s+by|live\s+table|copy\s+into\s+delta)\b", 6),
    sign(
        Dialect::Trino,
        "CROSS JOIN UNNEST, VARCHAR casts, approx_",
        r"(?i)\b(approx_distinct|try_cast\s*\(|from_unixtime|date_parse|with\s*\(\s*format\s*=|varbinary\b)",
        2,
    ),
    sign(
        Dialect::DuckDb,
        "read_parquet, read_csv",
        r"(?i)\b(read_parquet|read_csv(_auto)?|read_json(_auto)?|list_transform)\s*\(",
        5,
    ),
    sign(
        Dialect::ClickHouse,
        "ENGINE = MergeTree",
        r"(?i)\bengine\s*=\s*\w*mergetree|\b(lowcardinality|arrayjoin|uint64|tostartof\w+)\b",
        5,
    ),
    sign(Dialect::Sqlite, "AUTOINCREMENT or PRAGMA", r"(?im)\bautoincrement\b|^\s*pragma\s+\w+|\bwithout\s+rowid\b", 5),
    sign(Dialect::Teradata, "VOLATILE or MULTISET tables", r"(?i)\b(create\s+(multiset|volatile)|primary\s+index\s*\()", 6),
];

static COMPILED: LazyLock<Vec<(&'static Sign, Regex)>> =
    LazyLock::new(|| SIGNS.iter().filter_map(|sign| Some((sign, Regex::new(sign.pattern).ok()?))).collect());

/// Most texts, and most bytes of each, that are looked at.
pub(super) const SAMPLE: (usize, usize) = (200, 64 << 10);

/// The dialect that the configuration says, and a sentence that says so.
pub(super) fn set_dialect(config: &Config, source: &SourceConfig) -> Option<(Dialect, String)> {
    if let Some(dialect) = source.dialect {
        return Some((dialect, format!("The dialect is set to {dialect}.")));
    }
    let warehouse = config.warehouse_called(source.warehouse.as_ref()?)?;
    Some((warehouse.dialect, format!("The dialect is that of the warehouse {}: {}.", warehouse.name, warehouse.dialect)))
}

/// The dialect that is set, the warehouse's, the layout's, or a guess; and a sentence that says which.
pub(super) fn choose_dialect(
    config: &Config,
    source: &SourceConfig,
    classifier: &Classifier,
    files: &Files,
    chosen: &[(&Entry, FileKind)],
    candidates: &[&Entry],
    by_folder: &FolderDialects,
) -> (Dialect, String) {
    if let Some(set) = set_dialect(config, source) {
        return set;
    }
    match classifier.layout {
        Layout::BigqueryEtl => (Dialect::BigQuery, "The dialect of the bigquery-etl layout is bigquery.".to_owned()),
        Layout::Plain | Layout::Dbt => {
            let mut sql: Vec<&Entry> = sql_files(chosen).filter(|entry| by_folder.of(&entry.path).is_none()).collect();
            if sql.is_empty() {
                sql = candidates.to_vec();
            }
            // Evenly over the tree, so that one folder does not speak for all.
            let step = sql.len().div_ceil(SAMPLE.0).max(1);
            let reader = files.place.reader();
            let texts: Vec<String> = sql
                .iter()
                .step_by(step)
                .filter_map(|entry| reader.read(entry, &config.limits).ok())
                .map(|text| text.text)
                .collect();
            guess_dialect(texts.iter().map(String::as_str))
        }
    }
}

/// The dialect that the texts look most like, and a sentence that says why.
pub(super) fn guess_dialect<'t>(texts: impl Iterator<Item = &'t str>) -> (Dialect, String) {
    let mut found = vec![0u32; COMPILED.len()];
    let mut looked_at = 0u32;
    for text in texts.take(SAMPLE.0) {
        let mut end = text.len().min(SAMPLE.1);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        looked_at += 1;
        for (count, (_, regex)) in found.iter_mut().zip(COMPILED.iter()) {
            // Once a file counts once: a long one must not outvote the others.
            *count += u32::from(regex.is_match(&text[..end]));
        }
    }
    let score = |dialect: Dialect| -> u32 {
        let signs = COMPILED.iter().zip(&found).filter(|((sign, _), _)| sign.dialect == dialect);
        signs.map(|((sign, _), count)| sign.weight * count).sum()
    };
    let best = Dialect::ALL.into_iter().max_by_key(|dialect| (score(*dialect), std::cmp::Reverse(*dialect)));
    match best.filter(|dialect| score(*dialect) >= 3) {
        Some(dialect) => {
            let seen: Vec<String> = COMPILED
                .iter()
                .zip(&found)
                .filter(|((sign, _), count)| sign.dialect == dialect && **count > 0)
                .map(|((sign, _), count)| format!("{} in {count}", sign.what))
                .collect();
            (dialect, format!("The dialect was guessed to be {dialect}: of {looked_at} files, {}.", seen.join(", ")))
        }
        None => {
            let note = format!(
                "The dialect could not be guessed from {looked_at} files; the generic one is used. Set `dialect` to be sure."
            );
            (Dialect::Generic, note)
        }
    }
}
