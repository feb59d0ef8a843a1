//! What must hold of any bytes, one function a target.
//!
//! In: bytes from the fuzzer, whose first byte chooses the dialect. Out: nothing, or a panic that
//! names the rule that is broken. The product's own sources are compiled here as they stand.

#[path = "../../src/model/mod.rs"]
pub mod model;
#[path = "../../src/sql/mod.rs"]
pub mod sql;
#[path = "../../src/template/mod.rs"]
pub mod template;

mod lineage;
mod template_rules;

pub use lineage::check_lineage;
pub use template_rules::check_template;

use model::{Dialect, Span};

/// The dialect and the text that `bytes` stand for; `None` where they are no text.
fn read_input(bytes: &[u8]) -> Option<(Dialect, &str)> {
    let (first, rest) = bytes.split_first()?;
    let dialect = Dialect::ALL[usize::from(*first) % Dialect::ALL.len()];
    Some((dialect, std::str::from_utf8(rest).ok()?))
}

/// Whether `span` can be cut out of `text`.
fn assert_within(text: &str, span: Span, what: &str) {
    assert!(text.get(span.start as usize..span.end as usize).is_some(), "{what} is out of the text or cuts a letter: {span:?}");
}

/// Pieces stand in the order of the text and never overlap; classes of tokens likewise.
pub fn check_split(bytes: &[u8]) {
    let Some((dialect, text)) = read_input(bytes) else { return };
    let split = sql::split::split(text, dialect);
    let mut end = 0;
    for piece in &split.pieces {
        assert!(piece.tokens.0 >= end && piece.tokens.1 >= piece.tokens.0, "pieces overlap: {piece:?}");
        assert!(piece.tokens.1 <= split.tokens.len(), "a piece is past the last token: {piece:?}");
        assert_within(text, piece.span(&split.tokens), "a piece");
        end = piece.tokens.1;
    }
    let mut end = 0;
    for (span, _) in sql::highlight(text, dialect) {
        assert!(span.start as usize >= end && span.end > span.start, "tokens overlap: {span:?}");
        assert_within(text, span, "a token");
        assert!(text[end..span.start as usize].chars().all(is_blank), "text is left out before {span:?}");
        end = span.end as usize;
    }
}

/// What editors and pages leave in a text without showing it counts as blank.
fn is_blank(letter: char) -> bool {
    letter.is_whitespace() || matches!(letter, '\0' | '\u{feff}' | '\u{200b}')
}

/// A shape is its own shape's, comments are spans of the text, and neither holds the other.
pub fn check_fingerprint(bytes: &[u8]) {
    let Some((dialect, text)) = read_input(bytes) else { return };
    let found = sql::fingerprint(text, dialect);
    for comment in &found.comments {
        assert_within(text, *comment, "a comment");
    }
    let again = sql::fingerprint(text, dialect);
    assert_eq!(found, again, "two runs differ");
    let spaced = format!(" {text}\n");
    assert_eq!(found.hash, sql::fingerprint(&spaced, dialect).hash, "blanks around the text change its shape");
}
