-- Calls are rows only while they are under way, and lines of the ledger name
-- who made the call: a table that stays small costs a call least, and an index
-- on each of its other columns is not needed.

-- A server of a version before this one refuses its calls from here on; none of
-- them was released.

-- +goose Up
CREATE TABLE open_calls (
    org_id             TEXT   NOT NULL,
    id                 TEXT   NOT NULL,
    node               TEXT   NOT NULL,
    boot               TEXT   NOT NULL,
    key_id             TEXT   NOT NULL,
    user_id            TEXT   NOT NULL,
    agent_id           TEXT   NOT NULL,
    model              TEXT   NOT NULL,
    hold               BIGINT NOT NULL,
    price_input        BIGINT NOT NULL,
    price_cached_input BIGINT NOT NULL,
    price_cache_write  BIGINT NOT NULL,
    price_output       BIGINT NOT NULL,
    price_reasoning    BIGINT NOT NULL,
    price_version      TEXT   NOT NULL,
    intent_seq         BIGINT NOT NULL,
    created            BIGINT NOT NULL,
    PRIMARY KEY (org_id, id)
);
INSERT INTO open_calls
    SELECT org_id, id, node, boot, key_id, user_id, agent_id, model, hold,
        price_input, price_cached_input, price_cache_write, price_output, price_reasoning,
        price_version, intent_seq, created
    FROM calls WHERE state = 'open';

ALTER TABLE ledger ADD COLUMN user_id TEXT NOT NULL DEFAULT '';
ALTER TABLE ledger ADD COLUMN key_id TEXT NOT NULL DEFAULT '';
ALTER TABLE ledger ADD COLUMN agent_id TEXT NOT NULL DEFAULT '';
ALTER TABLE ledger DISABLE TRIGGER ledger_change;
UPDATE ledger l SET user_id = c.user_id, key_id = c.key_id, agent_id = c.agent_id
    FROM calls c WHERE c.org_id = l.org_id AND c.id = l.call_id;
ALTER TABLE ledger ENABLE TRIGGER ledger_change;
DROP TABLE calls;
