//! The kinds of things that are found and need a decision.
//!
//! A finding has a stable code; CI, addresses and snoozes are by it.

use serde::Serialize;

use crate::model::Severity;

/// A kind of finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FindingCode {
    /// What is referred to does not exist.
    BrokenReference,
    /// One name, several calculations.
    MetricConflict,
    /// It should no longer be used, and is.
    DeprecatedInUse,
    /// A dashboard that nobody looks at.
    StaleDashboard,
    /// Many use it, nobody owns it.
    UnownedPopular,
    /// Declared columns are not those that the SQL writes.
    DriftedSchema,
    /// A table that nobody asks for.
    UnusedTable,
    /// Many use it, nobody says what it is.
    UndocumentedPopular,
    /// One calculation, several names.
    DuplicateMetric,
    /// It is written, and no file says so.
    ObservedOnly,
    /// It shows what systems write, straight.
    TierSkipped,
}

impl FindingCode {
    /// Every code, what matters most first.
    pub const ALL: [FindingCode; 11] = [
        FindingCode::BrokenReference,
        FindingCode::MetricConflict,
        FindingCode::DeprecatedInUse,
        FindingCode::StaleDashboard,
        FindingCode::UnownedPopular,
        FindingCode::DriftedSchema,
        FindingCode::UnusedTable,
        FindingCode::UndocumentedPopular,
        FindingCode::DuplicateMetric,
        FindingCode::ObservedOnly,
        FindingCode::TierSkipped,
    ];

    /// The word used in addresses, in the store and in output.
    pub fn word(self) -> &'static str {
        match self {
            FindingCode::BrokenReference => "broken-reference",
            FindingCode::MetricConflict => "metric-conflict",
            FindingCode::DeprecatedInUse => "deprecated-in-use",
            FindingCode::StaleDashboard => "stale-dashboard",
            FindingCode::UnownedPopular => "unowned-popular",
            FindingCode::DriftedSchema => "drifted-schema",
            FindingCode::UnusedTable => "unused-table",
            FindingCode::UndocumentedPopular => "undocumented-popular",
            FindingCode::DuplicateMetric => "duplicate-metric",
            FindingCode::ObservedOnly => "observed-only",
            FindingCode::TierSkipped => "tier-skipped",
        }
    }

    /// The code that `word` names.
    pub fn from_word(word: &str) -> Option<FindingCode> {
        Self::ALL.into_iter().find(|code| code.word() == word)
    }

    /// How much it matters.
    pub fn severity(self) -> Severity {
        match self {
            FindingCode::BrokenReference => Severity::Error,
            FindingCode::MetricConflict
            | FindingCode::DeprecatedInUse
            | FindingCode::StaleDashboard
            | FindingCode::UnownedPopular
            | FindingCode::DriftedSchema => Severity::Warning,
            FindingCode::UnusedTable
            | FindingCode::UndocumentedPopular
            | FindingCode::DuplicateMetric
            | FindingCode::ObservedOnly
            | FindingCode::TierSkipped => Severity::Info,
        }
    }

    /// What it is, in a few words.
    pub fn title(self) -> &'static str {
        match self {
            FindingCode::BrokenReference => "refers to what is not there",
            FindingCode::MetricConflict => "one name, several calculations",
            FindingCode::DeprecatedInUse => "deprecated and still used",
            FindingCode::StaleDashboard => "a dashboard nobody looks at",
            FindingCode::UnownedPopular => "used by many, owned by nobody",
            FindingCode::DriftedSchema => "declared columns and SQL differ",
            FindingCode::UnusedTable => "a table nobody asks for",
            FindingCode::UndocumentedPopular => "used by many, described by nobody",
            FindingCode::DuplicateMetric => "one calculation, several names",
            FindingCode::ObservedOnly => "written, and no file says so",
            FindingCode::TierSkipped => "shows raw data straight",
        }
    }

    /// What to do about it.
    pub fn remedy(self) -> &'static str {
        match self {
            FindingCode::BrokenReference => "Mend the reference, or add the source that defines what is missing.",
            FindingCode::MetricConflict => {
                "Endorse one calculation and deprecate the others, or say that they are meant to differ."
            }
            FindingCode::DeprecatedInUse => "Move its readers to the replacement, or take the deprecation back.",
            FindingCode::StaleDashboard => "Archive it, or find whom it is for.",
            FindingCode::UnownedPopular => "Name an owner; its contributors are whom to ask.",
            FindingCode::DriftedSchema => "Mend the schema file or the SQL.",
            FindingCode::UnusedTable => "Deprecate it, or find whom it is for.",
            FindingCode::UndocumentedPopular => "Describe it, most used first.",
            FindingCode::DuplicateMetric => "Keep one name and deprecate the others.",
            FindingCode::ObservedOnly => "Put what writes it under version control.",
            FindingCode::TierSkipped => "Let it read an analytical or aggregated table.",
        }
    }
}
