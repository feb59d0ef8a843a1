//! Lists and mappings that can be changed in place, as Python's are; and values as JSON and back.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use minijinja::{
    Error, ErrorKind, State, Value,
    value::{Enumerator, Kwargs, Object, ObjectRepr, ValueKind},
};
use serde_json::{Map, Value as Json};

use crate::template::unknown::Placeholder;

/// Deepest nesting of lists and mappings.
const MAX_DEPTH: usize = 64;
/// Most values that are looked through before one is put into a list.
const MAX_WALK: usize = 20_000;
/// Most items of a list or mapping.
const MAX_ITEMS: usize = 200_000;

/// A list.
#[derive(Debug, Default)]
pub(super) struct List(Mutex<Vec<Value>>);

/// A mapping, in the order of insertion.
#[derive(Debug, Default)]
pub(super) struct Dict(Mutex<Vec<(Value, Value)>>);

/// A list of `items`.
pub(super) fn list(items: Vec<Value>) -> Value {
    Value::from_object(List(Mutex::new(items)))
}

/// A mapping of `entries`; of two with one key the later wins.
pub(super) fn dict(entries: impl IntoIterator<Item = (Value, Value)>) -> Value {
    let whole = Dict::default();
    for (key, value) in entries {
        whole.put(key, value);
    }
    Value::from_object(whole)
}

fn invalid(message: &str) -> Error {
    Error::new(ErrorKind::InvalidOperation, message.to_owned())
}

/// Whether `value` may be put into the object at `into`: no cycles, no endless nesting.
fn may_hold(into: *const (), value: &Value) -> Result<(), Error> {
    let mut left = MAX_WALK;
    match holds(into, value, 0, &mut left) {
        false => Ok(()),
        true => Err(invalid("a list holds itself, or is nested too deeply")),
    }
}

fn holds(into: *const (), value: &Value, depth: usize, left: &mut usize) -> bool {
    let inner: Vec<Value> = if let Some(own) = value.downcast_object_ref::<List>() {
        if std::ptr::from_ref(own).cast::<()>() == into {
            return true;
        }
        own.lock().clone()
    } else if let Some(own) = value.downcast_object_ref::<Dict>() {
        if std::ptr::from_ref(own).cast::<()>() == into {
            return true;
        }
        own.lock().iter().map(|(_, value)| value.clone()).collect()
    } else if matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable) {
        value.try_iter().map(|items| items.take(*left).collect()).unwrap_or_default()
    } else {
        return false;
    };
    if depth >= MAX_DEPTH {
        return true;
    }
    inner.iter().any(|item| {
        if *left == 0 {
            return false;
        }
        *left -= 1;
        holds(into, item, depth + 1, left)
    })
}

impl List {
    fn lock(&self) -> MutexGuard<'_, Vec<Value>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn extend(self: &Arc<Self>, items: Vec<Value>) -> Result<(), Error> {
        for item in &items {
            may_hold(Arc::as_ptr(self).cast(), item)?;
        }
        let mut own = self.lock();
        if own.len() + items.len() > MAX_ITEMS {
            return Err(Error::new(ErrorKind::OutOfFuel, "a list grew too long"));
        }
        own.extend(items);
        Ok(())
    }
}

impl Object for List {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let own = self.lock();
        let at = key.as_i64()?;
        let at = if at < 0 { at + own.len() as i64 } else { at };
        own.get(usize::try_from(at).ok()?).cloned()
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.lock().clone())
    }

    fn call_method(self: &Arc<Self>, state: &mut State<'_, '_>, method: &str, arguments: &[Value]) -> Result<Value, Error> {
        let first = || arguments.first().cloned().ok_or_else(|| Error::from(ErrorKind::MissingArgument));
        state.consume_fuel(1)?;
        match method {
            "append" => self.extend(vec![first()?])?,
            "extend" => self.extend(first()?.try_iter()?.collect())?,
            "insert" => {
                let item = arguments.get(1).cloned().ok_or_else(|| Error::from(ErrorKind::MissingArgument))?;
                may_hold(Arc::as_ptr(self).cast(), &item)?;
                let mut own = self.lock();
                let at = usize::try_from(first()?.as_i64().unwrap_or(0)).unwrap_or(0).min(own.len());
                own.insert(at, item);
            }
            "pop" => {
                let mut own = self.lock();
                let at = arguments.first().and_then(Value::as_i64).unwrap_or(-1);
                let at = usize::try_from(if at < 0 { at + own.len() as i64 } else { at }).unwrap_or(usize::MAX);
                if at >= own.len() {
                    return Err(invalid("pop from an empty list"));
                }
                return Ok(own.remove(at));
            }
            "remove" => {
                let item = first()?;
                let mut own = self.lock();
                if let Some(at) = own.iter().position(|known| *known == item) {
                    own.remove(at);
                }
            }
            "clear" => self.lock().clear(),
            "reverse" => self.lock().reverse(),
            "sort" => self.lock().sort(),
            "copy" => return Ok(list(self.lock().clone())),
            "count" => {
                let item = first()?;
                return Ok(Value::from(self.lock().iter().filter(|known| **known == item).count()));
            }
            "index" => {
                let item = first()?;
                let at = self.lock().iter().position(|known| *known == item);
                return at.map(Value::from).ok_or_else(|| invalid("not in the list"));
            }
            _ => return Err(Error::from(ErrorKind::UnknownMethod)),
        }
        Ok(Value::from(()))
    }

    fn render(self: &Arc<Self>, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_items(out, &self.lock().clone())
    }
}

