//! What columns compute, in a normal form: their documents are read again, names bound as the crawl bound them,
//! views that only hand on seen through, SQL functions in place.

use std::{collections::BTreeSet, sync::Arc};

use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};

use super::{
    AssetRef, CatalogError, Result, View,
    pasted_query::{KnownHere, dotted_lower},
};
use crate::{
    insight::conflicts::Form,
    model::{AssetId, AssetKind, Dialect, KnownRelation, KnownRoutine, RelationName},
    sql::{Options, Script},
    store::{AssetRow, Definition, KnownColumns},
};

/// Columns of one document that are asked for.
pub(super) struct Columns<'a> {
    /// The asset that has them.
    pub(super) asset: &'a AssetRow,
    /// The document that makes them.
    pub(super) definition: &'a Definition,
    /// Their names.
    pub(super) names: Vec<String>,
}

/// What documents read, each loaded once for all of them.
#[derive(Default)]
pub(super) struct KnownParts {
    relations: FxHashMap<AssetId, Arc<KnownRelation>>,
    /// What an asset is called, seen through views that only hand on.
    origins: FxHashMap<AssetId, Option<AssetRef>>,
    /// What the names in calls mean.
    called: FxHashMap<String, Option<AssetId>>,
    routines: FxHashMap<AssetId, Option<Arc<KnownRoutine>>>,
}

/// A document that is to be read.
struct Reading {
    text: Arc<str>,
    dialect: Dialect,
    target: Option<RelationName>,
    columns: Vec<String>,
    known: KnownHere,
}

impl Reading {
    fn compute(&self) -> Vec<Option<Arc<Form>>> {
        let script = Script::parse(&self.text, &Options { dialect: self.dialect, derivations: false, ..Options::default() });
        let columns: Vec<&str> = self.columns.iter().map(String::as_str).collect();
        let computations = script.computations(self.target.as_ref(), &columns, &self.known);
        computations.into_iter().map(|one| Some(Arc::new(Form::new(Arc::new(one?))))).collect()
    }
}

