//! A log cut into blocks of whole records, so that several threads can read it and memory stays flat.

use std::{io, ops::Range, sync::Arc};

use memchr::{memchr, memchr2, memrchr};

use super::{
    json,
    stream::{LogPlace, Progress, Stream},
};
use crate::model::LogSkip;

/// Bytes of a block.
const BLOCK: usize = 2 << 20;
/// Longest record that is read, in bytes.
pub(super) const MAX_RECORD: usize = 16 << 20;

/// How records stand in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// One JSON object a line.
    Lines,
    /// JSON objects over several lines, alone or in a list.
    Objects,
    /// CSV rows, perhaps over several lines; the names of their cells.
    Rows(Arc<Vec<String>>),
}

/// Some whole records.
pub(super) struct Block {
    pub(super) bytes: Vec<u8>,
    /// The objects in it, where lines do not part them.
    pub(super) objects: Option<Vec<Range<usize>>>,
    /// The 1-based line that it starts with, counted from where reading began.
    pub(super) first_line: u64,
    /// Where reading stands once it is read.
    pub(super) place: LogPlace,
    /// Records that were left out before it: (line, why).
    pub(super) skipped: Vec<(u64, LogSkip)>,
}

/// Cuts a stream into blocks.
pub(super) struct Blocks {
    stream: Stream,
    framing: Framing,
    progress: Progress,
    /// Read and not handed out.
    held: Vec<u8>,
    line: u64,
    ended: bool,
    /// Within a line that is left out.
    skipping: bool,
    skipped: Vec<(u64, LogSkip)>,
}

impl Blocks {
    pub(super) fn new(stream: Stream, framing: Framing, progress: Progress) -> Blocks {
        Blocks { stream, framing, progress, held: Vec::new(), line: 1, ended: false, skipping: false, skipped: Vec::new() }
    }

    /// Leaves out the first line: a header.
    pub(super) fn skip_header(&mut self) -> io::Result<()> {
        while memchr(b'\n', &self.held).is_none() && !self.ended && self.held.len() < MAX_RECORD {
            self.fill()?;
        }
        let end = rows_end(&self.held, true).unwrap_or(self.held.len());
        self.use_up(end);
        Ok(())
    }

