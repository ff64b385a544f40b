-- Files that clients of the API uploaded for models to read. head, the name and the
-- type, and content are sealed; size is that of what was uploaded. deleted is when the
-- owner deleted one, 0 before. A program that knows nothing of them leaves them as
-- they are.

-- +goose Up
CREATE TABLE files (
    org_id  TEXT   NOT NULL,
    id      TEXT   NOT NULL,
    user_id TEXT   NOT NULL,
    purpose TEXT   NOT NULL,
    size    BIGINT NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    deleted BIGINT NOT NULL,
    head    BYTEA  NOT NULL,
    content BYTEA  NOT NULL,
    PRIMARY KEY (org_id, id)
);
CREATE INDEX files_of_user ON files (org_id, user_id, deleted, id);
CREATE INDEX files_sizes ON files (org_id, user_id, deleted, expires, size);
CREATE INDEX files_expires ON files (expires);
CREATE INDEX files_deleted ON files (deleted) WHERE deleted > 0;
