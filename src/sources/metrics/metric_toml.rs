//! Metrics in TOML: `[metrics.NAME]` with a `select_expression` over a `[data_sources.NAME]`.
//!
//! In: all such files of a source. Out: a composed SELECT and facts for every metric. A data source
//! is looked for in the metric's own file, then in those of the same platform (the file's stem, or
//! the folder below `outcomes`), then anywhere if only one file has it. Functions of
//! `[functions.NAME]` are put in where they are called; other templates are left to rendering.

use std::{collections::BTreeMap, sync::Arc};

use crate::model::{
    Diagnostic, DocumentRole, FactKind, MetricShape, RelationName, Span, TEMPLATE_PLACEHOLDER, UNKNOWN_DEFINITION,
};

use super::super::{
    compose::Composer,
    definitions::{Definition, DefinitionFile, Definitions, Setting},
    deprecation,
    toml_tree::read_toml,
    yaml::Node,
};

/// Whether a TOML text looks like one that defines metrics, or what metrics are made of.
pub(in crate::sources) fn holds(text: &str) -> bool {
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    has(&["[metrics.", "[data_sources."]) && has(&["select_expression", "from_expression"])
        || text.contains("[functions.") && has(&["{select_expr}"])
}

/// Reads every metric of `files`.
pub(in crate::sources) fn read_metrics(files: &[DefinitionFile], setting: &Setting<'_>) -> Definitions {
    let mut definitions = Definitions::default();
    let mut project = Project::default();
    for file in files {
        let (root, diagnostics) = read_toml(&file.text);
        definitions.diagnostics.extend(diagnostics.into_iter().map(|(line, what)| (file.path.clone(), line, what)));
        project.add(&file.path, root);
    }
    for at in 0..project.files.len() {
        let file = &project.files[at];
        let metrics = file.root.get("metrics").into_iter().flat_map(Node::entries);
        for (line, name, metric) in metrics {
            let is_defined = metric.get("select_expression").is_some() || metric.get("depends_on").is_some();
            if is_defined {
                Metric { project: &project, file, line, name, node: metric, setting }.define(&mut definitions);
            }
        }
    }
    definitions
}

/// One file.
struct MetricFile<'a> {
    path: &'a str,
    /// What metrics in it are called by, before their own name.
    scope: String,
    /// The product that its metrics are of; "" where nothing tells.
    platform: String,
    /// The folder above `definitions`, `outcomes` and the like: collections of their own.
    collection: String,
    root: Arc<Node>,
}

/// All files of a source.
#[derive(Default)]
struct Project<'a> {
    files: Vec<MetricFile<'a>>,
    /// Name → files that define a data source of it.
    data_sources: BTreeMap<String, Vec<usize>>,
    /// Name → the text of a function.
    functions: BTreeMap<String, String>,
}

/// Folders that say what kind of file stands in them, and nothing of its name.
const FOLDERS: [&str; 4] = ["definitions", "metrics", "outcomes", "defaults"];

impl<'a> Project<'a> {
    fn add(&mut self, path: &'a str, root: Arc<Node>) {
        let stem = path.strip_suffix(".toml").unwrap_or(path);
        let folders: Vec<&str> = stem.split('/').collect();
        let kind = folders.iter().position(|folder| FOLDERS.contains(folder));
        let word =
            |outer: &str, key: &str| root.get(outer).and_then(|node| node.get(key)).and_then(Node::text).map(str::to_owned);
        let by_path = kind.map(|at| folders.get(at + 1).copied().unwrap_or_default().to_owned());
        let platform = word("experiment", "app_name").or_else(|| word("project", "platform")).or(by_path).unwrap_or_default();
        let collection = kind.map_or_else(|| folders[..folders.len() - 1].join("."), |at| folders[..at].join("."));
        let scope: Vec<&str> =
            folders.iter().copied().filter(|folder| *folder != "definitions" && *folder != "metrics").collect();
        for (_, name, source) in root.get("data_sources").into_iter().flat_map(Node::entries) {
            if source.get("from_expression").is_some() {
                self.data_sources.entry(name.to_owned()).or_default().push(self.files.len());
            }
        }
        for (_, name, function) in root.get("functions").into_iter().flat_map(Node::entries) {
            if let Some(text) = function.get("definition").and_then(Node::text) {
                self.functions.entry(name.to_owned()).or_insert_with(|| text.trim().to_owned());
            }
        }
        self.files.push(MetricFile { path, scope: scope.join("."), platform, collection, root });
    }

