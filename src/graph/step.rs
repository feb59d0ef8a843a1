//! One step of a walk: from a place in a column to the places that the edges around it lead to.
//!
//! A place is a column, or fields below a column that has no number for them (`suffix`). An edge on a
//! struct concerns its fields, an edge on a field its struct, and an edge on an unexpanded star every
//! column of the asset. Copying a struct or a star (IDENTITY) carries the fields along; any other kind
//! concerns the whole. A star says nothing about columns that direct edges build by name.

use std::{ops::Range, sync::Arc};

use rustc_hash::FxHashMap;

use super::{
    Direction, EdgeKinds, Snapshot, Start,
    columns::{NONE, STAR},
    edges::tag_kind,
};
use crate::model::ColumnEdgeKind;

/// Segments that a suffix may have; copying in a circle could make it grow for ever.
const LONGEST_SUFFIX: usize = 16;
/// Different suffixes in one walk; further ones are taken for the whole column.
const MOST_SUFFIXES: usize = 65_536;

/// A column (index), and the number of the suffix below it; 0 for none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub(super) column: u32,
    pub(super) suffix: u32,
}

impl Place {
    /// The whole of a column.
    pub(super) fn whole(column: u32) -> Self {
        Place { column, suffix: 0 }
    }
}

/// A step along one edge.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    /// Where it leads.
    pub(super) next: Place,
    /// The edge's index.
    pub(super) edge: u32,
    /// The edge's tag.
    pub(super) tag: u8,
}

/// Takes steps in one direction and remembers the suffixes met.
pub(super) struct Walker<'a> {
    pub(super) snapshot: &'a Snapshot,
    direction: Direction,
    kinds: EdgeKinds,
    suffixes: Vec<Arc<str>>,
    suffix_numbers: FxHashMap<Arc<str>, u32>,
}

impl<'a> Walker<'a> {
    /// A walker that follows `kinds`.
    pub(super) fn new(snapshot: &'a Snapshot, direction: Direction, kinds: EdgeKinds) -> Self {
        Walker { snapshot, direction, kinds, suffixes: vec![Arc::from("")], suffix_numbers: FxHashMap::default() }
    }

    /// The suffix of that number; `None` for 0.
    pub(super) fn suffix(&self, number: u32) -> Option<&Arc<str>> {
        if number == 0 { None } else { self.suffixes.get(number as usize) }
    }

    /// The places that a start means, sorted. `None` where it is unknown.
    pub(super) fn start(&mut self, start: &Start) -> Option<Vec<Place>> {
        let columns = &self.snapshot.columns;
        match start {
            Start::Asset(asset) => {
                let asset = self.snapshot.assets.index(*asset)?;
                Some(columns.of_asset(asset).map(Place::whole).collect())
            }
            Start::Column(column) => Some(vec![Place::whole(columns.index(column.0)?)]),
            Start::Path(asset, path) => {
                let asset = self.snapshot.assets.index(*asset)?;
                if let Some((column, rest)) = columns.resolve(asset, path) {
                    let suffix = if rest.is_empty() { Some(0) } else { self.suffix_number(rest) };
                    return Some(vec![Place { column, suffix: suffix? }]);
                }
                let below = columns.below(asset, path);
                (!below.is_empty()).then(|| below.map(Place::whole).collect())
            }
        }
    }

    /// Appends every step from `place` to `steps`.
    #[inline]
    pub(super) fn steps(&mut self, place: Place, steps: &mut Vec<Step>) {
        if place.suffix == 0 && self.snapshot.columns.is_plain(place.column) {
            // The far side of an edge out of a plain column may still be a star or a struct: only a
            // suffix would care, and there is none.
            self.whole_steps(place.column, steps);
        } else {
            self.nested_steps(place, steps);
        }
    }

    fn nested_steps(&mut self, place: Place, steps: &mut Vec<Step>) {
        let columns = &self.snapshot.columns;
        let asset = columns.asset(place.column);
        let star = columns.star(asset);
        let suffix = self.suffixes.get(place.suffix as usize).cloned().unwrap_or_else(|| Arc::from(""));
        self.carried_steps(place.column, &suffix, steps);
        if place.column == star {
            let below = if suffix.is_empty() { columns.of_asset(asset) } else { columns.below(asset, &suffix) };
            self.field_steps(below, star, steps);
            return;
        }
        let path = join(columns.path(place.column), &suffix);
        let mut above = columns.parent(place.column);
        while above != NONE {
            let rest = path.get(columns.path(above).len() + 1..).unwrap_or("").to_owned();
            self.carried_steps(above, &rest, steps);
            above = columns.parent(above);
        }
        if star != NONE && (self.direction == Direction::Downstream || !self.is_built(place.column)) {
            self.carried_steps(star, &path, steps);
        }
        let below = if suffix.is_empty() { columns.fields(place.column) } else { columns.below(asset, &path) };
        self.field_steps(below, star, steps);
    }

