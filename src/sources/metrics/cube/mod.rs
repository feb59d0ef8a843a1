//! Cube: data models in YAML.
//!
//! In: files with `cubes` and `views`. Out: of every cube a view whose columns are its dimensions, of
//! every measure a metric, of every view of Cube's a view over what it includes. Members of the same cube
//! are put in where they are named, those of others are read from their own assets.

mod measure;
mod weave;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use self::weave::Weave;
use super::super::{
    compose::Composer,
    dashboards::{quote, read_tree, say},
    definitions::{Connection, DefinitionFile, Definitions, Setting},
    yaml::Node,
};
use crate::model::{
    CYCLIC_DEFINITION, Code, Diagnostic, DocumentRole, FactKind, INVALID_DEFINITION, RelationName, Span, UNKNOWN_DEFINITION,
};

/// Cubes that extend each other at most.
const DEEPEST: usize = 20;

/// Whether a YAML text looks like a data model.
pub(in crate::sources) fn holds(text: &str) -> bool {
    let has = |key: &str| text.starts_with(key) || text.contains(&format!("\n{key}"));
    let within = |word: &str| text.contains(word);
    has("cubes:") && (within("sql_table:") || within(" sql:") || within("extends:"))
        || has("views:") && (within("join_path:") || within("includes:"))
}

/// Reads every cube and view of `files`; of several of one name the first.
pub(in crate::sources) fn read_models(files: &[DefinitionFile], setting: &Setting<'_>) -> Definitions {
    let mut definitions = Definitions::default();
    let mut model = Model { setting, cubes: BTreeMap::new(), views: BTreeMap::new() };
    for file in files {
        let Some(root) = read_tree(file, setting, &mut definitions) else { continue };
        for (key, is_cube) in [("cubes", true), ("views", false)] {
            for node in root.get(key).map(Node::items).unwrap_or_default() {
                model.gather(&file.path, node, is_cube, &mut definitions);
            }
        }
    }
    for cube in model.cubes.values() {
        cube.define(&model, &mut definitions);
    }
    for view in model.views.values() {
        view.define_view(&model, &mut definitions);
    }
    definitions
}

/// All cubes and views of a source, by name.
struct Model<'a> {
    setting: &'a Setting<'a>,
    cubes: BTreeMap<String, Cube<'a>>,
    views: BTreeMap<String, Cube<'a>>,
}

/// A cube, or a view.
struct Cube<'a> {
    path: &'a str,
    name: String,
    node: Arc<Node>,
}

/// What a cube has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Dimension,
    Measure,
}

/// What a cube's rows are of: a table, or a query.
struct Rows<'m> {
    path: &'m str,
    node: &'m Node,
    is_query: bool,
}

/// A dimension or measure; those that are inherited stand in other files.
#[derive(Clone, Copy)]
struct Member<'m> {
    kind: Kind,
    name: &'m str,
    path: &'m str,
    node: &'m Node,
}

impl<'a> Model<'a> {
    fn gather(&mut self, path: &'a str, node: &Arc<Node>, is_cube: bool, definitions: &mut Definitions) {
        let Some(name) = node.word("name").map(str::to_owned) else {
            return note(&INVALID_DEFINITION, "a cube or view has no name", (path, node.line), definitions);
        };
        let first = self.cubes.get(&name).or_else(|| self.views.get(&name));
        if let Some(first) = first {
            let message = format!("`{name}` is defined in {} too, which is read", first.path);
            return note(&INVALID_DEFINITION, message, (path, node.line), definitions);
        }
        let kept = if is_cube { &mut self.cubes } else { &mut self.views };
        kept.insert(name.clone(), Cube { path, name, node: node.clone() });
    }

    /// The asset that a cube or view is, or one of its measures.
    fn asset(&self, key: impl Into<Box<str>>) -> RelationName {
        RelationName::outside(self.setting.namespace("cube"), key)
    }
}

fn note(code: &'static Code, message: impl Into<String>, (path, line): (&str, u32), definitions: &mut Definitions) {
    definitions.note(path, line, Diagnostic::new(code, message, Span::default()));
}

