//! Statements that move a table's rows, as the INSERT, RENAME or MERGE that does the same.

use sqlparser::{
    keywords::Keyword as K,
    tokenizer::{Token, TokenWithSpan},
};

use super::{Mended, phrase, symbol_at};
use crate::model::Dialect;

pub(super) fn mend(mended: &mut Mended, dialect: Dialect) {
    if mended.is_keyword(0, K::ALTER) && mended.is_keyword(1, K::TABLE) {
        alter_table(mended, dialect);
    } else if mended.is_word(0, "EXCHANGE") && mended.is_word(1, "TABLES") {
        exchange_tables(mended);
    } else if mended.is_keyword(0, K::RENAME) && mended.is_name(1) && mended.is_keyword(2, K::TO) {
        rewrite(mended, "RENAME TABLE $1 TO $2", &[(1, 2), (3, mended.len())], "rename");
    } else if mended.is_keyword(0, K::MERGE) {
        merge(mended);
    } else if mended.is_word(0, "EXPORT") && !mended.is_keyword(1, K::DATA) {
        export(mended);
    }
}

/// Puts `pattern` over the slices of the statement that `parts` name in place of all of it.
fn rewrite(mended: &mut Mended, pattern: &str, parts: &[(usize, usize)], what: &'static str) {
    let slices: Vec<Vec<TokenWithSpan>> = parts.iter().map(|(from, to)| mended.slice(*from, *to)).collect();
    let slices: Vec<&[TokenWithSpan]> = slices.iter().map(Vec::as_slice).collect();
    let span = mended.span(0, mended.len());
    mended.tokens = phrase(pattern, &slices, mended.place(0));
    mended.note(what, span);
}

fn alter_table(mended: &mut Mended, dialect: Dialect) {
    let start = if mended.is_keyword(2, K::IF) { 4 } else { 2 };
    let Some(after) = mended.past_name(start) else { return };
    let name = (start, after);
    let named_past = |mended: &Mended, at: usize| mended.past_name(at).map(|end| (at, end));
    if mended.is(after, &Token::Comma) {
        return vertica_renames(mended, start);
    }
    let end = mended.len();
    // Hive, MySQL, Oracle: EXCHANGE PARTITION p WITH TABLE b.
    if mended.is_word(after, "EXCHANGE")
        && let Some(with) = mended.find_keyword(after, K::WITH)
        && let Some(from) = named_past(mended, with + 2)
    {
        rewrite(mended, "INSERT INTO $1 SELECT * FROM $2", &[name, from], "exchange partition");
    // SQL Server: SWITCH [PARTITION 1] TO b.
    } else if mended.is_word(after, "SWITCH")
        && let Some(to) = mended.find_keyword(after, K::TO).and_then(|to| named_past(mended, to + 1))
    {
        rewrite(mended, "INSERT INTO $2 SELECT * FROM $1", &[name, to], "switch");
    // Redshift: APPEND FROM b.
    } else if mended.is_word(after, "APPEND")
        && let Some(from) = named_past(mended, after + 2)
    {
        rewrite(mended, "INSERT INTO $1 SELECT * FROM $2", &[name, from], "append from");
    } else if dialect == Dialect::ClickHouse {
        clickhouse_partition(mended, name, after, end);
    }
}

/// ClickHouse: ATTACH and REPLACE PARTITION … FROM, MOVE PARTITION … TO TABLE, UPDATE and DELETE.
fn clickhouse_partition(mended: &mut Mended, name: (usize, usize), after: usize, end: usize) {
    let named_past = |mended: &Mended, at: usize| mended.past_name(at).map(|end| (at, end));
    if mended.is_keyword(after, K::UPDATE) {
        rewrite(mended, "UPDATE $1 SET $2", &[name, (after + 1, end)], "alter update");
    } else if mended.is_keyword(after, K::DELETE) {
        rewrite(mended, "DELETE FROM $1 $2", &[name, (after + 1, end)], "alter delete");
    } else if mended.is_word(after, "ATTACH") || mended.is_keyword(after, K::REPLACE) {
        if let Some(from) = mended.find_keyword(after, K::FROM).and_then(|from| named_past(mended, from + 1)) {
            rewrite(mended, "INSERT INTO $1 SELECT * FROM $2", &[name, from], "partition from");
        }
    } else if mended.is_word(after, "MOVE")
        && let Some(to) = mended.find_keyword(after, K::TO).filter(|to| mended.is_keyword(to + 1, K::TABLE))
        && let Some(to) = named_past(mended, to + 2)
    {
        rewrite(mended, "INSERT INTO $2 SELECT * FROM $1", &[name, to], "move partition");
    }
}

/// Vertica: `ALTER TABLE a, b RENAME TO c, d`, all at once.
fn vertica_renames(mended: &mut Mended, start: usize) {
    let Some(rename) = mended.find_keyword(start, K::RENAME) else { return };
    let (old, new) = (names(mended, start, rename), names(mended, rename + 2, mended.len()));
    if old.len() != new.len() || old.is_empty() {
        return;
    }
    let text = |mended: &Mended, (from, to): (usize, usize)| -> Vec<String> {
        mended.slice(from, to).iter().map(|token| token.token.to_string().to_lowercase()).collect()
    };
    let swapped = old.len() == 2 && text(mended, old[0]) == text(mended, new[1]) && text(mended, old[1]) == text(mended, new[0]);
    if swapped {
        return rewrite(mended, "ALTER TABLE $1 SWAP WITH $2", &[old[0], old[1]], "rename of several tables");
    }
    let mut pattern = "RENAME TABLE".to_owned();
    let mut parts = Vec::new();
    for (old, new) in old.into_iter().zip(new) {
        parts.extend([old, new]);
        let comma = if parts.len() > 2 { " ," } else { "" };
        pattern.push_str(&format!("{comma} ${} TO ${}", parts.len() - 1, parts.len()));
    }
    rewrite(mended, &pattern, &parts, "rename of several tables");
}

