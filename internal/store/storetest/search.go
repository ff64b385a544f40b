package storetest

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/journal"
	"github.com/sallyport-ai/sallyport/internal/store"
)

// trailToSearch is a trail, and what was written into it.
type trailToSearch struct {
	db      *store.DB
	org     sallyport.OrgID
	rng     *rand.Rand
	records []sallyport.Record
	ever    []sallyport.Record // these and those that are removed
	calls   []sallyport.Record // that have begun
	made    int                // records, so far
}

// one of them, the first more often than the second, and so on.
func pick(rng *rand.Rand, from ...string) string {
	return from[min(rng.IntN(len(from)), rng.IntN(len(from)), rng.IntN(len(from)))]
}

// newTrailToSearch makes a trail with few and with many records of a kind.
func newTrailToSearch(t *testing.T, db *store.DB, n int) *trailToSearch {
	s := &trailToSearch{db: db, org: NewOrg(t, db), rng: rand.New(rand.NewPCG(1, 2))}
	s.last(t)
	s.write(t, n)
	return s
}

// write writes n records in batches. Times go up, and back now and then.
func (s *trailToSearch) write(t *testing.T, n int) {
	t.Helper()
	at := s.records[len(s.records)-1].Time
	for n += len(s.records); len(s.records) < n; {
		var entries []journal.Entry
		for range min(150, n-len(s.records)) {
			at = at.Add(time.Duration(s.rng.IntN(2000)) * time.Millisecond)
			if s.rng.IntN(400) == 0 {
				at = at.Add(-10 * time.Minute)
			}
			entries = append(entries, journal.Entry{Org: s.org, Record: s.record(at)})
		}
		for i, r := range commit(t, s.db, entries...) {
			entries[i].Record.Seq = r.Seq
			s.records = append(s.records, entries[i].Record)
			s.ever = append(s.ever, entries[i].Record)
		}
	}
}

func (s *trailToSearch) record(at time.Time) sallyport.Record {
	r := Event(pick(s.rng, "chat.completions", "messages", "login", "key.create"))
	r.Time, r.EventID = at, IDAt(at.Add(time.Duration(s.rng.IntN(20)/19)*time.Hour)) // some are not made then
	r.Route = "POST /" + r.Action
	r.Outcome = pick(s.rng, sallyport.OutcomeSuccess, sallyport.OutcomeFailure, "")
	r.Actor.User = sallyport.UserID(pick(s.rng, "ann", "bob", "cid", "dee", "eve"))
	r.Actor.Key = sallyport.KeyID(fmt.Sprint("key-", s.rng.IntN(500)))
	r.ModelRequested, r.ModelUsed = pick(s.rng, "large", "small", ""), pick(s.rng, "large", "small", "other")
	if s.rng.IntN(30) == 0 {
		r.Code = sallyport.RateLimited
		r.DLP = &sallyport.RecordDLP{
			Findings: []sallyport.Finding{{Type: "EMAIL_ADDRESS"}, {Type: "EMAIL_ADDRESS"}},
			Counts:   map[string]int{"in:PHONE_NUMBER": 1},
		}
	}
	if s.rng.IntN(20) == 0 {
		r.Call = sallyport.CallID(NewID())
	}
	r.Phase = sallyport.Phase(pick(s.rng, "outcome", "event", "refusal"))
	if r.Phase == sallyport.PhaseEvent {
		r.Resource = pick(s.rng, "key/1", "key/2", "group/1", "", "policy/dlp", "agent/9", "run/r-1", "run/r-2")
	}
	if s.made++; s.made%7 == 0 {
		r.Run = sallyport.RunID(fmt.Sprint("r-", s.made%3))
	}
	if s.rng.IntN(10) == 0 {
		r.Source = sallyport.Source{IP: pick(s.rng, "192.0.2.1", "192.0.2.2", "2001:db8::1"), UserAgent: "curl"}
	}
	s.ofRequest(&r)
	return r
}

