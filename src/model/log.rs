//! What a query log says: one entry a query, who asked for it, and what of the log could not be read.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Dialect, NativeEdge};

/// One query of a log, as its format says it. Texts borrow from the log.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LogEntry<'r> {
    /// The vendor's number of the query; entries of one number are one query.
    pub id: Option<Cow<'r, str>>,
    /// The text as it was sent, literals and comments in it.
    pub text: Cow<'r, str>,
    /// When it ended, else when it began: seconds since 1970 UTC.
    pub at: Option<i64>,
    /// How long it took, in milliseconds.
    pub milliseconds: Option<u64>,
    /// The user that the warehouse knows.
    pub user: Option<Cow<'r, str>>,
    /// The session: temporary tables live in it.
    pub session: Option<Cow<'r, str>>,
    /// Database of names that have none.
    pub database: Option<Cow<'r, str>>,
    /// Schema of names that have none.
    pub schema: Option<Cow<'r, str>>,
    /// The dialect, where the entry says so.
    pub dialect: Option<Dialect>,
    /// It failed.
    pub failed: bool,
    /// It reports the failure of a query that the log may have told of before.
    pub repeats: bool,
    /// Bytes that were read for it.
    pub bytes: Option<u64>,
    /// How often it ran, where one entry stands for many; 0 stands for one.
    pub runs: u64,
    /// The entry counts up from one reading of the log to the next under this key.
    pub counter: Option<String>,
    /// The tool that sent it, as the warehouse says.
    pub tool: Option<Cow<'r, str>>,
    /// A tag that the client set beside the text.
    pub tag: Option<Cow<'r, str>>,
    /// Labels of the job, key and value.
    pub labels: Vec<(String, String)>,
    /// The table that a bare SELECT filled, dotted.
    pub destination: Option<String>,
    /// Lineage that the warehouse itself states, sorted.
    pub native: Vec<NativeEdge>,
    /// The vendor cut the text off.
    pub cut: bool,
    /// Keys under which the pieces of the whole text may stand, where it is cut off.
    pub pieces: Vec<String>,
    /// What it is, where it is no query of its own.
    pub kind: EntryKind,
}

/// What an entry of a log is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum EntryKind {
    /// A query.
    #[default]
    Query,
    /// A piece of a query's text.
    Piece {
        /// Pieces of one key are one text.
        key: String,
        /// Its place among them, from 0.
        sequence: u32,
        /// How many bytes every piece has but the last.
        width: usize,
        /// Another log tells of the query, where there is one; the pieces are only its text.
        told_elsewhere: bool,
    },
    /// A session that began: what client it is of.
    Session,
}

/// Who asked for a query.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Asker {
    /// The person, as the log or the tool calls them; `None` where no person is known.
    pub person: Option<String>,
    /// The service account that the warehouse saw in place of the person.
    pub via: Option<String>,
    /// The tool (`dbt`, `metabase`, `looker`, …).
    pub tool: Option<String>,
    /// What in the tool it was for: `dashboard:12`, `model.shop.orders`, `dag:nightly/load`.
    pub object: Option<String>,
    /// A schedule ran it, no person waited.
    pub scheduled: bool,
}

/// What becomes of the names of people in logs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeepUsers {
    /// They are stored as they are.
    #[default]
    Keep,
    /// A hash stands for them, the same in every log of one catalog.
    Hash,
    /// Nobody is stored.
    Drop,
}

impl KeepUsers {
    /// What is stored of a name, given the catalog's secret; `None` where nothing is.
    pub fn name(self, name: &str, secret: &[u8]) -> Option<String> {
        match self {
            KeepUsers::Keep => Some(name.to_owned()),
            KeepUsers::Drop => None,
            KeepUsers::Hash => {
                let digest = Sha256::new().chain_update(secret).chain_update(name.trim().to_lowercase()).finalize();
                let hex: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
                Some(format!("person-{hex}"))
            }
        }
    }
}

/// The format of a query log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// BigQuery `INFORMATION_SCHEMA.JOBS`: JSON, CSV or Parquet.
    BigqueryJobs,
    /// BigQuery audit log entries, old (`jobCompletedEvent`) and new (`jobChange`).
    BigqueryAudit,
    /// Snowflake `QUERY_HISTORY`.
    Snowflake,
    /// Snowflake `ACCESS_HISTORY`: the warehouse's own column lineage.
    SnowflakeAccess,
    /// Snowflake `SESSIONS`: which client a session is of.
    SnowflakeSessions,
    /// Redshift `SYS_QUERY_HISTORY` or `STL_QUERY`.
    Redshift,
    /// Texts of Redshift in pieces: `STL_QUERYTEXT`, `SVL_STATEMENTTEXT`, `SYS_QUERY_TEXT`.
    RedshiftText,
    /// PostgreSQL csvlog, of 23, 24 or 26 columns.
    PostgresCsv,
    /// PostgreSQL jsonlog.
    PostgresJson,
    /// PostgreSQL `pg_stat_statements`.
    PostgresStatements,
    /// Databricks `system.query.history`.
    Databricks,
    /// Trino query events.
    Trino,
    /// ClickHouse `system.query_log`.
    Clickhouse,
    /// JSONL or CSV with `query`, `timestamp`, `user`, …
    Generic,
}

