//! The shape of a statement: its text with literals, comments and layout taken away.
//!
//! Query logs hold millions of texts and few shapes; what is stored of a logged text is its shape
//! alone, so no literal of it is ever kept. Where it is not sure that something is no literal, it is
//! taken for one: two shapes that fall together cost less than a secret that is kept.

mod shape;

use sqlparser::keywords::Keyword;
use xxhash_rust::xxh3::xxh3_128;

use self::shape::{Part, Shape};
use super::lexer::{Kind, Lexer, Token};
use crate::model::{Dialect, Span};

/// Longest name in quotes of any product, in bytes.
const LONGEST_NAME: usize = 128;

/// A shape and its hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    /// A hash of [`Fingerprint::shape`].
    pub hash: u128,
    /// The text with `?` for every literal and parameter, one blank between tokens, unquoted words in
    /// lower case, and lists of literals (IN, arrays, rows of VALUES) shortened to one.
    pub shape: String,
    /// Comments with their marks, in order: bytes of the text. The shape has nothing of them.
    pub comments: Vec<Span>,
}

/// The fingerprint of `text`.
pub fn fingerprint(text: &str, dialect: Dialect) -> Fingerprint {
    let mut reader = Reader {
        text,
        dialect,
        lexer: Lexer::new(text, dialect),
        shape: Shape::with_capacity(text.len()),
        comments: Vec::new(),
        end: 0,
    };
    while let Some(token) = reader.lexer.next() {
        let end = token.end as usize;
        reader.read(token);
        reader.end = end;
    }
    let shape = reader.shape.finish();
    Fingerprint { hash: xxh3_128(shape.as_bytes()), shape, comments: reader.comments }
}

/// A shape that parses: a number in the place of every literal, byte for byte, so that spans hold.
pub fn fill_shape(shape: &str) -> String {
    let mut filled = shape.as_bytes().to_vec();
    for at in memchr::memchr_iter(b'?', shape.as_bytes()) {
        let before = at.checked_sub(1).and_then(|before| shape.as_bytes().get(before));
        let after = shape.as_bytes().get(at + 1);
        let alone = |byte: Option<&u8>| byte.is_none_or(u8::is_ascii_whitespace);
        if alone(before) && (alone(after) || after == Some(&b';')) {
            filled[at] = b'0';
        }
    }
    // Bytes of one kind took the place of bytes of one kind: it is UTF-8 as before.
    String::from_utf8(filled).unwrap_or_else(|_| shape.to_owned())
}

struct Reader<'t> {
    text: &'t str,
    dialect: Dialect,
    lexer: Lexer<'t>,
    shape: Shape,
    comments: Vec<Span>,
    /// One past the token before.
    end: usize,
}

