//! Our tokens as sqlparser's, each with its bytes for a location.
//!
//! Comments and whitespace are left out, which the parser would only skip again and again.

use sqlparser::{
    ast::DollarQuotedString,
    keywords::Keyword,
    tokenizer::{Token, TokenWithSpan, Whitespace, Word},
};

use super::{
    lexer::{self, Kind},
    spans::located,
};
use crate::model::Dialect;

/// The parser's tokens for `tokens` of `text`.
pub(crate) fn convert(text: &str, tokens: &[lexer::Token], dialect: Dialect) -> Vec<TokenWithSpan> {
    let mut converter =
        Converter { text, dialect, out: Vec::with_capacity(tokens.len() + 8), angles: 0, stage: false, last: None };
    for (at, token) in tokens.iter().enumerate() {
        converter.add(*token, tokens.get(at + 1));
    }
    converter.out
}

/// The text inside a string literal or quoted identifier, unescaped.
pub(crate) fn content(literal: &str, dialect: Dialect) -> String {
    let Some(open) = literal.find(['\'', '"', '`', '[']) else { return literal.to_owned() };
    let quote = literal.as_bytes()[open];
    let prefix = literal[..open].to_ascii_lowercase();
    let close = if quote == b'[' { b']' } else { quote };
    let bytes = literal.as_bytes();
    let mark =
        if literal.len() >= open + 6 && bytes[open + 1] == quote && bytes[open + 2] == quote && triple(dialect) { 3 } else { 1 };
    let inner = literal.get(open + mark..literal.len().saturating_sub(mark)).unwrap_or("");
    let escapes = matches!(quote, b'\'' | b'"') && !prefix.contains('r') && (backslash(dialect) || prefix == "e");
    if !inner.contains([close as char, '\\']) {
        return inner.to_owned();
    }
    unescape(inner, close as char, escapes)
}

fn unescape(inner: &str, close: char, escapes: bool) -> String {
    let mut out = String::with_capacity(inner.len());
    let mut letters = inner.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter == '\\' && escapes {
            match letters.next() {
                Some('n') => out.push('\n'),
                Some('t') => out.push('\t'),
                Some('r') => out.push('\r'),
                Some(other @ ('%' | '_')) => out.extend(['\\', other]),
                Some(other) => out.push(other),
                None => {}
            }
        } else {
            out.push(letter);
            if letter == close && letters.peek() == Some(&close) {
                letters.next();
            }
        }
    }
    out
}

fn triple(dialect: Dialect) -> bool {
    dialect == Dialect::BigQuery
}

fn backslash(dialect: Dialect) -> bool {
    use Dialect as D;
    matches!(dialect, D::BigQuery | D::MySql | D::Snowflake | D::ClickHouse | D::Redshift | D::Hive | D::Spark | D::Databricks)
}

struct Converter<'t> {
    text: &'t str,
    dialect: Dialect,
    out: Vec<TokenWithSpan>,
    /// How many `<` of types are open.
    angles: u32,
    /// Inside a Snowflake stage's path, where a blank ends the name.
    stage: bool,
    last: Option<lexer::Token>,
}

