-- What is kept of what calls say, where an organisation wants that: sealed, and
-- apart from the trail, whose record seq has a salted hash of it. Rows go whole.
-- A program that knows nothing of the table keeps nothing.

-- +goose Up
CREATE TABLE contents (
    org_id  TEXT   NOT NULL,
    seq     BIGINT NOT NULL,
    call_id TEXT   NOT NULL,
    user_id TEXT   NOT NULL,
    at      BIGINT NOT NULL,
    salt    BYTEA  NOT NULL,
    sealed  BYTEA  NOT NULL,
    PRIMARY KEY (org_id, seq)
);
CREATE INDEX contents_call ON contents (org_id, call_id);
CREATE INDEX contents_at ON contents (org_id, at);
