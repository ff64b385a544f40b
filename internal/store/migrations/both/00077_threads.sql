-- Threads: the conversations of OpenAI's API. Metadata and items are sealed. items
-- and size count what stands, last is the seq that was given last; message groups
-- the items of one message. deleted is when the owner deleted one, 0 before. A
-- program that knows nothing of them leaves them as they are.

-- +goose Up
CREATE TABLE threads (
    org_id   TEXT   NOT NULL,
    id       TEXT   NOT NULL,
    user_id  TEXT   NOT NULL,
    metadata BYTEA  NOT NULL,
    items    BIGINT NOT NULL,
    size     BIGINT NOT NULL,
    last     BIGINT NOT NULL,
    created  BIGINT NOT NULL,
    updated  BIGINT NOT NULL,
    deleted  BIGINT NOT NULL,
    PRIMARY KEY (org_id, id)
);
CREATE INDEX threads_of_user ON threads (org_id, user_id, deleted, updated, id);
CREATE INDEX threads_updated ON threads (updated);
CREATE INDEX threads_deleted ON threads (deleted) WHERE deleted > 0;

CREATE TABLE thread_items (
    org_id    TEXT   NOT NULL,
    thread_id TEXT   NOT NULL,
    seq       BIGINT NOT NULL,
    message   BIGINT NOT NULL,
    id        TEXT   NOT NULL,
    item_key  TEXT   NOT NULL,
    call_id   TEXT   NOT NULL,
    content   BYTEA  NOT NULL,
    PRIMARY KEY (org_id, thread_id, seq),
    UNIQUE (org_id, thread_id, id),
    FOREIGN KEY (org_id, thread_id) REFERENCES threads (org_id, id) ON DELETE CASCADE
);
CREATE INDEX thread_items_call ON thread_items (org_id, thread_id, call_id) WHERE call_id <> '';
