//! Reads git through gix: repositories, refs, trees and blobs. Runs no hook and touches no work tree.

use std::path::{Path, PathBuf};

use gix::{
    ObjectId, Repository, ThreadSafeRepository,
    bstr::{BString, ByteSlice},
    objs::tree::EntryKind,
};

use super::{
    At, SourceError,
    files::{Bytes, Entry, Files, Place, check_count},
};
use crate::{
    config::Limits,
    model::{Commit, Diagnostic, SYMLINK_LEAVES_TREE, Span, UNREADABLE_FILE},
};

/// Deepest folder that is entered.
const MAX_TREE_DEPTH: usize = 100;

/// A repository, and the part of it that the source is.
pub(super) struct Opened {
    /// The repository.
    pub(super) repository: ThreadSafeRepository,
    /// The folder inside it that the source is, `/`-separated; "" for all of it.
    pub(super) prefix: String,
    /// Whether the path is a work tree (or lies in one).
    pub(super) work_tree: bool,
}

/// Opens the repository at `path` (bare, or a work tree), or the work tree that `path` lies in.
pub(super) fn open_repository(path: &Path) -> Result<Option<Opened>, SourceError> {
    if is_git_directory(path) {
        return open_at(path, String::new(), false).map(Some);
    }
    let Ok(real) = std::fs::canonicalize(path) else { return Ok(None) };
    for folder in real.ancestors() {
        if folder.join(".git").exists() {
            let inside = real.strip_prefix(folder).unwrap_or(Path::new(""));
            let parts = inside.components().map(|part| part.as_os_str().to_string_lossy());
            let prefix = parts.collect::<Vec<_>>().join("/");
            return match open_at(folder, prefix, true) {
                Ok(opened) => Ok(Some(opened)),
                // A broken repository around a folder is no reason not to read the folder.
                Err(_) if folder != real => Ok(None),
                Err(error) => Err(error),
            };
        }
    }
    Ok(None)
}

/// Options under which nothing outside the repository is read and nothing is asked on a terminal.
pub(super) fn open_options() -> gix::open::Options {
    gix::open::Options::isolated().config_overrides(["gitoxide.credentials.terminalPrompt=false", "core.hooksPath=/dev/null"])
}

/// The commit that `reference` (branch, tag, full ref, id; HEAD without one) names.
pub(super) fn resolve_reference(repository: &Repository, reference: Option<&str>, place: &str) -> Result<ObjectId, SourceError> {
    let unknown = || SourceError::UnknownReference { place: place.to_owned(), reference: reference.unwrap_or("HEAD").to_owned() };
    let candidates = match reference {
        Some(name) => {
            if let Ok(id) = ObjectId::from_hex(name.as_bytes())
                && repository.find_commit(id).is_ok()
            {
                return Ok(id);
            }
            let within = |folder: &str| format!("refs/{folder}/{name}");
            vec![within("heads"), within("remotes/origin"), within("tags"), name.to_owned()]
        }
        None => {
            let usual = ["refs/heads/main", "refs/heads/master", "refs/remotes/origin/HEAD"];
            std::iter::once("HEAD").chain(usual).map(str::to_owned).collect()
        }
    };
    for candidate in candidates {
        if !candidate.starts_with("refs/") && candidate != "HEAD" {
            continue;
        }
        let Ok(Some(mut found)) = repository.try_find_reference(candidate.as_str()) else { continue };
        let Ok(id) = found.peel_to_id() else { continue };
        if let Ok(commit) = repository.find_commit(id.detach()) {
            return Ok(commit.id);
        }
    }
    Err(unknown())
}

