-- The catalog. Interval tables (valid_from, valid_to) hold a row for the runs r with
-- valid_from <= r and (valid_to is null or r < valid_to). Never edit this file once it has landed.

-- Texts, each stored once.
CREATE TABLE text (
    id     INTEGER NOT NULL PRIMARY KEY,
    digest BLOB    NOT NULL,            -- xxh3-128 of the text
    form   INTEGER NOT NULL,            -- 0: UTF-8 as it is; 1: zstd
    body   BLOB    NOT NULL,
    CONSTRAINT text_once UNIQUE (digest)
) STRICT;

-- One row a crawl.
CREATE TABLE run (
    number     INTEGER NOT NULL PRIMARY KEY,
    state      TEXT    NOT NULL CONSTRAINT run_state CHECK (state IN ('writing', 'published', 'failed')),
    started_at INTEGER NOT NULL,        -- seconds since 1970 UTC
    ended_at   INTEGER,
    error      TEXT,
    counts     TEXT    NOT NULL         -- JSON: RunCounts
) STRICT;

CREATE TABLE source (
    id   INTEGER NOT NULL PRIMARY KEY,
    name TEXT    NOT NULL,
    CONSTRAINT source_once UNIQUE (name)
) STRICT;

-- What a run read of a source.
CREATE TABLE run_source (
    run         INTEGER NOT NULL REFERENCES run (number) ON DELETE CASCADE,
    ordinal     INTEGER NOT NULL,       -- place in the configuration
    source      INTEGER NOT NULL REFERENCES source (id),
    location    TEXT    NOT NULL,
    commit_id   TEXT,
    commit_time INTEGER,
    permalink   TEXT,                   -- address pattern on the forge
    outcome     TEXT    NOT NULL,       -- read, unchanged, or why not
    fingerprint TEXT    NOT NULL,       -- equal fingerprints read alike
    PRIMARY KEY (run, ordinal)
) STRICT, WITHOUT ROWID;

-- A file of a source: SQL, or one that facts come from.
CREATE TABLE document (
    id     INTEGER NOT NULL PRIMARY KEY,
    source INTEGER NOT NULL REFERENCES source (id),
    path   TEXT    NOT NULL,
    CONSTRAINT document_once UNIQUE (source, path)
) STRICT;

-- A state of a file.
CREATE TABLE document_version (
    document   INTEGER NOT NULL REFERENCES document (id),
    digest     BLOB    NOT NULL,        -- of all that follows
    blob       TEXT    NOT NULL,        -- git blob id, or a hash of the bytes; '' for files only named by facts
    text       INTEGER REFERENCES text (id), -- null for files that are not SQL
    role       TEXT    NOT NULL,        -- sql, query, view, script, routine, check, ddl, metadata
    history    INTEGER REFERENCES text (id), -- JSON: {last_change, contributors}; null without history
    commit_id  TEXT,                    -- the last commit that touched it
    changed_at INTEGER,                 -- its committer time, seconds since 1970 UTC
    valid_from INTEGER NOT NULL,
    valid_to   INTEGER,
    PRIMARY KEY (document, valid_from)
) STRICT, WITHOUT ROWID;
CREATE INDEX document_version_open ON document_version (valid_to, document);

-- What was read from a file under a key that changes whenever it would be read otherwise, so that a
-- file that did not change need not be read again. A cache of the newest crawl.
CREATE TABLE source_file (
    source  INTEGER NOT NULL REFERENCES source (id),
    path    TEXT    NOT NULL,
    key     TEXT    NOT NULL,
    content BLOB    NOT NULL,           -- packed JSON, the crawl's own
    PRIMARY KEY (source, path)
) STRICT, WITHOUT ROWID;

-- A text in a dialect under settings: what it names, found without look-ups.
CREATE TABLE script (
    id    INTEGER NOT NULL PRIMARY KEY,
    key   TEXT    NOT NULL,             -- hex of xxh3-128 over text, dialect, settings, engine version
    names INTEGER NOT NULL REFERENCES text (id), -- JSON: what it reads, writes, calls, defines
    CONSTRAINT script_once UNIQUE (key)
) STRICT;

-- The lineage of a script given what its look-ups answered. Nothing in it ever changes.
CREATE TABLE analysis (
    id      INTEGER NOT NULL PRIMARY KEY,
    script  INTEGER NOT NULL REFERENCES script (id),
    answers BLOB    NOT NULL,           -- xxh3-128 over every look-up and its answer
    lookups BLOB    NOT NULL,           -- packed JSON: the look-ups with their answers' hashes
    results BLOB    NOT NULL,           -- packed JSON: assets that relations are bound to; what targets become
    edges   BLOB    NOT NULL,           -- packed: column and row edges, see store/pack.rs
    detail  BLOB    NOT NULL,           -- packed JSON: model::Analysis, spans in bytes of the file
    CONSTRAINT analysis_once UNIQUE (script, answers)
) STRICT;

