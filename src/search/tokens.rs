//! Names and words cut into what they are found by.

use tantivy::tokenizer::{Language, RawTokenizer, Stemmer, TextAnalyzer, TokenStream};

/// Letters of a piece that count.
const LONGEST_PIECE: usize = 64;

/// A piece of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// Lower case.
    pub(super) text: String,
    /// Bytes of the name.
    pub(super) range: (usize, usize),
    /// Its place among the pieces; a word and the first of its parts share one.
    pub(super) position: usize,
    /// Whether it is a part of a word that is a piece as well.
    pub(super) is_part: bool,
}

/// The pieces of a name: words between `_`, `.`, `-` and the like, and the parts of words where
/// lower case turns upper or letters turn digits (`mainV4` → `mainv4`, `main`, `v`, `4`).
pub(super) fn cut_name(name: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut position = 0;
    for (start, end) in find_words(name) {
        let word = &name[start..end];
        pieces.push(Piece { text: fold(word), range: (start, end), position, is_part: false });
        let parts = cut_word(word);
        if parts.len() > 1 {
            for (at, (from, to)) in parts.iter().enumerate() {
                let range = (start + from, start + to);
                pieces.push(Piece { text: fold(&word[*from..*to]), range, position: position + at, is_part: true });
            }
        }
        position += parts.len();
    }
    pieces
}

/// The words of a text, lower case, with their bytes.
pub(super) fn cut_words(text: &str) -> Vec<Piece> {
    find_words(text)
        .enumerate()
        .map(|(position, range)| Piece { text: fold(&text[range.0..range.1]), range, position, is_part: false })
        .collect()
}

/// Lower case, at most [`LONGEST_PIECE`] letters.
pub(super) fn fold(word: &str) -> String {
    word.chars().flat_map(char::to_lowercase).take(LONGEST_PIECE).collect()
}

/// The key by which a whole name is found: lower case, blanks as one space.
pub(super) fn fold_name(name: &str) -> String {
    let joined: Vec<&str> = name.split_whitespace().collect();
    shorten(&joined.join(" ").to_lowercase())
}

/// A name short enough for a term of the index.
pub(super) fn shorten(name: &str) -> String {
    name.chars().take(2_000).collect()
}

/// A name without anything but letters and digits, lower case.
pub(super) fn join_name(name: &str) -> String {
    name.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).take(LONGEST_PIECE).collect()
}

fn find_words(text: &str) -> impl Iterator<Item = (usize, usize)> + '_ {
    let mut letters = text.char_indices().peekable();
    std::iter::from_fn(move || {
        let (start, first) = letters.find(|(_, letter)| letter.is_alphanumeric())?;
        let mut end = start + first.len_utf8();
        while let Some((at, letter)) = letters.next_if(|(_, letter)| letter.is_alphanumeric()) {
            end = at + letter.len_utf8();
        }
        Some((start, end))
    })
}

/// The parts of one word, bytes of it.
fn cut_word(word: &str) -> Vec<(usize, usize)> {
    let letters: Vec<(usize, char)> = word.char_indices().collect();
    let mut parts = Vec::new();
    let mut start = 0;
    for at in 1..letters.len() {
        let (before, here) = (letters[at - 1].1, letters[at].1);
        let after = letters.get(at + 1).map(|letter| letter.1);
        let turns_upper = here.is_uppercase() && (before.is_lowercase() || after.is_some_and(char::is_lowercase));
        if turns_upper && before.is_alphabetic() || before.is_numeric() != here.is_numeric() {
            parts.push((start, letters[at].0));
            start = letters[at].0;
        }
    }
    parts.push((start, word.len()));
    parts
}

/// Brings English words to their stem.
#[derive(Clone)]
pub(super) struct WordStemmer(TextAnalyzer);

impl WordStemmer {
    /// A stemmer.
    pub(super) fn new() -> Self {
        WordStemmer(TextAnalyzer::builder(RawTokenizer::default()).filter(Stemmer::new(Language::English)).build())
    }

    /// The stem of a lower-case word.
    pub(super) fn stem(&mut self, word: &str) -> String {
        let mut stream = self.0.token_stream(word);
        if stream.advance() { stream.token().text.clone() } else { word.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(name: &str) -> Vec<String> {
        cut_name(name).into_iter().map(|piece| format!("{}@{}", piece.text, piece.position)).collect()
    }

    #[test]
    fn names_are_cut_at_signs_case_and_digits() {
        assert_eq!(texts("a.clients_daily"), ["a@0", "clients@1", "daily@2"]);
        assert_eq!(texts("mainV4"), ["mainv4@0", "main@0", "v@1", "4@2"]);
        assert_eq!(texts("HTTPServer-log"), ["httpserver@0", "http@0", "server@1", "log@2"]);
        assert_eq!(texts("Überblick été"), ["überblick@0", "été@1"]);
        assert!(texts("…-_.").is_empty());
    }

    #[test]
    fn ranges_are_bytes_of_the_name() {
        let name = "été.ActiveUsers";
        for piece in cut_name(name) {
            assert_eq!(fold(&name[piece.range.0..piece.range.1]), piece.text);
        }
    }

    #[test]
    fn stems_join_singular_and_plural() {
        let mut stemmer = WordStemmer::new();
        assert_eq!(stemmer.stem("users"), stemmer.stem("user"));
        assert_eq!(stemmer.stem("cancellations"), stemmer.stem("cancellation"));
    }
}
