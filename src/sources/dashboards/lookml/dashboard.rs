//! LookML dashboards: YAML whose tiles query explores.

use std::collections::BTreeMap;

use super::{
    parse::Entry,
    project::{FieldKind, Project, key_of},
    weave::{Spot, Weave},
};
use crate::{
    model::{Diagnostic, DocumentRole, FactKind, RelationName, Span, UNKNOWN_DEFINITION},
    sources::{
        dashboards::{Tile, define_dashboard, identifier, literal, quote, read_tree},
        definitions::{Definition, DefinitionFile, Definitions, Setting},
        yaml::Node,
    },
};

/// Tiles of one dashboard at most.
const MOST_TILES: usize = 1_000;

/// Defines the dashboards of `files` and their tiles.
pub(super) fn define_dashboards(
    project: &Project<'_, '_>,
    files: &[&DefinitionFile],
    setting: &Setting<'_>,
    definitions: &mut Definitions,
) {
    for file in files {
        let Some(root) = read_tree(file, setting, definitions) else { continue };
        let list = root.items();
        let one = if list.is_empty() { std::slice::from_ref(&root) } else { list };
        for node in one {
            Dashboard { project, path: &file.path, node, setting }.define(definitions);
        }
    }
}

struct Dashboard<'a, 'p, 't> {
    project: &'a Project<'p, 't>,
    path: &'a str,
    node: &'a Node,
    setting: &'a Setting<'a>,
}

impl Dashboard<'_, '_, '_> {
    fn define(&self, definitions: &mut Definitions) {
        let Some((line, name)) = self.node.entry("dashboard").and_then(|(line, name)| Some((line, name.text()?))) else { return };
        let key = key_of(self.path, name);
        // A view may be called like the dashboard that shows it.
        let asset = |key: &str| RelationName::outside(format!("looker://{}", self.setting.source), format!("dashboard/{key}"));
        let target = asset(&key);
        let mut tiles = Vec::new();
        let mut names: BTreeMap<String, u32> = BTreeMap::new();
        for element in self.node.get("elements").map(Node::items).unwrap_or_default().iter().take(MOST_TILES) {
            let word = |key: &str| element.get(key).and_then(Node::text).map(str::trim).filter(|text| !text.is_empty());
            let Some(title) = word("title").or(word("name")) else { continue };
            let mut own = title.replace(['.', '\n'], " ");
            let number = names.entry(own.to_lowercase()).or_default();
            *number += 1;
            if *number > 1 {
                own = format!("{own} ({number})");
            }
            let name = format!("{key}.{own}");
            let chart = asset(&name);
            if let Some(columns) = self.define_chart(element, (&own, name), &chart, definitions) {
                definitions.say(&chart, FactKind::FriendlyName { name: title.to_owned() }, self.path, element.line);
                if let Some(text) = word("note_text") {
                    definitions.say(&chart, FactKind::Description { text: text.to_owned() }, self.path, element.line);
                }
                tiles.push(Tile { title: own, line: element.line, chart, columns });
            }
        }
        let text = |key: &str| self.node.get(key).and_then(Node::text).map(str::trim).filter(|text| !text.is_empty());
        if let Some(title) = text("title") {
            definitions.say(&target, FactKind::FriendlyName { name: title.to_owned() }, self.path, line);
        }
        if let Some(text) = text("description") {
            definitions.say(&target, FactKind::Description { text: text.to_owned() }, self.path, line);
        }
        if let Some((folder, _)) = key.rsplit_once('.') {
            definitions.say(&target, FactKind::Folder { path: folder.replace('.', " / ") }, self.path, line);
        }
        let part = format!("dashboard.{name}");
        define_dashboard((self.path, &part, line), target, Some(key), &tiles, &[], self.setting, definitions);
    }

    /// Defines what a tile queries, called `own` on its dashboard and `name` elsewhere; its columns come back, or `None` where it queries nothing.
    fn define_chart(
        &self,
        element: &Node,
        (own, name): (&str, String),
        chart: &RelationName,
        definitions: &mut Definitions,
    ) -> Option<Vec<String>> {
        let merged = element.get("merged_queries").map(Node::items).unwrap_or_default();
        let queries: Vec<&Node> =
            if merged.is_empty() { vec![element] } else { merged.iter().map(|query| query.as_ref()).collect() };
        let anywhere = self.project.file_at(self.setting.source, self.path);
        let mut weave = Weave::new(self.project, self.setting.dialect, (anywhere.unwrap_or(usize::MAX), element.line));
        let mut columns = Vec::new();
        let mut filters = Vec::new();
        for query in queries {
            let Some((line, explore)) = query.entry("explore").and_then(|(line, explore)| Some((line, explore.text()?))) else {
                continue;
            };
            let model = query.get("model").and_then(Node::text);
            let Some(scope) = Explore::find(self.project, self.setting.source, model, explore) else {
                let message = format!("the tile `{own}` queries the explore `{explore}`, which no file of the project defines");
                definitions.note(self.path, line, Diagnostic::new(&UNKNOWN_DEFINITION, message, Span::default()));
                continue;
            };
            let mut missing = Vec::new();
            let fields = Fields { scope: &scope, query };
            fields.add(&mut weave, &mut columns, &mut missing);
            filters.extend(fields.filters());
            for (line, field) in missing {
                let message = format!("the tile `{own}` shows the field `{field}`, which no view of the explore `{explore}` has");
                definitions.note(self.path, line, Diagnostic::new(&UNKNOWN_DEFINITION, message, Span::default()));
            }
            add_filters(&scope, &mut filters, &mut weave);
        }
        if columns.is_empty() {
            return None;
        }
        let Rendered { sql, stand_ins } = Rendered::of(weave, &columns);
        let part = format!("chart.{own}");
        let definition = Definition {
            path: self.path,
            part: &part,
            role: DocumentRole::Chart,
            target: chart.clone(),
            name: Some(name),
            sql,
            stand_ins,
        };
        definitions.define(definition, self.setting);
        Some(columns.into_iter().map(|column| column.name).collect())
    }
}

