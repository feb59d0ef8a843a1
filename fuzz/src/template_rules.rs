//! Rules of rendering: bounded, and every byte of a rendering maps into the file.

use std::time::Duration;

use crate::{
    assert_within,
    model::Span,
    template::{Settings, render},
};

/// Renders within its limits; offsets lead back into the text.
pub fn check_template(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let settings = Settings {
        variables: [("day".to_owned(), serde_json::json!("2024-01-01")), ("names".to_owned(), serde_json::json!(["a", "b"]))].into(),
        max_steps: 200_000,
        max_bytes: 1 << 20,
        max_time: Duration::from_secs(2),
        ..Settings::default()
    };
    let rendered = render(text, &settings);
    assert!(!rendered.variants.is_empty(), "there is no rendering");
    for variant in &rendered.variants {
        assert!(variant.text.len() <= settings.max_bytes.max(text.len()), "a rendering is longer than allowed");
        let mut at = 0;
        for letter in variant.text.chars() {
            let span = Span::new(at, at + letter.len_utf8());
            let source = variant.offsets.source_span(span);
            assert!(source.start <= source.end && source.end as usize <= text.len(), "{span:?} maps to {source:?}");
            at += letter.len_utf8();
        }
    }
    for diagnostic in &rendered.diagnostics {
        assert_within(text, diagnostic.span, "a diagnostic");
    }
}
