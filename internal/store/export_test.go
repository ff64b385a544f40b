package store

import (
	"context"
	"database/sql"
	"math"
	"slices"
	"time"

	"github.com/sallyport-ai/sallyport"
)

// OldestProgram is the migration from which on programs work with newer tables.
const OldestProgram = oldestProgram

// OpenUpTo is Open by a program that knows migrations up to newest.
func OpenUpTo(ctx context.Context, o Options, newest int64) (*DB, error) {
	db, err := open(o)
	if err != nil {
		return nil, err
	}
	db.now = o.Now
	if err := db.migrate(ctx, newest); err != nil {
		_ = db.Close() // what went wrong before is told
		return nil, err
	}
	return db, nil
}

// Pools are the connections that write and those that read.
func (db *DB) Pools() (write, read *sql.DB) { return db.write, db.read }

// CrashWriting leaves of a large file what a crash leaves right before the file is there.
func (db *DB) CrashWriting(ctx context.Context, f sallyport.File) error {
	if err := db.beginFile(ctx, f); err != nil {
		return err
	}
	return db.writePieces(ctx, f)
}

// FileWriting is when ForgetFiles erases that.
const FileWriting = fileWriting

// SearchStatement is a statement of a search, and the index that it has to go by:
// part of what either database says of its plan.
type SearchStatement struct {
	Name             string
	SQL              string
	Args             []any
	SQLite, Postgres string
	Sorts            bool // what is found may be sorted, as it is little
}

// SearchStatements are those that a search is made of.
func SearchStatements(db *DB) []SearchStatement {
	const org = "o"
	bySeqOf := func(f sallyport.RecordFilter) (query string, args []any) {
		w := db.conditions(org, f)
		w.between(0, math.MaxInt64)
		return w.newest(bySeq, 50)
	}
	newest, newestArgs := bySeqOf(sallyport.RecordFilter{})
	every, everyArgs := bySeqOf(sallyport.RecordFilter{
		Action: "a", Outcome: "o", Code: "c", Key: "k", Model: "m", Actor: "u", Route: "r", Finding: "f", Event: "e",
		Phase: "p", Request: "q", Resource: "s", Address: "i", Since: time.Now(), Until: time.Now(),
	})
	ofCall := db.conditions(org, sallyport.RecordFilter{Call: "c"})
	ofCall.betweenAlone(0, 1)
	call, callArgs := ofCall.newest(bySeqAlone, 50)
	found := db.conditions(org, sallyport.RecordFilter{})
	db.engine.among(found, "seq", []int64{3, 2, 1})
	other, otherArgs := db.engine.postingsAmong(org, 1, []int64{3, 2, 1})
	all := []SearchStatement{ // of a table without rows, PostgreSQL looks single records up by either index
		{Name: "newest", SQL: newest, Args: newestArgs, SQLite: "(org_id=? AND seq", Postgres: "records_pkey"},
		{Name: "every filter", SQL: every, Args: everyArgs, SQLite: "(org_id=? AND seq", Postgres: "records_pkey"},
		{Name: "found by terms", SQL: sqlRecords + found.String(), Args: found.args, SQLite: "(org_id=? AND seq=?)", Postgres: "Index Scan"},
		{Name: "call", SQL: call, Args: callArgs, SQLite: "(org_id=? AND call_id=?)", Postgres: "records_org_id_call_id_event_id_key", Sorts: true},
		{Name: "rarest term", SQL: sqlPostings, Args: []any{org, 1, 2, 3, 4},
			SQLite: "(org_id=? AND term=? AND block>? AND block<?)", Postgres: "record_terms_pkey"},
		{Name: "other terms", SQL: other, Args: otherArgs,
			SQLite: "(org_id=? AND term=? AND block=?)", Postgres: "record_terms_pkey"},
		{Name: "since", SQL: sqlFirstSince, Args: []any{org, 1}, SQLite: "record_blocks_high (org_id=? AND high>?)", Postgres: "record_blocks_high"},
		{Name: "until", SQL: sqlLastUntil, Args: []any{org, 1}, SQLite: "record_blocks_low (org_id=? AND low<?)", Postgres: "record_blocks_low"},
	}
	if db.rows != nil { // with so few statistics, SQLite would rather read a trail's whole index
		byRow := db.conditions(org, sallyport.RecordFilter{Outcome: "o", Model: "m"})
		db.engine.among(byRow, "rowid", slices.Repeat([]int64{1, 2, 3}, 20))
		all = append(all, SearchStatement{Name: "found by rows", SQL: sqlRowsByRow + byRow.String(), Args: byRow.args, SQLite: "INTEGER PRIMARY KEY (rowid=?)"})
	}
	return all
}

// RowsKnown says whether the row of a record is known without the index.
func RowsKnown(db *DB, org sallyport.OrgID, seq int64) bool {
	return db.rows.of(org, []int64{seq}) != nil
}

// HistogramOfSome is RecordHistogram as of a trail that is too long to count.
func HistogramOfSome(ctx context.Context, db *DB, org sallyport.OrgID, f sallyport.RecordFilter, blocks int64) (sallyport.RecordHistogram, error) {
	return db.histogram(ctx, org, f, 10, blocks)
}

// SearchWhile is SearchRecords during which something happens after it has read how
// far the index reaches.
func SearchWhile(ctx context.Context, db *DB, org sallyport.OrgID, f sallyport.RecordFilter, happens func()) (sallyport.FoundRecords, error) {
	s := newSearch(ctx, db, org, f)
	s.scanMax = f.ScanMax
	there, err := db.reach(ctx, org)
	if err != nil {
		return sallyport.FoundRecords{}, err
	}
	s.before = min(s.before, there.head+1)
	happens()
	err = s.within(there, 0, 0)
	return sallyport.FoundRecords{Records: s.found, Searched: s.stopped}, err
}
