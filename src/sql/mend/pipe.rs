//! BigQuery's pipe operators that sqlparser does not know.

use sqlparser::{
    keywords::Keyword as K,
    tokenizer::{Token, TokenWithSpan},
};

use super::{Mended, keyword_at};

pub(super) fn mend(mended: &mut Mended) {
    if !mended.tokens.iter().any(|token| token.token == Token::VerticalBarRightAngleBracket) {
        return;
    }
    operators(mended);
    named_windows(mended);
    hoist_ctes(mended);
}

/// `|> WINDOW` is the older word for EXTEND; `GROUP AND ORDER BY` groups; `|> DISTINCT` keeps every
/// column and so is left out.
fn operators(mended: &mut Mended) {
    let mut removed = Vec::new();
    for at in 0..mended.len() {
        let piped = mended.is(at, &Token::VerticalBarRightAngleBracket);
        if piped && mended.is_keyword(at + 1, K::WINDOW) {
            let place = mended.place(at + 1);
            mended.tokens[at + 1] = keyword_at("EXTEND", place);
            mended.note("pipe window", place);
        } else if piped && mended.is_keyword(at + 1, K::DISTINCT) {
            removed.push((at, at + 2));
        } else if mended.is_keyword(at, K::GROUP) && mended.is_keyword(at + 1, K::AND) {
            removed.push((at + 1, at + 3));
        }
    }
    mended.remove_all(&removed, "pipe operator");
}

/// `|> EXTEND f() OVER w AS x WINDOW w AS (…)`: the window moves to where it is named.
fn named_windows(mended: &mut Mended) {
    const MOST: usize = 200;
    for _ in 0..MOST {
        let found = (1..mended.len()).find(|at| {
            mended.is_keyword(*at, K::WINDOW)
                && mended.is_name(at + 1)
                && mended.is_keyword(at + 2, K::AS)
                && mended.is(at + 3, &Token::LParen)
        });
        let Some(at) = found else { return };
        let Some(end) = mended.past_group(at + 3) else { return };
        let Token::Word(name) = mended.token(at + 1).clone() else { return };
        let window = mended.slice(at + 3, end);
        let next = mended.is(end, &Token::Comma);
        let span = mended.span(at, end);
        if next {
            // `WINDOW a AS (…), b AS (…)`: the word stays for the next.
            mended.tokens.drain(at + 1..=end);
        } else {
            mended.tokens.drain(at..end);
        }
        inline(mended, &name.value, &window);
        mended.note("pipe window clause", span);
    }
}

fn inline(mended: &mut Mended, name: &str, window: &[TokenWithSpan]) {
    let mut out = Vec::with_capacity(mended.len() + window.len());
    for at in 0..mended.len() {
        let named = at > 0 && mended.is_keyword(at - 1, K::OVER) && mended.is_word(at, name);
        if named {
            out.extend(window.iter().cloned());
        } else {
            out.extend(mended.slice(at, at + 1));
        }
    }
    mended.tokens = out;
}

/// `query |> WITH t AS (…) |> …` becomes `WITH t AS (…) query |> …`.
fn hoist_ctes(mended: &mut Mended) {
    if !matches!(mended.keyword(0), K::SELECT | K::FROM) {
        return;
    }
    let piped = |mended: &Mended, at: usize| mended.is(at, &Token::VerticalBarRightAngleBracket);
    let Some(at) = mended.find(0, mended.len(), |mended, at| piped(mended, at) && mended.is_keyword(at + 1, K::WITH)) else {
        return;
    };
    let end = mended.find(at + 1, mended.len(), piped).unwrap_or(mended.len());
    let span = mended.span(at, end);
    let mut ctes: Vec<TokenWithSpan> = mended.tokens.drain(at..end).skip(1).collect();
    if ctes.last().is_some_and(|last| last.token == Token::Comma) {
        ctes.pop();
    }
    mended.tokens.splice(0..0, ctes);
    mended.note("pipe with", span);
}
