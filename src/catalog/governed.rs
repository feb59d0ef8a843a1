//! What people state of one asset, what files say beside it, and what follows for its readers.

use serde::Serialize;

use super::{
    AssetAnswer, AssetRef, Deprecation, NamedOwner, Result, StatedAsset, StatedBy, View,
    facts::{AssetFacts, Said},
};
use crate::{
    graph::Direction,
    model::{AssetId, AssetRole, ColumnEdgeKind, StatedDeprecation, StatedField, StatedOwner, StatedValue, Tier},
    store::AssetDetail,
};

/// What people state of one asset, and what follows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Governed {
    /// Every field that something was ever stated of, the asset's own first, then columns by name.
    pub fields: Vec<FieldStatement>,
    /// What files of governance in repositories state otherwise than people do.
    pub disputed: Vec<DisputedField>,
    /// Owners that files name, where people state others.
    pub owners_in_files: Vec<NamedOwner>,
    /// The deprecation that a file states, where people state another, or none.
    pub deprecation_in_files: Option<Deprecation>,
    /// That somebody vouches for it.
    pub certification: Option<CertifiedBy>,
    /// What kind of data it holds.
    pub tier: Option<TierAnswer>,
    /// Tags that people state, sorted; they stand among the asset's tags.
    pub stated_tags: Vec<String>,
    /// That what it holds is wrong for now.
    pub wrong: Option<WrongNotice>,
    /// What it is made from that is wrong for now, sorted.
    pub wrong_upstream: Vec<WrongNotice>,
    /// Deprecated assets that it reads directly, sorted.
    pub deprecated_inputs: Vec<DeprecatedInput>,
    /// How far its readers have moved away, where it is deprecated.
    pub progress: Option<ReaderProgress>,
}

/// The newest statement of one field.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct FieldStatement {
    /// The column; "" for the asset itself.
    pub column: String,
    /// Which field.
    pub field: StatedField,
    /// Its number: what the author of the next one has to have seen.
    pub number: i64,
    /// Who states what holds; `None` where nothing is stated any more.
    pub by: Option<StatedBy>,
    /// What is stated, as JSON; `None` for none.
    pub value: Option<serde_json::Value>,
}

/// A field of which a file of governance states something else than people do; what people state holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct DisputedField {
    /// The column; "" for the asset itself.
    pub column: String,
    /// Which field.
    pub field: StatedField,
    /// What the file says, in a line.
    pub said: String,
    /// Which file, and since when.
    pub by: StatedBy,
}

/// A certification, and who gave it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct CertifiedBy {
    /// What was checked, in Markdown; "" where nothing is said.
    pub note: String,
    /// Who, and when.
    pub by: StatedBy,
}

/// What kind of data an asset holds, and how we know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct TierAnswer {
    /// The tier.
    pub tier: Tier,
    /// Whether a person set it; else it follows from the SQL.
    pub is_stated: bool,
}

/// That what an asset holds is wrong for now.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, utoipa::ToSchema)]
pub struct WrongNotice {
    /// What is wrong.
    pub asset: AssetRef,
    /// The first day that is wrong (ISO date).
    pub since: String,
    /// Why, in Markdown.
    pub because: String,
    /// Who says so, and when.
    pub by: StatedBy,
}

/// Something deprecated that an asset reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct DeprecatedInput {
    /// What is deprecated.
    pub asset: AssetRef,
    /// What is said.
    pub deprecation: Deprecation,
}

/// How many still read something deprecated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct ReaderProgress {
    /// Live readers in the first run that is kept since it was deprecated.
    pub at_first: u64,
    /// Live readers now; deprecated ones do not count.
    pub now: u64,
    /// Readers that are deprecated themselves: what reads them still shows it.
    pub deprecated: u64,
}

impl ReaderProgress {
    /// How much is done, in percent.
    pub fn percent(&self) -> u64 {
        match self.at_first.max(self.now) {
            0 => 100,
            most => (most - self.now) * 100 / most,
        }
    }
}

fn disputed(stated: &StatedAsset) -> Vec<DisputedField> {
    let told = stated.disputed().map(|(column, field, file, _)| DisputedField {
        column: column.to_owned(),
        field,
        said: file.value.in_a_line(),
        by: file.by.clone(),
    });
    told.collect()
}

