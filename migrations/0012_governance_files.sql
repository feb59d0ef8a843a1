-- Files of governance in repositories, as runs read them.
CREATE TABLE governance_file (
    source     INTEGER NOT NULL REFERENCES source (id),
    path       TEXT    NOT NULL,
    content    TEXT    NOT NULL,        -- JSON: model::GovernanceFile
    valid_from INTEGER NOT NULL,
    valid_to   INTEGER,
    PRIMARY KEY (source, path, valid_from)
) STRICT, WITHOUT ROWID;
