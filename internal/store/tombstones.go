package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/sallyport-ai/sallyport"
)

// removeMax is how many records go in one transaction: calls of the
// organisation wait for it.
const removeMax = 500

// errHeld keeps what a legal hold keeps.
var errHeld = sallyport.NewError(sallyport.Conflict,
	"The organisation is under a legal hold: nothing of its trail is removed or erased before that ends.")

// AddTombstone puts a tombstone behind the organisation's last one, and appends
// the record that tells of it. From then on RemoveRecords deletes what it stands
// for. It is Conflict under a legal hold, when something still needs a record of
// it (see RemovableTo), and when it does not follow the last tombstone, because
// another process was first; and NotFound when there is no checkpoint of its
// size. A crash leaves both or none.
func (db *DB) AddTombstone(ctx context.Context, t sallyport.Tombstone, sinks []string, rec sallyport.Record) error {
	return db.record(ctx, t.Org, rec, func(tx *sql.Tx, _ *sallyport.Record) error {
		if err := notHeld(ctx, tx, t.Org); err != nil {
			return err
		}
		to, needs, err := removableTo(ctx, tx, t.Org, sinks)
		if err != nil {
			return err
		}
		if t.Last > to {
			return sallyport.NewError(sallyport.Conflict, fmt.Sprintf("Record %d is needed by %s.", to+1, needs))
		}
		follows, err := changed(tx.ExecContext(ctx, `
			INSERT INTO tombstones (org_id, first_seq, last_seq, body)
			SELECT org_id, $2, $3, $4 FROM chain_heads
			WHERE org_id = $1 AND NOT EXISTS (
				SELECT 1 FROM tombstones WHERE org_id = $1 AND last_seq >= $2)
			AND ($2 = 1 OR EXISTS (
				SELECT 1 FROM tombstones WHERE org_id = $1 AND last_seq = $2 - 1))`,
			t.Org, t.First, t.Last, t.Body))
		if err == nil && !follows {
			err = sallyport.NewError(sallyport.Conflict, "The tombstone does not follow the one before.")
		}
		return err
	})
}

// notHeld is Conflict while the organisation is under a legal hold.
func notHeld(ctx context.Context, tx *sql.Tx, org sallyport.OrgID) error {
	held, err := underHold(ctx, tx, org)
	if held {
		return errHeld
	}
	return err
}

// underHold says whether the organisation is under a legal hold.
func underHold(ctx context.Context, tx *sql.Tx, org sallyport.OrgID) (held bool, err error) {
	err = tx.QueryRowContext(ctx,
		`SELECT EXISTS (SELECT 1 FROM policies WHERE org_id = $1 AND kind = $2 AND subject = $3)`,
		org, sallyport.KindAudit, sallyport.LegalHold).Scan(&held)
	return held, err
}

// eraseUnheld deletes at most limit rows of the table that were deleted by their
// owners, or were over at expired: past is the column of microseconds that tells. Rows
// of organisations under a legal hold stay. It returns how many went.
func (db *DB) eraseUnheld(ctx context.Context, table, past string, expired time.Time, limit int) (int64, error) {
	return removed(db.write.ExecContext(ctx, `
		DELETE FROM `+table+` WHERE (org_id, id) IN (
			SELECT org_id, id FROM `+table+` t
			WHERE `+sqlUnheld(past)+`
			LIMIT $4)`, micros(expired), sallyport.KindAudit, sallyport.LegalHold, limit))
}

// sqlUnheld chooses among rows t those that eraseUnheld deletes: $1 is expired, $2 and $3
// name the legal hold.
func sqlUnheld(past string) string {
	return `(t.deleted > 0 OR t.` + past + ` <= $1) AND NOT EXISTS (
		SELECT 1 FROM policies p WHERE p.org_id = t.org_id AND p.kind = $2 AND p.subject = $3)`
}

// RemovableTo returns the newest record that nothing needs any more, and what
// needs the next one: an open call's intent, or a sink that has not got it yet.
func (db *DB) RemovableTo(ctx context.Context, org sallyport.OrgID, sinks []string) (seq int64, needs string, err error) {
	return removableTo(ctx, db.read, org, sinks)
}

