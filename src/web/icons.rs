//! One family of icons: 16 × 16, drawn with strokes, coloured by the text around them.

use super::markup::Markup;
use crate::model::AssetKind;

/// The icon called `name`; the empty frame where there is none of that name.
pub(super) fn icon(name: &str) -> Markup {
    Markup::trusted(format!(r#"<svg class="icon" viewBox="0 0 16 16" aria-hidden="true">{}</svg>"#, shapes(name)))
}

/// The shapes of the icon called `name`, without their frame.
pub(super) fn shapes(name: &str) -> &'static str {
    ICONS.binary_search_by(|(known, _)| (*known).cmp(name)).ok().and_then(|at| ICONS.get(at)).map_or("", |(_, shapes)| shapes)
}

/// The name of a kind's icon.
pub(super) fn of_kind(kind: AssetKind) -> &'static str {
    kind.word()
}

/// (name, shapes), sorted by name.
static ICONS: &[(&str, &str)] = &[
    ("arrow-left", r#"<path d="M13 8H3M7 4 3 8l4 4"/>"#),
    ("arrow-right", r#"<path d="M3 8h10M9 4l4 4-4 4"/>"#),
    ("chart", r#"<path d="M2.5 2v11.5H14M5.5 11V8M9 11V4.5M12.5 11V6.5"/>"#),
    ("check", r#"<path d="m3 8.5 3.5 3.5L13 4.5"/>"#),
    ("clock", r#"<circle cx="8" cy="8" r="6"/><path d="M8 4.5V8l2.5 1.5"/>"#),
    ("code", r#"<path d="M5.5 4.5 2 8l3.5 3.5M10.5 4.5 14 8l-3.5 3.5"/>"#),
    ("column", r#"<rect x="5.5" y="2" width="5" height="12" rx="1.2"/><path d="M5.5 5.5h5"/>"#),
    ("commit", r#"<circle cx="8" cy="8" r="2.5"/><path d="M1.5 8h4M10.5 8h4"/>"#),
    (
        "copy",
        r#"<rect x="5.5" y="5.5" width="8" height="8.5" rx="1.2"/><path d="M10.5 3.5V3c0-.6-.4-1-1-1h-6c-.6 0-1 .4-1 1v7c0 .6.4 1 1 1h.5"/>"#,
    ),
    (
        "dashboard",
        r#"<rect x="2" y="2" width="5" height="6.5" rx="1"/><rect x="9" y="2" width="5" height="3.5" rx="1"/><rect x="2" y="10.5" width="5" height="3.5" rx="1"/><rect x="9" y="7.5" width="5" height="6.5" rx="1"/>"#,
    ),
    ("deprecated", r#"<path d="M2.5 4.5h11v2h-11zM3.5 6.5V13c0 .3.2.5.5.5h8c.3 0 .5-.2.5-.5V6.5M6.5 9.5h3"/>"#),
    ("down", r#"<path d="m4 6 4 4 4-4"/>"#),
    ("download", r#"<path d="M8 2v8M4.5 7 8 10.5 11.5 7M2.5 13.5h11"/>"#),
    ("error", r#"<circle cx="8" cy="8" r="6"/><path d="m5.8 5.8 4.4 4.4M10.2 5.8l-4.4 4.4"/>"#),
    ("explain", r#"<path d="M3 3h6M3 8h10M3 13h7"/><circle cx="12.5" cy="3" r="1.2"/>"#),
    ("external", r#"<path d="M6.5 3.5H3v9.5h9.5V9.5M9.5 2.5h4v4M13.5 2.5 7.5 8.5"/>"#),
    ("file", r#"<path d="M4 1.5h5L12.5 5v9.5H4zM9 1.5V5h3.5"/>"#),
    ("filter", r#"<path d="M2 3h12L9.5 8.5V13l-3 1V8.5z"/>"#),
    ("fit", r#"<path d="M2.5 5.5v-3h3M10.5 2.5h3v3M13.5 10.5v3h-3M5.5 13.5h-3v-3"/>"#),
    (
        "graph",
        r#"<rect x="1.5" y="2" width="4" height="3.5" rx=".8"/><rect x="1.5" y="10.5" width="4" height="3.5" rx=".8"/><rect x="10.5" y="6.2" width="4" height="3.5" rx=".8"/><path d="M5.5 3.8C8.5 3.8 7.5 8 10.5 8M5.5 12.2C8.5 12.2 7.5 8 10.5 8"/>"#,
    ),
    (
        "impact",
        r#"<circle cx="3.5" cy="8" r="1.8"/><path d="M5.5 8h3M8.5 8c2 0 1.5-4.5 4-4.5M8.5 8h4.5M8.5 8c2 0 1.5 4.5 4 4.5"/>"#,
    ),
    ("info", r#"<circle cx="8" cy="8" r="6"/><path d="M8 7.2V11M8 5v.01"/>"#),
    (
        "keyboard",
        r#"<rect x="1.5" y="4" width="13" height="8" rx="1.2"/><path d="M4 6.5h.01M6.6 6.5h.01M9.3 6.5h.01M12 6.5h.01M5 9.5h6"/>"#,
    ),
    (
        "link",
        r#"<path d="M6.5 9.5a2.8 2.8 0 0 0 4 0l2.5-2.5a2.8 2.8 0 0 0-4-4L8 4M9.5 6.5a2.8 2.8 0 0 0-4 0L3 9a2.8 2.8 0 0 0 4 4l1-1"/>"#,
    ),
    ("list", r#"<path d="M5.5 4H14M5.5 8H14M5.5 12H14M2.3 4h.01M2.3 8h.01M2.3 12h.01"/>"#),
    ("materialized_view", r#"<path d="m8 2 6 3-6 3-6-3zM2 8l6 3 6-3M2 11l6 3 6-3"/>"#),
    ("menu", r#"<path d="M2.5 4h11M2.5 8h11M2.5 12h11"/>"#),
    ("metric", r#"<path d="M2.7 12.5a6.3 6.3 0 1 1 10.6 0M8 9.5l2.8-3.3"/><circle cx="8" cy="9.5" r=".8"/>"#),
    ("minus", r#"<path d="M3.5 8h9"/>"#),
    ("moon", r#"<path d="M13.5 9.8A6 6 0 0 1 6.2 2.5a5.8 5.8 0 1 0 7.3 7.3z"/>"#),
    ("owner", r#"<circle cx="8" cy="5" r="2.7"/><path d="M2.7 14c.5-3 2.6-4.5 5.3-4.5s4.8 1.5 5.3 4.5"/>"#),
    ("pencil", r#"<path d="M10.8 2.7a1.4 1.4 0 0 1 2 0l.5.5a1.4 1.4 0 0 1 0 2L6 12.5l-3.3.8.8-3.3zM9.3 4.2l2.5 2.5"/>"#),
    ("plus", r#"<path d="M8 3.5v9M3.5 8h9"/>"#),
    ("query", r#"<path d="m2.5 4 4 4-4 4M8.5 12.5h5"/>"#),
    ("refresh", r#"<path d="M13.5 8A5.5 5.5 0 1 1 11.6 3.9L13.5 5.5M13.5 2v3.5H10"/>"#),
    ("right", r#"<path d="m6 4 4 4-4 4"/>"#),
    ("routine", r#"<path d="M11.5 2.5c-2.2-.4-3 .6-3.2 2.3L7.7 11c-.2 1.8-1 2.8-3.2 2.5M5.5 6.8h5"/>"#),
    ("run", r#"<path d="M2 8h2.5l2-5 3 10 2-5H14"/>"#),
    ("search", r#"<circle cx="7" cy="7" r="4.7"/><path d="m10.5 10.5 3.5 3.5"/>"#),
    (
        "source",
        r#"<ellipse cx="8" cy="4" rx="5.5" ry="2"/><path d="M2.5 4v8c0 1.1 2.5 2 5.5 2s5.5-.9 5.5-2V4M2.5 8c0 1.1 2.5 2 5.5 2s5.5-.9 5.5-2"/>"#,
    ),
    (
        "sun",
        r#"<circle cx="8" cy="8" r="3"/><path d="M8 1.5v1M8 13.5v1M1.5 8h1M13.5 8h1M3.4 3.4l.7.7M11.9 11.9l.7.7M3.4 12.6l.7-.7M11.9 4.1l.7-.7"/>"#,
    ),
    ("table", r#"<rect x="2" y="2.5" width="12" height="11" rx="1.2"/><path d="M2 6.2h12M6.5 6.2v7.3"/>"#),
    ("tag", r#"<path d="M2.5 2.5H8l6 6-5.5 5.5-6-6z"/><path d="M5.3 5.3h.01"/>"#),
    ("undo", r#"<path d="M3 6.5h6.5a3.25 3.25 0 0 1 0 6.5H6M3 6.5 5.8 3.7M3 6.5l2.8 2.8"/>"#),
    ("up", r#"<path d="m4 10 4-4 4 4"/>"#),
    ("view", r#"<path d="M1.5 8S4 3.5 8 3.5 14.5 8 14.5 8 12 12.5 8 12.5 1.5 8 1.5 8z"/><circle cx="8" cy="8" r="2"/>"#),
    ("warning", r#"<path d="M8 2.2 14.5 13.5h-13zM8 6.5v3.2M8 11.6v.01"/>"#),
    ("x", r#"<path d="m4 4 8 8M12 4l-8 8"/>"#),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn icons_are_sorted_so_that_they_are_found() {
        assert!(ICONS.is_sorted_by(|one, next| one.0 < next.0));
    }

    #[test]
    fn every_kind_of_asset_has_an_icon() {
        for kind in AssetKind::ALL {
            assert_ne!(shapes(of_kind(kind)), "", "{}", kind.word());
        }
    }
}
