//! The columns of an asset: declared and inferred merged, meanings inherited.

use std::collections::BTreeMap;

use rustc_hash::{FxHashMap, FxHashSet};

use super::{
    AssetColumn, ColumnLink, ColumnRef, Described, Result, StatedAsset, View,
    drift::mark_drift,
    facts::{file_name, origin, stated_meaning},
};
use crate::{
    graph::Direction,
    model::{AssetId, ColumnEdgeKind, ColumnId, FactKind, StatedValue},
    store::{AssetDetail, AssetRow, DeclaredSchema},
};

/// Copies followed for the meaning of a column.
const FARTHEST_MEANING: usize = 8;
/// Assets whose meanings are read for one page.
const MOST_MEANT: usize = 400;

impl View {
    /// The columns of an asset: as declared, in that order, then those that only its SQL yields.
    pub(super) fn merge_columns(&self, detail: &AssetDetail) -> Vec<AssetColumn> {
        let mut columns: Vec<AssetColumn> = Vec::new();
        let mut at: FxHashMap<String, usize> = FxHashMap::default();
        for schema in &detail.declared {
            for declared in &schema.columns {
                let index = *at.entry(declared.name.to_lowercase()).or_insert_with(|| {
                    columns.push(empty_column(&declared.name));
                    columns.len() - 1
                });
                let Some(column) = columns.get_mut(index) else { continue };
                column.declared = true;
                if column.data_type.is_empty() {
                    column.data_type.clone_from(&declared.data_type);
                }
                if let Some(text) = declared.description.as_deref().filter(|text| !text.trim().is_empty())
                    && column.description.is_none()
                {
                    column.description = Some(self.described(schema, text));
                }
            }
        }
        for name in detail.inferred.iter().flat_map(|inferred| &inferred.columns).filter(|name| *name != "*") {
            let index = *at.entry(name.to_lowercase()).or_insert_with(|| {
                columns.push(empty_column(name));
                columns.len() - 1
            });
            if let Some(column) = columns.get_mut(index) {
                column.inferred = true;
            }
        }
        for fact in &detail.facts {
            let FactKind::ColumnDescription { column: name, text } = &fact.what else { continue };
            let index = *at.entry(name.to_lowercase()).or_insert_with(|| {
                columns.push(empty_column(name));
                columns.len() - 1
            });
            if let Some(column) = columns.get_mut(index).filter(|column| column.description.is_none()) {
                let place = Some(self.place_of_fact(fact));
                column.description =
                    Some(Described { text: text.clone(), origin: origin(fact), place, by: None, inherited_from: None });
            }
        }
        self.state_meanings(detail, &mut columns);
        mark_drift(detail, &mut columns);
        self.link_columns(detail, &mut columns);
        columns
    }

    /// Gives columns the meaning that people state, in place of what files say.
    fn state_meanings(&self, detail: &AssetDetail, columns: &mut [AssetColumn]) {
        let Some(stated) = self.stated.of(&detail.asset.namespace, &detail.asset.key) else { return };
        for column in columns {
            if let Some(described) = stated_meaning(stated, &column.name) {
                column.description = described;
            }
        }
    }

    /// The column of `asset` that is called `name` in any case, as declared; a field of a struct that
    /// is only known as a whole counts.
    pub(super) async fn find_column(&self, asset: &AssetRow, name: &str) -> Result<Option<String>> {
        if let Some((_, path)) = self.graph.find_column(asset.id, name).and_then(|column| self.graph.column(column)) {
            return Ok(Some(path.to_owned()));
        }
        let Some(row) = self.store.load_search_rows(self.run, Some(&[asset.id])).await?.into_iter().next() else {
            return Ok(None);
        };
        let lower = name.to_lowercase();
        Ok(row.columns.into_iter().map(|column| column.name).find(|column| column.to_lowercase() == lower))
    }

    /// The other ends of a column's edges, each once per kind, sorted.
    pub(super) fn links(&self, column: ColumnId, direction: Direction) -> Vec<ColumnLink> {
        let mut links: Vec<ColumnLink> = self
            .graph
            .column_edges(column, direction)
            .into_iter()
            .filter_map(|edge| self.graph.edge(edge))
            .filter_map(|edge| {
                let other = match direction {
                    Direction::Upstream => edge.from,
                    Direction::Downstream => edge.to,
                };
                Some(ColumnLink { column: self.point_column(other)?, kind: edge.kind, state: edge.state })
            })
            .collect();
        links.sort();
        links.dedup();
        links
    }

    /// A pointer at a numbered column.
    pub(super) fn point_column(&self, column: ColumnId) -> Option<ColumnRef> {
        let (asset, path) = self.graph.column(column)?;
        Some(ColumnRef { asset: self.point(asset)?, column: path.to_owned() })
    }

