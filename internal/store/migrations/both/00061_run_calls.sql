-- What began a run, how runs are found, and the calls that its steps make: when
-- each began and ended, how, and what it cost. ended is 0 while nobody has
-- written the end down.

-- +goose Up
ALTER TABLE runs ADD COLUMN start_kind TEXT NOT NULL DEFAULT 'api';
CREATE INDEX runs_newest ON runs (org_id, created);
CREATE INDEX runs_of_user ON runs (org_id, user_id, created);

CREATE TABLE run_calls (
    org_id  TEXT   NOT NULL,
    run_id  TEXT   NOT NULL,
    n       BIGINT NOT NULL,
    step    BIGINT NOT NULL,
    call_id TEXT   NOT NULL,
    begun   BIGINT NOT NULL,
    ended   BIGINT NOT NULL,
    code    TEXT   NOT NULL,
    charge  BIGINT NOT NULL,
    PRIMARY KEY (org_id, run_id, n),
    FOREIGN KEY (org_id, run_id) REFERENCES runs (org_id, id)
);
