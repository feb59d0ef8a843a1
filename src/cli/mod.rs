//! The command line: the answers of `catalog` in a terminal, a file per command.
//!
//! Exit codes: 0 done, 1 nothing found (or findings, where a command checks), 2 wrong usage or
//! failure. Data goes to stdout, everything else to stderr.

mod conflicts;
mod crawl;
mod demo;
mod explain;
mod export;
mod findings;
mod governance;
mod init;
mod lineage;
mod logs;
mod notify;
mod paint;
mod place;
mod progress;
mod runs;
mod search;
mod serve;
mod show;
mod start;
mod text;
mod trace;
mod upkeep;
mod user;

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

pub use start::run;

/// Wellspring's command line.
#[derive(Debug, Parser)]
#[command(
    name = "wellspring",
    version,
    about = "A self-hosted column-lineage and metadata catalog for the SQL you already have",
    after_help = EXIT_CODES,
    max_term_width = 100,
    propagate_version = true
)]
struct CommandLine {
    #[command(flatten)]
    everywhere: Everywhere,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes.
#[derive(Clone, Debug, Default, Args)]
struct Everywhere {
    /// How log lines on stderr look
    #[arg(long, global = true, value_enum, default_value_t, value_name = "FORM", help_heading = "Everywhere")]
    log: start::LogForm,
    /// Say more on stderr; twice for everything
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = "Everywhere")]
    verbose: u8,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Demo),
    Serve(serve::Serve),
    Crawl(crawl::Crawl),
    Init(init::Init),
    Search(search::Search),
    Show(show::Show),
    Trace(trace::Trace),
    Impact(trace::Impact),
    Explain(explain::Explain),
    Lineage(lineage::Lineage),
    Conflicts(conflicts::Conflicts),
    Findings(findings::Findings),
    Logs(logs::Logs),
    Export(export::Export),
    Runs(runs::Runs),
    Diagnostics(runs::Diagnostics),
    Governance(governance::Governance),
    User(user::User),
    Token(user::TokenCommand),
    Reindex(upkeep::Reindex),
    Backup(upkeep::Backup),
    Restore(upkeep::Restore),
    Doctor(upkeep::Doctor),
}

const EXIT_CODES: &str = "Exit codes: 0 done · 1 nothing found, or findings · 2 wrong usage or failure";

/// How a command ended, where it did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// Done.
    Done,
    /// Nothing was found, or a check has findings.
    Nothing,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> ExitCode {
        match outcome {
            Outcome::Done => ExitCode::SUCCESS,
            Outcome::Nothing => ExitCode::from(1),
        }
    }
}

fn run_command(line: CommandLine) -> anyhow::Result<Outcome> {
    match line.command {
        Command::Demo(command) => command.run(),
        Command::Serve(command) => command.run(),
        Command::Crawl(command) => command.run(),
        Command::Init(command) => command.run(),
        Command::Search(command) => command.run(),
        Command::Show(command) => command.run(),
        Command::Trace(command) => command.run(),
        Command::Impact(command) => command.run(),
        Command::Explain(command) => command.run(),
        Command::Lineage(command) => command.run(),
        Command::Conflicts(command) => command.run(),
        Command::Findings(command) => command.run(),
        Command::Logs(command) => command.run(),
        Command::Export(command) => command.run(),
        Command::Runs(command) => command.run(),
        Command::Diagnostics(command) => command.run(),
        Command::Governance(command) => command.run(),
        Command::User(command) => command.run(),
        Command::Token(command) => command.run(),
        Command::Reindex(command) => command.run(),
        Command::Backup(command) => command.run(),
        Command::Restore(command) => command.run(),
        Command::Doctor(command) => command.run(),
    }
}