impl LogFormat {
    /// Every format, in declaration order.
    pub const ALL: [LogFormat; 14] = [
        Self::BigqueryJobs,
        Self::BigqueryAudit,
        Self::Snowflake,
        Self::SnowflakeAccess,
        Self::SnowflakeSessions,
        Self::Redshift,
        Self::RedshiftText,
        Self::PostgresCsv,
        Self::PostgresJson,
        Self::PostgresStatements,
        Self::Databricks,
        Self::Trino,
        Self::Clickhouse,
        Self::Generic,
    ];

    /// The word used in the configuration and in output.
    pub fn word(self) -> &'static str {
        match self {
            Self::BigqueryJobs => "bigquery-jobs",
            Self::BigqueryAudit => "bigquery-audit",
            Self::Snowflake => "snowflake",
            Self::SnowflakeAccess => "snowflake-access",
            Self::SnowflakeSessions => "snowflake-sessions",
            Self::Redshift => "redshift",
            Self::RedshiftText => "redshift-text",
            Self::PostgresCsv => "postgres-csv",
            Self::PostgresJson => "postgres-json",
            Self::PostgresStatements => "postgres-statements",
            Self::Databricks => "databricks",
            Self::Trino => "trino",
            Self::Clickhouse => "clickhouse",
            Self::Generic => "generic",
        }
    }

    /// Whether it only says more of queries that other files of the log tell of: it is read before them.
    pub fn is_aside(self) -> bool {
        matches!(self, Self::SnowflakeSessions | Self::RedshiftText)
    }

    /// The format that `word` names.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.word() == word)
    }

    /// The dialect of its SQL; `None` where the log may hold any.
    pub fn dialect(self) -> Option<Dialect> {
        match self {
            Self::BigqueryJobs | Self::BigqueryAudit => Some(Dialect::BigQuery),
            Self::Snowflake | Self::SnowflakeAccess | Self::SnowflakeSessions => Some(Dialect::Snowflake),
            Self::Redshift | Self::RedshiftText => Some(Dialect::Redshift),
            Self::PostgresCsv | Self::PostgresJson | Self::PostgresStatements => Some(Dialect::Postgres),
            Self::Databricks => Some(Dialect::Databricks),
            Self::Trino => Some(Dialect::Trino),
            Self::Clickhouse => Some(Dialect::ClickHouse),
            Self::Generic => None,
        }
    }
}

/// Why an entry of a log was left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogSkip {
    /// The line or record is no valid JSON, CSV or row.
    Broken,
    /// It has no text where the format has one.
    NoText,
    /// It has no time, or none that can be read.
    NoTime,
    /// It is longer than the limit.
    TooLong,
    /// It was read before, in this file or another.
    Duplicate,
    /// The file ends in the middle of it.
    Truncated,
    /// The vendor cut its text off, which is read as far as it goes.
    Cut,
    /// It is no query: a connection, a lock, the child of a script, …
    NotAQuery,
}

impl LogSkip {
    /// Every reason, in declaration order.
    pub const ALL: [LogSkip; 8] =
        [Self::Broken, Self::NoText, Self::NoTime, Self::TooLong, Self::Duplicate, Self::Truncated, Self::Cut, Self::NotAQuery];

    /// The word used in the store and in output.
    pub fn word(self) -> &'static str {
        match self {
            Self::Broken => "broken",
            Self::NoText => "no-text",
            Self::NoTime => "no-time",
            Self::TooLong => "too-long",
            Self::Duplicate => "duplicate",
            Self::Truncated => "truncated",
            Self::Cut => "cut",
            Self::NotAQuery => "not-a-query",
        }
    }

    /// What it means, in a sentence's part.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Broken => "could not be read",
            Self::NoText => "have no query text",
            Self::NoTime => "have no time that can be read",
            Self::TooLong => "are longer than the limit",
            Self::Duplicate => "were read before",
            Self::Truncated => "stand at the end of a cut-off file",
            Self::Cut => "have a text that was cut off, and are read as far as it goes",
            Self::NotAQuery => "are no queries, or parts of scripts",
        }
    }

    /// Whether anything was lost.
    pub fn is_loss(self) -> bool {
        !matches!(self, Self::Duplicate | Self::NotAQuery)
    }
}
