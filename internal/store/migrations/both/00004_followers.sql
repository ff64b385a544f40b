-- What follows the trail: the Merkle tree and its signed checkpoints, and the
-- deliveries to sinks. None of it is written on the road of a call.

-- +goose Up
CREATE TABLE trees (
    org_id TEXT   PRIMARY KEY,
    size   BIGINT NOT NULL
);

-- Up to 256 neighbouring hashes of a level; the last tile of a level grows.
CREATE TABLE tree_tiles (
    org_id TEXT   NOT NULL,
    level  BIGINT NOT NULL,
    n      BIGINT NOT NULL,
    hashes BYTEA  NOT NULL,
    PRIMARY KEY (org_id, level, n)
);

CREATE TABLE checkpoints (
    org_id TEXT   NOT NULL,
    size   BIGINT NOT NULL,
    root   BYTEA  NOT NULL,
    at     BIGINT NOT NULL,
    note   BYTEA  NOT NULL,
    PRIMARY KEY (org_id, size)
);

-- One process at a time delivers to a sink: the holder, until then.
CREATE TABLE sinks (
    name         TEXT   PRIMARY KEY,
    holder       TEXT   NOT NULL,
    held_until   BIGINT NOT NULL,
    failures     BIGINT NOT NULL,
    error        TEXT   NOT NULL,
    attempted    BIGINT NOT NULL,
    next_attempt BIGINT NOT NULL
);

CREATE TABLE sink_cursors (
    org_id TEXT   NOT NULL,
    sink   TEXT   NOT NULL,
    seq    BIGINT NOT NULL,
    at     BIGINT NOT NULL,
    PRIMARY KEY (org_id, sink)
);
