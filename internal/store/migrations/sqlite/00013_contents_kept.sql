-- Kept content can be dropped, but not changed, and not under a legal hold.

-- +goose Up
-- +goose StatementBegin
CREATE TRIGGER contents_update BEFORE UPDATE ON contents
BEGIN SELECT RAISE(ABORT, 'contents are append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER contents_held BEFORE DELETE ON contents
WHEN EXISTS (SELECT 1 FROM policies p WHERE p.org_id = OLD.org_id AND p.kind = 'audit' AND p.subject = 'legal_hold')
BEGIN SELECT RAISE(ABORT, 'contents are under a legal hold'); END;
-- +goose StatementEnd
