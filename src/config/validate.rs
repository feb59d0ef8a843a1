//! Whether values fit together.

use std::collections::BTreeSet;

use globset::Glob;

use super::{Config, ConfigError, NameRule, Pattern, SourceConfig, database::holds_password, is_database};

/// Checks what types alone cannot say.
pub(super) fn check_config(config: &Config) -> Result<(), ConfigError> {
    let mut warehouses = BTreeSet::new();
    for warehouse in &config.warehouses {
        if !warehouses.insert(warehouse.name.as_str()) {
            return refuse(format!("two [[warehouse]] are called `{}`", warehouse.name));
        }
    }
    let mut names = BTreeSet::new();
    for source in &config.sources {
        if !names.insert(source.name.as_str()) {
            return refuse(format!("two [[source]] are called `{}`", source.name));
        }
        check_source(source, &warehouses)?;
    }
    for log in &config.logs {
        let name = &log.name;
        if name.is_empty() || name.contains(['/', '\\', '\0']) {
            return refuse(format!("`{name}` cannot be the name of a [[log]]: it is empty or holds a slash"));
        }
        if !names.insert(name.as_str()) {
            return refuse(format!("two [[source]] or [[log]] are called `{name}`"));
        }
        match &log.url {
            None if log.path.as_os_str().is_empty() => {
                return refuse(format!("log `{name}` has neither a `path` nor a `url`"));
            }
            Some(_) if !log.path.as_os_str().is_empty() => {
                return refuse(format!("log `{name}` has both a `path` and a `url`"));
            }
            Some(url) if !is_database(url) => {
                return refuse(format!("the `url` of log `{name}` is no PostgreSQL database: `postgres://user@host/database`"));
            }
            Some(url) => check_database(name, url)?,
            None => {}
        }
        if let Some(warehouse) = &log.warehouse
            && !warehouses.contains(warehouse.as_str())
        {
            return refuse(format!("log `{name}` speaks of the warehouse `{warehouse}`, but no [[warehouse]] is called so"));
        }
    }
    for rule in &config.names {
        check_rule(rule, &warehouses)?;
    }
    config.public_address().map(drop)
}

fn check_source(source: &SourceConfig, warehouses: &BTreeSet<&str>) -> Result<(), ConfigError> {
    let name = &source.name;
    if name.is_empty() || name.contains(['/', '\\', '\0']) {
        return refuse(format!("`{name}` cannot be the name of a [[source]]: it is empty or holds a slash"));
    }
    match (&source.path, &source.url) {
        (Some(_), Some(_)) => return refuse(format!("source `{name}` has both a `path` and a `url`")),
        (None, None) => return refuse(format!("source `{name}` has neither a `path` nor a `url`")),
        _ => {}
    }
    check_login(source)?;
    if let Some(warehouse) = &source.warehouse
        && !warehouses.contains(warehouse.as_str())
    {
        return refuse(format!("source `{name}` speaks of the warehouse `{warehouse}`, but no [[warehouse]] is called so"));
    }
    for glob in source.include.iter().chain(&source.exclude) {
        Glob::new(glob).map_err(|error| ConfigError::Inconsistent(format!("source `{name}`: {error}")))?;
    }
    for target in &source.target {
        let pattern =
            Pattern::of_paths(target).map_err(|error| ConfigError::Inconsistent(format!("source `{name}`: {error}")))?;
        if pattern.words().iter().all(|word| word == "_") {
            return refuse(format!("source `{name}`: the target pattern `{target}` captures nothing like `{{table}}`"));
        }
    }
    Ok(())
}

/// A password stands in the environment alone: addresses are shown and stored.
fn check_database(name: &str, url: &str) -> Result<(), ConfigError> {
    match holds_password(url) {
        true => refuse(format!(
            "the address of `{name}` holds a password: put it into PGPASSWORD, or into the variable that `token_env` names"
        )),
        false => Ok(()),
    }
}

/// A token is sent over https alone, and is somebody's only where there is one.
fn check_login(source: &SourceConfig) -> Result<(), ConfigError> {
    let name = &source.name;
    if let Some(url) = source.url.as_deref().filter(|url| is_database(url)) {
        return check_database(name, url);
    }
    let https =
        source.url.as_deref().is_some_and(|url| url.get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://")));
    let keys = [("token_env", source.token_env.is_some()), ("ca_file", source.ca_file.is_some())];
    if let Some((key, _)) = keys.into_iter().find(|(_, set)| *set && !https) {
        return refuse(format!("source `{name}` has a `{key}`, which is for a `url` that starts with https://"));
    }
    if source.user.is_some() && source.token_env.is_none() {
        return refuse(format!("source `{name}` has a `user` and no `token_env` that says where its token is"));
    }
    if source.token_env.is_some() && source.url.as_deref() != Some(source.place().as_str()) {
        return refuse(format!("source `{name}` has both a `token_env` and a login in its `url`"));
    }
    Ok(())
}

fn check_rule(rule: &NameRule, warehouses: &BTreeSet<&str>) -> Result<(), ConfigError> {
    let pattern = Pattern::of_names(&rule.pattern).map_err(|error| ConfigError::Inconsistent(error.to_string()))?;
    if rule.replacement.is_none() && rule.environment.is_none() && !rule.ignore {
        return refuse(format!("the [[names]] rule `{}` has no replacement, environment or ignore", rule.pattern));
    }
    if let Some(warehouse) = &rule.warehouse
        && !warehouses.contains(warehouse.as_str())
    {
        return refuse(format!("the [[names]] rule `{}` is for `{warehouse}`, but no [[warehouse]] is called so", rule.pattern));
    }
    let replacement = rule.replacement.as_deref().unwrap_or("");
    for word in replacement.split('{').skip(1).filter_map(|part| part.split_once('}')).map(|(word, _)| word) {
        if !pattern.words().iter().any(|known| known == word) {
            return refuse(format!("the [[names]] rule `{}` does not capture `{{{word}}}`", rule.pattern));
        }
    }
    Ok(())
}

fn refuse(message: String) -> Result<(), ConfigError> {
    Err(ConfigError::Inconsistent(message))
}
