//! A chart as the SELECT that it asks its dataset for.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Export,
    dataset::{Dataset, STAND_IN},
    form::{Asked, Form, condition, read_context},
    label, say_facts, short,
};
use crate::{
    model::{Diagnostic, DocumentRole, FactKind, RelationName, Span, UNKNOWN_DEFINITION},
    sources::{
        compose::Composer,
        dashboards::{identifier, quote, say, shown_name},
        definitions::{Connection, Definition, Definitions},
        yaml::{Node, Value},
    },
};

/// One chart.
pub(super) struct Chart<'a> {
    pub(super) export: &'a Export<'a>,
    pub(super) uuid: &'a str,
    pub(super) path: &'a str,
    pub(super) node: &'a Arc<Node>,
    pub(super) dataset: Option<&'a Dataset<'a>>,
}

impl Chart<'_> {
    /// Defines the chart; the columns that it shows come back.
    pub(super) fn define(&self, definitions: &mut Definitions) -> Vec<String> {
        let target = self.export.name_of("chart", self.uuid);
        say(self.node, "slice_name", |name| FactKind::FriendlyName { name }, (&target, self.path), definitions);
        say_facts(self.node, &target, self.path, definitions);
        if let (Some(base), Some(number)) = (self.export.setting.link(), self.export.numbers.get(self.uuid)) {
            let url = format!("{base}/explore/?slice_id={number}");
            definitions.say(&target, FactKind::Link { url }, self.path, self.node.line);
        }
        let params = self.node.get("params").unwrap_or(self.node);
        let context = read_context(self.node, self.export.setting.limits);
        let mut form = Form::of_params(params, self.node.word("viz_type").unwrap_or_default());
        // Some kinds of chart keep what they ask for in fields of their own.
        if let (true, Some(context)) = (form.is_empty(), &context) {
            form = Form::of_queries(context);
        }
        let (sql, stand_ins, columns, connection) = match self.dataset {
            Some(dataset) => {
                let mut query = Query::new(dataset, self.node.entry("params").map_or(self.node.line, |(line, _)| line));
                query.add(&form);
                for (line, message) in std::mem::take(&mut query.missing) {
                    definitions.note(self.path, line, Diagnostic::new(&UNKNOWN_DEFINITION, message, Span::default()));
                }
                let (sql, stand_ins, columns) = query.finish();
                (sql, stand_ins, columns, dataset.connection.clone())
            }
            None => (Composer::default(), Vec::new(), Vec::new(), self.export.setting.connect("", None)),
        };
        let part = format!("chart.{}", self.uuid);
        let name = self.node.word("slice_name").map(|title| shown_name(title, short(self.uuid)));
        let role = DocumentRole::Chart;
        definitions.define_in(Definition { path: self.path, part: &part, role, target, name, sql, stand_ins }, &connection);
        columns
    }
}

/// A piece of SQL and the line that asks for it.
type Piece = (u32, String);

/// One query of a chart on its way to SQL.
struct Query<'a> {
    dataset: &'a Dataset<'a>,
    connection: &'a Connection,
    line: u32,
    /// Name and SQL, in the order of the chart.
    columns: Vec<(String, Piece)>,
    groups: Vec<Piece>,
    conditions: Vec<Piece>,
    having: Vec<Piece>,
    orders: Vec<Piece>,
    stand_ins: BTreeMap<String, RelationName>,
    has_metrics: bool,
    missing: Vec<(u32, String)>,
}

impl<'a> Query<'a> {
    fn new(dataset: &'a Dataset<'a>, line: u32) -> Self {
        Query {
            dataset,
            connection: &dataset.connection,
            line,
            columns: Vec::new(),
            groups: Vec::new(),
            conditions: Vec::new(),
            having: Vec::new(),
            orders: Vec::new(),
            stand_ins: BTreeMap::new(),
            has_metrics: false,
            missing: Vec::new(),
        }
    }

    fn add(&mut self, form: &Form<'_>) {
        for asked in &form.columns {
            if let Some((name, sql)) = self.column(asked, form.has_grain) {
                self.groups.push((asked.line, sql.clone()));
                self.show(name, asked.line, sql);
            }
        }
        for asked in &form.metrics {
            if let Some((name, sql)) = self.metric(asked) {
                self.has_metrics = true;
                self.show(name, asked.line, sql);
            }
        }
        for asked in &form.orders {
            if let Some((_, sql)) = self.metric(asked) {
                self.orders.push((asked.line, sql));
            }
        }
        for asked in &form.conditions {
            self.add_condition(asked);
        }
        if let Some(time) = &form.time
            && let Some((_, column)) = self.column(time, false)
        {
            self.conditions.push((time.line, format!("{column} IS NOT NULL")));
        }
    }

    fn show(&mut self, name: String, line: u32, sql: String) {
        if self.columns.iter().all(|(known, _)| !known.eq_ignore_ascii_case(&name)) {
            self.columns.push((name, (line, sql)));
        }
    }

    /// A column of the dataset by its name.
    fn column_called(&self, name: &str) -> String {
        format!("{STAND_IN}.{}", quote(self.connection.dialect, &label(self.connection.dialect, name)))
    }

