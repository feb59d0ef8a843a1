//! Databricks and Spark: pipelines' tables and flows, INSERT by name, views of files.

use sqlparser::{
    keywords::Keyword as K,
    tokenizer::{Token, TokenWithSpan, Word},
};

use super::{Mended, keyword_at, phrase};
use crate::model::Dialect;

pub(super) fn mend(mended: &mut Mended, dialect: Dialect) {
    if !matches!(dialect, Dialect::Databricks | Dialect::Spark | Dialect::Hive | Dialect::Generic) {
        return;
    }
    streams(mended);
    if mended.is_keyword(0, K::CREATE) && mended.is_word(1, "FLOW") || mended.is_word(0, "APPLY") {
        flow(mended);
    }
    if mended.is_keyword(0, K::CREATE) {
        refreshed(mended);
        view_of_files(mended);
    }
    if mended.is_keyword(0, K::INSERT) {
        insert_clauses(mended);
    }
}

/// `STREAM(t)` and `STREAM t` in FROM name t.
fn streams(mended: &mut Mended) {
    let mut removed = Vec::new();
    for at in 1..mended.len() {
        let reads = matches!(mended.keyword(at - 1), K::FROM | K::JOIN) || mended.is(at - 1, &Token::Comma);
        if !reads || !mended.is_word(at, "STREAM") {
            continue;
        }
        if mended.is(at + 1, &Token::LParen)
            && let Some(end) = mended.past_group(at + 1)
            && mended.past_name(at + 2) == Some(end - 1)
        {
            removed.extend([(at, at + 2), (end - 1, end)]);
        } else if mended.is_name(at + 1)
            && !matches!(mended.keyword(at + 1), K::AS | K::WHERE | K::JOIN | K::LEFT | K::INNER | K::CROSS | K::GROUP | K::ORDER)
        {
            removed.push((at, at + 1));
        }
    }
    mended.remove_all(&removed, "stream");
}

/// `CREATE OR REFRESH [LIVE | STREAMING …] TABLE t` is CREATE OR REPLACE.
fn refreshed(mended: &mut Mended) {
    if mended.is_keyword(1, K::OR) && mended.is_word(2, "REFRESH") {
        let place = mended.place(2);
        mended.tokens[2] = keyword_at("REPLACE", place);
        mended.note("or refresh", place);
    }
}

/// `CREATE FLOW f AS INSERT …`, `CREATE FLOW f AS AUTO CDC INTO t FROM s …`, `APPLY CHANGES INTO t FROM s …`.
fn flow(mended: &mut Mended) {
    if let Some(insert) = mended.find_keyword(0, K::INSERT) {
        return mended.remove(0, insert, "flow");
    }
    let Some(into) = mended.find_keyword(0, K::INTO) else { return };
    let Some(from) = mended.find_keyword(into, K::FROM) else { return };
    let Some(source) = mended.past_name(from + 1) else { return };
    let columns = (source..mended.len()).find(|at| mended.is_keyword(*at, K::COLUMNS));
    let end = mended.find(source, mended.len(), |mended, at| {
        mended.is_word(at, "STORED") || mended.is_word(at, "TRACK") || mended.is_word(at, "IGNORE")
    });
    let place = mended.place(0);
    let listed = match columns {
        Some(columns) => {
            let list = mended.slice(columns + 1, end.unwrap_or(mended.len()));
            let bracketed = mended.is(columns + 1, &Token::LParen) && list.len() > 2;
            if bracketed { list[1..list.len() - 1].to_vec() } else { list }
        }
        None => phrase("*", &[], place),
    };
    let (target, source) = (mended.slice(into + 1, from), mended.slice(from + 1, source));
    let span = mended.span(0, mended.len());
    mended.tokens = phrase("INSERT INTO $1 SELECT $2 FROM $3", &[&target, &listed, &source], place);
    mended.note("flow", span);
}

/// `CREATE TEMPORARY VIEW v USING format OPTIONS (path 'p')` shows the file's rows.
fn view_of_files(mended: &mut Mended) {
    let Some(view) = (1..6).find(|at| mended.is_keyword(*at, K::VIEW)) else { return };
    let start = if mended.is_keyword(view + 1, K::IF) { view + 4 } else { view + 1 };
    let Some(after) = mended.past_name(start) else { return };
    if !mended.is_keyword(after, K::USING) {
        return;
    }
    let path = (after..mended.len()).find(|at| mended.is_word(*at, "PATH")).and_then(|at| mended.tokens.get(at + 1));
    let Some(TokenWithSpan { token: Token::SingleQuotedString(path) | Token::DoubleQuotedString(path), span }) = path else {
        return;
    };
    let word = Word { value: path.clone(), quote_style: Some('`'), keyword: K::NoKeyword };
    let file = TokenWithSpan::new(Token::Word(word), *span);
    let place = mended.place(after);
    let query = phrase("AS SELECT * FROM $1", &[&[file]], place);
    let end = mended.len();
    mended.tokens.splice(after..end, query);
    mended.note("view of files", place);
}

/// `INSERT INTO t REPLACE WHERE … SELECT`, `INSERT OVERWRITE DIRECTORY 'p' USING … SELECT`.
fn insert_clauses(mended: &mut Mended) {
    let Some(query) = mended.find(1, mended.len(), |mended, at| at > 2 && mended.starts_query(at)) else { return };
    if let Some(replace) = mended.find(1, query, |mended, at| mended.is_keyword(at, K::REPLACE)) {
        return mended.remove(replace, query, "replace where");
    }
    if let Some(directory) = mended.find(1, query, |mended, at| mended.is_keyword(at, K::DIRECTORY)) {
        mended.remove(directory + 2, query, "directory format");
    }
}
