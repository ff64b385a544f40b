package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"math"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/sallyport-ai/sallyport"
)

// eventSlack is how far the time of a record is, at most, from the one in the id of
// its event, which is made in the same moment. Where it is not, everything is read.
const eventSlack = 10 * time.Second

// FindRecords lists the organisation's records that pass the filter, newest
// first. Where the index reaches, only records are read that have the filter's
// terms or lie in its time; the newest ones, which it does not have yet, are all
// looked at.
func (db *DB) FindRecords(ctx context.Context, org sallyport.OrgID, f sallyport.RecordFilter) ([]sallyport.StoredRecord, error) {
	found, err := db.search(ctx, org, f, math.MaxInt64)
	return found.Records, err
}

// searchScanMax is how many records SearchRecords reads for one page, about.
const searchScanMax = 50_000

// SearchRecords is FindRecords for somebody who waits: it ends a page early when
// it has read too many records that do not pass, which happens with what the
// index does not know, such as an address.
func (db *DB) SearchRecords(ctx context.Context, org sallyport.OrgID, f sallyport.RecordFilter) (sallyport.FoundRecords, error) {
	return db.search(ctx, org, f, cmp.Or(f.ScanMax, searchScanMax))
}

func (db *DB) search(ctx context.Context, org sallyport.OrgID, f sallyport.RecordFilter, scan int64) (sallyport.FoundRecords, error) {
	if f.Rising {
		return db.searchRising(ctx, org, f, scan)
	}
	s := newSearch(ctx, db, org, f)
	if scan < math.MaxInt64 {
		head, err := db.headSeq(ctx, org)
		if err != nil {
			return sallyport.FoundRecords{}, err
		}
		s.scanMax, s.before = scan, min(s.before, head+1)
	}
	err := s.run()
	if len(s.found) >= s.limit {
		s.stopped = 0
	}
	return sallyport.FoundRecords{Records: s.found, Searched: s.stopped}, err
}

func newSearch(ctx context.Context, db *DB, org sallyport.OrgID, f sallyport.RecordFilter) *search {
	s := &search{
		db: db, ctx: ctx, org: org, filter: f, limit: page(f.Limit), terms: filterTerms(f),
		floor: f.After + 1, before: math.MaxInt64, scanMax: math.MaxInt64,
	}
	if f.Before > 0 {
		s.before = f.Before
	}
	return s
}

// headSeq is the Seq of the newest record; 0 when there is none.
func (db *DB) headSeq(ctx context.Context, org sallyport.OrgID) (seq int64, err error) {
	err = db.read.QueryRowContext(ctx, `SELECT seq FROM chain_heads WHERE org_id = $1`, org).Scan(&seq)
	return seq, orNothing(err)
}

// search is one page of a search. It goes from newer to older records.
type search struct {
	db     *DB
	ctx    context.Context
	org    sallyport.OrgID
	filter sallyport.RecordFilter
	limit  int
	terms  []term
	floor  int64 // the first record that is wanted
	before int64 // the first that is not any more
	found  []sallyport.StoredRecord

	scanned int64 // so many records were read, here or by the database
	scanMax int64 // from so many on nothing more is
	stopped int64 // because of that, at this record; 0: not
}

// full says that nothing more is to be read.
func (s *search) full() bool { return s.stopped > 0 || len(s.found) >= s.limit }

// run searches the records before a Seq.
func (s *search) run() error {
	switch {
	case s.filter.Call != "":
		return s.ofCall()
	case s.filter.Request != "":
		return s.ofRequest()
	}
	return s.runIn(s.times())
}

// runIn searches in a time, which may be guessed: then everywhere if nothing is
// found in it.
func (s *search) runIn(since, until int64, guessed bool) error {
	if len(s.terms) == 0 && since == 0 && until == 0 {
		return s.read(s.floor, s.before)
	}
	there, err := s.db.reach(s.ctx, s.org)
	if err != nil {
		return err
	}
	if err := s.within(there, since, until); err != nil {
		return err
	}
	if guessed && len(s.found) == 0 && s.stopped == 0 {
		return s.read(s.floor, s.before)
	}
	return nil
}

