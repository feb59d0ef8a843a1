//! The functions and values of dbt's context.

use std::{fmt, sync::Arc};

use minijinja::{
    Environment, Error, ErrorKind, State, Value,
    value::{Object, ObjectRepr, Rest, ValueKind},
};
use serde_json::Value as Json;

use super::{
    moment::{Module, Moment},
    relation::{Column, Relation, TARGET_DATABASE, TARGET_SCHEMA, quote},
    run::{MacroObject, Remark, Run},
    values::{Arguments, dict, from_json, list, show, to_json},
};
use crate::{
    model::{Dialect, RelationName},
    template::{is_placeholder, rewrite, unknown::Placeholder},
};

/// Functions by name.
const NATIVES: [&str; 35] = [
    "ref",
    "source",
    "config",
    "var",
    "env_var",
    "is_incremental",
    "return",
    "log",
    "print",
    "run_query",
    "statement",
    "load_result",
    "store_result",
    "store_raw_result",
    "tojson",
    "fromjson",
    "toyaml",
    "fromyaml",
    "set",
    "set_strict",
    "zip",
    "zip_strict",
    "local_md5",
    "should_full_refresh",
    "debug",
    "doc",
    "metric",
    "adapter",
    "exceptions",
    "builtins",
    "api",
    "__columns",
    "__snapshot",
    "diff_of_two_dicts",
    "unit_test",
];

/// The function called `name`.
pub(super) fn find_native(name: &str) -> Option<&'static str> {
    NATIVES.into_iter().find(|known| *known == name)
}

/// A function, or an object with methods.
pub(super) struct Native {
    name: &'static str,
    run: Arc<Run>,
    package: usize,
}

impl fmt::Debug for Native {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name)
    }
}

impl Native {
    pub(super) fn value(name: &'static str, run: &Arc<Run>, package: usize) -> Value {
        Value::from_object(Native { name, run: run.clone(), package })
    }

    fn unknown(&self, what: &str) -> Value {
        self.run.unknowns.placeholder(what)
    }

    /// Something is referred to that is not there; a name that is not known was said to be that already.
    fn miss(&self, name: String) {
        if !is_placeholder(&name) {
            self.run.remark(Remark::Unresolved(name));
        }
    }

    fn reference(&self, given: &Arguments) -> Value {
        let run = &self.run;
        let words: Vec<String> = given.placed.iter().map(show).collect();
        let version = given.named("v").or_else(|| given.named("version")).map(|version| show(&version));
        let (package, name) = match words.as_slice() {
            [name] => (None, name.as_str()),
            [package, name, ..] => (Some(package.as_str()), name.as_str()),
            [] => return Value::UNDEFINED,
        };
        let shared = &run.inner.shared;
        let Some((project, node)) = shared.find_node(run.project(), package, name, version.as_deref()) else {
            self.miss(name.to_owned());
            return Value::from_object(Relation::new(None, None, name.to_owned(), shared.dialect));
        };
        let Some(placed) = shared.placed.get(project).and_then(|placed| placed.get(node)) else {
            return Value::from_object(Relation::new(None, None, name.to_owned(), shared.dialect));
        };
        if placed.config.materialized == "ephemeral" && run.executing {
            let mut met = run.met();
            if !met.ephemeral.contains(&(project, node)) {
                met.ephemeral.push((project, node));
            }
            let identifier = format!("__dbt__cte__{}", placed.relation.last());
            let relation = Relation::new(None, None, identifier, shared.dialect);
            return Value::from_object(Relation { is_cte: true, kind: "cte", ..relation });
        }
        let kind = if placed.config.materialized == "view" { "view" } else { "table" };
        Value::from_object(Relation { kind, ..relation_of(&placed.relation, shared.dialect) })
    }