    /// The next block; `None` at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<Block>> {
        loop {
            while self.held.len() < BLOCK && !self.ended {
                self.fill()?;
            }
            if self.held.is_empty() {
                return Ok(None);
            }
            let found = match &self.framing {
                Framing::Lines => memrchr(b'\n', &self.held).map(|at| (at + 1, None)),
                Framing::Rows(_) => rows_end(&self.held, false).map(|end| (end, None)),
                Framing::Objects => objects_in(&self.held).map(|(end, objects)| (end, Some(objects))),
            };
            let (end, objects) = match found {
                Some((end, objects)) => (end, objects),
                None if self.ended && self.is_whole_rest() => (self.held.len(), None),
                None if self.ended && self.drop_broken_row() => continue,
                None if self.ended => {
                    // Kept for when the file has grown; a reader that never sees more says so.
                    if !self.held.iter().all(u8::is_ascii_whitespace) && !self.skipping {
                        self.skipped.push((self.line, LogSkip::Truncated));
                    }
                    self.held.clear();
                    return Ok(self.rest());
                }
                None if self.held.len() >= MAX_RECORD => {
                    if !self.drop_broken_row() {
                        self.drop_overlong();
                    }
                    continue;
                }
                None => {
                    self.fill()?;
                    continue;
                }
            };
            if std::mem::take(&mut self.skipping) && self.framing != Framing::Objects {
                let end = memchr(b'\n', &self.held).map_or(end, |at| at + 1);
                self.use_up(end);
                continue;
            }
            let first_line = self.line;
            let bytes = self.use_up(end);
            return Ok(Some(Block {
                bytes,
                objects,
                first_line,
                place: self.progress.place(),
                skipped: std::mem::take(&mut self.skipped),
            }));
        }
    }

    /// A last block that only says what was left out.
    fn rest(&mut self) -> Option<Block> {
        let skipped = std::mem::take(&mut self.skipped);
        let objects = Some(Vec::new());
        (!skipped.is_empty()).then(|| Block {
            bytes: Vec::new(),
            objects,
            first_line: self.line,
            place: self.progress.place(),
            skipped,
        })
    }

    /// Whether what is left without an end of line is a whole record.
    fn is_whole_rest(&self) -> bool {
        match self.framing {
            Framing::Lines => std::str::from_utf8(&self.held).is_ok_and(json::is_whole),
            // A row may go on: without an end of line it is never sure that it is whole, but for a file
            // whose last byte closes a quote or that simply ends there, what stands is what was written.
            Framing::Rows(_) => rows_are_balanced(&self.held),
            Framing::Objects => false,
        }
    }

    /// Leaves out a first line whose quote is never closed, where whole rows follow it.
    fn drop_broken_row(&mut self) -> bool {
        let Some(end) = memchr(b'\n', &self.held).map(|at| at + 1) else { return false };
        let follows = matches!(self.framing, Framing::Rows(_)) && rows_end(&self.held[end..], true).is_some();
        if follows {
            self.skipped.push((self.line, LogSkip::Broken));
            self.use_up(end);
        }
        follows
    }

    fn drop_overlong(&mut self) {
        if !self.skipping {
            self.skipped.push((self.line, LogSkip::TooLong));
        }
        self.skipping = true;
        let end = memrchr(b'\n', &self.held).map_or(self.held.len(), |at| at + 1);
        self.use_up(end);
    }

    fn use_up(&mut self, end: usize) -> Vec<u8> {
        let rest = self.held.split_off(end);
        let bytes = std::mem::replace(&mut self.held, rest);
        self.progress.take(&bytes);
        self.line += memchr::memchr_iter(b'\n', &bytes).count() as u64;
        bytes
    }

    fn fill(&mut self) -> io::Result<()> {
        let before = self.held.len();
        self.held.resize(before + BLOCK, 0);
        let filled = self.stream.fill(&mut self.held[before..]);
        self.held.truncate(before + filled.as_ref().copied().unwrap_or(0));
        self.ended = filled? == 0;
        Ok(())
    }
}

/// One past the last row (or the first) that ends outside of quotes.
fn rows_end(bytes: &[u8], first: bool) -> Option<usize> {
    let (mut quoted, mut end, mut at) = (false, None, 0);
    while let Some(found) = memchr2(b'"', b'\n', &bytes[at..]) {
        at += found + 1;
        match bytes[at - 1] {
            b'"' => quoted = !quoted,
            _ if quoted => {}
            _ if first => return Some(at),
            _ => end = Some(at),
        }
    }
    end
}

fn rows_are_balanced(bytes: &[u8]) -> bool {
    memchr::memchr_iter(b'"', bytes).count().is_multiple_of(2) && !bytes.is_empty()
}

/// The whole objects in `bytes`, at the top or one level below a list, and one past the last.
fn objects_in(bytes: &[u8]) -> Option<(usize, Vec<Range<usize>>)> {
    let (mut objects, mut depth, mut start, mut at) = (Vec::new(), 0usize, 0usize, 0usize);
    while at < bytes.len() {
        match bytes[at] {
            b'"' if depth > 0 => {
                let mut from = at + 1;
                at = loop {
                    let Some(found) = memchr2(b'"', b'\\', bytes.get(from..).unwrap_or_default()) else { break bytes.len() };
                    match bytes[from + found] {
                        b'"' => break from + found,
                        _ => from += found + 2,
                    }
                };
            }
            b'{' => {
                if depth == 0 {
                    start = at;
                }
                depth += 1;
            }
            b'}' if depth > 0 => {
                depth -= 1;
                if depth == 0 {
                    objects.push(start..at + 1);
                }
            }
            _ => {}
        }
        at += 1;
    }
    let end = objects.last()?.end;
    // A list's end or blanks behind the last object are of no more use.
    let rest = bytes[end..].iter().position(|byte| !matches!(byte, b']' | b',' | b' ' | b'\t' | b'\r' | b'\n'));
    Some((rest.map_or(bytes.len(), |rest| end + rest), objects))
}
