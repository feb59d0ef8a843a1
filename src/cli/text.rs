//! Text for terminals: aligned tables, times, names.

use std::io::{self, Write};

use serde::Serialize;

use super::paint::{Tone, paint};
use crate::catalog::AssetRef;

/// Writes `value` as one JSON document.
pub(super) fn write_json(out: &mut impl Write, value: &impl Serialize) -> anyhow::Result<()> {
    serde_json::to_writer_pretty(&mut *out, value)?;
    writeln!(out)?;
    Ok(())
}

/// A table whose columns are as wide as they need; the last one is not padded.
#[derive(Default)]
pub(super) struct Table {
    rows: Vec<Vec<(Tone, String)>>,
}

impl Table {
    pub(super) fn add(&mut self, cells: Vec<(Tone, String)>) {
        self.rows.push(cells);
    }

    pub(super) fn write(&self, out: &mut impl Write, indent: &str) -> io::Result<()> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns)
            .map(|at| self.rows.iter().filter_map(|row| row.get(at)).map(|(_, text)| text.chars().count()).max().unwrap_or(0))
            .collect();
        for row in &self.rows {
            write!(out, "{indent}")?;
            let last = row.iter().rposition(|(_, text)| !text.is_empty()).unwrap_or(0);
            for (at, (tone, text)) in row.iter().enumerate().take(last + 1) {
                let pad = widths.get(at).copied().unwrap_or(0).saturating_sub(text.chars().count());
                write!(out, "{}", paint(*tone, text))?;
                if at < last {
                    write!(out, "{:pad$}  ", "")?;
                }
            }
            writeln!(out)?;
        }
        Ok(())
    }
}

/// A moment in UTC, to the minute.
pub(super) fn moment(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map_or_else(|_| "?".to_owned(), |time| time.strftime("%Y-%m-%d %H:%M").to_string())
}

/// A day in UTC.
pub(super) fn day(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map_or_else(|_| "?".to_owned(), |time| time.strftime("%Y-%m-%d").to_string())
}

/// A heading line.
pub(super) fn heading(out: &mut impl Write, text: &str) -> io::Result<()> {
    writeln!(out, "\n{}", paint(Tone::Strong, text))
}

/// The kind of an asset and whether it is deprecated, as a cell.
pub(super) fn kind_cell(asset: &AssetRef) -> (Tone, String) {
    if asset.deprecated {
        (Tone::Warn, format!("{}, deprecated", asset.kind.word()))
    } else {
        (Tone::Faint, asset.kind.word().to_owned())
    }
}

/// 1234567 → 1,234,567.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{Table, Tone, day, grouped};

    #[test]
    fn numbers_are_grouped_by_thousands() {
        assert_eq!(grouped(7), "7");
        assert_eq!(grouped(1_234), "1,234");
        assert_eq!(grouped(1_234_567), "1,234,567");
    }

    #[test]
    fn cells_stand_under_each_other() {
        let mut table = Table::default();
        table.add(vec![(Tone::Name, "a".to_owned()), (Tone::Faint, "x".to_owned())]);
        table.add(vec![(Tone::Name, "long".to_owned()), (Tone::Faint, "y".to_owned())]);
        let mut out = Vec::new();
        table.write(&mut out, " ").unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), " a     x\n long  y\n");
    }

    #[test]
    fn a_day_is_written_in_utc() {
        assert_eq!(day(86_399), "1970-01-01");
    }
}