    /// The data source that `name` means in `file`, and the file that defines it.
    fn find_data_source(&self, file: &MetricFile<'_>, name: &str) -> Option<(&MetricFile<'a>, &Node)> {
        let candidates = self.data_sources.get(name)?;
        let found = candidates.iter().filter_map(|at| self.files.get(*at));
        let near = |other: &&MetricFile<'_>| {
            (
                other.path != file.path,
                other.platform != file.platform || file.platform.is_empty(),
                other.collection != file.collection,
                !other.collection.is_empty(),
            )
        };
        let best = found.min_by_key(near)?;
        let is_near = best.path == file.path || best.platform == file.platform && !file.platform.is_empty();
        if !is_near && candidates.len() > 1 && !self.say_the_same(candidates, name) {
            return None;
        }
        let node = best.root.get("data_sources")?.get(name)?;
        Some((best, node))
    }

    fn say_the_same(&self, candidates: &[usize], name: &str) -> bool {
        let text = |at: &usize| {
            let source = self.files.get(*at)?.root.get("data_sources")?.get(name)?;
            source.get("from_expression").and_then(Node::text).map(|text| text.split_whitespace().collect::<String>())
        };
        let mut texts = candidates.iter().map(text);
        let first = texts.next().flatten();
        texts.all(|other| other == first)
    }

    /// The file that defines the metric that `name` means in `file`.
    fn find_metric(&self, file: &MetricFile<'a>, name: &str) -> Option<&MetricFile<'a>> {
        let defines = |other: &&MetricFile<'_>| {
            let metric = other.root.get("metrics").and_then(|metrics| metrics.get(name));
            metric.is_some_and(|metric| metric.get("select_expression").is_some() || metric.get("depends_on").is_some())
        };
        let near = |other: &&MetricFile<'_>| {
            (other.path != file.path, other.collection != file.collection, !other.collection.is_empty())
        };
        let own = self.files.iter().filter(|other| other.path == file.path || other.platform == file.platform);
        own.filter(defines).min_by_key(near)
    }
}

/// One metric.
struct Metric<'a> {
    project: &'a Project<'a>,
    file: &'a MetricFile<'a>,
    line: u32,
    name: &'a str,
    node: &'a Node,
    setting: &'a Setting<'a>,
}

