//! Cuts a text into pieces: statements, and the marks and heads of the blocks around them.
//!
//! A bad statement never costs its neighbours: only tokens decide, nothing is parsed. Pieces stand
//! in the order of the text, never overlap, and cover every token apart from terminators.

use sqlparser::keywords::Keyword as K;

use super::lexer::{self, Kind, Token};
use crate::model::{Dialect, Span};

mod blocks;
mod routine;
mod tsql;

/// A part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    /// What it is.
    pub(crate) kind: PieceKind,
    /// Its first token and the one past its last, among the tokens without comments.
    pub(crate) tokens: (usize, usize),
    /// Stands inside IF, CASE, a loop or an exception handler.
    pub(crate) conditional: bool,
}

impl Piece {
    /// Its bytes, without the semicolon.
    pub(crate) fn span(&self, tokens: &[Token]) -> Span {
        let tokens = tokens.get(self.tokens.0..self.tokens.1).unwrap_or(&[]);
        match (tokens.first(), tokens.last()) {
            (Some(first), Some(last)) => first.span().cover(last.span()),
            _ => Span::default(),
        }
    }
}

/// What a piece is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PieceKind {
    /// A statement.
    Statement,
    /// CREATE PROCEDURE, FUNCTION, TRIGGER, …: header and body.
    Routine,
    /// `BEGIN`, `THEN`, `END IF`, a label: holds nothing to read.
    Mark,
    /// The condition of IF, WHILE, UNTIL or WHEN.
    Condition,
    /// What stands between FOR and DO or LOOP.
    ForHead,
    /// One declaration of a DECLARE section, without the word DECLARE.
    Declaration,
    /// `GO`, `DELIMITER //`, a client's own command.
    Client,
}

/// The pieces of `text` and its tokens without comments.
pub(crate) struct Split {
    /// Every token apart from comments.
    pub(crate) tokens: Vec<Token>,
    /// The pieces, in order.
    pub(crate) pieces: Vec<Piece>,
}

/// Cuts `text`.
pub(crate) fn split(text: &str, dialect: Dialect) -> Split {
    let mut tokens = lexer::lex(text, dialect);
    tokens.retain(|token| token.kind != Kind::Comment);
    let range = (0, tokens.len());
    let pieces = pieces(text, &tokens, range, dialect, false);
    Split { tokens, pieces }
}

/// The pieces of `range` of the tokens; `body` where it is the inside of a routine.
pub(crate) fn pieces(text: &str, tokens: &[Token], range: (usize, usize), dialect: Dialect, body: bool) -> Vec<Piece> {
    let mut splitter = Splitter::new(text, tokens, range, dialect, body);
    while splitter.at < splitter.tokens.len() {
        splitter.step();
    }
    splitter.pieces
}

/// Where the procedure or function of a package that begins at `range.0` ends.
pub(crate) fn member_end(text: &str, tokens: &[Token], range: (usize, usize), dialect: Dialect) -> usize {
    Splitter::new(text, tokens, range, dialect, true).member_end(range.0)
}

/// A block that is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Block {
    Begin,
    /// After `EXCEPTION` in a block, or in a CATCH.
    Handler,
    Declare,
    If,
    Loop,
    Case,
}

impl Block {
    /// Whether what stands in it may never run.
    fn is_condition(self) -> bool {
        match self {
            Block::Handler | Block::If | Block::Loop | Block::Case => true,
            Block::Begin | Block::Declare => false,
        }
    }
}

struct Splitter<'t> {
    text: &'t str,
    tokens: &'t [Token],
    dialect: Dialect,
    body: bool,
    at: usize,
    blocks: Vec<Block>,
    /// How many of the open blocks may be skipped.
    conditions: usize,
    pieces: Vec<Piece>,
    /// What DELIMITER says, where it is not `;`.
    delimiter: Option<&'t str>,
    /// T-SQL: the next statement or block hangs on a condition.
    hangs: bool,
}

