//! Statements that insert into several tables, as one INSERT each.

use sqlparser::{keywords::Keyword as K, tokenizer::Token};

use super::Mended;
use crate::model::Dialect;

pub(super) fn mend(mut mended: Mended, dialect: Dialect) -> Vec<Mended> {
    if mended.is_keyword(0, K::FROM) && matches!(dialect, Dialect::Hive | Dialect::Spark | Dialect::Databricks | Dialect::Generic)
    {
        if let Some(inserts) = hive(&mended) {
            return inserts;
        }
    } else if mended.is_keyword(0, K::COPY) && mended.is_keyword(1, K::INTO) && dialect != Dialect::Snowflake {
        let end = mended.len();
        copy_into(&mut mended, end);
    }
    vec![mended]
}

/// Tokens that a source may grow to when it is copied into its branches.
const MOST_COPIED: usize = 500_000;

/// `FROM source INSERT … SELECT … [WHERE …] INSERT …`: the source is copied into every branch.
fn hive(mended: &Mended) -> Option<Vec<Mended>> {
    let inserts: Vec<usize> = positions(mended, K::INSERT);
    let first = *inserts.first()?;
    let source = mended.slice(0, first);
    if inserts.len().saturating_mul(source.len()) > MOST_COPIED {
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
        let mut tokens = mended.slice(*start, clauses);
        tokens.extend(source.iter().cloned());
        tokens.extend(mended.slice(clauses, end));
        out.push(Mended { tokens, mends: vec![("multi-insert", mended.span(*start, end))] });
    }
    Some(out)
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

/// `COPY INTO t FROM …` of other products than Snowflake: options after the source are dropped.
fn copy_into(mended: &mut Mended, end: usize) {
    let Some(from) = mended.find_keyword(2, K::FROM) else { return };
    let after = if mended.is(from + 1, &Token::LParen) { mended.past_group(from + 1) } else { Some(from + 2) };
    if let Some(after) = after.filter(|after| *after < end) {
        mended.remove(after, end, "copy options");
    }
}