    /// Gives columns without a meaning the one that they copy, nearest first.
    pub(super) async fn inherit_meanings(&self, asset: AssetId, columns: &mut [AssetColumn]) -> Result<()> {
        let mut meanings = Meanings::default();
        let mut waiting: Vec<(usize, Vec<ColumnId>)> = columns
            .iter()
            .enumerate()
            .filter(|(_, column)| column.description.is_none())
            .filter_map(|(at, column)| Some((at, vec![self.graph.find_column(asset, &column.name)?])))
            .collect();
        let mut seen: FxHashSet<(usize, ColumnId)> = FxHashSet::default();
        for _ in 0..FARTHEST_MEANING {
            for (at, ends) in &mut waiting {
                *ends = ends.iter().flat_map(|column| self.copied_from(*column)).filter(|end| seen.insert((*at, *end))).collect();
            }
            waiting.retain(|(_, ends)| !ends.is_empty());
            let near = waiting.iter().flat_map(|(_, ends)| ends).filter_map(|end| Some(self.graph.column(*end)?.0));
            meanings.load(self, near.collect()).await?;
            let mut found = Vec::new();
            for (at, ends) in &waiting {
                if let Some(described) = ends.iter().find_map(|end| meanings.of(self, *end)) {
                    if let Some(column) = columns.get_mut(*at) {
                        column.description = Some(described);
                    }
                    found.push(*at);
                }
            }
            waiting.retain(|(at, _)| !found.contains(at));
            if waiting.is_empty() {
                break;
            }
        }
        Ok(())
    }

    /// The columns that `column` is a copy of, sorted by number.
    fn copied_from(&self, column: ColumnId) -> Vec<ColumnId> {
        let edges = self.graph.column_edges(column, Direction::Upstream);
        let direct: Vec<_> =
            edges.into_iter().filter_map(|edge| self.graph.edge(edge)).filter(|edge| edge.kind.is_direct()).collect();
        if direct.iter().any(|edge| edge.kind != ColumnEdgeKind::Identity) {
            return Vec::new();
        }
        direct.iter().map(|edge| edge.from).collect()
    }

    fn link_columns(&self, detail: &AssetDetail, columns: &mut [AssetColumn]) {
        for column in columns {
            let Some(id) = self.graph.find_column(detail.asset.id, &column.name) else { continue };
            column.sources = self.links(id, Direction::Upstream);
            column.uses = self.graph.column_edges(id, Direction::Downstream).len() as u64;
        }
    }

    fn described(&self, schema: &DeclaredSchema, text: &str) -> Described {
        Described {
            text: text.to_owned(),
            origin: file_name(&schema.path).to_owned(),
            place: Some(self.place(&schema.source, &schema.path, 0, None)),
            by: None,
            inherited_from: None,
        }
    }
}

fn empty_column(name: &str) -> AssetColumn {
    AssetColumn {
        name: name.to_owned(),
        depth: name.matches('.').count(),
        data_type: String::new(),
        declared: false,
        inferred: false,
        drift: None,
        description: None,
        sources: Vec::new(),
        uses: 0,
    }
}

/// Meanings of columns of other assets, loaded an asset at a time.
#[derive(Default)]
struct Meanings {
    loaded: FxHashSet<AssetId>,
    texts: BTreeMap<(AssetId, String), String>,
}

impl Meanings {
    async fn load(&mut self, view: &View, assets: Vec<AssetId>) -> Result<()> {
        let mut missing: Vec<AssetId> = assets;
        missing.sort();
        missing.dedup();
        missing.retain(|asset| !self.loaded.contains(asset));
        missing.truncate(MOST_MEANT.saturating_sub(self.loaded.len()));
        if missing.is_empty() {
            return Ok(());
        }
        self.loaded.extend(&missing);
        for row in view.store.load_search_rows(view.run, Some(&missing)).await? {
            for column in row.columns {
                if let Some(text) = column.description.filter(|text| !text.trim().is_empty()) {
                    self.texts.insert((row.asset.id, column.name.to_lowercase()), text);
                }
            }
            self.take_stated(view, &row.asset);
        }
        Ok(())
    }

    /// What people state counts before what files say.
    fn take_stated(&mut self, view: &View, asset: &AssetRow) {
        let stated = view.stated.of(&asset.namespace, &asset.key);
        for (column, field) in stated.into_iter().flat_map(StatedAsset::fields).filter(|(column, _)| !column.is_empty()) {
            let StatedValue::Description(text) = &field.value else { continue };
            let place = (asset.id, column.to_lowercase());
            match text.is_empty() {
                true => drop(self.texts.remove(&place)),
                false => drop(self.texts.insert(place, text.clone())),
            }
        }
    }

    fn of(&self, view: &View, column: ColumnId) -> Option<Described> {
        let (asset, path) = view.graph.column(column)?;
        let text = self.texts.get(&(asset, path.to_lowercase()))?;
        Some(Described {
            text: text.clone(),
            origin: "inherited".to_owned(),
            place: None,
            by: None,
            inherited_from: view.point_column(column),
        })
    }
}
