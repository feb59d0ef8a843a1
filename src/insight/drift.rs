//! Where declared columns and those that SQL writes differ.
//!
//! In: both lists. Out: which columns only one of them has. Fields inside a struct and types are not
//! compared: what SQL makes of them is not known.

use std::collections::BTreeSet;

use crate::model::DeclaredColumn;

/// Columns that are named in a sentence.
const NAMED: usize = 6;

/// What a declaration and the SQL do not agree on; names as written, in their own order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SchemaDrift {
    /// Declared, and not written by the SQL.
    pub unwritten: Vec<String>,
    /// Written by the SQL, and not declared.
    pub undeclared: Vec<String>,
}

/// The difference between the columns that are `declared` and all those that SQL has `written`;
/// `None` where there is none. Names are compared in any case.
pub fn find_drift(declared: &[DeclaredColumn], written: &[String]) -> Option<SchemaDrift> {
    let declared: Vec<&str> = declared.iter().map(|column| top_of(&column.name)).collect();
    let fold = |name: &str| name.to_lowercase();
    let declared_keys: BTreeSet<String> = declared.iter().map(|name| fold(name)).collect();
    let written_keys: BTreeSet<String> = written.iter().map(|name| fold(name)).collect();
    let missing = |names: &mut dyn Iterator<Item = &str>, there: &BTreeSet<String>| {
        let mut seen = BTreeSet::new();
        names.filter(|name| !there.contains(&fold(name)) && seen.insert(fold(name))).map(str::to_owned).collect::<Vec<_>>()
    };
    let drift = SchemaDrift {
        unwritten: missing(&mut declared.iter().copied(), &written_keys),
        undeclared: missing(&mut written.iter().map(String::as_str), &declared_keys),
    };
    (drift != SchemaDrift::default()).then_some(drift)
}

impl SchemaDrift {
    /// What differs, as the end of a sentence about the declaration: `declares … which the SQL does not write`.
    pub fn sentence(&self) -> String {
        let unwritten =
            (!self.unwritten.is_empty()).then(|| format!("declares {}, which the SQL does not write", list(&self.unwritten)));
        let undeclared =
            (!self.undeclared.is_empty()).then(|| format!("does not declare {}, which the SQL writes", list(&self.undeclared)));
        unwritten.into_iter().chain(undeclared).collect::<Vec<_>>().join(", and ")
    }
}

fn list(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(NAMED).map(|name| format!("`{name}`")).collect();
    match names.len().saturating_sub(NAMED) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

fn top_of(name: &str) -> &str {
    name.split('.').next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::{SchemaDrift, find_drift};
    use crate::model::DeclaredColumn;

    fn drift(declared: &[&str], written: &[&str]) -> Option<SchemaDrift> {
        let declared: Vec<DeclaredColumn> =
            declared.iter().map(|name| DeclaredColumn { name: (*name).to_owned(), ..DeclaredColumn::default() }).collect();
        let written: Vec<String> = written.iter().map(|name| (*name).to_owned()).collect();
        find_drift(&declared, &written)
    }

    #[test]
    fn order_case_and_fields_of_structs_are_no_drift() {
        assert_eq!(drift(&["Id", "item", "item.sku", "at"], &["at", "ITEM", "id"]), None);
    }

    #[test]
    fn each_side_is_told_what_the_other_lacks() {
        let found = drift(&["id", "created_at", "item.sku", "item.n"], &["id", "create_date"]).unwrap();
        assert_eq!((found.unwritten.join(" "), found.undeclared.join(" ")), ("created_at item".into(), "create_date".into()));
        assert_eq!(
            found.sentence(),
            "declares `created_at`, `item`, which the SQL does not write, and does not declare `create_date`, which the SQL writes"
        );
    }

    #[test]
    fn a_long_list_is_cut_in_the_sentence() {
        let names: Vec<String> = (0..9).map(|at| format!("c{at}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let sentence = drift(&[], &names).unwrap().sentence();
        assert_eq!(sentence, "does not declare `c0`, `c1`, `c2`, `c3`, `c4`, `c5` and 3 more, which the SQL writes");
    }
}