impl Converter<'_> {
    fn add(&mut self, token: lexer::Token, next: Option<&lexer::Token>) {
        if token.kind == Kind::Comment {
            return;
        }
        self.mark_gap(token);
        let word = token.of(self.text);
        let converted = match token.kind {
            Kind::Word(keyword) => {
                let keyword = if self.is_part(token, next) { Keyword::NoKeyword } else { keyword };
                Token::Word(Word { value: word.to_owned(), quote_style: None, keyword })
            }
            Kind::Quoted => self.quoted(word),
            Kind::Text => self.string(word),
            Kind::Dollar => dollar(word),
            Kind::Number => number(word),
            Kind::Parameter => Token::Placeholder(word.to_owned()),
            Kind::Comma => Token::Comma,
            Kind::LeftParen => Token::LParen,
            Kind::RightParen => Token::RParen,
            Kind::Semicolon => Token::SemiColon,
            Kind::Period => Token::Period,
            Kind::Operator => return self.operator(token, word),
            Kind::Open => Token::Char(word.chars().next().unwrap_or('?')),
            Kind::Comment => return,
        };
        self.push(converted, token);
    }

    /// Whether a period touches the word, so that it is part of a name and no keyword.
    fn is_part(&self, token: lexer::Token, next: Option<&lexer::Token>) -> bool {
        self.last.is_some_and(|last| last.kind == Kind::Period && last.end == token.start)
            // `CASE … END.*` is no name.
            || (token.keyword() != Keyword::END
                && next.is_some_and(|next| next.kind == Kind::Period && next.start == token.end))
    }

    fn push(&mut self, converted: Token, token: lexer::Token) {
        self.out.push(TokenWithSpan::new(converted, located(token.start as usize, token.end as usize)));
        self.last = Some(token);
    }

    /// The two places where the parser wants to see whitespace.
    fn mark_gap(&mut self, token: lexer::Token) {
        let Some(last) = self.last else { return };
        if self.stage && token.start > last.end {
            self.stage = false;
            self.out
                .push(TokenWithSpan::new(Token::Whitespace(Whitespace::Space), located(last.end as usize, token.start as usize)));
        } else if token.kind == Kind::Text
            && last.kind == Kind::Text
            && self.text.get(last.end as usize..token.start as usize).is_some_and(|gap| gap.contains('\n'))
        {
            self.out.push(TokenWithSpan::new(
                Token::Whitespace(Whitespace::Newline),
                located(last.end as usize, token.start as usize),
            ));
        }
    }

    fn quoted(&self, word: &str) -> Token {
        let quote = word.chars().next().unwrap_or('"');
        Token::Word(Word { value: content(word, self.dialect), quote_style: Some(quote), keyword: Keyword::NoKeyword })
    }

    fn string(&self, word: &str) -> Token {
        let value = content(word, self.dialect);
        let first = word.as_bytes().first().copied().unwrap_or(b'\'');
        match first {
            b'"' => Token::DoubleQuotedString(value),
            b'b' | b'B' => Token::SingleQuotedByteStringLiteral(value),
            b'r' | b'R' => Token::SingleQuotedRawStringLiteral(value),
            b'x' | b'X' => Token::HexStringLiteral(value),
            b'n' | b'N' => Token::NationalStringLiteral(value),
            b'e' | b'E' => Token::EscapedStringLiteral(value),
            b'u' | b'U' => Token::UnicodeStringLiteral(value),
            _ => Token::SingleQuotedString(value),
        }
    }

    fn operator(&mut self, token: lexer::Token, word: &str) {
        match word {
            "<" if self.opens_type() => self.angles += 1,
            ">" if self.angles > 0 => self.angles -= 1,
            ">>" if self.angles > 1 => {
                self.angles -= 2;
                self.push(Token::Gt, lexer::Token { end: token.start + 1, ..token });
                return self.push(Token::Gt, lexer::Token { start: token.start + 1, ..token });
            }
            ">>" if self.angles == 1 => self.angles = 0,
            "@" if self.dialect == Dialect::Snowflake => self.stage = true,
            _ => {}
        }
        let converted = self.symbol(word);
        self.push(converted, token);
    }

    fn opens_type(&self) -> bool {
        let Some(last) = self.last else { return false };
        ["STRUCT", "ARRAY", "MAP", "TABLE", "RANGE"].iter().any(|name| last.is_word(self.text, name))
    }

    fn symbol(&self, word: &str) -> Token {
        match word {
            "=" => Token::Eq,
            "<" => Token::Lt,
            ">" => Token::Gt,
            "<=" => Token::LtEq,
            ">=" => Token::GtEq,
            "<>" | "!=" => Token::Neq,
            "==" => Token::DoubleEq,
            "<=>" => Token::Spaceship,
            "+" => Token::Plus,
            "-" => Token::Minus,
            "*" => Token::Mul,
            "/" => Token::Div,
            "//" => Token::DuckIntDiv,
            "%" => Token::Mod,
            "||" => Token::StringConcat,
            ":" => Token::Colon,
            "::" => Token::DoubleColon,
            ":=" => Token::Assignment,
            "[" => Token::LBracket,
            "]" => Token::RBracket,
            "{" => Token::LBrace,
            "}" => Token::RBrace,
            "=>" => Token::RArrow,
            "->" => Token::Arrow,
            "->>" => Token::LongArrow,
            "|>" => Token::VerticalBarRightAngleBracket,
            "<<" => Token::ShiftLeft,
            ">>" => Token::ShiftRight,
            "&" => Token::Ampersand,
            "&&" => Token::Overlap,
            "|" => Token::Pipe,
            "^" => Token::Caret,
            "?" if self.dialect == Dialect::Postgres => Token::Question,
            "?" => Token::Placeholder("?".to_owned()),
            other => rare_symbol(other),
        }
    }
}

fn rare_symbol(word: &str) -> Token {
    match word {
        "#" => Token::Sharp,
        "~" => Token::Tilde,
        "~*" => Token::TildeAsterisk,
        "!~" => Token::ExclamationMarkTilde,
        "!~*" => Token::ExclamationMarkTildeAsterisk,
        "~~" => Token::DoubleTilde,
        "~~*" => Token::DoubleTildeAsterisk,
        "!~~" => Token::ExclamationMarkDoubleTilde,
        "!~~*" => Token::ExclamationMarkDoubleTildeAsterisk,
        "!" => Token::ExclamationMark,
        "@" => Token::AtSign,
        "|/" => Token::PGSquareRoot,
        "||/" => Token::PGCubeRoot,
        "#>" => Token::HashArrow,
        "#>>" => Token::HashLongArrow,
        "#-" => Token::HashMinus,
        "@>" => Token::AtArrow,
        "<@" => Token::ArrowAt,
        "@?" => Token::AtQuestion,
        "@@" => Token::AtAt,
        "?|" => Token::QuestionPipe,
        "?&" => Token::QuestionAnd,
        "<->" => Token::TwoWayArrow,
        "\\" => Token::Backslash,
        other if other.len() > 1 => Token::CustomBinaryOperator(other.to_owned()),
        other => Token::Char(other.chars().next().unwrap_or('?')),
    }
}

fn number(word: &str) -> Token {
    if let Some(hexadecimal) = word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")) {
        return Token::HexStringLiteral(hexadecimal.to_owned());
    }
    match word.strip_suffix('L') {
        Some(digits) => Token::Number(digits.to_owned(), true),
        None => Token::Number(word.to_owned(), false),
    }
}

fn dollar(word: &str) -> Token {
    let tag_end = word.get(1..).and_then(|rest| rest.find('$')).map_or(word.len(), |found| found + 2);
    let tag = word.get(1..tag_end.saturating_sub(1)).unwrap_or("");
    let value = word.get(tag_end..word.len().saturating_sub(tag_end)).unwrap_or("");
    Token::DollarQuotedString(DollarQuotedString { value: value.to_owned(), tag: (!tag.is_empty()).then(|| tag.to_owned()) })
}
