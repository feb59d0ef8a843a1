//! Metrics as assets: a document with their SQL each, and what is said of them.

use super::{
    lexicon::Lexicon,
    metric_sql::Writer,
    semantic::{Input, Metric, SemanticModel, Shape, Sql},
};
use crate::{
    model::{Diagnostic, DocumentRole, FactKind, MetricShape, RelationName, Span, UNKNOWN_DEFINITION, UNSUPPORTED_DEFINITION},
    sources::definitions::{Definition, Definitions, Setting},
};

/// The asset that the metric called `name` of `project` is.
pub(super) fn metric_name(setting: &Setting<'_>, project: &str, name: &str) -> RelationName {
    RelationName::outside(setting.namespace("dbt"), format!("metric.{project}.{name}"))
}

/// Defines the metrics of a project.
pub(super) fn define_metrics(
    project: &str,
    models: Vec<&SemanticModel>,
    metrics: &[&Metric],
    setting: &Setting<'_>,
    definitions: &mut Definitions,
) {
    let lexicon = Lexicon::new(models, metrics);
    let name_of = |name: &str| metric_name(setting, project, name);
    for metric in metrics {
        let target = name_of(&metric.name);
        for (line, fact) in &metric.said {
            definitions.say(&target, fact.clone(), &metric.path, *line);
        }
        definitions.say(&target, FactKind::Metric { shape: shape_of(metric, &lexicon) }, &metric.path, metric.line);
        let mut writer = Writer::new(&lexicon, setting.dialect, metric, &name_of);
        let sql = writer.write();
        let Writer { stand_ins, missing, .. } = writer;
        for (line, what) in missing {
            definitions.note(&metric.path, line, Diagnostic::new(&UNKNOWN_DEFINITION, what, Span::default()));
        }
        if metric.shape.is_none() {
            let message = format!("the metric `{}` is of the type `{}`, or lacks what that is made of", metric.name, metric.kind);
            definitions.note(&metric.path, metric.line, Diagnostic::new(&UNSUPPORTED_DEFINITION, message, Span::default()));
        }
        let part = format!("metrics.{}", metric.name);
        let role = DocumentRole::Metric;
        definitions.define(
            Definition { path: &metric.path, part: &part, role, target, name: Some(metric.name.clone()), sql, stand_ins },
            setting,
        );
    }
}

fn shape_of(metric: &Metric, lexicon: &Lexicon<'_>) -> MetricShape {
    let texts = |filters: &[Sql]| filters.iter().map(|filter| filter.text.clone()).collect::<Vec<_>>();
    let mut shape = MetricShape { measure: metric.kind.clone(), filters: texts(&metric.filters), ..MetricShape::default() };
    let mut of_measure = |input: &Input| {
        let Some((model, measure, _)) = lexicon.measure(input) else { return };
        shape.filters.extend(texts(&input.filters));
        shape.expression = format!("{}({})", measure.aggregation, measure.expr.text);
        shape.time_column = lexicon.time_of(model, measure).map(|time| time.text.clone()).unwrap_or_default();
    };
    match &metric.shape {
        Some(Shape::Simple(input)) => of_measure(input),
        Some(Shape::Cumulative { input, window, to_date }) => {
            of_measure(input);
            shape.window = if to_date.is_empty() { window.clone() } else { format!("{to_date} to date") };
        }
        Some(Shape::Ratio(numerator, denominator)) => {
            shape.numerator.clone_from(&numerator.name);
            shape.denominator.clone_from(&denominator.name);
        }
        Some(Shape::Derived(expr, _)) => shape.expression.clone_from(&expr.text),
        Some(Shape::Conversion { base, conversion, window, .. }) => {
            shape.numerator.clone_from(&conversion.name);
            shape.denominator.clone_from(&base.name);
            shape.window.clone_from(window);
        }
        None => {}
    }
    shape
}