    /// The relation of the snapshot called `name` in the file that is rendered.
    fn snapshot(&self, name: &str) -> Value {
        let shared = &self.run.inner.shared;
        let found = self.run.node.and_then(|(project, node)| {
            let nodes = &shared.projects.get(project)?.nodes;
            let path = &nodes.get(node)?.path;
            let at = nodes.iter().position(|node| node.path == *path && node.name == name)?;
            shared.placed.get(project)?.get(at)
        });
        match found {
            Some(placed) => Value::from_object(relation_of(&placed.relation, shared.dialect)),
            None => Value::from(name),
        }
    }

    fn source(&self, given: &Arguments) -> Value {
        let run = &self.run;
        let shared = &run.inner.shared;
        let (source, table) = (given.text(0, "source_name").unwrap_or_default(), given.text(1, "table_name").unwrap_or_default());
        let mut order = shared.search_order(run.project());
        order.extend((0..shared.projects.len()).filter(|at| !order.contains(at)).collect::<Vec<_>>());
        let found = order.into_iter().find_map(|project| {
            let at = shared.sources.get(&(project, source.clone(), table.clone()))?;
            shared.projects.get(project)?.sources.get(*at)
        });
        let Some(known) = found else {
            self.miss(format!("{source}.{table}"));
            return Value::from_object(Relation::new(None, Some(source), table, shared.dialect));
        };
        let settle = |text: &String| run.render_text(text).trim().to_owned();
        let database = known.database.as_ref().map(settle).or_else(|| target_of(run).0);
        let identifier = known.identifier.as_ref().map_or_else(|| known.table.clone(), settle);
        Value::from_object(Relation::new(database, Some(settle(&known.schema)), identifier, shared.dialect))
    }

    fn variable(&self, given: &Arguments) -> Value {
        let name = given.text(0, "var").unwrap_or_default();
        match self.run.inner.shared.variable(self.run.project(), &name) {
            Some(json) => self.run.settle(&json),
            None => given.get(1, "default").unwrap_or_else(|| self.unknown(&format!("var('{name}')"))),
        }
    }

    /// Takes settings; renders as nothing.
    fn configure(&self, given: &Arguments) -> Value {
        let mut met = self.run.met();
        let mut take = |name: &str, value: &Value| {
            let mut json = to_json(value, 0);
            // Settings that add up are kept together.
            if name == "tags"
                && let (Some(Json::Array(known)), Json::Array(more)) = (met.config.get("tags"), &mut json)
            {
                let mut all = known.clone();
                all.append(more);
                json = Json::Array(all);
            }
            met.config.insert(name.to_owned(), json);
        };
        for whole in &given.placed {
            for (key, value) in super::values::entries_of(whole).unwrap_or_default() {
                take(&key.to_string(), &value);
            }
        }
        for (name, value) in &given.named {
            take(name, value);
        }
        Value::from("")
    }

    fn setting(&self, given: &Arguments) -> Value {
        let name = given.text(0, "name").unwrap_or_default();
        let known = settings_of(&self.run).get(&name).map(from_json);
        known.or_else(|| given.get(1, "default")).unwrap_or_else(|| Value::from(()))
    }

    fn is_incremental(&self) -> Value {
        let run = &self.run;
        let placed = run.node.and_then(|(project, node)| run.inner.shared.placed.get(project)?.get(node));
        match placed.filter(|_| run.executing) {
            Some(placed) if placed.config.materialized == "incremental" => self.unknown("is_incremental()"),
            _ => Value::from(false),
        }
    }

    /// The columns of a relation, `None` where they are not known; asked for either way.
    fn columns(&self, relation: &Value) -> Option<Value> {
        let run = &self.run;
        let relation = relation.downcast_object_ref::<Relation>()?;
        if relation.is_cte {
            return None;
        }
        let name = relation.name();
        run.met().asked.insert(name.clone());
        let known = run.columns.get(&name)?.as_ref()?;
        let dialect = run.inner.shared.dialect;
        let column = |(name, data_type): &(String, String)| {
            Value::from_object(Column { name: name.clone(), data_type: data_type.clone(), dialect })
        };
        Some(list(known.iter().map(column).collect()))
    }

