//! Guards the house: the import table of ARCHITECTURE.md, which room may name which foreign crate,
//! the words that no module may be called by, and where SQL against our own database may stand.
//!
//! Reads every file of `src/` with a small tokenizer, so that comments and strings never count.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Room → rooms that it may name. The same table stands in ARCHITECTURE.md.
const IMPORTS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("config", &["model"]),
    ("template", &["model"]),
    ("sql", &["model"]),
    ("store", &["model"]),
    ("graph", &["model"]),
    ("search", &["model"]),
    ("insight", &["model"]),
    ("sources", &["model", "config"]),
    ("catalog", &["store", "graph", "search", "insight", "sql", "config", "model"]),
    ("crawl", &["sources", "template", "sql", "insight", "catalog", "store", "search", "graph", "config", "model"]),
    ("web", &["catalog", "crawl", "config", "model"]),
    ("cli", &["catalog", "crawl", "config", "model", "web"]),
    ("main", &["cli"]),
];

/// Foreign path → the only places that may name it (prefixes of paths below `src/`).
const FOREIGN: &[(&str, &[&str])] = &[
    ("anyhow", &["cli", "main.rs"]),
    ("askama", &["web"]),
    ("axum", &["web"]),
    ("clap", &["cli", "main.rs"]),
    ("gix", &["sources"]),
    ("indicatif", &["cli"]),
    ("minijinja", &["template"]),
    ("petgraph", &["graph"]),
    ("sqlparser", &["sql"]),
    ("sqlx", &["store", "sources/postgres"]),
    ("tantivy", &["search"]),
    ("tower_http", &["web"]),
];

/// Rooms that do no IO, and what they must therefore not name.
const PURE_ROOMS: &[&str] = &["model", "sql", "template", "insight"];
const IO_PATHS: &[&str] = &["tokio", "std::fs", "std::net", "std::process", "std::env"];

const FORBIDDEN_NAMES: &[&str] =
    &["utils", "util", "helpers", "helper", "common", "manager", "managers", "service", "services", "misc"];

/// Rooms that deal in other people's SQL or hold our own: their strings are not looked at.
const SQL_ROOMS: &[&str] = &["store", "sql", "sources", "template"];

#[test]
fn rooms_name_only_the_rooms_that_the_table_allows() {
    assert_none(violations_of_the_tree(check_imports));
}

#[test]
fn foreign_crates_stay_in_their_rooms() {
    assert_none(violations_of_the_tree(check_foreign_crates));
}

#[test]
fn pure_rooms_do_no_io() {
    assert_none(violations_of_the_tree(check_purity));
}

#[test]
fn no_module_is_called_by_an_empty_word() {
    assert_none(violations_of_the_tree(check_names));
}

#[test]
fn only_the_store_speaks_sql_to_our_database() {
    let tables = tables_of_migrations();
    assert_none(violations_of_the_tree(|file| check_own_sql(file, &tables)));
}

/// Rooms whose sources the fuzz targets compile by themselves.
const FUZZED_ROOMS: &[&str] = &["model", "sql", "template"];

#[test]
fn the_fuzz_targets_have_the_crates_that_their_rooms_name() {
    let (own, fuzzed) = (dependencies_of("Cargo.toml"), dependencies_of("fuzz/Cargo.toml"));
    assert!(own.contains("serde") && fuzzed.contains("libfuzzer_sys"), "{own:?} {fuzzed:?}");
    let check = |file: &SourceFile| -> Vec<String> {
        let named = file.paths().into_iter().filter(|path| matches!(path.root, Root::Foreign));
        let missing = named.filter(|path| path.segments.first().is_some_and(|name| own.contains(name) && !fuzzed.contains(name)));
        missing.map(|path| format!("src/{}:{}: fuzz/Cargo.toml lacks `{}`", file.path, path.line, path.segments[0])).collect()
    };
    let files = source_files();
    assert_none(files.iter().filter(|file| FUZZED_ROOMS.contains(&file.room())).flat_map(check).collect());
}

