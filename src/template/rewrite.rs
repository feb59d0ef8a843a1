//! Rewrites a template's tags so that conditions and loops over unknown values can be followed.
//!
//! Text between tags is never touched; every change is remembered, so that offsets lead back.

use std::collections::BTreeSet;

use minijinja::{
    Error,
    machinery::{Token, tokenize},
    syntax::SyntaxConfig,
};

use crate::model::{Diagnostic, Span, TEMPLATE_PLACEHOLDER};

/// The function around the test of `{% if %}`: test as text, its value, the values of its names.
pub(super) const FORK: &str = "__wellspring_fork";
/// The function around what `{% for %}` runs over: value, and how many names a row is unpacked into.
pub(super) const ROWS: &str = "__wellspring_rows";

/// The function around a literal list of a dbt template, which can be changed.
pub(super) const LIST: &str = "__wellspring_list";
/// The function around a literal mapping of a dbt template, which can be changed.
pub(super) const DICT: &str = "__wellspring_dict";
/// The filter that stands for Python's `%` after a literal.
pub(super) const FORMAT: &str = "__wellspring_format";
/// The functions that stand for the tags around a snapshot.
pub(super) const SNAPSHOT: &str = "__wellspring_snapshot";
pub(super) const SNAPSHOT_END: &str = "__wellspring_snapshot_end";

/// Which tags a template may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tags {
    /// Jinja's.
    Plain,
    /// dbt's too; lists and mappings can be changed.
    Dbt,
}

/// A rewritten template.
pub(super) struct Rewritten {
    /// The text to render.
    pub(super) text: String,
    /// Names of filters and of tests in it.
    pub(super) filters: BTreeSet<String>,
    pub(super) tests: BTreeSet<String>,
    /// What is not followed.
    pub(super) diagnostics: Vec<Diagnostic>,
    /// Names that are called, or that something is called of.
    pub(super) called: BTreeSet<String>,
    /// How it is to be read.
    pub(super) syntax: SyntaxConfig,
    edits: Vec<Edit>,
    tags: Vec<Span>,
}

/// Bytes `start..end` of the source became `len` bytes at `at` of the text.
struct Edit {
    start: usize,
    end: usize,
    at: usize,
    len: usize,
}

impl Rewritten {
    /// The byte of the source that byte `offset` of the text comes from.
    pub(super) fn source_offset(&self, offset: usize) -> usize {
        let after = self.edits.partition_point(|edit| edit.at <= offset);
        match after.checked_sub(1).and_then(|at| self.edits.get(at)) {
            Some(edit) if offset < edit.at + edit.len => edit.start,
            Some(edit) => offset - (edit.at + edit.len) + edit.end,
            None => offset,
        }
    }

    /// The start (in the source) of the tag that byte `offset` of the text lies in.
    pub(super) fn tag_at(&self, offset: usize) -> Option<usize> {
        self.expression_at(u32::try_from(self.source_offset(offset)).ok()?).map(|tag| tag.start as usize)
    }

    /// The whole tag, braces included, that byte `offset` of the source lies in.
    pub(super) fn expression_at(&self, offset: u32) -> Option<Span> {
        let after = self.tags.partition_point(|tag| tag.start <= offset);
        self.tags.get(after.checked_sub(1)?).copied().filter(|tag| offset < tag.end)
    }
}

/// Rewrites `source`, which holds such `kinds` of tags; those that start at `broken` are given up: their
/// value becomes a placeholder.
pub(super) fn rewrite(source: &str, broken: &BTreeSet<usize>, kinds: Tags) -> Result<Rewritten, Error> {
    let mut rewriter = Rewriter {
        source,
        broken,
        kinds,
        called: BTreeSet::new(),
        changes: Vec::new(),
        filters: BTreeSet::new(),
        tests: BTreeSet::new(),
        diagnostics: Vec::new(),
        tags: Vec::new(),
    };
    let mut tag: Option<(Kind, usize, Vec<Word<'_>>)> = None;
    let syntax = SyntaxConfig::builder().keep_trailing_newline(true).build()?;
    for token in tokenize(source, false, syntax.clone()) {
        let (token, span) = token?;
        let (start, end) = (span.start_offset as usize, span.end_offset as usize);
        match token {
            Token::TemplateData(_) => {}
            Token::VariableStart => tag = Some((Kind::Variable, start, Vec::new())),
            Token::BlockStart => tag = Some((Kind::Block, start, Vec::new())),
            Token::VariableEnd | Token::BlockEnd => {
                if let Some((kind, opened, words)) = tag.take() {
                    rewriter.take_tag(&kind, Span::new(opened, end), &words);
                }
            }
            token => {
                if let Some((_, _, words)) = &mut tag {
                    words.push(Word { token, start, end });
                }
            }
        }
    }
    Ok(rewriter.finish(syntax))
}

enum Kind {
    Variable,
    Block,
}

/// A token inside a tag, with its bytes in the source.
struct Word<'s> {
    token: Token<'s>,
    start: usize,
    end: usize,
}

