package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/sallyport-ai/sallyport"
)

// The index of a trail says in which of its blocks a term is, and at which places
// of the block. A block is entered once, when all its records are there, and what
// is not entered yet is read record by record: the index is never needed to find
// something, it only finds it sooner.

const (
	// blockRecords is how many numbers of a trail are a block: block n has those
	// from n*256 on. A place in it fits a byte.
	blockRecords = 256
	// One step of indexing ends after so many rows, or blocks: calls may have to
	// wait for it.
	indexRowsMax   = 1000
	indexBlocksMax = 16
	// unindexedMax is how many trails are taken up at a look.
	unindexedMax = 100
)

func blockOf(seq int64) int64 { return seq / blockRecords }

// block is a block of one trail that is made up record by record, in their order.
type block struct {
	records   int
	first     int64 // record
	last      int64 // record, and its hash
	hash      sallyport.Hash
	low, high int64           // times, in microseconds
	places    map[term][]byte // ascending
}

func (b *block) add(r committed) {
	if b.places == nil {
		*b = block{first: r.seq, low: r.time, high: r.time, places: make(map[term][]byte)}
	}
	b.records++
	b.last, b.hash = r.seq, r.hash
	b.low, b.high = min(b.low, r.time), max(b.high, r.time)
	place := byte(r.seq % blockRecords)
	for _, t := range r.terms {
		if p := b.places[t]; len(p) == 0 || p[len(p)-1] != place {
			b.places[t] = append(p, place)
		}
	}
}

// IndexRecords enters some of the blocks that are full into the index, of all
// trails but the instance's, which is short. more: there may be others. A trail
// that fails does not keep the others. Several processes may do it at once: a block
// is entered by one of them, and a crash leaves it entered or not.
func (db *DB) IndexRecords(ctx context.Context) (more bool, err error) {
	orgs, err := list(ctx, db.read, func(rows *sql.Rows) (org sallyport.OrgID, err error) {
		err = rows.Scan(&org)
		return org, err
	}, sqlUnindexed, blockRecords, sallyport.InstanceOrg, unindexedMax)
	errs := []error{err}
	for _, org := range orgs {
		entered, err := db.indexTrail(ctx, org)
		if err != nil {
			errs = append(errs, fmt.Errorf("index the trail of %s: %w", org, err))
		}
		more = more || entered
	}
	return more, errors.Join(errs...)
}

// sqlUnindexed finds trails that have a full block after the last that is entered,
// or, if none is, that of their oldest record.
const sqlUnindexed = `
	SELECT h.org_id FROM chain_heads h
	WHERE h.org_id <> $2 AND h.seq + 1 >= $1 * (2 + COALESCE(
		(SELECT MAX(b.block) FROM record_blocks b WHERE b.org_id = h.org_id),
		(SELECT MIN(r.seq) FROM records r WHERE r.org_id = h.org_id) / $1 - 1, -1))
	ORDER BY h.org_id LIMIT $3`

// indexTrail is one step: it enters some blocks of one trail.
func (db *DB) indexTrail(ctx context.Context, org sallyport.OrgID) (entered bool, err error) {
	blocks, high, err := db.fullBlocks(ctx, org)
	if err != nil || len(blocks) == 0 {
		return false, err
	}
	err = db.transact(ctx, func(tx *sql.Tx) error {
		if err := db.lockIndex(ctx, tx, org); err != nil {
			return err
		}
		if err := stillWhole(ctx, tx, org, blocks[0]); err != nil {
			return err
		}
		for _, b := range blocks {
			if err := enter(ctx, tx, org, b, high); err != nil {
				return err
			}
			high = max(high, b.high)
		}
		entered = true
		return nil
	})
	return entered && err == nil, err
}

// lockIndex lets those who change the index of a trail wait for each other.
func (db *DB) lockIndex(ctx context.Context, tx *sql.Tx, org sallyport.OrgID) error {
	var last int64
	err := tx.QueryRowContext(ctx,
		`SELECT block FROM record_blocks WHERE org_id = $1 ORDER BY block DESC LIMIT 1`+db.engine.forUpdate(), org).Scan(&last)
	return orNothing(err)
}

// sqlIndexed is what there is of a trail: its head, its oldest record, the last
// block that is entered, and the latest time up to there.
const sqlIndexed = `
	SELECT seq, (SELECT MIN(seq) FROM records WHERE org_id = $1),
		(SELECT MAX(block) FROM record_blocks WHERE org_id = $1),
		(SELECT high FROM record_blocks WHERE org_id = $1 ORDER BY block DESC LIMIT 1)
	FROM chain_heads WHERE org_id = $1`

