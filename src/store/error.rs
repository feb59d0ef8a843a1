//! What can go wrong in the store.

use std::path::PathBuf;

/// Why the store could not answer or write.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite refused.
    #[error("the database failed: {0}")]
    Database(#[from] sqlx::Error),
    /// The schema could not be brought up to date.
    #[error("the database's schema could not be brought up to date: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// The database was written by a newer version of this program.
    #[error("{path} was written by a newer version (schema {found}, this program knows {known}); upgrade, or restore a backup", path = .path.display())]
    NewerSchema {
        /// The database.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// The newest schema this program knows.
        known: i64,
    },
    /// A file or folder could not be used.
    #[error("{path}: {cause}", path = .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// Output could not be written.
    #[error("output failed: {0}")]
    Output(std::io::Error),
    /// A stored value cannot be read: the database was damaged or changed by hand.
    #[error("the database holds a value that cannot be read: {0}")]
    Damaged(String),
    /// Another crawl holds the lock.
    #[error("another crawl is running (process {pid}, last heard {seconds} s ago)")]
    Locked {
        /// Its process.
        pid: u32,
        /// Seconds since its last heartbeat.
        seconds: i64,
    },
    /// The number names no published run.
    #[error("run {0} is not published")]
    NoSuchRun(u32),
    /// Work on another thread was cut off.
    #[error("the work was cut off: {0}")]
    CutOff(String),
}
