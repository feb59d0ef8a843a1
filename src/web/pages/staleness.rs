//! `/staleness`: what nobody asks for any more, with the evidence and what is missing of it.

use askama::Template;
use axum::response::Response;

use crate::{
    catalog::{Ledger, LedgerEntry, StalenessRules, Verdict},
    web::{
        csv,
        error::PageError,
        extract::{Chrome, Query, Visit},
        filters, urls,
    },
};

/// Rows that the page shows; the CSV has all.
const ROWS_AT_ONCE: usize = 300;

#[derive(Template)]
#[template(path = "pages/staleness.html")]
struct StalenessPage<'a> {
    chrome: Chrome,
    ledger: &'a Ledger,
    verdict: Option<Verdict>,
    shown: Vec<&'a LedgerEntry>,
    /// Rows of this verdict in all.
    all: usize,
}

impl StalenessPage<'_> {
    /// The page for another verdict.
    fn link(&self, verdict: &Verdict) -> String {
        address("/staleness", self.ledger, Some(*verdict))
    }

    /// Whether only this verdict is shown.
    fn is_chosen(&self, verdict: &Verdict) -> bool {
        self.verdict == Some(*verdict)
    }

    /// The page for all verdicts.
    fn everything(&self) -> String {
        address("/staleness", self.ledger, None)
    }

    fn csv(&self) -> String {
        address("/staleness.csv", self.ledger, self.verdict)
    }

    /// How a verdict is coloured.
    fn tone(&self, verdict: &Verdict) -> &'static str {
        match verdict {
            Verdict::InUse => "good",
            Verdict::Unknown => "",
            Verdict::DeprecatedButUsed | Verdict::OnlyRefreshed => "warn",
            Verdict::Orphaned | Verdict::Unused => "bad",
        }
    }

    /// How much writing it costs, in words; "" where the log does not say.
    fn cost(&self, entry: &LedgerEntry) -> String {
        let bytes = match entry.write_bytes {
            0 => String::new(),
            bytes if bytes >= 1 << 40 => format!("{:.1} TB", bytes as f64 / (1u64 << 40) as f64),
            bytes if bytes >= 1 << 30 => format!("{:.1} GB", bytes as f64 / (1u64 << 30) as f64),
            bytes => format!("{} MB", bytes.div_ceil(1 << 20)),
        };
        let time = match entry.write_ms / 1_000 {
            0 => String::new(),
            seconds if seconds >= 7_200 => format!("{} h", seconds / 3_600),
            seconds if seconds >= 120 => format!("{} min", seconds / 60),
            seconds => format!("{seconds} s"),
        };
        [bytes, time].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
    }
}

fn address(path: &str, ledger: &Ledger, verdict: Option<Verdict>) -> String {
    let normal = StalenessRules::default();
    let pairs = [
        verdict.map(|verdict| ("verdict", verdict.word().to_owned())),
        (ledger.days != normal.days).then(|| ("days", ledger.days.to_string())),
        (ledger.required != normal.coverage).then(|| ("coverage", ledger.required.to_string())),
    ];
    urls::with_query(path, pairs.into_iter().flatten())
}

/// What is asked for: `days`, and the percentage of them that must be covered.
///
/// # Errors
/// [`PageError::BadRequest`] where either is no such number.
pub(crate) fn read_rules(query: &Query) -> Result<StalenessRules, PageError> {
    let normal = StalenessRules::default();
    Ok(StalenessRules {
        days: query.number("days", normal.days, 1..=3_650)?,
        coverage: query.number("coverage", normal.coverage, 0..=100)?,
    })
}

/// Shows the ledger.
pub(crate) async fn show_staleness(visit: Visit) -> Result<Response, PageError> {
    let ledger = visit.view.ledger(read_rules(&visit.query)?).await?;
    let verdict = visit.query.filled("verdict").and_then(Verdict::from_word);
    let of_verdict = || ledger.entries.iter().filter(|entry| verdict.is_none_or(|verdict| entry.judged.verdict == verdict));
    let (shown, all) = (of_verdict().take(ROWS_AT_ONCE).collect(), of_verdict().count());
    visit.answer(&StalenessPage { chrome: visit.chrome.clone(), ledger: &ledger, verdict, shown, all })
}

/// The whole ledger as CSV.
pub(crate) async fn download_staleness(visit: Visit) -> Result<Response, PageError> {
    let ledger = visit.view.ledger(read_rules(&visit.query)?).await?;
    let verdict = visit.query.filled("verdict").and_then(Verdict::from_word);
    let head = [
        "verdict",
        "namespace",
        "asset",
        "owners",
        "last_person",
        "last_schedule",
        "last_write",
        "people",
        "readers",
        "writes",
        "write_bytes",
        "write_ms",
        "reasons",
        "missing",
    ];
    let entries = ledger.entries.into_iter().filter(move |entry| verdict.is_none_or(|verdict| entry.judged.verdict == verdict));
    Ok(csv::attachment("staleness.csv", &head, entries.map(csv_row)))
}

fn csv_row(entry: LedgerEntry) -> Vec<String> {
    let time = |at: Option<i64>| at.map(|at| at.to_string()).unwrap_or_default();
    vec![
        entry.judged.verdict.word().to_owned(),
        entry.asset.namespace,
        entry.asset.name,
        entry.owners.join(" "),
        time(entry.last_human),
        time(entry.last_scheduled),
        time(entry.last_write),
        entry.people.to_string(),
        entry.readers.to_string(),
        entry.writes.to_string(),
        entry.write_bytes.to_string(),
        entry.write_ms.to_string(),
        entry.judged.reasons.join("; "),
        entry.judged.missing.join("; "),
    ]
}
