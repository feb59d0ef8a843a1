//! Descriptions in DDL: `OPTIONS (description = …)`, `COMMENT '…'`, `COMMENT ON … IS …`.
//!
//! They are read from the tokens, because dialects put them in a dozen places, many of which the
//! parser's grammar lacks and mending takes away.

use super::{
    lexer::{Kind, Token, lex},
    tokens::content,
};
use crate::model::{Dialect, Ident, RelationName, Remark, Span};

/// What `text` says of relations and their columns, in order.
pub(crate) fn read_remarks(text: &str, dialect: Dialect) -> Vec<(RelationName, Remark)> {
    let lower = text.to_ascii_lowercase();
    if !lower.contains("comment") && !lower.contains("description") {
        return Vec::new();
    }
    let mut tokens = lex(text, dialect);
    tokens.retain(|token| token.kind != Kind::Comment);
    let mut reader = Reader { text, dialect, remarks: Vec::new() };
    for statement in tokens.split(|token| token.kind == Kind::Semicolon) {
        reader.read_statement(statement);
    }
    reader.remarks
}

struct Reader<'t> {
    text: &'t str,
    dialect: Dialect,
    remarks: Vec<(RelationName, Remark)>,
}

/// Words of modifiers between CREATE or ALTER and the kind of what follows, at most.
const FARTHEST_KIND: usize = 8;

