//! Everything that needs a decision, from one engine: pages, the terminal, CI and audits read it.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use serde::Serialize;

use super::{
    AssetRef, Catalog, CatalogError, ConflictVerdict, Direction, Place, Result, StalenessRules, StatedBy, Verdict, View,
    checks::{bounded, check_may_edit, day_to_come, iso_day},
    governance::is_built,
    state::now,
};
use crate::{
    model::{Actor, AssetId, AssetKind, AssetRole, EdgeState, SCHEMA_DRIFT, Severity, Tier},
    store::{AssetRow, SnoozeRow},
};

pub use crate::insight::findings::FindingCode;

/// Assets that read one that many use, at least; or people who ask for it.
const POPULAR_READERS: u64 = 3;
const POPULAR_PEOPLE: u32 = 2;
/// Diagnostics that say that something referred to is not there.
const BROKEN: [&str; 4] = ["missing-reference", "unknown-definition", "declared-column-missing", "cyclic-definition"];
/// Longest reason, in characters.
const LONGEST_REASON: usize = 2_000;

/// Something that needs a decision.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Finding {
    /// What kind.
    pub code: FindingCode,
    /// How much it matters.
    pub severity: Severity,
    /// What identifies it among its kind: JSON [namespace, key, what].
    pub subject: String,
    /// The asset that it is about; `None` for metrics of one name.
    pub asset: Option<AssetRef>,
    /// The metrics of one name that it is about, by id.
    pub metric: Option<String>,
    /// What is wrong, in a sentence.
    pub sentence: String,
    /// What it rests on, a sentence each.
    pub evidence: Vec<String>,
    /// Where it stands, where a file shows it.
    pub place: Option<Place>,
    /// Owners of the asset.
    pub owners: Vec<String>,
    /// People who asked for it in the last 90 days that logs cover.
    pub people: u32,
    /// When it was first found, seconds since 1970 UTC.
    pub first_seen: i64,
    /// That somebody wants to hear of it later.
    pub snoozed: Option<Snooze>,
}

/// That somebody wants to hear of a finding later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Snooze {
    /// The first day on which it is heard again (ISO date).
    pub until: String,
    /// Why.
    pub reason: String,
    /// Who, and when.
    pub by: StatedBy,
}

/// A finding by what identifies it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FindingKey {
    /// What kind.
    pub code: FindingCode,
    /// Which of its kind.
    pub subject: String,
}

/// Which findings are asked for; the default are all that are not snoozed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FindingQuery {
    /// Of these kinds; empty for any.
    pub codes: Vec<FindingCode>,
    /// Of this owner; "" for any.
    pub owner: String,
    /// Snoozed ones too.
    pub snoozed: bool,
}

impl FindingQuery {
    /// Whether it asks for a finding.
    pub fn fits(&self, finding: &Finding) -> bool {
        (self.codes.is_empty() || self.codes.contains(&finding.code)) && self.fits_others(finding)
    }

    /// Whether it asks for a finding, were it of any kind.
    pub fn fits_others(&self, finding: &Finding) -> bool {
        let owned = self.owner.is_empty() || finding.owners.iter().any(|owner| owner.eq_ignore_ascii_case(&self.owner));
        owned && (self.snoozed || finding.snoozed.is_none())
    }
}

impl Finding {
    /// What identifies it.
    pub fn key(&self) -> FindingKey {
        FindingKey { code: self.code, subject: self.subject.clone() }
    }
}

