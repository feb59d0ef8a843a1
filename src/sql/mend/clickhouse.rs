//! ClickHouse: `WITH expression AS name` and clauses of its own.

use sqlparser::{
    keywords::Keyword as K,
    tokenizer::{Token, TokenWithSpan, Word},
};

use super::{Mended, phrase, symbol_at};
use crate::{model::Dialect, sql::spans::located};

pub(super) fn mend(mended: &mut Mended, dialect: Dialect) {
    if dialect == Dialect::ClickHouse {
        dictionary(mended);
        with_expressions(mended);
        choices(mended);
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

/// `test ? this : that` is `if(test, this, that)`; the last one is the innermost.
fn choices(mended: &mut Mended) {
    const MOST: usize = 500;
    let mut before = mended.len();
    for _ in 0..MOST {
        let question = |at: &usize| matches!(mended.token(*at), Token::Placeholder(mark) if mark == "?");
        let Some(at) = (1..before).rev().find(question) else { return };
        before = at;
        let Some(colon) = mended.find(at + 1, mended.len(), |mended, at| mended.is(at, &Token::Colon)) else { continue };
        let (from, to) = (start_of(mended, at), end_of(mended, colon + 1));
        if from == at || colon == at + 1 || to == colon + 1 {
            continue;
        }
        let place = mended.span(from, to);
        let parts = [mended.slice(from, at), mended.slice(at + 1, colon), mended.slice(colon + 1, to)];
        mended.tokens.splice(from..to, phrase("if ( $1 , $2 , $3 )", &[&parts[0], &parts[1], &parts[2]], place));
        mended.note("choice", place);
        before = mended.len().min(to);
    }
}

/// Where the expression that ends before `at` begins.
fn start_of(mended: &Mended, at: usize) -> usize {
    let (mut depth, mut from) = (0usize, at);
    while from > 0 {
        match mended.token(from - 1) {
            Token::RParen | Token::RBracket | Token::RBrace => depth += 1,
            Token::LParen | Token::LBracket | Token::LBrace if depth == 0 => break,
            Token::LParen | Token::LBracket | Token::LBrace => depth -= 1,
            Token::Comma | Token::Colon | Token::Arrow | Token::Placeholder(_) if depth == 0 => break,
            Token::Word(_) if depth == 0 && opens_expression(mended.keyword(from - 1)) => break,
            _ => {}
        }
        from -= 1;
    }
    from
}

/// Where the expression that begins at `at` ends.
fn end_of(mended: &Mended, at: usize) -> usize {
    let ends = |mended: &Mended, at: usize| {
        matches!(mended.token(at), Token::Comma | Token::Colon | Token::RParen | Token::RBracket | Token::RBrace)
            || closes_expression(mended.keyword(at))
    };
    mended.find(at, mended.len(), ends).unwrap_or(mended.len())
}

fn opens_expression(keyword: K) -> bool {
    matches!(
        keyword,
        K::SELECT
            | K::DISTINCT
            | K::WHERE
            | K::PREWHERE
            | K::HAVING
            | K::ON
            | K::BY
            | K::AS
            | K::WITH
            | K::CASE
            | K::WHEN
            | K::THEN
            | K::ELSE
            | K::VALUES
            | K::SET
    )
}

fn closes_expression(keyword: K) -> bool {
    matches!(
        keyword,
        K::AS
            | K::FROM
            | K::WHERE
            | K::PREWHERE
            | K::GROUP
            | K::HAVING
            | K::ORDER
            | K::LIMIT
            | K::UNION
            | K::EXCEPT
            | K::INTERSECT
            | K::SETTINGS
            | K::FORMAT
            | K::WHEN
            | K::THEN
            | K::ELSE
            | K::END
            | K::ASC
            | K::DESC
    )
}

/// `* APPLY(f)`, `* EXCEPT (x) APPLY(f)`, `COLUMNS('p') APPLY(f)`: the function is called for each column.
pub(super) fn apply(mended: &mut Mended, at: usize) {
    let Some(end) = mended.past_group(at + 1) else { return };
    let mut from = at - 1;
    while from > 0 && mended.is(from, &Token::RParen) {
        let Some(open) = opened(mended, from) else { return };
        let Some(word) = open.checked_sub(1) else { return };
        from = word;
        if !matches!(mended.keyword(word), K::EXCEPT | K::REPLACE) {
            break;
        }
        from = word.saturating_sub(1);
    }
    let place = mended.place(at);
    let columns = match mended.token(from) {
        Token::Mul => phrase("columns ( $1 )", &[&mended.slice(from, at)], place),
        Token::Word(_) if from + 1 < at => mended.slice(from, at),
        _ => return,
    };
    let named = mended.is_name(at + 2) && matches!(mended.token(at + 3), Token::RParen | Token::LParen);
    let function = if named { mended.slice(at + 2, at + 3) } else { phrase("apply", &[], place) };
    mended.tokens.splice(from..end, phrase("$1 ( $2 )", &[&function, &columns], place));
    mended.note("apply", place);
}

/// The bracket that opens what the one at `at` closes.
fn opened(mended: &Mended, at: usize) -> Option<usize> {
    let mut depth = 0usize;
    (0..=at).rev().find(|at| {
        match mended.token(*at) {
            Token::RParen | Token::RBracket => depth += 1,
            Token::LParen | Token::LBracket => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0
    })
}

/// `CREATE DICTIONARY d (id UInt64, x String) … SOURCE(CLICKHOUSE(TABLE 'a'))` holds a's rows.
fn dictionary(mended: &mut Mended) {
    let Some(at) = (1..4).find(|at| mended.is_word(*at, "DICTIONARY")) else { return };
    if !mended.is_keyword(0, K::CREATE) {
        return;
    }
    let start = if mended.is_keyword(at + 1, K::IF) { at + 4 } else { at + 1 };
    let Some(after) = mended.past_name(start) else { return };
    let Some(columns) = (after..mended.len()).find(|at| mended.is(*at, &Token::LParen)) else { return };
    let Some(end) = mended.past_group(columns) else { return };
    let text = |word: &str| {
        let at = (end..mended.len()).find(|at| mended.is_word(*at, word))?;
        match mended.token(at + 1) {
            Token::SingleQuotedString(text) => Some(text.clone()),
            Token::Word(word) => Some(word.value.clone()),
            _ => None,
        }
    };
    let Some(table) = text("TABLE") else { return };
    let place = mended.span(0, mended.len());
    let source = match text("DB") {
        Some(database) => vec![name(&database, place), symbol_at(Token::Period, place), name(&table, place)],
        None => vec![name(&table, place)],
    };
    let mut listed = Vec::new();
    let mut column = columns + 1;
    while column < end - 1 {
        if !listed.is_empty() {
            listed.push(symbol_at(Token::Comma, place));
        }
        listed.extend(mended.slice(column, column + 1));
        let comma = mended.find(column, end - 1, |mended, at| mended.is(at, &Token::Comma));
        column = comma.map_or(end, |comma| comma + 1);
    }
    let (head, called) = (mended.slice(0, at), mended.slice(start, after));
    mended.tokens = phrase("$1 TABLE $2 AS SELECT $3 FROM $4", &[&head, &called, &listed, &source], place);
    mended.note("dictionary", place);
}

fn name(text: &str, place: crate::model::Span) -> TokenWithSpan {
    let word = Word { value: text.to_owned(), quote_style: Some('`'), keyword: K::NoKeyword };
    TokenWithSpan::new(Token::Word(word), located(place.start as usize, place.start as usize))
}
