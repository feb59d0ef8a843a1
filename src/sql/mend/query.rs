//! Expressions and clauses inside queries.

use sqlparser::{
    keywords::Keyword as K,
    tokenizer::{Token, TokenWithSpan, Word},
};

use super::{Mended, keyword_at, symbol_at};
use crate::{
    model::Dialect,
    sql::spans::{bytes, located},
};

pub(super) fn mend(mended: &mut Mended, dialect: Dialect) {
    typed_arrays(mended);
    structs(mended, dialect);
    case_stars(mended);
    if dialect == Dialect::BigQuery {
        model_arguments(mended);
    }
    if dialect == Dialect::Redshift {
        bracket_names(mended);
    }
    if dialect == Dialect::MsSql {
        with_insert(mended);
    }
    extract_parts(mended);
    if matches!(dialect, Dialect::DuckDb | Dialect::Generic | Dialect::Databricks | Dialect::Spark) {
        insert_by_name(mended);
    }
    if dialect != Dialect::Snowflake {
        asof_joins(mended);
    }
    if matches!(dialect, Dialect::MySql | Dialect::Generic | Dialect::Ansi) {
        mysql_joins(mended);
    }
    if matches!(dialect, Dialect::Redshift | Dialect::Generic) {
        remove_words(mended, "approximate aggregate", |mended, at| {
            mended.is_word(at, "APPROXIMATE") && mended.is_name(at + 1) && mended.is(at + 2, &Token::LParen)
        });
    }
    trailing_commas(mended);
}

fn remove_words(mended: &mut Mended, what: &'static str, wanted: impl Fn(&Mended, usize) -> bool) {
    let words: Vec<(usize, usize)> = (0..mended.len()).filter(|at| wanted(mended, *at)).map(|at| (at, at + 1)).collect();
    mended.remove_all(&words, what);
}

/// `a STRAIGHT_JOIN b` and `UPDATE a, b SET …` in words that every dialect has.
fn mysql_joins(mended: &mut Mended) {
    for at in 1..mended.len() {
        if mended.is_word(at, "STRAIGHT_JOIN") && !mended.is_keyword(at - 1, K::SELECT) {
            let place = mended.place(at);
            mended.tokens[at] = keyword_at("JOIN", place);
            mended.note("straight join", place);
        }
    }
    if !mended.is_keyword(0, K::UPDATE) {
        return;
    }
    let Some(set) = mended.find_keyword(1, K::SET) else { return };
    for at in (1..set).rev() {
        if mended.is(at, &Token::Comma) {
            let place = mended.place(at);
            mended.tokens.splice(at..=at, [keyword_at("CROSS", place), keyword_at("JOIN", place)]);
            mended.note("update of several tables", place);
        }
    }
}

/// Teradata's `LOCKING ROW FOR ACCESS` before a query, and the index that ends its CREATE TABLE AS.
pub(super) fn locking(mended: &mut Mended) {
    while let Some(at) = (0..mended.len()).find(|at| mended.is_word(*at, "LOCKING")) {
        let query = (at..mended.len()).find(|at| mended.starts_query(*at)).filter(|query| query - at <= 8);
        let Some(query) = query else { break };
        mended.remove(at, query, "locking");
    }
    let index = |mended: &Mended, at: usize| {
        mended.is_word(at, "INDEX") && (at > 0 && (mended.is_keyword(at - 1, K::PRIMARY) || mended.is_word(at - 1, "AMP")))
    };
    if !mended.is_keyword(0, K::CREATE) {
        return;
    }
    let Some(index) = mended.find(0, mended.len(), index) else { return };
    let Some(group) = (0..index).rev().find(|at| mended.is(*at, &Token::RParen)) else { return };
    let end = mended.len();
    mended.remove(group + 1, end, "index");
}

/// `ASOF [LEFT] JOIN … ON` (DuckDB, ClickHouse) becomes a plain join: which row is nearest is told by
/// the same keys. Snowflake's, with MATCH_CONDITION, is parsed as it stands.
fn asof_joins(mended: &mut Mended) {
    let joins = ["JOIN", "LEFT", "RIGHT", "INNER", "FULL", "SEMI", "ANTI"];
    remove_words(mended, "ASOF join", |mended, at| {
        mended.is_word(at, "ASOF") && joins.iter().any(|word| mended.is_word(at + 1, word))
    });
}

