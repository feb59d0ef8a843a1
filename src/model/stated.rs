//! What people state of an asset or a column: the fields, their values, and what makes a value fit.
//!
//! In: JSON of one field. Out: a checked value. Never knows who stated it, when, or where it is kept.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Longest text of a description or note, in characters.
const LONGEST_TEXT: usize = 20_000;
/// Longest name, tag or line, in characters.
const LONGEST_NAME: usize = 200;
/// Most owners, tags or mapped columns of one asset.
const MOST_ENTRIES: usize = 500;

/// Something that people can state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, utoipa::ToSchema, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StatedField {
    /// Who owns it.
    Owners,
    /// That it should no longer be used.
    Deprecation,
    /// That somebody vouches for it.
    Certification,
    /// What it means.
    Description,
    /// Tags.
    Tags,
    /// What kind of data it is.
    Tier,
    /// That what it holds is wrong for now.
    Wrong,
}

impl StatedField {
    /// Every field.
    pub const ALL: [StatedField; 7] = [
        StatedField::Owners,
        StatedField::Deprecation,
        StatedField::Certification,
        StatedField::Description,
        StatedField::Tags,
        StatedField::Tier,
        StatedField::Wrong,
    ];

    /// The word used in addresses, in the store and in output.
    pub fn word(self) -> &'static str {
        match self {
            StatedField::Owners => "owners",
            StatedField::Deprecation => "deprecation",
            StatedField::Certification => "certification",
            StatedField::Description => "description",
            StatedField::Tags => "tags",
            StatedField::Tier => "tier",
            StatedField::Wrong => "wrong",
        }
    }

    /// The field that `word` names.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.word() == word)
    }

    /// Whether it is stated of single columns too.
    pub fn is_for_columns(self) -> bool {
        match self {
            StatedField::Description | StatedField::Deprecation | StatedField::Certification => true,
            StatedField::Owners | StatedField::Tags | StatedField::Tier | StatedField::Wrong => false,
        }
    }
}

/// What an owner answers for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, utoipa::ToSchema, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OwnerKind {
    /// How it is built and run.
    #[default]
    Technical,
    /// What it means and who may rely on it.
    Business,
    /// That it is described and kept in order.
    Steward,
}

impl OwnerKind {
    /// Every kind.
    pub const ALL: [OwnerKind; 3] = [OwnerKind::Technical, OwnerKind::Business, OwnerKind::Steward];

    /// The word used in output.
    pub fn word(self) -> &'static str {
        match self {
            OwnerKind::Technical => "technical",
            OwnerKind::Business => "business",
            OwnerKind::Steward => "steward",
        }
    }

    /// The kind that `word` names.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

/// What kind of data an asset holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, utoipa::ToSchema, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// As systems write it.
    Operational,
    /// Shaped for questions, row by row.
    Analytical,
    /// Counted and summed up.
    Aggregated,
}

impl Tier {
    /// Every tier.
    pub const ALL: [Tier; 3] = [Tier::Operational, Tier::Analytical, Tier::Aggregated];

    /// The word used in output.
    pub fn word(self) -> &'static str {
        match self {
            Tier::Operational => "operational",
            Tier::Analytical => "analytical",
            Tier::Aggregated => "aggregated",
        }
    }

    /// The tier that `word` names.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tier| tier.word() == word)
    }
}

/// An owner as stated.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatedOwner {
    /// A person's address or a team's name.
    pub name: String,
    /// What it answers for.
    #[serde(default, rename = "type")]
    pub kind: OwnerKind,
}

/// A deprecation as stated.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatedDeprecation {
    /// Why, in Markdown.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// When it goes away (ISO date).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
    /// The name of what to use instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replacement: Option<String>,
    /// Columns that are called otherwise in the replacement: old → new.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub columns: BTreeMap<String, String>,
}

/// A certification as stated.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certification {
    /// What was checked, or for what it holds, in Markdown.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// That what an asset holds is wrong for now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wrong {
    /// The first day that is wrong (ISO date).
    pub since: String,
    /// Why, in Markdown.
    pub because: String,
}

