//! One pass over what matches: the best hits, how many there are, and the counts of every facet.

use std::{cmp::Ordering, collections::BTreeMap, collections::BTreeSet, collections::BinaryHeap};

use tantivy::{
    DocAddress, DocId, Score, Searcher, SegmentOrdinal, SegmentReader,
    collector::{Collector, SegmentCollector},
    columnar::{Column, StrColumn},
};

use super::{
    Facet, FacetCounts, FacetFilter,
    plan::stage,
    schema::{COLUMN_KIND, Rank},
};
use crate::model::AssetKind;

/// Values shown of a facet.
const MOST_VALUES: usize = 50;
/// What a name that is all matched adds, and what a merit of 1 adds: less than a stage.
const COVERAGE: f32 = 3.0;
const MERIT: f32 = 1.5;
/// What a change within the last 30 days adds.
const FRESH: f32 = 0.3;
/// What something of another environment than prod loses among equals.
const BESIDE_PROD: f32 = 2.5;
/// What a deprecated thing, or one of another environment, loses for every word.
const SINKS: f32 = 24.0;

/// What is wanted of a pass.
pub(super) struct Wanted {
    /// Hits to keep.
    pub(super) most: usize,
    /// Words of the query.
    pub(super) words: f32,
    /// What a hit must score above.
    pub(super) floor: f32,
    /// Today, days since 1970.
    pub(super) today: Option<i64>,
    /// Whether facets are counted.
    pub(super) facets: FacetUse,
    /// The filters.
    pub(super) filters: Filters,
}

/// Whether facets are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FacetUse {
    /// Every facet.
    Counted,
    /// None: only filtered by.
    Ignored,
}

/// The outcome of a pass.
#[derive(Debug, Default)]
pub(super) struct Collected {
    /// Hits in all.
    pub(super) total: u64,
    /// The best hits, best first.
    pub(super) best: Vec<(f32, DocAddress)>,
    /// Counts per facet, in the order of [`Facet::ALL`].
    pub(super) facets: Vec<BTreeMap<String, u64>>,
}

impl Collected {
    /// The counts as they are shown.
    pub(super) fn facet_counts(&self) -> Vec<FacetCounts> {
        let show = |(facet, counts): (Facet, &BTreeMap<String, u64>)| {
            let mut values: Vec<(String, u64)> = counts.iter().map(|(value, count)| (value.clone(), *count)).collect();
            values.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
            values.truncate(MOST_VALUES);
            FacetCounts { facet, values }
        };
        Facet::ALL.into_iter().zip(&self.facets).map(show).collect()
    }
}

/// Facet filters, per facet the values wanted and those not wanted.
#[derive(Clone, Debug, Default)]
pub(super) struct Filters {
    wanted: [Option<BTreeSet<String>>; 7],
    unwanted: [BTreeSet<String>; 7],
}

impl Filters {
    /// Takes filters with their values as they stand, and typed ones, whose values also match without
    /// regard to case or, failing that, as a part.
    pub(super) fn resolve(searcher: &Searcher, exact: &[FacetFilter], typed: &[FacetFilter]) -> tantivy::Result<Filters> {
        let mut filters = Filters::default();
        for filter in exact {
            filters.add(filter, BTreeSet::from([filter.value.clone()]));
        }
        for filter in typed {
            filters.add(filter, find_values(searcher, filter)?);
        }
        Ok(filters)
    }

    fn add(&mut self, filter: &FacetFilter, values: BTreeSet<String>) {
        let at = filter.facet as usize;
        if filter.negated {
            self.unwanted[at].extend(values);
        } else {
            self.wanted[at].get_or_insert_default().extend(values);
        }
    }
}

fn find_values(searcher: &Searcher, filter: &FacetFilter) -> tantivy::Result<BTreeSet<String>> {
    let typed = filter.value.trim().to_lowercase();
    let known: BTreeSet<String> = match filter.facet {
        Facet::Kind => kind_words().map(str::to_owned).collect(),
        Facet::Deprecated | Facet::Described => {
            let is_yes = matches!(typed.as_str(), "" | "yes" | "true" | "1" | "y");
            return Ok(BTreeSet::from([if is_yes { "yes" } else { "no" }.to_owned()]));
        }
        Facet::Owner | Facet::Source | Facet::Tag | Facet::Environment => all_values(searcher, filter.facet)?,
    };
    let equal: BTreeSet<String> = known
        .iter()
        .filter(|value| {
            let value = value.to_lowercase();
            value == typed || (filter.facet == Facet::Kind && format!("{value}s") == typed)
        })
        .cloned()
        .collect();
    if !equal.is_empty() || typed.is_empty() {
        return Ok(equal);
    }
    Ok(known.into_iter().filter(|value| value.to_lowercase().contains(&typed)).collect())
}

fn kind_words() -> impl Iterator<Item = &'static str> {
    AssetKind::ALL.into_iter().map(AssetKind::word).chain(["column"])
}

