package storetest

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/store"
)

// histogram is what a filter has in each bar, by reading everything.
func (s *trailToSearch) histogram(f sallyport.RecordFilter, h sallyport.RecordHistogram) []int64 {
	bars := make([]int64, len(h.Bars))
	var reached time.Time
	for _, r := range s.ever {
		if reached.Before(r.Time) {
			reached = r.Time
		}
		if r.Seq < s.records[0].Seq || !Passes(r, f) {
			continue
		}
		for i := range bars {
			at := func(i int) time.Time {
				return h.Since.Add(time.Duration(float64(h.Until.Sub(h.Since)) * float64(i) / float64(len(bars)))).Truncate(time.Microsecond)
			}
			if !reached.Before(at(i)) && reached.Before(at(i+1)) {
				bars[i]++
			}
		}
	}
	return bars
}

func (s *trailToSearch) checkHistograms(t *testing.T, when string) {
	t.Helper()
	counted := int64(0)
	for range 40 {
		f := s.filter()
		f.Call, f.Event, f.Request, f.Address, f.Before, f.After, f.Rising = "", "", "", "", 0, 0, false
		if !f.Since.IsZero() && !f.Until.After(f.Since) {
			f.Until = time.Time{}
		}
		h, err := s.db.RecordHistogram(t.Context(), s.org, f, 1+s.rng.IntN(20))
		ok(t, err)
		// By the time that the trail had reached, which a filter of times does not mean.
		f.Since, f.Until = time.Time{}, time.Time{}
		if want := s.histogram(f, h); h.Estimated || !slices.Equal(h.Bars, want) {
			t.Fatalf("%s, %+v: %v from %s to %s (estimated: %v), want %v", when, f, h.Bars, h.Since, h.Until, h.Estimated, want)
		}
		counted += sum(h.Bars)
	}
	if counted < 1000 {
		t.Errorf("%s: %d records were counted in all, which tells too little", when, counted)
	}
}

func sum(bars []int64) (n int64) {
	for _, bar := range bars {
		n += bar
	}
	return n
}

// all is the filter without a bound.
func all(f sallyport.RecordFilter) sallyport.RecordFilter {
	f.Limit = math.MaxInt
	return f
}

// A histogram counts the same without the index, with it, as far as it reaches,
// and without records that are removed.
func testHistogram(t *testing.T, db *store.DB) {
	newTrailToSearch(t, db, 300) // of somebody else
	s := newTrailToSearch(t, db, 1900)
	s.checkHistograms(t, "not indexed")
	index(t, db)
	s.checkHistograms(t, "indexed")
	s.write(t, 100)
	s.checkHistograms(t, "not all indexed")
	s.bury(t, 0, 600)
	for s.removeSome(t) {
	}
	for _, f := range []sallyport.RecordFilter{{}, {Action: "login"}, {Phase: "event", Resource: "key/1"}} {
		h, err := db.RecordHistogram(t.Context(), s.org, f, 7)
		ok(t, err)
		// Which bar the first ones are in is not known, as those before them are gone.
		if got, want := sum(h.Bars), int64(len(s.want(all(f)))); h.Estimated || got != want {
			t.Errorf("shortened, %+v: %d records in %+v, want %d", f, got, h, want)
		}
	}

	h, err := db.RecordHistogram(t.Context(), s.org, sallyport.RecordFilter{Address: "192.0.2.1"}, 5)
	ok(t, err)
	if want := s.histogram(sallyport.RecordFilter{Address: "192.0.2.1"}, h); h.Estimated || !slices.Equal(h.Bars, want) || slices.Max(want) == 0 {
		t.Errorf("of an address: %+v, want %v", h, want)
	}
	empty, err := db.RecordHistogram(t.Context(), "nobody", sallyport.RecordFilter{Action: "login"}, 3)
	ok(t, err)
	if !slices.Equal(empty.Bars, []int64{0, 0, 0}) {
		t.Errorf("of no trail: %+v", empty)
	}
}