impl View {
    /// Every finding, what matters most first; when each was first seen is noted.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn findings(&self) -> Result<Vec<Finding>> {
        let mut findings = Vec::clone(self.findings.get_or_try_init(|| self.find_everything()).await?);
        let snoozes: HashMap<(String, String), SnoozeRow> =
            self.store.snoozes().await?.into_iter().map(|row| ((row.code.clone(), row.subject.clone()), row)).collect();
        let today = iso_day(now());
        for finding in &mut findings {
            let row = snoozes.get(&(finding.code.word().to_owned(), finding.subject.clone()));
            finding.snoozed = row.and_then(|row| {
                let until = row.until.clone().filter(|until| *until > today)?;
                Some(Snooze { until, reason: row.reason.clone(), by: StatedBy { person: row.person.clone(), at: row.at } })
            });
        }
        Ok(findings)
    }

    /// Finds everything before somebody waits for it; nothing where that was done.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn prepare(&self) -> Result<()> {
        if !self.findings.initialized() && self.run.0 > 0 {
            self.findings().await?;
        }
        Ok(())
    }

    async fn find_everything(&self) -> Result<Arc<Vec<Finding>>> {
        let mut found = Vec::new();
        self.find_by_use(&mut found).await?;
        self.find_by_care(&mut found);
        self.find_by_files(&mut found).await?;
        self.find_by_evidence(&mut found).await?;
        self.find_by_meaning(&mut found).await?;
        self.find_dangling(&mut found).await?;
        let mut seen: BTreeSet<FindingKey> = BTreeSet::new();
        found.retain(|finding| seen.insert(finding.key()));
        let keys: Vec<(String, String)> = found.iter().map(|one| (one.code.word().to_owned(), one.subject.clone())).collect();
        let at = self.row.as_ref().map_or_else(now, |row| row.started_at);
        if self.run.0 > 0 {
            self.store.note_findings(self.run, at, &keys).await?;
        }
        let first: HashMap<(String, String), i64> =
            self.store.seen_findings().await?.into_iter().map(|seen| ((seen.code, seen.subject), seen.first_at)).collect();
        for finding in &mut found {
            finding.first_seen = first.get(&(finding.code.word().to_owned(), finding.subject.clone())).copied().unwrap_or(at);
        }
        found.sort_by(|one, other| {
            let rank = |finding: &Finding| (finding.severity, finding.code, Reverse(finding.people));
            (rank(one), &one.asset, &one.subject).cmp(&(rank(other), &other.asset, &other.subject))
        });
        Ok(Arc::new(found))
    }

    /// What nobody asks for, and what is deprecated and asked for.
    async fn find_by_use(&self, found: &mut Vec<Finding>) -> Result<()> {
        for entry in self.ledger(StalenessRules::default()).await?.entries {
            let Some(asset) = self.find(&entry.asset.namespace, &entry.asset.name) else { continue };
            let is_shown = matches!(asset.kind, AssetKind::Dashboard | AssetKind::Chart);
            let (code, sentence) = match entry.judged.verdict {
                Verdict::DeprecatedButUsed => (FindingCode::DeprecatedInUse, "It is deprecated, and people still ask for it."),
                Verdict::OnlyRefreshed if is_shown => {
                    (FindingCode::StaleDashboard, "Schedules refresh it, and nobody looks at it.")
                }
                Verdict::Orphaned | Verdict::Unused if is_shown => (FindingCode::StaleDashboard, "Nobody looks at it."),
                Verdict::OnlyRefreshed => (FindingCode::UnusedTable, "Schedules keep it fresh, and nobody asks for it."),
                Verdict::Orphaned | Verdict::Unused => {
                    (FindingCode::UnusedTable, "Nobody asks for it, and nothing refreshes it.")
                }
                Verdict::Unknown | Verdict::InUse => continue,
            };
            found.push(self.finding(code, asset, "", sentence.to_owned(), entry.judged.reasons));
        }
        for (asset, viewed) in self.store.facts_of_kind(self.run, "last_viewed").await? {
            let (Some(row), Some(last)) = (self.asset(asset), viewed.what.last_viewed()) else { continue };
            let newest = self.row.as_ref().map_or_else(now, |row| row.started_at);
            let quarter_ago = iso_day(newest - 90 * 86_400);
            if *last < *quarter_ago && matches!(row.kind, AssetKind::Dashboard | AssetKind::Chart) {
                let evidence = vec![format!("its tool saw it opened last on {last}")];
                found.push(self.finding(
                    FindingCode::StaleDashboard,
                    row,
                    "",
                    "Nobody looked at it for 90 days.".to_owned(),
                    evidence,
                ));
            }
        }
        Ok(())
    }

    /// What many use and nobody owns or describes, and what reads deprecated things.
    fn find_by_care(&self, found: &mut Vec<Finding>) {
        for asset in self.assets.iter().filter(|asset| asset.kind != AssetKind::Routine) {
            let facts = self.facts.of(asset.id);
            let readers = self.readers(asset.id);
            let people = self.people(asset.id);
            let is_popular = readers >= POPULAR_READERS || people >= POPULAR_PEOPLE;
            let use_evidence = || {
                let mut evidence = vec![format!("{readers} assets read it")];
                evidence.extend((people > 0).then(|| format!("{people} people asked for it in 90 days")));
                evidence
            };
            if is_popular && is_built(asset) && facts.owners.is_empty() {
                found.push(self.finding(
                    FindingCode::UnownedPopular,
                    asset,
                    "",
                    "Many use it, and nobody owns it.".to_owned(),
                    use_evidence(),
                ));
            }
            if is_popular && facts.summary.is_empty() {
                let sentence = "Many use it, and nobody says what it is.".to_owned();
                found.push(self.finding(FindingCode::UndocumentedPopular, asset, "", sentence, use_evidence()));
            }
            if facts.deprecated.is_some() {
                self.find_deprecated_in_use(asset, found);
            }
            if matches!(asset.kind, AssetKind::Dashboard | AssetKind::Chart) {
                self.find_skipped_tiers(asset, found);
            }
        }
    }

    fn find_deprecated_in_use(&self, asset: &AssetRow, found: &mut Vec<Finding>) {
        let readers = self.graph.neighbours(asset.id, Direction::Downstream);
        let live: Vec<&AssetRow> = readers
            .into_iter()
            .filter(|reader| self.facts.of(*reader).deprecated.is_none())
            .filter_map(|reader| self.asset(reader))
            .collect();
        if live.is_empty() {
            return;
        }
        let sentence = match live.as_slice() {
            [only] => format!("It is deprecated, and `{}` still reads it.", only.name),
            [first, rest @ ..] => format!("It is deprecated, and `{}` and {} more still read it.", first.name, rest.len()),
            [] => return,
        };
        let evidence = live.iter().take(20).map(|reader| format!("`{}` reads it", reader.name)).collect();
        found.push(self.finding(FindingCode::DeprecatedInUse, asset, "", sentence, evidence));
    }

    /// Raw tables that a dashboard or chart shows, by way of definitions of its tool alone.
    fn find_skipped_tiers(&self, asset: &AssetRow, found: &mut Vec<Finding>) {
        let mut raw: BTreeSet<&str> = BTreeSet::new();
        let (mut waiting, mut seen) = (vec![asset.id], BTreeSet::from([asset.id]));
        while let Some(at) = waiting.pop() {
            for source in self.graph.neighbours(at, Direction::Upstream) {
                let Some(row) = self.asset(source).filter(|_| seen.insert(source)) else { continue };
                if row.namespace == asset.namespace || row.kind == AssetKind::Metric {
                    waiting.push(source);
                } else if row.role == AssetRole::Source
                    && self.tier_of(source).is_some_and(|answer| answer.tier == Tier::Operational)
                {
                    raw.insert(&row.name);
                }
            }
        }
        let Some(first) = raw.first() else { return };
        let sentence = format!("It shows `{first}` straight, which is data as systems write it.");
        let evidence = raw.iter().take(20).map(|name| format!("it reads `{name}`")).collect();
        found.push(self.finding(FindingCode::TierSkipped, asset, "", sentence, evidence));
    }

    /// What files refer to and is not there, and declarations that drifted.
    async fn find_by_files(&self, found: &mut Vec<Finding>) -> Result<()> {
        let files = self.store.files_of_assets(self.run).await?;
        let mut assets: BTreeMap<(&str, &str), AssetId> = BTreeMap::new();
        for (source, path, asset) in &files {
            assets.entry((source, path)).or_insert(*asset);
        }
        for row in self.store.diagnostics(self.run).await? {
            let code = match row.code.as_str() {
                drift if drift == SCHEMA_DRIFT.code => FindingCode::DriftedSchema,
                broken if BROKEN.contains(&broken) => FindingCode::BrokenReference,
                _ => {
                    if !self.is_column_of_tool(&row.code, assets.get(&(&row.source, &row.path))) {
                        continue;
                    }
                    FindingCode::BrokenReference
                }
            };
            let place = self.place(&row.source, &row.path, row.line, None);
            let asset = assets.get(&(&*row.source, &*row.path)).and_then(|asset| self.asset(*asset));
            let sentence = sentence_of(&row.message);
            let what = format!("{}:{}", row.path, row.message);
            let mut finding = match asset {
                Some(asset) => self.finding(code, asset, &what, sentence, Vec::new()),
                None => self.bare_finding(code, serde_json::json!([*row.source, *row.path, row.message]).to_string(), sentence),
            };
            finding.evidence.push(format!("{} says so", place.label()));
            finding.place = Some(place);
            found.push(finding);
        }
        Ok(())
    }

    /// Whether a column is missing that a dashboard, chart or metric shows.
    fn is_column_of_tool(&self, code: &str, asset: Option<&AssetId>) -> bool {
        let kind = asset.and_then(|asset| self.asset(*asset)).map(|row| row.kind);
        code == "unknown-column" && matches!(kind, Some(AssetKind::Metric | AssetKind::Chart | AssetKind::Dashboard))
    }

    /// What is written and stands in no file.
    async fn find_by_evidence(&self, found: &mut Vec<Finding>) -> Result<()> {
        let mut by_target: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
        for read in self.evidence(Some(EdgeState::Observed)).await?.reads {
            let seen = match read.native {
                Some(native) if read.queries == 0 => format!("as the warehouse states of {} queries", native.runs),
                _ => format!("seen in {} logged queries", read.queries),
            };
            let from = format!("it is made from `{}`, {seen}", read.from.name);
            by_target.entry((read.to.namespace, read.to.name)).or_default().push(from);
        }
        for ((namespace, name), evidence) in by_target {
            let Some(asset) = self.find(&namespace, &name) else { continue };
            let sentence = "The log shows it being written, and no file says how.".to_owned();
            found.push(self.finding(FindingCode::ObservedOnly, asset, "", sentence, evidence));
        }
        Ok(())
    }

    /// Metrics of one name, and of one meaning.
    async fn find_by_meaning(&self, found: &mut Vec<Finding>) -> Result<()> {
        for group in self.conflicts().await?.groups {
            let is_open = group.is_open();
            let (code, sentence) = match group.verdict {
                ConflictVerdict::Different if is_open && (group.declared > 0 || group.owners.len() > 1) => {
                    let facets: Vec<&str> = group.facets.iter().map(|facet| facet.word()).collect();
                    let sentence =
                        format!("`{}` is calculated in {} ways, which differ in {}.", group.name, group.ways, facets.join(", "));
                    (FindingCode::MetricConflict, sentence)
                }
                ConflictVerdict::Renamed if is_open => {
                    let sentence = format!("`{}` is calculated under {} names.", group.name, group.calculations);
                    (FindingCode::DuplicateMetric, sentence)
                }
                _ => continue,
            };
            let subject = serde_json::json!(["metrics", group.id, ""]).to_string();
            let mut finding = self.bare_finding(code, subject, sentence);
            finding.evidence.extend(group.first.map(|(about, said)| format!("`{about}` {said}")));
            finding.owners = group.owners;
            finding.people = group.people;
            finding.metric = Some(group.id);
            found.push(finding);
        }
        Ok(())
    }

    /// References of decisions that lead nowhere.
    async fn find_dangling(&self, found: &mut Vec<Finding>) -> Result<()> {
        for decision in self.decisions().await?.decisions {
            for question in &decision.questions {
                for answer in question.answers.iter().filter(|answer| answer.asset.is_none()) {
                    let subject = serde_json::json!(["decisions", decision.key, answer.text]).to_string();
                    let sentence = format!(
                        "The decision “{}” asks `{}`, and there is no such thing in the catalog.",
                        decision.title, answer.text
                    );
                    let mut finding = self.bare_finding(FindingCode::BrokenReference, subject, sentence);
                    finding.evidence.push(format!("the question is “{}”", question.text));
                    finding.place = answer.place.clone();
                    finding.owners = decision.owner.iter().cloned().collect();
                    found.push(finding);
                }
            }
        }
        Ok(())
    }

    fn finding(&self, code: FindingCode, asset: &AssetRow, what: &str, sentence: String, evidence: Vec<String>) -> Finding {
        let subject = serde_json::json!([*asset.namespace, *asset.key, what]).to_string();
        Finding {
            asset: Some(self.point_at(asset)),
            owners: self.facts.of(asset.id).owner_names(),
            people: self.people(asset.id),
            evidence,
            ..self.bare_finding(code, subject, sentence)
        }
    }

    fn bare_finding(&self, code: FindingCode, subject: String, sentence: String) -> Finding {
        Finding {
            code,
            severity: code.severity(),
            subject,
            asset: None,
            metric: None,
            sentence,
            evidence: Vec::new(),
            place: None,
            owners: Vec::new(),
            people: 0,
            first_seen: 0,
            snoozed: None,
        }
    }

    fn people(&self, asset: AssetId) -> u32 {
        self.usage.get(&asset).map_or(0, |usage| usage.people_90)
    }
}

