//! The files of one state of a source, whether they stand on disk or in git.

use std::{path::PathBuf, sync::Arc};

use gix::ThreadSafeRepository;

use super::{SourceError, folder, git};
use crate::{
    config::Limits,
    model::{Diagnostic, LIMIT_EXCEEDED, NOT_UTF8, Span, UNREADABLE_FILE},
};

/// The files of one state of a source.
pub(super) struct Files {
    /// Where they are read from.
    pub(super) place: Place,
    /// Sorted by path.
    pub(super) entries: Vec<Entry>,
    /// What could not be listed: path and diagnostic.
    pub(super) diagnostics: Vec<(String, Diagnostic)>,
}

/// Where files are read from.
pub(super) enum Place {
    /// A folder on disk.
    Disk(PathBuf),
    /// Objects of a repository.
    Git(Box<ThreadSafeRepository>),
}

/// A file that can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// The path inside the source, `/`-separated.
    pub(super) path: String,
    /// Where its bytes are.
    pub(super) bytes: Bytes,
}

/// Where the bytes of a file are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Bytes {
    /// In this file, which is this long.
    Disk(PathBuf, u64),
    /// In this blob.
    Blob(gix::ObjectId),
    /// Here: an archive held them.
    Packed(Arc<[u8]>),
}

/// A file's text.
pub(super) struct Text {
    /// Valid UTF-8 without a BOM.
    pub(super) text: String,
    /// The git blob id of its bytes.
    pub(super) blob: String,
    /// What was lost in decoding.
    pub(super) diagnostic: Option<Diagnostic>,
}

/// Reads files, one thread at a time.
pub(super) enum Reader {
    /// From disk.
    Disk,
    /// From objects.
    Git(Box<gix::Repository>),
}

impl Place {
    /// A reader for this thread.
    pub(super) fn reader(&self) -> Reader {
        match self {
            Place::Disk(_) => Reader::Disk,
            Place::Git(repository) => Reader::Git(Box::new(repository.to_thread_local())),
        }
    }
}

impl Entry {
    /// The blob id, where it is known without reading.
    pub(super) fn blob(&self) -> Option<String> {
        match &self.bytes {
            Bytes::Disk(..) | Bytes::Packed(_) => None,
            Bytes::Blob(id) => Some(id.to_string()),
        }
    }
}

impl Files {
    /// The entry of `path`.
    pub(super) fn find(&self, path: &str) -> Option<&Entry> {
        let at = self.entries.binary_search_by(|entry| entry.path.as_str().cmp(path)).ok()?;
        self.entries.get(at)
    }
}

impl Reader {
    /// Reads the bytes of a file of at most `most` bytes, or says why not.
    pub(super) fn read_bytes(&self, entry: &Entry, most: u64) -> Result<Vec<u8>, Diagnostic> {
        let limits = Limits { max_file_bytes: most, ..Limits::default() };
        match (self, &entry.bytes) {
            (_, Bytes::Disk(path, len)) => {
                check_size(*len, &limits)?;
                folder::read_bounded(path, most).map_err(|why| unreadable(&why))
            }
            (Reader::Git(repository), Bytes::Blob(id)) => {
                check_size(git::blob_size(repository, *id).map_err(|why| unreadable(&why))?, &limits)?;
                git::read_blob(repository, *id).map_err(|why| unreadable(&why))
            }
            (_, Bytes::Packed(bytes)) => {
                check_size(bytes.len() as u64, &limits)?;
                Ok(bytes.to_vec())
            }
            (Reader::Disk, Bytes::Blob(id)) => Err(unreadable(&format!("{id} is not on disk"))),
        }
    }

    /// Reads the whole file, or says why not.
    pub(super) fn read(&self, entry: &Entry, limits: &Limits) -> Result<Text, Diagnostic> {
        let (bytes, blob) = match (self, &entry.bytes) {
            (_, Bytes::Disk(path, len)) => {
                check_size(*len, limits)?;
                let bytes = folder::read_bounded(path, limits.max_file_bytes).map_err(|why| unreadable(&why))?;
                check_size(bytes.len() as u64, limits)?;
                let id = blob_id(&bytes)?;
                (bytes, id)
            }
            (_, Bytes::Packed(bytes)) => {
                check_size(bytes.len() as u64, limits)?;
                (bytes.to_vec(), blob_id(bytes)?)
            }
            (Reader::Git(repository), Bytes::Blob(id)) => {
                check_size(git::blob_size(repository, *id).map_err(|why| unreadable(&why))?, limits)?;
                (git::read_blob(repository, *id).map_err(|why| unreadable(&why))?, id.to_string())
            }
            (Reader::Disk, Bytes::Blob(id)) => return Err(unreadable(&format!("{id} is not on disk"))),
        };
        Ok(decode(bytes, blob))
    }
}

/// Lists what is at `place`, refusing more files than the limits allow.
pub(super) fn check_count(count: usize, place: &str, limits: &Limits) -> Result<(), SourceError> {
    if count > limits.max_files as usize {
        let message =
            format!("it holds more than {} files; raise max_files under [limits] or narrow `include`", limits.max_files);
        return Err(SourceError::Repository { place: place.to_owned(), message });
    }
    Ok(())
}

/// The id of the blob that would hold these bytes.
fn blob_id(bytes: &[u8]) -> Result<String, Diagnostic> {
    let id = gix::objs::compute_hash(gix::hash::Kind::Sha1, gix::objs::Kind::Blob, bytes);
    id.map(|id| id.to_string()).map_err(|why| unreadable(&why.to_string()))
}

fn check_size(len: u64, limits: &Limits) -> Result<(), Diagnostic> {
    if len <= limits.max_file_bytes {
        return Ok(());
    }
    let message = format!("the file has {len} bytes, more than the {} allowed; it was not read", limits.max_file_bytes);
    Err(Diagnostic::new(&LIMIT_EXCEEDED, message, Span::default()))
}

fn unreadable(why: &str) -> Diagnostic {
    Diagnostic::new(&UNREADABLE_FILE, format!("the file could not be read: {why}"), Span::default())
}

/// Removes a BOM, follows UTF-16 where one says so, and replaces what is not UTF-8.
fn decode(mut bytes: Vec<u8>, blob: String) -> Text {
    let replaced = |text: String, at: usize| {
        let diagnostic = Diagnostic::new(&NOT_UTF8, "bytes that are not UTF-8 were replaced by U+FFFD", Span::new(at, at + 1));
        (text, Some(diagnostic))
    };
    let (text, diagnostic) = match bytes.as_slice() {
        [0xFF, 0xFE, rest @ ..] => replaced(decode_utf16(rest, u16::from_le_bytes), 0),
        [0xFE, 0xFF, rest @ ..] => replaced(decode_utf16(rest, u16::from_be_bytes), 0),
        _ => {
            if bytes.starts_with(b"\xEF\xBB\xBF") {
                bytes.drain(..3);
            }
            match String::from_utf8(bytes) {
                Ok(text) => (text, None),
                Err(error) => {
                    let at = error.utf8_error().valid_up_to();
                    replaced(String::from_utf8_lossy(error.as_bytes()).into_owned(), at)
                }
            }
        }
    };
    Text { text, blob, diagnostic }
}

fn decode_utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
    char::decode_utf16(units).map(|letter| letter.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}
