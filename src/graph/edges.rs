//! The edges of a snapshot: each once, sorted by target, with a way back from its source.

use rayon::slice::ParallelSliceMut;

use super::EvidenceRef;
use crate::model::{ColumnEdgeKind, EdgeState, RowEdgeKind};

/// One edge as it goes in: target, source, kind and state as a number, evidence.
pub(super) type RawEdge = (u32, u32, u8, EvidenceRef);

/// Edges in compressed rows both ways. An edge's index orders by (target, source, kind).
#[derive(Debug, Default)]
pub(super) struct EdgeTable {
    in_rows: Vec<u32>,
    sources: Vec<u32>,
    tags: Vec<u8>,
    evidence_rows: Vec<u32>,
    evidence: Vec<EvidenceRef>,
    out_rows: Vec<u32>,
    out_targets: Vec<u32>,
    out_edges: Vec<u32>,
}

impl EdgeTable {
    /// Builds the table. Equal (target, source, kind) become one edge; `merge` joins their tags.
    pub(super) fn build(mut raw: Vec<RawEdge>, targets: usize, sources: usize, merge: Merge) -> Self {
        raw.truncate(u32::MAX as usize - 1);
        raw.par_sort_unstable_by_key(|edge| (edge.0, edge.1, merge.kind(edge.2), edge.3, edge.2));
        let mut table = EdgeTable::default();
        let mut edge_targets: Vec<u32> = Vec::with_capacity(raw.len());
        for (target, source, tag, evidence) in raw {
            let same = match (edge_targets.last(), table.sources.last(), table.tags.last()) {
                (Some(t), Some(s), Some(old)) => *t == target && *s == source && merge.kind(*old) == merge.kind(tag),
                _ => false,
            };
            if same {
                if let Some(old) = table.tags.last_mut() {
                    *old = merge.join(*old, tag);
                }
            } else {
                edge_targets.push(target);
                table.sources.push(source);
                table.tags.push(tag);
                table.evidence_rows.push(table.evidence.len() as u32);
            }
            let starts_new = !same || table.evidence.last() != Some(&evidence);
            if starts_new {
                table.evidence.push(evidence);
            }
        }
        table.evidence_rows.push(table.evidence.len() as u32);
        table.in_rows = count_rows(targets, edge_targets.iter().copied());
        table.link_back(&edge_targets, sources);
        for list in [&mut table.sources, &mut table.evidence_rows] {
            list.shrink_to_fit();
        }
        table.tags.shrink_to_fit();
        table.evidence.shrink_to_fit();
        table
    }

    fn link_back(&mut self, edge_targets: &[u32], sources: usize) {
        self.out_rows = count_rows(sources, self.sources.iter().copied());
        let mut next = self.out_rows.clone();
        self.out_targets = vec![0; self.sources.len()];
        self.out_edges = vec![0; self.sources.len()];
        for (edge, (source, target)) in self.sources.iter().zip(edge_targets).enumerate() {
            let slot = next[*source as usize] as usize;
            next[*source as usize] += 1;
            self.out_targets[slot] = *target;
            self.out_edges[slot] = edge as u32;
        }
    }

    /// How many edges there are.
    pub(super) fn len(&self) -> usize {
        self.sources.len()
    }

