//! The Python methods that templates call on strings, lists and maps.

use minijinja::{Error, ErrorKind, State, Value, value::ValueKind};

/// Calls `method` of `value`.
pub(super) fn call_method(state: &mut State<'_, '_>, value: &Value, method: &str, arguments: &[Value]) -> Result<Value, Error> {
    let unknown = || Error::new(ErrorKind::UnknownMethod, format!("`{method}` is not known"));
    let word = |at: usize| arguments.get(at).and_then(|argument| argument.as_str());
    if let Some(text) = value.as_str() {
        return Ok(match method {
            "upper" => Value::from(text.to_uppercase()),
            "lower" => Value::from(text.to_lowercase()),
            "strip" => Value::from(text.trim()),
            "lstrip" => Value::from(text.trim_start()),
            "rstrip" => Value::from(text.trim_end()),
            "startswith" => Value::from(word(0).is_some_and(|start| text.starts_with(start))),
            "endswith" => Value::from(word(0).is_some_and(|end| text.ends_with(end))),
            "title" => state.apply_filter("title", std::slice::from_ref(value))?,
            "capitalize" => state.apply_filter("capitalize", std::slice::from_ref(value))?,
            "replace" => state.apply_filter("replace", &[std::slice::from_ref(value), arguments].concat())?,
            "split" => state.apply_filter("split", &[std::slice::from_ref(value), arguments].concat())?,
            "join" => {
                let items = arguments.first().cloned().ok_or_else(unknown)?;
                state.apply_filter("join", &[items, value.clone()])?
            }
            _ => return Err(unknown()),
        });
    }
    match (value.kind(), method) {
        (ValueKind::Map, "items") => state.apply_filter("items", std::slice::from_ref(value)),
        (ValueKind::Map, "keys") => state.apply_filter("list", std::slice::from_ref(value)),
        (ValueKind::Map, "values") => {
            let keys = value.try_iter()?.collect::<Vec<_>>();
            keys.iter().map(|key| value.get_item(key)).collect::<Result<Vec<_>, _>>().map(Value::from)
        }
        (ValueKind::Map, "get") => {
            let key = arguments.first().ok_or_else(unknown)?;
            let found = value.get_item(key)?;
            Ok(if found.is_undefined() { arguments.get(1).cloned().unwrap_or_else(|| Value::from(())) } else { found })
        }
        _ => Err(unknown()),
    }
}