/// The commit to read: `tip`, or a first-parent ancestor of it that is old enough.
pub(super) fn choose_commit(repository: &Repository, tip: ObjectId, at: &At, place: &str) -> Result<Commit, SourceError> {
    let broken = |message: String| SourceError::Repository { place: place.to_owned(), message };
    let read = |id: ObjectId| -> Result<(i64, Option<ObjectId>), SourceError> {
        let commit = repository.find_commit(id).map_err(|error| broken(error.to_string()))?;
        let time = commit.time().map_err(|error| broken(error.to_string()))?.seconds;
        Ok((time, commit.parent_ids().next().map(|parent| parent.detach())))
    };
    let (id, time) = match at {
        At::Tip => (tip, read(tip)?.0),
        At::Commit(hex) => {
            let id = ObjectId::from_hex(hex.as_bytes()).map_err(|error| broken(error.to_string()))?;
            (id, read(id)?.0)
        }
        At::DaysBefore(days) => {
            let (mut id, (mut time, mut parent)) = (tip, read(tip)?);
            let wanted = time - i64::from(*days) * 86_400;
            while time > wanted {
                let too_young = || SourceError::NoStateThatOld { place: place.to_owned(), days: *days };
                id = parent.ok_or_else(too_young)?;
                // The parents of a shallow clone's last commits are not there.
                (time, parent) = read(id).map_err(|_| too_young())?;
            }
            (id, time)
        }
    };
    Ok(Commit { id: id.to_string(), time })
}

/// Lists the files of `commit` below `prefix`.
pub(super) fn list_tree(opened: &Opened, commit: &Commit, place: &str, limits: &Limits) -> Result<Files, SourceError> {
    let broken = |message: String| SourceError::Repository { place: place.to_owned(), message };
    let repository = opened.repository.to_thread_local();
    let id = ObjectId::from_hex(commit.id.as_bytes()).map_err(|error| broken(error.to_string()))?;
    let found = repository.find_commit(id).map_err(|error| broken(error.to_string()))?;
    let mut tree = found.tree_id().map_err(|error| broken(error.to_string()))?.detach();
    for part in opened.prefix.split('/').filter(|part| !part.is_empty()) {
        let folder = repository.find_tree(tree).map_err(|error| broken(error.to_string()))?;
        let inside = folder.iter().filter_map(Result::ok).find(|entry| entry.filename() == part && entry.mode().is_tree());
        tree = inside.map(|entry| entry.object_id()).ok_or_else(|| SourceError::Missing(PathBuf::from(place)))?;
    }
    let mut listing =
        Listing { repository: &repository, limits, place, entries: Vec::new(), links: Vec::new(), diagnostics: Vec::new() };
    listing.enter(tree, &mut BString::default(), 0)?;
    let Listing { mut entries, links, mut diagnostics, .. } = listing;
    entries.sort_by(|left, right| left.path.cmp(&right.path));
    let mut files = Files { place: Place::Git(Box::new(opened.repository.clone())), entries, diagnostics: Vec::new() };
    let mut linked = Vec::new();
    for (path, id) in links {
        match follow_link(&repository, &files, &path, id) {
            Ok(Some(bytes)) => linked.push(Entry { path, bytes }),
            Ok(None) => {}
            Err(diagnostic) => diagnostics.push((path, diagnostic)),
        }
    }
    files.entries.append(&mut linked);
    files.entries.sort_by(|left, right| left.path.cmp(&right.path));
    files.diagnostics = diagnostics;
    Ok(files)
}

/// The size of a blob in bytes.
pub(super) fn blob_size(repository: &Repository, id: ObjectId) -> Result<u64, String> {
    repository.find_header(id).map(|header| header.size()).map_err(|error| error.to_string())
}

/// The bytes of a blob.
pub(super) fn read_blob(repository: &Repository, id: ObjectId) -> Result<Vec<u8>, String> {
    let object = repository.find_object(id).map_err(|error| error.to_string())?;
    if object.kind != gix::objs::Kind::Blob {
        return Err(format!("{id} is a {}, not a file", object.kind));
    }
    Ok(object.detach().data)
}

