//! Macros out of files: their names, parameters and bodies.

use minijinja::{
    Error,
    machinery::{Token, tokenize},
    syntax::SyntaxConfig,
};

/// A macro as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MacroText {
    /// Its name; of a generic test, after `test_`.
    pub(super) name: String,
    /// Parameters with the text of their default.
    pub(super) parameters: Vec<(String, Option<String>)>,
    /// What stands between its tags.
    pub(super) body: String,
}

/// A token of a tag, with its first byte and the one behind its last.
type Word<'t> = (Token<'t>, usize, usize);

/// The macros in `text`, and why reading it ended early.
pub(super) fn split_macros(text: &str) -> (Vec<MacroText>, Option<Error>) {
    let mut found = Vec::new();
    let Ok(syntax) = SyntaxConfig::builder().keep_trailing_newline(true).build() else { return (found, None) };
    let mut open: Option<Open> = None;
    let mut tag: Option<(usize, Vec<Word<'_>>)> = None;
    for token in tokenize(text, false, syntax) {
        let (token, span) = match token {
            Ok(token) => token,
            Err(error) => return (found, Some(error)),
        };
        let (start, end) = (span.start_offset as usize, span.end_offset as usize);
        match token {
            Token::BlockStart => tag = Some((start, Vec::new())),
            Token::BlockEnd => {
                let Some((tag_start, words)) = tag.take() else { continue };
                match (words.first().map(|(token, ..)| token), &open) {
                    (Some(Token::Ident("macro" | "test" | "data_test")), None) => open = Open::new(text, &words, end),
                    (Some(Token::Ident("endmacro" | "endtest" | "enddata_test")), Some(_)) => {
                        if let Some(done) = open.take() {
                            found.push(done.finish(text, tag_start));
                        }
                    }
                    _ => {}
                }
            }
            token => {
                if let Some((_, words)) = &mut tag {
                    words.push((token, start, end));
                }
            }
        }
    }
    (found, None)
}

/// A macro whose end was not seen yet.
struct Open {
    name: String,
    parameters: Vec<(String, Option<String>)>,
    body: usize,
}

impl Open {
    fn new(text: &str, words: &[Word<'_>], body: usize) -> Option<Open> {
        let Token::Ident(name) = words.get(1)?.0 else { return None };
        let is_test = !matches!(words.first()?.0, Token::Ident("macro"));
        let name = if is_test { format!("test_{name}") } else { name.to_owned() };
        Some(Open { name, parameters: read_parameters(text, words.get(2..)?), body })
    }

    fn finish(self, text: &str, end: usize) -> MacroText {
        let mut body = text.get(self.body..end).unwrap_or_default();
        if text.get(..self.body).is_some_and(|head| head.ends_with("-%}")) {
            body = body.trim_start();
        }
        if text.get(end..).is_some_and(|tail| tail.starts_with("{%-")) {
            body = body.trim_end();
        }
        MacroText { name: self.name, parameters: self.parameters, body: body.to_owned() }
    }
}

fn read_parameters(text: &str, words: &[Word<'_>]) -> Vec<(String, Option<String>)> {
    let mut parameters: Vec<(String, Option<(usize, usize)>)> = Vec::new();
    let mut depth = 0usize;
    let mut in_default = false;
    for (token, start, end) in words {
        match token {
            Token::ParenOpen | Token::BracketOpen | Token::BraceOpen => {
                depth += 1;
                if depth == 1 {
                    continue;
                }
            }
            Token::ParenClose | Token::BracketClose | Token::BraceClose => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    break;
                }
            }
            Token::Comma if depth == 1 => {
                in_default = false;
                continue;
            }
            Token::Assign if depth == 1 && !in_default => {
                in_default = true;
                continue;
            }
            Token::Ident(name) if depth == 1 && !in_default => {
                parameters.push(((*name).to_owned(), None));
                continue;
            }
            _ => {}
        }
        if in_default && let Some((_, default)) = parameters.last_mut() {
            *default = Some(default.map_or((*start, *end), |(first, _)| (first, *end)));
        }
    }
    let text_of = |span: Option<(usize, usize)>| span.and_then(|(start, end)| text.get(start..end)).map(str::to_owned);
    parameters.into_iter().map(|(name, default)| (name, text_of(default))).collect()
}
