package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/sallyport-ai/sallyport"
)

// contentsMax is how many contents go in one transaction. They are large, and
// calls of the organisation wait for it.
const contentsMax = 100

const (
	sqlInsertContent = `
		INSERT INTO contents (org_id, seq, call_id, user_id, at, salt, sealed) VALUES ($1, $2, $3, $4, $5, $6, $7)`
	sqlContents = `
		SELECT org_id, seq, call_id, user_id, at, salt, sealed FROM contents WHERE org_id = $1`
)

func contentArgs(org sallyport.OrgID, seq int64, c *sallyport.Content) []any {
	return []any{string(org), seq, string(c.Call), string(c.User), micros(c.At), c.Salt, c.Sealed}
}

func scanContent(row scanner) (c sallyport.Content, err error) {
	var at int64
	err = row.Scan(&c.Org, &c.Seq, &c.Call, &c.User, &at, &c.Salt, &c.Sealed)
	c.At = timeOf(at)
	return c, err
}

// Contents lists what is kept after a record, in the order of the records, at
// most limit; 0: 1,000.
func (db *DB) Contents(ctx context.Context, org sallyport.OrgID, after int64, limit int) ([]sallyport.Content, error) {
	return list(ctx, db.read, func(rows *sql.Rows) (sallyport.Content, error) { return scanContent(rows) },
		sqlContents+` AND seq > $2 ORDER BY seq LIMIT $3`, org, after, page(limit))
}

// LookAtContent returns what is kept of a call, or with seq, of the call that
// this record tells of, together with that record; and appends rec, which tells
// who looked. NotFound, and nothing appended, when nothing is kept.
func (db *DB) LookAtContent(ctx context.Context, org sallyport.OrgID, call sallyport.CallID, seq int64, rec sallyport.Record) (c sallyport.Content, r sallyport.StoredRecord, err error) {
	err = db.record(ctx, org, rec, func(tx *sql.Tx, rec *sallyport.Record) (err error) {
		c, err = scanContent(tx.QueryRowContext(ctx, sqlContents+` AND (seq = $2 OR call_id = $3) ORDER BY seq DESC LIMIT 1`,
			org, seq, string(call)))
		rec.Resource = "content/" + string(c.Call)
		return orNotFound(err, "kept content")
	})
	if err != nil {
		return c, r, err
	}
	found, err := db.Records(ctx, org, c.Seq-1, 1)
	if err == nil && (len(found) == 0 || found[0].Seq != c.Seq) {
		err = notFound("record any more")
	}
	if err != nil {
		return c, r, err
	}
	return c, found[0], nil
}

// OldContent says whether anything is kept that is older.
func (db *DB) OldContent(ctx context.Context, org sallyport.OrgID, before time.Time) (old bool, err error) {
	err = db.read.QueryRowContext(ctx,
		`SELECT EXISTS (SELECT 1 FROM contents WHERE org_id = $1 AND at < $2)`, org, micros(before)).Scan(&old)
	return old, err
}
