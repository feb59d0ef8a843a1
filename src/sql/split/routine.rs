//! How far a routine's definition reaches, whose body holds semicolons of its own.

use sqlparser::keywords::Keyword as K;

use super::Splitter;
use crate::{model::Dialect, sql::lexer::Kind};

impl Splitter<'_> {
    /// Where the definition of a routine that starts at `from` ends, if one does.
    pub(super) fn routine_end(&self, from: usize) -> Option<usize> {
        if !matches!(self.keyword(from), K::CREATE | K::ALTER) {
            return None;
        }
        let kind = (from + 1..from + 9).find(|at| {
            self.is_any(*at, &["PROCEDURE", "PROC", "FUNCTION", "TRIGGER", "TASK", "EVENT", "ALERT", "PACKAGE", "MACRO"])
        })?;
        // `CREATE TABLE function …`: what is created must not have been named before.
        let modifiers = (from + 1..kind).all(|at| {
            matches!(
                self.keyword(at),
                K::OR | K::REPLACE | K::ALTER | K::TEMP | K::TEMPORARY | K::AGGREGATE | K::SECURE | K::TABLE
            ) || self.is_any(at, &["WINDOW", "PRIVATE", "PUBLIC", "DEFINER", "EDITIONABLE", "NONEDITIONABLE", "SQL", "AGGREGATE"])
                || !matches!(self.token(at).map(|token| token.kind), Some(Kind::Word(_)))
        });
        let definer = self.is(from + 1, "DEFINER");
        (modifiers || definer).then(|| self.body_end(kind))
    }

    /// Where `WITH FUNCTION f(…) …`, which stands before a query, ends; so do those that follow it.
    pub(super) fn inline_routine_end(&self, from: usize) -> Option<usize> {
        let first = self.keyword(from) == K::WITH;
        let follows = self.pieces.last().is_some_and(|piece| piece.kind == super::PieceKind::Routine)
            && (self.is_kind(from, Kind::Comma) || self.keyword(from) == K::FUNCTION);
        let kind = if first || self.is_kind(from, Kind::Comma) { from + 1 } else { from };
        if !(first || follows) || !self.is_any(kind, &["FUNCTION", "PROCEDURE"]) {
            return None;
        }
        let (mut depth, mut parens, mut returns) = (0usize, 0i32, false);
        for at in kind + 1..self.tokens.len() {
            match self.keyword(at) {
                K::BEGIN => depth += 1,
                K::CASE if depth > 0 && self.keyword(at - 1) != K::END => depth += 1,
                K::END if depth > 0 && !self.ends_other(at) => {
                    depth -= 1;
                    if depth == 0 {
                        // `END f;` of Oracle; Trino's query follows at once.
                        let named = usize::from(self.dialect == Dialect::Oracle && !self.ends(at + 1));
                        return Some(at + 1 + named);
                    }
                }
                K::RETURN => returns = true,
                K::SELECT | K::WITH | K::FROM if depth == 0 && parens == 0 && returns => return Some(at),
                _ => {}
            }
            match self.token(at).map(|token| token.kind) {
                Some(Kind::LeftParen) => parens += 1,
                Some(Kind::RightParen) => parens -= 1,
                Some(Kind::Comma) if depth == 0 && parens == 0 && self.is(at + 1, "FUNCTION") => return Some(at),
                _ => {}
            }
        }
        None
    }

    /// The end of a member of a package, which begins with its kind.
    pub(super) fn member_end(&self, from: usize) -> usize {
        self.body_end(from)
    }

    fn body_end(&self, from: usize) -> usize {
        let package = self.is(from, "PACKAGE");
        let (mut depth, mut began, mut declares, mut parens) = (usize::from(package), package, false, 0i32);
        let mut at = from;
        while at < self.tokens.len() {
            if self.is_terminator(at) {
                let waits = depth > 0 || (declares && !began);
                let hard = !self.is_kind(at, Kind::Semicolon);
                if !waits || hard {
                    return at;
                }
            }
            match self.keyword(at) {
                K::BEGIN if self.opens_block(at) => {
                    depth += 1;
                    began = true;
                }
                K::CASE if depth > 0 && self.keyword(at.wrapping_sub(1)) != K::END => depth += 1,
                K::END if depth > 0 && !self.ends_other(at) => {
                    depth -= 1;
                    if depth == 0 && began {
                        return self.after_end(at);
                    }
                }
                K::DECLARE => declares = true,
                K::AS | K::IS if self.dialect == Dialect::Oracle && parens == 0 => {
                    declares = declares || !matches!(self.token(at + 1).map(|token| token.kind), Some(Kind::Text));
                }
                _ => {}
            }
            match self.token(at).map(|token| token.kind) {
                Some(Kind::LeftParen) => parens += 1,
                Some(Kind::RightParen) => parens -= 1,
                _ => {}
            }
            at += 1;
        }
        self.tokens.len()
    }

    /// Whether the `END` at `at` closes something that is not counted.
    fn ends_other(&self, at: usize) -> bool {
        self.is_any(at + 1, &["IF", "LOOP", "WHILE", "FOR", "REPEAT"])
    }

    /// Past `END [TRY|CATCH|label]`, and past whatever follows up to the terminator unless T-SQL.
    fn after_end(&self, at: usize) -> usize {
        if self.dialect == Dialect::MsSql {
            return at + 1;
        }
        (at + 1..self.tokens.len()).find(|at| self.is_terminator(*at)).unwrap_or(self.tokens.len())
    }

    /// Whether the `BEGIN` at `at` opens a block rather than a transaction.
    pub(super) fn opens_block(&self, at: usize) -> bool {
        const TRANSACTION: [&str; 12] = [
            "TRANSACTION",
            "TRAN",
            "WORK",
            "ISOLATION",
            "READ",
            "DEFERRABLE",
            "IMMEDIATE",
            "EXCLUSIVE",
            "DEFERRED",
            "CONCURRENT",
            "NAME",
            "DISTRIBUTED",
        ];
        if self.is_any(at + 1, &TRANSACTION) {
            return false;
        }
        self.blocks_may_be_empty() || !self.ends(at + 1)
    }

    fn blocks_may_be_empty(&self) -> bool {
        self.body && !self.blocks.is_empty()
    }
}