/// The value of one field; an empty one states that there is none, whatever files say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StatedValue {
    /// Owners, sorted.
    Owners(Vec<StatedOwner>),
    /// A deprecation, or that it is not deprecated.
    Deprecation(Option<StatedDeprecation>),
    /// A certification, or that it has none.
    Certification(Option<Certification>),
    /// A description in Markdown; "" for none.
    Description(String),
    /// Tags, sorted; they add to those that files give.
    Tags(Vec<String>),
    /// The tier, or that it is to be inferred.
    Tier(Option<Tier>),
    /// What is wrong, or that it is right again.
    Wrong(Option<Wrong>),
}

impl StatedValue {
    /// Whose value it is.
    pub fn field(&self) -> StatedField {
        match self {
            StatedValue::Owners(_) => StatedField::Owners,
            StatedValue::Deprecation(_) => StatedField::Deprecation,
            StatedValue::Certification(_) => StatedField::Certification,
            StatedValue::Description(_) => StatedField::Description,
            StatedValue::Tags(_) => StatedField::Tags,
            StatedValue::Tier(_) => StatedField::Tier,
            StatedValue::Wrong(_) => StatedField::Wrong,
        }
    }

    /// Whether it states that there is none.
    pub fn is_empty(&self) -> bool {
        match self {
            StatedValue::Owners(owners) => owners.is_empty(),
            StatedValue::Deprecation(value) => value.is_none(),
            StatedValue::Certification(value) => value.is_none(),
            StatedValue::Description(text) => text.is_empty(),
            StatedValue::Tags(tags) => tags.is_empty(),
            StatedValue::Tier(tier) => tier.is_none(),
            StatedValue::Wrong(value) => value.is_none(),
        }
    }

    /// The JSON it is kept as; `None` where it is empty.
    pub fn to_json(&self) -> Option<serde_json::Value> {
        if self.is_empty() {
            return None;
        }
        let json = match self {
            StatedValue::Owners(owners) => serde_json::to_value(owners),
            StatedValue::Deprecation(value) => serde_json::to_value(value),
            StatedValue::Certification(value) => serde_json::to_value(value),
            StatedValue::Description(text) => serde_json::to_value(text),
            StatedValue::Tags(tags) => serde_json::to_value(tags),
            StatedValue::Tier(tier) => serde_json::to_value(tier),
            StatedValue::Wrong(value) => serde_json::to_value(value),
        };
        json.ok()
    }

    /// The value of `field` that was kept as `json`.
    ///
    /// # Errors
    /// Says what does not fit.
    pub fn from_json(field: StatedField, json: Option<serde_json::Value>) -> Result<Self, String> {
        let json = json.unwrap_or(serde_json::Value::Null);
        let read = match field {
            StatedField::Owners => read_or_default(json).map(StatedValue::Owners),
            StatedField::Deprecation => serde_json::from_value(json).map(StatedValue::Deprecation),
            StatedField::Certification => serde_json::from_value(json).map(StatedValue::Certification),
            StatedField::Description => read_or_default(json).map(StatedValue::Description),
            StatedField::Tags => read_or_default(json).map(StatedValue::Tags),
            StatedField::Tier => serde_json::from_value(json).map(StatedValue::Tier),
            StatedField::Wrong => serde_json::from_value(json).map(StatedValue::Wrong),
        };
        read.map_err(|cause| format!("{} cannot be read: {cause}", field.word()))
    }

    /// The value as it is kept: texts trimmed and without control characters, lists sorted, each once.
    ///
    /// # Errors
    /// Says what does not fit: a name without letters, a date that is none, a text too long.
    pub fn checked(self) -> Result<Self, String> {
        Ok(match self {
            StatedValue::Owners(owners) => StatedValue::Owners(check_owners(owners)?),
            StatedValue::Deprecation(value) => StatedValue::Deprecation(value.map(check_deprecation).transpose()?),
            StatedValue::Certification(value) => {
                let checked =
                    |value: Certification| Ok::<_, String>(Certification { note: check_text("the note", &value.note)? });
                StatedValue::Certification(value.map(checked).transpose()?)
            }
            StatedValue::Description(text) => StatedValue::Description(check_text("the description", &text)?),
            StatedValue::Tags(tags) => StatedValue::Tags(check_tags(tags)?),
            StatedValue::Tier(tier) => StatedValue::Tier(tier),
            StatedValue::Wrong(value) => StatedValue::Wrong(value.map(check_wrong).transpose()?),
        })
    }

