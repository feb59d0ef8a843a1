//! Vertica: TIMESERIES, MATCH, LIMIT … OVER and INTERPOLATE, in words that other products have.

use sqlparser::{
    keywords::Keyword as K,
    tokenizer::{Token, TokenWithSpan},
};

use super::{Mended, phrase, symbol_at};

pub(super) fn mend(mended: &mut Mended) {
    time_series(mended);
    events(mended);
    limits(mended);
    for at in 0..mended.len() {
        // a.t INTERPOLATE PREVIOUS VALUE b.t joins the row before.
        let previous = mended.is_word(at + 1, "PREVIOUS") || mended.is_keyword(at + 1, K::NEXT);
        if mended.is_word(at, "INTERPOLATE") && previous && mended.is_keyword(at + 2, K::VALUE) {
            let place = mended.span(at, at + 3);
            mended.tokens.splice(at..at + 3, [symbol_at(Token::GtEq, place)]);
            mended.note("interpolate", place);
        }
    }
}

/// `FROM t TIMESERIES slice AS '1 second' OVER (PARTITION BY p ORDER BY o)` becomes
/// `FROM (SELECT *, time_slice(o) AS slice FROM t) AS t GROUP BY slice, p`, and what
/// `TS_FIRST_VALUE(x)` reads is in the order of o.
fn time_series(mended: &mut Mended) {
    let Some(at) = (1..mended.len()).find(|at| mended.is_word(*at, "TIMESERIES") && mended.is_keyword(at + 2, K::AS)) else {
        return;
    };
    let Some(over) = mended.find(at, mended.len(), |mended, at| mended.is_keyword(at, K::OVER)) else { return };
    let Some(end) = mended.past_group(over + 1) else { return };
    let Some(order) = mended.find(over + 2, end - 1, |mended, at| mended.is_keyword(at, K::ORDER)) else { return };
    let Some(from) = (0..at).rev().find(|from| mended.is_keyword(*from, K::FROM)) else { return };
    let place = mended.span(at, end);
    let slice = mended.slice(at + 1, at + 2);
    let ordered = mended.slice(order + 2, end - 1);
    let partition = if mended.is_keyword(over + 2, K::PARTITION) { mended.slice(over + 4, order) } else { Vec::new() };
    let named = mended.past_name(from + 1).unwrap_or(at).min(at);
    let alias = if named + 1 == at { at - 1 } else { named - 1 };
    let (source, alias) = (mended.slice(from, at), mended.slice(alias, alias + 1));
    let mut tokens = phrase("FROM ( SELECT * , time_slice ( $1 ) AS $2 $3 ) AS $4", &[&ordered, &slice, &source, &alias], place);
    tokens.extend(phrase("GROUP BY $1", &[&slice], place));
    if !partition.is_empty() {
        tokens.extend(phrase(", $1", &[&partition], place));
    }
    let window = mended.slice(over, end);
    mended.tokens.splice(from..end, tokens);
    mended.note("time series", place);
    let mut at = 0;
    while at < mended.len() {
        let aggregate = mended.is_word(at, "TS_FIRST_VALUE") || mended.is_word(at, "TS_LAST_VALUE");
        if aggregate && let Some(after) = mended.past_group(at + 1) {
            mended.tokens.splice(after..after, window.iter().cloned());
            at = after;
        }
        at += 1;
    }
}

/// `FROM t MATCH (PARTITION BY p ORDER BY o DEFINE e AS c, … PATTERN …)` keeps the rows of the pattern.
fn events(mended: &mut Mended) {
    let Some(at) = (1..mended.len()).find(|at| mended.is_word(*at, "MATCH") && mended.is(at + 1, &Token::LParen)) else {
        return;
    };
    let Some(end) = mended.past_group(at + 1) else { return };
    let word = |from: usize, text: &'static str| mended.find(from, end - 1, move |mended, at| mended.is_word(at, text));
    let (Some(define), Some(pattern)) = (word(at + 2, "DEFINE"), word(at + 2, "PATTERN")) else { return };
    let place = mended.span(at, end);
    let window = mended.slice(at + 2, define);
    let mut tokens = phrase("QUALIFY row_number ( ) OVER ( $1 ) IS NOT NULL", &[&window], place);
    let mut start = define + 1;
    while start < pattern {
        let comma = mended.find(start, pattern, |mended, at| mended.is(at, &Token::Comma)).unwrap_or(pattern);
        if mended.is_keyword(start + 1, K::AS) {
            tokens.extend(phrase("AND ( $1 )", &[&mended.slice(start + 2, comma)], place));
        }
        start = comma + 1;
    }
    mended.tokens.splice(at..end, tokens);
    mended.note("event pattern", place);
}

/// `LIMIT 1 OVER (…)` is the first row of each window.
fn limits(mended: &mut Mended) {
    let over = |at: &usize| mended.is_keyword(*at, K::LIMIT) && mended.is_keyword(at + 2, K::OVER);
    let Some(at) = (1..mended.len()).find(over) else { return };
    let Some(end) = mended.past_group(at + 3) else { return };
    let place = mended.span(at, end);
    let (count, window) = (mended.slice(at + 1, at + 2), mended.slice(at + 2, end));
    let mut tokens: Vec<TokenWithSpan> = phrase("QUALIFY row_number ( ) $1", &[&window], place);
    tokens.push(symbol_at(Token::LtEq, place));
    tokens.extend(count);
    mended.tokens.splice(at..end, tokens);
    mended.note("limit over", place);
}
