//! TOML as the same small tree that YAML becomes: values with lines, bounded in depth by the parser.

use std::sync::Arc;

use toml::{Spanned, de::DeTable, de::DeValue};

use super::yaml::Node;
use crate::model::{Diagnostic, INVALID_DEFINITION, LineIndex, Span};

/// Reads what can be read of `text`: what is wrong is left out and said, with the line.
pub(super) fn read_toml(text: &str) -> (Arc<Node>, Vec<(u32, Diagnostic)>) {
    let lines = LineIndex::new(text);
    let (root, errors) = DeTable::parse_recoverable(text);
    let tree = Tree { text, lines: &lines };
    let node = tree.table(root.get_ref(), 1);
    let explain = |error: toml::de::Error| {
        let span = error.span().map_or(Span::default(), |span| Span::new(span.start, span.end));
        let message = format!("the TOML is broken here: {}", error.message());
        (lines.line(span.start), Diagnostic::new(&INVALID_DEFINITION, message, span))
    };
    (Arc::new(node), errors.into_iter().map(explain).collect())
}

struct Tree<'t> {
    text: &'t str,
    lines: &'t LineIndex,
}

impl Tree<'_> {
    fn table(&self, table: &DeTable<'_>, line: u32) -> Node {
        let mut entries: Vec<_> = table.iter().collect();
        // In the order of the file: sub-tables come wherever they stand.
        entries.sort_by_key(|(key, _)| key.span().start);
        let entries = entries.into_iter().map(|(key, value)| {
            let key_line = self.line(key);
            (Arc::new(Node::scalar(key_line, key.get_ref().as_ref(), false)), Arc::new(self.value(value, key_line)))
        });
        Node::map(line, entries.collect())
    }

    fn value(&self, value: &Spanned<DeValue<'_>>, key_line: u32) -> Node {
        let line = self.line(value);
        match value.get_ref() {
            DeValue::String(text) => {
                let raw = self.text.get(value.span()).unwrap_or_default();
                let opening = raw.get(..3).filter(|quotes| *quotes == "\"\"\"" || *quotes == "'''");
                // A line break right after the opening quotes is no part of the text (TOML 1.0, "Multi-line").
                let skips = opening.is_some() && raw.get(3..).is_some_and(|rest| rest.starts_with(['\n', '\r']));
                Node::scalar(line, text, false).with_text_line(line + u32::from(skips))
            }
            DeValue::Array(items) => Node::list(line, items.iter().map(|item| Arc::new(self.value(item, line))).collect()),
            DeValue::Table(table) => self.table(table, key_line),
            DeValue::Integer(number) => Node::scalar(line, number.as_str(), true),
            DeValue::Float(number) => Node::scalar(line, number.as_str(), true),
            DeValue::Boolean(truth) => Node::scalar(line, if *truth { "true" } else { "false" }, true),
            DeValue::Datetime(date) => Node::scalar(line, &date.to_string(), false),
        }
    }

    fn line<T>(&self, spanned: &Spanned<T>) -> u32 {
        self.lines.line(u32::try_from(spanned.span().start).unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::read_toml;

    #[test]
    fn values_know_their_lines_and_what_is_wrong_takes_nothing_else_along() {
        let text = "[metrics.a]\nsql = \"\"\"\nSUM(x)\n\"\"\"\n\n[metrics.b]\nsql = 'y'\nsql = 'z'\n\n[metrics.c]\nbroken = \nsql = 'w'\n";
        let (root, diagnostics) = read_toml(text);
        let metrics = root.get("metrics").unwrap();
        let sql = |name: &str| metrics.get(name).and_then(|metric| metric.get("sql")).unwrap();
        assert_eq!((sql("a").text(), sql("a").line, sql("a").text_line()), (Some("SUM(x)\n"), 2, 3));
        assert_eq!(sql("b").text(), Some("y"));
        assert_eq!(sql("c").text(), Some("w"));
        assert_eq!(diagnostics.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [8, 11]);
    }
}
