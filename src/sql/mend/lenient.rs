//! Grammar that one product or another lets pass, in words that the parser knows.

use sqlparser::{
    keywords::Keyword as K,
    tokenizer::{Token, TokenWithSpan, Word},
};

use super::{Mended, keyword_at, phrase, symbol_at};
use crate::sql::spans::located;

pub(super) fn mend(mended: &mut Mended) {
    ctes_before_create(mended);
    conflict_without_from(mended);
    returning_into(mended);
    let mut at = 1;
    while at < mended.len() {
        words(mended, at);
        brackets(mended, at);
        at += 1;
    }
}

/// `WITH a AS (…) CREATE TABLE b AS SELECT …` becomes `CREATE TABLE b AS WITH a AS (…) SELECT …`.
fn ctes_before_create(mended: &mut Mended) {
    if !mended.is_keyword(0, K::WITH) {
        return;
    }
    let Some(create) = mended.find_keyword(0, K::CREATE) else { return };
    let query = mended.find(create, mended.len(), |mended, at| mended.is_keyword(at - 1, K::AS) && mended.starts_query(at));
    let Some(query) = query else { return };
    let (with, place) = (mended.slice(0, create), mended.span(0, create));
    mended.tokens.splice(query..query, with);
    mended.tokens.drain(0..create);
    mended.note("with before create", place);
}

/// `INSERT … SELECT 1 ON CONFLICT …`: ON would be the name of the last column.
fn conflict_without_from(mended: &mut Mended) {
    if !mended.is_keyword(0, K::INSERT) {
        return;
    }
    let conflict = mended.find(1, mended.len(), |mended, at| mended.is_keyword(at, K::ON) && mended.is_word(at + 1, "CONFLICT"));
    let (Some(conflict), Some(select)) = (conflict, mended.find_keyword(1, K::SELECT)) else { return };
    let bare = mended.find(select, conflict, |mended, at| matches!(mended.keyword(at), K::FROM | K::WHERE)).is_none();
    if select < conflict && bare {
        let place = mended.place(conflict);
        mended.tokens.splice(conflict..conflict, phrase("WHERE TRUE", &[], place));
        mended.note("on conflict", place);
    }
}

/// `INSERT … RETURNING a INTO variable`.
fn returning_into(mended: &mut Mended) {
    if !matches!(mended.keyword(0), K::INSERT | K::UPDATE | K::DELETE | K::MERGE) {
        return;
    }
    let Some(returning) = mended.find_keyword(1, K::RETURNING) else { return };
    if let Some(into) = mended.find_keyword(returning, K::INTO) {
        let end = mended.len();
        mended.remove(into, end, "into variables");
    }
}