// reach is how far the index of a trail reaches.
type reach struct {
	head, oldest int64
	next         int64 // the block after the last that is entered; 0: none is
	high         int64 // the latest time up to there, in microseconds
}

// whole is the first record of the first block that has all its terms: those of a
// block whose first records were removed may be gone.
func (r reach) whole() int64 {
	if r.oldest == 1 { // a trail has no record 0
		return 0
	}
	return (r.oldest + blockRecords - 1) / blockRecords * blockRecords
}

func (db *DB) reach(ctx context.Context, org sallyport.OrgID) (r reach, err error) {
	var oldest, last, high sql.NullInt64
	err = db.read.QueryRowContext(ctx, sqlIndexed, org).Scan(&r.head, &oldest, &last, &high)
	if last.Valid {
		r.next = last.Int64 + 1
	}
	r.oldest, r.high = oldest.Int64, high.Int64
	return r, orNothing(err)
}

// allTermsFrom is the first record from which on every block that is entered has
// all terms that this program knows.
func (db *DB) allTermsFrom(ctx context.Context, org sallyport.OrgID) (seq int64, err error) {
	var last sql.NullInt64
	err = db.read.QueryRowContext(ctx,
		`SELECT MAX(block) FROM record_blocks WHERE org_id = $1 AND terms < $2`, org, termsKnown).Scan(&last)
	if last.Valid {
		seq = (last.Int64 + 1) * blockRecords
	}
	return seq, err
}

// fullBlocks makes up the next blocks to enter, as many as one step takes, and
// returns the latest time before them.
func (db *DB) fullBlocks(ctx context.Context, org sallyport.OrgID) (blocks []*block, high int64, err error) {
	r, err := db.reach(ctx, org)
	if err != nil {
		return nil, 0, err
	}
	full := blockOf(r.head + 1) // the first that is not
	rows := 0
	for n := max(r.next, blockOf(r.oldest)); n < full && len(blocks) < indexBlocksMax && rows < indexRowsMax; n++ {
		b := db.recent.block(blockKey{org, n})
		if b == nil {
			if b, err = db.readBlock(ctx, blockKey{org, n}); err != nil {
				return nil, 0, err
			}
		}
		if b.records == 0 { // removed meanwhile
			break
		}
		blocks = append(blocks, b)
		rows += len(b.places)
	}
	return blocks, r.high, nil
}

// stillWhole is errUnchanged when the beginning of a block was removed.
func stillWhole(ctx context.Context, tx *sql.Tx, org sallyport.OrgID, b *block) error {
	var oldest sql.NullInt64
	err := tx.QueryRowContext(ctx, `SELECT MIN(seq) FROM records WHERE org_id = $1`, org).Scan(&oldest)
	if err == nil && oldest.Int64 > b.first {
		err = errUnchanged
	}
	return err
}

const (
	// sqlClaimBlock lets one process enter a block; others that try wait until it has.
	sqlClaimBlock = `
		INSERT INTO record_blocks (org_id, block, low, high, terms) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (org_id, block) DO NOTHING`
	// Times go back only where clocks do, and then by few blocks.
	sqlLowerBlocks = `
		UPDATE record_blocks SET low = $2 WHERE org_id = $1 AND low > $2`
)

// enter writes a block after blocks whose latest time is high. It is errUnchanged
// when another process was first, and when the trail has lost what this process has
// in memory: the next step then reads it.
func enter(ctx context.Context, tx *sql.Tx, org sallyport.OrgID, b *block, high int64) error {
	there, err := stands(ctx, tx, place{org, b.last, b.hash})
	if err != nil {
		return err
	}
	if !there {
		return errUnchanged
	}
	n := blockOf(b.last)
	won, err := changed(tx.ExecContext(ctx, sqlClaimBlock, org, n, b.low, max(high, b.high), termsKnown))
	if err != nil {
		return err
	}
	if !won {
		return errUnchanged
	}
	if _, err := tx.ExecContext(ctx, sqlLowerBlocks, org, b.low); err != nil {
		return err
	}
	return insertTerms(ctx, tx, org, n, b.places)
}

// termRows is how many rows one statement inserts.
const termRows = 64

