//! One record of a log, whatever it is written in: fields by name.

use std::borrow::Cow;

use serde_json::Value;

use super::{json, time};

/// Fields of a record, in order.
pub(super) struct Record<'r> {
    fields: Vec<(Cow<'r, str>, Field<'r>)>,
}

#[derive(Clone)]
enum Field<'r> {
    /// The raw text of a JSON value.
    Json(&'r str),
    /// A cell of a CSV row.
    Plain(&'r str),
}

impl<'r> Record<'r> {
    /// The record that a JSON object is.
    pub(super) fn from_json(text: &'r str) -> Option<Record<'r>> {
        let members = json::members(text)?;
        Some(Record { fields: members.into_iter().map(|(key, raw)| (key, Field::Json(raw))).collect() })
    }

    /// The record that a CSV row under `names` is; cells without a name are left out.
    pub(super) fn from_row(names: &'r [String], cells: impl Iterator<Item = &'r str>) -> Record<'r> {
        let named = names.iter().zip(cells);
        Record { fields: named.map(|(name, cell)| (Cow::Borrowed(name.as_str()), Field::Plain(cell))).collect() }
    }

    fn field(&self, name: &str) -> Option<&Field<'r>> {
        self.fields.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, field)| field)
    }

    /// The text of a field; `None` where it is missing, null, empty or nested.
    pub(super) fn text(&self, name: &str) -> Option<Cow<'r, str>> {
        match self.field(name)? {
            Field::Plain(cell) => (!cell.is_empty()).then_some(Cow::Borrowed(*cell)),
            Field::Json(raw) if raw.starts_with('"') => json::read_string(raw).filter(|text| !text.is_empty()),
            Field::Json(raw) if raw.starts_with(['{', '[']) || *raw == "null" => None,
            Field::Json(raw) => Some(Cow::Borrowed(*raw)),
        }
    }

    /// The first of `names` that has a text.
    pub(super) fn first_text(&self, names: &[&str]) -> Option<Cow<'r, str>> {
        names.iter().find_map(|name| self.text(name))
    }

    /// A number; fractions are cut off.
    pub(super) fn number(&self, name: &str) -> Option<u64> {
        let text = self.text(name)?;
        text.parse().ok().or_else(|| text.parse::<f64>().ok().filter(|value| *value >= 0.0).map(|value| value as u64))
    }

    /// A number with its fraction.
    pub(super) fn fraction(&self, name: &str) -> Option<f64> {
        self.text(name)?.parse().ok()
    }

    /// A time: seconds since 1970 UTC.
    pub(super) fn time(&self, name: &str) -> Option<i64> {
        time::read_time(&self.text(name)?)
    }

    /// A time in milliseconds since 1970 UTC.
    pub(super) fn milliseconds(&self, name: &str) -> Option<i64> {
        time::read_milliseconds(&self.text(name)?)
    }

    /// A nested object.
    pub(super) fn child(&self, name: &str) -> Option<Record<'r>> {
        match self.field(name)? {
            Field::Json(raw) => Record::from_json(raw),
            Field::Plain(cell) => Record::from_json(cell),
        }
    }

    /// Follows nested objects.
    pub(super) fn descend(&self, path: &[&str]) -> Option<Record<'r>> {
        let (first, rest) = path.split_first()?;
        let child = self.child(first)?;
        match rest {
            [] => Some(child),
            rest => child.descend(rest),
        }
    }

    /// A nested value, read whole; texts that hold JSON are read as such.
    pub(super) fn value(&self, name: &str) -> Option<Value> {
        let raw = match self.field(name)? {
            Field::Json(raw) if raw.starts_with('"') => json::read_string(raw)?,
            Field::Json(raw) | Field::Plain(raw) => Cow::Borrowed(*raw),
        };
        serde_json::from_str(&raw).ok().filter(|value: &Value| !value.is_null())
    }
}
