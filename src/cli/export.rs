//! `wellspring export`.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::PathBuf,
};

use anyhow::Context;
use clap::Args;

use super::{
    Outcome,
    place::{Place, wait_for},
};

/// Write the whole catalog, sorted, one JSON object per line
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Export {
    /// One JSON object per line (the only form there is)
    #[arg(long)]
    jsonl: bool,
    /// The file to write [default: stdout]
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    place: Place,
}

const EXAMPLES: &str = r#"Examples:
  wellspring export --jsonl > catalog.jsonl
  wellspring export --jsonl | jq -c 'select(.type == "column_edge" and .kind == "AGGREGATION")'

Lines have a `type`: asset, column_edge, row_edge, asset_edge, routine_edge or diagnostic. The same
state of the sources gives the same bytes.

Exit codes: 0 written · 2 failure"#;

impl Export {
    pub(super) fn run(self) -> anyhow::Result<Outcome> {
        if !self.jsonl {
            tracing::info!("writing JSON lines");
        }
        let mut out: Box<dyn Write + Send> = match &self.out {
            Some(file) => Box::new(File::create(file).with_context(|| format!("{}", file.display()))?),
            None => Box::new(io::stdout()),
        };
        let mut out = BufWriter::with_capacity(1 << 20, &mut out);
        wait_for(async { Ok(self.place.view().await?.export(&mut out).await?) })?;
        out.flush()?;
        Ok(Outcome::Done)
    }
}
