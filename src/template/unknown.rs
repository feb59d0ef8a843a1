//! Values that are only known at run time: what they render as, and what is assumed of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use minijinja::{
    Error, ErrorKind, State, Value,
    value::{Object, ObjectRepr},
};

use super::PLACEHOLDER_PREFIX;

/// What is assumed of conditions during one rendering.
#[derive(Clone, Debug)]
pub(super) struct Assumptions {
    /// Of every condition …
    pub(super) otherwise: bool,
    /// … but of this one the contrary.
    pub(super) except: Option<String>,
}

/// The unknown values and conditions that one rendering met.
#[derive(Clone, Debug)]
pub(super) struct Unknowns {
    met: Arc<Mutex<Met>>,
    deadline: Instant,
}

#[derive(Debug)]
struct Met {
    assumptions: Assumptions,
    assumed: Vec<(String, bool)>,
    /// What each placeholder stands for.
    names: BTreeMap<String, String>,
}

impl Unknowns {
    /// Nothing met so far.
    pub(super) fn new(assumptions: Assumptions, deadline: Instant) -> Unknowns {
        let met = Met { assumptions, assumed: Vec::new(), names: BTreeMap::new() };
        Unknowns { met: Arc::new(Mutex::new(met)), deadline }
    }

    /// What each placeholder that was rendered stands for.
    pub(super) fn names(&self) -> BTreeMap<String, String> {
        self.lock().names.clone()
    }

    /// What was assumed, in order of appearance.
    pub(super) fn assumed(&self) -> Vec<(String, bool)> {
        self.lock().assumed.clone()
    }

    /// When rendering must have ended.
    pub(super) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// A value of which only the name is known.
    pub(super) fn placeholder(&self, name: &str) -> Value {
        Value::from_object(Placeholder { name: name.to_owned(), unknowns: self.clone() })
    }

    /// Whether `condition` is assumed to hold; `not x` is the contrary of `x`.
    pub(super) fn decide(&self, condition: &str) -> Result<bool, Error> {
        if Instant::now() > self.deadline {
            return Err(Error::new(ErrorKind::OutOfFuel, "it took too long"));
        }
        let mut positive = condition.trim();
        let mut negated = false;
        while let Some(rest) = positive.strip_prefix("not ") {
            // `not a and b` is not the contrary of `a and b`.
            if [" and ", " or ", " if "].iter().any(|word| rest.contains(word)) {
                break;
            }
            negated = !negated;
            positive = rest.trim_start();
        }
        let mut met = self.lock();
        let holds = met.assumptions.otherwise != (met.assumptions.except.as_deref() == Some(positive));
        if !met.assumed.iter().any(|(known, _)| known == positive) {
            met.assumed.push((positive.to_owned(), holds));
        }
        Ok(holds != negated)
    }

    fn lock(&self) -> MutexGuard<'_, Met> {
        self.met.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A value of which only the name is known: `metrics.calculate()`.
#[derive(Debug)]
pub(super) struct Placeholder {
    name: String,
    unknowns: Unknowns,
}

impl Placeholder {
    /// Whether `value` is one.
    pub(super) fn is(value: &Value) -> bool {
        value.downcast_object_ref::<Placeholder>().is_some()
    }

    /// Whether `condition`, in which it takes part, is assumed to hold.
    pub(super) fn decide(&self, condition: &str) -> Result<bool, Error> {
        self.unknowns.decide(condition)
    }

    /// One row of `width` items, where `value` is a placeholder that a loop runs over.
    pub(super) fn rows(value: &Value, width: usize) -> Option<Value> {
        let placeholder = value.downcast_object_ref::<Placeholder>()?;
        let item = |number: usize| placeholder.child(&format!("[{number}]"));
        let row = match width {
            0 | 1 => placeholder.child("[]"),
            _ => Value::from((0..width.min(100)).map(item).collect::<Vec<_>>()),
        };
        Some(Value::from(vec![row]))
    }

    fn child(&self, part: &str) -> Value {
        // Names grow with every step; a loop must not make them grow without end.
        let name = if self.name.len() > 200 { self.name.clone() } else { format!("{}{part}", self.name) };
        self.unknowns.placeholder(&name)
    }

    fn called(&self, callee: &str, arguments: &[Value]) -> Value {
        let words = arguments.iter().filter_map(|argument| argument.as_str()).filter(|word| word.len() <= 60);
        let shown: Vec<String> = words.map(|word| format!("'{word}'")).collect();
        self.child(&format!("{callee}({})", shown.join(", ")))
    }

    /// A SQL identifier made of the name.
    fn identifier(&self) -> String {
        let mut identifier = PLACEHOLDER_PREFIX.to_owned();
        for letter in self.name.chars() {
            let kept = if letter.is_ascii_alphanumeric() { letter } else { '_' };
            if kept != '_' || !identifier.ends_with('_') {
                identifier.push(kept);
            }
        }
        identifier.truncate(120);
        identifier.trim_end_matches('_').to_owned()
    }
}

impl Object for Placeholder {
    // Not iterable: loops take their rows from `rows`, and `unknown * 7` is not a list of seven.
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        Some(match key.as_str() {
            Some(word) => self.child(&format!(".{word}")),
            None => self.child(&format!("[{key}]")),
        })
    }

    fn is_true(self: &Arc<Self>) -> bool {
        // Out of time: the next condition or step says so.
        self.unknowns.decide(&self.name).unwrap_or(false)
    }

    fn call(self: &Arc<Self>, _: &mut State<'_, '_>, arguments: &[Value]) -> Result<Value, Error> {
        Ok(self.called("", arguments))
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, method: &str, arguments: &[Value]) -> Result<Value, Error> {
        Ok(self.called(&format!(".{method}"), arguments))
    }

    fn render(self: &Arc<Self>, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let identifier = self.identifier();
        out.write_str(&identifier)?;
        self.unknowns.lock().names.insert(identifier, self.name.clone());
        Ok(())
    }
}

/// What templates see: the values that are set, and placeholders for all other names.
#[derive(Debug)]
pub(super) struct Root {
    variables: BTreeMap<String, Value>,
    /// The engine's own functions.
    globals: BTreeSet<String>,
    unknowns: Unknowns,
}

impl Root {
    pub(super) fn new(variables: &BTreeMap<String, serde_json::Value>, globals: BTreeSet<String>, unknowns: Unknowns) -> Root {
        let variables = variables.iter().map(|(name, value)| (name.clone(), make_value(value))).collect();
        Root { variables, globals, unknowns }
    }
}

impl Object for Root {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let name = key.as_str()?;
        if let Some(value) = self.variables.get(name) {
            return Some(value.clone());
        }
        let own = self.globals.contains(name) || matches!(name, "loop" | "caller" | "self" | "super" | "varargs" | "kwargs");
        (!own).then(|| self.unknowns.placeholder(name))
    }
}

fn make_value(json: &serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Value::from(()),
        serde_json::Value::Bool(truth) => Value::from(*truth),
        serde_json::Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => Value::from(whole),
            (None, fraction) => Value::from(fraction.unwrap_or_default()),
        },
        serde_json::Value::String(text) => Value::from(text.as_str()),
        serde_json::Value::Array(items) => Value::from(items.iter().map(make_value).collect::<Vec<_>>()),
        serde_json::Value::Object(entries) => {
            Value::from(entries.iter().map(|(key, value)| (key.clone(), make_value(value))).collect::<BTreeMap<_, _>>())
        }
    }
}
