-- Audits: what was to be reviewed, with its evidence as it was then, and who decided what. Never edit this
-- file once it has landed.

CREATE TABLE campaign (
    id         INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    title      TEXT    NOT NULL,
    scope      TEXT    NOT NULL,        -- what was asked for, as an address holds it
    reviewers  TEXT    NOT NULL,        -- JSON: names
    due        TEXT    NOT NULL,        -- ISO date
    follows    INTEGER REFERENCES campaign (id), -- the one before it
    run        INTEGER NOT NULL,        -- the run that its scope is frozen at
    statements INTEGER NOT NULL,        -- the newest statement then
    person     TEXT    NOT NULL,        -- who began it
    at         INTEGER NOT NULL         -- seconds since 1970 UTC
) STRICT;

-- What a campaign reviews. Written once, with the campaign.
CREATE TABLE campaign_item (
    campaign  INTEGER NOT NULL REFERENCES campaign (id),
    ordinal   INTEGER NOT NULL,         -- from 1
    namespace TEXT    NOT NULL,
    key       TEXT    NOT NULL,
    evidence  TEXT    NOT NULL,         -- JSON: catalog::ItemEvidence
    PRIMARY KEY (campaign, ordinal)
) STRICT, WITHOUT ROWID;

-- What was decided. Append-only: the newest of an item holds, all stay.
CREATE TABLE campaign_verdict (
    id       INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    campaign INTEGER NOT NULL,
    ordinal  INTEGER NOT NULL,
    verdict  TEXT    NOT NULL CONSTRAINT campaign_verdict_word CHECK (verdict IN ('keep', 'fix', 'merge', 'archive', 'reopen')),
    note     TEXT    NOT NULL,
    answers  TEXT    NOT NULL,          -- JSON: question → answer
    into_    TEXT    NOT NULL,          -- of a merge, the name of what it is merged into; else ''
    person   TEXT    NOT NULL,
    at       INTEGER NOT NULL,
    FOREIGN KEY (campaign, ordinal) REFERENCES campaign_item (campaign, ordinal)
) STRICT;
CREATE INDEX campaign_verdict_item ON campaign_verdict (campaign, ordinal);

-- That a campaign is closed, or open again. Append-only: the newest holds.
CREATE TABLE campaign_event (
    id       INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    campaign INTEGER NOT NULL REFERENCES campaign (id),
    what     TEXT    NOT NULL CONSTRAINT campaign_event_word CHECK (what IN ('closed', 'reopened')),
    note     TEXT    NOT NULL,
    person   TEXT    NOT NULL,
    at       INTEGER NOT NULL
) STRICT;
CREATE INDEX campaign_event_campaign ON campaign_event (campaign);
