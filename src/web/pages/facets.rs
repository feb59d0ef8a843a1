//! Facets beside a list: values with counts, to be chosen or left out, and their words in an address.

/// Values of a facet that are shown unfolded.
pub(super) const SHOWN_VALUES: usize = 7;

/// A facet with its values.
pub(super) struct FacetGroup {
    pub(super) title: &'static str,
    pub(super) shown: usize,
    pub(super) values: Vec<FacetValue>,
}

impl FacetGroup {
    /// Values that are shown at once.
    pub(super) fn top(&self) -> &[FacetValue] {
        self.values.get(..self.shown).unwrap_or(&self.values)
    }

    /// Values behind "more".
    pub(super) fn others(&self) -> &[FacetValue] {
        self.values.get(self.shown..).unwrap_or(&[])
    }

    pub(super) fn rest(&self) -> usize {
        self.others().len()
    }
}

/// One value of a facet.
pub(super) struct FacetValue {
    pub(super) label: String,
    pub(super) number: u64,
    pub(super) state: ValueState,
    pub(super) toggle: String,
    pub(super) exclude: String,
}

/// What a filter makes of a value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ValueState {
    Free,
    Chosen,
    Excluded,
}

impl FacetValue {
    pub(super) fn is_chosen(&self) -> bool {
        self.state == ValueState::Chosen
    }

    pub(super) fn is_excluded(&self) -> bool {
        self.state == ValueState::Excluded
    }
}

/// A filter that is set, with the address without it.
pub(super) struct ChosenFilter {
    pub(super) title: &'static str,
    pub(super) label: String,
    pub(super) negated: bool,
    pub(super) removed: String,
}

/// A filter's value as an address holds it: `-` leaves out, `+` goes before a value that starts with either.
pub(super) fn write_value(negated: bool, value: &str) -> String {
    let mark = match (negated, value.starts_with(['-', '+'])) {
        (true, _) => "-",
        (false, true) => "+",
        (false, false) => "",
    };
    format!("{mark}{value}")
}

/// Whether an address leaves a value out, and the value.
pub(super) fn read_value(text: &str) -> (bool, &str) {
    match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_look_like_marks_survive() {
        for (negated, value) in [(false, "table"), (true, "table"), (false, "-odd"), (true, "+odd"), (false, "")] {
            assert_eq!(read_value(&write_value(negated, value)), (negated, value));
        }
    }
}
