//! What holds lineage up: files, logged queries, and what warehouses state themselves.

use std::collections::{BTreeSet, HashMap};

use serde::Serialize;

use super::{AssetRef, ColumnRef, Direction, LogReach, Place, Result, View};
use crate::{
    graph::EvidenceRef,
    model::{AssetId, AssetKind, ColumnEdgeKind, ColumnId, DocumentId, EdgeState, EvidenceKind, NativeEdge, NativeSeen},
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
    /// What the warehouse itself states of it.
    pub native: Option<NativeSeen>,
    /// When what is written was last seen written, seconds since 1970 UTC.
    pub last_write: Option<i64>,
}

/// What holds up that a column is made of another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct ColumnEvidence {
    /// The column read.
    pub column: ColumnRef,
    /// How it takes part; where only the warehouse states it, how is not known.
    pub kind: ColumnEdgeKind,
    /// What the evidence amounts to.
    pub state: EdgeState,
    /// Where files say so.
    pub places: Vec<Place>,
    /// In how many logged queries it was seen.
    pub queries: u64,
    /// What the warehouse itself states of it.
    pub native: Option<NativeSeen>,
}

impl ColumnEvidence {
    /// Whether anything but files holds it up.
    pub fn is_seen(&self) -> bool {
        self.queries > 0 || self.native.is_some()
    }

    /// Whether nothing but the warehouse's statement holds it up.
    pub fn is_only_native(&self) -> bool {
        self.native.is_some() && self.queries == 0 && self.places.is_empty()
    }
}

