//! `wellspring logs`: tries query logs out and says what is understood of them.

use std::{
    io::{self, Write},
    path::PathBuf,
};

use clap::Args;

use super::{
    Outcome,
    paint::{Tone, paint},
    place::wait_for,
    text::{Table, day, grouped, heading, write_json},
};
use crate::{
    config::{Config, LogConfig, default_service_accounts},
    crawl::{LogTrial, Silent, try_log},
    model::{Asker, Dialect, LogFormat},
};

/// Try query logs out: what is understood of them; nothing is stored
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Logs {
    /// Log files or folders: JSON, JSONL, CSV or Parquet, plain, gzip or zstd
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// The format [default: told from the content]
    #[arg(long, value_name = "NAME", value_parser = known_format)]
    format: Option<LogFormat>,
    /// The dialect of the SQL [default: the format's]
    #[arg(long, value_name = "NAME")]
    dialect: Option<Dialect>,
    /// A column of a log of no vendor: `query=sql_text`, `timestamp=ran_at`, …
    #[arg(long = "column", value_name = "FIELD=COLUMN", value_parser = read_column)]
    columns: Vec<(String, String)>,
    /// Print one JSON object a file
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "Examples:
  wellspring logs jobs-2026-11.json.gz
  wellspring logs /var/log/postgresql/
  wellspring logs --column query=sql_text --column timestamp=ran_at audit.csv

To keep what a log says, name it in wellspring.toml:
  [[log]]
  name = \"jobs\"
  path = \"exports/jobs\"        # a file, or a folder that files are added to

Formats: bigquery-jobs bigquery-audit snowflake snowflake-access redshift postgres-csv postgres-json
postgres-statements databricks trino clickhouse generic

Exit codes: 0 everything was read · 1 something was not · 2 failure";

/// Names of days and people that are shown.
const NAMED: usize = 10;
/// Longest part of a query that is shown, in characters.
const WIDTH: usize = 110;

impl Logs {
    pub(super) fn run(self) -> anyhow::Result<Outcome> {
        let mut out = io::stdout().lock();
        let mut complete = true;
        for file in &self.files {
            let log = LogConfig {
                name: "log".to_owned(),
                path: file.clone(),
                format: self.format,
                dialect: self.dialect,
                service_accounts: default_service_accounts(),
                columns: self.columns.iter().cloned().collect(),
                ..LogConfig::default()
            };
            let trial = wait_for(async { Ok(try_log(&Config::default(), &log, &Silent).await?) })?;
            complete &= trial.report.failed.is_empty() && !has_losses(&trial);
            match self.json {
                true => write_json(&mut out, &trial)?,
                false => say(&mut out, &trial)?,
            }
        }
        Ok(if complete { Outcome::Done } else { Outcome::Nothing })
    }
}

fn known_format(word: &str) -> Result<LogFormat, String> {
    let names = || LogFormat::ALL.map(LogFormat::word).join(", ");
    LogFormat::from_word(word).ok_or_else(|| format!("the formats are {}", names()))
}

fn read_column(text: &str) -> Result<(String, String), String> {
    let parts = text.split_once('=').ok_or("write FIELD=COLUMN")?;
    Ok((parts.0.to_owned(), parts.1.to_owned()))
}

fn has_losses(trial: &LogTrial) -> bool {
    trial.report.files.iter().flat_map(|file| file.skipped.keys()).any(|skip| skip.is_loss())
}

fn say(out: &mut impl Write, trial: &LogTrial) -> io::Result<()> {
    for file in &trial.report.files {
        let format = file.format.map_or("", LogFormat::word);
        let bytes = grouped(file.read_bytes);
        writeln!(out, "{}  {format}, {bytes} bytes, {} queries", paint(Tone::Name, &file.path), grouped(file.entries))?;
        for (why, skipped) in &file.skipped {
            let lines: Vec<String> = skipped.lines.iter().map(u64::to_string).collect();
            let tone = if why.is_loss() { Tone::Warn } else { Tone::Faint };
            let more = if (skipped.lines.len() as u64) < skipped.count { ", …" } else { "" };
            let text = format!("{} {}: line {}{more}", grouped(skipped.count), why.meaning(), lines.join(", "));
            writeln!(out, "  {}", paint(tone, text))?;
        }
    }
    for (file, why) in &trial.report.failed {
        writeln!(out, "{}  {}", paint(Tone::Bad, file), why)?;
    }
    if trial.native_edges > 0 {
        writeln!(out, "{} edges that the warehouse itself states", grouped(trial.native_edges))?;
    }
    let (Some(first), Some(last)) = (trial.days.keys().next(), trial.days.keys().next_back()) else { return Ok(()) };
    let errors: u64 = trial.days.values().map(|(_, errors)| errors).sum();
    let all: u64 = trial.days.values().map(|(entries, _)| entries).sum();
    let (first, last) = (day(first * 86_400), day(last * 86_400));
    writeln!(
        out,
        "{} queries, {} failed, {first} to {last}, {} days with entries",
        grouped(all),
        grouped(errors),
        trial.days.len()
    )?;
    writeln!(
        out,
        "{} different queries, {} scripts of sessions, {} people",
        grouped(trial.shapes - trial.sessions),
        grouped(trial.sessions),
        grouped(trial.people)
    )?;
    heading(out, "Who asks")?;
    let mut table = Table::default();
    for (asker, runs) in trial.askers.iter().take(NAMED) {
        table.add(vec![(Tone::Name, grouped(*runs)), (Tone::Strong, say_asker(asker)), (Tone::Faint, kind_of(asker))]);
    }
    table.write(out, "  ")?;
    heading(out, "What is asked, without literals")?;
    let mut table = Table::default();
    for (text, runs, errors) in trial.queries.iter().take(NAMED) {
        let failed = if *errors > 0 { format!("{} failed", grouped(*errors)) } else { String::new() };
        let shown: String = text.replace('\n', " ").chars().take(WIDTH).collect();
        table.add(vec![(Tone::Name, grouped(*runs)), (Tone::Warn, failed), (Tone::Faint, shown)]);
    }
    table.write(out, "  ")
}

fn say_asker(asker: &Asker) -> String {
    let parts = [asker.person.clone(), asker.via.as_ref().map(|via| format!("via {via}"))];
    let told: Vec<String> = parts.into_iter().flatten().collect();
    if told.is_empty() { "somebody".to_owned() } else { told.join(" ") }
}

fn kind_of(asker: &Asker) -> String {
    let tool = [asker.tool.as_deref(), asker.object.as_deref()];
    let mut parts: Vec<&str> = tool.into_iter().flatten().collect();
    parts.push(if asker.scheduled { "scheduled" } else { "interactive" });
    parts.join(" · ")
}
