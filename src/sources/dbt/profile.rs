//! `profiles.yml`: the adapter, database and schema that a project is built with.

use serde_json::Value;

use super::{layout::join, to_json};
use crate::{model::DbtTarget, sources::yaml::Node};

/// Where a project's profiles may stand, best first.
pub(super) fn candidates(root: &str, paths: &[&str]) -> Vec<String> {
    let mut found: Vec<String> = ["profiles.yml", ".dbt/profiles.yml", "profiles/profiles.yml", "config/profiles.yml"]
        .iter()
        .filter_map(|place| join(root, place))
        .collect();
    let mut others: Vec<&str> = paths.iter().copied().filter(|path| path.ends_with("profiles.yml")).collect();
    others.sort_by_key(|path| (!path.starts_with(root), path.matches('/').count(), *path));
    found.extend(others.into_iter().map(str::to_owned));
    found
}

/// The target of `profile` in the file `root`; `None` where it has no such profile.
pub(super) fn read_target(root: &Node, profile: &str) -> Option<DbtTarget> {
    let entry = root.get(profile)?;
    let outputs = to_json(entry.get("outputs")?);
    let outputs = outputs.as_object()?;
    let production = ["prod", "production"].into_iter().find(|name| outputs.contains_key(*name));
    let set = entry.get("target").and_then(Node::text).filter(|name| outputs.contains_key(*name));
    let name = production.or(set).or_else(|| outputs.keys().next().map(String::as_str))?;
    let output = outputs.get(name)?;
    let plain = |keys: &[&str]| {
        let text = keys.iter().find_map(|key| output.get(*key)).and_then(Value::as_str)?;
        (!text.contains("{{") && !text.is_empty()).then(|| text.to_owned())
    };
    Some(DbtTarget {
        profile: profile.to_owned(),
        name: name.to_owned(),
        adapter: plain(&["type"]).unwrap_or_default(),
        database: plain(&["database", "project", "catalog", "dbname"]),
        schema: plain(&["schema", "dataset"]),
    })
}
