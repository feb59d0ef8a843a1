//! The forms in which people state things: what their inputs say, as values.

use std::collections::BTreeMap;

use super::extract::Query;
use crate::{
    catalog::FieldChange,
    model::{Certification, OwnerKind, StatedDeprecation, StatedField, StatedOwner, StatedValue, Tier, Wrong},
};

/// A field in words, as a title.
pub(super) fn say_field(field: StatedField) -> &'static str {
    match field {
        StatedField::Owners => "Owners",
        StatedField::Deprecation => "Deprecation",
        StatedField::Certification => "Certification",
        StatedField::Description => "Description",
        StatedField::Tags => "Tags",
        StatedField::Tier => "Tier",
        StatedField::Wrong => "Wrong for now",
    }
}

/// What a form wants: `what` is `set`, `clear` (there is none) or `withdraw` (as files say).
///
/// # Errors
/// Says which input does not fit.
pub(super) fn read_change(field: StatedField, form: &Query) -> Result<FieldChange, String> {
    match form.get("what").unwrap_or("set") {
        "set" => read_value(field, form).map(FieldChange::Set),
        "clear" => Ok(FieldChange::Set(StatedValue::from_json(field, None)?)),
        "withdraw" => Ok(FieldChange::Withdraw(field)),
        other => Err(format!("`{}` is nothing that a form can want", other.chars().take(40).collect::<String>())),
    }
}

fn read_value(field: StatedField, form: &Query) -> Result<StatedValue, String> {
    let text = |name: &str| form.get(name).unwrap_or("").trim().to_owned();
    let filled = |name: &str| Some(text(name)).filter(|text| !text.is_empty());
    Ok(match field {
        StatedField::Owners => StatedValue::Owners(read_owners(form)?),
        StatedField::Deprecation => StatedValue::Deprecation(Some(StatedDeprecation {
            note: text("note"),
            date: filled("date"),
            replacement: filled("replacement"),
            columns: read_mapping(&text("columns"))?,
        })),
        StatedField::Certification => StatedValue::Certification(Some(Certification { note: text("note") })),
        StatedField::Description => StatedValue::Description(text("text")),
        StatedField::Tags => {
            let tags = form.all("tags").flat_map(|line| line.split([',', '\n'])).map(str::trim);
            StatedValue::Tags(tags.filter(|tag| !tag.is_empty()).map(str::to_owned).collect())
        }
        StatedField::Tier => match filled("tier") {
            Some(word) => StatedValue::Tier(Some(Tier::from_word(&word).ok_or("choose one of the tiers")?)),
            None => StatedValue::Tier(None),
        },
        StatedField::Wrong => StatedValue::Wrong(Some(Wrong { since: text("since"), because: text("because") })),
    })
}

/// Owners in the order of the form; lines without a name are left out.
fn read_owners(form: &Query) -> Result<Vec<StatedOwner>, String> {
    let kinds = form.all("owner_type").collect::<Vec<_>>();
    let mut owners = Vec::new();
    for (at, name) in form.all("owner").enumerate().filter(|(_, name)| !name.trim().is_empty()) {
        let kind = match kinds.get(at) {
            Some(word) => OwnerKind::from_word(word).ok_or("choose one of the kinds of owners")?,
            None => OwnerKind::Technical,
        };
        owners.push(StatedOwner { name: name.to_owned(), kind });
    }
    Ok(owners)
}

/// `old = new`, a line each.
fn read_mapping(text: &str) -> Result<BTreeMap<String, String>, String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines
        .map(|line| {
            let (old, new) = line.split_once('=').ok_or_else(|| format!("write columns as `old = new`, not `{line}`"))?;
            Ok((old.trim().to_owned(), new.trim().to_owned()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_read_as_they_are_meant() {
        let owners = Query::parse("owner=ana&owner_type=business&owner=&owner_type=technical&owner=bo&owner_type=steward");
        let FieldChange::Set(StatedValue::Owners(read)) = read_change(StatedField::Owners, &owners).unwrap() else { panic!() };
        let read: Vec<String> = read.iter().map(|owner| format!("{} {}", owner.name, owner.kind.word())).collect();
        assert_eq!(read, ["ana business", "bo steward"]);
        let mapped = Query::parse("note=old&columns=a+%3D+b%0D%0Ac%3Dd&date=&replacement=x.y");
        let FieldChange::Set(StatedValue::Deprecation(Some(read))) = read_change(StatedField::Deprecation, &mapped).unwrap()
        else {
            panic!()
        };
        assert_eq!((read.date, read.columns.len(), read.replacement.as_deref()), (None, 2, Some("x.y")));
        assert!(read_change(StatedField::Deprecation, &Query::parse("columns=a")).is_err());
        assert!(read_change(StatedField::Tier, &Query::parse("tier=gold")).is_err());
        let none = read_change(StatedField::Owners, &Query::parse("what=clear&owner=x")).unwrap();
        assert_eq!(none, FieldChange::Set(StatedValue::Owners(Vec::new())));
    }
}
