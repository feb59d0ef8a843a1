//! CODEOWNERS: who reviews which files.
//!
//! As GitHub reads it (About code owners): the last pattern that matches decides, and a pattern
//! without an owner removes them. GitLab's `[Section]`s are read too: each section decides by itself.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use crate::model::{Diagnostic, INVALID_OWNERS_FILE, Span};

/// Where the file is looked for, in this order.
pub(super) const PLACES: [&str; 4] = [".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS"];

/// The rules of a CODEOWNERS file.
#[derive(Debug)]
pub(super) struct OwnersFile {
    rules: Vec<Rule>,
    globs: GlobSet,
    /// The rule that each glob belongs to.
    rule_of: Vec<usize>,
    /// Lines that could not be read: 1-based line and diagnostic.
    pub(super) diagnostics: Vec<(u32, Diagnostic)>,
}

#[derive(Debug)]
struct Rule {
    owners: Vec<String>,
    line: u32,
    section: usize,
}

impl OwnersFile {
    /// Reads the text of a CODEOWNERS file.
    pub(super) fn parse(text: &str) -> OwnersFile {
        let (mut rules, mut rule_of, mut diagnostics) = (Vec::new(), Vec::new(), Vec::new());
        let mut builder = GlobSetBuilder::new();
        let (mut section, mut default_owners) = (0, Vec::new());
        let mut offset = 0;
        for (number, raw) in (1..).zip(text.split_inclusive('\n')) {
            let span = Span::new(offset, offset + raw.trim_end().len());
            offset += raw.len();
            let words = split_words(raw.trim_end());
            let Some((pattern, owners)) = words.split_first() else { continue };
            if let Some(owners) = section_owners(raw.trim()) {
                section += 1;
                default_owners = split_words(owners);
                continue;
            }
            let globs = match compile_pattern(pattern) {
                Ok(globs) => globs,
                Err(why) => {
                    diagnostics.push((number, Diagnostic::new(&INVALID_OWNERS_FILE, format!("`{pattern}`: {why}"), span)));
                    continue;
                }
            };
            for glob in globs {
                builder.add(glob);
                rule_of.push(rules.len());
            }
            let owners = if owners.is_empty() { default_owners.clone() } else { owners.to_vec() };
            rules.push(Rule { owners, line: number, section });
        }
        let globs = builder.build().unwrap_or_else(|error| {
            diagnostics.push((1, Diagnostic::new(&INVALID_OWNERS_FILE, error.to_string(), Span::default())));
            GlobSet::empty()
        });
        OwnersFile { rules, globs, rule_of, diagnostics }
    }

    /// The owners of `path` with the 1-based line that names them, sorted.
    pub(super) fn owners_of(&self, path: &str) -> Vec<(&str, u32)> {
        let mut matched: Vec<usize> =
            self.globs.matches(path).into_iter().filter_map(|glob| self.rule_of.get(glob).copied()).collect();
        matched.sort_unstable();
        let mut owners = Vec::new();
        for (at, index) in matched.iter().enumerate() {
            let rule = &self.rules[*index];
            let overruled = matched[at + 1..].iter().any(|later| *later != *index && self.rules[*later].section == rule.section);
            if !overruled {
                owners.extend(rule.owners.iter().map(|owner| (owner.as_str(), rule.line)));
            }
        }
        owners.sort_unstable();
        owners.dedup_by_key(|(owner, _)| *owner);
        owners
    }
}

/// What follows the title of a section (`[Title]`, `^[Title][2]`), if `line` is one.
fn section_owners(line: &str) -> Option<&str> {
    let title = line.strip_prefix('^').unwrap_or(line).strip_prefix('[')?;
    let (_, after) = title.rsplit_once(']')?;
    (after.is_empty() || after.starts_with(char::is_whitespace)).then_some(after)
}

/// Words of a line up to a comment; `\` keeps the next letter as it is.
fn split_words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        let at_start = words.last().is_some_and(String::is_empty);
        match letter {
            '\\' => {
                if let (Some(word), Some(next)) = (words.last_mut(), letters.next()) {
                    word.push(next);
                }
            }
            '#' if at_start => break,
            letter if letter.is_whitespace() => words.push(String::new()),
            letter => {
                if let Some(word) = words.last_mut() {
                    word.push(letter);
                }
            }
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// The globs of a pattern: what it names, and everything below it where it may name a folder.
fn compile_pattern(pattern: &str) -> Result<Vec<globset::Glob>, String> {
    if pattern.starts_with('!') {
        return Err("a pattern cannot be negated".to_owned());
    }
    if pattern.contains('[') {
        return Err("ranges in brackets are not allowed".to_owned());
    }
    let folder = pattern.ends_with('/');
    let trimmed = pattern.trim_end_matches('/');
    let anchored = trimmed.contains('/');
    let inner = trimmed.trim_start_matches('/');
    let rooted = if anchored || inner.starts_with("**") { inner.to_owned() } else { format!("**/{inner}") };
    let escaped = rooted.replace('{', "[{]").replace('}', "[}]");
    let mut globs = Vec::new();
    // `docs/*` names what stands directly in docs, `*` alone everything.
    let direct = escaped.ends_with("/*") && anchored;
    if inner.is_empty() {
        globs.push("**".to_owned());
    } else {
        if !folder {
            globs.push(escaped.clone());
        }
        if !direct && !escaped.ends_with("/**") {
            globs.push(format!("{escaped}/**"));
        }
    }
    let compile = |glob: String| GlobBuilder::new(&glob).literal_separator(true).build().map_err(|error| error.to_string());
    globs.into_iter().map(compile).collect()
}
