//! The shape of a statement: its text with literals, comments and layout taken away.
//!
//! Query logs hold millions of texts and few shapes; what is stored of a logged text is its shape
//! alone, so no literal of it is ever kept.

use xxhash_rust::xxh3::xxh3_128;

use super::lexer::{Kind, lex};
use crate::model::Dialect;

/// A shape and its hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    /// A hash of [`Fingerprint::shape`].
    pub hash: u128,
    /// The text with `?` for every literal and parameter, one blank between tokens, words in lower
    /// case, and a list of literals (`IN (?, ?, …)`, rows of VALUES) shortened to one.
    pub shape: String,
}

/// The fingerprint of `text`.
pub fn fingerprint(text: &str, dialect: Dialect) -> Fingerprint {
    let mut shape = String::with_capacity(text.len());
    let mut lists = Vec::new();
    for token in lex(text, dialect) {
        match token.kind {
            Kind::Comment => {}
            Kind::Text | Kind::Dollar | Kind::Number | Kind::Parameter | Kind::Open => {
                add_literal(&mut shape, lists.last() == Some(&true));
            }
            Kind::Word(_) => add(&mut shape, token.of(text), true),
            Kind::LeftParen => {
                let list = [" in", " values", "( ? ) ,"].iter().any(|before| shape.ends_with(before));
                lists.push(list);
                add(&mut shape, "(", false);
            }
            Kind::RightParen => close(&mut shape, lists.pop() == Some(true)),
            Kind::Quoted | Kind::Comma | Kind::Semicolon | Kind::Period | Kind::Operator => {
                add(&mut shape, token.of(text), false)
            }
        }
    }
    while shape.ends_with([';', ' ']) {
        shape.pop();
    }
    Fingerprint { hash: xxh3_128(shape.as_bytes()), shape }
}

fn add(shape: &mut String, word: &str, fold: bool) {
    if !shape.is_empty() {
        shape.push(' ');
    }
    if fold {
        shape.extend(word.chars().flat_map(char::to_lowercase));
    } else {
        shape.push_str(word);
    }
}

/// A literal; one of a list of literals says it all.
fn add_literal(shape: &mut String, in_list: bool) {
    if in_list && shape.ends_with("? ,") {
        shape.truncate(shape.len() - 2);
    } else {
        add(shape, "?", false);
    }
}

/// A closing bracket; a row of literals after another says nothing new.
fn close(shape: &mut String, is_list: bool) {
    add(shape, ")", false);
    if is_list && shape.ends_with("( ? ) , ( ? )") {
        shape.truncate(shape.len() - " , ( ? )".len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_comments_and_layout_make_no_difference() {
        let one = fingerprint("SELECT a FROM t WHERE b = 'secret' AND c IN (1, 2, 3) -- note", Dialect::Postgres);
        let two = fingerprint("select a\nfrom t where b='x' and c in (4);", Dialect::Postgres);
        assert_eq!(one, two);
        assert_eq!(one.shape, "select a from t where b = ? and c in ( ? )");
    }

    #[test]
    fn rows_of_values_fold_into_one() {
        let many = fingerprint("INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'c')", Dialect::Generic);
        assert_eq!(many.shape, "insert into t values ( ? )");
    }

    #[test]
    fn a_select_list_keeps_its_length() {
        assert_eq!(fingerprint("SELECT 1, 2, f(3, 4)", Dialect::Generic).shape, "select ? , ? , f ( ? , ? )");
    }

    #[test]
    fn names_are_kept() {
        let one = fingerprint("SELECT \"A\" FROM t", Dialect::Postgres);
        assert_ne!(one, fingerprint("SELECT \"a\" FROM t", Dialect::Postgres));
    }
}
