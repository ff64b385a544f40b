-- What a model is and can do, and when and where that was read: facts_at is 0 and
-- facts_source empty for what an administrator wrote. abilities are words with
-- spaces between; images and reasons stand in their own columns too, for programs
-- that know only those. While price_unknown, calls of the model are refused; for a
-- program that knows nothing of it, the prices beside it are more than anybody has.
--
-- And what providers say that they offer: models is JSON, asked is when somebody last
-- began to ask, which is also how one of several servers claims to do so, listed when
-- there last was an answer. Those of the operator's providers belong to the instance.

-- +goose Up
ALTER TABLE models ADD COLUMN type TEXT NOT NULL DEFAULT '';
ALTER TABLE models ADD COLUMN abilities TEXT NOT NULL DEFAULT '';
ALTER TABLE models ADD COLUMN facts_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE models ADD COLUMN facts_source TEXT NOT NULL DEFAULT '';
ALTER TABLE models ADD COLUMN price_unknown BOOLEAN NOT NULL DEFAULT FALSE;

CREATE TABLE provider_lists (
    org_id   TEXT    NOT NULL,
    provider TEXT    NOT NULL,
    asked    BIGINT  NOT NULL,
    listed   BIGINT  NOT NULL,
    failure  TEXT    NOT NULL,
    partial  BOOLEAN NOT NULL,
    models   BYTEA,
    PRIMARY KEY (org_id, provider)
);