fn column_of(segment: &SegmentReader, facet: Facet) -> tantivy::Result<Option<StrColumn>> {
    match facet {
        Facet::Owner | Facet::Source | Facet::Tag | Facet::Environment => segment.fast_fields().str(facet.word()),
        Facet::Kind | Facet::Deprecated | Facet::Described => Ok(None),
    }
}

fn all_values(searcher: &Searcher, facet: Facet) -> tantivy::Result<BTreeSet<String>> {
    let mut values = BTreeSet::new();
    for segment in searcher.segment_readers() {
        let Some(column) = column_of(segment, facet)? else { continue };
        let mut value = String::new();
        for ord in 0..column.num_terms() as u64 {
            value.clear();
            if column.ord_to_str(ord, &mut value)? {
                values.insert(value.clone());
            }
        }
    }
    Ok(values)
}

impl Collector for Wanted {
    type Child = SegmentPass;
    type Fruit = Collected;

    fn for_segment(&self, ordinal: SegmentOrdinal, segment: &SegmentReader) -> tantivy::Result<SegmentPass> {
        let mut facets = Vec::with_capacity(Facet::ALL.len());
        for facet in Facet::ALL {
            facets.push(SegmentFacet::new(self, facet, segment)?);
        }
        Ok(SegmentPass {
            ordinal,
            ranks: segment.fast_fields().u64("rank")?,
            assets: segment.fast_fields().u64("asset")?,
            facets,
            counted: self.facets,
            most: self.most,
            words: self.words,
            floor: self.floor,
            today: self.today,
            total: 0,
            heap: BinaryHeap::new(),
            scratch: Vec::new(),
        })
    }

    fn requires_scoring(&self) -> bool {
        true
    }

    fn merge_fruits(
        &self,
        fruits: Vec<tantivy::Result<(u64, Vec<Candidate>, Vec<BTreeMap<String, u64>>)>>,
    ) -> tantivy::Result<Collected> {
        let mut all = Collected { facets: vec![BTreeMap::new(); Facet::ALL.len()], ..Collected::default() };
        let mut candidates: Vec<Candidate> = Vec::new();
        for fruit in fruits {
            let (total, best, facets) = fruit?;
            all.total += total;
            candidates.extend(best);
            for (sum, counts) in all.facets.iter_mut().zip(facets) {
                for (value, count) in counts {
                    *sum.entry(value).or_insert(0) += count;
                }
            }
        }
        candidates.sort_unstable_by(|a, b| b.cmp(a));
        candidates.truncate(self.most);
        all.best = candidates.into_iter().map(|candidate| (candidate.score, candidate.address)).collect();
        Ok(all)
    }
}

/// A hit that may be among the best; the greatest is the best.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Candidate {
    score: f32,
    asset: u64,
    address: DocAddress,
}

impl Eq for Candidate {}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> Ordering {
        self.score
            .total_cmp(&other.score)
            .then(other.asset.cmp(&self.asset))
            .then(other.address.segment_ord.cmp(&self.address.segment_ord))
            .then(other.address.doc_id.cmp(&self.address.doc_id))
    }
}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// One facet in one segment: its filter and its counts, by number of the value.
struct SegmentFacet {
    column: Option<StrColumn>,
    wanted: Option<BTreeSet<u64>>,
    unwanted: BTreeSet<u64>,
    counts: Vec<u64>,
    names: Vec<String>,
}

impl SegmentFacet {
    fn new(wanted: &Wanted, facet: Facet, segment: &SegmentReader) -> tantivy::Result<Self> {
        let column = column_of(segment, facet)?;
        let names: Vec<String> = match facet {
            Facet::Kind => kind_words().map(str::to_owned).collect(),
            Facet::Deprecated | Facet::Described => vec!["no".to_owned(), "yes".to_owned()],
            Facet::Owner | Facet::Source | Facet::Tag | Facet::Environment => Vec::new(),
        };
        let find = |values: &BTreeSet<String>| -> tantivy::Result<BTreeSet<u64>> {
            let mut numbers = BTreeSet::new();
            for value in values {
                numbers.extend(match &column {
                    Some(column) => column.dictionary().term_ord(value)?,
                    None => names.iter().position(|name| name == value).map(|at| at as u64),
                });
            }
            Ok(numbers)
        };
        let at = facet as usize;
        let chosen = wanted.filters.wanted[at].as_ref().map(&find).transpose()?;
        let unwanted = find(&wanted.filters.unwanted[at])?;
        let count = column.as_ref().map_or(names.len(), |column| column.num_terms());
        Ok(SegmentFacet { column, wanted: chosen, unwanted, counts: vec![0; count], names })
    }

    fn is_filtered(&self) -> bool {
        self.wanted.is_some() || !self.unwanted.is_empty()
    }

