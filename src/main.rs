//! Start-up only.

use std::process::ExitCode;

fn main() -> ExitCode {
    wellspring::cli::run()
}
