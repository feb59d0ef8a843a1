//! HTML that needs no escaping any more.

use std::fmt;

use askama::filters::HtmlSafe;

/// HTML made here or by the sanitiser: templates print it as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Markup(String);

impl Markup {
    /// Takes `html` as it is; callers escape or sanitise every foreign part of it first.
    pub(super) fn trusted(html: String) -> Self {
        Markup(html)
    }
}

impl fmt::Display for Markup {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl HtmlSafe for Markup {}

/// Appends `text` to `html`, escaped for elements and for quoted attributes.
pub(super) fn push_escaped(html: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            other => html.push(other),
        }
    }
}