impl Reader<'_> {
    fn read_statement(&mut self, tokens: &[Token]) {
        match tokens.first() {
            Some(first) if self.is(*first, "CREATE") => self.read_create(tokens),
            Some(first) if self.is(*first, "ALTER") => self.read_alter(tokens),
            Some(first) if self.is(*first, "COMMENT") => self.read_comment_on(tokens),
            _ => {}
        }
    }

    fn read_create(&mut self, tokens: &[Token]) {
        let Some((name, mut rest)) = self.named(tokens) else { return };
        if let Some((columns, after)) = group(rest).filter(|(columns, _)| !self.starts_query(columns)) {
            for column in split_list(self.text, columns) {
                self.read_column(&name, column);
            }
            rest = after;
        }
        let query = (0..rest.len()).find(|at| self.is(rest[*at], "AS") && self.starts_query(&rest[at + 1..]));
        self.describe(&name, "", rest.get(..query.unwrap_or(rest.len())).unwrap_or(rest));
    }

    /// `column type … COMMENT '…'`, unless it is a constraint.
    fn read_column(&mut self, name: &RelationName, tokens: &[Token]) {
        const CONSTRAINTS: [&str; 9] =
            ["PRIMARY", "CONSTRAINT", "UNIQUE", "KEY", "INDEX", "FOREIGN", "CHECK", "LIKE", "PROJECTION"];
        let Some((first, rest)) = tokens.split_first() else { return };
        if CONSTRAINTS.iter().any(|word| self.is(*first, word)) {
            return;
        }
        if let Some(column) = self.identifier(*first) {
            self.describe(name, &column, rest);
        }
    }

    fn read_alter(&mut self, tokens: &[Token]) {
        let Some((name, rest)) = self.named(tokens) else { return };
        for action in split_list(self.text, rest) {
            self.read_action(&name, action);
        }
    }

    /// One action of ALTER TABLE.
    fn read_action(&mut self, name: &RelationName, action: &[Token]) {
        let Some((first, rest)) = action.split_first() else { return };
        let of_column = ["ALTER", "MODIFY", "CHANGE", "ADD"].iter().any(|word| self.is(*first, word));
        // ClickHouse: COMMENT COLUMN c '…'.
        if self.is(*first, "COMMENT") && rest.first().is_some_and(|next| self.is(*next, "COLUMN")) {
            if let [column, text] = self.skip(&rest[1..], &["IF", "EXISTS"]) {
                self.take(name, *column, *text);
            }
        } else if of_column && !rest.first().is_some_and(|next| self.is(*next, "COMMENT")) {
            let mut rest = self.skip(rest, &["COLUMN", "IF", "NOT", "EXISTS"]);
            if self.is(*first, "CHANGE") {
                rest = rest.get(1..).unwrap_or_default();
            }
            self.read_column(name, rest);
        } else {
            self.describe(name, "", action);
        }
    }

    /// `COMMENT [IF EXISTS] ON TABLE t IS '…'`, `COMMENT ON COLUMN t.c IS '…'`.
    fn read_comment_on(&mut self, tokens: &[Token]) {
        // From ON, in front of the kind.
        let rest = self.skip(&tokens[1..], &["IF", "EXISTS"]);
        let of_column = rest.get(1).is_some_and(|kind| self.is(*kind, "COLUMN"));
        let named = if of_column { self.name(&rest[2..]) } else { self.named(rest) };
        let Some((mut name, rest)) = named else { return };
        let [is, text] = rest else { return };
        if !self.is(*is, "IS") {
            return;
        }
        let column = if of_column { name.parts.pop().map(|part| part.text) } else { None };
        if !name.parts.is_empty()
            && let Some(said) = self.literal(*text)
        {
            self.add(&name, column.as_deref().unwrap_or(""), said, text.span());
        }
    }

    /// The relation that a statement is about, and what follows its name: `CREATE … TABLE [IF NOT EXISTS] t`.
    fn named<'s>(&self, tokens: &'s [Token]) -> Option<(RelationName, &'s [Token])> {
        let kind =
            (1..tokens.len().min(FARTHEST_KIND)).find(|at| self.is(tokens[*at], "TABLE") || self.is(tokens[*at], "VIEW"))?;
        self.name(self.skip(&tokens[kind + 1..], &["IF", "NOT", "EXISTS"]))
    }

    fn name<'s>(&self, tokens: &'s [Token]) -> Option<(RelationName, &'s [Token])> {
        let mut parts: Vec<Ident> = Vec::new();
        let mut at = 0;
        loop {
            let first = *tokens.get(at)?;
            let mut end = first;
            at += 1;
            // A project may hold dashes: they touch.
            while self.dialect == Dialect::BigQuery
                && tokens.get(at).is_some_and(|next| {
                    next.start == end.end && matches!(next.kind, Kind::Operator | Kind::Word(_) | Kind::Number)
                })
            {
                end = tokens[at];
                at += 1;
            }
            let span = first.span().cover(end.span());
            match first.kind {
                Kind::Word(_) => parts.push(Ident::bare(span.of(self.text))),
                Kind::Quoted => {
                    let inner = content(span.of(self.text), self.dialect);
                    let splits = self.dialect == Dialect::BigQuery && inner.contains('.');
                    match splits {
                        true => parts.extend(inner.split('.').map(Ident::quoted)),
                        false => parts.push(Ident::quoted(inner)),
                    }
                }
                _ => return None,
            }
            match tokens.get(at) {
                Some(dot) if dot.kind == Kind::Period => at += 1,
                _ => return Some((RelationName { parts }, tokens.get(at..)?)),
            }
        }
    }

    /// Looks for a description among clauses, outside of brackets.
    fn describe(&mut self, name: &RelationName, column: &str, tokens: &[Token]) {
        let mut depth = 0i32;
        for (at, token) in tokens.iter().enumerate() {
            depth += step(self.text, *token);
            if depth != 0 {
                continue;
            }
            let rest = &tokens[at + 1..];
            let found = if self.is(*token, "COMMENT") {
                self.value(rest)
            } else if self.is(*token, "OPTIONS") {
                self.option(rest, "description")
            } else if self.is(*token, "TBLPROPERTIES") {
                self.option(rest, "comment")
            } else {
                None
            };
            if let Some((text, span)) = found {
                self.add(name, column, text, span);
                return;
            }
        }
    }

    /// `= '…'` or `'…'`.
    fn value(&self, tokens: &[Token]) -> Option<(String, Span)> {
        let token = match tokens {
            [equals, value, ..] if equals.of(self.text) == "=" => value,
            [value, ..] => value,
            [] => return None,
        };
        Some((self.literal(*token)?, token.span()))
    }

    /// The value of `key` in `(key = '…', …)`; the key may be written as a string.
    fn option(&self, tokens: &[Token], key: &str) -> Option<(String, Span)> {
        let (options, _) = group(tokens)?;
        split_list(self.text, options).into_iter().find_map(|option| {
            let (first, rest) = option.split_first()?;
            let named = self.identifier(*first).or_else(|| self.literal(*first))?;
            named.eq_ignore_ascii_case(key).then(|| self.value(rest)).flatten()
        })
    }

    fn take(&mut self, name: &RelationName, column: Token, text: Token) {
        if let (Some(column), Some(said)) = (self.identifier(column), self.literal(text)) {
            self.add(name, &column, said, text.span());
        }
    }

    fn add(&mut self, name: &RelationName, column: &str, text: String, span: Span) {
        if !text.trim().is_empty() {
            self.remarks.push((name.clone(), Remark { column: column.to_owned(), text, span }));
        }
    }

    fn is(&self, token: Token, word: &str) -> bool {
        token.is_word(self.text, word)
    }

    /// `tokens` behind those of `words` that they begin with, each at most once, in order.
    fn skip<'s>(&self, mut tokens: &'s [Token], words: &[&str]) -> &'s [Token] {
        for word in words {
            if let Some((first, rest)) = tokens.split_first()
                && self.is(*first, word)
            {
                tokens = rest;
            }
        }
        tokens
    }

    fn starts_query(&self, tokens: &[Token]) -> bool {
        let first = tokens.iter().find(|token| token.kind != Kind::LeftParen);
        first.is_some_and(|first| ["SELECT", "WITH", "FROM", "VALUES"].iter().any(|word| self.is(*first, word)))
    }

    fn identifier(&self, token: Token) -> Option<String> {
        match token.kind {
            Kind::Word(_) => Some(token.of(self.text).to_owned()),
            Kind::Quoted => Some(content(token.of(self.text), self.dialect)),
            _ => None,
        }
    }

    fn literal(&self, token: Token) -> Option<String> {
        let text = token.of(self.text);
        match token.kind {
            Kind::Text => Some(content(text, self.dialect)),
            Kind::Dollar => {
                let mark = text.get(1..)?.find('$')? + 2;
                text.get(mark..text.len().checked_sub(mark)?).map(str::to_owned)
            }
            _ => None,
        }
    }
}

