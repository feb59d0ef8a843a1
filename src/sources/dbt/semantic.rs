//! Semantic models and metrics, as property files write them: the standalone `semantic_models:` and
//! `metrics:` of dbt 1.6 and newer, the ones inside of a model's entry (dbt 1.12, Fusion), and the
//! metrics of dbt 1.0 to 1.5.
//!
//! In: YAML. Out: plain structures with their lines. SQL in them is not looked into.

use std::sync::Arc;

use super::properties::{Said, read_about};
use crate::sources::yaml::Node;

/// A piece of SQL as a property file writes it.
#[derive(Clone, Debug)]
pub(super) struct Sql {
    pub(super) text: String,
    /// The file, and the 1-based line on which the text starts.
    pub(super) path: Arc<str>,
    pub(super) line: u32,
}

/// A model with what can be counted in it, and what that can be told apart by.
#[derive(Clone, Debug)]
pub(super) struct SemanticModel {
    pub(super) name: String,
    /// The model in FROM: `{{ ref('orders') }}`.
    pub(super) model: String,
    pub(super) entities: Vec<Element>,
    pub(super) dimensions: Vec<Element>,
    pub(super) measures: Vec<Measure>,
    /// The entity of which a row is one, where no entity is said to be primary.
    pub(super) primary: Option<String>,
    /// The dimension that says when, where a measure does not say another.
    pub(super) time: Option<String>,
}

/// An entity or a dimension.
#[derive(Clone, Debug)]
pub(super) struct Element {
    pub(super) name: String,
    /// `primary`, `unique`, `natural`, `foreign`; `categorical`, `time`.
    pub(super) kind: String,
    pub(super) expr: Sql,
}

/// What is aggregated, and how.
#[derive(Clone, Debug)]
pub(super) struct Measure {
    pub(super) name: String,
    /// dbt's word: `sum`, `count_distinct`, …
    pub(super) aggregation: String,
    pub(super) expr: Sql,
    pub(super) percentile: Option<String>,
    pub(super) time: Option<String>,
}

/// A measure or metric that a metric is made of.
#[derive(Clone, Debug)]
pub(super) struct Input {
    pub(super) name: String,
    pub(super) alias: Option<String>,
    pub(super) filters: Vec<Sql>,
    pub(super) line: u32,
    /// It is a metric, not a measure.
    pub(super) is_metric: bool,
}

/// How a metric is made.
#[derive(Clone, Debug)]
pub(super) enum Shape {
    /// One measure, aggregated.
    Simple(Input),
    /// One metric by another.
    Ratio(Input, Input),
    /// An expression over metrics.
    Derived(Sql, Vec<Input>),
    /// A measure so far, over a window or since the begin of a period.
    Cumulative { input: Input, window: String, to_date: String },
    /// Events of one kind that are followed by events of another of the same entity.
    Conversion { base: Input, conversion: Input, entity: String, calculation: String, window: String },
}

/// A metric.
#[derive(Clone, Debug)]
pub(super) struct Metric {
    pub(super) name: String,
    pub(super) path: Arc<str>,
    pub(super) line: u32,
    /// Its type, in dbt's word.
    pub(super) kind: String,
    pub(super) shape: Option<Shape>,
    pub(super) filters: Vec<Sql>,
    pub(super) said: Said,
}

/// What one property file says.
#[derive(Clone, Debug, Default)]
pub(super) struct Semantics {
    pub(super) models: Vec<SemanticModel>,
    pub(super) metrics: Vec<Metric>,
}

/// Reads a property file of this path.
pub(super) fn read_semantics(root: &Node, path: &str, docs: &super::docs::Blocks) -> Semantics {
    let mut reader = Reader { path: Arc::from(path), docs, read: Semantics::default(), apart: Vec::new() };
    for entry in items(root, "semantic_models") {
        reader.read_semantic_model(entry);
    }
    for entry in items(root, "models") {
        reader.read_model(entry);
    }
    for entry in items(root, "metrics") {
        reader.read_metric(entry, None);
    }
    let Reader { mut read, apart, .. } = reader;
    for (model, measure) in apart {
        if let Some(model) = read.models.iter_mut().find(|known| known.name == model) {
            model.measures.push(measure);
        }
    }
    read
}

