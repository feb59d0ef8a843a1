//! DuckDB: stars that patterns narrow, and short forms of its own.

use sqlparser::{
    keywords::Keyword as K,
    tokenizer::{Token, TokenWithSpan, Word},
};

use super::{Mended, keyword_at, phrase, symbol_at};
use crate::sql::spans::located;

pub(super) fn mend(mended: &mut Mended) {
    sampling(mended);
    let mut at = 0;
    while at < mended.len() {
        // x ** 2
        if mended.is(at, &Token::Mul) && mended.is(at + 1, &Token::Mul) {
            mended.remove(at, at + 1, "power");
        // LIMIT 10%
        } else if mended.is(at, &Token::Mod) && at > 1 && mended.is_keyword(at - 2, K::LIMIT) {
            mended.remove(at, at + 1, "percent");
        // FILTER (x > 1)
        } else if mended.is_keyword(at, K::FILTER) && mended.is(at + 1, &Token::LParen) && !mended.is_keyword(at + 2, K::WHERE) {
            let place = mended.place(at + 1);
            mended.tokens.insert(at + 2, keyword_at("WHERE", place));
            mended.note("filter", place);
        } else if mended.is_keyword(at, K::BY) && mended.is_word(at + 1, "POSITION") && mended.is_keyword(0, K::INSERT) {
            mended.remove(at, at + 2, "insert by position");
        } else if mended.is(at, &Token::LBracket) {
            comprehension(mended, at);
        // a POSITIONAL JOIN b
        } else if mended.is_word(at, "POSITIONAL") && mended.is_keyword(at + 1, K::JOIN) {
            let place = mended.place(at);
            mended.tokens[at] = keyword_at("CROSS", place);
            mended.note("positional join", place);
        // f(*COLUMNS(…)): its columns are arguments
        } else if mended.is(at, &Token::Mul)
            && at > 0
            && matches!(mended.token(at - 1), Token::LParen | Token::Comma)
            && mended.is_word(at + 1, "COLUMNS")
            && mended.is(at + 2, &Token::LParen)
        {
            let span = mended.span(at, at + 2);
            let word = Word { value: "*columns".to_owned(), quote_style: Some('"'), keyword: K::NoKeyword };
            let called = TokenWithSpan::new(Token::Word(word), located(span.start as usize, span.end as usize));
            mended.tokens.splice(at..at + 2, [called]);
            mended.note("unpacked columns", span);
        } else if mended.is(at, &Token::Mul) {
            star_pattern(mended, at);
        }
        at += 1;
    }
}

/// `[e FOR x IN list IF c]` is `list_transform(list, x -> e, c)`.
fn comprehension(mended: &mut Mended, at: usize) {
    let Some(end) = mended.past_group(at) else { return };
    let clause = |from: usize, keyword: K| mended.find(from, end - 1, |mended, at| mended.is_keyword(at, keyword));
    let Some(by) = clause(at + 1, K::FOR) else { return };
    let Some(list) = clause(by + 1, K::IN) else { return };
    let test = clause(list + 1, K::IF);
    let place = mended.span(at, end);
    let mut tokens = phrase("list_transform (", &[], place);
    tokens.extend(mended.slice(list + 1, test.unwrap_or(end - 1)));
    for body in [Some((at + 1, by)), test.map(|test| (test + 1, end - 1))].into_iter().flatten() {
        tokens.push(symbol_at(Token::Comma, place));
        tokens.extend(mended.slice(by + 1, list));
        tokens.push(symbol_at(Token::Arrow, place));
        tokens.extend(mended.slice(body.0, body.1));
    }
    tokens.push(symbol_at(Token::RParen, place));
    mended.tokens.splice(at..end, tokens);
    mended.note("list comprehension", place);
}

/// `* LIKE 'p'`, `t.* NOT ILIKE 'p'`, `* SIMILAR TO 'p'`, `* GLOB 'p'` are `COLUMNS(name -> name LIKE 'p')`.
fn star_pattern(mended: &mut Mended, at: usize) {
    let not = usize::from(mended.is_keyword(at + 1, K::NOT));
    let test = at + 1 + not;
    let words = if matches!(mended.keyword(test), K::LIKE | K::ILIKE) || mended.is_word(test, "GLOB") {
        1
    } else if mended.is_keyword(test, K::SIMILAR) && mended.is_keyword(test + 1, K::TO) {
        2
    } else {
        return;
    };
    let pattern = test + words;
    if !matches!(mended.token(pattern), Token::SingleQuotedString(_)) {
        return;
    }
    let place = mended.span(at, pattern + 1);
    let condition = mended.slice(at + 1, pattern + 1);
    let arrow = [symbol_at(Token::Arrow, place)];
    let name = [keyword_at("star_name", place)];
    let tokens = phrase("COLUMNS ( $1 $2 $1 $3 )", &[&name, &arrow, &condition], place);
    mended.tokens.splice(at..=pattern, tokens);
    mended.note("pattern of a star", place);
}

/// `FROM t USING SAMPLE 10%`: which rows are taken is not told by any column.
fn sampling(mended: &mut Mended) {
    let sample = |at: &usize| mended.is_keyword(*at, K::USING) && mended.is_word(at + 1, "SAMPLE");
    let Some(at) = (0..mended.len()).find(sample) else { return };
    let ends = |mended: &Mended, at: usize| {
        matches!(mended.keyword(at), K::UNION | K::EXCEPT | K::INTERSECT | K::ORDER | K::LIMIT | K::WHERE)
    };
    let mut end = at + 2;
    while end < mended.len() && !ends(mended, end) && !mended.is(end, &Token::RParen) {
        end = match mended.token(end) {
            Token::LParen => mended.past_group(end).unwrap_or(mended.len()),
            _ => end + 1,
        };
    }
    mended.remove(at, end, "sample");
}
