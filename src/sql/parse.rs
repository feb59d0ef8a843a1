//! Text in, parsed statements out, in order, none of them at the cost of its neighbours.
//!
//! Scripts come out flat: the statements inside BEGIN … END, IF, LOOP, FOR and their like stand in
//! the list in the order of the text, each with its own span; the heads of those blocks yield their
//! expressions and queries. Never fails and never aborts: what cannot be read is [`Body::Failed`] or
//! [`Body::TooLarge`].

use sqlparser::ast::{Expr, Query, Statement};

use super::Options;
use crate::model::{RelationName, Span};

/// One statement, or one head of a block, with what was done to make it readable.
#[derive(Debug)]
pub(crate) struct Parsed {
    /// Its bytes in the whole text, without the semicolon.
    pub(crate) span: Span,
    /// What it is. Spans inside are bytes of the whole text: see [`super::spans::bytes`].
    pub(crate) body: Body,
    /// Grammar that was rewritten before parsing: what, and where.
    pub(crate) mends: Vec<(&'static str, Span)>,
    /// Stands inside IF, CASE, a loop or an exception handler: it may never run.
    pub(crate) conditional: bool,
    /// An upper bound of the height of its tree: walk it under
    /// [`with_deep_stack`](super::deep::with_deep_stack).
    pub(crate) height: usize,
}

/// What one piece of a script is.
#[derive(Debug)]
pub(crate) enum Body {
    /// Anything that sqlparser has a statement for, often after a rewrite to an equivalent.
    Statement(Box<Statement>),
    /// `FOR variable IN (query) DO`, a cursor: the query's columns are fields of the variable.
    ForQuery {
        /// The loop's variable or the cursor.
        variable: String,
        /// What it runs over.
        query: Box<Query>,
    },
    /// Expressions outside of a statement: the conditions of IF, WHILE, UNTIL, CASE; a bare call.
    Expressions(Vec<Expr>),
    /// A procedure or function whose body is a script. Functions whose body sqlparser keeps as an
    /// expression or query are [`Body::Statement`].
    Routine(Box<Routine>),
    /// Known to move no data and to hold no query: `GO`, `DELIMITER`, `LEAVE`, `GRANT`, …
    Nothing {
        /// Its first word, lower case.
        verb: String,
    },
    /// Could not be parsed.
    Failed {
        /// What the parser expected and found, without the place.
        message: String,
        /// The place of the token that it stumbled on.
        at: Span,
        /// Relations that the tokens show to be read, where that is safe; CTEs left out.
        reads: Vec<RelationName>,
        /// Relations that the tokens show to be written, where that is safe.
        writes: Vec<RelationName>,
    },
    /// Longer or deeper than the limits allow.
    TooLarge {
        /// Which limit, in a sentence.
        message: String,
        /// Relations that the tokens show to be read; CTEs left out.
        reads: Vec<RelationName>,
        /// Relations that the tokens show to be written.
        writes: Vec<RelationName>,
    },
}

/// A procedure or function with a script for a body.
#[derive(Debug)]
pub(crate) struct Routine {
    /// Its name.
    pub(crate) name: RelationName,
    /// Whether it is a procedure or a function.
    pub(crate) kind: RoutineKind,
    /// Parameter names, in order.
    pub(crate) parameters: Vec<String>,
    /// The body's statements, flat and in order; empty for other languages.
    pub(crate) body: Vec<Parsed>,
    /// The language, lower case; `sql` where none is given.
    pub(crate) language: String,
    /// Replaces one of the same name.
    pub(crate) replaces: bool,
}

/// Procedure or function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RoutineKind {
    /// CREATE PROCEDURE.
    Procedure,
    /// CREATE FUNCTION.
    Function,
}

/// Parses every statement of `text`.
pub(crate) fn parse(text: &str, options: &Options) -> Vec<Parsed> {
    super::split::split(text, options.dialect).iter().map(|piece| parse_piece(text, piece.span, options)).collect()
}

fn parse_piece(text: &str, span: Span, options: &Options) -> Parsed {
    let body = match super::dialect::statement(span.of(text), span.start as usize, options.dialect) {
        Ok(statement) => Body::Statement(Box::new(statement)),
        Err(message) => Body::Failed { message, at: span, reads: Vec::new(), writes: Vec::new() },
    };
    Parsed { span, body, mends: Vec::new(), conditional: false, height: 0 }
}
