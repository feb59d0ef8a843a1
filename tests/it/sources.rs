//! Reading folders and git: what is found, what is said of it, and what bad input costs.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;
use wellspring::{
    config::{Config, SourceConfig},
    model::{Dialect, DocumentRole, FactKind, Reading, Subject},
    sources::{At, NOTHING_KNOWN, NoProgress, Request, SourceError, read},
};

/// A folder that is filled file by file, and perhaps a repository.
struct Tree {
    folder: TempDir,
    commits: u32,
}

impl Tree {
    fn new(files: &[(&str, &str)]) -> Tree {
        let tree = Tree { folder: tempfile::tempdir().unwrap(), commits: 0 };
        for (path, text) in files {
            tree.write(path, text);
        }
        tree
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn git(&self, arguments: &[&str]) -> String {
        git_in(self.path(), arguments, "Analyst <analyst@example.org>", 1_700_000_000)
    }

    fn init(&self) {
        self.git(&["init", "-q", "-b", "main"]);
    }

    /// Commits everything as `author`, a day after the commit before.
    fn commit(&mut self, author: &str, message: &str) -> String {
        let time = 1_700_000_000 + i64::from(self.commits) * 86_400;
        self.commits += 1;
        git_in(self.path(), &["add", "-A"], author, time);
        git_in(self.path(), &["commit", "-q", "--allow-empty", "-m", message], author, time);
        self.git(&["rev-parse", "HEAD"]).trim().to_owned()
    }
}

fn git_in(folder: &Path, arguments: &[&str], author: &str, time: i64) -> String {
    let (name, email) = author.trim_end_matches('>').split_once(" <").unwrap();
    let date = format!("{time} +0000");
    let output = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(arguments)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .envs([("GIT_AUTHOR_NAME", name), ("GIT_AUTHOR_EMAIL", email), ("GIT_AUTHOR_DATE", &date)])
        .envs([("GIT_COMMITTER_NAME", name), ("GIT_COMMITTER_EMAIL", email), ("GIT_COMMITTER_DATE", &date)])
        .output()
        .unwrap();
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn source_of(path: &Path) -> SourceConfig {
    Config::for_paths(&[path.display().to_string()], None).unwrap().sources.remove(0)
}

fn read_source(source: &SourceConfig, at: At) -> Result<Reading, SourceError> {
    let config = Config::default();
    let data = Path::new("/nonexistent");
    read(&Request { config: &config, source, at, data, known: &NOTHING_KNOWN, history_since: None }, &NoProgress)
}

fn read_tree(tree: &Tree) -> Reading {
    read_source(&source_of(tree.path()), At::Tip).unwrap()
}

fn paths(reading: &Reading) -> Vec<&str> {
    reading.documents.iter().map(|document| document.path.as_str()).collect()
}

/// `path:line code`, sorted.
fn diagnostics(reading: &Reading) -> Vec<String> {
    reading.diagnostics.iter().map(|(path, line, diagnostic)| format!("{path}:{line} {}", diagnostic.code)).collect()
}

/// `about path:line fact`, sorted as the reading sorts them.
fn facts(reading: &Reading) -> Vec<String> {
    let describe = |fact: &wellspring::model::Fact| {
        let about = match &fact.about {
            Subject::Asset(name) => name.to_string(),
            Subject::Document(path) => path.clone(),
            Subject::Node(id) => id.clone(),
        };
        let what = match &fact.what {
            FactKind::FriendlyName { name } => format!("name {name}"),
            FactKind::Description { text } => format!("description {text}"),
            FactKind::Owner { name } => format!("owner {name}"),
            FactKind::Reviewer { name } => format!("reviewer {name}"),
            FactKind::Label { key, value } => format!("label {key}={value}"),
            FactKind::Tag { name } => format!("tag {name}"),
            FactKind::Schedule { text } => format!("schedule {text}"),
            FactKind::Deprecated { note, date, replacement } => format!("deprecated {note:?} {date:?} -> {replacement:?}"),
            FactKind::Columns { columns, .. } => {
                let column = |column: &wellspring::model::DeclaredColumn| {
                    format!("{} {} {}", column.name, column.data_type, column.description.as_deref().unwrap_or("-"))
                };
                format!("columns {}", columns.iter().map(column).collect::<Vec<_>>().join(" | "))
            }
            FactKind::ColumnDescription { column, text } => format!("column {column}: {text}"),
            FactKind::Dbt { resource, id, materialized, .. } => format!("dbt {resource} {id} {materialized}"),
            FactKind::Check { name, column, given, .. } => format!("check {name} of {column:?} {given}"),
            FactKind::Freshness { expected, .. } => format!("fresh {expected}"),
            FactKind::Generated { by } => format!("generated by {by}"),
            FactKind::Link { .. }
            | FactKind::Folder { .. }
            | FactKind::Archived
            | FactKind::LastViewed { .. }
            | FactKind::Metric { .. } => format!("{:?}", fact.what),
        };
        format!("{about} {}:{} {what}", fact.path.rsplit('/').next().unwrap_or_default(), fact.line)
    };
    reading.facts.iter().map(describe).collect()
}

const TABLE: &str = "sql/acme-prod/marts/orders_v1";

fn etl_tree(files: &[(&str, &str)]) -> Tree {
    let tree = Tree::new(&[]);
    for (path, text) in files {
        tree.write(&format!("{TABLE}/{path}"), text);
    }
    tree
}

#[test]
fn a_plain_folder_yields_its_sql_and_roles() {
    let tree = Tree::new(&[
        ("b.sql", "SELECT 1"),
        ("a/c.SQL.jinja", "SELECT {{ x }}"),
        ("ddl/t.sql", "CREATE TABLE t (a INT)"),
        ("tests/t.sql", "SELECT 1"),
        ("x.hql", "SELECT 1"),
        ("readme.md", "no"),
        (".gitignore", "target/\n"),
        ("target/compiled.sql", "SELECT 1"),
    ]);
    let reading = read_tree(&tree);
    let found: Vec<_> =
        reading.documents.iter().map(|document| (document.path.as_str(), document.role.word(), document.templated)).collect();
    assert_eq!(
        found,
        [
            ("a/c.SQL.jinja", "sql", true),
            ("b.sql", "sql", false),
            ("ddl/t.sql", "ddl", false),
            ("tests/t.sql", "check", false),
            ("x.hql", "sql", false)
        ]
    );
    assert!(reading.commit.is_none() && reading.last_changes.is_empty() && reading.diagnostics.is_empty());
}

#[test]
fn include_exclude_and_target_patterns_choose_and_name() {
    let tree = Tree::new(&[("m/core/orders.sql", "SELECT 1"), ("m/core/x_draft.sql", "SELECT 1"), ("other/a.sql", "SELECT 1")]);
    let mut source = source_of(tree.path());
    source.include = vec!["m/".into()];
    source.exclude = vec!["*_draft.sql".into()];
    source.target = vec!["m/{schema}/{table}.sql".into()];
    source.database = Some("prod".into());
    let reading = read_source(&source, At::Tip).unwrap();
    assert_eq!(paths(&reading), ["m/core/orders.sql"]);
    assert_eq!(reading.documents[0].target.as_ref().unwrap().to_string(), "prod.core.orders");
    assert_eq!(reading.documents[0].role, DocumentRole::Query);
}

#[test]
fn bad_input_costs_a_diagnostic_each_and_the_rest_is_read() {
    let outside = Tree::new(&[("secret.sql", "SELECT 'secret'")]);
    let tree = Tree::new(&[("good.sql", "SELECT 1"), ("folder.sql/inner.sql", "SELECT 2")]);
    tree.write("bom.sql", b"\xEF\xBB\xBFSELECT 3");
    tree.write("latin.sql", b"SELECT 1;\nSELECT 'caf\xE9'");
    tree.write("wide.sql", b"\xFF\xFES\x00E\x00L\x00");
    tree.write("big.sql", vec![b' '; 50 << 20]);
    std::os::unix::fs::symlink(outside.path().join("secret.sql"), tree.path().join("leaves.sql")).unwrap();
    std::os::unix::fs::symlink("good.sql", tree.path().join("stays.sql")).unwrap();
    std::os::unix::fs::symlink("nowhere.sql", tree.path().join("dangling.sql")).unwrap();
    let reading = read_tree(&tree);
    assert_eq!(paths(&reading), ["bom.sql", "folder.sql/inner.sql", "good.sql", "latin.sql", "stays.sql", "wide.sql"]);
    assert_eq!(
        diagnostics(&reading),
        [
            "big.sql:0 limit-exceeded",
            "dangling.sql:0 unreadable-file",
            "latin.sql:2 not-utf8",
            "leaves.sql:0 symlink-leaves-tree",
            "wide.sql:1 not-utf8"
        ]
    );
    let text = |path: &str| reading.documents.iter().find(|document| document.path == path).unwrap().text.as_str();
    assert_eq!((text("bom.sql"), text("wide.sql"), text("latin.sql")), ("SELECT 3", "SEL", "SELECT 1;\nSELECT 'caf\u{FFFD}'"));
}

#[test]
fn links_and_missing_objects_in_git_cost_a_diagnostic_each() {
    let mut tree = Tree::new(&[("good.sql", "SELECT 1"), ("gone.sql", "SELECT 'gone'"), ("deep/in/a.sql", "SELECT 1")]);
    std::os::unix::fs::symlink("../../etc/passwd", tree.path().join("leaves.sql")).unwrap();
    std::os::unix::fs::symlink("../../good.sql", tree.path().join("deep/in/stays.sql")).unwrap();
    tree.init();
    tree.commit("Analyst <analyst@example.org>", "all");
    let blob = tree.git(&["rev-parse", "HEAD:gone.sql"]);
    fs::remove_file(tree.path().join(".git/objects").join(&blob[..2]).join(blob[2..].trim())).unwrap();
    let reading = read_source(&source_of(&tree.path().join(".git")), At::Tip).unwrap();
    assert_eq!(paths(&reading), ["deep/in/a.sql", "deep/in/stays.sql", "good.sql"]);
    assert_eq!(diagnostics(&reading), ["gone.sql:0 unreadable-file", "leaves.sql:0 symlink-leaves-tree"]);
}

#[test]
fn what_is_not_there_is_said() {
    let tree = Tree::new(&[("a.sql", "SELECT 1")]);
    assert!(matches!(read_source(&source_of(&tree.path().join("no")), At::Tip), Err(SourceError::Missing(_))));
    tree.init();
    let mut source = source_of(tree.path());
    assert_eq!(paths(&read_source(&source, At::Tip).unwrap()), ["a.sql"], "a repository without commits is a folder");
    source.reference = Some("nope".into());
    assert!(matches!(read_source(&source, At::Tip), Err(SourceError::UnknownReference { .. })));
    fs::remove_dir_all(tree.path().join(".git/objects")).unwrap();
    fs::write(tree.path().join(".git/HEAD"), "garbage").unwrap();
    assert!(matches!(read_source(&source_of(tree.path()), At::Tip), Err(SourceError::Repository { .. })));
}

#[test]
fn the_bigquery_etl_layout_gives_targets_roles_and_template_values() {
    let tree = etl_tree(&[
        ("query.sql", "SELECT '{{ table_name }}'"),
        ("view.sql", "CREATE VIEW v AS SELECT 1"),
        ("script.sql", "CREATE TABLE x AS SELECT 1"),
        ("checks.sql", "SELECT 1"),
        ("part1.sql", "SELECT 1"),
        ("metadata.yaml", "friendly_name: Orders"),
        ("examples/e.sql", "SELECT 1"),
    ]);
    tree.write("sql/mozfun/json/keys/udf.sql", "CREATE FUNCTION json.keys() AS (1)");
    tree.write("sql_generators/orders/query.sql", "SELECT 1");
    tree.write("tests/sql/acme-prod/marts/orders_v1/query.sql", "SELECT 1");
    tree.write("tool/__init__.py", "");
    tree.write("tool/resources/check.sql", "SELECT 1");
    let reading = read_tree(&tree);
    assert_eq!(diagnostics(&reading), ["sql:0 files-left-out"]);
    let said = &reading.diagnostics[0].2.message;
    assert!(said.starts_with("3 SQL files") && said.ends_with("in `sql_generators`, `tests`, `tool`"), "{said}");
    assert_eq!(reading.dialect, Dialect::BigQuery);
    let found: Vec<String> = reading
        .documents
        .iter()
        .map(|document| {
            let target = document.target.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
            format!(
                "{} {} {target} {}",
                document.path.rsplit('/').next().unwrap(),
                document.role.word(),
                document.defaults.1.as_deref().unwrap()
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            "checks.sql check - marts",
            "e.sql check - marts",
            "part1.sql query acme-prod.marts.orders_v1 marts",
            "query.sql query acme-prod.marts.orders_v1 marts",
            "script.sql script - marts",
            "view.sql view acme-prod.marts.orders_v1 marts",
            "udf.sql routine - json"
        ]
    );
    let query = &reading.documents[3];
    assert!(query.templated && query.variables.contains(&("table_name".to_owned(), "orders_v1".to_owned())));
    assert!(reading.notes[0].contains("bigquery-etl"));
}

#[test]
fn plain_sql_beside_the_bigquery_etl_layout_is_read_too() {
    let tree = etl_tree(&[("query.sql", "SELECT 1"), ("metadata.yaml", "friendly_name: Orders")]);
    tree.write("reports/churn.sql", "CREATE VIEW reports.churn AS SELECT 1 AS x");
    tree.write("adhoc.sql", "SELECT 1");
    let reading = read_tree(&tree);
    let found: Vec<_> = reading.documents.iter().map(|it| (it.path.as_str(), it.role.word(), it.target.is_some())).collect();
    assert_eq!(
        found,
        [
            ("adhoc.sql", "sql", false),
            ("reports/churn.sql", "sql", false),
            ("sql/acme-prod/marts/orders_v1/query.sql", "query", true)
        ]
    );
    assert!(reading.diagnostics.is_empty());
}

#[test]
fn metadata_becomes_facts_with_the_lines_of_their_keys() {
    let text = "friendly_name: Orders\ndescription: |-\n  One row per order.\n\n  Deprecated since spring: please use `acme.marts.orders_v2` instead.\nowners:\n- analyst@example.org\n- team:data\nlabels:\n  owner1: ann\n  level: gold\n  bare:\nscheduling:\n  dag_name: daily_marts\ndeprecated: true\ndeletion_date: 2026-01-31\nreferences:\n  query.sql:\n  - a.b.c\n";
    let reading = read_tree(&etl_tree(&[("metadata.yaml", text), ("query.sql", "-- Generated via ./make orders\nSELECT 1")]));
    let about = "acme-prod.marts.orders_v1 metadata.yaml";
    assert_eq!(
        facts(&reading),
        [
            format!("{about}:1 name Orders"),
            format!(
                "{about}:2 description One row per order.\n\nDeprecated since spring: please use `acme.marts.orders_v2` instead."
            ),
            format!("{about}:7 owner analyst@example.org"),
            format!("{about}:8 owner team:data"),
            format!("{about}:10 label owner1=ann"),
            format!("{about}:11 label level=gold"),
            format!("{about}:12 label bare="),
            format!("{about}:14 schedule daily_marts"),
            format!(
                "{about}:15 deprecated \"Deprecated since spring: please use `acme.marts.orders_v2` instead.\" Some(\"2026-01-31\") -> Some(\"acme.marts.orders_v2\")"
            ),
            format!("{TABLE}/query.sql query.sql:1 generated by ./make orders"),
        ]
    );
}

#[test]
fn replacements_are_harvested_from_prose_and_only_from_deprecations() {
    let cases = [
        ("deprecated: true\ndescription: Superseded by marts.orders_v2.", Some(Some("marts.orders_v2"))),
        ("deprecated: true\ndescription: This was replaced by the view `orders`.", Some(Some("orders"))),
        ("description: DEPRECATED, migrate to `a.b` or c.", Some(Some("a.b"))),
        ("deprecated: true\ndescription: Please use this with care.", Some(None)),
        ("deprecated: Use `x.y` instead", Some(Some("x.y"))),
        ("deletion_date: 2026-01-01", Some(None)),
        ("deprecated: false\ndescription: DEPRECATED names are listed here", None),
        ("description: Use `x.y` to read the deprecated columns.", None),
    ];
    for (text, expected) in cases {
        let reading = read_tree(&etl_tree(&[("metadata.yaml", text)]));
        let found = reading.facts.iter().find_map(|fact| match &fact.what {
            FactKind::Deprecated { replacement, .. } => Some(replacement.clone()),
            _ => None,
        });
        assert_eq!(found, expected.map(|name| name.map(str::to_owned)), "{text}");
    }
}

#[test]
fn an_owner_label_names_an_owner_where_no_owners_are_listed() {
    let reading = read_tree(&etl_tree(&[("metadata.yaml", "labels:\n  owner1: ann\n")]));
    assert_eq!(
        facts(&reading),
        ["acme-prod.marts.orders_v1 metadata.yaml:2 owner ann", "acme-prod.marts.orders_v1 metadata.yaml:2 label owner1=ann"]
    );
}

#[test]
fn nested_schema_fields_follow_their_parent_as_dotted_paths() {
    let text = "fields:\n- name: id\n  type: INTEGER\n  description: Key.\n- name: items\n  type: RECORD\n  mode: REPEATED\n  fields:\n  - name: sku\n    type: STRING\n  - {name: price, type: NUMERIC, mode: NULLABLE}\n- name: tags\n  type: STRING\n  mode: REPEATED\n  description: null\n";
    let reading = read_tree(&etl_tree(&[("schema.yaml", text), ("metadata.yaml", "{}")]));
    assert_eq!(
        facts(&reading),
        [
            "acme-prod.marts.orders_v1 schema.yaml:1 columns id INTEGER Key. | items ARRAY<RECORD> - | items.sku STRING - | items.price NUMERIC - | tags ARRAY<STRING> -"
        ]
    );
    assert!(reading.diagnostics.is_empty());
}

#[test]
fn schema_tags_take_fields_from_other_files_and_change_keys_with_them() {
    let tree = etl_tree(&[
        ("metadata.yaml", "{}"),
        (
            "schema.yaml",
            "fields: !flatten-lists\n- name: a\n  type: STRING\n  description: !include-field-description\n    file: /shared.yaml\n    field: a\n    append: More.\n- !include-fields\n  table: acme-prod.raw.orders\n  exclude_field_names: [x]\n- !include-field\n  table: acme-prod.raw.orders\n  field: s.t\n  new_name: st\n  new_type: JSON\n",
        ),
    ]);
    tree.write("shared.yaml", "fields:\n- {name: a, type: INT64, description: Shared.}\n");
    let raw = "fields:\n- {name: x, type: INT64}\n- {name: y, type: DATE}\n- name: s\n  type: RECORD\n  fields: [{name: t, type: STRING, description: Deep.}]\n";
    tree.write("sql/acme-prod/raw/orders/schema.yaml", raw);
    let reading = read_tree(&tree);
    let table = format!("{TABLE}/schema.yaml");
    assert_eq!(
        facts(&reading)[0],
        "acme-prod.marts.orders_v1 schema.yaml:1 columns a STRING Shared.\nMore. | y DATE - | s RECORD - | s.t STRING Deep. | st JSON Deep."
    );
    tree.write("shared.yaml", "fields:\n- {name: a, type: INT64, description: Changed.}\n");
    let changed = reread(&tree, &reading);
    assert!(!changed.unchanged.contains(&table), "an included file changed");
    assert!(facts(&changed)[0].contains("Changed.\nMore."));
    assert_eq!(reread(&tree, &changed).unchanged.len(), changed.files.len());
}

#[test]
fn a_schema_of_a_commit_is_known_again_without_reading_what_it_includes() {
    let table = "sql/acme-prod/marts/orders_v1/schema.yaml";
    let mut tree = Tree::new(&[
        ("sql/acme-prod/marts/orders_v1/metadata.yaml", "friendly_name: Orders"),
        (table, "fields:\n- !include-fields\n  file: shared.yaml\n"),
        ("shared.yaml", "fields:\n- {name: a, type: STRING}\n"),
    ]);
    tree.init();
    tree.commit("Analyst <analyst@example.org>", "one");
    let source = SourceConfig { reference: Some("main".into()), ..source_of(tree.path()) };
    let config = Config::default();
    let reread = |before: &Reading| {
        let data = Path::new("/nonexistent");
        let known = &before.files;
        read(&Request { config: &config, source: &source, at: At::Tip, data, known, history_since: None }, &NoProgress).unwrap()
    };
    let first = read_source(&source, At::Tip).unwrap();
    assert!(facts(&first).iter().any(|fact| fact.contains("columns a STRING")), "{:?}", first.diagnostics);
    for path in [table, "shared.yaml"] {
        let blob = tree.git(&["rev-parse", &format!("main:{path}")]);
        let (folder, file) = blob.trim().split_at(2);
        fs::rename(tree.path().join(".git/objects").join(folder).join(file), tree.path().join(".git").join(file)).unwrap();
    }
    assert!(reread(&first).unchanged.contains(table), "the objects are gone, and were not needed");
    tree.write("shared.yaml", "fields:\n- {name: b, type: STRING}\n");
    fs::remove_dir_all(tree.path().join(".git")).unwrap();
    tree.init();
    tree.commit("Analyst <analyst@example.org>", "two");
    let changed = reread(&first);
    assert!(!changed.unchanged.contains(table));
    assert!(facts(&changed).iter().any(|fact| fact.contains("columns b STRING")));
}

fn reread(tree: &Tree, before: &Reading) -> Reading {
    let (config, source) = (Config::default(), source_of(tree.path()));
    let data = Path::new("/nonexistent");
    read(&Request { config: &config, source: &source, at: At::Tip, data, known: &before.files, history_since: None }, &NoProgress)
        .unwrap()
}

#[test]
fn a_schema_that_cannot_be_known_whole_declares_nothing() {
    let tree = etl_tree(&[("metadata.yaml", "{}"), ("schema.yaml", "fields: !include-fields\n  table: a.stable.x\n")]);
    let reading = read_tree(&tree);
    assert!(reading.facts.is_empty());
    assert_eq!(diagnostics(&reading), [format!("{TABLE}/schema.yaml:2 invalid-metadata")]);
    tree.write(&format!("{TABLE}/schema.yaml"), "fields: !include-fields\n  table: a.stable.x\n  field_names: [k, l]\n");
    assert_eq!(facts(&read_tree(&tree)), ["acme-prod.marts.orders_v1 schema.yaml:1 columns k  - | l  -"]);
    tree.write(&format!("{TABLE}/schema.yaml"), format!("fields: !include-fields\n  file: {TABLE}/schema.yaml\n"));
    assert_eq!(diagnostics(&read_tree(&tree)), [format!("{TABLE}/schema.yaml:2 invalid-metadata")], "it includes itself");
}

#[test]
fn yaml_bombs_and_broken_yaml_cost_a_diagnostic_with_a_line() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..20 {
        bomb.push_str(&format!("a{level}: &a{level} [{}]\n", vec![format!("*a{}", level - 1); 10].join(", ")));
    }
    let deep = format!("description: {}{}", "[".repeat(100_000), "]".repeat(100_000));
    let tree = etl_tree(&[("metadata.yaml", &bomb), ("query.sql", "SELECT 1")]);
    tree.write("sql/acme-prod/marts/deep/metadata.yaml", deep);
    tree.write("sql/acme-prod/marts/broken/metadata.yaml", "a: 1\nb: [\n");
    tree.write("sql/acme-prod/marts/lenient/metadata.yaml", "description: 'two\nlines'\nowners: [\n  a@b.c\n]\n");
    let reading = read_tree(&tree);
    let found = diagnostics(&reading);
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found[0].starts_with("sql/acme-prod/marts/broken/metadata.yaml:") && found[0].ends_with("invalid-metadata"));
    assert!(found[1].starts_with("sql/acme-prod/marts/deep/metadata.yaml:1 "));
    assert_eq!(found[2], format!("{TABLE}/metadata.yaml:6 limit-exceeded"));
    assert_eq!(paths(&reading), [format!("{TABLE}/query.sql")]);
    assert!(facts(&reading).iter().any(|fact| fact.ends_with("owner a@b.c")));
}

#[test]
fn the_last_matching_line_of_codeowners_decides_and_an_empty_one_removes() {
    let owners = "* @all\n/models/ @models @second # both\n*.ddl @ddl\nmodels/raw/\ndocs/* @docs\n!bad @x\n\"[a]\" @y\n[z].sql\n/sp\\ ace.sql @space\n";
    let files = ["a.sql", "models/m.sql", "models/raw/r.sql", "deep/x.ddl", "docs/d.sql", "docs/in/e.sql", "sp ace.sql"];
    let tree = Tree::new(&files.map(|path| (path, "SELECT 1")));
    tree.write(".github/CODEOWNERS", owners);
    tree.write("CODEOWNERS", "* @never\n");
    let reading = read_tree(&tree);
    let expected = [
        "a.sql CODEOWNERS:1 reviewer @all",
        "docs/in/e.sql CODEOWNERS:1 reviewer @all",
        "models/m.sql CODEOWNERS:2 reviewer @models",
        "models/m.sql CODEOWNERS:2 reviewer @second",
        "deep/x.ddl CODEOWNERS:3 reviewer @ddl",
        "docs/d.sql CODEOWNERS:5 reviewer @docs",
        "sp ace.sql CODEOWNERS:9 reviewer @space",
    ];
    assert_eq!(facts(&reading), expected);
    assert_eq!(diagnostics(&reading)[0], ".github/CODEOWNERS:6 invalid-owners-file");
    let mut source = source_of(tree.path());
    source.codeowners = wellspring::config::Codeowners::Owners;
    let as_owners = read_source(&source, At::Tip).unwrap();
    assert_eq!(facts(&as_owners)[0], "a.sql CODEOWNERS:1 owner @all");
}

#[test]
fn dialects_are_guessed_and_the_reason_is_said() {
    let cases = [
        ("SELECT * FROM `a-b.c.d` WHERE SAFE_CAST(x AS INT64) > 1", Dialect::BigQuery),
        ("SELECT src:a.b::string FROM raw, LATERAL FLATTEN(input => src:items) f", Dialect::Snowflake),
        ("CREATE FUNCTION f() RETURNS int AS $$ BEGIN RETURN 1; END $$ LANGUAGE plpgsql;", Dialect::Postgres),
        ("CREATE TABLE t (a INT) DISTKEY(a) SORTKEY(a)", Dialect::Redshift),
        ("CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a", Dialect::ClickHouse),
        ("CREATE TABLE [dbo].[t] (a NVARCHAR(10))", Dialect::MsSql),
        ("SELECT a FROM t", Dialect::Generic),
    ];
    for (text, expected) in cases {
        let reading = read_tree(&Tree::new(&[("a.sql", text)]));
        assert_eq!(reading.dialect, expected, "{:?}", reading.notes);
        assert!(reading.notes[1].contains("guess"), "{:?}", reading.notes);
        assert_eq!(reading.documents[0].dialect, expected);
    }
}

#[test]
fn folders_called_after_dialects_are_read_in_them_where_there_are_several() {
    let tree = Tree::new(&[
        ("concepts/age.sql", "SELECT SAFE_CAST(a AS INT64) AS age FROM `project.clinical.patients`\n"),
        ("concepts/stay.sql", "SELECT DATE_DIFF(a, b, DAY) AS days FROM `project.clinical.stays`\n"),
        ("concepts_postgres/age.sql", "CREATE TABLE age AS SELECT a::int AS age FROM clinical.patients;\n"),
        ("build/sql_server/load.sql", "SELECT TOP 1 [a] INTO dbo.[loaded] FROM dbo.[staged];\n"),
    ]);
    let reading = read_tree(&tree);
    let found: Vec<_> = reading
        .documents
        .iter()
        .map(|it| (it.path.as_str(), it.dialect, it.composed.as_ref().and_then(|composed| composed.warehouse.as_deref())))
        .collect();
    let expected = [
        ("build/sql_server/load.sql", Dialect::MsSql, Some("mssql")),
        ("concepts/age.sql", Dialect::BigQuery, None),
        ("concepts/stay.sql", Dialect::BigQuery, None),
        ("concepts_postgres/age.sql", Dialect::Postgres, Some("postgres")),
    ];
    assert_eq!(found, expected);
    assert!(reading.notes.iter().any(|note| note.contains("postgres, mssql")), "{:?}", reading.notes);
}

#[test]
fn history_gives_last_changes_and_contributors_without_bots_and_merges() {
    let mut tree = Tree::new(&[
        ("a.sql", "SELECT 1"),
        ("b.sql", "SELECT 1"),
        (".mailmap", "Analyst Renamed <analyst@example.org>\nAnalyst Renamed <analyst@example.org> <analyst@old.example.org>\n"),
    ]);
    tree.init();
    tree.commit("Analyst <analyst@old.example.org>", "first");
    tree.write("a.sql", "SELECT 2");
    let second = tree.commit("Builder <builder@example.org>", "second\n\nbody");
    tree.git(&["checkout", "-q", "-b", "side"]);
    tree.write("b.sql", "SELECT 3");
    let side = tree.commit("dependabot[bot] <bot@example.org>", "bump");
    tree.git(&["checkout", "-q", "main"]);
    tree.write("c.sql", "SELECT 4");
    tree.commit("Analyst <analyst@example.org>", "third");
    tree.git(&["merge", "-q", "--no-ff", "-m", "merge", "side"]);
    let reading = read_tree(&tree);
    let change = |path: &str| {
        let change = &reading.last_changes[path];
        (change.commit.clone(), change.author.clone(), change.summary.clone())
    };
    assert_eq!(change("a.sql"), (second, "Builder".to_owned(), "second".to_owned()));
    assert_eq!(change("b.sql"), (side, "dependabot[bot]".to_owned(), "bump".to_owned()));
    let people: Vec<_> = reading
        .contributors
        .iter()
        .map(|person| (person.path.as_str(), person.author.as_str(), person.email.as_str(), person.commits))
        .collect();
    assert_eq!(
        people,
        [
            ("a.sql", "Builder", "builder@example.org", 1),
            ("a.sql", "Analyst Renamed", "analyst@example.org", 1),
            ("b.sql", "Analyst Renamed", "analyst@example.org", 1),
            ("c.sql", "Analyst Renamed", "analyst@example.org", 1)
        ]
    );
}

#[test]
fn former_states_are_read_and_history_since_a_commit_adds_up() {
    let mut tree = Tree::new(&[("a.sql", "SELECT 1")]);
    tree.init();
    let first = tree.commit("Analyst <analyst@example.org>", "one");
    tree.write("a.sql", "SELECT 2");
    tree.write("b.sql", "SELECT 2");
    tree.commit("Builder <builder@example.org>", "two");
    tree.write("b.sql", "SELECT 3");
    let third = tree.commit("Analyst <analyst@example.org>", "three");
    let (config, source) = (Config::default(), source_of(tree.path()));
    let data = Path::new("/nonexistent");
    let old = read_source(&source, At::DaysBefore(2)).unwrap();
    assert_eq!((paths(&old), old.commit.as_ref().unwrap().id.as_str()), (vec!["a.sql"], first.as_str()));
    assert!(matches!(read_source(&source, At::DaysBefore(3)), Err(SourceError::NoStateThatOld { days: 3, .. })));
    let request =
        Request { config: &config, source: &source, at: At::Tip, data, known: &old.files, history_since: Some(first.clone()) };
    let tip = read(&request, &NoProgress).unwrap();
    assert_eq!(tip.history_since.as_deref(), Some(first.as_str()));
    let counted: Vec<_> =
        tip.contributors.iter().map(|person| (person.path.as_str(), person.author.as_str(), person.commits)).collect();
    assert_eq!(counted, [("a.sql", "Builder", 1), ("b.sql", "Analyst", 1), ("b.sql", "Builder", 1)]);
    let again = read(&Request { history_since: Some(third), ..request }, &NoProgress).unwrap();
    assert!(again.contributors.is_empty() && again.last_changes.is_empty());
    let foreign = read(
        &Request { at: At::Commit(first), known: &NOTHING_KNOWN, history_since: again.commit.map(|commit| commit.id), ..request },
        &NoProgress,
    );
    assert_eq!(foreign.unwrap().history_since, None, "an older state does not descend from a newer one");
}

#[test]
fn only_changed_files_are_read_again() {
    let mut tree = Tree::new(&[("a.sql", "SELECT 1"), ("b.sql", "SELECT 1"), ("CODEOWNERS", "* @x\n")]);
    tree.init();
    tree.commit("Analyst <analyst@example.org>", "one");
    let first = read_tree(&tree);
    assert_eq!(first.files.len(), 3);
    let same = reread(&tree, &first);
    assert!(same.documents.is_empty() && same.facts.is_empty() && same.unchanged.len() == 3);
    tree.write("a.sql", "SELECT 2");
    let changed = reread(&tree, &first);
    assert_eq!(paths(&changed), ["a.sql"]);
    assert_eq!(changed.files.keys().collect::<Vec<_>>(), ["CODEOWNERS", "a.sql", "b.sql"]);
    tree.write("c.sql", "SELECT 3");
    let added = reread(&tree, &changed);
    assert_eq!(paths(&added), ["c.sql"]);
    assert_eq!(added.facts.len(), 3, "who reviews the new file is said anew");
}

#[test]
fn a_folder_inside_a_work_tree_has_its_history_owners_and_addresses() {
    let mut tree = Tree::new(&[("team/sql/a.sql", "SELECT 1"), ("other/b.sql", "SELECT 1"), ("CODEOWNERS", "/team/ @team\n")]);
    tree.init();
    tree.git(&["remote", "add", "origin", "git@github.com:acme/etl.git"]);
    tree.commit("Analyst <analyst@example.org>", "one");
    let source = source_of(&tree.path().join("team"));
    for at in [At::Tip, At::DaysBefore(0)] {
        let reading = read_source(&source, at).unwrap();
        assert_eq!(paths(&reading), ["sql/a.sql"]);
        assert_eq!(reading.last_changes["sql/a.sql"].author, "Analyst");
        assert_eq!(facts(&reading), ["sql/a.sql CODEOWNERS:1 reviewer @team"]);
        assert_eq!(reading.permalink.as_deref(), Some("https://github.com/acme/etl/blob/{commit}/team/{path}#L{line}"));
    }
}

#[test]
fn permalinks_follow_the_forge_of_the_remote() {
    let tree = Tree::new(&[("a.sql", "SELECT 1")]);
    tree.init();
    tree.git(&["remote", "add", "origin", "x"]);
    let cases = [
        (
            "https://user:secret@gitlab.example.org/a/b/c.git",
            Some("https://gitlab.example.org/a/b/c/-/blob/{commit}/{path}#L{line}"),
        ),
        ("ssh://git@bitbucket.org/a/b", Some("https://bitbucket.org/a/b/src/{commit}/{path}#lines-{line}")),
        ("https://codeberg.org/a/b.git", Some("https://codeberg.org/a/b/src/commit/{commit}/{path}#L{line}")),
        ("https://git.example.org/a/b.git", None),
        ("/srv/git/b.git", None),
    ];
    for (remote, expected) in cases {
        tree.git(&["remote", "set-url", "origin", remote]);
        assert_eq!(read_tree(&tree).permalink.as_deref(), expected, "{remote}");
    }
    let mut source = source_of(tree.path());
    source.permalink = Some("https://x/{path}".into());
    assert_eq!(read_source(&source, At::Tip).unwrap().permalink.as_deref(), Some("https://x/{path}"));
}

#[test]
fn dangerous_addresses_are_refused_before_anything_runs() {
    let data = tempfile::tempdir().unwrap();
    let config = Config::default();
    for url in [
        "ext::sh -c touch% /tmp/x",
        "file:///etc",
        "file::/etc",
        "-oProxyCommand=x",
        "ssh://-oProxyCommand=x/y",
        "https://",
        "ftp://h/x",
        "git@-x:y",
    ] {
        let source = SourceConfig { name: "s".into(), url: Some(url.into()), ..SourceConfig::default() };
        let request = Request {
            config: &config,
            source: &source,
            at: At::Tip,
            data: data.path(),
            known: &NOTHING_KNOWN,
            history_since: None,
        };
        let error = read(&request, &NoProgress).unwrap_err();
        assert!(matches!(error, SourceError::RefusedAddress(_)), "{url}: {error}");
    }
    assert!(fs::read_dir(data.path()).unwrap().next().is_none());
}

/// A git server on loopback that ends with the test.
struct Server {
    process: std::process::Child,
    port: u16,
}

impl Server {
    fn start(root: &Path) -> Server {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let process = Command::new("git")
            .args(["daemon", "--listen=127.0.0.1", "--export-all", "--reuseaddr"])
            .arg(format!("--port={port}"))
            .arg(format!("--base-path={}", root.display()))
            .arg(root)
            .spawn()
            .unwrap();
        let server = Server { process, port };
        for _ in 0..200 {
            if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(25));
        }
        server
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // `git daemon` is a child of `git`: asking it to end ends both.
        let ended = Command::new("kill").arg(self.process.id().to_string()).status();
        assert!(ended.is_ok() && self.process.wait().is_ok());
    }
}

