//! The field in which a column of one asset is picked.

/// Columns that a list offers; of more, one is typed.
const MOST_IN_A_LIST: usize = 300;

/// Columns to pick one of, or none: all of the asset.
pub(crate) struct ColumnPick<'a> {
    /// Names with their paths.
    names: Vec<&'a str>,
    /// The one that is picked.
    pub(crate) chosen: Option<&'a str>,
}

impl<'a> ColumnPick<'a> {
    /// `chosen` is among what is offered even where the asset has no such column any more.
    pub(crate) fn new(mut names: Vec<&'a str>, chosen: Option<&'a str>) -> ColumnPick<'a> {
        names.extend(chosen.filter(|column| !names.contains(column)));
        ColumnPick { names, chosen }
    }

    /// Whether there are too many for a list.
    pub(crate) fn is_typed(&self) -> bool {
        self.names.len() > MOST_IN_A_LIST
    }

    /// What is offered: everything, or the outermost columns where there are too many.
    pub(crate) fn offered(&self) -> impl Iterator<Item = &'a str> {
        let typed = self.is_typed();
        self.names.iter().copied().filter(move |name| !typed || !name.contains('.')).take(MOST_IN_A_LIST)
    }
}
