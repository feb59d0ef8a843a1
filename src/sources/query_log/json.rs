//! The fields of one JSON object, found without reading what nobody asks for.
//!
//! In: the text of one object. Out: its keys with the raw text of their values. Never recurses; nested
//! values are skipped, and read only when they are asked for.

use std::borrow::Cow;

use memchr::memchr2;

/// The members of the object that `text` is, or `None` where it is none or is broken.
pub(super) fn members(text: &str) -> Option<Vec<(Cow<'_, str>, &str)>> {
    let bytes = text.as_bytes();
    let mut at = skip_blank(bytes, 0);
    if bytes.get(at) != Some(&b'{') {
        return None;
    }
    let mut members = Vec::with_capacity(16);
    at = skip_blank(bytes, at + 1);
    if bytes.get(at) == Some(&b'}') {
        return Some(members);
    }
    loop {
        let key_end = string_end(bytes, at)?;
        let key = read_string(text.get(at..key_end)?)?;
        at = skip_blank(bytes, key_end);
        if bytes.get(at) != Some(&b':') {
            return None;
        }
        at = skip_blank(bytes, at + 1);
        let end = value_end(bytes, at)?;
        members.push((key, text.get(at..end)?));
        at = skip_blank(bytes, end);
        match bytes.get(at)? {
            b',' => at = skip_blank(bytes, at + 1),
            b'}' => return (skip_blank(bytes, at + 1) == bytes.len()).then_some(members),
            _ => return None,
        }
    }
}

/// The keys of the object that `text` begins with, as far as it goes.
pub(super) fn keys(text: &str) -> Vec<Cow<'_, str>> {
    let bytes = text.as_bytes();
    let mut keys = Vec::new();
    let mut at = skip_blank(bytes, 0);
    while matches!(bytes.get(at), Some(b'{' | b',')) {
        at = skip_blank(bytes, at + 1);
        let Some(end) = string_end(bytes, at) else { break };
        keys.extend(text.get(at..end).and_then(read_string));
        at = skip_blank(bytes, skip_blank(bytes, end) + 1);
        let Some(end) = value_end(bytes, at) else { break };
        at = skip_blank(bytes, end);
    }
    keys
}

/// The text of a JSON string with its quotes.
pub(super) fn read_string(raw: &str) -> Option<Cow<'_, str>> {
    let inside = raw.strip_prefix('"')?.strip_suffix('"')?;
    if memchr::memchr(b'\\', inside.as_bytes()).is_none() {
        return Some(Cow::Borrowed(inside));
    }
    serde_json::from_str::<String>(raw).ok().map(Cow::Owned)
}

/// Whether `text` holds a whole object or list and nothing behind it.
pub(super) fn is_whole(text: &str) -> bool {
    let bytes = text.as_bytes();
    value_end(bytes, skip_blank(bytes, 0)).is_some_and(|end| skip_blank(bytes, end) == bytes.len())
}

fn skip_blank(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at).is_some_and(u8::is_ascii_whitespace) {
        at += 1;
    }
    at
}

/// One past the string that starts at `at`.
fn string_end(bytes: &[u8], at: usize) -> Option<usize> {
    if bytes.get(at) != Some(&b'"') {
        return None;
    }
    let mut from = at + 1;
    loop {
        let found = from + memchr2(b'"', b'\\', bytes.get(from..)?)?;
        match bytes[found] {
            b'"' => return Some(found + 1),
            _ => from = found + 2,
        }
    }
}

/// One past the value that starts at `at`.
fn value_end(bytes: &[u8], at: usize) -> Option<usize> {
    match bytes.get(at)? {
        b'"' => string_end(bytes, at),
        b'{' | b'[' => nested_end(bytes, at),
        _ => {
            let length = bytes[at..].iter().position(|byte| matches!(byte, b',' | b'}' | b']') || byte.is_ascii_whitespace());
            let end = length.map_or(bytes.len(), |length| at + length);
            (end > at).then_some(end)
        }
    }
}

fn nested_end(bytes: &[u8], mut at: usize) -> Option<usize> {
    let mut depth = 0usize;
    loop {
        match bytes.get(at)? {
            b'"' => {
                at = string_end(bytes, at)?;
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_found_and_nested_values_skipped() {
        let text = r#" {"a": "x\n\"y\"", "b":[1,{"c":"]}"}], "d":null,"e":12.5 } "#;
        let found = members(text).unwrap();
        let raw: Vec<(&str, &str)> = found.iter().map(|(key, raw)| (key.as_ref(), *raw)).collect();
        assert_eq!(raw, [("a", r#""x\n\"y\"""#), ("b", r#"[1,{"c":"]}"}]"#), ("d", "null"), ("e", "12.5")]);
        assert_eq!(read_string(raw[0].1).unwrap(), "x\n\"y\"");
    }

    #[test]
    fn keys_of_an_object_that_is_cut_off_are_found() {
        assert_eq!(keys(r#"{"a": 1, "b" : "x\"", "c": {"d": [1, "#), ["a", "b", "c"]);
        assert_eq!(keys(r#"{"a": 1, "b"#), ["a"]);
        assert!(keys("[1").is_empty() && keys("").is_empty() && keys("{}").is_empty());
    }

    #[test]
    fn what_is_broken_is_none() {
        for text in ["", "{", "[1]", r#"{"a"}"#, r#"{"a":1"#, r#"{"a":"x}"#, r#"{"a":1} x"#, r#"{"a":[1}"#, "{\"a\":\"\\"] {
            assert!(members(text).is_none(), "{text}");
        }
    }
}
