//! Puts SQL together from a cube's pieces: `{CUBE}`, `{member}`, `{cube.member}`, `{cube.sql()}`.

use std::collections::{BTreeMap, BTreeSet};

use super::{Cube, Kind, Member, Model, Rows};
use crate::{
    model::{Diagnostic, Dialect, DocumentRole, RelationName, Span, UNKNOWN_DEFINITION},
    sources::{
        compose::Composer,
        dashboards::{identifier, literal, quote},
        definitions::{Connection, Definition, Definitions},
        yaml::Node,
    },
};

/// Members that are put into each other at most.
const DEEPEST: usize = 12;
/// The longest SQL of one definition, in bytes: members that use members multiply.
const LONGEST: usize = 1 << 20;

/// One SELECT on its way, as a cube sees it.
pub(super) struct Weave<'m, 'a> {
    model: &'m Model<'a>,
    cube: &'m Cube<'a>,
    /// The file that the definition stands in.
    pub(super) path: &'m str,
    pub(super) dialect: Dialect,
    connection: Connection,
    stand_ins: BTreeMap<String, RelationName>,
    /// Cubes that are joined.
    joined: BTreeSet<String>,
    /// Whether the cube's own rows are read, and whether measures are.
    reads_rows: bool,
    reads_measures: bool,
    open: Vec<String>,
    written: usize,
    missing: Vec<(u32, String)>,
}

impl<'m, 'a> Weave<'m, 'a> {
    pub(super) fn new(model: &'m Model<'a>, cube: &'m Cube<'a>) -> Self {
        let connection = cube.connection(model);
        Weave {
            model,
            cube,
            path: cube.path,
            dialect: connection.dialect,
            connection,
            stand_ins: BTreeMap::new(),
            joined: BTreeSet::new(),
            reads_rows: false,
            reads_measures: false,
            open: Vec::new(),
            written: 0,
            missing: Vec::new(),
        }
    }

    /// Whether what was put in names measures, and nothing else.
    pub(super) fn reads_measures_alone(&self) -> bool {
        self.reads_measures && !self.reads_rows && self.joined.is_empty()
    }

    /// Adds the SQL of a scalar, with everything that it names put in.
    pub(super) fn put_sql(&mut self, node: &Node, sql: &mut Composer) {
        let text = self.expand(node.text().unwrap_or_default(), self.cube, node.line);
        sql.copy_as(node, &text);
    }

    /// Adds the SQL of a dimension of the cube.
    pub(super) fn put_dimension(&mut self, member: Member<'_>, sql: &mut Composer) {
        match member.node.get("sql").filter(|_| member.path == self.path && member.node.word("sql").is_some()) {
            Some(node) => self.put_sql(node, sql),
            None => {
                let text = self.dimension(member, self.cube);
                sql.put(&text, member.node.line);
            }
        }
    }

    /// The SQL of a dimension as `cube` has it, in one line.
    fn dimension(&mut self, member: Member<'_>, cube: &'m Cube<'a>) -> String {
        let (node, line) = (member.node, member.node.line);
        if let Some(text) = node.word("sql") {
            return self.expand(text, cube, line).replace('\n', " ");
        }
        if let Some(case) = node.get("case") {
            let mut sql = "CASE".to_owned();
            for when in case.get("when").map(Node::items).unwrap_or_default() {
                let condition = self.expand(when.word("sql").unwrap_or("TRUE"), cube, when.line).replace('\n', " ");
                sql.push_str(&format!(" WHEN {condition} THEN {}", self.case_label(when, cube)));
            }
            if let Some(other) = case.get("else") {
                sql.push_str(&format!(" ELSE {}", self.case_label(other, cube)));
            }
            return sql + " END";
        }
        let place = |key: &str| Some((node.get(key)?.word("sql")?.to_owned(), node.get(key)?.line));
        if let (Some((latitude, line)), Some((longitude, _))) = (place("latitude"), place("longitude")) {
            let (latitude, longitude) = (self.expand(&latitude, cube, line), self.expand(&longitude, cube, line));
            return format!("geo_point({latitude}, {longitude})").replace('\n', " ");
        }
        "NULL".to_owned()
    }

    /// The label of a case: a text, or SQL.
    fn case_label(&mut self, node: &Node, cube: &'m Cube<'a>) -> String {
        match node.get("label").and_then(|label| label.word("sql")) {
            Some(sql) => self.expand(sql, cube, node.line).replace('\n', " "),
            None => literal(node.word("label").unwrap_or_default()),
        }
    }

