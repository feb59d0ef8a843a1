//! The board of metrics that share a name and not a meaning, or a meaning and not a name.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use rustc_hash::FxHashMap;
use serde::Serialize;

use super::{AssetRef, CatalogError, Direction, MetricNote, Place, Replacement, Result, View, calculations::RunCalculation};
use crate::{
    insight::conflicts::{
        Calculation, Class, Facet, Group, Piece, SaidDifference, Standing, Verdict, find_groups, mark_difference,
    },
    model::{AssetId, StatedDeprecation, StatedField, StatedValue},
    store::{AssetDetail, MetricNoteRow},
};

pub use crate::insight::conflicts::{Facet as ConflictFacet, Piece as SqlPiece, Verdict as ConflictVerdict};

/// Lines of SQL that stand side by side.
const MOST_LINES: usize = 120;
/// Calculations of a class that are listed with everything known of them.
const MOST_LISTED: usize = 60;

/// Groups of one view, by what needs a decision first.
#[derive(Debug, Default)]
pub(super) struct KnownGroups {
    groups: Vec<Group>,
    /// Group → id, in the same order.
    ids: Vec<String>,
    /// Id → group.
    by_id: FxHashMap<String, usize>,
    /// Groups of several ways or names, by the assets that hold their calculations.
    by_asset: FxHashMap<AssetId, Vec<usize>>,
}

/// Notes by the id of the group that they are on.
type NotesById = BTreeMap<String, Vec<MetricNoteRow>>;

fn notes_by_id(rows: Vec<MetricNoteRow>) -> NotesById {
    let mut notes = NotesById::new();
    for row in rows {
        notes.entry(row.metric.clone()).or_default().push(row);
    }
    notes
}

impl KnownGroups {
    fn find(&self, id: &str) -> Result<&Group> {
        let group = self.by_id.get(id).and_then(|at| self.groups.get(*at));
        group.ok_or_else(|| CatalogError::not_found("metrics", id))
    }
}

/// A group with all that calculate in it.
pub(super) struct GroupMembers {
    /// What the group is called.
    pub(super) name: String,
    /// What it calculates, hexadecimal.
    pub(super) print: String,
    /// Classes with what sets them apart from the first.
    classes: Vec<(Verdict, Vec<ConflictMember>)>,
}

impl GroupMembers {
    /// The member of these names, and the number of its class.
    pub(super) fn find(&self, namespace: &str, name: &str, column: &str) -> Option<(usize, &ConflictMember)> {
        let is_it = |member: &&ConflictMember| {
            member.asset.namespace == namespace && member.asset.name == name && member.column == column
        };
        let mut classes = self.classes.iter().enumerate();
        classes.find_map(|(at, (_, members))| members.iter().find(is_it).map(|member| (at, member)))
    }

    /// Members of the classes that calculate something else than class `own`.
    pub(super) fn differing_from(&self, own: usize) -> impl Iterator<Item = &ConflictMember> {
        let is_different = |at: usize| self.classes.get(at).is_some_and(|(verdict, _)| *verdict == Verdict::Different);
        // Verdicts tell classes from the first; that one differs where this one was told apart from it.
        let others =
            self.classes.iter().enumerate().filter(move |(at, _)| *at != own && is_different(if *at == 0 { own } else { *at }));
        others.flat_map(|(_, (_, members))| members)
    }
}

/// The board.
#[derive(Clone, Debug, Default, PartialEq, Serialize, utoipa::ToSchema)]
pub struct ConflictBoard {
    /// How many groups each verdict has.
    pub counts: Vec<(Verdict, u64)>,
    /// Calculations that were looked at.
    pub calculations: u64,
    /// Those among them that have no normal form, by which they would be compared.
    pub without_form: u64,
    /// Groups, what needs a decision first.
    pub groups: Vec<ConflictSummary>,
}