/// The crates under `[dependencies]` of a manifest, as Rust names them.
fn dependencies_of(manifest: &str) -> BTreeSet<String> {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(manifest)).unwrap_or_default();
    let lines = text.lines().skip_while(|line| line.trim() != "[dependencies]").skip(1);
    let lines = lines.take_while(|line| !line.starts_with('['));
    lines.filter_map(|line| Some(line.split_once('=')?.0.trim().replace('-', "_"))).collect()
}

#[test]
fn every_room_stands_in_the_table_and_every_row_has_a_room() {
    let mut rooms: BTreeSet<String> = source_files().iter().map(|file| file.room().to_owned()).collect();
    rooms.remove("lib");
    let table: BTreeSet<String> = IMPORTS.iter().map(|(room, _)| (*room).to_owned()).collect();
    assert_eq!(rooms, table);
}

#[test]
fn the_page_shows_the_table_that_is_checked() {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("ARCHITECTURE.md")).unwrap_or_default();
    let listed: BTreeMap<String, BTreeSet<String>> = table_of_page(&page);
    let checked = IMPORTS.iter().map(|(room, may)| ((*room).to_owned(), may.iter().map(|name| (*name).to_owned()).collect()));
    assert_eq!(listed, checked.collect::<BTreeMap<String, BTreeSet<String>>>());
}

mod self_test {
    use super::*;

    fn file(path: &str, text: &str) -> SourceFile {
        SourceFile { path: path.to_owned(), tokens: tokenize(text) }
    }

    fn imports(path: &str, text: &str) -> Vec<String> {
        check_imports(&file(path, text))
    }

    #[test]
    fn an_import_against_the_table_is_found_in_every_form() {
        for text in [
            "use crate::store::Store;",
            "use crate::{model::Span, store};",
            "use crate::{model::{Span, store}, store::{self}};",
            "pub(crate) use crate::store as s;",
            "fn f() { crate::store::open() }",
            "fn f() -> crate :: store :: Store {}",
            "use super::store::Store;",
            "mod inner { use super::super::store::Store; }",
            "fn f() { let x = r#\"\"#; crate::store::open(); }",
            "fn f<'a>(x: &'a str) { let c = '\"'; crate::store::open(); let d = '\"'; }",
            "use crate as house;",
        ] {
            assert_eq!(imports("sql/mod.rs", text).len(), 1, "{text}");
        }
        assert_eq!(imports("sql/scope/mod.rs", "use super::super::store::Store;").len(), 1);
        assert_eq!(imports("sql/scope.rs", "use super::super::store::Store;").len(), 1);
        assert_eq!(imports("config.rs", "use super::store::Store;").len(), 1);
        assert_eq!(imports("main.rs", "use wellspring::store;").len(), 1);
    }

    #[test]
    fn allowed_imports_comments_and_strings_are_left_alone() {
        for text in [
            "use crate::model::{store, Span};",
            "// use crate::store::Store;",
            "/* crate::store /* nested */ crate::store */",
            "/// See [`crate::store::Store`].\nfn f() {}",
            "fn f() { let s = \"crate::store\"; }",
            "fn f() { let s = r##\"crate::store \"# \"##; }",
            "fn f() { let s = b\"\\\"crate::store\"; }",
            "mod scope { use super::store; }",
            "mod tests { mod deeper {} use super::store; }",
        ] {
            assert_eq!(imports("sql/mod.rs", text), Vec::<String>::new(), "{text}");
        }
        assert_eq!(imports("sql/scope.rs", "use super::store::Nested;"), Vec::<String>::new());
        assert_eq!(imports("main.rs", "use wellspring::cli;"), Vec::<String>::new());
    }

