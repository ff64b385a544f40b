-- Stored responses: what was asked and answered is sealed. deleted is when the
-- owner deleted one, 0 before. A program that knows nothing of them leaves them
-- as they are.

-- +goose Up
CREATE TABLE responses (
    org_id   TEXT   NOT NULL,
    id       TEXT   NOT NULL,
    user_id  TEXT   NOT NULL,
    previous TEXT   NOT NULL,
    content  BYTEA  NOT NULL,
    created  BIGINT NOT NULL,
    deleted  BIGINT NOT NULL,
    PRIMARY KEY (org_id, id)
);
CREATE INDEX responses_of_user ON responses (org_id, user_id, deleted, created, id);
CREATE INDEX responses_created ON responses (created);
CREATE INDEX responses_deleted ON responses (deleted) WHERE deleted > 0;
