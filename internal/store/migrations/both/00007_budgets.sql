-- Budgets, each with the spending of its current period. The journal's batches
-- move spent and held with the account, and begin a new period; alerted is the
-- percentage of the limit that the trail was last told of in this one. Who
-- changes a budget has locked the organisation's row in chain_heads before.

-- +goose Up
CREATE TABLE budgets (
    org_id  TEXT   NOT NULL REFERENCES organisations (id),
    scope   TEXT   NOT NULL,
    subject TEXT   NOT NULL,
    period  TEXT   NOT NULL,
    amount  BIGINT NOT NULL,
    since   BIGINT NOT NULL,
    spent   BIGINT NOT NULL,
    held    BIGINT NOT NULL,
    alerted BIGINT NOT NULL,
    created BIGINT NOT NULL,
    PRIMARY KEY (org_id, scope, subject, period)
);
