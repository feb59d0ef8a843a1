//! The files of a log: one, or those of a folder.

use std::{
    io,
    path::{Path, PathBuf},
};

/// How deep folders are looked through.
const DEPTH: usize = 8;
/// Most files of one log.
const MOST: usize = 100_000;

/// `path` itself, or every file below it whose name does not start with a dot, in the order of their
/// names: logs are named by their time.
///
/// # Errors
/// When `path` does not exist or a folder cannot be listed.
pub fn find_log_files(path: &Path) -> io::Result<Vec<PathBuf>> {
    if !std::fs::metadata(path)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    list(path, 0, &mut files)?;
    files.sort_unstable();
    Ok(files)
}

fn list(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if files.len() >= MOST || entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        // Links are not followed: they may lead anywhere.
        let kind = entry.file_type()?;
        if kind.is_dir() && depth < DEPTH {
            list(&entry.path(), depth + 1, files)?;
        } else if kind.is_file() {
            files.push(entry.path());
        }
    }
    Ok(())
}
