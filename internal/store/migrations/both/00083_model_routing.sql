-- How calls of an organisation's own model are routed, as JSON ("" is by its one way),
-- and how long its own providers are waited for, in microseconds; 0 is the default. A
-- program that knows nothing of them serves models by their first way alone.

-- +goose Up
ALTER TABLE models ADD COLUMN routing TEXT NOT NULL DEFAULT '';
ALTER TABLE providers ADD COLUMN connect_time BIGINT NOT NULL DEFAULT 0;
ALTER TABLE providers ADD COLUMN first_byte_time BIGINT NOT NULL DEFAULT 0;
ALTER TABLE providers ADD COLUMN idle_time BIGINT NOT NULL DEFAULT 0;
