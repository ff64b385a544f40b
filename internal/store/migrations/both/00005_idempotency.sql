-- The first request with an Idempotency-Key, and its sealed answer once there
-- is one. name is the SHA-256 of the header, body the keyed hash of what was
-- asked. A program that knows nothing of the table leaves it as it is.

-- +goose Up
CREATE TABLE first_requests (
    org_id  TEXT   NOT NULL,
    key_id  TEXT   NOT NULL,
    name    BYTEA  NOT NULL,
    body    BYTEA  NOT NULL,
    call_id TEXT   NOT NULL,
    node    TEXT   NOT NULL,
    boot    TEXT   NOT NULL,
    created BIGINT NOT NULL,
    state   TEXT   NOT NULL,
    answer  BYTEA,
    PRIMARY KEY (org_id, key_id, name)
);
CREATE INDEX first_requests_created ON first_requests (created);