    fn values(&self, doc: DocId, own: u64, numbers: &mut Vec<u64>) {
        numbers.clear();
        match &self.column {
            Some(column) => numbers.extend(column.term_ords(doc)),
            None if self.names.is_empty() => {}
            None => numbers.push(own),
        }
    }

    fn passes(&self, numbers: &[u64]) -> bool {
        self.wanted.as_ref().is_none_or(|wanted| numbers.iter().any(|number| wanted.contains(number)))
            && !numbers.iter().any(|number| self.unwanted.contains(number))
    }

    fn harvest(self) -> tantivy::Result<BTreeMap<String, u64>> {
        let mut counts = BTreeMap::new();
        for (number, count) in self.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            let mut name = String::new();
            match &self.column {
                Some(column) => {
                    column.ord_to_str(number as u64, &mut name)?;
                }
                None => name.clone_from(&self.names[number]),
            }
            counts.insert(name, *count);
        }
        Ok(counts)
    }
}

/// The pass over one segment.
pub(super) struct SegmentPass {
    ordinal: SegmentOrdinal,
    ranks: Column<u64>,
    assets: Column<u64>,
    facets: Vec<SegmentFacet>,
    counted: FacetUse,
    most: usize,
    words: f32,
    floor: f32,
    today: Option<i64>,
    total: u64,
    heap: BinaryHeap<std::cmp::Reverse<Candidate>>,
    scratch: Vec<u64>,
}

impl SegmentPass {
    /// Filters and counts; says whether the document is a hit.
    fn filter(&mut self, doc: DocId, rank: Rank) -> bool {
        let own = [rank.kind() as u64, 0, 0, 0, u64::from(rank.is_deprecated()), u64::from(rank.is_described()), 0];
        let mut numbers = std::mem::take(&mut self.scratch);
        let is_hit = self.filter_with(doc, own, &mut numbers);
        self.scratch = numbers;
        is_hit
    }

    fn filter_with(&mut self, doc: DocId, own: [u64; 7], numbers: &mut Vec<u64>) -> bool {
        let mut failed = None;
        for (at, facet) in self.facets.iter().enumerate().filter(|(_, facet)| facet.is_filtered()) {
            facet.values(doc, own[at], numbers);
            if !facet.passes(numbers) && failed.replace(at).is_some() {
                return false;
            }
        }
        if self.counted == FacetUse::Counted {
            for (at, facet) in self.facets.iter_mut().enumerate() {
                if failed.is_some_and(|failed| failed != at) {
                    continue;
                }
                if facet.column.is_none() {
                    if let Some(count) = facet.counts.get_mut(own[at] as usize) {
                        *count += 1;
                    }
                    continue;
                }
                let SegmentFacet { column, counts, .. } = facet;
                for number in column.iter().flat_map(|column| column.term_ords(doc)) {
                    counts[number as usize] += 1;
                }
            }
        }
        failed.is_none()
    }

    fn score(&self, rank: Rank, score: Score) -> f32 {
        let coverage = (self.words / rank.pieces()).min(1.0) * COVERAGE;
        let fresh = self.today.is_some_and(|today| (0..=30).contains(&(today - rank.changed_day())));
        let sinks = (rank.is_deprecated() || rank.is_beside_prod()) && score < stage::ALIAS;
        let beside = if rank.is_beside_prod() { BESIDE_PROD } else { 0.0 };
        score + coverage + rank.merit() * MERIT + if fresh { FRESH } else { 0.0 }
            - if sinks { SINKS * self.words.max(1.0) } else { 0.0 }
            - beside
    }
}

impl SegmentCollector for SegmentPass {
    type Fruit = tantivy::Result<(u64, Vec<Candidate>, Vec<BTreeMap<String, u64>>)>;

    fn collect(&mut self, doc: DocId, score: Score) {
        if score <= self.floor {
            return;
        }
        let rank = Rank(self.ranks.first(doc).unwrap_or(COLUMN_KIND as u64));
        if !self.filter(doc, rank) {
            return;
        }
        self.total += 1;
        let score = self.score(rank, score);
        let worst = self.heap.peek().map(|worst| worst.0.score);
        let is_full = self.heap.len() >= self.most;
        if is_full && worst.is_none_or(|worst| score < worst) {
            return;
        }
        let address = DocAddress { segment_ord: self.ordinal, doc_id: doc };
        let candidate = Candidate { score, asset: self.assets.first(doc).unwrap_or(0), address };
        self.heap.push(std::cmp::Reverse(candidate));
        if self.heap.len() > self.most {
            self.heap.pop();
        }
    }

    fn harvest(self) -> Self::Fruit {
        let best = self.heap.into_iter().map(|candidate| candidate.0).collect();
        let facets = self.facets.into_iter().map(SegmentFacet::harvest).collect::<tantivy::Result<Vec<_>>>()?;
        Ok((self.total, best, facets))
    }
}
