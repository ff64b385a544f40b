-- A writer that lost the answer to its COMMIT looks for the newest record of its
-- batch: no other record has its hash.

-- +goose Up
DROP TABLE batches;
