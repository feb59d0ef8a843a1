//! Two texts side by side, with what differs marked.

use serde::Serialize;
use similar::{ChangeTag, TextDiff};

/// Longest text that is marked word by word, in bytes.
const LONGEST: usize = 40_000;

/// A piece of a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Piece {
    /// The text.
    pub text: String,
    /// Whether the other text has it not.
    pub differs: bool,
}

/// Both texts in pieces, word by word; too long ones in one piece each.
pub fn mark_difference(left: &str, right: &str) -> (Vec<Piece>, Vec<Piece>) {
    if left.len() > LONGEST || right.len() > LONGEST {
        let whole = |text: &str| vec![Piece { text: text.to_owned(), differs: false }];
        return (whole(left), whole(right));
    }
    let (left_words, right_words) = (words(left), words(right));
    let difference = TextDiff::from_slices(&left_words, &right_words);
    let (mut one, mut other) = (Vec::new(), Vec::new());
    for change in difference.iter_all_changes() {
        match change.tag() {
            ChangeTag::Equal => {
                add(&mut one, change.value(), false);
                add(&mut other, change.value(), false);
            }
            ChangeTag::Delete => add(&mut one, change.value(), true),
            ChangeTag::Insert => add(&mut other, change.value(), true),
        }
    }
    (one, other)
}

fn add(pieces: &mut Vec<Piece>, text: &str, differs: bool) {
    // Blanks and commas alone are no difference worth marking.
    let differs = differs && text.chars().any(|letter| !letter.is_whitespace() && letter != ',');
    match pieces.last_mut() {
        Some(last) if last.differs == differs => last.text.push_str(text),
        _ => pieces.push(Piece { text: text.to_owned(), differs }),
    }
}

/// Words, runs of blanks, and every other letter by itself.
fn words(text: &str) -> Vec<&str> {
    let kind = |letter: char| match letter {
        _ if letter.is_alphanumeric() || matches!(letter, '_' | '.' | '@') => 0,
        ' ' | '\t' => 1,
        _ => 2,
    };
    let mut words = Vec::new();
    let mut start = 0;
    let mut before: Option<i32> = None;
    for (at, letter) in text.char_indices() {
        let own = kind(letter);
        if before.is_some_and(|before| before != own || own == 2) {
            words.push(&text[start..at]);
            start = at;
        }
        before = Some(own);
    }
    if start < text.len() {
        words.push(&text[start..]);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::mark_difference;

    #[test]
    fn only_what_differs_is_marked() {
        let (left, right) = mark_difference("sum(a)\nwhere plan = 'paid'", "sum(b)\nwhere plan = 'paid' and x");
        let marked = |pieces: &[super::Piece]| {
            pieces.iter().filter(|piece| piece.differs).map(|piece| piece.text.clone()).collect::<Vec<_>>()
        };
        assert_eq!(
            (marked(&left), marked(&right)),
            (vec!["a".to_owned()], vec!["b".to_owned(), "and".to_owned(), "x".to_owned()])
        );
        let whole: String = right.iter().map(|piece| piece.text.as_str()).collect();
        assert_eq!(whole, "sum(b)\nwhere plan = 'paid' and x");
    }
}