impl<'t> Splitter<'t> {
    fn new(text: &'t str, tokens: &'t [Token], range: (usize, usize), dialect: Dialect, body: bool) -> Splitter<'t> {
        Splitter {
            text,
            tokens: &tokens[..range.1],
            dialect,
            body,
            at: range.0,
            blocks: Vec::new(),
            conditions: 0,
            pieces: Vec::new(),
            delimiter: None,
            hangs: false,
        }
    }

    fn step(&mut self) {
        let from = self.at;
        if self.is_terminator(self.at) {
            self.at += self.terminator_length(self.at);
        } else if !self.client_command() && !self.block_mark() {
            self.statement();
        }
        if self.at <= from {
            self.at = from + 1;
        }
    }

    fn token(&self, at: usize) -> Option<Token> {
        self.tokens.get(at).copied()
    }

    fn keyword(&self, at: usize) -> K {
        self.token(at).map_or(K::NoKeyword, Token::keyword)
    }

    fn word(&self, at: usize) -> &'t str {
        match self.token(at) {
            Some(token) if matches!(token.kind, Kind::Word(_)) => token.of(self.text),
            _ => "",
        }
    }

    fn is(&self, at: usize, word: &str) -> bool {
        self.word(at).eq_ignore_ascii_case(word)
    }

    fn is_any(&self, at: usize, words: &[&str]) -> bool {
        let word = self.word(at);
        !word.is_empty() && words.iter().any(|other| word.eq_ignore_ascii_case(other))
    }

    fn symbol(&self, at: usize) -> &'t str {
        self.token(at).map_or("", |token| token.of(self.text))
    }

    fn is_kind(&self, at: usize, kind: Kind) -> bool {
        self.token(at).is_some_and(|token| token.kind == kind)
    }

    /// Whether `at` is past the end or at a `;`.
    fn ends(&self, at: usize) -> bool {
        at >= self.tokens.len() || self.is_terminator(at)
    }

    fn is_terminator(&self, at: usize) -> bool {
        let Some(token) = self.token(at) else { return false };
        if token.kind == Kind::Semicolon {
            return true;
        }
        if let Some(delimiter) = self.delimiter {
            return self.text.get(token.start as usize..).is_some_and(|rest| rest.starts_with(delimiter));
        }
        match self.dialect {
            Dialect::MsSql => self.is(at, "GO") && self.alone_on_line(at),
            Dialect::Oracle => token.kind == Kind::Operator && token.of(self.text) == "/" && self.alone_on_line(at),
            _ => false,
        }
    }

    fn terminator_length(&self, at: usize) -> usize {
        let Some(delimiter) = self.delimiter else { return 1 };
        if self.is_kind(at, Kind::Semicolon) && delimiter != ";" {
            return 1;
        }
        let start = self.token(at).map_or(0, |token| token.start as usize);
        self.tokens[at..].iter().take_while(|token| (token.start as usize) < start + delimiter.len()).count().max(1)
    }

    fn alone_on_line(&self, at: usize) -> bool {
        let Some(token) = self.token(at) else { return false };
        let gap = |from: usize, to: usize| self.text.get(from..to).unwrap_or("");
        let before = at == 0 || gap(self.tokens[at - 1].end as usize, token.start as usize).contains('\n');
        let after = match self.token(at + 1) {
            Some(next) => gap(token.end as usize, next.start as usize).contains('\n') || next.kind == Kind::Number,
            None => true,
        };
        before && after
    }

    fn starts_line(&self, at: usize) -> bool {
        let Some(token) = self.token(at) else { return false };
        let before = self.text.get(..token.start as usize).unwrap_or("");
        before.rsplit('\n').next().is_some_and(|line| line.trim().is_empty())
    }

    fn open(&mut self, block: Block) {
        self.conditions += usize::from(block.is_condition());
        self.blocks.push(block);
    }

    fn close(&mut self) {
        if let Some(block) = self.blocks.pop() {
            self.conditions -= usize::from(block.is_condition());
        }
    }

    fn push(&mut self, kind: PieceKind, from: usize, to: usize) {
        if from < to {
            let mut conditional = self.conditions > 0;
            if kind == PieceKind::Statement {
                conditional |= std::mem::take(&mut self.hangs);
            }
            self.pieces.push(Piece { kind, tokens: (from, to), conditional });
        }
        self.at = to;
    }

    /// Commands of clients: `DELIMITER //`, `\set x`, `!set x`, `@file`.
    fn client_command(&mut self) -> bool {
        let delimiter = self.dialect == Dialect::MySql && self.is(self.at, "DELIMITER");
        let backslash = self.symbol(self.at) == "\\" || (self.dialect == Dialect::Snowflake && self.symbol(self.at) == "!");
        if !(delimiter || backslash) || !self.starts_line(self.at) {
            return false;
        }
        let Some(token) = self.token(self.at) else { return false };
        let rest = self.text.get(token.end as usize..).unwrap_or("");
        let line = rest.split('\n').next().unwrap_or("");
        let line_end = token.end as usize + line.len();
        if delimiter {
            let mark = line.trim();
            self.delimiter = (mark != ";" && !mark.is_empty()).then_some(mark);
        }
        let count = self.tokens[self.at..].iter().take_while(|token| (token.start as usize) < line_end).count();
        self.push(PieceKind::Client, self.at, self.at + count.max(1));
        true
    }

    /// One statement, up to its terminator.
    fn statement(&mut self) {
        let from = self.at;
        if let Some(end) = self.inline_routine_end(from) {
            self.push(PieceKind::Routine, from, end);
        } else if let Some(end) = self.routine_end(from) {
            self.push(PieceKind::Routine, from, end);
        } else if self.dialect == Dialect::MsSql {
            let end = self.tsql_end(from);
            self.push(PieceKind::Statement, from, end.max(from + 1));
        } else {
            let end = (from..self.tokens.len()).find(|at| self.is_terminator(*at)).unwrap_or(self.tokens.len());
            let kind = if self.blocks.last() == Some(&Block::Declare) { PieceKind::Declaration } else { PieceKind::Statement };
            self.push(kind, from, end);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cut(text: &str, dialect: Dialect) -> Vec<(PieceKind, &str)> {
        let split = split(text, dialect);
        split.pieces.iter().map(|piece| (piece.kind, piece.span(&split.tokens).of(text))).collect()
    }

    #[test]
    fn semicolons_in_quotes_and_comments_do_not_cut() {
        use PieceKind::Statement;
        let text = "select ';' /* ; */ ; -- ;\nselect \"a;\"";
        assert_eq!(cut(text, Dialect::Postgres), [(Statement, "select ';'"), (Statement, "select \"a;\"")]);
        let text = "select r\"\"\"a;'\"\"\" # ;\n; select 'it\\';'";
        assert_eq!(cut(text, Dialect::BigQuery), [(Statement, "select r\"\"\"a;'\"\"\""), (Statement, "select 'it\\';'")]);
    }

    #[test]
    fn transactions_are_no_blocks() {
        let kinds: Vec<_> = cut("begin; insert into t values (1); commit; begin transaction; end;", Dialect::Postgres);
        assert!(kinds.iter().all(|(kind, _)| *kind == PieceKind::Statement), "{kinds:?}");
    }

    #[test]
    fn tsql_needs_no_semicolons() {
        let text =
            "declare @x int = 1 if @x = 1 begin update t set a = 1 end else delete from t where a = case when 1=1 then 2 end
with c as (select 1 a) insert into u select a from c union all select 2 select 3";
        let statements: Vec<_> = cut(text, Dialect::MsSql)
            .into_iter()
            .filter(|(kind, _)| *kind == PieceKind::Statement)
            .map(|(_, text)| text)
            .collect();
        assert_eq!(
            statements,
            [
                "declare @x int = 1",
                "update t set a = 1",
                "delete from t where a = case when 1=1 then 2 end",
                "with c as (select 1 a) insert into u select a from c union all select 2",
                "select 3",
            ]
        );
    }

    #[test]
    fn delimiters_of_mysql_are_followed() {
        let text = "delimiter //\ncreate procedure p() begin select 1; select 2; end//\ndelimiter ;\nselect 3;";
        assert_eq!(
            cut(text, Dialect::MySql),
            [
                (PieceKind::Client, "delimiter //"),
                (PieceKind::Routine, "create procedure p() begin select 1; select 2; end"),
                (PieceKind::Client, "delimiter ;"),
                (PieceKind::Statement, "select 3"),
            ]
        );
    }

    fn sqlish() -> impl Strategy<Value = String> {
        const WORDS: &[&str] = &[
            "begin",
            "end",
            "if",
            "then",
            "else",
            "case",
            "when",
            "loop",
            "for",
            "in",
            "do",
            "declare",
            ";",
            "(",
            ")",
            "'",
            "\"",
            "`",
            "$$",
            "--",
            "/*",
            "*/",
            "\n",
            "select",
            "create",
            "procedure",
            "as",
            "x",
            "é",
            "1",
            ",",
            ".",
            "go",
            "[",
            "]",
            "#",
            "insert",
            "delimiter",
            "//",
            "exception",
            "end if",
            "return",
            "from",
            "<",
            ">>",
            "array",
            "struct",
            "with",
            "pivot",
            "on",
            "using",
        ];
        proptest::collection::vec(proptest::sample::select(WORDS), 0..40).prop_map(|words| words.join(" "))
    }

    proptest! {
        #[test]
        fn pieces_are_in_order_and_leave_only_terminators(text in prop_oneof![sqlish(), any::<String>()], at in 0..Dialect::ALL.len()) {
            let dialect = Dialect::ALL[at];
            let split = split(&text, dialect);
            let mut next = 0;
            for piece in &split.pieces {
                prop_assert!(piece.tokens.0 >= next && piece.tokens.1 > piece.tokens.0);
                for gap in &split.tokens[next..piece.tokens.0] {
                    let text = gap.of(&text);
                    prop_assert!(matches!(text, ";" | "/" | "//") || text.eq_ignore_ascii_case("go"), "{text} lost");
                }
                next = piece.tokens.1;
            }
        }

        #[test]
        fn any_text_is_read(text in prop_oneof![sqlish(), any::<String>()], at in 0..Dialect::ALL.len()) {
            let options = super::super::Options { dialect: Dialect::ALL[at], ..Default::default() };
            for parsed in super::super::parse::parse(&text, &options) {
                prop_assert!(text.get(parsed.span.start as usize..parsed.span.end as usize).is_some());
            }
        }

        #[test]
        fn tokens_are_in_order_and_between_them_is_blank(text in prop_oneof![sqlish(), any::<String>()], at in 0..Dialect::ALL.len()) {
            let mut end = 0;
            for token in lexer::lex(&text, Dialect::ALL[at]) {
                let gap = text.get(end..token.start as usize);
                let blank = |letter: char| letter.is_whitespace() || matches!(letter, '\0' | '\u{feff}' | '\u{200b}');
                prop_assert!(gap.is_some_and(|gap| gap.chars().all(blank)));
                prop_assert!(token.end > token.start && text.get(token.start as usize..token.end as usize).is_some());
                end = token.end as usize;
            }
        }
    }
}
