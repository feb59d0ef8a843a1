//! Colours for SQL on pages: what kind of thing each token is.

use sqlparser::keywords::Keyword;

use super::lexer::{Kind, lex};
use crate::model::{Dialect, Span};

/// What a token is to the eye.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TokenClass {
    /// A word of the language.
    Keyword,
    /// A string literal.
    String,
    /// A number.
    Number,
    /// A comment.
    Comment,
    /// A name, quoted or not, or a parameter.
    Identifier,
    /// Punctuation and operators.
    Operator,
}

impl TokenClass {
    /// The word used in style sheets.
    pub fn word(self) -> &'static str {
        match self {
            TokenClass::Keyword => "keyword",
            TokenClass::String => "string",
            TokenClass::Number => "number",
            TokenClass::Comment => "comment",
            TokenClass::Identifier => "identifier",
            TokenClass::Operator => "operator",
        }
    }
}

/// The class of every token of `text`, in order; whitespace is in none.
///
/// Works on any text, readable or not: nothing is parsed.
pub fn highlight(text: &str, dialect: Dialect) -> Vec<(Span, TokenClass)> {
    let tokens = lex(text, dialect);
    let touches = |at: usize| {
        let before =
            at.checked_sub(1).is_some_and(|before| tokens[before].kind == Kind::Period && tokens[before].end == tokens[at].start);
        before || tokens.get(at + 1).is_some_and(|next| next.kind == Kind::Period && next.start == tokens[at].end)
    };
    let class = |at: usize| match tokens[at].kind {
        Kind::Word(keyword) if is_language(keyword) && !touches(at) => TokenClass::Keyword,
        Kind::Word(_) | Kind::Quoted | Kind::Parameter => TokenClass::Identifier,
        Kind::Text | Kind::Dollar | Kind::Open => TokenClass::String,
        Kind::Number => TokenClass::Number,
        Kind::Comment => TokenClass::Comment,
        Kind::Comma | Kind::LeftParen | Kind::RightParen | Kind::Semicolon | Kind::Period | Kind::Operator => {
            TokenClass::Operator
        }
    };
    (0..tokens.len()).map(|at| (tokens[at].span(), class(at))).collect()
}

/// Whether readers take the keyword for a word of the language rather than for a name: sqlparser
/// counts many a usual column name (`name`, `id`, `type`, `date`) among its keywords.
fn is_language(keyword: Keyword) -> bool {
    use Keyword as K;
    matches!(
        keyword,
        K::SELECT
            | K::FROM
            | K::WHERE
            | K::GROUP
            | K::BY
            | K::ORDER
            | K::HAVING
            | K::QUALIFY
            | K::LIMIT
            | K::OFFSET
            | K::WITH
            | K::RECURSIVE
            | K::AS
            | K::ON
            | K::USING
            | K::JOIN
            | K::LEFT
            | K::RIGHT
            | K::FULL
            | K::INNER
            | K::OUTER
            | K::CROSS
            | K::NATURAL
            | K::LATERAL
            | K::UNION
            | K::ALL
            | K::DISTINCT
            | K::EXCEPT
            | K::INTERSECT
            | K::AND
            | K::OR
            | K::NOT
            | K::IN
            | K::IS
            | K::NULL
            | K::LIKE
            | K::ILIKE
            | K::BETWEEN
            | K::EXISTS
            | K::CASE
            | K::WHEN
            | K::THEN
            | K::ELSE
            | K::END
            | K::CAST
            | K::TRUE
            | K::FALSE
            | K::INSERT
            | K::INTO
            | K::VALUES
            | K::UPDATE
            | K::SET
            | K::DELETE
            | K::MERGE
            | K::MATCHED
            | K::CREATE
            | K::REPLACE
            | K::TABLE
            | K::VIEW
            | K::MATERIALIZED
            | K::TEMP
            | K::TEMPORARY
            | K::FUNCTION
            | K::PROCEDURE
            | K::RETURNS
            | K::RETURN
            | K::LANGUAGE
            | K::DROP
            | K::ALTER
            | K::ADD
            | K::RENAME
            | K::TRUNCATE
            | K::IF
            | K::BEGIN
            | K::DECLARE
            | K::DEFAULT
            | K::FOR
            | K::WHILE
            | K::DO
            | K::CALL
            | K::EXECUTE
            | K::IMMEDIATE
            | K::OVER
            | K::PARTITION
            | K::ROWS
            | K::RANGE
            | K::UNBOUNDED
            | K::PRECEDING
            | K::FOLLOWING
            | K::CURRENT
            | K::ROW
            | K::WINDOW
            | K::FILTER
            | K::WITHIN
            | K::UNNEST
            | K::PIVOT
            | K::UNPIVOT
            | K::TABLESAMPLE
            | K::INTERVAL
            | K::EXTRACT
            | K::ARRAY
            | K::STRUCT
            | K::ASC
            | K::DESC
            | K::NULLS
            | K::FIRST
            | K::LAST
            | K::CLUSTER
            | K::OPTIONS
            | K::PRIMARY
            | K::KEY
            | K::FOREIGN
            | K::REFERENCES
            | K::CONSTRAINT
            | K::UNIQUE
            | K::CHECK
            | K::OVERWRITE
            | K::EXTEND
            | K::AGGREGATE
            | K::COMMIT
            | K::ROLLBACK
            | K::TRANSACTION
            | K::EXCLUDE
            | K::RETURNING
            | K::CONFLICT
            | K::CLONE
            | K::COPY
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_token_has_a_class_and_whitespace_has_none() {
        let text = "SELECT `a b`, name, 'x' -- é\n, 1.5 FROM t.from";
        let classes: Vec<_> =
            highlight(text, Dialect::BigQuery).into_iter().map(|(span, class)| (span.of(text), class.word())).collect();
        assert_eq!(
            classes,
            [
                ("SELECT", "keyword"),
                ("`a b`", "identifier"),
                (",", "operator"),
                ("name", "identifier"),
                (",", "operator"),
                ("'x'", "string"),
                ("-- é", "comment"),
                (",", "operator"),
                ("1.5", "number"),
                ("FROM", "keyword"),
                ("t", "identifier"),
                (".", "operator"),
                ("from", "identifier"),
            ]
        );
    }

    #[test]
    fn no_token_is_empty() {
        for text in ["a..0..1", "...0...", "x.1.2", "..5e3", "1..2"] {
            let spans: Vec<Span> = highlight(text, Dialect::BigQuery).into_iter().map(|(span, _)| span).collect();
            assert!(spans.iter().all(|span| span.end > span.start), "{text}: {spans:?}");
            assert_eq!(spans.iter().map(|span| span.of(text)).collect::<String>(), text);
        }
    }
}
