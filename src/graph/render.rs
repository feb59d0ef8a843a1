//! A view as text: Mermaid and CSV.

use super::GraphView;

/// The view as a Mermaid flowchart, one node per asset.
pub fn render_mermaid(_view: &GraphView) -> String {
    String::new()
}

/// The edges of the view as CSV with a header line:
/// `from_namespace,from,from_column,to_namespace,to,to_column,kinds,state`.
pub fn render_csv(_view: &GraphView) -> String {
    String::new()
}