/// `ARRAY<T>[…]` becomes `[…]`.
fn typed_arrays(mended: &mut Mended) {
    let mut types = Vec::new();
    let mut at = 0;
    while at < mended.len() {
        if mended.is_word(at, "ARRAY")
            && mended.is(at + 1, &Token::Lt)
            && let Some(end) = mended.past_angles(at + 1)
            && mended.is(end, &Token::LBracket)
        {
            types.push((at, end));
            at = end;
        }
        at += 1;
    }
    mended.remove_all(&types, "typed array");
}

/// In dialects without STRUCT, `struct(x as p, y as q)` becomes a plain call.
fn structs(mended: &mut Mended, dialect: Dialect) {
    if matches!(dialect, Dialect::BigQuery | Dialect::Generic | Dialect::Databricks | Dialect::Spark) {
        return;
    }
    let mut names = Vec::new();
    let mut inside = Vec::new();
    for at in 0..mended.len() {
        match mended.token(at) {
            Token::LParen => inside.push(at > 0 && mended.is_word(at - 1, "STRUCT")),
            Token::RParen => {
                inside.pop();
            }
            _ => {}
        }
        if inside.last() == Some(&true) && mended.is_keyword(at, K::AS) && mended.is_name(at + 1) {
            names.push((at, at + 2));
        }
    }
    mended.remove_all(&names, "struct field name");
}

/// `CASE … END.*` becomes `(CASE … END).*`.
fn case_stars(mended: &mut Mended) {
    let mut open = Vec::new();
    let mut around = Vec::new();
    for at in 0..mended.len() {
        match mended.keyword(at) {
            K::CASE => open.push(at),
            _ if mended.is_word(at, "END") => {
                if let Some(case) = open.pop()
                    && mended.is(at + 1, &Token::Period)
                    && mended.is(at + 2, &Token::Mul)
                {
                    around.push((case, at));
                }
            }
            _ => {}
        }
    }
    for (case, end) in around.into_iter().rev() {
        let place = mended.place(end);
        mended.tokens.insert(end + 1, symbol_at(Token::RParen, place));
        mended.tokens.insert(case, symbol_at(Token::LParen, mended.place(case)));
        mended.note("star of case", place);
    }
}

/// BigQuery's arguments `MODEL name` and `TABLE name`: a literal, and a query of all its columns.
fn model_arguments(mended: &mut Mended) {
    let mut at = 1;
    while at < mended.len() {
        let argument = matches!(mended.token(at - 1), Token::LParen | Token::Comma);
        let end = if argument && mended.is_name(at + 1) { mended.past_name(at + 1) } else { None };
        let ends = end.filter(|end| matches!(mended.token(*end), Token::Comma | Token::RParen));
        if let Some(end) = ends {
            let span = mended.span(at, end);
            if mended.is_word(at, "MODEL") {
                let literal =
                    TokenWithSpan::new(Token::SingleQuotedString(String::new()), located(span.start as usize, span.end as usize));
                mended.tokens.splice(at..end, [literal]);
                mended.note("model argument", span);
            } else if mended.is_keyword(at, K::TABLE) {
                let mut query = vec![symbol_at(Token::LParen, span), keyword_at("SELECT", span)];
                query.extend([symbol_at(Token::Mul, span), keyword_at("FROM", span)]);
                query.extend(mended.slice(at + 1, end));
                query.push(symbol_at(Token::RParen, span));
                mended.tokens.splice(at..end, query);
                mended.note("table argument", span);
            }
        }
        at += 1;
    }
}

