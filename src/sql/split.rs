//! Cuts a text into pieces: statements, and the marks and heads of the blocks around them.
//!
//! A bad statement never costs its neighbours: only tokens decide, nothing is parsed. Pieces stand
//! in the order of the text, never overlap, and cover every token apart from terminators.

use sqlparser::keywords::Keyword as K;

use super::lexer::{self, Kind, Token};
use crate::model::{Dialect, Span};

mod blocks;
mod routine;
mod tsql;

/// A part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    /// What it is.
    pub(crate) kind: PieceKind,
    /// Its first token and the one past its last, among the tokens without comments.
    pub(crate) tokens: (usize, usize),
    /// Stands inside IF, CASE, a loop or an exception handler.
    pub(crate) conditional: bool,
}

impl Piece {
    /// Its bytes, without the semicolon.
    pub(crate) fn span(&self, tokens: &[Token]) -> Span {
        let tokens = tokens.get(self.tokens.0..self.tokens.1).unwrap_or(&[]);
        match (tokens.first(), tokens.last()) {
            (Some(first), Some(last)) => first.span().cover(last.span()),
            _ => Span::default(),
        }
    }
}

/// What a piece is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PieceKind {
    /// A statement.
    Statement,
    /// CREATE PROCEDURE, FUNCTION, TRIGGER, …: header and body.
    Routine,
    /// `BEGIN`, `THEN`, `END IF`, a label: holds nothing to read.
    Mark,
    /// The condition of IF, WHILE, UNTIL or WHEN.
    Condition,
    /// What stands between FOR and DO or LOOP.
    ForHead,
    /// One declaration of a DECLARE section, without the word DECLARE.
    Declaration,
    /// `GO`, `DELIMITER //`, a client's own command.
    Client,
}

/// The pieces of `text` and its tokens without comments.
pub(crate) struct Split {
    /// Every token apart from comments.
    pub(crate) tokens: Vec<Token>,
    /// The pieces, in order.
    pub(crate) pieces: Vec<Piece>,
}

/// Cuts `text`.
pub(crate) fn split(text: &str, dialect: Dialect) -> Split {
    let mut tokens = lexer::lex(text, dialect);
    tokens.retain(|token| token.kind != Kind::Comment);
    let range = (0, tokens.len());
    let pieces = pieces(text, &tokens, range, dialect, false);
    Split { tokens, pieces }
}

/// The pieces of `range` of the tokens; `body` where it is the inside of a routine.
pub(crate) fn pieces(text: &str, tokens: &[Token], range: (usize, usize), dialect: Dialect, body: bool) -> Vec<Piece> {
    let mut splitter = Splitter {
        text,
        tokens: &tokens[..range.1],
        dialect,
        body,
        at: range.0,
        blocks: Vec::new(),
        pieces: Vec::new(),
        delimiter: None,
        hangs: false,
    };
    while splitter.at < splitter.tokens.len() {
        splitter.step();
    }
    splitter.pieces
}

/// A block that is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Block {
    Begin,
    /// After `EXCEPTION` in a block, or in a CATCH.
    Handler,
    Declare,
    If,
    Loop,
    Case,
}

struct Splitter<'t> {
    text: &'t str,
    tokens: &'t [Token],
    dialect: Dialect,
    body: bool,
    at: usize,
    blocks: Vec<Block>,
    pieces: Vec<Piece>,
    /// What DELIMITER says, where it is not `;`.
    delimiter: Option<&'t str>,
    /// T-SQL: the next statement or block hangs on a condition.
    hangs: bool,
}

impl<'t> Splitter<'t> {
    fn step(&mut self) {
        let from = self.at;
        if self.is_terminator(self.at) {
            self.at += self.terminator_length(self.at);
        } else if !self.client_command() && !self.block_mark() {
            self.statement();
        }
        if self.at <= from {
            self.at = from + 1;
        }
    }

    fn token(&self, at: usize) -> Option<Token> {
        self.tokens.get(at).copied()
    }

    fn keyword(&self, at: usize) -> K {
        self.token(at).map_or(K::NoKeyword, Token::keyword)
    }

