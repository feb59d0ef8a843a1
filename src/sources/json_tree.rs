//! JSON as the same small tree that YAML becomes: values with lines, bounded in depth and number.

use std::sync::Arc;

use super::yaml::Node;
use crate::config::Limits;

/// Nesting that is read; drop and walk recurse as deep.
const MAX_DEPTH: usize = 200;

/// Why a JSON text cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct JsonError {
    /// What is wrong.
    pub(super) message: &'static str,
    /// The 1-based line.
    pub(super) line: u32,
}

/// Reads `text` (RFC 8259).
pub(super) fn read_json(text: &str, limits: &Limits) -> Result<Arc<Node>, JsonError> {
    let mut reader = Reader { rest: text.trim_start_matches('\u{feff}'), line: 1, left: u64::from(limits.max_yaml_values) };
    let root = reader.value(0)?;
    reader.skip_blank();
    if !reader.rest.is_empty() {
        return reader.fail("something stands behind the value");
    }
    Ok(Arc::new(root))
}

struct Reader<'t> {
    rest: &'t str,
    line: u32,
    left: u64,
}

impl Reader<'_> {
    fn fail<T>(&self, message: &'static str) -> Result<T, JsonError> {
        Err(JsonError { message, line: self.line })
    }

    fn skip_blank(&mut self) {
        let blank = self.rest.len() - self.rest.trim_start_matches([' ', '\t', '\r', '\n']).len();
        self.advance(blank);
    }

    fn advance(&mut self, bytes: usize) {
        let (passed, rest) = self.rest.split_at(bytes.min(self.rest.len()));
        self.line += passed.bytes().filter(|byte| *byte == b'\n').count() as u32;
        self.rest = rest;
    }

    /// Whether the next letter is `letter`, which is passed then.
    fn take(&mut self, letter: char) -> bool {
        self.skip_blank();
        let is_next = self.rest.starts_with(letter);
        if is_next {
            self.advance(letter.len_utf8());
        }
        is_next
    }

    fn value(&mut self, depth: usize) -> Result<Node, JsonError> {
        self.skip_blank();
        if depth > MAX_DEPTH {
            return self.fail("it is nested too deeply");
        }
        self.left = match self.left.checked_sub(1) {
            Some(left) => left,
            None => return self.fail("it holds too many values"),
        };
        let line = self.line;
        match self.rest.bytes().next() {
            Some(b'{') => self.object(line, depth),
            Some(b'[') => self.array(line, depth),
            Some(b'"') => Ok(Node::scalar(line, &self.string()?, false)),
            Some(_) => {
                let end = self.rest.find([',', ']', '}', ' ', '\t', '\r', '\n']).unwrap_or(self.rest.len());
                let word = &self.rest[..end];
                let is_word = matches!(word, "true" | "false" | "null") || word.parse::<f64>().is_ok();
                if !is_word {
                    return self.fail("a value was expected");
                }
                let node = Node::scalar(line, word, true);
                self.advance(end);
                Ok(node)
            }
            None => self.fail("it ends too early"),
        }
    }

    fn object(&mut self, line: u32, depth: usize) -> Result<Node, JsonError> {
        self.advance(1);
        let mut entries = Vec::new();
        if self.take('}') {
            return Ok(Node::map(line, entries));
        }
        loop {
            self.skip_blank();
            if !self.rest.starts_with('"') {
                return self.fail("a key was expected");
            }
            let key = Node::scalar(self.line, &self.string()?, false);
            if !self.take(':') {
                return self.fail("a `:` was expected");
            }
            entries.push((Arc::new(key), Arc::new(self.value(depth + 1)?)));
            if !self.take(',') {
                break;
            }
        }
        if self.take('}') { Ok(Node::map(line, entries)) } else { self.fail("a `}` was expected") }
    }

    fn array(&mut self, line: u32, depth: usize) -> Result<Node, JsonError> {
        self.advance(1);
        let mut items = Vec::new();
        if self.take(']') {
            return Ok(Node::list(line, items));
        }
        loop {
            items.push(Arc::new(self.value(depth + 1)?));
            if !self.take(',') {
                break;
            }
        }
        if self.take(']') { Ok(Node::list(line, items)) } else { self.fail("a `]` was expected") }
    }

    fn string(&mut self) -> Result<String, JsonError> {
        let mut is_escaped = false;
        for (at, byte) in self.rest.bytes().enumerate().skip(1) {
            match byte {
                _ if is_escaped => is_escaped = false,
                b'\\' => is_escaped = true,
                b'"' => {
                    let quoted = &self.rest[..=at];
                    let text = match quoted.contains('\\') {
                        true => serde_json::from_str(quoted).or_else(|_| self.fail("a string is broken"))?,
                        false => quoted[1..at].to_owned(),
                    };
                    self.advance(at + 1);
                    return Ok(text);
                }
                _ => {}
            }
        }
        self.fail("a string is not closed")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn values_know_their_lines() {
        let root = read_json("{\n \"a\": [1, true, null,\n \"x\\ny\\ud83d\\ude00\"]}", &Limits::default()).unwrap();
        let items = root.get("a").unwrap().items();
        assert_eq!(items.iter().map(|item| item.line).collect::<Vec<_>>(), [2, 2, 2, 3]);
        assert_eq!((items[0].text(), items[2].text(), items[3].text()), (Some("1"), None, Some("x\ny😀")));
    }

    #[test]
    fn what_is_broken_is_said_with_its_line() {
        for (text, line) in [("{\n\"a\" 1}", 2), ("[1,\n\n2", 3), ("{\"a\": \"b}", 1), ("[1] 2", 1), ("", 1), ("[nope]", 1)] {
            assert_eq!(read_json(text, &Limits::default()).map(|_| ()).unwrap_err().line, line, "{text}");
        }
        assert!(read_json(&"[".repeat(100_000), &Limits::default()).is_err());
    }

    proptest! {
        #[test]
        fn it_reads_what_another_reader_reads(text in "[\\[\\]{}:,\"a1 .\\\\-]{0,40}") {
            let other = serde_json::from_str::<serde_json::Value>(&text).is_ok();
            let own = read_json(&text, &Limits::default()).is_ok();
            prop_assert!(own || !other);
        }
    }
}
