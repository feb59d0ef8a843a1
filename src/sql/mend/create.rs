//! CREATE and ALTER: clauses that sqlparser rejects and no lineage needs.

use sqlparser::{keywords::Keyword as K, tokenizer::Token};

use super::{Mended, keyword_at, symbol_at};
use crate::model::Dialect;

pub(super) fn mend(mended: &mut Mended, dialect: Dialect) {
    if mended.is_keyword(0, K::CREATE) {
        snapshot(mended);
        view(mended);
        table(mended);
    }
    if mended.is_keyword(0, K::DROP) && mended.is_word(1, "SNAPSHOT") && mended.is_keyword(2, K::TABLE) {
        mended.remove(1, 2, "snapshot");
    }
    if mended.is_keyword(0, K::ALTER) && matches!(dialect, Dialect::Hive | Dialect::Spark | Dialect::Databricks) {
        exchange_partition(mended);
    }
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
    let at = (1..8).find(|at| mended.is_keyword(*at, what))?;
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
        after = columns;
    }
    let keeps = mended.find(after, mended.len(), |mended, at| {
        matches!(mended.keyword(at), K::LIKE | K::CLONE | K::SELECT | K::PIVOT | K::UNPIVOT)
    });
    match query_mark(mended, after) {
        Some(mark) => mended.remove(after, mark, "table clauses"),
        None if keeps.is_none() => {
            let end = mended.len();
            mended.remove(after, end, "table clauses");
        }
        None => {}
    }
}

/// Drops the columns of a CREATE TABLE whose definitions cannot be read, where a query gives them.
pub(super) fn strip(mended: &mut Mended) {
    if !mended.is_keyword(0, K::CREATE) {
        return;
    }
    let Some((_, after)) = created(mended, K::TABLE).or_else(|| created(mended, K::VIEW)) else { return };
    let Some(mark) = query_mark(mended, after) else { return };
    mended.remove(after, mark, "column definitions");
}

/// `ALTER TABLE a EXCHANGE PARTITION (…) WITH TABLE b` moves rows of b into a.
fn exchange_partition(mended: &mut Mended) {
    let Some((_, after)) = created(mended, K::TABLE) else { return };
    if !mended.is_word(after, "EXCHANGE") {
        return;
    }
    let Some(with) = mended.find_keyword(after, K::WITH) else { return };
    let Some(end) = mended.past_name(with + 2) else { return };
    let place = mended.place(after);
    let mut tokens = vec![keyword_at("INSERT", place), keyword_at("INTO", place)];
    tokens.extend(mended.slice(2, after));
    tokens.push(keyword_at("SELECT", place));
    tokens.push(symbol_at(Token::Mul, place));
    tokens.push(keyword_at("FROM", place));
    tokens.extend(mended.slice(with + 2, end));
    let span = mended.span(0, mended.len());
    mended.tokens = tokens;
    mended.note("exchange partition", span);
}