impl Dict {
    fn lock(&self) -> MutexGuard<'_, Vec<(Value, Value)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, key: Value, value: Value) {
        let mut own = self.lock();
        match own.iter_mut().find(|(known, _)| *known == key) {
            Some(entry) => entry.1 = value,
            None => own.push((key, value)),
        }
    }

    fn take_all(self: &Arc<Self>, entries: Vec<(Value, Value)>) -> Result<(), Error> {
        if self.lock().len() + entries.len() > MAX_ITEMS / 20 {
            return Err(Error::new(ErrorKind::OutOfFuel, "a mapping grew too large"));
        }
        for (key, value) in entries {
            may_hold(Arc::as_ptr(self).cast(), &value)?;
            self.put(key, value);
        }
        Ok(())
    }
}

impl Object for Dict {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Map
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.lock().iter().find(|(known, _)| known == key).map(|(_, value)| value.clone())
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.lock().iter().map(|(key, _)| key.clone()).collect())
    }

    fn call_method(self: &Arc<Self>, state: &mut State<'_, '_>, method: &str, arguments: &[Value]) -> Result<Value, Error> {
        state.consume_fuel(1)?;
        match method {
            "update" => {
                for argument in arguments {
                    self.take_all(entries_of(argument)?)?;
                }
                Ok(Value::from(()))
            }
            "setdefault" => {
                let key = arguments.first().cloned().unwrap_or_default();
                if let Some(known) = self.get_value(&key) {
                    return Ok(known);
                }
                let value = arguments.get(1).cloned().unwrap_or_else(|| Value::from(()));
                self.take_all(vec![(key, value.clone())])?;
                Ok(value)
            }
            "pop" => {
                let key = arguments.first().cloned().unwrap_or_default();
                let mut own = self.lock();
                match own.iter().position(|(known, _)| *known == key) {
                    Some(at) => Ok(own.remove(at).1),
                    None => arguments.get(1).cloned().ok_or_else(|| invalid("no such key")),
                }
            }
            "copy" => Ok(dict(self.lock().clone())),
            "clear" => {
                self.lock().clear();
                Ok(Value::from(()))
            }
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }

    fn render(self: &Arc<Self>, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("{")?;
        for (at, (key, value)) in self.lock().clone().iter().enumerate() {
            if at > 0 {
                out.write_str(", ")?;
            }
            write_quoted(out, key)?;
            out.write_str(": ")?;
            write_quoted(out, value)?;
        }
        out.write_str("}")
    }
}

/// The entries of a mapping; of named arguments too.
pub(super) fn entries_of(value: &Value) -> Result<Vec<(Value, Value)>, Error> {
    if value.kind() != ValueKind::Map {
        let pairs = value.try_iter()?;
        return pairs.map(|pair| Ok((pair.get_item_by_index(0)?, pair.get_item_by_index(1)?))).collect();
    }
    value.try_iter()?.map(|key| Ok((key.clone(), value.get_item(&key)?))).collect()
}

fn write_items(out: &mut fmt::Formatter<'_>, items: &[Value]) -> fmt::Result {
    out.write_str("[")?;
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.write_str(", ")?;
        }
        write_quoted(out, item)?;
    }
    out.write_str("]")
}