// ofRequest gives a record the id of a request that began at its time, or of one
// whose call begins or ends with it.
func (s *trailToSearch) ofRequest(r *sallyport.Record) {
	switch s.rng.IntN(8) {
	case 0:
		r.RequestID = "req_" + strings.ReplaceAll(IDAt(r.Time), "-", "")
	case 1:
		r.RequestID, r.Call = "req_"+strings.ReplaceAll(IDAt(r.Time), "-", ""), sallyport.CallID(NewID())
		s.calls = append(s.calls, *r)
	case 2:
		if len(s.calls) > 0 {
			begun := s.calls[0]
			s.calls = s.calls[1:]
			r.RequestID, r.Call = begun.RequestID, begun.Call
		}
	}
}

// IDAt returns a UUIDv7 of that time.
func IDAt(at time.Time) string {
	id := uuid.Must(uuid.NewV7())
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(at.UnixMilli()))
	copy(id[:6], ms[2:])
	return id.String()
}

// last takes up the newest record, which was not written by write.
func (s *trailToSearch) last(t *testing.T) {
	t.Helper()
	head, _, err := s.db.ChainHead(t.Context(), s.org)
	ok(t, err)
	records, err := s.db.Records(t.Context(), s.org, head-1, 1)
	ok(t, err)
	var r sallyport.Record
	ok(t, json.Unmarshal(records[0].Body, &r))
	s.records, s.ever = append(s.records, r), append(s.ever, r)
}

// bury makes a tombstone for the records after one Seq, up to another.
func (s *trailToSearch) bury(t *testing.T, after, last int64) {
	t.Helper()
	sign(t, s.db, s.org, after, last)
	ok(t, s.db.AddTombstone(t.Context(), tombstone(s.org, after+1, last), nil, Event("audit.retention")))
	s.last(t)
}

// removeSome removes the oldest records for which there is a tombstone, and says
// whether there are more.
func (s *trailToSearch) removeSome(t *testing.T) bool {
	t.Helper()
	more, err := s.db.RemoveRecords(t.Context(), s.org)
	ok(t, err)
	first, err := s.db.Records(t.Context(), s.org, 0, 1)
	ok(t, err)
	s.records = slices.DeleteFunc(s.records, func(r sallyport.Record) bool { return r.Seq < first[0].Seq })
	return more
}

// filter chooses records by some of what one of them has.
func (s *trailToSearch) filter() sallyport.RecordFilter {
	like := s.records[s.rng.IntN(len(s.records))]
	f := sallyport.RecordFilter{Limit: 1 + s.rng.IntN(60)}
	some := func(set func()) {
		if s.rng.IntN(5) == 0 {
			set()
		}
	}
	some(func() { f.Action = like.Action })
	some(func() { f.Route = like.Route })
	some(func() { f.Outcome = like.Outcome })
	some(func() { f.Actor = like.Actor.User })
	some(func() { f.Key = like.Actor.Key })
	some(func() { f.Model = like.ModelRequested })
	some(func() { f.Code = sallyport.RateLimited })
	some(func() { f.Finding = pick(s.rng, "EMAIL_ADDRESS", "PHONE_NUMBER", "IBAN") })
	some(func() { f.Since = like.Time })
	some(func() { f.Until = like.Time.Add(time.Duration(s.rng.IntN(1000)) * time.Second) })
	some(func() { f.Phase = like.Phase })
	some(func() { f.Resource = like.Resource })
	if s.rng.IntN(20) == 0 {
		f.Run = cmp.Or(like.Run, "r-1")
	}
	some(func() { f.Address = like.Source.IP })
	some(func() { f.After = s.records[s.rng.IntN(len(s.records))].Seq })
	some(func() { f.Rising = true })
	if s.rng.IntN(20) == 0 {
		f.Request = like.RequestID
	}
	some(func() { f.Before = s.records[s.rng.IntN(len(s.records))].Seq })
	if s.rng.IntN(20) == 0 {
		f.Event = like.EventID
	}
	if s.rng.IntN(20) == 0 {
		f.Call = like.Call
	}
	return f
}

// want is what a filter finds, by reading everything.
func (s *trailToSearch) want(f sallyport.RecordFilter) (seqs []int64) {
	if f.Rising {
		for _, r := range s.records {
			if len(seqs) < f.Limit && Passes(r, f) {
				seqs = append(seqs, r.Seq)
			}
		}
		slices.Reverse(seqs)
		return seqs
	}
	for _, r := range slices.Backward(s.records) {
		if len(seqs) < f.Limit && Passes(r, f) {
			seqs = append(seqs, r.Seq)
		}
	}
	return seqs
}

