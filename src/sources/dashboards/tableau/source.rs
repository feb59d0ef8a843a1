//! A data source: its relations as FROM, its columns, its calculated fields.

use std::collections::BTreeMap;

use super::{Workbook, xml::Element};
use crate::{
    model::{
        Diagnostic, Dialect, DocumentRole, FactKind, MetricShape, RelationName, Span, UNKNOWN_DEFINITION, UNSUPPORTED_DEFINITION,
    },
    sources::{
        compose::Composer,
        dashboards::{literal, quote},
        definitions::{Connection, Definition, Definitions},
    },
};

/// Functions that make one value of many rows.
const AGGREGATES: [&str; 10] = ["SUM", "AVG", "MIN", "MAX", "COUNT", "COUNTD", "MEDIAN", "STDEV", "VAR", "ATTR"];

/// What a field is.
#[derive(Clone)]
pub(super) enum Field {
    /// A column of a relation, as SQL.
    Column(String),
    /// A formula over the rows.
    Row(String),
    /// A formula over many rows: a metric.
    Metric(String),
}

/// A data source of a workbook, or one that was saved by itself.
pub(super) struct Source<'a> {
    pub(super) node: &'a Element,
    /// What worksheets call it by.
    pub(super) name: &'a str,
    pub(super) title: String,
    pub(super) target: RelationName,
    pub(super) connection: Connection,
    /// Name → (caption, line, what it is), without brackets.
    pub(super) fields: BTreeMap<String, (String, u32, Field)>,
}

