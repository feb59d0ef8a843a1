//! `wellspring trace` and `wellspring impact`.

use std::{
    collections::BTreeSet,
    io::{self, BufWriter, Write},
};

use clap::Args;

use super::{
    Outcome,
    paint::{Tone, paint},
    place::{Place, name_asset, wait_for},
    text::{Table, grouped, heading, write_json},
};
use crate::{
    catalog::{Direction, ImpactAnswer, ImpactQuery, ImpactSeverity, TraceAnswer, TraceQuery},
    model::ColumnEdgeKind,
};

/// Lines of a tree at most; the rest is counted.
const MOST_LINES: usize = 2_000;

/// Follow a column or an asset up to its sources or down to its users
#[derive(Debug, Args)]
#[command(after_help = TRACE_EXAMPLES)]
pub(super) struct Trace {
    /// An asset's name in any form, perhaps with a column behind it
    #[arg(value_name = "ASSET[.COLUMN]")]
    name: String,
    /// Towards the sources (the default)
    #[arg(long, conflicts_with = "down")]
    up: bool,
    /// Towards the users
    #[arg(long)]
    down: bool,
    /// Edges far at most
    #[arg(long, value_name = "N")]
    depth: Option<u32>,
    /// Edge kinds to follow, by commas: IDENTITY, TRANSFORMATION, AGGREGATION, CONDITIONAL, WINDOW
    #[arg(long, value_name = "KINDS", value_delimiter = ',', value_parser = edge_kind)]
    kinds: Vec<ColumnEdgeKind>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

const TRACE_EXAMPLES: &str = "Examples:
  wellspring trace reporting.churn_monthly.churn_rate
  wellspring trace --down --depth 2 raw.billing_events
  wellspring trace --kinds IDENTITY,AGGREGATION marts.orders.amount

Exit codes: 0 something was reached · 1 nothing was, or no such asset · 2 failure";

impl Trace {
    pub(super) fn run(self) -> anyhow::Result<Outcome> {
        let answer = wait_for(async {
            let view = self.place.view().await?;
            let Some((asset, column)) = name_asset(&view, &self.name).await? else { return Ok(None) };
            let query = TraceQuery {
                namespace: asset.namespace,
                name: asset.name,
                column,
                direction: if self.down { Direction::Downstream } else { Direction::Upstream },
                depth: self.depth,
                kinds: self.kinds.clone(),
                most: 0,
            };
            Ok(Some(view.trace(&query).await?))
        })?;
        let Some(answer) = answer else { return Ok(Outcome::Nothing) };
        let mut out = BufWriter::new(io::stdout().lock());
        if self.json {
            write_json(&mut out, &answer)?;
        } else {
            show_trace(&mut out, &answer)?;
        }
        out.flush()?;
        Ok(if answer.edges.is_empty() && answer.assets.is_empty() { Outcome::Nothing } else { Outcome::Done })
    }
}

/// Show what depends on an asset or a column, worst first
#[derive(Debug, Args)]
#[command(after_help = IMPACT_EXAMPLES)]
pub(super) struct Impact {
    /// An asset's name in any form, perhaps with a column behind it
    #[arg(value_name = "ASSET[.COLUMN]")]
    name: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

const IMPACT_EXAMPLES: &str = "Examples:
  wellspring impact raw.billing_events.cancelled_at
  wellspring impact --json staging.subscriptions

Exit codes: 0 something depends on it · 1 nothing does, or no such asset · 2 failure";

impl Impact {
    pub(super) fn run(self) -> anyhow::Result<Outcome> {
        let answer = wait_for(async {
            let view = self.place.view().await?;
            let Some((asset, column)) = name_asset(&view, &self.name).await? else { return Ok(None) };
            let query = ImpactQuery { namespace: asset.namespace, name: asset.name, column, filters: Vec::new() };
            Ok(Some(view.impact(&query).await?))
        })?;
        let Some(answer) = answer else { return Ok(Outcome::Nothing) };
        let mut out = BufWriter::new(io::stdout().lock());
        if self.json {
            write_json(&mut out, &answer)?;
        } else {
            show_impact(&mut out, &answer)?;
        }
        out.flush()?;
        Ok(if answer.affected.is_empty() { Outcome::Nothing } else { Outcome::Done })
    }
}

fn edge_kind(word: &str) -> Result<ColumnEdgeKind, String> {
    ColumnEdgeKind::from_word(&word.to_uppercase()).ok_or_else(|| format!("`{word}` is no kind of edge that a trace follows"))
}

fn show_trace(out: &mut impl Write, answer: &TraceAnswer) -> io::Result<()> {
    let tree = Tree::new(answer);
    let mut shown = BTreeSet::new();
    let mut lines = 0;
    for (at, column) in answer.columns.iter().enumerate().filter(|(_, column)| column.depth == 0) {
        if answer.column.is_none() && tree.children(at).is_empty() {
            continue;
        }
        writeln!(out, "{}", paint(Tone::Strong, tree.name(at)))?;
        if column.row_edges > 0 && answer.direction == Direction::Upstream {
            writeln!(out, "{}", paint(Tone::Faint, format!("  {} columns decide its rows", column.row_edges)))?;
        }
        lines += tree.write(out, at, &mut shown)?;
        if lines >= MOST_LINES {
            writeln!(out, "{}", paint(Tone::Warn, "More than this terminal wants: use --json, or --depth."))?;
            break;
        }
    }
    if !answer.assets.is_empty() {
        heading(out, "Only known as whole assets")?;
        for (asset, depth) in &answer.assets {
            writeln!(out, "  {}  {}", paint(Tone::Name, &asset.name), paint(Tone::Faint, format!("{depth} away")))?;
        }
    }
    if answer.edges.is_empty() && answer.assets.is_empty() {
        writeln!(out, "Nothing is known beyond it.")?;
    } else {
        let assets: BTreeSet<_> = answer.columns.iter().map(|column| &column.column.asset).collect();
        let ends = answer.columns.iter().filter(|column| column.is_end).count();
        let (columns, assets) = (grouped(answer.columns.len() as u64), grouped(assets.len() as u64));
        writeln!(out, "\n{}", paint(Tone::Faint, format!("{columns} columns of {assets} assets, {ends} of them ends")))?;
    }
    if answer.cut {
        writeln!(out, "{}", paint(Tone::Warn, "Cut off: there is more."))?;
    }
    Ok(())
}

/// A trace as a tree from its start.
struct Tree<'a> {
    answer: &'a TraceAnswer,
    children: Vec<Vec<(usize, &'static str)>>,
}

impl<'a> Tree<'a> {
    fn new(answer: &'a TraceAnswer) -> Self {
        let mut children: Vec<Vec<(usize, &'static str)>> = vec![Vec::new(); answer.columns.len()];
        for edge in &answer.edges {
            let (parent, child) = match answer.direction {
                Direction::Upstream => (edge.to, edge.from),
                Direction::Downstream => (edge.from, edge.to),
            };
            if let Some(list) = children.get_mut(parent) {
                list.push((child, edge.kind.word()));
            }
        }
        for list in &mut children {
            list.sort();
        }
        Tree { answer, children }
    }

    fn children(&self, at: usize) -> &[(usize, &'static str)] {
        self.children.get(at).map_or(&[], Vec::as_slice)
    }

    fn name(&self, at: usize) -> String {
        self.answer
            .columns
            .get(at)
            .map(|column| format!("{}.{}", column.column.asset.name, column.column.column))
            .unwrap_or_default()
    }

    /// Writes what hangs under `root`, each column's own branch once; says how many lines.
    fn write(&self, out: &mut impl Write, root: usize, shown: &mut BTreeSet<usize>) -> io::Result<usize> {
        let mut lines = 0;
        let mut waiting: Vec<(usize, &'static str, String, bool)> = Vec::new();
        self.queue(root, "", &mut waiting);
        while let Some((at, kind, rails, is_last)) = waiting.pop() {
            let again = !shown.insert(at) && !self.children(at).is_empty();
            let branch = if is_last { "└─ " } else { "├─ " };
            let note = if again { " (as above)" } else { "" };
            let rail = paint(Tone::Faint, format!("{rails}{branch}"));
            writeln!(out, "{rail}{}  {}", paint(Tone::Name, self.name(at)), paint(Tone::Faint, format!("{kind}{note}")))?;
            lines += 1;
            if lines >= MOST_LINES {
                break;
            }
            if !again {
                let inner = format!("{rails}{}", if is_last { "   " } else { "│  " });
                self.queue(at, &inner, &mut waiting);
            }
        }
        Ok(lines)
    }

    fn queue(&self, at: usize, rails: &str, waiting: &mut Vec<(usize, &'static str, String, bool)>) {
        let children = self.children(at);
        for (place, (child, kind)) in children.iter().enumerate().rev() {
            waiting.push((*child, kind, rails.to_owned(), place + 1 == children.len()));
        }
    }
}

fn show_impact(out: &mut impl Write, answer: &ImpactAnswer) -> io::Result<()> {
    let name = match &answer.column {
        Some(column) => format!("{}.{column}", answer.asset.name),
        None => answer.asset.name.clone(),
    };
    writeln!(
        out,
        "{}  {}",
        paint(Tone::Strong, name),
        paint(Tone::Faint, format!("{} assets depend on it", answer.affected.len()))
    )?;
    for severity in [ImpactSeverity::Seen, ImpactSeverity::Breaks, ImpactSeverity::Changes] {
        let hits: Vec<_> = answer.affected.iter().filter(|hit| hit.severity == severity).collect();
        if hits.is_empty() {
            continue;
        }
        heading(out, &format!("{} ({})", say_severity(severity), hits.len()))?;
        let mut table = Table::default();
        for hit in hits {
            let columns = match hit.columns.as_slice() {
                [] => "its rows or the whole".to_owned(),
                few if few.len() <= 3 => few.join(", "),
                many => format!("{} columns", many.len()),
            };
            table.add(vec![
                (Tone::Name, hit.asset.name.clone()),
                (Tone::Faint, columns),
                (Tone::Faint, hit.kinds.join(" ")),
                (Tone::Faint, if hit.owners.is_empty() { "no owner".to_owned() } else { hit.owners.join(", ") }),
            ]);
        }
        table.write(out, "  ")?;
    }
    Ok(())
}

fn say_severity(severity: ImpactSeverity) -> &'static str {
    match severity {
        ImpactSeverity::Seen => "People look at",
        ImpactSeverity::Breaks => "Names it itself: breaks",
        ImpactSeverity::Changes => "Reached through others: changes",
    }
}
