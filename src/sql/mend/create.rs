//! CREATE and ALTER: clauses that sqlparser rejects and no lineage needs.

use sqlparser::{
    keywords::Keyword as K,
    tokenizer::{Token, TokenWithSpan},
};

use super::{Mended, keyword_at, phrase, symbol_at};
use crate::model::Dialect;

pub(super) fn mend(mended: &mut Mended, dialect: Dialect) {
    if dialect == Dialect::Teradata && mended.is_keyword(0, K::REPLACE) {
        let place = mended.place(0);
        mended.tokens.splice(0..1, phrase("CREATE OR REPLACE", &[], place));
        mended.note("replace", place);
    }
    if mended.is_keyword(0, K::CREATE) {
        stream(mended);
        model(mended);
        copied_table(mended, dialect);
        snapshot(mended);
        view(mended);
        table(mended);
    }
    if mended.is_keyword(0, K::DROP) && mended.is_word(1, "SNAPSHOT") && mended.is_keyword(2, K::TABLE) {
        mended.remove(1, 2, "snapshot");
    }
}

/// Snowflake's `CREATE STREAM s ON TABLE t` shows t's rows.
fn stream(mended: &mut Mended) {
    let Some(stream) = (1..4).find(|at| mended.is_word(*at, "STREAM")) else { return };
    let start = if mended.is_keyword(stream + 1, K::IF) { stream + 4 } else { stream + 1 };
    let Some(after) = mended.past_name(start) else { return };
    let Some(on) = mended.find_keyword(after, K::ON) else { return };
    let source = (on + 1..on + 4).find(|at| matches!(mended.keyword(*at), K::TABLE | K::VIEW)).map_or(on + 1, |at| at + 1);
    let Some(end) = mended.past_name(source) else { return };
    let (name, source, head) = (mended.slice(start, after), mended.slice(source, end), mended.slice(0, stream));
    let span = mended.span(0, mended.len());
    mended.tokens = phrase("$1 VIEW $2 AS SELECT * FROM $3", &[&head, &name, &source], mended.place(stream));
    mended.note("stream", span);
}

/// BigQuery's `CREATE MODEL m OPTIONS (…) AS SELECT …` is trained on the query's rows.
fn model(mended: &mut Mended) {
    let Some(model) = (1..4).find(|at| mended.is_word(*at, "MODEL")) else { return };
    let start = if mended.is_keyword(model + 1, K::IF) { model + 4 } else { model + 1 };
    let Some(after) = mended.past_name(start) else { return };
    let Some(mark) = query_mark(mended, after) else { return };
    let (name, query) = (mended.slice(start, after), mended.slice(mark + 1, mended.len()));
    let span = mended.span(0, mended.len());
    mended.tokens = phrase("INSERT INTO $1 $2", &[&name, &query], mended.place(0));
    mended.note("model", span);
}

/// `CREATE TABLE t AS a`: its columns (ClickHouse), its rows too where it says WITH DATA (Teradata).
fn copied_table(mended: &mut Mended, dialect: Dialect) {
    let Some((_, after)) = created(mended, K::TABLE) else { return };
    let Some(mark) = mended.find_keyword(after, K::AS) else { return };
    let Some(end) = mended.past_name(mark + 1) else { return };
    let options = matches!(dialect, Dialect::Teradata | Dialect::ClickHouse);
    if mark != after && (!options || mended.is_word(mark - 1, "STORED")) {
        return;
    }
    if mended.starts_query(mark + 1) || matches!(mended.keyword(mark + 1), K::TABLE | K::PIVOT | K::UNPIVOT) {
        return;
    }
    if mended.is(end, &Token::LParen) {
        return;
    }
    let rows = mended.is_keyword(end, K::WITH) && mended.is_keyword(end + 1, K::DATA);
    let (head, source) = (mended.slice(0, after), mended.slice(mark + 1, end));
    let span = mended.span(mark, mended.len());
    let pattern = if rows { "$1 AS SELECT * FROM $2" } else { "$1 LIKE $2" };
    mended.tokens = phrase(pattern, &[&head, &source], mended.place(mark));
    mended.note("copied table", span);
}

