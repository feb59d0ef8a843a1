//! What a server counted of the statements that it ran: `pg_stat_statements` (pgstatstatements.html).

use super::ask;
use crate::{config::SourceConfig, sources::SourceError};

/// Puts the extension's schema, whatever it is, in front; false where the extension is not there.
const FIND_EXTENSION: &str = "
    SELECT /* wellspring */ set_config('search_path', quote_ident(n.nspname), false) IS NOT NULL
    FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'pg_stat_statements'";

/// One JSON object a statement: its columns are other ones in other versions. Our own questions are none of
/// anybody's, and a partition is no table of its own.
const STATEMENTS: &str = "
    SELECT /* wellspring */ (to_jsonb(s) || jsonb_build_object('usename', pg_get_userbyid(s.userid),
        'datname', current_database(), 'captured_at', to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')))::text
    FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid
    WHERE d.datname = current_database() AND s.query <> '<insufficient privilege>' AND strpos(s.query, '/* wellspring */') = 0
        AND s.query !~* '^\\s*create\\s+table\\s+(if\\s+not\\s+exists\\s+)?\\S+\\s+partition\\s+of\\s'
    ORDER BY s.userid, s.queryid";

/// The statements that the database of `source` counted, as JSON lines in memory: they may hold literals,
/// and must not touch the disk. `None` where the server does not count.
///
/// # Errors
/// When the server cannot be reached, or does not let us look.
pub fn read_statements(source: &SourceConfig) -> Result<Option<Vec<u8>>, SourceError> {
    let url = source.url.as_deref().unwrap_or_default();
    let rows: Option<Vec<String>> = ask(source, url, async |connection| {
        let found: Option<bool> = sqlx::query_scalar(FIND_EXTENSION).fetch_optional(&mut *connection).await?;
        match found {
            Some(true) => Ok(Some(sqlx::query_scalar(STATEMENTS).fetch_all(&mut *connection).await?)),
            _ => Ok(None),
        }
    })?;
    Ok(rows.map(|rows| rows.into_iter().flat_map(|row| (row + "\n").into_bytes()).collect()))
}
