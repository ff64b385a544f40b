-- The one way to remove a record: a tombstone stands for it, and there is no
-- legal hold. The source of a record can be erased, but not changed. A
-- tombstone stays.

-- +goose Up
-- +goose StatementBegin
CREATE FUNCTION refuse_held() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM policies p
            WHERE p.org_id = OLD.org_id AND p.kind = 'audit' AND p.subject = 'legal_hold') THEN
        RAISE EXCEPTION '% is under a legal hold', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE FUNCTION refuse_removal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM tombstones t WHERE t.org_id = OLD.org_id AND t.last_seq >= OLD.seq) THEN
        RAISE EXCEPTION 'records is append-only' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN OLD;
END $$;
-- +goose StatementEnd
DROP TRIGGER records_delete ON records;
CREATE TRIGGER records_delete BEFORE DELETE ON records
    FOR EACH ROW WHEN (OLD.org_id <> 'instance') EXECUTE FUNCTION refuse_removal();
CREATE TRIGGER records_held BEFORE DELETE ON records
    FOR EACH ROW WHEN (OLD.org_id <> 'instance') EXECUTE FUNCTION refuse_held();
CREATE TRIGGER records_source BEFORE UPDATE OF source_ip, source_agent, source_salt ON records
    FOR EACH ROW WHEN (NEW.source_ip IS NOT NULL OR NEW.source_agent IS NOT NULL OR NEW.source_salt IS NOT NULL)
    EXECUTE FUNCTION refuse_change();
CREATE TRIGGER records_source_held BEFORE UPDATE OF source_ip, source_agent, source_salt ON records
    FOR EACH ROW EXECUTE FUNCTION refuse_held();
CREATE TRIGGER tombstones_change BEFORE UPDATE OR DELETE ON tombstones
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
