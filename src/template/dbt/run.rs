//! One rendering of one file: what names mean in it, macros being called, and what was met on the way.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use minijinja::{
    Error, ErrorKind, State, Value,
    value::{Object, ObjectRepr},
};
use serde_json::{Map, Value as Json};

use super::{
    Columns,
    functions::{Native, find_native, find_value},
    library::Inner,
    values::{Arguments, dict, list},
};
use crate::{
    model::RelationName,
    template::{
        rewrite::{Tags, rewrite},
        unknown::{Assumptions, Unknowns},
    },
};

/// The text of the error that ends a macro with a value.
const RETURN: &str = "__wellspring_return";
/// Tags of one macro that are given up, because they compute with what is not known.
const MAX_BROKEN: usize = 12;
/// Most calls of macros in one rendering.
const MAX_CALLS: usize = 200_000;

/// What was met while rendering.
#[derive(Default)]
pub(super) struct Met {
    /// What `return` was given, until the macro that it ends takes it.
    returned: Option<Value>,
    /// What `config` was given.
    pub(super) config: Map<String, Json>,
    /// Relations whose columns were asked for.
    pub(super) asked: BTreeSet<RelationName>,
    /// Ephemeral models that are read, in order of need: (project, node).
    pub(super) ephemeral: Vec<(usize, usize)>,
    /// What could not be found or computed: (kind, name, message).
    pub(super) remarks: BTreeSet<Remark>,
    /// Tags of macros that are given up.
    broken: HashMap<usize, BTreeSet<usize>>,
}

/// Something that a rendering could not do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Remark {
    /// A macro that nothing defines.
    UnknownMacro(String),
    /// A macro that could not be followed to its end, and why.
    BrokenMacro(String, String),
    /// A reference to nothing, as it is called.
    Unresolved(String),
    /// A macro refused what it was given.
    Refused(String),
}

/// One rendering.
pub(super) struct Run {
    pub(super) inner: Arc<Inner>,
    /// The node that is rendered: (project, node); `None` beside any node.
    pub(super) node: Option<(usize, usize)>,
    pub(super) columns: Arc<Columns>,
    pub(super) unknowns: Unknowns,
    /// False while only configuration is read, as dbt does while it parses.
    pub(super) executing: bool,
    met: Arc<Mutex<Met>>,
    calls: Arc<AtomicUsize>,
    depth: Arc<AtomicUsize>,
    deadline: Instant,
}

impl Run {
    /// A rendering of `node` under assumptions.
    pub(super) fn new(inner: Arc<Inner>, node: Option<(usize, usize)>, unknowns: Unknowns, columns: Arc<Columns>) -> Arc<Run> {
        let deadline = unknowns.deadline();
        Arc::new(Run {
            inner,
            node,
            columns,
            unknowns,
            executing: true,
            met: Arc::default(),
            calls: Arc::default(),
            depth: Arc::default(),
            deadline,
        })
    }

    /// A run beside any node: for settings.
    pub(super) fn beside(inner: Arc<Inner>) -> Arc<Run> {
        Run::of_settings(inner, None)
    }

    /// A run in which dbt would only parse.
    pub(super) fn of_settings(inner: Arc<Inner>, node: Option<(usize, usize)>) -> Arc<Run> {
        let deadline = Instant::now() + inner.shared.settings.max_time;
        let unknowns = Unknowns::new(Assumptions { otherwise: true, except: None }, deadline);
        let columns = Arc::new(BTreeMap::new());
        let run = Run::new(inner, node, unknowns, columns);
        Arc::new(Run { executing: false, ..Run::copy(&run) })
    }

    /// The same run, for another node that is rendered on the way.
    pub(super) fn of_node(self: &Arc<Run>, node: (usize, usize)) -> Arc<Run> {
        Arc::new(Run { node: Some(node), ..Run::copy(self) })
    }

    fn copy(run: &Run) -> Run {
        Run {
            inner: run.inner.clone(),
            node: run.node,
            columns: run.columns.clone(),
            unknowns: run.unknowns.clone(),
            executing: run.executing,
            met: run.met.clone(),
            calls: run.calls.clone(),
            depth: run.depth.clone(),
            deadline: run.deadline,
        }
    }

    /// What was met so far.
    pub(super) fn met(&self) -> MutexGuard<'_, Met> {
        self.met.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn remark(&self, remark: Remark) {
        self.met().remarks.insert(remark);
    }

