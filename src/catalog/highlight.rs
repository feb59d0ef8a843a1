//! The parts of a SQL text that a page shows in colours.

use serde::Serialize;

use crate::{
    model::{Dialect, Span},
    sql::{self, TokenClass},
};

/// What a coloured part of a SQL text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SqlTone {
    /// A word of the language.
    Keyword,
    /// A name that is called.
    Function,
    /// A string.
    Text,
    /// A number.
    Number,
    /// A comment.
    Comment,
}

/// One coloured part of a SQL text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct SqlPart {
    /// Where it stands, bytes in the text.
    pub span: Span,
    /// What it is.
    pub tone: SqlTone,
}

/// The coloured parts of `text`, in order of their places; what is not among them is plain.
pub fn highlight_sql(text: &str, dialect: Dialect) -> Vec<SqlPart> {
    let tokens = sql::highlight(text, dialect);
    let is_called = |at: usize| tokens.get(at + 1).is_some_and(|(next, _)| next.of(text) == "(");
    let tone = |at: usize, class: TokenClass| match class {
        TokenClass::Keyword => Some(SqlTone::Keyword),
        TokenClass::Identifier => is_called(at).then_some(SqlTone::Function),
        TokenClass::String => Some(SqlTone::Text),
        TokenClass::Number => Some(SqlTone::Number),
        TokenClass::Comment => Some(SqlTone::Comment),
        TokenClass::Operator => None,
    };
    let parts =
        tokens.iter().enumerate().filter_map(|(at, (span, class))| Some(SqlPart { span: *span, tone: tone(at, *class)? }));
    parts.collect()
}
