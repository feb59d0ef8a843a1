//! Small words in queries that decide nothing a reader of lineage needs, and short forms written out.

use sqlparser::{
    keywords::Keyword as K,
    tokenizer::{Token, TokenWithSpan, Word},
};

use super::{Mended, copy, keyword_at, phrase, symbol_at};
use crate::model::Dialect;

pub(super) fn mend(mended: &mut Mended, dialect: Dialect) {
    removed_words(mended, dialect);
    table_commands(mended);
    match dialect {
        Dialect::DuckDb => super::duckdb::mend(mended),
        Dialect::Oracle => {
            keep_first(mended);
            super::oracle::mend(mended);
        }
        Dialect::ClickHouse => clickhouse(mended),
        Dialect::Trino => trino(mended),
        Dialect::MsSql => {
            copy::openrowset(mended);
            insert_hints(mended);
            join_hints(mended);
        }
        Dialect::Teradata => teradata(mended),
        Dialect::Vertica => {
            segmentation(mended);
            super::vertica::mend(mended);
        }
        Dialect::Hive | Dialect::Spark | Dialect::Databricks => super::hive::mend(mended),
        Dialect::BigQuery => with_expressions(mended),
        _ => {}
    }
    set_operations(mended);
}

fn removed_words(mended: &mut Mended, dialect: Dialect) {
    let mut removed = Vec::new();
    for at in 0..mended.len() {
        let next = |text: &str| mended.is_word(at + 1, text);
        let before = if at == 0 { K::NoKeyword } else { mended.keyword(at - 1) };
        // CTE AS [NOT] MATERIALIZED (
        if mended.is_keyword(at, K::MATERIALIZED) && mended.is(at + 1, &Token::LParen) {
            let from = if before == K::NOT { at - 1 } else { at };
            removed.push((from, at + 1));
        // FROM ONLY t
        } else if mended.is_keyword(at, K::ONLY) && matches!(before, K::FROM | K::UPDATE | K::JOIN) && mended.is_name(at + 1) {
            removed.push((at, at + 1));
        // MATCH_RECOGNIZE's FINAL first(x), RUNNING last(x)
        } else if (mended.is_word(at, "FINAL") || mended.is_word(at, "RUNNING"))
            && mended.is_name(at + 1)
            && mended.is(at + 2, &Token::LParen)
        {
            removed.push((at, at + 1));
        // PRIOR x outside of CONNECT BY
        } else if mended.is_keyword(at, K::PRIOR) && mended.is_name(at + 1) && dialect == Dialect::Oracle {
            removed.push((at, at + 1));
        // ORDER SIBLINGS BY
        } else if mended.is_word(at, "SIBLINGS") && before == K::ORDER {
            removed.push((at, at + 1));
        // ClickHouse's ANY and ALL JOIN
        } else if dialect == Dialect::ClickHouse
            && matches!(mended.keyword(at), K::ANY | K::ALL)
            && matches!(mended.keyword(at + 1), K::LEFT | K::RIGHT | K::INNER | K::FULL | K::JOIN)
            && before != K::UNION
        {
            removed.push((at, at + 1));
        // LIMIT 1 WITH TIES
        } else if mended.is_keyword(at, K::WITH) && next("TIES") && matches!(mended.token(at.max(1) - 1), Token::Number(..)) {
            removed.push((at, at + 2));
        // ROWS BETWEEN … AND CURRENT ROW EXCLUDE TIES
        } else if mended.is_word(at, "EXCLUDE")
            && matches!(before, K::ROW | K::FOLLOWING | K::PRECEDING)
            && let Some(words) = excluded_rows(mended, at)
        {
            removed.push((at, at + words));
        // CREATE … AS query WITH [NO] DATA
        } else if mended.is_keyword(at, K::WITH) && (next("DATA") || (next("NO") && mended.is_word(at + 2, "DATA"))) && at > 2 {
            let end = if next("DATA") { at + 2 } else { at + 3 };
            if end == mended.len() {
                removed.push((at, end));
            }
        }
    }
    mended.remove_all(&removed, "clause without lineage");
}

/// How many words `EXCLUDE TIES | GROUP | CURRENT ROW | NO OTHERS` has.
fn excluded_rows(mended: &Mended, at: usize) -> Option<usize> {
    if mended.is_word(at + 1, "TIES") || mended.is_word(at + 1, "GROUP") {
        Some(2)
    } else {
        (mended.is_word(at + 1, "CURRENT") || mended.is_word(at + 1, "NO")).then_some(3)
    }
}

