//! The one lexer: bytes of any dialect in, tokens with byte spans out, nothing copied.
//!
//! Splitting, mending, fingerprints, table-level reading and highlighting all use it. Whitespace
//! yields no token, comments do. Never fails: what is not closed runs to the end of the text.

use std::sync::OnceLock;

use memchr::{memchr, memchr2, memmem};
use rustc_hash::FxHashMap;
use sqlparser::keywords::{ALL_KEYWORDS, ALL_KEYWORDS_INDEX, Keyword};

use crate::model::{Dialect, Span};

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An unquoted word; `NoKeyword` where no dialect uses it as one.
    Word(Keyword),
    /// An identifier in quotes, backticks or brackets.
    Quoted,
    /// A string literal with its prefix and quotes.
    Text,
    /// A dollar-quoted string, `$$ … $$` or `$tag$ … $tag$`.
    Dollar,
    /// A number.
    Number,
    /// A parameter: `?`, `$1`, `@name` where the dialect does not use it as an identifier.
    Parameter,
    /// `,`
    Comma,
    /// `(`
    LeftParen,
    /// `)`
    RightParen,
    /// `;`
    Semicolon,
    /// `.`
    Period,
    /// Any other operator or punctuation.
    Operator,
    /// A comment with its marks.
    Comment,
    /// A quote or comment that is never closed; it runs to the end.
    Open,
}

/// A token and its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    /// What it is.
    pub(crate) kind: Kind,
    /// First byte.
    pub(crate) start: u32,
    /// One past the last byte.
    pub(crate) end: u32,
}

impl Token {
    /// Its place.
    pub(crate) fn span(self) -> Span {
        Span { start: self.start, end: self.end }
    }

    /// Its text.
    pub(crate) fn of(self, text: &str) -> &str {
        self.span().of(text)
    }

    /// Whether it is the unquoted `word`, in any case.
    pub(crate) fn is_word(self, text: &str, word: &str) -> bool {
        matches!(self.kind, Kind::Word(_)) && self.of(text).eq_ignore_ascii_case(word)
    }

    /// Its keyword; `NoKeyword` for everything else.
    pub(crate) fn keyword(self) -> Keyword {
        match self.kind {
            Kind::Word(keyword) => keyword,
            _ => Keyword::NoKeyword,
        }
    }
}

/// The tokens of `text`, comments included.
///
/// Places are 32 bits: a text of 4 GiB or more is cut there.
pub(crate) fn lex(text: &str, dialect: Dialect) -> Vec<Token> {
    let mut tokens = Vec::with_capacity(text.len() / 6 + 8);
    tokens.extend(Lexer::new(text, dialect));
    tokens
}

/// The keyword that `word` is, in any case.
pub(crate) fn keyword(word: &str) -> Keyword {
    const LONGEST: usize = 40;
    static KEYWORDS: OnceLock<FxHashMap<&'static [u8], Keyword>> = OnceLock::new();
    let keywords = KEYWORDS
        .get_or_init(|| ALL_KEYWORDS.iter().map(|word| word.as_bytes()).zip(ALL_KEYWORDS_INDEX.iter().copied()).collect());
    let mut upper = [0u8; LONGEST];
    let Some(upper) = upper.get_mut(..word.len()) else { return Keyword::NoKeyword };
    upper.copy_from_slice(word.as_bytes());
    upper.make_ascii_uppercase();
    keywords.get(&*upper).copied().unwrap_or(Keyword::NoKeyword)
}

/// The verb that a word of three letters stands for.
fn short_verb(word: &str) -> Option<Keyword> {
    let verbs = [("sel", Keyword::SELECT), ("ins", Keyword::INSERT), ("upd", Keyword::UPDATE), ("del", Keyword::DELETE)];
    verbs.into_iter().find(|(short, _)| word.eq_ignore_ascii_case(short)).map(|(_, verb)| verb)
}

