//! From the process's arguments to a command's exit code.

use std::{io, process::ExitCode};

use clap::{Parser, ValueEnum};
use tracing_subscriber::EnvFilter;

use super::{CommandLine, Everywhere, run_command};

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum LogForm {
    /// A line of text each.
    #[default]
    Text,
    /// A JSON object each.
    Json,
}

/// Reads the arguments, runs the command and says how it ended.
pub fn run() -> ExitCode {
    let line = match CommandLine::try_parse() {
        Ok(line) => line,
        Err(usage) => {
            let code = if usage.use_stderr() { 2 } else { 0 };
            return match usage.print() {
                Ok(()) => ExitCode::from(code),
                Err(_) => ExitCode::from(2),
            };
        }
    };
    start_logging(&line.everywhere);
    match run_command(line) {
        Ok(outcome) => outcome.into(),
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("wellspring: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Log lines go to stderr; `WELLSPRING_LOG` (a filter as `info,sqlx=warn`) beats `--verbose`.
fn start_logging(everywhere: &Everywhere) {
    let by_flag = match everywhere.verbose {
        0 => "warn",
        1 => "info",
        _ => "debug",
    };
    let filter = EnvFilter::try_from_env("WELLSPRING_LOG").unwrap_or_else(|_| EnvFilter::new(by_flag));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    // A second start in one process (tests) keeps the first subscriber.
    let started = match everywhere.log {
        LogForm::Text => lines.with_target(false).with_ansi(super::paint::stderr_has_colour()).try_init(),
        LogForm::Json => lines.json().try_init(),
    };
    if let Err(cause) = started {
        tracing::debug!(%cause, "logging had been started before");
    }
}

/// Whether the reader of our output went away (`wellspring … | head`): not a failure.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| cause.downcast_ref::<io::Error>().is_some_and(|cause| cause.kind() == io::ErrorKind::BrokenPipe))
}
