-- What is sealed of a large file, in pieces in their order; content of its row is empty then.
-- While pieces are written, deleted of the row is -1, and expires is soon. A program
-- before this one serves no file in pieces: it has no content that could be opened.

-- +goose Up
CREATE TABLE file_pieces (
    org_id  TEXT   NOT NULL,
    file_id TEXT   NOT NULL,
    place   BIGINT NOT NULL,
    content BYTEA  NOT NULL,
    PRIMARY KEY (org_id, file_id, place),
    FOREIGN KEY (org_id, file_id) REFERENCES files (org_id, id) ON DELETE CASCADE
);