impl Metric<'_> {
    fn define(&self, definitions: &mut Definitions) {
        let target = self.name_of(self.file, self.name);
        let mut stand_ins = Vec::new();
        let sql = match self.node.entry("select_expression") {
            Some((_, expression)) => self.compose_select(expression, definitions),
            None => self.compose_ratio(&mut stand_ins, definitions),
        };
        self.say_facts(&target, definitions);
        let part = format!("metrics.{}", self.name);
        let definition =
            Definition { path: self.file.path, part: &part, role: DocumentRole::Metric, target, name: None, sql, stand_ins };
        definitions.define(definition, self.setting);
    }

    fn name_of(&self, file: &MetricFile<'_>, name: &str) -> RelationName {
        RelationName::outside(format!("metric://{}", self.setting.source), format!("{}.{name}", file.scope))
    }

    fn compose_select(&self, expression: &Node, definitions: &mut Definitions) -> Composer {
        let mut sql = Composer::default();
        sql.put("SELECT\n  ", self.line);
        let text = expression.text().unwrap_or_default();
        let lead = text.len() - text.trim_start().len();
        let skipped = text[..lead].matches('\n').count() as u32;
        self.put_expression(&mut sql, text.trim(), expression.text_line() + skipped);
        sql.put(&format!(" AS {}", quote_name(self.name)), self.line);
        let Some((source_line, source)) = self.node.entry("data_source") else { return sql };
        let source = source.text().unwrap_or_default();
        match self.project.find_data_source(self.file, source) {
            Some((file, node)) => self.put_source(&mut sql, source_line, source, file, node, definitions),
            None => {
                let message =
                    format!("the metric `{}` is of the data source `{source}`, which is not defined, or by several", self.name);
                definitions.note(self.file.path, source_line, Diagnostic::new(&UNKNOWN_DEFINITION, message, Span::default()));
            }
        }
        sql
    }

    /// The expression, with functions of the project put in where they are called with one literal.
    fn put_expression(&self, sql: &mut Composer, text: &str, line: u32) {
        let mut rest = text;
        let mut line = line;
        while let Some((before, call, after)) = find_call(rest) {
            sql.copy(before, line);
            let line_of_call = line + before.matches('\n').count() as u32;
            match self.project.functions.get(call.function) {
                Some(definition) => {
                    sql.copy(&definition.replace("{select_expr}", call.argument).replace('\n', " "), line_of_call);
                }
                None => {
                    sql.copy(call.text, line_of_call);
                }
            }
            line = line_of_call + call.text.matches('\n').count() as u32;
            rest = after;
        }
        sql.copy(rest, line);
    }

    fn put_source(
        &self,
        sql: &mut Composer,
        line: u32,
        name: &str,
        file: &MetricFile<'_>,
        node: &Node,
        definitions: &mut Definitions,
    ) {
        sql.put("\nFROM ", line);
        let Some(from) = node.get("from_expression") else { return };
        let text = from.text().unwrap_or_default();
        let dataset = node.get("default_dataset").and_then(Node::text);
        if text.contains("{dataset}") && dataset.is_none() {
            let message =
                format!("`{{dataset}}` of the data source `{name}` is only known at run time; `{}` stands for it", file.platform);
            definitions.note(self.file.path, line, Diagnostic::new(&TEMPLATE_PLACEHOLDER, message, Span::default()));
        }
        let text = text.replace("{dataset}", dataset.unwrap_or(&file.platform));
        let text = text.trim();
        if file.path == self.file.path {
            let skipped = from.text().map_or(0, |whole| whole[..whole.len() - whole.trim_start().len()].matches('\n').count());
            sql.copy(text, from.text_line() + skipped as u32);
        } else {
            sql.put(text, line);
        }
        sql.put(&format!(" AS {}", quote_name(name)), line);
    }

    /// A metric that divides others: `depends_on`, and the ratio among its statistics.
    fn compose_ratio(&self, stand_ins: &mut Vec<(String, RelationName)>, definitions: &mut Definitions) -> Composer {
        let mut sql = Composer::default();
        let shape = self.ratio();
        let (names, line) = match (&shape, self.node.entry("depends_on")) {
            (Some((numerator, denominator)), Some((line, _))) => (vec![numerator.as_str(), denominator.as_str()], line),
            (None, Some((line, names))) => (names.items().iter().filter_map(|name| name.text()).collect(), line),
            (_, None) => (Vec::new(), self.line),
        };
        let mut inputs = Vec::new();
        for name in names {
            let Some(file) = self.project.find_metric(self.file, name) else {
                let message = format!("the metric `{}` depends on the metric `{name}`, which is not defined", self.name);
                definitions.note(self.file.path, line, Diagnostic::new(&UNKNOWN_DEFINITION, message, Span::default()));
                continue;
            };
            stand_ins.push((format!("metric_{name}"), self.name_of(file, name)));
            inputs.push(name);
        }
        let column = |name: &&str| format!("{}.{}", quote_name(&format!("metric_{name}")), quote_name(name));
        let columns: Vec<String> = inputs.iter().map(column).collect();
        let (Some(first), rest) = (columns.first(), columns.get(1..).unwrap_or_default()) else { return sql };
        let expression = if shape.is_some() && columns.len() == 2 {
            format!("{first} / {}", rest.join(""))
        } else if rest.is_empty() {
            first.clone()
        } else {
            format!("({})", columns.join(", "))
        };
        let relations: Vec<String> = inputs.iter().map(|name| quote_name(&format!("metric_{name}"))).collect();
        let name = quote_name(self.name);
        sql.put("SELECT\n  ", self.line).put(&format!("{expression} AS {name}\nFROM {}", relations.join(", ")), line);
        sql
    }

    /// Numerator and denominator of a ratio, where its statistics name them.
    fn ratio(&self) -> Option<(String, String)> {
        let statistics = self.node.get("statistics")?;
        statistics.entries().find_map(|(_, _, statistic)| {
            let word = |key: &str| statistic.get(key).and_then(Node::text).map(str::to_owned);
            Some((word("numerator")?, word("denominator")?))
        })
    }

    fn say_facts(&self, target: &RelationName, definitions: &mut Definitions) {
        let path = self.file.path;
        let entry = |key: &str| self.node.entry(key).and_then(|(line, value)| Some((line, value.text()?.trim().to_owned())));
        if let Some((line, name)) = entry("friendly_name") {
            definitions.say(target, FactKind::FriendlyName { name }, path, line);
        }
        let description = entry("description").map(|(line, text)| (line, unindent(&text)));
        if let Some((line, text)) = &description {
            definitions.say(target, FactKind::Description { text: text.clone() }, path, *line);
        }
        if let Some((line, owner)) = self.node.entry("owner") {
            let one = owner.text().into_iter();
            let names: Vec<String> = one.chain(owner.items().iter().filter_map(|item| item.text())).map(str::to_owned).collect();
            for name in names {
                definitions.say(target, FactKind::Owner { name }, path, line);
            }
        }
        if let Some((line, name)) = entry("category") {
            definitions.say(target, FactKind::Tag { name }, path, line);
        }
        if let Some((line, deprecated)) = self.node.entry("deprecated")
            && deprecated.truth() == Some(true)
        {
            let note = description.as_ref().and_then(|(_, text)| deprecation::find_note(text)).unwrap_or_default();
            let replacement = deprecation::find_replacement(&note);
            definitions.say(target, FactKind::Deprecated { note, date: None, replacement }, path, line);
        }
        let shape = self.shape(entry("select_expression").map(|(_, text)| text), entry("type").map(|(_, text)| text));
        definitions.say(target, FactKind::Metric { shape }, path, self.line);
    }

    fn shape(&self, expression: Option<String>, measure: Option<String>) -> MetricShape {
        let source = self.node.get("data_source").and_then(Node::text);
        let source = source.and_then(|name| self.project.find_data_source(self.file, name)).map(|(_, node)| node);
        let of_source = |key: &str| source.and_then(|node| node.get(key)).and_then(Node::text).unwrap_or_default().to_owned();
        let (numerator, denominator) = self.ratio().unwrap_or_default();
        let measure = measure.unwrap_or_else(|| if numerator.is_empty() { String::new() } else { "ratio".to_owned() });
        MetricShape {
            measure,
            expression: expression.unwrap_or_default(),
            time_column: of_source("submission_date_column"),
            numerator,
            denominator,
            ..MetricShape::default()
        }
    }
}

