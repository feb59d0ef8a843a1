//! What look-ups answer from while documents are analysed, and how answers are compared.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet, HashMap},
    hash::Hash,
    sync::Arc,
};

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

use super::{
    bind::{Bound, Place, Universe},
    lower::{Results, TargetResult},
};
use crate::{
    config::NameRules,
    model::{AssetKey, AssetKind, DeclaredColumn, DocumentRole, KnownRelation, KnownRoutine, RelationName},
    sql::Lookups,
    store::InferredColumns,
    template,
};

/// A hash that is equal for equal values, from one crawl to the next.
pub(super) fn hash_of<T: Hash + ?Sized>(value: &T) -> u64 {
    let mut hasher = Xxh3::new();
    value.hash(&mut hasher);
    hasher.digest()
}

/// Everything that is known while documents are analysed.
#[derive(Default)]
pub(super) struct World {
    pub(super) universe: Universe,
    /// Columns declared by schema files: the first file wins.
    pub(super) declared: HashMap<AssetKey, Arc<[DeclaredColumn]>>,
    /// What the layout says an asset is.
    pub(super) kinds: HashMap<AssetKey, AssetKind>,
    /// The documents that write an asset, in order, but for those whose CREATE another's supersedes.
    pub(super) writers: HashMap<AssetKey, Vec<u32>>,
    /// The document whose CREATE … AS of an asset holds, where there is one.
    definers: HashMap<AssetKey, u32>,
    routines: HashMap<AssetKey, (Arc<KnownRoutine>, u64)>,
    known: HashMap<AssetKey, (Arc<KnownRelation>, u64)>,
}

impl World {
    /// Knows nothing but the rules for names.
    pub(super) fn new(rules: NameRules) -> World {
        World { universe: Universe::new(rules), ..World::default() }
    }

    /// Decides which of the documents that create an asset with a query holds: the first, copies for
    /// other environments after all others. `definers` are (copy, document), in order.
    pub(super) fn choose_definers(&mut self, definers: HashMap<AssetKey, Vec<(bool, u32)>>) {
        for (key, definers) in definers {
            let Some((_, first)) = definers.iter().min().copied() else { continue };
            if let Some(writers) = self.writers.get_mut(&key) {
                writers.retain(|at| *at == first || definers.iter().all(|(_, definer)| definer != at));
            }
            self.definers.insert(key, first);
        }
    }

    /// How a `document` stands to an asset that it creates with a query.
    fn standing(&self, place: Place<'_>, document: u32, name: &RelationName) -> Standing {
        let Some(bound) = self.universe.bind(place, name) else { return Standing::Defines };
        match self.definers.get(&bound.key) {
            Some(first) if *first != document && bound.copy => Standing::Copy,
            Some(first) if *first != document => Standing::Superseded,
            _ => Standing::Defines,
        }
    }

    /// Makes a routine's text known; the first definition wins.
    pub(super) fn define_routine(&mut self, key: AssetKey, routine: &KnownRoutine) {
        let hash = hash_of(routine);
        self.routines.entry(key).or_insert_with(|| (Arc::new(routine.clone()), hash));
    }

    /// Whether `key` is a routine whose text is known.
    pub(super) fn is_routine(&self, key: &AssetKey) -> bool {
        self.routines.contains_key(key)
    }

    /// Learns the columns of assets that schema files alone declare.
    pub(super) fn learn_declared(&mut self) {
        let keys: Vec<AssetKey> = self.declared.keys().cloned().collect();
        for key in keys {
            self.learn(&key, &[]);
        }
    }

    /// Learns the columns of an asset from what its writers make of it.
    pub(super) fn learn(&mut self, key: &AssetKey, results: &[Arc<Results>]) {
        match self.columns_of(key, results) {
            Some(relation) => {
                let hash = hash_of(&relation);
                self.known.insert(key.clone(), (Arc::new(relation), hash));
            }
            None => {
                self.known.remove(key);
            }
        }
    }

    /// What a reader sees of an asset. Of tables, what is declared is the warehouse's truth; of views,
    /// what their SQL puts out, as far as it is complete.
    fn columns_of(&self, key: &AssetKey, results: &[Arc<Results>]) -> Option<KnownRelation> {
        let is_view = kind_of(key, results, self.kinds.get(key).copied())
            .is_some_and(|kind| matches!(kind, AssetKind::View | AssetKind::MaterializedView));
        let declared = self.declared.get(key).map(|columns| known_from_declared(columns)).or_else(|| {
            let mut own = targets_of(key, results);
            own.find(|target| !target.declared.is_empty()).map(|target| known_from_declared(&target.declared))
        });
        let inferred = inferred_columns(key, results).map(known_from_inferred);
        match (declared, inferred) {
            (_, Some(inferred)) if is_view && inferred.complete => Some(inferred),
            (Some(declared), _) => Some(declared),
            (None, inferred) => inferred,
        }
    }

