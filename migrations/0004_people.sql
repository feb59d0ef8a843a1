-- Who may do what, and what people say beyond statements. Never edit this file once it has landed.

-- A statement can end the stating: what files say holds again.
ALTER TABLE statement_of_person ADD COLUMN withdraws INTEGER NOT NULL DEFAULT 0
    CONSTRAINT statement_of_person_withdraws CHECK (withdraws IN (0, 1));
-- Statements made together share the number of the first of them; null for one made alone.
ALTER TABLE statement_of_person ADD COLUMN batch INTEGER;

-- People who sign in.
CREATE TABLE person (
    name        TEXT    NOT NULL PRIMARY KEY, -- in lower case
    role        TEXT    NOT NULL CONSTRAINT person_role CHECK (role IN ('viewer', 'editor', 'admin')),
    password    TEXT,                   -- argon2 in PHC form; null: a proxy signs them in
    also        TEXT    NOT NULL,       -- JSON: names of owners that they stand for, teams among them
    created_at  INTEGER NOT NULL,       -- seconds since 1970 UTC
    disabled_at INTEGER
) STRICT, WITHOUT ROWID;

-- Who is signed in. The cookie holds the secret, this its hash.
CREATE TABLE session (
    digest     BLOB    NOT NULL PRIMARY KEY, -- SHA-256 of the secret
    person     TEXT    NOT NULL REFERENCES person (name) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    seen_at    INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX session_person ON session (person);

-- What programs sign in with. The secret is shown once, this is its hash.
CREATE TABLE token (
    id         INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    digest     BLOB    NOT NULL CONSTRAINT token_once UNIQUE, -- SHA-256 of the secret
    person     TEXT    NOT NULL REFERENCES person (name) ON DELETE CASCADE,
    label      TEXT    NOT NULL,        -- what it is for
    scope      TEXT    NOT NULL CONSTRAINT token_scope CHECK (scope IN ('feed', 'read', 'write', 'admin')),
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at    INTEGER,
    revoked_at INTEGER
) STRICT;
CREATE INDEX token_person ON token (person);

-- "This is wrong or unclear": for the owner to answer.
CREATE TABLE remark (
    id          INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    namespace   TEXT    NOT NULL,
    key         TEXT    NOT NULL,
    column_path TEXT    NOT NULL,       -- '' for the asset itself
    text        TEXT    NOT NULL,
    person      TEXT    NOT NULL,
    at          INTEGER NOT NULL,
    answer      TEXT,                   -- null while it is open
    answered_by TEXT,
    answered_at INTEGER
) STRICT;
CREATE INDEX remark_asset ON remark (namespace, key);

-- What people want to hear of.
CREATE TABLE watch (
    person  TEXT    NOT NULL,
    kind    TEXT    NOT NULL CONSTRAINT watch_kind CHECK (kind IN ('asset', 'owner', 'search')),
    subject TEXT    NOT NULL,           -- JSON [namespace, key]; an owner's name; a search as its address holds it
    at      INTEGER NOT NULL,
    PRIMARY KEY (person, kind, subject)
) STRICT, WITHOUT ROWID;

-- How far each webhook was told.
CREATE TABLE told (
    hook      TEXT    NOT NULL PRIMARY KEY, -- its address
    statement INTEGER NOT NULL,         -- the last statement
    remark    INTEGER NOT NULL          -- the last remark
) STRICT, WITHOUT ROWID;
