//! A view as text: Mermaid and CSV.

use std::fmt::Write;

use super::{EdgeKinds, GraphView, ViewNode};

/// The view as a Mermaid flowchart, one node per asset, one arrow per pair; dashed where the source
/// only decides rows.
pub fn render_mermaid(view: &GraphView) -> String {
    let mut text = String::from("flowchart LR\n");
    for (at, node) in view.nodes.iter().enumerate() {
        push_line(&mut text, format_args!("  n{at}[\"{}\"]", escape_mermaid(&node.name)));
    }
    let mut pairs: Vec<(usize, usize, EdgeKinds)> = view.edges.iter().map(|edge| (edge.from, edge.to, edge.kinds)).collect();
    pairs.sort_unstable();
    let mut merged: Vec<(usize, usize, EdgeKinds)> = Vec::new();
    for (from, to, kinds) in pairs {
        match merged.last_mut().filter(|last| (last.0, last.1) == (from, to)) {
            Some(last) => last.2 = last.2.union(kinds),
            None => merged.push((from, to, kinds)),
        }
    }
    for (from, to, kinds) in merged {
        let rows_only = !kinds.is_empty() && kinds.intersection(EdgeKinds::COLUMN).is_empty();
        push_line(&mut text, format_args!("  n{from} {} n{to}", if rows_only { "-.->" } else { "-->" }));
    }
    if let Some(focus) = view.nodes.get(view.focus).map(|_| view.focus) {
        push_line(&mut text, format_args!("  style n{focus} stroke-width:3px"));
    }
    text
}

/// The edges of the view as CSV with a header line:
/// `from_namespace,from,from_column,to_namespace,to,to_column,kinds,state`. Fields that a spreadsheet
/// would take for a formula are led by an apostrophe.
pub fn render_csv(view: &GraphView) -> String {
    let mut text = String::from("from_namespace,from,from_column,to_namespace,to,to_column,kinds,state\n");
    for edge in &view.edges {
        let (Some(from), Some(to)) = (view.nodes.get(edge.from), view.nodes.get(edge.to)) else { continue };
        let kinds = edge.kinds.words().join(" ");
        let fields = [
            &from.namespace,
            &from.name,
            port_path(from, edge.from_port),
            &to.namespace,
            &to.name,
            port_path(to, edge.to_port),
            &kinds,
            edge.state.word(),
        ];
        let line: Vec<String> = fields.iter().map(|field| quote_csv(field)).collect();
        push_line(&mut text, format_args!("{}", line.join(",")));
    }
    text
}

fn port_path(node: &ViewNode, port: Option<usize>) -> &str {
    port.and_then(|at| node.ports.get(at)).map_or("", |port| &port.path)
}

fn push_line(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    if text.write_fmt(line).is_ok() {
        text.push('\n');
    }
}

/// Mermaid reads `#` entities, quotes and angle brackets inside labels.
fn escape_mermaid(name: &str) -> String {
    let mut escaped = String::with_capacity(name.len());
    for letter in name.chars() {
        match letter {
            '"' | '#' | '<' | '>' | '&' | '`' | '\\' | ';' => {
                escaped.push_str(&format!("#{};", u32::from(letter)));
            }
            letter if letter.is_control() => escaped.push(' '),
            letter => escaped.push(letter),
        }
    }
    escaped
}

fn quote_csv(field: &str) -> String {
    let guarded = if field.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{field}") } else { field.to_owned() };
    if guarded.contains([',', '"', '\n', '\r']) { format!("\"{}\"", guarded.replace('"', "\"\"")) } else { guarded }
}
