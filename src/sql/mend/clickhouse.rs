//! ClickHouse: `WITH expression AS name` and clauses of its own.

use sqlparser::{
    keywords::Keyword as K,
    tokenizer::{Token, TokenWithSpan},
};

use super::{Mended, symbol_at};
use crate::model::Dialect;

pub(super) fn mend(mended: &mut Mended, dialect: Dialect) {
    if dialect == Dialect::ClickHouse {
        with_expressions(mended);
    }
}

/// Every name of `WITH expression AS name, …` is replaced by its expression in parentheses.
///
/// Expressions without a query of their own; at most `MOST` tokens come of it.
fn with_expressions(mended: &mut Mended) {
    const MOST: usize = 200_000;
    let Some(with) = (0..mended.len()).find(|at| mended.is_keyword(*at, K::WITH)) else { return };
    let mut at = with + 1;
    let mut kept: Vec<TokenWithSpan> = Vec::new();
    let mut names: Vec<(String, Vec<TokenWithSpan>)> = Vec::new();
    loop {
        let end = mended.find(at, mended.len(), |mended, at| mended.is(at, &Token::Comma) || mended.is_keyword(at, K::SELECT));
        let Some(end) = end else { return };
        let is_query = mended.is_name(at) && mended.is_keyword(at + 1, K::AS) && mended.is(at + 2, &Token::LParen);
        if is_query {
            if !kept.is_empty() {
                kept.push(symbol_at(Token::Comma, mended.place(at)));
            }
            kept.extend(mended.slice(at, end));
        } else if end >= at + 3
            && mended.is_keyword(end - 2, K::AS)
            && let Token::Word(name) = mended.token(end - 1)
        {
            names.push((name.value.clone(), mended.slice(at, end - 2)));
        } else {
            return;
        }
        at = end + 1;
        if mended.is_keyword(end, K::SELECT) {
            break;
        }
    }
    if names.is_empty() {
        return;
    }
    let span = mended.span(with, at - 1);
    let rest = mended.slice(at - 1, mended.len());
    let mut tokens = mended.slice(0, if kept.is_empty() { with } else { with + 1 });
    tokens.extend(kept);
    tokens.extend(rest);
    for (name, expression) in names.iter().rev() {
        tokens = substitute(tokens, name, expression);
        if tokens.len() > MOST {
            return;
        }
    }
    mended.tokens = tokens;
    mended.note("with expression", span);
}

fn substitute(tokens: Vec<TokenWithSpan>, name: &str, expression: &[TokenWithSpan]) -> Vec<TokenWithSpan> {
    let mut out: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
    for (at, token) in tokens.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|before| tokens.get(before)).map(|token| &token.token);
        let after = tokens.get(at + 1).map(|token| &token.token);
        let part = matches!(before, Some(Token::Period)) || matches!(after, Some(Token::Period | Token::LParen));
        let alias = matches!(before, Some(Token::Word(word)) if word.keyword == K::AS);
        let wanted = matches!(&token.token, Token::Word(word) if word.value == name);
        if wanted && !part && !alias {
            out.push(TokenWithSpan::new(Token::LParen, token.span));
            out.extend(expression.iter().cloned().map(|mut inner| {
                inner.span = token.span;
                inner
            }));
            out.push(TokenWithSpan::new(Token::RParen, token.span));
        } else {
            out.push(token.clone());
        }
    }
    out
}
