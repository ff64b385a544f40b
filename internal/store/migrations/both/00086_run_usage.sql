-- What each call of a run used, in tokens, disjoint but for reasoning, which is a
-- part of output. Calls before this version have zeros.

-- +goose Up
ALTER TABLE run_calls ADD COLUMN tokens_input BIGINT NOT NULL DEFAULT 0;
ALTER TABLE run_calls ADD COLUMN tokens_cached BIGINT NOT NULL DEFAULT 0;
ALTER TABLE run_calls ADD COLUMN tokens_written BIGINT NOT NULL DEFAULT 0;
ALTER TABLE run_calls ADD COLUMN tokens_output BIGINT NOT NULL DEFAULT 0;
ALTER TABLE run_calls ADD COLUMN tokens_reasoning BIGINT NOT NULL DEFAULT 0;