    #[test]
    fn a_foreign_crate_out_of_its_room_is_found() {
        let found = |path, text| check_foreign_crates(&file(path, text)).len();
        assert_eq!(found("crawl/mod.rs", "use sqlparser::ast::Expr;"), 1);
        assert_eq!(found("crawl/mod.rs", "use { sqlparser as parser };"), 1);
        assert_eq!(found("web/mod.rs", "fn f() { ::sqlx::query(\"\") }"), 1);
        assert_eq!(found("sources/git.rs", "use sqlx::Row;"), 1);
        assert_eq!(found("sources/postgres.rs", "use sqlx::Row;"), 0);
        assert_eq!(found("sources/postgres/rows.rs", "use sqlx::Row;"), 0);
        assert_eq!(found("store/mod.rs", "use sqlx::Row;"), 0);
        assert_eq!(found("crawl/mod.rs", "// sqlparser::ast\nlet sqlparser = 1; self.sqlparser();"), 0);
        assert_eq!(found("crawl/mod.rs", "use crate::model::sqlparser::X;"), 0);
    }

    #[test]
    fn io_in_a_pure_room_is_found() {
        let found = |path, text| check_purity(&file(path, text)).len();
        assert_eq!(found("sql/mod.rs", "use std::fs::File;"), 1);
        assert_eq!(found("sql/mod.rs", "use std::{fmt, fs};"), 1);
        assert_eq!(found("insight/mod.rs", "fn f() { tokio::spawn(async {}) }"), 1);
        assert_eq!(found("sql/mod.rs", "use std::{fmt, sync::Arc};"), 0);
        assert_eq!(found("crawl/mod.rs", "use std::fs;"), 0);
    }

    #[test]
    fn an_empty_word_is_found_in_files_and_inline_modules() {
        assert_eq!(check_names(&file("sql/utils.rs", "")).len(), 1);
        assert_eq!(check_names(&file("web/service/mod.rs", "")).len(), 1);
        assert_eq!(check_names(&file("web/mod.rs", "mod helpers { }")).len(), 1);
        assert_eq!(check_names(&file("web/error.rs", "mod tests { }")), Vec::<String>::new());
    }

    #[test]
    fn sql_against_our_tables_is_found_outside_the_store() {
        let tables = BTreeSet::from(["asset".to_owned(), "run".to_owned()]);
        let found = |path, text| check_own_sql(&file(path, text), &tables).len();
        assert_eq!(found("web/mod.rs", "fn f() { query(\"select key from asset where id = ?\") }"), 1);
        assert_eq!(found("web/mod.rs", "fn f() { query(r#\"\n DELETE FROM run\"#) }"), 1);
        assert_eq!(found("web/mod.rs", "fn f() { query(\"pragma wal_checkpoint\") }"), 1);
        assert_eq!(found("store/run.rs", "fn f() { query(\"delete from run\") }"), 0);
        assert_eq!(found("web/mod.rs", "fn f() { print(\"select an asset from the list\") }"), 0);
        assert_eq!(found("web/mod.rs", "fn f() { lineage(\"select a from orders\") }"), 0);
        assert_eq!(found("web/mod.rs", "#[cfg(test)] mod tests { fn f() { \"select key from asset\" } }"), 0);
    }

    #[test]
    fn the_table_is_read_from_a_page() {
        let page = "| room | what | may name |\n|---|---|---|\n| `model` | words | – |\n| `web` | x | catalog, model |\n";
        let table = table_of_page(page);
        assert_eq!(table.len(), 2);
        assert!(table["model"].is_empty());
        assert_eq!(table["web"], BTreeSet::from(["catalog".to_owned(), "model".to_owned()]));
    }

    #[test]
    fn tables_are_found_in_migrations() {
        let text = "create table asset (id integer);\nCREATE TABLE IF NOT EXISTS run_source (x);\n-- create table no (";
        assert_eq!(created_tables(text), BTreeSet::from(["asset".to_owned(), "run_source".to_owned()]));
    }
}

// ---- the checks --------------------------------------------------------------------------------

