//! The SELECT that a metric is, put together from its measures, conditions and the metrics it is made of.
//!
//! In: the semantic models and metrics of a project. Out: SQL in the warehouse's dialect that names
//! models by dbt's own calls, so that it is rendered like any file of the project. It computes what
//! MetricFlow would for the whole of the data: no grouping by what a reader may choose.

use std::{collections::HashMap, sync::LazyLock};

use regex::Regex;

use super::{
    aggregates::{aggregate, over_time, plain_name, truncated, with_names},
    lexicon::{Lexicon, MAX_DEPTH, is_key_of, key_element},
    semantic::{Input, Metric, SemanticModel, Shape, Sql},
};
use crate::{
    model::{Dialect, RelationName},
    sources::compose::Composer,
};

/// Writes the SQL of one metric.
pub(super) struct Writer<'a> {
    pub(super) lexicon: &'a Lexicon<'a>,
    pub(super) dialect: Dialect,
    /// The metric that is written.
    pub(super) metric: &'a Metric,
    pub(super) name_of: &'a dyn Fn(&str) -> RelationName,
    /// Names in the SQL that stand for other metrics.
    pub(super) stand_ins: Vec<(String, RelationName)>,
    /// What could not be found: (1-based line in the metric's file, sentence).
    pub(super) missing: Vec<(u32, String)>,
    /// How the parts in FROM are called so far.
    aliases: Vec<String>,
}

/// A semantic model in FROM, with the columns that are asked of it.
struct Part<'a> {
    alias: String,
    model: &'a SemanticModel,
    columns: Vec<(String, &'a Sql)>,
    /// The key that joins it to the first part.
    key: Option<String>,
    /// Conditions that name columns of the model itself.
    conditions: Vec<&'a Sql>,
}

/// A condition in words and columns.
enum Piece<'t> {
    Words(&'t str),
    Column(String),
}

