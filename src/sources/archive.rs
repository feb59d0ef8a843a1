//! Archives of exports: their files are listed as if the archive were a folder.
//!
//! A `.zip` counts where it holds a `metadata.yaml` at its top or in its only folder, as Superset's
//! exports do; Tableau's archives have endings of their own. What one unpacks to is bounded and stays in
//! memory; data that is packed along is left out.

use std::{
    io::{Cursor, Read},
    sync::Arc,
};

use zip::ZipArchive;

use super::files::{Bytes, Entry, Files, Reader};
use crate::{
    config::Limits,
    model::{Diagnostic, INVALID_DEFINITION, LIMIT_EXCEEDED, Span},
};

/// What the files of one archive may unpack to, in bytes together.
const MAX_UNPACKED: u64 = 64 << 20;
/// What the names of archives end in, and the names of their files that are read.
const KINDS: [(&str, &[&str]); 3] = [(".zip", &[".yaml"]), (".twbx", &[".twb"]), (".tdsx", &[".tds"])];
/// The file that makes a `.zip` an export.
const MARKER: &str = "metadata.yaml";
/// What the beginning of a file says that only stands for one kept elsewhere.
const POINTER: &[u8] = b"version https://git-lfs";

/// Whether a path is that of an archive.
pub(super) fn is_archive(path: &str) -> bool {
    endings_in(path).is_some()
}

/// What the names of the files end in that are read from the archive at `path`.
fn endings_in(path: &str) -> Option<&'static [&'static str]> {
    KINDS.iter().find(|(ending, _)| path.ends_with(ending)).map(|(_, inside)| *inside)
}

/// Adds the files of all exports that are archives.
pub(super) fn list_archives(files: &mut Files, limits: &Limits) {
    let reader = files.place.reader();
    let mut found = Vec::new();
    for entry in files.entries.iter().filter(|entry| is_archive(&entry.path)) {
        match list_archive(entry, &reader, limits) {
            Ok(inside) => found.extend(inside),
            Err(diagnostic) => files.diagnostics.push((entry.path.clone(), diagnostic)),
        }
    }
    if !found.is_empty() {
        files.entries.extend(found);
        files.entries.sort_by(|left, right| left.path.cmp(&right.path));
    }
}

fn list_archive(archive: &Entry, reader: &Reader, limits: &Limits) -> Result<Vec<Entry>, Diagnostic> {
    let is_plain = archive.path.ends_with(".zip");
    let bytes = match reader.read_bytes(archive, limits.max_file_bytes) {
        // Nothing says that it is an export.
        Err(_) if is_plain => return Ok(Vec::new()),
        read => read?,
    };
    if bytes.starts_with(POINTER) {
        return Ok(Vec::new());
    }
    let broken =
        |why: String| Diagnostic::new(&INVALID_DEFINITION, format!("the archive cannot be read: {why}"), Span::default());
    let mut zip = ZipArchive::new(Cursor::new(bytes)).map_err(|error| broken(error.to_string()))?;
    let is_marked = zip.file_names().any(|name| name.is_ok_and(|name| is_marker(&name)));
    let endings = endings_in(&archive.path).unwrap_or_default();
    if is_plain && !is_marked {
        return Ok(Vec::new());
    }
    let too_large = || {
        let message = format!("the archive unpacks to more than {MAX_UNPACKED} bytes; it was not read");
        Diagnostic::new(&LIMIT_EXCEEDED, message, Span::default())
    };
    let (mut entries, mut left) = (Vec::new(), MAX_UNPACKED);
    for at in 0..zip.len() {
        let file = zip.by_index(at).map_err(|error| broken(error.to_string()))?;
        let inside = file.enclosed_name().map(|path| path.to_string_lossy().replace('\\', "/"));
        let Some(inside) = inside.filter(|path| file.is_file() && endings.iter().any(|ending| path.ends_with(ending))) else {
            continue;
        };
        let mut text = Vec::new();
        file.take(left + 1).read_to_end(&mut text).map_err(|error| broken(error.to_string()))?;
        left = left.checked_sub(text.len() as u64).ok_or_else(too_large)?;
        entries.push(Entry { path: format!("{}/{inside}", archive.path), bytes: Bytes::Packed(Arc::from(text)) });
    }
    Ok(entries)
}

/// Whether a file of an archive is the marker, at the top or one folder deep.
fn is_marker(name: &str) -> bool {
    name == MARKER || name.split_once('/').is_some_and(|(_, inside)| inside == MARKER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_marker_stands_at_the_top_or_in_the_only_folder() {
        assert!(is_marker("metadata.yaml") && is_marker("export/metadata.yaml") && !is_marker("a/b/metadata.yaml"));
    }
}
