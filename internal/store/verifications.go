package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/sallyport-ai/sallyport"
)

// verificationsKept is how many of an organisation are remembered: the trail has
// how each of them ended.
const verificationsKept = 20

const sqlVerifications = `
	SELECT org_id, id, user_id, created, ended, records, head, verdict FROM verifications`

// StartVerification asks for one of a trail. It is Conflict while another of the
// organisation has not ended.
func (db *DB) StartVerification(ctx context.Context, v sallyport.Verification, rec sallyport.Record) error {
	return db.record(ctx, v.Org, rec, func(tx *sql.Tx, _ *sallyport.Record) error {
		_, err := tx.ExecContext(ctx, `
			DELETE FROM verifications WHERE org_id = $1 AND ended > 0 AND id NOT IN (
				SELECT id FROM verifications WHERE org_id = $1 ORDER BY created DESC, id DESC LIMIT $2)`, v.Org, verificationsKept-1)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `
			INSERT INTO verifications (org_id, id, user_id, created, ended, holder, beat, records, head, verdict)
			VALUES ($1, $2, $3, $4, 0, '', 0, 0, 0, '')`, v.Org, v.ID, v.User, micros(v.CreatedAt))
		return err
	})
}

// ClaimVerification gives holder one that nobody works on, or whose holder has not
// told of itself for longer than stale; found is false when there is none.
func (db *DB) ClaimVerification(ctx context.Context, holder string, stale time.Duration) (v sallyport.Verification, found bool, err error) {
	now := db.engine.clock()
	free := `ended = 0 AND (holder = '' OR beat < ` + now + ` - $2)`
	all, err := list(ctx, db.write, scanVerification, `
		UPDATE verifications SET holder = $1, beat = `+now+`, records = 0, head = 0
		WHERE `+free+` AND id = (SELECT id FROM verifications WHERE `+free+` ORDER BY created, id LIMIT 1)
		RETURNING org_id, id, user_id, created, ended, records, head, verdict`, holder, stale.Microseconds())
	if err != nil || len(all) == 0 {
		return v, false, err
	}
	return all[0], true, nil
}

// NoteVerification tells how far a holder's has got: Conflict when it is not the
// holder's any more.
func (db *DB) NoteVerification(ctx context.Context, v sallyport.Verification, holder string) error {
	noted, err := changed(db.write.ExecContext(ctx, `
		UPDATE verifications SET records = $4, head = $5, beat = `+db.engine.clock()+`
		WHERE org_id = $1 AND id = $2 AND holder = $3 AND ended = 0`, v.Org, v.ID, holder, v.Records, v.Head))
	return ofHolder(noted, err)
}

// LeaveVerification lets another go on with a holder's.
func (db *DB) LeaveVerification(ctx context.Context, v sallyport.Verification, holder string) error {
	_, err := db.write.ExecContext(ctx, `
		UPDATE verifications SET holder = '' WHERE org_id = $1 AND id = $2 AND holder = $3 AND ended = 0`, v.Org, v.ID, holder)
	return err
}

// EndVerification ends a holder's, with the record that tells how: Conflict, and
// nothing is written, when it is not the holder's any more.
func (db *DB) EndVerification(ctx context.Context, v sallyport.Verification, holder string, rec sallyport.Record) error {
	return db.record(ctx, v.Org, rec, func(tx *sql.Tx, _ *sallyport.Record) error {
		ended, err := changed(tx.ExecContext(ctx, `
			UPDATE verifications SET ended = $4, records = $5, head = $6, verdict = $7
			WHERE org_id = $1 AND id = $2 AND holder = $3 AND ended = 0`,
			v.Org, v.ID, holder, micros(v.EndedAt), v.Records, v.Head, string(v.Verdict)))
		return ofHolder(ended, err)
	})
}

func ofHolder(found bool, err error) error {
	if err == nil && !found {
		err = sallyport.NewError(sallyport.Conflict, "Another process has the verification by now.")
	}
	return err
}

// Verifications lists those of an organisation that are remembered, newest first.
func (db *DB) Verifications(ctx context.Context, org sallyport.OrgID) ([]sallyport.Verification, error) {
	return list(ctx, db.read, scanVerification, sqlVerifications+` WHERE org_id = $1 ORDER BY created DESC, id DESC`, org)
}

func scanVerification(rows *sql.Rows) (v sallyport.Verification, err error) {
	var created, ended int64
	var verdict string
	err = rows.Scan(&v.Org, &v.ID, &v.User, &created, &ended, &v.Records, &v.Head, &verdict)
	v.CreatedAt, v.EndedAt = timeOf(created), timeOf(ended)
	if verdict != "" {
		v.Verdict = []byte(verdict)
	}
	return v, err
}