    fn call_adapter(&self, method: &str, given: &Arguments) -> Result<Value, Error> {
        let run = &self.run;
        let dialect = run.inner.shared.dialect;
        Ok(match method {
            "dispatch" => self.dispatch(given),
            "quote" | "quote_as_configured" => Value::from(quote(&given.text(0, "identifier").unwrap_or_default(), dialect)),
            "type" => Value::from(adapter_of(run)),
            "get_columns_in_relation" => {
                let relation = given.get(0, "relation").unwrap_or_default();
                let what = format!("columns of {}", show(&relation));
                self.columns(&relation).unwrap_or_else(|| self.unknown(&what))
            }
            "get_missing_columns" | "get_column_schema_from_query" => list(Vec::new()),
            "get_relation" | "load_relation" => {
                let part = |at: usize, name: &str| given.text(at, name);
                let relation =
                    Relation::new(part(0, "database"), part(1, "schema"), part(2, "identifier").unwrap_or_default(), dialect);
                self.unknown(&format!("relation {relation}"))
            }
            "check_schema_exists" => Value::from(true),
            _ => self.unknown(&format!("adapter.{method}()")),
        })
    }

    /// The macro that fits the adapter best, in the packages that are to be searched.
    fn dispatch(&self, given: &Arguments) -> Value {
        let run = &self.run;
        let inner = &run.inner;
        let mut name = given.text(0, "macro_name").unwrap_or_default();
        let mut namespace = given.text(1, "macro_namespace");
        if let Some((package, inside)) = name.clone().split_once('.') {
            namespace = Some(package.to_owned());
            name = inside.to_owned();
        }
        let root = inner.shared.projects.get(inner.project);
        let configured = root.and_then(|project| project.settings.get("dispatch")).and_then(Json::as_array);
        let order = configured
            .into_iter()
            .flatten()
            .find(|entry| entry.get("macro_namespace").and_then(Json::as_str) == namespace.as_deref().or(Some("dbt")));
        let mut packages: Vec<usize> = vec![0];
        let named: Vec<&str> = match order.and_then(|entry| entry.get("search_order")).and_then(Json::as_array) {
            Some(order) => {
                packages.clear();
                order.iter().filter_map(Json::as_str).collect()
            }
            None => namespace.as_deref().into_iter().collect(),
        };
        packages.extend(named.iter().flat_map(|name| inner.packages_named(name)));
        packages.push(self.package);
        packages.extend(inner.packages_named("dbt"));
        let adapter = adapter_of(run);
        let parent = match adapter.as_str() {
            "redshift" => Some("postgres"),
            "databricks" => Some("spark"),
            _ => None,
        };
        let prefixes: Vec<&str> = [Some(adapter.as_str()), parent, Some("default")].into_iter().flatten().collect();
        for package in packages.iter().filter_map(|at| inner.packages.get(*at)) {
            for prefix in &prefixes {
                if let Some(index) = package.macros.get(&format!("{prefix}__{name}")) {
                    return MacroObject::value(*index, run);
                }
            }
        }
        // Our own macros of a package are written for all adapters at once.
        let ours = packages.iter().filter_map(|at| inner.packages.get(*at)).filter(|package| package.project.is_none());
        match ours.filter_map(|package| package.macros.get(&name)).next() {
            Some(index) => MacroObject::value(*index, run),
            None => match find_native(&name) {
                Some(native) => Native::value(native, run, self.package),
                None => {
                    let name = namespace.map_or_else(|| name.clone(), |package| format!("{package}.{name}"));
                    run.remark(Remark::UnknownMacro(name.clone()));
                    self.unknown(&format!("{name}()"))
                }
            },
        }
    }
}

impl Object for Native {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn is_true(self: &Arc<Self>) -> bool {
        true
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let key = key.as_str()?;
        match self.name {
            "builtins" => find_native(key).map(|native| Native::value(native, &self.run, self.package)),
            "api" => Some(Value::from_object(Api { what: key.to_owned(), run: self.run.clone() })),
            "config" => settings_of(&self.run).get(key).map(from_json).or_else(|| Some(Value::from(()))),
            _ => None,
        }
    }