/// What a token adds to the depth of brackets, those of types among them.
fn step(text: &str, token: Token) -> i32 {
    match token.kind {
        Kind::LeftParen => 1,
        Kind::RightParen => -1,
        Kind::Operator => match token.of(text) {
            "<" => 1,
            ">" => -1,
            ">>" => -2,
            _ => 0,
        },
        _ => 0,
    }
}

/// The inside of the group in round brackets that `tokens` begin with, and what follows it.
fn group(tokens: &[Token]) -> Option<(&[Token], &[Token])> {
    let mut depth = 0usize;
    for (at, token) in tokens.iter().enumerate() {
        match token.kind {
            Kind::LeftParen => depth += 1,
            Kind::RightParen => depth = depth.checked_sub(1)?,
            _ if depth == 0 => return None,
            _ => {}
        }
        if depth == 0 {
            return Some((tokens.get(1..at)?, tokens.get(at + 1..)?));
        }
    }
    None
}

/// `tokens` cut at their commas outside of brackets.
fn split_list<'s>(text: &str, tokens: &'s [Token]) -> Vec<&'s [Token]> {
    let (mut items, mut start, mut depth) = (Vec::new(), 0, 0i32);
    for (at, token) in tokens.iter().enumerate() {
        depth += step(text, *token);
        if depth == 0 && token.kind == Kind::Comma {
            items.push(&tokens[start..at]);
            start = at + 1;
        }
    }
    items.push(&tokens[start..]);
    items
}
