//! A layer for every node, so that all edges but those that close a cycle lead to the right.

use super::GraphView;

/// The layer of each node, from 0 without gaps.
pub(super) fn assign_layers(view: &GraphView, pairs: &[(usize, usize)]) -> Vec<usize> {
    let count = view.nodes.len();
    let forward = cut_cycles(view, pairs);
    let mut next: Vec<Vec<usize>> = vec![Vec::new(); count];
    let mut before: Vec<Vec<usize>> = vec![Vec::new(); count];
    for (from, to) in &forward {
        next[*from].push(*to);
        before[*to].push(*from);
    }
    let order = sort_topologically(&next, &before);
    let mut layers = vec![0usize; count];
    for node in &order {
        layers[*node] = before[*node].iter().map(|from| layers[*from] + 1).max().unwrap_or(0);
    }
    shorten_edges(&order, &next, &before, &mut layers);
    close_gaps(&mut layers);
    layers
}

/// The pairs, those that close a cycle turned round. Nodes further upstream are visited first, so that
/// the edge that is turned is the one against the flow around the focus.
fn cut_cycles(view: &GraphView, pairs: &[(usize, usize)]) -> Vec<(usize, usize)> {
    let count = view.nodes.len();
    let mut next: Vec<Vec<usize>> = vec![Vec::new(); count];
    for (from, to) in pairs {
        next[*from].push(*to);
    }
    let mut roots: Vec<usize> = (0..count).collect();
    roots.sort_by_key(|at| (view.nodes[*at].distance, *at));
    for list in &mut next {
        list.sort_by_key(|at| (view.nodes[*at].distance, *at));
    }
    #[derive(Clone, Copy, PartialEq)]
    enum Mark {
        New,
        Open,
        Done,
    }
    let mut marks = vec![Mark::New; count];
    let mut forward = Vec::with_capacity(pairs.len());
    for root in roots {
        if marks[root] != Mark::New {
            continue;
        }
        marks[root] = Mark::Open;
        let mut stack = vec![(root, 0usize)];
        while let Some((node, cursor)) = stack.last_mut() {
            let node = *node;
            let Some(far) = next[node].get(*cursor).copied() else {
                marks[node] = Mark::Done;
                stack.pop();
                continue;
            };
            *cursor += 1;
            match marks[far] {
                Mark::Open => forward.push((far, node)),
                Mark::Done => forward.push((node, far)),
                Mark::New => {
                    forward.push((node, far));
                    marks[far] = Mark::Open;
                    stack.push((far, 0));
                }
            }
        }
    }
    forward.sort_unstable();
    forward.dedup();
    forward
}

fn sort_topologically(next: &[Vec<usize>], before: &[Vec<usize>]) -> Vec<usize> {
    let mut waiting: Vec<usize> = before.iter().map(Vec::len).collect();
    let mut order: Vec<usize> = (0..next.len()).filter(|at| waiting[*at] == 0).collect();
    let mut at = 0;
    while let Some(node) = order.get(at).copied() {
        at += 1;
        for far in &next[node] {
            waiting[*far] -= 1;
            if waiting[*far] == 0 {
                order.push(*far);
            }
        }
    }
    order
}

/// Moves nodes within the room that their neighbours leave, towards the side with more edges.
fn shorten_edges(order: &[usize], next: &[Vec<usize>], before: &[Vec<usize>], layers: &mut [usize]) {
    for _ in 0..4 {
        for node in order.iter().rev().chain(order) {
            let lowest = before[*node].iter().map(|from| layers[*from] + 1).max().unwrap_or(0);
            let highest = next[*node].iter().filter_map(|to| layers[*to].checked_sub(1)).min();
            let Some(highest) = highest else {
                layers[*node] = if before[*node].is_empty() { layers[*node] } else { lowest };
                continue;
            };
            layers[*node] = if next[*node].len() > before[*node].len() { highest.max(lowest) } else { lowest.min(highest) };
        }
    }
}

fn close_gaps(layers: &mut [usize]) {
    let mut used: Vec<usize> = layers.to_vec();
    used.sort_unstable();
    used.dedup();
    for layer in layers {
        *layer = used.partition_point(|at| *at < *layer);
    }
}
