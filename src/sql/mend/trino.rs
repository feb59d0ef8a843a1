//! Trino: types in parentheses, empty hexadecimal literals, and clauses of its JSON functions.

use sqlparser::{
    keywords::Keyword as K,
    tokenizer::{Token, TokenWithSpan, Word},
};

use super::Mended;
use crate::{
    model::Dialect,
    sql::spans::{bytes, located},
};

pub(super) fn mend(mended: &mut Mended, dialect: Dialect) {
    if matches!(dialect, Dialect::Trino | Dialect::Generic) {
        empty_hex(mended);
        json_clauses(mended);
        nested_types(mended);
        name_called_at(mended);
    }
}

/// `0x`, of no digits, is read as the number and a name behind it.
fn empty_hex(mended: &mut Mended) {
    let mut found = Vec::new();
    for at in 1..mended.len() {
        let before = mended.place(at - 1);
        let touches = before.end == mended.place(at).start;
        let zero = matches!(mended.token(at - 1), Token::Number(digits, _) if digits == "0");
        if touches && zero && mended.is_word(at, "x") {
            found.push((at, at + 1));
        }
    }
    if !found.is_empty() {
        mended.remove_all(&found, "empty hexadecimal literal");
    }
}

/// `JSON_QUERY(… OMIT QUOTES)`, `WITH ARRAY WRAPPER`, `KEEP QUOTES ON SCALAR STRING`.
fn json_clauses(mended: &mut Mended) {
    let mut found: Vec<(usize, usize)> = Vec::new();
    let mut at = 0;
    while at < mended.len() {
        let end = past_quotes(mended, at).or_else(|| past_wrapper(mended, at));
        match end {
            Some(end) => {
                found.push((at, end));
                at = end;
            }
            None => at += 1,
        }
    }
    if !found.is_empty() {
        mended.remove_all(&found, "clause of a JSON function");
    }
}

fn past_quotes(mended: &Mended, at: usize) -> Option<usize> {
    let begins = (mended.is_word(at, "omit") || mended.is_word(at, "keep")) && mended.is_word(at + 1, "quotes");
    if !begins {
        return None;
    }
    let on_scalar = mended.is_word(at + 2, "on") && mended.is_word(at + 3, "scalar") && mended.is_word(at + 4, "string");
    Some(if on_scalar { at + 5 } else { at + 2 })
}

fn past_wrapper(mended: &Mended, at: usize) -> Option<usize> {
    if !(mended.is_word(at, "with") || mended.is_word(at, "without")) {
        return None;
    }
    let mut end = at + 1;
    while ["conditional", "unconditional", "array"].iter().any(|word| mended.is_word(end, word)) {
        end += 1;
    }
    mended.is_word(end, "wrapper").then_some(end + 1)
}

/// `CAST(x AS ARRAY(ROW(a BIGINT)))`: what a value is cast to moves no column, so that a plain type will do.
fn nested_types(mended: &mut Mended) {
    let mut at = 0;
    while at < mended.len() {
        let is_type =
            ["array", "map", "row"].iter().any(|word| mended.is_word(at + 1, word)) && mended.is(at + 2, &Token::LParen);
        let Some(end) = is_type.then(|| mended.past_group(at + 2)).flatten() else {
            at += 1;
            continue;
        };
        // `AS` in a cast is followed by a type and the end of the call; elsewhere by a name.
        if mended.is_keyword(at, K::AS) && mended.is(end, &Token::RParen) {
            let span = mended.span(at + 1, end);
            let word = Word { value: "VARCHAR".to_owned(), quote_style: None, keyword: K::VARCHAR };
            let plain = TokenWithSpan::new(Token::Word(word), located(span.start as usize, span.end as usize));
            mended.tokens.splice(at + 1..end, [plain]);
            mended.note("type in parentheses", span);
        }
        at += 1;
    }
}

/// `JOIN t at ON at.x = …`: a relation called `at`, which begins `AT TIME ZONE` elsewhere.
fn name_called_at(mended: &mut Mended) {
    for at in 1..mended.len() {
        let is_name = mended.is_word(at, "at") && !mended.is_word(at + 1, "time");
        if !is_name {
            continue;
        }
        if let Some(token) = mended.tokens.get_mut(at)
            && let Token::Word(word) = &mut token.token
        {
            word.keyword = K::NoKeyword;
            word.quote_style = Some('"');
            let span = bytes(token.span);
            mended.note("name that is a keyword", span);
        }
    }
}
