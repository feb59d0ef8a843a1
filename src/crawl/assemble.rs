//! The whole catalog as it is to stand, from what was read and analysed.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::{
    analyze::Analysed,
    bind::Place,
    input::{InputFactKind, SourceInput},
    lower::{Results, TargetResult},
    placeholder::is_placeholder,
    world::{Standing, World, inferred_columns, shown_names, targets_of},
};
use crate::{
    insight::{SchemaDrift, find_drift},
    model::{
        AssetKey, AssetKind, AssetRole, DEFINED_TWICE, DEPENDENCY_CYCLE, DeclaredColumn, Diagnostic, DocumentRole, FactKind,
        SCHEMA_DRIFT, Span, Subject, file_of,
    },
    store::{AnalysisId, AssetState, CatalogState, DocumentState, DocumentText, PlacedDiagnostic, RunCounts},
};

/// What the catalog is put together from.
pub(super) struct Parts<'a> {
    pub(super) sources: &'a [SourceInput],
    pub(super) analysed: &'a Analysed,
    /// For every document, its analysis.
    pub(super) analyses: Vec<AnalysisId>,
    /// For documents that no longer parse, their last good lineage.
    pub(super) stale: HashMap<usize, (AnalysisId, Arc<Results>)>,
}

/// An asset on its way.
#[derive(Default)]
struct Draft {
    /// Names by rank: defined, declared, read, seen in a log, stated by a warehouse.
    names: [Option<String>; 5],
    results: Vec<Arc<Results>>,
    facts: Vec<(FactKind, u32, u32)>,
    declared: BTreeMap<u32, Arc<[DeclaredColumn]>>,
    /// In order; the first declares.
    declared_order: Vec<u32>,
    /// Columns that files describe, with the document and its line.
    described: Vec<(u32, u32, Arc<[DeclaredColumn]>)>,
    spelled: BTreeSet<String>,
    /// What documents make of it that create it, in order.
    makers: Vec<Maker>,
    /// Other keys that mean it, sorted.
    aliases: Vec<String>,
    stale: bool,
}

/// A document that creates an asset.
struct Maker {
    place: u32,
    kind: AssetKind,
    standing: Standing,
    declared: Vec<DeclaredColumn>,
}

impl Maker {
    /// Whether it makes something else of the asset than the maker that holds.
    fn conflicts_with(&self, holder: &Maker) -> bool {
        match self.standing {
            Standing::Superseded => true,
            Standing::Copy => false,
            Standing::Adds | Standing::Defines => {
                let both_declare = self.standing == Standing::Adds && holder.standing == Standing::Adds;
                self.kind != holder.kind
                    || self.kind == AssetKind::Routine
                    || both_declare && !declare_alike(&self.declared, &holder.declared)
            }
        }
    }
}

/// Whether two lists declare the same columns of the same types.
fn declare_alike(one: &[DeclaredColumn], other: &[DeclaredColumn]) -> bool {
    let alike = |(one, other): (&DeclaredColumn, &DeclaredColumn)| {
        one.name.eq_ignore_ascii_case(&other.name) && one.data_type.eq_ignore_ascii_case(&other.data_type)
    };
    one.len() == other.len() && one.iter().zip(other).all(alike)
}

/// Puts the catalog together.
pub(super) fn assemble(parts: &Parts<'_>) -> (CatalogState, RunCounts) {
    let mut assembly = Assembly { parts, documents: Vec::new(), places: HashMap::new(), drafts: BTreeMap::new() };
    assembly.place_documents();
    assembly.draft_results();
    assembly.draft_facts();
    assembly.draft_remarks();
    assembly.draft_stale();
    assembly.draft_aliases();
    assembly.note_cycles();
    assembly.note_twice_defined();
    assembly.note_drift();
    let assets: Vec<AssetState> =
        std::mem::take(&mut assembly.drafts).into_iter().map(|(key, draft)| finish(key, draft, &parts.analysed.world)).collect();
    let state = CatalogState {
        sources: parts.sources.iter().map(|source| source.run_source.clone()).collect(),
        documents: assembly.documents,
        assets,
    };
    let counts = count(parts, &state);
    (state, counts)
}

