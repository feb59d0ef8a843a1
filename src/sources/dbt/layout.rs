//! Which files belong to a project, and as what.

use serde_json::Value;

use crate::model::DbtResource;

/// Folders that hold what was installed, built or generated, never a project's own files.
const FOREIGN: [&str; 6] = ["dbt_packages", "dbt_modules", "target", "node_modules", "site-packages", "logs"];

/// The folders of a project, each with a slash at its end.
pub(super) struct Folders {
    /// The project's own folder.
    pub(super) root: String,
    models: Vec<String>,
    seeds: Vec<String>,
    snapshots: Vec<String>,
    tests: Vec<String>,
    analyses: Vec<String>,
    macros: Vec<String>,
}

/// What a file of a project is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// A model, snapshot, test or analysis in SQL, a model in Python, or a seed; and the folders above.
    Node(DbtResource, Vec<String>),
    /// Macros, generic tests among them.
    Macros,
    /// A property file.
    Properties,
    /// Markdown that may hold docs blocks.
    Docs,
}

impl Folders {
    /// The folders that `settings`, the `dbt_project.yml` in `root`, names.
    pub(super) fn new(root: &str, settings: &Value) -> Folders {
        let read = |keys: [&str; 2], default: &str| -> Vec<String> {
            let named = keys.iter().find_map(|key| settings.get(*key));
            let paths: Vec<String> = match named {
                Some(Value::Array(paths)) => paths.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
                Some(Value::String(path)) => vec![path.clone()],
                _ => vec![default.to_owned()],
            };
            paths.iter().filter_map(|path| join(root, path)).map(|path| format!("{path}/")).collect()
        };
        Folders {
            root: root.to_owned(),
            models: read(["model-paths", "source-paths"], "models"),
            seeds: read(["seed-paths", "data-paths"], "seeds"),
            snapshots: read(["snapshot-paths", "snapshot-paths"], "snapshots"),
            tests: read(["test-paths", "test-paths"], "tests"),
            analyses: read(["analysis-paths", "analysis-paths"], "analyses"),
            macros: read(["macro-paths", "macro-paths"], "macros"),
        }
    }

    /// What the file at `path` is to the project; `None` where it is nothing.
    pub(super) fn classify(&self, path: &str) -> Option<Part> {
        let lists = [
            (DbtResource::Model, &self.models),
            (DbtResource::Seed, &self.seeds),
            (DbtResource::Snapshot, &self.snapshots),
            (DbtResource::Test, &self.tests),
            (DbtResource::Analysis, &self.analyses),
        ];
        if is_foreign(path.strip_prefix(&self.root).unwrap_or(path)) {
            return None;
        }
        let ending = path.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase()).unwrap_or_default();
        if ending == "sql" && self.macros.iter().any(|folder| path.starts_with(folder.as_str())) {
            return Some(Part::Macros);
        }
        for (resource, folders) in lists {
            let Some(inside) = folders.iter().find_map(|folder| path.strip_prefix(folder.as_str())) else { continue };
            let mut above: Vec<String> = inside.split('/').map(str::to_owned).collect();
            above.pop();
            match (resource, ending.as_str()) {
                (DbtResource::Test, "sql") if above.first().is_some_and(|first| first == "generic") => return Some(Part::Macros),
                (DbtResource::Seed, "csv") => return Some(Part::Node(resource, above)),
                (DbtResource::Seed, "sql") => {}
                (_, "sql") => return Some(Part::Node(resource, above)),
                (DbtResource::Model, "py") => return Some(Part::Node(resource, above)),
                (_, "yml" | "yaml") => return Some(Part::Properties),
                (_, "md") => return Some(Part::Docs),
                _ => {}
            }
        }
        let in_macros = self.macros.iter().any(|folder| path.starts_with(folder.as_str()));
        (ending == "md" && in_macros).then_some(Part::Docs)
    }
}

/// Whether `path`, inside a project, lies in a folder that is not the project's own.
pub(super) fn is_foreign(path: &str) -> bool {
    path.split('/').any(|part| FOREIGN.contains(&part))
}

/// The folder of a package that `path`, a `dbt_project.yml`, was installed into; `None` for a project.
pub(super) fn installed_below(path: &str) -> Option<&str> {
    ["dbt_packages/", "dbt_modules/"].iter().find_map(|folder| {
        let at = path.find(folder)?;
        let starts = at == 0 || path.as_bytes().get(at - 1) == Some(&b'/');
        let inside = &path[at + folder.len()..];
        (starts && inside.matches('/').count() == 1).then(|| &path[..at])
    })
}

/// `path` below `root`, without dots; `None` where it leaves the source.
pub(super) fn join(root: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = root.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split(['/', '\\']) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}