    /// The project that names are looked up in: the node's.
    pub(super) fn project(&self) -> usize {
        self.node.map_or(self.inner.project, |(project, _)| project)
    }

    /// What a file sees in which `called` are called.
    pub(super) fn scope_calling(self: &Arc<Run>, called: BTreeSet<String>) -> Value {
        Value::from_object(Scope { locals: Vec::new(), package: 0, run: self.clone(), called })
    }

    /// Calls whatever `name` means, outside of any text.
    pub(super) fn call_named(self: &Arc<Run>, name: &str, arguments: &[Value]) -> Option<Value> {
        let scope = Scope { locals: Vec::new(), package: 0, run: self.clone(), called: BTreeSet::new() };
        let callee = scope.find(name)?;
        let mut state = self.inner.environment.empty_state();
        callee.call(&mut state, arguments).ok()
    }

    /// Renders a text that stands in settings; as it is where it holds no Jinja or cannot be rendered.
    pub(super) fn render_text(self: &Arc<Run>, text: &str) -> String {
        if !text.contains("{{") && !text.contains("{%") {
            return text.to_owned();
        }
        let render = || {
            let rewritten = rewrite(text, &BTreeSet::new(), Tags::Dbt).ok()?;
            let scope = self.scope_calling(rewritten.called.clone());
            self.inner.environment.render_named_str("settings", &rewritten.text, scope).ok()
        };
        render().unwrap_or_else(|| text.to_owned())
    }

    /// The value of the one expression that `text` is, where it is one.
    pub(super) fn evaluate(self: &Arc<Run>, text: &str) -> Option<Value> {
        let inner = text.trim().strip_prefix("{{")?.strip_suffix("}}")?;
        if inner.contains("{{") || inner.contains("{%") {
            return None;
        }
        let rewritten = rewrite(text.trim(), &BTreeSet::new(), Tags::Dbt).ok()?;
        let expression = rewritten.text.strip_prefix("{{")?.strip_suffix("}}")?.trim_matches(['-', ' ', '\n']);
        let scope = self.scope_calling(rewritten.called.clone());
        self.inner.environment.compile_expression(expression).ok()?.eval(scope).ok()
    }

    /// JSON of settings as templates see it: with what is Jinja rendered.
    pub(super) fn settle(self: &Arc<Run>, json: &Json) -> Value {
        match json {
            Json::String(text) if text.contains("{{") || text.contains("{%") => {
                self.evaluate(text).unwrap_or_else(|| Value::from(self.render_text(text)))
            }
            Json::Array(items) => list(items.iter().map(|item| self.settle(item)).collect()),
            Json::Object(entries) => dict(entries.iter().map(|(key, value)| (Value::from(key.as_str()), self.settle(value)))),
            other => super::values::from_json(other),
        }
    }

    /// Ends the macro that is running with `value`.
    pub(super) fn give_back(&self, value: Value) -> Error {
        self.met().returned = Some(value);
        Error::new(ErrorKind::InvalidOperation, RETURN)
    }

    /// What `error` gives back, where it ends a macro.
    pub(super) fn take_back(&self, error: &Error) -> Option<Value> {
        (error.detail() == Some(RETURN)).then(|| self.met().returned.take()).flatten()
    }

    fn check_bounds(&self) -> Result<(), Error> {
        if Instant::now() > self.deadline {
            return Err(Error::new(ErrorKind::OutOfFuel, "it took too long"));
        }
        if self.calls.fetch_add(1, Ordering::Relaxed) > MAX_CALLS {
            return Err(Error::new(ErrorKind::OutOfFuel, "it calls macros too often"));
        }
        Ok(())
    }
}

/// What names mean in a text.
pub(super) struct Scope {
    locals: Vec<(String, Value)>,
    package: usize,
    run: Arc<Run>,
    called: BTreeSet<String>,
}

impl fmt::Debug for Scope {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Scope")
    }
}

impl Scope {
    fn find(&self, name: &str) -> Option<Value> {
        if let Some((_, value)) = self.locals.iter().find(|(known, _)| known == name) {
            return Some(value.clone());
        }
        let run = &self.run;
        // What only the warehouse could answer is never computed.
        if name == "is_incremental" {
            return find_native(name).map(|native| Native::value(native, run, self.package));
        }
        if let Some(index) = run.inner.find_macro(self.package, name) {
            return Some(MacroObject::value(index, run));
        }
        if let Some(native) = find_native(name) {
            return Some(Native::value(native, run, self.package));
        }
        if let Some(value) = find_value(name, run, self.package) {
            return Some(value);
        }
        if let Some(index) = run.inner.find_dbt_macro(name) {
            return Some(MacroObject::value(index, run));
        }
        let packages = run.inner.packages_named(name);
        if !packages.is_empty() {
            return Some(Value::from_object(PackageObject { name: name.to_owned(), packages, run: run.clone() }));
        }
        None
    }
}

