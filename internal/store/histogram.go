package store

import (
	"context"
	"database/sql"
	"errors"
	"sort"
	"time"

	"github.com/sallyport-ai/sallyport"
)

// A histogram is counted by the index: the bounds of its bars become numbers of
// records, and the places of terms are numbers too, so no record is read but the
// few that the index does not have.

const (
	// histogramBarsMax bounds how finely time is divided.
	histogramBarsMax = 200
	// histogramBlocks is how many blocks of a term are looked at: of a longer trail
	// every second one, or third, and so on.
	histogramBlocks = 8192
	// histogramReads is how many records are read that the index does not have, or
	// cannot find by the filter.
	histogramReads = 5000
)

// RecordHistogram counts the records that pass the filter, in bars of equal time
// between Since and Until; without these, over the whole trail. It says when it is
// an estimate.
func (db *DB) RecordHistogram(ctx context.Context, org sallyport.OrgID, f sallyport.RecordFilter, bars int) (sallyport.RecordHistogram, error) {
	return db.histogram(ctx, org, f, bars, histogramBlocks)
}

func (db *DB) histogram(ctx context.Context, org sallyport.OrgID, f sallyport.RecordFilter, bars int, blocks int64) (sallyport.RecordHistogram, error) {
	h := histogram{db: db, ctx: ctx, org: org, filter: f, blocks: blocks}
	h.Bars = make([]int64, min(max(bars, 1), histogramBarsMax))
	there, err := db.reach(ctx, org)
	if err != nil || there.oldest == 0 { // there is nothing to count
		h.Since, h.Until = f.Since, f.Until
		return h.RecordHistogram, err
	}
	h.reach = there
	if err := h.bound(); err != nil {
		return h.RecordHistogram, err
	}
	if f.Call != "" || f.Event != "" || f.Request != "" || f.Address != "" {
		err = h.countFound()
	} else {
		err = h.count()
	}
	return h.RecordHistogram, err
}

// histogram is one that is being counted.
type histogram struct {
	sallyport.RecordHistogram
	db     *DB
	ctx    context.Context
	org    sallyport.OrgID
	filter sallyport.RecordFilter
	blocks int64 // see histogramBlocks
	reach  reach
	edges  []int64 // the first record of each bar, and the one after the last
}

