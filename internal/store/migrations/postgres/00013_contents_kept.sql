-- Kept content can be dropped, but not changed, and not under a legal hold.

-- +goose Up
CREATE TRIGGER contents_update BEFORE UPDATE ON contents
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER contents_held BEFORE DELETE ON contents
    FOR EACH ROW EXECUTE FUNCTION refuse_held();
