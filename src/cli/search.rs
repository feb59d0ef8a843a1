//! `wellspring search`.

use std::{
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use anyhow::Context;

use clap::Args;

use super::{
    Outcome,
    paint::{Tone, paint},
    place::{Place, wait_for},
    text::{grouped, kind_cell, write_json},
};
use crate::catalog::{Facet, FacetFilter, Hit, ImpliedMetric, QuestionRanks, Questions, SearchAnswer, SearchQuery};

/// Search assets, columns and what is said of them
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Search {
    /// Words, a name in any form, or filters as `owner:finance`
    #[arg(required_unless_present = "questions", value_name = "QUERY")]
    query: Vec<String>,
    /// Only this kind (table, view, column, …); may be given several times
    #[arg(long, value_name = "KIND")]
    kind: Vec<String>,
    /// Only what this owner owns
    #[arg(long, value_name = "NAME")]
    owner: Vec<String>,
    /// Hits to show
    #[arg(long, default_value_t = 20, value_name = "N")]
    limit: usize,
    /// Ask the questions of this TOML file instead, and say where the right answers stand
    #[arg(long, value_name = "FILE", conflicts_with = "query")]
    questions: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

const EXAMPLES: &str = "Examples:
  wellspring search churn
  wellspring search --kind column subscriber_id
  wellspring search --json 'owner:finance revenue'
  wellspring search --questions questions.toml

Exit codes: 0 something was found · 1 nothing was · 2 failure";

impl Search {
    pub(super) fn run(self) -> anyhow::Result<Outcome> {
        if let Some(file) = &self.questions {
            return self.rank(file);
        }
        let filter = |facet: Facet| move |value: &String| FacetFilter { facet, value: value.clone(), negated: false };
        let query = SearchQuery {
            text: self.query.join(" "),
            filters: self.kind.iter().map(filter(Facet::Kind)).chain(self.owner.iter().map(filter(Facet::Owner))).collect(),
            page: 0,
            per_page: self.limit.max(1),
        };
        let answer = wait_for(async { Ok(self.place.view().await?.search(&query).await?) })?;
        let mut out = BufWriter::new(io::stdout().lock());
        if self.json {
            write_json(&mut out, &answer)?;
        } else {
            show(&mut out, &answer)?;
        }
        out.flush()?;
        Ok(if answer.total == 0 { Outcome::Nothing } else { Outcome::Done })
    }

    fn rank(&self, file: &Path) -> anyhow::Result<Outcome> {
        let text = std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
        let questions = Questions::read(&text).with_context(|| format!("reading {}", file.display()))?;
        let answer = wait_for(async { Ok(self.place.view().await?.rank_questions(&questions).await?) })?;
        let mut out = BufWriter::new(io::stdout().lock());
        if self.json {
            write_json(&mut out, &answer)?;
        } else {
            show_ranks(&mut out, &answer)?;
        }
        out.flush()?;
        Ok(if answer.within(usize::MAX) == answer.ranks.len() { Outcome::Done } else { Outcome::Nothing })
    }
}

fn show_ranks(out: &mut impl Write, answer: &QuestionRanks) -> io::Result<()> {
    for one in &answer.ranks {
        let rank = one.rank.map_or_else(|| "–".to_owned(), |rank| rank.to_string());
        writeln!(out, "{rank:>3}  {}", paint(Tone::Strong, &one.ask))?;
        if one.rank != Some(1) {
            for name in &one.first {
                writeln!(out, "     {}", paint(Tone::Faint, name))?;
            }
        }
    }
    let (all, three) = (answer.ranks.len(), answer.within(3));
    let median = answer.median().map_or_else(|| "–".to_owned(), |rank| rank.to_string());
    let percent = if all == 0 { 0.0 } else { three as f64 * 100.0 / all as f64 };
    writeln!(out, "{all} questions: median rank {median}, {three} among the first three ({percent:.1} %)")
}

fn show(out: &mut impl Write, answer: &SearchAnswer) -> io::Result<()> {
    for metric in &answer.metrics {
        show_metric(out, metric)?;
    }
    if answer.relaxed && answer.total > 0 {
        writeln!(out, "{}", paint(Tone::Warn, "Nothing has all the words; these have some."))?;
    }
    for hit in &answer.hits {
        show_hit(out, hit)?;
    }
    if answer.total > answer.hits.len() as u64 {
        writeln!(out, "{}", paint(Tone::Faint, format!("{} more", grouped(answer.total - answer.hits.len() as u64))))?;
    }
    if answer.total == 0 {
        writeln!(out, "Nothing found.")?;
    }
    if !answer.did_you_mean.is_empty() {
        writeln!(out, "Did you mean {}?", answer.did_you_mean.join(", "))?;
    }
    Ok(())
}

fn show_metric(out: &mut impl Write, metric: &ImpliedMetric) -> io::Result<()> {
    let count = metric.definitions.len();
    let heading = if count == 1 { "calculated once".to_owned() } else { format!("calculated in {count} ways") };
    writeln!(out, "{} {}", paint(Tone::Strong, &metric.name), paint(Tone::Faint, heading))?;
    for definition in &metric.definitions {
        let owners = if definition.owners.is_empty() { "no owner".to_owned() } else { definition.owners.join(", ") };
        let name = format!("{}.{}", definition.asset.name, definition.column);
        writeln!(out, "  {}  {}", paint(Tone::Name, name), paint(Tone::Faint, owners))?;
        writeln!(out, "    {}", definition.expression)?;
    }
    writeln!(out)
}

fn show_hit(out: &mut impl Write, hit: &Hit) -> io::Result<()> {
    let name = match &hit.column {
        Some(column) => format!("{}.{column}", hit.asset.name),
        None => hit.asset.name.clone(),
    };
    let (tone, kind) = match hit.column {
        Some(_) => (Tone::Faint, "column".to_owned()),
        None => kind_cell(&hit.asset),
    };
    write!(out, "{}  {}", paint(Tone::Name, name), paint(tone, kind))?;
    if let Some(replacement) = &hit.replacement {
        write!(out, " → {}", replacement.asset.as_ref().map_or(&replacement.text, |asset| &asset.name))?;
    }
    writeln!(out)?;
    if !hit.summary.is_empty() {
        writeln!(out, "  {}", hit.summary)?;
    }
    let owners = if hit.owners.is_empty() { "no owner".to_owned() } else { hit.owners.join(", ") };
    writeln!(out, "  {}", paint(Tone::Faint, format!("{owners} · read by {} · {}", hit.readers, hit.why)))
}
