-- What stands for records that retention has removed. body is what a record of
-- the trail tells of it, byte for byte. That last_seq is the size of a signed
-- checkpoint is for the database to keep. A program that knows nothing of the
-- table removes nothing.

-- +goose Up
CREATE TABLE tombstones (
    org_id    TEXT   NOT NULL,
    first_seq BIGINT NOT NULL,
    last_seq  BIGINT NOT NULL CHECK (last_seq >= first_seq),
    body      BYTEA  NOT NULL,
    PRIMARY KEY (org_id, last_seq),
    UNIQUE (org_id, first_seq),
    FOREIGN KEY (org_id, last_seq) REFERENCES checkpoints (org_id, size)
);
