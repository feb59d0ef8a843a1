//! LookML's grammar: blocks, lists, strings and expressions that end in `;;`, with their lines.
//!
//! In: a text. Out: a tree that borrows from it, and what could not be read; never an error. One
//! pass, bounded in depth.

use std::borrow::Cow;

/// Nesting that is read; nothing in Looker nests a quarter as deep.
const MAX_DEPTH: usize = 64;
/// Faults that are reported of one file.
const MOST_FAULTS: usize = 20;

/// `key: value`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry<'t> {
    pub(super) key: &'t str,
    /// The 1-based line of the key.
    pub(super) line: u32,
    pub(super) value: Value<'t>,
}

/// What a key has.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value<'t> {
    /// A word, a string without its quotes, or an expression without its `;;`.
    Text {
        text: Cow<'t, str>,
        /// The 1-based line on which the text starts.
        line: u32,
    },
    /// `[a, b, c: "d"]`.
    List(Vec<Item<'t>>),
    /// `name { … }`; the name is "" where there is none.
    Block { name: &'t str, entries: Vec<Entry<'t>> },
}

/// An item of a list: a word or string, or a pair.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Item<'t> {
    pub(super) text: Cow<'t, str>,
    /// The right side of a pair.
    pub(super) value: Option<Cow<'t, str>>,
    pub(super) line: u32,
}

/// Something that the grammar does not allow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) message: String,
    pub(super) line: u32,
}

impl<'t> Entry<'t> {
    /// The text of a value, without white space around it, and its line.
    pub(super) fn text(&self) -> Option<(&str, u32)> {
        let Value::Text { text, line } = &self.value else { return None };
        let lead = &text[..text.len() - text.trim_start().len()];
        Some((text.trim(), line + lead.matches('\n').count() as u32))
    }

    /// The entries of a block.
    pub(super) fn entries(&self) -> &[Entry<'t>] {
        match &self.value {
            Value::Block { entries, .. } => entries,
            Value::Text { .. } | Value::List(_) => &[],
        }
    }

    /// The name of a block.
    pub(super) fn name(&self) -> &'t str {
        match &self.value {
            Value::Block { name, .. } => name,
            Value::Text { .. } | Value::List(_) => "",
        }
    }

    /// The items of a list; a text is a list of one.
    pub(super) fn items(&self) -> Vec<Item<'_>> {
        match &self.value {
            Value::List(items) => items.clone(),
            Value::Text { .. } => {
                self.text().map(|(text, line)| Item { text: Cow::Borrowed(text), value: None, line }).into_iter().collect()
            }
            Value::Block { .. } => Vec::new(),
        }
    }
}

/// The entries of `text`, and what of it could not be read.
pub(super) fn parse(text: &str) -> (Vec<Entry<'_>>, Vec<Fault>) {
    let mut parser = Parser { text, at: 0, line: 1, faults: Vec::new() };
    let mut entries = Vec::new();
    loop {
        entries.append(&mut parser.entries(0));
        // Only a brace that closes nothing stops early.
        if parser.peek().is_none() {
            break;
        }
        parser.fault("a `}` closes nothing");
        parser.advance(1);
    }
    (entries, parser.faults)
}

/// Whether the value of `key` runs to `;;`.
fn is_expression(key: &str) -> bool {
    key == "sql" || key.starts_with("sql_") || matches!(key, "html" | "expression" | "expression_custom_filter")
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    line: u32,
    faults: Vec<Fault>,
}

impl<'t> Parser<'t> {
    fn fault(&mut self, message: &str) {
        if self.faults.len() < MOST_FAULTS {
            self.faults.push(Fault { message: message.to_owned(), line: self.line });
        }
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn advance(&mut self, bytes: usize) {
        let end = (self.at + bytes).min(self.text.len());
        let passed = self.text.as_bytes().get(self.at..end).unwrap_or_default();
        self.line += passed.iter().filter(|byte| **byte == b'\n').count() as u32;
        self.at = end;
    }

    /// The next byte after white space and comments.
    fn peek(&mut self) -> Option<u8> {
        loop {
            let rest = self.rest();
            let blank = rest.len() - rest.trim_start_matches(['\u{feff}', ' ', '\t', '\n', '\r', '\u{a0}']).len();
            self.advance(blank);
            if !self.rest().starts_with('#') {
                return self.rest().bytes().next();
            }
            let comment = self.rest().find('\n').unwrap_or(self.rest().len());
            self.advance(comment);
        }
    }

    fn entries(&mut self, depth: usize) -> Vec<Entry<'t>> {
        let mut entries = Vec::new();
        while let Some(next) = self.peek() {
            if next == b'}' {
                break;
            }
            let line = self.line;
            let key = self.word();
            if key.is_empty() {
                self.fault("a key was expected");
                self.skip_letter();
                continue;
            }
            if self.peek() != Some(b':') {
                self.fault("a `:` was expected after a key");
                continue;
            }
            self.advance(1);
            let value = self.value(key, depth);
            entries.push(Entry { key, line, value });
        }
        entries
    }

    fn skip_letter(&mut self) {
        let letter = self.rest().chars().next().map_or(1, char::len_utf8);
        self.advance(letter);
    }

