//! Procedures and functions: name, parameters, and a body that is a script of its own.

use sqlparser::keywords::Keyword as K;

use super::{Body, Parsed, Reader, Routine, RoutineKind};
use crate::{
    model::{Dialect, Ident, RelationName},
    sql::{
        lexer::{self, Kind, Token},
        split::{self, PieceKind},
        tokens::content,
    },
};

/// How deep routines may hold routines.
const DEEPEST: usize = 8;

impl Reader<'_> {
    /// Reads a routine whose body is a script, a query or of another language; `None` where the
    /// body is an expression, which the parser reads.
    pub(super) fn routine(&self, tokens: &[Token]) -> Option<Body> {
        if self.routines >= DEEPEST {
            return None;
        }
        if let Some(at) = (1..tokens.len().min(8)).find(|at| tokens[*at].is_word(self.text, "PACKAGE")) {
            return self.package(tokens, at);
        }
        let at = self.kind_word(tokens)?;
        let mut kind = if tokens[at].is_word(self.text, "FUNCTION") { RoutineKind::Function } else { RoutineKind::Procedure };
        if kind == RoutineKind::Function && at > 0 && tokens[at - 1].keyword() == K::TABLE {
            kind = RoutineKind::TableFunction;
        }
        let mut start = at + 1;
        if tokens.get(start)?.keyword() == K::IF {
            start += 3;
        }
        let (name, after) = self.name(tokens, start)?;
        let (parameters, after) = self.parameters(tokens, after);
        if self.returns_rows(tokens.get(after..)?) && kind == RoutineKind::Function {
            kind = RoutineKind::TableFunction;
        }
        let language = self.language(tokens.get(after..)?);
        let body = self.routine_body(tokens, after, kind, &language)?;
        // `AS 'a + b'` is an expression, which the parser reads.
        if let (RoutineKind::Function, [Parsed { body: Body::Failed { .. }, .. }]) = (kind, body.as_slice())
            && tokens.iter().skip(after).any(|token| matches!(token.kind, Kind::Text | Kind::Dollar))
        {
            return None;
        }
        let returns = self.returned_columns(tokens, after);
        let replaces = tokens.iter().take(at).any(|token| matches!(token.keyword(), K::REPLACE | K::ALTER));
        let fires_on = if tokens[at].is_word(self.text, "TRIGGER") { self.fires_on(tokens, after) } else { None };
        Some(Body::Routine(Box::new(Routine { name, kind, parameters, returns, body, replaces, fires_on })))
    }

    /// The table behind ON, and the names that REFERENCING gives to its rows.
    fn fires_on(&self, tokens: &[Token], after: usize) -> Option<(RelationName, Vec<String>)> {
        let on = (after..tokens.len()).find(|at| tokens[*at].keyword() == K::ON)?;
        let (table, mut at) = self.name(tokens, on + 1)?;
        let mut names = Vec::new();
        if tokens.get(at).is_some_and(|token| token.is_word(self.text, "REFERENCING")) {
            at += 1;
            while tokens.get(at).is_some_and(|token| token.is_word(self.text, "NEW") || token.is_word(self.text, "OLD")) {
                at += 1;
                while tokens.get(at).is_some_and(|token| matches!(token.keyword(), K::TABLE | K::ROW | K::AS)) {
                    at += 1;
                }
                names.push(content(tokens.get(at)?.of(self.text), self.options.dialect));
                at += 1;
            }
        }
        Some((table, names))
    }

    /// Where the only statement of `FOR EACH ROW statement` begins.
    fn row_statement(&self, tokens: &[Token], after: usize) -> Option<usize> {
        let each = (after..tokens.len()).find(|at| tokens[*at].is_word(self.text, "EACH"))?;
        let mut at = each + 2;
        if tokens.get(at)?.keyword() == K::WHEN {
            at = closing(tokens, at + 1) + 1;
        } else if tokens.get(at)?.is_word(self.text, "FOLLOWS") || tokens.get(at)?.is_word(self.text, "PRECEDES") {
            at += 2;
        }
        tokens.get(at).filter(|first| !matches!(first.keyword(), K::BEGIN | K::EXECUTE | K::DECLARE))?;
        Some(at)
    }

    /// Oracle's `CREATE PACKAGE BODY p IS …`: its procedures and functions, each called `p.name`.
    fn package(&self, tokens: &[Token], at: usize) -> Option<Body> {
        if !tokens.get(at + 1)?.is_word(self.text, "BODY") {
            return Some(Body::Nothing);
        }
        let (name, after) = self.name(tokens, at + 2)?;
        let offset = self.tokens.iter().position(|token| token.start == tokens[0].start)?;
        let replaces = tokens.iter().take(at).any(|token| token.keyword() == K::REPLACE);
        let mut body = Vec::new();
        let mut at = after + 1;
        while at < tokens.len() {
            if !["PROCEDURE", "FUNCTION"].iter().any(|word| tokens[at].is_word(self.text, word)) {
                at += 1;
                continue;
            }
            let range = (offset + at, offset + tokens.len());
            let end = split::member_end(self.text, self.tokens, range, self.options.dialect) - offset;
            let member = tokens.get(at..end.max(at + 1))?;
            let inner = Reader { routines: self.routines + 1, ..*self };
            if let Some(Body::Routine(mut routine)) = inner.routine(member) {
                let parts = name.parts.iter().chain(&routine.name.parts).cloned();
                routine.name = RelationName::new(parts.collect::<Vec<_>>());
                let span = super::heads::place(member);
                let body_of = Body::Routine(routine);
                body.push(Parsed {
                    span,
                    body: body_of,
                    mends: Vec::new(),
                    conditional: false,
                    height: super::measure(member).height(),
                });
            }
            at = end.max(at + 1);
        }
        let (kind, parameters, returns) = (RoutineKind::Procedure, Vec::new(), Vec::new());
        Some(Body::Routine(Box::new(Routine { name, kind, parameters, returns, body, replaces, fires_on: None })))
    }

    fn kind_word(&self, tokens: &[Token]) -> Option<usize> {
        (0..tokens.len().min(10)).find(|at| {
            ["PROCEDURE", "PROC", "FUNCTION", "TRIGGER", "TASK", "EVENT", "ALERT"]
                .iter()
                .any(|word| tokens[*at].is_word(self.text, word))
        })
    }

    /// A dotted name from `at` on, and the place past it.
    pub(super) fn name(&self, tokens: &[Token], at: usize) -> Option<(RelationName, usize)> {
        let mut parts = Vec::new();
        let mut at = at;
        loop {
            let token = tokens.get(at)?;
            match token.kind {
                Kind::Word(_) => parts.push(Ident::bare(token.of(self.text))),
                Kind::Quoted => {
                    let inner = content(token.of(self.text), self.options.dialect);
                    if self.options.dialect == Dialect::BigQuery {
                        parts.extend(inner.split('.').map(Ident::quoted));
                    } else {
                        parts.push(Ident::quoted(inner));
                    }
                }
                _ => return None,
            }
            at += 1;
            if tokens.get(at).is_none_or(|next| next.kind != Kind::Period) {
                return Some((RelationName::new(parts), at));
            }
            at += 1;
        }
    }

    /// Parameter names, in parentheses or (T-SQL) up to AS.
    fn parameters(&self, tokens: &[Token], at: usize) -> (Vec<String>, usize) {
        let mut names = Vec::new();
        let (mut depth, mut first) = (0usize, true);
        let parenthesised = tokens.get(at).is_some_and(|token| token.kind == Kind::LeftParen);
        let open = usize::from(parenthesised);
        for (offset, token) in tokens.iter().enumerate().skip(at) {
            match token.kind {
                Kind::LeftParen => depth += 1,
                Kind::RightParen => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 && parenthesised {
                        return (names, offset + 1);
                    }
                }
                Kind::Operator if token.of(self.text) == "<" => depth += 1,
                Kind::Operator if token.of(self.text).starts_with('>') => {
                    depth = depth.saturating_sub(token.end as usize - token.start as usize).max(open);
                }
                Kind::Comma if depth == open => first = true,
                Kind::Word(K::IN | K::OUT | K::INOUT) if first => {}
                Kind::Word(_) | Kind::Quoted | Kind::Parameter if first && depth == open => {
                    let starts = parenthesised || token.of(self.text).starts_with('@');
                    if !starts {
                        return (names, at);
                    }
                    names.push(content(token.of(self.text), self.options.dialect));
                    first = false;
                }
                Kind::Word(K::AS | K::BEGIN) if !parenthesised => return (names, offset),
                _ => {}
            }
        }
        (names, at)
    }

    fn returns_rows(&self, tokens: &[Token]) -> bool {
        let Some(at) = tokens.iter().take(40).position(|token| token.keyword() == K::RETURNS) else { return false };
        tokens.get(at + 1).is_some_and(|next| matches!(next.keyword(), K::TABLE | K::SETOF))
    }

    /// The names of `RETURNS TABLE (a int, b text)`.
    fn returned_columns(&self, tokens: &[Token], after: usize) -> Vec<String> {
        let at = (after..tokens.len().min(after + 40))
            .find(|at| tokens[*at].keyword() == K::RETURNS && tokens.get(at + 1).is_some_and(|next| next.keyword() == K::TABLE));
        match at.filter(|at| tokens.get(at + 2).is_some_and(|open| open.kind == Kind::LeftParen)) {
            Some(at) => self.parameters(tokens, at + 2).0,
            None => Vec::new(),
        }
    }

    fn language(&self, tokens: &[Token]) -> String {
        let mark = tokens.iter().position(|token| token.keyword() == K::LANGUAGE);
        let word = mark.and_then(|mark| tokens.get(mark + 1)).map(|token| token.of(self.text).to_ascii_lowercase());
        word.unwrap_or_else(|| "sql".to_owned())
    }

    /// The statements of the body; `None` where it is an expression.
    fn routine_body(&self, tokens: &[Token], after: usize, kind: RoutineKind, language: &str) -> Option<Vec<Parsed>> {
        let class_name = matches!(self.options.dialect, Dialect::Hive | Dialect::Spark | Dialect::Databricks);
        let scripted = matches!(language, "sql" | "plpgsql" | "plsql" | "snowflake");
        let offset = self.tokens.iter().position(|token| token.start == tokens[0].start)?;
        let text = tokens.iter().enumerate().skip(after).find(|(at, token)| {
            matches!(token.kind, Kind::Dollar | Kind::Text) && matches!(tokens[at - 1].keyword(), K::AS | K::IS)
        });
        if let Some((_, literal)) = text {
            return Some(if scripted && !(class_name && literal.kind == Kind::Text) {
                self.inner_script(*literal)
            } else {
                Vec::new()
            });
        }
        if !scripted {
            return Some(Vec::new());
        }
        let begin = (after..tokens.len()).find(|at| tokens[*at].keyword() == K::BEGIN);
        let mark = (after..begin.unwrap_or(tokens.len())).find(|at| matches!(tokens[*at].keyword(), K::AS | K::IS | K::DECLARE));
        let declares = self.options.dialect == Dialect::Oracle || mark.is_some_and(|mark| tokens[mark].keyword() == K::DECLARE);
        let start = match (begin, mark) {
            (Some(_), Some(mark)) if declares => mark + usize::from(tokens[mark].keyword() != K::DECLARE),
            (Some(begin), _) => begin,
            // SQL Server's `AS RETURN (SELECT …)`.
            (None, Some(mark))
                if kind == RoutineKind::TableFunction
                    && tokens.get(mark + 1).is_some_and(|token| token.keyword() == K::RETURN) =>
            {
                mark + 2
            }
            (None, _) if self.row_statement(tokens, after).is_some() => self.row_statement(tokens, after)?,
            (None, Some(mark)) if kind != RoutineKind::Function || self.is_query(tokens, mark + 1) => mark + 1,
            (None, _) => {
                let mark = (after..tokens.len())
                    .find(|at| tokens[*at].keyword() == K::RETURN || tokens[*at].is_word(self.text, "DO"))?;
                mark + usize::from(self.is_query(tokens, mark + 1) || tokens[mark].is_word(self.text, "DO"))
            }
        };
        if kind == RoutineKind::Function && begin.is_none() && !self.is_query(tokens, start) && self.sqlparser_reads_functions() {
            return None;
        }
        let (start, end) = match tokens.get(start).map(|token| token.kind) {
            Some(Kind::LeftParen) if kind == RoutineKind::TableFunction && begin.is_none() => (start + 1, closing(tokens, start)),
            _ => (start, tokens.len()),
        };
        Some(self.script(offset + start, offset + end, declares && begin.is_some()))
    }

    /// Whether sqlparser keeps this dialect's function bodies as expressions.
    fn sqlparser_reads_functions(&self) -> bool {
        use Dialect as D;
        matches!(self.options.dialect, D::BigQuery | D::Generic | D::Postgres | D::DuckDb | D::MsSql | D::Hive)
    }

    fn is_query(&self, tokens: &[Token], at: usize) -> bool {
        tokens.get(at).is_some_and(|token| matches!(token.keyword(), K::SELECT | K::WITH | K::FROM | K::TABLE))
    }

    /// The statements of the tokens `from..to` of this text.
    fn script(&self, from: usize, to: usize, declares: bool) -> Vec<Parsed> {
        let mut pieces = split::pieces(self.text, self.tokens, (from, to), self.options.dialect, true);
        if declares {
            for piece in &mut pieces {
                match piece.kind {
                    PieceKind::Mark => break,
                    PieceKind::Statement => piece.kind = PieceKind::Declaration,
                    _ => {}
                }
            }
        }
        let inner = Reader { routines: self.routines + 1, ..*self };
        inner.read(&pieces)
    }

    /// The statements inside a string literal or dollar quotes; their spans are those of the whole text.
    pub(super) fn inner_script(&self, literal: Token) -> Vec<Parsed> {
        let whole = literal.of(self.text);
        let marks = match literal.kind {
            Kind::Dollar => whole.get(1..).and_then(|rest| rest.find('$')).map_or(1, |found| found + 2),
            _ if whole.starts_with("\"\"\"") || whole.starts_with("'''") => 3,
            _ => 1,
        };
        let open = if literal.kind == Kind::Dollar { 0 } else { whole.find(['\'', '"']).unwrap_or(0) };
        let (from, to) = (literal.start as usize + open + marks, (literal.end as usize).saturating_sub(marks));
        if from >= to || self.routines >= DEEPEST {
            return Vec::new();
        }
        let inner = self.text.get(from..to).unwrap_or("");
        let patched = (literal.kind != Kind::Dollar && inner.contains("''")).then(|| {
            let mut text = self.text.to_owned();
            text.replace_range(from..to, &inner.replace("''", "' "));
            text
        });
        let text = patched.as_deref().unwrap_or(self.text);
        let mut tokens = lexer::lex(text.get(from..to).unwrap_or(""), self.options.dialect);
        tokens.retain(|token| token.kind != Kind::Comment);
        for token in &mut tokens {
            token.start += from as u32;
            token.end += from as u32;
        }
        let range = (0, tokens.len());
        let pieces = split::pieces(text, &tokens, range, self.options.dialect, true);
        let reader = Reader { text, tokens: &tokens, routines: self.routines + 1, ..*self };
        reader.read(&pieces)
    }
}

/// The bracket that closes the one at `open`, or the end.
fn closing(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0usize;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token.kind {
            Kind::LeftParen => depth += 1,
            Kind::RightParen => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    tokens.len()
}
