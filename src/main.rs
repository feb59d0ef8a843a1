//! Start-up only.

use std::process::ExitCode;

/// Crawls allocate much on several threads; the C library's allocator keeps what they free.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    wellspring::cli::run()
}
