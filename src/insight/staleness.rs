//! Whether something is still used, from evidence alone.
//!
//! In: what is known of one asset. Out: a verdict with its reasons in words and what is missing to be
//! sure. Never says "unused" beyond what the logs cover.

use serde::{Deserialize, Serialize};

/// What is asked: over how many days, and how much of them must be covered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StalenessRules {
    /// Days that are looked back over, from the last one that the log covers.
    pub days: u32,
    /// How many percent of them the log must cover before something may be called unused.
    pub coverage: u32,
}

impl Default for StalenessRules {
    fn default() -> Self {
        StalenessRules { days: 90, coverage: 80 }
    }
}

/// What is known of one asset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UseEvidence {
    /// Days among those asked for that logs of its warehouse cover.
    pub covered_days: u32,
    /// The last day that they cover, days since 1970 UTC.
    pub last_day: Option<i64>,
    /// Whether these logs hold queries of people at all.
    pub has_people: bool,
    /// The last query of a person, seconds since 1970 UTC.
    pub last_human: Option<i64>,
    /// The last scheduled query that read it.
    pub last_scheduled: Option<i64>,
    /// The last statement that wrote it.
    pub last_write: Option<i64>,
    /// People who asked for it in the days asked for.
    pub people: u32,
    /// Assets that read it.
    pub readers: u32,
    /// Those among them, or behind them, that people ask for.
    pub used_readers: u32,
    /// It should no longer be used.
    pub deprecated: bool,
    /// What it reads that should no longer be used.
    pub deprecated_upstream: Vec<String>,
    /// It has an owner.
    pub owned: bool,
    /// Owners who asked nothing in the days asked for, though they did before.
    pub quiet_owners: Vec<String>,
}

/// Whether something is still used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, utoipa::ToSchema, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It should no longer be used, and is.
    DeprecatedButUsed,
    /// Schedules keep it fresh, and nobody asks for it.
    OnlyRefreshed,
    /// Nobody asks for it, nothing refreshes it, nobody owns it.
    Orphaned,
    /// Nobody asks for it and nothing refreshes it.
    Unused,
    /// The logs do not say enough.
    Unknown,
    /// People ask for it, or for what is made of it.
    InUse,
}

impl Verdict {
    /// Every verdict, what needs a decision first.
    pub const ALL: [Verdict; 6] =
        [Self::DeprecatedButUsed, Self::OnlyRefreshed, Self::Orphaned, Self::Unused, Self::Unknown, Self::InUse];

    /// The word used in addresses and output.
    pub fn word(self) -> &'static str {
        match self {
            Self::DeprecatedButUsed => "deprecated-but-used",
            Self::OnlyRefreshed => "only-refreshed",
            Self::Orphaned => "orphaned",
            Self::Unused => "unused",
            Self::Unknown => "unknown",
            Self::InUse => "in-use",
        }
    }

    /// The verdict that `word` names.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verdict| verdict.word() == word)
    }

    /// The verdict as people read it.
    pub fn label(self) -> &'static str {
        match self {
            Self::DeprecatedButUsed => "deprecated but used",
            Self::OnlyRefreshed => "only refreshed",
            Self::Orphaned => "orphaned",
            Self::Unused => "unused",
            Self::Unknown => "not known",
            Self::InUse => "in use",
        }
    }
}

/// A verdict with its reasons.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Judged {
    /// What it comes to.
    pub verdict: Verdict,
    /// Why, a sentence each.
    pub reasons: Vec<String>,
    /// What would have to be known to be surer.
    pub missing: Vec<String>,
}

/// Judges one asset.
pub fn judge_use(evidence: &UseEvidence, rules: StalenessRules) -> Judged {
    let from = evidence.last_day.map(|last| (last + 1 - i64::from(rules.days)) * 86_400);
    let within = |at: Option<i64>| from.zip(at).is_some_and(|(from, at)| at >= from);
    let (human, read, written) = (within(evidence.last_human), within(evidence.last_scheduled), within(evidence.last_write));
    let used = human || evidence.used_readers > 0;
    let enough = evidence.has_people && evidence.covered_days * 100 >= rules.days * rules.coverage;
    let verdict = match (used, enough) {
        (true, _) if evidence.deprecated => Verdict::DeprecatedButUsed,
        (true, _) => Verdict::InUse,
        (false, false) => Verdict::Unknown,
        (false, true) if read || written => Verdict::OnlyRefreshed,
        (false, true) if !evidence.owned => Verdict::Orphaned,
        (false, true) => Verdict::Unused,
    };
    Judged { verdict, reasons: give_reasons(evidence, human, read || written), missing: name_missing(evidence, rules, used) }
}

