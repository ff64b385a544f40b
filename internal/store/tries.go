package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/sallyport-ai/sallyport"
)

// ChangeTries lets change see and change how often was tried by a name, which is
// 1 to 64 bytes. Nobody else changes it meanwhile, from whatever node. Tries that
// become the zero Tries are forgotten. When change fails nothing is changed, and
// the error is its. No record tells of it: that of the sign-in does.
func (db *DB) ChangeTries(ctx context.Context, name []byte, change func(*sallyport.Tries) error) error {
	return db.transact(ctx, func(tx *sql.Tx) error {
		// A row that is not there yet cannot be locked.
		_, err := tx.ExecContext(ctx, `
			INSERT INTO sign_in_tries (name, n, last_at, until) VALUES ($1, 0, 0, 0) ON CONFLICT (name) DO NOTHING`, name)
		if err != nil {
			return err
		}
		var t sallyport.Tries
		var last, until int64
		err = tx.QueryRowContext(ctx, `SELECT n, last_at, until FROM sign_in_tries WHERE name = $1`+db.engine.forUpdate(), name).
			Scan(&t.N, &last, &until)
		if err != nil {
			return err
		}
		t.Last, t.Until = timeOf(last), timeOf(until)
		if err := change(&t); err != nil {
			return err
		}
		if t == (sallyport.Tries{}) {
			_, err = tx.ExecContext(ctx, `DELETE FROM sign_in_tries WHERE name = $1`, name)
			return err
		}
		_, err = tx.ExecContext(ctx, `UPDATE sign_in_tries SET n = $2, last_at = $3, until = $4 WHERE name = $1`,
			name, t.N, micros(t.Last), micros(t.Until))
		return err
	})
}

// ForgetTries deletes what was tried last before that time, at most limit names,
// and returns how many.
func (db *DB) ForgetTries(ctx context.Context, before time.Time, limit int) (int64, error) {
	r, err := db.write.ExecContext(ctx, `
		DELETE FROM sign_in_tries WHERE name IN (
			SELECT name FROM sign_in_tries WHERE last_at < $1 ORDER BY last_at LIMIT $2)`, micros(before), limit)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}
