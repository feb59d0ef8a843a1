//! The impact of a change: all that depends on an asset or a column, narrowed and counted.

use std::{cmp::Reverse, collections::BTreeMap, sync::Arc, vec};

use serde::Serialize;

use super::{AssetRef, CatalogError, Direction, Result, View, trace::start};
use crate::{
    graph::ImpactedAsset,
    model::{AssetId, AssetKind},
    store::AssetRow,
};

pub use crate::graph::Reach;

/// What is asked: what depends on something, and which of it is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImpactQuery {
    /// The asset's namespace.
    pub namespace: String,
    /// The asset's name.
    pub name: String,
    /// The column; `None` for the whole asset.
    pub column: Option<String>,
    /// What the rows must, or must not, be; several positive values of one facet mean any.
    pub filters: Vec<ImpactFilter>,
}

/// One value chosen or excluded.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct ImpactFilter {
    /// Of what.
    pub facet: ImpactFacet,
    /// The value.
    pub value: String,
    /// Whether rows must not have it.
    pub negated: bool,
}

/// What the rows of an impact can be narrowed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ImpactFacet {
    /// Words of [`ImpactSeverity`].
    Severity,
    /// Words of asset kinds.
    Kind,
    /// An owner; "" for none.
    Owner,
    /// The source that defines it.
    Source,
    /// `yes` or `no`.
    Deprecated,
    /// Whether a person asked for it in the last 30 days that query logs cover: `yes` or `no`; "" where no
    /// log was read.
    Used,
    /// `prod`, or what `[[names]]` rules say.
    Environment,
}

impl ImpactFacet {
    /// Every facet, in the order that pages show.
    pub const ALL: [ImpactFacet; 7] = [
        ImpactFacet::Severity,
        ImpactFacet::Kind,
        ImpactFacet::Owner,
        ImpactFacet::Source,
        ImpactFacet::Deprecated,
        ImpactFacet::Used,
        ImpactFacet::Environment,
    ];

    /// The word used in addresses.
    pub fn word(self) -> &'static str {
        match self {
            ImpactFacet::Severity => "severity",
            ImpactFacet::Kind => "kind",
            ImpactFacet::Owner => "owner",
            ImpactFacet::Source => "source",
            ImpactFacet::Deprecated => "deprecated",
            ImpactFacet::Used => "used",
            ImpactFacet::Environment => "environment",
        }
    }

    /// The facet that `word` names.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|facet| facet.word() == word)
    }
}

/// What depends on an asset or a column.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct ImpactAnswer {
    /// Of what.
    pub asset: AssetRef,
    /// The column; `None` for the whole asset.
    pub column: Option<String>,
    /// How many assets depend on it, whatever the filters.
    pub total: u64,
    /// Those that pass the filters, worst first.
    pub affected: Vec<Affected>,
    /// Owners of those with how many of them they own, most first.
    pub owners: Vec<(String, u64)>,
    /// Per facet the values with how many rows would pass if it alone were chosen of its facet, most first.
    pub facets: Vec<(ImpactFacet, Vec<(String, u64)>)>,
}

/// One asset that depends on another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Affected {
    /// The asset.
    pub asset: AssetRef,
    /// How bad.
    pub severity: ImpactSeverity,
    /// How it is reached, by the worst of all paths.
    pub reach: Reach,
    /// How it depends on it: the kinds of the last edges, sorted (`AGGREGATION`, `FILTER`, …).
    pub kinds: Vec<String>,
    /// Its columns that are affected, sorted; empty where its rows or the whole of it are.
    pub columns: Vec<String>,
    /// Edges between them on the shortest path.
    pub depth: u32,
    /// Owners' names.
    pub owners: Vec<String>,
    /// The source that makes it depend; "" where that is not known.
    pub source: String,
    /// People who asked for it in the last 30 days that query logs cover; `None` where no log was read.
    pub people: Option<u32>,
    /// The last query of a person, seconds since 1970 UTC.
    pub last_use: Option<i64>,
}

impl Affected {
    /// The values that it has in a facet.
    fn values(&self, facet: ImpactFacet) -> Vec<&str> {
        let yes = |it: bool| if it { "yes" } else { "no" };
        match facet {
            ImpactFacet::Severity => vec![self.severity.word()],
            ImpactFacet::Kind => vec![self.asset.kind.word()],
            ImpactFacet::Owner if self.owners.is_empty() => vec![""],
            ImpactFacet::Owner => self.owners.iter().map(String::as_str).collect(),
            ImpactFacet::Source => vec![self.source.as_str()],
            ImpactFacet::Deprecated => vec![yes(self.asset.deprecated)],
            ImpactFacet::Used => vec![self.people.map_or("", |people| yes(people > 0))],
            ImpactFacet::Environment => vec![self.asset.environment.as_deref().unwrap_or("prod")],
        }
    }