fn give_reasons(evidence: &UseEvidence, human: bool, refreshed: bool) -> Vec<String> {
    let mut reasons = Vec::new();
    match (human, evidence.people) {
        (true, 0) => reasons.push("somebody asked for it".to_owned()),
        (true, 1) => reasons.push("one person asked for it".to_owned()),
        (true, people) => reasons.push(format!("{people} people asked for it")),
        (false, _) if evidence.last_human.is_some() => reasons.push("nobody asked for it any more".to_owned()),
        (false, _) if evidence.covered_days > 0 => reasons.push("no query of a person for it was seen".to_owned()),
        (false, _) => {}
    }
    match (evidence.readers, evidence.used_readers) {
        (0, _) => reasons.push("nothing reads it".to_owned()),
        (readers, 0) => reasons.push(format!("what is made of it ({readers}) is not asked for either")),
        (_, used) => reasons.push(format!("people ask for {used} of what is made of it")),
    }
    if !human && refreshed {
        reasons.push(match evidence.last_write {
            Some(_) => "it is still written".to_owned(),
            None => "schedules still read it".to_owned(),
        });
    }
    if evidence.deprecated {
        reasons.push("it is deprecated".to_owned());
    }
    if let Some(first) = evidence.deprecated_upstream.first() {
        let more = evidence.deprecated_upstream.len() - 1;
        reasons.push(if more == 0 {
            format!("it reads {first}, which is deprecated")
        } else {
            format!("it reads {first} and {more} more that are deprecated")
        });
    }
    if !evidence.owned {
        reasons.push("it has no owner".to_owned());
    }
    reasons.extend(evidence.quiet_owners.iter().map(|owner| format!("its owner {owner} asked nothing in these days")));
    reasons
}

fn name_missing(evidence: &UseEvidence, rules: StalenessRules, used: bool) -> Vec<String> {
    let mut missing = Vec::new();
    if evidence.covered_days == 0 {
        missing.push("no log of its warehouse was read".to_owned());
        return missing;
    }
    if evidence.covered_days < rules.days && !used {
        missing.push(format!("the log covers {} of the {} days asked", evidence.covered_days, rules.days));
    }
    if !evidence.has_people {
        missing.push("the log holds no query of a person".to_owned());
    }
    missing
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAST: i64 = 20_000;

    fn days_ago(days: i64) -> Option<i64> {
        Some((LAST - days) * 86_400 + 3_600)
    }

    fn covered() -> UseEvidence {
        UseEvidence { covered_days: 90, last_day: Some(LAST), has_people: true, owned: true, ..UseEvidence::default() }
    }

    fn verdict(evidence: &UseEvidence) -> Verdict {
        judge_use(evidence, StalenessRules::default()).verdict
    }

    #[test]
    fn use_is_judged_by_what_people_ask_for() {
        assert_eq!(verdict(&covered()), Verdict::Unused);
        assert_eq!(verdict(&UseEvidence { owned: false, ..covered() }), Verdict::Orphaned);
        assert_eq!(verdict(&UseEvidence { last_write: days_ago(1), ..covered() }), Verdict::OnlyRefreshed);
        assert_eq!(
            verdict(&UseEvidence { last_write: days_ago(1), last_human: days_ago(89), people: 1, ..covered() }),
            Verdict::InUse
        );
        assert_eq!(verdict(&UseEvidence { last_human: days_ago(90), ..covered() }), Verdict::Unused);
        assert_eq!(verdict(&UseEvidence { readers: 2, used_readers: 1, ..covered() }), Verdict::InUse);
        assert_eq!(verdict(&UseEvidence { deprecated: true, last_human: days_ago(3), ..covered() }), Verdict::DeprecatedButUsed);
        assert_eq!(verdict(&UseEvidence { deprecated: true, ..covered() }), Verdict::Unused);
    }

    #[test]
    fn nothing_is_called_unused_beyond_what_the_log_covers() {
        let little = UseEvidence { covered_days: 31, ..covered() };
        let judged = judge_use(&little, StalenessRules::default());
        assert_eq!(judged.verdict, Verdict::Unknown);
        assert_eq!(judged.missing, ["the log covers 31 of the 90 days asked"]);
        assert_eq!(judge_use(&little, StalenessRules { days: 30, coverage: 80 }).verdict, Verdict::Unused);
        assert_eq!(verdict(&UseEvidence { has_people: false, ..covered() }), Verdict::Unknown);
        let nothing = judge_use(&UseEvidence::default(), StalenessRules::default());
        assert_eq!((nothing.verdict, nothing.missing), (Verdict::Unknown, vec!["no log of its warehouse was read".to_owned()]));
    }
}
