//! Native queries: tags in braces, optional parts in double brackets.

use std::collections::BTreeMap;

use super::Query;
use crate::sources::{compose::Composer, yaml::Node};

/// Snippets that are put into each other at most.
const DEEPEST: u32 = 5;

impl Query<'_> {
    /// The SQL of a native query: a card's own name for `{{#card}}`, the text of a snippet, a condition
    /// for a field filter, a literal for any other tag. Optional parts are kept.
    pub(super) fn compose_native(&mut self, native: &Node) -> Composer {
        // Version 5 holds the text itself, version 4 an object around it.
        let (text, tags) = match native.entry("native").filter(|(_, inner)| inner.text().is_some()) {
            Some((_, text)) => (Some(text), native.get("template-tags")),
            None => (native.get("query"), native.get("template-tags")),
        };
        let mut sql = Composer::default();
        let Some((text, line)) = text.and_then(|node| Some((node.text()?, node.text_line()))) else { return sql };
        let filters: BTreeMap<&str, &Node> = tags.into_iter().flat_map(Node::entries).map(|(_, name, tag)| (name, tag)).collect();
        let resolved = self.resolve(text, &filters, line, 0);
        // A file that holds the text line by line says where each line is; JSON holds it in one line.
        match text.matches('\n').count() > 0 && text_lines_follow(native, line) {
            true => sql.copy(&resolved, line),
            false => sql.put(&resolved, line),
        };
        sql
    }

    fn resolve(&mut self, text: &str, tags: &BTreeMap<&str, &Node>, line: u32, depth: u32) -> String {
        let text = text.replace("[[", "").replace("]]", "");
        let mut out = String::with_capacity(text.len());
        let mut rest = text.as_str();
        while let Some(start) = rest.find("{{") {
            let Some(end) = rest[start..].find("}}").map(|at| at + start) else { break };
            out.push_str(&rest[..start]);
            let tag = rest[start + 2..end].trim();
            out.push_str(&self.resolve_tag(tag, tags, line, depth));
            rest = &rest[end + 2..];
        }
        out.push_str(rest);
        out
    }

    fn resolve_tag(&mut self, tag: &str, tags: &BTreeMap<&str, &Node>, line: u32, depth: u32) -> String {
        if let Some(card) = tag.strip_prefix('#') {
            let number: String = card.chars().take_while(char::is_ascii_digit).collect();
            let stated = tags.get(tag).and_then(|node| node.get("card-id")).and_then(Node::text).map(str::to_owned);
            let id = stated.unwrap_or(if number.is_empty() { card.to_owned() } else { number });
            return self.card(&id, line);
        }
        if let Some(snippet) = tag.strip_prefix("snippet:") {
            let known = self.export.snippets.get(snippet.trim()).cloned();
            return match known {
                Some(text) if depth < DEEPEST => self.resolve(&text.replace('\n', " "), tags, line, depth + 1),
                _ => format!("/* {snippet} */"),
            };
        }
        let node = tags.get(tag);
        let is_filter = node.and_then(|node| node.get("type")).and_then(Node::text) == Some("dimension");
        match node.and_then(|node| node.get("dimension")) {
            Some(dimension) if is_filter => {
                let column = self.column_name(dimension).unwrap_or_else(|| tag.to_owned());
                format!("{column} IS NOT NULL")
            }
            _ => "NULL".to_owned(),
        }
    }
}

/// Whether the lines of the text are lines of the file: in YAML's block scalars.
fn text_lines_follow(native: &Node, line: u32) -> bool {
    native.line != line || native.get("query").or(native.get("native")).is_some_and(|text| text.text_line() != text.line)
}
