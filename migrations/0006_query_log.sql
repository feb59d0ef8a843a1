-- Query logs: what was asked, by whom, how often. Texts are kept without literals, once per shape.
-- What is counted here grows with what is read and belongs to no run; what a run makes of it does.

-- A source is of files, or it is a log, whose documents are the shapes of its queries.
ALTER TABLE source ADD COLUMN is_log INTEGER NOT NULL DEFAULT 0;

-- Files of a log that were read, known by what they hold.
CREATE TABLE log_file (
    id         INTEGER NOT NULL PRIMARY KEY,
    source     INTEGER NOT NULL REFERENCES source (id),
    path       TEXT    NOT NULL,        -- where it was last seen
    format     TEXT    NOT NULL,        -- model::LogFormat
    head_bytes INTEGER NOT NULL,        -- how many of the first bytes head is over
    head       BLOB    NOT NULL,        -- xxh3-64 of the first bytes
    read_bytes INTEGER NOT NULL,        -- unpacked bytes that were read
    tail       BLOB    NOT NULL,        -- xxh3-64 of the bytes before that place
    entries    INTEGER NOT NULL,        -- queries that were counted
    skipped    TEXT    NOT NULL,        -- JSON: {reason: [count, [lines]]}
    failure    TEXT,                    -- why reading stopped before its end
    read_at    INTEGER NOT NULL         -- seconds since 1970 UTC
) STRICT;
CREATE INDEX log_file_source ON log_file (source);

-- A query without its literals, or the statements of a session that belong together.
CREATE TABLE query_shape (
    id          INTEGER NOT NULL PRIMARY KEY,
    source      INTEGER NOT NULL REFERENCES source (id),
    key         BLOB    NOT NULL,       -- xxh3-128 of text, dialect, database, schema, destination
    text        INTEGER NOT NULL REFERENCES text (id),
    dialect     TEXT    NOT NULL,
    database_   TEXT,                   -- of names that have none, as the log says
    schema_     TEXT,
    destination TEXT,                   -- the table that a bare SELECT filled, dotted
    kind        TEXT    NOT NULL CONSTRAINT query_shape_kind CHECK (kind IN ('statement', 'session')),
    succeeded   INTEGER NOT NULL,       -- 1: it ran without an error at least once
    staged      INTEGER NOT NULL,       -- 1: what it made was renamed; a session has it
    CONSTRAINT query_shape_once UNIQUE (source, key)
) STRICT;

-- Who asks: a person, a service account, what for.
CREATE TABLE asker (
    id        INTEGER NOT NULL PRIMARY KEY,
    person    TEXT    NOT NULL,         -- '': nobody is known
    via       TEXT    NOT NULL,         -- service account; ''
    tool      TEXT    NOT NULL,         -- ''
    object    TEXT    NOT NULL,         -- dashboard, model, notebook, DAG; ''
    scheduled INTEGER NOT NULL,
    CONSTRAINT asker_once UNIQUE (person, via, tool, object, scheduled)
) STRICT;

CREATE TABLE observation (
    shape        INTEGER NOT NULL REFERENCES query_shape (id),
    day          INTEGER NOT NULL,      -- days since 1970 UTC
    asker        INTEGER NOT NULL REFERENCES asker (id),
    runs         INTEGER NOT NULL,
    errors       INTEGER NOT NULL,
    attempts     INTEGER NOT NULL,      -- runs that were no repetition of a failed one
    first_tries  INTEGER NOT NULL,      -- attempts that succeeded
    bytes        INTEGER NOT NULL,
    milliseconds INTEGER NOT NULL,
    first_at     INTEGER NOT NULL,      -- seconds since 1970 UTC
    last_at      INTEGER NOT NULL,
    PRIMARY KEY (shape, day, asker)
) STRICT, WITHOUT ROWID;

-- How much of each day a log covers.
CREATE TABLE log_day (
    source  INTEGER NOT NULL REFERENCES source (id),
    day     INTEGER NOT NULL,
    entries INTEGER NOT NULL,
    errors  INTEGER NOT NULL,
    PRIMARY KEY (source, day)
) STRICT, WITHOUT ROWID;

-- Numbers of queries that were counted, so that exports that overlap count once.
CREATE TABLE log_seen (
    source INTEGER NOT NULL REFERENCES source (id),
    day    INTEGER NOT NULL,
    ids    BLOB    NOT NULL,            -- sorted xxh3-64 hashes, 8 bytes each
    PRIMARY KEY (source, day)
) STRICT, WITHOUT ROWID;

-- Counters that a log reports again and again, as they stood last.
CREATE TABLE log_counter (
    source       INTEGER NOT NULL REFERENCES source (id),
    key          TEXT    NOT NULL,
    runs         INTEGER NOT NULL,
    milliseconds INTEGER NOT NULL,
    PRIMARY KEY (source, key)
) STRICT, WITHOUT ROWID;

-- Column lineage that a warehouse itself states.
CREATE TABLE native_edge (
    source      INTEGER NOT NULL REFERENCES source (id),
    to_table    TEXT    NOT NULL,       -- dotted
    to_column   TEXT    NOT NULL,
    from_table  TEXT    NOT NULL,
    from_column TEXT    NOT NULL,
    runs        INTEGER NOT NULL,
    first_at    INTEGER NOT NULL,
    last_at     INTEGER NOT NULL,
    PRIMARY KEY (source, to_table, to_column, from_table, from_column)
) STRICT, WITHOUT ROWID;

-- What a logged query reads: bits by column key (1 value, 2 filter, 4 join, 8 group, 16 sort).
CREATE TABLE analysis_read (
    asset    INTEGER NOT NULL REFERENCES asset (id),
    analysis INTEGER NOT NULL REFERENCES analysis (id),
    columns  TEXT    NOT NULL,          -- JSON: {column key: bits}
    PRIMARY KEY (asset, analysis)
) STRICT, WITHOUT ROWID;
CREATE INDEX analysis_read_analysis ON analysis_read (analysis);

-- How much an asset was used, as a run found it.
CREATE TABLE asset_usage (
    asset      INTEGER NOT NULL REFERENCES asset (id),
    summary    TEXT    NOT NULL,        -- JSON: store::UsageSummary
    valid_from INTEGER NOT NULL,
    valid_to   INTEGER,
    PRIMARY KEY (asset, valid_from)
) STRICT, WITHOUT ROWID;

-- The key that names of people are hashed with, where they are hashed. Never leaves the catalog.
CREATE TABLE log_secret (
    id     INTEGER NOT NULL PRIMARY KEY CONSTRAINT log_secret_single CHECK (id = 1),
    secret BLOB    NOT NULL
) STRICT;
