//! `wellspring findings`.

use std::io::{self, BufWriter, Write};

use anyhow::bail;
use clap::Args;

use super::{
    Outcome,
    paint::{Tone, paint},
    place::{Place, wait_for},
    text::{day, write_json},
};
use crate::{
    catalog::{Finding, FindingCode, FindingQuery},
    model::Severity,
};

/// What needs a decision: conflicting metrics, deprecated things in use, stale dashboards, broken references, …
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Findings {
    /// Only this code; may be given several times
    #[arg(long, value_name = "CODE")]
    code: Vec<String>,
    /// Only what this owner owns
    #[arg(long, value_name = "NAME")]
    owner: Option<String>,
    /// Snoozed ones too
    #[arg(long)]
    snoozed: bool,
    /// Exit with 1 where there is one of at least this severity (error, warning, info), or of this code; may be given
    /// several times
    #[arg(long, value_name = "SEVERITY|CODE")]
    fail_on: Vec<String>,
    /// Findings to show
    #[arg(long, default_value_t = 100, value_name = "N")]
    limit: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

const EXAMPLES: &str = "Examples:
  wellspring findings
  wellspring findings --code metric-conflict --json
  wellspring findings --fail-on error                  # in CI
  wellspring findings --fail-on broken-reference --fail-on drifted-schema

Exit codes: 0 nothing that --fail-on names · 1 something · 2 failure";

impl Findings {
    pub(super) fn run(self) -> anyhow::Result<Outcome> {
        let codes = self.code.iter().map(|word| read_code(word)).collect::<anyhow::Result<Vec<_>>>()?;
        let limits = self.fail_on.iter().map(|word| Limit::read(word)).collect::<anyhow::Result<Vec<_>>>()?;
        let mut findings = wait_for(async { Ok(self.place.view().await?.findings().await?) })?;
        let asked = FindingQuery { codes, owner: self.owner.unwrap_or_default(), snoozed: self.snoozed };
        findings.retain(|finding| asked.fits(finding));
        let mut out = BufWriter::new(io::stdout().lock());
        match self.json {
            true => write_json(&mut out, &findings)?,
            false => show(&mut out, &findings, self.limit)?,
        }
        out.flush()?;
        let heard = findings.iter().filter(|finding| finding.snoozed.is_none());
        let fails = heard.clone().any(|finding| limits.iter().any(|limit| limit.is_met(finding)));
        Ok(if fails { Outcome::Nothing } else { Outcome::Done })
    }
}

/// What a build fails on.
enum Limit {
    Severity(Severity),
    Code(FindingCode),
}

impl Limit {
    fn read(word: &str) -> anyhow::Result<Limit> {
        match Severity::from_word(word) {
            Some(severity) => Ok(Limit::Severity(severity)),
            None => read_code(word).map(Limit::Code),
        }
    }

    fn is_met(&self, finding: &Finding) -> bool {
        match self {
            Limit::Severity(severity) => finding.severity <= *severity,
            Limit::Code(code) => finding.code == *code,
        }
    }
}

fn read_code(word: &str) -> anyhow::Result<FindingCode> {
    let Some(code) = FindingCode::from_word(word) else {
        let known: Vec<&str> = FindingCode::ALL.into_iter().map(FindingCode::word).collect();
        bail!("`{word}` is no code of findings; there are {}", known.join(", "));
    };
    Ok(code)
}

fn show(out: &mut impl Write, findings: &[Finding], limit: usize) -> io::Result<()> {
    for finding in findings.iter().take(limit) {
        let tone = match finding.severity {
            Severity::Error | Severity::Warning => Tone::Warn,
            Severity::Info => Tone::Faint,
        };
        let about = finding.asset.as_ref().map(|asset| asset.name.as_str()).or(finding.metric.as_deref()).unwrap_or("");
        writeln!(out, "{}  {}  {}", paint(tone, finding.code.word()), paint(Tone::Name, about), finding.sentence)?;
        let mut facts = vec![format!("since {}", day(finding.first_seen))];
        facts.extend(finding.evidence.iter().take(3).cloned());
        writeln!(out, "  {}", paint(Tone::Faint, facts.join(" · ")))?;
    }
    if findings.len() > limit {
        writeln!(out, "{}", paint(Tone::Faint, format!("{} more", findings.len() - limit)))?;
    }
    writeln!(out, "{} findings", findings.len())
}