/// One column of a tile: its name and its SQL, which is composed already.
struct Column {
    name: String,
    sql: String,
    line: u32,
}

struct Rendered {
    sql: crate::sources::compose::Composer,
    stand_ins: Vec<(String, RelationName)>,
}

impl Rendered {
    fn of(mut weave: Weave<'_, '_, '_>, columns: &[Column]) -> Rendered {
        // What was woven so far are the conditions.
        let conditions = std::mem::take(&mut weave.sql).finish().0;
        weave.put("SELECT");
        for (at, column) in columns.iter().enumerate() {
            weave.line = column.line;
            let lead = if at == 0 { "\n  " } else { ",\n  " };
            weave.put(&format!("{lead}{} AS {}", column.sql, quote(weave.dialect, &column.name)));
        }
        weave.add_stand_ins("\nFROM ");
        if !conditions.is_empty() {
            weave.put(&format!("\nWHERE {conditions}"));
        }
        Rendered { sql: weave.sql, stand_ins: weave.stand_ins.into_iter().collect() }
    }
}

/// Adds to the weave's text a condition for every filter whose field is known.
fn add_filters(scope: &Explore<'_, '_, '_>, filters: &mut Vec<(String, String)>, weave: &mut Weave<'_, '_, '_>) {
    filters.sort();
    filters.dedup();
    for (field, value) in filters.drain(..) {
        let Some(sql) = scope.column_of(&field, weave) else { continue };
        let lead = if weave.sql.is_empty() { "" } else { "\n  AND " };
        weave.put(&format!("{lead}{sql} = {}", literal(&value)));
    }
}

/// The fields of one query.
struct Fields<'a, 'q, 'p, 't> {
    scope: &'a Explore<'q, 'p, 't>,
    query: &'a Node,
}

impl Fields<'_, '_, '_, '_> {
    fn add(&self, weave: &mut Weave<'_, '_, '_>, columns: &mut Vec<Column>, missing: &mut Vec<(u32, String)>) {
        for key in ["fields", "dimensions", "measures"] {
            for item in self.query.get(key).map(Node::items).unwrap_or_default() {
                let Some(field) = item.text() else { continue };
                let sql = match field.contains('.') {
                    true => self.scope.column_of(field, weave),
                    false => self.dynamic(field, weave),
                };
                match sql {
                    Some(sql) => add_column(columns, field, sql, item.line),
                    None => missing.push((item.line, field.to_owned())),
                }
            }
        }
        for node in self.query.get("dynamic_fields").map(Node::items).unwrap_or_default() {
            let Some(name) = node.get("table_calculation").and_then(Node::text) else { continue };
            if let Some(sql) = self.dynamic(name, weave) {
                add_column(columns, name, sql, node.line);
            }
        }
    }