/// As Python shows a value inside another.
fn write_quoted(out: &mut fmt::Formatter<'_>, value: &Value) -> fmt::Result {
    match value.as_str() {
        Some(text) => write!(out, "'{}'", text.replace('\'', "\\'")),
        None => write!(out, "{}", show(value)),
    }
}

/// As Python's `str` shows a value.
pub(super) fn show(value: &Value) -> String {
    match value.kind() {
        ValueKind::None => "None".to_owned(),
        ValueKind::Undefined => String::new(),
        ValueKind::Bool => if value.is_true() { "True" } else { "False" }.to_owned(),
        ValueKind::Seq if value.is_tuple() => {
            let items: Vec<String> = value.try_iter().map(|items| items.map(|item| quoted(&item)).collect()).unwrap_or_default();
            if items.len() == 1 { format!("({},)", items.concat()) } else { format!("({})", items.join(", ")) }
        }
        ValueKind::Seq if value.downcast_object_ref::<List>().is_none() => {
            let items: Vec<String> = value.try_iter().map(|items| items.map(|item| quoted(&item)).collect()).unwrap_or_default();
            format!("[{}]", items.join(", "))
        }
        _ => value.to_string(),
    }
}

fn quoted(value: &Value) -> String {
    value.as_str().map_or_else(|| show(value), |text| format!("'{}'", text.replace('\'', "\\'")))
}

/// A JSON value as templates see it; lists and mappings can be changed.
pub(super) fn from_json(json: &Json) -> Value {
    match json {
        Json::Null => Value::from(()),
        Json::Bool(truth) => Value::from(*truth),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => Value::from(whole),
            (None, fraction) => Value::from(fraction.unwrap_or_default()),
        },
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => list(items.iter().map(from_json).collect()),
        Json::Object(entries) => dict(entries.iter().map(|(key, value)| (Value::from(key.as_str()), from_json(value)))),
    }
}

/// A value as JSON; what has no JSON is shown as text, what is not known is null.
pub(super) fn to_json(value: &Value, depth: usize) -> Json {
    if Placeholder::is(value) || depth > MAX_DEPTH {
        return Json::Null;
    }
    match value.kind() {
        ValueKind::None | ValueKind::Undefined => Json::Null,
        ValueKind::Bool => Json::Bool(value.is_true()),
        ValueKind::Number => match (value.as_i64(), f64::try_from(value.clone())) {
            (Some(whole), _) => Json::from(whole),
            (None, Ok(number)) => Json::from(number),
            (None, Err(_)) => Json::Null,
        },
        ValueKind::Seq | ValueKind::Iterable => {
            let items = value.try_iter().map(|items| items.take(MAX_ITEMS).map(|item| to_json(&item, depth + 1)).collect());
            Json::Array(items.unwrap_or_default())
        }
        ValueKind::Map => {
            let entries = entries_of(value).unwrap_or_default();
            let entries = entries.into_iter().map(|(key, value)| (key.to_string(), to_json(&value, depth + 1)));
            Json::Object(entries.collect::<Map<String, Json>>())
        }
        _ => Json::String(value.to_string()),
    }
}

/// Arguments by place and by name.
pub(super) struct Arguments {
    pub(super) placed: Vec<Value>,
    pub(super) named: Vec<(String, Value)>,
}

impl Arguments {
    pub(super) fn new(arguments: &[Value]) -> Arguments {
        match arguments.split_last() {
            Some((last, placed)) if last.is_kwargs() => {
                let named = Kwargs::try_from(last.clone());
                let named = named.map(|kwargs| {
                    let names: Vec<String> = kwargs.args().map(str::to_owned).collect();
                    names.into_iter().filter_map(|name| Some((name.clone(), kwargs.peek::<Value>(&name).ok()?))).collect()
                });
                Arguments { placed: placed.to_vec(), named: named.unwrap_or_default() }
            }
            _ => Arguments { placed: arguments.to_vec(), named: Vec::new() },
        }
    }

    /// The argument at place `at`, or called `name`.
    pub(super) fn get(&self, at: usize, name: &str) -> Option<Value> {
        self.placed.get(at).cloned().or_else(|| self.named(name))
    }

    /// The argument called `name`.
    pub(super) fn named(&self, name: &str) -> Option<Value> {
        self.named.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    }

    /// The text of the argument at place `at`, or called `name`.
    pub(super) fn text(&self, at: usize, name: &str) -> Option<String> {
        self.get(at, name).filter(|value| !value.is_none() && !value.is_undefined()).map(|value| value.to_string())
    }
}