/// Words too many, and words that are names here.
fn words(mended: &mut Mended, at: usize) {
    let before = mended.keyword(at - 1);
    match mended.keyword(at) {
        K::INNER if matches!(before, K::LEFT | K::RIGHT) && mended.is_keyword(at + 1, K::JOIN) => {
            mended.remove(at, at + 1, "join word");
        }
        K::OUTER if mended.is_keyword(at + 1, K::JOIN) && !matches!(before, K::LEFT | K::RIGHT | K::FULL) => {
            let place = mended.place(at);
            mended.tokens.insert(at, keyword_at("FULL", place));
            mended.note("outer join", place);
        }
        K::IF if mended.is_keyword(at + 1, K::EXISTS) && (before == K::COLUMN || mended.is_keyword(0, K::INSERT)) => {
            mended.remove(at, at + 2, "if exists");
        }
        K::TABLE if matches!(before, K::FROM | K::JOIN) && !mended.is(at + 1, &Token::LParen) && !mended.is_name(at + 1) => {
            quote(mended, at);
        }
        K::INTERVAL
            if matches!(mended.keyword(at + 1), K::IS | K::AND | K::OR | K::END | K::FROM | K::THEN | K::ELSE)
                || matches!(
                    mended.token(at + 1),
                    Token::Eq | Token::Neq | Token::Lt | Token::Gt | Token::Comma | Token::RParen
                ) =>
        {
            quote(mended, at);
        }
        K::UNNEST if !mended.is(at + 1, &Token::LParen) => quote(mended, at),
        K::CHECK if !mended.is(at + 1, &Token::LParen) && mended.is_name(at + 1) => quote(mended, at),
        // Which rows a frame holds is told by its window's keys.
        K::ROWS | K::RANGE | K::GROUPS
            if mended.is_keyword(at + 1, K::BETWEEN)
                && !matches!(before, K::WHERE | K::AND | K::OR | K::ON | K::WHEN | K::HAVING | K::NOT)
                && !mended.is(at - 1, &Token::Period) =>
        {
            if let Some(end) = mended.find(at, mended.len(), |mended, at| mended.is(at, &Token::RParen)) {
                mended.remove(at, end, "frame");
            }
        }
        K::VIEW if before == K::LATERAL => {
            if let Some(end) = mended.past_group(at + 2)
                && end == mended.len()
            {
                let place = mended.place(end);
                mended.tokens.push(keyword_at("lateral_view", place));
                mended.note("lateral view", place);
            }
        }
        K::IS if matches!(mended.token(at + 1), Token::Placeholder(_)) => {
            let place = mended.place(at);
            mended.tokens[at] = symbol_at(Token::Eq, place);
            mended.note("is parameter", place);
        }
        K::AS if matches!(mended.token(at + 1), Token::Placeholder(_)) => mended.remove(at, at + 2, "name that is a parameter"),
        K::SORT if mended.is_keyword(at + 1, K::BY) => {
            let end = mended.find(at, mended.len(), |mended, at| {
                matches!(mended.keyword(at), K::ORDER | K::LIMIT | K::UNION) || mended.is(at, &Token::RParen)
            });
            let end = end.unwrap_or(mended.len());
            mended.remove(at, end, "sort by");
        }
        _ if mended.is_word(at, "GLOBAL") && (mended.is_keyword(at + 1, K::IN) || mended.is_keyword(at + 1, K::NOT)) => {
            mended.remove(at, at + 1, "global");
        }
        K::FOR if mended.is_keyword(at + 1, K::SYSTEM_TIME) && mended.is_keyword(at + 2, K::ALL) => {
            mended.remove(at, at + 3, "all versions");
        }
        _ if mended.is_word(at, "DISTRIBUTE") && mended.is(at - 1, &Token::LParen) && mended.is_keyword(at + 1, K::BY) => {
            let place = mended.place(at);
            mended.tokens[at] = keyword_at("PARTITION", place);
            let end = mended.find(at, mended.len(), |mended, at| mended.is(at, &Token::RParen)).unwrap_or(at);
            if let Some(sort) = (at..end).find(|at| mended.is_keyword(*at, K::SORT)) {
                mended.tokens[sort] = keyword_at("ORDER", place);
            }
            mended.note("distribute by", place);
        }
        _ if mended.is_word(at, "CONSTRAINTS") && before == K::CASCADE => mended.remove(at, at + 1, "cascade"),
        _ => {}
    }
}

fn quote(mended: &mut Mended, at: usize) {
    let place = mended.place(at);
    if let Some(TokenWithSpan { token: Token::Word(word), .. }) = mended.tokens.get_mut(at) {
        word.keyword = K::NoKeyword;
        word.quote_style = Some('"');
        mended.note("name that is a keyword", place);
    }
}

/// Brackets that hold more than the parser expects.
fn brackets(mended: &mut Mended, at: usize) {
    // MAP<K, V>
    if mended.is_word(at, "MAP")
        && mended.is(at + 1, &Token::Lt)
        && let Some(end) = mended.past_angles(at + 1)
    {
        let span = mended.span(at, end);
        let word = Word { value: "VARCHAR".to_owned(), quote_style: None, keyword: K::VARCHAR };
        let plain = TokenWithSpan::new(Token::Word(word), located(span.start as usize, span.end as usize));
        mended.tokens.splice(at..end, [plain]);
        mended.note("map type", span);
    // MAP[ARRAY(1), ARRAY(2)]
    } else if mended.is_word(at, "MAP")
        && mended.is(at + 1, &Token::LBracket)
        && let Some(end) = mended.past_group(at + 1)
        && mended.find(at + 2, end - 1, |mended, at| mended.is(at, &Token::Colon)).is_none()
    {
        let place = mended.span(at, end);
        mended.tokens[at + 1] = symbol_at(Token::LParen, place);
        mended.tokens[end - 1] = symbol_at(Token::RParen, place);
        mended.note("map of arrays", place);
    // * EXCEPT (t.a)
    } else if matches!(mended.keyword(at), K::EXCEPT | K::EXCLUDE)
        && mended.is(at - 1, &Token::Mul)
        && let Some(end) = mended.past_group(at + 1)
    {
        let qualifiers: Vec<(usize, usize)> =
            (at + 2..end).filter(|at| mended.is(*at, &Token::Period)).map(|period| (period - 1, period + 1)).collect();
        if !qualifiers.is_empty() {
            mended.remove_all(&qualifiers, "qualified exclusion");
        }
    // JSON_OBJECT("key": x)
    } else if mended.is_word(at, "JSON_OBJECT")
        && mended.is(at + 1, &Token::LParen)
        && let Some(end) = mended.past_group(at + 1)
    {
        let mut from = at + 2;
        while let Some(colon) = mended.find(from, end - 1, |mended, at| mended.is(at, &Token::Colon)) {
            let place = mended.place(colon);
            mended.tokens[colon] = symbol_at(Token::Comma, place);
            if let Token::Word(Word { value, quote_style: Some(_), .. }) = mended.token(colon - 1).clone() {
                mended.tokens[colon - 1].token = Token::SingleQuotedString(value);
            }
            mended.note("json object", place);
            from = colon + 1;
        }
    } else if mended.is(at, &Token::DoubleColon) {
        cast_field(mended, at);
    } else if mended.is(at, &Token::LParen) {
        parentheses(mended, at);
    }
}

