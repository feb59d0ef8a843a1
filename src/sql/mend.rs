//! Rewrites grammar that sqlparser does not know to an equivalent that it does.
//!
//! Runs only after a statement failed to parse. Tokens are dropped, moved, copied or exchanged; each
//! keeps the bytes it came from, so every span of the tree still points into the text.

use sqlparser::{
    keywords::Keyword,
    tokenizer::{Token, TokenWithSpan, Word},
};

use super::spans::{bytes, located};
use crate::model::{Dialect, Span};

mod clauses;
mod clickhouse;
mod copy;
mod create;
mod duckdb;
mod graph;
mod hive;
mod insert;
mod lakehouse;
mod lenient;
mod oracle;
mod pipe;
mod pivot;
mod query;
mod recursive;
mod rows;
mod trino;
mod vertica;

/// A statement's tokens while they are mended.
#[derive(Clone, Debug)]
pub(crate) struct Mended {
    /// The tokens.
    pub(crate) tokens: Vec<TokenWithSpan>,
    /// What was rewritten, and where.
    pub(crate) mends: Vec<(&'static str, Span)>,
}

/// Mends a statement. More than one where it does the work of several.
pub(crate) fn mend(tokens: Vec<TokenWithSpan>, dialect: Dialect) -> Vec<Mended> {
    let mut mended = Mended { tokens, mends: Vec::new() };
    if matches!(dialect, Dialect::Teradata | Dialect::Generic | Dialect::Ansi) {
        query::locking(&mut mended);
    }
    if matches!(dialect, Dialect::MsSql | Dialect::Generic)
        && mended.is_keyword(0, Keyword::INSERT)
        && let Some(parts) = copy::insert_of_call(&mended)
    {
        return parts;
    }
    graph::mend(&mut mended);
    if matches!(dialect, Dialect::Postgres | Dialect::Redshift | Dialect::Generic | Dialect::Ansi | Dialect::Trino) {
        recursive::mend(&mut mended);
    }
    lakehouse::mend(&mut mended, dialect);
    copy::mend(&mut mended, dialect);
    rows::mend(&mut mended, dialect);
    create::mend(&mut mended, dialect);
    clauses::mend(&mut mended, dialect);
    query::mend(&mut mended, dialect);
    pipe::mend(&mut mended);
    clickhouse::mend(&mut mended, dialect);
    trino::mend(&mut mended, dialect);
    pivot::mend(&mut mended);
    lenient::mend(&mut mended);
    insert::mend(mended, dialect)
}

/// `EXECUTE text` of PL/pgSQL, which always runs a text.
pub(crate) fn execute_immediate(mut tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    if let Some(first) = tokens.first() {
        let place = bytes(first.span);
        tokens.insert(1, keyword_at("IMMEDIATE", place));
    }
    tokens
}

/// Mends what a second failure leaves: clauses of DDL that no lineage needs.
pub(crate) fn strip(tokens: Vec<TokenWithSpan>) -> Mended {
    let mut mended = Mended { tokens, mends: Vec::new() };
    create::strip(&mut mended);
    mended
}

impl Mended {
    fn note(&mut self, what: &'static str, at: Span) {
        self.mends.push((what, at));
    }

    fn len(&self) -> usize {
        self.tokens.len()
    }

    fn token(&self, at: usize) -> &Token {
        self.tokens.get(at).map_or(&Token::EOF, |token| &token.token)
    }

    fn is(&self, at: usize, token: &Token) -> bool {
        self.token(at) == token
    }

    fn keyword(&self, at: usize) -> Keyword {
        match self.token(at) {
            Token::Word(word) => word.keyword,
            _ => Keyword::NoKeyword,
        }
    }

    fn is_keyword(&self, at: usize, keyword: Keyword) -> bool {
        self.keyword(at) == keyword
    }

    fn is_word(&self, at: usize, text: &str) -> bool {
        matches!(self.token(at), Token::Word(word) if word.quote_style.is_none() && word.value.eq_ignore_ascii_case(text))
    }

    fn is_name(&self, at: usize) -> bool {
        matches!(self.token(at), Token::Word(_))
    }

    /// The place of `at`, or the end of the statement.
    fn place(&self, at: usize) -> Span {
        match self.tokens.get(at) {
            Some(token) => bytes(token.span),
            None => {
                let end = self.tokens.last().map_or(0, |token| bytes(token.span).end);
                Span { start: end, end }
            }
        }
    }

    fn span(&self, from: usize, to: usize) -> Span {
        if from >= to { Span::default() } else { self.place(from).cover(self.place(to - 1)) }
    }

    /// Past the bracket that closes the one at `at`.
    fn past_group(&self, at: usize) -> Option<usize> {
        let mut depth = 0usize;
        for (offset, token) in self.tokens.get(at..)?.iter().enumerate() {
            match token.token {
                Token::LParen | Token::LBracket | Token::LBrace => depth += 1,
                Token::RParen | Token::RBracket | Token::RBrace => {
                    depth = depth.checked_sub(1)?;
                    if depth == 0 {
                        return Some(at + offset + 1);
                    }
                }
                _ if depth == 0 => return None,
                _ => {}
            }
        }
        None
    }

