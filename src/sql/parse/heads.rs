//! What is no statement by itself: heads of blocks, declarations, bare calls, commands of scripts.

use sqlparser::{ast::Expr, ast::Query, keywords::Keyword as K, parser::ParserError, tokenizer::Token as Parsable};

use super::{Assigned, Body, Reader};
use crate::{
    model::{Dialect, Span},
    sql::{
        lexer::{Kind, Token},
        tokens,
    },
};

impl Reader<'_> {
    /// The condition of IF, WHILE, UNTIL or WHEN.
    pub(super) fn condition(&self, tokens: &[Token]) -> Body {
        match self.expression(tokens) {
            Ok(condition) => Body::Expressions(vec![condition]),
            Err(error) if has_query(tokens) => self.failed(tokens, &error),
            Err(_) => Body::Nothing,
        }
    }

    /// `variable IN (query)`, `variable AS query`, `i IN 1 .. 10`.
    pub(super) fn for_head(&self, tokens: &[Token]) -> Body {
        let mark = tokens.iter().position(|token| matches!(token.keyword(), K::IN | K::AS));
        let (Some(variable), Some(mark)) = (tokens.first(), mark) else { return Body::Nothing };
        if let [cursor] = tokens.get(mark + 1..).unwrap_or(&[])
            && matches!(cursor.kind, Kind::Word(_) | Kind::Quoted)
        {
            let variables = vec![self.text_of(*variable)];
            return Body::Assign { variables, value: Assigned::Row(self.text_of(*cursor)) };
        }
        self.rows_of(variable.of(self.text), tokens.get(mark + 1..).unwrap_or(&[]))
    }

    /// `name type := expression`, `name CURSOR FOR query`.
    pub(super) fn declaration(&self, tokens: &[Token]) -> Body {
        // Oracle's `CURSOR c IS SELECT …`.
        let named = usize::from(tokens.first().is_some_and(|first| first.is_word(self.text, "CURSOR")));
        let Some(name) = tokens.get(named) else { return Body::Nothing };
        let mark = tokens.iter().position(|token| {
            matches!(token.keyword(), K::DEFAULT | K::FOR | K::IS | K::AS) || matches!(token.of(self.text), ":=" | "=")
        });
        let Some(value) = mark.and_then(|mark| tokens.get(mark + 1..)) else { return Body::Nothing };
        if value.first().is_some_and(|first| self.starts_query(*first)) || has_query(value) {
            return self.rows_of(name.of(self.text), value);
        }
        match self.expression(value) {
            Ok(value) => Body::Assign { variables: vec![self.text_of(*name)], value: Assigned::Value(Box::new(value)) },
            Err(_) => Body::Nothing,
        }
    }

    /// A name without its quotes.
    fn text_of(&self, token: Token) -> String {
        tokens::content(token.of(self.text), self.options.dialect)
    }

    /// The variables of an INTO clause; none where it names a file.
    pub(super) fn variable_names(&self, clause: &[Token]) -> Vec<String> {
        let mut names = Vec::new();
        let (mut depth, mut first) = (0usize, true);
        for token in clause {
            match token.kind {
                Kind::LeftParen => depth += 1,
                Kind::RightParen => depth = depth.saturating_sub(1),
                Kind::Comma if depth == 0 => first = true,
                Kind::Word(K::INTO) => first = true,
                _ if token.is_word(self.text, "OUTFILE") || token.is_word(self.text, "DUMPFILE") => return Vec::new(),
                _ if ["STRICT", "BULK", "COLLECT"].iter().any(|word| token.is_word(self.text, word)) => {}
                Kind::Operator if token.of(self.text) == ":" => {}
                Kind::Word(_) | Kind::Quoted | Kind::Parameter if first && depth == 0 => {
                    names.push(self.text_of(*token).trim_start_matches(':').to_owned());
                    first = false;
                }
                _ => {}
            }
        }
        names
    }

    /// `FETCH [NEXT FROM] cursor INTO a, b`.
    fn fetch(&self, tokens: &[Token]) -> Option<Body> {
        let into = tokens.iter().position(|token| token.keyword() == K::INTO)?;
        let cursor = tokens.get(into.checked_sub(1)?).filter(|token| matches!(token.kind, Kind::Word(_) | Kind::Quoted))?;
        let variables = self.variable_names(&tokens[into..]);
        Some(Body::Assign { variables, value: Assigned::Columns(self.text_of(*cursor)) })
    }

    fn rows_of(&self, variable: &str, query: &[Token]) -> Body {
        if !has_query(query) {
            return Body::Nothing;
        }
        match self.query(query) {
            Ok(query) => Body::ForQuery { variable: variable.to_owned(), query },
            Err(error) => self.failed(query, &error),
        }
    }

    pub(super) fn expression(&self, tokens: &[Token]) -> Result<Expr, ParserError> {
        self.parsed(tokens, |parser| parser.parse_expr())
    }

    pub(super) fn query(&self, tokens: &[Token]) -> Result<Box<Query>, ParserError> {
        self.parsed(tokens, |parser| parser.parse_query())
    }

    fn parsed<T>(
        &self,
        tokens: &[Token],
        parse: impl Fn(&mut sqlparser::parser::Parser) -> Result<T, ParserError>,
    ) -> Result<T, ParserError> {
        let converted = tokens::convert(self.text, tokens, self.options.dialect);
        let first = self.all_of(converted, &parse);
        if first.is_ok() {
            return first;
        }
        let converted = tokens::convert(self.text, tokens, self.options.dialect);
        match crate::sql::mend::mend(converted, self.options.dialect).pop() {
            Some(mended) if !mended.mends.is_empty() => self.all_of(mended.tokens, &parse).or(first),
            _ => first,
        }
    }

    fn all_of<T>(
        &self,
        tokens: Vec<sqlparser::tokenizer::TokenWithSpan>,
        parse: impl Fn(&mut sqlparser::parser::Parser) -> Result<T, ParserError>,
    ) -> Result<T, ParserError> {
        let mut parser = self.parser(tokens);
        let parsed = parse(&mut parser)?;
        match parser.peek_token_ref() {
            token if token.token == Parsable::EOF => Ok(parsed),
            token => parser.expected_ref("the end", token),
        }
    }

    fn starts_query(&self, token: Token) -> bool {
        matches!(token.keyword(), K::SELECT | K::WITH | K::FROM | K::VALUES)
    }

    /// Commands of scripts that sqlparser has no statement for, or reads as something else.
    pub(super) fn command(&self, tokens: &[Token]) -> Option<Body> {
        let word = |at: usize| tokens.get(at).map_or("", |token| token.of(self.text));
        let is = |at: usize, other: &str| word(at).eq_ignore_ascii_case(other);
        let second = tokens.get(1)?.kind;
        if is(0, "RETURN") && is(1, "QUERY") && !is(2, "EXECUTE") {
            return self.query(tokens.get(2..)?).ok().map(statement);
        }
        if is(0, "RETURN") && is(1, "TABLE") && second != Kind::LeftParen {
            return self.query(tokens.get(2..)?).ok().map(statement);
        }
        if is(0, "OPEN") {
            let mark = tokens.iter().position(|token| token.keyword() == K::FOR)?;
            return Some(self.rows_of(word(1), tokens.get(mark + 1..)?));
        }
        if is(0, "PERFORM") {
            return self.expression(tokens.get(1..)?).ok().map(|call| Body::Expressions(vec![call]));
        }
        if is(0, "RETURN") {
            return self.expression(tokens.get(1..)?).ok().map(|value| Body::Expressions(vec![value]));
        }
        let assigns = word(1) == ":=" || (self.routines > 0 && word(1) == "=" && tokens[0].kind == Kind::Word(K::NoKeyword));
        if assigns {
            let variables = vec![self.text_of(tokens[0])];
            let rest = tokens.get(2..)?;
            if has_query(rest)
                && let Ok(query) = self.query(rest)
            {
                return Some(Body::Assign { variables, value: Assigned::Query(query) });
            }
            let value = self.expression(rest).ok()?;
            return Some(Body::Assign { variables, value: Assigned::Value(Box::new(value)) });
        }
        if is(0, "SET") && (is(1, "VAR") || is(1, "VARIABLE")) && word(3) == "=" {
            return Some(self.declaration(tokens.get(2..)?));
        }
        if let Some(body) = self.row_assignment(tokens) {
            return Some(body);
        }
        if is(0, "FETCH") {
            return self.fetch(tokens);
        }
        if is(0, "CREATE") && is(1, "PROJECTION") {
            return Some(Body::Nothing);
        }
        let dynamic = self.routines > 0 && matches!(self.options.dialect, Dialect::Postgres | Dialect::Redshift);
        if dynamic && is(0, "EXECUTE") && !is(1, "IMMEDIATE") {
            let converted = tokens::convert(self.text, tokens, self.options.dialect);
            let statement = self.run(crate::sql::mend::execute_immediate(converted)).ok()?;
            return Some(Body::Statement(Box::new(statement)));
        }
        if is(0, "LET") {
            return Some(self.declaration(tokens.get(1..)?));
        }
        None
    }

    /// `NEW.x := e`, `SET NEW.x = e`, `:new.x := e` in a trigger.
    fn row_assignment(&self, tokens: &[Token]) -> Option<Body> {
        let set = usize::from(tokens.first()?.keyword() == K::SET);
        let from = set + usize::from(tokens.get(set)?.of(self.text) == ":");
        let [row, period, column, mark, value @ ..] = tokens.get(from..)? else { return None };
        let is_row = row.of(self.text).trim_start_matches(':').eq_ignore_ascii_case("new");
        let assigns = mark.of(self.text) == ":=" || (mark.of(self.text) == "=" && set == 1);
        if self.routines == 0 || !is_row || period.kind != Kind::Period || !assigns {
            return None;
        }
        let value = self.expression(value).ok()?;
        let variables = vec![format!("new.{}", self.text_of(*column))];
        Some(Body::Assign { variables, value: Assigned::Value(Box::new(value)) })
    }

    /// What still is no failure after parsing failed: bare calls, commands that move no data.
    pub(super) fn harmless(&self, tokens: &[Token]) -> Option<Body> {
        const QUIET: &[&str] = &[
            "LEAVE",
            "ITERATE",
            "BREAK",
            "CONTINUE",
            "EXIT",
            "RETURN",
            "RAISE",
            "SIGNAL",
            "RESIGNAL",
            "NULL",
            "GET",
            "FETCH",
            "CLOSE",
            "OPEN",
            "GRANT",
            "REVOKE",
            "DENY",
            "SHOW",
            "DESCRIBE",
            "DESC",
            "USE",
            "SET",
            "RESET",
            "ANALYZE",
            "VACUUM",
            "REFRESH",
            "INVALIDATE",
            "COMPUTE",
            "MSCK",
            "REPAIR",
            "CACHE",
            "UNCACHE",
            "CLEAR",
            "LIST",
            "LS",
            "PUT",
            "REMOVE",
            "RM",
            "COMMENT",
            "UNDROP",
            "KILL",
            "LOCK",
            "UNLOCK",
            "CHECKPOINT",
            "REINDEX",
            "CLUSTER",
            "SECURITY",
            "PRAGMA",
            "GO",
            "PRINT",
            "WAITFOR",
            "DBCC",
            "COLLECT",
            "HELP",
            "SUSPEND",
            "RESUME",
            "ADD",
            "OPTIMIZE",
            "ZORDER",
            "RESTORE",
            "BACKUP",
            "EXPLAIN",
            "SYSTEM",
            "FLUSH",
            "RELOAD",
            "END",
            "UNSET",
            "DATABASE",
            "SUMMARIZE",
            "ATTACH",
            "DETACH",
            "INSTALL",
            "LOAD",
            "HANDLER",
        ];
        let first = tokens.first()?;
        let word = first.of(self.text);
        if word.eq_ignore_ascii_case("DECLARE") {
            let skipped =
                |token: &&Token| matches!(token.keyword(), K::OR | K::REPLACE | K::VARIABLE) || token.is_word(self.text, "VAR");
            let named = 1 + tokens.iter().skip(1).take_while(skipped).count();
            return Some(self.declaration(tokens.get(named..)?));
        }
        let grants = matches!(first.keyword(), K::GRANT | K::REVOKE | K::DENY);
        if matches!(first.kind, Kind::Word(_))
            && (grants || !has_query(tokens))
            && QUIET.iter().any(|quiet| word.eq_ignore_ascii_case(quiet))
        {
            return Some(Body::Nothing);
        }
        let named = matches!(first.kind, Kind::Word(K::NoKeyword | K::ASSERT) | Kind::Quoted)
            || tokens.get(1).is_some_and(|next| next.kind == Kind::Period);
        let called = tokens.last().is_some_and(|last| last.kind == Kind::RightParen);
        if named && called {
            return self.expression(tokens).ok().map(|call| Body::Expressions(vec![call]));
        }
        self.object_command(tokens)
    }

    /// CREATE, ALTER or DROP of something that holds no data and no query.
    fn object_command(&self, tokens: &[Token]) -> Option<Body> {
        let verb = tokens.first()?.keyword();
        if !matches!(verb, K::CREATE | K::ALTER | K::DROP) || has_query(tokens) {
            return None;
        }
        let relation = tokens
            .iter()
            .skip(1)
            .take(6)
            .any(|token| matches!(token.keyword(), K::TABLE | K::VIEW) && !token.is_word(self.text, "FUNCTION"));
        let view = verb == K::CREATE && tokens.iter().take(6).any(|token| token.keyword() == K::VIEW);
        let moves = verb != K::ALTER && relation && !view;
        let renames = tokens.iter().any(|token| matches!(token.keyword(), K::RENAME | K::SWAP | K::EXCHANGE));
        (!(moves || relation && renames)).then_some(Body::Nothing)
    }

    /// Where an INTO clause of a SELECT assigns variables, as in PL/pgSQL, PL/SQL and MySQL.
    pub(super) fn variables_clause(&self, tokens: &[Token]) -> Option<(usize, usize)> {
        let assigns = match self.options.dialect {
            Dialect::MySql | Dialect::Snowflake | Dialect::Oracle => true,
            Dialect::Postgres | Dialect::Redshift => self.routines > 0,
            _ => false,
        };
        if !assigns || !matches!(tokens.first()?.keyword(), K::SELECT | K::WITH) {
            return None;
        }
        let mut depth = 0usize;
        let mut into = None;
        for (at, token) in tokens.iter().enumerate() {
            match token.kind {
                Kind::LeftParen => depth += 1,
                Kind::RightParen => depth = depth.saturating_sub(1),
                Kind::Word(K::INTO) if depth == 0 => {
                    let collects = at >= 2 && tokens[at - 1].is_word(self.text, "COLLECT");
                    into = into.or(Some(if collects { at - 2 } else { at }));
                }
                Kind::Word(K::FROM | K::WHERE | K::LIMIT) if depth == 0 && into.is_some() => return Some((into?, at)),
                Kind::Word(K::INSERT) => return None,
                _ => {}
            }
        }
        Some((into?, tokens.len()))
    }
}

fn statement(query: Box<Query>) -> Body {
    Body::Statement(Box::new(sqlparser::ast::Statement::Query(query)))
}

/// Whether a SELECT stands among the tokens.
pub(super) fn has_query(tokens: &[Token]) -> bool {
    tokens.iter().any(|token| matches!(token.keyword(), K::SELECT))
}

/// The place of all of `tokens`.
pub(super) fn place(tokens: &[Token]) -> Span {
    match (tokens.first(), tokens.last()) {
        (Some(first), Some(last)) => first.span().cover(last.span()),
        _ => Span::default(),
    }
}
