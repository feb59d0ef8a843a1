//! Composes SQL from pieces of a file, remembering the line of the file that every line comes from.
//!
//! In: words and pieces of a file with their lines. Out: the text and [`Composed::lines`]. Never
//! looks inside the SQL.

use super::yaml::Node;
use crate::model::Composed;

/// A SQL text on its way.
#[derive(Clone, Debug, Default)]
pub(super) struct Composer {
    text: String,
    lines: Vec<u32>,
    /// Where the line that is being written comes from, and whether that is a piece of the file.
    current: Option<(u32, bool)>,
}

impl Composer {
    /// Adds words that do not stand in the file, because of what stands in its 1-based `line`.
    pub(super) fn put(&mut self, words: &str, line: u32) -> &mut Self {
        self.add(words, |_| line, false);
        self
    }

    /// Adds a piece of the file that starts in `line`; where the piece goes over several lines, each
    /// is the next line of the file.
    pub(super) fn copy(&mut self, piece: &str, line: u32) -> &mut Self {
        self.add(piece, |at| line + at, true);
        self
    }

    /// Adds the text of a scalar of the file without the blanks around it. Where the file holds the
    /// text line by line every line is its own, else all of them are that of the scalar.
    pub(super) fn copy_scalar(&mut self, node: &Node) -> &mut Self {
        self.copy_as(node, node.text().unwrap_or_default())
    }

    /// Adds what was made of the text of a scalar, line for line.
    pub(super) fn copy_as(&mut self, node: &Node, text: &str) -> &mut Self {
        let skipped = text[..text.len() - text.trim_start().len()].matches('\n').count() as u32;
        match node.text_line() == node.line {
            true => self.put(text.trim(), node.line),
            false => self.copy(text.trim(), node.text_line() + skipped),
        }
    }

    /// Whether nothing was added.
    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// The text, and what is to be said of it.
    pub(super) fn finish(mut self) -> (String, Composed) {
        if let Some((line, _)) = self.current {
            self.lines.push(line);
        }
        (self.text, Composed { lines: self.lines, ..Composed::default() })
    }

    fn add(&mut self, text: &str, line_of: impl Fn(u32) -> u32, is_piece: bool) {
        for (at, part) in (0u32..).zip(text.split_inclusive('\n')) {
            let line = line_of(at);
            // A piece of the file says better than words around it where a line comes from.
            let is_better = self.current.is_none_or(|(_, known)| !known && is_piece && !part.trim().is_empty());
            if is_better {
                self.current = Some((line, is_piece));
            }
            self.text.push_str(part);
            if part.ends_with('\n') {
                self.lines.extend(self.current.take().map(|(line, _)| line));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Composer;

    #[test]
    fn every_line_knows_the_line_of_the_file_that_it_comes_from() {
        let mut composer = Composer::default();
        composer.put("SELECT\n  SUM(", 3).copy("a\n + b", 7).put(") AS total\nFROM ", 3).copy("t", 12);
        let (text, composed) = composer.finish();
        assert_eq!(text, "SELECT\n  SUM(a\n + b) AS total\nFROM t");
        assert_eq!(composed.lines, [3, 7, 8, 12]);
    }
}