    fn known(&self, key: &AssetKey) -> Option<&(Arc<KnownRelation>, u64)> {
        if let Some(known) = self.known.get(key) {
            return Some(known);
        }
        let prefix = key.key.strip_suffix('*')?;
        let covered = self.universe.covered(&key.namespace, prefix);
        let keys = covered.into_iter().rev().map(|key_| AssetKey { namespace: key.namespace.clone(), key: key_ });
        keys.filter_map(|key| self.known.get(&key)).next()
    }

    /// What a wildcard table stands for: every table that its name covers, the last name first, with
    /// its columns where they are known; nothing for other tables.
    fn covered(&self, wildcard: &AssetKey) -> Vec<(AssetKey, Option<&KnownRelation>)> {
        let Some(prefix) = wildcard.key.strip_suffix('*') else { return Vec::new() };
        let keys = self.universe.covered(&wildcard.namespace, prefix).into_iter().rev();
        keys.map(|key| {
            let key = AssetKey { namespace: wildcard.namespace.clone(), key };
            let known = self.known.get(&key).map(|(relation, _)| &**relation);
            (key, known)
        })
        .collect()
    }

    /// The hash of what `question`, asked by `document` at `place`, is answered now.
    pub(super) fn answer(&self, place: Place<'_>, document: u32, question: &Question) -> u64 {
        match question {
            Question::Relation(name) => {
                let bound = self.universe.bind(place, name);
                let known = bound.as_ref().and_then(|bound| self.known(&bound.key)).map(|(_, hash)| *hash);
                hash_of(&(bound.map(identity), known))
            }
            Question::Routine(name) => {
                let bound = self.universe.bind(place, name);
                hash_of(&bound.and_then(|bound| Some((self.routines.get(&bound.key)?.1, bound.key))))
            }
            Question::Name(name) => hash_of(&self.universe.bind(place, name).map(identity)),
            Question::Callable(name) => {
                let bound = self.universe.bind(place, name);
                hash_of(&bound.filter(|bound| self.is_routine(&bound.key)).map(identity))
            }
            Question::Standing(name) => hash_of(&self.standing(place, document, name)),
            Question::Covered(name) => {
                let covered = self.universe.bind(place, name).map(|bound| self.covered(&bound.key)).unwrap_or_default();
                hash_of(&covered.into_iter().map(|(key, known)| (key, known.map(hash_of))).collect::<Vec<_>>())
            }
        }
    }
}

fn identity(bound: Bound) -> (AssetKey, String, bool, bool) {
    (bound.key, bound.name, bound.guessed, bound.known)
}

/// How a document stands to an asset that it writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) enum Standing {
    /// It declares the asset or writes into it: what several documents do adds up.
    #[default]
    Adds,
    /// Its CREATE … AS holds.
    Defines,
    /// Another document's CREATE … AS holds.
    Superseded,
    /// Another document's CREATE … AS holds, and this one's is a copy for another environment.
    Copy,
}

impl Standing {
    /// Whether what the document does to the asset counts.
    pub(super) fn holds(self) -> bool {
        matches!(self, Standing::Adds | Standing::Defines)
    }
}

/// What an analysis asked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum Question {
    /// The columns of a relation.
    #[serde(rename = "r")]
    Relation(RelationName),
    /// The text of a routine.
    #[serde(rename = "f")]
    Routine(RelationName),
    /// Which asset a relation is.
    #[serde(rename = "n")]
    Name(RelationName),
    /// Which routine of the catalog is called.
    #[serde(rename = "c")]
    Callable(RelationName),
    /// Whether this document's CREATE of a relation holds.
    #[serde(rename = "d")]
    Standing(RelationName),
    /// What a wildcard table covers.
    #[serde(rename = "w")]
    Covered(RelationName),
}

/// Look-ups of one document, recorded.
pub(super) struct Recorder<'w> {
    world: &'w World,
    place: Place<'w>,
    document: u32,
    asked: RefCell<BTreeSet<Question>>,
}

impl<'w> Recorder<'w> {
    pub(super) fn new(world: &'w World, place: Place<'w>, document: u32) -> Self {
        Recorder { world, place, document, asked: RefCell::default() }
    }

    /// Everything asked, with the hashes of the answers.
    pub(super) fn into_answers(self) -> Vec<(Question, u64)> {
        let (world, place, document) = (self.world, self.place, self.document);
        let asked = self.asked.into_inner().into_iter();
        asked.map(|question| (world.answer(place, document, &question), question)).map(|(hash, asked)| (asked, hash)).collect()
    }

    /// Which asset a relation is, recorded.
    pub(super) fn bind(&self, name: &RelationName) -> Option<Bound> {
        self.asked.borrow_mut().insert(Question::Name(name.clone()));
        self.world.universe.bind(self.place, name)
    }

    /// Which routine of the catalog is called, recorded.
    pub(super) fn bind_routine(&self, name: &RelationName) -> Option<Bound> {
        self.asked.borrow_mut().insert(Question::Callable(name.clone()));
        self.world.universe.bind(self.place, name).filter(|bound| self.world.is_routine(&bound.key))
    }

