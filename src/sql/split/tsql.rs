//! T-SQL, where statements need no semicolon: a word that can only start a statement ends the one
//! before.

use sqlparser::keywords::Keyword as K;

use super::{PieceKind, Splitter};
use crate::sql::lexer::Kind;

impl Splitter<'_> {
    /// Where the statement that starts at `from` ends.
    pub(super) fn tsql_end(&self, from: usize) -> usize {
        let mut statement = Reading { first: self.keyword(from), parens: 0, cases: 0, main: false, set: false };
        statement.main = matches!(statement.first, K::SELECT | K::UPDATE | K::DELETE | K::MERGE);
        for at in from + 1..self.tokens.len() {
            if self.is_terminator(at) || (statement.parens <= 0 && self.starts_statement(at, &mut statement)) {
                return at;
            }
            match self.token(at).map(|token| token.kind) {
                Some(Kind::LeftParen) => statement.parens += 1,
                Some(Kind::RightParen) => statement.parens -= 1,
                Some(Kind::Word(K::CASE)) => statement.cases += 1,
                Some(Kind::Word(K::END)) => statement.cases = (statement.cases - 1).max(0),
                _ => {}
            }
        }
        self.tokens.len()
    }

    /// Whether the word at `at`, outside of parentheses, starts another statement.
    fn starts_statement(&self, at: usize, statement: &mut Reading) -> bool {
        let (word, before) = (self.keyword(at), self.keyword(at - 1));
        if self.symbol(at - 1) == "." || self.symbol(at + 1) == "." {
            return false;
        }
        match word {
            _ if matches!(statement.first, K::GRANT | K::REVOKE | K::DENY) => self.is(at, "GO"),
            K::SELECT => {
                let continues = matches!(before, K::UNION | K::ALL | K::EXCEPT | K::INTERSECT | K::AS | K::FOR)
                    || (!statement.main && matches!(statement.first, K::INSERT | K::WITH | K::CREATE));
                statement.main = true;
                !continues
            }
            K::INSERT | K::UPDATE | K::DELETE | K::MERGE => {
                let verb = statement.first == K::WITH && !statement.main;
                let continues = matches!(before, K::THEN | K::ON | K::FOR | K::AFTER | K::OF | K::INNER | K::LEFT)
                    || verb
                    || self.is(at - 1, "INSTEAD")
                    || self.is(at - 1, "BULK");
                // `WITH c AS (…) INSERT INTO t SELECT …` still waits for its SELECT.
                statement.main = !(verb && word == K::INSERT);
                if verb {
                    statement.first = word;
                }
                !continues
            }
            K::SET => {
                let continues = matches!(before, K::UPDATE | K::DELETE) || (!statement.set && self.takes_set(statement.first));
                statement.set = true;
                !continues
            }
            // Hints are `WITH (…)`, CTEs `WITH name AS (` or `WITH name (`.
            K::WITH => {
                let cte =
                    !self.word(at + 1).is_empty() && (self.keyword(at + 2) == K::AS || self.is_kind(at + 2, Kind::LeftParen));
                let waits = !statement.main && matches!(statement.first, K::INSERT | K::CREATE | K::ALTER);
                cte && before != K::AS && !waits && statement.first != K::EXECUTE
            }
            K::VALUES => {
                statement.main = true;
                false
            }
            K::EXEC | K::EXECUTE => {
                let continues = (statement.first == K::INSERT && !statement.main) || before == K::WITH;
                statement.main = true;
                !continues
            }
            K::END => statement.cases == 0,
            K::ELSE => statement.cases == 0,
            K::IF => !matches!(
                before,
                K::TABLE | K::VIEW | K::PROCEDURE | K::FUNCTION | K::INDEX | K::SCHEMA | K::COLUMN | K::DATABASE
            ),
            K::DROP | K::ALTER => statement.first != K::ALTER && before != K::OR,
            K::FETCH => !matches!(before, K::ROW | K::ROWS),
            K::BEGIN
            | K::DECLARE
            | K::WHILE
            | K::PRINT
            | K::TRUNCATE
            | K::CREATE
            | K::USE
            | K::RAISERROR
            | K::THROW
            | K::COMMIT
            | K::ROLLBACK
            | K::CLOSE
            | K::DEALLOCATE
            | K::GRANT
            | K::RETURN
            | K::WAITFOR => true,
            K::OPEN => statement.first != K::OPEN,
            _ => false,
        }
    }

    fn takes_set(&self, first: K) -> bool {
        matches!(first, K::UPDATE | K::WITH | K::ALTER | K::MERGE)
    }

    /// `IF condition statement`, `WHILE condition statement`: there is no word between.
    pub(super) fn tsql_condition(&mut self) -> bool {
        let at = self.at;
        let end = self.tsql_end_of_condition(at + 1);
        self.push(PieceKind::Mark, at, at + 1);
        self.push(PieceKind::Condition, at + 1, end);
        self.hangs = true;
        true
    }

    fn tsql_end_of_condition(&self, from: usize) -> usize {
        let mut statement = Reading { first: K::IF, parens: 0, cases: 0, main: false, set: false };
        for at in from..self.tokens.len() {
            let starts = at > from && statement.parens <= 0 && self.starts_statement(at, &mut statement);
            if self.is_terminator(at) || starts {
                return at;
            }
            match self.token(at).map(|token| token.kind) {
                Some(Kind::LeftParen) => statement.parens += 1,
                Some(Kind::RightParen) => statement.parens -= 1,
                Some(Kind::Word(K::CASE)) => statement.cases += 1,
                Some(Kind::Word(K::END)) => statement.cases = (statement.cases - 1).max(0),
                _ => {}
            }
        }
        self.tokens.len()
    }
}

/// What has been seen of a statement.
struct Reading {
    first: K,
    parens: i32,
    cases: i32,
    /// The verb after WITH, the SELECT or VALUES of an INSERT.
    main: bool,
    set: bool,
}