/// Names separated by commas in `from..to`.
fn names(mended: &Mended, from: usize, to: usize) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut at = from;
    while at < to {
        let Some(end) = mended.past_name(at) else { break };
        found.push((at, end));
        at = end + 1;
    }
    found
}

fn exchange_tables(mended: &mut Mended) {
    let Some(and) = mended.find_keyword(2, K::AND) else { return };
    let Some(end) = mended.past_name(and + 1) else { return };
    rewrite(mended, "ALTER TABLE $1 SWAP WITH $2", &[(2, and), (and + 1, end)], "exchange tables");
}

/// Redshift's REMOVE DUPLICATES, DuckDB's INSERT BY NAME, Databricks' schema evolution.
fn merge(mended: &mut Mended) {
    if mended.is_keyword(1, K::WITH) && mended.is_keyword(2, K::SCHEMA) {
        mended.remove(1, 4, "schema evolution");
    }
    let end = mended.len();
    if end > 2 && mended.is_word(end - 2, "REMOVE") && mended.is_word(end - 1, "DUPLICATES") {
        let place = mended.place(end - 2);
        let every = phrase("WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *", &[], place);
        mended.tokens.splice(end - 2..end, every);
        mended.note("remove duplicates", place);
    }
    // SQL Server: MERGE t WITH (HOLDLOCK) AS u.
    let name = if mended.is_keyword(1, K::INTO) { 2 } else { 1 };
    if let Some(with) = mended.past_name(name).filter(|with| mended.is_keyword(*with, K::WITH))
        && let Some(end) = mended.past_group(with + 1)
    {
        mended.remove(with, end, "table hint");
    }
    merge_using(mended);
    for at in (1..mended.len()).rev() {
        let by_name = mended.is_keyword(at, K::BY) && mended.is_keyword(at + 1, K::NAME);
        if by_name && mended.is_keyword(at - 1, K::INSERT) {
            let place = mended.place(at);
            mended.tokens.splice(at..at + 2, phrase("*", &[], place));
            mended.note("insert by name", place);
        } else if by_name && mended.is_keyword(at - 1, K::UPDATE) {
            let place = mended.place(at);
            mended.tokens.splice(at..at + 2, phrase("SET *", &[], place));
            mended.note("update by name", place);
        }
    }
}

/// DuckDB's `MERGE INTO t USING s USING (id)`, and UPDATE and INSERT of whole rows.
fn merge_using(mended: &mut Mended) {
    let group = |mended: &Mended, at: usize| {
        mended.is_keyword(at, K::USING) && mended.is(at + 1, &Token::LParen) && mended.is_name(at - 1)
    };
    let Some(target) = mended.find_keyword(1, K::USING) else { return };
    if let Some(at) = mended.find(target + 1, mended.len(), group)
        && let Some(end) = mended.past_group(at + 1)
    {
        let place = mended.span(at, end);
        let (left, right) = (mended.slice(target - 1, target), mended.slice(at - 1, at));
        let mut condition = Vec::new();
        for column in at + 2..end - 1 {
            if !mended.is_name(column) {
                continue;
            }
            let column = mended.slice(column, column + 1);
            let period = [symbol_at(Token::Period, place)];
            let equals = [symbol_at(Token::Eq, place)];
            let words = if condition.is_empty() { "ON $1 $3 $4 $5 $2 $3 $4" } else { "AND $1 $3 $4 $5 $2 $3 $4" };
            condition.extend(phrase(words, &[&left, &right, &period, &column, &equals], place));
        }
        mended.tokens.splice(at..end, condition);
        mended.note("merge using", place);
    }
    for at in (1..mended.len()).rev() {
        let whole = at + 1 == mended.len() || mended.is_keyword(at + 1, K::WHEN);
        let words = match mended.keyword(at) {
            K::UPDATE => "UPDATE SET *",
            K::INSERT => "INSERT *",
            _ => continue,
        };
        if whole && mended.is_keyword(at - 1, K::THEN) {
            let place = mended.place(at);
            mended.tokens.splice(at..=at, phrase(words, &[], place));
            mended.note("whole row", place);
        }
    }
}

/// Exasol's `EXPORT table | (query) INTO …`: what is read. Hive's `EXPORT TABLE t TO '/path'`.
fn export(mended: &mut Mended) {
    if mended.is_keyword(1, K::TABLE)
        && let Some(end) = mended.past_name(2)
        && let Some(to) = mended.find_keyword(end, K::TO)
    {
        let parts = [(2, end), (to + 1, to + 2)];
        return rewrite(mended, "INSERT OVERWRITE DIRECTORY $2 SELECT * FROM $1", &parts, "export");
    }
    if mended.is(1, &Token::LParen)
        && let Some(end) = mended.past_group(1)
    {
        rewrite(mended, "$1", &[(2, end - 1)], "export");
    } else if let Some(end) = mended.past_name(1) {
        rewrite(mended, "SELECT * FROM $1", &[(1, end)], "export");
    }
}