fn check_imports(file: &SourceFile) -> Vec<String> {
    let room = file.room();
    if room == "lib" {
        return Vec::new();
    }
    let Some((_, allowed)) = IMPORTS.iter().find(|(name, _)| *name == room) else {
        return vec![format!("src/{}: room `{room}` stands in no table", file.path)];
    };
    let mut found = Vec::new();
    for path in file.paths() {
        let named = match path.root {
            Root::House => path.segments.first().map(String::as_str),
            Root::Alias => Some("*"),
            Root::Foreign => (path.segments.first().map(String::as_str) == Some("wellspring"))
                .then(|| path.segments.get(1).map_or("*", String::as_str)),
        };
        if let Some(named) = named
            && named != room
            && named != "self"
            && !allowed.contains(&named)
        {
            found.push(format!("src/{}:{}: `{room}` may not name `{named}`", file.path, path.line));
        }
    }
    found
}

fn check_foreign_crates(file: &SourceFile) -> Vec<String> {
    let mut found = Vec::new();
    for path in file.paths().iter().filter(|path| matches!(path.root, Root::Foreign)) {
        let Some(first) = path.segments.first() else { continue };
        let Some((_, places)) = FOREIGN.iter().find(|(name, _)| name == first || first.starts_with(&format!("{name}_"))) else {
            continue;
        };
        if !places.iter().any(|place| file.stands_in(place)) {
            found.push(format!("src/{}:{}: `{first}` may be named only in {places:?}", file.path, path.line));
        }
    }
    found
}

fn check_purity(file: &SourceFile) -> Vec<String> {
    if !PURE_ROOMS.contains(&file.room()) {
        return Vec::new();
    }
    let paths = file.paths();
    let foreign = paths.iter().filter(|path| matches!(path.root, Root::Foreign));
    foreign
        .filter(|path| {
            let text = path.segments.join("::");
            IO_PATHS.iter().any(|io| text == *io || text.starts_with(&format!("{io}::")))
        })
        .map(|path| format!("src/{}:{}: a pure room names `{}`", file.path, path.line, path.segments.join("::")))
        .collect()
}

fn check_names(file: &SourceFile) -> Vec<String> {
    let mut names: Vec<&str> = file.path.trim_end_matches(".rs").split('/').collect();
    for pair in file.tokens.windows(2) {
        if let [Token { kind: Kind::Word, text: word, .. }, Token { kind: Kind::Word, text: name, .. }] = pair
            && word == "mod"
        {
            names.push(name);
        }
    }
    names
        .into_iter()
        .filter(|name| FORBIDDEN_NAMES.contains(name))
        .map(|name| format!("src/{}: `{name}` says nothing of what it holds", file.path))
        .collect()
}

fn check_own_sql(file: &SourceFile, tables: &BTreeSet<String>) -> Vec<String> {
    if SQL_ROOMS.contains(&file.room()) {
        return Vec::new();
    }
    let tests = file.test_modules();
    let strings =
        file.tokens.iter().enumerate().filter(|(at, token)| {
            matches!(token.kind, Kind::Text) && !tests.iter().any(|(start, end)| (start..end).contains(&at))
        });
    strings
        .filter(|(_, token)| speaks_sql_to(&token.text, tables))
        .map(|(_, token)| format!("src/{}:{}: SQL against our own database: {:?}", file.path, token.line, token.text))
        .collect()
}

/// Whether `text` is a statement, and the word after FROM, INTO, UPDATE, JOIN or TABLE is one of `tables`.
fn speaks_sql_to(text: &str, tables: &BTreeSet<String>) -> bool {
    let lower = text.to_ascii_lowercase();
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words: Vec<&str> = lower.split(|c| !is_word(c)).filter(|word| !word.is_empty()).collect();
    match words.first() {
        Some(&"pragma") => words.len() > 1,
        Some(&("select" | "insert" | "update" | "delete" | "with" | "create" | "alter" | "drop" | "replace")) => words
            .windows(2)
            .any(|pair| matches!(pair[0], "from" | "into" | "update" | "join" | "table") && tables.contains(pair[1])),
        _ => false,
    }
}