fn items<'a>(node: &'a Node, key: &str) -> &'a [Arc<Node>] {
    node.get(key).map(Node::items).unwrap_or_default()
}

fn word(node: &Node, key: &str) -> Option<String> {
    node.get(key).and_then(Node::text).map(|word| word.trim().to_owned()).filter(|word| !word.is_empty())
}

/// A call as an expression of a template, however it is written.
fn in_braces(call: &str) -> String {
    format!("{{{{ {} }}}}", call.trim_start_matches("{{").trim_end_matches("}}").trim())
}

struct Reader<'a> {
    path: Arc<str>,
    docs: &'a super::docs::Blocks,
    read: Semantics,
    /// Measures that metrics of a manifest state themselves, with their semantic model.
    apart: Vec<(String, Measure)>,
}

impl Reader<'_> {
    fn sql(&self, node: &Node) -> Option<Sql> {
        let text = node.text()?;
        let lead = text.len() - text.trim_start().len();
        let skipped = text.get(..lead).map_or(0, |blank| blank.matches('\n').count()) as u32;
        Some(Sql { text: text.trim().to_owned(), path: self.path.clone(), line: node.text_line() + skipped })
    }

    /// The SQL at `key`, else `otherwise`, which is a column.
    fn sql_or(&self, entry: &Node, key: &str, otherwise: &str) -> Sql {
        let column = || Sql { text: otherwise.to_owned(), path: self.path.clone(), line: entry.line };
        entry.get(key).and_then(|node| self.sql(node)).filter(|sql| !sql.text.is_empty()).unwrap_or_else(column)
    }

    fn element(&self, entry: &Node) -> Option<Element> {
        let name = word(entry, "name")?;
        let expr = self.sql_or(entry, "expr", &name);
        Some(Element { kind: word(entry, "type").unwrap_or_default(), expr, name })
    }

    fn read_semantic_model(&mut self, entry: &Node) {
        let (Some(name), Some(model)) = (word(entry, "name"), word(entry, "model")) else { return };
        let mut model = SemanticModel {
            name,
            model: in_braces(&model),
            entities: items(entry, "entities").iter().filter_map(|entry| self.element(entry)).collect(),
            dimensions: items(entry, "dimensions").iter().filter_map(|entry| self.element(entry)).collect(),
            measures: Vec::new(),
            primary: word(entry, "primary_entity"),
            time: entry.get("defaults").and_then(|defaults| word(defaults, "agg_time_dimension")),
        };
        for entry in items(entry, "measures") {
            let Some(name) = word(entry, "name") else { continue };
            let measure = self.measure(entry, &name, "agg");
            let becomes_metric = entry.get("create_metric").and_then(Node::truth) == Some(true);
            if becomes_metric {
                let input = Input { name: name.clone(), alias: None, filters: Vec::new(), line: entry.line, is_metric: false };
                self.push_metric(entry, name, "simple".to_owned(), Some(Shape::Simple(input)));
            }
            model.measures.push(measure);
        }
        self.read.models.push(model);
    }

    fn measure(&self, entry: &Node, name: &str, aggregation: &str) -> Measure {
        let percentile = entry.get("agg_params").and_then(|params| word(params, "percentile"));
        Measure {
            name: name.to_owned(),
            aggregation: word(entry, aggregation).unwrap_or_default().to_ascii_lowercase(),
            expr: self.sql_or(entry, "expr", name),
            percentile: percentile.or_else(|| word(entry, "percentile")),
            time: word(entry, "agg_time_dimension"),
        }
    }

    /// A model whose entry says itself what can be counted.
    fn read_model(&mut self, entry: &Node) {
        let Some(name) = word(entry, "name") else { return };
        let stated = entry.get("semantic_model");
        let enabled =
            stated.is_some_and(|stated| stated.truth().or_else(|| stated.get("enabled").and_then(Node::truth)) != Some(false));
        if !enabled {
            return;
        }
        let mut model = SemanticModel {
            name: stated.and_then(|stated| word(stated, "name")).unwrap_or_else(|| name.clone()),
            model: format!("{{{{ ref('{name}') }}}}"),
            entities: Vec::new(),
            dimensions: Vec::new(),
            measures: Vec::new(),
            primary: word(entry, "primary_entity"),
            time: word(entry, "agg_time_dimension"),
        };
        for column in items(entry, "columns") {
            let Some(name) = word(column, "name") else { continue };
            for (key, list) in [("entity", &mut model.entities), ("dimension", &mut model.dimensions)] {
                let Some(said) = column.get(key) else { continue };
                let kind = said.text().map(str::to_owned).or_else(|| word(said, "type")).unwrap_or_default();
                let expr = Sql { text: name.clone(), path: self.path.clone(), line: column.line };
                list.push(Element { name: word(said, "name").unwrap_or_else(|| name.clone()), kind, expr });
            }
        }
        if let Some(derived) = entry.get("derived_semantics") {
            model.entities.extend(items(derived, "entities").iter().filter_map(|entry| self.element(entry)));
            model.dimensions.extend(items(derived, "dimensions").iter().filter_map(|entry| self.element(entry)));
        }
        for entry in items(entry, "metrics") {
            self.read_metric(entry, Some(&mut model));
        }
        self.read.models.push(model);
    }

    fn read_metric(&mut self, entry: &Node, model: Option<&mut SemanticModel>) {
        let Some(name) = word(entry, "name") else { return };
        if word(entry, "model").is_some() || word(entry, "calculation_method").is_some() {
            return self.read_old_metric(entry, name);
        }
        let kind = word(entry, "type").unwrap_or_default().to_ascii_lowercase();
        if let (Some(model), Some(_)) = (model, entry.get("agg")) {
            model.measures.push(self.measure(entry, &name, "agg"));
            let input = Input { name: name.clone(), alias: None, filters: Vec::new(), line: entry.line, is_metric: false };
            let kind = if kind.is_empty() { "simple".to_owned() } else { kind };
            return self.push_metric(entry, name, kind, Some(Shape::Simple(input)));
        }
        let params = entry.get("type_params").and_then(|params| Some((params, params.get("metric_aggregation_params")?)));
        if let Some((params, stated)) = params
            && let Some(model) = word(stated, "semantic_model")
        {
            let mut measure = self.measure(stated, &name, "agg");
            measure.expr = self.sql_or(params, "expr", &name);
            self.apart.push((model, measure));
            let input = Input { name: name.clone(), alias: None, filters: Vec::new(), line: entry.line, is_metric: false };
            return self.push_metric(entry, name, kind, Some(Shape::Simple(input)));
        }
        let shape = self.shape(entry, &kind);
        self.push_metric(entry, name, kind, shape);
    }

    fn push_metric(&mut self, entry: &Node, name: String, kind: String, shape: Option<Shape>) {
        let metric = Metric {
            name,
            path: self.path.clone(),
            line: entry.line,
            kind,
            shape,
            filters: self.filters(entry),
            said: read_about(entry, self.docs),
        };
        self.read.metrics.push(metric);
    }

    /// What a metric is made of: said in `type_params`, or beside its type.
    fn shape(&self, entry: &Node, kind: &str) -> Option<Shape> {
        let params = entry.get("type_params").unwrap_or(entry);
        let own = |key: &str| params.get(key).or_else(|| entry.get(key));
        match kind {
            "simple" => Some(Shape::Simple(self.input(own("measure")?, false)?)),
            "ratio" => Some(Shape::Ratio(self.input(own("numerator")?, true)?, self.input(own("denominator")?, true)?)),
            "derived" => {
                let inputs = own("metrics").filter(|node| !node.items().is_empty()).or_else(|| own("input_metrics"))?;
                let inputs = inputs.items().iter().filter_map(|input| self.input(input, true)).collect();
                Some(Shape::Derived(self.sql(own("expr")?)?, inputs))
            }
            "cumulative" => {
                let inner = params.get("cumulative_type_params");
                let text = |key: &str| {
                    let said = own(key).or_else(|| inner?.get(key)).and_then(Node::text);
                    said.unwrap_or_default().to_owned()
                };
                let metric = own("input_metric").or_else(|| inner?.get("metric"));
                let input = match metric {
                    Some(metric) => self.input(metric, true)?,
                    None => self.input(own("measure")?, false)?,
                };
                Some(Shape::Cumulative { input, window: text("window"), to_date: text("grain_to_date") })
            }
            "conversion" => {
                let inner = params.get("conversion_type_params").unwrap_or(params);
                let input = |what: &str| match inner.get(&format!("{what}_measure")) {
                    Some(measure) => self.input(measure, false),
                    None => self.input(inner.get(&format!("{what}_metric"))?, true),
                };
                Some(Shape::Conversion {
                    base: input("base")?,
                    conversion: input("conversion")?,
                    entity: word(inner, "entity")?,
                    calculation: word(inner, "calculation").unwrap_or_else(|| "conversion_rate".to_owned()),
                    window: word(inner, "window").unwrap_or_default(),
                })
            }
            _ => None,
        }
    }

    fn input(&self, node: &Node, is_metric: bool) -> Option<Input> {
        let named = node.text().map(|name| name.trim().to_owned()).or_else(|| word(node, "name"))?;
        Some(Input { name: named, alias: word(node, "alias"), filters: self.filters(node), line: node.line, is_metric })
    }

    /// The conditions of `filter`: one, or a list of them.
    fn filters(&self, entry: &Node) -> Vec<Sql> {
        let Some(filter) = entry.get("filter") else { return Vec::new() };
        // As a manifest has them.
        let listed = items(filter, "where_filters");
        if !listed.is_empty() {
            return listed.iter().filter_map(|one| self.sql(one.get("where_sql_template")?)).collect();
        }
        match filter.items() {
            [] => self.sql(filter).into_iter().filter(|sql| !sql.text.is_empty()).collect(),
            several => several.iter().filter_map(|one| self.sql(one)).collect(),
        }
    }

    /// A metric of dbt 1.0 to 1.5: a model, a calculation and conditions.
    fn read_old_metric(&mut self, entry: &Node, name: String) {
        let kind = word(entry, "calculation_method").or_else(|| word(entry, "type")).unwrap_or_default().to_ascii_lowercase();
        let expression = if entry.get("expression").is_some() { "expression" } else { "sql" };
        let expr = self.sql_or(entry, expression, "*");
        let shape = match word(entry, "model") {
            Some(model) if !matches!(kind.as_str(), "derived" | "expression") => {
                let measure = Measure {
                    name: name.clone(),
                    aggregation: kind.clone(),
                    expr,
                    percentile: None,
                    time: word(entry, "timestamp"),
                };
                let time = measure.time.iter().map(|name| Element {
                    name: name.clone(),
                    kind: "time".to_owned(),
                    expr: self.sql_or(entry, "timestamp", name),
                });
                let dimensions = time.collect();
                self.read.models.push(SemanticModel {
                    name: name.clone(),
                    model: in_braces(&model),
                    entities: Vec::new(),
                    dimensions,
                    measures: vec![measure],
                    primary: None,
                    time: None,
                });
                let conditions = items(entry, "filters").iter().filter_map(|condition| self.old_condition(condition)).collect();
                Some(Shape::Simple(Input {
                    name: name.clone(),
                    alias: None,
                    filters: conditions,
                    line: entry.line,
                    is_metric: false,
                }))
            }
            _ => Some(self.old_expression(expr, entry.line)),
        };
        self.push_metric(entry, name, kind, shape);
    }

    fn old_condition(&self, condition: &Node) -> Option<Sql> {
        let part = |key: &str| word(condition, key);
        let (field, operator, value) = (part("field")?, part("operator")?, part("value")?);
        Some(Sql { text: format!("{field} {operator} {value}"), path: self.path.clone(), line: condition.line })
    }

    /// `{{ metric('a') }} / {{ metric('b') }}`.
    fn old_expression(&self, expr: Sql, line: u32) -> Shape {
        static CALL: std::sync::LazyLock<Option<regex::Regex>> =
            std::sync::LazyLock::new(|| regex::Regex::new(r#"\{\{-?\s*metric\(\s*['"]([^'"]+)['"]\s*\)\s*-?\}\}"#).ok());
        let mut inputs: Vec<Input> = Vec::new();
        let text = match CALL.as_ref() {
            Some(call) => call.replace_all(&expr.text, |found: &regex::Captures<'_>| {
                let name = found.get(1).map_or("", |name| name.as_str()).to_owned();
                if inputs.iter().all(|known| known.name != name) {
                    inputs.push(Input { name: name.clone(), alias: None, filters: Vec::new(), line, is_metric: true });
                }
                name
            }),
            None => expr.text.as_str().into(),
        };
        Shape::Derived(Sql { text: text.into_owned(), ..expr.clone() }, inputs)
    }
}
