package sink

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/store/storetest"
)

// anything accepts every request.
func anything(*http.Request, string) string { return "" }

func jsonIDs(body string) []string { return formatIDs(JSON, body) }

// without is the ids of h but for some.
func (h *house) without(dead ...string) []string {
	return slices.DeleteFunc(slices.Clone(h.ids), func(id string) bool { return slices.Contains(dead, id) })
}

// letters are the numbers of the dead letters.
func (h *house) letters(t *testing.T) (seqs []int64) {
	t.Helper()
	letters, err := h.db.DeadLetters(t.Context(), "siem", "", 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range letters {
		if l.EventID == "" || l.Error != "the receiver answered 400" || l.Sink != "siem" {
			t.Errorf("dead letter %+v", l)
		}
		seqs = append(seqs, l.Seq)
	}
	return seqs
}

// A receiver that refuses some records for ever gets all others, in order; each
// that it refuses is noted and told in the trail.
func TestRefusedForEver(t *testing.T) {
	t.Parallel()
	h := newHouse(t, 1300)
	s := startSIEM(t, anything, jsonIDs)
	dead := []string{h.ids[0], h.ids[611], h.ids[612], h.ids[1298]}
	s.refuses = func(ids []string) bool {
		return slices.ContainsFunc(ids, func(id string) bool { return slices.Contains(dead, id) })
	}
	f := h.follower(t, Config{Type: Webhook, URL: s.URL, Secret: "hush"})
	h.drain(t, f)
	h.read(t)
	ids, _ := s.told()
	if want := h.without(dead...); !slices.Equal(ids, want) {
		t.Errorf("got %d records, want %d in order and each once", len(ids), len(want))
	}
	if got := h.letters(t); !slices.Equal(got, []int64{1, 612, 613, 1299}) {
		t.Errorf("dead letters are %v", got)
	}
	told, err := h.db.FindRecords(t.Context(), h.org, sallyport.RecordFilter{Action: deadLetter})
	if err != nil || len(told) != 4 || !strings.Contains(string(told[3].Body), dead[0]) || !strings.Contains(string(told[3].Body), "sink/siem") {
		t.Errorf("the trail tells of %d dead letters, %v", len(told), err)
	}
	if s.refused > 120 {
		t.Errorf("the receiver was asked for what it refuses %d times", s.refused)
	}

	// Once the receiver takes them, they are sent again by going back.
	s.mu.Lock()
	s.refuses, s.ids = nil, nil
	s.mu.Unlock()
	if err := h.db.RewindSink(t.Context(), "siem", h.org, 0, h.event("", "sink.replay", "sink/siem", nil)); err != nil {
		t.Fatal(err)
	}
	h.drain(t, f)
	h.read(t)
	ids, _ = s.told()
	h.got(t, ids)
	if got := h.letters(t); len(got) != 0 {
		t.Errorf("dead letters are %v after all was taken", got)
	}
}

// A receiver that refuses everything is set up wrongly: nothing is left out,
// however long it takes to set it right.
func TestRefusesEverything(t *testing.T) {
	t.Parallel()
	h := newHouse(t, 30)
	s := startSIEM(t, anything, jsonIDs)
	s.refuses = func([]string) bool { return true }
	f := h.follower(t, Config{Type: Webhook, URL: s.URL, Secret: "hush"})
	for from := h.clock(); h.clock().Sub(from) < time.Hour; {
		h.wait(t.Context(), f.turn(t.Context()))
	}
	states, err := h.db.SinkStates(t.Context())
	if err != nil || len(states) != 1 || states[0].Failures < 15 || !strings.Contains(states[0].Error, "record 1 of") {
		t.Errorf("state is %+v %v", states, err)
	}
	if got := h.letters(t); len(got) != 0 || h.lag(t) != 30 {
		t.Errorf("dead letters %v, %d records wait, want none and 30", got, h.lag(t))
	}
	s.mu.Lock()
	s.refuses = nil
	s.mu.Unlock()
	h.drain(t, f)
	ids, _ := s.told()
	h.got(t, ids)
	states, err = h.db.SinkStates(t.Context())
	if err != nil || states[0].Failures != 0 || states[0].Error != "" {
		t.Errorf("after it takes records the state is %+v %v", states, err)
	}
}

// A trail whose last record is refused keeps no other waiting, and as others
// were taken meanwhile that one is a dead letter. So is a record of a dead
// letter, of which nothing more is told.
func TestRefusedBesideOthers(t *testing.T) {
	t.Parallel()
	h := newHouse(t, 3)
	other := storetest.NewOrg(t, h.db)
	s := startSIEM(t, anything, jsonIDs)
	s.refuses = func(ids []string) bool {
		for _, id := range ids {
			if slices.Contains(h.ids, id) {
				return true
			}
		}
		return false
	}
	f := h.follower(t, Config{Type: Webhook, URL: s.URL, Secret: "hush"})
	f.cfg.Org = ""
	turn := func(n int) {
		for range n {
			h.wait(t.Context(), f.turn(t.Context()))
		}
	}
	turn(1)
	if ids, _ := s.told(); len(ids) != 1 {
		t.Errorf("the other organisation got %d of its records delivered in the first turn, want 1", len(ids))
	}
	turn(100)
	if got := h.letters(t); len(got) != 0 {
		t.Errorf("dead letters are %v before the receiver has shown that it takes others since", got)
	}
	if err := h.db.AddRecord(t.Context(), other, storetest.Event("key.create")); err != nil {
		t.Fatal(err)
	}
	h.drain(t, f)
	if got := h.letters(t); !slices.Equal(got, []int64{1, 2, 3}) {
		t.Errorf("dead letters are %v, want the first three", got)
	}

	// The records that tell of them are refused too.
	h.read(t)
	before := len(h.ids)
	if err := h.db.RewindSink(t.Context(), "siem", h.org, 3, storetest.Event("sink.replay")); err != nil {
		t.Fatal(err)
	}
	turn(100)
	if err := h.db.AddRecord(t.Context(), other, storetest.Event("key.create")); err != nil {
		t.Fatal(err)
	}
	turn(100)
	h.read(t)
	if len(h.ids) != before+1 {
		t.Errorf("the trail has grown from %d to %d records: dead letters breed", before, len(h.ids))
	}
}

// Who goes back while records are on their way is not overruled by their arrival.
func TestRewindBesideDelivery(t *testing.T) {
	t.Parallel()
	h := newHouse(t, 20)
	back := false
	s := startSIEM(t, func(*http.Request, string) string {
		if !back {
			return ""
		}
		back = false
		if err := h.db.RewindSink(t.Context(), "siem", h.org, 5, storetest.Event("sink.replay")); err != nil {
			return err.Error()
		}
		return ""
	}, jsonIDs)
	f := h.follower(t, Config{Type: Webhook, URL: s.URL, Secret: "hush"})
	h.drain(t, f)
	h.add(t, 10)
	s.mu.Lock()
	back = true
	s.mu.Unlock()
	if f.turn(t.Context()); h.lag(t) != 26 {
		t.Errorf("%d records wait, want all behind the fifth: 26", h.lag(t))
	}
	h.drain(t, f)
	h.read(t)
	ids, bad := s.told()
	if again := ids[len(ids)-26:]; len(bad) > 0 || !slices.Equal(again, h.ids[5:]) {
		t.Errorf("got %d records after it went back, want 26; %q", len(again), bad)
	}
}

// When records wait for an hour, the instance's trail is told, once; and when
// they do not any more.
func TestBehind(t *testing.T) {
	t.Parallel()
	h := newHouse(t, 5)
	h.wait(t.Context(), time.Since(h.clock())) // these are the times of the records
	s := startSIEM(t, anything, jsonIDs)
	s.refuses = func([]string) bool { return true }
	f := h.follower(t, Config{Type: Webhook, URL: s.URL, Secret: "hush"})
	told := func() (actions []string) {
		records, err := h.db.Records(t.Context(), sallyport.InstanceOrg, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range records {
			actions = append(actions, itemOf(r).Record.Action)
		}
		return actions
	}
	for from := h.clock(); h.clock().Sub(from) < 2*time.Hour; {
		h.wait(t.Context(), f.turn(t.Context()))
	}
	if got := told(); !slices.Equal(got, []string{"sink.behind"}) {
		t.Errorf("told %v", got)
	}
	s.mu.Lock()
	s.refuses = nil
	s.mu.Unlock()
	h.drain(t, f)
	h.wait(t.Context(), lookEvery)
	f.turn(t.Context())
	if got := told(); !slices.Equal(got, []string{"sink.behind", "sink.caught_up"}) {
		t.Errorf("told %v", got)
	}
}
