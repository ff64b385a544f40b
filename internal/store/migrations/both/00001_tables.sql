-- The tables, in words that both databases understand: SQLite takes BIGINT for
-- an integer and leaves what is stored as BYTEA as it is. Times are
-- microseconds since 1970, UTC; 0 is "never". Every row of a tenant has org_id
-- in its key.

-- +goose Up
CREATE TABLE organisations (
    id      TEXT   PRIMARY KEY,
    name    TEXT   NOT NULL,
    created BIGINT NOT NULL
);

CREATE TABLE users (
    id      TEXT   PRIMARY KEY,
    email   TEXT   NOT NULL UNIQUE,
    name    TEXT   NOT NULL,
    created BIGINT NOT NULL
);

-- A password belongs to a membership, so that the administrator of one
-- organisation cannot let himself into another that a member also belongs to.
CREATE TABLE memberships (
    org_id        TEXT   NOT NULL REFERENCES organisations (id),
    user_id       TEXT   NOT NULL REFERENCES users (id),
    role          TEXT   NOT NULL,
    password_hash TEXT   NOT NULL,
    created       BIGINT NOT NULL,
    PRIMARY KEY (org_id, user_id)
);

-- The id of a key is unique in the instance, because a caller shows the key
-- before it is known which organisation it belongs to.
CREATE TABLE api_keys (
    org_id  TEXT   NOT NULL,
    id      TEXT   NOT NULL UNIQUE,
    user_id TEXT   NOT NULL,
    name    TEXT   NOT NULL,
    prefix  TEXT   NOT NULL,
    hash    BYTEA  NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    revoked BIGINT NOT NULL,
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, user_id) REFERENCES memberships (org_id, user_id)
);

-- Who changes an account, a call or the ledger has locked the organisation's
-- row in chain_heads before.
CREATE TABLE chain_heads (
    org_id TEXT   PRIMARY KEY,
    seq    BIGINT NOT NULL,
    hash   BYTEA  NOT NULL
);

CREATE TABLE accounts (
    org_id     TEXT   PRIMARY KEY,
    balance    BIGINT NOT NULL,
    held       BIGINT NOT NULL CHECK (held >= 0),
    ledger_seq BIGINT NOT NULL
);

CREATE TABLE ledger (
    org_id        TEXT    NOT NULL,
    seq           BIGINT  NOT NULL,
    kind          TEXT    NOT NULL,
    amount        BIGINT  NOT NULL,
    balance_after BIGINT  NOT NULL,
    call_id       TEXT    NOT NULL,
    model         TEXT    NOT NULL,
    input         BIGINT  NOT NULL,
    cached_input  BIGINT  NOT NULL,
    cache_write   BIGINT  NOT NULL,
    output        BIGINT  NOT NULL,
    reasoning     BIGINT  NOT NULL,
    estimated     BOOLEAN NOT NULL,
    overrun       BOOLEAN NOT NULL,
    price_version TEXT    NOT NULL,
    note          TEXT    NOT NULL,
    at            BIGINT  NOT NULL,
    PRIMARY KEY (org_id, seq)
);

CREATE TABLE calls (
    org_id             TEXT   NOT NULL,
    id                 TEXT   NOT NULL,
    state              TEXT   NOT NULL,
    node               TEXT   NOT NULL,
    boot               TEXT   NOT NULL,
    key_id             TEXT   NOT NULL,
    user_id            TEXT   NOT NULL,
    model              TEXT   NOT NULL,
    hold               BIGINT NOT NULL,
    price_input        BIGINT NOT NULL,
    price_cached_input BIGINT NOT NULL,
    price_cache_write  BIGINT NOT NULL,
    price_output       BIGINT NOT NULL,
    price_version      TEXT   NOT NULL,
    intent_seq         BIGINT NOT NULL,
    created            BIGINT NOT NULL,
    PRIMARY KEY (org_id, id)
);
CREATE INDEX calls_open ON calls (node, created) WHERE state = 'open';

-- Columns other than body and the source_ ones are copies of what is in body,
-- to search by. The source_ columns may be erased; nothing else may change.
-- One index finds the records of a call and refuses to write an event twice.
CREATE TABLE records (
    org_id          TEXT   NOT NULL,
    seq             BIGINT NOT NULL,
    event_id        TEXT   NOT NULL,
    prev            BYTEA  NOT NULL,
    hash            BYTEA  NOT NULL,
    body            BYTEA  NOT NULL,
    time            BIGINT NOT NULL,
    key_id          TEXT   NOT NULL,
    action          TEXT   NOT NULL,
    call_id         TEXT   NOT NULL,
    model_requested TEXT   NOT NULL,
    model_used      TEXT   NOT NULL,
    outcome         TEXT   NOT NULL,
    code            TEXT   NOT NULL,
    source_ip       TEXT,
    source_agent    TEXT,
    source_salt     BYTEA,
    PRIMARY KEY (org_id, seq),
    UNIQUE (org_id, call_id, event_id)
);

