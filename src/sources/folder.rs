//! Lists the files of a folder or work tree, respecting `.gitignore`, never following a link out of it.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use ignore::WalkBuilder;

use super::{
    SourceError,
    files::{Bytes, Entry, Files, Place, check_count},
};
use crate::{
    config::Limits,
    model::{Diagnostic, SYMLINK_LEAVES_TREE, Span, UNREADABLE_FILE},
};

/// Deepest folder that is entered.
const MAX_FOLDER_DEPTH: usize = 100;

/// Lists the files below `root`.
pub(super) fn list_folder(root: &Path, limits: &Limits) -> Result<Files, SourceError> {
    let unreadable = |cause| SourceError::Unreadable { path: root.to_owned(), cause };
    let real_root = std::fs::canonicalize(root).map_err(unreadable)?;
    let mut files = Files { place: Place::Disk(root.to_owned()), entries: Vec::new(), diagnostics: Vec::new() };
    let walk = WalkBuilder::new(root)
        .hidden(false)
        .git_global(false)
        .require_git(false)
        .ignore(false)
        .follow_links(false)
        .max_depth(Some(MAX_FOLDER_DEPTH))
        .filter_entry(|entry| entry.file_name() != ".git")
        .build();
    for found in walk {
        let found = match found {
            Ok(found) => found,
            Err(error) => {
                let (path, why) = explain(&error, root);
                files.diagnostics.push((path, Diagnostic::new(&UNREADABLE_FILE, why, Span::default())));
                continue;
            }
        };
        let path = relative_path(found.path(), root);
        let Some(kind) = found.file_type() else { continue };
        if kind.is_symlink() {
            match follow_link(found.path(), &real_root) {
                Ok(Some(bytes)) => files.entries.push(Entry { path, bytes }),
                Ok(None) => {}
                Err(diagnostic) => files.diagnostics.push((path, diagnostic)),
            }
        } else if kind.is_file() {
            let len = found.metadata().map_or(0, |metadata| metadata.len());
            files.entries.push(Entry { path, bytes: Bytes::Disk(found.into_path(), len) });
        }
        check_count(files.entries.len(), &root.display().to_string(), limits)?;
    }
    files.entries.sort_by(|left, right| left.path.cmp(&right.path));
    Ok(files)
}

/// Reads at most one byte more than `limit`, so that a file that grows meanwhile is noticed.
pub(super) fn read_bounded(path: &Path, limit: u64) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| error.to_string())?;
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    Ok(bytes)
}

/// The file that a link leads to, if that is a file inside the tree; folders are walked where they stand.
fn follow_link(link: &Path, real_root: &Path) -> Result<Option<Bytes>, Diagnostic> {
    let Ok(target) = std::fs::canonicalize(link) else {
        return Err(Diagnostic::new(&UNREADABLE_FILE, "the link leads nowhere", Span::default()));
    };
    if !target.starts_with(real_root) || target.components().any(|part| part.as_os_str() == ".git") {
        return Err(Diagnostic::new(
            &SYMLINK_LEAVES_TREE,
            "the link leads out of the source and was not followed",
            Span::default(),
        ));
    }
    let metadata = std::fs::metadata(&target).ok().filter(|metadata| metadata.is_file());
    Ok(metadata.map(|metadata| Bytes::Disk(target, metadata.len())))
}

fn relative_path(path: &Path, root: &Path) -> String {
    let parts = path.strip_prefix(root).unwrap_or(path).components();
    parts.map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

fn explain(error: &ignore::Error, root: &Path) -> (String, String) {
    let mut path = PathBuf::new();
    let mut cause = error;
    loop {
        match cause {
            ignore::Error::WithPath { path: inner, err } => {
                path.clone_from(inner);
                cause = err;
            }
            ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => cause = err,
            other => return (relative_path(&path, root), other.to_string()),
        }
    }
}
