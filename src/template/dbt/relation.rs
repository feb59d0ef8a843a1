//! Relations and columns as dbt shows them to templates.

use std::{fmt, sync::Arc};

use minijinja::{
    Error, ErrorKind, State, Value,
    value::{Object, ObjectRepr},
};

use super::values::{Arguments, dict};
use crate::model::{Dialect, Ident, RelationName};

/// Stands for the schema of a target that nothing names.
pub(super) const TARGET_SCHEMA: &str = "__target_schema__";
/// Stands for the database of a target that nothing names.
pub(super) const TARGET_DATABASE: &str = "__target_database__";

/// A relation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Relation {
    pub(super) database: Option<String>,
    pub(super) schema: Option<String>,
    pub(super) identifier: String,
    pub(super) dialect: Dialect,
    /// `table`, `view`, `cte`; "" where unknown.
    pub(super) kind: &'static str,
    /// An expression's place in the text of an ephemeral model.
    pub(super) is_cte: bool,
}

impl Relation {
    /// A relation without parts that stand for unknown ones.
    pub(super) fn new(database: Option<String>, schema: Option<String>, identifier: String, dialect: Dialect) -> Relation {
        let known =
            |part: Option<String>| part.filter(|part| !part.is_empty() && part != TARGET_SCHEMA && part != TARGET_DATABASE);
        let (database, mut schema) = (known(database), known(schema));
        if let Some(inner) = schema.as_ref().and_then(|schema| schema.strip_prefix(&format!("{TARGET_SCHEMA}_"))) {
            schema = Some(inner.to_owned());
        }
        Relation { database: database.filter(|_| schema.is_some()), schema, identifier, dialect, kind: "", is_cte: false }
    }

    /// Its name.
    pub(super) fn name(&self) -> RelationName {
        let parts = [self.database.as_deref(), self.schema.as_deref(), Some(self.identifier.as_str())];
        RelationName::new(parts.into_iter().flatten().flat_map(|part| part.split('.').map(Ident::bare)))
    }

    fn parts(&self) -> Vec<&str> {
        [self.database.as_deref(), self.schema.as_deref(), Some(self.identifier.as_str())].into_iter().flatten().collect()
    }

    fn replaced(&self, arguments: &Arguments) -> Relation {
        let mut other = self.clone();
        if let Some(database) = arguments.named("database") {
            other.database = database.as_str().map(str::to_owned);
        }
        if let Some(schema) = arguments.named("schema") {
            other.schema = schema.as_str().map(str::to_owned);
        }
        if let Some(identifier) = arguments.named("identifier").and_then(|name| name.as_str().map(str::to_owned)) {
            other.identifier = identifier;
        }
        Relation { kind: self.kind, ..Relation::new(other.database, other.schema, other.identifier, self.dialect) }
    }

    fn included(&self, arguments: &Arguments) -> Relation {
        let mut other = self.clone();
        let hides = |part: &str| arguments.named(part).is_some_and(|shown| !shown.is_true());
        if hides("database") {
            other.database = None;
        }
        if hides("schema") {
            other.schema = None;
        }
        other
    }
}

impl fmt::Display for Relation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, part) in self.parts().into_iter().flat_map(|part| part.split('.')).enumerate() {
            if at > 0 {
                out.write_str(".")?;
            }
            out.write_str(&quote_if_needed(part, self.dialect))?;
        }
        Ok(())
    }
}

/// Words that cannot stand bare for a relation in one dialect or another.
const RESERVED: [&str; 40] = [
    "all", "and", "any", "as", "asc", "between", "by", "case", "cast", "column", "create", "cross", "default", "delete", "desc",
    "distinct", "end", "except", "exists", "for", "from", "full", "group", "having", "in", "inner", "insert", "into", "is",
    "join", "limit", "not", "null", "on", "or", "order", "select", "table", "user", "where",
];

/// `part` bare where it can be, else in the dialect's quotes.
pub(super) fn quote_if_needed(part: &str, dialect: Dialect) -> String {
    let mut letters = part.chars();
    let starts = letters.next().is_some_and(|first| first.is_alphabetic() || first == '_');
    let plain = starts && letters.all(|letter| letter.is_alphanumeric() || letter == '_' || letter == '$');
    if plain && !RESERVED.contains(&part.to_ascii_lowercase().as_str()) {
        return part.to_owned();
    }
    let folded = if dialect == Dialect::Snowflake && plain { part.to_uppercase() } else { part.to_owned() };
    quote(&folded, dialect)
}

