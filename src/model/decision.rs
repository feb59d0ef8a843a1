//! What numbers are for: decisions, the questions they ask, and what answers them.

use serde::{Deserialize, Serialize};

/// A file of decisions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionFile {
    /// The path inside the source.
    pub path: String,
    /// What it holds, in order.
    pub decisions: Vec<Decision>,
}

/// Something that is decided again and again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// What it is called in addresses: lower case letters, digits and `-`.
    pub key: String,
    /// What is decided.
    pub title: String,
    /// Who decides; "" where nobody is named.
    #[serde(default)]
    pub owner: String,
    /// How often, as written: `weekly`, `quarterly`; "" where nothing is said.
    #[serde(default)]
    pub every: String,
    /// What it is about, in Markdown.
    #[serde(default)]
    pub note: String,
    /// What it asks, in order.
    #[serde(default)]
    pub questions: Vec<Question>,
    /// The 1-based line; 0 where no file says so.
    #[serde(default)]
    pub line: u32,
}

/// A question that a decision asks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// The question.
    pub text: String,
    /// What answers it: names of metrics, dashboards, tables or columns, as written, with their lines (0 where
    /// no file says so).
    #[serde(default)]
    pub answers: Vec<(String, u32)>,
    /// The 1-based line; 0 where no file says so.
    #[serde(default)]
    pub line: u32,
}

/// What a title is called in addresses: its letters and digits in lower case, everything else a `-`.
pub fn decision_key(title: &str) -> String {
    let mut key = String::new();
    for letter in title.to_lowercase().chars().take(120) {
        match letter {
            _ if letter.is_alphanumeric() => key.push(letter),
            _ if key.ends_with('-') || key.is_empty() => {}
            _ => key.push('-'),
        }
    }
    key.trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::decision_key;

    #[test]
    fn a_title_is_a_key_without_anything_odd() {
        assert_eq!(decision_key("Which plans do we keep?"), "which-plans-do-we-keep");
        assert_eq!(decision_key("  – Preise & Länder –"), "preise-länder");
    }
}
