//! SQL dialects and how each folds the names of tables and columns.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A SQL dialect, as a source is written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, utoipa::ToSchema, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "each variant is the product it is called after")]
pub enum Dialect {
    Ansi,
    #[default]
    Generic,
    BigQuery,
    Snowflake,
    Redshift,
    Postgres,
    MySql,
    MsSql,
    Oracle,
    Hive,
    Spark,
    Databricks,
    Trino,
    DuckDb,
    ClickHouse,
    Sqlite,
    Teradata,
    Vertica,
}

/// How a dialect compares names: what is done to a name before it becomes a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Folding {
    /// Compared as written, quoted or not.
    AsWritten,
    /// Compared without regard to case, quoted or not.
    Insensitive,
    /// Unquoted names fold to lower case; quoted ones are kept.
    UnquotedLower,
    /// Unquoted names fold to upper case; quoted ones are kept.
    UnquotedUpper,
}

impl Dialect {
    /// Every dialect, in the order of their names' declaration.
    pub const ALL: [Dialect; 18] = [
        Dialect::Ansi,
        Dialect::Generic,
        Dialect::BigQuery,
        Dialect::Snowflake,
        Dialect::Redshift,
        Dialect::Postgres,
        Dialect::MySql,
        Dialect::MsSql,
        Dialect::Oracle,
        Dialect::Hive,
        Dialect::Spark,
        Dialect::Databricks,
        Dialect::Trino,
        Dialect::DuckDb,
        Dialect::ClickHouse,
        Dialect::Sqlite,
        Dialect::Teradata,
        Dialect::Vertica,
    ];

    /// The name used in configuration, URLs and output.
    pub fn name(self) -> &'static str {
        match self {
            Dialect::Ansi => "ansi",
            Dialect::Generic => "generic",
            Dialect::BigQuery => "bigquery",
            Dialect::Snowflake => "snowflake",
            Dialect::Redshift => "redshift",
            Dialect::Postgres => "postgres",
            Dialect::MySql => "mysql",
            Dialect::MsSql => "mssql",
            Dialect::Oracle => "oracle",
            Dialect::Hive => "hive",
            Dialect::Spark => "spark",
            Dialect::Databricks => "databricks",
            Dialect::Trino => "trino",
            Dialect::DuckDb => "duckdb",
            Dialect::ClickHouse => "clickhouse",
            Dialect::Sqlite => "sqlite",
            Dialect::Teradata => "teradata",
            Dialect::Vertica => "vertica",
        }
    }

    /// How names of tables, schemas and databases are compared.
    pub fn table_folding(self) -> Folding {
        match self {
            Dialect::BigQuery | Dialect::ClickHouse => Folding::AsWritten,
            Dialect::Snowflake | Dialect::Oracle => Folding::UnquotedUpper,
            Dialect::Postgres => Folding::UnquotedLower,
            Dialect::Ansi
            | Dialect::Generic
            | Dialect::Redshift
            | Dialect::MySql
            | Dialect::MsSql
            | Dialect::Hive
            | Dialect::Spark
            | Dialect::Databricks
            | Dialect::Trino
            | Dialect::DuckDb
            | Dialect::Sqlite
            | Dialect::Teradata
            | Dialect::Vertica => Folding::Insensitive,
        }
    }

    /// How names of columns are compared.
    pub fn column_folding(self) -> Folding {
        match self {
            Dialect::ClickHouse => Folding::AsWritten,
            Dialect::Snowflake | Dialect::Oracle => Folding::UnquotedUpper,
            Dialect::Postgres => Folding::UnquotedLower,
            Dialect::Ansi
            | Dialect::Generic
            | Dialect::BigQuery
            | Dialect::Redshift
            | Dialect::MySql
            | Dialect::MsSql
            | Dialect::Hive
            | Dialect::Spark
            | Dialect::Databricks
            | Dialect::Trino
            | Dialect::DuckDb
            | Dialect::Sqlite
            | Dialect::Teradata
            | Dialect::Vertica => Folding::Insensitive,
        }
    }
}

impl Folding {
    /// The key of a name under this rule.
    pub fn fold(self, name: &str, quoted: bool) -> String {
        match self {
            Folding::AsWritten => name.to_owned(),
            Folding::Insensitive => name.to_lowercase(),
            Folding::UnquotedLower if quoted => name.to_owned(),
            Folding::UnquotedLower => name.to_lowercase(),
            Folding::UnquotedUpper if quoted => name.to_owned(),
            Folding::UnquotedUpper => name.to_uppercase(),
        }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

/// A word that names no dialect.
#[derive(Debug, thiserror::Error)]
#[error(
    "unknown SQL dialect `{0}`; known are ansi, generic, bigquery, snowflake, redshift, postgres, mysql, mssql, oracle, hive, spark, databricks, trino, duckdb, clickhouse, sqlite, teradata, vertica"
)]
pub struct UnknownDialect(pub String);

impl FromStr for Dialect {
    type Err = UnknownDialect;

    /// Reads a dialect's name or one of its usual aliases, in any case.
    fn from_str(word: &str) -> Result<Self, UnknownDialect> {
        let lower = word.trim().to_ascii_lowercase();
        let alias = match lower.as_str() {
            "tsql" | "sqlserver" | "fabric" | "synapse" => Dialect::MsSql,
            "sparksql" | "spark3" | "spark2" => Dialect::Spark,
            "presto" | "athena" => Dialect::Trino,
            "postgresql" | "greenplum" | "materialize" | "risingwave" | "cockroachdb" => Dialect::Postgres,
            "mariadb" | "starrocks" | "doris" | "singlestore" | "tidb" => Dialect::MySql,
            "impala" => Dialect::Hive,
            "bq" => Dialect::BigQuery,
            "exasol" | "netezza" => Dialect::Ansi,
            other => match Dialect::ALL.into_iter().find(|dialect| dialect.name() == other) {
                Some(dialect) => dialect,
                None => return Err(UnknownDialect(word.to_owned())),
            },
        };
        Ok(alias)
    }
}