    fn call(self: &Arc<Self>, state: &mut State<'_, '_>, arguments: &[Value]) -> Result<Value, Error> {
        state.consume_fuel(5)?;
        let given = Arguments::new(arguments);
        let first = || given.placed.first().cloned().unwrap_or_default();
        Ok(match self.name {
            "ref" => self.reference(&given),
            "source" => self.source(&given),
            "config" => self.configure(&given),
            "var" => self.variable(&given),
            "env_var" => {
                let name = given.text(0, "var").unwrap_or_default();
                given.get(1, "default").unwrap_or_else(|| self.unknown(&format!("env_var('{name}')")))
            }
            "is_incremental" => self.is_incremental(),
            "should_full_refresh" => Value::from(false),
            "return" => return Err(self.run.give_back(first())),
            "log" | "print" | "debug" | "statement" | "store_result" | "store_raw_result" | "unit_test" => Value::from(""),
            "doc" => Value::from(""),
            "run_query" => self.unknown("run_query()"),
            "load_result" => self.unknown(&format!("load_result('{}')", show(&first()))),
            "tojson" => Value::from(to_json(&first(), 0).to_string()),
            "toyaml" => Value::from(to_json(&first(), 0).to_string()),
            "fromjson" | "fromyaml" => match serde_json::from_str::<Json>(&show(&first())) {
                Ok(json) => from_json(&json),
                Err(_) => given.get(1, "default").unwrap_or_else(|| Value::from(())),
            },
            "set" | "set_strict" => {
                let mut items: Vec<Value> = Vec::new();
                for item in first().try_iter()? {
                    if !items.contains(&item) {
                        items.push(item);
                    }
                }
                list(items)
            }
            "zip" | "zip_strict" => zip(&given.placed)?,
            "local_md5" => Value::from(format!("{:032x}", xxhash_rust::xxh3::xxh3_128(show(&first()).as_bytes()))),
            "metric" => self.unknown(&format!("metric('{}')", show(&first()))),
            "__columns" => self.columns(&first()).unwrap_or_else(|| Value::from(())),
            "__snapshot" => self.snapshot(&show(&first())),
            "diff_of_two_dicts" => dict(Vec::new()),
            _ => return Err(Error::from(ErrorKind::UnknownFunction)),
        })
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, method: &str, arguments: &[Value]) -> Result<Value, Error> {
        let given = Arguments::new(arguments);
        Ok(match (self.name, method) {
            ("adapter", _) => self.call_adapter(method, &given)?,
            ("config", "get" | "require" | "meta_get" | "meta_require") => self.setting(&given),
            ("config", "set") => self.configure(&Arguments {
                placed: Vec::new(),
                named: given.text(0, "name").into_iter().zip(given.get(1, "value")).collect(),
            }),
            ("config", _) => Value::from(()),
            ("var", "has_var") => Value::from(
                self.run.inner.shared.variable(self.run.project(), &given.text(0, "var").unwrap_or_default()).is_some(),
            ),
            ("exceptions", "raise_compiler_error" | "raise_not_implemented" | "raise_database_error") => {
                let message: String = given.text(0, "msg").unwrap_or_default().chars().take(200).collect();
                self.run.remark(Remark::Refused(message));
                Value::from("")
            }
            ("exceptions", _) => Value::from(""),
            _ => return Err(Error::from(ErrorKind::UnknownMethod)),
        })
    }
}

fn zip(lists: &[Value]) -> Result<Value, Error> {
    let lists: Vec<Vec<Value>> = lists.iter().map(|items| Ok(items.try_iter()?.collect())).collect::<Result<_, Error>>()?;
    let length = lists.iter().map(Vec::len).min().unwrap_or(0);
    let rows = (0..length).map(|at| list(lists.iter().filter_map(|items| items.get(at).cloned()).collect()));
    Ok(list(rows.collect()))
}