    /// A run of letters that ends at white space or punctuation.
    fn word(&mut self) -> &'t str {
        let rest = self.rest();
        let ends = |letter: char| letter.is_whitespace() || matches!(letter, ':' | '{' | '}' | '[' | ']' | ',' | '"' | '#' | ';');
        let end = rest.find(ends).unwrap_or(rest.len());
        self.advance(end);
        &rest[..end]
    }

    fn value(&mut self, key: &str, depth: usize) -> Value<'t> {
        if is_expression(key) {
            return self.expression();
        }
        let next = self.peek();
        let line = self.line;
        match next {
            Some(b'"') => Value::Text { text: self.string(), line },
            Some(b'[') => self.list(),
            Some(b'{') => self.block("", depth),
            _ => {
                let word = self.bare();
                if self.peek() == Some(b'{') {
                    return self.block(word, depth);
                }
                Value::Text { text: Cow::Borrowed(word), line }
            }
        }
    }

    /// A word that is a value: it may hold colons (`model::dashboard`).
    fn bare(&mut self) -> &'t str {
        let rest = self.rest();
        let ends = |letter: char| letter.is_whitespace() || matches!(letter, '{' | '}' | '[' | ']' | ',' | '"' | '#');
        let end = rest.find(ends).unwrap_or(rest.len());
        self.advance(end);
        rest[..end].trim_end_matches(";;")
    }

    fn expression(&mut self) -> Value<'t> {
        let line = self.line;
        let rest = self.rest();
        match rest.find(";;") {
            Some(end) => {
                self.advance(end + 2);
                Value::Text { text: Cow::Borrowed(&rest[..end]), line }
            }
            None => {
                self.fault("an expression does not end in `;;`");
                self.advance(rest.len());
                Value::Text { text: Cow::Borrowed(""), line }
            }
        }
    }

    fn string(&mut self) -> Cow<'t, str> {
        let rest = self.rest();
        let inner = rest.get(1..).unwrap_or("");
        let mut escaped = false;
        for (at, byte) in inner.bytes().enumerate() {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => {
                    self.advance(at + 2);
                    let text = &inner[..at];
                    return if text.contains("\\\"") { Cow::Owned(text.replace("\\\"", "\"")) } else { Cow::Borrowed(text) };
                }
                _ => {}
            }
        }
        self.fault("a string is not closed");
        self.advance(rest.len());
        Cow::Borrowed("")
    }

    fn list(&mut self) -> Value<'t> {
        self.advance(1);
        let mut items = Vec::new();
        loop {
            match self.peek() {
                None => {
                    self.fault("a list is not closed");
                    return Value::List(items);
                }
                Some(b']') => {
                    self.advance(1);
                    return Value::List(items);
                }
                Some(b',') => self.advance(1),
                Some(_) => {
                    let line = self.line;
                    let Some(text) = self.scalar() else {
                        self.fault("a list holds something that is no word");
                        self.skip_letter();
                        continue;
                    };
                    let value = if self.peek() == Some(b':') {
                        self.advance(1);
                        self.peek();
                        self.scalar()
                    } else {
                        None
                    };
                    items.push(Item { text, value, line });
                }
            }
        }
    }

    fn scalar(&mut self) -> Option<Cow<'t, str>> {
        if self.rest().starts_with('"') {
            return Some(self.string());
        }
        let word = self.word();
        (!word.is_empty()).then_some(Cow::Borrowed(word))
    }

    fn block(&mut self, name: &'t str, depth: usize) -> Value<'t> {
        self.advance(1);
        if depth >= MAX_DEPTH {
            self.fault("it is nested too deeply");
            self.advance(self.rest().len());
            return Value::Block { name, entries: Vec::new() };
        }
        let entries = self.entries(depth + 1);
        match self.peek() {
            Some(_) => self.advance(1),
            None => self.fault("a block is not closed"),
        }
        Value::Block { name, entries }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry<'e, 't>(of: &'e Entry<'t>, key: &str) -> &'e Entry<'t> {
        of.entries().iter().find(|entry| entry.key == key).unwrap_or_else(|| panic!("{key}"))
    }

    #[test]
    fn every_kind_of_value_is_read_with_its_line() {
        let text = "# first\nview: orders { # and more\n  label: \"A \\\"B\\\" #1\"\n  extends: [base, other]\n  measure: paid {\n    type: sum\n    sql:\n      ${TABLE}.amount ;;\n    filters: [status: \"paid, {x}\", is_new: \"yes\"]\n    link: { url: \"https://example.com\" }\n  }\n}\n";
        let (entries, faults) = parse(text);
        assert_eq!(faults, []);
        let view = &entries[0];
        assert_eq!((view.key, view.name(), view.line), ("view", "orders", 2));
        assert_eq!(entry(view, "label").text(), Some(("A \"B\" #1", 3)));
        assert_eq!(entry(view, "extends").items().len(), 2);
        let paid = entry(view, "measure");
        assert_eq!(entry(paid, "sql").text(), Some(("${TABLE}.amount", 8)));
        let filters = entry(paid, "filters");
        let filters = filters.items();
        assert_eq!((filters[0].text.as_ref(), filters[0].value.as_deref()), ("status", Some("paid, {x}")));
    }

    #[test]
    fn what_is_broken_is_said_with_its_line_and_takes_nothing_before_it_along() {
        let (entries, faults) = parse("view: a { dimension: x { sql: y ;; } }\n}\nview: b {\n  measure: m { sql: never ended\n");
        assert_eq!(entries.len(), 2);
        assert_eq!(faults.iter().map(|fault| fault.line).collect::<Vec<_>>(), [2, 4, 5, 5]);
        let deep = "a: {".repeat(100_000);
        assert!(!parse(&deep).1.is_empty());
    }

    proptest! {
        #[test]
        fn no_text_stops_it(text in "[ a-z:{}\\[\\];,\"#\\\\\n$.-]{0,200}") {
            parse(&text);
        }
    }
}