    /// What a tile computes itself, over the fields that its expression names.
    fn dynamic(&self, name: &str, weave: &mut Weave<'_, '_, '_>) -> Option<String> {
        let nodes = self.query.get("dynamic_fields").map(Node::items).unwrap_or_default();
        let is_it = |node: &&std::sync::Arc<Node>| {
            ["table_calculation", "measure", "dimension"].iter().any(|key| node.get(key).and_then(Node::text) == Some(name))
        };
        let node = nodes.iter().find(is_it)?;
        if let Some(field) = node.get("based_on").and_then(Node::text) {
            let function = node.get("type").and_then(Node::text).unwrap_or("count_distinct");
            let of = self.scope.column_of(field, weave)?;
            return Some(match function {
                "count_distinct" => format!("COUNT(DISTINCT {of})"),
                "average" => format!("AVG({of})"),
                "sum" | "min" | "max" | "count" | "median" => format!("{}({of})", function.to_uppercase()),
                _ => of,
            });
        }
        let expression = node.get("expression").and_then(Node::text)?;
        let mut inputs: Vec<String> = Vec::new();
        for piece in expression.split("${").skip(1) {
            let Some((field, _)) = piece.split_once('}') else { continue };
            let field = field.trim().split(':').next().unwrap_or_default();
            if field.contains('.')
                && let Some(sql) = self.scope.column_of(field, weave)
                && !inputs.contains(&sql)
            {
                inputs.push(sql);
            }
        }
        (!inputs.is_empty()).then(|| format!("looker_calculation({})", inputs.join(", ")))
    }

    /// What decides rows: filters with their values, and filters of the dashboard that it listens to.
    fn filters(&self) -> Vec<(String, String)> {
        let mut filters = Vec::new();
        for (_, field, value) in self.query.get("filters").into_iter().flat_map(Node::entries) {
            filters.push((field.to_owned(), value.text().unwrap_or_default().to_owned()));
        }
        for (_, filter, field) in self.query.get("listen").into_iter().flat_map(Node::entries) {
            filters.extend(field.text().map(|field| (field.to_owned(), filter.to_owned())));
        }
        filters
    }
}

fn add_column(columns: &mut Vec<Column>, field: &str, sql: String, line: u32) {
    let short = field.rsplit('.').next().unwrap_or(field);
    let is_taken = |name: &str| columns.iter().any(|column| column.name.eq_ignore_ascii_case(name));
    let name = if is_taken(short) { identifier(field) } else { short.to_owned() };
    if !is_taken(&name) {
        columns.push(Column { name, sql, line });
    }
}

/// What an explore's names mean.
struct Explore<'q, 'p, 't> {
    project: &'q Project<'p, 't>,
    file: usize,
    /// Alias → view.
    aliases: BTreeMap<String, String>,
}

impl<'q, 'p, 't> Explore<'q, 'p, 't> {
    fn find(project: &'q Project<'p, 't>, source: &str, model: Option<&str>, name: &str) -> Option<Self> {
        let model = model.and_then(|model| project.find_model(model, source));
        let from = model.or_else(|| project.files.iter().position(|file| file.project == source))?;
        let mut explore = Explore { project, file: from, aliases: BTreeMap::new() };
        let mut waiting = vec![name.to_owned()];
        let mut seen = Vec::new();
        while let Some(next) = waiting.pop() {
            let pieces = project.find_explore(&next, from);
            if seen.contains(&next) || pieces.is_empty() {
                continue;
            }
            for piece in &pieces {
                if model.is_none() {
                    explore.file = piece.file;
                }
                let text = |entry: &Entry<'_>, key: &str| {
                    entry.entries().iter().find(|inner| inner.key == key).and_then(Entry::text).map(|(text, _)| text.to_owned())
                };
                let base = text(piece.entry, "from").or_else(|| text(piece.entry, "view_name"));
                if let Some(base) = base.or_else(|| seen.is_empty().then(|| next.clone())) {
                    explore.aliases.entry(next.clone()).or_insert(base);
                }
                for join in piece.entry.entries().iter().filter(|entry| entry.key == "join") {
                    let view = text(join, "from").unwrap_or_else(|| join.name().to_owned());
                    explore.aliases.entry(join.name().to_owned()).or_insert(view);
                }
                let parents = piece.entry.entries().iter().filter(|entry| entry.key == "extends");
                waiting.extend(
                    parents.flat_map(|entry| entry.items().into_iter().map(|item| item.text.into_owned()).collect::<Vec<_>>()),
                );
            }
            seen.push(next);
        }
        (!seen.is_empty()).then_some(explore)
    }

    /// `view.field` as a column of an asset, which comes among the stand-ins; `None` where there is none.
    fn column_of(&self, field: &str, weave: &mut Weave<'_, '_, '_>) -> Option<String> {
        let (alias, name) = field.split_once('.')?;
        let view = self.aliases.get(alias).map_or(alias, String::as_str);
        let at = self.project.find_view(view, self.file)?;
        let (_, found, _) = super::weave::find_timed_field(self.project, at, name)?;
        if found.kind == FieldKind::Setting {
            // What a reader sets is no column.
            return None;
        }
        let outer = std::mem::take(&mut weave.sql);
        weave.add_field(at, name, Spot { view: at, file: self.file, line: weave.line });
        let own = std::mem::replace(&mut weave.sql, outer);
        Some(own.finish().0)
    }
}
