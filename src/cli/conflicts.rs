//! `wellspring conflicts`.

use std::io::{self, BufWriter, Write};

use clap::Args;

use super::{
    Outcome,
    paint::{Tone, paint},
    place::{Place, wait_for},
    text::{grouped, write_json},
};
use crate::catalog::{ConflictAnswer, ConflictBoard, ConflictVerdict};

/// Metrics that share a name and not a meaning, or a meaning and not a name
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Conflicts {
    /// One of them, by its id; left out, all
    #[arg(value_name = "ID")]
    id: Option<String>,
    /// Only this verdict: different, renamed, other-data, not-compared, rolls-up, unrelated, identical
    #[arg(long, value_name = "VERDICT", default_value = "different", value_parser = read_verdict)]
    verdict: ConflictVerdict,
    /// Groups to show
    #[arg(long, default_value_t = 50, value_name = "N")]
    limit: usize,
    /// Print JSON, of every verdict
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

const EXAMPLES: &str = "Examples:
  wellspring conflicts
  wellspring conflicts churn_rate
  wellspring conflicts --verdict renamed
  wellspring conflicts --json > conflicts.json

Exit codes: 0 nothing conflicts · 1 something does · 2 failure";

fn read_verdict(word: &str) -> Result<ConflictVerdict, String> {
    let known: Vec<&str> = ConflictVerdict::ALL.into_iter().map(ConflictVerdict::word).collect();
    ConflictVerdict::from_word(word).ok_or_else(|| format!("one of {}", known.join(", ")))
}

impl Conflicts {
    pub(super) fn run(self) -> anyhow::Result<Outcome> {
        let mut out = BufWriter::new(io::stdout().lock());
        if let Some(id) = &self.id {
            let answer = wait_for(async { Ok(self.place.view().await?.conflict(id).await?) })?;
            match self.json {
                true => write_json(&mut out, &answer)?,
                false => show_one(&mut out, &answer)?,
            }
            out.flush()?;
            return Ok(if answer.summary.verdict == ConflictVerdict::Different { Outcome::Nothing } else { Outcome::Done });
        }
        let board = wait_for(async { Ok(self.place.view().await?.conflicts().await?) })?;
        match self.json {
            true => write_json(&mut out, &board)?,
            false => self.show(&mut out, &board)?,
        }
        out.flush()?;
        let conflicts = board.groups.iter().any(|group| group.verdict == ConflictVerdict::Different);
        Ok(if conflicts { Outcome::Nothing } else { Outcome::Done })
    }

    fn show(&self, out: &mut impl Write, board: &ConflictBoard) -> io::Result<()> {
        let fitting: Vec<_> = board.groups.iter().filter(|group| group.verdict == self.verdict).collect();
        for group in fitting.iter().take(self.limit) {
            let facets: Vec<&str> = group.facets.iter().map(|facet| facet.word()).collect();
            let counts = format!("{} ways, {} calculations", group.ways, group.calculations);
            let state = match (group.settled, group.intended.is_some()) {
                (true, _) => ", settled",
                (false, true) => ", meant to differ",
                (false, false) => "",
            };
            writeln!(
                out,
                "{}  {}  {}",
                paint(Tone::Name, &group.id),
                paint(Tone::Faint, format!("{counts}{state}")),
                paint(Tone::Warn, facets.join(", "))
            )?;
            if let Some((about, sentence)) = &group.first {
                writeln!(out, "  {} {sentence}", paint(Tone::Strong, about))?;
            }
        }
        if fitting.len() > self.limit {
            writeln!(out, "{}", paint(Tone::Faint, format!("{} more", grouped((fitting.len() - self.limit) as u64))))?;
        }
        let counts = board.counts.iter().map(|(verdict, count)| format!("{} {}", grouped(*count), verdict.label()));
        writeln!(out, "{}", counts.collect::<Vec<_>>().join(" · "))?;
        let (all, without) = (grouped(board.calculations), grouped(board.without_form));
        writeln!(out, "{}", paint(Tone::Faint, format!("{all} calculations, {without} without a normal form")))
    }
}

fn show_one(out: &mut impl Write, answer: &ConflictAnswer) -> io::Result<()> {
    writeln!(out, "{}  {}", paint(Tone::Name, &answer.summary.name), answer.summary.verdict.label())?;
    if !answer.reasons.is_empty() {
        writeln!(
            out,
            "{}",
            paint(Tone::Faint, format!("suggested: {}; {}", answer.summary.suggested.name, answer.reasons.join("; ")))
        )?;
    }
    for (at, class) in answer.classes.iter().enumerate() {
        let title = if at == 0 { "suggested" } else { class.verdict.label() };
        writeln!(out, "\n{}", paint(Tone::Strong, format!("{}. {title}", at + 1)))?;
        for said in &class.differences {
            writeln!(out, "  {}  {}", paint(Tone::Warn, said.facet.word()), said.sentence)?;
        }
        for member in class.variants.iter().flatten() {
            let owners = if member.owners.is_empty() { "no owner".to_owned() } else { member.owners.join(", ") };
            writeln!(out, "  {}  {}", paint(Tone::Name, member.called()), paint(Tone::Faint, owners))?;
            if !member.expression.is_empty() {
                writeln!(out, "    {}", member.expression)?;
            }
        }
        if class.unlisted > 0 {
            writeln!(out, "  {}", paint(Tone::Faint, format!("and {} more", class.unlisted)))?;
        }
    }
    Ok(())
}
