-- Groups of an organisation's members. Who changes either table has locked the
-- organisation's row in chain_heads before. A program that knows no groups
-- leaves both as they are.

-- +goose Up
CREATE TABLE groups (
    org_id  TEXT   NOT NULL REFERENCES organisations (id),
    id      TEXT   NOT NULL,
    name    TEXT   NOT NULL,
    created BIGINT NOT NULL,
    PRIMARY KEY (org_id, id),
    UNIQUE (org_id, name)
);

CREATE TABLE group_members (
    org_id   TEXT NOT NULL,
    group_id TEXT NOT NULL,
    user_id  TEXT NOT NULL,
    PRIMARY KEY (org_id, group_id, user_id),
    FOREIGN KEY (org_id, group_id) REFERENCES groups (org_id, id),
    FOREIGN KEY (org_id, user_id) REFERENCES memberships (org_id, user_id)
);
CREATE INDEX group_members_of_user ON group_members (org_id, user_id);
