package sink

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/journal"
	"github.com/sallyport-ai/sallyport/internal/store"
	"github.com/sallyport-ai/sallyport/internal/store/storetest"
)

// house is a real database with a trail, and a clock that Wait moves.
type house struct {
	db  *store.DB
	org sallyport.OrgID
	ids []string // of all records of org, in their order

	mu    sync.Mutex
	now   time.Time
	waits []time.Duration
}

func newHouse(t *testing.T, records int) *house {
	t.Helper()
	db, err := store.Open(t.Context(), store.Options{URL: storetest.SQLiteURL(t), Durability: store.Relaxed})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	h := &house{db: db, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	h.org = storetest.NewOrg(t, h.db)
	h.add(t, records-1) // the organisation is the first
	return h
}

func (h *house) add(t *testing.T, n int) {
	t.Helper()
	for from := 0; from < n; from += 250 {
		var entries []journal.Entry
		for range min(250, n-from) {
			r := storetest.Event("key.create")
			r.Source = sallyport.Source{IP: "192.0.2.7", UserAgent: "curl/8"}
			entries = append(entries, journal.Entry{Org: h.org, Record: r})
		}
		if _, err := h.db.CommitBatch(t.Context(), journal.BatchID(storetest.NewID()), entries); err != nil {
			t.Fatal(err)
		}
	}
	h.read(t)
}

// read reads which records there are.
func (h *house) read(t *testing.T) {
	t.Helper()
	all, err := h.db.Records(t.Context(), h.org, 0, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	h.ids = nil
	for _, r := range all {
		h.ids = append(h.ids, itemOf(r).Record.EventID)
	}
}

func (h *house) clock() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *house) wait(ctx context.Context, d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
	h.waits = append(h.waits, d)
}

func (h *house) follower(t *testing.T, c Config) *Follower {
	t.Helper()
	c.Name, c.Org = "siem", h.org
	f, err := New(c, Options{
		Store: h.db, Holder: "me", Version: "1.0", Now: h.clock, Log: slog.New(slog.DiscardHandler), Wait: h.wait, Event: h.event,
	})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// event is a record of what happens to a sink.
func (h *house) event(_ sallyport.OrgID, action, resource string, change any) sallyport.Record {
	r := storetest.Event(action)
	r.Time, r.Resource = h.clock(), resource
	r.Change, _ = json.Marshal(change)
	return r
}

// lag is how many records of the trail the sink has not got.
func (h *house) lag(t *testing.T) int64 {
	t.Helper()
	trails, err := h.db.SinkTrails(t.Context(), "siem", h.org)
	if err != nil || len(trails) != 1 {
		t.Fatalf("%+v %v", trails, err)
	}
	return trails[0].Head - trails[0].Done
}

// turnsMax is far more than any of these tests needs.
const turnsMax = 1000

// drain lets the follower work until the sink has everything.
func (h *house) drain(t *testing.T, f *Follower) {
	t.Helper()
	for range turnsMax {
		if h.lag(t) == 0 {
			return
		}
		if d := f.turn(t.Context()); d > 0 {
			h.wait(t.Context(), d)
		}
	}
	t.Fatalf("%d records are still missing: %v", h.lag(t), f.failures)
}

// got fails the test unless every record is there, in order but for repeats.
func (h *house) got(t *testing.T, ids []string) {
	t.Helper()
	seen := make(map[string]bool)
	var once []string
	for _, id := range ids {
		if !seen[id] {
			seen[id] = true
			once = append(once, id)
		}
	}
	if !slices.Equal(once, h.ids) {
		t.Errorf("got %d different records of %d, or in another order", len(once), len(h.ids))
	}
}

// idsOf reads event ids of lines of JSON.
func idsOf(t *testing.T, text string) (ids []string) {
	t.Helper()
	for line := range strings.Lines(text) {
		var r sallyport.Record
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Errorf("line %.80q: %v", line, err)
		}
		ids = append(ids, r.EventID)
	}
	return ids
}

func TestFile(t *testing.T) {
	t.Parallel()
	h := newHouse(t, 1200)
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	f := h.follower(t, Config{Type: File, Path: path})
	if err := os.WriteFile(path, []byte(strings.Repeat("x", 100_000)), 0o600); err != nil { // a line of somebody who died
		t.Fatal(err)
	}
	h.drain(t, f)
	h.add(t, 10)
	h.drain(t, f)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	ids := idsOf(t, string(text))
	h.got(t, ids)
	if len(ids) != 1210 {
		t.Errorf("%d lines, want each of 1210 records once", len(ids))
	}

	// Killed after a batch was written, half-way through the next one, and before
	// the cursor was stored: the rest comes, and nothing is torn.
	whole := strings.SplitAfter(string(text), "\n")
	if err := os.WriteFile(path, []byte(strings.Join(whole[:700], "")+whole[700][:50]), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := h.db.RewindSink(t.Context(), "siem", h.org, 500, storetest.Event("sink.replay")); err != nil {
		t.Fatal(err)
	}
	h.read(t)
	h.drain(t, f)
	text, err = os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	h.got(t, idsOf(t, string(text)))
}

func TestFailuresAreSeenAndWaitedFor(t *testing.T) {
	t.Parallel()
	h := newHouse(t, 3)
	folder := filepath.Join(t.TempDir(), "gone")
	f := h.follower(t, Config{Type: File, Path: filepath.Join(folder, "audit.jsonl")})
	for range 12 {
		h.wait(t.Context(), f.turn(t.Context()))
	}
	want := []time.Duration{1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300}
	for i := range want {
		want[i] *= time.Second
	}
	if !slices.Equal(h.waits, want) {
		t.Errorf("waited %v, want %v", h.waits, want)
	}
	state := func() sallyport.SinkState {
		states, err := h.db.SinkStates(t.Context())
		if err != nil || len(states) != 1 {
			t.Fatalf("%+v %v", states, err)
		}
		return states[0]
	}
	if s := state(); s.Failures != 12 || !strings.Contains(s.Error, "no such file") || !s.Next.Equal(h.now) || h.lag(t) != 3 {
		t.Errorf("state is %+v with %d records waiting", s, h.lag(t))
	}
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	h.drain(t, f)
	if s := state(); s.Failures != 0 || s.Error != "" || !s.Next.IsZero() {
		t.Errorf("after it recovered the state is %+v", s)
	}
}

// Two processes: one delivers, the other takes over when the first is gone.
func TestOneDelivers(t *testing.T) {
	t.Parallel()
	h := newHouse(t, 3)
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	first, second := h.follower(t, Config{Type: File, Path: path}), h.follower(t, Config{Type: File, Path: path})
	second.o.Holder = "other"
	h.drain(t, first)
	h.add(t, 1)
	if d := second.turn(t.Context()); d != heldPoll || h.lag(t) != 1 {
		t.Errorf("the second waits %v and %d records are left, want %v and 1", d, h.lag(t), heldPoll)
	}
	if held, err := h.db.HoldSink(t.Context(), "siem", "me", 0); err != nil || !held { // its time has run out
		t.Fatal(held, err)
	}
	h.drain(t, second)

	// An orderly end hands over at once.
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	second.Run(ended)
	h.add(t, 1)
	h.drain(t, first)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if ids := idsOf(t, string(text)); len(ids) != 5 {
		t.Errorf("%d lines, want 5", len(ids))
	}
}

// Without an organisation everything is delivered, the instance's trail too.
func TestAllTrails(t *testing.T) {
	t.Parallel()
	h := newHouse(t, 2)
	other := storetest.NewOrg(t, h.db)
	_, err := h.db.CommitBatch(t.Context(), journal.BatchID(storetest.NewID()), []journal.Entry{{Org: sallyport.InstanceOrg, Record: storetest.Event("server.start")}})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	f := h.follower(t, Config{Type: File, Path: path})
	f.cfg.Org = ""
	h.drain(t, f)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, org := range []sallyport.OrgID{h.org, other, sallyport.InstanceOrg} {
		if !strings.Contains(string(text), fmt.Sprintf(`"org_id":"%s"`, org)) {
			t.Errorf("nothing of %s", org)
		}
	}
	if n := strings.Count(string(text), "\n"); n != 4 {
		t.Errorf("%d lines, want 4", n)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		c    Config
		want string
	}{
		"no name":       {Config{Type: File, Path: "x"}, "name"},
		"type":          {Config{Name: "a", Type: "kafka"}, "type"},
		"format":        {Config{Name: "a", Type: File, Path: "x", Format: "leef"}, "format"},
		"no path":       {Config{Name: "a", Type: File}, "path"},
		"path and url":  {Config{Name: "a", Type: File, Path: "x", URL: "http://x"}, "path"},
		"no secret":     {Config{Name: "a", Type: Webhook, URL: "https://x"}, "secret"},
		"no host":       {Config{Name: "a", Type: Webhook, URL: "https:///x", Secret: "s"}, "url"},
		"udp":           {Config{Name: "a", Type: Syslog, URL: "udp://x"}, "url"},
		"not a webhook": {Config{Name: "a", Type: Splunk, URL: "tcp://x", Secret: "s"}, "url"},
	} {
		if err := Check(test.c); err == nil || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("%s: %v, want an error about %s", name, err, test.want)
		}
	}
}
