//! SQLMesh: files whose headers say what their SQL fills, and metrics.
//!
//! In: the text of a SQL file. Out: for a model its name, kind and what is said of it, with the SQL as it
//! stands behind the header; for every metric a SELECT over the models that its expression names.

mod header;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use regex::Regex;

use self::header::{Header, items_of, read_headers, unquote};
use super::{
    compose::Composer,
    dashboards::{identifier, quote},
    definitions::{Definition, Definitions, Setting},
    deprecation,
    layout::SqlFile,
};
use crate::model::{Diagnostic, Dialect, DocumentRole, FactKind, INVALID_DEFINITION, Ident, MetricShape, RelationName, Span};

/// A column of a model: the model's name, and the column's.
static COLUMN: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"\b([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)\.([A-Za-z_]\w*)\b").ok());
/// A word that may be a metric.
static WORD: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"[A-Za-z_][\w.]*\s*\(?").ok());
/// `@start_date`, `@{name}`, and the name of a macro that is called.
static MACRO: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"@\{?([A-Za-z_]\w*)\}?(\s*\()?").ok());
/// What stands around a query that is a template.
static JINJA: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?m)^[ \t]*JINJA_(?:QUERY_BEGIN|STATEMENT_BEGIN|END)[ \t]*;?").ok());
/// Words of SQL that stand between metrics.
const KEYWORDS: [&str; 14] =
    ["and", "as", "case", "cast", "distinct", "double", "else", "end", "int", "not", "null", "or", "then", "when"];

/// What a file says beside its SQL.
pub(super) struct SqlmeshFile {
    /// The SQL without its headers: every line has kept its place.
    pub(super) text: String,
    /// What the SQL is.
    pub(super) file: SqlFile,
    /// The dialect that a model is written in, where it says so.
    pub(super) dialect: Option<Dialect>,
    /// Metrics, and what is said of the model.
    pub(super) definitions: Definitions,
}

/// Reads a file; `None` where it has no header of SQLMesh's.
pub(super) fn read_file(text: &str, path: &str, file: &SqlFile, setting: &Setting<'_>) -> Option<SqlmeshFile> {
    let headers = read_headers(text);
    let last = headers.last()?.bytes.end;
    // Audits of a model may follow its SQL, each with a query of its own.
    let end = find_audit(&text[last..]).map_or(text.len(), |at| last + at);
    let mut read = SqlmeshFile {
        text: format!("{}{}{}", blank(&text[..last]), resolve_macros(&text[last..end]), blank(&text[end..])),
        file: file.clone(),
        dialect: None,
        definitions: Definitions::default(),
    };
    for header in &headers {
        match header.word.as_str() {
            "MODEL" => read.take_model(header, path),
            "METRIC" => define_metric(header, path, setting, &mut read.definitions),
            _ => read.file.role = DocumentRole::Check,
        }
    }
    Some(read)
}

/// Text of which nothing is left but its lines.
fn blank(text: &str) -> String {
    text.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }).collect()
}

/// Where an audit starts, in a line of its own.
fn find_audit(sql: &str) -> Option<usize> {
    let starts = sql.match_indices("\nAUDIT").map(|(at, _)| at + 1);
    starts.into_iter().find(|at| !read_headers(&sql[*at..]).is_empty())
}

/// SQL in which the marks around Jinja are gone, macros are functions, and what is only known at a run is its name.
fn resolve_macros(sql: &str) -> String {
    let (Some(pattern), Some(marks)) = (MACRO.as_ref(), JINJA.as_ref()) else { return sql.to_owned() };
    let sql = marks.replace_all(sql, |found: &regex::Captures<'_>| blank(found.get(0).map_or("", |mark| mark.as_str())));
    let named = pattern.replace_all(&sql, |found: &regex::Captures<'_>| {
        let name = found.get(1).map_or("", |name| name.as_str());
        match found.get(2) {
            Some(open) => format!("{name}{}", open.as_str()),
            None => format!("'{name}'"),
        }
    });
    named.into_owned()
}

