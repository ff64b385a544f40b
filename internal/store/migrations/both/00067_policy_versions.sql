-- Every version of a DLP policy, so that an older one can be put back, and what
-- administrators work on before they publish it. A program that knows nothing of
-- the tables sets policies as before, without a version.

-- +goose Up
CREATE TABLE policy_versions (
    org_id  TEXT   NOT NULL REFERENCES organisations (id),
    kind    TEXT   NOT NULL,
    subject TEXT   NOT NULL,
    number  BIGINT NOT NULL,
    body    BYTEA,
    samples BYTEA,
    note    TEXT   NOT NULL,
    user_id TEXT   NOT NULL,
    at      BIGINT NOT NULL,
    PRIMARY KEY (org_id, kind, subject, number)
);
INSERT INTO policy_versions (org_id, kind, subject, number, body, note, user_id, at)
    SELECT org_id, kind, subject, 1, body, '', '', 0 FROM policies WHERE kind = 'dlp';

CREATE TABLE policy_drafts (
    org_id   TEXT   NOT NULL REFERENCES organisations (id),
    kind     TEXT   NOT NULL,
    subject  TEXT   NOT NULL,
    body     BYTEA  NOT NULL,
    samples  BYTEA,
    base     BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    user_id  TEXT   NOT NULL,
    at       BIGINT NOT NULL,
    PRIMARY KEY (org_id, kind, subject)
);
