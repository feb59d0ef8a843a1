//! Where the database, the index and clones live.

use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::Xxh3;

use super::{Config, ConfigError};

impl Config {
    /// The data folder: `data` where it is set, else `wellspring-data` next to `wellspring.toml`, else
    /// `<home>/wellspring/<name>-<hash of the paths>`, where `home` is what [`user_data_home`] says.
    ///
    /// Never inside something that is crawled: a set one that is there is an error, and the folder
    /// next to the file gives way to the one below `home`.
    pub fn data_folder(&self, home: Option<&Path>) -> Result<PathBuf, ConfigError> {
        if let Some(data) = &self.data {
            return match self.crawled_around(data) {
                Some(source_path) => Err(ConfigError::DataInsideSource { data: data.clone(), source_path }),
                None => Ok(data.clone()),
            };
        }
        if let Some(beside) = self.file.as_ref().and_then(|file| file.parent()).map(|folder| folder.join("wellspring-data"))
            && self.crawled_around(&beside).is_none()
        {
            return Ok(beside);
        }
        let home = home.ok_or(ConfigError::NoDataHome)?;
        let folder = home.join("wellspring").join(self.folder_name());
        match self.crawled_around(&folder) {
            Some(source_path) => Err(ConfigError::DataInsideSource { data: folder, source_path }),
            None => Ok(folder),
        }
    }

    /// The crawled path that `folder` lies in.
    fn crawled_around(&self, folder: &Path) -> Option<PathBuf> {
        let folder = resolve_existing(folder);
        let paths = self.sources.iter().filter_map(|source| source.path.as_ref());
        paths.map(|path| resolve_existing(path)).find(|path| folder.starts_with(path))
    }

    fn folder_name(&self) -> String {
        let mut hash = Xxh3::new();
        if let Some(file) = &self.file {
            hash.update(resolve_existing(file).as_os_str().as_encoded_bytes());
        } else {
            for source in &self.sources {
                match &source.path {
                    Some(path) => hash.update(resolve_existing(path).as_os_str().as_encoded_bytes()),
                    None => hash.update(source.place().as_bytes()),
                }
                hash.update(b"\0");
                hash.update(source.reference.as_deref().unwrap_or_default().as_bytes());
                hash.update(b"\0");
            }
        }
        let name = self.sources.first().map_or("empty", |source| source.name.as_str());
        format!("{name}-{:016x}", hash.digest())
    }
}

/// The folder for data of this user: `$XDG_DATA_HOME`, else `$HOME/.local/share`
/// (XDG Base Directory Specification).
pub fn user_data_home() -> Option<PathBuf> {
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_DATA_HOME").or_else(|| absolute("HOME").map(|home| home.join(".local/share")))
}

/// `path` with the part of it that exists resolved, links and `..` included.
fn resolve_existing(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    for ancestor in absolute.ancestors() {
        if let Ok(real) = std::fs::canonicalize(ancestor) {
            return match absolute.strip_prefix(ancestor) {
                Ok(rest) => real.join(rest),
                Err(_) => real,
            };
        }
    }
    absolute
}