/// `CREATE SNAPSHOT TABLE t CLONE u FOR SYSTEM_TIME AS OF x`, `CREATE TABLE t COPY u`.
fn snapshot(mended: &mut Mended) {
    if let Some(at) = (1..4).find(|at| mended.is_word(*at, "SNAPSHOT") && mended.is_keyword(at + 1, K::TABLE)) {
        mended.remove(at, at + 1, "snapshot");
    }
    let Some((_, after)) = created(mended, K::TABLE) else { return };
    if mended.is_keyword(after + 1, K::CLONE) && (mended.is_word(after, "SHALLOW") || mended.is_word(after, "DEEP")) {
        mended.remove(after, after + 1, "clone kind");
    }
    let source = mended.find(after, mended.len(), |mended, at| mended.is_keyword(at, K::CLONE) || mended.is_keyword(at, K::COPY));
    let Some(source) = source else { return };
    if mended.is_keyword(source, K::COPY) && mended.is_name(source + 1) && !mended.is_keyword(source + 1, K::GRANTS) {
        let place = mended.place(source);
        mended.tokens[source] = keyword_at("CLONE", place);
        mended.note("copy", place);
    }
    if let Some(end) = mended.past_name(source + 1) {
        mended.remove(end, mended.len(), "clone clauses");
    }
}

/// The place of `what` and of the token past the created thing's name.
fn created(mended: &Mended, what: K) -> Option<(usize, usize)> {
    let at = (1..24).find(|at| mended.is_keyword(*at, what) && !mended.is_keyword(at - 1, K::ON))?;
    if (1..at).any(|at| matches!(mended.keyword(at), K::AS | K::SELECT)) {
        return None;
    }
    let mut name = at + 1;
    if mended.is_keyword(name, K::IF) {
        name += 3;
    }
    Some((at, mended.past_name(name)?))
}

/// The AS before the query, from `from` on.
fn query_mark(mended: &Mended, from: usize) -> Option<usize> {
    mended.find(from, mended.len(), |mended, at| mended.is_keyword(at, K::AS) && mended.starts_query(at + 1))
}

/// Whatever stands between a view's name or columns and AS, apart from ClickHouse's `TO target`.
fn view(mended: &mut Mended) {
    let Some((at, mut after)) = created(mended, K::VIEW) else { return };
    for modifier in (1..at).rev() {
        let known = matches!(mended.keyword(modifier), K::OR | K::REPLACE | K::ALTER | K::MATERIALIZED | K::TEMP | K::TEMPORARY);
        if !known {
            mended.remove(modifier, modifier + 1, "view modifier");
            after -= 1;
        }
    }
    if mended.is_keyword(after, K::ON) && mended.is_word(after + 1, "CLUSTER") {
        mended.remove(after, after + 3, "on cluster");
    }
    if mended.is_keyword(after, K::TO)
        && let Some(target) = mended.past_name(after + 1)
    {
        after = target;
    } else if mended.is(after, &Token::LParen)
        && let Some(columns) = mended.past_group(after)
    {
        plain_columns(mended, after, columns);
        after = mended.past_group(after).unwrap_or(after);
    }
    if let Some(mark) = query_mark(mended, after) {
        mended.remove(after, mark, "view clauses");
    }
}

/// `(a INT64 OPTIONS (…), b)` becomes `(a, b)` in the column list `from..to`.
fn plain_columns(mended: &mut Mended, from: usize, to: usize) {
    let mut kept = vec![mended.tokens[from].clone()];
    let (mut depth, mut first) = (0usize, true);
    for at in from + 1..to {
        match mended.token(at) {
            Token::LParen | Token::Lt => depth += 1,
            Token::RParen | Token::Gt if at + 1 < to => depth = depth.saturating_sub(1),
            _ => {}
        }
        if at + 1 == to || (depth == 0 && mended.is(at, &Token::Comma)) {
            kept.push(mended.tokens[at].clone());
            first = true;
        } else if first {
            kept.push(mended.tokens[at].clone());
            first = false;
        }
    }
    if kept.len() < to - from {
        let span = mended.span(from, to);
        mended.tokens.splice(from..to, kept);
        mended.note("view columns", span);
    }
}

