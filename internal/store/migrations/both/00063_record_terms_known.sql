-- Which terms a block of the index has: 0 those of the first programs that had an
-- index, 1 the phase and the resource too. The index is made anew, in the
-- background, so that it has them for all records; meanwhile the trail is read.

-- +goose Up
ALTER TABLE record_blocks ADD COLUMN terms BIGINT NOT NULL DEFAULT 0;
DELETE FROM record_terms;
DELETE FROM record_blocks;
