//! What a chart asks for: the fields of its form by which Superset makes a query.
//!
//! Which field means a column and which a metric differs by the kind of chart; the lists here are those
//! of `extractQueryFields` and of the plugins' `buildQuery`.

use std::sync::Arc;

use crate::{
    config::Limits,
    sources::{
        json_tree::read_json,
        yaml::{Node, Value},
    },
};

/// Fields that hold columns, in the order in which a chart shows them.
const COLUMNS: [&str; 20] = [
    "x_axis",
    "groupby",
    "groupby_b",
    "groupbyRows",
    "groupbyColumns",
    "series",
    "entity",
    "dimension",
    "columns",
    "all_columns",
    "all_columns_x",
    "all_columns_y",
    "column",
    "start_time",
    "end_time",
    "y_axis",
    "source_category",
    "target_category",
    "tooltip_columns",
    "js_columns",
];
/// Fields that hold a column of some kinds of chart, and something else of others.
const MAYBE_COLUMNS: [&str; 8] = ["source", "target", "id", "parent", "name", "line_column", "geojson", "point_radius"];
/// Places on a map, each of a column or two.
const SPATIAL: [&str; 3] = ["spatial", "start_spatial", "end_spatial"];
/// Fields that hold metrics.
const METRICS: [&str; 10] =
    ["metric", "metrics", "metrics_b", "metric_2", "secondary_metric", "percent_metrics", "tooltip_metrics", "x", "y", "size"];
/// Fields that hold metrics which only say what comes first.
const ORDERS: [&str; 3] = ["timeseries_limit_metric", "series_limit_metric", "series_limit_metric_b"];
/// Fields of conditions.
const CONDITIONS: [&str; 2] = ["adhoc_filters", "adhoc_filters_b"];
/// What stands where no span of time is chosen.
const ANY_TIME: &str = "No filter";

/// Something that a chart asks for, with the line where it says so.
pub(super) struct Asked<'n> {
    pub(super) line: u32,
    pub(super) node: &'n Node,
    /// Whether the field holds such a thing in every kind of chart.
    pub(super) is_certain: bool,
}

/// What a chart asks for.
#[derive(Default)]
pub(super) struct Form<'n> {
    pub(super) columns: Vec<Asked<'n>>,
    pub(super) metrics: Vec<Asked<'n>>,
    pub(super) orders: Vec<Asked<'n>>,
    pub(super) conditions: Vec<Asked<'n>>,
    /// The column that a span of time is chosen of.
    pub(super) time: Option<Asked<'n>>,
    /// Whether times are brought to a grain.
    pub(super) has_grain: bool,
}

impl<'n> Form<'n> {
    /// What the chart's form says.
    pub(super) fn of_params(params: &'n Node, kind: &str) -> Form<'n> {
        let mut form = Form { has_grain: params.word("time_grain_sqla").is_some(), ..Form::default() };
        let time = params.entry("granularity_sqla").filter(|(_, node)| node.text().is_some());
        if shows_time(kind) && params.word("x_axis").is_none() {
            form.columns.extend(time.map(|(line, node)| Asked { line, node, is_certain: true }));
        }
        let is_chosen = params.word("time_range").is_none_or(|range| range != ANY_TIME);
        form.time = time.filter(|_| is_chosen).map(|(line, node)| Asked { line, node, is_certain: true });
        for key in COLUMNS {
            add(&mut form.columns, params, key, true);
        }
        for key in MAYBE_COLUMNS {
            add(&mut form.columns, params, key, false);
        }
        for spatial in SPATIAL.iter().filter_map(|key| params.get(key)) {
            for key in ["lonCol", "latCol", "lonlatCol", "geohashCol"] {
                add(&mut form.columns, spatial, key, true);
            }
        }
        for key in METRICS {
            add(&mut form.metrics, params, key, !matches!(key, "x" | "y" | "size"));
        }
        if let Some(radius) = params.get("point_radius_fixed").filter(|radius| radius.word("type") == Some("metric")) {
            add(&mut form.metrics, radius, "value", true);
        }
        for key in ORDERS {
            add(&mut form.orders, params, key, true);
        }
        for key in CONDITIONS.into_iter().chain(["filters"]) {
            add(&mut form.conditions, params, key, true);
        }
        form
    }

    /// What the queries say that the chart was last seen to make.
    pub(super) fn of_queries(context: &'n Node) -> Form<'n> {
        let mut form = Form::default();
        for query in context.get("queries").map(Node::items).unwrap_or_default() {
            add(&mut form.columns, query, "columns", true);
            add(&mut form.columns, query, "groupby", true);
            add(&mut form.metrics, query, "metrics", true);
            add(&mut form.conditions, query, "filters", true);
        }
        form
    }

    /// Whether it asks for nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.columns.is_empty() && self.metrics.is_empty()
    }
}

/// The queries of a chart, which an export holds as JSON.
pub(super) fn read_context(chart: &Node, limits: &Limits) -> Option<Arc<Node>> {
    read_json(chart.word("query_context")?, limits).ok()
}

/// Whether a kind of chart shows its values along the time that its form names.
fn shows_time(kind: &str) -> bool {
    let names =
        ["line", "bar", "area", "dual_line", "compare", "big_number", "horizon", "time_pivot", "time_table", "cal_heatmap"];
    kind.contains("timeseries") || kind == "echarts_area" || names.contains(&kind)
}

fn add<'n>(asked: &mut Vec<Asked<'n>>, form: &'n Node, key: &str, is_certain: bool) {
    let Some((line, node)) = form.entry(key) else { return };
    match &node.value {
        Value::List(items) => asked.extend(items.iter().map(|item| Asked { line: item.line, node: item, is_certain })),
        Value::Map(_) => asked.push(Asked { line, node, is_certain }),
        Value::Scalar { .. } if node.text().is_some_and(|text| !text.trim().is_empty()) => {
            asked.push(Asked { line, node, is_certain });
        }
        Value::Scalar { .. } => {}
    }
}

/// A condition as SQL: its column or SQL is `subject`. `None` where it lets every row pass.
pub(super) fn condition(subject: &str, operator: &str, value: Option<&Node>) -> Option<String> {
    let text = value.and_then(Node::text).unwrap_or_default();
    let one = || value.map_or_else(|| "NULL".to_owned(), literal);
    let list = || {
        let values: Vec<String> = value.map(Node::items).unwrap_or_default().iter().map(|item| literal(item)).collect();
        if values.is_empty() { one() } else { values.join(", ") }
    };
    Some(match operator.replace('_', " ").to_uppercase().as_str() {
        "TEMPORAL RANGE" if text.is_empty() || text == ANY_TIME => return None,
        "==" | "EQUALS" => format!("{subject} = {}", one()),
        "!=" | "NOT EQUALS" => format!("{subject} <> {}", one()),
        "IN" => format!("{subject} IN ({})", list()),
        "NOT IN" => format!("{subject} NOT IN ({})", list()),
        sign @ (">" | "<" | ">=" | "<=" | "LIKE" | "NOT LIKE") => format!("{subject} {sign} {}", one()),
        "ILIKE" => format!("LOWER({subject}) LIKE LOWER({})", one()),
        "IS NULL" => format!("{subject} IS NULL"),
        _ => format!("{subject} IS NOT NULL"),
    })
}

/// A value as a literal: plain numbers stay what they are.
fn literal(node: &Node) -> String {
    match &node.value {
        Value::Scalar { text, plain: true } if text.parse::<f64>().is_ok() => text.to_string(),
        _ => crate::sources::dashboards::literal(node.text().unwrap_or_default()),
    }
}
