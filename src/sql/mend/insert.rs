//! Statements that insert into several tables, as one INSERT each.

use sqlparser::{keywords::Keyword as K, tokenizer::Token};

use super::Mended;
use crate::model::Dialect;

pub(super) fn mend(mut mended: Mended, dialect: Dialect) -> Vec<Mended> {
    partition_before_columns(&mut mended);
    query_in_brackets(&mut mended);
    let from_first = mended.is_keyword(0, K::FROM) || ctes_end(&mended).is_some();
    if from_first
        && matches!(dialect, Dialect::Hive | Dialect::Spark | Dialect::Databricks | Dialect::Generic)
        && let Some(inserts) = hive(&mended)
    {
        return inserts;
    }
    vec![mended]
}

/// `INSERT INTO t PARTITION (…) (a, b) SELECT`: the list of columns alone says what is written.
fn partition_before_columns(mended: &mut Mended) {
    let Some(name) = inserted(mended) else { return };
    let Some(at) = mended.past_name(name) else { return };
    if !mended.is_keyword(at, K::PARTITION) || !mended.is(at + 1, &Token::LParen) {
        return;
    }
    if let Some(after) = mended.past_group(at + 1)
        && mended.is(after, &Token::LParen)
        && !mended.starts_query(after)
    {
        mended.remove(at, after, "partition before columns");
    }
}

/// `INSERT INTO t (WITH … SELECT …)` without the brackets.
fn query_in_brackets(mended: &mut Mended) {
    let Some(name) = inserted(mended) else { return };
    let Some(at) = mended.past_name(name) else { return };
    if mended.is(at, &Token::LParen) && mended.is_keyword(at + 1, K::WITH) && mended.past_group(at) == Some(mended.len()) {
        let last = mended.len() - 1;
        mended.remove_all(&[(at, at + 1), (last, last + 1)], "query in brackets");
    }
}

/// Where the name of the table that is inserted into begins.
fn inserted(mended: &Mended) -> Option<usize> {
    if !mended.is_keyword(0, K::INSERT) {
        return None;
    }
    let mut at = 1;
    while matches!(mended.keyword(at), K::INTO | K::OVERWRITE | K::TABLE) {
        at += 1;
    }
    (at > 1).then_some(at)
}

/// Tokens that a source may grow to when it is copied into its branches.
const MOST_COPIED: usize = 500_000;

/// `FROM source INSERT … SELECT … [WHERE …] INSERT …`: the source is copied into every branch.
fn hive(mended: &Mended) -> Option<Vec<Mended>> {
    let inserts: Vec<usize> = positions(mended, K::INSERT);
    let first = *inserts.first()?;
    let with = ctes_end(mended).unwrap_or(0);
    let (ctes, source) = (mended.slice(0, with), mended.slice(with, first));
    if inserts.len().saturating_mul(first) > MOST_COPIED {
        return None;
    }
    let mut out = Vec::new();
    for (branch, start) in inserts.iter().enumerate() {
        let end = inserts.get(branch + 1).copied().unwrap_or(mended.len());
        let select = mended.find(*start, end, |mended, at| mended.is_keyword(at, K::SELECT))?;
        let clauses = mended
            .find(select + 1, end, |mended, at| {
                matches!(
                    mended.keyword(at),
                    K::WHERE | K::GROUP | K::HAVING | K::ORDER | K::CLUSTER | K::DISTRIBUTE | K::SORT | K::LIMIT | K::LATERAL
                )
            })
            .unwrap_or(end);
        let mut tokens = mended.slice(*start, select);
        tokens.extend(ctes.iter().cloned());
        tokens.extend(mended.slice(select, clauses));
        tokens.extend(source.iter().cloned());
        tokens.extend(mended.slice(clauses, end));
        out.push(Mended { tokens, mends: vec![("multi-insert", mended.span(*start, end))] });
    }
    Some(out)
}

/// Where the CTEs before `FROM source INSERT …` end.
fn ctes_end(mended: &Mended) -> Option<usize> {
    if !mended.is_keyword(0, K::WITH) {
        return None;
    }
    let from = mended.find_keyword(1, K::FROM)?;
    mended.find_keyword(1, K::INSERT).filter(|insert| from < *insert)?;
    Some(from).filter(|from| mended.is(from - 1, &Token::RParen))
}

fn positions(mended: &Mended, keyword: K) -> Vec<usize> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = mended.find_keyword(from, keyword) {
        found.push(at);
        from = at + 1;
    }
    found
}
