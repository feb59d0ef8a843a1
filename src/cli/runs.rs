//! `wellspring runs` and `wellspring diagnostics`.

use std::io::{self, BufWriter, Write};

use clap::Args;

use super::{
    Outcome,
    paint::{Tone, paint},
    place::{Place, wait_for},
    text::{Table, grouped, moment, write_json},
};
use crate::{
    catalog::{CatalogError, CodeAnswer, DiagnosticCount, RunSummary},
    model::Severity,
};

/// List crawl runs, newest first
#[derive(Debug, Args)]
#[command(after_help = RUNS_EXAMPLES)]
pub(super) struct Runs {
    /// Runs to list
    #[arg(long, default_value_t = 20, value_name = "N")]
    limit: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

const RUNS_EXAMPLES: &str = "Examples:
  wellspring runs
  wellspring runs --json --limit 1

Exit codes: 0 listed · 1 there are none · 2 failure";

impl Runs {
    pub(super) fn run(self) -> anyhow::Result<Outcome> {
        let runs = wait_for(async { Ok(self.place.view().await?.runs(self.limit).await?) })?;
        let mut out = BufWriter::new(io::stdout().lock());
        if self.json {
            write_json(&mut out, &runs)?;
        } else {
            for run in &runs {
                show_run(&mut out, run)?;
            }
        }
        out.flush()?;
        Ok(if runs.is_empty() { Outcome::Nothing } else { Outcome::Done })
    }
}

fn show_run(out: &mut impl Write, run: &RunSummary) -> io::Result<()> {
    let tone = match run.state.as_str() {
        "published" => Tone::Name,
        "writing" => Tone::Faint,
        _ => Tone::Bad,
    };
    let number = paint(Tone::Strong, format!("run {}", run.run));
    writeln!(out, "{number}  {}  {}", paint(tone, &run.state), paint(Tone::Faint, moment(run.started)))?;
    if let Some(error) = &run.error {
        writeln!(out, "  {error}")?;
    }
    let mut table = Table::default();
    for source in &run.sources {
        let commit = source.commit.as_deref().map(|commit| commit.chars().take(10).collect()).unwrap_or_default();
        table.add(vec![(Tone::Name, source.source.clone()), (Tone::Faint, commit), (Tone::Faint, source.outcome.clone())]);
    }
    table.write(out, "  ")?;
    let counts: Vec<String> =
        run.counts.iter().map(|(word, count)| format!("{} {}", grouped(*count), word.replace('_', " "))).collect();
    writeln!(out, "  {}", paint(Tone::Faint, counts.join(" · ")))
}

/// Show what the newest run could not read or know
#[derive(Debug, Args)]
#[command(after_help = DIAGNOSTICS_EXAMPLES)]
pub(super) struct Diagnostics {
    /// A code: its meaning and every place
    #[arg(value_name = "CODE")]
    code: Option<String>,
    /// Places to list
    #[arg(long, default_value_t = 200, value_name = "N")]
    limit: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

const DIAGNOSTICS_EXAMPLES: &str = "Examples:
  wellspring diagnostics
  wellspring diagnostics syntax-error

Exit codes: 0 none · 1 there are some · 2 failure, or no such code";

impl Diagnostics {
    pub(super) fn run(self) -> anyhow::Result<Outcome> {
        let mut out = BufWriter::new(io::stdout().lock());
        let found = match &self.code {
            Some(code) => {
                let answer = wait_for(async {
                    let view = self.place.view().await?;
                    match view.diagnostics_of(code, 0, self.limit).await {
                        Err(CatalogError::NotFound { .. }) => anyhow::bail!("there is no code `{code}`"),
                        other => Ok(other?),
                    }
                })?;
                if self.json {
                    write_json(&mut out, &answer)?
                } else {
                    show_code(&mut out, &answer)?
                }
                answer.total
            }
            None => {
                let counts = wait_for(async { Ok(self.place.view().await?.diagnostic_counts().await?) })?;
                if self.json {
                    write_json(&mut out, &counts)?
                } else {
                    show_counts(&mut out, &counts)?
                }
                counts.iter().map(|entry| entry.count).sum()
            }
        };
        out.flush()?;
        Ok(if found > 0 { Outcome::Nothing } else { Outcome::Done })
    }
}

fn show_counts(out: &mut impl Write, counts: &[DiagnosticCount]) -> io::Result<()> {
    let mut table = Table::default();
    for entry in counts {
        table.add(vec![
            (severity_tone(entry.severity), entry.severity.word().to_owned()),
            (Tone::Name, entry.code.clone()),
            (Tone::Strong, grouped(entry.count)),
            (Tone::Faint, entry.title.clone()),
        ]);
    }
    table.write(out, "")?;
    if counts.is_empty() {
        writeln!(out, "Everything was read and understood.")?;
    }
    Ok(())
}

fn show_code(out: &mut impl Write, answer: &CodeAnswer) -> io::Result<()> {
    writeln!(out, "{}  {}", paint(Tone::Strong, &answer.code), answer.title)?;
    writeln!(out, "{}", answer.cause)?;
    writeln!(out, "What to do: {}\n", answer.remedy)?;
    let mut table = Table::default();
    for occurrence in &answer.occurrences {
        table.add(vec![(Tone::Name, occurrence.place.label()), (Tone::Faint, occurrence.message.clone())]);
    }
    table.write(out, "")?;
    if answer.total > answer.occurrences.len() as u64 {
        writeln!(out, "{}", paint(Tone::Faint, format!("{} more", grouped(answer.total - answer.occurrences.len() as u64))))?;
    }
    Ok(())
}

fn severity_tone(severity: Severity) -> Tone {
    match severity {
        Severity::Error => Tone::Bad,
        Severity::Warning => Tone::Warn,
        Severity::Info => Tone::Faint,
    }
}