impl<'a> Cube<'a> {
    /// This cube and those that it extends, itself first; whether they extend each other in a cycle.
    fn line_of<'m>(&'m self, model: &'m Model<'a>) -> (Vec<&'m Cube<'a>>, bool) {
        let mut line = vec![self];
        while let Some(parent) = line.last().and_then(|cube| model.cubes.get(parent_of(&cube.node)?)) {
            if line.iter().any(|known| known.name == parent.name) || line.len() > DEEPEST {
                return (line, true);
            }
            line.push(parent);
        }
        (line, false)
    }

    /// What stands under `key` of this cube, else of those that it extends, with its file.
    fn inherited<'m>(&'m self, model: &'m Model<'a>, key: &str) -> Option<(&'m str, &'m Node)> {
        let (line, _) = self.line_of(model);
        line.into_iter().find_map(|cube| Some((cube.path, cube.node.get(key)?)))
    }

    /// What its rows are of: its own table or query, else that of the nearest cube that it extends.
    fn rows<'m>(&'m self, model: &'m Model<'a>) -> Option<Rows<'m>> {
        let of = |cube: &'m Cube<'a>, key: &str, is_query: bool| {
            let node = cube.node.get(key).filter(|_| cube.node.word(key).is_some())?;
            Some(Rows { path: cube.path, node, is_query })
        };
        self.line_of(model).0.into_iter().find_map(|cube| of(cube, "sql_table", false).or_else(|| of(cube, "sql", true)))
    }

    /// Dimensions and measures, its own before those that it inherits.
    fn members<'m>(&'m self, model: &'m Model<'a>) -> Vec<Member<'m>> {
        let mut members: Vec<Member<'m>> = Vec::new();
        for cube in self.line_of(model).0 {
            for (key, kind) in [("dimensions", Kind::Dimension), ("measures", Kind::Measure)] {
                for node in cube.node.get(key).map(Node::items).unwrap_or_default() {
                    let Some(name) = node.word("name") else { continue };
                    if members.iter().all(|known| known.name != name) {
                        members.push(Member { kind, name, path: cube.path, node });
                    }
                }
            }
        }
        members
    }

    fn member<'m>(&'m self, model: &'m Model<'a>, name: &str) -> Option<Member<'m>> {
        self.members(model).into_iter().find(|member| member.name == name)
    }

    fn connection(&self, model: &Model<'_>) -> Connection {
        model.setting.connect(self.node.word("data_source").unwrap_or("default"), None)
    }

    fn define(&self, model: &Model<'a>, definitions: &mut Definitions) {
        let target = model.asset(self.name.as_str());
        self.note_parents(model, definitions);
        self.note_twice(definitions);
        say_facts(&self.node, (&target, self.path), definitions);
        let mut weave = Weave::new(model, self);
        let mut sql = Composer::default();
        for member in self.members(model).iter().filter(|member| member.kind == Kind::Dimension) {
            sql.put(if sql.is_empty() { "SELECT\n  " } else { ",\n  " }, member.node.line);
            weave.put_dimension(*member, &mut sql);
            sql.put(&format!(" AS {}", quote(weave.dialect, member.name)), member.node.line);
            for key in ["description", "title"] {
                if let Some(text) = member.node.word(key) {
                    let what = FactKind::ColumnDescription { column: member.name.to_owned(), text: text.to_owned() };
                    definitions.say(&target, what, member.path, member.node.line);
                    break;
                }
            }
        }
        if sql.is_empty() {
            sql.put("SELECT *", self.node.line);
        }
        weave.put_from(&mut sql);
        let part = format!("cube.{}", self.name);
        let name = Some(self.name.clone());
        weave.finish((&part, DocumentRole::View, target, name), sql, definitions);
        for member in self.members(model).into_iter().filter(|member| member.kind == Kind::Measure) {
            measure::define_measure(model, self, member, definitions);
        }
    }

    fn note_parents(&self, model: &Model<'a>, definitions: &mut Definitions) {
        let Some((line, parent)) = self.node.entry("extends").and_then(|(line, _)| Some((line, parent_of(&self.node)?))) else {
            return;
        };
        if !model.cubes.contains_key(parent) {
            let message = format!("the cube `{}` extends `{parent}`, which no file defines", self.name);
            note(&UNKNOWN_DEFINITION, message, (self.path, line), definitions);
        }
        if self.line_of(model).1 {
            let message = format!("the cube `{}` extends itself through others", self.name);
            note(&CYCLIC_DEFINITION, message, (self.path, line), definitions);
        }
    }

    fn note_twice(&self, definitions: &mut Definitions) {
        let mut known = BTreeSet::new();
        for node in ["dimensions", "measures"].iter().filter_map(|key| self.node.get(key)).flat_map(Node::items) {
            if let Some(name) = node.word("name").filter(|name| !known.insert(*name)) {
                let message = format!("the cube `{}` defines `{name}` twice; the first is read", self.name);
                note(&INVALID_DEFINITION, message, (self.path, node.line), definitions);
            }
        }
    }

    fn define_view(&self, model: &Model<'a>, definitions: &mut Definitions) {
        let target = model.asset(self.name.as_str());
        say_facts(&self.node, (&target, self.path), definitions);
        let mut weave = Weave::new(model, self);
        let mut columns: Vec<(String, String, u32)> = Vec::new();
        for included in self.node.get("cubes").map(Node::items).unwrap_or_default() {
            let Some((line, path)) = included.entry("join_path").and_then(|(line, path)| Some((line, path.text()?))) else {
                continue;
            };
            let name = path.rsplit('.').next().unwrap_or(path).trim();
            let Some(cube) = model.cubes.get(name) else {
                let message = format!("the view `{}` includes the cube `{name}`, which no file defines", self.name);
                note(&UNKNOWN_DEFINITION, message, (self.path, line), definitions);
                continue;
            };
            let prefix = match included.get("prefix").and_then(Node::truth) {
                Some(true) => format!("{}_", included.word("alias").unwrap_or(name)),
                _ => String::new(),
            };
            for (line, wanted, alias) in cube.included(model, included) {
                match cube.member(model, &wanted) {
                    Some(member) => columns.push((format!("{prefix}{alias}"), weave.column_of(cube, member), line)),
                    None => {
                        let message = format!("the view `{}` includes `{name}.{wanted}`, which the cube has not", self.name);
                        note(&UNKNOWN_DEFINITION, message, (self.path, line), definitions);
                    }
                }
            }
        }
        let mut sql = Composer::default();
        for (name, column, line) in &columns {
            let lead = if sql.is_empty() { "SELECT\n  " } else { ",\n  " };
            sql.put(&format!("{lead}{column} AS {}", quote(weave.dialect, name)), *line);
        }
        weave.put_stand_ins(&mut sql);
        let part = format!("view.{}", self.name);
        let name = Some(self.name.clone());
        weave.finish((&part, DocumentRole::View, target, name), sql, definitions);
    }

    /// What a view includes of this cube: line, member and what it is called there.
    fn included(&self, model: &Model<'a>, node: &Node) -> Vec<(u32, String, String)> {
        let Some((line, includes)) = node.entry("includes") else { return Vec::new() };
        let excluded: Vec<&str> =
            node.get("excludes").map(Node::items).unwrap_or_default().iter().filter_map(|item| item.text()).collect();
        let names: Vec<(u32, String, String)> = match includes.text() {
            Some(_) => self.members(model).iter().map(|member| (line, member.name.to_owned(), member.name.to_owned())).collect(),
            None => {
                let named = |item: &Arc<Node>| {
                    let name = item.text().or_else(|| item.word("name"))?;
                    Some((item.line, name.to_owned(), item.word("alias").unwrap_or(name).to_owned()))
                };
                includes.items().iter().filter_map(named).collect()
            }
        };
        names.into_iter().filter(|(_, name, _)| !excluded.contains(&name.as_str())).collect()
    }
}

/// The cube that one extends.
fn parent_of(node: &Node) -> Option<&str> {
    node.word("extends").map(|name| name.trim_matches(['{', '}']).trim())
}

/// What cubes, views and measures say of themselves in the same words.
fn say_facts(node: &Node, about: (&RelationName, &str), definitions: &mut Definitions) {
    say(node, "title", |name| FactKind::FriendlyName { name }, about, definitions);
    say(node, "description", |text| FactKind::Description { text }, about, definitions);
    if let Some(meta) = node.get("meta") {
        say(meta, "owner", |name| FactKind::Owner { name }, about, definitions);
    }
}