/// The address of the remote that the repository was cloned from.
pub(super) fn remote_address(repository: &Repository) -> Option<String> {
    let remote = repository.find_default_remote(gix::remote::Direction::Fetch)?.ok()?;
    remote.url(gix::remote::Direction::Fetch).map(|url| url.to_bstring().to_string())
}

/// Whether `path` is a git directory itself: `HEAD`, `objects` and `refs` (or packed ones) stand in it.
fn is_git_directory(path: &Path) -> bool {
    path.join("HEAD").is_file()
        && path.join("objects").is_dir()
        && (path.join("refs").is_dir() || path.join("packed-refs").is_file())
}

fn open_at(path: &Path, prefix: String, work_tree: bool) -> Result<Opened, SourceError> {
    let repository = ThreadSafeRepository::open_opts(path, open_options())
        .map_err(|error| SourceError::Repository { place: path.display().to_string(), message: error.to_string() })?;
    Ok(Opened { repository, prefix, work_tree })
}

struct Listing<'a> {
    repository: &'a Repository,
    limits: &'a Limits,
    place: &'a str,
    entries: Vec<Entry>,
    links: Vec<(String, ObjectId)>,
    diagnostics: Vec<(String, Diagnostic)>,
}

impl Listing<'_> {
    fn enter(&mut self, tree: ObjectId, path: &mut BString, depth: usize) -> Result<(), SourceError> {
        let found = match self.repository.find_tree(tree) {
            Ok(_) if depth > MAX_TREE_DEPTH => return self.note(path, "folders are nested too deeply"),
            Ok(found) => found,
            Err(error) if depth == 0 => {
                return Err(SourceError::Repository { place: self.place.to_owned(), message: error.to_string() });
            }
            Err(error) => return self.note(path, &format!("the folder could not be read: {error}")),
        };
        for entry in found.iter() {
            let Ok(entry) = entry else {
                self.note(path, "the folder's object is broken")?;
                break;
            };
            let len = path.len();
            if len > 0 {
                path.push(b'/');
            }
            path.extend_from_slice(entry.filename());
            let text = || path.to_str_lossy().into_owned();
            match entry.mode().kind() {
                EntryKind::Tree => self.enter(entry.object_id(), path, depth + 1)?,
                EntryKind::Blob | EntryKind::BlobExecutable => {
                    self.entries.push(Entry { path: text(), bytes: Bytes::Blob(entry.object_id()) });
                }
                EntryKind::Link => self.links.push((text(), entry.object_id())),
                // Submodules are repositories of their own.
                EntryKind::Commit => {}
            }
            path.truncate(len);
            check_count(self.entries.len(), self.place, self.limits)?;
        }
        Ok(())
    }

    fn note(&mut self, path: &BString, why: &str) -> Result<(), SourceError> {
        self.diagnostics.push((path.to_str_lossy().into_owned(), Diagnostic::new(&UNREADABLE_FILE, why, Span::default())));
        Ok(())
    }
}

/// The blob that a link leads to, if that is a file of the same tree.
fn follow_link(repository: &Repository, files: &Files, path: &str, id: ObjectId) -> Result<Option<Bytes>, Diagnostic> {
    let leaves =
        || Diagnostic::new(&SYMLINK_LEAVES_TREE, "the link leads out of the source and was not followed", Span::default());
    let unreadable = |why: String| Diagnostic::new(&UNREADABLE_FILE, why, Span::default());
    if blob_size(repository, id).map_err(unreadable)? > 4_096 {
        return Err(unreadable("the link's target is too long".to_owned()));
    }
    let target = read_blob(repository, id).map_err(unreadable)?;
    let target = target.to_str_lossy();
    if target.starts_with('/') {
        return Err(leaves());
    }
    let mut parts: Vec<&str> = path.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop().ok_or_else(leaves)?),
            name => parts.push(name),
        }
    }
    Ok(files.find(&parts.join("/")).map(|entry| entry.bytes.clone()))
}
