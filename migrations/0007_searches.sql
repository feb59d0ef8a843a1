-- What people search for, and what they opened of what was found. Never edit this file once it has landed.
-- Nothing was ever written to the table that stands here before.
DROP TABLE search_event;

CREATE TABLE search_event (
    id     INTEGER NOT NULL PRIMARY KEY, -- random: links of the results carry it
    at     INTEGER NOT NULL,            -- seconds since 1970 UTC
    person TEXT    NOT NULL,            -- name or pseudonym; '' where nobody is kept
    query  TEXT    NOT NULL,            -- the words as typed
    folded TEXT    NOT NULL,            -- in lower case, with single spaces
    hits   INTEGER NOT NULL,
    relaxed INTEGER NOT NULL            -- 1: nothing had every word
) STRICT;
CREATE INDEX search_event_at ON search_event (at);

CREATE TABLE search_opened (
    search      INTEGER NOT NULL REFERENCES search_event (id) ON DELETE CASCADE,
    namespace   TEXT    NOT NULL,
    key         TEXT    NOT NULL,
    column_path TEXT    NOT NULL,       -- '' for the asset itself
    at          INTEGER NOT NULL,
    PRIMARY KEY (search, namespace, key, column_path)
) STRICT, WITHOUT ROWID;
