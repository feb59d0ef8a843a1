//! Deprecations in prose: whether a text announces one, and what it says to use instead.

use std::sync::LazyLock;

use regex::Regex;

/// Finds the sentences of `text` that speak of a deprecation or a replacement, as one note.
pub(super) fn find_note(text: &str) -> Option<String> {
    let speaks = |sentence: &&str| {
        let lower = sentence.to_lowercase();
        lower.contains("deprecat") || REPLACEMENTS.iter().any(|pattern| pattern.is_match(sentence))
    };
    let found: Vec<String> = split_sentences(text)
        .into_iter()
        .filter(speaks)
        .map(|sentence| sentence.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    (!found.is_empty()).then(|| found.join(" "))
}

/// Whether a friendly name or description itself announces that the thing is deprecated: it starts
/// so, or holds the word in capitals. Text that merely mentions a deprecation does not.
pub(super) fn announces(text: &str) -> bool {
    let start = text.trim_start_matches(|letter: char| !letter.is_alphanumeric()).to_lowercase();
    let starts = ["deprecated", "this table is deprecated", "this view is deprecated", "this function is deprecated"];
    let more = ["this table has been deprecated", "this view has been deprecated", "this function has been deprecated"];
    starts.iter().chain(&more).any(|words| start.starts_with(words))
        || text.split(|letter: char| !letter.is_alphanumeric()).any(|word| word == "DEPRECATED")
        || text.contains("(deprecated)")
        || text.contains("(Deprecated)")
}

/// The name that `note` says to use instead: a proposal.
pub(super) fn find_replacement(note: &str) -> Option<String> {
    let names = REPLACEMENTS.iter().flat_map(|pattern| pattern.captures_iter(note)).filter_map(|found| {
        let name = found.get(1).or_else(|| found.get(2)).or_else(|| found.get(3))?;
        // Bare words are names only where they look like one: `use clients_daily_v6`, not `use this`.
        let text = name.as_str().trim_end_matches(['.', '-']);
        let quoted = found.get(3).is_none();
        (quoted || text.contains(['.', '_'])).then(|| (name.start(), text.to_owned()))
    });
    names.min().map(|(_, name)| name)
}

/// Phrases before a name, which is quoted (first capture), a title in quotes (second) or bare (third).
static REPLACEMENTS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    const NAME: &str =
        r#"(?:[`'"]([\w-]+(?:\.[\w*-]+)*)[`'"]|[“"]([^“”"\n]{2,80})[”"]|([A-Za-z_][\w-]*(?:\.[A-Za-z_][\w*-]*)*))"#;
    const THING: &str = r"(?:the\s+)?(?:(?:new|newer|user-facing)\s+)?(?:(?:table|view|function|model|dataset)\s+)?";
    let phrases = [
        r"\b(?:please\s+)?use\s+",
        r"\b(?:replaced|superseded|succeeded|supplanted)\s+(?:by|with)\s+",
        r"\b(?:migrated?|migrating|moved?|switch(?:ed)?)\s+to\s+",
        r"\bin\s+favou?r\s+of\s+",
        r"\breplacement(?:\s+is|:)\s+",
    ];
    let compile = |phrase: &str| Regex::new(&format!("(?i){phrase}{THING}{NAME}")).ok();
    phrases.into_iter().filter_map(compile).collect()
});

/// Sentences end at a full stop before white space, and at an empty line.
fn split_sentences(text: &str) -> Vec<&str> {
    let mut sentences = Vec::new();
    let mut start = 0;
    let bytes = text.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        let next = bytes.get(at + 1);
        let ends = match byte {
            b'.' | b'!' | b'?' => next.is_none_or(u8::is_ascii_whitespace),
            b'\n' => next == Some(&b'\n'),
            _ => false,
        };
        if ends {
            sentences.push(&text[start..=at]);
            start = at + 1;
        }
    }
    sentences.push(&text[start..]);
    sentences.retain(|sentence| !sentence.trim().is_empty());
    sentences
}

#[cfg(test)]
mod tests {
    use super::find_replacement;

    #[test]
    fn what_to_use_instead_is_a_name_or_a_title_in_quotes() {
        for (note, name) in [
            ("Deprecated in favor of \"Retained (DAU)\", which is better.", Some("Retained (DAU)")),
            ("Use `mart.orders` instead.", Some("mart.orders")),
            ("Please use clients_daily_v6.", Some("clients_daily_v6")),
            ("Use this with care, it is “odd”.", None),
        ] {
            assert_eq!(find_replacement(note).as_deref(), name, "{note}");
        }
    }
}
