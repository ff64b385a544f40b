package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/sallyport-ai/sallyport"
)

// CreateRun adds a run in progress. An agent that is unknown or deleted, or a
// starter who is no member, is NotFound; an id that is taken is Conflict. first,
// unless it is nil, is the request that it ends, as EndRequest does.
func (db *DB) CreateRun(ctx context.Context, r sallyport.Run, first *sallyport.FirstRequest, rec sallyport.Record) error {
	return db.record(ctx, r.Org, rec, func(tx *sql.Tx, _ *sallyport.Record) error {
		added, err := changed(tx.ExecContext(ctx, `
			INSERT INTO runs (org_id, id, agent_id, user_id, key_id, conversation, status,
				begin_sealed, end_sealed, created, ended, start_kind)
			SELECT a.org_id, $2, a.id, $4, $5, $6, $7, $8, NULL, $9, 0, $10
			FROM agents a WHERE a.org_id = $1 AND a.id = $3 AND a.deleted = 0`,
			r.Org, r.ID, r.Agent, r.User, r.Key, r.Conversation, sallyport.RunInProgress,
			r.Begin, micros(r.CreatedAt), r.Start))
		if err := foundOr(added, err, "agent"); err != nil || first == nil {
			return err
		}
		text, args := endRequest(*first)
		_, err = tx.ExecContext(ctx, text, args...)
		return err
	})
}

const sqlRuns = `
	SELECT r.org_id, r.id, r.agent_id, a.name, a.deleted, r.user_id, r.key_id, r.conversation, r.status,
		r.created, r.ended, r.start_kind, r.begin_sealed, r.end_sealed
	FROM runs r JOIN agents a ON a.org_id = r.org_id AND a.id = r.agent_id`

// Run returns a run, also of an agent that is deleted.
func (db *DB) Run(ctx context.Context, org sallyport.OrgID, id sallyport.RunID) (sallyport.Run, error) {
	r, err := scanRun(db.read.QueryRowContext(ctx, sqlRuns+` WHERE r.org_id = $1 AND r.id = $2`, org, id))
	return r, orNotFound(err, "run")
}

// OpenRuns lists runs in progress of all organisations, oldest first, at most
// limit; 0: 1,000. It is for the process that looks after runs, not for callers.
func (db *DB) OpenRuns(ctx context.Context, limit int) ([]sallyport.Run, error) {
	return db.runs(ctx, sqlRuns+`
		WHERE r.status = 'in_progress' ORDER BY r.created, r.id LIMIT $1`, page(limit))
}

func (db *DB) runs(ctx context.Context, query string, args ...any) ([]sallyport.Run, error) {
	return list(ctx, db.read, func(rows *sql.Rows) (sallyport.Run, error) { return scanRun(rows) }, query, args...)
}

func scanRun(row scanner) (r sallyport.Run, err error) {
	var deleted, created, ended int64
	err = row.Scan(&r.Org, &r.ID, &r.Agent, &r.AgentName, &deleted, &r.User, &r.Key, &r.Conversation, &r.Status,
		&created, &ended, &r.Start, &r.Begin, &r.End)
	if err != nil {
		return sallyport.Run{}, err
	}
	r.AgentDeleted = deleted != 0
	r.CreatedAt, r.EndedAt = timeOf(created), timeOf(ended)
	return r, nil
}

// FinishRun gives a run in progress its final status. A run that is finished
// already is Conflict.
func (db *DB) FinishRun(ctx context.Context, org sallyport.OrgID, id sallyport.RunID, status sallyport.RunStatus, end []byte, at time.Time, rec sallyport.Record) error {
	if status == sallyport.RunInProgress {
		return sallyport.NewError(sallyport.Conflict, "A run ends in a final status.")
	}
	return db.record(ctx, org, rec, func(tx *sql.Tx, _ *sallyport.Record) error {
		finished, err := changed(tx.ExecContext(ctx, `
			UPDATE runs SET status = $3, end_sealed = $4, ended = $5
			WHERE org_id = $1 AND id = $2 AND status = 'in_progress'`,
			org, id, status, end, micros(at)))
		if err != nil || finished {
			return err
		}
		if err := runExists(ctx, tx, org, id); err != nil {
			return err
		}
		return sallyport.NewError(sallyport.Conflict, "The run is finished already.")
	})
}

func runExists(ctx context.Context, tx *sql.Tx, org sallyport.OrgID, id sallyport.RunID) error {
	var one int
	err := tx.QueryRowContext(ctx, `SELECT 1 FROM runs WHERE org_id = $1 AND id = $2`, org, id).Scan(&one)
	return orNotFound(err, "run")
}
