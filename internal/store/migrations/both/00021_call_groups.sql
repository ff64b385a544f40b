-- The groups of a call's owner when it was opened, as ",id,id,": it is settled
-- with them. A program that knows no groups leaves the columns empty.

-- +goose Up
ALTER TABLE open_calls ADD COLUMN group_ids TEXT NOT NULL DEFAULT '';
ALTER TABLE ledger ADD COLUMN group_ids TEXT NOT NULL DEFAULT '';

-- What the ledger's charges of calls with groups add up to, by these. Like
-- usage_days it follows the ledger, by a cursor of its own, which begins with
-- an organisation's first group.
CREATE TABLE usage_groups (
    org_id       TEXT   NOT NULL,
    day          BIGINT NOT NULL,
    user_id      TEXT   NOT NULL,
    group_ids    TEXT   NOT NULL,
    calls        BIGINT NOT NULL,
    input        BIGINT NOT NULL,
    cached_input BIGINT NOT NULL,
    cache_write  BIGINT NOT NULL,
    output       BIGINT NOT NULL,
    reasoning    BIGINT NOT NULL,
    charge       BIGINT NOT NULL,
    estimated    BIGINT NOT NULL,
    overruns     BIGINT NOT NULL,
    PRIMARY KEY (org_id, day, user_id, group_ids)
);

CREATE TABLE usage_group_cursors (
    org_id TEXT   PRIMARY KEY,
    seq    BIGINT NOT NULL
);
