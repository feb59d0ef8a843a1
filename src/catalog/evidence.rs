//! What holds lineage up: which reads are declared, observed, both, or guessed.

use serde::Serialize;

use super::{AssetRef, Direction, LogReach, Place, Result, View};
use crate::{
    model::{AssetId, AssetKind, EdgeState},
    store::PlacementRow,
};

/// Reads by state.
#[derive(Clone, Debug, Default, Serialize, utoipa::ToSchema)]
pub struct EvidenceAnswer {
    /// The state that is listed.
    pub state: Option<EdgeState>,
    /// How many reads each state has.
    pub counts: Vec<(EdgeState, u64)>,
    /// Reads of the listed state, by what is written.
    pub reads: Vec<EvidencedRead>,
    /// How far the logs reach, by warehouse.
    pub coverage: Vec<(String, LogReach)>,
}

/// One asset that is made from another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct EvidencedRead {
    /// What is written.
    pub to: AssetRef,
    /// What is read.
    pub from: AssetRef,
    /// What the evidence amounts to.
    pub state: EdgeState,
    /// Owners of what is written.
    pub owners: Vec<String>,
    /// Where files say so.
    pub places: Vec<Place>,
    /// In how many logged queries it was seen.
    pub queries: u64,
    /// When what is written was last seen written, seconds since 1970 UTC.
    pub last_write: Option<i64>,
}

/// Every state, what hides most first.
const STATES: [EdgeState; 4] = [EdgeState::Observed, EdgeState::Declared, EdgeState::Confirmed, EdgeState::Guessed];

impl View {
    /// Reads whose evidence amounts to `state`; without one only the counts.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn evidence(&self, state: Option<EdgeState>) -> Result<EvidenceAnswer> {
        let mut answer = EvidenceAnswer {
            state,
            counts: STATES.into_iter().map(|state| (state, 0)).collect(),
            coverage: self.coverage.iter().map(|(warehouse, days)| (warehouse.clone(), LogReach::of(days))).collect(),
            ..EvidenceAnswer::default()
        };
        for asset in self.assets.iter().filter(|asset| asset.kind != AssetKind::Routine) {
            for from in self.graph.neighbours(asset.id, Direction::Upstream) {
                let Some(read) = self.read_between(from, asset.id) else { continue };
                if let Some((_, count)) = answer.counts.iter_mut().find(|(known, _)| *known == read.state) {
                    *count += 1;
                }
                if state == Some(read.state) {
                    answer.reads.push(read);
                }
            }
        }
        answer.reads.sort_by(|one, other| (&one.to, &one.from).cmp(&(&other.to, &other.from)));
        Ok(answer)
    }

    fn read_between(&self, from: AssetId, to: AssetId) -> Option<EvidencedRead> {
        let evidence = self.graph.asset_evidence(from, to);
        let placement = |at: u32| self.placements.get(at as usize);
        let logged = |at: u32| placement(at).is_some_and(|placement: &PlacementRow| placement.logged);
        let queries = evidence.iter().filter(|it| logged(it.placement)).count() as u64;
        let mut places: Vec<Place> =
            evidence.iter().filter(|it| !logged(it.placement)).filter_map(|it| self.place_of_evidence(*it)).collect();
        places.sort();
        places.dedup();
        let (_, state) = self.graph.edges_between(from, to)?;
        let state = match (places.is_empty(), queries > 0) {
            (false, true) => EdgeState::Confirmed,
            (true, true) => EdgeState::Observed,
            _ if state == EdgeState::Guessed => EdgeState::Guessed,
            _ => EdgeState::Declared,
        };
        Some(EvidencedRead {
            to: self.point(to)?,
            from: self.point(from)?,
            state,
            owners: self.facts.of(to).owner_names(),
            places,
            queries,
            last_write: self.usage_summary(to).last_write,
        })
    }
}
