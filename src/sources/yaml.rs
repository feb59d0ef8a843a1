//! YAML as a small tree with lines and tags, bounded in values, depth and aliases.

use std::{collections::HashMap, sync::Arc};

use granit_parser::{Event, Parser, ScalarStyle, Tag};

use crate::config::Limits;

/// A value of a YAML file.
#[derive(Debug)]
pub(super) struct Node {
    /// The 1-based line it starts on.
    pub(super) line: u32,
    /// Its own tag (`!include-fields`) without the `!`.
    pub(super) tag: Option<Box<str>>,
    /// What it is.
    pub(super) value: Value,
    /// The 1-based line on which the text of a scalar starts.
    text_line: u32,
    /// How many values it holds, aliases counted as often as they are used.
    weight: u64,
}

/// What a value is.
#[derive(Debug)]
pub(super) enum Value {
    /// A scalar as text; plain ones may mean null, a number or a truth value.
    Scalar {
        /// The text.
        text: Box<str>,
        /// Whether it was written without quotes.
        plain: bool,
    },
    /// A sequence.
    List(Vec<Arc<Node>>),
    /// A mapping, in order.
    Map(Vec<(Arc<Node>, Arc<Node>)>),
}

/// Why a YAML file cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct YamlError {
    /// What is wrong.
    pub(super) message: String,
    /// The 1-based line.
    pub(super) line: u32,
    /// Whether a limit was exceeded, rather than the syntax broken.
    pub(super) limit: bool,
}

/// Nesting that is read; drop and walk recurse as deep.
const MAX_DEPTH: usize = 200;

impl Node {
    /// A scalar in `line`.
    pub(super) fn scalar(line: u32, text: &str, plain: bool) -> Node {
        Node { line, tag: None, value: Value::Scalar { text: text.into(), plain }, text_line: line, weight: 1 }
    }

    /// A sequence that starts in `line`.
    pub(super) fn list(line: u32, items: Vec<Arc<Node>>) -> Node {
        let weight = 1 + items.iter().map(|item| item.weight).sum::<u64>();
        Node { line, tag: None, value: Value::List(items), text_line: line, weight }
    }

    /// A mapping that starts in `line`.
    pub(super) fn map(line: u32, entries: Vec<(Arc<Node>, Arc<Node>)>) -> Node {
        let weight = 1 + entries.iter().map(|(key, value)| key.weight + value.weight).sum::<u64>();
        Node { line, tag: None, value: Value::Map(entries), text_line: line, weight }
    }

    /// The same scalar, its text starting in another line than its quotes.
    pub(super) fn with_text_line(self, text_line: u32) -> Node {
        Node { text_line, ..self }
    }

    /// The 1-based line on which the text of a scalar starts.
    pub(super) fn text_line(&self) -> u32 {
        self.text_line
    }

    /// The value of `key` in a mapping.
    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|(_, value)| value)
    }

    /// The line of `key` in a mapping, and its value.
    pub(super) fn entry(&self, key: &str) -> Option<(u32, &Node)> {
        let Value::Map(entries) = &self.value else { return None };
        let found = entries.iter().find(|(name, _)| matches!(&name.value, Value::Scalar { text, .. } if **text == *key));
        found.map(|(name, value)| (name.line, value.as_ref()))
    }

    /// The value of `key` in a mapping, to be kept.
    pub(super) fn child(&self, key: &str) -> Option<&Arc<Node>> {
        let Value::Map(entries) = &self.value else { return None };
        entries.iter().find(|(name, _)| name.text() == Some(key)).map(|(_, value)| value)
    }

    /// The text under `key` of a mapping, without the blanks around it; `None` where nothing is left.
    pub(super) fn word(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(Node::text).map(str::trim).filter(|text| !text.is_empty())
    }

    /// The text of a scalar that is not null.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, plain } if !(*plain && is_null(text)) => Some(text),
            _ => None,
        }
    }

    /// The truth value of a plain scalar (YAML 1.1's words too, as PyYAML reads them).
    pub(super) fn truth(&self) -> Option<bool> {
        let Value::Scalar { text, plain: true } = &self.value else { return None };
        match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" => Some(true),
            "false" | "no" | "off" => Some(false),
            _ => None,
        }
    }

    /// The items of a sequence; none for anything else.
    pub(super) fn items(&self) -> &[Arc<Node>] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    /// The entries of a mapping with scalar keys: line, key, value.
    pub(super) fn entries(&self) -> impl Iterator<Item = (u32, &str, &Node)> {
        let entries: &[(Arc<Node>, Arc<Node>)] = match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        };
        entries.iter().filter_map(|(key, value)| Some((key.line, key.text()?, value.as_ref())))
    }
}

