//! What CODEOWNERS says of the documents of a reading.

use std::path::PathBuf;

use gix::ObjectId;

use super::{
    Request,
    codeowners::{OwnersFile, PLACES},
    files::{Bytes, Entry, Place, Reader, Text},
    reading::combine_key,
    state::State,
};
use crate::{
    config::Codeowners,
    model::{Fact, FactKind, Reading, Subject},
};

/// Adds who reviews (or owns, if so configured) each document that CODEOWNERS speaks of.
pub(super) fn read_reviewers(request: &Request<'_>, state: &State, reading: &mut Reading) {
    let Some((path, prefix, text)) = find_file(request, state) else { return };
    let paths: Vec<String> = reading.files.keys().filter(|path| !path.ends_with(".yaml")).cloned().collect();
    let settings = format!("codeowners 1 {:?}", request.source.codeowners);
    let key = combine_key(&settings, &[text.blob.as_str(), &paths.join("\0")]);
    let known = request.known.get(&path) == Some(&key);
    reading.files.insert(path.clone(), key);
    if known {
        reading.unchanged.insert(path);
        return;
    }
    let file = OwnersFile::parse(&text.text);
    reading.diagnostics.extend(file.diagnostics.iter().map(|(line, diagnostic)| (path.clone(), *line, diagnostic.clone())));
    for document in paths {
        for (name, line) in file.owners_of(&format!("{prefix}{document}")) {
            let name = name.to_owned();
            let what = match request.source.codeowners {
                Codeowners::Reviewers => FactKind::Reviewer { name },
                Codeowners::Owners => FactKind::Owner { name },
            };
            reading.facts.push(Fact { about: Subject::Document(document.clone()), what, path: path.clone(), line });
        }
    }
}

/// The file's path as seen from the source, what to put before documents' paths, and the text.
fn find_file(request: &Request<'_>, state: &State) -> Option<(String, String, Text)> {
    let limits = &request.config.limits;
    let prefix = state.opened.as_ref().map_or("", |opened| opened.prefix.as_str());
    if prefix.is_empty() {
        let entry = PLACES.iter().find_map(|place| state.files.find(place))?;
        let text = state.files.place.reader().read(entry, limits).ok()?;
        return Some((entry.path.clone(), String::new(), text));
    }
    // The source is a folder of the repository; the file stands above it.
    let depth = prefix.split('/').count();
    let shown = |place: &str| format!("{}{place}", "../".repeat(depth));
    PLACES.iter().find_map(|place| {
        let (reader, bytes) = match &state.files.place {
            Place::Disk(folder) => {
                let root: PathBuf = std::fs::canonicalize(folder).ok()?.ancestors().nth(depth)?.to_owned();
                let path = root.join(place);
                let len = std::fs::symlink_metadata(&path).ok().filter(|metadata| metadata.is_file())?.len();
                (Reader::Disk, Bytes::Disk(path, len))
            }
            Place::Git(repository) => {
                let repository = repository.to_thread_local();
                let commit = ObjectId::from_hex(state.commit.as_ref()?.id.as_bytes()).ok()?;
                let tree = repository.find_commit(commit).ok()?.tree().ok()?;
                let found = tree.lookup_entry_by_path(place).ok()??;
                let id = found.object_id();
                (Reader::Git(Box::new(repository.clone())), Bytes::Blob(id))
            }
        };
        let text = reader.read(&Entry { path: (*place).to_owned(), bytes }, limits).ok()?;
        Some((shown(place), format!("{prefix}/"), text))
    })
}
