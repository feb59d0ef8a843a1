//! The columns of a snapshot: sorted by asset and path, so that the fields of a struct follow it.

use std::cmp::Ordering;

use super::ids::IdTable;

/// No column.
pub(super) const NONE: u32 = u32::MAX;

/// The path of a star that is not expanded.
pub(super) const STAR: &str = "*";

/// Columns by index. An index orders by asset, then path, parents before their fields.
#[derive(Debug, Default)]
pub(super) struct ColumnTable {
    ids: Vec<u32>,
    assets: Vec<u32>,
    text: String,
    starts: Vec<u32>,
    parents: Vec<u32>,
    ends: Vec<u32>,
    firsts: Vec<u32>,
    stars: Vec<u32>,
    plain: Vec<bool>,
    by_id: IdTable,
}

impl ColumnTable {
    /// Builds the table from (asset index, path, id); how many were left out comes back too.
    pub(super) fn build(mut columns: Vec<(u32, std::sync::Arc<str>, u32)>, assets: usize) -> (Self, usize) {
        use rayon::slice::ParallelSliceMut;
        let before = columns.len();
        columns.par_sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| compare_paths(&a.1, &b.1)).then(a.2.cmp(&b.2)));
        let mut table = ColumnTable { firsts: vec![0; assets + 1], stars: vec![NONE; assets], ..ColumnTable::default() };
        table.starts.push(0);
        for (asset, path, id) in columns {
            let end = table.text.len() + path.len();
            let (Ok(end), true) = (u32::try_from(end), table.ids.len() < NONE as usize) else { continue };
            if path.as_ref() == STAR {
                table.stars[asset as usize] = table.ids.len() as u32;
            }
            table.text.push_str(&path);
            table.starts.push(end);
            table.ids.push(id);
            table.assets.push(asset);
            table.firsts[asset as usize + 1] += 1;
        }
        for at in 1..table.firsts.len() {
            table.firsts[at] += table.firsts[at - 1];
        }
        table.link_structs();
        table.by_id = IdTable::new(&table.ids);
        table.text.shrink_to_fit();
        let dropped = before - table.ids.len();
        (table, dropped)
    }

    fn link_structs(&mut self) {
        self.parents = vec![NONE; self.len()];
        self.ends = (1..=self.len() as u32).collect();
        let mut open: Vec<u32> = Vec::new();
        for at in 0..self.len() as u32 {
            while let Some(&above) = open.last() {
                if self.asset(above) == self.asset(at) && is_field_of(self.path(at), self.path(above)) {
                    break;
                }
                open.pop();
                self.ends[above as usize] = at;
            }
            self.parents[at as usize] = open.last().copied().unwrap_or(NONE);
            open.push(at);
        }
        for above in open {
            self.ends[above as usize] = self.len() as u32;
        }
        let is_plain =
            |at: u32| self.parents[at as usize] == NONE && self.ends[at as usize] == at + 1 && self.star(self.asset(at)) == NONE;
        self.plain = (0..self.len() as u32).map(is_plain).collect();
    }

    /// How many columns there are.
    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    /// The store's number of a column.
    pub(super) fn id(&self, column: u32) -> u32 {
        self.ids[column as usize]
    }

    /// The column of a store's number.
    pub(super) fn index(&self, id: u32) -> Option<u32> {
        self.by_id.get(id)
    }

    /// The asset of a column.
    pub(super) fn asset(&self, column: u32) -> u32 {
        self.assets[column as usize]
    }

    /// The path of a column.
    pub(super) fn path(&self, column: u32) -> &str {
        let at = column as usize;
        &self.text[self.starts[at] as usize..self.starts[at + 1] as usize]
    }

    /// The nearest struct above a column, or [`NONE`].
    pub(super) fn parent(&self, column: u32) -> u32 {
        self.parents[column as usize]
    }

    /// The columns below a struct.
    pub(super) fn fields(&self, column: u32) -> std::ops::Range<u32> {
        column + 1..self.ends[column as usize]
    }

    /// The columns of an asset.
    pub(super) fn of_asset(&self, asset: u32) -> std::ops::Range<u32> {
        self.firsts[asset as usize]..self.firsts[asset as usize + 1]
    }

    /// The unexpanded star of an asset, or [`NONE`].
    pub(super) fn star(&self, asset: u32) -> u32 {
        self.stars[asset as usize]
    }

    /// Whether neither a struct, nor fields, nor a star belong to a column.
    pub(super) fn is_plain(&self, column: u32) -> bool {
        self.plain[column as usize]
    }

    /// The column of that path; letter case decides only among several.
    pub(super) fn find(&self, asset: u32, path: &str) -> Option<u32> {
        let range = self.of_asset(asset);
        let first = self.lower_bound(asset, |candidate| compare_folded(candidate, path) == Ordering::Less);
        let same: Vec<u32> = (first..range.end).take_while(|at| compare_folded(self.path(*at), path).is_eq()).collect();
        same.iter().copied().find(|at| self.path(*at) == path).or(same.first().copied())
    }

    /// The deepest column at or above a path, with what is left of the path; a star stands above all.
    pub(super) fn resolve<'p>(&self, asset: u32, path: &'p str) -> Option<(u32, &'p str)> {
        let mut head = path;
        loop {
            if let Some(column) = self.find(asset, head) {
                return Some((column, path.get(head.len() + 1..).unwrap_or("")));
            }
            match head.rfind('.') {
                Some(dot) => head = &head[..dot],
                None => break,
            }
        }
        let star = self.star(asset);
        (star != NONE).then_some((star, path))
    }

    /// The columns strictly below a path.
    pub(super) fn below(&self, asset: u32, path: &str) -> std::ops::Range<u32> {
        let first = self.lower_bound(asset, |candidate| compare_folded(candidate, path) == Ordering::Less);
        let range = self.of_asset(asset);
        let mut first = first;
        while first < range.end && compare_folded(self.path(first), path).is_eq() {
            first += 1;
        }
        let mut end = first;
        while end < range.end && is_field_of(self.path(end), path) {
            end += 1;
        }
        first..end
    }

    fn lower_bound(&self, asset: u32, is_before: impl Fn(&str) -> bool) -> u32 {
        let range = self.of_asset(asset);
        let (mut low, mut high) = (range.start, range.end);
        while low < high {
            let middle = low + (high - low) / 2;
            if is_before(self.path(middle)) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        let numbers = self.ids.len() + self.assets.len() + self.starts.len() + self.parents.len() + self.ends.len();
        (numbers + self.firsts.len() + self.stars.len()) * 4 + self.plain.len() + self.text.capacity() + self.by_id.bytes()
    }
}

/// Whether `path` names a field below `above`, letter case aside.
pub(super) fn is_field_of(path: &str, above: &str) -> bool {
    let (path, above) = (path.as_bytes(), above.as_bytes());
    path.len() > above.len() && path[above.len()] == b'.' && path[..above.len()].eq_ignore_ascii_case(above)
}

/// Orders paths segment by segment without regard to ASCII case.
fn compare_folded(a: &str, b: &str) -> Ordering {
    let key = |byte: u8| if byte == b'.' { 0 } else { byte.to_ascii_lowercase() };
    a.bytes().map(key).cmp(b.bytes().map(key))
}

fn compare_paths(a: &str, b: &str) -> Ordering {
    compare_folded(a, b).then_with(|| a.cmp(b))
}
