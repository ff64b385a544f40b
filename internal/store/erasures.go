package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/sallyport-ai/sallyport"
)

// Erasing goes in steps: each deletes some rows and appends a record of how many,
// so that nothing goes that the trail does not tell of, and calls of the
// organisation never wait long. A crash between two steps leaves the rest, for
// who erases again.

// EraseContents deletes the oldest of what is kept of the calls that f chooses,
// at most 100, and appends the record that rec makes of their number, which may
// be 0. more: there may be others. It is Conflict under a legal hold.
func (db *DB) EraseContents(ctx context.Context, org sallyport.OrgID, f sallyport.Erasure, rec func(erased int64) sallyport.Record) (more bool, err error) {
	w, err := chosen(org, f, "user_id = $%[1]d", string(f.User), "at < $%[1]d")
	if err != nil {
		return false, err
	}
	limit := w.arg(contentsMax)
	statement := fmt.Sprintf(`
		DELETE FROM contents WHERE org_id = $1 AND seq IN (
			SELECT seq FROM contents WHERE org_id = $1%s ORDER BY seq LIMIT %s)`, w, limit)
	err = db.erase(ctx, org, rec, func(tx *sql.Tx) (int64, error) {
		n, err := removed(tx.ExecContext(ctx, statement, w.args...))
		more = n == contentsMax
		return n, err
	})
	return more, err
}

// addressesMax is how many records lose their address in one transaction.
const addressesMax = 500

// EraseAddresses erases the address and user agent beside the oldest records
// after one of them that f chooses, at most 500, and appends the record that rec
// makes of their number, which may be 0. more: there may be others after last. It
// is Conflict under a legal hold.
func (db *DB) EraseAddresses(ctx context.Context, org sallyport.OrgID, f sallyport.Erasure, after int64, rec func(erased int64) sallyport.Record) (last int64, more bool, err error) {
	w, err := chosen(org, f, db.engine.bodyHas(), member("user_id", string(f.User)), "time < $%[1]d")
	if err != nil {
		return after, false, err
	}
	w.add("seq > $%[1]d", after)
	limit := w.arg(addressesMax)
	found, err := db.records(ctx, sqlRecords+w.String()+" AND source_salt IS NOT NULL ORDER BY seq LIMIT "+limit, w.args...)
	if err != nil {
		return after, false, err
	}
	var seqs []int64
	for _, r := range found {
		last = r.Seq
		if passes(r.Body, sallyport.RecordFilter{Actor: f.User}) {
			seqs = append(seqs, r.Seq)
		}
	}
	err = db.erase(ctx, org, rec, func(tx *sql.Tx) (int64, error) {
		if len(seqs) == 0 {
			return 0, nil
		}
		these := where{args: []any{org}}
		db.engine.among(&these, "seq", seqs)
		return removed(tx.ExecContext(ctx, `
			UPDATE records SET source_ip = NULL, source_agent = NULL, source_salt = NULL
			WHERE org_id = $1 AND source_salt IS NOT NULL`+these.String(), these.args...))
	})
	return last, len(found) == addressesMax, err
}

// EraseConversations erases messages of the oldest conversation that f chooses, at
// most 100, with their files and answers under way, and the conversation itself
// with its shares when these were its last; and appends the record that rec makes
// of their number, which may be 0. From the first step on nobody sees the
// conversation. Before compares with when it was last written in; a call chooses
// none. more: there may be others. It is Conflict under a legal hold. What a crash
// leaves, the next call erases, or whoever erases what was deleted.
func (db *DB) EraseConversations(ctx context.Context, org sallyport.OrgID, f sallyport.Erasure, rec func(erased int64) sallyport.Record) (more bool, err error) {
	if f.Call != "" {
		return false, sallyport.NewError(sallyport.InvalidBody, "Conversations are erased of a user, or those older than a time, and not of a call.")
	}
	w, err := chosen(org, f, "user_id = $%[1]d", string(f.User), "updated < $%[1]d")
	if err != nil {
		return false, err
	}
	chosen := ` FROM conversations WHERE org_id = $1` + w.String()
	err = db.erase(ctx, org, rec, func(tx *sql.Tx) (int64, error) {
		var id sallyport.ConversationID
		err := tx.QueryRowContext(ctx, `SELECT id`+chosen+` ORDER BY id LIMIT 1`, w.args...).Scan(&id)
		if err != nil {
			return 0, orNothing(err)
		}
		// Long ago: it cannot be restored.
		if _, err := tx.ExecContext(ctx, `UPDATE conversations SET deleted = 1 WHERE org_id = $1 AND id = $2`, org, id); err != nil {
			return 0, err
		}
		n, err := eraseMessages(ctx, tx, org, id)
		if more = n == messagesErased; more || err != nil {
			return n, err
		}
		if err := eraseEmpty(ctx, tx, org, id); err != nil {
			return n, err
		}
		return n, tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1`+chosen+`)`, w.args...).Scan(&more)
	})
	return more, err
}

// erase is one step: f erases some rows, and the record tells how many.
func (db *DB) erase(ctx context.Context, org sallyport.OrgID, rec func(erased int64) sallyport.Record, f func(tx *sql.Tx) (int64, error)) error {
	return db.record(ctx, org, sallyport.Record{}, func(tx *sql.Tx, told *sallyport.Record) error {
		if err := notHeld(ctx, tx, org); err != nil {
			return err
		}
		return db.scrubbed(ctx, tx, func() error {
			n, err := f(tx)
			*told = rec(n)
			return err
		})
	})
}

// chosen is the condition for what f chooses: how its user is found differs.
func chosen(org sallyport.OrgID, f sallyport.Erasure, ofUser string, user any, before string) (*where, error) {
	w := &where{args: []any{org}}
	if f.Call != "" {
		w.add("call_id = $%[1]d", string(f.Call))
	}
	if f.User != "" {
		w.add(ofUser, user)
	}
	if !f.Before.IsZero() {
		w.add(before, micros(f.Before))
	}
	if len(w.args) == 1 {
		return nil, sallyport.NewError(sallyport.InvalidBody, "Say what is to be erased: of a call, of a user, or what is older than a time.")
	}
	return w, nil
}
