//! Opening the database: folder, connections, schema, backups.

use std::{path::Path, time::Duration};

use sqlx::{
    ConnectOptions, SqlitePool,
    migrate::{Migration, MigrationType, Migrator},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use super::{Store, StoreError};

/// The database's file inside the data folder.
const FILE: &str = "wellspring.db";

/// Every migration: (version, what it does, SQL). Never edited once landed.
const MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "catalog", include_str!("../../migrations/0001_catalog.sql")),
    (2, "source settings", include_str!("../../migrations/0002_source_settings.sql")),
    (3, "environments", include_str!("../../migrations/0003_environments.sql")),
    (4, "people", include_str!("../../migrations/0004_people.sql")),
    (6, "query log", include_str!("../../migrations/0006_query_log.sql")),
    (7, "searches", include_str!("../../migrations/0007_searches.sql")),
    (8, "findings", include_str!("../../migrations/0008_findings.sql")),
    (9, "audit", include_str!("../../migrations/0009_audit.sql")),
    (10, "log_aside", include_str!("../../migrations/0010_log_aside.sql")),
    (12, "governance files", include_str!("../../migrations/0012_governance_files.sql")),
];

impl Store {
    /// Opens the store in `dir`, creating the folder and the database where missing, brings the
    /// schema up to date (after a backup of the older one) and deletes what a crash left unpublished.
    pub async fn open(dir: &Path) -> Result<Store, StoreError> {
        std::fs::create_dir_all(dir).map_err(|cause| StoreError::File { path: dir.to_owned(), cause })?;
        let path = dir.join(FILE);
        bring_up_to_date(&path).await?;
        let store = Store {
            crawl: connect(&path, 1, SqliteSynchronous::Normal).await?,
            people: connect(&path, 1, SqliteSynchronous::Full).await?,
            readers: connect(&path, 4, SqliteSynchronous::Normal).await?,
            path: path.into(),
        };
        store.delete_unpublished().await?;
        Ok(store)
    }

    /// The folder that the database lies in.
    pub fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("."))
    }

    /// The version of the database's schema.
    pub async fn schema_version(&self) -> Result<i64, StoreError> {
        Ok(sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations WHERE success").fetch_one(&self.readers).await?)
    }

    /// Copies the whole database to `to` while it is in use; `to` must not exist.
    pub async fn back_up(&self, to: &Path) -> Result<(), StoreError> {
        copy_database(&self.readers, to).await
    }

    /// Puts the backup `from` in the place of the database in `dir`, which nobody may have open.
    /// The former database is kept beside it, with the extension `before-restore`.
    pub async fn restore(dir: &Path, from: &Path) -> Result<(), StoreError> {
        let found = version_of(from).await?;
        let known = newest_version();
        if found.is_none() {
            return Err(StoreError::Damaged(format!("{} is no backup of a catalog", from.display())));
        }
        refuse_newer(from, found.unwrap_or(0), known)?;
        let path = dir.join(FILE);
        let file = |path: &Path| {
            let path = path.to_owned();
            move |cause| StoreError::File { path, cause }
        };
        std::fs::create_dir_all(dir).map_err(file(dir))?;
        let incoming = path.with_extension("incoming");
        std::fs::copy(from, &incoming).map_err(file(&incoming))?;
        if path.exists() {
            let pool = connect(&path, 1, SqliteSynchronous::Full).await?;
            sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&pool).await?;
            pool.close().await;
            std::fs::rename(&path, path.with_extension("before-restore")).map_err(file(&path))?;
        }
        for leftover in ["db-wal", "db-shm"].map(|extension| path.with_extension(extension)) {
            match std::fs::remove_file(&leftover) {
                Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
                    return Err(StoreError::File { path: leftover, cause });
                }
                _ => {}
            }
        }
        std::fs::rename(&incoming, &path).map_err(file(&path))
    }

    /// Closes every connection; the write-ahead log is folded into the database.
    pub async fn close(&self) {
        self.readers.close().await;
        self.people.close().await;
        self.crawl.close().await;
    }
}

/// Applies the migrations that the database lacks, after a backup when it holds anything.
async fn bring_up_to_date(path: &Path) -> Result<(), StoreError> {
    let known = newest_version();
    let found = if path.exists() { version_of(path).await? } else { None };
    refuse_newer(path, found.unwrap_or(0), known)?;
    let pool = connect(path, 1, SqliteSynchronous::Full).await?;
    // A number below the newest may have landed after it.
    if found == Some(known) && count_applied(&pool).await? >= MIGRATIONS.len() as i64 {
        pool.close().await;
        return Ok(());
    }
    if let Some(found) = found {
        let backup = path.with_extension(format!("schema-{found}.backup"));
        if !backup.exists() {
            copy_database(&pool, &backup).await?;
        }
        tracing::info!(from = found, to = known, backup = %backup.display(), "upgrading the database's schema");
    }
    let migrations = MIGRATIONS.iter().map(|(version, what, sql)| {
        Migration::new(*version, (*what).into(), MigrationType::Simple, sqlx::SqlSafeStr::into_sql_str(*sql), false)
    });
    Migrator::with_migrations(migrations.collect()).run(&pool).await?;
    pool.close().await;
    Ok(())
}

async fn count_applied(pool: &SqlitePool) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar("SELECT count(*) FROM _sqlx_migrations WHERE success").fetch_one(pool).await?)
}

fn newest_version() -> i64 {
    MIGRATIONS.iter().map(|(version, ..)| *version).max().unwrap_or(0)
}

fn refuse_newer(path: &Path, found: i64, known: i64) -> Result<(), StoreError> {
    if found > known {
        return Err(StoreError::NewerSchema { path: path.to_owned(), found, known });
    }
    Ok(())
}

/// The schema's version; `None` for a file without a schema of ours.
async fn version_of(path: &Path) -> Result<Option<i64>, StoreError> {
    if !path.exists() {
        let cause = std::io::Error::from(std::io::ErrorKind::NotFound);
        return Err(StoreError::File { path: path.to_owned(), cause });
    }
    let pool = connect(path, 1, SqliteSynchronous::Normal).await?;
    let tracked: i64 =
        sqlx::query_scalar("SELECT count(*) FROM sqlite_schema WHERE name = '_sqlx_migrations'").fetch_one(&pool).await?;
    let version = match tracked {
        0 => None,
        _ => sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations WHERE success").fetch_one(&pool).await?,
    };
    pool.close().await;
    Ok(version)
}

async fn copy_database(pool: &SqlitePool, to: &Path) -> Result<(), StoreError> {
    let Some(name) = to.to_str() else {
        let cause = std::io::Error::new(std::io::ErrorKind::InvalidInput, "the path is not UTF-8");
        return Err(StoreError::File { path: to.to_owned(), cause });
    };
    sqlx::query("VACUUM INTO ?1").bind(name).execute(pool).await?;
    Ok(())
}

async fn connect(path: &Path, connections: u32, synchronous: SqliteSynchronous) -> Result<SqlitePool, StoreError> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(synchronous)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(30))
        .pragma("cache_size", "-16384")
        .pragma("temp_store", "memory")
        .pragma("journal_size_limit", "67108864")
        .row_buffer_size(1024)
        .disable_statement_logging();
    // A connection to a file does not age. With either limit sqlx starts a task that walks over the idle
    // connections, and where it reads their number between a release and its count, walks for ever.
    let pool = SqlitePoolOptions::new().max_connections(connections).max_lifetime(None).idle_timeout(None);
    Ok(pool.connect_with(options).await?)
}