// Passes says whether a record passes a filter, as the contract has it.
func Passes(r sallyport.Record, f sallyport.RecordFilter) bool {
	return (f.Action == "" || f.Action == r.Action) && (f.Route == "" || f.Route == r.Route) &&
		(f.Outcome == "" || f.Outcome == r.Outcome) && (f.Code == "" || f.Code == r.Code) &&
		(f.Actor == "" || f.Actor == r.Actor.User) && (f.Key == "" || f.Key == r.Actor.Key) &&
		(f.Model == "" || f.Model == r.ModelRequested || f.Model == r.ModelUsed) &&
		(f.Finding == "" || r.DLP != nil && found(*r.DLP, f.Finding)) && (f.Call == "" || f.Call == r.Call) && (f.Event == "" || f.Event == r.EventID) &&
		(f.Since.IsZero() || !r.Time.Before(f.Since)) && (f.Until.IsZero() || r.Time.Before(f.Until)) &&
		(f.Phase == "" || f.Phase == r.Phase) && (f.Resource == "" || f.Resource == r.Resource) &&
		(f.Run == "" || f.Run == r.Run || r.Resource == "run/"+string(f.Run)) &&
		(f.Request == "" || f.Request == r.RequestID) && (f.Address == "" || f.Address == r.Source.IP) &&
		(f.Before == 0 || r.Seq < f.Before) && r.Seq > f.After
}

func found(d sallyport.RecordDLP, kind string) bool {
	for counted := range d.Counts {
		if strings.HasSuffix(counted, ":"+kind) {
			return true
		}
	}
	return slices.ContainsFunc(d.Findings, func(f sallyport.Finding) bool { return f.Type == kind })
}

// check compares many searches with what they have to find.
func (s *trailToSearch) check(t *testing.T, when string) {
	t.Helper()
	full := 0
	for range 100 {
		f := s.filter()
		found, err := s.db.FindRecords(t.Context(), s.org, f)
		ok(t, err)
		var got []int64
		for _, r := range found {
			got = append(got, r.Seq)
		}
		if want := s.want(f); !reflect.DeepEqual(got, want) {
			t.Fatalf("%s, %+v: found %v, want %v", when, f, got, want)
		}
		if len(got) == f.Limit {
			full++
		}
	}
	if full < 5 {
		t.Errorf("%s: %d of the searches had a full page, which tells too little", when, full)
	}
}

// index enters all full blocks into the index.
func index(t *testing.T, db *store.DB) {
	t.Helper()
	for more := true; more; {
		var err error
		more, err = db.IndexRecords(t.Context())
		ok(t, err)
	}
}

// A search finds the same without the index, with it, as far as it reaches, and
// while the oldest records are removed, up to the midst of a block.
func testSearch(t *testing.T, db *store.DB) {
	newTrailToSearch(t, db, 300) // of somebody else
	s := newTrailToSearch(t, db, 1900)
	s.check(t, "not indexed")
	index(t, db)
	s.check(t, "indexed")
	for _, last := range []int64{600, 1200} {
		s.bury(t, last-600, last)
		for more := true; more; {
			more = s.removeSome(t)
			s.check(t, fmt.Sprint("without records of tombstone ", last))
		}
	}
	index(t, db)
	s.check(t, "indexed and shortened")
}

// A block that this process did not write by batches alone is read.
func testSearchReread(t *testing.T, db *store.DB) {
	s := newTrailToSearch(t, db, 300)
	ok(t, db.SetPolicy(t.Context(), s.org, "dlp", "", []byte("x"), Event("policy.set")))
	s.last(t)
	s.write(t, 400)
	index(t, db)
	s.check(t, "read again")
}

// Two processes that index at once enter every block once.
func indexTogether(t *testing.T, a, b *store.DB) {
	s := newTrailToSearch(t, a, 1500)
	var all sync.WaitGroup
	for _, db := range []*store.DB{a, b} {
		all.Go(func() { index(t, db) })
	}
	all.Wait()
	index(t, b)
	s.check(t, "indexed by two")
}
