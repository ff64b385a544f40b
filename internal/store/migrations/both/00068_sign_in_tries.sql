-- How often somebody tried to sign in, by the hash of an e-mail or of a network
-- address: all nodes count together. Rows go an hour after the last try. A
-- program that knows nothing of the table counts for itself.

-- +goose Up
CREATE TABLE sign_in_tries (
    name    BYTEA  NOT NULL PRIMARY KEY,
    n       BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    until   BIGINT NOT NULL
);
CREATE INDEX sign_in_tries_last ON sign_in_tries (last_at);
