//! Hive and Spark: rows that go through a script, and generators.

use sqlparser::{
    keywords::Keyword as K,
    tokenizer::{Token, TokenWithSpan},
};

use super::{Mended, keyword_at, phrase, symbol_at};

pub(super) fn mend(mended: &mut Mended) {
    transforms(mended);
    struct_stars(mended);
}

/// `SELECT TRANSFORM (a, b) USING 'script' AS (p, q)` and `MAP a, b USING 'script' AS p, q`: every
/// output of the script may be made of all its inputs.
fn transforms(mended: &mut Mended) {
    let script = |mended: &Mended, at: usize| mended.is_keyword(at, K::USING) && is_text(mended, at + 1);
    let last = |mended: &Mended| (0..mended.len()).rev().find(|at| script(mended, *at));
    let (mut at, mut scripts_end) = (0, last(mended).unwrap_or(0));
    while at < scripts_end {
        at += 1;
        let here = at - 1;
        let called = mended.is_word(here, "TRANSFORM") && mended.is(here + 1, &Token::LParen);
        let bare = mended.is_word(here, "MAP") || mended.is_word(here, "REDUCE");
        if !(called || bare) {
            continue;
        }
        let Some(inputs) = (if called { mended.past_group(here + 1) } else { Some(here + 1) }) else { continue };
        let Some(using) = mended.find(inputs, scripts_end + 1, script) else { continue };
        if called && using > inputs && !mended.is_keyword(inputs, K::ROW) {
            continue;
        }
        let end = mended.find(using, mended.len(), |mended, at| mended.is_keyword(at, K::FROM)).unwrap_or(mended.len());
        let arguments = if called { mended.slice(here + 2, inputs - 1) } else { mended.slice(inputs, using) };
        let place = mended.span(here, end);
        let names = joined(names(mended, using + 2, end), place);
        let head = if called { "transform ( $1 ) AS ( $2 )" } else { "SELECT transform ( $1 ) AS ( $2 )" };
        let tokens = phrase(head, &[&arguments, &names], place);
        mended.tokens.splice(here..end, tokens);
        mended.note("transform", place);
        scripts_end = last(mended).unwrap_or(0);
    }
}

fn is_text(mended: &Mended, at: usize) -> bool {
    matches!(mended.token(at), Token::SingleQuotedString(_) | Token::DoubleQuotedString(_))
}

/// The names behind AS, in brackets or not, without their types; `key` and `value` where none stand.
fn names(mended: &Mended, from: usize, to: usize) -> Vec<TokenWithSpan> {
    let place = mended.place(from);
    if !mended.is_keyword(from, K::AS) {
        return vec![keyword_at("key", place), keyword_at("value", place)];
    }
    let listed = mended.past_group(from + 1).filter(|_| mended.is(from + 1, &Token::LParen));
    let (mut at, to) = match listed {
        Some(end) => (from + 2, end - 1),
        None => (from + 1, to),
    };
    let mut names = Vec::new();
    while at < to {
        names.extend(mended.slice(at, at + 1).into_iter().filter(|token| matches!(token.token, Token::Word(_))));
        let comma = mended.find(at, to, |mended, at| mended.is(at, &Token::Comma));
        at = comma.map_or(to, |comma| comma + 1);
    }
    names
}

fn joined(names: Vec<TokenWithSpan>, place: crate::model::Span) -> Vec<TokenWithSpan> {
    let mut out = Vec::new();
    for name in names {
        if !out.is_empty() {
            out.push(symbol_at(Token::Comma, place));
        }
        out.push(name);
    }
    out
}

/// `struct(*)` is a call, as `object_construct(*)` is one.
fn struct_stars(mended: &mut Mended) {
    for at in 0..mended.len() {
        let star = mended.is(at + 2, &Token::Mul)
            || (mended.is_name(at + 2) && mended.is(at + 3, &Token::Period) && mended.is(at + 4, &Token::Mul));
        if mended.is_word(at, "STRUCT") && mended.is(at + 1, &Token::LParen) && star {
            let place = mended.place(at);
            mended.tokens[at] = keyword_at("object_construct", place);
            mended.note("struct of a row", place);
        }
    }
}
