//! Oracle's MODEL clause, as the queries that do the same.

use sqlparser::{
    keywords::Keyword as K,
    tokenizer::{Token, TokenWithSpan},
};

use super::{Mended, phrase, symbol_at};

/// MODEL clauses in one statement that are read.
const MOST: usize = 50;

pub(super) fn mend(mended: &mut Mended) {
    for _ in 0..MOST {
        if !(0..mended.len()).any(|at| model(mended, at)) {
            return;
        }
    }
}

/// `SELECT … FROM t MODEL PARTITION BY (p) DIMENSION BY (d) MEASURES (m) RULES (m[…] = e)` becomes
/// `SELECT … FROM (SELECT p, d, first_value(coalesce(m, e)) OVER (PARTITION BY p ORDER BY d) AS m
/// FROM (SELECT p, d, m FROM t))`: a rule computes a cell from cells that the dimensions name.
fn model(mended: &mut Mended, at: usize) -> bool {
    if !mended.is_word(at, "MODEL") || at == 0 || mended.is(at - 1, &Token::Period) {
        return false;
    }
    let Some(found) = read(mended, at) else { return false };
    let place = mended.span(at, found.end);
    let comma = |list: &[Item]| -> Vec<TokenWithSpan> { joined(list.iter().map(|item| item.name.clone()), place) };
    let keys: Vec<Item> = found.partitions.iter().chain(&found.dimensions).cloned().collect();
    let all: Vec<Item> = keys.iter().chain(&found.measures).cloned().collect();
    let inner = joined(all.iter().map(|item| item.tokens.clone()), place);
    let source = mended.slice(found.from, at);
    let rows = phrase("( SELECT $1 $2 )", &[&inner, &source], place);
    let mut outputs: Vec<Vec<TokenWithSpan>> = keys.iter().map(|item| item.name.clone()).collect();
    for measure in &found.measures {
        let rules: Vec<Vec<TokenWithSpan>> =
            found.rules.iter().filter(|rule| same(&rule.name, &measure.name)).map(|rule| rule.tokens.clone()).collect();
        if rules.is_empty() {
            outputs.push(measure.name.clone());
            continue;
        }
        let values = joined(std::iter::once(measure.name.clone()).chain(rules), place);
        let mut output = phrase("first_value ( coalesce ( $1 ) ) OVER (", &[&values], place);
        if !found.partitions.is_empty() {
            output.extend(phrase("PARTITION BY $1", &[&comma(&found.partitions)], place));
        }
        output.extend(phrase("ORDER BY $1 ) AS $2", &[&comma(&found.dimensions), &measure.name], place));
        outputs.push(output);
    }
    let outputs = joined(outputs.into_iter(), place);
    let tokens = phrase("FROM ( SELECT $1 FROM $2 )", &[&outputs, &rows], place);
    mended.tokens.splice(found.from..found.end, tokens);
    mended.note("model", place);
    true
}

fn same(left: &[TokenWithSpan], right: &[TokenWithSpan]) -> bool {
    match (left.first().map(|token| &token.token), right.first().map(|token| &token.token)) {
        (Some(Token::Word(left)), Some(Token::Word(right))) => left.value.eq_ignore_ascii_case(&right.value),
        _ => false,
    }
}

fn joined(parts: impl Iterator<Item = Vec<TokenWithSpan>>, place: crate::model::Span) -> Vec<TokenWithSpan> {
    let mut out: Vec<TokenWithSpan> = Vec::new();
    for part in parts {
        if !out.is_empty() {
            out.push(symbol_at(Token::Comma, place));
        }
        out.extend(part);
    }
    out
}

/// A column of the clause, or a rule: its name and the tokens that make it.
#[derive(Clone)]
struct Item {
    name: Vec<TokenWithSpan>,
    tokens: Vec<TokenWithSpan>,
}

struct Model {
    /// The FROM of its query, and past its end.
    from: usize,
    end: usize,
    partitions: Vec<Item>,
    dimensions: Vec<Item>,
    measures: Vec<Item>,
    rules: Vec<Item>,
}

fn read(mended: &Mended, at: usize) -> Option<Model> {
    let word = |from: usize, text: &'static str| mended.find(from, mended.len(), move |mended, at| mended.is_word(at, text));
    let dimension = word(at + 1, "DIMENSION")?;
    let measures = word(dimension, "MEASURES")?;
    let partition = word(at + 1, "PARTITION").filter(|partition| *partition < dimension);
    let list = |by: usize| -> Option<Vec<Item>> { items(mended, by, mended.past_group(by)?) };
    let measured = mended.past_group(measures + 1)?;
    let mut group = measured;
    loop {
        let counts = group > 0 && ["ITERATE", "UNTIL"].iter().any(|word| mended.is_word(group - 1, word));
        match mended.token(group) {
            Token::LParen if counts => group = mended.past_group(group)?,
            Token::LParen => break,
            Token::Word(_) => group += 1,
            _ => return None,
        }
    }
    let end = mended.past_group(group)?;
    let mut rules = Vec::new();
    let mut start = group + 1;
    while start + 1 < end {
        let comma = mended.find(start, end - 1, |mended, at| mended.is(at, &Token::Comma)).unwrap_or(end - 1);
        let equals = mended.find(start, comma, |mended, at| mended.is(at, &Token::Eq))?;
        let first = (start..equals).find(|at| !mended.is_keyword(*at, K::UPDATE) && !mended.is_word(*at, "UPSERT"))?;
        rules.push(Item { name: mended.slice(first, first + 1), tokens: without_cells(mended, equals + 1, comma) });
        start = comma + 1;
    }
    let mut depth = 0i32;
    let from = (0..at).rev().find(|from| {
        match mended.token(*from) {
            Token::RParen => depth += 1,
            Token::LParen => depth -= 1,
            _ => {}
        }
        depth == 0 && mended.is_keyword(*from, K::FROM)
    })?;
    Some(Model {
        from,
        end,
        partitions: match partition {
            Some(partition) => list(partition + 2)?,
            None => Vec::new(),
        },
        dimensions: list(dimension + 2)?,
        measures: list(measures + 1)?,
        rules,
    })
}

/// `sales['Bounce', cv(year)]` is a value of `sales`.
fn without_cells(mended: &Mended, from: usize, to: usize) -> Vec<TokenWithSpan> {
    let mut out = Vec::new();
    let mut at = from;
    while at < to {
        match mended.past_group(at).filter(|_| mended.is(at, &Token::LBracket)) {
            Some(end) => at = end,
            None => {
                out.extend(mended.slice(at, at + 1));
                at += 1;
            }
        }
    }
    out
}

/// The columns in the brackets that open at `from`; each has a name.
fn items(mended: &Mended, from: usize, to: usize) -> Option<Vec<Item>> {
    let mut out = Vec::new();
    let mut start = from + 1;
    while start + 1 < to {
        let comma = mended.find(start, to - 1, |mended, at| mended.is(at, &Token::Comma)).unwrap_or(to - 1);
        let tokens = mended.slice(start, comma);
        let name = tokens.last().filter(|token| matches!(token.token, Token::Word(_))).cloned()?;
        out.push(Item { name: vec![name], tokens });
        start = comma + 1;
    }
    Some(out)
}