struct Assembly<'a> {
    parts: &'a Parts<'a>,
    documents: Vec<DocumentState>,
    /// (source, path) → index into `documents`.
    places: HashMap<(u32, &'a str), u32>,
    drafts: BTreeMap<AssetKey, Draft>,
}

impl<'a> Assembly<'a> {
    /// Every file that is a document, states a fact or has a diagnostic.
    fn place_documents(&mut self) {
        let mut at = 0usize;
        for (number, source) in (0u32..).zip(self.parts.sources) {
            let mut paths: BTreeMap<&'a str, Option<usize>> = BTreeMap::new();
            paths.extend(source.facts.iter().map(|fact| (&*fact.path, None)));
            paths.extend(source.diagnostics.iter().map(|(path, ..)| (path.as_str(), None)));
            for (own, document) in source.documents.iter().enumerate() {
                paths.insert(&document.path, Some(own));
            }
            let mut diagnostics: HashMap<&str, Vec<PlacedDiagnostic>> = HashMap::new();
            for (path, line, what) in &source.diagnostics {
                let placed =
                    PlacedDiagnostic { line: *line, code: what.code.clone(), message: what.message.clone(), span: what.span };
                diagnostics.entry(path).or_default().push(placed);
            }
            let first = at;
            for (path, own) in paths {
                self.places.insert((number, path), self.documents.len() as u32);
                let mut state = DocumentState {
                    source: number,
                    path: Arc::from(path),
                    blob: String::new(),
                    text: None,
                    role: "metadata",
                    history: source.histories.get(file_of(path)).cloned(),
                    analysis: None,
                    stale: None,
                    diagnostics: diagnostics.remove(path).unwrap_or_default(),
                };
                if let Some(own) = own {
                    let document = &source.documents[own];
                    state.blob.clone_from(&document.blob);
                    state.text = Some(DocumentText { digest: document.digest, text: document.text.clone() });
                    state.role = document.role.word();
                    state.analysis = self.parts.analyses.get(first + own).copied();
                    state.stale = self.parts.stale.get(&(first + own)).map(|(id, _)| *id);
                }
                self.documents.push(state);
            }
            at += source.documents.len();
        }
    }

    /// (document of the crawl, index into `documents`, role), in order.
    fn sql_documents(&self) -> Vec<(usize, u32, DocumentRole)> {
        let sources = (0u32..).zip(self.parts.sources);
        let documents = sources.flat_map(|(number, source)| source.documents.iter().map(move |it| (number, it)));
        documents
            .enumerate()
            .filter_map(|(at, (number, document))| Some((at, *self.places.get(&(number, &*document.path))?, document.role)))
            .collect()
    }

    fn draft_results(&mut self) {
        for (at, place, role) in self.sql_documents() {
            let results = &self.parts.analysed.outcomes[at].results;
            // How a log completes a name, or a warehouse spells it, says little of how people do.
            let (defined, read) = match role {
                DocumentRole::Native => (4, 4),
                DocumentRole::Logged | DocumentRole::Failed => (3, 3),
                _ => (0, 2),
            };
            for (key, name) in &results.reads {
                name_draft(self.drafts.entry(key.clone()).or_default(), read, name);
            }
            for target in &results.targets {
                let draft = self.drafts.entry(target.asset.clone()).or_default();
                if target.standing.holds() {
                    draft.names[defined].get_or_insert_with(|| target.name.clone());
                }
                draft.add_target(target, results, place);
            }
            for (key, names) in results.spelled.iter().filter(|_| role != DocumentRole::Native) {
                if let Some(draft) = self.drafts.get_mut(key) {
                    draft.spelled.extend(names.iter().cloned());
                }
            }
        }
    }