/// Redshift's `[name]`.
fn bracket_names(mended: &mut Mended) {
    let mut at = 0;
    while at < mended.len() {
        let adjacent = at > 0 && mended.place(at - 1).end == mended.place(at).start && !mended.is(at - 1, &Token::Period);
        if mended.is(at, &Token::LBracket)
            && !adjacent
            && let Token::Word(word) = mended.token(at + 1).clone()
            && mended.is(at + 2, &Token::RBracket)
        {
            let span = mended.span(at, at + 3);
            let quoted = Token::Word(Word { value: word.value, quote_style: Some('"'), keyword: K::NoKeyword });
            let token = TokenWithSpan::new(quoted, located(span.start as usize, span.end as usize));
            mended.tokens.splice(at..at + 3, [token]);
            mended.note("bracket name", span);
        }
        at += 1;
    }
}

/// `WITH c AS (…) INSERT INTO t SELECT …` becomes `INSERT INTO t WITH c AS (…) SELECT …`.
fn with_insert(mended: &mut Mended) {
    if !mended.is_keyword(0, K::WITH) {
        return;
    }
    let Some(insert) = mended.find_keyword(0, K::INSERT) else { return };
    let Some(select) = mended.find(insert, mended.len(), |mended, at| mended.is_keyword(at, K::SELECT)) else { return };
    let with = mended.slice(0, insert);
    let place = mended.span(0, insert);
    mended.tokens.splice(select..select, with);
    mended.tokens.drain(0..insert);
    mended.note("with before insert", place);
}

/// `EXTRACT(DAYOFWEEK_ISO FROM x)` and other parts that are unknown: `EXTRACT(DOW FROM x)`.
fn extract_parts(mended: &mut Mended) {
    for at in 0..mended.len() {
        if mended.is_word(at, "EXTRACT")
            && mended.is(at + 1, &Token::LParen)
            && matches!(mended.token(at + 2), Token::Word(word) if word.keyword == K::NoKeyword)
            && mended.is_keyword(at + 3, K::FROM)
        {
            let place = mended.tokens[at + 2].span;
            mended.tokens[at + 2] = TokenWithSpan::new(keyword_at("DOW", bytes(place)).token, place);
            mended.note("extract part", bytes(place));
        }
    }
}

/// DuckDB's `INSERT INTO t BY NAME SELECT x AS q`: the names become the column list.
fn insert_by_name(mended: &mut Mended) {
    if !mended.is_keyword(0, K::INSERT) {
        return;
    }
    let by = mended.find(1, mended.len(), |mended, at| mended.is_keyword(at, K::BY) && mended.is_keyword(at + 1, K::NAME));
    let Some(by) = by else { return };
    let place = mended.place(by);
    let columns = if mended.is_keyword(by + 2, K::SELECT) { output_names(mended, by + 3) } else { None };
    let mut list = Vec::new();
    for column in columns.unwrap_or_default() {
        list.push(if list.is_empty() { symbol_at(Token::LParen, place) } else { symbol_at(Token::Comma, place) });
        list.push(column);
    }
    if !list.is_empty() {
        list.push(symbol_at(Token::RParen, place));
    }
    mended.tokens.splice(by..by + 2, list);
    mended.note("insert by name", place);
}

/// The output names of the select list that starts at `from`, unless one has none.
fn output_names(mended: &Mended, from: usize) -> Option<Vec<TokenWithSpan>> {
    let end = mended.find_keyword(from, K::FROM).unwrap_or(mended.len());
    let mut names = Vec::new();
    let mut at = from;
    while at < end {
        let comma = mended.find(at, end, |mended, at| mended.is(at, &Token::Comma)).unwrap_or(end);
        let last = mended.tokens.get(comma.checked_sub(1)?)?;
        if !matches!(last.token, Token::Word(_)) {
            return None;
        }
        names.push(last.clone());
        at = comma + 1;
    }
    Some(names)
}

/// A comma before a closing bracket.
fn trailing_commas(mended: &mut Mended) {
    let closes = |at: usize| matches!(mended.token(at), Token::RParen | Token::RBracket);
    let commas: Vec<_> =
        (0..mended.len()).filter(|at| mended.is(*at, &Token::Comma) && closes(at + 1)).map(|at| (at, at + 1)).collect();
    mended.remove_all(&commas, "trailing comma");
}