/// A call of a function with one literal: `{{ agg_sum("x") }}`.
struct Call<'t> {
    text: &'t str,
    function: &'t str,
    argument: &'t str,
}

/// The first such call in `text`, with what stands before and after it.
fn find_call(text: &str) -> Option<(&str, Call<'_>, &str)> {
    let mut from = 0;
    while let Some(start) = text.get(from..)?.find("{{").map(|at| at + from) {
        let end = text.get(start..)?.find("}}").map(|at| at + start + 2)?;
        let inner = text.get(start + 2..end - 2)?.trim();
        let call = inner.split_once('(').and_then(|(function, rest)| {
            let argument = rest.trim_end().strip_suffix(')')?.trim();
            let quote = ["\"\"\"", "'''", "\"", "'"].into_iter().find(|quote| argument.starts_with(quote))?;
            let argument = argument.strip_prefix(quote)?.strip_suffix(quote)?.trim();
            (!argument.contains(quote)).then(|| Call { text: &text[start..end], function: function.trim(), argument })
        });
        if let Some(call) = call {
            return Some((&text[..start], call, &text[end..]));
        }
        from = end;
    }
    None
}

/// A name that is safe to write without quotes stays as it is; others have every odd letter replaced.
fn quote_name(name: &str) -> String {
    let mut out: String = name.chars().map(|letter| if letter.is_alphanumeric() { letter } else { '_' }).collect();
    if out.starts_with(|letter: char| letter.is_ascii_digit()) {
        out.insert(0, '_');
    }
    out
}

/// Markdown that was indented along with the TOML around it.
fn unindent(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    let indent = lines.iter().skip(1).filter(|line| !line.is_empty()).map(|line| line.len() - line.trim_start().len()).min();
    let cut = |(at, line): (usize, &&str)| match at {
        0 => line.trim_start().to_owned(),
        _ => line.get(indent.unwrap_or(0)..).unwrap_or_default().to_owned(),
    };
    lines.iter().enumerate().map(cut).collect::<Vec<_>>().join("\n")
}
