//! Layers with stand-ins for long links, and their order with few crossings.

use std::collections::BTreeMap;

use super::Link;

/// Sweeps over all layers.
const SWEEPS: usize = 16;
/// Pieces beyond which fewer sweeps are made, so that the time stays bounded.
const MANY_PIECES: usize = 12_000;

/// Something in a layer: a node of the view, or a stand-in where a long link passes through.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Item {
    /// The layer.
    pub(super) layer: usize,
    /// Its height; 0 for a stand-in.
    pub(super) height: f32,
    /// Whether it stands for a node.
    pub(super) is_node: bool,
}

/// A link's piece between two layers next to each other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Piece {
    /// The item on the left, and the height inside it.
    pub(super) left: (usize, f32),
    /// The item on the right, and the height inside it.
    pub(super) right: (usize, f32),
}

/// Items in layers. Items up to the number of nodes are the nodes, further ones are stand-ins.
#[derive(Debug)]
pub(super) struct Layers {
    pub(super) items: Vec<Item>,
    pub(super) rows: Vec<Vec<usize>>,
    pub(super) pieces: Vec<Piece>,
    /// The stand-ins between two nodes, left to right.
    pub(super) ways: BTreeMap<(usize, usize), Vec<usize>>,
    left_pieces: Vec<Vec<usize>>,
    right_pieces: Vec<Vec<usize>>,
}

impl Layers {
    /// Puts nodes and stand-ins into layers. Links between the same far nodes share their stand-ins.
    pub(super) fn build(ranked: &[usize], links: &[Link], sizes: &[(f32, f32)]) -> Layers {
        let mut items: Vec<Item> =
            ranked.iter().zip(sizes).map(|(layer, (_, height))| Item { layer: *layer, height: *height, is_node: true }).collect();
        let mut ways: BTreeMap<(usize, usize), Vec<usize>> = BTreeMap::new();
        let mut pieces = Vec::new();
        for link in links {
            let (first, last) = (ranked[link.left], ranked[link.right]);
            let is_new = !ways.contains_key(&(link.left, link.right));
            let way = ways.entry((link.left, link.right)).or_insert_with(|| {
                let start = items.len();
                items.extend((first + 1..last).map(|layer| Item { layer, height: 0.0, is_node: false }));
                (start..items.len()).collect()
            });
            let mut at = (link.left, link.leaves);
            for (hop, stand_in) in way.iter().enumerate() {
                if is_new || hop == 0 {
                    pieces.push(Piece { left: at, right: (*stand_in, 0.0) });
                }
                at = (*stand_in, 0.0);
            }
            pieces.push(Piece { left: at, right: (link.right, link.enters) });
        }
        let count = ranked.iter().copied().max().map_or(0, |last| last + 1);
        let mut rows = vec![Vec::new(); count];
        for (at, item) in items.iter().enumerate() {
            rows[item.layer].push(at);
        }
        let mut left_pieces = vec![Vec::new(); items.len()];
        let mut right_pieces = vec![Vec::new(); items.len()];
        for (at, piece) in pieces.iter().enumerate() {
            right_pieces[piece.left.0].push(at);
            left_pieces[piece.right.0].push(at);
        }
        Layers { items, rows, pieces, ways, left_pieces, right_pieces }
    }

    /// Pieces that reach an item from the left.
    pub(super) fn pieces_left_of(&self, item: usize) -> impl Iterator<Item = &Piece> {
        self.left_pieces[item].iter().filter_map(|at| self.pieces.get(*at))
    }

    /// Pieces that leave an item to the right.
    pub(super) fn pieces_right_of(&self, item: usize) -> impl Iterator<Item = &Piece> {
        self.right_pieces[item].iter().filter_map(|at| self.pieces.get(*at))
    }

    /// Orders every layer so that few pieces cross; the best order seen is kept.
    pub(super) fn untangle(&mut self) {
        let sweeps = if self.pieces.len() > MANY_PIECES { SWEEPS / 4 } else { SWEEPS };
        let mut best = (self.count_crossings(), self.rows.clone());
        for sweep in 0..sweeps {
            if best.0 == 0 {
                break;
            }
            self.sweep(sweep);
            let crossings = self.count_crossings();
            if crossings < best.0 {
                best = (crossings, self.rows.clone());
            }
        }
        self.rows = best.1;
    }

