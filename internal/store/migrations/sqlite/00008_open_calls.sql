-- Calls are rows only while they are under way, and lines of the ledger name
-- who made the call: a table that stays small costs a call least, and an index
-- on each of its other columns is not needed. Both tables lie in their key.

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
) WITHOUT ROWID;
INSERT INTO open_calls
    SELECT org_id, id, node, boot, key_id, user_id, agent_id, model, hold,
        price_input, price_cached_input, price_cache_write, price_output, price_reasoning,
        price_version, intent_seq, created
    FROM calls WHERE state = 'open';

CREATE TABLE ledger_named (
    org_id        TEXT    NOT NULL,
    seq           BIGINT  NOT NULL,
    kind          TEXT    NOT NULL,
    amount        BIGINT  NOT NULL,
    balance_after BIGINT  NOT NULL,
    call_id       TEXT    NOT NULL,
    user_id       TEXT    NOT NULL,
    key_id        TEXT    NOT NULL,
    agent_id      TEXT    NOT NULL,
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
) WITHOUT ROWID;
INSERT INTO ledger_named
    SELECT l.org_id, l.seq, l.kind, l.amount, l.balance_after, l.call_id,
        COALESCE(c.user_id, ''), COALESCE(c.key_id, ''), COALESCE(c.agent_id, ''),
        l.model, l.input, l.cached_input, l.cache_write, l.output, l.reasoning,
        l.estimated, l.overrun, l.price_version, l.note, l.at
    FROM ledger l LEFT JOIN calls c ON c.org_id = l.org_id AND c.id = l.call_id;
DROP TABLE ledger;
ALTER TABLE ledger_named RENAME TO ledger;
DROP TABLE calls;
-- +goose StatementBegin
CREATE TRIGGER ledger_update BEFORE UPDATE ON ledger
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER ledger_delete BEFORE DELETE ON ledger
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
-- +goose StatementEnd
