-- When a key was last used, give or take a minute; 0 is "never".

-- +goose Up
ALTER TABLE api_keys ADD COLUMN used BIGINT NOT NULL DEFAULT 0;
