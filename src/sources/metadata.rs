//! `metadata.yaml` in the style of bigquery-etl: facts of one relation or routine.
//!
//! `references` is never read: it is another parser's lineage.

use super::{
    deprecation,
    yaml::{Node, Value},
};
use crate::model::{Fact, FactKind, RelationName, Subject};

/// The facts that `root`, the file at `path`, states of `relation`.
pub(super) fn read_metadata(root: &Node, relation: &RelationName, path: &str) -> Vec<Fact> {
    let mut facts = Vec::new();
    let mut say = |line: u32, what: FactKind| {
        facts.push(Fact { about: Subject::Asset(relation.clone()), what, path: path.to_owned(), line });
    };
    let text_of = |key: &str| {
        let (line, value) = root.entry(key)?;
        let text = value.text()?.trim();
        (!text.is_empty()).then_some((line, text))
    };
    if let Some((line, name)) = text_of("friendly_name") {
        say(line, FactKind::FriendlyName { name: name.to_owned() });
    }
    if let Some((line, text)) = text_of("description") {
        say(line, FactKind::Description { text: text.to_owned() });
    }
    let owners = read_owners(root);
    for (line, name) in &owners {
        say(*line, FactKind::Owner { name: name.clone() });
    }
    for (line, key, value) in read_labels(root) {
        if owners.is_empty() && is_owner_label(&key) && !value.is_empty() {
            say(line, FactKind::Owner { name: value.clone() });
        }
        say(line, FactKind::Label { key, value });
    }
    if let Some((line, tags)) = root.entry("tags") {
        for (line, name) in read_words(line, tags) {
            say(line, FactKind::Tag { name });
        }
    }
    if let Some((line, text)) = read_schedule(root) {
        say(line, FactKind::Schedule { text });
    }
    if let Some((line, what)) = read_deprecation(root) {
        say(line, what);
    }
    facts
}

fn read_owners(root: &Node) -> Vec<(u32, String)> {
    let mut owners = Vec::new();
    for key in ["owners", "owner"] {
        if let Some((line, value)) = root.entry(key) {
            owners.append(&mut read_words(line, value));
        }
    }
    owners
}

/// A scalar, or the scalars of a list, each with its line.
fn read_words(line: u32, value: &Node) -> Vec<(u32, String)> {
    let one = |line: u32, node: &Node| {
        let text = node.text()?.trim();
        (!text.is_empty()).then(|| (line, text.to_owned()))
    };
    match &value.value {
        Value::Scalar { .. } => one(line, value).into_iter().collect(),
        Value::List(items) => items.iter().filter_map(|item| one(item.line, item)).collect(),
        Value::Map(_) => Vec::new(),
    }
}

fn read_labels(root: &Node) -> Vec<(u32, String, String)> {
    let Some((line, labels)) = root.entry("labels") else { return Vec::new() };
    match &labels.value {
        Value::Map(_) => {
            let entries = labels.entries();
            entries.map(|(line, key, value)| (line, key.to_owned(), value.text().unwrap_or_default().to_owned())).collect()
        }
        Value::List(_) | Value::Scalar { .. } => {
            read_words(line, labels).into_iter().map(|(line, key)| (line, key, String::new())).collect()
        }
    }
}

/// `owner1`, `owner2`, …: the owners' names without their domain.
fn is_owner_label(key: &str) -> bool {
    key.strip_prefix("owner").is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
}

fn read_schedule(root: &Node) -> Option<(u32, String)> {
    let (line, scheduling) = root.entry("scheduling")?;
    let word = |key: &str| scheduling.get(key).and_then(Node::text);
    let (dag, interval) = (word("dag_name"), word("schedule_interval").or_else(|| word("schedule")));
    let text = match (dag, interval) {
        (Some(dag), Some(interval)) => format!("{dag} ({interval})"),
        (Some(text), None) | (None, Some(text)) => text.to_owned(),
        (None, None) => return None,
    };
    let line =
        ["dag_name", "schedule_interval", "schedule"].iter().find_map(|key| scheduling.entry(key)).map_or(line, |(line, _)| line);
    Some((line, text))
}

/// `deprecated: true`, a `deletion_date`, or a name or description that announces it; `deprecated: false` wins.
fn read_deprecation(root: &Node) -> Option<(u32, FactKind)> {
    let flag = root.entry("deprecated");
    if flag.is_some_and(|(_, value)| value.truth() == Some(false)) {
        return None;
    }
    let date = root.entry("deletion_date");
    let description = root.entry("description");
    let announced = ["friendly_name", "description"].iter().find_map(|key| {
        let (line, value) = root.entry(key)?;
        value.text().filter(|text| deprecation::announces(text)).map(|_| line)
    });
    let line = flag.map(|(line, _)| line).or(date.map(|(line, _)| line)).or(announced)?;
    let said = flag.and_then(|(_, value)| if value.truth().is_some() { None } else { value.text() });
    let note = match said {
        Some(said) => said.trim().to_owned(),
        None => {
            let text = |key: &str| root.get(key).and_then(Node::text);
            let own = text("deprecation_note").map(|note| note.trim().to_owned());
            let prose = description.and_then(|(_, value)| value.text()).and_then(deprecation::find_note);
            let name = || text("friendly_name").filter(|name| deprecation::announces(name)).map(str::to_owned);
            own.or(prose).or_else(name).unwrap_or_default()
        }
    };
    let date = date.and_then(|(_, value)| value.text()).map(|text| text.trim().to_owned());
    let replacement = deprecation::find_replacement(&note);
    Some((line, FactKind::Deprecated { note, date, replacement }))
}