/// A group in a list.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct ConflictSummary {
    /// What its address ends in.
    pub id: String,
    /// The name, as most of its calculations write it.
    pub name: String,
    /// What it comes to.
    pub verdict: Verdict,
    /// In what its calculations differ, most telling first.
    pub facets: Vec<Facet>,
    /// How many different calculations it has.
    pub ways: u64,
    /// How many columns and metrics have one of them.
    pub calculations: u64,
    /// Those among them that are declared as metrics.
    pub declared: u64,
    /// Owners, each once, sorted.
    pub owners: Vec<String>,
    /// People who asked for any of them, at most, in the last 90 days that logs cover.
    pub people: u32,
    /// The first difference, in a sentence: (about which, what).
    pub first: Option<(String, String)>,
    /// The one that is suggested.
    pub suggested: AssetRef,
    /// Whether it is endorsed.
    pub settled: bool,
    /// That the difference is intended, where somebody said so and nothing changed since.
    pub intended: Option<MetricNote>,
}

impl ConflictSummary {
    /// Whether nobody decided yet: neither settled nor said to be meant.
    pub fn is_open(&self) -> bool {
        self.intended.is_none() && !self.settled
    }
}

/// A group with all that is known of it.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct ConflictAnswer {
    /// It in a list.
    #[serde(flatten)]
    pub summary: ConflictSummary,
    /// Its classes, the suggested first.
    pub classes: Vec<ConflictClass>,
    /// Columns that only add up others of the group.
    pub rolled_up: Vec<ConflictMember>,
    /// Why the first of the first class is suggested, most important first.
    pub reasons: Vec<String>,
    /// What people said of it, oldest first.
    pub notes: Vec<MetricNote>,
    /// What it calculated, hexadecimal: what a note is said of.
    pub print: String,
}

/// Calculations that are the same in all but their data.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct ConflictClass {
    /// How it stands to the first.
    pub verdict: Verdict,
    /// In what it differs from the first, most telling first.
    pub differences: Vec<SaidDifference>,
    /// Its calculations; those that are the same in everything stand together.
    pub variants: Vec<Vec<ConflictMember>>,
    /// Calculations that are not listed.
    pub unlisted: u64,
    /// The SQL of its first calculation, what differs from the first class marked.
    pub sql: Vec<Piece>,
    /// The SQL of the first class, what differs from this one marked; empty for the first.
    pub other_sql: Vec<Piece>,
    /// What was compared, as text; "" where it has no normal form.
    pub normal_form: String,
}

/// One calculation.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct ConflictMember {
    /// The asset that has it.
    pub asset: AssetRef,
    /// The column.
    pub column: String,
    /// What it is called for people; "" where it has no other name.
    pub label: String,
    /// Owners' names.
    pub owners: Vec<String>,
    /// What it means; "" where nobody said.
    pub meaning: String,
    /// The expression as written.
    pub expression: String,
    /// Where it stands.
    pub place: Option<Place>,
    /// People who asked for its asset in the last 90 days that logs cover.
    pub people: u32,
    /// Queries of people in the last 30 days covered.
    pub queries: u64,
    /// Assets that read its asset.
    pub readers: u64,
    /// Whether it is declared as a metric.
    pub declared: bool,
    /// Who endorsed it.
    pub endorsed_by: Option<String>,
    /// That it should no longer be used, and what to use instead.
    pub deprecated: Option<MemberDeprecation>,
}

/// That a calculation should no longer be used.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct MemberDeprecation {
    /// What to use instead, where that is said.
    pub replacement: Option<Replacement>,
}

impl ConflictMember {
    /// What it is called: a metric by its own name, a column with its asset's.
    pub fn called(&self) -> String {
        match self.declared {
            true => self.asset.name.clone(),
            false => format!("{}.{}", self.asset.name, self.column),
        }
    }
}

