package store

import (
	"context"
	"database/sql"
)

const (
	// checkpointPages is the size of the write-ahead log, in pages of 4 KiB, from
	// which it is copied to the file beside whoever writes. Larger than SQLite's
	// 1,000, because pages that are written again and again are copied once.
	checkpointPages = 4000
	// A log of so many pages is copied by the next who commits, while all others
	// wait: only if copying beside them does not keep up.
	checkpointPagesMax = 4 * checkpointPages
	// looksEvery is after how many batches the size of the log is looked at.
	looksEvery = 8
)

// logCopier copies the write-ahead log into the file while others write: a writer
// who did it would hold up all who wait for it, for as long as thousands of pages
// and two fsyncs take. What it does not copy is not lost: SQLite copies the log at
// checkpointPagesMax, and when the last who has the file open closes it.
type logCopier struct {
	read, write *sql.DB

	batches int // since the size was looked at; used by whoever holds the connection that writes
	wake    chan struct{}
	stop    context.CancelFunc
	done    chan struct{}
}

func newLogCopier(read, write *sql.DB) *logCopier {
	ctx, stop := context.WithCancel(context.Background())
	c := &logCopier{read: read, write: write, wake: make(chan struct{}, 1), stop: stop, done: make(chan struct{})}
	go c.run(ctx)
	return c
}

// committed is told of each batch, by the connection that committed it.
func (c *logCopier) committed(ctx context.Context, w *sqliteWriter) {
	if c.batches++; c.batches < looksEvery {
		return
	}
	c.batches = 0
	var busy, pages, copied int64
	look := statement{sql: "PRAGMA wal_checkpoint(NOOP)", scan: func(s scanner) error { return s.Scan(&busy, &pages, &copied) }}
	if w.run(ctx, &look) != nil || pages-copied < checkpointPages {
		return
	}
	select {
	case c.wake <- struct{}{}:
	default: // it was told already
	}
}

// run copies most of the log, then what came meanwhile, and then the little that
// came since, with nobody writing: a log that is copied to its end begins anew.
func (c *logCopier) run(ctx context.Context) {
	defer close(c.done)
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.wake:
		}
		for _, by := range []*sql.DB{c.read, c.read, c.write} {
			// One that fails, on a full disk say, is made up for by the next.
			_, _ = by.ExecContext(ctx, copyLog)
		}
	}
}

// copyLog does not wait for those who read or write.
const copyLog = "PRAGMA wal_checkpoint(PASSIVE)"

func (c *logCopier) close() {
	c.stop()
	<-c.done
}
