//! What an audit reviews: by findings, by a search, or by what changed since the one before it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{
    CampaignAnswer, CampaignItem, Catalog, CatalogError, Decided, Finding, FindingQuery, ItemEvidence, Result, SearchQuery, View,
    checks::{bounded, check_may_edit, day_to_come},
    conflicts::ConflictSummary,
    state::now,
};
use crate::{
    model::{Actor, AssetId},
    store::{AssetRow, CampaignRow, ItemRow},
};

/// Items of one campaign.
const MOST_ITEMS: usize = 20_000;
/// Longest title, in characters.
const LONGEST_TITLE: usize = 200;
/// Reviewers of one campaign.
const MOST_REVIEWERS: usize = 50;

/// What an audit reviews.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuditScope {
    /// Assets with a finding that is asked for.
    Findings(FindingQuery),
    /// Assets that a search finds.
    Search(SearchQuery),
    /// Of this campaign what changed since, and what came into its scope.
    ChangedSince(i64),
}

/// An audit to be begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCampaign {
    /// What it is called.
    pub title: String,
    /// What it reviews.
    pub scope: AuditScope,
    /// The scope as an address holds it.
    pub scope_text: String,
    /// Who reviews.
    pub reviewers: Vec<String>,
    /// By when (ISO date).
    pub due: String,
}

/// What an audit would review.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ScopePreview {
    /// Items in order, with their evidence.
    pub items: Vec<(super::AssetRef, ItemEvidence)>,
}

impl View {
    /// What an audit of `scope` would review; what is looked for again is read from `read_scope`, which turns the
    /// text of a former scope into one.
    ///
    /// # Errors
    /// [`CatalogError::BadQuestion`] for too much, [`CatalogError::NotFound`] where there is no former campaign.
    pub async fn preview_scope(
        &self,
        scope: &AuditScope,
        read_scope: &(dyn Fn(&str) -> Option<AuditScope> + Sync),
    ) -> Result<ScopePreview> {
        let known = Known::load(self).await?;
        let mut because: BTreeMap<AssetId, Vec<String>> = BTreeMap::new();
        let ids = match scope {
            AuditScope::ChangedSince(number) => {
                let former = self.campaign(*number).await?;
                because = self.changed_since(&former, &known);
                // A follow-up of follow-ups goes on in the scope that the first of them had.
                let mut first = read_scope(&former.summary.scope);
                let named = |item: &CampaignItem| (item.namespace.clone(), item.evidence.name.clone());
                let mut reviewed: BTreeSet<(String, String)> = former.items.iter().map(named).collect();
                while let Some(AuditScope::ChangedSince(earlier)) = first {
                    let earlier = self.campaign(earlier).await?;
                    reviewed.extend(earlier.items.iter().map(named));
                    // Only ever to an older one, so that no address can send us round in circles.
                    let older =
                        |scope: &AuditScope| !matches!(scope, AuditScope::ChangedSince(at) if *at >= earlier.summary.number);
                    first = read_scope(&earlier.summary.scope).filter(older);
                }
                if let Some(scope) = first {
                    for id in self.assets_in(&scope, &known).await? {
                        let is_new = |row: &AssetRow| !reviewed.contains(&(row.namespace.to_string(), row.name.to_string()));
                        if self.asset(id).is_some_and(is_new) {
                            because.entry(id).or_default().push("it came into the scope since".to_owned());
                        }
                    }
                }
                because.keys().copied().collect()
            }
            other => self.assets_in(other, &known).await?,
        };
        if ids.len() > MOST_ITEMS {
            return Err(CatalogError::BadQuestion(format!("{} items; narrow it down to {MOST_ITEMS}", ids.len())));
        }
        let evidence = |id: AssetId| {
            let row = self.asset(id)?;
            let because = because.get(&id).cloned().unwrap_or_default();
            Some((self.point_at(row), ItemEvidence { because, ..self.evidence_of(row, &known) }))
        };
        Ok(ScopePreview { items: ids.into_iter().filter_map(evidence).collect() })
    }

