//! `wellspring lineage`: the lineage of SQL files, or of JSON lines on stdin.

use std::{
    fs,
    io::{self, BufRead, BufWriter, Read, Write},
    path::{Path, PathBuf},
    sync::mpsc::{Receiver, sync_channel},
    thread,
};

use anyhow::Context;
use clap::Args;
use rayon::prelude::*;

use super::{
    Outcome,
    paint::{Tone, paint},
};
use crate::catalog::{TextCase, TextLineage, TextStatement, read_text};

/// Lineage of SQL that is in no catalog: files, or JSON lines
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Lineage {
    /// SQL files; `-` for stdin
    #[arg(value_name = "FILE", required_unless_present = "jsonl", conflicts_with = "jsonl")]
    files: Vec<PathBuf>,
    /// The dialect that the files are written in
    #[arg(long, default_value = "generic", value_name = "NAME", value_parser = known_dialect)]
    dialect: String,
    /// Read cases as JSON lines from stdin and answer with a JSON line each
    #[arg(long)]
    jsonl: bool,
    /// Print one JSON object per file
    #[arg(long, conflicts_with = "jsonl")]
    json: bool,
}

const EXAMPLES: &str = r#"Examples:
  wellspring lineage --dialect snowflake models/orders.sql
  echo '{"id":"1","dialect":"bigquery","sql":"select a.x from ds.a"}' | wellspring lineage --jsonl

One case per line with --jsonl:
  {"id": "…", "dialect": "bigquery", "sql": "…", "schema": {"db.table": ["col", …]},
   "default_db": null, "default_schema": null}
and one answer per line, in the same order:
  {"id": "…", "statements": [{"sources": ["t"], "targets": ["t"],
    "columns": [[source table, source column, target table, target column, kind]],
    "rows": [[source table, source column, kind]],
    "drops": [], "replaces": [], "renames": [["old", "new"]]}],
   "diagnostics": [{"code": "…", "message": "…", "line": 1}], "error": null, "ms": 0.1}
Column kinds are IDENTITY, TRANSFORMATION, AGGREGATION, CONDITIONAL and WINDOW; row kinds are
FILTER, JOIN, GROUP_BY and SORT. A table is "" where it cannot be known and for the result of a
bare SELECT; a column is "*" where a star cannot be expanded. A case never changes the exit code."#;

/// Lines that are worked on together; more would only take memory.
const LINES_TOGETHER: usize = 512;
/// Bytes that are worked on together.
const BYTES_TOGETHER: usize = 8 << 20;

impl Lineage {
    pub(super) fn run(self) -> anyhow::Result<Outcome> {
        if self.jsonl { answer_lines() } else { self.show_files() }
    }

    fn show_files(&self) -> anyhow::Result<Outcome> {
        let mut out = BufWriter::new(io::stdout().lock());
        let mut found = false;
        for file in &self.files {
            let case = TextCase {
                id: file.to_string_lossy().into(),
                dialect: Some(self.dialect.clone()),
                sql: read_sql(file)?,
                ..TextCase::default()
            };
            let answer = read_text(&case);
            found |= answer.statements.iter().any(|statement| !statement.sources.is_empty() || !statement.targets.is_empty());
            if self.json {
                serde_json::to_writer(&mut out, &answer)?;
                writeln!(out)?;
            } else {
                show_answer(&mut out, file, &answer)?;
            }
        }
        out.flush()?;
        Ok(if found { Outcome::Done } else { Outcome::Nothing })
    }
}

fn known_dialect(word: &str) -> Result<String, String> {
    word.parse::<crate::model::Dialect>().map(|dialect| dialect.name().to_owned()).map_err(|unknown| unknown.to_string())
}

fn read_sql(file: &Path) -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    if file == Path::new("-") {
        io::stdin().lock().read_to_end(&mut bytes).context("stdin")?;
    } else {
        bytes = fs::read(file).with_context(|| format!("{}", file.display()))?;
    }
    Ok(String::from_utf8_lossy(&bytes).trim_start_matches('\u{feff}').to_owned())
}

