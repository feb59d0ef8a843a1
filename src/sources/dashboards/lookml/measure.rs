//! A measure as a SELECT of one value, the metric.

use super::{
    fields_of,
    parse::Entry,
    project::{Field, FieldKind, Project},
    weave::{Spot, Weave},
};
use crate::{
    model::{DocumentRole, FactKind, MetricShape, RelationName},
    sources::{
        dashboards::{literal, quote},
        definitions::{Definition, Definitions, Setting},
        metrics::function_around,
    },
};

/// Defines every measure that a view has.
pub(super) fn define_measures(project: &Project<'_, '_>, at: usize, setting: &Setting<'_>, definitions: &mut Definitions) {
    let view = &project.views[at];
    let (view_file, view_line) = view.place();
    for field in fields_of(project, at).into_iter().filter(|field| field.kind == FieldKind::Measure) {
        let is_own = view.field(field.name).is_some();
        let (file, line) = if is_own { field.place() } else { (view_file, view_line) };
        let mut weave = Weave::new(project, setting.dialect, (file, line));
        weave.open_scope(at);
        weave.put("SELECT\n  ");
        add_measure(at, field, &mut weave);
        weave.put(&format!(" AS {}", quote(setting.dialect, field.name)));
        weave.add_from(at);
        weave.add_stand_ins(", ");
        let target = weave.metric_of(at, field.name);
        let path = project.files[file].path;
        say_facts(field, &target, path, line, definitions);
        let part = format!("measure.{}.{}", view.key, field.name);
        let stand_ins = weave.stand_ins.into_iter().collect();
        let definition =
            Definition { path, part: &part, role: DocumentRole::Metric, target, name: None, sql: weave.sql, stand_ins };
        definitions.define(definition, setting);
    }
}

/// The functions that Looker writes around the SQL of a measure, by its type.
fn function_of(kind: &str) -> Option<(&'static str, &'static str)> {
    Some(match kind {
        "sum_distinct" => ("SUM(", ")"),
        "average" | "average_distinct" => ("AVG(", ")"),
        "median" | "median_distinct" => ("MEDIAN(", ")"),
        "percentile" | "percentile_distinct" => ("PERCENTILE_CONT(", ", 0.5)"),
        "list" => ("STRING_AGG(", ")"),
        "percent_of_total" | "percent_of_previous" => ("looker_percent(", ")"),
        _ => return function_around(kind),
    })
}

fn add_measure(at: usize, field: &Field<'_, '_>, weave: &mut Weave<'_, '_, '_>) {
    let (file, line) = field.place();
    let spot = Spot { view: at, file, line };
    let kind = field.text("type").unwrap_or("string");
    let filters = filters_of(field);
    let sql = field.entry("sql").and_then(|(file, entry)| Some((file, entry.text()?)));
    let function = function_of(kind);
    if let Some((before, _)) = function {
        weave.put(before);
    }
    let is_filtered = !filters.is_empty() && function.is_some();
    if is_filtered {
        weave.put("CASE\n    WHEN ");
        for (number, (name, value)) in filters.iter().enumerate() {
            if number > 0 {
                weave.put(" AND ");
            }
            add_reference(at, name, spot, weave);
            weave.put(&format!(" = {}", literal(value)));
        }
        weave.put("\n    THEN ");
    }
    match sql {
        Some((file, (text, line))) => weave.add_sql(text, Spot { view: at, file, line }),
        None if kind == "count" => weave.put(if is_filtered { "1" } else { "*" }),
        None => weave.put("NULL"),
    }
    if is_filtered {
        weave.put(" END");
    }
    if let Some((_, after)) = function {
        weave.put(after);
    }
}

/// A field named without `${…}`.
fn add_reference(at: usize, name: &str, spot: Spot, weave: &mut Weave<'_, '_, '_>) {
    match name.split_once('.') {
        Some((view, name)) if view != weave.project.views[at].name => match weave.project.find_view(view, spot.file) {
            Some(other) => weave.add_field(other, name, spot),
            None => weave.put(name),
        },
        Some((_, name)) => weave.add_field(at, name, spot),
        None => weave.add_field(at, name, spot),
    }
}

/// `filters: [field: "value"]`, and the older `filters: { field: … value: … }`.
fn filters_of(field: &Field<'_, '_>) -> Vec<(String, String)> {
    let mut filters = Vec::new();
    for entry in field
        .blocks
        .iter()
        .flat_map(|piece| piece.entry.entries())
        .filter(|entry| entry.key == "filters" || entry.key == "filter")
    {
        let inner = |key: &str| entry.entries().iter().find(|inner| inner.key == key).and_then(Entry::text);
        if let Some((name, _)) = inner("field") {
            filters.push((name.to_owned(), inner("value").map_or("", |(text, _)| text).to_owned()));
        }
        filters.extend(entry.items().iter().filter_map(|item| Some((item.text.to_string(), item.value.as_deref()?.to_owned()))));
    }
    filters
}

fn say_facts(field: &Field<'_, '_>, target: &RelationName, path: &str, line: u32, definitions: &mut Definitions) {
    if let Some(name) = field.text("label") {
        definitions.say(target, FactKind::FriendlyName { name: name.to_owned() }, path, line);
    }
    if let Some(text) = field.text("description") {
        definitions.say(target, FactKind::Description { text: text.to_owned() }, path, line);
    }
    if let Some(path_of_group) = field.text("group_label") {
        definitions.say(target, FactKind::Folder { path: path_of_group.to_owned() }, path, line);
    }
    let shape = MetricShape {
        measure: field.text("type").unwrap_or("string").to_owned(),
        expression: field.text("sql").unwrap_or_default().to_owned(),
        filters: filters_of(field).into_iter().map(|(name, value)| format!("{name}: {value}")).collect(),
        ..MetricShape::default()
    };
    definitions.say(target, FactKind::Metric { shape }, path, line);
}