impl<'a> Source<'a> {
    pub(super) fn new(workbook: &Workbook<'a>, node: &'a Element) -> Option<Source<'a>> {
        // One that was saved by itself is called like its file.
        let name = node.attribute("name").or_else(|| node.attribute("formatted-name"))?;
        // Parameters are what a reader sets.
        if name == "Parameters" {
            return None;
        }
        let by_file = if node.attribute("name").is_some() { name } else { workbook.name.as_str() };
        let title = node.attribute("caption").unwrap_or(by_file).to_owned();
        let target = workbook.asset(&format!("datasource/{title}"));
        let named: Vec<&Element> = node.inside("named-connection");
        let physical = named.iter().find_map(|named| named.child("connection")).or_else(|| node.child("connection"));
        let class = physical.and_then(|connection| connection.attribute("class")).unwrap_or_default();
        let called = named.first().and_then(|named| named.attribute("caption")).unwrap_or(class);
        let connection = workbook.setting.connect(called, dialect_of(class));
        let mut source = Source { node, name, title, target, connection, fields: BTreeMap::new() };
        source.take_columns();
        source.take_formulas();
        Some(source)
    }

    fn dialect(&self) -> Dialect {
        self.connection.dialect
    }

    /// The columns of its relations: as records of metadata tell, as a join maps them, or as a relation lists them.
    fn take_columns(&mut self) {
        let mut found: Vec<(String, u32, String)> = Vec::new();
        let dialect = self.dialect();
        for record in self.node.inside("metadata-record").into_iter().filter(|record| record.attribute("class") == Some("column"))
        {
            let text = |key: &str| record.child(key).map(|child| bare(&child.text));
            if let (Some(local), Some(remote)) = (text("local-name"), text("remote-name")) {
                let parent = text("parent-name").unwrap_or_default();
                found.push((local, record.line, column(dialect, &parent, &remote)));
            }
        }
        for map in self.node.inside("map") {
            if let (Some(key), Some(value)) = (map.attribute("key"), map.attribute("value")) {
                let (parent, remote) = value.rsplit_once("].[").unwrap_or(("", value));
                found.push((bare(key), map.line, column(dialect, &bare(parent), &bare(remote))));
            }
        }
        for relation in self.node.inside("relation") {
            let parent = relation.attribute("name").map(bare).unwrap_or_default();
            for listed in relation.inside("column") {
                if let Some(name) = listed.attribute("name") {
                    found.push((bare(name), listed.line, column(dialect, &parent, &bare(name))));
                }
            }
        }
        for (name, line, sql) in found {
            self.fields.entry(name.clone()).or_insert((name, line, Field::Column(sql)));
        }
    }

    /// What the columns of the data source itself say: captions, and formulas.
    fn take_formulas(&mut self) {
        for node in self.node.children("column") {
            let Some(name) = node.attribute("name").map(bare) else { continue };
            let caption = node.attribute("caption").unwrap_or(&name).to_owned();
            let formula = node.child("calculation").filter(|made| made.attribute("class") == Some("tableau"));
            match formula.and_then(|made| made.attribute("formula")) {
                Some(formula) => {
                    let field =
                        if is_aggregate(formula) { Field::Metric(formula.to_owned()) } else { Field::Row(formula.to_owned()) };
                    self.fields.insert(name, (caption, node.line, field));
                }
                None => {
                    if let Some(known) = self.fields.get_mut(&name) {
                        known.0 = caption;
                    }
                }
            }
        }
    }

    /// The asset that a metric of the data source is.
    pub(super) fn metric(&self, workbook: &Workbook<'_>, caption: &str) -> RelationName {
        workbook.asset(&format!("datasource/{}/{caption}", self.title))
    }

    pub(super) fn define(&self, workbook: &Workbook<'a>, definitions: &mut Definitions) {
        let (path, dialect) = (workbook.path, self.dialect());
        let mut sql = Composer::default();
        for (caption, line, field) in self.fields.values() {
            let column = match field {
                Field::Column(column) => column.clone(),
                Field::Row(formula) => self.formula(formula, 0),
                Field::Metric(_) => continue,
            };
            let lead = if sql.is_empty() { "SELECT\n  " } else { ",\n  " };
            sql.put(&format!("{lead}{column} AS {}", quote(dialect, caption)), *line);
        }
        let relation = self.node.inside("relation").into_iter().find(|relation| relation.attribute("type").is_some());
        let mut stand_ins = Vec::new();
        if sql.is_empty() {
            sql.put("SELECT *", self.node.line);
        }
        match (relation, workbook.published(self)) {
            (_, Some(published)) => {
                sql.put("\nFROM published", self.node.line);
                stand_ins.push(("published".to_owned(), published));
            }
            (Some(relation), None) => {
                sql.put("\nFROM ", relation.line);
                self.put_relation(relation, &mut sql);
            }
            (None, None) => {
                let message = format!("the data source `{}` has no relation that is read", self.title);
                let diagnostic = Diagnostic::new(&UNSUPPORTED_DEFINITION, message, Span::default());
                definitions.note(path, self.node.line, diagnostic);
                sql = Composer::default();
            }
        }
        definitions.say(&self.target, FactKind::FriendlyName { name: self.title.clone() }, path, self.node.line);
        let part = format!("datasource.{}", self.title);
        let (target, name) = (self.target.clone(), Some(self.title.replace('.', " ")));
        definitions.define_in(
            Definition { path, part: &part, role: DocumentRole::View, target, name, sql, stand_ins },
            &self.connection,
        );
        for (caption, line, field) in self.fields.values() {
            if let Field::Metric(formula) = field {
                self.define_metric(workbook, (caption, *line, formula), definitions);
            }
        }
    }

    fn define_metric(&self, workbook: &Workbook<'a>, (caption, line, formula): (&str, u32, &str), definitions: &mut Definitions) {
        let mut sql = Composer::default();
        let made = self.formula_of_rows(formula);
        sql.put(&format!("SELECT\n  {made} AS {}\nFROM rows", quote(self.dialect(), caption)), line);
        let target = self.metric(workbook, caption);
        definitions.say(&target, FactKind::FriendlyName { name: caption.to_owned() }, workbook.path, line);
        let shape = MetricShape { expression: formula.to_owned(), ..MetricShape::default() };
        definitions.say(&target, FactKind::Metric { shape }, workbook.path, line);
        for missing in
            self.names_in(formula).into_iter().filter(|name| !self.fields.contains_key(name) && !name.contains("Parameter"))
        {
            let message = format!("the field `{caption}` is made of `{missing}`, which the data source has not");
            definitions.note(workbook.path, line, Diagnostic::new(&UNKNOWN_DEFINITION, message, Span::default()));
        }
        let part = format!("datasource.{}.{caption}", self.title);
        let definition = Definition {
            path: workbook.path,
            part: &part,
            role: DocumentRole::Metric,
            target,
            name: Some(format!("{}.{}", self.title.replace('.', " "), caption.replace('.', " "))),
            sql,
            stand_ins: vec![("rows".to_owned(), self.target.clone())],
        };
        definitions.define_in(definition, &self.connection);
    }

    /// A formula over columns of the relations, as far as lineage asks: what it is made of.
    fn formula(&self, formula: &str, depth: u32) -> String {
        let inputs = self.names_in(formula).into_iter().filter_map(|name| match &self.fields.get(&name)?.2 {
            Field::Column(column) => Some(column.clone()),
            Field::Row(inner) if depth < 10 => Some(self.formula(inner, depth + 1)),
            Field::Row(_) | Field::Metric(_) => None,
        });
        format!("tableau_calculation({})", inputs.collect::<Vec<_>>().join(", "))
    }

    /// A formula over rows of the data source's own asset.
    fn formula_of_rows(&self, formula: &str) -> String {
        let mut inputs: Vec<String> = Vec::new();
        self.columns_in(formula, 0, &mut inputs);
        format!("SUM(tableau_calculation({}))", inputs.join(", "))
    }

    /// The columns of the data source that a formula is made of, metrics in it followed.
    fn columns_in(&self, formula: &str, depth: u32, inputs: &mut Vec<String>) {
        for name in self.names_in(formula) {
            match self.fields.get(&name) {
                Some((_, _, Field::Metric(inner))) if depth < 10 => self.columns_in(inner, depth + 1, inputs),
                Some((caption, _, Field::Column(_) | Field::Row(_))) => {
                    let column = format!("rows.{}", quote(self.dialect(), caption));
                    if !inputs.contains(&column) {
                        inputs.push(column);
                    }
                }
                _ => {}
            }
        }
    }

    /// The fields that a formula names, each once; those of parameters and of other data sources are left out.
    fn names_in(&self, formula: &str) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        let mut rest = formula;
        while let Some(start) = rest.find('[') {
            let Some(end) = rest[start..].find(']').map(|at| start + at) else { break };
            let name = &rest[start + 1..end];
            let is_owner = rest[end + 1..].starts_with(".[");
            let of_other = rest[..start].ends_with('.') && !rest[..start].ends_with(&format!("[{}].", self.name));
            if !is_owner && !of_other && !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
            rest = &rest[end + 1..];
        }
        names
    }

    /// Adds a relation: a table, a text, a join or union of others.
    fn put_relation(&self, relation: &Element, sql: &mut Composer) {
        let alias = quote(self.dialect(), &relation.attribute("name").map(bare).unwrap_or_default());
        match relation.attribute("type") {
            Some("text") => {
                sql.put("(\n", relation.line).copy(&custom_sql(&relation.text), relation.line);
                sql.put(&format!("\n) AS {alias}"), relation.line);
            }
            Some("join") => {
                let kind = relation.attribute("join").unwrap_or("inner").to_uppercase();
                let parts: Vec<&Element> = relation.children("relation").collect();
                sql.put("(", relation.line);
                for (at, part) in parts.iter().enumerate() {
                    if at > 0 {
                        sql.put(&format!("\n{kind} JOIN "), part.line);
                    }
                    self.put_relation(part, sql);
                }
                let condition = relation.child("clause").and_then(|clause| clause.child("expression"));
                let condition = condition.map_or("TRUE".to_owned(), |expression| self.condition(expression, 0));
                sql.put(&format!("\n  ON {condition})"), relation.line);
            }
            Some("union") => {
                sql.put("(", relation.line);
                for (at, part) in relation.children("relation").enumerate() {
                    sql.put(if at == 0 { "SELECT * FROM " } else { "\nUNION ALL SELECT * FROM " }, part.line);
                    self.put_relation(part, sql);
                }
                sql.put(&format!(") AS {alias}"), relation.line);
            }
            // Tables that are related, not joined: each worksheet joins what it asks for.
            Some("collection") => {
                for (at, part) in relation.children("relation").enumerate() {
                    sql.put(if at == 0 { "" } else { "\nCROSS JOIN " }, part.line);
                    self.put_relation(part, sql);
                }
            }
            _ => {
                let table = relation.attribute("table").or_else(|| relation.attribute("name")).unwrap_or_default();
                let parts = table.trim_matches(['[', ']']).split("].[").map(|part| quote(self.dialect(), part));
                sql.put(&format!("{} AS {alias}", parts.collect::<Vec<_>>().join(".")), relation.line);
            }
        }
    }

    /// `<expression op='='><expression op='[a].[b]'/>…`.
    fn condition(&self, expression: &Element, depth: u32) -> String {
        let op = expression.attribute("op").unwrap_or("=");
        let inner: Vec<String> = match depth < 20 {
            true => expression.children("expression").map(|inner| self.condition(inner, depth + 1)).collect(),
            false => Vec::new(),
        };
        match inner.is_empty() {
            true => {
                let (parent, name) = op.rsplit_once("].[").unwrap_or(("", op));
                column(self.dialect(), &bare(parent), &bare(name))
            }
            false => format!("({})", inner.join(&format!(" {op} "))),
        }
    }
}

