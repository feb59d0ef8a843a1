//! Metrics that nobody declared: columns of one name that are calculated by aggregating.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use rustc_hash::FxHashMap;
use serde::Serialize;

use super::{
    AssetRef, ColumnRef, Direction, Place, Result, View,
    computations::{Columns, KnownParts},
    names::last_part,
    plain_text::first_line,
};
use crate::{
    insight::{
        conflicts::{Form, SaidDifference},
        explain::{Making, MakingInput, divides, make_column, measures},
    },
    model::{AssetId, ColumnEdgeKind, ColumnId, Span, Step},
    store::{AssetDetail, Definition},
};

/// Metrics in one answer.
const MOST_METRICS: usize = 5;
/// Definitions of one metric that are looked at.
const MOST_DEFINITIONS: usize = 24;
/// Names whose calculations are compared for the first page.
const MOST_COMPARED: usize = 40;
/// Longest expression in an answer, in characters.
const LONGEST_EXPRESSION: usize = 400;

/// Columns of one name that are calculated by aggregating: a metric that nobody declared.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct ImpliedMetric {
    /// The column's name.
    pub name: String,
    /// Every calculation, the most read first, deprecated ones last.
    pub definitions: Vec<MetricDefinition>,
}

/// One calculation of a metric, and where else the same is computed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct MetricDefinition {
    /// The asset that has it.
    pub asset: AssetRef,
    /// The column that holds it.
    pub column: String,
    /// Owners' names.
    pub owners: Vec<String>,
    /// What it means, own or inherited, as plain text; "" where nobody said.
    pub meaning: String,
    /// The expression that computes it.
    pub expression: String,
    /// Where the expression stands.
    pub place: Option<Place>,
    /// How many assets read it.
    pub readers: u64,
    /// Columns that compute exactly the same, written otherwise or elsewhere.
    pub same: Vec<ColumnRef>,
    /// In what it differs from the first calculation, the most telling first; empty for the first, and
    /// where the two cannot be compared.
    pub differences: Vec<SaidDifference>,
    /// Whether it has a normal form, by which it is compared.
    pub compared: bool,
}

impl MetricDefinition {
    /// In what it differs from the first calculation: of what, and in words; the most telling three.
    pub fn told_differences(&self) -> impl Iterator<Item = (&'static str, String)> {
        self.differences.iter().take(3).map(|said| (said.facet.word(), said.sentence.replace("the other", "the first")))
    }
}

/// A calculation with its normal form.
#[derive(Debug)]
pub(super) struct Calculated {
    definition: MetricDefinition,
    form: Option<Arc<Form>>,
}

/// Calculations of one run that were asked for.
pub(super) type CalculatedColumns = tokio::sync::Mutex<FxHashMap<ColumnId, Option<Arc<Calculated>>>>;

/// A name that calculated columns have.
#[derive(Debug)]
pub(super) struct CalculatedName {
    /// In lower case.
    name: String,
    columns: Vec<(AssetId, ColumnId)>,
}

impl CalculatedName {
    /// The name, in lower case.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The columns that have it.
    pub(super) fn columns(&self) -> impl Iterator<Item = (AssetId, ColumnId)> + '_ {
        self.columns.iter().copied()
    }
}