impl View {
    /// What people state of an asset whose facts in files and in force are known.
    pub(super) async fn governed(&self, detail: &AssetDetail, in_files: &AssetFacts, facts: &AssetFacts) -> Result<Governed> {
        let stated = self.stated.of(&detail.asset.namespace, &detail.asset.key);
        let holds = |field| stated.is_some_and(|stated| stated.get("", field).is_some());
        let is_beaten = |said: &Said| said.by().is_none();
        let asset = detail.asset.id;
        let other_deprecation =
            in_files.deprecated.as_ref().filter(|fact| is_beaten(&fact.said) && holds(StatedField::Deprecation));
        Ok(Governed {
            fields: self.field_statements(detail),
            disputed: stated.map(disputed).unwrap_or_default(),
            owners_in_files: if holds(StatedField::Owners) { self.named_owners(&in_files.owners) } else { Vec::new() },
            deprecation_in_files: other_deprecation.map(|fact| self.deprecation(asset, fact)),
            certification: facts
                .certification
                .as_ref()
                .map(|(value, by)| CertifiedBy { note: value.note.clone(), by: by.clone() }),
            tier: self.tier(asset, facts),
            stated_tags: match stated.and_then(|stated| stated.get("", StatedField::Tags)).map(|field| &field.value) {
                Some(StatedValue::Tags(tags)) => tags.clone(),
                _ => Vec::new(),
            },
            wrong: self.wrong_notice(asset),
            wrong_upstream: self.wrong_upstream(asset),
            deprecated_inputs: self.deprecated_inputs(asset),
            progress: match &facts.deprecated {
                Some(_) => Some(self.reader_progress(asset).await?),
                None => None,
            },
        })
    }

    fn field_statements(&self, detail: &AssetDetail) -> Vec<FieldStatement> {
        let Some(stated) = self.stated.of(&detail.asset.namespace, &detail.asset.key) else { return Vec::new() };
        let statement = |(column, field, number): (&str, StatedField, i64)| {
            let in_force = stated.get(column, field);
            FieldStatement {
                column: column.to_owned(),
                field,
                number,
                by: in_force.map(|field| field.by.clone()),
                value: in_force.and_then(|field| field.value.to_json()),
            }
        };
        stated.numbers().map(statement).collect()
    }

    /// What kind of data an asset holds: as stated, else by what its SQL does.
    pub(super) fn tier_of(&self, asset: AssetId) -> Option<TierAnswer> {
        self.tier(asset, self.facts.of(asset))
    }

    /// The tier of an asset of which `facts` are said.
    fn tier(&self, asset: AssetId, facts: &AssetFacts) -> Option<TierAnswer> {
        if let Some(tier) = facts.tier {
            return Some(TierAnswer { tier, is_stated: true });
        }
        let row = self.asset(asset)?;
        let tier = match row.role {
            AssetRole::Source | AssetRole::External | AssetRole::Seed => Tier::Operational,
            AssetRole::Model | AssetRole::Snapshot if self.aggregates(asset) => Tier::Aggregated,
            AssetRole::Model | AssetRole::Snapshot => Tier::Analytical,
        };
        Some(TierAnswer { tier, is_stated: false })
    }

    fn aggregates(&self, asset: AssetId) -> bool {
        let columns = self.graph.columns_of(asset);
        columns.into_iter().any(|(column, _)| {
            let edges = self.graph.column_edges(column, Direction::Upstream);
            let kinds = edges.into_iter().filter_map(|edge| self.graph.edge(edge)).map(|edge| edge.kind);
            kinds.into_iter().any(|kind| kind == ColumnEdgeKind::Aggregation)
        })
    }

    /// That what an asset holds is wrong for now.
    pub(super) fn wrong_notice(&self, asset: AssetId) -> Option<WrongNotice> {
        let (wrong, by) = self.facts.of(asset).wrong.as_ref()?;
        Some(WrongNotice {
            asset: self.point(asset)?,
            since: wrong.since.clone(),
            because: wrong.because.clone(),
            by: by.clone(),
        })
    }