impl SqlmeshFile {
    fn take_model(&mut self, header: &Header<'_>, path: &str) {
        let Some((line, name)) = header.text("name") else {
            let message = "the model has no name";
            return self.definitions.note(path, header.line, Diagnostic::new(&INVALID_DEFINITION, message, Span::default()));
        };
        let target = RelationName::new(name.split('.').map(|part| Ident::bare(unquote(part))));
        let kind = header.text("kind").map_or_else(|| "VIEW".to_owned(), |(_, kind)| kind.to_uppercase());
        let is_view = kind.starts_with("VIEW") || kind.starts_with("EMBEDDED");
        self.file.role = if is_view { DocumentRole::View } else { DocumentRole::Query };
        self.file.target = Some(target.clone());
        self.dialect = header.text("dialect").and_then(|(_, dialect)| dialect.parse().ok());
        say_facts(header, &target, path, &mut self.definitions);
        if let Some((line, text)) = header.text("cron") {
            self.definitions.say(&target, FactKind::Schedule { text: text.trim_start_matches('@').to_owned() }, path, line);
        }
        if let Some(grain) = header.property("grain").or_else(|| header.property("grains")) {
            let value = items_of(grain.value).join(", ");
            self.definitions.say(&target, FactKind::Label { key: "grain".to_owned(), value }, path, grain.line);
        }
        for described in header.property("column_descriptions").map(|list| items_of(list.value)).unwrap_or_default() {
            if let Some((column, text)) = described.split_once('=') {
                let what = FactKind::ColumnDescription { column: unquote(column), text: unquote(text) };
                self.definitions.say(&target, what, path, line);
            }
        }
    }
}

/// What models and metrics say of themselves in the same words.
fn say_facts(header: &Header<'_>, target: &RelationName, path: &str, definitions: &mut Definitions) {
    if let Some((line, text)) = header.text("description") {
        if deprecation::announces(&text) {
            let replacement = deprecation::find_replacement(&text);
            definitions.say(target, FactKind::Deprecated { note: text.clone(), date: None, replacement }, path, line);
        }
        definitions.say(target, FactKind::Description { text }, path, line);
    }
    if let Some((line, name)) = header.text("owner") {
        definitions.say(target, FactKind::Owner { name }, path, line);
    }
    for tag in header.property("tags").into_iter().flat_map(|tags| items_of(tags.value)) {
        definitions.say(target, FactKind::Tag { name: tag }, path, header.line);
    }
}

/// The asset that a metric is.
fn metric_name(setting: &Setting<'_>, name: &str) -> RelationName {
    RelationName::outside(setting.namespace("sqlmesh"), name.to_lowercase())
}

fn define_metric(header: &Header<'_>, path: &str, setting: &Setting<'_>, definitions: &mut Definitions) {
    let (Some((_, name)), Some(expression)) = (header.text("name"), header.property("expression")) else {
        let message = "a metric needs a name and an expression";
        return definitions.note(path, header.line, Diagnostic::new(&INVALID_DEFINITION, message, Span::default()));
    };
    let target = metric_name(setting, &name);
    let (mut models, mut stand_ins) = (BTreeSet::new(), BTreeMap::new());
    let text = match COLUMN.as_ref().filter(|column| column.is_match(expression.value)) {
        Some(column) => {
            let named = column.replace_all(expression.value, |found: &regex::Captures<'_>| {
                let part = |at: usize| found.get(at).map_or("", |part| part.as_str());
                models.insert(part(1).to_owned());
                format!("{}.{}", identifier(part(1)), part(2))
            });
            named.into_owned()
        }
        None => put_metrics(expression.value, setting, &mut stand_ins),
    };
    let mut sql = Composer::default();
    sql.put("SELECT\n  ", header.line).copy(&text, expression.line);
    sql.put(&format!(" AS {}", quote(setting.dialect, &name)), header.line);
    // SQLMesh joins by the grains of models, which decide nothing of the values.
    let models = models.iter().map(|model| format!("{model} AS {}", identifier(model)));
    let from: Vec<String> = models.chain(stand_ins.keys().cloned()).collect();
    if !from.is_empty() {
        sql.put(&format!("\nFROM {}", from.join("\nCROSS JOIN ")), header.line);
    }
    say_facts(header, &target, path, definitions);
    let shape = MetricShape { expression: expression.value.to_owned(), ..MetricShape::default() };
    definitions.say(&target, FactKind::Metric { shape }, path, header.line);
    let part = format!("metric.{name}");
    let stand_ins = stand_ins.into_iter().collect();
    let role = DocumentRole::Metric;
    definitions.define(Definition { path, part: &part, role, target, name: Some(name), sql, stand_ins }, setting);
}

/// An expression over other metrics, each of them read from its own asset.
fn put_metrics(expression: &str, setting: &Setting<'_>, stand_ins: &mut BTreeMap<String, RelationName>) -> String {
    let Some(word) = WORD.as_ref() else { return expression.to_owned() };
    let named = word.replace_all(expression, |found: &regex::Captures<'_>| {
        let whole = found.get(0).map_or("", |whole| whole.as_str());
        let name = whole.trim_end();
        if name.ends_with('(') || KEYWORDS.contains(&name.to_lowercase().as_str()) {
            return whole.to_owned();
        }
        let stand_in = format!("metric_{}", identifier(&name.to_lowercase()));
        stand_ins.insert(stand_in.clone(), metric_name(setting, name));
        format!("{stand_in}.{}{}", quote(setting.dialect, name), &whole[name.len()..])
    });
    named.into_owned()
}