    /// Text with everything in braces put in; `cube` is whose text it is. Every line stays a line.
    fn expand(&mut self, text: &str, cube: &'m Cube<'a>, line: u32) -> String {
        let text = text.trim();
        let is_bare = text.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '_')
            && text.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
        if is_bare {
            // Cube puts its own name before a bare column.
            return format!("{}.{text}", self.alias(cube));
        }
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.find('{') {
            let is_escaped = rest[..start].ends_with('\\');
            let is_template =
                rest[start..].starts_with("{{") || rest[start..].starts_with("{%") || rest[start..].starts_with("{#");
            let end = rest[start..].find('}').map(|at| start + at + 1);
            let Some(end) = end.filter(|_| self.written < LONGEST) else { break };
            out.push_str(&rest[..start]);
            match is_escaped || is_template {
                true => out.push_str(&rest[start..end]),
                false => {
                    let named = self.reference(rest[start + 1..end - 1].trim(), cube, line);
                    self.written += named.len();
                    out.push_str(&named.replace('\n', " "));
                }
            }
            rest = &rest[end..];
        }
        // JavaScript's habit of a dollar before the brace does no harm in YAML.
        out + rest
    }

    /// How the rows of a cube are called in the SELECT.
    fn alias(&mut self, cube: &Cube<'a>) -> String {
        match cube.name == self.cube.name {
            true => self.reads_rows = true,
            false => {
                self.joined.insert(cube.name.clone());
            }
        }
        identifier(&cube.name)
    }

    /// What stands for what is named in braces.
    fn reference(&mut self, named: &str, cube: &'m Cube<'a>, line: u32) -> String {
        if let Some(filter) = named.strip_prefix("FILTER_PARAMS").or_else(|| named.strip_prefix("FILTER_GROUP")) {
            let column = filter.split(['\'', '"']).nth(1);
            return column.map_or("TRUE".to_owned(), |column| format!("({column} IS NOT NULL)"));
        }
        if named.starts_with("SECURITY_CONTEXT") || named.starts_with("COMPILE_CONTEXT") {
            return if named.contains(".filter(") { "TRUE".to_owned() } else { "NULL".to_owned() };
        }
        let mut parts = named.split('.').map(str::trim);
        let first = parts.next().unwrap_or_default();
        let model = self.model;
        let other = match first {
            "CUBE" | "TABLE" => Some(cube),
            name if name == cube.name => Some(cube),
            name => model.cubes.get(name).filter(|_| cube.member(model, name).is_none()),
        };
        let member = match other {
            Some(_) => parts.next(),
            None => Some(first),
        };
        let owner = other.unwrap_or(cube);
        match member {
            None => self.alias(owner),
            Some("sql()") => self.rows_of(owner),
            Some(name) => match owner.member(model, name) {
                Some(member) if owner.name == self.cube.name && member.kind == Kind::Dimension => self.inline(member, owner),
                Some(member) => self.column_of(owner, member),
                None => {
                    let message = format!("`{{{named}}}` is named, which neither the cube `{}` nor another has", cube.name);
                    self.missing.push((line, message));
                    "NULL".to_owned()
                }
            },
        }
    }

    /// The rows of a cube where the SQL of another names them.
    fn rows_of(&mut self, cube: &'m Cube<'a>) -> String {
        let Some(Rows { node, is_query, .. }) = cube.rows(self.model) else { return "(SELECT NULL)".to_owned() };
        let text = node.text().unwrap_or_default().trim();
        if !is_query || self.open.len() >= DEEPEST {
            return text.to_owned();
        }
        self.open.push(String::new());
        let text = format!("({})", self.expand(text, cube, node.line));
        self.open.pop();
        text
    }

    /// A dimension of the own cube where another member names it.
    fn inline(&mut self, member: Member<'_>, cube: &'m Cube<'a>) -> String {
        if self.open.len() >= DEEPEST || self.open.iter().any(|open| open == member.name) {
            self.missing.push((member.node.line, format!("the dimension `{}` is made of itself", member.name)));
            return "NULL".to_owned();
        }
        self.open.push(member.name.to_owned());
        let text = format!("({})", self.dimension(member, cube));
        self.open.pop();
        text
    }

    /// A dimension or measure of a cube as a column of its asset.
    pub(super) fn column_of(&mut self, cube: &Cube<'a>, member: Member<'_>) -> String {
        let own = quote(self.dialect, member.name);
        match member.kind {
            Kind::Dimension => {
                self.joined.insert(cube.name.clone());
                format!("{}.{own}", identifier(&cube.name))
            }
            Kind::Measure => {
                self.reads_measures = true;
                let key = format!("{}.{}", cube.name, member.name);
                let name = self.stand_in(&format!("measure_{}_{}", cube.name, member.name), self.model.asset(key));
                format!("{name}.{own}")
            }
        }
    }

    fn stand_in(&mut self, wanted: &str, relation: RelationName) -> String {
        let mut name = identifier(wanted);
        while self.stand_ins.get(&name).is_some_and(|known| *known != relation) {
            name.push('_');
        }
        self.stand_ins.insert(name.clone(), relation);
        name
    }

    /// Adds what the cube's rows are of, and everything that is joined to them.
    pub(super) fn put_from(&mut self, sql: &mut Composer) {
        let (line, alias) = (self.cube.node.line, identifier(&self.cube.name));
        let measures: Vec<String> = self.stand_ins.keys().cloned().collect();
        let (model, cube) = (self.model, self.cube);
        sql.put("\nFROM ", line);
        match cube.rows(model) {
            Some(Rows { path, node, is_query: false }) => self.put_piece(path, node, sql),
            Some(Rows { path, node, is_query: true }) => {
                sql.put("(\n", line);
                self.put_piece(path, node, sql);
                sql.put("\n)", line);
            }
            None => {
                self.missing.push((line, format!("the cube `{}` has neither `sql_table` nor `sql`", cube.name)));
                sql.put("(SELECT NULL)", line);
            }
        }
        sql.put(&format!(" AS {alias}"), line);
        let mut done = BTreeSet::from([cube.name.clone()]);
        // Conditions of joins may name further cubes.
        while let Some(next) = self.joined.iter().find(|name| !done.contains(*name)).cloned() {
            done.insert(next.clone());
            let condition = self.join_condition(&next).unwrap_or_else(|| "TRUE".to_owned());
            let other = self.stand_in(&next, model.asset(next.as_str()));
            sql.put(&format!("\nLEFT JOIN {other} ON {condition}"), line);
        }
        for measure in measures {
            sql.put(&format!("\nCROSS JOIN {measure}"), line);
        }
    }

    /// Adds a piece of SQL that stands in the file of `path`.
    fn put_piece(&mut self, path: &str, node: &Node, sql: &mut Composer) {
        let text = node.text().unwrap_or_default().trim();
        // The name of a table is no column.
        let text = if text.contains('{') { self.expand(text, self.cube, node.line) } else { text.to_owned() };
        match path == self.path {
            true => sql.copy_as(node, &text),
            false => sql.put(&text, self.cube.node.line),
        };
    }

    /// On what a cube is joined, as either of the two says.
    fn join_condition(&mut self, other: &str) -> Option<String> {
        let (model, cube) = (self.model, self.cube);
        let on = |cube: &'m Cube<'a>, wanted: &str| {
            let (_, joins) = cube.inherited(model, "joins")?;
            let join = joins.items().iter().find(|join| join.word("name") == Some(wanted))?;
            Some((join.word("sql")?, join.line))
        };
        let (text, line, owner) = match on(cube, other) {
            Some((text, line)) => (text, line, cube),
            None => {
                let owner = model.cubes.get(other)?;
                let (text, line) = on(owner, &cube.name)?;
                (text, line, owner)
            }
        };
        Some(self.expand(text, owner, line).replace('\n', " "))
    }

    /// Adds nothing but the assets that are named.
    pub(super) fn put_stand_ins(&mut self, sql: &mut Composer) {
        for name in self.joined.clone() {
            self.stand_in(&name, self.model.asset(name.as_str()));
        }
        if !self.stand_ins.is_empty() {
            let names: Vec<&str> = self.stand_ins.keys().map(String::as_str).collect();
            sql.put(&format!("\nFROM {}", names.join(", ")), self.cube.node.line);
        }
    }

    /// Adds the definition: its part, role, target and name.
    pub(super) fn finish(
        self,
        (part, role, target, name): (&str, DocumentRole, RelationName, Option<String>),
        sql: Composer,
        definitions: &mut Definitions,
    ) {
        for (line, message) in self.missing {
            definitions.note(self.path, line, Diagnostic::new(&UNKNOWN_DEFINITION, message, Span::default()));
        }
        let stand_ins = self.stand_ins.into_iter().collect();
        definitions.define_in(Definition { path: self.path, part, role, target, name, sql, stand_ins }, &self.connection);
    }
}
