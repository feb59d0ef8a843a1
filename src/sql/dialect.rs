//! Our dialects over sqlparser's.

use sqlparser::{
    ast::Statement,
    dialect as base,
    parser::Parser,
    tokenizer::{Location, Tokenizer},
};

use super::spans::located;
use crate::model::{Dialect, LineIndex};

/// The grammar of `dialect`.
pub(crate) fn of(dialect: Dialect) -> &'static dyn base::Dialect {
    match dialect {
        Dialect::Ansi => &base::AnsiDialect {},
        Dialect::Generic | Dialect::Trino | Dialect::Vertica => &base::GenericDialect {},
        Dialect::BigQuery => &base::BigQueryDialect {},
        Dialect::Snowflake => &base::SnowflakeDialect {},
        Dialect::Redshift => &base::RedshiftSqlDialect {},
        Dialect::Postgres => &base::PostgreSqlDialect {},
        Dialect::MySql => &base::MySqlDialect {},
        Dialect::MsSql => &base::MsSqlDialect {},
        Dialect::Oracle => &base::OracleDialect {},
        Dialect::Hive => &base::HiveDialect {},
        Dialect::Spark => &base::SparkSqlDialect {},
        Dialect::Databricks => &base::DatabricksDialect {},
        Dialect::DuckDb => &base::DuckDbDialect {},
        Dialect::ClickHouse => &base::ClickHouseDialect {},
        Dialect::Sqlite => &base::SQLiteDialect {},
        Dialect::Teradata => &base::TeradataDialect {},
    }
}

/// Parses one statement whose text starts at byte `offset` of the whole text.
pub(crate) fn statement(text: &str, offset: usize, dialect: Dialect) -> Result<Statement, String> {
    let dialect = of(dialect);
    let mut tokens = Tokenizer::new(dialect, text).tokenize_with_location().map_err(|error| error.to_string())?;
    let lines = LineIndex::new(text);
    for token in &mut tokens {
        let place = |at| offset + byte_of(text, &lines, at);
        token.span = located(place(token.span.start), place(token.span.end));
    }
    Parser::new(dialect)
        .with_recursion_limit(200)
        .with_tokens_with_locations(tokens)
        .parse_statement()
        .map_err(|error| error.to_string())
}

/// The byte of a 1-based line and column in characters.
pub(crate) fn byte_of(text: &str, lines: &LineIndex, at: Location) -> usize {
    let start = lines.start(u32::try_from(at.line).unwrap_or(u32::MAX)) as usize;
    let column = at.column.saturating_sub(1) as usize;
    let rest = text.get(start..).unwrap_or("");
    start + rest.char_indices().nth(column).map_or(rest.len(), |(byte, _)| byte)
}
