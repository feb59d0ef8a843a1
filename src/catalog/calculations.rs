//! Every calculation of a run that may be a metric: declared ones, and columns calculated by aggregating.

use std::{
    collections::{BTreeMap, BTreeSet, hash_map},
    sync::Arc,
};

use rustc_hash::FxHashMap;

use super::{
    CatalogError, Place, Result, View,
    pasted_query::{KnownHere, dotted_lower},
    plain_text::first_line,
};
use crate::{
    insight::conflicts::name_key,
    model::{AssetId, AssetKind, ColumnId, Computation, Dialect, KnownRelation, KnownRoutine, RelationName},
    sql::{Options, Script},
    store::{AssetDetail, AssetRow, Definition},
};

/// Assets that are loaded together.
const TOGETHER: usize = 200;

/// One calculation.
#[derive(Debug)]
pub(super) struct RunCalculation {
    pub(super) asset: AssetId,
    pub(super) column: ColumnId,
    /// The column's name.
    pub(super) name: String,
    /// Keys of its names, its own first.
    pub(super) keys: Vec<String>,
    /// The expression as written.
    pub(super) expression: String,
    /// Where it stands.
    pub(super) place: Option<Place>,
    pub(super) computation: Option<Computation>,
    /// Assets that it is made of in the end, sorted.
    pub(super) roots: Vec<u32>,
    /// Calculations that its value is made of, sorted.
    pub(super) takes_up: Vec<usize>,
    /// Whether it is declared as a metric.
    pub(super) declared: bool,
    /// What a schema file says that the column means; "" where none does.
    pub(super) meaning: String,
    /// The document that makes it.
    document: u32,
}

impl RunCalculation {
    /// The line that it stands in, from 0, where `definition` is what makes it.
    pub(super) fn line_in(&self, definition: &Definition) -> Option<usize> {
        let place = self.place.as_ref().filter(|_| definition.placement.document.0 == self.document)?;
        usize::try_from(place.line).ok()?.checked_sub(1)
    }
}

/// What documents read, each loaded once.
#[derive(Default)]
struct KnownParts {
    relations: FxHashMap<AssetId, Arc<KnownRelation>>,
    routines: FxHashMap<AssetId, Option<Arc<KnownRoutine>>>,
}

/// A script of a document, parsed once, with what it reads.
struct ReadScript {
    script: Arc<Script>,
    known: Arc<KnownHere>,
}

impl View {
    /// Every calculation of the run, by asset and column; found once.
    pub(super) async fn calculations(&self) -> Result<&Arc<Vec<RunCalculation>>> {
        self.calculations.get_or_try_init(|| self.find_calculations()).await
    }

    async fn find_calculations(&self) -> Result<Arc<Vec<RunCalculation>>> {
        let mut found: Vec<RunCalculation> = Vec::new();
        let mut known = KnownParts::default();
        let wanted: Vec<(AssetId, Vec<ColumnId>)> = self.columns_to_calculate().into_iter().collect();
        for chunk in wanted.chunks(TOGETHER) {
            let ids: Vec<AssetId> = chunk.iter().map(|(asset, _)| *asset).collect();
            let details = self.store.load_makings(self.run, &ids, &self.assets).await?;
            for detail in &details {
                let columns = chunk.iter().find(|(asset, _)| *asset == detail.asset.id).map_or(&[][..], |(_, columns)| columns);
                self.calculate(detail, columns, &mut known, &mut found).await?;
            }
        }
        self.trace_calculations(&mut found);
        Ok(Arc::new(found))
    }

    /// The calculations of some columns of one asset.
    async fn calculate(
        &self,
        detail: &AssetDetail,
        columns: &[ColumnId],
        known: &mut KnownParts,
        found: &mut Vec<RunCalculation>,
    ) -> Result<()> {
        let row = &detail.asset;
        let mut made_by: BTreeMap<u32, (&Definition, Vec<usize>)> = BTreeMap::new();
        for column in columns {
            let Some((_, path)) = self.graph.column(*column) else { continue };
            let Some((expression, place, definition)) = self.calculation_of(row, detail, path) else { continue };
            let document = definition.placement.document.0;
            made_by.entry(document).or_insert((definition, Vec::new())).1.push(found.len());
            found.push(RunCalculation {
                asset: row.id,
                column: *column,
                name: path.to_owned(),
                keys: self.keys_of(row, path),
                expression,
                place,
                computation: None,
                roots: Vec::new(),
                takes_up: Vec::new(),
                declared: row.kind == AssetKind::Metric,
                meaning: declared_meaning(detail, path),
                document,
            });
        }
        for (definition, places) in made_by.into_values() {
            let read = self.read_script(row, definition, known).await?;
            let names = places.iter().filter_map(|at| Some(found.get(*at)?.name.clone())).collect();
            for (at, computation) in places.iter().zip(computations_of(definition, &read, names).await?) {
                if let Some(calculation) = found.get_mut(*at) {
                    calculation.computation = computation;
                }
            }
        }
        Ok(())
    }