CREATE TABLE analysis_diagnostic (
    analysis   INTEGER NOT NULL REFERENCES analysis (id),
    ordinal    INTEGER NOT NULL,
    code       TEXT    NOT NULL,
    line       INTEGER NOT NULL,        -- 1-based; 0: the whole file
    span_start INTEGER NOT NULL,        -- bytes of the file
    span_end   INTEGER NOT NULL,
    message    TEXT    NOT NULL,
    PRIMARY KEY (analysis, ordinal)
) STRICT, WITHOUT ROWID;

-- An asset's identity, given once. What it is in a run stands in asset_state.
CREATE TABLE asset (
    id        INTEGER NOT NULL PRIMARY KEY,
    namespace TEXT    NOT NULL,
    key       TEXT    NOT NULL,         -- the name folded by its dialect
    CONSTRAINT asset_once UNIQUE (namespace, key)
) STRICT;

CREATE TABLE asset_state (
    asset           INTEGER NOT NULL REFERENCES asset (id),
    name            TEXT    NOT NULL,   -- as first declared
    kind            TEXT    NOT NULL,
    role            TEXT    NOT NULL,
    stale           INTEGER NOT NULL,   -- 1: only the last good lineage of a file that no longer parses speaks of it
    facts_digest    BLOB    NOT NULL,   -- of its rows in asset_fact and asset_alias
    declared_digest BLOB    NOT NULL,   -- of its rows in declared_schema
    inferred_digest BLOB    NOT NULL,   -- of its row in inferred_columns
    valid_from      INTEGER NOT NULL,
    valid_to        INTEGER,
    PRIMARY KEY (asset, valid_from)
) STRICT, WITHOUT ROWID;
CREATE INDEX asset_state_open ON asset_state (valid_to, asset);

CREATE TABLE asset_alias (
    asset      INTEGER NOT NULL REFERENCES asset (id),
    alias      TEXT    NOT NULL,        -- a key in the asset's namespace
    valid_from INTEGER NOT NULL,
    valid_to   INTEGER,
    PRIMARY KEY (asset, alias, valid_from)
) STRICT, WITHOUT ROWID;
CREATE INDEX asset_alias_name ON asset_alias (alias);

CREATE TABLE asset_fact (
    asset      INTEGER NOT NULL REFERENCES asset (id),
    ordinal    INTEGER NOT NULL,        -- by source, path, line
    kind       TEXT    NOT NULL,        -- owner, description, tag, …
    value      TEXT    NOT NULL,        -- JSON: model::FactKind
    document   INTEGER NOT NULL REFERENCES document (id),
    line       INTEGER NOT NULL,
    valid_from INTEGER NOT NULL,
    valid_to   INTEGER,
    PRIMARY KEY (asset, ordinal, valid_from)
) STRICT, WITHOUT ROWID;
CREATE INDEX asset_fact_kind ON asset_fact (kind, asset);

-- Columns declared by one file for one asset: one packed row for all of them, because catalogs hold
-- far more declared nested fields (half a million) than are ever read alone.
CREATE TABLE declared_schema (
    asset      INTEGER NOT NULL REFERENCES asset (id),
    document   INTEGER NOT NULL REFERENCES document (id),
    columns    BLOB    NOT NULL,        -- packed JSON: [model::DeclaredColumn]
    valid_from INTEGER NOT NULL,
    valid_to   INTEGER,
    PRIMARY KEY (asset, document, valid_from)
) STRICT, WITHOUT ROWID;

-- Columns that an asset's own SQL gives it, and the shown names of its columns.
CREATE TABLE inferred_columns (
    asset      INTEGER NOT NULL REFERENCES asset (id),
    columns    BLOB    NOT NULL,        -- packed JSON: InferredColumns or null
    shown      BLOB    NOT NULL,        -- packed JSON: {key: name} where a column's shown name is not its key
    valid_from INTEGER NOT NULL,
    valid_to   INTEGER,
    PRIMARY KEY (asset, valid_from)
) STRICT, WITHOUT ROWID;

-- Columns that take part in an edge.
CREATE TABLE column_ (
    id    INTEGER NOT NULL PRIMARY KEY,
    asset INTEGER NOT NULL REFERENCES asset (id),
    key   TEXT    NOT NULL,             -- folded by the dialect, with struct path
    CONSTRAINT column_once UNIQUE (asset, key)
) STRICT;