/// `part` in the dialect's quotes.
pub(super) fn quote(part: &str, dialect: Dialect) -> String {
    match dialect {
        Dialect::BigQuery | Dialect::Spark | Dialect::Databricks | Dialect::Hive | Dialect::MySql | Dialect::ClickHouse => {
            format!("`{}`", part.replace('`', ""))
        }
        _ => format!("\"{}\"", part.replace('"', "")),
    }
}

impl Object for Relation {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let text = |part: &Option<String>| part.as_deref().map_or_else(|| Value::from(()), Value::from);
        Some(match key.as_str()? {
            "database" | "project" | "catalog" => text(&self.database),
            "schema" | "dataset" => text(&self.schema),
            "identifier" | "name" | "table" | "alias" => Value::from(self.identifier.as_str()),
            "type" => {
                if self.kind.is_empty() {
                    Value::from("table")
                } else {
                    Value::from(self.kind)
                }
            }
            "is_table" => Value::from(self.kind != "view" && !self.is_cte),
            "is_view" => Value::from(self.kind == "view"),
            "is_cte" => Value::from(self.is_cte),
            "is_materialized_view" | "is_dynamic_table" | "is_iceberg_format" | "is_delta" | "is_hudi" => Value::from(false),
            "path" => {
                let parts = [("database", text(&self.database)), ("schema", text(&self.schema))];
                let parts = parts.into_iter().chain([("identifier", Value::from(self.identifier.as_str()))]);
                dict(parts.map(|(key, value)| (Value::from(key), value)))
            }
            _ => return None,
        })
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, method: &str, arguments: &[Value]) -> Result<Value, Error> {
        let arguments = Arguments::new(arguments);
        Ok(match method {
            "include" => Value::from_object(self.included(&arguments)),
            "replace_path" | "incorporate" => Value::from_object(match arguments.named("path") {
                Some(path) => {
                    let named = super::values::entries_of(&path)?.into_iter();
                    let named = named.map(|(key, value)| (key.to_string(), value)).collect();
                    self.replaced(&Arguments { placed: Vec::new(), named })
                }
                None => self.replaced(&arguments),
            }),
            "quote" | "without_limit" | "add_ephemeral_prefix" => Value::from_dyn_object(self.clone()),
            "without_identifier" | "information_schema" | "information_schema_only" => {
                let schema = self.schema.clone().unwrap_or_default();
                Value::from_object(Relation::new(None, self.database.clone(), schema, self.dialect))
            }
            "render" | "render_limited" => Value::from(self.to_string()),
            "get" => {
                let key = arguments.placed.first().cloned().unwrap_or_default();
                self.get_value(&key).or_else(|| arguments.placed.get(1).cloned()).unwrap_or_else(|| Value::from(()))
            }
            "quoted" => Value::from(quote(&arguments.text(0, "identifier").unwrap_or_default(), self.dialect)),
            // A relation is compared and cut as the text that it renders as.
            _ => return Err(Error::from(ErrorKind::UnknownMethod)),
        })
    }

    fn render(self: &Arc<Self>, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{self}")
    }
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) data_type: String,
    pub(super) dialect: Dialect,
}

impl Column {
    fn is_like(&self, words: &[&str]) -> bool {
        let own = self.data_type.to_ascii_lowercase();
        words.iter().any(|word| own.starts_with(word))
    }
}

impl Object for Column {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        Some(match key.as_str()? {
            "name" | "column" => Value::from(self.name.as_str()),
            "quoted" => Value::from(quote_if_needed(&self.name, self.dialect)),
            "data_type" | "dtype" if self.data_type.is_empty() => Value::from("varchar"),
            "data_type" | "dtype" => Value::from(self.data_type.as_str()),
            "char_size" | "numeric_precision" | "numeric_scale" => Value::from(()),
            _ => return None,
        })
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, method: &str, _: &[Value]) -> Result<Value, Error> {
        Ok(Value::from(match method {
            "is_string" => self.data_type.is_empty() || self.is_like(&["varchar", "string", "text", "char"]),
            "is_numeric" => self.is_like(&["numeric", "number", "decimal", "bignumeric"]),
            "is_integer" => self.is_like(&["int", "bigint", "smallint", "tinyint"]),
            "is_float" => self.is_like(&["float", "double", "real"]),
            "is_number" => {
                self.is_like(&["numeric", "number", "decimal", "int", "bigint", "smallint", "float", "double", "real"])
            }
            _ => return Err(Error::from(ErrorKind::UnknownMethod)),
        }))
    }

    fn render(self: &Arc<Self>, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.name)
    }
}