/// Answers JSON lines as they come: a thread reads, all cores analyse what has come together.
fn answer_lines() -> anyhow::Result<Outcome> {
    let (sender, lines) = sync_channel::<io::Result<Vec<u8>>>(2 * LINES_TOGETHER);
    let reader = thread::spawn(move || {
        let mut input = io::stdin().lock();
        loop {
            let mut line = Vec::new();
            let read = input.read_until(b'\n', &mut line);
            let more = match read {
                Ok(0) => return,
                Ok(_) => sender.send(Ok(line)).is_ok(),
                Err(cause) => {
                    // The receiver may be gone already: then nobody wants to know.
                    sender.send(Err(cause)).ok();
                    false
                }
            };
            if !more {
                return;
            }
        }
    });
    let mut out = BufWriter::new(io::stdout().lock());
    while let Some(batch) = next_batch(&lines)? {
        let answers: Vec<Vec<u8>> = batch.par_iter().filter_map(|line| answer_line(line)).collect();
        for answer in answers {
            out.write_all(&answer)?;
        }
        out.flush()?;
    }
    if reader.join().is_err() {
        anyhow::bail!("reading stdin broke off");
    }
    Ok(Outcome::Done)
}

/// Waits for one line, then takes those that have come as well; `None` at the end.
fn next_batch(lines: &Receiver<io::Result<Vec<u8>>>) -> anyhow::Result<Option<Vec<Vec<u8>>>> {
    let Ok(first) = lines.recv() else { return Ok(None) };
    let mut batch = vec![first.context("stdin")?];
    let mut bytes = batch[0].len();
    while batch.len() < LINES_TOGETHER && bytes < BYTES_TOGETHER {
        let Ok(line) = lines.try_recv() else { break };
        let line = line.context("stdin")?;
        bytes += line.len();
        batch.push(line);
    }
    Ok(Some(batch))
}

/// The answer to one line, with its line end; `None` for a blank line.
fn answer_line(line: &[u8]) -> Option<Vec<u8>> {
    if line.iter().all(u8::is_ascii_whitespace) {
        return None;
    }
    let answer = match serde_json::from_slice::<TextCase>(line) {
        Ok(case) => read_text(&case),
        Err(cause) => TextLineage::failed(id_of(line), format!("not a case: {cause}")),
    };
    let mut bytes = serde_json::to_vec(&answer).ok()?;
    bytes.push(b'\n');
    Some(bytes)
}

/// The id of a line that is no case, where it has one.
fn id_of(line: &[u8]) -> serde_json::Value {
    serde_json::from_slice::<serde_json::Value>(line).ok().and_then(|value| value.get("id").cloned()).unwrap_or_default()
}

fn show_answer(out: &mut impl Write, file: &Path, answer: &TextLineage) -> io::Result<()> {
    writeln!(out, "{}", paint(Tone::Strong, file.display()))?;
    if let Some(error) = &answer.error {
        writeln!(out, "  {} {error}", paint(Tone::Bad, "error"))?;
    }
    for (at, statement) in answer.statements.iter().enumerate() {
        show_statement(out, at + 1, statement)?;
    }
    for diagnostic in &answer.diagnostics {
        let place = format!("{}:{}", file.display(), diagnostic.line);
        writeln!(out, "  {} {} {}", paint(Tone::Warn, &diagnostic.code), diagnostic.message, paint(Tone::Faint, place))?;
    }
    Ok(())
}

fn show_statement(out: &mut impl Write, number: usize, statement: &TextStatement) -> io::Result<()> {
    let targets = if statement.targets.is_empty() { "result".to_owned() } else { statement.targets.join(", ") };
    let sources = if statement.sources.is_empty() { "nothing".to_owned() } else { statement.sources.join(", ") };
    let number = paint(Tone::Faint, format!("{number}."));
    writeln!(out, "{number} {} {} {sources}", paint(Tone::Name, targets), paint(Tone::Faint, "reads"))?;
    let to = |table: &str, column: &str| if table.is_empty() { column.to_owned() } else { format!("{table}.{column}") };
    let from = |table: &str, column: &str| if table.is_empty() { format!("?.{column}") } else { format!("{table}.{column}") };
    let lines: Vec<_> = statement.columns.iter().map(|(st, sc, tt, tc, kind)| (to(tt, tc), from(st, sc), *kind)).collect();
    let left = lines.iter().map(|line| line.0.chars().count()).max().unwrap_or(0);
    let right = lines.iter().map(|line| line.1.chars().count()).max().unwrap_or(0);
    for (target, source, kind) in &lines {
        writeln!(out, "   {target:left$} {} {source:right$} {}", paint(Tone::Faint, "<-"), paint(Tone::Faint, kind))?;
    }
    for (table, column, kind) in &statement.rows {
        writeln!(out, "   {} {} {}", paint(Tone::Faint, "rows"), from(table, column), paint(Tone::Faint, kind))?;
    }
    for dropped in &statement.drops {
        writeln!(out, "   drops {dropped}")?;
    }
    for (old, new) in &statement.renames {
        writeln!(out, "   renames {old} to {new}")?;
    }
    Ok(())
}
