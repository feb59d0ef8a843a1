//! `wellspring init`: a commented `wellspring.toml` for what is here.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use clap::Args;
use ignore::WalkBuilder;

use super::Outcome;
use crate::{
    config::{Config, FILE_NAME},
    model::Dialect,
};

/// Files looked at; more would not change what is written.
const MOST_FILES: usize = 50_000;
/// SQL files whose text is looked at.
const MOST_TEXTS: usize = 200;
/// Bytes of a file that are looked at.
const MOST_BYTES: usize = 64 << 10;

/// Write a commented wellspring.toml for what is in a folder
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Init {
    /// The folder to look at
    #[arg(default_value = ".", value_name = "PATH")]
    path: PathBuf,
    /// Print it instead of writing it
    #[arg(long)]
    print: bool,
    /// Put it in the place of one that is there
    #[arg(long)]
    force: bool,
}

const EXAMPLES: &str = "Examples:
  wellspring init
  wellspring init --print ../analytics

Exit codes: 0 written · 2 failure, or there is one already";

/// What was seen in a folder.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    sql_files: usize,
    query_folders: usize,
    is_git: bool,
    has_dbt: bool,
    has_codeowners: bool,
    dialect: Option<Dialect>,
}

impl Init {
    pub(super) fn run(self) -> anyhow::Result<Outcome> {
        let folder = fs::canonicalize(&self.path).with_context(|| format!("{}", self.path.display()))?;
        if !folder.is_dir() {
            bail!("{} is no folder", folder.display());
        }
        let name = folder.file_name().map_or_else(|| "source".to_owned(), |name| name.to_string_lossy().into_owned());
        let seen = look_at(&folder);
        let text = write_config(&name, &seen);
        let file = folder.join(FILE_NAME);
        // What is written must be what is read: a mistake here is ours.
        Config::parse(&text, &file).context("the configuration made for this folder is not valid")?;
        if self.print {
            print!("{text}");
            return Ok(Outcome::Done);
        }
        if file.exists() && !self.force {
            bail!("{} is there already (--force replaces it)", file.display());
        }
        fs::write(&file, &text).with_context(|| format!("{}", file.display()))?;
        eprintln!("Wrote {} for {} SQL files. Next: `wellspring serve`.", file.display(), seen.sql_files);
        Ok(Outcome::Done)
    }
}

fn look_at(folder: &Path) -> Seen {
    let mut seen = Seen { is_git: folder.join(".git").exists() || folder.join("HEAD").is_file(), ..Seen::default() };
    let mut votes: Vec<(Dialect, usize)> = Vec::new();
    let mut texts = 0;
    let files = WalkBuilder::new(folder).max_depth(Some(12)).build().flatten().take(MOST_FILES);
    for file in files.filter(|file| file.file_type().is_some_and(|kind| kind.is_file())) {
        let name = file.file_name().to_string_lossy();
        match &*name {
            "dbt_project.yml" => seen.has_dbt = true,
            "CODEOWNERS" => seen.has_codeowners = true,
            "metadata.yaml" if beside(file.path(), "query.sql") || beside(file.path(), "view.sql") => seen.query_folders += 1,
            _ => {}
        }
        if name.ends_with(".sql") {
            seen.sql_files += 1;
            if texts < MOST_TEXTS
                && let Ok(bytes) = fs::read(file.path())
            {
                texts += 1;
                let text = String::from_utf8_lossy(bytes.get(..MOST_BYTES.min(bytes.len())).unwrap_or_default()).to_lowercase();
                vote(&mut votes, &text);
            }
        }
    }
    votes.sort_by_key(|(dialect, count)| (std::cmp::Reverse(*count), *dialect));
    seen.dialect = votes.first().map(|(dialect, _)| *dialect);
    seen
}

fn beside(file: &Path, name: &str) -> bool {
    file.parent().is_some_and(|folder| folder.join(name).is_file())
}

/// Words that only one dialect of those commonly met has.
fn vote(votes: &mut Vec<(Dialect, usize)>, text: &str) {
    let marks: [(Dialect, &[&str]); 6] = [
        (Dialect::BigQuery, &["safe_divide(", "countif(", "timestamp_trunc(", "struct<", "unnest(generate_", "_table_suffix"]),
        (Dialect::Snowflake, &["flatten(input", "try_to_", "::variant", "iff(", "object_construct("]),
        (Dialect::Postgres, &["generate_series(", "language plpgsql", "::jsonb", "on conflict"]),
        (Dialect::Databricks, &["using delta", "zorder by", "create or refresh"]),
        (Dialect::MsSql, &["[dbo]", "getdate()", "nvarchar(", "cross apply"]),
        (Dialect::Redshift, &["distkey", "sortkey", "getdate() at"]),
    ];
    for (dialect, words) in marks {
        let count = words.iter().filter(|word| text.contains(**word)).count();
        if count > 0 {
            match votes.iter_mut().find(|(known, _)| *known == dialect) {
                Some((_, sum)) => *sum += count,
                None => votes.push((dialect, count)),
            }
        }
    }
}