impl Reader<'_> {
    fn read(&mut self, token: Token) {
        let word = token.of(self.text);
        if let Some(end) = self.parameter_end(token, word) {
            self.shape.literal(true);
            return self.lexer.skip_to(end);
        }
        match token.kind {
            Kind::Comment => self.comment(token, word),
            Kind::Open if word.starts_with("/*") => self.comments.push(token.span()),
            Kind::Text => self.in_quotes(token, word),
            Kind::Dollar | Kind::Parameter | Kind::Open => self.shape.literal(true),
            Kind::Number => self.shape.literal(false),
            Kind::Word(_) if self.hides_line(token) => self.rest_of_line(token),
            Kind::Word(_) if self.is_number(token, word) => self.shape.literal(false),
            Kind::Word(keyword) => self.word(keyword, word),
            Kind::Quoted if self.is_value_in_quotes(token, word) => self.in_quotes(token, word),
            Kind::Quoted => self.shape.say(Part::Name, word, false),
            Kind::LeftParen => self.shape.open("("),
            Kind::RightParen => self.shape.close(")"),
            Kind::Comma => self.shape.say(Part::Comma, word, false),
            Kind::Semicolon => self.shape.say(Part::Semicolon, word, false),
            Kind::Period => self.shape.say(Part::Period, word, false),
            Kind::Operator => self.operator(token, word),
        }
    }

    fn follows_value(&self) -> bool {
        self.shape.last().is_some_and(Part::is_operand)
    }

    fn word(&mut self, keyword: Keyword, word: &str) {
        let part = if self.shape.last() == Some(Part::Period) { Part::Name } else { Part::Word(keyword) };
        self.shape.say(part, word, true);
    }

    fn operator(&mut self, token: Token, word: &str) {
        let part = match word {
            "[" => return self.shape.open("["),
            "]" => return self.shape.close("]"),
            "?" if !self.follows_value() => return self.shape.literal(true),
            "//" if self.hides_line(token) => return self.rest_of_line(token),
            "+" | "-" => Part::Sign,
            "::" => Part::DoubleColon,
            "=" | "==" | "<>" | "!=" | "<" | ">" | "<=" | ">=" | "<=>" => Part::Comparison,
            _ => Part::Operator,
        };
        self.shape.say(part, word, false);
    }

    /// Notes a comment; the marks of a MySQL hint are none, what they enclose is SQL.
    fn comment(&mut self, token: Token, word: &str) {
        let opens_hint = word.starts_with("/*!") && !word.ends_with("*/");
        if word == "*/" || opens_hint {
            return;
        }
        self.comments.push(token.span());
        if self.dialect == Dialect::Generic && word.starts_with("/*") && word[2..].contains("/*") {
            self.unless_all_agree(token.start, token.end, &[Dialect::Postgres]);
        }
    }

    /// A literal in quotes. Where the dialect is not known, it ends where all dialects say so.
    fn in_quotes(&mut self, token: Token, word: &str) {
        let is_escape = self.shape.last() == Some(Part::Word(Keyword::ESCAPE));
        if self.shape.last().is_some() && self.dialect == Dialect::MySql && self.is_character_set() {
            self.shape.take_back();
        }
        self.shape.literal(true);
        let sure = is_escape || word.starts_with(['e', 'E', 'q', 'Q']);
        let Some(quote) = word.find(['\'', '"']).filter(|_| self.dialect == Dialect::Generic && !sure) else { return };
        let inside = &word[quote..];
        if inside.contains('\\') || inside.starts_with("'''") || inside.starts_with("\"\"\"") {
            self.unless_all_agree(token.start + quote as u32, token.end, &[Dialect::MySql, Dialect::BigQuery]);
        }
    }

    /// Whether `_utf8` and its like stand right before.
    fn is_character_set(&self) -> bool {
        let before = self.text[..self.end].rsplit(|letter: char| !(letter.is_alphanumeric() || letter == '_')).next();
        matches!(self.shape.last(), Some(Part::Word(_))) && before.is_some_and(|word| word.starts_with('_'))
    }

    /// Ends the reading with a literal if one of `dialects` says that what starts at `start` ends
    /// elsewhere than at `end`: what is outside of literals can't be known then.
    fn unless_all_agree(&mut self, start: u32, end: u32, dialects: &[Dialect]) {
        let rest = &self.text[start as usize..];
        let ends = |dialect: &Dialect| Lexer::new(rest, *dialect).next().map(|token| start + token.end);
        if dialects.iter().any(|dialect| ends(dialect) != Some(end)) {
            self.shape.literal(false);
            self.lexer.skip_to(self.text.len());
        }
    }

    /// Where the dialect is not known, `# ` and `//` may start a comment in any place.
    fn hides_line(&self, token: Token) -> bool {
        let rest = &self.text[token.start as usize..];
        let hash = rest.strip_prefix('#').is_some_and(|rest| rest.chars().next().is_none_or(char::is_whitespace));
        self.dialect == Dialect::Generic && (hash || rest.starts_with("//"))
    }

    fn rest_of_line(&mut self, token: Token) {
        let start = token.start as usize;
        let end = self.text[start..].find('\n').map_or(self.text.len(), |found| start + found);
        self.comments.push(Span { start: token.start, end: end as u32 });
        self.lexer.skip_to(end);
    }

    /// Whether a word belongs to a number: `1_000`, `0b11`, `10L`, where the lexer knows it for a word.
    fn is_number(&self, token: Token, word: &str) -> bool {
        let touches = self.end == token.start as usize && self.shape.last() == Some(Part::Literal);
        let after_digit = self.text[..token.start as usize].ends_with(|letter: char| letter.is_ascii_digit());
        let digits = word.starts_with(|letter: char| letter.is_ascii_digit())
            && (word.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_') || word.starts_with("0b"));
        touches && after_digit && token.kind == Kind::Word(Keyword::NoKeyword)
            || digits && self.shape.last() != Some(Part::Period)
    }

    /// Whether a text in double quotes, which are for names here, is rather a value.
    fn is_value_in_quotes(&self, token: Token, word: &str) -> bool {
        let Some(inside) = word.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else { return false };
        if inside.len() > LONGEST_NAME || inside.contains(['\n', '@']) {
            return true;
        }
        let last = self.shape.last();
        let qualified = last == Some(Part::Period) || self.text[token.end as usize..].trim_start().starts_with('.');
        let names = matches!(
            last,
            Some(Part::Word(
                Keyword::FROM | Keyword::JOIN | Keyword::INTO | Keyword::UPDATE | Keyword::TABLE | Keyword::VIEW | Keyword::AS
            ))
        );
        if qualified || names {
            return false;
        }
        // SQLite takes what no column is called for a text, too.
        let unsure = matches!(self.dialect, Dialect::Generic | Dialect::Sqlite);
        let compared = matches!(
            last,
            Some(Part::Comparison | Part::Word(Keyword::LIKE | Keyword::ILIKE | Keyword::BETWEEN | Keyword::AND | Keyword::IN))
        );
        unsure || self.shape.in_list() || compared && !is_plain_name(inside)
    }

    /// The end of a parameter that starts with `token` and that the lexer does not know for one.
    fn parameter_end(&self, token: Token, word: &str) -> Option<usize> {
        let (start, end) = (token.start as usize, token.end as usize);
        let rest = self.text.get(start..)?;
        match rest.as_bytes().first()? {
            b'{' if rest.starts_with("{{") => Some(rest.find("}}").map_or(self.text.len(), |found| start + found + 2)),
            b'{' if self.dialect == Dialect::ClickHouse => typed_parameter(rest).map(|length| start + length),
            b'$' if rest.starts_with("${") => Some(rest.find('}').map_or(self.text.len(), |found| start + found + 1)),
            b':' if word == ":" && self.opens_parameter(start) => Some(end + name_length(&self.text[end..])?),
            b'%' if word == "%" && !self.follows_value() => percent_parameter(rest).map(|length| start + length),
            b'@' => self.at_parameter_end(token, word),
            _ => None,
        }
    }

    /// Whether a colon at `start` opens a parameter rather than a path, a slice or a label.
    fn opens_parameter(&self, start: usize) -> bool {
        let paths = matches!(self.dialect, Dialect::Snowflake | Dialect::Databricks | Dialect::Spark);
        let apart = self.end < start && matches!(self.shape.last(), Some(Part::Word(_))) && !paths;
        apart || !self.follows_value()
    }

    /// `@name`, where it is no table variable and nothing that is set.
    fn at_parameter_end(&self, token: Token, word: &str) -> Option<usize> {
        let end = token.end as usize;
        let target = matches!(
            self.shape.last(),
            Some(Part::Word(
                Keyword::FROM
                    | Keyword::JOIN
                    | Keyword::INTO
                    | Keyword::UPDATE
                    | Keyword::TABLE
                    | Keyword::SET
                    | Keyword::DECLARE
                    | Keyword::EXEC
                    | Keyword::EXECUTE
            ))
        );
        match self.dialect {
            Dialect::MsSql | Dialect::MySql | Dialect::Generic => {
                let named = word.len() > 1 && !word.starts_with("@@") && matches!(token.kind, Kind::Word(_));
                (named && !target && !self.follows_value()).then_some(end)
            }
            Dialect::Sqlite if word == "@" && !self.follows_value() => Some(end + name_length(&self.text[end..])?),
            _ => None,
        }
    }
}