    async fn assets_in(&self, scope: &AuditScope, known: &Known) -> Result<Vec<AssetId>> {
        let mut ids: Vec<AssetId> = Vec::new();
        let mut seen: BTreeSet<AssetId> = BTreeSet::new();
        match scope {
            AuditScope::Findings(query) => {
                for finding in known.findings.iter().filter(|finding| query.fits(finding)) {
                    match (&finding.asset, &finding.metric) {
                        (Some(asset), _) => ids.extend(self.find(&asset.namespace, &asset.name).map(|row| row.id)),
                        (None, Some(metric)) => ids.extend(known.members.get(metric).into_iter().flatten()),
                        (None, None) => {}
                    }
                }
            }
            AuditScope::Search(query) => {
                for page in 0.. {
                    let query = SearchQuery { page, per_page: SearchQuery::MOST_PER_PAGE, ..query.clone() };
                    let answer = self.search(&query).await?;
                    let is_last = answer.hits.len() < SearchQuery::MOST_PER_PAGE || ids.len() > MOST_ITEMS;
                    let hits = answer.hits.iter().filter(|hit| hit.column.is_none());
                    ids.extend(hits.filter_map(|hit| self.find(&hit.asset.namespace, &hit.asset.name)).map(|row| row.id));
                    if is_last {
                        break;
                    }
                }
            }
            AuditScope::ChangedSince(_) => {}
        }
        ids.retain(|id| seen.insert(*id));
        Ok(ids)
    }

    /// Items of a former campaign that deserve another look, each with why.
    fn changed_since(&self, former: &CampaignAnswer, known: &Known) -> BTreeMap<AssetId, Vec<String>> {
        let mut because: BTreeMap<AssetId, Vec<String>> = BTreeMap::new();
        for item in &former.items {
            let Some(row) = item.asset.as_ref().and_then(|asset| self.find(&asset.namespace, &asset.name)) else { continue };
            let mut reasons = Vec::new();
            match item.decided() {
                None => reasons.push("nobody decided last time".to_owned()),
                Some((Decided::Fix, verdict)) => reasons.push(told("it was to be mended", &verdict.note)),
                Some((Decided::Merge, verdict)) => reasons.push(format!("it was to be merged into {}", verdict.into)),
                Some((Decided::Archive, _)) if self.readers(row.id) > 0 => {
                    reasons.push("it was archived, and is still read".to_owned())
                }
                Some((Decided::Archive | Decided::Keep, _)) => {}
            }
            let is_archived = matches!(item.decided(), Some((Decided::Archive, _)));
            let now = self.evidence_of(row, known);
            if now.changed_at > item.evidence.changed_at {
                reasons.push("its code changed since".to_owned());
            }
            let is_new = |finding: &&(String, String)| !item.evidence.findings.iter().any(|(code, _)| *code == finding.0);
            let new = now.findings.iter().filter(is_new).filter(|(code, _)| !is_archived || code != "deprecated-in-use");
            reasons.extend(new.map(|(_, sentence)| format!("found since: {sentence}")));
            if now.owners != item.evidence.owners {
                reasons.push("its owners are others".to_owned());
            }
            if item.evidence.people > 0 && now.people == 0 {
                reasons.push("nobody asks for it any more".to_owned());
            }
            if !reasons.is_empty() {
                because.insert(row.id, reasons);
            }
        }
        because
    }

    fn evidence_of(&self, row: &AssetRow, known: &Known) -> ItemEvidence {
        let facts = self.facts.of(row.id);
        let usage = self.usage.get(&row.id);
        let asset = self.point_at(row);
        let own = |finding: &&Finding| finding.asset.as_ref() == Some(&asset);
        let findings = known.by_asset.get(&row.id).into_iter().flatten().filter_map(|at| known.findings.get(*at)).filter(own);
        ItemEvidence {
            name: row.name.to_string(),
            kind: row.kind.word().to_owned(),
            label: facts.friendly_name.clone().unwrap_or_default(),
            meaning: facts.summary.clone(),
            owners: facts.owner_names(),
            people: usage.map_or(0, |usage| usage.people_90),
            no_log: !self.log_reach(&row.namespace).is_some(),
            last_person: usage.and_then(|usage| usage.last_human),
            readers: self.readers(row.id),
            reads: self.graph.degree(row.id, super::Direction::Upstream) as u64,
            changed_at: known.changed.get(&row.id).copied(),
            deprecated: facts.deprecated.as_ref().map(|fact| told("deprecated", &fact.what.note)).unwrap_or_default(),
            findings: findings.map(|finding| (finding.code.word().to_owned(), finding.sentence.clone())).collect(),
            conflicts: known.conflicts.get(&row.id).cloned().unwrap_or_default(),
            questions: known.questions.get(&row.id).cloned().unwrap_or_default(),
            because: Vec::new(),
        }
    }
}

