//! A PostgreSQL database as a source: what stands in its catalog, read live and read-only.
//!
//! In: an address without a password. Out: every table with its columns and comments, every view,
//! materialized view and SQL function with its definition, as the server writes it. Each of them is a
//! "file" of the reading, `schema/name.sql`, known again by its content. Rows are never read.

mod catalog;
mod statements;

use sqlx::{
    ConnectOptions, Connection,
    postgres::{PgConnectOptions, PgConnection},
};
use std::{str::FromStr, time::Duration};

pub use self::statements::read_statements;

use self::catalog::{Object, ObjectKind, read_objects};
use super::{
    At, Progress, Request, SourceError, Step,
    reading::{combine_key, describe_settings},
};
use crate::{
    config::{Layout, SourceConfig, without_credentials},
    model::{
        DeclaredColumn, Diagnostic, Dialect, Document, DocumentRole, Fact, FactKind, Ident, LIMIT_EXCEEDED, Reading,
        RelationName, Span, Subject,
    },
};

/// How long the server may take to be reached, and for one question.
const PATIENCE: Duration = Duration::from_secs(20);

/// Reads the catalog of the database of `request` into a reading.
pub(super) fn read(request: &Request<'_>, progress: &dyn Progress) -> Result<Reading, SourceError> {
    let url = request.source.url.as_deref().unwrap_or_default();
    if let At::DaysBefore(days) = request.at {
        return Err(SourceError::NoStateThatOld { place: without_credentials(url), days });
    }
    progress.report(Step::Fetch, 0, 0);
    let objects = ask(request.source, url, async |connection| read_objects(connection).await)?;
    let mut reading = Reading { dialect: Dialect::Postgres, ..Reading::default() };
    reading.notes = vec![format!("The catalog of the database was read: {} tables, views and functions.", objects.len())];
    let settings = describe_settings(request, Layout::Plain, Dialect::Postgres);
    let total = objects.len() as u64;
    for (done, object) in (1u64..).zip(objects) {
        add(object, request, &settings, &mut reading);
        progress.report(Step::Files, done, total);
    }
    reading.documents.sort_by(|one, other| one.path.cmp(&other.path));
    reading.facts.sort_by(|one, other| (&one.path, one.line).cmp(&(&other.path, other.line)));
    reading.diagnostics.sort();
    Ok(reading)
}

fn add(object: Object, request: &Request<'_>, settings: &str, reading: &mut Reading) {
    let path = object.path();
    let blob = combine_key("", &[&object.fingerprint()]);
    let key = combine_key(settings, &[&blob]);
    if request.known.get(&path) == Some(&key) {
        reading.unchanged.insert(path.clone());
        reading.files.insert(path, key);
        return;
    }
    reading.files.insert(path.clone(), key);
    let name = RelationName::new([Ident::quoted(object.schema.as_str()), Ident::quoted(object.name.as_str())]);
    let mut say = |what| reading.facts.push(Fact { about: Subject::Asset(name.clone()), what, path: path.clone(), line: 0 });
    if !object.columns.is_empty() {
        let columns = object.columns.into_iter().map(|column| DeclaredColumn {
            name: column.name,
            data_type: column.data_type,
            description: column.comment,
        });
        say(FactKind::Columns { columns: columns.collect(), whole: true });
    }
    if let Some(text) = object.comment {
        say(FactKind::Description { text });
    }
    let Some(text) = object.definition else { return };
    let limit = request.config.limits.max_file_bytes;
    if text.len() as u64 > limit {
        let message = format!("the definition is longer than {limit} bytes");
        reading.diagnostics.push((path, 0, Diagnostic::new(&LIMIT_EXCEEDED, message, Span::default())));
        return;
    }
    reading.bytes += text.len() as u64;
    let role = match object.kind {
        ObjectKind::View => DocumentRole::View,
        ObjectKind::Function => DocumentRole::Routine,
        ObjectKind::Table => DocumentRole::Ddl,
    };
    reading.documents.push(Document {
        path,
        blob,
        text,
        role,
        target: (object.kind == ObjectKind::View).then_some(name),
        defaults: (None, Some(object.schema)),
        dialect: Dialect::Postgres,
        templated: false,
        variables: Vec::new(),
        composed: None,
    });
}

/// Asks the server in one read-only transaction.
fn ask<T>(
    source: &SourceConfig,
    url: &str,
    question: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error>,
) -> Result<T, SourceError> {
    let fail = |message: String| SourceError::Fetch { url: without_credentials(url), message };
    let options = connect_options(source, url).map_err(fail)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| fail(error.to_string()))?;
    let asked = async {
        let late = |_| sqlx::Error::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, "the server does not answer"));
        let mut connection = tokio::time::timeout(PATIENCE, PgConnection::connect_with(&options)).await.map_err(late)??;
        let answer = question(&mut connection).await;
        // What was answered stands, however the server takes leave.
        let _ = tokio::time::timeout(PATIENCE, connection.close()).await;
        answer
    };
    runtime.block_on(asked).map_err(|error| fail(error.to_string()))
}

/// How the server is reached: read-only, names always with their schema, no question without an end.
fn connect_options(source: &SourceConfig, url: &str) -> Result<PgConnectOptions, String> {
    let mut options = PgConnectOptions::from_str(url).map_err(|error| error.to_string())?;
    if let Some(variable) = &source.token_env {
        match std::env::var(variable) {
            Ok(password) if !password.is_empty() => options = options.password(&password),
            _ => return Err(format!("the environment variable {variable}, which token_env names, is not set")),
        }
    }
    if let Some(user) = &source.user {
        options = options.username(user);
    }
    if let Some(authorities) = &source.ca_file {
        options = options.ssl_root_cert(authorities);
    }
    let milliseconds = PATIENCE.as_millis().to_string();
    let settings = [("default_transaction_read_only", "on"), ("search_path", ""), ("statement_timeout", milliseconds.as_str())];
    Ok(options.application_name("wellspring").options(settings).disable_statement_logging())
}