    /// What a wildcard table covers, recorded; nothing for other tables.
    pub(super) fn covered(&self, name: &RelationName, bound: &Bound) -> Vec<(AssetKey, Option<&'w KnownRelation>)> {
        if !bound.key.key.ends_with('*') {
            return Vec::new();
        }
        self.asked.borrow_mut().insert(Question::Covered(name.clone()));
        self.world.covered(&bound.key)
    }

    /// The other keys under which `name`, which is bound so, would stand.
    pub(super) fn other_keys(&self, name: &RelationName, bound: &Bound) -> Vec<String> {
        Universe::other_keys(self.place, name, &bound.key)
    }

    /// How this document stands to an asset that it creates with a query, recorded.
    pub(super) fn standing(&self, name: &RelationName) -> Standing {
        self.asked.borrow_mut().insert(Question::Standing(name.clone()));
        self.world.standing(self.place, self.document, name)
    }
}

impl Lookups for Recorder<'_> {
    fn relation(&self, name: &RelationName) -> Option<Arc<KnownRelation>> {
        self.asked.borrow_mut().insert(Question::Relation(name.clone()));
        let bound = self.world.universe.bind(self.place, name)?;
        self.world.known(&bound.key).map(|(relation, _)| relation.clone())
    }

    fn routine(&self, name: &RelationName) -> Option<Arc<KnownRoutine>> {
        self.asked.borrow_mut().insert(Question::Routine(name.clone()));
        let bound = self.world.universe.bind(self.place, name)?;
        self.world.routines.get(&bound.key).map(|(routine, _)| routine.clone())
    }
}

/// What an asset is: as its SQL makes it, else as the layout says.
pub(super) fn kind_of(key: &AssetKey, results: &[Arc<Results>], layout: Option<AssetKind>) -> Option<AssetKind> {
    targets_of(key, results).filter_map(|target| target.kind).next().or(layout)
}

/// What `results` make of an asset, without what is superseded.
pub(super) fn targets_of<'r>(key: &'r AssetKey, results: &'r [Arc<Results>]) -> impl Iterator<Item = &'r TargetResult> {
    let targets = results.iter().flat_map(|results| &results.targets);
    targets.filter(move |target| target.asset == *key && target.standing.holds())
}

/// What the layout says that a document's target is.
pub(super) fn kind_of_role(role: DocumentRole) -> AssetKind {
    match role {
        DocumentRole::View => AssetKind::View,
        DocumentRole::Routine => AssetKind::Routine,
        DocumentRole::Metric => AssetKind::Metric,
        DocumentRole::Chart => AssetKind::Chart,
        DocumentRole::Dashboard => AssetKind::Dashboard,
        DocumentRole::Sql
        | DocumentRole::Query
        | DocumentRole::Script
        | DocumentRole::Check
        | DocumentRole::Ddl
        | DocumentRole::Logged
        | DocumentRole::Failed
        | DocumentRole::Native => AssetKind::Table,
    }
}

/// The columns that an asset's own SQL gives it: of what creates it, then of what writes into it.
pub(super) fn inferred_columns(key: &AssetKey, results: &[Arc<Results>]) -> Option<InferredColumns> {
    let filled = || targets_of(key, results).filter(|target| !target.outputs.is_empty());
    // What a log saw written only speaks where no file does.
    let by_files = filled().any(|target| !target.observed);
    let with_query = || filled().filter(|target| !(by_files && target.observed));
    let mut targets: Vec<_> = with_query().filter(|target| target.kind.is_some()).take(1).collect();
    targets.extend(with_query().filter(|target| target.kind.is_none()));
    if targets.is_empty() {
        return None;
    }
    let mut seen = BTreeSet::new();
    let mut inferred = InferredColumns { columns: Vec::new(), complete: true, whole: false };
    for target in targets {
        // A placeholder may stand for several columns that only the warehouse knows.
        inferred.complete &= target.complete && !target.outputs.iter().any(|name| template::is_placeholder(name));
        inferred.whole |= target.whole;
        for name in &target.outputs {
            if seen.insert(name.to_lowercase()) {
                inferred.columns.push(name.clone());
            }
        }
    }
    Some(inferred)
}

fn known_from_declared(columns: &[DeclaredColumn]) -> KnownRelation {
    let (nested, top): (Vec<&str>, Vec<&str>) =
        columns.iter().map(|column| column.name.as_str()).partition(|name| name.contains('.'));
    KnownRelation {
        columns: top.into_iter().map(str::to_owned).collect(),
        complete: true,
        nested: nested.into_iter().map(str::to_owned).collect(),
        aliases: Vec::new(),
    }
}

fn known_from_inferred(inferred: InferredColumns) -> KnownRelation {
    KnownRelation {
        columns: inferred.columns.into_iter().filter(|name| name != "*").collect(),
        complete: inferred.complete,
        ..KnownRelation::default()
    }
}

/// Shown names of columns whose name is not their key.
pub(super) fn shown_names<'a>(names: impl Iterator<Item = &'a str>) -> BTreeMap<String, String> {
    let mut shown = BTreeMap::new();
    for name in names.filter(|name| name.chars().any(char::is_uppercase)) {
        shown.entry(name.to_lowercase()).or_insert_with(|| name.to_owned());
    }
    shown
}
