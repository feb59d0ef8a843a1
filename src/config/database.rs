//! Databases as sources: how they are told, and the log that each has.

use super::{Config, LogConfig, default_service_accounts};

/// Whether `url` is the address of a PostgreSQL database.
pub fn is_database(url: &str) -> bool {
    let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
    scheme.eq_ignore_ascii_case("postgres") || scheme.eq_ignore_ascii_case("postgresql")
}

/// Whether `url` names a password, before the host or among its parameters.
pub(super) fn holds_password(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let (place, parameters) = rest.split_once('?').unwrap_or((rest, ""));
    let login = place.split('/').next().and_then(|host| host.rsplit_once('@')).map_or("", |(login, _)| login);
    login.contains(':') || parameters.split('&').any(|parameter| parameter.starts_with("password="))
}

impl Config {
    /// Gives every database among the sources a log of its own: what it counted of its statements.
    pub(super) fn add_database_logs(&mut self) {
        for source in &self.sources {
            let Some(url) = source.url.as_ref().filter(|url| is_database(url)) else { continue };
            if self.logs.iter().any(|log| log.url.as_ref() == Some(url)) {
                continue;
            }
            self.logs.push(LogConfig {
                name: format!("{} statements", source.name),
                url: Some(url.clone()),
                token_env: source.token_env.clone(),
                dialect: source.dialect,
                warehouse: source.warehouse.clone(),
                service_accounts: default_service_accounts(),
                ..LogConfig::default()
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::holds_password;

    #[test]
    fn a_password_is_seen_wherever_it_stands() {
        assert!(holds_password("postgres://a:b@host/db"));
        assert!(holds_password("postgres://host/db?user=a&password=b"));
        assert!(!holds_password("postgres://a@host:5432/db?sslmode=disable"));
    }
}
