package store

import (
	"context"
	"database/sql"

	"github.com/sallyport-ai/sallyport"
)

// SaveRunStep keeps what a step answered, and that its call has ended, which cost
// charge and used usage. Only the first writer of a step is heard: a repeat, of a step that ran
// again after a crash, changes no answer.
func (db *DB) SaveRunStep(ctx context.Context, org sallyport.OrgID, s sallyport.RunStep, charge sallyport.Credits, usage sallyport.Usage) error {
	return db.transact(ctx, func(tx *sql.Tx) error {
		saved, err := changed(tx.ExecContext(ctx, `
			INSERT INTO run_steps (org_id, run_id, step, call_id, output, ended)
			SELECT r.org_id, r.id, $3, $4, $5, $6 FROM runs r WHERE r.org_id = $1 AND r.id = $2
			ON CONFLICT (org_id, run_id, step) DO NOTHING`,
			org, s.Run, s.Index, s.Call, s.Output, micros(s.EndedAt)))
		if err != nil {
			return err
		}
		if !saved {
			if err := runExists(ctx, tx, org, s.Run); err != nil {
				return err
			}
		}
		return endRunCall(ctx, tx, org, sallyport.RunCall{Run: s.Run, Call: s.Call, EndedAt: s.EndedAt, Charge: charge, Usage: usage})
	})
}

// RunSteps lists the finished steps of a run in their order.
func (db *DB) RunSteps(ctx context.Context, org sallyport.OrgID, run sallyport.RunID) ([]sallyport.RunStep, error) {
	return list(ctx, db.read, func(rows *sql.Rows) (sallyport.RunStep, error) {
		s := sallyport.RunStep{Run: run}
		var ended int64
		err := rows.Scan(&s.Index, &s.Call, &s.Output, &ended)
		s.EndedAt = timeOf(ended)
		return s, err
	}, `
		SELECT step, call_id, output, ended FROM run_steps
		WHERE org_id = $1 AND run_id = $2 ORDER BY step`, org, run)
}

// BeginRunCall notes that a step of a run in progress makes a call, and returns
// its number. Those before it that have no end are ended as interrupted: nobody
// else works on a run. A call that is noted already keeps its number; a run that
// has ended is Conflict.
func (db *DB) BeginRunCall(ctx context.Context, org sallyport.OrgID, c sallyport.RunCall) (n int, err error) {
	err = db.transact(ctx, func(tx *sql.Tx) error {
		var status sallyport.RunStatus
		err := tx.QueryRowContext(ctx, `SELECT status FROM runs WHERE org_id = $1 AND id = $2`+db.engine.forUpdate(),
			org, c.Run).Scan(&status)
		switch {
		case err != nil:
			return orNotFound(err, "run")
		case status != sallyport.RunInProgress:
			return sallyport.NewError(sallyport.Conflict, "The run is finished already.")
		}
		var known int
		err = tx.QueryRowContext(ctx, `
			SELECT COALESCE(MAX(n), 0), COALESCE(MAX(CASE WHEN call_id = $3 THEN n END), 0)
			FROM run_calls WHERE org_id = $1 AND run_id = $2`, org, c.Run, c.Call).Scan(&n, &known)
		if err != nil {
			return err
		}
		if known > 0 {
			n = known
			return errUnchanged
		}
		_, err = tx.ExecContext(ctx, `
			UPDATE run_calls SET ended = $3, code = $4 WHERE org_id = $1 AND run_id = $2 AND ended = 0`,
			org, c.Run, micros(c.BegunAt), sallyport.CallInterrupted)
		if err != nil {
			return err
		}
		n++
		_, err = tx.ExecContext(ctx, `
			INSERT INTO run_calls (org_id, run_id, n, step, call_id, begun, ended, code, charge)
			VALUES ($1, $2, $3, $4, $5, $6, 0, '', 0)`,
			org, c.Run, n, c.Step, c.Call, micros(c.BegunAt))
		return err
	})
	return n, err
}

// EndRunCall notes how a call of a run ended. Only the first end is heard, also
// when that was an interruption: then charge and usage alone are noted.
func (db *DB) EndRunCall(ctx context.Context, org sallyport.OrgID, c sallyport.RunCall) error {
	return db.transact(ctx, func(tx *sql.Tx) error { return endRunCall(ctx, tx, org, c) })
}

func endRunCall(ctx context.Context, tx *sql.Tx, org sallyport.OrgID, c sallyport.RunCall) error {
	_, err := tx.ExecContext(ctx, `
		UPDATE run_calls SET charge = $4, tokens_input = $7, tokens_cached = $8, tokens_written = $9, tokens_output = $10, tokens_reasoning = $11,
			code = CASE WHEN ended = 0 THEN $5 ELSE code END, ended = CASE WHEN ended = 0 THEN $6 ELSE ended END
		WHERE org_id = $1 AND run_id = $2 AND call_id = $3`,
		org, c.Run, c.Call, int64(c.Charge), c.Code, micros(c.EndedAt),
		c.Usage.Input, c.Usage.CachedInput, c.Usage.CacheWrite, c.Usage.Output, c.Usage.Reasoning)
	return err
}

// RunCalls lists the calls of a run by their numbers.
func (db *DB) RunCalls(ctx context.Context, org sallyport.OrgID, run sallyport.RunID) ([]sallyport.RunCall, error) {
	return list(ctx, db.read, func(rows *sql.Rows) (sallyport.RunCall, error) {
		c := sallyport.RunCall{Run: run}
		var begun, ended int64
		err := rows.Scan(&c.N, &c.Step, &c.Call, &begun, &ended, &c.Code, &c.Charge,
			&c.Usage.Input, &c.Usage.CachedInput, &c.Usage.CacheWrite, &c.Usage.Output, &c.Usage.Reasoning)
		c.BegunAt, c.EndedAt = timeOf(begun), timeOf(ended)
		return c, err
	}, `
		SELECT n, step, call_id, begun, ended, code, charge,
			tokens_input, tokens_cached, tokens_written, tokens_output, tokens_reasoning FROM run_calls
		WHERE org_id = $1 AND run_id = $2 ORDER BY n`, org, run)
}
