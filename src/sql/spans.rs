//! Places of AST nodes in the text.
//!
//! Every token that the parser sees carries its *byte* offsets (line 1, column = offset + 1), so a
//! sqlparser span is turned into a span of the whole text without any table.

use sqlparser::{
    ast::Spanned,
    tokenizer::{self, Location},
};

use crate::model::Span;

/// The bytes of the whole text that a sqlparser span covers; empty where it knows nothing.
pub(crate) fn bytes(span: tokenizer::Span) -> Span {
    if span.start.line == 0 || span.end.line == 0 {
        return Span::default();
    }
    Span::new(span.start.column.saturating_sub(1) as usize, span.end.column.saturating_sub(1) as usize)
}

/// The bytes that the located parts of an AST node cover.
pub(crate) fn span_of(node: &impl Spanned) -> Span {
    bytes(node.span())
}

/// The sqlparser span of `start..end` bytes of the whole text.
pub(crate) fn located(start: usize, end: usize) -> tokenizer::Span {
    tokenizer::Span::new(Location::new(1, start as u64 + 1), Location::new(1, end as u64 + 1))
}
