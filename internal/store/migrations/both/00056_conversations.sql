-- Conversations of people with models, their messages, files and shares. What
-- people wrote and models answered is sealed. A program that knows nothing of
-- them leaves them as they are.

-- +goose Up
CREATE TABLE conversations (
    org_id   TEXT   NOT NULL,
    id       TEXT   NOT NULL,
    user_id  TEXT   NOT NULL,
    title    BYTEA,
    folder   BYTEA,
    model    TEXT   NOT NULL,
    pinned   BIGINT NOT NULL,
    archived BIGINT NOT NULL,
    leaf     TEXT   NOT NULL,
    messages BIGINT NOT NULL,
    created  BIGINT NOT NULL,
    updated  BIGINT NOT NULL,
    deleted  BIGINT NOT NULL,
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, user_id) REFERENCES memberships (org_id, user_id)
);
CREATE INDEX conversations_of_user ON conversations (org_id, user_id, archived, pinned, updated, id);
CREATE INDEX conversations_deleted ON conversations (deleted) WHERE deleted > 0;

CREATE TABLE messages (
    org_id          TEXT   NOT NULL,
    id              TEXT   NOT NULL,
    conversation_id TEXT   NOT NULL,
    parent          TEXT   NOT NULL,
    depth           BIGINT NOT NULL,
    role            TEXT   NOT NULL,
    state           TEXT   NOT NULL,
    model           TEXT   NOT NULL,
    run_id          TEXT   NOT NULL,
    content         BYTEA,
    masked          BYTEA,
    rating          BIGINT NOT NULL,
    created         BIGINT NOT NULL,
    node            TEXT   NOT NULL,
    boot            TEXT   NOT NULL,
    stop_asked      BIGINT NOT NULL,
    request_id      TEXT   NOT NULL,
    call_id         TEXT   NOT NULL,
    ledger_from     BIGINT NOT NULL,
    seq             BIGINT NOT NULL,
    left_out        BIGINT NOT NULL,
    code            TEXT   NOT NULL,
    retry_after     BIGINT NOT NULL,
    input           BIGINT NOT NULL,
    cached_input    BIGINT NOT NULL,
    cache_write     BIGINT NOT NULL,
    output          BIGINT NOT NULL,
    reasoning       BIGINT NOT NULL,
    credits         BIGINT NOT NULL,
    duration        BIGINT NOT NULL,
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, conversation_id) REFERENCES conversations (org_id, id)
);
CREATE INDEX messages_below ON messages (org_id, conversation_id, parent, id);
CREATE INDEX messages_streaming ON messages (node, boot) WHERE state = 'streaming';

-- An answer under way, piece by piece.
CREATE TABLE answer_steps (
    org_id     TEXT   NOT NULL,
    message_id TEXT   NOT NULL,
    seq_begin  BIGINT NOT NULL,
    seq_end    BIGINT NOT NULL,
    sealed     BYTEA  NOT NULL,
    PRIMARY KEY (org_id, message_id, seq_begin),
    FOREIGN KEY (org_id, message_id) REFERENCES messages (org_id, id)
);

CREATE TABLE attachments (
    org_id          TEXT  NOT NULL,
    id              TEXT  NOT NULL,
    conversation_id TEXT  NOT NULL,
    message_id      TEXT  NOT NULL,
    sealed          BYTEA NOT NULL,
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, message_id) REFERENCES messages (org_id, id)
);
CREATE INDEX attachments_of_message ON attachments (org_id, message_id);

-- Requests with an Idempotency-Key, as long as the conversation stands.
CREATE TABLE turns_once (
    org_id          TEXT  NOT NULL,
    conversation_id TEXT  NOT NULL,
    name            BYTEA NOT NULL,
    body            BYTEA NOT NULL,
    said            TEXT  NOT NULL,
    answer          TEXT  NOT NULL,
    PRIMARY KEY (org_id, conversation_id, name),
    FOREIGN KEY (org_id, conversation_id) REFERENCES conversations (org_id, id)
);

CREATE TABLE shares (
    org_id          TEXT   NOT NULL,
    id              TEXT   NOT NULL,
    conversation_id TEXT   NOT NULL,
    user_id         TEXT   NOT NULL,
    title           BYTEA,
    snapshot        BYTEA  NOT NULL,
    created         BIGINT NOT NULL,
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, conversation_id) REFERENCES conversations (org_id, id)
);
CREATE INDEX shares_of_user ON shares (org_id, user_id, created);
CREATE INDEX shares_of_conversation ON shares (org_id, conversation_id);