    /// The value in a line, for histories and comparisons; "nothing" where it is empty.
    pub fn in_a_line(&self) -> String {
        let said = match self {
            StatedValue::Owners(owners) => {
                owners.iter().map(|owner| format!("{} ({})", owner.name, owner.kind.word())).collect::<Vec<_>>().join(", ")
            }
            StatedValue::Deprecation(value) => value.as_ref().map(deprecation_in_a_line).unwrap_or_default(),
            StatedValue::Certification(value) => {
                value.as_ref().map(|value| join_said("certified", &value.note)).unwrap_or_default()
            }
            StatedValue::Description(text) => text.split_whitespace().collect::<Vec<_>>().join(" "),
            StatedValue::Tags(tags) => tags.join(", "),
            StatedValue::Tier(tier) => tier.map(|tier| tier.word().to_owned()).unwrap_or_default(),
            StatedValue::Wrong(value) => {
                value.as_ref().map(|value| join_said(&format!("wrong since {}", value.since), &value.because)).unwrap_or_default()
            }
        };
        if said.is_empty() { "nothing".to_owned() } else { said }
    }
}

fn read_or_default<T: Default + serde::de::DeserializeOwned>(json: serde_json::Value) -> Result<T, serde_json::Error> {
    serde_json::from_value::<Option<T>>(json).map(Option::unwrap_or_default)
}

fn deprecation_in_a_line(value: &StatedDeprecation) -> String {
    let mut said = "deprecated".to_owned();
    if let Some(date) = &value.date {
        said.push_str(&format!(", goes away on {date}"));
    }
    if let Some(replacement) = &value.replacement {
        said.push_str(&format!(", use {replacement}"));
    }
    if !value.columns.is_empty() {
        let pairs: Vec<String> = value.columns.iter().map(|(old, new)| format!("{old} → {new}")).collect();
        said.push_str(&format!(" ({})", pairs.join(", ")));
    }
    join_said(&said, &value.note)
}

fn join_said(said: &str, note: &str) -> String {
    match note.split_whitespace().collect::<Vec<_>>().join(" ") {
        note if note.is_empty() => said.to_owned(),
        note => format!("{said}: {note}"),
    }
}

fn check_owners(owners: Vec<StatedOwner>) -> Result<Vec<StatedOwner>, String> {
    let mut checked: Vec<StatedOwner> = Vec::new();
    for owner in owners {
        let name = check_name("an owner", &owner.name)?;
        if !checked.iter().any(|other| other.name.to_lowercase() == name.to_lowercase() && other.kind == owner.kind) {
            checked.push(StatedOwner { name, kind: owner.kind });
        }
    }
    checked.sort_by_key(|owner| (owner.kind, owner.name.to_lowercase(), owner.name.clone()));
    check_number("owners", checked.len())?;
    Ok(checked)
}

fn check_deprecation(value: StatedDeprecation) -> Result<StatedDeprecation, String> {
    let filled = |text: Option<String>| text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let date = filled(value.date).map(|date| check_date("the date", &date)).transpose()?;
    let replacement = filled(value.replacement).map(|name| check_name("the replacement", &name)).transpose()?;
    check_number("mapped columns", value.columns.len())?;
    let mut columns = BTreeMap::new();
    for (old, new) in value.columns {
        columns.insert(check_name("a column", &old)?, check_name("a column", &new)?);
    }
    Ok(StatedDeprecation { note: check_text("the note", &value.note)?, date, replacement, columns })
}

fn check_tags(tags: Vec<String>) -> Result<Vec<String>, String> {
    let mut checked = tags.iter().map(|tag| check_name("a tag", tag)).collect::<Result<Vec<_>, _>>()?;
    checked.sort();
    checked.dedup();
    check_number("tags", checked.len())?;
    Ok(checked)
}

