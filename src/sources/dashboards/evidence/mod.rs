//! Evidence: pages of Markdown whose fenced queries ask the project's sources.
//!
//! In: the pages, source queries, file queries and connections of a project. Out: of every source query
//! a view over the warehouse, of every query of a page a chart, of every page a dashboard whose columns
//! are what its components show. Pages are asked in DuckDB, sources in the dialect of their connection.

mod page;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use regex::Regex;

use self::page::{Query, read_page};
use super::{
    super::{
        compose::Composer,
        definitions::{Definition, DefinitionFile, Definitions, Setting},
        yaml::{Node, read_yaml},
    },
    Tile, define_dashboard, identifier,
    placeholders::fill_in,
    read_tree, shown_name,
};
use crate::model::{Diagnostic, Dialect, DocumentRole, FactKind, INVALID_DEFINITION, RelationName, Span, UNKNOWN_DEFINITION};

/// Files that a project has at its root.
const MARKERS: [&str; 2] = ["evidence.config.yaml", "evidence.plugins.yaml"];
/// `source.query`.
static DOTTED: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r#"\b([A-Za-z_]\w*)\.([A-Za-z_]\w*)\b"#).ok());

/// The roots of the projects among `paths`, each with a slash at its end or empty.
pub(in crate::sources) fn find_roots<'p>(paths: impl Iterator<Item = &'p str>) -> BTreeSet<String> {
    let root = |path: &'p str| MARKERS.iter().find_map(|marker| path.strip_suffix(marker));
    paths.filter_map(root).filter(|root| root.is_empty() || root.ends_with('/')).map(str::to_owned).collect()
}

/// Whether the file at `path` is read as a part of one of the projects at `roots`.
pub(in crate::sources) fn is_part(path: &str, roots: &BTreeSet<String>) -> bool {
    let inside = roots.iter().filter_map(|root| path.strip_prefix(root.as_str()));
    inside.into_iter().any(|inside| Part::of(inside).is_some())
}

