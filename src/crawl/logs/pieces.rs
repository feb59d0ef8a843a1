//! Texts that a log holds in pieces, put together again.
//!
//! In: pieces in the order of the file, mostly those of one text together, but never surely so. Out: whole
//! texts. What is held is bounded: of many open texts the one that was added to longest ago is taken for
//! whole. Texts are held as they were sent, so nothing of this reaches the disk.

use std::collections::{BTreeMap, HashMap};

use super::digest::Piece;
use crate::{model::LogSkip, sources::query_log::LogPlace};

/// Texts that are open at once, and bytes of them.
const OPEN: usize = 20_000;
const BYTES: usize = 64 << 20;

/// A text put together.
pub(super) struct Assembled {
    /// Its first piece, with the whole text in place of its own.
    pub(super) whole: Piece,
    /// Pieces are missing: the text is read as far as it goes.
    pub(super) cut: bool,
}

/// A text of which pieces came.
struct Open {
    pieces: BTreeMap<u32, Piece>,
    bytes: usize,
    /// When the last came.
    touched: u64,
    /// Where reading stood before the first came.
    before: LogPlace,
}

/// Puts texts together.
#[derive(Default)]
pub(super) struct Pieces {
    open: HashMap<u64, Open>,
    by_touch: BTreeMap<u64, u64>,
    clock: u64,
    bytes: usize,
}

impl Pieces {
    /// Takes the pieces of a block, before which reading stood at `before`; texts that are whole come back.
    pub(super) fn take(&mut self, pieces: Vec<Piece>, before: LogPlace) -> Vec<Result<Assembled, (u64, LogSkip)>> {
        let mut done = Vec::new();
        for piece in pieces {
            self.clock += 1;
            let clock = self.clock;
            let key = piece.key;
            let open = self.open.entry(key).or_insert_with(|| Open { pieces: BTreeMap::new(), bytes: 0, touched: 0, before });
            self.by_touch.remove(&open.touched);
            open.touched = clock;
            self.by_touch.insert(clock, key);
            open.bytes += piece.text.len();
            self.bytes += piece.text.len();
            open.pieces.entry(piece.sequence).or_insert(piece);
            while self.open.len() > OPEN || self.bytes > BYTES {
                let Some((_, oldest)) = self.by_touch.pop_first() else { break };
                done.extend(self.close(oldest));
            }
        }
        done
    }

    /// Everything that is open, in the order in which it was added to last.
    pub(super) fn end(&mut self) -> Vec<Result<Assembled, (u64, LogSkip)>> {
        let keys: Vec<u64> = std::mem::take(&mut self.by_touch).into_values().collect();
        keys.into_iter().filter_map(|key| self.close(key)).collect()
    }

    /// Where reading must begin again to see every piece of what is open.
    pub(super) fn safe_place(&self) -> Option<LogPlace> {
        self.open.values().map(|open| open.before).min_by_key(|place| place.offset)
    }

    fn close(&mut self, key: u64) -> Option<Result<Assembled, (u64, LogSkip)>> {
        let Open { pieces, bytes, .. } = self.open.remove(&key)?;
        self.bytes -= bytes;
        let (first, last) = (*pieces.first_key_value()?.0, *pieces.last_key_value()?.0);
        let mut pieces = pieces.into_values();
        let mut whole = pieces.next()?;
        if first != 0 {
            return Some(Err((whole.line, LogSkip::Truncated)));
        }
        let (mut text, mut next) = (std::mem::take(&mut whole.text), 1);
        for piece in pieces.take_while(|piece| {
            next += 1;
            piece.sequence + 1 == next
        }) {
            // Blanks at the end of a piece may be gone; those of the last one are of no use.
            let missing = (whole.width * piece.sequence as usize).saturating_sub(text.len());
            text.extend(std::iter::repeat_n(' ', missing.min(whole.width)));
            text.push_str(&piece.text);
        }
        let cut = text.len() < whole.width * last as usize;
        whole.text = unescape(text.trim());
        Some(Ok(Assembled { whole, cut }))
    }
}

/// The tables hold `\n` for a new line.
fn unescape(text: &str) -> String {
    if memchr::memchr(b'\\', text.as_bytes()).is_none() {
        return text.to_owned();
    }
    text.replace("\\n", "\n").replace("\\r", "\r").replace("\\t", "\t")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pieces_of(key: u64, text: &str, width: usize, trimmed: bool) -> Vec<Piece> {
        let chunks = text.as_bytes().chunks(width);
        let text = |chunk: &[u8]| {
            let chunk = String::from_utf8(chunk.to_vec()).unwrap();
            if trimmed { chunk.trim_end().to_owned() } else { format!("{chunk:width$}") }
        };
        let piece =
            |(at, chunk): (usize, &[u8])| Piece { key, sequence: at as u32, width, text: text(chunk), ..Piece::default() };
        chunks.enumerate().map(piece).collect()
    }

    proptest! {
        #[test]
        fn pieces_in_any_order_are_the_text(
            texts in prop::collection::vec("[a-z ]{0,60}[a-z]", 1..8), trimmed in any::<bool>(), seed in any::<u64>(),
        ) {
            let mut pieces: Vec<Piece> =
                (0u64..).zip(&texts).flat_map(|(key, text)| pieces_of(key, text, 7, trimmed)).collect();
            pieces.sort_by_key(|piece| (piece.key ^ seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ u64::from(piece.sequence) << 17);
            let mut assembler = Pieces::default();
            let middle = pieces.len() / 2;
            let rest = pieces.split_off(middle);
            let mut done = assembler.take(pieces, LogPlace::default());
            done.extend(assembler.take(rest, LogPlace { offset: 9, ..LogPlace::default() }));
            done.extend(assembler.end());
            let mut found: Vec<(u64, String, bool)> = done
                .into_iter()
                .map(|whole| whole.map(|it| (it.whole.key, it.whole.text, it.cut)).unwrap())
                .collect();
            found.sort();
            let expected: Vec<_> = (0u64..).zip(&texts).map(|(key, text)| (key, text.trim().to_owned(), false)).collect();
            prop_assert_eq!(found, expected);
            prop_assert!(assembler.safe_place().is_none());
        }
    }

    #[test]
    fn a_gap_cuts_a_text_and_a_missing_start_leaves_it_out() {
        let mut assembler = Pieces::default();
        let mut first = pieces_of(1, "select a, b from t where x", 7, false);
        first.remove(2);
        let mut second = pieces_of(2, "select a from t", 7, false);
        second.remove(0);
        let done = assembler.take(first.into_iter().chain(second).collect(), LogPlace::default());
        assert!(done.is_empty());
        assert!(assembler.safe_place().is_some());
        let done: Vec<_> = assembler.end().into_iter().map(|it| it.map(|it| (it.whole.text, it.cut))).collect();
        assert_eq!(done, [Ok(("select a, b fr".to_owned(), true)), Err((0, LogSkip::Truncated))]);
    }
}
