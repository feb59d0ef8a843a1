//! Clauses of PostgreSQL's FROM and WITH: ROWS FROM, and SEARCH and CYCLE of recursive CTEs.

use sqlparser::{
    keywords::Keyword as K,
    tokenizer::{Token, TokenWithSpan},
};

use super::{Mended, keyword_at, phrase, symbol_at};

/// Such clauses in one statement that are read.
const MOST: usize = 50;

pub(super) fn mend(mended: &mut Mended) {
    for _ in 0..MOST {
        if !(1..mended.len()).any(|at| rows_from(mended, at)) {
            break;
        }
    }
    for _ in 0..MOST {
        if !(1..mended.len()).any(|at| path_columns(mended, at)) {
            break;
        }
    }
}

/// `ROWS FROM (f(x) AS (a int), g(y)) AS r` is a lateral query of all of them side by side.
fn rows_from(mended: &mut Mended, at: usize) -> bool {
    if !mended.is_keyword(at, K::ROWS) || !mended.is_keyword(at + 1, K::FROM) || !mended.is(at + 2, &Token::LParen) {
        return false;
    }
    let Some(end) = mended.past_group(at + 2) else { return false };
    let place = mended.span(at, end);
    let lateral = mended.is_keyword(at - 1, K::LATERAL);
    let mut tokens = phrase(if lateral { "( SELECT * FROM" } else { "LATERAL ( SELECT * FROM" }, &[], place);
    let mut from = at + 3;
    let mut count = 0;
    while from < end - 1 {
        let comma = mended.find(from, end - 1, |mended, at| mended.is(at, &Token::Comma)).unwrap_or(end - 1);
        let listed = mended.find(from, comma, |mended, at| mended.is_keyword(at, K::AS) && mended.is(at + 1, &Token::LParen));
        count += 1;
        if count > 1 {
            tokens.push(symbol_at(Token::Comma, place));
        }
        tokens.extend(mended.slice(from, listed.unwrap_or(comma)));
        tokens.extend([keyword_at("AS", place), keyword_at(&format!("rows_{count}"), place)]);
        if let Some(listed) = listed {
            tokens.extend(mended.slice(listed + 1, comma));
        }
        from = comma + 1;
    }
    tokens.push(symbol_at(Token::RParen, place));
    mended.tokens.splice(at..end, tokens);
    mended.note("rows from", place);
    true
}

/// `t AS (…) SEARCH DEPTH FIRST BY a SET o CYCLE a SET c USING p` becomes
/// `t AS (…), t AS (SELECT *, coalesce(a) AS o, coalesce(a) AS c, coalesce(a) AS p FROM t)`.
fn path_columns(mended: &mut Mended, at: usize) -> bool {
    let search = mended.is_word(at, "SEARCH") && (mended.is_word(at + 1, "DEPTH") || mended.is_word(at + 1, "BREADTH"));
    let cycle = mended.is_word(at, "CYCLE") && mended.is_name(at + 1);
    if !(search || cycle) || !mended.is(at - 1, &Token::RParen) {
        return false;
    }
    let Some(name) = cte_name(mended, at - 1) else { return false };
    let place = mended.place(at);
    let mut columns: Vec<TokenWithSpan> = Vec::new();
    let mut end = at;
    loop {
        let first = if mended.is_word(end, "SEARCH") {
            end + 4
        } else if mended.is_word(end, "CYCLE") {
            end + 1
        } else {
            break;
        };
        let Some(set) = mended.find_keyword(first, K::SET) else { return false };
        let keys = mended.slice(first, set);
        let mut made = vec![mended.slice(set + 1, set + 2)];
        end = set + 2;
        if mended.is_keyword(end, K::TO) {
            end += 4;
        }
        if mended.is_keyword(end, K::USING) {
            made.push(mended.slice(end + 1, end + 2));
            end += 2;
        }
        for name in made {
            columns.extend(phrase(", coalesce ( $1 ) AS $2", &[&keys, &name], place));
        }
    }
    if end > mended.len() {
        return false;
    }
    let span = mended.span(at, end);
    let tokens = phrase(", $1 AS ( SELECT * $2 FROM $1 )", &[&name, &columns], span);
    mended.tokens.splice(at..end, tokens);
    mended.note("search and cycle", span);
    true
}

/// The name of the CTE whose body the bracket at `close` ends.
fn cte_name(mended: &Mended, close: usize) -> Option<Vec<TokenWithSpan>> {
    let open = |close: usize| {
        let mut depth = 0usize;
        (0..=close).rev().find(|at| {
            match mended.token(*at) {
                Token::RParen => depth += 1,
                Token::LParen => depth = depth.saturating_sub(1),
                _ => {}
            }
            depth == 0
        })
    };
    let mut before = open(close)?.checked_sub(1)?;
    while matches!(mended.keyword(before), K::AS | K::NOT | K::MATERIALIZED) {
        before = before.checked_sub(1)?;
    }
    if mended.is(before, &Token::RParen) {
        before = open(before)?.checked_sub(1)?;
    }
    mended.is_name(before).then(|| mended.slice(before, before + 1))
}