// within searches the records of a time before a Seq.
func (s *search) within(there reach, since, until int64) error {
	oldest, next := max(there.oldest, s.floor), there.next*blockRecords
	if err := s.read(max(oldest, next), s.before); err != nil || s.full() {
		return err
	}
	from, to, err := s.span(since, until, oldest, next)
	if err != nil {
		return err
	}
	to = min(to, s.before)
	if len(s.terms) == 0 {
		return s.read(from, to)
	}
	whole := there.whole()
	if err := s.lookFrom(max(from, whole), to); err != nil {
		return err
	}
	removed, err := s.removedSince(there.oldest)
	switch {
	case err != nil:
		return err
	case removed: // and terms of what is there with them
		s.found, s.stopped, s.scanned = nil, 0, 0
		return s.read(s.floor, s.before)
	case s.full():
		return nil
	}
	return s.read(from, min(to, whole))
}

// lookFrom keeps the records [from, to) that pass, going by all terms in the blocks
// that have them all, and in older ones by those that these have.
func (s *search) lookFrom(from, to int64) error {
	older := olderTerms(s.filter)
	if len(older) == len(s.terms) {
		return s.look(s.terms, from, to)
	}
	all, err := s.db.allTermsFrom(s.ctx, s.org)
	if err != nil {
		return err
	}
	if err := s.look(s.terms, max(from, all), to); err != nil || s.full() {
		return err
	}
	if len(older) == 0 {
		return s.read(from, min(to, all))
	}
	return s.look(older, from, min(to, all))
}

// removedSince says that the oldest record is not that one any more.
func (s *search) removedSince(oldest int64) (bool, error) {
	var now sql.NullInt64
	err := s.db.read.QueryRowContext(s.ctx, `SELECT MIN(seq) FROM records WHERE org_id = $1`, s.org).Scan(&now)
	return now.Int64 != oldest, err
}

// ofCall reads the few records of a call, by the index that keeps their events
// from being written twice.
func (s *search) ofCall() error {
	w := s.db.conditions(s.org, s.filter)
	w.betweenAlone(s.floor, s.before)
	if _, err := s.fetch(w, bySeqAlone, pageDefault); err != nil {
		return err
	}
	s.found = s.found[:min(len(s.found), s.limit)]
	return nil
}

// times are the bounds of what is searched, in microseconds; 0: none. They may be
// guessed: that the id of an event tells when it was.
func (s *search) times() (since, until int64, guessed bool) {
	made, of := timeOfID(s.filter.Event)
	if !of {
		return micros(s.filter.Since), micros(s.filter.Until), false
	}
	return micros(made.Add(-eventSlack)), micros(made.Add(eventSlack)), true
}

// timeOfID is when an id was made that tells it.
func timeOfID(id string) (made time.Time, of bool) {
	parsed, err := uuid.Parse(id)
	if err != nil || parsed.Version() != 7 {
		return made, false
	}
	return time.Unix(parsed.Time().UnixTime()), true
}

const (
	// low and high grow with the block, see the migration.
	sqlFirstSince = `
		SELECT block FROM record_blocks WHERE org_id = $1 AND high >= $2 ORDER BY high, block LIMIT 1`
	sqlLastUntil = `
		SELECT block FROM record_blocks WHERE org_id = $1 AND low < $2 ORDER BY low DESC, block DESC LIMIT 1`
)

// span narrows the numbers [from, to) down to blocks that have records of the time.
func (s *search) span(since, until, from, to int64) (int64, int64, error) {
	if since != 0 {
		n, err := s.db.blockAt(s.ctx, s.org, sqlFirstSince, since)
		if err != nil || n < 0 {
			return 0, 0, err
		}
		from = max(from, n*blockRecords)
	}
	if until != 0 {
		n, err := s.db.blockAt(s.ctx, s.org, sqlLastUntil, until)
		if err != nil || n < 0 {
			return 0, 0, err
		}
		to = min(to, (n+1)*blockRecords)
	}
	return from, to, nil
}