/// What tells the dialects' tokens apart.
struct Rules {
    /// Backslash escapes in plain strings.
    backslash: bool,
    /// `"` starts a string, not an identifier.
    double_is_text: bool,
    /// Backticks quote identifiers.
    backtick: bool,
    /// `[name]` is an identifier.
    bracket: bool,
    /// `$$ … $$` strings.
    dollar: bool,
    /// `'''` and `"""` strings; a doubled quote does not stand for itself.
    triple: bool,
    /// `r'…'` without escapes.
    raw: bool,
    /// `e'…'` with escapes.
    escape_prefix: bool,
    /// `q'[…]'` strings.
    q_prefix: bool,
    /// `#` starts a comment.
    hash_comment: bool,
    /// `//` starts a comment.
    slash_comment: bool,
    /// `//` divides.
    int_division: bool,
    /// `@>`, `<@`, `@@`, `?|` and `?&` are operators.
    at_operators: bool,
    /// `--` needs a blank after it (MySQL).
    dash_blank: bool,
    /// `/* /* */ */`
    nested_comments: bool,
    /// `/*! … */` holds SQL (MySQL).
    hints: bool,
    /// `foo-bar` is one name after FROM and its like (BigQuery).
    dashed: bool,
    /// `@name` is a parameter rather than a name.
    at_parameter: bool,
    /// Names may start with a digit.
    digit_start: bool,
    /// SEL, INS, UPD and DEL are verbs (Teradata).
    short_verbs: bool,
    /// Further bytes that start a name.
    starts: &'static [u8],
    /// Further bytes inside a name.
    parts: &'static [u8],
}

impl Rules {
    fn of(dialect: Dialect) -> Rules {
        use Dialect as D;
        let is = |dialects: &[Dialect]| dialects.contains(&dialect);
        let (starts, parts): (&[u8], &[u8]) = match dialect {
            D::BigQuery => (b"", b""),
            D::Spark | D::Databricks | D::Ansi | D::ClickHouse => (b"", b"$"),
            D::MsSql | D::Generic => (b"#@", b"#@$"),
            D::MySql => (b"@$", b"@$"),
            D::Redshift => (b"#", b"#$"),
            D::Teradata => (b"#$", b"#$"),
            D::Oracle => (b"", b"#$@"),
            D::Hive => (b"$", b"${}"),
            D::Postgres | D::Snowflake | D::Trino | D::DuckDb | D::Sqlite | D::Vertica => (b"", b"$"),
        };
        let spark = is(&[D::Spark, D::Databricks]);
        Rules {
            backslash: is(&[D::BigQuery, D::MySql, D::Snowflake, D::ClickHouse, D::Redshift, D::Hive]) || spark,
            double_is_text: is(&[D::BigQuery, D::MySql, D::Hive]) || spark,
            backtick: !is(&[D::Postgres, D::Redshift, D::Oracle, D::Teradata]),
            bracket: is(&[D::MsSql, D::Sqlite]),
            dollar: !is(&[D::BigQuery, D::MsSql, D::MySql, D::Sqlite, D::Teradata, D::Oracle, D::Hive]),
            triple: is(&[D::BigQuery]),
            raw: is(&[D::BigQuery]) || spark,
            escape_prefix: is(&[D::Postgres, D::Redshift, D::Generic, D::DuckDb]),
            q_prefix: is(&[D::Oracle, D::Generic]),
            hash_comment: is(&[D::BigQuery, D::MySql]),
            slash_comment: is(&[D::Snowflake]),
            int_division: is(&[D::DuckDb, D::Generic]),
            at_operators: is(&[D::Postgres, D::Redshift, D::DuckDb]),
            dash_blank: is(&[D::MySql]),
            nested_comments: is(&[D::Postgres, D::Redshift, D::MsSql, D::DuckDb, D::ClickHouse, D::Ansi]) || spark,
            hints: is(&[D::MySql]),
            dashed: is(&[D::BigQuery]),
            at_parameter: is(&[D::BigQuery]),
            digit_start: is(&[D::Hive, D::Spark, D::Databricks, D::MySql]),
            short_verbs: is(&[D::Teradata]),
            starts,
            parts,
        }
    }
}

/// Reads one token after the other, each when it is asked for.
pub(crate) struct Lexer<'t> {
    text: &'t [u8],
    at: usize,
    rules: Rules,
    /// The token before, a comment or not.
    last: Option<Token>,
    /// The token before that is no comment.
    last_said: Option<Token>,
    /// Inside a `/*! … */`.
    hint: bool,
}