    fn draft_facts(&mut self) {
        let defined = self.defined_by_path();
        for (number, source) in (0u32..).zip(self.parts.sources) {
            let place = Place::of_source(source);
            for fact in &source.facts {
                let Some(document) = self.places.get(&(number, &*fact.path)).copied() else { continue };
                let keys: Vec<(AssetKey, Option<String>)> = match &fact.about {
                    Subject::Asset(name) => {
                        let bound = self.parts.analysed.world.universe.bind(place, name);
                        bound.map(|bound| (bound.key, Some(bound.name))).into_iter().collect()
                    }
                    Subject::Document(path) => {
                        let keys = defined.get(&(number, path.as_str())).into_iter().flatten();
                        keys.map(|key| (key.clone(), None)).collect()
                    }
                    // Whatever could be named was: see `dbt`.
                    Subject::Node(_) => Vec::new(),
                };
                for (key, name) in keys {
                    let draft = self.drafts.entry(key).or_default();
                    if let Some(name) = name {
                        draft.names[1].get_or_insert(name);
                    }
                    match &fact.what {
                        InputFactKind::Columns(columns) => draft.declare(document, columns.clone()),
                        InputFactKind::Described(columns) => draft.described.push((document, fact.line, columns.clone())),
                        InputFactKind::Other(other) if says_nothing(other) => {}
                        InputFactKind::Other(other) => draft.facts.push((other.clone(), document, fact.line)),
                    }
                }
            }
        }
    }

    /// What DDL says, after what files beside the SQL say.
    fn draft_remarks(&mut self) {
        for (at, place, _) in self.sql_documents() {
            let targets = &self.parts.analysed.outcomes[at].results.targets;
            for target in targets.iter().filter(|target| target.standing.holds()) {
                let Some(draft) = self.drafts.get_mut(&target.asset) else { continue };
                let remarks = target.remarks.iter().filter(|(_, text, _)| !is_placeholder(text));
                draft.facts.extend(remarks.map(|(column, text, line)| {
                    let fact = match column.is_empty() {
                        true => FactKind::Description { text: text.clone() },
                        false => FactKind::ColumnDescription { column: column.clone(), text: text.clone() },
                    };
                    (fact, place, *line)
                }));
            }
        }
    }

    /// The assets that each file defines.
    fn defined_by_path(&self) -> HashMap<(u32, &'a str), Vec<AssetKey>> {
        let parts = self.parts;
        let sources = (0u32..).zip(parts.sources);
        let documents = sources.flat_map(|(number, source)| source.documents.iter().map(move |it| (number, it)));
        let mut defined: HashMap<(u32, &str), Vec<AssetKey>> = HashMap::new();
        for ((number, document), outcome) in documents.zip(&parts.analysed.outcomes) {
            let keys = outcome.results.targets.iter().map(|target| target.asset.clone());
            defined.entry((number, file_of(&document.path))).or_default().extend(keys);
        }
        defined
    }

    /// Assets that nothing but the last good lineage of a broken file speaks of.
    fn draft_stale(&mut self) {
        let mut stale: Vec<_> = self.parts.stale.iter().collect();
        stale.sort_unstable_by_key(|(at, _)| **at);
        let mut fresh: BTreeMap<AssetKey, Draft> = BTreeMap::new();
        for (_, (_, results)) in stale {
            for (key, name) in results.reads.iter().filter(|(key, _)| !self.drafts.contains_key(key)) {
                let draft = fresh.entry(key.clone()).or_default();
                name_draft(draft, 2, name);
                draft.stale = true;
            }
            for target in results.targets.iter().filter(|target| !self.drafts.contains_key(&target.asset)) {
                let draft = fresh.entry(target.asset.clone()).or_default();
                draft.names[0].get_or_insert_with(|| target.name.clone());
                draft.results.push(results.clone());
                draft.stale = true;
            }
        }
        self.drafts.extend(fresh);
    }