/// `TABLE t` as a statement or after INSERT INTO: `SELECT * FROM t`; PREPARE q FROM.
fn table_commands(mended: &mut Mended) {
    if mended.is_keyword(0, K::PREPARE) && mended.is_keyword(2, K::FROM) {
        let place = mended.place(2);
        mended.tokens[2] = keyword_at("AS", place);
        mended.note("prepare from", place);
    }
    let first = mended.is_keyword(0, K::TABLE) && mended.is_name(1);
    let inserted = if mended.is_keyword(0, K::INSERT) {
        mended.find(3, mended.len(), |mended, at| mended.is_keyword(at, K::TABLE) && mended.is_name(at + 1))
    } else {
        None
    };
    let at = if first { Some(0) } else { inserted };
    let ends = |end: usize| {
        end == mended.len()
            || matches!(mended.keyword(end), K::ORDER | K::LIMIT | K::OFFSET | K::UNION | K::EXCEPT | K::INTERSECT | K::INTO)
    };
    if let Some(at) = at.filter(|at| mended.past_name(at + 1).is_some_and(ends)) {
        let place = mended.place(at);
        mended.tokens.splice(at..=at, phrase("SELECT * FROM", &[], place));
        mended.note("table command", place);
    }
}

/// `max(x) KEEP (DENSE_RANK FIRST ORDER BY y)`: y only says which row.
fn keep_first(mended: &mut Mended) {
    for at in (1..mended.len().saturating_sub(3)).rev() {
        if mended.is_word(at, "KEEP") && mended.is(at + 1, &Token::LParen) && mended.is_keyword(at + 2, K::DENSE_RANK) {
            let place = mended.place(at);
            mended.tokens.splice(at..at + 4, phrase("WITHIN GROUP (", &[], place));
            mended.note("keep", place);
        }
    }
}

fn clickhouse(mended: &mut Mended) {
    let mut at = 1;
    while at < mended.len() {
        // tuple.1
        if mended.is(at - 1, &Token::Period)
            && let Token::Number(digits, _) = mended.token(at).clone()
        {
            let word = Word { value: digits, quote_style: Some('`'), keyword: K::NoKeyword };
            mended.tokens[at] = TokenWithSpan::new(Token::Word(word), mended.tokens[at].span);
            mended.note("tuple element", mended.place(at));
        // JOIN b USING id, x
        } else if mended.is_keyword(at, K::USING) && mended.is_name(at + 1) {
            let mut end = at + 2;
            while mended.is(end, &Token::Comma) && mended.is_name(end + 1) {
                end += 2;
            }
            let place = mended.place(at);
            mended.tokens.insert(end, symbol_at(Token::RParen, place));
            mended.tokens.insert(at + 1, symbol_at(Token::LParen, place));
            mended.note("using without brackets", place);
        // * APPLY(f)
        } else if mended.is_keyword(at, K::APPLY) && mended.is(at + 1, &Token::LParen) {
            super::clickhouse::apply(mended, at);
        }
        at += 1;
    }
}

/// `FOR VERSION AS OF x`, and types of nested parentheses in casts.
fn trino(mended: &mut Mended) {
    let mut at = 0;
    while at < mended.len() {
        let versioned =
            mended.is_keyword(at, K::FOR) && (mended.is_word(at + 1, "VERSION") || mended.is_word(at + 1, "TIMESTAMP"));
        if versioned && mended.is_keyword(at + 2, K::AS) && mended.is_word(at + 3, "OF") {
            let end = mended.past_group(at + 4).unwrap_or(at + 5);
            mended.remove(at, end.min(mended.len()), "version");
        } else if mended.is_keyword(at, K::AS)
            && ["ARRAY", "ROW", "MAP"].iter().any(|word| mended.is_word(at + 1, word))
            && mended.is(at + 2, &Token::LParen)
            && let Some(end) = mended.past_group(at + 2)
            && mended.is(end, &Token::RParen)
        {
            let place = mended.place(at + 1);
            mended.tokens.splice(at + 1..end, [keyword_at("VARCHAR", place)]);
            mended.note("nested type", place);
        }
        at += 1;
    }
}

/// `INSERT INTO t WITH (TABLOCK) (a, b)`.
fn insert_hints(mended: &mut Mended) {
    if !mended.is_keyword(0, K::INSERT) {
        return;
    }
    let start = if mended.is_keyword(1, K::INTO) { 2 } else { 1 };
    let Some(after) = mended.past_name(start) else { return };
    if mended.is_keyword(after, K::WITH)
        && mended.is(after + 1, &Token::LParen)
        && let Some(end) = mended.past_group(after + 1)
    {
        mended.remove(after, end, "table hint");
    }
}

