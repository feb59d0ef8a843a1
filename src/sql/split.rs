//! Cuts a text into statements.

use sqlparser::tokenizer::{Token, Tokenizer};

use crate::model::{Dialect, LineIndex, Span};

/// One statement of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    /// Its bytes, without the semicolon.
    pub(crate) span: Span,
}

/// The statements of `text`, in order.
pub(crate) fn split(text: &str, dialect: Dialect) -> Vec<Piece> {
    let Ok(tokens) = Tokenizer::new(super::dialect::of(dialect), text).tokenize_with_location() else {
        return vec![Piece { span: Span::new(0, text.len()) }];
    };
    let lines = LineIndex::new(text);
    let mut pieces = Vec::new();
    let (mut start, mut end) = (None, 0);
    for token in &tokens {
        let place = |at: sqlparser::tokenizer::Location| super::dialect::byte_of(text, &lines, at);
        match token.token {
            Token::Whitespace(_) => {}
            Token::SemiColon => {
                if let Some(start) = start.take() {
                    pieces.push(Piece { span: Span::new(start, end) });
                }
            }
            _ => {
                start.get_or_insert(place(token.span.start));
                end = place(token.span.end);
            }
        }
    }
    if let Some(start) = start {
        pieces.push(Piece { span: Span::new(start, end) });
    }
    pieces
}