// ---- reading the tree --------------------------------------------------------------------------

struct SourceFile {
    /// Below `src/`, `/`-separated.
    path: String,
    tokens: Vec<Token>,
}

/// A path as code names it.
struct NamedPath {
    root: Root,
    /// What follows the root: `store::Store` for `crate::store::Store`.
    segments: Vec<String>,
    line: usize,
}

enum Root {
    /// `crate::`, or enough `super::` to reach the crate.
    House,
    /// `crate as …`: nobody could follow what it names.
    Alias,
    /// Starts with a plain word: a foreign crate, or something in scope.
    Foreign,
}

impl SourceFile {
    fn room(&self) -> &str {
        let first = self.path.split('/').next().unwrap_or("");
        first.trim_end_matches(".rs")
    }

    fn stands_in(&self, place: &str) -> bool {
        let path = self.path.as_str();
        path == place || path == format!("{place}.rs") || path.starts_with(&format!("{place}/"))
    }

    /// How many `super::` lead from the top of this file to the crate.
    fn depth(&self) -> usize {
        let path = self.path.trim_end_matches(".rs").trim_end_matches("/mod");
        path.split('/').count()
    }

    /// Every path of two segments or more, and every leaf of every `use`.
    fn paths(&self) -> Vec<NamedPath> {
        let mut found = Vec::new();
        let mut inline_modules: Vec<usize> = Vec::new();
        let mut braces = 0usize;
        let mut at = 0;
        while at < self.tokens.len() {
            match self.text(at) {
                "{" => {
                    braces += 1;
                    if at >= 2 && self.text(at - 2) == "mod" {
                        inline_modules.push(braces);
                    }
                }
                "}" => {
                    if inline_modules.last() == Some(&braces) {
                        inline_modules.pop();
                    }
                    braces = braces.saturating_sub(1);
                }
                _ => {}
            }
            let is_use = self.text(at) == "use" && self.is_word(at);
            let starts_path = self.is_word(at) && !self.follows_path_or_dot(at) && self.text(at + 1) == "::";
            if is_use {
                let start = at + 1 + usize::from(self.text(at + 1) == "::");
                at = self.read_tree(start, &mut Vec::new(), self.depth() + inline_modules.len(), &mut found);
            } else if starts_path {
                at = self.read_tree(at, &mut Vec::new(), self.depth() + inline_modules.len(), &mut found);
            } else {
                at += 1;
            }
        }
        found
    }

    /// Reads a path or a use tree at `at`; returns where it ends.
    fn read_tree(&self, mut at: usize, outer: &mut Vec<String>, depth: usize, found: &mut Vec<NamedPath>) -> usize {
        let kept = outer.len();
        let line = self.tokens.get(at).map_or(0, |token| token.line);
        loop {
            if self.text(at) == "{" {
                at += 1;
                while at < self.tokens.len() && self.text(at) != "}" {
                    let next = self.read_tree(at, outer, depth, found);
                    at = next.max(at + usize::from(next == at));
                    if self.text(at) == "," {
                        at += 1;
                    }
                }
                at += 1;
                break;
            }
            if !self.is_word(at) && self.text(at) != "*" {
                break;
            }
            outer.push(self.text(at).to_owned());
            at += 1;
            let goes_on = self.text(at) == "::" && (self.is_word(at + 1) || matches!(self.text(at + 1), "{" | "*"));
            if goes_on {
                at += 1;
                continue;
            }
            let renamed = self.text(at) == "as" && self.is_word(at);
            found.extend(name_path(outer, depth, renamed, line));
            at += if renamed { 2 } else { 0 };
            break;
        }
        outer.truncate(kept);
        at
    }