    /// Partial and folded names that mean one asset wherever they are written, and are none themselves.
    fn draft_aliases(&mut self) {
        let mut meant: BTreeMap<(&str, &str), BTreeSet<&AssetKey>> = BTreeMap::new();
        for outcome in &self.parts.analysed.outcomes {
            for (alias, key) in &outcome.results.aliases {
                meant.entry((&key.namespace, alias)).or_default().insert(key);
            }
        }
        for ((namespace, alias), keys) in meant {
            let own = AssetKey { namespace: namespace.to_owned(), key: alias.to_owned() };
            let mut keys = keys.into_iter();
            if let (Some(key), None) = (keys.next(), keys.next())
                && !self.drafts.contains_key(&own)
                && let Some(draft) = self.drafts.get_mut(key)
            {
                draft.aliases.push(alias.to_owned());
            }
        }
    }

    fn note_cycles(&mut self) {
        let places = self.sql_documents();
        for at in &self.parts.analysed.cyclic {
            let Some((_, place, _)) = places.get(*at as usize) else { continue };
            let message = "the document reads what is made from what it writes";
            self.note(*place, Diagnostic::new(&DEPENDENCY_CYCLE, message, Span::default()));
        }
    }

    fn note_twice_defined(&mut self) {
        let mut notes = Vec::new();
        for (key, draft) in &self.drafts {
            let defines = |maker: &&Maker| maker.standing == Standing::Defines;
            let Some(holder) = draft.makers.iter().find(defines).or(draft.makers.first()) else { continue };
            let others = draft.makers.iter().filter(|other| other.place != holder.place && other.conflicts_with(holder));
            let message = || format!("`{}` is created by `{}` already", key.key, self.documents[holder.place as usize].path);
            notes.extend(others.map(|other| (other.place, message())));
        }
        for (place, message) in notes {
            self.note(place, Diagnostic::new(&DEFINED_TWICE, message, Span::default()));
        }
    }

    /// Declarations that no longer say what the SQL writes.
    fn note_drift(&mut self) {
        let mut notes = Vec::new();
        let says = |draft: &Draft| !draft.declared.is_empty() || !draft.described.is_empty();
        for (key, draft) in self.drafts.iter().filter(|(_, draft)| !draft.stale && says(draft)) {
            let Some(inferred) = inferred_columns(key, &draft.results).filter(|it| it.complete && it.whole) else { continue };
            for (document, columns) in &draft.declared {
                if let Some(drift) = find_drift(columns, &inferred.columns) {
                    notes.push((*document, 0, format!("the schema of `{}` {}", key.key, drift.sentence())));
                }
            }
            for (document, line, columns) in &draft.described {
                let unwritten = find_drift(columns, &inferred.columns).map(|drift| drift.unwritten).unwrap_or_default();
                if !unwritten.is_empty() {
                    let drift = SchemaDrift { unwritten, ..SchemaDrift::default() };
                    notes.push((*document, *line, format!("what is said of `{}` {}", key.key, drift.sentence())));
                }
            }
        }
        for (place, line, message) in notes {
            self.note_at(place, line, Diagnostic::new(&SCHEMA_DRIFT, message, Span::default()));
        }
    }

    fn note(&mut self, place: u32, what: Diagnostic) {
        self.note_at(place, 0, what);
    }

    fn note_at(&mut self, place: u32, line: u32, what: Diagnostic) {
        if let Some(document) = self.documents.get_mut(place as usize) {
            let Diagnostic { code, message, span } = what;
            document.diagnostics.push(PlacedDiagnostic { line, code, message, span });
            document.diagnostics.sort();
        }
    }
}

/// Whether it is a description that describes nothing.
fn says_nothing(fact: &FactKind) -> bool {
    matches!(fact, FactKind::Description { text } | FactKind::ColumnDescription { text, .. } if is_placeholder(text))
}