    /// Edges into `target`: (edge, source, tag).
    #[inline]
    pub(super) fn edges_into(&self, target: u32) -> impl Iterator<Item = (u32, u32, u8)> + '_ {
        let range = row(&self.in_rows, target);
        let first = range.start as u32;
        self.sources[range.clone()].iter().zip(&self.tags[range]).zip(first..).map(|((source, tag), edge)| (edge, *source, *tag))
    }

    /// How many edges lead into `target`.
    pub(super) fn count_into(&self, target: u32) -> u32 {
        row(&self.in_rows, target).len() as u32
    }

    /// Edges out of `source`: (edge, target, tag).
    #[inline]
    pub(super) fn edges_out_of(&self, source: u32) -> impl Iterator<Item = (u32, u32, u8)> + '_ {
        let range = row(&self.out_rows, source);
        let targets = self.out_targets[range.clone()].iter();
        targets.zip(&self.out_edges[range]).map(|(target, edge)| (*edge, *target, self.tags[*edge as usize]))
    }

    /// An edge: (target, source, tag).
    pub(super) fn get(&self, edge: u32) -> Option<(u32, u32, u8)> {
        let source = *self.sources.get(edge as usize)?;
        let tag = *self.tags.get(edge as usize)?;
        let target = self.in_rows.partition_point(|start| *start <= edge) as u32 - 1;
        Some((target, source, tag))
    }

    /// Where an edge was learned, sorted.
    pub(super) fn evidence(&self, edge: u32) -> &[EvidenceRef] {
        self.evidence.get(row(&self.evidence_rows, edge)).unwrap_or(&[])
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        let numbers = self.in_rows.capacity() + self.sources.capacity() + self.evidence_rows.capacity();
        let back = self.out_rows.capacity() + self.out_targets.capacity() + self.out_edges.capacity();
        (numbers + back) * 4 + self.tags.capacity() + self.evidence.capacity() * size_of::<EvidenceRef>()
    }
}

/// What an edge's tag holds, and how tags of one edge are joined.
#[derive(Clone, Copy, Debug)]
pub(super) enum Merge {
    /// A column edge's kind and state.
    Columns,
    /// A row edge's kind.
    Rows,
    /// Nothing.
    Assets,
}

impl Merge {
    fn kind(self, tag: u8) -> u8 {
        match self {
            Merge::Columns => tag & 7,
            Merge::Rows => tag,
            Merge::Assets => 0,
        }
    }

    fn join(self, a: u8, b: u8) -> u8 {
        match self {
            Merge::Columns => pack(tag_kind(a), tag_state(a).and(tag_state(b))),
            Merge::Rows | Merge::Assets => a,
        }
    }
}

/// A column edge's kind and state as one number.
pub(super) fn pack(kind: ColumnEdgeKind, state: EdgeState) -> u8 {
    kind as u8 | (state as u8) << 3
}

/// The kind in a column edge's tag.
#[inline]
pub(super) fn tag_kind(tag: u8) -> ColumnEdgeKind {
    match tag & 7 {
        0 => ColumnEdgeKind::Identity,
        1 => ColumnEdgeKind::Transformation,
        2 => ColumnEdgeKind::Aggregation,
        3 => ColumnEdgeKind::Conditional,
        _ => ColumnEdgeKind::Window,
    }
}

/// The state in a column edge's tag.
#[inline]
pub(super) fn tag_state(tag: u8) -> EdgeState {
    match tag >> 3 {
        0 => EdgeState::Confirmed,
        1 => EdgeState::Declared,
        2 => EdgeState::Observed,
        _ => EdgeState::Guessed,
    }
}

/// The kind in a row edge's tag.
pub(super) fn tag_row_kind(tag: u8) -> RowEdgeKind {
    match tag {
        0 => RowEdgeKind::Filter,
        1 => RowEdgeKind::Join,
        2 => RowEdgeKind::GroupBy,
        _ => RowEdgeKind::Sort,
    }
}

#[inline]
fn row(rows: &[u32], at: u32) -> std::ops::Range<usize> {
    let at = at as usize;
    match (rows.get(at), rows.get(at + 1)) {
        (Some(start), Some(end)) => *start as usize..*end as usize,
        _ => 0..0,
    }
}

fn count_rows(rows: usize, of: impl Iterator<Item = u32>) -> Vec<u32> {
    let mut counts = vec![0u32; rows + 1];
    for at in of {
        counts[at as usize + 1] += 1;
    }
    for at in 1..counts.len() {
        counts[at] += counts[at - 1];
    }
    counts
}
