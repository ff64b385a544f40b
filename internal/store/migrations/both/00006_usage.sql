-- What the ledger's charges add up to, by day, model, user, key and agent. It
-- follows the ledger by a cursor and is not written on the road of a call. A
-- program that does not know the new columns leaves them at their defaults.

-- +goose Up
ALTER TABLE calls ADD COLUMN agent_id TEXT NOT NULL DEFAULT '';

-- 0: reasoning costs what other output costs.
ALTER TABLE calls ADD COLUMN price_reasoning BIGINT NOT NULL DEFAULT 0;
ALTER TABLE models ADD COLUMN price_reasoning BIGINT NOT NULL DEFAULT 0;

-- day is the number of days since 1970, UTC.
CREATE TABLE usage_days (
    org_id       TEXT   NOT NULL,
    day          BIGINT NOT NULL,
    model        TEXT   NOT NULL,
    user_id      TEXT   NOT NULL,
    key_id       TEXT   NOT NULL,
    agent_id     TEXT   NOT NULL,
    calls        BIGINT NOT NULL,
    input        BIGINT NOT NULL,
    cached_input BIGINT NOT NULL,
    cache_write  BIGINT NOT NULL,
    output       BIGINT NOT NULL,
    reasoning    BIGINT NOT NULL,
    charge       BIGINT NOT NULL,
    estimated    BIGINT NOT NULL,
    overruns     BIGINT NOT NULL,
    PRIMARY KEY (org_id, day, model, user_id, key_id, agent_id)
);

CREATE TABLE usage_cursors (
    org_id TEXT   PRIMARY KEY,
    seq    BIGINT NOT NULL
);