impl<'s> Word<'s> {
    fn ident(&self) -> Option<&'s str> {
        match self.token {
            Token::Ident(name) => Some(name),
            _ => None,
        }
    }
}

struct Rewriter<'s> {
    source: &'s str,
    broken: &'s BTreeSet<usize>,
    kinds: Tags,
    called: BTreeSet<String>,
    /// Start and end in the source, and what to put there.
    changes: Vec<(usize, usize, String)>,
    filters: BTreeSet<String>,
    tests: BTreeSet<String>,
    diagnostics: Vec<Diagnostic>,
    tags: Vec<Span>,
}

impl Rewriter<'_> {
    fn take_tag(&mut self, kind: &Kind, tag: Span, words: &[Word<'_>]) {
        self.tags.push(tag);
        self.note_filters_and_tests(words);
        let (Some(first), Some(last)) = (words.first(), words.last()) else { return };
        self.note_called(words);
        if self.kinds == Tags::Dbt && self.take_dbt_tag(kind, tag, words) {
            return;
        }
        let given_up = self.broken.contains(&(tag.start as usize));
        match (kind, first.ident()) {
            (Kind::Variable, _) if given_up => self.changes.push((first.start, last.end, format!("expression_{}", tag.start))),
            (Kind::Block, Some("set")) if given_up => {
                if let Some(assign) = words.iter().find(|word| matches!(word.token, Token::Assign)) {
                    self.changes.push((assign.end, last.end, format!(" expression_{}", tag.start)));
                }
            }
            (Kind::Block, Some("if" | "elif")) if words.len() > 1 => {
                self.wrap_condition(&words[1..], last.end, given_up.then_some(tag))
            }
            (Kind::Block, Some("for")) => self.wrap_rows(words, given_up.then_some(tag)),
            (Kind::Block, Some("import" | "from" | "include" | "extends")) => self.drop_tag(tag, words),
            _ => {}
        }
    }

    /// Tags that only dbt has; true where nothing else is to be done.
    fn take_dbt_tag(&mut self, kind: &Kind, tag: Span, words: &[Word<'_>]) -> bool {
        let whole = (tag.start as usize, tag.end as usize);
        let first = words.first().and_then(Word::ident);
        match (kind, first) {
            (Kind::Block, Some("snapshot")) => {
                let name = words.get(1).and_then(Word::ident).unwrap_or_default();
                self.changes.push((whole.0, whole.1, format!("{{{{ {SNAPSHOT}(\"{name}\") }}}}")));
                return true;
            }
            (Kind::Block, Some("endsnapshot")) => {
                self.changes.push((whole.0, whole.1, format!("{{{{ {SNAPSHOT_END}() }}}}")));
                return true;
            }
            _ => {}
        }
        if !self.broken.contains(&whole.0) {
            self.wrap_literals(words);
            self.replace_formats(words);
            self.drop_unary_plus(words);
        }
        false
    }

    /// Literal lists and mappings become values that can be changed.
    fn wrap_literals(&mut self, words: &[Word<'_>]) {
        const OPERATORS: [&str; 16] = [
            "in",
            "if",
            "else",
            "elif",
            "and",
            "or",
            "not",
            "is",
            "set",
            "do",
            "for",
            "recursive",
            "call",
            "filter",
            "with",
            "return",
        ];
        let mut open: Vec<Option<&str>> = Vec::new();
        for (at, word) in words.iter().enumerate() {
            match word.token {
                Token::BracketOpen => {
                    let before = at.checked_sub(1).and_then(|at| words.get(at)).map(|word| &word.token);
                    let is_subscript = match before {
                        Some(Token::Ident(name)) => !OPERATORS.contains(name),
                        Some(Token::ParenClose | Token::BracketClose | Token::BraceClose | Token::Str(_) | Token::String(_)) => {
                            true
                        }
                        _ => false,
                    };
                    if is_subscript {
                        open.push(None);
                    } else {
                        self.changes.push((word.start, word.end, format!("{LIST}([")));
                        open.push(Some("])"));
                    }
                }
                Token::BraceOpen => {
                    self.changes.push((word.start, word.end, format!("{DICT}({{")));
                    open.push(Some("})"));
                }
                Token::ParenOpen => open.push(None),
                Token::ParenClose | Token::BracketClose | Token::BraceClose => {
                    if let Some(Some(closing)) = open.pop() {
                        self.changes.push((word.start, word.end, closing.to_owned()));
                    }
                }
                _ => {}
            }
        }
    }

    /// Python's `'…' % value` becomes a filter.
    fn replace_formats(&mut self, words: &[Word<'_>]) {
        for (at, word) in words.iter().enumerate() {
            let before = at.checked_sub(1).and_then(|at| words.get(at)).map(|word| &word.token);
            if !matches!(word.token, Token::Mod) || !matches!(before, Some(Token::Str(_) | Token::String(_))) {
                continue;
            }
            let Some(end) = end_of_operand(words, at + 1) else { continue };
            self.changes.push((word.start, word.end, format!("|{FORMAT}(")));
            self.changes.push((end, end, ")".to_owned()));
        }
    }

    /// Python's `+1`.
    fn drop_unary_plus(&mut self, words: &[Word<'_>]) {
        for (at, word) in words.iter().enumerate().filter(|(_, word)| matches!(word.token, Token::Plus)) {
            let before = at.checked_sub(1).and_then(|at| words.get(at)).map(|word| &word.token);
            if matches!(before, Some(Token::Assign | Token::Comma | Token::ParenOpen | Token::BracketOpen | Token::Colon)) {
                self.changes.push((word.start, word.end, String::new()));
            }
        }
    }

    fn note_called(&mut self, words: &[Word<'_>]) {
        for (at, word) in words.iter().enumerate() {
            let Some(name) = word.ident() else { continue };
            let before = at.checked_sub(1).and_then(|at| words.get(at)).map(|word| &word.token);
            if matches!(before, Some(Token::Dot | Token::Pipe)) {
                continue;
            }
            let mut next = at + 1;
            while matches!(words.get(next).map(|word| &word.token), Some(Token::Dot)) {
                next += 2;
            }
            if matches!(words.get(next).map(|word| &word.token), Some(Token::ParenOpen)) {
                self.called.insert(name.to_owned());
            }
        }
    }

    fn wrap_condition(&mut self, words: &[Word<'_>], end: usize, given_up: Option<Span>) {
        let start = words.first().map_or(end, |word| word.start);
        let condition: String = self.source.get(start..end).unwrap_or_default().chars().take(200).collect();
        let condition = condition.split_whitespace().collect::<Vec<_>>().join(" ");
        let quoted = serde_json::Value::String(condition).to_string();
        if let Some(tag) = given_up {
            self.changes.push((start, end, format!("{FORK}({quoted}, expression_{}, [])", tag.start)));
            return;
        }
        let names: Vec<&str> = root_names(words).into_iter().collect();
        self.changes.push((start, start, format!("{FORK}({quoted}, (")));
        self.changes.push((end, end, format!("), [{}])", names.join(", "))));
    }

    fn wrap_rows(&mut self, words: &[Word<'_>], given_up: Option<Span>) {
        let Some(at) = words.iter().position(|word| word.ident() == Some("in")) else { return };
        let width = 1 + words[..at].iter().filter(|word| matches!(word.token, Token::Comma)).count();
        let mut depth = 0usize;
        let mut end = None;
        for word in &words[at + 1..] {
            match word.token {
                Token::ParenOpen | Token::BracketOpen | Token::BraceOpen => depth += 1,
                Token::ParenClose | Token::BracketClose | Token::BraceClose => depth = depth.saturating_sub(1),
                Token::Ident("if" | "recursive") if depth == 0 => break,
                _ => {}
            }
            end = Some(word.end);
        }
        let (Some(first), Some(end)) = (words.get(at + 1), end) else { return };
        if let Some(tag) = given_up {
            self.changes.push((first.start, end, format!("{ROWS}(expression_{}, {width})", tag.start)));
        } else {
            self.changes.push((first.start, first.start, format!("{ROWS}((")));
            self.changes.push((end, end, format!("), {width})")));
        }
    }

    /// Other files are not followed: what they would define stays unknown.
    fn drop_tag(&mut self, tag: Span, words: &[Word<'_>]) {
        self.changes.push((tag.start as usize, tag.end as usize, String::new()));
        let what = words.iter().find_map(|word| match &word.token {
            Token::Str(text) => Some((*text).to_owned()),
            Token::String(text) => Some(text.to_string()),
            _ => None,
        });
        let what = what.unwrap_or_else(|| "a file".to_owned());
        let message = format!("the template takes from `{what}`, which is not followed");
        self.diagnostics.push(Diagnostic::new(&TEMPLATE_PLACEHOLDER, message, tag));
    }

    fn note_filters_and_tests(&mut self, words: &[Word<'_>]) {
        for (at, word) in words.iter().enumerate() {
            let name = |at: usize| words.get(at).and_then(Word::ident).map(str::to_owned);
            match word.token {
                Token::Pipe => self.filters.extend(name(at + 1)),
                Token::Ident("is") => {
                    let negated = name(at + 1).as_deref() == Some("not");
                    self.tests.extend(name(at + 1 + usize::from(negated)));
                }
                _ => {}
            }
        }
    }

    fn finish(mut self, syntax: SyntaxConfig) -> Rewritten {
        self.changes.sort_by_key(|(start, end, _)| (*start, *end));
        let mut text = String::with_capacity(self.source.len() + 64 * self.changes.len());
        let mut edits = Vec::with_capacity(self.changes.len());
        let mut copied = 0;
        for (start, end, new) in self.changes {
            if start < copied {
                continue;
            }
            text.push_str(self.source.get(copied..start).unwrap_or_default());
            edits.push(Edit { start, end, at: text.len(), len: new.len() });
            text.push_str(&new);
            copied = end;
        }
        text.push_str(self.source.get(copied..).unwrap_or_default());
        let Rewriter { filters, tests, diagnostics, tags, called, .. } = self;
        Rewritten { text, filters, tests, diagnostics, called, syntax, edits, tags }
    }
}

/// The end of the operand that starts at `at`: a name or literal with what is called or taken of it.
fn end_of_operand(words: &[Word<'_>], at: usize) -> Option<usize> {
    let mut depth = 0usize;
    let mut end = None;
    for (place, word) in words.iter().enumerate().skip(at) {
        match word.token {
            Token::ParenOpen | Token::BracketOpen | Token::BraceOpen => {
                let begins = place == at;
                let follows = depth == 0 && matches!(word.token, Token::ParenOpen | Token::BracketOpen);
                if depth == 0 && !begins && !follows {
                    break;
                }
                depth += 1;
            }
            Token::ParenClose | Token::BracketClose | Token::BraceClose => {
                if depth == 0 {
                    break;
                }
                depth -= 1;
            }
            _ if depth > 0 => {}
            Token::Dot => {}
            Token::Ident(_) | Token::Str(_) | Token::String(_) | Token::Int(_) | Token::Float(_) => {
                let before = place.checked_sub(1).and_then(|at| words.get(at)).map(|word| &word.token);
                if place != at && !matches!(before, Some(Token::Dot)) {
                    break;
                }
            }
            _ => break,
        }
        end = Some(word.end);
    }
    end
}

/// The names whose values an expression starts from: no attributes, filters, tests, keywords or
/// names of arguments.
fn root_names<'s>(words: &[Word<'s>]) -> BTreeSet<&'s str> {
    const WORDS: [&str; 14] =
        ["and", "or", "not", "in", "is", "if", "else", "true", "false", "none", "True", "False", "None", "loop"];
    let mut names = BTreeSet::new();
    for (at, word) in words.iter().enumerate() {
        let Some(name) = word.ident().filter(|name| !WORDS.contains(name)) else { continue };
        let before = at.checked_sub(1).and_then(|at| words.get(at));
        let is_test = |word: &Word<'_>| word.ident() == Some("is");
        let after_test = before.is_some_and(is_test)
            || (before.is_some_and(|word| word.ident() == Some("not")) && at >= 2 && words.get(at - 2).is_some_and(is_test));
        let after_operator = before.is_some_and(|word| matches!(word.token, Token::Dot | Token::Pipe));
        let is_argument = words.get(at + 1).is_some_and(|word| matches!(word.token, Token::Assign));
        if !after_test && !after_operator && !is_argument {
            names.insert(name);
        }
    }
    names
}
