-- Who may open calls: one row for each life (boot) of a server (node). It is
-- renewed while the life lasts; once ended is set it never opens a call again,
-- and others close what it left. Rows of programs that knew no leases are
-- missing, and nobody but their own node touches their calls.

-- +goose Up
CREATE TABLE leases (
    node    TEXT   NOT NULL,
    boot    TEXT   NOT NULL,
    expires BIGINT NOT NULL,
    ended   BIGINT NOT NULL,
    PRIMARY KEY (node, boot)
);