/// Whatever stands between a table's name or columns and AS; without AS, what follows the columns.
fn table(mended: &mut Mended) {
    let Some((at, mut after)) = created(mended, K::TABLE) else { return };
    for modifier in (1..at).rev() {
        let known = matches!(
            mended.keyword(modifier),
            K::OR
                | K::REPLACE
                | K::TEMP
                | K::TEMPORARY
                | K::EXTERNAL
                | K::TRANSIENT
                | K::LOCAL
                | K::GLOBAL
                | K::VOLATILE
                | K::UNLOGGED
        );
        if !known {
            mended.remove(modifier, modifier + 1, "table modifier");
            after -= 1;
        }
    }
    if mended.is(after, &Token::LParen)
        && !mended.starts_query(after)
        && let Some(columns) = mended.past_group(after)
    {
        after = columns - column_clauses(mended, after, columns);
    }
    if let Some(at) = (after..mended.len())
        .find(|at| matches!(mended.keyword(*at), K::IGNORE | K::REPLACE) && mended.is_keyword(at + 1, K::SELECT))
    {
        mended.remove(at, at + 1, "on duplicates");
    }
    let keeps = mended.find(after, mended.len(), |mended, at| {
        matches!(mended.keyword(at), K::LIKE | K::CLONE | K::SELECT | K::PIVOT | K::UNPIVOT)
    });
    match query_mark(mended, after) {
        Some(mark) => {
            mended.remove(after, mark, "table clauses");
            // sqlparser's external tables have no query.
            if let Some(external) = (1..at).find(|at| mended.is_keyword(*at, K::EXTERNAL)) {
                mended.remove(external, external + 1, "external");
            }
        }
        None if keeps.is_none() => {
            let end = mended.len();
            mended.remove(after, end, "table clauses");
        }
        None => {}
    }
}

/// Drops from the columns `from..to` what only says how they are filled: `AS (value:c1::text)`, and
/// `INCLUDING ALL` of a LIKE. Returns how many tokens that took.
fn column_clauses(mended: &mut Mended, from: usize, to: usize) -> usize {
    let mut removed = Vec::new();
    let mut at = from + 1;
    while at + 1 < to {
        if mended.is_keyword(at, K::AS)
            && mended.is(at + 1, &Token::LParen)
            && let Some(end) = mended.past_group(at + 1)
        {
            removed.push((at, end));
            at = end;
        } else if mended.is_word(at, "INCLUDING") || mended.is_word(at, "EXCLUDING") {
            removed.push((at, at + 2));
            at += 2;
        } else {
            at += 1;
        }
    }
    mended.remove_all(&removed, "column clauses");
    removed.iter().map(|(from, to)| to - from).sum()
}

/// Drops the columns of a CREATE TABLE whose definitions cannot be read, where a query gives them.
pub(super) fn strip(mended: &mut Mended) {
    if !mended.is_keyword(0, K::CREATE) {
        return;
    }
    let Some((_, after)) = created(mended, K::TABLE).or_else(|| created(mended, K::VIEW)) else { return };
    match query_mark(mended, after) {
        Some(mark) => mended.remove(after, mark, "column definitions"),
        None => bare_columns(mended, after),
    }
}

/// Keeps of every column in the brackets at `open` its name and type.
fn bare_columns(mended: &mut Mended, open: usize) {
    if !mended.is(open, &Token::LParen) {
        return;
    }
    let Some(end) = mended.past_group(open) else { return };
    let mut kept: Vec<(usize, usize)> = Vec::new();
    let mut start = open + 1;
    while start < end - 1 {
        let comma = mended.find(start, end - 1, |mended, at| mended.is(at, &Token::Comma)).unwrap_or(end - 1);
        let constraint = matches!(
            mended.keyword(start),
            K::PRIMARY | K::FOREIGN | K::CONSTRAINT | K::UNIQUE | K::INDEX | K::KEY | K::PERIOD | K::FULLTEXT | K::EXCLUDE
        );
        if !constraint {
            kept.push((start, past_type(mended, start + 1).min(comma)));
        }
        start = comma + 1;
    }
    let tokens_kept: usize = kept.iter().map(|(start, end)| end - start + 1).sum();
    if kept.is_empty() || tokens_kept == end - 1 - open {
        return;
    }
    let place = mended.span(open + 1, end - 1);
    let mut tokens: Vec<TokenWithSpan> = Vec::new();
    for (start, end) in kept {
        if !tokens.is_empty() {
            tokens.push(symbol_at(Token::Comma, place));
        }
        tokens.extend(mended.slice(start, end));
    }
    mended.tokens.splice(open + 1..end - 1, tokens);
    mended.note("column definitions", place);
}

/// Past the type that begins at `at`: its word, and what it has in brackets.
fn past_type(mended: &Mended, at: usize) -> usize {
    let mut at = mended.past_name(at).unwrap_or(at + 1);
    if mended.is(at, &Token::Lt) {
        at = mended.past_angles(at).unwrap_or(at);
    } else if mended.is(at, &Token::LParen) {
        at = mended.past_group(at).unwrap_or(at);
    }
    at
}