impl Object for Scope {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Map
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let name = key.as_str()?;
        if let Some(value) = self.find(name) {
            return Some(value);
        }
        // A tag that was given up.
        if name.starts_with("expression_") && !self.called.contains(name) {
            return Some(self.run.unknowns.placeholder(name));
        }
        let own = name.starts_with("__wellspring") || is_engines(name);
        if own || !(self.called.contains(name) || self.run.inner.called.contains(name)) {
            return None;
        }
        Some(Value::from_object(Missing { name: name.to_owned(), run: self.run.clone() }))
    }
}

/// Names that the template engine itself gives a meaning.
fn is_engines(name: &str) -> bool {
    matches!(
        name,
        "loop"
            | "caller"
            | "self"
            | "super"
            | "varargs"
            | "kwargs"
            | "range"
            | "dict"
            | "namespace"
            | "debug"
            | "cycler"
            | "joiner"
    )
}

/// A package, as a name before a dot.
pub(super) struct PackageObject {
    name: String,
    packages: Vec<usize>,
    run: Arc<Run>,
}

impl fmt::Debug for PackageObject {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "package {}", self.name)
    }
}

impl Object for PackageObject {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let name = key.as_str()?;
        let inner = &self.run.inner;
        let found = self.packages.iter().find_map(|package| inner.packages.get(*package)?.macros.get(name).copied());
        if let Some(index) = found {
            return Some(MacroObject::value(index, &self.run));
        }
        if self.name == "dbt"
            && let Some(native) = find_native(name)
        {
            return Some(Native::value(native, &self.run, 0));
        }
        Some(Value::from_object(Missing { name: format!("{}.{name}", self.name), run: self.run.clone() }))
    }
}

/// Something that is called and that nothing defines.
struct Missing {
    name: String,
    run: Arc<Run>,
}

impl fmt::Debug for Missing {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "missing {}", self.name)
    }
}

impl Object for Missing {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn is_true(self: &Arc<Self>) -> bool {
        false
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let name = format!("{}.{}", self.name, key.as_str()?);
        Some(Value::from_object(Missing { name, run: self.run.clone() }))
    }

    fn call(self: &Arc<Self>, _: &mut State<'_, '_>, _: &[Value]) -> Result<Value, Error> {
        self.run.remark(Remark::UnknownMacro(self.name.clone()));
        Ok(self.run.unknowns.placeholder(&format!("{}()", self.name)))
    }

    fn render(self: &Arc<Self>, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

/// A macro that can be called.
pub(super) struct MacroObject {
    index: usize,
    run: Arc<Run>,
}

impl fmt::Debug for MacroObject {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "macro {}", self.index)
    }
}

impl MacroObject {
    pub(super) fn value(index: usize, run: &Arc<Run>) -> Value {
        Value::from_object(MacroObject { index, run: run.clone() })
    }

    fn name(&self) -> &str {
        self.run.inner.macros.get(self.index).map_or("", |known| known.name.as_str())
    }