    /// Token ranges of `#[cfg(test)] mod … { … }`.
    fn test_modules(&self) -> Vec<(usize, usize)> {
        const HEAD: [&str; 8] = ["#", "[", "cfg", "(", "test", ")", "]", "mod"];
        let mut found = Vec::new();
        for start in 0..self.tokens.len() {
            if (0..HEAD.len()).all(|offset| self.text(start + offset) == HEAD[offset]) {
                let mut depth = 0usize;
                let mut end = start + HEAD.len();
                while end < self.tokens.len() {
                    match self.text(end) {
                        "{" => depth += 1,
                        "}" if depth <= 1 => break,
                        "}" => depth -= 1,
                        ";" if depth == 0 => break,
                        _ => {}
                    }
                    end += 1;
                }
                found.push((start, end));
            }
        }
        found
    }

    fn text(&self, at: usize) -> &str {
        match self.tokens.get(at) {
            Some(token) if !matches!(token.kind, Kind::Text) => &token.text,
            _ => "",
        }
    }

    fn is_word(&self, at: usize) -> bool {
        self.tokens.get(at).is_some_and(|token| matches!(token.kind, Kind::Word))
    }

    fn follows_path_or_dot(&self, at: usize) -> bool {
        at > 0 && (self.text(at - 1) == "." || (self.text(at - 1) == "::" && at > 1 && self.is_word(at - 2)))
    }
}

fn name_path(segments: &[String], depth: usize, renamed: bool, line: usize) -> Option<NamedPath> {
    let supers = segments.iter().take_while(|segment| *segment == "super" || *segment == "self").collect::<Vec<_>>();
    let climbs = supers.iter().filter(|segment| **segment == "super").count();
    match segments.first()?.as_str() {
        "crate" if segments.len() == 1 => renamed.then(|| NamedPath { root: Root::Alias, segments: Vec::new(), line }),
        "crate" => Some(NamedPath { root: Root::House, segments: segments[1..].to_vec(), line }),
        "super" | "self" if climbs >= depth && segments.len() > supers.len() => {
            Some(NamedPath { root: Root::House, segments: segments[supers.len()..].to_vec(), line })
        }
        "super" | "self" | "Self" => None,
        _ => Some(NamedPath { root: Root::Foreign, segments: segments.to_vec(), line }),
    }
}

fn source_files() -> Vec<SourceFile> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths: Vec<PathBuf> = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                paths.push(path);
            }
        }
    }
    paths.sort();
    let files: Vec<SourceFile> = paths
        .iter()
        .map(|path| SourceFile {
            path: path.strip_prefix(&root).unwrap_or(path).to_string_lossy().replace('\\', "/"),
            tokens: tokenize(&std::fs::read_to_string(path).unwrap_or_default()),
        })
        .collect();
    assert!(files.len() > 10, "src/ was not found");
    files
}

fn violations_of_the_tree(check: impl Fn(&SourceFile) -> Vec<String>) -> Vec<String> {
    source_files().iter().flat_map(check).collect()
}

fn assert_none(violations: Vec<String>) {
    assert!(violations.is_empty(), "\n{}\n", violations.join("\n"));
}

/// The rows of the table headed `room | … | may name`.
fn table_of_page(page: &str) -> BTreeMap<String, BTreeSet<String>> {
    let cells = |line: &str| -> Vec<String> { line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect() };
    let rows = page.lines().skip_while(|line| !(line.starts_with("| room ") && line.ends_with(" may name |"))).skip(2);
    rows.take_while(|line| line.starts_with('|'))
        .map(cells)
        .map(|row| {
            let room = row.first().map(|cell| cell.trim_matches('`').to_owned()).unwrap_or_default();
            let names = row.last().into_iter().flat_map(|cell| cell.split(", ")).filter(|name| *name != "–");
            (room, names.map(str::to_owned).collect())
        })
        .collect()
}

fn tables_of_migrations() -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let sql = files.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|extension| extension == "sql"));
    sql.flat_map(|path| created_tables(&std::fs::read_to_string(path).unwrap_or_default())).collect()
}

