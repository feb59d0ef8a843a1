//! `wellspring explain`.

use std::io::{self, BufWriter, Write};

use clap::Args;

use super::{
    Outcome,
    paint::{Tone, paint},
    place::{Place, name_asset, wait_for},
    text::{day, write_json},
};
use crate::catalog::{ExplainStep, Explanation};

/// Explain a number: the way of a column back to the raw data, a step per statement
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Explain {
    /// A column: the asset's name in any form with the column behind it
    #[arg(value_name = "ASSET.COLUMN")]
    name: String,
    /// Print Markdown
    #[arg(long, conflicts_with = "json")]
    markdown: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

const EXAMPLES: &str = "Examples:
  wellspring explain reporting.churn_monthly.churn_rate
  wellspring explain --markdown marts.revenue.mrr > mrr.md

Exit codes: 0 explained · 1 no such column · 2 failure";

impl Explain {
    pub(super) fn run(self) -> anyhow::Result<Outcome> {
        let answer = wait_for(async {
            let view = self.place.view().await?;
            let Some((asset, column)) = name_asset(&view, &self.name).await? else { return Ok(None) };
            let Some(column) = column else {
                eprintln!("`{}` is an asset: name one of its columns, as in `{}.COLUMN`", asset.name, self.name);
                return Ok(None);
            };
            Ok(Some(view.explain(&asset.namespace, &asset.name, &column).await?))
        })?;
        let Some(answer) = answer else { return Ok(Outcome::Nothing) };
        let mut out = BufWriter::new(io::stdout().lock());
        if self.json {
            write_json(&mut out, &answer)?;
        } else if self.markdown {
            out.write_all(answer.to_markdown().as_bytes())?;
        } else {
            show(&mut out, &answer)?;
        }
        out.flush()?;
        Ok(Outcome::Done)
    }
}

fn show(out: &mut impl Write, answer: &Explanation) -> io::Result<()> {
    let name = format!("{}.{}", answer.asset.name, answer.column);
    writeln!(out, "{}", paint(Tone::Strong, name))?;
    if let Some(description) = &answer.description {
        writeln!(out, "{}", description.text.trim())?;
    }
    let counted = |number: u64, noun: &str| if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") };
    let counts = format!(
        "{}, {}, {}; rows are decided by {} and {}",
        counted(answer.told() as u64, "step"),
        counted(answer.assets, "asset"),
        counted(answer.roots.len() as u64, "end"),
        counted(answer.filters, "filter"),
        counted(answer.joins, "join")
    );
    writeln!(out, "{}", paint(Tone::Faint, counts))?;
    for one in &answer.changes {
        let line = format!("step {} changed {} by {}: {}", one.step, day(one.change.time), one.change.author, one.what.join(" "));
        writeln!(out, "{}", paint(if one.touches { Tone::Warn } else { Tone::Faint }, line))?;
    }
    if answer.told() > 1 && !answer.in_short.is_empty() {
        writeln!(out, "{}", answer.in_short)?;
    }
    for step in answer.steps.iter().filter(|step| step.same_as.is_none()) {
        show_step(out, step)?;
        let same: Vec<&str> = answer.repeated(step).map(|step| step.column.asset.name.as_str()).collect();
        if !same.is_empty() {
            writeln!(out, "     {}", paint(Tone::Faint, format!("the same in {}", same.join(", "))))?;
        }
    }
    if answer.cut {
        writeln!(out, "\n{}", paint(Tone::Warn, "Cut off: the story goes on."))?;
    }
    Ok(())
}

fn show_step(out: &mut impl Write, step: &ExplainStep) -> io::Result<()> {
    let name = format!("{}.{}", step.column.asset.name, step.column.column);
    let users: Vec<String> = step.used_by.iter().map(ToString::to_string).collect();
    let used = if users.is_empty() { String::new() } else { format!("for {}", users.join(", ")) };
    writeln!(out, "\n{:>3}. {}  {}", step.number, paint(Tone::Name, name), paint(Tone::Faint, used))?;
    writeln!(out, "     {}", step.sentence)?;
    if !step.passes_through.is_empty() {
        let through: Vec<&str> = step.passes_through.iter().map(|column| column.asset.name.as_str()).collect();
        writeln!(out, "     {}", paint(Tone::Faint, format!("copied unchanged through {}", through.join(", "))))?;
    }
    for rule in &step.rules {
        writeln!(out, "     {} {}", paint(Tone::Faint, format!("{:>8}", rule.label())), rule.text)?;
    }
    for (at, branch) in step.branches.iter().chain(&step.others).enumerate() {
        let what = if at < step.branches.len() { "query" } else { "also written" };
        writeln!(out, "     {} {}", paint(Tone::Faint, format!("{what} {}:", at + 1)), branch.sentence)?;
        for rule in &branch.rules {
            writeln!(out, "       {} {}", paint(Tone::Faint, format!("{:>8}", rule.label())), rule.text)?;
        }
    }
    if let Some(place) = &step.place {
        let changed = step.last_change.as_ref().map(|change| format!(", last changed {} by {}", day(change.time), change.author));
        writeln!(out, "     {}", paint(Tone::Faint, format!("{}{}", place.label(), changed.unwrap_or_default())))?;
    }
    Ok(())
}