/// What a file of a project is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part<'p> {
    /// A page, by its path without ending.
    Page(&'p str),
    /// A query that pages may share, by its path without ending.
    Query(&'p str),
    /// A query of a source: the source's folder and its own name.
    Source(&'p str, &'p str),
    /// How a source is connected.
    Connection(&'p str),
}

impl<'p> Part<'p> {
    /// What the file at this path inside of its project is.
    fn of(inside: &'p str) -> Option<Part<'p>> {
        let (folder, rest) = inside.split_once('/')?;
        match folder {
            "pages" => rest.strip_suffix(".md").map(Part::Page),
            "queries" => rest.strip_suffix(".sql").map(Part::Query),
            "sources" => {
                let (source, file) = rest.split_once('/')?;
                match file {
                    "connection.yaml" => Some(Part::Connection(source)),
                    _ => Some(Part::Source(source, file.rsplit('/').next()?.strip_suffix(".sql")?)),
                }
            }
            _ => None,
        }
    }
}

/// Reads every page and query of `files`.
pub(in crate::sources) fn read_projects(files: &[DefinitionFile], setting: &Setting<'_>) -> Definitions {
    let mut definitions = Definitions::default();
    let mut projects: BTreeMap<&str, Project<'_>> = BTreeMap::new();
    for file in files {
        let at = ["pages/", "queries/", "sources/"].iter().filter_map(|folder| {
            let at = file.path.find(folder)?;
            (at == 0 || file.path[..at].ends_with('/')).then_some(at)
        });
        let Some(at) = at.min() else { continue };
        let (root, inside) = file.path.split_at(at);
        let project = projects.entry(root).or_insert_with(|| Project::new(root, setting));
        project.gather(file, inside, &mut definitions);
    }
    for project in projects.values() {
        project.define(&mut definitions);
    }
    definitions
}

/// One project.
struct Project<'a> {
    root: &'a str,
    setting: &'a Setting<'a>,
    /// Folder of a source → what it is called in queries, and its dialect.
    connections: BTreeMap<&'a str, (String, Option<Dialect>)>,
    /// (folder, query) → file.
    sources: BTreeMap<(&'a str, &'a str), &'a DefinitionFile>,
    queries: BTreeMap<&'a str, &'a DefinitionFile>,
    pages: BTreeMap<&'a str, &'a DefinitionFile>,
}

/// A SELECT of a page on its way: its text, and the assets that its names mean.
struct Asked {
    text: String,
    stand_ins: BTreeMap<String, RelationName>,
    missing: Vec<String>,
}

impl<'a> Project<'a> {
    fn new(root: &'a str, setting: &'a Setting<'a>) -> Self {
        let (connections, sources, queries) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Project { root, setting, connections, sources, queries, pages: BTreeMap::new() }
    }

    fn gather(&mut self, file: &'a DefinitionFile, inside: &'a str, definitions: &mut Definitions) {
        match Part::of(inside) {
            Some(Part::Page(page)) => {
                self.pages.insert(page, file);
            }
            Some(Part::Query(query)) => {
                self.queries.insert(query, file);
            }
            Some(Part::Source(source, query)) => {
                self.sources.insert((source, query), file);
            }
            Some(Part::Connection(source)) => {
                if let Some(root) = read_tree(file, self.setting, definitions) {
                    let name = root.word("name").unwrap_or(source).to_owned();
                    self.connections.insert(source, (name, root.word("type").and_then(dialect_of)));
                }
            }
            None => {}
        }
    }

    fn asset(&self, key: &str) -> RelationName {
        RelationName::outside(self.setting.namespace("evidence"), format!("{}{key}", self.root))
    }

    /// What the source in a folder is called in queries.
    fn called<'s>(&'s self, folder: &'s str) -> &'s str {
        self.connections.get(folder).map_or(folder, |(name, _)| name.as_str())
    }

    fn define(&self, definitions: &mut Definitions) {
        for ((folder, query), file) in &self.sources {
            let connection =
                self.setting.connect(self.called(folder), self.connections.get(folder).and_then(|(_, dialect)| *dialect));
            let mut sql = Composer::default();
            sql.copy(&fill_in(&file.text, ("${", "}"), &mut value_of), 1);
            let name = format!("{}.{query}", self.called(folder));
            let target = self.asset(&format!("source/{folder}/{query}"));
            let definition = Definition {
                path: &file.path,
                part: "source",
                role: DocumentRole::View,
                target,
                name: Some(name),
                sql,
                stand_ins: Vec::new(),
            };
            definitions.define_in(definition, &connection);
        }
        for (query, file) in &self.queries {
            let asked = self.ask(&file.text, &self.shared());
            let target = self.asset(&format!("query/{query}"));
            self.define_query((&file.path, "query", 1), (DocumentRole::View, target, (*query).to_owned()), asked, definitions);
        }
        for (page, file) in &self.pages {
            self.define_page(page, file, definitions);
        }
    }

    /// The queries that pages share, by the name that they are called by everywhere.
    fn shared(&self) -> BTreeMap<String, RelationName> {
        self.queries.keys().map(|query| (query.replace('/', "_"), self.asset(&format!("query/{query}")))).collect()
    }

    /// A query's text with the names of queries and sources put in; `known` are queries by their names.
    fn ask(&self, text: &str, known: &BTreeMap<String, RelationName>) -> Asked {
        let (mut stand_ins, mut missing): (BTreeMap<String, RelationName>, Vec<String>) = (BTreeMap::new(), Vec::new());
        let text = fill_in(text, ("${", "}"), &mut |name, is_quoted| match known.get(name) {
            Some(asset) if !is_quoted => {
                stand_ins.insert(identifier(name), asset.clone());
                identifier(name)
            }
            _ => {
                if !is_quoted && identifier(name) == name {
                    missing.push(name.to_owned());
                }
                value_of(name, is_quoted)
            }
        });
        let Some(dotted) = DOTTED.as_ref() else { return Asked { text, stand_ins, missing } };
        let named = dotted.replace_all(&text, |found: &regex::Captures<'_>| {
            let part = |at: usize| found.get(at).map_or("", |part| part.as_str());
            let source = self
                .sources
                .keys()
                .find(|(folder, query)| self.called(folder).eq_ignore_ascii_case(part(1)) && query.eq_ignore_ascii_case(part(2)));
            let Some((folder, query)) = source else { return part(0).to_owned() };
            let asset = self.asset(&format!("source/{folder}/{query}"));
            // A table is called by its own name in the rest of the query.
            let mut name = part(2).to_owned();
            if stand_ins.get(&name).is_some_and(|known| *known != asset) {
                name = format!("{}__{}", part(1), part(2));
            }
            stand_ins.insert(name.clone(), asset);
            name
        });
        Asked { text: named.into_owned(), stand_ins, missing }
    }

    /// Defines a query at (path, part, line) as (role, asset, name).
    fn define_query(
        &self,
        (path, part, line): (&str, &str, u32),
        (role, target, name): (DocumentRole, RelationName, String),
        asked: Asked,
        definitions: &mut Definitions,
    ) {
        for missing in asked.missing {
            let message = format!("`${{{missing}}}` is asked for, which is no query of the page or the project");
            definitions.note(path, line, Diagnostic::new(&UNKNOWN_DEFINITION, message, Span::default()));
        }
        let mut sql = Composer::default();
        sql.copy(&asked.text, line);
        let stand_ins = asked.stand_ins.into_iter().collect();
        let definition = Definition { path, part, role, target, name: Some(name), sql, stand_ins };
        definitions.define_in(definition, &self.setting.connect_in(Dialect::DuckDb));
    }

    fn define_page(&self, page: &str, file: &DefinitionFile, definitions: &mut Definitions) {
        let read = read_page(&file.text);
        let front = read.front.as_deref().and_then(|front| match read_yaml(front, self.setting.limits) {
            Ok(front) => front,
            Err(error) => {
                let message = format!("the front matter cannot be read: {}", error.message);
                let diagnostic = Diagnostic::new(&INVALID_DEFINITION, message, Span::default());
                definitions.note(&file.path, error.line + 1, diagnostic);
                None
            }
        });
        let mut known = self.shared();
        self.add_aliases(front.as_deref(), &mut known);
        let mut own: BTreeMap<&str, &Query<'_>> = BTreeMap::new();
        for query in &read.queries {
            if own.contains_key(query.name) {
                let message = format!("the page has two queries called `{}`; the first is read", query.name);
                definitions.note(&file.path, query.line, Diagnostic::new(&INVALID_DEFINITION, message, Span::default()));
                continue;
            }
            own.insert(query.name, query);
            known.insert(query.name.to_owned(), self.asset(&format!("page/{page}/query/{}", query.name)));
        }
        for (name, query) in &own {
            let Some(target) = known.get(*name).cloned() else { continue };
            let part = format!("query.{name}");
            let asset = (DocumentRole::Chart, target, format!("{page}.{name}"));
            self.define_query((&file.path, &part, query.line), asset, self.ask(&query.text, &known), definitions);
        }
        let mut tiles: Vec<Tile> = Vec::new();
        let mut add = |name: &str, title: &str, line: u32| {
            let Some(chart) = known.get(name).filter(|chart| tiles.iter().all(|tile| tile.chart != **chart)) else { return };
            tiles.push(Tile { title: title.to_owned(), line, chart: chart.clone(), columns: Vec::new() });
        };
        for shown in &read.shown {
            add(shown.query, shown.title.unwrap_or(shown.query), shown.line);
        }
        if read.shown.is_empty() {
            own.values().for_each(|query| add(query.name, query.name, query.line));
        }
        let target = self.asset(&format!("page/{page}"));
        let said = |key: &str| front.as_ref().and_then(|front| Some((front.entry(key)?.0 + 1, front.word(key)?.to_owned())));
        let title = said("title").or_else(|| read.heading.map(|(line, heading)| (line, heading.to_owned())));
        if let Some((line, name)) = title.clone() {
            definitions.say(&target, FactKind::FriendlyName { name }, &file.path, line);
        }
        if let Some((line, text)) = said("description") {
            definitions.say(&target, FactKind::Description { text }, &file.path, line);
        }
        if let Some(base) = self.setting.link() {
            let address = page.strip_suffix("index").unwrap_or(page).trim_end_matches('/');
            definitions.say(&target, FactKind::Link { url: format!("{base}/{address}") }, &file.path, 1);
        }
        let name = title.map_or_else(|| page.to_owned(), |(_, title)| shown_name(&title, page));
        define_dashboard((&file.path, "page", 1), target, Some(name), &tiles, &[], self.setting, definitions);
    }

    /// The names that a page's front matter gives to shared queries.
    fn add_aliases(&self, front: Option<&Node>, known: &mut BTreeMap<String, RelationName>) {
        for item in front.and_then(|front| front.get("queries")).map(Node::items).unwrap_or_default() {
            for (_, alias, path) in item.entries() {
                let path = path.text().unwrap_or_default().trim_end_matches(".sql");
                if self.queries.contains_key(path) {
                    known.insert(alias.to_owned(), self.asset(&format!("query/{path}")));
                }
            }
        }
    }
}

/// What stands for a value that a reader chooses: inside of quotes its name, else that as a list of one.
fn value_of(name: &str, is_quoted: bool) -> String {
    let plain = identifier(name);
    if is_quoted { plain } else { format!("('{plain}')") }
}

/// The dialect of a connection's type.
fn dialect_of(kind: &str) -> Option<Dialect> {
    Some(match kind {
        "bigquery" => Dialect::BigQuery,
        "snowflake" => Dialect::Snowflake,
        "redshift" => Dialect::Redshift,
        "postgres" | "timescaledb" => Dialect::Postgres,
        "mysql" => Dialect::MySql,
        "mssql" => Dialect::MsSql,
        "databricks" => Dialect::Databricks,
        "trino" => Dialect::Trino,
        "duckdb" | "motherduck" | "csv" => Dialect::DuckDb,
        "sqlite" => Dialect::Sqlite,
        _ => return None,
    })
}