impl View {
    /// The metrics that `text` names: columns calculated by aggregating whose name has every word,
    /// those with the most definitions first. Copies of a calculation are not definitions.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn implied_metrics(&self, text: &str) -> Result<Vec<ImpliedMetric>> {
        let words = words(text);
        if words.is_empty() {
            return Ok(Vec::new());
        }
        let mut metrics = Vec::new();
        let named = self.calculated().iter().filter(|entry| words.iter().all(|word| has_word(&entry.name, word)));
        for entry in named.take(4 * MOST_METRICS) {
            let mut calculated = Vec::new();
            for column in entry.columns.iter().take(MOST_DEFINITIONS) {
                calculated.extend(self.define_metric(*column).await?);
            }
            let definitions = join_same(&calculated);
            if !definitions.is_empty() {
                metrics.push(ImpliedMetric { name: entry.name.clone(), definitions });
            }
        }
        // A ratio is what people most often mean; among the rest, what most define.
        let ratios =
            |metric: &ImpliedMetric| metric.definitions.iter().filter(|definition| divides(&definition.expression)).count();
        metrics.sort_by_key(|metric| (Reverse(ratios(metric)), Reverse(metric.definitions.len()), metric.name.clone()));
        metrics.truncate(MOST_METRICS);
        Ok(metrics)
    }

    /// Names that owners calculate differently: each with how many calculations it has, most first.
    pub(super) async fn competing_names(&self, most: usize) -> Result<Vec<(String, u64)>> {
        let mut names: Vec<(String, u64)> = Vec::new();
        let mut looked_at = 0;
        for entry in self.calculated() {
            let owners = |columns: &mut dyn Iterator<Item = AssetId>| -> usize {
                let owners = columns.map(|asset| self.facts.of(asset).owner_names());
                owners.filter(|names| !names.is_empty()).collect::<BTreeSet<_>>().len()
            };
            if owners(&mut entry.columns.iter().map(|(asset, _)| *asset)) < 2 {
                continue;
            }
            looked_at += 1;
            if looked_at > MOST_COMPARED || names.len() >= most {
                break;
            }
            let mut calculated = Vec::new();
            for column in entry.columns.iter().take(MOST_METRICS) {
                calculated.extend(self.define_metric(*column).await?);
            }
            let definitions = join_same(&calculated);
            let teams: BTreeSet<&Vec<String>> =
                definitions.iter().map(|definition| &definition.owners).filter(|names| !names.is_empty()).collect();
            let expressions: BTreeSet<String> =
                definitions.iter().map(|definition| definition.expression.to_lowercase()).collect();
            if teams.len() > 1 && expressions.len() > 1 {
                names.push((entry.name.clone(), definitions.len() as u64));
            }
        }
        names.sort_by_key(|(name, columns)| (Reverse(*columns), name.clone()));
        Ok(names)
    }

    /// Calculated columns by name: names that most columns have first, in a name the most read first.
    pub(super) fn calculated(&self) -> &[CalculatedName] {
        self.calculated.get_or_init(|| self.find_calculated())
    }

    fn find_calculated(&self) -> Vec<CalculatedName> {
        let computing = [ColumnEdgeKind::Aggregation, ColumnEdgeKind::Conditional, ColumnEdgeKind::Transformation];
        let mut by_name: BTreeMap<String, Vec<(AssetId, ColumnId)>> = BTreeMap::new();
        for asset in &self.assets {
            for (column, path) in self.graph.columns_of(asset.id) {
                if path != "*" && self.has_edge_of(column, &computing) {
                    by_name.entry(path.to_lowercase()).or_default().push((asset.id, column));
                }
            }
        }
        let mut names: Vec<CalculatedName> =
            by_name.into_iter().map(|(name, columns)| CalculatedName { name, columns }).collect();
        for entry in &mut names {
            entry.columns.sort_by_key(|(asset, column)| (Reverse(self.readers(*asset)), *column));
        }
        names.sort_by_key(|entry| (Reverse(entry.columns.len()), entry.name.clone()));
        names
    }

    fn has_edge_of(&self, column: ColumnId, kinds: &[ColumnEdgeKind]) -> bool {
        let edges = self.graph.column_edges(column, Direction::Upstream);
        edges.into_iter().filter_map(|edge| self.graph.edge(edge)).any(|edge| kinds.contains(&edge.kind))
    }

    /// The calculation of a column, where its own SQL aggregates or divides aggregates; remembered.
    async fn define_metric(&self, (asset, column): (AssetId, ColumnId)) -> Result<Option<Arc<Calculated>>> {
        if let Some(known) = self.metrics.lock().await.get(&column) {
            return Ok(known.clone());
        }
        let found = self.find_calculation(asset, column).await?.map(Arc::new);
        self.metrics.lock().await.insert(column, found.clone());
        Ok(found)
    }

    async fn find_calculation(&self, asset: AssetId, column: ColumnId) -> Result<Option<Calculated>> {
        let Some((_, path)) = self.graph.column(column) else { return Ok(None) };
        let details = self.store.load_makings(self.run, &[asset], &self.assets).await?;
        let (Some(detail), Some(pointer)) = (details.first(), self.point(asset)) else { return Ok(None) };
        let Some((expression, place, definition)) = self.calculation(detail, path) else { return Ok(None) };
        let columns = Columns { asset: &detail.asset, definition, names: vec![path.to_owned()] };
        let computed = self.compute_columns(&[columns], &mut KnownParts::default()).await?;
        let form = computed.into_iter().flatten().next().flatten();
        let meaning = detail
            .declared
            .iter()
            .flat_map(|schema| &schema.columns)
            .filter(|declared| declared.name.eq_ignore_ascii_case(path))
            .find_map(|declared| declared.description.as_deref())
            .map(first_line);
        let facts = self.facts.of(asset);
        let definition = MetricDefinition {
            asset: pointer,
            column: path.to_owned(),
            owners: facts.owner_names(),
            meaning: meaning.unwrap_or_else(|| facts.summary.clone()),
            expression,
            place: Some(place),
            readers: self.graph.degree(asset, Direction::Downstream) as u64,
            same: Vec::new(),
            differences: Vec::new(),
            compared: form.is_some(),
        };
        Ok(Some(Calculated { definition, form }))
    }

    /// The expression of a column that aggregates and measures, or that divides what others aggregated.
    pub(super) fn calculation<'a>(&self, detail: &'a AssetDetail, column: &str) -> Option<(String, Place, &'a Definition)> {
        detail.definitions.iter().find_map(|definition| {
            let makings =
                definition.targets.iter().flat_map(|target| make_column(&definition.analysis, &definition.text, *target, column));
            let making = makings.into_iter().find(|making| {
                let measured = || making.links.iter().any(|link| measures(link.span.of(&definition.text)));
                making.aggregates() && measured() || self.divides_calculated(definition, making)
            })?;
            let (text, place) = self.expression_in(definition, &making)?;
            Some((text, place, definition))
        })
    }

    /// The expression that tells most of a column, and where it stands; `None` where the document does
    /// not make it.
    pub(super) fn telling_expression(&self, definition: &Definition, column: &str) -> Option<(String, Place)> {
        let makings =
            definition.targets.iter().flat_map(|target| make_column(&definition.analysis, &definition.text, *target, column));
        makings.into_iter().find_map(|making| self.expression_in(definition, &making))
    }

    fn expression_in(&self, definition: &Definition, making: &Making) -> Option<(String, Place)> {
        let link = telling_link(making)?;
        let text = link.of(&definition.text).split_whitespace().collect::<Vec<_>>().join(" ");
        let place = self.place_in(&definition.placement, definition.analysis.line_index(&definition.text).line(link.start));
        Some((text.chars().take(LONGEST_EXPRESSION).collect(), place))
    }

    /// Whether a computed value is made of columns that other SQL aggregated: a ratio of a mart's sums.
    fn divides_calculated(&self, definition: &Definition, making: &Making) -> bool {
        let computes = making.links.first().is_some_and(|link| link.step == Step::Transforms);
        let aggregated = |input: &MakingInput| {
            let asset = definition.bound.get(input.relation? as usize)?.as_ref()?;
            let column = self.graph.find_column(asset.id, &input.column)?;
            let edges = self.graph.column_edges(column, Direction::Upstream);
            let kinds = edges.into_iter().filter_map(|edge| self.graph.edge(edge)).map(|edge| edge.kind);
            Some(kinds.into_iter().any(|kind| kind == ColumnEdgeKind::Aggregation))
        };
        let expression = making.links.first().map_or("", |link| link.span.of(&definition.text));
        computes && divides(expression) && making.inputs.iter().any(|input| aggregated(input) == Some(true))
    }
}