impl Catalog {
    /// Snoozes findings until the day `until` (ISO date); "" wakes them.
    ///
    /// # Errors
    /// [`CatalogError::Forbidden`] for whoever may not edit, [`CatalogError::NotFound`] for a finding that is not
    /// there, [`CatalogError::BadQuestion`] for no reason, or a day that is none or not to come.
    pub async fn snooze(&self, actor: &Actor, keys: &[FindingKey], until: &str, reason: &str) -> Result<()> {
        check_may_edit(actor)?;
        let view = self.view();
        let known: BTreeSet<FindingKey> = view.findings().await?.iter().map(Finding::key).collect();
        if let Some(gone) = keys.iter().find(|key| !known.contains(key)) {
            return Err(CatalogError::not_found(gone.code.word(), &gone.subject));
        }
        let until = match until.trim() {
            "" => None,
            text => Some(day_to_come(text)?),
        };
        let reason = if until.is_some() { bounded("the reason", reason, LONGEST_REASON)? } else { reason.trim().to_owned() };
        let rows: Vec<SnoozeRow> = keys
            .iter()
            .map(|key| SnoozeRow {
                code: key.code.word().to_owned(),
                subject: key.subject.clone(),
                until: until.clone(),
                reason: reason.clone(),
                person: actor.name.clone(),
                at: now(),
            })
            .collect();
        Ok(self.store().add_snoozes(&rows).await?)
    }
}

fn sentence_of(message: &str) -> String {
    let mut letters = message.chars();
    let first: String = letters.next().map(|letter| letter.to_uppercase().collect()).unwrap_or_default();
    let sentence = first + letters.as_str();
    if sentence.ends_with('.') { sentence } else { sentence + "." }
}
