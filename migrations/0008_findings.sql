-- What is found, what is said of it, and what numbers are for. Never edit this file once it has landed.

-- What people say of metrics that share a name: that they are meant to differ, or that one should be
-- called otherwise. Append-only; the newest that is not taken back holds.
CREATE TABLE metric_note (
    id        INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    metric    TEXT    NOT NULL,         -- insight::conflicts: the id of the group
    kind      TEXT    NOT NULL CONSTRAINT metric_note_kind CHECK (kind IN ('intended', 'rename')),
    subject   TEXT    NOT NULL,         -- rename: JSON [namespace, key, column]; else ''
    text      TEXT    NOT NULL,         -- why
    proposal  TEXT    NOT NULL,         -- rename: the other name; else ''
    print     TEXT    NOT NULL,         -- what the group calculated when it was said (hexadecimal)
    takes_back INTEGER REFERENCES metric_note (id), -- the note that it takes back
    person    TEXT    NOT NULL,
    at        INTEGER NOT NULL          -- seconds since 1970 UTC
) STRICT;
CREATE INDEX metric_note_metric ON metric_note (metric);

-- When something was found first. A finding that ends and comes back is new again.
CREATE TABLE finding (
    code      TEXT    NOT NULL,
    subject   TEXT    NOT NULL,         -- JSON [namespace, key, what]
    first_run INTEGER NOT NULL,
    first_at  INTEGER NOT NULL,         -- when that run read its sources
    last_run  INTEGER NOT NULL,
    PRIMARY KEY (code, subject)
) STRICT, WITHOUT ROWID;

-- Findings that somebody wants to hear of later. Append-only; the newest of a subject holds.
CREATE TABLE snooze (
    id      INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    code    TEXT    NOT NULL,
    subject TEXT    NOT NULL,
    until   TEXT,                       -- ISO date; null: it is to be heard again
    reason  TEXT    NOT NULL,
    person  TEXT    NOT NULL,
    at      INTEGER NOT NULL
) STRICT;

-- Files that say which decisions need which numbers, as a run read them.
CREATE TABLE decision_file (
    source     INTEGER NOT NULL REFERENCES source (id),
    path       TEXT    NOT NULL,
    content    TEXT    NOT NULL,        -- JSON: model::DecisionFile
    valid_from INTEGER NOT NULL,
    valid_to   INTEGER,
    PRIMARY KEY (source, path, valid_from)
) STRICT, WITHOUT ROWID;

-- Decisions that were edited on a page. Append-only; the newest of a key holds.
CREATE TABLE stated_decision (
    id     INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    key    TEXT    NOT NULL,
    body   TEXT,                        -- JSON: model::Decision; null: what files say holds again
    person TEXT    NOT NULL,
    at     INTEGER NOT NULL
) STRICT;
CREATE INDEX stated_decision_key ON stated_decision (key);
