//! `wellspring governance`: everything that people state, as one YAML file, and back.

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
};

use anyhow::Context;
use clap::{Args, Subcommand, ValueEnum};

use super::{
    Outcome,
    place::{Place, wait_for},
};
use crate::{
    catalog::{Catalog, CatalogError, ImportAnswer, OnConflict},
    model::{Actor, Role, Scope},
    web::local_name,
};

/// Write what people state to a YAML file, or state what one says
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Governance {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    place: Place,
}

const EXAMPLES: &str = "Examples:
  wellspring governance export > governance.yaml
  wellspring governance import governance.yaml --dry-run
  wellspring governance import governance.yaml --on-conflict overwrite

The file says of each asset what people state: owners, deprecation, certification, description, tags,
tier, wrong; null and [] state that there is none. Importing takes all of the file over or nothing.

Exit codes: 0 done · 1 refused, because people state something else · 2 the file does not fit, or failure";

#[derive(Debug, Subcommand)]
enum Action {
    /// Write everything that people state
    Export {
        /// The file [default: stdout]
        #[arg(long, short, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// State what a file says
    Import {
        /// The file; - is stdin
        file: PathBuf,
        /// What is done where people state something else already
        #[arg(long, value_enum, default_value_t = ConflictWord::Refuse)]
        on_conflict: ConflictWord,
        /// Change nothing, say what would be
        #[arg(long)]
        dry_run: bool,
        /// In whose name it is stated [default: whoever runs this]
        #[arg(long, value_name = "NAME")]
        person: Option<String>,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ConflictWord {
    /// Nothing is changed; the differences are listed
    Refuse,
    /// What people state stays; the rest of the file is taken over
    Keep,
    /// The file is taken over whole
    Overwrite,
}

impl Governance {
    pub(super) fn run(self) -> anyhow::Result<Outcome> {
        let Governance { action, place } = self;
        wait_for(async move {
            let catalog = Catalog::open(&place.folder()?).await?;
            match action {
                Action::Export { out } => {
                    let yaml = catalog.view().export_governance()?;
                    match out {
                        Some(file) => fs::write(&file, yaml).with_context(|| format!("writing {}", file.display()))?,
                        None => print!("{yaml}"),
                    }
                    Ok(Outcome::Done)
                }
                Action::Import { file, on_conflict, dry_run, person, json } => {
                    let text = read(&file)?;
                    let on_conflict = match (dry_run, on_conflict) {
                        (true, _) => OnConflict::Tell,
                        (false, ConflictWord::Refuse) => OnConflict::Refuse,
                        (false, ConflictWord::Keep) => OnConflict::Keep,
                        (false, ConflictWord::Overwrite) => OnConflict::Overwrite,
                    };
                    let name = person.unwrap_or_else(local_name);
                    let actor = Actor { name, role: Role::Admin, scope: Scope::Admin, also: Vec::new() };
                    match catalog.import_governance(&actor, &text, on_conflict).await {
                        Ok(answer) => tell(&answer, on_conflict, json),
                        Err(CatalogError::BadFile(reasons)) => {
                            for (line, reason) in &reasons {
                                eprintln!("{}:{line}: {reason}", file.display());
                            }
                            anyhow::bail!("{} does not fit; nothing was changed", file.display())
                        }
                        Err(other) => Err(other.into()),
                    }
                }
            }
        })
    }
}

fn read(file: &Path) -> anyhow::Result<String> {
    if file.as_os_str() != "-" {
        return fs::read_to_string(file).with_context(|| format!("reading {}", file.display()));
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).context("reading stdin")?;
    Ok(text)
}

fn tell(answer: &ImportAnswer, on_conflict: OnConflict, json: bool) -> anyhow::Result<Outcome> {
    let refused = on_conflict == OnConflict::Refuse && !answer.applied;
    if json {
        println!("{}", serde_json::to_string_pretty(answer)?);
        return Ok(if refused { Outcome::Nothing } else { Outcome::Done });
    }
    for conflict in &answer.conflicts {
        let of = if conflict.column.is_empty() { String::new() } else { format!(" of {}", conflict.column) };
        println!("line {}: {}, {}{of}", conflict.line, conflict.asset, conflict.field.word());
        println!("  file:   {}", conflict.file);
        println!("  stated: {} ({})", conflict.stated, conflict.by.person);
    }
    for (line, name) in &answer.unknown {
        eprintln!("line {line}: nothing is called {name} here yet");
    }
    let done = match (answer.applied, refused) {
        (true, _) => "Stated",
        (false, true) => "Nothing was changed: --on-conflict keep or overwrite decides. Else it would be",
        (false, false) => "Nothing was changed. It would be",
    };
    eprintln!(
        "{done}: {} new, {} overwritten, {} the same, {} in conflict.",
        answer.added,
        answer.overwritten,
        answer.unchanged,
        answer.conflicts.len()
    );
    Ok(if refused { Outcome::Nothing } else { Outcome::Done })
}
