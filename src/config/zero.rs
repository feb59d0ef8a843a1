//! A configuration made of nothing but paths.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use super::{Config, ConfigError, SourceConfig, default_bots, validate::check_config};

impl Config {
    /// Crawls `paths` (folders, work trees, bare git directories, remote addresses) as they are, at
    /// `reference` where one is given.
    pub fn for_paths(paths: &[String], reference: Option<&str>) -> Result<Config, ConfigError> {
        let mut taken = BTreeSet::new();
        let mut config = Config::default();
        for path in paths {
            let (local, url) = if is_remote(path) {
                (None, Some(path.clone()))
            } else {
                let absolute = std::path::absolute(path);
                let absolute = absolute.map_err(|cause| ConfigError::Unreadable { path: PathBuf::from(path), cause })?;
                (Some(std::fs::canonicalize(&absolute).unwrap_or(absolute)), None)
            };
            let name = unique_name(&call_place(local.as_deref(), path), &mut taken);
            config.sources.push(SourceConfig {
                name,
                path: local,
                url,
                reference: reference.map(str::to_owned),
                bots: default_bots(),
                ..SourceConfig::default()
            });
        }
        config.add_database_logs();
        check_config(&config)?;
        Ok(config)
    }
}

/// Whether `place` is a remote address rather than a path: `scheme://…` or `user@host:path`.
fn is_remote(place: &str) -> bool {
    if place.contains("://") {
        return true;
    }
    let Some((host, _)) = place.split_once(':') else { return false };
    host.len() > 1 && !host.contains(['/', '\\']) && !Path::new(place).exists()
}

/// The last part of a path or address, without `.git`; a `repo` or `.git` folder is called by its parent.
fn call_place(local: Option<&Path>, written: &str) -> String {
    let part = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
    let name = match local {
        Some(path) => match part(path) {
            Some(name) if name == ".git" || name == "repo" => path.parent().and_then(part).or(Some(name)),
            other => other,
        },
        None => {
            written.split(['?', '#']).next().unwrap_or(written).trim_end_matches('/').rsplit(['/', ':']).next().map(str::to_owned)
        }
    };
    let name = name.unwrap_or_default();
    let name = name.strip_suffix(".git").unwrap_or(&name).trim_matches('.').to_owned();
    if name.is_empty() { "source".to_owned() } else { name }
}

fn unique_name(name: &str, taken: &mut BTreeSet<String>) -> String {
    let numbered = (2..).map(|number: u32| format!("{name}-{number}"));
    let mut unique = std::iter::once(name.to_owned()).chain(numbered).skip_while(|candidate| taken.contains(candidate));
    let chosen = unique.next().unwrap_or_else(|| name.to_owned());
    taken.insert(chosen.clone());
    chosen
}