    /// What the parameters mean for these arguments.
    fn bind(&self, state: &mut State<'_, '_>, arguments: &[Value]) -> Result<Scope, Error> {
        let run = &self.run;
        let inner = run.inner.clone();
        let Some(known) = inner.macros.get(self.index) else { return Err(Error::from(ErrorKind::UnknownFunction)) };
        let mut given = Arguments::new(arguments);
        let mut locals: Vec<(String, Value)> = Vec::with_capacity(known.parameters.len() + 3);
        if let Some(at) = given.named.iter().position(|(name, _)| name == "caller") {
            let (_, caller) = given.named.remove(at);
            // It belongs to the text that calls, so that it is rendered here.
            if known.uses_caller {
                let text = caller.call(state, &[]).unwrap_or_default();
                locals.push(("caller".to_owned(), Value::from_object(Caller(text.to_string()))));
            }
        }
        for (at, (name, _)) in known.parameters.iter().enumerate() {
            let value = match given.placed.get(at) {
                Some(value) => Some(value.clone()),
                None => given.named.iter().position(|(given, _)| given == name).map(|at| given.named.remove(at).1),
            };
            if let Some(value) = value {
                locals.push((name.clone(), value));
            }
        }
        let rest: Vec<Value> = given.placed.into_iter().skip(known.parameters.len()).collect();
        locals.push(("varargs".to_owned(), list(rest)));
        let named = given.named.into_iter().map(|(name, value)| (Value::from(name), value));
        locals.push(("kwargs".to_owned(), dict(named)));
        let mut scope = Scope { locals, package: known.package, run: run.clone(), called: BTreeSet::new() };
        for (name, default) in &known.parameters {
            if scope.locals.iter().any(|(known, _)| known == name) {
                continue;
            }
            let value = match default.as_deref().map(str::trim) {
                None => Value::UNDEFINED,
                Some("none" | "None") => Value::from(()),
                Some("true" | "True") => Value::from(true),
                Some("false" | "False") => Value::from(false),
                Some(text) => {
                    let outer =
                        Scope { locals: scope.locals.clone(), package: scope.package, run: run.clone(), called: BTreeSet::new() };
                    let expression = inner.environment.compile_expression(text);
                    expression.and_then(|expression| expression.eval(Value::from_object(outer))).unwrap_or_default()
                }
            };
            scope.locals.push((name.clone(), value));
        }
        Ok(scope)
    }

    /// Renders the body; tags that compute with what is not known are given up one after the other.
    fn render_body(&self, scope: Scope) -> Result<Value, Error> {
        let run = &self.run;
        let inner = run.inner.clone();
        let Some(known) = inner.macros.get(self.index) else { return Err(Error::from(ErrorKind::UnknownFunction)) };
        let context = Value::from_object(scope);
        loop {
            let broken = run.met().broken.get(&self.index).cloned().unwrap_or_default();
            let rendered = if broken.is_empty() {
                inner.environment.get_template(&known.template).and_then(|template| template.render(context.clone()))
            } else {
                rewrite(&known.body, &broken, Tags::Dbt)
                    .and_then(|rewritten| inner.environment.render_named_str(&known.template, &rewritten.text, context.clone()))
            };
            let error = match rendered {
                Ok(text) => return Ok(Value::from(text)),
                Err(error) => error,
            };
            if let Some(value) = run.take_back(&error) {
                return Ok(value);
            }
            if error.kind() == ErrorKind::OutOfFuel {
                return Err(error);
            }
            let why = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
            run.remark(Remark::BrokenMacro(known.name.clone(), why));
            let tag = rewrite(&known.body, &broken, Tags::Dbt).ok().and_then(|rewritten| {
                let range = error.range()?;
                rewritten.tag_at(range.start)
            });
            let mut met = run.met();
            let broken = met.broken.entry(self.index).or_default();
            if error.kind() == ErrorKind::SyntaxError || broken.len() >= MAX_BROKEN || !tag.is_some_and(|tag| broken.insert(tag))
            {
                drop(met);
                return Ok(run.unknowns.placeholder(&format!("{}()", known.name)));
            }
        }
    }
}

impl Object for MacroObject {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn is_true(self: &Arc<Self>) -> bool {
        true
    }

    fn call(self: &Arc<Self>, state: &mut State<'_, '_>, arguments: &[Value]) -> Result<Value, Error> {
        let run = &self.run;
        run.check_bounds()?;
        if run.depth.fetch_add(1, Ordering::Relaxed) >= run.inner.shared.settings.max_depth {
            run.depth.fetch_sub(1, Ordering::Relaxed);
            let message = format!("macros call each other too deeply, at `{}`", self.name());
            return Err(Error::new(ErrorKind::OutOfFuel, message));
        }
        let value = stacker::maybe_grow(256 << 10, 2 << 20, || {
            let scope = self.bind(state, arguments)?;
            self.render_body(scope)
        });
        run.depth.fetch_sub(1, Ordering::Relaxed);
        value
    }

    fn render(self: &Arc<Self>, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "<macro {}>", self.name())
    }
}

/// The text of a `call` block.
#[derive(Debug)]
struct Caller(String);

impl Object for Caller {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn call(self: &Arc<Self>, _: &mut State<'_, '_>, _: &[Value]) -> Result<Value, Error> {
        Ok(Value::from(self.0.as_str()))
    }
}