/// `DELETE FROM t ALL`, `x (NAMED y)`, `x (FORMAT '…')`, `ON COMMIT PRESERVE ROWS`.
fn teradata(mended: &mut Mended) {
    let mut at = 1;
    while at < mended.len() {
        if mended.is(at, &Token::LParen) && mended.is_word(at + 1, "NAMED") && mended.is(at + 3, &Token::RParen) {
            let (place, name) = (mended.place(at), mended.slice(at + 2, at + 3));
            mended.tokens.splice(at..at + 4, phrase("AS $1", &[&name], place));
            mended.note("named", place);
        } else if mended.is(at, &Token::LParen)
            && (mended.is_word(at + 1, "FORMAT") || mended.is_word(at + 1, "TITLE"))
            && mended.is(at + 3, &Token::RParen)
        {
            mended.remove(at, at + 4, "format");
        } else if mended.is_keyword(at, K::ON) && mended.is_keyword(at + 1, K::COMMIT) && mended.is_keyword(0, K::CREATE) {
            mended.remove(at, at + 4, "on commit");
            let data = mended.is_keyword(at.saturating_sub(2), K::WITH) && mended.is_word(at - 1, "DATA");
            if data && at == mended.len() {
                mended.remove(at - 2, at, "with data");
            }
        }
        at += 1;
    }
    let end = mended.len();
    if mended.is_keyword(0, K::DELETE) && end > 2 && mended.is_keyword(end - 1, K::ALL) {
        mended.remove(end - 1, end, "delete all");
    }
}

/// Vertica's `CREATE TABLE … AS query SEGMENTED BY … ALL NODES`.
fn segmentation(mended: &mut Mended) {
    let segmented = |mended: &Mended, at: usize| mended.is_word(at, "SEGMENTED") || mended.is_word(at, "UNSEGMENTED");
    if let Some(at) = mended.find(1, mended.len(), segmented) {
        let end = mended.len();
        mended.remove(at, end, "segmentation");
    }
}

/// BigQuery's `FULL OUTER UNION ALL BY NAME`, `UNION ALL STRICT CORRESPONDING`, ANSI's `CORRESPONDING BY (a)`.
fn set_operations(mended: &mut Mended) {
    let mut at = 1;
    while at < mended.len() {
        if matches!(mended.keyword(at), K::UNION | K::EXCEPT | K::INTERSECT) {
            let mut from = at;
            while from > 1 && matches!(mended.keyword(from - 1), K::FULL | K::LEFT | K::INNER | K::OUTER) {
                from -= 1;
            }
            mended.remove(from, at, "set operation mode");
            at = from;
        }
        if mended.is_word(at, "STRICT") && mended.is_word(at + 1, "CORRESPONDING") {
            mended.remove(at, at + 1, "strict");
        }
        if mended.is_word(at, "CORRESPONDING") {
            let listed = if mended.is_keyword(at + 1, K::BY) { mended.past_group(at + 2) } else { None };
            let place = mended.place(at);
            mended.tokens.splice(at..listed.unwrap_or(at + 1), phrase("BY NAME", &[], place));
            mended.note("corresponding", place);
        }
        at += 1;
    }
}

/// BigQuery's `WITH(p AS x + 1, q AS p * 2, q)` names values on the way to one.
fn with_expressions(mended: &mut Mended) {
    const MOST: usize = 200;
    for _ in 0..MOST {
        let found = (1..mended.len()).find_map(|at| {
            let named = mended.is_keyword(at, K::WITH) && mended.is(at + 1, &Token::LParen) && mended.is_keyword(at + 3, K::AS);
            named.then(|| mended.past_group(at + 1)).flatten().map(|end| (at, end))
        });
        let Some((at, end)) = found else { return };
        let place = mended.span(at, end);
        let mut named: Vec<TokenWithSpan> = Vec::new();
        let mut start = at + 2;
        while mended.is_keyword(start + 1, K::AS)
            && let Some(comma) = mended.find(start, end - 1, |mended, at| mended.is(at, &Token::Comma))
        {
            let (name, value) = (mended.slice(start, start + 1), mended.slice(start + 2, comma));
            named.extend(phrase(if named.is_empty() { "$2 AS $1" } else { ", $2 AS $1" }, &[&name, &value], place));
            start = comma + 1;
        }
        let result = mended.slice(start, end - 1);
        let tokens = phrase("( SELECT $1 FROM ( SELECT $2 ) )", &[&result, &named], place);
        mended.tokens.splice(at..end, tokens);
        mended.note("with expression", place);
    }
}

/// `INNER HASH JOIN`, `LEFT LOOP JOIN`.
fn join_hints(mended: &mut Mended) {
    let hints = ["HASH", "LOOP", "MERGE", "REMOTE"];
    let hint = |at: usize| {
        hints.iter().any(|word| mended.is_word(at, word))
            && mended.is_keyword(at + 1, K::JOIN)
            && matches!(mended.keyword(at - 1), K::INNER | K::LEFT | K::RIGHT | K::FULL | K::OUTER)
    };
    let found: Vec<(usize, usize)> = (1..mended.len()).filter(|at| hint(*at)).map(|at| (at, at + 1)).collect();
    mended.remove_all(&found, "join hint");
}