/// `x::STRUCT(p INT).p` becomes `(x::STRUCT(p INT)).p`.
fn cast_field(mended: &mut Mended, at: usize) {
    let end = match mended.token(at + 2) {
        Token::LParen => mended.past_group(at + 2),
        Token::Lt => mended.past_angles(at + 2),
        _ => None,
    };
    let Some(end) = end.filter(|end| mended.is(*end, &Token::Period)) else { return };
    let mut from = at;
    while from > 0 && (mended.is_name(from - 1) || mended.is(from - 1, &Token::Period)) {
        if mended.is_name(from - 1) && mended.is_name(from) {
            break;
        }
        from -= 1;
    }
    if from == at {
        return;
    }
    let place = mended.span(from, end);
    mended.tokens.insert(end, symbol_at(Token::RParen, place));
    mended.tokens.insert(from, symbol_at(Token::LParen, place));
    mended.note("field of a cast", place);
}

fn parentheses(mended: &mut Mended, at: usize) {
    let Some(end) = mended.past_group(at) else { return };
    let place = mended.place(at);
    let query = |at: usize| mended.is(at, &Token::LParen) && matches!(mended.keyword(at + 1), K::SELECT | K::WITH | K::VALUES);
    // x IN ((SELECT 1), 2)
    if mended.is_keyword(at - 1, K::IN)
        && query(at + 1)
        && let Some(inner) = mended.past_group(at + 1)
        && mended.is(inner, &Token::Comma)
    {
        mended.tokens.splice(at + 1..at + 1, phrase("NULL ,", &[], place));
        mended.note("list that begins with a query", place);
    // f((SELECT 1) UNION (SELECT 2))
    } else if !matches!(mended.keyword(at - 1), K::FROM | K::JOIN | K::AS | K::IN | K::EXISTS)
        && query(at + 1)
        && let Some(inner) = mended.past_group(at + 1)
        && matches!(mended.keyword(inner), K::UNION | K::EXCEPT | K::INTERSECT)
    {
        mended.tokens.splice(at + 1..at + 1, phrase("SELECT * FROM", &[], place));
        mended.note("query in brackets", place);
    // FROM (a, b JOIN c ON TRUE)
    } else if matches!(mended.keyword(at - 1), K::FROM | K::JOIN) && mended.is_name(at + 1) && !mended.starts_query(at + 1) {
        let (mut from, mut end) = (at + 1, end);
        while let Some(comma) = mended.find(from, end, |mended, at| mended.is(at, &Token::Comma)) {
            let place = mended.place(comma);
            mended.tokens.splice(comma..=comma, phrase("CROSS JOIN", &[], place));
            mended.note("tables in brackets", place);
            (from, end) = (comma + 2, end + 1);
        }
    // (lead(a)) OVER (…)
    } else if mended.is_keyword(end, K::OVER)
        && mended.is_name(at + 1)
        && mended.is(at + 2, &Token::LParen)
        && mended.past_group(at + 2) == Some(end - 1)
        && (!mended.is_name(at - 1)
            || matches!(mended.keyword(at - 1), K::SELECT | K::DISTINCT | K::WHEN | K::THEN | K::ELSE | K::AND | K::OR))
    {
        mended.remove_all(&[(at, at + 1), (end - 1, end)], "function in brackets");
    }
}
