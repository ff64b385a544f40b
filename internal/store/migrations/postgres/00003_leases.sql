-- Who may open calls: one row for each life (boot) of a server (node). It is
-- renewed while the life lasts; once ended is set it never opens a call again,
-- and others close what it left. Rows of programs that knew no leases are
-- missing, and nobody but their own node touches their calls.

-- +goose Up
CREATE TABLE leases (
    node    TEXT   NOT NULL,
    boot    TEXT   NOT NULL,
    expires BIGINT NOT NULL,
    ended   BIGINT NOT NULL,
    PRIMARY KEY (node, boot)
);

-- Other processes hear of a change when it is committed. A trigger, so that
-- they also hear of those that an older program makes.
-- +goose StatementBegin
CREATE FUNCTION tell_change() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_notify('sallyport_changes', ''); RETURN NULL; END $$;
-- +goose StatementEnd
CREATE TRIGGER changes_told AFTER UPDATE ON changes
    FOR EACH STATEMENT EXECUTE FUNCTION tell_change();