/// `api.Relation`, `api.Column`.
struct Api {
    what: String,
    run: Arc<Run>,
}

impl fmt::Debug for Api {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "api.{}", self.what)
    }
}

impl Object for Api {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn call(self: &Arc<Self>, state: &mut State<'_, '_>, arguments: &[Value]) -> Result<Value, Error> {
        self.call_method(state, "create", arguments)
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, method: &str, arguments: &[Value]) -> Result<Value, Error> {
        let given = Arguments::new(arguments);
        let dialect = self.run.inner.shared.dialect;
        Ok(match (self.what.as_str(), method) {
            ("Relation", "create") => {
                let identifier = given.text(2, "identifier").or_else(|| given.text(2, "table")).unwrap_or_default();
                Value::from_object(Relation::new(given.text(0, "database"), given.text(1, "schema"), identifier, dialect))
            }
            ("Column", "translate_type") => given.get(0, "dtype").unwrap_or_default(),
            ("Column", "create" | "from_description") => {
                let name = given.text(0, "column").or_else(|| given.text(0, "name")).unwrap_or_default();
                let data_type = given.text(1, "dtype").or_else(|| given.text(1, "label_or_dtype")).unwrap_or_default();
                Value::from_object(Column { name, data_type, dialect })
            }
            _ => self.run.unknowns.placeholder(&format!("api.{}.{method}()", self.what)),
        })
    }
}

/// A relation of a name that was settled.
pub(super) fn relation_of(name: &RelationName, dialect: Dialect) -> Relation {
    let parts: Vec<String> = name.parts.iter().map(|part| part.text.to_string()).collect();
    match parts.as_slice() {
        [database, schema, identifier] => {
            Relation::new(Some(database.clone()), Some(schema.clone()), identifier.clone(), dialect)
        }
        [schema, identifier] => Relation::new(None, Some(schema.clone()), identifier.clone(), dialect),
        _ => Relation::new(None, None, name.last().to_owned(), dialect),
    }
}

/// The adapter that macros are chosen for.
fn adapter_of(run: &Run) -> String {
    let project = run.inner.shared.projects.get(run.inner.project);
    match project.map(|project| project.target.adapter.as_str()).filter(|adapter| !adapter.is_empty()) {
        Some(adapter) => adapter.to_owned(),
        None => match run.inner.shared.dialect {
            Dialect::MsSql => "sqlserver".to_owned(),
            dialect => dialect.name().to_owned(),
        },
    }
}

/// Database and schema of the target; what is not known has a name of its own.
pub(super) fn target_of(run: &Run) -> (Option<String>, Option<String>) {
    let shared = &run.inner.shared;
    let target = shared.projects.get(run.inner.project).map(|project| project.target.clone()).unwrap_or_default();
    let set = |name: &str| shared.settings.variables.get(name).and_then(Json::as_str).map(str::to_owned);
    let database = set("__target_database").or(target.database).unwrap_or_else(|| TARGET_DATABASE.to_owned());
    let schema = set("__target_schema").or(target.schema).unwrap_or_else(|| TARGET_SCHEMA.to_owned());
    (Some(database), Some(schema))
}

/// The settings of the node that is rendered.
fn settings_of(run: &Run) -> serde_json::Map<String, Json> {
    let placed = run.node.and_then(|(project, node)| run.inner.shared.placed.get(project)?.get(node));
    let mut settings = placed.map(|placed| placed.config.settings.clone()).unwrap_or_default();
    settings.extend(run.met().config.clone());
    settings
}

