//! Heights: every item as near as can be to what it is linked with, in its layer's order.

use super::{LayoutOptions, order::Layers};

/// Rounds of moving towards the neighbours.
const ROUNDS: usize = 12;
/// How much straighter links through stand-ins are wanted than others.
const STRAIGHTNESS: f32 = 4.0;

/// The top of each item (for a stand-in: its height), the smallest being 0.
pub(super) fn place_nodes(layers: &Layers, options: &LayoutOptions) -> Vec<f32> {
    let mut tops = vec![0.0f32; layers.items.len()];
    for row in &layers.rows {
        let mut top = 0.0;
        for (at, item) in row.iter().enumerate() {
            if at > 0 {
                top += gap(layers, row[at - 1], *item, options);
            }
            tops[*item] = top;
            top += layers.items[*item].height;
        }
    }
    let count = layers.rows.len();
    for round in 0..ROUNDS {
        for step in 0..count {
            let layer = if round % 2 == 0 { step } else { count - 1 - step };
            let both = round + 2 >= ROUNDS || round < 2;
            place_row(layers, &layers.rows[layer], if both { Sides::Both } else { Sides::one(round) }, options, &mut tops);
        }
    }
    let highest = tops.iter().copied().fold(f32::INFINITY, f32::min);
    for top in &mut tops {
        *top = (*top - highest).round();
    }
    separate(layers, options, &mut tops);
    tops
}

#[derive(Clone, Copy, PartialEq)]
enum Sides {
    Left,
    Right,
    Both,
}

impl Sides {
    fn one(round: usize) -> Self {
        if round.is_multiple_of(2) { Sides::Left } else { Sides::Right }
    }
}

/// Least squares under the least distances of a row: pooling of neighbours that want to overlap.
fn place_row(layers: &Layers, row: &[usize], sides: Sides, options: &LayoutOptions, tops: &mut [f32]) {
    struct Pool {
        sum: f32,
        weight: f32,
        count: usize,
    }
    let mut offsets = Vec::with_capacity(row.len());
    let mut offset = 0.0;
    let mut pools: Vec<Pool> = Vec::with_capacity(row.len());
    for (at, item) in row.iter().enumerate() {
        if at > 0 {
            offset += layers.items[row[at - 1]].height + gap(layers, row[at - 1], *item, options);
        }
        offsets.push(offset);
        let (wanted, weight) = wanted_top(layers, *item, sides, tops);
        let mut pool = Pool { sum: (wanted - offset) * weight, weight, count: 1 };
        while let Some(last) = pools.last() {
            if last.sum / last.weight < pool.sum / pool.weight {
                break;
            }
            pool = Pool { sum: pool.sum + last.sum, weight: pool.weight + last.weight, count: pool.count + last.count };
            pools.pop();
        }
        pools.push(pool);
    }
    let mut at = 0;
    for pool in pools {
        let base = pool.sum / pool.weight;
        for _ in 0..pool.count {
            tops[row[at]] = base + offsets[at];
            at += 1;
        }
    }
}

/// Where an item's links want its top, and how strongly.
fn wanted_top(layers: &Layers, item: usize, sides: Sides, tops: &[f32]) -> (f32, f32) {
    let is_node = layers.items[item].is_node;
    let (mut sum, mut weight) = (0.0, 0.0);
    let mut pull = |other: usize, height: f32, inside: f32| {
        let strength = if !is_node && !layers.items[other].is_node { STRAIGHTNESS } else { 1.0 };
        sum += (tops[other] + height - inside) * strength;
        weight += strength;
    };
    if sides != Sides::Right {
        for piece in layers.pieces_left_of(item) {
            pull(piece.left.0, piece.left.1, piece.right.1);
        }
    }
    if sides != Sides::Left {
        for piece in layers.pieces_right_of(item) {
            pull(piece.right.0, piece.right.1, piece.left.1);
        }
    }
    if weight > 0.0 { (sum / weight, weight) } else { (tops[item], 0.05) }
}

/// The room between two items of a row.
fn gap(layers: &Layers, above: usize, below: usize, options: &LayoutOptions) -> f32 {
    match (layers.items[above].is_node, layers.items[below].is_node) {
        (true, true) => options.node_gap,
        (false, false) => (options.node_gap / 4.0).min(8.0),
        // The label of the lower one stands between.
        (false, true) => options.node_gap * 0.8,
        (true, false) => options.node_gap * 0.4,
    }
}

/// Rounding may have eaten a pixel of room: give it back.
fn separate(layers: &Layers, options: &LayoutOptions, tops: &mut [f32]) {
    for row in &layers.rows {
        for pair in row.windows(2) {
            let least = tops[pair[0]] + layers.items[pair[0]].height + gap(layers, pair[0], pair[1], options).floor();
            if tops[pair[1]] < least {
                tops[pair[1]] = least;
            }
        }
    }
}
