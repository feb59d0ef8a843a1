//! Loads from files and stages, as an INSERT of what they hold.

use sqlparser::{
    keywords::Keyword as K,
    tokenizer::{Token, TokenWithSpan, Word},
};

use super::{Mended, phrase, symbol_at};
use crate::model::{Dialect, Span};

pub(super) fn mend(mended: &mut Mended, dialect: Dialect) {
    if mended.is_keyword(0, K::COPY) && mended.is_keyword(1, K::INTO) {
        copy_into(mended, dialect);
    } else if mended.is_keyword(0, K::CREATE) && mended.is_word(1, "PIPE") || mended.is_word(3, "PIPE") {
        pipe(mended, dialect);
    } else if mended.is_keyword(0, K::LOAD) && mended.is_keyword(1, K::DATA) {
        load_data(mended);
    } else if mended.is_word(0, "BULK") && mended.is_keyword(1, K::INSERT) {
        let from = mended.find_keyword(2, K::FROM);
        insert(mended, from.map(|from| (2, from)), from.map(|from| vec![from + 1]), "bulk insert");
    } else if mended.is_word(0, "IMPORT") && mended.is_keyword(1, K::INTO) {
        let end = mended.past_name(2);
        insert(mended, end.map(|end| (2, end)), Some(Vec::new()), "import");
    }
}

/// `INSERT INTO target SELECT * FROM files`; the target alone where no file is named.
fn insert(mended: &mut Mended, target: Option<(usize, usize)>, files: Option<Vec<usize>>, what: &'static str) {
    let Some((from, to)) = target else { return };
    let target = mended.slice(from, to);
    let mut source = Vec::new();
    for at in files.unwrap_or_default() {
        let Some(file) = mended.tokens.get(at).and_then(file_name) else { continue };
        let place = mended.place(at);
        source.extend(phrase(if source.is_empty() { "SELECT * FROM" } else { "UNION ALL SELECT * FROM" }, &[], place));
        source.push(file);
    }
    let span = mended.span(0, mended.len());
    let pattern = if source.is_empty() { "INSERT INTO $1 DEFAULT VALUES" } else { "INSERT INTO $1 $2" };
    mended.tokens = phrase(pattern, &[&target, &source], mended.place(0));
    mended.note(what, span);
}

/// A literal as the name of the file that it is the path of.
fn file_name(token: &TokenWithSpan) -> Option<TokenWithSpan> {
    let path = match &token.token {
        Token::SingleQuotedString(path) | Token::DoubleQuotedString(path) | Token::NationalStringLiteral(path) => path.clone(),
        Token::Word(word) if word.quote_style.is_some() => word.value.clone(),
        _ => return None,
    };
    let word = Word { value: path, quote_style: Some('"'), keyword: K::NoKeyword };
    Some(TokenWithSpan::new(Token::Word(word), token.span))
}

/// `COPY INTO t (a, b) FROM 'path' | (SELECT … FROM 'path' | @stage) options`.
fn copy_into(mended: &mut Mended, dialect: Dialect) {
    let Some(name) = mended.past_name(2) else { return };
    let Some(from) = mended.find_keyword(name, K::FROM) else { return };
    let mut target = mended.slice(2, name);
    if mended.is(name, &Token::LParen)
        && let Some(end) = mended.past_group(name)
    {
        target.extend(bare_columns(mended, name, end));
    }
    if !mended.is(from + 1, &Token::LParen) {
        if dialect != Dialect::Snowflake {
            let files = (from + 1..mended.len()).step_by(2).take_while(|at| mended.tokens.get(*at).is_some_and(is_text));
            let files = files.take_while(|at| *at == from + 1 || mended.is(at - 1, &Token::Comma)).collect();
            let place = mended.place(0);
            let span = mended.span(0, mended.len());
            let mut loaded = Mended { tokens: mended.tokens.clone(), mends: Vec::new() };
            insert(&mut loaded, Some((2, name)), Some(files), "copy");
            let query = loaded.find_keyword(2, K::SELECT).unwrap_or(loaded.len());
            let query = loaded.slice(query, loaded.len());
            if query.is_empty() {
                return;
            }
            mended.tokens = phrase("INSERT INTO $1 $2", &[&target, &query], place);
            mended.note("copy", span);
        }
        return;
    }
    let Some(end) = mended.past_group(from + 1) else { return };
    let mut query = mended.slice(from + 2, end - 1);
    files_in_query(&mut query);
    let span = mended.span(0, mended.len());
    mended.tokens = phrase("INSERT INTO $1 $2", &[&target, &query], mended.place(0));
    mended.note("copy", span);
}

fn is_text(token: &TokenWithSpan) -> bool {
    matches!(token.token, Token::SingleQuotedString(_) | Token::DoubleQuotedString(_))
}

/// Columns without the defaults and positions that SQL Server lists with them.
fn bare_columns(mended: &Mended, from: usize, to: usize) -> Vec<TokenWithSpan> {
    let mut kept = vec![mended.tokens[from].clone()];
    for at in from + 1..to {
        let starts = mended.is(at - 1, &Token::LParen) || mended.is(at - 1, &Token::Comma);
        if starts || at + 1 == to || mended.is(at, &Token::Comma) {
            kept.push(mended.tokens[at].clone());
        }
    }
    kept
}