func removableTo(ctx context.Context, q rowQuerier, org sallyport.OrgID, sinks []string) (seq int64, needs string, err error) {
	var head int64
	err = q.QueryRowContext(ctx, `
		SELECT seq, COALESCE((SELECT MIN(intent_seq) - 1 FROM open_calls WHERE org_id = $1), seq)
		FROM chain_heads WHERE org_id = $1`, org).Scan(&head, &seq)
	if err != nil {
		return 0, "", orNotFound(err, "organisation")
	}
	if seq < head {
		needs = "a call that is under way"
	}
	for _, sink := range sinks {
		var got int64
		err := q.QueryRowContext(ctx,
			`SELECT COALESCE(MAX(seq), 0) FROM sink_cursors WHERE org_id = $1 AND sink = $2`, org, sink).Scan(&got)
		if err != nil {
			return 0, "", err
		}
		if got < seq {
			seq, needs = got, "the sink "+sink
		}
	}
	return seq, needs, nil
}

// Tombstones lists the organisation's tombstones in their order.
func (db *DB) Tombstones(ctx context.Context, org sallyport.OrgID) ([]sallyport.Tombstone, error) {
	return list(ctx, db.read, func(rows *sql.Rows) (t sallyport.Tombstone, err error) {
		err = rows.Scan(&t.Org, &t.First, &t.Last, &t.Body)
		return t, err
	}, `SELECT org_id, first_seq, last_seq, body FROM tombstones WHERE org_id = $1 ORDER BY last_seq`, org)
}

// sqlRemoved is the last record that a tombstone stands for.
const sqlRemoved = `COALESCE((SELECT MAX(last_seq) FROM tombstones WHERE org_id = $1), 0)`

// RemoveRecords deletes the oldest records that a tombstone stands for, at most
// 500, and says whether there may be more. What is kept of their content goes
// before them, and their terms go with them. It is Conflict under a legal hold.
// What a crash leaves is deleted by the next call; the trail verifies meanwhile.
func (db *DB) RemoveRecords(ctx context.Context, org sallyport.OrgID) (more bool, err error) {
	var contents bool
	err = db.read.QueryRowContext(ctx, `
		SELECT EXISTS (SELECT 1 FROM records WHERE org_id = $1 AND seq <= `+sqlRemoved+`),
			EXISTS (SELECT 1 FROM contents WHERE org_id = $1 AND seq <= `+sqlRemoved+`)`, org).Scan(&more, &contents)
	if err != nil || !more {
		return false, err
	}
	if contents {
		return true, db.remove(ctx, org, func(tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, sqlRemoveContents, org, contentsMax)
			return err
		})
	}
	terms, n, last, err := db.termsOfRemoved(ctx, org, removeMax)
	if err != nil {
		return false, err
	}
	return n == removeMax, db.remove(ctx, org, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, sqlRemoveRecords, org, last); err != nil {
			return err
		}
		return db.shortenIndex(ctx, tx, org, terms)
	})
}

// remove is one step: f deletes some rows.
func (db *DB) remove(ctx context.Context, org sallyport.OrgID, f func(tx *sql.Tx) error) error {
	return db.transact(ctx, func(tx *sql.Tx) error {
		// Under the lock of the head a hold is not set in the midst of it.
		if _, err := db.lockHead(ctx, tx, org); err != nil {
			return err
		}
		if err := notHeld(ctx, tx, org); err != nil {
			return err
		}
		return db.scrubbed(ctx, tx, func() error { return f(tx) })
	})
}

const (
	sqlRemoveContents = `
		DELETE FROM contents WHERE org_id = $1 AND seq IN (
			SELECT seq FROM contents WHERE org_id = $1 AND seq <= ` + sqlRemoved + ` ORDER BY seq LIMIT $2)`
	sqlRemoveRecords = `
		DELETE FROM records WHERE org_id = $1 AND seq <= $2 AND seq <= ` + sqlRemoved
)

// removed says how many rows a statement has deleted.
func removed(r sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// scrubbed runs f, whose deletions do not stay readable in the database's file.
func (db *DB) scrubbed(ctx context.Context, tx *sql.Tx, f func() error) (err error) {
	if err := db.engine.scrub(ctx, tx, true); err != nil {
		return err
	}
	err = f()
	if serr := db.engine.scrub(context.WithoutCancel(ctx), tx, false); err == nil {
		err = serr
	}
	return err
}
