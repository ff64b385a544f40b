package store

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"sync"

	"github.com/sallyport-ai/sallyport"
)

// rowRunsMax bounds the runs in memory, 24 bytes each. Past it all are dropped: they
// come back as records are read.
const rowRunsMax = 4096

// rowRuns know of records of SQLite by which numbers their rows are reached, without
// the index on (org_id, seq), whose pages are up to half of those that a record costs in a
// large file. A row's number is one more than that of the row before it, whichever
// trail this is of, so that both numbers grow together where no other trail wrote in
// between: between two records whose numbers differ from those of their rows by the
// same, all do. What is known is never trusted: a row tells itself which record it
// is, and VACUUM may number them anew. It is safe for concurrent use.
type rowRuns struct {
	mu   sync.Mutex
	runs map[sallyport.OrgID][]rowRun // ascending, without overlap
	n    int
}

// rowRun are the records [first, last], and what to add for the numbers of their rows.
type rowRun struct{ first, last, shift int64 }

// of returns the numbers of the rows of records; nil: not all are known.
func (r *rowRuns) of(org sallyport.OrgID, seqs []int64) []int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	runs, rows := r.runs[org], make([]int64, 0, len(seqs))
	for _, seq := range seqs {
		i := before(runs, seq)
		if i < 0 || runs[i].last < seq {
			return nil
		}
		rows = append(rows, seq+runs[i].shift)
	}
	return rows
}

// before is the last run that begins at a record or before it; -1: none does.
func before(runs []rowRun, seq int64) int {
	i, found := slices.BinarySearchFunc(runs, seq, func(r rowRun, seq int64) int { return cmp.Compare(r.first, seq) })
	if found {
		return i
	}
	return i - 1
}

// note keeps the number of a record's row.
func (r *rowRuns) note(org sallyport.OrgID, seq, row int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	runs, shift := r.runs[org], row-seq
	i := before(runs, seq)
	switch {
	case i >= 0 && runs[i].last >= seq && runs[i].shift != shift: // numbered anew
		r.drop(org)
		return
	case i >= 0 && runs[i].last >= seq:
		return
	case i >= 0 && runs[i].shift == shift:
		runs[i].last = seq
	case i+1 < len(runs) && runs[i+1].shift == shift:
		runs[i+1].first = seq
		return
	default:
		r.insert(org, i+1, rowRun{seq, seq, shift})
		return
	}
	if i+1 < len(runs) && runs[i+1].shift == shift {
		runs[i].last = runs[i+1].last
		r.runs[org] = slices.Delete(runs, i+1, i+2)
		r.n--
	}
}

func (r *rowRuns) insert(org sallyport.OrgID, i int, run rowRun) {
	if r.runs == nil || r.n >= rowRunsMax {
		r.runs, r.n = make(map[sallyport.OrgID][]rowRun), 0
		i = 0
	}
	r.runs[org] = slices.Insert(r.runs[org], i, run)
	r.n++
}

// forget drops what is known of a trail.
func (r *rowRuns) forget(org sallyport.OrgID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.drop(org)
}

func (r *rowRuns) drop(org sallyport.OrgID) {
	r.n -= len(r.runs[org])
	delete(r.runs, org)
}

// onlyTerms says that a record which has the terms of a filter passes it.
func onlyTerms(f sallyport.RecordFilter) bool {
	return f.Since.IsZero() && f.Until.IsZero() && f.Event == "" && f.Request == "" && f.Address == ""
}

const (
	sqlRecordRows = `
	SELECT seq, prev, hash, body, source_ip, source_agent, source_salt, rowid FROM records WHERE `
	sqlRowsBySeq = sqlRecordRows + `org_id = $1`
	sqlRowsByRow = sqlRecordRows + `+org_id = $1` // not by an index on it, as SQLite would where it has no statistics
)

// recordsByRow reads records of SQLite by the numbers of their rows, where these are
// known and still those.
func (db *DB) recordsByRow(ctx context.Context, org sallyport.OrgID, f sallyport.RecordFilter, seqs []int64) ([]sallyport.StoredRecord, error) {
	if rows := db.rows.of(org, seqs); rows != nil {
		found, err := db.recordsAmong(ctx, org, f, sqlRowsByRow, "rowid", rows)
		switch {
		case err != nil:
			return nil, err
		case !amongThem(found, seqs):
			db.rows.forget(org)
		case len(found) == len(seqs):
			return found, nil
		}
	}
	return db.recordsAmong(ctx, org, f, sqlRowsBySeq, "seq", seqs)
}

// recordsAmong reads records, and notes the numbers of their rows.
func (db *DB) recordsAmong(ctx context.Context, org sallyport.OrgID, f sallyport.RecordFilter, query, column string, numbers []int64) ([]sallyport.StoredRecord, error) {
	w := db.conditions(org, f)
	db.engine.among(w, column, numbers)
	return list(ctx, db.read, func(rows *sql.Rows) (sallyport.StoredRecord, error) {
		var row int64
		r, err := scanRecord(rows, &row)
		if err == nil {
			db.rows.note(org, r.Seq, row)
		}
		return r, err
	}, query+w.String(), w.args...)
}

// amongThem says that no record has a number besides these.
func amongThem(records []sallyport.StoredRecord, seqs []int64) bool {
	return !slices.ContainsFunc(records, func(r sallyport.StoredRecord) bool { return !slices.Contains(seqs, r.Seq) })
}
