//! Docs blocks, and the descriptions that point to them.

use std::{collections::HashMap, sync::LazyLock};

use regex::Regex;

static BLOCK: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?s)\{%-?\s*docs\s+([A-Za-z_]\w*)\s*-?%\}(.*?)\{%-?\s*enddocs\s*-?%\}").ok());
static CALL: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"\{\{-?\s*doc\(\s*(?:['"][^'"]*['"]\s*,\s*)?['"]([^'"]*)['"]\s*\)\s*-?\}\}"#).ok());

/// Texts by the name of their block.
pub(super) type Blocks = HashMap<String, String>;

/// Adds the blocks of a Markdown file; the first of a name stays.
pub(super) fn read_blocks(text: &str, blocks: &mut Blocks) {
    let Some(pattern) = BLOCK.as_ref() else { return };
    for found in pattern.captures_iter(text) {
        let part = |at: usize| found.get(at).map_or("", |part| part.as_str());
        blocks.entry(part(1).to_owned()).or_insert_with(|| part(2).trim().to_owned());
    }
}

/// `text` with every `{{ doc('…') }}` replaced by its block; what has no block stays as it is written.
pub(super) fn fill_in(text: &str, blocks: &Blocks) -> String {
    let Some(pattern) = CALL.as_ref().filter(|_| text.contains("{{")) else { return text.trim().to_owned() };
    let filled = pattern.replace_all(text, |found: &regex::Captures<'_>| {
        let name = found.get(1).map_or("", |name| name.as_str());
        blocks.get(name).cloned().unwrap_or_else(|| found.get(0).map_or("", |whole| whole.as_str()).to_owned())
    });
    filled.trim().to_owned()
}
