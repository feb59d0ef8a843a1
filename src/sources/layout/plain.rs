//! Plain SQL: statements name their own targets.

use super::{FileKind, SqlFile, file_name, is_sql};
use crate::model::DocumentRole;

/// What the file at `path` is.
pub(super) fn classify(path: &str) -> Option<FileKind> {
    let name = file_name(path);
    if !is_sql(name) {
        return None;
    }
    Some(FileKind::Sql(SqlFile { role: role_of(path, name), target: None, defaults: (None, None), variables: Vec::new() }))
}

fn role_of(path: &str, name: &str) -> DocumentRole {
    let name = name.to_ascii_lowercase();
    let stem = name.split('.').next().unwrap_or_default();
    let folders: Vec<String> = path.split('/').rev().skip(1).map(str::to_ascii_lowercase).collect();
    let within = |words: &[&str]| folders.iter().any(|folder| words.contains(&folder.as_str()));
    let is_check =
        within(&["tests", "test", "checks"]) || stem == "checks" || stem.starts_with("test_") || stem.ends_with("_test");
    let is_ddl = name.ends_with(".ddl")
        || within(&["ddl", "schemas"])
        || matches!(stem, "schema" | "ddl")
        || stem.starts_with("create_table");
    match (is_check, is_ddl) {
        (true, _) => DocumentRole::Check,
        (false, true) => DocumentRole::Ddl,
        (false, false) => DocumentRole::Sql,
    }
}
