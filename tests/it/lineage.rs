//! Lineage construct by construct: `fixtures/sql/lineage/*.sql`, whose README says how they are written.

use std::{collections::BTreeSet, fs, path::Path, sync::Arc};

use wellspring::{
    model::{Analysis, Dialect, KnownRelation, KnownRoutine, RelationId, RelationName, Severity},
    sql::{Lookups, Options, Script},
};

#[derive(Default)]
struct Case {
    place: String,
    name: String,
    dialect: Dialect,
    schema: Vec<(String, Vec<String>)>,
    sql: String,
    net: bool,
    expected: BTreeSet<String>,
}

struct Schema<'c>(&'c Case);

impl Lookups for Schema<'_> {
    fn relation(&self, name: &RelationName) -> Option<Arc<KnownRelation>> {
        let wanted = name.to_string();
        let (_, columns) = self.0.schema.iter().find(|(known, _)| known.eq_ignore_ascii_case(&wanted))?;
        Some(Arc::new(KnownRelation { columns: columns.clone(), complete: true, ..KnownRelation::default() }))
    }

    fn routine(&self, _: &RelationName) -> Option<Arc<KnownRoutine>> {
        None
    }
}

fn read_cases(path: &Path) -> Vec<Case> {
    let text = fs::read_to_string(path).unwrap();
    let mut cases: Vec<Case> = Vec::new();
    for (at, line) in text.lines().enumerate() {
        if let Some(name) = line.strip_prefix("-- case: ") {
            let place = format!("{}:{}", path.file_name().unwrap().to_string_lossy(), at + 1);
            cases.push(Case { place, name: name.to_owned(), ..Case::default() });
            continue;
        }
        let Some(case) = cases.last_mut() else { continue };
        if let Some(dialect) = line.strip_prefix("-- dialect: ") {
            case.dialect = dialect.parse().unwrap();
        } else if let Some(schema) = line.strip_prefix("-- schema: ") {
            case.schema = schema.split(';').map(read_relation).collect();
        } else if line == "-- targets:" {
            case.net = true;
        } else if ["-- = ", "-- ~ ", "-- ! "].iter().any(|mark| line.starts_with(mark)) {
            case.expected.insert(line[3..].to_owned());
        } else {
            case.sql.push_str(line);
            case.sql.push('\n');
        }
    }
    cases
}

fn read_relation(text: &str) -> (String, Vec<String>) {
    let (name, columns) = text.trim().trim_end_matches(')').split_once('(').unwrap();
    (name.trim().to_owned(), columns.split(',').map(|column| column.trim().to_owned()).collect())
}

fn describe(case: &Case, analysis: &Analysis) -> BTreeSet<String> {
    let table = |relation: Option<RelationId>| match relation {
        Some(id) => format!("{}.", analysis.relations[id as usize]),
        None => "?.".to_owned(),
    };
    let mut found = BTreeSet::new();
    let (columns, rows): (Vec<_>, Vec<_>) = if case.net {
        (
            analysis.targets.iter().flat_map(|target| &target.columns).collect(),
            analysis.targets.iter().flat_map(|target| &target.rows).collect(),
        )
    } else {
        (
            analysis.statements.iter().flat_map(|statement| &statement.columns).collect(),
            analysis.statements.iter().flat_map(|statement| &statement.rows).collect(),
        )
    };
    for edge in columns {
        let target = edge.to.map_or(String::new(), |id| format!("{}.", analysis.relations[id as usize]));
        let guessed = if edge.guessed { " ?" } else { "" };
        let kind = edge.kind.word();
        found.insert(format!("= {}{} -> {target}{} {kind}{guessed}", table(edge.from), edge.from_column, edge.to_column));
    }
    for row in rows {
        found.insert(format!("~ {}{} {}", table(row.from), row.from_column, row.kind.word()));
    }
    for diagnostic in analysis.diagnostics.iter().filter(|diagnostic| diagnostic.severity() != Severity::Info) {
        found.insert(format!("! {}", diagnostic.code));
    }
    found
}

#[test]
fn every_construct_has_the_edges_its_fixture_states() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/sql/lineage");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "sql"));
    files.sort();
    let cases: Vec<Case> = files.iter().flat_map(|path| read_cases(path)).collect();
    assert!(cases.len() >= 150, "only {} cases were found", cases.len());
    let mut wrong = String::new();
    for case in &cases {
        let options = Options { dialect: case.dialect, ..Options::default() };
        let analysis = Script::parse(&case.sql, &options).analyze(&Schema(case));
        let found = describe(case, &analysis);
        if found != case.expected {
            wrong.push_str(&format!("\n{} {} ({})\n", case.place, case.name, case.dialect));
            case.expected.difference(&found).for_each(|line| wrong.push_str(&format!("  missing  {line}\n")));
            found.difference(&case.expected).for_each(|line| wrong.push_str(&format!("  extra    {line}\n")));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn renaming_an_alias_changes_no_edge() {
    let sql =
        |alias: &str| format!("select {alias}.x as p, sum({alias}.y) as q from a as {alias} where {alias}.id > 1 group by 1");
    let case = Case { schema: vec![("a".into(), vec!["id".into(), "x".into(), "y".into()])], ..Case::default() };
    let edges = |text: &str| describe(&case, &Script::parse(text, &Options::default()).analyze(&Schema(&case)));
    assert_eq!(edges(&sql("t")), edges(&sql("some_other_name")));
}

#[test]
fn places_of_edges_are_the_expressions_that_make_them() {
    let text = "select a.id,\n  a.x + a.y as total\nfrom a";
    let analysis = Script::parse(text, &Options::default()).analyze(&wellspring::sql::NoLookups);
    let edge = analysis.statements[0].columns.iter().find(|edge| edge.to_column == "total").unwrap();
    assert_eq!(edge.span.of(text), "a.x + a.y");
}
