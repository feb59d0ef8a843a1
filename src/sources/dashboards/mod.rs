//! Definitions of dashboards and charts, and of the models between them and the warehouse.

pub(super) mod grafana;
pub(super) mod lookml;
pub(super) mod metabase;

use super::{
    compose::Composer,
    definitions::{Definition, Definitions, Setting},
};
use crate::model::{Dialect, DocumentRole, RelationName};

/// A chart on a dashboard.
struct Tile {
    /// What it is called there; unique on the dashboard.
    title: String,
    /// Where the dashboard shows it.
    line: u32,
    chart: RelationName,
    /// The columns of the chart; where they are not known, none.
    columns: Vec<String>,
}

/// Defines a dashboard at (path, part, line): a column for every tile, computed from those of its chart.
fn define_dashboard(
    (path, part, line): (&str, &str, u32),
    target: RelationName,
    name: Option<String>,
    tiles: &[Tile],
    setting: &Setting<'_>,
    definitions: &mut Definitions,
) {
    let mut sql = Composer::default();
    let mut stand_ins = Vec::new();
    for (at, tile) in (1u32..).zip(tiles) {
        let chart = format!("chart_{at}");
        let columns: Vec<String> = match tile.columns.is_empty() {
            true => vec![format!("{chart}.*")],
            false => tile.columns.iter().map(|column| format!("{chart}.{}", quote(setting.dialect, column))).collect(),
        };
        sql.put(if at == 1 { "SELECT\n  " } else { ",\n  " }, tile.line);
        let tile_sql = match columns.as_slice() {
            [one] => one.clone(),
            several => format!("({})", several.join(", ")),
        };
        let alias = if tile.columns.is_empty() { String::new() } else { format!(" AS {}", quote(setting.dialect, &tile.title)) };
        sql.put(&format!("{tile_sql}{alias}"), tile.line);
        stand_ins.push((chart, tile.chart.clone()));
    }
    if !stand_ins.is_empty() {
        let names: Vec<&str> = stand_ins.iter().map(|(name, _)| name.as_str()).collect();
        sql.put(&format!("\nFROM {}", names.join(", ")), line);
    }
    definitions.define(Definition { path, part, role: DocumentRole::Dashboard, target, name, sql, stand_ins }, setting);
}

/// A name in the dialect's quotes; what would end them, and dots, become blanks.
pub(super) fn quote(dialect: Dialect, name: &str) -> String {
    let odd = |letter: char| matches!(letter, '`' | '"' | '[' | ']' | '.' | '\\' | '\n' | '\r');
    let name = name.replace(odd, " ");
    match dialect {
        Dialect::BigQuery | Dialect::MySql | Dialect::Spark | Dialect::Databricks | Dialect::Hive | Dialect::ClickHouse => {
            format!("`{name}`")
        }
        Dialect::MsSql => format!("[{name}]"),
        _ => format!("\"{name}\""),
    }
}