    fn passes(&self, facet: ImpactFacet, filters: &[ImpactFilter]) -> bool {
        let mut mine = filters.iter().filter(|filter| filter.facet == facet).peekable();
        if mine.peek().is_none() {
            return true;
        }
        let values = self.values(facet);
        let (mut wants, mut has) = (false, false);
        for filter in mine {
            let holds = values.contains(&filter.value.as_str());
            match (filter.negated, holds) {
                (true, true) => return false,
                (true, false) => {}
                (false, holds) => {
                    wants = true;
                    has |= holds;
                }
            }
        }
        has || !wants
    }

    fn passes_all(&self, filters: &[ImpactFilter]) -> bool {
        ImpactFacet::ALL.into_iter().all(|facet| self.passes(facet, filters))
    }
}

/// How bad it is when a source changes or goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ImpactSeverity {
    /// People look at it: a dashboard, chart or metric.
    Seen,
    /// It breaks: it names the column or table itself.
    Breaks,
    /// Its values change: it is reached through others.
    Changes,
}

impl ImpactSeverity {
    /// The word used in output.
    pub fn word(self) -> &'static str {
        match self {
            ImpactSeverity::Seen => "seen",
            ImpactSeverity::Breaks => "breaks",
            ImpactSeverity::Changes => "changes",
        }
    }
}

/// The rows of an impact, worst first, each made when it is asked for.
#[derive(Debug)]
pub struct ImpactRows {
    view: Arc<View>,
    hits: vec::IntoIter<ImpactedAsset>,
    filters: Vec<ImpactFilter>,
}

impl Iterator for ImpactRows {
    type Item = Affected;

    fn next(&mut self) -> Option<Affected> {
        loop {
            let hit = self.hits.next()?;
            if let Some(row) = self.view.affected(hit).filter(|row| row.passes_all(&self.filters)) {
                return Some(row);
            }
        }
    }
}

/// What was found, before it is narrowed.
struct Found {
    asset: AssetRef,
    column: Option<String>,
    hits: Vec<ImpactedAsset>,
}

impl View {
    /// All that depends on an asset, or on one column of it, row edges included.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`] where there is no such asset or column.
    pub async fn impact(&self, query: &ImpactQuery) -> Result<ImpactAnswer> {
        let found = self.find_impact(query).await?;
        let all: Vec<Affected> = found.hits.into_iter().filter_map(|hit| self.affected(hit)).collect();
        let facets = count_facets(&all, &query.filters);
        let total = all.len() as u64;
        let affected: Vec<Affected> = all.into_iter().filter(|row| row.passes_all(&query.filters)).collect();
        let mut owners: BTreeMap<String, u64> = BTreeMap::new();
        for owner in affected.iter().flat_map(|hit| &hit.owners) {
            *owners.entry(owner.clone()).or_default() += 1;
        }
        let mut owners: Vec<(String, u64)> = owners.into_iter().collect();
        owners.sort_by_key(|(name, assets)| (Reverse(*assets), name.clone()));
        Ok(ImpactAnswer { asset: found.asset, column: found.column, total, affected, owners, facets })
    }

    /// The same rows one after the other, and the asset that they depend on.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`] where there is no such asset or column.
    pub async fn impact_rows(self: &Arc<View>, query: ImpactQuery) -> Result<(AssetRef, ImpactRows)> {
        let found = self.find_impact(&query).await?;
        Ok((found.asset, ImpactRows { view: Arc::clone(self), hits: found.hits.into_iter(), filters: query.filters }))
    }

    async fn find_impact(&self, query: &ImpactQuery) -> Result<Found> {
        let asset = self.demand(&query.namespace, &query.name)?;
        let (id, pointer) = (asset.id, self.point_at(asset));
        let column = self.demand_column(asset, query.column.as_deref()).await?;
        let (graph, from) = (Arc::clone(&self.graph), start(id, column.as_deref()));
        let found = tokio::task::spawn_blocking(move || graph.impact(&from, usize::MAX)).await;
        let mut hits = found.map_err(|cause| CatalogError::broken("tracing", cause))?.unwrap_or_default().assets;
        hits.sort_by_cached_key(|hit| {
            let row = self.asset(hit.asset);
            (row.map(|row| severity(row.kind, hit.depth)), hit.depth, row.map(|row| (row.namespace.clone(), row.name.clone())))
        });
        Ok(Found { asset: pointer, column, hits })
    }