    fn word(&self, at: usize) -> &'t str {
        match self.token(at) {
            Some(token) if matches!(token.kind, Kind::Word(_)) => token.of(self.text),
            _ => "",
        }
    }

    fn is(&self, at: usize, word: &str) -> bool {
        self.word(at).eq_ignore_ascii_case(word)
    }

    fn is_any(&self, at: usize, words: &[&str]) -> bool {
        let word = self.word(at);
        !word.is_empty() && words.iter().any(|other| word.eq_ignore_ascii_case(other))
    }

    fn symbol(&self, at: usize) -> &'t str {
        self.token(at).map_or("", |token| token.of(self.text))
    }

    fn is_kind(&self, at: usize, kind: Kind) -> bool {
        self.token(at).is_some_and(|token| token.kind == kind)
    }

    /// Whether `at` is past the end or at a `;`.
    fn ends(&self, at: usize) -> bool {
        at >= self.tokens.len() || self.is_terminator(at)
    }

    fn is_terminator(&self, at: usize) -> bool {
        let Some(token) = self.token(at) else { return false };
        if token.kind == Kind::Semicolon {
            return true;
        }
        if let Some(delimiter) = self.delimiter {
            return self.text.get(token.start as usize..).is_some_and(|rest| rest.starts_with(delimiter));
        }
        match self.dialect {
            Dialect::MsSql => self.is(at, "GO") && self.alone_on_line(at),
            Dialect::Oracle => token.kind == Kind::Operator && token.of(self.text) == "/" && self.alone_on_line(at),
            _ => false,
        }
    }

    fn terminator_length(&self, at: usize) -> usize {
        let Some(delimiter) = self.delimiter else { return 1 };
        if self.is_kind(at, Kind::Semicolon) && delimiter != ";" {
            return 1;
        }
        let start = self.token(at).map_or(0, |token| token.start as usize);
        self.tokens[at..].iter().take_while(|token| (token.start as usize) < start + delimiter.len()).count().max(1)
    }

    fn alone_on_line(&self, at: usize) -> bool {
        let Some(token) = self.token(at) else { return false };
        let gap = |from: usize, to: usize| self.text.get(from..to).unwrap_or("");
        let before = at == 0 || gap(self.tokens[at - 1].end as usize, token.start as usize).contains('\n');
        let after = match self.token(at + 1) {
            Some(next) => gap(token.end as usize, next.start as usize).contains('\n') || next.kind == Kind::Number,
            None => true,
        };
        before && after
    }

    fn starts_line(&self, at: usize) -> bool {
        let Some(token) = self.token(at) else { return false };
        let before = self.text.get(..token.start as usize).unwrap_or("");
        before.rsplit('\n').next().is_some_and(|line| line.trim().is_empty())
    }

    fn push(&mut self, kind: PieceKind, from: usize, to: usize) {
        if from < to {
            let mut conditional = self.blocks.iter().any(|block| !matches!(block, Block::Begin | Block::Declare));
            if kind == PieceKind::Statement {
                conditional |= std::mem::take(&mut self.hangs);
            }
            self.pieces.push(Piece { kind, tokens: (from, to), conditional });
        }
        self.at = to;
    }

    /// Commands of clients: `DELIMITER //`, `\set x`, `!set x`, `@file`.
    fn client_command(&mut self) -> bool {
        let delimiter = self.dialect == Dialect::MySql && self.is(self.at, "DELIMITER");
        let backslash = self.symbol(self.at) == "\\" || (self.dialect == Dialect::Snowflake && self.symbol(self.at) == "!");
        if !(delimiter || backslash) || !self.starts_line(self.at) {
            return false;
        }
        let Some(token) = self.token(self.at) else { return false };
        let rest = self.text.get(token.end as usize..).unwrap_or("");
        let line = rest.split('\n').next().unwrap_or("");
        let line_end = token.end as usize + line.len();
        if delimiter {
            let mark = line.trim();
            self.delimiter = (mark != ";" && !mark.is_empty()).then_some(mark);
        }
        let count = self.tokens[self.at..].iter().take_while(|token| (token.start as usize) < line_end).count();
        self.push(PieceKind::Client, self.at, self.at + count.max(1));
        true
    }

    /// One statement, up to its terminator.
    fn statement(&mut self) {
        let from = self.at;
        if let Some(end) = self.routine_end(from) {
            self.push(PieceKind::Routine, from, end);
        } else if self.dialect == Dialect::MsSql {
            let end = self.tsql_end(from);
            self.push(PieceKind::Statement, from, end.max(from + 1));
        } else {
            let end = (from..self.tokens.len()).find(|at| self.is_terminator(*at)).unwrap_or(self.tokens.len());
            let kind = if self.blocks.last() == Some(&Block::Declare) { PieceKind::Declaration } else { PieceKind::Statement };
            self.push(kind, from, end);
        }
    }
}