/// Evidence of one edge, sorted out by kind.
#[derive(Default)]
struct Held {
    places: Vec<Place>,
    queries: u64,
    native: Vec<EvidenceRef>,
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
        let mut native = Vec::new();
        for asset in self.assets.iter().filter(|asset| asset.kind != AssetKind::Routine) {
            for from in self.graph.neighbours(asset.id, Direction::Upstream) {
                let Some((read, stated)) = self.read_between(from, asset.id) else { continue };
                if let Some((_, count)) = answer.counts.iter_mut().find(|(known, _)| *known == read.state) {
                    *count += 1;
                }
                if state == Some(read.state) {
                    answer.reads.push(read);
                    native.push(stated);
                }
            }
        }
        let seen = self.native_of_tables(&native.concat()).await?;
        for (read, stated) in answer.reads.iter_mut().zip(native) {
            read.native = together(&stated, &seen);
        }
        answer.reads.sort_by(|one, other| (&one.to, &one.from).cmp(&(&other.to, &other.from)));
        Ok(answer)
    }

    fn read_between(&self, from: AssetId, to: AssetId) -> Option<(EvidencedRead, Vec<EvidenceRef>)> {
        let held = self.hold(self.graph.asset_evidence(from, to));
        let (_, state) = self.graph.edges_between(from, to)?;
        let seen = held.queries > 0 || !held.native.is_empty();
        let state = match (held.places.is_empty(), seen) {
            (false, true) => EdgeState::Confirmed,
            (true, true) => EdgeState::Observed,
            _ if state == EdgeState::Guessed => EdgeState::Guessed,
            _ => EdgeState::Declared,
        };
        let read = EvidencedRead {
            to: self.point(to)?,
            from: self.point(from)?,
            state,
            owners: self.facts.of(to).owner_names(),
            places: held.places,
            queries: held.queries,
            native: None,
            last_write: self.usage_summary(to).last_write,
        };
        Some((read, held.native))
    }

    /// What holds up the edges into a column, in the order of its sources.
    pub(super) async fn column_evidence(&self, column: ColumnId) -> Result<Vec<ColumnEvidence>> {
        let edges = self.graph.column_edges(column, Direction::Upstream);
        let edges: Vec<_> = edges.into_iter().filter_map(|edge| self.graph.edge(edge)).collect();
        let held: Vec<Held> = edges.iter().map(|edge| self.hold(edge.evidence)).collect();
        let native: Vec<EvidenceRef> = held.iter().flat_map(|held| held.native.iter().copied()).collect();
        let seen = self.native_of_columns(&native).await?;
        let mut evidence: Vec<ColumnEvidence> = edges
            .iter()
            .zip(held)
            .filter_map(|(edge, held)| {
                Some(ColumnEvidence {
                    column: self.point_column(edge.from)?,
                    kind: edge.kind,
                    state: edge.state,
                    native: together(&held.native, &seen),
                    places: held.places,
                    queries: held.queries,
                })
            })
            .collect();
        evidence.sort_by(|one, other| (&one.column, one.kind).cmp(&(&other.column, other.kind)));
        Ok(evidence)
    }

    fn hold(&self, evidence: &[EvidenceRef]) -> Held {
        let mut held = Held::default();
        let mut queries = BTreeSet::new();
        for it in evidence {
            match self.placements.get(it.placement as usize).map(|placement| placement.kind) {
                Some(EvidenceKind::Parsed) => held.places.extend(self.place_of_evidence(*it)),
                Some(EvidenceKind::Observed) => {
                    queries.insert(it.placement);
                }
                Some(EvidenceKind::Native) => held.native.push(*it),
                None => {}
            }
        }
        held.places.sort();
        held.places.dedup();
        held.queries = queries.len() as u64;
        held
    }

    /// What warehouses state of whole tables at these places.
    async fn native_of_tables(&self, at: &[EvidenceRef]) -> Result<HashMap<EvidenceRef, NativeSeen>> {
        if at.is_empty() {
            return Ok(HashMap::new());
        }
        let seen = self.store.native_table_edges().await?;
        let edges = self.native_at(at).await?.into_iter();
        Ok(edges.filter_map(|(at, source, edge)| Some((at, *seen.get(&(source, edge))?))).collect())
    }

    /// What warehouses state of columns at these places.
    async fn native_of_columns(&self, at: &[EvidenceRef]) -> Result<HashMap<EvidenceRef, NativeSeen>> {
        let mut into: HashMap<(String, String), HashMap<NativeEdge, NativeSeen>> = HashMap::new();
        let mut found = HashMap::new();
        for (at, source, edge) in self.native_at(at).await? {
            let table = (source, edge.to.clone());
            let known = match into.get(&table) {
                Some(known) => known,
                None => {
                    let known = self.store.native_edges_into(&table.0, &table.1).await?;
                    into.entry(table).or_insert(known)
                }
            };
            found.extend(known.get(&edge).map(|seen| (at, *seen)));
        }
        Ok(found)
    }

    /// The stated edges at these places, with the log of each.
    async fn native_at(&self, at: &[EvidenceRef]) -> Result<Vec<(EvidenceRef, String, NativeEdge)>> {
        let placement = |it: &EvidenceRef| self.placements.get(it.placement as usize);
        let mut documents: Vec<DocumentId> = at.iter().filter_map(placement).map(|placement| placement.document).collect();
        documents.sort_unstable();
        documents.dedup();
        let texts = self.store.texts_of(self.run, &documents).await?;
        let lines: HashMap<DocumentId, Vec<&str>> = texts.iter().map(|(id, text)| (*id, text.lines().collect())).collect();
        let edge = |it: &EvidenceRef| {
            let placement = placement(it)?;
            let line = lines.get(&placement.document)?.get(it.line.checked_sub(1)? as usize)?;
            Some((*it, placement.source.to_string(), NativeEdge::read(&placement.path, line)?))
        };
        Ok(at.iter().filter_map(edge).collect())
    }
}

/// What is stated at several places, taken together.
fn together(at: &[EvidenceRef], seen: &HashMap<EvidenceRef, NativeSeen>) -> Option<NativeSeen> {
    at.iter().filter_map(|at| seen.get(at).copied()).reduce(NativeSeen::and)
}