impl View {
    /// The board of all groups, what needs a decision first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn conflicts(&self) -> Result<ConflictBoard> {
        let known = self.metric_groups().await?;
        let calculations = self.calculations().await?;
        let notes = notes_by_id(self.store.metric_notes(None).await?);
        let mut board = ConflictBoard {
            counts: Verdict::ALL.into_iter().map(|verdict| (verdict, 0)).collect(),
            calculations: calculations.len() as u64,
            without_form: calculations.iter().filter(|one| one.form.is_none()).count() as u64,
            groups: Vec::new(),
        };
        for (group, id) in known.groups.iter().zip(&known.ids) {
            if let Some((_, count)) = board.counts.iter_mut().find(|(verdict, _)| *verdict == group.verdict) {
                *count += 1;
            }
            let of_group = self.tell_notes(notes.get(id).into_iter().flatten());
            board.groups.extend(self.summarise(group, id, calculations, &of_group));
        }
        let standing = |group: &ConflictSummary| {
            (group.verdict, Reverse(group.is_open()), Reverse(group.people), Reverse(group.owners.len()), Reverse(group.declared))
        };
        board.groups.sort_by(|one, other| (standing(one), &one.name, &one.id).cmp(&(standing(other), &other.name, &other.id)));
        Ok(board)
    }

    /// One group.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`] where there is none of that id.
    pub async fn conflict(&self, id: &str) -> Result<ConflictAnswer> {
        let known = self.metric_groups().await?;
        let calculations = self.calculations().await?;
        let group = known.find(id)?;
        let rows = self.store.metric_notes(Some(id)).await?;
        let notes = self.tell_notes(rows.iter());
        let summary = self.summarise(group, id, calculations, &notes).ok_or_else(|| CatalogError::not_found("metrics", id))?;
        let mut classes = Vec::with_capacity(group.classes.len());
        let first_of = |class: &Class| class.members().next().unwrap_or_default();
        let shown: Vec<&RunCalculation> = std::iter::once(group.suggested.calculation)
            .chain(group.classes.iter().skip(1).map(first_of))
            .filter_map(|at| calculations.get(at))
            .collect();
        let texts = self.sql_of(&shown).await?;
        let reference = texts.first().cloned().unwrap_or_default();
        for (number, class) in group.classes.iter().enumerate() {
            let first = first_of(class);
            let (other_sql, sql) = match number {
                0 => (Vec::new(), vec![Piece { text: reference.clone(), differs: false }]),
                _ => mark_difference(&reference, texts.get(number).map_or("", String::as_str)),
            };
            let mut left = MOST_LISTED;
            let mut variants = Vec::new();
            for variant in &class.variants {
                let members: Vec<ConflictMember> =
                    variant.iter().take(left).filter_map(|at| self.member(&calculations[*at])).collect();
                left -= members.len();
                variants.extend((!members.is_empty()).then_some(members));
            }
            classes.push(ConflictClass {
                verdict: class.verdict,
                differences: class.differences.clone(),
                unlisted: (class.members().count() - variants.iter().map(Vec::len).sum::<usize>()) as u64,
                variants,
                sql,
                other_sql,
                normal_form: calculations[first].form.as_ref().map(|form| form.computation().to_string()).unwrap_or_default(),
            });
        }
        Ok(ConflictAnswer {
            summary,
            classes,
            rolled_up: group.rolled_up.iter().filter_map(|at| self.member(&calculations[*at])).collect(),
            reasons: group.suggested.reasons.clone(),
            notes,
            print: format!("{:032x}", group.print),
        })
    }

    /// Every calculation of a group, class by class, however many a page lists.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`] where there is no group of that id.
    pub(super) async fn members_of(&self, id: &str) -> Result<GroupMembers> {
        let known = self.metric_groups().await?;
        let calculations = self.calculations().await?;
        let group = known.find(id)?;
        let members = |class: &Class| class.members().filter_map(|at| self.member(&calculations[at])).collect();
        let name = self.summarise(group, id, calculations, &[]).map_or_else(String::new, |summary| summary.name);
        let classes = group.classes.iter().map(|class| (class.verdict, members(class))).collect();
        Ok(GroupMembers { name, print: format!("{:032x}", group.print), classes })
    }

    /// Groups of several ways or names that an asset's calculations stand in; none until the board was made once,
    /// which no page of an asset waits for.
    pub(super) async fn groups_of(&self, asset: AssetId) -> Result<Vec<ConflictSummary>> {
        if !self.groups.initialized() {
            return Ok(Vec::new());
        }
        let (known, calculations) = (self.metric_groups().await?, self.calculations().await?);
        let Some(groups) = known.by_asset.get(&asset) else { return Ok(Vec::new()) };
        let notes = notes_by_id(self.store.metric_notes(None).await?);
        let summaries = groups.iter().filter_map(|at| {
            let (group, id) = (known.groups.get(*at)?, known.ids.get(*at)?);
            self.summarise(group, id, calculations, &self.tell_notes(notes.get(id).into_iter().flatten()))
        });
        Ok(summaries.collect())
    }

    /// The first `most` names whose calculations differ and that nobody settled, with how many ways there are; `None`
    /// until the board was made once, which the first page does not wait for.
    pub(super) async fn open_conflicts(&self, most: usize) -> Result<Option<Vec<(String, u64)>>> {
        if !self.groups.initialized() {
            return Ok(None);
        }
        let is_open = |group: &ConflictSummary| group.verdict == Verdict::Different && group.is_open();
        let groups = self.conflicts().await?.groups.into_iter().filter(is_open).take(most);
        Ok(Some(groups.map(|group| (group.name, group.ways)).collect()))
    }

    /// Every group of several ways or names, with the assets that hold its calculations.
    pub(super) async fn groups_with_assets(&self) -> Result<Vec<(ConflictSummary, Vec<AssetId>)>> {
        let (known, calculations) = (self.metric_groups().await?, self.calculations().await?);
        let told = self.conflicts().await?.groups.into_iter().filter(|group| is_told(group.verdict));
        let with_assets = told.filter_map(|summary| {
            let assets = assets_of(known.find(&summary.id).ok()?, calculations);
            Some((summary, assets))
        });
        Ok(with_assets.collect())
    }

    /// The groups of this view; found once.
    async fn metric_groups(&self) -> Result<&Arc<KnownGroups>> {
        self.groups.get_or_try_init(|| self.find_metric_groups()).await
    }

    async fn find_metric_groups(&self) -> Result<Arc<KnownGroups>> {
        let calculations = self.calculations().await?;
        let pure: Vec<Calculation> = calculations
            .iter()
            .map(|one| Calculation {
                keys: one.keys.clone(),
                form: one.form.clone(),
                roots: one.roots.clone(),
                takes_up: one.takes_up.clone(),
                standing: self.standing_of(one),
            })
            .collect();
        let found = tokio::task::spawn_blocking(move || find_groups(&pure)).await;
        let groups = found.map_err(|cause| CatalogError::broken("comparing calculations", cause))?;
        let mut seen: BTreeSet<String> = BTreeSet::new();
        let ids = groups.iter().map(|group| {
            let id = match group.verdict {
                Verdict::Renamed => format!("same.{}", group.key),
                _ => group.key.clone(),
            };
            let id = if seen.contains(&id) { format!("{id}.{:08x}", group.print as u32) } else { id };
            seen.insert(id.clone());
            id
        });
        let ids: Vec<String> = ids.collect();
        let by_id = ids.iter().enumerate().map(|(at, id)| (id.clone(), at)).collect();
        let mut by_asset: FxHashMap<AssetId, Vec<usize>> = FxHashMap::default();
        for (at, group) in groups.iter().enumerate().filter(|(_, group)| is_told(group.verdict)) {
            for asset in assets_of(group, calculations) {
                by_asset.entry(asset).or_default().push(at);
            }
        }
        Ok(Arc::new(KnownGroups { groups, ids, by_id, by_asset }))
    }

    fn standing_of(&self, one: &RunCalculation) -> Standing {
        let facts = self.facts.of(one.asset);
        let usage = self.usage.get(&one.asset);
        Standing {
            endorsed: self.endorsed_by(one).is_some(),
            deprecated: self.deprecation_of(one).is_some(),
            declared: one.declared,
            owned: !facts.owners.is_empty(),
            documented: !self.meaning_of(one).is_empty(),
            people: usage.map_or(0, |usage| usage.people_90),
            readers: self.graph.degree(one.asset, Direction::Downstream) as u32,
        }
    }

    /// Who endorses a calculation: its column, or its whole asset.
    fn endorsed_by(&self, one: &RunCalculation) -> Option<String> {
        if let Some(field) = self.stated_of_column(one, StatedField::Certification) {
            return field.1.then_some(field.0);
        }
        let whole = self.facts.of(one.asset).certification.as_ref();
        whole.filter(|_| one.declared).map(|(_, by)| by.person.clone())
    }

    /// That a calculation should no longer be used: its column, or its whole asset.
    fn deprecation_of(&self, one: &RunCalculation) -> Option<StatedDeprecation> {
        let row = self.asset(one.asset)?;
        let column = self.stated.of(&row.namespace, &row.key).and_then(|stated| stated.get(&one.name, StatedField::Deprecation));
        match column.map(|field| &field.value) {
            Some(StatedValue::Deprecation(value)) => value.clone(),
            _ => self.facts.of(one.asset).deprecated.as_ref().map(|fact| fact.what.clone()),
        }
    }

    /// Who stated a field of the column, and whether it holds.
    fn stated_of_column(&self, one: &RunCalculation, field: StatedField) -> Option<(String, bool)> {
        let row = self.asset(one.asset)?;
        let stated = self.stated.of(&row.namespace, &row.key)?.get(&one.name, field)?;
        Some((stated.by.person.clone(), !stated.value.is_empty()))
    }

    fn meaning_of(&self, one: &RunCalculation) -> String {
        let Some(row) = self.asset(one.asset) else { return String::new() };
        let column = self.stated.of(&row.namespace, &row.key).and_then(|stated| stated.get(&one.name, StatedField::Description));
        match column.map(|field| &field.value) {
            Some(StatedValue::Description(text)) if !text.is_empty() => super::first_line(text),
            _ if one.declared => self.facts.of(one.asset).summary.clone(),
            _ => one.meaning.clone(),
        }
    }

    fn summarise(
        &self,
        group: &Group,
        id: &str,
        calculations: &[RunCalculation],
        notes: &[MetricNote],
    ) -> Option<ConflictSummary> {
        let members: Vec<&RunCalculation> =
            group.classes.iter().flat_map(|class| class.members()).map(|at| &calculations[at]).collect();
        let mut spellings: BTreeMap<&str, usize> = BTreeMap::new();
        for member in &members {
            *spellings.entry(&member.name).or_default() += 1;
        }
        let suggested = &calculations[group.suggested.calculation];
        let name =
            spellings.iter().max_by_key(|(name, count)| (**count, Reverse(**name))).map_or(group.key.as_str(), |(name, _)| name);
        let owners: BTreeSet<String> = members.iter().flat_map(|one| self.facts.of(one.asset).owner_names()).collect();
        let mut facets: Vec<Facet> = group
            .classes
            .iter()
            .filter(|class| class.verdict == Verdict::Different)
            .flat_map(|class| &class.differences)
            .map(|said| said.facet)
            .collect();
        facets.sort();
        facets.dedup();
        let different = group.classes.iter().skip(1).find(|class| class.verdict == group.verdict);
        let first = different.and_then(|class| {
            let about = calculations[class.members().next()?].asset;
            Some((self.asset(about)?.name.to_string(), class.differences.first()?.sentence.clone()))
        });
        let print = format!("{:032x}", group.print);
        Some(ConflictSummary {
            id: id.to_owned(),
            name: if group.verdict == Verdict::Renamed { suggested.name.clone() } else { name.to_owned() },
            verdict: group.verdict,
            facets,
            ways: group.classes.len() as u64,
            calculations: members.len() as u64,
            declared: members.iter().filter(|one| one.declared).count() as u64,
            owners: owners.into_iter().collect(),
            people: members.iter().filter_map(|one| self.usage.get(&one.asset)).map(|usage| usage.people_90).max().unwrap_or(0),
            first,
            suggested: self.point(suggested.asset)?,
            settled: self.is_settled(group, calculations),
            intended: notes.iter().rev().find(|note| note.is_intended() && note.print == print).cloned(),
        })
    }

    /// Whether one class is endorsed and every other way to calculate is deprecated.
    fn is_settled(&self, group: &Group, calculations: &[RunCalculation]) -> bool {
        let endorsed = self.endorsed_by(&calculations[group.suggested.calculation]).is_some();
        let others = group.classes.iter().skip(1).filter(|class| class.verdict == Verdict::Different);
        endorsed && others.flat_map(|class| class.members()).all(|at| self.deprecation_of(&calculations[at]).is_some())
    }

    fn member(&self, one: &RunCalculation) -> Option<ConflictMember> {
        let facts = self.facts.of(one.asset);
        let usage = self.usage.get(&one.asset);
        let asset = self.point(one.asset)?;
        let label = if one.declared { facts.friendly_name.clone().unwrap_or_default() } else { String::new() };
        Some(ConflictMember {
            asset,
            column: one.name.clone(),
            label,
            owners: facts.owner_names(),
            meaning: self.meaning_of(one),
            expression: one.expression.clone(),
            place: one.place.clone(),
            people: usage.map_or(0, |usage| usage.people_90),
            queries: usage.map_or(0, |usage| usage.interactive_30),
            readers: self.graph.degree(one.asset, Direction::Downstream) as u64,
            declared: one.declared,
            endorsed_by: self.endorsed_by(one),
            deprecated: self
                .deprecation_of(one)
                .map(|what| MemberDeprecation { replacement: what.replacement.map(|text| self.replacement(one.asset, &text)) }),
        })
    }

    /// The SQL that makes each of some calculations, as far as it is shown.
    async fn sql_of(&self, wanted: &[&RunCalculation]) -> Result<Vec<String>> {
        let mut assets: Vec<AssetId> = wanted.iter().map(|one| one.asset).collect();
        assets.sort_unstable();
        assets.dedup();
        let details = self.store.load_makings(self.run, &assets, &self.assets).await?;
        let details: FxHashMap<AssetId, AssetDetail> = details.into_iter().map(|detail| (detail.asset.id, detail)).collect();
        Ok(wanted.iter().map(|one| details.get(&one.asset).map(|detail| shown_sql(one, detail)).unwrap_or_default()).collect())
    }
}

/// Whether pages of assets tell of groups of a verdict.
fn is_told(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Different | Verdict::Renamed)
}

/// The assets that hold the calculations of a group, sorted.
fn assets_of(group: &Group, calculations: &[RunCalculation]) -> Vec<AssetId> {
    let members = group.classes.iter().flat_map(Class::members);
    let assets: BTreeSet<AssetId> = members.filter_map(|at| calculations.get(at)).map(|one| one.asset).collect();
    assets.into_iter().collect()
}

/// The lines around a calculation in the document that makes it.
fn shown_sql(one: &RunCalculation, detail: &AssetDetail) -> String {
    let Some(definition) = one.definition_in(detail) else { return String::new() };
    let lines: Vec<&str> = definition.text.lines().map(str::trim_end).collect();
    let wanted = one.line_in(definition).unwrap_or(0).saturating_sub(MOST_LINES / 2);
    let start = if lines.len() <= MOST_LINES { 0 } else { wanted.min(lines.len() - MOST_LINES) };
    lines.iter().skip(start).take(MOST_LINES).copied().collect::<Vec<_>>().join("\n")
}
