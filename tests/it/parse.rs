//! Every dialect's statements are told apart and read: one fixture a dialect or topic. Its first line
//! counts the statements, those inside of routines and blocks and the conditions of blocks among them.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use wellspring::{
    model::{Dialect, LineIndex},
    sql::{NoLookups, Options, Script},
};

fn sql_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "sql") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

/// What could not be read in `text`: line and message.
fn failures(script: &Script, text: &str) -> Vec<(u32, String)> {
    let lines = LineIndex::new(text);
    let diagnostics = script.analyze(&NoLookups).diagnostics;
    let errors = diagnostics.iter().filter(|diagnostic| matches!(diagnostic.code.as_str(), "syntax-error" | "limit-exceeded"));
    errors.map(|error| (lines.line(error.span.start), error.message.clone())).collect()
}

#[test]
fn every_fixture_is_read_whole() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/sql/parse");
    let mut report = String::new();
    let files = sql_files(&root);
    assert!(files.len() >= 12, "{files:?}");
    for path in files {
        let text = fs::read_to_string(&path).unwrap();
        let folder = path.parent().and_then(Path::file_name).unwrap().to_str().unwrap();
        let dialect: Dialect = folder.parse().unwrap();
        let wanted: u32 = text.lines().next().and_then(|line| line.strip_prefix("-- statements: ")).unwrap().parse().unwrap();
        let script = Script::parse(&text, &Options { dialect, ..Options::default() });
        let (statements, failed) = script.references().statements;
        for (line, message) in failures(&script, &text) {
            writeln!(report, "{}:{line}: {message}", path.display()).unwrap();
        }
        if (statements, failed) != (wanted, 0) {
            writeln!(report, "{}: {statements} statements, {failed} failed, {wanted} wanted", path.display()).unwrap();
        }
    }
    assert!(report.is_empty(), "\n{report}");
}

/// Reads every `.sql` below the folder named by `WELLSPRING_CORPUS` (in the dialect named by
/// `WELLSPRING_DIALECT`, else BigQuery) and prints what could not be read. Templates are left out.
#[test]
fn a_corpus_is_read_nearly_whole() {
    let Ok(folder) = std::env::var("WELLSPRING_CORPUS") else { return };
    let dialect = std::env::var("WELLSPRING_DIALECT").map_or(Dialect::BigQuery, |name| name.parse().unwrap());
    let (mut bytes, mut statements, mut failed) = (0, 0, 0);
    let start = Instant::now();
    for path in sql_files(Path::new(&folder)) {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        if text.contains("{{") || text.contains("{%") {
            continue;
        }
        let script = Script::parse(&text, &Options { dialect, ..Options::default() });
        let counted = script.references().statements;
        bytes += text.len();
        statements += counted.0;
        failed += counted.1;
        if counted.1 > 0 {
            for (line, message) in failures(&script, &text) {
                println!("{}:{line}: {message}", path.display());
            }
        }
    }
    println!("{statements} statements, {failed} failed, {bytes} bytes, {:?}", start.elapsed());
    assert!(f64::from(failed) <= 0.005 * f64::from(statements), "{failed} of {statements} could not be read");
}

/// The dialect and text of every case in `fixtures/sql/lineage`.
fn lineage_cases() -> Vec<(Dialect, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/sql/lineage");
    let mut cases = Vec::new();
    for file in sql_files(&folder) {
        for case in fs::read_to_string(&file).unwrap().split("-- case:").skip(1) {
            let dialect = case.lines().find_map(|line| line.strip_prefix("-- dialect:")).map_or("generic", str::trim);
            let lines = case.lines().skip(1).filter(|line| !line.starts_with("--"));
            cases.push((dialect.parse().unwrap(), lines.collect::<Vec<_>>().join("\n")));
        }
    }
    cases
}

#[test]
fn a_statement_that_is_cut_off_anywhere_is_read_as_far_as_it_goes() {
    let cases = lineage_cases();
    assert!(cases.len() > 250, "{}", cases.len());
    for (dialect, text) in cases {
        let ends = text.char_indices().filter(|(_, letter)| letter.is_whitespace() || !letter.is_alphanumeric());
        for (end, _) in ends {
            let part = &text[..end];
            let read = std::panic::catch_unwind(|| Script::parse(part, &Options { dialect, ..Options::default() }));
            assert!(read.is_ok(), "{dialect}: {part}");
        }
    }
}
