-- What was written in the ledger and the trail stays. Two things may go: the
-- source of a record, and old records of the instance's own bounded trail.

-- +goose Up
-- +goose StatementBegin
CREATE TRIGGER ledger_update BEFORE UPDATE ON ledger
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER ledger_delete BEFORE DELETE ON ledger
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER records_update BEFORE UPDATE OF
    org_id, seq, event_id, prev, hash, body, time, key_id, action, call_id,
    model_requested, model_used, outcome, code ON records
BEGIN SELECT RAISE(ABORT, 'the trail is append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER records_delete BEFORE DELETE ON records WHEN OLD.org_id <> 'instance'
BEGIN SELECT RAISE(ABORT, 'the trail is append-only'); END;
-- +goose StatementEnd