    fn affected(&self, hit: ImpactedAsset) -> Option<Affected> {
        let row = self.asset(hit.asset)?;
        let usage = self.usage.get(&hit.asset);
        let is_logged = self.coverage.contains_key(&*row.namespace);
        Some(Affected {
            asset: self.point_at(row),
            severity: severity(row.kind, hit.depth),
            reach: hit.reach,
            kinds: hit.kinds.words().into_iter().map(str::to_owned).collect(),
            columns: hit.columns,
            depth: hit.depth,
            owners: self.facts.of(hit.asset).owner_names(),
            source: self.source_of_reader(row).unwrap_or_default(),
            people: is_logged.then(|| usage.map_or(0, |usage| usage.people_30)),
            last_use: usage.and_then(|usage| usage.last_human),
        })
    }

    /// The source of the first file that says what an asset reads.
    fn source_of_reader(&self, asset: &AssetRow) -> Option<String> {
        let sources = |from: AssetId| self.graph.asset_evidence(from, asset.id).iter();
        let mut found = self.graph.neighbours(asset.id, Direction::Upstream).into_iter().flat_map(sources);
        found.find_map(|evidence| Some(self.placements.get(evidence.placement as usize)?.source.to_string()))
    }
}

fn severity(kind: AssetKind, depth: u32) -> ImpactSeverity {
    match kind {
        AssetKind::Dashboard | AssetKind::Chart | AssetKind::Metric => ImpactSeverity::Seen,
        _ if depth <= 1 => ImpactSeverity::Breaks,
        _ => ImpactSeverity::Changes,
    }
}

/// The counts of every facet, over the rows that the filters of the other facets let pass.
fn count_facets(rows: &[Affected], filters: &[ImpactFilter]) -> Vec<(ImpactFacet, Vec<(String, u64)>)> {
    let mut counts: BTreeMap<ImpactFacet, BTreeMap<&str, u64>> = BTreeMap::new();
    for row in rows {
        let failed: Vec<ImpactFacet> = ImpactFacet::ALL.into_iter().filter(|facet| !row.passes(*facet, filters)).collect();
        for facet in ImpactFacet::ALL.into_iter().filter(|facet| failed.iter().all(|failed| failed == facet)) {
            let of_facet = counts.entry(facet).or_default();
            for value in row.values(facet) {
                *of_facet.entry(value).or_default() += 1;
            }
        }
    }
    let sorted = |(facet, values): (ImpactFacet, BTreeMap<&str, u64>)| {
        let mut values: Vec<(String, u64)> = values.into_iter().map(|(value, number)| (value.to_owned(), number)).collect();
        values.sort_by_key(|(value, number)| (Reverse(*number), value.clone()));
        (facet, values)
    };
    counts.into_iter().map(sorted).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::AssetRole;

    fn row(name: &str, owners: &[&str], deprecated: bool) -> Affected {
        Affected {
            asset: AssetRef {
                namespace: "bigquery".to_owned(),
                name: name.to_owned(),
                kind: AssetKind::Table,
                role: AssetRole::Model,
                deprecated,
                environment: None,
            },
            severity: ImpactSeverity::Breaks,
            reach: Reach::Values,
            kinds: Vec::new(),
            columns: Vec::new(),
            depth: 1,
            owners: owners.iter().map(|owner| (*owner).to_owned()).collect(),
            source: "warehouse".to_owned(),
            people: None,
            last_use: None,
        }
    }

    fn filter(facet: ImpactFacet, value: &str, negated: bool) -> ImpactFilter {
        ImpactFilter { facet, value: value.to_owned(), negated }
    }

    #[test]
    fn values_of_one_facet_mean_any_and_facets_mean_all() {
        let (mine, yours, old) = (row("a", &["me"], false), row("b", &["you"], false), row("c", &[], true));
        let any = [filter(ImpactFacet::Owner, "me", false), filter(ImpactFacet::Owner, "", false)];
        assert!(mine.passes_all(&any) && old.passes_all(&any) && !yours.passes_all(&any));
        let both = [filter(ImpactFacet::Owner, "", false), filter(ImpactFacet::Deprecated, "yes", true)];
        assert!(!old.passes_all(&both));
        assert!(yours.passes_all(&[filter(ImpactFacet::Owner, "me", true)]));
    }

    #[test]
    fn a_facet_is_counted_as_if_it_were_not_filtered_itself() {
        let rows = [row("a", &["me"], false), row("b", &["you"], false), row("c", &["me"], true)];
        let counts = count_facets(&rows, &[filter(ImpactFacet::Owner, "me", false)]);
        let of = |facet| counts.iter().find(|(one, _)| *one == facet).map(|(_, values)| values.clone()).unwrap_or_default();
        assert_eq!(of(ImpactFacet::Owner), [("me".to_owned(), 2), ("you".to_owned(), 1)]);
        assert_eq!(of(ImpactFacet::Deprecated), [("no".to_owned(), 1), ("yes".to_owned(), 1)]);
    }
}
