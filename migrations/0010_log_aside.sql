-- Which client a session of a log is of, where a list of sessions says so: its queries do not.
CREATE TABLE log_session (
    source  INTEGER NOT NULL REFERENCES source (id),
    session INTEGER NOT NULL,           -- xxh3-64 hash of the vendor's number
    tool    TEXT    NOT NULL,           -- as the list calls it
    day     INTEGER NOT NULL,           -- when it began, days since 1970 UTC
    PRIMARY KEY (source, session)
) STRICT, WITHOUT ROWID;

-- Observations on their way: written as they are counted, added to observation by shape once a log is read.
CREATE TABLE log_pending (
    id   INTEGER NOT NULL PRIMARY KEY,
    part INTEGER NOT NULL,              -- shapes of neighbouring numbers
    rows BLOB    NOT NULL               -- packed JSON: [[[shape, day, asker], [runs, errors, …, last_at]]], as in observation
) STRICT;
CREATE INDEX log_pending_part ON log_pending (part);
