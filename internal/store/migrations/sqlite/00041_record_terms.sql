-- By what records of the trails are found: in each block of 256 numbers, the
-- places of those that have a term. It follows the trails and is not written on
-- the road of a call. low and high are the earliest time of this block or a later
-- one, and the latest of this or an earlier one, so both only grow with the block.
-- A program that knows nothing of the tables reads the trail instead.

-- +goose Up
CREATE TABLE record_terms (
    org_id TEXT   NOT NULL,
    term   BIGINT NOT NULL,
    block  BIGINT NOT NULL,
    places BYTEA  NOT NULL,
    PRIMARY KEY (org_id, term, block)
) WITHOUT ROWID;
CREATE TABLE record_blocks (
    org_id TEXT   NOT NULL,
    block  BIGINT NOT NULL,
    low    BIGINT NOT NULL,
    high   BIGINT NOT NULL,
    PRIMARY KEY (org_id, block)
) WITHOUT ROWID;
CREATE INDEX record_blocks_low ON record_blocks (org_id, low, block);
CREATE INDEX record_blocks_high ON record_blocks (org_id, high, block);