fn write_config(name: &str, seen: &Seen) -> String {
    let layout = if seen.query_folders > 0 { Some("bigquery-etl") } else { None };
    let dialect = if layout.is_some() { Some(Dialect::BigQuery) } else { seen.dialect };
    let mut out = format!(
        "# Wellspring's configuration. Everything is optional; unknown keys are an error.\n\
         # Found here: {} SQL files{}{}{}.\n\n",
        seen.sql_files,
        if seen.is_git { ", a git repository" } else { "" },
        if seen.query_folders > 0 { ", metadata.yaml beside queries" } else { "" },
        if seen.has_dbt { ", a dbt project" } else { "" },
    );
    out.push_str(
        "# Folder of the database, the index and clones. Default: wellspring-data beside this file, or the\n\
         # data folder of the user where that would lie inside something crawled.\n\
         # data = \"/var/lib/wellspring\"\n\
         # addr = \"127.0.0.1:7171\"\n\
         # base_url = \"https://wellspring.example.com\"\n\n\
         [crawl]\n\
         # Time between crawls while serving; without it only on request.\n\
         # every = \"15m\"\n\
         # The environment variable with the secret of a forge's webhook to /hooks/crawl.\n\
         # webhook_secret_env = \"WELLSPRING_WEBHOOK_SECRET\"\n\
         # Former states of git sources that are crawled first, in days back.\n\
         history_days = [90, 14]\n\
         # For how many days back every run is kept, then the last of each day, then of each week.\n\
         # keep_all_days = 7\n\
         # keep_daily_days = 120\n\
         # keep_weekly_days = 1500\n\n",
    );
    out.push_str(&warehouse(dialect));
    out.push_str(&source(name, layout, dialect, seen));
    out.push_str(
        "# Fold names together, or leave them out; the first rule that matches decides.\n\
         # [[names]]\n\
         # pattern = \"dev_{schema}.{table}\"\n\
         # replacement = \"{schema}.{table}\"\n\
         # environment = \"dev\"\n",
    );
    out
}

fn warehouse(dialect: Option<Dialect>) -> String {
    let dialect = dialect.map_or("generic", Dialect::name);
    format!(
        "# The places that tables live in. Without any there is one per dialect, called by it.\n\
         [[warehouse]]\n\
         name = \"{dialect}\"  # as OpenLineage names it: bigquery, snowflake://account, postgres://host:5432\n\
         dialect = \"{dialect}\"\n\
         # database = \"my-project\"  # of names that have none\n\
         # schema = \"public\"\n\n"
    )
}

fn source(name: &str, layout: Option<&str>, dialect: Option<Dialect>, seen: &Seen) -> String {
    let name = toml_text(name);
    let mut out = format!(
        "# What is crawled. Of two definitions of one table the source listed first wins.\n\
         [[source]]\n\
         name = {name}\n\
         path = \".\"  # or url = \"https://…\" of a git remote\n\
         # token_env = \"WAREHOUSE_TOKEN\"  # the environment variable that holds the token for it\n\
         # ca_file = \"authority.pem\"  # a private authority to trust for it\n"
    );
    out.push_str(match seen.is_git {
        true => "# ref = \"main\"  # without it the work tree is read as it is\n",
        false => "",
    });
    match layout {
        Some(layout) => out.push_str(&format!("layout = \"{layout}\"\n")),
        None => out.push_str("# layout = \"plain\"  # or \"bigquery-etl\"; by marker files without it\n"),
    }
    match dialect {
        Some(dialect) => out.push_str(&format!("dialect = \"{dialect}\"\n")),
        None => out.push_str("# dialect = \"snowflake\"  # guessed from the texts without it\n"),
    }
    out.push_str(
        "# include = [\"models/**\"]\n\
         # exclude = [\"**/scratch/**\"]\n\
         # target = \"{_}/{dataset}/{table}.sql\"  # names the table that a bare SELECT fills\n\
         # variables = { project_id = \"prod\" }  # values of names in templates\n",
    );
    out.push_str(match seen.has_codeowners {
        true => "# CODEOWNERS is here: it names reviewers, unless it is to name owners.\n# codeowners = \"owners\"\n\n",
        false => "\n",
    });
    out
}

/// A TOML basic string.
fn toml_text(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Seen, write_config};
    use crate::{
        config::{Config, Layout},
        model::Dialect,
    };

    #[test]
    fn every_configuration_that_is_written_can_be_read() {
        let layouts = [
            Seen::default(),
            Seen { is_git: true, has_codeowners: true, dialect: Some(Dialect::Snowflake), ..Seen::default() },
            Seen { query_folders: 3, has_dbt: true, ..Seen::default() },
        ];
        for seen in layouts {
            let text = write_config("odd \"name\"", &seen);
            let config = Config::parse(&text, Path::new("/x/wellspring.toml")).unwrap();
            assert_eq!(config.sources[0].name, "odd \"name\"");
            assert_eq!(config.sources[0].layout, (seen.query_folders > 0).then_some(Layout::BigqueryEtl));
        }
    }
}
