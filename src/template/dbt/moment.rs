//! The time of a run, which no rendering may know: one fixed day stands for it.

use std::{fmt, sync::Arc};

use minijinja::{
    Error, ErrorKind, State, Value,
    value::{Object, ObjectRepr},
};

use super::run::Run;

/// The year of the day that stands for the day of a run; its month and day are the first.
const YEAR: i64 = 2026;

/// The time of a run, at midnight.
#[derive(Debug)]
pub(super) struct Moment;

impl Object for Moment {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        Some(match key.as_str()? {
            "year" => Value::from(YEAR),
            "month" | "day" => Value::from(1),
            "hour" | "minute" | "second" | "microsecond" => Value::from(0),
            _ => return None,
        })
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, method: &str, arguments: &[Value]) -> Result<Value, Error> {
        Ok(match method {
            "strftime" => Value::from(format_moment(arguments.first().and_then(Value::as_str).unwrap_or_default())),
            "isoformat" => Value::from(format!("{YEAR}-01-01T00:00:00")),
            "timestamp" => Value::from((YEAR - 1970) * 31_556_952),
            "weekday" | "isoweekday" => Value::from(4),
            "astimezone" | "replace" | "date" | "time" | "combine" => Value::from_dyn_object(self.clone()),
            _ => return Err(Error::from(ErrorKind::UnknownMethod)),
        })
    }

    fn render(self: &Arc<Self>, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{YEAR}-01-01 00:00:00+00:00")
    }
}

fn format_moment(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 8);
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        if letter != '%' {
            out.push(letter);
            continue;
        }
        match letters.next() {
            Some('Y') => out.push_str(&YEAR.to_string()),
            Some('y') => out.push_str(&(YEAR % 100).to_string()),
            Some('m' | 'd' | 'j') => out.push_str("01"),
            Some('H' | 'M' | 'S' | 'W' | 'U' | 'V') => out.push_str("00"),
            Some('f') => out.push_str("000000"),
            Some('F') => out.push_str(&format!("{YEAR}-01-01")),
            Some('T') => out.push_str("00:00:00"),
            Some('b') => out.push_str("Jan"),
            Some('B') => out.push_str("January"),
            Some('a') => out.push_str("Thu"),
            Some('A') => out.push_str("Thursday"),
            Some('%') => out.push('%'),
            Some(_) | None => {}
        }
    }
    out
}

/// `modules`, and everything in it: only the present time is known.
pub(super) struct Module {
    name: String,
    run: Arc<Run>,
}

impl Module {
    pub(super) fn value(name: &str, run: &Arc<Run>) -> Value {
        Value::from_object(Module { name: name.to_owned(), run: run.clone() })
    }
}

impl fmt::Debug for Module {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.name)
    }
}

impl Object for Module {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        (self.name.len() < 200).then(|| Module::value(&format!("{}.{}", self.name, key.as_str().unwrap_or_default()), &self.run))
    }

    fn call(self: &Arc<Self>, _: &mut State<'_, '_>, arguments: &[Value]) -> Result<Value, Error> {
        Ok(self.called("", arguments))
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, method: &str, arguments: &[Value]) -> Result<Value, Error> {
        Ok(self.called(method, arguments))
    }
}

impl Module {
    fn called(&self, method: &str, arguments: &[Value]) -> Value {
        let now = matches!(method, "now" | "utcnow" | "today");
        if now && self.name.starts_with("modules.datetime") {
            return Value::from_object(Moment);
        }
        let words = arguments.iter().filter_map(|argument| argument.as_str()).filter(|word| word.len() <= 60);
        let shown: Vec<String> = words.map(|word| format!("'{word}'")).collect();
        let method = if method.is_empty() { String::new() } else { format!(".{method}") };
        self.run.unknowns.placeholder(&format!("{}{method}({})", self.name, shown.join(", ")))
    }
}