    /// Columns that may be metrics, by asset: of declared metrics all, else those whose name others have too.
    fn columns_to_calculate(&self) -> BTreeMap<AssetId, Vec<ColumnId>> {
        let mut columns: BTreeMap<AssetId, BTreeSet<ColumnId>> = BTreeMap::new();
        let mut declared: BTreeSet<String> = BTreeSet::new();
        for asset in self.assets.iter().filter(|asset| asset.kind == AssetKind::Metric) {
            for (column, path) in self.graph.columns_of(asset.id) {
                columns.entry(asset.id).or_default().insert(column);
                declared.extend(self.keys_of(asset, path));
            }
        }
        let mut by_key: BTreeMap<String, Vec<(AssetId, ColumnId)>> = BTreeMap::new();
        for entry in self.calculated() {
            by_key.entry(self.fold_name(entry.name())).or_default().extend(entry.columns());
        }
        for (key, places) in by_key {
            let assets: BTreeSet<AssetId> = places.iter().map(|(asset, _)| *asset).collect();
            if assets.len() > 1 || declared.contains(&key) {
                for (asset, column) in places.into_iter().filter(|(asset, _)| self.may_define(*asset)) {
                    columns.entry(asset).or_default().insert(column);
                }
            }
        }
        columns.into_iter().map(|(asset, columns)| (asset, columns.into_iter().collect())).collect()
    }

    /// Whether a column of this asset may be a metric: a dashboard's only show what its charts compute.
    fn may_define(&self, asset: AssetId) -> bool {
        self.asset(asset).is_some_and(|row| row.kind != AssetKind::Dashboard && row.environment.is_none())
    }

    /// One key for every wording of a name.
    pub(super) fn fold_name(&self, name: &str) -> String {
        self.synonyms.fold(&name_key(name))
    }

    /// The keys of a column's name and, of a metric, of its label.
    fn keys_of(&self, asset: &AssetRow, column: &str) -> Vec<String> {
        let mut keys = vec![self.fold_name(column)];
        if asset.kind == AssetKind::Metric {
            let label = self.facts.of(asset.id).friendly_name.as_deref().map(|label| self.fold_name(label));
            keys.extend(label.filter(|label| !label.is_empty()));
        }
        keys.dedup();
        keys
    }

