package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/sallyport-ai/sallyport/internal/journal"
)

// leasesKept is how long the row of a life that has ended stays: so long can
// agent runs that it was working on wait to be taken over.
const leasesKept = 7 * 24 * time.Hour

// sqlLease is read in each batch that opens calls under a lease.
const sqlLease = `
	SELECT ended = 0 FROM leases WHERE node = $1 AND boot = $2`

// TakeLease begins a life that lasts for d unless it is renewed, and ends all
// earlier lives of its node.
func (db *DB) TakeLease(ctx context.Context, l journal.Life, d time.Duration) error {
	return db.transact(ctx, func(tx *sql.Tx) error {
		now := db.engine.clock()
		if _, err := tx.ExecContext(ctx, `
			UPDATE leases SET ended = `+now+` WHERE node = $1 AND boot <> $2 AND ended = 0`, l.Node, l.Boot); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `
			INSERT INTO leases (node, boot, expires, ended) VALUES ($1, $2, `+now+` + $3, 0)`,
			l.Node, l.Boot, d.Microseconds())
		return err
	})
}

// RenewLease lets a life last for d from now. It is NotFound for one that has ended.
func (db *DB) RenewLease(ctx context.Context, l journal.Life, d time.Duration) error {
	held, err := changed(db.write.ExecContext(ctx, `
		UPDATE leases SET expires = `+db.engine.clock()+` + $3
		WHERE node = $1 AND boot = $2 AND ended = 0`, l.Node, l.Boot, d.Microseconds()))
	if err == nil && !held {
		return notFound("lease")
	}
	return err
}

// EndLease ends a life. Ending it twice is harmless.
func (db *DB) EndLease(ctx context.Context, l journal.Life) error {
	_, err := db.write.ExecContext(ctx, `
		UPDATE leases SET ended = `+db.engine.clock()+`
		WHERE node = $1 AND boot = $2 AND ended = 0`, l.Node, l.Boot)
	return err
}

// EndLeases ends the lives that have run out and returns them. It forgets those
// that ended long ago and left no call open.
func (db *DB) EndLeases(ctx context.Context) ([]journal.Life, error) {
	now := db.engine.clock()
	ended, err := list(ctx, db.write, scanLife, `
		UPDATE leases SET ended = `+now+` WHERE ended = 0 AND expires < `+now+` RETURNING node, boot`)
	if err != nil {
		return nil, err
	}
	_, err = db.write.ExecContext(ctx, `
		DELETE FROM leases WHERE ended > 0 AND ended < `+now+` - $1 AND NOT EXISTS (
			SELECT 1 FROM open_calls c WHERE c.node = leases.node AND c.boot = leases.boot)`,
		leasesKept.Microseconds())
	return ended, err
}

// EndedLives lists the lives that have ended, at most limit, the latest first.
func (db *DB) EndedLives(ctx context.Context, limit int) ([]journal.Life, error) {
	return list(ctx, db.read, scanLife,
		`SELECT node, boot FROM leases WHERE ended > 0 ORDER BY ended DESC, node, boot LIMIT $1`, page(limit))
}

// EndedCalls lists calls without an outcome of lives that have ended, oldest
// first, at most limit. Calls of programs that knew no leases are not among them.
func (db *DB) EndedCalls(ctx context.Context, limit int) ([]journal.OpenCall, error) {
	return list(ctx, db.read, scanOpenCall, sqlOpenCall+`
		JOIN leases l ON l.node = c.node AND l.boot = c.boot
		WHERE l.ended > 0
		ORDER BY c.created, c.id LIMIT $1`, page(limit))
}

func scanLife(rows *sql.Rows) (l journal.Life, err error) {
	return l, rows.Scan(&l.Node, &l.Boot)
}

var _ journal.Leases = (*DB)(nil)
