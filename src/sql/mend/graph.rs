//! Property graphs: GRAPH_TABLE of SQL/PGQ and BigQuery, GRAPH queries, CREATE PROPERTY GRAPH.
//!
//! A graph is a relation like a view over its tables, and every variable of a pattern a row of it.

use sqlparser::{
    keywords::Keyword as K,
    tokenizer::{Token, TokenWithSpan},
};

use super::{Mended, keyword_at, phrase, symbol_at};
use crate::model::Span;

/// GRAPH_TABLEs in one statement, and variables in one pattern, that are read.
const MOST: usize = 100;

pub(super) fn mend(mended: &mut Mended) {
    if mended.is_keyword(0, K::CREATE) {
        property_graph(mended);
    }
    if mended.is_word(0, "GRAPH")
        && let Some(after) = mended.past_name(1)
        && is_match(mended, after)
    {
        let end = mended.len();
        if let Some(tokens) = query(mended, (1, after), after, end) {
            let span = mended.span(0, end);
            mended.tokens = tokens;
            mended.note("graph query", span);
        }
    }
    for _ in 0..MOST {
        let called = |at: &usize| mended.is_word(*at, "GRAPH_TABLE") && mended.is(at + 1, &Token::LParen);
        let Some(at) = (0..mended.len()).find(called) else { return };
        let Some(end) = mended.past_group(at + 1) else { return };
        let Some(after) = mended.past_name(at + 2).filter(|after| is_match(mended, *after)) else { return };
        let Some(mut tokens) = query(mended, (at + 2, after), after, end - 1) else { return };
        let span = mended.span(at, end);
        tokens.insert(0, symbol_at(Token::LParen, span));
        tokens.push(symbol_at(Token::RParen, Span { start: span.end, end: span.end }));
        mended.tokens.splice(at..end, tokens);
        mended.note("graph table", span);
    }
}

fn is_match(mended: &Mended, at: usize) -> bool {
    mended.is_word(at, "MATCH") || (mended.is_word(at, "OPTIONAL") && mended.is_word(at + 1, "MATCH"))
}

/// `MATCH pattern [WHERE c] COLUMNS (e, …) | RETURN e, …` as
/// `SELECT e, … FROM g AS p CROSS JOIN g AS q WHERE c`.
fn query(mended: &Mended, graph: (usize, usize), from: usize, to: usize) -> Option<Vec<TokenWithSpan>> {
    let mut pattern = Pattern::default();
    let mut at = from;
    while at < to {
        let end = mended.find(at + 1, to, starts_section).unwrap_or(to);
        match mended.keyword(at) {
            _ if mended.is_word(at, "MATCH") => pattern.read(mended, at + 1, end),
            K::WHERE | K::FILTER => pattern.conditions.push((at + 1, end)),
            K::RETURN => pattern.columns = Some((at + 1, end)),
            _ if mended.is_word(at, "COLUMNS") => pattern.columns = Some((at + 2, mended.past_group(at + 1)? - 1)),
            K::ORDER | K::LIMIT | K::OFFSET => pattern.rest.push((at, end)),
            _ => {}
        }
        at = end;
    }
    let place = mended.place(from);
    let columns = pattern.columns?;
    let mut out = vec![keyword_at("SELECT", place)];
    out.extend(mended.slice(columns.0, columns.1));
    let relation = mended.slice(graph.0, graph.1);
    for (at, variable) in pattern.variables.iter().take(MOST).enumerate() {
        let variable = mended.slice(*variable, variable + 1);
        let words = if at == 0 { "FROM $1 AS $2" } else { "CROSS JOIN $1 AS $2" };
        out.extend(phrase(words, &[&relation, &variable], place));
    }
    if pattern.variables.is_empty() {
        out.extend(phrase("FROM $1", &[&relation], place));
    }
    for (at, condition) in pattern.conditions.iter().enumerate() {
        let condition = mended.slice(condition.0, condition.1);
        out.extend(phrase(if at == 0 { "WHERE ( $1 )" } else { "AND ( $1 )" }, &[&condition], place));
    }
    for (from, to) in pattern.rest {
        out.extend(mended.slice(from, to));
    }
    Some(out)
}

fn starts_section(mended: &Mended, at: usize) -> bool {
    matches!(mended.keyword(at), K::WHERE | K::FILTER | K::RETURN | K::ORDER | K::LIMIT | K::OFFSET)
        || ["MATCH", "OPTIONAL", "LET", "NEXT"].iter().any(|word| mended.is_word(at, word))
        || (mended.is_word(at, "COLUMNS") && mended.is(at + 1, &Token::LParen))
}

/// What a graph query says, as places among the tokens.
#[derive(Default)]
struct Pattern {
    variables: Vec<usize>,
    conditions: Vec<(usize, usize)>,
    columns: Option<(usize, usize)>,
    rest: Vec<(usize, usize)>,
}

impl Pattern {
    /// The variables of `(p IS person WHERE c)` and `[k:Knows]`, and what is asked of them.
    fn read(&mut self, mended: &Mended, from: usize, to: usize) {
        for open in from..to {
            if !matches!(mended.token(open), Token::LParen | Token::LBracket) {
                continue;
            }
            let Some(end) = mended.past_group(open) else { continue };
            let names = mended.is_name(open + 1)
                && !mended.is_keyword(open + 1, K::IS)
                && !mended.is_keyword(open + 1, K::WHERE)
                && (matches!(mended.token(open + 2), Token::RParen | Token::RBracket | Token::Colon | Token::LBrace)
                    || matches!(mended.keyword(open + 2), K::IS | K::WHERE));
            let known = |known: &usize| mended.token(*known) == mended.token(open + 1);
            if names && !self.variables.iter().any(known) {
                self.variables.push(open + 1);
            }
            let inner = mended.find(open + 1, end - 1, |mended, at| mended.is_keyword(at, K::WHERE));
            if let Some(inner) = inner.filter(|_| names || mended.is_keyword(open + 1, K::IS)) {
                self.conditions.push((inner + 1, end - 1));
            }
        }
    }
}

/// `CREATE PROPERTY GRAPH g VERTEX TABLES (t, …) EDGE TABLES (u, …)` as a view over all its tables.
fn property_graph(mended: &mut Mended) {
    let Some(at) = (1..4).find(|at| mended.is_word(*at, "PROPERTY") && mended.is_word(at + 1, "GRAPH")) else { return };
    let start = if mended.is_keyword(at + 2, K::IF) { at + 5 } else { at + 2 };
    let Some(after) = mended.past_name(start) else { return };
    let mut tables = Vec::new();
    for group in after..mended.len() {
        if !(mended.is_word(group, "TABLES") && mended.is(group + 1, &Token::LParen)) {
            continue;
        }
        let Some(end) = mended.past_group(group + 1) else { return };
        let mut element = group + 2;
        while element < end {
            let Some(named) = mended.past_name(element) else { break };
            tables.push(mended.slice(element, named));
            let comma = mended.find(named, end - 1, |mended, at| mended.is(at, &Token::Comma));
            element = comma.map_or(end, |comma| comma + 1);
        }
    }
    if tables.is_empty() || tables.len() > MOST {
        return;
    }
    let span = mended.span(0, mended.len());
    let (head, name) = (mended.slice(0, at), mended.slice(start, after));
    let mut out = phrase("$1 VIEW $2 AS SELECT * FROM", &[&head, &name], span);
    for (at, table) in tables.iter().enumerate() {
        if at > 0 {
            out.extend(phrase("CROSS JOIN", &[], span));
        }
        out.extend(table.iter().cloned());
    }
    mended.tokens = out;
    mended.note("property graph", span);
}
