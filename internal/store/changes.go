package store

import (
	"context"
	"time"
)

const (
	// changesPoll is how often the counter of changes is read. Postgres tells of
	// a change at once; there the question also finds out that the connection
	// is dead on which it would be told.
	changesPoll = 250 * time.Millisecond
	// changesTimeout is how long Postgres may take to answer.
	changesTimeout = 500 * time.Millisecond
)

const sqlChanges = `SELECT n FROM changes WHERE id = 1`

// WatchChanges calls changed once when it has begun to watch, and then whenever
// the counter of changes has moved: on SQLite within a quarter of a second, on
// Postgres at once. It returns when ctx ends or when it cannot tell any more:
// from then on, what is kept in memory may be stale at any time.
func (db *DB) WatchChanges(ctx context.Context, changed func()) error {
	return db.engine.watch(ctx, changed)
}

// watch polls: nobody tells of what another process wrote to the file. The
// write connection may be busy for long, so it asks on one that reads.
func (e *sqliteEngine) watch(ctx context.Context, moved func()) error {
	seen := int64(-1)
	for {
		var n int64
		if err := e.read.QueryRowContext(ctx, sqlChanges).Scan(&n); err != nil {
			return err
		}
		if n != seen {
			seen = n
			moved()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(changesPoll):
		}
	}
}
