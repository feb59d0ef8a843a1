//! From the store's numbers to indexes.

/// Finds the index of a number: by a table where numbers are dense, else by binary search.
#[derive(Debug)]
pub(super) enum IdTable {
    /// The index at each number, `u32::MAX` for none.
    Dense(Vec<u32>),
    /// (number, index), sorted.
    Sparse(Vec<(u32, u32)>),
}

impl Default for IdTable {
    fn default() -> Self {
        IdTable::Dense(Vec::new())
    }
}

impl IdTable {
    /// The table for `ids`, each found at its place in the slice. Of equal ones the first is found.
    pub(super) fn new(ids: &[u32]) -> Self {
        let largest = ids.iter().copied().max().map_or(0, |id| id as usize + 1);
        if largest <= ids.len() * 4 + 4_096 {
            let mut table = vec![u32::MAX; largest];
            for (at, id) in ids.iter().enumerate().rev() {
                table[*id as usize] = at as u32;
            }
            return IdTable::Dense(table);
        }
        let mut pairs: Vec<(u32, u32)> = ids.iter().copied().zip(0..).collect();
        pairs.sort_unstable();
        pairs.dedup_by_key(|pair| pair.0);
        IdTable::Sparse(pairs)
    }

    /// The index of `id`.
    pub(super) fn get(&self, id: u32) -> Option<u32> {
        match self {
            IdTable::Dense(table) => table.get(id as usize).copied().filter(|at| *at != u32::MAX),
            IdTable::Sparse(pairs) => {
                let at = pairs.binary_search_by_key(&id, |pair| pair.0).ok()?;
                pairs.get(at).map(|pair| pair.1)
            }
        }
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        match self {
            IdTable::Dense(table) => table.len() * 4,
            IdTable::Sparse(pairs) => pairs.len() * 8,
        }
    }
}