    /// Name and SQL of a column that is asked for: one of the dataset's, or SQL that the chart holds.
    fn column(&mut self, asked: &Asked<'_>, has_grain: bool) -> Option<(String, String)> {
        let name = match &asked.node.value {
            Value::Scalar { text, .. } => &**text,
            Value::Map(_) => match asked.node.word("sqlExpression") {
                Some(sql) if !is_plain(sql) => {
                    return Some((asked.node.word("label").unwrap_or(sql).to_owned(), format!("({sql})")));
                }
                Some(name) => name,
                None => asked.node.word("column_name")?,
            },
            Value::List(_) => return None,
        };
        if !self.dataset.has_column(name) {
            if asked.is_certain {
                self.missing.push((asked.line, format!("the chart shows the column `{name}`, which its dataset has not")));
            }
            return None;
        }
        let is_time = self.dataset.column(name).and_then(|column| column.get("is_dttm")?.truth()) == Some(true);
        let column = self.column_called(name);
        let sql = if has_grain && is_time { format!("time_grain({column})") } else { column };
        Some((name.to_owned(), sql))
    }

    /// Name and SQL of a metric: one of the dataset's, an aggregate of a column, or SQL that the chart holds.
    fn metric(&mut self, asked: &Asked<'_>) -> Option<(String, String)> {
        let node = asked.node;
        if let Value::Scalar { text, .. } = &node.value {
            if !self.dataset.has_metric(text) {
                // Fields of other kinds of chart hold numbers and words.
                if asked.is_certain {
                    self.missing.push((asked.line, format!("the chart shows the metric `{text}`, which its dataset has not")));
                }
                return None;
            }
            let metric = self.dataset.metric(text);
            let mut stand_in = format!("metric_{}", identifier(text));
            while self.stand_ins.get(&stand_in).is_some_and(|known| *known != metric) {
                stand_in.push('_');
            }
            self.stand_ins.insert(stand_in.clone(), metric);
            let own = quote(self.connection.dialect, &label(self.connection.dialect, text));
            return Some((text.to_string(), format!("(SELECT {stand_in}.{own} FROM {stand_in})")));
        }
        let named = node.word("label");
        if let Some(sql) = node.word("sqlExpression").filter(|_| node.word("expressionType") != Some("SIMPLE")) {
            return Some((named.unwrap_or(sql).to_owned(), sql.to_owned()));
        }
        let (column, aggregate) = (node.get("column")?, node.word("aggregate")?);
        let column = self.column(&Asked { line: asked.line, node: column, is_certain: true }, false)?;
        let sql = match aggregate {
            "COUNT_DISTINCT" => format!("COUNT(DISTINCT {})", column.1),
            other => format!("{}({})", identifier(other), column.1),
        };
        Some((named.map_or_else(|| format!("{aggregate}({})", column.0), str::to_owned), sql))
    }

    fn add_condition(&mut self, asked: &Asked<'_>) {
        let node = asked.node;
        let is_having = node.word("clause") == Some("HAVING");
        let sql = match node.word("sqlExpression").filter(|_| node.word("expressionType") == Some("SQL")) {
            Some(sql) => Some(format!("({sql})")),
            None => self.simple_condition(asked),
        };
        let kept = if is_having { &mut self.having } else { &mut self.conditions };
        kept.extend(sql.map(|sql| (asked.line, sql)));
    }

    fn simple_condition(&mut self, asked: &Asked<'_>) -> Option<String> {
        let node = asked.node;
        let subject = node.get("subject").or_else(|| node.get("col"))?;
        let asked = Asked { line: asked.line, node: subject, is_certain: true };
        let is_metric = subject.text().is_some_and(|name| self.dataset.has_metric(name) && !self.dataset.has_column(name));
        let (_, subject) = if is_metric { self.metric(&asked)? } else { self.column(&asked, false)? };
        let operator = node.word("operator").or_else(|| node.word("op"))?;
        condition(&subject, operator, node.get("comparator").or_else(|| node.get("val")))
    }

    fn finish(self) -> (Composer, Vec<(String, RelationName)>, Vec<String>) {
        let mut sql = Composer::default();
        for (at, (name, (line, column))) in self.columns.iter().enumerate() {
            let lead = if at == 0 { "SELECT\n  " } else { ",\n  " };
            sql.put(&format!("{lead}{column} AS {}", quote(self.connection.dialect, name)), *line);
        }
        if sql.is_empty() {
            return (sql, Vec::new(), Vec::new());
        }
        sql.put(&format!("\nFROM {STAND_IN}"), self.line);
        let groups = if self.has_metrics { self.groups } else { Vec::new() };
        let clauses = [
            ("WHERE", " AND", self.conditions),
            ("GROUP BY", ",", groups),
            ("HAVING", " AND", self.having),
            ("ORDER BY", ",", self.orders),
        ];
        for (word, between, pieces) in clauses {
            for (at, (line, piece)) in pieces.iter().enumerate() {
                let lead = if at == 0 { format!("\n{word} ") } else { format!("{between}\n  ") };
                sql.put(&format!("{lead}{piece}"), *line);
            }
        }
        let mut stand_ins = vec![(STAND_IN.to_owned(), self.dataset.target.clone())];
        stand_ins.extend(self.stand_ins);
        (sql, stand_ins, self.columns.into_iter().map(|(name, _)| name).collect())
    }
}

/// Whether SQL is no more than a name.
fn is_plain(sql: &str) -> bool {
    sql.chars().all(|letter| letter.is_alphanumeric() || letter == '_')
}
