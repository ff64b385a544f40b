-- What an organisation decided for its models as a whole: whether those that it
-- has not seen yet are off until somebody switches them on, and which one its
-- chats begin with. A program that knows nothing of the table has neither.

-- +goose Up
CREATE TABLE model_rules (
    org_id        TEXT    NOT NULL PRIMARY KEY REFERENCES organisations (id),
    new_off       BOOLEAN NOT NULL,
    default_model TEXT    NOT NULL
);
ALTER TABLE models ADD COLUMN images BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE models ADD COLUMN reasons BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE providers ADD COLUMN credential_at BIGINT NOT NULL DEFAULT 0;