#[test]
fn a_remote_is_cloned_bare_and_brought_up_to_date() {
    let mut tree = Tree::new(&[("repo/a.sql", "SELECT 1")]);
    let repository: PathBuf = tree.path().join("repo");
    git_in(&repository, &["init", "-q", "-b", "trunk"], "Analyst <analyst@example.org>", 0);
    let commit = |tree: &mut Tree, text: &str, time: i64| {
        tree.write("repo/a.sql", text);
        git_in(&repository, &["add", "-A"], "Analyst <analyst@example.org>", time);
        git_in(&repository, &["commit", "-q", "-m", text], "Analyst <analyst@example.org>", time);
    };
    commit(&mut tree, "SELECT 1", 1_700_000_000);
    let server = Server::start(tree.path());
    let url = format!("git://127.0.0.1:{}/repo", server.port);
    let (config, data) = (Config::default(), tempfile::tempdir().unwrap());
    let mut source = SourceConfig { name: "s".into(), url: Some(url), ..SourceConfig::default() };
    let read_remote = |source: &SourceConfig| {
        read(
            &Request { config: &config, source, at: At::Tip, data: data.path(), known: &NOTHING_KNOWN, history_since: None },
            &NoProgress,
        )
    };
    let first = read_remote(&source).unwrap();
    assert_eq!((first.documents[0].text.as_str(), first.last_changes.len()), ("SELECT 1", 1));
    commit(&mut tree, "SELECT 2", 1_700_086_400);
    git_in(&repository, &["tag", "v1", "HEAD~1"], "Analyst <analyst@example.org>", 0);
    assert_eq!(read_remote(&source).unwrap().documents[0].text, "SELECT 2");
    source.reference = Some("v1".into());
    assert_eq!(read_remote(&source).unwrap().documents[0].text, "SELECT 1");
    let clones: Vec<PathBuf> = fs::read_dir(data.path().join("clones")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(clones.len(), 1);
    assert!(clones[0].join("objects").is_dir() && !clones[0].join("a.sql").exists(), "bare, without a work tree");
    drop(server);
    let error = read_remote(&source).unwrap_err();
    assert!(matches!(error, SourceError::Fetch { .. }), "{error}");
}