/// The value called `name` in dbt's context.
pub(super) fn find_value(name: &str, run: &Arc<Run>, package: usize) -> Option<Value> {
    Some(match name {
        "execute" => Value::from(run.executing),
        "this" => this(run)?,
        "target" => target(run),
        "model" | "node" => super::config::describe_node(run, run.node?),
        "dbt_version" => Value::from("1.9.0"),
        "schema" => Value::from(target_of(run).1),
        "database" => Value::from(target_of(run).0),
        "flags" => dict(
            [("FULL_REFRESH", false), ("STORE_FAILURES", false), ("EMPTY", false)]
                .map(|(key, value)| (Value::from(key), Value::from(value))),
        ),
        "run_started_at" => Value::from_object(Moment),
        "modules" => Module::value("modules", run),
        "graph" => super::config::describe_graph(run),
        "invocation_id" => Value::from("00000000-0000-0000-0000-000000000000"),
        "selected_resources"
        | "thread_id"
        | "invocation_args_dict"
        | "dbt_metadata_envs"
        | "results"
        | "context"
        | "sql"
        | "compiled_code" => run.unknowns.placeholder(name),
        "none" | "None" => Value::from(()),
        "loop" | "caller" => return None,
        "__dbt_package" => Value::from(package),
        _ => return None,
    })
}

fn this(run: &Arc<Run>) -> Option<Value> {
    let (project, node) = run.node?;
    let placed = run.inner.shared.placed.get(project)?.get(node)?;
    let mut relation = relation_of(&placed.relation, run.inner.shared.dialect);
    relation.kind = if placed.config.materialized == "view" { "view" } else { "table" };
    Some(Value::from_object(relation))
}

fn target(run: &Arc<Run>) -> Value {
    let known = run.inner.shared.projects.get(run.inner.project).map(|project| project.target.clone()).unwrap_or_default();
    let (database, schema) = target_of(run);
    let entries = [
        ("name", Value::from(known.name.as_str())),
        ("target_name", Value::from(known.name.as_str())),
        ("profile_name", Value::from(known.profile.as_str())),
        ("type", Value::from(adapter_of(run))),
        ("database", Value::from(database.clone())),
        ("dbname", Value::from(database.clone())),
        ("project", Value::from(database.clone())),
        ("catalog", Value::from(database)),
        ("schema", Value::from(schema.clone())),
        ("dataset", Value::from(schema)),
        ("threads", Value::from(1)),
        ("user", Value::from("user")),
        ("role", Value::from("role")),
        ("warehouse", Value::from("warehouse")),
        ("location", Value::from("US")),
        ("account", Value::from("account")),
    ];
    dict(entries.map(|(key, value)| (Value::from(key), value)))
}

/// The functions and filters that every rendering has.
pub(super) fn add_functions(environment: &mut Environment<'static>) {
    environment.add_function(rewrite::FORK, |condition: &str, value: Value, names: Vec<Value>| {
        let unknown = std::iter::once(&value).chain(&names).find_map(|value| value.downcast_object_ref::<Placeholder>());
        match unknown {
            Some(placeholder) => placeholder.decide(condition),
            None => Ok(value.is_true()),
        }
    });
    environment.add_function(rewrite::ROWS, |value: Value, width: usize| Placeholder::rows(&value, width).unwrap_or(value));
    environment.add_function(rewrite::LIST, |value: Value| -> Result<Value, Error> { Ok(list(value.try_iter()?.collect())) });
    environment
        .add_function(rewrite::DICT, |value: Value| -> Result<Value, Error> { Ok(dict(super::values::entries_of(&value)?)) });
    environment.add_filter(rewrite::FORMAT, |pattern: Value, given: Value| format_percent(&show(&pattern), &given));
    environment.add_function("range", |state: &mut State<'_, '_>, given: Rest<Value>| range(state, &given));
    environment.add_filter("list", |value: Value| -> Result<Value, Error> {
        if Placeholder::is(&value) {
            return Ok(value);
        }
        Ok(list(value.try_iter()?.collect()))
    });
    for name in ["as_text", "string"] {
        environment.add_filter(name, |value: Value| {
            // A relation stays one: it is a string to dbt too.
            if Placeholder::is(&value) || value.downcast_object_ref::<Relation>().is_some() {
                value
            } else {
                Value::from(show(&value))
            }
        });
    }
    environment.add_filter("as_native", |value: Value| value);
    environment.add_filter("as_bool", |value: Value| match value.as_str().map(str::to_ascii_lowercase).as_deref() {
        Some("true" | "1" | "yes") => Value::from(true),
        Some(_) => Value::from(false),
        None => value,
    });
    for name in ["as_number", "int", "float"] {
        let whole = name == "int";
        environment.add_filter(name, move |value: Value, _: Rest<Value>| to_number(&value, whole));
    }
    environment.add_filter("truncate", |value: Value, given: Rest<Value>| {
        let text = show(&value);
        let most = given.first().and_then(Value::as_i64).and_then(|most| usize::try_from(most).ok()).unwrap_or(255);
        text.chars().take(most).collect::<String>()
    });
    environment.add_filter("tojson", |value: Value, _: Rest<Value>| to_json(&value, 0).to_string());
}