fn check_wrong(value: Wrong) -> Result<Wrong, String> {
    let because = check_text("the reason", &value.because)?;
    if because.is_empty() {
        return Err("say why it is wrong: those who read it later need the reason".to_owned());
    }
    Ok(Wrong { since: check_date("the day since when", &value.since)?, because })
}

/// A text of several lines: line ends are `\n`, other control characters are taken out.
fn check_text(what: &str, text: &str) -> Result<String, String> {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let text: String = text.chars().filter(|letter| !letter.is_control() || matches!(letter, '\n' | '\t')).collect();
    let text = text.trim();
    match text.chars().count() {
        letters if letters > LONGEST_TEXT => Err(format!("{what} is longer than {LONGEST_TEXT} characters")),
        _ => Ok(text.to_owned()),
    }
}

/// A name on one line.
fn check_name(what: &str, name: &str) -> Result<String, String> {
    let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
    let name: String = name.chars().filter(|letter| !letter.is_control()).collect();
    match name.chars().count() {
        0 => Err(format!("{what} needs a name")),
        letters if letters > LONGEST_NAME => Err(format!("{what} has a name longer than {LONGEST_NAME} characters")),
        _ => Ok(name),
    }
}

fn check_date(what: &str, date: &str) -> Result<String, String> {
    let date = date.trim();
    let read: jiff::civil::Date = date
        .parse()
        .map_err(|_| format!("{what} must be a day like 2026-12-31, not `{}`", date.chars().take(40).collect::<String>()))?;
    Ok(read.to_string())
}

fn check_number(what: &str, number: usize) -> Result<(), String> {
    if number > MOST_ENTRIES { Err(format!("more than {MOST_ENTRIES} {what}")) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_comes_back_from_its_json() {
        let deprecation = StatedDeprecation {
            note: "old".to_owned(),
            date: Some("2026-12-31".to_owned()),
            replacement: Some("mart.orders".to_owned()),
            columns: BTreeMap::from([("a".to_owned(), "b".to_owned())]),
        };
        let values = [
            StatedValue::Owners(vec![StatedOwner { name: "growth".to_owned(), kind: OwnerKind::Steward }]),
            StatedValue::Deprecation(Some(deprecation)),
            StatedValue::Deprecation(None),
            StatedValue::Certification(Some(Certification::default())),
            StatedValue::Description("x\ny".to_owned()),
            StatedValue::Description(String::new()),
            StatedValue::Tags(vec!["a".to_owned()]),
            StatedValue::Tier(Some(Tier::Aggregated)),
            StatedValue::Wrong(Some(Wrong { since: "2026-01-02".to_owned(), because: "twice".to_owned() })),
        ];
        for value in values {
            let value = value.checked().unwrap();
            assert_eq!(StatedValue::from_json(value.field(), value.to_json()), Ok(value));
        }
    }

    #[test]
    fn values_are_trimmed_sorted_and_refused_where_they_do_not_fit() {
        let owner = |name: &str| StatedOwner { name: name.to_owned(), kind: OwnerKind::Technical };
        let owners = StatedValue::Owners(vec![owner(" b\n x "), owner("a"), owner("A")]).checked().unwrap();
        assert_eq!(owners.in_a_line(), "a (technical), b x (technical)");
        assert!(StatedValue::Owners(vec![owner("  ")]).checked().is_err());
        let wrong =
            |since: &str, because: &str| StatedValue::Wrong(Some(Wrong { since: since.to_owned(), because: because.to_owned() }));
        assert!(wrong("yesterday", "x").checked().is_err());
        assert!(wrong("2026-02-30", "x").checked().is_err());
        assert!(wrong("2026-02-03", " ").checked().is_err());
        assert!(StatedValue::Description("x".repeat(20_001)).checked().is_err());
        assert_eq!(
            StatedValue::Description("a\r\nb\u{0}".to_owned()).checked().unwrap(),
            StatedValue::Description("a\nb".to_owned())
        );
    }
}
