//! DuckDB's PIVOT and UNPIVOT statements, as the table operators that they stand for.

use sqlparser::{
    keywords::Keyword as K,
    tokenizer::{Token, TokenWithSpan},
};

use super::{Mended, keyword_at, symbol_at};
use crate::model::Span;

pub(super) fn mend(mended: &mut Mended) {
    let Some(at) = (0..mended.len()).find(|at| {
        matches!(mended.keyword(*at), K::PIVOT | K::UNPIVOT)
            && (*at == 0 || mended.is_keyword(at - 1, K::AS) || mended.is(at - 1, &Token::LParen))
            && mended.find_keyword(at + 1, K::ON).is_some()
    }) else {
        return;
    };
    let end = closing(mended, at);
    let rewritten = if mended.is_keyword(at, K::PIVOT) { pivot(mended, at, end) } else { unpivot(mended, at, end) };
    let Some(tokens) = rewritten else { return };
    let span = mended.span(at, end);
    mended.tokens.splice(at..end, tokens);
    mended.note("pivot statement", span);
}

/// Where the statement at `at` ends: before the bracket that closes around it.
fn closing(mended: &Mended, at: usize) -> usize {
    let mut depth = 0usize;
    for end in at..mended.len() {
        match mended.token(end) {
            Token::LParen => depth += 1,
            Token::RParen if depth == 0 => return end,
            Token::RParen => depth -= 1,
            _ => {}
        }
    }
    mended.len()
}

/// `PIVOT t ON q [IN (…)] USING agg [GROUP BY g]` becomes
/// `SELECT * FROM (SELECT g, q, arguments FROM t) PIVOT (agg FOR q IN (… | ANY))`.
fn pivot(mended: &Mended, at: usize, end: usize) -> Option<Vec<TokenWithSpan>> {
    let clause = |keyword: K| mended.find(at + 1, end, |mended, at| mended.is_keyword(at, keyword));
    let on = clause(K::ON)?;
    let using = clause(K::USING)?;
    let group = clause(K::GROUP);
    let place = mended.place(at);
    let keys_end = mended.find(on, using, |mended, at| mended.is_keyword(at, K::IN)).unwrap_or(using);
    let keys = mended.slice(on + 1, keys_end);
    let values = mended.slice(keys_end, using);
    let aggregates = mended.slice(using + 1, group.unwrap_or(end));
    let group_end = mended.find(using, end, |mended, at| mended.is_keyword(at, K::ORDER)).unwrap_or(end);
    let mut out = start(place);
    match group {
        Some(group) => {
            let mut inner = vec![symbol_at(Token::LParen, place), keyword_at("SELECT", place)];
            inner.extend(mended.slice(group + 2, group_end));
            for operand in [&keys, &arguments(&aggregates)] {
                inner.push(symbol_at(Token::Comma, place));
                inner.extend(operand.iter().cloned());
            }
            inner.push(keyword_at("FROM", place));
            inner.extend(mended.slice(at + 1, on));
            inner.push(symbol_at(Token::RParen, place));
            out.extend(inner);
        }
        None => out.extend(mended.slice(at + 1, on)),
    }
    out.push(keyword_at("PIVOT", place));
    out.push(symbol_at(Token::LParen, place));
    out.extend(aggregates);
    out.push(keyword_at("FOR", place));
    out.extend(keys);
    if values.is_empty() {
        out.push(keyword_at("IN", place));
        out.push(symbol_at(Token::LParen, place));
        out.push(keyword_at("ANY", place));
        out.push(symbol_at(Token::RParen, place));
    } else {
        out.extend(values);
    }
    out.push(symbol_at(Token::RParen, place));
    Some(out)
}

/// What stands in the parentheses of every aggregate, separated by commas.
fn arguments(aggregates: &[TokenWithSpan]) -> Vec<TokenWithSpan> {
    let mut out: Vec<TokenWithSpan> = Vec::new();
    let mut depth = 0usize;
    for token in aggregates {
        match token.token {
            Token::LParen => {
                depth += 1;
                if depth == 1 {
                    if !out.is_empty() {
                        out.push(TokenWithSpan::new(Token::Comma, token.span));
                    }
                    continue;
                }
            }
            Token::RParen => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > 0 {
            out.push(token.clone());
        }
    }
    if out.is_empty() {
        out.extend(aggregates.first().map(|token| TokenWithSpan::new(Token::Number("1".to_owned(), false), token.span)));
    }
    out
}

/// `UNPIVOT t ON a, b INTO NAME n VALUE v` becomes `SELECT * FROM t UNPIVOT (v FOR n IN (a, b))`.
fn unpivot(mended: &Mended, at: usize, end: usize) -> Option<Vec<TokenWithSpan>> {
    let clause = |keyword: K| mended.find(at + 1, end, |mended, at| mended.is_keyword(at, keyword));
    let (on, into) = (clause(K::ON)?, clause(K::INTO)?);
    let place = mended.place(at);
    let name = mended.tokens.get(into + 2)?.clone();
    let value = mended.tokens.get(into + 4)?.clone();
    let mut out = start(place);
    out.extend(mended.slice(at + 1, on));
    out.extend([keyword_at("UNPIVOT", place), symbol_at(Token::LParen, place), value, keyword_at("FOR", place), name]);
    out.extend([keyword_at("IN", place), symbol_at(Token::LParen, place)]);
    out.extend(mended.slice(on + 1, into));
    out.extend([symbol_at(Token::RParen, place), symbol_at(Token::RParen, place)]);
    Some(out)
}

fn start(place: Span) -> Vec<TokenWithSpan> {
    vec![keyword_at("SELECT", place), symbol_at(Token::Mul, place), keyword_at("FROM", place)]
}
