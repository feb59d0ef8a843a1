//! The marks and heads of blocks: BEGIN, IF, CASE, loops, handlers, DECLARE sections.

use sqlparser::keywords::Keyword as K;

use super::{Block, PieceKind, Splitter};
use crate::{model::Dialect, sql::lexer::Kind};

impl Splitter<'_> {
    /// Reads a mark or head of a block, if one stands here.
    pub(super) fn block_mark(&mut self) -> bool {
        let at = self.at;
        if self.label() {
            return true;
        }
        match self.keyword(at) {
            K::BEGIN if self.opens_block(at) => self.begin(),
            K::END => self.end(),
            K::IF if self.dialect == Dialect::MsSql => self.tsql_condition(),
            K::WHILE if self.dialect == Dialect::MsSql => self.tsql_condition(),
            K::IF => self.condition(&["THEN"], Some(Block::If)),
            K::ELSEIF if !self.blocks.is_empty() => self.condition(&["THEN"], None),
            K::ELSE if self.dialect == Dialect::MsSql => {
                self.hangs = true;
                self.mark(1)
            }
            K::ELSE if !self.blocks.is_empty() => self.mark(1),
            K::WHILE => self.condition(&["DO", "LOOP"], Some(Block::Loop)),
            K::FOR => self.for_head(),
            K::CASE => self.case(),
            K::WHEN if self.blocks.last() == Some(&Block::Case) => self.condition(&["THEN"], None),
            K::WHEN if self.blocks.last() == Some(&Block::Handler) => self.handler(),
            K::EXCEPTION if matches!(self.blocks.last(), Some(Block::Begin | Block::Handler | Block::If)) => self.handler(),
            K::DECLARE => self.declare(),
            _ => self.rare_mark(),
        }
    }

    fn rare_mark(&mut self) -> bool {
        let at = self.at;
        if self.is(at, "ELSIF") && !self.blocks.is_empty() {
            self.condition(&["THEN"], None)
        } else if self.is(at, "UNTIL") && !self.blocks.is_empty() {
            self.condition(&["END"], None)
        } else if self.is(at, "FOREACH") {
            self.for_head()
        } else if self.is_any(at, &["LOOP", "REPEAT"]) && !self.ends(at + 1) && !self.is_kind(at + 1, Kind::LeftParen) {
            self.open(Block::Loop);
            self.mark(1)
        } else {
            false
        }
    }

    fn mark(&mut self, tokens: usize) -> bool {
        let end = (self.at + tokens).min(self.tokens.len());
        self.push(PieceKind::Mark, self.at, end);
        true
    }

    /// `label:` before a block, `<<label>>`.
    fn label(&mut self) -> bool {
        let at = self.at;
        let opens = |at: usize| self.is_any(at, &["BEGIN", "LOOP", "WHILE", "FOR", "REPEAT", "FOREACH"]);
        if !self.word(at).is_empty() && self.symbol(at + 1) == ":" && opens(at + 2) {
            return self.mark(2);
        }
        if self.symbol(at) == "<<" && self.symbol(at + 2) == ">>" {
            return self.mark(3);
        }
        false
    }

    fn begin(&mut self) -> bool {
        if self.blocks.last() == Some(&Block::Declare) {
            self.close();
        }
        let catch = self.is(self.at + 1, "CATCH");
        let hangs = std::mem::take(&mut self.hangs);
        self.open(match (catch, hangs) {
            (true, _) => Block::Handler,
            (false, true) => Block::If,
            (false, false) => Block::Begin,
        });
        if self.is(self.at + 1, "NOT") && self.is(self.at + 2, "ATOMIC") {
            return self.mark(3);
        }
        self.mark(if catch || self.is_any(self.at + 1, &["TRY", "ATOMIC"]) { 2 } else { 1 })
    }

    /// `END`, `END IF`, `END LOOP label`. Outside of blocks `END` commits: a statement.
    fn end(&mut self) -> bool {
        let at = self.at;
        if self.blocks.is_empty() && self.dialect != Dialect::MsSql {
            return false;
        }
        self.close();
        if self.dialect == Dialect::MsSql {
            return self.mark(if self.is_any(at + 1, &["TRY", "CATCH"]) { 2 } else { 1 });
        }
        let mut tokens = 1;
        if self.is_any(at + 1, &["IF", "LOOP", "WHILE", "FOR", "REPEAT", "CASE"]) {
            tokens += 1;
        }
        if !self.word(at + tokens).is_empty() && self.ends(at + tokens + 1) {
            tokens += 1;
        }
        self.mark(tokens)
    }

    /// A head up to one of `closers`, its condition between; opens `block`.
    fn condition(&mut self, closers: &[&str], block: Option<Block>) -> bool {
        let at = self.at;
        let Some(close) = self.find_closer(at + 1, closers) else { return false };
        self.push(PieceKind::Mark, at, at + 1);
        self.push(PieceKind::Condition, at + 1, close);
        if let Some(block) = block {
            self.open(block);
        }
        if closers == ["END"] {
            return true;
        }
        self.mark(1)
    }

    /// The first of `closers` outside of parentheses and CASE, before the statement ends.
    fn find_closer(&self, from: usize, closers: &[&str]) -> Option<usize> {
        let (mut parens, mut cases) = (0i32, 0i32);
        for at in from..self.tokens.len() {
            if self.is_terminator(at) {
                return None;
            }
            if parens <= 0 && cases == 0 && self.is_any(at, closers) {
                return Some(at);
            }
            match self.token(at).map(|token| token.kind) {
                Some(Kind::LeftParen) => parens += 1,
                Some(Kind::RightParen) => parens -= 1,
                Some(Kind::Word(K::CASE)) => cases += 1,
                Some(Kind::Word(K::END)) => cases = (cases - 1).max(0),
                _ => {}
            }
        }
        None
    }

    fn for_head(&mut self) -> bool {
        let at = self.at;
        let Some(close) = self.find_closer(at + 1, &["DO", "LOOP"]) else { return false };
        self.push(PieceKind::Mark, at, at + 1);
        self.push(PieceKind::ForHead, at + 1, close);
        self.open(Block::Loop);
        self.mark(1)
    }

    /// A CASE statement: `CASE [x] WHEN … THEN statements; … END CASE`.
    fn case(&mut self) -> bool {
        let at = self.at;
        let Some(when) = self.find_closer(at + 1, &["WHEN"]) else { return false };
        let Some(then) = self.find_closer(when + 1, &["THEN"]) else { return false };
        // An expression's END comes before the first semicolon.
        if self.find_closer(then + 1, &["END"]).is_some() && !self.is(then + 1, "CASE") {
            return false;
        }
        self.push(PieceKind::Mark, at, at + 1);
        self.push(PieceKind::Condition, at + 1, when);
        self.open(Block::Case);
        self.condition(&["THEN"], None)
    }

    /// `EXCEPTION WHEN … THEN`, `WHEN … THEN` after it.
    fn handler(&mut self) -> bool {
        let Some(then) = self.find_closer(self.at, &["THEN"]) else { return false };
        if self.blocks.last() == Some(&Block::Begin) {
            self.close();
            self.open(Block::Handler);
        }
        self.push(PieceKind::Mark, self.at, then + 1);
        true
    }

    /// A DECLARE section (PL/SQL, PL/pgSQL, Snowflake) or MySQL's handler; elsewhere a statement.
    fn declare(&mut self) -> bool {
        let at = self.at;
        if self.is_any(at + 1, &["EXIT", "CONTINUE", "UNDO"]) && self.is(at + 2, "HANDLER") {
            return self.mysql_handler();
        }
        let sections = match self.dialect {
            Dialect::Oracle => true,
            Dialect::Snowflake | Dialect::Postgres | Dialect::Redshift | Dialect::Generic => self.section_follows(),
            _ => false,
        };
        if !sections {
            return false;
        }
        self.open(Block::Declare);
        self.mark(1)
    }

    /// Whether a BEGIN that opens a block follows before anything but declarations.
    fn section_follows(&self) -> bool {
        let mut starts = false;
        for at in self.at + 1..self.tokens.len() {
            if starts && self.keyword(at) == K::BEGIN && self.opens_block(at) {
                return true;
            }
            if starts && matches!(self.keyword(at), K::SELECT | K::INSERT | K::CREATE | K::UPDATE | K::DELETE | K::DECLARE) {
                return false;
            }
            starts = self.is_terminator(at);
        }
        false
    }

    /// `DECLARE EXIT HANDLER FOR SQLEXCEPTION, SQLSTATE '23000' statement`.
    fn mysql_handler(&mut self) -> bool {
        let mut at = self.at + 3;
        while !self.ends(at) {
            let known = self.is_any(at, &["FOR", "SQLEXCEPTION", "SQLWARNING", "NOT", "FOUND", "SQLSTATE", "VALUE"])
                || matches!(self.token(at).map(|token| token.kind), Some(Kind::Text | Kind::Comma | Kind::Number));
            if !known {
                break;
            }
            at += 1;
        }
        self.push(PieceKind::Mark, self.at, at);
        true
    }
}