impl Draft {
    fn add_target(&mut self, target: &TargetResult, results: &Arc<Results>, place: u32) {
        if !self.results.last().is_some_and(|last| Arc::ptr_eq(last, results)) {
            self.results.push(results.clone());
        }
        if let Some(kind) = target.kind.filter(|kind| *kind != AssetKind::Query && !target.observed) {
            self.makers.push(Maker { place, kind, standing: target.standing, declared: target.declared.clone() });
        }
        if !target.declared.is_empty() && target.standing.holds() {
            self.declare(place, Arc::from(target.declared.as_slice()));
        }
    }

    fn declare(&mut self, document: u32, columns: Arc<[DeclaredColumn]>) {
        match self.declared.get_mut(&document) {
            Some(known) => *known = known.iter().chain(&*columns).cloned().collect(),
            None => {
                self.declared_order.push(document);
                self.declared.insert(document, columns);
            }
        }
    }
}

fn name_draft(draft: &mut Draft, rank: usize, name: &str) {
    match &mut draft.names[rank] {
        Some(known) if known.as_str() <= name => {}
        slot => *slot = Some(name.to_owned()),
    }
}

fn finish(key: AssetKey, draft: Draft, world: &World) -> AssetState {
    let targets = || targets_of(&key, &draft.results);
    let made = targets().filter_map(|target| target.kind).next();
    let kind = made.or_else(|| world.kinds.get(&key).copied()).unwrap_or(AssetKind::Table);
    let role = if let Some(role) = draft.facts.iter().find_map(|(fact, ..)| role_of_dbt(fact)) {
        role
    } else if targets().any(|target| target.filled) || kind == AssetKind::Routine && made.is_some() {
        AssetRole::Model
    } else if targets().next().is_some() || !draft.facts.is_empty() || !draft.declared.is_empty() {
        AssetRole::Source
    } else {
        AssetRole::External
    };
    let inferred = inferred_columns(&key, &draft.results);
    let declared = draft.declared_order.iter();
    let declared: Vec<_> = declared.filter_map(|document| Some((*document, draft.declared.get(document)?.clone()))).collect();
    let declared_names = declared.iter().flat_map(|(_, columns)| columns.iter()).map(|column| column.name.as_str());
    let inferred_names = inferred.iter().flat_map(|inferred| &inferred.columns).map(String::as_str);
    let shown = shown_names(declared_names.chain(inferred_names).chain(draft.spelled.iter().map(String::as_str)));
    let name = draft.names.into_iter().flatten().next().unwrap_or_else(|| key.key.clone());
    AssetState {
        name,
        kind,
        role,
        environment: world.universe.environment_of(&key),
        stale: draft.stale,
        aliases: draft.aliases,
        facts: draft.facts,
        declared,
        inferred,
        shown,
        key,
    }
}

/// The role that dbt gives to what is neither model nor source.
fn role_of_dbt(fact: &FactKind) -> Option<AssetRole> {
    match fact {
        FactKind::Dbt { resource, .. } if resource == "seed" => Some(AssetRole::Seed),
        FactKind::Dbt { resource, .. } if resource == "snapshot" => Some(AssetRole::Snapshot),
        _ => None,
    }
}

fn count(parts: &Parts<'_>, state: &CatalogState) -> RunCounts {
    let results = || parts.analysed.outcomes.iter().map(|outcome| &outcome.results);
    let columns = |asset: &AssetState| match (asset.declared.first(), &asset.inferred) {
        (Some((_, columns)), _) => columns.len() as u64,
        (None, Some(inferred)) => inferred.columns.len() as u64,
        (None, None) => 0,
    };
    let own: u64 = state.documents.iter().map(|document| document.diagnostics.len() as u64).sum();
    RunCounts {
        documents: parts.sources.iter().flat_map(|source| &source.documents).filter(|it| !it.role.is_logged()).count() as u64,
        analysed: parts.analysed.fresh,
        assets: state.assets.len() as u64,
        columns: state.assets.iter().map(columns).sum(),
        column_edges: results().map(|results| results.column_edges).sum(),
        guessed_edges: results().map(|results| results.guessed_edges).sum(),
        diagnostics: own + results().map(|results| results.diagnostics).sum::<u64>(),
        ..RunCounts::default()
    }
}