fn to_number(value: &Value, whole: bool) -> Value {
    if Placeholder::is(value) || value.kind() == ValueKind::Number && !whole {
        return value.clone();
    }
    if let Some(number) = value.as_i64() {
        return Value::from(number);
    }
    let text = show(value);
    let text = text.trim();
    match (text.parse::<i64>(), text.parse::<f64>()) {
        (Ok(number), _) => Value::from(number),
        (_, Ok(number)) if whole => Value::from(number as i64),
        (_, Ok(number)) => Value::from(number),
        _ => Value::from(0),
    }
}

fn range(state: &State<'_, '_>, given: &[Value]) -> Result<Value, Error> {
    if let Some(unknown) = given.iter().find(|value| Placeholder::is(value)) {
        return Ok(unknown.clone());
    }
    let number = |at: usize| given.get(at).and_then(Value::as_i64);
    let (start, stop, step) = match given.len() {
        0 => return Err(Error::from(ErrorKind::MissingArgument)),
        1 => (0, number(0).unwrap_or(0), 1),
        _ => (number(0).unwrap_or(0), number(1).unwrap_or(0), number(2).unwrap_or(1)),
    };
    let mut items = Vec::new();
    let mut at = start;
    while step != 0 && (step > 0 && at < stop || step < 0 && at > stop) {
        if items.len() >= 100_000 {
            return Err(Error::new(ErrorKind::OutOfFuel, "a range is too long"));
        }
        items.push(Value::from(at));
        at += step;
    }
    state.consume_fuel(items.len() as u64)?;
    Ok(list(items))
}

/// Python's `pattern % given`, as far as templates use it.
fn format_percent(pattern: &str, given: &Value) -> String {
    let items: Vec<Value> = match given.kind() {
        ValueKind::Seq if given.is_tuple() => given.try_iter().map(Iterator::collect).unwrap_or_default(),
        _ => vec![given.clone()],
    };
    let mut items = items.into_iter();
    let mut out = String::with_capacity(pattern.len() + 16);
    let mut rest = pattern.chars().peekable();
    while let Some(letter) = rest.next() {
        if letter != '%' {
            out.push(letter);
            continue;
        }
        if rest.peek() == Some(&'%') {
            rest.next();
            out.push('%');
            continue;
        }
        let mut flags = String::new();
        while rest.peek().is_some_and(|letter| letter.is_ascii_digit() || matches!(letter, '-' | '+' | ' ' | '.' | '#')) {
            flags.extend(rest.next());
        }
        let Some(kind) = rest.next() else { break };
        let value = items.next().unwrap_or_default();
        let text = if kind == 'r' && value.as_str().is_some() { format!("'{}'", show(&value)) } else { show(&value) };
        let width: usize =
            flags.trim_start_matches(['-', '0', '+', ' ']).split('.').next().and_then(|width| width.parse().ok()).unwrap_or(0);
        let width = width.min(200);
        if flags.starts_with('0') {
            out.push_str(&format!("{text:0>width$}"));
        } else if flags.starts_with('-') {
            out.push_str(&format!("{text:<width$}"));
        } else {
            out.push_str(&format!("{text:>width$}"));
        }
    }
    out
}
