//! What the names in metrics mean: semantic models, measures and metrics of a project.

use std::collections::HashMap;

use super::semantic::{Element, Input, Measure, Metric, SemanticModel, Shape, Sql};

/// Deepest chain of metrics.
pub(super) const MAX_DEPTH: usize = 8;

/// The semantic models and metrics of a project by name; the first of a name is meant.
pub(super) struct Lexicon<'a> {
    pub(super) models: Vec<&'a SemanticModel>,
    metrics: HashMap<&'a str, &'a Metric>,
    measures: HashMap<&'a str, (usize, &'a Measure)>,
}

impl<'a> Lexicon<'a> {
    pub(super) fn new(models: Vec<&'a SemanticModel>, metrics: &[&'a Metric]) -> Lexicon<'a> {
        let mut lexicon = Lexicon { models, metrics: HashMap::new(), measures: HashMap::new() };
        for metric in metrics {
            lexicon.metrics.entry(&metric.name).or_insert(metric);
        }
        for (at, model) in lexicon.models.iter().enumerate() {
            for measure in &model.measures {
                lexicon.measures.entry(&measure.name).or_insert((at, measure));
            }
        }
        lexicon
    }

    pub(super) fn metric(&self, name: &str) -> Option<&'a Metric> {
        self.metrics.get(name).copied()
    }

    /// The measure that `input` is in the end, its model, and the conditions on the way.
    pub(super) fn measure(&self, input: &'a Input) -> Option<(usize, &'a Measure, Vec<&'a Sql>)> {
        let mut filters: Vec<&Sql> = input.filters.iter().collect();
        let mut input = input;
        for _ in 0..MAX_DEPTH {
            if !input.is_metric {
                return self.measures.get(input.name.as_str()).map(|(model, measure)| (*model, *measure, filters));
            }
            let metric = self.metric(&input.name)?;
            let Some(Shape::Simple(inner)) = &metric.shape else { return None };
            filters.extend(metric.filters.iter().chain(&inner.filters));
            input = inner;
        }
        None
    }

    /// When a measure counts, as an expression of its model.
    pub(super) fn time_of(&self, model: usize, measure: &Measure) -> Option<&'a Sql> {
        let model = self.models.get(model)?;
        let name = measure.time.as_ref().or(model.time.as_ref())?;
        model.dimensions.iter().find(|dimension| dimension.name == *name).map(|dimension| &dimension.expr)
    }
}

/// Whether a row of `model` is one of `entity`.
pub(super) fn is_key_of(model: &SemanticModel, entity: &str) -> bool {
    let is_key = |known: &Element| known.name == entity && matches!(known.kind.as_str(), "primary" | "unique" | "natural");
    model.primary.as_deref() == Some(entity) || model.entities.iter().any(is_key)
}

/// The element that `entity` is in `model`.
pub(super) fn key_element<'m>(model: &'m SemanticModel, entity: &str) -> Option<&'m Element> {
    model.entities.iter().find(|known| known.name == entity)
}
