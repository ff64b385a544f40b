-- Sessions of people who signed in, and the state of memberships. A session that
-- was ended is deleted, and its address with it. The id is unique in the
-- instance, because a caller shows the token before it is known which
-- organisation it belongs to. A program that knows no sessions leaves the table
-- as it is, and does not know that a membership is switched off.

-- +goose Up
CREATE TABLE sessions (
    org_id       TEXT   NOT NULL,
    id           TEXT   NOT NULL UNIQUE,
    user_id      TEXT   NOT NULL,
    hash         BYTEA  NOT NULL,
    created      BIGINT NOT NULL,
    seen         BIGINT NOT NULL,
    expires      BIGINT NOT NULL,
    source_ip    TEXT   NOT NULL,
    source_agent TEXT   NOT NULL,
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, user_id) REFERENCES memberships (org_id, user_id)
);
CREATE INDEX sessions_of_user ON sessions (org_id, user_id, seen);
CREATE INDEX sessions_seen ON sessions (seen);

ALTER TABLE memberships ADD COLUMN seen BIGINT NOT NULL DEFAULT 0;
ALTER TABLE memberships ADD COLUMN deactivated BIGINT NOT NULL DEFAULT 0;