// blockAt returns the block that a query finds; -1: none.
func (db *DB) blockAt(ctx context.Context, org sallyport.OrgID, query string, time int64) (n int64, err error) {
	err = db.read.QueryRowContext(ctx, query, org, time).Scan(&n)
	if err == sql.ErrNoRows {
		return -1, nil
	}
	return n, err
}

// read reads the records [from, to) and keeps those that pass. The database
// compares most of the filter, so the records between those that it gives were
// read too.
func (s *search) read(from, to int64) error {
	for from < to && !s.full() {
		low := s.lowest(from, to)
		asked := s.limit - len(s.found)
		w := s.db.conditions(s.org, s.filter)
		w.between(low, to)
		some, err := s.fetch(w, bySeq, asked)
		if err != nil {
			return err
		}
		if len(some) < asked {
			s.scanned += to - low
			if low > from {
				s.stopped = low
			}
			return nil
		}
		last := some[len(some)-1].Seq
		s.scanned += to - last
		to = last
	}
	return nil
}

// lowest is the first record of [from, to) that may still be read.
func (s *search) lowest(from, to int64) int64 {
	if s.scanMax == math.MaxInt64 {
		return from
	}
	return max(from, to-max(s.scanMax-s.scanned, 0))
}

// look keeps the records [from, to) that pass, going by terms of theirs: by the
// blocks of the rarest one, of which the others take away.
func (s *search) look(terms []term, from, to int64) error {
	if from >= to {
		return nil
	}
	n := blockOf(to - 1)
	lists, err := s.db.rarestFirst(s.ctx, s.org, terms, blockOf(from), n)
	if err != nil {
		return err
	}
	for about := blocksFor(lists, s.limit); !s.full(); about = min(2*about, postingsMax) {
		blocks, err := lists[0].upTo(s.ctx, n, about)
		if err != nil || len(blocks) == 0 {
			return err
		}
		n = blocks[len(blocks)-1].block - 1
		for _, other := range lists[1:] {
			if blocks, err = other.common(s.ctx, blocks); err != nil {
				return err
			}
		}
		if err := s.readEach(recordsOf(blocks, from, to)); err != nil {
			return err
		}
	}
	return nil
}

// recordsOf returns the records [from, before) at the places, the newest first.
func recordsOf(blocks []posting, from, before int64) (seqs []int64) {
	for _, b := range blocks {
		for _, place := range slices.Backward(b.places) {
			if seq := b.block*blockRecords + int64(place); from <= seq && seq < before {
				seqs = append(seqs, seq)
			}
		}
	}
	return seqs
}

// readEach reads the records, which are in descending order, and keeps those that
// pass. It asks for no order: to have one, PostgreSQL may read all that lie between.
func (s *search) readEach(seqs []int64) error {
	for len(seqs) > 0 && !s.full() {
		some := seqs[:min(len(seqs), s.limit-len(s.found), blockRecords)]
		records, err := s.recordsAt(some)
		if err != nil {
			return err
		}
		slices.SortFunc(records, func(a, b sallyport.StoredRecord) int { return cmp.Compare(b.Seq, a.Seq) })
		s.keep(records)
		seqs = seqs[len(some):]
		last := some[len(some)-1]
		if s.scanned += int64(len(some)); s.lowest(0, last) == last {
			s.stopped = last
		}
	}
	return nil
}

// recordsAt reads those of the records that pass what the database can tell.
func (s *search) recordsAt(seqs []int64) ([]sallyport.StoredRecord, error) {
	return apart(seqs, func(part []int64) ([]sallyport.StoredRecord, error) {
		if s.db.rows == nil || !onlyTerms(s.filter) {
			w := s.db.conditions(s.org, s.filter)
			s.db.engine.among(w, "seq", part)
			return s.db.records(s.ctx, sqlRecords+w.String(), w.args...)
		}
		return s.db.recordsByRow(s.ctx, s.org, s.filter, part)
	})
}

// fetch reads at most limit records of w, the newest first, and keeps those that
// pass.
func (s *search) fetch(w *where, order string, limit int) ([]sallyport.StoredRecord, error) {
	query, args := w.newest(order, limit)
	some, err := s.db.records(s.ctx, query, args...)
	s.keep(some)
	return some, err
}