impl<'a> Writer<'a> {
    pub(super) fn new(
        lexicon: &'a Lexicon<'a>,
        dialect: Dialect,
        metric: &'a Metric,
        name_of: &'a dyn Fn(&str) -> RelationName,
    ) -> Writer<'a> {
        Writer { lexicon, dialect, metric, name_of, stand_ins: Vec::new(), missing: Vec::new(), aliases: Vec::new() }
    }

    /// The SELECT of the metric, with a column of its name.
    pub(super) fn write(&mut self) -> Composer {
        let mut sql = Composer::default();
        let metric = self.metric;
        self.put_metric(&mut sql, metric, &[], 0);
        sql
    }

    fn put_metric(&mut self, sql: &mut Composer, metric: &'a Metric, outer: &[&'a Sql], depth: usize) {
        let filters: Vec<&Sql> = outer.iter().copied().chain(&metric.filters).collect();
        let name = plain_name(&metric.name);
        match &metric.shape {
            Some(Shape::Simple(input)) => self.put_measure(sql, input, filters, &name, &|measure, _| measure.to_owned()),
            Some(Shape::Cumulative { input, window, to_date }) => {
                let dialect = self.dialect;
                self.put_measure(sql, input, filters, &name, &|measure, time| over_time(measure, time, window, to_date, dialect));
            }
            Some(Shape::Ratio(numerator, denominator)) => {
                let (over, under) = (self.column_of(numerator, 1), self.column_of(denominator, 2));
                sql.put(&format!("SELECT\n  {over} / {under} AS {name}"), self.metric.line);
                self.put_inputs(sql, &[numerator, denominator], &filters, depth);
            }
            Some(Shape::Derived(expr, inputs)) => {
                sql.put("SELECT\n  ", self.metric.line);
                let columns: HashMap<&str, String> = (1..)
                    .zip(inputs)
                    .map(|(at, input)| (input.alias.as_ref().unwrap_or(&input.name).as_str(), self.column_of(input, at)))
                    .collect();
                self.put_sql(sql, &with_names(&expr.text, &columns), expr);
                sql.put(&format!(" AS {name}"), self.metric.line);
                let inputs: Vec<&Input> = inputs.iter().collect();
                self.put_inputs(sql, &inputs, &filters, depth);
            }
            Some(Shape::Conversion { base, conversion, entity, calculation, .. }) => {
                self.put_conversion(sql, (base, conversion), entity, calculation, &filters, &name);
            }
            None => {}
        }
    }

    fn miss(&mut self, line: u32, what: String) {
        self.missing.push((line, format!("the metric `{}` {what}", self.metric.name)));
    }

    /// SQL of a file: with its own lines where that is the metric's file.
    fn put_sql(&self, sql: &mut Composer, text: &str, from: &Sql) {
        if from.path == self.metric.path {
            sql.copy(text, from.line);
        } else {
            sql.put(text, self.metric.line);
        }
    }

    /// `SELECT aggregate AS name FROM model WHERE …`; `finish` makes of the aggregate and the time what
    /// is selected.
    fn put_measure(
        &mut self,
        sql: &mut Composer,
        input: &'a Input,
        filters: Vec<&'a Sql>,
        name: &str,
        finish: &dyn Fn(&str, Option<&str>) -> String,
    ) {
        let Some((model, measure, inner)) = self.lexicon.measure(input) else {
            let kind = if input.is_metric { "metric" } else { "measure" };
            return self
                .miss(input.line, format!("is of the {kind} `{}`, which is not defined, or is no simple one", input.name));
        };
        let filters: Vec<&Sql> = filters.into_iter().chain(inner).collect();
        let mut parts = vec![self.part(model)];
        let column = plain_name(&measure.name);
        let value = self.ask(&mut parts, 0, &column, &measure.expr);
        let aggregate = aggregate(self.dialect, measure, &value);
        let time = self.lexicon.time_of(model, measure);
        let needs_time = finish(&aggregate, Some("")) != finish(&aggregate, None);
        let time = time.filter(|_| needs_time).map(|time| self.ask(&mut parts, 0, "metric_time", time));
        let conditions = self.conditions(&mut parts, filters);
        sql.put(&format!("SELECT\n  {} AS {name}\nFROM ", finish(&aggregate, time.as_deref())), self.metric.line);
        self.put_parts(sql, &parts);
        self.put_conditions(sql, &conditions);
    }

    fn part(&mut self, model: usize) -> Part<'a> {
        static NONE: LazyLock<SemanticModel> = LazyLock::new(|| SemanticModel {
            name: String::new(),
            model: String::new(),
            entities: Vec::new(),
            dimensions: Vec::new(),
            measures: Vec::new(),
            primary: None,
            time: None,
        });
        let model: &'a SemanticModel = self.lexicon.models.get(model).copied().unwrap_or_else(|| LazyLock::force(&NONE));
        let plain = plain_name(&model.name);
        let alias = match self.aliases.iter().filter(|known| **known == plain).count() {
            0 => plain.clone(),
            more => format!("{plain}_{}", more + 1),
        };
        self.aliases.push(plain);
        Part { alias, model, columns: Vec::new(), key: None, conditions: Vec::new() }
    }

    /// The column of a part that holds `expr`, asked for as `name`.
    fn ask(&mut self, parts: &mut [Part<'a>], part: usize, name: &str, expr: &'a Sql) -> String {
        let Some(part) = parts.get_mut(part) else { return "NULL".to_owned() };
        let known = part.columns.iter().find(|(_, known)| known.text == expr.text).map(|(name, _)| name.clone());
        let name = known.unwrap_or_else(|| {
            let mut own = name.to_owned();
            while part.columns.iter().any(|(known, _)| *known == own) {
                own.push('_');
            }
            part.columns.push((own.clone(), expr));
            own
        });
        format!("{}.{name}", part.alias)
    }

    /// The conditions in columns of the parts; those that name no dimension belong to the first model.
    fn conditions(&mut self, parts: &mut Vec<Part<'a>>, filters: Vec<&'a Sql>) -> Vec<(&'a Sql, Vec<Piece<'a>>)> {
        let mut conditions: Vec<(&Sql, Vec<Piece<'_>>)> = Vec::new();
        for filter in filters {
            if conditions.iter().any(|(known, _)| known.text == filter.text) {
                continue;
            }
            let pieces = self.pieces(parts, filter);
            let is_plain = pieces.iter().all(|piece| matches!(piece, Piece::Words(_)));
            match parts.first_mut().filter(|_| is_plain) {
                Some(first) => first.conditions.push(filter),
                None => conditions.push((filter, pieces)),
            }
        }
        conditions
    }

    fn pieces(&mut self, parts: &mut Vec<Part<'a>>, filter: &'a Sql) -> Vec<Piece<'a>> {
        static CALL: LazyLock<Option<Regex>> = LazyLock::new(|| {
            Regex::new(r#"\{\{-?\s*(Dimension|TimeDimension|Entity|Metric)\(\s*['"]([^'"]+)['"]\s*(?:,\s*['"](\w+)['"])?[^)]*\)(?:\.grain\(\s*['"](\w+)['"]\s*\))?[^}]*\}\}"#).ok()
        });
        let Some(call) = CALL.as_ref() else { return vec![Piece::Words(&filter.text)] };
        let (mut pieces, mut at) = (Vec::new(), 0);
        for found in call.captures_iter(&filter.text) {
            let part = |number: usize| found.get(number).map_or("", |part| part.as_str());
            let Some(whole) = found.get(0) else { continue };
            pieces.push(Piece::Words(filter.text.get(at..whole.start()).unwrap_or_default()));
            at = whole.end();
            let grain =
                Some(part(4)).filter(|grain| !grain.is_empty()).unwrap_or(if part(1) == "TimeDimension" { part(3) } else { "" });
            let column = match part(1) {
                "Metric" => self.metric_in_filter(part(2)),
                kind => self.element_in_filter(parts, part(2), kind == "Entity", filter.line),
            };
            pieces.push(Piece::Column(truncated(&column, grain, self.dialect)));
        }
        pieces.push(Piece::Words(filter.text.get(at..).unwrap_or_default()));
        pieces
    }

    /// The value of another metric, for whatever the condition groups it by.
    fn metric_in_filter(&mut self, name: &str) -> String {
        let stand_in = self.stand_in(name);
        format!("(SELECT {stand_in}.{} FROM {stand_in})", plain_name(name))
    }

    fn stand_in(&mut self, metric: &str) -> String {
        let stand_in = format!("metric_{}", plain_name(metric));
        if self.stand_ins.iter().all(|(known, _)| *known != stand_in) {
            self.stand_ins.push((stand_in.clone(), (self.name_of)(metric)));
        }
        stand_in
    }

    /// The column that `customer__region` means: an element of the first model, or of one that is joined
    /// by the entity.
    fn element_in_filter(&mut self, parts: &mut Vec<Part<'a>>, name: &str, is_entity: bool, line: u32) -> String {
        let path: Vec<&str> = name.split("__").collect();
        let (last, through) = match path.split_last() {
            Some((last, through)) => (*last, through),
            None => (name, [].as_slice()),
        };
        let column = plain_name(name);
        let Some(base) = parts.first().map(|part| part.model) else { return "NULL".to_owned() };
        let elements = |model: &'a SemanticModel| if is_entity { &model.entities } else { &model.dimensions };
        let of = |model: &'a SemanticModel, name: &str| elements(model).iter().find(|element| element.name == name);
        let own = through.iter().all(|entity| is_key_of(base, entity));
        let wanted = if last == "metric_time" { base.time.as_deref().unwrap_or(last) } else { last };
        if own && let Some(element) = of(base, wanted) {
            return self.ask(parts, 0, &column, &element.expr);
        }
        let joined = through.iter().rev().find_map(|entity| {
            let key = base.entities.iter().find(|known| known.name == **entity)?;
            let holds = |model: &&&'a SemanticModel| {
                !std::ptr::eq(**model, base) && is_key_of(model, entity) && of(model, last).is_some()
            };
            let at = self.lexicon.models.iter().position(|model| holds(&model))?;
            Some((key, at))
        });
        let Some((key, at)) = joined else {
            self.miss(line, format!("has a condition on `{name}`, which no semantic model that it can be joined with holds"));
            return "NULL".to_owned();
        };
        let model = self.lexicon.models.get(at).copied();
        let known = parts.iter().position(|part| model.is_some_and(|model| std::ptr::eq(part.model, model)));
        let part = known.unwrap_or_else(|| {
            parts.push(self.part(at));
            parts.len() - 1
        });
        let Some(model) = model else { return "NULL".to_owned() };
        let left = self.ask(parts, 0, &plain_name(&key.name), &key.expr);
        if let Some(theirs) = key_element(model, &key.name) {
            let right = self.ask(parts, part, &plain_name(&key.name), &theirs.expr);
            if let Some(joined) = parts.get_mut(part) {
                joined.key = Some(format!("{left} = {right}"));
            }
        }
        match of(model, last) {
            Some(element) => self.ask(parts, part, &column, &element.expr),
            None => "NULL".to_owned(),
        }
    }

    fn put_parts(&self, sql: &mut Composer, parts: &[Part<'a>]) {
        for (at, part) in parts.iter().enumerate() {
            sql.put(if at == 0 { "(\n  SELECT" } else { "\nLEFT JOIN (\n  SELECT" }, self.metric.line);
            for (at, (name, expr)) in part.columns.iter().enumerate() {
                sql.put(if at == 0 { "\n    " } else { ",\n    " }, self.metric.line);
                self.put_sql(sql, &expr.text, expr);
                if expr.text != *name {
                    sql.put(&format!(" AS {name}"), self.metric.line);
                }
            }
            sql.put(&format!("\n  FROM {} AS source", part.model.model), self.metric.line);
            for (at, condition) in part.conditions.iter().enumerate() {
                sql.put(if at == 0 { "\n  WHERE (" } else { "\n    AND (" }, self.metric.line);
                self.put_sql(sql, &condition.text, condition);
                sql.put(")", self.metric.line);
            }
            sql.put(&format!("\n) AS {}", part.alias), self.metric.line);
            if at > 0 {
                sql.put(&format!(" ON {}", part.key.as_deref().unwrap_or("TRUE")), self.metric.line);
            }
        }
    }

    fn put_conditions(&self, sql: &mut Composer, conditions: &[(&'a Sql, Vec<Piece<'a>>)]) {
        for (at, (filter, pieces)) in conditions.iter().enumerate() {
            sql.put(if at == 0 { "\nWHERE (" } else { "\n  AND (" }, self.metric.line);
            let mut line = filter.line;
            for piece in pieces {
                match piece {
                    Piece::Words(words) => {
                        self.put_sql(sql, words, &Sql { text: String::new(), path: filter.path.clone(), line });
                        line += words.matches('\n').count() as u32;
                    }
                    Piece::Column(column) => {
                        self.put_sql(sql, column, &Sql { text: String::new(), path: filter.path.clone(), line });
                    }
                }
            }
            sql.put(")", self.metric.line);
        }
    }

    /// The column of the `at`th input of a metric of metrics.
    fn column_of(&self, input: &Input, at: usize) -> String {
        format!("input_{at}.{}", plain_name(&input.name))
    }

    /// FROM the inputs: other metrics, or their SQL where conditions are added to them.
    fn put_inputs(&mut self, sql: &mut Composer, inputs: &[&'a Input], outer: &[&'a Sql], depth: usize) {
        for (at, input) in (1..).zip(inputs) {
            sql.put(if at == 1 { "\nFROM " } else { ", " }, self.metric.line);
            let Some(metric) = self.lexicon.metric(&input.name) else {
                self.miss(input.line, format!("is made of the metric `{}`, which is not defined", input.name));
                sql.put(&format!("(SELECT NULL AS {}) AS input_{at}", plain_name(&input.name)), self.metric.line);
                continue;
            };
            let filters: Vec<&Sql> = outer.iter().copied().chain(&input.filters).collect();
            if filters.is_empty() || depth >= MAX_DEPTH {
                let stand_in = self.stand_in(&input.name);
                sql.put(&format!("{stand_in} AS input_{at}"), self.metric.line);
            } else {
                sql.put("(\n", self.metric.line);
                self.put_metric(sql, metric, &filters, depth + 1);
                sql.put(&format!("\n) AS input_{at}"), self.metric.line);
            }
        }
    }

    fn put_conversion(
        &mut self,
        sql: &mut Composer,
        (base, conversion): (&'a Input, &'a Input),
        entity: &str,
        calculation: &str,
        filters: &[&'a Sql],
        name: &str,
    ) {
        let (Some(first), Some(second)) = (self.lexicon.measure(base), self.lexicon.measure(conversion)) else {
            let missing = if self.lexicon.measure(base).is_none() { base } else { conversion };
            return self.miss(missing.line, format!("is of `{}`, which is not defined, or is no simple one", missing.name));
        };
        let mut sides = Vec::new();
        for (model, measure, inner) in [first, second] {
            let mut parts = vec![self.part(model)];
            let value = self.ask(&mut parts, 0, &plain_name(&measure.name), &measure.expr);
            let key = parts.first().and_then(|part| key_element(part.model, entity));
            let key = key.map(|key| self.ask(&mut parts, 0, &plain_name(entity), &key.expr));
            let time = self.lexicon.time_of(model, measure).map(|time| self.ask(&mut parts, 0, "metric_time", time));
            let conditions = self.conditions(&mut parts, inner);
            sides.push((parts, conditions, aggregate(self.dialect, measure, &value), key, time));
        }
        let [base, converted] = sides.as_mut_slice() else { return };
        let outer = self.conditions(&mut base.0, filters.to_vec());
        let value = match calculation {
            "conversions" => converted.2.clone(),
            _ => format!("{} / {}", converted.2, base.2),
        };
        sql.put(&format!("SELECT\n  {value} AS {name}\nFROM "), self.metric.line);
        self.put_parts(sql, &base.0);
        sql.put("\nLEFT JOIN ", self.metric.line);
        self.put_parts(sql, &converted.0);
        let same = |left: &Option<String>, right: &Option<String>, operator: &str| {
            Some(format!("{} {operator} {}", left.as_ref()?, right.as_ref()?))
        };
        let on = [same(&base.3, &converted.3, "="), same(&base.4, &converted.4, "<=")];
        let on: Vec<String> = on.into_iter().flatten().collect();
        sql.put(&format!(" ON {}", if on.is_empty() { "TRUE".to_owned() } else { on.join(" AND ") }), self.metric.line);
        let mut conditions = std::mem::take(&mut base.1);
        conditions.append(&mut converted.1);
        conditions.extend(outer);
        self.put_conditions(sql, &conditions);
    }
}