func insertTerms(ctx context.Context, tx *sql.Tx, org sallyport.OrgID, n int64, places map[term][]byte) error {
	terms := slices.Sorted(maps.Keys(places)) // as they lie in the table
	for some := range slices.Chunk(terms, termRows) {
		values := where{args: []any{org, n}}
		for i, t := range some {
			if i > 0 {
				values.WriteString(", ")
			}
			fmt.Fprintf(&values, "($1, %s, $2, %s)", values.arg(int64(t)), values.arg(places[t]))
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO record_terms (org_id, term, block, places) VALUES `+values.String(), values.args...)
		if err != nil {
			return err
		}
	}
	return nil
}

// readBlock makes up a block from what is stored.
func (db *DB) readBlock(ctx context.Context, key blockKey) (*block, error) {
	b := new(block)
	err := db.eachCommitted(ctx, b.add, ` AND seq >= $2 AND seq < $3 ORDER BY seq`,
		key.org, key.n*blockRecords, (key.n+1)*blockRecords)
	return b, err
}

const sqlCommitted = `
	SELECT seq, time, hash, body, action, outcome, code, key_id, model_requested, model_used FROM records WHERE org_id = $1`

// eachCommitted calls f with the records that a condition chooses, in its order. A
// damaged record has the terms of its columns.
func (db *DB) eachCommitted(ctx context.Context, f func(committed), condition string, args ...any) error {
	rows, err := db.read.QueryContext(ctx, sqlCommitted+condition, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var one committed
		var r sallyport.Record
		var hash, body sql.RawBytes
		var action, outcome, code, key, asked, used string
		if err := rows.Scan(&one.seq, &one.time, &hash, &body, &action, &outcome, &code, &key, &asked, &used); err != nil {
			return err
		}
		if err := setHash(&one.hash, hash); err != nil {
			return fmt.Errorf("record %d: %w", one.seq, err)
		}
		if json.Unmarshal(body, &r) != nil {
			r = sallyport.Record{}
		}
		r.Action, r.Outcome, r.Code, r.Actor.Key = action, outcome, sallyport.Code(code), sallyport.KeyID(key)
		r.ModelRequested, r.ModelUsed = asked, used
		eachTerm(&r, func(t term) { one.terms = append(one.terms, t) })
		f(one)
	}
	return rows.Err()
}

// blockTerms are terms in their blocks.
type blockTerms map[int64]map[int64]bool

// termsOfRemoved reads the terms of the oldest records for which there is a
// tombstone, at most limit, and says how many these are and which is the last.
func (db *DB) termsOfRemoved(ctx context.Context, org sallyport.OrgID, limit int) (terms blockTerms, n int, last int64, err error) {
	terms = make(blockTerms)
	err = db.eachCommitted(ctx, func(one committed) {
		at := blockOf(one.seq)
		if terms[at] == nil {
			terms[at] = make(map[int64]bool)
		}
		for _, t := range one.terms {
			terms[at][int64(t)] = true
		}
		n, last = n+1, one.seq
	}, ` AND seq <= `+sqlRemoved+` ORDER BY seq LIMIT $2`, org, limit)
	return terms, n, last, err
}

// shortenIndex drops what the index has of records that are removed.
func (db *DB) shortenIndex(ctx context.Context, tx *sql.Tx, org sallyport.OrgID, terms blockTerms) error {
	if err := db.lockIndex(ctx, tx, org); err != nil {
		return err
	}
	if err := db.dropTerms(ctx, tx, org, terms); err != nil {
		return err
	}
	return dropBlocks(ctx, tx, org)
}

// dropTerms drops the terms of records that are removed. Terms that they share with
// a later record of their block go too: FindRecords reads that block itself.
func (db *DB) dropTerms(ctx context.Context, tx *sql.Tx, org sallyport.OrgID, terms blockTerms) error {
	for n, of := range terms {
		these := where{args: []any{org, n}}
		db.engine.among(&these, "term", slices.Sorted(maps.Keys(of)))
		_, err := tx.ExecContext(ctx, `DELETE FROM record_terms WHERE org_id = $1 AND block = $2`+these.String(), these.args...)
		if err != nil {
			return err
		}
	}
	return nil
}

// dropBlocks drops the blocks before the oldest record; the last one that is
// entered stays, to go on from.
func dropBlocks(ctx context.Context, tx *sql.Tx, org sallyport.OrgID) error {
	_, err := tx.ExecContext(ctx, `
		DELETE FROM record_blocks WHERE org_id = $1
			AND block < COALESCE((SELECT MIN(seq) FROM records WHERE org_id = $1), 0) / $2
			AND block < (SELECT MAX(block) FROM record_blocks WHERE org_id = $1)`, org, blockRecords)
	return err
}
