//! Trees in which folders are called after dialects: `concepts_postgres/`, `ddl/sql_server/`.

use std::collections::BTreeSet;

use crate::model::Dialect;

/// Dialects by folder, where a tree names at least two.
///
/// One folder alone says little: `oracle/` may hold what is copied from a system of that name. Two
/// are a repository that says one thing in several dialects, each for a warehouse of its own.
#[derive(Debug, Default)]
pub(super) struct FolderDialects {
    named: BTreeSet<Dialect>,
}

impl FolderDialects {
    /// Looks at the paths of SQL files.
    pub(super) fn find<'p>(paths: impl Iterator<Item = &'p str>) -> FolderDialects {
        let named: BTreeSet<Dialect> = paths.filter_map(named_by).collect();
        if named.len() < 2 { FolderDialects::default() } else { FolderDialects { named } }
    }

    /// The dialect that the folders of `path` name, the innermost first.
    pub(super) fn of(&self, path: &str) -> Option<Dialect> {
        if self.named.is_empty() { None } else { named_by(path) }
    }

    /// A sentence that says which, where there are any.
    pub(super) fn sentence(&self) -> Option<String> {
        let names: Vec<&str> = self.named.iter().map(|dialect| dialect.name()).collect();
        (!names.is_empty()).then(|| format!("Folders called after a dialect are read in it: {}.", names.join(", ")))
    }
}

fn named_by(path: &str) -> Option<Dialect> {
    let (folders, _) = path.rsplit_once('/')?;
    folders.rsplit('/').find_map(dialect_in)
}

/// The dialect that a folder is called after: the whole name, or its first or last word.
fn dialect_in(folder: &str) -> Option<Dialect> {
    let lower = folder.to_ascii_lowercase();
    let words: Vec<&str> = lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let joined = words.concat();
    let pair = |words: &[&str]| words.concat();
    let candidates = [
        joined.as_str(),
        words.last().copied().unwrap_or_default(),
        words.first().copied().unwrap_or_default(),
        &pair(words.get(words.len().saturating_sub(2)..).unwrap_or_default()),
        &pair(words.get(..2).unwrap_or_default()),
    ];
    candidates
        .into_iter()
        .filter_map(|word| word.parse().ok())
        .find(|dialect| !matches!(dialect, Dialect::Ansi | Dialect::Generic))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_called_after_a_dialect_by_a_whole_word() {
        assert_eq!(dialect_in("postgres"), Some(Dialect::Postgres));
        assert_eq!(dialect_in("concepts_duckdb"), Some(Dialect::DuckDb));
        assert_eq!(dialect_in("sql_server"), Some(Dialect::MsSql));
        assert_eq!(dialect_in("BigQuery"), Some(Dialect::BigQuery));
        assert_eq!(dialect_in("big-query"), Some(Dialect::BigQuery));
        assert_eq!(dialect_in("sparkling"), None);
        assert_eq!(dialect_in("generic"), None);
    }

    #[test]
    fn one_dialect_alone_names_nothing() {
        let one = FolderDialects::find(["oracle/a.sql", "marts/b.sql"].into_iter());
        assert_eq!(one.of("oracle/a.sql"), None);
        let two = FolderDialects::find(["build/mysql/a.sql", "build/postgres/a.sql", "postgres.sql"].into_iter());
        assert_eq!(two.of("build/mysql/load/a.sql"), Some(Dialect::MySql));
        assert_eq!(two.of("postgres.sql"), None, "a file's own name is no folder");
    }
}