/// What evidence is made from, loaded once for all items.
struct Known {
    findings: Vec<Finding>,
    by_asset: HashMap<AssetId, Vec<usize>>,
    changed: HashMap<AssetId, i64>,
    conflicts: HashMap<AssetId, Vec<(String, String)>>,
    /// Assets that calculate a metric, by the id of its group.
    members: HashMap<String, Vec<AssetId>>,
    questions: HashMap<AssetId, Vec<String>>,
}

impl Known {
    async fn load(view: &View) -> Result<Known> {
        let findings = view.findings().await?;
        let mut by_asset: HashMap<AssetId, Vec<usize>> = HashMap::new();
        for (at, finding) in findings.iter().enumerate() {
            let row = finding.asset.as_ref().and_then(|asset| view.find(&asset.namespace, &asset.name));
            if let Some(row) = row {
                by_asset.entry(row.id).or_default().push(at);
            }
        }
        let changed = view.store.changes_of_files(view.run).await?;
        let (mut conflicts, mut members) = (HashMap::new(), HashMap::new());
        for (summary, assets) in view.groups_with_assets().await? {
            let ConflictSummary { id, name, .. } = summary;
            for asset in &assets {
                conflicts.entry(*asset).or_insert_with(Vec::new).push((id.clone(), name.clone()));
            }
            members.insert(id, assets);
        }
        let mut questions: HashMap<AssetId, Vec<String>> = HashMap::new();
        for decision in view.decisions().await?.decisions {
            for question in decision.questions {
                for answer in question.answers.iter().filter_map(|answer| answer.asset.as_ref()) {
                    if let Some(row) = view.find(&answer.namespace, &answer.name) {
                        questions.entry(row.id).or_default().push(question.text.clone());
                    }
                }
            }
        }
        Ok(Known { findings, by_asset, changed, conflicts, members, questions })
    }
}

impl Catalog {
    /// Begins an audit: what it reviews is frozen with its evidence. Its number comes back.
    ///
    /// # Errors
    /// [`CatalogError::Forbidden`] for whoever may not edit, [`CatalogError::BadQuestion`] without a title, a
    /// reviewer, a day to come or anything to review.
    pub async fn begin_campaign(
        &self,
        actor: &Actor,
        new: NewCampaign,
        read_scope: &(dyn Fn(&str) -> Option<AuditScope> + Sync),
    ) -> Result<i64> {
        check_may_edit(actor)?;
        let title = bounded("the title", &new.title, LONGEST_TITLE)?;
        let mut reviewers: Vec<String> =
            new.reviewers.iter().map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect();
        reviewers.sort();
        reviewers.dedup();
        if reviewers.is_empty() || reviewers.len() > MOST_REVIEWERS {
            return Err(CatalogError::BadQuestion(format!("name between 1 and {MOST_REVIEWERS} reviewers")));
        }
        let due = day_to_come(&new.due)?;
        let view = self.view();
        let preview = view.preview_scope(&new.scope, read_scope).await?;
        let mut items: Vec<ItemRow> = Vec::with_capacity(preview.items.len());
        for (asset, evidence) in &preview.items {
            let Some(row) = view.find(&asset.namespace, &asset.name) else { continue };
            items.push(ItemRow {
                ordinal: items.len() as i64 + 1,
                namespace: row.namespace.to_string(),
                key: row.key.to_string(),
                evidence: serde_json::to_string(evidence).map_err(|cause| CatalogError::broken("keeping evidence", cause))?,
            });
        }
        if items.is_empty() {
            return Err(CatalogError::BadQuestion("there is nothing to review: the scope is empty".to_owned()));
        }
        let campaign = CampaignRow {
            id: 0,
            title,
            scope: new.scope_text,
            reviewers,
            due,
            follows: match new.scope {
                AuditScope::ChangedSince(number) => Some(number),
                AuditScope::Findings(_) | AuditScope::Search(_) => None,
            },
            run: view.run(),
            statements: view.newest_statement(),
            person: actor.name.clone(),
            at: now(),
        };
        Ok(self.store().add_campaign(&campaign, &items).await?)
    }
}

fn told(what: &str, note: &str) -> String {
    match note.is_empty() {
        true => what.to_owned(),
        false => format!("{what}: {}", super::first_line(note)),
    }
}
