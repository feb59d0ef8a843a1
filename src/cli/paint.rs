//! Colour, only on a terminal and never where `NO_COLOR` is set.

use std::{
    env,
    fmt::{self, Display},
    io::{self, IsTerminal},
    sync::OnceLock,
};

/// What a piece of output is, which decides its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    /// A name that answers the question.
    Name,
    /// Beside the point: rails, paths, counts.
    Faint,
    /// Look here.
    Warn,
    /// Broken.
    Bad,
    /// A heading.
    Strong,
}

impl Tone {
    fn code(self) -> &'static str {
        match self {
            Tone::Name => "36",
            Tone::Faint => "2",
            Tone::Warn => "33",
            Tone::Bad => "31",
            Tone::Strong => "1",
        }
    }
}

/// `text` for stdout, in the colour of `tone` where colour is wanted.
pub(super) fn paint<T: Display>(tone: Tone, text: T) -> Painted<T> {
    Painted { tone, text, coloured: stdout_has_colour() }
}

/// A text with its colour.
pub(super) struct Painted<T> {
    tone: Tone,
    text: T,
    coloured: bool,
}

impl<T: Display> Display for Painted<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.coloured { write!(out, "\x1b[{}m{}\x1b[0m", self.tone.code(), self.text) } else { self.text.fmt(out) }
    }
}

/// Whether stdout takes colour.
pub(super) fn stdout_has_colour() -> bool {
    static ANSWER: OnceLock<bool> = OnceLock::new();
    *ANSWER.get_or_init(|| wants_colour() && io::stdout().is_terminal())
}

/// Whether stderr takes colour.
pub(super) fn stderr_has_colour() -> bool {
    wants_colour() && io::stderr().is_terminal()
}

fn wants_colour() -> bool {
    env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) && env::var_os("TERM").is_none_or(|term| term != "dumb")
}
