//! Reads `wellspring.toml`.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer};

use super::{Config, ConfigError, validate::check_config};
use crate::model::LineIndex;

impl Config {
    /// Reads and checks the file at `path`; relative paths in it are made relative to its folder.
    pub fn load(path: &Path) -> Result<Config, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|cause| ConfigError::Unreadable { path: path.to_owned(), cause })?;
        Config::parse(&text, path)
    }

    /// Reads and checks `text`, which stands at `path`.
    pub fn parse(text: &str, path: &Path) -> Result<Config, ConfigError> {
        let mut config: Config = toml::from_str(text).map_err(|error| explain_error(&error, text, path))?;
        let folder = path.parent().map_or_else(PathBuf::new, Path::to_owned);
        for source in &mut config.sources {
            for path in [&mut source.path, &mut source.ca_file] {
                *path = path.take().map(|relative| folder.join(relative));
            }
        }
        for log in &mut config.logs {
            if log.url.is_none() {
                log.path = folder.join(&log.path);
            }
            log.people = log.people.take().map(|people| folder.join(people));
        }
        config.data = config.data.map(|data| folder.join(data));
        config.access.tls_cert = config.access.tls_cert.map(|file| folder.join(file));
        config.access.tls_key = config.access.tls_key.map(|file| folder.join(file));
        config.file = Some(path.to_owned());
        config.add_database_logs();
        check_config(&config)?;
        Ok(config)
    }
}

/// Names the line, and for an unknown key the nearest known one.
///
/// serde words an unknown key as ``unknown field `a`, expected one of `b`, `c` ``: the known keys
/// are taken from there, so that they stand nowhere twice.
fn explain_error(error: &toml::de::Error, text: &str, path: &Path) -> ConfigError {
    let offset = error.span().map_or(0, |span| span.start);
    let line = LineIndex::new(text).line(u32::try_from(offset).unwrap_or(u32::MAX));
    let message = error.message();
    if message.starts_with("unknown field") {
        let mut words = message.split('`').skip(1).step_by(2);
        let key = words.next().unwrap_or_default().to_owned();
        let nearest = words
            .map(|known| (strsim::damerau_levenshtein(&key, known), known))
            .filter(|(distance, known)| *distance <= key.len().max(known.len()) / 2 || known.starts_with(&key))
            .min()
            .map(|(_, known)| known.to_owned());
        return ConfigError::UnknownKey { path: path.to_owned(), line, key, nearest };
    }
    ConfigError::Invalid { path: path.to_owned(), line, message: message.to_owned() }
}

/// A string, or a list of strings.
pub(super) fn one_or_many<'de, D: Deserializer<'de>>(input: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMany {
        One(String),
        Many(Vec<String>),
    }
    Ok(match OneOrMany::deserialize(input)? {
        OneOrMany::One(one) => vec![one],
        OneOrMany::Many(many) => many,
    })
}

/// Durations written as a number and a unit.
pub(super) mod duration {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<Option<Duration>, D::Error> {
        let text = String::deserialize(input)?;
        read_duration(&text)
            .map(Some)
            .ok_or_else(|| D::Error::custom(format!("`{text}` is no duration; write `30s`, `15m`, `6h` or `1d`")))
    }

    pub(in super::super) fn serialize<S: Serializer>(value: &Option<Duration>, output: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(duration) => output.serialize_str(&format!("{}s", duration.as_secs())),
            None => output.serialize_none(),
        }
    }

    fn read_duration(text: &str) -> Option<Duration> {
        let text = text.trim();
        let digits = text.find(|letter: char| !letter.is_ascii_digit())?;
        let (number, unit) = text.split_at(digits);
        let seconds = match unit.trim() {
            "s" => 1,
            "m" | "min" => 60,
            "h" => 3_600,
            "d" => 86_400,
            _ => return None,
        };
        let number: u64 = number.parse().ok()?;
        number.checked_mul(seconds).filter(|total| *total > 0).map(Duration::from_secs)
    }
}
