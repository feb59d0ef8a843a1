//! XML as a small tree with lines, bounded in elements and depth. Nothing but the predefined entities is
//! known, and nothing is ever fetched.

use quick_xml::{
    Reader, XmlVersion,
    events::{BytesStart, Event},
};

use crate::config::Limits;

/// Nesting that is read; drop and walk recurse as deep.
const MAX_DEPTH: usize = 200;

/// An element.
#[derive(Debug, Default)]
pub(super) struct Element {
    /// Its name; where Tableau puts a feature's switch before it, what stands behind that.
    pub(super) name: String,
    /// The 1-based line that it starts in.
    pub(super) line: u32,
    pub(super) attributes: Vec<(String, String)>,
    pub(super) children: Vec<Element>,
    /// Its text, that of its children left out.
    pub(super) text: String,
}

impl Element {
    /// The value of an attribute, where it has one that is not empty.
    pub(super) fn attribute(&self, key: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// The first child of that name.
    pub(super) fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The children of that name.
    pub(super) fn children<'e>(&'e self, name: &'e str) -> impl Iterator<Item = &'e Element> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// Every element of that name inside of it, however deep.
    pub(super) fn inside<'e>(&'e self, name: &str) -> Vec<&'e Element> {
        let (mut found, mut waiting) = (Vec::new(), vec![self]);
        while let Some(next) = waiting.pop() {
            found.extend(next.children.iter().filter(|child| child.name == name));
            waiting.extend(next.children.iter().rev());
        }
        found
    }
}

/// Reads a text; where that fails, the 1-based line and what is wrong there.
pub(super) fn read_xml(text: &str, limits: &Limits) -> Result<Element, (u32, String)> {
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Element> = vec![Element::default()];
    let (mut line, mut seen, mut elements) = (1_u32, 0_usize, 0_u32);
    loop {
        let event = reader.read_event().map_err(|error| (line, error.to_string()))?;
        match event {
            Event::Start(start) => {
                if open.len() > MAX_DEPTH {
                    return Err((line, "it is nested too deeply".to_owned()));
                }
                open.push(element(&start, line)?);
            }
            Event::Empty(start) => {
                let empty = element(&start, line)?;
                if let Some(parent) = open.last_mut() {
                    parent.children.push(empty);
                }
            }
            Event::End(_) => {
                if let (Some(closed), Some(parent)) = (open.pop(), open.last_mut()) {
                    parent.children.push(closed);
                }
            }
            Event::Text(words) => add_text(&mut open, &words),
            Event::CData(words) => add_text(&mut open, &words),
            Event::GeneralRef(reference) => {
                let named = quick_xml::escape::resolve_predefined_entity(&reference).map(str::to_owned);
                let letter = reference.resolve_char_ref().ok().flatten().map(String::from);
                add_text(&mut open, &named.or(letter).unwrap_or_default());
            }
            Event::Eof => break,
            _ => {}
        }
        elements = elements.saturating_add(1);
        if elements > limits.max_yaml_values {
            return Err((line, format!("it holds more than {} values", limits.max_yaml_values)));
        }
        let now = usize::try_from(reader.buffer_position()).unwrap_or(text.len()).min(text.len());
        let passed = text.as_bytes().get(seen..now).unwrap_or_default();
        line = line.saturating_add(u32::try_from(passed.iter().filter(|byte| **byte == b'\n').count()).unwrap_or(u32::MAX));
        seen = now;
    }
    let root = open.into_iter().next().and_then(|document| document.children.into_iter().next());
    root.ok_or_else(|| (line, "it holds no element, or one that is not closed".to_owned()))
}

fn add_text(open: &mut [Element], words: &str) {
    if let Some(last) = open.last_mut() {
        last.text.push_str(words);
    }
}

fn element(start: &BytesStart<'_>, line: u32) -> Result<Element, (u32, String)> {
    let name = start.name().0.rsplit("...").next().unwrap_or_default().to_owned();
    let mut attributes = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| (line, error.to_string()))?;
        let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|error| (line, error.to_string()))?;
        attributes.push((attribute.key.0.to_owned(), value.into_owned()));
    }
    Ok(Element { name, line, attributes, ..Element::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_know_their_lines_and_texts() {
        let root = read_xml(
            "<?xml version='1.0'?>\n<a x='1 &lt; 2'>\n  <b/>\n  <_.fcp.Switch.true...b y=\"2\">s &amp;\n<![CDATA[<t>]]></_.fcp.Switch.true...b>\n</a>",
            &Limits::default(),
        )
        .unwrap();
        assert_eq!((root.name.as_str(), root.line, root.attribute("x")), ("a", 2, Some("1 < 2")));
        let inner: Vec<_> = root.children("b").map(|child| (child.line, child.text.as_str())).collect();
        assert_eq!(inner, [(3, ""), (4, "s &\n<t>")]);
    }

    #[test]
    fn what_is_broken_is_said() {
        for text in ["", "<a>", "<a></b>", "<a x=1/>", "words"] {
            assert!(read_xml(text, &Limits::default()).is_err(), "{text}");
        }
        assert!(read_xml(&"<a>".repeat(100_000), &Limits::default()).is_err());
    }
}
