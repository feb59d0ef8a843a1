//! Definitions of dashboards and charts, and of the models between them and the warehouse.

pub(super) mod evidence;
pub(super) mod grafana;
pub(super) mod lookml;
pub(super) mod metabase;
mod placeholders;
pub(super) mod redash;
pub(super) mod superset;
pub(super) mod tableau;

use std::sync::Arc;

use super::{
    compose::Composer,
    definitions::{Definition, DefinitionFile, Definitions, Setting},
    json_tree::read_json,
    yaml::{Node, read_yaml},
};
use crate::model::{Diagnostic, Dialect, DocumentRole, FactKind, INVALID_DEFINITION, RelationName, Span};

/// Something that a file defines, in its file.
struct Placed<'a> {
    path: &'a str,
    node: Arc<Node>,
}

/// A chart on a dashboard.
struct Tile {
    /// What it is called there; unique on the dashboard.
    title: String,
    /// Where the dashboard shows it.
    line: u32,
    chart: RelationName,
    /// The columns of the chart that it shows; where they are not known, none, and it is made of all of them.
    columns: Vec<String>,
}

/// A column whose values a reader of a dashboard chooses among.
struct Filter {
    /// Where the dashboard says so.
    line: u32,
    asset: RelationName,
    column: String,
}

/// Reads a JSON or YAML file; what is broken becomes a diagnostic.
pub(super) fn read_tree(file: &DefinitionFile, setting: &Setting<'_>, definitions: &mut Definitions) -> Option<Arc<Node>> {
    let root = match file.path.ends_with(".json") {
        true => read_json(&file.text, setting.limits).map(Some).map_err(|error| (error.line, error.message.to_owned())),
        false => read_yaml(&file.text, setting.limits).map_err(|error| (error.line, error.message)),
    };
    root.unwrap_or_else(|(line, message)| {
        let message = format!("the file cannot be read: {message}");
        definitions.note(&file.path, line, Diagnostic::new(&INVALID_DEFINITION, message, Span::default()));
        None
    })
}

/// The files that can be read, with their paths; what is broken becomes a diagnostic.
fn read_trees<'f>(
    files: &'f [DefinitionFile],
    setting: &Setting<'_>,
    definitions: &mut Definitions,
) -> Vec<(&'f str, Arc<Node>)> {
    files.iter().filter_map(|file| Some((file.path.as_str(), read_tree(file, setting, definitions)?))).collect()
}

/// Says of an asset, in a file, what stands under `key` of `node`, where anything does.
pub(super) fn say(
    node: &Node,
    key: &str,
    fact: impl FnOnce(String) -> FactKind,
    (about, path): (&RelationName, &str),
    definitions: &mut Definitions,
) {
    let line = node.entry(key).map_or(node.line, |(line, _)| line);
    if let Some(text) = node.word(key) {
        definitions.say(about, fact(text.to_owned()), path, line);
    }
}

/// Says of an asset, in a file, that its tool shows it only to those who made it, as `key` of `node` says.
fn say_draft(node: &Node, key: &str, (about, path): (&RelationName, &str), definitions: &mut Definitions) {
    let line = node.entry(key).map_or(node.line, |(line, _)| line);
    definitions.say(about, FactKind::Label { key: "published".to_owned(), value: "false".to_owned() }, path, line);
}

/// What a dashboard or chart is called: titles repeat, so what identifies it stands behind.
fn shown_name(title: &str, id: &str) -> String {
    format!("{} ({id})", title.replace(['.', '\n'], " ").trim())
}

/// Defines a dashboard at (path, part, line): a column for every tile, computed from those of its chart;
/// `filters` decide its rows.
fn define_dashboard(
    (path, part, line): (&str, &str, u32),
    target: RelationName,
    name: Option<String>,
    tiles: &[Tile],
    filters: &[Filter],
    setting: &Setting<'_>,
    definitions: &mut Definitions,
) {
    let mut sql = Composer::default();
    let mut stand_ins = Vec::new();
    for (at, tile) in (1u32..).zip(tiles) {
        let chart = format!("chart_{at}");
        let columns: Vec<String> = match tile.columns.is_empty() {
            true => vec![chart.clone()],
            false => tile.columns.iter().map(|column| format!("{chart}.{}", quote(setting.dialect, column))).collect(),
        };
        sql.put(if at == 1 { "SELECT\n  " } else { ",\n  " }, tile.line);
        let tile_sql = match columns.as_slice() {
            [one] => one.clone(),
            several => format!("({})", several.join(", ")),
        };
        sql.put(&format!("{tile_sql} AS {}", quote(setting.dialect, &tile.title)), tile.line);
        stand_ins.push((chart, tile.chart.clone()));
    }
    if !stand_ins.is_empty() {
        let first_filter = stand_ins.len();
        stand_ins.extend((1u32..).zip(filters).map(|(at, filter)| (format!("filter_{at}"), filter.asset.clone())));
        let names: Vec<&str> = stand_ins.iter().map(|(name, _)| name.as_str()).collect();
        sql.put(&format!("\nFROM {}", names.join(", ")), line);
        for (at, (filter, name)) in filters.iter().zip(&names[first_filter..]).enumerate() {
            let lead = if at == 0 { "\nWHERE " } else { "\n  AND " };
            sql.put(&format!("{lead}{name}.{} IS NOT NULL", quote(setting.dialect, &filter.column)), filter.line);
        }
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

/// A text as a SQL literal.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace(['\'', '\\', '\n'], " "))
}

/// A name without quotes: odd letters become `_`.
pub(super) fn identifier(name: &str) -> String {
    let mut out: String = name.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '_' }).collect();
    if out.starts_with(|letter: char| letter.is_ascii_digit()) {
        out.insert(0, '_');
    }
    out
}
