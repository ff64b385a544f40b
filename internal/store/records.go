package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

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

// FindRecords lists the organisation's records that pass the filter, newest
// first. Actor, Route and Finding are not copied into columns, which would cost
// every call: the bytes of the records are searched for them, and then read.
func (db *DB) FindRecords(ctx context.Context, org sallyport.OrgID, f sallyport.RecordFilter) ([]sallyport.StoredRecord, error) {
	limit := page(f.Limit)
	var found []sallyport.StoredRecord
	for {
		asked := limit - len(found)
		some, err := db.findRecords(ctx, org, f, asked)
		if err != nil {
			return nil, err
		}
		for _, r := range some {
			if passes(r.Body, f) {
				found = append(found, r)
			}
		}
		if len(some) < asked || len(found) >= limit {
			return found, nil
		}
		f.Before = some[len(some)-1].Seq
	}
}

// findRecords lists at most limit records that pass what the database can tell:
// all that pass, and perhaps some that do not.
func (db *DB) findRecords(ctx context.Context, org sallyport.OrgID, f sallyport.RecordFilter, limit int) ([]sallyport.StoredRecord, error) {
	var where strings.Builder
	args := []any{org}
	// condition names its one argument with %[1]d, as often as it needs it.
	add := func(wanted bool, condition string, arg any) {
		if wanted {
			args = append(args, arg)
			fmt.Fprintf(&where, " AND "+condition, len(args))
		}
	}
	add(f.Before > 0, "seq < $%[1]d", f.Before)
	add(f.Action != "", "action = $%[1]d", f.Action)
	add(f.Outcome != "", "outcome = $%[1]d", f.Outcome)
	add(f.Code != "", "code = $%[1]d", string(f.Code))
	add(f.Key != "", "key_id = $%[1]d", string(f.Key))
	add(f.Model != "", "(model_requested = $%[1]d OR model_used = $%[1]d)", text(f.Model, columnMax))
	add(f.Call != "", "call_id = $%[1]d", string(f.Call))
	add(f.Event != "", "event_id = $%[1]d", f.Event)
	add(!f.Since.IsZero(), "time >= $%[1]d", micros(f.Since))
	add(!f.Until.IsZero(), "time < $%[1]d", micros(f.Until))
	within := db.bodyHas()
	add(f.Actor != "", within, member("user_id", string(f.Actor)))
	add(f.Route != "", within, member("route", f.Route))
	add(f.Finding != "", within, []byte(f.Finding+`"`)) // ends a finding's type, and the name of a count
	args = append(args, limit)
	return db.records(ctx, fmt.Sprintf("%s%s ORDER BY seq DESC LIMIT $%d", sqlRecords, where.String(), len(args)), args...)
}

// bodyHas is the condition that the bytes of a record have the argument in them.
func (db *DB) bodyHas() string {
	if _, postgres := db.engine.(*postgresEngine); postgres {
		return "position($%[1]d::bytea IN body) > 0"
	}
	return "instr(body, $%[1]d) > 0"
}

// member is how a member of an object lies in the bytes of a record.
func member(name, value string) []byte {
	b, _ := json.Marshal(map[string]string{name: value}) // never fails
	return b[1 : len(b)-1]
}

// passes says whether a record has what is not in columns where it should be. A
// damaged record is found by its columns alone.
func passes(body []byte, f sallyport.RecordFilter) bool {
	if f.Actor == "" && f.Route == "" && f.Finding == "" {
		return true
	}
	var r sallyport.Record
	if json.Unmarshal(body, &r) != nil {
		return false
	}
	return (f.Actor == "" || r.Actor.User == f.Actor) && (f.Route == "" || r.Route == f.Route) &&
		(f.Finding == "" || r.DLP != nil && hasFinding(*r.DLP, f.Finding))
}

// hasFinding looks at the counts too, which tell the direction and the type:
// of very many findings the first ones are kept.
func hasFinding(d sallyport.RecordDLP, kind string) bool {
	for counted := range d.Counts {
		if _, counted, _ := strings.Cut(counted, ":"); counted == kind {
			return true
		}
	}
	return slices.ContainsFunc(d.Findings, func(f sallyport.Finding) bool { return f.Type == kind })
}

func (db *DB) records(ctx context.Context, query string, args ...any) ([]sallyport.StoredRecord, error) {
	return list(ctx, db.read, func(rows *sql.Rows) (r sallyport.StoredRecord, err error) {
		var prev, hash []byte
		var ip, agent sql.NullString
		if err := rows.Scan(&r.Seq, &prev, &hash, &r.Body, &ip, &agent, &r.SourceSalt); err != nil {
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
	}, query, args...)
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

// list reads all rows of a query.
func list[T any](ctx context.Context, db *sql.DB, scan func(*sql.Rows) (T, error), query string, args ...any) ([]T, error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
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
