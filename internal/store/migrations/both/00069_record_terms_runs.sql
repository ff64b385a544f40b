-- Blocks of the index have the run of a record too. The index is made anew, in the
-- background, so that it has them for all records; meanwhile the trail is read.

-- +goose Up
DELETE FROM record_terms;
DELETE FROM record_blocks;
