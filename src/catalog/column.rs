//! Everything about one column.

use serde::Serialize;

use super::{
    AssetRef, CatalogError, ColumnEvidence, ColumnLink, Described, Direction, Excerpt, LastChange, Place, Result, RowDecider,
    View, asset::last_change,
};
use crate::{
    insight::explain::{Making, make_column},
    model::{AssetId, RowEdgeKind, Span},
    store::{AssetDetail, Definition},
};

/// One column.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct ColumnAnswer {
    /// The asset that has it.
    pub asset: AssetRef,
    /// Its name with struct path, as first declared.
    pub column: String,
    /// The declared type; "" where unknown.
    pub data_type: String,
    /// Whether a schema file, DDL or artifact declares it.
    pub declared: bool,
    /// Whether the asset's own SQL yields it.
    pub inferred: bool,
    /// What it means, own or inherited.
    pub description: Option<Described>,
    /// The columns that it is made of, directly.
    pub sources: Vec<ColumnLink>,
    /// What holds each of them up.
    pub evidence: Vec<ColumnEvidence>,
    /// The columns that use it directly.
    pub dependants: Vec<ColumnLink>,
    /// Assets whose rows it decides: by FILTER, JOIN, GROUP_BY or SORT.
    pub decides_rows_of: Vec<(AssetRef, String)>,
    /// The expressions that compute it.
    pub expressions: Vec<ColumnExpression>,
    /// Columns that decide which rows of its asset exist.
    pub row_edges: Vec<RowDecider>,
    /// Nested fields, as dotted paths.
    pub fields: Vec<String>,
}

/// One expression that computes a column.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct ColumnExpression {
    /// What it does, in a sentence.
    pub sentence: String,
    /// The expression's text.
    pub expression: String,
    /// The lines around it.
    pub excerpt: Excerpt,
    /// Where it stands.
    pub place: Place,
    /// Who changed the file last.
    pub last_change: Option<LastChange>,
}

impl ColumnAnswer {
    /// Whether nothing is known of what it is made of but what the warehouse states.
    pub fn is_only_native(&self) -> bool {
        !self.evidence.is_empty() && self.evidence.iter().all(ColumnEvidence::is_only_native)
    }
}

impl View {
    /// Everything about `column` of the asset `name` of `namespace`.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`] where there is no such asset or column.
    pub async fn show_column(&self, namespace: &str, name: &str, column: &str) -> Result<ColumnAnswer> {
        let detail = self.known_detail(namespace, name).await?;
        let mut columns = self.merge_columns(&detail);
        let lower = column.to_lowercase();
        let found = columns.iter().position(|entry| entry.name.to_lowercase() == lower);
        let numbered = self.graph.find_column(detail.asset.id, column);
        let not_found = || CatalogError::not_found(namespace, &format!("{name}.{column}"));
        let own = found.map(|at| columns.swap_remove(at));
        let shown = match (&own, numbered.and_then(|id| self.graph.column(id))) {
            (Some(own), _) => own.name.clone(),
            (None, Some((_, path))) => path.to_owned(),
            (None, None) => return Err(not_found()),
        };
        let prefix = format!("{}.", shown.to_lowercase());
        let mut fields: Vec<String> =
            columns.iter().map(|entry| entry.name.clone()).filter(|path| path.to_lowercase().starts_with(&prefix)).collect();
        fields.sort();
        let mut one: Vec<_> = own.into_iter().collect();
        self.inherit_meanings(detail.asset.id, &mut one).await?;
        let own = one.pop();
        let evidence = match numbered {
            Some(id) => self.column_evidence(id).await?,
            None => Vec::new(),
        };
        Ok(ColumnAnswer {
            asset: self.point_at(&detail.asset),
            data_type: own.as_ref().map(|own| own.data_type.clone()).unwrap_or_default(),
            declared: own.as_ref().is_some_and(|own| own.declared),
            inferred: own.as_ref().is_some_and(|own| own.inferred),
            description: own.and_then(|own| own.description),
            sources: numbered.map(|id| self.links(id, Direction::Upstream)).unwrap_or_default(),
            evidence,
            dependants: numbered.map(|id| self.links(id, Direction::Downstream)).unwrap_or_default(),
            decides_rows_of: self.decided_by(detail.asset.id, &shown),
            expressions: self.expressions(&detail, &shown),
            row_edges: self.row_deciders(&detail),
            column: shown,
            fields,
        })
    }

    /// The expressions that compute a column, a document after the other.
    fn expressions(&self, detail: &AssetDetail, column: &str) -> Vec<ColumnExpression> {
        let mut expressions = Vec::new();
        for definition in &detail.definitions {
            for making in
                definition.targets.iter().flat_map(|target| make_column(&definition.analysis, &definition.text, *target, column))
            {
                expressions.push(self.expression(definition, &making));
            }
        }
        expressions
    }

    fn expression(&self, definition: &Definition, making: &Making) -> ColumnExpression {
        let span = making.links.first().map_or(Span::default(), |link| link.span);
        let lines = definition.analysis.line_index(&definition.text);
        ColumnExpression {
            sentence: making.sentence(&definition.text, &definition.analysis),
            expression: span.of(&definition.text).to_owned(),
            excerpt: Excerpt::around(&definition.text, &lines, span),
            place: self.place_in(&definition.placement, lines.line(span.start)),
            last_change: definition.last_change.as_ref().map(last_change),
        }
    }

    /// Assets whose rows a column decides, with the kind's word.
    fn decided_by(&self, asset: AssetId, column: &str) -> Vec<(AssetRef, String)> {
        let Some(id) = self.graph.find_column(asset, column) else { return Vec::new() };
        let mut decided: Vec<(AssetRef, RowEdgeKind)> =
            self.graph.row_edges_from(id).into_iter().filter_map(|edge| Some((self.point(edge.to)?, edge.kind))).collect();
        decided.sort();
        decided.dedup();
        decided.into_iter().map(|(asset, kind)| (asset, kind.word().to_owned())).collect()
    }
}