-- The results of recent batches, for a writer that lost the answer to its COMMIT.
CREATE TABLE batches (
    id      TEXT   PRIMARY KEY,
    created BIGINT NOT NULL,
    results BYTEA  NOT NULL
);
CREATE INDEX batches_created ON batches (created);

CREATE TABLE model_access (
    org_id  TEXT    NOT NULL REFERENCES organisations (id),
    model   TEXT    NOT NULL,
    enabled BOOLEAN NOT NULL,
    PRIMARY KEY (org_id, model)
);

CREATE TABLE providers (
    org_id     TEXT   NOT NULL REFERENCES organisations (id),
    name       TEXT   NOT NULL,
    type       TEXT   NOT NULL,
    base_url   TEXT   NOT NULL,
    credential BYTEA,
    created    BIGINT NOT NULL,
    PRIMARY KEY (org_id, name)
);

CREATE TABLE models (
    org_id             TEXT    NOT NULL REFERENCES organisations (id),
    id                 TEXT    NOT NULL,
    display_name       TEXT    NOT NULL,
    provider           TEXT    NOT NULL,
    target             TEXT    NOT NULL,
    context_window     BIGINT  NOT NULL,
    output_max         BIGINT  NOT NULL,
    image_tokens       BIGINT  NOT NULL,
    price_input        BIGINT  NOT NULL,
    price_cached_input BIGINT  NOT NULL,
    price_cache_write  BIGINT  NOT NULL,
    price_output       BIGINT  NOT NULL,
    price_version      TEXT    NOT NULL,
    offline            BOOLEAN NOT NULL,
    dlp                TEXT    NOT NULL,
    PRIMARY KEY (org_id, id)
);

CREATE TABLE policies (
    org_id  TEXT  NOT NULL REFERENCES organisations (id),
    kind    TEXT  NOT NULL,
    subject TEXT  NOT NULL,
    body    BYTEA NOT NULL,
    PRIMARY KEY (org_id, kind, subject)
);

CREATE TABLE agents (
    org_id     TEXT   NOT NULL REFERENCES organisations (id),
    id         TEXT   NOT NULL,
    owner      TEXT   NOT NULL,
    definition BYTEA  NOT NULL,
    created    BIGINT NOT NULL,
    deleted    BIGINT NOT NULL,
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, owner) REFERENCES memberships (org_id, user_id)
);
CREATE INDEX agents_newest ON agents (org_id, created);

CREATE TABLE runs (
    org_id       TEXT   NOT NULL,
    id           TEXT   NOT NULL,
    agent_id     TEXT   NOT NULL,
    user_id      TEXT   NOT NULL,
    key_id       TEXT   NOT NULL,
    conversation TEXT   NOT NULL,
    status       TEXT   NOT NULL,
    begin_sealed BYTEA  NOT NULL,
    end_sealed   BYTEA,
    created      BIGINT NOT NULL,
    ended        BIGINT NOT NULL,
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, agent_id) REFERENCES agents (org_id, id),
    FOREIGN KEY (org_id, user_id) REFERENCES memberships (org_id, user_id)
);
CREATE INDEX runs_of_agent ON runs (org_id, agent_id, created);
CREATE INDEX runs_open ON runs (created) WHERE status = 'in_progress';

CREATE TABLE run_steps (
    org_id  TEXT   NOT NULL,
    run_id  TEXT   NOT NULL,
    step    BIGINT NOT NULL,
    call_id TEXT   NOT NULL,
    output  BYTEA  NOT NULL,
    ended   BIGINT NOT NULL,
    PRIMARY KEY (org_id, run_id, step),
    FOREIGN KEY (org_id, run_id) REFERENCES runs (org_id, id)
);

CREATE TABLE keysets (
    org_id  TEXT  NOT NULL,
    purpose TEXT  NOT NULL,
    wrapped BYTEA NOT NULL,
    PRIMARY KEY (org_id, purpose)
);

CREATE TABLE instance (
    name  TEXT  PRIMARY KEY,
    value BYTEA NOT NULL
);

CREATE TABLE changes (
    id BIGINT PRIMARY KEY,
    n  BIGINT NOT NULL
);
INSERT INTO changes (id, n) VALUES (1, 0);
