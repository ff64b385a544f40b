-- Agents are shared or not, and are found by name and by model: copies of what
-- stands in the definition, empty in rows of a program that does not know the
-- columns until the next start fills them in. What is there was seen by every
-- member of its organisation, and stays so.

-- +goose Up
ALTER TABLE agents ADD COLUMN shared BOOLEAN NOT NULL DEFAULT TRUE;
ALTER TABLE agents ADD COLUMN name   TEXT    NOT NULL DEFAULT '';
ALTER TABLE agents ADD COLUMN search TEXT    NOT NULL DEFAULT '';
ALTER TABLE agents ADD COLUMN models TEXT    NOT NULL DEFAULT '';
CREATE INDEX agents_nameless ON agents (org_id, id) WHERE name = '';