/// A name without its brackets.
pub(super) fn bare(name: &str) -> String {
    name.trim().trim_start_matches('[').trim_end_matches(']').to_owned()
}

fn column(dialect: Dialect, parent: &str, name: &str) -> String {
    match parent {
        "" => quote(dialect, name),
        parent => format!("{}.{}", quote(dialect, parent), quote(dialect, name)),
    }
}

/// Whether a formula has a value for many rows.
fn is_aggregate(formula: &str) -> bool {
    let upper = formula.to_uppercase();
    AGGREGATES.iter().any(|function| {
        upper.match_indices(function).any(|(at, found)| {
            let is_word = !upper[..at].ends_with(|letter: char| letter.is_alphanumeric() || letter == '_');
            is_word && upper[at + found.len()..].trim_start().starts_with('(')
        })
    })
}

/// Custom SQL as the database gets it: doubled brackets are one, a parameter is its name.
fn custom_sql(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("<[Parameters].[") {
        let Some(end) = rest[start..].find("]>").map(|at| start + at) else { break };
        out.push_str(&rest[..start]);
        out.push_str(&literal(&rest[start + "<[Parameters].[".len()..end]));
        rest = &rest[end + 2..];
    }
    out.push_str(rest);
    out.replace("<<", "<").replace(">>", ">").replace("==", "=")
}

/// The dialect of a connection's class.
fn dialect_of(class: &str) -> Option<Dialect> {
    Some(match class {
        "bigquery" => Dialect::BigQuery,
        "snowflake" => Dialect::Snowflake,
        "redshift" => Dialect::Redshift,
        "postgres" | "greenplum" => Dialect::Postgres,
        "mysql" | "memsql" => Dialect::MySql,
        "sqlserver" | "azure_sqldb" | "azure_sql_dw" => Dialect::MsSql,
        "oracle" => Dialect::Oracle,
        "databricks" => Dialect::Databricks,
        "spark" => Dialect::Spark,
        "hadoophive" | "hortonworkshadoophive" => Dialect::Hive,
        "presto" | "athena" | "trino" => Dialect::Trino,
        "teradata" => Dialect::Teradata,
        "vertica" => Dialect::Vertica,
        _ => return None,
    })
}
