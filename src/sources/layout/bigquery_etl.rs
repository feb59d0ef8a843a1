//! bigquery-etl style: `sql/<project>/<dataset>/<table>/query.sql` beside its metadata and schema.
//!
//! What stands elsewhere is read as plain SQL, but for what makes SQL rather than being it: templates,
//! generators, tests and the resources of programs.

use std::collections::BTreeSet;

use super::{FileKind, SqlFile, file_name, is_sql};
use crate::model::{DocumentRole, Ident, RelationName};

/// The folder that holds `sql/`, with a slash, or "" for the top: the shortest with a `metadata.yaml` of a table.
pub(super) fn find_root<'p>(paths: impl Iterator<Item = &'p str>) -> Option<String> {
    let root_of = |path: &'p str| -> Option<&'p str> {
        let folder = path.strip_suffix("/metadata.yaml")?;
        let parts: Vec<&str> = folder.split('/').collect();
        let sql = parts.len().checked_sub(4)?;
        if parts[sql] != "sql" {
            return None;
        }
        let below: usize = parts[sql..].iter().map(|part| part.len() + 1).sum();
        // `folder` has no slash at its end, so `below` reaches one past it.
        folder.get(..(folder.len() + 1).checked_sub(below)?)
    };
    let mut roots: Vec<&str> = paths.filter_map(root_of).collect();
    roots.sort_by_key(|root| (root.len(), *root));
    roots.first().map(|root| (*root).to_owned())
}

/// Folders that hold code, which SQL beside it is a part of.
pub(super) fn find_code<'p>(paths: impl Iterator<Item = &'p str>) -> BTreeSet<String> {
    let modules = ["/__init__.py", "/setup.py", "/Cargo.toml", "/package.json", "/go.mod"];
    paths.filter_map(|path| modules.iter().find_map(|module| path.strip_suffix(module))).map(str::to_owned).collect()
}

/// Whether the SQL file at `path`, outside of the layout's `sql/`, makes SQL or tests it rather than
/// being the warehouse's; `code` are folders of programs.
pub(super) fn is_machinery(path: &str, code: &BTreeSet<String>) -> bool {
    const WORDS: [&str; 9] =
        ["template", "templates", "tests", "test", "generators", "macros", "fixtures", "examples", "snippets"];
    let Some((folders, name)) = path.rsplit_once('/') else { return is_template(path) };
    let is_word = |folder: &str| {
        let folder = folder.to_ascii_lowercase();
        WORDS.contains(&folder.as_str()) || folder.ends_with("_generators") || folder.ends_with("_templates")
    };
    let mut above = folders.match_indices('/').map(|(end, _)| &folders[..end]).chain([folders]);
    is_template(name) || folders.split('/').any(is_word) || above.any(|folder| code.contains(folder))
}

fn is_template(name: &str) -> bool {
    !name.to_ascii_lowercase().ends_with("sql")
}

/// What the file at `path`, below the layout's root, is.
pub(super) fn classify(path: &str) -> Option<FileKind> {
    let inside = path.strip_prefix("sql/")?;
    let folders: Vec<&str> = inside.split('/').collect();
    let name = file_name(inside);
    let folders = &folders[..folders.len() - 1];
    if let [project, dataset, table] = folders {
        let relation = || RelationName::new([project, dataset, table].map(|part| Ident::bare(*part)));
        return match name {
            "metadata.yaml" => Some(FileKind::Metadata(relation())),
            "schema.yaml" => Some(FileKind::Schema(relation())),
            name if is_sql(name) => Some(FileKind::Sql(describe_sql(name, relation(), project, dataset))),
            _ => None,
        };
    }
    if !is_sql(name) {
        return None;
    }
    let role = match folders {
        // Below a table's folder stand its tests and examples.
        [_, _, _, _, ..] => DocumentRole::Check,
        _ => DocumentRole::Sql,
    };
    let part = |at: usize| folders.get(at).map(|part| (*part).to_owned());
    Some(FileKind::Sql(SqlFile { role, target: None, defaults: (part(0), part(1)), variables: Vec::new() }))
}

fn describe_sql(name: &str, relation: RelationName, project: &str, dataset: &str) -> SqlFile {
    let stem = name.split('.').next().unwrap_or_default();
    let is_part =
        stem.strip_prefix("part").is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()));
    let role = match stem {
        "query" | "init" => DocumentRole::Query,
        _ if is_part => DocumentRole::Query,
        "view" | "materialized_view" => DocumentRole::View,
        "script" => DocumentRole::Script,
        "udf" | "stored_procedure" => DocumentRole::Routine,
        "checks" | "bigeye_custom_rules" => DocumentRole::Check,
        _ => DocumentRole::Sql,
    };
    let variables = [("project_id", project), ("dataset_id", dataset), ("table_name", relation.last())];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let target = matches!(role, DocumentRole::Query | DocumentRole::View).then_some(relation);
    SqlFile { role, target, defaults: (Some(project.to_owned()), Some(dataset.to_owned())), variables }
}
