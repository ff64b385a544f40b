-- The items that stored responses have said, so that a client can name one in
-- place of sending it again.

-- +goose Up
CREATE TABLE response_items (
    org_id      TEXT NOT NULL,
    response_id TEXT NOT NULL,
    id          TEXT NOT NULL,
    PRIMARY KEY (org_id, response_id, id),
    FOREIGN KEY (org_id, response_id) REFERENCES responses (org_id, id) ON DELETE CASCADE
);
CREATE INDEX response_items_id ON response_items (org_id, id);