/// Reads the first document of `text`; `None` where it is empty.
pub(super) fn read_yaml(text: &str, limits: &Limits) -> Result<Option<Arc<Node>>, YamlError> {
    let mut builder = Builder { open: Vec::new(), anchors: HashMap::new(), root: None, values: 0, limits };
    for event in Parser::new_from_str(text) {
        let (event, span) =
            event.map_err(|error| YamlError { message: error.info(), line: to_line(error.marker().line()), limit: false })?;
        if matches!(event, Event::DocumentEnd) {
            break;
        }
        builder.take(event, to_line(span.start.line()))?;
    }
    Ok(builder.root)
}

fn to_line(line: usize) -> u32 {
    u32::try_from(line.max(1)).unwrap_or(u32::MAX)
}

fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

struct Builder<'a> {
    open: Vec<Open>,
    anchors: HashMap<usize, Arc<Node>>,
    root: Option<Arc<Node>>,
    values: u64,
    limits: &'a Limits,
}

/// A collection whose end was not seen yet.
struct Open {
    line: u32,
    anchor: usize,
    tag: Option<Box<str>>,
    weight: u64,
    items: Vec<Arc<Node>>,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    List,
    Map,
}

impl Builder<'_> {
    fn take(&mut self, event: Event<'_>, line: u32) -> Result<(), YamlError> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let value = Value::Scalar { text: text.into(), plain: style == ScalarStyle::Plain };
                // The text of `|` and `>` starts in the next line.
                let text_line = line + u32::from(matches!(style, ScalarStyle::Literal | ScalarStyle::Folded));
                let node = Node { line, tag: own_tag(tag.as_deref()), value, text_line, weight: 1 };
                self.add(Arc::new(node), anchor, line)
            }
            Event::SequenceStart(_, anchor, tag) => self.start(Open::new(line, anchor, own_tag(tag.as_deref()), Kind::List)),
            Event::MappingStart(_, anchor, tag) => self.start(Open::new(line, anchor, own_tag(tag.as_deref()), Kind::Map)),
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(open) = self.open.pop() else { return Ok(()) };
                let anchor = open.anchor;
                self.add(Arc::new(open.finish()), anchor, line)
            }
            Event::Alias(anchor) => match self.anchors.get(&anchor).cloned() {
                Some(node) => self.add(node, 0, line),
                None => {
                    Err(YamlError { message: "an alias to nothing, or inside its own anchor".to_owned(), line, limit: false })
                }
            },
            // Markers of documents, comments, and events that are only sent on demand.
            _ => Ok(()),
        }
    }

    fn start(&mut self, open: Open) -> Result<(), YamlError> {
        if self.open.len() >= MAX_DEPTH.min(self.limits.max_depth as usize) {
            return Err(YamlError { message: "it is nested too deeply".to_owned(), line: open.line, limit: true });
        }
        self.open.push(open);
        Ok(())
    }

    fn add(&mut self, node: Arc<Node>, anchor: usize, line: u32) -> Result<(), YamlError> {
        self.values = self.values.saturating_add(1);
        let weight = self.open.last().map_or(0, |open| open.weight).saturating_add(node.weight);
        if weight.max(self.values) > u64::from(self.limits.max_yaml_values) {
            let message = format!("it holds more than {} values, aliases counted", self.limits.max_yaml_values);
            return Err(YamlError { message, line, limit: true });
        }
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut() {
            Some(open) => {
                open.weight = weight;
                open.items.push(node);
            }
            None if self.root.is_none() => self.root = Some(node),
            None => {}
        }
        Ok(())
    }
}

impl Open {
    fn new(line: u32, anchor: usize, tag: Option<Box<str>>, kind: Kind) -> Open {
        Open { line, anchor, tag, weight: 1, items: Vec::new(), kind }
    }

    fn finish(self) -> Node {
        let value = match self.kind {
            Kind::List => Value::List(self.items),
            Kind::Map => {
                let mut entries = Vec::with_capacity(self.items.len() / 2);
                let mut items = self.items.into_iter();
                while let (Some(key), Some(value)) = (items.next(), items.next()) {
                    entries.push((key, value));
                }
                Value::Map(entries)
            }
        };
        Node { line: self.line, tag: self.tag, value, text_line: self.line, weight: self.weight }
    }
}

fn own_tag(tag: Option<&Tag>) -> Option<Box<str>> {
    tag.filter(|tag| tag.handle() == "!").map(|tag| tag.suffix().into())
}
