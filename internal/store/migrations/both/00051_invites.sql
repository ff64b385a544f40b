-- Invitations to become a member. One that is accepted or taken back is deleted.
-- An e-mail has one of an organisation: the next takes its place. A program that
-- knows no invitations leaves the table as it is.

-- +goose Up
CREATE TABLE invites (
    org_id     TEXT   NOT NULL REFERENCES organisations (id),
    id         TEXT   NOT NULL UNIQUE,
    email      TEXT   NOT NULL,
    role       TEXT   NOT NULL,
    group_ids  TEXT   NOT NULL,
    invited_by TEXT   NOT NULL,
    hash       BYTEA  NOT NULL,
    created    BIGINT NOT NULL,
    expires    BIGINT NOT NULL,
    PRIMARY KEY (org_id, id),
    UNIQUE (org_id, email)
);
