-- Who is in groups needs one that grants agent creation. The groups that are
-- there were made before groups decided on rights: they grant it, so that
-- nobody loses what they could do.

-- +goose Up
INSERT INTO policies (org_id, kind, subject, body)
SELECT org_id, 'rights', 'group/' || id || '/features', convert_to('{"agent_creation":"on"}', 'UTF8') FROM groups;
