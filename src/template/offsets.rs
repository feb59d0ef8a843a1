//! From bytes of a rendering back to bytes of the file.

use crate::model::Span;

/// Where each byte of a rendering comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OffsetMap {
    /// Sorted by `rendered`; a piece reaches to the next one.
    pieces: Vec<Piece>,
}

/// A run of rendered bytes that come from one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// Its first byte in the rendering.
    pub(super) rendered: u32,
    /// Where it comes from, in bytes of the file.
    pub(super) source: Span,
    /// Whether it stands in the file byte by byte.
    pub(super) literal: bool,
}

impl OffsetMap {
    /// The map of a text that was left as it is.
    pub fn identity(len: usize) -> OffsetMap {
        OffsetMap { pieces: vec![Piece { rendered: 0, source: Span::new(0, len), literal: true }] }
    }

    pub(super) fn new(pieces: Vec<Piece>) -> OffsetMap {
        OffsetMap { pieces }
    }

    /// The byte of the file that the rendered byte `offset` comes from: exact for literal text, the
    /// start of the `{{ … }}` for a value put in.
    pub fn source_offset(&self, offset: u32) -> u32 {
        match self.piece_at(offset) {
            Some(piece) if piece.literal => (piece.source.start + (offset - piece.rendered)).min(piece.source.end),
            Some(piece) => piece.source.start,
            None => 0,
        }
    }

    /// The bytes of the file that the rendered `span` comes from; a value put in counts as a whole.
    pub fn source_span(&self, span: Span) -> Span {
        if span.is_empty() {
            let at = self.source_offset(span.start);
            return Span { start: at, end: at };
        }
        let last = span.end - 1;
        let end = match self.piece_at(last) {
            Some(piece) if piece.literal => self.source_offset(last) + 1,
            Some(piece) => piece.source.end,
            None => 0,
        };
        let start = self.source_offset(span.start);
        if end > start { Span { start, end } } else { self.piece_at(last).map_or(span, |piece| piece.source) }
    }

    fn piece_at(&self, offset: u32) -> Option<&Piece> {
        let after = self.pieces.partition_point(|piece| piece.rendered <= offset);
        self.pieces.get(after.checked_sub(1)?)
    }
}

impl OffsetMap {
    /// The map after `length` bytes, which come from `source`, were put in at byte `at` of the rendering.
    pub(super) fn insert(&self, at: u32, length: u32, source: Span) -> OffsetMap {
        let mut pieces = Vec::with_capacity(self.pieces.len() + 2);
        let shift = |piece: &Piece| Piece { rendered: piece.rendered + length, ..*piece };
        let before = self.pieces.partition_point(|piece| piece.rendered < at);
        pieces.extend(self.pieces.iter().take(before));
        pieces.push(Piece { rendered: at, source, literal: false });
        // The piece that is cut in two goes on behind.
        if let Some(cut) = before.checked_sub(1).and_then(|last| self.pieces.get(last))
            && self.pieces.get(before).is_none_or(|next| next.rendered > at)
        {
            let moved = if cut.literal { (cut.source.start + (at - cut.rendered)).min(cut.source.end) } else { cut.source.start };
            let source = Span { start: moved, end: cut.source.end };
            pieces.push(Piece { rendered: at + length, source, literal: cut.literal });
        }
        pieces.extend(self.pieces.iter().skip(before).map(shift));
        OffsetMap { pieces }
    }

    /// Every piece as numbers: equal maps have equal ones.
    pub fn parts(&self) -> impl Iterator<Item = (u32, u32, u32, bool)> {
        self.pieces.iter().map(|piece| (piece.rendered, piece.source.start, piece.source.end, piece.literal))
    }
}
