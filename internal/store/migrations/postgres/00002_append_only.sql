-- What was written in the ledger and the trail stays. Two things may go: the
-- source of a record, and old records of the instance's own bounded trail.

-- +goose Up
-- +goose StatementBegin
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation'; END $$;
-- +goose StatementEnd
CREATE TRIGGER ledger_change BEFORE UPDATE OR DELETE ON ledger
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER records_update BEFORE UPDATE OF
    org_id, seq, event_id, prev, hash, body, time, key_id, action, call_id,
    model_requested, model_used, outcome, code ON records
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER records_delete BEFORE DELETE ON records
    FOR EACH ROW WHEN (OLD.org_id <> 'instance') EXECUTE FUNCTION refuse_change();