/// The bytes of the name or number that `rest` begins with, if there is one.
fn name_length(rest: &str) -> Option<usize> {
    let length = rest.find(|letter: char| !(letter.is_alphanumeric() || letter == '_')).unwrap_or(rest.len());
    (length > 0).then_some(length)
}

/// The bytes of `%s` or `%(name)s`.
fn percent_parameter(rest: &str) -> Option<usize> {
    let (before, name) = match rest.strip_prefix("%(") {
        Some(inside) => (3 + name_length(inside)?, inside.get(name_length(inside)?..)?.strip_prefix(')')?),
        None => (1, &rest[1..]),
    };
    (name_length(name) == Some(1) && name.starts_with(['s', 'd', 'f'])).then_some(before + 1)
}

/// The bytes of ClickHouse's `{name:Type}`.
fn typed_parameter(rest: &str) -> Option<usize> {
    let name = 1 + name_length(&rest[1..])?;
    let end = rest.find('}')?;
    let typed = rest.get(name..end)?.starts_with(':');
    let plain = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '(' | ')' | ',' | ' ');
    (typed && rest[name + 1..end].chars().all(plain)).then_some(end + 1)
}

fn is_plain_name(name: &str) -> bool {
    !name.starts_with(|letter: char| letter.is_ascii_digit())
        && name.chars().all(|letter| letter.is_alphanumeric() || matches!(letter, '_' | '$' | '#'))
}