// A page of SearchRecords may end early and is gone on with: together the pages
// have what one search has that reads as much as it takes, in both directions.
func testSearchInPages(t *testing.T, db *store.DB) {
	s := newTrailToSearch(t, db, 1200)
	index(t, db)
	s.write(t, 300)
	early := 0
	for _, rising := range []bool{false, true} {
		for _, f := range []sallyport.RecordFilter{
			{Address: "192.0.2.2"}, {Address: "192.0.2.2", Action: "chat.completions"}, {Action: "login", Phase: "outcome"}, {},
		} {
			want := s.want(all(f))
			f.Rising, f.Limit, f.ScanMax = rising, 40, 100
			got, ended := s.pages(t, f, func() {})
			early += ended
			if rising {
				slices.Reverse(got)
			}
			if !slices.Equal(got, want) || len(want) < 10 {
				t.Errorf("rising %v, %+v: found %v in pages, want %v", rising, f, got, want)
			}
		}
	}
	if early < 10 {
		t.Errorf("%d pages ended early, which tells too little", early)
	}
}

// pages searches page by page, as who reads on does, and returns what was found in
// that order, and how many pages ended early. between is called after each page.
func (s *trailToSearch) pages(t *testing.T, f sallyport.RecordFilter, between func()) (got []int64, early int) {
	t.Helper()
	for range 1000 {
		found, err := s.db.SearchRecords(t.Context(), s.org, f)
		ok(t, err)
		next := found.Searched
		var seqs []int64
		for _, r := range found.Records {
			seqs = append(seqs, r.Seq)
		}
		if f.Rising {
			slices.Reverse(seqs)
		}
		got = append(got, seqs...)
		switch {
		case next > 0:
			early++
		case len(seqs) < f.Limit:
			return got, early
		default:
			next = seqs[len(seqs)-1]
		}
		if f.Rising {
			f.After = next
		} else {
			f.Before = next
		}
		between()
	}
	t.Fatalf("%+v: the pages do not end", f)
	return nil, 0
}

// While records are added, entered into the index and removed, pages repeat no
// record, and skip none that was there all the while.
func testPagesOfMovingTrail(t *testing.T, db *store.DB) {
	s := newTrailToSearch(t, db, 1900)
	index(t, db)
	for last := int64(150); last <= 1500; last += 150 {
		s.bury(t, last-150, last)
		f := s.filter()
		f.Call, f.Event, f.Before, f.After, f.Until = "", "", 0, 0, time.Time{}
		f.Limit, f.ScanMax = 20+s.rng.IntN(20), int64(100+s.rng.IntN(400))
		if s.rng.IntN(2) == 0 {
			f = sallyport.RecordFilter{Request: requestOfCall(t, s), Limit: 1 + s.rng.IntN(5), ScanMax: int64(20 + s.rng.IntN(40))}
		}
		before := s.want(all(f))
		pages := 0
		got, _ := s.pages(t, f, func() {
			switch pages++; pages {
			case 1:
				s.write(t, 40)
			case 2:
				s.removeSome(t)
			case 3:
				index(t, db)
			}
		})
		still := s.want(all(f))
		for _, seq := range before {
			if slices.Contains(still, seq) && !slices.Contains(got, seq) {
				t.Errorf("%+v: record %d is on no page", f, seq)
			}
		}
		slices.Sort(got)
		if once := slices.Compact(slices.Clone(got)); len(once) < len(got) {
			t.Errorf("%+v: records are on two pages: %v", f, got)
		}
		for s.removeSome(t) {
		}
	}
}

// requestOfCall is a request whose call has ended.
func requestOfCall(t *testing.T, s *trailToSearch) string {
	t.Helper()
	begun := make(map[string]bool)
	for _, r := range s.records[len(s.records)/2:] {
		if r.RequestID != "" && begun[r.RequestID] {
			return r.RequestID
		}
		begun[r.RequestID] = true
	}
	t.Fatal("no call has ended")
	return ""
}