/// `FROM 'path'` names the file; options in brackets after a stage say only how it is read.
fn files_in_query(query: &mut Vec<TokenWithSpan>) {
    let is_from = |token: &TokenWithSpan| matches!(&token.token, Token::Word(word) if word.keyword == K::FROM);
    let mut at = 0;
    while at < query.len() {
        if is_from(&query[at])
            && let Some(file) = query.get(at + 1).and_then(file_name)
            && is_text(&query[at + 1])
        {
            query[at + 1] = file;
        }
        if is_from(&query[at]) && query.get(at + 1).is_some_and(|token| token.token == Token::AtSign) {
            let group = (at + 2..query.len()).find(|at| query[*at].token == Token::LParen);
            let plain = |token: &TokenWithSpan| !matches!(&token.token, Token::Word(word) if word.keyword == K::WHERE);
            if let Some(open) = group.filter(|open| query[at..*open].iter().all(plain)) {
                let inner = Mended { tokens: query.clone(), mends: Vec::new() };
                if let Some(end) = inner.past_group(open) {
                    query.drain(open..end);
                }
            }
        }
        at += 1;
    }
}

/// Snowflake's CREATE PIPE: the COPY that it runs.
fn pipe(mended: &mut Mended, dialect: Dialect) {
    let Some(copy) = (2..mended.len()).find(|at| mended.is_keyword(*at, K::COPY) && mended.is_keyword(at + 1, K::INTO)) else {
        return;
    };
    mended.remove(0, copy, "pipe");
    if mended.find_keyword(2, K::FROM).is_some_and(|from| mended.is(from + 1, &Token::LParen)) {
        copy_into(mended, dialect);
    }
}

/// BigQuery's `LOAD DATA INTO t FROM FILES (uris = […])`, MySQL's `LOAD DATA INFILE 'f' INTO TABLE t`.
fn load_data(mended: &mut Mended) {
    let into = mended.find(2, mended.len(), |mended, at| matches!(mended.keyword(at), K::INTO | K::OVERWRITE));
    let Some(into) = into else { return };
    let start = if mended.is_keyword(into + 1, K::TABLE) { into + 2 } else { into + 1 };
    let Some(end) = mended.past_name(start) else { return };
    let infile = (2..into).find(|at| mended.is_word(*at, "INFILE"));
    let files = match infile {
        Some(infile) => vec![infile + 1],
        None => uris(mended, end),
    };
    insert(mended, Some((start, end)), Some(files), "load data");
}

/// Places of the literals in `uris = [ … ]`.
fn uris(mended: &Mended, from: usize) -> Vec<usize> {
    let Some(uris) = (from..mended.len()).find(|at| mended.is_word(*at, "URIS") || mended.is_word(*at, "URI")) else {
        return Vec::new();
    };
    (uris + 2..mended.len())
        .take_while(|at| !matches!(mended.token(*at), Token::RBracket | Token::RParen))
        .filter(|at| mended.tokens.get(*at).is_some_and(is_text))
        .collect()
}

/// T-SQL's `INSERT INTO t EXEC p …`: a write to t, and the call.
pub(super) fn insert_of_call(mended: &Mended) -> Option<Vec<Mended>> {
    let call = mended.find(1, mended.len(), |mended, at| matches!(mended.keyword(at), K::EXEC | K::EXECUTE))?;
    let start = if mended.is_keyword(1, K::INTO) { 2 } else { 1 };
    let end = mended.past_name(start)?;
    let place = mended.place(0);
    let note = |from: usize, to: usize| vec![("insert of a call", mended.span(from, to))];
    let write = phrase("INSERT INTO $1 DEFAULT VALUES", &[&mended.slice(start, end)], place);
    let call_tokens = mended.slice(call, mended.len());
    Some(vec![Mended { tokens: write, mends: note(0, call) }, Mended { tokens: call_tokens, mends: note(call, mended.len()) }])
}

/// A file in brackets, for T-SQL's `OPENROWSET(BULK 'path', …)`.
pub(super) fn openrowset(mended: &mut Mended) {
    for at in (1..mended.len()).rev() {
        if mended.is_word(at, "BULK") && mended.is(at - 1, &Token::LParen) && at >= 2 && mended.is_word(at - 2, "OPENROWSET") {
            let Some(end) = mended.past_group(at - 1) else { continue };
            let options = mended.find(at, end - 1, |mended, at| mended.is(at, &Token::Comma)).unwrap_or(end - 1);
            let span: Span = mended.span(at, end);
            let file = mended.slice(at + 1, options);
            let mut call = vec![symbol_at(Token::LParen, span)];
            call.extend(file);
            call.push(symbol_at(Token::RParen, span));
            mended.tokens.splice(at - 1..end, call);
            mended.note("rows of a file", span);
        }
    }
}
