-- Verifications of trails that were asked for by the API, and how they ended. One
-- of an organisation is under way at a time. A program that knows nothing of the
-- tables leaves them as they are.

-- +goose Up
CREATE TABLE verifications (
    org_id   TEXT   NOT NULL,
    id       TEXT   NOT NULL,
    user_id  TEXT   NOT NULL,
    created  BIGINT NOT NULL,
    ended    BIGINT NOT NULL,
    holder   TEXT   NOT NULL,
    beat     BIGINT NOT NULL,
    records  BIGINT NOT NULL,
    head     BIGINT NOT NULL,
    verdict  TEXT   NOT NULL,
    PRIMARY KEY (org_id, id)
);
CREATE UNIQUE INDEX verifications_under_way ON verifications (org_id) WHERE ended = 0;

-- Searches of the trail that a member keeps.
CREATE TABLE saved_searches (
    org_id  TEXT   NOT NULL,
    user_id TEXT   NOT NULL,
    id      TEXT   NOT NULL,
    name    TEXT   NOT NULL,
    query   TEXT   NOT NULL,
    created BIGINT NOT NULL,
    PRIMARY KEY (org_id, user_id, id),
    UNIQUE (org_id, user_id, name)
);