fn created_tables(sql: &str) -> BTreeSet<String> {
    let code: Vec<&str> = sql.lines().map(|line| line.split("--").next().unwrap_or("")).collect();
    let lower = code.join("\n").to_ascii_lowercase();
    let words: Vec<&str> = lower.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|w| !w.is_empty()).collect();
    words
        .windows(2)
        .enumerate()
        .filter(|(_, pair)| *pair == ["create", "table"])
        .filter_map(|(at, _)| words[at + 2..].iter().find(|word| !matches!(**word, "if" | "not" | "exists")))
        .map(|word| (*word).to_owned())
        .collect()
}

// ---- a tokenizer for Rust, as much as the checks need ------------------------------------------

struct Token {
    kind: Kind,
    /// The word or mark; for strings, what stands between the quotes.
    text: String,
    /// 1-based.
    line: usize,
}

enum Kind {
    Word,
    Mark,
    Text,
}

fn tokenize(source: &str) -> Vec<Token> {
    let chars: Vec<char> = source.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    let mut line = 1;
    while at < chars.len() {
        let start = at;
        let rest = &chars[at..];
        if let Some(length) = comment_length(rest) {
            at += length;
        } else if let Some((length, text)) = string_at(rest) {
            at += length;
            tokens.push(Token { kind: Kind::Text, text, line });
        } else if is_word_char(rest[0]) {
            let length = rest.iter().take_while(|c| is_word_char(**c)).count();
            at += length;
            tokens.push(Token { kind: Kind::Word, text: rest[..length].iter().collect(), line });
        } else if rest.starts_with(&[':', ':']) {
            at += 2;
            tokens.push(Token { kind: Kind::Mark, text: "::".to_owned(), line });
        } else {
            at += 1;
            if !rest[0].is_whitespace() {
                tokens.push(Token { kind: Kind::Mark, text: rest[0].to_string(), line });
            }
        }
        line += chars[start..at].iter().filter(|c| **c == '\n').count();
    }
    tokens
}

fn is_word_char(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

fn comment_length(rest: &[char]) -> Option<usize> {
    if rest.starts_with(&['/', '/']) {
        return Some(rest.iter().take_while(|c| **c != '\n').count());
    }
    if !rest.starts_with(&['/', '*']) {
        return None;
    }
    let mut depth = 0usize;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with(&['/', '*']) {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with(&['*', '/']) {
            depth -= 1;
            at += 2;
            if depth == 0 {
                break;
            }
        } else {
            at += 1;
        }
    }
    Some(at)
}

/// A string, byte string, raw string or character at the start of `rest`: its length and content.
fn string_at(rest: &[char]) -> Option<(usize, String)> {
    let prefix = rest.iter().take_while(|c| matches!(c, 'b' | 'c' | 'r')).count();
    let raw = prefix > 0 && rest[prefix - 1] == 'r';
    let hashes = if raw { rest[prefix..].iter().take_while(|c| **c == '#').count() } else { 0 };
    let open = prefix + hashes;
    if prefix <= 2 && rest.get(open) == Some(&'"') {
        let mut at = open + 1;
        while at < rest.len() {
            match rest[at] {
                '\\' if !raw => at += 2,
                '"' if rest[at + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes => {
                    return Some((at + 1 + hashes, rest[open + 1..at].iter().collect()));
                }
                _ => at += 1,
            }
        }
        return Some((rest.len(), rest[open + 1..].iter().collect()));
    }
    // A character, told from a lifetime by its closing quote.
    if rest[0] == '\'' {
        let escaped = rest.get(1) == Some(&'\\');
        let close = if escaped { 3 + rest.get(3..)?.iter().position(|c| *c == '\'')? } else { 2 };
        if rest.get(close) == Some(&'\'') {
            return Some((close + 1, String::new()));
        }
    }
    None
}
