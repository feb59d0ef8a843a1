//! Descriptions that describe nothing: what templates leave behind until somebody writes one.

/// Whole texts, in words without marks.
const NOTHING: &[&str] = &[
    "",
    "add a description",
    "add description",
    "add description here",
    "description",
    "description goes here",
    "description here",
    "description missing",
    "fixme",
    "insert description here",
    "lorem ipsum",
    "missing",
    "missing description",
    "n a",
    "na",
    "needs description",
    "no description",
    "no description available",
    "no description provided",
    "none",
    "null",
    "placeholder",
    "tba",
    "tbd",
    "to be added",
    "to be defined",
    "to be described",
    "to be determined",
    "todo",
    "todo add description",
    "todo description",
    "undocumented",
    "xxx",
];

/// How longer ones begin.
const BEGINNINGS: &[&str] = &["please add a description", "please describe", "please provide a description", "todo describe"];

/// Whether a text only holds the place of a description.
pub(super) fn is_placeholder(text: &str) -> bool {
    /// Longer texts say something.
    const LONGEST: usize = 80;
    let text = text.trim();
    if text.len() > LONGEST {
        return false;
    }
    let words: Vec<String> =
        text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase).collect();
    let text = words.join(" ");
    NOTHING.contains(&text.as_str()) || BEGINNINGS.iter().any(|beginning| text.starts_with(beginning))
}

#[cfg(test)]
mod tests {
    use super::is_placeholder;

    #[test]
    fn what_templates_leave_behind_is_no_description() {
        for text in [
            "",
            " - ",
            "TBD",
            "[DESCRIPTION_MISSING]",
            "Please provide a description for the query",
            "TODO: add description.",
            "N/A",
        ] {
            assert!(is_placeholder(text), "{text}");
        }
        for text in ["Country", "TBD flag of the game engine", "none of the above was chosen", "描述", "to be"] {
            assert!(!is_placeholder(text), "{text}");
        }
    }
}
