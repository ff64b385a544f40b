-- The one way to remove a record: a tombstone stands for it, and there is no
-- legal hold. The source of a record can be erased, but not changed. A
-- tombstone stays.

-- +goose Up
DROP TRIGGER records_delete;
-- +goose StatementBegin
CREATE TRIGGER records_delete BEFORE DELETE ON records
WHEN OLD.org_id <> 'instance' AND NOT EXISTS (
    SELECT 1 FROM tombstones t WHERE t.org_id = OLD.org_id AND t.last_seq >= OLD.seq)
BEGIN SELECT RAISE(ABORT, 'the trail is append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER records_held BEFORE DELETE ON records
WHEN OLD.org_id <> 'instance' AND EXISTS (SELECT 1 FROM policies p WHERE p.org_id = OLD.org_id AND p.kind = 'audit' AND p.subject = 'legal_hold')
BEGIN SELECT RAISE(ABORT, 'the trail is under a legal hold'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER records_source BEFORE UPDATE OF source_ip, source_agent, source_salt ON records
WHEN NEW.source_ip IS NOT NULL OR NEW.source_agent IS NOT NULL OR NEW.source_salt IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'a source is erased whole or stays: the trail is append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER records_source_held BEFORE UPDATE OF source_ip, source_agent, source_salt ON records
WHEN EXISTS (SELECT 1 FROM policies p WHERE p.org_id = OLD.org_id AND p.kind = 'audit' AND p.subject = 'legal_hold')
BEGIN SELECT RAISE(ABORT, 'the trail is under a legal hold'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER tombstones_update BEFORE UPDATE ON tombstones
BEGIN SELECT RAISE(ABORT, 'tombstones are append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER tombstones_delete BEFORE DELETE ON tombstones
BEGIN SELECT RAISE(ABORT, 'tombstones are append-only'); END;
-- +goose StatementEnd