impl View {
    /// What each column of each document computes, in order; `None` where it has no normal form, as where a
    /// document fills more than one target. `parts` is kept from one call to the next.
    pub(super) async fn compute_columns(
        &self,
        wanted: &[Columns<'_>],
        parts: &mut KnownParts,
    ) -> Result<Vec<Vec<Option<Arc<Form>>>>> {
        self.load_parts(wanted, parts).await?;
        let readings: Vec<(usize, Option<Reading>)> =
            wanted.iter().map(|columns| (columns.names.len(), self.prepare_reading(columns, parts))).collect();
        let compute = move || {
            let computed = readings.par_iter().map(|(count, reading)| match reading {
                Some(reading) => reading.compute(),
                None => vec![None; *count],
            });
            computed.collect::<Vec<_>>()
        };
        tokio::task::spawn_blocking(compute).await.map_err(|cause| CatalogError::broken("reading a calculation", cause))
    }

    fn prepare_reading(&self, columns: &Columns<'_>, parts: &KnownParts) -> Option<Reading> {
        let Columns { asset, definition, names } = columns;
        let [target] = definition.targets.as_slice() else { return None };
        let relation = definition.analysis.targets.get(*target as usize).and_then(|target| target.relation);
        let mut known = KnownHere::default();
        for (name, bound) in definition.analysis.relations.iter().zip(&definition.bound) {
            let Some(bound) = bound else { continue };
            if let Some(relation) = parts.relations.get(&bound.id) {
                known.relations.insert(name.to_string(), Arc::clone(relation));
            }
            if let Some(Some(origin)) = parts.origins.get(&bound.id) {
                known.assets.insert(name.to_string(), origin.clone());
            }
        }
        for call in definition.analysis.statements.iter().flat_map(|statement| &statement.calls) {
            let name = dotted_lower(call);
            let routine = parts.called.get(&name).copied().flatten().and_then(|routine| parts.routines.get(&routine));
            if let Some(Some(routine)) = routine {
                known.routines.insert(name, Arc::clone(routine));
            }
        }
        Some(Reading {
            text: Arc::clone(&definition.text),
            dialect: self.dialect_of(asset, definition),
            target: relation.and_then(|relation| definition.analysis.relations.get(relation as usize)).cloned(),
            columns: names.clone(),
            known,
        })
    }

    /// Loads what documents read and call and is not known yet.
    async fn load_parts(&self, wanted: &[Columns<'_>], parts: &mut KnownParts) -> Result<()> {
        let definitions = || wanted.iter().map(|columns| columns.definition);
        let read: BTreeSet<AssetId> = definitions().flat_map(|one| one.bound.iter().flatten()).map(|bound| bound.id).collect();
        let missing: Vec<AssetId> = read.into_iter().filter(|asset| !parts.relations.contains_key(asset)).collect();
        let mut columns = self.store.load_known_columns(self.run, &missing).await?;
        for asset in missing {
            parts.relations.insert(asset, Arc::new(known_relation(columns.remove(&asset).unwrap_or_default())));
            parts.origins.insert(asset, self.point(self.behind_copies(asset)).or_else(|| self.point(asset)));
        }
        let mut routines: FxHashSet<AssetId> = FxHashSet::default();
        for call in definitions().flat_map(|one| &one.analysis.statements).flat_map(|statement| &statement.calls) {
            let name = dotted_lower(call);
            let called = *parts.called.entry(name).or_insert_with_key(|name| {
                self.only_asset_called(name).filter(|called| called.kind == AssetKind::Routine).map(|called| called.id)
            });
            routines.extend(called.filter(|routine| !parts.routines.contains_key(routine)));
        }
        let mut routines: Vec<AssetId> = routines.into_iter().collect();
        routines.sort_unstable();
        self.load_routines(&routines, parts).await
    }

    /// Parameters and body of every function that is one SQL expression, from the text that defines it.
    async fn load_routines(&self, routines: &[AssetId], parts: &mut KnownParts) -> Result<()> {
        let details = self.store.load_makings(self.run, routines, &self.assets).await?;
        parts.routines.extend(routines.iter().map(|routine| (*routine, None)));
        let texts = details.into_iter().filter_map(|detail| {
            let definition = detail.definitions.first()?;
            let dialect = self.dialect_of(&detail.asset, definition);
            Some((detail.asset.id, Arc::clone(&definition.text), detail.asset.key.to_string(), dialect))
        });
        let texts: Vec<(AssetId, Arc<str>, String, Dialect)> = texts.collect();
        let find = move || {
            let found = texts.par_iter().map(|(asset, text, key, dialect)| (*asset, find_routine(text, key, *dialect)));
            found.collect::<Vec<_>>()
        };
        let found = tokio::task::spawn_blocking(find).await.map_err(|cause| CatalogError::broken("reading routines", cause))?;
        parts.routines.extend(found);
        Ok(())
    }

    /// The dialect of a document: that of the warehouse it reads, where its own asset stands in none.
    fn dialect_of(&self, asset: &AssetRow, definition: &Definition) -> Dialect {
        let dialect = |namespace: &str| namespace.split("://").next().and_then(|scheme| scheme.parse::<Dialect>().ok());
        let read = || definition.bound.iter().flatten().find_map(|bound| dialect(&bound.namespace));
        dialect(&asset.namespace).or_else(read).unwrap_or_else(|| self.main_dialect())
    }
}

/// The columns of an asset as the engine asks for them: as declared and as its SQL puts them out.
fn known_relation(columns: KnownColumns) -> KnownRelation {
    let is_whole = columns.inferred.as_ref().is_none_or(|inferred| inferred.complete);
    let inferred = columns.inferred.into_iter().flat_map(|inferred| inferred.columns);
    let (mut seen, mut names): (FxHashSet<String>, Vec<String>) = Default::default();
    for name in columns.declared.into_iter().chain(inferred).filter(|name| name != "*") {
        if seen.insert(name.to_lowercase()) {
            names.push(name);
        }
    }
    let (nested, columns): (Vec<String>, Vec<String>) = names.into_iter().partition(|name| name.contains('.'));
    KnownRelation { complete: is_whole && !columns.is_empty(), columns, nested, aliases: Vec::new() }
}

/// The function that a text defines under the last part of `key`, where it is the only one and a SQL expression.
fn find_routine(text: &str, key: &str, dialect: Dialect) -> Option<Arc<KnownRoutine>> {
    let references = Script::parse(text, &Options { dialect, derivations: false, ..Options::default() }).references();
    let last = |name: &RelationName| name.parts.last().map(|part| part.text.to_lowercase());
    let own = key.rsplit('.').next().map(str::to_lowercase);
    let is_expression = |routine: &KnownRoutine| routine.body.is_some() && !routine.is_table && !routine.is_aggregate;
    let mut of_name = references.routines.into_iter().filter(|(name, _)| last(name) == own).map(|(_, routine)| routine);
    match (of_name.next(), of_name.next()) {
        (Some(only), None) if is_expression(&only) => Some(Arc::new(only)),
        _ => None,
    }
}
