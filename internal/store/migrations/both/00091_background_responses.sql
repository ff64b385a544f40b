-- Responses that are made in the background and have not ended yet, with the call
-- that makes each and the life of the server that works on it. A row goes when its
-- response ends, whoever ends it. A program that knows nothing of them makes none,
-- and leaves those that are there as they are.

-- +goose Up
CREATE TABLE background_responses (
    org_id      TEXT NOT NULL,
    response_id TEXT NOT NULL,
    call_id     TEXT NOT NULL,
    node        TEXT NOT NULL,
    boot        TEXT NOT NULL,
    PRIMARY KEY (org_id, response_id),
    FOREIGN KEY (org_id, response_id) REFERENCES responses (org_id, id) ON DELETE CASCADE
);