    /// Past the `>` that closes the type's `<` at `at`.
    fn past_angles(&self, at: usize) -> Option<usize> {
        const FARTHEST: usize = 1_000;
        let mut depth = 0i32;
        for (offset, token) in self.tokens.get(at..)?.iter().take(FARTHEST).enumerate() {
            match token.token {
                Token::Lt => depth += 1,
                Token::Gt => depth -= 1,
                Token::ShiftRight => depth -= 2,
                Token::Word(_) | Token::Comma | Token::LParen | Token::RParen | Token::Number(..) | Token::Colon => {}
                _ => return None,
            }
            if depth <= 0 {
                return Some(at + offset + 1);
            }
        }
        None
    }

    /// Past a dotted name that starts at `at`.
    fn past_name(&self, at: usize) -> Option<usize> {
        let mut at = at;
        loop {
            if !self.is_name(at) {
                return None;
            }
            at += 1;
            if !self.is(at, &Token::Period) {
                return Some(at);
            }
            while self.is(at, &Token::Period) {
                at += 1;
            }
        }
    }

    /// The first token from `from` that `wanted` accepts, outside of brackets and before `to`.
    fn find(&self, from: usize, to: usize, wanted: impl Fn(&Mended, usize) -> bool) -> Option<usize> {
        let mut depth = 0usize;
        for at in from..to.min(self.len()) {
            if depth == 0 && wanted(self, at) {
                return Some(at);
            }
            match self.token(at) {
                Token::LParen | Token::LBracket | Token::LBrace => depth += 1,
                Token::RParen | Token::RBracket | Token::RBrace => depth = depth.checked_sub(1)?,
                _ => {}
            }
        }
        None
    }

    fn find_keyword(&self, from: usize, keyword: Keyword) -> Option<usize> {
        self.find(from, self.len(), |mended, at| mended.is_keyword(at, keyword))
    }

    fn starts_query(&self, at: usize) -> bool {
        matches!(self.keyword(at), Keyword::SELECT | Keyword::WITH | Keyword::FROM | Keyword::VALUES)
            || (self.is(at, &Token::LParen) && {
                let inner = (at..self.len()).find(|at| !self.is(*at, &Token::LParen)).unwrap_or(at);
                matches!(self.keyword(inner), Keyword::SELECT | Keyword::WITH | Keyword::FROM | Keyword::VALUES)
            })
    }

    fn remove(&mut self, from: usize, to: usize, what: &'static str) {
        if from < to && to <= self.len() {
            let span = self.span(from, to);
            self.tokens.drain(from..to);
            self.note(what, span);
        }
    }

    /// Removes every range of `ranges`, which are in order, in one pass.
    fn remove_all(&mut self, ranges: &[(usize, usize)], what: &'static str) {
        let (mut next, mut at) = (0, 0);
        for (from, to) in ranges {
            self.note(what, self.span(*from, *to));
        }
        self.tokens.retain(|_| {
            while ranges.get(next).is_some_and(|(_, to)| *to <= at) {
                next += 1;
            }
            let removed = ranges.get(next).is_some_and(|(from, _)| *from <= at);
            at += 1;
            !removed
        });
    }

    fn slice(&self, from: usize, to: usize) -> Vec<TokenWithSpan> {
        self.tokens.get(from..to).unwrap_or(&[]).to_vec()
    }
}

/// The tokens of `pattern`, its words and symbols separated by blanks; `$1` stands for the first of
/// `parts`. What is not in the text is placed at `at`.
fn phrase(pattern: &str, parts: &[&[TokenWithSpan]], at: Span) -> Vec<TokenWithSpan> {
    let mut tokens = Vec::new();
    for word in pattern.split_ascii_whitespace() {
        match word {
            "*" => tokens.push(symbol_at(Token::Mul, at)),
            "," => tokens.push(symbol_at(Token::Comma, at)),
            "(" => tokens.push(symbol_at(Token::LParen, at)),
            ")" => tokens.push(symbol_at(Token::RParen, at)),
            _ => match word.strip_prefix('$').and_then(|digits| digits.parse::<usize>().ok()) {
                Some(part) => tokens.extend(parts.get(part.wrapping_sub(1)).into_iter().flat_map(|part| part.iter().cloned())),
                None => tokens.push(keyword_at(word, at)),
            },
        }
    }
    tokens
}

/// A keyword that is not in the text, placed at `at`.
fn keyword_at(keyword: &str, at: Span) -> TokenWithSpan {
    let word = Word { value: keyword.to_owned(), quote_style: None, keyword: super::lexer::keyword(keyword) };
    TokenWithSpan::new(Token::Word(word), located(at.start as usize, at.start as usize))
}

/// A symbol that is not in the text, placed at `at`.
fn symbol_at(token: Token, at: Span) -> TokenWithSpan {
    TokenWithSpan::new(token, located(at.start as usize, at.start as usize))
}