impl Iterator for Lexer<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        while let Some(&byte) = self.text.get(self.at) {
            let start = self.at;
            let Some(kind) = self.read(byte) else {
                self.at = self.at.max(start + 1);
                continue;
            };
            let token = Token { kind, start: start as u32, end: self.at as u32 };
            self.last = Some(token);
            if kind != Kind::Comment {
                self.last_said = self.last;
            }
            return self.last;
        }
        None
    }
}

impl<'t> Lexer<'t> {
    /// A lexer at the first byte of `text`; what is beyond 4 GiB is not read.
    pub(crate) fn new(text: &'t str, dialect: Dialect) -> Lexer<'t> {
        let end = text.floor_char_boundary(text.len().min(u32::MAX as usize - 1));
        let text = &text.as_bytes()[..end];
        Lexer { text, at: 0, rules: Rules::of(dialect), last: None, last_said: None, hint: false }
    }

    /// Goes on at the byte `at`, as if a value ended there.
    pub(crate) fn skip_to(&mut self, at: usize) {
        let value = Token { kind: Kind::Parameter, start: self.at as u32, end: at as u32 };
        self.at = at;
        (self.last, self.last_said) = (Some(value), Some(value));
    }

    fn peek(&self, ahead: usize) -> u8 {
        self.text.get(self.at + ahead).copied().unwrap_or(0)
    }

    /// Reads one token and says what it is; `None` for whitespace.
    fn read(&mut self, byte: u8) -> Option<Kind> {
        let kind = match byte {
            b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c | 0 => return None,
            b'\'' => self.string(b'\'', self.rules.backslash),
            b'"' if self.rules.double_is_text => self.string(b'"', self.rules.backslash),
            b'"' => self.quoted(b'"'),
            b'`' if self.rules.backtick => self.quoted(b'`'),
            b'[' if self.rules.bracket && self.opens_bracket_name() => self.quoted(b']'),
            b'-' if self.peek(1) == b'-' && (!self.rules.dash_blank || self.peek(2) <= b' ') => self.line_comment(),
            b'#' if self.rules.hash_comment => self.line_comment(),
            b'/' if self.peek(1) == b'/' && self.rules.slash_comment => self.line_comment(),
            b'/' if self.peek(1) == b'*' => self.block_comment(),
            b'*' if self.hint && self.peek(1) == b'/' => {
                self.hint = false;
                self.take(2, Kind::Comment)
            }
            b'0'..=b'9' => self.number(),
            b'.' if self.peek(1).is_ascii_digit() && !self.follows_name() && !self.follows_period() => self.number(),
            b'$' if self.rules.dollar && self.opens_dollar() => self.dollar(),
            b'$' if self.peek(1).is_ascii_alphanumeric() && !self.rules.starts.contains(&b'$') => self.parameter(),
            b'@' if self.rules.at_parameter => self.at_sign(),
            b'?' if self.peek(1).is_ascii_digit() => self.parameter(),
            b',' => self.take(1, Kind::Comma),
            b'(' => self.take(1, Kind::LeftParen),
            b')' => self.take(1, Kind::RightParen),
            b';' => self.take(1, Kind::Semicolon),
            b'.' => self.take(1, Kind::Period),
            0x80.. => return self.beyond_ascii(),
            _ if self.starts_name(byte) => self.word(),
            _ => self.operator(byte),
        };
        Some(kind)
    }

    fn take(&mut self, bytes: usize, kind: Kind) -> Kind {
        self.at += bytes;
        kind
    }

    fn starts_name(&self, byte: u8) -> bool {
        byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80 || self.rules.starts.contains(&byte)
    }

    fn is_name_part(&self, byte: u8) -> bool {
        byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80 || self.rules.parts.contains(&byte)
    }

    /// A letter beyond ASCII starts a name; a blank or byte-order mark beyond ASCII is skipped.
    fn beyond_ascii(&mut self) -> Option<Kind> {
        let width = self.text[self.at..].iter().skip(1).take_while(|byte| (0x80..0xc0).contains(*byte)).count() + 1;
        let rest = &self.text[self.at..self.at + width];
        let letter = std::str::from_utf8(rest).ok().and_then(|rest| rest.chars().next());
        match letter {
            Some(letter) if letter.is_whitespace() || letter == '\u{feff}' || letter == '\u{200b}' => {
                self.at += width;
                None
            }
            _ => Some(self.word()),
        }
    }

    /// Whether the token before touches this place and is a name, so that `.1` belongs to it.
    fn follows_period(&self) -> bool {
        self.last.is_some_and(|last| last.kind == Kind::Period && last.end as usize == self.at)
    }

    fn follows_name(&self) -> bool {
        self.last.is_some_and(|last| {
            last.end as usize == self.at
                && match last.kind {
                    Kind::Word(_) | Kind::Quoted | Kind::RightParen => true,
                    Kind::Operator => self.text[last.start as usize] == b']',
                    _ => false,
                }
        })
    }

    fn word(&mut self) -> Kind {
        let start = self.at;
        while self.text.get(self.at).is_some_and(|byte| self.is_name_part(*byte) || self.at == start) {
            self.at += 1;
        }
        let length = self.at - start;
        if length <= 2
            && let Some(kind) = self.prefixed(start, length)
        {
            return kind;
        }
        if self.rules.dashed && self.peek(0) == b'-' && self.expects_table() {
            self.dashed_name();
            return Kind::Word(Keyword::NoKeyword);
        }
        let word = std::str::from_utf8(&self.text[start..self.at]).unwrap_or("");
        if self.rules.short_verbs
            && length == 3
            && let Some(verb) = short_verb(word)
        {
            return Kind::Word(verb);
        }
        Kind::Word(keyword(word))
    }

    /// A string whose prefix of one or two letters was just read.
    fn prefixed(&mut self, start: usize, length: usize) -> Option<Kind> {
        let quote = self.peek(0);
        let prefix = &self.text[start..start + length];
        let has = |letter: u8| prefix.iter().any(|byte| byte.to_ascii_lowercase() == letter);
        if quote == b'&' && length == 1 && has(b'u') && self.peek(1) == b'\'' {
            self.at += 1;
            return Some(self.string(b'\'', false));
        }
        if quote != b'\'' && !(quote == b'"' && self.rules.double_is_text) {
            return None;
        }
        if self.rules.q_prefix && has(b'q') && quote == b'\'' {
            return Some(self.q_string());
        }
        let raw = has(b'r');
        let escaped = has(b'e');
        let known = prefix.iter().all(|byte| b"brnxe".contains(&byte.to_ascii_lowercase()));
        let twice = length == 2 && !(raw && has(b'b'));
        if !known || twice || (raw && !self.rules.raw) || (escaped && !self.rules.escape_prefix) {
            return None;
        }
        let backslash = if raw { self.rules.triple } else { self.rules.backslash || escaped };
        Some(self.string(quote, backslash))
    }

    /// Reads from the opening quote. A raw string's backslash protects the quote after it, too.
    fn string(&mut self, quote: u8, backslash: bool) -> Kind {
        if self.rules.triple && self.peek(1) == quote && self.peek(2) == quote {
            return self.triple(quote);
        }
        self.at += 1;
        loop {
            let rest = &self.text[self.at..];
            let found = if backslash { memchr2(quote, b'\\', rest) } else { memchr(quote, rest) };
            let Some(found) = found else { return self.open() };
            self.at += found;
            if self.peek(0) == b'\\' {
                self.at = (self.at + 2).min(self.text.len());
            } else if self.peek(1) == quote && !self.rules.triple {
                self.at += 2;
            } else {
                return self.take(1, Kind::Text);
            }
        }
    }

    fn triple(&mut self, quote: u8) -> Kind {
        self.at += 3;
        loop {
            let Some(found) = memchr2(quote, b'\\', &self.text[self.at..]) else { return self.open() };
            self.at += found;
            if self.peek(0) == b'\\' {
                self.at = (self.at + 2).min(self.text.len());
            } else if self.peek(1) == quote && self.peek(2) == quote {
                return self.take(3, Kind::Text);
            } else {
                self.at += 1;
            }
        }
    }

    /// Oracle's `q'[ … ]'`.
    fn q_string(&mut self) -> Kind {
        let close = match self.peek(1) {
            b'[' => b']',
            b'{' => b'}',
            b'(' => b')',
            b'<' => b'>',
            other => other,
        };
        let end = [close, b'\''];
        let from = (self.at + 2).min(self.text.len());
        match memmem::find(&self.text[from..], &end) {
            Some(found) => {
                self.at = from + found + 2;
                Kind::Text
            }
            None => self.open(),
        }
    }

    /// A quoted identifier; the closing quote doubles to stand for itself.
    fn quoted(&mut self, close: u8) -> Kind {
        self.at += 1;
        loop {
            let Some(found) = memchr(close, &self.text[self.at..]) else { return self.open() };
            self.at += found + 1;
            if self.peek(0) != close {
                return Kind::Quoted;
            }
            self.at += 1;
        }
    }

    /// T-SQL and SQLite: whether a bracket opens a name, which closes near on the same line.
    fn opens_bracket_name(&self) -> bool {
        const LONGEST: usize = 300;
        let near = &self.text[self.at..self.text.len().min(self.at + LONGEST)];
        memchr2(b']', b'\n', near).is_some_and(|end| near[end] == b']')
    }

    fn open(&mut self) -> Kind {
        self.at = self.text.len();
        Kind::Open
    }

    fn line_comment(&mut self) -> Kind {
        self.at += memchr(b'\n', &self.text[self.at..]).unwrap_or(self.text.len() - self.at);
        Kind::Comment
    }

    fn block_comment(&mut self) -> Kind {
        if self.rules.hints && self.peek(2) == b'!' {
            self.at += 3;
            while self.peek(0).is_ascii_digit() {
                self.at += 1;
            }
            self.hint = true;
            return Kind::Comment;
        }
        self.at += 2;
        let mut depth = 1;
        loop {
            let Some(found) = memchr2(b'*', b'/', &self.text[self.at..]) else { return self.open() };
            self.at += found;
            match (self.peek(0), self.peek(1)) {
                (b'*', b'/') => {
                    depth -= 1;
                    self.at += 2;
                    if depth == 0 {
                        return Kind::Comment;
                    }
                }
                (b'/', b'*') if self.rules.nested_comments => {
                    depth += 1;
                    self.at += 2;
                }
                _ => self.at += 1,
            }
        }
    }

    fn number(&mut self) -> Kind {
        if self.peek(0) == b'0' && matches!(self.peek(1), b'x' | b'X') && self.peek(2).is_ascii_hexdigit() {
            self.at += 2;
            while self.peek(0).is_ascii_alphanumeric() || self.peek(0) == b'_' {
                self.at += 1;
            }
            return Kind::Number;
        }
        let (start, after_period) = (self.at, self.follows_period());
        self.digits();
        if self.rules.digit_start && self.is_name_part(self.peek(0)) && !self.is_exponent() && !self.is_suffix() {
            self.at = start;
            return self.word();
        }
        if self.peek(0) == b'.'
            && !(after_period || self.peek(1) == b'_' || self.peek(1).is_ascii_alphabetic() && self.peek(1) | 32 != b'e')
        {
            self.at += 1;
            self.digits();
        }
        if self.is_exponent() {
            self.at += 2;
            self.digits();
        }
        Kind::Number
    }

    fn digits(&mut self) {
        while self.peek(0).is_ascii_digit() || (self.peek(0) == b'_' && self.peek(1).is_ascii_digit()) {
            self.at += 1;
        }
    }

    fn is_exponent(&self) -> bool {
        matches!(self.peek(0), b'e' | b'E')
            && (self.peek(1).is_ascii_digit() || (matches!(self.peek(1), b'+' | b'-') && self.peek(2).is_ascii_digit()))
    }

    /// Spark's and Hive's `1L`, `2.5BD`.
    fn is_suffix(&self) -> bool {
        let end = (0..3).find(|ahead| !self.is_name_part(self.peek(*ahead))).unwrap_or(3);
        let suffix = self.text.get(self.at..self.at + end).unwrap_or(b"");
        [&b"l"[..], b"s", b"y", b"d", b"f", b"bd"].iter().any(|known| suffix.eq_ignore_ascii_case(known))
    }

    fn opens_dollar(&self) -> bool {
        let rest = &self.text[self.at + 1..];
        let Some(tag) = rest.iter().position(|byte| !(byte.is_ascii_alphanumeric() || *byte == b'_' || *byte >= 0x80)) else {
            return false;
        };
        rest.get(tag) == Some(&b'$') && !rest.first().is_some_and(u8::is_ascii_digit)
    }

    fn dollar(&mut self) -> Kind {
        let tag_end = memchr(b'$', &self.text[self.at + 1..]).map_or(self.text.len(), |found| self.at + found + 2);
        let tag = &self.text[self.at..tag_end];
        match memmem::find(&self.text[tag_end..], tag) {
            Some(found) => {
                self.at = tag_end + found + tag.len();
                Kind::Dollar
            }
            None => self.open(),
        }
    }

    fn parameter(&mut self) -> Kind {
        self.at += 1;
        while self.peek(0).is_ascii_alphanumeric() || self.peek(0) == b'_' {
            self.at += 1;
        }
        Kind::Parameter
    }

    /// BigQuery's `@parameter` and `@@system.variable`.
    fn at_sign(&mut self) -> Kind {
        if self.peek(1) == b'@' {
            self.at += 2;
            while self.is_name_part(self.peek(0)) && self.peek(0) != 0 {
                self.at += 1;
            }
            return Kind::Word(Keyword::NoKeyword);
        }
        if self.peek(1) == b'`' {
            self.at += 1;
            self.quoted(b'`');
            return Kind::Parameter;
        }
        self.parameter()
    }

    /// Whether a table's name is expected here, so that dashes belong to it.
    fn expects_table(&self) -> bool {
        self.last_said.is_some_and(|last| {
            matches!(
                last.keyword(),
                Keyword::FROM
                    | Keyword::JOIN
                    | Keyword::INTO
                    | Keyword::TABLE
                    | Keyword::VIEW
                    | Keyword::UPDATE
                    | Keyword::EXISTS
                    | Keyword::MERGE
                    | Keyword::DELETE
                    | Keyword::USING
                    | Keyword::TRUNCATE
                    | Keyword::LIKE
                    | Keyword::COPY
                    | Keyword::CLONE
                    | Keyword::SCHEMA
                    | Keyword::FUNCTION
                    | Keyword::PROCEDURE
                    | Keyword::CALL
            )
        })
    }

    fn dashed_name(&mut self) {
        while self.peek(0) == b'-' && (self.peek(1).is_ascii_alphanumeric() || self.peek(1) == b'_') {
            self.at += 1;
            while self.is_name_part(self.peek(0)) {
                self.at += 1;
            }
        }
    }

    /// The longest operator that starts here.
    fn operator(&mut self, byte: u8) -> Kind {
        const LONG: [&[u8]; 34] = [
            b"->>", b"#>>", b"<=>", b"!~~*", b"!~~", b"!~*", b"~~*", b"||/", b"<->", b"<#>", b"->", b"=>", b"==", b"<=", b">=",
            b"<>", b"!=", b"||", b"|>", b"|/", b"::", b":=", b"<<", b">>", b"&&", b"#>", b"#-", b"@>", b"<@", b"@?", b"@@",
            b"!~", b"~*", b"~~",
        ];
        let rest = &self.text[self.at..];
        let length = match byte {
            b'/' if self.rules.int_division && self.peek(1) == b'/' => 2,
            b'+' | b'*' | b'/' | b'%' | b'[' | b']' | b'{' | b'}' | b'\\' | b'^' => 1,
            b'?' if self.rules.at_operators && matches!(self.peek(1), b'|' | b'&') && self.peek(2) != b'|' => 2,
            _ => LONG
                .iter()
                .find(|operator| rest.starts_with(operator) && (self.rules.at_operators || !operator.contains(&b'@')))
                .map_or(1, |operator| operator.len()),
        };
        self.take(length, Kind::Operator)
    }
}
