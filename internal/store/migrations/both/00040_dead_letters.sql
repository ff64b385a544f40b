-- Records that a sink's receiver refuses for ever while it takes others. A
-- program that knows nothing of the table leaves it as it is, and waits where a
-- newer one goes on.

-- +goose Up
CREATE TABLE dead_letters (
    org_id   TEXT   NOT NULL,
    sink     TEXT   NOT NULL,
    seq      BIGINT NOT NULL,
    event_id TEXT   NOT NULL,
    error    TEXT   NOT NULL,
    at       BIGINT NOT NULL,
    PRIMARY KEY (org_id, sink, seq)
);