// bound sets the time, and the records where each bar begins.
func (h *histogram) bound() (err error) {
	h.Since, h.Until = h.filter.Since, h.filter.Until
	if h.Since.IsZero() {
		if h.Since, err = h.timeOf(h.reach.oldest); err != nil {
			return err
		}
	}
	if h.Until.IsZero() {
		newest, err := h.timeOf(h.reach.head)
		if err != nil {
			return err
		}
		h.Until = later(newest, timeOf(h.reach.high)).Add(time.Microsecond)
	}
	if !h.Until.After(h.Since) {
		h.Until = h.Since.Add(time.Microsecond)
	}
	h.edges = make([]int64, len(h.Bars)+1)
	for i := range h.edges {
		at := h.Since.Add(time.Duration(float64(h.Until.Sub(h.Since)) * float64(i) / float64(len(h.Bars))))
		if h.edges[i], err = h.firstAt(micros(at)); err != nil {
			return err
		}
		if i > 0 { // how far a trail had got whose beginning was removed is not known of its first records
			h.edges[i] = max(h.edges[i], h.edges[i-1])
		}
	}
	return nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func (h *histogram) timeOf(seq int64) (time.Time, error) {
	var at int64
	err := h.db.read.QueryRowContext(h.ctx, `SELECT time FROM records WHERE org_id = $1 AND seq = $2`, h.org, seq).Scan(&at)
	return timeOf(at), orNothing(err)
}

// firstAt is the first record with which the trail has reached a time.
func (h *histogram) firstAt(at int64) (int64, error) {
	var n int64
	var seq sql.NullInt64
	err := h.db.read.QueryRowContext(h.ctx, sqlFirstInBlocks, h.org, at, blockRecords).Scan(&n, &seq)
	if errors.Is(err, sql.ErrNoRows) {
		return h.firstAtUnindexed(at)
	}
	if !seq.Valid { // it was removed
		return max(h.reach.oldest, n*blockRecords), err
	}
	return seq.Int64, err
}

const (
	sqlFirstInBlock = `
		SELECT MIN(seq) FROM records WHERE org_id = $1 AND seq >= $2 AND seq < $3 AND time >= $4`
	// sqlFirstInBlocks looks in the block that sqlFirstSince finds.
	sqlFirstInBlocks = `
		SELECT b.block, (
			SELECT MIN(r.seq) FROM records r
			WHERE r.org_id = $1 AND r.seq >= b.block * $3 AND r.seq < (b.block + 1) * $3 AND r.time >= $2)
		FROM (` + sqlFirstSince + `) b`
)

// firstAtUnindexed is firstAt among the records that the index does not have. Of
// very many it looks at the newest ones alone.
func (h *histogram) firstAtUnindexed(at int64) (int64, error) {
	from := max(h.reach.next*blockRecords, h.reach.oldest)
	if newest := h.reach.head + 1 - histogramReads; from < newest {
		from, h.Estimated = newest, true
	}
	var seq sql.NullInt64
	err := h.db.read.QueryRowContext(h.ctx, sqlFirstInBlock, h.org, from, h.reach.head+1, at).Scan(&seq)
	if !seq.Valid {
		return h.reach.head + 1, err
	}
	return seq.Int64, err
}

// bar counts records as in the bar of one of them; those outside of all bars not.
func (h *histogram) bar(seq, records int64) {
	i := sort.Search(len(h.edges), func(i int) bool { return h.edges[i] > seq }) - 1
	if 0 <= i && i < len(h.Bars) {
		h.Bars[i] += records
	}
}

// countFound counts what a search finds, as far as it looks.
func (h *histogram) countFound() error {
	f := h.filter
	f.Limit, f.Before, f.After, f.Rising = histogramReads, 0, 0, false
	found, err := h.db.search(h.ctx, h.org, f, searchScanMax)
	h.Estimated = h.Estimated || found.Searched > 0 || len(found.Records) == f.Limit
	for _, r := range found.Records {
		h.bar(r.Seq, 1)
	}
	return err
}

// count counts by the index.
func (h *histogram) count() error {
	terms := filterTerms(h.filter)
	if len(terms) == 0 {
		for i := range h.Bars {
			h.Bars[i] = h.edges[i+1] - h.edges[i]
		}
		return nil
	}
	from, to := h.edges[0], h.edges[len(h.Bars)]
	all, err := h.db.allTermsFrom(h.ctx, h.org)
	if err != nil {
		return err
	}
	indexed := h.reach.whole()
	if len(olderTerms(h.filter)) < len(terms) {
		indexed = max(indexed, all)
	}
	end := h.reach.next * blockRecords
	if err := h.countTerms(terms, max(from, indexed), min(to, end)); err != nil {
		return err
	}
	if err := h.countRead(max(from, end), to); err != nil {
		return err
	}
	return h.countRead(from, min(to, indexed, end))
}

// countRead counts records [from, to) that the index does not have, the newest of
// very many.
func (h *histogram) countRead(from, to int64) error {
	if from >= to {
		return nil
	}
	f := h.filter
	f.After, f.Before, f.Limit, f.Since, f.Until = from-1, to, histogramReads, time.Time{}, time.Time{}
	s := newSearch(h.ctx, h.db, h.org, f)
	s.scanMax = histogramReads
	err := s.read(from, to)
	h.Estimated = h.Estimated || s.stopped > 0
	for _, r := range s.found {
		h.bar(r.Seq, 1)
	}
	return err
}

const sqlPlaces = `
	SELECT block, places FROM record_terms
	WHERE org_id = $1 AND term = $2 AND block >= $3 AND block <= $4 AND block % $5 = 0 ORDER BY block`

// countTerms counts the records [from, to) that have all terms. The list of one
// term after the other takes away from the first, which is as long as the trail at
// most: a megabyte for a million records.
func (h *histogram) countTerms(terms []term, from, to int64) error {
	if from >= to {
		return nil
	}
	first, last := blockOf(from), blockOf(to-1)
	step := (last-first)/h.blocks + 1
	h.Estimated = h.Estimated || step > 1
	p := postings{db: h.db, org: h.org}
	var both []posting
	for i, t := range terms {
		here, err := p.list(h.ctx, sqlPlaces, h.org, int64(t), first, last, step)
		if err != nil {
			return err
		}
		if i == 0 {
			both = here
		} else {
			both = commonBlocks(both, here)
		}
		if len(both) == 0 {
			return nil
		}
	}
	for _, b := range both {
		for _, place := range b.places {
			if seq := b.block*blockRecords + int64(place); from <= seq && seq < to {
				h.bar(seq, step)
			}
		}
	}
	return nil
}

// commonBlocks returns what is in both lists, whose blocks ascend.
func commonBlocks(a, b []posting) (both []posting) {
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0].block < b[0].block:
			a = a[1:]
		case a[0].block > b[0].block:
			b = b[1:]
		default:
			if places := intersect(a[0].places, b[0].places); len(places) > 0 {
				both = append(both, posting{a[0].block, places})
			}
			a, b = a[1:], b[1:]
		}
	}
	return both
}