/// One definition for all columns that compute the same, the most read first, deprecated ones last; each
/// with what tells it from the first.
fn join_same(calculated: &[Arc<Calculated>]) -> Vec<MetricDefinition> {
    let mut ordered: Vec<&Arc<Calculated>> = calculated.iter().collect();
    ordered.sort_by_key(|one| one.definition.asset.deprecated);
    let mut definitions: Vec<(&Option<Arc<Form>>, MetricDefinition)> = Vec::new();
    for one in ordered {
        let is_same = |known: &Option<Arc<Form>>| {
            let forms = known.as_ref().zip(one.form.as_ref());
            forms.is_some_and(|(known, own)| known.computes_as(own))
        };
        if let Some((_, first)) = definitions.iter_mut().find(|(known, _)| is_same(known)) {
            first.same.push(ColumnRef { asset: one.definition.asset.clone(), column: one.definition.column.clone() });
            continue;
        }
        let mut definition = one.definition.clone();
        if let Some((first, own)) = definitions.first().and_then(|(first, _)| first.as_ref()).zip(one.form.as_ref()) {
            definition.differences = own.differences(first);
        }
        definitions.push((&one.form, definition));
    }
    definitions.into_iter().map(|(_, definition)| definition).collect()
}

/// The expression that tells most: the outermost that computes something.
fn telling_link(making: &Making) -> Option<Span> {
    let computing = making.links.iter().find(|link| link.step != Step::Copies);
    computing.or(making.links.first()).map(|link| link.span)
}

/// Whether a word of `name` starts with `word`: `active` is in `active_users`, not in `inactive_users`.
fn has_word(name: &str, word: &str) -> bool {
    name.match_indices(word).any(|(at, _)| !name.get(..at).unwrap_or("").ends_with(char::is_alphanumeric))
}

/// Words of a query, filters and quotes left out.
fn words(text: &str) -> Vec<String> {
    text.split_whitespace()
        .filter(|word| !word.contains(':') && !word.starts_with('-'))
        .map(|word| last_part(word).trim_matches(|letter: char| !letter.is_alphanumeric()).to_lowercase())
        .filter(|word| word.len() > 1)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::has_word;

    #[test]
    fn a_metric_is_named_by_the_start_of_a_word() {
        assert!(has_word("daily_active_users", "active") && has_word("churn_rate", "chur") && has_word("is_dau", "dau"));
        assert!(!has_word("inactive_users", "active") && !has_word("churn", "urn"));
    }
}
