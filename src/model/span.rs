//! Places in a text.

use serde::{Deserialize, Serialize};

/// A half-open range of bytes in one text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// A span of `start..end`, in bytes.
    pub fn new(start: usize, end: usize) -> Self {
        let clamp = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
        Span { start: clamp(start), end: clamp(end.max(start)) }
    }

    /// Nothing is known of the place.
    pub fn is_empty(self) -> bool {
        self.start >= self.end
    }

    /// The smallest span that covers both; an empty span covers nothing.
    pub fn cover(self, other: Span) -> Span {
        match (self.is_empty(), other.is_empty()) {
            (true, _) => other,
            (_, true) => self,
            _ => Span { start: self.start.min(other.start), end: self.end.max(other.end) },
        }
    }

    /// The text of this span, or "" where it does not fit `text`.
    pub fn of(self, text: &str) -> &str {
        text.get(self.start as usize..self.end as usize).unwrap_or("")
    }
}

/// Finds 1-based lines and columns of byte offsets in one text.
#[derive(Clone, Debug)]
pub struct LineIndex {
    starts: Vec<u32>,
    /// For every line, the line that it comes from; empty where it is that line itself.
    origins: Vec<u32>,
}

impl LineIndex {
    /// Scans `text` once for line ends.
    pub fn new(text: &str) -> Self {
        let mut starts = vec![0];
        starts.extend(text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at as u32 + 1));
        LineIndex { starts, origins: Vec::new() }
    }

    /// The same, for a text whose every line comes from a line of another text.
    pub fn with_origins(mut self, origins: &[u32]) -> Self {
        self.origins = origins.to_vec();
        self
    }

    /// The 1-based line that holds byte `offset`, or the one that it comes from.
    pub fn line(&self, offset: u32) -> u32 {
        let line = self.starts.partition_point(|start| *start <= offset).max(1) as u32;
        self.origins.get(line as usize - 1).or(self.origins.last()).copied().unwrap_or(line)
    }

    /// The byte at which the 1-based `line` starts; past the last line, the start of the last.
    pub fn start(&self, line: u32) -> u32 {
        let at = (line.max(1) as usize - 1).min(self.starts.len() - 1);
        self.starts.get(at).copied().unwrap_or(0)
    }
}
