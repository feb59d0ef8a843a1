//! A view as a SELECT of its dimensions, and its derived table as another.

use std::collections::BTreeSet;

use super::{
    fields_of,
    parse::{Entry, Value},
    project::{FieldKind, Project},
    weave::{Spot, Weave, columns_of, derived_relation},
};
use crate::{
    model::{DocumentRole, FactKind},
    sources::{
        dashboards::quote,
        definitions::{Definition, Definitions, Setting},
    },
};

/// Inherited columns of one view at most: extending a view of thousands of fields names each.
const MOST_INHERITED: usize = 5_000;

/// Defines a view and its derived table.
pub(super) fn define_view(project: &Project<'_, '_>, at: usize, setting: &Setting<'_>, definitions: &mut Definitions) {
    let view = &project.views[at];
    define_derived_table(project, at, setting, definitions);
    let (file, line) = view.place();
    let path = project.files[file].path;
    let mut weave = Weave::new(project, setting.dialect, (file, line));
    weave.open_scope(at);
    let mut names = BTreeSet::new();
    weave.put("SELECT");
    let dimensions = fields_of(project, at).into_iter().filter(|field| field.kind != FieldKind::Measure);
    for field in dimensions {
        let (own_file, own_line) = field.place();
        weave.line = if own_file == file { own_line } else { line };
        let spot = Spot { view: at, file: own_file, line: own_line };
        for (name, timeframe) in columns_of(field) {
            if !names.insert(name.to_lowercase()) {
                continue;
            }
            weave.put(if names.len() == 1 { "\n  " } else { ",\n  " });
            weave.add_dimension(at, field, timeframe.as_deref(), spot);
            weave.put(&format!(" AS {}", quote(setting.dialect, &name)));
        }
    }
    weave.line = line;
    add_inherited(project, at, &mut weave, &mut names);
    let target = weave.relation_of(at);
    say_facts(project, at, &target, definitions);
    if names.is_empty() {
        return;
    }
    weave.add_from(at);
    weave.add_stand_ins(", ");
    let part = format!("view.{}", view.key);
    let stand_ins = weave.stand_ins.into_iter().collect();
    let definition = Definition { path, part: &part, role: DocumentRole::View, target, name: None, sql: weave.sql, stand_ins };
    definitions.define(definition, setting);
}

/// Columns of views that are extended and whose table is read.
fn add_inherited(project: &Project<'_, '_>, at: usize, weave: &mut Weave<'_, '_, '_>, names: &mut BTreeSet<String>) {
    let view = &project.views[at];
    if view.has_table() || view.refines {
        return;
    }
    for parent in project.parents(at).0 {
        let columns = project.views[parent]
            .fields
            .iter()
            .filter(|field| field.kind == FieldKind::Dimension || field.kind == FieldKind::Group);
        for (name, _) in columns.flat_map(columns_of) {
            if names.len() >= MOST_INHERITED || !names.insert(name.to_lowercase()) {
                continue;
            }
            let stand_in = weave.stand_in(&format!("view_{}", project.views[parent].name), weave.relation_of(parent));
            let lead = if names.len() == 1 { "\n  " } else { ",\n  " };
            weave.put(&format!("{lead}{stand_in}.{}", quote(weave.dialect, &name)));
        }
    }
}

fn say_facts(project: &Project<'_, '_>, at: usize, target: &crate::model::RelationName, definitions: &mut Definitions) {
    let view = &project.views[at];
    let said = |key: &str| view.entry(key).and_then(|(file, entry)| Some((file, entry.text()?)));
    if let Some((file, (text, line))) = said("label") {
        definitions.say(target, FactKind::FriendlyName { name: text.trim().to_owned() }, project.files[file].path, line);
    }
    for field in view.fields.iter().filter(|field| matches!(field.kind, FieldKind::Dimension | FieldKind::Group)) {
        let Some((file, (text, line))) = field.entry("description").and_then(|(file, entry)| Some((file, entry.text()?))) else {
            continue;
        };
        for (column, _) in columns_of(field) {
            let what = FactKind::ColumnDescription { column, text: text.to_owned() };
            definitions.say(target, what, project.files[file].path, line);
        }
    }
}

/// `derived_table`: its own SQL, or a query of an explore.
fn define_derived_table(project: &Project<'_, '_>, at: usize, setting: &Setting<'_>, definitions: &mut Definitions) {
    let view = &project.views[at];
    let Some((file, table)) = view.entry("derived_table") else { return };
    let mut weave = Weave::new(project, setting.dialect, (file, table.line));
    let entry = |key: &str| table.entries().iter().find(|entry| entry.key == key);
    if let Some((text, line)) = entry("sql").and_then(Entry::text) {
        weave.add_sql(text, Spot { view: at, file, line });
    } else if let Some(source) = entry("explore_source") {
        add_explore_source(project, source, file, &mut weave);
    } else {
        return;
    }
    let part = format!("derived_table.{}", view.key);
    let definition = Definition {
        path: project.files[file].path,
        part: &part,
        role: DocumentRole::View,
        target: derived_relation(view),
        name: None,
        sql: weave.sql,
        stand_ins: weave.stand_ins.into_iter().collect(),
    };
    definitions.define(definition, setting);
}

/// `explore_source: explore { column: name { field: view.field } derived_column: name { sql: … } }`.
fn add_explore_source(project: &Project<'_, '_>, source: &Entry<'_>, file: usize, weave: &mut Weave<'_, '_, '_>) {
    let explore = source.name();
    let base = project
        .find_explore(explore, file)
        .iter()
        .flat_map(|piece| piece.entry.entries())
        .find(|entry| matches!(entry.key, "from" | "view_name"))
        .and_then(Entry::text)
        .map_or_else(|| explore.to_owned(), |(text, _)| text.to_owned());
    weave.put("SELECT");
    let mut is_first = true;
    for entry in source.entries() {
        let inner = |key: &str| entry.entries().iter().find(|inner| inner.key == key).and_then(Entry::text);
        if !matches!(entry.key, "column" | "derived_column") || !matches!(entry.value, Value::Block { .. }) {
            continue;
        }
        weave.line = entry.line;
        weave.put(if std::mem::take(&mut is_first) { "\n  " } else { ",\n  " });
        if let Some((sql, _)) = inner("sql") {
            // Over the other columns, which are not relations: only what it reads of them is lost.
            weave.put(&format!("({})", sql.replace('\n', " ")));
        } else {
            let field = inner("field").map_or(entry.name(), |(text, _)| text);
            let (view, name) = field.split_once('.').unwrap_or((&base, field));
            match project.find_view(view, file) {
                Some(at) => weave.add_field(at, name, Spot { view: at, file, line: entry.line }),
                None => weave.put(field),
            }
        }
        weave.put(&format!(" AS {}", quote(weave.dialect, entry.name())));
    }
    weave.add_stand_ins("\nFROM ");
}