    fn field_steps(&mut self, fields: Range<u32>, star: u32, steps: &mut Vec<Step>) {
        for field in fields {
            if field != star {
                self.whole_steps(field, steps);
            }
        }
    }

    #[inline]
    fn whole_steps(&self, column: u32, steps: &mut Vec<Step>) {
        let wanted = |(edge, other, tag): (u32, u32, u8)| {
            self.kinds.has(tag_kind(tag)).then_some(Step { next: Place::whole(other), edge, tag })
        };
        match self.direction {
            Direction::Upstream => steps.extend(self.snapshot.column_edges.edges_into(column).filter_map(wanted)),
            Direction::Downstream => steps.extend(self.snapshot.column_edges.edges_out_of(column).filter_map(wanted)),
        }
    }

    /// The steps along the edges of `column`, of which only what is below it at `rest` is meant.
    fn carried_steps(&mut self, column: u32, rest: &str, steps: &mut Vec<Step>) {
        let first = steps.len();
        self.whole_steps(column, steps);
        if rest.is_empty() {
            return;
        }
        let mut kept = first;
        for at in first..steps.len() {
            let mut step = steps[at];
            if tag_kind(step.tag) == ColumnEdgeKind::Identity {
                match self.carry(step.next.column, rest) {
                    Some(next) => step.next = next,
                    None => continue,
                }
            }
            steps[kept] = step;
            kept += 1;
        }
        steps.truncate(kept);
    }

    /// The place `rest` below `column`; `None` where `column` is a star that does not reach it.
    fn carry(&mut self, column: u32, rest: &str) -> Option<Place> {
        let columns = &self.snapshot.columns;
        if rest.split('.').count() > LONGEST_SUFFIX {
            return Some(Place::whole(column));
        }
        let full = join(columns.path(column), rest);
        let Some((found, left)) = columns.resolve(columns.asset(column), &full) else { return Some(Place::whole(column)) };
        let through_star = columns.path(column) == STAR && found != column;
        if through_star && self.direction == Direction::Downstream && self.is_built(found) {
            return None;
        }
        if left.is_empty() {
            return Some(Place::whole(found));
        }
        let left = left.to_owned();
        Some(self.suffix_number(&left).map_or(Place::whole(found), |suffix| Place { column: found, suffix }))
    }

    /// Whether direct edges build the column by name, or something above or below it.
    fn is_built(&self, column: u32) -> bool {
        let columns = &self.snapshot.columns;
        let mut root = column;
        while columns.parent(root) != NONE {
            root = columns.parent(root);
        }
        (root..columns.fields(root).end)
            .any(|column| self.snapshot.column_edges.edges_into(column).any(|edge| tag_kind(edge.2).is_direct()))
    }

    fn suffix_number(&mut self, suffix: &str) -> Option<u32> {
        if let Some(number) = self.suffix_numbers.get(suffix) {
            return Some(*number);
        }
        if self.suffixes.len() >= MOST_SUFFIXES {
            return None;
        }
        let suffix: Arc<str> = Arc::from(suffix);
        let number = self.suffixes.len() as u32;
        self.suffixes.push(Arc::clone(&suffix));
        self.suffix_numbers.insert(suffix, number);
        Some(number)
    }
}

/// `rest` below `path`; below a star it stands alone.
pub(super) fn join(path: &str, rest: &str) -> String {
    match (path, rest) {
        (path, "") => path.to_owned(),
        (STAR, rest) => rest.to_owned(),
        (path, rest) => format!("{path}.{rest}"),
    }
}

/// Local numbers of the places that a walk has met, in the order of meeting.
pub(super) struct Met {
    plain: Vec<u32>,
    nested: FxHashMap<Place, u32>,
    places: Vec<Place>,
}

impl Met {
    /// Nothing met yet, among `columns`.
    pub(super) fn new(columns: usize) -> Self {
        Met { plain: vec![0; columns], nested: FxHashMap::default(), places: Vec::new() }
    }

    /// The number of a place, and whether it is new; `None` for a new one beyond `most`.
    #[inline]
    pub(super) fn meet(&mut self, place: Place, most: usize) -> Option<(u32, bool)> {
        let next = self.places.len() as u32;
        if place.suffix == 0 {
            let slot = self.plain.get_mut(place.column as usize)?;
            if *slot != 0 {
                return Some((*slot - 1, false));
            }
            if next as usize >= most {
                return None;
            }
            *slot = next + 1;
        } else {
            if let Some(number) = self.nested.get(&place) {
                return Some((*number, false));
            }
            if next as usize >= most {
                return None;
            }
            self.nested.insert(place, next);
        }
        self.places.push(place);
        Some((next, true))
    }

    /// The places, by number.
    pub(super) fn places(&self) -> &[Place] {
        &self.places
    }
}