-- What an analysis does to assets.
CREATE TABLE analysis_asset (
    asset    INTEGER NOT NULL REFERENCES asset (id),
    analysis INTEGER NOT NULL REFERENCES analysis (id),
    how      TEXT    NOT NULL CONSTRAINT analysis_asset_how CHECK (how IN ('writes', 'checks')),
    PRIMARY KEY (asset, analysis, how)
) STRICT, WITHOUT ROWID;

CREATE TABLE asset_edge (
    analysis   INTEGER NOT NULL REFERENCES analysis (id),
    to_asset   INTEGER NOT NULL REFERENCES asset (id),
    from_asset INTEGER NOT NULL REFERENCES asset (id),
    line       INTEGER NOT NULL,
    PRIMARY KEY (analysis, to_asset, from_asset)
) STRICT, WITHOUT ROWID;
CREATE INDEX asset_edge_to ON asset_edge (to_asset);
CREATE INDEX asset_edge_from ON asset_edge (from_asset);

CREATE TABLE routine_edge (
    analysis INTEGER NOT NULL REFERENCES analysis (id),
    caller   INTEGER NOT NULL REFERENCES asset (id),
    routine  INTEGER NOT NULL REFERENCES asset (id),
    PRIMARY KEY (analysis, caller, routine)
) STRICT, WITHOUT ROWID;

-- Where and when an analysis holds: the interval table.
CREATE TABLE placement (
    document   INTEGER NOT NULL REFERENCES document (id),
    ordinal    INTEGER NOT NULL,        -- 0: what the file holds; 1: the last good lineage of a file that no longer parses
    analysis   INTEGER NOT NULL REFERENCES analysis (id),
    stale      INTEGER NOT NULL,
    valid_from INTEGER NOT NULL,
    valid_to   INTEGER,
    PRIMARY KEY (document, ordinal, valid_from)
) STRICT, WITHOUT ROWID;
CREATE INDEX placement_open ON placement (valid_to, document);
CREATE INDEX placement_analysis ON placement (analysis);

-- Diagnostics that belong to no single analysis: files that could not be read, names defined twice.
CREATE TABLE diagnostic (
    document   INTEGER NOT NULL REFERENCES document (id),
    ordinal    INTEGER NOT NULL,
    code       TEXT    NOT NULL,
    line       INTEGER NOT NULL,
    span_start INTEGER NOT NULL,
    span_end   INTEGER NOT NULL,
    message    TEXT    NOT NULL,
    valid_from INTEGER NOT NULL,
    valid_to   INTEGER,
    PRIMARY KEY (document, ordinal, valid_from)
) STRICT, WITHOUT ROWID;

-- At most one crawl at a time.
CREATE TABLE crawl_lock (
    id        INTEGER NOT NULL PRIMARY KEY CONSTRAINT crawl_lock_single CHECK (id = 1),
    pid       INTEGER NOT NULL,
    process   TEXT    NOT NULL,         -- tells two processes of one pid apart
    heartbeat INTEGER NOT NULL          -- seconds since 1970 UTC
) STRICT;

-- What people state. Rows are only ever added.
CREATE TABLE statement_of_person (
    id          INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    namespace   TEXT    NOT NULL,
    key         TEXT    NOT NULL,
    column_path TEXT    NOT NULL,       -- '' for the asset itself
    field       TEXT    NOT NULL,       -- owner, deprecation, description, certification, …
    value       TEXT,                   -- JSON; null states that there is none
    person      TEXT    NOT NULL,
    at          INTEGER NOT NULL,       -- seconds since 1970 UTC
    undoes      INTEGER REFERENCES statement_of_person (id)
) STRICT;
CREATE INDEX statement_of_person_asset ON statement_of_person (namespace, key);
CREATE TRIGGER statement_of_person_kept BEFORE DELETE ON statement_of_person
    BEGIN SELECT RAISE(ABORT, 'what people state is never deleted'); END;
CREATE TRIGGER statement_of_person_fixed BEFORE UPDATE ON statement_of_person
    BEGIN SELECT RAISE(ABORT, 'what people state is never changed'); END;

CREATE TABLE search_event (
    id     INTEGER NOT NULL PRIMARY KEY,
    at     INTEGER NOT NULL,
    query  TEXT    NOT NULL,
    hits   INTEGER NOT NULL,
    opened TEXT                         -- JSON: [namespace, key]
) STRICT;
CREATE INDEX search_event_at ON search_event (at);