    fn sweep(&mut self, sweep: usize) {
        let rightward = sweep.is_multiple_of(2);
        let count = self.rows.len();
        let mut places = self.places();
        for step in 1..count {
            let layer = if rightward { step } else { count - 1 - step };
            let mut row = std::mem::take(&mut self.rows[layer]);
            let mut keyed: Vec<(f32, usize, usize)> = row
                .iter()
                .enumerate()
                .map(|(at, item)| (self.wanted_place(*item, rightward, &places).unwrap_or(at as f32), at, *item))
                .collect();
            // Turning ties round every other pair of sweeps lets the order leave a local best.
            let turned = sweep % 4 >= 2;
            keyed.sort_by(|a, b| a.0.total_cmp(&b.0).then(if turned { b.1.cmp(&a.1) } else { a.1.cmp(&b.1) }));
            row.clear();
            row.extend(keyed.iter().map(|key| key.2));
            for (at, item) in row.iter().enumerate() {
                places[*item] = at as f32;
            }
            self.rows[layer] = row;
        }
    }

    /// The mean of the places that an item's pieces come from, ports counted as parts of a place.
    fn wanted_place(&self, item: usize, rightward: bool, places: &[f32]) -> Option<f32> {
        let end = |(other, inside): (usize, f32)| {
            let height = self.items[other].height;
            places[other] + if height > 0.0 { inside / height } else { 0.5 }
        };
        let (mut sum, mut count) = (0.0, 0.0);
        if rightward {
            for piece in self.pieces_left_of(item) {
                (sum, count) = (sum + end(piece.left), count + 1.0);
            }
        } else {
            for piece in self.pieces_right_of(item) {
                (sum, count) = (sum + end(piece.right), count + 1.0);
            }
        }
        (count > 0.0).then(|| sum / count)
    }

    fn places(&self) -> Vec<f32> {
        let mut places = vec![0.0; self.items.len()];
        for row in &self.rows {
            for (at, item) in row.iter().enumerate() {
                places[*item] = at as f32;
            }
        }
        places
    }

    /// How many pairs of pieces cross, ports counted.
    pub(super) fn count_crossings(&self) -> u64 {
        let places = self.places();
        let mut by_layer: Vec<Vec<(f32, f32, f32, f32)>> = vec![Vec::new(); self.rows.len()];
        for piece in &self.pieces {
            let layer = self.items[piece.left.0].layer;
            by_layer[layer].push((places[piece.left.0], piece.left.1, places[piece.right.0], piece.right.1));
        }
        by_layer.into_iter().map(count_inversions).sum()
    }
}

/// Pairs whose order on the left (place, port) is strictly against their order on the right.
fn count_inversions(mut ends: Vec<(f32, f32, f32, f32)>) -> u64 {
    let by_right = |a: &(f32, f32, f32, f32), b: &(f32, f32, f32, f32)| a.2.total_cmp(&b.2).then(a.3.total_cmp(&b.3));
    ends.sort_unstable_by(by_right);
    let mut rank = 0;
    let mut ranked: Vec<((f32, f32), usize)> = Vec::with_capacity(ends.len());
    for at in 0..ends.len() {
        if at > 0 && by_right(&ends[at - 1], &ends[at]).is_ne() {
            rank += 1;
        }
        ranked.push(((ends[at].0, ends[at].1), rank));
    }
    ranked.sort_by(|a, b| a.0.0.total_cmp(&b.0.0).then(a.0.1.total_cmp(&b.0.1)).then(a.1.cmp(&b.1)));
    let mut tree = vec![0u64; rank + 2];
    let mut inversions = 0;
    for (seen, (_, rank)) in ranked.iter().enumerate() {
        let mut at = rank + 1;
        let mut not_after = 0;
        while at > 0 {
            not_after += tree[at];
            at &= at - 1;
        }
        inversions += seen as u64 - not_after;
        let mut at = rank + 1;
        while at < tree.len() {
            tree[at] += 1;
            at += at & at.wrapping_neg();
        }
    }
    inversions
}
