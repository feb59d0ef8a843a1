//! Patterns over names and paths.

use regex::{Regex, RegexBuilder};

/// A pattern over a whole dotted name or a whole path.
///
/// `*` is a run without separators, `**` any run, `#` a run of digits, `{word}` a captured run
/// without separators; everything else stands for itself.
#[derive(Clone, Debug)]
pub struct Pattern {
    regex: Regex,
    words: Vec<String>,
}

/// A pattern that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("`{pattern}` is no pattern: {why}")]
pub struct PatternError {
    pattern: String,
    why: &'static str,
}

impl Pattern {
    /// A pattern over dotted names, in any case.
    pub fn of_names(pattern: &str) -> Result<Pattern, PatternError> {
        Pattern::compile(pattern, '.')
    }

    /// A pattern over `/`-separated paths, as written.
    pub fn of_paths(pattern: &str) -> Result<Pattern, PatternError> {
        Pattern::compile(pattern, '/')
    }

    /// Whether the whole of `text` matches.
    pub fn matches(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    /// The captured words with what they captured, in order, if the whole of `text` matches.
    pub fn capture<'p, 't>(&'p self, text: &'t str) -> Option<Vec<(&'p str, &'t str)>> {
        let found = self.regex.captures(text)?;
        let captured = self.words.iter().enumerate();
        Some(captured.map(|(at, word)| (word.as_str(), found.get(at + 1).map_or("", |run| run.as_str()))).collect())
    }

    /// The words that it captures, in order.
    pub fn words(&self) -> &[String] {
        &self.words
    }

    fn compile(pattern: &str, separator: char) -> Result<Pattern, PatternError> {
        let fail = |why| PatternError { pattern: pattern.to_owned(), why };
        let run = format!("[^{separator}]");
        let (mut expression, mut words) = (String::from("^"), Vec::new());
        let mut rest = pattern;
        while let Some(letter) = rest.chars().next() {
            rest = &rest[letter.len_utf8()..];
            match letter {
                '*' if rest.starts_with('*') => {
                    rest = &rest[1..];
                    expression.push_str(".*");
                }
                '*' => expression.push_str(&format!("{run}*")),
                '#' => expression.push_str("[0-9]+"),
                '{' => {
                    let (word, after) = rest.split_once('}').ok_or_else(|| fail("`{` without `}`"))?;
                    if word.is_empty() || !word.chars().all(|part| part.is_alphanumeric() || part == '_') {
                        return Err(fail("a capture is one word, like `{table}`"));
                    }
                    words.push(word.to_owned());
                    expression.push_str(&format!("({run}+)"));
                    rest = after;
                }
                other => expression.push_str(&regex::escape(other.encode_utf8(&mut [0; 4]))),
            }
        }
        expression.push('$');
        let regex = RegexBuilder::new(&expression)
            .case_insensitive(separator == '.')
            .dot_matches_new_line(true)
            .size_limit(1 << 20)
            .build()
            .map_err(|_| fail("it is too large"))?;
        Ok(Pattern { regex, words })
    }
}
