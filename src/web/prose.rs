//! Descriptions are Markdown that somebody else wrote: rendered, then sanitised.

use std::{collections::HashSet, sync::LazyLock};

use ammonia::Builder;
use pulldown_cmark::{Options, Parser, html};

use super::markup::Markup;

/// Longer texts are cut before they are rendered, in bytes.
const MOST_BYTES: usize = 64 << 10;

static SANITISER: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let tags = [
        "a",
        "b",
        "blockquote",
        "br",
        "code",
        "del",
        "em",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "hr",
        "i",
        "li",
        "ol",
        "p",
        "pre",
        "strong",
        "sub",
        "sup",
        "table",
        "tbody",
        "td",
        "th",
        "thead",
        "tr",
        "ul",
    ];
    let mut sanitiser = Builder::new();
    sanitiser
        .tags(HashSet::from(tags))
        .url_schemes(HashSet::from(["http", "https", "mailto"]))
        .url_relative(ammonia::UrlRelative::Deny)
        .link_rel(Some("noopener noreferrer nofollow"));
    sanitiser
});

/// `text` as HTML: no images, scripts, styles or addresses other than http, https and mailto.
pub(super) fn render(text: &str) -> Markup {
    let mut out = String::with_capacity(text.len() * 2);
    html::push_html(&mut out, Parser::new_ext(cut(text), options()));
    Markup::trusted(SANITISER.clean(&out).to_string())
}

fn options() -> Options {
    Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH
}

fn cut(text: &str) -> &str {
    text.get(..text.floor_char_boundary(MOST_BYTES)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_cannot_bring_scripts_styles_images_or_odd_addresses() {
        let html = render(
            "**bold** [x](javascript:alert(1))\n\n<script>alert(1)</script> <img src=x onerror=alert(1)> <p style='color:red'>y</p>",
        )
        .to_string();
        for forbidden in ["<script", "onerror", "<img", "javascript:", "style="] {
            assert!(!html.contains(forbidden), "{forbidden} in {html}");
        }
        assert!(html.contains("<strong>bold</strong>"));
    }

    #[test]
    fn links_of_a_description_do_not_tell_where_the_reader_came_from() {
        assert!(render("[docs](https://example.com/a)").to_string().contains(r#"rel="noopener noreferrer nofollow""#));
    }
}