// keep takes what passes the filter.
func (s *search) keep(some []sallyport.StoredRecord) {
	for _, r := range some {
		if passes(r.Body, s.filter) {
			s.found = append(s.found, r)
		}
	}
}

// between bounds records to the numbers [from, to).
func (w *where) between(from, to int64) {
	w.add("seq >= $%[1]d", from)
	w.add("seq < $%[1]d", to)
}

// betweenAlone bounds the records of a call, which are few: they are to be looked
// up by it, and by seq only compared and sorted.
func (w *where) betweenAlone(from, to int64) {
	w.add("seq + 0 >= $%[1]d", from)
	w.add("seq + 0 < $%[1]d", to)
}

// The orders of newest: of the records of a call the second, see betweenAlone.
const (
	bySeq      = " ORDER BY seq DESC"
	bySeqAlone = " ORDER BY seq + 0 DESC"
)

// newest is the query for the newest records of w.
func (w *where) newest(order string, limit int) (query string, args []any) {
	last := w.arg(limit)
	return sqlRecords + w.String() + order + " LIMIT " + last, w.args
}

// conditions are those of the filter that the database can tell. What is not copied
// into columns the bytes of the records have to have somewhere.
func (db *DB) conditions(org sallyport.OrgID, f sallyport.RecordFilter) *where {
	w := &where{args: []any{org}}
	add := func(wanted bool, condition string, arg any) {
		if wanted {
			w.add(condition, arg)
		}
	}
	add(f.Action != "", "action = $%[1]d", f.Action)
	add(f.Outcome != "", "outcome = $%[1]d", f.Outcome)
	add(f.Code != "", "code = $%[1]d", string(f.Code))
	add(f.Key != "", "key_id = $%[1]d", string(f.Key))
	add(f.Model != "", "(model_requested = $%[1]d OR model_used = $%[1]d)", text(f.Model, columnMax))
	add(f.Call != "", "call_id = $%[1]d", string(f.Call))
	add(f.Event != "", "event_id = $%[1]d", f.Event)
	add(!f.Since.IsZero(), "time >= $%[1]d", micros(f.Since))
	add(!f.Until.IsZero(), "time < $%[1]d", micros(f.Until))
	add(f.Address != "", "source_ip = $%[1]d", text(f.Address, columnMax))
	within := db.engine.bodyHas()
	add(f.Phase != "", within, member("phase", string(f.Phase)))
	add(f.Request != "", within, member("request_id", f.Request))
	add(f.Resource != "", within, member("resource", f.Resource))
	add(f.Actor != "", within, member("user_id", string(f.Actor)))
	add(f.Route != "", within, member("route", f.Route))
	add(f.Run != "", within, []byte(f.Run+`"`))         // ends its member, or the resource
	add(f.Finding != "", within, []byte(f.Finding+`"`)) // ends a finding's type, and the name of a count
	return w
}

// member is how a member of an object lies in the bytes of a record.
func member(name, value string) []byte {
	b, _ := json.Marshal(map[string]string{name: value}) // never fails
	return b[1 : len(b)-1]
}

// passes says whether a record has what is not in columns where it should be. A
// damaged record is found by its columns alone.
func passes(body []byte, f sallyport.RecordFilter) bool {
	if f.Actor == "" && f.Route == "" && f.Finding == "" && f.Phase == "" && f.Request == "" && f.Resource == "" && f.Run == "" {
		return true
	}
	var r sallyport.Record
	if json.Unmarshal(body, &r) != nil {
		return false
	}
	return is(f.Actor, r.Actor.User) && is(f.Route, r.Route) && is(f.Phase, r.Phase) &&
		is(f.Request, r.RequestID) && is(f.Resource, r.Resource) &&
		(f.Run == "" || ofRun(&r, f.Run)) &&
		(f.Finding == "" || r.DLP != nil && hasFinding(r.DLP, f.Finding))
}

// is says whether a value is the one that is wanted, if one is.
func is[T ~string](wanted, value T) bool { return wanted == "" || wanted == value }

func hasFinding(d *sallyport.RecordDLP, kind string) (has bool) {
	eachFinding(d, func(k string) { has = has || k == kind })
	return has
}