    /// What an asset is made from that is wrong for now, sorted.
    pub(super) fn wrong_upstream(&self, asset: AssetId) -> Vec<WrongNotice> {
        let origins = self.reached_by_wrong.get(&asset).into_iter().flatten();
        let mut notices: Vec<WrongNotice> = origins.filter_map(|origin| self.wrong_notice(*origin)).collect();
        notices.sort();
        notices
    }

    fn deprecated_inputs(&self, asset: AssetId) -> Vec<DeprecatedInput> {
        let inputs = self.graph.neighbours(asset, Direction::Upstream).into_iter();
        let mut deprecated: Vec<DeprecatedInput> = inputs
            .filter(|input| *input != asset)
            .filter_map(|input| {
                let fact = self.facts.of(input).deprecated.as_ref()?;
                Some(DeprecatedInput { asset: self.point(input)?, deprecation: self.deprecation(input, fact) })
            })
            .collect();
        deprecated.sort_by(|one, other| one.asset.cmp(&other.asset));
        deprecated
    }

    async fn reader_progress(&self, asset: AssetId) -> Result<ReaderProgress> {
        let readers = self.graph.neighbours(asset, Direction::Downstream).into_iter().filter(|reader| *reader != asset);
        let (gone, live): (Vec<AssetId>, Vec<AssetId>) = readers.partition(|reader| self.facts.of(*reader).deprecated.is_some());
        let (now, deprecated) = (live.len() as u64, gone.len() as u64);
        let since = match self.facts.of(asset).deprecated.as_ref().map(|fact| &fact.said) {
            Some(Said::By(by)) => self.store.run_at(by.at).await?,
            Some(Said::InFile { .. }) | None => self.store.first_run_with_fact(asset, "deprecated").await?,
        };
        let at_first = match since {
            Some(run) => self.store.count_readers(run.min(self.run), asset).await?,
            None => now,
        };
        Ok(ReaderProgress { at_first: at_first.max(now), now, deprecated })
    }
}

impl Governed {
    /// The newest statement of a field, where there is one.
    pub fn statement(&self, column: &str, field: StatedField) -> Option<&FieldStatement> {
        self.fields.iter().find(|statement| statement.field == field && statement.column.eq_ignore_ascii_case(column))
    }
}

impl AssetAnswer {
    /// What holds of a field now, by people or by files, as somebody who changes it starts from.
    pub fn value_now(&self, column: &str, field: StatedField) -> StatedValue {
        let stated = self.governed.statement(column, field).filter(|statement| statement.by.is_some());
        if let Some(Ok(value)) = stated.map(|statement| StatedValue::from_json(field, statement.value.clone())) {
            return value;
        }
        match field {
            StatedField::Owners => StatedValue::Owners(
                self.owners
                    .iter()
                    .map(|owner| StatedOwner { name: owner.name.clone(), kind: owner.kind.unwrap_or_default() })
                    .collect(),
            ),
            StatedField::Deprecation if !column.is_empty() => StatedValue::Deprecation(None),
            StatedField::Deprecation => StatedValue::Deprecation(self.deprecation.as_ref().map(|value| StatedDeprecation {
                note: value.note.clone(),
                date: value.date.clone(),
                replacement: value.replacement.as_ref().map(|replacement| replacement.text.clone()),
                columns: value.columns.clone(),
            })),
            StatedField::Description if column.is_empty() => {
                StatedValue::Description(self.descriptions.first().map(|text| text.text.clone()).unwrap_or_default())
            }
            StatedField::Description => {
                let known = self.columns.iter().find(|known| known.name.eq_ignore_ascii_case(column));
                let own = known.and_then(|known| known.description.as_ref()).filter(|text| text.inherited_from.is_none());
                StatedValue::Description(own.map(|text| text.text.clone()).unwrap_or_default())
            }
            StatedField::Certification => StatedValue::Certification(None),
            StatedField::Tags => StatedValue::Tags(Vec::new()),
            StatedField::Tier => StatedValue::Tier(self.governed.tier.map(|answer| answer.tier)),
            StatedField::Wrong => StatedValue::Wrong(None),
        }
    }
}
