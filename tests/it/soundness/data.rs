//! Small random data in SQLite: many data sets of the generator's tables, and of each a variant per
//! column in which that column alone has other values.

use std::{path::Path, str::FromStr};

use sqlx::{ConnectOptions, Connection, Row, SqliteConnection, sqlite::SqliteConnectOptions};

use super::generate::{Query, TABLES};
use crate::choices::Choices;

/// How many data sets there are.
pub(super) const DATA_SETS: usize = 200;
/// Cells are NULL or below this number.
pub(super) const DOMAIN: i64 = 5;
const ROWS: usize = 5;

/// A column of one of the tables: (table, column), both by position.
pub(super) type Source = (usize, usize);

/// Writes all data sets into a new database at `path`.
pub(super) async fn write(path: &Path, seed: u64) {
    let mut connection = open(path).await;
    let mut choices = Choices::new(seed);
    let mut script = String::from("BEGIN;");
    for set in 0..DATA_SETS {
        for (table, columns) in TABLES.iter().enumerate() {
            let base: Vec<Vec<String>> = columns.iter().map(|_| values(&mut choices)).collect();
            script.push_str(&create(&name(table, set, None), columns, &base));
            for column in 0..columns.len() {
                let mut variant = base.clone();
                while variant[column] == base[column] {
                    variant[column] = values(&mut choices);
                }
                script.push_str(&create(&name(table, set, Some(column)), columns, &variant));
            }
        }
    }
    script.push_str("COMMIT;");
    sqlx::raw_sql(sqlx::AssertSqlSafe(script)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

/// A connection to the database at `path`.
pub(super) async fn open(path: &Path) -> SqliteConnection {
    let url = format!("sqlite:{}?mode=rwc", path.display());
    SqliteConnectOptions::from_str(&url).unwrap().statement_cache_capacity(0).connect().await.unwrap()
}

/// The rows of `query` over data set `set`, each a JSON array of `columns`: first over the set itself,
/// then with each of `changed` redrawn.
pub(super) async fn run(
    connection: &mut SqliteConnection,
    query: &Query,
    columns: &[String],
    set: usize,
    changed: &[Source],
) -> Result<Vec<Vec<Vec<String>>>, sqlx::Error> {
    let variants: Vec<Option<Source>> = std::iter::once(None).chain(changed.iter().copied().map(Some)).collect();
    let over = |text: &str, variant: Option<Source>| {
        let mut over = text.to_owned();
        for table in 0..TABLES.len() {
            let column = variant.filter(|(other, _)| *other == table).map(|(_, column)| column);
            over = over.replace(&format!("{{{table}}}"), &name(table, set, column));
        }
        over
    };
    let rows = |(at, variant): (usize, &Option<Source>)| {
        format!("SELECT {at} AS variant, json_array({}) AS cells FROM ({})", columns.join(", "), over(&query.sql, *variant))
    };
    let parts: Vec<String> = variants.iter().enumerate().map(rows).collect();
    let all = if query.setup.is_empty() {
        parts.join(" UNION ALL ")
    } else {
        let script = |(part, variant): (&String, &Option<Source>)| {
            let setup: Vec<String> = query.setup.iter().map(|statement| over(statement, *variant)).collect();
            format!("DROP TABLE IF EXISTS temp.made;{};{part};", setup.join(";"))
        };
        parts.iter().zip(&variants).map(script).collect()
    };
    let mut results = vec![Vec::new(); changed.len() + 1];
    for row in sqlx::raw_sql(sqlx::AssertSqlSafe(all)).fetch_all(connection).await? {
        let cells: Vec<serde_json::Value> = serde_json::from_str(row.get::<&str, _>(1)).unwrap();
        results[row.get::<i64, _>(0) as usize].push(cells.iter().map(ToString::to_string).collect());
    }
    Ok(results)
}

fn name(table: usize, set: usize, redrawn: Option<usize>) -> String {
    match redrawn {
        None => format!("t{table}_{set}"),
        Some(column) => format!("t{table}_{set}_{column}"),
    }
}

fn values(choices: &mut Choices) -> Vec<String> {
    (0..ROWS).map(|_| if choices.chance(12) { "NULL".to_owned() } else { choices.below(DOMAIN as usize).to_string() }).collect()
}

fn create(name: &str, columns: &[&str], values: &[Vec<String>]) -> String {
    let rows: Vec<String> = (0..ROWS)
        .map(|row| format!("({})", values.iter().map(|column| column[row].as_str()).collect::<Vec<_>>().join(",")))
        .collect();
    format!("CREATE TABLE {name} ({}); INSERT INTO {name} VALUES {};", columns.join(","), rows.join(","))
}
