//! Every calculation of a run that may be a metric: declared ones, and columns calculated by aggregating.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    Place, Result, View,
    computations::{Columns, KnownParts},
    plain_text::first_line,
};
use crate::{
    insight::conflicts::{Form, name_key},
    model::{AssetId, AssetKind, ColumnId},
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
    /// What it computes; `None` where that has no normal form.
    pub(super) form: Option<Arc<Form>>,
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
    /// The document that makes it, among those of its asset.
    pub(super) fn definition_in<'a>(&self, detail: &'a AssetDetail) -> Option<&'a Definition> {
        detail.definitions.iter().find(|definition| definition.placement.document.0 == self.document)
    }

    /// The line that it stands in, from 0, where `definition` is what makes it.
    pub(super) fn line_in(&self, definition: &Definition) -> Option<usize> {
        let place = self.place.as_ref().filter(|_| definition.placement.document.0 == self.document)?;
        usize::try_from(place.line).ok()?.checked_sub(1)
    }
}

/// A column of an asset that may be a metric, and the place of its definition among those of the asset.
struct Wanted<'a> {
    asset: &'a AssetRow,
    definition: &'a Definition,
    /// Places among the calculations found so far.
    places: Vec<usize>,
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
            let mut documents: Vec<Wanted<'_>> = Vec::new();
            for detail in &details {
                let at = chunk.binary_search_by_key(&detail.asset.id, |(asset, _)| *asset).ok();
                let columns = at.and_then(|at| chunk.get(at)).map_or(&[][..], |(_, columns)| columns);
                self.name_calculations(detail, columns, &mut documents, &mut found);
            }
            let columns = documents.iter().map(|wanted| Columns {
                asset: wanted.asset,
                definition: wanted.definition,
                names: wanted.places.iter().filter_map(|at| Some(found.get(*at)?.name.clone())).collect(),
            });
            let forms = self.compute_columns(&columns.collect::<Vec<_>>(), &mut known).await?;
            for (wanted, forms) in documents.iter().zip(forms) {
                for (at, form) in wanted.places.iter().zip(forms) {
                    if let Some(calculation) = found.get_mut(*at) {
                        calculation.form = form;
                    }
                }
            }
        }
        self.trace_calculations(&mut found);
        Ok(Arc::new(found))
    }

    /// The calculations of some columns of one asset, without what they compute; the documents that make them.
    fn name_calculations<'a>(
        &self,
        detail: &'a AssetDetail,
        columns: &[ColumnId],
        documents: &mut Vec<Wanted<'a>>,
        found: &mut Vec<RunCalculation>,
    ) {
        let row = &detail.asset;
        let mut made_by: BTreeMap<u32, Wanted<'a>> = BTreeMap::new();
        for column in columns {
            let Some((_, path)) = self.graph.column(*column) else { continue };
            let Some((expression, place, definition)) = self.calculation_of(row, detail, path) else { continue };
            let document = definition.placement.document.0;
            let wanted = made_by.entry(document).or_insert(Wanted { asset: row, definition, places: Vec::new() });
            wanted.places.push(found.len());
            found.push(RunCalculation {
                asset: row.id,
                column: *column,
                name: path.to_owned(),
                keys: self.keys_of(row, path),
                expression,
                place,
                form: None,
                roots: Vec::new(),
                takes_up: Vec::new(),
                declared: row.kind == AssetKind::Metric,
                meaning: declared_meaning(detail, path),
                document,
            });
        }
        documents.extend(made_by.into_values());
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
}

fn declared_meaning(detail: &AssetDetail, column: &str) -> String {
    let columns = detail.declared.iter().flat_map(|schema| &schema.columns);
    let own = columns.filter(|declared| declared.name.eq_ignore_ascii_case(column));
    own.filter_map(|declared| declared.description.as_deref()).next().map(first_line).unwrap_or_default()
}
