//! The headers of SQLMesh's files: `MODEL (…)`, `METRIC (…)`, `AUDIT (…)`.

use std::ops::Range;

/// A header: its word, where it stands, and its properties.
pub(super) struct Header<'t> {
    /// In capitals.
    pub(super) word: String,
    /// Its bytes, the semicolon behind it included.
    pub(super) bytes: Range<usize>,
    /// The 1-based line that it starts in.
    pub(super) line: u32,
    properties: Vec<Property<'t>>,
}

/// `owner jen`.
pub(super) struct Property<'t> {
    pub(super) key: &'t str,
    pub(super) value: &'t str,
    /// The 1-based line that the value starts in.
    pub(super) line: u32,
}

impl<'t> Header<'t> {
    /// The property of that key.
    pub(super) fn property(&self, key: &str) -> Option<&Property<'t>> {
        self.properties.iter().find(|property| property.key.eq_ignore_ascii_case(key))
    }

    /// The text of a property without its quotes.
    pub(super) fn text(&self, key: &str) -> Option<(u32, String)> {
        self.property(key).map(|property| (property.line, unquote(property.value)))
    }
}

/// The headers that `text` begins with or holds between its statements; none of other files.
pub(super) fn read_headers(text: &str) -> Vec<Header<'_>> {
    let mut headers = Vec::new();
    let mut at = skip_blank(text, 0);
    while let Some(header) = read_header(text, at) {
        at = skip_blank(text, header.bytes.end);
        headers.push(header);
    }
    headers
}

fn read_header(text: &str, at: usize) -> Option<Header<'_>> {
    let word = &text[at..at + word_length(&text[at..])];
    let capital = word.to_uppercase();
    if !matches!(capital.as_str(), "MODEL" | "METRIC" | "AUDIT") {
        return None;
    }
    let open = skip_blank(text, at + word.len());
    let parts = split_list(text, open)?;
    let end = parts.last().map_or(open + 1, |part| part.end);
    let close = text[end..].find(')').map(|found| end + found + 1)?;
    let after = skip_blank(text, close);
    let end = if text[after..].starts_with(';') { after + 1 } else { close };
    let properties = parts.into_iter().filter_map(|part| {
        let start = skip_blank(text, part.start);
        let key = text.get(start..part.end).map(|rest| &rest[..word_length(rest)]).filter(|key| !key.is_empty())?;
        let value_at = skip_blank(text, start + key.len()).min(part.end);
        Some(Property { key, value: text[value_at..part.end].trim(), line: line_of(text, value_at) })
    });
    Some(Header { word: capital, bytes: at..end, line: line_of(text, at), properties: properties.collect() })
}

/// The parts of `(a, b, …)` that begins at `open`; `None` where it does not, or does not end.
fn split_list(text: &str, open: usize) -> Option<Vec<Range<usize>>> {
    if !text.get(open..)?.starts_with('(') {
        return None;
    }
    let (mut parts, mut depth, mut start, mut at) = (Vec::new(), 0_u32, open + 1, open);
    while at < text.len() {
        let rest = &text[at..];
        let letter = rest.chars().next()?;
        let length = match letter {
            '\'' | '"' | '`' => rest[1..].find(letter).map(|end| end + 2)?,
            '-' if rest.starts_with("--") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest.find("*/").map(|end| end + 2)?,
            '(' | '[' => {
                depth += 1;
                1
            }
            ')' | ']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    parts.push(start..at);
                    return Some(parts);
                }
                1
            }
            ',' if depth == 1 => {
                parts.push(start..at);
                start = at + 1;
                1
            }
            _ => letter.len_utf8(),
        };
        at += length;
    }
    None
}

/// The items of a value: `(a, 'b')` has two, `a` is one.
pub(super) fn items_of(value: &str) -> Vec<String> {
    let list = value.trim().replace('[', "(").replace(']', ")");
    match split_list(&list, 0) {
        Some(parts) => parts.into_iter().map(|part| unquote(&list[part])).filter(|item| !item.is_empty()).collect(),
        None => vec![unquote(value)],
    }
}

/// A text without the quotes around it.
pub(super) fn unquote(value: &str) -> String {
    let value = value.trim();
    let quoted = ['\'', '"', '`'].iter().find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote));
    quoted.unwrap_or(value).replace("''", "'")
}

/// The first byte from `at` on that is neither blank nor in a comment.
fn skip_blank(text: &str, mut at: usize) -> usize {
    loop {
        let rest = &text[at..];
        let blank = rest.len() - rest.trim_start().len();
        let rest = &rest[blank..];
        at += blank;
        at += match rest {
            _ if rest.starts_with("--") => rest.find('\n').unwrap_or(rest.len()),
            _ if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            _ => return at,
        };
    }
}

fn word_length(text: &str) -> usize {
    text.find(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_')).unwrap_or(text.len())
}

fn line_of(text: &str, at: usize) -> u32 {
    u32::try_from(text[..at].matches('\n').count()).unwrap_or(u32::MAX).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_and_their_properties_are_found_by_their_brackets() {
        let text = "/* a model */\nMODEL (\n  name shop.orders, -- whose, then\n  kind FULL,\n  tags (a, 'b, c'),\n  \
                    description 'It''s (all)'\n);\nSELECT 1";
        let headers = read_headers(text);
        assert_eq!((headers.len(), headers[0].word.as_str(), headers[0].line), (1, "MODEL", 2));
        assert_eq!(&text[headers[0].bytes.end..], "\nSELECT 1");
        assert_eq!(headers[0].text("name"), Some((3, "shop.orders".to_owned())));
        assert_eq!(headers[0].property("tags").map(|tags| items_of(tags.value)), Some(vec!["a".to_owned(), "b, c".to_owned()]));
        assert_eq!(headers[0].text("kind").map(|(line, _)| line), Some(4));
    }

    #[test]
    fn other_files_have_none() {
        for text in ["SELECT 1", "MODEL", "MODEL (name a", "MODEL ('", "CREATE MODEL (a)", "", "METRICS (a b)"] {
            assert!(read_headers(text).is_empty(), "{text}");
        }
    }
}
