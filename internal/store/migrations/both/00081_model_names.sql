-- What an organisation calls models beside their ids, and named sets of models that
-- rights can speak of. kind of a name: "alias" is listed beside the model, "name" in
-- place of its id, "former" only works. A program that knows nothing of them serves
-- models by their ids; what is decided on a set it does not read, and it refuses
-- all calls of an organisation that decided on one.

-- +goose Up
CREATE TABLE model_aliases (
    org_id TEXT NOT NULL REFERENCES organisations (id),
    name   TEXT NOT NULL,
    model  TEXT NOT NULL,
    kind   TEXT NOT NULL,
    PRIMARY KEY (org_id, name)
);
CREATE INDEX model_aliases_model ON model_aliases (org_id, model);

CREATE TABLE model_groups (
    org_id      TEXT NOT NULL REFERENCES organisations (id),
    name        TEXT NOT NULL,
    description TEXT NOT NULL,
    PRIMARY KEY (org_id, name)
);
CREATE TABLE model_group_members (
    org_id     TEXT NOT NULL,
    group_name TEXT NOT NULL,
    model      TEXT NOT NULL,
    PRIMARY KEY (org_id, group_name, model),
    FOREIGN KEY (org_id, group_name) REFERENCES model_groups (org_id, name) ON DELETE CASCADE
);