    /// The expression of a metric's column, however it computes; of any other asset's where it aggregates.
    fn calculation_of<'a>(
        &self,
        asset: &AssetRow,
        detail: &'a AssetDetail,
        column: &str,
    ) -> Option<(String, Option<Place>, &'a Definition)> {
        if let Some((expression, place, definition)) = self.calculation(detail, column) {
            return Some((expression, Some(place), definition));
        }
        if asset.kind != AssetKind::Metric {
            return None;
        }
        let definition = detail.definitions.first()?;
        let (expression, place) = self.telling_expression(definition, column).unzip();
        Some((expression.unwrap_or_default(), place, definition))
    }

    /// A document's script with what it reads.
    async fn read_script(&self, asset: &AssetRow, definition: &Definition, parts: &mut KnownParts) -> Result<ReadScript> {
        let mut known = KnownHere::default();
        for (name, bound) in definition.analysis.relations.iter().zip(&definition.bound) {
            let Some(pointer) = bound.as_ref().and_then(|bound| self.point(bound.id)) else { continue };
            let Some(bound) = bound else { continue };
            if let hash_map::Entry::Vacant(place) = parts.relations.entry(bound.id) {
                place.insert(Arc::new(self.columns_known(bound.id).await?));
            }
            if let Some(relation) = parts.relations.get(&bound.id) {
                known.relations.insert(name.to_string(), Arc::clone(relation));
            }
            let origin = self.point(self.behind_copies(bound.id)).unwrap_or(pointer);
            known.assets.insert(name.to_string(), origin);
        }
        for call in definition.analysis.statements.iter().flat_map(|statement| &statement.calls) {
            let called = self.only_asset_called(&dotted_lower(call)).filter(|called| called.kind == AssetKind::Routine);
            let Some(called) = called else { continue };
            if let hash_map::Entry::Vacant(place) = parts.routines.entry(called.id) {
                place.insert(self.known_routine(called).await?);
            }
            if let Some(Some(routine)) = parts.routines.get(&called.id) {
                known.routines.insert(dotted_lower(call), Arc::clone(routine));
            }
        }
        let dialect = self.dialect_of(asset, definition);
        let text = Arc::clone(&definition.text);
        let parse = move || Script::parse(&text, &Options { dialect, derivations: false, ..Options::default() });
        let script =
            tokio::task::spawn_blocking(parse).await.map_err(|cause| CatalogError::broken("reading a calculation", cause))?;
        Ok(ReadScript { script: Arc::new(script), known: Arc::new(known) })
    }

    /// The columns of an asset as the engine asks for them: as declared and as its SQL puts them out.
    async fn columns_known(&self, asset: AssetId) -> Result<KnownRelation> {
        let Some(detail) = self.store.load_columns_of(self.run, asset, &self.assets).await? else {
            return Ok(KnownRelation::default());
        };
        let declared = detail.declared.iter().flat_map(|schema| &schema.columns).map(|column| column.name.as_str());
        let inferred = detail.inferred.iter().flat_map(|inferred| &inferred.columns).map(String::as_str);
        let (mut seen, mut names): (BTreeSet<String>, Vec<String>) = Default::default();
        for name in declared.chain(inferred).filter(|name| *name != "*") {
            if seen.insert(name.to_lowercase()) {
                names.push(name.to_owned());
            }
        }
        let (nested, columns): (Vec<String>, Vec<String>) = names.into_iter().partition(|name| name.contains('.'));
        let is_whole = detail.inferred.as_ref().is_none_or(|inferred| inferred.complete);
        Ok(KnownRelation { complete: is_whole && !columns.is_empty(), columns, nested, aliases: Vec::new() })
    }

    /// The dialect of a document: that of the warehouse it reads, where its own asset stands in none.
    fn dialect_of(&self, asset: &AssetRow, definition: &Definition) -> Dialect {
        let dialect = |namespace: &str| namespace.split("://").next().and_then(|scheme| scheme.parse::<Dialect>().ok());
        let read = || definition.bound.iter().flatten().find_map(|bound| dialect(&bound.namespace));
        dialect(&asset.namespace).or_else(read).unwrap_or_else(|| self.main_dialect())
    }

    /// The parameters and body of a function that is one SQL expression, from the text that defines it.
    async fn known_routine(&self, routine: &AssetRow) -> Result<Option<Arc<KnownRoutine>>> {
        let details = self.store.load_makings(self.run, &[routine.id], &self.assets).await?;
        let Some(definition) = details.first().and_then(|detail| detail.definitions.first()) else { return Ok(None) };
        let dialect = self.dialect_of(routine, definition);
        let (text, key) = (Arc::clone(&definition.text), routine.key.to_string());
        let find = move || {
            let references = Script::parse(&text, &Options { dialect, derivations: false, ..Options::default() }).references();
            let last = |name: &RelationName| name.parts.last().map(|part| part.text.to_lowercase());
            let own = key.rsplit('.').next().map(str::to_lowercase);
            let is_expression = |routine: &KnownRoutine| routine.body.is_some() && !routine.is_table && !routine.is_aggregate;
            let mut of_name = references.routines.into_iter().filter(|(name, _)| last(name) == own).map(|(_, routine)| routine);
            match (of_name.next(), of_name.next()) {
                (Some(only), None) if is_expression(&only) => Some(Arc::new(only)),
                _ => None,
            }
        };
        tokio::task::spawn_blocking(find).await.map_err(|cause| CatalogError::broken("reading a routine", cause))
    }
}

fn declared_meaning(detail: &AssetDetail, column: &str) -> String {
    let columns = detail.declared.iter().flat_map(|schema| &schema.columns);
    let own = columns.filter(|declared| declared.name.eq_ignore_ascii_case(column));
    own.filter_map(|declared| declared.description.as_deref()).next().map(first_line).unwrap_or_default()
}

/// What each of `columns` of a definition computes.
async fn computations_of(definition: &Definition, read: &ReadScript, columns: Vec<String>) -> Result<Vec<Option<Computation>>> {
    let [target] = definition.targets.as_slice() else { return Ok(vec![None; columns.len()]) };
    let relation = definition.analysis.targets.get(*target as usize).and_then(|target| target.relation);
    let target = relation.and_then(|relation| definition.analysis.relations.get(relation as usize)).cloned();
    let (script, known) = (Arc::clone(&read.script), Arc::clone(&read.known));
    let compute = move || {
        let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
        script.computations(target.as_ref(), &columns, &*known)
    };
    tokio::task::spawn_blocking(compute).await.map_err(|cause| CatalogError::broken("reading a calculation", cause))
}
