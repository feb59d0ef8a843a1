//! `wellspring show`.

use std::io::{self, BufWriter, Write};

use clap::Args;

use super::{
    Outcome,
    paint::{Tone, paint},
    place::{Place, name_asset, wait_for},
    text::{Table, day, heading, kind_cell, write_json},
};
use crate::catalog::{AssetAnswer, ColumnAnswer, Neighbour};

/// Show everything about an asset, or one of its columns
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Show {
    /// An asset's name in any form, perhaps with a column behind it
    #[arg(value_name = "ASSET[.COLUMN]")]
    name: String,
    /// Print the SQL as well
    #[arg(long)]
    sql: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

const EXAMPLES: &str = "Examples:
  wellspring show marts.orders
  wellspring show --json 'my-project:finance.revenue_v1'
  wellspring show marts.orders.amount

Exit codes: 0 shown · 1 no such asset, or several · 2 failure";

impl Show {
    pub(super) fn run(self) -> anyhow::Result<Outcome> {
        wait_for(async {
            let view = self.place.view().await?;
            let Some((asset, column)) = name_asset(&view, &self.name).await? else { return Ok(Outcome::Nothing) };
            let mut out = BufWriter::new(io::stdout().lock());
            match column {
                Some(column) => {
                    let answer = view.show_column(&asset.namespace, &asset.name, &column).await?;
                    if self.json { write_json(&mut out, &answer)? } else { show_column(&mut out, &answer)? }
                }
                None => {
                    let answer = view.show_asset(&asset.namespace, &asset.name).await?;
                    if self.json { write_json(&mut out, &answer)? } else { self.show_asset(&mut out, &answer)? }
                }
            }
            out.flush()?;
            Ok(Outcome::Done)
        })
    }

    fn show_asset(&self, out: &mut impl Write, answer: &AssetAnswer) -> io::Result<()> {
        let (tone, kind) = kind_cell(&answer.asset);
        writeln!(out, "{}  {}", paint(Tone::Strong, &answer.asset.name), paint(tone, kind))?;
        if let Some(name) = &answer.friendly_name {
            writeln!(out, "{name}")?;
        }
        show_deprecation(out, answer)?;
        for description in &answer.descriptions {
            writeln!(out, "{}", description.text.trim())?;
        }
        show_people(out, answer)?;
        heading(
            out,
            &format!("Columns ({}{})", answer.columns.len(), if answer.columns_complete { "" } else { ", perhaps more" }),
        )?;
        show_columns(out, answer)?;
        if let Some(why) = &answer.no_lineage {
            heading(out, "Upstream")?;
            writeln!(out, "  {}", why.sentence())?;
        }
        show_neighbours(out, "Upstream", &answer.upstream)?;
        show_neighbours(out, "Downstream", &answer.downstream)?;
        show_documents(out, answer, self.sql)?;
        if !answer.diagnostics.is_empty() {
            heading(out, "Diagnostics")?;
            for diagnostic in &answer.diagnostics {
                let place = paint(Tone::Faint, diagnostic.place.label());
                writeln!(out, "  {} {} {place}", paint(Tone::Warn, &diagnostic.code), diagnostic.message)?;
            }
        }
        Ok(())
    }
}

fn show_deprecation(out: &mut impl Write, answer: &AssetAnswer) -> io::Result<()> {
    if let Some(gone) = answer.gone_since {
        writeln!(out, "{}", paint(Tone::Bad, format!("Gone since {}; this is what it was.", day(gone))))?;
    }
    let Some(deprecation) = &answer.deprecation else { return Ok(()) };
    write!(out, "{}", paint(Tone::Warn, "Deprecated"))?;
    if let Some(date) = &deprecation.date {
        write!(out, ", goes away on {date}")?;
    }
    if let Some(replacement) = &deprecation.replacement {
        write!(out, ", use {}", replacement.asset.as_ref().map_or(&replacement.text, |asset| &asset.name))?;
    }
    writeln!(out, ". {}", deprecation.note.trim())
}

fn show_people(out: &mut impl Write, answer: &AssetAnswer) -> io::Result<()> {
    let mut table = Table::default();
    for (word, people) in [("owner", &answer.owners), ("reviewed by", &answer.reviewers)] {
        for person in people {
            let place = person.place.as_ref().map_or_else(|| person.origin.clone(), |place| place.label());
            table.add(vec![(Tone::Faint, word.to_owned()), (Tone::Name, person.name.clone()), (Tone::Faint, place)]);
        }
    }
    if answer.owners.is_empty() {
        table.add(vec![(Tone::Faint, "owner".to_owned()), (Tone::Warn, "nobody".to_owned())]);
    }
    for person in answer.contributors.iter().take(3) {
        let commits = format!("{} commits, last {}", person.commits, day(person.last));
        table.add(vec![(Tone::Faint, "who to ask".to_owned()), (Tone::Name, person.name.clone()), (Tone::Faint, commits)]);
    }
    for schedule in &answer.schedules {
        table.add(vec![(Tone::Faint, "schedule".to_owned()), (Tone::Name, schedule.clone())]);
    }
    if !answer.tags.is_empty() {
        table.add(vec![(Tone::Faint, "tags".to_owned()), (Tone::Name, answer.tags.join(", "))]);
    }
    table.write(out, "")
}

fn show_columns(out: &mut impl Write, answer: &AssetAnswer) -> io::Result<()> {
    let mut table = Table::default();
    for column in &answer.columns {
        let mut sources: Vec<String> =
            column.sources.iter().map(|link| format!("{}.{}", link.column.asset.name, link.column.column)).collect();
        sources.dedup();
        let more = sources.len().saturating_sub(2);
        sources.truncate(2);
        let mut text = if sources.is_empty() { String::new() } else { format!("<- {}", sources.join(", ")) };
        if more > 0 {
            text.push_str(&format!(" and {more} more"));
        }
        let drift = column.drift.map(|drift| drift.word().to_owned()).unwrap_or_default();
        let cells = [(Tone::Name, column.name.clone()), (Tone::Faint, column.data_type.clone()), (Tone::Warn, drift)];
        table.add(cells.into_iter().chain([(Tone::Faint, text)]).collect());
    }
    table.write(out, "  ")
}

fn show_neighbours(out: &mut impl Write, word: &str, neighbours: &[Neighbour]) -> io::Result<()> {
    if neighbours.is_empty() {
        return Ok(());
    }
    heading(out, &format!("{word} ({})", neighbours.len()))?;
    let mut table = Table::default();
    for neighbour in neighbours {
        table.add(vec![
            (Tone::Name, neighbour.asset.name.clone()),
            kind_cell(&neighbour.asset),
            (Tone::Faint, neighbour.owners.join(", ")),
            (Tone::Faint, neighbour.kinds.join(" ")),
        ]);
    }
    table.write(out, "  ")
}

fn show_documents(out: &mut impl Write, answer: &AssetAnswer, with_sql: bool) -> io::Result<()> {
    if answer.documents.is_empty() {
        return Ok(());
    }
    heading(out, "Defined in")?;
    for document in &answer.documents {
        let changed = document.last_change.as_ref().map(|change| format!("{}, {}", day(change.time), change.author));
        let place = document.place.permalink.clone().unwrap_or_else(|| document.place.label());
        writeln!(out, "  {place}  {}", paint(Tone::Faint, changed.unwrap_or_default()))?;
        if document.stale {
            writeln!(out, "  {}", paint(Tone::Warn, "It does not parse any more: its last good lineage is shown."))?;
        }
        if with_sql {
            writeln!(out, "\n{}", document.text.trim_end())?;
        }
    }
    Ok(())
}

fn show_column(out: &mut impl Write, answer: &ColumnAnswer) -> io::Result<()> {
    let name = format!("{}.{}", answer.asset.name, answer.column);
    writeln!(out, "{}  {}", paint(Tone::Strong, name), paint(Tone::Faint, &answer.data_type))?;
    if let Some(description) = &answer.description {
        let from = description.inherited_from.as_ref().map(|column| format!("  (from {}.{})", column.asset.name, column.column));
        writeln!(out, "{}{}", description.text.trim(), paint(Tone::Faint, from.unwrap_or_default()))?;
    }
    for expression in &answer.expressions {
        writeln!(out, "\n{}", expression.sentence)?;
        writeln!(out, "  {}", paint(Tone::Faint, expression.place.label()))?;
    }
    for (word, links) in [("Made of", &answer.sources), ("Used by", &answer.dependants)] {
        if links.is_empty() {
            continue;
        }
        heading(out, word)?;
        let mut table = Table::default();
        for link in links {
            table.add(vec![
                (Tone::Name, format!("{}.{}", link.column.asset.name, link.column.column)),
                (Tone::Faint, link.kind.word().to_owned()),
            ]);
        }
        table.write(out, "  ")?;
    }
    if !answer.decides_rows_of.is_empty() {
        heading(out, "Decides rows of")?;
        for (asset, kind) in &answer.decides_rows_of {
            writeln!(out, "  {}  {}", paint(Tone::Name, &asset.name), paint(Tone::Faint, kind))?;
        }
    }
    Ok(())
}
