-- What a second of sound costs, of models that are priced by time. No program before
-- this one can call such a model of an organisation.

-- +goose Up
ALTER TABLE models ADD COLUMN price_second BIGINT NOT NULL DEFAULT 0;
