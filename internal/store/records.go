package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/sallyport-ai/sallyport"
)

// pageDefault is how many rows a list gives that is asked for no number.
const pageDefault = 1000

func page(limit int) int {
	if limit <= 0 {
		return pageDefault
	}
	return limit
}

const sqlRecords = `
	SELECT seq, prev, hash, body, source_ip, source_agent, source_salt FROM records WHERE org_id = $1`

// Records lists the organisation's records after a Seq in their order, at most
// limit; 0: 1,000. An organisation nobody knows has none.
func (db *DB) Records(ctx context.Context, org sallyport.OrgID, after int64, limit int) ([]sallyport.StoredRecord, error) {
	return db.records(ctx, sqlRecords+` AND seq > $2 ORDER BY seq LIMIT $3`, org, after, page(limit))
}

// ChainLinks lists the places of the organisation's records after a Seq in
// their order, at most limit; 0: 1,000. Those that this process has just committed
// come from memory.
func (db *DB) ChainLinks(ctx context.Context, org sallyport.OrgID, after int64, limit int) ([]sallyport.ChainLink, error) {
	if links := db.recent.chain(org, after, page(limit)); links != nil {
		newest := links[len(links)-1]
		if there, err := stands(ctx, db.read, place{org, newest.Seq, newest.Hash}); err != nil || there {
			return links, err
		}
	}
	return list(ctx, db.read, func(rows *sql.Rows) (l sallyport.ChainLink, err error) {
		var prev, hash sql.RawBytes
		if err := rows.Scan(&l.Seq, &prev, &hash); err != nil {
			return l, err
		}
		return l, errors.Join(setHash(&l.Prev, prev), setHash(&l.Hash, hash))
	}, `SELECT seq, prev, hash FROM records WHERE org_id = $1 AND seq > $2 ORDER BY seq LIMIT $3`, org, after, page(limit))
}

func (db *DB) records(ctx context.Context, query string, args ...any) ([]sallyport.StoredRecord, error) {
	return list(ctx, db.read, func(rows *sql.Rows) (sallyport.StoredRecord, error) { return scanRecord(rows) }, query, args...)
}

// scanRecord reads a row of sqlRecords, and what follows it.
func scanRecord(rows *sql.Rows, more ...any) (r sallyport.StoredRecord, err error) {
	var prev, hash []byte
	var ip, agent sql.NullString
	columns := append([]any{&r.Seq, &prev, &hash, &r.Body, &ip, &agent, &r.SourceSalt}, more...)
	if err := rows.Scan(columns...); err != nil {
		return r, err
	}
	r.Source = sallyport.Source{IP: ip.String, UserAgent: agent.String}
	if err := setHash(&r.Prev, prev); err != nil {
		return r, fmt.Errorf("record %d: %w", r.Seq, err)
	}
	if err := setHash(&r.Hash, hash); err != nil {
		return r, fmt.Errorf("record %d: %w", r.Seq, err)
	}
	return r, nil
}

// AddRecord appends a record of something that the store does not keep itself.
func (db *DB) AddRecord(ctx context.Context, org sallyport.OrgID, rec sallyport.Record) error {
	return db.record(ctx, org, rec, func(*sql.Tx, *sallyport.Record) error { return nil })
}

// ChainHead returns the Seq and hash of the newest record, 0 and the zero hash
// when there is none yet.
func (db *DB) ChainHead(ctx context.Context, org sallyport.OrgID) (seq int64, hash sallyport.Hash, err error) {
	var b []byte
	if err := db.read.QueryRowContext(ctx, sqlHead, org).Scan(&seq, &b); err != nil {
		return 0, hash, orNotFound(err, "organisation")
	}
	return seq, hash, setHash(&hash, b)
}

// querier is *sql.DB or *sql.Tx.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// list reads all rows of a query.
func list[T any](ctx context.Context, db querier, scan func(*sql.Rows) (T, error), query string, args ...any) ([]T, error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, orUnwritable(err)
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, rows.Err()
}
